//! What only the owner of the machine does, through the socket that only the owner can open.

use crate::cli::{Served, json_of, run};
use crate::support::{PASSWORD, TestServer, logging_in, with_token};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use castle::v1;
use castle::v1::host_service_client::HostServiceClient;
use castle_server::store::backup;
use serde_json::Value;
use tempfile::TempDir;
use tonic::transport::Channel;
use tonic::{Code, Status};

async fn on_the_socket(server: &TestServer) -> HostServiceClient<Channel> {
    HostServiceClient::new(castle_server::admin::running(server.data_dir()).await.unwrap())
}

/// `kid` of an access token.
fn kid(token: &str) -> String {
    let header = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice::<serde_json::Value>(&header).unwrap()["kid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_owners_service_is_on_the_socket_and_nowhere_else() {
    let server = TestServer::start().await;
    let code = |refused: Status| refused.code();
    let mut outside = HostServiceClient::new(server.channel().await);
    let refused = [
        outside.get_status(v1::GetStatusRequest {}).await.map(drop).map_err(code),
        outside.list_signing_keys(v1::ListSigningKeysRequest {}).await.map(drop).map_err(code),
        outside.rotate_signing_key(v1::RotateSigningKeyRequest::default()).await.map(drop).map_err(code),
        outside.backup(v1::BackupRequest {}).await.map(drop).map_err(code),
    ];
    assert_eq!(refused, [Err(Code::Unimplemented); 4]);
    let mut inside = on_the_socket(&server).await;
    let status = inside.get_status(v1::GetStatusRequest {}).await.unwrap().into_inner();
    assert_eq!(status.grpc, server.listening.grpc.to_string());
    assert_eq!(status.public_url, server.listening.url.to_string());
    assert_eq!((status.sessions, status.calls, status.waiting), (0, 0, 0));
    assert!(!status.version.is_empty() && status.started_at.is_some());
    assert!(!status.ice_servers.unwrap().servers.is_empty());
}

#[tokio::test]
async fn a_new_key_signs_at_once_and_old_tokens_stay_good() {
    let server = TestServer::start().await;
    let guest = server.guest("alice").await;
    let old = guest.tokens.access_token.clone();
    let mut host = on_the_socket(&server).await;
    let made = host
        .rotate_signing_key(v1::RotateSigningKeyRequest::default())
        .await
        .unwrap()
        .into_inner()
        .key
        .unwrap();
    let login = guest.client.clone().login(logging_in("alice", PASSWORD)).await.unwrap().into_inner();
    let new = login.tokens.unwrap().access_token;
    assert_eq!(kid(&new), made.key_id);
    let keys = host.list_signing_keys(v1::ListSigningKeysRequest {}).await.unwrap().into_inner().keys;
    assert_eq!([&keys[0].key_id, &keys[1].key_id], [&made.key_id, &kid(&old)]);
    assert_eq!((keys.len(), keys[0].signs, keys[1].signs), (2, true, false));
    assert!(keys[0].verifies_until.is_none() && keys[1].verifies_until.is_some());
    let server = server.stop().await.start().await;
    for token in [&old, &new] {
        let asked = with_token(v1::GetIceServersRequest {}, token);
        assert!(server.client().await.get_ice_servers(asked).await.is_ok(), "also after a restart");
    }
}

#[tokio::test]
async fn a_backup_comes_in_pieces_that_make_a_whole() {
    let server = TestServer::start().await;
    server.guest("alice").await;
    let mut pieces = on_the_socket(&server).await.backup(v1::BackupRequest {}).await.unwrap().into_inner();
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.message().await.unwrap() {
        assert!((1..=64 * 1024).contains(&piece.data.len()));
        bytes.extend(piece.data);
    }
    let backup = backup::read(&bytes).unwrap();
    assert!(backup.rows.iter().any(|row| row.table == b"names" && row.key == b"alice"));
    let left = std::fs::read_dir(server.data_dir().join("store")).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(!left.iter().any(|name| name.starts_with("copy-")), "{left:?}");
}

#[tokio::test]
async fn keys_are_listed_and_rotated_with_a_server_and_without() {
    let home = TempDir::new().unwrap();
    let key = |act: &str| json_of(&run(home.path(), &["key", act, "--data-dir", "data", "--json"]));
    let served = Served::start(home.path());
    let first = key("list")[0]["id"].as_str().unwrap().to_owned();
    let second = key("rotate");
    assert_eq!((second["signs"].as_bool(), second["verifies_until"].is_null()), (Some(true), true));
    assert_eq!(served.terminate().code(), Some(0));
    let third = key("rotate");
    let listed = key("list");
    let ids: Vec<_> = (0..3).map(|n| listed[n]["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [third["id"].as_str().unwrap(), second["id"].as_str().unwrap(), &first]);
    assert!(listed[1]["verifies_until"].is_string() && listed[2]["verifies_until"].is_string());
    json_of(&run(home.path(), &["backup", "--data-dir", "data", "--json", "kept.castle"]));
    let log = json_of(&run(home.path(), &["audit", "list", "--data-dir", "data", "--json"]));
    let acts: Vec<_> = (0..3).map(|n| [&log[n]["action"], &log[n]["target"], &log[n]["actor"]]).collect();
    let rotated = Value::from("RotateSigningKey");
    assert_eq!(acts[0], [&Value::from("Backup"), &Value::from(""), &Value::Null]);
    assert_eq!(acts[1..], [&third, &second].map(|key| [&rotated, &key["id"], &Value::Null]));
}

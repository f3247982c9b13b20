//! Requests that are sent again under their id, since an answer was lost: answered as the first time, and done once.

use crate::support::{PASSWORD, TestServer, logging_in, refusal, with_token};
use castle::v1;
use castle::v1::admin_service_client::AdminServiceClient;
use castle::v1::host_service_client::HostServiceClient;
use castle_server::admin::running;
use tonic::transport::Channel;

const NEW_PASSWORD: &str = "staple of another horse";

async fn socket(server: &TestServer) -> Channel {
    running(server.data_dir()).await.expect("the socket is there")
}

fn for_guest(name: &str, request_id: &str) -> v1::CreateResetCodeRequest {
    let account = Some(v1::account_ref::Account::Name(name.to_owned()));
    v1::CreateResetCodeRequest {
        account: Some(v1::AccountRef { account }),
        request_id: request_id.to_owned(),
    }
}

fn resetting(code: &str, request_id: &str) -> v1::ResetPasswordRequest {
    v1::ResetPasswordRequest {
        name: "alice".to_owned(),
        code: code.to_owned(),
        new_password: NEW_PASSWORD.to_owned(),
        device_name: "phone".to_owned(),
        request_id: request_id.to_owned(),
    }
}

#[tokio::test]
async fn a_code_for_a_new_password_is_the_same_for_a_repeat_also_after_a_restart() {
    let server = TestServer::start().await;
    for name in ["alice", "bob"] {
        server.guest(name).await;
    }
    let mut host = AdminServiceClient::new(socket(&server).await);
    let first = host.create_reset_code(for_guest("alice", "r")).await.unwrap().into_inner();
    let again = host.create_reset_code(for_guest("alice", "r")).await.unwrap().into_inner();
    assert_eq!(again, first);
    assert_eq!(refusal(host.create_reset_code(for_guest("bob", "r")).await).0, "REQUEST_ID_REUSED");
    let server = server.stop().await.start().await;
    let mut host = AdminServiceClient::new(socket(&server).await);
    let again = host.create_reset_code(for_guest("alice", "r")).await.unwrap().into_inner();
    assert_eq!(again, first, "it follows from what is kept");
    let mut audited =
        host.list_audit_entries(v1::ListAuditEntriesRequest::default()).await.unwrap().into_inner();
    audited.entries.retain(|entry| entry.action == "CreateResetCode");
    assert_eq!(audited.entries.len(), 1, "done once");
    assert!(server.client().await.reset_password(resetting(&first.code, "")).await.is_ok(), "and it is good");
    let unnamed = async || {
        AdminServiceClient::new(socket(&server).await)
            .create_reset_code(for_guest("alice", ""))
            .await
            .unwrap()
            .into_inner()
            .code
    };
    assert_ne!(unnamed().await, unnamed().await, "without an id each is another");
}

#[tokio::test]
async fn a_new_password_is_set_once_and_a_repeat_gets_the_same_login() {
    let server = TestServer::start().await;
    let alice = server.guest("alice").await;
    let code = server.reset_code(&alice.guest).await;
    let mut client = server.client().await;
    let first = client.reset_password(resetting(&code, "r")).await.unwrap().into_inner().tokens.unwrap();
    let again = client.reset_password(resetting(&code, "r")).await.unwrap().into_inner().tokens.unwrap();
    assert_eq!(again.refresh_token, first.refresh_token);
    assert_eq!(again.device_token, first.device_token);
    let listing = with_token(v1::ListDevicesRequest::default(), &again.access_token);
    assert_eq!(client.list_devices(listing).await.unwrap().into_inner().devices.len(), 1, "one login");
    let other = v1::ResetPasswordRequest { new_password: PASSWORD.to_owned(), ..resetting(&code, "r") };
    assert_eq!(refusal(client.reset_password(other).await).0, "REQUEST_ID_REUSED", "another password");
    let other = v1::ResetPasswordRequest { device_name: "tablet".to_owned(), ..resetting(&code, "r") };
    assert_eq!(refusal(client.reset_password(other).await).0, "REQUEST_ID_REUSED", "another device");
    for guess in ["AAAA-AAAA-AAAA-AAAA", "BBBB-BBBB-BBBB-BBBB"] {
        let before = server.hashes_done();
        let refused = refusal(client.reset_password(resetting(guess, "r")).await).0;
        assert_eq!(refused, "BAD_CREDENTIALS", "who has no code is not told that the id was used");
        assert_eq!(server.hashes_done() - before, 1, "equal work");
    }
    let refresh = |refresh_token: &str| v1::RefreshRequest {
        refresh_token: refresh_token.to_owned(),
        request_id: String::new(),
    };
    assert!(client.refresh(refresh(&again.refresh_token)).await.is_ok(), "the token of the repeat is good");
    assert!(client.login(logging_in("alice", NEW_PASSWORD)).await.is_ok());
    client.logout(with_token(v1::LogoutRequest {}, &again.access_token)).await.unwrap();
    assert_eq!(refusal(client.reset_password(resetting(&code, "r")).await).0, "LOGIN_ENDED");
}

#[tokio::test]
async fn keys_are_rotated_once_for_one_id() {
    let server = TestServer::start().await;
    let mut host = HostServiceClient::new(socket(&server).await);
    let rotate = |id: &str| v1::RotateSigningKeyRequest { request_id: id.to_owned() };
    let first = host.rotate_signing_key(rotate("r")).await.unwrap().into_inner();
    let again = host.rotate_signing_key(rotate("r")).await.unwrap().into_inner();
    assert_eq!(again, first);
    let listed = async |host: &mut HostServiceClient<Channel>| {
        let asked = v1::ListSigningKeysRequest {};
        let keys = host.list_signing_keys(asked).await.unwrap().into_inner().keys;
        keys.into_iter().map(|key| key.key_id).collect::<Vec<_>>()
    };
    let keys = listed(&mut host).await;
    assert_eq!((keys.len(), &keys[0]), (2, &first.key.as_ref().unwrap().key_id));
    let server = server.stop().await.start().await;
    let mut host = HostServiceClient::new(socket(&server).await);
    assert_eq!(host.rotate_signing_key(rotate("r")).await.unwrap().into_inner(), first, "after a restart");
    assert_eq!(listed(&mut host).await, keys);
    assert!(host.rotate_signing_key(rotate("s")).await.unwrap().into_inner() != first);
    assert_eq!(listed(&mut host).await.len(), 3);
}

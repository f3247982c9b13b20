//! Registering, logging in, refreshing: what works, and the exact reason of each refusal.

use crate::support::{
    PASSWORD, StoppedServer, TestServer, fields_at_fault, logging_in, reason, refusal, registering,
    with_token,
};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use castle::ids::LoginId;
use castle::v1;
use castle_server::store::sled::SledStore;
use castle_server::store::{AccountStore as _, KeyStore as _};
use castle_server::token::{ACCESS_TTL, AccessSigner};
use std::time::{Duration, SystemTime};
use tokio_util::sync::CancellationToken;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

fn ice_request() -> v1::GetIceServersRequest {
    v1::GetIceServersRequest::default()
}

#[tokio::test]
async fn a_guest_registers_and_is_given_all_they_need() {
    let server = TestServer::start().await;
    let mut guest = server.guest("Alice").await;
    assert_eq!(guest.guest.name, "alice");
    assert_eq!(guest.guest.display_name, "alice");
    assert!(guest.guest.guest_id.starts_with("gst_"));
    let request = guest.asks(ice_request());
    let servers = guest.client.get_ice_servers(request).await.unwrap().into_inner().ice_servers.unwrap();
    let port = server.listening.turn[0].port();
    let urls: Vec<String> = servers.servers.iter().flat_map(|server| server.urls.clone()).collect();
    let turn = ["udp", "tcp"].map(|way| format!("turn:127.0.0.1:{port}?transport={way}"));
    assert_eq!(urls, [vec![format!("stun:127.0.0.1:{port}")], turn.to_vec()].concat());
    assert!(!servers.servers[1].username.contains("alice"));
    server.stop().await;
}

#[tokio::test]
async fn registering_again_with_the_right_password_logs_in_and_spends_nothing() {
    let server = TestServer::start().await;
    let code = server.invite(2).await;
    let mut client = server.client().await;
    let request = v1::RegisterRequest { invitation_code: code.clone(), ..registering("alice") };
    let first = client.register(request.clone()).await.unwrap().into_inner();
    let again = client.register(request.clone()).await.unwrap().into_inner();
    assert_eq!(first.guest, again.guest);
    let other = v1::RegisterRequest { name: "bob".to_owned(), ..request.clone() };
    assert!(client.register(other).await.is_ok(), "the second use is still there");
    let third = v1::RegisterRequest { name: "carol".to_owned(), ..request };
    let refused = client.register(third).await;
    assert_eq!(refusal(refused), ("INVITATION_SPENT".to_owned(), Code::FailedPrecondition));
}

#[tokio::test]
async fn invitations_that_are_not_good_say_why() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let unknown = v1::RegisterRequest { invitation_code: "AAAA-AAAA".to_owned(), ..registering("alice") };
    assert_eq!(refusal(client.register(unknown).await), ("INVITATION_UNKNOWN".to_owned(), Code::NotFound));
    let good_for = Duration::from_millis(1);
    let code = server.invite_for(1, good_for).await;
    tokio::time::sleep(good_for * 2).await; // until it has expired for certain
    let expired = v1::RegisterRequest { invitation_code: code, ..registering("alice") };
    assert_eq!(
        refusal(client.register(expired).await),
        ("INVITATION_EXPIRED".to_owned(), Code::FailedPrecondition)
    );
}

#[tokio::test]
async fn a_taken_name_is_taken_in_every_spelling() {
    let server = TestServer::start().await;
    let alice = server.guest("alice").await;
    let mut client = alice.client;
    for spelling in ["alice", "ALICE", "Alice", "ａｌｉｃｅ"] {
        let request = v1::RegisterRequest {
            invitation_code: server.invite(1).await,
            password: "another password".to_owned(),
            ..registering(spelling)
        };
        let refused = refusal(client.register(request).await);
        assert_eq!(refused, ("NAME_TAKEN".to_owned(), Code::AlreadyExists), "{spelling}");
    }
    for spelling in ["alice ", " alice", "alice\u{200b}"] {
        let request =
            v1::RegisterRequest { invitation_code: server.invite(1).await, ..registering(spelling) };
        assert_eq!(fields_at_fault(client.register(request).await), ["name"], "{spelling:?}");
    }
}

#[tokio::test]
async fn whether_a_name_is_taken_is_not_told_without_an_invitation() {
    let server = TestServer::start().await;
    let mut client = server.guest("alice").await.client;
    for name in ["alice", "nobody"] {
        let before = server.hashes_done();
        let request = v1::RegisterRequest {
            invitation_code: "AAAA-AAAA".to_owned(),
            password: "another password".to_owned(),
            ..registering(name)
        };
        assert_eq!(refusal(client.register(request).await).0, "INVITATION_UNKNOWN", "{name}");
        assert_eq!(server.hashes_done() - before, 1, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_guests_racing_for_the_last_use_one_wins() {
    let server = TestServer::start().await;
    let code = server.invite(1).await;
    let register = |name: &'static str| {
        let request = v1::RegisterRequest { invitation_code: code.clone(), ..registering(name) };
        let client = server.client();
        async move { client.await.register(request).await }
    };
    let (alice, bob) = tokio::join!(register("alice"), register("bob"));
    let mut reasons: Vec<String> =
        [alice, bob].iter().map(|answer| answer.as_ref().map_or_else(reason, |_| "in".to_owned())).collect();
    reasons.sort();
    assert_eq!(reasons, ["INVITATION_SPENT", "in"]);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_are_the_same() {
    let server = TestServer::start().await;
    let mut client = server.guest("alice").await.client;
    let mut answers = Vec::new();
    for name in ["alice", "nobody"] {
        let before = server.hashes_done();
        let status = client.login(logging_in(name, "wrong password")).await.unwrap_err();
        assert_eq!(server.hashes_done() - before, 1, "equal work for {name}");
        answers.push((reason(&status), status.code(), status.message().to_owned()));
    }
    assert_eq!(answers[0].0, "BAD_CREDENTIALS");
    assert_eq!(answers[0].1, Code::Unauthenticated);
    assert_eq!(answers[0], answers[1]);
    assert!(client.login(logging_in("ALICE", PASSWORD)).await.is_ok());
}

#[tokio::test]
async fn several_fields_at_fault_are_named_at_once() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let request = v1::RegisterRequest {
        invitation_code: "x".repeat(65),
        name: "n".repeat(33),
        password: "p".repeat(1025),
        display_name: "d".repeat(65),
        device_name: "d".repeat(65),
        request_id: "r".repeat(65),
    };
    let mut fields = fields_at_fault(client.register(request).await);
    fields.sort();
    let all = ["device_name", "display_name", "invitation_code", "name", "password", "request_id"];
    assert_eq!(fields, all);
    assert_eq!(fields_at_fault(client.login(logging_in("", "short")).await), ["password", "name"]);
}

#[tokio::test]
async fn registration_is_by_invitation_unless_the_host_opens_it() {
    let server = TestServer::start().await;
    let refused = server.client().await.register(registering("alice")).await;
    assert_eq!(refusal(refused), ("INVITATION_REQUIRED".to_owned(), Code::FailedPrecondition));
    let server = server.stop().await.start_with(|config| config.accounts.open_registration = true).await;
    let mut client = server.client().await;
    let alice = client.register(registering("alice")).await.unwrap().into_inner();
    let again = client.register(registering("alice")).await.unwrap().into_inner();
    assert_eq!(alice.guest, again.guest, "a repeat with the right password logs in");
    let other = v1::RegisterRequest { password: "another password".to_owned(), ..registering("Alice") };
    assert_eq!(refusal(client.register(other).await).0, "NAME_TAKEN");
    let invited = v1::RegisterRequest { invitation_code: "AAAA-AAAA".to_owned(), ..registering("bob") };
    assert_eq!(
        refusal(client.register(invited).await).0,
        "INVITATION_UNKNOWN",
        "a code that is given counts"
    );
}

#[tokio::test]
async fn names_that_differ_in_case_alone_are_one_account() {
    let server = TestServer::start_with(|config| config.accounts.open_registration = true).await;
    let mut client = server.client().await;
    for (name, others) in [("fußball", ["FUSSBALL", "fussball"]), ("οδος", ["ΟΔΟΣ", "οδοσ"])] {
        let first = client.register(registering(name)).await.unwrap().into_inner().guest.unwrap();
        assert_eq!(first.name, name);
        for other in others {
            let stranger =
                v1::RegisterRequest { password: "another password".to_owned(), ..registering(other) };
            assert_eq!(refusal(client.register(stranger).await).0, "NAME_TAKEN", "{other}");
            let login = client.login(logging_in(other, PASSWORD)).await.unwrap().into_inner();
            assert_eq!(login.guest, Some(first.clone()), "{other}");
        }
    }
}

#[tokio::test]
async fn a_password_is_hashed_anew_when_what_it_must_cost_has_changed() {
    let server = TestServer::start().await;
    server.guest("alice").await;
    let stopped = server.stop().await;
    let cheap = password_hash_of(&stopped, "alice").await;
    let dearer = |config: &mut castle_server::config::Config| config.accounts.hashing.memory_kib = 128;
    let server = stopped.start_with(dearer).await;
    let mut client = server.client().await;
    let wrong = client.login(logging_in("alice", "a wrong password")).await;
    assert_eq!(refusal(wrong).0, "BAD_CREDENTIALS");
    let login = || server.client();
    let (one, other) =
        tokio::join!(async { login().await.login(logging_in("alice", PASSWORD)).await }, async {
            login().await.login(logging_in("alice", PASSWORD)).await
        },);
    assert!(one.is_ok() && other.is_ok(), "two at once, too: {one:?} {other:?}");
    let before = server.hashes_done();
    client.login(logging_in("alice", PASSWORD)).await.unwrap();
    assert_eq!(server.hashes_done() - before, 1, "once is enough");
    let stopped = server.stop().await;
    let dear = password_hash_of(&stopped, "alice").await;
    assert!(cheap.contains("m=64,") && dear.contains("m=128,"), "{cheap} {dear}");
}

async fn password_hash_of(stopped: &StoppedServer, name: &str) -> String {
    let store = SledStore::open(&stopped.store_dir(), SystemTime::now(), CancellationToken::new()).unwrap();
    store.account_by_name(name).await.unwrap().unwrap().password_hash
}

#[tokio::test]
async fn a_request_over_the_size_of_a_frame_is_refused_and_the_connection_lives() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let refused = client.login(logging_in("alice", &"p".repeat(1_000_000))).await.unwrap_err();
    assert_eq!((reason(&refused).as_str(), refused.code()), ("FRAME_TOO_LARGE", Code::ResourceExhausted));
    assert_eq!(refusal(client.login(logging_in("alice", PASSWORD)).await).0, "BAD_CREDENTIALS");
}

#[tokio::test]
async fn a_refresh_token_is_exchanged_once() {
    let server = TestServer::start().await;
    let guest = server.guest("alice").await;
    let mut client = guest.client.clone();
    let mut refresh = async |token: &str, request_id: &str| {
        let request =
            v1::RefreshRequest { refresh_token: token.to_owned(), request_id: request_id.to_owned() };
        client.refresh(request).await.map(|answer| answer.into_inner().tokens.unwrap())
    };
    let first = refresh(&guest.tokens.refresh_token, "r1").await.unwrap();
    let repeated = refresh(&guest.tokens.refresh_token, "r1").await.unwrap();
    assert_eq!(first.refresh_token, repeated.refresh_token);
    let renamed = refresh(&first.refresh_token, "r1").await;
    assert_eq!(refusal(renamed), ("REQUEST_ID_REUSED".to_owned(), Code::InvalidArgument));
    let second = refresh(&first.refresh_token, "").await.unwrap();
    let reused = refresh(&first.refresh_token, "").await;
    assert_eq!(refusal(reused), ("REFRESH_REUSED".to_owned(), Code::Unauthenticated));
    let revoked = refresh(&second.refresh_token, "").await;
    assert_eq!(refusal(revoked), ("REFRESH_INVALID".to_owned(), Code::Unauthenticated));
    for rubbish in ["", "rubbish", &guest.tokens.access_token[..200]] {
        assert_eq!(refusal(refresh(rubbish, "").await).0, "REFRESH_INVALID", "{rubbish}");
    }
    let ended = guest.client.clone().get_ice_servers(with_token(ice_request(), &second.access_token)).await;
    assert_eq!(refusal(ended).0, "LOGIN_ENDED", "a revoked family does not wait for its access token");
}

/// The signer of a stopped server, by the key in its store.
async fn signer_of(stopped: &StoppedServer) -> AccessSigner {
    let dir = stopped.store_dir();
    let store = SledStore::open(&dir, SystemTime::now(), CancellationToken::new()).unwrap();
    AccessSigner::new(store.signing_keys(SystemTime::now()).await.unwrap())
}

#[tokio::test]
async fn tokens_that_are_not_good_say_why() {
    let server = TestServer::start().await;
    let guest = server.guest("alice").await;
    let token = guest.tokens.access_token;
    let stopped = server.stop().await;
    let signer = signer_of(&stopped).await;
    let access = signer.verify(SystemTime::now(), &token).unwrap();
    let long_ago = SystemTime::now() - ACCESS_TTL;
    let (expired, _) = signer.issue(long_ago, access.guest, access.login, access.role);
    let (of_no_login, _) = signer.issue(SystemTime::now(), access.guest, LoginId::from_bits(1), access.role);
    let server = stopped.start().await;
    let other = TestServer::start().await;
    let foreign = other.guest("alice").await.tokens.access_token;
    let mut client = server.client().await;
    let mut ask = async |token: &str| client.get_ice_servers(with_token(ice_request(), token)).await;
    assert!(ask(&token).await.is_ok(), "a token outlives a restart");
    let [header, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("{token}") };
    let none = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    assert_eq!(refusal(ask(&expired).await), ("TOKEN_EXPIRED".to_owned(), Code::Unauthenticated));
    for bad in [
        foreign,
        format!("{none}.{claims}."),
        format!("{none}.{claims}.{signature}"),
        format!("{header}.{claims}.{}", &signature[1..]),
        token[..token.len() - 5].to_owned(),
        "rubbish".to_owned(),
    ] {
        assert_eq!(refusal(ask(&bad).await), ("TOKEN_INVALID".to_owned(), Code::Unauthenticated), "{bad}");
    }
    assert_eq!(refusal(ask(&of_no_login).await), ("LOGIN_ENDED".to_owned(), Code::Unauthenticated));
    let missing = client.get_ice_servers(ice_request()).await;
    assert_eq!(refusal(missing), ("TOKEN_MISSING".to_owned(), Code::Unauthenticated));
}

#[tokio::test]
async fn guests_are_still_there_after_a_restart() {
    let server = TestServer::start().await;
    let guest = server.guest("alice").await;
    let server = server.stop().await.start().await;
    let mut client = server.client().await;
    let login = client.login(logging_in("alice", PASSWORD)).await.unwrap().into_inner();
    assert_eq!(login.guest, Some(guest.guest));
    let refresh = v1::RefreshRequest { refresh_token: guest.tokens.refresh_token, ..Default::default() };
    assert!(client.refresh(refresh).await.is_ok(), "and their logins");
}

#[tokio::test]
async fn health_is_told_per_service_and_turns_before_the_drain() {
    let server = TestServer::start().await;
    let mut health = HealthClient::new(server.channel().await);
    let request = |service: &str| HealthCheckRequest { service: service.to_owned() };
    for service in ["", "castle.v1.CastleService"] {
        let status = health.check(request(service)).await.unwrap().into_inner().status();
        assert_eq!(status, ServingStatus::Serving, "{service}");
    }
    assert_eq!(health.check(request("no.Such")).await.unwrap_err().code(), Code::NotFound);
    let mut watched = health.watch(request("castle.v1.CastleService")).await.unwrap().into_inner();
    assert_eq!(watched.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    server.begin_drain();
    assert_eq!(watched.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    server.force(); // the watch itself would hold the drain until its deadline
    server.stop().await;
}

#[tokio::test]
async fn reflection_describes_the_service_with_its_comments() {
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
    use tonic_reflection::pb::v1::{ServerReflectionRequest, server_reflection_client};
    let server = TestServer::start().await;
    let mut client: server_reflection_client::ServerReflectionClient<_> =
        ServerReflectionClient::new(server.channel().await);
    let mut ask = async |message: MessageRequest| {
        let request = ServerReflectionRequest { message_request: Some(message), ..Default::default() };
        let mut answers =
            client.server_reflection_info(tokio_stream::once(request)).await.unwrap().into_inner();
        answers.message().await.unwrap().unwrap().message_response.unwrap()
    };
    let MessageResponse::ListServicesResponse(list) = ask(MessageRequest::ListServices(String::new())).await
    else {
        panic!("not a list")
    };
    let mut names: Vec<String> = list.service.into_iter().map(|service| service.name).collect();
    names.sort();
    assert_eq!(names, ["castle.v1.AdminService", "castle.v1.CastleService", "grpc.health.v1.Health"]);
    let symbol = MessageRequest::FileContainingSymbol("castle.v1.CastleService.Register".to_owned());
    let MessageResponse::FileDescriptorResponse(files) = ask(symbol).await else { panic!("no file") };
    let text = String::from_utf8_lossy(&files.file_descriptor_proto[0]).into_owned();
    assert!(text.contains("Makes an account with an invitation and logs it in."), "comments are kept");
}

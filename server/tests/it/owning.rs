//! What guests do with what is theirs: password, display name, devices, export, the account itself.

use crate::signaling::Signal;
use crate::support::{
    Client, PASSWORD, TestGuest, TestServer, logging_in, reason, refusal, registering, with_token,
};
use castle::ids::CallId;
use castle::v1;
use castle::v1::signal_response::Frame as Response;
use castle_server::calls::{EndReason, Route};
use castle_server::store::sled::SledStore;
use castle_server::store::{CallRecord, HistoryStore as _, Part};
use std::time::{Duration, SystemTime};
use tokio_util::sync::CancellationToken;
use tonic::Code;

const NEW_PASSWORD: &str = "staple of another horse";

/// Logs in again, as another device.
async fn device(server: &TestServer, name: &str, password: &str) -> TestGuest {
    let mut client = server.client().await;
    let request = v1::LoginRequest { device_name: "tablet".to_owned(), ..logging_in(name, password) };
    let login = client.login(request).await.expect("logs in").into_inner();
    TestGuest { client, guest: login.guest.unwrap(), tokens: login.tokens.unwrap() }
}

async fn is_live(guest: &TestGuest) -> bool {
    let request = guest.asks(v1::GetIceServersRequest {});
    guest.client.clone().get_ice_servers(request).await.is_ok()
}

fn changing(password: &str, new_password: &str, request_id: &str) -> v1::ChangePasswordRequest {
    v1::ChangePasswordRequest {
        password: password.to_owned(),
        new_password: new_password.to_owned(),
        request_id: request_id.to_owned(),
    }
}

async fn devices(guest: &TestGuest) -> Vec<v1::Device> {
    let request = guest.asks(v1::ListDevicesRequest::default());
    guest.client.clone().list_devices(request).await.unwrap().into_inner().devices
}

#[tokio::test]
async fn a_new_password_ends_every_login_but_the_one_that_set_it() {
    let server = TestServer::start().await;
    let alice = server.guest("alice").await;
    let tablet = device(&server, "alice", PASSWORD).await;
    let mut client = alice.client.clone();
    let wrong = changing("not my password", NEW_PASSWORD, "r0");
    assert_eq!(refusal(client.change_password(alice.asks(wrong)).await).0, "BAD_CREDENTIALS");
    let right = changing(PASSWORD, NEW_PASSWORD, "r1");
    client.change_password(alice.asks(right.clone())).await.unwrap();
    assert!(is_live(&alice).await && !is_live(&tablet).await);
    assert!(client.change_password(alice.asks(right)).await.is_ok(), "a repeat is answered alike");
    let other = changing(NEW_PASSWORD, "yet another password", "r1");
    assert_eq!(refusal(client.change_password(alice.asks(other)).await).0, "REQUEST_ID_REUSED");
    assert_eq!(refusal(client.login(logging_in("alice", PASSWORD)).await).0, "BAD_CREDENTIALS");
    assert!(client.login(logging_in("alice", NEW_PASSWORD)).await.is_ok());
    let refresh = v1::RefreshRequest { refresh_token: tablet.tokens.refresh_token, ..Default::default() };
    assert_eq!(refusal(client.refresh(refresh).await).0, "REFRESH_INVALID");
}

#[tokio::test]
async fn a_stolen_token_does_not_guess_the_password() {
    let server = TestServer::start().await;
    let alice = server.guest("alice").await;
    let mut client = alice.client.clone();
    for n in 0..castle_server::throttle::DEVICE.burst {
        let guess = changing(&format!("guess number {n}"), NEW_PASSWORD, "");
        assert_eq!(refusal(client.change_password(alice.asks(guess)).await).0, "BAD_CREDENTIALS");
    }
    let guess = changing(PASSWORD, NEW_PASSWORD, "");
    let refused = refusal(client.change_password(alice.asks(guess)).await);
    assert_eq!(refused, ("RATE_LIMITED".to_owned(), Code::ResourceExhausted));
    let delete = v1::DeleteAccountRequest { password: PASSWORD.to_owned() };
    assert_eq!(refusal(client.delete_account(alice.asks(delete)).await).0, "RATE_LIMITED");
    assert!(client.login(logging_in("alice", PASSWORD)).await.is_ok(), "the owner comes in elsewhere");
}

#[tokio::test]
async fn a_code_of_the_host_sets_a_new_password_once() {
    let server = TestServer::start().await;
    let alice = server.guest("alice").await;
    let code = server.reset_code(&alice.guest).await;
    let mut client = alice.client.clone();
    let resetting = |name: &str, code: &str| v1::ResetPasswordRequest {
        name: name.to_owned(),
        code: code.to_owned(),
        new_password: NEW_PASSWORD.to_owned(),
        device_name: "phone".to_owned(),
        ..Default::default()
    };
    for (name, code) in [("alice", "AAAA-AAAA-AAAA-AAAA"), ("nobody", code.as_str())] {
        let before = server.hashes_done();
        let refused = refusal(client.reset_password(resetting(name, code)).await);
        assert_eq!(refused, ("BAD_CREDENTIALS".to_owned(), Code::Unauthenticated), "{name}");
        assert_eq!(server.hashes_done() - before, 1, "equal work for {name}");
    }
    assert!(client.login(logging_in("alice", PASSWORD)).await.is_ok(), "the old one is good until then");
    let typed = code.to_lowercase().replace('-', " ");
    let reset = client.reset_password(resetting("Alice", &typed)).await.unwrap().into_inner();
    assert_eq!(reset.guest, Some(alice.guest.clone()));
    assert!(!is_live(&alice).await, "every other login ended");
    let again = client.reset_password(resetting("alice", &code)).await;
    assert_eq!(refusal(again).0, "BAD_CREDENTIALS", "a code is good once");
    assert!(client.login(logging_in("alice", NEW_PASSWORD)).await.is_ok());
    assert_eq!(refusal(client.login(logging_in("alice", PASSWORD)).await).0, "BAD_CREDENTIALS");
}

#[tokio::test]
async fn a_new_display_name_is_seen_at_once() {
    let server = TestServer::start().await;
    let mut alice = server.guest("alice").await;
    let mut bob = server.guest("bob").await;
    let mut own = Signal::open(&mut alice).await;
    let mut others = Signal::open(&mut bob).await;
    let request = v1::SetDisplayNameRequest {
        display_name: "  Alice in the Hall ".to_owned(),
        request_id: "r1".to_owned(),
    };
    let changed = alice.client.set_display_name(alice.asks(request.clone())).await.unwrap().into_inner();
    let guest = changed.guest.unwrap();
    assert_eq!((guest.name.as_str(), guest.display_name.as_str()), ("alice", "Alice in the Hall"));
    let told = own.until(|frame| match &frame.frame {
        Some(Response::SelfUpdate(update)) => update.guest.clone(),
        _ => None,
    });
    assert_eq!(told.await.display_name, "Alice in the Hall");
    let shown = others.until(|frame| match &frame.frame {
        Some(Response::HallDelta(delta)) => delta
            .changed
            .iter()
            .find_map(|row| row.guest.clone().filter(|guest| guest.display_name == "Alice in the Hall")),
        _ => None,
    });
    assert_eq!(shown.await.guest_id, alice.guest.guest_id);
    let other = v1::SetDisplayNameRequest { display_name: "Eve".to_owned(), ..request };
    assert_eq!(refusal(alice.client.set_display_name(alice.asks(other)).await).0, "REQUEST_ID_REUSED");
    let none = v1::SetDisplayNameRequest::default();
    let plain = alice.client.set_display_name(alice.asks(none)).await.unwrap().into_inner();
    assert_eq!(plain.guest.unwrap().display_name, "alice", "empty: the login name");
}

#[tokio::test]
async fn devices_are_listed_newest_first_in_pages() {
    let server = TestServer::start().await;
    let alice = server.guest("alice").await;
    let mut tablets = Vec::new();
    for _ in 0..4 {
        tablets.push(device(&server, "alice", PASSWORD).await);
    }
    let mut client = alice.client.clone();
    let refresh =
        v1::RefreshRequest { refresh_token: alice.tokens.refresh_token.clone(), ..Default::default() };
    client.refresh(refresh).await.unwrap();
    let all = devices(&alice).await;
    assert_eq!(all.len(), 5);
    let place = |device: &v1::Device| {
        let at = device.created_at.unwrap();
        (at.seconds, at.nanos, device.device_id.clone())
    };
    assert!(all.is_sorted_by(|a, b| place(a) > place(b)), "newest first");
    let current: Vec<_> = all.iter().filter(|device| device.current).collect();
    assert_eq!(current.len(), 1);
    let used = |device: &v1::Device| device.last_used_at.map(|at| (at.seconds, at.nanos));
    assert!(used(current[0]) > current[0].created_at.map(|at| (at.seconds, at.nanos)), "it was refreshed");
    assert!(all.iter().any(|device| device.device_name == "tablet"));
    let mut paged = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = alice.asks(v1::ListDevicesRequest { page_size: 2, page_token });
        let page = client.list_devices(request).await.unwrap().into_inner();
        assert!(page.devices.len() <= 2);
        paged.extend(page.devices);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(paged, all);
}

#[tokio::test]
async fn a_guest_ends_their_own_logins_and_nobody_elses() {
    let server = TestServer::start().await;
    let alice = server.guest("alice").await;
    let bob = server.guest("bob").await;
    let tablet = device(&server, "alice", PASSWORD).await;
    let mut client = alice.client.clone();
    let revoking = |device_id: &str, request_id: &str| v1::RevokeDeviceRequest {
        device_id: device_id.to_owned(),
        request_id: request_id.to_owned(),
    };
    let bobs = &devices(&bob).await[0].device_id;
    let refused = refusal(client.revoke_device(alice.asks(revoking(bobs, ""))).await);
    assert_eq!(refused, ("DEVICE_UNKNOWN".to_owned(), Code::NotFound));
    let id = devices(&tablet).await.into_iter().find(|device| device.current).unwrap().device_id;
    client.revoke_device(alice.asks(revoking(&id, "r1"))).await.unwrap();
    assert!(!is_live(&tablet).await && is_live(&alice).await && is_live(&bob).await);
    assert!(client.revoke_device(alice.asks(revoking(&id, "r1"))).await.is_ok(), "a repeat");
    assert_eq!(refusal(client.revoke_device(alice.asks(revoking(&id, "r2"))).await).0, "DEVICE_UNKNOWN");
    assert_eq!(refusal(client.revoke_device(alice.asks(revoking(bobs, "r1"))).await).0, "REQUEST_ID_REUSED");
    let ended = tablet.client.clone().list_devices(tablet.asks(v1::ListDevicesRequest::default())).await;
    assert_eq!(refusal(ended), ("LOGIN_ENDED".to_owned(), Code::Unauthenticated));
}

#[tokio::test]
async fn a_deleted_account_leaves_its_name_and_nothing_else() {
    let server = TestServer::start().await;
    let alice = server.guest("alice").await;
    let tablet = device(&server, "alice", PASSWORD).await;
    let mut client = alice.client.clone();
    let deleting = |password: &str| v1::DeleteAccountRequest { password: password.to_owned() };
    let refused = client.delete_account(alice.asks(deleting("not my password"))).await;
    assert_eq!(refusal(refused).0, "BAD_CREDENTIALS");
    client.delete_account(alice.asks(deleting(PASSWORD))).await.unwrap();
    assert!(!is_live(&alice).await && !is_live(&tablet).await);
    let again = client.delete_account(alice.asks(deleting(PASSWORD))).await;
    assert_eq!(refusal(again).0, "LOGIN_ENDED");
    assert_eq!(refusal(client.login(logging_in("alice", PASSWORD)).await).0, "BAD_CREDENTIALS");
    let refresh = v1::RefreshRequest { refresh_token: alice.tokens.refresh_token, ..Default::default() };
    assert_eq!(refusal(client.refresh(refresh).await).0, "REFRESH_INVALID");
    let anew = server.guest("alice").await;
    assert_ne!(anew.guest.guest_id, alice.guest.guest_id, "the name is taken anew, by somebody else");
}

#[tokio::test]
async fn the_last_admin_stays() {
    let server = TestServer::start().await;
    let register = async |name: &str, code: String| {
        let mut client = server.client().await;
        let request = v1::RegisterRequest { invitation_code: code, ..registering(name) };
        let registered = client.register(request).await.unwrap().into_inner();
        TestGuest { client, guest: registered.guest.unwrap(), tokens: registered.tokens.unwrap() }
    };
    let host = register("host", server.admin_invitation().await).await;
    let _guest = server.guest("guest").await;
    let deleting = v1::DeleteAccountRequest { password: PASSWORD.to_owned() };
    let refused = host.client.clone().delete_account(host.asks(deleting.clone())).await;
    assert_eq!(refusal(refused), ("LAST_ADMIN".to_owned(), Code::FailedPrecondition));
    assert!(is_live(&host).await);
    let _second = register("second", server.admin_invitation().await).await;
    assert!(host.client.clone().delete_account(host.asks(deleting)).await.is_ok());
}

#[tokio::test]
async fn an_account_is_exported_as_json_in_pieces() {
    let server = TestServer::start().await;
    let alice = server.guest("alice").await;
    // Names that need six bytes for each of theirs.
    let device_name = "\u{22}".repeat(64);
    let mut client = alice.client.clone();
    for _ in 0..castle_server::store::LOGINS_MAX + 5 {
        let login = v1::LoginRequest { device_name: device_name.clone(), ..logging_in("alice", PASSWORD) };
        client.login(login).await.unwrap();
    }
    let newest = client.login(logging_in("alice", PASSWORD)).await.unwrap().into_inner().tokens.unwrap();
    let request = with_token(v1::ExportAccountRequest {}, &newest.access_token);
    let mut pieces = client.export_account(request).await.unwrap().into_inner();
    let mut sizes = Vec::new();
    let mut document = Vec::new();
    while let Some(piece) = pieces.message().await.unwrap() {
        sizes.push(piece.json.len());
        document.extend(piece.json);
    }
    let document: serde_json::Value = serde_json::from_slice(&document).unwrap();
    assert_eq!(document["account"]["name"], "alice");
    assert_eq!(document["account"]["guest_id"], alice.guest.guest_id);
    let listed = document["devices"].as_array().unwrap();
    assert_eq!(listed.len(), castle_server::store::LOGINS_MAX, "the oldest logins made room");
    assert!(listed[0]["created_at"].as_str().unwrap().ends_with('Z'));
    assert!(!document.to_string().contains("argon2"), "no secret is in it");
    assert!(sizes.iter().all(|&size| size > 0 && size <= 32 * 1024), "{sizes:?}");
    let old = alice.client.clone().export_account(alice.asks(v1::ExportAccountRequest {})).await;
    assert_eq!(refusal(old).0, "LOGIN_ENDED", "which made room, too");
}

#[tokio::test]
async fn a_long_history_is_exported_page_by_page() {
    const CALLS: u128 = 250;
    let server = TestServer::start().await;
    let (alice, bob) = (server.guest("alice").await, server.guest("bob").await);
    let [hers, his] = [&alice, &bob].map(|guest| guest.guest.guest_id.parse().unwrap());
    let stopped = server.stop().await;
    let now = SystemTime::now();
    let store = SledStore::open(&stopped.store_dir(), now, CancellationToken::new()).unwrap();
    for number in 0..CALLS {
        let at = now - Duration::from_secs(number as u64);
        let record = CallRecord {
            call: CallId::from_bits(number),
            peer: his,
            part: Part::Placed,
            created_at: at,
            connected_at: None,
            ended_at: at,
            reason: EndReason::HungUp,
            route: Route::Host,
            missed: false,
        };
        let other = CallRecord { peer: hers, part: Part::Received, ..record.clone() };
        store.keep_ended([(hers, record), (his, other)]).await.unwrap();
    }
    drop(store);
    let server = stopped.start().await;
    let mut alice = alice.clone_with(server.client().await);
    let asked = alice.asks(v1::ExportAccountRequest {});
    let mut pieces = alice.client.export_account(asked).await.unwrap().into_inner();
    let mut document = Vec::new();
    while let Some(piece) = pieces.message().await.unwrap() {
        document.extend(piece.json);
    }
    let document: serde_json::Value = serde_json::from_slice(&document).unwrap();
    let calls = document["calls"].as_array().unwrap();
    let listed: Vec<_> = calls.iter().map(|call| call["call_id"].as_str().unwrap().to_owned()).collect();
    let all: Vec<_> = (0..CALLS).map(|number| CallId::from_bits(number).to_string()).collect();
    assert_eq!(listed, all, "each once, newest first");
}

#[tokio::test]
async fn work_over_the_deadline_says_so() {
    let server = TestServer::start_with(|config| {
        config.unary_deadline = Duration::from_millis(1);
        config.accounts.hashing = castle_server::passwords::HashingConfig::default(); // takes longer
    })
    .await;
    let mut client: Client = server.client().await;
    let refused = client.login(logging_in("alice", PASSWORD)).await.unwrap_err();
    assert_eq!((reason(&refused).as_str(), refused.code()), ("DEADLINE", Code::DeadlineExceeded));
}

//! Wrong passwords over the wire: who has to wait, and who never does.

use crate::support::{Client, PASSWORD, TestServer, logging_in, reason, refusal};
use castle::v1;
use castle_server::throttle::{Allowance, PAIR};
use std::time::Duration;
use tonic::Code;
use tonic_types::StatusExt as _;

/// Tries wrong passwords until told to wait; how many were tried.
async fn flood(client: &mut Client, name: &str) -> u32 {
    for tried in 0..1000 {
        let refused = client.login(logging_in(name, "a wrong password")).await.unwrap_err();
        match reason(&refused).as_str() {
            "BAD_CREDENTIALS" => {}
            "RATE_LIMITED" => return tried,
            other => panic!("{other}"),
        }
    }
    panic!("nobody says to wait");
}

fn on_device(name: &str, password: &str, device_token: &str) -> v1::LoginRequest {
    v1::LoginRequest { device_token: device_token.to_owned(), ..logging_in(name, password) }
}

#[tokio::test]
async fn a_flood_on_a_name_locks_nobody_out() {
    let server = TestServer::start().await;
    let alice = server.guest("alice").await;
    let bob = server.guest("bob").await;
    let mut client = alice.client.clone();
    client.logout(alice.asks(v1::LogoutRequest {})).await.unwrap();
    flood(&mut client, "alice").await;
    assert_eq!(refusal(client.login(logging_in("alice", PASSWORD)).await).0, "RATE_LIMITED");
    let device_token = &alice.tokens.device_token;
    let again = client.login(on_device("alice", PASSWORD, device_token)).await.unwrap().into_inner();
    let tokens = again.tokens.unwrap();
    assert_eq!(&tokens.device_token, device_token, "the device stays the same, also after a logout");
    let refresh = v1::RefreshRequest { refresh_token: tokens.refresh_token, ..Default::default() };
    let renewed = client.refresh(refresh).await.unwrap().into_inner().tokens.unwrap();
    assert_eq!(&renewed.device_token, device_token);
    for foreign in [&bob.tokens.device_token, "rubbish", &device_token[1..], ""] {
        let refused = client.login(on_device("alice", PASSWORD, foreign)).await;
        assert_eq!(refusal(refused).0, "RATE_LIMITED", "{foreign}");
    }
}

#[tokio::test]
async fn who_waited_in_vain_for_a_hash_has_tried_no_password() {
    let server = TestServer::start().await;
    let alice = server.guest("alice").await;
    let device_token = alice.tokens.device_token.clone();
    let server = server.stop().await;
    let server = server
        .start_with(|config| {
            config.accounts.throttle.device.burst = 2;
            config.accounts.hashing.at_once = 1;
            config.accounts.hashing.passes = 60_000;
            config.unary_deadline = Duration::from_millis(100);
        })
        .await;
    let mut client = server.client().await;
    // A stranger's hash takes longer than all of this.
    assert_eq!(refusal(client.login(logging_in("nobody", PASSWORD)).await).0, "DEADLINE");
    for _ in 0..4 {
        let refused = client.login(on_device("alice", PASSWORD, &device_token)).await;
        assert_eq!(refusal(refused).0, "DEADLINE");
    }
    assert_eq!(server.hashes_done(), 1);
}

#[tokio::test]
async fn a_device_has_a_bound_of_its_own() {
    let server = TestServer::start().await;
    let alice = server.guest("alice").await;
    let mut client = alice.client.clone();
    let device_token = &alice.tokens.device_token;
    for _ in 0..PAIR.burst {
        let refused = client.login(on_device("alice", "a wrong password", device_token)).await;
        assert_eq!(refusal(refused).0, "BAD_CREDENTIALS");
    }
    let refused = client.login(on_device("alice", PASSWORD, device_token)).await;
    assert_eq!(refusal(refused), ("RATE_LIMITED".to_owned(), Code::ResourceExhausted));
    assert!(client.login(logging_in("alice", PASSWORD)).await.is_ok(), "which hinders nobody else");
}

#[tokio::test]
async fn unknown_names_are_throttled_alike_and_say_when_to_come_again() {
    let server = TestServer::start().await;
    let mut client = server.guest("alice").await.client;
    for name in ["alice", "nobody"] {
        assert_eq!(flood(&mut client, name).await, PAIR.burst, "{name}");
        let before = server.hashes_done();
        let status = client.login(logging_in(name, PASSWORD)).await.unwrap_err();
        let wait = status.get_details_retry_info().and_then(|retry| retry.retry_delay).unwrap();
        assert!(wait > Duration::ZERO && wait <= PAIR.refill, "{name}: {wait:?}");
        assert_eq!(server.hashes_done(), before, "a refused attempt costs no hash");
    }
    let spelled = client.login(logging_in("ＡＬＩＣＥ", PASSWORD)).await;
    assert_eq!(refusal(spelled).0, "RATE_LIMITED", "another spelling is the same name");
}

#[tokio::test]
async fn one_address_cannot_go_through_all_names_or_codes() {
    let few = Allowance { burst: 5, refill: Duration::from_hours(1) };
    let server = TestServer::start_with(|config| config.accounts.throttle.address = few).await;
    let alice = server.guest("alice").await;
    let mut client = alice.client.clone();
    for n in 0..few.burst {
        let refused = client.login(logging_in(&format!("name{n}"), "a wrong password")).await;
        assert_eq!(refusal(refused).0, "BAD_CREDENTIALS");
    }
    assert_eq!(refusal(client.login(logging_in("another", PASSWORD)).await).0, "RATE_LIMITED");
    let reset = v1::ResetPasswordRequest {
        name: "alice".to_owned(),
        code: "AAAA-AAAA-AAAA-AAAA".to_owned(),
        new_password: PASSWORD.to_owned(),
        ..Default::default()
    };
    assert_eq!(refusal(client.reset_password(reset).await).0, "RATE_LIMITED");
    let register = v1::RegisterRequest {
        invitation_code: server.invite(1).await,
        ..crate::support::registering("carol")
    };
    assert_eq!(refusal(client.register(register).await).0, "RATE_LIMITED");
    let device = on_device("alice", PASSWORD, &alice.tokens.device_token);
    assert!(client.login(device).await.is_ok(), "a known device on that address is let in");
}

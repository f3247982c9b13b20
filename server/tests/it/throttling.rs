//! Wrong passwords over the wire: who has to wait, and who never does.

use crate::support::{Client, PASSWORD, TestGuest, TestServer, logging_in, reason, refusal};
use castle::v1;
use castle_server::throttle::{Allowance, PAIR};
use std::time::Duration;
use tokio::task::JoinSet;
use tonic::Code;
use tonic_types::StatusExt as _;

const NEW_PASSWORD: &str = "staple of another horse";

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

/// Somebody who knows the guest's password logs in so often, each time as a new device; the tokens of all of these and
/// of the guest's own.
async fn collected(guest: &TestGuest, times: usize) -> Vec<String> {
    let mut devices = vec![guest.tokens.device_token.clone()];
    for _ in 0..times {
        let login = guest.client.clone().login(logging_in(&guest.guest.name, PASSWORD)).await.unwrap();
        devices.push(login.into_inner().tokens.unwrap().device_token);
    }
    devices
}

/// Guesses on all of these devices by turns until told to wait; how many guesses that were.
async fn guesses(client: &mut Client, name: &str, devices: &[String]) -> u32 {
    let mut guessed = 0;
    for device in devices.iter().cycle() {
        match refusal(client.login(on_device(name, "a wrong password", device)).await).0.as_str() {
            "BAD_CREDENTIALS" => guessed += 1,
            "RATE_LIMITED" => break,
            other => panic!("{other}"),
        }
    }
    guessed
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
async fn whose_password_is_good_no_more_is_a_stranger_on_however_many_devices() {
    let server = TestServer::start().await;
    let [alice, bella, carol] =
        [server.guest("alice").await, server.guest("bella").await, server.guest("carol").await];
    let [of_alice, of_bella, of_carol] =
        [collected(&alice, 5).await, collected(&bella, 5).await, collected(&carol, 5).await];
    let mut client = server.client().await;

    let reset = v1::ResetPasswordRequest {
        name: "alice".to_owned(),
        code: server.reset_code(&alice.guest).await,
        new_password: NEW_PASSWORD.to_owned(),
        ..Default::default()
    };
    let hers = client.reset_password(reset).await.unwrap().into_inner().tokens.unwrap();
    let change = v1::ChangePasswordRequest {
        password: PASSWORD.to_owned(),
        new_password: NEW_PASSWORD.to_owned(),
        ..Default::default()
    };
    client.change_password(bella.asks(change)).await.unwrap();
    let refresh = v1::RefreshRequest { refresh_token: bella.tokens.refresh_token, ..Default::default() };
    let bellas = client.refresh(refresh).await.unwrap().into_inner().tokens.unwrap();
    let delete = v1::DeleteAccountRequest { password: PASSWORD.to_owned() };
    client.delete_account(carol.asks(delete)).await.unwrap();
    let carol_anew = server.guest("carol").await;

    for (name, devices) in [("alice", of_alice), ("bella", of_bella), ("carol", of_carol)] {
        assert_eq!(guesses(&mut client, name, &devices).await, PAIR.burst, "{name}");
    }
    for (name, password, device) in [
        ("alice", NEW_PASSWORD, hers.device_token),
        ("bella", NEW_PASSWORD, bellas.device_token),
        ("carol", PASSWORD, carol_anew.tokens.device_token),
    ] {
        let login = client.login(on_device(name, password, &device)).await;
        assert!(login.is_ok(), "and {name} herself is known: {login:?}");
    }
}

#[tokio::test]
async fn a_guest_who_floods_with_the_right_password_keeps_nobody_else_out() {
    let server = TestServer::start_with(|config| {
        config.accounts.hashing.at_once = 1;
        config.accounts.hashing.passes = 1_000; // some that wait are behind one that is computed
    })
    .await;
    let (alice, _bob) = (server.guest("alice").await, server.guest("bob").await);
    let mut flood = JoinSet::new();
    for device in collected(&alice, 7).await {
        for _ in 0..PAIR.burst {
            let (mut client, device) = (alice.client.clone(), device.clone());
            flood.spawn(async move { client.login(on_device("alice", PASSWORD, &device)).await });
        }
    }
    let all = flood.len();
    let mut answers = Vec::new();
    // Until each is answered or waits, but the one that is computed and those that are written down.
    while answers.len() + server.accounts().hashes_waiting() + 4 < all {
        answers.extend(flood.try_join_next());
        tokio::task::yield_now().await;
    }
    let bob = server.client().await.login(logging_in("bob", PASSWORD)).await;
    assert!(bob.is_ok(), "{bob:?}");
    answers.extend(flood.join_all().await.into_iter().map(Ok));
    let refused: Vec<_> = answers.into_iter().filter_map(|answer| answer.unwrap().err()).collect();
    assert!(!refused.is_empty(), "it was no flood");
    for status in refused {
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!((&info.reason[..], &info.metadata["what"][..]), ("RATE_LIMITED", "password_hashes"));
        assert!(details.retry_info().unwrap().retry_delay.unwrap() > Duration::ZERO);
    }
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

//! Streams and the access tokens they live on: renewed while they run, ended with them, and resumed.

use crate::signaling::{Signal, two};
use crate::support::{TestGuest, TestServer, with_token};
use castle::v1;
use castle::v1::signal_request::Frame as Request;
use castle::v1::signal_response::Frame as Response;
use std::time::{Duration, SystemTime};

/// Tokens say whole seconds: one of three is good for more than two.
const SHORT: Duration = Duration::from_secs(3);

async fn refresh(guest: &mut TestGuest) {
    let refresh_token = guest.tokens.refresh_token.clone();
    let request = v1::RefreshRequest { refresh_token, request_id: String::new() };
    let refreshed = guest.client.refresh(request).await.expect("refreshed").into_inner();
    guest.tokens = refreshed.tokens.expect("tokens");
}

fn ends(guest: &TestGuest) -> SystemTime {
    let at = guest.tokens.access_expires_at.expect("a time");
    SystemTime::try_from(at).expect("a time")
}

fn renewal(token: &str) -> Request {
    Request::RenewToken(v1::RenewToken { access_token: token.to_owned() })
}

#[tokio::test]
async fn a_stream_ends_with_its_token_and_is_taken_up_with_a_new_one() {
    let server = TestServer::start_with(|config| config.access_ttl = SHORT).await;
    let mut alice = server.guest("alice").await;
    let mut signal = Signal::open(&mut alice).await;
    assert_eq!(signal.welcome.access_expires_at, alice.tokens.access_expires_at);
    assert_eq!(signal.end().await, "TOKEN_EXPIRED");
    assert!(ends(&alice) <= SystemTime::now());
    refresh(&mut alice).await;
    let resumed = signal.resume(&server, &mut alice).await.expect("welcome");
    assert!(resumed.welcome.resumed);
}

#[tokio::test]
async fn a_renewed_stream_lives_as_long_as_the_new_token() {
    let server = TestServer::start_with(|config| {
        config.access_ttl = SHORT;
        config.hub.sessions.frames_burst = 100_000;
        config.accounts.refreshes.burst = 100_000;
    })
    .await;
    let mut alice = server.guest("alice").await;
    let mut signal = Signal::open(&mut alice).await;
    let first_end = ends(&alice);
    while ends(&alice) < first_end + SHORT {
        // Each within the life of the one before; a new second brings a later end.
        refresh(&mut alice).await;
        signal.ask(renewal(&alice.tokens.access_token)).await;
        let renewed = signal.next().await.expect("the stream goes on");
        let Some(Response::TokenRenewed(told)) = renewed.frame else { panic!("not renewed: {renewed:?}") };
        assert_eq!((told.access_expires_at, renewed.seq > 0), (alice.tokens.access_expires_at, true));
    }
    assert_eq!(signal.end().await, "TOKEN_EXPIRED");
    assert!(SystemTime::now() >= first_end + SHORT, "the first token was over long before");
}

#[tokio::test]
async fn only_a_good_token_of_the_same_login_renews() {
    let server = TestServer::start().await;
    let [(alice, mut signal), (bob, _bob_signal)] = two(&server).await;
    let truncated = &alice.tokens.access_token[..alice.tokens.access_token.len() - 4];
    for wrong in [&*bob.tokens.access_token, truncated, "", "a.b.c"] {
        signal.ask(renewal(wrong)).await;
        assert_eq!(signal.fault().await.reason(), v1::ErrorReason::TokenInvalid, "{wrong:?}");
    }
    signal.say(0, renewal(&alice.tokens.access_token)).await;
    let renewed = signal.until(|frame| {
        matches!(frame.frame, Some(Response::TokenRenewed(_))).then(|| (frame.seq, frame.in_reply_to.clone()))
    });
    assert_eq!(renewed.await, (0, "request 0".to_owned()), "numbered where the request was");
    let asked = with_token(v1::GetIceServersRequest {}, &alice.tokens.access_token);
    assert!(server.client().await.get_ice_servers(asked).await.is_ok(), "nothing has changed for the login");
}

//! Match between real clients: places, pairings, and tickets that outlive a retry.

use crate::signaling::{Signal, Waiting, two};
use crate::support::{TestServer, fields_at_fault, refusal};
use castle::v1;
use castle::v1::signal_request::Frame as Request;
use std::time::Duration;
use tonic::Code;

#[tokio::test]
async fn two_who_wait_are_in_a_call_and_not_with_each_other_again_at_once() {
    let server =
        TestServer::start_with(|config| config.hub.lobby.matching.cool_down = Duration::from_millis(400))
            .await;
    let [(mut alice_guest, mut alice), (mut bob_guest, mut bob)] = two(&server).await;
    for round in 0..2 {
        let mut alice_waits =
            Waiting::begin(&mut alice_guest, &alice, &format!("a{round}")).await.expect("a place");
        assert_eq!(alice_waits.queued().await.position, 1);
        let mut bob_waits =
            Waiting::begin(&mut bob_guest, &bob, &format!("b{round}")).await.expect("a place");
        if round > 0 {
            let queued = bob_waits.queued().await;
            assert_eq!((queued.position, queued.waiting), (2, 2), "both wait for somebody else");
            assert!(queued.estimate.is_some(), "there was a match to guess from");
        }
        let call_id = alice_waits.outcome().await.expect("a partner");
        assert_eq!(bob_waits.outcome().await, Ok(call_id.clone()));
        let call = alice.call_in(v1::CallState::Connecting).await;
        let bob_view = bob.call_in(v1::CallState::Connecting).await;
        assert_eq!((call.call_id.clone(), bob_view.call_id.clone()), (call_id.clone(), call_id));
        assert_eq!((call.role(), bob_view.role()), (v1::CallRole::Offerer, v1::CallRole::Answerer));
        assert_eq!(call.origin(), v1::CallOrigin::Matched);
        assert_eq!(call.route_policy(), v1::RoutePolicy::RelayOnly);
        alice.hangs_up(&call).await;
        assert_eq!(alice.ended().await, v1::CallEndReason::HungUp);
        assert_eq!(bob.ended().await, v1::CallEndReason::HungUp);
    }
}

#[tokio::test]
async fn a_retried_request_takes_its_place_over() {
    let server = TestServer::start().await;
    let [(mut alice_guest, alice), (mut bob_guest, bob)] = two(&server).await;
    let mut first = Waiting::begin(&mut alice_guest, &alice, "same").await.expect("a place");
    first.queued().await;
    let mut again = Waiting::begin(&mut alice_guest, &alice, "same").await.expect("the place");
    assert_eq!(again.queued().await.waiting, 1);
    assert_eq!(first.outcome().await, Err(v1::MatchLeftReason::Superseded));
    let another = Waiting::begin(&mut alice_guest, &alice, "another").await.err().expect("refused");
    assert_eq!(crate::support::reason(&another), "ALREADY_QUEUED");
    let mut bob_waits = Waiting::begin(&mut bob_guest, &bob, "bob").await.expect("a place");
    let call = bob_waits.outcome().await.expect("a partner");
    assert_eq!(again.outcome().await, Ok(call.clone()));
    let mut late = Waiting::begin(&mut alice_guest, &alice, "same").await.expect("an answer");
    assert_eq!(late.outcome().await, Ok(call), "a late retry learns what came of it");
    let in_call = Waiting::begin(&mut alice_guest, &alice, "new").await.err().expect("refused");
    assert_eq!(crate::support::reason(&in_call), "ALREADY_IN_CALL");
}

#[tokio::test]
async fn a_place_is_left_by_saying_so_and_held_for_a_while_when_its_stream_is_lost() {
    let server =
        TestServer::start_with(|config| config.hub.lobby.matching.hold = Duration::from_millis(50)).await;
    let [(mut alice_guest, mut alice), (mut bob_guest, bob)] = two(&server).await;
    let mut waits = Waiting::begin(&mut alice_guest, &alice, "one").await.expect("a place");
    waits.queued().await;
    alice.ask(Request::LeaveMatch(v1::LeaveMatch {})).await;
    assert_eq!(waits.outcome().await, Err(v1::MatchLeftReason::Left));
    let lost = Waiting::begin(&mut alice_guest, &alice, "two").await.expect("a place");
    drop(lost);
    let criteria = v1::MatchRequest {
        session_id: bob.welcome.session_id.clone(),
        request_id: "b".to_owned(),
        tags: vec!["chess".to_owned()],
        ..Default::default()
    };
    let mut bob_waits = Waiting::ask(&mut bob_guest, criteria).await.expect("a place");
    assert_eq!(bob_waits.queued().await.waiting, 2, "the lost stream's place is held");
    assert_eq!(bob_waits.queued().await.waiting, 1, "and given up");
}

#[tokio::test]
async fn a_match_needs_a_session_of_ones_own_and_sensible_wishes() {
    let server = TestServer::start().await;
    let [(mut alice_guest, alice), (_, bob)] = two(&server).await;
    let refused = Waiting::begin(&mut alice_guest, &bob, "r").await.map(|_| ());
    assert_eq!(refusal(refused), ("NO_SESSION".to_owned(), Code::NotFound));
    let wishing = |tags: Vec<String>, request_id: &str| v1::MatchRequest {
        session_id: alice.welcome.session_id.clone(),
        request_id: request_id.to_owned(),
        tags,
        ..Default::default()
    };
    let cases = [
        (wishing(vec![], ""), "request_id"),
        (wishing(vec![], &"x".repeat(65)), "request_id"),
        (wishing(vec!["x".to_owned(); 9], "r"), "tags"),
        (wishing(vec!["x".repeat(33)], "r"), "tags[0]"),
        (wishing(vec!["  ".to_owned()], "r"), "tags[0]"),
    ];
    for (request, field) in cases {
        let refused = Waiting::ask(&mut alice_guest, request).await.map(|_| ());
        assert_eq!(fields_at_fault(refused), [field]);
    }
}

#[tokio::test]
async fn a_session_that_ends_leaves_the_queue() {
    let server = TestServer::start().await;
    let [(mut alice_guest, alice), (mut bob_guest, bob)] = two(&server).await;
    let mut waits = Waiting::begin(&mut alice_guest, &alice, "r").await.expect("a place");
    waits.queued().await;
    alice.say(0, Request::Bye(v1::Bye {})).await;
    assert_eq!(waits.outcome().await, Err(v1::MatchLeftReason::SessionEnded));
    let mut bob_waits = Waiting::begin(&mut bob_guest, &bob, "r").await.expect("a place");
    assert_eq!(bob_waits.queued().await.waiting, 1);
    let again = Signal::open(&mut alice_guest).await;
    let mut waits = Waiting::begin(&mut alice_guest, &again, "r").await.expect("a place");
    assert!(waits.outcome().await.is_ok());
}

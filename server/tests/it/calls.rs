//! Calls between real clients: ring, answer, negotiate, end; and everything that comes in between.

use crate::signaling::{Signal, in_call, two};
use crate::support::TestServer;
use castle::v1;
use castle::v1::signal_request::Frame as Request;
use castle::v1::signal_response::Frame as Response;
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

#[tokio::test]
async fn a_call_from_ring_to_hang_up() {
    let server = TestServer::start().await;
    let [(alice_guest, mut alice), (bob_guest, mut bob)] = two(&server).await;
    let [call, bob_view] = in_call(&mut alice, (&bob_guest, &mut bob)).await;
    assert_eq!((call.role(), bob_view.role()), (v1::CallRole::Offerer, v1::CallRole::Answerer));
    assert_eq!((call.origin(), bob_view.origin()), (v1::CallOrigin::Placed, v1::CallOrigin::Received));
    assert_eq!((call.peer.clone(), bob_view.peer.clone()), (Some(bob_guest.guest), Some(alice_guest.guest)));
    assert_eq!(call.route_policy(), v1::RoutePolicy::Any);
    assert!(!call.call_token.is_empty() && call.call_token != bob_view.call_token);
    assert!(call.ice_servers.is_some_and(|ice| !ice.servers.is_empty()));
    let id = || call.call_id.clone();
    alice.ask(Request::Offer(v1::Offer { call_id: id(), sdp: "offer".to_owned() })).await;
    alice.trickles(&bob_view, "one").await;
    alice.trickles(&bob_view, "two").await;
    let end = v1::EndOfCandidates { call_id: id(), username_fragment: "u".to_owned() };
    alice.ask(Request::EndOfCandidates(end.clone())).await;
    assert_eq!(bob.said().await, Response::Offer(v1::Offer { call_id: id(), sdp: "offer".to_owned() }));
    for expected in ["one", "two"] {
        let Response::Candidate(candidate) = bob.said().await else { panic!("not a candidate") };
        assert_eq!(candidate.candidate, expected);
    }
    assert_eq!(bob.said().await, Response::EndOfCandidates(end));
    let answer = v1::Answer { call_id: id(), sdp: "answer".to_owned() };
    bob.ask(Request::Answer(answer.clone())).await;
    assert_eq!(alice.said().await, Response::Answer(answer));
    alice.has_media(&bob_view).await;
    bob.has_media(&bob_view).await;
    alice.call_in(v1::CallState::Connected).await;
    bob.call_in(v1::CallState::Connected).await;
    bob.hangs_up(&bob_view).await;
    assert_eq!(bob.ended().await, v1::CallEndReason::HungUp);
    assert_eq!(alice.ended().await, v1::CallEndReason::HungUp);
}

#[tokio::test]
async fn a_call_is_declined_or_cancelled() {
    let server = TestServer::start().await;
    let [(_, mut alice), (bob_guest, mut bob)] = two(&server).await;
    alice.calls(&bob_guest).await;
    let call = bob.call_in(v1::CallState::Ringing).await;
    bob.ask(Request::DeclineCall(v1::DeclineCall { call_id: call.call_id })).await;
    alice.call_in(v1::CallState::Ringing).await;
    assert_eq!(alice.ended().await, v1::CallEndReason::Declined);
    assert_eq!(bob.ended().await, v1::CallEndReason::Declined);
    alice.places_call(v1::place_call::Target::Name("BOB".to_owned())).await;
    let call = alice.call_in(v1::CallState::Ringing).await;
    bob.call_in(v1::CallState::Ringing).await;
    alice.ask(Request::CancelCall(v1::CancelCall { call_id: call.call_id })).await;
    assert_eq!(bob.ended().await, v1::CallEndReason::Cancelled);
}

#[tokio::test]
async fn a_call_that_nobody_takes_times_out() {
    let server =
        TestServer::start_with(|config| config.hub.lobby.calls.ring_timeout = Duration::from_millis(150))
            .await;
    let [(_, mut alice), (bob_guest, mut bob)] = two(&server).await;
    alice.places_call(v1::place_call::Target::NextAvailable(v1::NextAvailable {})).await;
    let call = alice.call_in(v1::CallState::Ringing).await;
    assert!(call.expires_at.is_some());
    assert_eq!(call.peer, Some(bob_guest.guest));
    assert_eq!(alice.ended().await, v1::CallEndReason::TimedOut);
    bob.call_in(v1::CallState::Ringing).await;
    assert_eq!(bob.ended().await, v1::CallEndReason::TimedOut);
    alice.places_call(v1::place_call::Target::NextAvailable(v1::NextAvailable {})).await;
    assert_eq!(alice.fault().await.reason(), v1::ErrorReason::NobodyAvailable, "bob was tried just now");
}

#[tokio::test]
async fn nobody_there_is_said_at_once_and_alike() {
    let server = TestServer::start().await;
    let mut alice_guest = server.guest("alice").await;
    let offline = server.guest("offline").await;
    let mut alice = Signal::open(&mut alice_guest).await;
    let mut faults = Vec::new();
    alice.calls(&offline).await;
    faults.push(alice.fault().await);
    let unknown = castle::ids::GuestId::from_bits(7).to_string();
    alice.places_call(v1::place_call::Target::GuestId(unknown)).await;
    faults.push(alice.fault().await);
    alice.places_call(v1::place_call::Target::Name("offline".to_owned())).await;
    faults.push(alice.fault().await);
    alice.places_call(v1::place_call::Target::Name("nobody".to_owned())).await;
    faults.push(alice.fault().await);
    assert_eq!(faults[0].reason(), v1::ErrorReason::PeerUnavailable);
    assert!(faults.iter().all(|fault| *fault == faults[0]), "{faults:?}");
}

#[tokio::test]
async fn two_who_call_each_other_are_in_one_call() {
    let server = TestServer::start().await;
    let [(alice_guest, mut alice), (bob_guest, mut bob)] = two(&server).await;
    alice.calls(&bob_guest).await;
    bob.calls(&alice_guest).await;
    let [mut seen_by_alice, mut seen_by_bob] = [alice.call().await, bob.call().await];
    while seen_by_alice.state() == v1::CallState::Ringing {
        seen_by_alice = alice.call().await;
    }
    while seen_by_bob.state() == v1::CallState::Ringing {
        seen_by_bob = bob.call().await;
    }
    assert_eq!(seen_by_alice.call_id, seen_by_bob.call_id);
    assert_eq!(
        (seen_by_alice.state(), seen_by_bob.state()),
        (v1::CallState::Connecting, v1::CallState::Connecting)
    );
    assert_ne!(seen_by_alice.role(), seen_by_bob.role());
}

#[tokio::test]
async fn all_devices_ring_one_answers_and_the_others_and_strangers_stay_out() {
    let server = TestServer::start().await;
    let [(_, mut alice), (mut bob_guest, mut bob)] = two(&server).await;
    let mut tablet = Signal::open(&mut bob_guest).await;
    let mut carol_guest = server.guest("carol").await;
    let mut carol = Signal::open(&mut carol_guest).await;
    alice.calls(&bob_guest).await;
    let call = tablet.call_in(v1::CallState::Ringing).await;
    bob.call_in(v1::CallState::Ringing).await;
    alice.ask(Request::HangUp(v1::HangUp { call_id: call.call_id.clone(), failed: false })).await;
    let fault = alice.fault().await;
    assert_eq!((fault.reason(), fault.metadata["state"].as_str()), (v1::ErrorReason::WrongState, "ringing"));
    tablet.accepts(&call).await;
    assert_eq!(bob.ended().await, v1::CallEndReason::AnsweredElsewhere);
    alice.call_in(v1::CallState::Connecting).await;
    for stranger in [&mut bob, &mut carol] {
        stranger.trickles(&call, "not mine").await;
        assert_eq!(stranger.fault().await.reason(), v1::ErrorReason::NotInCall);
    }
    carol.calls(&bob_guest).await;
    assert_eq!(carol.ended().await, v1::CallEndReason::Busy);
}

#[tokio::test]
async fn a_callee_who_vanishes_while_it_rings_ends_the_call() {
    let server =
        TestServer::start_with(|config| config.hub.sessions.resume_window = Duration::from_millis(100)).await;
    let [(_, mut alice), (bob_guest, bob)] = two(&server).await;
    alice.calls(&bob_guest).await;
    alice.call_in(v1::CallState::Ringing).await;
    drop(bob);
    let view = alice.call_in(v1::CallState::Ringing).await;
    assert_eq!(view.peer_presence(), v1::PeerPresence::Reconnecting);
    assert_eq!(alice.ended().await, v1::CallEndReason::Disconnected);
}

#[tokio::test]
async fn a_peer_who_vanishes_in_a_call_is_shown_as_gone() {
    let server =
        TestServer::start_with(|config| config.hub.sessions.resume_window = Duration::from_millis(100)).await;
    let [(_, mut alice), (bob_guest, mut bob)] = two(&server).await;
    let [call, _] = in_call(&mut alice, (&bob_guest, &mut bob)).await;
    drop(bob);
    assert_eq!(alice.call().await.peer_presence(), v1::PeerPresence::Reconnecting);
    let gone = alice.call_in(v1::CallState::Connecting).await;
    assert_eq!(gone.peer_presence(), v1::PeerPresence::Gone, "media may still flow");
    alice.hangs_up(&call).await;
    assert_eq!(alice.ended().await, v1::CallEndReason::HungUp);
}

#[tokio::test]
async fn devices_prepare_while_it_rings_and_what_they_say_waits_for_the_accept() {
    let server = TestServer::start().await;
    let [(_, mut alice), (mut bob_guest, mut bob)] = two(&server).await;
    alice.calls(&bob_guest).await;
    let call = alice.call_in(v1::CallState::Ringing).await;
    assert_eq!(
        (call.role(), bob.call_in(v1::CallState::Ringing).await.role()),
        (v1::CallRole::Offerer, v1::CallRole::Answerer)
    );
    let id = || call.call_id.clone();
    let offer = v1::Offer { call_id: id(), sdp: "offer".to_owned() };
    alice.ask(Request::Offer(offer.clone())).await;
    assert_eq!(bob.said().await, Response::Offer(offer.clone()));
    let answer = v1::Answer { call_id: id(), sdp: "answer".to_owned() };
    bob.ask(Request::Answer(answer.clone())).await;
    let mut tablet = Signal::open(&mut bob_guest).await;
    assert_eq!(tablet.said().await, Response::Offer(offer), "a device that comes late hears it, too");
    tablet.ask(Request::Answer(v1::Answer { call_id: id(), sdp: "of the tablet".to_owned() })).await;
    bob.accepts(&call).await;
    assert_eq!(alice.call().await.state(), v1::CallState::Connecting);
    assert_eq!(alice.said().await, Response::Answer(answer), "and not that of the tablet");
    let removed = v1::CandidatesRemoved { call_id: id(), candidates: vec![v1::Candidate::default(); 2] };
    alice.ask(Request::CandidatesRemoved(removed.clone())).await;
    bob.until(|frame| (frame.frame == Some(Response::CandidatesRemoved(removed.clone()))).then_some(()))
        .await;
    let too_many = v1::CandidatesRemoved { call_id: id(), candidates: vec![v1::Candidate::default(); 33] };
    alice.ask(Request::CandidatesRemoved(too_many)).await;
    assert_eq!(alice.fault().await.reason(), v1::ErrorReason::InvalidField);
}

#[tokio::test]
async fn a_call_is_taken_up_again_after_a_restart_and_its_token_ends_with_it() {
    let server = TestServer::start().await;
    let [(mut alice_guest, mut alice), (mut bob_guest, mut bob)] = two(&server).await;
    let [call, bob_view] = in_call(&mut alice, (&bob_guest, &mut bob)).await;
    alice.has_media(&call).await;
    bob.has_media(&call).await;
    let token = alice.call_in(v1::CallState::Connected).await.call_token;
    drop((alice, bob));
    let server = server.stop().await.start().await;
    alice_guest.client = server.client().await;
    bob_guest.client = server.client().await;
    let mut alice = Signal::claim(&mut alice_guest, &token).await;
    let waiting = alice.welcome.call.clone().expect("her call");
    assert_eq!(
        (waiting.call_id.clone(), waiting.state(), waiting.peer_presence()),
        (call.call_id.clone(), v1::CallState::Connected, v1::PeerPresence::Reconnecting)
    );
    let stranger = Signal::claim(&mut bob_guest, &token).await.fault().await;
    assert_eq!(stranger.reason(), v1::ErrorReason::CallTokenInvalid, "a token is good for its own end");
    let mut bob = Signal::claim(&mut bob_guest, &bob_view.call_token).await;
    let again = bob.welcome.call.clone().expect("his call");
    assert_eq!((again.state(), again.peer_presence()), (v1::CallState::Connected, v1::PeerPresence::Present));
    assert_eq!(again.role(), v1::CallRole::Answerer);
    while alice.call().await.peer_presence() != v1::PeerPresence::Present {}
    assert_eq!(bob.call_in(v1::CallState::Connected).await.peer_presence(), v1::PeerPresence::Present);
    bob.hangs_up(&call).await;
    assert_eq!(bob.ended().await, v1::CallEndReason::HungUp);
    assert_eq!(alice.ended().await, v1::CallEndReason::HungUp);
    let over = Signal::claim(&mut alice_guest, &token).await.fault().await;
    assert_eq!(over.reason(), v1::ErrorReason::CallTokenInvalid, "the call is over");
}

#[tokio::test]
async fn each_end_finds_the_route_of_its_own_media_in_its_history() {
    let server = TestServer::start().await;
    let [(mut alice_guest, mut alice), (mut bob_guest, mut bob)] = two(&server).await;
    let [call, _] = in_call(&mut alice, (&bob_guest, &mut bob)).await;
    for (signal, route) in [(&mut alice, v1::Route::Host), (&mut bob, v1::Route::Srflx)] {
        let (call_id, route) = (call.call_id.clone(), route.into());
        signal.ask(Request::MediaConnected(v1::MediaConnected { call_id, route })).await;
    }
    alice.call_in(v1::CallState::Connected).await;
    bob.call_in(v1::CallState::Connected).await;
    alice.hangs_up(&call).await;
    assert_eq!(bob.ended().await, v1::CallEndReason::HungUp);
    for (guest, route) in [(&mut alice_guest, v1::Route::Host), (&mut bob_guest, v1::Route::Srflx)] {
        let asked = guest.asks(v1::ListCallsRequest::default());
        let calls = guest.client.list_calls(asked).await.expect("a history").into_inner().calls;
        assert_eq!(calls[0].route(), route, "{calls:?}");
        assert!(calls[0].connected_at.is_some(), "{calls:?}");
    }
}

#[tokio::test]
async fn a_history_is_read_page_by_page_the_newest_first() {
    let server = TestServer::start().await;
    let [(mut alice_guest, mut alice), (bob_guest, mut bob)] = two(&server).await;
    let mut held = BTreeSet::new();
    for _ in 0..3 {
        let [call, _] = in_call(&mut alice, (&bob_guest, &mut bob)).await;
        alice.hangs_up(&call).await;
        assert_eq!(alice.ended().await, v1::CallEndReason::HungUp);
        assert_eq!(bob.ended().await, v1::CallEndReason::HungUp);
        held.insert(call.call_id);
    }
    let (mut read, mut page_token) = (Vec::new(), String::new());
    loop {
        let page = v1::ListCallsRequest { page_size: 1, page_token, ..Default::default() };
        let asked = alice_guest.asks(page);
        let page = alice_guest.client.list_calls(asked).await.expect("a page").into_inner();
        assert_eq!(page.calls.len(), 1);
        read.extend(page.calls);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let ended =
        |call: &v1::CallRecord| SystemTime::try_from(call.ended_at.expect("it ended")).expect("a time");
    assert!(read.is_sorted_by(|newer, older| ended(newer) >= ended(older)), "{read:?}");
    assert_eq!(read.len(), held.len());
    assert_eq!(read.into_iter().map(|call| call.call_id).collect::<BTreeSet<_>>(), held);
}

#[tokio::test]
async fn a_missed_call_is_told_at_the_next_login_until_it_is_seen_and_the_history_can_be_erased() {
    let server = TestServer::start().await;
    let mut alice_guest = server.guest("alice").await;
    let mut bob_guest = server.guest("bob").await;
    let mut alice = Signal::open(&mut alice_guest).await;
    alice.calls(&bob_guest).await;
    assert_eq!(alice.fault().await.reason(), v1::ErrorReason::PeerUnavailable);
    let mut bob = Signal::open(&mut bob_guest).await;
    let [missed] = &bob.welcome.missed_calls.clone()[..] else { panic!("{:?}", bob.welcome.missed_calls) };
    assert_eq!((missed.peer.clone(), missed.missed), (Some(alice_guest.guest.clone()), true));
    bob.ask(Request::MissedCallsSeen(v1::MissedCallsSeen { until: missed.ended_at })).await;
    let [call, _] = in_call(&mut alice, (&bob_guest, &mut bob)).await;
    alice.hangs_up(&call).await;
    assert_eq!(bob.ended().await, v1::CallEndReason::HungUp);
    let asked = bob_guest.asks(v1::ListCallsRequest::default());
    let calls = bob_guest.client.list_calls(asked).await.expect("a history").into_inner().calls;
    assert_eq!(calls.len(), 2, "{calls:?}");
    assert_eq!((calls[0].call_id.clone(), calls[0].end_reason()), (call.call_id, v1::CallEndReason::HungUp));
    assert!(!calls[0].missed && calls[0].origin() == v1::CallOrigin::Received);
    assert!(Signal::open(&mut bob_guest).await.welcome.missed_calls.is_empty(), "it was seen");
    let asked = bob_guest.asks(v1::EraseCallsRequest::default());
    assert_eq!(bob_guest.client.erase_calls(asked).await.expect("erases").into_inner().erased, 2);
    let asked = alice_guest.asks(v1::ListCallsRequest::default());
    let hers = alice_guest.client.list_calls(asked).await.expect("a history").into_inner().calls;
    assert_eq!(hers.len(), 1, "hers stays, and of the guest who was away she has nothing");
}

//! Sessions: hello, the hall, resuming without loss, and what is refused.

use crate::signaling::{Signal, hello, in_call, two};
use crate::support::{TestServer, reason, refusal};
use castle::v1;
use castle::v1::signal_request::Frame as Request;
use castle::v1::signal_response::Frame as Response;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tonic::Code;

fn hall_change(frame: &v1::SignalResponse) -> Option<v1::HallDelta> {
    match &frame.frame {
        Some(Response::HallDelta(delta)) => Some(delta.clone()),
        _ => None,
    }
}

fn availability(to: v1::Availability) -> Request {
    Request::SetAvailability(v1::SetAvailability { availability: to.into() })
}

#[tokio::test]
async fn hello_is_answered_with_all_there_is_to_know() {
    let server = TestServer::start().await;
    let [(alice, alice_signal), (bob, bob_signal)] = two(&server).await;
    let welcome = &bob_signal.welcome;
    assert!(welcome.session_id.starts_with("ses_") && !welcome.resumed && welcome.epoch == 1, "{welcome:?}");
    assert_eq!((welcome.heartbeat_interval_ms, welcome.resume_window_ms), (8_000, 30_000));
    let me = welcome.me.clone().expect("me");
    assert_eq!((me.guest, me.availability), (Some(bob.guest), v1::Availability::Available.into()));
    let hall = welcome.hall.clone().expect("a hall");
    assert_eq!(hall.guest_count, 1);
    assert_eq!(hall.guests[0].guest, Some(alice.guest));
    let servers = welcome.ice_servers.clone().expect("ICE servers").servers;
    assert!(servers.iter().any(|server| !server.credential.is_empty()), "{servers:?}");
    assert!(welcome.call.is_none() && alice_signal.welcome.hall.clone().expect("a hall").guests.is_empty());
}

#[tokio::test]
async fn a_stream_without_token_or_with_a_bad_hello_is_refused() {
    let server =
        TestServer::start_with(|config| config.session.hello_timeout = Duration::from_millis(100)).await;
    let mut alice = server.guest("alice").await;
    let nothing = tokio_stream::empty::<v1::SignalRequest>();
    assert_eq!(
        refusal(alice.client.signal(nothing).await),
        ("TOKEN_MISSING".to_owned(), Code::Unauthenticated)
    );
    let mut silent = Signal::begin(&mut alice).await;
    assert_eq!(silent.end().await, "HELLO_TIMEOUT");
    let mut eager = Signal::begin(&mut alice).await;
    eager.say(1, availability(v1::Availability::Available)).await;
    assert_eq!(eager.end().await, "HELLO_EXPECTED");
    let mut futuristic = Signal::begin(&mut alice).await;
    futuristic.say(0, Request::Hello(v1::Hello { protocol_version: 2, ..Default::default() })).await;
    assert_eq!(futuristic.end().await, "PROTOCOL_VERSION");
    let mut twice = Signal::open(&mut alice).await;
    twice.say(0, hello(None)).await;
    assert_eq!(twice.end().await, "HELLO_EXPECTED");
}

#[tokio::test]
async fn everybody_sees_who_comes_changes_and_leaves() {
    let server = TestServer::start().await;
    let [(_, mut alice), (bob, mut bob_signal)] = two(&server).await;
    let came = alice.until(hall_change).await;
    assert_eq!((came.guest_count, came.changed[0].guest.clone()), (1, Some(bob.guest.clone())));
    bob_signal.ask(availability(v1::Availability::DoNotDisturb)).await;
    let changed = alice.until(hall_change).await;
    assert_eq!(changed.from_version, came.hall_version);
    assert_eq!(changed.changed[0].availability(), v1::Availability::DoNotDisturb);
    bob_signal.ask(availability(v1::Availability::Invisible)).await;
    let left = alice.until(hall_change).await;
    assert_eq!((left.left_guest_ids, left.guest_count), (vec![bob.guest.guest_id.clone()], 0));
    bob_signal.ask(availability(v1::Availability::Available)).await;
    alice.until(hall_change).await;
    bob_signal.say(0, Request::Bye(v1::Bye {})).await;
    assert_eq!(alice.until(hall_change).await.left_guest_ids, [bob.guest.guest_id]);
    assert!(bob_signal.end().await.contains("the stream ended"), "goodbye is no fault");
}

#[tokio::test]
async fn half_closing_is_not_leaving() {
    let server = TestServer::start().await;
    let [(_, mut alice), (bob, mut bob_signal)] = two(&server).await;
    bob_signal.half_close();
    alice.calls(&bob).await;
    bob_signal.call_in(v1::CallState::Ringing).await;
}

#[tokio::test]
async fn a_cut_connection_loses_and_doubles_nothing() {
    let server = TestServer::start().await;
    let [(_, mut alice), (mut bob, mut bob_signal)] = two(&server).await;
    let [call, _] = in_call(&mut alice, (&bob, &mut bob_signal)).await;
    for round in 0..5 {
        let resume = bob_signal.resume_request();
        drop(bob_signal);
        let view = alice.call().await;
        assert_eq!(view.peer_presence(), v1::PeerPresence::Reconnecting);
        for number in 0..10 {
            alice.trickles(&call, &format!("{round}.{number}")).await;
        }
        bob.client = server.client().await;
        bob_signal = Signal::hello(&mut bob, Some(resume)).await.expect("welcome");
        assert!(bob_signal.welcome.resumed);
        assert_eq!(bob_signal.welcome.epoch, round + 2);
        assert_eq!(bob_signal.welcome.call.clone().map(|call| call.call_id), Some(call.call_id.clone()));
        assert_eq!(alice.call().await.peer_presence(), v1::PeerPresence::Present);
        for number in 0..10 {
            let Response::Candidate(candidate) = bob_signal.said().await else { panic!("not a candidate") };
            assert_eq!(candidate.candidate, format!("{round}.{number}"));
        }
    }
}

#[tokio::test]
async fn a_frame_sent_twice_is_performed_once() {
    let server = TestServer::start().await;
    let [(_, mut alice), (mut bob, mut bob_signal)] = two(&server).await;
    let [_, call] = in_call(&mut alice, (&bob, &mut bob_signal)).await;
    let call_id = call.call_id.clone();
    let offer = |sdp: &str| Request::Offer(v1::Offer { call_id: call_id.clone(), sdp: sdp.to_owned() });
    bob_signal.ask(offer("first")).await;
    let seq = bob_signal.sent;
    bob_signal.say(seq, offer("first")).await;
    let mut bob_signal = bob_signal.resume(&server, &mut bob).await.expect("welcome");
    assert!(bob_signal.welcome.resumed && bob_signal.welcome.received_seq <= seq);
    bob_signal.say(seq, offer("first")).await;
    bob_signal.ask(offer("second")).await;
    for expected in ["first", "second"] {
        let Response::Offer(offer) = alice.said().await else { panic!("not an offer") };
        assert_eq!(offer.sdp, expected);
    }
}

#[tokio::test]
async fn the_newer_stream_supersedes_the_older() {
    let server = TestServer::start().await;
    let mut alice = server.guest("alice").await;
    let mut older = Signal::open(&mut alice).await;
    let resume = older.resume_request();
    let newer = Signal::hello(&mut alice, Some(resume.clone())).await.expect("welcome");
    assert!(newer.welcome.resumed && newer.welcome.session_id == older.welcome.session_id);
    assert_eq!(older.end().await, "SUPERSEDED");
    let late = Signal::hello(&mut alice, Some(resume)).await.err().expect("an epoch counts once");
    assert_eq!(reason(&late), "SUPERSEDED");
}

#[tokio::test]
async fn what_cannot_be_resumed_begins_anew_and_says_so() {
    let server =
        TestServer::start_with(|config| config.hub.sessions.resume_window = Duration::from_millis(100)).await;
    let [(_, mut alice), (mut bob, bob_signal)] = two(&server).await;
    let strange = v1::Resume { resume_token: "ses_0.1".to_owned(), received_seq: 7, epoch: 9 };
    let welcome = Signal::hello(&mut bob, Some(strange)).await.expect("welcome").welcome;
    assert!(!welcome.resumed && welcome.received_seq == 0);
    let first = bob_signal.welcome.session_id.clone();
    let resume = bob_signal.resume_request();
    drop(bob_signal);
    alice.until(|frame| hall_change(frame).filter(|delta| !delta.left_guest_ids.is_empty())).await;
    let welcome = Signal::hello(&mut bob, Some(resume)).await.expect("welcome").welcome;
    assert!(!welcome.resumed && welcome.session_id != first);
}

#[tokio::test]
async fn faults_of_a_frame_are_answered_in_band() {
    let server = TestServer::start().await;
    let [(_, mut alice), (bob, mut bob_signal)] = two(&server).await;
    let [call, _] = in_call(&mut alice, (&bob, &mut bob_signal)).await;
    let call_id = call.call_id;
    let cases = [
        (None, v1::ErrorReason::MalformedFrame),
        (
            Some(Request::SetAvailability(v1::SetAvailability { availability: 99 })),
            v1::ErrorReason::InvalidField,
        ),
        (Some(availability(v1::Availability::InCall)), v1::ErrorReason::InvalidField),
        (Some(Request::PlaceCall(v1::PlaceCall { target: None })), v1::ErrorReason::InvalidField),
        (
            Some(Request::AcceptCall(v1::AcceptCall { call_id: "x".to_owned() })),
            v1::ErrorReason::InvalidField,
        ),
        (Some(Request::Ping(v1::Ping { nonce: 1 })), v1::ErrorReason::MalformedFrame),
        (
            Some(Request::Offer(v1::Offer { call_id: call_id.clone(), sdp: "x".repeat(32 * 1024 + 1) })),
            v1::ErrorReason::FrameTooLarge,
        ),
        (
            Some(Request::Offer(v1::Offer { call_id: call_id.clone(), sdp: "x".repeat(64 * 1024 + 1) })),
            v1::ErrorReason::FrameTooLarge,
        ),
        (
            Some(Request::Candidate(v1::Candidate {
                call_id,
                candidate: "x".repeat(2049),
                ..Default::default()
            })),
            v1::ErrorReason::FrameTooLarge,
        ),
    ];
    for (frame, expected) in cases {
        alice.sent += 1;
        let request_id = format!("request {}", alice.sent);
        let request =
            v1::SignalRequest { seq: alice.sent, ack: alice.seen, request_id: request_id.clone(), frame };
        alice.raw(request).await;
        let answer =
            alice.until(|frame| matches!(frame.frame, Some(Response::Error(_))).then(|| frame.clone())).await;
        let Some(Response::Error(error)) = answer.frame else { unreachable!("looked for just above") };
        assert_eq!((error.reason(), answer.in_reply_to), (expected, request_id));
        assert!(answer.seq > 0, "sequenced where the frame was");
    }
    alice.ask(availability(v1::Availability::DoNotDisturb)).await;
    let me = alice.until(|frame| match &frame.frame {
        Some(Response::SelfUpdate(me)) => Some(me.availability()),
        _ => None,
    });
    // In a call it does not show; that it is answered says that the stream goes on.
    assert_eq!(me.await, v1::Availability::InCall);
}

#[tokio::test]
async fn faults_of_the_link_end_the_stream_and_not_the_session() {
    let server = TestServer::start().await;
    let mut alice = server.guest("alice").await;
    let mut signal = Signal::open(&mut alice).await;
    signal.say(5, availability(v1::Availability::Available)).await;
    assert_eq!(signal.end().await, "SEQUENCE");
    let mut signal = signal.resume(&server, &mut alice).await.expect("welcome");
    assert!(signal.welcome.resumed);
    signal.raw(v1::SignalRequest { ack: 99, ..Default::default() }).await;
    assert_eq!(signal.end().await, "SEQUENCE", "what was never sent cannot be acknowledged");
    let mut signal = Signal::hello(&mut alice, Some(v1::Resume { epoch: 9, ..signal.resume_request() }))
        .await
        .expect("welcome");
    assert!(signal.welcome.resumed);
    let sdp = "x".repeat(1024 * 1024);
    signal.say(1, Request::Offer(v1::Offer { call_id: String::new(), sdp })).await;
    assert_eq!(signal.end().await, "FRAME_TOO_LARGE");
}

#[tokio::test]
async fn a_silent_client_is_found_out() {
    let server = TestServer::start_with(|config| {
        config.session.heartbeat = Duration::from_millis(50);
        config.session.heartbeat_timeout = Duration::from_millis(300);
    })
    .await;
    let mut alice = server.guest("alice").await;
    let mut signal = Signal::open(&mut alice).await;
    signal.say(0, Request::Ping(v1::Ping { nonce: 42 })).await;
    let pong = signal.until(|frame| match &frame.frame {
        Some(Response::Pong(pong)) => Some(pong.nonce),
        _ => None,
    });
    assert_eq!(pong.await, 42);
    signal.half_close();
    assert_eq!(signal.end().await, "HEARTBEAT_LOST");
}

#[tokio::test]
async fn a_flood_is_refused_frame_by_frame() {
    let server = TestServer::start_with(|config| {
        config.hub.sessions.frames_burst = 3;
        config.hub.sessions.frames_per_second = 1;
    })
    .await;
    let mut alice = server.guest("alice").await;
    let mut signal = Signal::open(&mut alice).await;
    for _ in 0..4 {
        signal.ask(availability(v1::Availability::Available)).await;
    }
    let error = signal.fault().await;
    assert_eq!(error.reason(), v1::ErrorReason::RateLimited);
    assert!((1..=1_000).contains(&error.retry_after_ms), "{error:?}");
}

#[tokio::test]
async fn a_client_that_acknowledges_nothing_loses_its_stream_and_is_told_of_the_gap() {
    let server = TestServer::start_with(|config| config.hub.sessions.unacked_frames_max = 8).await;
    let [(_, mut alice), (mut bob, mut bob_signal)] = two(&server).await;
    let [call, _] = in_call(&mut alice, (&bob, &mut bob_signal)).await;
    for number in 0..10 {
        alice.trickles(&call, &number.to_string()).await;
    }
    assert_eq!(bob_signal.end().await, "OVERFLOW");
    let resumed = bob_signal.resume(&server, &mut bob).await.expect("welcome");
    assert!(!resumed.welcome.resumed, "the gap is said");
    assert_eq!(
        resumed.welcome.call.clone().map(|call| call.call_id),
        Some(call.call_id),
        "the call is not lost"
    );
    let fresh = alice.until(|frame| {
        matches!(&frame.frame, Some(Response::CallUpdate(update))
        if update.call.as_ref().is_some_and(|call| call.peer_presence() == v1::PeerPresence::Present))
        .then_some(())
    });
    fresh.await;
}

#[tokio::test]
async fn a_guest_has_so_many_sessions_and_no_more() {
    let server = TestServer::start_with(|config| config.hub.sessions.per_guest_max = 2).await;
    let mut alice = server.guest("alice").await;
    let first = Signal::open(&mut alice).await;
    let mut second = Signal::open(&mut alice).await;
    let refused = Signal::hello(&mut alice, None).await.err().expect("refused");
    assert_eq!(reason(&refused), "SESSION_LIMIT");
    second.say(0, Request::Bye(v1::Bye {})).await;
    assert!(second.end().await.contains("the stream ended"));
    let third = Signal::open(&mut alice).await;
    let refused = Signal::hello(&mut alice, None).await.err().expect("refused");
    assert_eq!(reason(&refused), "SESSION_LIMIT");
    let sessions: BTreeSet<_> = [first, second, third].map(|signal| signal.welcome.session_id).into();
    assert_eq!(sessions.len(), 3);
}

#[tokio::test]
async fn pings_are_read_at_their_pace_too() {
    let server = TestServer::start_with(|config| {
        config.hub.sessions.frames_burst = 8;
        config.hub.sessions.frames_per_second = 20;
    })
    .await;
    let mut alice = server.guest("alice").await;
    let mut signal = Signal::open(&mut alice).await;
    let began = Instant::now();
    let pings = tokio::spawn(async move {
        for nonce in 1..=100 {
            signal.say(0, Request::Ping(v1::Ping { nonce })).await;
        }
        let last = |frame: &v1::SignalResponse| match frame.frame {
            Some(Response::Pong(v1::Pong { nonce: 100 })) => Some(()),
            _ => None,
        };
        signal.until(last).await;
    });
    pings.await.expect("all are answered");
    // Of any kind four times as many as may ask for something: 32 at once, then 80 a second. What was read last is
    // answered before it is waited for.
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(450), "100 pings were read in {took:?}");
}

#[tokio::test]
async fn streams_of_a_guest_that_the_transport_still_has_are_few_whatever_became_of_their_sessions() {
    let server = TestServer::start_with(|config| config.hub.sessions.per_guest_max = 2).await;
    let mut alice = server.guest("alice").await;
    let mut bob = server.guest("bob").await;
    let mut ended = Vec::new();
    for _ in 0..6 {
        // The end of each lies in the transport until it is read.
        ended.push(Signal::begin(&mut alice).await);
    }
    let asked = alice.asks(tokio_stream::pending::<v1::SignalRequest>());
    let refused = alice.client.signal(asked).await.expect_err("refused");
    assert_eq!(reason(&refused), "LIMIT");
    Signal::open(&mut bob).await;
    drop(ended);
    let mut tries = 0;
    while let Err(refused) = {
        let asked = alice.asks(tokio_stream::pending::<v1::SignalRequest>());
        alice.client.signal(asked).await
    } {
        assert_eq!(reason(&refused), "LIMIT", "after {tries} tries");
        tries += 1;
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn who_comes_invisible_is_shown_to_nobody_not_even_at_first() {
    let server = TestServer::start().await;
    let mut alice_guest = server.guest("alice").await;
    let mut alice = Signal::open(&mut alice_guest).await;
    let mut bob = server.guest("bob").await;
    let hidden = |availability: i32| match hello(None) {
        Request::Hello(hello) => Request::Hello(v1::Hello { availability, ..hello }),
        other => panic!("{other:?}"),
    };
    let shown = Signal::begin(&mut bob).await;
    shown.say(0, hidden(v1::Availability::InCall.into())).await;
    let mut shown = shown;
    assert_eq!(shown.end().await, "INVALID_FIELD", "only the server says so");
    let mut signal = Signal::begin(&mut bob).await;
    signal.say(0, hidden(v1::Availability::Invisible.into())).await;
    let Some(Response::Welcome(welcome)) = signal.next().await.expect("welcome").frame else { panic!() };
    assert_eq!(welcome.me.expect("me").availability(), v1::Availability::Invisible);
    let mut carol = server.guest("carol").await;
    let _carol = Signal::open(&mut carol).await;
    let came = alice.until(hall_change).await;
    assert_eq!((came.changed.len(), came.guest_count), (1, 1), "{came:?}");
    assert_eq!(came.changed[0].guest, Some(carol.guest));
}

#[tokio::test]
async fn going_down_is_said_to_every_stream() {
    let server = TestServer::start().await;
    let [(_, mut alice), (bob, mut bob_signal)] = two(&server).await;
    alice.calls(&bob).await;
    bob_signal.call_in(v1::CallState::Ringing).await;
    server.begin_drain();
    assert_eq!(bob_signal.ended().await, v1::CallEndReason::ShuttingDown);
    let go_away = bob_signal.until(|frame| match &frame.frame {
        Some(Response::GoAway(go_away)) => Some(*go_away),
        _ => None,
    });
    assert!(go_away.await.deadline_ms > 0);
    server.force();
}

#[tokio::test]
async fn a_part_of_the_hall_is_watched_and_listed_by_search_and_page() {
    let server = TestServer::start().await;
    let mut ada = server.guest("ada").await;
    let mut signal = Signal::open(&mut ada).await;
    let mut bob = server.guest("bob").await;
    let _bob = Signal::open(&mut bob).await;
    let watch = v1::WatchHall { watch: 1, query: "Ｂ".to_owned(), page_token: String::new() };
    signal.ask(Request::WatchHall(watch)).await;
    let snapshot = signal
        .until(|frame| match &frame.frame {
            Some(Response::HallSnapshot(snapshot)) => Some(snapshot.clone()),
            _ => None,
        })
        .await;
    let names: Vec<_> = snapshot.guests.iter().filter_map(|row| Some(row.guest.clone()?.name)).collect();
    assert_eq!((snapshot.watch, names, snapshot.guest_count), (1, vec!["bob".to_owned()], 1));
    let mut bea = server.guest("bea").await;
    let _bea = Signal::open(&mut bea).await;
    let came = signal.until(hall_change).await;
    assert_eq!((came.watch, came.guest_count), (1, 2));
    for (page_token, expected) in [("", "bea"), ("bea", "bob")] {
        let page_token = page_token.to_owned();
        let asked = ada.asks(v1::ListGuestsRequest { page_size: 1, page_token, ..Default::default() });
        let page = ada.client.list_guests(asked).await.expect("a page").into_inner();
        assert_eq!(page.guests[0].guest.clone().expect("a guest").name, expected);
        assert_eq!(
            (page.guest_count, page.next_page_token),
            (2, if expected == "bea" { expected } else { "" }.to_owned())
        );
    }
    let wrong = [
        (v1::ListGuestsRequest { query: "x".repeat(65), ..Default::default() }, "query"),
        (v1::ListGuestsRequest { page_size: 201, ..Default::default() }, "page_size"),
        (v1::ListGuestsRequest { page_token: "x".repeat(33), ..Default::default() }, "page_token"),
    ];
    for (asked, field) in wrong {
        let asked = ada.asks(asked);
        assert_eq!(crate::support::fields_at_fault(ada.client.list_guests(asked).await), [field]);
    }
}

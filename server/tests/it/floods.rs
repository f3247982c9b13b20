//! Clients that never read, never stop, or never say anything: the others do not notice, and nothing grows.

use crate::signaling::{Signal, in_call, two};
use crate::support::TestServer;
use castle::v1;
use castle::v1::signal_request::Frame as Request;
use castle::v1::signal_response::Frame as Response;
use futures_util::StreamExt as _;
use std::time::Duration;

#[tokio::test]
async fn a_reader_that_never_reads_is_cut_off_and_costs_its_bound() {
    let server = TestServer::start_with(|config| config.hub.sessions.frames_burst = 10_000).await;
    let [(_, mut alice), (mut bob, mut deaf)] = two(&server).await;
    let [call, _] = in_call(&mut alice, (&bob, &mut deaf)).await;
    // What the two said before is acknowledged by nobody either.
    for number in 0..=castle::limits::UNACKED_FRAMES_MAX {
        alice.trickles(&call, &number.to_string()).await;
    }
    assert_eq!(alice.call().await.peer_presence(), v1::PeerPresence::Reconnecting, "the stream was cut off");
    for number in 0..100 {
        alice.trickles(&call, &number.to_string()).await;
    }
    assert_eq!(deaf.end().await, "OVERFLOW");
    let resumed = deaf.resume(&server, &mut bob).await.expect("welcome");
    assert!(!resumed.welcome.resumed, "the gap is said");
    assert_eq!(resumed.welcome.call.as_ref().map(|call| &call.call_id), Some(&call.call_id));
}

#[tokio::test]
async fn a_writer_that_never_stops_is_answered_frame_by_frame_and_holds_nobody_up() {
    let server = TestServer::start_with(|config| {
        config.hub.sessions.frames_burst = 50;
        config.hub.sessions.frames_per_second = 100;
    })
    .await;
    let [(_, mut flood), (_, mut bob)] = two(&server).await;
    let frame = || Request::SetAvailability(v1::SetAvailability { availability: 99 });
    for _ in 0..200 {
        flood.ask(frame()).await;
    }
    bob.say(0, Request::Ping(v1::Ping { nonce: 7 })).await;
    bob.until(|frame| matches!(frame.frame, Some(Response::Pong(_))).then_some(())).await;
    let mut refused = 0;
    for _ in 0..200 {
        refused += u32::from(flood.fault().await.reason() == v1::ErrorReason::RateLimited);
    }
    assert!((100..=150).contains(&refused), "{refused} of 200 were over the rate");
}

/// `CASTLE_IDLE_STREAMS` says how many streams there are: 10,000 where there is time.
#[tokio::test]
async fn idle_streams_are_held_and_one_more_is_refused() {
    const STREAMS_EACH: usize = 100;
    let streams: usize = std::env::var("CASTLE_IDLE_STREAMS").map_or(2_000, |text| text.parse().unwrap());
    let guests = streams / STREAMS_EACH;
    let server = TestServer::start_with(|config| {
        config.hub.sessions.total_max = guests * STREAMS_EACH;
        config.hub.sessions.per_guest_max = STREAMS_EACH + 1;
        // Nobody answers here, however long it takes to open them all.
        config.session.heartbeat_timeout = Duration::from_hours(1);
    })
    .await;
    let mut held = Vec::with_capacity(guests * STREAMS_EACH);
    for number in 0..guests {
        let guest = server.guest(&format!("guest{number}")).await;
        let opened = futures_util::stream::iter(0..STREAMS_EACH).then(|_| {
            let mut guest = guest.clone_with(guest.client.clone());
            async move { Signal::open(&mut guest).await }
        });
        held.extend(opened.collect::<Vec<_>>().await);
    }
    assert_eq!(held.len(), guests * STREAMS_EACH);
    let mut guest = server.guest("one-more").await;
    let refused = Signal::hello(&mut guest, None).await.err().expect("refused");
    assert_eq!(crate::support::reason(&refused), "LIMIT");
    for signal in [0, held.len() - 1] {
        let signal = &mut held[signal];
        signal.say(0, Request::Ping(v1::Ping { nonce: 7 })).await;
        signal.until(|frame| matches!(frame.frame, Some(Response::Pong(_))).then_some(())).await;
    }
}

#[tokio::test]
async fn the_stream_after_the_last_of_a_connection_waits_for_room() {
    const STREAMS: usize = 100;
    let server = TestServer::start_with(|config| config.hub.sessions.per_guest_max = 2 * STREAMS).await;
    let alice = server.guest("alice").await;
    let client = server.client().await;
    let mut held = Vec::with_capacity(STREAMS);
    for _ in 0..STREAMS {
        held.push(Signal::open(&mut alice.clone_with(client.clone())).await);
    }
    let mut guest = alice.clone_with(client);
    let mut one_more = tokio::spawn(async move { Signal::open(&mut guest).await });
    for signal in &mut held {
        signal.say(0, Request::Ping(v1::Ping { nonce: 7 })).await;
        signal.until(|frame| matches!(frame.frame, Some(Response::Pong(_))).then_some(())).await;
    }
    assert!(!one_more.is_finished(), "HTTP/2 lets a client open no more (RFC 9113, section 5.1.2)");
    let mut elsewhere = alice.clone_with(server.client().await);
    assert!(
        !Signal::open(&mut elsewhere).await.welcome.session_id.is_empty(),
        "on another connection it may"
    );
    let first = held.swap_remove(0);
    first.say(0, Request::Bye(v1::Bye {})).await;
    let opened = tokio::time::timeout(crate::signaling::PATIENCE, &mut one_more).await;
    assert!(!opened.expect("there is room now").unwrap().welcome.session_id.is_empty());
}

//! Clients that never read, never stop, or never say anything: the others do not notice, and nothing grows.

use crate::signaling::{Signal, in_call, two};
use crate::support::TestServer;
use castle::v1;
use castle::v1::signal_request::Frame as Request;
use castle::v1::signal_response::Frame as Response;
use futures_util::StreamExt as _;

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

#[tokio::test]
async fn many_idle_streams_are_held_and_one_more_is_refused() {
    const IDLE: usize = 1_000;
    const CONNECTIONS: usize = 20;
    let server = TestServer::start_with(|config| {
        config.hub.sessions.total_max = IDLE;
        config.hub.sessions.per_guest_max = IDLE + 1;
    })
    .await;
    let alice = server.guest("alice").await;
    let mut held = Vec::with_capacity(IDLE);
    for _ in 0..CONNECTIONS {
        let client = server.client().await;
        let opened = futures_util::stream::iter(0..IDLE / CONNECTIONS).then(|_| {
            let mut guest = alice.clone_with(client.clone());
            async move { Signal::open(&mut guest).await }
        });
        held.extend(opened.collect::<Vec<_>>().await);
    }
    assert_eq!(held.len(), IDLE);
    let mut guest = alice.clone_with(server.client().await);
    let refused = Signal::hello(&mut guest, None).await.err().expect("refused");
    assert_eq!(crate::support::reason(&refused), "LIMIT");
    let first = &mut held[0];
    first.say(0, Request::Ping(v1::Ping { nonce: 7 })).await;
    first.until(|frame| matches!(frame.frame, Some(Response::Pong(_))).then_some(())).await;
}

//! Calls over connections that break about every second: every frame arrives once and in order, whichever way the two
//! ends speak with the server.
//!
//! `CASTLE_TEST_FRAMES` says how many frames (100,000), `CASTLE_TEST_SEED` which faults.

mod wire;

use crate::page::ORIGIN;
use crate::proxy::FaultProxy;
use crate::signaling::{hello, in_call, two_named};
use crate::support::{TestGuest, TestServer};
use castle::link::{Arrival, Link};
use castle::v1;
use castle::v1::signal_request::Frame as Request;
use castle::v1::signal_response::Frame as Response;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tonic::Status;
use wire::{Kind, Server, Wire};

const PAIRS: u64 = 20;
/// The ways in which the two ends of a pair speak with the server, on one connection after the other.
const KINDS: [[&[Kind]; 2]; 5] = [
    [&[Kind::Signal], &[Kind::Signal]],
    [&[Kind::Signal], &[Kind::Subscribe]],
    [&[Kind::Page], &[Kind::Signal]],
    [&[Kind::Subscribe], &[Kind::Page]],
    [&[Kind::Subscribe, Kind::Signal], &[Kind::Signal, Kind::Page, Kind::Subscribe]],
];
/// The two ends of a pair lose a connection about this often together, on average over a run: at worst half as often.
const CUT_EVERY: Duration = Duration::from_secs(1);
/// Frames under way from one end to the other: a receiver that is away must not overflow.
const WINDOW: u64 = 100;
/// Without a word for so long, a client takes its connection for dead. The server says something more often.
const PATIENCE: Duration = Duration::from_millis(1200);
const HEARTBEAT: Duration = Duration::from_millis(300);
const ACK_EVERY: u64 = 16;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().expect("a number"))
}

/// How far one direction of a call has come.
#[derive(Default)]
struct Way {
    arrived: AtomicU64,
    /// What the server knows to have arrived, as its pongs say: no more than a window past this is under way.
    known: AtomicU64,
    moved: Notify,
}

impl Way {
    fn knows(&self, arrived: u64) {
        self.known.fetch_max(arrived, Ordering::AcqRel);
        self.moved.notify_waiters();
    }
}

/// One end of a call, over any number of connections.
struct End {
    server: Server,
    kinds: &'static [Kind],
    call_id: String,
    link: Link<v1::SignalRequest>,
    resume_token: String,
    epoch: u64,
    frames: u64,
    said: u64,
    asked: u64,
    out: Arc<Way>,
    back: Arc<Way>,
    connections: usize,
}

/// How an end came through.
struct Through {
    pair: u64,
    /// Connections that broke on the way.
    broken: usize,
    took: Duration,
}

impl End {
    fn done(&self) -> bool {
        self.out.arrived.load(Ordering::Acquire) == self.frames
            && self.back.arrived.load(Ordering::Acquire) == self.frames
    }

    /// Runs until both directions are through.
    async fn run(mut self, pair: u64) -> Through {
        let began = Instant::now();
        while !self.done() {
            self.connections += 1;
            // A connection that breaks is what this is about.
            self.serve().await.ok();
        }
        Through { pair, broken: self.connections.saturating_sub(1), took: began.elapsed() }
    }

    async fn connect(&mut self) -> Result<Wire, Status> {
        // Also where the welcome is lost on its way: an epoch counts once.
        self.epoch += 1;
        let resume = v1::Resume {
            resume_token: self.resume_token.clone(),
            received_seq: self.link.received(),
            epoch: self.epoch,
        };
        let Request::Hello(hello) = hello(Some(resume)) else { unreachable!("hello says hello") };
        let kind = self.kinds[(self.connections - 1) % self.kinds.len()];
        let (mut wire, welcome) = Wire::open(kind, &self.server, hello).await?;
        assert!(welcome.resumed, "a gap, though nothing overflowed");
        self.epoch = welcome.epoch;
        self.asked = self.back.arrived.load(Ordering::Acquire);
        self.back.knows(self.asked);
        for frame in self.link.resume(welcome.received_seq).expect("the same session") {
            wire.say(frame.clone()).await?;
        }
        Ok(wire)
    }

    async fn serve(&mut self) -> Result<(), Status> {
        let connected = tokio::time::timeout(PATIENCE, self.connect()).await;
        let mut wire = connected.map_err(|_| Status::deadline_exceeded("silence"))??;
        let out = Arc::clone(&self.out);
        while !self.done() {
            let moved = out.moved.notified();
            tokio::pin!(moved);
            moved.as_mut().enable();
            while self.may_say() {
                wire.say(self.next_frame()).await?;
            }
            tokio::select! {
                () = moved => {}
                heard = tokio::time::timeout(PATIENCE, wire.hear()) => {
                    let frame = heard.map_err(|_| Status::deadline_exceeded("silence"))??;
                    let Some(answer) = self.hear(frame) else { continue };
                    wire.say(answer).await?;
                }
            }
        }
        Ok(())
    }

    /// Neither end's link may overflow, also where acknowledgements are lost in one direction.
    fn may_say(&self) -> bool {
        let window = self.out.known.load(Ordering::Acquire) + WINDOW;
        self.said < self.frames.min(window) && (self.link.unacked() as u64) < WINDOW
    }

    fn next_frame(&mut self) -> v1::SignalRequest {
        self.said += 1;
        let candidate = v1::Candidate {
            call_id: self.call_id.clone(),
            candidate: self.said.to_string(),
            ..Default::default()
        };
        let ack = self.link.ack();
        let frame = self.link.send(|seq| {
            let frame = Some(Request::Candidate(candidate));
            (v1::SignalRequest { seq, ack, frame, ..Default::default() }, 100)
        });
        frame.expect("the window is below the bound").clone()
    }

    fn hear(&mut self, frame: v1::SignalResponse) -> Option<v1::SignalRequest> {
        self.link.acknowledge(frame.ack).expect("the server acknowledges what was sent");
        let new = frame.seq == 0
            || self.link.receive(frame.seq).expect("no gap on one connection") == Arrival::Deliver;
        let pinged = matches!(frame.frame, Some(Response::Ping(_)));
        match frame.frame {
            Some(Response::Candidate(candidate)) if new => {
                let before = self.back.arrived.load(Ordering::Acquire);
                assert_eq!(candidate.candidate, (before + 1).to_string(), "once and in order");
                self.back.arrived.store(before + 1, Ordering::Release);
                if before + 1 == self.frames {
                    self.back.moved.notify_waiters();
                }
            }
            Some(Response::Pong(pong)) => self.back.knows(pong.nonce),
            Some(Response::Error(error)) => panic!("{error:?}"),
            _ => {}
        }
        let arrived = self.back.arrived.load(Ordering::Acquire);
        let owed = pinged || arrived - self.asked >= ACK_EVERY;
        owed.then(|| {
            self.asked = arrived;
            let frame = Some(Request::Ping(v1::Ping { nonce: arrived }));
            v1::SignalRequest { ack: self.link.ack(), frame, ..Default::default() }
        })
    }
}

/// A call through the server itself; its two ends go on through the proxy.
async fn pair(server: &TestServer, proxy: &FaultProxy, number: u64, frames: u64) -> [End; 2] {
    let names = [format!("caller{number}"), format!("callee{number}")];
    let [(caller, mut caller_signal), (callee, mut callee_signal)] = two_named(server, &names).await;
    let [call, _] = in_call(&mut caller_signal, (&callee, &mut callee_signal)).await;
    let ways = [Arc::new(Way::default()), Arc::new(Way::default())];
    let [callers, callees] = KINDS[number as usize % KINDS.len()];
    let end =
        |guest: &TestGuest, signal: crate::signaling::Signal, kinds, out: &Arc<Way>, back: &Arc<Way>| End {
            server: Server { proxy: proxy.address, token: guest.tokens.access_token.clone() },
            kinds,
            call_id: call.call_id.clone(),
            link: signal.link(),
            resume_token: signal.welcome.resume_token.clone(),
            epoch: signal.welcome.epoch,
            frames,
            said: 0,
            asked: 0,
            out: Arc::clone(out),
            back: Arc::clone(back),
            connections: 0,
        };
    [
        end(&caller, caller_signal, callers, &ways[0], &ways[1]),
        end(&callee, callee_signal, callees, &ways[1], &ways[0]),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_frame_is_lost_or_doubled_by_connections_that_break() {
    let (frames, seed) = (setting("CASTLE_TEST_FRAMES", 100_000), setting("CASTLE_TEST_SEED", 1));
    let server = TestServer::start_with(|config| {
        config.hub.sessions.frames_per_second = 1_000_000;
        config.hub.sessions.frames_burst = 1_000_000;
        // All come at once, from one network.
        config.accounts.hashing.at_once = PAIRS as usize;
        config.session.heartbeat = HEARTBEAT;
        config.session.heartbeat_timeout = PATIENCE;
        config.web_origins = vec![ORIGIN.to_owned()];
    })
    .await;
    let proxy = FaultProxy::start(server.listening.grpc, seed).await;
    let each = frames.div_ceil(2 * PAIRS);
    let pairs = (0..PAIRS).map(|number| pair(&server, &proxy, number, each));
    let pairs = futures_util::future::join_all(pairs).await;
    let ways: Vec<Arc<Way>> = pairs.iter().flatten().map(|end| Arc::clone(&end.back)).collect();
    let began = Instant::now();
    let numbered = (0..).zip(pairs).flat_map(|(pair, ends)| ends.map(|end| end.run(pair)));
    let mut running: tokio::task::JoinSet<Through> = numbered.collect();
    let (mut broken, mut took) = ([0; PAIRS as usize], [Duration::ZERO; PAIRS as usize]);
    while let Some(ended) = running.join_next().await {
        let end = ended.unwrap_or_else(|fault| panic!("CASTLE_TEST_SEED={seed}: {fault}"));
        broken[end.pair as usize] += end.broken;
        took[end.pair as usize] = took[end.pair as usize].max(end.took);
    }
    let arrived: u64 = ways.iter().map(|way| way.arrived.load(Ordering::Acquire)).sum();
    assert_eq!(arrived, each * 2 * PAIRS, "seed {seed}");
    let (cuts, in_all) = (broken.iter().sum::<usize>(), took.iter().sum::<Duration>());
    println!(
        "{arrived} frames in {:.1} s: {cuts} of {PAIRS} pairs' sessions' connections were cut, of each pair's one \
         every {:.2} s; {} faults of the proxy in all",
        began.elapsed().as_secs_f64(),
        in_all.as_secs_f64() / cuts as f64,
        proxy.faults()
    );
    println!("cuts of each pair: {broken:?} in {took:.1?}");
    if frames >= 100_000 {
        let cut = broken.iter().filter(|&&cuts| cuts > 0).count();
        assert!(cut >= PAIRS as usize * 3 / 4, "too many pairs came through whole: {broken:?}");
        assert!(in_all <= CUT_EVERY * 2 * cuts as u32, "{cuts} cuts in {in_all:?} of all pairs");
    }
}

//! What sessions cost a server in a process of its own: idle ones, those that come and go, and those of clients that
//! never read. What is asserted is what a leak or a queue without a bound would break, not what a bench measures.

use crate::cli::{Served, json_of, run};
use crate::signaling::{Signal, in_call};
use crate::support::{TestGuest, reason, registering};
use castle::v1;
use castle::v1::castle_service_client::CastleServiceClient;
use castle::v1::signal_request::Frame as Request;
use futures_util::task::AtomicWaker;
use hyper_util::rt::TokioIo;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};

/// Streams of one guest, on one connection.
const STREAMS_EACH: usize = 100;
/// Far above what an idle session takes, and far below what one does whose outbox or buffers are filled in advance.
const IDLE_KIB_MAX: u64 = 64;
/// What may be left of a session that has gone, by how the allocator keeps its pages.
const GONE_KIB_MAX: u64 = 1;
/// How often all come and go.
const WAVES: usize = 6;
/// What a client that never reads may make the server hold, KiB: its unacknowledged frames (256), as much again on
/// their way to the socket, and the buffers of its connection.
const DEAF_KIB_MAX: u64 = 1024;

/// The program, with settings under which one guest may have many streams and say what they like.
fn serve(home: &Path) -> Served {
    let settings =
        ["--sessions-per-guest", "200", "--frames-per-second", "1000000", "--frames-burst", "1000000"];
    Served::start_with(home, &settings, Stdio::null())
}

/// What the server's process holds in memory, KiB.
fn held_kib(served: &Served) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", served.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Guests with a connection each.
async fn guests(served: &Served, home: &Path, names: &[String]) -> Vec<TestGuest> {
    let uses = names.len().to_string();
    let create = ["invite", "create", "--json", "--data-dir", "data", "--uses", &uses];
    let code = json_of(&run(home, &create))["code"].as_str().unwrap().to_owned();
    let mut guests = Vec::new();
    for name in names {
        let mut client = served.client().await;
        let request = v1::RegisterRequest { invitation_code: code.clone(), ..registering(name) };
        let registered = client.register(request).await.unwrap().into_inner();
        guests.push(TestGuest {
            client,
            guest: registered.guest.unwrap(),
            tokens: registered.tokens.unwrap(),
        });
    }
    guests
}

/// Sessions whose clients do nothing but answer pings.
struct Held {
    count: u64,
    leaves: watch::Sender<bool>,
    all: JoinSet<String>,
}

impl Held {
    /// All say goodbye.
    async fn leave(mut self) {
        self.leaves.send_replace(true);
        while let Some(ended) = self.all.join_next().await {
            let ended = ended.unwrap();
            assert!(ended.contains("the stream ended"), "{ended}");
        }
    }
}

/// So many sessions of each guest.
async fn sessions(guests: &[TestGuest]) -> Held {
    let leaves = watch::Sender::new(false);
    let mut all = JoinSet::new();
    for guest in guests {
        let opened = (0..STREAMS_EACH).map(|_| {
            let mut guest = guest.clone_with(guest.client.clone());
            async move { Signal::open(&mut guest).await }
        });
        for mut signal in futures_util::future::join_all(opened).await {
            let mut told = leaves.subscribe();
            all.spawn(async move {
                let leaves = tokio::select! {
                    told = async { told.wait_for(|&leaves| leaves).await.is_ok() } => told,
                    ended = signal.end() => return ended,
                };
                if leaves {
                    signal.say(0, Request::Bye(v1::Bye {})).await;
                }
                signal.end().await
            });
        }
    }
    Held { count: all.len() as u64, leaves, all }
}

/// `CASTLE_IDLE_STREAMS` says how many streams there are: 10,000 where there is time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_streams_cost_little_and_those_that_have_gone_nothing() {
    let streams: usize = std::env::var("CASTLE_IDLE_STREAMS").map_or(2_000, |text| text.parse().unwrap());
    let home = TempDir::new().unwrap();
    let served = serve(home.path());
    let names: Vec<String> = (0..=streams / STREAMS_EACH).map(|number| format!("guest{number}")).collect();
    let guests = guests(&served, home.path(), &names).await;
    // What the first ones cost is the program's own.
    let (first, others) = guests.split_first().unwrap();
    let first = sessions(std::slice::from_ref(first)).await;
    let before = held_kib(&served);
    let mut held = sessions(others).await;
    let each = (held_kib(&served) - before) / held.count;
    println!("{} idle sessions, {each} KiB each", held.count);
    assert!(each <= IDLE_KIB_MAX, "{each} KiB of each idle session");

    // The allocator keeps some of what the first ones gave back in pieces, and finds room in it for the later ones.
    let mut waves = Vec::new();
    for _ in 0..WAVES {
        held.leave().await;
        held = sessions(others).await;
        waves.push(held_kib(&served));
    }
    println!("{before} KiB at first, then with all of them {waves:?}");
    let grown = waves[WAVES - 1].saturating_sub(waves[WAVES / 2 - 1]);
    let most = GONE_KIB_MAX * held.count * (WAVES / 2) as u64;
    assert!(grown <= most, "{grown} KiB stayed of sessions that have gone");
    first.leave().await;
    held.leave().await;
}

/// A connection that takes nothing from the network until it is told to.
struct Deaf {
    tcp: TcpStream,
    ears: Arc<Ears>,
}

#[derive(Default)]
struct Ears {
    open: AtomicBool,
    reader: AtomicWaker,
}

impl Ears {
    fn set(&self, open: bool) {
        self.open.store(open, Ordering::Release);
        self.reader.wake();
    }
}

impl AsyncRead for Deaf {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.ears.reader.register(context.waker());
        if !self.ears.open.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        Pin::new(&mut self.tcp).poll_read(context, buf)
    }
}

impl AsyncWrite for Deaf {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}

/// A connection whose ears are open so far.
async fn with_ears(served: &Served) -> (Channel, Arc<Ears>) {
    let address = served.said["grpc"].as_str().unwrap().to_owned();
    let ears = Arc::new(Ears::default());
    ears.set(true);
    let given = Arc::clone(&ears);
    let connector = tower::service_fn(move |_| {
        let (address, ears) = (address.clone(), Arc::clone(&given));
        async move { Ok::<_, io::Error>(TokioIo::new(Deaf { tcp: TcpStream::connect(address).await?, ears })) }
    });
    let endpoint = Endpoint::from_shared(served.said["url"].as_str().unwrap().to_owned()).unwrap();
    (endpoint.connect_with_connector(connector).await.unwrap(), ears)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_never_read_cost_their_bound_and_are_told_of_the_gap() {
    const PAIRS: usize = 4;
    let home = TempDir::new().unwrap();
    let served = serve(home.path());
    let names: Vec<String> =
        (0..PAIRS).flat_map(|pair| [format!("talks{pair}"), format!("deaf{pair}")]).collect();
    let mut guests = guests(&served, home.path(), &names).await;
    let mut pairs = Vec::new();
    for pair in guests.chunks_mut(2) {
        let [talks, deaf] = pair else { unreachable!("they come in pairs") };
        let (channel, ears) = with_ears(&served).await;
        deaf.client = CastleServiceClient::new(channel);
        let (mut hers, mut his) = (Signal::open(talks).await, Signal::open(deaf).await);
        let [call, _] = in_call(&mut hers, (deaf, &mut his)).await;
        ears.set(false);
        pairs.push((hers, his, call, ears));
    }
    let before = held_kib(&served);
    let line = "c".repeat(castle::limits::CANDIDATE_BYTES_MAX);
    // Ten times the bound of each.
    let frames = 10 * castle::limits::UNACKED_BYTES_MAX / line.len();
    for (hers, _, call, _) in &mut pairs {
        for _ in 0..frames {
            hers.trickles(call, &line).await;
            if hers.sent % 64 == 0 {
                hears_a_pong(hers).await;
            }
        }
    }
    let each = held_kib(&served).saturating_sub(before) / PAIRS as u64;
    println!("{} KiB said to each of {PAIRS} clients that never read: {each} KiB held for each", frames * 2);
    assert!(each <= DEAF_KIB_MAX, "{each} KiB held for each client that never reads");

    for (deaf, (mut hers, mut his, call, ears)) in guests.iter_mut().skip(1).step_by(2).zip(pairs) {
        ears.set(true);
        let status = loop {
            if let Err(status) = his.next().await {
                break status;
            }
        };
        assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "OVERFLOW"));
        let resumed = Signal::hello(deaf, Some(his.resume_request())).await.expect("welcome");
        assert!(!resumed.welcome.resumed, "the gap is said");
        assert_eq!(resumed.welcome.call.clone().map(|call| call.call_id), Some(call.call_id.clone()));
        hers.hangs_up(&call).await;
    }
}

/// All that was said before has been performed.
async fn hears_a_pong(signal: &mut Signal) {
    signal.say(0, Request::Ping(v1::Ping { nonce: signal.sent })).await;
    let nonce = signal.sent;
    signal
        .until(|frame| {
            matches!(&frame.frame, Some(v1::signal_response::Frame::Pong(pong)) if pong.nonce == nonce)
                .then_some(())
        })
        .await;
}

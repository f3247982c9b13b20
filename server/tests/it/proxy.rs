//! A TCP proxy between clients and the server that breaks what goes through it, by a seed: connections cut in both
//! directions, in the middle of a frame, held open without a word, deaf in one direction, delayed.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio_util::task::AbortOnDropHandle;

/// A connection lives so long, on average a second.
const LIFE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_millis(1500));
/// It also breaks once it has carried so many bytes, or a quick machine would be done before the first fault.
const CARRIES: (i64, i64) = (60_000, 240_000);
/// A dead connection is held open so long at most.
const HELD: Duration = Duration::from_secs(5);
/// Read at once: less than a frame's worth of candidates, so that cuts fall anywhere.
const PIECE: usize = 700;

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Everything goes through.
    None,
    /// Both directions end at once.
    Cut,
    /// Half of the next piece still arrives.
    MidFrame,
    /// Nothing arrives any more, and nobody says so.
    HalfOpen,
    /// The same in one direction.
    Deaf { to_server: bool },
    /// Everything arrives late, then the connection is cut.
    Delayed,
}

/// A running proxy; ends when dropped.
pub(crate) struct FaultProxy {
    pub(crate) address: SocketAddr,
    faults: Arc<AtomicU64>,
    _task: AbortOnDropHandle<()>,
}

impl FaultProxy {
    /// In front of `server`. The same seed does the same to the first connection, the second, and so on.
    pub(crate) async fn start(server: SocketAddr, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let faults = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&faults);
        let task = tokio::spawn(async move {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let fault = match rng.random_range(0..6) {
                    0 | 1 => Fault::Cut,
                    2 => Fault::MidFrame,
                    3 => Fault::HalfOpen,
                    4 => Fault::Deaf { to_server: rng.random() },
                    _ => Fault::Delayed,
                };
                let life = rng.random_range(LIFE.0..LIFE.1);
                let wear = Wear {
                    left: AtomicI64::new(rng.random_range(CARRIES.0..CARRIES.1)),
                    worn_out: Notify::new(),
                };
                connections.spawn(carry(client, server, (life, wear), fault, Arc::clone(&counted)));
                while connections.try_join_next().is_some() {}
            }
        });
        Self { address, faults, _task: AbortOnDropHandle::new(task) }
    }

    /// How many connections were broken so far.
    pub(crate) fn faults(&self) -> u64 {
        self.faults.load(Ordering::Relaxed)
    }
}

/// How much a connection still carries before it breaks.
struct Wear {
    left: AtomicI64,
    worn_out: Notify,
}

impl Wear {
    fn carry(&self, bytes: usize) {
        if self.left.fetch_sub(bytes as i64, Ordering::Relaxed) < bytes as i64 {
            self.worn_out.notify_one();
        }
    }
}

/// One connection, to its end.
async fn carry(
    client: TcpStream,
    server: SocketAddr,
    (life, wear): (Duration, Wear),
    fault: Fault,
    faults: Arc<AtomicU64>,
) {
    let Ok(upstream) = TcpStream::connect(server).await else { return };
    client.set_nodelay(true).ok();
    upstream.set_nodelay(true).ok();
    let (state, watched) = watch::channel(Fault::None);
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = upstream.into_split();
    let up = pump(from_client, to_server, true, (watched.clone(), &wear));
    let down = pump(from_server, to_client, false, (watched, &wear));
    let both = async { tokio::join!(up, down) };
    tokio::pin!(both);
    tokio::select! {
        _ = &mut both => return, // the client went before its time
        () = wear.worn_out.notified() => {}
        _ = tokio::time::timeout(life, std::future::pending::<()>()) => {}
    }
    faults.fetch_add(1, Ordering::Relaxed);
    state.send_replace(fault);
    let rest = match fault {
        Fault::None | Fault::Cut => Duration::ZERO,
        Fault::MidFrame => Duration::from_millis(20),
        Fault::Delayed => Duration::from_millis(300),
        Fault::HalfOpen | Fault::Deaf { .. } => HELD,
    };
    // Over when either side lets go, or by then: both sockets are closed.
    tokio::time::timeout(rest, both).await.ok();
}

/// Copies one direction under the fault of the moment.
async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    to_server: bool,
    (fault, wear): (watch::Receiver<Fault>, &Wear),
) {
    let mut piece = [0; PIECE];
    loop {
        let Ok(count @ 1..) = from.read(&mut piece).await else { return };
        wear.carry(count);
        let now = *fault.borrow();
        let arrives = match now {
            Fault::None | Fault::Cut | Fault::Delayed => count,
            Fault::MidFrame => count / 2,
            Fault::HalfOpen => 0,
            Fault::Deaf { to_server: deaf } => count * usize::from(deaf != to_server),
        };
        if now == Fault::Delayed {
            tokio::time::timeout(Duration::from_millis(50), std::future::pending::<()>()).await.ok();
        }
        if to.write_all(&piece[..arrives]).await.is_err() || now == Fault::MidFrame {
            return;
        }
    }
}

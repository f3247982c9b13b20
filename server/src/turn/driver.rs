//! The relay's sockets: reads datagrams and streams, lets the machine decide, sends what it wants sent.
//!
//! Owns IO, the clock and the bounds of connections; no rule. One task reads the listener, one each relayed
//! socket, one each stream; none is spawned and nothing is allocated for a packet.

use super::counters::{Counters, Dropped};
use super::datagrams::{Datagrams, Way};
use super::gate::Gate;
use super::host;
use super::machine::limits::Limits;
use super::machine::{Client, Effect, Effects, Input, Kind, Machine, Now};
use super::peers::HostAddresses;
use super::ports::{Ports, RelaySocket};
use super::stream::Outgoing;
use crate::transport::TrustedProxies;
use socket2::SockRef;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Longest packet taken from a peer, bytes: over any path that media takes. Longer ones are dropped.
const RELAYED_BYTES_MAX: usize = 4096;
/// Longest datagram taken from a client, bytes: a relayed packet and what TURN puts around it.
const DATAGRAM_BYTES_MAX: usize = RELAYED_BYTES_MAX + 512;
/// What the kernel may hold for the listener while this process is not run, bytes: 40 ms at 1 Gb/s.
const LISTENER_BUFFER_BYTES: usize = 4 << 20;
/// How often what has run out is ended.
const TICK: Duration = Duration::from_secs(1);
/// How often the system is asked for this host's addresses. So long may one that came to it pass for another's.
const HOST_EVERY: Duration = Duration::from_secs(1);
/// After an error of a socket that is none of a single packet.
const ERROR_PAUSE: Duration = Duration::from_millis(10);

/// Tells the time.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Now + Send + Sync>);

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock(…)")
    }
}

impl Clock {
    /// That tells what `now` says.
    pub fn new(now: impl Fn() -> Now + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The time.
    pub fn now(&self) -> Now {
        (self.0)()
    }
}

/// The way back to a client.
#[derive(Clone)]
pub(super) enum Link {
    /// By datagrams.
    Datagrams(Arc<Datagrams>, Way),
    /// By a stream.
    Stream(Arc<Outgoing>),
}

pub(super) type Out = Effects<Link, Arc<RelaySocket>>;

/// What the relay's tasks share.
pub(super) struct Core {
    pub(super) machine: Mutex<Machine<Link, Ports>>,
    pub(super) counters: Arc<Counters>,
    pub(super) limits: Limits,
    pub(super) proxies: TrustedProxies,
    pub(super) clock: Clock,
    pub(super) gate: Gate,
    pub(super) tasks: TaskTracker,
    pub(super) stopped: CancellationToken,
}

impl Core {
    /// Performs `input` and what comes of it. `out` is room that the caller keeps.
    pub(super) fn handle(self: &Arc<Self>, input: Input<'_, Link>, out: &mut Out) {
        out.clear();
        let now = self.clock.now();
        self.machine.lock().unwrap_or_else(PoisonError::into_inner).handle(now, input, out);
        let Effects { list, bytes } = out;
        for effect in list.drain(..) {
            match effect {
                Effect::ToClient { link: Link::Datagrams(socket, way), bytes: range, .. } => {
                    socket.send(&bytes[range], way);
                }
                Effect::ToClient { link: Link::Stream(stream), kind, bytes: range } => {
                    if !stream.push(kind, &bytes[range]) && kind == Kind::Media {
                        self.counters.drop_packet(Dropped::SlowReader);
                    }
                }
                Effect::ToPeer { socket, to, bytes: range } => send(&socket.socket, &bytes[range], to),
                Effect::Open(socket) => {
                    self.tasks.spawn(Arc::clone(self).read_peers(socket));
                }
                Effect::Close(socket) => socket.closed.cancel(),
            }
        }
    }

    /// Reads what clients send to a listener.
    pub(super) async fn read_clients(self: Arc<Self>, socket: Datagrams, listener: u8) {
        if let Err(error) = socket.set_recv_buffer_size(LISTENER_BUFFER_BYTES) {
            tracing::debug!("the relay's listener keeps its small buffer: {error}");
        }
        let socket = Arc::new(socket);
        let (mut packet, mut out) = (vec![0; DATAGRAM_BYTES_MAX + 1], Out::default());
        let stopped = self.stopped.cancelled();
        tokio::pin!(stopped);
        loop {
            let received = tokio::select! {
                () = &mut stopped => return,
                received = socket.receive(&mut packet) => received,
            };
            match received {
                Ok((length, way)) if length <= DATAGRAM_BYTES_MAX => {
                    let client = Client { from: canonical(way.from), listener, stream: false };
                    let link = Link::Datagrams(Arc::clone(&socket), way);
                    self.handle(Input::Client { client, link: &link, packet: &packet[..length] }, &mut out);
                }
                Ok(_) => self.counters.drop_packet(Dropped::Stray),
                Err(error) => {
                    tracing::debug!("the relay's listener: {error}");
                    tokio::time::sleep(ERROR_PAUSE).await;
                }
            }
        }
    }

    /// Reads what peers send to a relayed address.
    async fn read_peers(self: Arc<Self>, socket: Arc<RelaySocket>) {
        let (mut packet, mut out) = (vec![0; RELAYED_BYTES_MAX + 1], Out::default());
        let closed = socket.closed.cancelled();
        tokio::pin!(closed);
        loop {
            let received = tokio::select! {
                () = &mut closed => return,
                received = socket.socket.recv_from(&mut packet) => received,
            };
            match received {
                Ok((length, from)) if length <= RELAYED_BYTES_MAX => {
                    let (family, port, packet) = (socket.family, socket.port, &packet[..length]);
                    self.handle(Input::Peer { family, port, from, packet }, &mut out);
                }
                Ok(_) => self.counters.drop_packet(Dropped::Stray),
                Err(error) => {
                    tracing::debug!("a relayed socket: {error}");
                    tokio::time::sleep(ERROR_PAUSE).await;
                }
            }
        }
    }

    /// Tells the machine which addresses this host has, whenever that changes. What it was last told holds while the
    /// system does not say, as when there is no file descriptor to ask with.
    pub(super) async fn watch_host(self: Arc<Self>, mut known: HostAddresses) {
        let mut ticks = tokio::time::interval(HOST_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut out = Out::default();
        while self.stopped.run_until_cancelled(ticks.tick()).await.is_some() {
            match tokio::task::spawn_blocking(host::addresses).await {
                Ok(Ok(addresses)) if addresses != known => {
                    known.clone_from(&addresses);
                    self.handle(Input::Host(addresses), &mut out);
                }
                Ok(Ok(_)) => {}
                Ok(Err(error)) => tracing::warn!("this host's addresses cannot be listed: {error}"),
                Err(error) => tracing::debug!("this host's addresses were not listed: {error}"),
            }
        }
    }

    /// Lets time pass.
    pub(super) async fn tick(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(TICK);
        let mut out = Out::default();
        while self.stopped.run_until_cancelled(ticks.tick()).await.is_some() {
            self.handle(Input::Tick, &mut out);
        }
    }
}

/// An address as the machine knows it: IPv4 is IPv4, whatever socket it came to.
pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Sends now or never: a packet that the kernel has no room for is lost, as on any full path.
fn send(socket: &UdpSocket, packet: &[u8], to: SocketAddr) {
    // Past the runtime, which would first have to learn that the socket is writable.
    if let Err(error) = SockRef::from(socket).send_to(packet, &to.into()) {
        tracing::trace!(%to, "not sent: {error}");
    }
}

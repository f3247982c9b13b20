//! The embedded STUN/TURN relay (RFC 8489, RFC 8656; credentials as coturn's `use-auth-secret`).
//!
//! Owns how it is started, asked and ended. What it does with each packet is decided in the pure `turn/machine.rs`
//! and put on sockets by `turn/driver.rs` and `turn/stream.rs`.

pub mod counters;
mod datagrams;
mod driver;
mod gate;
mod host;
pub mod machine;
pub mod peers;
mod ports;
pub mod probe;
pub mod service;
mod stream;
pub mod wire;

pub use driver::Clock;

use self::counters::Counters;
use self::datagrams::Datagrams;
use self::driver::{Core, Out};
use self::machine::limits::Limits;
use self::machine::{Input, Machine, Now, RelayIp, Settings};
use self::peers::{Network, PeerRules};
use self::ports::Ports;
use crate::ice::{CredentialsOf, TurnSecret};
use crate::transport::TrustedProxies;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UdpSocket};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A port on which the server itself accepts streams for the relay, out of TLS. Each is told from the others: one client
/// may come to two of them from the same port of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealedPort {
    /// That of gRPC, where ALPN says what is spoken.
    BesideGrpc,
    /// One for TURN alone.
    Own,
}

impl SealedPort {
    /// As clients of it are told from others: from the top, the relay's own listeners from the bottom.
    fn listener(self) -> u8 {
        match self {
            Self::BesideGrpc => u8::MAX,
            Self::Own => u8::MAX - 1,
        }
    }
}

/// Where the relay listens and relays.
pub struct RelayConfig {
    /// Bound listeners for datagrams.
    pub udp: Vec<UdpSocket>,
    /// Bound listeners for streams.
    pub tcp: Vec<TcpListener>,
    /// Where relayed addresses are; at most one of each family.
    pub ips: Vec<RelayIp>,
    /// Ports of relayed addresses; `None`: any.
    pub ports: Option<RangeInclusive<u16>>,
    /// Private networks whose addresses may be peers all the same.
    pub allowed_peers: Vec<Network>,
    /// Proxies that streams come by: each speaks for many guests.
    pub proxies: TrustedProxies,
    /// Clients come from this machine alone, so that its loopback addresses may be peers.
    pub loopback_peers: bool,
    /// Bounds.
    pub limits: Limits,
    /// Shared with whoever vends credentials.
    pub secret: TurnSecret,
    /// Tells the time; see [`system_clock`].
    pub clock: Clock,
}

/// The relay could not be started.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// Nobody could be given a relayed address.
    #[error("the relay cannot start: its sockets cannot be bound to {ip}: {source}")]
    Unbindable {
        /// Where.
        ip: IpAddr,
        /// Why.
        source: std::io::Error,
    },
    /// What the relay may not be a way to is not known.
    #[error("the relay cannot start: this host's addresses cannot be listed: {0}")]
    HostUnknown(std::io::Error),
    /// A listener on all addresses would not know where it was asked at.
    #[error("the relay cannot start: its listener for datagrams cannot be set up: {0}")]
    Listener(std::io::Error),
}

/// The time as the system tells it.
pub fn system_clock() -> Clock {
    let start = Instant::now();
    Clock::new(move || Now {
        at: start.elapsed(),
        unix: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
    })
}

/// The running relay. Copies are the same relay.
#[derive(Clone)]
pub struct Relay {
    core: Arc<Core>,
}

impl Relay {
    /// Starts relaying.
    pub async fn start(config: RelayConfig) -> Result<Self, RelayError> {
        let RelayConfig { udp, tcp, ips, ports, allowed_peers, proxies, loopback_peers, .. } = config;
        let RelayConfig { limits, secret, clock, .. } = config;
        for ip in ips.iter().map(|ip| ip.bound) {
            // Said now, and not by each call that finds no way.
            UdpSocket::bind((ip, 0)).await.map_err(|source| RelayError::Unbindable { ip, source })?;
        }
        let own = host::addresses().map_err(RelayError::HostUnknown)?;
        let listeners = udp.into_iter().map(Datagrams::new).collect::<Result<Vec<_>, _>>();
        let listeners = listeners.map_err(RelayError::Listener)?;
        let peers = PeerRules::new(loopback_peers, own.clone())
            .allowing(allowed_peers)
            .refusing(ips.iter().filter(|ip| ip.shown != ip.bound).map(|ip| ip.shown).collect());
        let stopped = CancellationToken::new();
        let ports = Ports::new(ips.iter().map(|ip| ip.bound), ports, stopped.clone());
        ports.fill();
        let filling = ports.clone();
        let settings = Settings {
            ips,
            peers,
            proxies: proxies.clone(),
            limits: limits.clone(),
            secret,
            nonce_key: rand::random(),
        };
        let counters = Arc::new(Counters::default());
        let core = Arc::new(Core {
            machine: Mutex::new(Machine::new(settings, ports, Arc::clone(&counters))),
            counters,
            limits,
            proxies,
            clock,
            gate: gate::Gate::default(),
            tasks: TaskTracker::new(),
            stopped,
        });
        for (socket, number) in listeners.into_iter().zip(0..) {
            core.tasks.spawn(Arc::clone(&core).read_clients(socket, number));
        }
        for (listener, number) in tcp.into_iter().zip(0..) {
            core.tasks.spawn(Arc::clone(&core).accept(listener, number));
        }
        core.tasks.spawn(filling.keep_filled());
        core.tasks.spawn(Arc::clone(&core).watch_host(own));
        core.tasks.spawn(Arc::clone(&core).tick());
        Ok(Self { core })
    }

    /// Serves a client whose stream the server accepted on this port, until it ends.
    pub async fn serve_stream(
        &self,
        stream: impl AsyncRead + AsyncWrite,
        from: SocketAddr,
        port: SealedPort,
    ) {
        self.core.serve(stream, from, port.listener(), true).await;
    }

    /// How many allocations are live.
    pub fn allocations(&self) -> usize {
        self.core.machine.lock().unwrap_or_else(PoisonError::into_inner).allocations()
    }

    /// What it has done and refused.
    pub fn counters(&self) -> &Counters {
        &self.core.counters
    }

    /// Ends these allocations; credentials given up to now make no new ones.
    pub fn end(&self, whose: CredentialsOf) {
        self.core.handle(Input::End(whose), &mut Out::default());
    }

    /// Lets time pass now, for those who set the clock.
    pub fn tick(&self) {
        self.core.handle(Input::Tick, &mut Out::default());
    }

    /// Ends all allocations and stops listening.
    pub async fn close(&self) {
        self.core.stopped.cancel();
        self.core.tasks.close();
        self.core.tasks.wait().await;
    }
}

//! Which relay guests are given: the embedded one, or others' servers, which are watched.
//!
//! Owns the listeners of the embedded relay, its URIs, and the health of others' servers.

use super::probe;
use super::{Relay, RelayConfig, RelayError};
use crate::config::relay::{RelaySettings, TurnUrl};
use crate::config::{PublicUrl, host_of};
use crate::ice::{IceVendor, TurnSecret, TurnService};
use crate::transport::TrustedProxies;
use castle_connectivity::relayed::RelayError as TurnFault;
use socket2::{Domain, Socket, Type};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};
use tokio::net::{TcpListener, UdpSocket};
use tokio_util::sync::CancellationToken;

/// How often others' servers are tried: two tries fit into the time in which a guest gives a call up.
const PROBE_EVERY: Duration = Duration::from_secs(15);
/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;
/// Free ports tried until one is free for both UDP and TCP.
const PORT_TRIES: usize = 16;

/// Why there is no relay.
#[derive(Debug, thiserror::Error)]
pub enum RelayStartError {
    /// A listener.
    #[error("cannot listen on --turn-listen {address}: {source}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The relay itself.
    #[error("{0}")]
    Relay(#[from] RelayError),
}

/// Where TURN is spoken within TLS.
#[derive(Debug, Clone, Copy, Default)]
pub struct TurnOverTls {
    /// On the port of gRPC, by ALPN.
    pub beside_grpc: bool,
    /// On a port of its own.
    pub own_port: Option<u16>,
    /// One of them is reached from other machines.
    pub beyond_loopback: bool,
}

/// What guests are relayed by.
pub struct RelayService {
    /// The embedded relay, where there is one.
    pub relay: Option<Relay>,
    /// Hands out its credentials, or those of others' servers.
    pub vendor: Arc<IceVendor>,
    /// Where the embedded relay listens, UDP and TCP alike.
    pub listening: Vec<SocketAddr>,
    /// Watches others' servers; nothing to do where there are none.
    pub watcher: Watcher,
}

/// Tries others' servers, and leaves out those that fail.
#[derive(Clone, Default)]
pub struct Watcher {
    services: Vec<(TurnUrl, Arc<TurnService>)>,
}

impl RelayService {
    /// Starts the embedded relay, or takes others' servers. Guests reach this server at `url`, which the relay
    /// shares the host of where it `is_public`; what comes in by `tls` leads to [`Relay::serve_stream`], and streams may
    /// come by `proxies`.
    ///
    /// The embedded relay makes its secret anew at each start, so that no credential outlives what it knows of those who
    /// were banned or logged out. Sessions are given new ones as they come back.
    pub async fn start(
        settings: &RelaySettings,
        url: &PublicUrl,
        is_public: bool,
        tls: TurnOverTls,
        proxies: TrustedProxies,
    ) -> Result<Self, RelayStartError> {
        if !settings.outside.is_empty() {
            return Ok(Self::outside(settings));
        }
        let (mut udp, mut tcp, mut listening) = (Vec::new(), Vec::new(), Vec::new());
        for address in &settings.listen {
            let shares = |other: &SocketAddr| other.is_ipv4() && other.port() == address.port();
            let v6_alone = address.is_ipv6() && settings.listen.iter().any(shares);
            let (datagrams, streams) = bind(*address, v6_alone)
                .map_err(|source| RelayStartError::Listen { address: *address, source })?;
            let bound = datagrams.local_addr();
            listening.push(bound.map_err(|source| RelayStartError::Listen { address: *address, source })?);
            udp.push(datagrams);
            tcp.push(streams);
        }
        let mut reached = listening.iter().map(SocketAddr::ip).chain(settings.ips.iter().map(|ip| ip.bound));
        let loopback_peers = !tls.beyond_loopback && reached.all(|ip| ip.is_loopback());
        let secret = TurnSecret::generate();
        let relay = Relay::start(RelayConfig {
            udp,
            tcp,
            ips: settings.ips.clone(),
            ports: settings.ports.clone(),
            allowed_peers: settings.allowed_peers.clone(),
            proxies,
            loopback_peers,
            limits: settings.limits.clone(),
            secret: secret.clone(),
            clock: settings.clock.clone(),
        })
        .await?;
        let places = places(settings, is_public.then(|| url.host()), &listening);
        let stun = places.iter().map(|place| format!("stun:{place}")).collect();
        let over = |transport: &str| {
            let urls = places.iter().map(move |place| format!("turn:{place}?transport={transport}"));
            urls.collect::<Vec<_>>()
        };
        let sealed = tls.own_port.into_iter().chain(tls.beside_grpc.then(|| url.port()));
        let sealed = sealed.map(|port| format!("turns:{}:{port}?transport=tcp", url.host())).collect();
        let turn = [over("udp"), over("tcp"), sealed].concat();
        let service = Arc::new(TurnService::new(stun, turn, secret));
        let (told, clock) = (relay.clone(), settings.clock.clone());
        let vendor = IceVendor::new(vec![service])
            .telling(move |whose| told.end(whose))
            .by(move || UNIX_EPOCH + Duration::from_secs(clock.now().unix));
        Ok(Self { relay: Some(relay), vendor: Arc::new(vendor), listening, watcher: Watcher::default() })
    }

    fn outside(settings: &RelaySettings) -> Self {
        let services: Vec<_> = settings
            .outside
            .iter()
            .map(|one| {
                let service = TurnService::new(Vec::new(), vec![one.url.to_string()], one.secret.clone());
                (one.url.clone(), Arc::new(service))
            })
            .collect();
        let vendor = IceVendor::new(services.iter().map(|(_, service)| Arc::clone(service)).collect());
        Self { relay: None, vendor: Arc::new(vendor), listening: Vec::new(), watcher: Watcher { services } }
    }
}

impl Watcher {
    /// Tries each until `stopped`.
    pub async fn run(self, stopped: CancellationToken) {
        let mut ticks = tokio::time::interval(PROBE_EVERY);
        while !self.services.is_empty() && stopped.run_until_cancelled(ticks.tick()).await.is_some() {
            if stopped.run_until_cancelled(self.check()).await.is_none() {
                return;
            }
        }
    }

    /// Tries each once, all at the same time.
    pub async fn check(&self) {
        let tries = self.services.iter().map(async |(url, service)| {
            note(url, service, probe::allocate(url, service.secret()).await);
        });
        futures_util::future::join_all(tries).await;
    }
}

fn note(url: &TurnUrl, service: &TurnService, found: Result<(), TurnFault>) {
    let news = service.set_usable(found.is_ok());
    match found {
        Ok(()) if news => tracing::info!(%url, "the TURN server works again"),
        Err(error) if news => tracing::warn!(%url, %error, "the TURN server is left out until it works"),
        Ok(()) | Err(_) => {}
    }
}

/// Binds UDP and TCP. `v6_alone`: what comes over IPv4 is for another listener at this port.
fn bind(address: SocketAddr, v6_alone: bool) -> std::io::Result<(UdpSocket, TcpListener)> {
    let tries = if address.port() == 0 { PORT_TRIES } else { 1 };
    let mut last = None;
    for _ in 0..tries {
        let datagrams = UdpSocket::from_std(bound(address, Type::DGRAM, v6_alone)?.into())?;
        match bound(datagrams.local_addr()?, Type::STREAM, v6_alone) {
            Ok(streams) => {
                streams.listen(BACKLOG)?;
                return Ok((datagrams, TcpListener::from_std(streams.into())?));
            }
            Err(error) => last = Some(error),
        }
    }
    Err(last.expect("there was at least one try"))
}

fn bound(address: SocketAddr, kind: Type, v6_alone: bool) -> std::io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind, None)?;
    if v6_alone {
        socket.set_only_v6(true)?;
    }
    if kind == Type::STREAM {
        // A restart does not wait for what the last server's connections leave behind.
        socket.set_reuse_address(true)?;
    }
    socket.bind(&address.into())?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// `host:port` of each listener, as guests reach it.
fn places(settings: &RelaySettings, public_host: Option<&str>, listening: &[SocketAddr]) -> Vec<String> {
    let mut places: Vec<String> = Vec::new();
    for listener in listening {
        let of_family = |ip: &IpAddr| ip.is_ipv4() == listener.is_ipv4();
        let relayed = settings.ips.iter().find(|ips| of_family(&ips.bound));
        let host = match (relayed, public_host) {
            (Some(ips), _) if ips.shown != ips.bound => host_of(ips.shown),
            (_, Some(host)) => host.to_owned(),
            (Some(ips), None) if listener.ip().is_unspecified() => host_of(ips.bound),
            _ => host_of(listener.ip()),
        };
        let place = format!("{host}:{}", listener.port());
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places
}

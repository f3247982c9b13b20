//! The accept loop: connections within the caps, sealed where there is TLS, handed to the protocol that ALPN named.
//!
//! Never waits for one connection: a handshake runs in a task of its own, within a deadline, and their number is
//! bounded by the caps.

use super::caps::Caps;
use super::client_addr::TrustedProxies;
use super::connection::{Connection, Io, Place};
use super::tls::Tls;
use crate::metrics::{Metrics, TransportMetrics};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// From the accept to the first request, TLS and all: several round trips of a bad mobile network.
pub const OPENING_TIMEOUT: Duration = Duration::from_secs(10);
/// After the system refused a connection, mostly because no file may be opened any more: those that are open need
/// the processor to close.
const REFUSED_PAUSE: Duration = Duration::from_millis(100);
/// Accepted connections that a protocol has not taken yet. More: it is stuck, and they are closed.
const UNTAKEN_MAX: usize = 128;

/// A protocol, and where its connections go.
#[derive(Debug, Clone)]
struct Protocol {
    /// Its name in ALPN.
    alpn: &'static str,
    /// What it is called in metrics.
    label: &'static str,
    /// Bytes that a peer must have sent before it counts as open: its shortest first message.
    first_bytes: usize,
    to: mpsc::Sender<Connection>,
}

/// What is spoken on a port. The first is spoken too where nothing was agreed upon.
#[derive(Debug, Clone, Default)]
pub struct Protocols(Vec<Protocol>);

impl Protocols {
    /// Another one: its connections come out of the answer. `alpn`: its registered name; `first_bytes`: the
    /// length of its shortest first message.
    pub fn speak(
        &mut self,
        alpn: &'static str,
        label: &'static str,
        first_bytes: usize,
    ) -> mpsc::Receiver<Connection> {
        let (to, connections) = mpsc::channel(UNTAKEN_MAX);
        self.0.push(Protocol { alpn, label, first_bytes, to });
        connections
    }

    /// The same connections under another name too.
    pub fn also(&mut self, alpn: &'static str) {
        if let Some(last) = self.0.last().cloned() {
            self.0.push(Protocol { alpn, ..last });
        }
    }

    /// The names, those that are preferred first.
    pub fn names(&self) -> Vec<Vec<u8>> {
        self.0.iter().map(|protocol| protocol.alpn.as_bytes().to_vec()).collect()
    }

    fn agreed(&self, alpn: Option<&[u8]>) -> Option<&Protocol> {
        match alpn {
            Some(name) => self.0.iter().find(|protocol| protocol.alpn.as_bytes() == name),
            None => self.0.first(),
        }
    }
}

/// Accepts on any number of ports, which share their caps.
#[derive(Clone)]
pub struct Acceptor {
    /// How many.
    pub caps: Arc<Mutex<Caps>>,
    /// Who speaks for many.
    pub proxies: Arc<TrustedProxies>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// From the accept to the first request.
    pub opening_timeout: Duration,
}

impl Acceptor {
    /// Accepts until `stop`. `tls`: none for plaintext, where the first protocol alone is spoken.
    pub async fn run(
        self,
        listener: TcpListener,
        tls: Option<Tls>,
        protocols: Protocols,
        stop: CancellationToken,
    ) {
        let tls = tls.map(|tls| Arc::new(tls.acceptor(protocols.names())));
        let handshakes = TaskTracker::new();
        while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
            let (tcp, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!("a connection could not be accepted: {error}");
                    self.counted().connections_refused.add("system");
                    tokio::time::sleep(REFUSED_PAUSE).await;
                    continue;
                }
            };
            let network = (!self.proxies.contains(address.ip())).then(|| address.ip().into());
            let place = match Place::take(&self.caps, network) {
                Ok(place) => place,
                Err(full) => {
                    self.counted().connections_refused.add(full.label());
                    continue;
                }
            };
            if let Err(error) = tcp.set_nodelay(true) {
                tracing::debug!("a connection was gone at once: {error}");
                continue;
            }
            match tls.clone() {
                None => {
                    if let Some(protocol) = protocols.agreed(None) {
                        self.hand_over(protocol, Io::Plain(tcp), address, place);
                    }
                }
                Some(tls) => {
                    let (acceptor, protocols) = (self.clone(), protocols.clone());
                    let stopped = stop.clone();
                    handshakes.spawn(async move {
                        stopped
                            .run_until_cancelled(acceptor.handshake(&tls, tcp, address, place, &protocols))
                            .await;
                    });
                }
            }
        }
        drop(listener);
        handshakes.close();
        handshakes.wait().await;
    }

    async fn handshake(
        &self,
        tls: &tokio_rustls::TlsAcceptor,
        tcp: TcpStream,
        address: SocketAddr,
        place: Place,
        protocols: &Protocols,
    ) {
        let failed = match tokio::time::timeout(self.opening_timeout, tls.accept(tcp)).await {
            Ok(Ok(stream)) => {
                let agreed = protocols.agreed(stream.get_ref().1.alpn_protocol());
                if let Some(protocol) = agreed {
                    self.hand_over(protocol, Io::Tls(Box::new(stream)), address, place);
                }
                return;
            }
            Ok(Err(error)) => {
                tracing::debug!("a TLS handshake failed: {error}");
                "tls"
            }
            Err(_) => "timeout",
        };
        self.counted().handshakes_failed.add(failed);
    }

    fn hand_over(&self, protocol: &Protocol, io: Io, address: SocketAddr, place: Place) {
        let held = self.counted().connections.hold(protocol.label);
        let first = (protocol.first_bytes, self.opening_timeout);
        if protocol.to.try_send(Connection::new(io, address, place, first, held)).is_err() {
            self.counted().connections_refused.add("untaken");
        }
    }

    fn counted(&self) -> &TransportMetrics {
        &self.metrics.transport
    }
}

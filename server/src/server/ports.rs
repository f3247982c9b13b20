//! The TCP ports: bound first, spoken on later, with all that stands between a connection and a call.

use super::grpc;
use super::{Listening, StartError};
use crate::config::{Config, PublicUrl};
use crate::metrics::Metrics;
use crate::transport::probes::{self, Gather, Readiness};
use crate::transport::{Acceptor, Caps, Connection, Protocols, Tls, TlsSource};
use crate::turn::service::TurnOverTls;
use crate::turn::{Relay, SealedPort};
use castle_connectivity::dial::carries_media;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::service::Routes;

/// TURN's name in ALPN (RFC 7443).
const TURN_ALPN: &str = "stun.turn";
/// The shortest first message of a TURN client: a STUN header.
const TURN_FIRST_BYTES: usize = 20;

/// Bound, not serving yet.
pub(super) struct Ports {
    grpc: TcpListener,
    http: Option<TcpListener>,
    turn_tls: Option<TcpListener>,
    relay: Option<Relay>,
    /// The certificate, for whoever else speaks TLS.
    pub(super) tls: Option<Tls>,
    /// What is spoken on the port of gRPC: another protocol joins here before it serves.
    pub(super) protocols: Protocols,
    connections: mpsc::Receiver<Connection>,
    /// For other ports: they share its caps.
    pub(super) acceptor: Acceptor,
    web_origins: Vec<String>,
    pub(super) bounds: grpc::Bounds,
    pub(super) metrics: Arc<Metrics>,
}

impl Ports {
    /// Binds them, and reads or makes the certificate. The data folder is there already.
    pub(super) async fn bind(config: &Config, metrics: Arc<Metrics>) -> Result<Self, StartError> {
        let grpc = listen("--listen", config.listen).await?;
        let http = match config.http_listen {
            Some(address) => Some(listen("--http-listen", address).await?),
            None => None,
        };
        let turn_tls = match config.relay.tls_listen {
            Some(address) => Some(listen("--turn-tls-listen", address).await?),
            None => None,
        };
        let host = config.public_url.clone().unwrap_or_else(|| PublicUrl::of(config.listen, true));
        let tls =
            config.tls.as_ref().map(|source| Tls::open(source, &config.data_dir, host.host())).transpose()?;
        let mut protocols = Protocols::default();
        let connections = protocols.speak("h2", "http", grpc::FIRST_BYTES);
        if !config.web_origins.is_empty() {
            protocols.also("http/1.1");
        }
        let acceptor = Acceptor {
            caps: Arc::new(Mutex::new(Caps::new(config.connections))),
            proxies: Arc::new(config.trusted_proxies.clone()),
            metrics: Arc::clone(&metrics),
            opening_timeout: config.opening_timeout,
        };
        let web_origins = config.web_origins.clone();
        let bounds = grpc::Bounds {
            streams_per_connection: config.streams_per_connection,
            unary_deadline: config.unary_deadline,
            frame_bytes_max: config.session.sizes.frame,
            keepalive: config.keepalive,
        };
        let relay = None;
        Ok(Self {
            grpc,
            http,
            turn_tls,
            relay,
            tls,
            protocols,
            connections,
            acceptor,
            web_origins,
            bounds,
            metrics,
        })
    }

    /// Where TURN over TLS is spoken: on the port of gRPC, and on one of its own. None without a certificate.
    pub(super) fn turn_tls(&self) -> TurnOverTls {
        let own = self.turn_tls.as_ref().and_then(|listener| listener.local_addr().ok());
        let beside_grpc = self.tls.is_some();
        let shared = self.grpc.local_addr().ok().filter(|_| beside_grpc);
        let beyond_loopback = own.into_iter().chain(shared).any(|address| !address.ip().is_loopback());
        TurnOverTls { beside_grpc, own_port: own.map(|address| address.port()), beyond_loopback }
    }

    /// The relay serves the streams that speak TURN within TLS.
    pub(super) fn relay_by(&mut self, relay: Relay) {
        self.relay = Some(relay);
    }

    /// Where they are, and what guests are told; the relay's are another's.
    pub(super) fn listening(&self, config: &Config) -> Result<Listening, StartError> {
        let bound = |listener: &TcpListener| {
            listener.local_addr().map_err(|source| StartError::Listen { what: "a bound port".into(), source })
        };
        let grpc = bound(&self.grpc)?;
        let url = config.public_url.clone().unwrap_or_else(|| PublicUrl::of(grpc, self.tls.is_some()));
        let url = match (&config.tls, &self.tls) {
            (Some(TlsSource::SelfSigned), Some(tls)) => url.pinned(tls.fingerprint()),
            _ => url,
        };
        let http = self.http.as_ref().map(bound).transpose()?;
        let turn_tls = self.turn_tls.as_ref().map(bound).transpose()?;
        let fingerprint = self.tls.as_ref().map(Tls::fingerprint);
        Ok(Listening { grpc, turn: Vec::new(), turn_tls, http, fingerprint, url })
    }

    /// Speaks on them in `tasks` until `stopped`. Probes are answered beyond that, until `stop_probes`: to the very
    /// end of a drain.
    pub(super) fn serve(
        mut self,
        routes: Routes,
        ready: watch::Receiver<Readiness>,
        gather: Gather,
        tasks: &TaskTracker,
        stopped: &CancellationToken,
        stop_probes: CancellationToken,
    ) -> JoinHandle<Result<(), tonic::transport::Error>> {
        let metrics = self.metrics;
        if let Some(http) = self.http {
            tokio::spawn(probes::serve(
                http,
                ready,
                Arc::clone(&metrics),
                gather,
                self.acceptor.opening_timeout,
                stop_probes,
            ));
        }
        if let Some(tls) = self.tls.clone() {
            let (metrics, stopped) = (Arc::clone(&metrics), stopped.clone());
            tasks.spawn(async move { tls.watch(&metrics.transport, stopped).await });
        }
        if let (Some(relay), Some(tls)) = (self.relay.take(), self.tls.clone()) {
            let beside_grpc = self.protocols.speak(TURN_ALPN, "turn", TURN_FIRST_BYTES);
            tasks.spawn(relay_streams(
                relay.clone(),
                (beside_grpc, SealedPort::BesideGrpc),
                tasks.clone(),
                stopped.clone(),
            ));
            if let Some(listener) = self.turn_tls.take() {
                let mut alone = Protocols::default();
                let streams = alone.speak(TURN_ALPN, "turn", TURN_FIRST_BYTES);
                tasks.spawn(relay_streams(relay, (streams, SealedPort::Own), tasks.clone(), stopped.clone()));
                tasks.spawn(self.acceptor.clone().run(listener, Some(tls), alone, stopped.clone()));
            }
        }
        let front = grpc::Front {
            web_origins: self.web_origins,
            proxies: Arc::clone(&self.acceptor.proxies),
            metrics,
            bounds: self.bounds,
        };
        let serving = tasks.spawn(grpc::serve(routes, front, self.connections, stopped.clone()));
        tasks.spawn(self.acceptor.run(self.grpc, self.tls, self.protocols, stopped.clone()));
        serving
    }
}

/// Hands the streams that speak TURN to the relay.
async fn relay_streams(
    relay: Relay,
    (mut streams, port): (mpsc::Receiver<Connection>, SealedPort),
    tasks: TaskTracker,
    stopped: CancellationToken,
) {
    while let Some(Some(stream)) = stopped.run_until_cancelled(streams.recv()).await {
        let (relay, from) = (relay.clone(), stream.peer().address);
        if let Err(error) = carries_media(stream.tcp()) {
            tracing::debug!("a connection was gone at once: {error}");
            continue;
        }
        tasks.spawn(async move { relay.serve_stream(stream, from, port).await });
    }
}

async fn listen(setting: &str, address: SocketAddr) -> Result<TcpListener, StartError> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|source| StartError::Listen { what: format!("{setting} {address}"), source })
}

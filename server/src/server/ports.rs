//! The TCP ports: bound first, spoken on later, with all that stands between a connection and a call.

use super::grpc;
use super::{Listening, StartError};
use crate::config::{Config, PublicUrl};
use crate::metrics::Metrics;
use crate::transport::accept::OPENING_TIMEOUT;
use crate::transport::probes::{self, Readiness};
use crate::transport::{Acceptor, Caps, Connection, Protocols, Tls, TlsSource};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::service::Routes;

/// Bound, not serving yet.
pub(super) struct Ports {
    grpc: TcpListener,
    http: Option<TcpListener>,
    /// The certificate, for whoever else speaks TLS.
    pub(super) tls: Option<Tls>,
    /// What is spoken on the port of gRPC: another protocol joins here before it serves.
    pub(super) protocols: Protocols,
    connections: mpsc::Receiver<Connection>,
    /// For other ports: they share its caps.
    pub(super) acceptor: Acceptor,
    web_origins: Vec<String>,
    metrics: Arc<Metrics>,
}

impl Ports {
    /// Binds them, and reads or makes the certificate. The data folder is there already.
    pub(super) async fn bind(config: &Config, metrics: Arc<Metrics>) -> Result<Self, StartError> {
        let grpc = listen("--listen", config.listen).await?;
        let http = match config.http_listen {
            Some(address) => Some(listen("--http-listen", address).await?),
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
            opening_timeout: OPENING_TIMEOUT,
        };
        let web_origins = config.web_origins.clone();
        Ok(Self { grpc, http, tls, protocols, connections, acceptor, web_origins, metrics })
    }

    /// Where they are, and what guests are told; `turn` is another's.
    pub(super) fn listening(&self, config: &Config, turn: SocketAddr) -> Result<Listening, StartError> {
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
        Ok(Listening { grpc, turn, http, fingerprint: self.tls.as_ref().map(Tls::fingerprint), url })
    }

    /// Speaks on them in `tasks` until `stopped`. Probes are answered beyond that, until `stop_probes`: to the very
    /// end of a drain.
    pub(super) fn serve(
        self,
        routes: Routes,
        ready: watch::Receiver<Readiness>,
        tasks: &TaskTracker,
        stopped: &CancellationToken,
        stop_probes: CancellationToken,
    ) -> JoinHandle<Result<(), tonic::transport::Error>> {
        let metrics = self.metrics;
        if let Some(http) = self.http {
            tokio::spawn(probes::serve(http, ready, Arc::clone(&metrics), OPENING_TIMEOUT, stop_probes));
        }
        if let Some(tls) = self.tls.clone() {
            let (metrics, stopped) = (Arc::clone(&metrics), stopped.clone());
            tasks.spawn(async move { tls.watch(&metrics.transport, stopped).await });
        }
        let front = grpc::Front {
            web_origins: self.web_origins,
            proxies: Arc::clone(&self.acceptor.proxies),
            metrics,
        };
        let serving = tasks.spawn(grpc::serve(routes, front, self.connections, stopped.clone()));
        tasks.spawn(self.acceptor.run(self.grpc, self.tls, self.protocols, stopped.clone()));
        serving
    }
}

async fn listen(setting: &str, address: SocketAddr) -> Result<TcpListener, StartError> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|source| StartError::Listen { what: format!("{setting} {address}"), source })
}

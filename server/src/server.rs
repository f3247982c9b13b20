//! The server put together: everything bound and opened in `bind`, served in `run`.
//!
//! Owns the order of start and of drain. Holds no rule of its own.

mod grpc;
mod ports;

use self::ports::Ports;
use crate::accounts::{Accounts, Inviting};
use crate::admin::{self, AdminApi};
use crate::auth::Authenticator;
use crate::calls::RoutePolicy;
use crate::config::{Config, MatchRoute, PublicUrl, host_of};
use crate::error::Error;
use crate::history::History;
use crate::host::HostApi;
use crate::hub::{GoAway, Hub, HubConfig, HubHandle};
use crate::ice::{IceVendor, TurnSecret};
use crate::metrics::Metrics;
use crate::service::CastleApi;
use crate::store::sled::SledStore;
use crate::store::{Caller, OpenError, Role, Store};
use crate::token::Signers;
use crate::transport::{Readiness, TlsError};
use crate::turn::{self, Relay, RelayConfig, RelayError};
use castle::limits::FRAME_BYTES_MAX;
use castle::v1::admin_service_server::AdminServiceServer;
use castle::v1::castle_service_server::CastleServiceServer;
use castle::v1::host_service_server::HostServiceServer;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::net::{UdpSocket, UnixListener};
use tokio::sync::watch;
use tokio_stream::wrappers::UnixListenerStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::service::Routes;
use tonic_health::ServingStatus;

/// Messages that are decoded, bytes: those over the limit of a frame but not of this are answered in band.
const DECODED_BYTES_MAX: usize = 2 * FRAME_BYTES_MAX;
/// What sessions are told when the server goes down: long enough that a restart is done, short against the
/// resume window, and spread so that not all come back at once.
const GO_AWAY: GoAway = GoAway {
    reconnect_after: Duration::from_secs(1),
    jitter: Duration::from_secs(2),
    deadline: Duration::from_secs(5),
};
/// After the sessions have gone: for the answers still on their way.
const DRAIN_DEADLINE: Duration = Duration::from_secs(5);
/// How long the first invitation is good.
const FIRST_INVITATION_TTL: Duration = Duration::from_hours(24);

/// Why a server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store.
    #[error("{0}")]
    Store(#[from] OpenError),
    /// The store was opened and could not be read.
    #[error("{0}")]
    Secrets(#[from] Error),
    /// A port or socket.
    #[error("cannot listen on {what}: {source}")]
    Listen {
        /// Which.
        what: String,
        /// Why.
        source: std::io::Error,
    },
    /// The relay.
    #[error("{0}")]
    Relay(#[from] RelayError),
    /// The certificate.
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
}

/// Why a server stopped other than by being asked to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The transport.
    #[error("serving failed: {0}")]
    Serve(#[from] tonic::transport::Error),
    /// The disk: what cannot be made durable must not be acknowledged.
    #[error("the store cannot be written any more; see the log")]
    StoreFailed,
}

/// Where a server is reached.
#[derive(Debug, Clone)]
pub struct Listening {
    /// gRPC, TCP.
    pub grpc: SocketAddr,
    /// STUN and TURN, UDP.
    pub turn: SocketAddr,
    /// Probes and metrics, plain HTTP.
    pub http: Option<SocketAddr>,
    /// The certificate that is in use at first, `sha256:` and 64 hex digits; none without TLS.
    pub fingerprint: Option<String>,
    /// What guests are told.
    pub url: PublicUrl,
}

/// A server with everything bound and opened, not serving yet.
pub struct Server {
    config: Config,
    listening: Listening,
    ports: Ports,
    admin: UnixListener,
    store: Arc<dyn Store>,
    store_failed: CancellationToken,
    signers: Arc<Signers>,
    accounts: Arc<Accounts>,
    authenticator: Arc<Authenticator>,
    ice: Arc<IceVendor>,
    hub: HubHandle,
    relay: Relay,
    tasks: TaskTracker,
    stopped: CancellationToken,
}

impl Server {
    /// Opens the store and binds every port.
    pub async fn bind(config: Config) -> Result<Self, StartError> {
        let store_failed = CancellationToken::new();
        let store: Arc<dyn Store> = Arc::new(open_store(&config, store_failed.clone()).await?);
        let secrets = store.secrets().await?;
        let listen = |what: String| move |source| StartError::Listen { what, source };
        let ports = Ports::bind(&config, Arc::new(Metrics::new())).await?;
        let turn_socket = UdpSocket::bind(config.turn_listen)
            .await
            .map_err(listen(format!("--turn-listen {}", config.turn_listen)))?;
        let admin = admin::listen(&config.data_dir).map_err(listen("the admin socket".to_owned()))?;
        let turn_address = turn_socket.local_addr().map_err(listen("a bound port".to_owned()))?;
        let listening = ports.listening(&config, turn_address)?;
        let secret = TurnSecret::new(secrets.turn.clone());
        let ice = Arc::new(vendor(&config, &listening, secret.clone()));
        let relay = Relay::start(RelayConfig {
            socket: turn_socket,
            relay_ip: config.turn_relay_ip,
            external_ip: config.turn_external_ip,
            allocations_max: turn::ALLOCATIONS_MAX,
            secret,
        })
        .await?;
        let signing_keys = store.signing_keys(SystemTime::now()).await?;
        let signers = Arc::new(Signers::new(&secrets, signing_keys));
        let accounts = Arc::new(Accounts::new(Arc::clone(&store), Arc::clone(&signers)));
        let authenticator = Arc::new(Authenticator::new(Arc::clone(&store), Arc::clone(&signers)));
        let tasks = TaskTracker::new();
        let stopped = CancellationToken::new();
        let hub = Hub::spawn(
            hub_config(&config),
            Arc::clone(&ice),
            Arc::clone(&signers.call),
            History::new(Arc::clone(&store), Arc::clone(&signers.call)),
            rand::random(),
            &tasks,
            stopped.clone(),
        );
        Ok(Self {
            config,
            listening,
            ports,
            admin,
            store,
            store_failed,
            signers,
            accounts,
            authenticator,
            ice,
            hub,
            relay,
            tasks,
            stopped,
        })
    }

    /// Where it is reached.
    pub fn listening(&self) -> &Listening {
        &self.listening
    }

    /// Its accounts.
    pub fn accounts(&self) -> &Arc<Accounts> {
        &self.accounts
    }

    /// Whether anybody has an account yet.
    pub async fn has_guests(&self) -> Result<bool, Error> {
        self.store.has_accounts().await
    }

    /// The link of an invitation for the first guest, who becomes a host: one use, 24 h.
    pub async fn first_invitation(&self) -> Result<String, Error> {
        let inviting = Inviting {
            uses: 1,
            good_for: FIRST_INVITATION_TTL,
            note: "first guest, becomes admin".to_owned(),
            role: Role::Admin,
            caller: Caller::Host,
            request_id: String::new(),
        };
        let (_, code) = self.accounts.invite(inviting).await?;
        Ok(self.listening.url.invitation_link(&code))
    }

    /// Serves until `shutdown`, then drains; `force` cuts the drain short.
    pub async fn run(self, shutdown: CancellationToken, force: CancellationToken) -> Result<(), RunError> {
        let (health, health_service) = tonic_health::server::health_reporter();
        health.set_serving::<CastleServiceServer<CastleApi>>().await;
        let castle = CastleServiceServer::new(self.api()).max_decoding_message_size(DECODED_BYTES_MAX);
        let admin = AdminServiceServer::new(AdminApi {
            store: Arc::clone(&self.store),
            url: self.listening.url.clone(),
            hub: self.hub.clone(),
        });
        let host = HostServiceServer::new(HostApi {
            store: Arc::clone(&self.store),
            signers: Arc::clone(&self.signers),
            rotating: tokio::sync::Mutex::default(),
            hub: self.hub.clone(),
            ice: Arc::clone(&self.ice),
            listening: self.listening.clone(),
            started_at: SystemTime::now(),
        });
        let stop_probes = CancellationToken::new();
        let _probes_end_with_us = stop_probes.clone().drop_guard();
        let (readiness, ready) = watch::channel(Readiness::Starting);
        let routes = Routes::new(castle)
            .add_service(health_service)
            .add_service(grpc::reflection().build_v1().expect("our own descriptors are well-formed"))
            .add_service(grpc::reflection().build_v1alpha().expect("our own descriptors are well-formed"));
        let Self { tasks, stopped, hub, .. } = self;
        let mut serving = self.ports.serve(routes, ready, &tasks, &stopped, stop_probes);
        let socket = tonic::transport::Server::builder().add_service(admin).add_service(host);
        tasks.spawn(socket.serve_with_incoming_shutdown(
            UnixListenerStream::new(self.admin),
            stopped.clone().cancelled_owned(),
        ));
        tasks.close();
        readiness.send_replace(Readiness::Ready);
        let ended = tokio::select! {
            () = shutdown.cancelled() => Ok(()),
            () = self.store_failed.cancelled() => Err(RunError::StoreFailed),
            served = &mut serving => served.map_or(Ok(()), |served| Ok(served?)),
        };
        tracing::info!("draining");
        readiness.send_replace(match ended {
            Err(RunError::StoreFailed) => Readiness::StoreFailed,
            _ => Readiness::Draining,
        });
        health.set_service_status("", ServingStatus::NotServing).await;
        health.set_not_serving::<CastleServiceServer<CastleApi>>().await;
        force.run_until_cancelled(hub.drain(GO_AWAY)).await;
        stopped.cancel();
        tokio::select! {
            () = tasks.wait() => tracing::info!("drained"),
            () = tokio::time::sleep(DRAIN_DEADLINE) => tracing::warn!("streams were cut at the drain deadline"),
            () = force.cancelled() => tracing::warn!("the drain was cut short"),
        }
        self.relay.close().await;
        admin::remove_socket(&self.config.data_dir);
        ended
    }

    fn api(&self) -> CastleApi {
        CastleApi {
            accounts: Arc::clone(&self.accounts),
            authenticator: Arc::clone(&self.authenticator),
            ice: Arc::clone(&self.ice),
            hub: self.hub.clone(),
            store: Arc::clone(&self.store),
            session: self.config.session.clone(),
            tasks: self.tasks.clone(),
        }
    }
}

async fn open_store(config: &Config, failed: CancellationToken) -> Result<SledStore, OpenError> {
    let data_dir = config.data_dir.clone();
    tokio::task::spawn_blocking(move || {
        admin::make_data_dir(&data_dir)?;
        SledStore::open(&admin::store_dir(&data_dir), SystemTime::now(), failed)
    })
    .await
    .expect("opening a store does not panic")
}

fn hub_config(config: &Config) -> HubConfig {
    let match_route = match config.match_route {
        MatchRoute::Relay => RoutePolicy::RelayOnly,
        MatchRoute::Direct => RoutePolicy::Any,
    };
    let mut hub = config.hub.clone();
    hub.lobby.match_route = match_route;
    hub
}

fn vendor(config: &Config, listening: &Listening, secret: TurnSecret) -> IceVendor {
    let ip = listening.turn.ip();
    let host = match (&config.public_url, config.turn_external_ip) {
        (_, Some(external)) => host_of(external),
        (Some(url), None) => url.host().to_owned(),
        (None, None) if ip.is_unspecified() => host_of(config.turn_relay_ip),
        (None, None) => host_of(ip),
    };
    let port = listening.turn.port();
    IceVendor::new(
        vec![format!("stun:{host}:{port}")],
        vec![format!("turn:{host}:{port}?transport=udp")],
        secret,
    )
}

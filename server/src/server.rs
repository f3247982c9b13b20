//! The server put together: everything bound and opened in `bind`, served in `run`.
//!
//! Owns the order of start and of drain. Holds no rule of its own.

mod grpc;
mod ports;
mod reasons;

use self::ports::Ports;
use self::reasons::Reasoning;
use crate::accounts::Accounts;
use crate::admin::{self, AdminApi};
use crate::auth::Authenticator;
use crate::calls::RoutePolicy;
use crate::config::{Config, MatchRoute, PublicUrl};
use crate::error::Error;
use crate::history::History;
use crate::host::HostApi;
use crate::hub::{Around, GoAway, Hub, HubConfig, HubHandle};
use crate::ice::IceVendor;
use crate::metrics::Metrics;
use crate::moderation::Moderation;
use crate::passwords::Hasher;
use crate::service::CastleApi;
use crate::service::signal::CastleStreams;
use crate::session::Streams;
use crate::store::sled::SledStore;
use crate::store::{OpenError, Store};
use crate::throttle::Pace;
use crate::token::Signers;
use crate::transport::probes::Gather;
use crate::transport::{Readiness, TlsError};
use crate::turn::Relay;
use crate::turn::service::{RelayService, RelayStartError};
use crate::uncancelled::Uncancelled;
use castle::v1::admin_service_server::AdminServiceServer;
use castle::v1::castle_service_server::CastleServiceServer;
use castle::v1::host_service_server::HostServiceServer;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::net::UnixListener;
use tokio::sync::watch;
use tokio_stream::wrappers::UnixListenerStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tower::layer::layer_fn;

/// Messages that are decoded are at most so many frames large: those over one but not over this are answered in band.
const DECODED_FRAMES_MAX: usize = 2;
/// What sessions are told when the server goes down: long enough that a restart is done, short against the
/// resume window, and spread so that not all come back at once.
const GO_AWAY: GoAway = GoAway {
    reconnect_after: Duration::from_secs(1),
    jitter: Duration::from_secs(2),
    deadline: Duration::from_secs(5),
};
/// After the sessions have gone: for the answers still on their way.
const DRAIN_DEADLINE: Duration = Duration::from_secs(5);

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
    Relay(#[from] RelayStartError),
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
    /// STUN and TURN, UDP and TCP alike; empty where others' servers are used.
    pub turn: Vec<SocketAddr>,
    /// TURN over TLS, on a port of its own.
    pub turn_tls: Option<SocketAddr>,
    /// Probes and metrics, plain HTTP.
    pub http: Option<SocketAddr>,
    /// The certificate that is in use at first, `sha256:` and 64 hex digits; none without TLS.
    pub fingerprint: Option<String>,
    /// What guests are told.
    pub url: PublicUrl,
}

impl Listening {
    /// Where the embedded relay listens, such as `udp:127.0.0.1:3478`.
    pub fn turn_ways(&self) -> Vec<String> {
        let both = self.turn.iter().flat_map(|address| ["udp", "tcp"].map(|way| format!("{way}:{address}")));
        let beside_grpc = (self.fingerprint.is_some() && !self.turn.is_empty()).then_some(self.grpc);
        let sealed = beside_grpc.into_iter().chain(self.turn_tls);
        both.chain(sealed.map(|address| format!("tls:{address}"))).collect()
    }
}

/// A server with everything bound and opened, not serving yet.
pub struct Server {
    config: Config,
    listening: Listening,
    ports: Ports,
    admin: UnixListener,
    store: Arc<dyn Store>,
    moderation: Moderation,
    store_failed: CancellationToken,
    signers: Arc<Signers>,
    accounts: Arc<Accounts>,
    authenticator: Arc<Authenticator>,
    ice: Arc<IceVendor>,
    hub: HubHandle,
    relay: Option<Relay>,
    tasks: TaskTracker,
    stopped: CancellationToken,
}

impl Server {
    /// Opens the store and binds every port.
    pub async fn bind(config: Config) -> Result<Self, StartError> {
        let store_failed = CancellationToken::new();
        let metrics = Arc::new(Metrics::new());
        let store = open_store(&config, store_failed.clone(), Arc::clone(&metrics)).await?;
        let store: Arc<dyn Store> = Arc::new(store);
        let secrets = store.secrets().await?;
        let listen = |what: String| move |source| StartError::Listen { what, source };
        let mut ports = Ports::bind(&config, Arc::clone(&metrics)).await?;
        let admin = admin::listen(&config.data_dir).map_err(listen("the admin socket".to_owned()))?;
        let mut listening = ports.listening(&config)?;
        let relay = RelayService::start(
            &config.relay,
            &listening.url,
            config.public_url.is_some(),
            ports.turn_tls(),
            config.trusted_proxies.clone(),
        )
        .await?;
        listening.turn.clone_from(&relay.listening);
        admin::note_reached_at(&config.data_dir, &listening.url)
            .map_err(|source| OpenError::Io { path: config.data_dir.clone(), source })?;
        if let Some(relay) = &relay.relay {
            ports.relay_by(relay.clone());
        }
        let ice = Arc::clone(&relay.vendor);
        let signing_keys = store.signing_keys(SystemTime::now()).await?;
        let mut signers = Signers::new(&secrets, signing_keys);
        signers.access.ttl = config.access_ttl;
        let signers = Arc::new(signers);
        let authenticator = Arc::new(Authenticator::new(Arc::clone(&store), Arc::clone(&signers)));
        let tasks = TaskTracker::new();
        let stopped = CancellationToken::new();
        tasks.spawn(relay.watcher.clone().run(stopped.clone()));
        let hub = Hub::spawn(
            hub_config(&config),
            Around { ice: Arc::clone(&ice), signer: Arc::clone(&signers.call), metrics },
            History::new(Arc::clone(&store), Arc::clone(&signers.call)),
            rand::random(),
            &tasks,
            stopped.clone(),
        );
        let uncancelled = Uncancelled::on(tasks.clone());
        let accounts = Arc::new(Accounts::new(
            &config.accounts,
            Arc::clone(&store),
            Arc::clone(&signers),
            Arc::new(Hasher::new(&config.accounts.hashing)),
            hub.clone(),
            uncancelled.clone(),
        ));
        let moderation = Moderation::new(Arc::clone(&store), hub.clone(), uncancelled);
        Ok(Self {
            config,
            listening,
            ports,
            admin,
            store,
            moderation,
            store_failed,
            signers,
            accounts,
            authenticator,
            ice,
            hub,
            relay: relay.relay,
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

    /// Its moderation.
    pub fn moderation(&self) -> &Moderation {
        &self.moderation
    }

    /// The link of the invitation for the first guest, who becomes a host, and until when it is good.
    pub async fn first_invitation(&self) -> Result<(String, SystemTime), Error> {
        let (invitation, code) = self.moderation.first_invitation().await?;
        Ok((self.listening.url.invitation_link(&code), invitation.expires_at))
    }

    /// Serves until `shutdown`, then drains; `force` cuts the drain short.
    pub async fn run(self, shutdown: CancellationToken, force: CancellationToken) -> Result<(), RunError> {
        let (health, health_service) = tonic_health::server::health_reporter();
        health.set_serving::<CastleServiceServer<CastleApi>>().await;
        let decoded_bytes_max = DECODED_FRAMES_MAX * self.config.session.sizes.frame;
        let castle = CastleStreams::new(self.api(), decoded_bytes_max);
        let (moderation, url) = (self.moderation.clone(), self.listening.url.clone());
        let acts = AdminServiceServer::new(AdminApi::for_host(moderation.clone(), url.clone()));
        let authenticator = Arc::clone(&self.authenticator);
        let admins = AdminApi::for_admins(moderation, url, authenticator, self.config.unary_deadline);
        let admins = AdminServiceServer::new(admins).max_decoding_message_size(decoded_bytes_max);
        health.set_serving::<AdminServiceServer<AdminApi>>().await;
        let host = HostServiceServer::new(self.host_api());
        let stop_probes = CancellationToken::new();
        let _probes_end_with_us = stop_probes.clone().drop_guard();
        let (readiness, ready) = watch::channel(Readiness::Starting);
        let routes = Routes::new(castle)
            .add_service(admins)
            .add_service(health_service)
            .add_service(grpc::reflection().build_v1().expect("our own descriptors are well-formed"))
            .add_service(grpc::reflection().build_v1alpha().expect("our own descriptors are well-formed"));
        let gather = gathering(
            Arc::clone(&self.ports.metrics),
            self.hub.clone(),
            Arc::clone(&self.accounts),
            (self.relay.clone(), Arc::clone(&self.ice)),
        );
        let bounds = self.ports.bounds;
        let Self { tasks, stopped, hub, .. } = self;
        let mut serving = self.ports.serve(routes, ready, gather, &tasks, &stopped, stop_probes);
        let socket = tonic::transport::Server::builder()
            .layer(layer_fn(move |inner| Reasoning { inner, bounds }))
            .add_service(acts)
            .add_service(host);
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
        health.set_not_serving::<AdminServiceServer<AdminApi>>().await;
        force.run_until_cancelled(hub.drain(GO_AWAY)).await;
        stopped.cancel();
        tokio::select! {
            () = tasks.wait() => tracing::info!("drained"),
            () = tokio::time::sleep(DRAIN_DEADLINE) => tracing::warn!("streams were cut at the drain deadline"),
            () = force.cancelled() => tracing::warn!("the drain was cut short"),
        }
        if let Some(relay) = &self.relay {
            relay.close().await;
        }
        admin::remove_socket(&self.config.data_dir);
        ended
    }

    fn host_api(&self) -> HostApi {
        HostApi {
            store: Arc::clone(&self.store),
            signers: Arc::clone(&self.signers),
            rotating: Arc::default(),
            uncancelled: Uncancelled::on(self.tasks.clone()),
            hub: self.hub.clone(),
            ice: Arc::clone(&self.ice),
            listening: self.listening.clone(),
            started_at: SystemTime::now(),
        }
    }

    fn api(&self) -> CastleApi {
        CastleApi {
            accounts: Arc::clone(&self.accounts),
            moderation: self.moderation.clone(),
            authenticator: Arc::clone(&self.authenticator),
            ice: Arc::clone(&self.ice),
            hub: self.hub.clone(),
            store: Arc::clone(&self.store),
            deadline: self.config.unary_deadline,
            streams: Streams {
                config: self.config.session.clone(),
                hub: self.hub.clone(),
                authenticator: Arc::clone(&self.authenticator),
                alive: Arc::default(),
            },
            tasks: self.tasks.clone(),
            writes: Pace::new("writes", self.config.writes),
            reads: Pace::new("reads", self.config.reads),
        }
    }
}

async fn open_store(
    config: &Config,
    failed: CancellationToken,
    metrics: Arc<Metrics>,
) -> Result<SledStore, OpenError> {
    let data_dir = config.data_dir.clone();
    let synced = move |took| metrics.store.commits.observe(took);
    tokio::task::spawn_blocking(move || {
        admin::make_data_dir(&data_dir)?;
        SledStore::open_timed(&admin::store_dir(&data_dir), SystemTime::now(), failed, synced)
    })
    .await
    .expect("opening a store does not panic")
}

/// Figures that are only looked at when somebody asks.
fn gathering(
    metrics: Arc<Metrics>,
    hub: HubHandle,
    accounts: Arc<Accounts>,
    (relay, ice): (Option<Relay>, Arc<IceVendor>),
) -> Gather {
    Arc::new(move || {
        let (services, usable) = ice.health();
        metrics.relay.services.set(services as i64);
        metrics.relay.services_usable.set(usable as i64);
        if let Some(relay) = &relay {
            let counters = relay.counters();
            metrics.relay.allocations.set(i64::try_from(counters.allocations()).unwrap_or(i64::MAX));
            metrics.relay.allocations_made.reach(counters.allocations_made());
            metrics.relay.packets.reach(counters.packets());
            metrics.relay.bytes.reach(counters.bytes());
            counters.dropped().for_each(|(why, count)| metrics.relay.dropped.of(why).reach(count));
            counters.refused().for_each(|(code, count)| metrics.relay.refused.of(code).reach(count));
        }
        let (metrics, hub, accounts) = (Arc::clone(&metrics), hub.clone(), Arc::clone(&accounts));
        Box::pin(async move {
            let Ok(busy) = hub.busy().await else { return };
            metrics.hub.sessions.set(busy.sessions.into());
            metrics.hub.streams.set(busy.streams.into());
            let states =
                [("ringing", busy.ringing), ("connecting", busy.connecting), ("connected", busy.connected)];
            for (state, calls) in states {
                metrics.hub.calls.set(state, calls.into());
            }
            metrics.hub.match_queue.set(busy.waiting.into());
            metrics.identity.hashes.set(i64::try_from(accounts.hashes_done()).unwrap_or(i64::MAX));
            let waiting = i64::try_from(accounts.hashes_waiting()).unwrap_or(i64::MAX);
            metrics.identity.hashes_waiting.set(waiting);
        })
    })
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

//! The owner-only socket in the data folder, and a host's way to a server: through that socket while one runs,
//! else to the same service in this process, on the store itself.
//!
//! Owns the folder's and the socket's modes: who can open the socket is a host. And the note of how guests reach the
//! server, for links that are made while none runs.

use super::AdminApi;
use crate::config::PublicUrl;
use crate::error::Error;
use crate::moderation::Moderation;
use crate::store::OpenError;
use crate::store::sled::SledStore;
use castle::v1::admin_service_client::AdminServiceClient;
use castle::v1::admin_service_server::AdminServiceServer;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::fs::Permissions;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::transport::{Channel, Endpoint, Uri};

const SOCKET: &str = "admin.sock";
/// How guests reached the server that ran last: its URL, and on a second line the pin of its certificate, if links
/// carry one.
pub const REACHED_AT: &str = "reached-at";
/// What links carry where no server has run yet that left a note.
const UNKNOWN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 50051);

/// Makes the data folder, for its owner only, or checks that it is there.
pub fn make_data_dir(dir: &Path) -> Result<(), OpenError> {
    let io = |source| OpenError::Io { path: dir.to_owned(), source };
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io)?;
    std::fs::set_permissions(dir, Permissions::from_mode(0o700)).map_err(io)
}

/// The folder of the store within the data folder.
pub fn store_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("store")
}

/// Listens on the admin socket. Only for who holds the store, since it takes the place of a stale socket.
pub fn listen(data_dir: &Path) -> std::io::Result<UnixListener> {
    let path = data_dir.join(SOCKET);
    if path.exists() {
        std::fs::remove_file(&path)?;
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Notes how guests reach the server that runs in `data_dir` from now on.
pub fn note_reached_at(data_dir: &Path, url: &PublicUrl) -> std::io::Result<()> {
    let (path, beside) = (data_dir.join(REACHED_AT), data_dir.join(format!("{REACHED_AT}.new")));
    let pin = url.pin().map_or_else(String::new, |pin| format!("{pin}\n"));
    std::fs::write(&beside, format!("{url}\n{pin}"))?;
    std::fs::rename(beside, path)
}

/// How guests reach a server of `data_dir`, as far as its last one noted; `given` wins over its address, and is pinned
/// like it.
fn reached_at(data_dir: &Path, given: Option<PublicUrl>) -> PublicUrl {
    let note = std::fs::read_to_string(data_dir.join(REACHED_AT)).unwrap_or_default();
    let mut lines = note.lines();
    let noted = lines.next().and_then(|url| PublicUrl::parse(url).ok());
    let url = given.or(noted).unwrap_or_else(|| PublicUrl::of(UNKNOWN, false));
    match lines.next() {
        Some(pin) => url.pinned(pin.to_owned()),
        None => url,
    }
}

/// Removes the admin socket at the end of a server.
pub fn remove_socket(data_dir: &Path) {
    if let Err(error) = std::fs::remove_file(data_dir.join(SOCKET)) {
        tracing::debug!("removing the admin socket: {error}");
    }
}

/// Why a host's command has nothing to talk to.
#[derive(Debug, thiserror::Error)]
pub enum ReachError {
    /// The store could not be opened.
    #[error("{0}")]
    Store(#[from] OpenError),
    /// The store was opened and could not be read.
    #[error("{0}")]
    Secrets(#[from] Error),
    /// There is nothing to administrate.
    #[error("there is no data of a castle-server in {0}: start one there first, or name another --data-dir")]
    NoData(PathBuf),
}

/// A host's hand on a server.
pub type Admin = AdminServiceClient<Hand>;

/// Finds the server of `data_dir`, or opens its store. `url` is what links carry where none runs; by default what those
/// of the last server did.
pub async fn reach(data_dir: &Path, url: Option<PublicUrl>) -> Result<Admin, ReachError> {
    if let Some(channel) = running(data_dir).await {
        return Ok(AdminServiceClient::new(Hand::Socket(channel)));
    }
    let store_dir = store_dir(data_dir);
    if !store_dir.exists() {
        return Err(ReachError::NoData(data_dir.to_owned()));
    }
    let opened = tokio::task::spawn_blocking(move || {
        SledStore::open(&store_dir, SystemTime::now(), CancellationToken::new())
    });
    let store = Arc::new(opened.await.expect("opening a store does not panic")?);
    let api = AdminApi::for_host(Moderation::without_server(store), reached_at(data_dir, url));
    Ok(AdminServiceClient::new(Hand::Here(AdminServiceServer::new(api))))
}

/// A channel to the server of `data_dir`; nothing where none runs.
pub async fn running(data_dir: &Path) -> Option<Channel> {
    let path = data_dir.join(SOCKET);
    UnixStream::connect(&path).await.is_ok().then(|| channel(path))
}

fn channel(path: PathBuf) -> Channel {
    // The address is not used: the connector knows the socket.
    Endpoint::from_static("http://admin.socket").connect_with_connector_lazy(tower::service_fn(
        move |_: Uri| {
            let path = path.clone();
            async move { Ok::<_, std::io::Error>(TokioIo::new(UnixStream::connect(path).await?)) }
        },
    ))
}

/// The admin service, wherever it is.
#[derive(Clone)]
pub enum Hand {
    /// In the server that runs.
    Socket(Channel),
    /// In this process, since no server runs.
    Here(AdminServiceServer<AdminApi>),
}

impl Service<http::Request<Body>> for Hand {
    type Response = http::Response<Body>;
    type Error = tonic::transport::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        match self {
            Self::Socket(channel) => channel.poll_ready(context),
            Self::Here(_) => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        match self {
            Self::Socket(channel) => channel.call(request).boxed(),
            Self::Here(service) => service
                .call(request)
                .map(|answer| Ok(answer.unwrap_or_else(|never: Infallible| match never {})))
                .boxed(),
        }
    }
}

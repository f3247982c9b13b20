//! `castle.v1.HostService`: what only the owner of the machine does. Served on the owner-only admin socket alone; and
//! the same acts for the command line.
//!
//! Owns the conversion, and that a rotated key signs in the running server as soon as it is on disk. Never formats what
//! people read (`cli`).

use crate::admin::{self, wire};
use crate::error::Error;
use crate::hub::HubHandle;
use crate::ice::{CredentialOwner, IceVendor};
use crate::server::Listening;
use crate::store::sled::SledStore;
use crate::store::{Caller, CopyStore as _, KeyRotation, KeyStore, Once, OpenError, SigningKey, Store};
use crate::token::{ACCESS_TTL, AccessSigner, Signers};
use crate::uncancelled::Uncancelled;
use castle::v1::{self, host_service_client::HostServiceClient, host_service_server::HostService};
use std::fs::File;
use std::io::{Read as _, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::{Mutex, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

/// Bytes of a backup in one message.
const PIECE_BYTES: usize = 64 * 1024;
/// Pieces read ahead of a client that is slow.
const PIECES_AHEAD: usize = 4;

/// The service as tonic calls it.
pub struct HostApi {
    /// What lasts.
    pub store: Arc<dyn Store>,
    /// What signs now.
    pub signers: Arc<Signers>,
    /// One rotation at a time: store and signers change in the same order.
    pub rotating: Arc<Mutex<()>>,
    /// What is begun is done, though the owner be gone.
    pub uncancelled: Uncancelled,
    /// Who is there.
    pub hub: HubHandle,
    /// What guests are given.
    pub ice: Arc<IceVendor>,
    /// Where it is reached.
    pub listening: Listening,
    /// When it began to serve.
    pub started_at: SystemTime,
}

#[tonic::async_trait]
impl HostService for HostApi {
    type BackupStream = ReceiverStream<Result<v1::BackupResponse, Status>>;

    async fn get_status(
        &self,
        _request: Request<v1::GetStatusRequest>,
    ) -> Result<Response<v1::GetStatusResponse>, Status> {
        let busy = self.hub.busy().await?;
        Ok(Response::new(v1::GetStatusResponse {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: Some(self.started_at.into()),
            public_url: self.listening.url.to_string(),
            grpc: self.listening.grpc.to_string(),
            turn: self.listening.turn_ways(),
            http: self.listening.http.map(|http| http.to_string()).unwrap_or_default(),
            ice_servers: Some(self.ice.servers(CredentialOwner::NOBODY).into()),
            sessions: busy.sessions,
            calls: busy.calls,
            waiting: busy.waiting,
        }))
    }

    async fn list_signing_keys(
        &self,
        _request: Request<v1::ListSigningKeysRequest>,
    ) -> Result<Response<v1::ListSigningKeysResponse>, Status> {
        let keys = self.store.signing_keys(SystemTime::now()).await?;
        Ok(Response::new(v1::ListSigningKeysResponse { keys: keys.into_iter().map(Into::into).collect() }))
    }

    async fn rotate_signing_key(
        &self,
        request: Request<v1::RotateSigningKeyRequest>,
    ) -> Result<Response<v1::RotateSigningKeyResponse>, Status> {
        let request_id = wire::request_id(&request.into_inner().request_id)?;
        let (store, signers) = (Arc::clone(&self.store), Arc::clone(&self.signers));
        let rotating = Arc::clone(&self.rotating);
        let both = async move {
            let _one = rotating.lock().await;
            rotate(&*store, &request_id, Some(&signers.access)).await
        };
        let key = self.uncancelled.run(both).await?;
        Ok(Response::new(v1::RotateSigningKeyResponse { key: Some(key) }))
    }

    async fn backup(
        &self,
        _request: Request<v1::BackupRequest>,
    ) -> Result<Response<Self::BackupStream>, Status> {
        let file = self.store.copy(SystemTime::now()).await?;
        let (pieces, stream) = mpsc::channel(PIECES_AHEAD);
        tokio::task::spawn_blocking(move || send_pieces(file, &pieces));
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

/// Until the end, or until the client has gone.
fn send_pieces(mut file: File, pieces: &mpsc::Sender<Result<v1::BackupResponse, Status>>) {
    loop {
        let mut data = vec![0; PIECE_BYTES];
        let piece = match file.read(&mut data) {
            Ok(0) => return,
            Ok(length) => {
                data.truncate(length);
                Ok(v1::BackupResponse { data })
            }
            Err(error) => Err(Error::internal("reading a copy of the store", &error).into()),
        };
        let last = piece.is_err();
        if pieces.blocking_send(piece).is_err() || last {
            return;
        }
    }
}

/// Makes a new key, which signs as soon as it is on disk. Returns it. A repeat of a request makes no other, and sees to
/// it that `signer` has what is on disk.
async fn rotate<S: KeyStore + ?Sized>(
    store: &S,
    request_id: &str,
    signer: Option<&AccessSigner>,
) -> Result<v1::SigningKey, Error> {
    let now = SystemTime::now();
    let once = Once::new(now, Caller::Host, "RotateSigningKey", request_id, b"");
    let rotated = store.rotate_signing_key(SigningKey::generate(now), now + ACCESS_TTL, once).await?;
    let KeyRotation { made, made_at, keys } = rotated;
    if let Some(signer) = signer {
        signer.replace(keys);
    }
    tracing::info!(kid = made, "a new key signs access tokens");
    Ok(v1::SigningKey { key_id: made, created_at: Some(made_at.into()), signs: true, verifies_until: None })
}

impl From<SigningKey> for v1::SigningKey {
    fn from(key: SigningKey) -> Self {
        Self {
            key_id: key.id,
            created_at: Some(key.created_at.into()),
            signs: key.verifies_until.is_none(),
            verifies_until: key.verifies_until.map(Into::into),
        }
    }
}

/// Why an act of the owner failed.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The running server refused.
    #[error("{}", .0.message())]
    Refused(#[from] Status),
    /// Refused without a server.
    #[error("{0}")]
    Here(#[from] Error),
    /// The store could not be opened.
    #[error("{0}")]
    Store(#[from] OpenError),
    /// There is no store.
    #[error("there is no data of a castle-server in {0}: name another --data-dir")]
    NoData(PathBuf),
    /// What was received could not be kept.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// The owner's hand on a server: through its socket while it runs, else on the store itself.
pub enum Host {
    /// A server runs.
    Running(HostServiceClient<Channel>),
    /// None runs.
    Alone(Box<SledStore>),
}

impl Host {
    /// Finds the server of `data_dir`, or opens its store.
    pub async fn open(data_dir: &Path) -> Result<Self, HostError> {
        if let Some(channel) = admin::running(data_dir).await {
            return Ok(Self::Running(HostServiceClient::new(channel)));
        }
        let dir = admin::store_dir(data_dir);
        if !dir.exists() {
            return Err(HostError::NoData(data_dir.to_owned()));
        }
        let opened = tokio::task::spawn_blocking(move || {
            SledStore::open(&dir, SystemTime::now(), tokio_util::sync::CancellationToken::new())
        });
        Ok(Self::Alone(Box::new(opened.await.expect("opening a store does not panic")?)))
    }

    /// Keys that verify, newest first.
    pub async fn signing_keys(&mut self) -> Result<Vec<v1::SigningKey>, HostError> {
        match self {
            Self::Running(client) => {
                Ok(client.list_signing_keys(v1::ListSigningKeysRequest {}).await?.into_inner().keys)
            }
            Self::Alone(store) => {
                let keys = store.signing_keys(SystemTime::now()).await?;
                Ok(keys.into_iter().map(Into::into).collect())
            }
        }
    }

    /// Makes a new key that signs.
    pub async fn rotate_signing_key(&mut self) -> Result<v1::SigningKey, HostError> {
        match self {
            Self::Running(client) => {
                let asked = v1::RotateSigningKeyRequest::default();
                let answer = client.rotate_signing_key(asked).await?.into_inner();
                answer.key.ok_or_else(|| Status::internal("the server named no key").into())
            }
            Self::Alone(store) => Ok(rotate(&**store, "", None).await?),
        }
    }

    /// Writes a copy of the whole store into `out`.
    pub async fn copy(&mut self, out: &mut File) -> Result<(), HostError> {
        match self {
            Self::Running(client) => {
                let mut pieces = client.backup(v1::BackupRequest {}).await?.into_inner();
                while let Some(piece) = pieces.message().await? {
                    out.write_all(&piece.data)?;
                }
            }
            Self::Alone(store) => {
                std::io::copy(&mut store.copy(SystemTime::now()).await?, out)?;
            }
        }
        Ok(())
    }
}

//! `castle.v1.AdminService` on the owner-only socket in the data folder, and the same acts for the command line.
//!
//! Owns the socket, and the choice between a running server and the store itself. Who can open the socket is a
//! host: the folder is 0700 and the socket 0600.

use crate::accounts::{self, INVITATION_TTL, Inviting};
use crate::config::PublicUrl;
use crate::error::Error;
use crate::hub::HubHandle;
use crate::service::not_yet;
use crate::store::sled::SledStore;
use crate::store::{Account, Caller, OpenError, Role, Store};
use castle::v1::{self, admin_service_client::AdminServiceClient, admin_service_server::AdminService};
use hyper_util::rt::TokioIo;
use std::fs::Permissions;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Request, Response, Status};
use tonic_types::StatusExt as _;

const SOCKET: &str = "admin.sock";
const PAGE_DEFAULT: u32 = 100;
const PAGE_MAX: u32 = 1000;
/// Longest name in a page token.
const PAGE_TOKEN_BYTES_MAX: usize = 256;

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

/// Removes the admin socket at the end of a server.
pub fn remove_socket(data_dir: &Path) {
    if let Err(error) = std::fs::remove_file(data_dir.join(SOCKET)) {
        tracing::debug!("removing the admin socket: {error}");
    }
}

/// The service as tonic calls it.
pub struct AdminApi {
    /// What lasts.
    pub store: Arc<dyn Store>,
    /// What links carry.
    pub url: PublicUrl,
    /// Who is there.
    pub hub: HubHandle,
}

#[tonic::async_trait]
impl AdminService for AdminApi {
    async fn create_invitation(
        &self,
        request: Request<v1::CreateInvitationRequest>,
    ) -> Result<Response<v1::CreateInvitationResponse>, Status> {
        Ok(Response::new(create_invitation(&*self.store, &self.url, request.into_inner()).await?))
    }

    async fn list_accounts(
        &self,
        request: Request<v1::ListAccountsRequest>,
    ) -> Result<Response<v1::ListAccountsResponse>, Status> {
        let mut page = list_accounts(&*self.store, request.into_inner()).await?;
        for account in &mut page.accounts {
            let id = account.guest.as_ref().and_then(|guest| guest.guest_id.parse().ok());
            account.online = match id {
                Some(id) => self.hub.online(id).await,
                None => false,
            };
        }
        Ok(Response::new(page))
    }

    async fn list_invitations(
        &self,
        _request: Request<v1::ListInvitationsRequest>,
    ) -> Result<Response<v1::ListInvitationsResponse>, Status> {
        Err(not_yet("ListInvitations"))
    }

    async fn revoke_invitation(
        &self,
        _request: Request<v1::RevokeInvitationRequest>,
    ) -> Result<Response<v1::RevokeInvitationResponse>, Status> {
        Err(not_yet("RevokeInvitation"))
    }

    async fn get_account(
        &self,
        _request: Request<v1::GetAccountRequest>,
    ) -> Result<Response<v1::GetAccountResponse>, Status> {
        Err(not_yet("GetAccount"))
    }

    async fn ban_guest(
        &self,
        _request: Request<v1::BanGuestRequest>,
    ) -> Result<Response<v1::BanGuestResponse>, Status> {
        Err(not_yet("BanGuest"))
    }

    async fn unban_guest(
        &self,
        _request: Request<v1::UnbanGuestRequest>,
    ) -> Result<Response<v1::UnbanGuestResponse>, Status> {
        Err(not_yet("UnbanGuest"))
    }

    async fn disconnect_guest(
        &self,
        _request: Request<v1::DisconnectGuestRequest>,
    ) -> Result<Response<v1::DisconnectGuestResponse>, Status> {
        Err(not_yet("DisconnectGuest"))
    }

    async fn delete_guest(
        &self,
        _request: Request<v1::DeleteGuestRequest>,
    ) -> Result<Response<v1::DeleteGuestResponse>, Status> {
        Err(not_yet("DeleteGuest"))
    }

    async fn create_reset_code(
        &self,
        _request: Request<v1::CreateResetCodeRequest>,
    ) -> Result<Response<v1::CreateResetCodeResponse>, Status> {
        Err(not_yet("CreateResetCode"))
    }

    async fn set_role(
        &self,
        _request: Request<v1::SetRoleRequest>,
    ) -> Result<Response<v1::SetRoleResponse>, Status> {
        Err(not_yet("SetRole"))
    }

    async fn list_reports(
        &self,
        _request: Request<v1::ListReportsRequest>,
    ) -> Result<Response<v1::ListReportsResponse>, Status> {
        Err(not_yet("ListReports"))
    }

    async fn resolve_report(
        &self,
        _request: Request<v1::ResolveReportRequest>,
    ) -> Result<Response<v1::ResolveReportResponse>, Status> {
        Err(not_yet("ResolveReport"))
    }

    async fn list_audit_entries(
        &self,
        _request: Request<v1::ListAuditEntriesRequest>,
    ) -> Result<Response<v1::ListAuditEntriesResponse>, Status> {
        Err(not_yet("ListAuditEntries"))
    }
}

async fn create_invitation(
    store: &dyn Store,
    url: &PublicUrl,
    asked: v1::CreateInvitationRequest,
) -> Result<v1::CreateInvitationResponse, Error> {
    let good_for = match asked.expires_in_s {
        0 => INVITATION_TTL,
        seconds => Duration::from_secs(seconds),
    };
    let inviting = Inviting {
        uses: asked.uses.max(1),
        good_for,
        note: asked.note,
        role: Role::Guest,
        caller: Caller::Host,
        request_id: asked.request_id,
    };
    let (invitation, code) = accounts::invite(store, inviting).await?;
    Ok(v1::CreateInvitationResponse {
        invitation_id: invitation.id.to_string(),
        link: url.invitation_link(&code),
        code,
        uses: invitation.uses,
        expires_at: Some(invitation.expires_at.into()),
    })
}

async fn list_accounts(
    store: &dyn Store,
    asked: v1::ListAccountsRequest,
) -> Result<v1::ListAccountsResponse, Error> {
    if asked.page_size > PAGE_MAX {
        return Err(Error::field("page_size", "must be at most 1,000"));
    }
    if asked.page_token.len() > PAGE_TOKEN_BYTES_MAX {
        return Err(Error::field("page_token", "is not one of this server's"));
    }
    let size = if asked.page_size == 0 { PAGE_DEFAULT } else { asked.page_size } as usize;
    let after = Some(asked.page_token).filter(|token| !token.is_empty());
    let mut accounts = store.list_accounts(after, size + 1).await?;
    let more = accounts.len() > size;
    accounts.truncate(size);
    let next = accounts.last().filter(|_| more).map(|account| account.name.clone());
    Ok(v1::ListAccountsResponse {
        accounts: accounts.into_iter().map(v1::Account::from).collect(),
        next_page_token: next.unwrap_or_default(),
    })
}

impl From<Account> for v1::Account {
    fn from(account: Account) -> Self {
        let role = match account.role {
            Role::Guest => v1::Role::Guest,
            Role::Admin => v1::Role::Admin,
        };
        Self {
            role: role.into(),
            created_at: Some(account.created_at.into()),
            last_login_at: account.last_login_at.map(Into::into),
            banned_at: None,
            ban_reason: String::new(),
            online: false,
            guest: Some(account.into()),
        }
    }
}

/// Why a command of a host failed.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The running server refused.
    #[error("{}", in_words(.0))]
    Refused(#[from] Status),
    /// Refused without a server.
    #[error("{0}")]
    Here(#[from] Error),
    /// The store could not be opened.
    #[error("{0}")]
    Store(#[from] OpenError),
    /// There is nothing to administrate.
    #[error("there is no data of a castle-server in {0}: start one there first, or name another --data-dir")]
    NoData(PathBuf),
}

fn in_words(status: &Status) -> String {
    let details = status.get_error_details();
    let violations = details.bad_request().map(|bad| &bad.field_violations[..]).unwrap_or_default();
    let mut words = status.message().to_owned();
    for violation in violations {
        words.push_str("; ");
        words.push_str(&violation.field);
        words.push(' ');
        words.push_str(&violation.description);
    }
    words
}

/// A host's hand on a server: through its socket while it runs, else on the store itself.
pub enum Admin {
    /// A server runs.
    Running(AdminServiceClient<Channel>),
    /// None runs; with what links are to carry.
    Alone(Box<SledStore>, PublicUrl),
}

impl Admin {
    /// Finds the server of `data_dir`, or opens its store. `url` is what links carry where none runs.
    pub async fn open(data_dir: &Path, url: PublicUrl) -> Result<Self, AdminError> {
        if let Some(channel) = running(data_dir).await {
            return Ok(Self::Running(AdminServiceClient::new(channel)));
        }
        let store_dir = store_dir(data_dir);
        if !store_dir.exists() {
            return Err(AdminError::NoData(data_dir.to_owned()));
        }
        let opened = tokio::task::spawn_blocking(move || {
            SledStore::open(&store_dir, SystemTime::now(), CancellationToken::new())
        });
        let store = opened.await.expect("opening a store does not panic")?;
        Ok(Self::Alone(Box::new(store), url))
    }

    /// Makes an invitation.
    pub async fn create_invitation(
        &mut self,
        asked: v1::CreateInvitationRequest,
    ) -> Result<v1::CreateInvitationResponse, AdminError> {
        match self {
            Self::Running(client) => Ok(client.create_invitation(asked).await?.into_inner()),
            Self::Alone(store, url) => Ok(create_invitation(&**store, url, asked).await?),
        }
    }

    /// All accounts by name.
    pub async fn list_accounts(&mut self) -> Result<Vec<v1::Account>, AdminError> {
        let mut accounts = Vec::new();
        let mut page_token = String::new();
        loop {
            let asked = v1::ListAccountsRequest { page_size: PAGE_MAX, page_token };
            let page = match self {
                Self::Running(client) => client.list_accounts(asked).await?.into_inner(),
                Self::Alone(store, _) => list_accounts(&**store, asked).await?,
            };
            accounts.extend(page.accounts);
            if page.next_page_token.is_empty() {
                return Ok(accounts);
            }
            page_token = page.next_page_token;
        }
    }
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

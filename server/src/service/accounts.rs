//! The unary RPCs of `CastleService` about accounts: from wire types to `accounts.rs` and back.
//!
//! Owns the deadline of a unary call. Never decides anything.

use crate::accounts::{Accounts, LoggedIn, Registering, Tokens};
use crate::auth::Caller;
use crate::error::Error;
use crate::ice::{CredentialOwner, IceVendor};
use crate::store::Account;
use castle::limits::UNARY_DEADLINE;
use castle::v1;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, SystemTime};
use tonic::{Request, Response, Status};

/// When to come again after a deadline: the server has more to do than it can.
const OVERLOADED_RETRY: Duration = Duration::from_secs(2);

/// `CastleService.Register`.
pub async fn register(
    accounts: &Accounts,
    ice: &IceVendor,
    request: Request<v1::RegisterRequest>,
) -> Result<Response<v1::RegisterResponse>, Status> {
    let from = address_of(&request);
    let asked = request.into_inner();
    let registering = Registering {
        invitation_code: asked.invitation_code,
        name: asked.name,
        password: asked.password,
        display_name: asked.display_name,
        device_name: asked.device_name,
        request_id: asked.request_id,
    };
    let LoggedIn { account, tokens } = in_time(accounts.register(from, registering)).await?;
    let owner = CredentialOwner::new(account.id, tokens.refresh.login);
    Ok(Response::new(v1::RegisterResponse {
        guest: Some(account.into()),
        tokens: Some(tokens.into()),
        ice_servers: Some(ice.servers_for(SystemTime::now(), owner).into()),
    }))
}

/// `CastleService.Login`.
pub async fn login(
    accounts: &Accounts,
    ice: &IceVendor,
    request: Request<v1::LoginRequest>,
) -> Result<Response<v1::LoginResponse>, Status> {
    let from = address_of(&request);
    let asked = request.into_inner();
    let login = accounts.login(from, &asked.name, asked.password, asked.device_name);
    let LoggedIn { account, tokens } = in_time(login).await?;
    let owner = CredentialOwner::new(account.id, tokens.refresh.login);
    Ok(Response::new(v1::LoginResponse {
        guest: Some(account.into()),
        tokens: Some(tokens.into()),
        ice_servers: Some(ice.servers_for(SystemTime::now(), owner).into()),
    }))
}

/// `CastleService.Refresh`.
pub async fn refresh(
    accounts: &Accounts,
    request: Request<v1::RefreshRequest>,
) -> Result<Response<v1::RefreshResponse>, Status> {
    let asked = request.into_inner();
    let tokens = in_time(accounts.refresh(&asked.refresh_token, &asked.request_id)).await?;
    Ok(Response::new(v1::RefreshResponse { tokens: Some(tokens.into()) }))
}

/// `CastleService.GetIceServers`, for a caller who was authenticated.
pub fn get_ice_servers(ice: &IceVendor, caller: &Caller) -> Response<v1::GetIceServersResponse> {
    let servers = ice.servers_for(SystemTime::now(), CredentialOwner::new(caller.guest, caller.login));
    Response::new(v1::GetIceServersResponse { ice_servers: Some(servers.into()) })
}

/// Holds unary work to its deadline.
///
/// Errors: `RateLimited` at the deadline, besides those of the work.
pub async fn in_time<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::time::timeout(UNARY_DEADLINE, work)
        .await
        .unwrap_or(Err(Error::RateLimited { retry_after: OVERLOADED_RETRY }))
}

/// The address a request came from. In-process transports have none and count as loopback.
fn address_of<T>(request: &Request<T>) -> IpAddr {
    request.remote_addr().map_or(Ipv4Addr::LOCALHOST.into(), |address| address.ip())
}

impl From<Account> for v1::Guest {
    fn from(account: Account) -> Self {
        Self { guest_id: account.id.to_string(), name: account.name, display_name: account.display_name }
    }
}

impl From<Tokens> for v1::Tokens {
    fn from(tokens: Tokens) -> Self {
        Self {
            access_token: tokens.access,
            access_expires_at: Some(tokens.access_expires_at.into()),
            refresh_token: tokens.refresh.reveal().to_owned(),
            refresh_expires_at: Some(tokens.refresh_expires_at.into()),
            device_token: String::new(),
        }
    }
}

//! The RPCs of `CastleService` about accounts: from wire types to `accounts.rs` and back. Never decides anything.

use crate::accounts::{Accounts, LoggedIn, LoggingIn, Registering, Resetting, Tokens};
use crate::auth::Caller;
use crate::error::Error;
use crate::ice::{CredentialOwner, IceVendor};
use crate::store::{Account, Login};
use crate::transport::ClientAddr;
use castle::ids::LoginId;
use castle::v1;
use tonic::Request;

/// `CastleService.Register`.
pub async fn register(
    accounts: &Accounts,
    ice: &IceVendor,
    request: Request<v1::RegisterRequest>,
) -> Result<v1::RegisterResponse, Error> {
    let from = ClientAddr::of(&request);
    let asked = request.into_inner();
    let registering = Registering {
        invitation_code: asked.invitation_code,
        name: asked.name,
        password: asked.password,
        display_name: asked.display_name,
        device_name: asked.device_name,
        request_id: asked.request_id,
    };
    let LoggedIn { account, tokens } = accounts.register(from, registering).await?;
    let owner = CredentialOwner::new(account.id, tokens.refresh.login);
    Ok(v1::RegisterResponse {
        guest: Some(account.into()),
        tokens: Some(tokens.into()),
        ice_servers: Some(ice.servers(owner).into()),
    })
}

/// `CastleService.Login`.
pub async fn login(
    accounts: &Accounts,
    ice: &IceVendor,
    request: Request<v1::LoginRequest>,
) -> Result<v1::LoginResponse, Error> {
    let from = ClientAddr::of(&request);
    let v1::LoginRequest { name, password, device_name, device_token } = request.into_inner();
    let asked = LoggingIn { name, password, device_name, device_token };
    let LoggedIn { account, tokens } = accounts.login(from, asked).await?;
    let owner = CredentialOwner::new(account.id, tokens.refresh.login);
    Ok(v1::LoginResponse {
        guest: Some(account.into()),
        tokens: Some(tokens.into()),
        ice_servers: Some(ice.servers(owner).into()),
    })
}

/// `CastleService.Refresh`.
pub async fn refresh(
    accounts: &Accounts,
    request: Request<v1::RefreshRequest>,
) -> Result<v1::RefreshResponse, Error> {
    let asked = request.into_inner();
    let tokens = accounts.refresh(&asked.refresh_token, &asked.request_id).await?;
    Ok(v1::RefreshResponse { tokens: Some(tokens.into()) })
}

/// `CastleService.ResetPassword`.
pub async fn reset_password(
    accounts: &Accounts,
    ice: &IceVendor,
    request: Request<v1::ResetPasswordRequest>,
) -> Result<v1::ResetPasswordResponse, Error> {
    let from = ClientAddr::of(&request);
    let v1::ResetPasswordRequest { name, code, new_password, device_name, request_id } = request.into_inner();
    let asked = Resetting { name, code, new_password, device_name, request_id };
    let LoggedIn { account, tokens } = accounts.reset_password(from, asked).await?;
    let owner = CredentialOwner::new(account.id, tokens.refresh.login);
    Ok(v1::ResetPasswordResponse {
        guest: Some(account.into()),
        tokens: Some(tokens.into()),
        ice_servers: Some(ice.servers(owner).into()),
    })
}

/// `CastleService.Logout`.
pub async fn logout(accounts: &Accounts, caller: &Caller) -> Result<v1::LogoutResponse, Error> {
    accounts.logout(caller).await?;
    Ok(v1::LogoutResponse {})
}

/// `CastleService.ChangePassword`.
pub async fn change_password(
    accounts: &Accounts,
    caller: &Caller,
    asked: v1::ChangePasswordRequest,
) -> Result<v1::ChangePasswordResponse, Error> {
    accounts.change_password(caller, asked.password, asked.new_password, &asked.request_id).await?;
    Ok(v1::ChangePasswordResponse {})
}

/// `CastleService.SetDisplayName`.
pub async fn set_display_name(
    accounts: &Accounts,
    caller: &Caller,
    asked: v1::SetDisplayNameRequest,
) -> Result<v1::SetDisplayNameResponse, Error> {
    let account = accounts.set_display_name(caller, &asked.display_name, &asked.request_id).await?;
    Ok(v1::SetDisplayNameResponse { guest: Some(account.into()) })
}

/// `CastleService.DeleteAccount`.
pub async fn delete_account(
    accounts: &Accounts,
    caller: &Caller,
    asked: v1::DeleteAccountRequest,
) -> Result<v1::DeleteAccountResponse, Error> {
    accounts.delete(caller, asked.password).await?;
    Ok(v1::DeleteAccountResponse {})
}

/// `CastleService.ListDevices`.
pub async fn list_devices(
    accounts: &Accounts,
    caller: &Caller,
    asked: v1::ListDevicesRequest,
) -> Result<v1::ListDevicesResponse, Error> {
    let page = accounts.devices(caller, asked.page_size, &asked.page_token).await?;
    let devices = page.logins.into_iter().map(|login| device(login, Some(caller.login)));
    Ok(v1::ListDevicesResponse { devices: devices.collect(), next_page_token: page.next })
}

/// `CastleService.RevokeDevice`.
pub async fn revoke_device(
    accounts: &Accounts,
    caller: &Caller,
    asked: v1::RevokeDeviceRequest,
) -> Result<v1::RevokeDeviceResponse, Error> {
    accounts.revoke_device(caller, &asked.device_id, &asked.request_id).await?;
    Ok(v1::RevokeDeviceResponse {})
}

/// `CastleService.GetIceServers`, for a caller who was authenticated.
pub fn get_ice_servers(ice: &IceVendor, caller: &Caller) -> v1::GetIceServersResponse {
    let servers = ice.servers(CredentialOwner::new(caller.guest, caller.login));
    v1::GetIceServersResponse { ice_servers: Some(servers.into()) }
}

/// A login as its owner and hosts see it; `current` is the one that asks.
pub fn device(login: Login, current: Option<LoginId>) -> v1::Device {
    v1::Device {
        device_id: login.id.to_string(),
        current: current == Some(login.id),
        device_name: login.device_name,
        created_at: Some(login.created_at.into()),
        last_used_at: Some(login.last_used_at.into()),
    }
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
            device_token: tokens.device,
        }
    }
}

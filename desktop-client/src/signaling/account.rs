//! Login and its tokens. The access token is renewed before it ends; the password is used once and dropped.

use super::address::ServerAddress;
use super::devices::DeviceTokens;
use super::keeping::Keeping;
use super::{tls, wire};
use crate::error::{ClientError, ErrorKind};
use crate::view::Secret;
use castle::limits::UNARY_DEADLINE;
use castle::v1::castle_service_client::CastleServiceClient;
use castle::v1::{
    self, ErrorReason, LoginRequest, RefreshRequest, RegisterRequest, ResetPasswordRequest, Tokens,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};

/// The service client over one connection.
pub(super) type Client = CastleServiceClient<Channel>;

/// A host that does not answer is given up after this time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// HTTP/2 keepalive: with the time-out below, a pulled cable is noticed within 20 s even between heartbeats.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// As above.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(8);
/// The access token is renewed after this share of its life.
const RENEW_AFTER: f64 = 0.8;
/// Bounds of the wait for that, whatever the server says.
const RENEW_BETWEEN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(600));

/// How a guest proves who they are.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// By name and password.
    LogIn {
        /// Login name.
        name: String,
        /// Password.
        password: Secret,
    },
    /// With the key that an earlier login left on this device.
    Remembered {
        /// Login name.
        name: String,
        /// The key; none opens nothing.
        key: Option<LoginKey>,
    },
    /// With an invitation, for the first time.
    Register {
        /// From the host.
        invitation: String,
        /// Login name.
        name: String,
        /// Password.
        password: Secret,
    },
    /// With a one-time code of the host, which sets a new password.
    Reset {
        /// Login name.
        name: String,
        /// From the host.
        code: ResetCode,
        /// The new password.
        password: Secret,
    },
}

/// A one-time code and the id of the request that spends it: where only the answer was lost, the same request gives the
/// same login.
#[derive(Debug, Clone)]
pub struct ResetCode {
    code: Secret,
    request_id: String,
}

impl ResetCode {
    /// To be spent.
    pub fn new(code: Secret) -> Self {
        Self { code, request_id: wire::new_request_id() }
    }
}

/// What lets this device log in again without a password: good for one use, which gives the next.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginKey {
    /// A secret.
    pub refresh_token: String,
    /// `request_id` of its use, kept before it is used: repeated within a minute it gives the same successor, so that a
    /// crash in between costs nothing.
    pub request_id: String,
}

impl std::fmt::Debug for LoginKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LoginKey(…)")
    }
}

/// Keeps the newest key of a login for the next start. May block: nobody waits for it but the next key.
pub type KeyKeeper = Arc<dyn Fn(&LoginKey) + Send + Sync>;

/// A guest who is logged in.
pub struct Account {
    /// Where.
    pub address: ServerAddress,
    /// Login name.
    pub name: String,
    pub(super) client: Client,
    tokens: Tokens,
    /// For the next use of the refresh token.
    request_id: String,
    keeping: Option<Keeping>,
    /// Where the newest token of this device is kept: it changes with the password.
    devices: DeviceTokens,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Connects and logs in, or registers; as the device that `devices` knows, which is kept there.
pub async fn log_in(
    address: ServerAddress,
    credentials: Credentials,
    devices: &DeviceTokens,
) -> Result<Account, ClientError> {
    let mut client = CastleServiceClient::new(connect(&address).await?);
    let device_name = device_name();
    let (guest, tokens) = match credentials {
        Credentials::Remembered { name, key } => {
            let key = key.ok_or(ErrorReason::RefreshInvalid)?;
            let tokens = refresh(&mut client, &key.refresh_token, &key.request_id).await?;
            return Ok(Account::new(address, name, client, tokens, devices));
        }
        Credentials::LogIn { name, password } => {
            let device_token = devices.of(&address, &name);
            let login = LoginRequest { name, password: password.0, device_name, device_token };
            let mut request = tonic::Request::new(login);
            request.set_timeout(UNARY_DEADLINE);
            let response = client.login(request).await?.into_inner();
            (response.guest, response.tokens)
        }
        Credentials::Register { invitation, name, password } => {
            let mut request = tonic::Request::new(RegisterRequest {
                invitation_code: invitation,
                name,
                password: password.0,
                display_name: String::new(),
                device_name,
                request_id: wire::new_request_id(),
            });
            request.set_timeout(UNARY_DEADLINE);
            let response = client.register(request).await?.into_inner();
            (response.guest, response.tokens)
        }
        Credentials::Reset { name, code: ResetCode { code, request_id }, password } => {
            let mut request = tonic::Request::new(ResetPasswordRequest {
                name,
                code: code.0,
                new_password: password.0,
                device_name,
                request_id,
            });
            request.set_timeout(UNARY_DEADLINE);
            let response = client.reset_password(request).await.map_err(code_refused)?.into_inner();
            (response.guest, response.tokens)
        }
    };
    let me = guest.and_then(wire::me_from_guest).ok_or(ErrorKind::Protocol)?;
    let tokens = tokens.ok_or(ErrorKind::Protocol)?;
    Ok(Account::new(address, me.name, client, tokens, devices))
}

/// A refusal of a one-time code, as what it is.
fn code_refused(status: tonic::Status) -> ClientError {
    let error = ClientError::from(status);
    match error.kind {
        ErrorKind::Refused(ErrorReason::BadCredentials) => ErrorKind::CodeRefused.into(),
        ErrorKind::Refused(ErrorReason::RequestIdReused) => ErrorKind::CodeSpent.into(),
        _ => error,
    }
}

async fn refresh(client: &mut Client, refresh_token: &str, request_id: &str) -> Result<Tokens, ClientError> {
    let (refresh_token, request_id) = (refresh_token.to_owned(), request_id.to_owned());
    let mut request = tonic::Request::new(RefreshRequest { refresh_token, request_id });
    request.set_timeout(UNARY_DEADLINE);
    let response = client.refresh(request).await?.into_inner();
    Ok(response.tokens.ok_or(ErrorKind::Protocol)?)
}

async fn connect(address: &ServerAddress) -> Result<Channel, ClientError> {
    let (endpoint, address) = (endpoint(address)?, address.clone());
    let connector = tower::service_fn(move |uri| tls::connect(address.clone(), uri));
    Ok(endpoint.connect_with_connector(connector).await?)
}

fn endpoint(address: &ServerAddress) -> Result<Endpoint, ClientError> {
    let endpoint = Endpoint::from_shared(address.to_string()).map_err(|_| ErrorKind::BadAddress)?;
    Ok(endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true))
}

/// What this device is called in lists: the name of the machine where it tells, else that of the system.
fn device_name() -> String {
    let host = std::fs::read_to_string("/etc/hostname").ok();
    let name = host.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    let name = name.unwrap_or_else(|| std::env::consts::OS.to_owned());
    name.chars().take(castle::limits::LABEL_CHARS_MAX).collect()
}

impl Account {
    fn new(
        address: ServerAddress,
        name: String,
        client: Client,
        tokens: Tokens,
        devices: &DeviceTokens,
    ) -> Self {
        let (request_id, devices) = (wire::new_request_id(), devices.clone());
        devices.keep(&address, &name, &tokens.device_token);
        Self { address, name, client, tokens, request_id, keeping: None, devices }
    }

    /// From now on each key of this login is kept, this one before anything else.
    #[must_use]
    pub async fn kept_by(mut self, keeper: KeyKeeper) -> Self {
        self.keeping = Some(Keeping::begin(keeper, self.key()).await);
        self
    }

    fn key(&self) -> LoginKey {
        LoginKey { refresh_token: self.tokens.refresh_token.clone(), request_id: self.request_id.clone() }
    }

    /// No further key follows: waits until the last one is kept, if that does not take long.
    pub(super) async fn finish_keeping(&mut self) {
        if let Some(keeping) = self.keeping.take() {
            keeping.finish().await;
        }
    }

    /// Another connection in place of the one in use, which may not carry anything any more. Opened when needed.
    pub(super) fn redial(&mut self) {
        if let Ok(endpoint) = endpoint(&self.address) {
            let address = self.address.clone();
            let connector = tower::service_fn(move |uri| tls::connect(address.clone(), uri));
            self.client = CastleServiceClient::new(endpoint.connect_with_connector_lazy(connector));
        }
    }

    /// The value of `authorization`.
    pub(super) fn bearer(&self) -> Result<MetadataValue<Ascii>, ClientError> {
        let mut value: MetadataValue<Ascii> =
            format!("Bearer {}", self.tokens.access_token).parse().map_err(|_| ErrorKind::Protocol)?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// How long to use the access token before it is renewed, where the server's clock shows `now`.
    pub(super) fn renew_in(&self, now: SystemTime) -> Duration {
        let expires = self.tokens.access_expires_at.and_then(|at| SystemTime::try_from(at).ok());
        let left = expires.and_then(|at| at.duration_since(now).ok()).unwrap_or_default();
        left.mul_f64(RENEW_AFTER).clamp(RENEW_BETWEEN.0, RENEW_BETWEEN.1)
    }

    /// The access token, to go on with on a stream that is open.
    pub(super) fn access_token(&self) -> String {
        self.tokens.access_token.clone()
    }

    /// Exchanges the refresh token. May be tried again after a broken transport: it is the same request then.
    pub(super) async fn renew(&mut self) -> Result<(), ClientError> {
        self.tokens = refresh(&mut self.client, &self.tokens.refresh_token, &self.request_id).await?;
        self.devices.keep(&self.address, &self.name, &self.tokens.device_token);
        self.request_id = wire::new_request_id();
        if let Some(keeping) = &self.keeping {
            keeping.put(self.key());
        }
        Ok(())
    }

    /// Whether somebody comes back to this login: its keys are kept.
    pub(super) fn is_kept(&self) -> bool {
        self.keeping.is_some()
    }

    /// Ends the login at the server: its key is of no use any more.
    pub(super) async fn log_out(&mut self) -> Result<(), ClientError> {
        let mut request = tonic::Request::new(v1::LogoutRequest {});
        request.set_timeout(UNARY_DEADLINE);
        request.metadata_mut().insert("authorization", self.bearer()?);
        self.client.logout(request).await?;
        Ok(())
    }
}

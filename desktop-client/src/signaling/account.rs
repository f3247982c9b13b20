//! Login and its tokens. The access token is renewed before it ends; the password is used once and dropped.

use super::address::ServerAddress;
use super::{tls, wire};
use crate::error::{ClientError, ErrorKind};
use crate::view::{Me, Secret};
use castle::limits::UNARY_DEADLINE;
use castle::v1::castle_service_client::CastleServiceClient;
use castle::v1::{LoginRequest, RefreshRequest, RegisterRequest, Tokens};
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
/// Bounds of the wait for that, whatever this machine's clock says.
const RENEW_BETWEEN: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(600));

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
    /// With an invitation, for the first time.
    Register {
        /// From the host.
        invitation: String,
        /// Login name.
        name: String,
        /// Password.
        password: Secret,
    },
}

/// A guest who is logged in.
#[derive(Clone)]
pub struct Account {
    /// Where.
    pub address: ServerAddress,
    /// Who.
    pub me: Me,
    pub(super) client: Client,
    tokens: Tokens,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account").field("me", &self.me).finish_non_exhaustive()
    }
}

/// Connects and logs in, or registers.
pub async fn log_in(address: ServerAddress, credentials: Credentials) -> Result<Account, ClientError> {
    let mut client = CastleServiceClient::new(connect(&address).await?);
    let device_name = device_name();
    let (guest, tokens) = match credentials {
        Credentials::LogIn { name, password } => {
            let mut request = tonic::Request::new(LoginRequest {
                name,
                password: password.0,
                device_name,
                device_token: String::new(),
            });
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
    };
    let me = guest.and_then(wire::me_from_guest).ok_or(ErrorKind::Protocol)?;
    let tokens = tokens.ok_or(ErrorKind::Protocol)?;
    Ok(Account { address, me, client, tokens })
}

async fn connect(address: &ServerAddress) -> Result<Channel, ClientError> {
    let endpoint = Endpoint::from_shared(address.to_string()).map_err(|_| ErrorKind::BadAddress)?;
    let endpoint = endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true);
    let address = address.clone();
    let connector = tower::service_fn(move |uri| tls::connect(address.clone(), uri));
    Ok(endpoint.connect_with_connector(connector).await?)
}

/// What this device is called in lists: the name of the machine where it tells, else that of the system.
fn device_name() -> String {
    let host = std::fs::read_to_string("/etc/hostname").ok();
    let name = host.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    let name = name.unwrap_or_else(|| std::env::consts::OS.to_owned());
    name.chars().take(castle::limits::LABEL_CHARS_MAX).collect()
}

impl Account {
    /// The value of `authorization`.
    pub(super) fn bearer(&self) -> Result<MetadataValue<Ascii>, ClientError> {
        let mut value: MetadataValue<Ascii> =
            format!("Bearer {}", self.tokens.access_token).parse().map_err(|_| ErrorKind::Protocol)?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// How long to use the access token before it is renewed.
    pub(super) fn renew_in(&self) -> Duration {
        let expires = self.tokens.access_expires_at.and_then(|at| SystemTime::try_from(at).ok());
        let left = expires.and_then(|at| at.duration_since(SystemTime::now()).ok()).unwrap_or_default();
        left.mul_f64(RENEW_AFTER).clamp(RENEW_BETWEEN.0, RENEW_BETWEEN.1)
    }

    /// Exchanges the refresh token. The same `request_id` may be tried again after a broken transport.
    pub(super) async fn renew(&mut self, request_id: &str) -> Result<(), ClientError> {
        let mut request = tonic::Request::new(RefreshRequest {
            refresh_token: self.tokens.refresh_token.clone(),
            request_id: request_id.to_owned(),
        });
        request.set_timeout(UNARY_DEADLINE);
        let response = self.client.refresh(request).await?.into_inner();
        self.tokens = response.tokens.ok_or(ErrorKind::Protocol)?;
        Ok(())
    }
}

//! Whether a TURN server works: an allocation made over its own transport with our own credentials, and given back.
//!
//! Owns what counts as working. Relays nothing. A certificate is not judged: whom to believe there, guests know, and
//! `doctor` says.

use crate::config::relay::{TurnTransport, TurnUrl};
use crate::ice::{CredentialOwner, TurnSecret};
use castle_connectivity::address::{ServerUri, Service, Transport};
use castle_connectivity::relayed::{Client, Credential, RelayError};
use castle_connectivity::trust::Trust;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// For the whole of it: less than from one probe to the next.
const WITHIN: Duration = Duration::from_secs(10);
/// How long the probe's credential is good, seconds: for this probe alone.
const CREDENTIAL_S: u64 = 60;

/// Makes an allocation at `url` and gives it back, within ten seconds.
pub async fn allocate(url: &TurnUrl, secret: &TurnSecret) -> Result<(), RelayError> {
    let transport = match url.transport {
        TurnTransport::Udp => Transport::Udp,
        TurnTransport::Tcp => Transport::Tcp,
        TurnTransport::Tls => Transport::Tls,
    };
    let uri = ServerUri { service: Service::Turn, host: url.host.clone(), port: url.port, transport };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let username = secret.username(now + CREDENTIAL_S, CredentialOwner::NOBODY, rand::random());
    let password = secret.password_for(&username);
    let probe = async {
        let client = Client::open(&uri, Trust::Anyone).await?;
        client.allocate(&Credential { username, password }).await?.release().await
    };
    tokio::time::timeout(WITHIN, probe).await.unwrap_or(Err(RelayError::Silent))
}

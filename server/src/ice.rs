//! STUN and TURN servers for guests, with credentials that live an hour.
//!
//! Owns the credential scheme: `expiry:random id` as user name and base64 HMAC-SHA1 of it as password, as
//! coturn's `use-auth-secret` and draft-uberti-behave-turn-rest-00. Never a guest's name. Never relays.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use castle::v1;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long a credential makes new allocations: long enough for a call to be set up at leisure, short enough
/// that a leaked one is soon worthless.
pub const CREDENTIAL_TTL: Duration = Duration::from_hours(1);

/// One STUN or TURN server, as W3C RTCIceServer.
#[derive(Clone, PartialEq, Eq)]
pub struct IceServer {
    /// `stun:` and `turn:` URIs (RFC 7064, RFC 7065).
    pub urls: Vec<String>,
    /// Empty for STUN alone.
    pub username: String,
    /// A secret. Empty for STUN alone.
    pub credential: String,
}

/// What a guest is given.
#[derive(Clone, PartialEq, Eq)]
pub struct IceServers {
    /// In order of preference.
    pub servers: Vec<IceServer>,
    /// When the credentials stop making new allocations.
    pub expires_at: SystemTime,
}

/// Hands out ICE servers with fresh credentials.
pub struct IceVendor {
    stun_urls: Vec<String>,
    turn_urls: Vec<String>,
    secret: TurnSecret,
}

/// The secret shared between whoever vends credentials and the relay that checks them.
#[derive(Clone)]
pub struct TurnSecret(Vec<u8>);

impl TurnSecret {
    /// From the shared secret's bytes.
    pub fn new(secret: impl Into<Vec<u8>>) -> Self {
        Self(secret.into())
    }

    /// The password that belongs to `username`.
    pub fn password_for(&self, username: &str) -> String {
        let mut mac = Hmac::<Sha1>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(username.as_bytes());
        BASE64_STANDARD.encode(mac.finalize().into_bytes())
    }
}

/// When a user name of the form `expiry:anything` stops making allocations; `None` if it is not of that form.
pub fn username_expiry(username: &str) -> Option<SystemTime> {
    let (expiry, _) = username.split_once(':')?;
    UNIX_EPOCH.checked_add(Duration::from_secs(expiry.parse().ok()?))
}

impl IceVendor {
    /// Vends the given servers, `stun:` and `turn:` URIs in order of preference.
    pub fn new(stun_urls: Vec<String>, turn_urls: Vec<String>, secret: TurnSecret) -> Self {
        Self { stun_urls, turn_urls, secret }
    }

    /// Servers with credentials that are good from `now` for [`CREDENTIAL_TTL`].
    pub fn servers_for(&self, now: SystemTime) -> IceServers {
        let expires_at = now + CREDENTIAL_TTL;
        let expiry = expires_at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let username = format!("{expiry}:{:032x}", rand::random::<u128>());
        let credential = self.secret.password_for(&username);
        let stun = (!self.stun_urls.is_empty()).then(|| IceServer {
            urls: self.stun_urls.clone(),
            username: String::new(),
            credential: String::new(),
        });
        let turn = (!self.turn_urls.is_empty()).then(|| IceServer {
            urls: self.turn_urls.clone(),
            username,
            credential,
        });
        IceServers { servers: stun.into_iter().chain(turn).collect(), expires_at }
    }
}

impl From<IceServer> for v1::IceServer {
    fn from(server: IceServer) -> Self {
        Self { urls: server.urls, username: server.username, credential: server.credential }
    }
}

impl From<IceServers> for v1::IceServers {
    fn from(servers: IceServers) -> Self {
        Self {
            servers: servers.servers.into_iter().map(Into::into).collect(),
            expires_at: Some(servers.expires_at.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_what_coturn_computes() {
        // echo -n 1700000000:castle | openssl dgst -sha1 -hmac north -binary | base64
        assert_eq!(
            TurnSecret::new("north").password_for("1700000000:castle"),
            "QwSs/zc18HIrgcrcHHQkIOBk034="
        );
    }

    #[test]
    fn a_credential_names_its_expiry_and_never_repeats() {
        let vendor = IceVendor::new(vec![], vec!["turn:127.0.0.1:3478".to_owned()], TurnSecret::new("s"));
        let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let [one, two] = [vendor.servers_for(now), vendor.servers_for(now)];
        assert_eq!(one.expires_at, now + CREDENTIAL_TTL);
        assert_eq!(username_expiry(&one.servers[0].username), Some(one.expires_at));
        assert_ne!(one.servers[0].username, two.servers[0].username);
        assert_ne!(one.servers[0].credential, two.servers[0].credential);
    }

    #[test]
    fn a_username_without_expiry_has_none() {
        for bad in ["", "alice", "alice:1", ":x", "-1:x", "99999999999999999999:x"] {
            assert_eq!(username_expiry(bad), None, "{bad:?}");
        }
    }
}

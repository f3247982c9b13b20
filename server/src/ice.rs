//! STUN and TURN servers for guests, with credentials that live an hour.
//!
//! Owns the credential scheme: `expiry:random id` as user name and base64 HMAC-SHA1 of it as password, as
//! coturn's `use-auth-secret` and draft-uberti-behave-turn-rest-00. Never a guest's name. Never relays.

use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine as _};
use castle::ids::{GuestId, LoginId};
use castle::v1;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use sha2::Sha256;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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

/// The secret shared between whoever vends credentials and the relay that checks them.
#[derive(Clone)]
pub struct TurnSecret(Vec<u8>);

impl std::fmt::Debug for TurnSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TurnSecret(…)")
    }
}

impl TurnSecret {
    /// From the shared secret's bytes.
    pub fn new(secret: impl Into<Vec<u8>>) -> Self {
        Self(secret.into())
    }

    /// From the system's random numbers.
    pub fn generate() -> Self {
        Self(rand::random::<[u8; 32]>().to_vec())
    }

    /// The password that belongs to `username`.
    pub fn password_for(&self, username: &str) -> String {
        let mut mac = Hmac::<Sha1>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(username.as_bytes());
        BASE64_STANDARD.encode(mac.finalize().into_bytes())
    }

    /// A user name that is good until `expiry` (Unix seconds). Its id hides whose it is from everyone but the
    /// holder of the secret, so that quotas and bans keep no list of user names; `random` makes it different each
    /// time.
    pub fn username(&self, expiry: u64, owner: CredentialOwner, random: [u8; 8]) -> String {
        let mut id = [0; 24];
        id[..8].copy_from_slice(&random);
        id[8..16].copy_from_slice(&owner.guest.to_be_bytes());
        id[16..].copy_from_slice(&owner.login.to_be_bytes());
        self.mask(&mut id);
        format!("{expiry}:{}", BASE64_URL_SAFE_NO_PAD.encode(id))
    }

    /// Whose user name it is, if it is of the form that [`TurnSecret::username`] makes. Says nothing about
    /// whether it is genuine: its password does.
    pub fn owner_of(&self, username: &str) -> Option<CredentialOwner> {
        let (_, id) = username.split_once(':')?;
        let mut bytes = [0; 24];
        if BASE64_URL_SAFE_NO_PAD.decode_slice(id, &mut bytes) != Ok(bytes.len()) {
            return None;
        }
        self.mask(&mut bytes);
        let half = |from: usize| u64::from_be_bytes(std::array::from_fn(|at| bytes[from + at]));
        Some(CredentialOwner { guest: half(8), login: half(16) })
    }

    /// Stands for a user name that is not of our form.
    pub fn tag_of(&self, username: &str) -> [u8; 8] {
        let tag = self.derived(b"castle turn name", username.as_bytes());
        std::array::from_fn(|at| tag[at])
    }

    fn mask(&self, id: &mut [u8; 24]) {
        let mask = self.derived(b"castle turn owner", &id[..8]);
        for (byte, mask) in id[8..].iter_mut().zip(mask) {
            *byte ^= mask;
        }
    }

    fn derived(&self, purpose: &[u8], from: &[u8]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(purpose);
        mac.update(&[0]);
        mac.update(from);
        mac.finalize().into_bytes().into()
    }
}

/// Whose credential it is: as much of the ids as tells guests of one server apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CredentialOwner {
    /// Of the guest.
    pub guest: u64,
    /// Of the login.
    pub login: u64,
}

/// Whose credentials are to be void, and whose allocations are to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CredentialsOf {
    /// All of a guest.
    Guest(u64),
    /// Those of one login.
    Login(u64),
}

impl CredentialsOf {
    /// All of this guest.
    pub fn guest(guest: GuestId) -> Self {
        Self::Guest(guest.to_bits() as u64)
    }

    /// Those of this login.
    pub fn login(login: LoginId) -> Self {
        Self::Login(login.to_bits() as u64)
    }
}

impl CredentialOwner {
    /// The server itself, which tries what it gives to guests.
    pub const NOBODY: Self = Self { guest: 0, login: 0 };

    /// Of these ids.
    pub fn new(guest: GuestId, login: LoginId) -> Self {
        Self { guest: guest.to_bits() as u64, login: login.to_bits() as u64 }
    }
}

/// When a user name of the form `expiry:anything` stops making allocations, Unix seconds; `None` if it is not of
/// that form.
pub fn username_expiry_unix(username: &str) -> Option<u64> {
    let (expiry, _) = username.split_once(':')?;
    expiry.bytes().all(|digit| digit.is_ascii_digit()).then(|| expiry.parse().ok())?
}

/// One TURN service, with the secret its credentials are made with.
pub struct TurnService {
    stun_urls: Vec<String>,
    turn_urls: Vec<String>,
    secret: TurnSecret,
    usable: AtomicBool,
}

impl TurnService {
    /// `stun:` URIs that need no credential, and `turn:` and `turns:` URIs, in order of preference.
    pub fn new(stun_urls: Vec<String>, turn_urls: Vec<String>, secret: TurnSecret) -> Self {
        Self { stun_urls, turn_urls, secret, usable: AtomicBool::new(true) }
    }

    /// Its TURN URIs.
    pub fn turn_urls(&self) -> &[String] {
        &self.turn_urls
    }

    /// What its credentials are made with.
    pub fn secret(&self) -> &TurnSecret {
        &self.secret
    }

    /// Whether it is given to guests.
    pub fn is_usable(&self) -> bool {
        self.usable.load(Ordering::Relaxed)
    }

    /// It was found to work, or not to. Returns whether that is news.
    pub fn set_usable(&self, usable: bool) -> bool {
        self.usable.swap(usable, Ordering::Relaxed) != usable
    }
}

/// Hands out ICE servers with fresh credentials.
pub struct IceVendor {
    services: Vec<Arc<TurnService>>,
    clock: Box<dyn Fn() -> SystemTime + Send + Sync>,
    on_end: Option<Box<dyn Fn(CredentialsOf) + Send + Sync>>,
}

impl IceVendor {
    /// Vends these services, in order of preference.
    pub fn new(services: Vec<Arc<TurnService>>) -> Self {
        Self { services, clock: Box::new(SystemTime::now), on_end: None }
    }

    /// By this clock, which is that of the relay.
    #[must_use]
    pub fn by(self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self { clock: Box::new(clock), ..self }
    }

    /// The relay that takes these credentials is told by `on_end` of those that are void.
    #[must_use]
    pub fn telling(self, on_end: impl Fn(CredentialsOf) + Send + Sync + 'static) -> Self {
        Self { on_end: Some(Box::new(on_end)), ..self }
    }

    /// Somebody was banned or logged out. Others' relays cannot be told: there a credential lasts its hour.
    pub fn end(&self, whose: CredentialsOf) {
        if let Some(on_end) = &self.on_end {
            on_end(whose);
        }
    }

    /// Servers with credentials that are good from now.
    pub fn servers(&self, owner: CredentialOwner) -> IceServers {
        self.servers_for((self.clock)(), owner)
    }

    /// How many services there are, and how many of them are usable.
    pub fn health(&self) -> (usize, usize) {
        (self.services.len(), self.services.iter().filter(|service| service.is_usable()).count())
    }

    /// Servers with credentials that are good from `now` for [`CREDENTIAL_TTL`]. Services found broken are left
    /// out, unless all are: then a guest may still reach what this server cannot.
    pub fn servers_for(&self, now: SystemTime, owner: CredentialOwner) -> IceServers {
        let expires_at = now + CREDENTIAL_TTL;
        let expiry = expires_at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let all_broken = !self.services.iter().any(|service| service.is_usable());
        let given = self.services.iter().filter(|service| all_broken || service.is_usable());
        let servers = given.flat_map(|service| service.servers(expiry, owner)).collect();
        IceServers { servers, expires_at }
    }
}

impl TurnService {
    fn servers(&self, expiry: u64, owner: CredentialOwner) -> impl Iterator<Item = IceServer> {
        let stun = (!self.stun_urls.is_empty()).then(|| IceServer {
            urls: self.stun_urls.clone(),
            username: String::new(),
            credential: String::new(),
        });
        let username = self.secret.username(expiry, owner, rand::random());
        let turn = (!self.turn_urls.is_empty()).then(|| IceServer {
            urls: self.turn_urls.clone(),
            credential: self.secret.password_for(&username),
            username,
        });
        stun.into_iter().chain(turn)
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

    const OWNER: CredentialOwner = CredentialOwner { guest: 7, login: 11 };

    fn service(host: &str) -> Arc<TurnService> {
        Arc::new(TurnService::new(vec![], vec![format!("turn:{host}:3478")], TurnSecret::new("s")))
    }

    fn urls(vendor: &IceVendor) -> Vec<String> {
        vendor.servers_for(UNIX_EPOCH, OWNER).servers.into_iter().flat_map(|server| server.urls).collect()
    }

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
        let vendor = IceVendor::new(vec![service("127.0.0.1")]);
        let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let [one, two] = [vendor.servers_for(now, OWNER), vendor.servers_for(now, OWNER)];
        assert_eq!(one.expires_at, now + CREDENTIAL_TTL);
        assert_eq!(username_expiry_unix(&one.servers[0].username), Some(1_700_003_600));
        assert_ne!(one.servers[0].username, two.servers[0].username);
        assert_ne!(one.servers[0].credential, two.servers[0].credential);
    }

    #[test]
    fn whose_a_credential_is_only_the_secret_tells() {
        let secret = TurnSecret::new("s");
        let [one, two] = [[1; 8], [2; 8]].map(|random| secret.username(1000, OWNER, random));
        assert_eq!([&one, &two].map(|name| secret.owner_of(name)), [Some(OWNER); 2]);
        assert_ne!(TurnSecret::new("t").owner_of(&one), Some(OWNER));
        let shared = one.bytes().zip(two.bytes()).skip(5).filter(|(a, b)| a == b).count();
        assert!(shared < 10, "two names of one guest have nothing in common: {one} {two}");
        assert_eq!(secret.owner_of("1000:test"), None);
    }

    #[test]
    fn a_broken_service_is_left_out_unless_all_are_broken() {
        let services = [service("a.example"), service("b.example")];
        let vendor = IceVendor::new(services.to_vec());
        assert!(services[0].set_usable(false), "news");
        assert!(!services[0].set_usable(false), "no news");
        assert_eq!(urls(&vendor), ["turn:b.example:3478"]);
        services[1].set_usable(false);
        assert_eq!(urls(&vendor).len(), 2);
    }

    #[test]
    fn a_username_without_expiry_has_none() {
        for bad in ["", "alice", "alice:1", ":x", "-1:x", "+1:x", "99999999999999999999:x"] {
            assert_eq!(username_expiry_unix(bad), None, "{bad:?}");
        }
    }
}

//! **Pure**: who may ask. Nonces that prove themselves, credentials by time, owners, and who was shut out.

use crate::ice::{CREDENTIAL_TTL, CredentialOwner, CredentialsOf as Whose, TurnSecret, username_expiry_unix};
use crate::turn::wire::Key;
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// `REALM` of the challenge.
pub const REALM: &str = "castle";
/// How long a nonce is good: RFC 8656 section 4 asks for a new one at least every hour.
pub const NONCE_TTL_S: u64 = 3600;
/// Bans remembered while credentials from before them are good; a restart needs none of them, because a relay takes no
/// credentials from before it. Beyond it the oldest logout is forgotten, and bans when there is no logout: a guest may log
/// out as often as they like.
const SHUT_OUT_MAX: usize = 10_000;
/// Longest user name that is looked at, bytes: ours are 59.
const USERNAME_BYTES_MAX: usize = 256;
const TAG_BYTES: usize = 12;

/// Whose allocation it is, for quotas. Of credentials that the vendor made: the guest; else the user name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// A guest, and the login it was given to.
    Known(CredentialOwner),
    /// Whoever holds this user name.
    Name([u8; 8]),
}

impl Owner {
    /// Whether it is among those meant.
    pub fn is_of(self, whose: Whose) -> bool {
        match (whose, self) {
            (Whose::Guest(guest), Self::Known(owner)) => owner.guest == guest,
            (Whose::Login(login), Self::Known(owner)) => owner.login == login,
            (_, Self::Name(_)) => false,
        }
    }
}

/// What a nonce shows of who sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nonce {
    /// It was given to this address and is still good.
    Fresh,
    /// It was given to this address and is over: the address is proven all the same.
    Stale,
    /// It was never given to this address.
    Foreign,
}

/// What a user name says.
pub struct Claim {
    /// When it stops making allocations, Unix seconds.
    pub expiry: u64,
    /// Whose it is.
    pub owner: Owner,
    /// What its messages are signed with.
    pub key: Key,
}

/// Checks nonces and credentials.
pub struct Access {
    secret: TurnSecret,
    nonce_key: [u8; 32],
    /// Since when, Unix seconds.
    shut_out: BTreeMap<Whose, u64>,
}

impl Access {
    /// `nonce_key`: from the system's random numbers.
    pub fn new(secret: TurnSecret, nonce_key: [u8; 32]) -> Self {
        Self { secret, nonce_key, shut_out: BTreeMap::new() }
    }

    /// A nonce for whoever sends from `from`.
    pub fn nonce(&self, unix: u64, from: SocketAddr) -> String {
        let expiry = ((unix + NONCE_TTL_S) as u32).to_be_bytes();
        let mut bytes = [0; 4 + TAG_BYTES];
        bytes[..4].copy_from_slice(&expiry);
        bytes[4..].copy_from_slice(&self.tag(expiry, from).finalize().into_bytes()[..TAG_BYTES]);
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// What this nonce shows of who sends it from `from`.
    pub fn look_at(&self, unix: u64, from: SocketAddr, nonce: &[u8]) -> Nonce {
        let mut bytes = [0; 4 + TAG_BYTES];
        if BASE64_URL_SAFE_NO_PAD.decode_slice(nonce, &mut bytes) != Ok(bytes.len()) {
            return Nonce::Foreign;
        }
        let expiry = [bytes[0], bytes[1], bytes[2], bytes[3]];
        let ours = self.tag(expiry, from).verify_truncated_left(&bytes[4..]).is_ok();
        match (ours, u64::from(u32::from_be_bytes(expiry)) > unix) {
            (true, true) => Nonce::Fresh,
            (true, false) => Nonce::Stale,
            (false, _) => Nonce::Foreign,
        }
    }

    fn tag(&self, expiry: [u8; 4], from: SocketAddr) -> Hmac<Sha256> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.nonce_key).expect("HMAC takes a key of any length");
        mac.update(&expiry);
        match from.ip() {
            IpAddr::V4(ip) => mac.update(&ip.octets()),
            IpAddr::V6(ip) => mac.update(&ip.octets()),
        }
        mac.update(&from.port().to_be_bytes());
        mac
    }

    /// What `username` claims; `None`: it cannot be one that this relay takes.
    pub fn claim(&self, username: &str) -> Option<Claim> {
        let expiry = username_expiry_unix(username).filter(|_| username.len() <= USERNAME_BYTES_MAX)?;
        let key = Key::new(username, REALM, &self.secret.password_for(username));
        let owner = match self.secret.owner_of(username) {
            Some(owner) => Owner::Known(owner),
            None => Owner::Name(self.secret.tag_of(username)),
        };
        Some(Claim { expiry, owner, key })
    }

    /// Whether a claim makes allocations now: not expired, and not from before its owner was shut out.
    pub fn is_good(&self, unix: u64, claim: &Claim) -> bool {
        let Owner::Known(owner) = claim.owner else { return claim.expiry > unix };
        let issued = claim.expiry.saturating_sub(CREDENTIAL_TTL.as_secs());
        let shut_out = [Whose::Guest(owner.guest), Whose::Login(owner.login)]
            .iter()
            .any(|whose| self.shut_out.get(whose).is_some_and(|since| issued <= *since));
        claim.expiry > unix && !shut_out
    }

    /// Credentials made up to now are good no more.
    pub fn shut_out(&mut self, unix: u64, whose: Whose) {
        self.shut_out.insert(whose, unix);
        while self.shut_out.len() > SHUT_OUT_MAX {
            let rank = |(whose, since): &(&Whose, &u64)| (matches!(whose, Whose::Guest(_)), **since);
            let oldest = self.shut_out.iter().min_by_key(rank).map(|(whose, _)| *whose);
            oldest.and_then(|oldest| self.shut_out.remove(&oldest));
        }
    }

    /// Forgets bans that no credential is older than.
    pub fn tidy(&mut self, unix: u64) {
        self.shut_out.retain(|_, since| *since + CREDENTIAL_TTL.as_secs() >= unix);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access() -> Access {
        Access::new(TurnSecret::new("north"), [7; 32])
    }

    #[test]
    fn a_nonce_is_good_for_an_hour_and_shows_for_ever_which_address_it_was_given_to() {
        let (access, from) = (access(), SocketAddr::from(([192, 0, 2, 1], 5000)));
        let nonce = access.nonce(1_000_000, from);
        let seen = |access: &Access, unix, from| access.look_at(unix, from, nonce.as_bytes());
        assert_eq!(seen(&access, 1_000_000 + NONCE_TTL_S - 1, from), Nonce::Fresh);
        assert_eq!(seen(&access, 1_000_000 + NONCE_TTL_S, from), Nonce::Stale, "too late");
        let elsewhere = SocketAddr::from(([192, 0, 2, 1], 5001));
        assert_eq!(seen(&access, 1_000_000, elsewhere), Nonce::Foreign, "another port");
        let restarted = Access::new(TurnSecret::new("north"), [8; 32]);
        assert_eq!(seen(&restarted, 1_000_000, from), Nonce::Foreign, "another relay");
        for wrong in ["", "x", "AAAAAAAAAAAAAAAAAAAAAA", &nonce[1..]] {
            assert_eq!(access.look_at(1_000_000, from, wrong.as_bytes()), Nonce::Foreign, "{wrong:?}");
        }
    }

    #[test]
    fn who_is_shut_out_needs_a_credential_made_later() {
        let mut access = access();
        let owner = CredentialOwner { guest: 1, login: 2 };
        let ttl = CREDENTIAL_TTL.as_secs();
        let claim = |access: &Access, made: u64| {
            access.claim(&access.secret.username(made + ttl, owner, [5; 8])).unwrap()
        };
        assert!(access.is_good(1000, &claim(&access, 1000)));
        access.shut_out(1000, Whose::Guest(1));
        assert!(!access.is_good(1001, &claim(&access, 1000)));
        assert!(access.is_good(1001, &claim(&access, 1001)), "unbanned and logged in again");
        access.shut_out(2000, Whose::Login(3));
        assert!(access.is_good(2000, &claim(&access, 1500)), "another login");
        access.tidy(1000 + ttl + 1);
        assert_eq!(access.shut_out.len(), 1);
    }

    #[test]
    fn no_number_of_logouts_makes_a_ban_forgotten() {
        let mut access = access();
        access.shut_out(1000, Whose::Guest(1));
        for login in 0..SHUT_OUT_MAX as u64 + 10 {
            access.shut_out(1001, Whose::Login(1_000_000 + login));
        }
        assert_eq!(access.shut_out.len(), SHUT_OUT_MAX);
        let owner = CredentialOwner { guest: 1, login: 2 };
        let before = access.secret.username(1000 + CREDENTIAL_TTL.as_secs(), owner, [5; 8]);
        assert!(!access.is_good(1002, &access.claim(&before).unwrap()));
    }
}

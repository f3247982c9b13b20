//! What the server signs and derives: access tokens (EdDSA JWT), refresh tokens, call tokens.
//!
//! Owns their formats and their verification. Never knows whether a login is still live (`auth.rs`), and never
//! stores anything. RFC 7519 (JWT), RFC 8037 (EdDSA in JOSE).

mod device;

pub use device::DeviceMinter;

use crate::error::Error;
use crate::store::{Role, Secrets, SigningKey};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use castle::ids::{CallId, GuestId, InvitationId, LoginId};
use ed25519_dalek::pkcs8::EncodePrivateKey as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long an access token is good. It says who, and nothing that must be believed: login and role are asked for with
/// each RPC.
pub const ACCESS_TTL: Duration = Duration::from_mins(15);
/// How long an unused refresh token is good: a guest who comes once a month stays logged in.
pub const REFRESH_TTL: Duration = Duration::from_hours(30 * 24);
/// `iss` and `aud` of access tokens.
pub const ISSUER: &str = "castle";

/// Longest access token that is looked at, bytes. Ours have about 400.
const ACCESS_BYTES_MAX: usize = 4096;
const REFRESH_RANDOM: usize = 32;
const REFRESH_TAG: usize = 16;
const REFRESH_BYTES: usize = 16 + REFRESH_RANDOM + REFRESH_TAG;
const CALL_VERSION: u8 = 2;
const CALL_BODY: usize = 1 + 3 * 16 + 1 + 3 * 8;
/// How long a call token is good: no call is held longer without news of it.
pub const CALL_TTL: Duration = Duration::from_hours(24);

type HmacSha256 = Hmac<Sha256>;

fn hmac(key: &[u8], parts: &[&[u8]]) -> HmacSha256 {
    let mut mac = HmacSha256::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac
}

fn unix_seconds(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// What an access token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// `sub`.
    pub guest: GuestId,
    /// `sid`.
    pub login: LoginId,
    /// `role`.
    pub role: Role,
    /// `exp`.
    pub expires_at: SystemTime,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    sid: String,
    jti: String,
    role: String,
    iat: u64,
    exp: u64,
}

/// Signs access tokens with the newest key, and verifies those of every key that does.
pub struct AccessSigner {
    /// How long a token is good.
    pub ttl: Duration,
    /// Never empty; the first one signs.
    keys: RwLock<Vec<Key>>,
    validation: Validation,
}

struct Key {
    record: SigningKey,
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl From<SigningKey> for Key {
    fn from(record: SigningKey) -> Self {
        let key = ed25519_dalek::SigningKey::from_bytes(&record.seed);
        let der = key.to_pkcs8_der().expect("an Ed25519 key always encodes");
        Self {
            encoding: EncodingKey::from_ed_der(der.as_bytes()),
            decoding: DecodingKey::from_ed_der(key.verifying_key().as_bytes()),
            record,
        }
    }
}

impl AccessSigner {
    /// With these keys, the one that signs first.
    pub fn new(keys: Vec<SigningKey>) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.leeway = 0;
        validation.validate_exp = false; // compared with the caller's clock below
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let signer = Self { ttl: ACCESS_TTL, keys: RwLock::default(), validation };
        signer.replace(keys);
        signer
    }

    /// Uses these keys from now on, the one that signs first.
    pub fn replace(&self, keys: Vec<SigningKey>) {
        assert!(!keys.is_empty(), "a store has a key that signs");
        let keys = keys.into_iter().map(Key::from).collect();
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// A token for this login, good for the signer's time; and when it ends.
    pub fn issue(&self, now: SystemTime, guest: GuestId, login: LoginId, role: Role) -> (String, SystemTime) {
        let exp = unix_seconds(now + self.ttl);
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: ISSUER.to_owned(),
            sub: guest.to_string(),
            sid: login.to_string(),
            jti: format!("{:032x}", rand::random::<u128>()),
            role: role.as_str().to_owned(),
            iat: unix_seconds(now),
            exp,
        };
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let key = keys.first().expect("there is always a key that signs");
        let header = Header { kid: Some(key.record.id.clone()), ..Header::new(Algorithm::EdDSA) };
        let token =
            jsonwebtoken::encode(&header, &claims, &key.encoding).expect("an Ed25519 key signs any claims");
        (token, UNIX_EPOCH + Duration::from_secs(exp))
    }

    /// What a token says, if it is ours and not over at `now`.
    ///
    /// Errors: `TokenInvalid`, `TokenExpired`.
    pub fn verify(&self, now: SystemTime, token: &str) -> Result<Access, Error> {
        if token.len() > ACCESS_BYTES_MAX {
            return Err(Error::TokenInvalid);
        }
        let invalid = |_| Error::TokenInvalid;
        let header = jsonwebtoken::decode_header(token).map_err(invalid)?;
        let kid = header.kid.as_deref();
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let Some(key) =
            keys.iter().find(|key| kid == Some(&key.record.id)).filter(|key| key.record.verifies(now))
        else {
            return Err(if says_it_is_over(now, token) { Error::TokenExpired } else { Error::TokenInvalid });
        };
        let claims =
            jsonwebtoken::decode::<Claims>(token, &key.decoding, &self.validation).map_err(invalid)?.claims;
        let expires_at =
            UNIX_EPOCH.checked_add(Duration::from_secs(claims.exp)).ok_or(Error::TokenInvalid)?;
        if expires_at <= now {
            return Err(Error::TokenExpired);
        }
        Ok(Access {
            guest: claims.sub.parse().map_err(|_| Error::TokenInvalid)?,
            login: claims.sid.parse().map_err(|_| Error::TokenInvalid)?,
            role: Role::parse(&claims.role).ok_or(Error::TokenInvalid)?,
            expires_at,
        })
    }
}

/// Whether a token that nobody can verify any more ended before `now` by its own words: its holder should refresh
/// and not log in anew. It is refused either way.
fn says_it_is_over(now: SystemTime, token: &str) -> bool {
    let claims = token.split('.').nth(1).and_then(|claims| BASE64_URL_SAFE_NO_PAD.decode(claims).ok());
    let claims = claims.and_then(|claims| serde_json::from_slice::<Claims>(&claims).ok());
    claims.is_some_and(|claims| claims.iss == ISSUER && claims.exp <= unix_seconds(now))
}

/// A refresh token: the login it belongs to, 256 random bits, and a tag that tells a token of ours that was
/// spent from one that somebody made up.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// The family.
    pub login: LoginId,
    text: String,
    random: [u8; REFRESH_RANDOM],
}

impl RefreshToken {
    /// What the store keeps.
    pub fn hash(&self) -> [u8; 32] {
        sha256(self.text.as_bytes())
    }

    /// What the guest is given. A secret.
    pub fn reveal(&self) -> &str {
        &self.text
    }
}

/// Makes and reads refresh tokens.
pub struct RefreshMinter {
    secret: [u8; 32],
}

impl RefreshMinter {
    /// With the server's secret.
    pub fn new(secret: [u8; 32]) -> Self {
        Self { secret }
    }

    /// A token out of nothing.
    pub fn fresh(&self, login: LoginId) -> RefreshToken {
        self.seal(login, rand::random())
    }

    /// The first token of a login that begins with a code: with a request id always the same one, as for a successor.
    pub fn first(&self, login: LoginId, code_hash: &[u8; 32], request_id: &str) -> RefreshToken {
        if request_id.is_empty() {
            return self.fresh(login);
        }
        let id = login.to_bits().to_be_bytes();
        let mac = hmac(&self.secret, &[b"first", &id, code_hash, request_id.as_bytes()]);
        self.seal(login, mac.finalize().into_bytes().into())
    }

    /// The successor of `spent`: with a request id always the same one, so that a repeat whose first answer was
    /// lost can be answered alike without keeping the answer.
    pub fn successor(&self, spent: &RefreshToken, request_id: &str) -> RefreshToken {
        if request_id.is_empty() {
            return self.fresh(spent.login);
        }
        let mac = hmac(&self.secret, &[b"successor", &spent.random, request_id.as_bytes()]);
        self.seal(spent.login, mac.finalize().into_bytes().into())
    }

    /// Reads a token; `None` unless this server made it.
    pub fn read(&self, text: &str) -> Option<RefreshToken> {
        let bytes: [u8; REFRESH_BYTES] = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (body, tag) = bytes.split_at(16 + REFRESH_RANDOM);
        hmac(&self.secret, &[b"refresh", body]).verify_truncated_left(tag).ok()?;
        let (login, random) = body.split_at(16);
        Some(RefreshToken {
            login: LoginId::from_bits(u128::from_be_bytes(login.try_into().ok()?)),
            text: text.to_owned(),
            random: random.try_into().ok()?,
        })
    }

    fn seal(&self, login: LoginId, random: [u8; REFRESH_RANDOM]) -> RefreshToken {
        let mut bytes = Vec::with_capacity(REFRESH_BYTES);
        bytes.extend_from_slice(&login.to_bits().to_be_bytes());
        bytes.extend_from_slice(&random);
        let tag = hmac(&self.secret, &[b"refresh", &bytes]).finalize().into_bytes();
        bytes.extend_from_slice(&tag[..REFRESH_TAG]);
        RefreshToken { login, text: BASE64_URL_SAFE_NO_PAD.encode(bytes), random }
    }
}

/// SHA-256, for secrets with entropy of their own (refresh tokens, invitation codes).
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// The random bits of an invitation's code: with an empty `request_id` out of nothing, else derived, so that a
/// repeat of the request finds them again. Without the request id they cannot be told from what the store keeps.
pub fn invitation_bits(secrets: &Secrets, id: InvitationId, request_id: &str) -> u128 {
    code_bits(secrets, b"invitation", id.to_bits(), request_id)
}

/// The same of a code for a new password; `seed` is what the store keeps with the request.
pub fn reset_code_bits(secrets: &Secrets, seed: u128, request_id: &str) -> u128 {
    code_bits(secrets, b"reset code", seed, request_id)
}

fn code_bits(secrets: &Secrets, kind: &[u8], seed: u128, request_id: &str) -> u128 {
    if request_id.is_empty() {
        return rand::random();
    }
    let mac = hmac(&secrets.refresh, &[kind, &seed.to_be_bytes(), request_id.as_bytes()]);
    let mac = mac.finalize().into_bytes();
    u128::from_be_bytes(mac[..16].try_into().expect("a MAC of SHA-256 has 32 bytes"))
}

/// Which end of a call a call token was given to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallRole {
    /// Makes the first offer.
    Offerer,
    /// Answers it.
    Answerer,
}

/// What a call token proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallProof {
    /// The call.
    pub call: CallId,
    /// One end.
    pub offerer: GuestId,
    /// The other end.
    pub answerer: GuestId,
    /// The end the token was given to.
    pub role: CallRole,
    /// The matchmaker paired the two.
    pub matched: bool,
    /// Media may go through the relay alone.
    pub relay_only: bool,
    /// When the call was placed or matched; whole seconds, as the other times.
    pub created_at: SystemTime,
    /// When media flowed, if it did.
    pub connected_at: Option<SystemTime>,
    /// When the token was signed.
    pub issued_at: SystemTime,
}

/// Signs call tokens, by which the ends of a call prove it to a server that has restarted.
pub struct CallSigner {
    secret: [u8; 32],
}

impl CallSigner {
    /// With the server's secret.
    pub fn new(secret: [u8; 32]) -> Self {
        Self { secret }
    }

    /// The token of one end of a call: opaque text, about 150 characters.
    pub fn sign(&self, proof: &CallProof) -> String {
        let mut bytes = Vec::with_capacity(CALL_BODY + 32);
        bytes.push(CALL_VERSION);
        for id in [proof.call.to_bits(), proof.offerer.to_bits(), proof.answerer.to_bits()] {
            bytes.extend_from_slice(&id.to_be_bytes());
        }
        let flags = [proof.role == CallRole::Answerer, proof.matched, proof.relay_only];
        bytes.push(flags.into_iter().enumerate().map(|(at, flag)| u8::from(flag) << at).sum());
        let connected_at = proof.connected_at.map_or(0, unix_seconds);
        for seconds in [unix_seconds(proof.created_at), connected_at, unix_seconds(proof.issued_at)] {
            bytes.extend_from_slice(&seconds.to_be_bytes());
        }
        let mac = hmac(&self.secret, &[b"call", &bytes]).finalize().into_bytes();
        bytes.extend_from_slice(&mac);
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// What a token proves at `now`; `None` unless this server signed it within [`CALL_TTL`].
    pub fn verify(&self, now: SystemTime, token: &str) -> Option<CallProof> {
        let bytes: [u8; CALL_BODY + 32] = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?.try_into().ok()?;
        let (body, mac) = bytes.split_at(CALL_BODY);
        hmac(&self.secret, &[b"call", body]).verify_slice(mac).ok()?;
        let id = |at: usize| Some(u128::from_be_bytes(body.get(at..at + 16)?.try_into().ok()?));
        let seconds = |at: usize| Some(u64::from_be_bytes(body.get(at..at + 8)?.try_into().ok()?));
        let time = |seconds: u64| UNIX_EPOCH + Duration::from_secs(seconds);
        let flags = body[49];
        let proof = CallProof {
            call: CallId::from_bits(id(1)?),
            offerer: GuestId::from_bits(id(17)?),
            answerer: GuestId::from_bits(id(33)?),
            role: if flags & 1 == 0 { CallRole::Offerer } else { CallRole::Answerer },
            matched: flags & 2 != 0,
            relay_only: flags & 4 != 0,
            created_at: time(seconds(50)?),
            connected_at: Some(seconds(58)?).filter(|&seconds| seconds > 0).map(time),
            issued_at: time(seconds(66)?),
        };
        Some(proof).filter(|proof| body[0] == CALL_VERSION && now < proof.issued_at + CALL_TTL)
    }
}

/// All signers of one server, from the secrets in its store.
pub struct Signers {
    /// Access tokens.
    pub access: AccessSigner,
    /// Refresh tokens.
    pub refresh: RefreshMinter,
    /// Call tokens.
    pub call: Arc<CallSigner>,
    /// Device tokens.
    pub device: DeviceMinter,
}

impl Signers {
    /// From the secrets and the keys in the store.
    pub fn new(secrets: &Secrets, keys: Vec<SigningKey>) -> Self {
        Self {
            access: AccessSigner::new(keys),
            refresh: RefreshMinter::new(secrets.refresh),
            call: Arc::new(CallSigner::new(secrets.call)),
            // One secret is enough for both: what is signed says which of the two it is.
            device: DeviceMinter::new(secrets.refresh),
        }
    }
}

#[cfg(test)]
mod tests;

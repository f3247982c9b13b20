//! Registering, logging in, refreshing, inviting.
//!
//! Owns the order of checks: what is cheap first, exactly one password hash for each attempt whether or not the
//! name exists, and a taken name told only to who holds a good invitation or the right password. Never knows
//! the wire.

use crate::error::{Error, FieldFault};
use crate::names;
use crate::passwords::Hasher;
use crate::store::{
    Account, Caller, Invitation, Login, Once, Registration, Role, Rotated, Rotation, Secrets, Store,
};
use crate::throttle::Throttle;
use crate::token::{self, REFRESH_TTL, RefreshToken, Signers};
use castle::ids::{GuestId, InvitationId, LoginId};
use castle::limits::{LABEL_CHARS_MAX, REQUEST_ID_BYTES_MAX};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Uses of one invitation. More is an open door, which is another setting.
pub const INVITATION_USES_MAX: u32 = 10_000;
/// How long an invitation is good unless said otherwise.
pub const INVITATION_TTL: Duration = Duration::from_hours(7 * 24);
/// How long an invitation may be good.
pub const INVITATION_TTL_MAX: Duration = Duration::from_hours(365 * 24);
/// Characters of an invitation's note.
pub const NOTE_CHARS_MAX: usize = 256;
/// Longest invitation code that is looked at, bytes. Ours have 19.
const CODE_BYTES_MAX: usize = 64;
/// Random characters of an invitation code, 5 bits each: 80 bits, out of reach for guessing over a network.
const CODE_CHARS: usize = 16;
/// Crockford's base 32: no I, L, O or U, so that a code can be read out.
const CODE_ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Longest refresh token that is looked at, bytes. Ours have 86.
const REFRESH_BYTES_MAX: usize = 256;

/// What a guest sends to make an account.
pub struct Registering {
    /// As the host gave it.
    pub invitation_code: String,
    /// Login name, as typed.
    pub name: String,
    /// Password.
    pub password: String,
    /// What people are to see; empty: the name.
    pub display_name: String,
    /// Names the device.
    pub device_name: String,
    /// The caller's id for this request; a repeat logs in, so it only has to be short enough.
    pub request_id: String,
}

/// What a login gives.
pub struct Tokens {
    /// EdDSA JWT. A secret.
    pub access: String,
    /// When it ends.
    pub access_expires_at: SystemTime,
    /// For the next exchange. A secret.
    pub refresh: RefreshToken,
    /// When it ends.
    pub refresh_expires_at: SystemTime,
}

/// An account, logged in.
pub struct LoggedIn {
    /// Who.
    pub account: Account,
    /// The login.
    pub tokens: Tokens,
}

/// What a host asks for.
pub struct Inviting {
    /// How many guests may use it.
    pub uses: u32,
    /// How long it is good.
    pub good_for: Duration,
    /// For the host's memory.
    pub note: String,
    /// What its guests may do.
    pub role: Role,
    /// Who makes it.
    pub caller: Caller,
    /// The caller's id for this request: a repeat gives the same code. May be empty.
    pub request_id: String,
}

/// Accounts and how to get into them.
pub struct Accounts {
    store: Arc<dyn Store>,
    signers: Arc<Signers>,
    hasher: Hasher,
    throttle: Mutex<Throttle>,
}

impl Accounts {
    /// Over a store, signing with its secrets.
    pub fn new(store: Arc<dyn Store>, signers: Arc<Signers>) -> Self {
        Self { store, signers, hasher: Hasher::new(), throttle: Mutex::new(Throttle::default()) }
    }

    /// How many password hashes were computed since the start.
    pub fn hashes_done(&self) -> u64 {
        self.hasher.work_done()
    }

    /// Makes an account with an invitation and logs it in; or logs in where the account is the caller's already.
    ///
    /// Errors: `InvalidField`, `InvitationUnknown`, `InvitationExpired`, `InvitationSpent`, `NameTaken`,
    /// `RateLimited`.
    pub async fn register(&self, from: IpAddr, asked: Registering) -> Result<LoggedIn, Error> {
        let (name, display_name) = check_registering(&asked)?;
        let now = SystemTime::now();
        let code_hash = code_hash(&asked.invitation_code);
        self.take_attempt(from, &name)?;
        if let Some(account) = self.store.account_by_name(&name).await? {
            return match self.log_in_if_right(from, account, asked.password, asked.device_name).await? {
                Some(logged_in) => Ok(logged_in),
                None => {
                    Err(self.store.check_invitation(code_hash, now).await.err().unwrap_or(Error::NameTaken))
                }
            };
        }
        // The hash comes before the verdict on the invitation, so that the time tells nothing about the name.
        let password_hash = self.hasher.hash(asked.password.clone()).await?;
        let guest = GuestId::from_bits(rand::random());
        let (login, refresh) = self.new_login(guest, asked.device_name.clone(), now);
        let refresh_expires_at = login.refresh_expires_at;
        let registration = Registration {
            code_hash,
            id: guest,
            display_name: display_name.unwrap_or_else(|| name.clone()),
            name: name.clone(),
            password_hash,
            login,
            now,
        };
        match self.store.register(registration).await {
            Ok(account) => {
                self.forgive(from, &account.name);
                tracing::info!(guest = %account.id, name = account.name, "registered");
                Ok(self.logged_in(account, refresh, refresh_expires_at, now))
            }
            // Registered meanwhile: perhaps by the first try of this very guest.
            Err(Error::NameTaken | Error::InvitationSpent) => {
                let account = self.store.account_by_name(&name).await?.ok_or(Error::InvitationSpent)?;
                let mine = self.log_in_if_right(from, account, asked.password, asked.device_name).await?;
                mine.ok_or(Error::NameTaken)
            }
            Err(error) => Err(error),
        }
    }

    async fn log_in_if_right(
        &self,
        from: IpAddr,
        account: Account,
        password: String,
        device_name: String,
    ) -> Result<Option<LoggedIn>, Error> {
        if !self.hasher.verify(password, Some(account.password_hash.clone())).await? {
            return Ok(None);
        }
        self.forgive(from, &account.name);
        self.log_in(account, device_name, SystemTime::now(), None).await.map(Some)
    }

    /// Logs in with name and password.
    ///
    /// Errors: `InvalidField`, `BadCredentials`, `RateLimited`.
    pub async fn login(
        &self,
        from: IpAddr,
        name: &str,
        password: String,
        device_name: String,
    ) -> Result<LoggedIn, Error> {
        let mut faults = Faults::default();
        faults.check("device_name", label(&device_name));
        faults.check("password", names::password_length(&password));
        let name = faults.check("name", names::normalize(name));
        faults.none()?;
        let name = name.unwrap_or_default();
        self.take_attempt(from, &name)?;
        let account = self.store.account_by_name(&name).await?;
        let hash = account.as_ref().map(|account| account.password_hash.clone());
        let outdated = hash.as_deref().is_some_and(|hash| self.hasher.is_outdated(hash));
        let right = self.hasher.verify(password.clone(), hash).await?;
        let account = account.filter(|_| right).ok_or(Error::BadCredentials)?;
        self.forgive(from, &name);
        let rehashed = if outdated { Some(self.hasher.hash(password).await?) } else { None };
        self.log_in(account, device_name, SystemTime::now(), rehashed).await
    }

    /// Exchanges a refresh token for the next pair.
    ///
    /// Errors: `InvalidField`, `RefreshInvalid`, `RefreshReused`.
    pub async fn refresh(&self, token: &str, request_id: &str) -> Result<Tokens, Error> {
        let mut faults = Faults::default();
        faults.check("request_id", request_id_fits(request_id));
        if token.len() > REFRESH_BYTES_MAX {
            faults.add("refresh_token", "must have at most 256 bytes");
        }
        faults.none()?;
        let spent = self.signers.refresh.read(token).ok_or(Error::RefreshInvalid)?;
        let successor = self.signers.refresh.successor(&spent, request_id);
        let now = SystemTime::now();
        let rotation = Rotation {
            login: spent.login,
            presented: spent.hash(),
            successor: successor.hash(),
            expires_at: now + REFRESH_TTL,
            now,
        };
        match self.store.rotate_refresh(rotation).await? {
            Rotated::Done(account, expires_at) => {
                Ok(self.logged_in(account, successor, expires_at, now).tokens)
            }
            Rotated::Reused => {
                tracing::warn!(login = %spent.login, "a refresh token was used twice; its login is revoked");
                Err(Error::RefreshReused)
            }
            Rotated::Unknown => Err(Error::RefreshInvalid),
        }
    }

    /// Makes an invitation. With its code, which is shown this once.
    ///
    /// Errors: `InvalidField`.
    pub async fn invite(&self, asked: Inviting) -> Result<(Invitation, String), Error> {
        invite(&*self.store, asked).await
    }

    async fn log_in(
        &self,
        account: Account,
        device_name: String,
        now: SystemTime,
        rehashed: Option<String>,
    ) -> Result<LoggedIn, Error> {
        let (login, refresh) = self.new_login(account.id, device_name, now);
        let refresh_expires_at = login.refresh_expires_at;
        self.store.record_login(login, rehashed).await?;
        Ok(self.logged_in(account, refresh, refresh_expires_at, now))
    }

    fn new_login(&self, guest: GuestId, device_name: String, now: SystemTime) -> (Login, RefreshToken) {
        let id = LoginId::from_bits(rand::random());
        let refresh = self.signers.refresh.fresh(id);
        let login = Login {
            id,
            guest,
            device_name,
            created_at: now,
            refresh_hash: refresh.hash(),
            refresh_expires_at: now + REFRESH_TTL,
        };
        (login, refresh)
    }

    fn logged_in(
        &self,
        account: Account,
        refresh: RefreshToken,
        refresh_expires_at: SystemTime,
        now: SystemTime,
    ) -> LoggedIn {
        let (access, access_expires_at) =
            self.signers.access.issue(now, account.id, refresh.login, account.role);
        LoggedIn { account, tokens: Tokens { access, access_expires_at, refresh, refresh_expires_at } }
    }

    fn take_attempt(&self, from: IpAddr, name: &str) -> Result<(), Error> {
        let mut throttle = self.throttle.lock().unwrap_or_else(PoisonError::into_inner);
        throttle.take(Instant::now(), from, name).map_err(|retry_after| Error::RateLimited { retry_after })
    }

    fn forgive(&self, from: IpAddr, name: &str) {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner).forgive(from, name);
    }
}

/// Makes an invitation in `store`; with its code. Also for the command line where no server runs.
///
/// Errors: `InvalidField`, `RequestIdReused`, `Limit`.
pub async fn invite(store: &dyn Store, asked: Inviting) -> Result<(Invitation, String), Error> {
    let mut faults = Faults::default();
    if !(1..=INVITATION_USES_MAX).contains(&asked.uses) {
        faults.add("uses", "must be 1 to 10,000");
    }
    if asked.good_for.is_zero() || asked.good_for > INVITATION_TTL_MAX {
        faults.add("expires_in_s", "must be at most 365 days");
    }
    if asked.note.chars().count() > NOTE_CHARS_MAX {
        faults.add("note", "must have at most 256 characters");
    }
    faults.check("request_id", request_id_fits(&asked.request_id));
    faults.none()?;
    let now = SystemTime::now();
    let payload =
        format!("{} {} {} {}", asked.uses, asked.good_for.as_secs(), asked.role.as_str(), asked.note);
    let once = Once::new(now, asked.caller, "CreateInvitation", &asked.request_id, payload.as_bytes());
    let secrets = store.secrets().await?;
    let id = InvitationId::from_bits(rand::random());
    let code = code_of(&secrets, id, &asked.request_id);
    let invitation = Invitation {
        id,
        code_hash: code_hash(&code),
        uses: asked.uses,
        expires_at: now + asked.good_for,
        note: asked.note,
        role: asked.role,
        created_at: now,
    };
    let kept = store.create_invitation(invitation, once).await?;
    // Of a repeat, the invitation of the first time is kept, and the code that was given then follows from its id.
    let code = if kept.id == id { code } else { code_of(&secrets, kept.id, &asked.request_id) };
    Ok((kept, code))
}

/// The code of an invitation, so that the code of a repeated request is known and still kept nowhere.
fn code_of(secrets: &Secrets, id: InvitationId, request_id: &str) -> String {
    let bits = token::invitation_bits(secrets, id, request_id);
    let mut code = String::with_capacity(CODE_CHARS + CODE_CHARS / 4);
    for at in 0..CODE_CHARS {
        if at > 0 && at % 4 == 0 {
            code.push('-');
        }
        code.push(CODE_ALPHABET[(bits >> (5 * at)) as usize & 31].into());
    }
    code
}

/// The hash of a code as typed: case, blanks and hyphens aside, and with the letters that look like digits.
fn code_hash(code: &str) -> [u8; 32] {
    let plain: String = code
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .map(|c| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        })
        .collect();
    token::sha256(plain.as_bytes())
}

fn check_registering(asked: &Registering) -> Result<(String, Option<String>), Error> {
    let mut faults = Faults::default();
    if asked.invitation_code.is_empty() || asked.invitation_code.len() > CODE_BYTES_MAX {
        faults.add("invitation_code", "must have 1 to 64 bytes");
    }
    faults.check("device_name", label(&asked.device_name));
    faults.check("request_id", request_id_fits(&asked.request_id));
    let display_name = faults.check("display_name", names::display(&asked.display_name));
    let name = faults.check("name", names::normalize(&asked.name));
    if let Some(name) = &name {
        faults.check("password", names::password(&asked.password, name));
    } else {
        faults.check("password", names::password_length(&asked.password));
    }
    faults.none()?;
    Ok((name.unwrap_or_default(), display_name.flatten()))
}

fn label(text: &str) -> Result<(), &'static str> {
    if text.chars().count() > LABEL_CHARS_MAX { Err("must have at most 64 characters") } else { Ok(()) }
}

fn request_id_fits(text: &str) -> Result<(), &'static str> {
    if text.len() > REQUEST_ID_BYTES_MAX { Err("must have at most 64 bytes") } else { Ok(()) }
}

/// The fields at fault of one request, so that a form can mark them all at once.
#[derive(Default)]
struct Faults(Vec<FieldFault>);

impl Faults {
    fn add(&mut self, field: &str, description: &str) {
        self.0.push(FieldFault { field: field.to_owned(), description: description.to_owned() });
    }

    fn check<T>(&mut self, field: &str, checked: Result<T, &'static str>) -> Option<T> {
        checked.map_err(|description| self.add(field, description)).ok()
    }

    fn none(self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::InvalidField(self.0)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_the_same_however_it_is_typed() {
        let secrets = Secrets::generate();
        let code_of = |id| code_of(&secrets, InvitationId::from_bits(id), "");
        let code = code_of(1);
        assert_eq!(code.len(), 19, "{code}");
        assert_eq!(code_hash(&code), code_hash(&code.to_lowercase().replace('-', " ")));
        assert_eq!(code_hash("01AB"), code_hash("oLab"));
        assert_ne!(code_hash(&code), code_hash(&code_of(2)));
    }
}

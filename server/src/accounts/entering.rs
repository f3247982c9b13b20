//! Coming in: Register, Login, Refresh, ResetPassword.

use super::codes::code_hash;
use super::fields::{self, Faults};
use super::{Accounts, LoggedIn, NewLogin, Tokens, guest_asks, login_with, sessions_of};
use crate::error::Error;
use crate::hub::Whose;
use crate::names;
use crate::store::{self, Account, Once, Registration, Reset, Rotated, Rotation, WasReset};
use crate::throttle::Attempt;
use crate::token::{self, REFRESH_TTL};
use castle::ids::{GuestId, LoginId};
use std::net::IpAddr;
use std::time::{Instant, SystemTime};

/// What a guest sends to make an account.
pub struct Registering {
    /// As the host gave it; empty where registration is open.
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

/// What a guest sends to log in.
pub struct LoggingIn {
    /// Login name, as typed.
    pub name: String,
    /// Password.
    pub password: String,
    /// Names the device.
    pub device_name: String,
    /// From an earlier login on the device; may be empty.
    pub device_token: String,
}

/// What a guest sends to get in with a code of the host.
pub struct Resetting {
    /// Login name, as typed.
    pub name: String,
    /// As the host gave it.
    pub code: String,
    /// The password from now on.
    pub new_password: String,
    /// Names the device.
    pub device_name: String,
    /// The caller's id for this request; may be empty.
    pub request_id: String,
}

impl Accounts {
    /// Makes an account and logs it in; or logs in where the account is the caller's already.
    ///
    /// Errors: `InvalidField`, `InvitationRequired`, `InvitationUnknown`, `InvitationExpired`,
    /// `InvitationSpent`, `InvitationRevoked`, `NameTaken`, `Banned`, `RateLimited`.
    pub async fn register(&self, from: IpAddr, asked: Registering) -> Result<LoggedIn, Error> {
        let (name, display_name) = check_registering(&asked)?;
        let now = SystemTime::now();
        let invited = !asked.invitation_code.is_empty();
        if !invited && !self.open_registration {
            return Err(Error::InvitationRequired);
        }
        let code_hash = invited.then(|| code_hash(&asked.invitation_code));
        let attempt = Attempt::Stranger { from, name: names::fold(&name) };
        if let Some(account) = self.store.account_by_name(&name).await? {
            return match self.log_in_if_right(&attempt, account, asked.password, asked.device_name).await? {
                Some(logged_in) => Ok(logged_in),
                None => Err(self.taken(code_hash, now).await?),
            };
        }
        // The hash comes before the verdict on the invitation, so that the time tells nothing about the name.
        let (turn, counted) = self.counted_turn(&attempt).await?;
        let password_hash = turn.hash(asked.password.clone()).await?;
        let guest = GuestId::from_bits(rand::random());
        let NewLogin { login, refresh } =
            self.new_login(guest, rand::random(), asked.device_name.clone(), now);
        let registration = Registration {
            code_hash,
            id: guest,
            display_name: display_name.unwrap_or_else(|| name.clone()),
            name: name.clone(),
            password_hash,
            login: login.clone(),
            now,
        };
        match self.store.register(registration).await {
            Ok(account) => {
                // Who needs no invitation pays for each account, so that one address cannot make them by the
                // thousand.
                if invited {
                    counted.was_right();
                }
                tracing::info!(guest = %account.id, name = account.name, "registered");
                Ok(self.logged_in(account, &login, refresh, now))
            }
            // Registered meanwhile: perhaps by the first try of this very guest.
            Err(error @ (Error::NameTaken | Error::InvitationSpent)) => {
                drop(counted);
                let account = self.store.account_by_name(&name).await?.ok_or(error)?;
                let mine = self.log_in_if_right(&attempt, account, asked.password, asked.device_name).await?;
                mine.ok_or(Error::NameTaken)
            }
            Err(error) => Err(error),
        }
    }

    /// What to tell somebody who wants a name that is taken.
    async fn taken(&self, code_hash: Option<[u8; 32]>, now: SystemTime) -> Result<Error, Error> {
        match code_hash {
            Some(code_hash) => {
                Ok(self.store.check_invitation(code_hash, now).await.err().unwrap_or(Error::NameTaken))
            }
            None => Ok(Error::NameTaken),
        }
    }

    async fn log_in_if_right(
        &self,
        attempt: &Attempt,
        account: Account,
        password: String,
        device_name: String,
    ) -> Result<Option<LoggedIn>, Error> {
        if !self.is_right(attempt, password, Some(account.password_hash.clone())).await? {
            return Ok(None);
        }
        self.log_in(account, rand::random(), device_name, None).await.map(Some)
    }

    /// Logs in with name and password.
    ///
    /// Errors: `InvalidField`, `BadCredentials`, `Banned`, `RateLimited`.
    pub async fn login(&self, from: IpAddr, asked: LoggingIn) -> Result<LoggedIn, Error> {
        let mut faults = Faults::default();
        faults.check("device_name", fields::label(&asked.device_name));
        faults.check("device_token", fields::token(&asked.device_token));
        faults.check("password", names::password_length(&asked.password));
        let name = faults.check("name", names::normalize(&asked.name));
        faults.none()?;
        let name = name.unwrap_or_default();
        let account = self.store.account_by_name(&name).await?;
        let hash = account.as_ref().map(|account| account.password_hash.clone());
        // Looked at for a name that nobody has, too, so that the time tells nothing about it.
        let known = self.signers.device.verify(&asked.device_token, hash.as_deref().unwrap_or_default());
        let attempt = match (&account, known) {
            (Some(Account { id, .. }), Some(device)) => Attempt::Device { of: *id, device },
            _ => Attempt::Stranger { from, name: names::fold(&name) },
        };
        let device = known.unwrap_or_else(rand::random);
        let right = self.is_right(&attempt, asked.password.clone(), hash).await?;
        let account = account.filter(|_| right).ok_or(Error::BadCredentials)?;
        if !self.hasher.is_outdated(&account.password_hash) {
            return self.log_in(account, device, asked.device_name, None).await;
        }
        let turn = self.hasher.turn(guest_asks(account.id)).await?;
        let rehashed = Some(turn.hash(asked.password.clone()).await?);
        match self.log_in(account, device, asked.device_name.clone(), rehashed).await {
            // Hashed anew meanwhile, perhaps by another login of this very guest.
            Err(Error::BadCredentials) => {
                let account = self.store.account_by_name(&name).await?.ok_or(Error::BadCredentials)?;
                let mine = self.log_in_if_right(&attempt, account, asked.password, asked.device_name).await?;
                mine.ok_or(Error::BadCredentials)
            }
            done => done,
        }
    }

    async fn log_in(
        &self,
        mut account: Account,
        device: u128,
        device_name: String,
        rehashed: Option<String>,
    ) -> Result<LoggedIn, Error> {
        let now = SystemTime::now();
        let NewLogin { login, refresh } = self.new_login(account.id, device, device_name, now);
        let kept = login.clone();
        let verified = match &rehashed {
            Some(rehashed) => std::mem::replace(&mut account.password_hash, rehashed.clone()),
            None => account.password_hash.clone(),
        };
        self.end_after(move |store| async move {
            Ok(((), sessions_of(store.record_login(kept, verified, rehashed).await?)))
        })
        .await?;
        Ok(self.logged_in(account, &login, refresh, now))
    }

    /// Exchanges a refresh token for the next pair.
    ///
    /// Errors: `InvalidField`, `RefreshInvalid`, `RefreshReused`, `Banned`, `RequestIdReused`, `RateLimited`.
    pub async fn refresh(&self, refresh_token: &str, request_id: &str) -> Result<Tokens, Error> {
        let mut faults = Faults::default();
        faults.check("request_id", fields::request_id(request_id));
        faults.check("refresh_token", fields::token(refresh_token));
        faults.none()?;
        let spent = self.signers.refresh.read(refresh_token).ok_or(Error::RefreshInvalid)?;
        self.refreshes.take(Instant::now(), spent.login)?;
        let successor = self.signers.refresh.successor(&spent, request_id);
        let (login, now) = (spent.login, SystemTime::now());
        let rotation = Rotation {
            login,
            presented: spent.hash(),
            successor: successor.hash(),
            request: (!request_id.is_empty()).then(|| token::sha256(request_id.as_bytes())),
            expires_at: now + REFRESH_TTL,
            now,
        };
        let rotated = self.end_after(move |store| async move {
            let rotated = store.rotate_refresh(rotation).await?;
            let ended = matches!(rotated, Rotated::Reused).then_some(Whose::Login(login));
            Ok((rotated, ended.into_iter().collect()))
        });
        match rotated.await? {
            Rotated::Done(account, kept) => Ok(self.logged_in(account, &kept, successor, now).tokens),
            Rotated::Reused => {
                tracing::warn!(%login, "a refresh token was used twice; its login is revoked");
                Err(Error::RefreshReused)
            }
            Rotated::Unknown => Err(Error::RefreshInvalid),
            Rotated::Banned => Err(Error::Banned),
        }
    }

    /// Sets a new password with a code of the host, ends every login and begins one. A repeat gets the same login and
    /// the same refresh token, which follows from the request and is kept nowhere.
    ///
    /// Errors: `InvalidField`, `BadCredentials`, `Banned`, `RateLimited`, `RequestIdReused`, `LoginEnded`.
    pub async fn reset_password(&self, from: IpAddr, asked: Resetting) -> Result<LoggedIn, Error> {
        let name = check_resetting(&asked)?;
        // A code is out of reach for guessing: this only bounds the work that one address can ask for.
        let attempt = Attempt::Code(from);
        // The hash comes before the verdict, so that the time tells nothing about name and code.
        let (turn, counted) = self.counted_turn(&attempt).await?;
        let password_hash = turn.hash(asked.new_password.clone()).await?;
        let account = self.store.account_by_name(&name).await?.ok_or(Error::BadCredentials)?;
        let (now, code_hash) = (SystemTime::now(), code_hash(&asked.code));
        let first = |login| self.signers.refresh.first(login, &code_hash, &asked.request_id);
        let refresh = first(LoginId::from_bits(rand::random()));
        let once = resetting_once(now, account.id, &asked);
        let login = login_with(&refresh, account.id, rand::random(), asked.device_name, now);
        let reset = Reset { code_hash, password_hash, login, now };
        let set = self.end_after(move |store| async move {
            let WasReset { account, login, ended } = store.reset_password(reset, once).await?;
            Ok(((account, login), sessions_of(ended)))
        });
        let (account, login) = set.await?;
        let repeat = login.id != refresh.login;
        // Nothing derived from a password is kept with a request: whether a repeat asks for the same is told by the
        // password that is good now.
        if repeat {
            let turn = self.hasher.turn(guest_asks(account.id)).await?;
            if !turn.verify(asked.new_password, Some(account.password_hash.clone())).await? {
                return Err(Error::RequestIdReused);
            }
        }
        counted.was_right();
        tracing::info!(guest = %account.id, "a password was set with a code of the host");
        Ok(self.logged_in(account, &login, if repeat { first(login.id) } else { refresh }, now))
    }
}

fn resetting_once(now: SystemTime, guest: GuestId, asked: &Resetting) -> Once {
    let payload = [&code_hash(&asked.code)[..], asked.device_name.as_bytes()].concat();
    Once::new(now, store::Caller::Guest(guest), "ResetPassword", &asked.request_id, &payload)
}

fn check_registering(asked: &Registering) -> Result<(String, Option<String>), Error> {
    let mut faults = Faults::default();
    faults.check("invitation_code", fields::code_or_none(&asked.invitation_code));
    faults.check("device_name", fields::label(&asked.device_name));
    faults.check("request_id", fields::request_id(&asked.request_id));
    let display_name = faults.check("display_name", names::display(&asked.display_name));
    let name = faults.check("name", names::normalize(&asked.name));
    faults.check("password", new_password(&asked.password, name.as_deref()));
    faults.none()?;
    Ok((name.unwrap_or_default(), display_name.flatten()))
}

fn check_resetting(asked: &Resetting) -> Result<String, Error> {
    let mut faults = Faults::default();
    faults.check("code", fields::code(&asked.code));
    faults.check("device_name", fields::label(&asked.device_name));
    faults.check("request_id", fields::request_id(&asked.request_id));
    let name = faults.check("name", names::normalize(&asked.name));
    faults.check("new_password", new_password(&asked.new_password, name.as_deref()));
    faults.none()?;
    Ok(name.unwrap_or_default())
}

fn new_password(password: &str, name: Option<&str>) -> Result<(), &'static str> {
    match name {
        Some(name) => names::password(password, name),
        None => names::password_length(password),
    }
}

//! Accounts: coming in, staying in, and what guests may do with what is theirs.
//!
//! Owns the order of checks: what is cheap first, exactly one password hash for each attempt whether or not the
//! name exists, and a taken name told only to who holds a good invitation or the right password. Whatever ends a
//! login here ends its sessions and its waiting match, too. Never knows the wire.

mod codes;
mod entering;
mod fields;
mod owning;

pub use codes::{code_hash, code_of};
pub use entering::{LoggingIn, Registering, Resetting};
pub use fields::Faults;
pub use owning::Devices;

use crate::error::Error;
use crate::hub::{HubHandle, Whose};
use crate::passwords::{Asker, Hasher, HashingConfig, Turn};
use crate::store::{Account, Login, Store};
use crate::throttle::{Allowance, Attempt, Pace, Throttle, ThrottleConfig, WRITES, network};
use crate::token::{REFRESH_TTL, RefreshToken, Signers};
use crate::uncancelled::Uncancelled;
use castle::ids::{GuestId, LoginId};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// How long a code for a new password is good: until a guest who was told it today is at home.
pub const RESET_CODE_TTL: Duration = Duration::from_hours(24);

/// Display names that may change at once, each in its row by who has it.
const RENAMED_AT_ONCE: usize = 16;

/// Settings of accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountsConfig {
    /// Anybody may register, without an invitation.
    pub open_registration: bool,
    /// What password hashes cost.
    pub hashing: HashingConfig,
    /// How many wrong passwords are allowed.
    pub throttle: ThrottleConfig,
    /// How often one login may refresh its tokens: each waits for the disk.
    pub refreshes: Allowance,
}

impl Default for AccountsConfig {
    fn default() -> Self {
        let (hashing, throttle) = (HashingConfig::default(), ThrottleConfig::default());
        Self { open_registration: false, hashing, throttle, refreshes: WRITES }
    }
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
    /// Names the device to the throttle.
    pub device: String,
}

/// An account, logged in.
pub struct LoggedIn {
    /// Who.
    pub account: Account,
    /// The login.
    pub tokens: Tokens,
}

/// A login that is about to be kept, and its secret.
struct NewLogin {
    login: Login,
    refresh: RefreshToken,
}

/// A login that begins with `refresh`.
fn login_with(
    refresh: &RefreshToken,
    guest: GuestId,
    device: u128,
    device_name: String,
    now: SystemTime,
) -> Login {
    Login {
        id: refresh.login,
        guest,
        device,
        device_name,
        created_at: now,
        last_used_at: now,
        refresh_hash: refresh.hash(),
        refresh_expires_at: now + REFRESH_TTL,
    }
}

/// Those of these logins.
fn sessions_of(logins: Vec<LoginId>) -> Vec<Whose> {
    logins.into_iter().map(Whose::Login).collect()
}

/// Accounts and how to get into them.
pub struct Accounts {
    store: Arc<dyn Store>,
    signers: Arc<Signers>,
    hub: HubHandle,
    hasher: Arc<Hasher>,
    throttle: Mutex<Throttle>,
    refreshes: Pace<LoginId>,
    /// Names change one after the other, a few guests' at once: the hall is told in the order of the disk.
    renaming: Arc<[tokio::sync::Mutex<()>; RENAMED_AT_ONCE]>,
    open_registration: bool,
    uncancelled: Uncancelled,
}

impl Accounts {
    /// Over a store, signing with its secrets, hashing with `hasher`, and ending sessions in `hub`; writes that end
    /// some are `uncancelled`.
    pub fn new(
        config: &AccountsConfig,
        store: Arc<dyn Store>,
        signers: Arc<Signers>,
        hasher: Arc<Hasher>,
        hub: HubHandle,
        uncancelled: Uncancelled,
    ) -> Self {
        let throttle = Mutex::new(Throttle::new(&config.throttle));
        let open_registration = config.open_registration;
        let (refreshes, renaming) = (Pace::new("refreshes", config.refreshes), Arc::default());
        Self { store, signers, hub, hasher, throttle, refreshes, renaming, open_registration, uncancelled }
    }

    /// How many attempts wait for a password hash.
    pub fn hashes_waiting(&self) -> usize {
        self.hasher.waiting()
    }

    /// How many password hashes were computed since the start.
    pub fn hashes_done(&self) -> u64 {
        self.hasher.work_done()
    }

    fn new_login(&self, guest: GuestId, device: u128, device_name: String, now: SystemTime) -> NewLogin {
        let refresh = self.signers.refresh.fresh(LoginId::from_bits(rand::random()));
        NewLogin { login: login_with(&refresh, guest, device, device_name, now), refresh }
    }

    /// What the guest is given for a login that is kept now.
    fn logged_in(&self, account: Account, kept: &Login, refresh: RefreshToken, now: SystemTime) -> LoggedIn {
        let (access, access_expires_at) = self.signers.access.issue(now, account.id, kept.id, account.role);
        let tokens = Tokens {
            access,
            access_expires_at,
            refresh,
            refresh_expires_at: kept.refresh_expires_at,
            device: self.signers.device.sign(kept.device, &account.password_hash),
        };
        LoggedIn { account, tokens }
    }

    /// Writes, then ends the sessions and waiting matches of those whose logins the write ended: both, though the
    /// caller be gone.
    async fn end_after<T, F>(&self, write: impl FnOnce(Arc<dyn Store>) -> F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<(T, Vec<Whose>), Error>> + Send + 'static,
    {
        let (write, hub) = (write(Arc::clone(&self.store)), self.hub.clone());
        let both = async move {
            let (done, ended) = write.await?;
            for whose in ended {
                hub.end_sessions_of(whose, Error::LoginEnded).await;
            }
            Ok(done)
        };
        self.uncancelled.run(both).await
    }

    /// Whether `password` is that of `hash`, `None` being nobody's: one hash, and one attempt at the throttle
    /// that is given back if it is right.
    async fn is_right(
        &self,
        attempt: &Attempt,
        password: String,
        hash: Option<String>,
    ) -> Result<bool, Error> {
        let (turn, counted) = self.counted_turn(attempt).await?;
        let right = turn.verify(password, hash).await?;
        if right {
            counted.was_right();
        }
        Ok(right)
    }

    /// The turn to compute a hash, which is one attempt at the throttle. Whoever is not given the turn, or does not wait
    /// for it, has tried no password: the attempt is given back.
    async fn counted_turn<'a>(&'a self, attempt: &'a Attempt) -> Result<(Turn<'a>, Counted<'a>), Error> {
        let taken = self.throttle().take(Instant::now(), attempt);
        taken.map_err(|(retry_after, allowance)| Error::RateLimited {
            what: "wrong_passwords",
            limit: allowance.burst.into(),
            refill: Some(allowance.refill),
            retry_after,
        })?;
        let mut counted = Counted { accounts: self, attempt, end: End::Untried };
        let turn = self.hasher.turn(asker(attempt)).await?;
        counted.end = End::Tried;
        Ok((turn, counted))
    }

    fn throttle(&self) -> MutexGuard<'_, Throttle> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For whom the hash of an attempt is computed: a guest whose password is known there is one, on however many devices.
fn asker(attempt: &Attempt) -> Asker {
    match attempt {
        Attempt::Device { of, .. } => guest_asks(*of),
        Attempt::Stranger { from, .. } | Attempt::Code(from) => Asker::Stranger(network(*from)),
    }
}

fn guest_asks(guest: GuestId) -> Asker {
    Asker::Known(guest.to_bits())
}

/// An attempt that the throttle has counted, which is told how it ended when this is dropped.
struct Counted<'a> {
    accounts: &'a Accounts,
    attempt: &'a Attempt,
    end: End,
}

/// How an attempt ends.
enum End {
    /// No password was tried.
    Untried,
    /// One was, and it was not found right.
    Tried,
    /// It was right.
    Right,
}

impl Counted<'_> {
    fn was_right(mut self) {
        self.end = End::Right;
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        let (mut throttle, now) = (self.accounts.throttle(), Instant::now());
        match self.end {
            End::Untried => throttle.give_back(now, self.attempt),
            End::Tried => throttle.settle(self.attempt),
            End::Right => throttle.forgive(now, self.attempt),
        }
    }
}

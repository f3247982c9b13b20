//! Accounts: who may come in at all. Owns their record and what can be done to them in one step.

use super::{Login, Once};
use crate::error::Error;
use async_trait::async_trait;
use castle::ids::{GuestId, LoginId};
use std::time::SystemTime;

/// What an account may do besides being a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A guest.
    Guest,
    /// A host.
    Admin,
}

impl Role {
    /// As tokens and records write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Guest => "guest",
            Self::Admin => "admin",
        }
    }

    /// Reads what [`Role::as_str`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Guest, Self::Admin].into_iter().find(|role| role.as_str() == text)
    }
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Stable id.
    pub id: GuestId,
    /// Login name, normalized; unique.
    pub name: String,
    /// What people see.
    pub display_name: String,
    /// What it may do.
    pub role: Role,
    /// Argon2id, PHC string.
    pub password_hash: String,
    /// When it was made.
    pub created_at: SystemTime,
    /// When it last logged in.
    pub last_login_at: Option<SystemTime>,
    /// Set while it may not come in. Its logins are dead then, and are erased when it is lifted: none comes back to
    /// life.
    pub ban: Option<Ban>,
}

/// Why an account may not come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ban {
    /// Since when.
    pub at: SystemTime,
    /// In the words of who banned.
    pub reason: String,
}

/// A guest to be made, with the login that makes them.
#[derive(Debug, Clone)]
pub struct Registration {
    /// SHA-256 of the invitation code; none where registration is open.
    pub code_hash: Option<[u8; 32]>,
    /// Stable id of the new account.
    pub id: GuestId,
    /// Login name, normalized.
    pub name: String,
    /// What people see.
    pub display_name: String,
    /// Argon2id, PHC string.
    pub password_hash: String,
    /// The first login.
    pub login: Login,
    /// Now.
    pub now: SystemTime,
}

/// A password to be set by its owner.
#[derive(Debug, Clone)]
pub struct NewPassword {
    /// Whose.
    pub guest: GuestId,
    /// The hash that the old password was verified with.
    pub verified: String,
    /// Argon2id, PHC string.
    pub password_hash: String,
    /// The login that goes on.
    pub keep: LoginId,
}

/// A password to be set with a code of the host.
#[derive(Debug, Clone)]
pub struct Reset {
    /// SHA-256 of the code.
    pub code_hash: [u8; 32],
    /// Argon2id, PHC string.
    pub password_hash: String,
    /// The login that begins with it, of the account in question.
    pub login: Login,
    /// Now.
    pub now: SystemTime,
}

/// A password that was set with a code of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WasReset {
    /// Whose.
    pub account: Account,
    /// The login that began with it; of a repeat that of the first time.
    pub login: Login,
    /// Those that ended.
    pub ended: Vec<LoginId>,
}

/// What lasts of accounts.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// Makes an account and its first login, and spends one use of the invitation: all or nothing. Names are
    /// unique by their full case folding.
    ///
    /// Errors: `InvitationUnknown`, `InvitationExpired`, `InvitationSpent`, `InvitationRevoked`, `NameTaken`. A
    /// taken name is told only to who holds an invitation that is good.
    async fn register(&self, registration: Registration) -> Result<Account, Error>;

    /// The account with this normalized name, or one that differs from it in case alone.
    async fn account_by_name(&self, name: &str) -> Result<Option<Account>, Error>;

    /// The account with this id.
    async fn account(&self, guest: GuestId) -> Result<Option<Account>, Error>;

    /// Sets a password and ends all logins but one. Returns those that ended.
    ///
    /// Errors: `GuestUnknown`, `BadCredentials` where the password has changed since it was verified; those of
    /// [`Once`].
    async fn set_password(&self, new: NewPassword, once: Once) -> Result<Vec<LoginId>, Error>;

    /// Sets what people see.
    ///
    /// Errors: `GuestUnknown`; those of [`Once`].
    async fn set_display_name(&self, guest: GuestId, display_name: String, once: Once) -> Result<(), Error>;

    /// Spends a code: sets the password, ends all logins and begins one.
    ///
    /// Errors: `BadCredentials` where there is no such code or its time is over, `Banned`; `LoginEnded` where it is a
    /// repeat and the login is over; those of [`Once`], though `RequestIdReused` only where the code is good or was the
    /// one of that request.
    async fn reset_password(&self, reset: Reset, once: Once) -> Result<WasReset, Error>;

    /// Erases an account with all that is its own: its name, logins and kept answers.
    ///
    /// Errors: `GuestUnknown`, `LastAdmin`.
    async fn delete_account(&self, guest: GuestId) -> Result<(), Error>;

    /// Whether this request was done before.
    ///
    /// Errors: those of [`Once`].
    async fn was_done(&self, once: Once) -> Result<bool, Error>;

    /// Accounts sorted by name, those after `after`, at most `limit`.
    async fn list_accounts(&self, after: Option<String>, limit: usize) -> Result<Vec<Account>, Error>;

    /// Whether there is any account.
    async fn has_accounts(&self) -> Result<bool, Error>;
}

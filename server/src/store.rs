//! What lasts: accounts, invitations, logins and the server's secrets, as whole domain operations.
//!
//! Owns the records and the promises: an operation that returned is durable, and each is decided by one
//! transaction. Never hashes passwords, never makes tokens, never knows the wire.

pub mod sled;

use crate::error::Error;
use async_trait::async_trait;
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use castle::ids::{GuestId, InvitationId, LoginId};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

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
}

/// An invitation. The code itself is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Names it in lists.
    pub id: InvitationId,
    /// SHA-256 of the code.
    pub code_hash: [u8; 32],
    /// How many guests may register with it.
    pub uses: u32,
    /// Until when.
    pub expires_at: SystemTime,
    /// For the host's memory.
    pub note: String,
    /// What its guests may do.
    pub role: Role,
    /// When it was made.
    pub created_at: SystemTime,
}

/// One login of a guest on one device: a family of refresh tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The family; `sid` of access tokens.
    pub id: LoginId,
    /// Whose.
    pub guest: GuestId,
    /// As the device calls itself.
    pub device_name: String,
    /// When it began.
    pub created_at: SystemTime,
    /// SHA-256 of the refresh token that is good now.
    pub refresh_hash: [u8; 32],
    /// Until when.
    pub refresh_expires_at: SystemTime,
}

/// A guest to be made, with the login that makes them.
#[derive(Debug, Clone)]
pub struct Registration {
    /// SHA-256 of the invitation code.
    pub code_hash: [u8; 32],
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

/// A refresh token presented for exchange.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// The family.
    pub login: LoginId,
    /// SHA-256 of the token presented.
    pub presented: [u8; 32],
    /// SHA-256 of the token that follows.
    pub successor: [u8; 32],
    /// Until when that is good.
    pub expires_at: SystemTime,
    /// Now.
    pub now: SystemTime,
}

/// A refresh token presented again with the same successor within this time after its first exchange is
/// answered alike: the answer may have been lost on its way.
pub const REPEAT_WINDOW: Duration = Duration::from_mins(1);

/// What became of a [`Rotation`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotated {
    /// The successor is good now; also for a repeat. With its owner, and when it ends.
    Done(Account, SystemTime),
    /// The token had been spent: the family is revoked.
    Reused,
    /// The family is unknown, revoked or expired.
    Unknown,
}

/// The server's own secrets, made at first start.
#[derive(Clone)]
pub struct Secrets {
    /// `kid` of access tokens.
    pub signing_key_id: String,
    /// Ed25519 seed of access tokens.
    pub signing_seed: [u8; 32],
    /// Derives and tags refresh tokens.
    pub refresh: [u8; 32],
    /// Signs call tokens.
    pub call: [u8; 32],
    /// Shared between the credential vendor and the relay.
    pub turn: String,
}

impl Secrets {
    /// New ones, from the operating system's randomness.
    pub fn generate() -> Self {
        let turn: [u8; 32] = rand::random();
        Self {
            signing_key_id: format!("{:016x}", rand::random::<u64>()),
            signing_seed: rand::random(),
            refresh: rand::random(),
            call: rand::random(),
            turn: BASE64_URL_SAFE_NO_PAD.encode(turn),
        }
    }
}

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("{0} is in use by another castle-server: stop it, or choose another --data-dir")]
    InUse(PathBuf),
    /// Written by a newer version.
    #[error("{path} was written by a newer castle-server (schema {found}, this one knows {known}): upgrade")]
    Newer {
        /// Where.
        path: PathBuf,
        /// The version found.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// Not a store, or damaged.
    #[error("{path} cannot be read as a store: {cause}")]
    Damaged {
        /// Where.
        path: PathBuf,
        /// What was found.
        cause: String,
    },
    /// The file system said no.
    #[error("{path}: {source}")]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Durable state. Every method returns after its effect is on disk.
///
/// Errors: the domain's where named, else `Internal` with the cause in the log.
#[async_trait]
pub trait Store: Send + Sync {
    /// Makes an account and its first login, and spends one use of the invitation: all or nothing.
    ///
    /// Errors: `InvitationUnknown`, `InvitationExpired`, `InvitationSpent`, `NameTaken`. A taken name is told
    /// only to who holds an invitation that is good.
    async fn register(&self, registration: Registration) -> Result<Account, Error>;

    /// Whether an invitation is good now; the cheap check before a password is hashed.
    ///
    /// Errors: `InvitationUnknown`, `InvitationExpired`, `InvitationSpent`.
    async fn check_invitation(&self, code_hash: [u8; 32], now: SystemTime) -> Result<(), Error>;

    /// Keeps a new invitation.
    async fn create_invitation(&self, invitation: Invitation) -> Result<(), Error>;

    /// The account with this normalized name.
    async fn account_by_name(&self, name: &str) -> Result<Option<Account>, Error>;

    /// Keeps a new login and notes on the account when it was; optionally with a password hash under new
    /// parameters.
    async fn record_login(&self, login: Login, rehashed: Option<String>) -> Result<(), Error>;

    /// Exchanges a refresh token for its successor, or detects its reuse.
    async fn rotate_refresh(&self, rotation: Rotation) -> Result<Rotated, Error>;

    /// The account behind a login that has not been ended.
    async fn live_login(&self, login: LoginId) -> Result<Option<Account>, Error>;

    /// Accounts sorted by name, those after `after`, at most `limit`.
    async fn list_accounts(&self, after: Option<String>, limit: usize) -> Result<Vec<Account>, Error>;

    /// Whether there is any account.
    async fn has_accounts(&self) -> Result<bool, Error>;

    /// The server's secrets.
    async fn secrets(&self) -> Result<Secrets, Error>;
}

//! Logins: which devices are in, and which refresh token each holds. Owns the rule of rotation and reuse.

use super::Account;
use crate::error::Error;
use async_trait::async_trait;
use castle::ids::{GuestId, LoginId};
use std::time::{Duration, SystemTime};

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

/// What lasts of logins.
#[async_trait]
pub trait LoginStore: Send + Sync {
    /// Keeps a new login and notes on the account when it was; optionally with a password hash under new
    /// parameters.
    async fn record_login(&self, login: Login, rehashed: Option<String>) -> Result<(), Error>;

    /// Exchanges a refresh token for its successor, or detects its reuse.
    async fn rotate_refresh(&self, rotation: Rotation) -> Result<Rotated, Error>;

    /// The account behind a login that has not been ended.
    async fn live_login(&self, login: LoginId) -> Result<Option<Account>, Error>;
}

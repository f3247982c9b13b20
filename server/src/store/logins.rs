//! Logins: which devices are in, and which refresh token each holds. Owns the rule of rotation and reuse.

use super::{Account, Once};
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
    /// The device: the same for all logins in which it showed its device token.
    pub device: u128,
    /// As the device calls itself.
    pub device_name: String,
    /// When it began.
    pub created_at: SystemTime,
    /// When its tokens were last refreshed, or when it began.
    pub last_used_at: SystemTime,
    /// SHA-256 of the refresh token that is good now.
    pub refresh_hash: [u8; 32],
    /// Until when.
    pub refresh_expires_at: SystemTime,
}

/// Logins of one guest at once: more devices than anybody has, and a bound on what one guest can make the store keep.
pub const LOGINS_MAX: usize = 100;

/// A refresh token presented for exchange.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// The family.
    pub login: LoginId,
    /// SHA-256 of the token presented.
    pub presented: [u8; 32],
    /// SHA-256 of the token that follows.
    pub successor: [u8; 32],
    /// SHA-256 of the request id, if there is one.
    pub request: Option<[u8; 32]>,
    /// Until when that is good.
    pub expires_at: SystemTime,
    /// Now.
    pub now: SystemTime,
}

/// A refresh token presented again with the same successor within this time after its first exchange is
/// answered alike: the answer may have been lost on its way.
pub const REPEAT_WINDOW: Duration = Duration::from_mins(1);

/// What became of a [`Rotation`].
#[expect(clippy::large_enum_variant, reason = "one at a time, looked at where it is made")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotated {
    /// The successor is good now; also for a repeat. With its owner and its login.
    Done(Account, Login),
    /// The token had been spent: the family is revoked.
    Reused,
    /// The family is unknown, revoked or expired.
    Unknown,
    /// The owner is banned.
    Banned,
}

/// What lasts of logins.
#[async_trait]
pub trait LoginStore: Send + Sync {
    /// Keeps a new login and notes on the account when it was; optionally with a password hash under new
    /// parameters. `verified` is the hash that the password was verified with. At [`LOGINS_MAX`] those unused for
    /// longest end; they are returned.
    ///
    /// Errors: `BadCredentials` where the account is gone or its password has changed meanwhile, `Banned`.
    async fn record_login(
        &self,
        login: Login,
        verified: String,
        rehashed: Option<String>,
    ) -> Result<Vec<LoginId>, Error>;

    /// Exchanges a refresh token for its successor, or detects its reuse.
    ///
    /// Errors: `RequestIdReused` where the last exchange of this family had the same request id and another token.
    async fn rotate_refresh(&self, rotation: Rotation) -> Result<Rotated, Error>;

    /// The account of `guest`, if this login of theirs has not been ended.
    ///
    /// Errors: `LoginEnded`, `Banned`.
    async fn live_login(&self, guest: GuestId, login: LoginId) -> Result<Account, Error>;

    /// The logins of a guest that can still be refreshed at `now`, newest first.
    async fn list_logins(&self, guest: GuestId, now: SystemTime) -> Result<Vec<Login>, Error>;

    /// Ends one login of a guest.
    ///
    /// Errors: `DeviceUnknown`; those of [`Once`].
    async fn end_login(&self, guest: GuestId, login: LoginId, once: Once) -> Result<(), Error>;

    /// Ends all logins of a guest. Returns them.
    async fn end_logins(&self, guest: GuestId) -> Result<Vec<LoginId>, Error>;
}

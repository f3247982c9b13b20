//! What lasts, as whole domain operations: each is decided in one step, and one that returned is durable.
//!
//! Owns the seam between the server and its disk: one trait for each domain, in `store/<domain>.rs` with its
//! records, and its rows and transactions in `store/sled/<domain>.rs`. Never hashes passwords, never makes tokens,
//! never knows the wire. ARCHITECTURE.md tells how to add an operation.

pub mod accounts;
pub mod backup;
pub mod history;
pub mod invitations;
pub mod keys;
pub mod logins;
pub mod moderation;
pub mod requests;
pub mod sled;

pub use accounts::{Account, AccountStore, Ban, NewPassword, Registration, Reset, Role, WasReset};
pub use history::{CallKey, CallRecord, HistoryStore, KeptCall, Part};
pub use invitations::{Invitation, InvitationState, InvitationStore};
pub use keys::{KeyRotation, KeyStore, Secrets, SigningKey};
pub use logins::{LOGINS_MAX, Login, LoginStore, REPEAT_WINDOW, Rotated, Rotation};
pub use moderation::{
    Act, Actor, AuditEntry, AuditKey, BlocksOf, LoginsEnded, ModerationStore, NewCode, RECORDS_KEPT, Report,
    ReportRate, ReportReason, ReportView, Resolution,
};
pub use requests::{Caller, Once};

use crate::error::Error;
use async_trait::async_trait;
use std::fs::File;
use std::path::PathBuf;
use std::time::SystemTime;

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

/// Copies of the whole.
#[async_trait]
pub trait CopyStore: Send + Sync {
    /// A backup of all there is (see [`backup`]), to be read from its beginning. No write is in it by half, and none is
    /// missing that was acknowledged before; writes wait while it is taken. It is an act of the host, and logged, though not
    /// in the copy itself.
    async fn copy(&self, now: SystemTime) -> Result<File, Error>;
}

/// Durable state. Every method that changes something returns after its effect is on disk; two that would contradict
/// each other are decided one after the other.
///
/// Errors: the domain's where named, else `Internal` with the cause in the log.
pub trait Store:
    AccountStore + LoginStore + InvitationStore + ModerationStore + HistoryStore + KeyStore + CopyStore
{
}

impl<S> Store for S where
    S: AccountStore + LoginStore + InvitationStore + ModerationStore + HistoryStore + KeyStore + CopyStore
{
}

//! Invitations: how guests get in. The code itself is not kept, only its hash.

use super::{Once, Role};
use crate::error::Error;
use async_trait::async_trait;
use castle::ids::InvitationId;
use std::time::SystemTime;

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

/// What lasts of invitations.
#[async_trait]
pub trait InvitationStore: Send + Sync {
    /// Whether an invitation is good now; the cheap check before a password is hashed.
    ///
    /// Errors: `InvitationUnknown`, `InvitationExpired`, `InvitationSpent`.
    async fn check_invitation(&self, code_hash: [u8; 32], now: SystemTime) -> Result<(), Error>;

    /// Keeps a new invitation. Returns the one that is kept: for a repeat that of the first time.
    ///
    /// Errors: those of [`Once`].
    async fn create_invitation(&self, invitation: Invitation, once: Once) -> Result<Invitation, Error>;
}

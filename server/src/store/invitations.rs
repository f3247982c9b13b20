//! Invitations: how guests get in. The code itself is not kept, only its hash.

use super::Role;
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
    /// How many have.
    pub used: u32,
    /// Until when.
    pub expires_at: SystemTime,
    /// For the host's memory.
    pub note: String,
    /// What its guests may do.
    pub role: Role,
    /// When it was made.
    pub created_at: SystemTime,
    /// Login name of the admin who made it, their id once they are erased; empty for the host.
    pub created_by: String,
    /// When it was taken back.
    pub revoked_at: Option<SystemTime>,
}

/// Whether an invitation lets anybody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvitationState {
    /// It does.
    Open,
    /// No uses are left.
    Spent,
    /// Its time is over.
    Expired,
    /// It was taken back.
    Revoked,
}

impl Invitation {
    /// Whether it lets anybody in at `now`.
    pub fn state(&self, now: SystemTime) -> InvitationState {
        if self.revoked_at.is_some() {
            InvitationState::Revoked
        } else if self.expires_at <= now {
            InvitationState::Expired
        } else if self.used >= self.uses {
            InvitationState::Spent
        } else {
            InvitationState::Open
        }
    }
}

/// What lasts of invitations.
#[async_trait]
pub trait InvitationStore: Send + Sync {
    /// Whether an invitation is good now; the cheap check before a password is hashed.
    ///
    /// Errors: `InvitationUnknown`, `InvitationExpired`, `InvitationSpent`.
    async fn check_invitation(&self, code_hash: [u8; 32], now: SystemTime) -> Result<(), Error>;

    /// Invitations, newest first: those after `after` in that order, at most `limit`.
    async fn list_invitations(
        &self,
        after: Option<InvitationId>,
        limit: usize,
    ) -> Result<Vec<Invitation>, Error>;
}

//! Invitations on disk.

use super::SledStore;
use super::rows::{millis, role, time};
use super::tables::{Table, Tx, View};
use crate::error::Error;
use crate::store::{Invitation, InvitationStore, Once, Role};
use async_trait::async_trait;
use castle::ids::InvitationId;
use serde::{Deserialize, Serialize};
use std::time::SystemTime;

/// By the hash of the code.
pub(super) const INVITATIONS: Table<InvitationRow> = Table::named("invitations");

#[derive(Serialize, Deserialize)]
pub(super) struct InvitationRow {
    id: u128,
    uses: u32,
    pub(super) used: u32,
    expires_at: u64,
    note: String,
    admin: bool,
    created_at: u64,
}

impl InvitationRow {
    /// Errors: `InvitationExpired`, `InvitationSpent`.
    pub(super) fn usable(&self, now: SystemTime) -> Result<(), Error> {
        if self.expires_at <= millis(now) {
            Err(Error::InvitationExpired)
        } else if self.used >= self.uses {
            Err(Error::InvitationSpent)
        } else {
            Ok(())
        }
    }

    pub(super) fn role(&self) -> Role {
        role(self.admin)
    }
}

impl From<Invitation> for InvitationRow {
    fn from(invitation: Invitation) -> Self {
        Self {
            id: invitation.id.to_bits(),
            uses: invitation.uses,
            used: 0,
            expires_at: millis(invitation.expires_at),
            note: invitation.note,
            admin: invitation.role == Role::Admin,
            created_at: millis(invitation.created_at),
        }
    }
}

impl InvitationRow {
    fn with_code(self, code_hash: [u8; 32]) -> Invitation {
        Invitation {
            id: InvitationId::from_bits(self.id),
            code_hash,
            uses: self.uses,
            expires_at: time(self.expires_at),
            role: self.role(),
            note: self.note,
            created_at: time(self.created_at),
        }
    }
}

impl View<'_> {
    fn check_invitation(&self, code_hash: [u8; 32], now: SystemTime) -> Result<(), Error> {
        self.get(&INVITATIONS, code_hash)?.ok_or(Error::InvitationUnknown)?.usable(now)
    }
}

impl Tx<'_> {
    fn create_invitation(&mut self, invitation: Invitation, once: &Once) -> Result<Invitation, Error> {
        let code_hash = self.once(once, |tx| {
            tx.put(&INVITATIONS, invitation.code_hash, &InvitationRow::from(invitation.clone()));
            Ok(invitation.code_hash)
        })?;
        let kept = self.get(&INVITATIONS, code_hash)?.ok_or(Error::InvitationUnknown)?;
        Ok(kept.with_code(code_hash))
    }
}

#[async_trait]
impl InvitationStore for SledStore {
    async fn check_invitation(&self, code_hash: [u8; 32], now: SystemTime) -> Result<(), Error> {
        self.read(move |view| view.check_invitation(code_hash, now)).await
    }

    async fn create_invitation(&self, invitation: Invitation, once: Once) -> Result<Invitation, Error> {
        self.write(move |tx| tx.create_invitation(invitation, &once)).await
    }
}

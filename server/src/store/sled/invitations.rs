//! Invitations on disk.

use super::rows::{millis, role, span, time};
use super::tables::{Table, Tx, View};
use super::{SledStore, actors};
use crate::error::Error;
use crate::store::{Act, Actor, Invitation, InvitationStore, RECORDS_KEPT, Role};
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
    /// See `actors`.
    #[serde(default)]
    created_by: String,
    #[serde(default)]
    revoked_at: Option<u64>,
}

impl InvitationRow {
    /// Errors: `InvitationRevoked`, `InvitationExpired`, `InvitationSpent`.
    pub(super) fn usable(&self, now: SystemTime) -> Result<(), Error> {
        if self.revoked_at.is_some() {
            Err(Error::InvitationRevoked)
        } else if self.expires_at <= millis(now) {
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

impl InvitationRow {
    fn of(invitation: Invitation, by: &Actor) -> Self {
        Self {
            id: invitation.id.to_bits(),
            uses: invitation.uses,
            used: invitation.used,
            expires_at: millis(invitation.expires_at),
            note: invitation.note,
            admin: invitation.role == Role::Admin,
            created_at: millis(invitation.created_at),
            created_by: actors::kept(by),
            revoked_at: invitation.revoked_at.map(millis),
        }
    }

    fn with_code(self, code_hash: [u8; 32]) -> Invitation {
        Invitation {
            id: InvitationId::from_bits(self.id),
            code_hash,
            uses: self.uses,
            used: self.used,
            expires_at: time(self.expires_at),
            role: self.role(),
            note: self.note,
            created_at: time(self.created_at),
            created_by: self.created_by,
            revoked_at: self.revoked_at.map(time),
        }
    }
}

impl View<'_> {
    fn check_invitation(&self, code_hash: [u8; 32], now: SystemTime) -> Result<(), Error> {
        self.get(&INVITATIONS, code_hash)?.ok_or(Error::InvitationUnknown)?.usable(now)
    }

    /// All of them are looked at: they are few, and hosts rarely ask.
    fn list_invitations(&self, after: Option<InvitationId>, limit: usize) -> Result<Vec<Invitation>, Error> {
        let mut found = Vec::new();
        for row in self.scan(&INVITATIONS, b"", None)? {
            let (key, row) = row?;
            let code_hash = key.try_into().expect("every key of this table is a hash of 32 bytes");
            found.push(row.with_code(code_hash));
        }
        found.sort_by_key(|invitation| std::cmp::Reverse((invitation.created_at, invitation.id)));
        let skipped = match after {
            None => 0,
            Some(after) => found.iter().position(|it| it.id == after).map_or(found.len(), |at| at + 1),
        };
        found.into_iter().skip(skipped).take(limit).map(|invitation| self.named(invitation)).collect()
    }

    fn named(&self, invitation: Invitation) -> Result<Invitation, Error> {
        let created_by = self.shown(invitation.created_by)?;
        Ok(Invitation { created_by, ..invitation })
    }
}

impl Tx<'_> {
    pub(super) fn create_invitation(
        &mut self,
        act: &Act,
        invitation: &Invitation,
    ) -> Result<Invitation, Error> {
        let code_hash = self.act(act, |tx| {
            tx.sweep_invitations(act.once.now)?;
            tx.put(&INVITATIONS, invitation.code_hash, &InvitationRow::of(invitation.clone(), &act.by));
            Ok(invitation.code_hash)
        })?;
        let kept = self.get(&INVITATIONS, code_hash)?.ok_or(Error::InvitationUnknown)?;
        self.named(kept.with_code(code_hash))
    }

    /// In place of the names of who made them.
    pub(super) fn invitations_by_id(&mut self) -> Result<(), Error> {
        let rows: Result<Vec<_>, Error> = self.scan(&INVITATIONS, b"", None)?.collect();
        for (key, row) in rows? {
            let created_by = self.kept_of(&row.created_by, row.created_at)?;
            self.put(&INVITATIONS, key, &InvitationRow { created_by, ..row });
        }
        Ok(())
    }

    /// All of them are looked at, as in a list.
    fn sweep_invitations(&mut self, now: SystemTime) -> Result<(), Error> {
        let over = |row: &InvitationRow| row.expires_at.saturating_add(span(RECORDS_KEPT)) <= millis(now);
        let rows: Result<Vec<_>, Error> = self.scan(&INVITATIONS, b"", None)?.collect();
        for (key, _) in rows?.into_iter().filter(|(_, row)| over(row)) {
            self.remove(&INVITATIONS, key);
        }
        Ok(())
    }

    pub(super) fn revoke_invitation(&mut self, id: InvitationId, now: SystemTime) -> Result<(), Error> {
        let is_it = |row: &Result<(_, InvitationRow), Error>| {
            row.as_ref().map_or(true, |(_, row)| row.id == id.to_bits())
        };
        let found = self.scan(&INVITATIONS, b"", None)?.find(is_it);
        let (key, mut row) = found.ok_or(Error::InvitationUnknown)??;
        row.revoked_at.get_or_insert(millis(now));
        self.put(&INVITATIONS, key, &row);
        Ok(())
    }
}

#[async_trait]
impl InvitationStore for SledStore {
    async fn check_invitation(&self, code_hash: [u8; 32], now: SystemTime) -> Result<(), Error> {
        self.read(move |view| view.check_invitation(code_hash, now)).await
    }

    async fn list_invitations(
        &self,
        after: Option<InvitationId>,
        limit: usize,
    ) -> Result<Vec<Invitation>, Error> {
        self.read(move |view| view.list_invitations(after, limit)).await
    }
}

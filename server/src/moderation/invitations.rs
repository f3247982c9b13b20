//! Invitations: how guests get in.

use super::{Asking, Moderation, NOTE_CHARS_MAX, growing_id};
use crate::accounts::{Faults, code_hash, code_of};
use crate::error::Error;
use crate::store::{Invitation, InvitationState, Role, Secrets};
use crate::token;
use castle::ids::InvitationId;
use std::time::{Duration, SystemTime};

/// Uses of one invitation. More is an open door, which is another setting.
pub const INVITATION_USES_MAX: u32 = 10_000;
/// How long an invitation is good unless said otherwise.
pub const INVITATION_TTL: Duration = Duration::from_hours(7 * 24);
/// How long an invitation may be good.
pub const INVITATION_TTL_MAX: Duration = Duration::from_hours(365 * 24);
/// How long the first one is good, whose guest becomes admin.
const FIRST_TTL: Duration = Duration::from_hours(24);
/// Its note.
const FIRST_NOTE: &str = "first guest, becomes admin";
/// What its code follows from besides its id, so that it can be shown again.
const FIRST_SEED: &str = "first invitation";
/// Invitations looked at when the first one is looked for.
const LOOKED_AT: usize = 100;

/// What a host asks for.
#[derive(Debug, Clone)]
pub struct Inviting {
    /// How many guests may use it.
    pub uses: u32,
    /// How long it is good.
    pub good_for: Duration,
    /// For the host's memory.
    pub note: String,
    /// What its guests may do.
    pub role: Role,
}

impl Moderation {
    /// Makes an invitation. With its code, which is shown this once, and to a repeat of the request.
    ///
    /// Errors: `InvalidField`, `RequestIdReused`.
    pub async fn invite(&self, asking: &Asking, asked: Inviting) -> Result<(Invitation, String), Error> {
        self.invite_by(asking, asked, &asking.request_id).await
    }

    /// The code follows from `seed`, and comes out of nothing where that is empty.
    async fn invite_by(
        &self,
        asking: &Asking,
        asked: Inviting,
        seed: &str,
    ) -> Result<(Invitation, String), Error> {
        let mut faults = Faults::default();
        if !(1..=INVITATION_USES_MAX).contains(&asked.uses) {
            faults.add("uses", "must be 1 to 10,000");
        }
        if asked.good_for.is_zero() || asked.good_for > INVITATION_TTL_MAX {
            faults.add("expires_in_s", "must be at most 365 days");
        }
        if asked.note.chars().count() > NOTE_CHARS_MAX {
            faults.add("note", "must have at most 256 characters");
        }
        faults.none()?;
        let now = SystemTime::now();
        let secrets = self.store.secrets().await?;
        let id = InvitationId::from_bits(growing_id(now));
        let act = asking.act(now, id, detail(&asked));
        let made = code(&secrets, id, seed);
        let invitation = Invitation {
            id,
            code_hash: code_hash(&made),
            uses: asked.uses,
            used: 0,
            expires_at: now + asked.good_for,
            note: asked.note,
            role: asked.role,
            created_at: now,
            created_by: asking.by.name().to_owned(),
            revoked_at: None,
        };
        let kept = self.store.create_invitation(act, invitation).await?;
        // Of a repeat, the invitation of the first time is kept: the code that was given then follows from its id.
        let code = if kept.id == id { made } else { code(&secrets, kept.id, seed) };
        Ok((kept, code))
    }

    /// The invitation for the first guest, who becomes a host: one use, 24 h. While one is open it stays the same,
    /// however often the server starts.
    pub async fn first_invitation(&self) -> Result<(Invitation, String), Error> {
        let now = SystemTime::now();
        let secrets = self.store.secrets().await?;
        for invitation in self.store.list_invitations(None, LOOKED_AT).await? {
            let code = code(&secrets, invitation.id, FIRST_SEED);
            let is_it = invitation.role == Role::Admin && invitation.code_hash == code_hash(&code);
            if is_it && invitation.state(now) == InvitationState::Open {
                return Ok((invitation, code));
            }
        }
        let asking = Asking::of_host("CreateInvitation");
        let inviting =
            Inviting { uses: 1, good_for: FIRST_TTL, note: FIRST_NOTE.to_owned(), role: Role::Admin };
        self.invite_by(&asking, inviting, FIRST_SEED).await
    }

    /// Invitations, newest first.
    pub async fn invitations(
        &self,
        before: Option<InvitationId>,
        limit: usize,
    ) -> Result<Vec<Invitation>, Error> {
        self.store.list_invitations(before, limit).await
    }

    /// Takes an invitation back. Who came by it stays.
    ///
    /// Errors: `InvitationUnknown`, `RequestIdReused`.
    pub async fn revoke_invitation(&self, asking: &Asking, id: InvitationId) -> Result<(), Error> {
        self.store.revoke_invitation(asking.act(SystemTime::now(), id, ""), id).await
    }
}

/// The code of an invitation, kept nowhere.
fn code(secrets: &Secrets, id: InvitationId, seed: &str) -> String {
    code_of(token::invitation_bits(secrets, id, seed))
}

fn detail(asked: &Inviting) -> String {
    let role = asked.role.as_str();
    let note = if asked.note.is_empty() { String::new() } else { format!(": {}", asked.note) };
    format!("{} uses, role {role}{note}", asked.uses)
}

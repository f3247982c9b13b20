//! Making invitations.

use super::codes::{code_hash, code_of};
use super::fields::{self, Faults};
use crate::error::Error;
use crate::store::{Caller, Invitation, Once, Role, Store};
use crate::token::invitation_bits;
use castle::ids::InvitationId;
use std::time::{Duration, SystemTime};

/// Uses of one invitation. More is an open door, which is another setting.
pub const INVITATION_USES_MAX: u32 = 10_000;
/// How long an invitation is good unless said otherwise.
pub const INVITATION_TTL: Duration = Duration::from_hours(7 * 24);
/// How long an invitation may be good.
pub const INVITATION_TTL_MAX: Duration = Duration::from_hours(365 * 24);
/// Characters of an invitation's note.
pub const NOTE_CHARS_MAX: usize = 256;

/// What a host asks for.
pub struct Inviting {
    /// How many guests may use it.
    pub uses: u32,
    /// How long it is good.
    pub good_for: Duration,
    /// For the host's memory.
    pub note: String,
    /// What its guests may do.
    pub role: Role,
    /// Who makes it.
    pub caller: Caller,
    /// The caller's id for this request: a repeat gives the same code. May be empty.
    pub request_id: String,
}

/// Makes an invitation in `store`; with its code. Also for the command line where no server runs.
///
/// Errors: `InvalidField`, `RequestIdReused`, `Limit`.
pub async fn invite(store: &dyn Store, asked: Inviting) -> Result<(Invitation, String), Error> {
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
    faults.check("request_id", fields::request_id(&asked.request_id));
    faults.none()?;
    let now = SystemTime::now();
    let payload =
        format!("{} {} {} {}", asked.uses, asked.good_for.as_secs(), asked.role.as_str(), asked.note);
    let once = Once::new(now, asked.caller, "CreateInvitation", &asked.request_id, payload.as_bytes());
    let secrets = store.secrets().await?;
    let id = InvitationId::from_bits(rand::random());
    let code = code_of(invitation_bits(&secrets, id, &asked.request_id));
    let invitation = Invitation {
        id,
        code_hash: code_hash(&code),
        uses: asked.uses,
        expires_at: now + asked.good_for,
        note: asked.note,
        role: asked.role,
        created_at: now,
    };
    let kept = store.create_invitation(invitation, once).await?;
    // Of a repeat, the invitation of the first time is kept, and the code that was given then follows from its id.
    let again = || code_of(invitation_bits(&secrets, kept.id, &asked.request_id));
    let code = if kept.id == id { code } else { again() };
    Ok((kept, code))
}

//! Who did something, as rows keep it: by id, so that a name leaves with its account and nobody who takes it later is
//! blamed. Nothing stands for the host.

use super::accounts::{ACCOUNTS, NAMES, guest_key};
use super::tables::{Tx, View};
use crate::error::Error;
use crate::names::fold;
use crate::store::Actor;
use castle::ids::GuestId;
use std::time::SystemTime;

/// What a row keeps of an actor.
pub(super) fn kept(by: &Actor) -> String {
    match by {
        Actor::Host => String::new(),
        Actor::Admin { id, .. } => id.to_string(),
    }
}

impl View<'_> {
    /// As lists name who is kept so: by the login name, or by the id once they are erased.
    pub(super) fn shown(&self, kept: String) -> Result<String, Error> {
        let Ok(id) = kept.parse() else { return Ok(kept) };
        Ok(self.account(id)?.map_or(kept, |account| account.name))
    }

    /// What is kept of who had this login name at `at`, milliseconds since 1970. Where they are erased it is the id of
    /// nobody, also when the name is taken anew.
    pub(super) fn kept_of(&self, name: &str, at: u64) -> Result<String, Error> {
        if name.is_empty() {
            return Ok(String::new());
        }
        let id = self.get(&NAMES, fold(name))?.map(GuestId::from_bits);
        let account = id.map_or(Ok(None), |id| self.get(&ACCOUNTS, guest_key(id)))?;
        let id = account.filter(|account| account.created_at <= at).map_or(0, |account| account.id);
        Ok(GuestId::from_bits(id).to_string())
    }
}

/// The third layout kept login names, of the erased too.
pub(super) fn from_3(tx: &mut Tx<'_>, _now: SystemTime) -> Result<(), Error> {
    tx.invitations_by_id()?;
    tx.audit_by_id()
}

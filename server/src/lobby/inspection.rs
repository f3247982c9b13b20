//! What tests of the whole may look at in the lobby: its machines agree with each other, and who is what.

use super::Lobby;
use crate::calls::{CallView, Occupation, Origin};
use castle::ids::{CallId, GuestId, SessionId};
use std::time::Duration;

/// A call of the table.
pub(crate) struct Going {
    pub(crate) id: CallId,
    pub(crate) guests: [GuestId; 2],
    pub(crate) origin: Origin,
    pub(crate) created_at: Duration,
}

impl Lobby {
    /// From now on each pairing is held against the rules of fair play as it is made.
    pub(crate) fn look_on(&mut self) {
        self.matchmaker.look_on();
    }

    /// What holds between any two things that happen.
    pub(crate) fn check_invariants(&self) {
        self.calls.check_invariants();
        self.hall.check_invariants(self.around(), &self.blocks);
        self.guests.check_invariants(&self.calls);
        self.matchmaker.check_fairness();
    }

    /// How many rows of the hall were looked at since the last time.
    pub(crate) fn rows_looked_at_anew(&mut self) -> usize {
        std::mem::take(&mut self.hall.rows_looked_at)
    }

    /// All calls.
    pub(crate) fn going(&self) -> impl Iterator<Item = Going> {
        self.calls.going()
    }

    /// What `guest` is busy with.
    pub(crate) fn occupation(&self, guest: GuestId) -> Occupation {
        self.calls.occupation(guest)
    }

    /// The call as `session` of `guest` sees it.
    pub(crate) fn view(&self, guest: GuestId, session: SessionId) -> Option<CallView> {
        self.calls.view(guest, session)
    }

    /// Whether `session` is there; and whether it has a stream.
    pub(crate) fn attached(&self, session: SessionId) -> Option<bool> {
        Some(self.guests.of_session(session)?.sessions[&session])
    }

    /// Whether `session` waits for a match.
    pub(crate) fn waits(&self, session: SessionId) -> bool {
        self.matchmaker.waits_for(session)
    }
}

//! Which part of the hall each session sees, and what blocks and names change in it. PURE, see `lobby`.

use super::Lobby;
use super::hall::{Around, HallRow, HallSnapshot, Page, Part};
use super::words::{Effect, Watch};
use crate::calls::Member;
use crate::guest::SharedGuest;
use castle::ids::{GuestId, SessionId};
use castle::search::fold;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// One page of the hall for one guest, who is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HallPage {
    /// Sorted by name.
    pub rows: Vec<HallRow>,
    /// Guests who match in all, the receiver left out.
    pub guest_count: usize,
    /// The name after which the next page begins, if there is one.
    pub next: Option<String>,
}

impl Lobby {
    /// The part of the hall that `session` watches, as it is now. What it asked to watch is looked for only here: it
    /// costs as often as it is shown, not as often as it is asked for.
    pub fn hall_snapshot(&mut self, session: SessionId) -> Option<HallSnapshot> {
        let me = self.guests.of_session(session)?.guest.id;
        if let Some(watch) = self.hall.take_wanted(session) {
            let by = Member { guest: me, session };
            self.watch(by, fold(&watch.query).into(), watch.after, watch.number);
        }
        let around = Around { guests: &self.guests, calls: &self.calls };
        self.hall.snapshot(around, session, me)
    }

    /// A page of the hall as `guest`, present or not, may see it. `blocked` are those whom they blocked or who
    /// blocked them, as the store knows.
    pub fn hall_page(
        &self,
        guest: GuestId,
        watch: &Watch,
        size: usize,
        blocked: &BTreeSet<GuestId>,
    ) -> HallPage {
        let query: Arc<str> = fold(&watch.query).into();
        let hidden = blocked.iter().copied().chain(self.blocks.around(guest)).chain([guest]);
        let without = self.around().counted(&query, hidden);
        let page = Page::of(self.around(), &Part { query, after: watch.after.clone(), without }, size);
        let next = page.next();
        HallPage { rows: page.rows.into_values().collect(), guest_count: page.count, next }
    }

    pub(super) fn tell_hall(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let around = Around { guests: &self.guests, calls: &self.calls };
        let told = self.hall.flush(now, around);
        effects.extend(told.into_iter().map(|(sessions, delta)| Effect::Hall(sessions, delta)));
    }

    pub(super) fn watch_everybody(&mut self, by: Member) {
        self.watch(by, "".into(), None, 0);
    }

    pub(super) fn watch_hall(&mut self, by: Member, watch: Watch, effects: &mut Vec<Effect>) {
        self.hall.want(by.session, watch);
        effects.push(Effect::ShowHall(by.session));
    }

    /// What the disk knew of the blocks of a guest, who is coming.
    pub(super) fn load_blocks(
        &mut self,
        now: Duration,
        guest: GuestId,
        blocked: &[GuestId],
        blocked_by: &[GuestId],
    ) {
        for other in self.blocks.load(now, guest, blocked, blocked_by) {
            self.matchmaker.set_apart(guest, other, true);
        }
    }

    /// `guest` came, left, or is seen or named otherwise: those kept from them by a block, and they themselves, watch
    /// on in the views that are right for them now.
    pub(super) fn keep_apart(&mut self, now: Duration, guest: GuestId) {
        for other in self.blocks.around(guest).chain([guest]).collect::<Vec<_>>() {
            self.keep_from_blocked(now, other);
        }
    }

    pub(super) fn forget_blocks(&mut self, guest: GuestId) {
        if self.guests.get(guest).is_none() {
            let present = |other| self.guests.get(other).is_some();
            for other in self.blocks.forget(guest, present) {
                self.matchmaker.set_apart(guest, other, false);
            }
        }
    }

    pub(super) fn blocked(&mut self, now: Duration, by: GuestId, whom: GuestId, effects: &mut Vec<Effect>) {
        if by == whom || !self.blocks.say(now, by, whom, true) {
            return;
        }
        self.matchmaker.set_apart(by, whom, true);
        let mut told = Vec::new();
        self.calls.part(now, by, whom, &mut told);
        self.absorb(now, told, effects);
        self.meet_or_part(now, by, whom);
    }

    pub(super) fn unblocked(&mut self, now: Duration, by: GuestId, whom: GuestId) {
        if self.blocks.say(now, by, whom, false) {
            self.matchmaker.set_apart(by, whom, false);
            self.meet_or_part(now, by, whom);
        }
    }

    pub(super) fn renamed(&mut self, now: Duration, guest: SharedGuest, effects: &mut Vec<Effect>) {
        let id = guest.id;
        self.hall.touched(now, &self.guests, id);
        self.guests.renamed(guest);
        self.keep_apart(now, id);
        self.hall.touched(now, &self.guests, id);
        self.show_self(id, effects);
    }

    /// What the two see of each other has changed. What concerns nobody present is not kept.
    fn meet_or_part(&mut self, now: Duration, a: GuestId, b: GuestId) {
        self.keep_from_blocked(now, a);
        self.keep_from_blocked(now, b);
        if self.guests.get(a).is_none() {
            self.forget_blocks(a);
        }
        if self.guests.get(b).is_none() {
            self.forget_blocks(b);
        }
    }

    /// Moves the sessions of `guest` to the views that are right for them now. They are told what that changes as
    /// they are told who comes and leaves.
    fn keep_from_blocked(&mut self, now: Duration, guest: GuestId) {
        let Some(present) = self.guests.get(guest) else { return };
        let around = Around { guests: &self.guests, calls: &self.calls };
        for &session in present.sessions.keys() {
            let Some(part) = self.hall.part_of(session) else { continue };
            let without = around.counted(&part.query, self.blocks.around(guest));
            self.hall.keep_from(now, session, without);
        }
    }

    fn watch(&mut self, by: Member, query: Arc<str>, after: Option<String>, number: u64) {
        let without = self.around().counted(&query, self.blocks.around(by.guest));
        self.hall.watch(by.session, Part { query, after, without }, number);
    }

    pub(super) fn around(&self) -> Around<'_> {
        Around { guests: &self.guests, calls: &self.calls }
    }
}

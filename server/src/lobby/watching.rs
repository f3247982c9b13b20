//! Which part of the hall each session sees, and what blocks and names change in it. PURE, see `lobby`.

use super::Lobby;
use super::hall::{Around, HallRow, HallSnapshot, Page, Part};
use super::words::{Effect, Watch};
use crate::calls::Member;
use crate::guest::{SharedGuest, fold};
use castle::ids::{GuestId, SessionId};
use std::collections::{BTreeMap, BTreeSet};
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
    /// The part of the hall that `session` watches, as it is now.
    pub fn hall_snapshot(&mut self, session: SessionId) -> Option<HallSnapshot> {
        let me = self.guests.of_session(session)?.guest.id;
        let around = Around { guests: &self.guests, calls: &self.calls, blocks: &self.blocks };
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
        let part = Part { query: fold(&watch.query).into(), after: watch.after.clone(), of: Some(guest) };
        let page = Page::of(self.around(), &part, size + blocked.len() + 1);
        let hidden = |row: &HallRow| row.guest.id == guest || blocked.contains(&row.guest.id);
        let unseen = blocked
            .iter()
            .chain([&guest])
            .filter(|&&other| !self.blocks.between(guest, other) && self.around().counts(&part, other));
        let guest_count = page.count - unseen.count();
        let more = page.more;
        let mut rows: Vec<HallRow> = page.rows.into_values().filter(|row| !hidden(row)).collect();
        let more = more || rows.len() > size;
        rows.truncate(size);
        let next = rows.last().filter(|_| more).map(|row| row.guest.name.clone());
        HallPage { rows, guest_count, next }
    }

    pub(super) fn tell_hall(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let around = Around { guests: &self.guests, calls: &self.calls, blocks: &self.blocks };
        let told = self.hall.flush(now, around);
        effects.extend(told.into_iter().map(|(sessions, delta)| Effect::Hall(sessions, delta)));
    }

    pub(super) fn watch_everybody(&mut self, by: Member) {
        self.watch(by, "".into(), None, 0);
    }

    pub(super) fn watch_hall(&mut self, by: Member, watch: Watch, effects: &mut Vec<Effect>) {
        self.watch(by, fold(&watch.query).into(), watch.after, watch.number);
        effects.push(Effect::ShowHall(by.session));
    }

    pub(super) fn load_blocks(
        &mut self,
        now: Duration,
        guest: GuestId,
        blocked: &[GuestId],
        blocked_by: &[GuestId],
        effects: &mut Vec<Effect>,
    ) {
        let concerned = self.blocks.load(now, guest, blocked, blocked_by);
        for &other in &concerned {
            self.matchmaker.set_apart(guest, other, true);
            self.watch_anew(other, effects);
        }
        if !concerned.is_empty() {
            self.watch_anew(guest, effects);
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
        self.meet_or_part(by, whom, effects);
    }

    pub(super) fn unblocked(&mut self, now: Duration, by: GuestId, whom: GuestId, effects: &mut Vec<Effect>) {
        if self.blocks.say(now, by, whom, false) {
            self.matchmaker.set_apart(by, whom, false);
            self.meet_or_part(by, whom, effects);
        }
    }

    pub(super) fn renamed(&mut self, now: Duration, guest: SharedGuest, effects: &mut Vec<Effect>) {
        let id = guest.id;
        self.hall.touched(now, &self.guests, id);
        self.guests.renamed(guest);
        self.hall.touched(now, &self.guests, id);
        self.show_self(id, effects);
    }

    /// What the two see of each other has changed. What concerns nobody present is not kept.
    fn meet_or_part(&mut self, a: GuestId, b: GuestId, effects: &mut Vec<Effect>) {
        self.watch_anew(a, effects);
        self.watch_anew(b, effects);
        if self.guests.get(a).is_none() {
            self.forget_blocks(a);
        }
        if self.guests.get(b).is_none() {
            self.forget_blocks(b);
        }
    }

    /// Moves the sessions of `guest` to the views that are right for them now, and shows them.
    fn watch_anew(&mut self, guest: GuestId, effects: &mut Vec<Effect>) {
        let sessions: BTreeMap<SessionId, bool> =
            self.guests.get(guest).map(|present| present.sessions.clone()).unwrap_or_default();
        for (session, attached) in sessions {
            let Some((part, watch)) = self.hall.leave(session) else { continue };
            self.watch(Member { guest, session }, part.query, part.after, watch);
            if attached {
                effects.push(Effect::ShowHall(session));
            }
        }
    }

    fn watch(&mut self, by: Member, query: Arc<str>, after: Option<String>, number: u64) {
        let of = self.blocks.concern(by.guest).then_some(by.guest);
        let around = Around { guests: &self.guests, calls: &self.calls, blocks: &self.blocks };
        self.hall.watch(around, by.session, Part { query, after, of }, number);
    }

    fn around(&self) -> Around<'_> {
        Around { guests: &self.guests, calls: &self.calls, blocks: &self.blocks }
    }
}

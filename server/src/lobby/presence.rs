//! Who is present, on which sessions, how they wish to be seen, and since when they are free. PURE, see `lobby`.

use super::search::{Index, handles};
use crate::calls::{Member, Occupation, Party};
use crate::guest::{SharedGuest, Wish};
use crate::names;
use castle::ids::{GuestId, SessionId};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

/// A guest with at least one session.
#[derive(Debug)]
pub(super) struct Present {
    pub(super) guest: SharedGuest,
    pub(super) wish: Wish,
    /// What they are found by.
    pub(super) handles: BTreeSet<Arc<str>>,
    /// Each session, and whether its stream is up.
    pub(super) sessions: BTreeMap<SessionId, bool>,
    occupation: Occupation,
    free_since: Duration,
}

impl Present {
    /// Whether something they are found by begins with the folded `query`.
    pub(super) fn matches(&self, query: &str) -> bool {
        query.is_empty() || self.handles.iter().any(|handle| handle.starts_with(query))
    }

    fn free(&self) -> bool {
        self.occupation == Occupation::Free && self.wish == Wish::Available
    }

    /// Free, and somebody is there to answer.
    fn can_be_called(&self) -> bool {
        self.free() && self.sessions.values().any(|&attached| attached)
    }
}

/// Everybody who is present.
#[derive(Debug, Default)]
pub(super) struct Guests {
    by_id: BTreeMap<GuestId, Present>,
    by_name: BTreeMap<String, GuestId>,
    /// By their names as nobody else can have them: without what RFC 8265 and case tell apart.
    by_folded_name: BTreeMap<String, GuestId>,
    by_session: BTreeMap<SessionId, GuestId>,
    index: Index,
    /// Those who can be called, the longest-free first.
    free: BTreeSet<(Duration, GuestId)>,
    /// How many are not invisible.
    shown: usize,
}

impl Guests {
    pub(super) fn get(&self, guest: GuestId) -> Option<&Present> {
        self.by_id.get(&guest)
    }

    pub(super) fn of_session(&self, session: SessionId) -> Option<&Present> {
        self.by_session.get(&session).map(|guest| &self.by_id[guest])
    }

    /// Whose name it is, in any spelling that nobody else could register.
    pub(super) fn named(&self, name: &str) -> Option<GuestId> {
        self.by_folded_name.get(&names::fold(name)).copied()
    }

    pub(super) fn shown(&self) -> usize {
        self.shown
    }

    pub(super) fn by_name(&self, start: Bound<String>) -> impl Iterator<Item = &Present> {
        self.by_name.range((start, Bound::Unbounded)).map(|(_, guest)| &self.by_id[guest])
    }

    /// Those who are found by the folded `query`.
    pub(super) fn found(&self, query: &Arc<str>) -> BTreeSet<GuestId> {
        self.index.find(query)
    }

    /// Others see the guest under another display name.
    pub(super) fn renamed(&mut self, guest: SharedGuest) {
        let Some(present) = self.by_id.get_mut(&guest.id) else { return };
        self.index.remove(guest.id, &present.handles);
        present.handles = handles(&guest);
        self.index.insert(guest.id, &present.handles);
        present.guest = guest;
    }

    pub(super) fn longest_free(&self) -> impl Iterator<Item = &Present> {
        self.free.iter().map(|(_, guest)| &self.by_id[guest])
    }

    /// A session of a guest began, who wishes to be seen so unless they are here already.
    pub(super) fn session_began(
        &mut self,
        now: Duration,
        party: Party,
        (wish, occupation): (Wish, Occupation),
    ) {
        let id = party.guest.id;
        self.by_session.insert(party.session, id);
        let present = self.by_id.entry(id).or_insert_with(|| {
            self.by_name.insert(party.guest.name.clone(), id);
            self.by_folded_name.insert(names::fold(&party.guest.name), id);
            self.shown += usize::from(wish != Wish::Invisible);
            let handles = handles(&party.guest);
            self.index.insert(id, &handles);
            Present {
                guest: party.guest,
                handles,
                wish,
                sessions: BTreeMap::new(),
                occupation,
                free_since: now,
            }
        });
        present.sessions.insert(party.session, party.attached);
        if present.can_be_called() {
            self.free.insert((present.free_since, id));
        }
    }

    pub(super) fn session_ended(&mut self, now: Duration, by: Member) {
        self.by_session.remove(&by.session);
        self.change(now, by.guest, |present| {
            present.sessions.remove(&by.session);
        });
        let Some(present) = self.by_id.get_mut(&by.guest) else { return };
        if present.sessions.is_empty() {
            self.shown -= usize::from(present.wish != Wish::Invisible);
            self.by_name.remove(&present.guest.name);
            self.by_folded_name.remove(&names::fold(&present.guest.name));
            self.index.remove(by.guest, &present.handles);
            self.by_id.remove(&by.guest);
        }
    }

    pub(super) fn session_replaced(&mut self, old: Member, new: SessionId) {
        self.by_session.remove(&old.session);
        self.by_session.insert(new, old.guest);
        if let Some(present) = self.by_id.get_mut(&old.guest) {
            let attached = present.sessions.remove(&old.session).unwrap_or_default();
            present.sessions.insert(new, attached);
        }
    }

    pub(super) fn set_attached(&mut self, now: Duration, by: Member, attached: bool) {
        self.change(now, by.guest, |present| {
            present.sessions.insert(by.session, attached);
        });
    }

    pub(super) fn wish(&mut self, now: Duration, guest: GuestId, wish: Wish) {
        self.change(now, guest, |present| present.wish = wish);
    }

    /// Notes what the guest is busy with; true if that changes how they are seen.
    pub(super) fn occupied(&mut self, now: Duration, guest: GuestId, occupation: Occupation) -> bool {
        let Some(before) = self.by_id.get(&guest).map(|present| present.occupation) else { return false };
        self.change(now, guest, |present| present.occupation = occupation);
        (before == Occupation::InCall) != (occupation == Occupation::InCall)
    }

    fn change(&mut self, now: Duration, guest: GuestId, change: impl FnOnce(&mut Present)) {
        let Some(present) = self.by_id.get_mut(&guest) else { return };
        let (was_free, since) = (present.free(), present.free_since);
        self.free.remove(&(since, guest));
        self.shown -= usize::from(present.wish != Wish::Invisible);
        change(present);
        self.shown += usize::from(present.wish != Wish::Invisible);
        // A broken stream costs nobody their turn, but meanwhile it is another's.
        if present.free() && !was_free {
            present.free_since = now;
        }
        if present.can_be_called() {
            self.free.insert((present.free_since, guest));
        }
    }

    #[cfg(test)]
    pub(super) fn check_invariants(&self, calls: &crate::calls::Calls) {
        let sessions: usize = self.by_id.values().map(|present| present.sessions.len()).sum();
        assert_eq!((self.by_session.len(), self.by_name.len()), (sessions, self.by_id.len()));
        for (&id, present) in &self.by_id {
            assert!(!present.sessions.is_empty(), "{id} is present without a session");
            assert_eq!(present.occupation, calls.occupation(id), "{id}: availability equals the call table");
            assert_eq!(self.free.contains(&(present.free_since, id)), present.can_be_called(), "{id}");
        }
        assert_eq!(self.free.len(), self.by_id.values().filter(|present| present.can_be_called()).count());
        assert_eq!(self.by_folded_name.len(), self.by_id.len());
        assert_eq!(self.shown, self.by_id.values().filter(|present| present.wish != Wish::Invisible).count());
    }
}

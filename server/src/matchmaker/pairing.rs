//! Who is paired with whom, and in which order. PURE, see `matchmaker`.

use super::{Chance, Key, Matchmaker, Paired, Ticket, ordered};
use std::collections::BTreeSet;
use std::time::Duration;

impl Matchmaker {
    /// The next two to be joined, the longer-waiting first. Call until there is none, after everything else.
    ///
    /// Where several pairings have become possible at one moment, that of the longest-waiting ticket goes first:
    /// taking them in any other order could let a later arrival have its partner.
    pub fn next_pairing(&mut self, now: Duration) -> Option<[Paired; 2]> {
        let mut fresh = BTreeSet::new();
        for chance in std::mem::take(&mut self.chances) {
            match chance {
                Chance::Ticket(key) => {
                    self.post(now, key);
                    fresh.insert(key);
                }
                Chance::Cooled(a, b) => {
                    if self.cooling.get(&(a, b)).is_some_and(|&until| until <= now) {
                        self.cooling.remove(&(a, b));
                    }
                    fresh.extend(self.by_guest.get(&a).into_iter().flatten());
                }
            }
        }
        for key in fresh {
            self.consider(key);
        }
        while let Some((first, second, of)) = self.pairings.pop_first() {
            if self.is_active(first) && self.is_active(second) {
                return Some(self.join_up(now, first, second));
            }
            // Its partner was taken: the next best cannot come before the pairings that are left.
            self.consider(of);
        }
        None
    }

    pub(super) fn activity_changed(&mut self, key: Key) {
        let ticket = &self.tickets[&key];
        if ticket.active() {
            self.chances.push_back(Chance::Ticket(key));
        } else {
            self.index.withdraw(key, &ticket.wishes);
        }
    }

    /// Puts the ticket in the index as relaxed as its age makes it.
    fn post(&mut self, now: Duration, key: Key) {
        let Some(ticket) = self.tickets.get_mut(&key) else { return };
        self.index.withdraw(key, &ticket.wishes);
        let age = now.saturating_sub(key.0);
        ticket.wishes.relaxed = self.config.relax_after.iter().filter(|&&after| after <= age).count();
        if let Some(&after) = self.config.relax_after.get(ticket.wishes.relaxed) {
            self.relaxations.insert((key.0 + after, key));
        }
        if ticket.active() {
            self.index.post(key, &ticket.wishes);
        }
    }

    fn partner_of(&self, key: Key) -> Option<Key> {
        let ticket = self.tickets.get(&key).filter(|ticket| ticket.active())?;
        self.index.first_compatible(&ticket.wishes, |other| {
            let other = &self.tickets[&other];
            let pair = ordered(ticket.guest, other.guest);
            other.guest != ticket.guest && !self.cooling.contains_key(&pair) && !self.apart.contains(&pair)
        })
    }

    fn is_active(&self, key: Key) -> bool {
        self.tickets.get(&key).is_some_and(Ticket::active)
    }

    /// Notes the pairing with the longest-waiting partner of `key`, if it has one.
    fn consider(&mut self, key: Key) {
        if let Some(other) = self.partner_of(key) {
            self.pairings.insert((key.min(other), key.max(other), key));
        }
    }

    fn join_up(&mut self, now: Duration, first: Key, second: Key) -> [Paired; 2] {
        #[cfg(test)]
        self.note_pairing(now, [first, second]);
        [first, second].map(|key| {
            let ticket = self.remove(key);
            let waited = now.saturating_sub(key.0);
            self.waits.note(waited);
            self.waited.insert(ticket.guest, waited);
            Paired { guest: ticket.guest, session: ticket.session, request_id: ticket.request_id }
        })
    }
}

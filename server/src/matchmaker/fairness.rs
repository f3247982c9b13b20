//! What the rules of fair play say of two tickets, computed without the index; and who is overtaken, counted as
//! pairings are made. For tests.

use super::index::Wishes;
use super::{Key, Matchmaker, ordered};
use std::collections::BTreeMap;
use std::time::Duration;

/// Pairings, as whoever looks on sees them.
#[derive(Debug, Default)]
pub(super) struct Onlooker {
    overtaken: BTreeMap<Key, u32>,
}

impl Matchmaker {
    /// From now on each pairing is held against the rules as it is made.
    pub(crate) fn look_on(&mut self) {
        self.onlooker = Some(Onlooker::default());
    }

    /// Nobody was overtaken: fair play allows it three times, as it is built now it does not happen at all.
    pub(crate) fn check_fairness(&self) {
        let Some(onlooker) = &self.onlooker else { return };
        for (key, &times) in &onlooker.overtaken {
            assert_eq!(times, 0, "{key:?} was overtaken");
        }
    }

    /// These two are about to be joined.
    pub(super) fn note_pairing(&mut self, now: Duration, [first, second]: [Key; 2]) {
        let Some(mut onlooker) = self.onlooker.take() else { return };
        assert!(first < second, "the longer-waiting is first");
        assert!(self.compatible(now, first, second), "paired against the rules");
        for &key in self.tickets.keys().filter(|&&key| key != first && key != second) {
            let by_second = key < second && self.compatible(now, key, first);
            let by_first = key < first && self.compatible(now, key, second);
            if by_first || by_second {
                *onlooker.overtaken.entry(key).or_default() += 1;
            }
        }
        onlooker.overtaken.remove(&first);
        onlooker.overtaken.remove(&second);
        self.onlooker = Some(onlooker);
    }

    /// Whether the two may be paired now.
    pub(super) fn compatible(&self, now: Duration, a: Key, b: Key) -> bool {
        let aged = |key: Key| {
            let ticket = &self.tickets[&key];
            let mut wishes = Wishes::new(ticket.wishes.criteria().clone());
            let age = now.saturating_sub(key.0);
            wishes.relaxed = self.config.relax_after.iter().filter(|&&after| after <= age).count();
            (ticket, wishes)
        };
        let ((a, a_wishes), (b, b_wishes)) = (aged(a), aged(b));
        let cooling = self.cooling.get(&ordered(a.guest, b.guest)).is_some_and(|&until| until > now);
        let apart = cooling || self.apart.contains(&ordered(a.guest, b.guest));
        a.active() && b.active() && a.guest != b.guest && !apart && a_wishes.compatible(&b_wishes)
    }
}

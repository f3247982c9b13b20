//! Who blocked whom, as far as somebody present is concerned. PURE, see `lobby`.
//!
//! A block works both ways, and is taken back by who made it alone. What a session brings with it was read from
//! the disk a moment before; what was said meanwhile is remembered long enough to count.

use castle::ids::GuestId;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A hello is at most this old when its session begins: what was said since then is newer than what it brings.
const REMEMBERED: Duration = Duration::from_secs(20);

/// The blocks of those who are present.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    /// Each guest who has to do with a block: the others, and whether the guest made it, suffered it, or both.
    around: BTreeMap<GuestId, BTreeMap<GuestId, Made>>,
    /// What was said of late, whoever is present.
    recent: BTreeMap<(GuestId, GuestId), (Duration, bool)>,
    forget_at: BTreeSet<(Duration, (GuestId, GuestId))>,
}

/// Who of the two made the block.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Made {
    by_me: bool,
    by_them: bool,
}

impl Blocks {
    /// Whether neither of the two may meet the other.
    pub(super) fn between(&self, a: GuestId, b: GuestId) -> bool {
        self.around.get(&a).is_some_and(|others| others.contains_key(&b))
    }

    /// Those whom `guest` must not meet.
    pub(super) fn around(&self, guest: GuestId) -> impl Iterator<Item = GuestId> {
        self.around.get(&guest).into_iter().flat_map(|others| others.keys().copied())
    }

    /// `by` blocked `whom`, or took it back. True if that changes whether they may meet.
    pub(super) fn say(&mut self, now: Duration, by: GuestId, whom: GuestId, blocked: bool) -> bool {
        self.forget_old(now);
        let until = now + REMEMBERED;
        if let Some((before, _)) = self.recent.insert((by, whom), (until, blocked)) {
            self.forget_at.remove(&(before, (by, whom)));
        }
        self.forget_at.insert((until, (by, whom)));
        self.set(by, whom, blocked)
    }

    /// A session of `guest` begins with what the disk knew. Returns whom that newly concerns.
    pub(super) fn load(
        &mut self,
        now: Duration,
        guest: GuestId,
        blocked: &[GuestId],
        blocked_by: &[GuestId],
    ) -> Vec<GuestId> {
        self.forget_old(now);
        let made = blocked.iter().map(|&other| (guest, other));
        let suffered = blocked_by.iter().map(|&other| (other, guest));
        let mut fresh = Vec::new();
        for (by, whom) in made.chain(suffered) {
            let newer = self.recent.get(&(by, whom)).is_some_and(|&(_, blocked)| !blocked);
            if by != whom && !newer && self.set(by, whom, true) {
                fresh.push(if by == guest { whom } else { by });
            }
        }
        let said: Vec<_> = self.recent.iter().map(|(&pair, &(_, blocked))| (pair, blocked)).collect();
        for ((by, whom), blocked) in said.into_iter().filter(|&((by, whom), _)| by == guest || whom == guest)
        {
            if blocked && self.set(by, whom, true) {
                fresh.push(if by == guest { whom } else { by });
            }
        }
        fresh
    }

    /// `guest` is gone: keeps what concerns somebody who is `present`. Returns those it concerns no longer.
    pub(super) fn forget(&mut self, guest: GuestId, present: impl Fn(GuestId) -> bool) -> Vec<GuestId> {
        let others: Vec<GuestId> = self.around(guest).filter(|&other| !present(other)).collect();
        for &other in &others {
            self.remove(guest, other);
            self.remove(other, guest);
        }
        others
    }

    fn set(&mut self, by: GuestId, whom: GuestId, blocked: bool) -> bool {
        let before = self.between(by, whom);
        self.around.entry(by).or_default().entry(whom).or_default().by_me = blocked;
        self.around.entry(whom).or_default().entry(by).or_default().by_them = blocked;
        if self.around[&by][&whom] == Made::default() {
            self.remove(by, whom);
            self.remove(whom, by);
        }
        before != self.between(by, whom)
    }

    fn remove(&mut self, guest: GuestId, other: GuestId) {
        if let Some(others) = self.around.get_mut(&guest) {
            others.remove(&other);
            if others.is_empty() {
                self.around.remove(&guest);
            }
        }
    }

    fn forget_old(&mut self, now: Duration) {
        while let Some(&(at, pair)) = self.forget_at.first().filter(|&&(at, _)| at <= now) {
            self.forget_at.remove(&(at, pair));
            self.recent.remove(&pair);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(100);

    fn guest(number: u128) -> GuestId {
        GuestId::from_bits(number)
    }

    #[test]
    fn a_block_works_both_ways_and_each_takes_back_their_own() {
        let [a, b] = [1, 2].map(guest);
        let mut blocks = Blocks::default();
        assert!(blocks.say(NOW, a, b, true));
        assert!(blocks.between(a, b) && blocks.between(b, a));
        assert!(!blocks.say(NOW, b, a, true), "they were apart already");
        assert!(!blocks.say(NOW, a, b, false), "what the other blocked stays blocked");
        assert!(blocks.between(a, b));
        assert!(blocks.say(NOW, b, a, false));
        assert!(blocks.around.is_empty());
    }

    #[test]
    fn what_was_said_after_the_disk_was_read_is_what_counts() {
        let [a, b, c] = [1, 2, 3].map(guest);
        let mut blocks = Blocks::default();
        blocks.say(NOW, a, b, true);
        blocks.forget(a, |_| false);
        assert!(!blocks.between(a, b), "nobody is there whom it concerns");
        blocks.say(NOW, c, a, false);
        let fresh = blocks.load(NOW + Duration::from_secs(1), a, &[], &[c]);
        assert_eq!(fresh, [b], "the new block counts, and the one taken back does not");
        blocks.load(NOW + REMEMBERED, a, &[], &[c]);
        assert!(blocks.between(c, a));
        assert!(blocks.recent.is_empty() && blocks.forget_at.is_empty());
    }
}

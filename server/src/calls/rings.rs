//! How often one guest rang another in vain. Nothing here decides when a ring was in vain.

use crate::error::Error;
use castle::ids::GuestId;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// How often one guest may ring another in vain.
#[derive(Debug, Clone)]
pub struct RingLimits {
    /// Unanswered rings allowed: a second try is human, a fourth is a nuisance.
    pub unanswered_max: u32,
    /// How long one is remembered.
    pub window: Duration,
}

impl Default for RingLimits {
    fn default() -> Self {
        Self { unanswered_max: 3, window: Duration::from_mins(10) }
    }
}

type Pair = (GuestId, GuestId);

/// The unanswered rings of each pair, caller first. Bounded by calls per guest and the window: rows leave with
/// their last ring.
#[derive(Debug)]
pub(super) struct Rings {
    limits: RingLimits,
    unanswered: BTreeMap<Pair, VecDeque<Duration>>,
    expiry: BTreeSet<(Duration, Pair)>,
}

impl Rings {
    pub(super) fn new(limits: RingLimits) -> Self {
        Self { limits, unanswered: BTreeMap::new(), expiry: BTreeSet::new() }
    }

    pub(super) fn check(&self, now: Duration, caller: GuestId, callee: GuestId) -> Result<(), Error> {
        let recent = self.unanswered.get(&(caller, callee)).into_iter().flatten();
        let mut recent = recent.filter(|&&at| at + self.limits.window > now);
        let oldest = recent.next();
        let count = oldest.map_or(0, |_| 1 + recent.count());
        match oldest {
            Some(&oldest) if count >= self.limits.unanswered_max as usize => Err(Error::RingLimit {
                limit: self.limits.unanswered_max,
                retry_after: (oldest + self.limits.window).saturating_sub(now),
            }),
            _ => Ok(()),
        }
    }

    pub(super) fn in_vain(&mut self, now: Duration, caller: GuestId, callee: GuestId) {
        self.forget_old(now);
        let pair = (caller, callee);
        let rings = self.unanswered.entry(pair).or_default();
        if let Some(&last) = rings.back() {
            self.expiry.remove(&(last + self.limits.window, pair));
        }
        while rings.front().is_some_and(|&at| at + self.limits.window <= now) {
            rings.pop_front();
        }
        rings.push_back(now);
        self.expiry.insert((now + self.limits.window, pair));
    }

    fn forget_old(&mut self, now: Duration) {
        while let Some(&(at, pair)) = self.expiry.first().filter(|&&(at, _)| at <= now) {
            self.expiry.remove(&(at, pair));
            self.unanswered.remove(&pair);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_in_vain_close_the_way_until_the_first_is_forgotten() {
        let (a, b) = (GuestId::from_bits(1), GuestId::from_bits(2));
        let mut rings = Rings::new(RingLimits::default());
        for minute in 0..3 {
            let now = Duration::from_secs(60 * minute);
            assert_eq!(rings.check(now, a, b), Ok(()));
            rings.in_vain(now, a, b);
        }
        let refused = Error::RingLimit { limit: 3, retry_after: Duration::from_secs(420) };
        assert_eq!(rings.check(Duration::from_secs(180), a, b), Err(refused));
        assert_eq!(rings.check(Duration::from_secs(180), b, a), Ok(()), "the other way is open");
        assert_eq!(rings.check(Duration::from_secs(600), a, b), Ok(()));
    }

    #[test]
    fn old_rings_leave_no_trace() {
        let mut rings = Rings::new(RingLimits::default());
        for guest in 0..100 {
            rings.in_vain(Duration::ZERO, GuestId::from_bits(guest), GuestId::from_bits(1000));
        }
        rings.in_vain(Duration::from_secs(601), GuestId::from_bits(1), GuestId::from_bits(2));
        assert_eq!((rings.unanswered.len(), rings.expiry.len()), (1, 1));
    }
}

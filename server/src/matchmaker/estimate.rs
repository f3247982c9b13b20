//! How long it may take, from how long it took of late.

use std::collections::VecDeque;
use std::time::Duration;

/// Waits remembered: enough for a ninth decile, few enough to follow the hour.
const WAITS_MAX: usize = 128;

/// A guess at the wait that is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// Half of the guests waited no longer.
    pub p50: Duration,
    /// Nine in ten waited no longer.
    pub p90: Duration,
}

/// The waits of the last guests who were paired.
#[derive(Debug, Default)]
pub(super) struct Waits {
    recent: VecDeque<Duration>,
    sorted: Vec<Duration>,
}

impl Waits {
    pub(super) fn note(&mut self, waited: Duration) {
        if self.recent.len() == WAITS_MAX
            && let Some(oldest) = self.recent.pop_front()
        {
            let at = self.sorted.binary_search(&oldest).expect("every recent wait is in sorted");
            self.sorted.remove(at);
        }
        self.recent.push_back(waited);
        let at = self.sorted.partition_point(|&other| other < waited);
        self.sorted.insert(at, waited);
    }

    /// For one who has waited so long already: only those who waited longer tell anything. Where nobody did,
    /// all there is to go by is how long others took from the start.
    pub(super) fn remaining(&self, waited: Duration) -> Option<Estimate> {
        let longer = &self.sorted[self.sorted.partition_point(|&other| other <= waited)..];
        let (sample, waited) =
            if longer.is_empty() { (&self.sorted[..], Duration::ZERO) } else { (longer, waited) };
        let quantile = |tenths: usize| {
            let at = (sample.len() * tenths).div_ceil(10).checked_sub(1)?;
            Some(sample[at].saturating_sub(waited))
        };
        Some(Estimate { p50: quantile(5)?, p90: quantile(9)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_guessed_from_nothing() {
        assert_eq!(Waits::default().remaining(Duration::ZERO), None);
    }

    #[test]
    fn the_estimate_is_what_is_left() {
        let mut waits = Waits::default();
        for seconds in (1..=10).rev() {
            waits.note(Duration::from_secs(seconds));
        }
        let secs = Duration::from_secs;
        assert_eq!(waits.remaining(Duration::ZERO), Some(Estimate { p50: secs(5), p90: secs(9) }));
        assert_eq!(waits.remaining(secs(8)), Some(Estimate { p50: secs(1), p90: secs(2) }));
        assert_eq!(waits.remaining(secs(60)), Some(Estimate { p50: secs(5), p90: secs(9) }));
    }

    #[test]
    fn only_the_last_waits_count() {
        let mut waits = Waits::default();
        for seconds in 0..10_000 {
            waits.note(Duration::from_secs(seconds % 300));
        }
        assert_eq!((waits.recent.len(), waits.sorted.len()), (WAITS_MAX, WAITS_MAX));
        assert!(waits.sorted.is_sorted());
    }
}

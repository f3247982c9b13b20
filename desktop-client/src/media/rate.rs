//! Rates over the last second: frames per second, bits per second. Pure, bounded.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Amounts over a sliding second.
#[derive(Debug, Default)]
pub struct RateMeter {
    entries: VecDeque<(Instant, u64)>,
    sum: u64,
}

const WINDOW: Duration = Duration::from_secs(1);
/// More entries than any stream of ours has in the window: older ones leave early rather than fill memory.
const MAX_ENTRIES: usize = 1024;

impl RateMeter {
    /// A meter that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts `amount` at `now`.
    pub fn add(&mut self, now: Instant, amount: u64) {
        self.entries.push_back((now, amount));
        self.sum += amount;
        self.forget(now);
    }

    /// The amount of the last second.
    pub fn per_second(&mut self, now: Instant) -> u64 {
        self.forget(now);
        self.sum
    }

    fn forget(&mut self, now: Instant) {
        while let Some((at, amount)) = self.entries.front()
            && (now.saturating_duration_since(*at) >= WINDOW || self.entries.len() > MAX_ENTRIES)
        {
            self.sum -= amount;
            self.entries.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_second_counts() {
        let start = Instant::now();
        let mut meter = RateMeter::new();
        for frame in 0..90_u64 {
            meter.add(start + Duration::from_micros(frame * 33_333), 1);
        }
        assert_eq!(meter.per_second(start + Duration::from_micros(89 * 33_333)), 31);
        assert_eq!(meter.per_second(start + Duration::from_secs(10)), 0);
    }
}

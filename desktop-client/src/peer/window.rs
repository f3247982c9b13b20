//! Which packets of one incoming stream are new. Pure.
//!
//! A retransmission may arrive beside the original (RFC 4588 section 3); media wants each once. Counts what should
//! have come, as RFC 3550 appendix A.3.

use crate::media::packet::SequenceUnwrapper;

/// Packets remembered: a second of video at the highest rate of ours.
const WINDOW: usize = 1024;

/// The receive window of one stream.
#[derive(Debug)]
pub(super) struct ReceiveWindow {
    unwrapper: SequenceUnwrapper,
    seen: [i64; WINDOW],
    first: Option<i64>,
    highest: i64,
    received: u64,
}

/// Marks a place of the window that holds no packet.
const EMPTY: i64 = i64::MIN;

impl Default for ReceiveWindow {
    fn default() -> Self {
        Self {
            unwrapper: SequenceUnwrapper::default(),
            seen: [EMPTY; WINDOW],
            first: None,
            highest: 0,
            received: 0,
        }
    }
}

impl ReceiveWindow {
    /// Whether the packet is new. One too old to tell counts as seen.
    pub(super) fn accept(&mut self, sequence: u16) -> bool {
        let number = self.unwrapper.unwrap(sequence);
        let first = *self.first.get_or_insert(number);
        self.highest = self.highest.max(number).max(first);
        if number < first || self.highest - number >= WINDOW as i64 {
            return false;
        }
        let place = &mut self.seen[number.rem_euclid(WINDOW as i64) as usize];
        if *place == number {
            return false;
        }
        *place = number;
        self.received += 1;
        true
    }

    /// Packets that came, each counted once.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// Packets that should have come by now.
    pub(super) fn expected(&self) -> u64 {
        self.first.map_or(0, |first| (self.highest - first + 1) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;
    use std::collections::BTreeSet;

    #[test]
    fn a_packet_counts_once_and_a_gap_counts_as_missing() {
        let mut window = ReceiveWindow::default();
        let new: Vec<bool> = [65_534, 65_535, 65_535, 2, 0, 0].iter().map(|s| window.accept(*s)).collect();
        assert_eq!(new, [true, true, false, true, true, false]);
        assert_eq!((window.received(), window.expected()), (4, 5));
    }

    #[test]
    fn no_schedule_of_loss_reordering_and_duplicates_delivers_a_packet_twice() {
        for seed in 0..300 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mut window = ReceiveWindow::default();
            let mut delivered = BTreeSet::new();
            let start: i64 = rng.random_range(0..70_000);
            for step in 0..3000_i64 {
                let number = start + (step - rng.random_range(0..200)).max(0);
                if window.accept(number as u16) {
                    assert!(delivered.insert(number), "seed {seed}: {number} twice");
                }
            }
            assert_eq!(window.received(), delivered.len() as u64);
            assert!(window.expected() >= window.received(), "seed {seed}");
        }
    }
}

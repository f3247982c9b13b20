//! What delay the buffer should have: a histogram of how much later than the quickest packets arrive.
//!
//! The quickest packet of the last seconds is the base, so that clock offset does not matter and drift hardly does.
//! Old packets fade from the histogram, recent ones weigh most: the target follows a path that gets worse within a
//! second, and one that gets better within ten.

use std::collections::VecDeque;

/// Bounds of the target, µs: one frame, and what people begin to talk over.
const TARGET_US: (i64, i64) = (20_000, 200_000);
/// Target before the jitter is known, µs.
const FIRST_TARGET_US: i64 = 40_000;
/// What the target adds to the measured jitter, µs: the grain of our own scheduling.
const MARGIN_US: i64 = 10_000;
/// Width of one step of the histogram, µs.
const BIN_US: i64 = 5_000;
/// Steps: up to 250 ms; more counts as that.
const BINS: usize = 50;
/// What is left of a packet's weight after the next one: ten seconds of 20 ms packets.
const KEPT: f64 = 0.998;
/// Share of packets that the target waits for: the rest is concealed.
const COVERED: f64 = 0.97;
/// Packets before the histogram decides.
const ENOUGH: u32 = 10;
/// For how long the quickest packet stays the base, µs.
const BASE_US: i64 = 4_000_000;

/// The target of one stream.
#[derive(Debug)]
pub(super) struct DelayTarget {
    weights: [f64; BINS],
    packets: u32,
    /// When a transit was seen and how long it was, µs, rising: the first is the least of the last seconds.
    least: VecDeque<(i64, i64)>,
    last: Option<i64>,
    target_us: i64,
    floor_us: i64,
}

impl DelayTarget {
    pub(super) fn new() -> Self {
        Self {
            weights: [0.0; BINS],
            packets: 0,
            least: VecDeque::new(),
            last: None,
            target_us: FIRST_TARGET_US,
            floor_us: 0,
        }
    }

    /// A packet whose sound began at `sound_us` of the sender's clock arrived at `now_us` of ours.
    pub(super) fn note(&mut self, sound_us: i64, now_us: i64) {
        let transit_us = now_us - sound_us;
        self.last = Some(transit_us);
        while self.least.back().is_some_and(|(_, transit)| *transit >= transit_us) {
            self.least.pop_back();
        }
        self.least.push_back((now_us, transit_us));
        while self.least.front().is_some_and(|(at, _)| now_us - at > BASE_US) {
            self.least.pop_front();
        }
        let later_us = transit_us - self.base_us();
        self.packets = self.packets.saturating_add(1);
        // The first packets share their weight evenly.
        let kept = KEPT.min(1.0 - 1.0 / f64::from(self.packets));
        self.weights.iter_mut().for_each(|weight| *weight *= kept);
        self.weights[((later_us / BIN_US).max(0) as usize).min(BINS - 1)] += 1.0 - kept;
        if self.packets >= ENOUGH {
            self.target_us = self.covering_us() + MARGIN_US;
        }
    }

    /// The delay within which enough packets arrive, µs.
    fn covering_us(&self) -> i64 {
        let mut covered = 0.0;
        let bin = self.weights.iter().position(|weight| {
            covered += weight;
            covered >= COVERED
        });
        // The rounding of many small weights may leave the sum below the share.
        (bin.unwrap_or(BINS - 1) as i64 + 1) * BIN_US
    }

    pub(super) fn set_floor_us(&mut self, floor_us: i64) {
        self.floor_us = floor_us;
    }

    pub(super) fn target_us(&self) -> i64 {
        self.target_us.max(self.floor_us).clamp(TARGET_US.0, TARGET_US.1)
    }

    /// Arrival minus sending of the quickest recent packet, µs.
    pub(super) fn base_us(&self) -> i64 {
        self.least.front().map_or(0, |(_, transit)| *transit)
    }

    /// The same of the last packet.
    pub(super) fn last_transit_us(&self) -> Option<i64> {
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The target after packets every 20 ms that are as late as `late_us` says.
    fn target_ms(packets: i64, late_us: impl Fn(i64) -> i64) -> i64 {
        let mut target = DelayTarget::new();
        for n in 0..packets {
            target.note(n * 20_000, n * 20_000 + 1_000_000 + late_us(n));
        }
        target.target_us() / 1000
    }

    #[test]
    fn a_quiet_path_needs_one_frame_and_a_wild_one_its_jitter() {
        assert_eq!(target_ms(500, |_| 0), 20);
        assert_eq!(target_ms(500, |n| (n % 5) * 20_000), 95, "up to 80 ms late, and the margin");
        assert_eq!(target_ms(500, |n| (n % 2) * 400_000), 200, "never more than people bear");
    }

    #[test]
    fn one_late_packet_in_a_hundred_is_concealed_rather_than_waited_for() {
        assert_eq!(target_ms(1000, |n| i64::from(n % 100 == 50) * 150_000), 20);
        assert_eq!(target_ms(1000, |n| i64::from(n % 20 == 10) * 100_000), 115);
    }

    #[test]
    fn a_worse_path_is_followed_within_a_second_and_a_better_one_within_ten() {
        let worse_for =
            |packets: i64| target_ms(1000 + packets, |n| i64::from(n >= 1000 && n % 3 == 0) * 90_000);
        assert_eq!((worse_for(0), worse_for(60)), (20, 105));
        let better_for =
            |packets: i64| target_ms(500 + packets, |n| i64::from(n < 500 && n % 3 == 0) * 90_000);
        assert_eq!(better_for(1500), 20);
    }

    #[test]
    fn a_longer_way_is_no_jitter_once_the_old_one_is_forgotten() {
        assert!(target_ms(2500, |n| i64::from(n >= 500) * 60_000) <= 25);
    }

    #[test]
    fn lip_sync_may_ask_for_more_but_not_for_too_much() {
        let mut target = DelayTarget::new();
        (0..100).for_each(|n| target.note(n * 20_000, n * 20_000));
        target.set_floor_us(90_000);
        assert_eq!(target.target_us(), 90_000);
        target.set_floor_us(900_000);
        assert_eq!(target.target_us(), 200_000);
    }
}

//! Which size and rate of picture a bitrate can carry. Pure.
//!
//! Four steps, from the bitrates at which others change theirs (see the constants): down at once, up only after the
//! rate has been clearly enough for a while, so that a wavering estimate does not make the picture jump.

use std::time::{Duration, Instant};

/// One step of the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    /// Most pixels down.
    pub height: usize,
    /// Most frames per second.
    pub fps: u32,
    /// Bitrate from which the step is worth taking, bit/s.
    pub from_bps: u32,
}

/// Best first. VP8 at its real-time speeds needs about these rates for a picture that is not blocky.
pub const RUNGS: [Rung; 4] = [
    Rung { height: 720, fps: 30, from_bps: 1_200_000 },
    Rung { height: 540, fps: 30, from_bps: 700_000 },
    Rung { height: 360, fps: 30, from_bps: 350_000 },
    Rung { height: 360, fps: 15, from_bps: 0 },
];
/// A step up is taken at this many percent of its bitrate ...
const UP_PERCENT: u64 = 115;
/// ... held for this long.
const UP_AFTER: Duration = Duration::from_secs(3);

/// The current step, and since when a better one has been affordable.
#[derive(Clone, Debug)]
pub struct Ladder {
    step: usize,
    affordable_since: Option<Instant>,
}

impl Ladder {
    /// Begins at the step that `target_bps` can carry.
    pub fn new(target_bps: u32) -> Self {
        Self { step: carried_by(target_bps), affordable_since: None }
    }

    /// The step for a target bitrate of `target_bps` at `now`.
    pub fn rung(&mut self, now: Instant, target_bps: u32) -> Rung {
        let carried = carried_by(target_bps);
        let comfortable = carried_by((u64::from(target_bps) * 100 / UP_PERCENT) as u32);
        if carried > self.step {
            (self.step, self.affordable_since) = (carried, None);
        } else if comfortable < self.step {
            let since = *self.affordable_since.get_or_insert(now);
            if now.saturating_duration_since(since) >= UP_AFTER {
                (self.step, self.affordable_since) = (comfortable, None);
            }
        } else {
            self.affordable_since = None;
        }
        RUNGS[self.step]
    }
}

fn carried_by(bps: u32) -> usize {
    RUNGS.iter().position(|rung| bps >= rung.from_bps).expect("the last step is carried by any rate")
}

impl Rung {
    /// The size to send of a source of `width` x `height`: never larger, sides even, same shape.
    pub fn fit(&self, width: usize, height: usize) -> (usize, usize) {
        let limit = height.min(self.height);
        let even = |side: usize| (side / 2 * 2).max(2);
        (even((width * limit + height / 2) / height), even(limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bitrate_has_its_step() {
        let at = |bps| {
            (
                Ladder::new(bps).rung(Instant::now(), bps).height,
                Ladder::new(bps).rung(Instant::now(), bps).fps,
            )
        };
        assert_eq!(at(2_500_000), (720, 30));
        assert_eq!(at(1_000_000), (540, 30));
        assert_eq!(at(400_000), (360, 30));
        assert_eq!(at(100_000), (360, 15));
    }

    #[test]
    fn a_drop_is_followed_at_once_and_a_rise_only_when_it_lasts() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut ladder = Ladder::new(2_000_000);
        assert_eq!(ladder.rung(at(0), 300_000).fps, 15);
        assert_eq!(ladder.rung(at(100), 2_000_000).fps, 15);
        assert_eq!(ladder.rung(at(2_900), 300_000).fps, 15, "the rise did not last");
        assert_eq!(ladder.rung(at(3_000), 2_000_000).fps, 15);
        assert_eq!(ladder.rung(at(6_000), 2_000_000).height, 720);
    }

    #[test]
    fn a_rate_wavering_around_a_border_stays_on_the_lower_step() {
        let start = Instant::now();
        let mut ladder = Ladder::new(690_000);
        for ms in (0..20_000).step_by(100) {
            let bps = if ms % 200 == 0 { 690_000 } else { 740_000 };
            assert_eq!(ladder.rung(start + Duration::from_millis(ms), bps).height, 360);
        }
    }

    #[test]
    fn pictures_keep_their_shape_and_never_grow() {
        let rung = RUNGS[2];
        assert_eq!(rung.fit(1280, 720), (640, 360));
        assert_eq!(rung.fit(640, 480), (480, 360));
        assert_eq!(rung.fit(320, 180), (320, 180));
        assert_eq!(rung.fit(641, 361), (638, 360));
    }
}

//! How much faster the sender's sound clock runs than the one that plays: found out from the delay, which it moves.
//!
//! A proportional and an integral part. The first brings the delay to its target within a minute or two; the second
//! holds what the two quartzes differ by, so that the delay stays there. Nobody hears a thousandth.

/// Nudge for each µs above the target: 20 ppm for a millisecond, so that a difference halves in half a minute.
const NUDGE: f64 = 2e-8;
/// Growth of the held part for each µs above the target and frame of 20 ms.
const GAIN: f64 = 2e-12;
/// Differences beyond this are for stretching, and say nothing of clocks, µs.
const CREDIBLE_US: i64 = 20_000;
/// Most that sound cards differ by.
const HELD_MAX: f64 = 1e-3;

/// The control of one stream.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Drift {
    held: f64,
}

impl Drift {
    /// The speed for the next frame, while the delay is `excess_us` above its target.
    pub(super) fn speed(&mut self, excess_us: i64) -> f64 {
        let credible = excess_us.clamp(-CREDIBLE_US, CREDIBLE_US) as f64;
        if excess_us.abs() <= CREDIBLE_US {
            self.held = (self.held + credible * GAIN).clamp(-HELD_MAX, HELD_MAX);
        }
        1.0 + self.held + credible * NUDGE
    }

    pub(super) fn ppm(self) -> f64 {
        self.held * 1e6
    }
}

//! How many bits per second to send, by the loss the receiver reports, to an end that does not acknowledge each packet
//! (`congestion`). Pure; time is an argument.
//!
//! The loss branch of Google's congestion control (draft-ietf-rmcat-gcc-02 section 6): grow while loss is below 2 %,
//! hold up to 10 %, cut by half the loss above. Growth and cuts are per unit of time, not per report, since reports
//! come at the receiver's own pace.

use std::time::{Duration, Instant};

/// Where a call begins, bit/s: good 360p from the first second, and no shock for a slow uplink.
pub const START_BPS: u32 = 1_000_000;
/// Never below, bit/s: 360p at 15 fps still moves.
pub const MIN_BPS: u32 = 100_000;
/// Never above on a direct way, bit/s: 720p30 does not get better.
pub const MAX_DIRECT_BPS: u32 = 2_500_000;
/// Never above through the relay, bit/s: the relay's uplink is shared by all its calls.
pub const MAX_RELAYED_BPS: u32 = 1_000_000;
/// Loss below which the rate grows.
const GROW_BELOW: f64 = 0.02;
/// Loss above which the rate is cut.
const CUT_ABOVE: f64 = 0.10;
/// Growth per second: doubles in about nine seconds.
const GROWTH_PER_S: f64 = 1.08;
/// Least time between two cuts: a cut shows in the reports only after a round trip and a report interval.
const CUT_PAUSE: Duration = Duration::from_millis(300);
/// Frames leave this much faster than the target, as they do where each packet is acknowledged,
const PACE_GAIN: f64 = 2.5;
/// but never slower than this, bit/s: a key frame must leave some time.
const PACE_MIN_BPS: f64 = 250_000.0;
/// So much of the target may wait for its turn to leave: a frame, and a small key frame.
const WAITING: Duration = Duration::from_millis(400);
/// At any target, bytes: a small key frame.
const WAITING_FREE: f64 = 16_000.0;
/// For so long what the receiver says that it can take at most is believed.
const BOUND_FOR: Duration = Duration::from_secs(10);
/// A report after a longer silence than this counts as this much time: silence is not a licence to grow.
const STEP_MAX: Duration = Duration::from_secs(1);

/// The controller of one call.
#[derive(Debug, Clone)]
pub struct RateController {
    target_bps: f64,
    max_bps: f64,
    reported: Instant,
    cut: Option<Instant>,
    /// What the receiver can take at most by its own account, bit/s, and when it said so.
    bound: Option<(f64, Instant)>,
}

impl RateController {
    /// Begins a call at `now`.
    pub fn new(now: Instant, relayed: bool) -> Self {
        let max_bps = f64::from(if relayed { MAX_RELAYED_BPS } else { MAX_DIRECT_BPS });
        Self { target_bps: f64::from(START_BPS).min(max_bps), max_bps, reported: now, cut: None, bound: None }
    }

    /// A receiver report arrived: `lost` is the share of packets lost since the one before, 0 to 1. Anything else
    /// is ignored.
    pub fn report(&mut self, now: Instant, lost: f64) {
        if !(0.0..=1.0).contains(&lost) {
            return;
        }
        let step = now.saturating_duration_since(self.reported).min(STEP_MAX);
        self.reported = now;
        if lost > CUT_ABOVE {
            if self.cut.is_none_or(|cut| now.saturating_duration_since(cut) >= CUT_PAUSE) {
                self.cut = Some(now);
                self.target_bps *= 1.0 - 0.5 * lost;
            }
        } else if lost < GROW_BELOW {
            self.target_bps *= GROWTH_PER_S.powf(step.as_secs_f64());
        }
        self.keep_within(now);
    }

    /// The receiver says that it can take so much at most, bit/s (REMB, draft-alvestrand-rmcat-remb-03).
    pub fn bound(&mut self, now: Instant, bps: f64) {
        if bps.is_finite() {
            self.bound = Some((bps, now));
            self.keep_within(now);
        }
    }

    fn keep_within(&mut self, now: Instant) {
        let said = self.bound.filter(|(_, at)| now.saturating_duration_since(*at) < BOUND_FOR);
        let most = said.map_or(self.max_bps, |(bps, _)| bps.min(self.max_bps));
        self.target_bps = self.target_bps.min(most).max(f64::from(MIN_BPS));
    }

    /// What to send in all, bit/s: sound, picture and their headers.
    pub fn target_bps(&self) -> u32 {
        self.target_bps as u32
    }

    /// How fast a frame's packets may leave, bit/s.
    pub fn pace_bps(&self) -> u32 {
        (self.target_bps * PACE_GAIN).max(PACE_MIN_BPS) as u32
    }

    /// Whether another picture would only lengthen the queue of `waiting` bytes before it: skip it.
    pub fn is_behind(&self, waiting: usize) -> bool {
        waiting as f64 > (self.target_bps / 8.0 * WAITING.as_secs_f64()).max(WAITING_FREE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;

    struct Trace {
        now: Instant,
        rate: RateController,
    }

    impl Trace {
        fn start(relayed: bool) -> Self {
            let now = Instant::now();
            Self { now, rate: RateController::new(now, relayed) }
        }

        /// Reports of `lost` each `every_ms` for `seconds`; the target at the end.
        fn run(&mut self, seconds: u64, every_ms: u64, lost: f64) -> u32 {
            for _ in 0..seconds * 1000 / every_ms {
                self.now += Duration::from_millis(every_ms);
                self.rate.report(self.now, lost);
            }
            self.rate.target_bps()
        }
    }

    #[test]
    fn a_clean_path_is_filled_within_fifteen_seconds() {
        let mut trace = Trace::start(false);
        assert_eq!(trace.rate.target_bps(), START_BPS);
        assert!(trace.run(5, 1000, 0.0) > 1_400_000);
        assert_eq!(trace.run(10, 1000, 0.0), MAX_DIRECT_BPS);
    }

    #[test]
    fn what_the_receiver_can_take_is_never_exceeded_for_as_long_as_it_says_so() {
        let mut trace = Trace::start(false);
        trace.rate.bound(trace.now, 400_000.0);
        assert_eq!(trace.rate.target_bps(), 400_000);
        assert_eq!(trace.run(5, 1000, 0.0), 400_000);
        trace.rate.bound(trace.now, f64::NAN);
        trace.rate.bound(trace.now, 1.0);
        assert_eq!(trace.rate.target_bps(), MIN_BPS, "nothing moves below that");
        assert!(trace.run(60, 1000, 0.0) > 1_000_000, "an old word binds nobody");
    }

    #[test]
    fn growth_does_not_depend_on_how_often_reports_come() {
        let (slow, fast) = (Trace::start(false).run(5, 1000, 0.0), Trace::start(false).run(5, 100, 0.0));
        assert!(slow.abs_diff(fast) < 1000, "{slow} {fast}");
    }

    #[test]
    fn heavy_loss_cuts_hard_and_moderate_loss_holds() {
        let mut trace = Trace::start(false);
        let held = trace.run(10, 1000, 0.05);
        assert_eq!(held, START_BPS);
        assert!(trace.run(3, 1000, 0.4) < 600_000);
    }

    #[test]
    fn a_relayed_call_never_takes_more_than_its_share() {
        assert_eq!(Trace::start(true).run(60, 500, 0.0), MAX_RELAYED_BPS);
    }

    #[test]
    fn a_burst_of_reports_of_the_same_loss_cuts_once() {
        let mut trace = Trace::start(false);
        for _ in 0..20 {
            trace.now += Duration::from_millis(10);
            trace.rate.report(trace.now, 0.5);
        }
        assert_eq!(trace.rate.target_bps(), 750_000);
    }

    #[test]
    fn no_report_takes_it_out_of_its_bounds() {
        for seed in 0..500 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let relayed = rng.random();
            let mut trace = Trace::start(relayed);
            for _ in 0..300 {
                trace.now += Duration::from_millis(rng.random_range(0..5000));
                let lost = match rng.random_range(0..10) {
                    0 => f64::NAN,
                    1 => -1.0,
                    2 => f64::INFINITY,
                    _ => rng.random_range(0.0..=1.0),
                };
                if rng.random_bool(0.2) {
                    let said = [f64::NAN, f64::INFINITY, -1.0, 0.0, 5e5, 1e30][rng.random_range(0..6)];
                    trace.rate.bound(trace.now, said);
                }
                let before = trace.rate.target_bps();
                trace.rate.report(trace.now, lost);
                let after = trace.rate.target_bps();
                let max = if relayed { MAX_RELAYED_BPS } else { MAX_DIRECT_BPS };
                assert!((MIN_BPS..=max).contains(&after), "seed {seed}: {after}");
                assert!(lost <= CUT_ABOVE || after <= before, "seed {seed}: grew at a loss of {lost}");
            }
        }
    }
}

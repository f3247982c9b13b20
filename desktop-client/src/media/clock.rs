//! The media clock of one end, and the alignment of the other end's clock with it.
//!
//! [`MediaClock`] counts microseconds since its origin. [`ClockAlignment`] is pure: it takes round trips measured
//! over the data channel and says what the peer's clock showed at a time of ours, with a bound on its error. It
//! never reads a clock and never sends anything.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

#[cfg(test)]
mod tests;

/// A monotonic clock in microseconds from an origin; copies share the origin.
#[derive(Clone, Copy, Debug)]
pub struct MediaClock {
    origin: Instant,
}

impl MediaClock {
    /// A clock that shows zero at `origin`.
    pub fn starting_at(origin: Instant) -> Self {
        Self { origin }
    }

    /// Microseconds since the origin.
    pub fn now_us(&self) -> u64 {
        self.us_at(Instant::now())
    }

    /// What the clock shows at `instant`, µs; zero before the origin.
    pub fn us_at(&self, instant: Instant) -> u64 {
        instant.saturating_duration_since(self.origin).as_micros() as u64
    }

    /// The instant at which the clock shows `us`.
    pub fn instant_at(&self, us: u64) -> Instant {
        self.origin + Duration::from_micros(us)
    }
}

/// One ping and its answer: our clock at sending and at receiving, the peer's clock when it answered; all in µs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PingSample {
    /// Our media clock when the ping left.
    pub sent_us: u64,
    /// The peer's media clock when it answered.
    pub peer_us: u64,
    /// Our media clock when the answer came.
    pub received_us: u64,
}

/// Offset and skew of the peer's media clock, from ping samples.
///
/// The answer of a ping is certain within half its round trip, and grows stale at the rate at which two quartz
/// clocks may drift apart. The sample with the least sum of the two decides (the minimum round trip filter). Once
/// two good samples lie far enough apart to bound the skew better than the quartz assumption, the skew between
/// them is used as well.
#[derive(Clone, Debug, Default)]
pub struct ClockAlignment {
    /// The best sample of each period, oldest first.
    best_of_period: VecDeque<Sample>,
    newest_us: i64,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    /// Our clock in the middle of the round trip, µs.
    at: i64,
    /// What the peer's clock was ahead of it, µs.
    offset: i64,
    /// Half the round trip, µs.
    uncertain: i64,
}

/// One best sample is kept for each of these: long enough to catch a quiet moment of the path at one ping a second.
const PERIOD_US: i64 = 5_000_000;
/// Periods kept (two minutes): more would not sharpen the skew of real clocks, which wander with temperature.
const MAX_PERIODS: usize = 24;
/// How far apart two undisciplined quartz clocks drift, in parts per million.
const QUARTZ_PPM: i64 = 100;
/// A media clock that shows more than this, 142 years, is none: sums and differences of two that are always fit.
pub const CLOCK_MAX_US: u64 = 1 << 52;
/// A round trip longer than this says nothing that the 20 ms bound on measured figures could use.
const MAX_ROUND_TRIP_US: u64 = 10_000_000;

impl ClockAlignment {
    /// An alignment that knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one ping sample; answers whether it was plausible (an answer before its question is not, nor is a
    /// round trip over ten seconds, nor a clock beyond [`CLOCK_MAX_US`]).
    pub fn add(&mut self, ping: PingSample) -> bool {
        let Some(rtt_us) = ping.received_us.checked_sub(ping.sent_us) else { return false };
        let Some((sent_us, peer_us)) = shown(ping.sent_us).zip(shown(ping.peer_us)) else { return false };
        if rtt_us > MAX_ROUND_TRIP_US {
            return false;
        }
        let half_rtt_us = rtt_us as i64 / 2;
        let local_us = sent_us + half_rtt_us;
        let sample = Sample { at: local_us, offset: peer_us - local_us, uncertain: half_rtt_us };
        self.newest_us = self.newest_us.max(local_us);
        match self.best_of_period.back_mut() {
            Some(last) if local_us / PERIOD_US == last.at / PERIOD_US => {
                if sample.uncertain < last.uncertain {
                    *last = sample;
                }
            }
            Some(last) if local_us < last.at => {}
            _ => {
                self.best_of_period.push_back(sample);
                if self.best_of_period.len() > MAX_PERIODS {
                    self.best_of_period.pop_front();
                }
            }
        }
        true
    }

    /// What our clock showed when the peer's showed `peer_us`; `None` before the first sample, and beyond
    /// [`CLOCK_MAX_US`]. May be negative.
    pub fn peer_to_local_us(&self, peer_us: u64) -> Option<i64> {
        let best = self.best()?;
        let near = shown(peer_us)? - best.offset;
        Some(near - self.drift_us(best, near))
    }

    /// What the peer's clock showed when ours showed `local_us`; `None` before the first sample, and beyond
    /// [`CLOCK_MAX_US`]. May be negative.
    pub fn local_to_peer_us(&self, local_us: u64) -> Option<i64> {
        let best = self.best()?;
        let local_us = shown(local_us)?;
        Some(local_us + best.offset + self.drift_us(best, local_us))
    }

    /// The bound on the error of the answers above, in milliseconds: half the best round trip, plus what the
    /// clocks may have drifted since.
    pub fn error_ms(&self) -> Option<f64> {
        self.best().map(|best| self.error_us(best) as f64 / 1000.0)
    }

    /// How much faster the peer's clock runs, in parts per million; zero until that is known better than the
    /// tolerance of quartz.
    pub fn skew_ppm(&self) -> f64 {
        self.skew().unwrap_or(0.0) * 1e6
    }

    fn best(&self) -> Option<Sample> {
        self.best_of_period.iter().copied().min_by_key(|sample| self.error_us(*sample))
    }

    fn error_us(&self, sample: Sample) -> i64 {
        sample.uncertain + (self.newest_us - sample.at).max(0) * QUARTZ_PPM / 1_000_000
    }

    /// Whatever a peer said of its clock, no drift is larger than a clock can be.
    fn drift_us(&self, best: Sample, local_us: i64) -> i64 {
        let drift = self.skew().map_or(0.0, |skew| (local_us - best.at) as f64 * skew);
        drift.clamp(-(CLOCK_MAX_US as f64), CLOCK_MAX_US as f64) as i64
    }

    /// The skew between the best samples of the older and of the newer half, if bounded better than quartz.
    fn skew(&self) -> Option<f64> {
        let half = self.best_of_period.len() / 2;
        let sharpest = |sample: &&Sample| sample.uncertain;
        let older = self.best_of_period.iter().take(half).min_by_key(sharpest)?;
        let newer = self.best_of_period.iter().skip(half).min_by_key(sharpest)?;
        let span_us = newer.at - older.at;
        let uncertain_us = older.uncertain + newer.uncertain;
        let bounded = span_us > 0 && uncertain_us * 1_000_000 < span_us * QUARTZ_PPM;
        bounded.then(|| (newer.offset - older.offset) as f64 / span_us as f64)
    }
}

/// What a clock shows, if it is one.
fn shown(us: u64) -> Option<i64> {
    (us <= CLOCK_MAX_US).then_some(us as i64)
}

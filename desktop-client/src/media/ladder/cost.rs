//! What pictures cost beside what they may: those that are as good as they get for little can be larger. Pure, see `ladder`.
//!
//! The steps' bitrates are those of lively pictures. A face before a plain wall costs a tenth, and small pictures of it would
//! leave the path so empty that nobody learns what it carries: then the rate, and with it the size, would never rise.

use std::time::{Duration, Instant};

/// Share of a new reading in the mean.
const READING: f64 = 1.0 / 16.0;
/// So many pictures say what a step costs.
const KNOWN_AFTER: u32 = 8;
/// Below this share of what they may cost the encoder has given them all that it can.
const EASY: f64 = 0.8;
/// A larger step is tried where it would cost less than this share, by its pixels.
const FITS: f64 = 0.7;
/// Until it is known what a step costs that was tried: the rate holds, to this share.
const HOLDS: f64 = 0.8;
/// A try that ended sooner failed,
const FAILED: Duration = Duration::from_secs(5);
/// and the next comes after so long; longer after each that failed, up to the second.
const AGAIN: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(120));

#[derive(Clone, Debug)]
pub(super) struct Cost {
    /// Bits of a picture that is no key frame, averaged over so many of the present step.
    bits: f64,
    pictures: u32,
    /// When a step was taken for its cost alone, and at which rate.
    tried: Option<(Instant, u32)>,
    again: Option<Instant>,
    wait: Duration,
}

impl Cost {
    pub(super) fn new() -> Self {
        Self { bits: 0.0, pictures: 0, tried: None, again: None, wait: AGAIN.0 }
    }

    pub(super) fn note(&mut self, bits: f64) {
        let share = READING.max(1.0 / f64::from(self.pictures + 1));
        self.bits += (bits - self.bits) * share;
        self.pictures = self.pictures.saturating_add(1);
    }

    /// The share of `target_bps` that is spent at `fps`; none before it is known.
    fn spent(&self, fps: u32, target_bps: u32) -> Option<f64> {
        let known = self.pictures >= KNOWN_AFTER;
        known.then(|| self.bits * f64::from(fps) / f64::from(target_bps.max(1)))
    }

    /// Whether the present step is carried by less than its bitrate.
    pub(super) fn is_easy(&self, fps: u32, target_bps: u32) -> bool {
        let holds = |(_, tried_bps): (Instant, u32)| f64::from(target_bps) >= f64::from(tried_bps) * HOLDS;
        match self.spent(fps, target_bps) {
            Some(spent) => spent < EASY,
            None => self.tried.is_some_and(holds),
        }
    }

    /// Whether pictures fit that are so many times as large in all.
    pub(super) fn fits(&self, now: Instant, fps: u32, target_bps: u32, times: f64) -> bool {
        let may = self.again.is_none_or(|again| now >= again);
        may && self.spent(fps, target_bps).is_some_and(|spent| spent * times < FITS)
    }

    /// Another step was taken: a larger one for its cost alone where `tried_at` is a rate, a smaller one where `down`.
    pub(super) fn stepped(&mut self, now: Instant, tried_at: Option<u32>, down: bool) {
        (self.bits, self.pictures) = (0.0, 0);
        let tried = self.tried.take();
        if let Some((since, _)) = tried.filter(|_| down) {
            let failed = now.saturating_duration_since(since) < FAILED;
            self.again = failed.then(|| now + self.wait);
            self.wait = if failed { (self.wait * 2).min(AGAIN.1) } else { AGAIN.0 };
        }
        self.tried = tried_at.map(|bps| (now, bps));
    }
}

//! At which rate the path was full the last time, and for how long that is minded. PURE, see `congestion`.

use std::time::Duration;

/// For how long the path is believed to be what it was then,
const KNOWN: Duration = Duration::from_secs(3);
/// and for how long the rate goes beyond it with care,
const CARE: Duration = Duration::from_secs(6);
/// or where it was full without a queue, so that bursts show nothing.
const CARE_OF_LOSS: Duration = Duration::from_secs(15);
/// More than this multiple of it that came through refutes it: what is paced by it stays below.
const REFUTED: f64 = 1.1;
/// What is near: this share of it and up to its inverse.
const NEAR: f64 = 0.85;
/// Within these multiples of what was known it is the same path, seen once more: what is new counts so much.
const SAME: std::ops::Range<f64> = 0.7..1.5;
const NEW: f64 = 0.3;

/// The rate at which the path was full.
#[derive(Debug, Clone, Copy)]
pub(super) struct Capacity {
    pub(super) bps: f64,
    /// It was seen by what was lost without a queue: bursts that come through whole are no word against it.
    pub(super) by_loss: bool,
    at: Duration,
}

impl Capacity {
    /// It was full at `bps`, after what was known `before`.
    pub(super) fn seen(before: Option<Self>, now: Duration, bps: f64, by_loss: bool) -> Self {
        let same = before.filter(|before| SAME.contains(&(bps / before.bps)));
        let bps = same.map_or(bps, |same| same.bps + (bps - same.bps) * NEW);
        Self { bps, by_loss, at: now }
    }

    /// Whether it is so still, as far as anybody knows.
    pub(super) fn is_known(&self, now: Duration) -> bool {
        now.saturating_sub(self.at) < KNOWN
    }

    /// Whether it is not to be exceeded without care.
    pub(super) fn is_minded(&self, now: Duration) -> bool {
        now.saturating_sub(self.at) < if self.by_loss { CARE_OF_LOSS } else { CARE }
    }

    /// Whether a rate of `target_bps` is to grow with care, where bursts speak for `shown_bps`.
    pub(super) fn is_near(&self, target_bps: f64, shown_bps: f64) -> bool {
        let about = (self.bps * NEAR..self.bps / NEAR).contains(&target_bps);
        about && shown_bps < self.bps / NEAR || self.by_loss
    }

    /// Whether what came through says that the path is not full at it any more: bursts, or all together.
    pub(super) fn is_refuted(&self, bursts_bps: f64, acked_bps: f64) -> bool {
        (if self.by_loss { acked_bps } else { bursts_bps }) > self.bps * REFUTED
    }
}

//! Whether the queue in the path is somebody else's: a TCP flow that fills it whatever we do. PURE, see `congestion`.
//!
//! A queue of ours drains when we send less. One that stands for seconds in spite of that is not ours, and leaving the path to
//! who fills it would end the call: then we take up to half of what the path carried before. One that does not even vary is
//! no queue: the path became longer.

use std::time::Duration;

/// A queue this deep is there,
const DEEP: Duration = Duration::from_millis(25);
/// and one this shallow has drained.
const DRAINED: Duration = Duration::from_millis(12);
/// Standing for so long, it is not ours.
const STANDS: Duration = Duration::from_millis(2500);
/// A queue that varied by less than this and the jitter,
const STILL: Duration = Duration::from_millis(8);
/// for so long, is no queue.
const STILL_FOR: Duration = Duration::from_secs(5);
/// The share of the path we stand up for.
const SHARE: f64 = 0.5;
/// The best rate of the past is forgotten to half in this time.
const FORGET: Duration = Duration::from_secs(90);

#[derive(Debug, Clone, Default)]
pub(super) struct Crowd {
    since: Option<Duration>,
    /// Since when the queue has been about as deep, and between which depths.
    still: Option<(Duration, Duration, Duration)>,
    best: Option<(f64, Duration)>,
}

impl Crowd {
    pub(super) fn note(&mut self, now: Duration, queue: Duration, jitter: Duration, acked: Option<f64>) {
        let still = self.still.map(|(since, least, most)| (since, least.min(queue), most.max(queue)));
        self.still = still
            .filter(|(_, least, most)| self.stands(now) && most.saturating_sub(*least) <= STILL + jitter)
            .or(Some((now, queue, queue)));
        if queue < DRAINED {
            self.since = None;
        } else if queue > DEEP {
            self.since.get_or_insert(now);
        }
        if let Some(acked) = acked
            && self.best_bps(now).is_none_or(|best| acked > best)
        {
            self.best = Some((acked, now));
        }
    }

    /// Whether a queue is there and does not drain.
    pub(super) fn stands(&self, now: Duration) -> bool {
        self.since.is_some_and(|since| now.saturating_sub(since) > STANDS)
    }

    /// Whether what looks like a queue is a way that became longer.
    pub(super) fn is_longer_path(&self, now: Duration) -> bool {
        self.stands(now) && self.still.is_some_and(|(since, ..)| now.saturating_sub(since) > STILL_FOR)
    }

    /// There was no queue.
    pub(super) fn forget_queue(&mut self) {
        (self.since, self.still) = (None, None);
    }

    /// What to stand up for, bit/s, while the queue is somebody else's.
    pub(super) fn share_bps(&self, now: Duration) -> Option<f64> {
        if self.stands(now) { self.best_bps(now).map(|best| best * SHARE) } else { None }
    }

    fn best_bps(&self, now: Duration) -> Option<f64> {
        let (bps, at) = self.best?;
        Some(bps * 0.5_f64.powf(now.saturating_sub(at).as_secs_f64() / FORGET.as_secs_f64()))
    }
}

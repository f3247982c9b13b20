//! What is lost beyond what this path always loses. PURE, see `congestion`.
//!
//! A wireless path loses one packet in twenty at any rate; cutting for it only makes the picture worse. What a path
//! loses however little is sent is its baseline: the least loss of any two seconds among the last sixteen. Only what
//! exceeds it by more than chance explains speaks of congestion.

use super::{Fate, PacketReport};
use std::collections::VecDeque;
use std::time::Duration;

const BUCKET: Duration = Duration::from_millis(500);
/// Buckets kept: 16 s.
const BUCKETS: usize = 32;
/// Buckets of which the least loss is taken: 2 s, or chance alone would find a low one.
const WINDOW: usize = 4;
/// Fewer packets say nothing.
const PACKETS_MIN: u32 = 20;
/// Loss that nobody cuts for.
const FREE: f64 = 0.04;
/// Beyond this multiple of the baseline it may be congestion,
const MULTIPLE: f64 = 1.4;
/// and beyond this many standard deviations of chance it is.
const DEVIATIONS: f64 = 2.0;

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    packets: u32,
    lost: u32,
}

impl Count {
    fn plus(self, other: Self) -> Self {
        Self { packets: self.packets + other.packets, lost: self.lost + other.lost }
    }

    /// The share lost; none where the packets are too few to tell.
    fn share(self) -> Option<f64> {
        (self.packets >= PACKETS_MIN).then(|| f64::from(self.lost) / f64::from(self.packets))
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct Loss {
    buckets: VecDeque<(Duration, Count)>,
}

impl Loss {
    pub(super) fn packet(&mut self, now: Duration, report: &PacketReport) {
        if report.fate == Fate::Unreported {
            return;
        }
        if self.buckets.back().is_none_or(|&(began, _)| now.saturating_sub(began) >= BUCKET) {
            self.buckets.push_back((now, Count::default()));
            if self.buckets.len() > BUCKETS {
                self.buckets.pop_front();
            }
        }
        if let Some((_, count)) = self.buckets.back_mut() {
            *count = count.plus(Count { packets: 1, lost: u32::from(report.fate == Fate::Lost) });
        }
    }

    /// The share lost beyond the baseline, 0 to 1; none where there is nothing to cut for.
    pub(super) fn excess(&self, now: Duration) -> Option<f64> {
        let last = self.buckets.iter().rev().take_while(|(began, _)| now.saturating_sub(*began) < 2 * BUCKET);
        let recent = last.fold(Count::default(), |sum, &(_, count)| sum.plus(count));
        let share = recent.share()?;
        let baseline = self.baseline();
        let chance = DEVIATIONS * (baseline * (1.0 - baseline) / f64::from(recent.packets)).sqrt();
        let excess = share - (baseline * MULTIPLE + chance).max(FREE);
        (excess > 0.0).then_some(excess)
    }

    fn baseline(&self) -> f64 {
        let buckets = self.buckets.len();
        let windows = (0..(buckets + 1).saturating_sub(WINDOW)).filter_map(|from| {
            let window = self.buckets.range(from..from + WINDOW);
            window.fold(Count::default(), |sum, &(_, count)| sum.plus(count)).share()
        });
        // Before the first window is full nothing is known of the path.
        windows.reduce(f64::min).unwrap_or(0.0)
    }
}

//! What is lost beyond what this path always loses. PURE, see `congestion`.
//!
//! A wireless path loses one packet in twenty at any rate; cutting for it only makes the picture worse. What a path
//! loses however little is sent is its baseline: the least loss of any two seconds among the last sixteen. Only what
//! exceeds it by more than chance explains speaks of congestion, and a cut of the rate proves it: a full path loses much
//! less after it. Loss that stays is the path's own, whatever it was before.

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

/// After a cut its effect is in the reports: what left before it is behind.
const EFFECT_AFTER: Duration = Duration::from_millis(300);
/// For so long it is looked for.
const EFFECT_OVER: Duration = Duration::from_millis(500);
/// Of a full path's loss at most this share is left after the rate was cut by a seventh or more.
const LEFT: f64 = 0.75;
/// Cuts by less prove nothing.
const CUT_MIN: f64 = 0.93;
/// For so long loss that no cut lowered is believed to be the path's own.
const OWN_FOR: Duration = Duration::from_secs(10);

/// So many packets more lost than arrived: chance alone gets there only where pictures cannot be mended anyway.
const OUTAGE: u32 = 12;

/// A cut that is to show whether loss follows the rate.
#[derive(Debug, Clone, Copy)]
struct Trial {
    at: Duration,
    share: f64,
    after: Count,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Loss {
    buckets: VecDeque<(Duration, Count)>,
    /// By how many packets losses are ahead of arrivals.
    surplus: u32,
    trial: Option<Trial>,
    /// Loss that no cut lowered, and when that was seen.
    own: Option<(f64, Duration)>,
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
        let lost = report.fate == Fate::Lost;
        self.surplus = if lost { self.surplus + 1 } else { self.surplus.saturating_sub(1) };
        let one = Count { packets: 1, lost: u32::from(lost) };
        if let Some((_, count)) = self.buckets.back_mut() {
            *count = count.plus(one);
        }
        if let Some(trial) = &mut self.trial
            && report.sent > trial.at
        {
            trial.after = trial.after.plus(one);
        }
    }

    /// The rate was cut to `kept` of what it was for what [`excess`](Self::excess) said.
    pub(super) fn cut(&mut self, now: Duration, kept: f64) {
        if self.trial.is_none() && kept <= CUT_MIN {
            let share = self.recent(now).share();
            self.trial = share.map(|share| Trial { at: now, share, after: Count::default() });
        }
    }

    /// Sees what the last cut did. `queued`: packets wait on the path, which then loses them for want of room.
    pub(super) fn judge(&mut self, now: Duration, queued: bool) {
        let Some(trial) = self.trial else { return };
        if queued {
            (self.trial, self.own) = (None, None);
            return;
        }
        if now.saturating_sub(trial.at) < EFFECT_AFTER + EFFECT_OVER {
            return;
        }
        self.trial = None;
        if let Some(left) = trial.after.share()
            && left > trial.share * LEFT
        {
            self.own = Some((left.min(trial.share), now));
        }
    }

    /// Whether so much more was lost than arrived that nobody can mend it; begins anew then.
    pub(super) fn take_outage(&mut self) -> bool {
        let outage = self.surplus >= OUTAGE;
        if outage {
            self.surplus = 0;
        }
        outage
    }

    /// The share lost lately, 0 to 1.
    fn recent_share(&self, now: Duration) -> f64 {
        self.recent(now).share().unwrap_or(0.0)
    }

    /// The share lost lately that has nothing to do with the rate, 0 to 1: the path had room for it.
    pub(super) fn own_share(&self, now: Duration) -> f64 {
        self.baseline().max(self.proven_share(now)).min(self.recent_share(now))
    }

    /// Whether so little beyond that was lost lately that nobody would cut for it.
    pub(super) fn is_free(&self, now: Duration) -> bool {
        self.recent(now).share().is_some_and(|share| share - self.own_share(now) <= FREE)
    }

    /// The share lost beyond the baseline, 0 to 1; none where there is nothing to cut for.
    pub(super) fn excess(&self, now: Duration) -> Option<f64> {
        let recent = self.recent(now);
        let share = recent.share()?;
        let baseline = self.baseline().max(self.proven_share(now));
        let chance = DEVIATIONS * (baseline * (1.0 - baseline) / f64::from(recent.packets)).sqrt();
        let excess = share - (baseline * MULTIPLE + chance).max(FREE);
        (excess > 0.0).then_some(excess)
    }

    /// What this path loses whatever is sent, 0 to 1, as a cut has proven.
    fn proven_share(&self, now: Duration) -> f64 {
        self.own.filter(|&(_, seen)| now.saturating_sub(seen) < OWN_FOR).map_or(0.0, |(own, _)| own)
    }

    fn recent(&self, now: Duration) -> Count {
        let last = self.buckets.iter().rev().take_while(|(began, _)| now.saturating_sub(*began) < 2 * BUCKET);
        last.fold(Count::default(), |sum, &(_, count)| sum.plus(count))
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

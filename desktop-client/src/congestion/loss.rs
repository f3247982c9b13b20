//! What is lost beyond what this path always loses. PURE, see `congestion`.
//!
//! A wireless path loses one packet in twenty at any rate; cutting for it only makes the picture worse. What a path
//! loses however little is sent is its baseline: the least loss of any two seconds among the last sixteen in which clearly
//! less was sent than now. Only what exceeds it by more than chance explains speaks of congestion, and a cut of the rate
//! proves it: a full path loses much less after it. Loss that stays is the path's own, whatever it was before.

use super::{Fate, PacketReport};
use std::collections::VecDeque;
use std::time::Duration;

const BUCKET: Duration = Duration::from_millis(500);
/// Buckets kept: 16 s.
const BUCKETS: usize = 32;
/// Buckets of which the least loss is taken: 2 s, or chance alone would find a low one.
const WINDOW: usize = 4;
/// What was lost at more than this share of the present rate may have been lost for want of room.
const LESS: f64 = 0.85;
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

/// What was sent for so long before a cut is compared with what was sent for so long after it,
const COMPARED: Duration = Duration::from_millis(500);
/// once encoder and pacer follow it.
const FOLLOWED: Duration = Duration::from_millis(100);
/// A report on the last of it is there by then, and not sooner than a round trip after this.
const REPORTED: Duration = Duration::from_millis(900);
const SENT: Duration = Duration::from_millis(700);
/// Fewer standard deviations between the two are chance.
const FULL_DEVIATIONS: f64 = 2.5;
/// What was lost not longer ago than this was lost with the queue that stood then.
const QUEUED_LATELY: Duration = Duration::from_secs(1);
/// Cuts that keep more of the rate than this prove nothing.
pub(super) const PROVES: f64 = 0.85;
/// In bytes, as it came out.
const KEPT_MAX: f64 = 0.95;
/// Packets remembered: half a second at 20 Mb/s before a cut, and after it.
const SENT_MAX: usize = 2048;
/// For so long loss that no cut lowered is believed to be the path's own,
const OWN_FOR: Duration = Duration::from_secs(30);
/// unless less than this share of it is left meanwhile.
const OWN_LEFT: f64 = 0.33;

/// So many packets more lost than arrived: chance alone gets there only where pictures cannot be mended anyway.
const OUTAGE: u32 = 12;

/// What a cut has shown.
#[derive(Debug, Clone, Copy)]
pub(super) enum Verdict {
    /// The loss stays: the path's own, 0 to 1.
    Own(f64),
    /// It went with the rate: the path was full, and carried so many bit/s.
    Full(f64),
}

/// One packet whose fate is known.
#[derive(Debug, Clone, Copy)]
struct Sent {
    at: Duration,
    bytes: usize,
    lost: bool,
}

/// What was sent in half a second: the rate aimed for, and what became of it.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    began: Duration,
    aimed_bps: f64,
    count: Count,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Loss {
    buckets: VecDeque<Bucket>,
    /// By how many packets losses are ahead of arrivals.
    surplus: u32,
    /// The last packets, in about the order they were sent.
    sent: VecDeque<Sent>,
    /// When the rate was cut to see whether loss follows it.
    trial: Option<Duration>,
    /// When packets waited on the path.
    queued: Option<Duration>,
    /// Loss that no cut lowered, and when that was seen.
    own: Option<(f64, Duration)>,
}

impl Loss {
    /// `aimed_bps`: what is sent in all.
    pub(super) fn packet(&mut self, now: Duration, aimed_bps: f64, report: &PacketReport) {
        if report.fate == Fate::Unreported {
            return;
        }
        if self.buckets.back().is_none_or(|bucket| now.saturating_sub(bucket.began) >= BUCKET) {
            self.buckets.push_back(Bucket { began: now, aimed_bps, count: Count::default() });
            if self.buckets.len() > BUCKETS {
                self.buckets.pop_front();
            }
        }
        let lost = report.fate == Fate::Lost;
        self.surplus = if lost { self.surplus + 1 } else { self.surplus.saturating_sub(1) };
        let one = Count { packets: 1, lost: u32::from(lost) };
        if let Some(bucket) = self.buckets.back_mut() {
            bucket.count = bucket.count.plus(one);
            bucket.aimed_bps = bucket.aimed_bps.max(aimed_bps);
        }
        if self.sent.len() == SENT_MAX {
            self.sent.pop_front();
        }
        self.sent.push_back(Sent { at: report.sent, bytes: report.bytes, lost });
    }

    /// The rate was cut to `kept` of what it was for what [`excess`](Self::excess) said.
    pub(super) fn cut(&mut self, now: Duration, kept: f64) {
        let queued = self.queued.is_some_and(|queued| now.saturating_sub(queued) < QUEUED_LATELY);
        if self.trial.is_none() && kept <= PROVES && !queued {
            self.trial = Some(now);
        }
    }

    /// Whether a cut is still to show what it does.
    pub(super) fn is_on_trial(&self) -> bool {
        self.trial.is_some()
    }

    /// Sees what the last cut did. `queued`: packets wait on the path, which then loses them for want of room.
    pub(super) fn judge(&mut self, now: Duration, queued: bool, round_trip: Duration) -> Option<Verdict> {
        let recent = self.recent(now).share();
        self.own = self.own.filter(|&(own, _)| recent.is_none_or(|recent| recent >= own * OWN_LEFT));
        if queued {
            self.queued = Some(now);
        }
        let cut = self.trial?;
        if queued {
            (self.trial, self.own) = (None, None);
            return None;
        }
        if now.saturating_sub(cut) < REPORTED.max(SENT + round_trip) {
            return None;
        }
        self.trial = None;
        let verdict = self.compare(cut)?;
        if let Verdict::Own(share) = verdict {
            self.own = Some((share, now));
        }
        Some(verdict)
    }

    /// What was lost before a cut and after it.
    fn compare(&self, cut: Duration) -> Option<Verdict> {
        let between = |from: Duration, to: Duration| {
            let sent = self.sent.iter().filter(|sent| (from..to).contains(&sent.at));
            sent.fold((Count::default(), 0, 0), |(count, bytes, arrived), sent| {
                let count = count.plus(Count { packets: 1, lost: sent.lost.into() });
                (count, bytes + sent.bytes, arrived + if sent.lost { 0 } else { sent.bytes })
            })
        };
        let (before, bytes_before, arrived) = between(cut.saturating_sub(COMPARED), cut);
        let (after, bytes_after, _) = between(cut + FOLLOWED, cut + FOLLOWED + COMPARED);
        let (was, left, kept) = (before.share()?, after.share()?, bytes_after as f64 / bytes_before as f64);
        if kept > KEPT_MAX {
            return None;
        }
        let of_full = (1.0 - (1.0 - was) / kept).max(0.0);
        if left > was.midpoint(of_full) {
            return Some(Verdict::Own(left.min(was)));
        }
        // Cuts come where chance was bad, and it is better after any of them.
        let mean = was.midpoint(left);
        let packets = 1.0 / f64::from(before.packets) + 1.0 / f64::from(after.packets);
        let chance = FULL_DEVIATIONS * (mean * (1.0 - mean) * packets).sqrt();
        (was - left > chance).then(|| Verdict::Full(arrived as f64 * 8.0 / COMPARED.as_secs_f64()))
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
    pub(super) fn recent_share(&self, now: Duration) -> f64 {
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
        let last = self.buckets.iter().rev();
        let last = last.take_while(|bucket| now.saturating_sub(bucket.began) < 2 * BUCKET);
        last.fold(Count::default(), |sum, bucket| sum.plus(bucket.count))
    }

    fn baseline(&self) -> f64 {
        let Some(now_bps) = self.buckets.back().map(|bucket| bucket.aimed_bps) else { return 0.0 };
        let buckets = self.buckets.len();
        let windows = (0..(buckets + 1).saturating_sub(WINDOW)).filter_map(|from| {
            let mut window = self.buckets.range(from..from + WINDOW);
            let less = window.clone().all(|bucket| bucket.aimed_bps <= now_bps * LESS);
            window
                .by_ref()
                .fold(Count::default(), |sum, bucket| sum.plus(bucket.count))
                .share()
                .filter(|_| less)
        });
        // Before so little was sent for so long nothing is known of the path.
        windows.reduce(f64::min).unwrap_or(0.0)
    }
}

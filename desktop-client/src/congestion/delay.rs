//! How the queue in the path grows: the trend of the one-way delay. PURE, see `congestion`.
//!
//! The clocks of the two ends differ by an unknown amount and drift, so only changes count: the delay over its least
//! value of the last seconds (the queue), and the slope of a line through the smoothed delays of the last packet
//! groups (draft-ietf-rmcat-gcc-02 section 5, with a line fit in place of the Kalman filter). The bar for the
//! slope moves with what the path does (section 5.4), or a TCP flow beside us would starve us.

use super::PacketReport;
use std::collections::VecDeque;
use std::time::Duration;

/// Packets that left within this time are one group: a burst tells one delay.
const GROUP: Duration = Duration::from_millis(5);
/// Groups in the line.
const LINE: usize = 20;
/// Smoothing of the delay, share of the old value.
const SMOOTHING: f64 = 0.8;
/// What the slope is multiplied by before it meets the bar, as in WebRTC.
const GAIN: f64 = 4.0;
/// The bar, ms: where it starts and what it stays within.
const BAR: (f64, f64, f64) = (6.0, 12.5, 120.0);
/// How fast the bar follows a slope above and below it, per ms.
const BAR_UP: f64 = 0.0087;
const BAR_DOWN: f64 = 0.039;
/// A spike further than this above the bar does not move it.
const BAR_SPIKE: f64 = 15.0;
/// The slope must be above the bar for this long.
const OVER_FOR: Duration = Duration::from_millis(10);
/// The least delay is that of this time: long enough to have seen an empty queue, short enough for clock drift.
const BASE: Duration = Duration::from_secs(20);
/// For so long while a queue stands: then it is a longer path.
const BASE_KEPT: Duration = Duration::from_secs(90);
const BASE_STEP: Duration = Duration::from_secs(2);
/// A queue of this depth is over-use whatever its slope, unless the path has shown worse jitter all along.
const QUEUE_MAX_MS: f64 = 100.0;

/// Over the least delay, jitter alone takes the smoothed delay this many times the change from group to group.
const JITTER_EXPLAINS: f64 = 3.0;
/// No round trip is believed to be longer.
const TRIP_MAX: Duration = Duration::from_secs(2);

/// What the path is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Usage {
    /// The queue is short or steady.
    Normal,
    /// It grows, or is deep.
    Over,
    /// It becomes shorter: wait.
    Draining,
}

#[derive(Debug, Clone, Copy)]
struct Group {
    began: Duration,
    sent: Duration,
    arrived: Duration,
}

/// The trend of the delay.
#[derive(Debug, Clone)]
pub(super) struct Delay {
    group: Option<Group>,
    last: Option<Group>,
    /// Sum of the delay's changes, ms, and its smoothed value.
    sum_ms: f64,
    smooth_ms: f64,
    line: VecDeque<(f64, f64)>,
    groups: usize,
    bar_ms: f64,
    bar_at: Option<Duration>,
    over_since: Option<Duration>,
    slope_ms: f64,
    before_ms: f64,
    /// Least sums of the last steps, each with when it began.
    least: VecDeque<(Duration, f64)>,
    /// Absolute changes of the delay from group to group, smoothed, ms.
    jitter_ms: f64,
    round_trip: Option<Duration>,
    /// Round trip with what queues now, smoothed.
    trip_now: Option<Duration>,
    kept: bool,
}

impl Default for Delay {
    fn default() -> Self {
        Self {
            group: None,
            last: None,
            sum_ms: 0.0,
            smooth_ms: 0.0,
            line: VecDeque::with_capacity(LINE),
            groups: 0,
            bar_ms: BAR.1,
            bar_at: None,
            over_since: None,
            slope_ms: 0.0,
            before_ms: 0.0,
            least: VecDeque::new(),
            jitter_ms: 0.0,
            round_trip: None,
            trip_now: None,
            kept: false,
        }
    }
}

impl Delay {
    pub(super) fn packet(&mut self, now: Duration, report: &PacketReport) {
        let Some(arrived) = report.arrived() else { return };
        let trip = now.saturating_sub(report.sent);
        self.round_trip = Some(self.round_trip.map_or(trip, |least| {
            // The least, forgotten slowly: a path that became longer is believed within seconds.
            trip.min(least + trip.saturating_sub(least) / 512)
        }));
        self.trip_now =
            Some(self.trip_now.map_or(trip.min(TRIP_MAX), |mean| (mean * 15 + trip.min(TRIP_MAX)) / 16));
        match &mut self.group {
            Some(group) if report.sent.saturating_sub(group.began) < GROUP => {
                group.sent = group.sent.max(report.sent);
                group.arrived = group.arrived.max(arrived);
            }
            _ => {
                self.close(now);
                self.group = Some(Group { began: report.sent, sent: report.sent, arrived });
            }
        }
    }

    /// The queue's depth now.
    pub(super) fn queue(&self) -> Duration {
        Duration::from_secs_f64((self.queue_ms() / 1000.0).max(0.0))
    }

    /// Of the queue's depth, what the path's jitter does not explain.
    pub(super) fn standing(&self) -> Duration {
        self.queue().saturating_sub(Duration::from_secs_f64(self.jitter_ms * JITTER_EXPLAINS / 1000.0))
    }

    /// Changes of the delay that have nothing to do with a queue.
    pub(super) fn jitter(&self) -> Duration {
        Duration::from_secs_f64(self.jitter_ms / 1000.0)
    }

    /// The path became longer: what was its least delay is of the past.
    pub(super) fn forget_least(&mut self) {
        self.least.clear();
    }

    /// Whether the least delay is to be remembered beyond its time: a queue that stands would become the new zero.
    pub(super) fn keep_least(&mut self, keep: bool) {
        self.kept = keep;
    }

    /// The least round trip.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// The round trip as it is now, with what queues on the way.
    pub(super) fn trip_now(&self) -> Option<Duration> {
        self.trip_now
    }

    pub(super) fn usage(&mut self, now: Duration) -> Usage {
        if self.groups < 3 {
            return Usage::Normal;
        }
        let queue = self.queue_ms();
        let falling = self.slope_ms < -self.bar_ms.min(20.0) * 0.5 || self.smooth_ms < self.before_ms - 2.0;
        if queue > QUEUE_MAX_MS + 4.0 * self.jitter_ms {
            return if falling { Usage::Draining } else { Usage::Over };
        }
        if self.slope_ms > self.bar_ms && queue > 3.5 * self.jitter_ms {
            let since = *self.over_since.get_or_insert(now);
            if now.saturating_sub(since) >= OVER_FOR || since == now && queue > 40.0 {
                return Usage::Over;
            }
            return Usage::Normal;
        }
        self.over_since = None;
        if self.slope_ms < -self.bar_ms { Usage::Draining } else { Usage::Normal }
    }

    fn queue_ms(&self) -> f64 {
        let least = self.least.iter().map(|&(_, least)| least).fold(f64::INFINITY, f64::min);
        if least.is_finite() { self.smooth_ms - least } else { 0.0 }
    }

    fn close(&mut self, now: Duration) {
        let Some(group) = self.group.take() else { return };
        let Some(last) = self.last.replace(group) else { return };
        let millis =
            |later: Duration, earlier: Duration| (later.as_secs_f64() - earlier.as_secs_f64()) * 1000.0;
        let change = millis(group.arrived, last.arrived) - millis(group.sent, last.sent);
        self.groups += 1;
        self.sum_ms += change;
        self.jitter_ms = 0.95 * self.jitter_ms + 0.05 * change.abs().min(50.0);
        self.before_ms = self.smooth_ms;
        self.smooth_ms = if self.groups == 1 {
            self.sum_ms
        } else {
            SMOOTHING * self.smooth_ms + (1.0 - SMOOTHING) * self.sum_ms
        };
        self.note_least(now);
        if self.line.len() == LINE {
            self.line.pop_front();
        }
        self.line.push_back((group.arrived.as_secs_f64() * 1000.0, self.smooth_ms));
        self.slope_ms = slope(&self.line) * (self.groups.min(60) as f64) * GAIN;
        self.move_bar(now);
    }

    fn note_least(&mut self, now: Duration) {
        match self.least.back_mut() {
            Some((began, least)) if now.saturating_sub(*began) < BASE_STEP => {
                *least = least.min(self.smooth_ms);
            }
            _ => self.least.push_back((now, self.smooth_ms)),
        }
        let base = if self.kept { BASE_KEPT } else { BASE };
        while self.least.front().is_some_and(|&(began, _)| now.saturating_sub(began) > base) {
            self.least.pop_front();
        }
    }

    fn move_bar(&mut self, now: Duration) {
        let over = self.slope_ms.abs() - self.bar_ms;
        let step_ms = self.bar_at.map_or(0.0, |at| now.saturating_sub(at).as_secs_f64() * 1000.0).min(100.0);
        self.bar_at = Some(now);
        if over <= BAR_SPIKE {
            let pace = if over > 0.0 { BAR_UP } else { BAR_DOWN };
            self.bar_ms = (self.bar_ms + pace * over * step_ms).clamp(BAR.0, BAR.2);
        }
    }
}

/// Least-squares slope of a line through `(x, y)`; zero where there is none.
fn slope(line: &VecDeque<(f64, f64)>) -> f64 {
    if line.len() < 5 {
        return 0.0;
    }
    let count = line.len() as f64;
    let (mean_x, mean_y) =
        line.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0 / count, y + point.1 / count));
    let (over, under) = line.iter().fold((0.0, 0.0), |(over, under), point| {
        let x = point.0 - mean_x;
        (over + x * (point.1 - mean_y), under + x * x)
    });
    if under > 0.0 { over / under } else { 0.0 }
}

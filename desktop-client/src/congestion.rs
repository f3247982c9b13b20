//! How many bits per second the path to the other end takes: congestion control of a call.
//!
//! Owns the rate at which we send, from what the receiver acknowledges packet by packet
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01). PURE: reports and time come in, a rate goes out; it reads
//! no clock, sends nothing and knows no packet. Six parts, one a file: what arrived (`acked`), how the queue in the
//! path grows (`delay`), what is lost beyond what this path always loses (`loss`), at which rate it was full (`capacity`),
//! whether somebody else fills the queue (`crowd`), and how fast bursts came through (`train`), which stands in for probing
//! with padding: video frames leave as short bursts anyway.

mod acked;
mod capacity;
mod crowd;
mod delay;
mod loss;
mod train;

use acked::Acked;
use capacity::Capacity;
use crowd::Crowd;
use delay::{Delay, Usage};
use loss::{Loss, PROVES, Verdict};
use std::collections::VecDeque;
use std::time::Duration;
use train::Trains;

/// Where a call begins, bit/s: good 360p from the first second, and no shock for a slow uplink.
pub const START_BPS: u32 = 1_000_000;
/// Never below, bit/s: sound, and a picture that still moves.
pub const MIN_BPS: u32 = 100_000;
/// Frames leave this much faster than the target: the bursts tell what the path could carry.
pub const PACE_GAIN: f64 = 2.5;
/// Over the rate that the path was full at lately, or over the target: then bursts would only overflow it.
const PACE_FULL: f64 = 1.2;
/// Of the rate that bursts came through at, what may be aimed for at once.
const TRAIN_SHARE: f64 = 0.85;
/// Growth towards a rate that bursts have shown, per second: doubles in a quarter of a second.
const FAST_GROWTH_PER_S: f64 = 16.0;
/// Growth into the unknown, per second.
const GROWTH_PER_S: f64 = 1.6;
/// Growth near the rate at which the queue began to grow the last time, per second.
const NEAR_GROWTH_PER_S: f64 = 1.05;
/// Growth in a queue that is not ours, per second.
const COMPETING_GROWTH_PER_S: f64 = 1.3;
/// Of our share of such a path, what losses do not take: they are of who fills it.
const COMPETING_LEAST: f64 = 0.7;
/// Between two cuts in a queue that is not ours.
const COMPETING_PAUSE: Duration = Duration::from_secs(1);
/// After the queue grew, this share of what arrives: the rest of the path drains the queue.
const BACK_OFF: f64 = 0.85;
/// While a deep queue is in the path, this share: it must drain before people notice.
const DRAIN: f64 = 0.6;
/// A queue this deep is drained.
const DEEP: Duration = Duration::from_millis(120);
/// The target stays below this multiple of what arrives: an encoder that has nothing to send proves nothing,
const ACKED_MULTIPLE: f64 = 1.5;
/// or below this where bursts came through about as fast and whole: the small pictures of a poor path fill no good one.
const ABOUT: f64 = 0.85;
const SHOWN_MULTIPLE: f64 = 3.0;
/// A path that loses more than this share is not given the benefit of it.
const LOST_MAX: f64 = 0.5;
/// Less than this share of the target is sent while there is nothing to send.
const IDLE: f64 = 0.4;
/// Between two cuts: a cut shows in the reports only after a round trip and a report interval.
const CUT_PAUSE: Duration = Duration::from_millis(200);
/// Loss beyond the path's own that is worth finding out about.
const TRIED: f64 = 0.06;
/// Between two cuts for loss, which is counted over a second.
const LOSS_PAUSE: Duration = Duration::from_millis(500);
/// Silence of the receiver after which the rate is halved, again and again.
const SILENCE: Duration = Duration::from_millis(600);
/// After growth was cut short, wait this long before growing into the unknown again.
const GROW_PAUSE: Duration = Duration::from_millis(400);
/// A report after a longer silence counts as this much time.
const STEP_MAX: Duration = Duration::from_millis(250);
/// Packets in flight that are remembered.
const FLYING_MAX: usize = 2048;
/// The pace is never below this, bit/s: a key frame must leave some time.
const PACE_MIN_BPS: f64 = 250_000.0;
/// A queue of this depth may overflow.
const STANDING: Duration = Duration::from_millis(40);
/// Data in flight that is never too much, bytes: a small key frame.
const IN_FLIGHT_FREE: f64 = 16_000.0;
/// A round trip where none is known yet.
const ROUND_TRIP: Duration = Duration::from_millis(200);
/// Data in flight beyond what the path holds at its rate: more is congestion of our own making.
const IN_FLIGHT_SLACK: Duration = Duration::from_millis(200);
/// What may wait for its turn to leave: at the pace it has left in half of that.
const WAITING: Duration = Duration::from_millis(200);
/// Of both, what is little enough again: else one report lets out a picture, and the next stops it.
const CLEARED: f64 = 0.75;
/// Of that, what packets that can wait may fill: less than what is little enough again for those that cannot.
const PATIENT: f64 = 0.5;

/// The fate of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketReport {
    /// When it left, on our clock.
    pub sent: Duration,
    /// What became of it.
    pub fate: Fate,
    /// Bytes on the wire.
    pub bytes: usize,
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It arrived at this time of the receiver's clock, whose zero is unknown.
    Arrived(Duration),
    /// The receiver says that it did not.
    Lost,
    /// The report on it was lost itself, so that nobody knows.
    Unreported,
}

impl PacketReport {
    fn arrived(&self) -> Option<Duration> {
        match self.fate {
            Fate::Arrived(at) => Some(at),
            Fate::Lost | Fate::Unreported => None,
        }
    }
}

/// Whether too much was on its way for one kind of pictures, and what is little enough is not reached yet.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clog(bool);

/// The controller of one call.
#[derive(Debug, Clone)]
pub struct Congestion {
    target_bps: f64,
    max_bps: f64,
    acked: Acked,
    delay: Delay,
    loss: Loss,
    trains: Trains,
    crowd: Crowd,
    capacity: Option<Capacity>,
    heard: Duration,
    cut: Option<Duration>,
    grow_after: Duration,
    /// Packets that left and of which nothing was heard: when, and bytes. With their sum.
    flying: VecDeque<(Duration, usize)>,
    in_flight: usize,
}

impl Congestion {
    /// Begins at `now`; never aims for more than `max_bps`.
    pub fn new(now: Duration, max_bps: u32) -> Self {
        let max_bps = f64::from(max_bps.max(MIN_BPS));
        Self {
            target_bps: f64::from(START_BPS).min(max_bps),
            max_bps,
            acked: Acked::default(),
            delay: Delay::default(),
            loss: Loss::default(),
            trains: Trains::default(),
            crowd: Crowd::default(),
            capacity: None,
            heard: now,
            cut: None,
            grow_after: now,
            flying: VecDeque::new(),
            in_flight: 0,
        }
    }

    /// What to send in all, bit/s: sound, picture and their headers.
    pub fn target_bps(&self) -> u32 {
        self.target_bps as u32
    }

    /// The round trip as it is now, with what queues on the way; a guess before any is known.
    pub fn round_trip(&self) -> Duration {
        self.delay.trip_now().unwrap_or(ROUND_TRIP)
    }

    /// How fast a frame's packets may leave, bit/s.
    pub fn pace_bps(&self, now: Duration) -> u32 {
        let full = self.capacity.filter(|full| full.is_known(now));
        let most = full.map_or(f64::INFINITY, |full| full.bps.max(self.target_bps) * PACE_FULL);
        (self.target_bps * PACE_GAIN).min(most).max(PACE_MIN_BPS) as u32
    }

    /// What may be on its way at once, bytes: what the path holds, and this share of the slack.
    fn holds(&self, share: f64) -> f64 {
        let round_trip = self.delay.round_trip().unwrap_or(ROUND_TRIP);
        self.target_bps / 8.0 * (round_trip + IN_FLIGHT_SLACK.mul_f64(share)).as_secs_f64()
    }

    /// Whether another picture would only lengthen a queue, that in the path or the one of `waiting` bytes before it: skip it.
    pub fn is_clogged(&self, now: Duration, waiting: usize, clog: &mut Clog) -> bool {
        let share = if clog.0 { CLEARED } else { 1.0 };
        let may_wait = self.target_bps / 8.0 * WAITING.mul_f64(share).as_secs_f64();
        clog.0 = self.in_flight as f64 > self.holds(share).max(IN_FLIGHT_FREE)
            || waiting as f64 > may_wait.max(IN_FLIGHT_FREE)
            || now.saturating_sub(self.heard) > SILENCE && self.in_flight > 0;
        clog.0
    }

    /// Whether so much is on its way that packets that can wait do so here, where others pass them.
    pub fn is_filled(&self) -> bool {
        self.in_flight as f64 > self.holds(PATIENT).max(IN_FLIGHT_FREE * PATIENT)
    }

    /// A packet of `bytes` was handed to the network.
    pub fn sent(&mut self, now: Duration, bytes: usize) {
        if self.flying.len() == FLYING_MAX {
            self.land();
        }
        self.flying.push_back((now, bytes));
        self.in_flight += bytes;
    }

    fn land(&mut self) {
        self.in_flight -= self.flying.pop_front().map_or(0, |(_, bytes)| bytes);
    }

    /// The receiver reported on packets, in the order they were sent.
    pub fn report(&mut self, now: Duration, reports: &[PacketReport]) {
        if reports.is_empty() {
            return;
        }
        let step = now.saturating_sub(self.heard).min(STEP_MAX);
        self.heard = now;
        let newest = reports.iter().map(|report| report.sent).max().unwrap_or_default();
        while self.flying.front().is_some_and(|&(left, _)| left <= newest) {
            self.land();
        }
        for report in reports {
            self.acked.packet(report);
            self.loss.packet(now, self.target_bps, report);
            self.trains.packet(report);
            self.delay.packet(now, report);
        }
        let acked = self.acked.bps();
        let usage = self.delay.usage(now);
        let standing = self.delay.standing();
        let round_trip = self.delay.round_trip().unwrap_or(ROUND_TRIP);
        match self.loss.judge(now, standing > STANDING, round_trip) {
            Some(Verdict::Own(_)) => self.capacity = self.capacity.filter(|full| !full.by_loss),
            Some(Verdict::Full(bps)) => {
                self.is_full(now, bps, true);
                self.target_bps = self.target_bps.min(bps);
            }
            None => {}
        }
        let lossy = self.loss.excess(now);
        self.crowd.note(now, standing, self.delay.jitter(), acked.map(|acked| acked.min(self.target_bps)));
        if self.crowd.is_longer_path(now) {
            self.delay.forget_least();
            self.crowd.forget_queue();
        }
        self.delay.keep_least(self.crowd.stands(now));
        if let Some(share) = self.crowd.share_bps(now) {
            return self.compete(now, step, share, lossy.is_some());
        }
        match (usage, acked) {
            (Usage::Over, Some(acked)) => self.back_off(now, self.acked.full_bps().unwrap_or(acked)),
            (Usage::Draining, _) => {}
            _ if lossy.is_some() => self.lose(now, lossy.unwrap_or_default(), acked),
            (Usage::Normal, acked) => self.grow(now, step, acked),
            (Usage::Over, None) => {}
        }
        self.target_bps = self.target_bps.clamp(f64::from(MIN_BPS), self.max_bps);
    }

    /// Whether nearly all was lost since this was asked last.
    pub fn take_outage(&mut self) -> bool {
        self.loss.take_outage()
    }

    /// Time passes without a report. Call every 100 ms or so.
    pub fn tick(&mut self, now: Duration) {
        if self.in_flight > 0 && now.saturating_sub(self.heard) >= SILENCE {
            self.heard = now;
            self.target_bps = (self.target_bps / 2.0).max(f64::from(MIN_BPS));
            // What left long ago is lost, or was reported in a report that is lost.
            while self.flying.front().is_some_and(|&(left, _)| now.saturating_sub(left) >= SILENCE) {
                self.land();
            }
        }
    }

    fn back_off(&mut self, now: Duration, acked: f64) {
        self.grow_after = now + GROW_PAUSE;
        let deep = self.delay.queue() > DEEP;
        if !deep && self.cut.is_some_and(|cut| now.saturating_sub(cut) < self.cut_pause()) {
            return;
        }
        self.cut = Some(now);
        let acked = acked / self.kept(now);
        self.is_full(now, acked, false);
        let share = if deep { DRAIN } else { BACK_OFF };
        self.target_bps = self.target_bps.min(acked * share);
    }

    /// The path was full when so much was sent.
    fn is_full(&mut self, now: Duration, bps: f64, by_loss: bool) {
        self.capacity = Some(Capacity::seen(self.capacity, now, bps, by_loss));
        self.trains.forget();
    }

    /// The queue is of somebody else's making: cutting would not drain it, only starve us.
    fn compete(&mut self, now: Duration, step: Duration, share_bps: f64, lossy: bool) {
        if !lossy && self.target_bps < share_bps {
            self.target_bps *= COMPETING_GROWTH_PER_S.powf(step.as_secs_f64());
        } else if lossy && self.cut.is_none_or(|cut| now.saturating_sub(cut) >= COMPETING_PAUSE) {
            self.cut = Some(now);
            self.target_bps =
                (self.target_bps * BACK_OFF).max(self.target_bps.min(share_bps * COMPETING_LEAST));
        }
        self.target_bps = self.target_bps.min(share_bps).clamp(f64::from(MIN_BPS), self.max_bps);
    }

    fn lose(&mut self, now: Duration, excess: f64, acked: Option<f64>) {
        self.grow_after = now + GROW_PAUSE;
        let pause = self.cut_pause().max(LOSS_PAUSE);
        if self.loss.is_on_trial() || self.cut.is_some_and(|cut| now.saturating_sub(cut) < pause) {
            return;
        }
        let lost = self.loss.recent_share(now);
        let is_idle = |acked: f64| acked / (1.0 - lost) < self.target_bps * IDLE;
        if lost < LOST_MAX && acked.is_some_and(is_idle) {
            // So little is sent that a cut would change nothing on the path.
            return;
        }
        self.cut = Some(now);
        let floor = acked.unwrap_or(0.0) * 0.95;
        let before = self.target_bps;
        // What is worth it is cut deep enough to show whether loss follows the rate.
        let share = if excess < TRIED { 1.0 - 0.5 * excess } else { (1.0 - excess).min(PROVES) };
        self.target_bps = before.min((before * share).max(floor));
        self.loss.cut(now, self.target_bps / before);
    }

    fn cut_pause(&self) -> Duration {
        self.delay
            .round_trip()
            .map_or(CUT_PAUSE, |round_trip| CUT_PAUSE.max(round_trip + Duration::from_millis(100)))
    }

    /// The share of what is sent that the path keeps at any rate, 0 to 1: it had room for the rest.
    fn kept(&self, now: Duration) -> f64 {
        1.0 - self.loss.own_share(now).min(LOST_MAX)
    }

    fn grow(&mut self, now: Duration, step: Duration, acked: Option<f64>) {
        let Some(arrives) = acked else { return };
        let acked = arrives / self.kept(now);
        let seconds = step.as_secs_f64();
        let came_through = self.trains.bps().unwrap_or(0.0) / self.kept(now);
        let shown = came_through * TRAIN_SHARE;
        if self.delay.standing() < STANDING {
            // Bursts come through faster than it was full at: it is so no more.
            self.capacity = self.capacity.filter(|full| !full.is_refuted(came_through, arrives));
        }
        let known = self.capacity.filter(|full| full.is_minded(now));
        let near = known.is_some_and(|full| full.is_near(self.target_bps, shown));
        let full = known.map_or(0.0, |full| full.bps * BACK_OFF);
        if self.target_bps < full && self.delay.standing() < STANDING {
            // The queue is gone: back to what the path carried while there was one.
            self.target_bps = (self.target_bps * FAST_GROWTH_PER_S.powf(seconds)).min(full);
            return;
        }
        let about = came_through >= self.target_bps * ABOUT;
        let multiple = if about && self.loss.is_free(now) { SHOWN_MULTIPLE } else { ACKED_MULTIPLE };
        let limit = (acked * multiple).max(self.target_bps);
        self.target_bps = if now < self.grow_after {
            self.target_bps
        } else if shown > self.target_bps && !near && self.capacity.is_none_or(|full| !full.by_loss) {
            (self.target_bps * FAST_GROWTH_PER_S.powf(seconds)).min(shown).min(limit)
        } else {
            let per_second = if near { NEAR_GROWTH_PER_S } else { GROWTH_PER_S };
            (self.target_bps * per_second.powf(seconds)).min(limit)
        };
    }
}

#[cfg(test)]
mod path;
#[cfg(test)]
mod tests;

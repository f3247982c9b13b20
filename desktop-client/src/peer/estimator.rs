//! Drives `congestion` from what leaves and what the other end acknowledges (transport-wide feedback), and `rate` from what
//! its reports say is lost, for as long as it acknowledges nothing: not every end does.
//!
//! Owns the clock of these machines and their place in the stack, which asks how fast to pace. Decides nothing.

use super::SendRate;
use super::coverage::Covered;
use crate::congestion::{Clog, Congestion, Fate, PacketReport};
use crate::rate::{MAX_DIRECT_BPS, MAX_RELAYED_BPS, RateController};
use rtc::interceptor::{BandwidthEstimator, PacketReport as StackReport};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// What the sound and the headers of all packets take, bit/s.
const SOUND_BPS: u32 = 56_000;
/// Of the rest, what the encoder may aim for: it does not hit its aim.
const PICTURE_PERCENT: u32 = 94;
/// Pictures below this are no pictures, bit/s.
const PICTURE_MIN_BPS: u32 = 60_000;
/// What is sent again is averaged over about this time.
const RESENT_OVER: Duration = Duration::from_secs(1);

/// Of the rate, what may be sent again at most.
const RESENT_SHARE: f64 = 0.4;
/// At any rate, bit/s: some packets a second.
const RESENT_MIN_BPS: f64 = 50_000.0;

/// One controller, seen by the stack, by who writes packets and by the task of the connection.
#[derive(Clone)]
pub(super) struct Estimator {
    began: Instant,
    state: Arc<Mutex<State>>,
}

struct State {
    control: Congestion,
    /// For an end that acknowledges nothing.
    fallback: RateController,
    covered: Covered,
    /// Something was acknowledged: `control` knows the path.
    heard: bool,
    /// What the pacer holds back of the camera and of the screen, bytes.
    waiting: [usize; 2],
    clogs: [Clog; 2],
    outages: u32,
    pace_bps: u32,
    relayed: bool,
    /// Since when this path is up.
    up: Duration,
    /// Bits sent again lately, fading, and when they were counted last.
    resent_bits: f64,
    resent_at: Duration,
}

impl State {
    /// What to send in all, bit/s.
    fn target_bps(&self) -> u32 {
        if self.heard { self.control.target_bps() } else { self.fallback.target_bps() }
    }

    /// Whether pictures of the camera and of the screen are to be left out. Those of the screen wait behind all others.
    fn clogged(&mut self, now: Duration) -> [bool; 2] {
        let [camera, screen] = self.waiting;
        let waiting = [camera, camera + screen];
        if !self.heard {
            return waiting.map(|waiting| self.fallback.is_behind(waiting));
        }
        let [of_camera, of_screen] = &mut self.clogs;
        [(of_camera, waiting[0]), (of_screen, waiting[1])]
            .map(|(clog, waiting)| self.control.is_clogged(now, waiting, clog))
    }

    fn set_pace(&mut self, now: Duration) {
        self.pace_bps = if self.heard { self.control.pace_bps(now) } else { self.fallback.pace_bps() };
    }

    /// What is sent again, bit/s.
    fn resent_bps(&mut self, now: Duration) -> f64 {
        let since = now.saturating_sub(std::mem::replace(&mut self.resent_at, now));
        self.resent_bits *= (-since.as_secs_f64() / RESENT_OVER.as_secs_f64()).exp();
        self.resent_bits / RESENT_OVER.as_secs_f64()
    }
}

impl Estimator {
    pub(super) fn new(now: Instant) -> Self {
        let control = Congestion::new(Duration::ZERO, MAX_DIRECT_BPS);
        let state = State {
            pace_bps: control.pace_bps(Duration::ZERO),
            control,
            fallback: RateController::new(now, false),
            covered: Covered::default(),
            heard: false,
            waiting: [0; 2],
            clogs: Default::default(),
            outages: 0,
            resent_bits: 0.0,
            resent_at: Duration::ZERO,
            relayed: false,
            up: Duration::ZERO,
        };
        Self { began: now, state: Arc::new(Mutex::new(state)) }
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the controller panics")
    }

    fn at(&self, instant: Instant) -> Duration {
        instant.saturating_duration_since(self.began)
    }

    /// A path came up, by a relay or not. What was learnt of the one before, what was lost with it, and the silence between the
    /// two say nothing about it.
    pub(super) fn take_path(&self, now: Instant, relayed: bool) {
        let mut state = self.locked();
        let max_bps = if relayed { MAX_RELAYED_BPS } else { MAX_DIRECT_BPS };
        state.fallback = RateController::new(now, relayed);
        let now = self.at(now);
        state.control = Congestion::new(now, max_bps);
        state.clogs = Default::default();
        state.set_pace(now);
        (state.relayed, state.up) = (relayed, now);
    }

    /// Whether the path is by a relay.
    pub(super) fn is_relayed(&self) -> bool {
        self.locked().relayed
    }

    /// How fast packets may leave, bit/s.
    pub(super) fn pace_bps(&self) -> f64 {
        f64::from(self.locked().pace_bps)
    }

    /// The round trip as it is now.
    pub(super) fn round_trip(&self) -> Duration {
        self.locked().control.round_trip()
    }

    /// The other end reports that it lost this share of our pictures, 0 to 1.
    pub(super) fn lost(&self, now: Instant, share: f64) {
        let mut state = self.locked();
        state.fallback.report(now, share);
        state.set_pace(self.at(now));
    }

    /// The other end says that it can take so much at most, bit/s. One that acknowledges packets knows no better.
    pub(super) fn bound(&self, now: Instant, bps: f64) {
        let mut state = self.locked();
        state.fallback.bound(now, bps);
        state.set_pace(self.at(now));
    }

    /// The pacer holds back so much of the camera and of the screen, bytes.
    pub(super) fn waiting(&self, bytes: [usize; 2]) {
        self.locked().waiting = bytes;
    }

    /// Whether what can wait is to wait: it would keep what cannot from the path.
    pub(super) fn is_filled(&self) -> bool {
        let state = self.locked();
        state.heard && state.control.is_filled()
    }

    /// A packet was handed to the network.
    pub(super) fn sent(&self, now: Instant, bytes: usize) {
        self.locked().control.sent(self.at(now), bytes);
    }

    /// A packet was asked for once more: whether it may leave, which is counted. Requests that take all of the path would
    /// keep it full of what nobody waits for any more, and so would any while too much is on its way, where that is known.
    pub(super) fn resend(&self, now: Instant, bits: f64) -> bool {
        let mut state = self.locked();
        let most = f64::from(state.target_bps()) * RESENT_SHARE;
        let now = self.at(now);
        let full = state.heard && state.clogged(now)[0];
        let allowed = state.resent_bps(now) < most.max(RESENT_MIN_BPS) && !full;
        state.resent_bits += if allowed { bits } else { 0.0 };
        allowed
    }

    /// How often nearly all was lost.
    pub(super) fn outages(&self) -> u32 {
        self.locked().outages
    }

    /// A report of the other end is about `count` transport-wide numbers from `first` on.
    pub(super) fn covers(&self, first: u16, count: u16) {
        self.locked().covered.add(first, count);
    }

    /// Lets time pass. What pictures may take.
    pub(super) fn rate(&self, now: Instant) -> SendRate {
        let now = self.at(now);
        let mut state = self.locked();
        if state.heard {
            state.control.tick(now);
        }
        let all = state.target_bps().saturating_sub(SOUND_BPS);
        // Most of what is sent again takes the place of new pictures, or the queue would grow with the loss.
        let resent = (state.resent_bps(now) as u32).min(all / 2);
        let picture = (all - resent) / 100 * PICTURE_PERCENT;
        let [clogged, screen_clogged] = state.clogged(now);
        let (picture_bps, outages) = (picture.max(PICTURE_MIN_BPS), state.outages);
        SendRate { picture_bps, clogged, screen_clogged, outages }
    }
}

impl BandwidthEstimator for Estimator {
    fn on_reports(&mut self, now: Instant, reports: &[StackReport]) {
        let mut state = self.locked();
        let reports: Vec<PacketReport> = reports
            .iter()
            .filter(|report| self.at(report.departure) >= state.up)
            .map(|report| PacketReport {
                sent: self.at(report.departure),
                fate: match report.arrival.filter(|_| report.arrived) {
                    Some(at) => Fate::Arrived(at),
                    None if state.covered.contains(report.twcc_sequence_number) => Fate::Lost,
                    None => Fate::Unreported,
                },
                bytes: report.size,
            })
            .collect();
        let now = self.at(now);
        state.heard |= !reports.is_empty();
        state.control.report(now, &reports);
        state.outages += u32::from(state.control.take_outage());
        state.set_pace(now);
    }

    fn target_bitrate(&self) -> f64 {
        self.pace_bps()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::congestion::START_BPS;
    use rtc::rtcp::transport_feedbacks::cc_feedback_report::Ecn;

    #[test]
    fn a_new_path_begins_as_a_call_begins_whatever_the_silence_before_it() {
        let start = Instant::now();
        let estimator = Estimator::new(start);
        estimator.locked().heard = true;
        let at = |ms| start + Duration::from_millis(ms);
        for ms in (0..4000).step_by(20) {
            estimator.sent(at(ms), 1000);
            estimator.rate(at(ms));
        }
        let silent = estimator.rate(at(4000));
        assert!(silent.clogged && silent.picture_bps == PICTURE_MIN_BPS, "{silent:?}");
        estimator.take_path(at(4000), true);
        let anew = estimator.rate(at(4010));
        assert!(!anew.clogged && anew.picture_bps > START_BPS * 8 / 10, "{anew:?}");
        assert!(estimator.is_relayed());
        estimator.take_path(at(5000), false);
        assert!(!estimator.is_relayed());
    }

    #[test]
    fn what_was_lost_with_the_path_before_is_not_held_against_the_new_one() {
        let start = Instant::now();
        let mut estimator = Estimator::new(start);
        let at = |ms| start + Duration::from_millis(ms);
        estimator.locked().heard = true;
        estimator.take_path(at(1000), false);
        estimator.covers(0, 100);
        let lost = |number: u16| StackReport {
            ssrc: 1,
            id: number.into(),
            rtp_sequence_number: number,
            is_twcc: true,
            twcc_sequence_number: number,
            size: 1000,
            arrived: false,
            departure: at(500 + u64::from(number) * 4),
            arrival: None,
            ecn: Ecn::default(),
        };
        estimator.on_reports(at(1100), &(0..100).map(lost).collect::<Vec<_>>());
        let rate = estimator.rate(at(1100));
        assert!(rate.picture_bps > START_BPS * 8 / 10 && rate.outages == 0, "{rate:?}");
        estimator.covers(100, 100);
        estimator.on_reports(at(1400), &(130..200).map(lost).collect::<Vec<_>>());
        let rate = estimator.rate(at(1400));
        assert!(rate.outages > 0, "what is lost on the new one is: {rate:?}");
    }

    #[test]
    fn an_end_that_acknowledges_nothing_is_sent_what_its_reports_of_loss_allow_and_no_faster() {
        let start = Instant::now();
        let estimator = Estimator::new(start);
        let at = |seconds| start + Duration::from_secs(seconds);
        estimator.take_path(start, false);
        let pace_per_target = |estimator: &Estimator| {
            let target = estimator.locked().target_bps();
            estimator.pace_bps() / f64::from(target)
        };
        for second in 1..=30 {
            estimator.sent(at(second), 100_000);
            estimator.lost(at(second), 0.0);
        }
        let grown = estimator.rate(at(30));
        assert!(grown.picture_bps > 2_000_000 && !grown.clogged, "{grown:?}");
        assert!(grown.picture_bps + SOUND_BPS < MAX_DIRECT_BPS, "sound and headers fit beside it");
        assert!(pace_per_target(&estimator) >= 2.0, "pictures leave faster than they are made");
        assert!(estimator.resend(at(30), 10_000.0), "whatever was heard of");
        for second in 31..=60 {
            estimator.lost(at(second), 0.5);
        }
        let cut = estimator.rate(at(60));
        assert!(cut.picture_bps <= crate::rate::MIN_BPS, "{cut:?}");
        assert!(estimator.pace_bps() <= 250_000.0, "{}", estimator.pace_bps());
        estimator.waiting([0, 60_000]);
        let behind = estimator.rate(at(60));
        assert!(behind.screen_clogged && !behind.clogged, "a screen waits behind the camera: {behind:?}");
        estimator.waiting([60_000, 0]);
        assert!(estimator.rate(at(60)).clogged, "what waits here is left out, not sent late");
    }
}

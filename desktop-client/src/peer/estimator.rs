//! Drives `congestion` from what the stack sends and what the other end acknowledges (transport-wide feedback).
//!
//! Owns the clock of that machine and its place in the stack, which asks it how fast to pace. Decides nothing.

use super::SendRate;
use crate::congestion::{Congestion, PacketReport};
use rtc::interceptor::{BandwidthEstimator, PacketReport as StackReport};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// What the sound and the headers of all packets take, bit/s.
const SOUND_BPS: u32 = 56_000;
/// Of the rest, what the encoder may aim for: it does not hit its aim.
const PICTURE_PERCENT: u32 = 94;
/// Pictures below this are no pictures, bit/s.
const PICTURE_MIN_BPS: u32 = 60_000;

/// One controller, seen by the stack, by who writes packets and by the task of the connection.
#[derive(Clone)]
pub(super) struct Estimator {
    began: Instant,
    state: Arc<Mutex<State>>,
}

struct State {
    control: Congestion,
    heard: bool,
    pace_bps: u32,
    relayed: bool,
}

impl Estimator {
    pub(super) fn new(now: Instant, max_bps: u32) -> Self {
        let control = Congestion::new(Duration::ZERO, max_bps);
        let state = State { pace_bps: control.pace_bps(), control, heard: false, relayed: false };
        Self { began: now, state: Arc::new(Mutex::new(state)) }
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the controller panics")
    }

    fn at(&self, instant: Instant) -> Duration {
        instant.saturating_duration_since(self.began)
    }

    /// The path is by a relay, which is to carry no more than this.
    pub(super) fn set_relayed(&self, max_bps: u32) {
        let mut state = self.locked();
        state.control.set_max_bps(max_bps);
        state.relayed = true;
    }

    /// Whether the path is by a relay.
    pub(super) fn is_relayed(&self) -> bool {
        self.locked().relayed
    }

    /// How fast packets may leave, bit/s.
    pub(super) fn pace_bps(&self) -> f64 {
        f64::from(self.locked().pace_bps)
    }

    /// A packet was handed to the stack.
    pub(super) fn sent(&self, now: Instant, bytes: usize) {
        self.locked().control.sent(self.at(now), bytes);
    }

    /// Lets time pass. What pictures may take; none while the other end has acknowledged nothing.
    pub(super) fn rate(&self, now: Instant) -> Option<SendRate> {
        let now = self.at(now);
        let mut state = self.locked();
        if !state.heard {
            return None;
        }
        state.control.tick(now);
        let picture = state.control.target_bps().saturating_sub(SOUND_BPS) / 100 * PICTURE_PERCENT;
        Some(SendRate { picture_bps: picture.max(PICTURE_MIN_BPS), clogged: state.control.is_clogged(now) })
    }
}

impl BandwidthEstimator for Estimator {
    fn on_reports(&mut self, now: Instant, reports: &[StackReport]) {
        let reports: Vec<PacketReport> = reports
            .iter()
            .map(|report| PacketReport {
                sent: self.at(report.departure),
                arrived: report.arrival.filter(|_| report.arrived),
                bytes: report.size,
            })
            .collect();
        let now = self.at(now);
        let mut state = self.locked();
        state.heard |= !reports.is_empty();
        state.control.report(now, &reports);
        state.pace_bps = state.control.pace_bps();
    }

    fn target_bitrate(&self) -> f64 {
        self.pace_bps()
    }
}

//! How much arrives: bytes over a short window of the receiver's own clock. PURE, see `congestion`.

use super::{Fate, PacketReport};
use std::collections::VecDeque;
use std::time::Duration;

/// Long enough for a dozen frames, short enough to see a dip at once.
const WINDOW: Duration = Duration::from_millis(400);
/// Less than this of the receiver's time says nothing; so much of it tells what came last.
const WINDOW_MIN: Duration = Duration::from_millis(150);
/// Packets kept: 400 ms at 20 Mb/s.
const PACKETS_MAX: usize = 1024;

#[derive(Debug, Clone, Default)]
pub(super) struct Acked {
    arrived: VecDeque<(Duration, usize)>,
    bytes: usize,
    latest: Duration,
}

impl Acked {
    pub(super) fn packet(&mut self, report: &PacketReport) {
        let at = match report.fate {
            Fate::Arrived(at) => at,
            // It arrived as the others do, as far as anybody knows.
            Fate::Unreported if !self.arrived.is_empty() => self.latest,
            Fate::Unreported | Fate::Lost => return,
        };
        self.latest = self.latest.max(at);
        self.arrived.push_back((at, report.bytes));
        self.bytes += report.bytes;
        while let Some(&(first, bytes)) = self.arrived.front()
            && (self.latest.saturating_sub(first) > WINDOW || self.arrived.len() > PACKETS_MAX)
        {
            self.arrived.pop_front();
            self.bytes -= bytes;
        }
    }

    /// Bits per second; none before there is enough to tell.
    pub(super) fn bps(&self) -> Option<f64> {
        let &(first, first_bytes) = self.arrived.front()?;
        let span = self.latest.saturating_sub(first);
        (span >= WINDOW_MIN).then(|| (self.bytes - first_bytes) as f64 * 8.0 / span.as_secs_f64())
    }

    /// The same, or what came last where that was more: while the rate climbs the mean lags behind it.
    pub(super) fn full_bps(&self) -> Option<f64> {
        let mean = self.bps()?;
        let lately =
            self.arrived.iter().rev().take_while(|(at, _)| self.latest.saturating_sub(*at) <= WINDOW_MIN);
        let bytes: usize = lately.map(|(_, bytes)| bytes).sum();
        Some(mean.max(bytes as f64 * 8.0 / WINDOW_MIN.as_secs_f64()))
    }
}

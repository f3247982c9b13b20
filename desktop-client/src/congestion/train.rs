//! How fast bursts came through: packet trains. PURE, see `congestion`.
//!
//! The packets of a frame leave faster than the frame's share of the rate. Where they arrive as fast as they left,
//! the path carries at least that; where they arrive slower, that is its rate. Single trains are noise; the sum of
//! their bytes over the sum of their spans is not.

use super::PacketReport;
use std::collections::VecDeque;
use std::time::Duration;

/// Packets that left within this time of each other belong to one train.
const GAP: Duration = Duration::from_millis(12);
/// Trains are summed that left within this time of the last: a path that has changed is soon known.
const LATELY: Duration = Duration::from_millis(500);
/// No more of them than this,
const TRAINS: usize = 15;
/// and no fewer, however long ago they left: fewer say nothing.
const TRAINS_MIN: usize = 6;
/// Packets of a train.
const PACKETS_MIN: u32 = 2;

#[derive(Debug, Clone, Copy)]
struct Train {
    packets: u32,
    /// Without the first packet: it marks the beginning of the span.
    bytes: usize,
    sent: (Duration, Duration),
    arrived: (Duration, Duration),
}

#[derive(Debug, Clone, Default)]
pub(super) struct Trains {
    open: Option<Train>,
    whole: VecDeque<Train>,
}

impl Trains {
    pub(super) fn packet(&mut self, report: &PacketReport) {
        // A lost packet leaves its time in the span and its bytes out: the train looks slower, never faster.
        let Some(arrived) = report.arrived() else { return };
        match &mut self.open {
            Some(train) if report.sent.saturating_sub(train.sent.1) < GAP && arrived >= train.arrived.1 => {
                train.packets += 1;
                train.bytes += report.bytes;
                train.sent.1 = report.sent;
                train.arrived.1 = arrived;
            }
            _ => {
                self.close();
                self.open = Some(Train {
                    packets: 1,
                    bytes: 0,
                    sent: (report.sent, report.sent),
                    arrived: (arrived, arrived),
                });
            }
        }
    }

    fn close(&mut self) {
        if let Some(train) = self.open.take()
            && train.packets >= PACKETS_MIN
        {
            self.whole.push_back(train);
            if self.whole.len() > TRAINS {
                self.whole.pop_front();
            }
        }
    }

    /// The path is not what it was.
    pub(super) fn forget(&mut self) {
        self.whole.clear();
        self.open = None;
    }

    /// Bits per second at which trains came through.
    pub(super) fn bps(&self) -> Option<f64> {
        if self.whole.len() < TRAINS_MIN {
            return None;
        }
        let since = self.whole.back().map_or(Duration::ZERO, |last| last.sent.0.saturating_sub(LATELY));
        let first = self.whole.iter().position(|train| train.sent.0 >= since).unwrap_or(0);
        let lately = || self.whole.range(first.min(self.whole.len() - TRAINS_MIN)..);
        let bits: f64 = lately().map(|train| train.bytes as f64 * 8.0).sum();
        let span = |of: fn(&Train) -> (Duration, Duration)| {
            lately().map(|train| of(train).1.saturating_sub(of(train).0).as_secs_f64()).sum::<f64>()
        };
        let slower = span(|train| train.arrived).max(span(|train| train.sent));
        (slower > 0.0).then(|| bits / slower)
    }
}

//! One direction of the path: a bottleneck with a queue, delay, jitter and loss.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rtc::interceptor::{Packet, TaggedPacket};
use rtc::shared::marshal::MarshalSize as _;
use std::collections::VecDeque;
use std::time::Duration;

/// What IP, UDP and SRTP add to a packet, bytes.
const AROUND: usize = 44;

#[derive(Clone, Copy)]
pub(super) struct Path {
    /// 0: as much as wanted.
    pub(super) bps: f64,
    pub(super) queue_ms: f64,
    pub(super) delay_ms: f64,
    pub(super) jitter_ms: f64,
    pub(super) loss: f64,
    /// Share of packets that overtake others, as far as jitter lets them.
    pub(super) reorder: f64,
    /// Probability to enter and to leave a burst, and of loss inside it (Gilbert).
    pub(super) burst: Option<(f64, f64, f64)>,
}

pub(super) struct Line {
    rng: ChaCha8Rng,
    free_at: f64,
    last: f64,
    in_burst: bool,
    flying: VecDeque<(f64, TaggedPacket)>,
    /// When a packet came through and its bits, and how long it queued, s.
    carried: Vec<(f64, f64, f64)>,
}

impl Line {
    pub(super) fn new(seed: u64) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        Self { rng, free_at: 0.0, last: 0.0, in_burst: false, flying: VecDeque::new(), carried: Vec::new() }
    }

    pub(super) fn send(&mut self, now: Duration, packet: TaggedPacket, path: Path) {
        let now = now.as_secs_f64();
        let wait = (self.free_at - now).max(0.0);
        if self.is_lost(path) || path.bps > 0.0 && wait * 1000.0 > path.queue_ms {
            return;
        }
        let bits = (size(&packet.message.packet) + AROUND) as f64 * 8.0;
        self.carried.push((now, bits, wait));
        let mut arrival = now;
        if path.bps > 0.0 {
            self.free_at = now.max(self.free_at) + bits / path.bps;
            arrival = self.free_at;
        }
        arrival += (path.delay_ms + self.rng.random_range(0.0..=path.jitter_ms)) / 1000.0;
        if path.reorder <= 0.0 || !self.rng.random_bool(path.reorder) {
            self.last = self.last.max(arrival);
            arrival = self.last;
        }
        let behind = self.flying.partition_point(|(at, _)| *at <= arrival);
        self.flying.insert(behind, (arrival, packet));
    }

    fn is_lost(&mut self, path: Path) -> bool {
        let Some((enter, leave, loss)) = path.burst else { return self.rng.random_bool(path.loss) };
        self.in_burst =
            if self.in_burst { !self.rng.random_bool(leave) } else { self.rng.random_bool(enter) };
        self.in_burst && self.rng.random_bool(loss)
    }

    pub(super) fn arriving(&mut self, now: Duration) -> Option<TaggedPacket> {
        self.flying.pop_front_if(|(at, _)| *at <= now.as_secs_f64()).map(|(_, packet)| packet)
    }

    /// Bits per second that came through.
    pub(super) fn bps(&self, from: f64, to: f64) -> f64 {
        let within = self.carried.iter().filter(|(at, ..)| (from..to).contains(at));
        within.map(|(_, bits, _)| bits).sum::<f64>() / (to - from)
    }

    /// Seconds from `from` until `bps` came through over half a second.
    pub(super) fn reached(&self, bps: f64, from: f64) -> f64 {
        let last = self.carried.last().map_or(0.0, |(at, ..)| *at);
        let mut at = from;
        while self.bps(at, at + 0.5) < bps {
            at += 0.1;
            if at > last {
                return f64::INFINITY;
            }
        }
        at - from
    }

    /// How long packets queued, ms: all but the slowest twentieth.
    pub(super) fn queue_p95_ms(&self, from: f64) -> f64 {
        let mut waits: Vec<f64> =
            self.carried.iter().filter(|(at, ..)| *at >= from).map(|(.., wait)| wait * 1000.0).collect();
        waits.sort_by(f64::total_cmp);
        waits[waits.len() * 95 / 100]
    }
}

fn size(packet: &Packet) -> usize {
    match packet {
        Packet::Rtp(rtp) => rtp.marshal_size(),
        Packet::Rtcp(compound) => compound.iter().map(|part| part.marshal_size()).sum(),
        other => unreachable!("not sent: {other:?}"),
    }
}

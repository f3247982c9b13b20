//! An emulated path for the tests: a frame source that follows the target, a pacer, a bottleneck with a queue, delay,
//! jitter and loss, a TCP flow beside us, and feedback every 50 ms. Seeded: the same seed plays the same.

use super::{Clog, Congestion, Fate, PacketReport};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// One step, s.
const STEP: f64 = 0.001;
/// Bytes of a full packet.
const PACKET: usize = 1200;
const SOUND_BYTES: usize = 120;
/// Of what it may take, what a source with small pictures takes.
const SMALL_FILL: f64 = 0.7;
/// One picture in so many is a key frame, and so much larger than others.
const KEY_FRAMES: (f64, f64) = (1.0 / 300.0, 5.0);
/// What a pacer lets go at once after a pause, and a policer, s.
const BURST: f64 = 0.1;

#[derive(Clone, Copy)]
pub(super) struct Path {
    pub(super) bps: f64,
    pub(super) delay_ms: f64,
    pub(super) queue_ms: f64,
    pub(super) jitter_ms: f64,
    pub(super) loss: f64,
    /// Whether there is no queue: what exceeds the rate is thrown away, beyond a burst of a tenth of a second.
    pub(super) policed: bool,
    /// Whether a TCP flow (Reno) shares the queue.
    pub(super) tcp: bool,
    /// Probability to enter and to leave a burst, and of loss inside it (Gilbert).
    pub(super) burst: Option<(f64, f64, f64)>,
    /// For a target below this the source has small pictures: half as many, and not enough of them.
    pub(super) small_below_bps: f64,
}

/// What was seen of a play.
#[derive(Default)]
pub(super) struct Seen {
    /// Every 100 ms: time s, delivered bit/s, target bit/s.
    rows: Vec<(f64, f64, f64)>,
    queue_ms: Vec<f64>,
    /// When frames were whole, s.
    frames: Vec<f64>,
    pub(super) tcp_bits: f64,
    sent: usize,
    lost: usize,
}

impl Seen {
    pub(super) fn mean_bps(&self, from: f64, to: f64) -> f64 {
        let rows = self.rows.iter().filter(|row| (from..to).contains(&row.0));
        let (count, sum) = rows.fold((0, 0.0), |(count, sum), row| (count + 1, sum + row.1));
        sum / f64::from(count)
    }

    /// Seconds from `from` until both target and delivery reach `bps`.
    pub(super) fn reached(&self, bps: f64, from: f64) -> f64 {
        let row = self.rows.iter().find(|row| row.0 >= from && row.2 >= bps && row.1 >= bps * 0.9);
        row.map_or(f64::INFINITY, |row| row.0 - from)
    }

    /// The share of what was sent that did not arrive.
    pub(super) fn lost_share(&self) -> f64 {
        self.lost as f64 / self.sent as f64
    }

    pub(super) fn queue_p95(&self) -> f64 {
        let mut all = self.queue_ms.clone();
        all.sort_by(f64::total_cmp);
        all[all.len() * 95 / 100]
    }

    pub(super) fn longest_gap(&self, from: f64, to: f64) -> f64 {
        let mut times: Vec<f64> = self.frames.iter().copied().filter(|at| (from..to).contains(at)).collect();
        times.extend([from, to]);
        times.sort_by(f64::total_cmp);
        times.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max)
    }
}

#[derive(Clone, Copy)]
struct Flying {
    arrives: f64,
    sent: f64,
    bytes: usize,
    frame: u64,
}

struct Play {
    rng: ChaCha8Rng,
    control: Congestion,
    clog: Clog,
    seen: Seen,
    pacer: VecDeque<(usize, u64)>,
    debt_bits: f64,
    backlog_bits: f64,
    in_burst: bool,
    last_arrival: f64,
    flying: Vec<Flying>,
    arrived: Vec<Flying>,
    lost: Vec<(f64, usize)>,
    /// Of reports that were lost.
    unreported: Vec<PacketReport>,
    policer_bits: f64,
    feedback: VecDeque<(f64, Vec<PacketReport>)>,
    /// Packets of each frame that are still missing.
    missing: BTreeMap<u64, usize>,
    delivered_bits: f64,
    next_frame: f64,
    next_sound: f64,
    tcp: Tcp,
}

/// Reno, without its timeouts.
struct Tcp {
    window: f64,
    threshold: f64,
    credit: f64,
    halved_at: f64,
}

/// Plays a call of `seconds` over the path that `path` gives for each moment.
pub(super) fn play(seed: u64, seconds: f64, path: impl Fn(f64) -> Path) -> Seen {
    let mut play = Play {
        rng: ChaCha8Rng::seed_from_u64(seed),
        control: Congestion::new(Duration::ZERO, 2_500_000),
        clog: Clog::default(),
        seen: Seen::default(),
        pacer: VecDeque::new(),
        debt_bits: 0.0,
        backlog_bits: 0.0,
        in_burst: false,
        last_arrival: 0.0,
        flying: Vec::new(),
        arrived: Vec::new(),
        lost: Vec::new(),
        unreported: Vec::new(),
        policer_bits: 0.0,
        feedback: VecDeque::new(),
        missing: BTreeMap::new(),
        delivered_bits: 0.0,
        next_frame: 0.0,
        next_sound: 0.0,
        tcp: Tcp { window: 10.0, threshold: 1e9, credit: 0.0, halved_at: 0.0 },
    };
    for step in 0..(seconds / STEP) as u64 {
        let (now, path) = (step as f64 * STEP, path(step as f64 * STEP));
        play.make_media(now, path);
        play.backlog_bits = (play.backlog_bits - path.bps * STEP).max(0.0);
        if path.tcp {
            play.send_tcp(now, path);
        }
        play.send_paced(now, path);
        play.deliver(now);
        if step.is_multiple_of(50) {
            play.report(now, path);
        }
        play.hear(now);
        if step.is_multiple_of(100) {
            play.control.tick(Duration::from_secs_f64(now));
            let bits = std::mem::take(&mut play.delivered_bits);
            play.seen.rows.push((now, bits * 10.0, f64::from(play.control.target_bps())));
        }
    }
    play.seen
}

impl Play {
    fn make_media(&mut self, now: f64, path: Path) {
        if now >= self.next_sound {
            self.next_sound += 0.02;
            self.pacer.push_front((SOUND_BYTES, 0));
        }
        if now < self.next_frame {
            return;
        }
        let small = f64::from(self.control.target_bps()) < path.small_below_bps;
        let (interval, fill) = if small { (1.0 / 15.0, SMALL_FILL) } else { (1.0 / 30.0, 1.0) };
        self.next_frame += interval;
        let waiting = self.pacer.iter().map(|(bytes, _)| bytes).sum();
        if self.control.is_clogged(Duration::from_secs_f64(now), waiting, &mut self.clog) {
            return;
        }
        let bps = (f64::from(self.control.target_bps()) * 0.95 - 50_000.0).max(50_000.0);
        let (share, times) = KEY_FRAMES;
        let key_frame = if self.rng.random_bool(share) { times } else { 1.0 };
        let bytes = (bps * fill * key_frame / 8.0 * interval * self.rng.random_range(0.7..1.3)) as usize;
        let frame = self.missing.last_key_value().map_or(1, |(last, _)| last + 1);
        self.missing.insert(frame, bytes.div_ceil(PACKET));
        for packet in 0..bytes.div_ceil(PACKET) {
            self.pacer.push_back(((bytes - packet * PACKET).min(PACKET), frame));
        }
    }

    fn send_tcp(&mut self, now: f64, path: Path) {
        let round_trip = self.backlog_bits / path.bps + 2.0 * path.delay_ms / 1000.0;
        self.tcp.credit += self.tcp.window / round_trip * STEP;
        while self.tcp.credit >= 1.0 {
            self.tcp.credit -= 1.0;
            if self.backlog_bits / path.bps * 1000.0 <= path.queue_ms {
                let bits = PACKET as f64 * 8.0;
                self.backlog_bits += bits;
                self.seen.tcp_bits += bits;
                let slow_start = self.tcp.window < self.tcp.threshold;
                self.tcp.window += if slow_start { 1.0 } else { 1.0 / self.tcp.window };
            } else if now - self.tcp.halved_at > round_trip {
                self.tcp.halved_at = now;
                self.tcp.window = (self.tcp.window / 2.0).max(2.0);
                self.tcp.threshold = self.tcp.window;
            }
        }
    }

    fn send_paced(&mut self, now: f64, path: Path) {
        let pace = f64::from(self.control.pace_bps(Duration::from_secs_f64(now)));
        self.debt_bits = (self.debt_bits - pace * STEP).max(-pace * BURST);
        self.policer_bits = (self.policer_bits + path.bps * STEP).min(path.bps * BURST);
        while self.debt_bits <= 0.0
            && let Some((bytes, frame)) = self.pacer.pop_front()
        {
            self.debt_bits += bytes as f64 * 8.0;
            self.control.sent(Duration::from_secs_f64(now), bytes);
            self.seen.sent += 1;
            let (queue_ms, bits) = (self.backlog_bits / path.bps * 1000.0, bytes as f64 * 8.0);
            let thrown = if path.policed { bits > self.policer_bits } else { queue_ms > path.queue_ms };
            if thrown || self.is_lost(path) {
                self.seen.lost += 1;
                self.lost.push((now, bytes));
                continue;
            }
            self.seen.queue_ms.push(queue_ms);
            if path.policed {
                self.policer_bits -= bits;
            } else {
                self.backlog_bits += bits;
            }
            let jitter = if path.jitter_ms > 0.0 { self.rng.random_range(0.0..path.jitter_ms) } else { 0.0 };
            let arrives = now + self.backlog_bits / path.bps + (path.delay_ms + jitter) / 1000.0;
            self.last_arrival = self.last_arrival.max(arrives);
            self.flying.push(Flying { arrives: self.last_arrival, sent: now, bytes, frame });
        }
    }

    fn is_lost(&mut self, path: Path) -> bool {
        let Some((enter, leave, loss)) = path.burst else { return self.rng.random_bool(path.loss) };
        self.in_burst =
            if self.in_burst { !self.rng.random_bool(leave) } else { self.rng.random_bool(enter) };
        self.in_burst && self.rng.random_bool(loss)
    }

    fn deliver(&mut self, now: f64) {
        let landed = self.flying.iter().take_while(|packet| packet.arrives <= now).count();
        for packet in self.flying.drain(..landed) {
            self.delivered_bits += packet.bytes as f64 * 8.0;
            if let Some(missing) = self.missing.get_mut(&packet.frame) {
                *missing -= 1;
                if *missing == 0 {
                    self.seen.frames.push(now);
                }
            }
            self.arrived.push(packet);
        }
    }

    /// The receiver writes its report; it takes the way back to arrive.
    fn report(&mut self, now: f64, path: Path) {
        let Some(newest) = self.arrived.last().map(|packet| packet.sent) else { return };
        let mut reports: Vec<PacketReport> = Vec::new();
        for packet in self.arrived.drain(..) {
            // The receiver's clock has another zero.
            let fate = Fate::Arrived(Duration::from_secs_f64(packet.arrives + 1000.0));
            reports.push(PacketReport {
                sent: Duration::from_secs_f64(packet.sent),
                fate,
                bytes: packet.bytes,
            });
        }
        for (sent, bytes) in self.lost.extract_if(.., |(sent, _)| *sent < newest) {
            reports.push(PacketReport { sent: Duration::from_secs_f64(sent), fate: Fate::Lost, bytes });
        }
        reports.sort_by_key(|report| report.sent);
        if self.rng.random_bool(path.loss) {
            let unreported =
                reports.into_iter().map(|report| PacketReport { fate: Fate::Unreported, ..report });
            return self.unreported.extend(unreported);
        }
        reports.splice(0..0, self.unreported.drain(..));
        self.feedback.push_back((now + path.delay_ms / 1000.0, reports));
    }

    fn hear(&mut self, now: f64) {
        while let Some((_, reports)) = self.feedback.pop_front_if(|(at, _)| *at <= now) {
            self.control.report(Duration::from_secs_f64(now), &reports);
        }
    }
}

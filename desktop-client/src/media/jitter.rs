//! The playout buffer of sound: evens out when packets arrive, for the price of as little delay as that takes. Pure.
//!
//! Time comes in as microseconds of our media clock. Delay is measured against the quickest recent packet, so that
//! it includes no clock offset, and the drift of the two sound clocks looks like a slow change of delay. The target
//! follows the jitter of the last ten seconds. Small differences are played away by speed, large ones by skipping:
//! delay can never pile up. A packet that is late, double or far off is dropped and counted.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::opus::{FRAME_SAMPLES, FRAME_US, announces_silence, packet_samples};

#[cfg(test)]
mod tests;

/// Bounds of the target delay, µs: one frame, and what people begin to talk over.
const TARGET_US: (i64, i64) = (20_000, 200_000);
/// Target before the jitter is known, µs.
const FIRST_TARGET_US: i64 = 60_000;
/// What the target adds to the measured jitter, µs: the grain of our own scheduling.
const MARGIN_US: i64 = 10_000;
/// Transit times remembered: ten seconds of 20 ms packets.
const TRANSITS: usize = 500;
/// Share of packets that the target waits for, percent: the rest is concealed.
const COVERED_PERCENT: usize = 97;
/// Packets between two looks at the jitter.
const TARGET_EVERY: u64 = 10;
/// Difference to the target that is left alone, µs.
const TOLERANCE_US: i64 = 10_000;
/// Difference that is played away briskly, µs.
const BRISK_US: i64 = 40_000;
/// Difference that is skipped, µs.
const SKIP_US: i64 = 150_000;
/// How much faster or slower to play, gently and briskly: the ear hardly notices the first.
const SPEEDS: (f64, f64) = (0.01, 0.04);
/// Packets held at most: two seconds. More means nobody plays.
const MAX_PACKETS: usize = 100;
/// A timestamp this far from the expected one, in samples, begins a new stream: ten seconds.
const MAX_JUMP: i64 = 480_000;

/// What to play next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pull {
    /// Decode this packet.
    Packet {
        /// RTP timestamp of its first sample.
        timestamp: u32,
        /// The payload.
        payload: Bytes,
    },
    /// The frame is lost, and this packet after it carries its error correction.
    Recover {
        /// The packet after the lost one; it is pulled itself next.
        payload: Bytes,
    },
    /// The frame is lost or late: carry on what was heard.
    Conceal,
    /// The sender is silent: background noise, no loss.
    Comfort,
    /// Nothing has come yet.
    Nothing,
}

/// Counters since the start, and the state of the buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct JitterStats {
    /// Packets that came, duplicates included.
    pub packets_received: u64,
    /// Frames that did not come in time to be played.
    pub packets_lost: u64,
    /// Packets that came after their time.
    pub packets_late: u64,
    /// Packets that came again.
    pub packets_duplicate: u64,
    /// Sound that was made up, ms (error correction not counted).
    pub concealed_ms: u64,
    /// How long a packet without jitter waits before it is played, ms.
    pub delay_ms: f64,
    /// What that should be, ms.
    pub target_ms: f64,
}

#[derive(Debug)]
struct Packet {
    timestamp: u32,
    samples: i64,
    payload: Bytes,
}

/// The buffer of one stream.
#[derive(Debug)]
pub struct JitterBuffer {
    /// By extended timestamp, in samples.
    packets: BTreeMap<i64, Packet>,
    /// Extended timestamp of the next sample to play; `None` before the stream begins.
    next: Option<i64>,
    reference: Option<i64>,
    /// Arrival minus timestamp of recent packets, µs.
    transits: VecDeque<i64>,
    target_us: i64,
    /// When the first packet may be played, µs.
    starts_us: Option<i64>,
    /// The sender said that it is silent.
    silent: bool,
    stats: JitterStats,
}

impl Default for JitterBuffer {
    fn default() -> Self {
        Self::new()
    }
}

impl JitterBuffer {
    /// An empty buffer.
    pub fn new() -> Self {
        Self {
            packets: BTreeMap::new(),
            next: None,
            reference: None,
            transits: VecDeque::with_capacity(TRANSITS),
            target_us: FIRST_TARGET_US,
            starts_us: None,
            silent: false,
            stats: JitterStats::default(),
        }
    }

    /// Takes a packet that arrived at `now_us`.
    pub fn push(&mut self, timestamp: u32, payload: Bytes, now_us: u64) {
        self.stats.packets_received += 1;
        if payload.is_empty() {
            return;
        }
        let now_us = now_us as i64;
        let extended = self.extend(timestamp, now_us);
        if self.next.is_some_and(|next| extended < next) {
            self.stats.packets_late += 1;
            self.note_transit(extended, now_us);
            return;
        }
        if self.packets.contains_key(&extended) {
            self.stats.packets_duplicate += 1;
            return;
        }
        self.note_transit(extended, now_us);
        if self.next.is_none() {
            self.starts_us.get_or_insert(now_us + self.target_us);
        }
        let samples = packet_samples(&payload) as i64;
        self.packets.insert(extended, Packet { timestamp, samples, payload });
        if self.packets.len() > MAX_PACKETS {
            self.packets.pop_first();
        }
    }

    /// What to play for the next frame, at `now_us`.
    pub fn pull(&mut self, now_us: u64) -> Pull {
        let now_us = now_us as i64;
        let Some(next) = self.next.or_else(|| self.begin(now_us)) else { return Pull::Nothing };
        let next = self.skip_excess(next, now_us);
        self.next = Some(next);
        // A packet that begins before the next sample, after a skip or a change of frame size, cannot be played.
        while let Some(first) = self.packets.first_entry()
            && *first.key() < next
        {
            first.remove();
        }
        if let Some(packet) = self.packets.remove(&next) {
            self.silent = announces_silence(&packet.payload);
            self.next = Some(next + packet.samples);
            return Pull::Packet { timestamp: packet.timestamp, payload: packet.payload };
        }
        let frame = FRAME_SAMPLES as i64;
        if self.silent {
            self.next =
                Some(next + self.packets.keys().next().map_or(frame, |first| (first - next).min(frame)));
            return Pull::Comfort;
        }
        let following = self.packets.first_key_value().map(|(at, packet)| (*at, packet.payload.clone()));
        match following {
            Some((at, payload)) if at == next + frame => {
                self.next = Some(at);
                self.stats.packets_lost += 1;
                Pull::Recover { payload }
            }
            Some((at, _)) => {
                self.next = Some(at.min(next + frame));
                self.stats.packets_lost += 1;
                self.conceal()
            }
            None => {
                // Late, not lost, as long as waiting for it keeps the delay within its bound.
                if self.delay_us(next, now_us) > TARGET_US.1 {
                    self.next = Some(next + frame);
                    self.stats.packets_lost += 1;
                }
                self.conceal()
            }
        }
    }

    /// How fast to play now: above one to shorten the delay, below to lengthen it.
    pub fn speed(&self, now_us: u64) -> f64 {
        let Some(next) = self.next.filter(|_| !self.packets.is_empty()) else { return 1.0 };
        let excess_us = self.delay_us(next, now_us as i64) - self.target_us;
        let amount = match excess_us.abs() {
            distance if distance <= TOLERANCE_US => 0.0,
            distance if distance <= BRISK_US => SPEEDS.0,
            _ => SPEEDS.1,
        };
        if excess_us > 0 { 1.0 + amount } else { 1.0 - amount }
    }

    /// Counters, and the delay at `now_us`.
    pub fn stats(&self, now_us: u64) -> JitterStats {
        let delay_us = self.next.map_or(0, |next| self.delay_us(next, now_us as i64));
        JitterStats {
            delay_ms: delay_us as f64 / 1000.0,
            target_ms: self.target_us as f64 / 1000.0,
            ..self.stats
        }
    }

    fn conceal(&mut self) -> Pull {
        self.stats.concealed_ms += FRAME_US / 1000;
        Pull::Conceal
    }

    /// The first sample to play, once the first packet has waited for the target.
    fn begin(&mut self, now_us: i64) -> Option<i64> {
        let due = self.starts_us.is_some_and(|starts_us| starts_us <= now_us);
        self.packets.keys().next().copied().filter(|_| due)
    }

    /// Skips to the target if the delay is far beyond it and the sound to skip to is here.
    fn skip_excess(&mut self, next: i64, now_us: i64) -> i64 {
        if self.delay_us(next, now_us) - self.target_us < SKIP_US {
            return next;
        }
        let wanted = next + (self.delay_us(next, now_us) - self.target_us) * 48 / 1000;
        let later = self.packets.range(..=wanted).next_back().map(|(at, _)| *at);
        later.map_or(next, |at| at.max(next))
    }

    /// Time from the arrival that the quickest packet would have had to `now_us`, for the sample `next`.
    fn delay_us(&self, next: i64, now_us: i64) -> i64 {
        let base = self.transits.iter().min().copied().unwrap_or_default();
        now_us - micros(next) - base
    }

    fn note_transit(&mut self, extended: i64, now_us: i64) {
        if self.transits.len() == TRANSITS {
            self.transits.pop_front();
        }
        self.transits.push_back(now_us - micros(extended));
        if self.stats.packets_received.is_multiple_of(TARGET_EVERY) {
            let mut sorted: Vec<i64> = self.transits.iter().copied().collect();
            sorted.sort_unstable();
            let covered = sorted[(sorted.len() - 1) * COVERED_PERCENT / 100] - sorted[0];
            self.target_us = (covered + MARGIN_US).clamp(TARGET_US.0, TARGET_US.1);
        }
    }

    /// The timestamp without wrap-around; a far jump starts the stream anew.
    fn extend(&mut self, timestamp: u32, now_us: i64) -> i64 {
        let Some(reference) = self.reference else {
            self.reference = Some(i64::from(timestamp));
            return i64::from(timestamp);
        };
        let step = i64::from(timestamp.wrapping_sub(reference as u32) as i32);
        let extended = reference + step;
        // In silence the sender's timestamps run on without packets: only a jump that time does not explain counts.
        let expected = self.transits.back().map_or(0, |transit| micros(extended) + transit - now_us);
        if expected.abs() > micros(MAX_JUMP) {
            *self = Self { stats: self.stats, ..Self::new() };
            self.reference = Some(i64::from(timestamp));
            return i64::from(timestamp);
        }
        self.reference = Some(reference.max(extended));
        extended
    }
}

/// Samples of 48 kHz in µs.
fn micros(samples: i64) -> i64 {
    samples * 1000 / 48
}

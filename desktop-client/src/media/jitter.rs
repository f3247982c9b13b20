//! The playout buffer of sound: evens out when packets arrive, for the price of as little delay as that takes. Pure.
//!
//! Time comes in as microseconds of our media clock. Delay is measured against the quickest recent packet, so that it
//! includes no clock offset, and the drift of the two sound clocks looks like a slow change of delay. What the delay
//! should be comes from a histogram (`delay`). A small difference is worn away by a speed that nobody hears (`drift`),
//! a larger one by stretching single frames, which the buffer asks for and is told about, a huge one by skipping:
//! delay can never pile up. A packet that is late, double or far off is dropped and counted.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::opus::{FRAME_SAMPLES, FRAME_US, announces_silence, packet_samples};

mod delay;
mod drift;
#[cfg(test)]
mod tests;

use delay::DelayTarget;
use drift::Drift;

/// Delay beyond which a packet that has not come counts as lost, µs: what people begin to talk over.
const PATIENCE_US: i64 = 200_000;
/// Above the target by this much, frames are shortened, µs; most of what a device asks for at once stays below it.
const FASTER_US: i64 = 20_000;
/// Above the target by this much, frames are shortened where it can be heard, µs.
const MUCH_FASTER_US: i64 = 80_000;
/// Below the target by this much, frames are lengthened, µs.
const SLOWER_US: i64 = -15_000;
/// Above the target by this much, sound is skipped, µs.
const SKIP_US: i64 = 250_000;
/// Share of a new reading in the level, one in: the grain of devices that ask for several frames at once averages out.
const LEVEL_SHARE: i64 = 16;
/// Packets held at most: two seconds. More means nobody plays.
const MAX_PACKETS: usize = 100;
/// A timestamp this far from the expected one, in samples, begins a new stream: ten seconds.
const MAX_JUMP: i64 = 480_000;

/// How to play a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// As it is.
    Steady,
    /// Shorter where that is not heard.
    Faster,
    /// Shorter wherever that is possible.
    MuchFaster,
    /// Longer where that is not heard.
    Slower,
}

/// What to play next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pull {
    /// Decode this packet.
    Packet {
        /// RTP timestamp of its first sample.
        timestamp: u32,
        /// The payload.
        payload: Bytes,
        /// How to play it.
        pace: Pace,
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
    /// Sound that was left out to shorten the delay, ms.
    pub shortened_ms: u64,
    /// Sound that was added to lengthen the delay, ms.
    pub lengthened_ms: u64,
    /// How long a packet without jitter waits before it is played, ms.
    pub delay_ms: f64,
    /// What that should be, ms.
    pub target_ms: f64,
    /// How much faster than here the sender's clock runs, parts per million, as far as it was found out.
    pub drift_ppm: f64,
}

#[derive(Debug)]
struct Packet {
    timestamp: u32,
    samples: i64,
    payload: Bytes,
}

/// A packet that belongs to another stream, or to none.
#[derive(Debug)]
struct Stray {
    timestamp: u32,
    payload: Bytes,
    arrived_us: i64,
}

/// The buffer of one stream.
#[derive(Debug)]
pub struct JitterBuffer {
    /// By extended timestamp, in samples.
    packets: BTreeMap<i64, Packet>,
    /// Extended timestamp of the next sample to play; `None` before the stream begins.
    next: Option<i64>,
    reference: Option<i64>,
    delay: DelayTarget,
    drift: Drift,
    /// The delay, averaged, µs.
    level_us: Option<i64>,
    /// Samples made up while the packet at `next` was waited for.
    waited: i64,
    /// When the first packet may be played, µs.
    starts_us: Option<i64>,
    /// The sender said that it is silent.
    silent: bool,
    /// A packet whose timestamp is far off: of a new stream, if a second one confirms it.
    stray: Option<Stray>,
    shortened: u64,
    lengthened: u64,
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
            delay: DelayTarget::new(),
            drift: Drift::default(),
            level_us: None,
            waited: 0,
            starts_us: None,
            silent: false,
            stray: None,
            shortened: 0,
            lengthened: 0,
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
        if self.is_far_off(timestamp, now_us) {
            let Some(first) = self.stray.take().filter(|first| first.is_followed_by(timestamp, now_us))
            else {
                self.stray = Some(Stray { timestamp, payload, arrived_us: now_us });
                return;
            };
            let (shortened, lengthened) = (self.shortened, self.lengthened);
            *self = Self { stats: self.stats, shortened, lengthened, ..Self::new() };
            self.take(first.timestamp, first.payload, first.arrived_us);
        }
        self.stray = None;
        self.take(timestamp, payload, now_us);
    }

    fn take(&mut self, timestamp: u32, payload: Bytes, now_us: i64) {
        let extended = self.extended(timestamp);
        self.reference = Some(self.reference.map_or(extended, |reference| reference.max(extended)));
        if self.next.is_some_and(|next| extended < next) {
            self.stats.packets_late += 1;
            self.delay.note(micros(extended), now_us);
            return;
        }
        if self.packets.contains_key(&extended) {
            self.stats.packets_duplicate += 1;
            return;
        }
        self.delay.note(micros(extended), now_us);
        if self.next.is_none() {
            self.starts_us.get_or_insert(now_us + self.delay.target_us());
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
        let next = self.pass_over_what_was_made_up(next);
        let next = self.skip_excess(next, now_us);
        let next = self.end_silence(next, now_us);
        self.next = Some(next);
        // A packet that begins before the next sample, after a skip or a change of frame size, cannot be played.
        while let Some(first) = self.packets.first_entry()
            && *first.key() < next
        {
            first.remove();
        }
        self.follow_level(next, now_us);
        if let Some(packet) = self.packets.remove(&next) {
            self.silent = announces_silence(&packet.payload);
            self.waited = 0;
            self.next = Some(next + packet.samples);
            let pace = self.pace();
            return Pull::Packet { timestamp: packet.timestamp, payload: packet.payload, pace };
        }
        let frame = FRAME_SAMPLES as i64;
        if self.silent {
            let first = self.packets.keys().next();
            self.next = Some(next + first.map_or(frame, |first| (first - next).min(frame)));
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
                if self.delay_us(next, now_us) > PATIENCE_US {
                    self.next = Some(next + frame);
                    self.stats.packets_lost += 1;
                } else {
                    self.waited += frame;
                    self.shift_level(FRAME_US as i64);
                }
                self.conceal()
            }
        }
    }

    /// A frame was played with this many samples fewer (or, below zero, more) than it has.
    pub fn note_shortened(&mut self, samples: i64) {
        self.shift_level(-micros(samples));
        if samples >= 0 {
            self.shortened += samples.unsigned_abs();
        } else {
            self.lengthened += samples.unsigned_abs();
        }
    }

    /// How fast to play from now on, near one: what the two clocks differ by, and a nudge towards the target. To be
    /// asked once a frame.
    pub fn speed(&mut self) -> f64 {
        let excess_us = self.level_us.map_or(0, |level_us| level_us - self.delay.target_us());
        self.drift.speed(excess_us)
    }

    /// Keeps the delay at `floor_us` at least, up to the bound of the target: what lip sync asks for.
    pub fn set_floor_us(&mut self, floor_us: u64) {
        self.delay.set_floor_us(floor_us as i64);
    }

    /// Counters, and the delay at `now_us`.
    pub fn stats(&self, now_us: u64) -> JitterStats {
        let delay_us = self.next.map_or(0, |next| self.delay_us(next, now_us as i64));
        JitterStats {
            delay_ms: delay_us as f64 / 1000.0,
            target_ms: self.delay.target_us() as f64 / 1000.0,
            drift_ppm: self.drift.ppm(),
            shortened_ms: self.shortened / 48,
            lengthened_ms: self.lengthened / 48,
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

    /// What was waited for in vain was made up meanwhile: the sound goes on after it.
    fn pass_over_what_was_made_up(&mut self, next: i64) -> i64 {
        let Some(first) = self.packets.keys().next().copied().filter(|first| *first > next) else {
            return next;
        };
        let passed = self.waited.min(first - next);
        self.waited = 0;
        self.stats.packets_lost += (passed / FRAME_SAMPLES as i64) as u64;
        self.shift_level(-micros(passed));
        next + passed
    }

    /// After silence the first sound is played when it is due; how much silence there was, nobody hears.
    fn end_silence(&self, next: i64, now_us: i64) -> i64 {
        let first = self.packets.keys().next().copied().filter(|first| self.silent && *first > next);
        let due = |first: &i64| self.delay_us(*first, now_us) >= self.delay.target_us();
        first.filter(due).unwrap_or(next)
    }

    /// Skips to the target if the delay is far beyond it and the sound to skip to is here.
    fn skip_excess(&mut self, next: i64, now_us: i64) -> i64 {
        let excess_us = self.delay_us(next, now_us) - self.delay.target_us();
        if excess_us < SKIP_US {
            return next;
        }
        let wanted = next + excess_us * 48 / 1000;
        let later = self.packets.range(..=wanted).next_back().map(|(at, _)| *at);
        let skipped_to = later.map_or(next, |at| at.max(next));
        self.shift_level(-micros(skipped_to - next));
        skipped_to
    }

    fn pace(&self) -> Pace {
        let excess_us = self.level_us.map_or(0, |level_us| level_us - self.delay.target_us());
        match excess_us {
            MUCH_FASTER_US.. => Pace::MuchFaster,
            FASTER_US.. => Pace::Faster,
            ..=SLOWER_US => Pace::Slower,
            _ => Pace::Steady,
        }
    }

    fn follow_level(&mut self, next: i64, now_us: i64) {
        let delay_us = self.delay_us(next, now_us);
        let level_us = self.level_us.get_or_insert(delay_us);
        *level_us += (delay_us - *level_us) / LEVEL_SHARE;
    }

    /// The delay changed at once, by our own doing.
    fn shift_level(&mut self, by_us: i64) {
        if let Some(level_us) = &mut self.level_us {
            *level_us += by_us;
        }
    }

    /// Time from the arrival that the quickest packet would have had to `now_us`, for the sample `next`.
    fn delay_us(&self, next: i64, now_us: i64) -> i64 {
        now_us - micros(next) - self.delay.base_us()
    }

    /// The timestamp without wrap-around.
    fn extended(&self, timestamp: u32) -> i64 {
        self.reference.map_or(i64::from(timestamp), |reference| {
            reference + i64::from(timestamp.wrapping_sub(reference as u32) as i32)
        })
    }

    /// Whether the timestamp is of another stream. In silence the sender's run on without packets: only a jump that time does
    /// not explain counts.
    fn is_far_off(&self, timestamp: u32, now_us: i64) -> bool {
        let expected = self.delay.last_transit_us();
        let off_us = expected.map_or(0, |transit| micros(self.extended(timestamp)) + transit - now_us);
        off_us.abs() > micros(MAX_JUMP)
    }
}

impl Stray {
    /// Whether a packet of this timestamp goes on where this one left off, before or behind it, and soon.
    fn is_followed_by(&self, timestamp: u32, now_us: i64) -> bool {
        let step = i64::from(timestamp.wrapping_sub(self.timestamp) as i32);
        step != 0 && step.abs() <= MAX_JUMP && now_us - self.arrived_us <= micros(MAX_JUMP)
    }
}

/// Samples of 48 kHz in µs.
fn micros(samples: i64) -> i64 {
    samples * 1000 / 48
}

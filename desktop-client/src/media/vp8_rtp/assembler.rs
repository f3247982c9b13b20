//! Puts frames together from packets that come late, twice, out of order or not at all.
//!
//! Frames leave whole and in order. A frame that stays incomplete beyond the deadline is lost, and with it
//! everything up to the next key frame, because VP8 predicts each frame from the one before: the assembler asks for
//! a key frame and lets nothing else through. A key frame that arrives whole is taken at once, whatever is missing
//! before it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::Descriptor;
use crate::media::packet::{IncomingPacket, MAX_PAYLOAD_BYTES, SequenceUnwrapper};
use crate::media::vp8::is_key_frame;

/// Packets held at most: a key frame of noise in full HD, as fine as text is encoded. More means that nothing completes.
pub const PACKETS_MAX: usize = 2048;
/// Bytes of one frame at most: as many as these packets carry in full payloads.
const MAX_FRAME_BYTES: usize = PACKETS_MAX * MAX_PAYLOAD_BYTES;
/// A jump of the sequence number beyond this is a restarted sender, not loss, once a second packet confirms it.
const MAX_JUMP: i64 = 3000;

/// Of more missing packets none is waited for: a key frame is less than all of them.
pub const MISSING_MAX: usize = 32;
/// Wait for a missing packet at first: two retransmissions on a path of 50 ms.
const FIRST_DEADLINE: Duration = Duration::from_millis(200);
/// Bounds of that wait once the round trip is known.
const DEADLINE: (Duration, Duration) = (Duration::from_millis(120), Duration::from_millis(600));
/// What repeats take besides round trips: noticing the loss, and pacing.
const REPEAT_MARGIN: Duration = Duration::from_millis(80);

/// A whole frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssembledFrame {
    /// RTP timestamp, 90 kHz.
    pub timestamp: u32,
    /// Whether it is a key frame.
    pub key: bool,
    /// The frame as the encoder gave it.
    pub data: Vec<u8>,
    /// When its first packet to arrive did.
    pub first_arrived: Instant,
}

/// What the assembler found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AssemblerEvent {
    /// The next frame to decode.
    Frame(AssembledFrame),
    /// Decoding cannot go on without a key frame.
    KeyFrameNeeded,
}

/// Counters since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AssemblerStats {
    /// Frames given out.
    pub frames: u64,
    /// Times a gap was given up.
    pub losses: u64,
    /// Packets that came twice, too late, or with a payload that is no VP8.
    pub useless_packets: u64,
}

#[derive(Debug)]
struct Fragment {
    timestamp: u32,
    marker: bool,
    /// `None` for a packet that carries only padding.
    descriptor: Option<Descriptor>,
    payload: Bytes,
    arrived: Instant,
}

impl Fragment {
    fn starts_frame(&self) -> bool {
        self.descriptor.is_some_and(|descriptor| descriptor.starts_frame)
    }

    fn starts_key_frame(&self) -> bool {
        self.descriptor.is_some_and(|descriptor| {
            descriptor.starts_frame && is_key_frame(&self.payload[descriptor.length..])
        })
    }
}

/// The reassembly of one stream.
#[derive(Debug)]
pub struct Assembler {
    unwrapper: SequenceUnwrapper,
    fragments: BTreeMap<i64, Fragment>,
    /// First sequence number that was not given out or given up.
    next: Option<i64>,
    /// Nothing but a key frame can be decoded.
    gated: bool,
    deadline: Duration,
    /// The packet after a jump that waits for a second one to confirm it.
    jump: Option<u16>,
    stats: AssemblerStats,
}

impl Default for Assembler {
    fn default() -> Self {
        Self {
            unwrapper: SequenceUnwrapper::default(),
            fragments: BTreeMap::new(),
            next: None,
            gated: true,
            deadline: FIRST_DEADLINE,
            jump: None,
            stats: AssemblerStats::default(),
        }
    }
}

impl Assembler {
    /// Changes how long a gap is waited for. A packet is asked for each half of a round trip: where one in three is lost, the
    /// ninth answer is one of a hundred that is still missing, and a key frame would take as long, and be larger.
    pub fn set_round_trip(&mut self, round_trip: Duration) {
        self.deadline = (round_trip * 5 + REPEAT_MARGIN).clamp(DEADLINE.0, DEADLINE.1);
    }

    /// Counters since the start.
    pub fn stats(&self) -> AssemblerStats {
        self.stats
    }

    /// Whether only a key frame can go through now.
    pub fn is_gated(&self) -> bool {
        self.gated
    }

    /// Packets waiting for others.
    pub fn held_packets(&self) -> usize {
        self.fragments.len()
    }

    /// The decoder refused a frame: nothing before the next key frame is any use.
    pub fn gate(&mut self) {
        self.gated = true;
    }

    /// Takes a packet; `effects` gets what follows from it.
    pub fn push(&mut self, packet: IncomingPacket, effects: &mut impl FnMut(AssemblerEvent)) {
        if self.restarted(packet.sequence) {
            self.fragments.clear();
            self.unwrapper = SequenceUnwrapper::default();
            self.next = None;
            self.gated = true;
            effects(AssemblerEvent::KeyFrameNeeded);
        } else if self.jump.is_some() {
            return;
        }
        let now = packet.arrived;
        let sequence = self.unwrapper.unwrap(packet.sequence);
        let descriptor = Descriptor::parse(&packet.payload);
        let rubbish = descriptor.is_none() && !packet.payload.is_empty();
        let old = self.next.is_some_and(|next| sequence < next) || self.fragments.contains_key(&sequence);
        if old || rubbish {
            self.stats.useless_packets += 1;
            return;
        }
        let IncomingPacket { timestamp, marker, payload, arrived, .. } = packet;
        let predicted = descriptor.is_some_and(|descriptor| {
            descriptor.starts_frame && !is_key_frame(&payload[descriptor.length..])
        });
        self.fragments.insert(sequence, Fragment { timestamp, marker, descriptor, payload, arrived });
        self.advance(now, effects);
        if self.fragments.len() >= PACKETS_MAX {
            self.give_up(effects);
            self.advance(now, effects);
        }
        // The first key frame of a stream may have been lost before anything was there to miss it.
        if self.gated && predicted {
            effects(AssemblerEvent::KeyFrameNeeded);
        }
    }

    /// Time passed: gives up what is overdue.
    pub fn tick(&mut self, now: Instant, effects: &mut impl FnMut(AssemblerEvent)) {
        self.advance(now, effects);
    }

    /// When [`tick`](Self::tick) has something to do, if no packet comes before: a missing packet is overdue once
    /// those after it have waited for the deadline. A frame whose rest was not yet sent is no loss.
    pub fn next_deadline(&self) -> Option<Instant> {
        let (oldest, first) = self.fragments.first_key_value()?;
        let mut expected = self.next.unwrap_or(*oldest);
        let headless = *oldest == expected && !first.starts_frame();
        let beyond = self.fragments.iter().skip_while(|(sequence, _)| {
            let here = **sequence == expected;
            expected += 1;
            here
        });
        let since = beyond.map(|(_, fragment)| fragment.arrived).min();
        since.or(headless.then_some(first.arrived)).map(|since| since + self.deadline)
    }

    /// Whether `sequence` begins a new numbering: far from the last one, and confirmed by its successor.
    fn restarted(&mut self, sequence: u16) -> bool {
        let Some(next) = self.next.or_else(|| self.fragments.keys().next().copied()) else { return false };
        if (self.unwrapper.peek(sequence) - next).abs() <= MAX_JUMP {
            self.jump = None;
            return false;
        }
        let confirmed = self.jump == Some(sequence.wrapping_sub(1));
        self.jump = if confirmed { None } else { Some(sequence) };
        confirmed
    }

    fn advance(&mut self, now: Instant, effects: &mut impl FnMut(AssemblerEvent)) {
        loop {
            self.skip_padding();
            if self.take_next(effects) || self.take_key_frame(effects) || self.drop_undecodable() {
                continue;
            }
            let overdue = self.next_deadline().is_some_and(|deadline| deadline <= now);
            if !overdue && self.missing() <= MISSING_MAX {
                return;
            }
            self.give_up(effects);
        }
    }

    /// Packets that others wait for.
    fn missing(&self) -> usize {
        let Some((last, _)) = self.fragments.last_key_value() else { return 0 };
        let first = self.next.or_else(|| self.fragments.keys().next().copied()).unwrap_or(*last);
        ((last - first + 1) as usize).saturating_sub(self.fragments.len())
    }

    fn skip_padding(&mut self) {
        while let Some(next) = self.next
            && self.fragments.get(&next).is_some_and(|fragment| fragment.payload.is_empty())
        {
            self.fragments.remove(&next);
            self.next = Some(next + 1);
        }
    }

    /// Gives out the frame at `next` if it is whole and may be decoded.
    fn take_next(&mut self, effects: &mut impl FnMut(AssemblerEvent)) -> bool {
        let Some(next) = self.next.filter(|_| !self.gated) else { return false };
        let Some(end) = self.whole_frame(next) else { return false };
        self.give_out(next, end, effects);
        true
    }

    /// Drops the whole frame at `next` while only a key frame would do.
    fn drop_undecodable(&mut self) -> bool {
        let whole = self.next.filter(|_| self.gated).and_then(|next| self.whole_frame(next));
        let Some(end) = whole else { return false };
        self.fragments = self.fragments.split_off(&(end + 1));
        self.next = Some(end + 1);
        true
    }

    /// Gives out the first whole key frame, over whatever is missing before it.
    fn take_key_frame(&mut self, effects: &mut impl FnMut(AssemblerEvent)) -> bool {
        let Some((start, end)) = self.whole_key_frame() else { return false };
        self.give_out(start, end, effects);
        true
    }

    /// Where the first whole key frame begins and ends: as [`whole_frame`](Self::whole_frame) of each packet that begins one
    /// would find it, in one pass. Whoever sends rubbish may begin one with every packet.
    fn whole_key_frame(&self) -> Option<(i64, i64)> {
        // A key frame that is whole so far: where it begins, its timestamp, and where it goes on.
        let mut open: Option<(i64, u32, i64)> = None;
        for (sequence, fragment) in &self.fragments {
            if let Some((start, timestamp, next)) = open {
                let follows = *sequence == next && fragment.descriptor.is_some();
                if follows && fragment.timestamp != timestamp && fragment.starts_frame() {
                    return Some((start, next - 1));
                }
                if !follows || fragment.timestamp != timestamp {
                    open = None;
                }
            }
            if open.is_none() && fragment.starts_key_frame() {
                open = Some((*sequence, fragment.timestamp, *sequence));
            }
            if let Some((start, _, next)) = &mut open {
                if fragment.marker {
                    return Some((*start, *sequence));
                }
                *next = sequence + 1;
            }
        }
        None
    }

    /// The last sequence number of the frame that begins at `start`, if all of it is here.
    fn whole_frame(&self, start: i64) -> Option<i64> {
        let first = self.fragments.get(&start).filter(|first| first.starts_frame())?;
        for (expected, (sequence, fragment)) in (start..).zip(self.fragments.range(start..)) {
            if *sequence != expected || fragment.descriptor.is_none() {
                return None;
            }
            if fragment.timestamp != first.timestamp {
                // Some senders leave out the marker: the beginning of the next frame says the same.
                return fragment.starts_frame().then_some(expected - 1);
            }
            if fragment.marker {
                return Some(expected);
            }
        }
        None
    }

    fn give_out(&mut self, start: i64, end: i64, effects: &mut impl FnMut(AssemblerEvent)) {
        let rest = self.fragments.split_off(&(end + 1));
        let frame = std::mem::replace(&mut self.fragments, rest).split_off(&start);
        self.next = Some(end + 1);
        let (timestamp, first_arrived) = frame
            .values()
            .map(|fragment| (fragment.timestamp, fragment.arrived))
            .min_by_key(|(_, arrived)| *arrived)
            .expect("a whole frame has packets");
        let bytes: usize = frame.values().map(|fragment| fragment.payload.len()).sum();
        if bytes > MAX_FRAME_BYTES {
            self.gated = true;
            self.stats.losses += 1;
            effects(AssemblerEvent::KeyFrameNeeded);
            return;
        }
        let mut data = Vec::with_capacity(bytes);
        for fragment in frame.values() {
            let descriptor = fragment.descriptor.expect("a whole frame has no padding inside");
            data.extend_from_slice(&fragment.payload[descriptor.length..]);
        }
        let key = is_key_frame(&data);
        self.gated &= !key;
        self.stats.frames += 1;
        effects(AssemblerEvent::Frame(AssembledFrame { timestamp, key, data, first_arrived }));
    }

    /// Gives up the oldest thing that is not whole, and everything that was predicted from it.
    fn give_up(&mut self, effects: &mut impl FnMut(AssemblerEvent)) {
        let Some((oldest, timestamp)) =
            self.fragments.first_key_value().map(|(at, fragment)| (*at, fragment.timestamp))
        else {
            return;
        };
        let same_frame = |fragment: &Fragment| fragment.timestamp == timestamp;
        let mut next = oldest;
        while let Some((at, fragment)) = self.fragments.first_key_value()
            && same_frame(fragment)
        {
            next = *at + 1;
            self.fragments.pop_first();
        }
        self.next = Some(next);
        self.stats.losses += u64::from(!self.gated);
        self.gated = true;
        effects(AssemblerEvent::KeyFrameNeeded);
    }
}

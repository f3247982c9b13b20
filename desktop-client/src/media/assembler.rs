//! Puts frames together from packets that come late, twice, out of order or not at all.
//!
//! Frames leave whole and in order. A frame that stays incomplete beyond the deadline is lost, and with it
//! everything up to the next key frame, because each frame is predicted from the one before: the assembler asks for
//! a key frame and lets nothing else through. A key frame that arrives whole is taken at once, whatever is missing
//! before it. Pure; what a payload is, its codec says.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::codec::VideoCodec;
use super::packet::{IncomingPacket, MAX_PAYLOAD_BYTES, SequenceUnwrapper};

#[cfg(test)]
mod tests;
mod window;

use window::Window;

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

/// Buffers of frames that are kept to be used again.
const SPARE_FRAMES: usize = 4;
/// Larger ones are not kept: a screen full of noise comes once.
const SPARE_BYTES_MAX: usize = 512 * 1024;

/// What one payload is to the frame it belongs to.
#[expect(clippy::struct_excessive_bools, reason = "a payload may be several of these, or none")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Piece {
    /// A frame begins here, if what comes before it is of another one.
    pub starts_frame: bool,
    /// Part of a picture that is predicted from no other.
    pub key: bool,
    /// Begins a picture that is predicted from others.
    pub predicted: bool,
    /// Says how the pictures are to be read: every key frame of VP8 does, and of H.264 the parameter sets before it.
    pub describes: bool,
}

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
    /// Packets that came twice, too late, or with a payload that is rubbish.
    pub useless_packets: u64,
}

#[derive(Debug)]
struct Fragment {
    timestamp: u32,
    marker: bool,
    /// `None` for a packet that carries only padding.
    piece: Option<Piece>,
    payload: Bytes,
    arrived: Instant,
}

impl Fragment {
    fn starts_frame(&self) -> bool {
        self.is(|piece| piece.starts_frame)
    }

    fn is(&self, what: impl Fn(Piece) -> bool) -> bool {
        self.piece.is_some_and(what)
    }
}

/// A frame that is whole so far.
struct Open {
    start: i64,
    timestamp: u32,
    /// Where it goes on.
    next: i64,
    /// Part of it is predicted from no other.
    key: bool,
    /// It is known how to read it.
    readable: bool,
}

impl Open {
    fn take(&mut self, fragment: &Fragment) {
        self.next += 1;
        self.key |= fragment.is(|piece| piece.key);
        self.readable |= fragment.is(|piece| piece.describes);
    }

    fn is_key(&self) -> bool {
        self.key && self.readable
    }
}

/// The reassembly of one stream.
#[derive(Debug)]
pub struct Assembler {
    codec: VideoCodec,
    unwrapper: SequenceUnwrapper,
    fragments: Window<Fragment>,
    /// Buffers of frames that are done with: as many as may come at once in a call that runs well.
    spare: Vec<Vec<u8>>,
    /// First sequence number that was not given out or given up.
    next: Option<i64>,
    /// Nothing but a key frame can be decoded.
    gated: bool,
    /// It was said how pictures are to be read.
    described: bool,
    /// How they are to be read, for as long as the stream itself says nothing of that. As decoders take it; empty if unknown.
    sets: Vec<u8>,
    deadline: Duration,
    /// The packet after a jump that waits for a second one to confirm it.
    jump: Option<u16>,
    stats: AssemblerStats,
}

impl Default for Assembler {
    fn default() -> Self {
        Self::new(VideoCodec::default())
    }
}

impl Assembler {
    /// For a stream of this codec that begins.
    pub fn new(codec: VideoCodec) -> Self {
        Self {
            codec,
            unwrapper: SequenceUnwrapper::default(),
            fragments: Window::new(),
            spare: Vec::with_capacity(SPARE_FRAMES),
            next: None,
            gated: true,
            described: false,
            sets: Vec::new(),
            deadline: FIRST_DEADLINE,
            jump: None,
            stats: AssemblerStats::default(),
        }
    }

    /// Changes how long a gap is waited for. A packet is asked for each half of a round trip: where one in three is lost, the
    /// ninth answer is one of a hundred that is still missing, and a key frame would take as long, and be larger.
    pub fn set_round_trip(&mut self, round_trip: Duration) {
        self.deadline = (round_trip * 5 + REPEAT_MARGIN).clamp(DEADLINE.0, DEADLINE.1);
    }

    /// Takes parameter sets that came beside the stream: they stand before each key frame until it brings some of its own.
    pub fn set_parameter_sets(&mut self, sets: &[Bytes]) {
        let before = std::mem::take(&mut self.sets);
        if self.codec.join(sets.iter().map(|set| &set[..]), &mut self.sets).is_none() {
            self.sets.clear();
        }
        // Others than before: those in the stream are older.
        self.described &= self.sets.is_empty() || self.sets == before;
    }

    /// Whether it is known from elsewhere how pictures are to be read, and from nowhere else.
    fn reads_by_sets(&self) -> bool {
        !self.described && !self.sets.is_empty()
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

    /// Takes back the buffer of a frame that was given out and is done with, for a later one.
    pub fn reuse(&mut self, data: Vec<u8>) {
        if self.spare.len() < SPARE_FRAMES && data.capacity() <= SPARE_BYTES_MAX {
            self.spare.push(data);
        }
    }

    /// Takes a packet; `effects` gets what follows from it.
    pub fn push(&mut self, packet: IncomingPacket, effects: &mut impl FnMut(AssemblerEvent)) {
        if self.restarted(packet.sequence) {
            self.fragments.clear();
            self.unwrapper = SequenceUnwrapper::default();
            self.next = None;
            (self.gated, self.described) = (true, false);
            effects(AssemblerEvent::KeyFrameNeeded);
        } else if self.jump.is_some() {
            return;
        }
        let now = packet.arrived;
        let sequence = self.unwrapper.unwrap(packet.sequence);
        let piece = self.codec.piece(&packet.payload);
        let rubbish = piece.is_none() && !packet.payload.is_empty();
        let old = self.next.is_some_and(|next| sequence < next) || self.fragments.get(sequence).is_some();
        if old || rubbish {
            self.stats.useless_packets += 1;
            return;
        }
        let IncomingPacket { timestamp, marker, payload, arrived, .. } = packet;
        let predicted = piece.is_some_and(|piece| piece.predicted);
        self.fragments.insert(sequence, Fragment { timestamp, marker, piece, payload, arrived });
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
        let (oldest, first) = self.fragments.first()?;
        let mut expected = self.next.unwrap_or(oldest);
        let headless = oldest == expected && !first.starts_frame();
        let beyond = self.fragments.iter().skip_while(|(sequence, _)| {
            let here = *sequence == expected;
            expected += 1;
            here
        });
        let since = beyond.map(|(_, fragment)| fragment.arrived).min();
        since.or(headless.then_some(first.arrived)).map(|since| since + self.deadline)
    }

    /// Whether `sequence` begins a new numbering: far from the last one, and confirmed by its successor.
    fn restarted(&mut self, sequence: u16) -> bool {
        let Some(next) = self.next.or_else(|| self.fragments.first_at()) else { return false };
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
        let Some(last) = self.fragments.last_at() else { return 0 };
        let first = self.next.or_else(|| self.fragments.first_at()).unwrap_or(last);
        ((last - first + 1) as usize).saturating_sub(self.fragments.len())
    }

    fn skip_padding(&mut self) {
        while let Some(next) = self.next
            && self.fragments.get(next).is_some_and(|fragment| fragment.payload.is_empty())
        {
            self.fragments.drop_through(next);
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
        self.fragments.drop_through(end);
        self.next = Some(end + 1);
        true
    }

    /// Gives out the first whole key frame, over whatever is missing before it.
    fn take_key_frame(&mut self, effects: &mut impl FnMut(AssemblerEvent)) -> bool {
        let Some((start, end)) = self.whole_key_frame() else { return false };
        self.give_out(start, end, effects);
        true
    }

    /// Where the first whole key frame begins and ends that can be read: as [`whole_frame`](Self::whole_frame) of each packet
    /// that may begin one would find it, in one pass. Whoever sends rubbish may begin one with every packet.
    fn whole_key_frame(&self) -> Option<(i64, i64)> {
        let mut open: Option<Open> = None;
        for (sequence, fragment) in self.fragments.iter() {
            if let Some(frame) = &open {
                let follows = sequence == frame.next && fragment.piece.is_some();
                let same = fragment.timestamp == frame.timestamp;
                if follows && !same && fragment.starts_frame() && frame.is_key() {
                    return Some((frame.start, frame.next - 1));
                }
                if !follows || !same {
                    open = None;
                }
            }
            if open.is_none() {
                open = self.opened(sequence, fragment);
            }
            let Some(frame) = &mut open else { continue };
            frame.take(fragment);
            if fragment.marker {
                if frame.is_key() {
                    return Some((frame.start, sequence));
                }
                open = None;
            }
        }
        None
    }

    /// The beginning of what may be a key frame. What is missing before one may be how it is to be read, and so one that says
    /// nothing of that has to follow what was given out.
    fn opened(&self, start: i64, fragment: &Fragment) -> Option<Open> {
        let (follows, by_sets) = (self.next == Some(start), self.reads_by_sets());
        let begins = fragment.is(|piece| piece.starts_frame && (follows || by_sets || piece.describes));
        let readable = follows && self.described || by_sets;
        begins.then_some(Open { start, timestamp: fragment.timestamp, next: start, key: false, readable })
    }

    /// The last sequence number of the frame that begins at `start`, if all of it is here.
    fn whole_frame(&self, start: i64) -> Option<i64> {
        let first = self.fragments.get(start).filter(|first| first.starts_frame())?;
        for (expected, (sequence, fragment)) in (start..).zip(self.fragments.from(start)) {
            if sequence != expected || fragment.piece.is_none() {
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
        self.next = Some(end + 1);
        let pieces =
            self.fragments.from(start).take_while(|(at, _)| *at <= end).map(|(_, fragment)| fragment);
        let (timestamp, first_arrived) = pieces
            .clone()
            .map(|fragment| (fragment.timestamp, fragment.arrived))
            .min_by_key(|(_, arrived)| *arrived)
            .expect("a whole frame has packets");
        let bytes: usize = pieces.clone().map(|fragment| fragment.payload.len()).sum();
        let has = |what: fn(Piece) -> bool| pieces.clone().any(|fragment| fragment.is(what));
        let (key, describes) = (has(|piece| piece.key), has(|piece| piece.describes));
        let mut data = self.spare.pop().unwrap_or_default();
        let payloads = pieces.map(|fragment| &fragment.payload[..]);
        let joined = (bytes <= MAX_FRAME_BYTES).then(|| self.codec.join(payloads, &mut data)).flatten();
        self.fragments.drop_through(end);
        if joined.is_none() {
            self.reuse(data);
            self.gated = true;
            self.stats.losses += 1;
            effects(AssemblerEvent::KeyFrameNeeded);
            return;
        }
        self.gated &= !key;
        self.described |= describes;
        if key && self.reads_by_sets() {
            data.splice(..0, self.sets.iter().copied());
        }
        self.stats.frames += 1;
        effects(AssemblerEvent::Frame(AssembledFrame { timestamp, key, data, first_arrived }));
    }

    /// Gives up the oldest thing that is not whole, and everything that was predicted from it.
    fn give_up(&mut self, effects: &mut impl FnMut(AssemblerEvent)) {
        let Some((oldest, timestamp)) = self.fragments.first().map(|(at, first)| (at, first.timestamp))
        else {
            return;
        };
        let mut next = oldest;
        while let Some((at, fragment)) = self.fragments.first()
            && fragment.timestamp == timestamp
        {
            next = at + 1;
            self.fragments.pop_first();
        }
        self.next = Some(next);
        self.stats.losses += u64::from(!self.gated);
        self.gated = true;
        effects(AssemblerEvent::KeyFrameNeeded);
    }
}

//! From RTP payloads to the newest picture: reassembly, decoding, and asking for key frames.
//!
//! Owns one decode thread. [`VideoReceiver::push`] never blocks: a decoder that cannot keep up loses packets, and
//! heals by a key frame. Pictures go to a [`FrameSlot`], as soon as they are ready or, in step with their sound, a
//! moment later; whoever shows them is never waited for.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::assembler::{AssembledFrame, Assembler, AssemblerEvent};
use super::clock::MediaClock;
use super::codec::{CodecError, VideoCodec, VideoDecoder};
use super::frame::{FrameInfo, FramePool, FrameSlot, VideoFrame};
use super::key_frame_floor::KeyFrameFloor;
use super::lip_sync::SharedLipSync;
use super::packet::IncomingPacket;
use super::rate::RateMeter;
use super::video_playout::VideoPlayout;
use bytes::Bytes;

#[cfg(test)]
mod tests;

/// Packets between the transport and the decode thread: about a second of video, far more than a decoder that
/// keeps up ever leaves.
const QUEUE_PACKETS: usize = 256;
/// Pictures that may wait for their time: as long as any is held, at 60 a second. Of more the oldest is shown early.
const HELD_MAX: usize = 36;
/// The same in pixels, so that large ones take no more memory than half a second of full HD: 50 MB.
const HELD_PIXELS_MAX: usize = 16 * 1920 * 1088;
/// How often the thread looks at its flags when nothing arrives.
const IDLE: Duration = Duration::from_millis(250);
/// Called on the decode thread when the peer should send a key frame; it must not block.
pub type KeyFrameNeeded = Box<dyn FnMut() + Send>;

/// What the receiver has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VideoReceiverStats {
    /// Pictures decoded.
    pub frames_decoded: u64,
    /// Pictures decoded in the last second.
    pub fps: u32,
    /// Size of the last picture, pixels.
    pub width: usize,
    /// Size of the last picture, pixels.
    pub height: usize,
    /// Payload bits of the last second.
    pub bitrate_bps: u64,
    /// Frames that the decoder refused.
    pub corrupt_frames: u64,
    /// Size of the last picture that was refused for it, pixels across and down.
    pub refused_size: Option<(usize, usize)>,
    /// Pictures that were refused for their size, and those that build on them.
    pub too_large: u64,
    /// Times a missing packet was given up.
    pub losses: u64,
    /// Packets dropped because the decoder did not keep up.
    pub dropped_packets: u64,
    /// Requests for key frames.
    pub key_frames_requested: u64,
    /// When the first picture was decoded.
    pub first_frame_at: Option<Instant>,
}

#[derive(Default)]
struct Shared {
    stats: VideoReceiverStats,
    frames: RateMeter,
    bits: RateMeter,
    /// A packet was dropped: the stream has a hole that the assembler cannot see coming.
    overflowed: bool,
    codec: VideoCodec,
    parameter_sets: Vec<Bytes>,
    /// They are not those that the thread knows.
    new_sets: bool,
    round_trip: Option<Duration>,
    sound: Option<(SharedLipSync, MediaClock)>,
}

/// The receiving half of video. Dropping it ends its thread.
pub struct VideoReceiver {
    shared: Arc<Mutex<Shared>>,
    packets: Option<SyncSender<IncomingPacket>>,
    thread: Option<JoinHandle<()>>,
}

impl VideoReceiver {
    /// Starts the decode thread. `slot` gets the pictures.
    pub fn start(slot: Arc<FrameSlot>, on_key_frame_needed: KeyFrameNeeded) -> Result<Self, CodecError> {
        let codec = VideoCodec::default();
        let decoder = VideoDecoder::new(codec)?;
        let shared = Arc::<Mutex<Shared>>::default();
        let (packets, queue) = sync_channel(QUEUE_PACKETS);
        let worker = Worker::new(shared.clone(), (codec, decoder), slot, on_key_frame_needed);
        let thread = std::thread::Builder::new()
            .name("video-decode".into())
            .spawn(move || worker.run(&queue))
            .expect("the system can start a thread");
        Ok(Self { shared, packets: Some(packets), thread: Some(thread) })
    }

    /// Takes a packet. Never blocks; drops it if the decoder is far behind.
    pub fn push(&self, packet: IncomingPacket) {
        let queue = self.packets.as_ref().expect("the queue lives as long as the receiver");
        if queue.try_send(packet).is_err() {
            let mut shared = locked(&self.shared);
            shared.overflowed = true;
            shared.stats.dropped_packets += 1;
        }
    }

    /// Goes on in the codec that the far end agreed to, from its next key frame on.
    pub fn set_codec(&self, codec: VideoCodec) {
        locked(&self.shared).codec = codec;
    }

    /// Takes parameter sets that came beside the stream, for pictures that bring none.
    pub fn set_parameter_sets(&self, sets: Vec<Bytes>) {
        let mut shared = locked(&self.shared);
        (shared.parameter_sets, shared.new_sets) = (sets, true);
    }

    /// Tells the round trip of the path, which decides how long a missing packet is waited for.
    pub fn set_round_trip(&self, round_trip: Duration) {
        locked(&self.shared).round_trip = Some(round_trip);
    }

    /// Shows pictures in step with this sound, whose times are of `clock`.
    pub fn follow_sound(&self, sound: SharedLipSync, clock: MediaClock) {
        locked(&self.shared).sound = Some((sound, clock));
    }

    /// What has been done so far.
    pub fn stats(&self) -> VideoReceiverStats {
        let now = Instant::now();
        let mut shared = locked(&self.shared);
        shared.stats.fps = shared.frames.per_second(now) as u32;
        shared.stats.bitrate_bps = shared.bits.per_second(now);
        shared.stats
    }
}

impl Drop for VideoReceiver {
    fn drop(&mut self) {
        self.packets = None;
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the decode thread does not panic");
        }
    }
}

fn locked(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().expect("no holder of the statistics panics")
}

/// Why the decoder refused a frame; nothing before the next key frame is any use.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Refused {
    /// It is damaged, and a key frame heals.
    Damaged,
    /// Nobody here shows pictures of this size. Another key frame is asked for once: it has the same, or heals.
    TooLarge(usize, usize),
}

struct Worker {
    shared: Arc<Mutex<Shared>>,
    codec: VideoCodec,
    assembler: Assembler,
    decoder: VideoDecoder,
    refused: Option<Refused>,
    /// What followed from the packets of one round; kept for its capacity.
    ready: Vec<AssemblerEvent>,
    pool: FramePool,
    slot: Arc<FrameSlot>,
    floor: KeyFrameFloor,
    on_key_frame_needed: KeyFrameNeeded,
    /// Pictures that are not shown yet, and when they will be.
    held: VecDeque<(Instant, VideoFrame)>,
    playout: VideoPlayout,
    /// Of the pictures' own time, without sound.
    clock: MediaClock,
    sound: Option<(SharedLipSync, MediaClock)>,
}

impl Worker {
    fn new(
        shared: Arc<Mutex<Shared>>,
        (codec, decoder): (VideoCodec, VideoDecoder),
        slot: Arc<FrameSlot>,
        on_key_frame_needed: KeyFrameNeeded,
    ) -> Self {
        Self {
            shared,
            codec,
            assembler: Assembler::new(codec),
            decoder,
            refused: None,
            ready: Vec::new(),
            pool: FramePool::new(),
            slot,
            floor: KeyFrameFloor::new(),
            on_key_frame_needed,
            held: VecDeque::with_capacity(HELD_MAX),
            playout: VideoPlayout::default(),
            clock: MediaClock::starting_at(Instant::now()),
            sound: None,
        }
    }

    fn run(mut self, queue: &Receiver<IncomingPacket>) {
        loop {
            match queue.recv_timeout(self.patience()) {
                // All that has arrived comes before the question of what is overdue.
                Ok(packet) => {
                    self.round(std::iter::once(packet).chain(queue.try_iter().take(QUEUE_PACKETS)));
                }
                Err(RecvTimeoutError::Timeout) => self.round(std::iter::empty()),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Takes what has arrived, and does what follows from it.
    fn round(&mut self, packets: impl Iterator<Item = IncomingPacket>) {
        let now = Instant::now();
        self.take_orders();
        let mut ready = std::mem::take(&mut self.ready);
        let mut effects = |event| ready.push(event);
        for packet in packets {
            locked(&self.shared).bits.add(now, packet.payload.len() as u64 * 8);
            self.assembler.push(packet, &mut effects);
        }
        self.assembler.tick(now, &mut effects);
        for event in ready.drain(..) {
            match event {
                AssemblerEvent::Frame(frame) => {
                    self.decode(&frame);
                    self.assembler.reuse(frame.data);
                }
                AssemblerEvent::KeyFrameNeeded => self.floor.want(),
            }
        }
        self.ready = ready;
        self.show_due(Instant::now());
        if self.floor.ask(now) {
            locked(&self.shared).stats.key_frames_requested += 1;
            (self.on_key_frame_needed)();
        }
    }

    fn patience(&self) -> Duration {
        let shown = self.held.front().map(|(due, _)| *due);
        let deadlines = [self.assembler.next_deadline(), self.floor.next_ask(), shown];
        let next = deadlines.into_iter().flatten().min();
        next.map_or(IDLE, |at| at.saturating_duration_since(Instant::now())).min(IDLE)
    }

    fn take_orders(&mut self) {
        let mut shared = locked(&self.shared);
        self.sound = shared.sound.take().or_else(|| self.sound.take());
        if shared.codec != self.codec {
            match VideoDecoder::new(shared.codec) {
                Ok(decoder) => {
                    (self.codec, self.decoder) = (shared.codec, decoder);
                    (self.assembler, self.refused) = (Assembler::new(self.codec), None);
                    self.floor = KeyFrameFloor::new();
                    shared.new_sets = true;
                }
                Err(error) => {
                    tracing::error!(%error, "pictures cannot be decoded");
                    shared.codec = self.codec;
                }
            }
        }
        if std::mem::take(&mut shared.new_sets) {
            self.assembler.set_parameter_sets(&shared.parameter_sets);
        }
        if let Some(round_trip) = shared.round_trip.take() {
            self.assembler.set_round_trip(round_trip);
        }
        if std::mem::take(&mut shared.overflowed) {
            self.assembler.gate();
            self.floor.want();
        }
        shared.stats.losses = self.assembler.stats().losses;
    }

    fn decode(&mut self, frame: &AssembledFrame) {
        if let Some(refused) = self.refused.filter(|_| !frame.key) {
            match refused {
                Refused::Damaged => self.floor.want(),
                Refused::TooLarge(..) => locked(&self.shared).stats.too_large += 1,
            }
            return;
        }
        let info = FrameInfo { rtp_timestamp: Some(frame.timestamp), ..FrameInfo::default() };
        let decoded = self.decoder.decode(&frame.data, info, &mut self.pool);
        let now = Instant::now();
        let mut shared = locked(&self.shared);
        let picture = match decoded {
            Ok(picture) => picture,
            Err(error) => {
                shared.stats.corrupt_frames += 1;
                let refused = match error {
                    CodecError::Size { width, height } => {
                        shared.stats.refused_size = Some((width, height));
                        shared.stats.too_large += 1;
                        Refused::TooLarge(width, height)
                    }
                    _ => Refused::Damaged,
                };
                let again = self.refused.replace(refused) == Some(refused);
                if again && refused != Refused::Damaged {
                    self.floor.refuse();
                } else {
                    self.floor.want();
                }
                return;
            }
        };
        if frame.key {
            self.refused = None;
            self.floor.satisfied();
        }
        let Some(picture) = picture else { return };
        shared.frames.add(now, 1);
        let stats = &mut shared.stats;
        stats.frames_decoded += 1;
        stats.first_frame_at.get_or_insert(now);
        (stats.width, stats.height) = (picture.width(), picture.height());
        drop(shared);
        self.hold(picture, frame.timestamp, now);
    }

    /// Keeps a picture until those behind it can follow evenly, and its sound is heard.
    fn hold(&mut self, picture: VideoFrame, timestamp: u32, now: Instant) {
        let even = self.clock.instant_at(self.playout.due_us(timestamp, self.clock.us_at(now)));
        let due = self
            .sound
            .as_ref()
            .map_or(even, |(sound, clock)| clock.instant_at(sound.due_us(timestamp, clock.us_at(even))));
        self.held.push_back((due, picture));
        while self.held.len() > HELD_MAX || self.held_pixels() > HELD_PIXELS_MAX {
            if let Some((_, early)) = self.held.pop_front() {
                self.slot.put(early);
            }
        }
        self.show_due(now);
    }

    fn held_pixels(&self) -> usize {
        self.held.iter().map(|(_, picture)| picture.width() * picture.height()).sum()
    }

    /// Shows the newest of the pictures that are due.
    fn show_due(&mut self, now: Instant) {
        let due = self.held.iter().rposition(|(due, _)| *due <= now);
        if let Some((_, picture)) = due.and_then(|last| self.held.drain(..=last).next_back()) {
            self.slot.put(picture);
        }
    }
}

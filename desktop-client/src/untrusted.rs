//! Where bytes of the other end of a call are first understood, one pure function for each kind: what the fuzzers call,
//! and what the tests run over the fuzzers' corpus.
//!
//! Each returns for all input, and panics where a promise about it is broken. Never decides anything.

use crate::media::assembler::{AssembledFrame, Assembler, AssemblerEvent, PACKETS_MAX};
use crate::media::audio::Voice;
use crate::media::camera::pattern::Pattern;
use crate::media::camera::{FrameRate, FrameSource as _, PictureFormat};
use crate::media::codec::{Content, MAX_PIXELS, Packetizer, VideoCodec, VideoDecoder, VideoEncoder};
use crate::media::frame::{FrameInfo, FramePool};
use crate::media::h264::sps::Sps;
use crate::media::opus::{EncodedSound, FRAME_SAMPLES, FRAME_US, SoundDecoder, SoundEncoder};
use crate::media::packet::{IncomingPacket, MAX_PAYLOAD_BYTES};
use crate::{engine, peer};
use bytes::Bytes;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// No frame has more bytes than this.
const FRAME_BYTES_MAX: usize = PACKETS_MAX * MAX_PAYLOAD_BYTES;

/// One packet of a written stream.
struct Packet<'a> {
    /// From the number of the one before it.
    step: i8,
    /// After the one before it, ms.
    after_ms: u8,
    marker: bool,
    /// Frames from the timestamp of the one before it.
    frames: i8,
    payload: &'a [u8],
}

/// Bytes of a packet before its payload: step, time, marker, frames, and the length of the payload (little-endian).
const HEADER_BYTES: usize = 6;

/// Reads packets until the bytes are at their end; the last one may be cut short.
fn packets(mut bytes: &[u8]) -> impl Iterator<Item = Packet<'_>> {
    std::iter::from_fn(move || {
        let ([step, after_ms, flags, frames, low, high], rest) = bytes.split_first_chunk::<HEADER_BYTES>()?;
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let (payload, rest) = rest.split_at(length);
        bytes = rest;
        let (step, frames) = (step.cast_signed(), frames.cast_signed());
        Some(Packet { step, after_ms: *after_ms, marker: flags & 1 != 0, frames, payload })
    })
}

/// The payloads of a good key frame.
fn key_frame(codec: VideoCodec) -> &'static [(bool, Bytes)] {
    static KEY_FRAMES: [OnceLock<Vec<(bool, Bytes)>>; 2] = [OnceLock::new(), OnceLock::new()];
    KEY_FRAMES[codec as usize].get_or_init(|| {
        let format = PictureFormat { width: 64, height: 64, rate: FrameRate::whole(30) };
        let picture = Pattern::new(format).frame(0).expect("a picture");
        let mut encoder = VideoEncoder::new(codec, (64, 64), 500_000, Content::Motion).expect("an encoder");
        let frame = encoder.encode(&picture, 0, 3000, true).expect("encoded").expect("not dropped");
        let mut payloads = Vec::new();
        let mut packetizer = Packetizer::new(codec);
        packetizer.packetize(frame.data, 0, |packet| payloads.push((packet.marker, packet.payload)));
        payloads
    })
}

/// Where a stream stands.
struct Stream {
    now: Instant,
    sequence: u16,
    timestamp: u32,
    assembler: Assembler,
    decoder: VideoDecoder,
    pool: FramePool,
}

impl Stream {
    /// Takes a packet; how many pictures came of it.
    fn take(&mut self, marker: bool, payload: Bytes) -> usize {
        let mut frames = Vec::new();
        let mut effects = |event| {
            if let AssemblerEvent::Frame(frame) = event {
                frames.push(frame);
            }
        };
        let (sequence, timestamp, arrived) = (self.sequence, self.timestamp, self.now);
        let packet = IncomingPacket { sequence, timestamp, marker, payload, arrived };
        self.assembler.push(packet, &mut effects);
        self.assembler.tick(self.now, &mut effects);
        assert!(self.assembler.held_packets() <= PACKETS_MAX, "the buffer is bounded");
        frames.iter().filter(|frame| self.shows(frame)).count()
    }

    fn shows(&mut self, frame: &AssembledFrame) -> bool {
        assert!(frame.data.len() <= FRAME_BYTES_MAX, "a frame is bounded");
        let decoded = self.decoder.decode(&frame.data, FrameInfo::default(), &mut self.pool);
        if decoded.is_err() {
            self.assembler.gate();
        }
        let picture = decoded.ok().flatten();
        let pixels = picture.map(|picture| picture.width() * picture.height());
        assert!(pixels.is_none_or(|pixels| pixels <= MAX_PIXELS), "a picture is bounded");
        pixels.is_some()
    }
}

/// Packets of VP8, as [`Packet`] has them. Good key frames with the numbers after them are shown, whatever they were.
pub fn pictures(bytes: &[u8]) {
    look_at(VideoCodec::Vp8, bytes);
}

/// The same of H.264.
pub fn pictures_h264(bytes: &[u8]) {
    look_at(VideoCodec::H264, bytes);
}

/// A parameter set of H.264, and what stands behind its first byte.
pub fn parameter_sets(bytes: &[u8]) {
    for unit in [bytes, &[&[0x67], bytes].concat()] {
        if let Some(sps) = Sps::parse(unit) {
            assert!((1..=sps.coded_width).contains(&sps.width), "what is shown is decoded: {sps:?}");
            assert!((1..=sps.coded_height).contains(&sps.height), "what is shown is decoded: {sps:?}");
        }
    }
}

fn look_at(codec: VideoCodec, bytes: &[u8]) {
    let mut stream = Stream {
        now: Instant::now(),
        sequence: 0,
        timestamp: 0,
        assembler: Assembler::new(codec),
        decoder: VideoDecoder::new(codec).expect("a decoder"),
        pool: FramePool::new(),
    };
    let (mut number, mut highest) = (0_i32, 0_i32);
    for packet in packets(bytes) {
        number += i32::from(packet.step);
        highest = highest.max(number);
        stream.sequence = number as u16;
        stream.timestamp = stream.timestamp.wrapping_add_signed(i32::from(packet.frames) * 3000);
        stream.now += Duration::from_millis(packet.after_ms.into());
        stream.take(packet.marker, Bytes::copy_from_slice(packet.payload));
    }
    // A sender that is far from where it was is believed from its second packet on.
    let mut shown = 0;
    stream.sequence = highest as u16;
    for _ in 0..4 {
        stream.timestamp = stream.timestamp.wrapping_add(3000);
        stream.now += Duration::from_secs(1);
        for (marker, payload) in key_frame(codec) {
            stream.sequence = stream.sequence.wrapping_add(1);
            shown += stream.take(*marker, payload.clone());
        }
    }
    assert!(shown > 0, "a good key frame heals");
}

/// A second of a tone.
fn tone() -> &'static [Bytes] {
    static TONE: OnceLock<Vec<Bytes>> = OnceLock::new();
    TONE.get_or_init(|| {
        let mut encoder = SoundEncoder::new().expect("an encoder");
        let frame = |n: usize| -> [f32; FRAME_SAMPLES] {
            std::array::from_fn(|at| ((n * FRAME_SAMPLES + at) as f32 * 0.06).sin() * 0.4)
        };
        let packet = |n| match encoder.encode(&frame(n)).expect("encoded") {
            EncodedSound::Speech { payload, .. } => Some(payload),
            EncodedSound::Silence => None,
        };
        (0..50).filter_map(packet).collect()
    })
}

/// Packets of sound, as [`Packet`] has them, played as time passes. A good stream after them is heard.
pub fn sounds(bytes: &[u8]) {
    let mut voice = Voice::new(SoundDecoder::new().expect("a decoder"));
    let (mut now_us, mut played_us, mut timestamp) = (0_u64, 0_u64, 0_u32);
    let mut samples = Vec::new();
    let mut play_until = |voice: &mut Voice, now_us: u64| {
        let mut loudest = 0.0_f32;
        while played_us < now_us {
            samples.clear();
            voice.play(played_us, &mut samples);
            assert!(samples.len() <= 16 * FRAME_SAMPLES, "a frame is bounded: {}", samples.len());
            assert!(samples.iter().all(|sample| sample.is_finite()), "sound is sound");
            loudest = samples.iter().fold(loudest, |most, sample| most.max(sample.abs()));
            played_us += FRAME_US;
        }
        loudest
    };
    for packet in packets(bytes) {
        now_us += u64::from(packet.after_ms) * 1000;
        timestamp = timestamp.wrapping_add_signed(i32::from(packet.frames) * FRAME_SAMPLES as i32);
        timestamp = timestamp.wrapping_add_signed(packet.step.into());
        voice.push(timestamp, Bytes::copy_from_slice(packet.payload), now_us);
        play_until(&mut voice, now_us);
    }
    // Far from all that was: a new stream.
    timestamp = timestamp.wrapping_add(20 * 50 * FRAME_SAMPLES as u32);
    let mut loudest = 0.0_f32;
    for _ in 0..3 {
        for payload in tone() {
            (now_us, timestamp) = (now_us + FRAME_US, timestamp.wrapping_add(FRAME_SAMPLES as u32));
            voice.push(timestamp, payload.clone(), now_us);
            loudest = play_until(&mut voice, now_us);
        }
    }
    assert!(loudest > 0.1, "good sound is heard: {loudest}");
}

/// What comes over the data channel, one message a line.
pub fn messages(bytes: &[u8]) {
    engine::overhear(bytes.split(|byte| *byte == b'\n'));
}

/// A session description, or lines of one.
pub fn descriptions(bytes: &[u8]) {
    peer::read_description(&String::from_utf8_lossy(bytes));
}

/// What the other end reports of what it is sent (RTCP), through the interceptors of a call that sends and is sent to: one
/// record after the other of the ms before it, the length of the report (little-endian), and the report. All that was sent
/// leaves in the end, and no more is sent again than may be.
pub fn reports(bytes: &[u8]) {
    peer::hear_reports(bytes);
}

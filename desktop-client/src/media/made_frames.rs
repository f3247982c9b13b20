//! Frames for tests: the moving pattern for encoders, and made-up ones of each codec, which are rubbish to a decoder, and to
//! all before it frames that carry a number.

use std::time::Instant;

use super::camera::pattern::Pattern;
use super::camera::{FrameRate, PictureFormat};
use super::codec::{Packetizer, VideoCodec};
use super::h264::{kind, unit, units};
use super::packet::IncomingPacket;

/// The pattern, 30 pictures a second.
pub(super) fn pattern(width: usize, height: usize) -> Pattern {
    Pattern::new(PictureFormat { width, height, rate: FrameRate::whole(30) })
}

/// What stands before a key frame of H.264.
pub(super) const SPS: &[u8] = &[0x67, 0x42, 0xC0, 0x1F, 9];
/// And behind that.
pub(super) const PPS: &[u8] = &[0x68, 0xCE, 0x38, 0x80];

/// A frame of H.264 of the given units.
pub(super) fn stream(units: &[&[u8]]) -> Vec<u8> {
    units.iter().flat_map(|unit| [&[0, 0, 0, 1], *unit].concat()).collect()
}

/// A slice of H.264 that carries its number; the first of its picture, unless `later`.
pub(super) fn slice(kind: u8, number: u32, bytes: usize, later: bool) -> Vec<u8> {
    let mut unit = vec![0x5A; bytes.max(7)];
    unit[0] = 0x60 | kind;
    unit[1] = if later { 0x41 } else { 0x81 };
    // Seven bits a byte, none of them zero.
    for (at, byte) in unit[2..7].iter_mut().enumerate() {
        *byte = 0x80 | (number >> (7 * at) & 0x7F) as u8;
    }
    unit
}

fn frame(codec: VideoCodec, number: u32, key: bool, bytes: usize) -> Vec<u8> {
    match codec {
        VideoCodec::Vp8 => {
            let mut data = vec![u8::from(!key); bytes.max(5)];
            data[1..5].copy_from_slice(&number.to_be_bytes());
            data
        }
        VideoCodec::H264 if key => stream(&[SPS, PPS, &slice(unit::IDR, number, bytes, false)]),
        VideoCodec::H264 => stream(&[&slice(unit::SLICE, number, bytes, false)]),
    }
}

/// The number that a frame carries.
pub(super) fn number_of(codec: VideoCodec, frame: &[u8]) -> u32 {
    match codec {
        VideoCodec::Vp8 => u32::from_be_bytes(frame[1..5].try_into().expect("four bytes")),
        VideoCodec::H264 => {
            let slice = units(frame).find(|unit| kind(unit[0]) <= unit::IDR).expect("a slice");
            slice[2..7].iter().rev().fold(0, |number, byte| number << 7 | u32::from(byte & 0x7F))
        }
    }
}

/// Sends frames of one codec, 30 a second by their timestamps.
pub(super) struct Sender {
    codec: VideoCodec,
    packetizer: Packetizer,
    sequence: u16,
}

impl Sender {
    pub(super) fn new(codec: VideoCodec, sequence: u16) -> Self {
        Self { codec, packetizer: Packetizer::new(codec), sequence }
    }

    /// The packets of a frame of about so many bytes.
    pub(super) fn frame(&mut self, number: u32, key: bool, bytes: usize, at: Instant) -> Vec<IncomingPacket> {
        let frame = frame(self.codec, number, key, bytes);
        self.send(&frame, number * 3000, at)
    }

    /// The packets of this frame.
    pub(super) fn send(&mut self, frame: &[u8], timestamp: u32, arrived: Instant) -> Vec<IncomingPacket> {
        let mut packets = Vec::new();
        self.packetizer.packetize(frame, timestamp, |packet| {
            let sequence = self.sequence;
            self.sequence = sequence.wrapping_add(1);
            let (marker, payload) = (packet.marker, packet.payload);
            packets.push(IncomingPacket { sequence, timestamp, marker, payload, arrived });
        });
        packets
    }
}

//! The codecs that pictures may have between two ends, and one name for each part that a codec has.
//!
//! Whoever encodes, cuts, puts together or decodes goes through here and knows no codec. Owns what they share: errors, what
//! is accepted, what pictures are of. Never decides which codec a call has: `peer` agrees on that with the other end.

use super::assembler::Piece;
use super::frame::{FrameInfo, FramePool, VideoFrame};
use super::h264::engine::{H264Decoder, H264Encoder};
use super::h264_rtp;
use super::packet::OutgoingPacket;
use super::vp8::{Vp8Decoder, Vp8Encoder};
use super::vp8_rtp;

#[cfg(test)]
mod tests;

/// Longest side a decoder accepts: what screens have that browsers share whole, either way up. Cameras may have it too: some
/// clients put a screen in place of one.
pub const MAX_SIDE: usize = 4096;
/// Most pixels a decoder accepts: the largest picture of H.264 up to level 5.2, 14 MB of samples.
pub const MAX_PIXELS: usize = 4096 * 2304;
/// Lowest bitrate an encoder is asked for, bit/s: below it neither codec has anything left to show.
pub const MIN_BITRATE_BPS: u32 = 50_000;

/// Most pictures a second that are ever sent.
pub const MOST_FPS: u32 = 30;

/// A codec of pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VideoCodec {
    /// RFC 6386: what every browser speaks, and what this app likes best.
    #[default]
    Vp8,
    /// ITU-R H.264, constrained baseline: for ends without VP8.
    H264,
}

impl VideoCodec {
    /// All that this build speaks, best first.
    pub const ALL: &'static [Self] =
        if cfg!(feature = "h264") { &[Self::Vp8, Self::H264] } else { &[Self::Vp8] };

    /// As session descriptions name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vp8 => "VP8",
            Self::H264 => "H264",
        }
    }

    /// Whether the payload of a packet begins a key frame that makes good whatever is missing before it.
    pub fn begins_key_frame(self, payload: &[u8]) -> bool {
        match self {
            Self::Vp8 => vp8_rtp::begins_key_frame(payload),
            Self::H264 => h264_rtp::begins_key_frame(payload),
        }
    }

    /// What a payload is to its frame; `None` if it is rubbish.
    pub fn piece(self, payload: &[u8]) -> Option<Piece> {
        match self {
            Self::Vp8 => vp8_rtp::piece(payload),
            Self::H264 => h264_rtp::piece(payload),
        }
    }

    /// Makes `frame` the one that these payloads make; `None` if they make none.
    pub fn join<'a>(
        self,
        payloads: impl Iterator<Item = &'a [u8]> + Clone,
        frame: &mut Vec<u8>,
    ) -> Option<()> {
        match self {
            Self::Vp8 => vp8_rtp::join(payloads, frame),
            Self::H264 => h264_rtp::join(payloads, frame),
        }
    }
}

/// What pictures are of, and so what is kept when bits are short (as W3C `contentHint`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Content {
    /// People: fluent before sharp.
    #[default]
    Motion,
    /// Text: sharp before fluent.
    Detail,
}

/// What went wrong with a codec.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The library refused a call.
    #[error("{call} failed with {code}")]
    Library {
        /// Which call.
        call: &'static str,
        /// What it answered.
        code: String,
    },
    /// The bytes are no frame of this codec, or one of a kind that calls do not have.
    #[error("not a frame of this codec")]
    NotAFrame,
    /// A part of the frame is missing, or of a frame that it builds on: the library made something up in its place.
    #[error("a damaged frame")]
    Damaged,
    /// The stream has a size that is not accepted.
    #[error("a picture of {width}x{height} is not accepted")]
    Size {
        /// Pixels across.
        width: usize,
        /// Pixels down.
        height: usize,
    },
    /// This build was made without the codec.
    #[error("this build speaks no H.264")]
    LeftOut,
}

/// Whether a decoder takes pictures of this size: asked before anything is allocated for them.
pub(super) fn accept(width: usize, height: usize) -> Result<(), CodecError> {
    let accepted = (1..=MAX_SIDE).contains(&width) && (1..=MAX_SIDE).contains(&height);
    if accepted && width * height <= MAX_PIXELS { Ok(()) } else { Err(CodecError::Size { width, height }) }
}

/// One encoded frame; borrows the encoder's buffer.
#[derive(Clone, Copy, Debug)]
pub struct EncodedFrame<'a> {
    /// Whether the decoder can start here.
    pub key: bool,
    /// The frame.
    pub data: &'a [u8],
}

/// An encoder for pictures of one size.
pub enum VideoEncoder {
    /// VP8.
    Vp8(Vp8Encoder),
    /// H.264.
    H264(H264Encoder),
}

impl VideoEncoder {
    /// An encoder for `width` x `height` pictures of `content` at `bitrate_bps`, up to 30 of them a second.
    pub fn new(
        codec: VideoCodec,
        size: (usize, usize),
        bitrate_bps: u32,
        content: Content,
    ) -> Result<Self, CodecError> {
        Self::up_to(MOST_FPS, codec, size, bitrate_bps, content)
    }

    /// The same for up to `fps` pictures a second: what a stream of H.264 says of itself depends on it.
    pub fn up_to(
        fps: u32,
        codec: VideoCodec,
        (width, height): (usize, usize),
        bitrate_bps: u32,
        content: Content,
    ) -> Result<Self, CodecError> {
        match codec {
            VideoCodec::Vp8 => Vp8Encoder::new(width, height, bitrate_bps, content).map(Self::Vp8),
            VideoCodec::H264 => H264Encoder::new((width, height), fps, bitrate_bps, content).map(Self::H264),
        }
    }

    /// Changes the bitrate from the next frame on, without a restart or a key frame.
    pub fn set_bitrate(&mut self, bitrate_bps: u32) -> Result<(), CodecError> {
        match self {
            Self::Vp8(encoder) => encoder.set_bitrate(bitrate_bps),
            Self::H264(encoder) => encoder.set_bitrate(bitrate_bps),
        }
    }

    /// Encodes `frame`, shown for `duration` from `pts` (90 kHz); `None` if the rate control dropped it.
    pub fn encode(
        &mut self,
        frame: &VideoFrame,
        pts: i64,
        duration: u32,
        force_key: bool,
    ) -> Result<Option<EncodedFrame<'_>>, CodecError> {
        match self {
            Self::Vp8(encoder) => encoder.encode(frame, pts, duration, force_key),
            Self::H264(encoder) => encoder.encode(frame, pts, duration, force_key),
        }
    }
}

/// A decoder for pictures of any accepted size.
pub enum VideoDecoder {
    /// VP8.
    Vp8(Vp8Decoder),
    /// H.264.
    H264(H264Decoder),
}

impl VideoDecoder {
    /// A decoder that waits for a key frame.
    pub fn new(codec: VideoCodec) -> Result<Self, CodecError> {
        match codec {
            VideoCodec::Vp8 => Vp8Decoder::new().map(Self::Vp8),
            VideoCodec::H264 => H264Decoder::new().map(Self::H264),
        }
    }

    /// Decodes one whole frame into a picture of `pool`; `None` if the frame is not to be shown.
    pub fn decode(
        &mut self,
        data: &[u8],
        info: FrameInfo,
        pool: &mut FramePool,
    ) -> Result<Option<VideoFrame>, CodecError> {
        match self {
            Self::Vp8(decoder) => decoder.decode(data, info, pool),
            Self::H264(decoder) => decoder.decode(data, info, pool),
        }
    }
}

/// Cuts the frames of one stream into payloads.
#[derive(Debug)]
pub enum Packetizer {
    /// VP8 numbers its frames.
    Vp8(vp8_rtp::Packetizer),
    /// H.264 numbers nothing.
    H264(h264_rtp::Packetizer),
}

impl Packetizer {
    /// For a stream that begins.
    pub fn new(codec: VideoCodec) -> Self {
        match codec {
            VideoCodec::Vp8 => Self::Vp8(vp8_rtp::Packetizer::new()),
            VideoCodec::H264 => Self::H264(h264_rtp::Packetizer::new()),
        }
    }

    /// Hands the payloads of `frame` to `sink`, in order; the last one carries the marker.
    pub fn packetize(&mut self, frame: &[u8], timestamp: u32, sink: impl FnMut(OutgoingPacket)) {
        match self {
            Self::Vp8(packetizer) => packetizer.packetize(frame, timestamp, sink),
            Self::H264(packetizer) => packetizer.packetize(frame, timestamp, sink),
        }
    }
}

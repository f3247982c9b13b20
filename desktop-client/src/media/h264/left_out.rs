//! What stands in for H.264 in a build without it: types of which there is never a value. No description offers the codec
//! then, and so nobody asks for one.

use crate::media::codec::{CodecError, Content, EncodedFrame};
use crate::media::frame::{FrameInfo, FramePool, VideoFrame};

/// An encoder that cannot be.
pub enum H264Encoder {}

impl H264Encoder {
    /// Refuses.
    pub fn new(_: (usize, usize), _: u32, _: u32, _: Content) -> Result<Self, CodecError> {
        Err(CodecError::LeftOut)
    }

    /// Is never called.
    pub fn set_bitrate(&mut self, _: u32) -> Result<(), CodecError> {
        match *self {}
    }

    /// Is never called.
    pub fn encode(
        &mut self,
        _: &VideoFrame,
        _: i64,
        _: u32,
        _: bool,
    ) -> Result<Option<EncodedFrame<'_>>, CodecError> {
        match *self {}
    }
}

/// A decoder that cannot be.
pub enum H264Decoder {}

impl H264Decoder {
    /// Refuses.
    pub fn new() -> Result<Self, CodecError> {
        Err(CodecError::LeftOut)
    }

    /// Is never called.
    pub fn decode(
        &mut self,
        _: &[u8],
        _: FrameInfo,
        _: &mut FramePool,
    ) -> Result<Option<VideoFrame>, CodecError> {
        match *self {}
    }
}

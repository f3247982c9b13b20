//! H.264 by openh264: the only file that names it.
//!
//! Owns one encoder and one decoder each. The encoder is set for conversation: constrained baseline, constant bitrate, no
//! look-ahead, one thread, one slice a picture, frames dropped rather than queued, key frames when they are asked for. The decoder
//! refuses what no call has before openh264 sees it: pictures of other sizes, and units that are neither slices nor parameter sets.
#![expect(unsafe_code, reason = "openh264 is a C++ library; every block says why it is sound")]

use std::ffi::{c_int, c_void};
use std::ptr;

use openh264::source::APILoader;
use openh264::{
    CONSTANT_ID, DECODER_OPTION_TRACE_LEVEL, ENCODER_OPTION_BITRATE, ENCODER_OPTION_FRAME_RATE,
    ENCODER_OPTION_TRACE_LEVEL, ERROR_CON_DISABLE, ISVCDecoder, ISVCDecoderVtbl, ISVCEncoder,
    ISVCEncoderVtbl, LOW_COMPLEXITY, PRO_BASELINE, RC_BITRATE_MODE, SBitrateInfo, SBufferInfo,
    SCREEN_CONTENT_REAL_TIME, SDecodingParam, SEncParamExt, SFrameBSInfo, SM_SINGLE_SLICE, SPATIAL_LAYER_ALL,
    SSourcePicture, VIDEO_BITSTREAM_AVC, WELS_LOG_QUIET, dsErrorFree, videoFormatI420, videoFrameTypeIDR,
};

use super::sps::Sps;
use super::{kind, unit, units};
use crate::media::codec::{CodecError, Content, EncodedFrame, MIN_BITRATE_BPS, accept};
use crate::media::frame::{ColorMatrix, ColorRange, FrameInfo, FramePool, Plane, VideoFrame, copy_plane};

#[cfg(test)]
mod tests;

/// Coarsest quantiser of text: beyond it small letters cannot be read, so pictures are left out instead.
const DETAIL_MAX_QUANTIZER: c_int = 38;
/// Ticks of the encoder's clock in a millisecond, as RTP's for video.
const TICKS_PER_MS: i64 = 90;
/// Primaries, transfer and matrix of BT.601 (annex E): what our pictures have.
const COLOURS_BT601: u8 = 6;

fn check(call: &'static str, code: c_int) -> Result<(), CodecError> {
    if code == 0 { Ok(()) } else { Err(CodecError::Library { call, code: code.to_string() }) }
}

/// An encoder for pictures of one size.
pub struct H264Encoder {
    raw: RawEncoder,
    size: (usize, usize),
    fps: u32,
    data: Vec<u8>,
}

/// The encoder of the library, from its making to its end.
struct RawEncoder(*mut ISVCEncoder);

// SAFETY: an encoder of openh264 may be used from any thread as long as it is one at a time, which `&mut self` ensures.
unsafe impl Send for RawEncoder {}

impl RawEncoder {
    fn new() -> Result<Self, CodecError> {
        let mut raw = ptr::null_mut();
        // SAFETY: `raw` is a valid place to write to.
        check("WelsCreateSVCEncoder", unsafe { APILoader::WelsCreateSVCEncoder(&raw mut raw) })?;
        if raw.is_null() {
            return Err(CodecError::Library { call: "WelsCreateSVCEncoder", code: "null".into() });
        }
        Ok(Self(raw))
    }

    fn calls(&self) -> &ISVCEncoderVtbl {
        // SAFETY: the encoder lives until the drop of `self`, and points to its table as every C++ object with virtual functions.
        unsafe { &**self.0 }
    }

    fn set<T>(&mut self, call: &'static str, option: c_int, mut value: T) -> Result<(), CodecError> {
        let set = self.calls().SetOption.expect("openh264 fills its table");
        // SAFETY: the encoder lives, each option used here takes a pointer to the type it is given, and copies what it points to.
        check(call, unsafe { set(self.0, option, (&raw mut value).cast::<c_void>()) })
    }
}

impl Drop for RawEncoder {
    fn drop(&mut self) {
        let end = self.calls().Uninitialize.expect("openh264 fills its table");
        // SAFETY: the encoder lives until here, and is not used afterwards; one that was not initialised may be ended too.
        unsafe {
            end(self.0);
            APILoader::WelsDestroySVCEncoder(self.0);
        }
    }
}

impl H264Encoder {
    /// An encoder for pictures of `content` that are `width` x `height` pixels, both even, and come up to `fps` times a second
    /// with up to `bitrate_bps`. The level that its streams claim is the lowest for these three (table A-1).
    pub fn new(
        (width, height): (usize, usize),
        fps: u32,
        bitrate_bps: u32,
        content: Content,
    ) -> Result<Self, CodecError> {
        if !width.is_multiple_of(2) || !height.is_multiple_of(2) {
            return Err(CodecError::Size { width, height });
        }
        let mut raw = RawEncoder::new()?;
        raw.set("trace level", ENCODER_OPTION_TRACE_LEVEL, WELS_LOG_QUIET)?;
        let mut settings = SEncParamExt::default();
        let defaults = raw.calls().GetDefaultParams.expect("openh264 fills its table");
        // SAFETY: the encoder lives, and `settings` is a valid place to write to.
        check("GetDefaultParams", unsafe { defaults(raw.0, &raw mut settings) })?;
        settle(&mut settings, (width, height), fps, bits(bitrate_bps), content);
        let initialize = raw.calls().InitializeExt.expect("openh264 fills its table");
        // SAFETY: the encoder lives, and copies the settings.
        check("InitializeExt", unsafe { initialize(raw.0, &raw const settings) })?;
        Ok(Self { raw, size: (width, height), fps, data: Vec::new() })
    }

    /// Changes the bitrate from the next frame on, without a restart or a key frame.
    pub fn set_bitrate(&mut self, bitrate_bps: u32) -> Result<(), CodecError> {
        let bitrate = SBitrateInfo { iLayer: SPATIAL_LAYER_ALL, iBitrate: bits(bitrate_bps) };
        self.raw.set("bitrate", ENCODER_OPTION_BITRATE, bitrate)
    }

    /// Encodes `frame`, shown for `duration` from `pts` (90 kHz); `None` if the rate control dropped it.
    pub fn encode(
        &mut self,
        frame: &VideoFrame,
        pts: i64,
        duration: u32,
        force_key: bool,
    ) -> Result<Option<EncodedFrame<'_>>, CodecError> {
        let (width, height) = (frame.width(), frame.height());
        if (width, height) != self.size {
            return Err(CodecError::Size { width, height });
        }
        let fps = (TICKS_PER_MS as u32 * 1000 / duration.max(1)).max(1);
        if self.fps != fps {
            self.raw.set("frame rate", ENCODER_OPTION_FRAME_RATE, fps as f32)?;
            self.fps = fps;
        }
        if force_key {
            let force = self.raw.calls().ForceIntraFrame.expect("openh264 fills its table");
            // SAFETY: the encoder lives.
            check("ForceIntraFrame", unsafe { force(self.raw.0, true) })?;
        }
        let mut picture = SSourcePicture {
            iColorFormat: videoFormatI420,
            iPicWidth: width as c_int,
            iPicHeight: height as c_int,
            uiTimeStamp: pts / TICKS_PER_MS,
            ..SSourcePicture::default()
        };
        for (at, plane) in [frame.y(), frame.u(), frame.v()].into_iter().enumerate() {
            picture.pData[at] = plane.data.as_ptr().cast_mut();
            picture.iStride[at] = plane.stride as c_int;
        }
        let mut made = SFrameBSInfo::default();
        let encode = self.raw.calls().EncodeFrame.expect("openh264 fills its table");
        // SAFETY: the picture's planes are borrowed for the call, have `height` rows of `iStride` bytes each (half for
        // chroma), and openh264 only reads them; `made` is a valid place to write to.
        check("EncodeFrame", unsafe { encode(self.raw.0, &raw const picture, &raw mut made) })?;
        self.collect(&made);
        let key = made.eFrameType == videoFrameTypeIDR;
        Ok(if self.data.is_empty() { None } else { Some(EncodedFrame { key, data: &self.data }) })
    }

    /// Takes the units of the last call.
    fn collect(&mut self, made: &SFrameBSInfo) {
        self.data.clear();
        let layers = (made.iLayerNum.max(0) as usize).min(made.sLayerInfo.len());
        for layer in made.sLayerInfo[..layers].iter().filter(|layer| layer.iNalCount > 0) {
            // SAFETY: a layer that was given out has `iNalCount` lengths, and a buffer of as many bytes as they are together;
            // both stay as they are until the next call on the encoder.
            let part = unsafe {
                let lengths = std::slice::from_raw_parts(layer.pNalLengthInByte, layer.iNalCount as usize);
                let bytes: c_int = lengths.iter().sum();
                std::slice::from_raw_parts(layer.pBsBuf, bytes as usize)
            };
            self.data.extend_from_slice(part);
        }
    }
}

/// The settings of a conversation.
fn settle(
    settings: &mut SEncParamExt,
    (width, height): (usize, usize),
    fps: u32,
    bitrate: c_int,
    content: Content,
) {
    let (width, height) = (width as c_int, height as c_int);
    settings.iPicWidth = width;
    settings.iPicHeight = height;
    settings.iTargetBitrate = bitrate;
    settings.iRCMode = RC_BITRATE_MODE;
    settings.bEnableFrameSkip = true;
    settings.fMaxFrameRate = fps as f32;
    settings.iComplexityMode = LOW_COMPLEXITY;
    settings.iMultipleThreadIdc = 1;
    settings.uiIntraPeriod = 0;
    settings.bEnableSceneChangeDetect = false;
    settings.eSpsPpsIdStrategy = CONSTANT_ID;
    if content == Content::Detail {
        settings.iUsageType = SCREEN_CONTENT_REAL_TIME;
        settings.iMaxQp = DETAIL_MAX_QUANTIZER;
    }
    let layer = &mut settings.sSpatialLayers[0];
    layer.iVideoWidth = width;
    layer.iVideoHeight = height;
    layer.fFrameRate = fps as f32;
    layer.iSpatialBitrate = bitrate;
    layer.uiProfileIdc = PRO_BASELINE;
    layer.sSliceArgument.uiSliceMode = SM_SINGLE_SLICE;
    layer.sSliceArgument.uiSliceNum = 1;
    layer.bVideoSignalTypePresent = true;
    layer.bColorDescriptionPresent = true;
    layer.uiColorPrimaries = COLOURS_BT601;
    layer.uiTransferCharacteristics = COLOURS_BT601;
    layer.uiColorMatrix = COLOURS_BT601;
}

fn bits(bitrate_bps: u32) -> c_int {
    c_int::try_from(bitrate_bps.max(MIN_BITRATE_BPS)).unwrap_or(c_int::MAX)
}

/// A decoder for pictures of any accepted size.
pub struct H264Decoder {
    raw: RawDecoder,
    colours: (ColorMatrix, ColorRange),
}

/// The decoder of the library, from its making to its end.
struct RawDecoder(*mut ISVCDecoder);

// SAFETY: as for the encoder.
unsafe impl Send for RawDecoder {}

impl RawDecoder {
    fn calls(&self) -> &ISVCDecoderVtbl {
        // SAFETY: as for the encoder.
        unsafe { &**self.0 }
    }
}

impl Drop for RawDecoder {
    fn drop(&mut self) {
        let end = self.calls().Uninitialize.expect("openh264 fills its table");
        // SAFETY: as for the encoder.
        unsafe {
            end(self.0);
            APILoader::WelsDestroyDecoder(self.0);
        }
    }
}

impl H264Decoder {
    /// A decoder that waits for a key frame.
    pub fn new() -> Result<Self, CodecError> {
        let mut raw = ptr::null_mut();
        // SAFETY: `raw` is a valid place to write to.
        let code = unsafe { APILoader::WelsCreateDecoder(&raw mut raw) };
        check("WelsCreateDecoder", code as c_int)?;
        if raw.is_null() {
            return Err(CodecError::Library { call: "WelsCreateDecoder", code: "null".into() });
        }
        let raw = RawDecoder(raw);
        let mut level = WELS_LOG_QUIET;
        let set = raw.calls().SetOption.expect("openh264 fills its table");
        // SAFETY: the decoder lives, and copies the level, which is the type that this option takes.
        let code = unsafe { set(raw.0, DECODER_OPTION_TRACE_LEVEL, (&raw mut level).cast::<c_void>()) };
        check("trace level", code as c_int)?;
        // What is missing is asked for again, and never made up: corrupt pictures are not shown.
        let mut settings = SDecodingParam { eEcActiveIdc: ERROR_CON_DISABLE, ..SDecodingParam::default() };
        settings.uiTargetDqLayer = u8::MAX;
        settings.sVideoProperty.eVideoBsType = VIDEO_BITSTREAM_AVC;
        let initialize = raw.calls().Initialize.expect("openh264 fills its table");
        // SAFETY: the decoder lives, and copies the settings.
        check("Initialize", unsafe { initialize(raw.0, &raw const settings) } as c_int)?;
        Ok(Self { raw, colours: Default::default() })
    }

    /// Decodes one whole frame into a picture of `pool`; `None` if the frame is not to be shown.
    pub fn decode(
        &mut self,
        data: &[u8],
        info: FrameInfo,
        pool: &mut FramePool,
    ) -> Result<Option<VideoFrame>, CodecError> {
        for unit in units(data) {
            match kind(unit[0]) {
                unit::SLICE | unit::IDR | unit::PPS => {}
                unit::SPS => {
                    let sps = Sps::parse(unit).ok_or(CodecError::NotAFrame)?;
                    accept(sps.coded_width, sps.coded_height)
                        .map_err(|_| CodecError::Size { width: sps.width, height: sps.height })?;
                    self.colours = (sps.matrix, sps.range);
                }
                _ => return Err(CodecError::NotAFrame),
            }
        }
        let length = c_int::try_from(data.len()).map_err(|_| CodecError::NotAFrame)?;
        if length == 0 {
            return Err(CodecError::NotAFrame);
        }
        let (mut planes, mut told) = ([ptr::null_mut::<u8>(); 3], SBufferInfo::default());
        let decode = self.raw.calls().DecodeFrameNoDelay.expect("openh264 fills its table");
        // SAFETY: the decoder lives, `data` is read for its length during the call only, and both places are valid to write to.
        let state =
            unsafe { decode(self.raw.0, data.as_ptr(), length, (&raw mut planes).cast(), &raw mut told) };
        if state != dsErrorFree {
            return Err(CodecError::Library { call: "DecodeFrameNoDelay", code: state.to_string() });
        }
        if told.iBufferStatus != 1 || planes.iter().any(|plane| plane.is_null()) {
            return Ok(None);
        }
        // SAFETY: the union has one member.
        let layout = unsafe { told.UsrData.sSystemBuffer };
        let (width, height) = (layout.iWidth.max(0) as usize, layout.iHeight.max(0) as usize);
        accept(width, height)?;
        let plane = |at: usize, width: usize, height: usize| {
            let stride = layout.iStride[at.min(1)] as usize;
            // SAFETY: openh264's planes have `stride` bytes from row to row, the last row has its `width` bytes, and they stay as
            // they are until the next call on the decoder.
            let data = unsafe { std::slice::from_raw_parts(planes[at], stride * (height - 1) + width) };
            Plane { data, stride }
        };
        let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
        let (matrix, range) = self.colours;
        Ok(Some(pool.draw(width, height, FrameInfo { matrix, range, ..info }, |into| {
            copy_plane(into.y, into.y_stride, plane(0, width, height), width, height);
            for (at, samples) in [(1, &mut *into.u), (2, &mut *into.v)] {
                let from = plane(at, half_width, half_height);
                copy_plane(samples, into.uv_stride, from, half_width, half_height);
            }
        })))
    }
}

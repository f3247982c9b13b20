//! VP8 by libvpx (RFC 6386): the only file that names it.
//!
//! Owns one encoder and one decoder context each. The encoder is set for conversation: constant bitrate, no
//! look-ahead, one thread (libvpx threads spin while they wait), frames dropped rather than queued. The decoder
//! refuses pictures of a size that no peer of ours sends before libvpx allocates for them.
#![expect(unsafe_code, reason = "libvpx is a C library; every block says why it is sound")]

use std::ffi::{c_int, c_uint};
use std::ptr;

use vpx_sys::{
    VPX_CODEC_OK, VPX_DECODER_ABI_VERSION, VPX_DL_REALTIME, VPX_EFLAG_FORCE_KF, VPX_ENCODER_ABI_VERSION,
    VPX_FRAME_IS_KEY, vp8_dec_control_id, vp8e_enc_control_id, vpx_codec_control_, vpx_codec_ctx_t,
    vpx_codec_cx_pkt_kind, vpx_codec_dec_cfg_t, vpx_codec_dec_init_ver, vpx_codec_decode, vpx_codec_destroy,
    vpx_codec_enc_cfg_t, vpx_codec_enc_config_default, vpx_codec_enc_config_set, vpx_codec_enc_init_ver,
    vpx_codec_encode, vpx_codec_err_t, vpx_codec_get_cx_data, vpx_codec_get_frame, vpx_codec_iter_t,
    vpx_codec_vp8_cx, vpx_codec_vp8_dx, vpx_image_t, vpx_img_fmt, vpx_img_wrap, vpx_kf_mode, vpx_rc_mode,
};

use super::codec::{CodecError, Content, EncodedFrame, MIN_BITRATE_BPS, accept};
use super::frame::{FrameInfo, FramePool, Plane, VideoFrame, copy_plane};

#[cfg(test)]
mod tests;

/// Speed over quality: the fastest setting whose pictures still hold up (see the likeness that `tests.rs` asks for).
const CPU_USED: c_int = -8;
/// Coarsest quantiser of text: beyond it small letters cannot be read, so pictures are left out instead.
const DETAIL_MAX_QUANTIZER: c_uint = 40;
/// The same of a key frame that is asked for: while it leaves nothing new is seen, and what is coarse in it is made good by the
/// next picture. A page of small letters at 720p and 1.2 Mb/s is there after 0.8 s instead of 1.2 and sharp after 1.4, at 1080p
/// and 2.2 Mb/s after 0.9 s instead of 1.5 and sharp after 1.7.
const DETAIL_KEY_QUANTIZER: c_uint = 63;
/// What such a key frame takes of the rate, ms of it, where the quantiser lets it be so small: it is no coarser than it has to be.
const DETAIL_KEY_FRAME_MS: u32 = 600;
/// Ticks of the encoder's clock per second, as RTP's for video.
const TIMEBASE: c_int = 90_000;

fn check(call: &'static str, code: vpx_codec_err_t) -> Result<(), CodecError> {
    if code == VPX_CODEC_OK { Ok(()) } else { Err(CodecError::Library { call, code: format!("{code:?}") }) }
}

/// Whether `data` begins a key frame (the inverse of the lowest bit of the frame tag).
pub fn is_key_frame(data: &[u8]) -> bool {
    data.first().is_some_and(|tag| tag & 1 == 0)
}

/// The size a key frame announces (RFC 6386 section 9.1); `None` for other frames and for rubbish.
pub fn key_frame_size(data: &[u8]) -> Option<(usize, usize)> {
    let header =
        data.get(..10).filter(|header| is_key_frame(header) && header[3..6] == [0x9D, 0x01, 0x2A])?;
    let side = |low: u8, high: u8| usize::from(u16::from_le_bytes([low, high]) & 0x3FFF);
    Some((side(header[6], header[7]), side(header[8], header[9])))
}

/// An encoder for pictures of one size.
pub struct Vp8Encoder {
    context: Box<vpx_codec_ctx_t>,
    config: Box<vpx_codec_enc_cfg_t>,
    content: Content,
    /// How long a picture is shown, ticks, as it was last told; zero before the first.
    duration: u32,
}

// SAFETY: a libvpx context may be used from any thread as long as it is one at a time, which `&mut self` ensures.
unsafe impl Send for Vp8Encoder {}

impl Vp8Encoder {
    /// An encoder for `width` x `height` pictures of `content` at `bitrate_bps`.
    pub fn new(width: usize, height: usize, bitrate_bps: u32, content: Content) -> Result<Self, CodecError> {
        let mut config = Box::new(vpx_codec_enc_cfg_t::default());
        // SAFETY: the interface is a static of libvpx, and `config` is a valid place to write to.
        let code = unsafe { vpx_codec_enc_config_default(vpx_codec_vp8_cx(), &raw mut *config, 0) };
        check("vpx_codec_enc_config_default", code)?;
        config.g_w = width as c_uint;
        config.g_h = height as c_uint;
        config.g_timebase.num = 1;
        config.g_timebase.den = TIMEBASE;
        config.g_threads = 1;
        config.g_error_resilient = 0;
        config.g_lag_in_frames = 0;
        config.rc_end_usage = vpx_rc_mode::VPX_CBR;
        config.rc_target_bitrate = kilobits(bitrate_bps);
        config.rc_min_quantizer = 2;
        config.rc_max_quantizer = if content == Content::Detail { DETAIL_MAX_QUANTIZER } else { 56 };
        config.rc_undershoot_pct = 100;
        config.rc_overshoot_pct = 15;
        config.rc_buf_sz = 1000;
        config.rc_buf_initial_sz = 500;
        config.rc_buf_optimal_sz = 600;
        config.rc_dropframe_thresh = 30;
        config.kf_mode = vpx_kf_mode::VPX_KF_AUTO;
        config.kf_max_dist = 3000;
        let mut context = Box::new(vpx_codec_ctx_t::default());
        // SAFETY: both boxes are valid and outlive the call; the context keeps its own copy of the configuration.
        let code = unsafe {
            vpx_codec_enc_init_ver(
                &raw mut *context,
                vpx_codec_vp8_cx(),
                &raw const *config,
                0,
                VPX_ENCODER_ABI_VERSION as c_int,
            )
        };
        check("vpx_codec_enc_init_ver", code)?;
        let mut encoder = Self { context, config, content, duration: 0 };
        encoder.control(vp8e_enc_control_id::VP8E_SET_CPUUSED, CPU_USED)?;
        encoder.control(vp8e_enc_control_id::VP8E_SET_STATIC_THRESHOLD, 1)?;
        encoder.control(vp8e_enc_control_id::VP8E_SET_TOKEN_PARTITIONS, 0)?;
        if content == Content::Detail {
            encoder.control(vp8e_enc_control_id::VP8E_SET_SCREEN_CONTENT_MODE, 1)?;
        } else {
            encoder.control(vp8e_enc_control_id::VP8E_SET_MAX_INTRA_BITRATE_PCT, 300)?;
        }
        Ok(encoder)
    }

    fn control(&mut self, id: vp8e_enc_control_id, value: c_int) -> Result<(), CodecError> {
        // SAFETY: the context is initialised, and each of the controls used above takes one int-sized argument.
        let code = unsafe { vpx_codec_control_(&raw mut *self.context, id as c_int, value) };
        check("vpx_codec_control", code)
    }

    /// Changes the bitrate from the next frame on, without a restart or a key frame.
    pub fn set_bitrate(&mut self, bitrate_bps: u32) -> Result<(), CodecError> {
        self.config.rc_target_bitrate = kilobits(bitrate_bps);
        self.reconfigure()
    }

    /// Makes this the coarsest quantiser from the next frame on.
    fn allow(&mut self, quantizer: c_uint) -> Result<(), CodecError> {
        self.config.rc_max_quantizer = quantizer;
        self.reconfigure()
    }

    fn reconfigure(&mut self) -> Result<(), CodecError> {
        // SAFETY: the context is initialised and the configuration valid.
        let code = unsafe { vpx_codec_enc_config_set(&raw mut *self.context, &raw const *self.config) };
        check("vpx_codec_enc_config_set", code)
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
        if (width, height) != (self.config.g_w as usize, self.config.g_h as usize) {
            return Err(CodecError::Size { width, height });
        }
        let coarse = self.content == Content::Detail && (force_key || self.duration == 0);
        if coarse {
            self.allow(DETAIL_KEY_QUANTIZER)?;
            // Percent of what one picture gets.
            let percent = DETAIL_KEY_FRAME_MS * (TIMEBASE as u32 / 10) / duration.max(1);
            self.control(vp8e_enc_control_id::VP8E_SET_MAX_INTRA_BITRATE_PCT, percent as c_int)?;
        }
        self.duration = duration.max(1);
        let mut image = vpx_image_t::default();
        let base = frame.y().data.as_ptr().cast_mut();
        // SAFETY: `image` is a valid place to write to; the pointer is only stored.
        let wrapped = unsafe {
            let format = vpx_img_fmt::VPX_IMG_FMT_I420;
            vpx_img_wrap(&raw mut image, format, width as c_uint, height as c_uint, 1, base)
        };
        if wrapped.is_null() {
            return Err(CodecError::Library { call: "vpx_img_wrap", code: "null".into() });
        }
        for (at, plane) in [frame.y(), frame.u(), frame.v()].into_iter().enumerate() {
            image.planes[at] = plane.data.as_ptr().cast_mut();
            image.stride[at] = plane.stride as c_int;
        }
        let flags = if force_key { VPX_EFLAG_FORCE_KF.into() } else { 0 };
        // SAFETY: the image's planes are borrowed for the call, have `height` rows of `stride` bytes each (half for
        // chroma), and libvpx only reads them: it copies what it needs before it returns.
        let code = unsafe {
            let deadline = VPX_DL_REALTIME.into();
            vpx_codec_encode(&raw mut *self.context, &raw const image, pts, duration.into(), flags, deadline)
        };
        if coarse {
            self.allow(DETAIL_MAX_QUANTIZER)?;
        }
        check("vpx_codec_encode", code)?;
        Ok(self.take_packet())
    }

    /// The frame of the last call: without look-ahead there is one packet at most.
    fn take_packet(&mut self) -> Option<EncodedFrame<'_>> {
        let mut iterator: vpx_codec_iter_t = ptr::null();
        loop {
            // SAFETY: the context is initialised, and the iterator is the one of this walk.
            let packet = unsafe { vpx_codec_get_cx_data(&raw mut *self.context, &raw mut iterator) };
            // SAFETY: a packet that is not null stays valid until the next call on the context, which the borrow of
            // `self` in the answer puts off.
            let packet = unsafe { packet.as_ref() }?;
            if packet.kind == vpx_codec_cx_pkt_kind::VPX_CODEC_CX_FRAME_PKT {
                // SAFETY: `kind` says that `frame` is the member of the union, and its buffer has `sz` bytes that stay
                // valid as long as the packet.
                let (flags, data) = unsafe {
                    let frame = &packet.data.frame;
                    (frame.flags, std::slice::from_raw_parts(frame.buf.cast::<u8>(), frame.sz as usize))
                };
                return Some(EncodedFrame { key: flags & VPX_FRAME_IS_KEY != 0, data });
            }
        }
    }
}

impl Drop for Vp8Encoder {
    fn drop(&mut self) {
        // SAFETY: the context was initialised and is not used afterwards.
        unsafe { vpx_codec_destroy(&raw mut *self.context) };
    }
}

fn kilobits(bitrate_bps: u32) -> c_uint {
    bitrate_bps.max(MIN_BITRATE_BPS) / 1000
}

/// A decoder for pictures of any accepted size.
pub struct Vp8Decoder {
    context: Box<vpx_codec_ctx_t>,
}

// SAFETY: as for the encoder.
unsafe impl Send for Vp8Decoder {}

impl Vp8Decoder {
    /// A decoder that waits for a key frame.
    pub fn new() -> Result<Self, CodecError> {
        let mut context = Box::new(vpx_codec_ctx_t::default());
        let config = vpx_codec_dec_cfg_t { threads: 1, w: 0, h: 0 };
        // SAFETY: the interface is a static of libvpx; both places are valid, and the configuration is copied.
        let code = unsafe {
            let abi = VPX_DECODER_ABI_VERSION as c_int;
            vpx_codec_dec_init_ver(&raw mut *context, vpx_codec_vp8_dx(), &raw const config, 0, abi)
        };
        check("vpx_codec_dec_init_ver", code)?;
        Ok(Self { context })
    }

    /// Decodes one whole frame into a picture of `pool`; `None` if the frame is not to be shown.
    pub fn decode(
        &mut self,
        data: &[u8],
        info: FrameInfo,
        pool: &mut FramePool,
    ) -> Result<Option<VideoFrame>, CodecError> {
        if is_key_frame(data) {
            let (width, height) = key_frame_size(data).ok_or(CodecError::NotAFrame)?;
            accept(width, height)?;
        }
        let length = c_uint::try_from(data.len()).map_err(|_| CodecError::NotAFrame)?;
        // SAFETY: the context is initialised and `data` is read for its length during the call only.
        let code =
            unsafe { vpx_codec_decode(&raw mut *self.context, data.as_ptr(), length, ptr::null_mut(), 0) };
        check("vpx_codec_decode", code)?;
        if self.is_damaged()? {
            return Err(CodecError::Damaged);
        }
        let mut iterator: vpx_codec_iter_t = ptr::null();
        // SAFETY: the context is initialised; the image stays valid until the next call on the context.
        let image = unsafe { vpx_codec_get_frame(&raw mut *self.context, &raw mut iterator).as_ref() };
        let Some(image) = image else { return Ok(None) };
        let (width, height) = (image.d_w as usize, image.d_h as usize);
        accept(width, height)?;
        let plane = |at: usize, width: usize, height: usize| {
            let stride = image.stride[at] as usize;
            // SAFETY: libvpx's planes have `stride` bytes from row to row, and the last row has its `width` bytes.
            let data = unsafe { std::slice::from_raw_parts(image.planes[at], stride * (height - 1) + width) };
            Plane { data, stride }
        };
        let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
        Ok(Some(pool.draw(width, height, info, |planes| {
            copy_plane(planes.y, planes.y_stride, plane(0, width, height), width, height);
            for (at, into) in [(1, &mut *planes.u), (2, &mut *planes.v)] {
                let from = plane(at, half_width, half_height);
                copy_plane(into, planes.uv_stride, from, half_width, half_height);
            }
        })))
    }
}

impl Vp8Decoder {
    /// Whether the last frame is not what was sent, which libvpx takes for no error.
    fn is_damaged(&mut self) -> Result<bool, CodecError> {
        let mut damaged: c_int = 0;
        // SAFETY: the context is initialised, and this control writes one int to a place that is valid.
        let code = unsafe {
            let id = vp8_dec_control_id::VP8D_GET_FRAME_CORRUPTED as c_int;
            vpx_codec_control_(&raw mut *self.context, id, &raw mut damaged)
        };
        check("vpx_codec_control", code)?;
        Ok(damaged != 0)
    }
}

impl Drop for Vp8Decoder {
    fn drop(&mut self) {
        // SAFETY: the context was initialised and is not used afterwards.
        unsafe { vpx_codec_destroy(&raw mut *self.context) };
    }
}

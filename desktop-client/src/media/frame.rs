//! Pictures: I420 frames in shared buffers, the pool they come from, and the one-slot mailbox they wait in.
//!
//! A [`VideoFrame`] is immutable and cheap to clone; its buffer returns to its [`FramePool`] by itself when the last
//! clone is dropped, so that steady video allocates nothing. A [`FrameSlot`] holds the newest frame only: whoever
//! is slow misses frames, and never delays whoever is not.

use std::sync::Arc;

mod slot;
#[cfg(test)]
mod tests;

pub use slot::{FrameSlot, Picture};

/// Which matrix turns the planes into RGB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColorMatrix {
    /// ITU-R BT.601: what VP8 carries (RFC 6386 section 9.2) and most webcams give.
    #[default]
    Bt601,
    /// ITU-R BT.709: some HD sources.
    Bt709,
}

/// How the sample values span black to white.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColorRange {
    /// Luma 16 to 235, chroma 16 to 240.
    #[default]
    Limited,
    /// All of 0 to 255 (JPEG).
    Full,
}

/// What is known of a frame besides its samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameInfo {
    /// The number a source that counts its frames gave (the pattern, a file); frame N can be made again.
    pub number: Option<u32>,
    /// Local frames: the media clock at capture, µs.
    pub capture_us: Option<u64>,
    /// Remote frames: the RTP timestamp, 90 kHz.
    pub rtp_timestamp: Option<u32>,
    /// Matrix of the samples.
    pub matrix: ColorMatrix,
    /// Range of the samples.
    pub range: ColorRange,
}

/// One plane: rows of `stride` bytes, of which the first ones are the picture.
#[derive(Clone, Copy, Debug)]
pub struct Plane<'a> {
    /// All rows, padding included.
    pub data: &'a [u8],
    /// Bytes from one row to the next.
    pub stride: usize,
}

/// The three planes of a picture being drawn: luma, then the two chroma planes of half its size, rounded up.
#[derive(Debug)]
pub struct PlanesMut<'a> {
    /// Luma.
    pub y: &'a mut [u8],
    /// Blue difference.
    pub u: &'a mut [u8],
    /// Red difference.
    pub v: &'a mut [u8],
    /// Bytes from one luma row to the next.
    pub y_stride: usize,
    /// Bytes from one chroma row to the next.
    pub uv_stride: usize,
    /// Picture width in pixels.
    pub width: usize,
    /// Picture height in pixels.
    pub height: usize,
}

impl PlanesMut<'_> {
    /// Copies a picture of the same size.
    pub fn copy_from(&mut self, frame: &VideoFrame) {
        let (width, height) = (self.width, self.height);
        debug_assert_eq!((frame.width(), frame.height()), (width, height));
        copy_plane(self.y, self.y_stride, frame.y(), width, height);
        copy_plane(self.u, self.uv_stride, frame.u(), width.div_ceil(2), height.div_ceil(2));
        copy_plane(self.v, self.uv_stride, frame.v(), width.div_ceil(2), height.div_ceil(2));
    }
}

/// Copies `height` rows of `width` bytes between planes of different strides.
pub fn copy_plane(into: &mut [u8], stride: usize, from: Plane<'_>, width: usize, height: usize) {
    for (into, from) in into.chunks_mut(stride).zip(from.data.chunks(from.stride)).take(height) {
        into[..width].copy_from_slice(&from[..width]);
    }
}

#[derive(Debug)]
struct Buffer {
    data: Vec<u8>,
    width: usize,
    height: usize,
}

/// Rows start at multiples of this, for the SIMD of converters and codecs.
const ROW_ALIGNMENT: usize = 16;

impl Buffer {
    fn new(width: usize, height: usize) -> Self {
        let mut buffer = Self { data: Vec::new(), width, height };
        buffer.data.resize(buffer.y_bytes() + 2 * buffer.uv_bytes(), 0);
        buffer
    }

    fn y_stride(&self) -> usize {
        self.width.next_multiple_of(ROW_ALIGNMENT)
    }

    fn uv_stride(&self) -> usize {
        self.width.div_ceil(2).next_multiple_of(ROW_ALIGNMENT)
    }

    fn y_bytes(&self) -> usize {
        self.y_stride() * self.height
    }

    fn uv_bytes(&self) -> usize {
        self.uv_stride() * self.height.div_ceil(2)
    }

    fn planes_mut(&mut self) -> PlanesMut<'_> {
        let (y_stride, uv_stride, uv_bytes) = (self.y_stride(), self.uv_stride(), self.uv_bytes());
        let (width, height, y_bytes) = (self.width, self.height, self.y_bytes());
        let (y, chroma) = self.data.split_at_mut(y_bytes);
        let (u, v) = chroma.split_at_mut(uv_bytes);
        PlanesMut { y, u, v, y_stride, uv_stride, width, height }
    }
}

/// One immutable I420 picture; clones share the samples.
#[derive(Clone, Debug)]
pub struct VideoFrame {
    buffer: Arc<Buffer>,
    /// Number, times and colours.
    pub info: FrameInfo,
}

impl VideoFrame {
    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.buffer.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.buffer.height
    }

    /// The luma plane.
    pub fn y(&self) -> Plane<'_> {
        Plane { data: &self.buffer.data[..self.buffer.y_bytes()], stride: self.buffer.y_stride() }
    }

    /// The blue difference plane, half as wide and high, rounded up.
    pub fn u(&self) -> Plane<'_> {
        let start = self.buffer.y_bytes();
        let data = &self.buffer.data[start..start + self.buffer.uv_bytes()];
        Plane { data, stride: self.buffer.uv_stride() }
    }

    /// The red difference plane, half as wide and high, rounded up.
    pub fn v(&self) -> Plane<'_> {
        let start = self.buffer.y_bytes() + self.buffer.uv_bytes();
        Plane { data: &self.buffer.data[start..], stride: self.buffer.uv_stride() }
    }
}

/// Buffers for the frames of one thread, used again once nobody holds their frames.
#[derive(Debug, Default)]
pub struct FramePool {
    buffers: Vec<Arc<Buffer>>,
}

/// Buffers a pool keeps: more than the slots, the encoder and a screen hold at once. A frame beyond them gets a
/// buffer of its own, which is freed after use.
const MAX_POOLED: usize = 8;

impl FramePool {
    /// An empty pool.
    pub fn new() -> Self {
        Self::default()
    }

    /// A frame of `width` x `height` drawn by `draw`, which finds the samples of some older frame there.
    pub fn draw(
        &mut self,
        width: usize,
        height: usize,
        info: FrameInfo,
        draw: impl FnOnce(&mut PlanesMut<'_>),
    ) -> VideoFrame {
        let drawn: Result<_, std::convert::Infallible> = self.try_draw(width, height, info, |planes| {
            draw(planes);
            Ok(())
        });
        match drawn {
            Ok(frame) => frame,
            Err(never) => match never {},
        }
    }

    /// As [`draw`](Self::draw), for drawing that can fail; the buffer goes back to the pool then.
    pub fn try_draw<E>(
        &mut self,
        width: usize,
        height: usize,
        info: FrameInfo,
        draw: impl FnOnce(&mut PlanesMut<'_>) -> Result<(), E>,
    ) -> Result<VideoFrame, E> {
        let free = self.buffers.iter_mut().position(|buffer| Arc::get_mut(buffer).is_some());
        let mut shared = match free.map(|index| self.buffers.swap_remove(index)) {
            Some(buffer) if buffer.width == width && buffer.height == height => buffer,
            _ => Arc::new(Buffer::new(width, height)),
        };
        let buffer = Arc::get_mut(&mut shared).expect("a free buffer has no other holder, a new one neither");
        let drawn = draw(&mut buffer.planes_mut());
        if self.buffers.len() < MAX_POOLED {
            self.buffers.push(shared.clone());
        }
        drawn.map(|()| VideoFrame { buffer: shared, info })
    }
}

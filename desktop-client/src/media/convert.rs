//! Pixel layouts of cameras and screens to I420, BT.601 limited range as VP8 carries it.
//!
//! The only file of the media that names the libraries for it, yuv and zune_jpeg. Never trusts the length of what a driver
//! handed over: a short buffer is an error, not a panic.

use yuv::{
    BufferStoreMut, YuvConversionMode, YuvPackedImage, YuvPlanarImageMut, YuvRange, YuvStandardMatrix,
    bgr_to_yuv420, bgra_to_yuv420, rgb_to_yuv420, uyvy422_to_yuv420, yuyv422_to_yuv420,
};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::frame::PlanesMut;

/// A picture that could not be converted; the next one may be fine.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct ConvertError(pub(super) String);

impl ConvertError {
    /// Of a picture that its driver marks as damaged.
    pub(super) fn damaged() -> Self {
        Self("a picture that its driver marks as damaged".into())
    }
}

/// The layouts we read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PixelLayout {
    /// Packed 4:2:2, luma first.
    Yuyv,
    /// Packed 4:2:2, chroma first, as capture cards have it.
    Uyvy,
    /// Three bytes a pixel.
    Rgb,
    /// The same, blue first.
    Bgr,
    /// Luma, then interleaved chroma 4:2:0.
    Nv12,
    /// Three planes 4:2:0.
    I420,
    /// One JPEG per picture.
    Mjpeg,
}

impl PixelLayout {
    /// Cheapest to convert first.
    pub(super) const ALL: [Self; 7] =
        [Self::I420, Self::Nv12, Self::Yuyv, Self::Uyvy, Self::Rgb, Self::Bgr, Self::Mjpeg];
}

/// Converts `data`, whose luma rows are `stride` bytes apart (not used for JPEG), into `planes`. `scratch` is kept
/// by the caller so that JPEG decoding allocates once.
pub(super) fn convert(
    layout: PixelLayout,
    data: &[u8],
    stride: usize,
    planes: &mut PlanesMut<'_>,
    scratch: &mut Vec<u8>,
) -> Result<(), ConvertError> {
    match layout {
        PixelLayout::Yuyv | PixelLayout::Uyvy => from_packed(layout, data, stride, planes),
        PixelLayout::Rgb | PixelLayout::Bgr => from_rgb(layout, data, stride, planes),
        PixelLayout::Nv12 => from_nv12(data, stride, planes),
        PixelLayout::I420 => from_i420(data, stride, planes),
        PixelLayout::Mjpeg => from_jpeg(data, planes, scratch),
    }
}

fn enough(data: &[u8], needed: usize) -> Result<(), ConvertError> {
    if data.len() >= needed {
        return Ok(());
    }
    Err(ConvertError(format!("a picture of {} bytes instead of {needed}", data.len())))
}

fn wide_enough(stride: usize, needed: usize, width: usize) -> Result<(), ConvertError> {
    if stride >= needed {
        return Ok(());
    }
    Err(ConvertError(format!("rows of {stride} bytes instead of {needed} for {width} pixels")))
}

fn from_packed(
    layout: PixelLayout,
    data: &[u8],
    stride: usize,
    planes: &mut PlanesMut<'_>,
) -> Result<(), ConvertError> {
    let row = planes.width.next_multiple_of(2) * 2;
    wide_enough(stride, row, planes.width)?;
    enough(data, stride * (planes.height - 1) + row)?;
    let packed = YuvPackedImage {
        yuy: data,
        yuy_stride: stride as u32,
        width: planes.width as u32,
        height: planes.height as u32,
    };
    let mut planar = planar(planes);
    let converted = match layout {
        PixelLayout::Uyvy => uyvy422_to_yuv420(&mut planar, &packed),
        _ => yuyv422_to_yuv420(&mut planar, &packed),
    };
    converted.map_err(|error| ConvertError(error.to_string()))
}

/// The planes as the colour library takes them.
fn planar<'a>(planes: &'a mut PlanesMut<'_>) -> YuvPlanarImageMut<'a, u8> {
    YuvPlanarImageMut {
        y_plane: BufferStoreMut::Borrowed(&mut *planes.y),
        y_stride: planes.y_stride as u32,
        u_plane: BufferStoreMut::Borrowed(&mut *planes.u),
        u_stride: planes.uv_stride as u32,
        v_plane: BufferStoreMut::Borrowed(&mut *planes.v),
        v_stride: planes.uv_stride as u32,
        width: planes.width as u32,
        height: planes.height as u32,
    }
}

fn from_rgb(
    layout: PixelLayout,
    data: &[u8],
    stride: usize,
    planes: &mut PlanesMut<'_>,
) -> Result<(), ConvertError> {
    wide_enough(stride, planes.width * 3, planes.width)?;
    enough(data, stride * (planes.height - 1) + planes.width * 3)?;
    let mut planar = planar(planes);
    let (range, matrix, mode) = (YuvRange::Limited, YuvStandardMatrix::Bt601, YuvConversionMode::Balanced);
    let converted = match layout {
        PixelLayout::Bgr => bgr_to_yuv420(&mut planar, data, stride as u32, range, matrix, mode),
        _ => rgb_to_yuv420(&mut planar, data, stride as u32, range, matrix, mode),
    };
    converted.map_err(|error| ConvertError(error.to_string()))
}

/// Pixels of four bytes, the last of which is not used: what is on a screen.
pub(super) fn from_bgra(data: &[u8], stride: usize, planes: &mut PlanesMut<'_>) -> Result<(), ConvertError> {
    wide_enough(stride, planes.width * 4, planes.width)?;
    enough(data, stride * (planes.height - 1) + planes.width * 4)?;
    let (range, matrix, mode) = (YuvRange::Limited, YuvStandardMatrix::Bt601, YuvConversionMode::Balanced);
    bgra_to_yuv420(&mut planar(planes), data, stride as u32, range, matrix, mode)
        .map_err(|error| ConvertError(error.to_string()))
}

fn from_nv12(data: &[u8], stride: usize, planes: &mut PlanesMut<'_>) -> Result<(), ConvertError> {
    let (width, height) = (planes.width, planes.height);
    let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
    wide_enough(stride, 2 * half_width, width)?;
    enough(data, stride * (height + half_height - 1) + 2 * half_width)?;
    let (luma, chroma) = data.split_at(stride * height);
    for (row, from) in planes.y.chunks_mut(planes.y_stride).zip(luma.chunks(stride)) {
        row[..width].copy_from_slice(&from[..width]);
    }
    let rows = planes.u.chunks_mut(planes.uv_stride).zip(planes.v.chunks_mut(planes.uv_stride));
    for ((u, v), from) in rows.zip(chroma.chunks(stride)) {
        for ((u, v), pair) in u.iter_mut().zip(v).zip(from.chunks_exact(2)).take(half_width) {
            (*u, *v) = (pair[0], pair[1]);
        }
    }
    Ok(())
}

fn from_i420(data: &[u8], stride: usize, planes: &mut PlanesMut<'_>) -> Result<(), ConvertError> {
    let (width, height) = (planes.width, planes.height);
    let (half_width, half_height, half_stride) = (width.div_ceil(2), height.div_ceil(2), stride / 2);
    wide_enough(half_stride, half_width, width)?;
    enough(data, stride * height + half_stride * (2 * half_height - 1) + half_width)?;
    let (luma, chroma) = data.split_at(stride * height);
    let (blue, red) = chroma.split_at(half_stride * half_height);
    for (row, from) in planes.y.chunks_mut(planes.y_stride).zip(luma.chunks(stride)) {
        row[..width].copy_from_slice(&from[..width]);
    }
    for (plane, from) in [(&mut *planes.u, blue), (&mut *planes.v, red)] {
        for (row, from) in plane.chunks_mut(planes.uv_stride).zip(from.chunks(half_stride)) {
            row[..half_width].copy_from_slice(&from[..half_width]);
        }
    }
    Ok(())
}

/// Width and height that a JPEG says it has.
pub(super) fn jpeg_size(data: &[u8]) -> Option<(usize, usize)> {
    let mut decoder = JpegDecoder::new(ZCursor::new(data));
    decoder.decode_headers().ok()?;
    decoder.info().map(|info| (usize::from(info.width), usize::from(info.height)))
}

/// By way of RGB, which both libraries do with SIMD: from the full range of JPEG and its chroma to ours there is no such way.
fn from_jpeg(data: &[u8], planes: &mut PlanesMut<'_>, scratch: &mut Vec<u8>) -> Result<(), ConvertError> {
    let fail = |error: &dyn std::fmt::Debug| ConvertError(format!("a broken JPEG: {error:?}"));
    let (width, height) = (planes.width, planes.height);
    let options = DecoderOptions::default()
        .jpeg_set_out_colorspace(ColorSpace::RGB)
        .set_max_width(width)
        .set_max_height(height);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(data), options);
    decoder.decode_headers().map_err(|error| fail(&error))?;
    let size = decoder.info().map(|info| (usize::from(info.width), usize::from(info.height)));
    if size != Some((width, height)) || decoder.output_buffer_size() != Some(width * height * 3) {
        return Err(ConvertError(format!("a JPEG of another size ({size:?}) or colour space")));
    }
    scratch.resize(width * height * 3, 0);
    decoder.decode_into(scratch).map_err(|error| fail(&error))?;
    from_rgb(PixelLayout::Rgb, scratch, width * 3, planes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::frame::{FrameInfo, FramePool, Plane};

    fn converted(layout: PixelLayout, data: &[u8], stride: usize) -> Result<[u8; 3], ConvertError> {
        let mut scratch = Vec::new();
        let frame = FramePool::new().try_draw(4, 2, FrameInfo::default(), |planes| {
            convert(layout, data, stride, planes, &mut scratch)
        })?;
        Ok([frame.y().data[1], frame.u().data[1], frame.v().data[1]])
    }

    #[test]
    fn packed_planar_and_half_planar_layouts_give_the_same_picture() {
        let yuyv: Vec<u8> = [10, 60, 20, 70].repeat(4);
        assert_eq!(converted(PixelLayout::Yuyv, &yuyv, 8), Ok([20, 60, 70]));
        let uyvy: Vec<u8> = [60, 10, 70, 20].repeat(4);
        assert_eq!(converted(PixelLayout::Uyvy, &uyvy, 8), Ok([20, 60, 70]));
        let nv12 = [10, 20, 10, 20, 10, 20, 10, 20, 60, 70, 60, 70];
        assert_eq!(converted(PixelLayout::Nv12, &nv12, 4), Ok([20, 60, 70]));
        let i420 = [10, 20, 10, 20, 10, 20, 10, 20, 60, 60, 70, 70];
        assert_eq!(converted(PixelLayout::I420, &i420, 4), Ok([20, 60, 70]));
    }

    #[test]
    fn red_is_red_whichever_way_round_it_comes() {
        for (layout, pixel) in [(PixelLayout::Rgb, [255, 0, 0]), (PixelLayout::Bgr, [0, 0, 255])] {
            let [y, u, v] = converted(layout, &pixel.repeat(8), 12).expect("enough bytes");
            let near = y.abs_diff(81) <= 1 && u.abs_diff(90) <= 1 && v.abs_diff(240) <= 1;
            assert!(near, "{layout:?}: {:?}", [y, u, v]);
        }
    }

    /// 32x16 pixels of one colour, red 200, green 60, blue 40, with chroma of half the size as cameras send it.
    const FLAT_JPEG: &[u8] = include_bytes!("convert/flat.jpg");

    #[test]
    fn a_jpeg_becomes_limited_range() {
        let mut scratch = Vec::new();
        let frame = FramePool::new().try_draw(32, 16, FrameInfo::default(), |planes| {
            convert(PixelLayout::Mjpeg, FLAT_JPEG, 0, planes, &mut scratch)
        });
        let frame = frame.expect("a good JPEG");
        let near =
            |plane: Plane<'_>, expected: u8| plane.data[..16].iter().all(|s| s.abs_diff(expected) <= 2);
        assert!(near(frame.y(), 102) && near(frame.u(), 98) && near(frame.v(), 191), "{frame:?}");
    }

    #[test]
    fn a_jpeg_of_another_size_or_cut_short_is_no_picture() {
        let mut scratch = Vec::new();
        let mut converted = |data: &[u8], width| {
            FramePool::new().try_draw(width, 16, FrameInfo::default(), |planes| {
                convert(PixelLayout::Mjpeg, data, 0, planes, &mut scratch)
            })
        };
        assert!(converted(FLAT_JPEG, 16).is_err());
        assert!(converted(&FLAT_JPEG[..100], 32).is_err());
    }

    #[test]
    fn rows_that_are_shorter_than_their_pixels_are_refused() {
        for layout in PixelLayout::ALL {
            for stride in 0..4 {
                assert!(converted(layout, &[1; 64], stride).is_err(), "{layout:?} in rows of {stride} bytes");
            }
        }
    }

    #[test]
    fn short_or_broken_pictures_are_refused() {
        for layout in PixelLayout::ALL {
            for length in 0..11 {
                assert!(converted(layout, &vec![1; length], 4).is_err(), "{layout:?} of {length} bytes");
            }
        }
    }
}

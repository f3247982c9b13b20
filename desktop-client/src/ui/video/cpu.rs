//! The way without shaders: I420 to RGB on the CPU. Slower, and always there.

use crate::media::frame::{ColorMatrix, ColorRange, VideoFrame};
use eframe::egui::{Color32, ColorImage};
use std::sync::Arc;
use yuv::{YuvPlanarImage, YuvRange, YuvStandardMatrix, yuv420_to_rgba};

/// Makes `image` the frame as egui takes it. Where egui is done with the last one of this size, it is written over.
pub(super) fn convert(frame: &VideoFrame, image: &mut Arc<ColorImage>) {
    let (width, height) = (frame.width(), frame.height());
    if Arc::get_mut(image).is_none_or(|image| image.size != [width, height]) {
        *image = Arc::new(ColorImage::filled([width, height], Color32::BLACK));
    }
    let image = Arc::get_mut(image).expect("egui has it no more, or not yet");
    let (y, u, v) = (frame.y(), frame.u(), frame.v());
    let planes = YuvPlanarImage {
        y_plane: y.data,
        y_stride: y.stride as u32,
        u_plane: u.data,
        u_stride: u.stride as u32,
        v_plane: v.data,
        v_stride: v.stride as u32,
        width: width as u32,
        height: height as u32,
    };
    let range = match frame.info.range {
        ColorRange::Limited => YuvRange::Limited,
        ColorRange::Full => YuvRange::Full,
    };
    let matrix = match frame.info.matrix {
        ColorMatrix::Bt601 => YuvStandardMatrix::Bt601,
        ColorMatrix::Bt709 => YuvStandardMatrix::Bt709,
    };
    yuv420_to_rgba(&planes, image.as_raw_mut(), 4 * width as u32, range, matrix)
        .expect("a frame's planes are as large as its size says");
}

//! Peak signal to noise ratio of luma.

use crate::media::frame::VideoFrame;
use crate::media::stamp::STRIP_HEIGHT;

/// What equal pictures get, dB: beyond what 8 bits can tell apart.
const IDENTICAL_DB: f64 = 99.0;

/// PSNR of luma in dB below the strip of the stamp; `None` if the pictures have different sizes.
pub fn psnr_y(reference: &VideoFrame, shown: &VideoFrame) -> Option<f64> {
    let (width, height) = (reference.width(), reference.height());
    if (shown.width(), shown.height()) != (width, height) || height <= STRIP_HEIGHT {
        return None;
    }
    let (a, b) = (reference.y(), shown.y());
    let rows = a.data.chunks(a.stride).zip(b.data.chunks(b.stride)).skip(STRIP_HEIGHT);
    let error: u64 = rows.map(|(a, b)| squared_error(&a[..width], &b[..width])).sum();
    if error == 0 {
        return Some(IDENTICAL_DB);
    }
    let mean = error as f64 / (width * (height - STRIP_HEIGHT)) as f64;
    Some((10.0 * (255.0 * 255.0 / mean).log10()).min(IDENTICAL_DB))
}

fn squared_error(a: &[u8], b: &[u8]) -> u64 {
    let difference = |(a, b): (&u8, &u8)| u32::from(a.abs_diff(*b)).pow(2);
    u64::from(a.iter().zip(b).map(difference).sum::<u32>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::frame::{FrameInfo, FramePool};

    fn flat(height: usize, strip: u8, rest: u8) -> VideoFrame {
        FramePool::new().draw(64, height, FrameInfo::default(), |planes| {
            let (top, bottom) = planes.y.split_at_mut(STRIP_HEIGHT * planes.y_stride);
            top.fill(strip);
            bottom.fill(rest);
        })
    }

    #[test]
    fn only_what_is_below_the_strip_counts() {
        assert_eq!(psnr_y(&flat(64, 0, 100), &flat(64, 255, 100)), Some(IDENTICAL_DB));
        let one_off = psnr_y(&flat(64, 0, 100), &flat(64, 0, 101)).expect("equal sizes");
        assert!((one_off - 48.13).abs() < 0.01, "{one_off}");
        assert_eq!(psnr_y(&flat(64, 0, 0), &flat(66, 0, 0)), None);
    }
}

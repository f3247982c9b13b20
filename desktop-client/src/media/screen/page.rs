//! A page of made-up text: a stand-in for a shared screen that is hard on a codec where screens are, and easy where they
//! are. Small dark letters on white stand still; a caret blinks; now and then the page is turned.
//!
//! Frame N depends on N and the size alone, so that the other end can make it again.

use crate::media::camera::{CameraError, FrameRate, FrameSource, PictureFormat};
use crate::media::frame::{FrameInfo, FramePool, PlanesMut, VideoFrame};

/// Size and rate of the page.
pub const FORMAT: PictureFormat = PictureFormat { width: 1280, height: 720, rate: FrameRate::whole(10) };
/// Frames from one turn of the page to the next.
const TURN: u32 = 50;
/// Frames that the caret is there, and then is not.
const BLINK: u32 = 5;
/// Pixels from one letter to the next, and from one line to the next.
const CELL: (usize, usize) = (8, 16);
/// Pixels of a letter: dots of one pixel, as small text has.
const LETTER: (usize, usize) = (6, 10);
const PAPER: u8 = 235;
const INK: u8 = 32;

/// The page of one size; draws into pooled frames.
pub struct Page {
    format: PictureFormat,
    pool: FramePool,
}

impl Page {
    /// Prepares the page for frames of `format`.
    pub fn new(format: PictureFormat) -> Self {
        Self { format, pool: FramePool::new() }
    }
}

impl FrameSource for Page {
    fn format(&self) -> PictureFormat {
        self.format
    }

    fn frame(&mut self, number: u32) -> Result<VideoFrame, CameraError> {
        let info = FrameInfo { number: Some(number), ..FrameInfo::default() };
        Ok(self.pool.draw(self.format.width, self.format.height, info, |planes| draw(planes, number)))
    }
}

fn draw(planes: &mut PlanesMut<'_>, number: u32) {
    planes.y.fill(PAPER);
    planes.u.fill(128);
    planes.v.fill(128);
    let (columns, lines) = (planes.width / CELL.0, planes.height / CELL.1);
    let page = number / TURN;
    for line in 0..lines {
        for column in 0..columns {
            let letter = hash(page, line as u32, column as u32);
            // Words end, and so do lines.
            let end = (hash(page, line as u32, 999) % 20) as usize;
            let blank = letter.is_multiple_of(6) || column + 2 + end > columns;
            if !blank {
                draw_letter(planes, (column * CELL.0, line * CELL.1), letter);
            }
        }
    }
    if (number / BLINK).is_multiple_of(2) && lines > 4 {
        let top = (lines / 2 * CELL.1) * planes.y_stride + 4 * CELL.0;
        for row in planes.y[top..].chunks_mut(planes.y_stride).take(LETTER.1) {
            row[..2].fill(INK);
        }
    }
}

fn draw_letter(planes: &mut PlanesMut<'_>, (left, top): (usize, usize), letter: u32) {
    for (row, line) in
        planes.y[top * planes.y_stride..].chunks_mut(planes.y_stride).take(LETTER.1).enumerate()
    {
        // Each row of a letter repeats the one above in half of the cases: stems, as letters have.
        let dots = hash(letter % 40, (row / 2) as u32, 7);
        for (column, dot) in line[left..left + LETTER.0].iter_mut().enumerate() {
            if dots >> column & 1 == 1 {
                *dot = INK;
            }
        }
    }
}

/// A number that looks random, the same on any machine.
fn hash(a: u32, b: u32, c: u32) -> u32 {
    let mut mixed = a.wrapping_mul(0x9E37_79B1) ^ b.wrapping_mul(0x85EB_CA77) ^ c.wrapping_mul(0xC2B2_AE3D);
    mixed ^= mixed >> 15;
    mixed = mixed.wrapping_mul(0x2C1B_3C6D);
    mixed ^= mixed >> 12;
    mixed = mixed.wrapping_mul(0x297A_2D39);
    mixed ^ mixed >> 15
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_stands_still_but_for_its_caret_until_it_is_turned() {
        let mut page = Page::new(FORMAT);
        let mut frame = |number| page.frame(number).expect("never fails");
        let differing = |a: &VideoFrame, b: &VideoFrame| {
            a.y().data.iter().zip(b.y().data).filter(|(a, b)| a != b).count()
        };
        let first = frame(0);
        assert_eq!(differing(&first, &frame(BLINK - 1)), 0);
        assert!((1..=2 * LETTER.1).contains(&differing(&first, &frame(BLINK))));
        assert!(differing(&first, &frame(TURN)) > 20_000);
        assert_eq!(differing(&frame(u32::MAX), &Page::new(FORMAT).frame(u32::MAX).expect("never fails")), 0);
    }

    #[test]
    fn any_size_can_be_drawn() {
        for (width, height) in [(64, 64), (65, 33), (1920, 1080), (8, 4)] {
            let mut page = Page::new(PictureFormat { width, height, rate: FrameRate::whole(10) });
            assert_eq!(page.frame(3).map(|frame| frame.width()).ok(), Some(width));
        }
    }
}

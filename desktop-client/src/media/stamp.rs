//! Frame number and capture time, written into the picture where a machine can read them after any codec.
//!
//! The top [`STRIP_HEIGHT`] rows of luma carry 112 bits as light and dark blocks, four rows of 28: frame number,
//! capture time on the sender's media clock, and a checksum. Chroma of the strip is grey. Measures of quality leave
//! these rows out. Reading averages the middle of each block, so ringing and blur at block borders do no harm.

use super::frame::{Plane, PlanesMut};

/// Rows at the top of the picture that belong to the stamp: two rows of macroblocks.
pub const STRIP_HEIGHT: usize = 32;
/// Narrowest picture that can be stamped: the blocks must be as wide as the 8 pixels of a VP8 prediction unit.
pub const MIN_WIDTH: usize = COLUMNS * BLOCK_HEIGHT;

const ROWS: usize = 4;
const COLUMNS: usize = 28;
const BLOCK_HEIGHT: usize = STRIP_HEIGHT / ROWS;
const BITS: usize = ROWS * COLUMNS;
/// Light and dark: enough contrast to outlive the coarsest quantiser, little enough to cost few bits.
const LEVELS: [u8; 2] = [56, 184];
const THRESHOLD: u32 = 120;

/// What a stamp says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Number of the frame at its source.
    pub number: u32,
    /// Media clock of the sender at capture, µs.
    pub capture_us: u64,
}

impl Stamp {
    /// Writes the stamp over the strip. Answers false, and writes nothing, if the picture is too small for it.
    pub fn write(self, planes: &mut PlanesMut<'_>) -> bool {
        if !fits(planes.width, planes.height) {
            return false;
        }
        let bits = self.bits();
        let block_width = block_width(planes.width);
        for (row, line) in planes.y.chunks_mut(planes.y_stride).take(STRIP_HEIGHT).enumerate() {
            let first = row / BLOCK_HEIGHT * COLUMNS;
            let (blocks, rest) = line.split_at_mut(block_width * COLUMNS);
            for (column, block) in blocks.chunks_mut(block_width).enumerate() {
                block.fill(LEVELS[usize::from(bits >> (first + column) & 1 == 1)]);
            }
            rest.fill(LEVELS[0]);
        }
        for plane in [&mut *planes.u, &mut *planes.v] {
            plane[..STRIP_HEIGHT / 2 * planes.uv_stride].fill(128);
        }
        true
    }

    /// Reads the stamp of a picture `width` pixels wide and `height` high, if an undamaged one is there.
    pub fn read(y: Plane<'_>, width: usize, height: usize) -> Option<Self> {
        if !fits(width, height) {
            return None;
        }
        let block_width = block_width(width);
        let mut bits = 0_u128;
        for bit in 0..BITS {
            let (top, left) = (bit / COLUMNS * BLOCK_HEIGHT, bit % COLUMNS * block_width);
            let rows = top + BLOCK_HEIGHT / 4..top + BLOCK_HEIGHT * 3 / 4;
            let columns = left + block_width / 4..left + block_width * 3 / 4;
            let area = (rows.len() * columns.len()) as u32;
            let sum: u32 = rows
                .flat_map(|row| &y.data[row * y.stride..][columns.clone()])
                .map(|sample| u32::from(*sample))
                .sum();
            bits |= u128::from(sum > THRESHOLD * area) << bit;
        }
        let stamp = Self { number: bits as u32, capture_us: (bits >> 32) as u64 };
        (bits >> 96 == u128::from(stamp.checksum())).then_some(stamp)
    }

    fn bits(self) -> u128 {
        u128::from(self.number) | u128::from(self.capture_us) << 32 | u128::from(self.checksum()) << 96
    }

    /// CRC-16/CCITT with a start value, so that an all-dark strip is no stamp.
    fn checksum(self) -> u16 {
        let bytes = self.number.to_be_bytes().into_iter().chain(self.capture_us.to_be_bytes());
        bytes.fold(0xFFFF, |crc, byte| {
            (0..8).fold(crc ^ u16::from(byte) << 8, |crc, _| {
                if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 }
            })
        })
    }
}

fn fits(width: usize, height: usize) -> bool {
    width >= MIN_WIDTH && height >= 2 * STRIP_HEIGHT
}

/// Whole multiples of eight, so that block borders are borders of the codec's blocks too.
fn block_width(width: usize) -> usize {
    width / COLUMNS / 8 * 8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::frame::{FrameInfo, FramePool, VideoFrame};

    const STAMP: Stamp = Stamp { number: 0xDEAD_BEEF, capture_us: 0x0123_4567_89AB_CDEF };

    fn stamped(width: usize, height: usize) -> VideoFrame {
        FramePool::new().draw(width, height, FrameInfo::default(), |planes| {
            assert!(STAMP.write(planes));
        })
    }

    fn read(frame: &VideoFrame) -> Option<Stamp> {
        Stamp::read(frame.y(), frame.width(), frame.height())
    }

    #[test]
    fn a_stamp_reads_back_at_every_size_we_send() {
        for (width, height) in [(224, 126), (320, 180), (480, 360), (640, 360), (960, 540), (1280, 720)] {
            assert_eq!(read(&stamped(width, height)), Some(STAMP), "{width}x{height}");
        }
    }

    #[test]
    fn a_picture_without_a_stamp_has_none() {
        for level in [0, 16, 128, 255] {
            let frame = FramePool::new().draw(640, 360, FrameInfo::default(), |planes| planes.y.fill(level));
            assert_eq!(read(&frame), None, "luma {level}");
        }
    }

    #[test]
    fn one_damaged_block_is_noticed_wherever_it_is() {
        for bit in 0..BITS {
            let frame = FramePool::new().draw(640, 360, FrameInfo::default(), |planes| {
                STAMP.write(planes);
                let (top, left) = (bit / COLUMNS * BLOCK_HEIGHT, bit % COLUMNS * block_width(640));
                for row in top..top + BLOCK_HEIGHT {
                    for sample in &mut planes.y[row * planes.y_stride + left..][..block_width(640)] {
                        *sample = LEVELS[0] + LEVELS[1] - *sample;
                    }
                }
            });
            assert_eq!(read(&frame), None, "bit {bit}");
        }
    }

    #[test]
    fn a_small_picture_is_left_alone() {
        let frame = FramePool::new().draw(200, 120, FrameInfo::default(), |planes| {
            planes.y.fill(7);
            assert!(!STAMP.write(planes));
        });
        assert!(frame.y().data.iter().all(|sample| *sample == 7));
    }
}

//! What a sequence parameter set of H.264 says of pictures (section 7.3.2.1.1 and annex E): their size and colours, read
//! before any decoder allocates for them.
//!
//! Pure. Reads no further than that, and refuses what calls never have: interlaced pictures, other than 4:2:0 with 8 bits.

use super::{kind, unit};
use crate::media::frame::{ColorMatrix, ColorRange};

#[cfg(test)]
mod tests;

/// What is known of the pictures of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sps {
    /// Pixels across that are decoded, in whole macroblocks.
    pub coded_width: usize,
    /// Pixels down that are decoded, in whole macroblocks.
    pub coded_height: usize,
    /// Pixels across that are shown.
    pub width: usize,
    /// Pixels down that are shown.
    pub height: usize,
    /// Which matrix turns them into RGB; BT.601 where nothing is said.
    pub matrix: ColorMatrix,
    /// How the samples span black to white.
    pub range: ColorRange,
}

/// Baseline, main and high: what pictures of calls have.
const PROFILES: [u32; 3] = [66, 77, 100];
/// The one whose sets say more of samples and quantisers.
const HIGH: u32 = 100;
/// References that a decoder keeps at most (section A.3.1).
const REFERENCES_MAX: u32 = 16;
/// Frames that a cycle of picture order has at most (section 7.4.2.1.1).
const CYCLE_MAX: u32 = 255;
/// Macroblocks on a side at most, so that no arithmetic overflows: twice what any level allows.
const MACROBLOCKS_MAX: u32 = 2048;
/// `aspect_ratio_idc` after which both sides of a pixel follow.
const EXTENDED_SAR: u32 = 255;
/// `matrix_coefficients` of BT.709.
const MATRIX_BT709: u32 = 1;

impl Sps {
    /// Reads a whole unit; `None` if it is no such set, or one that is refused.
    pub fn parse(unit: &[u8]) -> Option<Self> {
        let (header, body) = unit.split_first()?;
        if kind(*header) != unit::SPS {
            return None;
        }
        let mut bits = Bits::new(body);
        let profile = bits.take(8)?;
        if !PROFILES.contains(&profile) {
            return None;
        }
        bits.take(16)?; // constraints and level
        bits.ue()?; // id
        if profile == HIGH {
            skip_high(&mut bits)?;
        }
        bits.ue()?; // log2_max_frame_num_minus4
        skip_order(&mut bits)?;
        if bits.ue()? > REFERENCES_MAX {
            return None;
        }
        bits.flag()?; // gaps_in_frame_num_value_allowed_flag
        let across = bits.ue()?.checked_add(1).filter(|side| *side <= MACROBLOCKS_MAX)? * 16;
        let down = bits.ue()?.checked_add(1).filter(|side| *side <= MACROBLOCKS_MAX)? * 16;
        let frames_only = bits.flag()?;
        if !frames_only {
            return None;
        }
        bits.flag()?; // direct_8x8_inference_flag
        let mut crop = [0; 4];
        if bits.flag()? {
            for side in &mut crop {
                *side = bits.ue()?.checked_mul(2)?;
            }
        }
        let [left, right, top, bottom] = crop;
        let width = across.checked_sub(left.checked_add(right)?).filter(|side| *side > 0)?;
        let height = down.checked_sub(top.checked_add(bottom)?).filter(|side| *side > 0)?;
        // A set that ends within its colours has said all that a decoder needs.
        let said = if bits.flag()? { colours(&mut bits) } else { None };
        let (matrix, range) = said.unwrap_or_default();
        let [coded_width, coded_height, width, height] =
            [across, down, width, height].map(|side| side as usize);
        Some(Self { coded_width, coded_height, width, height, matrix, range })
    }
}

/// Samples and quantisers of the high profile.
fn skip_high(bits: &mut Bits<'_>) -> Option<()> {
    let [chroma_format, luma_bits, chroma_bits] = [bits.ue()?, bits.ue()?, bits.ue()?];
    if (chroma_format, luma_bits, chroma_bits) != (1, 0, 0) {
        return None;
    }
    bits.flag()?; // qpprime_y_zero_transform_bypass_flag
    if bits.flag()? {
        for list in 0..8 {
            if bits.flag()? {
                skip_scaling(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Some(())
}

/// A list of quantisers (section 7.3.2.1.1.1).
fn skip_scaling(bits: &mut Bits<'_>, length: usize) -> Option<()> {
    let (mut last, mut next) = (8, 8);
    for _ in 0..length {
        if next != 0 {
            next = i32::wrapping_add(last, bits.se()?).rem_euclid(256);
        }
        last = if next == 0 { last } else { next };
    }
    Some(())
}

/// In which order pictures are shown.
fn skip_order(bits: &mut Bits<'_>) -> Option<()> {
    match bits.ue()? {
        0 => {
            bits.ue()?;
        }
        1 => {
            bits.flag()?;
            bits.se()?;
            bits.se()?;
            let cycle = bits.ue()?;
            if cycle > CYCLE_MAX {
                return None;
            }
            for _ in 0..cycle {
                bits.se()?;
            }
        }
        2 => {}
        _ => return None,
    }
    Some(())
}

/// What the usability information says of colours (section E.1.1).
fn colours(bits: &mut Bits<'_>) -> Option<(ColorMatrix, ColorRange)> {
    if bits.flag()? && bits.take(8)? == EXTENDED_SAR {
        bits.take(32)?;
    }
    if bits.flag()? {
        bits.flag()?; // overscan_appropriate_flag
    }
    if !bits.flag()? {
        return None;
    }
    bits.take(3)?; // video_format
    let range = if bits.flag()? { ColorRange::Full } else { ColorRange::Limited };
    let described = bits.flag()?;
    let matrix = if described { bits.take(24)? & 0xFF } else { 0 };
    let matrix = if matrix == MATRIX_BT709 { ColorMatrix::Bt709 } else { ColorMatrix::Bt601 };
    Some((matrix, range))
}

/// The bits of a unit, without the bytes that keep start codes out of it (section 7.4.1).
struct Bits<'a> {
    bytes: std::slice::Iter<'a, u8>,
    zeros: usize,
    byte: u8,
    left: u32,
}

impl<'a> Bits<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes: bytes.iter(), zeros: 0, byte: 0, left: 0 }
    }

    fn flag(&mut self) -> Option<bool> {
        if self.left == 0 {
            let mut byte = *self.bytes.next()?;
            if self.zeros >= 2 && byte == 3 {
                (byte, self.zeros) = (*self.bytes.next()?, 0);
            }
            self.zeros = if byte == 0 { self.zeros + 1 } else { 0 };
            (self.byte, self.left) = (byte, 8);
        }
        self.left -= 1;
        Some(self.byte >> self.left & 1 == 1)
    }

    /// A number of up to 32 bits.
    fn take(&mut self, count: u32) -> Option<u32> {
        (0..count).try_fold(0, |number, _| Some(number << 1 | u32::from(self.flag()?)))
    }

    /// An unsigned number in Exp-Golomb code (section 9.1).
    fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some((1 << zeros) - 1 + self.take(zeros)?)
    }

    /// A signed one (section 9.1.1).
    fn se(&mut self) -> Option<i32> {
        let code = i64::from(self.ue()?);
        let half = (code + 1) / 2;
        i32::try_from(if code % 2 == 1 { half } else { -half }).ok()
    }
}

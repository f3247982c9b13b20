//! The most that the other end's decoder takes, and a step of the ladder kept within it. Pure.
//!
//! Pictures are counted in macroblocks of 16 x 16 pixels, as both codecs do. Never reads descriptions: `peer` does.

use super::codec::{MIN_BITRATE_BPS, MOST_FPS};
use super::ladder::Rung;

/// What a decoder takes at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Macroblocks of a picture.
    pub frame: u32,
    /// Macroblocks of a row or a column.
    pub side: u32,
    /// Macroblocks a second.
    pub per_second: u32,
    /// Pictures a second.
    pub fps: u32,
    /// Bits a second.
    pub bps: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self::NONE
    }
}

/// A level of H.264: its number, macroblocks a second, macroblocks of a picture, and kbit/s (ITU-T H.264 table A-1).
type Level = (u8, u32, u32, u32);

/// From the least on. What stands above takes whatever is sent here.
const LEVELS: [Level; 12] = [
    (10, 1_485, 99, 64),
    (LEVEL_1B, 1_485, 99, 128),
    (11, 3_000, 396, 192),
    (12, 6_000, 396, 384),
    (13, 11_880, 396, 768),
    (20, 11_880, 396, 2_000),
    (21, 19_800, 792, 4_000),
    (22, 20_250, 1_620, 4_000),
    (30, 40_500, 1_620, 10_000),
    (31, 108_000, 3_600, 14_000),
    (32, 216_000, 5_120, 20_000),
    (40, 245_760, 8_192, 20_000),
];
/// Not a number of its own in baseline: 11 with a constraint.
const LEVEL_1B: u8 = 9;
/// Third constraint of a profile, which makes 1b of level 1.1.
const CONSTRAINT_3: u8 = 0x10;

/// Fluent before sharp: pictures become smaller where only so many a second could be had of larger ones.
const FLUENT_FPS: u32 = 15;

impl Limits {
    /// A decoder that named none.
    pub const NONE: Self =
        Self { frame: u32::MAX, side: u32::MAX, per_second: u32::MAX, fps: u32::MAX, bps: u32::MAX };

    /// Those of a level of H.264, by the last two bytes of its `profile-level-id` (RFC 6184 section 8.1).
    pub fn of_level(constraints: u8, level: u8) -> Self {
        let level = if level == 11 && constraints & CONSTRAINT_3 != 0 { LEVEL_1B } else { level };
        if level > LEVELS[LEVELS.len() - 1].0 {
            return Self::NONE;
        }
        let known = LEVELS.iter().rev().find(|known| known.0 <= level && known.0 != LEVEL_1B);
        let exact = LEVELS.iter().find(|known| known.0 == level);
        let (_, per_second, frame, kbps) = *exact.or(known).unwrap_or(&LEVELS[0]);
        Self::NONE.with_frame(frame).with_rates(per_second, kbps)
    }

    /// With pictures of so many macroblocks, which are no longer than eight times as wide (H.264 section A.3.1).
    #[must_use]
    pub fn with_frame(self, frame: u32) -> Self {
        Self { frame, side: frame.saturating_mul(8).isqrt(), ..self }
    }

    /// With so many macroblocks and thousand bits a second.
    #[must_use]
    pub fn with_rates(self, per_second: u32, kbps: u32) -> Self {
        Self { per_second, bps: kbps.saturating_mul(1000), ..self }
    }

    /// The bitrate that may be used of this, bit/s.
    pub fn bitrate(&self, bps: u32) -> u32 {
        bps.min(self.bps.max(MIN_BITRATE_BPS))
    }

    /// The size and the pictures a second to send of a source of `width` x `height` at this step.
    pub fn keep(&self, rung: Rung, width: usize, height: usize) -> ((usize, usize), u32) {
        let whole = rung.fit(width, height);
        let even = |side: usize, percent: usize| (side * percent / 200 * 2).max(2);
        let sizes = (1..=100).rev().map(|percent| (even(whole.0, percent), even(whole.1, percent)));
        let fluent = rung.fps.min(self.fps).min(FLUENT_FPS);
        let rate = |size| self.per_second / macroblocks(size);
        let mut fitting = sizes.into_iter().filter(|size| self.takes(*size) && rate(*size) >= fluent);
        let size = fitting.next().unwrap_or((16, 16));
        (size, rung.fps.min(self.fps).min(rate(size)).max(1))
    }

    /// Most pictures of this size that are sent in a second, whatever the step: what a stream may say of itself.
    pub fn rate_of(&self, size: (usize, usize)) -> u32 {
        MOST_FPS.min(self.fps).min(self.per_second / macroblocks(size)).max(1)
    }

    fn takes(&self, size: (usize, usize)) -> bool {
        macroblocks(size) <= self.frame && blocks(size.0.max(size.1)) <= self.side
    }
}

fn blocks(side: usize) -> u32 {
    side.div_ceil(16) as u32
}

fn macroblocks((width, height): (usize, usize)) -> u32 {
    blocks(width) * blocks(height)
}

#[cfg(test)]
mod tests {
    use super::super::ladder::RUNGS;
    use super::*;

    /// What is sent of a camera of this size at the best step.
    fn kept(limits: Limits, width: usize, height: usize) -> ((usize, usize), u32) {
        limits.keep(RUNGS[0], width, height)
    }

    #[test]
    fn each_level_has_the_largest_picture_that_it_allows_and_that_stays_fluent() {
        let at = |level| kept(Limits::of_level(0xe0, level), 1280, 720);
        assert_eq!(at(10), ((192, 108), 17), "level 1");
        assert_eq!(at(11), ((280, 158), 16), "level 1.1");
        assert_eq!(at(13), ((408, 230), 30), "level 1.3");
        assert_eq!(at(22), ((768, 432), 15), "level 2.2");
        assert_eq!(at(30), ((844, 474), 25), "level 3");
        for level in [31, 32, 40, 41, 52] {
            assert_eq!(at(level), ((1280, 720), 30), "level {level}");
        }
    }

    #[test]
    fn a_small_picture_goes_as_it_is_where_the_level_takes_it() {
        assert_eq!(kept(Limits::of_level(0xe0, 13), 320, 180), ((320, 180), 30));
        assert_eq!(kept(Limits::NONE, 1280, 720), ((1280, 720), 30));
    }

    #[test]
    fn the_bitrate_is_that_of_the_level_and_never_less_than_an_encoder_is_asked_for() {
        let at = |constraints, level| Limits::of_level(constraints, level).bitrate(3_000_000);
        assert_eq!(at(0xe0, 10), 64_000);
        assert_eq!(at(0xf0, 11), 128_000, "1b");
        assert_eq!(at(0xe0, 11), 192_000);
        assert_eq!(at(0xe0, 31), 3_000_000);
        assert_eq!(Limits { bps: 1, ..Limits::NONE }.bitrate(3_000_000), MIN_BITRATE_BPS);
    }

    #[test]
    fn whatever_a_decoder_says_there_is_a_picture_that_keeps_to_it() {
        for level in 0..=255 {
            for (width, height) in [(1920, 1080), (1080, 1920), (5000, 1), (1, 5000), (640, 480), (2, 2)] {
                let limits = Limits::of_level(0xe0, level);
                let (size, fps) = kept(limits, width, height);
                assert!(limits.takes(size) && fps >= 1, "{width}x{height} at level {level}: {size:?}");
                assert!(macroblocks(size) * fps <= limits.per_second, "level {level}");
            }
        }
        let nothing = Limits { frame: 0, side: 0, per_second: 0, fps: 0, bps: 0 };
        assert_eq!(kept(nothing, 1280, 720), ((16, 16), 1), "one that takes nothing gets next to nothing");
    }
}

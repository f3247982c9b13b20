//! What H.264 alone has: its parameter sets, and references that are missing.

use super::*;
use crate::media::camera::FrameSource;
use crate::media::ladder::RUNGS;
use crate::media::limits::Limits;
use crate::media::made_frames::{pattern, stream};
use crate::media::measure::psnr_y;

#[test]
fn a_lower_bitrate_is_kept_to_from_the_next_frames_on() {
    let mut source = pattern(640, 360);
    let mut encoder = H264Encoder::new((640, 360), 30, 2_000_000, Content::Motion).expect("an encoder");
    let mut bits = [0; 2];
    for number in 0..180_u32 {
        if number == 90 {
            encoder.set_bitrate(500_000).expect("changed");
        }
        let frame = source.frame(number).expect("a frame");
        let encoded = encoder.encode(&frame, i64::from(number) * 3000, 3000, false).expect("encoded");
        bits[(number / 90) as usize] += encoded.map_or(0, |encoded| encoded.data.len() * 8);
    }
    assert!(bits[1] < bits[0] / 2 && bits[1] < 3 * 650_000, "{bits:?} bits in three seconds each");
}

#[test]
fn a_stream_is_constrained_baseline_and_its_key_frames_describe_themselves() {
    let mut encoder = H264Encoder::new((640, 360), 30, 500_000, Content::Motion).expect("an encoder");
    let mut source = pattern(640, 360);
    for number in 0..2_u32 {
        let frame = source.frame(number).expect("a frame");
        let encoded = encoder.encode(&frame, i64::from(number) * 3000, 3000, true).expect("encoded");
        let found: Vec<&[u8]> = units(encoded.expect("a key frame").data).collect();
        let kinds: Vec<u8> = found.iter().map(|unit| kind(unit[0])).collect();
        assert_eq!(kinds, [unit::SPS, unit::PPS, unit::IDR]);
        assert_eq!((found[0][1], found[0][2] & 0xC0), (66, 0xC0));
        let sps = Sps::parse(found[0]).expect("a set");
        assert_eq!((sps.width, sps.height, sps.coded_height), (640, 360, 368));
        assert_eq!((sps.matrix, sps.range), (ColorMatrix::Bt601, ColorRange::Limited));
    }
}

/// Where a level stands among the others, by the last two bytes of a profile: 1b is 11 with a constraint, and above 1.
fn rank(constraints: u8, level: u8) -> u8 {
    let one_b = level == 11 && constraints & 0x10 != 0;
    if one_b || level == 9 { 2 * 10 + 1 } else { 2 * level }
}

#[test]
fn a_stream_claims_no_higher_level_than_the_other_end_takes() {
    let levels = [10, 11, 12, 13, 20, 21, 22, 30, 31, 32, 40].map(|level| (0xE0, level));
    for (constraints, level) in levels.into_iter().chain([(0xF0, 11)]) {
        let limits = Limits::of_level(constraints, level);
        for (width, height) in [(640, 360), (1280, 720), (640, 480), (360, 640)] {
            for rung in RUNGS {
                let (size, fps) = limits.keep(rung, width, height);
                let most = limits.rate_of(size);
                assert!(fps <= most, "{width}x{height} at {level}: {fps} of {most} pictures a second");
                let bitrate = limits.bitrate(3_000_000);
                let mut encoder = H264Encoder::new(size, most, bitrate, Content::Motion).expect("an encoder");
                let frame = pattern(size.0, size.1).frame(0).expect("a frame");
                let encoded = encoder.encode(&frame, 0, 90_000 / fps, true).expect("encoded");
                let encoded = encoded.expect("a key frame");
                let sps = units(encoded.data).next().expect("a set");
                let claimed = rank(sps[2], sps[3]);
                assert!(
                    claimed <= rank(constraints, level),
                    "{size:?} {most} times a second claims {:?} where {:?} is taken",
                    (sps[2], sps[3]),
                    (constraints, level)
                );
            }
        }
    }
}

#[test]
fn a_screen_of_text_is_sharp() {
    let mut source = crate::media::screen::page::Page::new(crate::media::screen::page::FORMAT);
    let mut encoder = H264Encoder::new((1280, 720), 30, 1_000_000, Content::Detail).expect("an encoder");
    let mut decoder = H264Decoder::new().expect("a decoder");
    let mut pool = FramePool::new();
    let (mut bits, mut worst) = (0, f64::MAX);
    for number in 0..30_u32 {
        let frame = source.frame(number).expect("a frame");
        let encoded = encoder.encode(&frame, i64::from(number) * 9000, 9000, false).expect("encoded");
        let Some(encoded) = encoded else { continue };
        bits += encoded.data.len() * 8;
        let shown =
            decoder.decode(encoded.data, FrameInfo::default(), &mut pool).expect("decoded").expect("shown");
        worst = worst.min(psnr_y(&frame, &shown).expect("equal sizes"));
    }
    eprintln!("{} kb/s, at least {worst:.1} dB", bits / 3000);
    assert!(worst > 28.0, "{worst:.1} dB");
}

#[test]
fn an_insane_size_is_refused_before_openh264_sees_it() {
    let mut decoder = H264Decoder::new().expect("a decoder");
    // Wider than any screen that is accepted.
    let mut encoder = H264Encoder::new((4112, 2160), 30, 1_000_000, Content::Motion).expect("an encoder");
    let frame = pattern(4112, 2160).frame(0).expect("a frame");
    let encoded = encoder.encode(&frame, 0, 3000, true).expect("encoded").expect("a key frame");
    let refused = decoder.decode(encoded.data, FrameInfo::default(), &mut FramePool::new()).err();
    assert_eq!(refused, Some(CodecError::Size { width: 4112, height: 2160 }));
    let odd = H264Encoder::new((641, 360), 30, 1_000_000, Content::Motion).err();
    assert_eq!(
        odd,
        Some(CodecError::Size { width: 641, height: 360 }),
        "nor does the encoder take odd sides"
    );
}

#[test]
fn a_picture_whose_reference_is_missing_is_not_shown() {
    let mut encoder = H264Encoder::new((320, 180), 30, 2_000_000, Content::Motion).expect("an encoder");
    let (mut decoder, mut pool) = (H264Decoder::new().expect("a decoder"), FramePool::new());
    let mut source = pattern(320, 180);
    let mut outcomes = Vec::new();
    for number in 0..6_u32 {
        let frame = source.frame(number).expect("a frame");
        let encoded = encoder.encode(&frame, i64::from(number) * 3000, 3000, number == 4).expect("encoded");
        let encoded = encoded.expect("not dropped");
        if number != 1 {
            let decoded = decoder.decode(encoded.data, FrameInfo::default(), &mut pool);
            outcomes.push(decoded.is_ok_and(|picture| picture.is_some()));
        }
    }
    assert_eq!(outcomes, [true, false, false, true, true]);
}

#[test]
fn a_set_of_an_extension_is_refused_before_openh264_sees_it() {
    let mut decoder = H264Decoder::new().expect("a decoder");
    let smuggled = [0, 0, 1, 0x41, 9, 9, 0, 0, 1, 0x6F, 0x42, 0, 0x1F, 9];
    let refused = decoder.decode(&smuggled, FrameInfo::default(), &mut FramePool::new()).err();
    assert_eq!(refused, Some(CodecError::NotAFrame));
}

/// A set of ours that says other colours: `full` range or limited, by `matrix`.
fn coloured(sps: &[u8], full: bool, matrix: u8) -> Vec<u8> {
    let bits_of = |byte: u8| (0..8).rev().map(move |bit| byte >> bit & 1 == 1);
    let mut bits: Vec<bool> = sps.iter().flat_map(|byte| bits_of(*byte)).collect();
    // That colours are described, and the three ways in which they are; before it stands the range.
    let described: Vec<bool> =
        std::iter::once(true).chain([COLOURS_BT601; 3].into_iter().flat_map(bits_of)).collect();
    let at = bits.windows(described.len()).position(|window| window == described).expect("our colours");
    bits[at - 1] = full;
    bits.splice(at + 17..at + 25, bits_of(matrix));
    bits.chunks(8).map(|byte| byte.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit))).collect()
}

#[test]
fn pictures_have_the_colours_that_their_set_says() {
    let frame = pattern(320, 180).frame(0).expect("a frame");
    let mut encoder = H264Encoder::new((320, 180), 30, 500_000, Content::Motion).expect("an encoder");
    let encoded = encoder.encode(&frame, 0, 3000, true).expect("encoded").expect("a key frame");
    let found: Vec<&[u8]> = units(encoded.data).collect();
    let [sps, pps, idr] = found[..] else { panic!("{} units", found.len()) };
    let (mut decoder, mut pool) = (H264Decoder::new().expect("a decoder"), FramePool::new());
    let told = [
        (false, 6, ColorRange::Limited, ColorMatrix::Bt601),
        (true, 6, ColorRange::Full, ColorMatrix::Bt601),
        (false, 1, ColorRange::Limited, ColorMatrix::Bt709),
        (true, 1, ColorRange::Full, ColorMatrix::Bt709),
    ];
    for (full, matrix, range, wanted) in told {
        let stream = stream(&[&coloured(sps, full, matrix), pps, idr]);
        let shown = decoder.decode(&stream, FrameInfo::default(), &mut pool);
        let shown = shown.expect("decoded").expect("shown");
        assert_eq!((shown.info.range, shown.info.matrix), (range, wanted));
    }
}

//! H.264 in both directions: what is asked of the encoder is what comes out.

use std::time::Instant;

use super::*;
use crate::media::camera::pattern::Pattern;
use crate::media::camera::{FrameRate, FrameSource, PictureFormat};
use crate::media::measure::psnr_y;
use crate::media::stamp::Stamp;

fn pattern(width: usize, height: usize) -> Pattern {
    Pattern::new(PictureFormat { width, height, rate: FrameRate::whole(30) })
}

fn stamped(frame: &VideoFrame, pool: &mut FramePool, number: u32) -> VideoFrame {
    pool.draw(frame.width(), frame.height(), frame.info, |planes| {
        planes.copy_from(frame);
        Stamp { number, capture_us: u64::from(number) * 33_333 + 1_234_567_891 }.write(planes);
    })
}

struct Outcome {
    shown: usize,
    stamps: usize,
    psnr_db: Vec<f64>,
    bits: usize,
    spent_ms: [f64; 2],
}

/// Encodes and decodes `frames` pictures of the stamped pattern.
fn run(width: usize, height: usize, bitrate_bps: u32, frames: u32) -> Outcome {
    let (mut source, mut pool, mut decoded_pool) =
        (pattern(width, height), FramePool::new(), FramePool::new());
    let mut encoder = H264Encoder::new(width, height, bitrate_bps, Content::Motion).expect("an encoder");
    let mut decoder = H264Decoder::new().expect("a decoder");
    let mut outcome = Outcome { shown: 0, stamps: 0, psnr_db: Vec::new(), bits: 0, spent_ms: [0.0; 2] };
    for number in 0..frames {
        let original = source.frame(number).expect("a frame");
        let picture = stamped(&original, &mut pool, number);
        let (pts, start) = (i64::from(number) * 3000, Instant::now());
        let encoded = encoder.encode(&picture, pts, 3000, false).expect("encoded");
        let done = Instant::now();
        outcome.spent_ms[0] += (done - start).as_secs_f64() * 1e3 / f64::from(frames);
        let Some(encoded) = encoded else { continue };
        outcome.bits += encoded.data.len() * 8;
        let shown = decoder.decode(encoded.data, FrameInfo::default(), &mut decoded_pool).expect("decoded");
        outcome.spent_ms[1] += done.elapsed().as_secs_f64() * 1e3 / f64::from(frames);
        let shown = shown.expect("every frame is shown");
        outcome.shown += 1;
        let stamp = Stamp::read(shown.y(), shown.width(), shown.height());
        outcome.stamps += usize::from(stamp.is_some_and(|stamp| stamp.number == number));
        outcome.psnr_db.push(psnr_y(&original, &shown).expect("equal sizes"));
    }
    outcome.psnr_db.sort_by(f64::total_cmp);
    eprintln!(
        "{width}x{height} at {} kb/s: {} of {frames} shown, {} kb/s, PSNR-Y p50 {:.1} dB, encode {:.2} ms, decode {:.2} ms",
        bitrate_bps / 1000,
        outcome.shown,
        outcome.bits as u32 / (frames * 1000 / 30),
        outcome.psnr_db[outcome.psnr_db.len() / 2],
        outcome.spent_ms[0],
        outcome.spent_ms[1],
    );
    outcome
}

#[test]
fn the_pattern_at_one_megabit_is_a_good_picture_within_its_rate() {
    let outcome = run(640, 360, 1_000_000, 150);
    let median_db = outcome.psnr_db[outcome.psnr_db.len() / 2];
    assert_eq!(outcome.stamps, outcome.shown);
    assert!(outcome.shown >= 140, "{} of 150 shown", outcome.shown);
    assert!((32.0..45.0).contains(&median_db), "a fair picture, neither poor nor trivial: {median_db:.1} dB");
    assert!(outcome.bits < 5 * 1_200_000, "{} bits in five seconds", outcome.bits);
}

#[test]
fn stamps_survive_a_narrow_path() {
    let outcome = run(640, 360, 300_000, 150);
    assert_eq!(outcome.stamps, outcome.shown, "every picture shown has its stamp");
    assert!(outcome.shown >= 75, "{} of 150 shown", outcome.shown);
    assert!(outcome.bits < 5 * 400_000, "{} bits in five seconds", outcome.bits);
}

#[test]
fn a_forced_key_frame_lands_on_its_picture_and_changes_of_rate_need_none() {
    let (mut source, mut encoder) =
        (pattern(320, 180), H264Encoder::new(320, 180, 500_000, Content::Motion).expect("an encoder"));
    let mut keys = Vec::new();
    for number in 0..40_u32 {
        if number == 10 {
            encoder.set_bitrate(200_000).expect("changed");
        }
        let duration = if number < 20 { 3000 } else { 6000 };
        let frame = source.frame(number).expect("a frame");
        let encoded =
            encoder.encode(&frame, i64::from(number) * 3000, duration, number == 25).expect("encoded");
        if encoded.is_some_and(|encoded| encoded.key) {
            keys.push(number);
        }
    }
    assert_eq!(keys, [0, 25]);
}

#[test]
fn a_lower_bitrate_is_kept_to_from_the_next_frames_on() {
    let mut source = pattern(640, 360);
    let mut encoder = H264Encoder::new(640, 360, 2_000_000, Content::Motion).expect("an encoder");
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
    let mut encoder = H264Encoder::new(640, 360, 500_000, Content::Motion).expect("an encoder");
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

#[test]
fn the_decoder_follows_a_change_of_size() {
    let (mut decoder, mut pool) = (H264Decoder::new().expect("a decoder"), FramePool::new());
    for (width, height) in [(640, 360), (320, 180), (638, 358), (1280, 720), (16, 16), (1920, 1080)] {
        let mut encoder = H264Encoder::new(width, height, 1_000_000, Content::Motion).expect("an encoder");
        let frame = pattern(width, height).frame(0).expect("a frame");
        let encoded = encoder.encode(&frame, 0, 3000, true).expect("encoded").expect("a key frame");
        let shown =
            decoder.decode(encoded.data, FrameInfo::default(), &mut pool).expect("decoded").expect("shown");
        assert_eq!((shown.width(), shown.height()), (width, height));
        // Of the smallest nothing is left beside the strip that is never measured.
        assert!(psnr_y(&frame, &shown).is_none_or(|db| db > 25.0), "{width}x{height}");
    }
}

#[test]
fn a_screen_of_text_is_sharp() {
    let mut source = crate::media::screen::page::Page::new(crate::media::screen::page::FORMAT);
    let mut encoder = H264Encoder::new(1280, 720, 1_000_000, Content::Detail).expect("an encoder");
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
    // 3840x2160, constrained baseline, level 5.1.
    let mut encoder = H264Encoder::new(3840, 2160, 1_000_000, Content::Motion).expect("an encoder");
    let frame = pattern(3840, 2160).frame(0).expect("a frame");
    let encoded = encoder.encode(&frame, 0, 3000, true).expect("encoded").expect("a key frame");
    let refused = decoder.decode(encoded.data, FrameInfo::default(), &mut FramePool::new()).err();
    assert_eq!(refused, Some(CodecError::Size { width: 3840, height: 2160 }));
    let odd = H264Encoder::new(641, 360, 1_000_000, Content::Motion).err();
    assert_eq!(
        odd,
        Some(CodecError::Size { width: 641, height: 360 }),
        "nor does the encoder take odd sides"
    );
}

#[test]
fn a_picture_whose_reference_is_missing_is_not_shown() {
    let mut encoder = H264Encoder::new(320, 180, 2_000_000, Content::Motion).expect("an encoder");
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
fn rubbish_is_an_error_and_a_key_frame_heals() {
    let (mut decoder, mut pool) = (H264Decoder::new().expect("a decoder"), FramePool::new());
    let smuggled = [0, 0, 1, 0x41, 9, 9, 0, 0, 1, 0x6F, 0x42, 0, 0x1F, 9];
    for rubbish in [&[][..], &[0], &[0, 0, 1], &[1, 2, 3], &[0; 40], &[0xFF; 40], &smuggled] {
        assert!(
            !matches!(decoder.decode(rubbish, FrameInfo::default(), &mut pool), Ok(Some(_))),
            "{rubbish:?}"
        );
    }
    let refused = decoder.decode(&smuggled, FrameInfo::default(), &mut pool).err();
    assert_eq!(refused, Some(CodecError::NotAFrame), "a set of an extension");
    let mut encoder = H264Encoder::new(320, 180, 500_000, Content::Motion).expect("an encoder");
    let frame = pattern(320, 180).frame(0).expect("a frame");
    let encoded = encoder.encode(&frame, 0, 3000, true).expect("encoded").expect("a key frame");
    assert!(decoder.decode(encoded.data, FrameInfo::default(), &mut pool).expect("decoded").is_some());
}

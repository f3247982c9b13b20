//! VP8 in both directions: what is asked of the encoder is what comes out.

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
}

/// Encodes and decodes `frames` pictures of the stamped pattern.
fn run(width: usize, height: usize, bitrate_bps: u32, frames: u32) -> Outcome {
    let (mut source, mut pool, mut decoded_pool) =
        (pattern(width, height), FramePool::new(), FramePool::new());
    let mut encoder = Vp8Encoder::new(width, height, bitrate_bps, Content::Motion).expect("an encoder");
    let mut decoder = Vp8Decoder::new().expect("a decoder");
    let mut outcome = Outcome { shown: 0, stamps: 0, psnr_db: Vec::new(), bits: 0 };
    for number in 0..frames {
        let original = source.frame(number).expect("a frame");
        let picture = stamped(&original, &mut pool, number);
        let pts = i64::from(number) * 3000;
        let Some(encoded) = encoder.encode(&picture, pts, 3000, false).expect("encoded") else { continue };
        outcome.bits += encoded.data.len() * 8;
        let shown = decoder.decode(encoded.data, FrameInfo::default(), &mut decoded_pool).expect("decoded");
        let shown = shown.expect("every frame is shown");
        outcome.shown += 1;
        let stamp = Stamp::read(shown.y(), shown.width(), shown.height());
        outcome.stamps += usize::from(stamp.is_some_and(|stamp| stamp.number == number));
        outcome.psnr_db.push(psnr_y(&original, &shown).expect("equal sizes"));
    }
    outcome.psnr_db.sort_by(f64::total_cmp);
    outcome
}

#[test]
fn the_pattern_at_one_megabit_is_a_good_picture() {
    let outcome = run(640, 360, 1_000_000, 150);
    let median_db = outcome.psnr_db[outcome.psnr_db.len() / 2];
    eprintln!(
        "PSNR-Y p50 {median_db:.1} dB, least {:.1} dB, {} kb/s, {} shown",
        outcome.psnr_db[0],
        outcome.bits / 5000,
        outcome.shown
    );
    assert_eq!(outcome.stamps, outcome.shown);
    assert!(outcome.shown >= 145, "{} of 150 shown", outcome.shown);
    assert!((32.0..45.0).contains(&median_db), "a fair picture, neither poor nor trivial: {median_db:.1} dB");
}

#[test]
fn stamps_survive_a_narrow_path() {
    let outcome = run(640, 360, 300_000, 150);
    let median_db = outcome.psnr_db[outcome.psnr_db.len() / 2];
    eprintln!("{} of 150 shown, {} kb/s, {median_db:.1} dB", outcome.shown, outcome.bits / 5000);
    assert_eq!(outcome.stamps, outcome.shown, "every picture shown has its stamp");
    assert!(outcome.shown >= 75);
}

#[test]
fn a_forced_key_frame_lands_on_its_picture_and_bitrate_changes_need_none() {
    let (mut source, mut encoder) =
        (pattern(320, 180), Vp8Encoder::new(320, 180, 500_000, Content::Motion).expect("an encoder"));
    let mut keys = Vec::new();
    for number in 0..40_u32 {
        if number == 10 {
            encoder.set_bitrate(200_000).expect("changed");
        }
        let frame = source.frame(number).expect("a frame");
        let encoded = encoder.encode(&frame, i64::from(number) * 3000, 3000, number == 25).expect("encoded");
        if encoded.is_some_and(|encoded| encoded.key) {
            keys.push(number);
        }
    }
    assert_eq!(keys, [0, 25]);
}

#[test]
fn the_decoder_follows_a_change_of_size() {
    let (mut decoder, mut pool) = (Vp8Decoder::new().expect("a decoder"), FramePool::new());
    for (width, height) in [(640, 360), (320, 180), (638, 358), (1280, 720)] {
        let mut encoder = Vp8Encoder::new(width, height, 1_000_000, Content::Motion).expect("an encoder");
        let frame = pattern(width, height).frame(0).expect("a frame");
        let encoded = encoder.encode(&frame, 0, 3000, true).expect("encoded").expect("a key frame");
        assert_eq!(key_frame_size(encoded.data), Some((width, height)));
        let shown =
            decoder.decode(encoded.data, FrameInfo::default(), &mut pool).expect("decoded").expect("shown");
        assert_eq!((shown.width(), shown.height()), (width, height));
    }
}

#[test]
fn an_insane_size_is_refused_before_libvpx_sees_it() {
    let mut decoder = Vp8Decoder::new().expect("a decoder");
    let huge = [0x10, 0, 0, 0x9D, 0x01, 0x2A, 0xFF, 0x3F, 0xFF, 0x3F, 0, 0, 0];
    let refused = decoder.decode(&huge, FrameInfo::default(), &mut FramePool::new()).err();
    assert_eq!(refused, Some(CodecError::Size { width: 16_383, height: 16_383 }));
}

#[test]
fn a_frame_cut_short_is_no_picture_and_nor_are_those_that_build_on_it() {
    let (mut source, mut pool) = (pattern(640, 360), FramePool::new());
    let mut encoder = Vp8Encoder::new(640, 360, 1_000_000, Content::Motion).expect("an encoder");
    let mut decoder = Vp8Decoder::new().expect("a decoder");
    let (cut, healed) = (5, 10);
    for number in 0..15_u32 {
        let picture = source.frame(number).expect("a frame");
        let encoded = encoder.encode(&picture, i64::from(number) * 3000, 3000, number == healed);
        let encoded = encoded.expect("encoded").expect("a frame");
        let length = if number == cut { encoded.data.len() / 2 } else { encoded.data.len() };
        let decoded = decoder.decode(&encoded.data[..length], FrameInfo::default(), &mut pool);
        let whole = !(cut..healed).contains(&number);
        assert_eq!(decoded.is_ok_and(|picture| picture.is_some()), whole, "picture {number}");
    }
}

#[test]
fn rubbish_is_an_error_and_a_key_frame_heals() {
    let (mut decoder, mut pool) = (Vp8Decoder::new().expect("a decoder"), FramePool::new());
    for rubbish in [&[][..], &[0], &[1, 2, 3], &[0; 40], &[0xFF; 40]] {
        assert!(
            !matches!(decoder.decode(rubbish, FrameInfo::default(), &mut pool), Ok(Some(_))),
            "{rubbish:?}"
        );
    }
    let mut encoder = Vp8Encoder::new(320, 180, 500_000, Content::Motion).expect("an encoder");
    let frame = pattern(320, 180).frame(0).expect("a frame");
    let encoded = encoder.encode(&frame, 0, 3000, true).expect("encoded").expect("a key frame");
    assert!(decoder.decode(encoded.data, FrameInfo::default(), &mut pool).expect("decoded").is_some());
}

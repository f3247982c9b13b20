//! Each codec in both directions: what is asked of the encoder is what comes out.

use std::time::Instant;

use super::*;
use crate::media::camera::FrameSource;
use crate::media::made_frames::pattern;
use crate::media::measure::psnr_y;
use crate::media::stamp::Stamp;

fn stamped(frame: &VideoFrame, pool: &mut FramePool, number: u32) -> VideoFrame {
    pool.draw(frame.width(), frame.height(), frame.info, |planes| {
        planes.copy_from(frame);
        Stamp { number, capture_us: u64::from(number) * 33_333 + 1_234_567_891 }.write(planes);
    })
}

fn encoder(codec: VideoCodec, size: (usize, usize), bitrate_bps: u32) -> VideoEncoder {
    VideoEncoder::new(codec, size, bitrate_bps, Content::Motion).expect("an encoder")
}

struct Outcome {
    shown: usize,
    stamps: usize,
    psnr_db: Vec<f64>,
    bits: usize,
    /// For a picture encoded and one decoded.
    spent_ms: [f64; 2],
}

/// Five seconds of the stamped pattern, encoded and decoded.
fn run(codec: VideoCodec, (width, height): (usize, usize), bitrate_bps: u32) -> Outcome {
    let frames = 150;
    let (mut source, mut pool, mut decoded_pool) =
        (pattern(width, height), FramePool::new(), FramePool::new());
    let mut encoder = encoder(codec, (width, height), bitrate_bps);
    let mut decoder = VideoDecoder::new(codec).expect("a decoder");
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
        "{codec:?} {width}x{height} at {} kb/s: {} of {frames} shown, {} kb/s, PSNR-Y p50 {:.1} dB, encode {:.2} ms, decode {:.2} ms",
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
    for codec in VideoCodec::ALL {
        let outcome = run(*codec, (640, 360), 1_000_000);
        let median_db = outcome.psnr_db[outcome.psnr_db.len() / 2];
        assert_eq!(outcome.stamps, outcome.shown, "{codec:?}");
        assert!(outcome.shown >= 140, "{codec:?}: {} of 150 shown", outcome.shown);
        let fair = (32.0..45.0).contains(&median_db);
        assert!(fair, "{codec:?}: a fair picture, neither poor nor trivial: {median_db:.1} dB");
        assert!(outcome.bits < 5 * 1_200_000, "{codec:?}: {} bits in five seconds", outcome.bits);
    }
}

#[test]
fn stamps_survive_a_narrow_path() {
    for codec in VideoCodec::ALL {
        let outcome = run(*codec, (640, 360), 300_000);
        assert_eq!(outcome.stamps, outcome.shown, "{codec:?}: every picture shown has its stamp");
        assert!(outcome.shown >= 75, "{codec:?}: {} of 150 shown", outcome.shown);
        assert!(outcome.bits < 5 * 400_000, "{codec:?}: {} bits in five seconds", outcome.bits);
    }
}

#[test]
fn a_forced_key_frame_lands_on_its_picture_and_changes_of_rate_need_none() {
    for codec in VideoCodec::ALL {
        let (mut source, mut encoder) = (pattern(320, 180), encoder(*codec, (320, 180), 500_000));
        let mut keys = Vec::new();
        for number in 0..40_u32 {
            if number == 10 {
                encoder.set_bitrate(200_000).expect("changed");
            }
            let duration = if number < 20 { 3000 } else { 6000 };
            let frame = source.frame(number).expect("a frame");
            let pts = i64::from(number) * 6000;
            let encoded = encoder.encode(&frame, pts, duration, number == 25).expect("encoded");
            if encoded.is_some_and(|encoded| encoded.key) {
                keys.push(number);
            }
        }
        assert_eq!(keys, [0, 25], "{codec:?}");
    }
}

#[test]
fn the_decoder_follows_a_change_of_size() {
    for codec in VideoCodec::ALL {
        let (mut decoder, mut pool) = (VideoDecoder::new(*codec).expect("a decoder"), FramePool::new());
        let small = [(640, 360), (320, 180), (638, 358), (1280, 720), (16, 16), (1920, 1080)];
        for size in small.into_iter().chain([(2560, 1440), (4096, 2304), (2304, 4096)]) {
            let frame = pattern(size.0, size.1).frame(0).expect("a frame");
            let mut encoder = encoder(*codec, size, 1_000_000);
            let encoded = encoder.encode(&frame, 0, 3000, true).expect("encoded").expect("a key frame");
            let shown = decoder.decode(encoded.data, FrameInfo::default(), &mut pool);
            let shown = shown.expect("decoded").expect("shown");
            assert_eq!((shown.width(), shown.height()), size, "{codec:?}");
            // Of the smallest nothing is left beside the strip that is never measured.
            assert!(psnr_y(&frame, &shown).is_none_or(|db| db > 25.0), "{codec:?} {size:?}");
        }
    }
}

#[test]
fn rubbish_is_an_error_and_a_key_frame_heals() {
    for codec in VideoCodec::ALL {
        let (mut decoder, mut pool) = (VideoDecoder::new(*codec).expect("a decoder"), FramePool::new());
        let mut decode = |data: &[u8]| decoder.decode(data, FrameInfo::default(), &mut pool);
        for rubbish in [&[][..], &[0], &[0, 0, 1], &[1, 2, 3], &[0; 40], &[0xFF; 40]] {
            assert!(!matches!(decode(rubbish), Ok(Some(_))), "{codec:?}: {rubbish:?}");
        }
        let frame = pattern(320, 180).frame(0).expect("a frame");
        let mut encoder = encoder(*codec, (320, 180), 500_000);
        let encoded = encoder.encode(&frame, 0, 3000, true).expect("encoded").expect("a key frame");
        assert!(decode(encoded.data).expect("decoded").is_some(), "{codec:?}");
    }
}

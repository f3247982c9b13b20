//! What VP8 alone has: sizes in its frames, and damage that libvpx takes for no error.

use super::*;
use crate::media::camera::FrameSource;
use crate::media::camera::{FrameRate, PictureFormat};
use crate::media::made_frames::pattern;
use crate::media::measure::psnr_y;
use crate::media::screen::page::Page;

#[test]
fn a_key_frame_says_its_size() {
    for (width, height) in [(640, 360), (638, 358), (1280, 720)] {
        let mut encoder = Vp8Encoder::new(width, height, 1_000_000, Content::Motion).expect("an encoder");
        let frame = pattern(width, height).frame(0).expect("a frame");
        let encoded = encoder.encode(&frame, 0, 3000, true).expect("encoded").expect("a key frame");
        assert_eq!(key_frame_size(encoded.data), Some((width, height)));
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

/// How a page of text arrives over a path of `bps`, with a key frame that is asked for each two seconds: how long after each of
/// them the first picture has left, and the first that can be read, s.
fn text(size: (usize, usize), bps: u32, fps: u32) -> Vec<(f64, f64)> {
    const READABLE_DB: f64 = 30.0;
    let format = PictureFormat { width: size.0, height: size.1, rate: FrameRate::whole(fps) };
    let mut source = Page::new(format);
    let mut encoder = Vp8Encoder::new(size.0, size.1, bps, Content::Detail).expect("an encoder");
    let (mut decoder, mut pool) = (Vp8Decoder::new().expect("a decoder"), FramePool::new());
    let (mut arrivals, mut free_at, duration) = (Vec::new(), 0.0_f64, 90_000 / fps);
    for number in 0..4 * fps {
        let picture = source.frame(number).expect("a frame");
        let (key, at) = (number % (2 * fps) == 0, f64::from(number) / f64::from(fps));
        let encoded = encoder.encode(&picture, i64::from(number * duration), duration, key).expect("encoded");
        let Some(encoded) = encoded else { continue };
        free_at = free_at.max(at) + encoded.data.len() as f64 * 8.0 / f64::from(bps);
        let shown = decoder.decode(encoded.data, FrameInfo::default(), &mut pool);
        let db = psnr_y(&picture, &shown.expect("decoded").expect("shown")).expect("equal sizes");
        if key {
            arrivals.push((at, free_at, None));
        }
        let (_, _, readable) = arrivals.last_mut().expect("it begins with a key frame");
        if db >= READABLE_DB {
            readable.get_or_insert(free_at);
        }
    }
    let since = |(at, first, readable): (f64, f64, Option<f64>)| {
        (first - at, readable.expect("it can be read in the end") - at)
    };
    arrivals.into_iter().map(since).collect()
}

#[test]
fn a_key_frame_of_text_leaves_within_a_second_and_can_be_read_within_another() {
    for (size, bps, fps) in [((1280, 720), 1_200_000, 10), ((1920, 1080), 2_200_000, 15)] {
        let found = text(size, bps, fps);
        eprintln!("{size:?} at {} kb/s: {found:.1?}", bps / 1000);
        for (first, readable) in found {
            assert!(first < 1.0 && readable < 2.0, "{size:?}: first {first:.1} s, readable {readable:.1} s");
        }
    }
}

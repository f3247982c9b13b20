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

/// Four seconds of a page of text, with a key frame that is asked for after two: how long each of the two key frames takes to
/// leave, s, and how like what was meant the pictures are at once, half a second and a second after it, dB.
fn text(size: (usize, usize), bps: u32, fps: u32, key_frame_ms: Option<u32>) -> Vec<(f64, [f64; 3])> {
    let rate = FrameRate::whole(fps);
    let mut source = Page::new(PictureFormat { width: size.0, height: size.1, rate });
    let mut encoder = Vp8Encoder::new(size.0, size.1, bps, Content::Detail).expect("an encoder");
    encoder.key_frame_ms = key_frame_ms;
    let (mut decoder, mut pool) = (Vp8Decoder::new().expect("a decoder"), FramePool::new());
    let (mut likeness, mut leaves) = (Vec::new(), Vec::new());
    let duration = 90_000 / fps;
    for number in 0..4 * fps {
        let picture = source.frame(number).expect("a frame");
        let key = number % (2 * fps) == 0;
        let encoded = encoder.encode(&picture, i64::from(number * duration), duration, key).expect("encoded");
        if let Some(encoded) = encoded {
            if encoded.key {
                leaves.push((number, encoded.data.len() as f64 * 8.0 / f64::from(bps)));
            }
            let shown = decoder.decode(encoded.data, FrameInfo::default(), &mut pool);
            let shown = shown.expect("decoded").expect("shown");
            likeness.push(psnr_y(&picture, &shown).expect("equal sizes"));
        } else {
            let before = likeness.last().copied().unwrap_or_default();
            likeness.push(before);
        }
    }
    let after = |number: u32, share: u32| likeness[(number + fps * share / 2) as usize];
    leaves.into_iter().map(|(number, s)| (s, [0, 1, 2].map(|share| after(number, share)))).collect()
}

#[test]
fn a_key_frame_of_text_leaves_soon_and_is_sharp_within_a_second() {
    for (size, bps, fps) in [
        ((1280, 720), 400_000, 5),
        ((1280, 720), 1_200_000, 10),
        ((1920, 1080), 400_000, 5),
        ((1920, 1080), 1_200_000, 10),
        ((1920, 1080), 2_200_000, 15),
    ] {
        let (free, kept) = (text(size, bps, fps, None), text(size, bps, fps, Some(DETAIL_KEY_FRAME_MS)));
        eprintln!("{size:?} at {} kb/s: {free:.2?} becomes {kept:.2?}", bps / 1000);
    }
}

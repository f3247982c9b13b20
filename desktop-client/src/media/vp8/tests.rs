//! What VP8 alone has: sizes in its frames, and damage that libvpx takes for no error.

use super::*;
use crate::media::camera::FrameSource;
use crate::media::made_frames::pattern;

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

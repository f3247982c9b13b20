//! What is measured of sound and picture, against values worked out by hand.

use super::*;
use crate::media::camera::pattern::Pattern;
use crate::media::camera::{DEFAULT_PATTERN, FrameRate, PictureFormat};
use crate::media::clock::PingSample;

const FORMAT: PictureFormat = PictureFormat { width: 320, height: 180, rate: FrameRate::whole(30) };

/// The peer's clock is a minute ahead; the path takes `rtt_us` there and back.
fn aligned(rtt_us: u64) -> ClockAlignment {
    let mut alignment = ClockAlignment::new();
    alignment.add(PingSample { sent_us: 0, peer_us: 60_000_000 + rtt_us / 2, received_us: rtt_us });
    alignment
}

fn picture(number: u32, capture_us: u64) -> VideoFrame {
    let meant = Pattern::new(FORMAT).frame(number).expect("the pattern");
    FramePool::new().draw(FORMAT.width, FORMAT.height, FrameInfo::default(), |planes| {
        planes.copy_from(&meant);
        assert!(Stamp { number, capture_us }.write(planes));
    })
}

/// Shows pictures captured 30 times a second, each `delay_us` later.
fn meter(frames: u32, delay_us: u64, alignment: &ClockAlignment) -> CallMeter {
    let mut meter = CallMeter::new(Some(Box::new(Pattern::new(FORMAT))));
    for number in 0..frames {
        let captured_us = u64::from(number) * 33_333 + 1_000_000;
        let frame = picture(number, captured_us + 60_000_000);
        meter.show(&frame, captured_us + delay_us, alignment).expect("the pattern");
    }
    meter
}

#[test]
fn a_smooth_call_has_its_rate_its_delay_and_no_freeze() {
    let alignment = aligned(4_000);
    let figures = meter(60, 80_000, &alignment).figures(&alignment);
    assert_eq!((figures.frames_shown, figures.freezes, figures.stamps_read), (60, 0, 60));
    assert!(figures.fps.is_some_and(|fps| (fps - 30.0).abs() < 0.1), "{figures:?}");
    assert!(figures.glass_to_glass_p50.is_some_and(|ms| (ms - 80.0).abs() < 2.0), "{figures:?}");
    assert_eq!(figures.last_number, Some(59));
    assert_eq!(figures.psnr_db_p50, Some(99.0), "the very picture");
}

/// Shows pictures of a camera, which carry no stamp, `delay_us` after their RTP timestamps say, off by `off_us`.
fn of_a_camera(delay_us: u64, off_us: u64, alignment: &ClockAlignment) -> CallFigures {
    let (mut meter, mut pool) = (CallMeter::new(None), FramePool::new());
    // Over the place where the timestamp comes round, about 47,721.9 s.
    for number in 0..60 {
        let captured_us = 47_661_000_000 + number * 33_333;
        let ticks = (captured_us + 60_000_000 + off_us) * 9 / 100;
        let info = FrameInfo { rtp_timestamp: Some(ticks as u32), ..FrameInfo::default() };
        let frame = pool.draw(FORMAT.width, FORMAT.height, info, |planes| planes.y.fill(90));
        meter.show(&frame, captured_us + delay_us, alignment).expect("no reference");
    }
    meter.figures(alignment)
}

#[test]
fn pictures_of_a_camera_have_a_delay_by_their_timestamps() {
    let alignment = aligned(4_000);
    let figures = of_a_camera(120_000, 0, &alignment);
    assert_eq!(figures.stamps_read, 0);
    assert!(figures.glass_to_glass_p50.is_some_and(|ms| (ms - 120.0).abs() < 2.0), "{figures:?}");
    assert!(figures.glass_to_glass_last.is_some_and(|ms| (ms - 120.0).abs() < 2.0), "{figures:?}");
}

#[test]
fn timestamps_of_another_clock_give_no_delay() {
    let alignment = aligned(4_000);
    for off_us in [3_600_000_000, 20_000_000_000] {
        assert_eq!(of_a_camera(120_000, off_us, &alignment).glass_to_glass_p50, None);
    }
    assert_eq!(of_a_camera(120_000, 0, &ClockAlignment::new()).glass_to_glass_p50, None);
}

#[test]
fn clocks_that_are_not_aligned_give_no_delay() {
    for alignment in [ClockAlignment::new(), aligned(50_000)] {
        let mut meter = meter(10, 80_000, &alignment);
        meter.hear(PlayedSound { capture_us: 61_000_000, heard_us: 1_100_000 }, &alignment);
        let figures = meter.figures(&alignment);
        assert_eq!((figures.glass_to_glass_p50, figures.mouth_to_ear_p50), (None, None));
        // What the clocks are off is in both.
        let apart = figures.av_offset_ms_p50;
        assert_eq!(apart.is_some(), alignment.error_ms().is_some());
        assert!(apart.is_none_or(|ms| (ms + 20.0).abs() < 2.0), "{figures:?}");
        assert_eq!(figures.clock_error_ms, alignment.error_ms());
    }
}

#[test]
fn a_gap_that_people_notice_is_a_freeze() {
    let (alignment, frame) = (aligned(0), picture(0, 0));
    let mut meter = CallMeter::new(None);
    let mut now_us = 0;
    for gap_ms in [33, 33, 33, 120, 33, 33, 250, 33, 33, 33, 33, 33, 300, 33] {
        now_us += gap_ms * 1000;
        meter.show(&frame, now_us, &alignment).expect("no reference");
    }
    let figures = meter.figures(&alignment);
    assert_eq!((figures.freezes, figures.freeze_ms), (2, 550), "120 ms is a hitch, 250 ms a freeze");
    assert_eq!(figures.longest_freeze_ms, 300);
    assert_eq!(figures.psnr_db_p50, None);
}

#[test]
fn sound_and_picture_are_compared_by_capture_time() {
    let alignment = aligned(2_000);
    let mut meter = meter(30, 90_000, &alignment);
    for frame in 0..50_u64 {
        let captured_us = 1_000_000 + frame * 20_000;
        let sound = PlayedSound { capture_us: captured_us + 60_000_000, heard_us: captured_us + 70_000 };
        meter.hear(sound, &alignment);
        meter.hear(sound, &alignment);
    }
    let figures = meter.figures(&alignment);
    assert!(figures.mouth_to_ear_p50.is_some_and(|ms| (ms - 70.0).abs() < 2.0), "{figures:?}");
    assert!(figures.av_offset_ms_p50.is_some_and(|ms| (ms - 20.0).abs() < 2.0), "{figures:?}");
}

#[test]
fn a_smaller_picture_is_compared_with_a_smaller_reference() {
    let mut source = Pattern::new(DEFAULT_PATTERN);
    let mut scaler = Scaler::new();
    let meant = source.frame(7).expect("the pattern");
    let small = FramePool::new().draw(480, 270, FrameInfo::default(), |planes| {
        scaler.scale(&meant, planes);
        Stamp { number: 7, capture_us: 0 }.write(planes);
    });
    let mut meter = CallMeter::new(Some(Box::new(Pattern::new(DEFAULT_PATTERN))));
    meter.show(&small, 0, &ClockAlignment::new()).expect("the pattern");
    assert_eq!(meter.figures(&ClockAlignment::new()).psnr_db_p50, Some(99.0));
    let other = picture(8, 0);
    let mut wrong = CallMeter::new(Some(Box::new(Pattern::new(FORMAT))));
    let shifted = FramePool::new().draw(320, 180, FrameInfo::default(), |planes| {
        planes.copy_from(&other);
        Stamp { number: 30, capture_us: 0 }.write(planes);
    });
    wrong.show(&shifted, 0, &ClockAlignment::new()).expect("the pattern");
    let db = wrong.figures(&ClockAlignment::new()).psnr_db_p50.expect("compared");
    assert!(db < 25.0, "the wrong picture under a number shows: {db}");
}

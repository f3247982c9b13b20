//! What each kind of camera delivers, and what is said when one vanishes.

use std::io::Write;

use super::*;
use crate::media::frame::ColorRange;

fn pattern(width: usize, height: usize) -> PictureFormat {
    PictureFormat { width, height, rate: FrameRate::whole(30) }
}

#[test]
fn every_form_of_a_camera_is_understood_and_written_back() {
    let parse = |text: &str| text.parse::<CameraSpec>();
    assert_eq!(parse("pattern"), Ok(CameraSpec::Pattern(DEFAULT_PATTERN)));
    let small = PictureFormat { width: 320, height: 180, rate: FrameRate::whole(15) };
    assert_eq!(parse("pattern:320x180@15"), Ok(CameraSpec::Pattern(small)));
    assert_eq!(parse("file:/tmp/a:b.y4m"), Ok(CameraSpec::File("/tmp/a:b.y4m".into())));
    assert_eq!(parse("device:42"), Ok(CameraSpec::Device(42)));
    for text in ["pattern:320x180@15", "file:clip.y4m", "device:7"] {
        assert_eq!(parse(text).expect("good").to_string(), text);
    }
}

#[test]
fn a_wrong_camera_is_told_what_is_wrong() {
    let error = |text: &str| text.parse::<CameraSpec>().expect_err(text);
    assert_eq!(error("webcam"), CameraSpecError::UnknownForm("webcam".into()));
    assert_eq!(error("device:front"), CameraSpecError::BadDevice("front".into()));
    assert_eq!(error("pattern:big"), CameraSpecError::BadPattern("big".into()));
    assert_eq!(error("pattern:641x360@30"), CameraSpecError::PatternOutOfRange("641x360@30".into()));
    assert_eq!(error("pattern:640x360@0"), CameraSpecError::PatternOutOfRange("640x360@0".into()));
    assert_eq!(error("pattern:99999x2@30"), CameraSpecError::PatternOutOfRange("99999x2@30".into()));
    assert_eq!(error("file:"), CameraSpecError::NoPath);
}

fn same(a: &VideoFrame, b: &VideoFrame) -> bool {
    a.y().data == b.y().data && a.u().data == b.u().data && a.v().data == b.v().data
}

#[test]
fn the_pattern_depends_on_the_number_alone_and_moves() {
    for (width, height) in [(64, 64), (320, 180), (640, 360), (360, 640), (1280, 720)] {
        let mut first = pattern::Pattern::new(pattern(width, height));
        let mut second = pattern::Pattern::new(pattern(width, height));
        let mut draw = |number| second.frame(number).expect("the pattern never fails");
        for number in [0, 1, 1000, u32::MAX] {
            assert!(
                same(&first.frame(number).expect("never fails"), &draw(number)),
                "{width}x{height} {number}"
            );
        }
        assert!(!same(&draw(5), &draw(6)));
    }
}

/// Three frames of 4x2, each flat in its own level.
fn clip(header: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    writeln!(file, "{header}").expect("written");
    for level in 1..=3 {
        file.write_all(b"FRAME Ip\n").expect("written");
        file.write_all(&[level * 10; 12]).expect("written");
    }
    file
}

#[test]
fn a_clip_plays_in_a_loop_and_any_frame_can_be_read_again() {
    for tag in ["", " C420jpeg", " C420mpeg2", " C420paldv"] {
        let file = clip(&format!("YUV4MPEG2 W4 H2 F30000:1001 Ip A1:1{tag}"));
        let mut clip = y4m::Y4mFile::open(file.path()).expect("a good clip");
        assert_eq!(clip.frame_count(), 3);
        assert_eq!(clip.format().rate, FrameRate { frames: 30_000, seconds: 1001 });
        for (number, level) in [(0, 10), (2, 30), (3, 10), (1, 20), (301, 20)] {
            let frame = clip.frame(number).expect("readable");
            assert_eq!((frame.y().data[0], frame.v().data[1]), (level, level));
            assert_eq!(frame.info.number, Some(number));
        }
    }
}

#[test]
fn a_clip_of_full_range_gives_what_is_carried() {
    let file = clip("YUV4MPEG2 W4 H2 F30:1 C420jpeg XCOLORRANGE=FULL");
    let frame = y4m::Y4mFile::open(file.path()).expect("a good clip").frame(0).expect("readable");
    assert_eq!((frame.y().data[0], frame.u().data[0], frame.v().data[1]), (25, 24, 24));
    assert_eq!(frame.info.range, ColorRange::Limited);
}

#[test]
fn a_clip_cut_short_keeps_its_whole_frames() {
    let file = clip("YUV4MPEG2 W4 H2 F30:1");
    let length = file.as_file().metadata().expect("there").len();
    file.as_file().set_len(length - 1).expect("cut");
    assert_eq!(y4m::Y4mFile::open(file.path()).expect("a good clip").frame_count(), 2);
}

#[test]
fn files_that_are_no_clips_are_refused_in_words() {
    let refused = |header: &str, reason: &str| {
        let file = clip(header);
        let error = y4m::Y4mFile::open(file.path()).err().expect(header).to_string();
        assert!(error.contains(reason), "{header}: {error}");
    };
    refused("RIFF", "not a Y4M file");
    refused("YUV4MPEG2 F30:1", "no size");
    refused("YUV4MPEG2 W4 H2 F30:0", "frame rate");
    refused("YUV4MPEG2 W4 H2 F30:1 C444", "4:2:0");
    refused("YUV4MPEG2 W4 H2 F30:1 It", "interlaced");
    refused("YUV4MPEG2 W999999 H2 F30:1", "side");
    refused("YUV4MPEG2 W4 H4 F30:1", "no frame begins");
    let missing = open(&CameraSpec::File("/nowhere/clip.y4m".into())).err().expect("not there");
    assert!(matches!(missing, CameraError::File { .. }));
}

#[test]
fn a_camera_that_is_not_there_is_not_found() {
    let error = open(&CameraSpec::Device(977)).err().expect("no such camera");
    assert!(matches!(error, CameraError::NotFound(_)), "{error}");
}

#[test]
fn a_paced_source_numbers_its_frames_by_time() {
    let clock = MediaClock::starting_at(std::time::Instant::now());
    let mut camera = open(&CameraSpec::default()).expect("the pattern");
    let mut last = None;
    for _ in 0..5 {
        let frame = camera.next(&clock, Duration::from_secs(1)).expect("a frame").expect("in time");
        let (number, capture_us) =
            (frame.info.number.expect("numbered"), frame.info.capture_us.expect("timed"));
        if let Some((before, start_us)) = last {
            assert!(number > before);
            assert!(capture_us - start_us >= FrameRate::whole(30).due_us(u64::from(number)));
        }
        last = Some((number, last.map_or(capture_us, |(_, start_us)| start_us)));
    }
}

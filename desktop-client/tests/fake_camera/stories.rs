//! What a camera does, told by the program that uses it.

use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use castle_desktop::media::camera::{self, Camera, CameraError, CameraSpec, FrameRate, PictureFormat};
use castle_desktop::media::clock::MediaClock;
use castle_desktop::media::frame::{FrameSlot, Picture, VideoFrame};
use castle_desktop::media::packet::OutgoingPacket;
use castle_desktop::media::video_sender::{VideoSender, VideoSenderOptions};

const PATIENCE: Duration = Duration::from_secs(10);

/// 32x16 pixels of one colour.
const JPEG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/media/camera/convert/flat.jpg");

type Story = (&'static str, fn(), &'static [(&'static str, &'static str)]);

const STORIES: [Story; 15] = [
    ("frames_come_at_their_rate_and_unharmed", frames_come_at_their_rate_and_unharmed, &[]),
    (
        "another_pixel_layout_gives_the_same_picture",
        frames_come_at_their_rate_and_unharmed,
        &[("FAKE_CAMERA_LAYOUT", "NV12")],
    ),
    (
        "chroma_first_gives_the_same_picture",
        frames_come_at_their_rate_and_unharmed,
        &[("FAKE_CAMERA_LAYOUT", "UYVY")],
    ),
    (
        "planes_give_the_same_picture",
        frames_come_at_their_rate_and_unharmed,
        &[("FAKE_CAMERA_LAYOUT", "YU12")],
    ),
    ("red_green_and_blue_become_luma", red_green_and_blue_become_luma, &[("FAKE_CAMERA_LAYOUT", "RGB3")]),
    (
        "a_jpeg_of_another_size_than_promised_is_shown_as_it_is",
        a_jpeg_of_another_size_than_promised_is_shown_as_it_is,
        &[("FAKE_CAMERA_LAYOUT", "MJPG"), ("FAKE_CAMERA_JPEG", JPEG)],
    ),
    ("broken_pictures_are_told_in_words", broken_pictures_are_told_in_words, &[("FAKE_CAMERA_SHORT", "1")]),
    (
        "another_rate_than_promised_is_no_fault",
        another_rate_than_promised_is_no_fault,
        &[("FAKE_CAMERA_FPS", "10")],
    ),
    (
        "a_camera_that_stalls_is_opened_again",
        a_camera_that_stalls_is_opened_again,
        &[("FAKE_CAMERA_STALL_AFTER", "20")],
    ),
    ("a_pulled_plug_is_an_error", a_pulled_plug_is_an_error, &[("FAKE_CAMERA_VANISH_AFTER", "10")]),
    (
        "a_silent_camera_is_an_error_and_no_hang",
        a_silent_camera_is_an_error,
        &[("FAKE_CAMERA_STALL_AFTER", "5")],
    ),
    ("a_camera_in_use_says_so", a_camera_in_use_says_so, &[("FAKE_CAMERA_BUSY", "1")]),
    (
        "a_camera_that_comes_back_is_used_again",
        a_camera_that_comes_back_is_used_again,
        &[("FAKE_CAMERA_VANISH_AFTER", "10"), ("FAKE_CAMERA_RETURN_MS", "500")],
    ),
    (
        "pictures_that_are_not_what_was_promised_are_an_error",
        pictures_that_are_not_what_was_promised_are_an_error,
        &[("FAKE_CAMERA_SHORT_AFTER", "5")],
    ),
    (
        "a_camera_faster_than_it_says_is_sent_at_its_word",
        a_camera_faster_than_it_says_is_sent_at_its_word,
        &[("FAKE_CAMERA_FPS", "120")],
    ),
];

/// Runs every story in a child of its own.
pub(crate) fn run_all(library: &Path) {
    let program = std::env::current_exe().expect("this program has a path");
    let mut failed = Vec::new();
    for (name, _, settings) in STORIES {
        let mut child = Command::new(&program);
        child.env("LD_PRELOAD", library).env("FAKE_CAMERA_STORY", name).envs(settings.iter().copied());
        let passed = child.status().expect("this program runs").success();
        println!("story {name} ... {}", if passed { "ok" } else { "FAILED" });
        if !passed {
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "failed: {failed:?}");
}

/// Runs one story here.
pub(crate) fn run(name: &str) {
    let story = STORIES.iter().find(|(other, ..)| *other == name).expect("a story of that name");
    story.1();
}

fn open() -> Result<Box<dyn Camera>, CameraError> {
    camera::open(&CameraSpec::Device(42))
}

fn clock() -> MediaClock {
    MediaClock::starting_at(Instant::now())
}

/// The next frame, over waits that bring none.
fn next(camera: &mut dyn Camera, clock: &MediaClock) -> Result<VideoFrame, CameraError> {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(frame) = camera.next(clock, Duration::from_millis(100))? {
            return Ok(frame);
        }
        assert!(Instant::now() < until, "neither a frame nor an error");
    }
}

fn frames_come_at_their_rate_and_unharmed() {
    const FRAMES: usize = 30;
    let (mut camera, clock) = (open().expect("the camera opens"), clock());
    let format = PictureFormat { width: 640, height: 360, rate: FrameRate::whole(30) };
    assert_eq!(camera.format(), format);
    let mut frames: Vec<VideoFrame> = Vec::new();
    while frames.len() < FRAMES {
        frames.push(next(&mut *camera, &clock).expect("a frame"));
    }
    for (number, frame) in frames.iter().enumerate() {
        assert_eq!(frame.info.number, Some(number as u32));
        let (y, u, v) = (frame.y(), frame.u(), frame.v());
        let first = y.data[0];
        for row in [0, 1, 200, 359] {
            let luma = &y.data[row * y.stride..][..640];
            let ramp = luma.iter().enumerate().all(|(x, sample)| *sample == first.wrapping_add(x as u8));
            assert!(ramp, "frame {number}, row {row}");
        }
        assert!((90..=91).contains(&u.data[0]) && v.data[5] == 140, "frame {number}: colours");
    }
    let moved = |pair: &[VideoFrame]| pair[1].y().data[0].wrapping_sub(pair[0].y().data[0]);
    assert!(frames.windows(2).all(|pair| moved(pair) == 4), "each frame is the one after the last");
    let time = |frame: &VideoFrame| frame.info.capture_us.expect("timed");
    let span_us = time(&frames[FRAMES - 1]) - time(&frames[1]);
    let fps = (FRAMES - 2) as f64 * 1e6 / span_us as f64;
    assert!((20.0..40.0).contains(&fps), "{fps:.1} frames per second");
}

fn red_green_and_blue_become_luma() {
    let (mut camera, clock) = (open().expect("the camera opens"), clock());
    let frame = next(&mut *camera, &clock).expect("a frame");
    let (y, u) = (frame.y().data, frame.u().data);
    // The ramp is of full range and grey; the picture is of limited range.
    let limited = |grey: u8| (16 + (u32::from(grey) * 219 + 127) / 255) as u8;
    let ramp = (0..600).all(|x| y[x].abs_diff(limited((x + 4) as u8)) <= 2);
    assert!(ramp && u[..300].iter().all(|sample| sample.abs_diff(128) <= 2), "{:?}", &y[..16]);
}

fn a_jpeg_of_another_size_than_promised_is_shown_as_it_is() {
    let (mut camera, clock) = (open().expect("the camera opens"), clock());
    assert_eq!(camera.format().width, 640, "what it promises");
    let frame = next(&mut *camera, &clock).expect("a frame");
    assert_eq!((frame.width(), frame.height()), (32, 16), "what it gives");
    assert!(frame.y().data[0].abs_diff(102) <= 2);
}

fn broken_pictures_are_told_in_words() {
    let (mut camera, clock) = (open().expect("the camera opens"), clock());
    let error = next(&mut *camera, &clock).expect_err("no picture is whole");
    assert!(error.to_string().contains("instead of"), "{error}");
}

fn another_rate_than_promised_is_no_fault() {
    let (mut camera, clock) = (open().expect("the camera opens"), clock());
    let times: Vec<u64> = (0..12)
        .map(|_| next(&mut *camera, &clock).expect("a frame").info.capture_us.expect("timed"))
        .collect();
    let fps = 10e6 / (times[11] - times[1]) as f64;
    assert!((7.0..13.0).contains(&fps), "{fps:.1} frames per second");
}

fn a_camera_that_stalls_is_opened_again() {
    let (preview, (watch, watched)) = (FrameSlot::new(), mpsc::channel());
    let watch = Box::new(move |error: Option<&CameraError>| drop(watch.send(error.map(ToString::to_string))));
    let options = VideoSenderOptions::default();
    let nowhere = Box::new(|_| {});
    let sender = VideoSender::start(CameraSpec::Device(42), options, clock(), preview, nowhere, watch);
    let fault = watched.recv_timeout(PATIENCE).expect("heard of the stall").expect("a fault");
    assert!(fault.contains("no picture"), "{fault}");
    assert_eq!(watched.recv_timeout(PATIENCE), Ok(None), "and of the pictures that come again");
    assert!(sender.stats().frames_captured > 20);
}

fn a_pulled_plug_is_an_error() {
    let (mut camera, clock) = (open().expect("the camera opens"), clock());
    for _ in 0..10 {
        next(&mut *camera, &clock).expect("a frame");
    }
    let error = next(&mut *camera, &clock).expect_err("the camera is gone");
    assert!(matches!(error, CameraError::Gone(_)), "{error}");
    drop(camera);
    assert!(matches!(open().err(), Some(CameraError::NotFound(_))));
}

fn a_silent_camera_is_an_error() {
    let (mut camera, clock) = (open().expect("the camera opens"), clock());
    for _ in 0..5 {
        next(&mut *camera, &clock).expect("a frame");
    }
    let since = Instant::now();
    let error = next(&mut *camera, &clock).expect_err("the camera is silent");
    assert!(matches!(error, CameraError::Silent { .. }), "{error}");
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
}

fn a_camera_in_use_says_so() {
    assert!(matches!(open().err(), Some(CameraError::Busy(_))));
}

fn a_camera_that_comes_back_is_used_again() {
    let (preview, (watch, watched)) = (FrameSlot::new(), mpsc::channel());
    let watch = Box::new(move |error: Option<&CameraError>| drop(watch.send(error.map(ToString::to_string))));
    let (packets, packet) = mpsc::channel();
    let sink = Box::new(move |packet| drop(packets.send(packet)));
    let options = VideoSenderOptions::default();
    let sender = VideoSender::start(CameraSpec::Device(42), options, clock(), preview.clone(), sink, watch);
    sender.set_sending(true);
    let fault = watched.recv_timeout(PATIENCE).expect("heard of the loss").expect("a fault");
    assert!(fault.contains("disconnected"), "{fault}");
    assert_eq!(preview.picture(), Picture::Lost);
    while watched.recv_timeout(PATIENCE).expect("heard of the return").is_some() {}
    let captured = sender.stats().frames_captured;
    let until = Instant::now() + PATIENCE;
    while sender.stats().frames_captured < captured + 20 {
        assert!(Instant::now() < until, "no frames after the return");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!((preview.picture(), sender.stats().fault), (Picture::Live, None));
    assert!(packet.try_iter().count() > 0);
}

fn pictures_that_are_not_what_was_promised_are_an_error() {
    let (mut camera, clock) = (open().expect("the camera opens"), clock());
    for _ in 0..5 {
        next(&mut *camera, &clock).expect("a frame");
    }
    let error = next(&mut *camera, &clock).expect_err("halves of pictures are no pictures");
    assert!(matches!(error, CameraError::Unsupported { .. }), "{error}");
    assert!(error.to_string().contains("not what it promised"), "{error}");
}

fn a_camera_faster_than_it_says_is_sent_at_its_word() {
    let (spec, options, began) = (CameraSpec::Device(42), VideoSenderOptions::default(), Instant::now());
    let (sink, watch) = (Box::new(|_: OutgoingPacket| ()), Box::new(|_: Option<&CameraError>| ()));
    let sender = VideoSender::start(spec, options, clock(), FrameSlot::new(), sink, watch);
    sender.set_sending(true);
    while sender.stats().frames_captured < 200 {
        assert!(began.elapsed() < 3 * PATIENCE, "too few frames: {:?}", sender.stats());
        std::thread::sleep(Duration::from_millis(5));
    }
    let (sent, most) = (sender.stats().frames_sent as f64, began.elapsed().as_secs_f64() * 30.0 + 3.0);
    assert!(sent > 10.0 && sent <= most, "{sent} frames where at most {most:.0} should be");
}

//! What a camera does, told by the program that uses it.

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use castle_desktop::engine::{Engine, EngineConfig, EngineHandle};
use castle_desktop::media::camera::{self, Camera, CameraError, CameraSpec, FrameRate, PictureFormat};
use castle_desktop::media::clock::MediaClock;
use castle_desktop::media::frame::{FrameSlot, Picture, VideoFrame};
use castle_desktop::media::mic::MicSpec;
use castle_desktop::media::packet::{IncomingPacket, OutgoingPacket};
use castle_desktop::media::speaker::SpeakerSpec;
use castle_desktop::media::stamp::Stamp;
use castle_desktop::media::video_receiver::VideoReceiver;
use castle_desktop::media::video_sender::{Stamps, VideoSender, VideoSenderOptions};
use castle_desktop::view::{Command as Asked, Preferences, Severity, Snapshot};

const PATIENCE: Duration = Duration::from_secs(10);

/// 32x16 pixels of one colour.
const JPEG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/media/convert/flat.jpg");

type Story = (&'static str, fn(), &'static [(&'static str, &'static str)]);

const STORIES: [Story; 21] = [
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
        "a_picture_that_the_driver_marks_as_damaged_is_left_out",
        a_picture_that_the_driver_marks_as_damaged_is_left_out,
        &[("FAKE_CAMERA_TORN_EVERY", "3")],
    ),
    (
        "a_camera_that_is_slow_to_begin_is_waited_for_and_stood_in_for",
        a_camera_that_is_slow_to_begin_is_waited_for_and_stood_in_for,
        &[("FAKE_CAMERA_FIRST_MS", "4000")],
    ),
    (
        "a_camera_that_never_begins_is_an_error_and_no_hang",
        a_camera_that_never_begins_is_an_error,
        &[("FAKE_CAMERA_FIRST_MS", "100000")],
    ),
    (
        "a_camera_that_takes_the_place_of_the_pattern_has_no_strip_of_data",
        a_camera_that_takes_the_place_of_the_pattern_has_no_strip_of_data,
        &[],
    ),
    (
        "an_app_that_was_just_started_opens_the_camera_and_not_the_pattern",
        an_app_that_was_just_started_opens_the_camera_and_not_the_pattern,
        &[],
    ),
    (
        "the_only_camera_is_told_when_it_goes_and_when_it_comes_back",
        the_only_camera_is_told_when_it_goes_and_when_it_comes_back,
        &[("FAKE_CAMERA_VANISH_AFTER", "30"), ("FAKE_CAMERA_RETURN_MS", "3000")],
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
    assert!(error.to_string().contains("not what it promised"), "{error}");
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

fn a_picture_that_the_driver_marks_as_damaged_is_left_out() {
    let (mut camera, clock) = (open().expect("the camera opens"), clock());
    for _ in 0..20 {
        let frame = next(&mut *camera, &clock).expect("a frame");
        let number = frame.y().data[0] / 4;
        assert_ne!(number % 3, 0, "frame {number} of the camera");
    }
}

fn a_camera_that_is_slow_to_begin_is_waited_for_and_stood_in_for() {
    let (preview, (watch, watched)) = (FrameSlot::new(), mpsc::channel());
    let watch = Box::new(move |error: Option<&CameraError>| drop(watch.send(error.map(ToString::to_string))));
    let (spec, options, sink) = (CameraSpec::Device(42), VideoSenderOptions::default(), Box::new(|_| {}));
    let sender = VideoSender::start(spec, options, clock(), preview, sink, watch);
    sender.set_sending(true);
    let until = |what: &str, holds: &dyn Fn() -> bool| {
        let deadline = Instant::now() + PATIENCE;
        while !holds() {
            assert!(Instant::now() < deadline, "never {what}: {:?}", sender.stats());
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    until("a picture in its place", &|| sender.stats().frames_sent > 1);
    assert_eq!(sender.stats().frames_captured, 0, "the camera has given none yet");
    until("a picture of the camera", &|| sender.stats().frames_captured > 5);
    assert!(watched.try_recv().is_err(), "it was no fault");
}

fn a_camera_that_never_begins_is_an_error() {
    let (mut camera, clock) = (open().expect("the camera opens"), clock());
    let mut asked = 0;
    let error = loop {
        match camera.next(&clock, Duration::from_millis(100)) {
            Ok(frame) => assert!(frame.is_none(), "there is none"),
            Err(error) => break error,
        }
        asked += 1;
    };
    assert!(matches!(error, CameraError::Silent { .. }), "{error}");
    assert!(asked > 10, "orders are heeded meanwhile: asked {asked} times");
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

/// Whether the luma of a row in the middle is the ramp that this camera shows, compression aside.
fn is_of_the_camera(frame: &VideoFrame) -> bool {
    let luma = frame.y();
    let row = &luma.data[luma.stride * (frame.height() / 2)..][..frame.width()];
    let steps = row.windows(2).filter(|pair| (-2..=4).contains(&(i16::from(pair[1]) - i16::from(pair[0]))));
    steps.count() > row.len() * 9 / 10 && row.iter().any(|luma| *luma > 180)
}

fn a_camera_that_takes_the_place_of_the_pattern_has_no_strip_of_data() {
    let slot = FrameSlot::new();
    let (ask, asked) = mpsc::channel();
    let receiver = VideoReceiver::start(slot.clone(), Box::new(move || ask.send(()).unwrap_or_default()));
    let receiver = receiver.expect("a receiver");
    let mut sequence = 0_u16;
    let wire = Box::new(move |OutgoingPacket { timestamp, marker, payload }| {
        receiver.push(IncomingPacket { sequence, timestamp, marker, payload, arrived: Instant::now() });
        sequence = sequence.wrapping_add(1);
    });
    // As a window does before it knows which cameras are there.
    let options = VideoSenderOptions { stamps: Stamps::Made, ..VideoSenderOptions::default() };
    let (pattern, nobody) = (CameraSpec::default(), Box::new(|_: Option<&CameraError>| ()));
    let sender = VideoSender::start(pattern, options, clock(), FrameSlot::new(), wire, nobody);
    sender.set_sending(true);
    let until = Instant::now() + 3 * PATIENCE;
    let wait = |what: &str, holds: &mut dyn FnMut(&VideoFrame, bool) -> bool| loop {
        assert!(Instant::now() < until, "never {what}");
        for () in asked.try_iter() {
            sender.request_key_frame();
        }
        let Some(frame) = slot.wait(Duration::from_millis(100)) else { continue };
        let stamped = Stamp::read(frame.y(), frame.width(), frame.height()).is_some();
        if holds(&frame, stamped) {
            break;
        }
    };
    wait("a stamped pattern", &mut |_, stamped| stamped);
    sender.set_source(CameraSpec::Device(42));
    let mut clean = 0;
    wait("pictures of the camera without a strip", &mut |frame, stamped| {
        assert!(!(stamped && is_of_the_camera(frame)), "a strip of data lies across the picture");
        clean += u32::from(!stamped && is_of_the_camera(frame));
        clean == 20
    });
    sender.set_source(CameraSpec::default());
    wait("a stamped pattern again", &mut |_, stamped| stamped);
}

/// An app with a window and nothing said on the command line but what keeps it quiet.
fn app() -> EngineHandle {
    let (mic, speaker) = (Some(MicSpec::Tone), Some(SpeakerSpec::Off));
    Engine::start(EngineConfig { mic, speaker, ..EngineConfig::default() }, Arc::new(|| ()))
}

fn until(app: &EngineHandle, what: &str, holds: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
    let deadline = Instant::now() + 2 * PATIENCE;
    loop {
        let snapshot = app.snapshot();
        if holds(&snapshot) {
            return snapshot;
        }
        assert!(Instant::now() < deadline, "never {what}: {snapshot:#?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn an_app_that_was_just_started_opens_the_camera_and_not_the_pattern() {
    let app = app();
    until(&app, "a camera known before anything needs it", |snapshot| !snapshot.devices.cameras.is_empty());
    assert!(app.send(Asked::SetTryout(true)));
    let first = app.local_frames().wait(PATIENCE).expect("the own picture");
    assert!(is_of_the_camera(&first), "the first picture is of the camera");
}

fn the_only_camera_is_told_when_it_goes_and_when_it_comes_back() {
    let app = app();
    let known = until(&app, "a camera", |snapshot| !snapshot.devices.cameras.is_empty());
    let camera = Some(known.devices.cameras[0].clone());
    assert!(app.send(Asked::SetPreferences(Box::new(Preferences { camera, ..Preferences::default() }))));
    assert!(app.send(Asked::SetTryout(true)));
    let told = |snapshot: &Snapshot, severity, words: &str| {
        snapshot.notices.iter().any(|notice| notice.severity == severity && notice.text.contains(words))
    };
    until(&app, "told of the loss", |snapshot| told(snapshot, Severity::Error, "there is no other"));
    let back =
        until(&app, "told of the return", |snapshot| told(snapshot, Severity::Info, "back and in use"));
    assert!(!told(&back, Severity::Error, ""), "the loss is of the past: {:?}", back.notices);
}

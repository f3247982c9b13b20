//! Pictures become packets, at the rate asked for.

use std::sync::mpsc;

use super::*;
use crate::media::camera::DEFAULT_PATTERN;
use crate::media::frame::Picture;
use crate::media::packet::{IncomingPacket, OutgoingPacket};
use crate::media::stamp::Stamp;
use crate::media::video_receiver::VideoReceiver;

const PATIENCE: Duration = Duration::from_secs(30);

struct Setup {
    sender: VideoSender,
    preview: Arc<FrameSlot>,
    packets: mpsc::Receiver<OutgoingPacket>,
    watched: mpsc::Receiver<Option<String>>,
    clock: MediaClock,
}

fn start(spec: impl Into<PictureSource>, bitrate_bps: u32) -> Setup {
    let clock = MediaClock::starting_at(Instant::now());
    let (preview, (sink, packets), (watch, watched)) = (FrameSlot::new(), mpsc::channel(), mpsc::channel());
    // The last packets may come when the test listens no more.
    let sink = Box::new(move |packet| drop(sink.send(packet)));
    let watch = Box::new(move |error: Option<&CameraError>| drop(watch.send(error.map(ToString::to_string))));
    let options = VideoSenderOptions { bitrate_bps, stamps: Stamps::Made };
    let sender = VideoSender::start(spec, options, clock, preview.clone(), sink, watch);
    Setup { sender, preview, packets, watched, clock }
}

/// Waits for a condition that a media thread brings about.
fn eventually(mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < until, "it never came about");
        std::thread::yield_now();
    }
}

#[test]
fn nothing_leaves_while_it_rings_but_the_preview_runs() {
    let setup = start(CameraSpec::default(), 1_000_000);
    for _ in 0..3 {
        setup.preview.wait(PATIENCE).expect("a preview");
    }
    assert!(setup.packets.try_recv().is_err());
    setup.sender.set_sending(true);
    let first = setup.packets.recv_timeout(PATIENCE).expect("a packet");
    assert_eq!(first.payload[0] & 0x10, 0x10, "it begins a frame");
    assert_eq!(first.payload[4] & 1, 0, "and the frame is a key frame");
}

#[test]
fn a_request_is_answered_by_a_key_frame() {
    let setup = start(CameraSpec::default(), 1_000_000);
    setup.sender.set_sending(true);
    eventually(|| setup.sender.stats().key_frames == 1);
    setup.sender.request_key_frame();
    eventually(|| setup.sender.stats().key_frames == 2);
    let at = Instant::now() + Duration::from_millis(200);
    setup.sender.request_key_frame_at(at);
    eventually(|| setup.sender.stats().key_frames == 3);
    assert!(Instant::now() >= at, "one that is put off comes then, and not before");
}

#[test]
fn a_low_bitrate_makes_the_picture_smaller_without_a_restart() {
    let format = super::super::camera::PictureFormat { width: 1280, height: 720, ..DEFAULT_PATTERN };
    let setup = start(CameraSpec::Pattern(format), 2_000_000);
    setup.sender.set_sending(true);
    eventually(|| setup.sender.stats().height == 720);
    setup.sender.set_rate(400_000, false);
    eventually(|| setup.sender.stats().height == 360);
    assert_eq!(setup.sender.stats().width, 640);
}

#[test]
fn pictures_and_rate_keep_to_what_the_far_end_takes() {
    let setup = start(CameraSpec::default(), 2_000_000);
    setup.sender.set_limits(Limits::of_level(0xe0, 11));
    setup.sender.set_sending(true);
    eventually(|| setup.sender.stats().frames_sent > 0);
    let stats = setup.sender.stats();
    assert_eq!((stats.width, stats.height), (288, 162));
    setup.sender.set_limits(Limits::NONE);
    eventually(|| setup.sender.stats().height == 360);
}

#[test]
fn switching_the_camera_off_says_so_and_on_again_shows_it() {
    let setup = start(CameraSpec::default(), 1_000_000);
    setup.sender.set_sending(true);
    setup.preview.wait(PATIENCE).expect("a preview");
    setup.sender.set_enabled(false);
    eventually(|| setup.preview.picture() == Picture::Off);
    let captured = setup.sender.stats().frames_captured;
    let sent = setup.sender.stats().frames_sent;
    eventually(|| setup.sender.stats().frames_sent > sent);
    assert_eq!(setup.sender.stats().frames_captured, captured, "what leaves now is the placeholder");
    setup.sender.set_enabled(true);
    setup.preview.wait(PATIENCE).expect("a preview again");
    assert_eq!(setup.preview.picture(), Picture::Live);
    assert!(setup.watched.try_recv().is_err(), "switching off is no fault");
}

#[test]
fn a_lost_camera_is_reported_stood_in_for_and_taken_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let clip = folder.path().join("clip.y4m");
    let setup = start(CameraSpec::File(clip.clone()), 1_000_000);
    setup.sender.set_sending(true);
    let fault = setup.watched.recv_timeout(PATIENCE).expect("reported").expect("a fault");
    assert!(fault.contains("clip.y4m"), "{fault}");
    setup.packets.recv_timeout(PATIENCE).expect("a placeholder leaves");
    assert_eq!((setup.preview.picture(), setup.sender.stats().fault), (Picture::Lost, Some(fault)));
    let mut content = b"YUV4MPEG2 W64 H64 F30:1\nFRAME\n".to_vec();
    content.resize(content.len() + 64 * 64 * 3 / 2, 90);
    let elsewhere = folder.path().join("new");
    std::fs::write(&elsewhere, content).and_then(|()| std::fs::rename(elsewhere, clip)).expect("written");
    while setup.watched.recv_timeout(PATIENCE).expect("its return is reported").is_some() {}
    setup.preview.wait(PATIENCE).expect("a picture");
    assert_eq!(setup.sender.stats().fault, None);
}

#[test]
fn pictures_travel_from_pattern_to_screen_with_number_and_time() {
    const FRAMES: usize = 60;
    let Setup { sender, packets, clock, preview: _preview, watched: _watched } =
        start(CameraSpec::default(), 1_000_000);
    let sender = Arc::new(sender);
    let slot = FrameSlot::new();
    let asked = Arc::downgrade(&sender);
    let ask = move || {
        if let Some(sender) = asked.upgrade() {
            sender.request_key_frame();
        }
    };
    let receiver = VideoReceiver::start(slot.clone(), Box::new(ask)).expect("a receiver");
    sender.set_sending(true);
    let wire = std::thread::spawn(move || {
        for (sequence, packet) in (0_u16..).zip(packets) {
            let OutgoingPacket { timestamp, marker, payload } = packet;
            receiver.push(IncomingPacket { sequence, timestamp, marker, payload, arrived: Instant::now() });
        }
        receiver.stats()
    });
    let (mut numbers, mut latencies) = (Vec::new(), Vec::new());
    while numbers.len() < FRAMES {
        let frame = slot.wait(PATIENCE).expect("a picture");
        let stamp = Stamp::read(frame.y(), frame.width(), frame.height()).expect("stamped");
        numbers.push(stamp.number);
        latencies.push(clock.now_us() - stamp.capture_us);
        assert_eq!(frame.info.rtp_timestamp, Some((stamp.capture_us * 9 / 100) as u32));
    }
    drop(sender);
    let stats = wire.join().expect("no panic");
    latencies.sort_unstable();
    eprintln!("glass to glass p50 {} µs, p95 {} µs", latencies[FRAMES / 2], latencies[FRAMES * 95 / 100]);
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]));
    assert_eq!((stats.corrupt_frames, stats.losses), (0, 0));
}

#[test]
fn it_is_known_how_long_the_key_frame_of_a_screen_takes_to_leave() {
    let setup = start(ScreenSpec::Pattern, 1_200_000);
    assert_eq!(setup.sender.last_key_frame(), None);
    setup.sender.set_sending(true);
    eventually(|| setup.sender.stats().key_frames == 1);
    let (made, leaves) = setup.sender.last_key_frame().expect("it left");
    let bits = setup.packets.try_iter().take_while(|packet| !packet.marker).count() * 1200 * 8;
    eprintln!("a page of text takes {leaves:?}");
    assert!(leaves.as_secs_f64() > 0.3, "far longer than a camera's: {leaves:?}");
    assert!(leaves.as_secs_f64() >= bits as f64 / 1_200_000.0 * 0.9, "{leaves:?} for {bits} bits");
    setup.sender.request_key_frame();
    eventually(|| setup.sender.stats().key_frames == 2);
    assert!(setup.sender.last_key_frame().is_some_and(|(next, _)| next > made));
}

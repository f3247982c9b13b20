//! What a call asks of the memory allocator for each picture and each piece of sound, once it runs steadily.
//!
//! A program of its own: it counts every allocation of all its threads, so nothing else may run in it.
#![expect(unsafe_code, reason = "an allocator is an unsafe trait; each call is handed on as it came")]

use castle_desktop::media::audio::AudioEngine;
use castle_desktop::media::camera::CameraSpec;
use castle_desktop::media::clock::MediaClock;
use castle_desktop::media::codec::VideoCodec;
use castle_desktop::media::frame::FrameSlot;
use castle_desktop::media::mic::MicSpec;
use castle_desktop::media::packet::{IncomingPacket, OutgoingPacket, PacketSink};
use castle_desktop::media::speaker::SpeakerSpec;
use castle_desktop::media::video_receiver::VideoReceiver;
use castle_desktop::media::video_sender::{Stamps, VideoSender, VideoSenderOptions};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

static COUNT: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

struct Counting;

fn count(layout: Layout) {
    COUNT.fetch_add(1, Ordering::Relaxed);
    BYTES.fetch_add(layout.size() as u64, Ordering::Relaxed);
}

// SAFETY: each call goes to the system's allocator with the arguments as they came; counting touches no memory of theirs.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(layout);
        // SAFETY: as the caller promised.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Nothing here takes longer, however busy the machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A wire that numbers packets and hands them to `deliver`.
fn wire(mut deliver: impl FnMut(IncomingPacket) + Send + 'static) -> PacketSink {
    let mut sequence = 0_u16;
    Box::new(move |OutgoingPacket { timestamp, marker, payload }| {
        deliver(IncomingPacket { sequence, timestamp, marker, payload, arrived: Instant::now() });
        sequence = sequence.wrapping_add(1);
    })
}

/// Allocations and bytes for each of the next `wanted` things that `done` counts.
fn steadily(wanted: u64, done: impl Fn() -> u64) -> (f64, f64) {
    let until = |goal: u64| {
        let deadline = Instant::now() + PATIENCE;
        while done() < goal {
            assert!(Instant::now() < deadline, "it stands still at {}", done());
            std::thread::yield_now();
        }
    };
    until(done() + wanted);
    let before = (done(), COUNT.load(Ordering::Relaxed), BYTES.load(Ordering::Relaxed));
    until(before.0 + wanted);
    let after = (done(), COUNT.load(Ordering::Relaxed), BYTES.load(Ordering::Relaxed));
    let each = (after.0 - before.0) as f64;
    ((after.1 - before.1) as f64 / each, (after.2 - before.2) as f64 / each)
}

#[test]
fn a_steady_call_allocates_a_payload_for_each_packet_of_sound_and_next_to_nothing_for_a_picture() {
    let clock = MediaClock::starting_at(Instant::now());
    let slot = FrameSlot::new();
    let receiver = Arc::new(VideoReceiver::start(slot.clone(), Box::new(|| {})).expect("a decoder"));
    let shown = receiver.clone();
    let options = VideoSenderOptions { bitrate_bps: 1_000_000, stamps: Stamps::Made };
    let (preview, video) = (FrameSlot::new(), wire(move |packet| shown.push(packet)));
    let sender = VideoSender::start(CameraSpec::default(), options, clock, preview, video, Box::new(|_| {}));
    sender.set_sending(true);
    let (count, bytes) = steadily(90, || receiver.stats().frames_decoded);
    println!("for each picture, from camera to screen: {count:.2} allocations of {bytes:.0} bytes in all");
    // All is used again: pictures, what is encoded and decoded, the slots of packets, and the memory that payloads are cut from,
    // in pieces of 64 KiB. A piece is used again once its payloads are gone; while some of them are under way, or kept by the
    // network to be repeated, there is a new one for each 64 KiB that leave: 4,200 bytes a picture at 1 Mb/s. Now and then a
    // queue grows, or pictures come in a heap.
    assert!(count < 1.0 && bytes < 12_000.0, "{count:.2} allocations, {bytes:.0} bytes a picture");
    if VideoCodec::ALL.contains(&VideoCodec::H264) {
        sender.set_codec(VideoCodec::H264);
        receiver.set_codec(VideoCodec::H264);
        let (count, bytes) = steadily(90, || receiver.stats().frames_decoded);
        println!("the same in H.264: {count:.2} allocations of {bytes:.0} bytes in all");
        assert!(count < 1.0 && bytes < 12_000.0, "{count:.2} allocations, {bytes:.0} bytes a picture");
    }
    drop((sender, receiver));

    let heard = AudioEngine::start(MicSpec::Silence, SpeakerSpec::Off, clock, Box::new(|_| {}));
    let heard = Arc::new(heard.expect("sound"));
    let played = heard.clone();
    let sound = wire(move |packet| played.push(packet));
    let said = AudioEngine::start(MicSpec::Tone, SpeakerSpec::Off, clock, sound).expect("sound");
    said.set_sending(true);
    let (count, bytes) = steadily(100, || said.stats().packets_sent);
    println!(
        "for each 20 ms of sound, from microphone to speaker: {count:.2} allocations of {bytes:.0} bytes"
    );
    // The payload, one piece of memory that is handed to the stack and freed once it was played, and nothing else.
    assert!(count < 2.0 && bytes < 400.0, "{count:.2} allocations, {bytes:.0} bytes for 20 ms");
}

//! Packets become pictures again, and damage heals.

use std::sync::mpsc;

use bytes::Bytes;

use super::*;
use crate::media::camera::pattern::Pattern;
use crate::media::camera::{DEFAULT_PATTERN, FrameSource};
use crate::media::codec::{Content, Packetizer, VideoEncoder};
use crate::media::h264;
use crate::media::lip_sync::Reference;
use crate::media::packet::OutgoingPacket;

const PATIENCE: Duration = Duration::from_secs(30);

/// A sender without threads: encodes pattern frames and numbers their packets.
struct Sender {
    source: Pattern,
    encoder: VideoEncoder,
    packetizer: Packetizer,
    sequence: u16,
    frame: u32,
    /// Parameter sets that are left out of the stream, where they are.
    left_out: Option<Vec<Bytes>>,
}

impl Sender {
    fn new(codec: VideoCodec) -> Self {
        let encoder = VideoEncoder::new(codec, (640, 360), 1_000_000, Content::Motion).expect("an encoder");
        let source = Pattern::new(DEFAULT_PATTERN);
        Self { source, encoder, packetizer: Packetizer::new(codec), sequence: 0, frame: 0, left_out: None }
    }

    fn next(&mut self, key: bool) -> Vec<IncomingPacket> {
        let frame = self.source.frame(self.frame).expect("a frame");
        let pts = i64::from(self.frame) * 3000;
        self.frame += 1;
        let mut packets = Vec::new();
        let encoded = self.encoder.encode(&frame, pts, 3000, key).expect("encoded");
        let Some(encoded) = encoded else { return packets };
        let stream = match &mut self.left_out {
            Some(left_out) => without_sets(encoded.data, left_out),
            None => encoded.data.to_vec(),
        };
        self.packetizer.packetize(&stream, pts as u32, |OutgoingPacket { timestamp, marker, payload }| {
            let (sequence, arrived) = (self.sequence, Instant::now());
            self.sequence = sequence.wrapping_add(1);
            packets.push(IncomingPacket { sequence, timestamp, marker, payload, arrived });
        });
        packets
    }
}

/// What is left of a stream of H.264 without its parameter sets.
fn without_sets(stream: &[u8], sets: &mut Vec<Bytes>) -> Vec<u8> {
    let mut rest = Vec::new();
    for unit in h264::units(stream) {
        if h264::is_parameter_set(unit) {
            sets.push(Bytes::copy_from_slice(unit));
        } else {
            rest.extend_from_slice(&[&[0, 0, 1], unit].concat());
        }
    }
    rest
}

struct Setup {
    receiver: VideoReceiver,
    slot: Arc<FrameSlot>,
    requests: mpsc::Receiver<()>,
    sender: Sender,
}

fn setup() -> Setup {
    let (slot, (asked, requests)) = (FrameSlot::new(), mpsc::channel());
    let ask = Box::new(move || asked.send(()).expect("the test listens"));
    let receiver = VideoReceiver::start(slot.clone(), ask).expect("a receiver");
    Setup { receiver, slot, requests, sender: Sender::new(VideoCodec::Vp8) }
}

impl Setup {
    /// Sends pictures until one is shown.
    fn shows(&mut self, key: bool) -> VideoFrame {
        let until = Instant::now() + PATIENCE;
        loop {
            self.sender.next(key).into_iter().for_each(|packet| self.receiver.push(packet));
            if let Some(frame) = self.slot.wait(Duration::from_millis(200)) {
                return frame;
            }
            assert!(Instant::now() < until, "nothing was ever shown");
        }
    }
}

#[test]
fn whole_frames_are_shown_with_their_timestamps() {
    let mut setup = setup();
    for number in 0..5_u32 {
        setup.sender.next(false).into_iter().for_each(|packet| setup.receiver.push(packet));
        let frame = setup.slot.wait(PATIENCE).expect("shown");
        assert_eq!(frame.info.rtp_timestamp, Some(number * 3000));
        assert_eq!((frame.width(), frame.height()), (640, 360));
    }
    let stats = setup.receiver.stats();
    assert_eq!((stats.frames_decoded, stats.width, stats.corrupt_frames), (5, 640, 0));
    assert!(setup.requests.try_recv().is_err(), "nothing was missing");
}

#[test]
fn a_lost_packet_asks_for_a_key_frame_and_the_key_frame_heals() {
    let mut setup = setup();
    setup.sender.next(true).into_iter().for_each(|packet| setup.receiver.push(packet));
    setup.slot.wait(PATIENCE).expect("shown");
    setup.sender.next(false);
    setup.sender.next(false).into_iter().for_each(|packet| setup.receiver.push(packet));
    setup.requests.recv_timeout(PATIENCE).expect("asked for a key frame");
    setup.sender.next(true).into_iter().for_each(|packet| setup.receiver.push(packet));
    let healed = setup.slot.wait(PATIENCE).expect("shown again");
    assert_eq!(healed.info.rtp_timestamp, Some(3 * 3000));
    assert_eq!(setup.receiver.stats().losses, 1);
}

#[test]
fn a_frame_of_rubbish_is_counted_and_never_shown() {
    let mut setup = setup();
    let payload = Bytes::from_static(&[0x10, 0x10, 0, 0, 0x9D, 0x01, 0x2A, 0xFF, 0x3F, 0xFF, 0x3F, 0]);
    let rubbish =
        IncomingPacket { sequence: 0, timestamp: 1, marker: true, payload, arrived: Instant::now() };
    setup.receiver.push(rubbish);
    setup.requests.recv_timeout(PATIENCE).expect("asked for a key frame");
    setup.sender.sequence = 1;
    setup.sender.next(true).into_iter().for_each(|packet| setup.receiver.push(packet));
    assert_eq!(setup.slot.wait(PATIENCE).expect("shown").info.rtp_timestamp, Some(0));
    assert_eq!(setup.receiver.stats().corrupt_frames, 1);
}

#[test]
fn a_flood_is_dropped_without_blocking_and_heals() {
    let mut setup = setup();
    let first = setup.sender.next(true);
    let mut sequence = 0;
    while setup.receiver.stats().dropped_packets == 0 {
        for _ in 0..1000 {
            setup.receiver.push(IncomingPacket { sequence, arrived: Instant::now(), ..first[0].clone() });
            sequence = sequence.wrapping_add(2);
        }
    }
    setup.requests.recv_timeout(PATIENCE).expect("asked for a key frame");
    // The flood used up numbers of the stream: the sender goes on behind it.
    setup.sender.sequence = sequence;
    let until = Instant::now() + PATIENCE;
    loop {
        setup.sender.next(true).into_iter().for_each(|packet| setup.receiver.push(packet));
        if setup.slot.wait(Duration::from_millis(200)).is_some() {
            break;
        }
        assert!(Instant::now() < until, "it never healed");
    }
}

#[test]
fn a_codec_that_both_ends_agreed_on_is_shown_and_heals_as_well() {
    let mut setup = setup();
    setup.sender.next(true).into_iter().for_each(|packet| setup.receiver.push(packet));
    setup.slot.wait(PATIENCE).expect("shown");
    setup.receiver.set_codec(VideoCodec::H264);
    setup.sender = Sender { sequence: setup.sender.sequence, ..Sender::new(VideoCodec::H264) };
    let first = setup.shows(true);
    assert_eq!(first.info.rtp_timestamp, Some(0), "a key frame in another codec");
    // One that is lost; the rate control may leave out others.
    while setup.sender.next(false).is_empty() {}
    while setup.requests.try_recv().is_err() {
        setup.sender.next(false).into_iter().for_each(|packet| setup.receiver.push(packet));
        assert!(setup.slot.wait(Duration::from_millis(20)).is_none(), "nothing is shown over the gap");
    }
    setup.shows(true);
    assert_eq!((setup.receiver.stats().corrupt_frames, setup.receiver.stats().losses), (0, 1));
}

/// A worker without a thread, and the end of its requests.
fn worker() -> (Worker, Arc<FrameSlot>, mpsc::Receiver<()>) {
    let (slot, (asked, requests)) = (FrameSlot::new(), mpsc::channel());
    let ask = Box::new(move || asked.send(()).expect("the test listens"));
    let decoder = VideoDecoder::new(VideoCodec::Vp8).expect("a decoder");
    (Worker::new(Arc::default(), (VideoCodec::Vp8, decoder), slot.clone(), ask), slot, requests)
}

/// A frame whose end is missing, though all of its packets are there.
fn cut_short(mut packets: Vec<IncomingPacket>) -> Vec<IncomingPacket> {
    let last = packets.last_mut().expect("a frame has packets");
    last.payload.truncate(last.payload.len() / 2);
    packets
}

#[test]
fn a_key_frame_that_came_together_with_a_frame_of_rubbish_heals_and_none_is_asked_for_again() {
    let ((mut worker, _slot, requests), mut sender) = (worker(), Sender::new(VideoCodec::Vp8));
    worker.round(sender.next(true).into_iter());
    let batch = cut_short(sender.next(false)).into_iter().chain(sender.next(true));
    worker.round(batch);
    for _ in 0..3 {
        worker.round(sender.next(false).into_iter());
    }
    let stats = locked(&worker.shared).stats;
    assert_eq!((stats.corrupt_frames, stats.frames_decoded), (1, 5), "all but the rubbish");
    assert!(requests.try_recv().is_err(), "the key frame was there already");
}

#[test]
fn frames_before_a_loss_are_shown_though_it_was_noticed_in_the_same_moment() {
    let ((mut worker, _slot, requests), mut sender) = (worker(), Sender::new(VideoCodec::Vp8));
    worker.round(sender.next(true).into_iter());
    let good = sender.next(false);
    // So many are missing that they are not waited for.
    sender.sequence = sender.sequence.wrapping_add(100);
    worker.round(good.into_iter().chain(sender.next(false)));
    assert_eq!(locked(&worker.shared).stats.frames_decoded, 2);
    requests.try_recv().expect("a key frame is asked for");
}

#[test]
fn pictures_whose_parameter_sets_came_beside_them_are_shown() {
    let mut setup = setup();
    setup.receiver.set_codec(VideoCodec::H264);
    setup.sender = Sender { left_out: Some(Vec::new()), ..Sender::new(VideoCodec::H264) };
    let packets = setup.sender.next(true);
    let sets = setup.sender.left_out.clone().expect("they are left out");
    assert!(sets.len() >= 2, "{sets:?}");
    setup.receiver.set_parameter_sets(sets);
    for packet in packets {
        setup.receiver.push(packet);
    }
    setup.slot.wait(PATIENCE).expect("shown");
    setup.shows(true);
    assert_eq!((setup.receiver.stats().corrupt_frames, setup.receiver.stats().losses), (0, 0));
}

/// A frame of VP8 of this size with nothing in it, and one that builds on it.
fn empty_frames(width: u16, height: u16, sequence: u16) -> [IncomingPacket; 2] {
    let ([w, wide], [h, high]) = (width.to_le_bytes(), height.to_le_bytes());
    let key = Bytes::copy_from_slice(&[0x10, 0x10, 0, 0, 0x9D, 0x01, 0x2A, w, wide, h, high, 0, 0]);
    let payloads = [(sequence, key), (sequence.wrapping_add(1), Bytes::from_static(&[0x10, 0x11, 0, 0, 0]))];
    payloads.map(|(sequence, payload)| {
        let timestamp = u32::from(sequence) * 3000;
        IncomingPacket { sequence, timestamp, marker: true, payload, arrived: Instant::now() }
    })
}

#[test]
fn where_key_frames_are_too_large_one_more_is_asked_for_and_not_another_of_the_same_size() {
    let ((mut worker, slot, requests), mut sender) = (worker(), Sender::new(VideoCodec::Vp8));
    for sequence in (0..100).step_by(2) {
        worker.round(empty_frames(7680, 4320, sequence).into_iter());
    }
    let stats = locked(&worker.shared).stats;
    assert_eq!((stats.refused_size, stats.too_large), (Some((7680, 4320)), 100));
    assert_eq!(requests.try_iter().count(), 1, "the next would be as large");
    sender.sequence = 100;
    worker.round(sender.next(true).into_iter());
    assert!(slot.take().is_some(), "one of another size is shown");
    assert_eq!(locked(&worker.shared).stats.too_large, 100);
}

/// How many of so many pictures a second are shown that wait for their sound, and for those among them that come late.
fn shown_of(fps: u32, size: (usize, usize)) -> f64 {
    const PICTURES: u32 = 300;
    let (mut worker, slot, _requests) = worker();
    let (clock, sound, mut pool) = (worker.clock, SharedLipSync::default(), FramePool::new());
    worker.sound = Some((sound.clone(), clock));
    let (began, mut shown) = (Instant::now(), 0);
    let (mut ready, mut looked) = (began, began);
    for number in 0..PICTURES {
        let at = began + Duration::from_secs(1) * number / fps;
        let captured_us = clock.us_at(at);
        // Heard late, and one picture in ten, with those behind it, takes a tenth of a second longer than the others.
        sound.heard(Reference::Media, captured_us, captured_us + 600_000);
        ready = ready.max(at + Duration::from_millis(if number % 10 == 0 { 100 } else { 0 }));
        while looked < ready {
            looked += Duration::from_millis(2);
            worker.show_due(looked);
            shown += u32::from(slot.take().is_some());
        }
        let picture = pool.draw(size.0, size.1, FrameInfo::default(), |_| {});
        worker.hold(picture, (captured_us * 9 / 100) as u32, ready);
        shown += u32::from(slot.take().is_some());
    }
    f64::from(shown) / f64::from(PICTURES)
}

#[test]
fn pictures_that_wait_are_shown_however_many_come_in_a_second_and_however_large_they_are() {
    for (fps, size) in [(30, (64, 36)), (60, (64, 36)), (120, (64, 36)), (30, (2560, 1440))] {
        let shown = shown_of(fps, size);
        assert!(shown > 0.8, "{fps} a second of {size:?}: {shown:.2} of them are shown");
    }
}

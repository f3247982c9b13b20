//! Frames of each codec through loss, reordering, repeats and payloads that are cut short.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;
use crate::media::codec::{Content, VideoEncoder};
use crate::media::frame::{FrameInfo, FramePool};
use crate::media::h264::unit;
use crate::media::made_frames::{PPS, SPS, Sender, number_of, slice, stream};

const CODECS: [VideoCodec; 2] = [VideoCodec::Vp8, VideoCodec::H264];

/// A sender, its assembler, and what came out: numbers of the frames, and how often a key frame was asked for.
struct Story {
    now: Instant,
    codec: VideoCodec,
    sender: Sender,
    assembler: Assembler,
    frames: Vec<(u32, bool)>,
    asked: usize,
}

impl Story {
    /// With numbers that soon begin anew.
    fn begun(codec: VideoCodec) -> Self {
        Self::begun_at(codec, 65_530)
    }

    fn begun_at(codec: VideoCodec, sequence: u16) -> Self {
        Self {
            now: Instant::now(),
            codec,
            sender: Sender::new(codec, sequence),
            assembler: Assembler::new(codec),
            frames: Vec::new(),
            asked: 0,
        }
    }

    /// A frame of three packets; a key frame of H.264 has its sets in one more before them.
    fn sent(&mut self, number: u32, key: bool) -> Vec<IncomingPacket> {
        self.sender.frame(number, key, 3000, self.now)
    }

    fn arrive(&mut self, packets: impl IntoIterator<Item = IncomingPacket>) {
        for packet in packets {
            self.assembler.push(packet, &mut hear(self.codec, &mut self.frames, &mut self.asked));
        }
    }

    fn frame(&mut self, number: u32, key: bool) {
        let packets = self.sent(number, key);
        self.arrive(packets);
    }

    fn passes(&mut self, time: Duration) {
        self.now += time;
        self.assembler.tick(self.now, &mut hear(self.codec, &mut self.frames, &mut self.asked));
    }

    fn numbers(&self) -> Vec<u32> {
        self.frames.iter().map(|(number, _)| *number).collect()
    }
}

fn hear(codec: VideoCodec, frames: &mut Vec<(u32, bool)>, asked: &mut usize) -> impl FnMut(AssemblerEvent) {
    move |event| match event {
        AssemblerEvent::Frame(frame) => frames.push((number_of(codec, &frame.data), frame.key)),
        AssemblerEvent::KeyFrameNeeded => *asked += 1,
    }
}

#[test]
fn packets_out_of_order_and_twice_give_each_frame_once() {
    for mut story in CODECS.map(Story::begun) {
        for number in 0..10 {
            let mut packets = story.sent(number, number == 0);
            packets.reverse();
            story.arrive(packets.iter().cloned().chain(packets.clone()));
        }
        assert_eq!((story.numbers(), story.asked), ((0..10).collect(), 0), "{:?}", story.codec);
    }
}

#[test]
fn a_lost_packet_closes_the_gate_until_a_key_frame() {
    for mut story in CODECS.map(Story::begun) {
        story.frame(0, true);
        let cut = story.sent(1, false).into_iter().skip(1);
        story.arrive(cut);
        story.frame(2, false);
        assert_eq!((story.numbers(), story.asked), (vec![0], 0), "a retransmission may still come");
        story.passes(FIRST_DEADLINE);
        assert!(story.asked > 0 && story.assembler.is_gated());
        story.frame(3, false);
        story.frame(4, true);
        story.frame(5, false);
        assert_eq!(story.numbers(), [0, 4, 5], "{:?}", story.codec);
    }
}

#[test]
fn a_retransmission_in_time_loses_nothing() {
    for mut story in CODECS.map(Story::begun) {
        story.frame(0, true);
        let mut second = story.sent(1, false);
        let mut missing = second.remove(1);
        story.arrive(second);
        story.frame(2, false);
        missing.arrived = story.now + FIRST_DEADLINE / 2;
        story.arrive([missing]);
        assert_eq!((story.numbers(), story.asked), (vec![0, 1, 2], 0), "{:?}", story.codec);
    }
}

#[test]
fn so_many_missing_that_a_key_frame_is_less_are_not_waited_for() {
    for mut story in CODECS.map(Story::begun) {
        story.frame(0, true);
        let lost = (1..4).map(|number| story.sender.frame(number, false, 13_000, story.now).len());
        assert!(lost.sum::<usize>() > MISSING_MAX);
        story.frame(4, false);
        assert!(story.asked > 0 && story.assembler.is_gated());
        story.frame(5, true);
        assert_eq!(story.numbers(), [0, 5], "{:?}", story.codec);
    }
}

#[test]
fn a_frame_whose_rest_is_still_to_be_sent_is_no_loss() {
    for mut story in CODECS.map(Story::begun) {
        story.frame(0, true);
        let mut second = story.sent(1, false);
        let rest = second.split_off(1);
        story.arrive(second);
        story.passes(5 * FIRST_DEADLINE);
        story.arrive(rest);
        assert_eq!((story.numbers(), story.asked), (vec![0, 1], 0), "{:?}", story.codec);
    }
}

#[test]
fn a_sender_without_markers_is_understood() {
    for mut story in CODECS.map(Story::begun) {
        for number in 0..4 {
            let packets = story.sent(number, number == 0).into_iter();
            story.arrive(packets.map(|packet| IncomingPacket { marker: false, ..packet }));
        }
        assert_eq!((story.numbers(), story.asked), (vec![0, 1, 2], 0), "{:?}", story.codec);
    }
}

#[test]
fn padding_between_frames_is_no_loss() {
    for mut story in CODECS.map(Story::begun) {
        story.frame(0, true);
        let mut padding = story.sender.frame(1, false, 900, story.now).remove(0);
        padding.payload = Bytes::new();
        story.arrive([padding]);
        story.frame(2, false);
        assert_eq!((story.numbers(), story.asked), (vec![0, 2], 0), "{:?}", story.codec);
    }
}

#[test]
fn a_restarted_sender_is_followed_from_its_next_key_frame() {
    for codec in CODECS {
        let mut story = Story::begun_at(codec, 40_000);
        story.frame(0, true);
        story.sender = Sender::new(codec, 100);
        story.frame(100, true);
        story.frame(101, true);
        story.frame(102, false);
        assert_eq!(story.numbers(), [0, 101, 102], "{codec:?}");
        assert!(story.asked > 0, "the first packet after the jump was spent on noticing it");
    }
}

#[test]
fn a_stream_that_is_joined_after_its_key_frame_asks_for_one() {
    for mut story in CODECS.map(Story::begun) {
        drop(story.sent(0, true));
        story.frame(1, false);
        assert!(story.numbers().is_empty() && story.asked > 0);
        story.frame(2, true);
        assert_eq!(story.numbers(), [2], "{:?}", story.codec);
    }
}

#[test]
fn a_flood_of_beginnings_stays_bounded() {
    for mut story in CODECS.map(Story::begun) {
        for number in 0..5000 {
            let beginning = story.sent(number, false).into_iter().take(1);
            story.arrive(beginning);
        }
        assert!(story.assembler.held_packets() <= PACKETS_MAX);
        assert!(story.frames.is_empty() && story.asked > 0, "{:?}", story.codec);
    }
}

#[test]
fn a_frame_of_several_slices_comes_as_one() {
    let mut story = Story::begun(VideoCodec::H264);
    let of = |kind, number| stream(&[&slice(kind, number, 2000, false), &slice(kind, number, 2000, true)]);
    // Each set in a packet of its own, as some senders have it.
    for unit in [SPS, PPS] {
        let mut packets = story.sender.send(&stream(&[unit]), 0, story.now);
        packets[0].marker = false;
        story.arrive(packets);
    }
    for number in 0..4 {
        let kind = if number == 0 { unit::IDR } else { unit::SLICE };
        let packets = story.sender.send(&of(kind, number), number * 3000, story.now);
        story.arrive(packets);
    }
    assert_eq!((story.numbers(), story.asked), (vec![0, 1, 2, 3], 0));
}

#[test]
fn a_key_frame_whose_sets_were_lost_is_not_taken_over_the_gap() {
    let mut story = Story::begun(VideoCodec::H264);
    story.frame(0, true);
    drop(story.sent(1, false));
    let without_sets = story.sent(2, true).into_iter().skip(1);
    story.arrive(without_sets);
    assert_eq!(story.numbers(), [0], "what is missing may be sets of another size");
    story.frame(3, true);
    assert_eq!(story.numbers(), [0, 3], "one that is whole is taken at once");
}

#[test]
fn sets_that_are_known_need_not_come_again() {
    let mut story = Story::begun(VideoCodec::H264);
    let alone = |story: &mut Story, number| {
        let frame = stream(&[&slice(unit::IDR, number, 900, false)]);
        let packets = story.sender.send(&frame, number * 3000, story.now);
        story.arrive(packets);
    };
    alone(&mut story, 0);
    assert!(story.frames.is_empty(), "nobody can read it");
    story.frame(1, true);
    alone(&mut story, 2);
    story.assembler.gate();
    alone(&mut story, 3);
    assert_eq!(story.frames, [(1, true), (2, true), (3, true)]);
}

#[test]
fn sets_that_came_beside_the_stream_stand_before_its_key_frames_until_it_brings_its_own() {
    let mut story = Story::begun(VideoCodec::H264);
    let alone = |story: &mut Story, number| {
        let frame = stream(&[&slice(unit::IDR, number, 900, false)]);
        story.sender.send(&frame, number * 3000, story.now)
    };
    story.assembler.set_parameter_sets(&[SPS, PPS].map(Bytes::copy_from_slice));
    let (mut given, sets) = (Vec::new(), [&[0, 0, 1], SPS, &[0, 0, 1], PPS].concat());
    for number in [0, 2] {
        for packet in alone(&mut story, number) {
            story.assembler.push(packet, &mut |event| given.extend(frame_of(event)));
        }
        drop(alone(&mut story, number + 1));
    }
    assert_eq!(given.len(), 2, "the second over a gap");
    assert!(given.iter().all(|frame| frame.key && frame.data.starts_with(&sets)));
    story.frame(4, true);
    drop(story.sent(5, true));
    let packets = alone(&mut story, 6);
    story.arrive(packets);
    assert_eq!(story.numbers(), [4], "what is missing may be sets of another size");
}

fn frame_of(event: AssemblerEvent) -> Option<AssembledFrame> {
    match event {
        AssemblerEvent::Frame(frame) => Some(frame),
        AssemblerEvent::KeyFrameNeeded => None,
    }
}

#[test]
fn fragments_that_a_peer_mixes_up_ask_for_a_key_frame() {
    let mut story = Story::begun(VideoCodec::H264);
    story.frame(0, true);
    let mut packets = story.sent(1, false);
    packets[1].payload = packets[0].payload.clone();
    story.arrive(packets);
    assert!(story.asked == 1 && story.assembler.is_gated(), "a unit that begins twice");
    story.frame(2, true);
    assert_eq!(story.numbers(), [0, 2]);
}

/// Nothing that is shared takes more to say: a window full of noise, where letters are to stay sharp.
#[test]
fn a_screen_as_full_as_can_be_comes_whole() {
    let size = (1920, 1080);
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let noise = FramePool::new().draw(size.0, size.1, FrameInfo::default(), |planes| {
        for plane in [&mut *planes.y, &mut *planes.u, &mut *planes.v] {
            rng.fill_bytes(plane);
        }
    });
    for bps in [50_000, 300_000, 2_200_000] {
        let encoder = VideoEncoder::new(VideoCodec::Vp8, size, bps, Content::Detail);
        let mut encoder = encoder.expect("an encoder");
        let encoded = encoder.encode(&noise, 0, 6000, true).expect("encoded").expect("a key frame");
        let packets = Sender::new(VideoCodec::Vp8, 0).send(encoded.data, 9, Instant::now());
        let (count, mut assembler, mut joined) = (packets.len(), Assembler::default(), Vec::new());
        for packet in packets {
            assembler.push(packet, &mut |event| joined.push(event));
        }
        let [AssemblerEvent::Frame(frame)] = &joined[..] else {
            panic!("{} bytes: {joined:?}", encoded.data.len())
        };
        eprintln!("noise at {bps} bit/s: {} KiB in {count} packets", encoded.data.len() / 1024);
        assert!(frame.key && frame.data == encoded.data);
    }
}

/// How long it takes to take one frame of as many packets as are held, without an end; the least of some tries.
fn taken(beginnings: bool) -> Duration {
    let once = || {
        let began = Instant::now();
        let mut assembler = Assembler::default();
        for sequence in 0..PACKETS_MAX as u16 - 1 {
            // A descriptor that says where a frame begins, and the beginning of a key frame.
            let start = if beginnings || sequence == 0 { 0x10 } else { 0 };
            let payload = Bytes::from_static(if start > 0 { &[0x10, 0, 0, 0] } else { &[0, 0, 0, 0] });
            let packet = IncomingPacket { sequence, timestamp: 7, marker: false, payload, arrived: began };
            assembler.push(packet, &mut |event| panic!("{event:?} of packet {sequence}"));
        }
        assert_eq!(assembler.held_packets(), PACKETS_MAX - 1);
        began.elapsed()
    };
    (0..3).map(|_| once()).min().expect("some tries")
}

#[test]
fn a_frame_that_begins_with_every_packet_costs_no_more_than_another() {
    let (rubbish, usual) = (taken(true), taken(false));
    eprintln!("{rubbish:?} instead of {usual:?}");
    assert!(rubbish < usual * 10, "{rubbish:?} instead of {usual:?}");
}

/// A path with its own loss, duplication, reordering and truncation, and a sender that answers requests for key frames.
fn wander(codec: VideoCodec, seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut chance = |percent: u32| rng.next_u32() % 100 < percent;
    let mut story = Story::begun_at(codec, seed as u16);
    let mut underway: Vec<IncomingPacket> = Vec::new();
    let (mut answered, mut lost_any) = (0, false);
    for number in 0..120_u32 {
        let key = number == 0 || story.asked > answered;
        answered = story.asked;
        for mut packet in story.sender.frame(number, key, if key { 6000 } else { 2500 }, story.now) {
            let (gone, cut) = (chance(4) && number < 90, chance(1) && number < 90);
            lost_any |= gone || cut;
            if gone {
                continue;
            }
            if cut {
                packet.payload.truncate(1);
            }
            if chance(5) {
                underway.push(packet.clone());
            }
            let at = if chance(20) { underway.len().saturating_sub(2) } else { underway.len() };
            underway.insert(at, packet);
        }
        let late = if number == 119 { 0 } else { 3 };
        let arriving = underway.len().saturating_sub(late);
        let arrived = story.now;
        story.arrive(underway.drain(..arriving).map(|packet| IncomingPacket { arrived, ..packet }));
        story.passes(Duration::ZERO);
        assert!(story.assembler.held_packets() <= PACKETS_MAX, "seed {seed}: bounded");
        story.now += Duration::from_millis(33);
    }
    let numbers = story.numbers();
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "seed {seed}: in order, each once");
    let decodable = story.frames.windows(2).all(|pair| pair[1].1 || pair[1].0 == pair[0].0 + 1);
    assert!(decodable, "seed {seed}: a frame follows its reference or is a key frame");
    assert!(story.frames.first().is_none_or(|(_, key)| *key), "seed {seed}: begins with a key frame");
    assert!(numbers.last().is_some_and(|last| *last == 119), "seed {seed}: heals once the path does");
    assert!(lost_any || numbers.len() == 120, "seed {seed}: nothing lost, everything shown");
}

#[test]
fn two_thousand_seeded_paths_of_each_codec_keep_order_and_heal() {
    for codec in CODECS {
        (0..2000).for_each(|seed| wander(codec, seed));
    }
}

//! VP8 frames in RTP payloads (RFC 7741), through loss, reordering and repeats.

use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;
use crate::media::assembler::{AssembledFrame, Assembler, AssemblerEvent, PACKETS_MAX};
use crate::media::codec::Content;
use crate::media::frame::{FrameInfo, FramePool};
use crate::media::packet::{IncomingPacket, MAX_PAYLOAD_BYTES, OutgoingPacket};
use crate::media::vp8::Vp8Encoder;

const DEADLINE: Duration = Duration::from_millis(200);

/// The frames of a sender: number in the first bytes, key or not in the first.
struct Sender {
    packetizer: Packetizer,
    sequence: u16,
}

impl Sender {
    fn new(sequence: u16) -> Self {
        Self { packetizer: Packetizer::new(), sequence }
    }

    fn frame(&mut self, number: u32, key: bool, bytes: usize, at: Instant) -> Vec<IncomingPacket> {
        let mut data = vec![u8::from(!key); bytes.max(5)];
        data[1..5].copy_from_slice(&number.to_be_bytes());
        let mut packets = Vec::new();
        self.packetizer.packetize(&data, number * 3000, |packet| {
            let sequence = self.sequence;
            self.sequence = sequence.wrapping_add(1);
            packets.push(IncomingPacket {
                sequence,
                timestamp: packet.timestamp,
                marker: packet.marker,
                payload: packet.payload,
                arrived: at,
            });
        });
        packets
    }
}

fn number(frame: &AssembledFrame) -> u32 {
    u32::from_be_bytes(frame.data[1..5].try_into().expect("four bytes"))
}

/// What came out: numbers of the frames, and how often a key frame was asked for.
#[derive(Default)]
struct Seen {
    frames: Vec<(u32, bool)>,
    asked: usize,
}

impl Seen {
    fn take(&mut self, event: AssemblerEvent) {
        match event {
            AssemblerEvent::Frame(frame) => self.frames.push((number(&frame), frame.key)),
            AssemblerEvent::KeyFrameNeeded => self.asked += 1,
        }
    }

    fn numbers(&self) -> Vec<u32> {
        self.frames.iter().map(|(number, _)| *number).collect()
    }
}

fn push(assembler: &mut Assembler, seen: &mut Seen, packets: impl IntoIterator<Item = IncomingPacket>) {
    for packet in packets {
        assembler.push(packet, &mut |event| seen.take(event));
    }
}

#[test]
fn a_frame_is_cut_into_even_payloads_that_join_to_it_again() {
    let frame: Vec<u8> = (0..5000_u32).map(|at| at as u8).collect();
    let mut packets = Vec::new();
    Packetizer::new().packetize(&frame, 77, |packet| packets.push(packet));
    assert_eq!(packets.len(), 5);
    assert!(packets.iter().all(|packet| packet.payload.len() <= MAX_PAYLOAD_BYTES && packet.timestamp == 77));
    assert_eq!(
        packets.iter().map(|packet| packet.marker).collect::<Vec<_>>(),
        [false, false, false, false, true]
    );
    let parsed = |payload: &[u8]| Descriptor::parse(payload).expect("our own descriptor");
    let joined: Vec<u8> =
        packets.iter().flat_map(|packet| packet.payload[parsed(&packet.payload).length..].to_vec()).collect();
    assert_eq!(joined, frame);
    let starts: Vec<bool> = packets.iter().map(|packet| parsed(&packet.payload).starts_frame).collect();
    assert_eq!(starts, [true, false, false, false, false]);
}

#[test]
fn picture_ids_have_fifteen_bits_and_wrap() {
    let (mut packetizer, mut last) = (Packetizer::new(), [0; 2]);
    for _ in 0..=0x8000 {
        packetizer.packetize(&[1], 0, |packet| last = [packet.payload[2], packet.payload[3]]);
    }
    assert_eq!(last, [0x80, 0], "the id after 0x7FFF is 0, still in two bytes");
}

#[test]
fn descriptors_of_other_senders_are_understood() {
    let length = |payload: &[u8]| Descriptor::parse(payload).map(|descriptor| descriptor.length);
    assert_eq!(length(&[0x10, 9]), Some(1), "none of the extensions");
    assert_eq!(length(&[0x90, 0x80, 0x12, 9]), Some(3), "short picture id");
    assert_eq!(length(&[0x90, 0xE0, 0x92, 0x34, 1, 2, 9]), Some(6), "long picture id, TL0PICIDX and TID");
    for cut in [&[][..], &[0x10], &[0x90, 0x80], &[0x90, 0x80, 0x92], &[0x90, 0xE0, 0x92, 0x34, 1, 2]] {
        assert_eq!(length(cut), None, "{cut:?}");
    }
}

#[test]
fn packets_out_of_order_and_twice_give_each_frame_once() {
    let (now, mut sender) = (Instant::now(), Sender::new(65_530));
    let (mut assembler, mut seen) = (Assembler::default(), Seen::default());
    for frame in 0..10 {
        let mut packets = sender.frame(frame, frame == 0, 4000, now);
        packets.reverse();
        push(&mut assembler, &mut seen, packets.iter().cloned().chain(packets.clone()));
    }
    assert_eq!(seen.numbers(), (0..10).collect::<Vec<_>>());
    assert_eq!(seen.asked, 0);
}

#[test]
fn a_lost_packet_closes_the_gate_until_a_key_frame() {
    let (now, mut sender) = (Instant::now(), Sender::new(0));
    let (mut assembler, mut seen) = (Assembler::default(), Seen::default());
    push(&mut assembler, &mut seen, sender.frame(0, true, 3000, now));
    push(&mut assembler, &mut seen, sender.frame(1, false, 3000, now).into_iter().skip(1));
    push(&mut assembler, &mut seen, sender.frame(2, false, 3000, now));
    assert_eq!((seen.numbers(), seen.asked), (vec![0], 0), "a retransmission may still come");
    assembler.tick(now + DEADLINE, &mut |event| seen.take(event));
    assert!(seen.asked > 0 && assembler.is_gated());
    let later = now + DEADLINE;
    push(&mut assembler, &mut seen, sender.frame(3, false, 3000, later));
    push(&mut assembler, &mut seen, sender.frame(4, true, 3000, later));
    push(&mut assembler, &mut seen, sender.frame(5, false, 3000, later));
    assert_eq!(seen.numbers(), [0, 4, 5]);
}

#[test]
fn a_retransmission_in_time_loses_nothing() {
    let (now, mut sender) = (Instant::now(), Sender::new(0));
    let (mut assembler, mut seen) = (Assembler::default(), Seen::default());
    push(&mut assembler, &mut seen, sender.frame(0, true, 3000, now));
    let mut second = sender.frame(1, false, 3000, now);
    let mut missing = second.remove(1);
    push(&mut assembler, &mut seen, second);
    push(&mut assembler, &mut seen, sender.frame(2, false, 3000, now));
    missing.arrived = now + DEADLINE / 2;
    push(&mut assembler, &mut seen, [missing]);
    assert_eq!((seen.numbers(), seen.asked), (vec![0, 1, 2], 0));
}

#[test]
fn so_many_missing_that_a_key_frame_is_less_are_not_waited_for() {
    let (now, mut sender) = (Instant::now(), Sender::new(0));
    let (mut assembler, mut seen) = (Assembler::default(), Seen::default());
    push(&mut assembler, &mut seen, sender.frame(0, true, 3000, now));
    (1..4).for_each(|number| drop(sender.frame(number, false, 13_000, now)));
    push(&mut assembler, &mut seen, sender.frame(4, false, 3000, now));
    assert!(seen.asked > 0 && assembler.is_gated());
    push(&mut assembler, &mut seen, sender.frame(5, true, 3000, now));
    assert_eq!(seen.numbers(), [0, 5]);
}

#[test]
fn a_frame_whose_rest_is_still_to_be_sent_is_no_loss() {
    let (now, mut sender) = (Instant::now(), Sender::new(0));
    let (mut assembler, mut seen) = (Assembler::default(), Seen::default());
    push(&mut assembler, &mut seen, sender.frame(0, true, 3000, now));
    let mut second = sender.frame(1, false, 3000, now);
    let rest = second.split_off(1);
    push(&mut assembler, &mut seen, second);
    assembler.tick(now + 5 * DEADLINE, &mut |event| seen.take(event));
    push(&mut assembler, &mut seen, rest);
    assert_eq!((seen.numbers(), seen.asked), (vec![0, 1], 0));
}

#[test]
fn a_sender_without_markers_is_understood() {
    let (now, mut sender) = (Instant::now(), Sender::new(0));
    let (mut assembler, mut seen) = (Assembler::default(), Seen::default());
    for frame in 0..4 {
        let packets = sender.frame(frame, frame == 0, 3000, now).into_iter();
        push(&mut assembler, &mut seen, packets.map(|packet| IncomingPacket { marker: false, ..packet }));
    }
    assert_eq!((seen.numbers(), seen.asked), (vec![0, 1, 2], 0));
}

#[test]
fn padding_between_frames_is_no_loss() {
    let (now, mut sender) = (Instant::now(), Sender::new(9));
    let (mut assembler, mut seen) = (Assembler::default(), Seen::default());
    push(&mut assembler, &mut seen, sender.frame(0, true, 900, now));
    let mut padding = sender.frame(1, false, 900, now).remove(0);
    padding.payload = bytes::Bytes::new();
    push(&mut assembler, &mut seen, [padding]);
    push(&mut assembler, &mut seen, sender.frame(2, false, 900, now));
    assert_eq!((seen.numbers(), seen.asked), (vec![0, 2], 0));
}

#[test]
fn a_restarted_sender_is_followed_from_its_next_key_frame() {
    let now = Instant::now();
    let (mut assembler, mut seen) = (Assembler::default(), Seen::default());
    push(&mut assembler, &mut seen, Sender::new(40_000).frame(0, true, 3000, now));
    let mut restarted = Sender::new(100);
    push(&mut assembler, &mut seen, restarted.frame(100, true, 3000, now));
    push(&mut assembler, &mut seen, restarted.frame(101, true, 3000, now));
    push(&mut assembler, &mut seen, restarted.frame(102, false, 3000, now));
    assert_eq!(seen.numbers(), [0, 101, 102]);
    assert!(seen.asked > 0, "the first packet after the jump was spent on noticing it");
}

#[test]
fn a_flood_of_beginnings_stays_bounded() {
    let (now, mut sender) = (Instant::now(), Sender::new(0));
    let (mut assembler, mut seen) = (Assembler::default(), Seen::default());
    for frame in 0..5000 {
        push(&mut assembler, &mut seen, sender.frame(frame, false, 3000, now).into_iter().take(1));
    }
    assert!(assembler.held_packets() <= PACKETS_MAX);
    assert!(seen.frames.is_empty() && seen.asked > 0);
}

/// Nothing that is shared takes more to say: a window full of noise, where letters are to stay sharp.
#[test]
fn a_screen_as_full_as_can_be_comes_whole() {
    let (width, height) = (1920, 1080);
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let noise = FramePool::new().draw(width, height, FrameInfo::default(), |planes| {
        for plane in [&mut *planes.y, &mut *planes.u, &mut *planes.v] {
            rng.fill_bytes(plane);
        }
    });
    for bps in [50_000, 300_000, 2_200_000] {
        let mut encoder = Vp8Encoder::new(width, height, bps, Content::Detail).expect("an encoder");
        let encoded = encoder.encode(&noise, 0, 6000, true).expect("encoded").expect("a key frame");
        let (mut packets, mut sequence) = (Vec::new(), 0);
        Packetizer::new().packetize(encoded.data, 9, |packet| {
            let OutgoingPacket { timestamp, marker, payload } = packet;
            packets.push(IncomingPacket { sequence, timestamp, marker, payload, arrived: Instant::now() });
            sequence += 1;
        });
        let (mut assembler, mut joined) = (Assembler::default(), Vec::new());
        for packet in packets {
            assembler.push(packet, &mut |event| joined.push(event));
        }
        let [AssemblerEvent::Frame(frame)] = &joined[..] else {
            panic!("{} bytes: {joined:?}", encoded.data.len())
        };
        eprintln!("noise at {bps} bit/s: {} KiB in {sequence} packets", encoded.data.len() / 1024);
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
            let payload = bytes::Bytes::from_static(if start > 0 { &[0x10, 0, 0, 0] } else { &[0, 0, 0, 0] });
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

/// A path with its own loss, duplication and reordering, and a sender that answers requests for key frames.
fn wander(seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut chance = |percent: u32| rng.next_u32() % 100 < percent;
    let (start, mut sender) = (Instant::now(), Sender::new(seed as u16));
    let (mut assembler, mut seen) = (Assembler::default(), Seen::default());
    let mut underway: Vec<IncomingPacket> = Vec::new();
    let (mut answered, mut intact, mut lost_any) = (0, true, false);
    for frame in 0..120_u32 {
        let now = start + Duration::from_millis(u64::from(frame) * 33);
        let key = frame == 0 || seen.asked > answered;
        answered = seen.asked;
        for packet in sender.frame(frame, key, if key { 6000 } else { 2500 }, now) {
            if chance(4) && frame < 90 {
                lost_any = true;
                continue;
            }
            if chance(5) {
                underway.push(packet.clone());
            }
            let at = if chance(20) { underway.len().saturating_sub(2) } else { underway.len() };
            underway.insert(at, packet);
        }
        while underway.len() > 3 || (frame == 119 && !underway.is_empty()) {
            let mut packet = underway.remove(0);
            packet.arrived = now;
            assembler.push(packet, &mut |event| seen.take(event));
        }
        assembler.tick(now, &mut |event| seen.take(event));
        intact &= assembler.held_packets() <= PACKETS_MAX;
    }
    let numbers = seen.numbers();
    assert!(intact, "seed {seed}: bounded");
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "seed {seed}: in order, each once");
    let decodable = seen.frames.windows(2).all(|pair| pair[1].1 || pair[1].0 == pair[0].0 + 1);
    assert!(decodable, "seed {seed}: a frame follows its reference or is a key frame");
    assert!(seen.frames.first().is_none_or(|(_, key)| *key), "seed {seed}: begins with a key frame");
    assert!(numbers.last().is_some_and(|last| *last == 119), "seed {seed}: heals once the path does");
    assert!(lost_any || numbers.len() == 120, "seed {seed}: nothing lost, everything shown");
}

#[test]
fn two_thousand_seeded_paths_keep_order_and_heal() {
    (0..2000).for_each(wander);
}

#[test]
fn a_stream_that_is_joined_after_its_key_frame_asks_for_one() {
    let (now, mut sender) = (Instant::now(), Sender::new(0));
    let (mut assembler, mut seen) = (Assembler::default(), Seen::default());
    sender.frame(0, true, 3000, now);
    push(&mut assembler, &mut seen, sender.frame(1, false, 3000, now));
    assert!(seen.numbers().is_empty() && seen.asked > 0);
    push(&mut assembler, &mut seen, sender.frame(2, true, 3000, now));
    assert_eq!(seen.numbers(), [2]);
}

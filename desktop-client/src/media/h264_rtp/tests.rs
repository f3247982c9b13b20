//! H.264 frames in RTP payloads (RFC 6184), through loss, reordering, repeats and payloads that are cut short.

use std::time::{Duration, Instant};

use bytes::Bytes;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;
use crate::media::assembler::{AssembledFrame, Assembler, AssemblerEvent, PACKETS_MAX};
use crate::media::codec::VideoCodec;
use crate::media::h264::units;
use crate::media::packet::{IncomingPacket, MAX_PAYLOAD_BYTES};

const DEADLINE: Duration = Duration::from_millis(200);
const SPS: &[u8] = &[0x67, 0x42, 0xC0, 0x1F, 9];
const PPS: &[u8] = &[0x68, 0xCE, 0x38, 0x80];

/// A frame of the given units.
fn stream(units: &[&[u8]]) -> Vec<u8> {
    units.iter().flat_map(|unit| [&[0, 0, 0, 1], *unit].concat()).collect()
}

/// A slice that carries its number; the first of its picture, unless `later`.
fn slice(kind: u8, number: u32, bytes: usize, later: bool) -> Vec<u8> {
    let mut unit = vec![0x5A; bytes.max(7)];
    unit[0] = 0x60 | kind;
    unit[1] = if later { 0x41 } else { 0x81 };
    // Seven bits a byte, none of them zero.
    for (at, byte) in unit[2..7].iter_mut().enumerate() {
        *byte = 0x80 | (number >> (7 * at) & 0x7F) as u8;
    }
    unit
}

fn number_of(frame: &AssembledFrame) -> u32 {
    let slice = units(&frame.data).find(|unit| kind(unit[0]) <= unit::IDR).expect("a slice");
    slice[2..7].iter().rev().fold(0, |number, byte| number << 7 | u32::from(byte & 0x7F))
}

fn payloads(frame: &[u8]) -> Vec<(bool, Bytes)> {
    let mut found = Vec::new();
    packetize(frame, 0, |packet| found.push((packet.marker, packet.payload)));
    found
}

struct Sender {
    sequence: u16,
}

impl Sender {
    fn send(&mut self, frame: &[u8], timestamp: u32, at: Instant) -> Vec<IncomingPacket> {
        let packet = |(marker, payload)| {
            let sequence = self.sequence;
            self.sequence = sequence.wrapping_add(1);
            IncomingPacket { sequence, timestamp, marker, payload, arrived: at }
        };
        payloads(frame).into_iter().map(packet).collect()
    }

    fn frame(&mut self, number: u32, key: bool, bytes: usize, at: Instant) -> Vec<IncomingPacket> {
        let slice = slice(if key { unit::IDR } else { unit::SLICE }, number, bytes, false);
        let frame = if key { stream(&[SPS, PPS, &slice]) } else { stream(&[&slice]) };
        self.send(&frame, number * 3000, at)
    }
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
            AssemblerEvent::Frame(frame) => self.frames.push((number_of(&frame), frame.key)),
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

fn begun() -> (Instant, Sender, Assembler, Seen) {
    (Instant::now(), Sender { sequence: 65_530 }, Assembler::new(VideoCodec::H264), Seen::default())
}

#[test]
fn small_units_share_a_payload_and_large_ones_take_several_of_one_size() {
    let idr = slice(unit::IDR, 7, 5000, false);
    let frame = stream(&[SPS, PPS, &idr]);
    let packets = payloads(&frame);
    let kinds: Vec<u8> = packets.iter().map(|(_, payload)| kind(payload[0])).collect();
    assert_eq!(kinds, [STAP_A, FU_A, FU_A, FU_A, FU_A, FU_A]);
    assert!(packets.iter().all(|(_, payload)| payload.len() <= MAX_PAYLOAD_BYTES));
    let marks: Vec<bool> = packets.iter().map(|(marker, _)| *marker).collect();
    assert_eq!(marks, [false, false, false, false, false, true]);
    let flags: Vec<u8> = packets[1..].iter().map(|(_, payload)| payload[1] & 0xC0).collect();
    assert_eq!(flags, [0x80, 0, 0, 0, 0x40]);
    assert_eq!(packets[0].1[0] & NOT_KIND, 0x60, "as important as what is in it");
    let joined = join(packets.iter().map(|(_, payload)| &payload[..])).expect("a frame");
    assert!(units(&joined).eq([SPS, PPS, &idr[..]]));
}

#[test]
fn every_size_of_a_unit_is_carried() {
    for bytes in (MAX_PAYLOAD_BYTES - 5..MAX_PAYLOAD_BYTES + 5).chain([7, 2396, 2397, 2398, 2399]) {
        let slice = slice(unit::SLICE, 1, bytes, false);
        let packets = payloads(&stream(&[&slice]));
        assert!(packets.iter().all(|(_, payload)| payload.len() <= MAX_PAYLOAD_BYTES), "{bytes}");
        let wanted = if bytes <= MAX_PAYLOAD_BYTES { 1 } else { (bytes - 1).div_ceil(MAX_PAYLOAD_BYTES - 2) };
        assert_eq!(packets.len(), wanted, "{bytes}");
        let joined = join(packets.iter().map(|(_, payload)| &payload[..])).expect("a frame");
        assert!(units(&joined).eq([&slice[..]]), "{bytes}");
    }
}

#[test]
fn payloads_say_what_they_are_to_their_frame() {
    let of = |payload: &[u8]| piece(payload).expect("a payload");
    let sets = of(&payloads(&stream(&[SPS, PPS]))[0].1);
    assert_eq!(sets, Piece { starts_frame: true, describes: true, ..Piece::default() });
    let key = of(&slice(unit::IDR, 1, 9, false));
    assert_eq!(key, Piece { starts_frame: true, key: true, ..Piece::default() });
    let predicted = of(&slice(unit::SLICE, 1, 9, false));
    assert_eq!(predicted, Piece { starts_frame: true, predicted: true, ..Piece::default() });
    assert_eq!(of(&slice(unit::SLICE, 1, 9, true)), Piece::default(), "a further slice begins no frame");
    assert!(begins_key_frame(&payloads(&stream(&[SPS, PPS]))[0].1) && begins_key_frame(SPS));
    assert!(
        !begins_key_frame(PPS) && !begins_key_frame(&slice(unit::IDR, 1, 9, false)) && !begins_key_frame(&[])
    );
    for rubbish in [
        &[][..],
        &[0x65],
        &[0x60, 1],                   // no type
        &[0x7A, 1, 2],                // MTAP16
        &[0x7D, 0x85, 1, 2, 3],       // FU-B
        &[0x78],                      // an aggregate of nothing
        &[0x78, 0, 9, 0x67, 1],       // that ends within a unit
        &[0x78, 0, 0],                // with an empty one
        &[0x78, 0, 3, 0x78, 0, 1, 9], // of an aggregate
        &[0x7C, 0x85],                // a fragment of nothing
        &[0x7C, 0xC5, 1],             // that begins and ends
        &[0x7C, 0x9C, 1],             // of a fragment
    ] {
        assert_eq!(piece(rubbish), None, "{rubbish:?}");
        assert!(!begins_key_frame(rubbish) && join(std::iter::once(rubbish)).is_none(), "{rubbish:?}");
    }
}

#[test]
fn fragments_that_do_not_fit_make_no_frame() {
    let whole = slice(unit::IDR, 1, 3000, false);
    let parts = payloads(&stream(&[&whole]));
    let join_of = |order: &[usize]| join(order.iter().map(|at| &parts[*at].1[..]));
    assert_eq!(parts.len(), 3);
    assert!(join_of(&[0, 1, 2]).is_some());
    for wrong in [&[0, 1][..], &[1, 2], &[0, 0, 2], &[0, 2, 2], &[2], &[1]] {
        assert_eq!(join_of(wrong), None, "{wrong:?}");
    }
    let other = payloads(&stream(&[&slice(unit::SLICE, 1, 3000, false)]));
    let mixed = [&parts[0].1[..], &other[1].1, &parts[2].1];
    assert_eq!(join(mixed.into_iter()), None, "of two kinds");
}

#[test]
fn units_that_no_decoder_needs_are_left_out() {
    let (idr, sei, delimiter) = (slice(unit::IDR, 1, 9, false), [0x06, 5, 1, 0x80], [0x09, 0x10]);
    let extension = [0x6F, 1, 2, 3];
    let packets = payloads(&stream(&[&delimiter, SPS, &extension, PPS, &sei, &idr]));
    let joined = join(packets.iter().map(|(_, payload)| &payload[..])).expect("a frame");
    assert!(units(&joined).eq([SPS, PPS, &idr[..]]));
}

#[test]
fn packets_out_of_order_and_twice_give_each_frame_once() {
    let (now, mut sender, mut assembler, mut seen) = begun();
    for frame in 0..10 {
        let mut packets = sender.frame(frame, frame == 0, 4000, now);
        packets.reverse();
        push(&mut assembler, &mut seen, packets.iter().cloned().chain(packets.clone()));
    }
    assert_eq!((seen.numbers(), seen.asked), ((0..10).collect(), 0));
}

#[test]
fn a_frame_of_several_slices_comes_as_one() {
    let (now, mut sender, mut assembler, mut seen) = begun();
    let of = |kind, number| [slice(kind, number, 2000, false), slice(kind, number, 2000, true)];
    let [first, second] = of(unit::IDR, 0);
    // Each set in a packet of its own, as some senders have it.
    for (unit, marker) in [(SPS, false), (PPS, false)] {
        let mut packets = sender.send(&stream(&[unit]), 0, now);
        packets[0].marker = marker;
        push(&mut assembler, &mut seen, packets);
    }
    push(&mut assembler, &mut seen, sender.send(&stream(&[&first, &second]), 0, now));
    for number in 1..4 {
        let [first, second] = of(unit::SLICE, number);
        push(&mut assembler, &mut seen, sender.send(&stream(&[&first, &second]), number * 3000, now));
    }
    assert_eq!((seen.numbers(), seen.asked), (vec![0, 1, 2, 3], 0));
}

#[test]
fn a_key_frame_whose_sets_were_lost_is_not_taken_over_the_gap() {
    let (now, mut sender, mut assembler, mut seen) = begun();
    push(&mut assembler, &mut seen, sender.frame(0, true, 3000, now));
    sender.frame(1, false, 3000, now);
    push(&mut assembler, &mut seen, sender.frame(2, true, 3000, now).into_iter().skip(1));
    assert_eq!(seen.numbers(), [0], "what is missing may be sets of another size");
    push(&mut assembler, &mut seen, sender.frame(3, true, 3000, now));
    assert_eq!(seen.numbers(), [0, 3], "one that is whole is taken at once");
}

#[test]
fn sets_that_are_known_need_not_come_again() {
    let (now, mut sender, mut assembler, mut seen) = begun();
    let alone = |number| stream(&[&slice(unit::IDR, number, 900, false)]);
    push(&mut assembler, &mut seen, sender.send(&alone(0), 0, now));
    assert!(seen.frames.is_empty(), "nobody can read it");
    push(&mut assembler, &mut seen, sender.frame(1, true, 900, now));
    push(&mut assembler, &mut seen, sender.send(&alone(2), 6000, now));
    assembler.gate();
    push(&mut assembler, &mut seen, sender.send(&alone(3), 9000, now));
    assert_eq!(seen.frames, [(1, true), (2, true), (3, true)]);
}

#[test]
fn a_lost_packet_closes_the_gate_until_a_key_frame() {
    let (now, mut sender, mut assembler, mut seen) = begun();
    push(&mut assembler, &mut seen, sender.frame(0, true, 3000, now));
    push(&mut assembler, &mut seen, sender.frame(1, false, 3000, now).into_iter().skip(1));
    push(&mut assembler, &mut seen, sender.frame(2, false, 3000, now));
    assert_eq!((seen.numbers(), seen.asked), (vec![0], 0), "a retransmission may still come");
    assembler.tick(now + DEADLINE, &mut |event| seen.take(event));
    assert!(seen.asked > 0 && assembler.is_gated());
    for (number, key) in [(3, false), (4, true), (5, false)] {
        push(&mut assembler, &mut seen, sender.frame(number, key, 3000, now + DEADLINE));
    }
    assert_eq!(seen.numbers(), [0, 4, 5]);
}

#[test]
fn fragments_that_a_peer_mixes_up_ask_for_a_key_frame() {
    let (now, mut sender, mut assembler, mut seen) = begun();
    push(&mut assembler, &mut seen, sender.frame(0, true, 3000, now));
    let mut packets = sender.frame(1, false, 3000, now);
    packets[1].payload = packets[0].payload.clone();
    push(&mut assembler, &mut seen, packets);
    assert!(seen.asked == 1 && assembler.is_gated(), "a unit that begins twice");
    push(&mut assembler, &mut seen, sender.frame(2, true, 3000, now));
    assert_eq!(seen.numbers(), [0, 2]);
}

#[test]
fn a_flood_of_beginnings_stays_bounded() {
    let (now, mut sender, mut assembler, mut seen) = begun();
    for frame in 0..5000 {
        push(&mut assembler, &mut seen, sender.frame(frame, false, 3000, now).into_iter().take(1));
    }
    assert!(assembler.held_packets() <= PACKETS_MAX);
    assert!(seen.frames.is_empty() && seen.asked > 0);
}

/// A path with its own loss, duplication, reordering and truncation, and a sender that answers requests for key frames.
fn wander(seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut chance = |percent: u32| rng.next_u32() % 100 < percent;
    let (start, mut sender, mut assembler, mut seen) = begun();
    let mut underway: Vec<IncomingPacket> = Vec::new();
    let (mut answered, mut intact, mut lost_any) = (0, true, false);
    for frame in 0..120_u32 {
        let now = start + Duration::from_millis(u64::from(frame) * 33);
        let key = frame == 0 || seen.asked > answered;
        answered = seen.asked;
        for mut packet in sender.frame(frame, key, if key { 6000 } else { 2500 }, now) {
            if frame < 90 && chance(4) {
                lost_any = true;
                continue;
            }
            if frame < 90 && chance(1) {
                lost_any = true;
                packet.payload.truncate(1);
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

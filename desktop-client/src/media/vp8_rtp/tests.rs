//! VP8 frames in RTP payloads (RFC 7741).

use super::*;
use crate::media::packet::MAX_PAYLOAD_BYTES;

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

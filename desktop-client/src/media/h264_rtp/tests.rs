//! H.264 frames in RTP payloads (RFC 6184), whole and as nobody should send them.

use bytes::Bytes;

use super::*;
use crate::media::h264::units;
use crate::media::made_frames::{PPS, SPS, slice, stream};
use crate::media::packet::MAX_PAYLOAD_BYTES;

/// The frame that these payloads make.
fn join<'a>(payloads: impl Iterator<Item = &'a [u8]> + Clone) -> Option<Vec<u8>> {
    // Something of an earlier frame is in the buffer.
    let mut frame = vec![9; 7];
    super::join(payloads, &mut frame).map(|()| frame)
}

fn payloads(frame: &[u8]) -> Vec<(bool, Bytes)> {
    let mut found = Vec::new();
    Packetizer::new().packetize(frame, 0, |packet| found.push((packet.marker, packet.payload)));
    found
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
fn the_payloads_of_many_pictures_are_cut_from_few_pieces_of_memory() {
    let (mut packetizer, mut places) = (Packetizer::new(), std::collections::BTreeSet::new());
    let frame = stream(&[SPS, PPS, &slice(unit::IDR, 3, 9000, false)]);
    for _ in 0..100 {
        let mut payloads = Vec::new();
        packetizer.packetize(&frame, 0, |packet| payloads.push(packet.payload));
        places.insert(payloads[0].as_ptr() as usize);
    }
    assert!(places.len() < 10, "{} places: what is gone is used again", places.len());
}

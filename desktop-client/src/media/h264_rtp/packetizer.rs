//! Cuts an encoded frame into RTP payloads: small units share one, large ones take several of about equal size.

use bytes::{BufMut, Bytes, BytesMut};

use super::{FU_A, FU_END, FU_START, NOT_KIND, STAP_A};
use crate::media::h264::{kind, units};
use crate::media::packet::{MAX_PAYLOAD_BYTES, OutgoingPacket};

/// Bytes before each unit of an aggregate.
const LENGTH_BYTES: usize = 2;
/// Bytes before a fragment: the indicator and the flags.
const FRAGMENT_BYTES: usize = 2;

/// Hands the payloads of `frame` to `sink`, in order; the last one carries the marker.
pub fn packetize(frame: &[u8], timestamp: u32, mut sink: impl FnMut(OutgoingPacket)) {
    let mut payloads = Vec::new();
    let mut small: Vec<&[u8]> = Vec::new();
    let mut shared = 1;
    for unit in units(frame) {
        let wants = LENGTH_BYTES + unit.len();
        if shared + wants > MAX_PAYLOAD_BYTES {
            payloads.extend(together(&small));
            small.clear();
            shared = 1;
        }
        if unit.len() > MAX_PAYLOAD_BYTES {
            fragments(unit, |payload| payloads.push(payload));
        } else {
            small.push(unit);
            shared += wants;
        }
    }
    payloads.extend(together(&small));
    let count = payloads.len();
    for (at, payload) in payloads.into_iter().enumerate() {
        sink(OutgoingPacket { timestamp, marker: at + 1 == count, payload });
    }
}

/// One payload with all of these units.
fn together(units: &[&[u8]]) -> Option<Bytes> {
    if let [unit] = units {
        return Some(Bytes::copy_from_slice(unit));
    }
    let mut payload = BytesMut::with_capacity(MAX_PAYLOAD_BYTES);
    // As important as the most important of them (section 5.7).
    payload.put_u8(units.iter().map(|unit| unit[0] & NOT_KIND).max()? | STAP_A);
    for unit in units {
        payload.put_u16(unit.len() as u16);
        payload.put_slice(unit);
    }
    Some(payload.freeze())
}

/// A unit that is too large for one payload, in as few as it takes.
fn fragments(unit: &[u8], mut sink: impl FnMut(Bytes)) {
    let Some((header, body)) = unit.split_first() else { return };
    let count = body.len().div_ceil(MAX_PAYLOAD_BYTES - FRAGMENT_BYTES);
    let chunk = body.len().div_ceil(count);
    let mut buffer = BytesMut::with_capacity(body.len() + count * FRAGMENT_BYTES);
    let mut chunks = body.chunks(chunk).enumerate().peekable();
    while let Some((at, chunk)) = chunks.next() {
        let start = if at == 0 { FU_START } else { 0 };
        let end = if chunks.peek().is_none() { FU_END } else { 0 };
        buffer.put_u8(header & NOT_KIND | FU_A);
        buffer.put_u8(start | end | kind(*header));
        buffer.put_slice(chunk);
        sink(buffer.split().freeze());
    }
}

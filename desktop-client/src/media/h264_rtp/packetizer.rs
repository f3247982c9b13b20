//! Cuts an encoded frame into RTP payloads: small units share one, large ones take several of about equal size.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{FU_A, FU_END, FU_START, NOT_KIND, STAP_A};
use crate::media::h264::{kind, units};
use crate::media::packet::{MAX_PAYLOAD_BYTES, OutgoingPacket, PIECE_BYTES};

/// Bytes before the units of an aggregate, and before each of them.
const AGGREGATE_BYTES: usize = 1;
const LENGTH_BYTES: usize = 2;
/// Bytes before a fragment: the indicator and the flags.
const FRAGMENT_BYTES: usize = 2;

/// Cuts the frames of one stream into payloads.
#[derive(Debug)]
pub struct Packetizer {
    /// What the next payloads are cut from; used again once all that were cut from it are gone.
    buffer: BytesMut,
}

impl Default for Packetizer {
    fn default() -> Self {
        Self { buffer: BytesMut::with_capacity(PIECE_BYTES) }
    }
}

impl Packetizer {
    /// A packetizer that keeps nothing from frame to frame but memory.
    pub fn new() -> Self {
        Self::default()
    }

    /// Hands the payloads of `frame` to `sink`, in order; the last one carries the marker.
    pub fn packetize(&mut self, frame: &[u8], timestamp: u32, mut sink: impl FnMut(OutgoingPacket)) {
        let buffer = &mut self.buffer;
        // What stands before a unit in an aggregate takes no more than its start code did.
        buffer
            .reserve(frame.len() + (frame.len() / (MAX_PAYLOAD_BYTES - FRAGMENT_BYTES) + 1) * FRAGMENT_BYTES);
        // Which is the last shows when no other follows.
        let mut last: Option<Bytes> = None;
        let mut next = |payload: Bytes| {
            if let Some(payload) = last.replace(payload) {
                sink(OutgoingPacket { timestamp, marker: false, payload });
            }
        };
        let mut shared = Aggregate::default();
        for unit in units(frame) {
            if AGGREGATE_BYTES.max(buffer.len()) + LENGTH_BYTES + unit.len() > MAX_PAYLOAD_BYTES {
                shared.close(buffer).into_iter().for_each(&mut next);
            }
            if unit.len() > MAX_PAYLOAD_BYTES {
                fragments(unit, buffer, &mut next);
            } else {
                shared.take(unit, buffer);
            }
        }
        shared.close(buffer).into_iter().for_each(&mut next);
        if let Some(payload) = last {
            sink(OutgoingPacket { timestamp, marker: true, payload });
        }
    }
}

/// The units that are to share one payload.
#[derive(Default)]
struct Aggregate {
    units: usize,
    /// As important as the most important of them (section 5.7).
    importance: u8,
}

impl Aggregate {
    /// Writes one more behind those that are in `buffer`.
    fn take(&mut self, unit: &[u8], buffer: &mut BytesMut) {
        if self.units == 0 {
            buffer.put_u8(STAP_A);
        }
        buffer.put_u16(unit.len() as u16);
        buffer.put_slice(unit);
        self.units += 1;
        self.importance = self.importance.max(unit[0] & NOT_KIND);
    }

    /// The payload with all of them: one alone goes as it is.
    fn close(&mut self, buffer: &mut BytesMut) -> Option<Bytes> {
        let Self { units, importance } = std::mem::take(self);
        let mut payload = buffer.split();
        *payload.first_mut()? |= importance;
        if units == 1 {
            payload.advance(AGGREGATE_BYTES + LENGTH_BYTES);
        }
        Some(payload.freeze())
    }
}

/// A unit that is too large for one payload, in as few as it takes.
fn fragments(unit: &[u8], buffer: &mut BytesMut, mut sink: impl FnMut(Bytes)) {
    let Some((header, body)) = unit.split_first() else { return };
    let count = body.len().div_ceil(MAX_PAYLOAD_BYTES - FRAGMENT_BYTES);
    let chunk = body.len().div_ceil(count);
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

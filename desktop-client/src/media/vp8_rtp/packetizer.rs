//! Cuts an encoded frame into RTP payloads of about equal size.

use bytes::{BufMut, BytesMut};

use crate::media::packet::{MAX_PAYLOAD_BYTES, OutgoingPacket, PIECE_BYTES};

/// Bytes of the descriptor we write: one of flags, one of extensions, two of picture id.
const DESCRIPTOR_BYTES: usize = 4;
/// Picture ids have 15 bits.
const PICTURE_ID_MASK: u16 = 0x7FFF;

/// Numbers the frames of one stream and cuts them into payloads.
#[derive(Debug)]
pub struct Packetizer {
    picture_id: u16,
    /// What the next payloads are cut from; used again once all that were cut from it are gone.
    buffer: BytesMut,
}

impl Default for Packetizer {
    fn default() -> Self {
        Self { picture_id: 0, buffer: BytesMut::with_capacity(PIECE_BYTES) }
    }
}

impl Packetizer {
    /// A packetizer whose first frame has picture id zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// Hands the payloads of `frame` to `sink`, in order; the last one carries the marker.
    pub fn packetize(&mut self, frame: &[u8], timestamp: u32, mut sink: impl FnMut(OutgoingPacket)) {
        let count = frame.len().div_ceil(MAX_PAYLOAD_BYTES - DESCRIPTOR_BYTES).max(1);
        let chunk = frame.len().div_ceil(count).max(1);
        let buffer = &mut self.buffer;
        buffer.reserve(frame.len() + count * DESCRIPTOR_BYTES);
        let id = self.picture_id.to_be_bytes();
        self.picture_id = (self.picture_id + 1) & PICTURE_ID_MASK;
        let mut chunks = frame.chunks(chunk).enumerate().peekable();
        while let Some((at, chunk)) = chunks.next() {
            let start = if at == 0 { 0x10 } else { 0 };
            buffer.put_slice(&[0x80 | start, 0x80, 0x80 | id[0], id[1]]);
            buffer.put_slice(chunk);
            let marker = chunks.peek().is_none();
            sink(OutgoingPacket { timestamp, marker, payload: buffer.split().freeze() });
        }
    }
}

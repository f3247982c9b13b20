//! The seam between media and the transport: RTP payloads with the header fields that media decides (RFC 3550).
//!
//! The transport owns SSRC, payload type, sequence numbers, encryption and pacing; media never sees them, except
//! for the sequence numbers of what arrives.

use std::time::Instant;

use bytes::Bytes;

/// One RTP payload to send, with the header fields that media decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingPacket {
    /// RTP timestamp: 90 kHz for video, 48 kHz for sound.
    pub timestamp: u32,
    /// Video: the last packet of a frame. Sound: the first packet after silence.
    pub marker: bool,
    /// The payload, at most [`MAX_PAYLOAD_BYTES`].
    pub payload: Bytes,
}

/// One RTP payload that arrived, in the order of arrival and not of sending.
#[derive(Clone, Debug)]
pub struct IncomingPacket {
    /// RTP sequence number, as received.
    pub sequence: u16,
    /// RTP timestamp in the units of the codec's clock.
    pub timestamp: u32,
    /// The marker bit.
    pub marker: bool,
    /// The payload without padding; empty for a packet of padding alone.
    pub payload: Bytes,
    /// When the packet arrived.
    pub arrived: Instant,
}

/// Where outgoing packets go. Called on a media thread; it must not block.
pub type PacketSink = Box<dyn FnMut(OutgoingPacket) + Send>;

/// Largest RTP payload we make: with the RTP, SRTP, UDP, IPv6 and TURN headers (below 150 bytes) it stays inside
/// the 1,400 bytes that VPNs and tunnels commonly carry unfragmented.
pub const MAX_PAYLOAD_BYTES: usize = 1200;

/// Payloads of pictures are cut from pieces of memory of this size, several frames from one: what `bytes` keeps to by itself at
/// most.
pub(super) const PIECE_BYTES: usize = 64 * 1024;

/// Extends wrapping 16-bit sequence numbers to a line of 64-bit ones, relative to the highest seen.
#[derive(Clone, Debug, Default)]
pub struct SequenceUnwrapper {
    highest: Option<i64>,
}

impl SequenceUnwrapper {
    /// The extended number of `sequence`; forward steps move the reference, late packets do not.
    pub fn unwrap(&mut self, sequence: u16) -> i64 {
        let extended = self.peek(sequence);
        self.highest = Some(self.highest.map_or(extended, |highest| highest.max(extended)));
        extended
    }

    /// What [`unwrap`](Self::unwrap) would answer, without moving the reference.
    pub fn peek(&self, sequence: u16) -> i64 {
        match self.highest {
            None => i64::from(sequence),
            Some(highest) => highest + i64::from(sequence.wrapping_sub(highest as u16) as i16),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_numbers_keep_growing_over_the_wrap() {
        let mut unwrapper = SequenceUnwrapper::default();
        let extended: Vec<i64> = [65_534, 65_535, 1, 0, 2].iter().map(|s| unwrapper.unwrap(*s)).collect();
        assert_eq!(extended, [65_534, 65_535, 65_537, 65_536, 65_538]);
    }
}

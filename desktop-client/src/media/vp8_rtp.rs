//! VP8 frames in RTP payloads and back (RFC 7741). Pure: no clock, no IO, no codec.

mod packetizer;
#[cfg(test)]
mod tests;

pub use packetizer::Packetizer;

use crate::media::assembler::Piece;
use crate::media::vp8::is_key_frame;

/// Whether the payload of a packet begins a key frame.
pub fn begins_key_frame(payload: &[u8]) -> bool {
    Descriptor::parse(payload)
        .is_some_and(|descriptor| descriptor.starts_frame && is_key_frame(&payload[descriptor.length..]))
}

/// What a payload is to its frame; `None` if it has no descriptor, or nothing behind it.
pub fn piece(payload: &[u8]) -> Option<Piece> {
    let descriptor = Descriptor::parse(payload)?;
    let key = descriptor.starts_frame && is_key_frame(&payload[descriptor.length..]);
    let predicted = descriptor.starts_frame && !key;
    Some(Piece { starts_frame: descriptor.starts_frame, key, predicted, describes: key })
}

/// Makes `frame` the one that these payloads make, all of them without their descriptors; `None` if one has none.
pub fn join<'a>(payloads: impl Iterator<Item = &'a [u8]> + Clone, frame: &mut Vec<u8>) -> Option<()> {
    frame.clear();
    frame.reserve(payloads.clone().map(<[u8]>::len).sum());
    for payload in payloads {
        frame.extend_from_slice(&payload[Descriptor::parse(payload)?.length..]);
    }
    Some(())
}

/// What the payload descriptor in front of each payload says, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Descriptor {
    /// The payload begins the first partition, which begins the frame.
    starts_frame: bool,
    /// Bytes of the descriptor.
    length: usize,
}

impl Descriptor {
    /// Reads the descriptor of RFC 7741 section 4.2; `None` if the payload ends within it.
    fn parse(payload: &[u8]) -> Option<Self> {
        let first = *payload.first()?;
        let mut length = 1;
        if first & 0x80 != 0 {
            let extensions = *payload.get(1)?;
            length += 1;
            if extensions & 0x80 != 0 {
                length += if payload.get(length)? & 0x80 != 0 { 2 } else { 1 };
            }
            length += usize::from(extensions & 0x40 != 0);
            length += usize::from(extensions & 0x30 != 0);
        }
        let partition = first & 0x0F;
        let starts_frame = first & 0x10 != 0 && partition == 0;
        (payload.len() > length).then_some(Self { starts_frame, length })
    }
}

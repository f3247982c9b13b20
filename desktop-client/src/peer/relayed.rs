//! What a datagram of the stack carries to a relay, or from one (RFC 8656 sections 11 and 12). Pure; copies nothing.

const SEND_AND_DATA: [[u8; 2]; 2] = [[0x00, 0x16], [0x00, 0x17]];
const DATA: [u8; 2] = [0x00, 0x13];
/// Number and length of ChannelData.
const CHANNEL_HEADER: usize = 4;
/// Of a STUN message.
const HEADER: usize = 20;

/// The payload of ChannelData and of Send and Data indications; of anything else the datagram itself.
pub(super) fn payload(datagram: &[u8]) -> &[u8] {
    match datagram.first() {
        Some(64..=79) => datagram.get(CHANNEL_HEADER..).unwrap_or_default(),
        Some(0) if SEND_AND_DATA.iter().any(|kind| datagram.starts_with(kind)) => {
            data(datagram).unwrap_or_default()
        }
        _ => datagram,
    }
}

fn data(indication: &[u8]) -> Option<&[u8]> {
    let mut rest = indication.get(HEADER..)?;
    loop {
        let length = usize::from(u16::from_be_bytes([*rest.get(2)?, *rest.get(3)?]));
        let value = rest.get(4..4 + length)?;
        if rest.starts_with(&DATA) {
            return Some(value);
        }
        rest = rest.get(4 + length.next_multiple_of(4)..)?;
    }
}

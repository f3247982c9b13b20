//! STUN messages as a client writes and reads them (RFC 8489, RFC 8656). Pure.

use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::{Digest as _, Md5};
use sha1::Sha1;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Asks for the own address.
pub const BINDING: u16 = 0x001;
/// Asks for a relayed address.
pub const ALLOCATE: u16 = 0x003;
/// Keeps or ends an allocation.
pub const REFRESH: u16 = 0x004;
/// Data for a peer; an indication.
pub const SEND: u16 = 0x006;
/// Data from a peer; an indication.
pub const DATA: u16 = 0x007;
/// Lets a peer's address send.
pub const CREATE_PERMISSION: u16 = 0x008;

/// Gives a peer a number.
pub const CHANNEL_BIND: u16 = 0x009;

/// A peer of the allocation, XORed.
pub const XOR_PEER_ADDRESS: u16 = 0x0012;
/// Payload of Send and Data.
pub const DATA_ATTRIBUTE: u16 = 0x0013;
/// The relayed address, XORed.
pub const XOR_RELAYED_ADDRESS: u16 = 0x0016;
/// 17 for UDP.
pub const REQUESTED_TRANSPORT: u16 = 0x0019;
/// IPv4 or IPv6, as [`FAMILY_V6`].
pub const REQUESTED_ADDRESS_FAMILY: u16 = 0x0017;
/// IPv6, in [`REQUESTED_ADDRESS_FAMILY`].
pub const FAMILY_V6: [u8; 4] = [2, 0, 0, 0];
/// ERROR-CODE of a server that relays by no address of the family asked for (RFC 8656 section 18).
pub const FAMILY_NOT_SUPPORTED: u16 = 440;
/// ERROR-CODE of a server that wants the request again, with the nonce that comes with it (RFC 8489 section 9.2.4).
pub const STALE_NONCE: u16 = 438;
/// Seconds.
pub const LIFETIME: u16 = 0x000d;
/// The own address as the server sees it, XORed.
pub const XOR_MAPPED_ADDRESS: u16 = 0x0020;
/// Of the credential.
pub const USERNAME: u16 = 0x0006;
/// Of the challenge.
pub const REALM: u16 = 0x0014;
/// Of the challenge.
pub const NONCE: u16 = 0x0015;
const ERROR_CODE: u16 = 0x0009;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const FINGERPRINT: u16 = 0x8028;
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const HEADER: usize = 20;

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Wants an answer.
    Request,
    /// Does not.
    Indication,
    /// Answers.
    Success,
    /// Refuses.
    Error,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Such as [`BINDING`].
    pub method: u16,
    /// What it is.
    pub class: Class,
    /// Comes back in the answer.
    pub transaction: [u8; 12],
    attributes: Vec<(u16, Vec<u8>)>,
}

impl Message {
    /// A new message of a transaction of its own.
    pub fn new(method: u16, class: Class) -> Self {
        Self { method, class, transaction: rand::random(), attributes: Vec::new() }
    }

    /// Refuses `request` with this code.
    pub fn refusal(request: &Self, code: u16) -> Self {
        let value = vec![0, 0, (code / 100) as u8, (code % 100) as u8];
        Self { class: Class::Error, attributes: vec![(ERROR_CODE, value)], ..request.clone() }
    }

    /// The same with one more attribute.
    #[must_use]
    pub fn with(mut self, attribute: u16, value: impl Into<Vec<u8>>) -> Self {
        self.attributes.push((attribute, value.into()));
        self
    }

    /// The same with an address, XORed.
    #[must_use]
    pub fn with_address(self, attribute: u16, address: SocketAddr) -> Self {
        let mut value = vec![0, if address.is_ipv4() { 1 } else { 2 }];
        value.extend(address.port().to_be_bytes());
        match address.ip() {
            IpAddr::V4(ip) => value.extend(ip.octets()),
            IpAddr::V6(ip) => value.extend(ip.octets()),
        }
        self.mask(&mut value);
        self.with(attribute, value)
    }

    /// XOR of an address with cookie and transaction; its own inverse.
    fn mask(&self, value: &mut [u8]) {
        let pad = COOKIE.iter().chain(&self.transaction);
        value[2..4].iter_mut().zip(COOKIE).for_each(|(byte, mask)| *byte ^= mask);
        value[4..].iter_mut().zip(pad).for_each(|(byte, mask)| *byte ^= mask);
    }

    /// The attribute's value, of the first if there are several.
    pub fn attribute(&self, attribute: u16) -> Option<&[u8]> {
        self.attributes.iter().find(|(number, _)| *number == attribute).map(|(_, value)| &value[..])
    }

    /// The same without this attribute.
    #[must_use]
    pub fn without(mut self, attribute: u16) -> Self {
        self.attributes.retain(|(number, _)| *number != attribute);
        self
    }

    /// The same with neither seal nor fingerprint, to be sealed anew.
    #[must_use]
    pub fn unsealed(mut self) -> Self {
        self.attributes.retain(|(attribute, _)| ![MESSAGE_INTEGRITY, FINGERPRINT].contains(attribute));
        self
    }

    /// Whether it carries a seal, be it good or not.
    pub fn has_seal(&self) -> bool {
        self.attribute(MESSAGE_INTEGRITY).is_some()
    }

    /// An address that came XORed.
    pub fn address(&self, attribute: u16) -> Option<SocketAddr> {
        let mut value = self.attribute(attribute)?.to_vec();
        if value.len() < 8 {
            return None;
        }
        self.mask(&mut value);
        let port = u16::from_be_bytes([value[2], value[3]]);
        let ip = match (value[1], value.len()) {
            (1, 8) => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(&value[4..]).ok()?)),
            (2, 20) => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(&value[4..]).ok()?)),
            _ => return None,
        };
        Some(SocketAddr::new(ip, port))
    }

    /// Seconds of [`LIFETIME`].
    pub fn lifetime(&self) -> Option<u32> {
        self.attribute(LIFETIME)?.try_into().ok().map(u32::from_be_bytes)
    }

    /// Why it was refused.
    pub fn error_code(&self) -> Option<u16> {
        let value = self.attribute(ERROR_CODE)?;
        let [_, _, hundreds, rest, ..] = *value else { return None };
        Some(u16::from(hundreds & 7) * 100 + u16::from(rest % 100))
    }

    /// As bytes, closed by MESSAGE-INTEGRITY where there is a key, and by FINGERPRINT.
    pub fn encode(&self, key: Option<&[u8]>) -> Vec<u8> {
        let class = match self.class {
            Class::Request => 0,
            Class::Indication => 0x010,
            Class::Success => 0x100,
            Class::Error => 0x110,
        };
        let method = self.method;
        let kind = (method & 0x0f) | ((method & 0x70) << 1) | ((method & 0xf80) << 2) | class;
        let mut bytes = Vec::with_capacity(HEADER + 64);
        bytes.extend(kind.to_be_bytes());
        bytes.extend([0, 0]);
        bytes.extend(COOKIE);
        bytes.extend(self.transaction);
        for (attribute, value) in &self.attributes {
            push(&mut bytes, *attribute, value);
        }
        if let Some(key) = key {
            set_length(&mut bytes, 24);
            let mac = integrity(key, &bytes);
            push(&mut bytes, MESSAGE_INTEGRITY, &mac);
        }
        set_length(&mut bytes, 8);
        let fingerprint = (crc32(&bytes) ^ 0x5354_554e).to_be_bytes();
        push(&mut bytes, FINGERPRINT, &fingerprint);
        bytes
    }

    /// From a datagram or a frame; `None` if it is no STUN message.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (header, mut rest) = bytes.split_at_checked(HEADER)?;
        let kind = u16::from_be_bytes([header[0], header[1]]);
        let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
        if kind >> 14 != 0 || header[4..8] != COOKIE || length % 4 != 0 {
            return None;
        }
        rest = rest.get(..length)?;
        let class = match kind & 0x110 {
            0 => Class::Request,
            0x010 => Class::Indication,
            0x100 => Class::Success,
            _ => Class::Error,
        };
        let method = (kind & 0x0f) | ((kind & 0xe0) >> 1) | ((kind & 0x3e00) >> 2);
        let mut attributes = Vec::new();
        while let [a, b, high, low, ..] = *rest {
            let size = usize::from(u16::from_be_bytes([high, low]));
            let value = rest.get(4..4 + size)?;
            attributes.push((u16::from_be_bytes([a, b]), value.to_vec()));
            rest = rest.get((4 + size).next_multiple_of(4)..)?;
        }
        let transaction = header[8..].try_into().expect("a header has 20 bytes");
        Some(Self { method, class, transaction, attributes })
    }
}

/// Whether a message was sealed with this key, over all that stands before the seal.
pub fn is_sealed(bytes: &[u8], key: &[u8]) -> bool {
    let mut at = HEADER;
    while let Some(&[a, b, high, low]) = bytes.get(at..at + 4) {
        let size = usize::from(u16::from_be_bytes([high, low]));
        if u16::from_be_bytes([a, b]) == MESSAGE_INTEGRITY {
            let mut before = bytes[..at].to_vec();
            set_length(&mut before, 24);
            let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes a key of any length");
            mac.update(&before);
            return bytes.get(at + 4..at + 4 + size).is_some_and(|seal| mac.verify_slice(seal).is_ok());
        }
        at = (at + 4 + size).next_multiple_of(4);
    }
    false
}

/// The key of the long-term credential (RFC 8489 section 9.2.2).
pub fn long_term_key(username: &str, realm: &str, password: &str) -> Vec<u8> {
    Md5::digest(format!("{username}:{realm}:{password}")).to_vec()
}

fn push(bytes: &mut Vec<u8>, attribute: u16, value: &[u8]) {
    bytes.extend(attribute.to_be_bytes());
    bytes.extend((value.len() as u16).to_be_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    set_length(bytes, 0);
}

/// Writes the header's length as it will be with `more` bytes.
fn set_length(bytes: &mut [u8], more: usize) {
    let length = (bytes.len() - HEADER + more) as u16;
    bytes[2..4].copy_from_slice(&length.to_be_bytes());
}

fn integrity(key: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(bytes);
    mac.finalize().into_bytes().to_vec()
}

/// CRC-32 as in ISO 3309; bit by bit, a few messages in a call's life do not earn a table.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5769 section 2.1: sample request, short-term key.
    const REQUEST: &str = "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74\
        002400046e0001ff80290008932ff9b151263b36000600096576746a3a683676592020200008001\
        49aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf";
    /// RFC 5769 section 2.2: sample IPv4 response.
    const RESPONSE: &str = "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220\
        002000080001a147e112a643000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96";
    /// RFC 5769 section 2.3: sample IPv6 response.
    const RESPONSE_V6: &str = "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220\
        002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed41\
        80280004c8fb0b4c";
    const PASSWORD: &[u8] = b"VOkJxbRl1RmTxUk/WvJxBt";

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn the_samples_of_rfc_5769_are_read_and_their_seals_hold() {
        let request = bytes(REQUEST);
        let message = Message::decode(&request).unwrap();
        assert_eq!((message.method, message.class), (BINDING, Class::Request));
        assert_eq!(message.attribute(USERNAME), Some(&b"evtj:h6vY"[..]));
        assert!(is_sealed(&request, PASSWORD) && !is_sealed(&request, b"wrong"));
        for (hex, address) in
            [(RESPONSE, "192.0.2.1:32853"), (RESPONSE_V6, "[2001:db8:1234:5678:11:2233:4455:6677]:32853")]
        {
            let response = bytes(hex);
            let message = Message::decode(&response).unwrap();
            assert_eq!(message.class, Class::Success);
            assert_eq!(message.address(XOR_MAPPED_ADDRESS), Some(address.parse().unwrap()));
            assert!(is_sealed(&response, PASSWORD));
        }
    }

    #[test]
    fn the_fingerprint_is_that_of_the_samples() {
        for hex in [REQUEST, RESPONSE, RESPONSE_V6] {
            let (bytes, end) = (bytes(hex), hex.len() / 2 - 8);
            let said = u32::from_be_bytes(bytes[end + 4..].try_into().unwrap());
            assert_eq!(crc32(&bytes[..end]) ^ 0x5354_554e, said);
        }
    }

    #[test]
    fn what_is_written_is_read_back_and_sealed() {
        let peer: SocketAddr = "[2001:db8::7]:4000".parse().unwrap();
        let message = Message::new(CREATE_PERMISSION, Class::Request)
            .with(USERNAME, "1700000000:castle")
            .with_address(XOR_PEER_ADDRESS, peer);
        let key = long_term_key("1700000000:castle", "castle", "secret");
        let sent = message.encode(Some(&key));
        let read = Message::decode(&sent).unwrap();
        assert_eq!(read.address(XOR_PEER_ADDRESS), Some(peer));
        assert_eq!((read.method, read.transaction), (CREATE_PERMISSION, message.transaction));
        assert!(is_sealed(&sent, &key));
        let refusal = Message::decode(&Message::refusal(&read, 486).encode(None)).unwrap();
        assert_eq!((refusal.class, refusal.error_code()), (Class::Error, Some(486)));
    }

    #[test]
    fn a_message_cut_or_changed_anywhere_is_no_message_or_unsealed() {
        let whole = bytes(REQUEST);
        for length in 0..whole.len() {
            assert_eq!(Message::decode(&whole[..length]), None, "{length}");
        }
        for at in 20..whole.len() - 32 {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            assert!(!is_sealed(&changed, PASSWORD), "{at}");
        }
    }
}

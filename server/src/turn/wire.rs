//! STUN and TURN on the wire (RFC 8489, RFC 8656): what a datagram says.
//!
//! With `wire/write.rs` the one place that names the codec of control messages. What carries media (ChannelData, Send and Data
//! indications) is read and written here by hand, without an allocation. Decides nothing.

mod write;

pub use write::{Key, Response, Writer};

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use stun_types::attribute::AttributeType;
use stun_types::message::{Message, MessageClass, Method as MethodCode};

/// Longest control message that is read, bytes: ours are under 300, and long realms and nonces fit too.
const CONTROL_BYTES_MAX: usize = 2048;
/// Bytes of a STUN header.
pub const HEADER_BYTES: usize = 20;
/// Bytes of a ChannelData header.
pub const CHANNEL_HEADER_BYTES: usize = 4;
/// Channel numbers a client may bind: those of RFC 5766, since clients of today bind beyond the 0x4fff of RFC 8656.
pub const CHANNELS: std::ops::RangeInclusive<u16> = 0x4000..=0x7fff;

const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const ALLOCATE_REQUEST: [u8; 2] = [0x00, 0x03];
const SEND_INDICATION: [u8; 2] = [0x00, 0x16];
const DATA_INDICATION: [u8; 2] = [0x00, 0x17];

/// Attributes, by their numbers.
mod attribute {
    pub(super) const USERNAME: u16 = 0x0006;
    pub(super) const MESSAGE_INTEGRITY: u16 = 0x0008;
    pub(super) const CHANNEL_NUMBER: u16 = 0x000c;
    pub(super) const LIFETIME: u16 = 0x000d;
    pub(super) const XOR_PEER_ADDRESS: u16 = 0x0012;
    pub(super) const DATA: u16 = 0x0013;
    pub(super) const REALM: u16 = 0x0014;
    pub(super) const NONCE: u16 = 0x0015;
    pub(super) const XOR_RELAYED_ADDRESS: u16 = 0x0016;
    pub(super) const REQUESTED_ADDRESS_FAMILY: u16 = 0x0017;
    pub(super) const EVEN_PORT: u16 = 0x0018;
    pub(super) const REQUESTED_TRANSPORT: u16 = 0x0019;
    pub(super) const DONT_FRAGMENT: u16 = 0x001a;
    pub(super) const XOR_MAPPED_ADDRESS: u16 = 0x0020;
    pub(super) const RESERVATION_TOKEN: u16 = 0x0022;
    pub(super) const ADDITIONAL_ADDRESS_FAMILY: u16 = 0x8000;
    pub(super) const ADDRESS_ERROR_CODE: u16 = 0x8001;
    pub(super) const SOFTWARE: u16 = 0x8022;
    pub(super) const FINGERPRINT: u16 = 0x8028;

    /// Of those that must be understood, the ones we do. DONT-FRAGMENT is not among them: RFC 8656 section 7.2
    /// lets a relay say so.
    pub(super) const UNDERSTOOD: [u16; 12] = [
        USERNAME,
        MESSAGE_INTEGRITY,
        CHANNEL_NUMBER,
        LIFETIME,
        XOR_PEER_ADDRESS,
        DATA,
        REALM,
        NONCE,
        REQUESTED_ADDRESS_FAMILY,
        EVEN_PORT,
        REQUESTED_TRANSPORT,
        RESERVATION_TOKEN,
    ];
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// Where do I come from?
    Binding,
    /// A relayed address.
    Allocate,
    /// Keep the allocation, or end it.
    Refresh,
    /// Let peers send to me.
    CreatePermission,
    /// A number for a peer, which makes packets short.
    ChannelBind,
}

impl Method {
    const ALL: [(Self, u16); 5] = [
        (Self::Binding, 1),
        (Self::Allocate, 3),
        (Self::Refresh, 4),
        (Self::CreatePermission, 8),
        (Self::ChannelBind, 9),
    ];

    fn code(self) -> MethodCode {
        let (_, code) = Self::ALL.into_iter().find(|(method, _)| *method == self).expect("ALL has all");
        MethodCode::new(code)
    }
}

/// IPv4 or IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Of an address.
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    fn code(self) -> u8 {
        match self {
            Self::V4 => 1,
            Self::V6 => 2,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        [Self::V4, Self::V6].into_iter().find(|family| family.code() == code)
    }
}

/// A transaction's id.
pub type Transaction = [u8; 12];

/// What a client sent.
pub enum Packet<'a> {
    /// Media for the peer with this number.
    ChannelData {
        /// The number.
        channel: u16,
        /// What to relay.
        data: &'a [u8],
    },
    /// Media for a peer by address.
    Send {
        /// To whom.
        peer: SocketAddr,
        /// What to relay.
        data: &'a [u8],
    },
    /// Something to answer.
    Request(Request<'a>),
}

impl<'a> Packet<'a> {
    /// Reads a datagram, or a frame of a stream. `None`: nothing that is answered or relayed.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        match bytes.first()? >> 6 {
            0b01 => read_channel_data(bytes),
            0b00 if bytes.starts_with(&SEND_INDICATION) => read_send(bytes),
            0b00 => Request::read(bytes).map(Self::Request),
            _ => None,
        }
    }
}

fn read_channel_data(bytes: &[u8]) -> Option<Packet<'_>> {
    let channel = u16_at(bytes, 0)?;
    let length = usize::from(u16_at(bytes, 2)?);
    let data = bytes.get(CHANNEL_HEADER_BYTES..CHANNEL_HEADER_BYTES + length)?;
    CHANNELS.contains(&channel).then_some(Packet::ChannelData { channel, data })
}

fn read_send(bytes: &[u8]) -> Option<Packet<'_>> {
    let transaction = header(bytes)?;
    let (mut peer, mut data) = (None, None);
    for (kind, value) in attributes(bytes) {
        match kind {
            attribute::XOR_PEER_ADDRESS if peer.is_none() => peer = Some(xor_address(value, &transaction)?),
            attribute::DATA if data.is_none() => data = Some(value),
            attribute::XOR_PEER_ADDRESS | attribute::DATA => {}
            unknown if unknown < 0x8000 => return None,
            _ => {}
        }
    }
    Some(Packet::Send { peer: peer?, data: data? })
}

/// Whether a packet may be a request for an allocation; told by its type alone.
pub fn asks_for_allocation(packet: &[u8]) -> bool {
    packet.starts_with(&ALLOCATE_REQUEST)
}

/// The transaction of a STUN message whose length is that of `bytes`.
fn header(bytes: &[u8]) -> Option<Transaction> {
    let whole =
        bytes.get(4..8)? == MAGIC_COOKIE && HEADER_BYTES + usize::from(u16_at(bytes, 2)?) == bytes.len();
    bytes.get(8..HEADER_BYTES).filter(|_| whole)?.try_into().ok()
}

/// Type and value of each attribute, up to the first that does not fit.
fn attributes(message: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = message.get(HEADER_BYTES..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (kind, length) = (u16_at(rest, 0)?, usize::from(u16_at(rest, 2)?));
        let value = rest.get(4..4 + length)?;
        rest = rest.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

/// How many bytes the frame at the beginning of a stream takes, padding included; `None`: not known yet.
/// A stream that does not carry TURN is an error.
pub fn frame_bytes(stream: &[u8]) -> Result<Option<usize>, NotTurn> {
    let Some(&first) = stream.first() else { return Ok(None) };
    let Some(length) = u16_at(stream, 2).map(usize::from) else { return Ok(None) };
    match first >> 6 {
        0b01 => Ok(Some(CHANNEL_HEADER_BYTES + length.next_multiple_of(4))),
        0b00 if !length.is_multiple_of(4) => Err(NotTurn),
        0b00 if stream.len() >= 8 && stream[4..8] != MAGIC_COOKIE => Err(NotTurn),
        0b00 => Ok(Some(HEADER_BYTES + length)),
        _ => Err(NotTurn),
    }
}

/// A stream that carries something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stream does not carry STUN or TURN")]
pub struct NotTurn;

/// A request.
pub struct Request<'a> {
    message: Message<'a>,
    /// What it asks for.
    pub method: Method,
    /// Pairs it with its answer.
    pub transaction: Transaction,
}

impl<'a> Request<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let transaction = header(bytes).filter(|_| bytes.len() <= CONTROL_BYTES_MAX)?;
        let message = Message::from_bytes(bytes).ok()?;
        let code = message.method().value();
        let (method, _) = Method::ALL.into_iter().find(|(_, known)| *known == code)?;
        message.has_class(MessageClass::Request).then_some(Self { message, method, transaction })
    }

    fn value<T>(&self, kind: u16, read: impl FnOnce(&[u8]) -> Option<T>) -> Option<T> {
        read(&self.message.raw_attribute(AttributeType::new(kind))?.value)
    }

    fn has(&self, kind: u16) -> bool {
        self.message.has_attribute(AttributeType::new(kind))
    }

    /// Attributes that must be understood and are not.
    pub fn unknown(&self) -> Vec<u16> {
        let kinds = self.message.iter_attributes().map(|(_, attribute)| attribute.header.get_type());
        let required = kinds.filter(|kind| kind.comprehension_required()).map(|kind| kind.value());
        required.filter(|kind| !attribute::UNDERSTOOD.contains(kind)).collect()
    }

    /// Whether it ends in FINGERPRINT, which was checked then.
    pub fn has_fingerprint(&self) -> bool {
        self.has(attribute::FINGERPRINT)
    }

    /// Whether it is signed.
    pub fn is_signed(&self) -> bool {
        self.has(attribute::MESSAGE_INTEGRITY)
    }

    /// Whether it is signed with this key.
    pub fn is_signed_with(&self, key: &Key) -> bool {
        self.message.validate_integrity_with_key(&key.0).is_ok()
    }

    /// USERNAME.
    pub fn username(&self) -> Option<String> {
        self.value(attribute::USERNAME, |value| String::from_utf8(value.to_vec()).ok())
    }

    /// Whether REALM is there and this one; `None`: not there.
    pub fn realm_is(&self, realm: &str) -> Option<bool> {
        self.value(attribute::REALM, |value| Some(value == realm.as_bytes()))
    }

    /// NONCE, read by `check`; `None`: not there.
    pub fn nonce<T>(&self, check: impl FnOnce(&[u8]) -> T) -> Option<T> {
        self.value(attribute::NONCE, |value| Some(check(value)))
    }

    /// LIFETIME, seconds. `Err`: there, and not a number.
    pub fn lifetime(&self) -> Result<Option<u32>, Malformed> {
        self.checked(attribute::LIFETIME, |value| value.try_into().ok().map(u32::from_be_bytes))
    }

    /// REQUESTED-TRANSPORT: a protocol number.
    pub fn transport(&self) -> Result<Option<u8>, Malformed> {
        self.checked(attribute::REQUESTED_TRANSPORT, |value| (value.len() == 4).then(|| value[0]))
    }

    /// REQUESTED-ADDRESS-FAMILY. `Some(None)`: one that does not exist.
    pub fn family(&self) -> Result<Option<Option<Family>>, Malformed> {
        self.checked(attribute::REQUESTED_ADDRESS_FAMILY, read_family)
    }

    /// ADDITIONAL-ADDRESS-FAMILY.
    pub fn additional_family(&self) -> Result<Option<Option<Family>>, Malformed> {
        self.checked(attribute::ADDITIONAL_ADDRESS_FAMILY, read_family)
    }

    /// EVEN-PORT; true where the next port is to be reserved.
    pub fn even_port(&self) -> Result<Option<bool>, Malformed> {
        self.checked(attribute::EVEN_PORT, |value| Some(value.first()? & 0x80 != 0))
    }

    /// Whether a port that was reserved is asked for.
    pub fn has_reservation(&self) -> bool {
        self.has(attribute::RESERVATION_TOKEN)
    }

    /// CHANNEL-NUMBER.
    pub fn channel(&self) -> Result<Option<u16>, Malformed> {
        self.checked(attribute::CHANNEL_NUMBER, |value| u16_at(value, 0).filter(|_| value.len() == 4))
    }

    /// Every XOR-PEER-ADDRESS.
    pub fn peers(&self) -> Result<Vec<SocketAddr>, Malformed> {
        let wanted = AttributeType::new(attribute::XOR_PEER_ADDRESS);
        let all = self.message.iter_attributes().filter(|(_, found)| found.header.get_type() == wanted);
        all.map(|(_, found)| xor_address(&found.value, &self.transaction).ok_or(Malformed)).collect()
    }

    fn checked<T>(&self, kind: u16, read: impl FnOnce(&[u8]) -> Option<T>) -> Result<Option<T>, Malformed> {
        if self.has(kind) { self.value(kind, read).ok_or(Malformed).map(Some) } else { Ok(None) }
    }
}

/// An attribute that is not of its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

#[expect(clippy::option_option, reason = "malformed, unknown and known are three things")]
fn read_family(value: &[u8]) -> Option<Option<Family>> {
    (value.len() == 4).then(|| Family::from_code(value[0]))
}

/// A XOR-…-ADDRESS. IPv4 in IPv6 comes out as IPv4.
fn xor_address(value: &[u8], transaction: &Transaction) -> Option<SocketAddr> {
    let family = Family::from_code(*value.get(1)?)?;
    let port = u16_at(value, 2)? ^ u16::from_be_bytes([MAGIC_COOKIE[0], MAGIC_COOKIE[1]]);
    let mask = address_mask(transaction);
    let ip = match family {
        Family::V4 => {
            let bytes: [u8; 4] = value.get(4..)?.try_into().ok()?;
            IpAddr::V4(Ipv4Addr::from(std::array::from_fn(|at| bytes[at] ^ mask[at])))
        }
        Family::V6 => {
            let bytes: [u8; 16] = value.get(4..)?.try_into().ok()?;
            IpAddr::V6(Ipv6Addr::from(std::array::from_fn(|at| bytes[at] ^ mask[at])))
        }
    };
    Some(SocketAddr::new(ip.to_canonical(), port))
}

fn address_mask(transaction: &Transaction) -> [u8; 16] {
    std::array::from_fn(|at| if at < 4 { MAGIC_COOKIE[at] } else { transaction[at - 4] })
}

/// Writes the value of a XOR-…-ADDRESS into `value`; returns its length.
fn write_xor_address(value: &mut [u8; 20], address: SocketAddr, transaction: &Transaction) -> usize {
    let mask = address_mask(transaction);
    let port = address.port() ^ u16::from_be_bytes([MAGIC_COOKIE[0], MAGIC_COOKIE[1]]);
    value[0] = 0;
    value[1] = Family::of(address.ip()).code();
    value[2..4].copy_from_slice(&port.to_be_bytes());
    let mut write = |octets: &[u8]| {
        for (at, octet) in octets.iter().enumerate() {
            value[4 + at] = octet ^ mask[at];
        }
        4 + octets.len()
    };
    match address.ip() {
        IpAddr::V4(ip) => write(&ip.octets()),
        IpAddr::V6(ip) => write(&ip.octets()),
    }
}

/// Appends ChannelData to `out`, padded as a stream needs it (RFC 8656 section 12.5).
pub fn write_channel_data(out: &mut Vec<u8>, channel: u16, data: &[u8], padded: bool) {
    out.extend_from_slice(&channel.to_be_bytes());
    out.extend_from_slice(&(data.len() as u16).to_be_bytes());
    out.extend_from_slice(data);
    if padded {
        out.resize(out.len() + data.len().next_multiple_of(4) - data.len(), 0);
    }
}

/// Appends a Data indication to `out`.
pub fn write_data_indication(out: &mut Vec<u8>, transaction: Transaction, peer: SocketAddr, data: &[u8]) {
    let mut address = [0; 20];
    let address_bytes = write_xor_address(&mut address, peer, &transaction);
    let padding = data.len().next_multiple_of(4) - data.len();
    let length = 4 + address_bytes + 4 + data.len() + padding;
    out.extend_from_slice(&DATA_INDICATION);
    out.extend_from_slice(&(length as u16).to_be_bytes());
    out.extend_from_slice(&MAGIC_COOKIE);
    out.extend_from_slice(&transaction);
    out.extend_from_slice(&attribute::XOR_PEER_ADDRESS.to_be_bytes());
    out.extend_from_slice(&(address_bytes as u16).to_be_bytes());
    out.extend_from_slice(&address[..address_bytes]);
    out.extend_from_slice(&attribute::DATA.to_be_bytes());
    out.extend_from_slice(&(data.len() as u16).to_be_bytes());
    out.extend_from_slice(data);
    out.resize(out.len() + padding, 0);
}

#[cfg(test)]
mod tests;

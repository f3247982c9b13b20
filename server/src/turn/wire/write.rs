//! Control messages as they are written: answers, and what a client asks and reads.

use super::{
    Family, Method, Request, Transaction, attribute, attributes, header, write_xor_address, xor_address,
};
use std::net::SocketAddr;
use stun_types::attribute::{AttributeType, ErrorCode, RawAttribute, UnknownAttributes};
use stun_types::message::{
    IntegrityAlgorithm, IntegrityKey, LongTermKeyCredentials, Message, MessageClass, MessageType,
    MessageWrite as _, MessageWriteExt as _, MessageWriteVec,
};

/// The key of a long-term credential.
#[derive(Clone)]
pub struct Key(pub(super) IntegrityKey);

impl Key {
    /// Of this credential.
    pub fn new(username: &str, realm: &str, password: &str) -> Self {
        let credential = LongTermKeyCredentials::new(username.into(), password.into(), realm.into());
        Self(credential.make_key(IntegrityAlgorithm::Sha1))
    }

    /// Of a short-term credential, which the test vectors use.
    #[cfg(test)]
    pub fn short_term(password: &str) -> Self {
        use stun_types::message::{MessageIntegrityCredentials, ShortTermCredentials};
        let credential: MessageIntegrityCredentials = ShortTermCredentials::new(password.into()).into();
        Self(credential.make_key(IntegrityAlgorithm::Sha1))
    }
}

/// A message being written.
pub struct Writer {
    out: MessageWriteVec,
    transaction: Transaction,
    fingerprint: bool,
}

impl Writer {
    /// A success response.
    pub fn success(request: &Request<'_>) -> Self {
        Self::answer(request, Message::builder_success(&request.message, room()))
    }

    /// An error response.
    pub fn error(request: &Request<'_>, code: u16) -> Self {
        Self::answer(request, Message::builder_error(&request.message, room())).with_error(code)
    }

    /// With FINGERPRINT where the request has one: whoever asks in 20 bytes is answered in four times as many.
    fn answer(request: &Request<'_>, out: MessageWriteVec) -> Self {
        Self { out, transaction: request.transaction, fingerprint: request.has_fingerprint() }
    }

    /// A request, as a client makes it.
    pub fn request(method: Method, transaction: Transaction) -> Self {
        let kind = MessageType::from_class_method(MessageClass::Request, method.code());
        let id = transaction.iter().fold(0_u128, |id, byte| (id << 8) | u128::from(*byte));
        Self { out: Message::builder(kind, id.into(), room()), transaction, fingerprint: true }
    }

    /// The same without FINGERPRINT.
    #[must_use]
    pub fn without_fingerprint(self) -> Self {
        Self { fingerprint: false, ..self }
    }

    fn with(mut self, kind: u16, value: &[u8]) -> Self {
        let attribute = RawAttribute::new(AttributeType::new(kind), value);
        self.out.add_attribute(&attribute).expect("attributes come before the signature");
        self
    }

    fn with_error(mut self, code: u16) -> Self {
        let error = ErrorCode::builder(code).build().expect("our codes are 300 to 699");
        self.out.add_attribute(&error).expect("attributes come before the signature");
        self
    }

    /// UNKNOWN-ATTRIBUTES.
    #[must_use]
    pub fn unknown(mut self, kinds: &[u16]) -> Self {
        let kinds: Vec<_> = kinds.iter().copied().map(AttributeType::new).collect();
        self.out
            .add_attribute(&UnknownAttributes::new(&kinds))
            .expect("attributes come before the signature");
        self
    }

    /// REALM and NONCE.
    #[must_use]
    pub fn challenge(self, realm: &str, nonce: &[u8]) -> Self {
        self.with(attribute::REALM, realm.as_bytes()).with(attribute::NONCE, nonce)
    }

    /// USERNAME.
    #[must_use]
    pub fn username(self, username: &str) -> Self {
        self.with(attribute::USERNAME, username.as_bytes())
    }

    /// XOR-MAPPED-ADDRESS.
    #[must_use]
    pub fn mapped(self, address: SocketAddr) -> Self {
        self.address(attribute::XOR_MAPPED_ADDRESS, address)
    }

    /// XOR-RELAYED-ADDRESS.
    #[must_use]
    pub fn relayed(self, address: SocketAddr) -> Self {
        self.address(attribute::XOR_RELAYED_ADDRESS, address)
    }

    /// XOR-PEER-ADDRESS.
    #[must_use]
    pub fn peer(self, address: SocketAddr) -> Self {
        self.address(attribute::XOR_PEER_ADDRESS, address)
    }

    fn address(self, kind: u16, address: SocketAddr) -> Self {
        let mut value = [0; 20];
        let length = write_xor_address(&mut value, address, &self.transaction);
        self.with(kind, &value[..length])
    }

    /// LIFETIME.
    #[must_use]
    pub fn lifetime(self, seconds: u32) -> Self {
        self.with(attribute::LIFETIME, &seconds.to_be_bytes())
    }

    /// REQUESTED-TRANSPORT.
    #[must_use]
    pub fn transport(self, protocol: u8) -> Self {
        self.with(attribute::REQUESTED_TRANSPORT, &[protocol, 0, 0, 0])
    }

    /// REQUESTED-ADDRESS-FAMILY.
    #[must_use]
    pub fn family(self, family: Family) -> Self {
        self.with(attribute::REQUESTED_ADDRESS_FAMILY, &[family.code(), 0, 0, 0])
    }

    /// ADDITIONAL-ADDRESS-FAMILY: always IPv6.
    #[must_use]
    pub fn additional_family(self) -> Self {
        self.with(attribute::ADDITIONAL_ADDRESS_FAMILY, &[Family::V6.code(), 0, 0, 0])
    }

    /// ADDRESS-ERROR-CODE: why the additional family is not there.
    #[must_use]
    pub fn address_error(self, family: Family, code: u16) -> Self {
        let value = [family.code(), 0, (code / 100) as u8, (code % 100) as u8];
        self.with(attribute::ADDRESS_ERROR_CODE, &value)
    }

    /// EVEN-PORT.
    #[must_use]
    pub fn even_port(self, reserve: bool) -> Self {
        self.with(attribute::EVEN_PORT, &[u8::from(reserve) << 7])
    }

    /// RESERVATION-TOKEN.
    #[must_use]
    pub fn reservation(self, token: [u8; 8]) -> Self {
        self.with(attribute::RESERVATION_TOKEN, &token)
    }

    /// DONT-FRAGMENT.
    #[must_use]
    pub fn dont_fragment(self) -> Self {
        self.with(attribute::DONT_FRAGMENT, &[])
    }

    /// CHANNEL-NUMBER.
    #[must_use]
    pub fn channel(self, number: u16) -> Self {
        let [high, low] = number.to_be_bytes();
        self.with(attribute::CHANNEL_NUMBER, &[high, low, 0, 0])
    }

    /// SOFTWARE.
    #[must_use]
    pub fn software(self, name: &str) -> Self {
        self.with(attribute::SOFTWARE, name.as_bytes())
    }

    /// The message, signed where there is a key.
    pub fn finish(mut self, key: Option<&Key>) -> Vec<u8> {
        if let Some(key) = key {
            let signed = self.out.add_message_integrity_with_key(&key.0, IntegrityAlgorithm::Sha1);
            signed.expect("signed once, before the fingerprint");
        }
        if self.fingerprint {
            self.out.add_fingerprint().expect("one fingerprint, at the end");
        }
        self.out.finish()
    }
}

fn room() -> MessageWriteVec {
    MessageWriteVec::with_capacity(192)
}

/// A response, as a client reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The transaction of its request.
    pub transaction: Transaction,
    /// 0 for success, else ERROR-CODE.
    pub code: u16,
    /// REALM.
    pub realm: Option<String>,
    /// NONCE.
    pub nonce: Option<Vec<u8>>,
    /// XOR-MAPPED-ADDRESS.
    pub mapped: Option<SocketAddr>,
    /// XOR-RELAYED-ADDRESS, each.
    pub relayed: Vec<SocketAddr>,
    /// LIFETIME, seconds.
    pub lifetime: Option<u32>,
}

impl Response {
    /// Reads one. `key`: it must be signed with it.
    pub fn read(bytes: &[u8], key: Option<&Key>) -> Option<Self> {
        let transaction = header(bytes)?;
        let message = Message::from_bytes(bytes).ok()?;
        let code = match message.class() {
            MessageClass::Success => 0,
            MessageClass::Error => message.attribute::<ErrorCode>().ok()?.code(),
            MessageClass::Request | MessageClass::Indication => return None,
        };
        if key.is_some_and(|key| message.validate_integrity_with_key(&key.0).is_err()) {
            return None;
        }
        let all = || attributes(bytes);
        let first = |wanted: u16| all().find(|(kind, _)| *kind == wanted).map(|(_, value)| value);
        let address = |value: &[u8]| xor_address(value, &transaction);
        Some(Self {
            transaction,
            code,
            realm: first(attribute::REALM).and_then(|value| String::from_utf8(value.to_vec()).ok()),
            nonce: first(attribute::NONCE).map(<[u8]>::to_vec),
            mapped: first(attribute::XOR_MAPPED_ADDRESS).and_then(address),
            relayed: all()
                .filter(|(kind, _)| *kind == attribute::XOR_RELAYED_ADDRESS)
                .filter_map(|(_, value)| address(value))
                .collect(),
            lifetime: first(attribute::LIFETIME)
                .and_then(|value| Some(u32::from_be_bytes(value.try_into().ok()?))),
        })
    }
}

//! Where bytes of strangers are first understood, one pure function for each kind: what the fuzzers call, and what the
//! tests run over the fuzzers' corpus.
//!
//! Each returns for all input, and panics where a promise about it is broken. Never decides anything.

use crate::accounts;
use crate::ice::TurnSecret;
use crate::names;
use crate::session;
use crate::store::backup;
use crate::store::keys::SigningKey;
use crate::token::{self, AccessSigner, CallSigner, RefreshMinter};
use crate::transport::{ProxyHeader, TrustedProxies};
use crate::turn::counters::Counters;
use crate::turn::machine::limits::Limits;
use crate::turn::machine::{Client, Effect, Effects, Input, Machine, Now, RelayIp, Settings, Sockets};
use crate::turn::peers::{HostAddresses, PeerRules};
use crate::turn::wire::{Response, frame_bytes};
use castle::limits::{NAME_CHARS_MAX, NAME_CHARS_MIN};
use castle_connectivity::framing::Deframer;
use castle_connectivity::stun::Message;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tonic::codegen::http::{HeaderMap, HeaderValue};

/// A kind of input, as its folder in the corpus is called, and the function that understands it.
pub type Entry = (&'static str, fn(&[u8]));

/// All of them.
pub const ENTRIES: [Entry; 8] = [
    ("frames", frame),
    ("tokens", token),
    ("names", name),
    ("invitations", invitation),
    ("forwarded", forwarded),
    ("backups", backup),
    ("datagrams", datagram),
    ("streams", stream),
];

/// Keys that nothing is ever signed with outside this file.
const SEED: [u8; 32] = [7; 32];
const KEY_ID: &str = "untrusted";

/// A frame of a Signal stream: decoded and turned into the words of the hall.
pub fn frame(bytes: &[u8]) {
    let understood = session::understand(bytes);
    assert_eq!(understood, session::understand(bytes), "the same bytes mean the same");
}

/// Access, refresh and call tokens. None of them was signed by these keys.
pub fn token(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let key = SigningKey {
        id: KEY_ID.to_owned(),
        seed: SEED,
        created_at: SystemTime::UNIX_EPOCH,
        verifies_until: None,
    };
    let access = AccessSigner::new(vec![key]);
    assert!(access.verify(SystemTime::UNIX_EPOCH, &text).is_err(), "a token that nobody signed");
    assert!(RefreshMinter::new(SEED).read(&text).is_none(), "a refresh token that nobody made");
    assert!(
        CallSigner::new(SEED).verify(SystemTime::UNIX_EPOCH, &text).is_none(),
        "a call token that nobody signed"
    );
}

/// Login and display names, and a password beside them.
pub fn name(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(name) = names::normalize(&text) {
        assert!((NAME_CHARS_MIN..=NAME_CHARS_MAX).contains(&name.chars().count()), "{name:?}");
        assert_eq!(names::normalize(&name).as_deref(), Ok(&*name), "a name is its own normal form");
        names::password(&text, &name).ok();
    }
    if let Ok(Some(display)) = names::display(&text) {
        assert_eq!(names::display(&display), Ok(Some(display.clone())), "what is shown stays so");
    }
}

/// Invitation codes as people type them.
pub fn invitation(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let spaced: String = text.chars().flat_map(|c| [c, '-', ' ']).collect();
    assert_eq!(accounts::code_hash(&text), accounts::code_hash(&spaced), "blanks and hyphens mean nothing");
}

/// `Forwarded` and `X-Forwarded-For`, from a proxy that is trusted.
pub fn forwarded(bytes: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(bytes) else { return };
    let stranger = IpAddr::from(Ipv4Addr::new(192, 0, 2, 1));
    let proxy = IpAddr::from(Ipv4Addr::LOCALHOST);
    for (header, name) in
        [(ProxyHeader::Forwarded, "forwarded"), (ProxyHeader::XForwardedFor, "x-forwarded-for")]
    {
        let proxies = TrustedProxies { networks: vec![proxy.into()], header };
        let headers = HeaderMap::from_iter([(name.parse().expect("a header's name"), value.clone())]);
        assert_eq!(proxies.client(stranger, &headers), stranger, "nobody else is believed");
        proxies.client(proxy, &headers);
    }
}

/// Backup files: as they are, and with a digest that fits, so that what lies behind it is reached too.
pub fn backup(bytes: &[u8]) {
    let sealed = [bytes, &token::sha256(bytes)].concat();
    for bytes in [bytes, &sealed] {
        let Ok(read) = backup::read(bytes) else { continue };
        let mut writer = backup::Writer::new(Vec::new(), read.head).expect("memory takes all");
        for row in &read.rows {
            writer.row(&row.table, &row.key, &row.value).expect("what was read can be written");
        }
        let (written, tail) = writer.end().expect("memory takes all");
        assert_eq!((written.as_slice(), tail), (bytes, read.tail), "a backup has one form");
    }
}

/// A relay that has no socket to give.
struct NoSockets;

impl Sockets for NoSockets {
    type Socket = ();

    fn open(&mut self, _: IpAddr, _: bool) -> Option<((), u16)> {
        None
    }
}

/// A datagram that comes to the relay, or from one to the client. Its sender holds no credential.
pub fn datagram(bytes: &[u8]) {
    let ip = IpAddr::from(Ipv4Addr::new(203, 0, 113, 9));
    let settings = Settings {
        ips: vec![RelayIp { bound: ip, shown: ip }],
        peers: PeerRules::new(false, HostAddresses::default()),
        proxies: TrustedProxies::default(),
        limits: Limits::default(),
        secret: TurnSecret::new(SEED),
        nonce_key: SEED,
    };
    let mut relay = Machine::new(settings, NoSockets, Arc::new(Counters::default()));
    let from = SocketAddr::from(([198, 51, 100, 7], 4000));
    let client = Client { from, listener: 0, stream: false };
    let (now, mut effects) = (Now { at: Duration::ZERO, unix: 0 }, Effects::default());
    relay.handle(now, Input::Client { client, link: &(), packet: bytes }, &mut effects);
    assert_eq!(relay.allocations(), 0, "nothing is relayed for a stranger");
    assert!(effects.list.len() <= 1, "one question has one answer");
    for effect in &effects.list {
        let Effect::ToClient { bytes: range, .. } = effect else { panic!("something left for others") };
        assert!(Response::read(&effects.bytes[range.clone()], None).is_some(), "an answer is STUN");
    }
    if let Some(message) = Message::decode(bytes) {
        let read =
            Message::decode(&message.clone().unsealed().encode(None)).expect("what was read can be written");
        assert_eq!((read.method, read.class), (message.method, message.class));
    }
}

/// What a stream of TURN over TCP or TLS brings: the same messages, however it is cut.
pub fn stream(bytes: &[u8]) {
    let mut rest = bytes;
    while let Ok(Some(length)) = frame_bytes(rest) {
        assert!(length > 0, "a frame takes room");
        rest = rest.get(length..).unwrap_or_default();
    }
    let read = |pieces: &[&[u8]]| {
        let (mut deframer, mut messages) = (Deframer::default(), Vec::new());
        for piece in pieces {
            deframer.feed(piece);
            loop {
                match deframer.message() {
                    Ok(Some(message)) => messages.push(message.to_vec()),
                    Ok(None) => break,
                    Err(_) => return messages,
                }
            }
        }
        messages
    };
    let (one, other) = bytes.split_at(bytes.len() / 2);
    assert_eq!(read(&[bytes]), read(&[one, other]));
}

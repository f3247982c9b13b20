//! Where bytes of strangers are first understood, one pure function for each kind: what the fuzzers call, and what the
//! tests run over the fuzzers' corpus.
//!
//! Each returns for all input, and panics where a promise about it is broken. Never decides anything.

use crate::accounts;
use crate::names;
use crate::session;
use crate::store::backup;
use crate::store::keys::SigningKey;
use crate::token::{self, AccessSigner, CallSigner, RefreshMinter};
use crate::transport::TrustedProxies;
use castle::limits::{NAME_CHARS_MAX, NAME_CHARS_MIN};
use std::net::{IpAddr, Ipv4Addr};
use std::time::SystemTime;
use tonic::codegen::http::{HeaderMap, HeaderValue};

/// A kind of input, as its folder in the corpus is called, and the function that understands it.
pub type Entry = (&'static str, fn(&[u8]));

/// All of them.
pub const ENTRIES: [Entry; 6] = [
    ("frames", frame),
    ("tokens", token),
    ("names", name),
    ("invitations", invitation),
    ("forwarded", forwarded),
    ("backups", backup),
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
    let proxies = TrustedProxies(vec![proxy.into()]);
    for name in ["forwarded", "x-forwarded-for"] {
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

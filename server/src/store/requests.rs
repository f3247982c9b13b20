//! Requests that are done once, however often they are sent.
//!
//! A write takes an [`Once`]; the store keeps its answer in the very transaction of the write and answers a repeat
//! from there. Owns what names a request; the keeping is `sled/requests.rs`.

use castle::ids::GuestId;
use sha2::{Digest as _, Sha256};
use std::time::{Duration, SystemTime};

/// For how long a repeat is answered alike.
pub const REQUEST_KEPT: Duration = Duration::from_mins(10);
/// Requests of one caller that are kept at once: more than one a second, for all of [`REQUEST_KEPT`].
pub const REQUESTS_PER_CALLER_MAX: u32 = 1000;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// A guest, by access token.
    Guest(GuestId),
    /// The owner of the machine, on the admin socket or at the command line.
    Host,
}

/// Names one request of one caller, so that a write is done once: a repeat within [`REQUEST_KEPT`] gets the answer
/// of the first time. Refusals are not kept.
///
/// Errors of every write that takes one: `RequestIdReused` where the id came with another payload, `Limit` where
/// the caller has [`REQUESTS_PER_CALLER_MAX`] kept.
#[derive(Debug, Clone)]
pub struct Once {
    /// When the request came.
    pub now: SystemTime,
    pub(super) caller: Caller,
    /// Nothing: a request without an id, which may happen again.
    pub(super) named: Option<Named>,
}

/// Method and id, hashed; and the payload's hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) key: [u8; 32],
    pub(super) payload: [u8; 32],
}

impl Once {
    /// `method` is the name of the RPC; `payload` the request, encoded. Leave secrets such as passwords out of
    /// `payload`: its hash is kept, and a password could be guessed from it. An empty `request_id` names nothing.
    pub fn new(now: SystemTime, caller: Caller, method: &str, request_id: &str, payload: &[u8]) -> Self {
        let named = (!request_id.is_empty()).then(|| Named {
            key: Sha256::new()
                .chain_update(method)
                .chain_update([0])
                .chain_update(request_id)
                .finalize()
                .into(),
            payload: Sha256::digest(payload).into(),
        });
        Self { now, caller, named }
    }

    /// A request without an id.
    pub fn unnamed(now: SystemTime, caller: Caller) -> Self {
        Self { now, caller, named: None }
    }
}

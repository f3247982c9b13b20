//! Call records: who called whom, when, how long, and how it ended.
//!
//! Each guest has their own, and may erase them; the other end keeps theirs. A record names the other end by id
//! alone: who deleted their account has no name in anybody's history. Owns how many are kept and for how long.

use super::{Account, Once};
use crate::calls::{EndReason, Route};
use crate::error::Error;
use async_trait::async_trait;
use castle::ids::{CallId, GuestId};
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime};

/// For how long a record is kept: half a year, as telephones do.
pub const CALLS_KEPT: Duration = Duration::from_hours(180 * 24);
/// How many are kept for each guest.
pub const CALLS_PER_GUEST_MAX: u32 = 1_000;
/// Missed calls of one caller within [`MISSED_WINDOW`], rung or not: as many as may ring in vain.
pub const MISSED_MAX: usize = 3;
/// See [`MISSED_MAX`].
pub const MISSED_WINDOW: Duration = Duration::from_mins(10);

/// How a guest came into a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// They called.
    Placed,
    /// They were called.
    Received,
    /// The matchmaker paired them.
    Matched,
}

/// A call as one of its two guests keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRecord {
    /// Which.
    pub call: CallId,
    /// The other end.
    pub peer: GuestId,
    /// How the guest came into it.
    pub part: Part,
    /// When it was placed or matched.
    pub created_at: SystemTime,
    /// When media flowed at both ends.
    pub connected_at: Option<SystemTime>,
    /// When it ended.
    pub ended_at: SystemTime,
    /// Why.
    pub reason: EndReason,
    /// By which route the guest's own media went.
    pub route: Route,
    /// They missed it.
    pub missed: bool,
}

/// Places a record in its guest's history: later ones are newer, after `CallKey::default()` come all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallKey {
    /// Milliseconds since 1970, counted down from the end of time.
    pub before: u64,
    /// The call's bits.
    pub call: u128,
}

/// A record and what it is found by, with the other end's account where it is still there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptCall {
    /// Its place.
    pub key: CallKey,
    /// The record.
    pub record: CallRecord,
    /// The other end.
    pub peer: Option<Account>,
}

/// Call history, as whole domain operations.
#[async_trait]
pub trait HistoryStore: Send + Sync {
    /// Keeps a call in the history of `guest`, unless it is there or the account is gone. A missed one is not kept as
    /// missed where the guest has enough of this caller.
    async fn keep_call(&self, guest: GuestId, record: CallRecord) -> Result<(), Error>;

    /// Keeps a missed call, unless the callee has enough of this caller.
    async fn keep_missed(&self, callee: GuestId, record: CallRecord) -> Result<(), Error>;

    /// The history of `guest`, newest first: what follows `after`, at most `limit`.
    async fn list_calls(
        &self,
        guest: GuestId,
        missed_only: bool,
        after: CallKey,
        limit: usize,
        now: SystemTime,
    ) -> Result<Vec<KeptCall>, Error>;

    /// Missed calls that ended after the time up to which they were seen, newest first, at most `limit`.
    async fn unseen_missed(
        &self,
        guest: GuestId,
        limit: usize,
        now: SystemTime,
    ) -> Result<Vec<KeptCall>, Error>;

    /// Missed calls that ended up to `until` have been seen. An earlier time changes nothing.
    async fn missed_seen(&self, guest: GuestId, until: SystemTime) -> Result<(), Error>;

    /// The account of `peer`, unless this call of `guest` with them is over, as far as the history tells.
    async fn call_goes_on(
        &self,
        guest: GuestId,
        peer: GuestId,
        call: CallId,
    ) -> Result<Option<Account>, Error>;

    /// Whether `guest` keeps this call, and had it with `peer`.
    async fn was_call_with(&self, guest: GuestId, peer: GuestId, call: CallId) -> Result<bool, Error>;

    /// Erases these calls from the history of `guest`, all of them where none is named. Returns how many there were.
    async fn erase_calls(&self, guest: GuestId, calls: Vec<CallId>, once: Once) -> Result<u32, Error>;
}

//! Answers of requests that are done once, kept in the transaction of their write.
//!
//! Owns how long they are kept and how many. Each write that keeps one sweeps some whose time is over, so that they
//! never pile up.

use super::accounts::guest_key;
use super::rows::{decode, encode, millis, span};
use super::tables::{Table, Tx, View};
use crate::error::Error;
use crate::store::requests::{Named, REQUEST_KEPT, REQUESTS_PER_CALLER_MAX};
use crate::store::{Caller, Once};
use castle::ids::GuestId;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// By caller and [`Named::key`].
const REQUESTS: Table<RequestRow> = Table::named("requests");
/// By when their time is over (8 bytes), and the key in [`REQUESTS`].
const ENDS: Table<()> = Table::named("request_ends");
/// How many are kept, by caller.
const COUNTS: Table<u32> = Table::named("request_counts");
/// Answers swept with each one that is kept: more than one, so that the sweep catches up.
const SWEPT_AT_ONCE: usize = 4;

#[derive(Serialize, Deserialize)]
struct RequestRow {
    payload: [u8; 32],
    ends_at: u64,
    answer: Vec<u8>,
}

fn caller_key(caller: Caller) -> Vec<u8> {
    match caller {
        Caller::Host => vec![0],
        Caller::Guest(guest) => [&[1][..], &guest_key(guest)].concat(),
    }
}

impl View<'_> {
    /// Whether this request was done before.
    ///
    /// Errors: `RequestIdReused`.
    pub(super) fn was_done(&self, once: &Once) -> Result<bool, Error> {
        let Some(Named { key, payload }) = once.named else { return Ok(false) };
        let key = [&caller_key(once.caller)[..], &key].concat();
        match self.get(&REQUESTS, key)?.filter(|row| row.ends_at > millis(once.now)) {
            Some(row) if row.payload == payload => Ok(true),
            Some(_) => Err(Error::RequestIdReused),
            None => Ok(false),
        }
    }
}

impl View<'_> {
    /// What this caller was answered under this id, whatever was asked for.
    pub(super) fn answer_under<T: DeserializeOwned>(&self, once: &Once) -> Result<Option<T>, Error> {
        let Some(Named { key, .. }) = once.named else { return Ok(None) };
        let row = self.get(&REQUESTS, [&caller_key(once.caller)[..], &key].concat())?;
        row.filter(|row| row.ends_at > millis(once.now)).map(|row| decode(&row.answer)).transpose()
    }
}

impl Tx<'_> {
    /// Does `work` unless this request was done before, and keeps or repeats its answer.
    ///
    /// Errors: those of `work`, `RequestIdReused`, `Limit`.
    pub(super) fn once<T: Serialize + DeserializeOwned>(
        &mut self,
        once: &Once,
        work: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let Some(Named { key, payload }) = once.named else { return work(self) };
        let caller = caller_key(once.caller);
        let key = [&caller[..], &key].concat();
        let now = millis(once.now);
        if let Some(row) = self.get(&REQUESTS, &key)?.filter(|row| row.ends_at > now) {
            return if row.payload == payload { decode(&row.answer) } else { Err(Error::RequestIdReused) };
        }
        let done = work(self)?;
        self.forget_request(&key)?;
        self.sweep_requests(now, SWEPT_AT_ONCE)?;
        let kept = self.get(&COUNTS, &caller)?.unwrap_or(0);
        if kept >= REQUESTS_PER_CALLER_MAX {
            return Err(Error::Limit { what: "request_ids", limit: REQUESTS_PER_CALLER_MAX.into() });
        }
        let ends_at = now.saturating_add(span(REQUEST_KEPT));
        self.put(&COUNTS, &caller, &(kept + 1));
        self.put(&ENDS, end_key(ends_at, &key), &());
        self.put(&REQUESTS, &key, &RequestRow { payload, ends_at, answer: encode(&done) });
        Ok(done)
    }

    /// Forgets what a guest has asked, when the guest is erased.
    pub(super) fn forget_requests_of(&mut self, guest: GuestId) -> Result<(), Error> {
        let caller = caller_key(Caller::Guest(guest));
        let keys: Result<Vec<_>, Error> = self.scan(&REQUESTS, &caller, None)?.collect();
        for (key, _) in keys? {
            self.forget_request(&key)?;
        }
        Ok(())
    }

    /// Forgets at most `limit` of those whose time is over.
    pub(super) fn sweep_requests(&mut self, now: u64, limit: usize) -> Result<(), Error> {
        let over = |key: &[u8]| key[..8] <= now.to_be_bytes()[..];
        let ends: Result<Vec<_>, Error> = self.scan(&ENDS, b"", None)?.take(limit).collect();
        for (end, ()) in ends?.into_iter().filter(|(end, ())| over(end)) {
            self.forget_request(&end[8..])?;
        }
        Ok(())
    }

    fn forget_request(&mut self, key: &[u8]) -> Result<(), Error> {
        let Some(row) = self.get(&REQUESTS, key)? else { return Ok(()) };
        let caller = &key[..key.len() - 32];
        let kept = self.get(&COUNTS, caller)?.unwrap_or(0);
        if kept > 1 {
            self.put(&COUNTS, caller, &(kept - 1));
        } else {
            self.remove(&COUNTS, caller);
        }
        self.remove(&ENDS, end_key(row.ends_at, key));
        self.remove(&REQUESTS, key);
        Ok(())
    }
}

fn end_key(ends_at: u64, key: &[u8]) -> Vec<u8> {
    [&ends_at.to_be_bytes()[..], key].concat()
}

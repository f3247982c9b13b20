//! Call records on disk.

use super::SledStore;
use super::accounts::{ACCOUNTS, guest_key};
use super::rows::{millis, span, time};
use super::tables::{Table, Tx, View};
use crate::calls::{EndReason, Route};
use crate::error::Error;
use crate::store::history::{
    CALLS_KEPT, CALLS_PER_GUEST_MAX, CallKey, CallRecord, HistoryStore, KeptCall, MISSED_MAX, MISSED_WINDOW,
    Part,
};
use crate::store::{Account, Once};
use crate::token::CALL_TTL;
use async_trait::async_trait;
use castle::ids::{CallId, GuestId};
use serde::{Deserialize, Serialize};
use std::time::SystemTime;

/// By guest and [`CallKey`]: newest first.
const CALLS: Table<CallRow> = Table::named("calls");
/// By guest and call: when it ended.
const ENDED: Table<u64> = Table::named("calls_ended");
/// By when it ended, guest and call: what is to be forgotten first.
const OLDEST: Table<()> = Table::named("calls_oldest");
/// By call alone: when it ended. Of calls that somebody erased, for as long as a token of theirs could be shown.
const OVER: Table<u64> = Table::named("calls_over");
/// By when it ended, and call: which of [`OVER`] is to be forgotten first.
const OVER_OLDEST: Table<()> = Table::named("calls_over_oldest");
/// By guest: how many there are.
const COUNTS: Table<u32> = Table::named("calls_count");
/// By guest: up to when missed calls were seen.
const SEEN: Table<u64> = Table::named("calls_seen");
/// One row, written in place of a missed call that is not kept.
const NOT_KEPT: Table<u64> = Table::named("calls_not_kept");
/// Records whose time is over that leave with each one that comes: more than one, so that they never pile up.
const SWEPT_AT_ONCE: usize = 4;

#[derive(Serialize, Deserialize)]
struct CallRow {
    call: u128,
    peer: u128,
    part: Part,
    created_at: u64,
    connected_at: Option<u64>,
    ended_at: u64,
    reason: EndReason,
    route: Route,
    missed: bool,
}

impl From<CallRecord> for CallRow {
    fn from(record: CallRecord) -> Self {
        Self {
            call: record.call.to_bits(),
            peer: record.peer.to_bits(),
            part: record.part,
            created_at: millis(record.created_at),
            connected_at: record.connected_at.map(millis),
            ended_at: millis(record.ended_at),
            reason: record.reason,
            route: record.route,
            missed: record.missed,
        }
    }
}

impl From<CallRow> for CallRecord {
    fn from(row: CallRow) -> Self {
        Self {
            call: CallId::from_bits(row.call),
            peer: GuestId::from_bits(row.peer),
            part: row.part,
            created_at: time(row.created_at),
            connected_at: row.connected_at.map(time),
            ended_at: time(row.ended_at),
            reason: row.reason,
            route: row.route,
            missed: row.missed,
        }
    }
}

fn newest_first(ended_at: u64, call: u128) -> CallKey {
    CallKey { before: u64::MAX - ended_at, call }
}

fn row_key(guest: GuestId, key: CallKey) -> Vec<u8> {
    [&guest_key(guest)[..], &key.before.to_be_bytes(), &key.call.to_be_bytes()].concat()
}

fn call_key(guest: GuestId, call: u128) -> Vec<u8> {
    [&guest_key(guest)[..], &call.to_be_bytes()].concat()
}

fn oldest_key(ended_at: u64, guest: GuestId, call: u128) -> Vec<u8> {
    [&ended_at.to_be_bytes()[..], &call_key(guest, call)].concat()
}

fn over_key(ended_at: u64, call: u128) -> Vec<u8> {
    [&ended_at.to_be_bytes()[..], &call.to_be_bytes()].concat()
}

fn bits(bytes: &[u8]) -> u128 {
    bytes.iter().fold(0, |bits: u128, &byte| bits << 8 | u128::from(byte))
}

impl View<'_> {
    /// The newest first, after `after`, without those whose time is over.
    fn calls(
        &self,
        guest: GuestId,
        after: CallKey,
        now: SystemTime,
    ) -> Result<impl Iterator<Item = Result<CallRow, Error>> + use<'_>, Error> {
        let after = (after != CallKey::default()).then(|| row_key(guest, after));
        let alive_after = millis(now).saturating_sub(span(CALLS_KEPT));
        let rows = self.scan(&CALLS, &guest_key(guest), after.as_deref())?;
        Ok(rows
            .map(|row| row.map(|(_, row)| row))
            .take_while(move |row| row.as_ref().map_or(true, |row| row.ended_at > alive_after)))
    }

    /// Whether one more of this caller's calls may be shown as missed: not where there are [`MISSED_MAX`] lately,
    /// whether they rang or not.
    fn may_be_missed(&self, callee: GuestId, record: &CallRecord) -> Result<bool, Error> {
        let since = millis(record.ended_at).saturating_sub(span(MISSED_WINDOW));
        let caller = record.peer.to_bits();
        let rows = self.calls(callee, CallKey::default(), record.ended_at)?;
        let recent = rows.take_while(|row| row.as_ref().map_or(true, |row| row.ended_at > since));
        let recent: Result<Vec<CallRow>, Error> = recent.collect();
        Ok(recent?.iter().filter(|row| row.missed && row.peer == caller).count() < MISSED_MAX)
    }

    fn kept(&self, row: CallRow) -> Result<KeptCall, Error> {
        let peer = self.account(GuestId::from_bits(row.peer))?;
        Ok(KeptCall { key: newest_first(row.ended_at, row.call), record: row.into(), peer })
    }

    fn kept_calls(
        &self,
        guest: GuestId,
        (after, now): (CallKey, SystemTime),
        limit: usize,
        (newer, wanted): (impl Fn(&CallRow) -> bool, impl Fn(&CallRow) -> bool),
    ) -> Result<Vec<KeptCall>, Error> {
        let rows = self.calls(guest, after, now)?.take_while(|row| row.as_ref().map_or(true, &newer));
        let rows = rows.filter(|row| row.as_ref().map_or(true, &wanted)).take(limit);
        rows.map(|row| row.and_then(|row| self.kept(row))).collect()
    }
}

impl Tx<'_> {
    fn keep_call(&mut self, guest: GuestId, mut record: CallRecord) -> Result<(), Error> {
        record.missed = record.missed && self.may_be_missed(guest, &record)?;
        let row = CallRow::from(record);
        if !self.has(&ACCOUNTS, guest_key(guest))? || self.has(&ENDED, call_key(guest, row.call))? {
            return Ok(());
        }
        let count = self.get(&COUNTS, guest_key(guest))?.unwrap_or(0) + 1;
        let now = row.ended_at;
        self.put(&COUNTS, guest_key(guest), &count);
        self.put(&ENDED, call_key(guest, row.call), &row.ended_at);
        self.put(&OLDEST, oldest_key(row.ended_at, guest, row.call), &());
        self.put(&CALLS, row_key(guest, newest_first(row.ended_at, row.call)), &row);
        for _ in CALLS_PER_GUEST_MAX..count {
            let Some(oldest) = self.last_key(&CALLS, &guest_key(guest))? else { break };
            self.erase_call(guest, bits(&oldest[24..]))?;
        }
        self.sweep_calls(now)?;
        self.sweep_over(now)
    }

    fn sweep_calls(&mut self, now: u64) -> Result<(), Error> {
        let over_until = now.saturating_sub(span(CALLS_KEPT));
        let oldest: Result<Vec<_>, Error> = self.scan(&OLDEST, b"", None)?.take(SWEPT_AT_ONCE).collect();
        for (key, ()) in oldest?.into_iter().filter(|(key, ())| bits(&key[..8]) <= over_until.into()) {
            self.forget_call(GuestId::from_bits(bits(&key[8..24])), bits(&key[24..]))?;
        }
        Ok(())
    }

    fn sweep_over(&mut self, now: u64) -> Result<(), Error> {
        let over_until = now.saturating_sub(span(CALL_TTL));
        let oldest: Result<Vec<_>, Error> = self.scan(&OVER_OLDEST, b"", None)?.take(SWEPT_AT_ONCE).collect();
        for (key, ()) in oldest?.into_iter().filter(|(key, ())| bits(&key[..8]) <= over_until.into()) {
            self.remove(&OVER, &key[8..]);
            self.remove(&OVER_OLDEST, key);
        }
        Ok(())
    }

    /// Forgets one call but that it is over: a token of it stays worthless. True if it was there.
    fn erase_call(&mut self, guest: GuestId, call: u128) -> Result<bool, Error> {
        if let Some(ended_at) = self.get(&ENDED, call_key(guest, call))?
            && !self.has(&OVER, call.to_be_bytes())?
        {
            self.put(&OVER, call.to_be_bytes(), &ended_at);
            self.put(&OVER_OLDEST, over_key(ended_at, call), &());
        }
        self.forget_call(guest, call)
    }

    fn keep_missed(&mut self, callee: Option<GuestId>, record: CallRecord) -> Result<(), Error> {
        let kept = match callee {
            Some(callee) => self.has(&ACCOUNTS, guest_key(callee))? && self.may_be_missed(callee, &record)?,
            None => false,
        };
        if let Some(callee) = callee.filter(|_| kept) {
            return self.keep_call(callee, record);
        }
        self.put(&NOT_KEPT, b"", &millis(record.ended_at));
        Ok(())
    }

    /// Forgets one call; true if it was there.
    fn forget_call(&mut self, guest: GuestId, call: u128) -> Result<bool, Error> {
        let Some(ended_at) = self.get(&ENDED, call_key(guest, call))? else { return Ok(false) };
        self.remove(&ENDED, call_key(guest, call));
        self.remove(&OLDEST, oldest_key(ended_at, guest, call));
        self.remove(&CALLS, row_key(guest, newest_first(ended_at, call)));
        match self.get(&COUNTS, guest_key(guest))?.unwrap_or(0) {
            0 | 1 => self.remove(&COUNTS, guest_key(guest)),
            count => self.put(&COUNTS, guest_key(guest), &(count - 1)),
        }
        Ok(true)
    }

    fn erase_calls(&mut self, guest: GuestId, calls: Vec<CallId>) -> Result<u32, Error> {
        let mut erased = 0;
        let mut calls: Vec<u128> = calls.into_iter().map(CallId::to_bits).collect();
        if calls.is_empty() {
            let rows: Result<Vec<_>, Error> = self.scan(&CALLS, &guest_key(guest), None)?.collect();
            calls = rows?.into_iter().map(|(_, row)| row.call).collect();
        }
        for call in calls {
            erased += u32::from(self.erase_call(guest, call)?);
        }
        Ok(erased)
    }

    /// Forgets the history of a guest, when the guest is erased.
    pub(super) fn forget_calls_of(&mut self, guest: GuestId) -> Result<(), Error> {
        self.erase_calls(guest, Vec::new())?;
        self.remove(&SEEN, guest_key(guest));
        Ok(())
    }
}

#[async_trait]
impl HistoryStore for SledStore {
    async fn keep_ended(&self, records: [(GuestId, CallRecord); 2]) -> Result<(), Error> {
        self.write(move |tx| records.into_iter().try_for_each(|(guest, record)| tx.keep_call(guest, record)))
            .await
    }

    async fn keep_missed(&self, callee: Option<GuestId>, record: CallRecord) -> Result<(), Error> {
        self.write(move |tx| tx.keep_missed(callee, record)).await
    }

    async fn list_calls(
        &self,
        guest: GuestId,
        missed_only: bool,
        after: CallKey,
        limit: usize,
        now: SystemTime,
    ) -> Result<Vec<KeptCall>, Error> {
        let wanted = move |row: &CallRow| row.missed || !missed_only;
        self.read(move |view| view.kept_calls(guest, (after, now), limit, (|_: &CallRow| true, wanted))).await
    }

    async fn unseen_missed(
        &self,
        guest: GuestId,
        limit: usize,
        now: SystemTime,
    ) -> Result<Vec<KeptCall>, Error> {
        self.read(move |view| {
            let seen = view.get(&SEEN, guest_key(guest))?.unwrap_or(0);
            let unseen = |row: &CallRow| row.ended_at > seen;
            view.kept_calls(guest, (CallKey::default(), now), limit, (unseen, |row: &CallRow| row.missed))
        })
        .await
    }

    async fn missed_seen(&self, guest: GuestId, until: SystemTime) -> Result<(), Error> {
        self.write(move |tx| {
            let seen = tx.get(&SEEN, guest_key(guest))?.unwrap_or(0);
            if tx.has(&ACCOUNTS, guest_key(guest))? && millis(until) > seen {
                tx.put(&SEEN, guest_key(guest), &millis(until));
            }
            Ok(())
        })
        .await
    }

    async fn call_goes_on(
        &self,
        guest: GuestId,
        peer: GuestId,
        call: CallId,
    ) -> Result<Option<Account>, Error> {
        self.read(move |view| {
            let call = call.to_bits();
            let over = view.has(&ENDED, call_key(guest, call))? || view.has(&OVER, call.to_be_bytes())?;
            if over { Ok(None) } else { view.account(peer) }
        })
        .await
    }

    async fn was_call_with(&self, guest: GuestId, peer: GuestId, call: CallId) -> Result<bool, Error> {
        self.read(move |view| {
            let call = call.to_bits();
            let Some(ended_at) = view.get(&ENDED, call_key(guest, call))? else { return Ok(false) };
            let row = view.get(&CALLS, row_key(guest, newest_first(ended_at, call)))?;
            Ok(row.is_some_and(|row| row.peer == peer.to_bits()))
        })
        .await
    }

    async fn erase_calls(&self, guest: GuestId, calls: Vec<CallId>, once: Once) -> Result<u32, Error> {
        self.write(move |tx| tx.once(&once, |tx| tx.erase_calls(guest, calls))).await
    }
}

#[cfg(test)]
mod tests;

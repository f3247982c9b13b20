//! The audit log on disk, and the acts it tells of. Blocks and reports are in `blocks.rs` and `reports.rs`.

use super::SledStore;
use super::rows::{millis, time};
use super::tables::{Table, Tx, View};
use crate::error::Error;
use crate::store::{
    Account, Act, AuditEntry, AuditKey, BlocksOf, ModerationStore, Once, Report, ReportRate, ReportView,
    Resolution,
};
use async_trait::async_trait;
use castle::ids::{GuestId, ReportId};
use serde::{Deserialize, Serialize};
use std::time::{SystemTime, UNIX_EPOCH};

/// By [`newest_first`].
const AUDIT: Table<AuditRow> = Table::named("audit");

#[derive(Serialize, Deserialize)]
struct AuditRow {
    at: u64,
    actor: String,
    action: String,
    target: String,
    detail: String,
}

/// The key under which what is later comes first: ids here grow with time.
pub(super) fn newest_first(id: u128) -> [u8; 16] {
    (!id).to_be_bytes()
}

/// An id that grows with time, and differs where the time does not.
fn place_at(at: SystemTime) -> u128 {
    let micros = at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    (micros << 64) | u128::from(rand::random::<u64>())
}

impl View<'_> {
    fn list_audit_entries(&self, before: Option<AuditKey>, limit: usize) -> Result<Vec<AuditEntry>, Error> {
        let after = before.map(|AuditKey(key)| newest_first(key));
        let rows = self.scan(&AUDIT, b"", after.as_ref().map(|key| &key[..]))?.take(limit);
        rows.map(|row| {
            let (key, AuditRow { at, actor, action, target, detail }) = row?;
            let key: [u8; 16] = key.try_into().expect("every key of this table has 16 bytes");
            let key = AuditKey(!u128::from_be_bytes(key));
            Ok(AuditEntry { key, at: time(at), actor, action, target, detail })
        })
        .collect()
    }
}

impl Tx<'_> {
    /// Does `work` and logs it, once.
    pub(super) fn act<T>(
        &mut self,
        act: &Act,
        work: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error>
    where
        T: Serialize + serde::de::DeserializeOwned,
    {
        self.once(&act.once, |tx| {
            let done = work(tx)?;
            let row = AuditRow {
                at: millis(act.once.now),
                actor: act.by.name().to_owned(),
                action: act.action.to_owned(),
                target: act.target.clone(),
                detail: act.detail.clone(),
            };
            tx.put(&AUDIT, newest_first(place_at(act.once.now)), &row);
            Ok(done)
        })
    }
}

#[async_trait]
impl ModerationStore for SledStore {
    async fn list_audit_entries(
        &self,
        before: Option<AuditKey>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, Error> {
        self.read(move |view| view.list_audit_entries(before, limit)).await
    }

    async fn block(&self, by: GuestId, whom: GuestId, limit: usize, once: Once) -> Result<(), Error> {
        self.write(move |tx| tx.once(&once, |tx| tx.block(by, whom, limit))).await
    }

    async fn unblock(&self, by: GuestId, whom: GuestId, once: Once) -> Result<(), Error> {
        self.write(move |tx| {
            tx.once(&once, |tx| {
                tx.unblock(by, whom);
                Ok(())
            })
        })
        .await
    }

    async fn blocked_accounts(&self, guest: GuestId) -> Result<Vec<Account>, Error> {
        self.read(move |view| view.blocked_accounts(guest)).await
    }

    async fn blocks_of(&self, guest: GuestId) -> Result<BlocksOf, Error> {
        self.read(move |view| view.blocks_of(guest)).await
    }

    async fn file_report(&self, report: Report, rate: ReportRate, once: Once) -> Result<ReportId, Error> {
        self.write(move |tx| tx.file_report(report, rate, &once)).await
    }

    async fn list_reports(
        &self,
        resolved_too: bool,
        before: Option<ReportId>,
        limit: usize,
    ) -> Result<Vec<ReportView>, Error> {
        self.read(move |view| view.list_reports(resolved_too, before, limit)).await
    }

    async fn resolve_report(&self, act: Act, report: ReportId, resolution: Resolution) -> Result<(), Error> {
        self.write(move |tx| tx.act(&act, |tx| tx.resolve_report(report, resolution))).await
    }

    async fn open_reports_about(&self, guest: GuestId) -> Result<u32, Error> {
        self.read(move |view| view.open_reports_about(guest)).await
    }
}

//! Reports on disk: all of them, those that are open, and those of each reporter, newest first.

use super::accounts::{ACCOUNTS, guest_key};
use super::moderation::{SWEPT_AT_ONCE, newest_first};
use super::rows::{millis, span, time};
use super::tables::{Table, Tx, View};
use crate::error::Error;
use crate::store::{Once, RECORDS_KEPT, Report, ReportRate, ReportReason, ReportView, Resolution};
use castle::ids::{CallId, GuestId, ReportId};
use serde::{Deserialize, Serialize};
use std::time::SystemTime;

/// By [`report_key`].
const REPORTS: Table<ReportRow> = Table::named("reports");
/// Those that are open, by [`report_key`]: about whom.
const OPEN: Table<u128> = Table::named("open_reports");
/// By reporter and [`report_key`]: when, milliseconds since 1970.
const BY_REPORTER: Table<u64> = Table::named("reports_by");

fn report_key(id: ReportId) -> [u8; 16] {
    newest_first(id.to_bits())
}

fn id_of(key: &[u8]) -> ReportId {
    let key = key.try_into().expect("every key of this table has 16 bytes");
    ReportId::from_bits(!u128::from_be_bytes(key))
}

#[derive(Serialize, Deserialize)]
struct ReportRow {
    reporter: u128,
    reported: u128,
    call: Option<u128>,
    reason: ReportReason,
    text: String,
    created_at: u64,
    resolved_at: Option<u64>,
    resolution: String,
}

impl ReportRow {
    fn with_id(self, id: ReportId) -> Report {
        let Self { reporter, reported, call, reason, text, created_at, resolved_at, resolution } = self;
        Report {
            id,
            reporter: GuestId::from_bits(reporter),
            reported: GuestId::from_bits(reported),
            call: call.map(CallId::from_bits),
            reason,
            text,
            created_at: time(created_at),
            resolved: resolved_at.map(|at| Resolution { at: time(at), note: resolution }),
        }
    }
}

impl View<'_> {
    pub(super) fn list_reports(
        &self,
        resolved_too: bool,
        before: Option<ReportId>,
        limit: usize,
    ) -> Result<Vec<ReportView>, Error> {
        let after = before.map(report_key);
        let after = after.as_ref().map(|key| &key[..]);
        let keys: Result<Vec<_>, Error> = if resolved_too {
            self.scan(&REPORTS, b"", after)?.take(limit).map(|row| Ok(row?.0)).collect()
        } else {
            self.scan(&OPEN, b"", after)?.take(limit).map(|row| Ok(row?.0)).collect()
        };
        let mut views = Vec::new();
        for key in keys? {
            // One that was filed, or whose time ran out, while this reads.
            let Some(row) = self.get(&REPORTS, &key)? else { continue };
            let report = row.with_id(id_of(&key));
            views.push(ReportView {
                reporter: self.account(report.reporter)?,
                reported: self.account(report.reported)?,
                report,
            });
        }
        Ok(views)
    }

    pub(super) fn reports_by(
        &self,
        guest: GuestId,
        before: Option<ReportId>,
        limit: usize,
    ) -> Result<Vec<Report>, Error> {
        let after = before.map(|before| [guest_key(guest), report_key(before)].concat());
        let mut reports = Vec::new();
        for row in self.scan(&BY_REPORTER, &guest_key(guest), after.as_deref())?.take(limit) {
            let key = &row?.0[16..];
            reports.extend(self.get(&REPORTS, key)?.map(|row| row.with_id(id_of(key))));
        }
        Ok(reports)
    }

    pub(super) fn open_reports_about(&self, guest: GuestId) -> Result<u32, Error> {
        let mut count = 0;
        for row in self.scan(&OPEN, b"", None)? {
            count += u32::from(row?.1 == guest.to_bits());
        }
        Ok(count)
    }

    /// Errors: `RateLimited`.
    fn may_report(&self, reporter: GuestId, now: SystemTime, rate: ReportRate) -> Result<(), Error> {
        let Some(last) = rate.reports.checked_sub(1) else { return Ok(()) };
        let Some(row) = self.scan(&BY_REPORTER, &guest_key(reporter), None)?.nth(last) else { return Ok(()) };
        let free_at = time(row?.1) + rate.within;
        match free_at.duration_since(now) {
            Ok(retry_after) if !retry_after.is_zero() => Err(Error::RateLimited {
                what: "reports",
                limit: rate.reports as u64,
                refill: None,
                retry_after,
            }),
            _ => Ok(()),
        }
    }
}

impl Tx<'_> {
    pub(super) fn file_report(
        &mut self,
        report: Report,
        rate: ReportRate,
        once: &Once,
    ) -> Result<ReportId, Error> {
        let kept = self.once(once, |tx| {
            if !tx.has(&ACCOUNTS, guest_key(report.reported))? {
                return Err(Error::GuestUnknown);
            }
            tx.may_report(report.reporter, report.created_at, rate)?;
            let key = report_key(report.id);
            let row = ReportRow {
                reporter: report.reporter.to_bits(),
                reported: report.reported.to_bits(),
                call: report.call.map(CallId::to_bits),
                reason: report.reason,
                text: report.text,
                created_at: millis(report.created_at),
                resolved_at: None,
                resolution: String::new(),
            };
            tx.put(&OPEN, key, &row.reported);
            tx.put(&BY_REPORTER, [guest_key(report.reporter), key].concat(), &row.created_at);
            tx.put(&REPORTS, key, &row);
            tx.sweep_reports(report.created_at)?;
            Ok(report.id.to_bits())
        })?;
        Ok(ReportId::from_bits(kept))
    }

    /// Forgets which reports a guest filed, when the guest is erased. The reports are the host's.
    pub(super) fn forget_reports_by(&mut self, guest: GuestId) -> Result<(), Error> {
        let rows: Result<Vec<_>, Error> = self.scan(&BY_REPORTER, &guest_key(guest), None)?.collect();
        for (key, _) in rows? {
            self.remove(&BY_REPORTER, key);
        }
        Ok(())
    }

    fn sweep_reports(&mut self, now: SystemTime) -> Result<(), Error> {
        for _ in 0..SWEPT_AT_ONCE {
            let Some(oldest) = self.last_key(&REPORTS, b"")? else { break };
            let Some(row) = self.get(&REPORTS, &oldest)? else { break };
            if row.created_at.saturating_add(span(RECORDS_KEPT)) > millis(now) {
                break;
            }
            self.remove(&BY_REPORTER, [&guest_key(GuestId::from_bits(row.reporter))[..], &oldest].concat());
            self.remove(&OPEN, &oldest);
            self.remove(&REPORTS, oldest);
        }
        Ok(())
    }

    pub(super) fn resolve_report(&mut self, id: ReportId, resolution: Resolution) -> Result<(), Error> {
        let key = report_key(id);
        let mut row = self.get(&REPORTS, key)?.ok_or(Error::ReportUnknown)?;
        row.resolved_at = Some(millis(resolution.at));
        row.resolution = resolution.note;
        self.remove(&OPEN, key);
        self.put(&REPORTS, key, &row);
        Ok(())
    }
}

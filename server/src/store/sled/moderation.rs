//! Bans, roles and the audit log on disk. Blocks and reports are in `blocks.rs` and `reports.rs`.

use super::accounts::{ACCOUNTS, BanRow, guest_key};
use super::rows::{millis, span, time};
use super::tables::{Table, Tx, View};
use super::{SledStore, actors};
use crate::error::Error;
use crate::store::{
    Account, Act, AuditEntry, AuditKey, Ban, BlocksOf, Invitation, LoginsEnded, ModerationStore, NewCode,
    Once, RECORDS_KEPT, Report, ReportRate, ReportView, Resolution, Role,
};
use async_trait::async_trait;
use castle::ids::{GuestId, InvitationId, LoginId, ReportId};
use serde::{Deserialize, Serialize};
use std::time::{SystemTime, UNIX_EPOCH};

/// By [`newest_first`].
const AUDIT: Table<AuditRow> = Table::named("audit");

/// Records whose time is over that leave with each one that comes: more than one, so that they never pile up.
pub(super) const SWEPT_AT_ONCE: usize = 4;

#[derive(Serialize, Deserialize)]
struct AuditRow {
    at: u64,
    /// See `actors`.
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
            let actor = self.shown(actor)?;
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
            tx.log(act)?;
            Ok(done)
        })
    }

    /// Logs what was done in this step.
    pub(super) fn log(&mut self, act: &Act) -> Result<(), Error> {
        let row = AuditRow {
            at: millis(act.once.now),
            actor: actors::kept(&act.by),
            action: act.action.to_owned(),
            target: act.target.clone(),
            detail: act.detail.clone(),
        };
        self.put(&AUDIT, newest_first(place_at(act.once.now)), &row);
        self.sweep_audit(act.once.now)
    }

    /// In place of the names of who acted.
    pub(super) fn audit_by_id(&mut self) -> Result<(), Error> {
        let rows: Result<Vec<_>, Error> = self.scan(&AUDIT, b"", None)?.collect();
        for (key, row) in rows? {
            let actor = self.kept_of(&row.actor, row.at)?;
            self.put(&AUDIT, key, &AuditRow { actor, ..row });
        }
        Ok(())
    }

    fn sweep_audit(&mut self, now: SystemTime) -> Result<(), Error> {
        for _ in 0..SWEPT_AT_ONCE {
            let Some(oldest) = self.last_key(&AUDIT, b"")? else { break };
            let kept = |row: &AuditRow| row.at.saturating_add(span(RECORDS_KEPT)) > millis(now);
            if self.get(&AUDIT, &oldest)?.as_ref().is_some_and(kept) {
                break;
            }
            self.remove(&AUDIT, oldest);
        }
        Ok(())
    }

    /// An act that ends logins, and what else it answers.
    fn ending<T>(
        &mut self,
        act: &Act,
        work: impl FnOnce(&mut Self) -> Result<(T, Vec<LoginId>), Error>,
    ) -> Result<(T, LoginsEnded), Error>
    where
        T: Serialize + serde::de::DeserializeOwned,
    {
        let mut now = false;
        let (answer, logins): (T, Vec<u128>) = self.act(act, |tx| {
            now = true;
            let (answer, logins) = work(tx)?;
            Ok((answer, logins.into_iter().map(LoginId::to_bits).collect()))
        })?;
        Ok((answer, LoginsEnded { now, logins: logins.into_iter().map(LoginId::from_bits).collect() }))
    }

    fn ban(&mut self, guest: GuestId, ban: Ban) -> Result<Vec<LoginId>, Error> {
        let mut account = self.account_row(guest)?;
        if self.is_last_admin(&account)? {
            return Err(Error::LastAdmin);
        }
        account.ban = Some(BanRow { at: millis(ban.at), reason: ban.reason });
        self.put_account(&account);
        self.end_logins_of(guest, None)
    }

    fn unban(&mut self, guest: GuestId) -> Result<(), Error> {
        let mut account = self.account_row(guest)?;
        account.ban = None;
        self.put_account(&account);
        Ok(())
    }

    fn set_role(&mut self, guest: GuestId, role: Role) -> Result<(), Error> {
        let mut account = self.account_row(guest)?;
        if role == Role::Guest && self.is_last_admin(&account)? {
            return Err(Error::LastAdmin);
        }
        account.admin = role == Role::Admin;
        self.put_account(&account);
        Ok(())
    }
}

#[async_trait]
impl ModerationStore for SledStore {
    async fn create_invitation(&self, act: Act, invitation: Invitation) -> Result<Invitation, Error> {
        self.write(move |tx| tx.create_invitation(&act, &invitation)).await
    }

    async fn revoke_invitation(&self, act: Act, invitation: InvitationId) -> Result<(), Error> {
        self.write(move |tx| tx.act(&act, |tx| tx.revoke_invitation(invitation, act.once.now))).await
    }

    async fn ban(&self, act: Act, guest: GuestId, ban: Ban) -> Result<LoginsEnded, Error> {
        self.write(move |tx| tx.ending(&act, |tx| Ok(((), tx.ban(guest, ban)?))).map(|((), ended)| ended))
            .await
    }

    async fn unban(&self, act: Act, guest: GuestId) -> Result<(), Error> {
        self.write(move |tx| tx.act(&act, |tx| tx.unban(guest))).await
    }

    async fn disconnect(&self, act: Act, guest: GuestId, ended: u32) -> Result<(u32, LoginsEnded), Error> {
        self.write(move |tx| {
            tx.ending(&act, |tx| {
                if !tx.has(&ACCOUNTS, guest_key(guest))? {
                    return Err(Error::GuestUnknown);
                }
                Ok((ended, tx.end_logins_of(guest, None)?))
            })
        })
        .await
    }

    async fn delete_guest(&self, act: Act, guest: GuestId) -> Result<(), Error> {
        self.write(move |tx| tx.act(&act, |tx| tx.delete_account(guest))).await
    }

    async fn let_reset_password(
        &self,
        act: Act,
        guest: GuestId,
        code: NewCode,
    ) -> Result<(u128, SystemTime), Error> {
        let keep = move |tx: &mut Tx<'_>| {
            tx.act(&act, |tx| {
                tx.keep_reset_code(guest, code.code_hash, code.expires_at)?;
                Ok((code.seed, millis(code.expires_at)))
            })
        };
        self.write(keep).await.map(|(seed, expires_at)| (seed, time(expires_at)))
    }

    async fn set_role(&self, act: Act, guest: GuestId, role: Role) -> Result<(), Error> {
        self.write(move |tx| tx.act(&act, |tx| tx.set_role(guest, role))).await
    }

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

    async fn reports_by(
        &self,
        guest: GuestId,
        before: Option<ReportId>,
        limit: usize,
    ) -> Result<Vec<Report>, Error> {
        self.read(move |view| view.reports_by(guest, before, limit)).await
    }

    async fn resolve_report(&self, act: Act, report: ReportId, resolution: Resolution) -> Result<(), Error> {
        self.write(move |tx| tx.act(&act, |tx| tx.resolve_report(report, resolution))).await
    }

    async fn open_reports_about(&self, guest: GuestId) -> Result<u32, Error> {
        self.read(move |view| view.open_reports_about(guest)).await
    }
}

//! Accounts on disk, and who has which name.

use super::SledStore;
use super::invitations::INVITATIONS;
use super::rows::{millis, role, time};
use super::tables::{Table, Tx, View};
use crate::error::Error;
use crate::names::fold;
use crate::store::{Account, AccountStore, Ban, NewPassword, Once, Registration, Reset, Role, WasReset};
use async_trait::async_trait;
use castle::ids::{GuestId, LoginId};
use serde::{Deserialize, Serialize};
use std::time::SystemTime;

/// By [`guest_key`].
pub(super) const ACCOUNTS: Table<AccountRow> = Table::named("accounts");
/// By folded name: the bits of the account's id.
pub(super) const NAMES: Table<u128> = Table::named("names");

pub(super) fn guest_key(id: GuestId) -> [u8; 16] {
    id.to_bits().to_be_bytes()
}

#[derive(Serialize, Deserialize)]
pub(super) struct AccountRow {
    pub(super) id: u128,
    pub(super) name: String,
    pub(super) display_name: String,
    pub(super) admin: bool,
    pub(super) password_hash: String,
    pub(super) created_at: u64,
    pub(super) last_login_at: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ban: Option<BanRow>,
    /// A code of the host that sets a new password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reset: Option<ResetRow>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct BanRow {
    pub(super) at: u64,
    pub(super) reason: String,
}

#[derive(Serialize, Deserialize)]
pub(super) struct ResetRow {
    code_hash: [u8; 32],
    expires_at: u64,
}

/// The answer that is kept of a password that was set with a code.
#[derive(Serialize, Deserialize)]
struct ResetAnswer {
    code_hash: [u8; 32],
    login: u128,
    ended: Vec<u128>,
}

impl From<Account> for AccountRow {
    fn from(account: Account) -> Self {
        Self {
            id: account.id.to_bits(),
            name: account.name,
            display_name: account.display_name,
            admin: account.role == Role::Admin,
            password_hash: account.password_hash,
            created_at: millis(account.created_at),
            last_login_at: account.last_login_at.map(millis),
            ban: account.ban.map(|ban| BanRow { at: millis(ban.at), reason: ban.reason }),
            reset: None,
        }
    }
}

impl From<AccountRow> for Account {
    fn from(row: AccountRow) -> Self {
        Self {
            id: GuestId::from_bits(row.id),
            name: row.name,
            display_name: row.display_name,
            role: role(row.admin),
            password_hash: row.password_hash,
            created_at: time(row.created_at),
            last_login_at: row.last_login_at.map(time),
            ban: row.ban.map(|ban| Ban { at: time(ban.at), reason: ban.reason }),
        }
    }
}

impl View<'_> {
    pub(super) fn account(&self, id: GuestId) -> Result<Option<Account>, Error> {
        Ok(self.get(&ACCOUNTS, guest_key(id))?.map(Account::from))
    }

    fn account_by_name(&self, name: &str) -> Result<Option<Account>, Error> {
        let id = self.get(&NAMES, fold(name))?;
        id.map_or(Ok(None), |id| self.account(GuestId::from_bits(id)))
    }

    fn list_accounts(&self, after: Option<&str>, limit: usize) -> Result<Vec<Account>, Error> {
        let after = after.map(fold);
        let names = self.scan(&NAMES, b"", after.as_ref().map(String::as_bytes))?.take(limit);
        names
            .filter_map(|row| row.and_then(|(_, id)| self.account(GuestId::from_bits(id))).transpose())
            .collect()
    }

    /// Whether nobody but this admin could do what admins do. Looks at every account in the worst case, which is
    /// rare: admins are few, and rarely leave.
    pub(super) fn is_last_admin(&self, admin: &AccountRow) -> Result<bool, Error> {
        if !admin.admin || admin.ban.is_some() {
            return Ok(false);
        }
        for row in self.scan(&ACCOUNTS, b"", None)? {
            let (_, other) = row?;
            if other.id != admin.id && other.admin && other.ban.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Tx<'_> {
    /// The row of an account that must be there.
    ///
    /// Errors: `GuestUnknown`.
    pub(super) fn account_row(&self, guest: GuestId) -> Result<AccountRow, Error> {
        self.get(&ACCOUNTS, guest_key(guest))?.ok_or(Error::GuestUnknown)
    }

    pub(super) fn put_account(&mut self, row: &AccountRow) {
        self.put(&ACCOUNTS, row.id.to_be_bytes(), row);
    }

    fn register(&mut self, new: Registration) -> Result<Account, Error> {
        let mut role = Role::Guest;
        if let Some(code_hash) = new.code_hash {
            let mut invitation = self.get(&INVITATIONS, code_hash)?.ok_or(Error::InvitationUnknown)?;
            invitation.usable(new.now)?;
            invitation.used += 1;
            role = invitation.role();
            self.put(&INVITATIONS, code_hash, &invitation);
        }
        let name = fold(&new.name);
        if self.has(&NAMES, &name)? {
            return Err(Error::NameTaken);
        }
        let account = Account {
            id: new.id,
            name: new.name,
            display_name: new.display_name,
            role,
            password_hash: new.password_hash,
            created_at: new.now,
            last_login_at: Some(new.now),
            ban: None,
        };
        self.put(&NAMES, name, &account.id.to_bits());
        self.put_account(&AccountRow::from(account.clone()));
        self.keep_login(new.login)?;
        Ok(account)
    }

    fn set_password(&mut self, new: NewPassword) -> Result<Vec<LoginId>, Error> {
        let mut account = self.account_row(new.guest)?;
        if account.password_hash != new.verified {
            return Err(Error::BadCredentials);
        }
        account.password_hash = new.password_hash;
        account.reset = None;
        self.put_account(&account);
        self.end_logins_of(new.guest, Some(new.keep))
    }

    fn reset_password(&mut self, reset: Reset, once: &Once) -> Result<WasReset, Error> {
        let guest = reset.login.guest;
        let shown = self.is_code(&reset, once)?;
        let answer = match self.once(once, |tx| tx.spend_code(reset)) {
            // Whose code is not good and never was learns nothing of what others ask for.
            Err(Error::RequestIdReused) if !shown => return Err(Error::BadCredentials),
            answer => answer?,
        };
        // Of a repeat either may be over by now.
        let account = self.account(guest)?.ok_or(Error::BadCredentials)?;
        if account.ban.is_some() {
            return Err(Error::Banned);
        }
        let login = self.login(LoginId::from_bits(answer.login))?.ok_or(Error::LoginEnded)?;
        Ok(WasReset { account, login, ended: answer.ended.into_iter().map(LoginId::from_bits).collect() })
    }

    /// Whether the code that is shown is good, or was until the request that `once` names spent it.
    fn is_code(&self, reset: &Reset, once: &Once) -> Result<bool, Error> {
        let row = self.get(&ACCOUNTS, guest_key(reset.login.guest))?;
        let good = row.and_then(|row| row.reset).filter(|code| code.expires_at > millis(reset.now));
        let spent = self.answer_under::<ResetAnswer>(once)?.map(|answer| answer.code_hash);
        Ok([good.map(|code| code.code_hash), spent].contains(&Some(reset.code_hash)))
    }

    fn spend_code(&mut self, reset: Reset) -> Result<ResetAnswer, Error> {
        let guest = reset.login.guest;
        let mut account = self.get(&ACCOUNTS, guest_key(guest))?.ok_or(Error::BadCredentials)?;
        let code = account.reset.take().filter(|code| code.expires_at > millis(reset.now));
        if code.is_none_or(|code| code.code_hash != reset.code_hash) {
            return Err(Error::BadCredentials);
        }
        if account.ban.is_some() {
            return Err(Error::Banned);
        }
        account.password_hash = reset.password_hash;
        account.last_login_at = Some(millis(reset.now));
        self.put_account(&account);
        let ended = self.end_logins_of(guest, None)?;
        let (code_hash, login) = (reset.code_hash, reset.login.id.to_bits());
        self.keep_login(reset.login)?;
        Ok(ResetAnswer { code_hash, login, ended: ended.into_iter().map(LoginId::to_bits).collect() })
    }

    /// Lets the guest set a password with this code.
    ///
    /// Errors: `GuestUnknown`.
    pub(super) fn keep_reset_code(
        &mut self,
        guest: GuestId,
        code_hash: [u8; 32],
        expires_at: SystemTime,
    ) -> Result<(), Error> {
        let account = self.account_row(guest)?;
        let reset = Some(ResetRow { code_hash, expires_at: millis(expires_at) });
        self.put_account(&AccountRow { reset, ..account });
        Ok(())
    }

    /// Erases an account with all that is its own.
    ///
    /// Errors: `GuestUnknown`, `LastAdmin`.
    pub(super) fn delete_account(&mut self, guest: GuestId) -> Result<(), Error> {
        let account = self.account_row(guest)?;
        if self.is_last_admin(&account)? {
            return Err(Error::LastAdmin);
        }
        self.remove(&NAMES, fold(&account.name));
        self.remove(&ACCOUNTS, guest_key(guest));
        self.end_logins_of(guest, None)?;
        self.forget_blocks_of(guest)?;
        self.forget_calls_of(guest)?;
        self.forget_reports_by(guest)?;
        self.forget_requests_of(guest)
    }
}

#[async_trait]
impl AccountStore for SledStore {
    async fn register(&self, registration: Registration) -> Result<Account, Error> {
        self.write(move |tx| tx.register(registration)).await
    }

    async fn account_by_name(&self, name: &str) -> Result<Option<Account>, Error> {
        let name = name.to_owned();
        self.read(move |view| view.account_by_name(&name)).await
    }

    async fn account(&self, guest: GuestId) -> Result<Option<Account>, Error> {
        self.read(move |view| view.account(guest)).await
    }

    async fn set_password(&self, new: NewPassword, once: Once) -> Result<Vec<LoginId>, Error> {
        let ended: Vec<u128> = self
            .write(move |tx| {
                tx.once(&once, |tx| {
                    let ended = tx.set_password(new)?;
                    Ok(ended.into_iter().map(LoginId::to_bits).collect())
                })
            })
            .await?;
        Ok(ended.into_iter().map(LoginId::from_bits).collect())
    }

    async fn set_display_name(&self, guest: GuestId, display_name: String, once: Once) -> Result<(), Error> {
        self.write(move |tx| {
            tx.once(&once, |tx| {
                let account = tx.account_row(guest)?;
                tx.put_account(&AccountRow { display_name, ..account });
                Ok(())
            })
        })
        .await
    }

    async fn reset_password(&self, reset: Reset, once: Once) -> Result<WasReset, Error> {
        self.write(move |tx| tx.reset_password(reset, &once)).await
    }

    async fn delete_account(&self, guest: GuestId) -> Result<(), Error> {
        self.write(move |tx| tx.delete_account(guest)).await
    }

    async fn was_done(&self, once: Once) -> Result<bool, Error> {
        self.read(move |view| view.was_done(&once)).await
    }

    async fn list_accounts(&self, after: Option<String>, limit: usize) -> Result<Vec<Account>, Error> {
        self.read(move |view| view.list_accounts(after.as_deref(), limit)).await
    }

    async fn has_accounts(&self) -> Result<bool, Error> {
        self.read(|view| Ok(view.scan(&NAMES, b"", None)?.next().transpose()?.is_some())).await
    }
}

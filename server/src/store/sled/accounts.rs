//! Accounts on disk, and who has which name.

use super::SledStore;
use super::invitations::INVITATIONS;
use super::logins::{LOGINS, LoginRow, login_key};
use super::rows::{millis, role, time};
use super::tables::{Table, Tx, View};
use crate::error::Error;
use crate::store::{Account, AccountStore, Registration, Role};
use async_trait::async_trait;
use castle::ids::GuestId;
use serde::{Deserialize, Serialize};

/// By [`guest_key`].
pub(super) const ACCOUNTS: Table<AccountRow> = Table::named("accounts");
/// By normalized name: the bits of the account's id.
pub(super) const NAMES: Table<u128> = Table::named("names");

pub(super) fn guest_key(id: GuestId) -> [u8; 16] {
    id.to_bits().to_be_bytes()
}

#[derive(Serialize, Deserialize)]
pub(super) struct AccountRow {
    pub(super) id: u128,
    name: String,
    display_name: String,
    admin: bool,
    pub(super) password_hash: String,
    created_at: u64,
    pub(super) last_login_at: Option<u64>,
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
        }
    }
}

impl View<'_> {
    pub(super) fn account(&self, id: GuestId) -> Result<Option<Account>, Error> {
        Ok(self.get(&ACCOUNTS, guest_key(id))?.map(Account::from))
    }

    fn account_by_name(&self, name: &str) -> Result<Option<Account>, Error> {
        let id = self.get(&NAMES, name)?;
        id.map_or(Ok(None), |id| self.account(GuestId::from_bits(id)))
    }

    fn list_accounts(&self, after: Option<&str>, limit: usize) -> Result<Vec<Account>, Error> {
        let names = self.scan(&NAMES, b"", after.map(str::as_bytes))?.take(limit);
        names
            .filter_map(|row| row.and_then(|(_, id)| self.account(GuestId::from_bits(id))).transpose())
            .collect()
    }
}

impl Tx<'_> {
    fn register(&mut self, new: Registration) -> Result<Account, Error> {
        let mut invitation = self.get(&INVITATIONS, new.code_hash)?.ok_or(Error::InvitationUnknown)?;
        invitation.usable(new.now)?;
        if self.has(&NAMES, &new.name)? {
            return Err(Error::NameTaken);
        }
        invitation.used += 1;
        let account = Account {
            id: new.id,
            name: new.name,
            display_name: new.display_name,
            role: invitation.role(),
            password_hash: new.password_hash,
            created_at: new.now,
            last_login_at: Some(new.now),
        };
        self.put(&INVITATIONS, new.code_hash, &invitation);
        self.put(&NAMES, &account.name, &account.id.to_bits());
        self.put(&ACCOUNTS, guest_key(account.id), &AccountRow::from(account.clone()));
        self.put(&LOGINS, login_key(new.login.id), &LoginRow::from(new.login));
        Ok(account)
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

    async fn list_accounts(&self, after: Option<String>, limit: usize) -> Result<Vec<Account>, Error> {
        self.read(move |view| view.list_accounts(after.as_deref(), limit)).await
    }

    async fn has_accounts(&self) -> Result<bool, Error> {
        self.read(|view| Ok(view.scan(&NAMES, b"", None)?.next().transpose()?.is_some())).await
    }
}

//! Logins on disk.

use super::SledStore;
use super::accounts::{ACCOUNTS, guest_key};
use super::rows::{millis, span, time};
use super::tables::{Table, Tx, View};
use crate::error::Error;
use crate::store::{Account, Login, LoginStore, REPEAT_WINDOW, Rotated, Rotation};
use async_trait::async_trait;
use castle::ids::{GuestId, LoginId};
use serde::{Deserialize, Serialize};
use std::time::SystemTime;

/// By [`login_key`].
pub(super) const LOGINS: Table<LoginRow> = Table::named("logins");

pub(super) fn login_key(id: LoginId) -> [u8; 16] {
    id.to_bits().to_be_bytes()
}

#[derive(Serialize, Deserialize)]
pub(super) struct LoginRow {
    pub(super) guest: u128,
    device_name: String,
    created_at: u64,
    pub(super) refresh_hash: [u8; 32],
    pub(super) refresh_expires_at: u64,
    pub(super) previous_hash: Option<[u8; 32]>,
    pub(super) rotated_at: u64,
}

impl From<Login> for LoginRow {
    fn from(login: Login) -> Self {
        Self {
            guest: login.guest.to_bits(),
            device_name: login.device_name,
            created_at: millis(login.created_at),
            refresh_hash: login.refresh_hash,
            refresh_expires_at: millis(login.refresh_expires_at),
            previous_hash: None,
            rotated_at: millis(login.created_at),
        }
    }
}

impl View<'_> {
    fn live_login(&self, login: LoginId) -> Result<Option<Account>, Error> {
        let login = self.get(&LOGINS, login_key(login))?;
        login.map_or(Ok(None), |login| self.account(GuestId::from_bits(login.guest)))
    }
}

impl Tx<'_> {
    /// Forgets logins that nobody can refresh any more.
    pub(super) fn forget_expired_logins(&mut self, now: SystemTime) -> Result<(), Error> {
        let expired = |login: &LoginRow| login.refresh_expires_at <= millis(now);
        let rows: Result<Vec<_>, Error> = self.scan(&LOGINS, b"", None)?.collect();
        for (key, _) in rows?.into_iter().filter(|(_, login)| expired(login)) {
            self.remove(&LOGINS, key);
        }
        Ok(())
    }

    /// Forgets every login: nobody stays logged in.
    pub(super) fn end_all_logins(&mut self) -> Result<(), Error> {
        let rows: Result<Vec<_>, Error> = self.scan(&LOGINS, b"", None)?.collect();
        for (key, _) in rows? {
            self.remove(&LOGINS, key);
        }
        Ok(())
    }

    fn record_login(&mut self, login: Login, rehashed: Option<String>) -> Result<(), Error> {
        let guest = guest_key(login.guest);
        let mut account = self.get(&ACCOUNTS, guest)?.ok_or(Error::BadCredentials)?;
        account.last_login_at = Some(millis(login.created_at));
        if let Some(hash) = rehashed {
            account.password_hash = hash;
        }
        self.put(&ACCOUNTS, guest, &account);
        self.put(&LOGINS, login_key(login.id), &LoginRow::from(login));
        Ok(())
    }

    fn rotate_refresh(&mut self, rotation: &Rotation) -> Result<Rotated, Error> {
        let key = login_key(rotation.login);
        let now = millis(rotation.now);
        let Some(mut login) = self.get(&LOGINS, key)? else { return Ok(Rotated::Unknown) };
        if login.refresh_expires_at <= now {
            self.remove(&LOGINS, key);
            return Ok(Rotated::Unknown);
        }
        let repeat = login.previous_hash == Some(rotation.presented)
            && login.refresh_hash == rotation.successor
            && now <= login.rotated_at.saturating_add(span(REPEAT_WINDOW));
        if login.refresh_hash == rotation.presented {
            login.previous_hash = Some(rotation.presented);
            login.refresh_hash = rotation.successor;
            login.rotated_at = now;
            login.refresh_expires_at = millis(rotation.expires_at);
            self.put(&LOGINS, key, &login);
        } else if !repeat {
            self.remove(&LOGINS, key);
            return Ok(Rotated::Reused);
        }
        let account = self.account(GuestId::from_bits(login.guest))?;
        Ok(account.map_or(Rotated::Unknown, |account| Rotated::Done(account, time(login.refresh_expires_at))))
    }
}

#[async_trait]
impl LoginStore for SledStore {
    async fn record_login(&self, login: Login, rehashed: Option<String>) -> Result<(), Error> {
        self.write(move |tx| tx.record_login(login, rehashed)).await
    }

    async fn rotate_refresh(&self, rotation: Rotation) -> Result<Rotated, Error> {
        self.write(move |tx| tx.rotate_refresh(&rotation)).await
    }

    async fn live_login(&self, login: LoginId) -> Result<Option<Account>, Error> {
        self.read(move |view| view.live_login(login)).await
    }
}

//! Logins on disk.

use super::SledStore;
use super::accounts::guest_key;
use super::rows::{millis, span, time};
use super::tables::{Table, Tx, View};
use crate::error::Error;
use crate::store::requests::REQUEST_KEPT;
use crate::store::{Account, LOGINS_MAX, Login, LoginStore, Once, REPEAT_WINDOW, Rotated, Rotation};
use async_trait::async_trait;
use castle::ids::{GuestId, LoginId};
use serde::{Deserialize, Serialize};
use std::time::SystemTime;

/// By [`login_key`].
pub(super) const LOGINS: Table<LoginRow> = Table::named("logins");
/// By guest and login.
const LOGINS_OF: Table<()> = Table::named("logins_of");

pub(super) fn login_key(id: LoginId) -> [u8; 16] {
    id.to_bits().to_be_bytes()
}

fn owned_key(guest: GuestId, id: LoginId) -> Vec<u8> {
    [guest_key(guest), login_key(id)].concat()
}

#[derive(Serialize, Deserialize)]
pub(super) struct LoginRow {
    guest: u128,
    #[serde(default)]
    device: u128,
    device_name: String,
    created_at: u64,
    refresh_hash: [u8; 32],
    refresh_expires_at: u64,
    previous_hash: Option<[u8; 32]>,
    rotated_at: u64,
    /// Of the last exchange.
    #[serde(default)]
    request: Option<[u8; 32]>,
}

impl LoginRow {
    fn of(self, id: LoginId) -> Login {
        Login {
            id,
            guest: GuestId::from_bits(self.guest),
            device: self.device,
            device_name: self.device_name,
            created_at: time(self.created_at),
            last_used_at: time(self.rotated_at),
            refresh_hash: self.refresh_hash,
            refresh_expires_at: time(self.refresh_expires_at),
        }
    }
}

impl From<Login> for LoginRow {
    fn from(login: Login) -> Self {
        Self {
            guest: login.guest.to_bits(),
            device: login.device,
            device_name: login.device_name,
            created_at: millis(login.created_at),
            refresh_hash: login.refresh_hash,
            refresh_expires_at: millis(login.refresh_expires_at),
            previous_hash: None,
            rotated_at: millis(login.last_used_at),
            request: None,
        }
    }
}

impl View<'_> {
    fn live_login(&self, guest: GuestId, login: LoginId) -> Result<Account, Error> {
        let account = self.account(guest)?.ok_or(Error::LoginEnded)?;
        if account.ban.is_some() {
            return Err(Error::Banned);
        }
        if self.has(&LOGINS_OF, owned_key(guest, login))? { Ok(account) } else { Err(Error::LoginEnded) }
    }

    pub(super) fn login(&self, id: LoginId) -> Result<Option<Login>, Error> {
        Ok(self.get(&LOGINS, login_key(id))?.map(|row| row.of(id)))
    }

    fn logins_of(&self, guest: GuestId) -> Result<Vec<Login>, Error> {
        let mut logins = Vec::new();
        for row in self.scan(&LOGINS_OF, &guest_key(guest), None)? {
            let id = id_in(&row?.0);
            logins.extend(self.login(id)?);
        }
        Ok(logins)
    }

    fn list_logins(&self, guest: GuestId, now: SystemTime) -> Result<Vec<Login>, Error> {
        let mut logins = self.logins_of(guest)?;
        logins.retain(|login| login.refresh_expires_at > now);
        logins.sort_by_key(|login| std::cmp::Reverse((login.created_at, login.id)));
        Ok(logins)
    }
}

fn id_in(owned_key: &[u8]) -> LoginId {
    let bits = owned_key[16..].try_into().expect("keys of this table are made of two ids");
    LoginId::from_bits(u128::from_be_bytes(bits))
}

impl Tx<'_> {
    /// Forgets logins that nobody can refresh any more.
    pub(super) fn forget_expired_logins(&mut self, now: SystemTime) -> Result<(), Error> {
        let expired = |login: &LoginRow| login.refresh_expires_at <= millis(now);
        let rows: Result<Vec<_>, Error> = self.scan(&LOGINS, b"", None)?.collect();
        for (key, login) in rows?.into_iter().filter(|(_, login)| expired(login)) {
            self.remove(&LOGINS_OF, [&login.guest.to_be_bytes()[..], &key].concat());
            self.remove(&LOGINS, key);
        }
        Ok(())
    }

    /// Forgets every login: nobody stays logged in.
    pub(super) fn end_all_logins(&mut self) -> Result<(), Error> {
        let rows: Result<Vec<_>, Error> = self.scan(&LOGINS, b"", None)?.collect();
        for (key, login) in rows? {
            self.remove(&LOGINS_OF, [&login.guest.to_be_bytes()[..], &key].concat());
            self.remove(&LOGINS, key);
        }
        Ok(())
    }

    /// Finds all logins by their guests; for layouts that did not.
    pub(super) fn index_logins(&mut self) -> Result<(), Error> {
        let rows: Result<Vec<_>, Error> = self.scan(&LOGINS, b"", None)?.collect();
        for (key, login) in rows? {
            self.put(&LOGINS_OF, [&login.guest.to_be_bytes()[..], &key].concat(), &());
        }
        Ok(())
    }

    /// Keeps a login. Returns those that had to end for it.
    pub(super) fn keep_login(&mut self, login: Login) -> Result<Vec<LoginId>, Error> {
        let mut others = self.logins_of(login.guest)?;
        others.sort_by_key(|login| (login.last_used_at, login.id));
        let spare = (others.len() + 1).saturating_sub(LOGINS_MAX);
        let ended: Vec<LoginId> = others[..spare].iter().map(|login| login.id).collect();
        for &id in &ended {
            self.forget_login(login.guest, id);
        }
        self.put(&LOGINS_OF, owned_key(login.guest, login.id), &());
        self.put(&LOGINS, login_key(login.id), &LoginRow::from(login));
        Ok(ended)
    }

    /// Ends all logins of a guest, but for one. Returns them.
    pub(super) fn end_logins_of(
        &mut self,
        guest: GuestId,
        keep: Option<LoginId>,
    ) -> Result<Vec<LoginId>, Error> {
        let keys: Result<Vec<_>, Error> = self.scan(&LOGINS_OF, &guest_key(guest), None)?.collect();
        let ids = keys?.into_iter().map(|(key, ())| id_in(&key));
        let ended: Vec<LoginId> = ids.filter(|&id| Some(id) != keep).collect();
        for &id in &ended {
            self.forget_login(guest, id);
        }
        Ok(ended)
    }

    fn forget_login(&mut self, guest: GuestId, id: LoginId) {
        self.remove(&LOGINS_OF, owned_key(guest, id));
        self.remove(&LOGINS, login_key(id));
    }

    fn record_login(
        &mut self,
        login: Login,
        verified: &str,
        rehashed: Option<String>,
    ) -> Result<Vec<LoginId>, Error> {
        let mut account = self.account_row(login.guest).map_err(|error| match error {
            Error::GuestUnknown => Error::BadCredentials,
            other => other,
        })?;
        if account.password_hash != verified {
            return Err(Error::BadCredentials);
        }
        if account.ban.is_some() {
            return Err(Error::Banned);
        }
        account.last_login_at = Some(millis(login.created_at));
        if let Some(hash) = rehashed {
            account.password_hash = hash;
        }
        self.put_account(&account);
        self.keep_login(login)
    }

    fn rotate_refresh(&mut self, rotation: &Rotation) -> Result<Rotated, Error> {
        let key = login_key(rotation.login);
        let now = millis(rotation.now);
        let Some(mut login) = self.get(&LOGINS, key)? else { return Ok(Rotated::Unknown) };
        let guest = GuestId::from_bits(login.guest);
        if login.refresh_expires_at <= now {
            self.forget_login(guest, rotation.login);
            return Ok(Rotated::Unknown);
        }
        let Some(account) = self.account(guest)? else { return Ok(Rotated::Unknown) };
        if account.ban.is_some() {
            return Ok(Rotated::Banned);
        }
        let since_last = now.saturating_sub(login.rotated_at);
        let repeat = login.previous_hash == Some(rotation.presented)
            && login.refresh_hash == rotation.successor
            && since_last <= span(REPEAT_WINDOW);
        if login.refresh_hash == rotation.presented {
            let named = rotation.request.is_some() && login.request == rotation.request;
            if named && since_last <= span(REQUEST_KEPT) {
                return Err(Error::RequestIdReused);
            }
            login.previous_hash = Some(rotation.presented);
            login.refresh_hash = rotation.successor;
            login.request = rotation.request;
            login.rotated_at = now;
            login.refresh_expires_at = millis(rotation.expires_at);
            self.put(&LOGINS, key, &login);
        } else if !repeat {
            self.forget_login(guest, rotation.login);
            return Ok(Rotated::Reused);
        }
        Ok(Rotated::Done(account, login.of(rotation.login)))
    }
}

#[async_trait]
impl LoginStore for SledStore {
    async fn record_login(
        &self,
        login: Login,
        verified: String,
        rehashed: Option<String>,
    ) -> Result<Vec<LoginId>, Error> {
        self.write(move |tx| tx.record_login(login, &verified, rehashed)).await
    }

    async fn rotate_refresh(&self, rotation: Rotation) -> Result<Rotated, Error> {
        self.write(move |tx| tx.rotate_refresh(&rotation)).await
    }

    async fn live_login(&self, guest: GuestId, login: LoginId) -> Result<Account, Error> {
        self.read(move |view| view.live_login(guest, login)).await
    }

    async fn list_logins(&self, guest: GuestId, now: SystemTime) -> Result<Vec<Login>, Error> {
        self.read(move |view| view.list_logins(guest, now)).await
    }

    async fn end_login(&self, guest: GuestId, login: LoginId, once: Once) -> Result<(), Error> {
        self.write(move |tx| {
            tx.once(&once, |tx| {
                if !tx.has(&LOGINS_OF, owned_key(guest, login))? {
                    return Err(Error::DeviceUnknown);
                }
                tx.forget_login(guest, login);
                Ok(())
            })
        })
        .await
    }

    async fn end_logins(&self, guest: GuestId) -> Result<Vec<LoginId>, Error> {
        self.write(move |tx| tx.end_logins_of(guest, None)).await
    }
}

//! What guests do with what is theirs: password, display name, devices, the account itself.

use super::fields::{self, Faults};
use super::{Accounts, RENAMED_AT_ONCE, guest_asks, sessions_of};
use crate::auth::Caller;
use crate::error::Error;
use crate::guest::Guest;
use crate::hub::Whose;
use crate::names;
use crate::store::{self, Account, Login, NewPassword, Once};
use crate::throttle::Attempt;
use castle::ids::LoginId;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Logins of one page unless asked otherwise.
const DEVICES_PAGE: usize = 50;
/// Logins of one page at most.
const DEVICES_PAGE_MAX: usize = 200;

/// A page of logins.
pub struct Devices {
    /// Newest first.
    pub logins: Vec<Login>,
    /// For the next page; empty on the last.
    pub next: String,
}

impl Accounts {
    /// Ends the caller's login.
    pub async fn logout(&self, caller: &Caller) -> Result<(), Error> {
        let once = Once::unnamed(SystemTime::now(), store::Caller::Guest(caller.guest));
        let (guest, login) = (caller.guest, caller.login);
        self.end_after(move |store| async move {
            match store.end_login(guest, login, once).await {
                // Ended meanwhile, from elsewhere: as it should be.
                Ok(()) | Err(Error::DeviceUnknown) => Ok(((), vec![Whose::Login(login)])),
                Err(error) => Err(error),
            }
        })
        .await
    }

    /// Sets a new password. Every other login of the caller ends.
    ///
    /// Errors: `InvalidField`, `BadCredentials`, `RateLimited`, `RequestIdReused`.
    pub async fn change_password(
        &self,
        caller: &Caller,
        password: String,
        new_password: String,
        request_id: &str,
    ) -> Result<(), Error> {
        let mut faults = Faults::default();
        faults.check("password", names::password_length(&password));
        faults.check("new_password", names::password(&new_password, &caller.name));
        faults.check("request_id", fields::request_id(request_id));
        faults.none()?;
        let attempt = on_login(caller);
        let verified = self.own(caller).await?.password_hash;
        // Nothing derived from a password is kept with a request: whether a repeat asks for the same is told by
        // the password that is good now.
        let once = once(caller, "ChangePassword", request_id, "");
        let password_hash = if self.store.was_done(once.clone()).await? {
            if !self.is_right(&attempt, new_password, Some(verified.clone())).await? {
                return Err(Error::RequestIdReused);
            }
            // Nothing changes; the store says again which logins ended then.
            verified.clone()
        } else {
            if !self.is_right(&attempt, password, Some(verified.clone())).await? {
                return Err(Error::BadCredentials);
            }
            self.hasher.turn(guest_asks(caller.guest)).await?.hash(new_password).await?
        };
        let set = NewPassword { guest: caller.guest, verified, password_hash, keep: caller.login };
        self.end_after(
            move |store| async move { Ok(((), sessions_of(store.set_password(set, once).await?))) },
        )
        .await?;
        tracing::info!(guest = %caller.guest, "set a new password");
        Ok(())
    }

    /// Changes what people see; the hall shows it at once.
    ///
    /// Errors: `InvalidField`, `RequestIdReused`.
    pub async fn set_display_name(
        &self,
        caller: &Caller,
        display_name: &str,
        request_id: &str,
    ) -> Result<Account, Error> {
        let mut faults = Faults::default();
        let shown = faults.check("display_name", names::display(display_name));
        faults.check("request_id", fields::request_id(request_id));
        faults.none()?;
        let shown = shown.flatten().unwrap_or_else(|| caller.name.clone());
        let once = once(caller, "SetDisplayName", request_id, &shown);
        let (store, hub, guest) = (Arc::clone(&self.store), self.hub.clone(), caller.guest);
        let renaming = Arc::clone(&self.renaming);
        let renamed = async move {
            let row = usize::try_from(guest.to_bits() % RENAMED_AT_ONCE as u128).unwrap_or_default();
            let _in_order = renaming[row].lock().await;
            store.set_display_name(guest, shown, once).await?;
            let account = store.account(guest).await?.ok_or(Error::LoginEnded)?;
            let Account { id, name, display_name, .. } = account.clone();
            hub.renamed(Arc::new(Guest { id, name, display_name })).await;
            Ok(account)
        };
        self.uncancelled.run(renamed).await
    }

    /// Erases the caller's account.
    ///
    /// Errors: `InvalidField`, `BadCredentials`, `RateLimited`, `LastAdmin`.
    pub async fn delete(&self, caller: &Caller, password: String) -> Result<(), Error> {
        let mut faults = Faults::default();
        faults.check("password", names::password_length(&password));
        faults.none()?;
        let attempt = on_login(caller);
        let hash = self.own(caller).await?.password_hash;
        if !self.is_right(&attempt, password, Some(hash)).await? {
            return Err(Error::BadCredentials);
        }
        let guest = caller.guest;
        self.end_after(move |store| async move {
            match store.delete_account(guest).await {
                // Erased meanwhile, from elsewhere.
                Ok(()) | Err(Error::GuestUnknown) => Ok(((), vec![Whose::Guest(guest)])),
                Err(error) => Err(error),
            }
        })
        .await?;
        tracing::info!(guest = %caller.guest, "erased their account");
        Ok(())
    }

    /// The caller's logins, newest first.
    ///
    /// Errors: `InvalidField`.
    pub async fn devices(&self, caller: &Caller, size: u32, after: &str) -> Result<Devices, Error> {
        let mut faults = Faults::default();
        let size = match size as usize {
            0 => DEVICES_PAGE,
            size if size <= DEVICES_PAGE_MAX => size,
            _ => {
                faults.add("page_size", "must be at most 200");
                0
            }
        };
        let after = faults.check("page_token", position(after));
        faults.none()?;
        let after = after.flatten();
        let mut logins = self.store.list_logins(caller.guest, SystemTime::now()).await?;
        logins.retain(|login| after.is_none_or(|after| place(login) < after));
        let more = logins.len() > size;
        logins.truncate(size);
        let next = logins.last().filter(|_| more).map(|last| page_token(place(last)));
        Ok(Devices { logins, next: next.unwrap_or_default() })
    }

    /// Ends one login of the caller.
    ///
    /// Errors: `InvalidField`, `DeviceUnknown`, `RequestIdReused`.
    pub async fn revoke_device(
        &self,
        caller: &Caller,
        device_id: &str,
        request_id: &str,
    ) -> Result<(), Error> {
        let mut faults = Faults::default();
        let login = device_id.parse::<LoginId>().map_err(|_| "must be `lgn_` and 32 hex digits");
        let login = faults.check("device_id", login);
        faults.check("request_id", fields::request_id(request_id));
        faults.none()?;
        let login = login.ok_or(Error::DeviceUnknown)?;
        let (guest, once) = (caller.guest, once(caller, "RevokeDevice", request_id, device_id));
        self.end_after(move |store| async move {
            store.end_login(guest, login, once).await?;
            Ok(((), vec![Whose::Login(login)]))
        })
        .await
    }

    /// The caller's account, as it is now.
    ///
    /// Errors: `LoginEnded` where it is gone.
    pub async fn own(&self, caller: &Caller) -> Result<Account, Error> {
        self.store.account(caller.guest).await?.ok_or(Error::LoginEnded)
    }
}

/// A try at the password by who is logged in: a stolen access token guesses no faster than one device.
fn on_login(caller: &Caller) -> Attempt {
    Attempt::Device { of: caller.guest, device: caller.login.to_bits() }
}

fn once(caller: &Caller, method: &str, request_id: &str, payload: &str) -> Once {
    let guest = store::Caller::Guest(caller.guest);
    Once::new(SystemTime::now(), guest, method, request_id, payload.as_bytes())
}

/// Where a login stands in the list, whether or not it is still there when the next page is asked for.
fn place(login: &Login) -> (u128, LoginId) {
    let since = login.created_at.duration_since(UNIX_EPOCH).unwrap_or_default();
    (since.as_millis(), login.id)
}

fn page_token((at, login): (u128, LoginId)) -> String {
    format!("{at}.{login}")
}

fn position(token: &str) -> Result<Option<(u128, LoginId)>, &'static str> {
    if token.is_empty() {
        return Ok(None);
    }
    let read = || {
        let (at, login) = token.split_once('.')?;
        Some((at.parse().ok()?, login.parse().ok()?))
    };
    read().map(Some).ok_or("is not one of this server's")
}

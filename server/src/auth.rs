//! Who calls: from `authorization` metadata to a `Caller`.
//!
//! Owns the rule that every call needs a valid access token whose login is live, so that a ban or a logout does
//! not wait for a token to expire. Never decides what the caller may do.

use crate::error::Error;
use crate::store::{Role, Store};
use crate::token::Signers;
use castle::ids::{GuestId, LoginId};
use std::sync::Arc;
use std::time::SystemTime;
use tonic::metadata::MetadataMap;

/// An authenticated guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The account.
    pub guest: GuestId,
    /// The login on this device.
    pub login: LoginId,
    /// Login name, normalized.
    pub name: String,
    /// What people see.
    pub display_name: String,
    /// Whether the account is a host's.
    pub admin: bool,
    /// When the access token ends.
    pub expires_at: SystemTime,
}

/// Authenticates calls.
pub struct Authenticator {
    store: Arc<dyn Store>,
    signers: Arc<Signers>,
}

impl Authenticator {
    /// Checks tokens of `signers` against the logins in `store`.
    pub fn new(store: Arc<dyn Store>, signers: Arc<Signers>) -> Self {
        Self { store, signers }
    }

    /// The caller behind this metadata.
    ///
    /// Errors: `TokenMissing`, `TokenInvalid`, `TokenExpired`, `LoginEnded`, `Banned`, `Internal`.
    pub async fn authenticate(&self, metadata: &MetadataMap) -> Result<Caller, Error> {
        let mut values = metadata.get_all("authorization").iter();
        let value = values.next().ok_or(Error::TokenMissing)?;
        if values.next().is_some() {
            return Err(Error::TokenInvalid);
        }
        let value = value.to_str().map_err(|_| Error::TokenInvalid)?;
        let (scheme, token) = value.split_once(' ').ok_or(Error::TokenMissing)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Error::TokenMissing);
        }
        self.authenticate_token(token.trim()).await
    }

    /// The caller behind an access token.
    ///
    /// Errors: `TokenInvalid`, `TokenExpired`, `LoginEnded`, `Banned`, `Internal`.
    pub async fn authenticate_token(&self, token: &str) -> Result<Caller, Error> {
        let access = self.signers.access.verify(SystemTime::now(), token)?;
        self.live(access.guest, access.login, access.expires_at).await
    }

    /// The caller of this login, as the account is now. For what goes on after its token was checked.
    ///
    /// Errors: `LoginEnded`, `Banned`, `Internal`.
    pub async fn live(
        &self,
        guest: GuestId,
        login: LoginId,
        expires_at: SystemTime,
    ) -> Result<Caller, Error> {
        let account = self.store.live_login(guest, login).await?;
        Ok(Caller {
            guest,
            login,
            admin: account.role == Role::Admin,
            name: account.name,
            display_name: account.display_name,
            expires_at,
        })
    }
}

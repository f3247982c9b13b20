//! How records are written: JSON, times in milliseconds since 1970. Owns the row types and nothing else; a
//! changed row is a new schema.

use crate::error::Error;
use crate::store::{Account, Invitation, Login, Role, Secrets};
use castle::ids::GuestId;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(super) fn encode(row: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(row).expect("rows have string keys and plain values")
}

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|error| Error::internal("reading a row of the store", &error))
}

pub(super) fn millis(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).map_or(0, span)
}

pub(super) fn span(duration: Duration) -> u64 {
    duration.as_millis().try_into().unwrap_or(u64::MAX)
}

pub(super) fn time(millis: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(millis)
}

fn role(admin: bool) -> Role {
    if admin { Role::Admin } else { Role::Guest }
}

#[derive(Serialize, Deserialize)]
pub(super) struct AccountRow {
    id: u128,
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

#[derive(Serialize, Deserialize)]
pub(super) struct InvitationRow {
    id: u128,
    uses: u32,
    pub(super) used: u32,
    expires_at: u64,
    note: String,
    admin: bool,
    created_at: u64,
}

impl InvitationRow {
    /// Errors: `InvitationExpired`, `InvitationSpent`.
    pub(super) fn usable(&self, now: SystemTime) -> Result<(), Error> {
        if self.expires_at <= millis(now) {
            Err(Error::InvitationExpired)
        } else if self.used >= self.uses {
            Err(Error::InvitationSpent)
        } else {
            Ok(())
        }
    }

    pub(super) fn role(&self) -> Role {
        role(self.admin)
    }
}

impl From<Invitation> for InvitationRow {
    fn from(invitation: Invitation) -> Self {
        Self {
            id: invitation.id.to_bits(),
            uses: invitation.uses,
            used: 0,
            expires_at: millis(invitation.expires_at),
            note: invitation.note,
            admin: invitation.role == Role::Admin,
            created_at: millis(invitation.created_at),
        }
    }
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

#[derive(Serialize, Deserialize)]
pub(super) struct SecretsRow {
    signing_key_id: String,
    signing_seed: [u8; 32],
    refresh: [u8; 32],
    call: [u8; 32],
    turn: String,
}

impl From<Secrets> for SecretsRow {
    fn from(secrets: Secrets) -> Self {
        let Secrets { signing_key_id, signing_seed, refresh, call, turn } = secrets;
        Self { signing_key_id, signing_seed, refresh, call, turn }
    }
}

impl From<SecretsRow> for Secrets {
    fn from(row: SecretsRow) -> Self {
        let SecretsRow { signing_key_id, signing_seed, refresh, call, turn } = row;
        Self { signing_key_id, signing_seed, refresh, call, turn }
    }
}

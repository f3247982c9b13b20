//! Accounts: who may come in at all. Owns their record and what can be done to them in one step.

use super::Login;
use crate::error::Error;
use async_trait::async_trait;
use castle::ids::GuestId;
use std::time::SystemTime;

/// What an account may do besides being a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A guest.
    Guest,
    /// A host.
    Admin,
}

impl Role {
    /// As tokens and records write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Guest => "guest",
            Self::Admin => "admin",
        }
    }

    /// Reads what [`Role::as_str`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Guest, Self::Admin].into_iter().find(|role| role.as_str() == text)
    }
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Stable id.
    pub id: GuestId,
    /// Login name, normalized; unique.
    pub name: String,
    /// What people see.
    pub display_name: String,
    /// What it may do.
    pub role: Role,
    /// Argon2id, PHC string.
    pub password_hash: String,
    /// When it was made.
    pub created_at: SystemTime,
    /// When it last logged in.
    pub last_login_at: Option<SystemTime>,
}

/// A guest to be made, with the login that makes them.
#[derive(Debug, Clone)]
pub struct Registration {
    /// SHA-256 of the invitation code.
    pub code_hash: [u8; 32],
    /// Stable id of the new account.
    pub id: GuestId,
    /// Login name, normalized.
    pub name: String,
    /// What people see.
    pub display_name: String,
    /// Argon2id, PHC string.
    pub password_hash: String,
    /// The first login.
    pub login: Login,
    /// Now.
    pub now: SystemTime,
}

/// What lasts of accounts.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// Makes an account and its first login, and spends one use of the invitation: all or nothing.
    ///
    /// Errors: `InvitationUnknown`, `InvitationExpired`, `InvitationSpent`, `NameTaken`. A taken name is told
    /// only to who holds an invitation that is good.
    async fn register(&self, registration: Registration) -> Result<Account, Error>;

    /// The account with this normalized name.
    async fn account_by_name(&self, name: &str) -> Result<Option<Account>, Error>;

    /// Accounts sorted by name, those after `after`, at most `limit`.
    async fn list_accounts(&self, after: Option<String>, limit: usize) -> Result<Vec<Account>, Error>;

    /// Whether there is any account.
    async fn has_accounts(&self) -> Result<bool, Error>;
}

//! The server's own secrets and the keys that sign access tokens.

use super::Once;
use crate::error::Error;
use async_trait::async_trait;
use std::time::SystemTime;

/// Signing keys that verify at once. Who rotates more often than this in the life of a token has another problem.
pub const SIGNING_KEYS_MAX: usize = 16;

/// A key that signs access tokens, or did until lately.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// `kid` of its tokens.
    pub id: String,
    /// Ed25519 seed.
    pub seed: [u8; 32],
    /// When it was made.
    pub created_at: SystemTime,
    /// Until when it verifies; not set for the one that signs.
    pub verifies_until: Option<SystemTime>,
}

impl SigningKey {
    /// A new one that signs, from the operating system's randomness.
    pub fn generate(now: SystemTime) -> Self {
        Self {
            id: format!("{:016x}", rand::random::<u64>()),
            seed: rand::random(),
            created_at: now,
            verifies_until: None,
        }
    }

    /// Whether tokens that it signed are good at `now`.
    pub fn verifies(&self, now: SystemTime) -> bool {
        self.verifies_until.is_none_or(|until| now < until)
    }
}

/// A new key that signs.
pub struct KeyRotation {
    /// `kid` of the key that was made; of a repeat that of the first time.
    pub made: String,
    /// When it was made.
    pub made_at: SystemTime,
    /// What [`KeyStore::signing_keys`] returns from now on.
    pub keys: Vec<SigningKey>,
}

/// The server's own secrets, made at first start.
#[derive(Clone)]
pub struct Secrets {
    /// Derives and tags refresh tokens.
    pub refresh: [u8; 32],
    /// Signs call tokens.
    pub call: [u8; 32],
}

impl Secrets {
    /// New ones, from the operating system's randomness.
    pub fn generate() -> Self {
        Self { refresh: rand::random(), call: rand::random() }
    }
}

/// What lasts of secrets.
#[async_trait]
pub trait KeyStore: Send + Sync {
    /// The server's secrets.
    async fn secrets(&self) -> Result<Secrets, Error>;

    /// Keys that verify at `now`, newest first. Exactly one of them signs.
    async fn signing_keys(&self, now: SystemTime) -> Result<Vec<SigningKey>, Error>;

    /// Makes `new` the key that signs; the one before it verifies until `old_until`, and those whose time is over are
    /// gone. It is an act of the host, and logged.
    ///
    /// Errors: `Limit` ([`SIGNING_KEYS_MAX`]); those of [`Once`].
    async fn rotate_signing_key(
        &self,
        new: SigningKey,
        old_until: SystemTime,
        once: Once,
    ) -> Result<KeyRotation, Error>;
}

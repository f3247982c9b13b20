//! The server's own secrets and the keys that sign access tokens.

use crate::error::Error;
use async_trait::async_trait;
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};

/// The server's own secrets, made at first start.
#[derive(Clone)]
pub struct Secrets {
    /// `kid` of access tokens.
    pub signing_key_id: String,
    /// Ed25519 seed of access tokens.
    pub signing_seed: [u8; 32],
    /// Derives and tags refresh tokens.
    pub refresh: [u8; 32],
    /// Signs call tokens.
    pub call: [u8; 32],
    /// Shared between the credential vendor and the relay.
    pub turn: String,
}

impl Secrets {
    /// New ones, from the operating system's randomness.
    pub fn generate() -> Self {
        let turn: [u8; 32] = rand::random();
        Self {
            signing_key_id: format!("{:016x}", rand::random::<u64>()),
            signing_seed: rand::random(),
            refresh: rand::random(),
            call: rand::random(),
            turn: BASE64_URL_SAFE_NO_PAD.encode(turn),
        }
    }
}

/// What lasts of secrets.
#[async_trait]
pub trait KeyStore: Send + Sync {
    /// The server's secrets.
    async fn secrets(&self) -> Result<Secrets, Error>;
}

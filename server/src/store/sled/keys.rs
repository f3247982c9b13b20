//! The server's secrets on disk.

use super::SledStore;
use super::schema::META;
use super::tables::{Table, Tx};
use crate::error::Error;
use crate::store::{KeyStore, Secrets};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// One row, beside the version of the layout.
const SECRETS: Table<SecretsRow> = Table::named(META);
const SECRETS_KEY: &[u8] = b"secrets";

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

/// Makes the secrets of a new store.
pub(super) fn make_secrets(tx: &mut Tx<'_>) {
    tx.put(&SECRETS, SECRETS_KEY, &SecretsRow::from(Secrets::generate()));
}

#[async_trait]
impl KeyStore for SledStore {
    async fn secrets(&self) -> Result<Secrets, Error> {
        self.read(|view| {
            let row = view.get(&SECRETS, SECRETS_KEY)?;
            Ok(row.ok_or_else(|| Error::internal("reading the secrets", &"there are none"))?.into())
        })
        .await
    }
}

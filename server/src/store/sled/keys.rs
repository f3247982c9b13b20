//! The server's secrets and signing keys on disk.

use super::SledStore;
use super::rows::{millis, time};
use super::schema::META;
use super::tables::{Table, Tx, View};
use crate::error::Error;
use crate::store::keys::SIGNING_KEYS_MAX;
use crate::store::{Act, Actor, KeyRotation, KeyStore, Once, Secrets, SigningKey};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::time::SystemTime;

/// One row, beside the version of the layout.
const SECRETS: Table<SecretsRow> = Table::named(META);
const SECRETS_KEY: &[u8] = b"secrets";
/// By `kid`.
const SIGNING_KEYS: Table<SigningKeyRow> = Table::named("signing_keys");

#[derive(Serialize, Deserialize)]
struct SecretsRow {
    refresh: [u8; 32],
    call: [u8; 32],
}

impl From<Secrets> for SecretsRow {
    fn from(secrets: Secrets) -> Self {
        let Secrets { refresh, call } = secrets;
        Self { refresh, call }
    }
}

impl From<SecretsRow> for Secrets {
    fn from(row: SecretsRow) -> Self {
        let SecretsRow { refresh, call } = row;
        Self { refresh, call }
    }
}

#[derive(Serialize, Deserialize)]
struct SigningKeyRow {
    seed: [u8; 32],
    created_at: u64,
    verifies_until: Option<u64>,
}

impl From<&SigningKey> for SigningKeyRow {
    fn from(key: &SigningKey) -> Self {
        Self {
            seed: key.seed,
            created_at: millis(key.created_at),
            verifies_until: key.verifies_until.map(millis),
        }
    }
}

impl SigningKeyRow {
    fn with_id(self, id: Vec<u8>) -> Result<SigningKey, Error> {
        Ok(SigningKey {
            id: String::from_utf8(id).map_err(|error| Error::internal("reading a signing key", &error))?,
            seed: self.seed,
            created_at: time(self.created_at),
            verifies_until: self.verifies_until.map(time),
        })
    }
}

/// Makes the secrets of a new store.
pub(super) fn make_secrets(tx: &mut Tx<'_>, now: SystemTime) {
    tx.put(&SECRETS, SECRETS_KEY, &SecretsRow::from(Secrets::generate()));
    let key = SigningKey::generate(now);
    tx.put(&SIGNING_KEYS, &key.id, &SigningKeyRow::from(&key));
}

/// The first layout had one signing key, among the secrets.
pub(super) fn from_1(tx: &mut Tx<'_>, now: SystemTime) -> Result<(), Error> {
    #[derive(Serialize, Deserialize)]
    struct FirstRow {
        signing_key_id: String,
        signing_seed: [u8; 32],
    }
    const FIRST: Table<FirstRow> = Table::named(META);
    let (Some(first), Some(rest)) = (tx.get(&FIRST, SECRETS_KEY)?, tx.get(&SECRETS, SECRETS_KEY)?) else {
        // Made and killed at once: nothing was signed yet.
        make_secrets(tx, now);
        return Ok(());
    };
    let row = SigningKeyRow { seed: first.signing_seed, created_at: millis(now), verifies_until: None };
    tx.put(&SIGNING_KEYS, first.signing_key_id, &row);
    tx.put(&SECRETS, SECRETS_KEY, &rest);
    Ok(())
}

/// The second layout had a secret of the relay in the same row, without which its programs read none of the others:
/// they are to say that this store is newer than they are.
pub(super) fn from_2(tx: &mut Tx<'_>, _now: SystemTime) -> Result<(), Error> {
    if let Some(row) = tx.get(&SECRETS, SECRETS_KEY)? {
        tx.put(&SECRETS, SECRETS_KEY, &row);
    }
    Ok(())
}

impl View<'_> {
    fn all_signing_keys(&self) -> Result<Vec<SigningKey>, Error> {
        let rows = self.scan(&SIGNING_KEYS, b"", None)?;
        let keys: Result<Vec<_>, Error> = rows.map(|row| row.and_then(|(id, key)| key.with_id(id))).collect();
        let mut keys = keys?;
        // The one that signs is the newest, whatever the clock did.
        keys.sort_by_key(|key| std::cmp::Reverse((key.verifies_until.is_none(), key.created_at)));
        Ok(keys)
    }

    fn signing_keys(&self, now: SystemTime) -> Result<Vec<SigningKey>, Error> {
        let mut keys = self.all_signing_keys()?;
        keys.retain(|key| key.verifies(now));
        Ok(keys)
    }
}

impl Tx<'_> {
    /// Makes `new` the one that signs.
    fn sign_with(&mut self, new: &SigningKey, old_until: SystemTime) -> Result<(), Error> {
        let now = new.created_at;
        let mut count = 0;
        for mut key in self.all_signing_keys()? {
            if !key.verifies(now) {
                self.remove(&SIGNING_KEYS, &key.id);
                continue;
            }
            if key.verifies_until.is_none() {
                key.verifies_until = Some(old_until);
                self.put(&SIGNING_KEYS, &key.id, &SigningKeyRow::from(&key));
            }
            count += 1;
        }
        if count >= SIGNING_KEYS_MAX {
            return Err(Error::Limit { what: "signing_keys", limit: SIGNING_KEYS_MAX as u64 });
        }
        self.put(&SIGNING_KEYS, &new.id, &SigningKeyRow::from(new));
        Ok(())
    }
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

    async fn signing_keys(&self, now: SystemTime) -> Result<Vec<SigningKey>, Error> {
        self.read(move |view| view.signing_keys(now)).await
    }

    async fn rotate_signing_key(
        &self,
        new: SigningKey,
        old_until: SystemTime,
        once: Once,
    ) -> Result<KeyRotation, Error> {
        let (action, target) = ("RotateSigningKey", new.id.clone());
        let act = Act { by: Actor::Host, once, action, target, detail: String::new() };
        self.write(move |tx| {
            let (made, made_at) = tx.act(&act, |tx| {
                tx.sign_with(&new, old_until)?;
                Ok((new.id.clone(), millis(new.created_at)))
            })?;
            Ok(KeyRotation { made, made_at: time(made_at), keys: tx.signing_keys(act.once.now)? })
        })
        .await
    }
}

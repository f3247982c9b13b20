//! The store on sled 0.34, the one file that names it.
//!
//! Owns the keys, the rows and how a write becomes durable. sled's own flush ends in `sync_file_range`, which
//! does not outlive a power cut: so one committer thread flushes and then calls `fdatasync`, once for all the
//! writers that wait. Never decides anything about accounts beyond what one transaction needs.

mod rows;

use self::rows::{AccountRow, InvitationRow, LoginRow, SecretsRow, decode, encode, millis};
use super::{
    Account, Invitation, Login, OpenError, REPEAT_WINDOW, Registration, Rotated, Rotation, Secrets, Store,
};
use crate::error::Error;
use async_trait::async_trait;
use castle::ids::{GuestId, LoginId};
use sled::transaction::{
    ConflictableTransactionError, ConflictableTransactionError::Abort, TransactionError, Transactional as _,
};
use std::fs::File;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// The layout of keys and rows. Raised with every change that an older program would misread.
const SCHEMA: u32 = 1;
const SCHEMA_KEY: &[u8] = b"schema";
const SECRETS_KEY: &[u8] = b"secrets";
/// Page cache, bytes: a hundred thousand accounts, and little on a small machine.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;
/// Writers that wait for the disk at once; more wait for a place. As many as can be hashing and refreshing.
const COMMIT_QUEUE: usize = 1024;

/// What one writer waits for.
type Waiter = oneshot::Sender<Result<(), String>>;
type Abortable<T> = Result<T, ConflictableTransactionError<Error>>;

/// The embedded store: one directory, one process.
pub struct SledStore {
    trees: Arc<Trees>,
    commits: Option<mpsc::Sender<Waiter>>,
    committer: Option<std::thread::JoinHandle<()>>,
}

struct Trees {
    db: sled::Db,
    accounts: sled::Tree,
    names: sled::Tree,
    invitations: sled::Tree,
    logins: sled::Tree,
}

impl SledStore {
    /// Opens the store in `dir`, or makes one with fresh secrets. Blocks on the disk. `failed` is cancelled when
    /// a write could not be made durable: whoever serves must stop then.
    pub fn open(dir: &Path, now: SystemTime, failed: CancellationToken) -> Result<Self, OpenError> {
        let damaged = |cause: &dyn std::fmt::Display| OpenError::Damaged {
            path: dir.to_owned(),
            cause: cause.to_string(),
        };
        let io = |source| OpenError::Io { path: dir.to_owned(), source };
        let config = sled::Config::new().path(dir).cache_capacity(CACHE_BYTES).flush_every_ms(None);
        let db = config.open().map_err(|error| match error {
            sled::Error::Io(source) if source.to_string().contains("could not acquire lock") => {
                OpenError::InUse(dir.to_owned())
            }
            sled::Error::Io(source) => io(source),
            other => damaged(&other),
        })?;
        check_schema(&db, dir)?;
        let tree = |name: &str| db.open_tree(name).map_err(|error| damaged(&error));
        let trees = Trees {
            accounts: tree("accounts")?,
            names: tree("names")?,
            invitations: tree("invitations")?,
            logins: tree("logins")?,
            db: db.clone(),
        };
        trees.prepare(now).map_err(|error| damaged(&error))?;
        let data = File::open(dir.join("db")).map_err(io)?;
        db.flush().map_err(|error| damaged(&error))?;
        data.sync_data().map_err(io)?;
        let (commits, waiters) = mpsc::channel(COMMIT_QUEUE);
        let committer = std::thread::Builder::new()
            .name("store-commit".to_owned())
            .spawn(move || commit_for(waiters, &db, &data, &failed))
            .map_err(io)?;
        Ok(Self { trees: Arc::new(trees), commits: Some(commits), committer: Some(committer) })
    }

    /// Runs `work` off the runtime.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Trees) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let trees = Arc::clone(&self.trees);
        tokio::task::spawn_blocking(move || work(&trees))
            .await
            .map_err(|error| Error::internal("using the store", &error))?
    }

    /// Runs `work` off the runtime and returns when what it wrote is on disk.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Trees) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let done = self.read(work).await?;
        let (waiter, committed) = oneshot::channel();
        let commits = self.commits.as_ref().expect("the committer runs until the store is dropped");
        commits.send(waiter).await.map_err(|error| Error::internal("committing", &error))?;
        committed
            .await
            .unwrap_or_else(|_| Err("the committer has stopped".to_owned()))
            .map_err(|cause| Error::internal("committing", &cause))?;
        Ok(done)
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        self.commits = None;
        if let Some(committer) = self.committer.take()
            && committer.join().is_err()
        {
            tracing::error!("the store's committer panicked");
        }
    }
}

/// Makes writes durable, one sync for all that wait. Ends when the store is dropped or the disk fails.
fn commit_for(mut waiters: mpsc::Receiver<Waiter>, db: &sled::Db, data: &File, failed: &CancellationToken) {
    while let Some(first) = waiters.blocking_recv() {
        let mut batch = vec![first];
        while let Ok(next) = waiters.try_recv() {
            batch.push(next);
        }
        let synced = db
            .flush()
            .map_err(|error| error.to_string())
            .and_then(|_| data.sync_data().map_err(|error| error.to_string()));
        for waiter in batch {
            // A writer that was cancelled does not listen any more.
            let _ = waiter.send(synced.clone());
        }
        if let Err(cause) = synced {
            tracing::error!("the store cannot be written: {cause}");
            failed.cancel();
            return;
        }
    }
}

fn check_schema(db: &sled::Db, dir: &Path) -> Result<(), OpenError> {
    let damaged = |cause: String| OpenError::Damaged { path: dir.to_owned(), cause };
    match db.get(SCHEMA_KEY).map_err(|error| damaged(error.to_string()))? {
        None if !db.is_empty() => Err(damaged("it has no schema".to_owned())),
        None => {
            db.insert(SCHEMA_KEY, &SCHEMA.to_be_bytes()).map_err(|error| damaged(error.to_string()))?;
            Ok(())
        }
        Some(bytes) => {
            let found = bytes.as_ref().try_into().map(u32::from_be_bytes);
            match found.map_err(|_| damaged("its schema is unreadable".to_owned()))? {
                SCHEMA => Ok(()),
                found => Err(OpenError::Newer { path: dir.to_owned(), found, known: SCHEMA }),
            }
        }
    }
}

fn sled_failed(error: sled::Error) -> Error {
    Error::internal("using the store", &error)
}

fn transaction_failed(error: TransactionError<Error>) -> Error {
    match error {
        TransactionError::Abort(error) => error,
        TransactionError::Storage(error) => sled_failed(error),
    }
}

fn guest_key(id: GuestId) -> [u8; 16] {
    id.to_bits().to_be_bytes()
}

fn login_key(id: LoginId) -> [u8; 16] {
    id.to_bits().to_be_bytes()
}

impl Trees {
    /// Makes the secrets at first start, and forgets logins that nobody can refresh any more.
    fn prepare(&self, now: SystemTime) -> Result<(), Error> {
        if self.db.get(SECRETS_KEY).map_err(sled_failed)?.is_none() {
            let row = encode(&SecretsRow::from(Secrets::generate()));
            self.db.insert(SECRETS_KEY, row).map_err(sled_failed)?;
        }
        for entry in &self.logins {
            let (key, value) = entry.map_err(sled_failed)?;
            if decode::<LoginRow>(&value)?.refresh_expires_at <= millis(now) {
                self.logins.remove(key).map_err(sled_failed)?;
            }
        }
        Ok(())
    }

    fn account(&self, key: &[u8]) -> Result<Option<Account>, Error> {
        let row = self.accounts.get(key).map_err(sled_failed)?;
        row.map(|row| Ok(decode::<AccountRow>(&row)?.into())).transpose()
    }

    fn account_by_name(&self, name: &str) -> Result<Option<Account>, Error> {
        let id = self.names.get(name).map_err(sled_failed)?;
        id.map_or(Ok(None), |id| self.account(&id))
    }

    fn check_invitation(&self, code_hash: [u8; 32], now: SystemTime) -> Result<(), Error> {
        let row = self.invitations.get(code_hash).map_err(sled_failed)?.ok_or(Error::InvitationUnknown)?;
        decode::<InvitationRow>(&row)?.usable(now)
    }

    fn register(&self, new: &Registration) -> Result<Account, Error> {
        let login = encode(&LoginRow::from(new.login.clone()));
        (&self.accounts, &self.names, &self.invitations, &self.logins)
            .transaction(|(accounts, names, invitations, logins)| -> Abortable<Account> {
                let row = invitations.get(new.code_hash)?.ok_or(Abort(Error::InvitationUnknown))?;
                let mut invitation: InvitationRow = decode(&row).map_err(Abort)?;
                invitation.usable(new.now).map_err(Abort)?;
                if names.get(new.name.as_bytes())?.is_some() {
                    return Err(Abort(Error::NameTaken));
                }
                invitation.used += 1;
                let account = Account {
                    id: new.id,
                    name: new.name.clone(),
                    display_name: new.display_name.clone(),
                    role: invitation.role(),
                    password_hash: new.password_hash.clone(),
                    created_at: new.now,
                    last_login_at: Some(new.now),
                };
                invitations.insert(&new.code_hash, encode(&invitation))?;
                names.insert(new.name.as_bytes(), &guest_key(new.id))?;
                accounts.insert(&guest_key(new.id), encode(&AccountRow::from(account.clone())))?;
                logins.insert(&login_key(new.login.id), login.clone())?;
                Ok(account)
            })
            .map_err(transaction_failed)
    }

    fn record_login(&self, login: &Login, rehashed: Option<&str>) -> Result<(), Error> {
        let row = encode(&LoginRow::from(login.clone()));
        (&self.accounts, &self.logins)
            .transaction(|(accounts, logins)| -> Abortable<()> {
                let key = guest_key(login.guest);
                let account = accounts.get(key)?.ok_or(Abort(Error::BadCredentials))?;
                let mut account: AccountRow = decode(&account).map_err(Abort)?;
                account.last_login_at = Some(millis(login.created_at));
                if let Some(hash) = rehashed {
                    hash.clone_into(&mut account.password_hash);
                }
                accounts.insert(&key, encode(&account))?;
                logins.insert(&login_key(login.id), row.clone())?;
                Ok(())
            })
            .map_err(transaction_failed)
    }

    fn rotate(&self, rotation: &Rotation) -> Result<Rotated, Error> {
        let key = login_key(rotation.login);
        let now = millis(rotation.now);
        (&self.accounts, &self.logins)
            .transaction(|(accounts, logins)| -> Abortable<Rotated> {
                let Some(row) = logins.get(key)? else { return Ok(Rotated::Unknown) };
                let mut login: LoginRow = decode(&row).map_err(Abort)?;
                if login.refresh_expires_at <= now {
                    logins.remove(&key)?;
                    return Ok(Rotated::Unknown);
                }
                let repeat = login.previous_hash == Some(rotation.presented)
                    && login.refresh_hash == rotation.successor
                    && now <= login.rotated_at.saturating_add(rows::span(REPEAT_WINDOW));
                if login.refresh_hash == rotation.presented {
                    login.previous_hash = Some(rotation.presented);
                    login.refresh_hash = rotation.successor;
                    login.rotated_at = now;
                    login.refresh_expires_at = millis(rotation.expires_at);
                    logins.insert(&key, encode(&login))?;
                } else if !repeat {
                    logins.remove(&key)?;
                    return Ok(Rotated::Reused);
                }
                let Some(account) = accounts.get(login.guest.to_be_bytes())? else {
                    return Ok(Rotated::Unknown);
                };
                let account: AccountRow = decode(&account).map_err(Abort)?;
                Ok(Rotated::Done(account.into(), rows::time(login.refresh_expires_at)))
            })
            .map_err(transaction_failed)
    }

    fn list(&self, after: Option<&str>, limit: usize) -> Result<Vec<Account>, Error> {
        let start = after.map_or(Bound::Unbounded, |name| Bound::Excluded(name.as_bytes()));
        let entries = self.names.range::<&[u8], _>((start, Bound::Unbounded)).take(limit);
        let accounts = entries.map(|entry| self.account(&entry.map_err(sled_failed)?.1));
        accounts.filter_map(Result::transpose).collect()
    }
}

#[async_trait]
impl Store for SledStore {
    async fn register(&self, registration: Registration) -> Result<Account, Error> {
        self.write(move |trees| trees.register(&registration)).await
    }

    async fn check_invitation(&self, code_hash: [u8; 32], now: SystemTime) -> Result<(), Error> {
        self.read(move |trees| trees.check_invitation(code_hash, now)).await
    }

    async fn create_invitation(&self, invitation: Invitation) -> Result<(), Error> {
        self.write(move |trees| {
            let code_hash = invitation.code_hash;
            let row = encode(&InvitationRow::from(invitation));
            trees.invitations.insert(code_hash, row).map(drop).map_err(sled_failed)
        })
        .await
    }

    async fn account_by_name(&self, name: &str) -> Result<Option<Account>, Error> {
        let name = name.to_owned();
        self.read(move |trees| trees.account_by_name(&name)).await
    }

    async fn record_login(&self, login: Login, rehashed: Option<String>) -> Result<(), Error> {
        self.write(move |trees| trees.record_login(&login, rehashed.as_deref())).await
    }

    async fn rotate_refresh(&self, rotation: Rotation) -> Result<Rotated, Error> {
        self.write(move |trees| trees.rotate(&rotation)).await
    }

    async fn live_login(&self, login: LoginId) -> Result<Option<Account>, Error> {
        self.read(move |trees| {
            let Some(row) = trees.logins.get(login_key(login)).map_err(sled_failed)? else {
                return Ok(None);
            };
            trees.account(&decode::<LoginRow>(&row)?.guest.to_be_bytes())
        })
        .await
    }

    async fn list_accounts(&self, after: Option<String>, limit: usize) -> Result<Vec<Account>, Error> {
        self.read(move |trees| trees.list(after.as_deref(), limit)).await
    }

    async fn has_accounts(&self) -> Result<bool, Error> {
        self.read(|trees| Ok(!trees.accounts.is_empty())).await
    }

    async fn secrets(&self) -> Result<Secrets, Error> {
        self.read(|trees| {
            let row = trees.db.get(SECRETS_KEY).map_err(sled_failed)?;
            Ok(decode::<SecretsRow>(&row.expect("`open` makes the secrets"))?.into())
        })
        .await
    }
}

#[cfg(test)]
mod tests;

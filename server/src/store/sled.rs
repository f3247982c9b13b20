//! The store on sled 0.34, the one place that names it.
//!
//! Owns opening: one process, one layout. What can be read and written is in `sled/tables.rs`, how a write becomes
//! durable in `sled/commit.rs`, and each domain's rows and transactions in its own file.

mod accounts;
mod actors;
mod blocks;
mod commit;
mod copies;
mod history;
mod invitations;
mod keys;
mod logins;
mod migration;
mod moderation;
mod reports;
mod requests;
mod rows;
mod schema;
mod tables;

pub use self::copies::{RestoreError, Restored, check_backup, restore};
pub use self::migration::{MigrateError, Migrated, migrate};

use self::commit::Writer;
use self::tables::{Tx, View};
use super::OpenError;
use crate::error::Error;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};
use tokio_util::sync::CancellationToken;

/// Page cache, bytes: a hundred thousand accounts, and little on a small machine.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;

/// The embedded store: one directory, one process.
pub struct SledStore {
    dir: PathBuf,
    db: sled::Db,
    writer: Writer,
}

/// How long a store that is in use is waited for: threads of sled let go of a file a moment after it was closed. Whoever
/// else holds it does so for longer.
const LETTING_GO: Duration = Duration::from_millis(500);

/// Opens what a thread of this process may be about to let go.
fn once_let_go<T>(open: impl Fn() -> Result<T, OpenError>) -> Result<T, OpenError> {
    let until = Instant::now() + LETTING_GO;
    loop {
        match open() {
            Err(OpenError::InUse(_)) if Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(10));
            }
            opened => return opened,
        }
    }
}

impl SledStore {
    /// Opens the store in `dir`, or makes one with fresh secrets. Blocks on the disk. `failed` is cancelled when
    /// a write could not be made durable: whoever serves must stop then.
    pub fn open(dir: &Path, now: SystemTime, failed: CancellationToken) -> Result<Self, OpenError> {
        Self::open_timed(dir, now, failed, |_| {})
    }

    /// The same; `synced` is told how long each sync of the disk took.
    pub fn open_timed(
        dir: &Path,
        now: SystemTime,
        failed: CancellationToken,
        synced: impl Fn(Duration) + Send + 'static,
    ) -> Result<Self, OpenError> {
        let damaged = |cause: &dyn std::fmt::Display| OpenError::Damaged {
            path: dir.to_owned(),
            cause: cause.to_string(),
        };
        let io = |source| OpenError::Io { path: dir.to_owned(), source };
        copies::finish_restore(dir)?;
        let db = Self::open_as_it_is(dir)?;
        schema::bring_up(&db, dir, now)?;
        Tx::run(&db, |tx| {
            tx.forget_expired_logins(now)?;
            tx.sweep_requests(rows::millis(now), usize::MAX)
        })
        .map_err(|error| damaged(&error))?;
        let data = File::open(dir.join("db")).map_err(io)?;
        let mut sync = sync_of(db.clone(), data);
        sync().map_err(|cause| damaged(&cause))?;
        // The names of new files have to outlive a power cut, too.
        for folder in
            [Some(dir), dir.parent().filter(|parent| !parent.as_os_str().is_empty())].into_iter().flatten()
        {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)?;
        }
        let timed = move || {
            let began = Instant::now();
            let done = sync();
            synced(began.elapsed());
            done
        };
        let writer = Writer::start(db.clone(), timed, &failed).map_err(io)?;
        Ok(Self { dir: dir.to_owned(), db, writer })
    }

    /// Opens what is there, whatever its layout, and holds it.
    fn open_as_it_is(dir: &Path) -> Result<sled::Db, OpenError> {
        once_let_go(|| {
            Self::config(dir).open().map_err(|error| match error {
                sled::Error::Io(source) if source.to_string().contains("could not acquire lock") => {
                    OpenError::InUse(dir.to_owned())
                }
                sled::Error::Io(source) => OpenError::Io { path: dir.to_owned(), source },
                other => OpenError::Damaged { path: dir.to_owned(), cause: other.to_string() },
            })
        })
    }

    fn config(dir: &Path) -> sled::Config {
        sled::Config::new().path(dir).cache_capacity(CACHE_BYTES).flush_every_ms(None)
    }

    /// Runs `work` off the runtime.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&View<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let db = self.db.clone();
        tokio::task::spawn_blocking(move || work(&View::of(&db)))
            .await
            .map_err(|error| Error::internal("using the store", &error))?
    }

    /// Runs `work` as one step off the runtime and returns when what it changed is on disk.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.writer.write(work).await
    }
}

/// Makes all that was written durable. sled's own flush ends in `sync_file_range`, which does not outlive a power
/// cut: `fdatasync` follows it.
fn sync_of(db: sled::Db, data: File) -> impl FnMut() -> Result<(), String> + Send + 'static {
    move || {
        db.flush().map_err(|error| error.to_string())?;
        data.sync_data().map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests;

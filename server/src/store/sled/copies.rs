//! A consistent copy of the whole store, and a store made from one.
//!
//! Owns the order of a restore: nothing that is there is touched before the backup was read to its end, and whatever
//! instant it is cut off at, the next start finds the old store or the new one, whole. Format: `store/backup.rs`.

use super::rows::millis;
use super::schema::SCHEMA;
use super::tables::{Tx, View};
use super::{SledStore, sync_of};
use crate::error::Error;
use crate::store::backup::{BackupError, Head, Next, Reader, Row, Tail, Writer};
use crate::store::{Act, Actor, Caller, CopyStore, Once, OpenError};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufReader, BufWriter, Read, Seek as _, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tokio_util::sync::CancellationToken;

/// Rows put into a new store at once.
const ROWS_AT_ONCE: usize = 1000;

/// Why a store could not be restored. The one that was there is as it was.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The backup is no good.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// A server runs on the store; or the new store could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The file system said no.
    #[error("{path}: {source}")]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// How the backup began.
    pub head: Head,
    /// How it ended.
    pub tail: Tail,
    /// Where the store that was there before is now; none: there was none.
    pub kept: Option<PathBuf>,
}

#[async_trait]
impl CopyStore for SledStore {
    async fn copy(&self, now: SystemTime) -> Result<File, Error> {
        let spool = self.dir.join(format!("copy-{:016x}", rand::random::<u64>()));
        let failed = |error: std::io::Error| Error::internal("copying the store", &error);
        // As a write it runs alone: no step is in there by half.
        self.write(move |tx| {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&spool)
                .map_err(failed)?;
            // Gone with its last reader, also after a crash.
            std::fs::remove_file(&spool).map_err(failed)?;
            let head = Head { schema: SCHEMA, made_at: now };
            let (out, tail) = tx.write_rows(BufWriter::new(file), head)?;
            let mut file = out.into_inner().map_err(|error| failed(error.into_error()))?;
            file.seek(SeekFrom::Start(0)).map_err(failed)?;
            tx.log(&Act {
                by: Actor::Host,
                once: Once::unnamed(now, Caller::Host),
                action: "Backup",
                target: String::new(),
                detail: format!("{} rows", tail.rows),
            })?;
            Ok(file)
        })
        .await
    }
}

/// Reads a backup to its end and believes it then.
///
/// Errors: [`BackupError`].
pub fn check_backup(input: impl Read) -> Result<(Head, Tail), BackupError> {
    let mut reader = Reader::new(BufReader::new(input))?;
    let head = reader.head();
    if head.schema > SCHEMA {
        return Err(BackupError::Newer { what: "schema", found: head.schema, known: SCHEMA });
    }
    loop {
        if let Next::End(tail) = reader.read_next()? {
            return Ok((head, tail));
        }
    }
}

/// Puts the store of `backup` in the place of the one in `dir`, which is kept beside it. Every login ends: a refresh
/// token that was spent since the backup must not be good again.
pub fn restore(dir: &Path, backup: &Path, now: SystemTime) -> Result<Restored, RestoreError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| RestoreError::Io { path, source }
    };
    let mut file = File::open(backup).map_err(io(backup))?;
    let (head, tail) = check_backup(&file)?;
    finish_restore(dir)?;
    let _held = super::once_let_go(|| hold(dir))?;
    let (building, built) = (beside(dir, "restoring"), beside(dir, "restored"));
    for left_over in [&building, &built] {
        if left_over.exists() {
            std::fs::remove_dir_all(left_over).map_err(io(left_over))?;
        }
    }
    file.seek(SeekFrom::Start(0)).map_err(io(backup))?;
    let filled = fill(&building, Reader::new(BufReader::new(file))?, now);
    if let Err(error) = filled {
        std::fs::remove_dir_all(&building).ok(); // the first error says more
        return Err(error);
    }
    std::fs::rename(&building, &built).map_err(io(&built))?;
    sync_folder_of(&built).map_err(io(&built))?;
    // From here on the next start would finish it.
    let kept = if dir.exists() {
        let kept = beside(dir, &format!("before-restore-{}", millis(now)));
        std::fs::rename(dir, &kept).map_err(io(&kept))?;
        Some(kept)
    } else {
        None
    };
    finish_restore(dir)?;
    Ok(Restored { head, tail, kept })
}

/// Takes up a restore that was cut off between its two renames.
pub(super) fn finish_restore(dir: &Path) -> Result<(), OpenError> {
    let built = beside(dir, "restored");
    if !dir.exists() && built.exists() {
        let io = |source| OpenError::Io { path: dir.to_owned(), source };
        match std::fs::rename(&built, dir) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && dir.exists() => {} // by another process
            renamed => renamed.map_err(io)?,
        }
        sync_folder_of(dir).map_err(io)?;
    }
    Ok(())
}

/// Keeps every server away from the store in `dir` until it is dropped.
fn hold(dir: &Path) -> Result<Option<File>, OpenError> {
    let path = dir.join("db");
    let io = |source| OpenError::Io { path: path.clone(), source };
    if !path.exists() {
        return Ok(None);
    }
    let file = OpenOptions::new().read(true).write(true).open(&path).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(dir.to_owned())),
        Err(TryLockError::Error(source)) => Err(io(source)),
    }
}

/// Makes a store in `dir` with these rows as they are, and leaves it open.
pub(super) fn pour(dir: &Path, mut reader: Reader<impl Read>) -> Result<sled::Db, RestoreError> {
    let failed = |error: &dyn std::fmt::Display| {
        RestoreError::Open(OpenError::Damaged { path: dir.to_owned(), cause: error.to_string() })
    };
    let db = SledStore::config(dir).open().map_err(|error| failed(&error))?;
    let mut rows = Vec::with_capacity(ROWS_AT_ONCE);
    loop {
        let next = reader.read_next()?;
        let end = matches!(next, Next::End(_));
        if let Next::Row(row) = next {
            rows.push(row);
        }
        if end || rows.len() == ROWS_AT_ONCE {
            insert(&db, &mut rows).map_err(|error| failed(&error))?;
        }
        if end {
            break;
        }
    }
    let data = File::open(dir.join("db")).map_err(|error| failed(&error))?;
    sync_of(db.clone(), data)().map_err(|error| failed(&error))?;
    Ok(db)
}

/// Makes a store in `dir` with these rows, and ends its logins.
#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the method alone is not general over lifetimes"
)]
fn fill(dir: &Path, reader: Reader<impl Read>, now: SystemTime) -> Result<(), RestoreError> {
    let failed = |error: &dyn std::fmt::Display| {
        RestoreError::Open(OpenError::Damaged { path: dir.to_owned(), cause: error.to_string() })
    };
    drop(pour(dir, reader)?);
    // Opening brings an older layout up to this one.
    let store = SledStore::open(dir, now, CancellationToken::new())?;
    Tx::run(&store.db, |tx| tx.end_all_logins()).map_err(|error| failed(&error))?;
    let data = File::open(dir.join("db")).map_err(|error| failed(&error))?;
    sync_of(store.db.clone(), data)().map_err(|error| failed(&error))
}

fn insert(db: &sled::Db, rows: &mut Vec<Row>) -> sled::Result<()> {
    let mut batches: BTreeMap<Vec<u8>, sled::Batch> = BTreeMap::new();
    for row in rows.drain(..) {
        batches.entry(row.table).or_default().insert(row.key, row.value);
    }
    batches.into_iter().try_for_each(|(table, batch)| db.open_tree(table)?.apply_batch(batch))
}

/// The sibling of `dir` for this purpose.
pub(super) fn beside(dir: &Path, purpose: &str) -> PathBuf {
    let mut name = dir.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(purpose);
    dir.with_file_name(name)
}

/// Makes the names in the folder of `path` outlive a power cut.
pub(super) fn sync_folder_of(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

impl View<'_> {
    /// Writes every row of every table into a backup, as it is on disk.
    pub(super) fn write_rows<W: Write>(&self, out: W, head: Head) -> Result<(W, Tail), Error> {
        let failed = |error: std::io::Error| Error::internal("copying the store", &error);
        let mut writer = Writer::new(out, head).map_err(failed)?;
        self.each_row(|table, key, value| writer.row(table, key, value).map_err(failed))?;
        writer.end().map_err(failed)
    }

    /// Every row of every table, as it is on disk.
    fn each_row(&self, mut row: impl FnMut(&[u8], &[u8], &[u8]) -> Result<(), Error>) -> Result<(), Error> {
        let failed = |error: sled::Error| Error::internal("copying the store", &error);
        let mut tables = self.db().tree_names();
        tables.sort();
        for table in tables {
            for entry in &self.db().open_tree(&table).map_err(failed)? {
                let (key, value) = entry.map_err(failed)?;
                row(&table, &key, &value)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

//! A store copied to another place, row by row, without a change to the one it comes from.
//!
//! Owns that the copy is whole or not there: it is built beside its place, read back and compared, and gets its name
//! last. While it is made nobody else has the store. What a data folder holds besides its store is for who calls.

use super::copies::{RestoreError, beside, check_backup, finish_restore, pour, sync_folder_of};
use super::tables::View;
use super::{SledStore, schema};
use crate::error::Error;
use crate::store::OpenError;
use crate::store::backup::{Head, Reader, Tail};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{BufReader, BufWriter, Seek as _, SeekFrom};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tokio_util::sync::CancellationToken;

/// Why a store could not be migrated. It is as it was, and so is the place it was to go to.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// There is nothing to migrate.
    #[error("there is no data of a castle-server in {0}: name another --data-dir")]
    NoData(PathBuf),
    /// Something is there already.
    #[error("{0} is there and not empty: name a folder that is not there yet")]
    NotEmpty(PathBuf),
    /// An earlier one was cut off.
    #[error(
        "{0} is of a migrate that was cut off, or of one that is under way: remove it when none is, and try again"
    )]
    LeftOver(PathBuf),
    /// The copy is not what was copied.
    #[error("what was written to {0} is not what was read; see to its disk")]
    Differs(PathBuf),
    /// Reading, writing or opening failed.
    #[error(transparent)]
    Copy(#[from] RestoreError),
    /// A row could not be read.
    #[error("{0}")]
    Row(#[from] Error),
}

impl From<OpenError> for MigrateError {
    fn from(error: OpenError) -> Self {
        RestoreError::Open(error).into()
    }
}

/// What was migrated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// The layout it had, and when it was copied.
    pub head: Head,
    /// How many rows, and the digest of them all.
    pub tail: Tail,
}

/// Copies the store in `from` into the folder `to`, which comes into being with it; there `store_in` says where a store
/// is, and `fill` puts what else it is to hold before it gets its name. Logins go on in the copy: nobody is to be served from the
/// old store any more, so that no token can be spent in both.
pub fn migrate(
    from: &Path,
    to: &Path,
    now: SystemTime,
    store_in: impl Fn(&Path) -> PathBuf,
    fill: impl FnOnce(&Path) -> std::io::Result<()>,
) -> Result<Migrated, MigrateError> {
    finish_restore(from)?;
    if !from.join("db").exists() {
        return Err(MigrateError::NoData(from.parent().unwrap_or(from).to_owned()));
    }
    // Held until the copy has its name.
    let source = SledStore::open_as_it_is(from)?;
    let schema = schema::version(&source, from)?;
    let schema = schema
        .ok_or_else(|| OpenError::Damaged { path: from.to_owned(), cause: "it has no schema".to_owned() })?;
    if std::fs::read_dir(to).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(MigrateError::NotEmpty(to.to_owned()));
    }
    let building = beside(to, "migrating");
    make_folder(&building)?;
    let head = Head { schema, made_at: now };
    let built = build(&source, head, &building, &store_in(&building)).and_then(|tail| {
        fill(&building).and_then(|()| sync(&building)).map_err(at(&building))?;
        // An empty folder gives way; one that is not empty by now does not.
        std::fs::rename(&building, to).map_err(at(to))?;
        sync_folder_of(to).map_err(at(to))?;
        Ok(Migrated { head, tail })
    });
    if built.is_err() {
        std::fs::remove_dir_all(&building).ok(); // the first error says more
    }
    built
}

fn at(path: &Path) -> impl FnOnce(std::io::Error) -> MigrateError {
    let path = path.to_owned();
    move |source| RestoreError::Io { path, source }.into()
}

/// For its owner only; never one that is there.
fn make_folder(dir: &Path) -> Result<(), MigrateError> {
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    if let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        builder.recursive(true).create(parent).map_err(at(parent))?;
    }
    builder.recursive(false).create(dir).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => MigrateError::LeftOver(dir.to_owned()),
        _ => at(dir)(error),
    })
}

/// Makes the store in `store`, within `building`, and reads it back.
fn build(source: &sled::Db, head: Head, building: &Path, store: &Path) -> Result<Tail, MigrateError> {
    let spool = building.join("copy");
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&spool);
    let file = file.map_err(at(&spool))?;
    std::fs::remove_file(&spool).map_err(at(&spool))?; // gone with its last reader
    let (out, tail) = View::of(source).write_rows(BufWriter::new(file), head)?;
    let mut file = out.into_inner().map_err(|error| at(&spool)(error.into_error()))?;
    let rewind = |file: &mut File| file.seek(SeekFrom::Start(0)).map(drop).map_err(at(&spool));
    rewind(&mut file)?;
    check_backup(&file).map_err(RestoreError::from)?;
    rewind(&mut file)?;
    let copy = pour(store, Reader::new(BufReader::new(file)).map_err(RestoreError::from)?)?;
    let (_, copied) = View::of(&copy).write_rows(std::io::sink(), head)?;
    drop(copy);
    if copied != tail {
        return Err(MigrateError::Differs(store.to_owned()));
    }
    // Opening brings an older layout up to this one, and makes the names of its files outlive a power cut.
    drop(SledStore::open(store, head.made_at, CancellationToken::new())?);
    Ok(tail)
}

/// Makes what is directly in `dir` outlive a power cut; of folders their names.
fn sync(dir: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        File::open(entry?.path())?.sync_all()?;
    }
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests;

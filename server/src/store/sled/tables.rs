//! Typed tables over sled's trees, and what one write sees and changes.
//!
//! Owns reading (`View`), and writing as one step that is there whole or not at all, also after a power cut (`Tx`).
//! Knows no table by name: each domain's file declares its own.

use super::rows::{decode, encode};
use crate::error::Error;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sled::Transactional as _;
use sled::transaction::{ConflictableTransactionResult, TransactionError};
use std::collections::BTreeMap;
use std::collections::btree_map;
use std::convert::Infallible;
use std::iter::Peekable;
use std::marker::PhantomData;
use std::ops::{Bound, Deref};

/// A table: its name on disk, and the type of its rows.
pub(super) struct Table<R> {
    name: &'static str,
    rows: PhantomData<fn() -> R>,
}

impl<R> Table<R> {
    /// The table with this name on disk. Names are never used again for something else.
    pub(super) const fn named(name: &'static str) -> Self {
        Self { name, rows: PhantomData }
    }
}

/// Changed rows of one table; none: removed.
type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;
/// A row as it is on disk, with its key.
pub(super) type Bytes = (Vec<u8>, Vec<u8>);

/// What can be read: the tables as they are, under what this step has changed so far.
pub(super) struct View<'a> {
    db: &'a sled::Db,
    changes: BTreeMap<&'static str, Changes>,
}

/// One write. Steps run one after the other, so what a step has read stays true until it is done; what it changed
/// is applied at its end, if it did not fail.
pub(super) struct Tx<'a>(View<'a>);

impl<'a> View<'a> {
    pub(super) fn of(db: &'a sled::Db) -> Self {
        Self { db, changes: BTreeMap::new() }
    }

    /// All there is, whatever it means.
    pub(super) fn db(&self) -> &'a sled::Db {
        self.db
    }

    /// The row under `key`.
    pub(super) fn get<R: DeserializeOwned>(
        &self,
        table: &Table<R>,
        key: impl AsRef<[u8]>,
    ) -> Result<Option<R>, Error> {
        self.bytes(table.name, key.as_ref())?.map(|bytes| decode(&bytes)).transpose()
    }

    /// Whether there is a row under `key`.
    pub(super) fn has<R>(&self, table: &Table<R>, key: impl AsRef<[u8]>) -> Result<bool, Error> {
        Ok(self.bytes(table.name, key.as_ref())?.is_some())
    }

    /// Rows sorted by key: those whose key begins with `prefix`, after the key `after`.
    pub(super) fn scan<R: DeserializeOwned>(
        &self,
        table: &Table<R>,
        prefix: &[u8],
        after: Option<&[u8]>,
    ) -> Result<impl Iterator<Item = Result<(Vec<u8>, R), Error>> + use<'_, R>, Error> {
        let prefix = prefix.to_vec();
        let from = match after {
            Some(after) if after >= &prefix[..] => Bound::Excluded(after.to_vec()),
            _ => Bound::Included(prefix.clone()),
        };
        let disk = open(self.db, table.name)?.range((from.clone(), Bound::Unbounded));
        let changed = self.changes.get(table.name).map(|changes| changes.range((from, Bound::Unbounded)));
        let merged = Merged { disk: disk.peekable(), changed: changed.map(Iterator::peekable) };
        Ok(merged
            .take_while(move |row| row.as_ref().map_or(true, |(key, _)| key.starts_with(&prefix)))
            .map(|row| row.and_then(|(key, bytes)| Ok((key, decode(&bytes)?)))))
    }

    /// The last key that begins with `prefix`.
    pub(super) fn last_key<R>(&self, table: &Table<R>, prefix: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let changed = self.changes.get(table.name);
        let begins = |key: &[u8]| key.starts_with(prefix);
        let mut disk = open(self.db, table.name)?.scan_prefix(prefix).rev();
        let on_disk = loop {
            let Some(key) = disk.next().transpose().map_err(sled_failed)?.map(|(key, _)| key.to_vec()) else {
                break None;
            };
            if changed.is_none_or(|changes| changes.get(&key) != Some(&None)) {
                break Some(key);
            }
        };
        let from = (Bound::Included(prefix.to_vec()), Bound::Unbounded);
        let fresh = changed.into_iter().flat_map(|changes| changes.range(from.clone()));
        let fresh = fresh.take_while(|(key, _)| begins(key)).filter(|(_, row)| row.is_some());
        Ok(fresh.map(|(key, _)| key.clone()).last().max(on_disk))
    }

    /// Every row as it is on disk, for a step to another layout.
    pub(super) fn scan_bytes<R>(&self, table: &Table<R>) -> Result<Vec<Bytes>, Error> {
        let rows = open(self.db, table.name)?.iter();
        rows.map(|row| row.map(|(key, bytes)| (key.to_vec(), bytes.to_vec())).map_err(sled_failed)).collect()
    }

    /// The bytes under `key`, where a row is not JSON.
    pub(super) fn bytes(&self, table: &'static str, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        if let Some(changed) = self.changes.get(table).and_then(|changes| changes.get(key)) {
            return Ok(changed.clone());
        }
        let bytes = open(self.db, table)?.get(key).map_err(sled_failed)?;
        Ok(bytes.map(|bytes| bytes.to_vec()))
    }
}

impl<'a> Deref for Tx<'a> {
    type Target = View<'a>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Tx<'_> {
    /// Runs one step. Only the thread that writes may. The outer error is the disk's: what was to be written may be
    /// there by half until the store is opened again.
    pub(super) fn step<T>(
        db: &sled::Db,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, Error>,
    ) -> Result<Result<T, Error>, Error> {
        let mut tx = Tx(View::of(db));
        match work(&mut tx) {
            Ok(done) => apply(db, tx.0.changes).map(|()| Ok(done)).map_err(sled_failed),
            Err(refused) => Ok(Err(refused)),
        }
    }

    /// Runs one step while nobody else has the store.
    pub(super) fn run<T>(
        db: &sled::Db,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        Self::step(db, work).flatten()
    }

    /// Sets the row under `key`.
    pub(super) fn put<R: Serialize>(&mut self, table: &Table<R>, key: impl AsRef<[u8]>, row: &R) {
        self.put_bytes(table.name, key.as_ref(), encode(row));
    }

    /// Removes the row under `key`, if there is one.
    pub(super) fn remove<R>(&mut self, table: &Table<R>, key: impl AsRef<[u8]>) {
        self.0.changes.entry(table.name).or_default().insert(key.as_ref().to_vec(), None);
    }

    /// Sets the bytes under `key`, where a row is not JSON.
    pub(super) fn put_bytes(&mut self, table: &'static str, key: &[u8], bytes: Vec<u8>) {
        self.0.changes.entry(table).or_default().insert(key.to_vec(), Some(bytes));
    }
}

/// Applies changes so that all or none of them are found after a crash.
fn apply(db: &sled::Db, changes: BTreeMap<&'static str, Changes>) -> sled::Result<()> {
    let mut trees = Vec::with_capacity(changes.len());
    let mut batches = Vec::with_capacity(changes.len());
    for (name, changes) in changes {
        let mut batch = sled::Batch::default();
        for (key, bytes) in changes {
            match bytes {
                Some(bytes) => batch.insert(key, bytes),
                None => batch.remove(key),
            }
        }
        trees.push(db.open_tree(name)?);
        batches.push(batch);
    }
    match (&trees[..], &batches[..]) {
        ([], _) => Ok(()),
        ([tree], [batch]) => tree.apply_batch(batch.clone()),
        (trees, batches) => trees
            .transaction(|views| -> ConflictableTransactionResult<(), Infallible> {
                for (view, batch) in views.iter().zip(batches) {
                    view.apply_batch(batch)?;
                }
                Ok(())
            })
            .map_err(|error| match error {
                TransactionError::Storage(error) => error,
                TransactionError::Abort(never) => match never {},
            }),
    }
}

/// Rows of the disk under rows that were changed, in the order of their keys.
struct Merged<'a> {
    disk: Peekable<sled::Iter>,
    changed: Option<Peekable<Changed<'a>>>,
}

type Changed<'a> = btree_map::Range<'a, Vec<u8>, Option<Vec<u8>>>;

impl Iterator for Merged<'_> {
    type Item = Result<Bytes, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let changed = self.changed.as_mut().and_then(Peekable::peek).map(|(key, _)| &key[..]);
            let order = match (self.disk.peek(), changed) {
                (None, None) => return None,
                (Some(Ok((disk, _))), Some(changed)) => changed.cmp(disk),
                (Some(_), _) => std::cmp::Ordering::Greater,
                (None, Some(_)) => std::cmp::Ordering::Less,
            };
            if order.is_gt() {
                let row = self.disk.next()?.map_err(sled_failed);
                return Some(row.map(|(key, bytes)| (key.to_vec(), bytes.to_vec())));
            }
            if order.is_eq() {
                self.disk.next();
            }
            if let (key, Some(bytes)) = self.changed.as_mut()?.next()? {
                return Some(Ok((key.clone(), bytes.clone())));
            }
        }
    }
}

fn open(db: &sled::Db, name: &str) -> Result<sled::Tree, Error> {
    db.open_tree(name).map_err(sled_failed)
}

fn sled_failed(error: sled::Error) -> Error {
    Error::internal("using the store", &error)
}

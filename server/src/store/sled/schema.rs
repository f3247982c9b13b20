//! The layout of tables and rows, and how an older one becomes this one.
//!
//! Owns the version and the steps between versions. A step is one write together with the new version, so that a
//! crash in its middle leaves the old layout whole.

use super::accounts::NAMES;
use super::actors;
use super::keys;
use super::tables::{Tx, View};
use crate::error::Error;
use crate::names::fold;
use crate::store::OpenError;
use std::path::Path;
use std::time::SystemTime;

/// The layout written here. Raised with every release whose rows an older program would misread.
pub(super) const SCHEMA: u32 = 4;
/// Where the version is found, in every layout: four bytes, big-endian.
pub(super) const META: &str = "__sled__default";
pub(super) const SCHEMA_KEY: &[u8] = b"schema";

/// From one layout to the next.
type Step = fn(&mut Tx<'_>, SystemTime) -> Result<(), Error>;
/// `STEPS[n]` leads from layout n + 1.
const STEPS: [Step; SCHEMA as usize - 1] = [from_1, keys::from_2, actors::from_3];

/// Makes a new store, or brings an older one to this layout.
pub(super) fn bring_up(db: &sled::Db, dir: &Path, now: SystemTime) -> Result<(), OpenError> {
    let failed = |error: Error| OpenError::Damaged { path: dir.to_owned(), cause: error.to_string() };
    let Some(found) = version(db, dir)? else {
        return Tx::run(db, |tx| {
            keys::make_secrets(tx, now);
            set_schema(tx, SCHEMA);
            Ok(())
        })
        .map_err(failed);
    };
    for (step, version) in STEPS.iter().zip(2..).skip(found as usize - 1) {
        tracing::info!(version, "bringing the store to a newer layout");
        Tx::run(db, |tx| {
            step(tx, now)?;
            set_schema(tx, version);
            Ok(())
        })
        .map_err(failed)?;
    }
    Ok(())
}

/// The version of what is there, one that is known here; none: nothing is there.
pub(super) fn version(db: &sled::Db, dir: &Path) -> Result<Option<u32>, OpenError> {
    let damaged = |cause: String| OpenError::Damaged { path: dir.to_owned(), cause };
    let bytes = View::of(db).bytes(META, SCHEMA_KEY).map_err(|error| damaged(error.to_string()))?;
    let Some(bytes) = bytes else {
        let used = !db.is_empty() || db.tree_names().len() > 1;
        return if used { Err(damaged("it has no schema".to_owned())) } else { Ok(None) };
    };
    let found = bytes.try_into().map(u32::from_be_bytes);
    let found = found.map_err(|_| damaged("its schema is unreadable".to_owned()))?;
    if found == 0 || found > SCHEMA {
        return Err(OpenError::Newer { path: dir.to_owned(), found, known: SCHEMA });
    }
    Ok(Some(found))
}

fn set_schema(tx: &mut Tx<'_>, version: u32) {
    tx.put_bytes(META, SCHEMA_KEY, version.to_be_bytes().to_vec());
}

/// Names were unfolded and pointed to accounts by 16 raw bytes, logins were not found by their guest, and there was
/// one signing key.
fn from_1(tx: &mut Tx<'_>, now: SystemTime) -> Result<(), Error> {
    keys::from_1(tx, now)?;
    let names = tx.scan_bytes(&NAMES)?;
    for (name, bytes) in names {
        let guest = bytes
            .try_into()
            .map(u128::from_be_bytes)
            .map_err(|_| Error::internal("bringing the store to a newer layout", &"a name points nowhere"))?;
        let folded = std::str::from_utf8(&name).map_or_else(|_| name.clone(), |name| fold(name).into_bytes());
        tx.remove(&NAMES, name);
        tx.put(&NAMES, folded, &guest);
    }
    tx.index_logins()
}

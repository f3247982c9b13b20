//! The layout of tables and rows, and how an older one becomes this one.
//!
//! Owns the version and the steps between versions. A step is one write together with the new version, so that a
//! crash in its middle leaves the old layout whole.

use super::accounts::{AccountRow, NAMES};
use super::actors;
use super::keys;
use super::tables::{Tx, View};
use crate::error::Error;
use crate::names::{fold, normalize};
use crate::store::OpenError;
use castle::ids::GuestId;
use castle::limits::NAME_CHARS_MAX;
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
    let odd = |why: &str| Error::internal("bringing the store to a newer layout", &why);
    let mut names = Vec::new();
    for (name, bytes) in tx.scan_bytes(&NAMES)? {
        let name = String::from_utf8(name).map_err(|_| odd("a name is no text"))?;
        let bits = bytes.try_into().map(u128::from_be_bytes).map_err(|_| odd("a name points nowhere"))?;
        let guest = GuestId::from_bits(bits);
        tx.remove(&NAMES, &name);
        names.extend(tx.account(guest)?.map(|account| (account.created_at, name, guest)));
    }
    // Of two that are one name by now, who came first keeps it.
    names.sort();
    let mut nameless = Vec::new();
    for (_, name, guest) in names {
        if tx.has(&NAMES, fold(&name))? {
            nameless.push((name, guest));
        } else {
            tx.put(&NAMES, fold(&name), &guest.to_bits());
        }
    }
    nameless.into_iter().try_for_each(|(name, guest)| rename(tx, guest, &name))?;
    tx.index_logins()
}

/// Gives an account a name that is free, since its own is another's.
fn rename(tx: &mut Tx<'_>, guest: GuestId, name: &str) -> Result<(), Error> {
    let begin: String = name.chars().take(NAME_CHARS_MAX - 4).collect();
    let numbered = (2..1000).map(|n| format!("{begin}-{n}"));
    // Some scripts take no such digits.
    for free in numbered.chain([format!("guest-{:x}", guest.to_bits() >> 64)]) {
        if normalize(&free).as_ref() == Ok(&free) && !tx.has(&NAMES, fold(&free))? {
            tracing::warn!(%guest, name, now = free, "this login name is another's: tell the guest the new one");
            tx.put(&NAMES, fold(&free), &guest.to_bits());
            let account = tx.account_row(guest)?;
            tx.put_account(&AccountRow { name: free, ..account });
            return Ok(());
        }
    }
    Err(Error::internal("bringing the store to a newer layout", &"no name is free for a guest"))
}

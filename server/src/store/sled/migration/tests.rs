//! What is copied, what is refused, and that neither end is ever there by half.

use super::super::tables::Tx;
use super::*;
use crate::store::{AccountStore as _, KeyStore as _};
use std::time::UNIX_EPOCH;

const NOW: SystemTime = UNIX_EPOCH;

fn open(dir: &Path) -> SledStore {
    SledStore::open(dir, NOW, CancellationToken::new()).unwrap()
}

fn store_in(dir: &Path) -> PathBuf {
    dir.join("store")
}

fn moved(from: &Path, to: &Path) -> Result<Migrated, MigrateError> {
    migrate(from, to, NOW, store_in, |_| Ok(()))
}

/// Every row, as it is on disk.
fn rows(dir: &Path) -> Tail {
    let db = SledStore::open_as_it_is(dir).unwrap();
    View::of(&db).write_rows(std::io::sink(), Head { schema: 0, made_at: NOW }).unwrap().1
}

#[tokio::test]
async fn the_copy_has_every_row_and_the_source_keeps_its_own() {
    let home = tempfile::tempdir().unwrap();
    let (from, to) = (home.path().join("from"), home.path().join("new/hall"));
    let key = open(&from).signing_keys(NOW).await.unwrap().remove(0).id;
    let before = rows(&from);
    let migrated =
        migrate(&from, &to, NOW, store_in, |building| std::fs::write(building.join("note"), "here"));
    let migrated = migrated.unwrap();
    assert_eq!((migrated.head.schema, migrated.tail.rows), (schema::SCHEMA, before.rows));
    assert_eq!(std::fs::read_to_string(to.join("note")).unwrap(), "here");
    assert_eq!((rows(&from), rows(&store_in(&to))), (before, before));
    assert_eq!(open(&store_in(&to)).signing_keys(NOW).await.unwrap()[0].id, key);
    let left: Vec<_> = std::fs::read_dir(home.path().join("new")).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[tokio::test]
async fn an_older_layout_stays_in_the_source_and_is_brought_up_in_the_copy() {
    let home = tempfile::tempdir().unwrap();
    let (from, to) = (home.path().join("from"), home.path().join("to"));
    let id = 7u128.to_be_bytes();
    let row = r#"{"id":7,"name":"alice","display_name":"A","admin":false,"password_hash":"h","created_at":1,"last_login_at":null}"#;
    let db = SledStore::open_as_it_is(&from).unwrap();
    Tx::run(&db, |tx| {
        tx.put_bytes(schema::META, schema::SCHEMA_KEY, 1u32.to_be_bytes().to_vec());
        tx.put_bytes("names", b"alice", id.to_vec());
        tx.put_bytes("accounts", &id, row.as_bytes().to_vec());
        Ok(())
    })
    .unwrap();
    drop(db);
    let before = rows(&from);
    assert_eq!(moved(&from, &to).unwrap().head.schema, 1);
    assert_eq!(rows(&from), before);
    assert_eq!(open(&store_in(&to)).account_by_name("alice").await.unwrap().unwrap().display_name, "A");
}

#[test]
fn what_is_in_the_way_is_refused_and_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let (from, to) = (home.path().join("from"), home.path().join("to"));
    assert!(matches!(moved(&from, &to), Err(MigrateError::NoData(_))));
    assert!(!from.exists(), "nothing is made where nothing was");
    let held = open(&from);
    let in_use = |refused: &MigrateError| {
        matches!(refused, MigrateError::Copy(RestoreError::Open(OpenError::InUse(_))))
    };
    assert!(in_use(&moved(&from, &to).unwrap_err()));
    drop(held);
    std::fs::create_dir(&to).unwrap();
    std::fs::write(to.join("mine"), "").unwrap();
    assert!(matches!(moved(&from, &to), Err(MigrateError::NotEmpty(_))));
    std::fs::remove_file(to.join("mine")).unwrap();
    std::fs::create_dir(home.path().join("to.migrating")).unwrap();
    assert!(matches!(moved(&from, &to), Err(MigrateError::LeftOver(_))));
    std::fs::remove_dir(home.path().join("to.migrating")).unwrap();
    assert!(moved(&from, &to).is_ok(), "an empty folder gives way");
    assert!(matches!(moved(&from, &to), Err(MigrateError::NotEmpty(_))), "and a copy does not");
}

#[test]
fn a_copy_that_fails_at_its_end_was_never_there() {
    let home = tempfile::tempdir().unwrap();
    let (from, to) = (home.path().join("from"), home.path().join("to"));
    drop(open(&from));
    let before = rows(&from);
    let full = |_: &Path| Err(std::io::Error::from(std::io::ErrorKind::StorageFull));
    assert!(migrate(&from, &to, NOW, store_in, full).is_err());
    let late = |_: &Path| std::fs::create_dir_all(to.join("meanwhile"));
    assert!(migrate(&from, &to, NOW, store_in, late).is_err(), "somebody else made the folder");
    assert!(!to.join("store").exists() && !home.path().join("to.migrating").exists());
    assert_eq!(rows(&from), before);
    // No server starts on the source while it is copied.
    std::fs::remove_dir_all(&to).unwrap();
    let held = |_: &Path| {
        let second = SledStore::open(&from, NOW, CancellationToken::new());
        assert!(matches!(second, Err(OpenError::InUse(_))));
        Ok(())
    };
    assert!(migrate(&from, &to, NOW, store_in, held).is_ok());
}

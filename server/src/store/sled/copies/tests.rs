//! Copies under load, and restores that are cut off.

use super::super::tables::Table;
use super::*;
use crate::store::backup;
use crate::store::{AccountStore as _, KeyStore as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::UNIX_EPOCH;

const NOW: SystemTime = UNIX_EPOCH;
/// What is moved from the one to the other, one at a time.
const HERE: Table<u32> = Table::named("here");
const THERE: Table<u32> = Table::named("there");
const ALL: u32 = 1_000_000;
/// Backups taken under load.
const COPIES: usize = 40;

fn open(dir: &Path) -> SledStore {
    SledStore::open(dir, NOW, CancellationToken::new()).unwrap()
}

fn bytes_of(mut file: File) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_copy_has_a_step_by_half_and_each_has_what_was_acknowledged_before() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(open(dir.path()));
    let write = |work: fn(&mut Tx<'_>) -> Result<(), Error>| store.write(work);
    write(|tx| {
        tx.put(&HERE, "sum", &ALL);
        tx.put(&THERE, "sum", &0);
        Ok(())
    })
    .await
    .unwrap();
    let (over, moved) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let movers: Vec<_> = (0..4)
        .map(|_| {
            let (store, over, moved) = (Arc::clone(&store), Arc::clone(&over), Arc::clone(&moved));
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    let step = store.write(|tx| {
                        let here = tx.get(&HERE, "sum")?.unwrap();
                        let there = tx.get(&THERE, "sum")?.unwrap();
                        tx.put(&HERE, "sum", &(here - 1));
                        tx.put(&THERE, "sum", &(there + 1));
                        Ok(there + 1)
                    });
                    moved.fetch_max(step.await.unwrap(), Ordering::SeqCst);
                }
            })
        })
        .collect();
    let mut seen = Vec::new();
    for _ in 0..COPIES {
        let before = moved.load(Ordering::SeqCst);
        let backup = backup::read(&bytes_of(store.copy(NOW).await.unwrap())).unwrap();
        let value = |table: &str| -> u32 {
            let row = backup.rows.iter().find(|row| row.table == table.as_bytes()).unwrap();
            serde_json::from_slice(&row.value).unwrap()
        };
        assert_eq!(value("here") + value("there"), ALL);
        assert!(value("there") >= before, "an acknowledged write is missing");
        seen.push(value("there"));
    }
    over.store(true, Ordering::Relaxed);
    for mover in movers {
        mover.await.unwrap();
    }
    assert!(seen.is_sorted() && seen[0] < seen[COPIES - 1], "there was load: {seen:?}");
}

/// A backup with these rows, as a file.
fn backup_in(dir: &Path, schema: u32, rows: &[(&str, &[u8], &str)]) -> PathBuf {
    let mut writer = Writer::new(Vec::new(), Head { schema, made_at: NOW }).unwrap();
    for (table, key, value) in rows {
        writer.row(table.as_bytes(), key, value.as_bytes()).unwrap();
    }
    let path = dir.join("backup");
    std::fs::write(&path, writer.end().unwrap().0).unwrap();
    path
}

#[tokio::test]
async fn a_backup_of_an_older_layout_is_brought_up() {
    let home = tempfile::tempdir().unwrap();
    let id = 7u128.to_be_bytes();
    let rows = [
        ("__sled__default", &b"schema"[..], "\0\0\0\u{1}"),
        ("names", b"alice", std::str::from_utf8(&id).unwrap()),
        (
            "accounts",
            &id,
            r#"{"id":7,"name":"alice","display_name":"A","admin":false,"password_hash":"h","created_at":1,"last_login_at":null}"#,
        ),
    ];
    let dir = home.path().join("store");
    let restored = restore(&dir, &backup_in(home.path(), 1, &rows), NOW).unwrap();
    assert_eq!((restored.kept, restored.tail.rows), (None, 3));
    assert_eq!(open(&dir).account_by_name("alice").await.unwrap().unwrap().display_name, "A");
}

#[tokio::test]
async fn a_restore_that_is_cut_off_is_finished_at_the_next_start_or_never_was() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("store");
    let store = open(&dir);
    let key = store.signing_keys(NOW).await.unwrap().remove(0).id;
    let file = home.path().join("backup");
    std::fs::write(&file, bytes_of(store.copy(NOW).await.unwrap())).unwrap();
    drop(store);
    // Cut off while the new store was being filled: the old one is there, and the rubbish harms nothing.
    std::fs::create_dir(beside(&dir, "restoring")).unwrap();
    std::fs::write(beside(&dir, "restoring").join("db"), b"half").unwrap();
    assert_eq!(open(&dir).signing_keys(NOW).await.unwrap()[0].id, key);
    // Cut off between the two renames: there is no store, and the next start takes the new one.
    let first = restore(&dir, &file, NOW).unwrap();
    std::fs::rename(&dir, beside(&dir, "restored")).unwrap();
    assert_eq!(open(&dir).signing_keys(NOW).await.unwrap()[0].id, key);
    // Cut off just before them: the old one counts, and another restore begins anew.
    std::fs::rename(first.kept.unwrap(), beside(&dir, "restored")).unwrap();
    assert_eq!(open(&dir).signing_keys(NOW).await.unwrap()[0].id, key);
    let again = restore(&dir, &file, NOW + std::time::Duration::from_secs(1)).unwrap();
    assert!(again.kept.unwrap().is_dir() && !beside(&dir, "restored").exists());
}

#[test]
fn a_store_that_is_held_is_not_restored_and_the_next_try_is_free() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("store");
    let file = backup_in(home.path(), SCHEMA, &[]);
    let store = open(&dir);
    assert!(matches!(restore(&dir, &file, NOW), Err(RestoreError::Open(OpenError::InUse(_)))));
    drop(store);
    let newer = backup_in(home.path(), SCHEMA + 1, &[]);
    let refused = restore(&dir, &newer, NOW);
    assert!(matches!(refused, Err(RestoreError::Backup(BackupError::Newer { what: "schema", .. }))));
    let held = hold(&dir).unwrap();
    let second = SledStore::open(&dir, NOW, CancellationToken::new());
    assert!(matches!(second, Err(OpenError::InUse(_))), "no server starts while a restore is under way");
    drop(held);
    open(&dir);
}

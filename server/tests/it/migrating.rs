//! A store of the first layout whose bringing up is killed at random instants: the next start finds the old layout or
//! the new one, whole.
//!
//! `CASTLE_KILLS` sets how often it is killed (default [`KILLS`]), `CASTLE_SEED` the instants.

use crate::cli::{castle_server, json_of, run};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use std::io::Read as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;

const KILLS: u64 = 6;
/// So many that bringing them up takes a while.
const ACCOUNTS: u128 = 3_000;
const LIST: [&str; 5] = ["guest", "list", "--json", "--data-dir", "data"];

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

/// A store as the first layout wrote it: names that point by raw bytes, and one signing key.
fn of_the_first_layout(home: &Path) {
    let store = castle_server::admin::store_dir(&home.join("data"));
    std::fs::create_dir_all(&store).unwrap();
    let db = sled::open(store).unwrap();
    db.insert("schema", &1u32.to_be_bytes()).unwrap();
    let key = vec![7; 32];
    let secrets =
        json!({"signing_key_id": "0a", "signing_seed": key, "refresh": key, "call": key, "turn": "t"});
    db.insert("secrets", secrets.to_string().as_bytes()).unwrap();
    let (accounts, names) = (db.open_tree("accounts").unwrap(), db.open_tree("names").unwrap());
    for id in 1..=ACCOUNTS {
        let name = format!("guest{id}");
        let row = json!({"id": id as u64, "name": name, "display_name": name, "admin": id == 1,
            "password_hash": "hash", "created_at": 5, "last_login_at": null});
        accounts.insert(id.to_be_bytes(), row.to_string().as_bytes()).unwrap();
        names.insert(&name, &id.to_be_bytes()).unwrap();
    }
    db.flush().unwrap();
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[tokio::test]
async fn killed_while_it_brings_an_older_store_up_it_leaves_all_that_was_in_it() {
    let old = TempDir::new().unwrap();
    of_the_first_layout(old.path());
    let (kills, seed) = (setting("CASTLE_KILLS", KILLS), setting("CASTLE_SEED", 1));
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut cut_off = 0;
    for round in 0..kills {
        let home = TempDir::new().unwrap();
        copy(old.path(), home.path());
        let mut command = castle_server(home.path(), &LIST);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut out = child.stdout.take().unwrap();
        let listing = tokio::task::spawn_blocking(move || out.read_to_end(&mut Vec::new()).unwrap());
        // It ends by itself, or this is the instant of the kill.
        let instant = Duration::from_micros(random.random_range(0..250_000));
        cut_off += u32::from(tokio::time::timeout(instant, listing).await.is_err());
        child.kill().unwrap();
        child.wait().unwrap();
        let listed = json_of(&run(home.path(), &LIST));
        let count = listed.as_array().expect("a list").len() as u128;
        assert_eq!(count, ACCOUNTS, "round {round} of seed {seed}");
    }
    println!("seed {seed}: {cut_off} of {kills} were cut off");
}

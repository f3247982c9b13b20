//! Backup, restore and migrate as a host does them.

use crate::cli::{Served, json_of, run, stderr};
use crate::support::{PASSWORD, logging_in, reason, registering};
use castle::v1;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use tempfile::TempDir;

async fn register(served: &Served, home: &Path, name: &str) -> v1::Tokens {
    let made = json_of(&run(home, &["invite", "create", "--data-dir", "data", "--json"]));
    let invitation_code = made["code"].as_str().unwrap().to_owned();
    let request = v1::RegisterRequest { invitation_code, ..registering(name) };
    served.client().await.register(request).await.unwrap().into_inner().tokens.unwrap()
}

fn names(home: &Path) -> Vec<String> {
    let listed = json_of(&run(home, &["guest", "list", "--data-dir", "data", "--json"]));
    listed.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
}

/// What is in the data folder.
fn folder(home: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(home.join("data")).unwrap();
    let mut entries: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    entries.sort();
    entries
}

const BACKUP: [&str; 5] = ["backup", "--data-dir", "data", "--json", "kept.castle"];
const RESTORE: [&str; 5] = ["restore", "--data-dir", "data", "--json", "kept.castle"];

#[tokio::test]
async fn a_backup_of_a_running_server_brings_back_what_was_there() {
    let home = TempDir::new().unwrap();
    let served = Served::start(home.path());
    let tokens = register(&served, home.path(), "alice").await;
    let made = json_of(&run(home.path(), &BACKUP));
    let file = home.path().join("kept.castle");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(made["bytes"].as_u64(), Some(file.metadata().unwrap().len()));
    assert_eq!(made["sha256"].as_str().unwrap().len(), 64);
    assert!(!home.path().join("kept.castle.partial").exists());
    register(&served, home.path(), "bob").await;
    let refused = run(home.path(), &RESTORE);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("is in use by another castle-server"), "{}", stderr(&refused));
    assert_eq!(served.terminate().code(), Some(0));
    let restored = json_of(&run(home.path(), &RESTORE));
    assert_eq!(restored["rows"], made["rows"]);
    assert_eq!(restored["sha256"], made["sha256"]);
    assert_eq!(names(home.path()), ["alice"]);
    let kept = restored["kept"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    assert_eq!(folder(home.path()), ["reached-at".to_owned(), "store".to_owned(), kept]);
    let served = Served::start(home.path());
    let refresh = v1::RefreshRequest { refresh_token: tokens.refresh_token, request_id: String::new() };
    let refused = served.client().await.refresh(refresh).await.unwrap_err();
    assert_eq!(reason(&refused), "REFRESH_INVALID", "who was logged in is not any more");
    assert!(served.client().await.login(logging_in("alice", PASSWORD)).await.is_ok());
    assert_eq!(served.terminate().code(), Some(0));
    let again = json_of(&run(home.path(), &BACKUP));
    assert!(again["rows"].as_u64().unwrap() > 0, "without a server, over the old file");
}

#[tokio::test]
async fn a_file_that_is_no_good_is_refused_and_nothing_is_touched() {
    let home = TempDir::new().unwrap();
    let served = Served::start(home.path());
    register(&served, home.path(), "alice").await;
    json_of(&run(home.path(), &BACKUP));
    register(&served, home.path(), "bob").await;
    assert_eq!(served.terminate().code(), Some(0));
    let file = home.path().join("kept.castle");
    let whole = std::fs::read(&file).unwrap();
    let before = folder(home.path());
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    let mut newer = whole.clone();
    newer[21] = 200;
    for (bytes, words) in [
        (&whole[..whole.len() - 1], "cut off"),
        (&changed, "damaged"),
        (&newer, "newer castle-server (schema"),
        (&b"a picture"[..], "not a backup"),
        (b"", "not a backup"),
    ] {
        std::fs::write(&file, bytes).unwrap();
        let refused = run(home.path(), &RESTORE);
        assert_eq!(refused.status.code(), Some(1));
        assert!(stderr(&refused).contains(words), "{words}: {}", stderr(&refused));
        assert_eq!(
            (folder(home.path()), names(home.path())),
            (before.clone(), vec!["alice".into(), "bob".into()])
        );
        let nowhere = run(home.path(), &["restore", "--data-dir", "fresh", "kept.castle"]);
        assert_eq!((nowhere.status.code(), home.path().join("fresh").exists()), (Some(1), false));
    }
    assert_eq!(run(home.path(), &["restore", "--data-dir", "data", "nowhere"]).status.code(), Some(1));
    std::fs::write(&file, &whole).unwrap();
    let restored = json_of(&run(home.path(), &["restore", "--data-dir", "fresh", "--json", "kept.castle"]));
    assert_eq!(restored["kept"], Value::Null, "into a folder where nothing was");
    assert!(home.path().join("fresh/store").is_dir());
}

#[tokio::test]
async fn a_migrated_hall_goes_on_where_it_was_and_the_old_one_is_left_as_it_is() {
    let home = TempDir::new().unwrap();
    let served = Served::start(home.path());
    let tokens = register(&served, home.path(), "alice").await;
    let to = home.path().join("new/data");
    let url = format!("sled://{}", to.display());
    let migrate = ["migrate", "--data-dir", "data", "--to", &url, "--json"];
    let refused = run(home.path(), &migrate);
    assert_eq!((refused.status.code(), to.exists()), (Some(1), false));
    assert!(stderr(&refused).contains("is in use by another castle-server"), "{}", stderr(&refused));
    assert_eq!(served.terminate().code(), Some(0));
    std::fs::write(home.path().join("data/tls-cert.pem"), "a certificate").unwrap();
    let rows = || json_of(&run(home.path(), &BACKUP))["rows"].as_u64().unwrap();
    // Each backup is logged once it was made.
    let before = (folder(home.path()), rows() + 1);
    let migrated = json_of(&run(home.path(), &migrate));
    let keys: Vec<&String> = migrated.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["data_dir", "rows", "schema", "sha256", "to"]);
    assert_eq!((migrated["rows"].as_u64(), migrated["to"].as_str()), (Some(before.1), Some(&url[..])));
    assert_eq!(migrated["data_dir"].as_str(), to.to_str());
    assert_eq!((folder(home.path()), rows()), before);
    let mut there: Vec<_> = std::fs::read_dir(&to).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    there.sort();
    assert_eq!(there, ["reached-at", "store", "tls-cert.pem"]);
    assert_eq!(to.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    let again = run(home.path(), &migrate);
    assert_eq!(again.status.code(), Some(1));
    assert!(stderr(&again).contains("is there and not empty"), "{}", stderr(&again));
    let served = Served::start(&home.path().join("new"));
    let refresh = v1::RefreshRequest { refresh_token: tokens.refresh_token, request_id: String::new() };
    assert!(served.client().await.refresh(refresh).await.is_ok(), "nobody has to log in again");
    assert_eq!(served.terminate().code(), Some(0));
    assert_eq!(names(home.path()), ["alice"], "the old one is there, too");
}

#[test]
fn migrate_says_in_words_where_it_cannot_go() {
    let home = TempDir::new().unwrap();
    for (to, words) in [
        ("nats://127.0.0.1:4222", "sled:///absolute/dir"),
        ("sled:relative", "sled:///absolute/dir"),
        ("/srv/hall", "sled:///absolute/dir"),
    ] {
        let refused = run(home.path(), &["migrate", "--to", to]);
        assert_eq!(refused.status.code(), Some(2), "{to}: {}", stderr(&refused));
        assert!(stderr(&refused).contains(words), "{}", stderr(&refused));
    }
    assert_eq!(run(home.path(), &["migrate"]).status.code(), Some(2));
    let url = format!("sled://{}/new", home.path().display());
    let nothing = run(home.path(), &["migrate", "--data-dir", "data", "--to", &url]);
    assert_eq!(nothing.status.code(), Some(1));
    assert!(stderr(&nothing).contains("there is no data of a castle-server in data"), "{}", stderr(&nothing));
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0, "and nothing was made");
    assert_eq!(run(home.path(), &["key", "list", "--data-dir", "data"]).status.code(), Some(1));
}

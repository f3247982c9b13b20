//! Stores of older layouts, brought up with all that is in them, and of newer ones, left alone.

use super::super::schema::SCHEMA_KEY;
use super::*;

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    {
        let db = sled::open(dir.path()).unwrap();
        db.insert(SCHEMA_KEY, &9u32.to_be_bytes()).unwrap();
    }
    for _ in 0..2 {
        let refused = SledStore::open(dir.path(), NOW, CancellationToken::new());
        assert!(
            matches!(refused, Err(OpenError::Newer { found: 9, known: schema::SCHEMA, .. })),
            "{:?}",
            refused.err()
        );
    }
}

/// Accounts as the first layout wrote them: names that point by raw bytes.
fn guests_of_the_first_layout(db: &sled::Db, guests: &[(u64, &str)]) {
    let [accounts, names] = ["accounts", "names"].map(|table| db.open_tree(table).unwrap());
    for &(id, name) in guests {
        let row = serde_json::json!({"id": id, "name": name, "display_name": name, "admin": id == 1,
            "password_hash": "hash", "created_at": 5 + id, "last_login_at": null});
        let key = u128::from(id).to_be_bytes();
        accounts.insert(key, row.to_string().as_bytes()).unwrap();
        names.insert(name, &key).unwrap();
    }
}

/// A store as the first layout wrote it.
fn of_the_first_layout(dir: &Path) {
    let db = sled::open(dir).unwrap();
    db.insert(SCHEMA_KEY, &1u32.to_be_bytes()).unwrap();
    let key = vec![7; 32];
    let secrets = serde_json::json!({"signing_key_id": "0a", "signing_seed": key, "refresh": key, "call": key, "turn": "t"});
    db.insert("secrets", secrets.to_string().as_bytes()).unwrap();
    guests_of_the_first_layout(&db, &[(1, "alice"), (2, "bob")]);
    let login = serde_json::json!({"guest": 1, "device_name": "phone", "created_at": 5, "refresh_hash": key,
        "refresh_expires_at": 1000, "previous_hash": null, "rotated_at": 5});
    db.open_tree("logins").unwrap().insert(3u128.to_be_bytes(), login.to_string().as_bytes()).unwrap();
    let invitation = serde_json::json!({"id": 4, "uses": 2, "used": 1, "expires_at": 1000, "note": "", "admin": false,
        "created_at": 5});
    db.open_tree("invitations").unwrap().insert(CODE, invitation.to_string().as_bytes()).unwrap();
    db.flush().unwrap();
}

#[tokio::test]
async fn a_store_of_the_first_layout_is_brought_up_with_all_that_is_in_it() {
    let dir = tempfile::tempdir().unwrap();
    of_the_first_layout(dir.path());
    for _ in 0..2 {
        let store = open(dir.path());
        let alice = store.account_by_name("alice").await.unwrap().unwrap();
        assert_eq!((alice.id, alice.role), (GuestId::from_bits(1), Role::Admin));
        assert_eq!(store.live_login(alice.id, LoginId::from_bits(3)).await, Ok(alice));
        assert_eq!(store.list_accounts(None, 10).await.unwrap().len(), 2);
        assert_eq!(store.check_invitation(CODE, NOW).await, Ok(()));
        assert_eq!(store.secrets().await.unwrap().refresh, [7; 32]);
        let keys = store.signing_keys(NOW).await.unwrap();
        assert_eq!((keys.len(), keys[0].id.as_str(), keys[0].seed), (1, "0a", [7; 32]));
        assert_eq!(store.db.get(SCHEMA_KEY).unwrap().unwrap(), schema::SCHEMA.to_be_bytes());
    }
}

#[tokio::test]
async fn two_names_of_the_first_layout_that_are_one_by_now_are_two_accounts_still() {
    let dir = tempfile::tempdir().unwrap();
    of_the_first_layout(dir.path());
    let guests = [(3, "straße"), (4, "strasse"), (5, "straße-2"), (6, "οδοσ"), (7, "οδος"), (8, "carol")];
    {
        let db = SledStore::open_as_it_is(dir.path()).unwrap();
        guests_of_the_first_layout(&db, &guests);
        db.flush().unwrap();
    }
    for _ in 0..2 {
        let store = open(dir.path());
        let id = async |name: &str| {
            let account = store.account_by_name(name).await.unwrap();
            account.map(|account| (account.id.to_bits(), account.name, account.display_name))
        };
        let shown = |id, name: &str, display: &str| Some((id, name.to_owned(), display.to_owned()));
        assert_eq!(id("STRASSE").await, shown(3, "straße", "straße"), "who came first");
        assert_eq!(id("strasse-2").await, shown(5, "straße-2", "straße-2"), "which was in use already");
        assert_eq!(id("strasse-3").await, shown(4, "strasse-3", "strasse"));
        assert_eq!(id("ΟΔΟΣ").await, shown(6, "οδοσ", "οδοσ"));
        assert_eq!(id("οδος-2").await, shown(7, "οδος-2", "οδος"));
        assert_eq!(id("carol").await, shown(8, "carol", "carol"));
        assert_eq!(store.list_accounts(None, 99).await.unwrap().len(), 2 + guests.len());
    }
}

#[tokio::test]
async fn the_second_layout_had_one_secret_more() {
    let dir = tempfile::tempdir().unwrap();
    let key = open(dir.path()).signing_keys(NOW).await.unwrap().remove(0);
    {
        let db = SledStore::open_as_it_is(dir.path()).unwrap();
        db.insert(SCHEMA_KEY, &2u32.to_be_bytes()).unwrap();
        let secrets = serde_json::json!({"refresh": vec![7; 32], "call": vec![8; 32], "turn": "t"});
        db.insert("secrets", secrets.to_string().as_bytes()).unwrap();
        db.flush().unwrap();
    }
    let store = open(dir.path());
    let secrets = store.secrets().await.unwrap();
    assert_eq!((secrets.refresh, secrets.call), ([7; 32], [8; 32]));
    assert!(store.signing_keys(NOW).await.unwrap() == [key]);
    let row = store.db.get("secrets").unwrap().unwrap();
    let row: serde_json::Value = serde_json::from_slice(&row).unwrap();
    let fields: Vec<&String> = row.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["call", "refresh"], "which programs of that layout could not read");
    assert_eq!(
        store.db.get(SCHEMA_KEY).unwrap().unwrap(),
        schema::SCHEMA.to_be_bytes(),
        "so that they say why"
    );
}

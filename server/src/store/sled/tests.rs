//! The store's promises, on a real directory.

mod identity;

use super::schema::SCHEMA_KEY;
use super::tables::Table;
use super::*;
use crate::store::keys::SIGNING_KEYS_MAX;
use crate::store::requests::{REQUEST_KEPT, REQUESTS_PER_CALLER_MAX};
use crate::store::{
    Account, AccountStore as _, Act, Actor, Caller, Invitation, InvitationStore as _, KeyStore as _, Login,
    LoginStore as _, ModerationStore as _, Once, Registration, Role, Rotated, Rotation, SigningKey,
};
use castle::ids::{GuestId, InvitationId, LoginId};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

mod moderation;

const NOW: SystemTime = UNIX_EPOCH;
const CODE: [u8; 32] = [1; 32];

fn open(dir: &Path) -> SledStore {
    SledStore::open(dir, NOW, CancellationToken::new()).unwrap()
}

fn invitation(uses: u32) -> Invitation {
    Invitation {
        id: InvitationId::from_bits(1),
        code_hash: CODE,
        uses,
        used: 0,
        expires_at: NOW + Duration::from_hours(1),
        note: String::new(),
        role: Role::Guest,
        created_at: NOW,
        created_by: String::new(),
        revoked_at: None,
    }
}

fn making(once: Once) -> Act {
    Act { by: Actor::Host, once, action: "CreateInvitation", target: "inv".to_owned(), detail: String::new() }
}

fn unnamed() -> Once {
    Once::unnamed(NOW, Caller::Host)
}

fn login(id: u128) -> Login {
    Login {
        id: LoginId::from_bits(id),
        guest: GuestId::from_bits(id),
        device: id,
        device_name: "phone".to_owned(),
        created_at: NOW,
        last_used_at: NOW,
        refresh_hash: [10; 32],
        refresh_expires_at: NOW + Duration::from_hours(1),
    }
}

fn registration(id: u128, name: &str) -> Registration {
    Registration {
        code_hash: Some(CODE),
        id: GuestId::from_bits(id),
        name: name.to_owned(),
        display_name: name.to_owned(),
        password_hash: "hash".to_owned(),
        login: login(id),
        now: NOW,
    }
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_opening_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.create_invitation(making(unnamed()), invitation(1)).await.unwrap();
    let account = store.register(registration(7, "alice")).await.unwrap();
    let key = store.secrets().await.unwrap().refresh;
    let signing = store.signing_keys(NOW).await.unwrap();
    drop(store);
    let store = open(dir.path());
    assert_eq!(store.account_by_name("alice").await.unwrap(), Some(account.clone()));
    assert_eq!(store.live_login(GuestId::from_bits(7), LoginId::from_bits(7)).await, Ok(account));
    assert_eq!(store.check_invitation(CODE, NOW).await, Err(Error::InvitationSpent));
    assert_eq!(store.secrets().await.unwrap().refresh, key);
    assert!(store.signing_keys(NOW).await.unwrap() == signing && signing.len() == 1);
}

#[tokio::test]
async fn a_refused_registration_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    assert_eq!(store.register(registration(1, "alice")).await, Err(Error::InvitationUnknown));
    store.create_invitation(making(unnamed()), invitation(2)).await.unwrap();
    store.register(registration(1, "alice")).await.unwrap();
    assert_eq!(store.register(registration(2, "alice")).await, Err(Error::NameTaken));
    assert_eq!(store.live_login(GuestId::from_bits(2), LoginId::from_bits(2)).await, Err(Error::LoginEnded));
    let late = Registration { now: NOW + Duration::from_hours(1), ..registration(3, "carol") };
    assert_eq!(store.register(late).await, Err(Error::InvitationExpired));
    assert!(store.register(registration(4, "dave")).await.is_ok(), "the second use is still there");
    assert_eq!(store.register(registration(5, "eve")).await, Err(Error::InvitationSpent));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_racing_for_the_last_use_one_wins() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(open(dir.path()));
    store.create_invitation(making(unnamed()), invitation(1)).await.unwrap();
    let racers: Vec<_> = (1..=16)
        .map(|n| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.register(registration(n, &format!("guest{n}"))).await })
        })
        .collect();
    let mut won = 0;
    for racer in racers {
        match racer.await.unwrap() {
            Ok(_) => won += 1,
            Err(error) => assert_eq!(error, Error::InvitationSpent),
        }
    }
    assert_eq!(won, 1);
    assert_eq!(store.list_accounts(None, 100).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_its_reuse_ends_the_family() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.create_invitation(making(unnamed()), invitation(1)).await.unwrap();
    let account = store.register(registration(1, "alice")).await.unwrap();
    let expires_at = NOW + Duration::from_hours(2);
    let rotate = |presented, successor, at: u64| {
        store.rotate_refresh(Rotation {
            login: LoginId::from_bits(1),
            presented: [presented; 32],
            successor: [successor; 32],
            request: None,
            expires_at,
            now: NOW + Duration::from_secs(at),
        })
    };
    let done = |successor, at: u64| {
        let kept = Login {
            refresh_hash: [successor; 32],
            refresh_expires_at: expires_at,
            last_used_at: NOW + Duration::from_secs(at),
            ..login(1)
        };
        Ok(Rotated::Done(account.clone(), kept))
    };
    assert_eq!(rotate(10, 11, 0).await, done(11, 0));
    assert_eq!(rotate(10, 11, 60).await, done(11, 0), "a repeat within a minute");
    assert_eq!(rotate(11, 12, 61).await, done(12, 61));
    assert_eq!(rotate(10, 11, 62).await, Ok(Rotated::Reused), "the token before the last");
    assert_eq!(store.live_login(GuestId::from_bits(1), LoginId::from_bits(1)).await, Err(Error::LoginEnded));
    assert_eq!(rotate(12, 13, 63).await, Ok(Rotated::Unknown));
}

#[tokio::test]
async fn a_late_or_different_repeat_is_reuse() {
    for (successor, at) in [(11, 61), (12, 1)] {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        store.create_invitation(making(unnamed()), invitation(1)).await.unwrap();
        store.register(registration(1, "alice")).await.unwrap();
        let rotation = Rotation {
            login: LoginId::from_bits(1),
            presented: [10; 32],
            successor: [11; 32],
            request: None,
            expires_at: NOW + Duration::from_hours(2),
            now: NOW,
        };
        assert!(matches!(store.rotate_refresh(rotation.clone()).await, Ok(Rotated::Done(..))));
        let repeat = Rotation { successor: [successor; 32], now: NOW + Duration::from_secs(at), ..rotation };
        assert_eq!(store.rotate_refresh(repeat).await, Ok(Rotated::Reused));
    }
}

#[tokio::test]
async fn logins_that_have_expired_are_forgotten_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.create_invitation(making(unnamed()), invitation(1)).await.unwrap();
    store.register(registration(1, "alice")).await.unwrap();
    drop(store);
    let later = NOW + Duration::from_hours(1);
    let store = SledStore::open(dir.path(), later, CancellationToken::new()).unwrap();
    assert_eq!(store.live_login(GuestId::from_bits(1), LoginId::from_bits(1)).await, Err(Error::LoginEnded));
    assert!(store.account_by_name("alice").await.unwrap().is_some());
}

#[tokio::test]
async fn accounts_are_listed_by_name_in_pages() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    assert!(!store.has_accounts().await.unwrap());
    store.create_invitation(making(unnamed()), invitation(3)).await.unwrap();
    for (id, name) in [(1, "carol"), (2, "alice"), (3, "bob")] {
        store.register(registration(id, name)).await.unwrap();
    }
    let names = |accounts: Vec<Account>| accounts.into_iter().map(|a| a.name).collect::<Vec<_>>();
    assert_eq!(names(store.list_accounts(None, 2).await.unwrap()), ["alice", "bob"]);
    assert_eq!(names(store.list_accounts(Some("bob".to_owned()), 2).await.unwrap()), ["carol"]);
    assert!(store.has_accounts().await.unwrap());
}

#[test]
fn a_second_process_is_told_that_the_store_is_in_use() {
    let dir = tempfile::tempdir().unwrap();
    let _store = open(dir.path());
    let second = SledStore::open(dir.path(), NOW, CancellationToken::new());
    assert!(matches!(second, Err(OpenError::InUse(_))), "{:?}", second.err());
}

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

fn asked(id: &str, payload: &[u8], at: Duration) -> Once {
    Once::new(NOW + at, Caller::Host, "CreateInvitation", id, payload)
}

fn another(id: u128) -> Invitation {
    Invitation { id: InvitationId::from_bits(id), code_hash: [id as u8; 32], ..invitation(1) }
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer_and_does_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut now = Duration::ZERO;
    let create = |n, once| store.create_invitation(making(once), another(n));
    let first = create(1, asked("a", b"x", now)).await.unwrap();
    now = Duration::from_millis(REQUEST_KEPT.as_millis() as u64 - 1);
    assert_eq!(create(2, asked("a", b"x", now)).await, Ok(first.clone()), "the same request");
    assert_eq!(store.check_invitation([2; 32], NOW).await, Err(Error::InvitationUnknown), "nothing was made");
    assert_eq!(create(3, asked("a", b"y", now)).await, Err(Error::RequestIdReused));
    let guest = Once::new(NOW, Caller::Guest(GuestId::from_bits(1)), "CreateInvitation", "a", b"y");
    assert_eq!(create(4, guest).await.unwrap().code_hash, [4; 32], "another caller");
    let method = Once::new(NOW, Caller::Host, "BanGuest", "a", b"y");
    assert_eq!(create(5, method).await.unwrap().code_hash, [5; 32], "another method");
    for n in [6, 7] {
        assert_eq!(create(n, unnamed()).await.unwrap().code_hash, [n as u8; 32], "without an id");
    }
    now = REQUEST_KEPT;
    assert_eq!(create(8, asked("a", b"y", now)).await.unwrap().code_hash, [8; 32], "its time is over");
}

#[tokio::test]
async fn a_refused_request_is_not_kept_and_a_kept_one_outlives_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let refuse =
        |tx: &mut Tx<'_>| tx.once(&asked("a", b"x", Duration::ZERO), |_| Err::<u8, _>(Error::NameTaken));
    assert_eq!(store.write(refuse).await, Err(Error::NameTaken));
    let answer = |n: u8| move |tx: &mut Tx<'_>| tx.once(&asked("a", b"x", Duration::ZERO), |_| Ok(n));
    assert_eq!(store.write(answer(1)).await, Ok(1));
    drop(store);
    assert_eq!(open(dir.path()).write(answer(2)).await, Ok(1));
}

#[tokio::test]
async fn kept_requests_are_bounded_and_swept() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let fill = |caller: Caller, from: Duration, count: u32| {
        store.write(move |tx| {
            (0..count).try_for_each(|n| {
                let once = Once::new(NOW + from, caller, "m", &format!("{n} {from:?}"), b"");
                tx.once(&once, |_| Ok(()))
            })
        })
    };
    let guest = Caller::Guest(GuestId::from_bits(1));
    let max = REQUESTS_PER_CALLER_MAX;
    assert_eq!(fill(guest, Duration::ZERO, max).await, Ok(()));
    let refused = fill(guest, Duration::from_secs(1), 1).await;
    assert_eq!(refused, Err(Error::Limit { what: "request_ids", limit: max.into() }));
    assert_eq!(fill(Caller::Host, Duration::from_secs(1), 1).await, Ok(()), "another caller");
    assert_eq!(fill(guest, REQUEST_KEPT, 1).await, Ok(()), "the oldest are swept");
    assert_eq!(fill(Caller::Host, REQUEST_KEPT * 2, max / 4 + 1).await, Ok(()));
    let left = |name: &str| store.db.open_tree(name).unwrap().len();
    assert_eq!((left("requests"), left("request_ends")), (max as usize / 4 + 1, max as usize / 4 + 1));
    assert_eq!(left("request_counts"), 1);
}

#[test]
fn a_step_sees_what_it_changed_and_leaves_nothing_when_it_fails() {
    const ROWS: Table<u32> = Table::named("rows");
    let dir = tempfile::tempdir().unwrap();
    let db = sled::open(dir.path()).unwrap();
    let rows = |view: &View<'_>, prefix: &[u8], after: Option<&[u8]>| {
        let rows = view.scan(&ROWS, prefix, after).unwrap();
        rows.map(|row| row.map(|(key, n)| (String::from_utf8(key).unwrap(), n)).unwrap()).collect::<Vec<_>>()
    };
    let row = |key: &str, n| (key.to_owned(), n);
    let put = |keys: &[(&str, u32)]| {
        Tx::run(&db, |tx| {
            for (key, n) in keys {
                tx.put(&ROWS, key, n);
            }
            Ok(())
        })
    };
    put(&[("a1", 1), ("a3", 3), ("a5", 5), ("b", 9)]).unwrap();
    let failed = Tx::run(&db, |tx| {
        tx.put(&ROWS, "a2", &2);
        tx.put(&ROWS, "a3", &33);
        tx.remove(&ROWS, "a5");
        tx.put(&ROWS, "a6", &6);
        assert_eq!(rows(tx, b"a", None), [row("a1", 1), row("a2", 2), row("a3", 33), row("a6", 6)]);
        assert_eq!(rows(tx, b"a", Some(b"a2")), [row("a3", 33), row("a6", 6)]);
        assert_eq!((tx.get(&ROWS, "a3"), tx.get(&ROWS, "a5")), (Ok(Some(33)), Ok(None)));
        Err::<(), _>(Error::NameTaken)
    });
    assert_eq!(failed, Err(Error::NameTaken));
    assert_eq!(rows(&View::of(&db), b"", None), [row("a1", 1), row("a3", 3), row("a5", 5), row("b", 9)]);
}

/// A store as the first layout wrote it: names that point by raw bytes.
fn of_the_first_layout(dir: &Path) {
    let db = sled::open(dir).unwrap();
    db.insert(SCHEMA_KEY, &1u32.to_be_bytes()).unwrap();
    let key = vec![7; 32];
    let secrets = serde_json::json!({"signing_key_id": "0a", "signing_seed": key, "refresh": key, "call": key, "turn": "t"});
    db.insert("secrets", secrets.to_string().as_bytes()).unwrap();
    let accounts = db.open_tree("accounts").unwrap();
    let names = db.open_tree("names").unwrap();
    for (id, name) in [(1u128, "alice"), (2, "bob")] {
        let row = serde_json::json!({"id": id as u64, "name": name, "display_name": name, "admin": id == 1,
            "password_hash": "hash", "created_at": 5, "last_login_at": null});
        accounts.insert(id.to_be_bytes(), row.to_string().as_bytes()).unwrap();
        names.insert(name, &id.to_be_bytes()).unwrap();
    }
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

#[tokio::test]
async fn a_rotation_that_is_repeated_makes_one_key() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let rotate = async |id: &str, now: SystemTime| {
        let once = Once::new(now, Caller::Host, "RotateSigningKey", id, b"");
        let made = store.rotate_signing_key(SigningKey::generate(now), now + REQUEST_KEPT * 2, once).await;
        made.map(|rotation| (rotation.made, rotation.made_at, rotation.keys.len()))
    };
    let first = rotate("a", NOW).await.unwrap();
    assert_eq!(rotate("a", NOW + Duration::from_secs(5)).await, Ok(first.clone()));
    let (second, _, keys) = rotate("b", NOW + Duration::from_secs(6)).await.unwrap();
    assert!(second != first.0 && keys == 3);
    let (repeated, at, keys) = rotate("a", NOW + Duration::from_secs(7)).await.unwrap();
    assert_eq!((&repeated, at, keys), (&first.0, first.1, 3), "answered alike, though another signs by now");
    assert!(rotate("a", NOW + REQUEST_KEPT).await.unwrap().0 != first.0);
}

#[tokio::test]
async fn a_rotated_key_verifies_for_its_time_and_is_gone_then() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let at = |secs| NOW + Duration::from_secs(secs);
    let first = store.signing_keys(NOW).await.unwrap().remove(0);
    let rotate = async |now, until| {
        let once = Once::unnamed(now, Caller::Host);
        store.rotate_signing_key(SigningKey::generate(now), until, once).await.map(|rotation| rotation.keys)
    };
    let ids = |keys: &[SigningKey]| keys.iter().map(|key| key.id.clone()).collect::<Vec<_>>();
    let keys = rotate(at(10), at(20)).await.unwrap();
    assert_eq!(keys[1].verifies_until, Some(at(20)));
    assert!(keys[0].verifies_until.is_none() && keys[1].id == first.id);
    assert!(store.signing_keys(at(19)).await.unwrap() == keys);
    assert_eq!(ids(&store.signing_keys(at(20)).await.unwrap()), ids(&keys[..1]));
    assert_eq!(store.db.open_tree("signing_keys").unwrap().len(), 2);
    rotate(at(20), at(30)).await.unwrap();
    assert_eq!(store.db.open_tree("signing_keys").unwrap().len(), 2, "the first one is gone from the disk");
    for _ in 2..SIGNING_KEYS_MAX {
        rotate(at(20), at(30)).await.unwrap();
    }
    let refused = rotate(at(20), at(30)).await.err();
    assert_eq!(refused, Some(Error::Limit { what: "signing_keys", limit: SIGNING_KEYS_MAX as u64 }));
    assert!(rotate(at(30), at(40)).await.is_ok());
}

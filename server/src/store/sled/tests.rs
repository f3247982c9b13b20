//! The store's promises, on a real directory.

use super::*;
use crate::store::Role;
use castle::ids::InvitationId;
use std::time::{Duration, UNIX_EPOCH};

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
        expires_at: NOW + Duration::from_hours(1),
        note: String::new(),
        role: Role::Guest,
        created_at: NOW,
    }
}

fn login(id: u128) -> Login {
    Login {
        id: LoginId::from_bits(id),
        guest: GuestId::from_bits(id),
        device_name: "phone".to_owned(),
        created_at: NOW,
        refresh_hash: [10; 32],
        refresh_expires_at: NOW + Duration::from_hours(1),
    }
}

fn registration(id: u128, name: &str) -> Registration {
    Registration {
        code_hash: CODE,
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
    store.create_invitation(invitation(1)).await.unwrap();
    let account = store.register(registration(7, "alice")).await.unwrap();
    let key = store.secrets().await.unwrap().signing_seed;
    drop(store);
    let store = open(dir.path());
    assert_eq!(store.account_by_name("alice").await.unwrap(), Some(account.clone()));
    assert_eq!(store.live_login(LoginId::from_bits(7)).await.unwrap(), Some(account));
    assert_eq!(store.check_invitation(CODE, NOW).await, Err(Error::InvitationSpent));
    assert_eq!(store.secrets().await.unwrap().signing_seed, key);
}

#[tokio::test]
async fn a_refused_registration_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    assert_eq!(store.register(registration(1, "alice")).await, Err(Error::InvitationUnknown));
    store.create_invitation(invitation(2)).await.unwrap();
    store.register(registration(1, "alice")).await.unwrap();
    assert_eq!(store.register(registration(2, "alice")).await, Err(Error::NameTaken));
    assert_eq!(store.live_login(LoginId::from_bits(2)).await, Ok(None));
    let late = Registration { now: NOW + Duration::from_hours(1), ..registration(3, "carol") };
    assert_eq!(store.register(late).await, Err(Error::InvitationExpired));
    assert!(store.register(registration(4, "dave")).await.is_ok(), "the second use is still there");
    assert_eq!(store.register(registration(5, "eve")).await, Err(Error::InvitationSpent));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_racing_for_the_last_use_one_wins() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(open(dir.path()));
    store.create_invitation(invitation(1)).await.unwrap();
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
    store.create_invitation(invitation(1)).await.unwrap();
    let account = store.register(registration(1, "alice")).await.unwrap();
    let expires_at = NOW + Duration::from_hours(2);
    let rotate = |presented, successor, at: u64| {
        store.rotate_refresh(Rotation {
            login: LoginId::from_bits(1),
            presented: [presented; 32],
            successor: [successor; 32],
            expires_at,
            now: NOW + Duration::from_secs(at),
        })
    };
    let done = Ok(Rotated::Done(account, expires_at));
    assert_eq!(rotate(10, 11, 0).await, done);
    assert_eq!(rotate(10, 11, 60).await, done, "a repeat within a minute");
    assert_eq!(rotate(11, 12, 61).await, done);
    assert_eq!(rotate(10, 11, 62).await, Ok(Rotated::Reused), "the token before the last");
    assert_eq!(store.live_login(LoginId::from_bits(1)).await, Ok(None));
    assert_eq!(rotate(12, 13, 63).await, Ok(Rotated::Unknown));
}

#[tokio::test]
async fn a_late_or_different_repeat_is_reuse() {
    for (successor, at) in [(11, 61), (12, 1)] {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        store.create_invitation(invitation(1)).await.unwrap();
        store.register(registration(1, "alice")).await.unwrap();
        let rotation = Rotation {
            login: LoginId::from_bits(1),
            presented: [10; 32],
            successor: [11; 32],
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
    store.create_invitation(invitation(1)).await.unwrap();
    store.register(registration(1, "alice")).await.unwrap();
    drop(store);
    let later = NOW + Duration::from_hours(1);
    let store = SledStore::open(dir.path(), later, CancellationToken::new()).unwrap();
    assert_eq!(store.live_login(LoginId::from_bits(1)).await, Ok(None));
    assert!(store.account_by_name("alice").await.unwrap().is_some());
}

#[tokio::test]
async fn accounts_are_listed_by_name_in_pages() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    assert!(!store.has_accounts().await.unwrap());
    store.create_invitation(invitation(3)).await.unwrap();
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
        assert!(matches!(refused, Err(OpenError::Newer { found: 9, known: 1, .. })), "{:?}", refused.err());
    }
}

//! What lasts of identity: bans, codes, passwords that change meanwhile, and how many logins are kept.

use super::*;
use crate::store::{LOGINS_MAX, NewCode, NewPassword, Reset};
use std::slice;

const ALICE: GuestId = GuestId::from_bits(1);

fn later() -> SystemTime {
    NOW + Duration::from_secs(60)
}

/// A store with alice in it, logged in as login 1.
async fn with_alice(dir: &Path) -> SledStore {
    let store = open(dir);
    store.create_invitation(making(unnamed()), invitation(5)).await.unwrap();
    store.register(registration(1, "alice")).await.unwrap();
    store
}

fn another(id: u128, at: Duration) -> Login {
    Login { guest: ALICE, created_at: NOW + at, last_used_at: NOW + at, ..login(id) }
}

fn rotation(successor: u8) -> Rotation {
    Rotation {
        login: LoginId::from_bits(1),
        presented: [10; 32],
        successor: [successor; 32],
        request: None,
        expires_at: NOW + Duration::from_hours(2),
        now: NOW,
    }
}

async fn ban(store: &SledStore, banned: bool) {
    let ban = banned.then(|| accounts::BanRow { at: 5, reason: "rude".to_owned() });
    let ban = move |tx: &mut Tx<'_>| {
        let mut row = tx.account_row(ALICE)?;
        row.ban = ban;
        tx.put_account(&row);
        Ok(())
    };
    store.write(ban).await.unwrap();
}

#[tokio::test]
async fn a_ban_stops_what_is_logged_in_and_what_logs_in() {
    let dir = tempfile::tempdir().unwrap();
    let store = with_alice(dir.path()).await;
    let id = LoginId::from_bits(1);
    assert!(store.live_login(ALICE, id).await.is_ok());
    ban(&store, true).await;
    assert_eq!(store.live_login(ALICE, id).await, Err(Error::Banned));
    assert_eq!(store.rotate_refresh(rotation(11)).await, Ok(Rotated::Banned));
    let again = another(2, Duration::ZERO);
    let login = |hash: &str| store.record_login(again.clone(), hash.to_owned(), None);
    assert_eq!(login("another hash").await, Err(Error::BadCredentials), "told to who has the password alone");
    assert_eq!(login("hash").await, Err(Error::Banned));
    ban(&store, false).await;
    assert!(login("hash").await.is_ok());
}

#[tokio::test]
async fn a_password_that_changed_meanwhile_lets_nobody_in() {
    let dir = tempfile::tempdir().unwrap();
    let store = with_alice(dir.path()).await;
    let new = |verified: &str| NewPassword {
        guest: ALICE,
        verified: verified.to_owned(),
        password_hash: "new hash".to_owned(),
        keep: LoginId::from_bits(1),
    };
    store.record_login(another(2, Duration::ZERO), "hash".to_owned(), None).await.unwrap();
    assert_eq!(store.set_password(new("older hash"), unnamed()).await, Err(Error::BadCredentials));
    assert_eq!(store.set_password(new("hash"), unnamed()).await, Ok(vec![LoginId::from_bits(2)]));
    let late = store.record_login(another(3, Duration::ZERO), "hash".to_owned(), None).await;
    assert_eq!(late, Err(Error::BadCredentials), "verified before, kept after");
    assert!(store.live_login(ALICE, LoginId::from_bits(1)).await.is_ok());
}

#[tokio::test]
async fn a_code_is_good_once_until_its_time_is_over_and_the_last_one_counts() {
    let dir = tempfile::tempdir().unwrap();
    let store = with_alice(dir.path()).await;
    let reset = |code: u8, id: u128, now: SystemTime| {
        let login = another(id, Duration::ZERO);
        let reset = Reset { code_hash: [code; 32], password_hash: "new".to_owned(), login, now };
        store.reset_password(reset, unnamed())
    };
    assert_eq!(reset(0, 2, NOW).await, Err(Error::BadCredentials), "no code was made");
    let let_reset = |guest, code: u8| store.let_reset_password(making(unnamed()), guest, new_code(code));
    let_reset(ALICE, 1).await.unwrap();
    let_reset(ALICE, 2).await.unwrap();
    assert_eq!(reset(1, 2, NOW).await, Err(Error::BadCredentials), "a newer one was made");
    assert_eq!(reset(2, 2, later()).await, Err(Error::BadCredentials), "its time is over");
    let done = reset(2, 2, NOW).await.unwrap();
    assert_eq!((done.account.id, done.login.id), (ALICE, LoginId::from_bits(2)));
    assert_eq!(done.ended, [LoginId::from_bits(1)]);
    assert_eq!(reset(2, 3, NOW).await, Err(Error::BadCredentials), "it was used");
    assert!(store.live_login(ALICE, LoginId::from_bits(2)).await.is_ok());
    assert_eq!(let_reset(GuestId::from_bits(9), 1).await, Err(Error::GuestUnknown));
}

fn new_code(code: u8) -> NewCode {
    NewCode { seed: code.into(), code_hash: [code; 32], expires_at: later() }
}

#[tokio::test]
async fn a_repeated_reset_gets_the_login_of_the_first_and_tells_strangers_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = with_alice(dir.path()).await;
    let reset = |code: u8, id: u128, payload: &[u8]| {
        let login = another(id, Duration::ZERO);
        let once = Once::new(NOW, Caller::Guest(ALICE), "ResetPassword", "r", payload);
        let reset = Reset { code_hash: [code; 32], password_hash: "new".to_owned(), login, now: NOW };
        store.reset_password(reset, once)
    };
    let let_reset = |code: u8, id: &str| {
        let act = making(Once::new(NOW, Caller::Host, "CreateResetCode", id, b"alice"));
        store.let_reset_password(act, ALICE, new_code(code))
    };
    assert_eq!(let_reset(1, "first").await, Ok((1, later())));
    let first = reset(1, 2, b"1").await.unwrap();
    assert_eq!(first.ended, [LoginId::from_bits(1)]);
    assert_eq!(reset(1, 3, b"1").await, Ok(first), "nothing is done twice");
    assert_eq!(reset(1, 3, b"other").await, Err(Error::RequestIdReused));
    assert_eq!(reset(9, 3, b"other").await, Err(Error::BadCredentials), "who has no code learns nothing");
    assert_eq!(let_reset(2, "first").await, Ok((1, later())), "the seed of the first code");
    assert_eq!(reset(2, 3, b"2").await, Err(Error::BadCredentials), "which is the only one");
    assert_eq!(let_reset(2, "second").await, Ok((2, later())));
    assert_eq!(reset(2, 3, b"2").await, Err(Error::RequestIdReused), "told to who shows a good code");
    store.end_login(ALICE, LoginId::from_bits(2), unnamed()).await.unwrap();
    assert_eq!(reset(1, 3, b"1").await, Err(Error::LoginEnded), "the login of the first time is over");
    ban(&store, true).await;
    assert_eq!(reset(1, 3, b"1").await, Err(Error::Banned));
}

#[tokio::test]
async fn at_the_limit_the_login_unused_for_longest_makes_room() {
    let dir = tempfile::tempdir().unwrap();
    let store = with_alice(dir.path()).await;
    for n in 2..=LOGINS_MAX as u64 {
        let login = another(n.into(), Duration::from_secs(n));
        assert_eq!(store.record_login(login, "hash".to_owned(), None).await, Ok(vec![]));
    }
    // The oldest one is in use.
    store.rotate_refresh(Rotation { now: NOW + Duration::from_mins(10), ..rotation(11) }).await.unwrap();
    let one_more = another(1000, Duration::from_mins(11));
    let ended = store.record_login(one_more.clone(), "hash".to_owned(), None).await.unwrap();
    assert_eq!(ended, [LoginId::from_bits(2)]);
    let logins = store.list_logins(ALICE, NOW).await.unwrap();
    assert_eq!((logins.len(), logins.first()), (LOGINS_MAX, Some(&one_more)), "newest first");
    assert_eq!(store.live_login(ALICE, LoginId::from_bits(2)).await, Err(Error::LoginEnded));
}

#[tokio::test]
async fn nobody_ends_the_login_of_another_and_an_erased_account_leaves_none() {
    let dir = tempfile::tempdir().unwrap();
    let store = with_alice(dir.path()).await;
    let bob = store.register(registration(2, "bob")).await.unwrap();
    let (mine, his) = (LoginId::from_bits(1), LoginId::from_bits(2));
    assert_eq!(store.end_login(ALICE, his, unnamed()).await, Err(Error::DeviceUnknown));
    assert_eq!(store.live_login(ALICE, his).await, Err(Error::LoginEnded), "nor uses it");
    store.delete_account(ALICE).await.unwrap();
    assert_eq!(store.live_login(ALICE, mine).await, Err(Error::LoginEnded));
    assert_eq!(store.rotate_refresh(rotation(11)).await, Ok(Rotated::Unknown));
    assert_eq!(store.delete_account(ALICE).await, Err(Error::GuestUnknown));
    assert_eq!(store.list_accounts(None, 9).await.as_deref(), Ok(slice::from_ref(&bob)));
    assert!(store.register(registration(3, "ALICE")).await.is_ok(), "the name is free");
    assert_eq!(store.end_logins(bob.id).await, Ok(vec![his]));
}

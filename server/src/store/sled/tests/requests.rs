//! Requests that are sent again: answered from what is kept, which is bounded and leaves in time.

use super::*;
use crate::store::AccountRef;
use crate::store::requests::REQUESTS_PER_CALLER_MAX;

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

/// A store with one guest in it, and that guest.
async fn with_a_guest(dir: &Path) -> (SledStore, GuestId) {
    let store = open(dir);
    store.create_invitation(making(unnamed()), invitation(5)).await.unwrap();
    let alice = store.register(registration(1, "alice")).await.unwrap();
    (store, alice.id)
}

/// Has `caller` ask for something `count` times, at that time, each under an id of its own.
async fn fill(store: &SledStore, caller: Caller, at: Duration, count: u32) -> Result<(), Error> {
    let ask = move |tx: &mut Tx<'_>| {
        (0..count).try_for_each(|n| {
            let once = Once::new(NOW + at, caller, "m", &format!("{n} {at:?}"), b"");
            tx.once(&once, |_| Ok(()))
        })
    };
    store.write(ask).await
}

fn rows(store: &SledStore, table: &str) -> usize {
    store.db.open_tree(table).unwrap().len()
}

#[tokio::test]
async fn kept_requests_are_bounded_and_swept() {
    let dir = tempfile::tempdir().unwrap();
    let (store, alice) = with_a_guest(dir.path()).await;
    let (guest, max) = (Caller::Guest(alice), REQUESTS_PER_CALLER_MAX);
    let fill = |caller, at, count| fill(&store, caller, at, count);
    assert_eq!(fill(guest, Duration::ZERO, max).await, Ok(()));
    let refused = fill(guest, Duration::from_secs(1), 1).await;
    assert_eq!(refused, Err(Error::Limit { what: "request_ids", limit: max.into() }));
    assert_eq!(fill(Caller::Host, Duration::from_secs(1), 1).await, Ok(()), "another caller");
    assert_eq!(fill(guest, REQUEST_KEPT, 1).await, Ok(()), "the oldest are swept");
    assert_eq!(fill(Caller::Host, REQUEST_KEPT * 2, max / 4 + 1).await, Ok(()));
    let left = max as usize / 4 + 1;
    assert_eq!((rows(&store, "requests"), rows(&store, "request_ends")), (left, left));
    assert_eq!(rows(&store, "request_counts"), 1);
}

#[tokio::test]
async fn who_has_no_room_has_it_in_time_however_many_others_stand_before_them() {
    let dir = tempfile::tempdir().unwrap();
    let (store, alice) = with_a_guest(dir.path()).await;
    let (guest, max) = (Caller::Guest(alice), REQUESTS_PER_CALLER_MAX);
    let second = Duration::from_secs(1);
    assert_eq!(fill(&store, Caller::Host, Duration::ZERO, 20).await, Ok(()));
    assert_eq!(fill(&store, guest, second, max - 1).await, Ok(()));
    assert_eq!(fill(&store, guest, 2 * second, 1).await, Ok(()));
    let full = Err(Error::Limit { what: "request_ids", limit: max.into() });
    assert_eq!(fill(&store, guest, REQUEST_KEPT, 1).await, full, "none of their own is over yet");
    assert_eq!(fill(&store, guest, REQUEST_KEPT + second, 1).await, Ok(()));
    let kept = 20 - 4 + 1 + 1;
    assert_eq!(rows(&store, "requests"), kept, "others' but for the swept, the last and the new one");
    assert_eq!(rows(&store, "request_ends"), kept);
}

#[tokio::test]
async fn a_repeat_by_name_means_the_account_of_the_first_time() {
    let dir = tempfile::tempdir().unwrap();
    let (store, alice) = with_a_guest(dir.path()).await;
    let named = AccountRef::Name("alice".to_owned());
    let act = |action| {
        let once = Once::new(NOW, Caller::Host, action, "r", b"alice");
        Act { by: Actor::Host, once, action, target: String::new(), detail: String::new() }
    };
    let disconnect = |ended| store.disconnect(act("DisconnectGuest"), named.clone(), ended);
    let (count, ended) = disconnect(3).await.unwrap();
    assert_eq!((count, ended.guest, ended.now), (3, alice, true));
    let delete = || store.delete_guest(act("DeleteGuest"), named.clone());
    assert_eq!(delete().await, Ok(alice));
    assert_eq!(delete().await, Ok(alice), "though nobody has the name");
    let next = store.register(registration(2, "Alice")).await.unwrap();
    assert_eq!(delete().await, Ok(alice), "though it is another's");
    let (count, ended) = disconnect(0).await.unwrap();
    assert_eq!((count, ended.guest, ended.now), (3, alice, false));
    assert_eq!(store.account(next.id).await, Ok(Some(next)));
    let log = store.list_audit_entries(None, 9).await.unwrap();
    let acts: Vec<_> = log.iter().filter(|entry| entry.action != "CreateInvitation").collect();
    assert_eq!(acts.len(), 2, "each is done and logged once: {acts:?}");
    assert!(acts.iter().all(|entry| entry.target == alice.to_string()), "{acts:?}");
}

#[tokio::test]
async fn nothing_is_kept_of_what_was_asked_by_who_erased_themselves() {
    let dir = tempfile::tempdir().unwrap();
    let (store, alice) = with_a_guest(dir.path()).await;
    assert_eq!(fill(&store, Caller::Guest(alice), Duration::ZERO, 3).await, Ok(()));
    let by = Actor::Admin { id: alice, name: "alice".to_owned() };
    let once = Once::new(NOW, by.caller(), "DeleteGuest", "r", b"alice");
    let act = Act { by, once, action: "DeleteGuest", target: String::new(), detail: String::new() };
    assert_eq!(store.delete_guest(act, AccountRef::Id(alice)).await, Ok(alice));
    for table in ["requests", "request_ends", "request_counts"] {
        assert_eq!(rows(&store, table), 0, "{table}");
    }
}

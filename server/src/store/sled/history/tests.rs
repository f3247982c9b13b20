//! Stories of call records: kept, missed, erased, and forgotten in time.

use super::*;
use crate::store::Caller;
use std::time::{Duration, UNIX_EPOCH};
use tempfile::TempDir;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + CALLS_KEPT + Duration::from_secs(seconds)
}

fn record(call: u128, ended: u64, missed: bool) -> CallRecord {
    CallRecord {
        call: CallId::from_bits(call),
        peer: GuestId::from_bits(9),
        part: Part::Received,
        created_at: at(ended.saturating_sub(5)),
        connected_at: None,
        ended_at: at(ended),
        reason: EndReason::TimedOut,
        route: Route::Unknown,
        missed,
    }
}

/// A store with one account, whose guest it returns.
async fn store(dir: &TempDir) -> (SledStore, GuestId) {
    let store =
        SledStore::open(dir.path(), at(0), tokio_util::sync::CancellationToken::new()).expect("opens");
    let guest = GuestId::from_bits(1);
    let account = move |tx: &mut Tx<'_>| {
        tx.put_bytes("accounts", &guest_key(guest), b"there is one".to_vec());
        Ok(())
    };
    store.write(account).await.expect("is kept");
    (store, guest)
}

async fn keeps(store: &SledStore, guest: GuestId, record: CallRecord) -> Result<(), Error> {
    store.write(move |tx| tx.keep_call(guest, record)).await
}

async fn calls(store: &SledStore, guest: GuestId, now: u64) -> Vec<u128> {
    let kept = store.list_calls(guest, false, CallKey::default(), 2_000, at(now)).await.expect("reads");
    kept.iter().map(|kept| kept.record.call.to_bits()).collect()
}

#[tokio::test]
async fn a_history_is_read_in_pages_and_erased_once() {
    let dir = TempDir::new().expect("a folder");
    let (store, guest) = store(&dir).await;
    for call in 1..=5 {
        let kept = record(call, call as u64, call % 2 == 0);
        keeps(&store, guest, kept.clone()).await.expect("keeps");
        keeps(&store, guest, kept).await.expect("keeps it once");
    }
    let first = store.list_calls(guest, false, CallKey::default(), 2, at(9)).await.expect("reads");
    assert_eq!(first.iter().map(|kept| kept.record.call.to_bits()).collect::<Vec<_>>(), [5, 4]);
    assert_eq!((first[0].record.clone(), first[0].peer.clone()), (record(5, 5, false), None));
    let rest = store.list_calls(guest, false, first[1].key, 9, at(9)).await.expect("reads");
    assert_eq!(rest.iter().map(|kept| kept.record.call.to_bits()).collect::<Vec<_>>(), [3, 2, 1]);
    let missed = store.list_calls(guest, true, CallKey::default(), 9, at(9)).await.expect("reads");
    assert_eq!(missed.len(), 2);
    let once = Once::new(at(9), Caller::Guest(guest), "EraseCalls", "r", b"");
    let some = vec![CallId::from_bits(3), CallId::from_bits(77)];
    assert_eq!(store.erase_calls(guest, some.clone(), once.clone()).await, Ok(1));
    assert_eq!(store.erase_calls(guest, some, once).await, Ok(1), "a repeat is answered alike");
    assert_eq!(calls(&store, guest, 9).await, [5, 4, 2, 1]);
    let once = Once::unnamed(at(9), Caller::Guest(guest));
    assert_eq!(store.erase_calls(guest, vec![], once).await, Ok(4));
    assert_eq!(calls(&store, guest, 9).await, [0; 0]);
}

#[tokio::test]
async fn the_oldest_make_room_and_time_runs_out() {
    let dir = TempDir::new().expect("a folder");
    let (store, guest) = store(&dir).await;
    for call in 1..=u128::from(CALLS_PER_GUEST_MAX) + 2 {
        keeps(&store, guest, record(call, call as u64, false)).await.expect("keeps");
    }
    let kept = calls(&store, guest, 2_000).await;
    assert_eq!((kept.len(), kept.last()), (CALLS_PER_GUEST_MAX as usize, Some(&3)));
    let later = CALLS_KEPT.as_secs();
    assert_eq!(calls(&store, guest, later + 1_000).await, [1_002, 1_001]);
    keeps(&store, guest, record(5_000, later + 1_000, false)).await.expect("keeps");
    let ended = store.read(move |view| view.has(&ENDED, call_key(guest, 3))).await;
    assert_eq!(ended, Ok(false), "it was swept");
}

#[tokio::test]
async fn missed_calls_wait_until_they_are_seen_and_one_caller_leaves_three() {
    let dir = TempDir::new().expect("a folder");
    let (store, guest) = store(&dir).await;
    for call in 1..=5 {
        store.keep_missed(Some(guest), record(call, call as u64, true)).await.expect("keeps");
    }
    store.keep_missed(Some(guest), record(6, 700, true)).await.expect("keeps");
    let unseen = async || -> Vec<u128> {
        let kept = store.unseen_missed(guest, 20, at(800)).await.expect("reads");
        kept.iter().map(|kept| kept.record.call.to_bits()).collect()
    };
    assert_eq!(unseen().await, [6, 3, 2, 1]);
    store.missed_seen(guest, at(2)).await.expect("keeps");
    store.missed_seen(guest, at(1)).await.expect("an earlier time changes nothing");
    assert_eq!(unseen().await, [6, 3]);
    let stranger = GuestId::from_bits(404);
    store.keep_missed(Some(stranger), record(7, 7, true)).await.expect("is passed over");
    assert_eq!(calls(&store, stranger, 9).await, [0; 0]);
}

#[tokio::test]
async fn one_caller_leaves_three_missed_calls_whether_they_rang_or_not_and_after_a_restart() {
    let dir = TempDir::new().expect("a folder");
    let (opened, guest) = store(&dir).await;
    for call in 1..=2 {
        keeps(&opened, guest, record(call, call as u64, true)).await.expect("keeps a ring");
    }
    opened.keep_missed(Some(guest), record(3, 3, true)).await.expect("keeps");
    drop(opened);
    let (store, guest) = store(&dir).await;
    store.keep_missed(Some(guest), record(4, 4, true)).await.expect("is passed over");
    keeps(&store, guest, record(5, 5, true)).await.expect("keeps a ring");
    let other = CallRecord { peer: GuestId::from_bits(8), ..record(6, 6, true) };
    keeps(&store, guest, other).await.expect("keeps a ring of somebody else");
    let kept = store.list_calls(guest, true, CallKey::default(), 9, at(9)).await.expect("reads");
    let missed: Vec<u128> = kept.iter().map(|kept| kept.record.call.to_bits()).collect();
    assert_eq!(missed, [6, 3, 2, 1]);
    assert_eq!(calls(&store, guest, 9).await, [6, 5, 3, 2, 1], "a ring is kept in any case");
}

#[tokio::test]
async fn an_erased_call_stays_over_for_as_long_as_its_tokens_live_and_names_nobody() {
    let dir = TempDir::new().expect("a folder");
    let (store, guest) = store(&dir).await;
    let goes_on = async |call| {
        // The account of the fixture is no account to be read: what goes on is told from what is over by it.
        let asked = store.call_goes_on(guest, guest, CallId::from_bits(call)).await;
        asked != Ok(None)
    };
    keeps(&store, guest, record(1, 1, false)).await.expect("keeps");
    assert!(!goes_on(1).await && goes_on(2).await);
    let once = Once::unnamed(at(2), Caller::Guest(guest));
    assert_eq!(store.erase_calls(guest, vec![], once).await, Ok(1));
    assert!(!goes_on(1).await, "its token is as worthless as before");
    let rows = async || {
        let over = store.read(|view| Ok(view.scan(&OVER_OLDEST, b"", None)?.count())).await;
        over.expect("reads")
    };
    assert_eq!(rows().await, 1);
    keeps(&store, guest, record(3, CALL_TTL.as_secs(), false)).await.expect("keeps");
    assert_eq!(rows().await, 1, "a token of it could still be shown");
    keeps(&store, guest, record(4, CALL_TTL.as_secs() + 1, false)).await.expect("keeps");
    assert_eq!(rows().await, 0);
    assert!(goes_on(1).await, "and nothing is left of it");
}

#[tokio::test]
async fn a_call_that_ended_is_over_for_both_in_one_step() {
    let dir = TempDir::new().expect("a folder");
    let (store, guest) = store(&dir).await;
    let other = GuestId::from_bits(9);
    let account = move |tx: &mut Tx<'_>| {
        tx.put_bytes("accounts", &guest_key(other), b"there is one".to_vec());
        Ok(())
    };
    store.write(account).await.expect("is kept");
    let of_other = CallRecord { peer: guest, part: Part::Placed, ..record(1, 1, false) };
    store.keep_ended([(other, of_other), (guest, record(1, 1, false))]).await.expect("keeps");
    for (me, peer) in [(guest, other), (other, guest)] {
        assert_eq!(store.call_goes_on(me, peer, CallId::from_bits(1)).await, Ok(None));
    }
}

#[tokio::test]
async fn a_missed_call_that_is_not_kept_gives_the_disk_as_much_to_do() {
    let dir = TempDir::new().expect("a folder");
    let (store, guest) = store(&dir).await;
    let written = async || store.read(|view| view.get(&NOT_KEPT, b"")).await.expect("reads");
    store.keep_missed(Some(guest), record(1, 1, true)).await.expect("keeps");
    assert_eq!(written().await, None);
    store.keep_missed(None, record(2, 2, true)).await.expect("of nobody");
    assert_eq!(written().await, Some(millis(at(2))));
    store.keep_missed(Some(GuestId::from_bits(404)), record(3, 3, true)).await.expect("of who is gone");
    assert_eq!(written().await, Some(millis(at(3))));
    for call in 4..=8 {
        store.keep_missed(Some(guest), record(call, call as u64, true)).await.expect("keeps");
    }
    assert_eq!(written().await, Some(millis(at(8))), "of who has enough of them");
    assert_eq!(calls(&store, guest, 9).await, [5, 4, 1]);
}

//! Blocks, reports and the log of what admins did.

use super::*;
use crate::store::{AuditKey, BlocksOf, Report, ReportRate, ReportReason, Resolution};
use castle::ids::ReportId;

const ALICE: u128 = 7;
const BOB: u128 = 8;
const RATE: ReportRate = ReportRate { reports: 2, within: Duration::from_hours(1) };

async fn with_guests(dir: &Path, ids: &[u128]) -> SledStore {
    let store = open(dir);
    store.create_invitation(making(unnamed()), invitation(100)).await.unwrap();
    for &id in ids {
        store.register(registration(id, &format!("guest-{id:03}"))).await.unwrap();
    }
    store
}

fn guest(id: u128) -> GuestId {
    GuestId::from_bits(id)
}

fn report(id: u128, minutes: u64) -> Report {
    Report {
        id: ReportId::from_bits(id),
        reporter: guest(ALICE),
        reported: guest(BOB),
        call: None,
        reason: ReportReason::Spam,
        text: "sells watches".to_owned(),
        created_at: NOW + Duration::from_mins(minutes),
        resolved: None,
    }
}

fn act(action: &'static str, once: Once) -> Act {
    Act { by: Actor::Host, once, action, target: "rep".to_owned(), detail: "said so".to_owned() }
}

fn closed() -> Resolution {
    Resolution { at: NOW, note: "said so".to_owned() }
}

#[tokio::test]
async fn a_block_is_found_from_both_ends_and_outlives_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let store = with_guests(dir.path(), &[ALICE, BOB, 9]).await;
    for (by, whom) in [(ALICE, 9), (ALICE, BOB), (ALICE, BOB), (9, ALICE)] {
        store.block(guest(by), guest(whom), 10, unnamed()).await.unwrap();
    }
    let unknown = store.block(guest(ALICE), guest(99), 10, unnamed()).await;
    assert_eq!(unknown, Err(Error::GuestUnknown));
    drop(store);
    let store = open(dir.path());
    let of_alice = BlocksOf { blocked: vec![guest(BOB), guest(9)], blocked_by: vec![guest(9)] };
    assert_eq!(store.blocks_of(guest(ALICE)).await.unwrap(), of_alice);
    assert_eq!(store.blocks_of(guest(BOB)).await.unwrap().blocked_by, [guest(ALICE)]);
    let names: Vec<String> =
        store.blocked_accounts(guest(ALICE)).await.unwrap().into_iter().map(|it| it.name).collect();
    assert_eq!(names, ["guest-008", "guest-009"]);
    for _ in 0..2 {
        store.unblock(guest(ALICE), guest(9), unnamed()).await.unwrap();
    }
    let left = BlocksOf { blocked: vec![guest(BOB)], blocked_by: vec![guest(9)] };
    assert_eq!(store.blocks_of(guest(ALICE)).await.unwrap(), left, "the other's block stays");
}

#[tokio::test]
async fn blocks_are_bounded_and_a_block_that_is_there_needs_no_room() {
    let dir = tempfile::tempdir().unwrap();
    let store = with_guests(dir.path(), &[ALICE, BOB, 9]).await;
    store.block(guest(ALICE), guest(BOB), 1, unnamed()).await.unwrap();
    let full = store.block(guest(ALICE), guest(9), 1, unnamed()).await;
    assert_eq!(full, Err(Error::Limit { what: "blocked_guests", limit: 1 }));
    assert!(store.block(guest(ALICE), guest(BOB), 1, unnamed()).await.is_ok());
    store.unblock(guest(ALICE), guest(BOB), unnamed()).await.unwrap();
    assert!(store.block(guest(ALICE), guest(9), 1, unnamed()).await.is_ok());
}

#[tokio::test]
async fn reports_are_limited_by_the_hour_and_listed_newest_first() {
    let dir = tempfile::tempdir().unwrap();
    let store = with_guests(dir.path(), &[ALICE, BOB]).await;
    store.file_report(report(1, 0), RATE, unnamed()).await.unwrap();
    store.file_report(report(2, 20), RATE, unnamed()).await.unwrap();
    let refused = store.file_report(report(3, 45), RATE, unnamed()).await;
    let retry_after = Duration::from_mins(15);
    let limit = RATE.reports as u64;
    assert_eq!(refused, Err(Error::RateLimited { what: "reports", limit, refill: None, retry_after }));
    store.file_report(report(4, 60), RATE, unnamed()).await.unwrap();
    let about_nobody = Report { reported: guest(99), ..report(5, 600) };
    assert_eq!(store.file_report(about_nobody, RATE, unnamed()).await, Err(Error::GuestUnknown));
    let ids = |before: Option<u128>, limit| {
        let listed = store.list_reports(true, before.map(ReportId::from_bits), limit);
        async move { listed.await.unwrap().iter().map(|view| view.report.id.to_bits()).collect::<Vec<_>>() }
    };
    assert_eq!(ids(None, 10).await, [4, 2, 1]);
    assert_eq!(ids(Some(4), 1).await, [2]);
    assert_eq!(ids(Some(2), 10).await, [1]);
}

#[tokio::test]
async fn a_closed_report_leaves_the_open_ones_and_the_log_tells_of_it_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = with_guests(dir.path(), &[ALICE, BOB]).await;
    store.file_report(report(1, 0), RATE, unnamed()).await.unwrap();
    store.file_report(report(2, 1), RATE, unnamed()).await.unwrap();
    assert_eq!(store.open_reports_about(guest(BOB)).await, Ok(2));
    assert_eq!(store.open_reports_about(guest(ALICE)).await, Ok(0));
    for _ in 0..2 {
        let repeated = asked("one", b"close", Duration::ZERO);
        store.resolve_report(act("ResolveReport", repeated), ReportId::from_bits(1), closed()).await.unwrap();
    }
    let unknown = store.resolve_report(act("ResolveReport", unnamed()), ReportId::from_bits(3), closed());
    assert_eq!(unknown.await, Err(Error::ReportUnknown));
    assert_eq!(store.open_reports_about(guest(BOB)).await, Ok(1));
    let open = store.list_reports(false, None, 10).await.unwrap();
    assert_eq!(open.iter().map(|view| view.report.clone()).collect::<Vec<_>>(), [report(2, 1)]);
    assert_eq!(open[0].reporter.as_ref().unwrap().name, "guest-007");
    let all = store.list_reports(true, None, 10).await.unwrap();
    assert_eq!(all[1].report, Report { resolved: Some(closed()), ..report(1, 0) });
    let mut log = store.list_audit_entries(None, 10).await.unwrap();
    log.retain(|entry| entry.action != "CreateInvitation");
    let [entry] = &log[..] else { panic!("one act, said twice and refused once: {log:?}") };
    assert_eq!((&entry.action[..], &entry.actor[..], &entry.target[..]), ("ResolveReport", "", "rep"));
    assert_eq!((&entry.detail[..], entry.at), ("said so", NOW));
}

#[tokio::test]
async fn the_log_is_read_from_its_end_in_pages() {
    let dir = tempfile::tempdir().unwrap();
    let store = with_guests(dir.path(), &[ALICE, BOB]).await;
    store.file_report(report(1, 0), RATE, unnamed()).await.unwrap();
    for second in 0..5 {
        // The host's invitation was before them; what was at one instant has no order.
        let once = asked("", b"", Duration::from_secs(second + 1));
        let by = Actor::Admin { id: guest(BOB), name: format!("admin-{second}") };
        let act = Act { by, ..act("ResolveReport", once) };
        store.resolve_report(act, ReportId::from_bits(1), closed()).await.unwrap();
    }
    let mut before: Option<AuditKey> = None;
    let mut actors = Vec::new();
    loop {
        let page = store.list_audit_entries(before, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.key);
        actors.extend(page.into_iter().map(|entry| entry.actor));
    }
    assert_eq!(actors.pop().as_deref(), Some(""), "the host's invitation");
    assert_eq!(actors, ["admin-4", "admin-3", "admin-2", "admin-1", "admin-0"]);
}

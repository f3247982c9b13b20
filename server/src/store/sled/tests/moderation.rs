//! Blocks, reports and the log of what admins did.

use super::*;
use crate::store::{AuditKey, BlocksOf, RECORDS_KEPT, Report, ReportRate, ReportReason, Resolution};
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
    let store = with_guests(dir.path(), &[ALICE, BOB, 10, 11, 12, 13, 14]).await;
    store.file_report(report(1, 0), RATE, unnamed()).await.unwrap();
    for second in 0..5 {
        // The host's invitation was before them; what was at one instant has no order.
        let once = asked("", b"", Duration::from_secs(second + 1));
        let by = Actor::Admin { id: guest(10 + u128::from(second)), name: format!("guest-01{second}") };
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
    assert_eq!(actors, ["guest-014", "guest-013", "guest-012", "guest-011", "guest-010"]);
}

#[tokio::test]
async fn what_is_older_than_it_is_kept_leaves_with_what_comes() {
    let dir = tempfile::tempdir().unwrap();
    let store = with_guests(dir.path(), &[ALICE, BOB]).await;
    store.file_report(report(1, 0), RATE, unnamed()).await.unwrap();
    let later = RECORDS_KEPT + Duration::from_hours(24 * 400);
    store.file_report(report(2, later.as_secs() / 60), RATE, unnamed()).await.unwrap();
    let listed = store.list_reports(true, None, 9).await.unwrap();
    assert_eq!(listed.iter().map(|view| view.report.id.to_bits()).collect::<Vec<_>>(), [2]);
    assert_eq!(store.list_reports(false, None, 9).await.unwrap().len(), 1);
    assert_eq!(store.reports_by(guest(ALICE), None, 9).await.unwrap().len(), 1);
    let once = || Once::unnamed(NOW + later, Caller::Host);
    store.unban(act("UnbanGuest", once()), guest(BOB)).await.unwrap();
    let entries = store.list_audit_entries(None, 9).await.unwrap();
    assert_eq!(entries.iter().map(|entry| &entry.action[..]).collect::<Vec<_>>(), ["UnbanGuest"]);
    let new = Invitation { code_hash: [9; 32], expires_at: NOW + 2 * later, ..invitation(101) };
    store.create_invitation(act("CreateInvitation", once()), new).await.unwrap();
    assert_eq!(store.list_invitations(None, 9).await.unwrap().len(), 1, "the first had ended long ago");
}

#[tokio::test]
async fn the_third_layout_kept_the_names_of_who_acted_also_of_the_erased() {
    let dir = tempfile::tempdir().unwrap();
    let store = with_guests(dir.path(), &[ALICE]).await;
    let later = NOW + Duration::from_mins(30);
    store.register(Registration { now: later, ..registration(BOB, "taken-anew") }).await.unwrap();
    drop(store);
    let names = ["guest-007", "", "erased", "taken-anew"];
    {
        let db = SledStore::open_as_it_is(dir.path()).unwrap();
        db.insert(SCHEMA_KEY, &3u32.to_be_bytes()).unwrap();
        let (audit, invitations) = (db.open_tree("audit").unwrap(), db.open_tree("invitations").unwrap());
        audit.clear().unwrap();
        invitations.clear().unwrap();
        for (place, name) in (1u8..).zip(names) {
            let act =
                serde_json::json!({"at": 5, "actor": name, "action": "BanGuest", "target": "", "detail": ""});
            audit.insert([place; 16], act.to_string().as_bytes()).unwrap();
            let made = serde_json::json!({"id": place, "uses": 2, "used": 1, "expires_at": 1000, "note": "",
                "admin": false, "created_at": 10 - u64::from(place), "created_by": name});
            invitations.insert([place; 32], made.to_string().as_bytes()).unwrap();
        }
        db.flush().unwrap();
    }
    let store = open(dir.path());
    let nobody = GuestId::from_bits(0).to_string();
    let log = async || {
        let log = store.list_audit_entries(None, 9).await.unwrap();
        log.into_iter().map(|entry| entry.actor).collect::<Vec<_>>()
    };
    let made = async || {
        let made = store.list_invitations(None, 9).await.unwrap();
        made.into_iter().map(|invitation| invitation.created_by).collect::<Vec<_>>()
    };
    let shown = ["guest-007", "", &nobody, &nobody];
    assert_eq!((log().await, made().await), (shown.map(String::from).into(), shown.map(String::from).into()));
    for table in ["audit", "invitations"] {
        for row in &store.db.open_tree(table).unwrap() {
            let row = String::from_utf8(row.unwrap().1.to_vec()).unwrap();
            assert!(!names.iter().any(|name| !name.is_empty() && row.contains(name)), "{row}");
        }
    }
    store.delete_account(guest(ALICE)).await.unwrap();
    let alice = guest(ALICE).to_string();
    assert_eq!((&log().await[0], &made().await[0]), (&alice, &alice));
}

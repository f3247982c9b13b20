//! What guests do about each other: blocks, reports, and what of them is exported and erased.

use super::*;

pub(crate) fn blocking(guest: &TestGuest) -> v1::BlockRequest {
    v1::BlockRequest { guest_id: guest.guest.guest_id.clone(), ..Default::default() }
}

fn reporting(guest: &TestGuest, call_id: &str, reason: v1::ReportReason) -> v1::ReportRequest {
    let (guest_id, call_id) = (guest.guest.guest_id.clone(), call_id.to_owned());
    v1::ReportRequest { guest_id, call_id, reason: reason.into(), ..Default::default() }
}

#[tokio::test]
async fn a_block_ends_the_call_and_neither_reaches_the_other_until_it_is_taken_back() {
    let server = TestServer::start().await;
    let [(mut alice, mut hers), (bob, mut his)] = two(&server).await;
    let _call = in_call(&mut hers, (&bob, &mut his)).await;
    for _ in 0..2 {
        let asked = alice.asks(blocking(&bob));
        alice.client.block(asked).await.unwrap();
    }
    hers.ended().await;
    his.ended().await;
    let away = server.guest("carol").await;
    for (signal, blocked) in [(&mut his, &alice), (&mut hers, &bob)] {
        signal.calls(&away).await;
        let offline = signal.fault().await;
        assert_eq!(offline.reason(), v1::ErrorReason::PeerUnavailable);
        signal.calls(blocked).await;
        assert_eq!(signal.fault().await, offline, "word for word as of who is away");
    }
    let asked = alice.asks(v1::ListBlockedRequest::default());
    let blocked = alice.client.list_blocked(asked).await.unwrap().into_inner();
    assert_eq!(blocked.guests, std::slice::from_ref(&bob.guest));
    let guest_id = bob.guest.guest_id.clone();
    for _ in 0..2 {
        let asked = alice.asks(v1::UnblockRequest { guest_id: guest_id.clone(), ..Default::default() });
        alice.client.unblock(asked).await.unwrap();
    }
    hers.calls(&bob).await;
    assert_eq!(his.call().await.state(), v1::CallState::Ringing);
}

#[tokio::test]
async fn a_session_begins_with_the_blocks_that_are_on_disk() {
    let server = TestServer::start().await;
    let mut alice = server.guest("alice").await;
    let mut bob = server.guest("bob").await;
    let asked = alice.asks(blocking(&bob));
    alice.client.block(asked).await.unwrap();
    let _hers = Signal::open(&mut alice).await;
    let mut his = Signal::open(&mut bob).await;
    assert!(his.welcome.hall.as_ref().unwrap().guests.is_empty(), "bob sees nobody who blocked him");
    his.calls(&alice).await;
    assert_eq!(his.fault().await.reason(), v1::ErrorReason::PeerUnavailable);
}

#[tokio::test]
async fn what_guests_ask_for_about_each_other_is_checked() {
    let server = TestServer::start().await;
    let mut alice = server.guest("alice").await;
    let bob = server.guest("bob").await;
    let token = alice.tokens.access_token.clone();
    let asks = |message| with_token(message, &token);
    let mine = alice.guest.guest_id.clone();
    let nobody = format!("gst_{}", "0".repeat(32));
    for guest_id in ["", "gst_1", &mine[..]] {
        let asked = v1::BlockRequest { guest_id: guest_id.to_owned(), ..Default::default() };
        assert_eq!(fields_at_fault(alice.client.block(asks(asked)).await), ["guest_id"]);
    }
    let asked = v1::BlockRequest { guest_id: nobody.clone(), ..Default::default() };
    assert_eq!(refusal(alice.client.block(asks(asked)).await), ("GUEST_UNKNOWN".to_owned(), Code::NotFound));
    let asked = v1::BlockRequest { request_id: "r".repeat(65), ..blocking(&bob) };
    assert_eq!(fields_at_fault(alice.client.block(asks(asked)).await), ["request_id"]);
    let token_of = |message: v1::ListBlockedRequest| with_token(message, &token);
    let asked = v1::ListBlockedRequest { page_size: 201, page_token: "!".to_owned() };
    assert_eq!(
        fields_at_fault(alice.client.list_blocked(token_of(asked)).await),
        ["page_size", "page_token"]
    );
    let report = reporting(&bob, "", v1::ReportReason::Spam);
    let long = "t".repeat(2001);
    for (asked, field) in [
        (v1::ReportRequest { guest_id: mine, ..report.clone() }, "guest_id"),
        (v1::ReportRequest { call_id: "cal_1".to_owned(), ..report.clone() }, "call_id"),
        (v1::ReportRequest { reason: 0, ..report.clone() }, "reason"),
        (v1::ReportRequest { reason: 99, ..report.clone() }, "reason"),
        (v1::ReportRequest { text: long, ..report.clone() }, "text"),
        (v1::ReportRequest { reason: v1::ReportReason::Other.into(), ..report.clone() }, "text"),
        (v1::ReportRequest { request_id: "r".repeat(65), ..report.clone() }, "request_id"),
    ] {
        let request = with_token(asked, &token);
        assert_eq!(fields_at_fault(alice.client.report(request).await), [field]);
    }
    let about_nobody = v1::ReportRequest { guest_id: nobody, ..report.clone() };
    assert_eq!(refusal(alice.client.report(with_token(about_nobody, &token)).await).0, "GUEST_UNKNOWN");
    let no_call = v1::ReportRequest { call_id: format!("cal_{}", "0".repeat(32)), ..report };
    assert_eq!(refusal(alice.client.report(with_token(no_call, &token)).await).0, "NOT_IN_CALL");
}

#[tokio::test]
async fn reports_reach_the_host_ten_an_hour_and_are_closed_with_a_note() {
    let server = TestServer::start().await;
    let [(mut alice, mut hers), (bob, mut his)] = two(&server).await;
    let [call, _] = in_call(&mut hers, (&bob, &mut his)).await;
    let report = v1::ReportRequest {
        text: "shouts".to_owned(),
        request_id: "r0".to_owned(),
        ..reporting(&bob, &call.call_id, v1::ReportReason::Harassment)
    };
    let asked = alice.asks(report.clone());
    let first = alice.client.report(asked).await.unwrap().into_inner();
    let asked = alice.asks(report.clone());
    assert_eq!(alice.client.report(asked).await.unwrap().into_inner(), first, "a repeat is the same report");
    for n in 1..10 {
        let asked = alice.asks(v1::ReportRequest { request_id: format!("r{n}"), ..report.clone() });
        alice.client.report(asked).await.unwrap();
    }
    let asked = alice.asks(v1::ReportRequest { request_id: "r10".to_owned(), ..report });
    let refused = alice.client.report(asked).await;
    assert_eq!(refusal(refused), ("RATE_LIMITED".to_owned(), Code::ResourceExhausted));
    let mut host = host(&server).await;
    let list = v1::ListReportsRequest::default();
    let open = host.list_reports(list.clone()).await.unwrap().into_inner().reports;
    assert_eq!(open.len(), 10);
    let oldest = open.last().unwrap();
    assert_eq!((&oldest.report_id, &oldest.call_id), (&first.report_id, &call.call_id));
    assert_eq!(
        (oldest.reporter.clone(), oldest.reported.clone()),
        (Some(alice.guest.clone()), Some(bob.guest.clone()))
    );
    let asked = v1::ResolveReportRequest {
        report_id: first.report_id,
        resolution: "spoke with bob".to_owned(),
        request_id: String::new(),
    };
    host.resolve_report(asked).await.unwrap();
    assert_eq!(host.list_reports(list).await.unwrap().into_inner().reports.len(), 9);
    let shown = host.get_account(v1::GetAccountRequest { account: by_id(&bob) }).await.unwrap().into_inner();
    assert_eq!(shown.open_reports, 9);
    host.delete_guest(v1::DeleteGuestRequest { account: by_id(&alice), ..Default::default() }).await.unwrap();
    let all = v1::ListReportsRequest { include_resolved: true, ..Default::default() };
    let all = host.list_reports(all).await.unwrap().into_inner().reports;
    assert_eq!(all[9].resolution, "spoke with bob");
    assert!(all.iter().all(|report| report.reporter.is_none() && report.reported.is_some()));
}

#[tokio::test]
async fn a_call_that_is_over_is_reported_with_whom_it_was_with() {
    let server = TestServer::start().await;
    let [(mut alice, mut hers), (bob, mut his)] = two(&server).await;
    let carol = server.guest("carol").await;
    let [call, _] = in_call(&mut hers, (&bob, &mut his)).await;
    hers.hangs_up(&call).await;
    his.ended().await;
    kept_calls(&mut alice).await;
    let about = |guest: &TestGuest| reporting(guest, &call.call_id, v1::ReportReason::Spam);
    let asked = alice.asks(about(&bob));
    assert!(alice.client.report(asked).await.is_ok());
    let asked = alice.asks(about(&carol));
    assert_eq!(refusal(alice.client.report(asked).await).0, "NOT_IN_CALL", "carol was not in it");
    let mut carols = carol.client.clone();
    assert_eq!(refusal(carols.report(carol.asks(about(&bob))).await).0, "NOT_IN_CALL");
}

/// The caller's history: what they were told of is in it.
async fn kept_calls(guest: &mut TestGuest) -> Vec<v1::CallRecord> {
    let asked = guest.asks(v1::ListCallsRequest::default());
    guest.client.list_calls(asked).await.unwrap().into_inner().calls
}

#[tokio::test]
async fn an_export_tells_blocks_reports_and_calls() {
    let server = TestServer::start().await;
    let [(mut alice, mut hers), (bob, mut his)] = two(&server).await;
    let [call, _] = in_call(&mut hers, (&bob, &mut his)).await;
    let report = v1::ReportRequest {
        text: "it was odd".to_owned(),
        ..reporting(&bob, &call.call_id, v1::ReportReason::Other)
    };
    let asked = alice.asks(report);
    alice.client.report(asked).await.unwrap();
    let asked = alice.asks(blocking(&bob));
    alice.client.block(asked).await.unwrap();
    kept_calls(&mut alice).await;
    let exported = alice.client.clone().export_account(alice.asks(v1::ExportAccountRequest {})).await;
    let mut pieces = exported.unwrap().into_inner();
    let mut document = Vec::new();
    while let Some(piece) = pieces.message().await.unwrap() {
        document.extend(piece.json);
    }
    let document: serde_json::Value = serde_json::from_slice(&document).unwrap();
    assert_eq!(document["blocked"][0]["name"], "bob");
    let reported = &document["reports"][0];
    assert_eq!(
        (&reported["guest_id"], &reported["text"]),
        (&bob.guest.guest_id[..].into(), &"it was odd".into())
    );
    assert_eq!(reported["reason"], "REPORT_REASON_OTHER");
    let kept = &document["calls"][0];
    assert_eq!((&kept["call_id"], &kept["peer"]["name"]), (&call.call_id[..].into(), &"bob".into()));
    assert_eq!(kept["end_reason"], "CALL_END_REASON_HUNG_UP");
}

#[tokio::test]
async fn who_is_erased_leaves_no_history_and_no_block() {
    let server = TestServer::start().await;
    let [(mut alice, mut hers), (mut bob, mut his)] = two(&server).await;
    let _call = in_call(&mut hers, (&bob, &mut his)).await;
    let asked = bob.asks(blocking(&alice));
    bob.client.block(asked).await.unwrap();
    let asked = alice.asks(blocking(&bob));
    alice.client.block(asked).await.unwrap();
    kept_calls(&mut alice).await;
    kept_calls(&mut bob).await;
    let request = v1::DeleteAccountRequest { password: PASSWORD.to_owned() };
    let asked = alice.asks(request);
    alice.client.delete_account(asked).await.unwrap();
    let asked = bob.asks(v1::ListBlockedRequest::default());
    assert!(bob.client.list_blocked(asked).await.unwrap().into_inner().guests.is_empty());
    drop((hers, his));
    let [hers, his] = [&alice, &bob].map(|guest| guest.guest.guest_id.parse().unwrap());
    let stopped = server.stop().await;
    let now = SystemTime::now();
    let store = SledStore::open(&stopped.store_dir(), now, CancellationToken::new()).unwrap();
    let kept = async |guest| store.list_calls(guest, false, CallKey::default(), 9, now).await.unwrap();
    assert_eq!((kept(hers).await.len(), kept(his).await.len()), (0, 1), "his stays, with nobody's name");
    assert_eq!(kept(his).await[0].peer, None);
    assert_eq!(store.blocks_of(hers).await, store.blocks_of(his).await, "both have none");
}

//! What admins do over the network and hosts on the socket, what guests do about each other, and every refusal.

use crate::signaling::{Signal, Waiting, in_call, two};
use crate::support::{
    PASSWORD, TestGuest, TestServer, fields_at_fault, logging_in, reason, refusal, with_token,
};
use castle::v1::admin_service_client::AdminServiceClient;
use castle::v1::host_service_client::HostServiceClient;
use castle::v1::signal_request::Frame as Ask;
use castle::v1::signal_response::Frame as Answer;
use castle::v1::{self, account_ref};
use castle_server::admin::{Admin, reach, running};
use castle_server::config::PublicUrl;
use castle_server::store::sled::SledStore;
use castle_server::store::{CallKey, HistoryStore as _, ModerationStore as _};
use std::time::{Duration, Instant, SystemTime};
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tonic::{Code, Request};

/// Within this a ban has taken effect everywhere.
const AT_ONCE: Duration = Duration::from_secs(1);

#[expect(clippy::unnecessary_wraps, reason = "as requests take it")]
fn by_name(name: &str) -> Option<v1::AccountRef> {
    Some(v1::AccountRef { account: Some(account_ref::Account::Name(name.to_owned())) })
}

#[expect(clippy::unnecessary_wraps, reason = "as requests take it")]
fn by_id(guest: &TestGuest) -> Option<v1::AccountRef> {
    Some(v1::AccountRef { account: Some(account_ref::Account::GuestId(guest.guest.guest_id.clone())) })
}

/// The host's hand on a running server.
async fn host(server: &TestServer) -> Admin {
    reach(server.data_dir(), None).await.unwrap()
}

/// A guest of role admin, and a client for what admins do.
async fn admin(server: &TestServer, name: &str) -> (TestGuest, AdminServiceClient<Channel>) {
    let guest = server.guest(name).await;
    let role = v1::Role::Admin.into();
    let asked = v1::SetRoleRequest { account: by_name(name), role, ..Default::default() };
    host(server).await.set_role(asked).await.unwrap();
    (guest, AdminServiceClient::new(server.channel().await))
}

#[tokio::test]
async fn who_is_no_admin_learns_nothing() {
    let server = TestServer::start().await;
    let alice = server.guest("alice").await;
    let mut client = AdminServiceClient::new(server.channel().await);
    for account in [by_name("alice"), by_name("nobody"), None] {
        let request = alice.asks(v1::GetAccountRequest { account });
        let refused = refusal(client.get_account(request).await);
        assert_eq!(refused, ("PERMISSION_DENIED".to_owned(), Code::PermissionDenied));
    }
    let huge = v1::ListAuditEntriesRequest { page_size: u32::MAX, page_token: "x".repeat(1000) };
    assert_eq!(refusal(client.list_audit_entries(alice.asks(huge)).await).0, "PERMISSION_DENIED");
    let nobody = client.create_invitation(v1::CreateInvitationRequest::default()).await;
    assert_eq!(refusal(nobody), ("TOKEN_MISSING".to_owned(), Code::Unauthenticated));
}

#[tokio::test]
async fn the_account_says_who_is_admin_and_not_the_token() {
    let server = TestServer::start().await;
    let (ann, mut client) = admin(&server, "ann").await;
    let (_bea, _) = admin(&server, "bea").await;
    let list = || ann.asks(v1::ListAccountsRequest::default());
    assert!(client.list_accounts(list()).await.is_ok(), "her token was made while she was a guest");
    let role = v1::Role::Guest.into();
    let asked = v1::SetRoleRequest { account: by_name("ann"), role, ..Default::default() };
    client.set_role(ann.asks(asked)).await.unwrap();
    assert_eq!(refusal(client.list_accounts(list()).await).0, "PERMISSION_DENIED");
}

#[tokio::test]
async fn an_invitation_goes_from_open_to_spent_or_revoked_and_is_listed_so() {
    let server = TestServer::start().await;
    let (ann, mut client) = admin(&server, "ann").await;
    let asked = v1::CreateInvitationRequest {
        uses: 1,
        expires_in_s: 60,
        note: "for bob".to_owned(),
        request_id: "one".to_owned(),
    };
    let made = client.create_invitation(ann.asks(asked.clone())).await.unwrap().into_inner();
    let again = client.create_invitation(ann.asks(asked.clone())).await.unwrap().into_inner();
    assert_eq!(made, again, "a repeat gives the same code");
    let other = v1::CreateInvitationRequest { uses: 2, ..asked };
    assert_eq!(refusal(client.create_invitation(ann.asks(other)).await).0, "REQUEST_ID_REUSED");
    assert!(made.link.ends_with(&format!("/?invite={}", made.code)), "{}", made.link);
    let first = |page: v1::ListInvitationsResponse| page.invitations[0].clone();
    let list = || ann.asks(v1::ListInvitationsRequest { page_size: 1, page_token: String::new() });
    let page = client.list_invitations(list()).await.unwrap().into_inner();
    assert_eq!(page.next_page_token, made.invitation_id, "the one that ann came by is on the next page");
    let open = first(page);
    assert_eq!((open.state(), open.used, open.uses), (v1::InvitationState::Open, 0, 1));
    assert_eq!((&open.created_by[..], &open.note[..]), ("ann", "for bob"));
    assert_eq!(open.role(), v1::Role::Guest);
    let request = v1::RegisterRequest { invitation_code: made.code, ..crate::support::registering("bob") };
    server.client().await.register(request).await.unwrap();
    let spent = first(client.list_invitations(list()).await.unwrap().into_inner());
    assert_eq!((spent.state(), spent.used), (v1::InvitationState::Spent, 1));
    let second = client.create_invitation(ann.asks(v1::CreateInvitationRequest::default())).await;
    let second = second.unwrap().into_inner();
    assert_eq!(second.uses, 1);
    for _ in 0..2 {
        let asked = v1::RevokeInvitationRequest {
            invitation_id: second.invitation_id.clone(),
            request_id: String::new(),
        };
        client.revoke_invitation(ann.asks(asked)).await.unwrap();
    }
    let revoked = first(client.list_invitations(list()).await.unwrap().into_inner());
    assert_eq!(revoked.state(), v1::InvitationState::Revoked);
    let request =
        v1::RegisterRequest { invitation_code: second.code, ..crate::support::registering("carol") };
    let refused = refusal(server.client().await.register(request).await);
    assert_eq!(refused, ("INVITATION_REVOKED".to_owned(), Code::FailedPrecondition));
}

#[tokio::test]
async fn a_ban_ends_session_match_and_refresh_family_at_once() {
    let server = TestServer::start().await;
    let mut bob = server.guest("bob").await;
    let mut signal = Signal::open(&mut bob).await;
    let mut waiting = Waiting::begin(&mut bob, &signal, "m1").await.unwrap();
    waiting.queued().await;
    let began = Instant::now();
    let asked =
        v1::BanGuestRequest { account: by_name("BOB"), reason: "spam".to_owned(), ..Default::default() };
    host(&server).await.ban_guest(asked).await.unwrap();
    assert_eq!(signal.end().await, "BANNED");
    assert_eq!(waiting.outcome().await, Err(v1::MatchLeftReason::SessionEnded));
    let asked = bob.asks(v1::GetIceServersRequest::default());
    assert_eq!(refusal(bob.client.get_ice_servers(asked).await).0, "BANNED");
    let refresh_token = bob.tokens.refresh_token.clone();
    let refreshed = bob.client.refresh(v1::RefreshRequest { refresh_token, ..Default::default() }).await;
    assert!(["BANNED", "REFRESH_INVALID"].contains(&&refusal(refreshed).0[..]));
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    let wrong = bob.client.login(logging_in("bob", "not the password")).await;
    assert_eq!(refusal(wrong).0, "BAD_CREDENTIALS", "who cannot prove to be bob learns nothing");
    let right = bob.client.login(logging_in("bob", PASSWORD)).await;
    assert_eq!(refusal(right), ("BANNED".to_owned(), Code::PermissionDenied));
    let shown = host(&server).await.get_account(v1::GetAccountRequest { account: by_id(&bob) }).await;
    let shown = shown.unwrap().into_inner();
    let account = shown.account.unwrap();
    assert!(account.banned_at.is_some() && !account.online && shown.devices.is_empty());
    assert_eq!(account.ban_reason, "spam");
    let asked = v1::UnbanGuestRequest { account: by_id(&bob), ..Default::default() };
    host(&server).await.unban_guest(asked).await.unwrap();
    let asked = bob.asks(v1::GetIceServersRequest::default());
    assert_eq!(refusal(bob.client.get_ice_servers(asked).await).0, "LOGIN_ENDED", "for good");
    let refresh_token = bob.tokens.refresh_token.clone();
    let refreshed = bob.client.refresh(v1::RefreshRequest { refresh_token, ..Default::default() }).await;
    assert_eq!(refusal(refreshed).0, "REFRESH_INVALID");
    assert!(bob.client.login(logging_in("bob", PASSWORD)).await.is_ok());
}

#[tokio::test]
async fn who_is_disconnected_may_log_in_again() {
    let server = TestServer::start().await;
    let mut bob = server.guest("bob").await;
    let mut signal = Signal::open(&mut bob).await;
    let asked = v1::DisconnectGuestRequest { account: by_id(&bob), request_id: "d".to_owned() };
    let ended = host(&server).await.disconnect_guest(asked.clone()).await.unwrap().into_inner();
    assert_eq!(ended.sessions_ended, 1);
    assert_eq!(signal.end().await, "LOGIN_ENDED");
    bob.tokens = bob.client.login(logging_in("bob", PASSWORD)).await.unwrap().into_inner().tokens.unwrap();
    let mut back = Signal::open(&mut bob).await;
    let repeated = host(&server).await.disconnect_guest(asked).await.unwrap().into_inner();
    assert_eq!(repeated, ended);
    back.say(0, Ask::Ping(v1::Ping { nonce: 7 })).await;
    let pong = back.until(|frame| match &frame.frame {
        Some(Answer::Pong(pong)) => Some(pong.nonce),
        _ => None,
    });
    assert_eq!(pong.await, 7, "who came back since then stays");
}

#[tokio::test]
async fn a_reset_code_sets_a_password_once() {
    let server = TestServer::start().await;
    let mut bob = server.guest("bob").await;
    let asked = v1::CreateResetCodeRequest { account: by_id(&bob), ..Default::default() };
    let made = host(&server).await.create_reset_code(asked).await.unwrap().into_inner();
    let reset = v1::ResetPasswordRequest {
        name: "bob".to_owned(),
        code: made.code,
        new_password: "a new and better one".to_owned(),
        device_name: String::new(),
        ..Default::default()
    };
    assert!(bob.client.reset_password(reset.clone()).await.is_ok());
    assert_eq!(refusal(bob.client.reset_password(reset).await).0, "BAD_CREDENTIALS");
    assert_eq!(refusal(bob.client.login(logging_in("bob", PASSWORD)).await).0, "BAD_CREDENTIALS");
    assert!(bob.client.login(logging_in("bob", "a new and better one")).await.is_ok());
}

#[tokio::test]
async fn a_hall_that_has_an_admin_keeps_one() {
    let server = TestServer::start().await;
    let (ann, mut client) = admin(&server, "ann").await;
    let me = || by_name("ann");
    let last = ("LAST_ADMIN".to_owned(), Code::FailedPrecondition);
    let ban = v1::BanGuestRequest { account: me(), ..Default::default() };
    assert_eq!(refusal(client.ban_guest(ann.asks(ban.clone())).await), last);
    let role = v1::Role::Guest.into();
    let demote = v1::SetRoleRequest { account: me(), role, ..Default::default() };
    assert_eq!(refusal(client.set_role(ann.asks(demote)).await), last);
    let delete = v1::DeleteGuestRequest { account: me(), ..Default::default() };
    assert_eq!(refusal(client.delete_guest(ann.asks(delete.clone())).await), last);
    let (_bea, _) = admin(&server, "bea").await;
    let ban_bea = v1::BanGuestRequest { account: by_name("bea"), ..Default::default() };
    client.ban_guest(ann.asks(ban_bea)).await.unwrap();
    assert_eq!(
        refusal(client.delete_guest(ann.asks(delete.clone())).await),
        last,
        "a banned one does not count"
    );
    let unban = v1::UnbanGuestRequest { account: by_name("bea"), ..Default::default() };
    client.unban_guest(ann.asks(unban)).await.unwrap();
    client.delete_guest(ann.asks(delete)).await.unwrap();
    let gone = client.list_accounts(ann.asks(v1::ListAccountsRequest::default())).await;
    assert_eq!(refusal(gone).0, "LOGIN_ENDED");
}

#[tokio::test]
async fn what_is_not_there_is_said_to_be_unknown() {
    let server = TestServer::start().await;
    let mut host = host(&server).await;
    let nobody = || by_name("nobody");
    let id = "0".repeat(32);
    let refused = [
        refusal(host.get_account(v1::GetAccountRequest { account: nobody() }).await),
        refusal(host.ban_guest(v1::BanGuestRequest { account: nobody(), ..Default::default() }).await),
        refusal(host.unban_guest(v1::UnbanGuestRequest { account: nobody(), ..Default::default() }).await),
        refusal(
            host.disconnect_guest(v1::DisconnectGuestRequest { account: nobody(), ..Default::default() })
                .await,
        ),
        refusal(host.delete_guest(v1::DeleteGuestRequest { account: nobody(), ..Default::default() }).await),
        refusal(
            host.create_reset_code(v1::CreateResetCodeRequest { account: nobody(), ..Default::default() })
                .await,
        ),
        refusal(host.set_role(v1::SetRoleRequest { account: nobody(), role: 1, ..Default::default() }).await),
    ];
    assert!(refused.iter().all(|it| *it == ("GUEST_UNKNOWN".to_owned(), Code::NotFound)), "{refused:?}");
    let gone = Some(v1::AccountRef { account: Some(account_ref::Account::GuestId(format!("gst_{id}"))) });
    let asked = v1::BanGuestRequest { account: gone, ..Default::default() };
    assert_eq!(refusal(host.ban_guest(asked).await).0, "GUEST_UNKNOWN");
    let asked = v1::RevokeInvitationRequest { invitation_id: format!("inv_{id}"), ..Default::default() };
    assert_eq!(
        refusal(host.revoke_invitation(asked).await),
        ("INVITATION_UNKNOWN".to_owned(), Code::NotFound)
    );
    let asked = v1::ResolveReportRequest { report_id: format!("rep_{id}"), ..Default::default() };
    assert_eq!(refusal(host.resolve_report(asked).await), ("REPORT_UNKNOWN".to_owned(), Code::NotFound));
    let log = host.list_audit_entries(v1::ListAuditEntriesRequest::default()).await.unwrap().into_inner();
    assert!(log.entries.is_empty(), "what was refused is no act: {log:?}");
}

#[tokio::test]
async fn a_field_one_past_its_limit_is_named() {
    let server = TestServer::start().await;
    let _bob = server.guest("bob").await;
    let mut host = host(&server).await;
    let bob = || by_name("bob");
    let long_id = || "r".repeat(65);
    let invite = v1::CreateInvitationRequest::default();
    for (asked, field) in [
        (v1::CreateInvitationRequest { uses: 10_001, ..invite.clone() }, "uses"),
        (v1::CreateInvitationRequest { expires_in_s: 365 * 86_400 + 1, ..invite.clone() }, "expires_in_s"),
        (v1::CreateInvitationRequest { expires_in_s: u64::MAX, ..invite.clone() }, "expires_in_s"),
        (v1::CreateInvitationRequest { note: "n".repeat(257), ..invite.clone() }, "note"),
        (v1::CreateInvitationRequest { request_id: long_id(), ..invite.clone() }, "request_id"),
    ] {
        assert_eq!(fields_at_fault(host.create_invitation(asked).await), [field]);
    }
    let most = v1::CreateInvitationRequest {
        uses: 10_000,
        expires_in_s: 365 * 86_400,
        note: "ñ".repeat(256),
        request_id: "r".repeat(64),
    };
    assert!(host.create_invitation(most).await.is_ok(), "the limits themselves are allowed");
    for account in [None, Some(v1::AccountRef::default())] {
        assert_eq!(fields_at_fault(host.get_account(v1::GetAccountRequest { account }).await), ["account"]);
    }
    let wrong_id = Some(v1::AccountRef { account: Some(account_ref::Account::GuestId("gst_1".to_owned())) });
    let asked = v1::GetAccountRequest { account: wrong_id };
    assert_eq!(fields_at_fault(host.get_account(asked).await), ["account.guest_id"]);
    let asked = v1::GetAccountRequest { account: by_name(&"n".repeat(33)) };
    assert_eq!(fields_at_fault(host.get_account(asked).await), ["account.name"]);
    let asked = v1::BanGuestRequest { account: bob(), reason: "r".repeat(257), ..Default::default() };
    assert_eq!(fields_at_fault(host.ban_guest(asked).await), ["reason"]);
    for role in [0, 3, -1] {
        let asked = v1::SetRoleRequest { account: bob(), role, ..Default::default() };
        assert_eq!(fields_at_fault(host.set_role(asked).await), ["role"]);
    }
    let asked = v1::RevokeInvitationRequest { invitation_id: "inv_1".to_owned(), ..Default::default() };
    assert_eq!(fields_at_fault(host.revoke_invitation(asked).await), ["invitation_id"]);
    let report_id = format!("rep_{}", "0".repeat(32));
    let asked = v1::ResolveReportRequest { report_id, resolution: "r".repeat(1001), ..Default::default() };
    assert_eq!(fields_at_fault(host.resolve_report(asked).await), ["resolution"]);
    let asked = v1::ResolveReportRequest { report_id: "rep_1".to_owned(), ..Default::default() };
    assert_eq!(fields_at_fault(host.resolve_report(asked).await), ["report_id"]);
    for (page_size, page_token, field) in [
        (1001, String::new(), "page_size"),
        (0, "!".to_owned(), "page_token"),
        (0, "x".repeat(257), "page_token"),
    ] {
        let token = || page_token.clone();
        let asked = v1::ListAccountsRequest { page_size, page_token: token() };
        assert_eq!(fields_at_fault(host.list_accounts(asked).await), [field]);
        let asked = v1::ListInvitationsRequest { page_size, page_token: token() };
        assert_eq!(fields_at_fault(host.list_invitations(asked).await), [field]);
        let asked = v1::ListReportsRequest { page_size, page_token: token(), include_resolved: false };
        assert_eq!(fields_at_fault(host.list_reports(asked).await), [field]);
        let asked = v1::ListAuditEntriesRequest { page_size, page_token: token() };
        assert_eq!(fields_at_fault(host.list_audit_entries(asked).await), [field]);
    }
}

pub(crate) fn blocking(guest: &TestGuest) -> v1::BlockRequest {
    v1::BlockRequest { guest_id: guest.guest.guest_id.clone(), ..Default::default() }
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
    let report = v1::ReportRequest {
        guest_id: bob.guest.guest_id.clone(),
        reason: v1::ReportReason::Spam.into(),
        ..Default::default()
    };
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
        guest_id: bob.guest.guest_id.clone(),
        call_id: call.call_id.clone(),
        reason: v1::ReportReason::Harassment.into(),
        text: "shouts".to_owned(),
        request_id: "r0".to_owned(),
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
    let about = |guest: &TestGuest| v1::ReportRequest {
        guest_id: guest.guest.guest_id.clone(),
        call_id: call.call_id.clone(),
        reason: v1::ReportReason::Spam.into(),
        ..Default::default()
    };
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
        guest_id: bob.guest.guest_id.clone(),
        call_id: call.call_id.clone(),
        reason: v1::ReportReason::Other.into(),
        text: "it was odd".to_owned(),
        ..Default::default()
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

#[tokio::test]
async fn the_log_tells_each_act_and_no_secret() {
    let server = TestServer::start().await;
    let (ann, mut client) = admin(&server, "ann").await;
    let bob = server.guest("bob").await;
    let invited = client.create_invitation(ann.asks(v1::CreateInvitationRequest::default())).await;
    let invited = invited.unwrap().into_inner();
    let ban = v1::BanGuestRequest { account: by_id(&bob), reason: "spam".to_owned(), ..Default::default() };
    client.ban_guest(ann.asks(ban)).await.unwrap();
    let asked = v1::CreateResetCodeRequest { account: by_id(&bob), ..Default::default() };
    let reset = client.create_reset_code(ann.asks(asked)).await.unwrap().into_inner();
    let mut owner = HostServiceClient::new(running(server.data_dir()).await.unwrap());
    let rotate = v1::RotateSigningKeyRequest { request_id: "once".to_owned() };
    let key = owner.rotate_signing_key(rotate.clone()).await.unwrap().into_inner().key.unwrap();
    owner.rotate_signing_key(rotate).await.unwrap();
    owner.backup(v1::BackupRequest {}).await.unwrap();
    let mut listed = Vec::new();
    let mut page_token = String::new();
    loop {
        let asked = v1::ListAuditEntriesRequest { page_size: 2, page_token };
        let page = client.list_audit_entries(ann.asks(asked)).await.unwrap().into_inner();
        assert!(page.entries.len() <= 2);
        listed.extend(page.entries);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let acts: Vec<(&str, &str, &str)> =
        listed.iter().map(|it| (&it.actor[..], &it.action[..], &it.target[..])).collect();
    let (ann_id, bob_id) = (&ann.guest.guest_id[..], &bob.guest.guest_id[..]);
    let last = [
        ("", "Backup", ""),
        ("", "RotateSigningKey", &key.key_id[..]),
        ("ann", "CreateResetCode", bob_id),
        ("ann", "BanGuest", bob_id),
        ("ann", "CreateInvitation", &invited.invitation_id[..]),
    ];
    assert_eq!(acts[..5], last);
    assert!(acts.contains(&("", "SetRole", ann_id)), "{acts:?}");
    assert_eq!(listed[3].detail, "spam");
    assert!(listed[0].detail.ends_with(" rows"), "{}", listed[0].detail);
    let said = format!("{listed:?}");
    for secret in
        [&invited.code[..], &reset.code, PASSWORD, &ann.tokens.access_token, &bob.tokens.refresh_token]
    {
        assert!(!said.contains(secret), "{said}");
    }
}

#[tokio::test]
async fn the_first_invitation_stays_the_same_while_it_is_open() {
    let server = TestServer::start().await;
    let (first, code) = server.moderation.first_invitation().await.unwrap();
    let (again, same) = server.moderation.first_invitation().await.unwrap();
    assert_eq!((first.id, &code), (again.id, &same));
    let asked = v1::RevokeInvitationRequest { invitation_id: first.id.to_string(), ..Default::default() };
    host(&server).await.revoke_invitation(asked).await.unwrap();
    let (second, other) = server.moderation.first_invitation().await.unwrap();
    assert!(second.id != first.id && other != code);
    let request = v1::RegisterRequest { invitation_code: other, ..crate::support::registering("ann") };
    let ann = server.client().await.register(request).await.unwrap().into_inner();
    let mut client = AdminServiceClient::new(server.channel().await);
    let list = with_token(v1::ListAccountsRequest::default(), &ann.tokens.unwrap().access_token);
    assert!(client.list_accounts(list).await.is_ok(), "who came by it is admin");
}

#[tokio::test]
async fn what_a_closed_server_left_is_administrated_alike() {
    let server = TestServer::start().await;
    let _bob = server.guest("bob").await;
    let stopped = server.stop().await;
    let url = PublicUrl::parse("https://castle.example").unwrap();
    let mut host = reach(stopped.data_dir(), Some(url)).await.unwrap();
    let ban =
        v1::BanGuestRequest { account: by_name("bob"), reason: "spam".to_owned(), ..Default::default() };
    host.ban_guest(ban).await.unwrap();
    let made = host.create_invitation(Request::new(v1::CreateInvitationRequest::default())).await;
    assert!(made.unwrap().into_inner().link.starts_with("castle://castle.example:443/?invite="));
    let refused = host.ban_guest(v1::BanGuestRequest { account: by_name("eve"), ..Default::default() }).await;
    assert_eq!(reason(&refused.unwrap_err()), "GUEST_UNKNOWN");
    drop(host);
    let server = stopped.start().await;
    let right = server.client().await.login(logging_in("bob", PASSWORD)).await;
    assert_eq!(refusal(right).0, "BANNED");
}

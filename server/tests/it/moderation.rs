//! What admins do over the network and hosts on the socket, and every refusal.

mod guests;

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

pub(crate) use guests::blocking;

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

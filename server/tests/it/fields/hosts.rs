//! The requests of `AdminService` and `HostService`, field by field.

use super::Expected::{Named, Taken};
use super::{Case, Cast};
use super::{chars, id, long};
use castle::v1;
use castle::v1::account_ref::Account;

const YEAR_S: u64 = 365 * 86_400;

fn bob() -> v1::AccountRef {
    v1::AccountRef { account: Some(Account::Name("bob".to_owned())) }
}

pub(super) fn cases(cast: &Cast) -> Vec<Case> {
    let mut cases = invitations();
    cases.extend(accounts());
    cases.extend(reports());
    cases.extend(pages());
    for (length, expected) in [(64, Taken), (65, Named("request_id"))] {
        let rotate = v1::RotateSigningKeyRequest { request_id: long(length) };
        cases.push(Case::new("HostService/RotateSigningKey", "request_id", &rotate, expected));
    }
    cases.extend(accounts_at_the_limit(cast));
    cases
}

fn invitations() -> Vec<Case> {
    let base = v1::CreateInvitationRequest::default();
    let most = v1::CreateInvitationRequest {
        uses: 10_000,
        expires_in_s: YEAR_S,
        note: chars(256),
        request_id: long(64),
    };
    let all = &["uses", "expires_in_s", "note", "request_id"];
    let most = Case::most("AdminService/CreateInvitation", all, &most);
    let mut cases: Vec<Case> = [
        ("uses", v1::CreateInvitationRequest { uses: 10_001, ..base.clone() }, Named("uses")),
        (
            "expires_in_s",
            v1::CreateInvitationRequest { expires_in_s: YEAR_S + 1, ..base.clone() },
            Named("expires_in_s"),
        ),
        (
            "expires_in_s",
            v1::CreateInvitationRequest { expires_in_s: u64::MAX, ..base.clone() },
            Named("expires_in_s"),
        ),
        ("note", v1::CreateInvitationRequest { note: chars(257), ..base.clone() }, Named("note")),
        ("request_id", v1::CreateInvitationRequest { request_id: long(65), ..base }, Named("request_id")),
    ]
    .into_iter()
    .map(|(field, request, expected)| Case::new("AdminService/CreateInvitation", field, &request, expected))
    .chain([most])
    .collect();
    let most = v1::RevokeInvitationRequest { invitation_id: id("inv"), request_id: long(64) };
    cases.push(Case::most("AdminService/RevokeInvitation", &["invitation_id", "request_id"], &most));
    for (field, invitation_id, request_id) in
        [("invitation_id", long(37), String::new()), ("request_id", id("inv"), long(65))]
    {
        let request = v1::RevokeInvitationRequest { invitation_id, request_id };
        cases.push(Case::new("AdminService/RevokeInvitation", field, &request, Named(field)));
    }
    cases
}

/// Requests that name an account: each with one that is none, and with a request id that is too long.
fn accounts() -> Vec<Case> {
    let wrong = [
        ("account.guest_id", Named("account.guest_id"), Some(Account::GuestId(long(37)))),
        ("account.name", Named("account.name"), Some(Account::Name(long(33)))),
        ("account.name", Named("account"), None),
    ];
    let mut cases = Vec::new();
    for (field, expected, account) in wrong {
        let account = Some(v1::AccountRef { account });
        let get = v1::GetAccountRequest { account: account.clone() };
        cases.push(Case::new("AdminService/GetAccount", field, &get, expected));
        let acts = acts(account, String::new()).into_iter();
        cases.extend(acts.map(|(rpc, message)| Case::encoded(rpc, field, message, expected)));
    }
    let with_long_id = acts(Some(bob()), long(65)).into_iter();
    cases.extend(
        with_long_id.map(|(rpc, message)| Case::encoded(rpc, "request_id", message, Named("request_id"))),
    );
    let ban = v1::BanGuestRequest { account: Some(bob()), reason: chars(257), ..Default::default() };
    cases.push(Case::new("AdminService/BanGuest", "reason", &ban, Named("reason")));
    for role in [0, 3, -1] {
        let set = v1::SetRoleRequest { account: Some(bob()), role, ..Default::default() };
        cases.push(Case::new("AdminService/SetRole", "role", &set, Named("role")));
    }
    cases
}

/// Everything is done to bob, named by his id, and to the guest of the longest name, who registered in a row of
/// guests; last of all they are erased.
fn accounts_at_the_limit(cast: &Cast) -> Vec<Case> {
    let mut cases = Vec::new();
    for (field, account) in [
        ("account.guest_id", Account::GuestId(cast.bob.guest.guest_id.clone())),
        ("account.name", Account::Name("n".repeat(32))),
    ] {
        let account = Some(v1::AccountRef { account: Some(account) });
        let get = v1::GetAccountRequest { account: account.clone() };
        cases.push(Case::new("AdminService/GetAccount", field, &get, Taken));
        let ban = v1::BanGuestRequest { account: account.clone(), reason: chars(256), ..Default::default() };
        cases.push(Case::new("AdminService/BanGuest", "reason", &ban, Taken));
        let role = v1::Role::Guest.into();
        let set = v1::SetRoleRequest { account: account.clone(), role, ..Default::default() };
        cases.push(Case::new("AdminService/SetRole", "role", &set, Taken));
        // An id of each act and guest: they are no repeats.
        let request_id = format!("{field:0>64}");
        let mut acts = acts(account, request_id);
        acts.sort_by_key(|(rpc, _)| rpc.ends_with("DeleteGuest"));
        for (rpc, message) in acts {
            cases.push(Case::encoded(rpc, field, message, Taken).also(&["request_id"]));
        }
    }
    cases
}

fn acts(account: Option<v1::AccountRef>, request_id: String) -> Vec<(&'static str, Vec<u8>)> {
    use prost::Message as _;
    let (account, id) = (|| account.clone(), || request_id.clone());
    let role = v1::Role::Guest.into();
    vec![
        (
            "AdminService/BanGuest",
            v1::BanGuestRequest { account: account(), reason: String::new(), request_id: id() }
                .encode_to_vec(),
        ),
        (
            "AdminService/UnbanGuest",
            v1::UnbanGuestRequest { account: account(), request_id: id() }.encode_to_vec(),
        ),
        (
            "AdminService/DisconnectGuest",
            v1::DisconnectGuestRequest { account: account(), request_id: id() }.encode_to_vec(),
        ),
        (
            "AdminService/DeleteGuest",
            v1::DeleteGuestRequest { account: account(), request_id: id() }.encode_to_vec(),
        ),
        (
            "AdminService/CreateResetCode",
            v1::CreateResetCodeRequest { account: account(), request_id: id() }.encode_to_vec(),
        ),
        (
            "AdminService/SetRole",
            v1::SetRoleRequest { account: account(), role, request_id: id() }.encode_to_vec(),
        ),
    ]
}

fn reports() -> Vec<Case> {
    let most =
        v1::ResolveReportRequest { report_id: id("rep"), resolution: chars(1_000), request_id: long(64) };
    let all = &["report_id", "resolution", "request_id"];
    let most = Case::most("AdminService/ResolveReport", all, &most);
    [
        ("report_id", long(37), String::new(), String::new()),
        ("resolution", id("rep"), chars(1_001), String::new()),
        ("request_id", id("rep"), chars(1_000), long(65)),
    ]
    .into_iter()
    .map(|(field, report_id, resolution, request_id)| {
        let request = v1::ResolveReportRequest { report_id, resolution, request_id };
        Case::new("AdminService/ResolveReport", field, &request, Named(field))
    })
    .chain([most])
    .collect()
}

fn pages() -> Vec<Case> {
    let mut cases = Vec::new();
    let last = "f".repeat(32);
    let all: &[&str] = &["page_size", "page_token"];
    let accounts = v1::ListAccountsRequest { page_size: 1_000, page_token: "n".repeat(32) };
    cases.push(Case::most("AdminService/ListAccounts", all, &accounts));
    let invitations = v1::ListInvitationsRequest { page_size: 1_000, page_token: format!("inv_{last}") };
    cases.push(Case::most("AdminService/ListInvitations", all, &invitations));
    let reports = v1::ListReportsRequest {
        include_resolved: true,
        page_size: 1_000,
        page_token: format!("rep_{last}"),
    };
    cases.push(Case::most("AdminService/ListReports", all, &reports));
    let entries = v1::ListAuditEntriesRequest { page_size: 1_000, page_token: last };
    cases.push(Case::most("AdminService/ListAuditEntries", all, &entries));
    for (field, page_size, token, expected) in [
        ("page_size", 1_001, String::new(), Named("page_size")),
        ("page_token", 0, "!".to_owned(), Named("page_token")),
        ("page_token", 0, long(257), Named("page_token")),
    ] {
        let page_token = || token.clone();
        let accounts = v1::ListAccountsRequest { page_size, page_token: page_token() };
        cases.push(Case::new("AdminService/ListAccounts", field, &accounts, expected));
        let invitations = v1::ListInvitationsRequest { page_size, page_token: page_token() };
        cases.push(Case::new("AdminService/ListInvitations", field, &invitations, expected));
        let reports = v1::ListReportsRequest { include_resolved: true, page_size, page_token: page_token() };
        cases.push(Case::new("AdminService/ListReports", field, &reports, expected));
        let entries = v1::ListAuditEntriesRequest { page_size, page_token: page_token() };
        cases.push(Case::new("AdminService/ListAuditEntries", field, &entries, expected));
    }
    cases
}

//! The requests of `AdminService` and `HostService`, field by field.

use super::Case;
use super::Expected::{Named, Taken};
use super::{chars, id, long};
use castle::v1;
use castle::v1::account_ref::Account;

const YEAR_S: u64 = 365 * 86_400;

fn bob() -> v1::AccountRef {
    v1::AccountRef { account: Some(Account::Name("bob".to_owned())) }
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = invitations();
    cases.extend(accounts());
    cases.extend(reports());
    cases.extend(pages());
    let rotate = v1::RotateSigningKeyRequest { request_id: long(65) };
    cases.push(Case::new("HostService/RotateSigningKey", "request_id", &rotate, Named("request_id")));
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
    let mut cases: Vec<Case> = [
        ("uses", most, Taken),
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
    .collect();
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
        cases.extend(acts(account, String::new()).into_iter().map(|(rpc, message)| Case {
            rpc,
            field,
            message,
            expected,
        }));
    }
    let with_long_id = acts(Some(bob()), long(65)).into_iter();
    cases.extend(with_long_id.map(|(rpc, message)| Case {
        rpc,
        field: "request_id",
        message,
        expected: Named("request_id"),
    }));
    let ban = v1::BanGuestRequest { account: Some(bob()), reason: chars(257), ..Default::default() };
    cases.push(Case::new("AdminService/BanGuest", "reason", &ban, Named("reason")));
    for role in [0, 3, -1] {
        let set = v1::SetRoleRequest { account: Some(bob()), role, ..Default::default() };
        cases.push(Case::new("AdminService/SetRole", "role", &set, Named("role")));
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
    .collect()
}

fn pages() -> Vec<Case> {
    let mut cases = Vec::new();
    for (field, page_size, token, expected) in [
        ("page_size", 1_000, String::new(), Taken),
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

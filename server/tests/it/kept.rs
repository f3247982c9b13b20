//! What the store keeps about a guest, table by table and field by field: their export tells it, and their erasure
//! leaves no more of it than it has to. A table or a field that is new, and about guests, fails until it is decided here.

use crate::moderation::blocking;
use crate::signaling::{Signal, in_call};
use crate::support::{PASSWORD, TestGuest, TestServer, logging_in};
use castle::ids::GuestId;
use castle::v1;
use castle::v1::account_ref::Account;
use castle::v1::admin_service_client::AdminServiceClient;
use castle::v1::host_service_client::HostServiceClient;
use castle::v1::signal_request::Frame as Request;
use castle_server::store::backup::{self, Row};
use serde_json::Value;
use std::collections::BTreeSet;

const NAME: &str = "zephyrine";
const DISPLAY_NAME: &str = "Zéphyrine of the Hall";
const DEVICE_NAME: &str = "Zephyr's phone";
const INVITES: &str = "for the choir";
/// All guests here come from it.
const ADDRESS: &str = "127.0.0.1";

/// What is left where a guest was, once they are erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Nothing,
    /// Their id, which leads to nobody any more.
    Id,
}

/// Where a guest is found by id: the table, the list of the export that tells its rows, or why none does; and what is
/// left of it.
const TABLES: [(&str, Result<&str, &str>, Then); 18] = [
    ("accounts", Ok("account"), Then::Nothing),
    ("names", Ok("account"), Then::Nothing),
    ("logins", Ok("devices"), Then::Nothing),
    ("logins_of", Ok("devices"), Then::Nothing),
    ("blocks", Ok("blocked"), Then::Nothing),
    ("blocked_by", Err("a block is not told to whom it is about"), Then::Nothing),
    // The other end keeps theirs.
    ("calls", Ok("calls"), Then::Id),
    ("calls_ended", Ok("calls"), Then::Nothing),
    ("calls_oldest", Ok("calls"), Then::Nothing),
    ("calls_count", Ok("calls"), Then::Nothing),
    ("calls_seen", Ok("calls"), Then::Nothing),
    ("invitations", Err("the hall's, with the id of the admin who made them"), Then::Id),
    // The host goes on with those by the guest and about them.
    ("reports", Ok("reports"), Then::Id),
    ("reports_by", Ok("reports"), Then::Nothing),
    ("open_reports", Err("what others report is for the host"), Then::Id),
    ("requests", Err("hashes, for ten minutes"), Then::Nothing),
    ("request_ends", Err("hashes, for ten minutes"), Then::Nothing),
    ("request_counts", Err("hashes, for ten minutes"), Then::Nothing),
];
/// The host's own log says what hosts did to whom, by id.
const LOG: &str = "audit";

/// A field, and as what the export tells it.
type Told = (&'static str, Option<&'static str>);

/// Rows that are told: each of their fields, and as what the export tells it; none: it is the guest's own id, a secret,
/// or the host's.
const FIELDS: [(&str, &[Told]); 4] = [
    (
        "accounts",
        &[
            ("id", Some("guest_id")),
            ("name", Some("name")),
            ("display_name", Some("display_name")),
            ("admin", Some("role")),
            ("password_hash", None),
            ("created_at", Some("created_at")),
            ("last_login_at", Some("last_login_at")),
            ("ban", None), // who is banned cannot ask
            ("reset", None),
        ],
    ),
    (
        "logins",
        &[
            ("guest", None),
            ("device", None), // random; tells devices apart for the throttle
            ("device_name", Some("device_name")),
            ("created_at", Some("created_at")),
            ("refresh_hash", None),
            ("refresh_expires_at", Some("expires_at")),
            ("previous_hash", None),
            ("rotated_at", Some("last_used_at")),
            ("request", None),
        ],
    ),
    (
        "calls",
        &[
            ("call", Some("call_id")),
            ("peer", Some("peer")),
            ("part", Some("origin")),
            ("created_at", Some("created_at")),
            ("connected_at", Some("connected_at")),
            ("ended_at", Some("ended_at")),
            ("reason", Some("end_reason")),
            ("route", Some("route")),
            ("missed", Some("missed")),
        ],
    ),
    (
        "reports",
        &[
            ("reporter", None),
            ("reported", Some("guest_id")),
            ("call", Some("call_id")),
            ("reason", Some("reason")),
            ("text", Some("text")),
            ("created_at", Some("created_at")),
            ("resolved_at", Some("resolved_at")),
            ("resolution", None), // the host's words
        ],
    ),
];

/// All rows of all tables of a running server.
async fn rows(server: &TestServer) -> Vec<Row> {
    let channel = castle_server::admin::running(server.data_dir()).await.unwrap();
    let mut pieces = HostServiceClient::new(channel).backup(v1::BackupRequest {}).await.unwrap().into_inner();
    let mut file = Vec::new();
    while let Some(piece) = pieces.message().await.unwrap() {
        file.extend(piece.data);
    }
    backup::read(&file).unwrap().rows
}

fn table(row: &Row) -> &str {
    std::str::from_utf8(&row.table).unwrap()
}

fn contains(row: &Row, what: &[u8]) -> bool {
    [&row.key, &row.value].iter().any(|bytes| bytes.windows(what.len()).any(|window| window == what))
}

/// The tables with a row that tells this text.
fn tables_with<'a>(rows: &'a [Row], text: &str) -> BTreeSet<&'a str> {
    rows.iter().filter(|row| contains(row, text.as_bytes())).map(table).collect()
}

/// The rows with this id, in any form: the bytes of keys, the figure of values, the digits of texts.
fn rows_with(rows: &[Row], id: GuestId) -> impl Iterator<Item = &Row> {
    let bits = id.to_bits();
    let forms =
        [bits.to_be_bytes().to_vec(), bits.to_string().into_bytes(), format!("{bits:032x}").into_bytes()];
    rows.iter().filter(move |row| forms.iter().any(|form| contains(row, form)))
}

/// Everything a guest can do that is kept: of hers, and of others about her. She is an admin who invites.
async fn lives(server: &TestServer) -> TestGuest {
    let mut hers = server.guest(NAME).await;
    let [mut bob, carol, dave] =
        [server.guest("bob").await, server.guest("carol").await, server.guest("dave").await];
    let channel = castle_server::admin::running(server.data_dir()).await.unwrap();
    let mut host = AdminServiceClient::new(channel);
    let account = Some(v1::AccountRef { account: Some(Account::GuestId(hers.guest.guest_id.clone())) });
    let ban = v1::BanGuestRequest { account: account.clone(), ..Default::default() };
    host.ban_guest(ban).await.unwrap();
    host.unban_guest(v1::UnbanGuestRequest { account: account.clone(), ..Default::default() }).await.unwrap();
    for name in [NAME, "bob"] {
        let account = Some(v1::AccountRef { account: Some(Account::Name(name.to_owned())) });
        let role = v1::Role::Admin.into();
        host.set_role(v1::SetRoleRequest { account, role, ..Default::default() }).await.unwrap();
    }
    let login = v1::LoginRequest { device_name: DEVICE_NAME.to_owned(), ..logging_in(NAME, PASSWORD) };
    hers.tokens = hers.client.login(login).await.unwrap().into_inner().tokens.unwrap();
    let invites = hers.asks(v1::CreateInvitationRequest { note: INVITES.to_owned(), ..Default::default() });
    AdminServiceClient::new(server.channel().await).create_invitation(invites).await.unwrap();
    let shown =
        v1::SetDisplayNameRequest { display_name: DISPLAY_NAME.to_owned(), request_id: "once".to_owned() };
    hers.client.clone().set_display_name(hers.asks(shown)).await.unwrap();

    // He calls while she is away; then they speak.
    let mut his_signal = Signal::open(&mut bob).await;
    his_signal.calls(&hers).await;
    his_signal.fault().await;
    let asked = hers.asks(v1::ListCallsRequest::default());
    let missed = hers.client.list_calls(asked).await.unwrap().into_inner().calls.remove(0);
    let mut her_signal = Signal::open(&mut hers).await;
    her_signal.ask(Request::MissedCallsSeen(v1::MissedCallsSeen { until: missed.ended_at })).await;
    let [call, _] = in_call(&mut her_signal, (&bob, &mut his_signal)).await;
    her_signal.has_media(&call).await;
    his_signal.has_media(&call).await;
    her_signal.call_in(v1::CallState::Connected).await;
    his_signal.call_in(v1::CallState::Connected).await;
    her_signal.hangs_up(&call).await;
    his_signal.ended().await;
    // Answered when it is written.
    let asked = hers.asks(v1::ListCallsRequest::default());
    assert_eq!(hers.client.list_calls(asked).await.unwrap().into_inner().calls.len(), 2);

    hers.client.clone().block(hers.asks(blocking(&carol))).await.unwrap();
    dave.client.clone().block(dave.asks(blocking(&hers))).await.unwrap();
    let report = |about: &TestGuest| v1::ReportRequest {
        guest_id: about.guest.guest_id.clone(),
        call_id: call.call_id.clone(),
        reason: v1::ReportReason::Other.into(),
        text: "in their own words".to_owned(),
        ..Default::default()
    };
    hers.client.clone().report(hers.asks(report(&bob))).await.unwrap();
    bob.client.clone().report(bob.asks(report(&hers))).await.unwrap();
    host.create_reset_code(v1::CreateResetCodeRequest { account, ..Default::default() }).await.unwrap();
    hers
}

async fn exported(guest: &TestGuest) -> Value {
    let asked = guest.asks(v1::ExportAccountRequest {});
    let mut pieces = guest.client.clone().export_account(asked).await.unwrap().into_inner();
    let mut document = Vec::new();
    while let Some(piece) = pieces.message().await.unwrap() {
        document.extend(piece.json);
    }
    serde_json::from_slice(&document).unwrap()
}

/// The rows of this table that are the guest's own.
fn own<'a>(rows: &'a [Row], of: &str, id: GuestId) -> Vec<serde_json::Map<String, Value>> {
    let bits = id.to_bits().to_be_bytes();
    let figure = |name| format!("\"{name}\":{}", id.to_bits());
    let is_own = |row: &&'a Row| match of {
        "logins" => contains(row, figure("guest").as_bytes()),
        "reports" => contains(row, figure("reporter").as_bytes()),
        _ => row.key.starts_with(&bits),
    };
    let rows = rows.iter().filter(|row| table(row) == of).filter(is_own);
    rows.map(|row| serde_json::from_slice(&row.value).unwrap()).collect()
}

#[tokio::test]
async fn an_export_tells_all_that_is_kept_about_a_guest() {
    let server = TestServer::start().await;
    let guest = lives(&server).await;
    let id: GuestId = guest.guest.guest_id.parse().unwrap();
    let rows = rows(&server).await;
    let found: BTreeSet<&str> = rows_with(&rows, id).map(table).collect();
    let decided: BTreeSet<&str> = TABLES.map(|(name, ..)| name).into_iter().chain([LOG]).collect();
    assert_eq!(found, decided, "where she is found, and where it is decided what of it is told");
    let document = exported(&guest).await;
    let lists: BTreeSet<&str> = document.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        lists,
        TABLES.iter().filter_map(|(_, list, _)| list.ok()).collect(),
        "the lists of the export"
    );

    for (of, fields) in FIELDS {
        let list = TABLES.iter().find(|(name, ..)| *name == of).unwrap().1.unwrap();
        let told = match &document[list] {
            Value::Array(list) => list.clone(),
            one => vec![one.clone()],
        };
        let kept = own(&rows, of, id);
        assert!(!kept.is_empty() && kept.len() == told.len(), "{of}: {kept:?} {told:?}");
        for (field, value) in kept.iter().flatten() {
            let (_, name) = fields
                .iter()
                .find(|(known, _)| known == field)
                .unwrap_or_else(|| panic!("{of}.{field} is new"));
            let Some(name) = name else { continue };
            let tells = |entry: &Value| match value {
                Value::String(text) if !["reason", "part", "route"].contains(&&field[..]) => {
                    entry[name] == text[..]
                }
                Value::Null => entry[name].is_null(),
                Value::Bool(_) if entry[name].is_boolean() => entry[name] == *value,
                _ => !entry[name].is_null(),
            };
            assert!(
                told.iter().any(tells),
                "{of}.{field} is {value}, and {list}.{name} does not tell it: {told:?}"
            );
        }
    }
    let calls = document["calls"].as_array().unwrap();
    let seen: Vec<_> = calls.iter().map(|call| (&call["missed"], &call["seen"])).collect();
    assert_eq!(seen, [(&false.into(), &Value::Null), (&true.into(), &true.into())], "whether she saw it");
    assert_eq!(document["blocked"].as_array().unwrap().len(), own_blocks(&rows, id));
}

fn own_blocks(rows: &[Row], id: GuestId) -> usize {
    let bits = id.to_bits().to_be_bytes();
    rows.iter().filter(|row| table(row) == "blocks" && row.key.starts_with(&bits)).count()
}

#[tokio::test]
async fn erasure_leaves_no_name_and_the_id_only_where_others_need_it() {
    let server = TestServer::start().await;
    let guest = lives(&server).await;
    let id: GuestId = guest.guest.guest_id.parse().unwrap();
    let before = rows(&server).await;
    assert_eq!(tables_with(&before, NAME), BTreeSet::from(["accounts", "names"]), "a name is kept once");
    assert_eq!(tables_with(&before, DISPLAY_NAME), BTreeSet::from(["accounts"]));
    assert_eq!(tables_with(&before, DEVICE_NAME), BTreeSet::from(["logins"]));
    assert_eq!(tables_with(&before, ADDRESS), BTreeSet::new(), "nobody's address is ever kept");

    let delete = v1::DeleteAccountRequest { password: PASSWORD.to_owned() };
    guest.client.clone().delete_account(guest.asks(delete)).await.unwrap();
    let after = rows(&server).await;
    for text in [NAME, DISPLAY_NAME, DEVICE_NAME, ADDRESS] {
        assert_eq!(tables_with(&after, text), BTreeSet::new(), "{text}");
    }
    let found: BTreeSet<&str> = rows_with(&after, id).map(table).collect();
    let left = TABLES.iter().filter(|(.., then)| *then == Then::Id).map(|(name, ..)| *name);
    assert_eq!(found, left.chain([LOG]).collect(), "where her id is left");
    assert_eq!(own(&after, "calls", id).len(), 0, "her own history is gone, bob's stays");
}

/// Who made her invitation, and who is logged for it.
async fn blamed(server: &TestServer) -> [String; 2] {
    let channel = castle_server::admin::running(server.data_dir()).await.unwrap();
    let mut host = AdminServiceClient::new(channel);
    let invitations = host.list_invitations(v1::ListInvitationsRequest::default()).await.unwrap();
    let invitations = invitations.into_inner().invitations;
    let made = invitations.into_iter().find(|invitation| invitation.note == INVITES).unwrap();
    let log = host.list_audit_entries(v1::ListAuditEntriesRequest::default()).await.unwrap();
    let mut log = log.into_inner().entries.into_iter();
    let logged = log.find(|entry| entry.target == made.invitation_id).unwrap();
    [made.created_by, logged.actor]
}

#[tokio::test]
async fn an_admin_who_is_erased_is_named_by_id_and_nobody_who_takes_the_name_is_blamed() {
    let server = TestServer::start().await;
    let guest = lives(&server).await;
    assert_eq!(blamed(&server).await, [NAME, NAME]);
    let delete = v1::DeleteAccountRequest { password: PASSWORD.to_owned() };
    guest.client.clone().delete_account(guest.asks(delete)).await.unwrap();
    let id = &guest.guest.guest_id;
    assert_eq!(blamed(&server).await, [&id[..], id]);
    server.guest(NAME).await;
    assert_eq!(blamed(&server).await, [&id[..], id]);
}

//! `invite`, `guest`, `report` and `audit`: asks the admin service, wherever it is, and prints what it says.

use super::rows::{Row, details_json, details_text, exact, instant, table};
use super::{CommandError, print};
use crate::admin::{Admin, reach};
use crate::config::{
    AuditCommand, AuditListArgs, GuestArgs, GuestBanArgs, GuestCommand, InviteCommand, InviteCreateArgs,
    InviteRevokeArgs, ListArgs, PublicUrl, ReportCommand, ReportListArgs, ReportResolveArgs,
};
use castle::ids::GuestId;
use castle::v1;
use serde_json::{Value, json};
use std::io::IsTerminal as _;

/// Rows asked for at once.
const PAGE: u32 = 1000;

/// Asks for page after page of a list, until its end or until there are `$limit` rows.
macro_rules! all {
    ($admin:ident.$rpc:ident($asked:expr).$rows:ident, $limit:expr) => {{
        let mut rows = Vec::new();
        let mut page_token = String::new();
        loop {
            let mut asked = $asked;
            asked.page_size = PAGE;
            asked.page_token = page_token;
            let page = $admin.$rpc(asked).await?.into_inner();
            rows.extend(page.$rows);
            page_token = page.next_page_token;
            if page_token.is_empty() || rows.len() >= $limit {
                break;
            }
        }
        rows.truncate($limit);
        rows
    }};
}

async fn open(common: &ListArgs) -> Result<Admin, CommandError> {
    Ok(reach(&common.data.data_dir, None).await?)
}

fn print_list<const COLUMNS: usize, R: Row<COLUMNS>>(json: bool, rows: &[R]) -> Result<(), CommandError> {
    if json {
        return print(&rows.iter().map(Row::json).collect::<Value>().to_string());
    }
    let out = std::io::stdout();
    let colour = out.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|said| said.is_empty());
    print(&table(rows).text(colour))
}

fn print_done(json: bool, object: &Value, sentence: &str) -> Result<(), CommandError> {
    if json { print(&object.to_string()) } else { print(sentence) }
}

/// `castle-server invite …`
pub(super) async fn invite(command: InviteCommand) -> Result<(), CommandError> {
    match command {
        InviteCommand::Create(args) => invite_create(args).await,
        InviteCommand::List(args) => {
            let mut admin = open(&args).await?;
            let asked = v1::ListInvitationsRequest::default();
            let rows: Vec<v1::Invitation> =
                all!(admin.list_invitations(asked.clone()).invitations, usize::MAX);
            print_list(args.json, &rows)
        }
        InviteCommand::Revoke(InviteRevokeArgs { common, id }) => {
            let mut admin = open(&common).await?;
            let asked = v1::RevokeInvitationRequest { invitation_id: id.clone(), ..Default::default() };
            admin.revoke_invitation(asked).await?;
            print_done(common.json, &json!({"id": id, "state": "revoked"}), &format!("revoked {id}"))
        }
    }
}

async fn invite_create(args: InviteCreateArgs) -> Result<(), CommandError> {
    let url = args.public_url.as_deref().map(PublicUrl::parse).transpose()?;
    let mut admin = reach(&args.common.data.data_dir, url).await?;
    let asked = v1::CreateInvitationRequest {
        uses: args.uses,
        expires_in_s: args.expires.as_secs(),
        note: args.note,
        request_id: String::new(),
    };
    let made = admin.create_invitation(asked).await?.into_inner();
    let object = json!({
        "id": made.invitation_id,
        "code": made.code,
        "link": made.link,
        "uses": made.uses,
        "expires_at": exact(made.expires_at),
    });
    let guests = if made.uses == 1 { "1 guest".to_owned() } else { format!("{} guests", made.uses) };
    let until = instant(made.expires_at);
    let sentence = format!("{}\ncode {} for {guests}, until {until}", made.link, made.code);
    print_done(args.common.json, &object, &sentence)
}

/// `castle-server guest …`
pub(super) async fn guest(command: GuestCommand) -> Result<(), CommandError> {
    match command {
        GuestCommand::List(args) => {
            let mut admin = open(&args).await?;
            let asked = v1::ListAccountsRequest::default();
            let rows: Vec<v1::Account> = all!(admin.list_accounts(asked.clone()).accounts, usize::MAX);
            print_list(args.json, &rows)
        }
        GuestCommand::Show(args) => {
            let shown = account(&mut open(&args.common).await?, &args.guest).await?;
            print_done(args.common.json, &details_json(&shown), &details_text(&shown))
        }
        GuestCommand::Ban(GuestBanArgs { guest: args, reason }) => {
            let mut admin = open(&args.common).await?;
            let asked =
                v1::BanGuestRequest { account: Some(named(&args.guest)), reason, ..Default::default() };
            admin.ban_guest(asked).await?;
            print_after(&mut admin, &args, "banned").await
        }
        GuestCommand::Unban(args) => {
            let mut admin = open(&args.common).await?;
            let asked = v1::UnbanGuestRequest { account: Some(named(&args.guest)), ..Default::default() };
            admin.unban_guest(asked).await?;
            print_after(&mut admin, &args, "may log in again:").await
        }
        GuestCommand::Disconnect(args) => disconnect(args).await,
        GuestCommand::Delete(args) => delete(args).await,
        GuestCommand::ResetPassword(args) => reset_password(args).await,
        GuestCommand::GrantAdmin(args) => set_role(args, v1::Role::Admin, "is admin now:").await,
        GuestCommand::RevokeAdmin(args) => set_role(args, v1::Role::Guest, "is admin no more:").await,
    }
}

async fn disconnect(args: GuestArgs) -> Result<(), CommandError> {
    let mut admin = open(&args.common).await?;
    let asked = v1::DisconnectGuestRequest { account: Some(named(&args.guest)), ..Default::default() };
    let ended = admin.disconnect_guest(asked).await?.into_inner().sessions_ended;
    let mut object = details_json(&account(&mut admin, &args.guest).await?);
    object["sessions_ended"] = ended.into();
    let sessions = if ended == 1 { "1 session".to_owned() } else { format!("{ended} sessions") };
    print_done(args.common.json, &object, &format!("ended all logins of {}, and {sessions}", args.guest))
}

async fn delete(args: GuestArgs) -> Result<(), CommandError> {
    let mut admin = open(&args.common).await?;
    let erased = account(&mut admin, &args.guest).await?.account.unwrap_or_default();
    let guest = erased.guest.unwrap_or_default();
    // By id: the name could belong to somebody else by now.
    let asked = v1::DeleteGuestRequest { account: Some(named(&guest.guest_id)), ..Default::default() };
    admin.delete_guest(asked).await?;
    let object = json!({"id": guest.guest_id, "name": guest.name, "erased": true});
    print_done(args.common.json, &object, &format!("erased {}", guest.name))
}

async fn reset_password(args: GuestArgs) -> Result<(), CommandError> {
    let mut admin = open(&args.common).await?;
    let asked = v1::CreateResetCodeRequest { account: Some(named(&args.guest)), ..Default::default() };
    let made = admin.create_reset_code(asked).await?.into_inner();
    let guest = account(&mut admin, &args.guest).await?.account.and_then(|account| account.guest);
    let guest = guest.unwrap_or_default();
    let object = json!({
        "id": guest.guest_id,
        "name": guest.name,
        "code": made.code,
        "expires_at": exact(made.expires_at),
    });
    let sentence = format!(
        "{}\nwith this code {} sets a new password, once, until {}",
        made.code,
        guest.name,
        instant(made.expires_at)
    );
    print_done(args.common.json, &object, &sentence)
}

async fn set_role(args: GuestArgs, role: v1::Role, done: &str) -> Result<(), CommandError> {
    let mut admin = open(&args.common).await?;
    let asked = v1::SetRoleRequest {
        account: Some(named(&args.guest)),
        role: role.into(),
        request_id: String::new(),
    };
    admin.set_role(asked).await?;
    print_after(&mut admin, &args, done).await
}

/// The account as it is after a change.
async fn print_after(admin: &mut Admin, args: &GuestArgs, done: &str) -> Result<(), CommandError> {
    let shown = account(admin, &args.guest).await?;
    let name = shown.account.as_ref().and_then(|account| Some(account.guest.as_ref()?.name.clone()));
    print_done(args.common.json, &details_json(&shown), &format!("{done} {}", name.unwrap_or_default()))
}

async fn account(admin: &mut Admin, guest: &str) -> Result<v1::GetAccountResponse, CommandError> {
    Ok(admin.get_account(v1::GetAccountRequest { account: Some(named(guest)) }).await?.into_inner())
}

/// By id where it is one: no login name is as long.
fn named(guest: &str) -> v1::AccountRef {
    use v1::account_ref::Account;
    let guest = guest.to_owned();
    let is_id = guest.parse::<GuestId>().is_ok();
    v1::AccountRef { account: Some(if is_id { Account::GuestId(guest) } else { Account::Name(guest) }) }
}

/// `castle-server report …`
pub(super) async fn report(command: ReportCommand) -> Result<(), CommandError> {
    match command {
        ReportCommand::List(ReportListArgs { common, all: include_resolved }) => {
            let mut admin = open(&common).await?;
            let asked = v1::ListReportsRequest { include_resolved, ..Default::default() };
            let rows: Vec<v1::GuestReport> = all!(admin.list_reports(asked.clone()).reports, usize::MAX);
            print_list(common.json, &rows)
        }
        ReportCommand::Resolve(ReportResolveArgs { common, id, note }) => {
            let mut admin = open(&common).await?;
            let asked = v1::ResolveReportRequest {
                report_id: id.clone(),
                resolution: note.clone(),
                request_id: String::new(),
            };
            admin.resolve_report(asked).await?;
            print_done(common.json, &json!({"id": id, "resolution": note}), &format!("closed {id}"))
        }
    }
}

/// `castle-server audit …`
pub(super) async fn audit(command: AuditCommand) -> Result<(), CommandError> {
    let AuditCommand::List(AuditListArgs { common, limit }) = command;
    let limit = if limit == 0 { usize::MAX } else { limit };
    let mut admin = open(&common).await?;
    let asked = v1::ListAuditEntriesRequest::default();
    let rows: Vec<v1::AuditEntry> = all!(admin.list_audit_entries(asked.clone()).entries, limit);
    print_list(common.json, &rows)
}

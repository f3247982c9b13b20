//! Between `castle.v1` admin messages and the words of `moderation`: what fields may hold, and how records look.

use crate::config::PublicUrl;
use crate::error::Error;
use crate::moderation::{
    AccountDetails, AccountRef, INVITATION_TTL, Inviting, NOTE_CHARS_MAX, RESOLUTION_CHARS_MAX,
};
use crate::names;
use crate::store::{Account, AuditEntry, Invitation, InvitationState, Login, ReportReason, ReportView, Role};
use castle::limits::REQUEST_ID_BYTES_MAX;
use castle::v1;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

const PAGE_DEFAULT: u32 = 100;
const PAGE_MAX: u32 = 1000;
/// Longest page token that is looked at, bytes. Ours are names and ids.
const PAGE_TOKEN_BYTES_MAX: usize = 256;

/// A page that is asked for; `T` is what its token names.
pub(super) struct Page<T> {
    /// Where it begins; `None`: at the beginning.
    pub(super) after: Option<T>,
    size: usize,
}

impl<T: FromStr> Page<T> {
    /// Errors: `InvalidField`.
    pub(super) fn of(size: u32, token: &str) -> Result<Self, Error> {
        if size > PAGE_MAX {
            return Err(Error::field("page_size", "must be at most 1,000"));
        }
        let size = if size == 0 { PAGE_DEFAULT } else { size } as usize;
        if token.is_empty() {
            return Ok(Self { after: None, size });
        }
        let after = token.parse().ok().filter(|_| token.len() <= PAGE_TOKEN_BYTES_MAX);
        let after = after.ok_or_else(|| Error::field("page_token", "is not one of this server's"))?;
        Ok(Self { after: Some(after), size })
    }
}

impl<T> Page<T> {
    /// One more than fits, by which the last page is known.
    pub(super) fn ask_for(&self) -> usize {
        self.size + 1
    }

    /// What fits, and the token of the next page.
    pub(super) fn cut<R>(&self, mut found: Vec<R>, token: impl Fn(&R) -> String) -> (Vec<R>, String) {
        let more = found.len() > self.size;
        found.truncate(self.size);
        let next = found.last().filter(|_| more).map(token);
        (found, next.unwrap_or_default())
    }
}

/// A login name in a page token.
#[derive(Clone)]
pub(super) struct Name(pub(super) String);

impl FromStr for Name {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        names::normalize(text).map(Self)
    }
}

/// A message that is checked before it is used.
pub(super) trait Checked {
    /// What it is then.
    type Is;

    /// Errors: `InvalidField`.
    fn checked(self) -> Result<Self::Is, Error>;
}

impl Checked for Option<v1::AccountRef> {
    type Is = AccountRef;

    fn checked(self) -> Result<AccountRef, Error> {
        use v1::account_ref::Account as Named;
        match self.and_then(|named| named.account) {
            None => Err(Error::field("account", "must name one account")),
            Some(Named::GuestId(text)) => id("account.guest_id", &text).map(AccountRef::Id),
            Some(Named::Name(name)) => {
                names::normalize(&name).map(AccountRef::Name).map_err(|why| Error::field("account.name", why))
            }
        }
    }
}

pub(crate) fn request_id(text: &str) -> Result<String, Error> {
    if text.len() > REQUEST_ID_BYTES_MAX {
        return Err(Error::field("request_id", "must have at most 64 bytes"));
    }
    Ok(text.to_owned())
}

pub(super) fn id<T: FromStr<Err: std::fmt::Display>>(field: &str, text: &str) -> Result<T, Error> {
    text.parse().map_err(|error: T::Err| Error::field(field, error.to_string()))
}

pub(super) fn note(field: &str, text: String) -> Result<String, Error> {
    if text.chars().count() > NOTE_CHARS_MAX {
        return Err(Error::field(field, "must have at most 256 characters"));
    }
    Ok(text)
}

pub(super) fn resolution(text: String) -> Result<String, Error> {
    if text.chars().count() > RESOLUTION_CHARS_MAX {
        return Err(Error::field("resolution", "must have at most 1,000 characters"));
    }
    Ok(text)
}

pub(super) fn role(role: i32) -> Result<Role, Error> {
    match v1::Role::try_from(role) {
        Ok(v1::Role::Guest) => Ok(Role::Guest),
        Ok(v1::Role::Admin) => Ok(Role::Admin),
        Ok(v1::Role::Unspecified) | Err(_) => Err(Error::field("role", "must be guest or admin")),
    }
}

pub(super) fn inviting(asked: v1::CreateInvitationRequest) -> Inviting {
    let good_for = match asked.expires_in_s {
        0 => INVITATION_TTL,
        seconds => Duration::from_secs(seconds),
    };
    Inviting { uses: asked.uses.max(1), good_for, note: asked.note, role: Role::Guest }
}

pub(super) fn created(invitation: Invitation, code: String, url: &PublicUrl) -> v1::CreateInvitationResponse {
    v1::CreateInvitationResponse {
        invitation_id: invitation.id.to_string(),
        link: url.invitation_link(&code),
        code,
        uses: invitation.uses,
        expires_at: Some(invitation.expires_at.into()),
    }
}

pub(super) fn invitations(invitations: Vec<Invitation>) -> Vec<v1::Invitation> {
    let now = SystemTime::now();
    let view = |invitation: Invitation| v1::Invitation {
        invitation_id: invitation.id.to_string(),
        uses: invitation.uses,
        used: invitation.used,
        expires_at: Some(invitation.expires_at.into()),
        created_at: Some(invitation.created_at.into()),
        state: match invitation.state(now) {
            InvitationState::Open => v1::InvitationState::Open,
            InvitationState::Spent => v1::InvitationState::Spent,
            InvitationState::Expired => v1::InvitationState::Expired,
            InvitationState::Revoked => v1::InvitationState::Revoked,
        }
        .into(),
        role: role_view(invitation.role).into(),
        note: invitation.note,
        created_by: invitation.created_by,
    };
    invitations.into_iter().map(view).collect()
}

fn role_view(role: Role) -> v1::Role {
    match role {
        Role::Guest => v1::Role::Guest,
        Role::Admin => v1::Role::Admin,
    }
}

pub(super) fn account(account: Account, online: bool) -> v1::Account {
    let (banned_at, ban_reason) = match account.ban.clone() {
        Some(ban) => (Some(ban.at.into()), ban.reason),
        None => (None, String::new()),
    };
    v1::Account {
        role: role_view(account.role).into(),
        created_at: Some(account.created_at.into()),
        last_login_at: account.last_login_at.map(Into::into),
        online,
        banned_at,
        ban_reason,
        guest: Some(account.into()),
    }
}

pub(super) fn details(details: AccountDetails) -> v1::GetAccountResponse {
    let device = |login: Login| v1::Device {
        device_id: login.id.to_string(),
        device_name: login.device_name,
        created_at: Some(login.created_at.into()),
        last_used_at: Some(login.last_used_at.into()),
        current: false,
    };
    v1::GetAccountResponse {
        account: Some(account(details.account, details.online)),
        devices: details.logins.into_iter().map(device).collect(),
        open_reports: details.open_reports,
    }
}

pub(super) fn report(view: ReportView) -> v1::GuestReport {
    let ReportView { report, reporter, reported } = view;
    let (resolved_at, resolution) = match report.resolved {
        Some(resolution) => (Some(resolution.at.into()), resolution.note),
        None => (None, String::new()),
    };
    v1::GuestReport {
        report_id: report.id.to_string(),
        reporter: reporter.map(Into::into),
        reported: reported.map(Into::into),
        call_id: report.call.map(|call| call.to_string()).unwrap_or_default(),
        reason: v1::ReportReason::from(report.reason).into(),
        text: report.text,
        created_at: Some(report.created_at.into()),
        resolved_at,
        resolution,
    }
}

impl From<ReportReason> for v1::ReportReason {
    fn from(reason: ReportReason) -> Self {
        match reason {
            ReportReason::Harassment => Self::Harassment,
            ReportReason::SexualContent => Self::SexualContent,
            ReportReason::Violence => Self::Violence,
            ReportReason::Spam => Self::Spam,
            ReportReason::Impersonation => Self::Impersonation,
            ReportReason::Underage => Self::Underage,
            ReportReason::Other => Self::Other,
        }
    }
}

pub(super) fn audit_entry(entry: AuditEntry) -> v1::AuditEntry {
    let AuditEntry { key: _, at, actor, action, target, detail } = entry;
    v1::AuditEntry { at: Some(at.into()), actor, action, target, detail }
}

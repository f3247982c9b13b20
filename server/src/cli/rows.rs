//! How invitations, accounts, reports and the log look: as JSON for scripts, as tables for people.

use super::table::{Table, plain};
use castle::v1;
use prost_types::Timestamp;
use serde_json::{Value, json};

/// What a list prints of one row, either way.
pub(super) trait Row<const COLUMNS: usize> {
    /// Names of the columns of its table.
    const NAMES: [&'static str; COLUMNS];

    /// Its line in the table.
    fn cells(&self) -> [String; COLUMNS];

    /// Its object.
    fn json(&self) -> Value;
}

/// A table of rows.
pub(super) fn table<const COLUMNS: usize, R: Row<COLUMNS>>(rows: &[R]) -> Table<COLUMNS> {
    Table::of(R::NAMES, rows.iter().map(Row::cells))
}

/// For scripts: as exact as it is known.
pub(super) fn exact(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}

/// For people: to the second, UTC.
pub(super) fn instant(at: Option<Timestamp>) -> String {
    at.map(|at| Timestamp { nanos: 0, ..at }.to_string()).unwrap_or_default()
}

fn role(role: v1::Role) -> &'static str {
    match role {
        v1::Role::Admin => "admin",
        v1::Role::Guest | v1::Role::Unspecified => "guest",
    }
}

fn yes(is: bool) -> String {
    if is { "yes" } else { "no" }.to_owned()
}

fn name(guest: Option<&v1::Guest>) -> Option<&str> {
    guest.map(|guest| guest.name.as_str())
}

impl Row<8> for v1::Invitation {
    const NAMES: [&'static str; 8] = ["ID", "STATE", "USED", "ROLE", "EXPIRES", "MADE", "BY", "NOTE"];

    fn cells(&self) -> [String; 8] {
        [
            self.invitation_id.clone(),
            state(self).to_owned(),
            format!("{}/{}", self.used, self.uses),
            role(self.role()).to_owned(),
            instant(self.expires_at),
            instant(self.created_at),
            if self.created_by.is_empty() { "host".to_owned() } else { self.created_by.clone() },
            self.note.clone(),
        ]
    }

    fn json(&self) -> Value {
        json!({
            "id": self.invitation_id,
            "state": state(self),
            "uses": self.uses,
            "used": self.used,
            "role": role(self.role()),
            "expires_at": exact(self.expires_at),
            "created_at": exact(self.created_at),
            "created_by": Some(&self.created_by).filter(|by| !by.is_empty()),
            "note": self.note,
        })
    }
}

fn state(invitation: &v1::Invitation) -> &'static str {
    match invitation.state() {
        v1::InvitationState::Open => "open",
        v1::InvitationState::Spent => "spent",
        v1::InvitationState::Expired => "expired",
        v1::InvitationState::Revoked => "revoked",
        v1::InvitationState::Unspecified => "unknown",
    }
}

impl Row<6> for v1::Account {
    const NAMES: [&'static str; 6] = ["NAME", "DISPLAY NAME", "ROLE", "ONLINE", "BANNED", "LAST LOGIN"];

    fn cells(&self) -> [String; 6] {
        let guest = self.guest.clone().unwrap_or_default();
        [
            guest.name,
            guest.display_name,
            role(self.role()).to_owned(),
            yes(self.online),
            yes(self.banned_at.is_some()),
            if self.last_login_at.is_some() { instant(self.last_login_at) } else { "never".to_owned() },
        ]
    }

    fn json(&self) -> Value {
        let guest = self.guest.clone().unwrap_or_default();
        json!({
            "id": guest.guest_id,
            "name": guest.name,
            "display_name": guest.display_name,
            "role": role(self.role()),
            "online": self.online,
            "created_at": exact(self.created_at),
            "last_login_at": exact(self.last_login_at),
            "banned_at": exact(self.banned_at),
            "ban_reason": self.banned_at.map(|_| &self.ban_reason),
        })
    }
}

/// One account, with its devices.
pub(super) fn details_json(details: &v1::GetAccountResponse) -> Value {
    let mut shown = details.account.clone().unwrap_or_default().json();
    let devices = details.devices.iter().map(|device| {
        json!({
            "id": device.device_id,
            "name": device.device_name,
            "created_at": exact(device.created_at),
            "last_used_at": exact(device.last_used_at),
        })
    });
    shown["open_reports"] = details.open_reports.into();
    shown["devices"] = devices.collect();
    shown
}

/// The same for people, one fact a line.
pub(super) fn details_text(details: &v1::GetAccountResponse) -> String {
    let account = details.account.clone().unwrap_or_default();
    let guest = account.guest.clone().unwrap_or_default();
    let banned = match account.banned_at {
        Some(_) if account.ban_reason.is_empty() => instant(account.banned_at),
        Some(_) => format!("{}: {}", instant(account.banned_at), account.ban_reason),
        None => "no".to_owned(),
    };
    let last_login =
        if account.last_login_at.is_some() { instant(account.last_login_at) } else { "never".into() };
    let mut lines: Vec<String> = [
        ("name", guest.name),
        ("display name", guest.display_name),
        ("id", guest.guest_id),
        ("role", role(account.role()).to_owned()),
        ("online", yes(account.online)),
        ("banned", banned),
        ("made", instant(account.created_at)),
        ("last login", last_login),
        ("open reports", details.open_reports.to_string()),
        ("devices", details.devices.len().to_string()),
    ]
    .into_iter()
    .map(|(what, is)| format!("{what:14}{}", plain(&is)))
    .collect();
    lines.extend(details.devices.iter().map(|device| {
        let named = if device.device_name.is_empty() { "unnamed" } else { &device.device_name };
        format!("  {}  last used {}  {}", device.device_id, instant(device.last_used_at), plain(named))
    }));
    lines.join("\n")
}

impl Row<7> for v1::GuestReport {
    const NAMES: [&'static str; 7] = ["ID", "FILED", "ABOUT", "BY", "REASON", "CLOSED", "TEXT"];

    fn cells(&self) -> [String; 7] {
        let who = |guest: &Option<v1::Guest>| name(guest.as_ref()).unwrap_or("(erased)").to_owned();
        [
            self.report_id.clone(),
            instant(self.created_at),
            who(&self.reported),
            who(&self.reporter),
            reason(self).to_owned(),
            if self.resolved_at.is_some() { instant(self.resolved_at) } else { "open".to_owned() },
            self.text.clone(),
        ]
    }

    fn json(&self) -> Value {
        let guest = |guest: &Option<v1::Guest>| {
            guest.as_ref().map(|guest| json!({"id": guest.guest_id, "name": guest.name}))
        };
        json!({
            "id": self.report_id,
            "created_at": exact(self.created_at),
            "reported": guest(&self.reported),
            "reporter": guest(&self.reporter),
            "call_id": Some(&self.call_id).filter(|call| !call.is_empty()),
            "reason": reason(self),
            "text": self.text,
            "resolved_at": exact(self.resolved_at),
            "resolution": self.resolved_at.map(|_| &self.resolution),
        })
    }
}

fn reason(report: &v1::GuestReport) -> &'static str {
    match report.reason() {
        v1::ReportReason::Harassment => "harassment",
        v1::ReportReason::SexualContent => "sexual_content",
        v1::ReportReason::Violence => "violence",
        v1::ReportReason::Spam => "spam",
        v1::ReportReason::Impersonation => "impersonation",
        v1::ReportReason::Underage => "underage",
        v1::ReportReason::Other => "other",
        v1::ReportReason::Unspecified => "unknown",
    }
}

impl Row<5> for v1::AuditEntry {
    const NAMES: [&'static str; 5] = ["AT", "BY", "ACTION", "TARGET", "DETAIL"];

    fn cells(&self) -> [String; 5] {
        let actor = if self.actor.is_empty() { "host".to_owned() } else { self.actor.clone() };
        [instant(self.at), actor, self.action.clone(), self.target.clone(), self.detail.clone()]
    }

    fn json(&self) -> Value {
        json!({
            "at": exact(self.at),
            "actor": Some(&self.actor).filter(|actor| !actor.is_empty()),
            "action": self.action,
            "target": self.target,
            "detail": self.detail,
        })
    }
}

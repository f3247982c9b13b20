//! The commands of a host: `invite`, `guest`, `report` and `audit`, and what each takes.

use super::{DataArgs, parse_duration};
use crate::moderation::{INVITATION_TTL_MAX, INVITATION_USES_MAX, NOTE_CHARS_MAX, RESOLUTION_CHARS_MAX};
use clap::{Args, Subcommand};
use std::time::Duration;

/// Commands about invitations.
#[derive(Debug, Subcommand)]
pub enum InviteCommand {
    /// Makes an invitation and prints its link, which is shown this once.
    Create(InviteCreateArgs),
    /// Lists invitations, newest first; spent, expired and revoked ones too.
    List(ListArgs),
    /// Takes an invitation back. Who came by it stays.
    Revoke(InviteRevokeArgs),
}

/// Commands about guests.
#[derive(Debug, Subcommand)]
pub enum GuestCommand {
    /// Lists accounts by name.
    List(ListArgs),
    /// Shows one account: role, ban, open reports, logins.
    Show(GuestArgs),
    /// Ends all logins of a guest within a second and lets them log in no more.
    Ban(GuestBanArgs),
    /// Lets a banned guest log in again.
    Unban(GuestArgs),
    /// Ends all logins of a guest within a second. They may log in again.
    Disconnect(GuestArgs),
    /// Erases an account: logins, blocks and call history go with it, and the name can be taken anew. There is no
    /// way back.
    Delete(GuestArgs),
    /// Makes a one-time code, good for 24 h, with which the guest sets a new password. The old one is good until
    /// then.
    ResetPassword(GuestArgs),
    /// Makes a guest an admin, who may do over the network what these commands do.
    GrantAdmin(GuestArgs),
    /// Makes an admin a guest.
    RevokeAdmin(GuestArgs),
}

/// Commands about what guests reported.
#[derive(Debug, Subcommand)]
pub enum ReportCommand {
    /// Lists open reports, newest first.
    List(ReportListArgs),
    /// Closes a report with a note.
    Resolve(ReportResolveArgs),
}

/// Commands about the log of what admins did.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Lists what admins and the host did, newest first.
    List(AuditListArgs),
}

/// Where the data is and how to print: what every command takes.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Where the data is.
    #[command(flatten)]
    pub data: DataArgs,
    /// Prints JSON instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// Settings of `invite create`.
#[derive(Debug, Args)]
pub struct InviteCreateArgs {
    /// Where the data is, and how to print.
    #[command(flatten)]
    pub common: ListArgs,
    /// How many guests may register with it, 1 to 10,000.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(INVITATION_USES_MAX)))]
    pub uses: u32,
    /// How long it is good: a number and s, m, h or d; at most 365d.
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = expiry)]
    pub expires: Duration,
    /// For your own memory, at most 256 characters.
    #[arg(long, default_value = "", value_name = "TEXT", value_parser = note)]
    pub note: String,
    /// What the link carries where no server runs; a running server knows its own. [default: what the last one that
    /// ran there used]
    #[arg(long, env = "CASTLE_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,
}

/// Settings of `invite revoke`.
#[derive(Debug, Args)]
pub struct InviteRevokeArgs {
    /// Where the data is, and how to print.
    #[command(flatten)]
    pub common: ListArgs,
    /// Which: its id, as `invite list` shows it. Not its code.
    #[arg(value_name = "CODE-ID")]
    pub id: String,
}

/// Settings of commands about one guest.
#[derive(Debug, Args)]
pub struct GuestArgs {
    /// Where the data is, and how to print.
    #[command(flatten)]
    pub common: ListArgs,
    /// Whom: a login name, or an id (`gst_` and 32 hex digits).
    #[arg(value_name = "GUEST")]
    pub guest: String,
}

/// Settings of `guest ban`.
#[derive(Debug, Args)]
pub struct GuestBanArgs {
    /// Whom, where the data is, and how to print.
    #[command(flatten)]
    pub guest: GuestArgs,
    /// Why, for the log and `guest show`; at most 256 characters. The guest does not see it.
    #[arg(long, default_value = "", value_name = "TEXT", value_parser = note)]
    pub reason: String,
}

/// Settings of `report list`.
#[derive(Debug, Args)]
pub struct ReportListArgs {
    /// Where the data is, and how to print.
    #[command(flatten)]
    pub common: ListArgs,
    /// Lists closed ones too.
    #[arg(long)]
    pub all: bool,
}

/// Settings of `report resolve`.
#[derive(Debug, Args)]
pub struct ReportResolveArgs {
    /// Where the data is, and how to print.
    #[command(flatten)]
    pub common: ListArgs,
    /// Which: its id, as `report list` shows it.
    #[arg(value_name = "REPORT-ID")]
    pub id: String,
    /// What was done; at most 1,000 characters.
    #[arg(long, default_value = "", value_name = "TEXT", value_parser = resolution)]
    pub note: String,
}

/// Settings of `audit list`.
#[derive(Debug, Args)]
pub struct AuditListArgs {
    /// Where the data is, and how to print.
    #[command(flatten)]
    pub common: ListArgs,
    /// Lists at most so many entries. 0: all of them.
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub limit: usize,
}

fn expiry(text: &str) -> Result<Duration, String> {
    let expires = parse_duration(text)?;
    if expires.is_zero() || expires > INVITATION_TTL_MAX {
        return Err("must be 1s to 365d".to_owned());
    }
    Ok(expires)
}

fn note(text: &str) -> Result<String, String> {
    at_most(NOTE_CHARS_MAX, text)
}

fn resolution(text: &str) -> Result<String, String> {
    at_most(RESOLUTION_CHARS_MAX, text)
}

fn at_most(limit: usize, text: &str) -> Result<String, String> {
    if text.chars().count() > limit {
        return Err(format!("must have at most {limit} characters"));
    }
    Ok(text.to_owned())
}

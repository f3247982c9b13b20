//! What hosts and guests decide about guests: invitations, bans, roles, blocks, reports, and the log of it.
//!
//! Owns these records and their operations. Each change by an admin is written to the audit log in its own
//! transaction. Never ends a session: who calls does that, once the change is durable.

use super::{Account, Ban, Caller, Invitation, Once, Role};
use crate::error::Error;
use async_trait::async_trait;
use castle::ids::{CallId, GuestId, InvitationId, LoginId, ReportId};
use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

/// Who does what only admins may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// The owner of the machine.
    Host,
    /// A guest of role admin.
    Admin {
        /// Who.
        id: GuestId,
        /// Login name.
        name: String,
    },
}

impl Actor {
    /// As whom they ask.
    pub fn caller(&self) -> Caller {
        match self {
            Self::Host => Caller::Host,
            Self::Admin { id, .. } => Caller::Guest(*id),
        }
    }

    /// As lists name them: the login name, or nothing for the host.
    pub fn name(&self) -> &str {
        match self {
            Self::Host => "",
            Self::Admin { name, .. } => name,
        }
    }
}

/// One act of an admin, as it goes to the audit log with the change itself.
#[derive(Debug, Clone)]
pub struct Act {
    /// Who.
    pub by: Actor,
    /// When, and how a repeat of the request is known.
    pub once: Once,
    /// Name of the RPC.
    pub action: &'static str,
    /// Id of what is changed.
    pub target: String,
    /// Further words. Never a secret.
    pub detail: String,
}

/// Places an entry in the log: later ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AuditKey(pub u128);

impl fmt::Display for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for AuditKey {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        u128::from_str_radix(text, 16).map(Self)
    }
}

/// An act as the log tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its place.
    pub key: AuditKey,
    /// When.
    pub at: SystemTime,
    /// Login name of the admin, their id once they are erased; empty for the host.
    pub actor: String,
    /// Name of the RPC.
    pub action: String,
    /// Id of what was changed.
    pub target: String,
    /// Further words.
    pub detail: String,
}

/// What a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportReason {
    /// Insults, threats, stalking.
    Harassment,
    /// Sexual content that was not wanted.
    SexualContent,
    /// Violence or cruelty.
    Violence,
    /// Advertising or fraud.
    Spam,
    /// Pretends to be somebody else.
    Impersonation,
    /// Seems to be a child.
    Underage,
    /// Something else.
    Other,
}

/// What a guest tells the host about a guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Names it; later ones are greater.
    pub id: ReportId,
    /// Who reported.
    pub reporter: GuestId,
    /// About whom.
    pub reported: GuestId,
    /// The call it happened in.
    pub call: Option<CallId>,
    /// What about.
    pub reason: ReportReason,
    /// In the reporter's words.
    pub text: String,
    /// When.
    pub created_at: SystemTime,
    /// How it was closed.
    pub resolved: Option<Resolution>,
}

/// How a report was closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// When.
    pub at: SystemTime,
    /// What was done.
    pub note: String,
}

/// A report with the accounts it names, as far as they are still there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportView {
    /// The report.
    pub report: Report,
    /// Who reported.
    pub reporter: Option<Account>,
    /// About whom.
    pub reported: Option<Account>,
}

/// How many reports one guest may file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportRate {
    /// So many …
    pub reports: usize,
    /// … within this time.
    pub within: Duration,
}

/// A one-time code for a new password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewCode {
    /// What it follows from, with a secret and the id of the request.
    pub seed: u128,
    /// SHA-256 of it.
    pub code_hash: [u8; 32],
    /// Until when it is good.
    pub expires_at: SystemTime,
}

/// The blocks that concern one guest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlocksOf {
    /// Whom the guest blocked.
    pub blocked: Vec<GuestId>,
    /// Who blocked the guest.
    pub blocked_by: Vec<GuestId>,
}

/// How long entries of the audit log, reports, and invitations that are good no more are kept. What is older leaves with
/// what comes.
pub const RECORDS_KEPT: Duration = Duration::from_hours(2 * 365 * 24);

/// What an act ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginsEnded {
    /// The act was done now; else it is a repeat, and this is what it ended then.
    pub now: bool,
    /// The logins.
    pub logins: Vec<LoginId>,
}

/// Moderation, as whole domain operations. Changes by an admin take the [`Act`] that is logged with them.
///
/// Errors: the domain's where named, those of [`Once`] where an act or a request comes with one, else `Internal`
/// with the cause in the log.
#[async_trait]
pub trait ModerationStore: Send + Sync {
    /// Keeps a new invitation. Returns the one that is kept: for a repeat that of the first time.
    async fn create_invitation(&self, act: Act, invitation: Invitation) -> Result<Invitation, Error>;

    /// Takes an invitation back; once is enough.
    ///
    /// Errors: `InvitationUnknown`.
    async fn revoke_invitation(&self, act: Act, invitation: InvitationId) -> Result<(), Error>;

    /// Bans a guest and ends all their logins.
    ///
    /// Errors: `GuestUnknown`, `LastAdmin`.
    async fn ban(&self, act: Act, guest: GuestId, ban: Ban) -> Result<LoginsEnded, Error>;

    /// Lets a banned guest log in again.
    ///
    /// Errors: `GuestUnknown`.
    async fn unban(&self, act: Act, guest: GuestId) -> Result<(), Error>;

    /// Ends all logins of a guest. `ended` is how many live sessions that ends; of a repeat, the first answer is
    /// returned.
    ///
    /// Errors: `GuestUnknown`.
    async fn disconnect(&self, act: Act, guest: GuestId, ended: u32) -> Result<(u32, LoginsEnded), Error>;

    /// Erases an account as its owner could.
    ///
    /// Errors: `GuestUnknown`, `LastAdmin`.
    async fn delete_guest(&self, act: Act, guest: GuestId) -> Result<(), Error>;

    /// Keeps the hash of a one-time code for a new password, in place of an earlier one. Returns its seed and until when
    /// it is good: for a repeat those of the first time.
    ///
    /// Errors: `GuestUnknown`.
    async fn let_reset_password(
        &self,
        act: Act,
        guest: GuestId,
        code: NewCode,
    ) -> Result<(u128, SystemTime), Error>;

    /// Says what an account may do.
    ///
    /// Errors: `GuestUnknown`, `LastAdmin`.
    async fn set_role(&self, act: Act, guest: GuestId, role: Role) -> Result<(), Error>;

    /// What admins and the host did, newest first: before `before`, at most `limit`.
    async fn list_audit_entries(
        &self,
        before: Option<AuditKey>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, Error>;

    /// `by` blocks `whom`; once is enough. `limit` is how many one guest may block.
    ///
    /// Errors: `GuestUnknown`, `Limit`.
    async fn block(&self, by: GuestId, whom: GuestId, limit: usize, once: Once) -> Result<(), Error>;

    /// Takes a block back, if there is one.
    async fn unblock(&self, by: GuestId, whom: GuestId, once: Once) -> Result<(), Error>;

    /// Whom `guest` blocked, sorted by name.
    async fn blocked_accounts(&self, guest: GuestId) -> Result<Vec<Account>, Error>;

    /// The blocks that concern `guest`, either way.
    async fn blocks_of(&self, guest: GuestId) -> Result<BlocksOf, Error>;

    /// Keeps a report. Returns the id of the one that is kept: for a repeat that of the first time.
    ///
    /// Errors: `GuestUnknown`, `RateLimited`.
    async fn file_report(&self, report: Report, rate: ReportRate, once: Once) -> Result<ReportId, Error>;

    /// Reports, newest first: those before `before`, at most `limit`; closed ones too if asked.
    async fn list_reports(
        &self,
        resolved_too: bool,
        before: Option<ReportId>,
        limit: usize,
    ) -> Result<Vec<ReportView>, Error>;

    /// What `guest` reported, newest first: before `before`, at most `limit`.
    async fn reports_by(
        &self,
        guest: GuestId,
        before: Option<ReportId>,
        limit: usize,
    ) -> Result<Vec<Report>, Error>;

    /// Closes a report; again replaces the note.
    ///
    /// Errors: `ReportUnknown`.
    async fn resolve_report(&self, act: Act, report: ReportId, resolution: Resolution) -> Result<(), Error>;

    /// How many reports about `guest` are open.
    async fn open_reports_about(&self, guest: GuestId) -> Result<u32, Error>;
}

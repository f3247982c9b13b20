//! Other people as lists show them: past calls, blocked guests, servers one was at.

use super::EndReason;
use castle::ids::{CallId, GuestId};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// My calls of the past.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct History {
    /// Newest first; `None` until it was asked for and came.
    pub calls: Option<Arc<Vec<PastCall>>>,
    /// The server has older ones.
    pub more: bool,
    /// Missed since the list was last looked at.
    pub missed: u32,
}

/// Lists that were asked for and did not come: they can be asked for again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unanswered {
    /// My calls.
    pub calls: bool,
    /// Whom I blocked.
    pub blocked: bool,
    /// Where I am logged in.
    pub logins: bool,
}

/// One call of the past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastCall {
    /// Which.
    pub id: CallId,
    /// The other end; `None` once erased.
    pub peer: Option<GuestId>,
    /// What people saw of the other end; empty once erased.
    pub peer_name: String,
    /// I called.
    pub outgoing: bool,
    /// It came through Match.
    pub matched: bool,
    /// It rang here and nobody answered.
    pub missed: bool,
    /// When it began.
    pub began: SystemTime,
    /// How long it was connected; `None` when it never was.
    pub lasted: Option<Duration>,
    /// How it ended.
    pub reason: EndReason,
}

/// A guest I blocked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockedGuest {
    /// Id.
    pub guest: GuestId,
    /// What people see.
    pub display_name: String,
}

/// Why a guest is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportReason {
    /// Insults, threats.
    Harassment,
    /// Nakedness or sex nobody asked for.
    Sexual,
    /// Hatred or violence.
    Violence,
    /// Advertising, fraud.
    Spam,
    /// Pretends to be somebody else.
    Impersonation,
    /// Somebody too young to be here.
    Underage,
    /// Anything else, told in words.
    Other,
}

/// A server that this person was logged in to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownServer {
    /// Address, with the pin of its certificate if it has one.
    pub server: String,
    /// Login name there.
    pub name: String,
    /// One click logs in: this device keeps a key to it.
    pub remembered: bool,
}

//! The client's side of `castle.v1`: login, the session that survives its transports, and the wait for a match.
//!
//! Owns tokens, the resumable link, heartbeats and reconnecting. Speaks to the engine in the terms of the call
//! machine and the view; generated types stay inside. Never decides anything about a call.

use crate::call::{CallInfo, Frame, Negotiation};
use crate::error::ClientError;
use crate::peer::IceServer;
use crate::view::{Availability, HallRow, Me};
use castle::ids::CallId;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc;

mod account;
mod address;
mod devices;
mod hall;
mod keeping;
mod matching;
mod pin;
mod requests;
mod session;
mod tls;
mod transport;
mod wire;

pub use account::{Account, Credentials, KeyKeeper, LoginKey, ResetCode, log_in};
pub use address::{DEFAULT_PORT, Pins, ServerAddress};
pub use devices::DeviceTokens;
pub use pin::Pin;
pub use requests::{Answer, DocumentKeeper, Request, Topic};
pub use tls::{CertificateRefused, Distrust, NoTls};

/// What the session is told.
#[derive(Debug, Clone)]
pub enum Command {
    /// For the call.
    Send(Frame),
    /// How others should see me.
    SetAvailability(Availability),
    /// Wait for a match.
    Search {
        /// Interests.
        tags: Vec<String>,
        /// Languages.
        languages: Vec<String>,
    },
    /// Wait no longer.
    StopSearch,
    /// Show whose name begins so; empty: everybody.
    SearchHall(String),
    /// Show one page more of the hall.
    MoreOfHall,
    /// Missed calls that ended up to then, by the server's clock, were shown to the person.
    MissedSeen(SystemTime),
    /// Ask something that is answered once.
    Ask(Request),
    /// The network changed: the transport in use is not waited for, another is opened at once.
    Redial,
    /// Say goodbye and end.
    Leave,
    /// End the login itself: its keys are of no use any more.
    LogOut,
}

/// What the session reports.
#[derive(Debug, Clone)]
pub enum Event {
    /// The session is live on a transport.
    Online {
        /// It went on: what was sent meanwhile is delivered. Otherwise it began anew.
        resumed: bool,
        /// Me.
        me: Me,
        /// My call, as the server knows it.
        call: Option<CallInfo>,
        /// For connections.
        ice: Vec<IceServer>,
        /// How far the server's clock is ahead of this one, milliseconds.
        clock_ahead_ms: Option<i64>,
        /// Calls missed and not yet seen, at most 20.
        missed: usize,
    },
    /// The transport broke; it is being set up again.
    Reconnecting {
        /// What answers in place of the server, where something does.
        instead: Option<ClientError>,
    },
    /// Fresh servers and credentials.
    Ice(Vec<IceServer>),
    /// Who is there, of those who are searched for.
    Hall {
        /// By name.
        rows: Arc<Vec<HallRow>>,
        /// There are more.
        more: bool,
        /// So many in all, as the server counts.
        count: usize,
    },
    /// Me, changed.
    Me(Me),
    /// A call began or changed.
    Call {
        /// The whole of it.
        info: CallInfo,
        /// Fresh servers for it.
        ice: Option<Vec<IceServer>>,
    },
    /// From the other end of the call.
    Remote(CallId, Negotiation),
    /// The server refused a frame.
    Refused {
        /// Which kind.
        asked: Asked,
        /// Why.
        error: ClientError,
    },
    /// News of the queue.
    Match(MatchNews),
    /// What was asked is answered, or refused.
    Answer {
        /// What it was about.
        topic: Topic,
        /// The answer.
        answer: Result<Answer, ClientError>,
    },
    /// The server has no room for one more session of mine. It is asked again as soon as another one is ended from here,
    /// and by and by.
    Crowded(ClientError),
    /// The session is over for good. Last.
    Ended(Option<ClientError>),
}

/// Which frame a refusal answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// To call somebody.
    Place,
    /// To take a call.
    Accept,
    /// Anything else.
    Other,
}

/// News of the queue.
#[derive(Debug, Clone)]
pub enum MatchNews {
    /// Still waiting.
    Queued {
        /// 1 for the next in line.
        position: u32,
        /// How many wait.
        waiting: u32,
        /// Half of the guests waited no longer.
        estimate: Option<Duration>,
    },
    /// A partner was found; the call follows.
    Found,
    /// No longer waiting, by the server's decision.
    Left,
    /// The server refused to queue.
    Refused(ClientError),
}

/// Commands that may wait: more than the call machine gives at once, candidates included.
const COMMANDS_MAX: usize = 256;

/// A running session. Dropping it ends the session without a goodbye: the server keeps it for its window.
#[derive(Debug)]
pub struct Session {
    commands: mpsc::Sender<Command>,
}

impl Session {
    /// Starts a session on the current runtime.
    pub fn start(account: Account, events: mpsc::Sender<Event>) -> Self {
        let (commands, inbox) = mpsc::channel(COMMANDS_MAX);
        tokio::spawn(session::run(account, inbox, events));
        Self { commands }
    }

    /// Hands a command over; `false` when the session is over or hopelessly behind.
    pub fn send(&self, command: Command) -> bool {
        self.commands.try_send(command).is_ok()
    }
}

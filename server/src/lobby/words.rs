//! What can happen to the lobby, and what it wants done: the words between it and the hub. PURE, see `lobby`.

use super::hall::{HallConfig, HallDelta, HallSnapshot};
use super::placing::Target;
use crate::calls::{
    CallView, CallsConfig, Claim, Departure, EndedCall, Negotiation, Party, Route, RoutePolicy,
};
use crate::error::Error;
use crate::guest::{Availability, SharedGuest, Wish};
use crate::matchmaker::{MatchConfig, Place};
use castle::ids::{CallId, GuestId, SessionId};
use std::time::Duration;

/// Times and bounds of the lobby.
#[derive(Debug, Clone)]
pub struct LobbyConfig {
    /// Of calls.
    pub calls: CallsConfig,
    /// Of the queue.
    pub matching: MatchConfig,
    /// Which routes matched strangers may take.
    pub match_route: RoutePolicy,
    /// Of the hall's news.
    pub hall: HallConfig,
    /// A repeated call for the next free guest skips those tried within this time.
    pub tried_window: Duration,
}

impl Default for LobbyConfig {
    fn default() -> Self {
        Self {
            calls: CallsConfig::default(),
            matching: MatchConfig::default(),
            match_route: RoutePolicy::RelayOnly,
            hall: HallConfig::default(),
            tried_window: Duration::from_mins(1),
        }
    }
}

/// What a session asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Be seen so from now on.
    SetAvailability(Wish),
    /// Ring somebody.
    PlaceCall(Target),
    /// Take a ringing call.
    AcceptCall(CallId),
    /// Refuse a ringing call.
    DeclineCall(CallId),
    /// Give up a call that rings at the other end.
    CancelCall(CallId),
    /// End a call.
    HangUp {
        /// Which.
        call: CallId,
        /// Because media failed.
        failed: bool,
    },
    /// Media can flow at this end.
    MediaConnected(CallId, Route),
    /// Tell the other end.
    Negotiate(CallId, Negotiation),
    /// Wait for a match no longer.
    LeaveMatch,
    /// Watch another part of the hall.
    WatchHall(Watch),
    /// Missed calls up to this time (since the Unix epoch) have been seen.
    MissedCallsSeen(Duration),
}

/// Which part of the hall a session wants to see: one page of those who match, sorted by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watch {
    /// Comes back with the frames of this watch.
    pub number: u64,
    /// Beginning of a name or of a word of a display name, as it was typed.
    pub query: String,
    /// Names above this one.
    pub after: Option<String>,
}

/// A session begins.
#[derive(Debug, Clone)]
pub struct Beginning {
    /// Whose it is.
    pub party: Party,
    /// How the guest wishes to be seen. Where they are present already it holds what they wished there.
    pub wish: Wish,
    /// Whom the guest blocked, as the store knew when the stream said hello.
    pub blocked: Vec<GuestId>,
    /// Who blocked the guest, likewise.
    pub blocked_by: Vec<GuestId>,
    /// The call the client says it is in, by a token of this server.
    pub current_call: Option<Claim>,
}

/// What is to be kept, for later: nobody waits for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keep {
    /// A call is over.
    Ended(EndedCall),
    /// Somebody called a guest who could not be rung. Whether there is such a guest, and whether they want to know
    /// of it, is not known here.
    Missed {
        /// Who called.
        caller: GuestId,
        /// Whom.
        callee: Callee,
        /// Under this id.
        call: CallId,
    },
    /// Missed calls up to this time (since the Unix epoch) have been seen.
    MissedCallsSeen {
        /// By whom.
        guest: GuestId,
        /// Up to then.
        until: Duration,
    },
}

/// Somebody who was called, present or not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Callee {
    /// By id.
    Guest(GuestId),
    /// By login name, case-mapped.
    Name(String),
}

/// What happens to the lobby.
#[derive(Debug, Clone)]
pub enum Input {
    /// A session began.
    SessionBegan(Beginning),
    /// Its stream broke.
    SessionSuspended(SessionId),
    /// It has a stream again.
    SessionResumed(SessionId),
    /// It goes on under another id, since not all frames could be kept.
    SessionReplaced {
        /// The id that is over.
        old: SessionId,
        /// The id from now on; attached.
        new: SessionId,
    },
    /// It is over.
    SessionEnded(SessionId, Departure),
    /// It asks for something.
    Command(SessionId, Command),
    /// All logins of the guest ended, and with them all sessions: nobody can come back.
    GuestClosed(GuestId),
    /// The Match stream of its ticket is gone.
    MatchStreamLost(SessionId),
    /// A guest blocked another: it is on disk.
    Blocked {
        /// Who.
        by: GuestId,
        /// Whom.
        whom: GuestId,
    },
    /// A guest took a block back: it is on disk.
    Unblocked {
        /// Who.
        by: GuestId,
        /// Whom.
        whom: GuestId,
    },
    /// A guest has another display name now.
    Renamed(SharedGuest),
    /// The server goes down: nothing new rings or waits.
    ShutDown,
    /// Time went by.
    Tick,
}

/// What a session is told, in order and lossless.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// How the server sees the receiver.
    SelfUpdate(SelfView),
    /// A call of theirs began or changed.
    Call(CallView),
    /// The other end of the call says.
    Negotiation(CallId, Negotiation),
    /// What was asked for is refused.
    Refused(Error),
}

/// A guest as they see themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelfView {
    /// Who.
    pub guest: SharedGuest,
    /// How they are seen.
    pub availability: Availability,
}

/// Why a session waits for a match no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftReason {
    /// It said so.
    Left,
    /// The guest is in a call by another way.
    InCall,
    /// The session ended, or nobody heard of its stream for too long.
    SessionEnded,
    /// The server goes down.
    ShuttingDown,
}

/// News for a Match stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchNews {
    /// Still waiting.
    Queued(Place),
    /// A partner was found. Last.
    Found(CallId),
    /// No longer waiting. Last.
    Left(LeftReason),
}

/// What the lobby wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Tell a session.
    Send(SessionId, Event),
    /// Tell a session's Match stream.
    Match(SessionId, MatchNews),
    /// Tell these sessions, all of which have a stream, that the hall changed. One frame serves them all.
    Hall(Vec<SessionId>, HallDelta),
    /// Show a session its part of the hall anew, as [`Lobby::hall_snapshot`](super::Lobby::hall_snapshot) has it by then.
    ShowHall(SessionId),
    /// Keep something.
    Keep(Keep),
}

/// What a session starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scene {
    /// The receiver.
    pub me: SelfView,
    /// Who is there.
    pub hall: HallSnapshot,
    /// The call the session has part in.
    pub call: Option<CallView>,
}

//! What can happen to the lobby, and what it wants done: the words between it and the hub. PURE, see `lobby`.

use super::hall::{HallDelta, HallSnapshot};
use super::placing::Target;
use crate::calls::{CallView, CallsConfig, Departure, Negotiation, Party, RoutePolicy};
use crate::error::Error;
use crate::guest::{Availability, SharedGuest, Wish};
use crate::matchmaker::{MatchConfig, Place};
use castle::ids::{CallId, SessionId};
use castle::limits;
use std::sync::Arc;
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
    /// Changes of the hall within this time become one: unnoticeable for people, and many joining at once do not
    /// cost a frame each for everybody.
    pub hall_coalesce: Duration,
    /// Rows of a snapshot.
    pub hall_page: usize,
    /// A repeated call for the next free guest skips those tried within this time.
    pub tried_window: Duration,
    /// Places in the queue are told this often where they changed.
    pub place_interval: Duration,
    /// And this often where they did not, since the estimate moves.
    pub place_repeat: Duration,
}

impl Default for LobbyConfig {
    fn default() -> Self {
        Self {
            calls: CallsConfig::default(),
            matching: MatchConfig::default(),
            match_route: RoutePolicy::RelayOnly,
            hall_coalesce: Duration::from_millis(100),
            hall_page: limits::HALL_PAGE,
            tried_window: Duration::from_mins(1),
            place_interval: Duration::from_secs(1),
            place_repeat: Duration::from_secs(5),
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
    MediaConnected(CallId),
    /// Tell the other end.
    Negotiate(CallId, Negotiation),
    /// Wait for a match no longer.
    LeaveMatch,
}

/// What happens to the lobby.
#[derive(Debug, Clone)]
pub enum Input {
    /// A session began.
    SessionBegan(Party),
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
    /// A guest is called otherwise from now on.
    GuestChanged(SharedGuest),
    /// It asks for something.
    Command(SessionId, Command),
    /// The Match stream of its ticket is gone.
    MatchStreamLost(SessionId),
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
    /// Tell every session that the hall changed.
    Hall(Arc<HallDelta>),
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

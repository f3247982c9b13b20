//! The words of the call machine: what it hears, what it says, and how a call stands. PURE, see `call`.

use castle::ids::{CallId, GuestId};
use std::time::{Duration, Instant};

/// One trickled candidate (RFC 8839 section 5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The candidate attribute without `a=`.
    pub candidate: String,
    /// Media section it belongs to.
    pub mid: String,
    /// Index of that section.
    pub index: u32,
    /// ICE generation.
    pub ufrag: String,
}

/// What the two ends tell each other to set up media, through the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Negotiation {
    /// SDP.
    Offer(String),
    /// SDP.
    Answer(String),
    /// One way in.
    Candidate(Candidate),
    /// Ways in that are good no longer.
    CandidatesRemoved(Vec<Candidate>),
    /// No more of this generation.
    EndOfCandidates {
        /// Which generation.
        ufrag: String,
    },
}

/// Whom to call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// By id.
    Guest(GuestId),
    /// By login name.
    Name(String),
    /// Whoever has been free the longest.
    NextFree,
}

/// A call as the server says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallInfo {
    /// Which.
    pub id: CallId,
    /// Who the other end is, where the server tells.
    pub peer_guest: Option<GuestId>,
    /// What people see of the other end.
    pub peer: String,
    /// Its login name.
    pub peer_name: String,
    /// Where it stands.
    pub phase: Phase,
    /// How I came into it.
    pub origin: Origin,
    /// Only the relay may carry media.
    pub relay_only: bool,
    /// Whether the other end's session is attached.
    pub presence: Presence,
    /// How long it rings at most, where the server says so.
    pub rings: Option<Duration>,
}

/// Where a call stands, for the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The callee's devices ring.
    Ringing,
    /// The two sessions negotiate.
    Connecting(Role),
    /// Both ends said that media can flow.
    Connected(Role),
    /// Over.
    Ended(Reason),
}

/// Who makes the first offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// I do.
    Offerer,
    /// The other end does.
    Answerer,
}

/// How I came into a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// I called.
    Placed,
    /// I was called.
    Received,
    /// The matchmaker paired us.
    Matched,
}

/// Whether the other end's session is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Attached.
    Present,
    /// Its transport broke; it may resume.
    Reconnecting,
    /// Gone beyond its window.
    Gone,
}

/// Why a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The callee said no.
    Declined,
    /// The callee is in a call.
    Busy,
    /// The caller gave up.
    Cancelled,
    /// Nobody answered, or of a match nothing was heard.
    TimedOut,
    /// I hung up.
    HungUp,
    /// The other end hung up.
    PeerHungUp,
    /// An end vanished.
    Disconnected,
    /// Media could not be set up, or broke.
    Failed,
    /// Another device of mine took it.
    AnsweredElsewhere,
    /// A newer call took its place.
    Superseded,
    /// The server went down.
    ShuttingDown,
    /// It was not connected yet, and the server that is there again knows nothing of it.
    Forgotten,
}

/// The way media goes, as the server is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// Not known.
    Unknown,
    /// Same network or machine.
    Host,
    /// Direct through a NAT.
    Srflx,
    /// Direct, found while checking.
    Prflx,
    /// Relayed.
    Relay,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A person calls.
    Place(Target),
    /// The server refused that.
    PlaceRefused,
    /// A person takes the ringing call.
    Accept,
    /// A person refuses it.
    Decline,
    /// A person gives up the call they placed.
    Cancel,
    /// A person ends the call.
    HangUp,
    /// A person puts the ended call away.
    Close,
    /// The server says how a call stands.
    Server(CallInfo),
    /// The session began anew: this is all the server knows of my call.
    SessionLost(Option<CallInfo>),
    /// The other end says something.
    Remote(CallId, Negotiation),
    /// The own connection has something for the other end.
    Local(CallId, Negotiation),
    /// The own connection is up.
    PathUp(CallId, Route),
    /// The other end is up, too.
    BothUp(CallId),
    /// Media came.
    Media(CallId),
    /// The own connection broke for good.
    PathFailed(CallId),
}

/// What to tell the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// Call somebody.
    Place(Target),
    /// Take the call.
    Accept(CallId),
    /// Refuse it.
    Decline(CallId),
    /// Give it up.
    Cancel(CallId),
    /// End it.
    HangUp {
        /// Which.
        call: CallId,
        /// Because media failed, not because a person wanted to.
        failed: bool,
    },
    /// Media can flow here.
    MediaConnected(CallId, Route),
    /// For the other end.
    Negotiation(CallId, Negotiation),
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Tell the server.
    Send(Frame),
    /// Prepare a connection. There is none. It sends nothing to the other end before [`Effect::Converse`].
    OpenPeer {
        /// For which call.
        call: CallId,
        /// This end makes the first offer.
        offers: bool,
        /// Only the relay may carry media.
        relay_only: bool,
    },
    /// Both agreed to talk: the connection may reach for the other end. Once for each connection.
    Converse,
    /// Tell the connection what the other end says.
    ToPeer(Negotiation),
    /// Let sound and picture leave.
    OpenGates,
    /// End the connection; sound and picture no longer leave.
    ClosePeer,
    /// The call is over.
    Ended(CallId, Reason),
    /// The call that was asked for never came to be.
    PlaceLost,
}

/// The call as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// No call.
    Idle,
    /// Asked for, not yet known to the server.
    Placing {
        /// Given up already: it is cancelled as soon as it has an id.
        cancelled: bool,
    },
    /// It rings at the other end.
    Calling {
        /// The call.
        call: CallInfo,
        /// Since when.
        since: Instant,
    },
    /// It rings here.
    Ringing {
        /// The call.
        call: CallInfo,
        /// Since when.
        since: Instant,
        /// Taken; the server has not confirmed it yet.
        accepted: bool,
    },
    /// The connection is being set up.
    Negotiating {
        /// The call.
        call: CallInfo,
        /// When it is given up.
        deadline: Instant,
        /// The own connection is up.
        path_up: bool,
        /// The other end's is.
        peer_up: bool,
    },
    /// Media flows.
    Connected {
        /// The call.
        call: CallInfo,
        /// Since when.
        since: Instant,
        /// When media last came, or the other end was last known.
        alive: Instant,
    },
    /// Over; shown until put away.
    Over {
        /// The call.
        call: CallInfo,
        /// Why.
        reason: Reason,
        /// How long it was connected.
        lasted: Option<Duration>,
    },
}

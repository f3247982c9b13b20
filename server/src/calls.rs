//! Calls: who rings whom, who talks to whom, and how each call ends.
//!
//! Owns the call table and its deadlines, and lets frames pass between the two sessions of a call and nobody
//! else. PURE: time is an argument, ids come from the caller, nothing here knows frames, clocks or sockets.
//! Whether somebody may be called at all (presence, wishes) is decided in `lobby`.

mod call;
mod claims;
mod prepare;
mod rings;
mod sessions;
mod table;

pub use prepare::EARLY_FRAMES_MAX;
pub use rings::RingLimits;
pub use table::{Member, NewCall, Party};

use crate::error::Error;
use crate::guest::SharedGuest;
use castle::ids::{CallId, GuestId, SessionId};
use rings::Rings;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Times and bounds of calls.
#[derive(Debug, Clone)]
pub struct CallsConfig {
    /// A call rings this long: people need some 30 s to reach a device in another room.
    pub ring_timeout: Duration,
    /// Matched guests who are not connected after this are not coming.
    pub match_timeout: Duration,
    /// A call taken up again by one end waits this long for the other, which has to find the server, too.
    pub claim_window: Duration,
    /// How often one guest may ring another in vain.
    pub rings: RingLimits,
    /// Bytes that one session may say before the accept: the largest description and as much again.
    pub early_bytes_max: usize,
}

impl Default for CallsConfig {
    fn default() -> Self {
        Self {
            ring_timeout: Duration::from_secs(45),
            match_timeout: Duration::from_secs(15),
            claim_window: castle::limits::RESUME_WINDOW,
            rings: RingLimits::default(),
            early_bytes_max: 2 * castle::limits::SDP_BYTES_MAX,
        }
    }
}

/// One of the two ends. The first made the call, or waited longer for the match, and makes the first offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// Caller; offerer.
    First,
    /// Callee; answerer.
    Second,
}

impl Side {
    /// The opposite end.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }
}

/// How a call came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// One guest called the other.
    Placed,
    /// The matchmaker paired them.
    Matched,
}

/// Which routes the media may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoutePolicy {
    /// Direct where possible.
    Any,
    /// Only through the relay, so that neither learns the other's address.
    RelayOnly,
}

/// Whether the other end's session is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Attached.
    Present,
    /// Its stream broke; it may resume.
    Reconnecting,
    /// It will not come back.
    Gone,
}

/// Why a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The callee said no.
    Declined,
    /// The callee is in a call or is being rung.
    Busy,
    /// The caller gave up.
    Cancelled,
    /// Nobody answered, or a matched guest did not connect.
    TimedOut,
    /// A person ended it.
    HungUp,
    /// A session was gone beyond its window.
    Disconnected,
    /// Media could not be set up.
    Failed,
    /// Another device of the callee accepted.
    AnsweredElsewhere,
    /// The guest took part in a newer call.
    Superseded,
    /// The server went down while it rang.
    ShuttingDown,
}

impl EndReason {
    /// The word for it in a figure.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Declined => "declined",
            Self::Busy => "busy",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed_out",
            Self::HungUp => "hung_up",
            Self::Disconnected => "disconnected",
            Self::Failed => "failed",
            Self::AnsweredElsewhere => "answered_elsewhere",
            Self::Superseded => "superseded",
            Self::ShuttingDown => "shutting_down",
        }
    }
}

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallState {
    /// The callee's devices ring.
    Ringing,
    /// The two sessions negotiate.
    Connecting,
    /// Media flows.
    Connected,
    /// Over.
    Ended(EndReason),
}

impl CallState {
    /// The word for it in an error.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ringing => "ringing",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Ended(_) => "ended",
        }
    }
}

/// A call as one of its ends sees it: the whole of it, every time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallView {
    /// Which.
    pub id: CallId,
    /// The end that sees it so.
    pub side: Side,
    /// The first end's guest.
    pub first: SharedGuest,
    /// The second end's guest.
    pub second: SharedGuest,
    /// Where it stands.
    pub state: CallState,
    /// How it came about.
    pub origin: Origin,
    /// Which routes the media may take.
    pub route_policy: RoutePolicy,
    /// Whether the other end is attached.
    pub peer_presence: Presence,
    /// When it was placed or matched, or taken up again.
    pub created_at: Duration,
    /// How old it was then.
    pub older: Duration,
    /// When media flowed at both ends, and for how long it had then.
    pub connected: Option<(Duration, Duration)>,
    /// When it ends by itself.
    pub expires_at: Option<Duration>,
}

/// What the ends say to each other. Opaque: relayed as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Negotiation {
    /// SDP (RFC 8866) to be answered.
    Offer(String),
    /// SDP that answers.
    Answer(String),
    /// A trickled candidate (RFC 8838).
    Candidate(Candidate),
    /// Candidates that are good no longer.
    CandidatesRemoved(Vec<Candidate>),
    /// No more candidates of this generation.
    EndOfCandidates {
        /// ICE generation.
        username_fragment: String,
    },
}

impl Negotiation {
    /// About how much memory its texts take, bytes.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Offer(sdp) | Self::Answer(sdp) => sdp.len(),
            Self::Candidate(candidate) => candidate.bytes(),
            Self::CandidatesRemoved(candidates) => candidates.iter().map(Candidate::bytes).sum(),
            Self::EndOfCandidates { username_fragment } => username_fragment.len(),
        }
    }
}

/// A candidate, opaque.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Candidate {
    /// The attribute, without `a=`.
    pub candidate: String,
    /// Media identification.
    pub sdp_mid: String,
    /// Index of the media section.
    pub sdp_m_line_index: u32,
    /// ICE generation.
    pub username_fragment: String,
}

impl Candidate {
    /// How long its texts are, bytes.
    pub fn bytes(&self) -> usize {
        self.candidate.len() + self.sdp_mid.len() + self.username_fragment.len()
    }
}

/// The kind of the local candidate that carries an end's media, as its client reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// Not reported.
    #[default]
    Unknown,
    /// The same network or machine.
    Host,
    /// Through a NAT.
    ServerReflexive,
    /// Found while checking.
    PeerReflexive,
    /// Through the relay.
    Relay,
}

/// A call that a client says it is in, by a token that this server signed before it was started anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Which.
    pub call: CallId,
    /// Which end the client is.
    pub side: Side,
    /// The other end.
    pub peer: SharedGuest,
    /// How the call came about.
    pub origin: Origin,
    /// Which routes its media may take.
    pub route_policy: RoutePolicy,
    /// How long ago it was placed or matched.
    pub age: Duration,
    /// How long ago media began to flow, if it did.
    pub connected_for: Option<Duration>,
}

/// A call that is over, for the guests' history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedCall {
    /// Which.
    pub call: CallId,
    /// Caller and callee; of a match the one who waited longer first.
    pub guests: [GuestId; 2],
    /// How it came about.
    pub origin: Origin,
    /// How long ago it was placed or matched when it ended, which is now.
    pub lasted: Duration,
    /// How long ago media flowed at both ends, if it did.
    pub connected_for: Option<Duration>,
    /// Why.
    pub reason: EndReason,
    /// By which route the media of each end went.
    pub routes: [Route; 2],
    /// The callee missed it.
    pub missed: bool,
}

/// What a call of a guest's amounts to for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occupation {
    /// In no call.
    Free,
    /// Rings or is being rung.
    Ringing,
    /// Talks, or is about to.
    InCall,
}

/// How a session came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departure {
    /// It said goodbye.
    Left,
    /// It was not heard of for its resume window. Its call goes on: media may flow without it.
    Lost,
    /// It was closed from here, since its login ended or the guest may not stay.
    Closed,
}

/// What the table wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallEffect {
    /// Show a session its call.
    Tell {
        /// Whom.
        session: SessionId,
        /// The call now.
        view: CallView,
    },
    /// Pass on what the other end said.
    Relay {
        /// To whom.
        session: SessionId,
        /// In which call.
        call: CallId,
        /// What.
        negotiation: Negotiation,
    },
    /// A call is over.
    Over(EndedCall),
    /// A guest's [`Occupation`] may have changed.
    Touched(GuestId),
    /// A matched call is over.
    MatchOver {
        /// Its two guests.
        guests: [GuestId; 2],
        /// Those who came although the other did not: they keep the time they had waited.
        faithful: [bool; 2],
    },
}

/// The call table.
#[derive(Debug)]
pub struct Calls {
    config: CallsConfig,
    table: BTreeMap<CallId, call::Call>,
    by_guest: BTreeMap<GuestId, CallId>,
    deadlines: BTreeSet<(Duration, CallId)>,
    rings: Rings,
    /// Calls that found their callee busy and are kept.
    busy: Rings,
    over: claims::Over,
}

impl Calls {
    /// An empty table.
    pub fn new(config: CallsConfig) -> Self {
        Self {
            rings: Rings::new(config.rings.clone()),
            busy: Rings::new(config.rings.clone()),
            config,
            table: BTreeMap::new(),
            by_guest: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            over: claims::Over::default(),
        }
    }

    /// What `guest` is busy with.
    pub fn occupation(&self, guest: GuestId) -> Occupation {
        match self.by_guest.get(&guest).map(|call| &self.table[call].phase) {
            None => Occupation::Free,
            Some(call::Phase::Ringing { .. }) => Occupation::Ringing,
            Some(call::Phase::Connecting { .. } | call::Phase::Connected | call::Phase::Awaiting { .. }) => {
                Occupation::InCall
            }
        }
    }

    /// The call of `guest`, as `session` of theirs sees it, if that session has part in it.
    pub fn view(&self, guest: GuestId, session: SessionId) -> Option<CallView> {
        let call = &self.table[self.by_guest.get(&guest)?];
        call.side_of(session).map(|side| call.view(side))
    }

    /// Whether `call` is going on between these two.
    pub fn is_between(&self, call: CallId, guests: [GuestId; 2]) -> bool {
        guests.iter().all(|guest| self.by_guest.get(guest) == Some(&call))
    }

    /// The call in which `callee` is rung by `caller`, if there is one: where both call each other, placing the
    /// second call accepts the first.
    pub fn rung_by(&self, callee: GuestId, caller: GuestId) -> Option<CallId> {
        let id = *self.by_guest.get(&callee)?;
        let call = &self.table[&id];
        let rings = matches!(call.phase, call::Phase::Ringing { .. });
        (rings && call.ends[0].guest.id == caller && call.ends[1].guest.id == callee).then_some(id)
    }

    /// When something happens by itself.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.deadlines.first().map(|&(at, _)| at)
    }

    /// How many ring, connect and are connected.
    pub fn by_state(&self) -> [usize; 3] {
        let mut counts = [0; 3];
        for call in self.table.values() {
            match call.state() {
                CallState::Ringing => counts[0] += 1,
                CallState::Connecting => counts[1] += 1,
                CallState::Connected | CallState::Ended(_) => counts[2] += 1,
            }
        }
        counts
    }

    /// How many calls there are.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Whether `caller` may ring `callee` once more.
    ///
    /// # Errors
    /// [`Error::RingLimit`].
    pub fn may_ring(&self, now: Duration, caller: GuestId, callee: GuestId) -> Result<(), Error> {
        self.rings.check(now, caller, callee)
    }
}

#[cfg(test)]
mod transitions;

//! The client's side of one call: what to do about what a person, the server, the other end and the media say.
//!
//! A pure machine: no clock, no IO, no wire types. The server owns the state of the call (`docs/PROTOCOL.md`); this
//! machine follows it, opens and closes the connection, keeps the senders shut until both ends are up, and ends what
//! can no longer work. At most one call at a time; what arrives for another call is ignored.

use castle::ids::{CallId, GuestId};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

#[cfg(test)]
mod tests;

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
    /// Nobody answered, or a match did not connect.
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
    /// Begin a connection. There is none.
    OpenPeer {
        /// For which call.
        call: CallId,
        /// This end makes the first offer.
        offers: bool,
        /// Only the relay may carry media.
        relay_only: bool,
    },
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

/// A connection that is not up by then is given up: longer than checks of every pair take on a bad path, and than
/// the server waits for a match.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// With the other end's session gone, this long without media ends the call.
pub const SILENCE_AFTER_GONE: Duration = Duration::from_secs(10);
/// Calls remembered as over, so that late frames do not raise them: far more than can be on their way.
const ENDED_MAX: usize = 16;

/// The machine.
#[derive(Debug)]
pub struct CallMachine {
    state: State,
    ended: VecDeque<CallId>,
}

impl Default for CallMachine {
    fn default() -> Self {
        Self { state: State::Idle, ended: VecDeque::new() }
    }
}

impl CallMachine {
    /// The call as it is now.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The call that is not over, if the server knows it.
    pub fn live(&self) -> Option<&CallInfo> {
        match &self.state {
            State::Calling { call, .. }
            | State::Ringing { call, .. }
            | State::Negotiating { call, .. }
            | State::Connected { call, .. } => Some(call),
            State::Idle | State::Placing { .. } | State::Over { .. } => None,
        }
    }

    /// When [`tick`](Self::tick) has something to do.
    pub fn next_deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Negotiating { deadline, .. } => Some(*deadline),
            State::Connected { call, alive, .. } if call.presence == Presence::Gone => {
                Some(*alive + SILENCE_AFTER_GONE)
            }
            State::Idle
            | State::Placing { .. }
            | State::Calling { .. }
            | State::Ringing { .. }
            | State::Connected { .. }
            | State::Over { .. } => None,
        }
    }

    /// Time has come to `now`.
    pub fn tick(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if self.next_deadline().is_some_and(|deadline| deadline <= now) {
            let reason = match self.state {
                State::Connected { .. } => Reason::Disconnected,
                _ => Reason::Failed,
            };
            self.hang_up(now, reason, effects);
        }
    }

    /// Something happened at `now`.
    pub fn handle(&mut self, now: Instant, input: Input, effects: &mut Vec<Effect>) {
        match input {
            Input::Place(target) => {
                if matches!(self.state, State::Idle | State::Over { .. }) {
                    self.state = State::Placing { cancelled: false };
                    effects.push(Effect::Send(Frame::Place(target)));
                }
            }
            Input::PlaceRefused => {
                if matches!(self.state, State::Placing { .. }) {
                    self.state = State::Idle;
                }
            }
            Input::Accept => {
                if let State::Ringing { call, accepted, .. } = &mut self.state
                    && !std::mem::replace(accepted, true)
                {
                    effects.push(Effect::Send(Frame::Accept(call.id)));
                }
            }
            Input::Decline => self.decline(now, effects),
            Input::Cancel => self.cancel(now, effects),
            Input::HangUp => self.leave(now, effects),
            Input::Close => {
                if matches!(self.state, State::Over { .. }) {
                    self.state = State::Idle;
                }
            }
            Input::Server(call) => self.follow(now, call, effects),
            Input::SessionLost(call) => self.start_over(now, call, effects),
            Input::Remote(id, what) => self.remote(id, what, effects),
            Input::Local(id, what) => {
                if self.has_peer(id) {
                    effects.push(Effect::Send(Frame::Negotiation(id, what)));
                }
            }
            Input::PathUp(id, route) => {
                if let State::Negotiating { call, path_up, .. } = &mut self.state
                    && call.id == id
                    && !std::mem::replace(path_up, true)
                {
                    effects.push(Effect::Send(Frame::MediaConnected(id, route)));
                    self.connect(now, effects);
                }
            }
            Input::BothUp(id) => self.peer_is_up(now, id, effects),
            Input::Media(id) => {
                if let State::Connected { call, alive, .. } = &mut self.state
                    && call.id == id
                {
                    *alive = now.max(*alive);
                }
            }
            Input::PathFailed(id) => {
                if self.has_peer(id) {
                    let present = self.live().is_some_and(|call| call.presence == Presence::Present);
                    let reason = if present { Reason::Failed } else { Reason::Disconnected };
                    self.hang_up(now, reason, effects);
                }
            }
        }
    }

    fn decline(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if let State::Ringing { call, accepted: false, .. } = &self.state {
            effects.push(Effect::Send(Frame::Decline(call.id)));
            self.end(now, Reason::Declined, effects);
        }
    }

    /// A person wants out, wherever the call stands.
    fn leave(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        match &self.state {
            // One accepted a moment ago is connecting for the server by the time it reads this.
            State::Negotiating { .. } | State::Connected { .. } | State::Ringing { accepted: true, .. } => {
                self.hang_up(now, Reason::HungUp, effects);
            }
            State::Ringing { accepted: false, .. } => self.decline(now, effects),
            State::Placing { .. } | State::Calling { .. } => self.cancel(now, effects),
            State::Idle | State::Over { .. } => {}
        }
    }

    fn has_peer(&self, id: CallId) -> bool {
        match &self.state {
            State::Negotiating { call, .. } | State::Connected { call, .. } => call.id == id,
            State::Idle
            | State::Placing { .. }
            | State::Calling { .. }
            | State::Ringing { .. }
            | State::Over { .. } => false,
        }
    }

    fn remote(&mut self, id: CallId, what: Negotiation, effects: &mut Vec<Effect>) {
        let State::Negotiating { call, .. } = &self.state else {
            // Candidates may better the path, and either end may look for a new one.
            let heard = !matches!(what, Negotiation::EndOfCandidates { .. }) && self.has_peer(id);
            effects.extend(heard.then_some(Effect::ToPeer(what)));
            return;
        };
        let expected = match (&what, call.phase) {
            (Negotiation::Offer(_), Phase::Connecting(role) | Phase::Connected(role)) => {
                role == Role::Answerer
            }
            (Negotiation::Answer(_), Phase::Connecting(role) | Phase::Connected(role)) => {
                role == Role::Offerer
            }
            (Negotiation::Candidate(_), _) => true,
            // Of the end of candidates: connectivity checks run on what is there; the stack needs no mark.
            (Negotiation::EndOfCandidates { .. }, _)
            | (Negotiation::Offer(_) | Negotiation::Answer(_), Phase::Ringing | Phase::Ended(_)) => false,
        };
        if expected && call.id == id {
            effects.push(Effect::ToPeer(what));
        }
    }

    fn peer_is_up(&mut self, now: Instant, id: CallId, effects: &mut Vec<Effect>) {
        if let State::Negotiating { call, peer_up, .. } = &mut self.state
            && call.id == id
        {
            *peer_up = true;
            self.connect(now, effects);
        }
    }

    fn connect(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if let State::Negotiating { call, path_up: true, peer_up: true, .. } = &self.state {
            self.state = State::Connected { call: call.clone(), since: now, alive: now };
            effects.push(Effect::OpenGates);
        }
    }

    fn cancel(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        match &mut self.state {
            State::Placing { cancelled } => *cancelled = true,
            State::Calling { call, .. } => {
                effects.push(Effect::Send(Frame::Cancel(call.id)));
                self.end(now, Reason::Cancelled, effects);
            }
            State::Idle
            | State::Ringing { .. }
            | State::Negotiating { .. }
            | State::Connected { .. }
            | State::Over { .. } => {}
        }
    }

    fn hang_up(&mut self, now: Instant, reason: Reason, effects: &mut Vec<Effect>) {
        if let Some(call) = self.live() {
            let failed = reason != Reason::HungUp;
            effects.push(Effect::Send(Frame::HangUp { call: call.id, failed }));
            self.end(now, reason, effects);
        }
    }

    /// The live call is over.
    fn end(&mut self, now: Instant, reason: Reason, effects: &mut Vec<Effect>) {
        let (call, lasted) = match std::mem::replace(&mut self.state, State::Idle) {
            State::Calling { call, .. } | State::Ringing { call, .. } => (call, None),
            State::Negotiating { call, .. } => {
                effects.push(Effect::ClosePeer);
                (call, None)
            }
            State::Connected { call, since, .. } => {
                effects.push(Effect::ClosePeer);
                (call, Some(now.saturating_duration_since(since)))
            }
            other @ (State::Idle | State::Placing { .. } | State::Over { .. }) => {
                self.state = other;
                return;
            }
        };
        self.ended.push_back(call.id);
        if self.ended.len() > ENDED_MAX {
            self.ended.pop_front();
        }
        effects.push(Effect::Ended(call.id, reason));
        self.state = State::Over { call, reason, lasted };
    }

    fn start_over(&mut self, now: Instant, call: Option<CallInfo>, effects: &mut Vec<Effect>) {
        if matches!(self.state, State::Placing { .. }) {
            self.state = State::Idle;
            effects.push(Effect::PlaceLost);
        }
        if self.live().is_some_and(|live| call.as_ref().is_none_or(|call| call.id != live.id)) {
            self.end(now, Reason::Disconnected, effects);
        }
        if let Some(call) = call {
            self.follow(now, call, effects);
        }
    }

    /// The server's word on a call.
    fn follow(&mut self, now: Instant, info: CallInfo, effects: &mut Vec<Effect>) {
        if self.ended.contains(&info.id) {
            return;
        }
        let current = self.live().is_some_and(|live| live.id == info.id);
        if let Phase::Ended(reason) = info.phase {
            if current {
                self.end(now, reason, effects);
            } else if matches!(self.state, State::Placing { .. }) && info.origin == Origin::Placed {
                // Over before it rang: the callee is busy.
                self.state = State::Calling { call: info, since: now };
                self.end(now, reason, effects);
            }
            return;
        }
        if !current {
            self.adopt(now, &info, effects);
        }
        match &mut self.state {
            State::Calling { call, .. } | State::Ringing { call, .. } => match info.phase {
                Phase::Connecting(role) | Phase::Connected(role) => self.negotiate(now, info, role, effects),
                Phase::Ringing | Phase::Ended(_) => *call = info,
            },
            State::Negotiating { call, .. } => {
                let both = matches!(info.phase, Phase::Connected(_));
                *call = info;
                if both {
                    let id = call.id;
                    self.peer_is_up(now, id, effects);
                }
            }
            State::Connected { call, alive, .. } => {
                if call.presence != Presence::Gone && info.presence == Presence::Gone {
                    *alive = now.max(*alive);
                }
                *call = info;
            }
            State::Idle | State::Placing { .. } | State::Over { .. } => {
                unreachable!("a call that is not over was adopted above")
            }
        }
    }

    /// A call that was not known: the server's newest word counts, an older call gives way.
    fn adopt(&mut self, now: Instant, info: &CallInfo, effects: &mut Vec<Effect>) {
        if self.live().is_some() {
            self.end(now, Reason::Superseded, effects);
        }
        let given_up = matches!(self.state, State::Placing { cancelled: true });
        self.state = match info.origin {
            Origin::Received => State::Ringing { call: info.clone(), since: now, accepted: false },
            Origin::Placed | Origin::Matched => State::Calling { call: info.clone(), since: now },
        };
        if given_up && info.origin == Origin::Placed && info.phase == Phase::Ringing {
            effects.push(Effect::Send(Frame::Cancel(info.id)));
        }
    }

    fn negotiate(&mut self, now: Instant, info: CallInfo, role: Role, effects: &mut Vec<Effect>) {
        effects.push(Effect::OpenPeer {
            call: info.id,
            offers: role == Role::Offerer,
            relay_only: info.relay_only,
        });
        let peer_up = matches!(info.phase, Phase::Connected(_));
        self.state =
            State::Negotiating { call: info, deadline: now + CONNECT_TIMEOUT, path_up: false, peer_up };
    }
}

//! The client's side of one call: what to do about what a person, the server, the other end and the media say.
//!
//! A pure machine: no clock, no IO, no wire types. The server owns the state of the call (`docs/PROTOCOL.md`); this
//! machine follows it, prepares the connection while it rings, lets it reach for the other end once both agreed, keeps the
//! senders shut until both ends are up, and ends what can no longer work. At most one call at a time; what arrives for
//! another call is ignored.

use castle::ids::CallId;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

mod ending;
mod following;
mod negotiating;
#[cfg(test)]
mod tests;
mod words;

pub use words::{
    CallInfo, Candidate, Effect, Frame, Input, Negotiation, Origin, Phase, Presence, Reason, Role, Route,
    State, Target,
};

/// A connection that is not up by then is given up: longer than checks of every pair take on a bad path, and than
/// the server waits for a match.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// A call rings so long where the server does not say how long: longer than any of ours lets it.
pub const RING_TIMEOUT: Duration = Duration::from_secs(60);
/// It is the server that ends what rings. One that has not said so for this long after the time is not there to say it, or a
/// broken transport would have been found again.
pub const RING_MARGIN: Duration = Duration::from_secs(15);
/// With the other end's session gone, this long without media ends the call.
pub const SILENCE_AFTER_GONE: Duration = Duration::from_secs(10);
/// Calls remembered as over, so that late frames do not raise them: far more than can be on their way.
const ENDED_MAX: usize = 16;

/// The own connection.
#[derive(Debug, Default)]
enum Path {
    /// There is none.
    #[default]
    None,
    /// There is one.
    Open(Way),
    /// It could not even be prepared.
    Broken,
}

/// A connection that was begun.
#[derive(Debug)]
struct Way {
    offers: bool,
    /// The other end's description came.
    described: bool,
    /// The other end's last offer: the server may repeat it.
    offer: Option<String>,
}

/// The machine.
#[derive(Debug)]
pub struct CallMachine {
    state: State,
    path: Path,
    ended: VecDeque<CallId>,
}

impl Default for CallMachine {
    fn default() -> Self {
        Self { state: State::Idle, path: Path::None, ended: VecDeque::new() }
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
            State::Calling { call, since } | State::Ringing { call, since, .. } => {
                Some(*since + call.rings.unwrap_or(RING_TIMEOUT) + RING_MARGIN)
            }
            State::Negotiating { deadline, .. } => Some(*deadline),
            State::Connected { call, alive, .. } if call.presence == Presence::Gone => {
                Some(*alive + SILENCE_AFTER_GONE)
            }
            State::Idle | State::Placing { .. } | State::Connected { .. } | State::Over { .. } => None,
        }
    }

    /// Time has come to `now`.
    pub fn tick(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if self.next_deadline().is_none_or(|deadline| deadline > now) {
            return;
        }
        match self.state {
            State::Calling { .. } => self.give_up(now, Reason::TimedOut, effects),
            // Nobody refused it: another device may still ring.
            State::Ringing { accepted: false, .. } => self.end(now, Reason::TimedOut, effects),
            State::Connected { .. } => self.hang_up(now, Reason::Disconnected, effects),
            _ => self.hang_up(now, Reason::Failed, effects),
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
            Input::PathUp(id, route) => self.path_is_up(now, id, route, effects),
            Input::BothUp(id) => self.peer_is_up(now, id, effects),
            Input::Media(id) => {
                if let State::Connected { call, alive, .. } = &mut self.state
                    && call.id == id
                {
                    *alive = now.max(*alive);
                }
            }
            Input::PathFailed(id) => self.path_failed(now, id, effects),
        }
    }

    fn has_peer(&self, id: CallId) -> bool {
        matches!(self.path, Path::Open(_)) && self.live().is_some_and(|call| call.id == id)
    }
}

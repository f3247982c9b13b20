//! The server's word on a call, which counts. PURE, see `call`.

use super::{CallInfo, CallMachine, Effect, Frame, Origin, Path, Phase, Presence, Reason, State, Way};
use std::time::Instant;

impl CallMachine {
    /// The session began anew: what was not acknowledged is lost, and `call` is all that the server knows.
    pub(super) fn start_over(&mut self, now: Instant, call: Option<CallInfo>, effects: &mut Vec<Effect>) {
        if let State::Placing { cancelled } = self.state {
            self.state = State::Idle;
            effects.extend((!cancelled).then_some(Effect::PlaceLost));
        }
        if self.live().is_some_and(|live| call.as_ref().is_none_or(|call| call.id != live.id)) {
            let connected = matches!(self.state, State::Connected { .. });
            self.end(now, if connected { Reason::Disconnected } else { Reason::Forgotten }, effects);
        }
        let Some(call) = call else { return };
        let known = self.live().is_some();
        self.follow(now, call, effects);
        if known {
            self.ring_again(effects);
        }
    }

    /// A new session knows nothing of what the old one said while it rang: it is said again.
    fn ring_again(&mut self, effects: &mut Vec<Effect>) {
        let (call, offers, accepted) = match &self.state {
            State::Calling { call, .. } => (call.clone(), true, false),
            State::Ringing { call, accepted, .. } => (call.clone(), false, *accepted),
            _ => return,
        };
        if !matches!(self.path, Path::Broken) {
            self.prepare(&call, offers, effects);
        }
        if accepted {
            effects.push(Effect::Send(Frame::Accept(call.id)));
        }
    }

    /// The server's word on a call.
    pub(super) fn follow(&mut self, now: Instant, info: CallInfo, effects: &mut Vec<Effect>) {
        if self.ended.contains(&info.id) {
            return;
        }
        let current = self.live().is_some_and(|live| live.id == info.id);
        if let Phase::Ended(reason) = info.phase {
            if current {
                self.end(now, self.seen_here(reason), effects);
            } else if let (State::Placing { cancelled }, Origin::Placed) = (&self.state, info.origin) {
                if *cancelled {
                    self.state = State::Idle;
                    return;
                }
                // Over before it rang: the callee is busy.
                self.state = State::Calling { call: info, since: now };
                self.end(now, reason, effects);
            }
            return;
        }
        if !current && !self.adopt(now, &info, effects) {
            return;
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

    /// Why a call ended, by what was seen of it here: where the other end has described itself it did come, and it is media
    /// that was waited for in vain.
    fn seen_here(&self, reason: Reason) -> Reason {
        match (reason, &self.state, &self.path) {
            (Reason::TimedOut, State::Negotiating { .. }, Path::Open(Way { described: true, .. })) => {
                Reason::Failed
            }
            _ => reason,
        }
    }

    /// A call that was not known: the server's newest word counts, an older call gives way. `false` for one that was given
    /// up before it was known: whoever did so has turned to something else, and sees and sends nothing of it.
    fn adopt(&mut self, now: Instant, info: &CallInfo, effects: &mut Vec<Effect>) -> bool {
        if self.live().is_some() {
            self.end(now, Reason::Superseded, effects);
        }
        if matches!(self.state, State::Placing { cancelled: true }) && info.origin == Origin::Placed {
            effects.push(Effect::Send(match info.phase {
                Phase::Ringing => Frame::Cancel(info.id),
                _ => Frame::HangUp { call: info.id, failed: false },
            }));
            self.forget(info.id);
            self.state = State::Idle;
            return false;
        }
        self.state = match info.origin {
            Origin::Received => State::Ringing { call: info.clone(), since: now, accepted: false },
            Origin::Placed | Origin::Matched => State::Calling { call: info.clone(), since: now },
        };
        if info.phase == Phase::Ringing {
            self.prepare(info, info.origin != Origin::Received, effects);
        }
        true
    }
}

//! How a call ends from this side. PURE, see `call`.

use super::{CallMachine, ENDED_MAX, Effect, Frame, Path, Presence, Reason, State};
use castle::ids::CallId;
use std::time::Instant;

impl CallMachine {
    pub(super) fn decline(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if let State::Ringing { call, accepted: false, .. } = &self.state {
            effects.push(Effect::Send(Frame::Decline(call.id)));
            self.end(now, Reason::Declined, effects);
        }
    }

    /// A person wants out, wherever the call stands.
    pub(super) fn leave(&mut self, now: Instant, effects: &mut Vec<Effect>) {
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

    pub(super) fn cancel(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        match &mut self.state {
            State::Placing { cancelled } => *cancelled = true,
            State::Calling { .. } => self.give_up(now, Reason::Cancelled, effects),
            State::Idle
            | State::Ringing { .. }
            | State::Negotiating { .. }
            | State::Connected { .. }
            | State::Over { .. } => {}
        }
    }

    /// The own connection broke for good.
    pub(super) fn path_failed(&mut self, now: Instant, id: CallId, effects: &mut Vec<Effect>) {
        if !self.has_peer(id) {
            return;
        }
        match &self.state {
            State::Calling { .. } => self.give_up(now, Reason::Failed, effects),
            // Nobody accepted anything yet: it may still be declined, or be answered by another device.
            State::Ringing { .. } => {
                self.path = Path::Broken;
                effects.push(Effect::ClosePeer);
            }
            _ => {
                let present = self.live().is_some_and(|call| call.presence == Presence::Present);
                let reason = if present { Reason::Failed } else { Reason::Disconnected };
                self.hang_up(now, reason, effects);
            }
        }
    }

    /// Takes back a call that rings at the other end.
    pub(super) fn give_up(&mut self, now: Instant, reason: Reason, effects: &mut Vec<Effect>) {
        if let Some(call) = self.live() {
            effects.push(Effect::Send(Frame::Cancel(call.id)));
            self.end(now, reason, effects);
        }
    }

    pub(super) fn hang_up(&mut self, now: Instant, reason: Reason, effects: &mut Vec<Effect>) {
        if let Some(call) = self.live() {
            let failed = reason != Reason::HungUp;
            effects.push(Effect::Send(Frame::HangUp { call: call.id, failed }));
            self.end(now, reason, effects);
        }
    }

    /// The live call is over.
    pub(super) fn end(&mut self, now: Instant, reason: Reason, effects: &mut Vec<Effect>) {
        let (call, lasted) = match std::mem::replace(&mut self.state, State::Idle) {
            State::Calling { call, .. } | State::Ringing { call, .. } | State::Negotiating { call, .. } => {
                (call, None)
            }
            State::Connected { call, since, .. } => (call, Some(now.saturating_duration_since(since))),
            other @ (State::Idle | State::Placing { .. } | State::Over { .. }) => {
                self.state = other;
                return;
            }
        };
        if matches!(std::mem::take(&mut self.path), Path::Open(_)) {
            effects.push(Effect::ClosePeer);
        }
        self.forget(call.id);
        effects.push(Effect::Ended(call.id, reason));
        self.state = State::Over { call, reason, lasted };
    }

    /// What is still said of this call is late.
    pub(super) fn forget(&mut self, id: CallId) {
        self.ended.push_back(id);
        if self.ended.len() > ENDED_MAX {
            self.ended.pop_front();
        }
    }
}

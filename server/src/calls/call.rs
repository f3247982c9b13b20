//! One call: its two ends, its phase, and how each end sees it. PURE, see `calls`.

use super::prepare::{Device, Early};
use super::{
    CallEffect, CallState, CallView, EndReason, EndedCall, Origin, Presence, Route, RoutePolicy, Side,
};
use crate::error::Error;
use crate::guest::SharedGuest;
use castle::ids::{CallId, GuestId, SessionId};
use std::collections::BTreeMap;
use std::time::Duration;

/// One end of a call.
#[derive(Debug)]
pub(super) struct End {
    pub(super) guest: SharedGuest,
    /// The session that has part in the call. None while the callee's devices ring, and once it is gone.
    pub(super) session: Option<SessionId>,
    pub(super) presence: Presence,
    /// It said that media can flow.
    pub(super) media: bool,
    /// By which route, as its client says.
    pub(super) route: Route,
    /// It took part in the negotiation.
    pub(super) spoke: bool,
    /// Its last offer has not been answered.
    pub(super) offered: bool,
}

impl End {
    pub(super) fn new(guest: SharedGuest, session: Option<SessionId>, attached: bool) -> Self {
        let presence = presence_of(attached);
        Self { guest, session, presence, media: false, route: Route::Unknown, spoke: false, offered: false }
    }
}

/// Where a call stands, with what only matters there.
#[derive(Debug)]
pub(super) enum Phase {
    /// The callee's sessions that ring, and what the caller has said already.
    Ringing { devices: BTreeMap<SessionId, Device>, early: Early, expires_at: Duration },
    /// Matched calls end by themselves when they do not connect.
    Connecting { expires_at: Option<Duration> },
    /// Both ends said that media can flow.
    Connected,
    /// One end has taken the call up again after the server was started anew; the other may come until then.
    Awaiting { expires_at: Duration },
}

/// A call of the table.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: CallId,
    pub(super) origin: Origin,
    pub(super) ends: [End; 2],
    pub(super) phase: Phase,
    pub(super) route_policy: RoutePolicy,
    pub(super) created_at: Duration,
    /// How old it was then: more than nothing where it began before the server was started.
    pub(super) older: Duration,
    /// When media flowed at both ends, and for how long it had then.
    pub(super) connected: Option<(Duration, Duration)>,
}

pub(super) const fn presence_of(attached: bool) -> Presence {
    if attached { Presence::Present } else { Presence::Reconnecting }
}

impl Call {
    pub(super) fn end(&self, side: Side) -> &End {
        &self.ends[side as usize]
    }

    pub(super) fn end_mut(&mut self, side: Side) -> &mut End {
        &mut self.ends[side as usize]
    }

    pub(super) fn guests(&self) -> [GuestId; 2] {
        [self.ends[0].guest.id, self.ends[1].guest.id]
    }

    pub(super) fn state(&self) -> CallState {
        match self.phase {
            Phase::Ringing { .. } => CallState::Ringing,
            Phase::Connecting { .. } => CallState::Connecting,
            Phase::Connected | Phase::Awaiting { .. } => CallState::Connected,
        }
    }

    pub(super) fn expires_at(&self) -> Option<Duration> {
        match self.phase {
            Phase::Ringing { expires_at, .. } | Phase::Awaiting { expires_at } => Some(expires_at),
            Phase::Connecting { expires_at } => expires_at,
            Phase::Connected => None,
        }
    }

    pub(super) fn side_of(&self, session: SessionId) -> Option<Side> {
        let rings = matches!(&self.phase, Phase::Ringing { devices, .. } if devices.contains_key(&session));
        if self.ends[0].session == Some(session) {
            Some(Side::First)
        } else if rings || self.ends[1].session == Some(session) {
            Some(Side::Second)
        } else {
            None
        }
    }

    /// The sessions at `side`: several while they ring.
    pub(super) fn sessions(&self, side: Side) -> Vec<SessionId> {
        match (&self.phase, side) {
            (Phase::Ringing { devices, .. }, Side::Second) => devices.keys().copied().collect(),
            _ => self.end(side).session.into_iter().collect(),
        }
    }

    pub(super) fn presence(&self, side: Side) -> Presence {
        match (&self.phase, side) {
            (Phase::Ringing { devices, .. }, Side::Second) => {
                presence_of(devices.values().any(|device| device.attached))
            }
            _ => self.end(side).presence,
        }
    }

    pub(super) fn view(&self, side: Side) -> CallView {
        CallView {
            id: self.id,
            side,
            first: self.ends[0].guest.clone(),
            second: self.ends[1].guest.clone(),
            state: self.state(),
            origin: self.origin,
            route_policy: self.route_policy,
            peer_presence: self.presence(side.other()),
            created_at: self.created_at,
            older: self.older,
            connected: self.connected,
            expires_at: self.expires_at(),
        }
    }

    pub(super) fn ended_view(&self, side: Side, reason: EndReason) -> CallView {
        CallView { state: CallState::Ended(reason), expires_at: None, ..self.view(side) }
    }

    /// What is kept of it.
    pub(super) fn record(&self, now: Duration, reason: EndReason) -> EndedCall {
        let unanswered = matches!(self.phase, Phase::Ringing { .. }) && reason != EndReason::Declined;
        EndedCall {
            call: self.id,
            guests: self.guests(),
            origin: self.origin,
            lasted: now.saturating_sub(self.created_at) + self.older,
            connected_for: self.connected.map(|(at, older)| now.saturating_sub(at) + older),
            reason,
            routes: [self.ends[0].route, self.ends[1].route],
            missed: unanswered,
        }
    }

    pub(super) fn tell(&self, side: Side, effects: &mut Vec<CallEffect>) {
        for session in self.sessions(side) {
            effects.push(CallEffect::Tell { session, view: self.view(side) });
        }
    }

    pub(super) fn wrong_state(&self) -> Error {
        Error::WrongState { state: self.state().as_str() }
    }
}

/// Who came to a match that did not come about, and keeps their time. Where both came and media failed in time nobody
/// stayed away: both do. Where one ended it, the other does who came, or could not be heard before the offer; or the
/// one who ended it, who was there alone.
pub(super) fn faithful(call: &Call, reason: EndReason, by: Option<Side>) -> [bool; 2] {
    if !matches!(call.phase, Phase::Connecting { .. }) {
        return [false; 2];
    }
    match (reason, by) {
        (EndReason::TimedOut, _) => [Side::First, Side::Second]
            .map(|side| call.end(side).spoke && call.end(side).presence != Presence::Gone),
        (_, Some(by)) => {
            let (left, other) = (call.end(by), call.end(by.other()));
            let waits_for_offer = by == Side::First && !left.spoke;
            let stayed = other.spoke || waits_for_offer;
            let alone = left.spoke && !other.spoke;
            if by == Side::First { [alone, stayed] } else { [stayed, alone] }
        }
        (_, None) => [false; 2],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::{Calls, CallsConfig, Member, Negotiation, NewCall, Party};
    use crate::guest::Guest;
    use std::sync::Arc;

    const ID: CallId = CallId::from_bits(1);

    fn party(number: u128) -> Party {
        let name = format!("guest{number}");
        let guest = Guest { id: GuestId::from_bits(number), display_name: name.clone(), name };
        Party { guest: Arc::new(guest), session: SessionId::from_bits(number), attached: true }
    }

    fn member(side: Side) -> Member {
        let party = party(side as u128);
        Member { guest: party.guest.id, session: party.session }
    }

    /// Who keeps their time when `by` ends a match in which `spoke` took part.
    fn faithful_when(spoke: &[Side], by: Side) -> [bool; 2] {
        let (mut calls, mut told) = (Calls::new(CallsConfig::default()), Vec::new());
        let new = NewCall { id: ID, origin: Origin::Matched, route_policy: RoutePolicy::RelayOnly };
        calls.pair(Duration::ZERO, new, [party(0), party(1)], &mut told);
        for &side in spoke {
            let said = Negotiation::EndOfCandidates { username_fragment: String::new() };
            calls.negotiate(member(side), ID, said, &mut told).expect("it is theirs");
        }
        calls.hang_up(Duration::from_secs(10), member(by), (ID, true), &mut told).expect("it is theirs");
        match told.last() {
            Some(CallEffect::MatchOver { faithful, .. }) => *faithful,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn who_gives_up_on_a_no_show_keeps_their_time_and_the_no_show_does_not() {
        use Side::{First, Second};
        for (spoke, by, faithful) in [
            (&[First][..], First, [true, false]),
            (&[Second], Second, [false, true]),
            (&[First, Second], First, [false, true]),
            (&[First, Second], Second, [true, false]),
            (&[First], Second, [true, false]),
            (&[Second], First, [false, true]),
            // Without an offer the answerer has nothing to say.
            (&[], First, [false, true]),
            (&[], Second, [false, false]),
        ] {
            assert_eq!(faithful_when(spoke, by), faithful, "{spoke:?} spoke, {by:?} ended it");
        }
    }
}

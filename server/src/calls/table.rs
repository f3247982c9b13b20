//! The transitions of calls that people cause, and the table that holds all calls. PURE, see `calls`.

use super::call::{Call, End, Phase, faithful, presence_of};
use super::prepare::{Device, Early};
use super::{
    CallEffect, CallState, CallView, Calls, EndReason, EndedCall, Negotiation, Origin, Presence, Route,
    RoutePolicy, Side,
};
use crate::error::Error;
use crate::guest::SharedGuest;
use castle::ids::{CallId, GuestId, SessionId};
use std::collections::BTreeMap;
use std::time::Duration;

/// A session of a guest, as the hall knows it.
#[derive(Debug, Clone)]
pub struct Party {
    /// Who.
    pub guest: SharedGuest,
    /// On which session.
    pub session: SessionId,
    /// Whether its stream is up.
    pub attached: bool,
}

/// What is needed to begin a call.
#[derive(Debug)]
pub struct NewCall {
    /// From the caller's random numbers.
    pub id: CallId,
    /// How it came about.
    pub origin: Origin,
    /// Which routes its media may take.
    pub route_policy: RoutePolicy,
}

impl Calls {
    /// Rings `devices` of `callee`. The lobby has made sure that neither guest is in a call.
    pub fn place(
        &mut self,
        now: Duration,
        new: NewCall,
        caller: Party,
        callee: (SharedGuest, BTreeMap<SessionId, bool>),
        effects: &mut Vec<CallEffect>,
    ) {
        let (callee, devices) = callee;
        let devices =
            devices.into_iter().map(|(session, attached)| (session, Device::new(attached))).collect();
        let expires_at = now + self.config.ring_timeout;
        self.begin(Call {
            id: new.id,
            origin: new.origin,
            ends: [
                End::new(caller.guest, Some(caller.session), caller.attached),
                End::new(callee, None, true),
            ],
            phase: Phase::Ringing { devices, early: Early::default(), expires_at },
            route_policy: new.route_policy,
            created_at: now,
            older: Duration::ZERO,
            connected: None,
        });
        self.announce(new.id, effects);
    }

    /// Joins two matched guests, the longer-waiting first.
    pub fn pair(&mut self, now: Duration, new: NewCall, pair: [Party; 2], effects: &mut Vec<CallEffect>) {
        let expires_at = Some(now + self.config.match_timeout);
        self.begin(Call {
            id: new.id,
            origin: new.origin,
            ends: pair.map(|party| End::new(party.guest, Some(party.session), party.attached)),
            phase: Phase::Connecting { expires_at },
            route_policy: new.route_policy,
            created_at: now,
            older: Duration::ZERO,
            connected: None,
        });
        self.announce(new.id, effects);
    }

    /// What a caller sees whose callee is busy: a call that is over at once and was never in the table.
    pub fn busy(now: Duration, new: &NewCall, caller: SharedGuest, callee: SharedGuest) -> CallView {
        CallView {
            id: new.id,
            side: Side::First,
            first: caller,
            second: callee,
            state: CallState::Ended(EndReason::Busy),
            origin: new.origin,
            route_policy: new.route_policy,
            peer_presence: Presence::Present,
            created_at: now,
            older: Duration::ZERO,
            connected: None,
            expires_at: None,
        }
    }

    /// Whether a call that found its callee busy is to be kept. As with rings in vain, a few in a while: nobody fills
    /// the history of another.
    pub fn keeps_busy(&mut self, now: Duration, [caller, callee]: [GuestId; 2]) -> bool {
        let kept = self.busy.check(now, caller, callee).is_ok();
        if kept {
            self.busy.in_vain(now, caller, callee);
        }
        kept
    }

    /// What is kept of a call whose callee was busy.
    pub fn busy_record(new: &NewCall, guests: [GuestId; 2]) -> EndedCall {
        EndedCall {
            call: new.id,
            guests,
            origin: new.origin,
            lasted: Duration::ZERO,
            connected_for: None,
            reason: EndReason::Busy,
            routes: [Route::Unknown; 2],
            missed: false,
        }
    }

    /// `session` takes the ringing call.
    pub fn accept(&mut self, by: Member, id: CallId, effects: &mut Vec<CallEffect>) -> Result<(), Error> {
        let (call, side) = self.member(by, id)?;
        let Phase::Ringing { devices, early, expires_at } = &mut call.phase else {
            return Err(call.wrong_state());
        };
        let Some(accepting) = devices.remove(&by.session) else {
            return Err(Error::WrongState { state: CallState::Ringing.as_str() });
        };
        debug_assert_eq!(side, Side::Second, "only the callee's devices ring");
        let (others, said) = (std::mem::take(devices), std::mem::take(early));
        let deadline = (*expires_at, id);
        for &device in others.keys() {
            let view = call.ended_view(Side::Second, EndReason::AnsweredElsewhere);
            effects.push(CallEffect::Tell { session: device, view });
        }
        call.phase = Phase::Connecting { expires_at: None };
        let callee = call.end_mut(Side::Second);
        callee.session = Some(by.session);
        callee.presence = presence_of(accepting.attached);
        if accepting.answered {
            call.end_mut(Side::First).offered = false;
        }
        self.deadlines.remove(&deadline);
        self.announce(id, effects);
        let call = &self.table[&id];
        if accepting.early.is_empty() {
            // It may not listen before the call is its own: it hears again what was said.
            said.relay(call, by.session, effects);
        } else if let Some(caller) = call.end(Side::First).session {
            accepting.early.relay(call, caller, effects);
        }
        Ok(())
    }

    /// A device of the callee refuses the ringing call, for all of them.
    pub fn decline(
        &mut self,
        now: Duration,
        by: Member,
        id: CallId,
        effects: &mut Vec<CallEffect>,
    ) -> Result<(), Error> {
        let (call, side) = self.member(by, id)?;
        if side == Side::First || !matches!(call.phase, Phase::Ringing { .. }) {
            return Err(call.wrong_state());
        }
        self.end(now, id, EndReason::Declined, None, effects);
        Ok(())
    }

    /// The caller gives up.
    pub fn cancel(
        &mut self,
        now: Duration,
        by: Member,
        id: CallId,
        effects: &mut Vec<CallEffect>,
    ) -> Result<(), Error> {
        let (call, side) = self.member(by, id)?;
        if side == Side::Second || !matches!(call.phase, Phase::Ringing { .. }) {
            return Err(call.wrong_state());
        }
        self.end(now, id, EndReason::Cancelled, None, effects);
        Ok(())
    }

    /// One of the two ends the call; `failed` where media did not work.
    pub fn hang_up(
        &mut self,
        now: Duration,
        by: Member,
        (id, failed): (CallId, bool),
        effects: &mut Vec<CallEffect>,
    ) -> Result<(), Error> {
        let (call, side) = self.member(by, id)?;
        if matches!(call.phase, Phase::Ringing { .. }) {
            return Err(call.wrong_state());
        }
        let reason = if failed { EndReason::Failed } else { EndReason::HungUp };
        self.end(now, id, reason, Some(side), effects);
        Ok(())
    }

    /// Media can flow at the sender's end. Saying it again changes the route alone.
    pub fn media_connected(
        &mut self,
        now: Duration,
        by: Member,
        (id, route): (CallId, Route),
        effects: &mut Vec<CallEffect>,
    ) -> Result<(), Error> {
        let (call, side) = self.member(by, id)?;
        if matches!(call.phase, Phase::Ringing { .. }) {
            return Err(call.wrong_state());
        }
        let end = call.end_mut(side);
        end.route = route;
        let Phase::Connecting { expires_at } = call.phase else { return Ok(()) };
        let end = call.end_mut(side);
        end.media = true;
        end.spoke = true;
        if call.ends.iter().all(|end| end.media) {
            call.phase = Phase::Connected;
            call.connected = Some((now, Duration::ZERO));
            call.tell(Side::First, effects);
            call.tell(Side::Second, effects);
            if let Some(at) = expires_at {
                self.deadlines.remove(&(at, id));
            }
        }
        Ok(())
    }

    /// Passes `negotiation` to the other end; while it rings, as `calls/prepare.rs` says.
    pub fn negotiate(
        &mut self,
        by: Member,
        id: CallId,
        negotiation: Negotiation,
        effects: &mut Vec<CallEffect>,
    ) -> Result<(), Error> {
        let early_bytes_max = self.config.early_bytes_max;
        let (call, side) = self.member(by, id)?;
        if matches!(call.phase, Phase::Ringing { .. }) {
            return call.prepare(by.session, negotiation, early_bytes_max, effects);
        }
        match negotiation {
            Negotiation::Offer(_) => call.end_mut(side).offered = true,
            Negotiation::Answer(_) if !call.end(side.other()).offered => {
                return Err(Error::WrongState { state: "no_offer" });
            }
            Negotiation::Answer(_) => call.end_mut(side.other()).offered = false,
            Negotiation::Candidate(_)
            | Negotiation::CandidatesRemoved(_)
            | Negotiation::EndOfCandidates { .. } => {}
        }
        call.end_mut(side).spoke = true;
        // An end that is gone for good cannot be told any more; its peer knows by its presence.
        if let Some(session) = call.end(side.other()).session {
            effects.push(CallEffect::Relay { session, call: id, negotiation });
        }
        Ok(())
    }

    /// Ends what is due.
    pub fn tick(&mut self, now: Duration, effects: &mut Vec<CallEffect>) {
        while let Some(&(at, id)) = self.deadlines.first().filter(|&&(at, _)| at <= now) {
            let awaiting = matches!(self.table[&id].phase, Phase::Awaiting { .. });
            let reason = if awaiting { EndReason::Disconnected } else { EndReason::TimedOut };
            self.end(at, id, reason, None, effects);
        }
    }

    /// The server goes down: nobody will be able to accept what rings.
    pub fn shut_down(&mut self, now: Duration, effects: &mut Vec<CallEffect>) {
        let ringing: Vec<CallId> = self.deadlines.iter().map(|&(_, id)| id).collect();
        for id in ringing {
            if matches!(self.table[&id].phase, Phase::Ringing { .. }) {
                self.end(now, id, EndReason::ShuttingDown, None, effects);
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn going(&self) -> impl Iterator<Item = crate::lobby::inspection::Going> {
        self.table.iter().map(|(&id, call)| crate::lobby::inspection::Going {
            id,
            guests: call.guests(),
            origin: call.origin,
            created_at: call.created_at,
        })
    }

    #[cfg(test)]
    pub(crate) fn check_invariants(&self) {
        let awaited = self.table.values().filter(|call| matches!(call.phase, Phase::Awaiting { .. })).count();
        assert_eq!(self.by_guest.len(), 2 * self.table.len() - awaited, "at most one call per guest");
        for (id, call) in &self.table {
            let [first, second] = call.guests();
            assert_ne!(first, second, "nobody calls themselves");
            let there = [Side::First, Side::Second].map(|side| {
                !matches!(call.phase, Phase::Awaiting { .. }) || call.end(side).session.is_some()
            });
            for (guest, there) in [first, second].iter().zip(there) {
                assert_eq!(self.by_guest.get(guest) == Some(id), there, "{id}");
            }
            let listed = call.expires_at().is_none_or(|at| self.deadlines.contains(&(at, *id)));
            assert!(listed, "{id} will never end by itself");
            let sides = [Side::First, Side::Second].map(|side| call.sessions(side).len());
            assert!(sides.iter().any(|&count| count > 0), "{id} has nobody left");
        }
        let deadlines = self.table.values().filter(|call| call.expires_at().is_some()).count();
        assert_eq!(self.deadlines.len(), deadlines);
    }

    pub(super) fn member(&mut self, by: Member, id: CallId) -> Result<(&mut Call, Side), Error> {
        let call = self.table.get_mut(&id).ok_or(Error::NotInCall)?;
        let side = call.side_of(by.session).ok_or(Error::NotInCall)?;
        debug_assert_eq!(call.end(side).guest.id, by.guest, "a session belongs to one guest");
        Ok((call, side))
    }

    pub(super) fn begin(&mut self, call: Call) {
        if let Some(at) = call.expires_at() {
            self.deadlines.insert((at, call.id));
        }
        let awaiting = matches!(call.phase, Phase::Awaiting { .. });
        for end in call.ends.iter().filter(|end| !awaiting || end.session.is_some()) {
            let guest = end.guest.id;
            let before = self.by_guest.insert(guest, call.id);
            assert!(before.is_none(), "the lobby begins a call only between guests that are free");
        }
        self.table.insert(call.id, call);
    }

    /// Shows a call that reached a new state to all its sessions.
    pub(super) fn announce(&self, id: CallId, effects: &mut Vec<CallEffect>) {
        let call = &self.table[&id];
        call.tell(Side::First, effects);
        call.tell(Side::Second, effects);
        effects.extend(call.guests().map(CallEffect::Touched));
    }

    /// Takes the call out of the table and tells all its sessions why; `by` is the end whose doing it was.
    pub(super) fn end(
        &mut self,
        now: Duration,
        id: CallId,
        reason: EndReason,
        by: Option<Side>,
        effects: &mut Vec<CallEffect>,
    ) {
        let call = self.table.remove(&id).expect("only calls of the table end");
        let guests = call.guests();
        for guest in guests {
            if self.by_guest.get(&guest) == Some(&id) {
                self.by_guest.remove(&guest);
            }
        }
        if !matches!(call.phase, Phase::Ringing { .. }) {
            self.over.note(id);
        }
        if let Some(at) = call.expires_at() {
            self.deadlines.remove(&(at, id));
        }
        let record = call.record(now, reason);
        if record.missed {
            self.rings.in_vain(now, guests[0], guests[1]);
        }
        for side in [Side::First, Side::Second] {
            for session in call.sessions(side) {
                effects.push(CallEffect::Tell { session, view: call.ended_view(side, reason) });
            }
        }
        effects.push(CallEffect::Over(record));
        effects.extend(guests.map(CallEffect::Touched));
        if call.origin == Origin::Matched {
            effects.push(CallEffect::MatchOver { guests, faithful: faithful(&call, reason, by) });
        }
    }
}

/// A session and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Whose.
    pub guest: GuestId,
    /// Which session.
    pub session: SessionId,
}

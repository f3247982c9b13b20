//! The transitions of one call, and the table that holds them all. PURE, see `calls`.

use super::{
    CallEffect, CallState, CallView, Calls, Departure, EndReason, Negotiation, Origin, Presence, RoutePolicy,
    Side,
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
    session: Option<SessionId>,
    presence: Presence,
    /// It said that media can flow.
    media: bool,
    /// It took part in the negotiation.
    spoke: bool,
    /// Its last offer has not been answered.
    offered: bool,
}

impl End {
    fn new(guest: SharedGuest, session: Option<SessionId>, attached: bool) -> Self {
        let presence = presence_of(attached);
        Self { guest, session, presence, media: false, spoke: false, offered: false }
    }
}

/// Where a call stands, with what only matters there.
#[derive(Debug)]
pub(super) enum Phase {
    /// The callee's sessions that ring, and whether each is attached.
    Ringing { devices: BTreeMap<SessionId, bool>, expires_at: Duration },
    /// Matched calls end by themselves when they do not connect.
    Connecting { expires_at: Option<Duration> },
    /// Both ends said that media can flow.
    Connected,
}

#[derive(Debug)]
pub(super) struct Call {
    id: CallId,
    origin: Origin,
    pub(super) ends: [End; 2],
    pub(super) phase: Phase,
    route_policy: RoutePolicy,
    created_at: Duration,
}

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

const fn presence_of(attached: bool) -> Presence {
    if attached { Presence::Present } else { Presence::Reconnecting }
}

impl Call {
    fn end(&self, side: Side) -> &End {
        &self.ends[side as usize]
    }

    fn end_mut(&mut self, side: Side) -> &mut End {
        &mut self.ends[side as usize]
    }

    fn guests(&self) -> [GuestId; 2] {
        [self.ends[0].guest.id, self.ends[1].guest.id]
    }

    fn state(&self) -> CallState {
        match self.phase {
            Phase::Ringing { .. } => CallState::Ringing,
            Phase::Connecting { .. } => CallState::Connecting,
            Phase::Connected => CallState::Connected,
        }
    }

    fn expires_at(&self) -> Option<Duration> {
        match self.phase {
            Phase::Ringing { expires_at, .. } => Some(expires_at),
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
    fn sessions(&self, side: Side) -> Vec<SessionId> {
        match (&self.phase, side) {
            (Phase::Ringing { devices, .. }, Side::Second) => devices.keys().copied().collect(),
            _ => self.end(side).session.into_iter().collect(),
        }
    }

    fn presence(&self, side: Side) -> Presence {
        match (&self.phase, side) {
            (Phase::Ringing { devices, .. }, Side::Second) => presence_of(devices.values().any(|&up| up)),
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
            expires_at: self.expires_at(),
        }
    }

    fn ended_view(&self, side: Side, reason: EndReason) -> CallView {
        CallView { state: CallState::Ended(reason), expires_at: None, ..self.view(side) }
    }

    fn tell(&self, side: Side, effects: &mut Vec<CallEffect>) {
        for session in self.sessions(side) {
            effects.push(CallEffect::Tell { session, view: self.view(side) });
        }
    }

    fn wrong_state(&self) -> Error {
        Error::WrongState { state: self.state().as_str() }
    }
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
        let expires_at = now + self.config.ring_timeout;
        self.begin(Call {
            id: new.id,
            origin: new.origin,
            ends: [
                End::new(caller.guest, Some(caller.session), caller.attached),
                End::new(callee, None, true),
            ],
            phase: Phase::Ringing { devices, expires_at },
            route_policy: new.route_policy,
            created_at: now,
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
            expires_at: None,
        }
    }

    /// `session` takes the ringing call.
    pub fn accept(&mut self, by: Member, id: CallId, effects: &mut Vec<CallEffect>) -> Result<(), Error> {
        let (call, side) = self.member(by, id)?;
        let Phase::Ringing { devices, expires_at } = &mut call.phase else {
            return Err(call.wrong_state());
        };
        if side == Side::First {
            return Err(Error::WrongState { state: CallState::Ringing.as_str() });
        }
        let devices = std::mem::take(devices);
        let deadline = (*expires_at, id);
        for &device in devices.keys().filter(|&&device| device != by.session) {
            let view = call.ended_view(Side::Second, EndReason::AnsweredElsewhere);
            effects.push(CallEffect::Tell { session: device, view });
        }
        let callee = call.end_mut(Side::Second);
        callee.session = Some(by.session);
        callee.presence = presence_of(devices[&by.session]);
        call.phase = Phase::Connecting { expires_at: None };
        let [caller, callee] = call.guests();
        self.deadlines.remove(&deadline);
        self.rings.answered(caller, callee);
        self.announce(id, effects);
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

    /// Media can flow at the sender's end. Saying it again changes nothing.
    pub fn media_connected(
        &mut self,
        by: Member,
        id: CallId,
        effects: &mut Vec<CallEffect>,
    ) -> Result<(), Error> {
        let (call, side) = self.member(by, id)?;
        let expires_at = match call.phase {
            Phase::Ringing { .. } => return Err(call.wrong_state()),
            Phase::Connected => return Ok(()),
            Phase::Connecting { expires_at } => expires_at,
        };
        let end = call.end_mut(side);
        end.media = true;
        end.spoke = true;
        if call.ends.iter().all(|end| end.media) {
            call.phase = Phase::Connected;
            call.tell(Side::First, effects);
            call.tell(Side::Second, effects);
            if let Some(at) = expires_at {
                self.deadlines.remove(&(at, id));
            }
        }
        Ok(())
    }

    /// Passes `negotiation` to the other end.
    pub fn negotiate(
        &mut self,
        by: Member,
        id: CallId,
        negotiation: Negotiation,
        effects: &mut Vec<CallEffect>,
    ) -> Result<(), Error> {
        let (call, side) = self.member(by, id)?;
        if matches!(call.phase, Phase::Ringing { .. }) {
            return Err(call.wrong_state());
        }
        match negotiation {
            Negotiation::Offer(_) => call.end_mut(side).offered = true,
            Negotiation::Answer(_) if !call.end(side.other()).offered => {
                return Err(Error::WrongState { state: "no_offer" });
            }
            Negotiation::Answer(_) => call.end_mut(side.other()).offered = false,
            Negotiation::Candidate { .. } | Negotiation::EndOfCandidates { .. } => {}
        }
        call.end_mut(side).spoke = true;
        // An end that is gone for good cannot be told any more; its peer knows by its presence.
        if let Some(session) = call.end(side.other()).session {
            effects.push(CallEffect::Relay { session, call: id, negotiation });
        }
        Ok(())
    }

    /// Another session of `guest` came: it rings too where the guest is being rung.
    pub fn session_came(&mut self, by: Member, effects: &mut Vec<CallEffect>) {
        let Some(call) = self.by_guest.get(&by.guest).and_then(|id| self.table.get_mut(id)) else { return };
        let before = call.presence(Side::Second);
        if call.ends[1].guest.id == by.guest
            && let Phase::Ringing { devices, .. } = &mut call.phase
        {
            devices.insert(by.session, true);
            if call.presence(Side::Second) != before {
                call.tell(Side::First, effects);
            }
        }
    }

    /// A session's stream broke or came back: the other end is shown.
    pub fn presence_changed(&mut self, by: Member, attached: bool, effects: &mut Vec<CallEffect>) {
        let Some(call) = self.by_guest.get(&by.guest).and_then(|id| self.table.get_mut(id)) else { return };
        let Some(side) = call.side_of(by.session) else { return };
        let before = call.presence(side);
        match &mut call.phase {
            Phase::Ringing { devices, .. } if side == Side::Second => {
                devices.insert(by.session, attached);
            }
            _ => call.end_mut(side).presence = presence_of(attached),
        }
        if call.presence(side) != before {
            call.tell(side.other(), effects);
        }
    }

    /// The session goes on under another id: what it had and did not get is lost, its call is not.
    pub fn session_replaced(&mut self, old: Member, new: SessionId) {
        let Some(call) = self.by_guest.get(&old.guest).and_then(|id| self.table.get_mut(id)) else { return };
        for end in &mut call.ends {
            if end.session == Some(old.session) {
                end.session = Some(new);
            }
        }
        if let Phase::Ringing { devices, .. } = &mut call.phase
            && let Some(attached) = devices.remove(&old.session)
        {
            devices.insert(new, attached);
        }
    }

    /// A session ended.
    pub fn session_ended(
        &mut self,
        now: Duration,
        by: Member,
        how: Departure,
        effects: &mut Vec<CallEffect>,
    ) {
        let Some(&id) = self.by_guest.get(&by.guest) else { return };
        let call = self.table.get_mut(&id).expect("by_guest names calls of the table");
        let Some(side) = call.side_of(by.session) else { return };
        match &mut call.phase {
            Phase::Ringing { devices, .. } if side == Side::Second => {
                let attached_before = devices.values().any(|&up| up);
                devices.remove(&by.session);
                if devices.is_empty() {
                    self.end(now, id, EndReason::Disconnected, None, effects);
                } else if devices.values().any(|&up| up) != attached_before {
                    call.tell(Side::First, effects);
                }
            }
            Phase::Ringing { .. } => {
                call.end_mut(side).session = None;
                let reason =
                    if how == Departure::Left { EndReason::Cancelled } else { EndReason::Disconnected };
                self.end(now, id, reason, None, effects);
            }
            Phase::Connecting { .. } | Phase::Connected => {
                let end = call.end_mut(side);
                end.session = None;
                end.presence = Presence::Gone;
                let alone = call.end(side.other()).session.is_none();
                match how {
                    Departure::Left => self.end(now, id, EndReason::HungUp, Some(side), effects),
                    Departure::Closed => self.end(now, id, EndReason::Disconnected, Some(side), effects),
                    Departure::Lost if alone => self.end(now, id, EndReason::Disconnected, None, effects),
                    Departure::Lost => call.tell(side.other(), effects),
                }
            }
        }
    }

    /// `guest` begins something new: a call whose session of theirs is gone for good does not stand in the way.
    pub fn release_if_gone(&mut self, now: Duration, guest: GuestId, effects: &mut Vec<CallEffect>) {
        let Some(&id) = self.by_guest.get(&guest) else { return };
        let gone = self.table[&id]
            .ends
            .iter()
            .position(|end| end.guest.id == guest && end.presence == Presence::Gone);
        if let Some(at) = gone {
            let side = if at == 0 { Side::First } else { Side::Second };
            self.end(now, id, EndReason::Superseded, Some(side), effects);
        }
    }

    /// Ends what is due.
    pub fn tick(&mut self, now: Duration, effects: &mut Vec<CallEffect>) {
        while let Some(&(at, id)) = self.deadlines.first().filter(|&&(at, _)| at <= now) {
            self.end(at, id, EndReason::TimedOut, None, effects);
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
    pub(crate) fn check_invariants(&self) {
        assert_eq!(self.by_guest.len(), 2 * self.table.len(), "at most one call per guest");
        for (id, call) in &self.table {
            let [first, second] = call.guests();
            assert_ne!(first, second, "nobody calls themselves");
            assert!([first, second].iter().all(|guest| self.by_guest[guest] == *id));
            let listed = call.expires_at().is_none_or(|at| self.deadlines.contains(&(at, *id)));
            assert!(listed, "{id} will never end by itself");
            let sides = [Side::First, Side::Second].map(|side| call.sessions(side).len());
            assert!(sides.iter().any(|&count| count > 0), "{id} has nobody left");
        }
        let deadlines = self.table.values().filter(|call| call.expires_at().is_some()).count();
        assert_eq!(self.deadlines.len(), deadlines);
    }

    fn member(&mut self, by: Member, id: CallId) -> Result<(&mut Call, Side), Error> {
        let call = self.table.get_mut(&id).ok_or(Error::NotInCall)?;
        let side = call.side_of(by.session).ok_or(Error::NotInCall)?;
        debug_assert_eq!(call.end(side).guest.id, by.guest, "a session belongs to one guest");
        Ok((call, side))
    }

    fn begin(&mut self, call: Call) {
        if let Some(at) = call.expires_at() {
            self.deadlines.insert((at, call.id));
        }
        for guest in call.guests() {
            let before = self.by_guest.insert(guest, call.id);
            assert!(before.is_none(), "the lobby begins a call only between guests that are free");
        }
        self.table.insert(call.id, call);
    }

    /// Shows a call that reached a new state to all its sessions.
    fn announce(&self, id: CallId, effects: &mut Vec<CallEffect>) {
        let call = &self.table[&id];
        call.tell(Side::First, effects);
        call.tell(Side::Second, effects);
        effects.extend(call.guests().map(CallEffect::Touched));
    }

    /// Takes the call out of the table and tells all its sessions why; `by` is the end whose doing it was.
    fn end(
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
            self.by_guest.remove(&guest);
        }
        if let Some(at) = call.expires_at() {
            self.deadlines.remove(&(at, id));
        }
        let unanswered = matches!(reason, EndReason::TimedOut | EndReason::Cancelled);
        if unanswered && matches!(call.phase, Phase::Ringing { .. }) {
            self.rings.in_vain(now, guests[0], guests[1]);
        }
        for side in [Side::First, Side::Second] {
            for session in call.sessions(side) {
                effects.push(CallEffect::Tell { session, view: call.ended_view(side, reason) });
            }
        }
        effects.extend(guests.map(CallEffect::Touched));
        if call.origin == Origin::Matched {
            effects.push(CallEffect::MatchOver { guests, faithful: faithful(&call, reason, by) });
        }
    }
}

/// Who came to a match that did not come about. Where both came and media failed nobody stayed away: both keep
/// their time. Where one ended it, the other does.
fn faithful(call: &Call, reason: EndReason, by: Option<Side>) -> [bool; 2] {
    if !matches!(call.phase, Phase::Connecting { .. }) {
        return [false; 2];
    }
    match (reason, by) {
        (EndReason::TimedOut, _) => [Side::First, Side::Second]
            .map(|side| call.end(side).spoke && call.end(side).presence != Presence::Gone),
        (_, Some(Side::First)) => [false, true],
        (_, Some(Side::Second)) => [true, false],
        (_, None) => [false; 2],
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

//! What becomes of a call when sessions come, break, return and end. PURE, see `calls`.

use super::call::{Phase, presence_of};
use super::prepare::Device;
use super::{CallEffect, Calls, Departure, EndReason, Member, Presence, Side};
use castle::ids::{GuestId, SessionId};
use std::time::Duration;

impl Calls {
    /// Another session of `guest` came: it rings too where the guest is being rung.
    pub fn session_came(&mut self, by: Member, effects: &mut Vec<CallEffect>) {
        let Some(call) = self.by_guest.get(&by.guest).and_then(|id| self.table.get_mut(id)) else { return };
        let before = call.presence(Side::Second);
        if call.ends[1].guest.id == by.guest
            && let Phase::Ringing { devices, .. } = &mut call.phase
        {
            devices.insert(by.session, Device::new(true));
            call.catch_up(by.session, effects);
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
                if let Some(device) = devices.get_mut(&by.session) {
                    device.attached = attached;
                }
            }
            _ => call.end_mut(side).presence = presence_of(attached),
        }
        if call.presence(side) != before {
            call.tell(side.other(), effects);
        }
    }

    /// The session goes on under another id: what it had and did not get is lost, its call is not. A device that rings
    /// begins anew: its client drops what it had prepared, and hears the caller again.
    pub fn session_replaced(&mut self, old: Member, new: SessionId, effects: &mut Vec<CallEffect>) {
        let Some(call) = self.by_guest.get(&old.guest).and_then(|id| self.table.get_mut(id)) else { return };
        for end in &mut call.ends {
            if end.session == Some(old.session) {
                end.session = Some(new);
            }
        }
        if let Phase::Ringing { devices, .. } = &mut call.phase
            && let Some(device) = devices.remove(&old.session)
        {
            devices.insert(new, Device::new(device.attached));
            call.catch_up(new, effects);
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
                let attached_before = devices.values().any(|device| device.attached);
                devices.remove(&by.session);
                if devices.is_empty() {
                    self.end(now, id, EndReason::Disconnected, None, effects);
                } else if devices.values().any(|device| device.attached) != attached_before {
                    call.tell(Side::First, effects);
                }
            }
            Phase::Ringing { .. } => {
                call.end_mut(side).session = None;
                let reason =
                    if how == Departure::Left { EndReason::Cancelled } else { EndReason::Disconnected };
                self.end(now, id, reason, None, effects);
            }
            Phase::Connecting { .. } | Phase::Connected | Phase::Awaiting { .. } => {
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

    /// All logins of `guest` ended: nobody can come back to a call of theirs.
    pub fn guest_closed(&mut self, now: Duration, guest: GuestId, effects: &mut Vec<CallEffect>) {
        // Also those they have not come back to.
        let theirs = self.table.iter().filter_map(|(&id, call)| {
            let [first, second] = call.guests();
            let side = if first == guest { Side::First } else { Side::Second };
            [first, second].contains(&guest).then_some((id, side))
        });
        for (id, side) in theirs.collect::<Vec<_>>() {
            self.end(now, id, EndReason::Disconnected, Some(side), effects);
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
}

impl Calls {
    /// The two must not meet any more, since `by` blocked `whom`: a call of theirs ends as if `by` had ended it.
    pub fn part(&mut self, now: Duration, by: GuestId, whom: GuestId, effects: &mut Vec<CallEffect>) {
        // Who has not come back to a call of theirs may be in another.
        let either = [by, whom].into_iter().filter_map(|guest| self.by_guest.get(&guest).copied());
        let mut theirs = either.filter_map(|id| match self.table[&id].guests() {
            guests if guests == [by, whom] => Some((id, Side::First)),
            guests if guests == [whom, by] => Some((id, Side::Second)),
            _ => None,
        });
        let Some((id, side)) = theirs.next() else { return };
        let call = &self.table[&id];
        let reason = match (&call.phase, side) {
            (Phase::Ringing { .. }, Side::First) => EndReason::Cancelled,
            (Phase::Ringing { .. }, Side::Second) => EndReason::Declined,
            _ => EndReason::HungUp,
        };
        self.end(now, id, reason, Some(side), effects);
    }
}

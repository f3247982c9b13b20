//! Calls taken up again by their tokens, after the server was started anew or a session was lost. PURE, see
//! `calls`.

use super::call::{Call, End, Phase, presence_of};
use super::{CallEffect, Calls, Claim, EndReason, Party, Presence, Side};
use crate::error::Error;
use castle::ids::{CallId, GuestId};
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

/// Ended calls that are remembered: all of some hours. A token of an older one finds its call in the history.
const OVER_MAX: usize = 10_000;

/// The calls that ended of late: their tokens are good no longer.
#[derive(Debug, Default)]
pub(super) struct Over {
    order: VecDeque<CallId>,
    calls: BTreeSet<CallId>,
}

impl Over {
    pub(super) fn note(&mut self, call: CallId) {
        if self.calls.insert(call) {
            self.order.push_back(call);
        }
        if self.order.len() > OVER_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.calls.remove(&oldest);
        }
    }
}

impl Calls {
    /// A session shows the token of a call. A call that is not known waits for its other end; where that has come
    /// already, or the call was never forgotten, the session takes its end. What rings meanwhile gives way to it: the
    /// guest is in a call.
    ///
    /// # Errors
    /// [`Error::CallTokenInvalid`]: the call is over, or one of the two is in another.
    pub fn claim(
        &mut self,
        now: Duration,
        party: Party,
        claim: Claim,
        effects: &mut Vec<CallEffect>,
    ) -> Result<(), Error> {
        let (id, me) = (claim.call, party.guest.id);
        let elsewhere = |guest: GuestId| self.elsewhere(guest, id).is_some_and(|(_, rings)| !rings);
        if self.over.calls.contains(&id) || elsewhere(me) || me == claim.peer.id {
            return Err(Error::CallTokenInvalid);
        }
        if self.table.contains_key(&id) {
            self.check_rejoin(&party, &claim)?;
        } else if elsewhere(claim.peer.id) {
            return Err(Error::CallTokenInvalid);
        }
        if let Some((ringing, _)) = self.elsewhere(me, id) {
            let called = self.table[&ringing].end(Side::Second).guest.id == me;
            let reason = if called { EndReason::Busy } else { EndReason::Cancelled };
            self.end(now, ringing, reason, None, effects);
        }
        if self.table.contains_key(&id) {
            self.rejoin(party, &claim, effects);
            return Ok(());
        }
        let mine = End::new(party.guest, Some(party.session), party.attached);
        let mut theirs = End::new(claim.peer, None, false);
        theirs.presence = Presence::Reconnecting;
        self.begin(Call {
            id,
            origin: claim.origin,
            ends: if claim.side == Side::First { [mine, theirs] } else { [theirs, mine] },
            phase: Phase::Awaiting { expires_at: now + self.config.claim_window },
            route_policy: claim.route_policy,
            created_at: now,
            older: claim.age,
            connected: Some((now, claim.connected_for.unwrap_or_default())),
        });
        self.announce(id, effects);
        Ok(())
    }

    /// The call of `guest` that is another than `id`, and whether it rings.
    fn elsewhere(&self, guest: GuestId, id: CallId) -> Option<(CallId, bool)> {
        let other = *self.by_guest.get(&guest).filter(|&&other| other != id)?;
        Some((other, matches!(self.table[&other].phase, Phase::Ringing { .. })))
    }

    fn check_rejoin(&self, party: &Party, claim: &Claim) -> Result<(), Error> {
        let call = &self.table[&claim.call];
        let ends = [call.end(claim.side).guest.id, call.end(claim.side.other()).guest.id];
        if ends != [party.guest.id, claim.peer.id] || matches!(call.phase, Phase::Ringing { .. }) {
            return Err(Error::CallTokenInvalid);
        }
        Ok(())
    }

    fn rejoin(&mut self, party: Party, claim: &Claim, effects: &mut Vec<CallEffect>) {
        let call = self.table.get_mut(&claim.call).expect("looked up just before");
        let before = call.end(claim.side).session.filter(|&session| session != party.session);
        if let Some(session) = before {
            let view = call.ended_view(claim.side, EndReason::Superseded);
            effects.push(CallEffect::Tell { session, view });
        }
        let end = call.end_mut(claim.side);
        end.session = Some(party.session);
        end.presence = presence_of(party.attached);
        if let Phase::Awaiting { expires_at } = call.phase
            && call.ends.iter().all(|end| end.session.is_some())
        {
            call.phase = Phase::Connected;
            self.deadlines.remove(&(expires_at, claim.call));
        }
        self.by_guest.insert(party.guest.id, claim.call);
        self.announce(claim.call, effects);
    }
}

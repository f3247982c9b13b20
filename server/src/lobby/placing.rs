//! Placing a call: who is meant, and whether they can be rung. PURE, see `lobby`.

use super::presence::Present;
use super::{Callee, Effect, Event, Keep, Lobby};
use crate::calls::{Calls, Member, NewCall, Occupation, Origin, RoutePolicy};
use crate::error::Error;
use crate::guest::Wish;
use castle::ids::GuestId;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Whom to call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// By id.
    Guest(GuestId),
    /// By login name, case-mapped.
    Name(String),
    /// The guest who has been free the longest.
    NextAvailable,
}

/// Whom each caller of the next free guest tried of late.
#[derive(Debug)]
pub(super) struct Tried {
    window: Duration,
    by_caller: BTreeMap<GuestId, BTreeMap<GuestId, Duration>>,
    expiry: BTreeSet<(Duration, GuestId, GuestId)>,
}

impl Tried {
    pub(super) fn new(window: Duration) -> Self {
        Self { window, by_caller: BTreeMap::new(), expiry: BTreeSet::new() }
    }

    fn contains(&self, caller: GuestId, callee: GuestId) -> bool {
        self.by_caller.get(&caller).is_some_and(|tried| tried.contains_key(&callee))
    }

    fn note(&mut self, now: Duration, caller: GuestId, callee: GuestId) {
        let until = now + self.window;
        if let Some(before) = self.by_caller.entry(caller).or_default().insert(callee, until) {
            self.expiry.remove(&(before, caller, callee));
        }
        self.expiry.insert((until, caller, callee));
    }

    fn forget_old(&mut self, now: Duration) {
        while let Some(&(until, caller, callee)) = self.expiry.first().filter(|&&(until, ..)| until <= now) {
            self.expiry.remove(&(until, caller, callee));
            let tried = self.by_caller.get_mut(&caller).expect("every expiry has its entry");
            tried.remove(&callee);
            if tried.is_empty() {
                self.by_caller.remove(&caller);
            }
        }
    }
}

impl Lobby {
    pub(super) fn place_call(
        &mut self,
        now: Duration,
        by: Member,
        target: Target,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Error> {
        self.tried.forget_old(now);
        self.release_if_gone(now, by.guest, effects);
        let callee = match &target {
            Target::Guest(guest) => Some(*guest),
            Target::Name(name) => self.guests.named(name),
            Target::NextAvailable => None,
        };
        // Both call each other: the two calls become the one that rings already.
        if let Some(call) = callee.and_then(|callee| self.calls.rung_by(by.guest, callee)) {
            let mut told = Vec::new();
            self.calls.accept(by, call, &mut told)?;
            self.absorb(now, told, effects);
            return Ok(());
        }
        if self.calls.occupation(by.guest) != Occupation::Free {
            return Err(Error::AlreadyInCall);
        }
        if self.shut {
            return Err(Error::Draining { retry_after: Duration::from_secs(1) });
        }
        let callee = match target {
            Target::NextAvailable => {
                let callee = self.next_available(now, by.guest).ok_or(Error::NobodyAvailable)?;
                self.tried.note(now, by.guest, callee);
                callee
            }
            Target::Guest(guest) => guest,
            Target::Name(name) => match callee {
                Some(callee) => callee,
                None => return Err(self.missed(by.guest, Callee::Name(name), effects)),
            },
        };
        self.ring(now, by, callee, effects)
    }

    fn next_available(&self, now: Duration, caller: GuestId) -> Option<GuestId> {
        let others = self.guests.longest_free().map(|present| present.guest.id);
        others
            .filter(|&callee| callee != caller && !self.tried.contains(caller, callee))
            .filter(|&callee| !self.blocks.between(caller, callee))
            .find(|&callee| self.calls.may_ring(now, caller, callee).is_ok())
    }

    fn ring(
        &mut self,
        now: Duration,
        by: Member,
        callee: GuestId,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Error> {
        if callee == by.guest {
            return Err(Error::field("place_call", "is yourself"));
        }
        // Like somebody who is not there: a block is not told by any answer.
        if self.blocks.between(by.guest, callee) {
            return Err(Error::PeerUnavailable);
        }
        let caller = self.party(by.session).expect("a command comes from a live session");
        let reachable = |present: &&Present| present.wish != Wish::Invisible;
        let Some(present) = self.guests.get(callee).filter(reachable) else {
            return Err(self.missed(by.guest, Callee::Guest(callee), effects));
        };
        let (callee, devices) = (present.guest.clone(), present.sessions.clone());
        let do_not_disturb = present.wish == Wish::DoNotDisturb;
        let occupied = self.calls.occupation(callee.id) != Occupation::Free;
        let new = NewCall { id: self.new_call_id(), origin: Origin::Placed, route_policy: RoutePolicy::Any };
        if occupied {
            let guests = [caller.guest.id, callee.id];
            if self.calls.keeps_busy(now, guests) {
                effects.push(Effect::Keep(Keep::Ended(Calls::busy_record(&new, guests))));
            }
            let view = Calls::busy(now, &new, caller.guest, callee);
            effects.push(Effect::Send(by.session, Event::Call(view)));
            return Ok(());
        }
        if do_not_disturb {
            return Err(self.missed(by.guest, Callee::Guest(callee.id), effects));
        }
        self.calls.may_ring(now, by.guest, callee.id)?;
        let mut told = Vec::new();
        self.calls.place(now, new, caller, (callee, devices), &mut told);
        self.absorb(now, told, effects);
        Ok(())
    }

    /// Nobody can be rung there. Who it is, and whether they learn of it, is for the history to find out; the caller
    /// gets the same answer in every case.
    fn missed(&mut self, caller: GuestId, callee: Callee, effects: &mut Vec<Effect>) -> Error {
        let call = self.new_call_id();
        effects.push(Effect::Keep(Keep::Missed { caller, callee, call }));
        Error::PeerUnavailable
    }
}

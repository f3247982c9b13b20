//! The lobby: who is present, and all that happens between them.
//!
//! Owns presence and the hall, and is the one place where presence, calls and the queue meet: it asks `calls`
//! and `matchmaker`, and keeps them in step (who is in a call is shown so, and waits for no match).
//! PURE: `handle(now, input, &mut effects)`; ids come from a seeded generator, time is an argument.

mod blocks;
mod hall;
mod placing;
mod presence;
mod search;
mod watching;
mod words;

pub use hall::{HallChange, HallConfig, HallDelta, HallRow, HallSnapshot, Shown};
pub use placing::Target;
pub use watching::HallPage;
pub use words::{
    Beginning, Callee, Command, Effect, Event, Input, Keep, LeftReason, LobbyConfig, MatchNews, Scene,
    SelfView, Watch,
};

use crate::calls::{CallEffect, Calls, Claim, Departure, Member, NewCall, Occupation, Origin, Party};
use crate::error::Error;
use crate::guest::{Availability, Wish};
use crate::matchmaker::{Join, Joined, Matchmaker};
use blocks::Blocks;
use castle::ids::{CallId, GuestId, SessionId};
use hall::Hall;
use placing::Tried;
use presence::Guests;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::time::Duration;

/// The lobby.
#[derive(Debug)]
pub struct Lobby {
    config: LobbyConfig,
    guests: Guests,
    hall: Hall,
    blocks: Blocks,
    calls: Calls,
    matchmaker: Matchmaker,
    tried: Tried,
    ids: StdRng,
    news_at: Option<Duration>,
    shut: bool,
}

impl Lobby {
    /// An empty lobby; `seed` makes its call ids.
    pub fn new(config: LobbyConfig, seed: [u8; 32]) -> Self {
        Self {
            guests: Guests::default(),
            hall: Hall::new(config.hall.clone()),
            blocks: Blocks::default(),
            calls: Calls::new(config.calls.clone()),
            matchmaker: Matchmaker::new(config.matching.clone()),
            tried: Tried::new(config.tried_window),
            ids: StdRng::from_seed(seed),
            news_at: None,
            shut: false,
            config,
        }
    }

    /// How many calls there are, and how many guests wait for a match.
    pub fn busy(&self) -> (usize, usize) {
        (self.calls.len(), self.matchmaker.len())
    }

    /// How many calls ring, connect and are connected.
    pub fn calls_by_state(&self) -> [usize; 3] {
        self.calls.by_state()
    }

    /// How many sessions `guest` has, attached or not.
    pub fn sessions_of(&self, guest: GuestId) -> usize {
        self.guests.get(guest).map_or(0, |present| present.sessions.len())
    }

    /// Whether `call` is going on between these two.
    pub fn are_in_call(&self, call: CallId, guests: [GuestId; 2]) -> bool {
        self.calls.is_between(call, guests)
    }

    /// When to call `handle` with [`Input::Tick`] at the latest.
    pub fn next_deadline(&self) -> Option<Duration> {
        let chances =
            [self.calls.next_deadline(), self.matchmaker.next_deadline(), self.hall.next_deadline()];
        chances.into_iter().flatten().chain(self.news_at).min()
    }

    /// What `session` starts from.
    pub fn scene(&mut self, session: SessionId) -> Option<Scene> {
        let guest = self.guests.of_session(session)?.guest.id;
        Some(Scene {
            me: self.self_view(guest)?,
            hall: self.hall_snapshot(session)?,
            call: self.calls.view(guest, session),
        })
    }

    /// Performs `input`. All that is due at `now` is done first.
    pub fn handle(&mut self, now: Duration, input: Input, effects: &mut Vec<Effect>) {
        self.tick(now, effects);
        match input {
            Input::SessionBegan(beginning) => self.session_began(now, beginning, effects),
            Input::SessionSuspended(session) => self.session_attached(now, session, false, effects),
            Input::SessionResumed(session) => self.session_attached(now, session, true, effects),
            Input::SessionReplaced { old, new } => self.session_replaced(now, old, new, effects),
            Input::SessionEnded(session, how) => self.session_ended(now, session, how, effects),
            Input::Command(session, command) => {
                if let Some(by) = self.member(session)
                    && let Err(error) = self.command(now, by, command, effects)
                {
                    effects.push(Effect::Send(session, Event::Refused(error)));
                }
            }
            Input::GuestClosed(guest) => {
                let mut told = Vec::new();
                self.calls.guest_closed(now, guest, &mut told);
                self.absorb(now, told, effects);
            }
            Input::MatchStreamLost(session) => self.matchmaker.stream_lost(now, session),
            Input::Blocked { by, whom } => self.blocked(now, by, whom, effects),
            Input::Unblocked { by, whom } => self.unblocked(now, by, whom),
            Input::Renamed(guest) => self.renamed(now, guest, effects),
            Input::ShutDown => self.shut_down(now, effects),
            Input::Tick => {}
        }
        self.settle(now, effects);
    }

    /// Puts a session in the queue. The first news follow among the effects, which hold also when it is refused.
    ///
    /// # Errors
    /// [`Error::NoSession`], [`Error::AlreadyInCall`], [`Error::AlreadyQueued`], [`Error::QueueFull`],
    /// [`Error::Draining`].
    pub fn join_match(&mut self, now: Duration, join: Join, effects: &mut Vec<Effect>) -> Result<(), Error> {
        self.tick(now, effects);
        let joined = self.take_place(now, join, effects);
        self.settle(now, effects);
        joined
    }

    fn take_place(&mut self, now: Duration, join: Join, effects: &mut Vec<Effect>) -> Result<(), Error> {
        let session = join.session;
        let present = self.guests.of_session(session).filter(|present| present.guest.id == join.guest);
        let attached = present.ok_or(Error::NoSession)?.sessions[&session];
        if self.shut {
            return Err(Error::Draining { retry_after: Duration::from_secs(1) });
        }
        if !self.matchmaker.knows(session, &join.request_id) {
            self.release_if_gone(now, join.guest, effects);
            if self.calls.occupation(join.guest) != Occupation::Free {
                return Err(Error::AlreadyInCall);
            }
        }
        match self.matchmaker.join(now, join)? {
            Joined::Found(call) => effects.push(Effect::Match(session, MatchNews::Found(call))),
            Joined::Queued | Joined::Kept => {
                self.matchmaker.set_attached(now, session, attached);
                let place = self.matchmaker.tell_place(now, session).expect("it has just got a place");
                effects.push(Effect::Match(session, MatchNews::Queued(place)));
                self.news_at.get_or_insert(now + self.config.matching.news.interval);
            }
        }
        Ok(())
    }

    fn tick(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let mut ended = Vec::new();
        self.calls.tick(now, &mut ended);
        self.absorb(now, ended, effects);
        for session in self.matchmaker.tick(now) {
            effects.push(Effect::Match(session, MatchNews::Left(LeftReason::SessionEnded)));
        }
        self.settle(now, effects);
    }

    /// Pairs whoever can be paired, and lets the hall and the queue tell their news if it is time.
    fn settle(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        while let Some(pair) = self.matchmaker.next_pairing(now) {
            let id = self.new_call_id();
            for paired in &pair {
                self.matchmaker.note_found(paired.session, paired.request_id.clone(), id);
                effects.push(Effect::Match(paired.session, MatchNews::Found(id)));
            }
            let parties = pair.map(|paired| self.party(paired.session).expect("only live sessions wait"));
            let new = NewCall { id, origin: Origin::Matched, route_policy: self.config.match_route };
            let mut begun = Vec::new();
            self.calls.pair(now, new, parties, &mut begun);
            self.absorb(now, begun, effects);
        }
        self.tell_hall(now, effects);
        if self.news_at.is_some_and(|at| at <= now) {
            let news = self.matchmaker.news(now);
            effects.extend(news.into_iter().map(|(to, place)| Effect::Match(to, MatchNews::Queued(place))));
            self.news_at = (!self.matchmaker.is_empty()).then(|| now + self.config.matching.news.interval);
        }
    }

    fn command(
        &mut self,
        now: Duration,
        by: Member,
        command: Command,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Error> {
        let mut told = Vec::new();
        let done = match command {
            Command::SetAvailability(wish) => {
                self.set_availability(now, by.guest, wish, effects);
                Ok(())
            }
            Command::PlaceCall(target) => self.place_call(now, by, target, effects),
            Command::AcceptCall(call) => self.calls.accept(by, call, &mut told),
            Command::DeclineCall(call) => self.calls.decline(now, by, call, &mut told),
            Command::CancelCall(call) => self.calls.cancel(now, by, call, &mut told),
            Command::HangUp { call, failed } => self.calls.hang_up(now, by, (call, failed), &mut told),
            Command::MediaConnected(call, route) => {
                self.calls.media_connected(now, by, (call, route), &mut told)
            }
            Command::Negotiate(call, negotiation) => self.calls.negotiate(by, call, negotiation, &mut told),
            Command::LeaveMatch => {
                if self.matchmaker.leave(by.session) {
                    effects.push(Effect::Match(by.session, MatchNews::Left(LeftReason::Left)));
                }
                Ok(())
            }
            Command::WatchHall(watch) => {
                self.watch_hall(by, watch, effects);
                Ok(())
            }
            Command::MissedCallsSeen(until) => {
                effects.push(Effect::Keep(Keep::MissedCallsSeen { guest: by.guest, until }));
                Ok(())
            }
        };
        self.absorb(now, told, effects);
        done
    }

    /// Carries out what the calls want, and keeps hall and queue in step with them.
    fn absorb(&mut self, now: Duration, told: Vec<CallEffect>, effects: &mut Vec<Effect>) {
        for effect in told {
            match effect {
                CallEffect::Tell { session, view } => effects.push(Effect::Send(session, Event::Call(view))),
                CallEffect::Relay { session, call, negotiation } => {
                    effects.push(Effect::Send(session, Event::Negotiation(call, negotiation)));
                }
                CallEffect::Over(ended) => effects.push(Effect::Keep(Keep::Ended(ended))),
                CallEffect::Touched(guest) => self.occupation_changed(now, guest, effects),
                CallEffect::MatchOver { guests, faithful } => {
                    self.matchmaker.match_over(now, guests, faithful);
                }
            }
        }
    }

    fn occupation_changed(&mut self, now: Duration, guest: GuestId, effects: &mut Vec<Effect>) {
        let occupation = self.calls.occupation(guest);
        match occupation {
            Occupation::Free => self.matchmaker.set_ringing(guest, false),
            Occupation::Ringing => self.matchmaker.set_ringing(guest, true),
            Occupation::InCall => {
                for session in self.matchmaker.leave_all(guest) {
                    effects.push(Effect::Match(session, MatchNews::Left(LeftReason::InCall)));
                }
            }
        }
        if self.guests.occupied(now, guest, occupation) {
            self.hall.touched(now, &self.guests, guest);
            self.show_self(guest, effects);
        }
    }

    fn set_availability(&mut self, now: Duration, guest: GuestId, wish: Wish, effects: &mut Vec<Effect>) {
        self.hall.touched(now, &self.guests, guest);
        self.guests.wish(now, guest, wish);
        self.keep_apart(now, guest);
        self.hall.touched(now, &self.guests, guest);
        self.show_self(guest, effects);
    }

    fn session_began(&mut self, now: Duration, beginning: Beginning, effects: &mut Vec<Effect>) {
        let Beginning { party, wish, blocked, blocked_by, current_call } = beginning;
        let by = Member { guest: party.guest.id, session: party.session };
        let occupation = self.calls.occupation(by.guest);
        self.guests.session_began(now, party, (wish, occupation));
        self.load_blocks(now, by.guest, &blocked, &blocked_by);
        self.watch_everybody(by);
        self.keep_apart(now, by.guest);
        self.hall.touched(now, &self.guests, by.guest);
        let mut told = Vec::new();
        self.calls.session_came(by, &mut told);
        self.absorb(now, told, effects);
        if let Some(claim) = current_call
            && let Err(error) = self.claim(now, by, claim, effects)
        {
            effects.push(Effect::Send(by.session, Event::Refused(error)));
        }
    }

    /// A client says that it is in a call of which this server, started anew, knows nothing yet.
    fn claim(
        &mut self,
        now: Duration,
        by: Member,
        claim: Claim,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Error> {
        if self.blocks.between(by.guest, claim.peer.id) {
            return Err(Error::CallTokenInvalid);
        }
        let party = self.party(by.session).expect("its session has just begun");
        let mut told = Vec::new();
        let claimed = self.calls.claim(now, party, claim, &mut told);
        self.absorb(now, told, effects);
        claimed
    }

    fn session_attached(
        &mut self,
        now: Duration,
        session: SessionId,
        attached: bool,
        effects: &mut Vec<Effect>,
    ) {
        let Some(by) = self.member(session) else { return };
        self.guests.set_attached(now, by, attached);
        self.matchmaker.set_attached(now, session, attached);
        let mut told = Vec::new();
        self.calls.presence_changed(by, attached, &mut told);
        self.absorb(now, told, effects);
    }

    fn session_replaced(&mut self, now: Duration, old: SessionId, new: SessionId, effects: &mut Vec<Effect>) {
        let Some(by) = self.member(old) else { return };
        self.guests.session_replaced(by, new);
        self.hall.leave(old);
        self.watch_everybody(Member { session: new, ..by });
        self.matchmaker.session_replaced(old, new);
        let mut told = Vec::new();
        self.calls.session_replaced(by, new, &mut told);
        self.absorb(now, told, effects);
        self.session_attached(now, new, true, effects);
    }

    fn session_ended(
        &mut self,
        now: Duration,
        session: SessionId,
        how: Departure,
        effects: &mut Vec<Effect>,
    ) {
        let Some(by) = self.member(session) else { return };
        if self.matchmaker.forget(session) {
            effects.push(Effect::Match(session, MatchNews::Left(LeftReason::SessionEnded)));
        }
        let mut told = Vec::new();
        self.calls.session_ended(now, by, how, &mut told);
        self.hall.touched(now, &self.guests, by.guest);
        self.hall.leave(session);
        self.guests.session_ended(now, by);
        self.keep_apart(now, by.guest);
        self.forget_blocks(by.guest);
        self.absorb(now, told, effects);
        // Nobody is left to tell: a frame of the call to the session that has just ended.
        effects.retain(|effect| !matches!(effect, Effect::Send(to, _) if *to == session));
    }

    fn shut_down(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        self.shut = true;
        for session in self.matchmaker.clear() {
            effects.push(Effect::Match(session, MatchNews::Left(LeftReason::ShuttingDown)));
        }
        let mut told = Vec::new();
        self.calls.shut_down(now, &mut told);
        self.absorb(now, told, effects);
    }

    fn release_if_gone(&mut self, now: Duration, guest: GuestId, effects: &mut Vec<Effect>) {
        let mut told = Vec::new();
        self.calls.release_if_gone(now, guest, &mut told);
        self.absorb(now, told, effects);
    }

    fn show_self(&self, guest: GuestId, effects: &mut Vec<Effect>) {
        let Some(view) = self.self_view(guest) else { return };
        let sessions = self.guests.get(guest).into_iter().flat_map(|present| present.sessions.keys());
        effects.extend(sessions.map(|&session| Effect::Send(session, Event::SelfUpdate(view.clone()))));
    }

    fn self_view(&self, guest: GuestId) -> Option<SelfView> {
        let present = self.guests.get(guest)?;
        let availability = match self.calls.occupation(guest) {
            Occupation::InCall => Availability::InCall,
            Occupation::Free | Occupation::Ringing => Availability::Wished(present.wish),
        };
        Some(SelfView { guest: present.guest.clone(), availability })
    }

    fn member(&self, session: SessionId) -> Option<Member> {
        self.guests.of_session(session).map(|present| Member { guest: present.guest.id, session })
    }

    fn party(&self, session: SessionId) -> Option<Party> {
        let present = self.guests.of_session(session)?;
        Some(Party { guest: present.guest.clone(), session, attached: present.sessions[&session] })
    }

    fn new_call_id(&mut self) -> CallId {
        CallId::from_bits(self.ids.random())
    }
}

#[cfg(test)]
pub(crate) mod inspection;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

//! The matchmaker: who waits, and who is paired with whom.
//!
//! Owns the queue and its fairness. Greedy, without waves: whenever a ticket becomes able to be paired (it
//! arrived, its wishes relaxed, a pause or a cool-down ended) it is paired at once with the longest-waiting
//! ticket that is compatible with it. So no two compatible tickets ever wait side by side, and nobody is
//! overtaken: the allowance for a better soft fit is not used.
//!
//! PURE: time is an argument; it knows neither calls nor presence, only what the lobby tells it.

mod estimate;
#[cfg(test)]
mod fairness;
mod index;
mod news;
mod pairing;
mod words;

pub use estimate::Estimate;
pub use words::{Criteria, Join, Joined, MatchConfig, NewsConfig, Paired, Place};

use crate::error::Error;
use castle::ids::{CallId, GuestId, SessionId};
use estimate::Waits;
use index::{Index, Wishes};
use news::{Told, Turn};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// Orders tickets by the time they have waited, then by arrival.
type Key = (Duration, u64);

#[derive(Debug)]
struct Ticket {
    session: SessionId,
    guest: GuestId,
    request_id: String,
    wishes: Wishes,
    /// The guest is ringing or being rung.
    ringing: bool,
    /// The session's stream is up. Nobody is paired with a guest who is not there.
    attached: bool,
    /// Since when its own stream is gone.
    unheard_since: Option<Duration>,
    told: Option<Told>,
}

impl Ticket {
    fn active(&self) -> bool {
        !self.ringing && self.attached
    }
}

/// Something after which a pairing may have become possible. Without one, no two waiting tickets are compatible.
#[derive(Debug, Clone, Copy)]
enum Chance {
    Ticket(Key),
    Cooled(GuestId, GuestId),
}

/// The queue.
#[derive(Debug)]
pub struct Matchmaker {
    config: MatchConfig,
    tickets: BTreeMap<Key, Ticket>,
    by_session: BTreeMap<SessionId, Key>,
    by_guest: BTreeMap<GuestId, BTreeSet<Key>>,
    index: Index,
    arrivals: u64,
    chances: VecDeque<Chance>,
    /// Possible pairings, the longer-waiting ticket first, and the ticket each was found for.
    pairings: BTreeSet<(Key, Key, Key)>,
    relaxations: BTreeSet<(Duration, Key)>,
    holds: BTreeSet<(Duration, Key)>,
    cooling: BTreeMap<(GuestId, GuestId), Duration>,
    /// Those who blocked each other, as far as they are there.
    apart: BTreeSet<(GuestId, GuestId)>,
    cooled_at: BTreeSet<(Duration, (GuestId, GuestId))>,
    /// How long those in a matched call that has not ended had waited.
    waited: BTreeMap<GuestId, Duration>,
    credits: BTreeMap<GuestId, (Duration, Duration)>,
    found: BTreeMap<SessionId, (String, CallId)>,
    waits: Waits,
    turn: Turn,
    #[cfg(test)]
    onlooker: Option<fairness::Onlooker>,
}

fn ordered(a: GuestId, b: GuestId) -> (GuestId, GuestId) {
    (a.min(b), a.max(b))
}

impl Matchmaker {
    /// An empty queue.
    pub fn new(config: MatchConfig) -> Self {
        Self {
            config,
            tickets: BTreeMap::new(),
            by_session: BTreeMap::new(),
            by_guest: BTreeMap::new(),
            index: Index::default(),
            arrivals: 0,
            chances: VecDeque::new(),
            pairings: BTreeSet::new(),
            relaxations: BTreeSet::new(),
            holds: BTreeSet::new(),
            cooling: BTreeMap::new(),
            apart: BTreeSet::new(),
            cooled_at: BTreeSet::new(),
            waited: BTreeMap::new(),
            credits: BTreeMap::new(),
            found: BTreeMap::new(),
            waits: Waits::default(),
            turn: Turn::default(),
            #[cfg(test)]
            onlooker: None,
        }
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.tickets.len()
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.tickets.is_empty()
    }

    /// Whether `session` waits under `request_id`, or was paired under it: then a repeat is answered, whatever
    /// the guest is doing now.
    pub fn knows(&self, session: SessionId, request_id: &str) -> bool {
        let waits =
            self.by_session.get(&session).is_some_and(|key| self.tickets[key].request_id == request_id);
        waits || self.found.get(&session).is_some_and(|(found, _)| found == request_id)
    }

    /// Takes a place, or finds the one this request has.
    ///
    /// # Errors
    /// [`Error::AlreadyQueued`], [`Error::QueueFull`].
    pub fn join(&mut self, now: Duration, join: Join) -> Result<Joined, Error> {
        if let Some(&key) = self.by_session.get(&join.session) {
            let ticket = self.tickets.get_mut(&key).expect("by_session names tickets");
            if ticket.request_id != join.request_id {
                return Err(Error::AlreadyQueued);
            }
            if let Some(since) = ticket.unheard_since.take() {
                self.holds.remove(&(since + self.config.hold, key));
            }
            return Ok(Joined::Kept);
        }
        match self.found.remove(&join.session) {
            Some((request_id, call)) if request_id == join.request_id => {
                self.found.insert(join.session, (request_id, call));
                return Ok(Joined::Found(call));
            }
            _ => {}
        }
        if self.tickets.len() >= self.config.queue_max {
            return Err(Error::QueueFull { limit: self.config.queue_max });
        }
        let credit = self.credits.remove(&join.guest).filter(|&(_, until)| now < until);
        let since = now.saturating_sub(credit.map_or(Duration::ZERO, |(waited, _)| waited));
        self.arrivals += 1;
        let key = (since, self.arrivals);
        let ticket = Ticket {
            session: join.session,
            guest: join.guest,
            request_id: join.request_id,
            wishes: Wishes::new(join.criteria),
            ringing: false,
            attached: true,
            unheard_since: None,
            told: None,
        };
        self.by_session.insert(ticket.session, key);
        self.by_guest.entry(ticket.guest).or_default().insert(key);
        self.tickets.insert(key, ticket);
        self.turn.inserted(key);
        self.chances.push_back(Chance::Ticket(key));
        Ok(Joined::Queued)
    }

    /// `session` waits no longer. False if it did not.
    pub fn leave(&mut self, session: SessionId) -> bool {
        self.by_session.get(&session).copied().is_some_and(|key| {
            self.remove(key);
            true
        })
    }

    /// `session` is gone, and with it the memory of what it asked for.
    pub fn forget(&mut self, session: SessionId) -> bool {
        self.found.remove(&session);
        self.leave(session)
    }

    /// The session goes on under another id.
    pub fn session_replaced(&mut self, old: SessionId, new: SessionId) {
        if let Some(found) = self.found.remove(&old) {
            self.found.insert(new, found);
        }
        if let Some(key) = self.by_session.remove(&old) {
            self.by_session.insert(new, key);
            self.tickets.get_mut(&key).expect("by_session names tickets").session = new;
        }
    }

    /// From now on the two are never paired, or may be again.
    pub fn set_apart(&mut self, a: GuestId, b: GuestId, apart: bool) {
        let pair = ordered(a, b);
        if apart {
            self.apart.insert(pair);
        } else if self.apart.remove(&pair) {
            self.chances.push_back(Chance::Cooled(pair.0, pair.1));
        }
    }

    /// `guest` is in a call: none of their sessions waits any longer. Which did?
    pub fn leave_all(&mut self, guest: GuestId) -> Vec<SessionId> {
        let keys = self.by_guest.get(&guest).cloned().unwrap_or_default();
        keys.into_iter().map(|key| self.remove(key).session).collect()
    }

    /// The queue is closed. Who waited?
    pub fn clear(&mut self) -> Vec<SessionId> {
        let keys: Vec<Key> = self.tickets.keys().copied().collect();
        keys.into_iter().map(|key| self.remove(key).session).collect()
    }

    /// Pauses the guest's tickets while they ring or are rung; they keep their place.
    pub fn set_ringing(&mut self, guest: GuestId, ringing: bool) {
        for key in self.by_guest.get(&guest).cloned().unwrap_or_default() {
            let ticket = self.tickets.get_mut(&key).expect("by_guest names tickets");
            ticket.ringing = ringing;
            self.activity_changed(key);
        }
    }

    /// Pauses the session's ticket while its stream is broken. What ran out meanwhile begins anew.
    pub fn set_attached(&mut self, now: Duration, session: SessionId, attached: bool) {
        let Some(&key) = self.by_session.get(&session) else { return };
        let ticket = self.tickets.get_mut(&key).expect("by_session names tickets");
        ticket.attached = attached;
        if let Some(since) = ticket.unheard_since {
            self.holds.remove(&(since + self.config.hold, key));
            if attached {
                ticket.unheard_since = Some(now);
                self.holds.insert((now + self.config.hold, key));
            }
        }
        self.activity_changed(key);
    }

    /// The stream that told the guest their place is gone: the place is held for a while.
    pub fn stream_lost(&mut self, now: Duration, session: SessionId) {
        let Some(&key) = self.by_session.get(&session) else { return };
        let ticket = self.tickets.get_mut(&key).expect("by_session names tickets");
        if ticket.unheard_since.is_none() {
            ticket.unheard_since = Some(now);
            if ticket.attached {
                self.holds.insert((now + self.config.hold, key));
            }
        }
    }

    /// Two matched guests have ended their call. Those marked faithful get back the time they had waited.
    pub fn match_over(&mut self, now: Duration, guests: [GuestId; 2], faithful: [bool; 2]) {
        self.credits.retain(|_, &mut (_, until)| now < until);
        for (guest, faithful) in guests.into_iter().zip(faithful) {
            if let Some(waited) = self.waited.remove(&guest).filter(|_| faithful) {
                self.credits.insert(guest, (waited, now + self.config.credit));
            }
        }
        let pair = ordered(guests[0], guests[1]);
        let until = now + self.config.cool_down;
        if let Some(before) = self.cooling.insert(pair, until) {
            self.cooled_at.remove(&(before, pair));
        }
        self.cooled_at.insert((until, pair));
    }

    /// `session` was paired under `request_id`, and this is its call.
    pub fn note_found(&mut self, session: SessionId, request_id: String, call: CallId) {
        self.found.insert(session, (request_id, call));
    }

    /// When something happens by itself.
    pub fn next_deadline(&self) -> Option<Duration> {
        let relaxation = self.relaxations.first().map(|&(at, _)| at);
        let hold = self.holds.first().map(|&(at, _)| at);
        let cooled = self.cooled_at.first().map(|&(at, _)| at);
        [relaxation, hold, cooled].into_iter().flatten().min()
    }

    /// Does what is due; returns the sessions whose place was held long enough.
    pub fn tick(&mut self, now: Duration) -> Vec<SessionId> {
        let mut dropped = Vec::new();
        while let Some(&(_, key)) = self.holds.first().filter(|&&(at, _)| at <= now) {
            dropped.push(self.remove(key).session);
        }
        while let Some(&(at, key)) = self.relaxations.first().filter(|&&(at, _)| at <= now) {
            self.relaxations.remove(&(at, key));
            self.chances.push_back(Chance::Ticket(key));
        }
        while let Some(&(at, (a, b))) = self.cooled_at.first().filter(|&&(at, _)| at <= now) {
            self.cooled_at.remove(&(at, (a, b)));
            self.chances.push_back(Chance::Cooled(a, b));
        }
        dropped
    }

    fn remove(&mut self, key: Key) -> Ticket {
        let ticket = self.tickets.remove(&key).expect("removed by a key of the tables");
        self.turn.removed(key);
        self.index.withdraw(key, &ticket.wishes);
        self.by_session.remove(&ticket.session);
        let keys = self.by_guest.get_mut(&ticket.guest).expect("every ticket is in by_guest");
        keys.remove(&key);
        if keys.is_empty() {
            self.by_guest.remove(&ticket.guest);
        }
        for after in self.config.relax_after {
            self.relaxations.remove(&(key.0 + after, key));
        }
        if let Some(since) = ticket.unheard_since {
            self.holds.remove(&(since + self.config.hold, key));
        }
        ticket
    }
}

#[cfg(test)]
mod tests;

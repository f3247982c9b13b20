//! Lobby, calls and queue together under seeded schedules. After each step the invariants hold; at rest all
//! sessions know what the lobby knows. `CASTLE_SEEDS=from..to` replays or widens the seeds.

use super::*;
use crate::calls::{CallState, CallView, Negotiation, RingLimits};
use crate::guest::Guest;
use crate::matchmaker::Criteria;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::sync::Arc;

const GUESTS: u128 = 5;
const STEPS: u32 = 120;

/// A session as its client knows it.
#[derive(Default)]
struct Client {
    guest: u128,
    attached: bool,
    call: Option<CallView>,
    hall: BTreeMap<GuestId, Shown>,
    hall_version: u64,
}

struct World {
    seed: u64,
    rng: ChaCha8Rng,
    lobby: Lobby,
    now: Duration,
    clients: BTreeMap<SessionId, Client>,
    sessions: u128,
    joined: usize,
    finished: usize,
    met: BTreeMap<(GuestId, GuestId), Duration>,
    calls_seen: usize,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut config = LobbyConfig::default();
        config.calls.rings = RingLimits { unanswered_max: 3, window: Duration::from_mins(2) };
        Self {
            seed,
            rng: ChaCha8Rng::seed_from_u64(seed),
            lobby: Lobby::new(config, [3; 32]),
            now: Duration::ZERO,
            clients: BTreeMap::new(),
            sessions: 0,
            joined: 0,
            finished: 0,
            met: BTreeMap::new(),
            calls_seen: 0,
        }
    }

    fn pick(&mut self) -> Option<SessionId> {
        let count = self.clients.len();
        (count > 0)
            .then(|| *self.clients.keys().nth(self.rng.random_range(0..count)).expect("below the count"))
    }

    fn step(&mut self) {
        let longest = if self.rng.random_bool(0.1) { 60_000 } else { 3_000 };
        self.now += Duration::from_millis(self.rng.random_range(0..longest));
        let Some(session) = self.pick().filter(|_| !self.rng.random_bool(0.1)) else { return self.comes() };
        match self.rng.random_range(0..20) {
            0 => self.leaves(session, Departure::Left),
            1 => self.leaves(session, Departure::Lost),
            2 => self.leaves(session, Departure::Closed),
            3 | 4 => self.attach(session, false),
            5..8 => self.attach(session, true),
            8 => self.replaced(session),
            9 => self.input(Input::MatchStreamLost(session)),
            10..13 => self.waits(session),
            _ => {
                let command = self.command(session);
                self.input(Input::Command(session, command));
            }
        }
    }

    fn comes(&mut self) {
        self.sessions += 1;
        let (session, who) = (SessionId::from_bits(self.sessions), self.rng.random_range(0..GUESTS));
        let name = format!("guest{who}");
        let guest = Arc::new(Guest { id: GuestId::from_bits(who), display_name: name.clone(), name });
        let party = Party { guest, session, attached: true };
        let (blocked, blocked_by, current_call) = (vec![], vec![], None);
        self.clients.insert(session, Client { guest: who, attached: true, ..Client::default() });
        self.welcomed(session, Input::SessionBegan(Beginning { party, blocked, blocked_by, current_call }));
    }

    fn starts_over(&mut self, session: SessionId) {
        let scene = self.lobby.scene(session).expect("the session is there");
        let client = self.clients.get_mut(&session).expect("it is ours");
        client.call = scene.call;
        client.hall_version = scene.hall.version;
        client.hall = scene.hall.rows.iter().map(|row| (row.guest.id, row.shown)).collect();
    }

    fn leaves(&mut self, session: SessionId, how: Departure) {
        self.clients.remove(&session);
        self.input(Input::SessionEnded(session, how));
    }

    fn attach(&mut self, session: SessionId, attached: bool) {
        let client = self.clients.get_mut(&session).expect("picked from ours");
        if client.attached == attached {
            return;
        }
        client.attached = attached;
        if attached {
            self.welcomed(session, Input::SessionResumed(session));
        } else {
            self.input(Input::SessionSuspended(session));
        }
    }

    fn replaced(&mut self, old: SessionId) {
        self.sessions += 1;
        let new = SessionId::from_bits(self.sessions);
        let client = self.clients.remove(&old).expect("picked from ours");
        self.clients.insert(new, Client { attached: true, ..client });
        self.welcomed(new, Input::SessionReplaced { old, new });
    }

    /// A stream begins with the scene, and what `input` brings about comes after it.
    fn welcomed(&mut self, session: SessionId, input: Input) {
        let mut effects = Vec::new();
        self.lobby.handle(self.now, input, &mut effects);
        self.starts_over(session);
        self.perform(effects);
    }

    fn waits(&mut self, session: SessionId) {
        let mut words = |words: [&str; 2]| {
            words.into_iter().filter(|_| self.rng.random_bool(0.3)).map(Arc::from).collect()
        };
        let criteria =
            Criteria { tags: words(["chess", "go"]), languages: words(["de", "fr"]), ..Criteria::default() };
        let guest = GuestId::from_bits(self.clients[&session].guest);
        let request_id = self.rng.random_range(0..3).to_string();
        let join = Join { session, guest, request_id, criteria };
        let mut effects = Vec::new();
        // What is due happens first, so that what follows is this request's doing.
        self.input(Input::Tick);
        let waited = self.lobby.matchmaker.waits_for(session);
        let joined = self.lobby.join_match(self.now, join, &mut effects);
        let queued = effects
            .iter()
            .any(|effect| matches!(effect, Effect::Match(to, MatchNews::Queued(_)) if *to == session));
        self.joined += usize::from(joined.is_ok() && queued && !waited);
        self.perform(effects);
    }

    fn command(&mut self, session: SessionId) -> Command {
        let own = self.clients[&session].call.as_ref().map(|view| view.id);
        let call = own.unwrap_or(CallId::from_bits(self.rng.random_range(0..3)));
        match self.rng.random_range(0..14) {
            0 => Command::SetAvailability(Wish::Invisible),
            1 => Command::SetAvailability(Wish::DoNotDisturb),
            2 => Command::SetAvailability(Wish::Available),
            3..6 => {
                Command::PlaceCall(Target::Guest(GuestId::from_bits(self.rng.random_range(0..GUESTS + 1))))
            }
            6 => Command::PlaceCall(Target::NextAvailable),
            7 | 8 => Command::AcceptCall(call),
            9 => Command::DeclineCall(call),
            10 => Command::CancelCall(call),
            11 => Command::HangUp { call, failed: self.rng.random_bool(0.5) },
            12 => Command::MediaConnected(call, crate::calls::Route::Host),
            _ if self.rng.random_bool(0.3) => Command::LeaveMatch,
            _ => Command::Negotiate(call, Negotiation::Offer("v=0".to_owned())),
        }
    }

    fn input(&mut self, input: Input) {
        let mut effects = Vec::new();
        self.lobby.handle(self.now, input, &mut effects);
        self.perform(effects);
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        let mut found: BTreeMap<CallId, Vec<SessionId>> = BTreeMap::new();
        for effect in effects {
            match effect {
                Effect::Send(to, Event::Call(view)) => self.told_of_call(to, view),
                Effect::Send(to, Event::Negotiation(call, _)) => {
                    if let Some(client) = self.clients.get(&to) {
                        let own = client.call.as_ref().map(|view| view.id);
                        assert_eq!(own, Some(call), "seed {}: a frame of a foreign call", self.seed);
                    }
                }
                Effect::Send(_, Event::SelfUpdate(_) | Event::Refused(_))
                | Effect::Match(_, MatchNews::Queued(_))
                | Effect::HallSnapshot(..)
                | Effect::Keep(_) => {}
                Effect::Match(_, MatchNews::Left(_)) => self.finished += 1,
                Effect::Match(to, MatchNews::Found(call)) => found.entry(call).or_default().push(to),
                Effect::Hall(to, delta) => self.told_of_hall(&to, &delta.change),
            }
        }
        // One line alone answers a repeated request.
        self.finished +=
            found.values().map(|sessions| if sessions.len() == 2 { 2 } else { 0 }).sum::<usize>();
    }

    fn told_of_call(&mut self, to: SessionId, view: CallView) {
        if view.origin == Origin::Matched {
            let pair = (view.first.id.min(view.second.id), view.first.id.max(view.second.id));
            assert_ne!(pair.0, pair.1, "seed {}: matched with themselves", self.seed);
            if let CallState::Ended(_) = view.state {
                self.met.insert(pair, self.now);
            } else if view.created_at == self.now
                && let Some(&met) = self.met.get(&pair)
            {
                let since = self.now.saturating_sub(met);
                assert!(since >= Duration::from_mins(1), "seed {}: met again after {since:?}", self.seed);
            }
        }
        self.calls_seen += 1;
        let Some(client) = self.clients.get_mut(&to) else { return };
        match (&client.call, view.state) {
            // A busy callee's call is over at once and was never this client's.
            (Some(own), CallState::Ended(_)) if own.id != view.id => {}
            (_, CallState::Ended(_)) => client.call = None,
            _ => client.call = Some(view),
        }
    }

    fn told_of_hall(&mut self, to: &[SessionId], delta: &HallChange) {
        for session in to {
            let Some(client) = self.clients.get_mut(session) else { continue };
            if delta.version <= client.hall_version {
                continue;
            }
            assert_eq!(
                client.hall_version, delta.from,
                "seed {}: a change of the hall is missing",
                self.seed
            );
            client.hall_version = delta.version;
            let me = GuestId::from_bits(client.guest);
            for row in delta.changed.iter().filter(|row| row.guest.id != me) {
                client.hall.insert(row.guest.id, row.shown);
            }
            for left in &delta.left {
                client.hall.remove(left);
            }
        }
    }

    fn check(&self) {
        let seed = self.seed;
        for (&session, client) in &self.clients {
            let known = client.call.as_ref().map(|view| (view.id, view.state, view.peer_presence));
            let guest = GuestId::from_bits(client.guest);
            let is =
                self.lobby.calls.view(guest, session).map(|view| (view.id, view.state, view.peer_presence));
            assert_eq!(known, is, "seed {seed}: {session} knows another call than the lobby");
            let occupation = self.lobby.calls.occupation(guest);
            let waits = self.lobby.matchmaker.waits_for(session);
            assert!(!(waits && occupation == Occupation::InCall), "seed {seed}: {guest} waits in a call");
        }
        self.lobby.calls.check_invariants();
        self.lobby.hall.check_invariants();
        self.lobby.guests.check_invariants(&self.lobby.calls);
        assert_eq!(
            self.joined,
            self.finished + self.lobby.matchmaker.len(),
            "seed {seed}: tickets are conserved"
        );
    }

    /// Lets the hall tell what it has to tell, and compares what everybody sees.
    fn check_at_rest(&mut self) {
        self.now += Duration::from_secs(6);
        self.input(Input::Tick);
        self.check();
        for (&session, client) in &self.clients {
            if !client.attached {
                continue;
            }
            let hall = self.lobby.hall_snapshot(session).expect("the session is there");
            let is: BTreeMap<GuestId, Shown> =
                hall.rows.iter().map(|row| (row.guest.id, row.shown)).collect();
            assert_eq!(client.hall, is, "seed {}: {session} sees another hall", self.seed);
            assert_eq!((client.hall_version, hall.guest_count), (hall.version, is.len()));
        }
    }
}

#[test]
fn invariants_hold_over_seeded_schedules() {
    let seeds = std::env::var("CASTLE_SEEDS").ok().and_then(|seeds| {
        let (from, to) = seeds.split_once("..")?;
        Some(from.parse().ok()?..to.parse().ok()?)
    });
    let mut calls_seen = 0;
    for seed in seeds.unwrap_or(0..2_000) {
        let mut world = World::new(seed);
        for _ in 0..STEPS {
            world.step();
            world.check();
        }
        world.check_at_rest();
        for session in world.clients.keys().copied().collect::<Vec<_>>() {
            world.leaves(session, Departure::Lost);
        }
        world.check_at_rest();
        assert!(
            world.lobby.calls.is_empty() && world.lobby.matchmaker.is_empty(),
            "seed {seed}: something stays"
        );
        calls_seen += world.calls_seen;
    }
    println!("calls were told of {calls_seen} times");
    assert!(calls_seen > 1_000, "the schedules did nothing");
}

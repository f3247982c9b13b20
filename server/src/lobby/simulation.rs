//! Lobby, calls and queue together under seeded schedules. After each step the invariants hold; at rest all
//! sessions know what the lobby knows. What lies around them (links, streams, network) is
//! simulated in `hub`. `CASTLE_SEEDS=from..to` replays or widens the seeds.

use super::*;
use crate::calls::{CallState, CallView, Candidate, Negotiation, RingLimits, Side};
use crate::guest::Guest;
use crate::matchmaker::Criteria;
use crate::seeds;
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const GUESTS: u128 = 5;
const STEPS: u32 = 120;
/// A ban left a call to which the guest had not come back to the one who had.
const FAILED_ONCE: [u64; 1] = [17_523];

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
    /// What the store would know: who blocked whom.
    blocks: BTreeSet<(GuestId, GuestId)>,
    /// Calls that were told to be over.
    over: BTreeSet<CallId>,
    taken_up: usize,
    /// How often the server was started anew.
    starts: u8,
}

fn lobby(start: u8) -> Lobby {
    let mut config = LobbyConfig::default();
    config.calls.rings = RingLimits { unanswered_max: 3, window: Duration::from_mins(2) };
    config.hall.page = 3;
    let mut lobby = Lobby::new(config, [start; 32]);
    lobby.look_on();
    lobby
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            seed,
            rng: ChaCha8Rng::seed_from_u64(seed),
            lobby: lobby(0),
            now: Duration::ZERO,
            clients: BTreeMap::new(),
            sessions: 0,
            joined: 0,
            finished: 0,
            met: BTreeMap::new(),
            calls_seen: 0,
            blocks: BTreeSet::new(),
            over: BTreeSet::new(),
            taken_up: 0,
            starts: 0,
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
        match self.rng.random_range(0..26) {
            20 => self.says_block(session, true),
            21 | 22 => self.says_block(session, false),
            23 if self.rng.random_bool(0.2) => self.restarts(),
            24 => self.accepts_at_the_deadline(session),
            25 if self.rng.random_bool(0.3) => self.is_banned(session),
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
        let who = self.rng.random_range(0..GUESTS);
        self.begins(who, None);
    }

    fn begins(&mut self, who: u128, current_call: Option<Claim>) {
        self.sessions += 1;
        let session = SessionId::from_bits(self.sessions);
        let name = format!("guest{who}");
        let guest = Arc::new(Guest { id: GuestId::from_bits(who), display_name: name.clone(), name });
        let blocked = self.blocks.iter().filter(|pair| pair.0 == guest.id).map(|pair| pair.1).collect();
        let blocked_by = self.blocks.iter().filter(|pair| pair.1 == guest.id).map(|pair| pair.0).collect();
        let party = Party { guest, session, attached: true };
        let wish = [Wish::Available, Wish::Available, Wish::Invisible][self.rng.random_range(0..3)];
        self.clients.insert(session, Client { guest: who, attached: true, ..Client::default() });
        self.welcomed(
            session,
            Input::SessionBegan(Beginning { party, wish, blocked, blocked_by, current_call }),
        );
    }

    /// A block is on disk before the lobby learns of it.
    fn says_block(&mut self, session: SessionId, blocked: bool) {
        let by = GuestId::from_bits(self.clients[&session].guest);
        let whom = GuestId::from_bits(self.rng.random_range(0..GUESTS));
        if by == whom {
            return;
        }
        if blocked {
            self.blocks.insert((by, whom));
            self.input(Input::Blocked { by, whom });
        } else {
            self.blocks.remove(&(by, whom));
            self.input(Input::Unblocked { by, whom });
        }
    }

    fn apart(&self, a: GuestId, b: GuestId) -> bool {
        self.blocks.contains(&(a, b)) || self.blocks.contains(&(b, a))
    }

    /// The server is started anew: most clients come back with the token of their call, some never.
    fn restarts(&mut self) {
        self.finished += self.lobby.matchmaker.len();
        // Ids of calls never come again.
        self.starts += 1;
        self.lobby = lobby(self.starts);
        self.met.clear();
        for client in std::mem::take(&mut self.clients).into_values() {
            self.now += Duration::from_millis(self.rng.random_range(0..20_000));
            if self.rng.random_bool(0.2) {
                continue;
            }
            let held = client.call.filter(|view| view.state != CallState::Ringing);
            self.begins(client.guest, held.as_ref().map(claim));
            self.check();
        }
    }

    fn accepts_at_the_deadline(&mut self, session: SessionId) {
        let Some(view) = &self.clients[&session].call else { return };
        let (id, at) = (view.id, view.expires_at.unwrap_or_default());
        let early = Duration::from_millis(self.rng.random_range(0..2));
        self.now = self.now.max(at.saturating_sub(early));
        self.input(Input::Command(session, Command::AcceptCall(id)));
        let ended = self.clients[&session].call.as_ref().is_none_or(|view| view.id != id);
        assert!(self.now < at || ended || view_is_joined(&self.clients[&session]), "seed {}", self.seed);
    }

    fn starts_over(&mut self, session: SessionId) {
        let scene = self.lobby.scene(session).expect("the session is there");
        let client = self.clients.get_mut(&session).expect("it is ours");
        client.call = scene.call;
        self.sees_anew(session, scene.hall);
    }

    fn sees_anew(&mut self, session: SessionId, hall: HallSnapshot) {
        let Some(client) = self.clients.get_mut(&session) else { return };
        client.hall_version = hall.version;
        client.hall = hall.rows.iter().map(|row| (row.guest.id, row.shown)).collect();
    }

    fn leaves(&mut self, session: SessionId, how: Departure) {
        self.clients.remove(&session);
        self.input(Input::SessionEnded(session, how));
    }

    /// All sessions of whoever has this one are closed; nothing of the guest stays.
    fn is_banned(&mut self, session: SessionId) {
        let banned = self.clients[&session].guest;
        let theirs = self.clients.iter().filter(|(_, client)| client.guest == banned);
        for session in theirs.map(|(&session, _)| session).collect::<Vec<_>>() {
            self.leaves(session, Departure::Closed);
            self.check();
        }
        let guest = GuestId::from_bits(banned);
        self.input(Input::GuestClosed(guest));
        let gone = self.lobby.guests.get(guest).is_none()
            && self.lobby.calls.occupation(guest) == Occupation::Free
            && self.clients.values().all(|client| {
                client.call.as_ref().is_none_or(|view| view.first.id != guest && view.second.id != guest)
            });
        assert!(gone, "seed {}: {guest} is banned and still there", self.seed);
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
        match self.rng.random_range(0..17) {
            14 => {
                let query = ["", "guest", "guest1", "nobody"][self.rng.random_range(0..4)].to_owned();
                let after = self.rng.random_bool(0.3).then(|| "guest1".to_owned());
                Command::WatchHall(Watch { number: self.rng.random_range(1..4), query, after })
            }
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
            _ => Command::Negotiate(
                call,
                match self.rng.random_range(0..3) {
                    0 => Negotiation::Offer("v=0".to_owned()),
                    1 => Negotiation::Answer("v=0".to_owned()),
                    _ => Negotiation::Candidate(Candidate::default()),
                },
            ),
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
                | Effect::Keep(Keep::Missed { .. } | Keep::MissedCallsSeen { .. }) => {}
                Effect::Keep(Keep::Ended(ended)) => {
                    assert!(self.over.insert(ended.call), "seed {}: {} ended twice", self.seed, ended.call);
                }
                Effect::ShowHall(to) => {
                    if let Some(snapshot) = self.lobby.hall_snapshot(to) {
                        self.sees_anew(to, snapshot);
                    }
                }
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
        if let CallState::Connected = view.state
            && view.older > Duration::ZERO
        {
            self.taken_up += 1;
        }
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
            if let Some(view) = &client.call {
                assert!(
                    !self.apart(view.first.id, view.second.id),
                    "seed {seed}: {} is a call of a block",
                    view.id
                );
                assert!(!self.over.contains(&view.id), "seed {seed}: {} goes on after its end", view.id);
            }
            let waits = self.lobby.matchmaker.waits_for(session);
            assert!(!(waits && occupation == Occupation::InCall), "seed {seed}: {guest} waits in a call");
        }
        self.lobby.check_invariants();
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
        let apart = |a, b| self.blocks.contains(&(a, b)) || self.blocks.contains(&(b, a));
        for (&session, client) in &mut self.clients {
            if !client.attached {
                continue;
            }
            let guest = GuestId::from_bits(client.guest);
            let seen = client.hall.keys().find(|&&other| apart(guest, other));
            assert_eq!(seen, None, "seed {}: {guest} sees somebody through a block", self.seed);
            let hall = self.lobby.hall_snapshot(session).expect("the session is there");
            let is: BTreeMap<GuestId, Shown> =
                hall.rows.iter().map(|row| (row.guest.id, row.shown)).collect();
            assert_eq!(client.hall, is, "seed {}: {session} sees another hall", self.seed);
            // What was told of others alone is no change for this one.
            client.hall_version = hall.version;
            assert!(hall.guest_count >= is.len(), "seed {}: the page has more than all", self.seed);
        }
    }
}

/// What the token of this call proves to a server that has forgotten it.
fn claim(view: &CallView) -> Claim {
    let peer = if view.side == Side::First { &view.second } else { &view.first };
    Claim {
        call: view.id,
        side: view.side,
        peer: peer.clone(),
        origin: view.origin,
        route_policy: view.route_policy,
        age: Duration::from_secs(1),
        connected_for: None,
    }
}

fn view_is_joined(client: &Client) -> bool {
    client
        .call
        .as_ref()
        .is_some_and(|view| matches!(view.state, CallState::Connecting | CallState::Connected))
}

#[test]
fn invariants_hold_over_seeded_schedules() {
    let (mut calls_seen, mut taken_up) = (0, 0);
    seeds::each("lobby::simulation", &FAILED_ONCE, 0..2_000, |seed| {
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
        taken_up += world.taken_up;
    });
    println!("calls were told of {calls_seen} times, {taken_up} times of one taken up again");
    assert!(calls_seen > 0, "the schedules did nothing");
}

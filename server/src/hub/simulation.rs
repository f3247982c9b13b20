//! The hub and all it owns (sessions with their links, lobby, hall, calls, queue) with its clients and the network
//! between them, under seeded schedules: connections that break, half and whole, delays, repeats, resumes on other
//! connections while the older one still speaks, restarts. In every other seed clients have a Subscribe as often as a
//! Signal, and their Sends are lost, repeated and overtake each other. After each step the invariants hold; at rest all
//! parties agree. `CASTLE_SEEDS=from..to` replays or widens the seeds.

mod client;
mod network;
mod rest;
mod sends;

use super::handle::{Asked, Message, Whose};
use super::{Around, ClientFrame, GoAway, Hub, HubConfig};
use crate::calls::{CallState, Claim, Occupation, Origin, RingLimits, RoutePolicy, Side};
use crate::error::Error;
use crate::guest::Guest;
use crate::history::{Keeper, Line as Kept};
use crate::ice::IceVendor;
use crate::lobby::{Command, Input};
use crate::matchmaker::{Criteria, Join};
use crate::metrics::Metrics;
use crate::seeds;
use crate::token::{CallRole, CallSigner};
use castle::ids::{CallId, GuestId};
use client::{Client, Waiting};
use network::{Line, Up};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use sends::Sends;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::{mpsc, oneshot};

const GUESTS: u128 = 5;
/// The first guests have two devices.
const CLIENTS: usize = 7;
const STEPS: u32 = 500;
const SEEDS: u64 = 1_000;
/// A block reached no call that one end had taken up alone while the other was in another. A place in the queue stayed with
/// a session whose new name its client had never heard.
const FAILED_ONCE: [u64; 2] = [8992, 2535];
/// Either end notices silence within this, as `session` does.
const SILENCE: Duration = Duration::from_secs(18);
const COOL_DOWN: Duration = Duration::from_mins(1);

/// What happened, so that a schedule that does nothing is found out.
#[derive(Debug, Default)]
struct Figures {
    frames: u64,
    resumed: u64,
    resumed_elsewhere: u64,
    gaps: u64,
    repeats: u64,
    restarts: u64,
    accepted_late: u64,
    matched: u64,
    taken_up: u64,
    /// Sends that were taken.
    sends: u64,
    /// Sends of which all had been performed before.
    sends_repeated: u64,
    /// Sends in front of which frames were missing.
    sends_too_early: u64,
    /// Sessions that went on by a Subscribe after a Signal, or the other way round.
    crossed: u64,
}

impl Figures {
    fn add(&mut self, world: &World) {
        let Self { repeats, restarts, accepted_late, matched, resumed_elsewhere, .. } = world.figures;
        let Self { sends, sends_repeated, sends_too_early, crossed, .. } = world.figures;
        self.sends += sends;
        self.sends_repeated += sends_repeated;
        self.sends_too_early += sends_too_early;
        self.crossed += crossed;
        self.repeats += repeats;
        self.restarts += restarts;
        self.accepted_late += accepted_late;
        self.matched += matched;
        self.resumed_elsewhere += resumed_elsewhere;
        for client in &world.clients {
            self.frames += client.heard_frames;
            self.resumed += client.resumed;
            self.gaps += client.gaps;
            self.taken_up += client.taken_up;
        }
    }

    /// The schedules reached what they are made for.
    fn check(&self) {
        let Self { frames, resumed, resumed_elsewhere, gaps, repeats, .. } = *self;
        let Self { restarts, accepted_late, matched, taken_up, .. } = *self;
        let Self { sends, sends_repeated, sends_too_early, crossed, .. } = *self;
        let streams =
            [frames, resumed, resumed_elsewhere, gaps, repeats, restarts, accepted_late, matched, taken_up];
        let all = [&streams[..], &[sends, sends_repeated, sends_too_early, crossed]].concat();
        assert!(all.iter().all(|&times| times > 20), "the schedules hardly did something: {self:?}");
    }
}

struct World {
    rng: ChaCha8Rng,
    hub: Hub,
    now: Duration,
    clients: Vec<Client>,
    lines: BTreeMap<usize, Line>,
    lines_made: usize,
    /// Whether clients have a Subscribe as often as a Signal.
    browsers: bool,
    sends: Sends,
    keeps: mpsc::Receiver<Kept>,
    signer: Arc<CallSigner>,
    starts: u8,
    /// What is on the disk: who blocked whom, and which calls are over.
    blocks: BTreeSet<(GuestId, GuestId)>,
    over: BTreeSet<CallId>,
    met: BTreeMap<[GuestId; 2], Duration>,
    seen: BTreeSet<CallId>,
    figures: Figures,
}

fn hub(start: u8, signer: &Arc<CallSigner>) -> (Hub, mpsc::Receiver<Kept>) {
    let mut config = HubConfig::default();
    config.lobby.calls.rings = RingLimits { unanswered_max: 3, window: Duration::from_mins(2) };
    config.lobby.hall.page = 3;
    config.sessions.unacked_frames_max = 12;
    config.sessions.per_guest_max = 3;
    config.sessions.frames_burst = 30;
    config.ice_refresh = Duration::from_mins(2);
    let (keeper, keeps) = Keeper::watched();
    let ice = Arc::new(IceVendor::new(Vec::new()));
    let around = Around { ice, signer: Arc::clone(signer), metrics: Arc::new(Metrics::new()) };
    let mut hub = Hub::new(config, around, keeper, [start; 32]);
    hub.lobby.look_on();
    (hub, keeps)
}

fn only_ack(ack: u64) -> ClientFrame {
    ClientFrame { seq: 0, ack, request_id: String::new(), command: None::<Result<Asked, Error>> }
}

impl World {
    fn new(seed: u64) -> Self {
        let signer = Arc::new(CallSigner::new([7; 32]));
        let (hub, keeps) = hub(0, &signer);
        let clients = (0..CLIENTS).map(|number| {
            let id = number as u128 % GUESTS;
            let name = format!("guest{id}");
            let guest = Guest { id: GuestId::from_bits(id), display_name: name.clone(), name };
            Client::new(number, Arc::new(guest))
        });
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            hub,
            now: Duration::ZERO,
            clients: clients.collect(),
            lines: BTreeMap::new(),
            lines_made: 0,
            browsers: seed % 2 == 1,
            sends: Sends::default(),
            keeps,
            signer,
            starts: 0,
            blocks: BTreeSet::new(),
            over: BTreeSet::new(),
            met: BTreeMap::new(),
            seen: BTreeSet::new(),
            figures: Figures::default(),
        }
    }

    fn step(&mut self) {
        let longest = if self.rng.random_bool(0.01) { 40_000 } else { 300 };
        let span = Duration::from_millis(self.rng.random_range(0..longest));
        self.advance(self.now + span);
        let number = self.rng.random_range(0..CLIENTS);
        match self.rng.random_range(0..100) {
            0..50 => self.something_arrives(),
            50..78 => self.asks(number),
            78..81 => self.repeats(number),
            81..84 => self.breaks(number),
            84..92 => self.waits(number),
            92 => self.says_block(number),
            93 => self.accepts_at_the_deadline(number),
            94 if self.rng.random_bool(0.3) => self.leaves(number),
            95 => self.loses_its_match(number),
            96 if self.rng.random_bool(0.1) => self.is_ended(number),
            97 if self.rng.random_bool(0.1) => self.restarts(),
            _ => self.connects(number),
        }
    }

    /// Lets time go by as the hub's task would: what is due happens when it is due.
    fn advance(&mut self, to: Duration) {
        loop {
            let lines = self.lines.values().flat_map(|line| [line.silence_ends, line.opens_at]);
            let due = lines.flatten().chain(self.hub.next_deadline()).min();
            let Some(at) = due.filter(|&at| at <= to) else { break };
            self.now = self.now.max(at);
            self.hub.tick(self.now);
            self.writes_down();
            for at in self.lines.keys().copied().collect::<Vec<_>>() {
                self.line_is_due(at);
            }
        }
        self.now = to;
        self.hub.tick(to);
    }

    fn line_is_due(&mut self, at: usize) {
        let now = self.now;
        if self.lines[&at].opens_at.is_some_and(|due| due <= now) {
            self.opens(at);
        }
        let line = self.lines.get_mut(&at).expect("listed just before");
        if line.silence_ends.take_if(|due| *due <= now).is_some() {
            if !line.deaf {
                self.is_detached(at, Some(Error::HeartbeatLost));
            }
            let line = self.lines.get_mut(&at).expect("lines go in one place alone");
            if !line.left {
                line.left = true;
                self.clients[line.client].line = None;
            }
        }
    }

    fn something_arrives(&mut self) {
        for at in self.lines.keys().copied().collect::<Vec<_>>() {
            let most = self.rng.random_range(1..8);
            match self.rng.random_range(0..6) {
                0 | 1 => {
                    self.carry_up(at, most);
                }
                2 | 3 if self.is_read(at) => {
                    self.carry_down(at, most);
                }
                // Nothing gets through for now.
                _ => {}
            }
        }
        self.some_sends_arrive();
        self.lines.retain(|_, line| !line.is_over());
        for client in &mut self.clients {
            client.reads_lines();
        }
    }

    /// A client opens a connection. Where it has one that may still work, nobody tells the server of its end.
    fn connects(&mut self, number: usize) {
        let client = &self.clients[number];
        let attached = client.line.is_some() && client.welcomed;
        if client.line.is_some() && !(attached && self.rng.random_bool(0.3)) {
            return;
        }
        self.gives_up_line(number);
        let (resume, call_token) = self.clients[number].hello();
        self.figures.resumed_elsewhere += u64::from(attached && resume.is_some());
        self.lines_made += 1;
        let beside = self.browsers && self.rng.random_bool(0.5);
        let mut line = Line::new(number, beside);
        line.up.push_back(Up::Hello { resume, call_token });
        self.lines.insert(self.lines_made, line);
        self.clients[number].line = Some(self.lines_made);
        self.clients[number].welcomed = false;
    }

    /// The client hears nothing more on its connection. What is on its way to the server may get there.
    fn gives_up_line(&mut self, number: usize) {
        let Some(at) = self.clients[number].line.take() else { return };
        let Some(line) = self.lines.get_mut(&at) else { return };
        line.left = true;
        line.down.clear();
        let span = Duration::from_millis(self.rng.random_range(0..SILENCE.as_millis() as u64));
        line.silence_ends = Some(self.now + span);
    }

    /// A connection breaks: for both at once, for the client alone, or for the server alone.
    fn breaks(&mut self, number: usize) {
        let Some(at) = self.clients[number].line else { return };
        let how = self.rng.random_range(0..4);
        if how == 0 {
            return self.gives_up_line(number);
        }
        let Some(line) = self.lines.get_mut(&at) else { return };
        // Some of it may have arrived before.
        let kept = self.rng.random_range(0..=line.up.len());
        line.up.truncate(kept);
        if how == 1 {
            self.gives_up_line(number);
            self.is_detached(at, None);
        } else if !line.deaf {
            let span = Duration::from_millis(self.rng.random_range(0..SILENCE.as_millis() as u64));
            line.silence_ends = Some(self.now + span);
            self.is_detached(at, None);
        }
    }

    fn says(&mut self, number: usize, said: Option<client::Said>) {
        let client = &mut self.clients[number];
        let Some(said) = said else { return };
        // What is said before the welcome waits in the link.
        if let Some(at) = client.line.filter(|_| client.welcomed) {
            let ack = client.link.ack();
            self.puts(at, vec![Up::Said(said, ack)]);
        }
    }

    fn asks(&mut self, number: usize) {
        if self.clients[number].session.is_none() {
            return;
        }
        let calls: Vec<CallId> = self.hub.lobby.going().map(|going| going.id).collect();
        let probes = self.rng.random_bool(0.6);
        let mut said = probes.then(|| self.clients[number].probes()).flatten();
        if said.is_none() {
            let command = self.clients[number].wants(&mut self.rng, GUESTS, &calls);
            said = self.clients[number].asks(command);
        }
        self.says(number, said);
    }

    /// A client says again what is not acknowledged, or only acknowledges.
    fn repeats(&mut self, number: usize) {
        let client = &mut self.clients[number];
        let known = |at: &usize| self.lines.contains_key(at);
        let Some(at) = client.line.filter(|_| client.welcomed).filter(known) else { return };
        let ack = client.link.ack();
        if self.rng.random_bool(0.5) {
            return self.puts(at, vec![Up::Ack(ack)]);
        }
        let acked = client.link.sent() - client.link.unacked() as u64;
        let again: Vec<_> =
            client.link.resume(acked).expect("that is what is acknowledged").cloned().collect();
        self.figures.repeats += again.len() as u64;
        self.puts(at, again.into_iter().map(|said| Up::Said(said, ack)).collect());
    }

    fn waits(&mut self, number: usize) {
        let Some(known) = &self.clients[number].session else { return };
        let (session, guest) = (known.id, self.clients[number].guest.id);
        let mut words = |words: [&str; 2]| {
            words.into_iter().filter(|_| self.rng.random_bool(0.3)).map(Arc::from).collect()
        };
        let criteria =
            Criteria { tags: words(["chess", "go"]), languages: words(["de", "fr"]), ..Criteria::default() };
        let request_id = self.rng.random_range(0..3).to_string();
        let (lines, reader) = mpsc::channel(4);
        let (reply, mut answer) = oneshot::channel();
        let join = Join { session, guest, request_id, criteria };
        self.hub.take(self.now, Message::Match { join, lines, reply });
        if let Ok(stream) = answer.try_recv().expect("the hub answers at once") {
            let client = &mut self.clients[number];
            client.reads_lines();
            client.waiting = Some(Waiting { stream, lines: reader });
            client.reads_lines();
        }
    }

    fn loses_its_match(&mut self, number: usize) {
        if let Some(waiting) = self.clients[number].waiting.take() {
            self.hub.take(self.now, Message::MatchLost { stream: waiting.stream });
        }
    }

    /// A block is on disk before the hub learns of it.
    fn says_block(&mut self, number: usize) {
        let by = self.clients[number].guest.id;
        let whom = GuestId::from_bits(self.rng.random_range(0..GUESTS));
        if by == whom {
            return;
        }
        let input = if self.rng.random_bool(0.4) {
            self.blocks.insert((by, whom));
            Input::Blocked { by, whom }
        } else {
            self.blocks.remove(&(by, whom));
            Input::Unblocked { by, whom }
        };
        self.hub.take(self.now, Message::Happened(input));
    }

    /// A callee takes the call in the last moment, or just too late.
    fn accepts_at_the_deadline(&mut self, number: usize) {
        let client = &self.clients[number];
        let Some(at) = client.line.filter(|_| client.welcomed) else { return };
        let rings =
            |view: &&crate::calls::CallView| view.state == CallState::Ringing && view.side == Side::Second;
        let Some(view) = client.call.as_ref().map(|held| &held.view).filter(rings) else { return };
        let (id, deadline) = (view.id, view.expires_at.expect("a call does not ring for ever"));
        let early = Duration::from_millis(self.rng.random_range(0..2));
        self.advance(self.now.max(deadline.saturating_sub(early)));
        let (guest, session) = (self.clients[number].guest.id, self.clients[number].session.clone());
        let state = |world: &Self| {
            let view = session.as_ref().and_then(|known| world.hub.lobby.view(guest, known.id));
            view.filter(|view| view.id == id).map(|view| view.state)
        };
        assert!(self.now < deadline || state(self) != Some(CallState::Ringing), "it rings beyond its time");
        let before = state(self);
        let said = self.clients[number].asks(Command::AcceptCall(id));
        let on_time = said.is_some();
        self.says(number, said);
        while self.carry_up(at, 100) | self.sends_arrive() {}
        let reached = self.clients[number].line == Some(at) && on_time;
        if before == Some(CallState::Ringing) && reached && state(self) == Some(CallState::Connecting) {
            self.figures.accepted_late += 1;
        }
    }

    fn leaves(&mut self, number: usize) {
        self.loses_its_match(number);
        let client = &mut self.clients[number];
        let known = |at: &usize| self.lines.contains_key(at);
        let line = client.line.filter(|_| client.welcomed).filter(known);
        if let Some(at) = line.filter(|_| self.rng.random_bool(0.5)) {
            client.call = None;
            self.puts(at, vec![Up::Bye]);
        }
        self.gives_up_line(number);
        let client = &mut self.clients[number];
        client.forgets();
    }

    /// All logins of a guest end.
    fn is_ended(&mut self, number: usize) {
        let guest = self.clients[number].guest.id;
        self.hub.take(self.now, Message::EndSessions { whose: Whose::Guest(guest), why: Error::LoginEnded });
        assert_eq!(self.hub.lobby.sessions_of(guest), 0, "{guest} is still there");
        assert_eq!(self.hub.lobby.occupation(guest), Occupation::Free, "{guest} is still in a call");
    }

    /// The server is started anew, after a drain or without.
    fn restarts(&mut self) {
        if self.rng.random_bool(0.5) {
            let span = Duration::from_secs(5);
            let go_away = GoAway { reconnect_after: span, jitter: span, deadline: span };
            let (reply, mut drained) = oneshot::channel();
            self.hub.take(self.now, Message::Drain { go_away, reply });
            self.advance(self.now + span);
            assert!(drained.try_recv().is_ok(), "drained at the deadline at the latest");
        }
        self.writes_down();
        self.starts += 1;
        self.figures.restarts += 1;
        (self.hub, self.keeps) = hub(self.starts, &self.signer);
        self.met.clear();
        self.lines.values_mut().for_each(Line::loses_server);
        for client in &mut self.clients {
            client.waiting = None;
        }
    }

    /// What the history would read from a call's token.
    fn claim(&self, me: GuestId, token: &str) -> Result<Claim, Error> {
        let proof = self.signer.verify(SystemTime::now(), token).ok_or(Error::CallTokenInvalid)?;
        let (side, owner, peer) = match proof.role {
            CallRole::Offerer => (Side::First, proof.offerer, proof.answerer),
            CallRole::Answerer => (Side::Second, proof.answerer, proof.offerer),
        };
        if owner != me || self.over.contains(&proof.call) {
            return Err(Error::CallTokenInvalid);
        }
        let peer = self.clients.iter().find(|client| client.guest.id == peer).expect("a guest of ours");
        Ok(Claim {
            call: proof.call,
            side,
            peer: peer.guest.clone(),
            origin: if proof.matched { Origin::Matched } else { Origin::Placed },
            route_policy: if proof.relay_only { RoutePolicy::RelayOnly } else { RoutePolicy::Any },
            age: Duration::from_secs(1),
            connected_for: None,
        })
    }
}

#[test]
fn all_parties_agree_over_seeded_schedules() {
    let (mut all, mut seeds) = (Figures::default(), 0);
    seeds::each("hub::simulation", &FAILED_ONCE, 0..SEEDS, |seed| {
        let mut world = World::new(seed);
        for _ in 0..STEPS {
            world.step();
            world.check();
        }
        world.comes_to_rest();
        world.check_agreement();
        world.goes_home();
        all.add(&world);
        seeds += 1;
    });
    println!("{seeds} seeds: {all:?}");
    if seeds >= SEEDS {
        all.check();
    }
}

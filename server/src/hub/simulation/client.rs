//! A client of the simulated world: its end of the link, and all it believes from what it was told. Fails when a
//! frame is lost, doubled or out of order and no gap was said.

use crate::calls::{CallState, CallView, Candidate, Negotiation, Route, Side};
use crate::error::Error;
use crate::guest::{SharedGuest, Wish};
use crate::hub::handle::{Asked, ClientFrame, MatchLine};
use crate::hub::outgoing::{Body, Frame, Item, Outgoing, Welcome};
use crate::hub::sessions::ResumeRequest;
use crate::lobby::{Command, HallDelta, HallSnapshot, MatchNews, Shown, Target, Watch};
use castle::ids::{CallId, GuestId, LoginId, SessionId};
use castle::link::{Arrival, Link};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use tokio::sync::mpsc;

/// What a client may leave unacknowledged here: little, so that it is reached.
const UNACKED_MAX: usize = 24;

/// A frame of a client, as its link keeps it.
#[derive(Debug, Clone)]
pub(super) struct Said {
    pub(super) seq: u64,
    pub(super) request_id: String,
    pub(super) command: Command,
}

impl Said {
    /// As it arrives at the hub.
    pub(super) fn with_ack(self, ack: u64) -> ClientFrame {
        let command = Some(Ok(Asked::Lobby(self.command)));
        ClientFrame { seq: self.seq, ack, request_id: self.request_id, command }
    }
}

/// A session, as its client knows it.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) id: SessionId,
    pub(super) token: String,
    pub(super) epoch: u64,
}

/// The call a client believes to be in.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) view: CallView,
    pub(super) token: String,
}

/// A Match stream that has not said its last line.
pub(super) struct Waiting {
    pub(super) stream: u64,
    pub(super) lines: mpsc::Receiver<MatchLine>,
}

/// Numbers of the probes that came from one client in one call.
#[derive(Debug, Default, Clone, Copy)]
struct Heard {
    last: u64,
    /// How many gaps this client had been told of then.
    gaps: u64,
}

/// A probe that has not come where a later one has: (call, who said it, number).
pub(super) type Missing = (CallId, usize, u64);

/// One client program.
pub(super) struct Client {
    pub(super) number: usize,
    pub(super) guest: SharedGuest,
    pub(super) login: LoginId,
    pub(super) link: Link<Said>,
    pub(super) session: Option<Known>,
    /// The connection it speaks on.
    pub(super) line: Option<usize>,
    pub(super) welcomed: bool,
    /// The last connection it was welcome on was a Subscribe.
    pub(super) beside: bool,
    pub(super) call: Option<Held>,
    pub(super) hall: BTreeMap<GuestId, Shown>,
    pub(super) hall_version: u64,
    shown_watch: u64,
    watches: u64,
    epoch: u64,
    asked: u64,
    /// Requests of which each gets one answer, in order.
    echoes: VecDeque<String>,
    /// How often it was told that what it had was lost.
    pub(super) gaps: u64,
    probes: BTreeMap<CallId, u64>,
    /// Which probe each request is.
    asked_probes: BTreeMap<String, (CallId, u64)>,
    heard: BTreeMap<(CallId, usize), Heard>,
    /// Of its own probes, those that are known not to arrive.
    pub(super) excused: BTreeSet<(CallId, u64)>,
    pub(super) missing: Vec<Missing>,
    pub(super) waiting: Option<Waiting>,
    pub(super) heard_frames: u64,
    pub(super) resumed: u64,
    pub(super) taken_up: u64,
}

impl Client {
    pub(super) fn new(number: usize, guest: SharedGuest) -> Self {
        Self {
            number,
            guest,
            login: LoginId::from_bits(number as u128 + 1),
            link: Link::with_bounds(UNACKED_MAX, usize::MAX),
            session: None,
            line: None,
            welcomed: false,
            beside: false,
            call: None,
            hall: BTreeMap::new(),
            hall_version: 0,
            shown_watch: 0,
            watches: 0,
            epoch: 1,
            asked: 0,
            echoes: VecDeque::new(),
            gaps: 0,
            probes: BTreeMap::new(),
            asked_probes: BTreeMap::new(),
            heard: BTreeMap::new(),
            excused: BTreeSet::new(),
            missing: Vec::new(),
            waiting: None,
            heard_frames: 0,
            resumed: 0,
            taken_up: 0,
        }
    }

    /// What it says first on a new connection.
    pub(super) fn hello(&mut self) -> (Option<ResumeRequest>, String) {
        let resume = self.session.as_ref().map(|known| {
            self.epoch = self.epoch.max(known.epoch) + 1;
            ResumeRequest {
                token: known.token.clone(),
                received_seq: self.link.received(),
                epoch: self.epoch,
            }
        });
        (resume, self.call.as_ref().map_or_else(String::new, |held| held.token.clone()))
    }

    /// The program was killed: nothing of the session is left, but for the token of the call.
    pub(super) fn forgets(&mut self) {
        self.session = None;
        self.begins_anew();
    }

    /// Something of the session is lost, and it knows.
    fn begins_anew(&mut self) {
        self.link = Link::with_bounds(UNACKED_MAX, usize::MAX);
        self.gaps += 1;
        self.echoes.clear();
        self.welcomed = false;
        for (&call, &said) in &self.probes {
            self.excused.extend((1..=said).map(|number| (call, number)));
        }
    }

    /// Asks for something. Nothing where too much is unacknowledged.
    pub(super) fn asks(&mut self, command: Command) -> Option<Said> {
        self.asked += 1;
        let echo = matches!(command, Command::SetAvailability(_));
        let request_id = format!("{} {}", if echo { "echo" } else { "ask" }, self.asked);
        let make = |seq| (Said { seq, request_id: request_id.clone(), command }, 1);
        let said = self.link.send(make).ok()?.clone();
        if echo {
            self.echoes.push_back(said.request_id.clone());
        }
        Some(said)
    }

    /// A numbered frame for the other end of its call.
    pub(super) fn probes(&mut self) -> Option<Said> {
        let joined = |held: &&Held| matches!(held.view.state, CallState::Connecting | CallState::Connected);
        let call = self.call.as_ref().filter(joined)?.view.id;
        let number = self.probes.get(&call).copied().unwrap_or_default() + 1;
        let candidate = Candidate { candidate: format!("{} {number}", self.number), ..Candidate::default() };
        let said = self.asks(Command::Negotiate(call, Negotiation::Candidate(candidate)))?;
        self.probes.insert(call, number);
        self.asked_probes.insert(said.request_id.clone(), (call, number));
        Some(said)
    }

    /// Something a person might want.
    pub(super) fn wants(&mut self, rng: &mut ChaCha8Rng, guests: u128, calls: &[CallId]) -> Command {
        let own = self.call.as_ref().map(|held| held.view.id);
        let any = (!calls.is_empty()).then(|| calls[rng.random_range(0..calls.len())]);
        let call = own.filter(|_| rng.random_bool(0.9)).or(any).unwrap_or(CallId::from_bits(7));
        match self.call.as_ref().map(|held| (held.view.state, held.view.side)) {
            Some((CallState::Ringing, Side::Second)) if rng.random_bool(0.3) => {
                return Command::AcceptCall(call);
            }
            Some((CallState::Connecting, _)) if rng.random_bool(0.4) => {
                return Command::MediaConnected(call, Route::Host);
            }
            // Most calls last for some steps.
            Some((CallState::Connected, _)) if rng.random_bool(0.6) => {
                return Command::SetAvailability(Wish::Available);
            }
            _ => {}
        }
        match rng.random_range(0..20) {
            0..4 => Command::SetAvailability(
                [Wish::Available, Wish::Available, Wish::DoNotDisturb, Wish::Invisible]
                    [rng.random_range(0..4)],
            ),
            4..8 => Command::PlaceCall(Target::Guest(GuestId::from_bits(rng.random_range(0..guests)))),
            8 => Command::PlaceCall(Target::NextAvailable),
            9..12 => Command::AcceptCall(call),
            12 => Command::DeclineCall(call),
            13 => Command::CancelCall(call),
            14 => Command::HangUp { call, failed: rng.random_bool(0.3) },
            15..17 => Command::MediaConnected(call, Route::Host),
            17 => Command::LeaveMatch,
            18 => Command::Negotiate(call, Negotiation::Offer("v=0".to_owned())),
            _ => {
                self.watches += 1;
                let query = ["", "guest", "guest1", "nobody"][rng.random_range(0..4)].to_owned();
                let after = rng.random_bool(0.3).then(|| "guest1".to_owned());
                Command::WatchHall(Watch { number: self.watches, query, after })
            }
        }
    }

    /// Something came on its connection. What is to be said again, if it was the welcome.
    pub(super) fn hears(&mut self, outgoing: Outgoing) -> Vec<Said> {
        let Outgoing { ack, item } = outgoing;
        match item {
            Item::Welcome(welcome) => return self.is_welcomed(*welcome),
            Item::Frame(frame) => self.takes(&frame),
            Item::HallSnapshot(hall) => self.sees(&hall),
            Item::HallDelta(delta) => self.sees_change(&delta.value),
            Item::Unnumbered { in_reply_to, .. } => panic!("{in_reply_to} had a number"),
            Item::Ack | Item::Ping(_) | Item::Pong(_) | Item::GoAway(_) => {}
        }
        self.link.acknowledge(ack).expect("only what was said is acknowledged");
        Vec::new()
    }

    fn is_welcomed(&mut self, welcome: Welcome) -> Vec<Said> {
        if !welcome.resumed {
            self.begins_anew();
        }
        self.resumed += u64::from(welcome.resumed);
        assert!(welcome.resumed || self.link.sent() == 0);
        self.welcomed = true;
        self.epoch = self.epoch.max(welcome.epoch);
        let Welcome { session, resume_token, epoch, hall, call, .. } = welcome;
        self.session = Some(Known { id: session, token: resume_token, epoch });
        // The newest state; what is replayed leads up to it.
        self.call = call.map(|news| Held { token: news.token.unwrap_or_default(), view: news.view });
        self.sees(&hall);
        let again = self.link.resume(welcome.received_seq).expect("both ends speak of the same session");
        again.cloned().collect()
    }

    fn takes(&mut self, frame: &Frame) {
        match self.link.receive(frame.seq).expect("no frame is missing") {
            Arrival::Duplicate => return,
            Arrival::Deliver => self.heard_frames += 1,
        }
        if frame.in_reply_to.starts_with("echo") {
            assert_eq!(self.echoes.pop_front().as_ref(), Some(&frame.in_reply_to), "answered in order, once");
        }
        match &frame.body {
            Body::Call(news) => self.is_told(&news.view, news.token.clone().unwrap_or_default()),
            Body::Negotiation(call, Negotiation::Candidate(said)) => self.hears_probe(*call, &said.candidate),
            Body::Refused(_) => self.is_refused(&frame.in_reply_to),
            Body::Negotiation(..) | Body::Me(_) | Body::Ice(_) | Body::TokenRenewed(_) => {}
        }
    }

    fn is_told(&mut self, view: &CallView, token: String) {
        match (&self.call, view.state) {
            // A busy callee's call is over at once and was never this client's.
            (Some(own), CallState::Ended(_)) if own.view.id != view.id => {}
            (_, CallState::Ended(_)) => self.call = None,
            _ => {
                self.taken_up += u64::from(view.older > Duration::ZERO);
                self.call = Some(Held { view: view.clone(), token });
            }
        }
    }

    fn hears_probe(&mut self, call: CallId, said: &str) {
        let (from, number) = said.split_once(' ').expect("a client and a number");
        let (from, number): (usize, u64) =
            (from.parse().expect("a number"), number.parse().expect("a number"));
        assert_ne!(from, self.number, "one's own words come back");
        let heard = self.heard.entry((call, from)).or_default();
        assert!(number > heard.last, "probe {number} of client {from} comes after {}", heard.last);
        if heard.gaps == self.gaps {
            self.missing.extend((heard.last + 1..number).map(|number| (call, from, number)));
        }
        *heard = Heard { last: number, gaps: self.gaps };
    }

    fn is_refused(&mut self, request_id: &str) {
        self.excused.extend(self.asked_probes.get(request_id));
    }

    fn sees(&mut self, hall: &HallSnapshot) {
        (self.hall_version, self.shown_watch) = (hall.version, hall.watch);
        self.hall = hall.rows.iter().map(|row| (row.guest.id, row.shown)).collect();
    }

    fn sees_change(&mut self, delta: &HallDelta) {
        assert_eq!(delta.watch, self.shown_watch, "a change of another watch");
        assert_eq!(delta.change.from, self.hall_version, "a change of the hall is missing");
        self.hall_version = delta.change.version;
        for row in delta.change.changed.iter().filter(|row| row.guest.id != self.guest.id) {
            self.hall.insert(row.guest.id, row.shown);
        }
        for left in &delta.change.left {
            self.hall.remove(left);
        }
    }

    /// Reads what its Match stream says. The last line ends it.
    pub(super) fn reads_lines(&mut self) -> Option<MatchNews> {
        let waiting = self.waiting.as_mut()?;
        while let Ok(line) = waiting.lines.try_recv() {
            let news = match line {
                MatchLine::News(MatchNews::Queued(_)) => continue,
                MatchLine::News(news) => Some(news),
                MatchLine::Superseded => None,
            };
            self.waiting = None;
            return news;
        }
        None
    }

    /// Its stream was ended by the server.
    pub(super) fn is_cut_off(&mut self, why: &Error) {
        (self.line, self.welcomed) = (None, false);
        if matches!(why, Error::LoginEnded | Error::Banned) {
            self.call = None;
        }
    }

    /// At rest nothing is on its way.
    pub(super) fn check_nothing_is_open(&self) {
        assert_eq!(self.echoes, VecDeque::<String>::new(), "client {}: not answered", self.number);
        assert_eq!(self.link.unacked(), 0, "client {}: not acknowledged", self.number);
    }
}

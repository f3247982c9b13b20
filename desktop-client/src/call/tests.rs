//! Calls as stories, then thousands of seeded schedules with the machine's promises checked at each step.

use super::*;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeSet;

mod ringing;

fn info(id: u128, origin: Origin, phase: Phase) -> CallInfo {
    CallInfo {
        id: CallId::from_bits(id),
        peer: "Bea".into(),
        peer_guest: None,
        peer_name: "bea".into(),
        phase,
        origin,
        relay_only: false,
        presence: Presence::Present,
        rings: None,
    }
}

/// A machine with a clock that the story moves.
struct Story {
    machine: CallMachine,
    now: Instant,
}

impl Story {
    fn begin() -> Self {
        Self { machine: CallMachine::default(), now: Instant::now() }
    }

    fn hears(&mut self, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.machine.handle(self.now, input, &mut effects);
        effects
    }

    fn waits(&mut self, time: Duration) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.now += time;
        self.machine.tick(self.now, &mut effects);
        effects
    }

    /// A call that I placed, accepted and connected.
    fn connected(origin: Origin) -> Self {
        let mut story = Self::begin();
        story.hears(Input::Server(info(1, origin, Phase::Ringing)));
        let role = if origin == Origin::Received { Role::Answerer } else { Role::Offerer };
        story.hears(Input::Server(info(1, origin, Phase::Connecting(role))));
        story.hears(Input::PathUp(ID, Route::Host));
        assert_eq!(story.hears(Input::BothUp(ID)), [Effect::OpenGates]);
        story
    }

    fn over(&self) -> Option<Reason> {
        match &self.machine.state {
            State::Over { reason, .. } => Some(*reason),
            _ => None,
        }
    }
}

const ID: CallId = CallId::from_bits(1);

#[test]
fn a_placed_call_rings_connects_and_opens_the_gates_only_when_both_ends_are_up() {
    let mut story = Story::begin();
    let place = story.hears(Input::Place(Target::Name("bea".into())));
    assert_eq!(place, [Effect::Send(Frame::Place(Target::Name("bea".into())))]);
    let open = story.hears(Input::Server(info(1, Origin::Placed, Phase::Ringing)));
    assert_eq!(open, [Effect::OpenPeer { call: ID, offers: true, relay_only: false }]);
    let offer = Negotiation::Offer("v=0".into());
    let sent = story.hears(Input::Local(ID, offer.clone()));
    assert_eq!(sent, [Effect::Send(Frame::Negotiation(ID, offer))]);
    let agreed = story.hears(Input::Server(info(1, Origin::Placed, Phase::Connecting(Role::Offerer))));
    assert_eq!(agreed, [Effect::Converse]);
    let answer = Negotiation::Answer("v=0".into());
    assert_eq!(story.hears(Input::Remote(ID, answer.clone())), [Effect::ToPeer(answer)]);
    let up = story.hears(Input::PathUp(ID, Route::Relay));
    assert_eq!(up, [Effect::Send(Frame::MediaConnected(ID, Route::Relay))]);
    let connected = story.hears(Input::Server(info(1, Origin::Placed, Phase::Connected(Role::Offerer))));
    assert_eq!(connected, [Effect::OpenGates]);
    story.now += Duration::from_secs(5);
    let over = story.hears(Input::HangUp);
    assert_eq!(
        over,
        [
            Effect::Send(Frame::HangUp { call: ID, failed: false }),
            Effect::ClosePeer,
            Effect::Ended(ID, Reason::HungUp)
        ]
    );
    let lasted = Some(Duration::from_secs(5));
    assert!(matches!(story.machine.state, State::Over { lasted: l, .. } if l == lasted));
}

fn offer(text: &str) -> Negotiation {
    Negotiation::Offer(text.into())
}

fn candidate() -> Negotiation {
    let candidate = "c".into();
    Negotiation::Candidate(Candidate { candidate, mid: "0".into(), index: 0, ufrag: String::new() })
}

const ANSWERS: Effect = Effect::OpenPeer { call: ID, offers: false, relay_only: false };

#[test]
fn while_it_rings_here_the_answer_is_made_and_after_the_accept_nothing_is_made_twice() {
    let mut story = Story::begin();
    assert_eq!(story.hears(Input::Server(info(1, Origin::Received, Phase::Ringing))), [ANSWERS]);
    for said in [offer("v=0"), candidate()] {
        assert_eq!(story.hears(Input::Remote(ID, said.clone())), [Effect::ToPeer(said)]);
    }
    let answer = Negotiation::Answer("v=0".into());
    let sent = story.hears(Input::Local(ID, answer.clone()));
    assert_eq!(sent, [Effect::Send(Frame::Negotiation(ID, answer))]);
    assert_eq!(story.hears(Input::Accept), [Effect::Send(Frame::Accept(ID))]);
    let connecting = info(1, Origin::Received, Phase::Connecting(Role::Answerer));
    assert_eq!(story.hears(Input::Server(connecting)), [Effect::Converse]);
    assert_eq!(story.hears(Input::Remote(ID, offer("v=0"))), [], "the server says it again");
    assert_eq!(story.hears(Input::Remote(ID, offer("v=1"))), [Effect::ToPeer(offer("v=1"))]);
}

#[test]
fn a_device_that_is_not_the_one_to_answer_puts_away_what_it_prepared() {
    let mut story = Story::begin();
    story.hears(Input::Server(info(1, Origin::Received, Phase::Ringing)));
    story.hears(Input::Remote(ID, offer("v=0")));
    let elsewhere = info(1, Origin::Received, Phase::Ended(Reason::AnsweredElsewhere));
    let ended = Effect::Ended(ID, Reason::AnsweredElsewhere);
    assert_eq!(story.hears(Input::Server(elsewhere)), [Effect::ClosePeer, ended]);
    assert_eq!(story.hears(Input::Local(ID, candidate())), []);
}

#[test]
fn a_caller_who_begins_anew_is_prepared_for_anew() {
    let mut story = Story::begin();
    story.hears(Input::Server(info(1, Origin::Received, Phase::Ringing)));
    story.hears(Input::Remote(ID, offer("v=0")));
    let again = story.hears(Input::Remote(ID, offer("v=1")));
    assert_eq!(again, [Effect::ClosePeer, ANSWERS, Effect::ToPeer(offer("v=1"))]);
}

#[test]
fn nothing_is_heard_from_a_callee_who_has_not_accepted() {
    let mut story = Story::begin();
    story.hears(Input::Server(info(1, Origin::Placed, Phase::Ringing)));
    for said in [Negotiation::Answer("v=0".into()), candidate(), offer("v=0")] {
        assert_eq!(story.hears(Input::Remote(ID, said)), []);
    }
}

#[test]
fn what_cannot_be_prepared_takes_the_call_back_or_fails_it_when_it_is_accepted() {
    let mut story = Story::begin();
    story.hears(Input::Server(info(1, Origin::Placed, Phase::Ringing)));
    let failed = Effect::Ended(ID, Reason::Failed);
    let effects = story.hears(Input::PathFailed(ID));
    assert_eq!(effects, [Effect::Send(Frame::Cancel(ID)), Effect::ClosePeer, failed.clone()]);

    let mut story = Story::begin();
    story.hears(Input::Server(info(1, Origin::Received, Phase::Ringing)));
    assert_eq!(story.hears(Input::PathFailed(ID)), [Effect::ClosePeer]);
    assert_eq!(story.hears(Input::Accept), [Effect::Send(Frame::Accept(ID))]);
    let accepted = story.hears(Input::Server(info(1, Origin::Received, Phase::Connecting(Role::Answerer))));
    assert_eq!(accepted, [Effect::Send(Frame::HangUp { call: ID, failed: true }), failed]);
}

#[test]
fn a_new_session_is_told_again_what_the_lost_one_said_while_it_rang() {
    let mut story = Story::begin();
    let ringing = info(1, Origin::Received, Phase::Ringing);
    story.hears(Input::Server(ringing.clone()));
    story.hears(Input::Remote(ID, offer("v=0")));
    story.hears(Input::Accept);
    let again = story.hears(Input::SessionLost(Some(ringing)));
    assert_eq!(again, [Effect::ClosePeer, ANSWERS, Effect::Send(Frame::Accept(ID))]);
    assert_eq!(story.hears(Input::Remote(ID, offer("v=0"))), [Effect::ToPeer(offer("v=0"))]);
}

#[test]
fn a_late_word_of_the_server_does_not_raise_a_call_that_is_over() {
    let mut story = Story::connected(Origin::Placed);
    story.hears(Input::HangUp);
    assert_eq!(story.hears(Input::Server(info(1, Origin::Placed, Phase::Connected(Role::Offerer)))), []);
    assert_eq!(story.hears(Input::Server(info(1, Origin::Placed, Phase::Ended(Reason::PeerHungUp)))), []);
    assert_eq!(story.over(), Some(Reason::HungUp));
}

#[test]
fn frames_of_another_call_are_ignored() {
    let mut story = Story::connected(Origin::Placed);
    let other = CallId::from_bits(2);
    let candidate = Candidate { candidate: "c".into(), mid: "0".into(), index: 0, ufrag: String::new() };
    assert_eq!(story.hears(Input::Remote(other, Negotiation::Candidate(candidate.clone()))), []);
    assert_eq!(story.hears(Input::Local(other, Negotiation::Offer(String::new()))), []);
    assert_eq!(story.hears(Input::PathFailed(other)), []);
    let late = Negotiation::Candidate(candidate);
    assert_eq!(story.hears(Input::Remote(ID, late.clone())), [Effect::ToPeer(late)]);
}

#[test]
fn either_end_of_a_connected_call_may_offer_a_new_way() {
    for origin in [Origin::Placed, Origin::Received] {
        let mut story = Story::connected(origin);
        story.hears(Input::Remote(ID, Negotiation::Answer("v=first".into())));
        for what in [Negotiation::Offer("v=0".into()), Negotiation::Answer("v=0".into())] {
            assert_eq!(story.hears(Input::Remote(ID, what.clone())), [Effect::ToPeer(what)]);
        }
    }
}

#[test]
fn a_description_of_the_wrong_kind_is_ignored() {
    let mut story = Story::begin();
    story.hears(Input::Server(info(1, Origin::Matched, Phase::Connecting(Role::Answerer))));
    assert_eq!(story.hears(Input::Remote(ID, Negotiation::Answer("v=0".into()))), []);
    let offer = Negotiation::Offer("v=0".into());
    assert_eq!(story.hears(Input::Remote(ID, offer.clone())), [Effect::ToPeer(offer)]);
}

#[test]
fn glare_becomes_one_call() {
    let mut story = Story::begin();
    story.hears(Input::Place(Target::Name("bea".into())));
    story.hears(Input::Server(info(1, Origin::Placed, Phase::Ringing)));
    let effects = story.hears(Input::Server(info(2, Origin::Received, Phase::Connecting(Role::Answerer))));
    let two = CallId::from_bits(2);
    let open = Effect::OpenPeer { call: two, offers: false, relay_only: false };
    let superseded = Effect::Ended(ID, Reason::Superseded);
    assert_eq!(effects, [Effect::ClosePeer, superseded, open, Effect::Converse]);
    assert_eq!(story.hears(Input::Server(info(1, Origin::Placed, Phase::Ended(Reason::Superseded)))), []);
    assert_eq!(story.machine.live().map(|call| call.id), Some(two));
}

#[test]
fn a_connection_that_never_comes_up_ends_as_failed() {
    let mut story = Story::begin();
    story.hears(Input::Server(info(1, Origin::Matched, Phase::Connecting(Role::Offerer))));
    assert_eq!(story.waits(CONNECT_TIMEOUT.saturating_sub(Duration::from_millis(1))), []);
    let effects = story.waits(Duration::from_millis(1));
    assert_eq!(effects[0], Effect::Send(Frame::HangUp { call: ID, failed: true }));
    assert_eq!(story.over(), Some(Reason::Failed));
}

#[test]
fn a_match_that_ends_before_media_came_failed_where_the_other_end_was_heard_of() {
    let matched = |role| Input::Server(info(1, Origin::Matched, Phase::Connecting(role)));
    let timed_out = || Input::Server(info(1, Origin::Matched, Phase::Ended(Reason::TimedOut)));
    for (role, said) in [(Role::Offerer, Negotiation::Answer("v=0".into())), (Role::Answerer, offer("v=0"))] {
        let mut story = Story::begin();
        story.hears(matched(role));
        story.hears(Input::Remote(ID, said));
        assert_eq!(story.hears(timed_out()), [Effect::ClosePeer, Effect::Ended(ID, Reason::Failed)]);

        let mut story = Story::begin();
        story.hears(matched(role));
        story.hears(timed_out());
        assert_eq!(story.over(), Some(Reason::TimedOut), "they did not come");
    }
    let mut story = Story::begin();
    story.hears(Input::Server(info(1, Origin::Received, Phase::Ringing)));
    story.hears(Input::Remote(ID, offer("v=0")));
    story.hears(Input::Server(info(1, Origin::Received, Phase::Ended(Reason::TimedOut))));
    assert_eq!(story.over(), Some(Reason::TimedOut), "nobody took it");
}

#[test]
fn a_peer_that_is_gone_keeps_the_call_while_its_media_comes() {
    let mut story = Story::connected(Origin::Received);
    let mut gone = info(1, Origin::Received, Phase::Connected(Role::Offerer));
    gone.presence = Presence::Gone;
    story.hears(Input::Server(gone));
    for _ in 0..30 {
        assert_eq!(story.waits(Duration::from_secs(9)), []);
        story.hears(Input::Media(ID));
    }
    story.waits(SILENCE_AFTER_GONE);
    assert_eq!(story.over(), Some(Reason::Disconnected));
}

#[test]
fn a_path_that_breaks_is_a_failure_or_a_vanished_peer() {
    let mut story = Story::connected(Origin::Placed);
    story.hears(Input::PathFailed(ID));
    assert_eq!(story.over(), Some(Reason::Failed));

    let mut story = Story::connected(Origin::Placed);
    let mut away = info(1, Origin::Placed, Phase::Connected(Role::Offerer));
    away.presence = Presence::Reconnecting;
    story.hears(Input::Server(away));
    story.hears(Input::PathFailed(ID));
    assert_eq!(story.over(), Some(Reason::Disconnected));
}

#[test]
fn a_session_that_began_anew_ends_what_the_server_forgot() {
    let mut story = Story::connected(Origin::Placed);
    story.hears(Input::SessionLost(None));
    assert_eq!(story.over(), Some(Reason::Disconnected));
    for phase in [Phase::Ringing, Phase::Connecting(Role::Offerer)] {
        for origin in [Origin::Placed, Origin::Received] {
            let mut story = Story::begin();
            story.hears(Input::Server(info(1, origin, phase)));
            story.hears(Input::SessionLost(None));
            assert_eq!(
                story.over(),
                Some(Reason::Forgotten),
                "it was the server that was lost, not the peer"
            );
        }
    }
    let mut story = Story::begin();
    story.hears(Input::Place(Target::NextFree));
    assert_eq!(story.hears(Input::SessionLost(None)), [Effect::PlaceLost]);
    story.hears(Input::Place(Target::NextFree));
    story.hears(Input::Cancel);
    assert_eq!(story.hears(Input::SessionLost(None)), [], "nobody waits for it");
}

/// What the machine promises, watched from its effects.
#[derive(Default)]
struct Watch {
    open: Option<CallId>,
    /// The connection may reach for the other end.
    loose: bool,
    gates: bool,
    ended: BTreeSet<CallId>,
}

impl Watch {
    fn check(&mut self, machine: &CallMachine, effects: &[Effect], seed: u64) {
        for effect in effects {
            match effect {
                Effect::OpenPeer { call, .. } => {
                    assert_eq!(self.open.replace(*call), None, "seed {seed}: two connections");
                    assert!(!self.ended.contains(call), "seed {seed}: a dead call connects");
                }
                Effect::Converse => {
                    assert!(self.open.is_some(), "seed {seed}: nobody to converse");
                    assert!(!std::mem::replace(&mut self.loose, true), "seed {seed}: let loose twice");
                }
                Effect::ClosePeer => {
                    assert!(self.open.take().is_some(), "seed {seed}: nothing to close");
                    (self.loose, self.gates) = (false, false);
                }
                Effect::OpenGates => {
                    assert!(self.loose, "seed {seed}: gates of a connection that reaches nobody");
                    assert!(!std::mem::replace(&mut self.gates, true), "seed {seed}: gates opened twice");
                }
                Effect::ToPeer(_) => assert!(self.open.is_some(), "seed {seed}"),
                Effect::Ended(call, _) => {
                    assert!(self.ended.insert(*call), "seed {seed}: {call} ended twice");
                }
                Effect::Send(Frame::Negotiation(call, _)) => {
                    assert_eq!(self.open, Some(*call), "seed {seed}: said for nobody");
                }
                Effect::Send(Frame::MediaConnected(call, _)) => {
                    assert!(self.loose && self.open == Some(*call), "seed {seed}: up without the other end");
                }
                Effect::Send(_) | Effect::PlaceLost => {}
            }
        }
        let agreed = matches!(machine.state, State::Negotiating { .. } | State::Connected { .. });
        assert_eq!(self.loose, agreed, "seed {seed}: {:?}", machine.state);
        assert!(self.open.is_none() || machine.live().is_some(), "seed {seed}: {:?}", machine.state);
        assert_eq!(self.gates, matches!(machine.state, State::Connected { .. }), "seed {seed}");
        let waits = machine.live().is_some() && !self.gates;
        assert!(!waits || machine.next_deadline().is_some(), "seed {seed}: for ever: {:?}", machine.state);
        if let Some(live) = machine.live() {
            assert!(!self.ended.contains(&live.id), "seed {seed}: a dead call lives");
        }
    }
}

fn random_input(rng: &mut ChaCha8Rng) -> Input {
    let id = rng.random_range(1..6);
    let call = CallId::from_bits(id);
    let role = if rng.random() { Role::Offerer } else { Role::Answerer };
    let phase = match rng.random_range(0..5) {
        0 | 1 => Phase::Ringing,
        2 => Phase::Connecting(role),
        3 => Phase::Connected(role),
        _ => Phase::Ended([Reason::PeerHungUp, Reason::Declined, Reason::TimedOut][rng.random_range(0..3)]),
    };
    let origin = [Origin::Placed, Origin::Received, Origin::Matched][rng.random_range(0..3)];
    let mut info = info(id, origin, phase);
    info.presence = [Presence::Present, Presence::Reconnecting, Presence::Gone][rng.random_range(0..3)];
    info.rings = rng.random::<bool>().then_some(Duration::from_secs(45));
    match rng.random_range(0..22) {
        0 => Input::Place(Target::NextFree),
        1 => Input::PlaceRefused,
        2 => Input::Accept,
        3 => Input::Decline,
        4 => Input::Cancel,
        5 => Input::HangUp,
        6 => Input::Close,
        7 => Input::SessionLost(rng.random::<bool>().then_some(info)),
        8 => Input::Remote(call, offer(["v=0", "v=1"][rng.random_range(0..2)])),
        9 => Input::Remote(call, Negotiation::Answer("v=0".into())),
        10 => Input::Local(call, Negotiation::EndOfCandidates { ufrag: "u".into() }),
        11 | 12 => Input::PathUp(call, Route::Host),
        13 => Input::BothUp(call),
        14 => Input::Media(call),
        15 => Input::PathFailed(call),
        16 => Input::Remote(call, candidate()),
        _ => Input::Server(info),
    }
}

#[test]
fn no_schedule_breaks_what_the_machine_promises() {
    for seed in 0..5000 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut story = Story::begin();
        let mut watch = Watch::default();
        for _ in 0..60 {
            // Now and then the server is not heard of for longer than anything rings.
            let most = if rng.random_bool(0.05) { 80_000 } else { 4000 };
            let waited = story.waits(Duration::from_millis(rng.random_range(0..most)));
            watch.check(&story.machine, &waited, seed);
            assert!(story.machine.next_deadline().is_none_or(|at| at > story.now), "seed {seed}");
            let effects = story.hears(random_input(&mut rng));
            watch.check(&story.machine, &effects, seed);
        }
    }
}

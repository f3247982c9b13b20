//! Stories of the lobby: who sees whom, who reaches whom, and what becomes of it.

use super::*;
use crate::calls::{
    CallState, CallView, Candidate, EndReason, Negotiation, Presence, Route, RoutePolicy, Side,
};
use crate::guest::{Guest, SharedGuest};
use std::sync::Arc;

mod claims;
mod hall;
mod matching;
mod preparing;

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn guest(number: u128) -> SharedGuest {
    let name = format!("guest{number}");
    Arc::new(Guest { id: GuestId::from_bits(number), display_name: name.clone(), name })
}

fn session(number: u128) -> SessionId {
    SessionId::from_bits(number)
}

/// A lobby with the guests 1, 2, 3 …, each on the session of the same number.
struct Story {
    lobby: Lobby,
    now: Duration,
    told: Vec<Effect>,
}

impl Story {
    fn with(guests: u128) -> Self {
        let lobby = Lobby::new(LobbyConfig::default(), [7; 32]);
        let mut story = Self { lobby, now: Duration::ZERO, told: vec![] };
        (1..=guests).for_each(|number| story.comes(number, number));
        story
    }

    fn at(&mut self, now: Duration) -> &mut Self {
        self.now = now;
        self.input(Input::Tick);
        self
    }

    fn input(&mut self, input: Input) {
        self.told.clear();
        self.lobby.handle(self.now, input, &mut self.told);
    }

    fn comes(&mut self, who: u128, on: u128) {
        let party = Party { guest: guest(who), session: session(on), attached: true };
        self.input(Input::SessionBegan(Beginning {
            party,
            wish: Wish::default(),
            blocked: vec![],
            blocked_by: vec![],
            current_call: None,
        }));
    }

    /// Comes to a server that was started anew, with the token of a call with `peer`.
    fn takes_up(&mut self, who: u128, peer: u128) {
        self.takes_up_on(who, who, peer);
    }

    fn takes_up_on(&mut self, who: u128, on: u128, peer: u128) {
        let party = Party { guest: guest(who), session: session(on), attached: true };
        let claim = Claim {
            call: CallId::from_bits(who),
            side: Side::First,
            peer: guest(peer),
            origin: Origin::Placed,
            route_policy: RoutePolicy::Any,
            age: secs(60),
            connected_for: Some(secs(50)),
        };
        let current_call = Some(claim);
        let wish = Wish::default();
        let beginning = Beginning { party, wish, blocked: vec![], blocked_by: vec![], current_call };
        self.input(Input::SessionBegan(beginning));
    }

    fn does(&mut self, on: u128, command: Command) {
        self.input(Input::Command(session(on), command));
    }

    fn calls(&mut self, on: u128, callee: u128) -> Option<CallId> {
        self.does(on, Command::PlaceCall(Target::Guest(GuestId::from_bits(callee))));
        self.call(on).map(|view| view.id)
    }

    fn waits(&mut self, on: u128) -> Result<(), Error> {
        self.told.clear();
        let join = Join {
            session: session(on),
            guest: GuestId::from_bits(on),
            request_id: "r".to_owned(),
            criteria: crate::matchmaker::Criteria::default(),
        };
        self.lobby.join_match(self.now, join, &mut self.told)
    }

    /// What the session was told of its call just now, last first.
    fn call(&self, on: u128) -> Option<&CallView> {
        self.told.iter().rev().find_map(|effect| match effect {
            Effect::Send(to, Event::Call(view)) if *to == session(on) => Some(view),
            _ => None,
        })
    }

    /// What the session was told by the other end just now.
    fn said(&self, on: u128) -> Vec<Negotiation> {
        let mine = |effect: &Effect| match effect {
            Effect::Send(to, Event::Negotiation(_, said)) if *to == session(on) => Some(said.clone()),
            _ => None,
        };
        self.told.iter().filter_map(mine).collect()
    }

    fn state(&self, on: u128) -> Option<CallState> {
        self.call(on).map(|view| view.state)
    }

    fn refused(&self, on: u128) -> Option<&Error> {
        self.told.iter().find_map(|effect| match effect {
            Effect::Send(to, Event::Refused(error)) if *to == session(on) => Some(error),
            _ => None,
        })
    }

    fn match_news(&self, on: u128) -> Vec<MatchNews> {
        let mine = |effect: &Effect| match effect {
            Effect::Match(to, news) if *to == session(on) => Some(*news),
            _ => None,
        };
        self.told.iter().filter_map(mine).collect()
    }

    fn sees(&mut self, on: u128) -> Vec<(u128, Shown)> {
        let hall = self.lobby.hall_snapshot(session(on)).expect("the session is there");
        hall.rows.iter().map(|row| (row.guest.id.to_bits(), row.shown)).collect()
    }
}

#[test]
fn a_call_rings_is_accepted_connects_and_ends() {
    let mut story = Story::with(3);
    let call = story.calls(1, 2).expect("it rings");
    assert_eq!((story.state(1), story.state(2)), (Some(CallState::Ringing), Some(CallState::Ringing)));
    assert_eq!(story.sees(3), [(1, Shown::Available), (2, Shown::Available)], "ringing does not show");
    story.does(2, Command::AcceptCall(call));
    assert_eq!((story.state(1), story.state(2)), (Some(CallState::Connecting), Some(CallState::Connecting)));
    assert_eq!(story.call(1).map(|view| view.side), Some(Side::First));
    assert_eq!(story.sees(3), [(1, Shown::InCall), (2, Shown::InCall)]);
    story.does(1, Command::MediaConnected(call, Route::Relay));
    assert_eq!(story.state(1), None, "one end alone is not connected");
    story.does(2, Command::MediaConnected(call, Route::Relay));
    assert_eq!((story.state(1), story.state(2)), (Some(CallState::Connected), Some(CallState::Connected)));
    story.does(1, Command::HangUp { call, failed: false });
    assert_eq!(
        (story.state(1), story.state(2)),
        (Some(CallState::Ended(EndReason::HungUp)), Some(CallState::Ended(EndReason::HungUp)))
    );
    story.does(2, Command::HangUp { call, failed: false });
    assert_eq!(story.refused(2), Some(&Error::NotInCall));
    assert!(story.lobby.calls.is_empty());
}

#[test]
fn a_call_can_be_declined_cancelled_and_left_unanswered() {
    let mut story = Story::with(2);
    let call = story.calls(1, 2).expect("it rings");
    story.does(2, Command::DeclineCall(call));
    assert_eq!(story.state(1), Some(CallState::Ended(EndReason::Declined)));
    let call = story.calls(1, 2).expect("it rings");
    story.does(2, Command::CancelCall(call));
    assert_eq!(story.refused(2), Some(&Error::WrongState { state: "ringing" }), "only the caller cancels");
    story.does(1, Command::CancelCall(call));
    assert_eq!(story.state(2), Some(CallState::Ended(EndReason::Cancelled)));
    story.calls(1, 2).expect("it rings");
    story.at(secs(45));
    assert_eq!(
        (story.state(1), story.state(2)),
        (Some(CallState::Ended(EndReason::TimedOut)), Some(CallState::Ended(EndReason::TimedOut)))
    );
}

#[test]
fn nobody_is_rung_in_vain_more_than_three_times() {
    let mut story = Story::with(2);
    for _ in 0..3 {
        let call = story.calls(1, 2).expect("it rings");
        story.does(1, Command::CancelCall(call));
    }
    assert_eq!(story.calls(1, 2), None);
    assert!(matches!(story.refused(1), Some(Error::RingLimit { limit: 3, .. })), "{:?}", story.told);
    story.at(secs(600));
    assert!(story.calls(1, 2).is_some());
}

#[test]
fn an_answer_in_between_does_not_make_up_for_rings_in_vain() {
    let mut story = Story::with(2);
    for answered in [false, true, false, false] {
        let call = story.calls(1, 2).expect("it rings");
        if answered {
            story.does(2, Command::AcceptCall(call));
            story.does(1, Command::HangUp { call, failed: false });
        } else {
            story.does(1, Command::CancelCall(call));
        }
    }
    assert_eq!(story.calls(1, 2), None);
    assert!(matches!(story.refused(1), Some(Error::RingLimit { limit: 3, .. })), "{:?}", story.told);
    assert!(story.calls(2, 1).is_some(), "the other way is open");
}

#[test]
fn a_ring_is_in_vain_however_the_caller_goes_and_leaves_a_missed_call() {
    for how in [Departure::Left, Departure::Lost, Departure::Closed] {
        let mut story = Story::with(2);
        for _ in 0..3 {
            story.calls(1, 2).expect("it rings");
            story.input(Input::SessionEnded(session(1), how));
            let missed = story.told.iter().any(|effect| match effect {
                Effect::Keep(Keep::Ended(ended)) => ended.missed,
                _ => false,
            });
            assert!(missed, "{how:?}: {:?}", story.told);
            story.comes(1, 1);
        }
        assert_eq!(story.calls(1, 2), None);
        assert!(
            matches!(story.refused(1), Some(Error::RingLimit { limit: 3, .. })),
            "{how:?}: {:?}",
            story.told
        );
    }
}

#[test]
fn unknown_offline_invisible_and_undisturbed_guests_give_the_same_answer() {
    let mut story = Story::with(3);
    story.does(2, Command::SetAvailability(Wish::Invisible));
    story.does(3, Command::SetAvailability(Wish::DoNotDisturb));
    assert_eq!(story.sees(1), [(3, Shown::DoNotDisturb)]);
    for callee in [2, 3, 99] {
        assert_eq!(story.calls(1, callee), None);
        assert_eq!(story.refused(1), Some(&Error::PeerUnavailable), "{callee}");
    }
    story.does(1, Command::PlaceCall(Target::Name("nobody".to_owned())));
    assert_eq!(story.refused(1), Some(&Error::PeerUnavailable));
    assert!(story.calls(2, 1).is_some(), "the invisible can call");
}

#[test]
fn a_guest_who_is_rung_is_busy_to_others() {
    let mut story = Story::with(4);
    story.calls(1, 2).expect("it rings");
    story.calls(3, 2);
    assert_eq!(story.state(3), Some(CallState::Ended(EndReason::Busy)));
    story.calls(3, 1);
    assert_eq!(story.state(3), Some(CallState::Ended(EndReason::Busy)), "and so is who rings");
    story.calls(2, 4);
    assert_eq!(story.refused(2), Some(&Error::AlreadyInCall));
}

#[test]
fn a_call_taken_up_alone_ends_when_the_other_blocks_or_may_not_stay_whatever_they_do_meanwhile() {
    let mut story = Story::with(4);
    story.takes_up(5, 1);
    story.takes_up(6, 2);
    assert_eq!((story.state(5), story.state(6)), (None, Some(CallState::Connected)));
    story.calls(1, 3).expect("who has not come back to it calls another");
    story.input(Input::Blocked { by: GuestId::from_bits(1), whom: GuestId::from_bits(5) });
    assert_eq!(story.state(5), Some(CallState::Ended(EndReason::HungUp)));
    assert_eq!(story.state(3), None, "the other call rings on");
    story.calls(2, 4).expect("it rings");
    story.input(Input::SessionEnded(session(2), Departure::Closed));
    story.input(Input::GuestClosed(GuestId::from_bits(2)));
    assert_eq!(story.state(6), Some(CallState::Ended(EndReason::Disconnected)));
    assert_eq!(story.lobby.calls.len(), 1);
}

#[test]
fn who_calls_a_busy_guest_again_and_again_does_not_fill_their_history() {
    let mut story = Story::with(4);
    story.calls(1, 2).expect("it rings");
    let kept = |story: &Story| story.told.iter().filter(|told| matches!(told, Effect::Keep(_))).count();
    let tries = |story: &mut Story, by: u128| {
        let mut all = 0;
        for _ in 0..10 {
            story.calls(by, 2);
            assert_eq!(story.state(by), Some(CallState::Ended(EndReason::Busy)));
            all += kept(story);
        }
        all
    };
    assert_eq!((tries(&mut story, 3), tries(&mut story, 4)), (3, 3), "of each caller, within ten minutes");
    assert_eq!(story.state(1), None, "and who is in the call learns nothing of it");
}

#[test]
fn two_who_call_each_other_are_in_one_call() {
    let mut story = Story::with(2);
    let call = story.calls(1, 2).expect("it rings");
    let same = story.calls(2, 1).expect("it is accepted");
    assert_eq!(call, same);
    assert_eq!((story.state(1), story.state(2)), (Some(CallState::Connecting), Some(CallState::Connecting)));
    assert_eq!(story.lobby.calls.len(), 1);
}

#[test]
fn all_devices_ring_and_one_answers() {
    let mut story = Story::with(2);
    story.comes(2, 20);
    let call = story.calls(1, 2).expect("it rings");
    assert_eq!((story.state(2), story.state(20)), (Some(CallState::Ringing), Some(CallState::Ringing)));
    story.comes(2, 21);
    let scene = story.lobby.scene(session(21)).expect("it is there");
    assert_eq!(
        scene.call.map(|view| view.state),
        Some(CallState::Ringing),
        "a device that comes late rings too"
    );
    story.does(20, Command::AcceptCall(call));
    assert_eq!(story.state(20), Some(CallState::Connecting));
    assert_eq!(story.state(2), Some(CallState::Ended(EndReason::AnsweredElsewhere)));
    story.does(2, Command::AcceptCall(call));
    assert_eq!(story.refused(2), Some(&Error::NotInCall));
    let offer = Negotiation::Offer("v=0".to_owned());
    story.does(2, Command::Negotiate(call, offer.clone()));
    assert_eq!(story.refused(2), Some(&Error::NotInCall), "a device that did not answer has no part in it");
    story.does(1, Command::Negotiate(call, offer.clone()));
    assert_eq!(story.told, [Effect::Send(session(20), Event::Negotiation(call, offer))]);
}

#[test]
fn a_broken_stream_shows_as_reconnecting_and_a_lost_session_as_gone() {
    let mut story = Story::with(3);
    let call = story.calls(1, 2).expect("it rings");
    story.does(2, Command::AcceptCall(call));
    story.input(Input::SessionSuspended(session(2)));
    assert_eq!(story.call(1).map(|view| view.peer_presence), Some(Presence::Reconnecting));
    story.input(Input::SessionResumed(session(2)));
    assert_eq!(story.call(1).map(|view| view.peer_presence), Some(Presence::Present));
    story.input(Input::SessionEnded(session(2), Departure::Lost));
    let view = story.call(1).expect("it is told");
    assert_eq!((view.peer_presence, view.state), (Presence::Gone, CallState::Connecting), "media may go on");
    story.comes(2, 20);
    assert!(story.calls(20, 3).is_some(), "who comes back is free for a new call");
    assert_eq!(story.state(1), Some(CallState::Ended(EndReason::Superseded)));
}

#[test]
fn the_last_session_that_goes_ends_the_call() {
    let mut story = Story::with(2);
    let call = story.calls(1, 2).expect("it rings");
    story.does(2, Command::AcceptCall(call));
    story.input(Input::SessionEnded(session(1), Departure::Lost));
    story.input(Input::SessionEnded(session(2), Departure::Lost));
    assert!(story.lobby.calls.is_empty());

    let mut story = Story::with(2);
    story.calls(1, 2).expect("it rings");
    story.input(Input::SessionEnded(session(2), Departure::Lost));
    assert_eq!(story.state(1), Some(CallState::Ended(EndReason::Disconnected)), "nobody is left to answer");
    story.comes(2, 2);
    let call = story.calls(1, 2).expect("it rings");
    story.does(2, Command::AcceptCall(call));
    story.input(Input::SessionEnded(session(1), Departure::Left));
    assert_eq!(story.state(2), Some(CallState::Ended(EndReason::HungUp)), "goodbye is hanging up");
}

#[test]
fn the_next_available_is_the_longest_free_and_each_is_tried_once() {
    let mut story = Story::with(1);
    story.at(secs(1)).comes(3, 3);
    story.at(secs(2)).comes(2, 2);
    for expected in [3, 2] {
        story.does(1, Command::PlaceCall(Target::NextAvailable));
        let view = story.call(1).expect("it rings");
        assert_eq!(view.second.id.to_bits(), expected);
        let call = view.id;
        story.does(1, Command::CancelCall(call));
    }
    story.does(1, Command::PlaceCall(Target::NextAvailable));
    assert_eq!(story.refused(1), Some(&Error::NobodyAvailable));
    story.at(secs(63)).does(1, Command::PlaceCall(Target::NextAvailable));
    assert!(story.call(1).is_some(), "those tried a minute ago may be tried again");
}

#[test]
fn changes_of_the_hall_are_merged_and_tell_nothing_of_the_invisible() {
    let mut story = Story::with(2);
    story.at(secs(1)).at(secs(2));
    story.does(1, Command::SetAvailability(Wish::DoNotDisturb));
    assert!(story.told.iter().any(|effect| matches!(effect, Effect::Hall(..))), "the first goes out at once");
    story.does(1, Command::SetAvailability(Wish::Available));
    story.does(2, Command::SetAvailability(Wish::Invisible));
    assert!(!story.told.iter().any(|effect| matches!(effect, Effect::Hall(..))), "the next wait a little");
    story.at(secs(3));
    let [Effect::Hall(_, delta), ..] = &story.told[..] else { panic!("{:?}", story.told) };
    assert_eq!((delta.change.changed.len(), delta.change.left.clone()), (1, vec![GuestId::from_bits(2)]));
    story.at(secs(4)).does(2, Command::SetAvailability(Wish::Invisible));
    assert!(!story.told.iter().any(|effect| matches!(effect, Effect::Hall(..))));
    assert_eq!(story.lobby.hall_snapshot(session(1)).map(|hall| hall.guest_count), Some(0));
}

#[test]
fn going_down_ends_what_rings_and_what_waits_and_leaves_calls_alone() {
    let mut story = Story::with(5);
    let call = story.calls(1, 2).expect("it rings");
    story.does(2, Command::AcceptCall(call));
    story.calls(3, 4).expect("it rings");
    story.waits(5).expect("there is room");
    story.input(Input::ShutDown);
    assert_eq!(story.state(4), Some(CallState::Ended(EndReason::ShuttingDown)));
    assert_eq!(story.match_news(5), [MatchNews::Left(LeftReason::ShuttingDown)]);
    assert_eq!(story.state(1), None);
    assert!(story.calls(3, 4).is_none());
}

#[test]
fn the_next_available_is_one_who_is_there_to_answer() {
    let mut story = Story::with(1);
    story.at(secs(1)).comes(3, 3);
    story.at(secs(2)).comes(2, 2);
    story.at(secs(3)).input(Input::SessionSuspended(session(3)));
    let rings = |story: &mut Story| {
        story.does(1, Command::PlaceCall(Target::NextAvailable));
        let view = story.call(1).expect("it rings").clone();
        story.does(1, Command::CancelCall(view.id));
        view.second.id.to_bits()
    };
    assert_eq!(rings(&mut story), 2, "and not the ghost, though free for longer");
    story.at(secs(4)).input(Input::SessionResumed(session(3)));
    story.at(secs(100));
    assert_eq!(rings(&mut story), 3, "who comes back has their turn");
}

#[test]
fn a_name_is_called_in_any_spelling_that_nobody_else_can_have() {
    let mut story = Story::with(1);
    let name = "fu\u{df}ball".to_owned();
    let guest = Arc::new(Guest { id: GuestId::from_bits(2), display_name: name.clone(), name });
    let party = Party { guest, session: session(2), attached: true };
    let (wish, blocked, blocked_by) = (Wish::default(), vec![], vec![]);
    story.input(Input::SessionBegan(Beginning { party, wish, blocked, blocked_by, current_call: None }));
    story.does(1, Command::PlaceCall(Target::Name("fussball".to_owned())));
    assert_eq!(story.state(2), Some(CallState::Ringing));
}

//! Calls that the queue makes, beside those that people make.

use super::*;
use crate::matchmaker::Criteria;

impl Story {
    /// Asks for a place on a session of `who`, as it has not asked before.
    fn asks_anew(&mut self, who: u128, on: u128) -> Result<(), Error> {
        self.told.clear();
        let (guest, request_id) = (GuestId::from_bits(who), "another".to_owned());
        let join = Join { session: session(on), guest, request_id, criteria: Criteria::default() };
        self.lobby.join_match(self.now, join, &mut self.told)
    }
}

#[test]
fn a_match_connects_at_once_and_the_longer_waiting_offers() {
    let mut story = Story::with(3);
    story.waits(2).expect("there is room");
    assert!(matches!(story.match_news(2)[..], [MatchNews::Queued(place)] if place.position == 1));
    story.at(secs(1)).waits(1).expect("there is room");
    let view = story.call(1).expect("it is matched").clone();
    assert_eq!((view.state, view.origin, view.side), (CallState::Connecting, Origin::Matched, Side::Second));
    assert_eq!(view.route_policy, RoutePolicy::RelayOnly);
    assert_eq!(story.match_news(2), [MatchNews::Found(view.id)]);
    assert_eq!(story.waits(1), Ok(()), "a repeated request learns the same");
    assert_eq!(story.match_news(1), [MatchNews::Found(view.id)]);
    story.at(secs(16));
    assert_eq!(story.state(1), Some(CallState::Ended(EndReason::TimedOut)), "nobody connected");
}

#[test]
fn a_ring_pauses_the_ticket_and_an_accept_removes_it() {
    let mut story = Story::with(3);
    story.waits(1).expect("there is room");
    let call = story.calls(2, 1).expect("it rings");
    story.waits(3).expect("there is room");
    assert_eq!(story.state(3), None, "who is rung is not matched");
    story.does(1, Command::DeclineCall(call));
    assert_eq!(story.state(3), Some(CallState::Connecting), "afterwards at once");

    let mut story = Story::with(2);
    story.waits(1).expect("there is room");
    let call = story.calls(2, 1).expect("it rings");
    story.does(1, Command::AcceptCall(call));
    assert_eq!(story.match_news(1), [MatchNews::Left(LeftReason::InCall)]);
    assert_eq!(story.waits(2), Err(Error::AlreadyInCall));
}

#[test]
fn leaving_the_queue_is_said_and_a_foreign_session_cannot_wait() {
    let mut story = Story::with(2);
    story.waits(1).expect("there is room");
    story.does(1, Command::LeaveMatch);
    assert_eq!(story.match_news(1), [MatchNews::Left(LeftReason::Left)]);
    assert_eq!(story.waits(99), Err(Error::NoSession));
}

#[test]
fn who_came_to_a_match_in_vain_returns_with_the_time_they_had_and_who_did_not_come_without() {
    for (speaks, position) in [(true, 1), (false, 2)] {
        let mut story = Story::with(3);
        story.input(Input::Blocked { by: GuestId::from_bits(1), whom: GuestId::from_bits(3) });
        story.waits(1).expect("there is room");
        story.at(secs(10)).waits(2).expect("there is room");
        let call = story.call(1).expect("it is matched").id;
        if speaks {
            story.does(1, Command::Negotiate(call, Negotiation::Offer("v=0".to_owned())));
        }
        story.at(secs(20)).waits(3).expect("there is room");
        story.at(secs(25));
        assert_eq!(story.state(1), Some(CallState::Ended(EndReason::TimedOut)));
        story.at(secs(26)).asks_anew(1, 1).expect("there is room");
        let [MatchNews::Queued(place)] = story.match_news(1)[..] else { panic!("{:?}", story.told) };
        assert_eq!((place.position, place.waiting), (position, 2), "who said something: {speaks}");
    }
}

#[test]
fn a_call_that_ends_because_its_guest_would_wait_is_told_though_the_queue_is_full() {
    let mut config = LobbyConfig::default();
    config.matching.queue_max = 1;
    let mut story = Story { lobby: Lobby::new(config, [7; 32]), now: Duration::ZERO, told: vec![] };
    (1..=3).for_each(|number| story.comes(number, number));
    let call = story.calls(1, 2).expect("it rings");
    story.does(2, Command::AcceptCall(call));
    story.waits(3).expect("there is room for one");
    story.comes(1, 10);
    story.input(Input::SessionEnded(session(1), Departure::Lost));
    assert_eq!(story.state(2), Some(CallState::Connecting), "the call may be taken up again");
    assert_eq!(story.asks_anew(1, 10), Err(Error::QueueFull { limit: 1 }));
    assert!(matches!(story.state(2), Some(CallState::Ended(_))), "{:?}", story.told);
}

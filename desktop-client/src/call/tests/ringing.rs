//! Calls that are not taken: given up, or rung for in vain.

use super::*;

#[test]
fn a_busy_callee_is_told_though_it_never_rang() {
    let mut story = Story::begin();
    story.hears(Input::Place(Target::Name("bea".into())));
    let effects = story.hears(Input::Server(info(1, Origin::Placed, Phase::Ended(Reason::Busy))));
    assert_eq!(effects, [Effect::Ended(ID, Reason::Busy)]);
}

#[test]
fn a_call_given_up_before_it_had_an_id_is_cancelled_when_it_gets_one() {
    let mut story = Story::begin();
    story.hears(Input::Place(Target::NextFree));
    assert_eq!(story.hears(Input::Cancel), []);
    let effects = story.hears(Input::Server(info(1, Origin::Placed, Phase::Ringing)));
    assert_eq!(effects, [Effect::Send(Frame::Cancel(ID))]);
    assert_eq!(story.machine.state, State::Idle, "neither rung for nor told of: the person has turned away");
    let late = Input::Server(info(1, Origin::Placed, Phase::Ended(Reason::Cancelled)));
    assert_eq!((story.hears(late), &story.machine.state), (vec![], &State::Idle));
    let place = story.hears(Input::Place(Target::Name("bea".into())));
    assert_eq!(place, [Effect::Send(Frame::Place(Target::Name("bea".into())))], "and may call again");
}

#[test]
fn a_call_given_up_before_it_had_an_id_stays_so_though_it_was_taken_or_over_meanwhile() {
    for (phase, said) in [
        (Phase::Connecting(Role::Offerer), vec![Effect::Send(Frame::HangUp { call: ID, failed: false })]),
        (Phase::Ended(Reason::Busy), vec![]),
    ] {
        let mut story = Story::begin();
        story.hears(Input::Place(Target::NextFree));
        story.hears(Input::Cancel);
        assert_eq!(story.hears(Input::Server(info(1, Origin::Placed, phase))), said);
        assert_eq!(story.machine.state, State::Idle, "{phase:?}");
    }
}

#[test]
fn what_rings_ends_by_itself_where_the_server_is_not_there_to_end_it() {
    let rings = Duration::from_secs(45);
    for (origin, accepted, sent, reason) in [
        (Origin::Placed, false, Some(Frame::Cancel(ID)), Reason::TimedOut),
        (Origin::Received, false, None, Reason::TimedOut),
        (Origin::Received, true, Some(Frame::HangUp { call: ID, failed: true }), Reason::Failed),
    ] {
        for told in [Some(rings), None] {
            let mut story = Story::begin();
            let ringing = CallInfo { rings: told, ..info(1, origin, Phase::Ringing) };
            story.hears(Input::Server(ringing.clone()));
            if accepted {
                story.hears(Input::Accept);
            }
            let mut away = ringing;
            away.presence = Presence::Reconnecting;
            let (first, whole) = (Duration::from_secs(30), told.unwrap_or(RING_TIMEOUT) + RING_MARGIN);
            assert_eq!(story.waits(first), []);
            assert_eq!(story.hears(Input::Server(away)), [], "what changes meanwhile gives it no more time");
            assert_eq!(story.waits(whole.saturating_sub(first + Duration::from_millis(1))), []);
            let effects = story.waits(Duration::from_millis(1));
            let ended = [Effect::ClosePeer, Effect::Ended(ID, reason)];
            let said = sent.clone().map(Effect::Send).into_iter().chain(ended).collect::<Vec<_>>();
            assert_eq!(effects, said, "{origin:?}, {accepted}");
            let late = Input::Server(info(1, origin, Phase::Ended(Reason::TimedOut)));
            assert_eq!(story.hears(late), []);
        }
    }
}

#[test]
fn the_servers_own_word_ends_what_rings_where_it_comes() {
    let mut story = Story::begin();
    let rings = Duration::from_secs(45);
    story.hears(Input::Server(CallInfo { rings: Some(rings), ..info(1, Origin::Received, Phase::Ringing) }));
    assert_eq!(story.waits(rings + RING_MARGIN / 2), []);
    let cancelled = Input::Server(info(1, Origin::Received, Phase::Ended(Reason::Cancelled)));
    story.hears(cancelled);
    assert_eq!((story.over(), story.machine.next_deadline()), (Some(Reason::Cancelled), None));
}

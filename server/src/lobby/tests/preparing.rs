//! What devices say before a call is accepted, and in which order it is heard.

use super::*;

fn offer() -> Negotiation {
    Negotiation::Offer("v=0 offer".to_owned())
}

fn answer() -> Negotiation {
    Negotiation::Answer("v=0 answer".to_owned())
}

fn candidate(text: &str) -> Negotiation {
    Negotiation::Candidate(Candidate { candidate: text.to_owned(), ..Candidate::default() })
}

#[test]
fn there_is_no_answer_before_an_offer_and_one_answer_to_each() {
    let mut story = Story::with(2);
    let call = story.calls(1, 2).expect("it rings");
    story.does(2, Command::Negotiate(call, answer()));
    assert_eq!(story.refused(2), Some(&Error::WrongState { state: "no_offer" }));
    story.does(1, Command::Negotiate(call, answer()));
    assert_eq!(story.refused(1), Some(&Error::WrongState { state: "no_offer" }));
    story.does(2, Command::Negotiate(call, offer()));
    assert_eq!(story.refused(2), Some(&Error::WrongState { state: "ringing" }), "the caller offers first");
    story.does(2, Command::AcceptCall(call));
    story.does(2, Command::Negotiate(call, answer()));
    assert_eq!(story.refused(2), Some(&Error::WrongState { state: "no_offer" }));
    story.does(1, Command::Negotiate(call, offer()));
    story.does(2, Command::Negotiate(call, answer()));
    assert_eq!(story.said(1), [answer()]);
    story.does(2, Command::Negotiate(call, answer()));
    assert_eq!(story.refused(2), Some(&Error::WrongState { state: "no_offer" }), "one answer per offer");
}

#[test]
fn devices_prepare_while_it_rings_and_only_the_one_that_accepts_is_heard() {
    let mut story = Story::with(2);
    story.comes(2, 20);
    let call = story.calls(1, 2).expect("it rings");
    story.does(1, Command::Negotiate(call, offer()));
    assert_eq!((story.said(2), story.said(20)), (vec![offer()], vec![offer()]));
    story.does(1, Command::Negotiate(call, candidate("of 1")));
    story.comes(2, 21);
    assert_eq!(story.said(21), [offer(), candidate("of 1")], "a device that comes late hears all of it");
    for device in [2, 20, 21] {
        story.does(device, Command::Negotiate(call, answer()));
        assert_eq!(story.told, [], "what a guest says who has not accepted goes nowhere");
        story.does(device, Command::Negotiate(call, candidate(&format!("of {device}"))));
        assert_eq!(story.told, []);
    }
    story.does(20, Command::Negotiate(call, answer()));
    assert_eq!(story.refused(20), Some(&Error::WrongState { state: "no_offer" }), "it has answered");
    story.does(20, Command::AcceptCall(call));
    assert_eq!(story.said(1), [answer(), candidate("of 20")]);
    assert_eq!(story.said(20), [], "it was told before");
    let last = story.told.iter().rposition(|effect| matches!(effect, Effect::Send(_, Event::Call(_))));
    let first =
        story.told.iter().position(|effect| matches!(effect, Effect::Send(_, Event::Negotiation(..))));
    assert!(last < first, "first that it was accepted, then what was held");
    story.does(20, Command::Negotiate(call, answer()));
    assert_eq!(story.refused(20), Some(&Error::WrongState { state: "no_offer" }));
    story.does(2, Command::Negotiate(call, candidate("too late")));
    assert_eq!(story.refused(2), Some(&Error::NotInCall));
}

#[test]
fn a_new_offer_takes_back_the_answer_to_the_one_before() {
    let of = |text: &str| Negotiation::Offer(text.to_owned());
    let to = |text: &str| Negotiation::Answer(text.to_owned());
    let mut story = Story::with(2);
    story.comes(2, 20);
    let call = story.calls(1, 2).expect("it rings");
    story.does(1, Command::Negotiate(call, of("first")));
    for device in [2, 20] {
        story.does(device, Command::Negotiate(call, to("first")));
        story.does(device, Command::Negotiate(call, candidate(&format!("of {device}"))));
    }
    story.does(1, Command::Negotiate(call, candidate("of 1")));
    story.does(1, Command::Negotiate(call, of("second")));
    story.comes(2, 21);
    assert_eq!(
        story.said(21),
        [of("second"), candidate("of 1")],
        "who comes late hears the offer that holds"
    );
    story.does(20, Command::Negotiate(call, to("second")));
    story.does(20, Command::AcceptCall(call));
    assert_eq!(story.said(1), [to("second"), candidate("of 20")]);

    let mut story = Story::with(2);
    let call = story.calls(1, 2).expect("it rings");
    story.does(1, Command::Negotiate(call, of("first")));
    story.does(2, Command::Negotiate(call, to("first")));
    story.does(1, Command::Negotiate(call, of("second")));
    story.does(2, Command::AcceptCall(call));
    assert_eq!(story.said(1), [], "the answer to the first is none to the second");
    story.does(2, Command::Negotiate(call, to("second")));
    assert_eq!(story.said(1), [to("second")]);
}

#[test]
fn a_device_that_does_not_listen_before_the_call_is_its_own_hears_it_then() {
    let mut story = Story::with(2);
    let call = story.calls(1, 2).expect("it rings");
    story.does(1, Command::Negotiate(call, offer()));
    story.does(1, Command::Negotiate(call, candidate("of 1")));
    story.does(2, Command::AcceptCall(call));
    assert_eq!(story.said(2), [offer(), candidate("of 1")]);
    story.does(2, Command::Negotiate(call, answer()));
    assert_eq!(story.said(1), [answer()]);
}

#[test]
fn nothing_is_held_of_a_call_that_was_not_accepted_and_not_without_bound() {
    let mut story = Story::with(2);
    let call = story.calls(1, 2).expect("it rings");
    story.does(1, Command::Negotiate(call, offer()));
    for end in [1, 2] {
        let mut kept = 0;
        while story.refused(end).is_none() && kept < 1_000 {
            story.does(end, Command::Negotiate(call, candidate("one of many")));
            kept += 1;
        }
        let limit = crate::calls::EARLY_FRAMES_MAX as u64;
        assert_eq!(story.refused(end), Some(&Error::Limit { what: "frames_before_accept", limit }));
    }
    story.does(2, Command::DeclineCall(call));
    assert_eq!(story.said(1), []);

    let mut story = Story::with(2);
    let call = story.calls(1, 2).expect("it rings");
    let large = Negotiation::Offer("x".repeat(castle::limits::SDP_BYTES_MAX));
    for expected in [true, true, false] {
        story.does(1, Command::Negotiate(call, large.clone()));
        assert_eq!(story.refused(1).is_none(), expected);
    }
}

#[test]
fn a_device_that_lost_what_it_prepared_prepares_anew() {
    let mut story = Story::with(2);
    let call = story.calls(1, 2).expect("it rings");
    story.does(1, Command::Negotiate(call, offer()));
    story.does(2, Command::Negotiate(call, answer()));
    story.does(2, Command::Negotiate(call, candidate("lost")));
    story.input(Input::SessionReplaced { old: session(2), new: session(20) });
    assert_eq!(story.said(20), [offer()]);
    story.does(20, Command::Negotiate(call, answer()));
    assert_eq!(story.refused(20), None, "its client dropped the first answer");
    story.does(20, Command::Negotiate(call, candidate("new")));
    story.does(20, Command::AcceptCall(call));
    assert_eq!(story.said(1), [answer(), candidate("new")], "and nothing it does not know of");
}

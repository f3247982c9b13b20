//! Calls that are taken up again by their tokens, after the server was started anew.

use super::*;

#[test]
fn a_call_taken_up_by_its_token_comes_before_what_rings_meanwhile() {
    for (calls, callee, reason) in [(2, 1, EndReason::Busy), (1, 2, EndReason::Cancelled)] {
        let mut story = Story::with(2);
        // The server was started anew: another device of 1 was here before the one that holds the call.
        story.calls(calls, callee).expect("it rings");
        story.takes_up_on(1, 10, 3);
        assert_eq!(story.refused(10), None);
        assert_eq!(story.state(10), Some(CallState::Connected));
        assert_eq!(story.state(2), Some(CallState::Ended(reason)));
        story.lobby.check_invariants();
    }
}

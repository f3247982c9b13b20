//! The table of docs/PROTOCOL.md, read and compared with the code: every event in every state.

use super::*;
use crate::guest::Guest;
use std::collections::BTreeMap;
use std::sync::Arc;

const PROTOCOL: &str = include_str!("../../../docs/PROTOCOL.md");
const STATES: [&str; 5] = ["RINGING", "CONNECTING", "CONNECTING (match)", "CONNECTED", "CONNECTED (alone)"];
const ID: CallId = CallId::from_bits(1);
const NOW: Duration = Duration::from_secs(1_000);

/// A call between the guests 1 and 2 on the sessions of the same numbers.
struct Drive {
    calls: Calls,
    last: Result<(), Error>,
    effects: Vec<CallEffect>,
}

fn member(number: u128) -> Member {
    Member { guest: GuestId::from_bits(number), session: SessionId::from_bits(number) }
}

fn party(number: u128) -> Party {
    let name = format!("guest{number}");
    let guest = Arc::new(Guest { id: GuestId::from_bits(number), display_name: name.clone(), name });
    Party { guest, session: SessionId::from_bits(number), attached: true }
}

fn claim(side: Side, peer: u128) -> Claim {
    Claim {
        call: ID,
        side,
        peer: party(peer).guest,
        origin: Origin::Placed,
        route_policy: RoutePolicy::Any,
        age: Duration::ZERO,
        connected_for: None,
    }
}

impl Drive {
    fn to(state: &str) -> Self {
        let mut drive = Self { calls: Calls::new(CallsConfig::default()), last: Ok(()), effects: Vec::new() };
        let Self { calls, effects, .. } = &mut drive;
        let new = |origin| NewCall { id: ID, origin, route_policy: RoutePolicy::Any };
        let devices = BTreeMap::from([(SessionId::from_bits(2), true)]);
        match state {
            "CONNECTING (match)" => calls.pair(NOW, new(Origin::Matched), [party(1), party(2)], effects),
            "CONNECTED (alone)" => {
                calls.claim(NOW, party(1), claim(Side::First, 2), effects).expect("it is not known");
            }
            _ => calls.place(NOW, new(Origin::Placed), party(1), (party(2).guest, devices), effects),
        }
        if ["CONNECTING", "CONNECTED"].contains(&state) {
            drive.does("`AcceptCall` by the callee");
        }
        if state == "CONNECTED" {
            drive.does("`MediaConnected` by both");
        }
        assert_eq!(drive.last, Ok(()));
        drive.effects.clear();
        drive
    }

    /// False for an event that is not known here.
    fn does(&mut self, event: &str) -> bool {
        let Self { calls, effects, .. } = self;
        let [caller, callee, stranger] = [1, 2, 3].map(member);
        let media = |calls: &mut Calls, by, effects: &mut Vec<CallEffect>| {
            calls.media_connected(NOW, by, (ID, Route::Host), effects)
        };
        let lost = |calls: &mut Calls, by, how, effects: &mut Vec<CallEffect>| {
            calls.session_ended(NOW, by, how, effects);
            Ok(())
        };
        let offer = || Negotiation::Offer(String::new());
        self.last = match event {
            "`AcceptCall` by the callee" => calls.accept(callee, ID, effects),
            "`AcceptCall` by the caller" => calls.accept(caller, ID, effects),
            "`DeclineCall` by the callee" => calls.decline(NOW, callee, ID, effects),
            "`DeclineCall` by the caller" => calls.decline(NOW, caller, ID, effects),
            "`CancelCall` by the caller" => calls.cancel(NOW, caller, ID, effects),
            "`CancelCall` by the callee" => calls.cancel(NOW, callee, ID, effects),
            "`HangUp` by the caller" => calls.hang_up(NOW, caller, (ID, false), effects),
            "`HangUp` with `failed` by the caller" => calls.hang_up(NOW, caller, (ID, true), effects),
            "`MediaConnected` by the caller" => media(calls, caller, effects),
            "`MediaConnected` by both" => {
                media(calls, caller, effects).and_then(|()| media(calls, callee, effects))
            }
            "`Offer` by the caller" => calls.negotiate(caller, ID, offer(), effects),
            "`Offer` by the callee" => calls.negotiate(callee, ID, offer(), effects),
            "`Answer` by the callee, without an offer" => {
                calls.negotiate(callee, ID, Negotiation::Answer(String::new()), effects)
            }
            "anything by another session" => calls.hang_up(NOW, stranger, (ID, false), effects),
            "its time runs out" => {
                calls.tick(NOW + Duration::from_secs(45), effects);
                Ok(())
            }
            "the caller's stream breaks" => {
                calls.presence_changed(caller, false, effects);
                Ok(())
            }
            "the caller's session is lost" => lost(calls, caller, Departure::Lost, effects),
            "both sessions are lost" => lost(calls, caller, Departure::Lost, effects)
                .and_then(|()| lost(calls, callee, Departure::Lost, effects)),
            "`Bye` of the caller" => lost(calls, caller, Departure::Left, effects),
            "`Bye` of the callee's last device" => lost(calls, callee, Departure::Left, effects),
            "the caller's login is ended" => lost(calls, caller, Departure::Closed, effects),
            "the caller blocks the callee" => {
                calls.part(NOW, caller.guest, callee.guest, effects);
                Ok(())
            }
            "the callee blocks the caller" => {
                calls.part(NOW, callee.guest, caller.guest, effects);
                Ok(())
            }
            "the callee shows the call's token" => {
                calls.claim(NOW, party(2), claim(Side::Second, 1), effects)
            }
            "the server goes down" => {
                calls.shut_down(NOW, effects);
                Ok(())
            }
            _ => return false,
        };
        true
    }

    fn outcome(&self) -> String {
        if let Err(error) = &self.last {
            let reason = error.reason().as_str_name();
            return reason.trim_start_matches("ERROR_REASON_").to_owned();
        }
        let over = self.effects.iter().find_map(|effect| match effect {
            CallEffect::Over(ended) => Some(ended.reason),
            _ => None,
        });
        if let Some(reason) = over {
            assert!(self.calls.is_empty(), "a call that is over leaves the table");
            return format!("ENDED({})", screaming(&format!("{reason:?}")));
        }
        self.calls.check_invariants();
        let call = self.calls.table.values().next().expect("it goes on");
        let state = match call.phase {
            call::Phase::Connecting { expires_at: Some(_) } => STATES[2],
            call::Phase::Awaiting { .. } => STATES[4],
            _ => return call.state().as_str().to_uppercase(),
        };
        state.to_owned()
    }
}

/// `HungUp` as `HUNG_UP`.
fn screaming(name: &str) -> String {
    let letters = name.chars().enumerate().flat_map(|(at, letter)| {
        let gap = (at > 0 && letter.is_uppercase()).then_some('_');
        gap.into_iter().chain(letter.to_uppercase())
    });
    letters.collect()
}

fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split('|').map(str::trim).collect()
}

#[test]
fn the_table_in_the_protocol_is_what_the_code_does() {
    let mut lines = PROTOCOL.lines().skip_while(|line| !line.starts_with("| event "));
    let head = cells(lines.next().expect("docs/PROTOCOL.md has the table"));
    assert_eq!(head[1..].iter().map(|state| state.trim_matches('`')).collect::<Vec<_>>(), STATES);
    let mut checked = 0;
    for line in lines.skip(1).take_while(|line| line.starts_with('|')) {
        let row = cells(line);
        for (state, cell) in STATES.iter().zip(&row[1..]) {
            let mut drive = Drive::to(state);
            assert!(drive.does(row[0]), "the table has an event that the code does not know: {}", row[0]);
            assert_eq!(drive.outcome(), cell.trim_matches('`'), "{} in {state}", row[0]);
            checked += 1;
        }
        assert_eq!(row.len(), STATES.len() + 1, "{line}");
    }
    assert_eq!(checked, 25 * STATES.len(), "every event this test knows is in the table");
}

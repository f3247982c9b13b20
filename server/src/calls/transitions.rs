//! The table of docs/PROTOCOL.md, read and compared with the code: every event in every state.

use super::*;
use crate::guest::Guest;
use std::collections::BTreeMap;
use std::sync::Arc;

const PROTOCOL: &str = include_str!("../../../docs/PROTOCOL.md");
const STATES: [&str; 5] = ["RINGING", "CONNECTING", "CONNECTING (match)", "CONNECTED", "CONNECTED (alone)"];
const ID: CallId = CallId::from_bits(1);
const NOW: Duration = Duration::from_secs(1_000);

/// Who does something, or whom it befalls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Caller,
    Callee,
    /// A session that has no part in the call.
    Another,
}

impl Who {
    fn other(self) -> Self {
        if self == Self::Caller { Self::Callee } else { Self::Caller }
    }
}

/// What one end can do, and what can befall it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Accept,
    Decline,
    Cancel,
    HangUp,
    Fail,
    MediaConnected,
    Offer,
    /// Where nothing was offered.
    Answer,
    Candidate,
    CandidatesRemoved,
    EndOfCandidates,
    ShowsToken,
    StreamBreaks,
    SessionLost,
    Bye,
    LoginEnds,
    Blocks,
}

impl What {
    /// Frames that name the call.
    const FRAMES: [Self; 11] = [
        Self::Accept,
        Self::Decline,
        Self::Cancel,
        Self::HangUp,
        Self::Fail,
        Self::MediaConnected,
        Self::Offer,
        Self::Answer,
        Self::Candidate,
        Self::CandidatesRemoved,
        Self::EndOfCandidates,
    ];
    const REST: [Self; 6] =
        [Self::ShowsToken, Self::StreamBreaks, Self::SessionLost, Self::Bye, Self::LoginEnds, Self::Blocks];

    /// As the table has it, of `who`.
    fn of(self, who: &str) -> String {
        let frame = match self {
            Self::Accept => "`AcceptCall`",
            Self::Decline => "`DeclineCall`",
            Self::Cancel => "`CancelCall`",
            Self::HangUp => "`HangUp`",
            Self::Fail => "`HangUp` with `failed`",
            Self::MediaConnected => "`MediaConnected`",
            Self::Offer => "`Offer`",
            Self::Answer => return format!("`Answer` by the {who}, without an offer"),
            Self::Candidate | Self::CandidatesRemoved | Self::EndOfCandidates => {
                "`Candidate`, `CandidatesRemoved`, `EndOfCandidates`"
            }
            Self::ShowsToken => return format!("the {who} shows the call's token"),
            Self::StreamBreaks => return format!("the {who}'s stream breaks"),
            Self::SessionLost => return format!("the {who}'s session is lost"),
            Self::Bye => return format!("`Bye` of the {who}"),
            Self::LoginEnds => return format!("the {who}'s login is ended"),
            Self::Blocks if who == "caller" => return "the caller blocks the callee".to_owned(),
            Self::Blocks => return "the callee blocks the caller".to_owned(),
        };
        format!("{frame} by the {who}")
    }
}

#[derive(Clone, Copy, Debug)]
enum Event {
    By(Who, What),
    /// After the other end's offer.
    Answers(Who),
    BothConnect,
    BothLost,
    TimeOut,
    ShutDown,
}

impl Event {
    /// All that can happen to a call.
    fn every() -> Vec<Self> {
        let mut events = vec![Self::BothConnect, Self::BothLost, Self::TimeOut, Self::ShutDown];
        for who in [Who::Caller, Who::Callee] {
            events.extend(What::FRAMES.into_iter().chain(What::REST).map(|what| Self::By(who, what)));
            events.push(Self::Answers(who));
        }
        events.extend(What::FRAMES.map(|what| Self::By(Who::Another, what)));
        events
    }

    /// What the table calls it; it has one row for what is alike.
    fn row(self) -> String {
        let name = |who| if who == Who::Caller { "caller" } else { "callee" };
        match self {
            Self::By(Who::Another, _) => "anything by another session".to_owned(),
            Self::By(who, what) => what.of(name(who)),
            Self::Answers(who) => format!("`Answer` by the {}, to an offer", name(who)),
            Self::BothConnect => "`MediaConnected` by both".to_owned(),
            Self::BothLost => "both sessions are lost".to_owned(),
            Self::TimeOut => "its time runs out".to_owned(),
            Self::ShutDown => "the server goes down".to_owned(),
        }
    }
}

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
            drive.by(Who::Callee, What::Accept);
        }
        if state == "CONNECTED" {
            drive.does(Event::BothConnect);
        }
        assert_eq!(drive.last, Ok(()));
        drive.effects.clear();
        drive
    }

    fn does(&mut self, event: Event) {
        let Self { calls, effects, .. } = self;
        self.last = match event {
            Event::By(who, what) => return self.by(who, what),
            Event::Answers(who) => {
                self.by(who.other(), What::Offer);
                if self.last.is_ok() {
                    self.by(who, What::Answer);
                }
                return;
            }
            Event::BothConnect => {
                self.by(Who::Caller, What::MediaConnected);
                if self.last.is_ok() {
                    self.by(Who::Callee, What::MediaConnected);
                }
                return;
            }
            Event::BothLost => {
                self.by(Who::Caller, What::SessionLost);
                return self.by(Who::Callee, What::SessionLost);
            }
            Event::TimeOut => {
                calls.tick(NOW + Duration::from_secs(45), effects);
                Ok(())
            }
            Event::ShutDown => {
                calls.shut_down(NOW, effects);
                Ok(())
            }
        };
    }

    fn by(&mut self, who: Who, what: What) {
        let Self { calls, effects, .. } = self;
        let (number, other) = match who {
            Who::Caller => (1, 2),
            Who::Callee => (2, 1),
            Who::Another => (3, 1),
        };
        let me = member(number);
        let candidate = || Candidate {
            candidate: String::new(),
            sdp_mid: String::new(),
            sdp_m_line_index: 0,
            username_fragment: String::new(),
        };
        let said = match what {
            What::Offer => Some(Negotiation::Offer(String::new())),
            What::Answer => Some(Negotiation::Answer(String::new())),
            What::Candidate => Some(Negotiation::Candidate(candidate())),
            What::CandidatesRemoved => Some(Negotiation::CandidatesRemoved(vec![candidate()])),
            What::EndOfCandidates => Some(Negotiation::EndOfCandidates { username_fragment: String::new() }),
            _ => None,
        };
        let ends = match what {
            What::SessionLost => Some(Departure::Lost),
            What::Bye => Some(Departure::Left),
            What::LoginEnds => Some(Departure::Closed),
            _ => None,
        };
        self.last = match what {
            What::Accept => calls.accept(me, ID, effects),
            What::Decline => calls.decline(NOW, me, ID, effects),
            What::Cancel => calls.cancel(NOW, me, ID, effects),
            What::HangUp => calls.hang_up(NOW, me, (ID, false), effects),
            What::Fail => calls.hang_up(NOW, me, (ID, true), effects),
            What::MediaConnected => calls.media_connected(NOW, me, (ID, Route::Host), effects),
            What::ShowsToken => {
                let side = if who == Who::Caller { Side::First } else { Side::Second };
                calls.claim(NOW, party(number), claim(side, other), effects)
            }
            _ => {
                if let Some(said) = said {
                    calls.negotiate(me, ID, said, effects)
                } else {
                    if let Some(how) = ends {
                        calls.session_ended(NOW, me, how, effects);
                    } else if what == What::Blocks {
                        calls.part(NOW, me.guest, member(other).guest, effects);
                    } else {
                        calls.presence_changed(me, false, effects);
                    }
                    Ok(())
                }
            }
        };
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
    let mut rows: BTreeMap<String, Vec<Event>> = BTreeMap::new();
    for event in Event::every() {
        rows.entry(event.row()).or_default().push(event);
    }
    let mut wrong = Vec::new();
    for line in lines.skip(1).take_while(|line| line.starts_with('|')) {
        let row = cells(line);
        assert_eq!(row.len(), STATES.len() + 1, "{line}");
        let events = rows.remove(row[0]).unwrap_or_default();
        assert!(!events.is_empty(), "the table has an event that the code does not know: {}", row[0]);
        for event in events {
            for (state, cell) in STATES.iter().zip(&row[1..]) {
                let mut drive = Drive::to(state);
                drive.does(event);
                let outcome = drive.outcome();
                if outcome != cell.trim_matches('`') {
                    wrong.push(format!("{event:?} in {state}: {outcome}, the table says {cell}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(rows.is_empty(), "the table lacks {:#?}", rows.keys());
}

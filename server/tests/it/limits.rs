//! Every field of a frame at its limit, which is taken, and one past it; values that are none, and frames out of their
//! order: each of these is answered in band by a typed error, and the stream goes on.

use crate::signaling::{Signal, hello, in_call, two};
use crate::support::{TestServer, fields_at_fault, reason};
use castle::v1;
use castle::v1::ErrorReason as Reason;
use castle::v1::signal_request::Frame as Request;
use castle::v1::signal_response::Frame as Response;

fn long(length: usize) -> String {
    "x".repeat(length)
}

fn candidate(call_id: &str, change: impl Fn(&mut v1::Candidate)) -> v1::Candidate {
    let mut candidate = v1::Candidate { call_id: call_id.to_owned(), ..Default::default() };
    change(&mut candidate);
    candidate
}

/// (field, what is asked, the reason it is refused for)
pub(crate) fn frames_over_a_limit(call: &str) -> Vec<(&'static str, Request, Reason)> {
    let call_id = call.to_owned();
    let mut frames = calls_over_a_limit(&call_id);
    frames.extend(negotiation_over_a_limit(&call_id));
    let watch = |query: usize, page_token: usize| {
        Request::WatchHall(v1::WatchHall { watch: 1, query: long(query), page_token: long(page_token) })
    };
    let seen = |until| Request::MissedCallsSeen(v1::MissedCallsSeen { until });
    let before_the_epoch = prost_types::Timestamp { seconds: -1, nanos: 0 };
    let wish = |availability| Request::SetAvailability(v1::SetAvailability { availability });
    frames.extend([
        ("watch_hall.query", watch(65, 0), Reason::InvalidField),
        ("watch_hall.page_token", watch(0, 33), Reason::InvalidField),
        ("set_availability.availability", wish(99), Reason::InvalidField),
        ("set_availability.availability", wish(v1::Availability::InCall.into()), Reason::InvalidField),
        ("set_availability.availability", wish(0), Reason::InvalidField),
        ("missed_calls_seen.until", seen(None), Reason::InvalidField),
        ("missed_calls_seen.until", seen(Some(before_the_epoch)), Reason::InvalidField),
        (
            "renew_token.access_token",
            Request::RenewToken(v1::RenewToken { access_token: long(4097) }),
            Reason::TokenInvalid,
        ),
    ]);
    frames
}

fn calls_over_a_limit(call: &str) -> Vec<(&'static str, Request, Reason)> {
    let place = |target| Request::PlaceCall(v1::PlaceCall { target });
    let named = |length| place(Some(v1::place_call::Target::Name(long(length))));
    let media = |call_id, route| Request::MediaConnected(v1::MediaConnected { call_id, route });
    vec![
        ("place_call.name", place(None), Reason::InvalidField),
        ("place_call.name", named(2), Reason::InvalidField),
        ("place_call.name", named(33), Reason::InvalidField),
        ("place_call.guest_id", place(Some(v1::place_call::Target::GuestId(long(37)))), Reason::InvalidField),
        (
            "accept_call.call_id",
            Request::AcceptCall(v1::AcceptCall { call_id: long(37) }),
            Reason::InvalidField,
        ),
        (
            "decline_call.call_id",
            Request::DeclineCall(v1::DeclineCall { call_id: long(37) }),
            Reason::InvalidField,
        ),
        (
            "cancel_call.call_id",
            Request::CancelCall(v1::CancelCall { call_id: long(37) }),
            Reason::InvalidField,
        ),
        (
            "hang_up.call_id",
            Request::HangUp(v1::HangUp { call_id: long(37), failed: false }),
            Reason::InvalidField,
        ),
        ("media_connected.call_id", media(long(37), 0), Reason::InvalidField),
        ("media_connected.route", media(call.to_owned(), 99), Reason::InvalidField),
    ]
}

fn negotiation_over_a_limit(call: &str) -> Vec<(&'static str, Request, Reason)> {
    let too_large = Reason::FrameTooLarge;
    let ours = || call.to_owned();
    let offer = |call_id, sdp| Request::Offer(v1::Offer { call_id, sdp });
    let answer = |call_id, sdp| Request::Answer(v1::Answer { call_id, sdp });
    let one = |change: &dyn Fn(&mut v1::Candidate)| Request::Candidate(candidate(call, change));
    let removed =
        |call_id, candidates| Request::CandidatesRemoved(v1::CandidatesRemoved { call_id, candidates });
    let among = |change: &dyn Fn(&mut v1::Candidate)| removed(ours(), vec![candidate("", change)]);
    let end = |call_id, username_fragment| {
        Request::EndOfCandidates(v1::EndOfCandidates { call_id, username_fragment })
    };
    vec![
        ("offer.call_id", offer(long(37), String::new()), Reason::InvalidField),
        ("offer.sdp", offer(ours(), long(32_769)), too_large),
        ("answer.call_id", answer(long(37), String::new()), Reason::InvalidField),
        ("answer.sdp", answer(ours(), long(32_769)), too_large),
        ("candidate.call_id", one(&|it| it.call_id = long(37)), Reason::InvalidField),
        ("candidate.candidate", one(&|it| it.candidate = long(2_049)), too_large),
        ("candidate.sdp_mid", one(&|it| it.sdp_mid = long(2_049)), too_large),
        ("candidate.username_fragment", one(&|it| it.username_fragment = long(2_049)), too_large),
        ("end_of_candidates.call_id", end(long(37), String::new()), Reason::InvalidField),
        ("end_of_candidates.username_fragment", end(ours(), long(2_049)), too_large),
        ("candidates_removed.call_id", removed(long(37), vec![]), Reason::InvalidField),
        ("candidates_removed.candidates", removed(ours(), vec![]), Reason::InvalidField),
        (
            "candidates_removed.candidates",
            removed(ours(), vec![v1::Candidate::default(); 33]),
            Reason::InvalidField,
        ),
        (
            "candidates_removed.candidates.call_id",
            removed(ours(), vec![candidate(call, |_| {})]),
            Reason::InvalidField,
        ),
        ("candidates_removed.candidates.candidate", among(&|it| it.candidate = long(2_049)), too_large),
        ("candidates_removed.candidates.sdp_mid", among(&|it| it.sdp_mid = long(2_049)), too_large),
        (
            "candidates_removed.candidates.username_fragment",
            among(&|it| it.username_fragment = long(2_049)),
            too_large,
        ),
    ]
}

/// (field, a frame in which it is at its limit) of who is in this call and has this access token
pub(crate) fn frames_at_a_limit(call: &str, token: &str) -> Vec<(&'static str, Request)> {
    let (ours, other) = (|| call.to_owned(), || format!("cal_{:032x}", u128::MAX));
    let watch = v1::WatchHall { watch: u64::MAX, query: "é".repeat(64), page_token: "é".repeat(32) };
    let seen = v1::MissedCallsSeen { until: Some(prost_types::Timestamp::default()) };
    let wish = v1::SetAvailability { availability: v1::Availability::Invisible.into() };
    let place = |target| Request::PlaceCall(v1::PlaceCall { target: Some(target) });
    let nobody = format!("gst_{:032x}", u128::MAX);
    let one = |change: &dyn Fn(&mut v1::Candidate)| Request::Candidate(candidate(call, change));
    let removed = |candidates| {
        Request::CandidatesRemoved(v1::CandidatesRemoved { call_id: call.to_owned(), candidates })
    };
    let among = |change: &dyn Fn(&mut v1::Candidate)| removed(vec![candidate("", change)]);
    let end = v1::EndOfCandidates { call_id: ours(), username_fragment: long(2_048) };
    let media = v1::MediaConnected { call_id: ours(), route: v1::Route::Relay.into() };
    vec![
        ("watch_hall.query", Request::WatchHall(watch.clone())),
        ("watch_hall.page_token", Request::WatchHall(watch)),
        ("set_availability.availability", Request::SetAvailability(wish)),
        ("missed_calls_seen.until", Request::MissedCallsSeen(seen)),
        ("renew_token.access_token", Request::RenewToken(v1::RenewToken { access_token: token.to_owned() })),
        ("place_call.name", place(v1::place_call::Target::Name(long(3)))),
        ("place_call.name", place(v1::place_call::Target::Name(long(32)))),
        ("place_call.guest_id", place(v1::place_call::Target::GuestId(nobody))),
        ("accept_call.call_id", Request::AcceptCall(v1::AcceptCall { call_id: other() })),
        ("decline_call.call_id", Request::DeclineCall(v1::DeclineCall { call_id: other() })),
        ("cancel_call.call_id", Request::CancelCall(v1::CancelCall { call_id: other() })),
        ("hang_up.call_id", Request::HangUp(v1::HangUp { call_id: other(), failed: true })),
        ("media_connected.call_id", Request::MediaConnected(media)),
        ("media_connected.route", Request::MediaConnected(media_by_any_route(call))),
        ("offer.call_id", Request::Offer(v1::Offer { call_id: ours(), sdp: String::new() })),
        ("offer.sdp", Request::Offer(v1::Offer { call_id: ours(), sdp: long(32_768) })),
        ("answer.call_id", Request::Answer(v1::Answer { call_id: ours(), sdp: String::new() })),
        ("answer.sdp", Request::Answer(v1::Answer { call_id: ours(), sdp: long(32_768) })),
        ("candidate.call_id", one(&|_| {})),
        ("candidate.candidate", one(&|it| it.candidate = long(2_048))),
        ("candidate.sdp_mid", one(&|it| it.sdp_mid = long(2_048))),
        ("candidate.username_fragment", one(&|it| it.username_fragment = long(2_048))),
        ("end_of_candidates.call_id", Request::EndOfCandidates(end.clone())),
        ("end_of_candidates.username_fragment", Request::EndOfCandidates(end)),
        ("candidates_removed.call_id", removed(vec![v1::Candidate::default()])),
        ("candidates_removed.candidates", removed(vec![v1::Candidate::default(); 32])),
        ("candidates_removed.candidates.call_id", among(&|_| {})),
        ("candidates_removed.candidates.candidate", among(&|it| it.candidate = long(2_048))),
        ("candidates_removed.candidates.sdp_mid", among(&|it| it.sdp_mid = long(2_048))),
        ("candidates_removed.candidates.username_fragment", among(&|it| it.username_fragment = long(2_048))),
    ]
}

/// A client need not know its route.
fn media_by_any_route(call: &str) -> v1::MediaConnected {
    v1::MediaConnected { call_id: call.to_owned(), route: v1::Route::Unspecified.into() }
}

#[tokio::test]
async fn each_field_at_its_limit_is_taken() {
    let server = TestServer::start_with(|config| {
        config.hub.sessions.frames_burst = 1_000;
        config.hub.sessions.unacked_bytes_max = 4 * 1024 * 1024;
    })
    .await;
    let [(guest, mut alice), (bob, mut bob_signal)] = two(&server).await;
    let [call, _] = in_call(&mut alice, (&bob, &mut bob_signal)).await;
    for (field, frame) in frames_at_a_limit(&call.call_id, &guest.tokens.access_token) {
        alice.ask(frame).await;
        let asked = format!("request {}", alice.sent);
        is_taken(&mut alice, &asked, field).await;
    }
    alice.sent += 1;
    let (seq, ack, request_id) = (alice.sent, alice.seen, long(64));
    let frame = Some(Request::LeaveMatch(v1::LeaveMatch {}));
    alice.raw(v1::SignalRequest { seq, ack, request_id: request_id.clone(), frame }).await;
    is_taken(&mut alice, &request_id, "request_id").await;
}

/// Nothing was wrong with what was asked last, whatever came of it.
async fn is_taken(signal: &mut Signal, asked: &str, field: &str) {
    // Refused for certain: what was asked before it has been answered by then.
    signal.accepts(&v1::Call::default()).await;
    let last = format!("request {}", signal.sent);
    loop {
        let heard = signal.next().await.expect("the stream goes on");
        let Some(Response::Error(error)) = heard.frame else { continue };
        if heard.in_reply_to == last {
            break;
        }
        assert_eq!(heard.in_reply_to, asked, "{field}: {error:?}");
        let at_fault =
            [Reason::InvalidField, Reason::FrameTooLarge, Reason::MalformedFrame, Reason::TokenInvalid];
        assert!(!at_fault.contains(&error.reason()), "{field}: {error:?}");
    }
}

#[tokio::test]
async fn one_past_the_limit_of_each_field_is_refused_in_band() {
    let server = TestServer::start().await;
    let [(_, mut alice), (bob, mut bob_signal)] = two(&server).await;
    let [call, _] = in_call(&mut alice, (&bob, &mut bob_signal)).await;
    for (field, frame, expected) in frames_over_a_limit(&call.call_id) {
        let shown = format!("{field}: {frame:?}").chars().take(120).collect::<String>();
        alice.ask(frame).await;
        assert_eq!(alice.fault().await.reason(), expected, "{shown}");
    }
    alice.sent += 1;
    let frame = Some(Request::LeaveMatch(v1::LeaveMatch {}));
    alice.raw(v1::SignalRequest { seq: alice.sent, ack: 0, request_id: long(65), frame }).await;
    let error = alice.fault().await;
    assert_eq!(error.field_violations[0].field, "request_id");
    alice.hangs_up(&call).await;
    assert_eq!(bob_signal.ended().await, v1::CallEndReason::HungUp, "the stream goes on");
}

#[tokio::test]
async fn one_past_the_limit_of_each_field_of_hello_ends_the_stream() {
    let server = TestServer::start().await;
    let mut alice = server.guest("alice").await;
    let Request::Hello(good) = hello(None) else { unreachable!("hello says hello") };
    let resume = v1::Resume { resume_token: long(257), ..Default::default() };
    let cases = [
        (v1::Hello { client_name: long(65), ..good.clone() }, "hello.client_name"),
        (v1::Hello { client_version: long(65), ..good.clone() }, "hello.client_version"),
        (v1::Hello { current_call: long(257), ..good.clone() }, "hello.current_call"),
        (v1::Hello { availability: 99, ..good.clone() }, "hello.availability"),
        (v1::Hello { resume: Some(resume), ..good }, "hello.resume.resume_token"),
    ];
    for (hello, field) in cases {
        let mut signal = Signal::begin(&mut alice).await;
        signal.say(0, Request::Hello(hello)).await;
        assert_eq!(fields_at_fault(signal.next().await), [field]);
    }
}

#[tokio::test]
async fn frames_out_of_their_order_are_refused_and_change_nothing() {
    let server = TestServer::start().await;
    let [(_, mut alice), (bob, mut bob_signal)] = two(&server).await;
    let nobody = v1::Call { call_id: format!("cal_{:032x}", 7), ..Default::default() };
    alice.accepts(&nobody).await;
    assert_eq!(alice.fault().await.reason(), Reason::NotInCall, "accepted without a ring");
    alice.hangs_up(&nobody).await;
    assert_eq!(alice.fault().await.reason(), Reason::NotInCall);
    alice.trickles(&nobody, "a candidate").await;
    assert_eq!(alice.fault().await.reason(), Reason::NotInCall);

    alice.calls(&bob).await;
    let call = alice.call_in(v1::CallState::Ringing).await;
    alice.accepts(&call).await;
    let own = alice.fault().await.reason();
    assert!(matches!(own, Reason::NotInCall | Reason::WrongState), "one's own call: {own:?}");
    alice.has_media(&call).await;
    assert_eq!(alice.fault().await.reason(), Reason::WrongState, "media before the accept");
    bob_signal.call_in(v1::CallState::Ringing).await;
    bob_signal.accepts(&call).await;
    bob_signal.call_in(v1::CallState::Connecting).await;
    let sdp = "an answer".to_owned();
    bob_signal.ask(Request::Answer(v1::Answer { call_id: call.call_id.clone(), sdp })).await;
    assert_eq!(bob_signal.fault().await.reason(), Reason::WrongState, "an answer before the offer");
    bob_signal.accepts(&call).await;
    let again = bob_signal.fault().await.reason();
    assert!(matches!(again, Reason::NotInCall | Reason::WrongState), "accepted twice: {again:?}");
    let mut late = bob_signal;
    late.say(0, hello(None)).await;
    assert_eq!(late.end().await, "HELLO_EXPECTED", "hello twice");
    assert_eq!(alice.call_in(v1::CallState::Connecting).await.call_id, call.call_id);
}

#[tokio::test]
async fn who_sends_more_than_the_other_end_can_keep_is_refused_and_does_not_cut_their_stream() {
    let server = TestServer::start().await;
    let [(_, mut alice), (bob, mut bob_signal)] = two(&server).await;
    let [call, _] = in_call(&mut alice, (&bob, &mut bob_signal)).await;
    let offer = |sdp| Request::Offer(v1::Offer { call_id: call.call_id.clone(), sdp });
    let many = 20;
    for _ in 0..many {
        alice.ask(offer(long(32_000))).await;
    }
    let refused = alice.fault().await;
    assert_eq!(refused.reason(), Reason::RateLimited);
    assert_eq!(refused.metadata["what"], "negotiation_bytes");
    assert_eq!(refused.metadata["limit"], "131072");
    alice.hangs_up(&call).await;
    let mut came = 0;
    loop {
        match bob_signal.next().await.expect("the stream goes on").frame {
            Some(Response::Offer(_)) => came += 1,
            Some(Response::CallUpdate(update)) if update.call.as_ref().is_some_and(ended) => break,
            _ => {}
        }
    }
    assert!((4..many).contains(&came), "{came} of {many} came");
}

fn ended(call: &v1::Call) -> bool {
    call.state() == v1::CallState::Ended
}

#[tokio::test]
async fn sessions_of_a_node_are_bounded() {
    let server = TestServer::start_with(|config| config.hub.sessions.total_max = 1).await;
    let mut alice = server.guest("alice").await;
    let first = Signal::open(&mut alice).await;
    let refused = Signal::hello(&mut alice, None).await.err().expect("refused");
    assert_eq!(reason(&refused), "LIMIT");
    let details = tonic_types::StatusExt::get_error_details(&refused);
    let metadata = &details.error_info().expect("ErrorInfo").metadata;
    assert_eq!(metadata.get("limit").map(String::as_str), Some("1"), "{metadata:?}");
    assert!(!first.welcome.session_id.is_empty());
}

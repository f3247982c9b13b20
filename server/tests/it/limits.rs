//! One past the limit of every field of a frame, values that are none, and frames out of their order: each is
//! answered in band by a typed error, and the stream goes on.

use crate::signaling::{Signal, hello, in_call, two};
use crate::support::{TestServer, fields_at_fault, reason};
use castle::v1;
use castle::v1::ErrorReason as Reason;
use castle::v1::signal_request::Frame as Request;

fn long(length: usize) -> String {
    "x".repeat(length)
}

fn candidate(call_id: &str, change: impl FnOnce(&mut v1::Candidate)) -> v1::Candidate {
    let mut candidate = v1::Candidate { call_id: call_id.to_owned(), ..Default::default() };
    change(&mut candidate);
    candidate
}

/// (what is asked, the reason it is refused for)
fn frames_over_a_limit(call: &str) -> Vec<(Request, Reason)> {
    let call_id = call.to_owned();
    let removed = |candidates| {
        Request::CandidatesRemoved(v1::CandidatesRemoved { call_id: call_id.clone(), candidates })
    };
    let watch = |query: usize, page_token: usize| {
        Request::WatchHall(v1::WatchHall { watch: 1, query: long(query), page_token: long(page_token) })
    };
    let place = |target| Request::PlaceCall(v1::PlaceCall { target });
    let named = |length| place(Some(v1::place_call::Target::Name(long(length))));
    vec![
        (watch(65, 0), Reason::InvalidField),
        (watch(0, 65), Reason::InvalidField),
        (place(None), Reason::InvalidField),
        (named(2), Reason::InvalidField),
        (named(33), Reason::InvalidField),
        (place(Some(v1::place_call::Target::GuestId(long(37)))), Reason::InvalidField),
        (Request::AcceptCall(v1::AcceptCall { call_id: long(37) }), Reason::InvalidField),
        (Request::DeclineCall(v1::DeclineCall { call_id: long(37) }), Reason::InvalidField),
        (Request::CancelCall(v1::CancelCall { call_id: long(37) }), Reason::InvalidField),
        (Request::HangUp(v1::HangUp { call_id: long(37), failed: false }), Reason::InvalidField),
        (Request::MediaConnected(v1::MediaConnected { call_id: long(37), route: 0 }), Reason::InvalidField),
        (
            Request::MediaConnected(v1::MediaConnected { call_id: call_id.clone(), route: 99 }),
            Reason::InvalidField,
        ),
        (Request::SetAvailability(v1::SetAvailability { availability: 99 }), Reason::InvalidField),
        (Request::SetAvailability(v1::SetAvailability { availability: 0 }), Reason::InvalidField),
        (Request::MissedCallsSeen(v1::MissedCallsSeen { until: None }), Reason::InvalidField),
        (Request::RenewToken(v1::RenewToken { access_token: long(4097) }), Reason::TokenInvalid),
        (Request::Offer(v1::Offer { call_id: call_id.clone(), sdp: long(32_769) }), Reason::FrameTooLarge),
        (Request::Answer(v1::Answer { call_id: call_id.clone(), sdp: long(32_769) }), Reason::FrameTooLarge),
        (Request::Candidate(candidate(call, |it| it.candidate = long(2_049))), Reason::FrameTooLarge),
        (Request::Candidate(candidate(call, |it| it.sdp_mid = long(2_049))), Reason::FrameTooLarge),
        (Request::Candidate(candidate(call, |it| it.username_fragment = long(2_049))), Reason::FrameTooLarge),
        (
            Request::EndOfCandidates(v1::EndOfCandidates {
                call_id: call_id.clone(),
                username_fragment: long(2_049),
            }),
            Reason::FrameTooLarge,
        ),
        (removed(vec![candidate("", |it| it.candidate = long(2_049))]), Reason::FrameTooLarge),
        (removed(vec![v1::Candidate::default(); 33]), Reason::InvalidField),
    ]
}

#[tokio::test]
async fn one_past_the_limit_of_each_field_is_refused_in_band() {
    let server = TestServer::start().await;
    let [(_, mut alice), (bob, mut bob_signal)] = two(&server).await;
    let [call, _] = in_call(&mut alice, (&bob, &mut bob_signal)).await;
    for (frame, expected) in frames_over_a_limit(&call.call_id) {
        let shown = format!("{frame:?}").chars().take(120).collect::<String>();
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
    bob_signal.accepts(&call).await;
    let again = bob_signal.fault().await.reason();
    assert!(matches!(again, Reason::NotInCall | Reason::WrongState), "accepted twice: {again:?}");
    let mut late = bob_signal;
    late.say(0, hello(None)).await;
    assert_eq!(late.end().await, "HELLO_EXPECTED", "hello twice");
    assert_eq!(alice.call_in(v1::CallState::Connecting).await.call_id, call.call_id);
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

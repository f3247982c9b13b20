//! A guest's Signal and Match streams, as the stories use them. Numbers and acknowledges as a client must;
//! never decides what is right.

use crate::support::{TestGuest, TestServer, reason};
use castle::link::Link;
use castle::v1;
use castle::v1::signal_request::Frame as Request;
use castle::v1::signal_response::Frame as Response;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

/// Longer than anything here takes: a story that waits so long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// An open Signal stream.
pub(crate) struct Signal {
    pub(crate) welcome: v1::Welcome,
    pub(crate) seen: u64,
    pub(crate) sent: u64,
    requests: Option<mpsc::Sender<v1::SignalRequest>>,
    responses: Streaming<v1::SignalResponse>,
}

pub(crate) fn hello(resume: Option<v1::Resume>) -> Request {
    Request::Hello(v1::Hello {
        protocol_version: 1,
        client_name: "story".to_owned(),
        resume,
        ..Default::default()
    })
}

fn unsequenced(frame: Request) -> v1::SignalRequest {
    v1::SignalRequest { frame: Some(frame), ..Default::default() }
}

impl Signal {
    /// A new session.
    pub(crate) async fn open(guest: &mut TestGuest) -> Self {
        Self::hello(guest, None).await.expect("welcome")
    }

    /// Takes the session up again on a connection of its own, knowing what this stream has seen.
    pub(crate) async fn resume(self, server: &TestServer, guest: &mut TestGuest) -> Result<Self, Status> {
        let resume = self.resume_request();
        let sent = self.sent;
        drop(self);
        guest.client = server.client().await;
        let mut resumed = Self::hello(guest, Some(resume)).await?;
        resumed.sent = sent;
        Ok(resumed)
    }

    pub(crate) fn resume_request(&self) -> v1::Resume {
        v1::Resume {
            resume_token: self.welcome.resume_token.clone(),
            received_seq: self.seen,
            epoch: self.welcome.epoch + 1,
        }
    }

    pub(crate) async fn hello(guest: &mut TestGuest, resume: Option<v1::Resume>) -> Result<Self, Status> {
        let seen = resume.as_ref().map_or(0, |resume| resume.received_seq);
        let mut signal = Self::begin(guest).await;
        signal.say(0, hello(resume)).await;
        let first = signal.next().await?;
        let Some(Response::Welcome(welcome)) = first.frame else { panic!("not a welcome: {first:?}") };
        signal.seen = if welcome.resumed { seen } else { 0 };
        signal.welcome = welcome;
        Ok(signal)
    }

    /// A new session, unless the server goes meanwhile.
    pub(crate) async fn tries_to_open(guest: &mut TestGuest) -> Option<Self> {
        let (requests, frames) = mpsc::channel(64);
        let request = guest.asks(ReceiverStream::new(frames));
        let responses = guest.client.signal(request).await.ok()?.into_inner();
        let welcome = v1::Welcome::default();
        let mut signal = Self { welcome, seen: 0, sent: 0, requests: Some(requests), responses };
        signal.requests.as_ref()?.send(unsequenced(hello(None))).await.ok()?;
        signal.next().await.ok()?;
        Some(signal)
    }

    /// Asks for something, in its turn; none: the server is gone.
    pub(crate) async fn tries(&mut self, frame: Request) -> Option<()> {
        self.sent += 1;
        let request = v1::SignalRequest { seq: self.sent, ack: self.seen, ..unsequenced(frame) };
        self.requests.as_ref()?.send(request).await.ok()
    }

    /// The call, once it is in this state; none: the server is gone.
    pub(crate) async fn hears_of_call(&mut self, state: v1::CallState) -> Option<v1::Call> {
        loop {
            let Some(Response::CallUpdate(update)) = self.next().await.ok()?.frame else { continue };
            if let Some(call) = update.call.filter(|call| call.state() == state) {
                return Some(call);
            }
        }
    }

    /// A new session that says it is in the call of this token.
    pub(crate) async fn claim(guest: &mut TestGuest, call_token: &str) -> Self {
        let mut signal = Self::begin(guest).await;
        let Request::Hello(hello) = hello(None) else { panic!("hello is not a hello") };
        let hello = v1::Hello { current_call: call_token.to_owned(), ..hello };
        signal.say(0, Request::Hello(hello)).await;
        let first = signal.next().await.expect("welcome");
        let Some(Response::Welcome(welcome)) = first.frame else { panic!("not a welcome: {first:?}") };
        signal.welcome = welcome;
        signal
    }

    /// A stream that has not said anything.
    pub(crate) async fn begin(guest: &mut TestGuest) -> Self {
        let (requests, frames) = mpsc::channel(64);
        let request = guest.asks(ReceiverStream::new(frames));
        let responses = guest.client.signal(request).await.expect("the stream opens").into_inner();
        Self { welcome: v1::Welcome::default(), seen: 0, sent: 0, requests: Some(requests), responses }
    }

    /// The numbers of this stream's session, as its end of the link keeps them. All that was said must have been
    /// performed.
    pub(crate) fn link(&self) -> Link<v1::SignalRequest> {
        let mut link = Link::default();
        for _ in 0..self.sent {
            link.send(|_| (v1::SignalRequest::default(), 0)).expect("few were sent");
        }
        link.acknowledge(self.sent).expect("they were sent");
        for seq in 1..=self.seen {
            link.receive(seq).expect("they came in order");
        }
        link
    }

    /// Finishes sending; goes on listening.
    pub(crate) fn half_close(&mut self) {
        self.requests = None;
    }

    pub(crate) async fn raw(&self, request: v1::SignalRequest) {
        let requests = self.requests.as_ref().expect("not half-closed");
        requests.send(request).await.expect("the stream is open");
    }

    /// Says something under a number of the caller's.
    pub(crate) async fn say(&self, seq: u64, frame: Request) {
        let request_id = format!("request {seq}");
        self.raw(v1::SignalRequest { seq, ack: self.seen, request_id, frame: Some(frame) }).await;
    }

    /// Asks for something, in its turn.
    pub(crate) async fn ask(&mut self, frame: Request) {
        self.sent += 1;
        self.say(self.sent, frame).await;
    }

    /// The next frame that says something; pings are answered on the way.
    pub(crate) async fn next(&mut self) -> Result<v1::SignalResponse, Status> {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.responses.message()).await;
            let frame = next.expect("something comes")?.ok_or_else(|| Status::ok("the stream ended"))?;
            if frame.seq > 0 {
                assert_eq!(frame.seq, self.seen + 1, "every frame once and in order: {frame:?}");
                self.seen = frame.seq;
            }
            match frame.frame {
                Some(Response::Ping(ping)) if self.requests.is_some() => {
                    self.say(0, Request::Pong(v1::Pong { nonce: ping.nonce })).await;
                }
                None | Some(Response::Ping(_)) => {}
                Some(_) => return Ok(frame),
            }
        }
    }

    /// The first of the frames to come in which `wanted` finds something.
    pub(crate) async fn until<T>(&mut self, mut wanted: impl FnMut(&v1::SignalResponse) -> Option<T>) -> T {
        loop {
            let frame = self.next().await.expect("the stream goes on");
            if let Some(found) = wanted(&frame) {
                return found;
            }
        }
    }

    /// The next news of a call.
    pub(crate) async fn call(&mut self) -> v1::Call {
        self.until(|frame| match &frame.frame {
            Some(Response::CallUpdate(update)) => update.call.clone(),
            _ => None,
        })
        .await
    }

    /// The next news of a call, which is in this state.
    pub(crate) async fn call_in(&mut self, state: v1::CallState) -> v1::Call {
        let call = self.call().await;
        assert_eq!(call.state(), state, "{call:?}");
        call
    }

    /// Why the call ended, which is the next news of it.
    pub(crate) async fn ended(&mut self) -> v1::CallEndReason {
        self.call_in(v1::CallState::Ended).await.end_reason()
    }

    /// The next fault of a frame.
    pub(crate) async fn fault(&mut self) -> v1::Error {
        self.until(|frame| match &frame.frame {
            Some(Response::Error(error)) => Some(error.clone()),
            _ => None,
        })
        .await
    }

    /// The next frame that comes from the other end.
    pub(crate) async fn said(&mut self) -> Response {
        self.until(|frame| match &frame.frame {
            Some(
                it @ (Response::Offer(_)
                | Response::Answer(_)
                | Response::Candidate(_)
                | Response::EndOfCandidates(_)),
            ) => Some(it.clone()),
            _ => None,
        })
        .await
    }

    /// Why the stream ended; what comes before does not matter.
    pub(crate) async fn end(&mut self) -> String {
        loop {
            if let Err(status) = self.next().await {
                return reason(&status);
            }
        }
    }

    pub(crate) async fn places_call(&mut self, target: v1::place_call::Target) {
        self.ask(Request::PlaceCall(v1::PlaceCall { target: Some(target) })).await;
    }

    pub(crate) async fn calls(&mut self, callee: &TestGuest) {
        self.places_call(v1::place_call::Target::GuestId(callee.guest.guest_id.clone())).await;
    }

    pub(crate) async fn accepts(&mut self, call: &v1::Call) {
        self.ask(Request::AcceptCall(v1::AcceptCall { call_id: call.call_id.clone() })).await;
    }

    pub(crate) async fn hangs_up(&mut self, call: &v1::Call) {
        self.ask(Request::HangUp(v1::HangUp { call_id: call.call_id.clone(), failed: false })).await;
    }

    pub(crate) async fn has_media(&mut self, call: &v1::Call) {
        let route = v1::Route::Relay.into();
        self.ask(Request::MediaConnected(v1::MediaConnected { call_id: call.call_id.clone(), route })).await;
    }

    pub(crate) async fn trickles(&mut self, call: &v1::Call, candidate: &str) {
        let candidate = v1::Candidate {
            call_id: call.call_id.clone(),
            candidate: candidate.to_owned(),
            ..Default::default()
        };
        self.ask(Request::Candidate(candidate)).await;
    }
}

/// Two guests with a session each.
pub(crate) async fn two(server: &TestServer) -> [(TestGuest, Signal); 2] {
    two_named(server, &["alice".to_owned(), "bob".to_owned()]).await
}

/// The same, by other names.
pub(crate) async fn two_named(server: &TestServer, names: &[String; 2]) -> [(TestGuest, Signal); 2] {
    let mut alice = server.guest(&names[0]).await;
    let mut bob = server.guest(&names[1]).await;
    let (alice_signal, bob_signal) = (Signal::open(&mut alice).await, Signal::open(&mut bob).await);
    [(alice, alice_signal), (bob, bob_signal)]
}

/// The first calls the second, who accepts; both have been told. The call as each sees it.
pub(crate) async fn in_call(
    caller: &mut Signal,
    (callee, callee_signal): (&TestGuest, &mut Signal),
) -> [v1::Call; 2] {
    caller.calls(callee).await;
    caller.call_in(v1::CallState::Ringing).await;
    let rung = callee_signal.call_in(v1::CallState::Ringing).await;
    callee_signal.accepts(&rung).await;
    let callee_view = callee_signal.call_in(v1::CallState::Connecting).await;
    [caller.call_in(v1::CallState::Connecting).await, callee_view]
}

/// A Match stream.
pub(crate) struct Waiting(Streaming<v1::MatchResponse>);

impl Waiting {
    pub(crate) async fn begin(
        guest: &mut TestGuest,
        signal: &Signal,
        request_id: &str,
    ) -> Result<Self, Status> {
        let request = v1::MatchRequest {
            session_id: signal.welcome.session_id.clone(),
            request_id: request_id.to_owned(),
            ..Default::default()
        };
        Self::ask(guest, request).await
    }

    pub(crate) async fn ask(guest: &mut TestGuest, request: v1::MatchRequest) -> Result<Self, Status> {
        let request = guest.asks(request);
        Ok(Self(guest.client.r#match(request).await?.into_inner()))
    }

    pub(crate) async fn next(&mut self) -> Option<v1::match_response::Update> {
        let next = tokio::time::timeout(PATIENCE, self.0.message()).await.expect("something comes");
        next.expect("the stream goes on").and_then(|line| line.update)
    }

    /// The place it has; the next line.
    pub(crate) async fn queued(&mut self) -> v1::MatchQueued {
        match self.next().await {
            Some(v1::match_response::Update::Queued(queued)) => queued,
            other => panic!("not queued: {other:?}"),
        }
    }

    /// How the waiting ends.
    pub(crate) async fn outcome(&mut self) -> Result<String, v1::MatchLeftReason> {
        loop {
            match self.next().await {
                Some(v1::match_response::Update::Queued(_)) => {}
                Some(v1::match_response::Update::Matched(found)) => return Ok(found.call_id),
                Some(v1::match_response::Update::Left(left)) => return Err(left.reason()),
                None => panic!("the stream ended without its last line"),
            }
        }
    }
}

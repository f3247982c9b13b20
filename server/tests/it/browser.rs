//! The session of a client that cannot stream to the server: Subscribe for what it hears, Send for what it says.

use crate::page::{ORIGIN, Page};
use crate::signaling::{PATIENCE, Signal, hello};
use crate::support::{TestGuest, TestServer, fields_at_fault, reason, refusal};
use castle::v1;
use castle::v1::signal_request::Frame as Request;
use castle::v1::signal_response::Frame as Response;
use tonic::{Code, Status, Streaming};

/// A Subscribe stream and what was said beside it.
struct Browser {
    welcome: v1::Welcome,
    seen: u64,
    sent: u64,
    frames: Streaming<v1::SubscribeResponse>,
}

impl Browser {
    async fn open(guest: &mut TestGuest, resume: Option<v1::Resume>) -> Result<Self, Status> {
        let Request::Hello(hello) = hello(resume.clone()) else { unreachable!("hello says hello") };
        let request = guest.asks(v1::SubscribeRequest { hello: Some(hello) });
        let frames = guest.client.subscribe(request).await?.into_inner();
        let mut browser = Self { welcome: v1::Welcome::default(), seen: 0, sent: 0, frames };
        let Some(Response::Welcome(welcome)) = browser.next().await?.frame else { panic!("no welcome") };
        browser.seen = resume.filter(|_| welcome.resumed).map_or(0, |resume| resume.received_seq);
        browser.welcome = welcome;
        Ok(browser)
    }

    async fn next(&mut self) -> Result<v1::SignalResponse, Status> {
        loop {
            let next =
                tokio::time::timeout(PATIENCE, self.frames.message()).await.expect("something comes")?;
            let frame = next.ok_or_else(|| Status::ok("the stream ended"))?.frame.expect("a frame");
            if frame.seq > 0 {
                assert_eq!(frame.seq, self.seen + 1, "every frame once and in order: {frame:?}");
                self.seen = frame.seq;
            }
            if frame.frame.is_some() {
                return Ok(frame);
            }
        }
    }

    async fn end(&mut self) -> String {
        loop {
            if let Err(status) = self.next().await {
                return reason(&status);
            }
        }
    }

    /// The first of the frames to come in which `wanted` finds something. News of the hall come between others.
    async fn until<T>(&mut self, mut wanted: impl FnMut(Response) -> Option<T>) -> T {
        loop {
            let frame = self.next().await.expect("it goes on").frame;
            if let Some(found) = frame.and_then(&mut wanted) {
                return found;
            }
        }
    }

    async fn call_in(&mut self, state: v1::CallState) -> v1::Call {
        let call = self.until(|frame| match frame {
            Response::CallUpdate(update) => update.call,
            _ => None,
        });
        let call = call.await;
        assert_eq!(call.state(), state, "{call:?}");
        call
    }

    fn request(&self, frames: Vec<v1::SignalRequest>) -> v1::SendRequest {
        v1::SendRequest { session_id: self.welcome.session_id.clone(), epoch: self.welcome.epoch, frames }
    }

    fn numbered(&self, seq: u64, frame: Request) -> v1::SignalRequest {
        v1::SignalRequest { seq, ack: self.seen, frame: Some(frame), ..Default::default() }
    }

    async fn ask(&mut self, guest: &mut TestGuest, frame: Request) {
        self.sent += 1;
        let request = self.request(vec![self.numbered(self.sent, frame)]);
        let answer = send(guest, request).await.expect("taken");
        assert_eq!(answer.received_seq, self.sent);
    }

    fn resume_request(&self) -> v1::Resume {
        v1::Resume {
            resume_token: self.welcome.resume_token.clone(),
            received_seq: self.seen,
            epoch: self.welcome.epoch + 1,
        }
    }
}

async fn send(guest: &mut TestGuest, request: v1::SendRequest) -> Result<v1::SendResponse, Status> {
    let request = guest.asks(request);
    Ok(guest.client.send(request).await?.into_inner())
}

fn availability() -> Request {
    Request::SetAvailability(v1::SetAvailability { availability: v1::Availability::DoNotDisturb.into() })
}

#[tokio::test]
async fn a_browser_holds_a_call_with_somebody_who_streams() {
    let server = TestServer::start().await;
    let (mut alice_guest, mut bob_guest) = (server.guest("alice").await, server.guest("bob").await);
    let mut alice = Browser::open(&mut alice_guest, None).await.expect("welcome");
    let mut bob = Signal::open(&mut bob_guest).await;
    let target = Some(v1::place_call::Target::Name("bob".to_owned()));
    alice.ask(&mut alice_guest, Request::PlaceCall(v1::PlaceCall { target })).await;
    let rung = bob.call_in(v1::CallState::Ringing).await;
    alice.call_in(v1::CallState::Ringing).await;
    bob.accepts(&rung).await;
    let call = alice.call_in(v1::CallState::Connecting).await;
    bob.call_in(v1::CallState::Connecting).await;
    let offer = v1::Offer { call_id: call.call_id.clone(), sdp: "an offer".to_owned() };
    alice.ask(&mut alice_guest, Request::Offer(offer.clone())).await;
    assert_eq!(bob.said().await, Response::Offer(offer));

    let resume = alice.resume_request();
    let sent = alice.sent;
    drop(alice);
    assert_eq!(bob.call().await.peer_presence(), v1::PeerPresence::Reconnecting, "the stream is the browser");
    bob.trickles(&call, "while away").await;
    let mut alice = Browser::open(&mut alice_guest, Some(resume)).await.expect("welcome");
    alice.sent = sent;
    assert!(alice.welcome.resumed && alice.welcome.received_seq == sent);
    let kept = alice.until(|frame| match frame {
        Response::Candidate(candidate) => Some(candidate.candidate),
        _ => None,
    });
    assert_eq!(kept.await, "while away");
    let bye = v1::SignalRequest { frame: Some(Request::Bye(v1::Bye {})), ..Default::default() };
    send(&mut alice_guest, alice.request(vec![bye])).await.expect("taken");
    assert_eq!(bob.call().await.peer_presence(), v1::PeerPresence::Present);
    assert_eq!(bob.ended().await, v1::CallEndReason::HungUp, "goodbye hangs up");
    assert!(alice.end().await.contains("the stream ended"));
}

#[tokio::test]
async fn frames_beside_a_stream_are_performed_once_and_in_order() {
    let server = TestServer::start().await;
    let mut guest = server.guest("alice").await;
    let mut browser = Browser::open(&mut guest, None).await.expect("welcome");
    let early = browser.request(vec![browser.numbered(2, availability())]);
    assert_eq!(
        refusal(send(&mut guest, early.clone()).await),
        ("SEQUENCE".to_owned(), Code::InvalidArgument),
        "it has overtaken the first"
    );
    let first = browser.request(vec![browser.numbered(1, availability())]);
    for _ in 0..2 {
        assert_eq!(send(&mut guest, first.clone()).await.expect("taken").received_seq, 1);
    }
    assert_eq!(send(&mut guest, early).await.expect("taken").received_seq, 2, "the stream had gone on");
    for _ in 0..2 {
        let told = browser.until(|frame| match frame {
            Response::SelfUpdate(me) => Some(me.availability()),
            Response::Error(error) => panic!("{error:?}"),
            _ => None,
        });
        assert_eq!(told.await, v1::Availability::DoNotDisturb, "once for each number");
    }
    let wrong =
        browser.request(vec![browser.numbered(3, Request::PlaceCall(v1::PlaceCall { target: None }))]);
    assert_eq!(send(&mut guest, wrong).await.expect("taken").received_seq, 3, "answered in band");
    let fault = browser.until(|frame| match frame {
        Response::Error(error) => Some(error.reason()),
        Response::SelfUpdate(me) => panic!("performed twice: {me:?}"),
        _ => None,
    });
    assert_eq!(fault.await, v1::ErrorReason::InvalidField);
}

#[tokio::test]
async fn what_is_sent_to_the_wrong_place_is_refused() {
    let server = TestServer::start().await;
    let (mut alice, mut bob) = (server.guest("alice").await, server.guest("bob").await);
    let mut older = Browser::open(&mut alice, None).await.expect("welcome");
    let frame = older.numbered(1, availability());
    let to = |frames: &[v1::SignalRequest]| older.request(frames.to_vec());

    assert_eq!(refusal(send(&mut bob, to(&[])).await).0, "NO_SESSION", "a session of somebody else");
    let nobody = v1::SendRequest { session_id: "ses_0".to_owned(), ..to(&[]) };
    assert_eq!(fields_at_fault(send(&mut alice, nobody).await), ["session_id"]);
    let unnumbered = v1::SignalRequest { seq: 0, ..frame.clone() };
    assert_eq!(fields_at_fault(send(&mut alice, to(&[frame.clone(), unnumbered])).await), ["frames[1].seq"]);
    assert_eq!(fields_at_fault(send(&mut alice, to(&vec![frame.clone(); 33])).await), ["frames"]);
    let again = v1::SignalRequest { frame: Some(hello(None)), ..Default::default() };
    assert_eq!(refusal(send(&mut alice, to(&[again])).await).0, "MALFORMED_FRAME");
    let sdp = "x".repeat(64 * 1024);
    let large = older.numbered(1, Request::Offer(v1::Offer { call_id: String::new(), sdp }));
    assert_eq!(refusal(send(&mut alice, to(&[large])).await).0, "FRAME_TOO_LARGE");
    let request = alice.asks(v1::SubscribeRequest { hello: None });
    assert_eq!(refusal(alice.client.subscribe(request).await).0, "HELLO_EXPECTED");

    let streams = Signal::open(&mut bob).await;
    let beside = v1::SendRequest {
        session_id: streams.welcome.session_id.clone(),
        epoch: streams.welcome.epoch,
        frames: vec![frame.clone()],
    };
    assert_eq!(refusal(send(&mut bob, beside).await).0, "NO_SESSION", "its stream carries its own frames");

    let late = to(&[frame]);
    let newer = Browser::open(&mut alice, Some(older.resume_request())).await.expect("welcome");
    assert_eq!(older.end().await, "SUPERSEDED");
    assert_eq!(refusal(send(&mut alice, late.clone()).await).0, "SUPERSEDED");
    let late = v1::SendRequest { epoch: newer.welcome.epoch, ..late };
    assert_eq!(send(&mut alice, late).await.expect("taken").received_seq, 1, "nothing was performed before");
}

fn welcome(frame: Response) -> Option<v1::Welcome> {
    if let Response::Welcome(welcome) = frame { Some(welcome) } else { None }
}

#[tokio::test]
async fn a_page_holds_a_session_over_http_1() {
    let server = TestServer::start_with(|config| config.web_origins = vec![ORIGIN.to_owned()]).await;
    let (alice, mut bob_guest) = (server.guest("alice").await, server.guest("bob").await);
    let mut bob = Signal::open(&mut bob_guest).await;
    let Request::Hello(first) = hello(None) else { panic!("hello says hello") };
    let subscribing = v1::SubscribeRequest { hello: Some(first.clone()) };
    let (address, token) = (server.listening.grpc, &alice.tokens.access_token);
    let mut page = Page::asks(address, token, "Subscribe", &subscribing).await.expect("an answer");
    let session = page.until(welcome).await;

    let target = Some(v1::place_call::Target::Name("bob".to_owned()));
    let frame = Some(Request::PlaceCall(v1::PlaceCall { target }));
    let sending = v1::SendRequest {
        session_id: session.session_id.clone(),
        epoch: session.epoch,
        frames: vec![v1::SignalRequest { seq: 1, frame, ..Default::default() }],
    };
    for _ in 0..2 {
        let mut sent = Page::asks(address, token, "Send", &sending).await.expect("an answer");
        let taken: v1::SendResponse = sent.message().await.expect("taken");
        assert_eq!(taken.received_seq, 1, "a repeat is performed once");
    }
    let state = |frame| if let Response::CallUpdate(update) = frame { update.call } else { None };
    assert_eq!(page.until(state).await.state(), v1::CallState::Ringing);
    let rung = bob.call_in(v1::CallState::Ringing).await;
    bob.accepts(&rung).await;
    bob.call_in(v1::CallState::Connecting).await;
    assert_eq!(page.until(state).await.state(), v1::CallState::Connecting);

    drop(page);
    assert_eq!(bob.call().await.peer_presence(), v1::PeerPresence::Reconnecting);
    bob.trickles(&rung, "while away").await;
    let resume = v1::Resume { resume_token: session.resume_token, received_seq: 2, epoch: session.epoch + 1 };
    let again = v1::SubscribeRequest { hello: Some(v1::Hello { resume: Some(resume), ..first }) };
    let mut page = Page::asks(address, token, "Subscribe", &again).await.expect("an answer");
    let resumed = page.until(welcome).await;
    assert!(resumed.resumed && resumed.received_seq == 1, "{resumed:?}");
    let candidate = |frame| if let Response::Candidate(it) = frame { Some(it.candidate) } else { None };
    assert_eq!(page.until(candidate).await, "while away");
}

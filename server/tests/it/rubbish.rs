//! What a client may send that is no good, by whichever way it can be sent: tokens that somebody made or changed, bytes
//! that are no frame, and frames of calls that are over. Each gets its typed error, and the server goes on.

use crate::fields::AsItIs;
use crate::signaling::{PATIENCE, Signal, hello, in_call, two};
use crate::support::{TestGuest, TestServer, reason, registering, with_token};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use castle::v1;
use castle::v1::admin_service_client::AdminServiceClient;
use castle::v1::signal_request::Frame as Request;
use castle::v1::signal_response::Frame as Response;
use castle_server::store::sled::SledStore;
use castle_server::store::{KeyStore as _, SigningKey};
use castle_server::token::{ACCESS_TTL, AccessSigner};
use ed25519_dalek::SigningKey as Ed25519;
use hmac::{Hmac, KeyInit as _, Mac as _};
use prost::Message as _;
use sha2::Sha256;
use std::time::SystemTime;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

/// Tokens that are no good: (what it is, the token, why it is refused). All but the expired one look like hers.
fn bad_tokens(key: &SigningKey, token: &str, foreign: &str) -> Vec<(&'static str, String, &'static str)> {
    let now = SystemTime::now();
    let access = AccessSigner::new(vec![key.clone()]).verify(now, token).expect("it is good");
    let issue = |key: SigningKey, at| {
        AccessSigner::new(vec![key]).issue(at, access.guest, access.login, access.role).0
    };
    let [header, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("{token}") };
    let head = |alg: &str| {
        BASE64_URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"{alg}","typ":"JWT","kid":"{}"}}"#, key.id))
    };
    // The key that anybody may know, taken for a secret.
    let known = Ed25519::from_bytes(&key.seed).verifying_key();
    let signed = format!("{}.{claims}", head("HS256"));
    let mac = Hmac::<Sha256>::new_from_slice(known.as_bytes()).expect("any length").chain_update(&signed);
    let mac = BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    let claims_json = BASE64_URL_SAFE_NO_PAD.decode(claims).expect("base64url");
    let longer = String::from_utf8(claims_json).expect("JSON").replace("\"exp\":1", "\"exp\":2");
    let longer = BASE64_URL_SAFE_NO_PAD.encode(longer);
    assert_ne!(claims, longer);
    let invalid = "TOKEN_INVALID";
    vec![
        ("expired", issue(key.clone(), now - ACCESS_TTL), "TOKEN_EXPIRED"),
        ("of another server", foreign.to_owned(), invalid),
        ("signed again by another key", issue(SigningKey { seed: [7; 32], ..key.clone() }, now), invalid),
        ("signed with what is public", format!("{signed}.{mac}"), invalid),
        ("alg none, unsigned", format!("{}.{claims}.", head("none")), invalid),
        ("alg none, signed", format!("{}.{claims}.{signature}", head("none")), invalid),
        ("made to last longer", format!("{header}.{longer}.{signature}"), invalid),
        ("truncated by one", token[..token.len() - 1].to_owned(), invalid),
        ("without its signature", format!("{header}.{claims}"), invalid),
        ("with a part too many", format!("{token}.{signature}"), invalid),
        ("of 4 KiB and one", "x".repeat(4097), invalid),
        ("no token", "rubbish".to_owned(), invalid),
    ]
}

async fn signing_key(server: TestServer) -> (TestServer, SigningKey) {
    let stopped = server.stop().await;
    let (dir, now) = (stopped.store_dir(), SystemTime::now());
    let store = SledStore::open(&dir, now, CancellationToken::new()).unwrap();
    let key = store.signing_keys(now).await.unwrap().remove(0);
    drop(store);
    (stopped.start().await, key)
}

#[tokio::test]
async fn a_token_that_is_no_good_is_refused_alike_by_every_way_in() {
    let server = TestServer::start().await;
    let invitation_code = server.admin_invitation().await;
    let request = v1::RegisterRequest { invitation_code, ..registering("alice") };
    let registered = server.client().await.register(request).await.unwrap().into_inner();
    let (guest, tokens) = (registered.guest.unwrap(), registered.tokens.unwrap());
    let (server, key) = signing_key(server).await;
    let mut alice = TestGuest { client: server.client().await, guest, tokens };
    let other = TestServer::start().await;
    let foreign = other.guest("alice").await.tokens.access_token;
    let mut admin = AdminServiceClient::new(server.channel().await);
    let mut signal = Signal::open(&mut alice).await;
    let Request::Hello(first) = hello(None) else { unreachable!("hello says hello") };
    for (what, token, expected) in bad_tokens(&key, &alice.tokens.access_token, &foreign) {
        let mut client = alice.client.clone();
        let subscribing = v1::SubscribeRequest { hello: Some(first.clone()) };
        let session_id = signal.welcome.session_id.clone();
        let sending = v1::SendRequest { session_id: session_id.clone(), epoch: 1, frames: vec![] };
        let matching = v1::MatchRequest { session_id, request_id: "r".to_owned(), ..Default::default() };
        let refused: [(&str, Option<Status>); 6] = [
            (
                "GetIceServers",
                client.get_ice_servers(with_token(v1::GetIceServersRequest {}, &token)).await.err(),
            ),
            ("Signal", client.signal(with_token(tokio_stream::empty(), &token)).await.err()),
            ("Subscribe", client.subscribe(with_token(subscribing, &token)).await.err()),
            ("Send", client.send(with_token(sending, &token)).await.err()),
            ("Match", client.r#match(with_token(matching, &token)).await.err()),
            (
                "ListAccounts",
                admin.list_accounts(with_token(v1::ListAccountsRequest::default(), &token)).await.err(),
            ),
        ];
        for (way, refused) in refused {
            let refused = refused.unwrap_or_else(|| panic!("{way} took a token that is {what}"));
            assert_eq!(reason(&refused), expected, "{way}: {what}");
        }
        signal.ask(Request::RenewToken(v1::RenewToken { access_token: token })).await;
        assert_eq!(signal.fault().await.reason().info_reason(), expected, "RenewToken: {what}");
    }
    assert!(
        admin.list_accounts(alice.asks(v1::ListAccountsRequest::default())).await.is_ok(),
        "hers is good"
    );
}

/// A Signal stream whose frames are bytes.
struct Raw {
    frames: mpsc::Sender<Vec<u8>>,
    answers: Streaming<Vec<u8>>,
}

impl Raw {
    async fn open(server: &TestServer, guest: &TestGuest) -> Self {
        let mut grpc = tonic::client::Grpc::new(server.channel().await);
        grpc.ready().await.expect("connected");
        let (frames, stream) = mpsc::channel(64);
        let path = "/castle.v1.CastleService/Signal".parse().expect("a path");
        let request = with_token(ReceiverStream::new(stream), &guest.tokens.access_token);
        let first = v1::SignalRequest { frame: Some(hello(None)), ..Default::default() };
        frames.send(first.encode_to_vec()).await.expect("the queue is new");
        let answers = grpc.streaming(request, path, AsItIs).await.expect("it opens").into_inner();
        let mut raw = Self { frames, answers };
        assert!(raw.next().await.is_ok(), "the welcome");
        raw
    }

    /// The next welcome or fault.
    async fn next(&mut self) -> Result<v1::SignalResponse, Status> {
        loop {
            let next =
                tokio::time::timeout(PATIENCE, self.answers.message()).await.expect("something comes")?;
            let bytes = next.ok_or_else(|| Status::ok("the stream ended"))?;
            let said = v1::SignalResponse::decode(&bytes[..]).expect("a frame");
            if matches!(said.frame, Some(Response::Welcome(_) | Response::Error(_))) {
                return Ok(said);
            }
        }
    }

    /// What comes of bytes: nothing, if what is asked after them is the first that is answered.
    async fn gets(&mut self, bytes: Vec<u8>) -> Gets {
        self.frames.send(bytes).await.expect("it is open");
        let refused = Some(Request::AcceptCall(v1::AcceptCall::default()));
        let last = v1::SignalRequest { request_id: "last".to_owned(), frame: refused, ..Default::default() };
        // Where the stream ends, nobody takes it.
        self.frames.send(last.encode_to_vec()).await.ok();
        let said = match self.next().await {
            Ok(said) if said.in_reply_to == "last" => return Gets::Nothing,
            Ok(said) => said,
            Err(status) => return Gets::End(reason(&status)),
        };
        let Some(Response::Error(error)) = said.frame else { panic!("not an error: {said:?}") };
        assert_eq!(self.next().await.expect("the stream goes on").in_reply_to, "last");
        Gets::Fault(error.reason())
    }
}

/// What becomes of bytes on a stream.
#[derive(Debug, PartialEq, Eq)]
enum Gets {
    /// This, in band, and the stream goes on.
    Fault(v1::ErrorReason),
    /// Nothing: the stream goes on.
    Nothing,
    /// The stream ends with it.
    End(String),
}

/// A frame of a later protocol: nothing but a field of this number.
fn unknown(seq: u64, number: u8) -> Vec<u8> {
    let mut bytes = v1::SignalRequest { seq, ..Default::default() }.encode_to_vec();
    let key = u64::from(number) << 3 | 2;
    prost::encoding::encode_varint(key, &mut bytes);
    bytes.extend([1, b'x']);
    bytes
}

#[tokio::test]
async fn bytes_that_are_no_frame_get_their_typed_error() {
    let server = TestServer::start().await;
    let alice = server.guest("alice").await;
    let leave = v1::SignalRequest {
        seq: 1,
        frame: Some(Request::LeaveMatch(v1::LeaveMatch {})),
        ..Default::default()
    };
    let later = [leave.encode_to_vec(), unknown(0, 99)].concat();
    let mut not_utf8 = v1::SignalRequest {
        request_id: "abcd".to_owned(),
        frame: Some(Request::LeaveMatch(v1::LeaveMatch {})),
        ..Default::default()
    }
    .encode_to_vec();
    let at = not_utf8.windows(4).position(|window| window == b"abcd").expect("it is there");
    not_utf8[at] = 0xff;
    let ends = |reason: &str| Gets::End(reason.to_owned());
    let cases: [(&str, Vec<u8>, Gets); 9] = [
        ("no message", vec![0xff; 12], ends("MALFORMED_FRAME")),
        ("a field cut short", vec![0x52, 100, 1, 2], ends("MALFORMED_FRAME")),
        ("a text that is not UTF-8", not_utf8, ends("MALFORMED_FRAME")),
        ("a frame of a later protocol", unknown(1, 60), Gets::Fault(v1::ErrorReason::MalformedFrame)),
        ("the same, unnumbered", unknown(0, 60), Gets::Nothing),
        ("a known frame with a later field", later, Gets::Nothing),
        ("nothing at all", Vec::new(), Gets::Nothing),
        ("a number from nowhere", unknown(u64::MAX, 60), ends("SEQUENCE")),
        ("a message far too long", unknown(0, 60).repeat(200_000), ends("FRAME_TOO_LARGE")),
    ];
    for (what, bytes, expected) in cases {
        let mut raw = Raw::open(&server, &alice).await;
        assert_eq!(raw.gets(bytes).await, expected, "{what}");
    }
}

/// A frame of exactly so many bytes, each part of it within its own limit.
fn of_bytes(seq: u64, call: &v1::Call, bytes: usize) -> v1::SignalRequest {
    let mut candidates = vec![v1::Candidate { candidate: "x".repeat(2_000), ..Default::default() }; 32];
    let frame = |candidates: &[v1::Candidate]| v1::SignalRequest {
        seq,
        frame: Some(Request::CandidatesRemoved(v1::CandidatesRemoved {
            call_id: call.call_id.clone(),
            candidates: candidates.to_vec(),
        })),
        ..Default::default()
    };
    while let Some(missing @ 1..) = bytes.checked_sub(frame(&candidates).encoded_len()) {
        let shortest = candidates.iter_mut().min_by_key(|it| it.candidate.len()).expect("32 of them");
        shortest.candidate.push_str(&"x".repeat(missing.min(48)));
    }
    frame(&candidates)
}

#[tokio::test]
async fn a_frame_of_64_kib_is_relayed_and_one_byte_more_is_not() {
    let server = TestServer::start().await;
    let [(_, mut alice), (bob, mut bob_signal)] = two(&server).await;
    let [call, _] = in_call(&mut alice, (&bob, &mut bob_signal)).await;
    for (bytes, relayed) in [(64 * 1024, true), (64 * 1024 + 1, false)] {
        alice.sent += 1;
        let frame = of_bytes(alice.sent, &call, bytes);
        assert_eq!(frame.encoded_len(), bytes);
        alice.raw(frame).await;
        if relayed {
            let is_it = |frame: &v1::SignalResponse| match &frame.frame {
                Some(Response::CandidatesRemoved(removed)) => Some(removed.candidates.len()),
                _ => None,
            };
            assert_eq!(bob_signal.until(is_it).await, 32);
        } else {
            let fault = alice.fault().await;
            assert_eq!(fault.reason(), v1::ErrorReason::FrameTooLarge);
            assert_eq!(fault.metadata["limit"], (64 * 1024).to_string());
        }
    }
}

#[tokio::test]
async fn frames_of_a_call_that_is_over_or_was_never_there_are_refused() {
    let server = TestServer::start().await;
    let [(_, mut alice), (bob, mut bob_signal)] = two(&server).await;
    let [over, _] = in_call(&mut alice, (&bob, &mut bob_signal)).await;
    alice.hangs_up(&over).await;
    assert_eq!(bob_signal.ended().await, v1::CallEndReason::HungUp);
    let never = v1::Call { call_id: format!("cal_{:032x}", 7), ..Default::default() };
    let mut carol = server.guest("carol").await;
    let mut carol = Signal::open(&mut carol).await;
    for (call, signal) in [(&over, &mut alice), (&over, &mut bob_signal), (&never, &mut carol)] {
        let id = || call.call_id.clone();
        for frame in [
            Request::AcceptCall(v1::AcceptCall { call_id: id() }),
            Request::DeclineCall(v1::DeclineCall { call_id: id() }),
            Request::CancelCall(v1::CancelCall { call_id: id() }),
            Request::HangUp(v1::HangUp { call_id: id(), failed: false }),
            Request::MediaConnected(v1::MediaConnected { call_id: id(), route: v1::Route::Host.into() }),
            Request::Offer(v1::Offer { call_id: id(), sdp: "an offer".to_owned() }),
            Request::Answer(v1::Answer { call_id: id(), sdp: "an answer".to_owned() }),
            Request::Candidate(v1::Candidate { call_id: id(), ..Default::default() }),
            Request::EndOfCandidates(v1::EndOfCandidates { call_id: id(), ..Default::default() }),
            Request::CandidatesRemoved(v1::CandidatesRemoved {
                call_id: id(),
                candidates: vec![v1::Candidate::default()],
            }),
        ] {
            let shown = format!("{frame:?}");
            signal.ask(frame).await;
            let answer = signal.fault().await;
            assert_eq!(answer.reason(), v1::ErrorReason::NotInCall, "{shown}");
        }
    }
}

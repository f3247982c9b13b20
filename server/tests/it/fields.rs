//! Every field of every request: at its limit it is taken, one past it is refused by name. The descriptors say which
//! fields there are: one without a row of each kind here fails.

mod guests;
mod hosts;

use crate::limits::{frames_at_a_limit, frames_over_a_limit};
use crate::signaling::Signal;
use crate::support::{TestGuest, TestServer, fields_at_fault, reason, with_token};
use castle::v1;
use prost::Message;
use prost::bytes::{Buf as _, BufMut as _};
use prost_types::field_descriptor_proto::Type;
use prost_types::{DescriptorProto, FileDescriptorSet};
use std::collections::{BTreeMap, BTreeSet};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Request, Status};

/// What a request with a field at or past its limit gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// INVALID_FIELD, naming this field alone.
    Named(&'static str),
    /// Another reason.
    Reason(&'static str),
    /// Whatever else comes of it, the field is not at fault.
    Taken,
}

/// A request that is about one of its fields.
struct Case {
    /// `Service/Method`.
    rpc: &'static str,
    /// As the descriptor names it, such as `hello.client_name`.
    field: &'static str,
    message: Vec<u8>,
    expected: Expected,
    /// Further fields that are at their limits in it.
    also: &'static [&'static str],
}

impl Case {
    fn new(rpc: &'static str, field: &'static str, message: &impl Message, expected: Expected) -> Self {
        Self::encoded(rpc, field, message.encode_to_vec(), expected)
    }

    fn encoded(rpc: &'static str, field: &'static str, message: Vec<u8>, expected: Expected) -> Self {
        Self { rpc, field, message, expected, also: &[] }
    }

    /// The same where these fields are at their limits, too.
    fn also(self, also: &'static [&'static str]) -> Self {
        Self { also, ..self }
    }

    /// Each of these fields is at its limit, and none is at fault.
    fn most(rpc: &'static str, fields: &'static [&'static str], message: &impl Message) -> Self {
        Self::new(rpc, fields[0], message, Expected::Taken).also(fields)
    }
}

/// Fields of which no value is too much: (`Service/Method` or message, field, why).
const FREE: [(&str, &str, &str); 11] = [
    ("CastleService/Send", "epoch", "an older one is SUPERSEDED, a newer one too"),
    (
        "CastleService/Subscribe",
        "hello.resume.received_seq",
        "what cannot be replayed begins anew, and says so",
    ),
    ("CastleService/Subscribe", "hello.resume.epoch", "the highest wins"),
    ("Signal", "seq", "a gap ends the stream with SEQUENCE"),
    ("Signal", "ack", "what was never sent ends the stream with SEQUENCE"),
    ("Signal", "request_id", "has a test of its own, since it is of no frame"),
    ("Signal", "ping.nonce", "comes back as it is"),
    ("Signal", "pong.nonce", "is not looked at"),
    ("Signal", "watch_hall.watch", "comes back as it is"),
    ("Signal", "candidate.sdp_m_line_index", "is the other end's to judge"),
    ("Signal", "candidates_removed.candidates.sdp_m_line_index", "is the other end's to judge"),
];

/// Yes or no, where a yes needs something else.
const NEEDS_MORE: [&str; 2] = ["tags_required", "languages_required"];

/// A guest, their session, and somebody else.
struct Cast {
    alice: TestGuest,
    session: Signal,
    bob: TestGuest,
}

#[tokio::test]
async fn every_field_of_every_request_has_a_limit_and_is_named_one_past_it() {
    let server = TestServer::start_with(|config| {
        config.accounts.open_registration = true;
        config.accounts.throttle.address.burst = 1_000;
    })
    .await;
    let mut alice = server.guest("alice").await;
    let session = Signal::open(&mut alice).await;
    let cast = Cast { alice, session, bob: server.guest("bob").await };
    let channel = server.channel().await;
    let mut cases = guests::cases(&cast);
    for case in &cases {
        check(&channel, Some(&cast.alice), case).await;
    }
    let socket = castle_server::admin::running(server.data_dir()).await.expect("the socket is there");
    let of_hosts = hosts::cases(&cast);
    for case in &of_hosts {
        check(&socket, None, case).await;
    }
    cases.extend(of_hosts);
    let past = frames_over_a_limit("").into_iter().map(|(field, ..)| field);
    let at = frames_at_a_limit("", "").into_iter().map(|(field, _)| field);
    check_covered("one past the limit", past, cases.iter().filter(|case| case.expected != Expected::Taken));
    check_covered("the limit itself", at, cases.iter().filter(|case| case.expected == Expected::Taken));
}

/// There is a row for each field that has a limit, and for no other.
fn check_covered<'a>(
    what: &str,
    of_frames: impl Iterator<Item = &'static str>,
    rows: impl Iterator<Item = &'a Case>,
) {
    let rows = rows.flat_map(|case| case.also.iter().chain([&case.field]).map(|&field| (case.rpc, field)));
    let covered: BTreeSet<(String, String)> = rows
        .chain(of_frames.map(|field| ("Signal", field)))
        .chain(FREE.map(|(of, field, _)| (of, field)))
        .map(|(of, field)| (of.to_owned(), field.to_owned()))
        .collect();
    let all = fields_of_requests();
    let missing: Vec<_> = all.difference(&covered).collect();
    assert!(missing.is_empty(), "no row tells what {what} gets: {missing:?}");
    let gone: Vec<_> = covered.difference(&all).collect();
    assert!(gone.is_empty(), "there are no such fields: {gone:?}");
}

async fn check(channel: &Channel, asking: Option<&TestGuest>, case: &Case) {
    let answer = ask(channel, asking, case).await;
    let shown = format!("{} {} of {} bytes: {answer:?}", case.rpc, case.field, case.message.len());
    match case.expected {
        Expected::Named(field) => assert_eq!(fields_at_fault(answer), [field], "{shown}"),
        Expected::Reason(expected) => assert_eq!(reason(&answer.expect_err(&shown)), expected, "{shown}"),
        Expected::Taken => {
            let why = answer.err().map_or_else(String::new, |status| reason(&status));
            let at_fault =
                ["INVALID_FIELD", "FRAME_TOO_LARGE", "MALFORMED_FRAME", "RATE_LIMITED", "INTERNAL"];
            assert!(!at_fault.contains(&&why[..]) && !why.starts_with("no reason"), "{shown}");
        }
    }
}

/// Sends the request and waits for the beginning of its answer.
async fn ask(channel: &Channel, asking: Option<&TestGuest>, case: &Case) -> Result<(), Status> {
    let mut grpc = tonic::client::Grpc::new(channel.clone());
    grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let path = format!("/castle.v1.{}", case.rpc).parse().expect("a path");
    let request = match asking {
        Some(guest) => with_token(case.message.clone(), &guest.tokens.access_token),
        None => Request::new(case.message.clone()),
    };
    let mut answer = grpc.server_streaming(request, path, AsItIs).await?.into_inner();
    answer.message().await.map(drop)
}

/// Bytes as they are, in and out.
#[derive(Clone)]
pub(crate) struct AsItIs;

impl Codec for AsItIs {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        self.clone()
    }

    fn decoder(&mut self) -> Self {
        self.clone()
    }
}

impl Encoder for AsItIs {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, bytes: Vec<u8>, buf: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buf.put_slice(&bytes);
        Ok(())
    }
}

impl Decoder for AsItIs {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buf: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut bytes = vec![0; buf.remaining()];
        buf.copy_to_slice(&mut bytes);
        Ok(Some(bytes))
    }
}

/// (`Service/Method`, field) of all requests, and (`Signal`, field) of all frames. Of a yes or no there is nothing
/// past the limit.
fn fields_of_requests() -> BTreeSet<(String, String)> {
    let set = FileDescriptorSet::decode(castle::FILE_DESCRIPTOR_SET).expect("our own descriptors");
    let ours = || set.file.iter().filter(|file| file.package() == "castle.v1");
    let messages: BTreeMap<String, &DescriptorProto> = ours()
        .flat_map(|file| &file.message_type)
        .map(|message| (format!(".castle.v1.{}", message.name()), message))
        .collect();
    let mut found = BTreeSet::new();
    for service in ours().flat_map(|file| &file.service) {
        for method in &service.method {
            // Its frames are those of the stream, below.
            let rpc = format!("{}/{}", service.name(), method.name());
            if method.input_type() != ".castle.v1.SignalRequest" {
                walk(&messages, method.input_type(), &rpc, "", &mut found);
            }
        }
    }
    walk(&messages, ".castle.v1.SignalRequest", "Signal", "", &mut found);
    found
}

fn walk(
    messages: &BTreeMap<String, &DescriptorProto>,
    message: &str,
    of: &str,
    path: &str,
    found: &mut BTreeSet<(String, String)>,
) {
    for field in &messages[message].field {
        let name = format!("{path}{}", field.name());
        let inner = field.type_name();
        match field.r#type() {
            Type::Bool if !NEEDS_MORE.contains(&field.name()) => {}
            // `Send` carries the frames of the stream: how many is its own, what is in them is not.
            Type::Message if inner == ".castle.v1.SignalRequest" => {
                found.insert((of.to_owned(), name));
            }
            Type::Message if messages.contains_key(inner) => {
                // What a Subscribe opens with has its rows there, and is the same on Signal.
                if of == "Signal" && inner == ".castle.v1.Hello" {
                    continue;
                }
                if field.label() == prost_types::field_descriptor_proto::Label::Repeated {
                    found.insert((of.to_owned(), name.clone()));
                }
                walk(messages, inner, of, &format!("{name}."), found);
            }
            _ => {
                found.insert((of.to_owned(), name));
            }
        }
    }
}

/// `count` times a character that is no blank.
fn chars(count: usize) -> String {
    "é".repeat(count)
}

fn long(length: usize) -> String {
    "x".repeat(length)
}

/// A password that is long and good.
fn password(bytes: usize) -> String {
    "Zq7 ".chars().cycle().take(bytes).collect()
}

/// An id of its form that nobody has.
fn id(kind: &str) -> String {
    format!("{kind}_{:032x}", 1)
}

fn unnumbered(frame: v1::signal_request::Frame) -> v1::SignalRequest {
    v1::SignalRequest { frame: Some(frame), ..Default::default() }
}

//! Calls that are wrong before anybody reads them, as a client sends them that keeps to no library: each is refused with
//! a reason.

use crate::support::TestServer;
use bytes::Bytes;
use castle::v1;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message as _;
use std::convert::Infallible;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tonic::codegen::http;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

type Body = BoxBody<Bytes, Infallible>;

/// HTTP/2, and nothing above it.
struct Raw(SendRequest<Body>);

/// What came of a call: HTTP's status, gRPC's code, the reason, and what or how much of it.
type Outcome = (u16, Code, String, String);

impl Raw {
    async fn on(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(io)).await.unwrap();
        tokio::spawn(connection);
        Self(sender)
    }

    async fn to(server: &TestServer) -> Self {
        Self::on(TcpStream::connect(server.listening.grpc).await.unwrap()).await
    }

    async fn asks(&mut self, path: &str, headers: &[(&str, &str)], body: Body) -> Outcome {
        let mut request = http::Request::post(format!("http://castle{path}")).body(body).unwrap();
        request.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
        for (name, value) in headers {
            let name: http::HeaderName = name.parse().unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let response = self.0.send_request(request).await.unwrap();
        let (head, body) = response.into_parts();
        let status = if let Some(status) = Status::from_header_map(&head.headers) {
            status
        } else {
            let trailers = body.collect().await.unwrap().trailers().cloned();
            Status::from_header_map(&trailers.expect("a status at the end")).expect("a status")
        };
        let details = status.get_error_details();
        let info =
            details.error_info().unwrap_or_else(|| panic!("{path} {headers:?}: no reason: {status:?}"));
        assert_eq!(info.domain, "castle");
        let detail = ["what", "limit", "limit_ms"].iter().find_map(|key| info.metadata.get(*key));
        (head.status.as_u16(), status.code(), info.reason.clone(), detail.cloned().unwrap_or_default())
    }
}

fn bytes(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).boxed()
}

/// One message in gRPC's framing.
fn framed(compressed: u8, message: &[u8]) -> Vec<u8> {
    [&[compressed][..], &(message.len() as u32).to_be_bytes(), message].concat()
}

fn refused(code: Code, reason: &str, detail: &str) -> Outcome {
    (200, code, reason.to_owned(), detail.to_owned())
}

const LOGIN: &str = "/castle.v1.CastleService/Login";
/// Field 1, and less of it than it says.
const NO_PROTOBUF: &[u8] = &[0x0a, 0x7f, b'x'];

#[tokio::test]
async fn what_is_not_served_says_so() {
    let server =
        TestServer::start_with(|config| config.web_origins = vec!["https://app.example".to_owned()]).await;
    let mut raw = Raw::to(&server).await;
    let good = || bytes(framed(0, &v1::LoginRequest::default().encode_to_vec()));
    let unknown = refused(Code::Unimplemented, "UNSUPPORTED", "method");
    for path in [
        "/castle.v1.CastleService/Dance",
        "/castle.v1.AdminService/Dance",
        "/castle.v1.DanceService/Waltz",
        "/castle.v1.HostService/Backup",
        "/grpc.health.v1.Health/Dance",
        "/dance",
        "/",
    ] {
        assert_eq!(raw.asks(path, &[], good()).await, unknown, "{path}");
    }
    let kind = (415, Code::Unimplemented, "UNSUPPORTED".to_owned(), "content_type".to_owned());
    for content_type in ["text/html", "application/json", "application/grpc+json", "application/grpcs", ""] {
        let headers = [("content-type", content_type)];
        assert_eq!(raw.asks(LOGIN, &headers, good()).await, kind, "{content_type}");
    }
    for content_type in ["application/grpc+proto", "Application/gRPC; charset=utf-8"] {
        let (_, _, reason, _) = raw.asks(LOGIN, &[("content-type", content_type)], good()).await;
        assert_eq!(reason, "INVALID_FIELD", "{content_type} is gRPC");
    }
    let page = [("content-type", "application/grpc-web"), ("origin", "https://evil.example")];
    let elsewhere = (403, Code::PermissionDenied, "ORIGIN_REFUSED".to_owned(), String::new());
    assert_eq!(raw.asks(LOGIN, &page, good()).await, elsewhere);
    let squeezed = bytes(framed(1, b"anything"));
    let encoding = refused(Code::Unimplemented, "UNSUPPORTED", "encoding");
    assert_eq!(raw.asks(LOGIN, &[("grpc-encoding", "gzip")], squeezed).await, encoding);
    let check = bytes(framed(0, b"\x0a\x05dance"));
    let health = raw.asks("/grpc.health.v1.Health/Check", &[], check).await;
    assert_eq!(health, refused(Code::NotFound, "UNSUPPORTED", "service"), "with the code of its protocol");
}

#[tokio::test]
async fn what_cannot_be_read_says_so_on_every_service() {
    let server = TestServer::start().await;
    let mut raw = Raw::to(&server).await;
    let malformed = refused(Code::InvalidArgument, "MALFORMED_FRAME", "");
    let guest = server.guest("alice").await;
    let bearer = format!("Bearer {}", guest.tokens.access_token);
    let token = [("authorization", &bearer[..])];
    for path in [
        LOGIN,
        "/castle.v1.CastleService/ListGuests",
        "/castle.v1.CastleService/Match",
        "/castle.v1.CastleService/Subscribe",
        "/castle.v1.CastleService/Signal",
        "/castle.v1.CastleService/Send",
        "/castle.v1.AdminService/GetAccount",
        "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/Watch",
    ] {
        let answer = raw.asks(path, &token, bytes(framed(0, NO_PROTOBUF))).await;
        assert_eq!(answer, malformed, "{path}");
    }
    // These say so at the end of their stream.
    for version in ["v1", "v1alpha"] {
        let path = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
        assert_eq!(raw.asks(&path, &[], bytes(framed(0, b""))).await, malformed, "{path}");
        let symbol = raw.asks(&path, &[], bytes(framed(0, b"\x22\x05dance"))).await;
        assert_eq!(symbol, refused(Code::NotFound, "UNSUPPORTED", "service"), "{path}");
    }
    for (what, body) in [
        ("no message", Vec::new()),
        ("half a message", framed(0, b"abc")[..6].to_vec()),
        ("half a head", vec![0, 0]),
        ("compressed, by nothing", framed(1, b"")),
        ("neither compressed nor not", framed(2, b"")),
    ] {
        assert_eq!(raw.asks(LOGIN, &[], bytes(body)).await, malformed, "{what}");
    }
    let long = framed(0, &vec![0; 200 * 1024]);
    let too_large = refused(Code::ResourceExhausted, "FRAME_TOO_LARGE", "request");
    assert_eq!(raw.asks(LOGIN, &[], bytes(long)).await, too_large);
}

#[tokio::test]
async fn what_takes_too_long_says_so() {
    let server = TestServer::start_with(|config| config.unary_deadline = Duration::from_millis(300)).await;
    let mut raw = Raw::to(&server).await;
    let silent = || StreamBody::new(futures_util::stream::pending::<Result<_, Infallible>>()).boxed();
    let deadline = |limit| refused(Code::DeadlineExceeded, "DEADLINE", limit);
    assert_eq!(raw.asks(LOGIN, &[], silent()).await, deadline("300"), "a message that never comes");
    let answer = raw.asks(LOGIN, &[("grpc-timeout", "1n")], silent()).await;
    assert_eq!(answer, deadline("0"), "the client's own deadline");
    let login = v1::LoginRequest { name: "nobody".to_owned(), password: "x".repeat(8), ..Default::default() };
    let body = bytes(framed(0, &login.encode_to_vec()));
    let (_, _, reason, _) = raw.asks(LOGIN, &[("grpc-timeout", "nonsense")], body).await;
    assert_eq!(reason, "BAD_CREDENTIALS");
}

#[tokio::test]
async fn the_socket_of_the_owner_gives_reasons_too() {
    let server = TestServer::start().await;
    let mut raw = Raw::on(UnixStream::connect(server.data_dir().join("admin.sock")).await.unwrap()).await;
    let unknown = refused(Code::Unimplemented, "UNSUPPORTED", "method");
    for path in
        ["/castle.v1.HostService/Dance", "/castle.v1.AdminService/Dance", "/castle.v1.CastleService/Login"]
    {
        assert_eq!(raw.asks(path, &[], bytes(framed(0, b""))).await, unknown, "{path}");
    }
    for path in ["/castle.v1.HostService/RotateSigningKey", "/castle.v1.AdminService/BanGuest"] {
        let answer = raw.asks(path, &[], bytes(framed(0, NO_PROTOBUF))).await;
        assert_eq!(answer, refused(Code::InvalidArgument, "MALFORMED_FRAME", ""), "{path}");
    }
}

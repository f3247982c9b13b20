//! Which HTTP requests become calls: gRPC from anywhere, gRPC-web from the origins that the host allows, nothing
//! else; and how long a request may take to say what it wants.
//!
//! Never translates gRPC-web itself; that is tonic-web's.

use crate::error::Error;
use bytes::Bytes;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header,
};
use tower::{Layer, Service};
use tower_http::cors::{AllowOrigin, CorsLayer};

/// Browsers ask again whether they may call after this time; Chromium asks after two hours at the latest.
const PREFLIGHT_LIFE: Duration = Duration::from_hours(2);
/// What a person reads who opens the address in a browser.
const NOT_A_PAGE: &str =
    "This is a Castle server: it speaks gRPC. Open the invitation link in the Castle app.\n";
/// What a page reads whose origin is not allowed.
const ORIGIN_REFUSED: &str =
    "This origin may not call this server: the host has to allow it (--web-origin).\n";

/// gRPC with messages in protobuf.
const GRPC_TYPES: [&str; 2] = ["application/grpc", "application/grpc+proto"];
/// The same as browsers can speak it.
const WEB_TYPES: [&str; 4] = [
    "application/grpc-web",
    "application/grpc-web+proto",
    "application/grpc-web-text",
    "application/grpc-web-text+proto",
];

/// The answers to browsers that ask whether a page may call.
pub fn cors(origins: &[String]) -> CorsLayer {
    let origins: Vec<HeaderValue> = origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    let name = HeaderName::from_static;
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::POST])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            name("grpc-timeout"),
            name("x-grpc-web"),
            name("x-user-agent"),
        ])
        .expose_headers([name("grpc-status"), name("grpc-message"), name("grpc-status-details-bin")])
        .max_age(PREFLIGHT_LIFE)
}

/// What may come in.
#[derive(Debug, Clone)]
pub struct Gate {
    /// Pages of these may call.
    pub origins: Arc<[String]>,
    /// How long the one message of a request may take to come.
    pub message_within: Duration,
    /// Paths whose requests are streams, which may take as long as they like.
    pub streams: &'static [&'static str],
}

impl Gate {
    /// Why a request is turned away.
    fn refuse(&self, headers: &HeaderMap) -> Option<(StatusCode, &'static str, Error)> {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let web = WEB_TYPES.contains(&&kind[..]);
        if !(GRPC_TYPES.contains(&&kind[..]) || web) || (web && self.origins.is_empty()) {
            let unsupported = Error::Unsupported { what: "content_type" };
            return Some((StatusCode::UNSUPPORTED_MEDIA_TYPE, NOT_A_PAGE, unsupported));
        }
        let origin = headers.get(header::ORIGIN)?;
        let allowed = self.origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes());
        (web && !allowed).then_some((StatusCode::FORBIDDEN, ORIGIN_REFUSED, Error::OriginRefused))
    }
}

impl<S> Layer<S> for Gate {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Gated<S> {
        Gated { inner, gate: self.clone() }
    }
}

/// See [`Gate`].
#[derive(Debug, Clone)]
pub struct Gated<S> {
    inner: S,
    gate: Gate,
}

type Answer<E> = Pin<Box<dyn Future<Output = Result<Response<Body>, E>> + Send>>;

impl<S> Service<Request<Body>> for Gated<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Answer<S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if let Some((status, text, error)) = self.gate.refuse(request.headers()) {
            let body = http_body_util::Full::new(Bytes::from_static(text.as_bytes()));
            let mut response = Response::new(Body::new(body));
            *response.status_mut() = status;
            // For clients of gRPC, which read these whatever HTTP says.
            Status::from(error).add_header(response.headers_mut()).ok();
            let plain = HeaderValue::from_static("text/plain; charset=utf-8");
            response.headers_mut().insert(header::CONTENT_TYPE, plain);
            return Box::pin(std::future::ready(Ok(response)));
        }
        if self.gate.streams.contains(&request.uri().path()) {
            return Box::pin(self.inner.call(request));
        }
        let within = self.gate.message_within;
        Box::pin(self.inner.call(request.map(|body| Body::new(Prompt::new(body, within)))))
    }
}

/// A body that fails when it has not ended in time.
struct Prompt {
    body: Body,
    deadline: Pin<Box<tokio::time::Sleep>>,
}

impl Prompt {
    fn new(body: Body, within: Duration) -> Self {
        Self { body, deadline: Box::pin(tokio::time::sleep(within)) }
    }
}

impl http_body::Body for Prompt {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, tonic::Status>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if frame.is_pending() && self.deadline.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(tonic::Status::deadline_exceeded(
                "the request did not come whole",
            ))));
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

//! gRPC over HTTP/2: the limits of its connections, what every request and every refusal passes through, and the
//! services for tools.

use crate::error::Error;
use crate::metrics::Metrics;
use crate::transport::connection::Connection;
use crate::transport::web::{self, Gate};
use crate::transport::{ForwardedLayer, Keepalive, TrustedProxies};
use castle::ERROR_DOMAIN;
use castle::limits::UNACKED_BYTES_MAX;
use castle::v1::ErrorReason;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::codegen::http;
use tonic::service::Routes;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use tonic_web::GrpcWebLayer;
use tower::Service;
use tower::layer::layer_fn;

/// HTTP/2 frames, bytes: the protocol's least. Larger ones would only hold up the small.
const HTTP2_FRAME_BYTES: u32 = 16 * 1024;
/// Request headers, bytes: an access token is 400.
const HEADER_BYTES: u32 = 16 * 1024;
/// What a client may send on one stream before it is read: what a session may leave unacknowledged.
const STREAM_WINDOW_BYTES: u32 = UNACKED_BYTES_MAX as u32;
/// The same for all streams of a connection.
const CONNECTION_WINDOW_BYTES: u32 = 4 * STREAM_WINDOW_BYTES;
/// Requests that are streams of messages: all others are one message, which has to come soon.
const REQUEST_STREAMS: [&str; 3] = [
    "/castle.v1.CastleService/Signal",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

/// Whose answers are counted apart.
const LOGIN: &str = "/castle.v1.CastleService/Login";

/// What a client's first bytes are: the preface of HTTP/2. No request of HTTP/1.1 is shorter.
pub(super) const FIRST_BYTES: usize = 24;

/// What requests meet before they are calls.
pub(super) struct Front {
    pub(super) web_origins: Vec<String>,
    pub(super) proxies: Arc<TrustedProxies>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) bounds: Bounds,
}

/// How much one connection and one request may be.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    pub(super) streams_per_connection: u32,
    pub(super) unary_deadline: Duration,
    pub(super) frame_bytes_max: usize,
    pub(super) keepalive: Keepalive,
}

/// Serves `routes` on these connections until there are no more.
pub(super) async fn serve(
    routes: Routes,
    front: Front,
    connections: mpsc::Receiver<Connection>,
    stopped: CancellationToken,
) -> Result<(), tonic::transport::Error> {
    let gate = Gate {
        origins: front.web_origins.as_slice().into(),
        message_within: front.bounds.unary_deadline,
        streams: &REQUEST_STREAMS,
    };
    let (metrics, frame_bytes_max) = (front.metrics, front.bounds.frame_bytes_max);
    tonic::transport::Server::builder()
        .max_concurrent_streams(front.bounds.streams_per_connection)
        .concurrency_limit_per_connection(front.bounds.streams_per_connection as usize)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_frame_size(HTTP2_FRAME_BYTES)
        .http2_max_header_list_size(HEADER_BYTES)
        .http2_keepalive_interval(Some(front.bounds.keepalive.interval))
        .http2_keepalive_timeout(Some(front.bounds.keepalive.timeout))
        .accept_http1(!front.web_origins.is_empty())
        .layer(ForwardedLayer(front.proxies))
        .layer(web::cors(&front.web_origins))
        .layer(gate)
        .layer(GrpcWebLayer::new())
        .layer(layer_fn(move |inner| Counting { inner, metrics: Arc::clone(&metrics), frame_bytes_max }))
        .add_routes(routes)
        .serve_with_incoming_shutdown(
            ReceiverStream::new(connections).map(Ok::<_, Infallible>),
            stopped.cancelled_owned(),
        )
        .await
}

/// A reflection service for tools, to be built for one of its versions.
pub(super) fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(castle::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET) // so that tools read details
        .with_service_name("castle.v1.CastleService")
        .with_service_name("castle.v1.AdminService")
        .with_service_name("grpc.health.v1.Health")
}

/// Counts what is asked and refused, and completes refusals.
#[derive(Clone)]
struct Counting<S> {
    inner: S,
    metrics: Arc<Metrics>,
    frame_bytes_max: usize,
}

type Answer<E> = Pin<Box<dyn Future<Output = Result<http::Response<Body>, E>> + Send>>;

impl<S> Service<http::Request<Body>> for Counting<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = S::Error;
    type Future = Answer<S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let is_login = request.uri().path() == LOGIN;
        let (metrics, frame_bytes_max) = (Arc::clone(&self.metrics), self.frame_bytes_max);
        let began = Instant::now();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let response = with_reason(answer.await?, &metrics, frame_bytes_max);
            metrics.transport.answers.observe(began.elapsed());
            if is_login {
                // Only what was refused has its status before its message.
                let refused = response.headers().contains_key("grpc-status");
                metrics.identity.logins.add(if refused { "failed" } else { "ok" });
            }
            Ok(response)
        })
    }
}

/// Gives the refusals of the transport itself the reasons that ours have, so that no client has to read text; and
/// counts all.
fn with_reason(
    response: http::Response<Body>,
    metrics: &Metrics,
    frame_bytes_max: usize,
) -> http::Response<Body> {
    let Some(status) = Status::from_header_map(response.headers()) else { return response };
    if status.code() == Code::Ok {
        return response;
    }
    let refusals = &metrics.transport.refusals;
    if !status.details().is_empty() {
        refusals.add(reason_of(&status));
        return response;
    }
    let error = match status.code() {
        Code::OutOfRange => Error::FrameTooLarge { what: "request", limit: frame_bytes_max },
        Code::Internal if status.message().contains("decode") => {
            Error::MalformedFrame { detail: "not a message of this method" }
        }
        code => {
            refusals.add(if code == Code::Unimplemented { "UNIMPLEMENTED" } else { "TRANSPORT" });
            return response;
        }
    };
    let status = Status::from(error);
    refusals.add(reason_of(&status));
    status.into_http()
}

/// The public reason, one of the few that there are.
fn reason_of(status: &Status) -> &'static str {
    let details = status.get_error_details();
    let reason = details
        .error_info()
        .filter(|info| info.domain == ERROR_DOMAIN)
        .and_then(|info| ErrorReason::from_info_reason(&info.reason));
    reason.map_or("TRANSPORT", ErrorReason::info_reason)
}

//! gRPC over HTTP/2: the limits of its connections, what every request and every refusal passes through, and the
//! services for tools.

use super::reasons::{Reasoning, reason_of};
use crate::metrics::Metrics;
use crate::transport::connection::Connection;
use crate::transport::web::{self, Gate};
use crate::transport::{ForwardedLayer, Keepalive, TrustedProxies};
use castle::limits::UNACKED_BYTES_MAX;
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
    let (metrics, bounds) = (front.metrics, front.bounds);
    tonic::transport::Server::builder()
        .max_concurrent_streams(front.bounds.streams_per_connection)
        .concurrency_limit_per_connection(front.bounds.streams_per_connection as usize)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_frame_size(HTTP2_FRAME_BYTES)
        .http2_max_header_list_size(HEADER_BYTES)
        .http2_keepalive_interval(Some(bounds.keepalive.interval))
        .http2_keepalive_timeout(Some(bounds.keepalive.timeout))
        .accept_http1(!front.web_origins.is_empty())
        .layer(ForwardedLayer(front.proxies))
        .layer(web::cors(&front.web_origins))
        .layer(gate)
        .layer(GrpcWebLayer::new())
        .layer(layer_fn(move |inner| Counting { inner, metrics: Arc::clone(&metrics) }))
        .layer(layer_fn(move |inner| Reasoning { inner, bounds }))
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

/// Counts what is asked and refused.
#[derive(Clone)]
struct Counting<S> {
    inner: S,
    metrics: Arc<Metrics>,
}

/// A call under way.
pub(super) type Answer<E> = Pin<Box<dyn Future<Output = Result<http::Response<Body>, E>> + Send>>;

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
        let metrics = Arc::clone(&self.metrics);
        let began = Instant::now();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let response = answer.await?;
            metrics.transport.answers.observe(began.elapsed());
            // Only what was refused has its status before its message.
            let refused =
                Status::from_header_map(response.headers()).filter(|status| status.code() != Code::Ok);
            if let Some(status) = &refused {
                metrics.transport.refusals.add(reason_of(status));
            }
            if is_login {
                let refused = refused.is_some();
                metrics.identity.logins.add(if refused { "failed" } else { "ok" });
            }
            Ok(response)
        })
    }
}

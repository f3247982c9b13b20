//! Plain HTTP for those who watch the server: `/livez`, `/readyz`, `/metrics`.
//!
//! Alive means that the process answers; ready means that guests may be sent to it. Only reads.

use super::accept::{Acceptor, Protocols};
use super::caps::{Caps, Limits};
use super::client_addr::TrustedProxies;
use super::connection::Connection;
use crate::metrics::{self, Metrics};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::codegen::http::{HeaderValue, Method, Request, Response, StatusCode, header};

/// A probe and a scraper, a few of each; never guests.
const CONNECTIONS: Limits = Limits { total: 64, per_address: 32, opening: 32, opening_per_address: 16 };
/// Headers of a request must be there within this time, and an idle connection is closed after it.
const HEADERS_WITHIN: Duration = Duration::from_secs(30);
/// `GET /` and a version: less is no request.
const FIRST_BYTES: usize = 14;

/// Whether guests may be sent to this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// It does not serve yet.
    Starting,
    /// They may.
    Ready,
    /// It is going down.
    Draining,
    /// It cannot write any more.
    StoreFailed,
}

impl Readiness {
    fn answer(self) -> (StatusCode, &'static str) {
        match self {
            Self::Ready => (StatusCode::OK, "ready\n"),
            Self::Starting => (StatusCode::SERVICE_UNAVAILABLE, "starting\n"),
            Self::Draining => (StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
            Self::StoreFailed => (StatusCode::SERVICE_UNAVAILABLE, "the store cannot be written\n"),
        }
    }
}

/// Answers on `listener` until `stop`.
pub async fn serve(
    listener: TcpListener,
    readiness: watch::Receiver<Readiness>,
    metrics: Arc<Metrics>,
    opening_timeout: Duration,
    stop: CancellationToken,
) {
    let mut protocols = Protocols::default();
    let mut connections = protocols.speak("http/1.1", "probe", FIRST_BYTES);
    let acceptor = Acceptor {
        caps: Arc::new(Mutex::new(Caps::new(CONNECTIONS))),
        proxies: Arc::new(TrustedProxies::default()),
        metrics: Arc::clone(&metrics),
        opening_timeout,
    };
    let tasks = TaskTracker::new();
    tasks.spawn(acceptor.run(listener, None, protocols, stop.clone()));
    while let Some(connection) = connections.recv().await {
        let (readiness, metrics, stop) = (readiness.clone(), Arc::clone(&metrics), stop.clone());
        tasks.spawn(async move {
            stop.run_until_cancelled(converse(connection, readiness, metrics)).await;
        });
    }
    tasks.close();
    tasks.wait().await;
}

async fn converse(connection: Connection, readiness: watch::Receiver<Readiness>, metrics: Arc<Metrics>) {
    let service = service_fn(move |request| {
        let answer = answer(&request, *readiness.borrow(), &metrics);
        std::future::ready(Ok::<_, Infallible>(answer))
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN)
        .serve_connection(TokioIo::new(connection), service);
    if let Err(error) = served.await {
        tracing::debug!("a probe's connection broke: {error}");
    }
}

fn answer(request: &Request<Incoming>, readiness: Readiness, metrics: &Metrics) -> Response<Full<Bytes>> {
    let plain = "text/plain; charset=utf-8";
    let (status, kind, text) = match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/livez") => (StatusCode::OK, plain, "alive\n".to_owned()),
        (&Method::GET | &Method::HEAD, "/readyz") => {
            let (status, text) = readiness.answer();
            (status, plain, text.to_owned())
        }
        (&Method::GET | &Method::HEAD, "/metrics") => (StatusCode::OK, metrics::CONTENT_TYPE, metrics.text()),
        (_, "/livez" | "/readyz" | "/metrics") => {
            (StatusCode::METHOD_NOT_ALLOWED, plain, "only GET\n".to_owned())
        }
        _ => (StatusCode::NOT_FOUND, plain, "/livez, /readyz and /metrics are here\n".to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

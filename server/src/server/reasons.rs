//! Reasons for refusals that are none of ours: of the transport, the codec, and the services for tools.
//!
//! Owns that every failed RPC says why in `google.rpc.ErrorInfo`, so that no client has to read text, and that one whose
//! own deadline passes is told so. Never refuses what would have been served in time.

use super::grpc::{Answer, Bounds};
use crate::error::Error;
use bytes::Bytes;
use castle::ERROR_DOMAIN;
use castle::v1::ErrorReason;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tonic::body::Body;
use tonic::codegen::http::{self, HeaderMap};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use tower::Service;

/// Our own services end their streams with reasons of their own.
const OURS: &str = "/castle.v1.";
/// How long a client waits for the beginning of its answer.
const TIMEOUT: &str = "grpc-timeout";
/// Digits that a timeout has at most.
const TIMEOUT_DIGITS_MAX: usize = 8;

/// Completes refusals.
#[derive(Clone)]
pub(super) struct Reasoning<S> {
    pub(super) inner: S,
    pub(super) bounds: Bounds,
}

impl<S> Service<http::Request<Body>> for Reasoning<S>
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
        let bounds = self.bounds;
        let ours = request.uri().path().starts_with(OURS);
        let patience =
            patience(request.headers()).and_then(|limit| Some((limit, Instant::now().checked_add(limit)?)));
        let answer = self.inner.call(request);
        Box::pin(async move {
            let response = match patience {
                None => answer.await?,
                Some((limit, until)) => match timeout_at(until, answer).await {
                    Ok(answered) => answered?,
                    Err(_) => return Ok(Status::from(Error::Deadline { limit }).into_http()),
                },
            };
            if let Some(status) = unexplained(response.headers()) {
                return Ok(explained(&status, bounds).into_http());
            }
            Ok(if ours { response } else { response.map(|body| Body::new(Explained { body, bounds })) })
        })
    }
}

/// Of a client that says how long it waits: gRPC's `Timeout`, up to eight digits and a unit.
fn patience(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(TIMEOUT)?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > TIMEOUT_DIGITS_MAX || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(3600 * count),
        "M" => Duration::from_secs(60 * count),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

/// The refusal in these headers or trailers, where it has no details.
fn unexplained(headers: &HeaderMap) -> Option<Status> {
    let status = Status::from_header_map(headers)?;
    (status.code() != Code::Ok && status.details().is_empty()).then_some(status)
}

/// The same with its reason.
fn explained(status: &Status, bounds: Bounds) -> Status {
    let message = status.message();
    let error = match status.code() {
        Code::OutOfRange => Error::FrameTooLarge { what: "request", limit: bounds.frame_bytes_max },
        // What we could not encode would be ours; all else of this code is said of a message that came.
        Code::Internal if !message.starts_with("Error ") => {
            Error::MalformedFrame { detail: "not a message of this method" }
        }
        Code::Unimplemented => {
            Error::Unsupported { what: if message.contains("compress") { "encoding" } else { "method" } }
        }
        Code::DeadlineExceeded => Error::Deadline { limit: bounds.unary_deadline },
        Code::InvalidArgument => Error::MalformedFrame { detail: "asks for nothing" },
        // Of health and reflection, whose clients go by this very code.
        Code::NotFound => {
            let why = Status::from(Error::Unsupported { what: "service" });
            return Status::with_details(Code::NotFound, message, Bytes::copy_from_slice(why.details()));
        }
        code => {
            let why = Status::from(Error::internal("answering a call", status));
            return Status::with_details(code, message, Bytes::copy_from_slice(why.details()));
        }
    };
    error.into()
}

/// The public reason, one of the few that there are.
pub(super) fn reason_of(status: &Status) -> &'static str {
    let details = status.get_error_details();
    let reason = details
        .error_info()
        .filter(|info| info.domain == ERROR_DOMAIN)
        .and_then(|info| ErrorReason::from_info_reason(&info.reason));
    reason.map_or("TRANSPORT", ErrorReason::info_reason)
}

/// A body whose refusal in the trailers is completed, too.
struct Explained {
    body: Body,
    bounds: Bounds,
}

impl http_body::Body for Explained {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let bounds = self.bounds;
        Poll::Ready(frame.map(|frame| {
            frame.map(|frame| match frame.into_trailers() {
                Err(data) => data,
                Ok(mut trailers) => {
                    if let Some(status) = unexplained(&trailers) {
                        trailers.clear();
                        // A header that cannot be written would be ours, and these are plain.
                        explained(&status, bounds).add_header(&mut trailers).ok();
                    }
                    http_body::Frame::trailers(trailers)
                }
            })
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_says_how_long_it_waits() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(TIMEOUT, text.parse().unwrap());
            patience(&headers)
        };
        assert_eq!(read("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        assert_eq!(read("2M"), Some(Duration::from_mins(2)));
        assert_eq!(read("3S"), Some(Duration::from_secs(3)));
        assert_eq!(
            (read("4m"), read("5u")),
            (Some(Duration::from_millis(4)), Some(Duration::from_micros(5)))
        );
        assert_eq!(read("6n"), Some(Duration::from_nanos(6)));
        for bad in ["", "S", "100000000S", "-1S", "+1S", "1", "1x", "1\u{e9}"] {
            let mut headers = HeaderMap::new();
            headers.insert(TIMEOUT, http::HeaderValue::from_bytes(bad.as_bytes()).unwrap());
            assert_eq!(patience(&headers), None, "{bad}");
        }
    }
}

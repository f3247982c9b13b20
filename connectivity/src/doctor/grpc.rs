//! Whether gRPC is served where guests look for it: the standard health check, over the way their app takes.

use super::{Finding, GrpcTarget, certificate};
use crate::dial::{self, DialError, Link, PATIENCE};
use crate::trust::{Shown, Trust};
use hyper_util::rt::TokioIo;
use std::sync::PoisonError;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Endpoint;
use tonic_prost::ProstCodec;

/// `grpc.health.v1.HealthCheckRequest`.
#[derive(Clone, PartialEq, prost::Message)]
struct HealthCheckRequest {
    #[prost(string, tag = "1")]
    service: String,
}

/// `grpc.health.v1.HealthCheckResponse`.
#[derive(Clone, PartialEq, prost::Message)]
struct HealthCheckResponse {
    #[prost(int32, tag = "1")]
    status: i32,
}

const SERVING: i32 = 1;
const SERVICE: &str = "castle.v1.CastleService";

pub(super) async fn check(target: &GrpcTarget, trust: Trust) -> Vec<Finding> {
    let check = format!("gRPC at {}:{}", target.host, target.port);
    let shown = Shown::default();
    let tls = target.tls.then(|| (trust, &b"h2"[..], shown.clone()));
    let opened = match dial::open_stream(&target.host, target.port, tls).await {
        Ok(opened) => opened,
        Err(error) => {
            let tls = match &error {
                DialError::Refused(error) => {
                    error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>())
                }
                _ => None,
            };
            let advice = tls.map_or_else(
                || {
                    format!(
                        "Start the server, check --listen and --public-url, and let TCP port {} through.",
                        target.port
                    )
                },
                |tls| certificate::words(tls).to_owned(),
            );
            let mut findings = vec![Finding::fail(check, error.to_string(), advice)];
            let seen = shown.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
            findings.extend(certificate::check(&target.host, &seen).filter(|f| f.advice.is_some()));
            return findings;
        }
    };
    let mut findings = Vec::new();
    findings.extend(certificate::check(&format!("{}:{}", target.host, target.port), &opened.certificates));
    let Link::Stream(stream) = opened.link else { return findings };
    let begun = tokio::time::Instant::now();
    let asked = tokio::time::timeout(PATIENCE, ask(stream)).await;
    findings.push(match asked {
        Ok(Ok(SERVING)) => Finding::pass(
            check,
            format!("serving; answered in {:.0} ms", begun.elapsed().as_secs_f64() * 1e3),
        ),
        Ok(Ok(_)) => {
            Finding::fail(check, "it is not serving", "It drains or starts: look into the server's log.")
        }
        Ok(Err(error)) => Finding::fail(
            check,
            error,
            "Something else answers at this port: check --listen and the proxy before it.",
        ),
        Err(_) => Finding::fail(check, "it does not answer", "Look into the server's log."),
    });
    findings
}

async fn ask(stream: Box<dyn dial::Stream>) -> Result<i32, String> {
    let mut stream = Some(stream);
    let connector = tower::service_fn(move |_| {
        let stream = stream.take().ok_or_else(|| std::io::Error::from(std::io::ErrorKind::NotConnected));
        async move { stream.map(TokioIo::new) }
    });
    let words = |error: &dyn std::error::Error| error.to_string();
    let endpoint = Endpoint::from_static("http://castle.invalid");
    let channel = endpoint.connect_with_connector(connector).await.map_err(|error| words(&error))?;
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.map_err(|error| words(&error))?;
    let path = PathAndQuery::from_static("/grpc.health.v1.Health/Check");
    let request = tonic::Request::new(HealthCheckRequest { service: SERVICE.into() });
    let codec = ProstCodec::<HealthCheckRequest, HealthCheckResponse>::default();
    match client.unary(request, path, codec).await {
        Ok(response) => Ok(response.into_inner().status),
        Err(status) => Err(status.message().to_owned()),
    }
}

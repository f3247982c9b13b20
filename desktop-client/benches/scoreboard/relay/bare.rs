//! The floor: a tonic service that copies candidates between two streams of the same pair. No login, no routing,
//! no numbers.

use castle::v1;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::codegen::{BoxFuture, Service, http};
use tonic::server::{Grpc, NamedService, StreamingService};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

type Outbox = mpsc::Sender<Result<v1::SignalResponse, Status>>;

/// Every method is Signal: nobody asks it for another.
#[derive(Clone, Default)]
struct Bare {
    outboxes: Arc<Mutex<BTreeMap<String, Outbox>>>,
}

pub(super) async fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{} -", listener.local_addr()?);
    tonic::transport::Server::builder()
        .add_service(Bare::default())
        .serve_with_incoming(TcpListenerStream::new(listener))
        .await?;
    Ok(())
}

fn header(request: &Request<Streaming<v1::SignalRequest>>, name: &str) -> String {
    request.metadata().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

impl NamedService for Bare {
    const NAME: &'static str = "castle.v1.CastleService";
}

impl Service<http::Request<tonic::body::Body>> for Bare {
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        let signal = self.clone();
        Box::pin(async move { Ok(Grpc::new(ProstCodec::default()).streaming(signal, request).await) })
    }
}

impl StreamingService<v1::SignalRequest> for Bare {
    type Response = v1::SignalResponse;
    type ResponseStream = ReceiverStream<Result<v1::SignalResponse, Status>>;
    type Future = BoxFuture<Response<Self::ResponseStream>, Status>;

    fn call(&mut self, request: Request<Streaming<v1::SignalRequest>>) -> Self::Future {
        let (own, other) = (header(&request, "own"), header(&request, "other"));
        let (outbox, stream) = mpsc::channel(256);
        self.outboxes.lock().expect("no holder panics").insert(own, outbox);
        tokio::spawn(copy(request.into_inner(), other, Arc::clone(&self.outboxes)));
        Box::pin(async { Ok(Response::new(ReceiverStream::new(stream))) })
    }
}

/// Copies candidates to the other half of the pair until either goes.
async fn copy(
    mut frames: Streaming<v1::SignalRequest>,
    other: String,
    outboxes: Arc<Mutex<BTreeMap<String, Outbox>>>,
) {
    let mut peer = None;
    while let Some(Ok(frame)) = frames.next().await {
        let Some(v1::signal_request::Frame::Candidate(candidate)) = frame.frame else { continue };
        if peer.is_none() {
            peer = outboxes.lock().expect("no holder panics").get(&other).cloned();
        }
        let frame = Some(v1::signal_response::Frame::Candidate(candidate));
        let response = v1::SignalResponse { frame, ..Default::default() };
        let Some(peer) = &peer else { continue };
        if peer.send(Ok(response)).await.is_err() {
            return;
        }
    }
}

//! The floor: a tonic service that copies candidates between two streams of the same pair. No login, no routing,
//! no numbers.

use castle::v1;
use castle::v1::castle_service_server::{CastleService, CastleServiceServer};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming};

type Outbox = mpsc::Sender<Result<v1::SignalResponse, Status>>;

#[derive(Default)]
struct Bare {
    outboxes: Arc<Mutex<BTreeMap<String, Outbox>>>,
}

pub(super) async fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{} -", listener.local_addr()?);
    tonic::transport::Server::builder()
        .add_service(CastleServiceServer::new(Bare::default()))
        .serve_with_incoming(TcpListenerStream::new(listener))
        .await?;
    Ok(())
}

fn header(request: &Request<Streaming<v1::SignalRequest>>, name: &str) -> String {
    request.metadata().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

#[tonic::async_trait]
impl CastleService for Bare {
    type SignalStream = ReceiverStream<Result<v1::SignalResponse, Status>>;
    type MatchStream = ReceiverStream<Result<v1::MatchResponse, Status>>;

    async fn signal(
        &self,
        request: Request<Streaming<v1::SignalRequest>>,
    ) -> Result<Response<Self::SignalStream>, Status> {
        let (own, other) = (header(&request, "own"), header(&request, "other"));
        let (outbox, stream) = mpsc::channel(256);
        self.outboxes.lock().expect("no holder panics").insert(own, outbox);
        let outboxes = Arc::clone(&self.outboxes);
        let mut frames = request.into_inner();
        tokio::spawn(async move {
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
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }

    async fn register(
        &self,
        _: Request<v1::RegisterRequest>,
    ) -> Result<Response<v1::RegisterResponse>, Status> {
        Err(Status::unimplemented("the floor only relays"))
    }

    async fn login(&self, _: Request<v1::LoginRequest>) -> Result<Response<v1::LoginResponse>, Status> {
        Err(Status::unimplemented("the floor only relays"))
    }

    async fn refresh(&self, _: Request<v1::RefreshRequest>) -> Result<Response<v1::RefreshResponse>, Status> {
        Err(Status::unimplemented("the floor only relays"))
    }

    async fn get_ice_servers(
        &self,
        _: Request<v1::GetIceServersRequest>,
    ) -> Result<Response<v1::GetIceServersResponse>, Status> {
        Err(Status::unimplemented("the floor only relays"))
    }

    async fn r#match(&self, _: Request<v1::MatchRequest>) -> Result<Response<Self::MatchStream>, Status> {
        Err(Status::unimplemented("the floor only relays"))
    }
}

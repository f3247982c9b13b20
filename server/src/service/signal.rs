//! `CastleService.Signal`, `Subscribe` and `Send`: put a stream on its way, and frames beside it.
//!
//! The first two are answered here, in front of the generated service, so that they are written by the codec of
//! `session`, which encodes once what many are told. What frames say is read in `session`.

use super::CastleApi;
use crate::auth::Caller;
use crate::error::Error;
use crate::session::{Replies, Sent, SignalCodec, Streams, SubscribeCodec, check_sent};
use castle::ids::SessionId;
use castle::v1;
use castle::v1::castle_service_server::{CastleServiceServer, SERVICE_NAME};
use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::oneshot;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service, http};
use tonic::server::{Grpc, NamedService, ServerStreamingService, StreamingService};
use tonic::{Request, Response, Status, Streaming};

/// The service as the transport calls it: the streams of sessions here, the rest as generated.
#[derive(Clone)]
pub struct CastleStreams {
    api: Arc<CastleApi>,
    rest: CastleServiceServer<CastleApi>,
    decoded_bytes_max: usize,
}

impl CastleStreams {
    /// With messages of at most so many bytes.
    pub fn new(api: CastleApi, decoded_bytes_max: usize) -> Self {
        let api = Arc::new(api);
        let rest =
            CastleServiceServer::from_arc(Arc::clone(&api)).max_decoding_message_size(decoded_bytes_max);
        Self { api, rest, decoded_bytes_max }
    }
}

impl NamedService for CastleStreams {
    const NAME: &'static str = SERVICE_NAME;
}

impl Service<http::Request<Body>> for CastleStreams {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let session = Session(Arc::clone(&self.api));
        let limit = self.decoded_bytes_max;
        match request.uri().path() {
            "/castle.v1.CastleService/Signal" => Box::pin(async move {
                let mut grpc = Grpc::new(SignalCodec).max_decoding_message_size(limit);
                Ok(grpc.streaming(session, request).await)
            }),
            "/castle.v1.CastleService/Subscribe" => Box::pin(async move {
                let mut grpc = Grpc::new(SubscribeCodec).max_decoding_message_size(limit);
                Ok(grpc.server_streaming(session, request).await)
            }),
            _ => self.rest.call(request),
        }
    }
}

/// The streams of a session.
struct Session(Arc<CastleApi>);

impl StreamingService<v1::SignalRequest> for Session {
    type Response = <SignalCodec as tonic::codec::Codec>::Encode;
    type ResponseStream = Replies;
    type Future = BoxFuture<Response<Replies>, Status>;

    fn call(&mut self, request: Request<Streaming<v1::SignalRequest>>) -> Self::Future {
        let api = Arc::clone(&self.0);
        Box::pin(async move {
            let caller = api.in_time(api.authenticator.authenticate(request.metadata())).await?;
            let (reader, replies) = api.streams.signal(caller, request.into_inner())?;
            api.tasks.spawn(reader);
            Ok(Response::new(replies))
        })
    }
}

impl ServerStreamingService<v1::SubscribeRequest> for Session {
    type Response = <SubscribeCodec as tonic::codec::Codec>::Encode;
    type ResponseStream = Replies;
    type Future = BoxFuture<Response<Replies>, Status>;

    fn call(&mut self, request: Request<v1::SubscribeRequest>) -> Self::Future {
        let api = Arc::clone(&self.0);
        Box::pin(async move {
            let caller = api.in_time(api.authenticator.authenticate(request.metadata())).await?;
            let hello = request.into_inner().hello.ok_or(Error::HelloExpected)?;
            let (reader, replies) = api.streams.subscribe(caller, hello)?;
            api.tasks.spawn(reader);
            Ok(Response::new(replies))
        })
    }
}

/// Frames beside a Subscribe.
///
/// Errors: `InvalidField`, `NoSession`, `Superseded`, `Sequence`, `MalformedFrame`, `FrameTooLarge`.
pub async fn send(
    streams: &Streams,
    caller: &Caller,
    request: v1::SendRequest,
) -> Result<v1::SendResponse, Error> {
    let session: SessionId =
        request.session_id.parse().map_err(|error| Error::field("session_id", format!("{error}")))?;
    check_sent(&request.frames, streams.config.sizes.frame)?;
    let inbox = streams.hub.inbox(session, caller.login, request.epoch).await?;
    let (reply, answer) = oneshot::channel();
    // Closed: the stream has just ended, and takes nothing more.
    inbox.send(Sent { frames: request.frames, reply }).await.map_err(|_| Error::NoSession)?;
    let received_seq = answer.await.map_err(|_| Error::NoSession)??;
    Ok(v1::SendResponse { received_seq })
}

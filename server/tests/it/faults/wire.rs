//! A connection of one end of a call with the server: a Signal stream, or a Subscribe with Send beside it, by gRPC or
//! as a page does it. Says what it is told to and hears what comes; which frames those are is decided elsewhere.

use super::PATIENCE;
use crate::page::Page;
use crate::support::{Client, with_token};
use castle::v1;
use castle::v1::castle_service_client::CastleServiceClient;
use castle::v1::signal_request::Frame as Request;
use castle::v1::signal_response::Frame as Response;
use std::collections::VecDeque;
use std::net::SocketAddr;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::AbortOnDropHandle;
use tonic::transport::Endpoint;
use tonic::{Code, Status, Streaming};
use tonic_types::StatusExt as _;

/// Frames of one Send.
const SENT_AT_ONCE: usize = 32;

/// How an end speaks with the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One stream in both directions.
    Signal,
    /// A stream from the server, and Sends on another connection.
    Subscribe,
    /// The same as a page does it: gRPC-web over HTTP/1.1, each Send on a connection of its own.
    Page,
}

/// Where the server is, and who asks.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) proxy: SocketAddr,
    pub(super) token: String,
}

impl Server {
    async fn client(&self) -> Result<Client, Status> {
        let endpoint =
            Endpoint::from_shared(format!("http://{}", self.proxy)).expect("an address makes a URI");
        let channel = endpoint.connect().await.map_err(|error| Status::unavailable(error.to_string()))?;
        Ok(CastleServiceClient::new(channel))
    }
}

/// A connection.
pub(super) enum Wire {
    Signal(mpsc::Sender<v1::SignalRequest>, Box<Streaming<v1::SignalResponse>>),
    Beside(Box<Beside>),
}

impl Wire {
    /// Opens one that is welcome.
    pub(super) async fn open(
        kind: Kind,
        server: &Server,
        hello: v1::Hello,
    ) -> Result<(Self, v1::Welcome), Status> {
        let mut wire = match kind {
            Kind::Signal => {
                let mut client = server.client().await?;
                let (outgoing, frames) = mpsc::channel(512);
                let first = v1::SignalRequest { frame: Some(Request::Hello(hello)), ..Default::default() };
                outgoing.try_send(first).expect("the queue is new");
                let request = with_token(ReceiverStream::new(frames), &server.token);
                Self::Signal(outgoing, Box::new(client.signal(request).await?.into_inner()))
            }
            Kind::Subscribe | Kind::Page => Self::Beside(Box::new(Beside::open(kind, server, hello).await?)),
        };
        match wire.hear().await?.frame {
            Some(Response::Welcome(welcome)) => {
                if let Self::Beside(beside) = &mut wire {
                    (beside.session_id, beside.epoch) = (welcome.session_id.clone(), welcome.epoch);
                }
                Ok((wire, welcome))
            }
            _ => Err(Status::internal("no welcome")),
        }
    }

    /// Says a frame; one that is lost with the connection is to be said again.
    pub(super) async fn say(&mut self, frame: v1::SignalRequest) -> Result<(), Status> {
        match self {
            Self::Signal(outgoing, _) => {
                outgoing.send(frame).await.map_err(|_| Status::unavailable("the connection is gone"))
            }
            Self::Beside(beside) => {
                beside.waiting.push_back(frame);
                Ok(())
            }
        }
    }

    /// What comes next. May be dropped and asked for again.
    pub(super) async fn hear(&mut self) -> Result<v1::SignalResponse, Status> {
        match self {
            Self::Signal(_, incoming) => incoming.message().await?.ok_or_else(|| Status::ok("ended")),
            Self::Beside(beside) => beside.hear().await,
        }
    }
}

/// What comes on a Subscribe.
enum Frames {
    Grpc(Streaming<v1::SubscribeResponse>),
    Page(Page),
}

impl Frames {
    async fn next(&mut self) -> Result<v1::SignalResponse, Status> {
        let said = match self {
            Self::Grpc(stream) => stream.message().await?,
            Self::Page(page) => Some(page.message::<v1::SubscribeResponse>().await?),
        };
        said.and_then(|said| said.frame).ok_or_else(|| Status::ok("ended"))
    }
}

/// A Subscribe, and what is said beside it: one Send after the other, each until it is taken.
pub(super) struct Beside {
    kind: Kind,
    server: Server,
    session_id: String,
    epoch: u64,
    frames: Frames,
    waiting: VecDeque<v1::SignalRequest>,
    sending: Option<AbortOnDropHandle<Sent>>,
    /// The connection of the last Send, where the next one may go on it.
    client: Option<Client>,
}

/// What became of a Send: the number up to which frames were performed.
type Sent = (Option<Client>, Result<u64, Status>);

impl Beside {
    async fn open(kind: Kind, server: &Server, hello: v1::Hello) -> Result<Self, Status> {
        let request = v1::SubscribeRequest { hello: Some(hello) };
        let frames = if kind == Kind::Page {
            Frames::Page(Page::asks(server.proxy, &server.token, "Subscribe", &request).await?)
        } else {
            let request = with_token(request, &server.token);
            Frames::Grpc(server.client().await?.subscribe(request).await?.into_inner())
        };
        Ok(Self {
            kind,
            server: server.clone(),
            session_id: String::new(),
            epoch: 0,
            frames,
            waiting: VecDeque::new(),
            sending: None,
            client: None,
        })
    }

    async fn hear(&mut self) -> Result<v1::SignalResponse, Status> {
        if self.sending.is_none() && !self.waiting.is_empty() {
            let count = self.waiting.len().min(SENT_AT_ONCE);
            let frames = self.waiting.drain(..count).collect();
            let request = v1::SendRequest { session_id: self.session_id.clone(), epoch: self.epoch, frames };
            let sending = send(self.kind, self.server.clone(), self.client.take(), request);
            self.sending = Some(AbortOnDropHandle::new(tokio::spawn(sending)));
        }
        let sent = async {
            match &mut self.sending {
                Some(sending) => sending.await.expect("a Send does not panic"),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            frame = self.frames.next() => frame,
            (client, taken) = sent => {
                (self.sending, self.client) = (None, client);
                Ok(v1::SignalResponse { ack: taken?, ..Default::default() })
            }
        }
    }
}

/// Sends until the server answers: whether it had heard the frames before is for it to know.
async fn send(kind: Kind, server: Server, mut client: Option<Client>, request: v1::SendRequest) -> Sent {
    loop {
        let sent = async {
            if kind == Kind::Page {
                let mut page = Page::asks(server.proxy, &server.token, "Send", &request).await?;
                return Ok((None, page.message().await?));
            }
            let mut client = match client.take() {
                Some(client) => client,
                None => server.client().await?,
            };
            let taken = client.send(with_token(request.clone(), &server.token)).await?.into_inner();
            Ok::<(Option<Client>, v1::SendResponse), Status>((Some(client), taken))
        };
        match tokio::time::timeout(PATIENCE, sent).await {
            Ok(Ok((client, taken))) => return (client, Ok(taken.received_seq)),
            Ok(Err(status)) if is_of_the_server(kind, &status) => return (None, Err(status)),
            Ok(Err(_)) | Err(_) => {}
        }
    }
}

/// Whether the server refused, rather than that its answer was lost.
fn is_of_the_server(kind: Kind, status: &Status) -> bool {
    status.get_error_details().error_info().is_some()
        || (kind == Kind::Page && status.code() == Code::Unknown)
}

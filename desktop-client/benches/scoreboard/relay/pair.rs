//! Two clients in a call, and frames from the first to the second. The least a client must do: numbers on what
//! it sends, acknowledgements for what it gets.

use super::{Copier, Process, socketio};
use castle::v1;
use castle::v1::castle_service_client::CastleServiceClient;
use castle::v1::signal_request::Frame as Ask;
use castle::v1::signal_response::Frame as Say;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Request, Streaming};

type Fault = Box<dyn std::error::Error>;

/// Frames under way in one pair: well below what a session may leave unacknowledged.
pub(super) const WINDOW: usize = 32;
/// A receiver acknowledges every so many frames.
const ACK_EVERY: u64 = 16;

/// Two ends of a call. Frames go from the first to the second.
pub(super) struct Pair {
    call_id: String,
    sender: mpsc::Sender<v1::SignalRequest>,
    /// The number of the last frame, where frames are numbered.
    sequence: Mutex<Option<u64>>,
    window: Arc<Semaphore>,
    under_way: Arc<Mutex<VecDeque<Instant>>>,
    arrived: Arc<Mutex<Vec<f64>>>,
}

pub(crate) struct End {
    outbox: mpsc::Sender<v1::SignalRequest>,
    inbox: Streaming<v1::SignalResponse>,
    sent: u64,
}

impl End {
    async fn ask(&mut self, frame: Ask) -> Result<(), Fault> {
        self.sent += 1;
        let request = v1::SignalRequest { seq: self.sent, frame: Some(frame), ..Default::default() };
        Ok(self.outbox.send(request).await?)
    }

    /// Reads up to the call's next state.
    async fn call_in(&mut self, state: v1::CallState) -> Result<v1::Call, Fault> {
        loop {
            let frame = self.inbox.message().await?.ok_or("the stream ended")?;
            if let Some(Say::CallUpdate(update)) = frame.frame {
                let call = update.call.ok_or("a call update carries a call")?;
                if call.state() == state {
                    return Ok(call);
                }
            }
        }
    }
}

/// A login, by its token, and its stream, greeted.
pub(crate) async fn log_in(server: &Process, name: &str) -> Result<(String, End), Fault> {
    let mut client = CastleServiceClient::connect(server.url.clone()).await?;
    let registered = client
        .register(v1::RegisterRequest {
            invitation_code: server.invitation.clone(),
            name: name.to_owned(),
            password: "a long enough password".to_owned(),
            ..Default::default()
        })
        .await?
        .into_inner();
    let token = registered.tokens.ok_or("a login carries tokens")?.access_token;
    let end = greet(client, &token).await?;
    Ok((token, end))
}

/// A further stream of that login, on a connection of its own.
pub(crate) async fn open(server: &Process, token: &str) -> Result<End, Fault> {
    greet(CastleServiceClient::connect(server.url.clone()).await?, token).await
}

async fn greet(mut client: CastleServiceClient<Channel>, token: &str) -> Result<End, Fault> {
    let (outbox, frames) = mpsc::channel(WINDOW);
    outbox
        .send(v1::SignalRequest {
            frame: Some(Ask::Hello(v1::Hello {
                protocol_version: castle::PROTOCOL_VERSION,
                client_name: "scoreboard".to_owned(),
                ..Default::default()
            })),
            ..Default::default()
        })
        .await?;
    let mut request = Request::new(ReceiverStream::new(frames));
    request.metadata_mut().insert("authorization", MetadataValue::try_from(format!("Bearer {token}"))?);
    let mut inbox = client.signal(request).await?.into_inner();
    inbox.message().await?.ok_or("no welcome")?;
    Ok(End { outbox, inbox, sent: 0 })
}

/// A stream of the bare relay.
async fn attach(server: &Process, own: String, other: String) -> Result<End, Fault> {
    let mut client = CastleServiceClient::connect(server.url.clone()).await?;
    let (outbox, frames) = mpsc::channel(WINDOW);
    let mut request = Request::new(ReceiverStream::new(frames));
    request.metadata_mut().insert("own", MetadataValue::try_from(own)?);
    request.metadata_mut().insert("other", MetadataValue::try_from(other)?);
    let inbox = client.signal(request).await?.into_inner();
    Ok(End { outbox, inbox, sent: 0 })
}

impl Pair {
    /// Two clients, in a call where the server has calls.
    pub(super) async fn connect(server: &Process, copier: Copier, number: usize) -> Result<Self, Fault> {
        let names = [format!("caller-{number}"), format!("callee-{number}")];
        match copier {
            Copier::Castle => Self::call(server, &names).await,
            Copier::Bare => {
                let caller = attach(server, names[0].clone(), names[1].clone()).await?;
                let callee = attach(server, names[1].clone(), names[0].clone()).await?;
                let pair = Self::of(String::new(), caller.outbox.clone(), None);
                pair.read(caller, callee);
                Ok(pair)
            }
            Copier::SocketIo => {
                let sender = socketio::attach(server, &names[0], &names[1], None).await?;
                let pair = Self::of(String::new(), sender, None);
                socketio::attach(server, &names[1], &names[0], Some(pair.arrivals())).await?;
                Ok(pair)
            }
        }
    }

    async fn call(server: &Process, names: &[String; 2]) -> Result<Self, Fault> {
        let (_, mut caller) = log_in(server, &names[0]).await?;
        let (_, mut callee) = log_in(server, &names[1]).await?;
        let target = Some(v1::place_call::Target::Name(names[1].clone()));
        caller.ask(Ask::PlaceCall(v1::PlaceCall { target })).await?;
        let call_id = callee.call_in(v1::CallState::Ringing).await?.call_id;
        callee.ask(Ask::AcceptCall(v1::AcceptCall { call_id: call_id.clone() })).await?;
        caller.call_in(v1::CallState::Connecting).await?;
        let pair = Self::of(call_id, caller.outbox.clone(), Some(caller.sent));
        pair.read(caller, callee);
        Ok(pair)
    }

    fn of(call_id: String, sender: mpsc::Sender<v1::SignalRequest>, sequence: Option<u64>) -> Self {
        Self {
            call_id,
            sequence: Mutex::new(sequence),
            sender,
            window: Arc::new(Semaphore::new(WINDOW)),
            under_way: Arc::default(),
            arrived: Arc::default(),
        }
    }

    fn read(&self, caller: End, callee: End) {
        tokio::spawn(read(caller, None));
        tokio::spawn(read(callee, Some(self.arrivals())));
    }

    fn arrivals(&self) -> Arrivals {
        Arrivals {
            window: Arc::clone(&self.window),
            under_way: Arc::clone(&self.under_way),
            arrived: Arc::clone(&self.arrived),
        }
    }

    fn frame(&self) -> v1::SignalRequest {
        let mut sequence = self.sequence.lock().expect("no holder panics");
        if let Some(last) = &mut *sequence {
            *last += 1;
        }
        v1::SignalRequest {
            seq: sequence.unwrap_or_default(),
            frame: Some(Ask::Candidate(v1::Candidate {
                call_id: self.call_id.clone(),
                candidate: "candidate:1 1 udp 2130706431 203.0.113.7 50000 typ host".to_owned(),
                sdp_mid: "0".to_owned(),
                username_fragment: "abcd".to_owned(),
                ..Default::default()
            })),
            ..Default::default()
        }
    }

    /// Sends for `time`, a full window or one frame `every`; the latency of each frame that arrived, in µs.
    pub(super) async fn send_for(&self, time: Duration, every: Option<Duration>) -> Vec<f64> {
        let end = Instant::now() + time;
        let mut ticks = every.map(tokio::time::interval);
        while Instant::now() < end {
            if let Some(ticks) = &mut ticks {
                ticks.tick().await;
            }
            let permit = self.window.acquire().await.expect("the window is never closed");
            permit.forget();
            self.under_way.lock().expect("no holder panics").push_back(Instant::now());
            if self.sender.send(self.frame()).await.is_err() {
                break;
            }
        }
        let rest = self.window.acquire_many(WINDOW as u32).await.expect("the window is never closed");
        drop(rest);
        std::mem::take(&mut *self.arrived.lock().expect("no holder panics"))
    }
}

/// Where the receiving end says that a frame has come.
pub(super) struct Arrivals {
    window: Arc<Semaphore>,
    under_way: Arc<Mutex<VecDeque<Instant>>>,
    arrived: Arc<Mutex<Vec<f64>>>,
}

impl Arrivals {
    pub(super) fn note(&self) {
        let sent = self.under_way.lock().expect("no holder panics").pop_front();
        let latency = sent.map_or(0.0, |sent| sent.elapsed().as_secs_f64() * 1e6);
        self.arrived.lock().expect("no holder panics").push(latency);
        self.window.add_permits(1);
    }
}

/// Reads one end to its stream's end, acknowledging, and noting arrivals.
async fn read(mut end: End, arrivals: Option<Arrivals>) {
    let mut unacked = 0;
    while let Ok(Some(frame)) = end.inbox.message().await {
        let reply = match frame.frame {
            Some(Say::Ping(ping)) => Some(Ask::Pong(v1::Pong { nonce: ping.nonce })),
            _ => None,
        };
        if let (Some(Say::Candidate(_)), Some(arrivals)) = (&frame.frame, &arrivals) {
            arrivals.note();
        }
        unacked += u64::from(frame.seq > 0);
        if reply.is_some() || unacked >= ACK_EVERY {
            unacked = 0;
            let ack = v1::SignalRequest { ack: frame.seq, frame: reply, ..Default::default() };
            if end.outbox.send(ack).await.is_err() {
                return;
            }
        }
    }
}

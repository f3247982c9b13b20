//! One Signal stream: hello, then frames in, frames out, and a heartbeat both ways.
//!
//! Owns the stream and its times. Which session it belongs to and what frames do is the hub's business.
//! The reader is a task of its own; the writer is the response stream, which the transport pulls.

pub(crate) mod wire;

use crate::auth::Caller;
use crate::error::Error;
use crate::guest::Guest;
use crate::hub::{ClientFrame, HubHandle, Item, Opening, Outbox, OutboxReader, Outgoing, TokenBucket};
use castle::ids::SessionId;
use castle::{PROTOCOL_VERSION, limits, v1};
use futures_util::{Stream, StreamExt as _};
use prost::Message as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

/// Frames of any kind, pings and repeated ones included, that are read per second: above this the stream is read
/// more slowly. Four times what a session may ask for, so that a resume is not slowed down.
const READ_FACTOR: u32 = 4;

/// Times and bounds of a stream.
#[derive(Debug, Clone)]
pub struct SessionConfig {
    /// The first frame must come within this.
    pub hello_timeout: Duration,
    /// Either end pings this often.
    pub heartbeat: Duration,
    /// Silence after which the client is taken for gone.
    pub heartbeat_timeout: Duration,
    /// Largest frame, bytes.
    pub frame_bytes_max: usize,
    /// Frames per second a session may send; reading slows down at four times this.
    pub frames_per_second: u32,
    /// Frames at once; likewise.
    pub frames_burst: u32,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            hello_timeout: limits::HELLO_TIMEOUT,
            heartbeat: limits::HEARTBEAT,
            heartbeat_timeout: limits::HEARTBEAT_TIMEOUT,
            frame_bytes_max: limits::FRAME_BYTES_MAX,
            frames_per_second: limits::FRAMES_PER_SECOND,
            frames_burst: limits::FRAMES_BURST,
        }
    }
}

/// Frames as they come in.
type Frames<S> = Pin<Box<S>>;

/// Makes the two halves of a stream: the task that reads it, to be spawned, and what it says.
pub fn stream<S>(
    config: SessionConfig,
    hub: HubHandle,
    caller: Caller,
    frames: S,
) -> (impl Future<Output = ()> + Send + use<S>, Replies)
where
    S: Stream<Item = Result<v1::SignalRequest, Status>> + Send + 'static,
{
    let (outbox, reader) = Outbox::new(hub.unacked_frames_max());
    let replies = Replies { reader, heartbeat: config.heartbeat, over: false };
    let task = Reader { config, hub, caller, frames: Box::pin(frames), done: outbox.done() };
    (task.run(outbox), replies)
}

/// The reading half.
struct Reader<S> {
    config: SessionConfig,
    hub: HubHandle,
    caller: Caller,
    frames: Frames<S>,
    done: CancellationToken,
}

/// How the reading of a stream came to its end.
enum Ended {
    /// The client said goodbye.
    Bye,
    /// The transport broke, or the hub or the client's reading half ended the stream.
    Gone,
    /// The client did something after which the stream cannot go on.
    Fault(Error),
}

impl<S: Stream<Item = Result<v1::SignalRequest, Status>> + Send> Reader<S> {
    async fn run(mut self, outbox: Outbox) {
        let done = self.done.clone();
        let hello = tokio::select! {
            () = done.cancelled() => return,
            hello = tokio::time::timeout(self.config.hello_timeout, self.hello()) => hello,
        };
        let opening = match hello.unwrap_or(Err(Error::HelloTimeout)) {
            Ok(opening) => opening,
            Err(error) => return outbox.end_with(error),
        };
        let says = outbox.sender();
        // Refused: the hub has ended the stream with the reason.
        let Ok((session, epoch)) = self.hub.open(opening, outbox).await else { return };
        match self.read(session, epoch, &says).await {
            Ended::Bye => self.hub.bye(session, epoch).await,
            Ended::Gone => self.hub.detached(session, epoch).await,
            Ended::Fault(error) => self.hub.broken(session, epoch, error).await,
        }
    }

    async fn hello(&mut self) -> Result<Opening, Error> {
        let frame = self.frames.next().await.and_then(Result::ok).ok_or(Error::HelloExpected)?;
        let Some(v1::signal_request::Frame::Hello(hello)) = frame.frame else {
            return Err(Error::HelloExpected);
        };
        if hello.protocol_version != PROTOCOL_VERSION {
            return Err(Error::ProtocolVersion { asked: hello.protocol_version });
        }
        wire::check_labels(&hello)?;
        tracing::debug!(client = hello.client_name, version = hello.client_version, "hello");
        let guest = Guest {
            id: self.caller.guest,
            name: self.caller.name.clone(),
            display_name: self.caller.display_name.clone(),
        };
        let resume = hello.resume.map(wire::resume_request);
        Ok(Opening {
            guest: Arc::new(guest),
            login: self.caller.login,
            resume,
            call_token: hello.current_call,
        })
    }

    async fn read(&mut self, session: SessionId, epoch: u64, says: &mpsc::Sender<Outgoing>) -> Ended {
        let began = Instant::now();
        let mut bucket = TokenBucket::new(
            Duration::ZERO,
            self.config.frames_per_second.saturating_mul(READ_FACTOR),
            self.config.frames_burst.saturating_mul(READ_FACTOR),
        );
        let mut heartbeat = tokio::time::interval_at(began + self.config.heartbeat, self.config.heartbeat);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard_at = began;
        let mut half_closed = false;
        loop {
            let silent_at = heard_at + self.config.heartbeat_timeout;
            tokio::select! {
                biased;
                () = self.done.cancelled() => return Ended::Gone,
                () = tokio::time::sleep_until(silent_at) => return Ended::Fault(Error::HeartbeatLost),
                beat = heartbeat.tick() => {
                    let nonce = beat.duration_since(began).as_secs();
                    // A full outbox holds frames enough for the client to answer.
                    says.try_send(Outgoing { ack: 0, item: Item::Ping(nonce) }).ok();
                }
                frame = self.frames.next(), if !half_closed => match frame {
                    Some(Ok(frame)) => {
                        heard_at = Instant::now();
                        if let Some(ended) = self.take(session, epoch, frame, says).await {
                            return ended;
                        }
                        if let Err(wait) = bucket.take(began.elapsed()) {
                            tokio::time::sleep(wait).await;
                        }
                    }
                    Some(Err(status)) => return self.transport_error(&status),
                    // The client has finished sending, which is not leaving.
                    None => half_closed = true,
                },
            }
        }
    }

    async fn take(
        &mut self,
        session: SessionId,
        epoch: u64,
        frame: v1::SignalRequest,
        says: &mpsc::Sender<Outgoing>,
    ) -> Option<Ended> {
        use v1::signal_request::Frame;
        let (seq, ack, bytes) = (frame.seq, frame.ack, frame.encoded_len());
        let command = match frame.frame {
            _ if bytes > self.config.frame_bytes_max => {
                Some(Err(Error::FrameTooLarge { what: "frame", limit: self.config.frame_bytes_max }))
            }
            Some(Frame::Hello(_)) => return Some(Ended::Fault(Error::HelloExpected)),
            Some(Frame::Ping(_) | Frame::Pong(_) | Frame::Bye(_)) if seq > 0 => {
                Some(Err(Error::MalformedFrame { detail: "ping, pong and bye have no seq" }))
            }
            Some(Frame::Bye(_)) => return Some(Ended::Bye),
            Some(Frame::Ping(ping)) => {
                says.try_send(Outgoing { ack: 0, item: Item::Pong(ping.nonce) }).ok();
                None
            }
            Some(Frame::Pong(_)) => None,
            None if seq == 0 => None,
            None => Some(Err(Error::MalformedFrame {
                detail: "a frame with seq says something this server knows",
            })),
            Some(frame) => Some(wire::command(frame)),
        };
        let (request_id, command) = wire::checked_request_id(frame.request_id, command);
        self.hub.frame(session, epoch, ClientFrame { seq, ack, request_id, command }).await;
        None
    }

    fn transport_error(&self, status: &Status) -> Ended {
        match status.code() {
            // What the decoder says to a message over its limit, and to bytes that are no message.
            Code::OutOfRange | Code::ResourceExhausted => {
                Ended::Fault(Error::FrameTooLarge { what: "frame", limit: self.config.frame_bytes_max })
            }
            Code::Internal if status.message().contains("decode") => {
                Ended::Fault(Error::MalformedFrame { detail: "not a SignalRequest" })
            }
            _ => Ended::Gone,
        }
    }
}

/// The writing half: what the transport sends to the client.
pub struct Replies {
    reader: OutboxReader,
    heartbeat: Duration,
    over: bool,
}

impl Stream for Replies {
    type Item = Result<v1::SignalResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.over {
            return Poll::Ready(None);
        }
        // The reason comes before what waits: that will be replayed.
        if !self.reader.end.is_terminated()
            && let Poll::Ready(Ok(why)) = Pin::new(&mut self.reader.end).poll(context)
        {
            self.over = true;
            return Poll::Ready(Some(Err(why.into())));
        }
        let next = ready!(self.reader.items.poll_recv(context));
        let heartbeat = self.heartbeat;
        Poll::Ready(next.map(|outgoing| Ok(wire::response(outgoing, heartbeat))))
    }
}

impl Drop for Replies {
    fn drop(&mut self) {
        self.reader.done.cancel();
    }
}

//! One stream of a session: hello, then frames in, frames out, and a heartbeat both ways.
//!
//! Owns the stream and its times: hello, heartbeat, silence, the end of its access token. `Signal` brings its own
//! frames, a `Subscribe` gets them from `Send` (`session/incoming.rs`); all else is the same for both. Which session
//! it belongs to and what frames do is the hub's business. The reader is a task of its own; the writer
//! (`session/replies.rs`) is the response stream, which the transport pulls.

mod alive;
mod incoming;
mod replies;
pub(crate) mod wire;

pub use alive::Alive;
pub use incoming::{SEND_FRAMES_MAX, Sent, check_sent};
pub use replies::{Replies, SignalCodec, SubscribeCodec};

#[cfg(test)]
pub(crate) use incoming::overtakes as overtakes_beside;
pub(crate) use wire::understand;

use crate::auth::{Authenticator, Caller};
use crate::error::Error;
use crate::guest::Guest;
use crate::hub::{
    Asked, Attached, ClientFrame, HubHandle, Item, Opening, Outbox, Outgoing, TokenBucket, Whose,
};
use castle::{PROTOCOL_VERSION, limits, v1};
use futures_util::{FutureExt as _, Stream};
use incoming::{Arrived, Incoming, overtakes};
use prost::Message as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

/// Frames of any kind, pings and repeated ones included, are read at so many times the pace at which a session may ask
/// for something, so that a resume is not slowed down. What comes faster waits in the transport.
const READ_FACTOR: u32 = 4;
/// Streams of one guest, for each session they may have, whose writing halves exist: an ended one stays with the
/// transport, and what waits in it, until its client takes the end or its connection is found to be broken.
const ALIVE_FACTOR: usize = 3;
/// Batches of frames sent beside a stream that may wait for it.
const SENDS_WAITING_MAX: usize = 8;

/// Times and bounds of a stream.
#[derive(Debug, Clone)]
pub struct SessionConfig {
    /// The first frame must come within this.
    pub hello_timeout: Duration,
    /// Either end pings this often.
    pub heartbeat: Duration,
    /// Silence after which the client is taken for gone.
    pub heartbeat_timeout: Duration,
    /// Largest frames, and parts of them.
    pub sizes: Sizes,
}

/// How large what clients send may be, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// A frame.
    pub frame: usize,
    /// A session description.
    pub sdp: usize,
    /// A candidate.
    pub candidate: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            frame: limits::FRAME_BYTES_MAX,
            sdp: limits::SDP_BYTES_MAX,
            candidate: limits::CANDIDATE_BYTES_MAX,
        }
    }
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            hello_timeout: limits::HELLO_TIMEOUT,
            heartbeat: limits::HEARTBEAT,
            heartbeat_timeout: limits::HEARTBEAT_TIMEOUT,
            sizes: Sizes::default(),
        }
    }
}

/// What the streams of all sessions need.
#[derive(Clone)]
pub struct Streams {
    /// Times and bounds.
    pub config: SessionConfig,
    /// Where frames go.
    pub hub: HubHandle,
    /// Who a new access token belongs to.
    pub authenticator: Arc<Authenticator>,
    /// The streams whose writing halves are not gone yet.
    pub alive: Arc<Alive>,
}

impl Streams {
    /// Makes the two halves of a Signal stream: the task that reads it, to be spawned, and what it says.
    ///
    /// # Errors
    /// [`Error::Limit`]: too many streams of the guest are not gone yet.
    pub fn signal<S>(
        &self,
        caller: Caller,
        frames: S,
    ) -> Result<(impl Future<Output = ()> + Send + use<S>, Replies), Error>
    where
        S: Stream<Item = Result<v1::SignalRequest, Status>> + Send + 'static,
    {
        let (outbox, replies) = self.writer(&caller)?;
        Ok((self.reader(caller, Incoming::of(frames), &outbox).run(outbox, None), replies))
    }

    /// The same for a Subscribe stream, which begins with a hello and gets all else from `Send`.
    ///
    /// # Errors
    /// [`Error::Limit`]: too many streams of the guest are not gone yet.
    pub fn subscribe(
        &self,
        caller: Caller,
        hello: v1::Hello,
    ) -> Result<(impl Future<Output = ()> + Send + use<>, Replies), Error> {
        let (outbox, replies) = self.writer(&caller)?;
        let (inbox, sends) = mpsc::channel(SENDS_WAITING_MAX);
        let outbox = outbox.with_inbox(inbox);
        let reader = self.reader(caller, Incoming::<NoStream>::Sends(sends), &outbox);
        Ok((reader.run(outbox, Some(hello)), replies))
    }

    fn writer(&self, caller: &Caller) -> Result<(Outbox, Replies), Error> {
        let limits = self.hub.limits();
        let place = self.alive.enter(caller.guest, ALIVE_FACTOR * limits.per_guest_max)?;
        let (outbox, reader) = Outbox::new(limits.unacked_frames_max);
        Ok((outbox, Replies::new(reader, self.config.heartbeat, place)))
    }

    fn reader<S>(&self, caller: Caller, incoming: Incoming<S>, outbox: &Outbox) -> Reader<S> {
        let limits = self.hub.limits();
        let per_second = limits.frames_per_second.saturating_mul(READ_FACTOR);
        let burst = limits.frames_burst.saturating_mul(READ_FACTOR);
        Reader {
            streams: self.clone(),
            token_ends: ends_at(caller.expires_at),
            caller,
            incoming,
            bucket: TokenBucket::new(Duration::ZERO, per_second, burst),
            done: outbox.done(),
        }
    }
}

type NoStream = futures_util::stream::Pending<Result<v1::SignalRequest, Status>>;

fn ends_at(expires_at: SystemTime) -> Instant {
    Instant::now() + expires_at.duration_since(SystemTime::now()).unwrap_or_default()
}

/// The reading half.
struct Reader<S> {
    streams: Streams,
    caller: Caller,
    token_ends: Instant,
    incoming: Incoming<S>,
    bucket: TokenBucket,
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
    async fn run(mut self, outbox: Outbox, hello: Option<v1::Hello>) {
        let done = self.done.clone();
        let limit = self.streams.config.hello_timeout;
        let hello = tokio::select! {
            () = done.cancelled() => return,
            hello = tokio::time::timeout(limit, self.hello(hello)) => hello,
        };
        let opening = match hello.unwrap_or(Err(Error::HelloTimeout { limit })) {
            Ok(opening) => opening,
            Err(error) => return outbox.end_with(error),
        };
        let says = outbox.sender();
        let hub = self.streams.hub.clone();
        // Refused: the hub has ended the stream with the reason.
        let Ok(attached) = hub.open(opening, outbox).await else { return };
        let Attached { session, epoch, .. } = attached;
        if let Err(error) = self.catch_up().await {
            hub.end_sessions_of(Whose::Login(self.caller.login), error).await;
            return;
        }
        match self.read(attached, &says).await {
            Ended::Bye => hub.bye(session, epoch).await,
            Ended::Gone => hub.detached(session, epoch).await,
            Ended::Fault(error) => hub.broken(session, epoch, error).await,
        }
    }

    /// While the hello was on its way the login may have ended, or its guest been renamed. A name that was told is read
    /// once more: who renames tells it after the write, which may have been in between.
    async fn catch_up(&mut self) -> Result<(), Error> {
        loop {
            let Caller { guest, login, expires_at, .. } = self.caller;
            let now = self.streams.authenticator.live(guest, login, expires_at).await?;
            if now.display_name == self.caller.display_name {
                return Ok(());
            }
            self.caller.display_name = now.display_name;
            self.streams.hub.renamed(Arc::new(self.guest())).await;
        }
    }

    fn guest(&self) -> Guest {
        let Caller { guest, name, display_name, .. } = self.caller.clone();
        Guest { id: guest, name, display_name }
    }

    async fn hello(&mut self, given: Option<v1::Hello>) -> Result<Opening, Error> {
        let hello = if let Some(hello) = given {
            hello
        } else {
            let first = self.incoming.first().await;
            let first = first.map_err(|status| self.fault(&status).unwrap_or(Error::HelloExpected))?;
            first.ok_or(Error::HelloExpected)?
        };
        if hello.protocol_version != PROTOCOL_VERSION {
            return Err(Error::ProtocolVersion { asked: hello.protocol_version });
        }
        wire::check_hello(&hello)?;
        let wish = wire::first_wish(hello.availability)?;
        tracing::debug!(client = hello.client_name, version = hello.client_version, "hello");
        Ok(Opening {
            guest: Arc::new(self.guest()),
            login: self.caller.login,
            resume: hello.resume.map(wire::resume_request),
            call_token: hello.current_call,
            wish,
            access_expires_at: self.caller.expires_at,
        })
    }

    async fn read(&mut self, attached: Attached, says: &mpsc::Sender<Outgoing>) -> Ended {
        let began = Instant::now();
        let (beat, patience) = (self.streams.config.heartbeat, self.streams.config.heartbeat_timeout);
        let (mut heard_at, mut beat_at) = (began, began + beat);
        let mut received = attached.received;
        // One timer, looked at when it fires: what it waits for only moves away while frames come.
        let alarm = tokio::time::sleep_until(beat_at.min(heard_at + patience).min(self.token_ends));
        tokio::pin!(alarm);
        loop {
            let arrived = tokio::select! {
                biased;
                () = self.done.cancelled() => return Ended::Gone,
                () = &mut alarm => {
                    let now = Instant::now();
                    if self.token_ends <= now {
                        return Ended::Fault(Error::TokenExpired);
                    }
                    // It was this server that did not listen, where something waits to be read.
                    let waits = (heard_at + patience <= now).then(|| self.incoming.next().now_or_never());
                    if matches!(waits, Some(None)) {
                        return Ended::Fault(Error::HeartbeatLost);
                    }
                    if beat_at <= now {
                        let nonce = now.duration_since(began).as_secs();
                        // A full outbox holds frames enough for the client to answer.
                        says.try_send(Outgoing { ack: 0, item: Item::Ping(nonce) }).ok();
                        beat_at = now + beat;
                    }
                    if waits.is_some() {
                        heard_at = now;
                    }
                    alarm.as_mut().reset(beat_at.min(heard_at + patience).min(self.token_ends));
                    let Some(Some(arrived)) = waits else { continue };
                    arrived
                }
                arrived = self.incoming.next() => arrived,
            };
            heard_at = Instant::now();
            match self.takes(attached, &mut received, arrived, says).await {
                Err(ended) => return ended,
                Ok(count) => self.slow_down(began, count).await,
            }
        }
    }

    /// Takes what arrived, and says so to who sent it beside the stream. How many frames there were.
    async fn takes(
        &mut self,
        attached: Attached,
        received: &mut u64,
        arrived: Arrived,
        says: &mpsc::Sender<Outgoing>,
    ) -> Result<usize, Ended> {
        let (frames, reply) = match arrived {
            Arrived::Frames(frames) => (frames, None),
            Arrived::Sent(sent) => (sent.frames, Some(sent.reply)),
            Arrived::Broken(status) => return Err(self.fault(&status).map_or(Ended::Gone, Ended::Fault)),
        };
        let taken = self.take(attached, (received, reply.is_some()), frames, says).await;
        if let Some(reply) = reply {
            let answer = match &taken {
                Err(Taking::Gap(error)) => Err(error.clone()),
                Ok(_) | Err(Taking::Over(_)) => {
                    self.streams.hub.received(attached.session, attached.epoch).await
                }
            };
            // Whoever asked may have gone; a repeat is dropped by its numbers.
            reply.send(answer).ok();
        }
        match taken {
            Err(Taking::Over(ended)) => Err(ended),
            Err(Taking::Gap(_)) => Ok(0),
            Ok(count) => Ok(count),
        }
    }

    /// Waits where frames come faster than they are read.
    async fn slow_down(&mut self, began: Instant, frames: usize) {
        let frames = u32::try_from(frames).unwrap_or(u32::MAX);
        while let Err(wait) = self.bucket.take_many(began.elapsed(), frames) {
            tokio::select! {
                () = self.done.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Hands frames to the hub, all at once. How many there were.
    async fn take(
        &mut self,
        attached: Attached,
        (received, beside): (&mut u64, bool),
        frames: Vec<v1::SignalRequest>,
        says: &mpsc::Sender<Outgoing>,
    ) -> Result<usize, Taking> {
        let count = frames.len();
        let mut taken = Vec::with_capacity(count);
        let mut outcome = Ok(count);
        for frame in frames {
            // Frames beside the stream may overtake each other on their way: that is no fault of the stream.
            if beside && let Some(gap) = overtakes(*received, frame.seq) {
                outcome = Err(Taking::Gap(gap));
                break;
            }
            *received = frame.seq.max(*received);
            match self.understood(frame, says).await {
                Ok(frame) => taken.push(frame),
                Err(ended) => {
                    outcome = Err(Taking::Over(ended));
                    break;
                }
            }
        }
        self.streams.hub.frames(attached.session, attached.epoch, taken).await;
        outcome
    }

    async fn understood(
        &mut self,
        frame: v1::SignalRequest,
        says: &mpsc::Sender<Outgoing>,
    ) -> Result<ClientFrame, Ended> {
        use v1::signal_request::Frame;
        let (seq, ack, bytes) = (frame.seq, frame.ack, frame.encoded_len());
        let sizes = self.streams.config.sizes;
        let limit = sizes.frame;
        let command = match frame.frame {
            _ if bytes > limit => Some(Err(Error::FrameTooLarge { what: "frame", limit })),
            Some(Frame::Hello(_)) => return Err(Ended::Fault(Error::HelloExpected)),
            Some(Frame::Ping(_) | Frame::Pong(_) | Frame::Bye(_)) if seq > 0 => {
                Some(Err(Error::MalformedFrame { detail: "ping, pong and bye have no seq" }))
            }
            Some(Frame::Bye(_)) => return Err(Ended::Bye),
            Some(Frame::Ping(ping)) => {
                says.try_send(Outgoing { ack: 0, item: Item::Pong(ping.nonce) }).ok();
                None
            }
            Some(Frame::Pong(_)) => None,
            Some(Frame::RenewToken(renew)) => Some(self.renew(&renew.access_token).await),
            None if seq == 0 => None,
            None => Some(Err(Error::MalformedFrame {
                detail: "a frame with seq says something this server knows",
            })),
            Some(frame) => Some(wire::command(frame, sizes).map(Asked::Lobby)),
        };
        let (request_id, command) = wire::checked_request_id(frame.request_id, command);
        Ok(ClientFrame { seq, ack, request_id, command })
    }

    /// Goes on with a new access token of the same login. A repeat that arrives late takes nothing back.
    async fn renew(&mut self, token: &str) -> Result<Asked, Error> {
        let caller = self.streams.authenticator.authenticate_token(token).await?;
        if caller.login != self.caller.login {
            return Err(Error::TokenInvalid);
        }
        self.caller.expires_at = caller.expires_at.max(self.caller.expires_at);
        self.token_ends = ends_at(self.caller.expires_at);
        Ok(Asked::TokenRenewed(self.caller.expires_at))
    }

    /// What the client did, where it is not just gone.
    fn fault(&self, status: &Status) -> Option<Error> {
        match status.code() {
            // What the decoder says to a message over its limit, and to bytes that are no message.
            Code::OutOfRange | Code::ResourceExhausted => {
                Some(Error::FrameTooLarge { what: "frame", limit: self.streams.config.sizes.frame })
            }
            Code::Internal if status.message().contains("decode") => {
                Some(Error::MalformedFrame { detail: "not a SignalRequest" })
            }
            _ => None,
        }
    }
}

/// Why not all frames were taken.
enum Taking {
    /// The stream is over.
    Over(Ended),
    /// Frames are missing that another `Send` may bring.
    Gap(Error),
}

#[cfg(test)]
mod tests;

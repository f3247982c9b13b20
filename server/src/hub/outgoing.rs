//! What goes from the hub to a stream, and the bounded outbox it goes through. No wire types, no rules.

use crate::calls::{CallView, Negotiation};
use crate::error::Error;
use crate::ice::IceServers;
use crate::lobby::{HallDelta, HallSnapshot, SelfView};
use crate::session::Sent;
use crate::store::KeptCall;
use bytes::Bytes;
use castle::ids::{CallId, SessionId};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// Room in an outbox beyond what may be unacknowledged: welcome, hall, acknowledgements, pings.
const OUTBOX_SLACK: usize = 64;

/// What a frame costs beside its texts: ids, names, credentials. Counted against the bound of bytes.
const FRAME_BYTES: usize = 512;

/// A sequenced frame, kept for replay.
pub struct Frame {
    /// Its position in the session.
    pub seq: u64,
    /// The request it answers; empty for none.
    pub in_reply_to: String,
    /// What it says.
    pub body: Body,
}

/// What a sequenced frame says.
pub enum Body {
    /// How the server sees the receiver.
    Me(SelfView),
    /// A call.
    Call(Box<CallNews>),
    /// From the other end of the call.
    Negotiation(CallId, Negotiation),
    /// A request is refused.
    Refused(Error),
    /// Fresh ICE servers.
    Ice(IceServers),
    /// The stream may go on until then.
    TokenRenewed(SystemTime),
}

impl Body {
    /// About how much memory it takes, bytes.
    pub fn bytes(&self) -> usize {
        let text = match self {
            Self::Negotiation(_, said) => said.bytes(),
            Self::Me(_) | Self::Call(_) | Self::Refused(_) | Self::Ice(_) | Self::TokenRenewed(_) => 0,
        };
        FRAME_BYTES + text
    }
}

/// A call, with what only the hub can add to it.
pub struct CallNews {
    /// The call.
    pub view: CallView,
    /// When it was placed or matched.
    pub created_at: SystemTime,
    /// When it ends by itself.
    pub expires_at: Option<SystemTime>,
    /// Fresh servers for it.
    pub ice: Option<IceServers>,
    /// The signed proof of it, from connecting on.
    pub token: Option<String>,
}

/// Answers `Hello`.
pub struct Welcome {
    /// Names the session.
    pub session: SessionId,
    /// Resumes it.
    pub resume_token: String,
    /// Of this stream.
    pub epoch: u64,
    /// Whether the session goes on.
    pub resumed: bool,
    /// The highest client frame performed.
    pub received_seq: u64,
    /// How long the session outlives a broken stream.
    pub resume_window: Duration,
    /// Servers for ICE.
    pub ice: IceServers,
    /// The receiver.
    pub me: SelfView,
    /// Who is there.
    pub hall: HallSnapshot,
    /// The receiver's call.
    pub call: Option<CallNews>,
    /// Missed calls that were not seen yet, newest first.
    pub missed_calls: Vec<KeptCall>,
    /// When the access token of the stream ends.
    pub access_expires_at: SystemTime,
}

/// State that many streams are told in the same bytes: whoever is the first to send it encodes it, for all.
pub struct Shared<T> {
    /// What it says.
    pub value: T,
    encoded: OnceLock<Bytes>,
}

impl<T> Shared<T> {
    /// To be told to many.
    pub fn new(value: T) -> Arc<Self> {
        Arc::new(Self { value, encoded: OnceLock::new() })
    }

    /// The bytes, made by `encode` if nobody has needed them yet.
    pub fn encoded(&self, encode: impl FnOnce(&T) -> Bytes) -> Bytes {
        self.encoded.get_or_init(|| encode(&self.value)).clone()
    }
}

/// The server wants the stream gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GoAway {
    /// Reconnect after this.
    pub reconnect_after: Duration,
    /// And up to this more, at random.
    pub jitter: Duration,
    /// The stream is closed after this at the latest.
    pub deadline: Duration,
}

/// One thing for a stream to say, with the acknowledgement as it stood.
pub struct Outgoing {
    /// The highest client frame performed.
    pub ack: u64,
    /// What.
    pub item: Item,
}

/// What a stream says.
pub enum Item {
    /// The first.
    Welcome(Box<Welcome>),
    /// A sequenced frame.
    Frame(Arc<Frame>),
    /// The answer to a request that came without a number.
    Unnumbered {
        /// The request.
        in_reply_to: String,
        /// What it says.
        body: Body,
    },
    /// The hall, whole.
    HallSnapshot(HallSnapshot),
    /// A change of the hall, the same for all it goes to. It may name the receiver.
    HallDelta(Arc<Shared<HallDelta>>),
    /// Nothing but the acknowledgement.
    Ack,
    /// Does the client still live?
    Ping(u64),
    /// The server does.
    Pong(u64),
    /// Leave.
    GoAway(GoAway),
}

/// The hub's and the session task's end of a stream's outbox.
pub struct Outbox {
    items: mpsc::Sender<Outgoing>,
    end: Option<oneshot::Sender<Error>>,
    done: CancellationToken,
    inbox: Option<Inbox>,
}

/// Where a stream without a way to the server takes the frames that are sent beside it. The hub passes the address
/// on and never sees what goes there.
pub type Inbox = mpsc::Sender<Sent>;

/// The stream's end of an outbox.
pub struct OutboxReader {
    /// What to say, in order.
    pub items: mpsc::Receiver<Outgoing>,
    /// Why to stop at once, before all that waits in `items`: it can be replayed.
    pub end: oneshot::Receiver<Error>,
    /// Cancelled when the stream is over, from either side.
    pub done: CancellationToken,
}

impl Outbox {
    /// An outbox for a session that may have so many frames unacknowledged, and its reader.
    pub fn new(unacked_frames_max: usize) -> (Self, OutboxReader) {
        let (items, item_reader) = mpsc::channel(unacked_frames_max + OUTBOX_SLACK);
        let (end, end_reader) = oneshot::channel();
        let done = CancellationToken::new();
        let reader = OutboxReader { items: item_reader, end: end_reader, done: done.clone() };
        (Self { items, end: Some(end), done, inbox: None }, reader)
    }

    /// The same, for a stream whose frames are sent beside it.
    #[must_use]
    pub fn with_inbox(mut self, inbox: Inbox) -> Self {
        self.inbox = Some(inbox);
        self
    }

    /// Where frames beside the stream go; none for a stream that carries its own.
    pub fn inbox(&self) -> Option<Inbox> {
        self.inbox.clone()
    }

    /// Puts `item` in line; false where the client does not read.
    pub fn push(&self, ack: u64, item: Item) -> bool {
        match self.items.try_send(Outgoing { ack, item }) {
            // A stream that is closing will be reported by its task.
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => true,
            Err(mpsc::error::TrySendError::Full(_)) => false,
        }
    }

    /// Whether there is room for state that can as well come later.
    pub fn has_slack(&self) -> bool {
        self.items.capacity() > OUTBOX_SLACK / 2
    }

    /// For what the session's task says by itself.
    pub fn sender(&self) -> mpsc::Sender<Outgoing> {
        self.items.clone()
    }

    /// Cancelled when the stream is over.
    pub fn done(&self) -> CancellationToken {
        self.done.clone()
    }

    /// Ends the stream with a status.
    pub fn end_with(mut self, why: Error) {
        if let Some(end) = self.end.take() {
            // The reader may have gone by itself: then nobody needs to know why.
            end.send(why).ok();
        }
        self.done.cancel();
    }

    /// Ends the stream as asked for by its client, after what is in line.
    pub fn finish(self) {
        drop(self);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn what_many_are_told_is_encoded_once() {
        let (shared, encoded) = (Shared::new("news"), Cell::new(0));
        let bytes = || {
            shared.encoded(|news| {
                encoded.set(encoded.get() + 1);
                Bytes::copy_from_slice(news.as_bytes())
            })
        };
        let (first, second) = (bytes(), bytes());
        assert_eq!((&first[..], encoded.get()), (&b"news"[..], 1));
        assert_eq!(first.as_ptr(), second.as_ptr(), "the same bytes, not a copy");
    }
}

//! How the rest of the server speaks to the hub: a bounded mailbox, and replies by oneshot.

use super::outgoing::{GoAway, Inbox, Outbox};
use super::sessions::{ResumeRequest, SessionsConfig};
use crate::error::Error;
use crate::guest::{Guest, SharedGuest, Wish};
use crate::history::{Backstory, History, Keeper};
use crate::lobby::{Command, HallPage, Input, MatchNews, Watch};
use crate::matchmaker::Join;
use castle::ids::{CallId, GuestId, LoginId, SessionId};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::{mpsc, oneshot};

/// Lines a Match stream may have waiting. News of the place are dropped before its last line is.
const MATCH_LINES_MAX: usize = 4;

/// A stream that said hello.
#[derive(Debug)]
pub struct Opening {
    /// Who.
    pub guest: SharedGuest,
    /// On which login.
    pub login: LoginId,
    /// The session to take up again.
    pub resume: Option<ResumeRequest>,
    /// The token of the call the client says it is in; empty for none.
    pub call_token: String,
    /// How the guest wishes to be seen, where no other session of theirs is live.
    pub wish: Wish,
    /// When the stream's access token ends.
    pub access_expires_at: SystemTime,
}

/// A stream that belongs to a session now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attached {
    /// Which.
    pub session: SessionId,
    /// Of this stream.
    pub epoch: u64,
    /// The highest client frame performed.
    pub received: u64,
}

/// What a client asks for with a frame.
#[derive(Debug)]
pub enum Asked {
    /// Something of the lobby.
    Lobby(Command),
    /// To go on with a new access token, which was checked, and ends then.
    TokenRenewed(SystemTime),
}

/// A frame of a client, converted.
#[derive(Debug)]
pub struct ClientFrame {
    /// Its position in the session; 0 for unsequenced.
    pub seq: u64,
    /// What the client has processed.
    pub ack: u64,
    /// Comes back with the answer.
    pub request_id: String,
    /// What it asks for; what is wrong with it; or nothing but the acknowledgement.
    pub command: Option<Result<Asked, Error>>,
}

/// What a Match stream is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchLine {
    /// From the lobby.
    News(MatchNews),
    /// Another stream took the place over. Last.
    Superseded,
}

/// Whose sessions are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// All of a guest's.
    Guest(GuestId),
    /// Those of one login.
    Login(LoginId),
}

/// A page of the hall that is asked for.
#[derive(Debug)]
pub struct Listing {
    /// For whom.
    pub guest: GuestId,
    /// Which part.
    pub watch: Watch,
    /// At most so many rows.
    pub size: usize,
    /// Whom the guest blocked and who blocked them, as the store says.
    pub blocked: BTreeSet<GuestId>,
}

/// How much is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy {
    /// Live sessions, attached or within their resume window.
    pub sessions: u32,
    /// Those that are attached.
    pub streams: u32,
    /// Calls, all of them: those that …
    pub calls: u32,
    /// … ring,
    pub ringing: u32,
    /// connect,
    pub connecting: u32,
    /// and are connected.
    pub connected: u32,
    /// Guests who wait for a match.
    pub waiting: u32,
}

/// What became of a stream that said hello.
pub(super) enum Begun {
    /// It has a session, or was refused one and knows.
    Opened(Result<Attached, Error>),
    /// What was read from the disk is not all any more: the guest was called meanwhile.
    TooLate(Opening, Outbox),
}

pub(super) enum Message {
    Hello {
        guest: GuestId,
        reply: oneshot::Sender<Result<(), Error>>,
    },
    Open {
        opening: Opening,
        backstory: Backstory,
        outbox: Outbox,
        reply: oneshot::Sender<Begun>,
    },
    Frames {
        session: SessionId,
        epoch: u64,
        frames: Vec<ClientFrame>,
    },
    Inbox {
        session: SessionId,
        login: LoginId,
        epoch: u64,
        reply: oneshot::Sender<Result<Inbox, Error>>,
    },
    Received {
        session: SessionId,
        epoch: u64,
        reply: oneshot::Sender<Result<u64, Error>>,
    },
    Detached {
        session: SessionId,
        epoch: u64,
    },
    Broken {
        session: SessionId,
        epoch: u64,
        why: Error,
    },
    Bye {
        session: SessionId,
        epoch: u64,
    },
    Match {
        join: Join,
        lines: mpsc::Sender<MatchLine>,
        reply: oneshot::Sender<Result<u64, Error>>,
    },
    MatchLost {
        stream: u64,
    },
    EndSessions {
        whose: Whose,
        why: Error,
    },
    /// Something that happened to guests elsewhere: blocks, names.
    Happened(Input),
    ListGuests {
        listing: Listing,
        reply: oneshot::Sender<HallPage>,
    },
    Busy {
        reply: oneshot::Sender<Busy>,
    },
    SessionsOf {
        guest: GuestId,
        reply: oneshot::Sender<usize>,
    },
    AreInCall {
        call: CallId,
        guests: [GuestId; 2],
        reply: oneshot::Sender<bool>,
    },
    Drain {
        go_away: GoAway,
        reply: oneshot::Sender<()>,
    },
}

/// Speaks to the hub. Cheap to clone.
#[derive(Debug, Clone)]
pub struct HubHandle {
    mailbox: mpsc::Sender<Message>,
    limits: Arc<SessionsConfig>,
    history: History,
    keeper: Keeper,
}

impl HubHandle {
    pub(super) fn new(
        mailbox: mpsc::Sender<Message>,
        limits: Arc<SessionsConfig>,
        history: History,
        keeper: Keeper,
    ) -> Self {
        Self { mailbox, limits, history, keeper }
    }

    /// Bounds of sessions.
    pub fn limits(&self) -> &SessionsConfig {
        &self.limits
    }

    /// Begins or resumes a session on a stream, whose first item in `outbox` is then `Welcome`.
    ///
    /// The blocks that concern the guest are read here, in the stream's own task: the hub waits for no disk. It is asked
    /// first whether the guest comes too often, so that nobody has the disk read without end.
    ///
    /// Errors: `RateLimited`, `SessionLimit`, `Limit`, `Superseded`, `Draining`.
    pub async fn open(&self, opening: Opening, outbox: Outbox) -> Result<Attached, Error> {
        let (reply, answer) = oneshot::channel();
        let allowed = self.ask(Message::Hello { guest: opening.guest.id, reply }, answer).await?;
        match self.begin(allowed, u64::MIN, opening, outbox).await? {
            Begun::Opened(opened) => opened,
            // Once: whoever calls without end keeps nobody out.
            Begun::TooLate(opening, outbox) => match self.begin(Ok(()), u64::MAX, opening, outbox).await? {
                Begun::Opened(opened) => opened,
                Begun::TooLate(..) => unreachable!("it was said to hold all"),
            },
        }
    }

    /// Reads what the session starts from, and begins it where that holds all calls that the guest missed, or up to
    /// `missed_up_to` at least.
    async fn begin(
        &self,
        allowed: Result<(), Error>,
        missed_up_to: u64,
        opening: Opening,
        outbox: Outbox,
    ) -> Result<Begun, Error> {
        let read = match allowed {
            Ok(()) => self.backstory(&opening).await,
            Err(error) => Err(error),
        };
        let backstory = match read {
            Ok(read) => Backstory { missed_up_to: read.missed_up_to.max(missed_up_to), ..read },
            Err(error) => {
                outbox.end_with(error.clone());
                return Err(error);
            }
        };
        let (reply, answer) = oneshot::channel();
        self.ask(Message::Open { opening, backstory, outbox, reply }, answer).await
    }

    async fn backstory(&self, opening: &Opening) -> Result<Backstory, Error> {
        let now = SystemTime::now();
        self.history.backstory(&self.keeper, &opening.guest, &opening.call_token, now).await
    }

    /// Frames came on the stream with this epoch, in this order.
    pub async fn frames(&self, session: SessionId, epoch: u64, frames: Vec<ClientFrame>) {
        self.tell(Message::Frames { session, epoch, frames }).await;
    }

    /// Where the frames of a session go whose stream, with this epoch, does not carry them.
    ///
    /// Errors: `NoSession`, `Superseded`.
    pub async fn inbox(&self, session: SessionId, login: LoginId, epoch: u64) -> Result<Inbox, Error> {
        let (reply, answer) = oneshot::channel();
        self.ask(Message::Inbox { session, login, epoch, reply }, answer).await?
    }

    /// The highest client frame performed, of all that came on the stream with this epoch.
    ///
    /// Errors: `NoSession`, `Superseded`.
    pub async fn received(&self, session: SessionId, epoch: u64) -> Result<u64, Error> {
        let (reply, answer) = oneshot::channel();
        self.ask(Message::Received { session, epoch, reply }, answer).await?
    }

    /// The stream is gone; the session may be resumed.
    pub async fn detached(&self, session: SessionId, epoch: u64) {
        self.tell(Message::Detached { session, epoch }).await;
    }

    /// The client did something after which the stream cannot go on; the session may be resumed.
    pub async fn broken(&self, session: SessionId, epoch: u64, why: Error) {
        self.tell(Message::Broken { session, epoch, why }).await;
    }

    /// The client leaves for good.
    pub async fn bye(&self, session: SessionId, epoch: u64) {
        self.tell(Message::Bye { session, epoch }).await;
    }

    /// Puts a session in the queue; what becomes of it is told line by line, on a stream with the number returned.
    ///
    /// Errors: `NoSession`, `AlreadyInCall`, `AlreadyQueued`, `QueueFull`, `Draining`.
    pub async fn join_match(&self, join: Join) -> Result<(u64, mpsc::Receiver<MatchLine>), Error> {
        let (lines, receiver) = mpsc::channel(MATCH_LINES_MAX);
        let (reply, answer) = oneshot::channel();
        let stream = self.ask(Message::Match { join, lines, reply }, answer).await??;
        Ok((stream, receiver))
    }

    /// Nobody reads the Match stream of this number any more.
    pub async fn match_lost(&self, stream: u64) {
        self.tell(Message::MatchLost { stream }).await;
    }

    /// Ends live sessions and their waiting matches, since the login ended or the guest may not stay. Their
    /// streams end with `why`.
    pub async fn end_sessions_of(&self, whose: Whose, why: Error) {
        self.tell(Message::EndSessions { whose, why }).await;
    }

    /// `by` blocked `whom`: it is on disk.
    pub async fn blocked(&self, by: GuestId, whom: GuestId) {
        self.tell(Message::Happened(Input::Blocked { by, whom })).await;
    }

    /// `by` took a block of `whom` back: it is on disk.
    pub async fn unblocked(&self, by: GuestId, whom: GuestId) {
        self.tell(Message::Happened(Input::Unblocked { by, whom })).await;
    }

    /// A guest has another display name: it is on disk.
    pub async fn renamed(&self, guest: SharedGuest) {
        self.tell(Message::Happened(Input::Renamed(guest))).await;
    }

    /// A page of the hall, as a guest may see it.
    ///
    /// Errors: `Draining`.
    pub async fn list_guests(&self, listing: Listing) -> Result<HallPage, Error> {
        let (reply, answer) = oneshot::channel();
        self.ask(Message::ListGuests { listing, reply }, answer).await
    }

    /// How much is going on now.
    pub async fn busy(&self) -> Result<Busy, Error> {
        let (reply, answer) = oneshot::channel();
        self.ask(Message::Busy { reply }, answer).await
    }

    /// How many sessions `guest` has, attached or within their resume window.
    pub async fn sessions_of(&self, guest: GuestId) -> usize {
        let (reply, answer) = oneshot::channel();
        self.ask(Message::SessionsOf { guest, reply }, answer).await.unwrap_or(0)
    }

    /// Returns when the ends of all calls that anybody was told of are in the store.
    pub async fn history_written(&self) {
        self.keeper.written().await;
    }

    /// The same, and the calls that `guest` missed.
    pub async fn own_history_written(&self, guest: &Guest) {
        self.history_written().await;
        self.keeper.missed_written(guest).await;
    }

    /// Whether this call is going on between these two.
    pub async fn are_in_call(&self, call: CallId, guests: [GuestId; 2]) -> bool {
        let (reply, answer) = oneshot::channel();
        self.ask(Message::AreInCall { call, guests, reply }, answer).await.unwrap_or(false)
    }

    /// Tells every stream to go, takes nothing new, and returns when all have gone, at the deadline at the latest.
    pub async fn drain(&self, go_away: GoAway) {
        let (reply, answer) = oneshot::channel();
        // A hub that has stopped already has drained.
        self.ask(Message::Drain { go_away, reply }, answer).await.ok();
    }

    async fn tell(&self, message: Message) {
        if self.mailbox.send(message).await.is_err() {
            tracing::debug!("the hub has stopped, a message for it is dropped");
        }
    }

    async fn ask<T>(&self, message: Message, answer: oneshot::Receiver<T>) -> Result<T, Error> {
        let stopped = || Error::Draining { retry_after: Duration::from_secs(1) };
        self.mailbox.send(message).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())
    }
}

//! The hub: the single writer of all that is shared between guests.
//!
//! One task owns the lobby and the sessions. It takes messages from a bounded mailbox, lets the pure machines
//! decide, and performs their effects by putting frames in outboxes. It never waits for a client: an outbox
//! that is full ends its stream, resumably. It never sees wire types; `session` and `service` convert.

mod handle;
mod match_streams;
mod outgoing;
mod perform;
mod rate;
mod sessions;
mod streams;

pub use handle::{Asked, Attached, Busy, ClientFrame, HubHandle, Listing, MatchLine, Opening, Whose};
pub use outgoing::{
    Body, CallNews, Frame, GoAway, Inbox, Item, Outbox, OutboxReader, Outgoing, Shared, Welcome,
};
pub use rate::TokenBucket;
pub use sessions::{ResumeRequest, SessionsConfig};

use crate::error::Error;
use crate::history::{History, Keeper};
use crate::ice::{CREDENTIAL_TTL, IceVendor};
use crate::lobby::{Input, Lobby, LobbyConfig};
use crate::metrics::{Count, Metrics};
use crate::token::CallSigner;
use castle::ids::SessionId;
use handle::{Begun, Message};
use match_streams::MatchStreams;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use sessions::Sessions;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Messages that may wait for the hub: some hundred streams' worth of one frame each, a few milliseconds of work.
const MAILBOX_MAX: usize = 1024;

/// Messages taken at once, before what is due is looked at again: a millisecond of work.
const MESSAGES_AT_ONCE: usize = 64;

/// Settings of the hub.
#[derive(Debug, Clone)]
pub struct HubConfig {
    /// Of hall, calls and queue.
    pub lobby: LobbyConfig,
    /// Of sessions.
    pub sessions: SessionsConfig,
    /// An acknowledgement waits this long for a frame to travel with.
    pub ack_delay: Duration,
    /// Fresh ICE servers are pushed this often: at half the life of their credentials.
    pub ice_refresh: Duration,
    /// A refused client is told to come again after this while the server goes down.
    pub drain_retry: Duration,
}

impl Default for HubConfig {
    fn default() -> Self {
        Self {
            lobby: LobbyConfig::default(),
            sessions: SessionsConfig::default(),
            ack_delay: Duration::from_millis(50),
            ice_refresh: CREDENTIAL_TTL / 2,
            drain_retry: Duration::from_secs(2),
        }
    }
}

/// Where the hub is on its way down.
#[derive(Debug)]
struct Drain {
    deadline: Duration,
    drained: Option<oneshot::Sender<()>>,
}

/// What the hub uses and others own.
pub struct Around {
    /// STUN and TURN servers.
    pub ice: Arc<IceVendor>,
    /// Signs the proofs of calls.
    pub signer: Arc<CallSigner>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// The figures that the hub adds to with each frame.
struct HubFigures {
    all: Arc<Metrics>,
    frames_in: Count,
    frames_out: Count,
}

impl HubFigures {
    fn new(all: Arc<Metrics>) -> Self {
        let (frames_in, frames_out) = (all.hub.frames.of("in"), all.hub.frames.of("out"));
        Self { all, frames_in, frames_out }
    }
}

/// The task and all it owns.
pub struct Hub {
    config: HubConfig,
    metrics: HubFigures,
    origin: Instant,
    lobby: Lobby,
    sessions: Sessions,
    match_streams: MatchStreams,
    acks: BTreeSet<(Duration, SessionId)>,
    shows_due: BTreeSet<(Duration, SessionId)>,
    /// Sessions whose stream cannot be written to, found while effects are performed.
    broken: Vec<(SessionId, Error)>,
    ice: Arc<IceVendor>,
    signer: Arc<CallSigner>,
    keeper: Keeper,
    ids: StdRng,
    drain: Option<Drain>,
}

impl Hub {
    /// Runs a hub on `tasks` until `stop` is cancelled; its handle reads blocks from `store`. `seed` must be from the system's random numbers: session
    /// ids, call ids and resume tokens come from it.
    pub fn spawn(
        config: HubConfig,
        around: Around,
        history: History,
        seed: [u8; 32],
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> HubHandle {
        let (mailbox, messages) = mpsc::channel(MAILBOX_MAX);
        let limits = Arc::new(config.sessions.clone());
        let keeper = history.keep_on(tasks, stop.clone());
        tasks.spawn(Self::new(config, around, keeper.clone(), seed).run(messages, stop));
        HubHandle::new(mailbox, limits, history, keeper)
    }

    fn new(config: HubConfig, around: Around, keeper: Keeper, seed: [u8; 32]) -> Self {
        let Around { ice, signer, metrics } = around;
        let mut ids = StdRng::from_seed(seed);
        Self {
            metrics: HubFigures::new(metrics),
            origin: Instant::now(),
            lobby: Lobby::new(config.lobby.clone(), ids.random()),
            sessions: Sessions::new(config.sessions.clone()),
            match_streams: MatchStreams::default(),
            acks: BTreeSet::new(),
            shows_due: BTreeSet::new(),
            broken: Vec::new(),
            ice,
            signer,
            keeper,
            ids,
            drain: None,
            config,
        }
    }

    fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    async fn run(mut self, mut mailbox: mpsc::Receiver<Message>, stop: CancellationToken) {
        let mut messages = Vec::with_capacity(MESSAGES_AT_ONCE);
        // Set anew only for something earlier: what is due usually lies behind the next message, and a timer costs
        // more than a frame.
        let alarm = tokio::time::sleep(Duration::ZERO);
        tokio::pin!(alarm);
        let mut set_for = Some(Duration::ZERO);
        loop {
            // Rather than lose the end of a call it takes nothing new while the disk is far behind.
            if stop.run_until_cancelled(self.keeper.room()).await.is_none() {
                break;
            }
            let taken = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                // A flood of messages must not hold up what is due.
                () = &mut alarm, if set_for.is_some() => {
                    set_for = None;
                    1
                }
                taken = mailbox.recv_many(&mut messages, MESSAGES_AT_ONCE) => taken,
            };
            if taken == 0 {
                break; // nobody is left who could say anything
            }
            let now = self.now();
            self.tick(now);
            for message in messages.drain(..) {
                self.take(now, message);
            }
            if let Some(due) = self.next_deadline()
                && set_for.is_none_or(|at| due < at)
            {
                alarm.as_mut().reset(self.origin + due);
                set_for = Some(due);
            }
        }
        for id in self.sessions.matching(|_| true) {
            self.close(id, self.draining());
        }
    }

    fn next_deadline(&self) -> Option<Duration> {
        let chances = [
            self.lobby.next_deadline(),
            self.sessions.next_deadline(),
            self.acks.first().map(|&(at, _)| at),
            self.sessions.next_ice(),
            self.shows_due.first().map(|&(at, _)| at),
            self.drain.as_ref().filter(|drain| drain.drained.is_some()).map(|drain| drain.deadline),
        ];
        chances.into_iter().flatten().min()
    }

    fn tick(&mut self, now: Duration) {
        while let Some(id) = self.sessions.pop_expired(now) {
            tracing::debug!(session = %id, "the session was not resumed in time");
            self.input(now, Input::SessionEnded(id, crate::calls::Departure::Lost));
        }
        if self.lobby.next_deadline().is_some_and(|at| at <= now) {
            self.input(now, Input::Tick);
        }
        self.tell_acks(now);
        self.show_halls(now);
        self.push_ice(now);
        self.check_drained(now);
    }

    fn take(&mut self, now: Duration, message: Message) {
        match message {
            Message::Hello { guest, reply } => {
                // Whoever asks may have gone.
                reply.send(self.hello(now, guest)).ok();
            }
            Message::Open { opening, backstory, outbox, reply } => {
                let begun = if self.keeper.last_missed(&opening.guest) > backstory.missed_up_to {
                    Begun::TooLate(opening, outbox)
                } else {
                    Begun::Opened(self.open(now, opening, backstory, outbox))
                };
                // The stream's task may have given up: then its `Detached` follows.
                reply.send(begun).ok();
            }
            Message::Frames { session, epoch, frames } => {
                self.metrics.frames_in.add_many(frames.len() as u64);
                for frame in frames {
                    self.frame(now, session, epoch, frame);
                }
            }
            Message::Inbox { session, login, epoch, reply } => {
                reply.send(self.inbox(session, login, epoch)).ok();
            }
            Message::Received { session, epoch, reply } => {
                reply.send(self.received(session, epoch)).ok();
            }
            Message::Detached { session, epoch } => self.detached(now, session, epoch),
            Message::Broken { session, epoch, why } => self.broken_off(now, session, epoch, why),
            Message::Bye { session, epoch } => self.bye(now, session, epoch),
            Message::Match { join, lines, reply } => {
                reply.send(self.join_match(now, join, lines)).ok();
            }
            Message::MatchLost { stream } => self.match_lost(now, stream),
            Message::EndSessions { whose, why } => self.end_sessions(now, whose, &why),
            Message::Happened(input) => self.input(now, input),
            Message::ListGuests { listing: Listing { guest, watch, size, blocked }, reply } => {
                reply.send(self.lobby.hall_page(guest, &watch, size, &blocked)).ok();
            }
            Message::SessionsOf { guest, reply } => {
                reply.send(self.lobby.sessions_of(guest)).ok();
            }
            Message::AreInCall { call, guests, reply } => {
                reply.send(self.lobby.are_in_call(call, guests)).ok();
            }
            Message::Busy { reply } => {
                let (calls, waiting) = self.lobby.busy();
                let count = |n: usize| n.try_into().unwrap_or(u32::MAX);
                let [ringing, connecting, connected] = self.lobby.calls_by_state().map(count);
                let busy = Busy {
                    sessions: count(self.sessions.len()),
                    streams: count(self.sessions.attached_count()),
                    calls: count(calls),
                    ringing,
                    connecting,
                    connected,
                    waiting: count(waiting),
                };
                // A scraper may have stopped waiting.
                reply.send(busy).ok();
            }
            Message::Drain { go_away, reply } => self.begin_drain(now, go_away, reply),
        }
        self.check_drained(now);
    }

    fn input(&mut self, now: Duration, input: Input) {
        let mut effects = Vec::new();
        self.lobby.handle(now, input, &mut effects);
        self.perform(now, effects, None);
    }

    fn draining(&self) -> Error {
        Error::Draining { retry_after: self.config.drain_retry }
    }
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

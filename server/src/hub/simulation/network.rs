//! Connections of the simulated world: what is on its way in each direction, and the server's side of a stream,
//! which is `session` without its clocks and wires.

use super::World;
use super::client::Said;
use super::sends::Send;
use crate::error::Error;
use crate::guest::Wish;
use crate::history::Backstory;
use crate::hub::handle::{Attached, Begun, Message, Opening};
use crate::hub::outgoing::{Inbox, Outbox, OutboxReader, Outgoing};
use crate::hub::sessions::ResumeRequest;
use rand::RngExt as _;
use std::collections::VecDeque;
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};

/// What a client says on a connection, or in a Send.
#[derive(Clone)]
pub(super) enum Up {
    Hello { resume: Option<ResumeRequest>, call_token: String },
    Said(Said, u64),
    Ack(u64),
    Bye,
}

/// What comes to a client on a connection.
pub(super) enum Down {
    Says(Outgoing),
    Ended(Option<Error>),
}

/// A hello whose blocks and call were read from the disk, on its way to the hub.
struct Opens {
    opening: Opening,
    backstory: Backstory,
    outbox: Outbox,
}

/// A connection. Either end may be gone without the other knowing.
#[expect(clippy::struct_excessive_bools, reason = "each is a thing of its own that may have happened to it")]
#[derive(Default)]
pub(super) struct Line {
    pub(super) client: usize,
    /// Its client takes what comes.
    reads: bool,
    /// A Subscribe: of what the client says, only the hello goes up on it.
    pub(super) beside: bool,
    /// Where the hub has Sends put for it.
    pub(super) inbox: Option<Inbox>,
    /// Those that its task has not looked at.
    pub(super) sends: VecDeque<Send>,
    /// The highest number that its task has handed over.
    pub(super) received: u64,
    pub(super) up: VecDeque<Up>,
    pub(super) down: VecDeque<Down>,
    opens: Option<Opens>,
    stream: Option<(OutboxReader, Option<Attached>)>,
    /// The client has given it up.
    pub(super) left: bool,
    /// The server does not read it any more.
    pub(super) deaf: bool,
    /// When whoever does not know yet finds out that nothing comes any more.
    pub(super) silence_ends: Option<Duration>,
    /// When the hello reaches the hub at the latest.
    pub(super) opens_at: Option<Duration>,
}

impl Line {
    pub(super) fn new(client: usize, beside: bool) -> Self {
        Self { client, reads: true, beside, ..Self::default() }
    }

    /// The session it belongs to.
    pub(super) fn attached(&self) -> Option<Attached> {
        self.stream.as_ref()?.1
    }

    /// Nothing is on its way and nothing will be.
    pub(super) fn is_over(&self) -> bool {
        let server_gone = self.deaf || (self.stream.is_none() && self.opens.is_none() && self.up.is_empty());
        self.left && server_gone && self.silence_ends.is_none()
    }

    /// The server's process is gone.
    pub(super) fn loses_server(&mut self) {
        (self.opens, self.stream, self.opens_at, self.deaf) = (None, None, None, true);
        self.up.clear();
        self.sends.clear();
        if !self.left {
            self.down.push_back(Down::Ended(None));
        }
    }
}

impl World {
    /// Some of what is on its way to the server arrives. True if there was something.
    pub(super) fn carry_up(&mut self, at: usize, most: usize) -> bool {
        if self.opens(at) {
            return true;
        }
        let Some(line) = self.lines.get_mut(&at) else { return false };
        let taken: Vec<Up> = (0..most).map_while(|_| line.up.pop_front()).collect();
        let some = !taken.is_empty();
        let (mut frames, deaf) = (Vec::new(), line.deaf);
        for up in taken.into_iter().filter(|_| !deaf) {
            match up {
                Up::Hello { resume, call_token } => self.reads_hello(at, resume, &call_token),
                Up::Said(said, ack) => frames.push(said.with_ack(ack)),
                Up::Ack(ack) => frames.push(super::only_ack(ack)),
                Up::Bye => {
                    self.hands_over(at, std::mem::take(&mut frames));
                    self.with_attached(at, |it| Message::Bye { session: it.session, epoch: it.epoch });
                }
            }
        }
        self.hands_over(at, frames);
        let some = self.takes_sends(at) | some;
        self.notices_its_end(at);
        some
    }

    pub(super) fn hands_over(&mut self, at: usize, frames: Vec<crate::hub::ClientFrame>) {
        if !frames.is_empty() {
            self.with_attached(at, |it| Message::Frames { session: it.session, epoch: it.epoch, frames });
        }
    }

    pub(super) fn with_attached(&mut self, at: usize, message: impl FnOnce(Attached) -> Message) {
        let attached = self.lines.get(&at).and_then(Line::attached);
        if let Some(attached) = attached {
            self.hub.take(self.now, message(attached));
        }
    }

    /// What the stream's task does with a hello before the hub learns of it.
    fn reads_hello(&mut self, at: usize, resume: Option<ResumeRequest>, call_token: &str) {
        let client = &self.clients[self.lines[&at].client];
        let me = client.guest.id;
        let opening = Opening {
            guest: client.guest.clone(),
            login: client.login,
            resume,
            call_token: call_token.to_owned(),
            wish: Wish::default(),
            access_expires_at: SystemTime::now(),
        };
        let backstory = Backstory {
            blocked: self.blocks.iter().filter(|pair| pair.0 == me).map(|pair| pair.1).collect(),
            blocked_by: self.blocks.iter().filter(|pair| pair.1 == me).map(|pair| pair.0).collect(),
            current_call: (!call_token.is_empty()).then(|| self.claim(me, call_token)),
            missed_calls: Vec::new(),
            missed_up_to: self.hub.keeper.last_missed(&client.guest),
        };
        let (mut outbox, reader) = Outbox::new(self.hub.config.sessions.unacked_frames_max);
        // The disk may be slow, but not slower than a call's deadline.
        let longest = if self.rng.random_bool(0.1) { 9_000 } else { 50 };
        let delay = Duration::from_millis(self.rng.random_range(0..longest));
        let line = self.lines.get_mut(&at).expect("it was there just above");
        if line.beside {
            let (inbox, _) = mpsc::channel(1);
            line.inbox = Some(inbox.clone());
            outbox = outbox.with_inbox(inbox);
        }
        line.opens = Some(Opens { opening, backstory, outbox });
        line.stream = Some((reader, None));
        line.opens_at = Some(self.now + delay);
    }

    /// The hub learns of a hello, if one waits.
    pub(super) fn opens(&mut self, at: usize) -> bool {
        let Some(line) = self.lines.get_mut(&at) else { return false };
        let Some(Opens { opening, backstory, outbox }) = line.opens.take() else { return false };
        line.opens_at = None;
        let (reply, mut answer) = oneshot::channel();
        let again = backstory.clone();
        self.hub.take(self.now, Message::Open { opening, backstory, outbox, reply });
        let begun = answer.try_recv().expect("the hub answers at once");
        let line = self.lines.get_mut(&at).expect("it was there just above");
        let attached = match begun {
            Begun::Opened(opened) => opened.ok(),
            Begun::TooLate(opening, outbox) => {
                let read = |backstory: Backstory| Backstory { missed_up_to: u64::MAX, ..backstory };
                line.opens = Some(Opens { opening, backstory: read(again), outbox });
                return self.opens(at);
            }
        };
        if let Some((_, stream)) = &mut line.stream {
            *stream = attached;
        }
        line.received = attached.map_or(0, |attached| attached.received);
        if line.deaf {
            // It was gone before the hub learned of it.
            self.is_detached(at, None);
        }
        true
    }

    /// The reading half of a stream ends when the hub lets go of it. Frames may be on their way to the hub still.
    fn notices_its_end(&mut self, at: usize) {
        let over = |line: &Line| line.stream.as_ref().is_some_and(|(reader, _)| reader.done.is_cancelled());
        if self.lines.get(&at).is_some_and(over) && self.rng.random_bool(0.5) {
            self.is_detached(at, None);
        }
    }

    /// The server finds out that the stream is gone.
    pub(super) fn is_detached(&mut self, at: usize, why: Option<Error>) {
        self.with_attached(at, |it| match why {
            Some(why) => Message::Broken { session: it.session, epoch: it.epoch, why },
            None => Message::Detached { session: it.session, epoch: it.epoch },
        });
        if let Some(line) = self.lines.get_mut(&at) {
            line.deaf = true;
        }
    }

    /// Whether the client reads; some read nothing for a while.
    pub(super) fn is_read(&mut self, at: usize) -> bool {
        let turns = self.rng.random_bool(0.04);
        let Some(line) = self.lines.get_mut(&at) else { return false };
        line.reads ^= turns;
        line.reads
    }

    /// The server writes what it has, and some of what is on its way to the client arrives. True if there was
    /// something.
    pub(super) fn carry_down(&mut self, at: usize, most: usize) -> bool {
        let Some(line) = self.lines.get_mut(&at) else { return false };
        line.writes(most);
        if line.left {
            line.down.clear();
            return false;
        }
        let (number, beside) = (line.client, line.beside);
        let taken: Vec<Down> = (0..most).map_while(|_| line.down.pop_front()).collect();
        let some = !taken.is_empty();
        for down in taken {
            let client = &mut self.clients[number];
            match down {
                Down::Says(outgoing) => {
                    let (resumed, before) = (client.resumed, client.beside);
                    let again = client.hears(outgoing);
                    let ack = client.link.ack();
                    client.beside = beside;
                    self.figures.crossed += u64::from(client.resumed > resumed && beside != before);
                    self.puts(at, again.into_iter().map(|said| Up::Said(said, ack)).collect());
                }
                Down::Ended(why) => {
                    client.is_cut_off(&why.unwrap_or(Error::HeartbeatLost));
                    self.lines.get_mut(&at).expect("it was there just above").left = true;
                    break;
                }
            }
        }
        some
    }
}

impl Line {
    /// The response stream, of which the client takes so much: the reason to end comes before what waits.
    fn writes(&mut self, most: usize) {
        let Some((reader, _)) = &mut self.stream else { return };
        if let Ok(why) = reader.end.try_recv() {
            self.down.push_back(Down::Ended(Some(why)));
            self.stream = None;
            return;
        }
        for _ in 0..most {
            match reader.items.try_recv() {
                Ok(outgoing) => self.down.push_back(Down::Says(outgoing)),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => {
                    self.down.push_back(Down::Ended(None));
                    self.stream = None;
                    return;
                }
            }
        }
    }
}

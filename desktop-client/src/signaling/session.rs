//! The session: one logical connection over any number of transports, nothing lost and nothing done twice.

use super::account::Account;
use super::hall::Hall;
use super::requests::{Answer, Topic};
use super::transport::Transport;
use super::{Command, Event, MatchNews, wire};
use crate::backoff;
use crate::error::{ClientError, ErrorKind};
use crate::view::HallRow;
use castle::limits::{HEARTBEAT, HEARTBEAT_TIMEOUT};
use castle::link::{Link, Overflow};
use castle::v1::{self, ErrorReason, SignalRequest, Welcome, signal_request};
use std::time::{Duration, SystemTime};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use tonic::metadata::{Ascii, MetadataValue};

mod crowded;
mod incoming;
mod outgoing;

/// What arrived is acknowledged after this time at the latest, unless a frame of ours carries it sooner.
const ACK_DELAY: Duration = Duration::from_millis(200);
/// A goodbye is waited for no longer.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(1);
/// Answers that are on their way when the login ends are waited for no longer: one may say why it did.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(2);
/// `request_id` of the frame that renews a stream's token.
const RENEWAL: &str = "renewal";
/// News of the queue that may wait.
const NEWS_MAX: usize = 16;
/// Requests under way at once: a person makes one or two. More are refused.
const REQUESTS_MAX: usize = 16;
/// Further pages of the hall are asked for anew this often: what changes in them is not told.
const FURTHER_EVERY: Duration = Duration::from_secs(10);

/// Runs a session to its end. The last event says why it ended.
pub(super) async fn run(account: Account, commands: mpsc::Receiver<Command>, events: mpsc::Sender<Event>) {
    let bearer = match account.bearer() {
        Ok(bearer) => bearer,
        Err(error) => {
            events.send(Event::Ended(Some(error))).await.ok();
            return;
        }
    };
    let renew_at = Instant::now() + account.renew_in(SystemTime::now());
    let mut session = Session {
        account,
        commands,
        events: events.clone(),
        link: Link::default(),
        resume: None,
        met: false,
        hall: Hall::default(),
        bearer: watch::channel(bearer).0,
        renew_at,
        requests: JoinSet::new(),
        query: String::new(),
        watch: 0,
        further_at: None,
        clock: (SystemTime::now(), Instant::now()),
        call: None,
        wish: v1::Availability::Unspecified,
        news: mpsc::channel(NEWS_MAX),
        search: None,
        frames: 0,
    };
    let ended = session.live().await.err();
    if ended.as_ref().is_some_and(|error| error.kind == ErrorKind::Refused(ErrorReason::LoginEnded)) {
        session.settle().await;
    }
    session.account.finish_keeping().await;
    // Closed: the engine is gone already.
    events.send(Event::Ended(ended)).await.ok();
}

/// What takes a session up again.
struct Attached {
    session_id: String,
    resume_token: String,
    epoch: u64,
    heartbeat: Duration,
}

/// A wish to be matched.
struct Search {
    wish: (Vec<String>, Vec<String>),
    /// `None` until there is a session that can wait.
    _task: Option<AbortOnDropHandle<()>>,
}

/// What a request came to.
enum Done {
    Answer(Topic, Result<Answer, ClientError>),
    Further { watch: u64, pages: Result<(Vec<HallRow>, String), ClientError> },
}

struct Session {
    account: Account,
    commands: mpsc::Receiver<Command>,
    events: mpsc::Sender<Event>,
    link: Link<SignalRequest>,
    resume: Option<Attached>,
    /// A Castle server has welcomed this session: what answers otherwise now is not it.
    met: bool,
    hall: Hall,
    bearer: watch::Sender<MetadataValue<Ascii>>,
    renew_at: Instant,
    requests: JoinSet<Done>,
    /// What the hall is searched for.
    query: String,
    /// The last watch of the hall that was asked for.
    watch: u64,
    /// When further pages of the hall are asked for anew.
    further_at: Option<Instant>,
    /// What the server's clock showed, and when: this machine's may be wrong.
    clock: (SystemTime, Instant),
    /// The call this session is in: its id, and the server's signed word for it.
    call: Option<(String, String)>,
    /// How the guest wished last to be seen: a session that begins anew, begins so.
    wish: v1::Availability,
    news: (mpsc::Sender<MatchNews>, mpsc::Receiver<MatchNews>),
    search: Option<Search>,
    frames: u64,
}

/// Why a transport is no longer used.
enum Broken {
    /// A goodbye was said.
    Left,
    /// It broke, or the server wants it gone; come again after this time at the earliest.
    Retry(Duration),
    /// Something else answers in place of the server that was there before: one that goes down, a network that wants a
    /// login of its own, somebody in between. It is told nothing, and the server is looked for until it is back.
    Displaced(ClientError),
    /// The session cannot go on.
    Ended(ClientError),
}

impl From<Overflow> for Broken {
    /// The peer acknowledges nothing: a new transport says how far it got.
    fn from(_: Overflow) -> Self {
        Self::Retry(Duration::ZERO)
    }
}

impl Session {
    async fn live(&mut self) -> Result<(), ClientError> {
        let mut attempt = 0;
        loop {
            let broken = match self.attach().await {
                Ok(transport) => {
                    attempt = 0;
                    self.serve(transport).await
                }
                Err(error) => self.judge(error).await,
            };
            let (wait, instead) = match broken {
                Broken::Left => return Ok(()),
                Broken::Ended(error) if error.kind == ErrorKind::Refused(ErrorReason::SessionLimit) => {
                    if self.wait_for_room(error).await {
                        return Ok(());
                    }
                    continue;
                }
                Broken::Ended(error) => return Err(error),
                Broken::Retry(wait) => (wait, None),
                Broken::Displaced(error) => (Duration::ZERO, Some(error)),
            };
            self.tell(Event::Reconnecting { instead }).await;
            let pause = wait.max(backoff::delay(attempt, &mut rand::rng()));
            attempt += 1;
            if self.pause(pause).await {
                return Ok(());
            }
        }
    }

    async fn tell(&self, event: Event) {
        // Closed: the engine is gone; the closed command channel ends this session, too.
        self.events.send(event).await.ok();
    }

    /// What an error says about the session.
    async fn judge(&mut self, error: ClientError) -> Broken {
        tracing::debug!(error = ?error.kind, "the session's transport");
        match error.kind {
            ErrorKind::Refused(ErrorReason::TokenExpired) => match self.renew().await {
                Ok(()) => Broken::Retry(Duration::ZERO),
                Err(error) => self.judge_way(error),
            },
            ErrorKind::Refused(ErrorReason::NoSession) => {
                self.resume = None;
                Broken::Retry(Duration::ZERO)
            }
            _ => self.judge_way(error),
        }
    }

    /// The same of an error that no renewal mends.
    fn judge_way(&self, error: ClientError) -> Broken {
        if error.is_transient() {
            Broken::Retry(error.retry_after.unwrap_or_default())
        } else if self.met && error.is_of_another() {
            Broken::Displaced(error)
        } else {
            Broken::Ended(error)
        }
    }

    async fn renew(&mut self) -> Result<(), ClientError> {
        self.account.renew().await?;
        self.renew_later();
        self.bearer.send_replace(self.account.bearer()?);
        Ok(())
    }

    fn renew_later(&mut self) {
        let (then, at) = self.clock;
        self.renew_at = Instant::now() + self.account.renew_in(then + at.elapsed());
    }

    /// Waits before the next try; commands are taken meanwhile. True when that was a goodbye.
    async fn pause(&mut self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(until) => return false,
                command = self.commands.recv() => match command {
                    None | Some(Command::Leave | Command::LogOut) => return true,
                    Some(Command::Redial) => {
                        self.account.redial();
                        return false;
                    }
                    // Sent on the next transport. What is too much is said there, by the gap.
                    Some(command) => { self.prepare(command).ok(); }
                },
            }
        }
    }

    /// Opens a transport and brings both ends to the same point.
    async fn attach(&mut self) -> Result<Transport, ClientError> {
        let received_seq = self.link.received();
        let resume = self.resume.as_mut().map(|attached| {
            // An epoch counts once, also where its welcome is lost on the way.
            attached.epoch += 1;
            v1::Resume { resume_token: attached.resume_token.clone(), received_seq, epoch: attached.epoch }
        });
        let current_call = self.call.as_ref().map(|(_, token)| token.clone()).unwrap_or_default();
        let (transport, welcome) =
            Transport::open(&mut self.account, resume, current_call, self.wish).await?;
        let resumed = welcome.resumed && self.resume.is_some();
        let received = welcome.received_seq;
        if !resumed {
            self.link = Link::default();
            self.frames = 0;
        }
        self.call = None;
        if let Some(call) = &welcome.call {
            self.note_call(call);
        }
        let call = welcome.call.as_ref().and_then(wire::call);
        let clock_ahead_ms = welcome.server_time.and_then(wire::clock_ahead_ms);
        let missed = welcome.missed_calls.iter().filter(|call| call.missed).count();
        self.enter(&welcome);
        if let Some(me) = &welcome.me {
            self.note_wish(me.availability());
        }
        let Some(me) = welcome.me.and_then(wire::me) else { return Err(ErrorKind::Protocol.into()) };
        self.hall.seen_by(me.guest);
        let ice = welcome.ice_servers.map(wire::ice).unwrap_or_default();
        self.tell(Event::Online { resumed, me, call, ice, clock_ahead_ms, missed }).await;
        self.replace_hall(welcome.hall.unwrap_or_default()).await;
        if resumed {
            let replay = self.link.resume(received).map(|frames| frames.cloned().collect::<Vec<_>>());
            let Ok(replay) = replay else {
                // The two ends do not agree on what was said: they begin anew.
                self.resume = None;
                return Err(ErrorKind::Protocol.into());
            };
            for frame in replay {
                transport.send(frame)?;
            }
        } else {
            if let Some(search) = self.search.take() {
                self.start_search(search.wish);
            }
            // A new session watches everybody.
            if !self.query.is_empty()
                && let Ok(frame) = self.watch_hall()
            {
                transport.send(frame)?;
            }
        }
        Ok(transport)
    }

    /// Keeps the proof of a call for as long as it lasts, for a server that has been started anew.
    fn note_call(&mut self, call: &v1::Call) {
        if call.state() == v1::CallState::Ended {
            self.call.take_if(|(id, _)| *id == call.call_id);
        } else if !call.call_token.is_empty() {
            self.call = Some((call.call_id.clone(), call.call_token.clone()));
        }
    }

    /// What the guest wished, on whichever device.
    fn note_wish(&mut self, seen: v1::Availability) {
        if !matches!(seen, v1::Availability::Unspecified | v1::Availability::InCall) {
            self.wish = seen;
        }
    }

    fn enter(&mut self, welcome: &Welcome) {
        if let Some(time) = welcome.server_time.and_then(|time| SystemTime::try_from(time).ok()) {
            self.clock = (time, Instant::now());
            self.renew_later();
        }
        let interval = Duration::from_millis(u64::from(welcome.heartbeat_interval_ms));
        self.met = true;
        self.resume = Some(Attached {
            session_id: welcome.session_id.clone(),
            resume_token: welcome.resume_token.clone(),
            epoch: welcome.epoch,
            heartbeat: if interval.is_zero() { HEARTBEAT } else { interval.min(HEARTBEAT) },
        });
    }

    async fn serve(&mut self, mut transport: Transport) -> Broken {
        let interval = self.resume.as_ref().map_or(HEARTBEAT, |attached| attached.heartbeat);
        let mut heartbeat = tokio::time::interval_at(Instant::now() + interval, interval);
        let mut heard = Instant::now();
        let mut ack_at = None;
        loop {
            let served = tokio::select! {
                frame = transport.receive() => match frame {
                    Ok(frame) => {
                        heard = Instant::now();
                        self.take(&transport, frame).await
                    }
                    Err(error) => Err(self.judge(error).await),
                },
                command = self.commands.recv() => match command {
                    Some(Command::LogOut) => {
                        // The end of the login ends the session, too.
                        let out = tokio::time::timeout(LEAVE_TIMEOUT, self.account.log_out()).await;
                        tracing::debug!(?out, "logged out");
                        return Broken::Left;
                    }
                    None | Some(Command::Leave) => {
                        let bye = signal_request::Frame::Bye(v1::Bye {});
                        self.send_unsequenced(&transport, bye).ok();
                        tokio::time::timeout(LEAVE_TIMEOUT, transport.close()).await.ok();
                        return Broken::Left;
                    }
                    Some(Command::Redial) => {
                        self.account.redial();
                        return Broken::Retry(Duration::ZERO);
                    }
                    Some(command) => match self.prepare(command) {
                        Ok(Some(frame)) => send(&transport, frame),
                        Ok(None) => Ok(()),
                        Err(overflow) => Err(overflow.into()),
                    },
                },
                Some(news) = self.news.1.recv() => {
                    if !matches!(news, MatchNews::Queued { .. }) {
                        self.search = None;
                    }
                    self.tell(Event::Match(news)).await;
                    Ok(())
                },
                Some(done) = self.requests.join_next() => {
                    self.take_done(done).await;
                    Ok(())
                }
                () = tokio::time::sleep_until(self.further_at.unwrap_or(heard)), if self.further_at.is_some() => {
                    self.ask_further();
                    Ok(())
                }
                _ = heartbeat.tick() => {
                    let ping = v1::Ping { nonce: rand::random() };
                    self.send_unsequenced(&transport, signal_request::Frame::Ping(ping))
                },
                () = tokio::time::sleep_until(heard + HEARTBEAT_TIMEOUT) => return Broken::Retry(Duration::ZERO),
                () = tokio::time::sleep_until(ack_at.unwrap_or(heard)), if ack_at.is_some() => {
                    send(&transport, SignalRequest { ack: self.link.ack(), ..Default::default() })
                },
                () = tokio::time::sleep_until(self.renew_at) => self.renew_in_time(&transport).await,
            };
            if let Err(broken) = served {
                return broken;
            }
            ack_at = (self.link.untold() > 0).then(|| ack_at.unwrap_or_else(|| Instant::now() + ACK_DELAY));
        }
    }

    /// Renews the access token before it ends, and goes on with the new one on the stream that is open. A server that
    /// cannot be asked now is asked again when a transport needs the token.
    async fn renew_in_time(&mut self, transport: &Transport) -> Result<(), Broken> {
        match self.renew().await {
            Ok(()) => {
                // Without a number: a later transport begins with the new token anyhow.
                let access_token = self.account.access_token();
                let frame = signal_request::Frame::RenewToken(v1::RenewToken { access_token });
                let (ack, request_id) = (self.link.ack(), RENEWAL.to_owned());
                send(transport, SignalRequest { ack, request_id, frame: Some(frame), ..Default::default() })
            }
            Err(error) => match self.judge_way(error) {
                Broken::Retry(_) | Broken::Displaced(_) => {
                    self.renew_at = Instant::now() + backoff::LONGEST;
                    Ok(())
                }
                broken => Err(broken),
            },
        }
    }

    fn send_unsequenced(
        &mut self,
        transport: &Transport,
        frame: signal_request::Frame,
    ) -> Result<(), Broken> {
        send(transport, SignalRequest { ack: self.link.ack(), frame: Some(frame), ..Default::default() })
    }
}

fn send(transport: &Transport, frame: SignalRequest) -> Result<(), Broken> {
    transport.send(frame).map_err(|_| Broken::Retry(Duration::ZERO))
}

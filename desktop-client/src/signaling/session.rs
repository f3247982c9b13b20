//! The session: one logical connection over any number of transports, nothing lost and nothing done twice.

use super::account::Account;
use super::hall::Hall;
use super::transport::Transport;
use super::{Command, Event, MatchNews, matching, wire};
use crate::backoff;
use crate::call::{self, Negotiation};
use crate::error::{ClientError, ErrorKind};
use castle::limits::{HEARTBEAT, HEARTBEAT_TIMEOUT};
use castle::link::{Arrival, Link, Overflow};
use castle::v1::{
    self, ErrorReason, MatchRequest, SignalRequest, SignalResponse, Welcome, signal_request, signal_response,
};
use prost::Message as _;
use rand::RngExt as _;
use std::time::{Duration, SystemTime};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use tonic::metadata::{Ascii, MetadataValue};

/// What arrived is acknowledged after this time at the latest, unless a frame of ours carries it sooner.
const ACK_DELAY: Duration = Duration::from_millis(200);
/// A goodbye is waited for no longer.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(1);
/// `request_id` of the frame that renews a stream's token.
const RENEWAL: &str = "renewal";
/// News of the queue that may wait.
const NEWS_MAX: usize = 16;

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
    let session = Session {
        account,
        commands,
        events: events.clone(),
        link: Link::default(),
        resume: None,
        hall: Hall::default(),
        bearer: watch::channel(bearer).0,
        renew_at,
        renewal: None,
        clock: (SystemTime::now(), Instant::now()),
        call: None,
        news: mpsc::channel(NEWS_MAX),
        search: None,
        frames: 0,
    };
    let ended = session.live().await.err();
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

struct Search {
    tags: Vec<String>,
    _task: AbortOnDropHandle<()>,
}

struct Session {
    account: Account,
    commands: mpsc::Receiver<Command>,
    events: mpsc::Sender<Event>,
    link: Link<SignalRequest>,
    resume: Option<Attached>,
    hall: Hall,
    bearer: watch::Sender<MetadataValue<Ascii>>,
    renew_at: Instant,
    /// The renewal under way, by its `request_id`: tried again under the same one.
    renewal: Option<String>,
    /// What the server's clock showed, and when: this machine's may be wrong.
    clock: (SystemTime, Instant),
    /// The call this session is in: its id, and the server's signed word for it.
    call: Option<(String, String)>,
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
    async fn live(mut self) -> Result<(), ClientError> {
        let mut attempt = 0;
        loop {
            let broken = match self.attach().await {
                Ok(transport) => {
                    attempt = 0;
                    self.serve(transport).await
                }
                Err(error) => self.judge(error).await,
            };
            match broken {
                Broken::Left => return Ok(()),
                Broken::Ended(error) => return Err(error),
                Broken::Retry(wait) => {
                    self.tell(Event::Reconnecting).await;
                    let pause = wait.max(backoff::delay(attempt, &mut rand::rng()));
                    attempt += 1;
                    if self.pause(pause).await {
                        return Ok(());
                    }
                }
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
                Err(error) if error.is_transient() => Broken::Retry(error.retry_after.unwrap_or_default()),
                Err(error) => Broken::Ended(error),
            },
            ErrorKind::Refused(ErrorReason::NoSession) => {
                self.resume = None;
                Broken::Retry(Duration::ZERO)
            }
            // A server that was Castle and suddenly talks otherwise is going down, or has something in front of it.
            ErrorKind::NotCastle if self.resume.is_some() => Broken::Retry(Duration::ZERO),
            _ if error.is_transient() => Broken::Retry(error.retry_after.unwrap_or_default()),
            _ => Broken::Ended(error),
        }
    }

    async fn renew(&mut self) -> Result<(), ClientError> {
        let request_id = self.renewal.get_or_insert_with(wire::new_request_id).clone();
        self.account.renew(&request_id).await?;
        self.renewal = None;
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
                    None | Some(Command::Leave) => return true,
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
        let (transport, welcome) = Transport::open(&mut self.account, resume, current_call).await?;
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
        self.enter(&welcome);
        let Some(me) = welcome.me.and_then(wire::me) else { return Err(ErrorKind::Protocol.into()) };
        self.hall.seen_by(me.guest);
        let ice = welcome.ice_servers.map(wire::ice).unwrap_or_default();
        self.tell(Event::Online { resumed, me, call, ice, clock_ahead_ms }).await;
        self.replace_hall(welcome.hall.unwrap_or_default()).await;
        if resumed {
            let replay = self.link.resume(received).map_err(|_| ErrorKind::Protocol)?;
            for frame in replay {
                transport.send(frame.clone())?;
            }
        } else if let Some(search) = self.search.take() {
            self.start_search(search.tags);
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

    fn enter(&mut self, welcome: &Welcome) {
        if let Some(time) = welcome.server_time.and_then(|time| SystemTime::try_from(time).ok()) {
            self.clock = (time, Instant::now());
            self.renew_later();
        }
        let interval = Duration::from_millis(u64::from(welcome.heartbeat_interval_ms));
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
            Err(error) if error.is_transient() => {
                self.renew_at = Instant::now() + backoff::LONGEST;
                Ok(())
            }
            Err(error) => Err(Broken::Ended(error)),
        }
    }

    fn send_unsequenced(
        &mut self,
        transport: &Transport,
        frame: signal_request::Frame,
    ) -> Result<(), Broken> {
        send(transport, SignalRequest { ack: self.link.ack(), frame: Some(frame), ..Default::default() })
    }

    /// Takes a command; the frame to send for it, kept until it is acknowledged.
    fn prepare(&mut self, command: Command) -> Result<Option<SignalRequest>, Overflow> {
        let number = self.frames + 1;
        let (request_id, frame) = match command {
            Command::Send(frame) => {
                if let call::Frame::HangUp { call, .. } = &frame {
                    self.call.take_if(|(id, _)| *id == call.to_string());
                }
                (wire::frame_request_id(&frame, number), wire::frame(frame))
            }
            Command::SetAvailability(availability) => {
                let availability = wire::availability(availability).into();
                let frame = signal_request::Frame::SetAvailability(v1::SetAvailability { availability });
                (format!("availability-{number}"), frame)
            }
            Command::Search { tags } => {
                self.start_search(tags);
                return Ok(None);
            }
            Command::StopSearch => {
                if self.search.take().is_none() {
                    return Ok(None);
                }
                (format!("leave-{number}"), signal_request::Frame::LeaveMatch(v1::LeaveMatch {}))
            }
            Command::Leave | Command::Redial => return Ok(None),
        };
        self.frames = number;
        let ack = self.link.ack();
        let sent = self.link.send(|seq| {
            let frame = SignalRequest { seq, ack, request_id, frame: Some(frame) };
            let bytes = frame.encoded_len();
            (frame, bytes)
        })?;
        Ok(Some(sent.clone()))
    }

    fn start_search(&mut self, tags: Vec<String>) {
        let Some(attached) = &self.resume else { return };
        let request = MatchRequest {
            session_id: attached.session_id.clone(),
            request_id: wire::new_request_id(),
            tags: tags.clone(),
            languages: Vec::new(),
            ..MatchRequest::default()
        };
        let wait = matching::wait(
            self.account.client.clone(),
            self.bearer.subscribe(),
            request,
            self.news.0.clone(),
        );
        self.search = Some(Search { tags, _task: AbortOnDropHandle::new(tokio::spawn(wait)) });
    }

    /// A frame arrived.
    async fn take(&mut self, transport: &Transport, response: SignalResponse) -> Result<(), Broken> {
        // A peer that breaks the rules of the link is asked to start from a point both know.
        self.link.acknowledge(response.ack).map_err(|_| Broken::Retry(Duration::ZERO))?;
        if response.seq > 0 {
            match self.link.receive(response.seq) {
                Ok(Arrival::Deliver) => {}
                Ok(Arrival::Duplicate) => return Ok(()),
                Err(_) => return Err(Broken::Retry(Duration::ZERO)),
            }
        }
        let Some(frame) = response.frame else { return Ok(()) };
        self.understand(transport, &response.in_reply_to, frame).await
    }

    async fn understand(
        &mut self,
        transport: &Transport,
        in_reply_to: &str,
        frame: signal_response::Frame,
    ) -> Result<(), Broken> {
        use signal_response::Frame as Wire;
        match frame {
            Wire::Ping(ping) => {
                let pong = v1::Pong { nonce: ping.nonce };
                return self.send_unsequenced(transport, signal_request::Frame::Pong(pong));
            }
            Wire::Pong(_) | Wire::Welcome(_) | Wire::TokenRenewed(_) => {}
            Wire::GoAway(away) => {
                let jitter = rand::rng().random_range(0..=away.jitter_ms);
                let wait = u64::from(away.reconnect_after_ms) + u64::from(jitter);
                return Err(Broken::Retry(Duration::from_millis(wait)));
            }
            // The stream cannot go on with the new token: another one begins with it.
            Wire::Error(_) if in_reply_to == RENEWAL => return Err(Broken::Retry(Duration::ZERO)),
            Wire::Error(error) => {
                let asked = wire::asked(in_reply_to);
                self.tell(Event::Refused { asked, error: error.into() }).await;
            }
            Wire::IceServers(servers) => self.tell(Event::Ice(wire::ice(servers))).await,
            Wire::HallSnapshot(snapshot) => self.replace_hall(snapshot).await,
            Wire::HallDelta(delta) => {
                let changed = delta.changed.into_iter().filter_map(wire::hall_row);
                let left = delta.left_guest_ids.iter().filter_map(|id| id.parse().ok());
                let versions = (delta.from_version, delta.hall_version);
                if self.hall.change(delta.watch, versions, changed, left) {
                    self.tell(Event::Hall(self.hall.rows())).await;
                }
            }
            Wire::SelfUpdate(update) => {
                if let Some(me) = wire::me(update) {
                    self.tell(Event::Me(me)).await;
                }
            }
            Wire::CallUpdate(update) => {
                let Some(mut call) = update.call else { return Ok(()) };
                self.note_call(&call);
                let ice = call.ice_servers.take().map(wire::ice);
                if let Some(info) = wire::call(&call) {
                    self.tell(Event::Call { info, ice }).await;
                }
            }
            Wire::Offer(offer) => self.tell_remote(&offer.call_id, Negotiation::Offer(offer.sdp)).await,
            Wire::Answer(answer) => self.tell_remote(&answer.call_id, Negotiation::Answer(answer.sdp)).await,
            Wire::Candidate(candidate) => {
                let call_id = candidate.call_id.clone();
                self.tell_remote(&call_id, Negotiation::Candidate(wire::candidate(candidate))).await;
            }
            Wire::CandidatesRemoved(gone) => {
                let candidates = gone.candidates.into_iter().map(wire::candidate).collect();
                self.tell_remote(&gone.call_id, Negotiation::CandidatesRemoved(candidates)).await;
            }
            Wire::EndOfCandidates(end) => {
                let what = Negotiation::EndOfCandidates { ufrag: end.username_fragment };
                self.tell_remote(&end.call_id, what).await;
            }
        }
        Ok(())
    }

    async fn tell_remote(&self, call_id: &str, what: Negotiation) {
        if let Ok(call) = call_id.parse() {
            self.tell(Event::Remote(call, what)).await;
        }
    }

    async fn replace_hall(&mut self, snapshot: v1::HallSnapshot) {
        let rows = snapshot.guests.into_iter().filter_map(wire::hall_row);
        self.hall.replace(snapshot.watch, snapshot.hall_version, rows);
        self.tell(Event::Hall(self.hall.rows())).await;
    }
}

fn send(transport: &Transport, frame: SignalRequest) -> Result<(), Broken> {
    transport.send(frame).map_err(|_| Broken::Retry(Duration::ZERO))
}

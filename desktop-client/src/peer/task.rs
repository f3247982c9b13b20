//! The task of one connection: applies descriptions and candidates in order, reports.

use super::bridge::Bridge;
use super::connection::{self, CHANNEL_LABEL, Connection, LocalTrack, StackEvent};
use super::feedback::Feedback;
use super::outlet::Queued;
use super::remote::Remote;
use super::restart::Restarts;
use super::sharing::Sharing;
use super::window::{ReceiveWindow, Whose};
use super::writer::{Writer, negotiated_payload_type};
use super::{
    IceServer, MediaKind, PacketHandler, PathRoute, PeerCommand, PeerConfig, PeerEvent, PeerFault, SendRate,
    scrub,
};
use crate::call::Candidate;
use bytes::{Bytes, BytesMut};
use castle::ids::CallId;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use webrtc::data_channel::DataChannel;
use webrtc::media_stream::track_local::TrackLocal as _;
use webrtc::media_stream::track_remote::TrackRemote;
use webrtc::peer_connection::{RTCPeerConnectionState, RTCSessionDescription};

/// Events of the stack that may wait.
const STACK_EVENTS_MAX: usize = 256;
/// Messages of the data channel that may wait for our task.
const MESSAGES_MAX: usize = 64;
/// Between two looks at the figures.
const STATS_INTERVAL: Duration = Duration::from_secs(1);
/// Between two looks at what pictures may take: more than one in each frame.
const RATE_INTERVAL: Duration = Duration::from_millis(25);
/// While the connection is set up, the stack is woken this often, and its timers are as short (`runtime.rs`): what it has for the
/// relay otherwise waits for the next one, up to 200 ms for each flight of the handshake (webrtc 0.21.1). There are some
/// fifteen flights, by way of permissions, checks, DTLS and SCTP.
const NUDGE_INTERVAL: Duration = Duration::from_millis(2);
/// Candidates taken back by one frame: as many as the server passes on.
const CANDIDATES_REMOVED_MAX: usize = 32;
/// What a connection is fed with.
pub(super) struct Inputs {
    pub(super) commands: mpsc::Receiver<PeerCommand>,
    pub(super) queues: Queues,
    pub(super) packets: PacketHandler,
}

/// What waits to leave.
pub(super) struct Queues {
    pub(super) audio: mpsc::Receiver<Queued>,
    pub(super) video: mpsc::Receiver<Queued>,
    pub(super) screen: mpsc::Receiver<Queued>,
}

/// Runs a connection to its end. A fault of the stack itself, even a panic, ends this call alone.
pub(super) async fn supervise(config: PeerConfig, events: mpsc::Sender<(CallId, PeerEvent)>, inputs: Inputs) {
    let call = config.call;
    let fault = match tokio::spawn(run(config, events.clone(), inputs)).await {
        Ok(Ok(())) => return,
        Ok(Err(fault)) => fault,
        Err(broken) => {
            tracing::error!(%call, error = %broken, "the connection's task broke");
            PeerFault::Internal
        }
    };
    // Closed: the engine is gone, and the call with it.
    events.send((call, PeerEvent::Failed(fault))).await.ok();
}

async fn run(
    config: PeerConfig,
    events: mpsc::Sender<(CallId, PeerEvent)>,
    inputs: Inputs,
) -> Result<(), PeerFault> {
    let (stack, stack_events) = mpsc::channel(STACK_EVENTS_MAX);
    let bridge = Bridge::open(&config.ice_servers, config.pin.as_ref()).await;
    let built = Box::pin(connection::build(&config, bridge.servers(), stack)).await;
    let connection = built.map_err(|error| {
        tracing::warn!(call = %config.call, %error, "no connection could be prepared");
        PeerFault::Setup
    })?;
    let pc = connection.pc.clone();
    let ended = Task::new(config, events, (connection, bridge), inputs).run(stack_events).await;
    if let Err(error) = pc.close().await {
        tracing::debug!(%error, "closing the connection");
    }
    ended
}

/// Bytes and packets of media, counted where they pass.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) sent_bytes: AtomicU64,
    pub(super) received_bytes: AtomicU64,
    pub(super) windows: Mutex<[ReceiveWindow; 3]>,
}

impl Counters {
    /// The number of the packet among those of its kind, if it is new.
    pub(super) fn accept(&self, kind: MediaKind, whose: Whose, sequence: u16) -> Option<u16> {
        let mut windows = self.windows.lock().expect("no holder panics");
        let window = &mut windows[kind as usize];
        if whose == Whose::New {
            window.begin_anew();
        }
        window.accept(sequence).then(|| window.passed_on(sequence))
    }
}

pub(super) struct Task {
    pub(super) config: PeerConfig,
    events: mpsc::Sender<(CallId, PeerEvent)>,
    pub(super) connection: Connection,
    pub(super) bridge: Bridge,
    /// Of the last generation: the stack says its farewells over it.
    pub(super) retired: Option<Bridge>,
    /// Newer than those in use.
    pub(super) fresh_servers: Vec<IceServer>,
    pub(super) restarts: Restarts,
    /// An offer of ours that was not answered yet.
    pub(super) offering: bool,
    commands: mpsc::Receiver<PeerCommand>,
    outgoing: Option<(mpsc::Receiver<Queued>, mpsc::Receiver<Queued>)>,
    pub(super) packets: PacketHandler,
    pub(super) counters: Arc<Counters>,
    /// Writers, track readers and the channel's reader; all end with this task.
    pub(super) helpers: JoinSet<()>,
    pub(super) messages: (mpsc::Sender<Message>, mpsc::Receiver<Message>),
    pub(super) channel: Option<Arc<dyn DataChannel>>,
    channel_open: bool,
    pub(super) remote: Remote,
    /// Of each kind the one that is read: the newest.
    pub(super) remote_tracks: [Option<RemoteTrack>; 3],
    pub(super) sharing: Sharing,
    local_ufrag: String,
    /// The candidates of this generation that left.
    told: Vec<Candidate>,
    pub(super) connected: bool,
    /// What the other end last reported lost of our sound and of our pictures.
    pub(super) lost_there: (Option<f64>, Option<f64>),
    rate: Option<SendRate>,
}

/// A track of the other end.
pub(super) struct RemoteTrack {
    pub(super) track: Arc<dyn TrackRemote>,
    /// That came last.
    pub(super) ssrc: Arc<AtomicU64>,
    pub(super) reader: AbortHandle,
}

pub(super) enum Message {
    Open,
    Data(Bytes),
}

impl Task {
    fn new(
        config: PeerConfig,
        events: mpsc::Sender<(CallId, PeerEvent)>,
        (connection, bridge): (Connection, Bridge),
        inputs: Inputs,
    ) -> Self {
        let Inputs { commands, queues, packets } = inputs;
        let Queues { audio, video, screen } = queues;
        let restarts = Restarts::new(config.offers);
        Self {
            fresh_servers: config.ice_servers.clone(),
            config,
            events,
            connection,
            bridge,
            retired: None,
            restarts,
            offering: false,
            commands,
            outgoing: Some((audio, video)),
            packets,
            counters: Arc::default(),
            helpers: JoinSet::new(),
            messages: mpsc::channel(MESSAGES_MAX),
            channel: None,
            channel_open: false,
            remote: Remote::default(),
            remote_tracks: Default::default(),
            sharing: Sharing::new(screen),
            local_ufrag: String::new(),
            told: Vec::new(),
            connected: false,
            lost_there: (None, None),
            rate: None,
        }
    }

    async fn run(mut self, mut stack: mpsc::Receiver<StackEvent>) -> Result<(), PeerFault> {
        if self.config.offers {
            self.make_offer().await.map_err(|error| self.refuse(PeerFault::Setup, &error))?;
        }
        let mut stats = tokio::time::interval(STATS_INTERVAL);
        stats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut nudge = tokio::time::interval(NUDGE_INTERVAL);
        nudge.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut rate = tokio::time::interval(RATE_INTERVAL);
        rate.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let (due, hopeless) = (self.restarts.due(), self.restarts.hopeless());
            self.connection.haste.set(self.is_setting_up());
            tokio::select! {
                () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now).into()), if due.is_some() => {
                    self.restart().await?;
                }
                () = tokio::time::sleep_until(hopeless.unwrap_or_else(Instant::now).into()), if hopeless.is_some() => {
                    return Err(PeerFault::Broken);
                }
                command = self.commands.recv() => match command {
                    Some(command) => self.obey(command).await?,
                    None => return Ok(()),
                },
                Some(event) = stack.recv() => self.notice(event).await?,
                Some(message) = self.messages.1.recv() => match message {
                    Message::Open => {
                        self.channel_open = true;
                        let seal = self.seal().await;
                        self.tell(PeerEvent::ChannelOpen { seal }).await;
                    }
                    Message::Data(data) => self.tell(PeerEvent::Message(data)).await,
                },
                Some(feedback) = self.connection.feedback.recv() => if let Some(event) = self.heed(feedback) {
                    self.tell(event).await;
                },
                _ = nudge.tick(), if self.is_setting_up() => {
                    // No packets: nothing is sent, the stack only looks around. Before tracks are bound it says no.
                    self.connection.audio.track.write_rtcp(Vec::new()).await.ok();
                }
                _ = rate.tick(), if self.connected => {
                    let rate = self.connection.estimator.rate(Instant::now());
                    if self.rate.replace(rate) != Some(rate) {
                        self.tell(PeerEvent::Rate(rate)).await;
                    }
                }
                _ = stats.tick(), if self.connected => {
                    let path = self.path().await;
                    self.tell(PeerEvent::Path(path)).await;
                }
            }
        }
    }

    fn heed(&mut self, feedback: Feedback) -> Option<PeerEvent> {
        Some(match feedback {
            Feedback::KeyFrameWanted(kind) => PeerEvent::KeyFrameWanted(kind),
            Feedback::Loss(lost) => {
                self.lost_there.1 = Some(lost);
                self.connection.estimator.lost(Instant::now(), lost);
                return None;
            }
            Feedback::Most(bps) => {
                self.connection.estimator.bound(Instant::now(), bps);
                return None;
            }
            Feedback::SoundLoss(lost) => {
                self.lost_there.0 = Some(lost);
                PeerEvent::SoundLoss(lost)
            }
            Feedback::Clock(ssrc, clock) => PeerEvent::Clock(self.kind_of(ssrc)?, clock),
        })
    }

    /// Of which of the tracks that are read this source is.
    fn kind_of(&self, ssrc: u32) -> Option<MediaKind> {
        let kinds = [MediaKind::Audio, MediaKind::Video, MediaKind::Screen];
        kinds.into_iter().find(|kind| {
            let track = self.remote_tracks[*kind as usize].as_ref();
            track.is_some_and(|track| track.ssrc.load(Ordering::Relaxed) == u64::from(ssrc))
        })
    }

    /// Each knows of the other, and they may reach each other, but do not talk yet.
    fn is_setting_up(&self) -> bool {
        self.remote.is_reachable() && self.remote.is_described() && !self.channel_open
    }

    /// The first exchange may be done: what changed meanwhile is made good now.
    pub(super) fn settle(&mut self) {
        if self.remote.is_reachable() && self.remote.is_described() && !self.offering {
            self.restarts.settled(Instant::now());
        }
    }

    pub(super) async fn tell(&self, event: PeerEvent) {
        // Closed: the engine is gone; dropping the peer ends this task too.
        self.events.send((self.config.call, event)).await.ok();
    }

    pub(super) fn refuse(&self, fault: PeerFault, error: &webrtc::error::Error) -> PeerFault {
        tracing::warn!(call = %self.config.call, %error, "{fault}");
        fault
    }

    async fn make_offer(&mut self) -> Result<(), webrtc::error::Error> {
        let channel = self.connection.pc.create_data_channel(CHANNEL_LABEL, None).await?;
        self.read_channel(channel);
        let offer = self.connection.pc.create_offer(None).await?;
        self.send_offer(offer).await
    }

    pub(super) async fn send_offer(
        &mut self,
        offer: RTCSessionDescription,
    ) -> Result<(), webrtc::error::Error> {
        let sdp = self.own_description(&offer).await;
        self.offering = true;
        self.sharing.said();
        self.tell(PeerEvent::LocalOffer(sdp)).await;
        self.connection.pc.set_local_description(offer).await
    }

    async fn make_answer(&mut self) -> Result<(), webrtc::error::Error> {
        let answer = self.connection.pc.create_answer(None).await?;
        let sdp = self.own_description(&answer).await;
        let sdp = self.remote.keep_setup(&sdp);
        self.connection.pc.set_local_description(answer).await?;
        self.tell(PeerEvent::LocalAnswer(sdp)).await;
        Ok(())
    }

    /// Our description as it may leave; notes the ICE generation in it, and takes back what left of the last.
    async fn own_description(&mut self, description: &RTCSessionDescription) -> String {
        let ufrag = description.sdp.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:"));
        let ufrag = ufrag.unwrap_or_default().trim();
        if ufrag != self.local_ufrag {
            ufrag.clone_into(&mut self.local_ufrag);
            for gone in std::mem::take(&mut self.told).chunks(CANDIDATES_REMOVED_MAX) {
                self.tell(PeerEvent::CandidatesRemoved(gone.to_vec())).await;
            }
        }
        if self.config.relay_only { scrub::description(&description.sdp) } else { description.sdp.clone() }
    }

    async fn obey(&mut self, command: PeerCommand) -> Result<(), PeerFault> {
        match command {
            PeerCommand::RemoteOffer(sdp) => {
                let offer = RTCSessionDescription::offer(self.without_addresses(sdp));
                if !self.make_way(&offer).await? {
                    return Ok(());
                }
                if let Ok(offer) = &offer {
                    self.let_theirs_in(&offer.sdp).await?;
                }
                self.take_description(offer).await?;
                self.make_answer().await.map_err(|error| self.refuse(PeerFault::BadDescription, &error))?;
                self.start_writing().await;
                self.settle();
                self.follow_screens().await?;
            }
            PeerCommand::RemoteAnswer(sdp) => {
                if !std::mem::replace(&mut self.offering, false) {
                    tracing::debug!(call = %self.config.call, "an answer to no offer of ours");
                    return Ok(());
                }
                let answer = RTCSessionDescription::answer(self.without_addresses(sdp));
                self.take_description(answer).await?;
                self.start_writing().await;
                self.settle();
                self.follow_screens().await?;
            }
            PeerCommand::RemoteCandidate(candidate) => self.take_candidate(candidate).await,
            PeerCommand::RemoteCandidatesRemoved(gone) => self.withdraw_candidates(&gone),
            PeerCommand::Reach => self.reach().await,
            PeerCommand::IceServers(servers) => self.fresh_servers = servers,
            PeerCommand::Restart => self.restarts.want_now(Instant::now()),
            PeerCommand::Send(data) => {
                if let Some(channel) = self.channel.as_ref().filter(|_| self.channel_open)
                    && let Err(error) = channel.try_send(BytesMut::from(&data[..])).await
                {
                    tracing::debug!(%error, "a message was not sent");
                }
            }
            PeerCommand::ShareScreen(on) => self.share_screen(on).await?,
            PeerCommand::RequestKeyFrame(kind) => {
                if let Some(RemoteTrack { track, ssrc, .. }) = &self.remote_tracks[kind as usize] {
                    let media_ssrc = ssrc.load(Ordering::Relaxed) as u32;
                    let request =
                        PictureLossIndication { sender_ssrc: self.connection.video.ssrc, media_ssrc };
                    if let Err(error) = track.write_rtcp(vec![Box::new(request)]).await {
                        tracing::debug!(%error, "a key frame request was not sent");
                    }
                }
            }
        }
        Ok(())
    }

    async fn start_writing(&mut self) {
        let Some((audio, video)) = self.outgoing.take() else { return };
        for (queue, track) in [(audio, self.connection.audio.clone()), (video, self.connection.video.clone())]
        {
            self.spawn_writer(queue, &track).await;
        }
    }

    pub(super) async fn spawn_writer(&mut self, queue: mpsc::Receiver<Queued>, track: &LocalTrack) {
        let payload_type = negotiated_payload_type(track).await;
        let writer = Writer { track: track.track.clone(), ssrc: track.ssrc, payload_type };
        self.helpers.spawn(writer.run(queue, self.counters.clone()));
    }

    async fn notice(&mut self, event: StackEvent) -> Result<(), PeerFault> {
        match event {
            StackEvent::Candidate(line) => {
                let left = if self.config.relay_only {
                    scrub::candidate(&line)
                } else {
                    Some(line).filter(|line| self.config.loopback || scrub::is_reachable(line))
                };
                if let Some(candidate) = left {
                    let ufrag = self.local_ufrag.clone();
                    let candidate = Candidate { candidate, mid: "0".into(), index: 0, ufrag };
                    self.told.push(candidate.clone());
                    self.tell(PeerEvent::LocalCandidate(candidate)).await;
                }
            }
            StackEvent::GatheringComplete => {
                let ufrag = self.local_ufrag.clone();
                self.tell(PeerEvent::EndOfCandidates { ufrag }).await;
            }
            StackEvent::State(state) => return self.notice_state(state).await,
            StackEvent::Channel(channel) => {
                let ours = channel.label().await.is_ok_and(|label| label == CHANNEL_LABEL);
                if self.channel.is_none() && ours {
                    self.read_channel(channel);
                }
            }
            StackEvent::Track(kind, track) => {
                let screen = kind == MediaKind::Video && self.is_screen(track.as_ref()).await;
                let kind = if screen { MediaKind::Screen } else { kind };
                self.read_track(kind, track);
            }
        }
        Ok(())
    }

    async fn notice_state(&mut self, state: RTCPeerConnectionState) -> Result<(), PeerFault> {
        match state {
            RTCPeerConnectionState::Connected => {
                self.restarts.connected();
                let route = self.path().await.route;
                self.connection.estimator.take_path(Instant::now(), route == Some(PathRoute::Relay));
                let again = std::mem::replace(&mut self.connected, true);
                self.tell(if again { PeerEvent::Reconnected } else { PeerEvent::Connected { route } }).await;
            }
            RTCPeerConnectionState::Disconnected => {
                self.restarts.disconnected(Instant::now());
                self.tell(PeerEvent::Disconnected).await;
            }
            RTCPeerConnectionState::Failed | RTCPeerConnectionState::Closed => {
                return Err(if self.connected { PeerFault::Broken } else { PeerFault::NoRoute });
            }
            _ => {}
        }
        Ok(())
    }
}

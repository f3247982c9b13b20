//! The media and the connection of the call that rings or is on, and the figures they give.

use super::super::channel::{Message, VERSION};
use super::super::devices::{Camera, Conversation, MediaSource};
use super::super::record::CallRecord;
use super::super::snapshot::Switches;
use super::sharing::SharedScreen;
use super::{FIRST_PINGS, TICK};
use crate::media::audio::{CaptureAnchor, SILENCE_DB};
use crate::media::clock::{CLOCK_MAX_US, MediaClock, PingSample};
use crate::media::codec::VideoCodec;
use crate::media::key_frame_floor::{KeyFramePace, pause, pause_after};
use crate::media::ladder::split;
use crate::media::limits::Limits;
use crate::peer::{
    MediaKind, PacketHandler, PacketOutlet, PathStats, Peer, PeerCommand, PeerEvent, SendRate, SenderClock,
};
use crate::rate::START_BPS;
use bytes::Bytes;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Pings in quick succession at first.
const FIRST_PING_COUNT: u32 = 20;
/// Pings of the peer answered: as many as ours at first in each second; more would be an attack.
const PONGS_PER_SECOND: u32 = 20;

/// What the call that is on holds.
pub(super) struct LiveCall {
    camera: Camera,
    peer: Option<(Peer, Inlet)>,
    connection: Option<Connection>,
    clock: MediaClock,
    codec: VideoCodec,
    limits: Limits,
    /// How pictures of the camera and of the screen are to be read that do not say it themselves.
    parameter_sets: [Vec<Bytes>; 2],
    /// The other end has no codec for pictures that there is here.
    sound_alone: bool,
    /// What pictures may take of the path, and what the person lets them take; bit/s.
    rate: (SendRate, u32),
    /// What of this machine the other end sees besides the camera.
    pub(super) screen: Option<SharedScreen>,
}

/// Where the peer's packets go: nowhere until there is a conversation.
type Inlet = Arc<OnceLock<PacketHandler>>;

/// What a connection leaves behind. Dropping it waits for devices.
pub(super) struct Remains {
    _screen: Option<SharedScreen>,
    _peer: Option<(Peer, Inlet)>,
    _connection: Option<Connection>,
}

struct Connection {
    conversation: Conversation,
    channel_open: bool,
    pings: u32,
    ping_at: Instant,
    pongs: u32,
    /// Of the camera and of the screen.
    key_frames: [KeyFramePace; 2],
    path: (PathStats, Instant),
    path_before: (PathStats, Instant),
}

impl LiveCall {
    /// It rings, here or there: the camera opens.
    pub(super) fn ring(camera: Camera, clock: MediaClock, switches: Switches, cap: u32) -> Self {
        camera.sender().set_enabled(switches.camera_on);
        let rate = SendRate { picture_bps: START_BPS, clogged: false, screen_clogged: false, outages: 0 };
        let (codec, limits) = (VideoCodec::default(), Limits::NONE);
        Self {
            camera,
            peer: None,
            connection: None,
            clock,
            codec,
            limits,
            parameter_sets: Default::default(),
            sound_alone: false,
            rate: (rate, cap),
            screen: None,
        }
    }

    /// What pictures are coded in, both ways: agreed upon before any leave or come.
    pub(super) fn speak(&mut self, codec: VideoCodec) {
        (self.codec, self.sound_alone) = (codec, false);
        self.camera.sender().set_codec(codec);
        self.camera.set_sending(true);
        if let Some(screen) = &self.screen {
            screen.sender().set_codec(codec);
        }
        if let Some(connection) = &self.connection {
            connection.conversation.speak(codec);
        }
    }

    /// Keeps to what the other end takes.
    pub(super) fn keep_to(&mut self, limits: Limits) {
        self.limits = limits;
        let senders = self.screen.iter().map(SharedScreen::sender).chain([self.camera.sender()]);
        senders.for_each(|sender| sender.set_limits(limits));
    }

    /// What of the other end's pictures is to be read so, where they do not say it themselves.
    pub(super) fn read_by(&mut self, kind: MediaKind, sets: Vec<Bytes>) {
        self.parameter_sets[usize::from(kind == MediaKind::Screen)] = sets;
        self.hand_out_sets();
    }

    fn hand_out_sets(&self) {
        let Some(Connection { conversation, .. }) = &self.connection else { return };
        let receivers = [&conversation.receiver, &conversation.peer_screen.receiver];
        for (receiver, sets) in receivers.into_iter().zip(&self.parameter_sets) {
            if let Some(receiver) = receiver {
                receiver.set_parameter_sets(sets.clone());
            }
        }
    }

    /// No picture leaves until there is a codec for it.
    pub(super) fn go_without_pictures(&mut self) {
        self.sound_alone = true;
        self.camera.set_sending(false);
    }

    /// Whether there is no codec for pictures.
    pub(super) fn has_sound_alone(&self) -> bool {
        self.sound_alone
    }

    /// Shares this.
    pub(super) fn share(&mut self, screen: SharedScreen) {
        screen.sender().set_codec(self.codec);
        screen.sender().set_limits(self.limits);
        self.screen = Some(screen);
        self.share_out();
    }

    /// What the person lets pictures take, bit/s.
    pub(super) fn set_cap(&mut self, cap: u32) {
        self.rate.1 = cap;
        self.set_rate(self.rate.0);
    }

    fn set_rate(&mut self, rate: SendRate) {
        self.rate.0 = rate;
        self.share_out();
    }

    /// Gives each kind of pictures its part of the rate.
    pub(super) fn share_out(&self) {
        let (rate, cap) = self.rate;
        let mut camera_bps = rate.picture_bps.min(cap);
        if let Some(screen) = &self.screen {
            let screen_bps;
            (camera_bps, screen_bps) = split(camera_bps);
            screen.sender().set_rate(screen_bps, rate.screen_clogged);
        }
        self.camera.sender().set_rate(camera_bps, rate.clogged);
    }

    /// Where packets of the screen go.
    pub(super) fn screen_outlet(&self) -> Option<PacketOutlet> {
        self.peer.as_ref().map(|(peer, _)| peer.screen.clone())
    }

    /// Goes on with the devices of `source`.
    pub(super) fn use_devices(&self, source: &MediaSource) {
        self.camera.use_device(source);
        if let Some(connection) = &self.connection {
            connection.conversation.use_devices(source);
        }
    }

    /// Pictures of the other end that came in all.
    pub(super) fn pictures(&self) -> u64 {
        let receiver =
            self.connection.as_ref().and_then(|connection| connection.conversation.receiver.as_ref());
        receiver.map_or(0, |receiver| receiver.stats().frames_decoded)
    }

    /// The connection is prepared: `open` makes the peer, with where its packets go.
    pub(super) fn prepare(&mut self, open: impl FnOnce(PacketHandler) -> Peer) {
        let inlet = Inlet::default();
        let handler = Arc::clone(&inlet);
        let peer = open(Arc::new(move |kind, packet| {
            if let Some(handle) = handler.get() {
                handle(kind, packet);
            }
        }));
        self.peer = Some((peer, inlet));
    }

    /// Both agreed to talk: what comes from the peer is heard and seen.
    pub(super) fn converse(&mut self, now: Instant, conversation: Conversation, switches: Switches) {
        if let Some((_, inlet)) = &self.peer
            && inlet.set(conversation.packet_handler()).is_err()
        {
            tracing::error!("a connection can be given one conversation");
        }
        if let Some(audio) = &conversation.audio {
            audio.set_muted(switches.muted);
        }
        conversation.speak(self.codec);
        self.connection = Some(Connection {
            conversation,
            channel_open: false,
            pings: 0,
            ping_at: now,
            pongs: 0,
            key_frames: Default::default(),
            path: (PathStats::default(), now),
            path_before: (PathStats::default(), now),
        });
        self.hand_out_sets();
    }

    /// Hands the connection something to do.
    pub(super) fn tell_peer(&self, command: PeerCommand) {
        if let Some((peer, _)) = &self.peer
            && !peer.send(command)
        {
            tracing::debug!("the connection is over or does not keep up");
        }
    }

    pub(super) fn request_key_frame(&self, kind: MediaKind) {
        self.tell_peer(PeerCommand::RequestKeyFrame(kind));
    }

    /// Both ends are up: sound leaves, and the picture where there is a codec for it.
    pub(super) fn open_gates(&self) {
        if let (Some(connection), Some((peer, _))) = (&self.connection, &self.peer) {
            connection.conversation.open_gates(&self.camera, peer);
            self.camera.set_sending(!self.sound_alone);
        }
    }

    /// The connection is over; the camera stays.
    pub(super) fn part(&mut self) -> Remains {
        Remains { _screen: self.screen.take(), _peer: self.peer.take(), _connection: self.connection.take() }
    }

    /// What the other end says of what it is sent, and of its clocks.
    pub(super) fn heed(&mut self, now: Instant, event: &PeerEvent) {
        match *event {
            PeerEvent::KeyFrameWanted(kind) => self.key_frame_wanted(now, kind),
            PeerEvent::Rate(rate) => self.send_rate(now, rate),
            PeerEvent::SoundLoss(lost) => self.sound_lost(lost),
            PeerEvent::Clock(kind, clock) => self.sender_clock(kind, clock),
            _ => {}
        }
    }

    /// The other end lost this share of our sound.
    fn sound_lost(&self, lost: f64) {
        let audio = self.connection.as_ref().and_then(|connection| connection.conversation.audio.as_ref());
        if let Some(audio) = audio {
            audio.set_loss(lost);
        }
    }

    /// Where the other end's timestamps stand, by its reports.
    fn sender_clock(&self, kind: MediaKind, clock: SenderClock) {
        let audio = self.connection.as_ref().and_then(|connection| connection.conversation.audio.as_ref());
        let Some(audio) = audio else { return };
        let SenderClock { timestamp, wall_us } = clock;
        match kind {
            MediaKind::Audio => audio.set_reported_anchor(CaptureAnchor { timestamp, capture_us: wall_us }),
            MediaKind::Video => audio.lip_sync().pictures_reported(timestamp, wall_us),
            MediaKind::Screen => {}
        }
    }

    /// What the pictures may take.
    fn send_rate(&mut self, now: Instant, rate: SendRate) {
        if rate.outages > self.rate.0.outages {
            // Whoever lost that much will ask, a round trip from now.
            self.key_frame_wanted(now, MediaKind::Video);
            self.key_frame_wanted(now, MediaKind::Screen);
        }
        self.set_rate(rate);
    }

    fn key_frame_wanted(&mut self, now: Instant, kind: MediaKind) {
        let Some(connection) = &mut self.connection else { return };
        let round_trip = connection.path.0.round_trip.unwrap_or_default();
        let [camera_pace, screen_pace] = &mut connection.key_frames;
        let pause = pause(self.rate.0.picture_bps, round_trip);
        let (sender, pace, pause) = match (kind, &self.screen) {
            (MediaKind::Video, _) => (self.camera.sender(), camera_pace, pause),
            (MediaKind::Screen, Some(screen)) => {
                let last = screen.sender().last_key_frame();
                if let Some((at, _)) = last {
                    screen_pace.made(at);
                }
                let pause = last.map_or(pause, |(_, leaves)| pause_after(leaves, round_trip));
                (screen.sender(), screen_pace, pause)
            }
            (MediaKind::Screen, None) | (MediaKind::Audio, _) => return,
        };
        if let Some(at) = pace.asked(now, pause) {
            sender.request_key_frame_at(at);
        }
    }

    pub(super) fn apply(&self, switches: Switches) {
        self.camera.sender().set_enabled(switches.camera_on);
        if let Some(connection) = &self.connection {
            if let Some(audio) = &connection.conversation.audio {
                audio.set_muted(switches.muted);
            }
            // A camera that is lost shows as little as one that is off.
            let camera = switches.camera_on && self.camera.sender().stats().fault.is_none();
            self.say(&Message::State { muted: switches.muted, camera });
        }
    }

    pub(super) fn say(&self, message: &Message) {
        if self.connection.as_ref().is_some_and(|connection| connection.channel_open) {
            self.tell_peer(PeerCommand::Send(Bytes::from(message.encode())));
        }
    }

    pub(super) fn channel_opened(&mut self, now: Instant, switches: Switches) {
        if let Some(connection) = &mut self.connection {
            connection.channel_open = true;
            connection.ping_at = now;
        }
        self.apply(switches);
    }

    /// When the next ping is due.
    pub(super) fn ping_at(&self) -> Option<Instant> {
        self.connection
            .as_ref()
            .filter(|connection| connection.channel_open)
            .map(|connection| connection.ping_at)
    }

    pub(super) fn ping(&mut self, now: Instant) {
        if let Some(connection) = &mut self.connection {
            connection.pings = connection.pings.saturating_add(1);
            let pause = if connection.pings < FIRST_PING_COUNT { FIRST_PINGS } else { TICK };
            connection.ping_at = now + pause;
            self.say(&Message::Ping { v: VERSION, sent_us: self.clock.now_us() });
        }
    }

    /// A message of the peer about clocks and sound.
    pub(super) fn hear(&mut self, message: Message) {
        let Some(connection) = &mut self.connection else { return };
        match message {
            Message::Ping { sent_us, .. } => {
                connection.pongs = connection.pongs.saturating_add(1);
                if connection.pongs <= PONGS_PER_SECOND {
                    self.say(&Message::Pong { sent_us, at_us: self.clock.now_us() });
                }
            }
            Message::Pong { sent_us, at_us } => {
                let received_us = self.clock.now_us();
                let ping = PingSample { sent_us, peer_us: at_us, received_us };
                if let Some(screen) = &connection.conversation.screen {
                    screen.add_ping(ping);
                }
                if let Some(viewer) = &connection.conversation.peer_screen.viewer {
                    viewer.add_ping(ping);
                }
            }
            Message::Anchor { timestamp, capture_us } if capture_us <= CLOCK_MAX_US => {
                if let Some(audio) = &connection.conversation.audio {
                    audio.set_remote_anchor(CaptureAnchor { timestamp, capture_us });
                }
            }
            Message::Anchor { .. }
            | Message::State { .. }
            | Message::Chat { .. }
            | Message::ChatTaken { .. }
            | Message::Safety(_) => {}
        }
    }

    /// New figures of the path; whether packets came since the last.
    pub(super) fn take_path(&mut self, path: PathStats, now: Instant) -> bool {
        let Some(connection) = &mut self.connection else { return false };
        let came = path.received_packets > connection.path.0.received_packets;
        connection.path_before = std::mem::replace(&mut connection.path, (path, now));
        let conversation = &connection.conversation;
        let receivers = [&conversation.receiver, &conversation.peer_screen.receiver];
        if let Some(round_trip) = path.round_trip {
            receivers.into_iter().flatten().for_each(|receiver| receiver.set_round_trip(round_trip));
        }
        came
    }

    /// What happens once a second: the anchor goes out, the allowance of pongs is renewed.
    pub(super) fn second_passed(&mut self) {
        let Some(connection) = &mut self.connection else { return };
        connection.pongs = 0;
        if let Some(anchor) = connection.conversation.anchor() {
            self.say(&Message::Anchor { timestamp: anchor.timestamp, capture_us: anchor.capture_us });
        }
    }

    /// Faults of microphone and speaker, in words.
    pub(super) fn sound_faults(&self) -> (Option<String>, Option<String>) {
        let Some(connection) = &self.connection else { return (None, None) };
        match &connection.conversation.audio {
            Some(audio) => {
                let stats = audio.stats();
                (stats.mic_fault, stats.speaker_fault)
            }
            None => (connection.conversation.audio_fault.clone(), None),
        }
    }

    /// Fills the record with the figures so far.
    pub(super) fn fill(&self, record: &mut CallRecord) {
        record.sender = self.camera.sender().stats();
        record.video_bytes_sent = self.camera.bytes_sent();
        if let Some(screen) = &self.screen {
            record.screen_sender = screen.sender().stats();
        }
        let Some(connection) = &self.connection else { return };
        record.path = connection.path.0;
        let conversation = &connection.conversation;
        if let Some(audio) = &conversation.audio {
            record.audio = audio.stats();
            record.sync = audio.lip_sync().figures();
        }
        if let Some(receiver) = &conversation.receiver {
            record.receiver = receiver.stats();
        }
        if let Some(receiver) = &conversation.peer_screen.receiver {
            record.screen_receiver = receiver.stats();
        }
        if let Some(viewer) = &conversation.peer_screen.viewer {
            record.screen_figures = viewer.figures();
        }
        if let Some(screen) = &conversation.screen {
            (record.figures, record.first_shown_at) = screen.figures();
            record.fault = screen.fault();
        }
        record.fault = record.fault.take().or_else(|| conversation.audio_fault.clone());
    }

    /// The path a second ago, and how long ago that was when it was last looked at.
    pub(super) fn path_before(&self) -> Option<(PathStats, Duration)> {
        let connection = self.connection.as_ref()?;
        let (before, since) = connection.path_before;
        Some((before, connection.path.1.saturating_duration_since(since)))
    }

    /// Loudness of both directions, dB of full scale.
    pub(super) fn levels(&self) -> (f64, f64) {
        let audio = self.connection.as_ref().and_then(|connection| connection.conversation.audio.as_ref());
        audio.map_or((SILENCE_DB, SILENCE_DB), |audio| {
            let levels = audio.levels();
            (levels.mic_db, levels.speaker_db)
        })
    }
}

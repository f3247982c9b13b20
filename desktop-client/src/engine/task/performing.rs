//! From the call machine's effects to deeds, and from the connection's events to its inputs.

use super::super::channel::Message;
use super::super::checkup::Examination;
use super::super::network;
use super::super::record::RelayOnly;
use super::super::snapshot::{self, Switches};
use super::live::LiveCall;
use super::talking::Talk;
use super::telling::Matter;
use super::tending::bits;
use super::{Engine, Link, PEER_EVENTS_MAX, meanwhile};
use crate::call::{Effect, Input, Negotiation, Origin, Reason, Role, Route, State};
use crate::crash;
use crate::engine::{SystemNotice, Viewer};
use crate::media::codec::VideoCodec;
use crate::media::frame::Picture;
use crate::media::limits::Limits;
use crate::media::tones::{Tone, TonePlayer};
use crate::peer::{IceServer, PathRoute, Peer, PeerCommand, PeerConfig, PeerEvent};
use crate::signaling::{self, ServerAddress};
use crate::view::Severity;
use crate::words::say;
use castle::ids::CallId;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;

impl Engine {
    /// Runs the machine and does what it says.
    pub(super) fn drive(&mut self, input: Input) {
        let mut effects = Vec::new();
        self.machine.handle(Instant::now(), input, &mut effects);
        self.perform(effects);
    }

    pub(super) fn call_is_due(&mut self) {
        let mut effects = Vec::new();
        self.machine.tick(Instant::now(), &mut effects);
        self.perform(effects);
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send(frame) => self.tell_server(signaling::Command::Send(frame)),
                Effect::OpenPeer { call, offers, relay_only } => {
                    let role = if offers { Role::Offerer } else { Role::Answerer };
                    self.open_peer(call, role, relay_only);
                }
                Effect::Converse => self.converse(),
                Effect::ToPeer(what) => self.to_peer(what),
                Effect::OpenGates => {
                    self.record.connected_at = Some(Instant::now());
                    if let Some(live) = &self.live {
                        live.open_gates();
                    }
                }
                Effect::ClosePeer => self.close_peer(),
                Effect::Ended(call, reason) => {
                    self.put_media_away();
                    self.record.call = Some(call);
                    self.record.reason = Some(reason);
                    self.record.ended_at = Some(Instant::now());
                    self.talk.end();
                    self.publish_record();
                }
                Effect::PlaceLost => {
                    self.stand(Matter::Call, Severity::Error, say("told-not-placed").into());
                }
            }
        }
        self.follow_ringing();
        self.follow_tone();
        self.tell_system();
    }

    /// Lets the person hear that it rings, here or there, and that a call is over.
    fn follow_tone(&mut self) {
        let wanted = match self.machine.state() {
            _ if !matches!(self.config.viewer, Viewer::Window) => None,
            State::Ringing { accepted: false, .. } => self.preferences.ring.then_some(Tone::Ring),
            State::Calling { .. } => Some(Tone::Ringback),
            State::Over { lasted: Some(_), .. } => Some(Tone::Ended),
            _ => None,
        };
        if self.tone.as_ref().map(|(tone, _)| *tone) != wanted {
            if let Some((_, player)) = self.tone.take() {
                self.farewells.spawn_blocking(move || drop(player));
            }
            self.tone = wanted.map(|tone| (tone, TonePlayer::start(&self.source.speaker, tone)));
        }
    }

    /// Tells of calls and missed calls where the person does not look at the window.
    fn tell_system(&mut self) {
        let ringing = match self.machine.state() {
            State::Ringing { call, accepted: false, .. } => Some(call.peer.clone()),
            _ => None,
        };
        let before = std::mem::replace(&mut self.ringing.who, ringing.clone());
        let unanswered =
            matches!(self.machine.state(), State::Over { reason: Reason::TimedOut | Reason::Cancelled, .. });
        match (before, ringing) {
            (None, Some(_)) => self.tell_of_ringing(),
            (Some(peer), None) => {
                if std::mem::take(&mut self.ringing.told)
                    && let Some(notifier) = &self.config.notifier
                {
                    notifier(SystemNotice::RingingOver);
                }
                if unanswered {
                    self.history.missed = self.history.missed.saturating_add(1);
                    self.notify_system(SystemNotice::Missed { peer });
                }
            }
            _ => {}
        }
    }

    /// Tells through the system who rings, once, as soon as the person does not look at the window.
    pub(super) fn tell_of_ringing(&mut self) {
        if let Some(peer) = self.ringing.who.clone().filter(|_| !self.ringing.told) {
            self.ringing.told = self.notify_system(SystemNotice::Ringing { peer });
        }
    }

    /// The camera opens with the first ring, so that the own picture is there and the first frame is near.
    fn follow_ringing(&mut self) {
        match self.machine.state() {
            State::Calling { call, .. } | State::Ringing { call, .. } => {
                self.record.peer.clone_from(&call.peer_name);
                if self.live.is_none() {
                    self.begin_media();
                }
            }
            State::Idle | State::Placing { .. } | State::Over { .. } => self.put_media_away(),
            State::Negotiating { .. } | State::Connected { .. } => {}
        }
    }

    fn begin_media(&mut self) {
        self.is_over(&Matter::Call);
        let by_key = self.preferences.push_to_talk && matches!(self.config.viewer, Viewer::Window);
        // Whoever looks for strangers has been shown the switches meanwhile, and each stranger finds them so.
        let matched = self.machine.live().is_some_and(|call| call.origin == Origin::Matched);
        let carries = matched || self.search.is_some();
        self.switches = if carries { self.switches.carried() } else { Switches::default() };
        self.switches.muted |= by_key;
        self.stats = None;
        let (asked_at, peer) = (self.record.asked_at, std::mem::take(&mut self.record.peer));
        self.record = super::CallRecord { peer, asked_at, ..Default::default() };
        self.talk = Talk::default();
        let cap = bits(self.preferences.quality);
        // The camera that is tried out goes on with the call; its microphone is let go.
        let camera = match self.tryout.take() {
            Some(rig) => {
                let (camera, rehearsal) = rig.part();
                self.farewells.spawn_blocking(move || drop(rehearsal));
                camera
            }
            None => self.source.open_camera(cap),
        };
        self.live = Some(LiveCall::ring(camera, self.source.clock, self.switches, cap));
        self.follow_devices();
    }

    fn open_peer(&mut self, call: CallId, role: Role, relay_only: bool) {
        if self.live.is_none() {
            self.begin_media();
        }
        self.record.call = Some(call);
        self.record.role = Some(role);
        if let Some(info) = self.machine.live() {
            self.record.peer.clone_from(&info.peer_name);
        }
        let (loopback, pin) = match &self.link {
            Link::Session { server, .. } => (server.is_loopback(), server.host_pin()),
            Link::Out | Link::In { .. } => (false, None),
        };
        self.record.relay_only = if self.config.relay_only || self.preferences.relay_only {
            Some(RelayOnly::OwnWish)
        } else {
            relay_only.then_some(RelayOnly::Policy)
        };
        let relay_only = self.record.relay_only.is_some();
        let config = PeerConfig {
            call,
            offers: role == Role::Offerer,
            ice_servers: self.ice.clone(),
            relay_only,
            loopback,
            pin,
            codecs: self.config.codecs.unwrap_or(VideoCodec::ALL),
        };
        // What the last connection may still say was about another one.
        self.peer_events = mpsc::channel(PEER_EVENTS_MAX);
        let events = self.peer_events.0.clone();
        if let Some(live) = &mut self.live {
            live.prepare(|packets| Peer::open(config, events, packets));
        }
    }

    /// Both agreed to talk: microphone and speaker open, and the connection reaches for the other end.
    fn converse(&mut self) {
        let now = Instant::now();
        self.record.agreed_at = Some(now);
        if let Some(live) = &mut self.live {
            live.tell_peer(PeerCommand::Reach);
            live.converse(now, self.source.open_conversation(), self.switches);
        }
    }

    /// Takes the last figures; the devices go where waiting is allowed.
    fn close_peer(&mut self) {
        self.is_over(&Matter::Chat);
        self.is_over(&Matter::Screen);
        self.is_over(&Matter::PeerScreen);
        if let Some(live) = &mut self.live {
            live.fill(&mut self.record);
            let remains = live.part();
            self.farewells.spawn_blocking(move || drop(remains));
        }
    }

    fn to_peer(&self, what: Negotiation) {
        let Some(live) = &self.live else { return };
        match what {
            Negotiation::Offer(sdp) => live.tell_peer(PeerCommand::RemoteOffer(sdp)),
            Negotiation::Answer(sdp) => live.tell_peer(PeerCommand::RemoteAnswer(sdp)),
            Negotiation::Candidate(candidate) => live.tell_peer(PeerCommand::RemoteCandidate(candidate)),
            Negotiation::CandidatesRemoved(gone) => {
                live.tell_peer(PeerCommand::RemoteCandidatesRemoved(gone));
            }
            Negotiation::EndOfCandidates { .. } => {}
        }
    }

    /// Takes the last figures, then lets the devices go where waiting is allowed.
    fn put_media_away(&mut self) {
        let Some(live) = self.live.take() else { return };
        live.fill(&mut self.record);
        (self.devices.camera_fault, self.devices.mic_fault, self.devices.speaker_fault) = (None, None, None);
        self.talk.end();
        self.source.remote_frames.set_picture(Picture::Waiting);
        self.source.screen_frames.set_picture(Picture::Waiting);
        (self.switches.sharing, self.switches.peer_sharing) = (false, false);
        self.switches.peer_screen_refused = false;
        self.farewells.spawn_blocking(move || drop(live));
        self.follow_devices();
    }

    pub(super) fn hear_peer(&mut self, call: CallId, event: PeerEvent) {
        let now = Instant::now();
        let current = self.record.call == Some(call);
        match event {
            PeerEvent::LocalOffer(sdp) => self.drive(Input::Local(call, Negotiation::Offer(sdp))),
            PeerEvent::LocalAnswer(sdp) => self.drive(Input::Local(call, Negotiation::Answer(sdp))),
            PeerEvent::LocalCandidate(candidate) => {
                self.drive(Input::Local(call, Negotiation::Candidate(candidate)));
            }
            PeerEvent::CandidatesRemoved(gone) => {
                self.drive(Input::Local(call, Negotiation::CandidatesRemoved(gone)));
            }
            PeerEvent::EndOfCandidates { ufrag } => {
                self.drive(Input::Local(call, Negotiation::EndOfCandidates { ufrag }));
            }
            PeerEvent::Failed(fault) => {
                tracing::warn!(%call, %fault, "the connection is over");
                self.drive(Input::PathFailed(call));
            }
            PeerEvent::Connected { route } => {
                if current && self.live.is_some() {
                    self.record.path_up_at = Some(now);
                }
                self.drive(Input::PathUp(call, to_call_route(route)));
            }
            PeerEvent::ChannelOpen { seal } => {
                self.drive(Input::BothUp(call));
                if let Some(live) = self.live.as_mut().filter(|_| current) {
                    live.channel_opened(now, self.switches);
                    self.sealed(call, seal);
                }
            }
            PeerEvent::Codec(codec) => self.speak(call, codec),
            PeerEvent::Limits(limits) => self.keep_to(call, limits),
            PeerEvent::ParameterSets(kind, sets) => {
                if let Some(live) = self.live.as_mut().filter(|_| current) {
                    live.read_by(kind, sets);
                }
            }
            PeerEvent::NoPictures => {
                if let Some(live) = self.live.as_mut().filter(|_| current) {
                    live.go_without_pictures();
                }
            }
            PeerEvent::Message(data) if current => self.hear_message(now, &data),
            PeerEvent::ScreenTaken(taken) if current => self.screen_taken(taken),
            PeerEvent::PeerScreen(shares) if current => self.peer_shares(shares),
            PeerEvent::Message(_) | PeerEvent::ScreenTaken(_) | PeerEvent::PeerScreen(_) => {}
            PeerEvent::KeyFrameWanted(_)
            | PeerEvent::Rate(_)
            | PeerEvent::SoundLoss(_)
            | PeerEvent::Clock(..) => {
                if let Some(live) = self.live.as_mut().filter(|_| current) {
                    live.heed(now, &event);
                }
            }
            PeerEvent::Path(path) => {
                if self.live.as_mut().filter(|_| current).is_some_and(|live| live.take_path(path, now)) {
                    self.drive(Input::Media(call));
                }
            }
            PeerEvent::Disconnected | PeerEvent::Reconnected => {
                tracing::info!(%call, ?event, "the path");
                if current {
                    self.talk.judge.path(event == PeerEvent::Disconnected);
                }
            }
        }
    }

    /// Both ends agreed on this codec for pictures.
    fn speak(&mut self, call: CallId, codec: VideoCodec) {
        if let Some(live) = self.live.as_mut().filter(|_| self.record.call == Some(call)) {
            self.record.codec = Some(codec);
            live.speak(codec);
        }
    }

    /// The other end takes no more than this.
    fn keep_to(&mut self, call: CallId, limits: Limits) {
        if let Some(live) = self.live.as_mut().filter(|_| self.record.call == Some(call)) {
            live.keep_to(limits);
        }
    }

    fn hear_message(&mut self, now: Instant, data: &[u8]) {
        match Message::decode(data) {
            Some(Message::State { muted, camera }) => {
                (self.switches.peer_muted, self.switches.peer_camera_on) = (muted, camera);
            }
            Some(Message::Chat { number, text }) => self.hear_chat(now, number, &text),
            Some(Message::ChatTaken { number }) => self.talk.chat.taken(number),
            Some(Message::Safety(word)) => self.hear_safety(word),
            Some(message) => {
                if let Some(live) = &mut self.live {
                    live.hear(message);
                }
            }
            None => {}
        }
    }

    /// Fresh servers: for the next call, and for the next way of the one that is on.
    pub(super) fn take_ice(&mut self, servers: Vec<IceServer>) {
        for uri in servers.iter().flat_map(|server| &server.urls) {
            self.met.meet_at(uri);
        }
        self.ice = servers;
        if let Some(live) = &self.live {
            live.tell_peer(PeerCommand::IceServers(self.ice.clone()));
        }
    }

    /// This machine came to another network or woke up: what stands over the old one is not waited for.
    pub(super) fn look_at_network(&mut self) {
        self.let_notices_pass(Instant::now());
        if crash::count() > self.crashes {
            self.crashes = crash::count();
            self.notify(Severity::Error, say("told-broke").into());
        }
        if let Some(change) =
            self.network.look(Instant::now(), self.config.wall_clock.now(), network::routes())
        {
            tracing::info!(?change, "the network changed");
            self.tell_server(signaling::Command::Redial);
            if let Some(live) = &self.live {
                live.tell_peer(PeerCommand::Restart);
            }
        }
    }

    pub(super) fn check_connection(&mut self) {
        if let Link::Session { server, .. } = &self.link {
            self.examination = Some(Examination::begin(server, &self.ice, self.clock_ahead_ms));
        }
    }

    /// The same before anybody is logged in.
    pub(super) fn check_server(&mut self, server: &str) {
        if !matches!(self.link, Link::Out) {
            return;
        }
        match server.parse::<ServerAddress>() {
            Ok(address) => {
                let address = address.or_known_pin(&self.config.profile.servers.get().pins);
                self.met.meet(address.host());
                self.examination = Some(Examination::at_the_door(&address));
            }
            Err(kind) => {
                self.is_over(&Matter::Door);
                self.complain(Matter::Door, &kind.into());
            }
        }
    }

    pub(super) fn ping(&mut self) {
        if let Some(live) = &mut self.live {
            live.ping(Instant::now());
        }
    }

    pub(super) fn apply_switches(&mut self) {
        if let Some(live) = &self.live {
            live.apply(self.switches);
        }
    }

    /// Once a second: figures into the snapshot and the record.
    pub(super) fn look_at_figures(&mut self) {
        let Some(live) = &mut self.live else { return };
        live.second_passed();
        let seen_before = (self.record.receiver, self.record.screen_receiver);
        live.fill(&mut self.record);
        let (mic, speaker) = live.sound_faults();
        (self.devices.mic_fault, self.devices.speaker_fault) = (mic, speaker);
        if matches!(self.machine.state(), State::Connected { .. })
            && let Some((before, span)) = live.path_before()
        {
            let mut stats = snapshot::stats(&self.record, (&before, span), live.levels());
            if self.talk.judge.path_lost() {
                // The last that came back is of a way that is no more.
                stats.rtt_ms = None;
            }
            self.stats = Some(stats);
            self.talk.judge.second(stats, self.switches.peer_camera_on);
            self.record.seconds = self.talk.judge.history();
        }
        self.tell_of_camera(self.record.sender.fault.clone().map(|fault| meanwhile(fault, true)));
        self.look_at_sizes(seen_before);
        for message in self.talk.chat.again(Instant::now()) {
            self.say(&message);
        }
        self.publish_record();
    }

    fn publish_record(&self) {
        self.records.send_replace(Arc::new(self.record.clone()));
    }
}

fn to_call_route(route: Option<PathRoute>) -> Route {
    match route {
        None => Route::Unknown,
        Some(PathRoute::Host) => Route::Host,
        Some(PathRoute::Srflx) => Route::Srflx,
        Some(PathRoute::Prflx) => Route::Prflx,
        Some(PathRoute::Relay) => Route::Relay,
    }
}

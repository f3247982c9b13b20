//! Builds the WebRTC connection: codecs, feedback, sockets, tracks.

use super::coverage::Coverage;
use super::estimator::Estimator;
use super::feedback::{Feedback, FeedbackTap};
use super::nack::Nack;
use super::pacer::{self, Pacer};
use super::runtime::Haste;
use super::{IceServer, MediaKind, PeerConfig};
use crate::media::codec::VideoCodec;
use rtc::ice::mdns::MulticastDnsMode;
use rtc::interceptor::TwccReceiverBuilder;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::interceptor_registry::{
    CongestionFeedback, Slot, configure_congestion_control, configure_nack, configure_rtcp_reports,
};
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_H264, MIME_TYPE_OPUS, MIME_TYPE_VP8};
use rtc::rtp_transceiver::rtp_sender::{
    RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
    RTCRtpHeaderExtensionCapability, RtpCodecKind,
};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use webrtc::data_channel::DataChannel;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::TrackRemote;
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfigurationBuilder,
    RTCIceCandidateType, RTCIceGatheringState, RTCIceServer, RTCIceTransportPolicy,
    RTCPeerConnectionIceEvent, RTCPeerConnectionState, Registry, SettingEngineBuilder,
};
use webrtc::rtp_transceiver::RtpSender;

/// As browsers number them.
const VP8_PAYLOAD_TYPE: u8 = 96;
/// As browsers long numbered it.
const H264_PAYLOAD_TYPE: u8 = 125;
/// As browsers number it.
const OPUS_PAYLOAD_TYPE: u8 = 111;
/// Between two reports on what arrived: half of the stack's own, since the other end can do nothing about a queue before.
const REPORT_INTERVAL: Duration = Duration::from_millis(50);
/// Silence of the path before the other end counts as disconnected.
const ICE_DISCONNECTED: Duration = Duration::from_secs(2);
/// The stack gives no path up: one that was only prepared waits for as long as it rings, and `restart.rs` knows when a
/// path that was up is lost.
const ICE_FAILED: Duration = Duration::ZERO;
/// How long a better pair is waited for once a direct one works: those of a local network are checked in the same first round
/// and answer within it. Less than a round, so that the second one takes what the first has found.
const DIRECT_WAIT: Duration = Duration::from_millis(80);
/// Between two rounds of checks while there is no path: one of them goes by each pair, some twenty of them (RFC 8445
/// section 14 asks for 5 ms from one check to the next). The stack itself would wait for 200 ms (rtc 0.21.1), which is what
/// a call loses by each check that comes before the other end's relay or NAT lets it in.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);
/// The same, where a pair of relays is all there is.
const RELAYED_CHECK_INTERVAL: Duration = Duration::from_millis(50);
/// A pair that answered no check in this time is given up, as the stack itself does it.
const CHECKED_FOR: Duration = Duration::from_millis(1400);
/// How long a direct way is waited for once a relayed one works: some rounds of checks, of which the first may open the
/// NATs on the way; the stack itself would wait for 2 s (rtc 0.21.1).
const RELAY_WAIT: Duration = Duration::from_millis(600);
/// Between two checks of a path that carries nothing.
const ICE_KEEPALIVE: Duration = Duration::from_secs(1);
/// Constrained baseline, level 3.1 (720p at 30 pictures a second), units cut into several packets or put into one.
const H264_PARAMETERS: &str = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";
/// Bytes the data channel may hold: our messages are small and rare; more means a path that carries nothing.
const CHANNEL_BYTES_MAX: usize = 64 * 1024;
/// RTCP feedback that may wait: a second of the most eager receiver.
const FEEDBACK_MAX: usize = 64;
/// Packets that SRTP tells apart from replayed ones (RFC 3711 section 3.3.2): those that are asked for again come late, by
/// hundreds of others on a long path. The stack's own 64 would throw them away.
const REPLAY_WINDOW: usize = 1024;
/// Where reports are looked at: nearest to the network, before congestion control takes them.
const COVERAGE_SLOT: usize = 500;
/// Where our interceptor sits: nearest to the application, behind those of the stack.
const TAP_SLOT: usize = 20_000;
/// Label of our data channel.
pub(super) const CHANNEL_LABEL: &str = "castle";

/// Id of the track and of the stream that carry a screen.
pub(super) const SCREEN_TRACK: &str = "screen";

/// What the stack reports, forwarded to our task.
pub(super) enum StackEvent {
    Candidate(String),
    GatheringComplete,
    State(RTCPeerConnectionState),
    Channel(Arc<dyn DataChannel>),
    Track(MediaKind, Arc<dyn TrackRemote>),
}

/// A track of ours, ready to be written.
#[derive(Clone)]
pub(super) struct LocalTrack {
    pub(super) track: Arc<TrackLocalStaticRTP>,
    pub(super) sender: Arc<dyn RtpSender>,
    pub(super) ssrc: u32,
    pub(super) default_payload_type: u8,
}

/// The connection and all that belongs to it.
pub(super) struct Connection {
    pub(super) pc: Arc<dyn PeerConnection>,
    pub(super) audio: LocalTrack,
    pub(super) video: LocalTrack,
    /// Of the track for the screen, once there is one.
    pub(super) screen_ssrc: u32,
    pub(super) feedback: mpsc::Receiver<Feedback>,
    pub(super) estimator: Estimator,
    pub(super) haste: Haste,
}

struct Handler(mpsc::Sender<StackEvent>);

impl Handler {
    async fn tell(&self, event: StackEvent) {
        // Closed: the call is over, nobody wants to know.
        self.0.send(event).await.ok();
    }
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_candidate(&self, event: RTCPeerConnectionIceEvent) {
        if event.candidate.typ == RTCIceCandidateType::Unspecified {
            return;
        }
        if let Ok(init) = event.candidate.to_json() {
            self.tell(StackEvent::Candidate(init.candidate)).await;
        }
    }

    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.tell(StackEvent::GatheringComplete).await;
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.tell(StackEvent::State(state)).await;
    }

    async fn on_data_channel(&self, channel: Arc<dyn DataChannel>) {
        self.tell(StackEvent::Channel(channel)).await;
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let kind = match track.kind().await {
            RtpCodecKind::Audio => MediaKind::Audio,
            RtpCodecKind::Video => MediaKind::Video,
            _ => return,
        };
        self.tell(StackEvent::Track(kind, track)).await;
    }
}

/// Makes the connection with its two tracks; gathers nothing yet.
pub(super) async fn build(
    config: &PeerConfig,
    servers: &[IceServer],
    events: mpsc::Sender<StackEvent>,
) -> Result<Connection, webrtc::error::Error> {
    let ssrcs: [u32; 3] = rand::random();
    let [audio_ssrc, video_ssrc, screen_ssrc] = ssrcs;
    let (heard, feedback) = mpsc::channel(FEEDBACK_MAX);
    let handler = Arc::new(Handler(events));
    let estimator = Estimator::new(Instant::now());
    let haste = Haste::default();
    let mut last = Ok(());
    for addresses in bind_addresses(config) {
        let (engine, registry) = media(ssrcs, heard.clone(), estimator.clone(), config.codecs)?;
        let built = PeerConnectionBuilder::new()
            .with_configuration(configuration(config, servers))
            .with_media_engine(engine)
            .with_setting_engine(settings(config).build())
            .with_interceptor_registry(registry)
            .with_handler(handler.clone())
            .with_runtime(haste.runtime())
            .with_udp_addrs(addresses)
            .with_data_channel_send_buffer_limit(CHANNEL_BYTES_MAX)
            .build();
        let built = Box::pin(built).await;
        let pc: Arc<dyn PeerConnection> = match built {
            Ok(pc) => Arc::new(pc),
            Err(error) => {
                last = Err(error);
                continue;
            }
        };
        let codec = config.codecs[0];
        let audio = add_track(&pc, MediaKind::Audio, audio_ssrc, codec).await?;
        let video = add_track(&pc, MediaKind::Video, video_ssrc, codec).await?;
        // A track prefers the codec it is made with; all of them are offered.
        for transceiver in pc.get_transceivers().await {
            transceiver.set_codec_preferences(Vec::new()).await?;
        }
        return Ok(Connection { pc, audio, video, screen_ssrc, feedback, estimator, haste });
    }
    last.map(|()| unreachable!("at least one set of addresses was tried"))
}

/// Addresses to bind, best first: a machine without IPv6 takes the next.
fn bind_addresses(config: &PeerConfig) -> Vec<Vec<String>> {
    let addresses = |list: &[&str]| list.iter().map(|address| format!("{address}:0")).collect::<Vec<_>>();
    // Servers are reached through the bridge, and nobody else is.
    if config.relay_only {
        return vec![addresses(&["127.0.0.1"])];
    }
    if config.loopback {
        return vec![addresses(&["127.0.0.1", "0.0.0.0"]), addresses(&["127.0.0.1"])];
    }
    vec![addresses(&["0.0.0.0", "[::]"]), addresses(&["0.0.0.0"])]
}

/// The servers, as the bridge gives them, and the policy.
pub(super) fn configuration(
    config: &PeerConfig,
    servers: &[IceServer],
) -> webrtc::peer_connection::RTCConfiguration {
    let server = |server: &IceServer| RTCIceServer {
        urls: server.urls.clone(),
        username: server.username.clone(),
        credential: server.credential.clone(),
    };
    let policy = if config.relay_only { RTCIceTransportPolicy::Relay } else { RTCIceTransportPolicy::All };
    RTCConfigurationBuilder::new()
        .with_ice_servers(servers.iter().map(server).collect())
        .with_ice_transport_policy(policy)
        .build()
}

fn settings(config: &PeerConfig) -> SettingEngineBuilder {
    let interval = if config.relay_only { RELAYED_CHECK_INTERVAL } else { CHECK_INTERVAL };
    let checks = (CHECKED_FOR.as_millis() / interval.as_millis()) as u16;
    let settings = SettingEngineBuilder::new()
        .with_include_loopback_candidate(config.loopback)
        // Its socket needs a route for multicast, which a network of IPv6 alone lacks, and so does one that is changing.
        .with_multicast_dns_mode(MulticastDnsMode::Disabled)
        // A restart is made because the sockets are of no use any more: it binds new ones.
        .with_discard_local_candidates_during_ice_restart(true)
        .with_srtp_replay_protection_window(REPLAY_WINDOW)
        .with_ice_timeouts(Some(ICE_DISCONNECTED), Some(ICE_FAILED), Some(ICE_KEEPALIVE))
        .with_ice_connection_attempts(Some(interval), Some(checks));
    // Where only the relay will do there is nothing better to wait for.
    let relay = if config.relay_only { Duration::ZERO } else { RELAY_WAIT };
    settings
        .with_srflx_acceptance_min_wait(Some(DIRECT_WAIT))
        .with_prflx_acceptance_min_wait(Some(DIRECT_WAIT))
        .with_relay_acceptance_min_wait(Some(relay))
}

/// A codec as it is offered; that of sound, or `pictures`.
fn codec(kind: MediaKind, pictures: VideoCodec) -> RTCRtpCodec {
    let feedback = |typ: &str, parameter: &str| RTCPFeedback { typ: typ.into(), parameter: parameter.into() };
    match kind {
        MediaKind::Audio => RTCRtpCodec {
            mime_type: MIME_TYPE_OPUS.into(),
            clock_rate: 48_000,
            channels: 2, // RFC 7587 section 7, whatever is sent
            sdp_fmtp_line: "minptime=10;useinbandfec=1;usedtx=1".into(),
            rtcp_feedback: vec![],
        },
        // No RTX: the stack asks again for what RTX already brought.
        MediaKind::Video | MediaKind::Screen => RTCRtpCodec {
            mime_type: match pictures {
                VideoCodec::Vp8 => MIME_TYPE_VP8.into(),
                VideoCodec::H264 => MIME_TYPE_H264.into(),
            },
            clock_rate: 90_000,
            channels: 0,
            sdp_fmtp_line: match pictures {
                VideoCodec::Vp8 => String::new(),
                VideoCodec::H264 => H264_PARAMETERS.into(),
            },
            // `goog-remb` is for ends that do not acknowledge each packet: those that do say nothing of it.
            rtcp_feedback: vec![
                feedback("goog-remb", ""),
                feedback("ccm", "fir"),
                feedback("nack", ""),
                feedback("nack", "pli"),
            ],
        },
    }
}

/// Codecs, and all that looks at packets on their way.
pub(super) fn media(
    ssrcs: [u32; 3],
    heard: mpsc::Sender<Feedback>,
    estimator: Estimator,
    codecs: &[VideoCodec],
) -> Result<(MediaEngine, Registry), webrtc::error::Error> {
    let mut engine = MediaEngine::default();
    let sound = (MediaKind::Audio, VideoCodec::default(), RtpCodecKind::Audio);
    let pictures = codecs.iter().map(|codec| (MediaKind::Video, *codec, RtpCodecKind::Video));
    for (kind, pictures, codec_kind) in std::iter::once(sound).chain(pictures) {
        let payload_type = default_payload_type(kind, pictures);
        let parameters = RTCRtpCodecParameters { rtp_codec: codec(kind, pictures), payload_type };
        engine.register_codec(parameters, codec_kind)?;
    }
    let uri = pacer::SEND_TIME.to_owned();
    engine.register_header_extension(RTCRtpHeaderExtensionCapability { uri }, RtpCodecKind::Video, None)?;
    let nack = Nack::new(ssrcs[1], estimator.clone());
    let registry = configure_nack(Registry::new(), &mut engine).with(Slot::NackGenerator, nack);
    let registry = configure_rtcp_reports(registry);
    let twcc = CongestionFeedback::Twcc;
    let pacer = Pacer::new(ssrcs, estimator.clone());
    let coverage = Coverage::new(estimator.clone());
    let reports = TwccReceiverBuilder::new().with_interval(REPORT_INTERVAL).build();
    let registry = configure_congestion_control(registry, estimator, twcc, &mut engine)?;
    let registry = registry.with(Slot::Pacer, pacer).with(Slot::TwccReceiver, reports);
    let registry = registry.with(Slot::from(COVERAGE_SLOT), coverage);
    Ok((engine, registry.with(Slot::from(TAP_SLOT), FeedbackTap::new(ssrcs, heard))))
}

async fn add_track(
    pc: &Arc<dyn PeerConnection>,
    kind: MediaKind,
    ssrc: u32,
    codec: VideoCodec,
) -> Result<LocalTrack, webrtc::error::Error> {
    let track = local_track(kind, ssrc, codec);
    let sender = pc.add_track(track.clone() as Arc<dyn TrackLocal>).await?;
    Ok(LocalTrack { track, sender, ssrc, default_payload_type: default_payload_type(kind, codec) })
}

/// What browsers would number it, for a stack that does not tell.
pub(super) fn default_payload_type(kind: MediaKind, pictures: VideoCodec) -> u8 {
    match (kind, pictures) {
        (MediaKind::Audio, _) => OPUS_PAYLOAD_TYPE,
        (_, VideoCodec::Vp8) => VP8_PAYLOAD_TYPE,
        (_, VideoCodec::H264) => H264_PAYLOAD_TYPE,
    }
}

/// A track that belongs to no connection yet.
pub(super) fn local_track(kind: MediaKind, ssrc: u32, pictures: VideoCodec) -> Arc<TrackLocalStaticRTP> {
    let (id, codec_kind) = match kind {
        MediaKind::Audio => ("audio", RtpCodecKind::Audio),
        MediaKind::Video => ("video", RtpCodecKind::Video),
        MediaKind::Screen => (SCREEN_TRACK, RtpCodecKind::Video),
    };
    let encoding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() },
        codec: codec(kind, pictures),
        ..Default::default()
    };
    // A stream of its own: whoever keeps the tracks of a stream in step does not hold the screen back for sound.
    let stream = if kind == MediaKind::Screen { SCREEN_TRACK } else { CHANNEL_LABEL };
    let track = MediaStreamTrack::new(stream.into(), id.into(), id.into(), codec_kind, vec![encoding]);
    Arc::new(TrackLocalStaticRTP::new(track))
}

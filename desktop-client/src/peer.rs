//! One WebRTC connection to the other end of a call, in our own words.
//!
//! Owns the task that drives it, the order of descriptions and candidates, and the way packets take in and out.
//! Never decides anything about a call. Only `peer/` names the WebRTC crates.
//!
//! Descriptions are those of JSEP (RFC 8829): one bundle, RTCP on the same port, trickled candidates (RFC 8838).

use crate::call::Candidate;
use crate::media::codec::VideoCodec;
use crate::media::limits::Limits;
use crate::media::packet::IncomingPacket;
use bytes::Bytes;
use castle::ids::CallId;
use castle_connectivity::trust::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

mod bridge;
mod codecs;
mod connection;
mod coverage;
mod estimator;
mod feedback;
mod flight;
mod nack;
mod outlet;
mod pacer;
mod path;
mod reading;
mod rehearsal;
mod relayed;
mod remote;
mod repeats;
mod restart;
mod roles;
mod runtime;
mod scrub;
mod seal;
mod sharing;
#[cfg(test)]
mod simulation;
mod task;
#[cfg(test)]
mod tests;
mod window;
mod writer;

pub use outlet::PacketOutlet;
pub(crate) use rehearsal::hear_reports;
pub(crate) use remote::read_description;

/// A STUN or TURN server, as W3C RTCIceServer.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct IceServer {
    /// `stun:` and `turn:` URIs.
    pub urls: Vec<String>,
    /// Short-lived.
    pub username: String,
    /// Belongs to it.
    pub credential: String,
}

impl std::fmt::Debug for IceServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IceServer").field("urls", &self.urls).finish_non_exhaustive()
    }
}

/// What a connection begins with.
#[derive(Debug, Clone)]
pub struct PeerConfig {
    /// Comes back with every event.
    pub call: CallId,
    /// True for the end that makes the first offer.
    pub offers: bool,
    /// For gathering.
    pub ice_servers: Vec<IceServer>,
    /// Only the relay may carry media, and no address of this machine leaves it.
    pub relay_only: bool,
    /// The server is on this machine: so may be the peer, and the loopback interface counts.
    pub loopback: bool,
    /// By which certificate the server is known, and with it a relay at the same host.
    pub pin: Option<Pin>,
    /// What pictures may be coded in, best first; never empty.
    pub codecs: &'static [VideoCodec],
}

/// What the connection is told.
#[derive(Debug, Clone)]
pub enum PeerCommand {
    /// The other end's offer.
    RemoteOffer(String),
    /// The other end's answer.
    RemoteAnswer(String),
    /// One of the other end's candidates.
    RemoteCandidate(Candidate),
    /// Those of the other end's candidates that are good no longer.
    RemoteCandidatesRemoved(Vec<Candidate>),
    /// Both agreed to talk. Before that the other end's addresses are kept, and nothing is sent to them.
    Reach,
    /// Over the data channel; dropped while that is closed or full.
    Send(Bytes),
    /// Ask the other end for a key frame of this track.
    RequestKeyFrame(MediaKind),
    /// Offer the other end a track of its own for this screen, or take it back.
    ShareScreen(bool),
    /// Fresh servers and credentials: for the next way, the one in use stays.
    IceServers(Vec<IceServer>),
    /// Look for a new way at once: this machine came to another network, or woke up.
    Restart,
}

/// What the connection reports.
#[derive(Debug, Clone, PartialEq)]
pub enum PeerEvent {
    /// For the other end.
    LocalOffer(String),
    /// For the other end.
    LocalAnswer(String),
    /// For the other end.
    LocalCandidate(Candidate),
    /// For the other end: these of the last generation are good no longer.
    CandidatesRemoved(Vec<Candidate>),
    /// For the other end: this generation is complete.
    EndOfCandidates {
        /// Which generation.
        ufrag: String,
    },
    /// Media can flow from here.
    Connected {
        /// By which way.
        route: Option<PathRoute>,
    },
    /// The data channel is open: media can flow both ways.
    ChannelOpen {
        /// Between which certificates it is sealed; `None` where the stack does not tell.
        seal: Option<Seal>,
    },
    /// A message of the data channel, at most [`CHANNEL_MESSAGE_MAX`] bytes.
    Message(Bytes),
    /// What pictures are coded in from now on, both ways. Comes before any that could be.
    Codec(VideoCodec),
    /// The most that the other end's decoder takes from now on; nothing is known to bound it before.
    Limits(Limits),
    /// How pictures of this kind are to be read that do not say it themselves (parameter sets of H.264); none if empty.
    ParameterSets(MediaKind, Vec<Bytes>),
    /// The other end has no pictures, or none that can be read or made here: until there is a codec, there is sound alone.
    NoPictures,
    /// The other end's decoder wants a key frame of this track.
    KeyFrameWanted(MediaKind),
    /// The other end takes pictures of this screen (`true`), or was asked to and does not.
    ScreenTaken(bool),
    /// The other end shares its screen, or no longer.
    PeerScreen(bool),
    /// The other end's receiver lost this share of our sound since its last report, 0 to 1.
    SoundLoss(f64),
    /// What our pictures may take of the path, when it changes.
    Rate(SendRate),
    /// Where the timestamps of the other end's track stand on its wall clock, as it reports.
    Clock(MediaKind, SenderClock),
    /// Figures of the path, once a second.
    Path(PathStats),
    /// Nothing was heard for a while; it may come back.
    Disconnected,
    /// It came back.
    Reconnected,
    /// Over, for this reason. Last.
    Failed(PeerFault),
}

/// A timestamp of a track, and the wall clock of the end that sends it (RFC 3550 section 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderClock {
    /// RTP timestamp.
    pub timestamp: u32,
    /// When that was, µs since 1900 by that end's clock.
    pub wall_us: u64,
}

/// The two certificates of a DTLS association, by their SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seal {
    /// The own one.
    pub own: [u8; 32],
    /// The one that the other end showed in DTLS, whatever any description says.
    pub theirs: [u8; 32],
}

/// Why a connection cannot be, or ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PeerFault {
    /// The system refused sockets or the like.
    #[error("the connection could not be prepared")]
    Setup,
    /// The other end's description is not one, or one we cannot speak with.
    #[error("the other end's session description cannot be used")]
    BadDescription,
    /// No way to the other end was found.
    #[error("no way to the other end was found")]
    NoRoute,
    /// The way that was found broke for good.
    #[error("the way to the other end broke")]
    Broken,
    /// Something in the stack broke.
    #[error("the connection broke down inside")]
    Internal,
}

/// The kind of the local candidate that carries the media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathRoute {
    /// Same network or machine.
    Host,
    /// Direct through a NAT.
    Srflx,
    /// Direct, found while checking.
    Prflx,
    /// Relayed.
    Relay,
}

/// What pictures may take of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendRate {
    /// What to encode for, bit/s.
    pub picture_bps: u32,
    /// Too much is on its way already: leave pictures of the camera out until this is over.
    pub clogged: bool,
    /// The same of the screen, whose pictures wait behind those of the camera.
    pub screen_clogged: bool,
    /// How often more was lost at once than can be asked for again: pictures stand still until a key frame comes.
    pub outages: u32,
}

/// How the relay is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelayProtocol {
    /// Datagrams.
    Udp,
    /// A stream.
    Tcp,
    /// A stream in TLS.
    Tls,
}

/// Figures of the path.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PathStats {
    /// By which way.
    pub route: Option<PathRoute>,
    /// How the relay is reached, where it is.
    pub relay_protocol: Option<RelayProtocol>,
    /// A relay was offered over UDP, and the one in use was reached otherwise, since none was that way.
    pub udp_failed: bool,
    /// Last measured round trip of the path.
    pub round_trip: Option<Duration>,
    /// Media bytes sent, in all.
    pub sent_bytes: u64,
    /// Media bytes received, in all.
    pub received_bytes: u64,
    /// Packets of all tracks that should have come, in all.
    pub expected_packets: u64,
    /// Packets of all tracks that came, each counted once, in all.
    pub received_packets: u64,
    /// As above, of sound alone.
    pub audio_expected_packets: u64,
    /// As above, of sound alone.
    pub audio_received_packets: u64,
    /// The share of our pictures that the other end last reported lost, 0 to 1.
    pub video_lost_there: Option<f64>,
    /// The same of our sound.
    pub audio_lost_there: Option<f64>,
}

/// Sound or picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaKind {
    /// Opus.
    Audio,
    /// Pictures of a camera.
    Video,
    /// Pictures of a screen.
    Screen,
}

/// Takes packets as they arrive, each once; called on the runtime, must not block.
pub type PacketHandler = Arc<dyn Fn(MediaKind, IncomingPacket) + Send + Sync>;

/// Largest message of the data channel that is read or written, bytes: a line of chat whose every byte is escaped.
pub const CHANNEL_MESSAGE_MAX: usize = 16 * 1024;
/// Commands that may wait: more than the candidates a peer may send in a burst.
const COMMANDS_MAX: usize = 256;
/// Video packets that may wait for the socket: two key frames.
const VIDEO_PACKETS_MAX: usize = 256;
/// Packets of a screen that may wait for the socket: the largest key frame that the other end joins.
const SCREEN_PACKETS_MAX: usize = crate::media::assembler::PACKETS_MAX;
/// Audio packets that may wait for the socket: older ones would come too late anyway.
const AUDIO_PACKETS_MAX: usize = 16;

/// A running connection. Dropping it closes it.
#[derive(Debug)]
pub struct Peer {
    commands: mpsc::Sender<PeerCommand>,
    /// Outgoing sound.
    pub audio: PacketOutlet,
    /// Outgoing pictures.
    pub video: PacketOutlet,
    /// Outgoing pictures of the screen; they go nowhere before [`PeerEvent::ScreenTaken`].
    pub screen: PacketOutlet,
}

impl Peer {
    /// Starts a connection on the current runtime. Everything it has to say comes by `events`.
    pub fn open(
        config: PeerConfig,
        events: mpsc::Sender<(CallId, PeerEvent)>,
        packets: PacketHandler,
    ) -> Self {
        let (commands, inbox) = mpsc::channel(COMMANDS_MAX);
        let (audio, audio_queue) = PacketOutlet::new(AUDIO_PACKETS_MAX);
        let (video, video_queue) = PacketOutlet::new(VIDEO_PACKETS_MAX);
        let (screen, screen_queue) = PacketOutlet::new(SCREEN_PACKETS_MAX);
        let queues = task::Queues { audio: audio_queue, video: video_queue, screen: screen_queue };
        let inputs = task::Inputs { commands: inbox, queues, packets };
        tokio::spawn(task::supervise(config, events, inputs));
        Self { commands, audio, video, screen }
    }

    /// Tells the connection something; `false` when it is over or hopelessly behind.
    pub fn send(&self, command: PeerCommand) -> bool {
        self.commands.try_send(command).is_ok()
    }
}

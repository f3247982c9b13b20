//! The only words the UI and the engine share: what to draw ([`Snapshot`]) and what was asked for ([`Command`]).
//!
//! Owns no behaviour. Never names tokio, tonic, webrtc or egui. Pictures do not pass through here: they go
//! from the decoder to the screen through one-slot mailboxes (`media::frame`).

use castle::ids::{CallId, GuestId};

pub use crate::media::screen::{ScreenChoice, ScreenSpec};
use std::sync::Arc;
use std::time::{Duration, Instant};

mod account;
mod command;
mod notices;
mod people;
mod preferences;
mod talk;

pub use account::{AccountView, Act, DeviceLogin, Reports};
pub use command::{Command, Secret};
pub use notices::{NOTICES_MAX, Notice, Offer, Severity};
pub use people::{BlockedGuest, History, KnownServer, PastCall, ReportReason, Unanswered};
pub use preferences::{DeviceKind, Preferences, QualityCap, TEST_PICTURE, ThemeChoice, WindowPlace};
pub use talk::{
    CHAT_BYTES_MAX, CHAT_LINES_MAX, ChatLine, DeviceStanding, FROZEN_AFTER, Frozen, Quality,
    STATS_HISTORY_MAX, Safety, StatsHistory,
};

/// All that the screens show, as one value. The newest replaces the last.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// How the app stands with the server.
    pub connection: Connection,
    /// Who is logged in.
    pub me: Option<Me>,
    /// Who else is there. Shared, not copied, from snapshot to snapshot.
    pub hall: Arc<Vec<HallRow>>,
    /// The hall has more guests than are shown, of those who fit the search.
    pub hall_more: bool,
    /// Guests in all, of those who fit the search, as the server counts.
    pub hall_count: usize,
    /// Waiting for a match.
    pub search: Option<Search>,
    /// A call that was asked for, and that the server does not know yet.
    pub placing: Option<Placing>,
    /// The call, ringing, live or just over.
    pub call: Option<CallView>,
    /// What happened that a person should read, oldest first, at most [`NOTICES_MAX`].
    pub notices: Vec<Notice>,
    /// Devices and their state.
    pub devices: Devices,
    /// The check of the connection, under way or done, until it is put away.
    pub checkup: Option<Checkup>,
    /// What the person set.
    pub preferences: Arc<Preferences>,
    /// Servers of earlier logins, the last one first.
    pub servers: Arc<Vec<KnownServer>>,
    /// A key to the login that is on is kept: whoever leaves comes back without a password.
    pub remembered: bool,
    /// Calls of the past.
    pub history: History,
    /// Guests I blocked; `None` until asked for.
    pub blocked: Option<Arc<Vec<BlockedGuest>>>,
    /// Which lists were asked for in vain.
    pub unanswered: Unanswered,
    /// What is mine at the server.
    pub account: AccountView,
    /// Camera, microphone and speaker tried out before a call; `None` while they are not.
    pub tryout: Option<Tryout>,
    /// A second start of the app called this one up.
    pub called_up: CalledUp,
    /// The system wants the app to end: the window is to close, without asking.
    pub closing: bool,
}

impl Snapshot {
    /// Whether somebody can be called now: what is asked for while the server is not there would come true at any time.
    pub fn can_call(&self) -> bool {
        matches!(self.connection, Connection::Online { .. }) && self.placing.is_none()
    }

    /// Whether a match can be waited for: not before a call that was asked for is out of the way. The server need not be
    /// there: a wait begins once it is back.
    pub fn can_search(&self) -> bool {
        self.placing.is_none()
    }
}

/// How often a second start of the app called this one up, and what it brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CalledUp {
    /// Each time the window comes to the front.
    pub times: u64,
    /// The invitation link of the last time, for the login screen.
    pub link: Option<String>,
}

/// How the app stands with the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Connection {
    /// No server was named yet, or the guest logged out.
    #[default]
    LoggedOut,
    /// A login or registration is under way.
    LoggingIn {
        /// Which server.
        server: String,
    },
    /// The session is live.
    Online {
        /// Which server, with the pin of its certificate if it has one.
        server: String,
    },
    /// The transport broke; the session is being taken up again.
    Reconnecting {
        /// Which server.
        server: String,
        /// Since when.
        since: Instant,
    },
}

/// The guest who is logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Me {
    /// Id.
    pub guest: GuestId,
    /// Login name.
    pub name: String,
    /// What people see.
    pub display_name: String,
    /// As others see it.
    pub availability: Availability,
}

/// Whether a guest can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Availability {
    /// Yes.
    #[default]
    Available,
    /// In a call.
    InCall,
    /// Does not want to be.
    DoNotDisturb,
    /// Not shown to others. Only of oneself.
    Invisible,
}

/// One guest in the hall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HallRow {
    /// Id.
    pub guest: GuestId,
    /// Login name.
    pub name: String,
    /// What people see.
    pub display_name: String,
    /// Whether they can be called.
    pub availability: Availability,
}

/// Waiting for a match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// Since when.
    pub since: Instant,
    /// 1 for the next in line; `None` until the server said so.
    pub position: Option<u32>,
    /// How many wait.
    pub waiting: Option<u32>,
    /// Half of the guests waited no longer.
    pub estimate: Option<Duration>,
    /// Whoever is found hears nothing at first.
    pub muted: bool,
    /// Whoever is found sees the own camera at once.
    pub camera_on: bool,
}

/// A call that was asked for, and that the server does not know yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placing {
    /// What people see of whom it goes to; `None` for whoever is free.
    pub peer: Option<String>,
    /// Given up already: it ends as soon as the server knows it.
    pub given_up: bool,
}

/// A call as the screen shows it.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a lamp of its own on the screen")]
pub struct CallView {
    /// Which.
    pub id: CallId,
    /// What people see of the other end.
    pub peer: String,
    /// Who the other end is, where the server tells.
    pub peer_guest: Option<GuestId>,
    /// Where it stands.
    pub stage: Stage,
    /// It came through Match, so that "next" makes sense.
    pub matched: bool,
    /// They called me.
    pub received: bool,
    /// The peer's session is being taken up again.
    pub peer_reconnecting: bool,
    /// Nothing comes or goes between the two ends; a new way is looked for.
    pub path_lost: bool,
    /// The own microphone is muted.
    pub muted: bool,
    /// The own camera is on.
    pub camera_on: bool,
    /// What the peer says of itself over the data channel.
    pub peer_muted: bool,
    /// As above.
    pub peer_camera_on: bool,
    /// The two programs have no codec for pictures in common.
    pub sound_alone: bool,
    /// The other end sees this screen, or will in a moment.
    pub sharing: bool,
    /// The other end shares its screen.
    pub peer_sharing: bool,
    /// Figures of the media, once a second; `None` before it flows.
    pub stats: Option<CallStats>,
    /// The same over the last two minutes.
    pub stats_history: StatsHistory,
    /// What was written, oldest first.
    pub chat: Arc<Vec<ChatLine>>,
    /// Whether this is who it seems to be.
    pub safety: Safety,
    /// How good the call is.
    pub quality: Quality,
    /// The peer's picture stands still.
    pub frozen: Option<Frozen>,
}

impl CallView {
    /// A call of which nothing is known but this: both cameras are on, nobody is muted, nothing was said.
    pub fn new(id: CallId, peer: String, stage: Stage) -> Self {
        Self {
            id,
            peer,
            peer_guest: None,
            stage,
            matched: false,
            received: false,
            peer_reconnecting: false,
            path_lost: false,
            muted: false,
            camera_on: true,
            peer_muted: false,
            peer_camera_on: true,
            sound_alone: false,
            sharing: false,
            peer_sharing: false,
            stats: None,
            stats_history: Arc::default(),
            chat: Arc::default(),
            safety: Safety::default(),
            quality: Quality::default(),
            frozen: None,
        }
    }
}

/// Devices that are tried out before a call.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Tryout {
    /// Level of the microphone, 0 to 1.
    pub mic_level: f32,
    /// The test sound is playing.
    pub speaker_playing: bool,
}

/// Where a call stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    /// I call; it rings there.
    Calling {
        /// Since when.
        since: Instant,
    },
    /// Somebody calls me.
    Ringing {
        /// Since when.
        since: Instant,
    },
    /// Accepted or matched; media is being set up.
    Connecting,
    /// Media flows.
    Connected {
        /// Since when.
        since: Instant,
    },
    /// Over. Shown until dismissed.
    Ended {
        /// Why.
        reason: EndReason,
        /// How long it was connected.
        lasted: Option<Duration>,
    },
}

/// Why a call ended, in terms a person has a sentence for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// The other end said no.
    Declined,
    /// The other end is in a call.
    Busy,
    /// I, or the caller, gave up.
    Cancelled,
    /// Nobody answered, or of a match nothing was heard.
    TimedOut,
    /// I hung up.
    HungUp,
    /// The other end hung up.
    PeerHungUp,
    /// The other end vanished.
    Disconnected,
    /// Media could not be set up, or broke.
    Failed,
    /// Another device of mine took it.
    AnsweredElsewhere,
    /// A newer call took its place.
    Superseded,
    /// The server went down.
    ShuttingDown,
    /// It was lost with the connection to the server, before the two were connected.
    Forgotten,
}

/// Figures of a live call.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CallStats {
    /// By which way media goes.
    pub route: Option<Route>,
    /// Why that way.
    pub route_reason: Option<RouteReason>,
    /// How the relay is reached, where it is.
    pub relay_protocol: Option<RelayProtocol>,
    /// Round trip of the media path, milliseconds.
    pub rtt_ms: Option<f64>,
    /// Share of packets lost on the way here, 0 to 1.
    pub loss: Option<f64>,
    /// Share of packets lost on the way there, 0 to 1, as the other end last reported: of pictures or sound, the worse.
    pub lost_there: Option<f64>,
    /// Pictures shown per second.
    pub fps: Option<f64>,
    /// From the peer's camera to this screen, milliseconds, of the last picture.
    pub glass_to_glass_ms: Option<f64>,
    /// Arriving picture, pixels.
    pub size: Option<(u32, u32)>,
    /// What pictures are coded in.
    pub codec: Option<&'static str>,
    /// Arriving, bits per second.
    pub received_bps: Option<f64>,
    /// Leaving, bits per second.
    pub sent_bps: Option<f64>,
    /// Level of the own microphone, 0 to 1.
    pub mic_level: f32,
    /// Level of what the peer says, 0 to 1.
    pub peer_level: f32,
}

/// The way media goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// Same network or machine.
    Host,
    /// Direct through a NAT.
    Srflx,
    /// Direct, found while checking.
    Prflx,
    /// Through the server's relay.
    Relay,
}

/// Why media goes the way it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteReason {
    /// A direct way was found.
    Direct,
    /// Relayed, because this guest wants all calls relayed.
    AskedFor,
    /// Relayed, because the call is so: matched guests do not learn each other's address.
    Private,
    /// Relayed, because no datagram comes through from here.
    UdpBlocked,
    /// Relayed, because the two networks let no direct connection through.
    NoDirectWay,
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

/// Devices and their state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Devices {
    /// What is wrong with the camera, in a sentence; `None` when nothing is.
    pub camera_fault: Option<String>,
    /// What is wrong with the microphone.
    pub mic_fault: Option<String>,
    /// What is wrong with the speaker.
    pub speaker_fault: Option<String>,
    /// What of the screen can be shared, as it was when it was last asked for.
    pub screens: Arc<Vec<ScreenChoice>>,
    /// Why nothing of the screen can be shared, in a sentence.
    pub screen_fault: Option<String>,
    /// Names of the cameras that are there.
    pub cameras: Arc<Vec<String>>,
    /// Names of the microphones that are there.
    pub mics: Arc<Vec<String>>,
    /// Names of the speakers that are there.
    pub speakers: Arc<Vec<String>>,
}

/// A check of the connection.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checkup {
    /// What was found so far.
    pub lines: Vec<CheckLine>,
    /// All was looked at.
    pub done: bool,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckLine {
    /// What.
    pub check: String,
    /// How it came out.
    pub outcome: CheckOutcome,
    /// What to change.
    pub advice: Option<String>,
    /// What was seen, in the words of engineers: for the diagnostics.
    pub technical: String,
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckOutcome {
    /// As it should be.
    Pass,
    /// Something must be changed.
    Fail,
    /// Could not be told from here.
    Skipped,
}

/// What the login screen begins with: from an invitation link, the command line, or the last time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prefill {
    /// `http://host:port` or an invitation link.
    pub server: Option<String>,
    /// Login name.
    pub name: Option<String>,
    /// From the host; set means that the screen opens on registration.
    pub invitation: Option<String>,
}

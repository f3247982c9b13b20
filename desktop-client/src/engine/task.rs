//! The engine's task: takes commands and events one at a time, runs the call machine, performs its effects, and
//! publishes what changed.

use super::checkup::Examination;
use super::devices::{MediaSource, Notice as DeviceNotice};
use super::network::{self, NetworkWatch};
use super::record::CallRecord;
use super::screen::WindowMeter;
use super::snapshot::Switches;
use super::{EngineConfig, snapshot};
use crate::call::{CallMachine, Input, State, Target};
use crate::error::{ClientError, ErrorKind};
use crate::media::clock::MediaClock;
use crate::media::frame::FrameSlot;
use crate::peer::{IceServer, PeerEvent};
use crate::signaling::{self, Account, Asked, Credentials, Event, MatchNews, ServerAddress, Session};
use crate::view::{
    CallStats, Command, Connection, Devices, HallRow, Me, NOTICES_MAX, Notice, Search, Severity, Snapshot,
};
use castle::ids::CallId;
use castle::v1::ErrorReason;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::{mpsc, watch};
use tokio_util::task::TaskTracker;

mod live;
mod performing;

use live::LiveCall;

/// Events of a connection that may wait.
const PEER_EVENTS_MAX: usize = 256;
/// Events of the session that may wait.
const SESSION_EVENTS_MAX: usize = 256;
/// Words of device threads that may wait.
const DEVICE_NOTICES_MAX: usize = 16;
/// Between two looks at the figures, and two pings once the clocks are aligned.
const TICK: Duration = Duration::from_secs(1);
/// Between two pings at first: the least round trip of several tells the clocks apart best.
const FIRST_PINGS: Duration = Duration::from_millis(100);
/// A goodbye to the server and to the devices is waited for no longer.
const GOODBYE: Duration = Duration::from_millis(1500);

/// The engine's ends of what its handle holds.
pub(super) struct Outside {
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) snapshot: watch::Sender<Arc<Snapshot>>,
    pub(super) record: watch::Sender<Arc<CallRecord>>,
    pub(super) waker: super::Waker,
    pub(super) remote_frames: Arc<FrameSlot>,
    pub(super) local_frames: Arc<FrameSlot>,
    pub(super) window: WindowMeter,
}

/// How the engine stands with the server.
enum Link {
    Out,
    In { server: String, login: mpsc::Receiver<Result<Account, ClientError>> },
    Session { server: ServerAddress, session: Session, events: mpsc::Receiver<Event>, since: Option<Instant> },
}

struct Engine {
    config: EngineConfig,
    snapshot: watch::Sender<Arc<Snapshot>>,
    records: watch::Sender<Arc<CallRecord>>,
    waker: super::Waker,
    link: Link,
    /// Online at least once in this session.
    me: Option<Me>,
    hall: Arc<Vec<HallRow>>,
    search: Option<Search>,
    ice: Vec<IceServer>,
    network: NetworkWatch,
    examination: Option<Examination>,
    /// How far the server's clock is ahead of this one.
    clock_ahead_ms: Option<i64>,
    machine: CallMachine,
    /// Media of the call, while there is one.
    live: Option<LiveCall>,
    record: CallRecord,
    stats: Option<CallStats>,
    switches: Switches,
    devices: Devices,
    notices: Vec<Notice>,
    notice_count: u64,
    source: MediaSource,
    peer_events: (mpsc::Sender<OfCall>, mpsc::Receiver<OfCall>),
    /// Media that is being put away.
    farewells: TaskTracker,
}

/// An event of the connection of a call.
type OfCall = (CallId, PeerEvent);

/// What the loop woke for.
enum Wake {
    Command(Option<Command>),
    Login(Option<Box<Result<Account, ClientError>>>),
    Session(Option<Event>),
    Peer(CallId, PeerEvent),
    Device(DeviceNotice),
    Deadline,
    Ping,
    Tick,
    Network,
    Examined,
}

/// Runs until the handle is gone.
pub(super) async fn run(config: EngineConfig, outside: Outside) {
    let (notices, mut device_notices) = mpsc::channel(DEVICE_NOTICES_MAX);
    let source = MediaSource {
        camera: config.camera.clone(),
        mic: config.mic.clone(),
        speaker: config.speaker.clone(),
        viewer: config.viewer.clone(),
        clock: MediaClock::starting_at(Instant::now()),
        remote_frames: outside.remote_frames,
        local_frames: outside.local_frames,
        window: outside.window,
        notices,
    };
    let mut engine = Engine {
        config,
        snapshot: outside.snapshot,
        records: outside.record,
        waker: outside.waker,
        link: Link::Out,
        me: None,
        hall: Arc::default(),
        search: None,
        ice: Vec::new(),
        examination: None,
        clock_ahead_ms: None,
        network: NetworkWatch::new(Instant::now(), SystemTime::now(), network::routes()),
        machine: CallMachine::default(),
        live: None,
        record: CallRecord::default(),
        stats: None,
        switches: Switches::default(),
        devices: Devices::default(),
        notices: Vec::new(),
        notice_count: 0,
        source,
        peer_events: mpsc::channel(PEER_EVENTS_MAX),
        farewells: TaskTracker::new(),
    };
    let mut commands = outside.commands;
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut network = tokio::time::interval(network::LOOK_EVERY);
    network.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let deadline = engine.machine.next_deadline();
        let ping = engine.live.as_ref().and_then(LiveCall::ping_at);
        let wake = tokio::select! {
            command = commands.recv() => Wake::Command(command),
            wake = engine.link.wake() => wake,
            Some((call, event)) = engine.peer_events.1.recv() => Wake::Peer(call, event),
            Some(notice) = device_notices.recv() => Wake::Device(notice),
            () = until(deadline), if deadline.is_some() => Wake::Deadline,
            () = until(ping), if ping.is_some() => Wake::Ping,
            _ = tick.tick(), if engine.live.is_some() => Wake::Tick,
            _ = network.tick() => Wake::Network,
            () = Examination::progress(&mut engine.examination) => Wake::Examined,
        };
        if engine.heed(wake).is_break() {
            break;
        }
        engine.publish();
    }
    engine.say_goodbye().await;
}

async fn until(instant: Option<Instant>) {
    if let Some(instant) = instant {
        tokio::time::sleep_until(instant.into()).await;
    }
}

impl Link {
    /// What comes next; never, while nothing is under way.
    async fn wake(&mut self) -> Wake {
        match self {
            Self::Out => std::future::pending().await,
            Self::In { login, .. } => Wake::Login(login.recv().await.map(Box::new)),
            Self::Session { events, .. } => Wake::Session(events.recv().await),
        }
    }
}

impl Engine {
    /// Breaks when the handle is gone.
    fn heed(&mut self, wake: Wake) -> ControlFlow<()> {
        match wake {
            Wake::Command(None) => return ControlFlow::Break(()),
            Wake::Command(Some(command)) => self.obey(command),
            Wake::Login(result) => self.logged_in(result.map(|result| *result)),
            Wake::Session(event) => self.hear(event),
            Wake::Peer(call, event) => self.hear_peer(call, event),
            Wake::Device(notice) => self.hear_device(notice),
            Wake::Deadline => self.call_is_due(),
            Wake::Ping => self.ping(),
            Wake::Tick => self.look_at_figures(),
            Wake::Network => self.look_at_network(),
            Wake::Examined => {}
        }
        ControlFlow::Continue(())
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each command")]
    fn obey(&mut self, command: Command) {
        match command {
            Command::Register { server, invitation, name, password, .. } => {
                self.begin_login(&server, |address| {
                    let code = if invitation.is_empty() {
                        address.invitation().unwrap_or_default()
                    } else {
                        &invitation
                    };
                    Credentials::Register { invitation: code.to_owned(), name, password }
                });
            }
            Command::LogIn { server, name, password, .. } => {
                self.begin_login(&server, |_| Credentials::LogIn { name, password });
            }
            Command::LogOut => self.log_out(),
            Command::SetAvailability(availability) => {
                self.tell_server(signaling::Command::SetAvailability(availability));
            }
            Command::Call(guest) => self.place(Target::Guest(guest)),
            Command::CallName(name) => self.place(Target::Name(name)),
            Command::CallNextFree => self.place(Target::NextFree),
            Command::Accept => self.drive(Input::Accept),
            Command::Decline => self.drive(Input::Decline),
            Command::Cancel => self.drive(Input::Cancel),
            Command::HangUp => self.drive(Input::HangUp),
            Command::Search => self.begin_search(),
            Command::StopSearch => {
                if self.search.take().is_some() {
                    self.tell_server(signaling::Command::StopSearch);
                }
            }
            Command::Next => {
                self.drive(Input::HangUp);
                self.drive(Input::Close);
                self.begin_search();
            }
            Command::SetMuted(muted) => {
                self.switches.muted = muted;
                self.apply_switches();
            }
            Command::SetCamera(on) => {
                self.switches.camera_on = on;
                self.apply_switches();
            }
            Command::CloseCall => self.drive(Input::Close),
            Command::CheckConnection => self.check_connection(),
            Command::CloseCheckup => self.examination = None,
            // Being built: see the commands of `view`.
            Command::LogInRemembered { .. }
            | Command::ForgetServer { .. }
            | Command::CancelLogIn
            | Command::ChangePassword { .. }
            | Command::SearchHall(_)
            | Command::MoreOfHall
            | Command::SetPreferences(_)
            | Command::SetTryout(_)
            | Command::TestSpeaker
            | Command::LoadHistory
            | Command::MoreOfHistory
            | Command::EraseHistory
            | Command::LoadBlocked
            | Command::Block(_)
            | Command::Unblock(_)
            | Command::Report { .. }
            | Command::CallAgain
            | Command::Rate(_)
            | Command::Chat(_)
            | Command::Compared { .. }
            | Command::AcceptWithoutCamera
            | Command::SetInFront(_)
            | Command::SetWindowPlace(_)
            | Command::SaveDiagnostics { .. } => {}
            Command::Dismiss(id) => self.notices.retain(|notice| notice.id != id),
        }
    }

    fn begin_login(&mut self, server: &str, credentials: impl FnOnce(&ServerAddress) -> Credentials) {
        if !matches!(self.link, Link::Out) {
            return;
        }
        let address = match server.parse::<ServerAddress>() {
            Ok(address) => address.or_known_pin(&self.config.pins),
            Err(kind) => return self.complain(&ClientError::from(kind)),
        };
        let credentials = credentials(&address);
        let devices = self.config.device_tokens.clone();
        let (done, login) = mpsc::channel(1);
        self.link = Link::In { server: address.to_string(), login };
        tokio::spawn(async move {
            // Closed: the guest gave up meanwhile.
            done.send(signaling::log_in(address, credentials, &devices).await).await.ok();
        });
    }

    fn logged_in(&mut self, result: Option<Result<Account, ClientError>>) {
        self.link = Link::Out;
        match result.unwrap_or_else(|| Err(ErrorKind::Unreachable.into())) {
            Ok(account) => {
                let (events, inbox) = mpsc::channel(SESSION_EVENTS_MAX);
                let server = account.address.clone();
                if let Some(pin) = server.pin() {
                    self.config.pins.insert(server.to_string(), pin.to_string());
                }
                let session = Session::start(account, events);
                self.link = Link::Session { server, session, events: inbox, since: None };
            }
            Err(error) => self.complain(&error),
        }
    }

    fn log_out(&mut self) {
        self.drive(Input::HangUp);
        self.drive(Input::Close);
        self.tell_server(signaling::Command::Leave);
        self.forget_session();
    }

    fn forget_session(&mut self) {
        self.link = Link::Out;
        self.me = None;
        self.hall = Arc::default();
        self.search = None;
        self.examination = None;
        self.ice = Vec::new();
    }

    fn tell_server(&mut self, command: signaling::Command) {
        if let Link::Session { session, .. } = &self.link
            && !session.send(command)
        {
            tracing::warn!("the session does not keep up: a frame was dropped");
        }
    }

    fn place(&mut self, target: Target) {
        if self.me.is_some() {
            self.record.asked_at = Some(Instant::now());
            self.drive(Input::Place(target));
        }
    }

    fn begin_search(&mut self) {
        let free = matches!(self.machine.state(), State::Idle | State::Over { .. });
        if self.me.is_none() || self.search.is_some() || !free {
            return;
        }
        self.drive(Input::Close);
        let now = Instant::now();
        self.record.asked_at = Some(now);
        self.search = Some(Search { since: now, position: None, waiting: None, estimate: None });
        self.tell_server(signaling::Command::Search { tags: self.config.tags.clone() });
    }

    fn hear(&mut self, event: Option<Event>) {
        match event.unwrap_or(Event::Ended(None)) {
            Event::Online { resumed, me, call, ice, clock_ahead_ms } => {
                self.clock_ahead_ms = clock_ahead_ms;
                if let Link::Session { since, .. } = &mut self.link {
                    *since = None;
                }
                let first = self.me.replace(me).is_none();
                self.take_ice(ice);
                match (resumed, call) {
                    (false, call) => self.drive(Input::SessionLost(call)),
                    (true, Some(call)) => self.drive(Input::Server(call)),
                    (true, None) => {}
                }
                if first && self.config.search_at_login {
                    self.begin_search();
                }
            }
            Event::Reconnecting => {
                if let Link::Session { since, .. } = &mut self.link {
                    since.get_or_insert_with(Instant::now);
                }
            }
            Event::Ice(servers) => self.take_ice(servers),
            Event::Hall(rows) => self.hall = rows,
            Event::Me(me) => self.me = Some(me),
            Event::Call { info, ice } => {
                if let Some(servers) = ice {
                    self.take_ice(servers);
                }
                self.drive(Input::Server(info));
            }
            Event::Remote(call, what) => self.drive(Input::Remote(call, what)),
            Event::Refused { asked, error } => self.refused(asked, &error),
            Event::Match(news) => self.hear_match(news),
            Event::Ended(error) => {
                self.forget_session();
                self.drive(Input::SessionLost(None));
                self.complain(&error.unwrap_or_else(|| ErrorKind::Unreachable.into()));
            }
        }
    }

    fn refused(&mut self, asked: Asked, error: &ClientError) {
        if asked == Asked::Place {
            self.drive(Input::PlaceRefused);
        }
        // A frame that crossed the end of its call is nothing a person did.
        let late = [ErrorReason::NotInCall, ErrorReason::WrongState].map(ErrorKind::Refused);
        if asked != Asked::Other || !late.contains(&error.kind) {
            self.complain(error);
        }
    }

    fn hear_match(&mut self, news: MatchNews) {
        match news {
            MatchNews::Queued { position, waiting, estimate } => {
                if let Some(search) = &mut self.search {
                    (search.position, search.waiting, search.estimate) =
                        (Some(position), Some(waiting), estimate);
                }
            }
            MatchNews::Found | MatchNews::Left => self.search = None,
            MatchNews::Refused(error) => {
                self.search = None;
                self.complain(&error);
            }
        }
    }

    fn hear_device(&mut self, notice: DeviceNotice) {
        match notice {
            DeviceNotice::KeyFrameNeeded => {
                if let Some(live) = &self.live {
                    live.request_key_frame();
                }
            }
            DeviceNotice::Camera(fault) => self.devices.camera_fault = fault.map(|fault| sentence(&fault)),
        }
    }

    fn complain(&mut self, error: &ClientError) {
        tracing::info!(kind = ?error.kind, "refused or failed");
        self.notify(error.sentence());
    }

    fn notify(&mut self, text: String) {
        // Said already and not put away: once is enough.
        self.notices.retain(|notice| notice.text != text);
        self.notice_count += 1;
        self.notices.push(Notice { id: self.notice_count, severity: Severity::Error, text });
        if self.notices.len() > NOTICES_MAX {
            self.notices.remove(0);
        }
    }

    fn publish(&mut self) {
        let connection = match &self.link {
            Link::Out => Connection::LoggedOut,
            Link::In { server, .. } => Connection::LoggingIn { server: server.clone() },
            Link::Session { server, since: Some(since), .. } => {
                Connection::Reconnecting { server: server.to_string(), since: *since }
            }
            Link::Session { server, .. } if self.me.is_none() => {
                Connection::LoggingIn { server: server.to_string() }
            }
            Link::Session { server, .. } => Connection::Online { server: server.with_pin() },
        };
        let snapshot = Snapshot {
            connection,
            me: self.me.clone(),
            hall: self.hall.clone(),
            search: self.search.clone(),
            call: snapshot::call(self.machine.state(), self.switches, self.stats),
            notices: self.notices.clone(),
            devices: self.devices.clone(),
            checkup: self.examination.as_ref().map(|examination| examination.checkup.clone()),
            ..Snapshot::default()
        };
        let changed = self.snapshot.send_if_modified(|last| {
            let changed = **last != snapshot;
            if changed {
                *last = Arc::new(snapshot);
            }
            changed
        });
        if changed {
            (self.waker)();
        }
    }

    async fn say_goodbye(mut self) {
        self.drive(Input::HangUp);
        self.tell_server(signaling::Command::Leave);
        let farewells = self.farewells;
        farewells.close();
        let ended = async {
            if let Link::Session { mut events, .. } = self.link {
                while !matches!(events.recv().await, None | Some(Event::Ended(_))) {}
            }
            farewells.wait().await;
        };
        if tokio::time::timeout(GOODBYE, ended).await.is_err() {
            tracing::debug!("stopped without a full goodbye");
        }
    }
}

/// The words of a device as a sentence of their own, unless they are one.
fn sentence(fault: &str) -> String {
    if fault.ends_with('.') {
        return fault.to_owned();
    }
    let mut letters = fault.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().collect::<String>()).unwrap_or_default();
    format!("{first}{}. The call goes on without it.", letters.as_str().trim_end_matches('.'))
}

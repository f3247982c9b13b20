//! The engine's task: takes commands and events one at a time, runs the call machine, performs its effects, and
//! publishes what changed.

use super::checkup::Examination;
use super::devices::{MediaSource, Notice as DeviceNotice};
use super::inventory::{Change, Inventory, Lists};
use super::met::Met;
use super::network::{self, NetworkWatch};
use super::quality::GLANCE;
use super::record::CallRecord;
use super::safety::DeviceKey;
use super::screen::WindowMeter;
use super::snapshot::Switches;
use super::{EngineConfig, Order, snapshot};
use crate::call::{CallMachine, Input};
use crate::media::clock::MediaClock;
use crate::media::frame::FrameSlot;
use crate::media::processing::AudioProcessing;
use crate::media::tones::{Tone, TonePlayer};
use crate::peer::{IceServer, PeerEvent};
use crate::signaling::{self, DeviceTokens, Event, ServerAddress, Session};
use crate::vault::Kept;
use crate::view::{
    AccountView, BlockedGuest, CallStats, CalledUp, Connection, Devices, HallRow, History, KnownServer, Me,
    Notice, Preferences, Search, Snapshot, Unanswered,
};
use crate::words::say;
use castle::ids::CallId;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio_util::task::TaskTracker;

mod asking;
mod entering;
mod hearing;
mod live;
mod obeying;
mod owning;
mod performing;
mod sharing;
mod talking;
mod telling;
mod tending;

use entering::{Entry, Progress};
use live::LiveCall;
use owning::TriedCode;
pub(super) use talking::Shown;
use talking::Talk;
use telling::Standing;
use tending::{Saved, TryoutRig};

/// Events of a connection that may wait.
const PEER_EVENTS_MAX: usize = 256;
/// Events of the session that may wait.
const SESSION_EVENTS_MAX: usize = 256;
/// Words of device threads that may wait.
const DEVICE_NOTICES_MAX: usize = 16;
/// Files that were written and may wait to be told.
const SAVED_MAX: usize = 4;
/// Between two looks at the figures, and two pings once the clocks are aligned.
const TICK: Duration = Duration::from_secs(1);
/// Between two pings at first: the least round trip of several tells the clocks apart best.
const FIRST_PINGS: Duration = Duration::from_millis(100);
/// A goodbye to the server and to the devices is waited for no longer.
const GOODBYE: Duration = Duration::from_millis(1500);

/// The engine's ends of what its handle holds.
pub(super) struct Outside {
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) snapshot: watch::Sender<Arc<Snapshot>>,
    pub(super) record: watch::Sender<Arc<CallRecord>>,
    pub(super) waker: super::Waker,
    pub(super) remote_frames: Arc<FrameSlot>,
    pub(super) local_frames: Arc<FrameSlot>,
    pub(super) screen_frames: Arc<FrameSlot>,
    pub(super) window: WindowMeter,
}

impl Outside {
    fn media_source(&self, config: &EngineConfig, notices: mpsc::Sender<DeviceNotice>) -> MediaSource {
        MediaSource {
            camera: config.camera.clone().unwrap_or_default(),
            mic: config.mic.clone().unwrap_or_default(),
            speaker: config.speaker.clone().unwrap_or_default(),
            processing: AudioProcessing::default(),
            viewer: config.viewer.clone(),
            clock: MediaClock::starting_at(Instant::now()),
            remote_frames: self.remote_frames.clone(),
            local_frames: self.local_frames.clone(),
            screen_frames: self.screen_frames.clone(),
            window: self.window.clone(),
            notices,
        }
    }
}

/// How the engine stands with the server.
enum Link {
    Out,
    In {
        entry: Entry,
        login: mpsc::Receiver<Progress>,
    },
    Session {
        server: ServerAddress,
        /// Login name.
        name: String,
        session: Session,
        events: mpsc::Receiver<Event>,
        /// Where the newest key to this login went.
        kept: watch::Receiver<Option<Kept>>,
        since: Option<Instant>,
    },
}

struct Engine {
    config: EngineConfig,
    snapshot: watch::Sender<Arc<Snapshot>>,
    records: watch::Sender<Arc<CallRecord>>,
    waker: super::Waker,
    link: Link,
    /// Online at least once in this session.
    me: Option<Me>,
    /// Who is there, whether there are more, and how many in all.
    hall: (Arc<Vec<HallRow>>, bool, usize),
    query: String,
    search: Option<Search>,
    preferences: Arc<Preferences>,
    servers: Arc<Vec<KnownServer>>,
    history: History,
    /// Where older calls begin.
    history_next: String,
    /// The page of older calls that is on its way.
    history_awaited: Option<String>,
    blocked: Option<Arc<Vec<BlockedGuest>>>,
    unanswered: Unanswered,
    account: AccountView,
    tried_code: Option<TriedCode>,
    key: DeviceKey,
    device_tokens: DeviceTokens,
    called_up: CalledUp,
    closing: bool,
    /// Panics that the person was told of.
    crashes: u64,
    in_front: bool,
    /// How calls were, 1 to 5, by their ids; for the diagnostics.
    ratings: Vec<(CallId, u8)>,
    ice: Vec<IceServer>,
    network: NetworkWatch,
    examination: Option<Examination>,
    /// How far the server's clock is ahead of this one.
    clock_ahead_ms: Option<i64>,
    machine: CallMachine,
    /// What people see of whom the last call went to.
    placed: Option<String>,
    /// Media of the call, while there is one.
    live: Option<LiveCall>,
    talk: Talk,
    tryout: Option<TryoutRig>,
    inventory: Inventory,
    /// What the last look found.
    lists: Option<Lists>,
    met: Met,
    /// A screen shows the devices to choose from.
    choosing_devices: bool,
    /// What was told of devices, and by which notice.
    told_devices: Vec<(Change, u64)>,
    /// What is to be heard while there is no call yet, or no more.
    tone: Option<(Tone, TonePlayer)>,
    ringing: Ringing,
    record: CallRecord,
    stats: Option<CallStats>,
    switches: Switches,
    devices: Devices,
    notices: Vec<Notice>,
    notice_count: u64,
    /// What was good to know, and when it was told: it goes by itself.
    passing: Vec<(u64, Instant)>,
    /// What was told until it is over.
    standing: Vec<Standing>,
    saved: (mpsc::Sender<Saved>, mpsc::Receiver<Saved>),
    source: MediaSource,
    peer_events: (mpsc::Sender<OfCall>, mpsc::Receiver<OfCall>),
    /// Media that is being put away.
    farewells: TaskTracker,
}

/// Somebody who calls.
#[derive(Default)]
struct Ringing {
    /// Who, as long as they are not answered: to be told when the call is over.
    who: Option<String>,
    /// The system tells of it meanwhile.
    told: bool,
}

/// An event of the connection of a call.
type OfCall = (CallId, PeerEvent);

/// What the loop woke for.
enum Wake {
    Order(Option<Order>),
    Login(Option<Progress>),
    Session(Option<Event>),
    Kept(Kept),
    Saved(Saved),
    Peer(CallId, PeerEvent),
    Device(DeviceNotice),
    Deadline,
    Ping,
    Tick,
    Glance,
    Safety,
    Network,
    Examined,
}

/// Runs until the handle is gone.
pub(super) async fn run(config: EngineConfig, outside: Outside) {
    let (mut engine, mut orders, mut device_notices) = Engine::new(config, outside);
    let mut tick = interval(TICK);
    let mut glance = interval(GLANCE);
    let mut network = interval(network::LOOK_EVERY);
    loop {
        let deadline = engine.machine.next_deadline();
        let ping = engine.live.as_ref().and_then(LiveCall::ping_at);
        let safety = engine.talk.deadline();
        let wake = tokio::select! {
            order = orders.recv() => Wake::Order(order),
            wake = engine.link.wake() => wake,
            Some((call, event)) = engine.peer_events.1.recv() => Wake::Peer(call, event),
            Some(notice) = device_notices.recv() => Wake::Device(notice),
            Some(saved) = engine.saved.1.recv() => Wake::Saved(saved),
            () = until(deadline), if deadline.is_some() => Wake::Deadline,
            () = until(ping), if ping.is_some() => Wake::Ping,
            () = until(safety), if safety.is_some() => Wake::Safety,
            _ = tick.tick(), if engine.live.is_some() => Wake::Tick,
            _ = glance.tick(), if engine.live.is_some() || engine.tryout.is_some() => Wake::Glance,
            _ = network.tick() => Wake::Network,
            () = Examination::progress(&mut engine.examination) => Wake::Examined,
        };
        // What breaks over one event takes neither the session nor the call with it.
        let heeded = catch_unwind(AssertUnwindSafe(|| {
            let flow = engine.heed(wake);
            engine.publish();
            flow
        }));
        match heeded {
            Ok(ControlFlow::Break(())) => break,
            Ok(ControlFlow::Continue(())) => {}
            Err(_) => tracing::error!("an event was not dealt with"),
        }
    }
    engine.say_goodbye().await;
}

fn interval(every: Duration) -> tokio::time::Interval {
    let mut interval = tokio::time::interval(every);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    interval
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
            Self::In { login, .. } => Wake::Login(login.recv().await),
            Self::Session { events, kept, .. } => tokio::select! {
                event = events.recv() => Wake::Session(event),
                Some(kept) = newest(kept) => Wake::Kept(kept),
            },
        }
    }
}

/// Where a key went since this was last asked; `None` once no key follows.
async fn newest(kept: &mut watch::Receiver<Option<Kept>>) -> Option<Kept> {
    kept.changed().await.ok()?;
    *kept.borrow_and_update()
}

impl Engine {
    fn new(
        config: EngineConfig,
        outside: Outside,
    ) -> (Self, mpsc::Receiver<Order>, mpsc::Receiver<DeviceNotice>) {
        let (notices, device_notices) = mpsc::channel(DEVICE_NOTICES_MAX);
        let (settings, servers) = (config.profile.settings.get(), config.profile.servers.get());
        let mut key = None;
        config.profile.identity.change(|identity| key = Some(identity.device_key(rand::random())));
        let source = outside.media_source(&config, notices.clone());
        let mut engine = Self {
            snapshot: outside.snapshot,
            records: outside.record,
            waker: outside.waker,
            link: Link::Out,
            me: None,
            hall: Default::default(),
            query: String::new(),
            search: None,
            servers: Arc::new(servers.known()),
            preferences: Arc::new(settings.preferences),
            history: History::default(),
            history_next: String::new(),
            history_awaited: None,
            blocked: None,
            unanswered: Unanswered::default(),
            account: AccountView::default(),
            tried_code: None,
            key: key.expect("made above"),
            device_tokens: DeviceTokens::new(servers.devices),
            called_up: CalledUp::default(),
            closing: false,
            crashes: crate::crash::count(),
            in_front: true,
            ratings: Vec::new(),
            ice: Vec::new(),
            examination: None,
            clock_ahead_ms: None,
            network: NetworkWatch::new(Instant::now(), config.wall_clock.now(), network::routes()),
            machine: CallMachine::default(),
            placed: None,
            live: None,
            talk: Talk::default(),
            tryout: None,
            inventory: Inventory::start(notices),
            lists: None,
            met: Met::default(),
            choosing_devices: false,
            told_devices: Vec::new(),
            tone: None,
            ringing: Ringing::default(),
            record: CallRecord::default(),
            stats: None,
            switches: Switches::default(),
            devices: Devices::default(),
            notices: Vec::new(),
            notice_count: 0,
            passing: Vec::new(),
            standing: Vec::new(),
            saved: mpsc::channel(SAVED_MAX),
            source,
            peer_events: mpsc::channel(PEER_EVENTS_MAX),
            farewells: TaskTracker::new(),
            config,
        };
        engine.tell_troubles();
        engine.choose_devices();
        engine.follow_devices();
        engine.publish();
        (engine, outside.orders, device_notices)
    }

    /// Breaks when the handle is gone.
    fn heed(&mut self, wake: Wake) -> ControlFlow<()> {
        match wake {
            Wake::Order(None) => return ControlFlow::Break(()),
            Wake::Order(Some(Order::Person(command))) => self.obey(command),
            Wake::Order(Some(Order::CallUp(link))) => {
                self.called_up = CalledUp { times: self.called_up.times + 1, link };
            }
            Wake::Order(Some(Order::Close)) => self.closing = true,
            Wake::Login(progress) => self.hear_login(progress),
            Wake::Session(event) => self.hear(event),
            Wake::Kept(kept) => self.key_kept(kept),
            Wake::Saved(saved) => self.diagnostics_saved(saved),
            Wake::Peer(call, event) => self.hear_peer(call, event),
            Wake::Device(notice) => self.hear_device(notice),
            Wake::Deadline => self.call_is_due(),
            Wake::Ping => self.ping(),
            Wake::Tick => self.look_at_figures(),
            Wake::Glance => self.glance(),
            Wake::Safety => self.safety_is_due(),
            Wake::Network => {
                self.look_at_network();
                self.look_at_files();
            }
            Wake::Examined => {}
        }
        ControlFlow::Continue(())
    }

    fn tell_server(&mut self, command: signaling::Command) {
        if let Link::Session { session, .. } = &self.link
            && !session.send(command)
        {
            tracing::warn!("the session does not keep up: a frame was dropped");
        }
    }

    fn publish(&mut self) {
        let connection = match &self.link {
            Link::Out => Connection::LoggedOut,
            Link::In { entry, .. } => Connection::LoggingIn { server: entry.server.clone() },
            // Whoever has not been inside yet is at the door, also while the server is looked for.
            Link::Session { server, .. } if self.me.is_none() => {
                Connection::LoggingIn { server: server.to_string() }
            }
            Link::Session { server, since: Some(since), .. } => {
                Connection::Reconnecting { server: server.to_string(), since: *since }
            }
            Link::Session { server, .. } => Connection::Online { server: server.with_pin() },
        };
        let snapshot = Snapshot {
            connection,
            me: self.me.clone(),
            hall: self.hall.0.clone(),
            hall_more: self.hall.1,
            hall_count: self.hall.2,
            search: self.search.clone().map(|search| Search {
                muted: self.switches.muted,
                camera_on: self.switches.camera_on,
                ..search
            }),
            placing: snapshot::placing(self.machine.state(), self.placed.as_deref()),
            call: snapshot::call(
                self.machine.state(),
                self.switches,
                self.stats,
                self.talk.shown(),
                self.has_sound_alone(),
            ),
            notices: self.notices.clone(),
            devices: self.devices.clone(),
            checkup: self.examination.as_ref().map(|examination| examination.checkup.clone()),
            preferences: self.preferences.clone(),
            servers: self.servers.clone(),
            remembered: self.is_remembered(),
            history: self.history.clone(),
            blocked: self.blocked.clone(),
            unanswered: self.unanswered,
            account: self.account.clone(),
            tryout: self.tryout.as_ref().map(TryoutRig::shown),
            called_up: self.called_up.clone(),
            closing: self.closing,
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
        self.end_tryout();
        self.tone = None;
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

/// What is wrong with the camera, and what becomes of the call.
fn meanwhile(fault: String, in_call: bool) -> String {
    if in_call { format!("{fault} {}", say("fault-goes-on")) } else { fault }
}

#[cfg(test)]
mod tests;

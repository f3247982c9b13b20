//! The engine behind the window and the bot: one task that owns the session, the call and the media.
//!
//! [`EngineHandle`] is all that others see of it: commands go in, the newest [`Snapshot`] comes out, pictures
//! pass through one-slot mailboxes. Nothing here waits for the UI.

use crate::media::camera::CameraSpec;
use crate::media::codec::VideoCodec;
use crate::media::frame::{FrameSlot, VideoFrame};
use crate::media::mic::MicSpec;
use crate::media::screen::ScreenSpec;
use crate::media::speaker::SpeakerSpec;
use crate::profile::Profile;
use crate::view::{Command, Snapshot};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

mod channel;
mod chat;
mod checkup;
mod devices;
mod diagnostics;
mod files;
mod identity;
mod inventory;
mod met;
mod network;
mod quality;
mod record;
mod safety;
mod screen;
mod scrub;
mod snapshot;
mod task;

pub(crate) use channel::overhear;
pub use identity::Identity;
pub use network::WallClock;
pub use record::{CallRecord, RelayOnly};

/// Called whenever the snapshot changed or a picture arrived, on any thread; must not block.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// Tells the person through the system, where the window is not in front. Must not block.
pub type Notifier = Arc<dyn Fn(SystemNotice) + Send + Sync>;

/// What the system tells the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SystemNotice {
    /// Somebody calls.
    Ringing {
        /// What people see of them.
        peer: String,
    },
    /// It was answered, or rings no more: what told of it is put away.
    RingingOver,
    /// The other end of the call wrote something.
    Wrote {
        /// What people see of them.
        peer: String,
    },
    /// Somebody called, and nobody answered.
    Missed {
        /// What people see of them.
        peer: String,
    },
}

/// What the engine starts with.
#[derive(Clone, Default)]
pub struct EngineConfig {
    /// Where pictures come from; `None`: as the preferences say.
    pub camera: Option<CameraSpec>,
    /// Where sound comes from; `None`: as the preferences say.
    pub mic: Option<MicSpec>,
    /// Where sound goes; `None`: as the preferences say.
    pub speaker: Option<SpeakerSpec>,
    /// Interests named to the matchmaker, besides those of the preferences.
    pub tags: Vec<String>,
    /// Take only relayed ways, whatever call and preferences allow: nobody learns this machine's address.
    pub relay_only: bool,
    /// Wait for a match as soon as the session is live.
    pub search_at_login: bool,
    /// What lasts.
    pub profile: Profile,
    /// Who looks at the peer's pictures.
    pub viewer: Viewer,
    /// Tells of calls through the system.
    pub notifier: Option<Notifier>,
    /// Where the logs are, for the diagnostics.
    pub logs: Option<PathBuf>,
    /// Tells a sleep of the machine.
    pub wall_clock: WallClock,
    /// What pictures may be coded in, best first; `None`: all that this build speaks.
    pub codecs: Option<&'static [VideoCodec]>,
}

impl std::fmt::Debug for EngineConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineConfig").field("profile", &self.profile).finish_non_exhaustive()
    }
}

/// Who looks at the peer's pictures.
#[derive(Debug, Clone, Default)]
pub enum Viewer {
    /// A window, which takes them from [`EngineHandle::remote_frames`] and tells by [`EngineHandle::shown`].
    #[default]
    Window,
    /// A bot: every picture is taken as shown at once and measured. What is sent is always stamped.
    Bot {
        /// What the peer sends, to compare with.
        reference: Option<CameraSpec>,
        /// What the peer shares, to compare with.
        screen_reference: Option<ScreenSpec>,
    },
}

/// What the engine is told from outside.
#[derive(Debug)]
enum Order {
    /// By a person.
    Person(Command),
    /// By a second start of the app, with its link.
    CallUp(Option<String>),
    /// By the system, which wants the app to end.
    Close,
}

/// A line to the engine for those who do not own it. Keeps nothing alive.
#[derive(Debug, Clone)]
pub struct EngineLine(mpsc::WeakSender<Order>);

impl EngineLine {
    /// A second start of the app, with the link it was given: the window comes to the front.
    pub fn call_up(&self, link: Option<String>) {
        self.tell(Order::CallUp(link));
    }

    /// The system wants the app to end: the window closes.
    pub fn close(&self) {
        self.tell(Order::Close);
    }

    fn tell(&self, order: Order) {
        if let Some(orders) = self.0.upgrade()
            && orders.try_send(order).is_err()
        {
            tracing::warn!("the engine does not keep up: it was not told");
        }
    }
}

/// Starts engines.
#[derive(Debug)]
pub struct Engine;

/// The one handle to a running engine. Dropping it stops the engine.
#[derive(Debug)]
pub struct EngineHandle {
    /// `None` once it stops.
    orders: Option<mpsc::Sender<Order>>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    records: watch::Receiver<Arc<CallRecord>>,
    remote_frames: Arc<FrameSlot>,
    local_frames: Arc<FrameSlot>,
    screen_frames: Arc<FrameSlot>,
    window: screen::WindowMeter,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// Commands that may wait: a person makes a few in a second.
const COMMANDS_MAX: usize = 64;
/// Threads of the engine's runtime: the network stack of a call keeps one busy, the engine must not wait for it.
const RUNTIME_THREADS: usize = 2;

/// What still waits for the system once all goodbyes are said is waited for no longer.
const LEFTOVERS: Duration = Duration::from_secs(5);

impl Engine {
    /// Starts an engine on a runtime of its own.
    pub fn start(config: EngineConfig, waker: Waker) -> EngineHandle {
        let (orders, inbox) = mpsc::channel(COMMANDS_MAX);
        let (snapshot, snapshots) = watch::channel(Arc::default());
        let (record, records) = watch::channel(Arc::default());
        let (remote_frames, local_frames, screen_frames) =
            (FrameSlot::new(), FrameSlot::new(), FrameSlot::new());
        let window = screen::WindowMeter::default();
        let outside = task::Outside {
            orders: inbox,
            snapshot,
            record,
            waker,
            remote_frames: remote_frames.clone(),
            local_frames: local_frames.clone(),
            screen_frames: screen_frames.clone(),
            window: window.clone(),
        };
        let run = move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(RUNTIME_THREADS)
                .thread_name("engine-io")
                .enable_all()
                .build()
                .expect("the system can start threads");
            runtime.block_on(task::run(config, outside));
            // A keyring or a disk that does not answer must not keep the app from its end.
            runtime.shutdown_timeout(LEFTOVERS);
        };
        let thread = std::thread::Builder::new().name("engine".into()).spawn(run);
        EngineHandle {
            orders: Some(orders),
            snapshots,
            records,
            remote_frames,
            local_frames,
            screen_frames,
            window,
            thread: Some(thread.expect("the system can start a thread")),
        }
    }
}

impl EngineHandle {
    /// Hands a command over. Never blocks; `false` when the engine is so far behind that it was dropped.
    pub fn send(&self, command: Command) -> bool {
        self.orders.as_ref().is_some_and(|orders| orders.try_send(Order::Person(command)).is_ok())
    }

    /// A line for threads that have something to tell.
    pub fn line(&self) -> EngineLine {
        EngineLine(self.orders.as_ref().expect("there until the end").downgrade())
    }

    /// The newest snapshot.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshots.borrow().clone()
    }

    /// All snapshots to come, for those who wait for one.
    pub fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshots.clone()
    }

    /// Times and figures of the last call: once a second while it lasts, and once more at its end.
    pub fn record(&self) -> Arc<CallRecord> {
        self.records.borrow().clone()
    }

    /// The peer's pictures, newest only. The same slot for the whole life of the engine.
    pub fn remote_frames(&self) -> Arc<FrameSlot> {
        self.remote_frames.clone()
    }

    /// The own camera's pictures, newest only. The same slot for the whole life of the engine.
    pub fn local_frames(&self) -> Arc<FrameSlot> {
        self.local_frames.clone()
    }

    /// Pictures of the screen that the peer shares, newest only. The same slot for the whole life of the engine.
    pub fn screen_frames(&self) -> Arc<FrameSlot> {
        self.screen_frames.clone()
    }

    /// Tells that a frame of [`remote_frames`](Self::remote_frames) went to the screen just now: the end of its
    /// way from the peer's camera, for the latency shown in the statistics. Cheap, never blocks.
    pub fn shown(&self, frame: &VideoFrame) {
        self.window.shown(frame);
    }

    /// Says goodbye to the server, releases the devices, and waits until that is done: about a second, and seven at most where
    /// a device, a disk or the keyring does not answer.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the engine broke");
        }
    }
}

impl Drop for EngineHandle {
    fn drop(&mut self) {
        self.end();
    }
}

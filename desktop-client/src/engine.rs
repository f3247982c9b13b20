//! The engine behind the window and the bot: one task that owns the session, the call and the media.
//!
//! [`EngineHandle`] is all that others see of it: commands go in, the newest [`Snapshot`] comes out, pictures
//! pass through one-slot mailboxes. Nothing here waits for the UI.

use crate::media::frame::{FrameSlot, VideoFrame};
use crate::view::{Command, Snapshot};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// Called whenever the snapshot changed or a picture arrived, on any thread; must not block.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// What the engine starts with.
#[derive(Debug, Clone, Default)]
pub struct EngineConfig {}

/// Starts engines.
#[derive(Debug)]
pub struct Engine;

/// The one handle to a running engine. Dropping it stops the engine.
#[derive(Debug)]
pub struct EngineHandle {
    commands: mpsc::Sender<Command>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    remote_frames: Arc<FrameSlot>,
    local_frames: Arc<FrameSlot>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// Commands that may wait: a person makes a few in a second.
const COMMANDS_MAX: usize = 64;

impl Engine {
    /// Starts an engine on a runtime of its own.
    pub fn start(_config: EngineConfig, waker: Waker) -> EngineHandle {
        let (commands, mut inbox) = mpsc::channel(COMMANDS_MAX);
        let (publisher, snapshots) = watch::channel(Arc::default());
        let thread = std::thread::Builder::new()
            .name("engine".into())
            .spawn(move || {
                while inbox.blocking_recv().is_some() {
                    publisher.send_modify(|_| {});
                    waker();
                }
            })
            .expect("the system can start a thread");
        EngineHandle {
            commands,
            snapshots,
            remote_frames: FrameSlot::new(),
            local_frames: FrameSlot::new(),
            thread: Some(thread),
        }
    }
}

impl EngineHandle {
    /// Hands a command over. Never blocks; `false` when the engine is so far behind that it was dropped.
    pub fn send(&self, command: Command) -> bool {
        self.commands.try_send(command).is_ok()
    }

    /// The newest snapshot.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshots.borrow().clone()
    }

    /// The peer's pictures, newest only. The same slot for the whole life of the engine.
    pub fn remote_frames(&self) -> Arc<FrameSlot> {
        self.remote_frames.clone()
    }

    /// The own camera's pictures, newest only. The same slot for the whole life of the engine.
    pub fn local_frames(&self) -> Arc<FrameSlot> {
        self.local_frames.clone()
    }

    /// Tells that a frame of [`remote_frames`](Self::remote_frames) went to the screen just now: the end of its
    /// way from the peer's camera, for the latency shown in the statistics. Cheap, never blocks.
    pub fn shown(&self, _frame: &VideoFrame) {}

    /// Says goodbye to the server, releases the devices, and waits until that is done (at most about a second).
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let (closed, _) = mpsc::channel(1);
        self.commands = closed;
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the engine's thread does not panic");
        }
    }
}

impl Drop for EngineHandle {
    fn drop(&mut self) {
        self.end();
    }
}

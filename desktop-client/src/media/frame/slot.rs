//! A mailbox for one frame: the newest wins, and whoever waits for it is woken.

use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::VideoFrame;

/// What stands behind a slot's frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Picture {
    /// No frame has come yet.
    #[default]
    Waiting,
    /// Frames come.
    Live,
    /// The camera was switched off by its owner.
    Off,
    /// The camera failed or vanished; it is tried again.
    Lost,
}

type Waker = Arc<dyn Fn() + Send + Sync>;

#[derive(Default)]
struct State {
    newest: Option<VideoFrame>,
    picture: Picture,
    overwritten: u64,
    closed: bool,
    on_new: Option<Waker>,
}

/// One frame at most: a newer one replaces it. Shared between one producer and one consumer thread.
#[derive(Default)]
pub struct FrameSlot {
    state: Mutex<State>,
    changed: Condvar,
}

impl std::fmt::Debug for FrameSlot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FrameSlot").field("picture", &self.picture()).finish_non_exhaustive()
    }
}

impl FrameSlot {
    /// An empty slot.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Puts a frame in, over one that nobody took, and makes the picture live.
    pub fn put(&self, frame: VideoFrame) {
        self.change(|state| {
            state.picture = Picture::Live;
            state.overwritten += u64::from(state.newest.replace(frame).is_some());
        });
    }

    /// Says why no frames come, and forgets the frame nobody took.
    pub fn set_picture(&self, picture: Picture) {
        self.change(|state| {
            state.picture = picture;
            state.newest = None;
        });
    }

    /// What stands behind the frames now.
    pub fn picture(&self) -> Picture {
        self.locked().picture
    }

    /// The frame, if there is one that nobody took.
    pub fn take(&self) -> Option<VideoFrame> {
        self.locked().newest.take()
    }

    /// Waits for a frame until `timeout` has passed or the slot is closed or woken.
    pub fn wait(&self, timeout: Duration) -> Option<VideoFrame> {
        let until = Instant::now() + timeout;
        let mut state = self.locked();
        loop {
            if let Some(frame) = state.newest.take() {
                return Some(frame);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || state.closed {
                return None;
            }
            state = self.changed.wait_timeout(state, left).expect("no holder of the slot panics").0;
        }
    }

    /// Ends all waiting for good: no more frames will come.
    pub fn close(&self) {
        self.change(|state| state.closed = true);
    }

    /// Whether [`close`](Self::close) was called.
    pub fn is_closed(&self) -> bool {
        self.locked().closed
    }

    /// Frames that were replaced before anyone took them.
    pub fn overwritten(&self) -> u64 {
        self.locked().overwritten
    }

    /// Calls `waker` after every change, on the thread that made it; it must not block. Replaces an earlier one.
    pub fn on_new(&self, waker: impl Fn() + Send + Sync + 'static) {
        self.locked().on_new = Some(Arc::new(waker));
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let waker = {
            let mut state = self.locked();
            change(&mut state);
            state.on_new.clone()
        };
        self.changed.notify_all();
        if let Some(waker) = waker {
            waker();
        }
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the slot panics")
    }
}

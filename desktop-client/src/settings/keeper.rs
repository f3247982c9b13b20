//! One value in memory and in a file: changed at once, written by a thread of its own, so that nobody waits for a disk.

use super::file::{self, Found};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What could not be written is tried again after this time, then after twice that, and so on.
const RETRY_FIRST: Duration = Duration::from_secs(1);
/// The longest of these waits.
const RETRY_LONGEST: Duration = Duration::from_mins(1);

/// What was wrong with a file when the app started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// It could not be read; it is kept under this name, if that worked.
    Damaged(Option<PathBuf>),
    /// A later version of the app wrote it. It stays as it is, and what is changed now is not kept.
    Newer(PathBuf),
}

/// What may be kept.
pub trait Keepable: Clone + Default + PartialEq + Send + Serialize + DeserializeOwned + 'static {
    /// Name of its file.
    const FILE: &'static str;
    /// Version of its layout: a file that says a higher one is left alone.
    const VERSION: u32;
}

struct State<T> {
    value: T,
    /// What the file holds.
    written: T,
    /// The last try to write it failed.
    failed: bool,
    ending: bool,
}

impl<T: PartialEq> State<T> {
    fn is_written(&self) -> bool {
        self.value == self.written
    }
}

struct Shared<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

impl<T> Shared<T> {
    fn locked(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The one keeper of a value. Dropping it writes what is not written yet.
pub struct Keeper<T: Keepable> {
    shared: Arc<Shared<T>>,
    writer: Option<std::thread::JoinHandle<()>>,
}

impl<T: Keepable> std::fmt::Debug for Keeper<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper").field("file", &T::FILE).finish_non_exhaustive()
    }
}

impl<T: Keepable> Default for Keeper<T> {
    /// In memory alone.
    fn default() -> Self {
        Self::holding(T::default(), None)
    }
}

impl<T: Keepable> Keeper<T> {
    /// What `folder` holds, or the default; and what was wrong with it.
    pub fn open(folder: &Path) -> (Self, Option<Trouble>) {
        let path = folder.join(T::FILE);
        match file::load(&path, T::VERSION) {
            Found::None => (Self::holding(T::default(), Some(path)), None),
            Found::Good(value) => (Self::holding(value, Some(path)), None),
            Found::Damaged(aside) => (Self::holding(T::default(), Some(path)), Some(Trouble::Damaged(aside))),
            Found::Newer => (Self::default(), Some(Trouble::Newer(path))),
        }
    }

    fn holding(value: T, path: Option<PathBuf>) -> Self {
        let state = State { written: value.clone(), value, failed: false, ending: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let writer = path.map(|path| {
            let shared = shared.clone();
            let thread = std::thread::Builder::new().name("settings".into());
            thread.spawn(move || write(&shared, &path)).expect("the system can start a thread")
        });
        Self { shared, writer }
    }

    /// As it is now.
    pub fn get(&self) -> T {
        self.shared.locked().value.clone()
    }

    /// Changes it; the file follows soon.
    pub fn change(&self, change: impl FnOnce(&mut T)) {
        change(&mut self.shared.locked().value);
        self.shared.changed.notify_one();
    }

    /// Whether the file could not be written, and is behind. It is tried again by and by.
    pub fn is_unsaved(&self) -> bool {
        let state = self.shared.locked();
        state.failed && !state.is_written()
    }
}

/// Writes what changed, until the end; what could not be written is tried again, at the end once more.
fn write<T: Keepable>(shared: &Shared<T>, path: &Path) {
    let mut wait = RETRY_FIRST;
    loop {
        let unchanged = |state: &mut State<T>| !state.ending && state.is_written();
        let state = shared.changed.wait_while(shared.locked(), unchanged);
        let state = state.unwrap_or_else(PoisonError::into_inner);
        if state.is_written() {
            return;
        }
        let (value, last_try) = (state.value.clone(), state.ending);
        drop(state);
        let saved = file::save(path, T::VERSION, &value);
        let mut state = shared.locked();
        let failed_before = std::mem::replace(&mut state.failed, saved.is_err());
        let Err(error) = saved else {
            state.written = value;
            wait = RETRY_FIRST;
            continue;
        };
        if !failed_before {
            tracing::warn!(path = %path.display(), %error, "not saved");
        }
        if last_try {
            return;
        }
        let goes_on = |state: &mut State<T>| !state.ending;
        drop(shared.changed.wait_timeout_while(state, wait, goes_on));
        wait = (wait * 2).min(RETRY_LONGEST);
    }
}

impl<T: Keepable> Drop for Keeper<T> {
    fn drop(&mut self) {
        self.shared.locked().ending = true;
        self.shared.changed.notify_one();
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!(file = T::FILE, "the writer of a file broke");
        }
    }
}

//! The keyring, asked by one thread, one thing at a time: it may wait for the person, or never answer. Whoever asks waits
//! as long as they choose. Knows nothing of files.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the keys are filed under in the keyring of the system.
const SERVICE: &str = "castle-desktop";
/// Questions that may wait for a keyring that does not answer; more are not asked.
const WAITING_MAX: usize = 16;

/// A place for secrets that may be locked. Every question may wait for the person, without bound.
pub trait Keyring: Send + Sync {
    /// Keeps a text in place of the one before.
    fn keep(&self, label: &str, text: &str) -> Result<(), Unavailable>;
    /// The text, if there is one.
    fn read(&self, label: &str) -> Result<Option<String>, Unavailable>;
    /// Throws it away, if there is one.
    fn forget(&self, label: &str) -> Result<(), Unavailable>;
}

/// A keyring that is not there, did not open, or did not answer in time: it says nothing about what it holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the keyring is not available: {0}")]
pub struct Unavailable(pub String);

/// That of the system. The one place that names its library.
pub(super) struct OfSystem;

fn entry(label: &str) -> Result<keyring::Entry, Unavailable> {
    keyring::Entry::new(SERVICE, label).map_err(|error| refused(&error))
}

fn refused(error: &keyring::Error) -> Unavailable {
    Unavailable(error.to_string())
}

impl Keyring for OfSystem {
    fn keep(&self, label: &str, text: &str) -> Result<(), Unavailable> {
        entry(label)?.set_password(text).map_err(|error| refused(&error))
    }

    fn read(&self, label: &str) -> Result<Option<String>, Unavailable> {
        match entry(label)?.get_password() {
            Ok(text) => Ok(Some(text)),
            Err(keyring::Error::NoEntry) => Ok(None),
            Err(error) => Err(refused(&error)),
        }
    }

    fn forget(&self, label: &str) -> Result<(), Unavailable> {
        match entry(label)?.delete_credential() {
            Ok(()) | Err(keyring::Error::NoEntry) => Ok(()),
            Err(error) => Err(refused(&error)),
        }
    }
}

type Question = Box<dyn FnOnce(&dyn Keyring) + Send>;

struct Waiting {
    /// What it changes: a newer change of the same makes it needless.
    changes: Option<String>,
    ask: Question,
}

#[derive(Default)]
struct Line {
    waiting: VecDeque<Waiting>,
    /// A thread asks.
    asking: bool,
}

/// Asks a keyring. Clones share the line.
#[derive(Clone)]
pub(super) struct Asker {
    keyring: Arc<dyn Keyring>,
    line: Arc<Mutex<Line>>,
}

impl std::fmt::Debug for Asker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asker").finish_non_exhaustive()
    }
}

impl Asker {
    pub(super) fn of(keyring: Arc<dyn Keyring>) -> Self {
        Self { keyring, line: Arc::default() }
    }

    /// Asks what `ask` asks, as soon as the keyring is free, and returns at once. The answer comes through what is returned;
    /// nothing comes where the question is not asked any more, since a newer one `changes` the same, or too many wait.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        changes: Option<&str>,
        ask: impl FnOnce(&dyn Keyring, SyncSender<T>) + Send + 'static,
    ) -> Receiver<T> {
        let (tell, answer) = sync_channel(1);
        let mut line = self.locked();
        if changes.is_some() {
            line.waiting.retain(|waiting| waiting.changes.as_deref() != changes);
        }
        if line.waiting.len() < WAITING_MAX {
            let ask: Question = Box::new(move |keyring| ask(keyring, tell));
            line.waiting.push_back(Waiting { changes: changes.map(str::to_owned), ask });
            if !line.asking {
                let asker = self.clone();
                let thread = std::thread::Builder::new().name("keyring".into());
                line.asking = thread.spawn(move || asker.ask_all()).is_ok();
            }
        }
        answer
    }

    fn locked(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks until nobody waits.
    fn ask_all(&self) {
        loop {
            let next = {
                let mut line = self.locked();
                let next = line.waiting.pop_front();
                line.asking = next.is_some();
                next
            };
            let Some(Waiting { ask, .. }) = next else { return };
            if catch_unwind(AssertUnwindSafe(|| ask(&*self.keyring))).is_err() {
                tracing::error!("the keyring broke over a question");
            }
        }
    }
}

//! Where the keys to logins are: in the keyring of the system; where there is none or it does not open, in a file that its
//! owner alone may read. A key stands in the file only while it is newer than what the keyring holds.

use crate::settings::Trouble;
use crate::settings::file::{self, Found};
use crate::signaling::LoginKey;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

mod keyring;
#[cfg(test)]
mod tests;

use self::keyring::{Asker, OfSystem};
pub use self::keyring::{Keyring, Unavailable};

const VERSION: u32 = 1;
/// A keyring that has not taken a key after this time has it put into the file. It may still take it later.
const KEEP_PATIENCE: Duration = Duration::from_secs(2);
/// A key is waited for this long: the person may have to open the keyring first.
const READ_PATIENCE: Duration = Duration::from_mins(1);

/// Where a key went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Into the keyring.
    Keyring,
    /// Into the file.
    File,
    /// Nowhere.
    Nowhere,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Keys {
    keys: BTreeMap<String, LoginKey>,
}

#[derive(Debug)]
struct System {
    asker: Asker,
    /// For keeping, and for reading.
    patience: (Duration, Duration),
}

#[derive(Debug, Default)]
struct Drawer {
    /// `None`: keys are kept in the keyring or not at all.
    file: Option<PathBuf>,
    /// The newest key of each login, as long as it was not thrown away: what a keyring that answers late may have.
    newest: BTreeMap<String, LoginKey>,
}

/// The keys to logins. Asking may wait for the keyring, for a bounded time: never on a thread that must not block.
#[derive(Debug, Clone, Default)]
pub struct Vault {
    system: Option<Arc<System>>,
    drawer: Arc<Mutex<Drawer>>,
}

impl Vault {
    /// Name of the file.
    pub const FILE: &'static str = "logins.json";

    /// The keyring of the system, and a file in `folder` where there is none.
    pub fn of_user(folder: &Path) -> Self {
        Self::with(folder, Arc::new(OfSystem), (KEEP_PATIENCE, READ_PATIENCE))
    }

    /// A file in `folder` alone: a profile that was named has nothing to do with the user's keyring.
    pub fn in_folder(folder: &Path) -> Self {
        let drawer = Drawer { file: Some(folder.join(Self::FILE)), ..Drawer::default() };
        Self { system: None, drawer: Arc::new(Mutex::new(drawer)) }
    }

    /// Another keyring than that of the system, which is waited for `patience` at most.
    pub fn with_keyring(folder: &Path, keyring: Arc<dyn Keyring>, patience: Duration) -> Self {
        Self::with(folder, keyring, (patience, patience))
    }

    fn with(folder: &Path, keyring: Arc<dyn Keyring>, patience: (Duration, Duration)) -> Self {
        let system = System { asker: Asker::of(keyring), patience };
        Self { system: Some(Arc::new(system)), ..Self::in_folder(folder) }
    }

    /// Whether keys belong into the keyring, where there is one.
    pub fn wants_keyring(&self) -> bool {
        self.system.is_some()
    }

    /// What is wrong with the file. A damaged one is set aside.
    pub fn trouble(&self) -> Option<Trouble> {
        let path = self.drawer().file.clone()?;
        match file::load::<Keys>(&path, VERSION) {
            Found::None | Found::Good(_) => None,
            Found::Damaged(aside) => Some(Trouble::Damaged(aside)),
            Found::Newer => Some(Trouble::Newer(path)),
        }
    }

    /// Keeps a key in place of the one before.
    pub fn keep(&self, server: &str, name: &str, key: &LoginKey) -> Kept {
        let label = label(server, name);
        self.drawer().newest.insert(label.clone(), key.clone());
        let taken = self.system.as_ref().map(|system| {
            let taken = self.give_to(&system.asker, &label, key.clone());
            let in_time = taken.recv_timeout(system.patience.0);
            (taken, in_time)
        });
        if let Some((_, Ok(true))) = taken {
            return Kept::Keyring;
        }
        let drawer = self.drawer();
        // Between the end of patience and now: its word is given while the drawer is held.
        if taken.is_some_and(|(taken, _)| taken.try_recv() == Ok(true)) {
            return Kept::Keyring;
        }
        let newest = drawer.newest.get(&label) == Some(key);
        if newest && drawer.put(label, key) { Kept::File } else { Kept::Nowhere }
    }

    /// Has the keyring take a key, however late; whether it did.
    fn give_to(&self, asker: &Asker, label: &str, key: LoginKey) -> Receiver<bool> {
        let (drawer, of) = (Arc::clone(&self.drawer), label.to_owned());
        asker.ask(Some(label), move |keyring, tell| {
            let text = serde_json::to_string(&key).expect("text can be written");
            let taken = keyring.keep(&of, &text);
            if let Err(error) = &taken {
                tracing::info!(%error, "the key goes into the file");
            }
            let thrown_away = {
                let drawer = locked(&drawer);
                let newest = drawer.newest.get(&of);
                // One in the file that cannot be taken out would win over this.
                let settled = taken.is_ok() && (newest != Some(&key) || drawer.remove(&of));
                // Closed: it was not waited for.
                tell.try_send(settled).ok();
                newest.is_none()
            };
            if thrown_away {
                keyring.forget(&of).ok();
            }
        })
    }

    /// The key to a login, if there is one. An error says nothing about whether there is.
    pub fn key(&self, server: &str, name: &str) -> Result<Option<LoginKey>, Unavailable> {
        let label = label(server, name);
        // What the file has is newer than what the keyring has.
        if let Some(key) = self.drawer().keys().and_then(|mut keys| keys.remove(&label)) {
            return Ok(Some(key));
        }
        let Some(system) = &self.system else { return Ok(None) };
        let answer = system.asker.ask(None, move |keyring, tell| {
            // Closed: it was not waited for.
            tell.try_send(keyring.read(&label)).ok();
        });
        let text = answer.recv_timeout(system.patience.1).map_err(|late| Unavailable(late.to_string()))??;
        Ok(text.and_then(|text| {
            let key = serde_json::from_str(&text);
            key.inspect_err(|error| tracing::warn!(%error, "what the keyring holds is no key")).ok()
        }))
    }

    /// Throws a key away.
    pub fn forget(&self, server: &str, name: &str) {
        let label = label(server, name);
        {
            let mut drawer = self.drawer();
            drawer.newest.remove(&label);
            drawer.remove(&label);
        }
        let Some(system) = &self.system else { return };
        let changes = label.clone();
        let answer = system.asker.ask(Some(&changes), move |keyring, tell| {
            // Closed: it was not waited for.
            tell.try_send(keyring.forget(&label)).ok();
        });
        match answer.recv_timeout(system.patience.0) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "a key that is of no more use may stay in the keyring"),
            Err(error) => tracing::debug!(%error, "a key that is of no more use may stay in the keyring"),
        }
    }

    fn drawer(&self) -> MutexGuard<'_, Drawer> {
        locked(&self.drawer)
    }
}

fn locked(drawer: &Mutex<Drawer>) -> MutexGuard<'_, Drawer> {
    drawer.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drawer {
    /// What the file holds; `None` where it must be left alone, and where there is to be none.
    fn keys(&self) -> Option<BTreeMap<String, LoginKey>> {
        match file::load::<Keys>(self.file.as_ref()?, VERSION) {
            Found::Good(keys) => Some(keys.keys),
            Found::None | Found::Damaged(_) => Some(BTreeMap::new()),
            Found::Newer => None,
        }
    }

    /// Puts a key into the file; whether it is there.
    fn put(&self, label: String, key: &LoginKey) -> bool {
        let (Some(path), Some(mut keys)) = (&self.file, self.keys()) else { return false };
        keys.insert(label, key.clone()).as_ref() == Some(key) || save(path, keys)
    }

    /// Takes a key out of the file; whether it has none that this app would find.
    fn remove(&self, label: &str) -> bool {
        let (Some(path), Some(mut keys)) = (&self.file, self.keys()) else { return true };
        keys.remove(label).is_none() || save(path, keys)
    }
}

fn save(path: &Path, keys: BTreeMap<String, LoginKey>) -> bool {
    let saved = file::save(path, VERSION, &Keys { keys });
    if let Err(error) = &saved {
        tracing::warn!(path = %path.display(), %error, "the keys to logins were not saved");
    }
    saved.is_ok()
}

fn label(server: &str, name: &str) -> String {
    format!("{name} {server}")
}

//! Where the keys to logins are: in the keyring of the system; where there is none, in a file that its owner alone may
//! read. The one place that names the keyring.

use crate::settings::file::{self, Found};
use crate::signaling::LoginKey;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// What the keys are filed under in the keyring.
const SERVICE: &str = "castle-desktop";
const FILE: &str = "logins.json";
const VERSION: u32 = 1;

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

/// The keys to logins. Asking may wait for the person to open the keyring: never on a thread that must not block.
#[derive(Debug, Clone, Default)]
pub struct Vault {
    keyring: bool,
    /// `None`: keys are kept in the keyring or not at all.
    file: Option<Arc<Mutex<PathBuf>>>,
}

impl Vault {
    /// The keyring of the system, and a file in `folder` where there is none.
    pub fn of_user(folder: &Path) -> Self {
        Self { keyring: true, ..Self::in_folder(folder) }
    }

    /// A file in `folder` alone: a profile that was named has nothing to do with the user's keyring.
    pub fn in_folder(folder: &Path) -> Self {
        Self { keyring: false, file: Some(Arc::new(Mutex::new(folder.join(FILE)))) }
    }

    /// Whether keys belong into the keyring, where there is one.
    pub fn wants_keyring(&self) -> bool {
        self.keyring
    }

    /// Keeps a key in place of the one before.
    pub fn keep(&self, server: &str, name: &str, key: &LoginKey) -> Kept {
        if self.keyring {
            let text = serde_json::to_string(key).expect("text can be written");
            match keyring::Entry::new(SERVICE, &label(server, name))
                .and_then(|entry| entry.set_password(&text))
            {
                Ok(()) => {
                    self.change_file(|keys| keys.keys.remove(&label(server, name)).is_some());
                    return Kept::Keyring;
                }
                Err(error) => tracing::info!(%error, "no keyring takes the key"),
            }
        }
        let key = key.clone();
        let kept = self.change_file(|keys| {
            keys.keys.insert(label(server, name), key);
            true
        });
        if kept { Kept::File } else { Kept::Nowhere }
    }

    /// The key to a login, if there is one.
    pub fn key(&self, server: &str, name: &str) -> Option<LoginKey> {
        let kept = || {
            let text = keyring::Entry::new(SERVICE, &label(server, name)).ok()?.get_password().ok()?;
            serde_json::from_str(&text).ok()
        };
        self.keyring.then(kept).flatten().or_else(|| {
            let path = self.file.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
            read(&path).keys.remove(&label(server, name))
        })
    }

    /// Throws a key away.
    pub fn forget(&self, server: &str, name: &str) {
        if self.keyring
            && let Err(error) =
                keyring::Entry::new(SERVICE, &label(server, name)).and_then(|entry| entry.delete_credential())
        {
            tracing::debug!(%error, "no key in the keyring");
        }
        self.change_file(|keys| keys.keys.remove(&label(server, name)).is_some());
    }

    /// Changes the file where `change` says that there is something to write; whether it holds what it should.
    fn change_file(&self, change: impl FnOnce(&mut Keys) -> bool) -> bool {
        let Some(path) = &self.file else { return false };
        let path = path.lock().unwrap_or_else(PoisonError::into_inner);
        let mut keys = read(&path);
        if !change(&mut keys) {
            return true;
        }
        let saved = file::save(&path, VERSION, &keys);
        if let Err(error) = &saved {
            tracing::warn!(path = %path.display(), %error, "the key to a login was not kept");
        }
        saved.is_ok()
    }
}

fn read(path: &Path) -> Keys {
    match file::load(path, VERSION) {
        Found::Good(keys) => keys,
        Found::None | Found::Damaged(_) | Found::Newer => Keys::default(),
    }
}

fn label(server: &str, name: &str) -> String {
    format!("{name} {server}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_the_file_is_replaced_found_and_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::in_folder(folder.path());
        let key = |token: &str| LoginKey { refresh_token: token.into(), request_id: "r".into() };
        assert_eq!(vault.key("https://h:1", "ada"), None);
        assert_eq!(vault.keep("https://h:1", "ada", &key("one")), Kept::File);
        assert_eq!(vault.keep("https://h:1", "bea", &key("hers")), Kept::File);
        assert_eq!(vault.keep("https://h:1", "ada", &key("two")), Kept::File);
        let again = Vault::in_folder(folder.path());
        assert_eq!(again.key("https://h:1", "ada"), Some(key("two")));
        again.forget("https://h:1", "ada");
        assert_eq!(
            (vault.key("https://h:1", "ada"), vault.key("https://h:1", "bea")),
            (None, Some(key("hers")))
        );
        assert_eq!(Vault::default().keep("https://h:1", "ada", &key("x")), Kept::Nowhere);
    }
}

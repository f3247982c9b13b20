//! What the app remembers from one start to the next: preferences, servers and login names, the certificates that were
//! trusted, what names this device to servers, and where the window was. Never a password, nor anything that lets
//! somebody in.

use crate::signaling::Pins;
use crate::view::{KnownServer, Preferences, WindowPlace};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

pub(crate) mod file;
mod keeper;

pub use keeper::{Keepable, Keeper, Trouble};

/// Servers remembered; beyond it the one that was not used for longest is forgotten.
const SERVERS_MAX: usize = 20;

/// What is remembered.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Servers that were logged in to, the last one first.
    pub servers: Vec<Login>,
    /// The certificate of each server that was trusted by its fingerprint.
    pub pins: Pins,
    /// What names this device to each server, by guest. It lets nobody in.
    pub devices: BTreeMap<String, String>,
    /// What the person set.
    pub preferences: Preferences,
    /// Where the window was.
    pub window: Option<WindowPlace>,
    /// It was said that keys to logins are kept in a file, since there is no keyring.
    pub told_of_key_file: bool,
}

impl Keepable for Settings {
    const FILE: &'static str = "settings.json";
    const VERSION: u32 = 2;
}

/// A login of the past.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Login {
    /// Address without pin and invitation.
    pub server: String,
    /// Login name.
    pub name: String,
    /// A key to it is kept.
    pub remembered: bool,
}

impl Settings {
    /// A login: first in the list from now on.
    pub fn logged_in(&mut self, server: &str, name: &str, remembered: bool) {
        self.forget(server, name);
        let (server, name) = (server.to_owned(), name.to_owned());
        self.servers.insert(0, Login { server, name, remembered });
        self.servers.truncate(SERVERS_MAX);
    }

    /// No longer in the list.
    pub fn forget(&mut self, server: &str, name: &str) {
        self.servers.retain(|login| (login.server.as_str(), login.name.as_str()) != (server, name));
    }

    /// The key to it is gone, the server stays in the list.
    pub fn key_gone(&mut self, server: &str, name: &str) {
        for login in &mut self.servers {
            login.remembered &= (login.server.as_str(), login.name.as_str()) != (server, name);
        }
    }

    /// As the login screen shows them.
    pub fn known_servers(&self) -> Vec<KnownServer> {
        let known = |login: &Login| KnownServer {
            server: login.server.clone(),
            name: login.name.clone(),
            remembered: login.remembered,
        };
        self.servers.iter().map(known).collect()
    }
}

/// Where the settings of this user are, unless a profile says otherwise; `None` where the system names no home.
pub fn user_folder() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = if cfg!(target_os = "windows") {
        folder("APPDATA")
    } else if cfg!(target_os = "macos") {
        folder("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        folder("XDG_CONFIG_HOME").or_else(|| folder("HOME").map(|home| home.join(".config")))
    };
    base.map(|base| base.join("castle"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_there_at_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let profile = folder.path().join("a/b");
        let (keeper, trouble) = Keeper::<Settings>::open(&profile);
        assert_eq!((keeper.get(), trouble), (Settings::default(), None));
        keeper.change(|settings| {
            settings.logged_in("https://h:1", "ada", true);
            settings.preferences.zoom = 1.5;
        });
        let settings = keeper.get();
        drop(keeper);
        assert_eq!(Keeper::<Settings>::open(&profile).0.get(), settings);
        assert_eq!(std::fs::read_dir(&profile).unwrap().count(), 1);
    }

    #[test]
    fn a_damaged_file_is_set_aside_and_a_newer_one_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(Settings::FILE);
        std::fs::write(&path, "{").unwrap();
        let (keeper, trouble) = Keeper::<Settings>::open(folder.path());
        assert!(matches!(trouble, Some(Trouble::Damaged(Some(_)))), "{trouble:?}");
        keeper.change(|settings| settings.preferences.relay_only = true);
        drop(keeper);
        assert!(Keeper::<Settings>::open(folder.path()).0.get().preferences.relay_only);

        let newer = r#"{"version":99}"#;
        std::fs::write(&path, newer).unwrap();
        let (keeper, trouble) = Keeper::<Settings>::open(folder.path());
        assert_eq!(trouble, Some(Trouble::Newer(path.clone())));
        keeper.change(|settings| settings.preferences.relay_only = true);
        drop(keeper);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), newer);
    }

    #[test]
    fn the_file_of_the_first_version_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let first = r#"{"version":1,"server":"https://h:1","name":"ada","pins":{"https://h:1":"sha256:00"},"devices":{}}"#;
        std::fs::write(folder.path().join(Settings::FILE), first).unwrap();
        let (keeper, trouble) = Keeper::<Settings>::open(folder.path());
        assert_eq!(trouble, None);
        assert_eq!(keeper.get().pins.len(), 1);
    }

    #[test]
    fn the_last_login_is_first_and_old_ones_are_forgotten() {
        let mut settings = Settings::default();
        for n in 0..2 * SERVERS_MAX {
            settings.logged_in(&format!("https://h:{n}"), "ada", true);
        }
        settings.logged_in("https://h:30", "ada", false);
        assert_eq!(settings.servers.len(), SERVERS_MAX);
        assert_eq!(
            (settings.servers[0].server.as_str(), settings.servers[0].remembered),
            ("https://h:30", false)
        );
        settings.key_gone("https://h:39", "ada");
        assert!(!settings.servers[1].remembered && settings.servers[2].remembered);
    }
}

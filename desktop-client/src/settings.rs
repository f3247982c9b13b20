//! What the app remembers from one start to the next of how it was set: preferences, and where the window was. What it
//! knows of servers is [`Servers`]'.

use crate::view::{Preferences, WindowPlace};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

pub(crate) mod file;
mod keeper;
mod servers;

pub use keeper::{Keepable, Keeper, Trouble};
pub use servers::{Login, Servers};

/// What is remembered.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// What the person set.
    pub preferences: Preferences,
    /// Where the window was.
    pub window: Option<WindowPlace>,
    /// It was said that keys to logins are kept in a file, since there is no keyring.
    pub told_of_key_file: bool,
}

impl Keepable for Settings {
    const FILE: &'static str = "settings.json";
    const VERSION: u32 = 3;
}

/// The version of the settings from which on servers have a file of their own.
const WITHOUT_SERVERS: u32 = 3;

/// What `folder` holds of settings and of servers, and what was wrong with either. Servers that an older version of the
/// app kept among the settings are taken over once.
pub fn open(folder: &Path) -> (Keeper<Settings>, Keeper<Servers>, Vec<(&'static str, Trouble)>) {
    let (settings, of_settings) = Keeper::<Settings>::open(folder);
    let kept = folder.join(Settings::FILE);
    let older = file::version(&kept).is_some_and(|version| version < WITHOUT_SERVERS);
    let first = !folder.join(Servers::FILE).exists();
    let taken_over = (older && first).then(|| take_over(&kept, folder, &settings)).flatten();
    let (servers, of_servers) = Keeper::open(folder);
    if let Some(known) = taken_over {
        // Where nothing can be written they are known as long as the app runs.
        servers.change(|servers| *servers = known);
    }
    let named = |file, trouble: Option<Trouble>| trouble.map(|trouble| (file, trouble));
    let troubles = named(Settings::FILE, of_settings).into_iter().chain(named(Servers::FILE, of_servers));
    (settings, servers, troubles.collect())
}

/// The older file names them as the new one does. Only once they are in the new one do they leave the older.
fn take_over(kept: &Path, folder: &Path, settings: &Keeper<Settings>) -> Option<Servers> {
    let file::Found::Good(servers) = file::load::<Servers>(kept, Settings::VERSION) else { return None };
    let moved = file::save(&folder.join(Servers::FILE), Servers::VERSION, &servers)
        .and_then(|()| file::save(kept, Settings::VERSION, &settings.get()));
    if let Err(error) = moved {
        tracing::warn!(%error, "servers stay among the settings");
    }
    Some(servers)
}

/// The language that was set in `folder`, as far as its settings can be read: to be spoken before anything is opened.
pub fn language(folder: &Path) -> Option<String> {
    file::peek::<Settings>(&folder.join(Settings::FILE))?.preferences.language
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
            settings.preferences.zoom = 1.5;
        });
        let settings = keeper.get();
        drop(keeper);
        assert_eq!(Keeper::<Settings>::open(&profile).0.get(), settings);
        assert_eq!(std::fs::read_dir(&profile).unwrap().count(), 1);
    }

    #[test]
    fn the_language_is_known_before_anything_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(language(folder.path()), None);
        let (keeper, _) = Keeper::<Settings>::open(folder.path());
        keeper.change(|settings| settings.preferences.language = Some("he".into()));
        drop(keeper);
        assert_eq!(language(folder.path()).as_deref(), Some("he"));
        let path = folder.path().join(Settings::FILE);
        std::fs::write(&path, "{").unwrap();
        assert_eq!((language(folder.path()), path.exists()), (None, true), "nothing is set aside by a look");
    }

    /// Waits until the keeper says so of its file.
    fn until(keeper: &Keeper<Settings>, unsaved: bool) {
        let deadline = std::time::Instant::now() + std::time::Duration::from_mins(1);
        while keeper.is_unsaved() != unsaved {
            assert!(std::time::Instant::now() < deadline, "never {unsaved}");
            std::thread::yield_now();
        }
    }

    #[test]
    fn what_could_not_be_saved_is_saved_as_soon_as_it_can() {
        let room = tempfile::tempdir().unwrap();
        let folder = room.path().join("castle");
        let (keeper, _) = Keeper::<Settings>::open(&folder);
        // A file where the folder should be: nobody can write there, whoever they are.
        std::fs::write(&folder, "in the way").unwrap();
        keeper.change(|settings| settings.preferences.relay_only = true);
        until(&keeper, true);
        std::fs::remove_file(&folder).unwrap();
        until(&keeper, false);
        let kept = file::peek::<Settings>(&folder.join(Settings::FILE)).unwrap();
        assert!(kept.preferences.relay_only, "while the app runs");
    }

    #[test]
    fn what_could_not_be_saved_is_tried_once_more_at_the_end() {
        let room = tempfile::tempdir().unwrap();
        let folder = room.path().join("castle");
        let (keeper, _) = Keeper::<Settings>::open(&folder);
        std::fs::write(&folder, "in the way").unwrap();
        keeper.change(|settings| settings.preferences.relay_only = true);
        until(&keeper, true);
        std::fs::remove_file(&folder).unwrap();
        drop(keeper);
        assert!(Keeper::<Settings>::open(&folder).0.get().preferences.relay_only);
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
    fn servers_among_older_settings_are_taken_over_once() {
        let folder = tempfile::tempdir().unwrap();
        let older = r#"{"version":2,"servers":[{"server":"https://h:1","name":"ada","remembered":true}],
            "pins":{"https://h:1":"sha256:00"},"devices":{"ada https://h:1":"d"},"preferences":{"relay_only":true}}"#;
        std::fs::write(folder.path().join(Settings::FILE), older).unwrap();
        let (settings, servers, troubles) = open(folder.path());
        assert_eq!((settings.get().preferences.relay_only, troubles.len()), (true, 0));
        let known = servers.get();
        assert_eq!((known.logins[0].name.as_str(), known.pins.len(), known.devices.len()), ("ada", 1, 1));
        servers.change(|servers| servers.forget("https://h:1", "ada"));
        drop((settings, servers));
        assert!(
            !std::fs::read_to_string(folder.path().join(Settings::FILE)).unwrap().contains("https://h:1")
        );

        let (settings, servers, troubles) = open(folder.path());
        assert_eq!((settings.get().preferences.relay_only, troubles.len()), (true, 0));
        assert_eq!(
            (servers.get().logins.len(), servers.get().pins.len()),
            (0, 1),
            "what was forgotten stays so"
        );
    }

    #[test]
    fn the_file_of_the_first_version_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let first = r#"{"version":1,"server":"https://h:1","name":"ada","pins":{"https://h:1":"sha256:00"},"devices":{}}"#;
        std::fs::write(folder.path().join(Settings::FILE), first).unwrap();
        let (_, servers, troubles) = open(folder.path());
        assert_eq!((servers.get().pins.len(), troubles.len()), (1, 0));
    }

    #[test]
    fn damage_to_one_file_costs_nothing_of_the_other() {
        for (damaged, whole) in [(Settings::FILE, Servers::FILE), (Servers::FILE, Settings::FILE)] {
            let folder = tempfile::tempdir().unwrap();
            let (settings, servers, _) = open(folder.path());
            settings.change(|settings| settings.preferences.relay_only = true);
            servers.change(|servers| servers.logged_in("https://h:1", "ada", true));
            drop((settings, servers));
            std::fs::write(folder.path().join(damaged), "{\"version\"").unwrap();
            let kept = std::fs::read(folder.path().join(whole)).unwrap();

            let (settings, servers, troubles) = open(folder.path());
            assert!(
                matches!(&troubles[..], [(file, Trouble::Damaged(Some(_)))] if *file == damaged),
                "{troubles:?}"
            );
            let of_settings = damaged == Settings::FILE;
            assert_eq!(settings.get().preferences.relay_only, !of_settings);
            assert_eq!(servers.get().logins.len(), usize::from(of_settings));
            assert_eq!(std::fs::read(folder.path().join(whole)).unwrap(), kept);
        }
    }

    #[test]
    fn a_newer_list_of_servers_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (path, newer) = (folder.path().join(Servers::FILE), r#"{"version":99}"#);
        std::fs::write(&path, newer).unwrap();
        let (_, servers, troubles) = open(folder.path());
        assert_eq!(troubles, [(Servers::FILE, Trouble::Newer(path.clone()))]);
        servers.change(|servers| servers.logged_in("https://h:1", "ada", true));
        drop(servers);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), newer);
    }
}

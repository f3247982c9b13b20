//! What the app remembers from one start to the next: the last server and name, and the certificates that were trusted.
//! Never a password.
//!
//! One small JSON file, versioned, written whole beside the old one and put in its place (so that a crash leaves one
//! or the other), readable by its owner.

use crate::signaling::Pins;
use serde::{Deserialize, Serialize};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Version of the file: one that is newer is left alone.
const VERSION: u32 = 1;
const FILE: &str = "settings.json";
/// A file larger than this is not ours, bytes.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// What is remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The last server that was logged in to.
    pub server: Option<String>,
    /// The last login name.
    pub name: Option<String>,
    /// The certificate of each server that was trusted by its fingerprint.
    pub pins: Pins,
}

#[derive(Serialize, Deserialize)]
struct Versioned {
    version: u32,
    #[serde(flatten)]
    settings: Settings,
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

/// Reads the settings in `folder`. None there, or not ours: the defaults.
pub fn load(folder: &Path) -> Settings {
    let path = folder.join(FILE);
    if std::fs::metadata(&path).is_ok_and(|file| file.len() > FILE_BYTES_MAX) {
        return Settings::default();
    }
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    match serde_json::from_str::<Versioned>(&text) {
        Ok(file) if file.version == VERSION => file.settings,
        Ok(_) | Err(_) => Settings::default(),
    }
}

/// Writes the settings into `folder`, which is made if need be.
pub fn save(folder: &Path, settings: &Settings) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let beside = folder.join(format!("{FILE}.{}", std::process::id()));
    let file = Versioned { version: VERSION, settings: settings.clone() };
    let text = serde_json::to_vec_pretty(&file).map_err(io::Error::other)?;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut out = options.open(&beside)?;
    out.write_all(&text)?;
    out.sync_all()?;
    std::fs::rename(&beside, folder.join(FILE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_is_loaded_and_rubbish_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let nested = folder.path().join("a/b");
        assert_eq!(load(&nested), Settings::default());
        let pins = Pins::from([("https://h:1".into(), "sha256:00".into())]);
        let settings = Settings { server: Some("https://h:1".into()), name: Some("ada".into()), pins };
        save(&nested, &settings).unwrap();
        assert_eq!(load(&nested), settings);
        assert_eq!(std::fs::read_dir(&nested).unwrap().count(), 1, "nothing is left beside it");
        for text in ["", "{", r#"{"version":99,"server":"http://later"}"#, "[1]"] {
            std::fs::write(nested.join(FILE), text).unwrap();
            assert_eq!(load(&nested), Settings::default(), "{text}");
        }
    }
}

//! Small JSON files that last: versioned, written whole beside the old one and put in its place (so that a crash leaves
//! one or the other), readable by their owner alone. A damaged one is set aside, a newer one left alone.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// A file larger than this is not ours, bytes.
const BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What a folder held.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<T> {
    /// Nothing.
    None,
    /// Ours.
    Good(T),
    /// Cannot be read. Set aside under this name, if that worked.
    Damaged(Option<PathBuf>),
    /// Of a later version of the app.
    Newer,
}

#[derive(Serialize)]
struct Versioned<'a, T> {
    version: u32,
    #[serde(flatten)]
    content: &'a T,
}

#[derive(Deserialize)]
struct VersionOnly {
    version: u32,
}

/// Reads `path`, which holds at most `version`.
pub(crate) fn load<T: DeserializeOwned>(path: &Path, version: u32) -> Found<T> {
    let text = match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Found::None,
        Ok(file) if file.is_file() && file.len() <= BYTES_MAX => std::fs::read(path),
        Ok(_) => Err(io::ErrorKind::InvalidData.into()),
        Err(error) => Err(error),
    };
    let parsed = text.map_err(|error| error.to_string()).and_then(|text| {
        let only = serde_json::from_slice::<VersionOnly>(&text).map_err(|error| error.to_string())?;
        if only.version > version {
            return Ok(Found::Newer);
        }
        serde_json::from_slice(&text).map(Found::Good).map_err(|error| error.to_string())
    });
    parsed.unwrap_or_else(|error| {
        tracing::warn!(path = %path.display(), %error, "a file cannot be read and is set aside");
        Found::Damaged(set_aside(path))
    })
}

/// Which version `path` says it is of; `None` where it does not.
pub(crate) fn version(path: &Path) -> Option<u32> {
    peek::<VersionOnly>(path).map(|only| only.version)
}

/// What `path` holds, of whatever version, as far as it can be read. Nothing is set aside.
pub(crate) fn peek<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let file = std::fs::metadata(path).ok().filter(|file| file.is_file() && file.len() <= BYTES_MAX);
    let text = file.and_then(|_| std::fs::read(path).ok())?;
    serde_json::from_slice(&text).ok()
}

fn set_aside(path: &Path) -> Option<PathBuf> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(format!(".damaged-{seconds}"));
    let aside = PathBuf::from(name);
    std::fs::rename(path, &aside).ok().map(|()| aside)
}

/// Writes `path`; its folder is made if need be.
pub(crate) fn save<T: Serialize>(path: &Path, version: u32, content: &T) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    make_private_folder(folder)?;
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    let beside = PathBuf::from(name);
    let text = serde_json::to_vec_pretty(&Versioned { version, content }).map_err(io::Error::other)?;
    write_private(&beside, &text)?;
    std::fs::rename(&beside, path)?;
    // The name is durable once the folder is; where a folder cannot be opened, the system sees to it.
    if let Ok(folder) = std::fs::File::open(folder) {
        folder.sync_all().ok();
    }
    Ok(())
}

/// Makes a folder, and those above it, that their owner alone may enter; one that is there stays as it is.
pub(crate) fn make_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn write_private(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut out = options.open(path)?;
    out.write_all(text)?;
    out.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Content {
        a: String,
    }

    #[test]
    fn what_was_saved_is_found_and_only_the_owner_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/file.json");
        assert_eq!(load::<Content>(&path, 1), Found::None);
        let content = Content { a: "b".into() };
        save(&path, 1, &content).unwrap();
        assert_eq!(load(&path, 1), Found::Good(content));
        assert_eq!(
            std::fs::read_dir(path.parent().unwrap()).unwrap().count(),
            1,
            "nothing is left beside it"
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_damaged_file_is_set_aside_and_a_newer_one_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.json");
        for text in ["", "{", "[1]", r#"{"a":"b"}"#, r#"{"version":1,"a":5}"#] {
            std::fs::write(&path, text).unwrap();
            let Found::Damaged(Some(aside)) = load::<Content>(&path, 1) else { panic!("{text}") };
            assert_eq!(std::fs::read_to_string(&aside).unwrap(), text);
            assert!(aside.to_string_lossy().contains("file.json.damaged-") && !path.exists());
            std::fs::remove_file(aside).unwrap();
        }
        std::fs::write(&path, r#"{"version":2,"a":5}"#).unwrap();
        assert_eq!(load::<Content>(&path, 1), Found::Newer);
        assert!(path.exists());
    }
}

//! Files that a person asked for: written whole beside their place and then put there, never over another one, and for
//! their owner's eyes alone.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Names tried for the file: whoever has so many has kept more than anybody reads.
const NAMES_MAX: u32 = 100;

/// Keeps `content` in `file`, or beside it where that name is taken. Returns where it is.
pub(super) fn keep(file: &Path, content: &[u8]) -> io::Result<PathBuf> {
    let written = write_beside(file, content)?;
    for attempt in 1..=NAMES_MAX {
        let path = if attempt == 1 { file.to_owned() } else { numbered(file, attempt) };
        match put(&written, &path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                std::fs::remove_file(&written).ok();
                return Err(error);
            }
        }
    }
    std::fs::remove_file(&written).ok();
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Writes `content` into a new file in the folder of `file`.
fn write_beside(file: &Path, content: &[u8]) -> io::Result<PathBuf> {
    let path = file.with_file_name(format!(".castle-{:032x}.part", rand::random::<u128>()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut out = options.open(&path)?;
    let written = out.write_all(content).and_then(|()| out.sync_all());
    if let Err(error) = written {
        std::fs::remove_file(&path).ok();
        return Err(error);
    }
    Ok(path)
}

/// Gives what was written its name, unless that is taken.
fn put(written: &Path, path: &Path) -> io::Result<()> {
    match std::fs::hard_link(written, path) {
        Ok(()) => {
            std::fs::remove_file(written).ok();
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
        Err(_) => {
            // Not every file system has a second name for a file: then the name is taken first.
            OpenOptions::new().write(true).create_new(true).open(path)?;
            if let Err(error) = std::fs::rename(written, path) {
                std::fs::remove_file(path).ok();
                return Err(error);
            }
        }
    }
    // The name is durable once the folder is; where a folder cannot be opened, the system sees to it.
    if let Some(folder) = path.parent().and_then(|folder| std::fs::File::open(folder).ok()) {
        folder.sync_all().ok();
    }
    Ok(())
}

/// `notes.txt` becomes `notes-2.txt`.
fn numbered(file: &Path, number: u32) -> PathBuf {
    let mut name = file.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-{number}"));
    let numbered = file.with_file_name(name);
    match file.extension() {
        Some(extension) => {
            let mut whole = numbered.into_os_string();
            whole.push(".");
            whole.push(extension);
            whole.into()
        }
        None => numbered,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_there_is_left_alone_and_the_new_one_is_for_its_owner() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("notes.of mine.txt");
        std::fs::write(&file, "a letter").expect("written");
        let kept = keep(&file, b"first").expect("kept");
        assert_eq!(kept, folder.path().join("notes.of mine-2.txt"));
        assert_eq!(keep(&file, b"second").expect("kept"), folder.path().join("notes.of mine-3.txt"));
        assert_eq!(std::fs::read_to_string(&file).expect("read"), "a letter");
        assert_eq!(std::fs::read_to_string(&kept).expect("read"), "first");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(&kept).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert!(keep(&folder.path().join("no/such/folder.txt"), b"x").is_err());
        assert_eq!(numbered(Path::new("/a/name"), 2), Path::new("/a/name-2"));
        let left = std::fs::read_dir(folder.path()).expect("read").count();
        assert_eq!(left, 3, "nothing is left beside them");
    }

    #[test]
    fn where_no_name_is_free_nothing_is_written_and_nothing_lost() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a");
        for attempt in 1..=NAMES_MAX {
            let taken = if attempt == 1 { file.clone() } else { numbered(&file, attempt) };
            std::fs::write(taken, "mine").expect("written");
        }
        let refused = keep(&file, b"x").expect_err("no name is free");
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        let files = std::fs::read_dir(folder.path()).expect("read").map(|entry| entry.expect("read").path());
        let texts: Vec<_> = files.map(|path| std::fs::read_to_string(path).expect("read")).collect();
        assert_eq!(texts, vec!["mine"; NAMES_MAX as usize]);
    }
}

//! The log in the profile's folder: a few files of bounded size, the newest written, the older ones numbered.

use crate::settings::file::make_private_folder;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Name of the file that is written.
const FILE: &str = "castle-desktop.log";
/// Largest file, bytes.
const BYTES_MAX: u64 = 1024 * 1024;
/// Older files that are kept.
const OLDER: usize = 3;

/// Writes lines, and begins another file when one is full.
#[derive(Debug)]
pub struct RotatingLog {
    folder: PathBuf,
    file: File,
    written: u64,
}

impl RotatingLog {
    /// Goes on with the log in `folder`, which is made if need be.
    pub fn open(folder: &Path) -> io::Result<Self> {
        make_private_folder(folder)?;
        let file = open(&folder.join(FILE))?;
        let written = file.metadata()?.len();
        Ok(Self { folder: folder.to_owned(), file, written })
    }

    fn rotate(&mut self) -> io::Result<()> {
        for number in (1..OLDER).rev() {
            let (from, to) = (older(&self.folder, number), older(&self.folder, number + 1));
            if from.exists() {
                std::fs::rename(from, to)?;
            }
        }
        std::fs::rename(self.folder.join(FILE), older(&self.folder, 1))?;
        self.file = open(&self.folder.join(FILE))?;
        self.written = 0;
        Ok(())
    }
}

impl Write for RotatingLog {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // A disk that refuses a new file still takes the line into the old one.
        if self.written >= BYTES_MAX && self.rotate().is_err() {
            self.written = 0;
        }
        let written = self.file.write(line)?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn older(folder: &Path, number: usize) -> PathBuf {
    folder.join(format!("{FILE}.{number}"))
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// The last lines in `folder`, at most `bytes` of them.
pub fn tail(folder: &Path, bytes: u64) -> Vec<String> {
    let read = |path: &Path, bytes: u64| -> io::Result<String> {
        let mut file = File::open(path)?;
        let skip = file.metadata()?.len().saturating_sub(bytes);
        file.seek(SeekFrom::Start(skip))?;
        let mut text = Vec::new();
        file.take(bytes).read_to_end(&mut text)?;
        let text = String::from_utf8_lossy(&text).into_owned();
        // A line that was cut is none.
        Ok(if skip > 0 {
            text.split_once('\n').map(|(_, rest)| rest.to_owned()).unwrap_or_default()
        } else {
            text
        })
    };
    let newest = read(&folder.join(FILE), bytes).unwrap_or_default();
    let left = bytes.saturating_sub(newest.len() as u64);
    let before = if left > 0 { read(&older(folder, 1), left).unwrap_or_default() } else { String::new() };
    before.lines().chain(newest.lines()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_profile_that_the_log_makes_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let room = tempfile::tempdir().unwrap();
        let profile = room.path().join("castle");
        RotatingLog::open(&profile.join("logs")).unwrap();
        for made in [profile.clone(), profile.join("logs")] {
            assert_eq!(std::fs::metadata(&made).unwrap().permissions().mode() & 0o777, 0o700, "{made:?}");
        }
    }

    #[test]
    fn a_full_file_is_numbered_and_the_oldest_is_thrown_away() {
        let folder = tempfile::tempdir().unwrap();
        let line = [b'x'; 1023].iter().chain(b"\n").copied().collect::<Vec<u8>>();
        let mut log = RotatingLog::open(folder.path()).unwrap();
        for _ in 0..6 * 1024 {
            log.write_all(&line).unwrap();
        }
        log.write_all(b"the last\n").unwrap();
        let sizes: Vec<u64> =
            std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).collect();
        assert_eq!(sizes.len(), OLDER + 1);
        assert!(sizes.iter().all(|size| *size <= BYTES_MAX + 1024), "{sizes:?}");
        let lines = tail(folder.path(), 64 * 1024);
        assert_eq!(lines.last().map(String::as_str), Some("the last"));
        assert!((60..=64).contains(&lines.len()), "{}", lines.len());
        assert!(lines[..lines.len() - 1].iter().all(|line| line.len() == 1023));
    }
}

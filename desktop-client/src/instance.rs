//! One app for each profile: a second start hands its link to the first and ends.
//!
//! A lock on a file says who is first, and is gone with its holder, however that ended. The link travels through a
//! socket in the same folder, which only its owner may enter.

use crate::settings::file::make_private_folder;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

const LOCK: &str = "app.lock";
#[cfg(unix)]
const SOCKET: &str = "app.sock";
/// Longest link, bytes.
#[cfg(unix)]
const LINK_BYTES_MAX: u64 = 4096;

/// What a start came to.
#[derive(Debug)]
pub enum Started {
    /// It is the only one.
    First(Instance),
    /// Another one runs, and was told.
    Handed,
    /// Another one runs, and does not listen.
    Deaf,
}

/// The right to be the only one. Dropping it gives it up.
#[derive(Debug)]
pub struct Instance {
    _lock: File,
    #[cfg(unix)]
    listener: Option<std::os::unix::net::UnixListener>,
}

/// Becomes the app of the profile in `folder`, or hands `link` to the one that is.
pub fn start(folder: &Path, link: Option<&str>) -> io::Result<Started> {
    make_private_folder(folder)?;
    let lock = OpenOptions::new().write(true).create(true).truncate(false).open(folder.join(LOCK))?;
    match lock.try_lock() {
        Ok(()) => Ok(Started::First(Instance::new(folder, lock))),
        Err(TryLockError::WouldBlock) => Ok(if hand_over(folder, link.unwrap_or_default()).is_ok() {
            Started::Handed
        } else {
            Started::Deaf
        }),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(unix)]
fn hand_over(folder: &Path, link: &str) -> io::Result<()> {
    use std::io::{Read as _, Write as _};
    let mut stream = std::os::unix::net::UnixStream::connect(folder.join(SOCKET))?;
    let patience = Some(std::time::Duration::from_secs(3));
    stream.set_read_timeout(patience)?;
    stream.set_write_timeout(patience)?;
    stream.write_all(link.lines().next().unwrap_or_default().as_bytes())?;
    stream.write_all(b"\n")?;
    // Taken: the other end says so with one byte.
    stream.read_exact(&mut [0])
}

#[cfg(not(unix))]
fn hand_over(_folder: &Path, _link: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

impl Instance {
    #[cfg(unix)]
    fn new(folder: &Path, lock: File) -> Self {
        let path = folder.join(SOCKET);
        // Left behind by one that ended suddenly; the lock says that nobody listens there.
        std::fs::remove_file(&path).ok();
        let listener = std::os::unix::net::UnixListener::bind(&path);
        let private = |listener| {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map(|()| listener)
        };
        let listener = listener.and_then(private);
        if let Err(error) = &listener {
            tracing::warn!(%error, "a second start cannot hand over its link");
        }
        Self { _lock: lock, listener: listener.ok() }
    }

    #[cfg(not(unix))]
    fn new(_folder: &Path, lock: File) -> Self {
        Self { _lock: lock }
    }

    /// Tells of every further start, with its link if it had one, for as long as this program runs.
    #[cfg(unix)]
    pub fn listen(&self, called: impl Fn(Option<String>) + Send + 'static) {
        use std::io::{BufRead as _, BufReader, Read as _, Write as _};
        let Some(listener) = self.listener.as_ref().and_then(|listener| listener.try_clone().ok()) else {
            return;
        };
        let serve = move || {
            for stream in listener.incoming() {
                let taken = stream.and_then(|mut stream| {
                    stream.set_read_timeout(Some(std::time::Duration::from_secs(1)))?;
                    let mut line = String::new();
                    BufReader::new((&mut stream).take(LINK_BYTES_MAX)).read_line(&mut line)?;
                    let link = line.trim();
                    called((!link.is_empty()).then(|| link.to_owned()));
                    stream.write_all(b"\n")
                });
                if let Err(error) = taken {
                    tracing::debug!(%error, "a second start");
                }
            }
        };
        if let Err(error) = std::thread::Builder::new().name("second-starts".into()).spawn(serve) {
            tracing::warn!(%error, "a second start cannot hand over its link");
        }
    }

    /// On this system nothing is handed over.
    #[cfg(not(unix))]
    pub fn listen(&self, _called: impl Fn(Option<String>) + Send + 'static) {}
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::sync::mpsc::sync_channel;
    use std::time::Duration;

    #[test]
    fn a_second_start_hands_its_link_to_the_first_and_a_third_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let Ok(Started::First(first)) = start(folder.path(), None) else { panic!("not the first") };
        let (told, links) = sync_channel(4);
        first.listen(move |link| told.send(link).unwrap());
        for link in [Some("castle://h:1/?invite=x".to_owned()), None] {
            assert!(matches!(start(folder.path(), link.as_deref()), Ok(Started::Handed)));
            assert_eq!(links.recv_timeout(Duration::from_secs(10)), Ok(link));
        }
        drop(first);
        assert!(matches!(start(folder.path(), None), Ok(Started::First(_))));
    }

    #[test]
    fn a_profile_that_a_start_makes_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let room = tempfile::tempdir().unwrap();
        let profile = room.path().join("castle");
        start(&profile, None).unwrap();
        assert_eq!(std::fs::metadata(&profile).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn an_app_that_does_not_listen_is_not_waited_for_long() {
        let folder = tempfile::tempdir().unwrap();
        let Ok(Started::First(first)) = start(folder.path(), None) else { panic!("not the first") };
        std::fs::remove_file(folder.path().join(SOCKET)).unwrap();
        assert!(matches!(start(folder.path(), None), Ok(Started::Deaf)));
        drop(first);
    }
}

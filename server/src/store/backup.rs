//! The file that a backup is: every row of every table, framed, with a digest at the end.
//!
//! Owns the format, writing and reading alike. Pure but for the stream it is given; never opens a store. Whatever the
//! bytes are, reading ends in rows or in a [`BackupError`], and holds no more than one row in memory.
//!
//! ```text
//! "castle-backup\n"  format u32  schema u32  made at u64 (ms since 1970)
//! row:  1 u8  table (u8 length)  key (u16 length)  value (u32 length)
//! end:  0 u8  rows u64  SHA-256 of all before it
//! ```
//! All figures are big-endian.

use sha2::{Digest as _, Sha256};
use std::io::{self, Read, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const MAGIC: &[u8; 14] = b"castle-backup\n";
/// The format written here.
pub const FORMAT: u32 = 1;
/// Longest value that is written or read, bytes: far above any row, and no load on memory.
const VALUE_BYTES_MAX: usize = 4 * 1024 * 1024;
const ROW: u8 = 1;
const END: u8 = 0;

/// Why a backup cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Something else.
    #[error("this is not a backup of a castle-server")]
    NotABackup,
    /// Made by a newer program.
    #[error("the backup is of a newer castle-server ({what} {found}, this one knows {known}): upgrade")]
    Newer {
        /// `format` or `schema`.
        what: &'static str,
        /// The version found.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// Cut off or changed.
    #[error("the backup is damaged: {0}")]
    Damaged(&'static str),
    /// The file system said no.
    #[error("the backup: {0}")]
    Io(#[from] io::Error),
}

/// How a backup begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The layout of its rows.
    pub schema: u32,
    /// When it was made, to the millisecond.
    pub made_at: SystemTime,
}

/// One row of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Name of the table, at most 255 bytes.
    pub table: Vec<u8>,
    /// At most 65,535 bytes.
    pub key: Vec<u8>,
    /// At most 4 MiB.
    pub value: Vec<u8>,
}

/// How a backup ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tail {
    /// How many rows it has.
    pub rows: u64,
    /// SHA-256 of all before it.
    pub digest: [u8; 32],
}

/// A backup read as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// Its beginning.
    pub head: Head,
    /// Its rows, in their order.
    pub rows: Vec<Row>,
    /// Its end.
    pub tail: Tail,
}

/// Reads a backup that is in memory.
///
/// Errors: [`BackupError`], but for `Io`.
pub fn read(bytes: &[u8]) -> Result<Backup, BackupError> {
    let mut reader = Reader::new(bytes)?;
    let head = reader.head();
    let mut rows = Vec::new();
    loop {
        match reader.read_next()? {
            Next::Row(row) => rows.push(row),
            Next::End(tail) => return Ok(Backup { head, rows, tail }),
        }
    }
}

/// Writes a backup row by row.
pub struct Writer<W> {
    out: W,
    digest: Sha256,
    rows: u64,
}

impl<W: Write> Writer<W> {
    /// Begins one.
    pub fn new(out: W, head: Head) -> io::Result<Self> {
        let mut writer = Self { out, digest: Sha256::new(), rows: 0 };
        let made_at = head.made_at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        writer.put(MAGIC)?;
        writer.put(&FORMAT.to_be_bytes())?;
        writer.put(&head.schema.to_be_bytes())?;
        writer.put(&made_at.to_be_bytes())?;
        Ok(writer)
    }

    /// Adds a row. One that is over a limit of [`Row`] is an error.
    pub fn row(&mut self, table: &[u8], key: &[u8], value: &[u8]) -> io::Result<()> {
        let too_long = |_| io::Error::new(io::ErrorKind::InvalidData, "a row is too long for a backup");
        let table_len = u8::try_from(table.len()).map_err(too_long)?;
        let key_len = u16::try_from(key.len()).map_err(too_long)?;
        let value_len = u32::try_from(value.len()).map_err(too_long)?;
        if value.len() > VALUE_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a row is too long for a backup"));
        }
        self.put(&[ROW, table_len])?;
        self.put(table)?;
        self.put(&key_len.to_be_bytes())?;
        self.put(key)?;
        self.put(&value_len.to_be_bytes())?;
        self.put(value)?;
        self.rows += 1;
        Ok(())
    }

    /// Ends it.
    pub fn end(mut self) -> io::Result<(W, Tail)> {
        self.put(&[END])?;
        self.put(&self.rows.to_be_bytes())?;
        let digest: [u8; 32] = self.digest.finalize().into();
        self.out.write_all(&digest)?;
        self.out.flush()?;
        Ok((self.out, Tail { rows: self.rows, digest }))
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.digest.update(bytes);
        self.out.write_all(bytes)
    }
}

/// What comes next in a backup.
#[derive(Debug)]
pub enum Next {
    /// A row. Believe none of them before the end was seen.
    Row(Row),
    /// The end: count and digest are right, and nothing follows.
    End(Tail),
}

/// Reads a backup row by row.
pub struct Reader<R> {
    input: R,
    digest: Sha256,
    head: Head,
    rows: u64,
}

impl<R: Read> Reader<R> {
    /// Reads how it begins.
    ///
    /// Errors: [`BackupError`].
    pub fn new(mut input: R) -> Result<Self, BackupError> {
        let mut magic = [0; MAGIC.len()];
        match input.read_exact(&mut magic) {
            Ok(()) if magic == *MAGIC => {}
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error.into()),
            _ => return Err(BackupError::NotABackup),
        }
        let head = Head { schema: 0, made_at: UNIX_EPOCH };
        let mut reader = Self { input, digest: Sha256::new_with_prefix(magic), head, rows: 0 };
        let format = u32::from_be_bytes(reader.take()?);
        if format > FORMAT {
            return Err(BackupError::Newer { what: "format", found: format, known: FORMAT });
        }
        if format == 0 {
            return Err(BackupError::Damaged("its format is unknown"));
        }
        reader.head.schema = u32::from_be_bytes(reader.take()?);
        let made_at = Duration::from_millis(u64::from_be_bytes(reader.take()?));
        reader.head.made_at =
            UNIX_EPOCH.checked_add(made_at).ok_or(BackupError::Damaged("its time is out of range"))?;
        Ok(reader)
    }

    /// How it begins.
    pub fn head(&self) -> Head {
        self.head
    }

    /// The next row, or the end. Not to be called after the end or an error.
    ///
    /// Errors: [`BackupError`].
    pub fn read_next(&mut self) -> Result<Next, BackupError> {
        match self.take::<1>()? {
            [ROW] => {
                let [table] = self.take()?;
                let table = self.bytes(table.into())?;
                let key = u16::from_be_bytes(self.take()?);
                let key = self.bytes(key.into())?;
                let value = u32::from_be_bytes(self.take()?) as usize;
                if value > VALUE_BYTES_MAX {
                    return Err(BackupError::Damaged("a row is too long"));
                }
                let value = self.bytes(value)?;
                self.rows += 1;
                Ok(Next::Row(Row { table, key, value }))
            }
            [END] => self.end().map(Next::End),
            _ => Err(BackupError::Damaged("a row begins with neither 0 nor 1")),
        }
    }

    fn end(&mut self) -> Result<Tail, BackupError> {
        let rows = u64::from_be_bytes(self.take()?);
        let digest: [u8; 32] = self.digest.clone().finalize().into();
        if self.take()? != digest {
            return Err(BackupError::Damaged("its digest does not fit"));
        }
        if rows != self.rows {
            return Err(BackupError::Damaged("rows are missing"));
        }
        match self.input.read(&mut [0])? {
            0 => Ok(Tail { rows, digest }),
            _ => Err(BackupError::Damaged("something follows its end")),
        }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], BackupError> {
        let mut bytes = [0; N];
        self.input.read_exact(&mut bytes).map_err(cut_off)?;
        self.digest.update(bytes);
        Ok(bytes)
    }

    /// Grows with what comes and not with what was announced.
    fn bytes(&mut self, length: usize) -> Result<Vec<u8>, BackupError> {
        let mut bytes = Vec::new();
        (&mut self.input).take(length as u64).read_to_end(&mut bytes)?;
        if bytes.len() < length {
            return Err(BackupError::Damaged("it is cut off"));
        }
        self.digest.update(&bytes);
        Ok(bytes)
    }
}

fn cut_off(error: io::Error) -> BackupError {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        BackupError::Damaged("it is cut off")
    } else {
        error.into()
    }
}

#[cfg(test)]
mod tests;

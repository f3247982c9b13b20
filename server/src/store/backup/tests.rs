//! What was written is read back, and nothing else is believed.

use super::*;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

const HEAD: Head = Head { schema: 2, made_at: UNIX_EPOCH };

fn written(rows: &[(&[u8], &[u8], &[u8])]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), HEAD).unwrap();
    for (table, key, value) in rows {
        writer.row(table, key, value).unwrap();
    }
    writer.end().unwrap().0
}

fn sample() -> Vec<u8> {
    written(&[(b"names", b"alice", b"1"), (b"names", b"bob", b""), (b"", b"", b"{\"a\":[1,2,3]}")])
}

/// The file as its author would write it again.
fn rewritten(backup: &Backup) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), backup.head).unwrap();
    for row in &backup.rows {
        writer.row(&row.table, &row.key, &row.value).unwrap();
    }
    let (bytes, tail) = writer.end().unwrap();
    assert_eq!(tail, backup.tail);
    bytes
}

/// Gives changed bytes the digest that fits them, as who means harm would.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let body = bytes.len().saturating_sub(32);
    let digest = Sha256::digest(&bytes[..body]);
    bytes.truncate(body);
    bytes.extend_from_slice(&digest);
    bytes
}

#[test]
fn what_was_written_is_read_back() {
    let bytes = sample();
    let backup = read(&bytes).unwrap();
    assert_eq!((backup.head, backup.rows.len(), backup.tail.rows), (HEAD, 3, 3));
    assert_eq!(backup.rows[0], Row { table: b"names".into(), key: b"alice".into(), value: b"1".into() });
    assert_eq!(rewritten(&backup), bytes);
    assert_eq!(read(&written(&[])).unwrap().rows, []);
}

#[test]
fn cut_off_anywhere_or_with_any_bit_changed_it_is_refused() {
    let bytes = sample();
    for length in 0..bytes.len() {
        assert!(read(&bytes[..length]).is_err(), "cut off after {length}");
    }
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            assert!(read(&changed).is_err(), "bit {bit} of byte {at}");
        }
    }
    assert!(matches!(read(&[&bytes[..], b"x"].concat()), Err(BackupError::Damaged(_))), "something follows");
}

#[test]
fn what_it_is_not_is_said() {
    assert!(matches!(read(b"PK\x03\x04 a backup of something else"), Err(BackupError::NotABackup)));
    assert!(matches!(read(b""), Err(BackupError::NotABackup)));
    let mut newer = sample();
    newer[MAGIC.len() + 3] = 9;
    let refused = read(&newer);
    assert!(matches!(refused, Err(BackupError::Newer { what: "format", found: 9, known: FORMAT })));
    let mut fewer = written(&[]);
    let at = fewer.len() - 33;
    fewer[at] = 1;
    assert!(matches!(read(&sealed(fewer)), Err(BackupError::Damaged("rows are missing"))));
}

#[test]
fn a_row_over_its_limits_is_neither_written_nor_read() {
    let mut writer = Writer::new(Vec::new(), HEAD).unwrap();
    assert!(writer.row(&[b'a'; 256], b"", b"").is_err());
    assert!(writer.row(b"", &vec![0; 65_536], b"").is_err());
    assert!(writer.row(b"", b"", &vec![0; VALUE_BYTES_MAX + 1]).is_err());
    // Announces 4 GiB and has 5 bytes: refused before anything is reserved for it.
    let mut huge = written(&[]);
    huge.truncate(huge.len() - 41);
    huge.extend_from_slice(&[ROW, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4, 5]);
    assert!(matches!(read(&huge), Err(BackupError::Damaged("a row is too long"))));
}

/// Mutations in one run of the tests.
const MUTATIONS: u64 = 20_000;

#[test]
fn whatever_the_bytes_are_reading_ends_in_an_error_or_in_what_was_written() {
    let whole = sample();
    for seed in 0..MUTATIONS {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut bytes = whole.clone();
        for _ in 0..random.random_range(1..6) {
            let at = random.random_range(0..bytes.len());
            match random.random_range(0..5) {
                0 => bytes[at] = random.random(),
                1 => bytes.truncate(at.max(1)),
                2 => bytes.insert(at, random.random()),
                3 => drop(bytes.drain(at..(at + random.random_range(1..8)).min(bytes.len().max(at + 1)))),
                _ => {
                    let mut more = vec![0; random.random_range(1..40)];
                    random.fill_bytes(&mut more);
                    bytes.splice(at..at, more);
                }
            }
            if bytes.is_empty() {
                bytes.push(0);
            }
        }
        // Half of them with a digest that fits, so that the rows themselves are looked at.
        let bytes = if seed % 2 == 0 { bytes } else { sealed(bytes) };
        if let Ok(backup) = read(&bytes) {
            assert_eq!(rewritten(&backup), bytes, "seed {seed}");
        }
    }
}

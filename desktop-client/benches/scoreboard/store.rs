//! Acknowledged writes of the store, by one writer and by many at once, beside what sled alone does for as many threads
//! that each put the same bytes and flush. Its flush does not reach the disk (no fdatasync), ours does.

use crate::percentile;
use crate::row::{Better, Row};
use castle::ids::{GuestId, LoginId};
use castle_server::store::sled::SledStore;
use castle_server::store::{AccountStore as _, Login, LoginStore as _, Registration, Rotated, Rotation};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio_util::sync::CancellationToken;

/// How long each measurement takes.
const MEASURE: Duration = Duration::from_secs(3);
/// Writers at once.
const WRITERS: [u64; 2] = [1, 64];
/// About the bytes of a login on disk.
const ROW_BYTES: usize = 700;
const PASSWORD_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

type Fault = Box<dyn std::error::Error>;

pub(crate) fn rows() -> Result<Vec<Row>, Fault> {
    // Beside the build, on a disk: a temporary folder may be memory.
    let dir = tempfile::tempdir_in(crate::row::target_dir())?;
    let mut rows = Vec::new();
    for writers in WRITERS {
        let (per_second, mut took) = acknowledged(&dir.path().join(format!("castle-{writers}")), writers)?;
        let bare = flushed(&dir.path().join(format!("bare-{writers}")), writers)?;
        let name = |figure: &str| format!("store: {figure}, {writers} writers");
        rows.push(
            Row::new(name("acknowledged writes"), "writes/s", Better::Higher, per_second)
                .beside("sled: put and flush", bare),
        );
        rows.push(Row::new(name("write p50"), "ms", Better::Lower, percentile(&mut took, 0.5)));
        rows.push(Row::new(name("write p99"), "ms", Better::Lower, percentile(&mut took, 0.99)));
    }
    Ok(rows)
}

/// Refresh tokens exchanged, the write that a hall does most: how many a second, and how long each took, ms.
fn acknowledged(dir: &Path, writers: u64) -> Result<(f64, Vec<f64>), Fault> {
    let runtime = tokio::runtime::Runtime::new()?;
    let store = Arc::new(SledStore::open(dir, SystemTime::now(), CancellationToken::new())?);
    runtime.block_on(async {
        let guest = GuestId::from_bits(1);
        let registration = Registration {
            code_hash: None,
            id: guest,
            name: "bench".to_owned(),
            display_name: "bench".to_owned(),
            password_hash: PASSWORD_HASH.to_owned(),
            login: login(guest, 0),
            now: SystemTime::now(),
        };
        store.register(registration).await?;
        for number in 1..writers {
            store.record_login(login(guest, number), PASSWORD_HASH.to_owned(), None).await?;
        }
        let begun = Instant::now();
        let writing = (0..writers).map(|number| tokio::spawn(exchange(Arc::clone(&store), number, begun)));
        let mut took = Vec::new();
        for written in futures_util::future::join_all(writing).await {
            took.extend(written??);
        }
        Ok((took.len() as f64 / begun.elapsed().as_secs_f64(), took))
    })
}

async fn exchange(
    store: Arc<SledStore>,
    number: u64,
    begun: Instant,
) -> Result<Vec<f64>, castle_server::error::Error> {
    let mut took = Vec::new();
    for turn in 0.. {
        let at = Instant::now();
        if at - begun >= MEASURE {
            break;
        }
        let now = SystemTime::now();
        let rotation = Rotation {
            login: LoginId::from_bits(number.into()),
            presented: token(turn),
            successor: token(turn + 1),
            request: None,
            expires_at: now + Duration::from_hours(1),
            now,
        };
        let done = store.rotate_refresh(rotation).await?;
        assert!(matches!(done, Rotated::Done(..)), "each token is exchanged once");
        took.push(at.elapsed().as_secs_f64() * 1e3);
    }
    Ok(took)
}

fn login(guest: GuestId, number: u64) -> Login {
    let now = SystemTime::now();
    Login {
        id: LoginId::from_bits(number.into()),
        guest,
        device: 0,
        device_name: String::new(),
        created_at: now,
        last_used_at: now,
        refresh_hash: token(0),
        refresh_expires_at: now + Duration::from_hours(1),
    }
}

/// The hash of a login's token of this turn.
fn token(turn: u64) -> [u8; 32] {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&turn.to_be_bytes());
    hash
}

/// Writes a second of threads that each put a row and flush.
fn flushed(dir: &Path, writers: u64) -> Result<f64, Fault> {
    let db = sled::Config::new().path(dir).flush_every_ms(None).open()?;
    let begun = Instant::now();
    let written = std::thread::scope(|scope| {
        let writing: Vec<_> = (0..writers)
            .map(|number| {
                let db = &db;
                scope.spawn(move || {
                    let mut written = 0_u64;
                    while begun.elapsed() < MEASURE {
                        db.insert(number.to_be_bytes(), vec![written as u8; ROW_BYTES])?;
                        db.flush()?;
                        written += 1;
                    }
                    Ok::<_, sled::Error>(written)
                })
            })
            .collect();
        let counts = writing.into_iter().map(|thread| thread.join().expect("a writer does not panic"));
        counts.sum::<Result<u64, _>>()
    })?;
    Ok(written as f64 / begun.elapsed().as_secs_f64())
}

//! What an idle session costs: resident memory of the server's process, before and after so many sessions, each on a
//! connection of its own, as guests' are.

use crate::relay::{Process, log_in, open};
use crate::row::{Better, Row};

/// Sessions at once.
const SESSIONS: usize = 10_000;
/// Opened at once.
const AT_ONCE: usize = 50;

pub(crate) fn rows() -> Result<Vec<Row>, Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Runtime::new()?;
    let server = Process::start("castle")?;
    let kib = runtime.block_on(async {
        // All of one guest: what is measured is the session, not how many guests the hall shows.
        let (token, first) = log_in(&server, "idle").await?;
        let before = server.resident_kib();
        let mut held = vec![first];
        while held.len() <= SESSIONS {
            let opening = (0..AT_ONCE).map(|_| open(&server, &token));
            held.extend(futures_util::future::try_join_all(opening).await?);
        }
        let after = server.resident_kib();
        Ok::<_, Box<dyn std::error::Error>>((after - before) / (held.len() - 1) as f64)
    })?;
    Ok(vec![Row::new(format!("memory: idle session, of {SESSIONS}"), "KiB", Better::Lower, kib)])
}

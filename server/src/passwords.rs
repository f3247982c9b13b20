//! Argon2id off the runtime, a bounded number at once.
//!
//! Owns the cost parameters (RFC 9106; OWASP's 19 MiB, t=2, p=1), the permits that bound memory (at most
//! permits × 19 MiB, in buffers that are kept: freed ones would stay with the allocator, once for every thread
//! that ever hashed), who may wait for one, and a count of the hashes, by which tests see that every refusal costs the
//! same. An unknown name costs the same work as a known one. Never knows names or accounts.

use crate::error::Error;
use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

const LANES: u32 = 1;
/// Hashes that may wait for each permit. At 50 ms each the last one waits 3 s, well within the deadline.
const WAITING_PER_PERMIT: usize = 64;
/// Of them for those who are known already: strangers who flood the queue keep none of them out.
const KEPT_FOR_KNOWN: usize = WAITING_PER_PERMIT / 4;
/// Hashes that may wait for each permit, asked for by strangers of one network: it takes several networks to keep all
/// other strangers out. A class that logs in over some seconds is served; who comes in the same instant as a dozen others of
/// the network comes again.
const WAITING_PER_NETWORK: usize = (WAITING_PER_PERMIT - KEPT_FOR_KNOWN) / 4;
/// Hashes that may wait for one who is known: a few devices at once, whatever they do with a right password.
const WAITING_PER_KNOWN: usize = 4;
/// When to come again if too many wait: about the time in which half of them are done.
const BUSY_RETRY: Duration = Duration::from_secs(2);

/// What a hash costs, and how many are computed at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashingConfig {
    /// Memory of one hash, KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Hashes at once.
    pub at_once: usize,
}

impl Default for HashingConfig {
    /// One hash at a time for each core but one, so that the relay and the sessions keep theirs.
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { memory_kib: 19 * 1024, passes: 2, at_once: cores.saturating_sub(1).max(1) }
    }
}

impl HashingConfig {
    /// Hashes that cost next to nothing and protect nothing: for tests.
    pub fn cheap() -> Self {
        Self { memory_kib: 64, passes: 1, ..Self::default() }
    }
}

/// The working memory of one hash, used again by the next.
type Memory = Vec<Block>;
type HashError = argon2::password_hash::Error;

/// For whom a hash is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asker {
    /// Who is known already, by a number of theirs alone.
    Known(u128),
    /// Anybody else, by their network.
    Stranger(IpAddr),
}

/// Hashes and verifies passwords.
pub struct Hasher {
    params: Params,
    memory: Arc<Mutex<Vec<Memory>>>,
    permits: Arc<Semaphore>,
    at_once: usize,
    waiting: Mutex<Waiting>,
    work_done: AtomicU64,
    nobodys_hash: String,
}

impl Hasher {
    /// With these costs, which must be within Argon2's limits.
    pub fn new(config: &HashingConfig) -> Self {
        let params = Params::new(config.memory_kib, config.passes, LANES, None)
            .expect("the settings of password hashes are within Argon2's limits");
        let nobody = rand::random::<[u8; 16]>();
        let nobodys_hash = hash(&nobody, &params, &mut Memory::new())
            .expect("a short password under constant parameters hashes");
        Self {
            params,
            memory: Arc::default(),
            permits: Arc::new(Semaphore::new(config.at_once)),
            at_once: config.at_once,
            waiting: Mutex::default(),
            work_done: AtomicU64::new(0),
            nobodys_hash,
        }
    }

    /// How many hashes were computed. Shows that refusals cost what successes cost.
    pub fn work_done(&self) -> u64 {
        self.work_done.load(Ordering::Relaxed)
    }

    /// How many wait for their turn.
    pub fn waiting(&self) -> usize {
        self.line().all
    }

    /// Waits for the turn to compute one hash. Who is known finds a place also where strangers find none; nobody has
    /// many.
    ///
    /// Errors: `RateLimited` when too many wait, of all or of this one's.
    pub async fn turn(&self, asker: Asker) -> Result<Turn<'_>, Error> {
        let place = self.place(asker)?;
        let permit = Arc::clone(&self.permits).acquire_owned().await.expect("the semaphore is never closed");
        drop(place);
        Ok(Turn { hasher: self, permit })
    }

    fn place(&self, asker: Asker) -> Result<Place<'_>, Error> {
        let (own_max, max) = match asker {
            Asker::Known(_) => (WAITING_PER_KNOWN, self.at_once * WAITING_PER_PERMIT),
            Asker::Stranger(_) => {
                (self.at_once * WAITING_PER_NETWORK, self.at_once * (WAITING_PER_PERMIT - KEPT_FOR_KNOWN))
            }
        };
        let mut line = self.line();
        let own = line.each.get(&asker).copied().unwrap_or(0);
        for (waiting, max) in [(own, own_max), (line.all, max)] {
            if waiting >= max {
                return Err(too_busy(max));
            }
        }
        line.all += 1;
        line.each.insert(asker, own + 1);
        Ok(Place { hasher: self, asker })
    }

    fn line(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether `hash` was made under other parameters than today's.
    pub fn is_outdated(&self, hash: &str) -> bool {
        !PasswordHash::new(hash).is_ok_and(|hash| {
            Params::try_from(&hash).is_ok_and(|params| {
                (params.m_cost(), params.t_cost(), params.p_cost())
                    == (self.params.m_cost(), self.params.t_cost(), self.params.p_cost())
            })
        })
    }
}

/// The turn to compute one hash.
pub struct Turn<'a> {
    hasher: &'a Hasher,
    permit: OwnedSemaphorePermit,
}

impl Turn<'_> {
    /// A PHC string for `password`.
    ///
    /// Errors: `Internal`.
    pub async fn hash(self, password: String) -> Result<String, Error> {
        let params = self.hasher.params.clone();
        self.run(move |memory| hash(password.as_bytes(), &params, memory))
            .await?
            .map_err(|error| Error::internal("hashing a password", &error))
    }

    /// Whether `password` belongs to `hash`. With no hash the same work is done and the answer is no.
    ///
    /// Errors: `Internal`.
    pub async fn verify(self, password: String, hash: Option<String>) -> Result<bool, Error> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.hasher.nobodys_hash.clone());
        let verified = self.run(move |memory| verify(password.as_bytes(), &hash, memory)).await?;
        match verified {
            Ok(right) => Ok(right && known),
            Err(error) => Err(Error::internal("verifying a password", &error)),
        }
    }

    async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let Self { hasher, permit } = self;
        hasher.work_done.fetch_add(1, Ordering::Relaxed);
        let pool = Arc::clone(&hasher.memory);
        // The permit goes along: a caller that gives up does not free memory that is still in use.
        tokio::task::spawn_blocking(move || {
            let mut memory = pool.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
            let done = work(&mut memory);
            pool.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
            drop(permit);
            done
        })
        .await
        .map_err(|error| Error::internal("hashing a password", &error))
    }
}

fn hash(password: &[u8], params: &Params, memory: &mut Memory) -> Result<String, HashError> {
    let salt = Salt::new(&rand::random::<[u8; 16]>())?;
    let output = digest(password, &salt, params, memory)?;
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(params)?,
        salt: Some(salt),
        hash: Some(output),
    };
    Ok(hash.to_string())
}

fn verify(password: &[u8], hash: &str, memory: &mut Memory) -> Result<bool, HashError> {
    let hash = PasswordHash::new(hash)?;
    let (Some(salt), Some(expected)) = (hash.salt, hash.hash) else { return Ok(false) };
    // Outputs compare in constant time.
    Ok(digest(password, &salt, &Params::try_from(&hash)?, memory)? == expected)
}

fn digest(password: &[u8], salt: &Salt, params: &Params, memory: &mut Memory) -> Result<Output, HashError> {
    let blocks = params.block_count();
    if memory.len() < blocks {
        memory.resize(blocks, Block::new());
    }
    let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone()).hash_password_into_with_memory(
        password,
        salt,
        &mut output,
        &mut memory[..blocks],
    )?;
    Ok(Output::new(&output)?)
}

/// Those who wait for their turn.
#[derive(Default)]
struct Waiting {
    all: usize,
    each: BTreeMap<Asker, usize>,
}

/// A place among those who wait; given back when dropped, also by a caller that gives up.
struct Place<'a> {
    hasher: &'a Hasher,
    asker: Asker,
}

/// The refusal where so many wait already.
fn too_busy(waiting_max: usize) -> Error {
    Error::RateLimited {
        what: "password_hashes",
        limit: waiting_max as u64,
        refill: None,
        retry_after: BUSY_RETRY,
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut line = self.hasher.line();
        line.all -= 1;
        match line.each.get_mut(&self.asker) {
            Some(own) if *own > 1 => *own -= 1,
            _ => {
                line.each.remove(&self.asker);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;
    use futures_util::future::LocalBoxFuture;
    use std::net::Ipv4Addr;

    fn hasher() -> Hasher {
        Hasher::new(&HashingConfig { at_once: 1, ..HashingConfig::default() })
    }

    fn stranger(network: usize) -> Asker {
        Asker::Stranger(Ipv4Addr::from_bits(network as u32).into())
    }

    /// Lets `askers` wait, each of whom finds a place.
    fn all_wait(
        hasher: &Hasher,
        askers: impl IntoIterator<Item = Asker>,
    ) -> Vec<LocalBoxFuture<'_, Result<Turn<'_>, Error>>> {
        let wait = |asker| {
            let mut turn = hasher.turn(asker).boxed_local();
            assert!((&mut turn).now_or_never().is_none(), "{asker:?} waits");
            turn
        };
        askers.into_iter().map(wait).collect()
    }

    #[tokio::test]
    async fn the_right_password_verifies_and_no_other() {
        let hasher = hasher();
        let hash = hasher.turn(stranger(0)).await.unwrap().hash("correct horse".to_owned()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        for (password, right) in [("correct horse", true), ("Correct horse", false)] {
            let turn = hasher.turn(stranger(0)).await.unwrap();
            assert_eq!(turn.verify(password.to_owned(), Some(hash.clone())).await, Ok(right));
        }
        assert!(!hasher.is_outdated(&hash));
    }

    #[tokio::test]
    async fn nobody_costs_what_somebody_costs() {
        let hasher = hasher();
        let before = hasher.work_done();
        let turn = hasher.turn(stranger(0)).await.unwrap();
        assert!(!turn.verify("anything".to_owned(), None).await.unwrap());
        assert_eq!(hasher.work_done() - before, 1);
    }

    #[tokio::test]
    async fn too_many_waiting_are_told_when_to_come_again_and_strangers_first() {
        let hasher = hasher();
        let busy = hasher.turn(stranger(0)).await.expect("nobody is there");
        let mut waiting = all_wait(&hasher, (0..WAITING_PER_PERMIT - KEPT_FOR_KNOWN).map(stranger));
        assert_eq!(hasher.turn(stranger(1000)).await.err(), Some(too_busy(waiting.len())));
        waiting.extend(all_wait(&hasher, (0..KEPT_FOR_KNOWN as u128).map(Asker::Known)));
        assert_eq!(hasher.turn(Asker::Known(1000)).await.err(), Some(too_busy(waiting.len())));
        drop((waiting, busy));
        assert_eq!(hasher.waiting(), 0, "who gives up leaves no place taken");
        assert!(hasher.line().each.is_empty());
        assert!(hasher.turn(stranger(0)).await.is_ok(), "now there is room");
    }

    #[tokio::test]
    async fn who_has_many_waiting_is_told_to_come_again_and_nobody_else() {
        let hasher = hasher();
        let _busy = hasher.turn(stranger(0)).await.expect("nobody is there");
        for (loud, calm, most) in [
            (Asker::Known(1), Asker::Known(2), WAITING_PER_KNOWN),
            (stranger(1), stranger(2), WAITING_PER_NETWORK),
        ] {
            let mut waiting = all_wait(&hasher, std::iter::repeat_n(loud, most));
            assert_eq!(hasher.turn(loud).await.err(), Some(too_busy(most)));
            waiting.extend(all_wait(&hasher, [calm]));
            drop(waiting.swap_remove(0));
            assert_eq!(waiting.len(), most);
            all_wait(&hasher, [loud]);
        }
    }

    #[test]
    fn other_parameters_are_outdated() {
        let hasher = hasher();
        let weak = Params::new(8, 1, 1, None).unwrap();
        let hash = hash(b"correct horse", &weak, &mut Memory::new()).unwrap();
        assert!(hasher.is_outdated(&hash));
        assert_eq!(verify(b"correct horse", &hash, &mut Memory::new()), Ok(true), "and still good");
        assert!(hasher.is_outdated("rubbish"));
    }
}

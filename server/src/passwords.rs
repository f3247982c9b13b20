//! Argon2id off the runtime, a bounded number at once.
//!
//! Owns the cost parameters (RFC 9106; OWASP's 19 MiB, t=2, p=1), the permits that bound memory (at most
//! permits × 19 MiB, in buffers that are kept: freed ones would stay with the allocator, once for every thread
//! that ever hashed), and a count of the hashes, by which tests see that every refusal costs the same. An unknown
//! name costs the same work as a known one. Never knows names or accounts.

use crate::error::Error;
use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

const LANES: u32 = 1;
/// Hashes that may wait for each permit. At 50 ms each the last one waits 3 s, well within the deadline.
const WAITING_PER_PERMIT: usize = 64;
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

/// Hashes and verifies passwords.
pub struct Hasher {
    params: Params,
    memory: Arc<Mutex<Vec<Memory>>>,
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
    waiting_max: usize,
    work_done: AtomicU64,
    nobodys_hash: String,
}

impl Hasher {
    /// With these costs, which must be within Argon2's limits.
    pub fn new(config: &HashingConfig) -> Self {
        let params = Params::new(config.memory_kib, config.passes, LANES, None)
            .expect("the settings of password hashes are within Argon2's limits");
        let permits = config.at_once;
        let nobody = rand::random::<[u8; 16]>();
        let nobodys_hash = hash(&nobody, &params, &mut Memory::new())
            .expect("a short password under constant parameters hashes");
        Self {
            params,
            memory: Arc::default(),
            permits: Arc::new(Semaphore::new(permits)),
            waiting: AtomicUsize::new(0),
            waiting_max: permits * WAITING_PER_PERMIT,
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
        self.waiting.load(Ordering::Relaxed)
    }

    /// A PHC string for `password`.
    ///
    /// Errors: `RateLimited` when too many wait.
    pub async fn hash(&self, password: String) -> Result<String, Error> {
        let params = self.params.clone();
        self.run(move |memory| hash(password.as_bytes(), &params, memory))
            .await?
            .map_err(|error| Error::internal("hashing a password", &error))
    }

    /// Whether `password` belongs to `hash`. With no hash the same work is done and the answer is no.
    ///
    /// Errors: `RateLimited` when too many wait.
    pub async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, Error> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.nobodys_hash.clone());
        let verified = self.run(move |memory| verify(password.as_bytes(), &hash, memory)).await?;
        match verified {
            Ok(right) => Ok(right && known),
            Err(error) => Err(Error::internal("verifying a password", &error)),
        }
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

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let place = Place::take(&self.waiting, self.waiting_max)?;
        let permit = Arc::clone(&self.permits).acquire_owned().await.expect("the semaphore is never closed");
        drop(place);
        self.work_done.fetch_add(1, Ordering::Relaxed);
        let pool = Arc::clone(&self.memory);
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

/// A place among those who wait; given back when dropped, also by a caller that gives up.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize, max: usize) -> Result<Self, Error> {
        let place = Self(waiting);
        if waiting.fetch_add(1, Ordering::Relaxed) >= max {
            return Err(too_busy(max));
        }
        Ok(place)
    }
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
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hasher() -> Hasher {
        Hasher::new(&HashingConfig { at_once: 1, ..HashingConfig::default() })
    }

    #[tokio::test]
    async fn the_right_password_verifies_and_no_other() {
        let hasher = hasher();
        let hash = hasher.hash("correct horse".to_owned()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(hasher.verify("correct horse".to_owned(), Some(hash.clone())).await.unwrap());
        assert!(!hasher.verify("Correct horse".to_owned(), Some(hash.clone())).await.unwrap());
        assert!(!hasher.is_outdated(&hash));
    }

    #[tokio::test]
    async fn nobody_costs_what_somebody_costs() {
        let hasher = hasher();
        let before = hasher.work_done();
        assert!(!hasher.verify("anything".to_owned(), None).await.unwrap());
        assert_eq!(hasher.work_done() - before, 1);
    }

    #[tokio::test]
    async fn too_many_waiting_are_told_when_to_come_again() {
        let hasher = Arc::new(hasher());
        let busy = Arc::clone(&hasher.permits).acquire_owned().await.unwrap();
        let waiting: Vec<_> = (0..WAITING_PER_PERMIT)
            .map(|_| {
                let hasher = Arc::clone(&hasher);
                tokio::spawn(async move { hasher.verify("anything".to_owned(), None).await })
            })
            .collect();
        while hasher.waiting.load(Ordering::Relaxed) < WAITING_PER_PERMIT {
            tokio::task::yield_now().await;
        }
        let refused = hasher.hash("one more".to_owned()).await;
        assert_eq!(refused, Err(too_busy(WAITING_PER_PERMIT)));
        for task in &waiting {
            task.abort();
        }
        for task in waiting {
            assert!(task.await.is_err());
        }
        drop(busy);
        assert!(hasher.hash("now there is room".to_owned()).await.is_ok());
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

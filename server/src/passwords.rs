//! Argon2id off the runtime, a bounded number at once.
//!
//! Owns the cost parameters (RFC 9106; OWASP's 19 MiB, t=2, p=1) and the permits that bound memory: at most
//! permits × 19 MiB. An unknown name costs the same work as a known one. Never knows names or accounts.

use crate::error::Error;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Hashes that may wait for each permit. At 50 ms each the last one waits 3 s, well within the deadline.
const WAITING_PER_PERMIT: usize = 64;
/// When to come again if too many wait: about the time in which half of them are done.
const BUSY_RETRY: Duration = Duration::from_secs(2);

/// Hashes and verifies passwords.
pub struct Hasher {
    argon2: Argon2<'static>,
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
    waiting_max: usize,
    work_done: AtomicU64,
    nobodys_hash: String,
}

impl Hasher {
    /// One hash at a time for each core but one, so that the relay and the sessions keep theirs.
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self::with_permits(cores.saturating_sub(1).max(1))
    }

    fn with_permits(permits: usize) -> Self {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("constant parameters are in range");
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let nobodys_hash = argon2
            .hash_password(&rand::random::<[u8; 16]>())
            .expect("a short password under constant parameters hashes")
            .to_string();
        Self {
            argon2,
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

    /// A PHC string for `password`.
    ///
    /// Errors: `RateLimited` when too many wait.
    pub async fn hash(&self, password: String) -> Result<String, Error> {
        self.run(move |argon2| argon2.hash_password(password.as_bytes()).map(|hash| hash.to_string()))
            .await?
            .map_err(|error| Error::internal("hashing a password", &error))
    }

    /// Whether `password` belongs to `hash`. With no hash the same work is done and the answer is no.
    ///
    /// Errors: `RateLimited` when too many wait.
    pub async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, Error> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.nobodys_hash.clone());
        let verified = self
            .run(move |argon2| {
                let hash = PasswordHash::new(&hash)?;
                argon2.verify_password(password.as_bytes(), &hash)
            })
            .await?;
        match verified {
            Ok(()) => Ok(known),
            Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
            Err(error) => Err(Error::internal("verifying a password", &error)),
        }
    }

    /// Whether `hash` was made under other parameters than today's.
    pub fn is_outdated(&self, hash: &str) -> bool {
        !PasswordHash::new(hash).is_ok_and(|hash| {
            Params::try_from(&hash).is_ok_and(|params| {
                (params.m_cost(), params.t_cost(), params.p_cost()) == (MEMORY_KIB, PASSES, LANES)
            })
        })
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Argon2<'static>) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let place = Place::take(&self.waiting, self.waiting_max)?;
        let permit = Arc::clone(&self.permits).acquire_owned().await.expect("the semaphore is never closed");
        drop(place);
        self.work_done.fetch_add(1, Ordering::Relaxed);
        let argon2 = self.argon2.clone();
        // The permit goes along: a caller that gives up does not free memory that is still in use.
        tokio::task::spawn_blocking(move || {
            let done = work(&argon2);
            drop(permit);
            done
        })
        .await
        .map_err(|error| Error::internal("hashing a password", &error))
    }
}

impl Default for Hasher {
    fn default() -> Self {
        Self::new()
    }
}

/// A place among those who wait; given back when dropped, also by a caller that gives up.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize, max: usize) -> Result<Self, Error> {
        let place = Self(waiting);
        if waiting.fetch_add(1, Ordering::Relaxed) >= max {
            return Err(Error::RateLimited { retry_after: BUSY_RETRY });
        }
        Ok(place)
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

    #[tokio::test]
    async fn the_right_password_verifies_and_no_other() {
        let hasher = Hasher::with_permits(1);
        let hash = hasher.hash("correct horse".to_owned()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(hasher.verify("correct horse".to_owned(), Some(hash.clone())).await.unwrap());
        assert!(!hasher.verify("Correct horse".to_owned(), Some(hash.clone())).await.unwrap());
        assert!(!hasher.is_outdated(&hash));
    }

    #[tokio::test]
    async fn nobody_costs_what_somebody_costs() {
        let hasher = Hasher::with_permits(1);
        let before = hasher.work_done();
        assert!(!hasher.verify("anything".to_owned(), None).await.unwrap());
        assert_eq!(hasher.work_done() - before, 1);
    }

    #[tokio::test]
    async fn too_many_waiting_are_told_when_to_come_again() {
        let hasher = Arc::new(Hasher::with_permits(1));
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
        assert_eq!(refused, Err(Error::RateLimited { retry_after: BUSY_RETRY }));
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
        let hasher = Hasher::with_permits(1);
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).unwrap());
        let hash = weak.hash_password(b"correct horse").unwrap().to_string();
        assert!(hasher.is_outdated(&hash));
        assert!(hasher.is_outdated("rubbish"));
    }
}

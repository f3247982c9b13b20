//! How often one guest may have the disk or the whole hall worked on, which all share: written to, or read at length.

use super::{Allowance, Buckets};
use crate::error::Error;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Writes of one guest: who tidies up a long list is not held up, and a loop costs the disk two syncs a second.
pub const WRITES: Allowance = Allowance { burst: 100, refill: Duration::from_millis(500) };
/// Lists read by one guest: who scrolls through all of theirs is not held up, and a loop costs some milliseconds of
/// each second.
pub const READS: Allowance = Allowance { burst: 100, refill: Duration::from_millis(200) };
/// Guests, or devices, that are remembered; beyond it the one nearest to forgiveness is forgotten. About 1 MB.
const KEYS_MAX: usize = 10_000;

/// Counts what each guest, or each device, asks for, of one kind.
pub struct Pace<K> {
    what: &'static str,
    allowance: Allowance,
    buckets: Mutex<Buckets<K>>,
}

impl<K: Ord + Clone> Pace<K> {
    /// Of `what`, as `allowance` says, for each alone.
    pub fn new(what: &'static str, allowance: Allowance) -> Self {
        Self { what, allowance, buckets: Mutex::new(Buckets::new(allowance, KEYS_MAX)) }
    }

    /// Counts one of `key`; one that is refused is not counted.
    ///
    /// Errors: `RateLimited`.
    pub fn take(&self, now: Instant, key: K) -> Result<(), Error> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let retry_after = buckets.wait(now, &key);
        if !retry_after.is_zero() {
            return Err(Error::RateLimited {
                what: self.what,
                limit: self.allowance.burst.into(),
                refill: Some(self.allowance.refill),
                retry_after,
            });
        }
        buckets.take(now, key);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use castle::ids::GuestId;

    #[test]
    fn one_guest_waits_and_the_others_do_not() {
        let pace = Pace::new("writes", WRITES);
        let (now, [loud, calm]) = (Instant::now(), [1, 2].map(GuestId::from_bits));
        let taken = (0..200).filter(|_| pace.take(now, loud).is_ok()).count();
        assert_eq!(taken, 100);
        let refused = Error::RateLimited {
            what: "writes",
            limit: 100,
            refill: Some(WRITES.refill),
            retry_after: WRITES.refill,
        };
        assert_eq!(pace.take(now, loud), Err(refused));
        assert_eq!(pace.take(now, calm), Ok(()));
        assert_eq!(pace.take(now + WRITES.refill, loud), Ok(()), "a refusal extends nothing");
    }
}

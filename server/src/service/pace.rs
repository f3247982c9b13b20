//! How often one guest may write: each write waits for the disk, which all share.

use crate::error::Error;
use crate::throttle::{Allowance, Buckets};
use castle::ids::GuestId;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Writes of one guest: who tidies up a long list is not held up, and a loop costs the disk two syncs a second.
pub const WRITES: Allowance = Allowance { burst: 100, refill: Duration::from_millis(500) };
/// Guests whose writes are remembered; beyond it the one nearest to forgiveness is forgotten. About 1 MB.
const GUESTS_MAX: usize = 10_000;

/// Counts the writes of each guest.
pub struct WritePace {
    allowance: Allowance,
    buckets: Mutex<Buckets<GuestId>>,
}

impl WritePace {
    /// As `allowance` says, for each guest alone.
    pub fn new(allowance: Allowance) -> Self {
        Self { allowance, buckets: Mutex::new(Buckets::new(allowance, GUESTS_MAX)) }
    }

    /// Counts one write of `guest`; one that is refused is not counted.
    ///
    /// Errors: `RateLimited`.
    pub fn take(&self, now: Instant, guest: GuestId) -> Result<(), Error> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let retry_after = buckets.wait(now, &guest);
        if !retry_after.is_zero() {
            return Err(Error::RateLimited {
                what: "writes",
                limit: self.allowance.burst.into(),
                refill: Some(self.allowance.refill),
                retry_after,
            });
        }
        buckets.take(now, guest);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_guest_waits_and_the_others_do_not() {
        let pace = WritePace::new(WRITES);
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

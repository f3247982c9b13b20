//! How long to wait before the next try to reach the server. Pure: the attempt and the random source are given.
//!
//! Exponential with full jitter over the upper half, so that a hall of guests who lost the same server do not come
//! back in step, and nobody comes back at once.

use rand::{Rng, RngExt as _};
use std::time::Duration;

/// Wait before the first retry: a server that restarts needs about as long.
pub const FIRST: Duration = Duration::from_millis(250);
/// Longest wait: below the resume window, so that a session is not lost to patience.
pub const LONGEST: Duration = Duration::from_secs(8);

/// The wait before retry number `attempt` (from 0): between half and all of `FIRST * 2^attempt`, at most
/// [`LONGEST`].
pub fn delay(attempt: u32, rng: &mut impl Rng) -> Duration {
    let whole = FIRST.saturating_mul(1 << attempt.min(10)).min(LONGEST);
    whole.mul_f64(rng.random_range(0.5..=1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn waits_double_up_to_the_longest_and_never_vanish() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for attempt in (0..12).chain([31, u32::MAX]) {
            let whole = FIRST.saturating_mul(1 << attempt.min(10)).min(LONGEST);
            for _ in 0..200 {
                let wait = delay(attempt, &mut rng);
                assert!(wait >= whole / 2 && wait <= whole, "attempt {attempt}: {wait:?}");
            }
        }
        assert!(delay(30, &mut rng) >= LONGEST / 2);
    }

    #[test]
    fn two_clients_do_not_come_back_in_step() {
        let (mut one, mut other) = (ChaCha8Rng::seed_from_u64(1), ChaCha8Rng::seed_from_u64(2));
        let differ =
            (0..8).filter(|attempt| delay(*attempt, &mut one) != delay(*attempt, &mut other)).count();
        assert!(differ >= 7);
    }
}

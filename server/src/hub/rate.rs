//! A token bucket: so many at once, so many per second. Time is an argument.

use std::time::Duration;

/// A token bucket.
#[derive(Debug, Clone)]
pub struct TokenBucket {
    per_second: f64,
    burst: f64,
    tokens: f64,
    filled_at: Duration,
}

impl TokenBucket {
    /// A full bucket.
    pub fn new(now: Duration, per_second: u32, burst: u32) -> Self {
        Self { per_second: per_second.into(), burst: burst.into(), tokens: burst.into(), filled_at: now }
    }

    /// Takes one token; or says how long until there is one.
    pub fn take(&mut self, now: Duration) -> Result<(), Duration> {
        self.take_many(now, 1)
    }

    /// Takes so many tokens, a full bucket at most; or says how long until there are so many.
    pub fn take_many(&mut self, now: Duration, tokens: u32) -> Result<(), Duration> {
        let wanted = f64::from(tokens).min(self.burst.max(1.0));
        let since = now.saturating_sub(self.filled_at).as_secs_f64();
        self.tokens = since.mul_add(self.per_second, self.tokens).min(self.burst);
        self.filled_at = now;
        if self.tokens >= wanted {
            self.tokens -= wanted;
            return Ok(());
        }
        Err(Duration::from_secs_f64((wanted - self.tokens) / self.per_second.max(0.001)))
    }

    /// How many fit, and how long one more takes.
    pub fn allowance(&self) -> (u64, Duration) {
        (self.burst as u64, Duration::from_secs_f64(1.0 / self.per_second.max(0.001)))
    }

    /// When it is full again, if nothing more is taken.
    pub fn full_at(&self) -> Duration {
        self.filled_at + Duration::from_secs_f64((self.burst - self.tokens) / self.per_second.max(0.001))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_so_many_per_second() {
        let mut bucket = TokenBucket::new(Duration::ZERO, 50, 200);
        let taken = (0..300).filter(|_| bucket.take(Duration::ZERO).is_ok()).count();
        assert_eq!(taken, 200);
        assert_eq!(bucket.take(Duration::ZERO), Err(Duration::from_millis(20)));
        let later = Duration::from_secs(1);
        assert_eq!((0..300).filter(|_| bucket.take(later).is_ok()).count(), 50);
    }
}

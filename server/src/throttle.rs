//! Who tried too many wrong passwords for one name from one address.
//!
//! Pure: the clock is an argument. A refused attempt extends nothing. Never knows whether a name exists, so
//! unknown names are throttled alike.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// Wrong passwords at once: a person who has forgotten which one it was.
pub const BURST: u32 = 8;
/// One more is allowed each: 360 guesses an hour, hopeless against the weakest password that is accepted.
pub const REFILL: Duration = Duration::from_secs(10);
/// Pairs remembered at once; beyond it the one nearest to forgiveness is forgotten. About 2 MB.
const PAIRS_MAX: usize = 10_000;

/// A name tried from an address; of IPv6 the /64, which one customer has whole.
type Pair = (IpAddr, String);

/// Counts wrong passwords.
#[derive(Default)]
pub struct Throttle {
    /// When each pair's debt is paid (a generic cell rate: every attempt adds one `REFILL`).
    paid_at: BTreeMap<Pair, Instant>,
}

impl Throttle {
    /// Takes one attempt, to be given back by [`Throttle::forgive`] if the password was right. `Err`: how long
    /// to wait.
    pub fn take(&mut self, now: Instant, from: IpAddr, name: &str) -> Result<(), Duration> {
        let pair = (network(from), name.to_owned());
        let paid_at = self.paid_at.get(&pair).copied().filter(|&at| at > now).unwrap_or(now);
        let debt = paid_at + REFILL - now;
        if let Some(wait) = debt.checked_sub(REFILL * BURST).filter(|wait| !wait.is_zero()) {
            return Err(wait);
        }
        if self.paid_at.len() >= PAIRS_MAX {
            self.make_room(now);
        }
        self.paid_at.insert(pair, paid_at + REFILL);
        Ok(())
    }

    /// The password was right: all is forgiven to this pair.
    pub fn forgive(&mut self, from: IpAddr, name: &str) {
        self.paid_at.remove(&(network(from), name.to_owned()));
    }

    fn make_room(&mut self, now: Instant) {
        self.paid_at.retain(|_, at| *at > now);
        while self.paid_at.len() >= PAIRS_MAX {
            let Some(first) = self.paid_at.iter().min_by_key(|(_, at)| **at).map(|(pair, _)| pair.clone())
            else {
                return;
            };
            self.paid_at.remove(&first);
        }
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const AWAY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn exhausted(now: Instant) -> Throttle {
        let mut throttle = Throttle::default();
        for _ in 0..BURST {
            assert_eq!(throttle.take(now, HOME, "alice"), Ok(()));
        }
        throttle
    }

    #[test]
    fn after_a_burst_one_attempt_is_allowed_each_refill() {
        let now = Instant::now();
        let mut throttle = exhausted(now);
        assert_eq!(throttle.take(now, HOME, "alice"), Err(REFILL));
        assert_eq!(throttle.take(now + REFILL, HOME, "alice"), Ok(()));
        assert_eq!(throttle.take(now + REFILL, HOME, "alice"), Err(REFILL));
    }

    #[test]
    fn refused_attempts_extend_nothing() {
        let now = Instant::now();
        let mut throttle = exhausted(now);
        for _ in 0..1000 {
            assert_eq!(throttle.take(now, HOME, "alice"), Err(REFILL));
        }
    }

    #[test]
    fn other_names_and_other_addresses_are_not_hindered() {
        let now = Instant::now();
        let mut throttle = exhausted(now);
        assert_eq!(throttle.take(now, AWAY, "alice"), Ok(()));
        assert_eq!(throttle.take(now, HOME, "bob"), Ok(()));
    }

    #[test]
    fn a_right_password_forgives() {
        let now = Instant::now();
        let mut throttle = exhausted(now);
        throttle.forgive(HOME, "alice");
        assert_eq!(throttle.take(now, HOME, "alice"), Ok(()));
    }

    #[test]
    fn a_whole_ipv6_network_counts_as_one_address() {
        let now = Instant::now();
        let mut throttle = Throttle::default();
        let address = |host: u128| IpAddr::V6(Ipv6Addr::from_bits((0x2001_0db8_u128 << 96) | host));
        for host in 0..u128::from(BURST) {
            assert_eq!(throttle.take(now, address(host), "alice"), Ok(()));
        }
        assert!(throttle.take(now, address(99), "alice").is_err());
        assert_eq!(throttle.take(now, address(1 << 64), "alice"), Ok(()));
    }

    #[test]
    fn a_flood_of_names_does_not_grow_it() {
        let now = Instant::now();
        let mut throttle = exhausted(now);
        for n in 0..PAIRS_MAX + 100 {
            assert_eq!(throttle.take(now, AWAY, &n.to_string()), Ok(()));
        }
        assert_eq!(throttle.paid_at.len(), PAIRS_MAX);
        assert_eq!(throttle.take(now, HOME, "alice"), Err(REFILL), "the most indebted is kept");
    }
}

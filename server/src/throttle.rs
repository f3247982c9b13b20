//! Who tried too many wrong passwords: for one name from one address, from one address, for one name.
//!
//! Pure: the clock is an argument. A refused attempt extends nothing. Never knows whether a name exists, so
//! unknown names are throttled alike. A device that has logged in before is counted by itself alone, so that
//! strangers who flood a name keep nobody out of it. Whoever knows a password has no more attempts under way at once
//! than who guesses one.

mod buckets;
mod pace;

pub use pace::{Pace, READS, WRITES};

use buckets::Buckets;
use castle::ids::GuestId;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// So many at once, and one more after each `refill`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// At once.
    pub burst: u32,
    /// For one more.
    pub refill: Duration,
}

/// For one name from one address: eight tries of a person who has forgotten which password it was, then 360 an
/// hour, hopeless against the weakest password that is accepted.
pub const PAIR: Allowance = Allowance { burst: 8, refill: Duration::from_secs(10) };
/// From one address: a school behind one address has all its people; who tries one password on many names gets
/// nowhere.
pub const ADDRESS: Allowance = Allowance { burst: 64, refill: Duration::from_secs(2) };
/// For one name from all addresses, known devices aside: many addresses guess no faster than one.
pub const NAME: Allowance = Allowance { burst: 32, refill: Duration::from_secs(10) };
/// On one device that has logged in before: as for a pair.
pub const DEVICE: Allowance = PAIR;
/// Debts remembered of each kind; beyond it the one nearest to forgiveness is forgotten. About 10 MB in all.
const DEBTS_MAX: usize = 10_000;

/// How many wrong passwords are allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThrottleConfig {
    /// For one name from one address.
    pub pair: Allowance,
    /// From one address.
    pub address: Allowance,
    /// For one name.
    pub name: Allowance,
    /// On one device that has logged in before.
    pub device: Allowance,
}

impl ThrottleConfig {
    /// All of them, to be changed together.
    pub fn all(&mut self) -> [&mut Allowance; 4] {
        [&mut self.pair, &mut self.address, &mut self.name, &mut self.device]
    }
}

impl Default for ThrottleConfig {
    fn default() -> Self {
        Self { pair: PAIR, address: ADDRESS, name: NAME, device: DEVICE }
    }
}

/// One try at a password.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attempt {
    /// From somewhere.
    Stranger {
        /// Where from.
        from: IpAddr,
        /// For which name: the same text for all its spellings.
        name: String,
    },
    /// On a device that has logged in before, with the password that is good now.
    Device {
        /// As whom.
        of: GuestId,
        /// Which.
        device: u128,
    },
    /// With a code of the host from somewhere: it cannot be guessed, so strangers who flood the name hinder nobody.
    Code(IpAddr),
}

impl Attempt {
    /// The same from the whole network.
    fn counted(self) -> Self {
        match self {
            Self::Stranger { from, name } => Self::Stranger { from: network(from), name },
            Self::Code(from) => Self::Code(network(from)),
            device @ Self::Device { .. } => device,
        }
    }
}

/// Counts wrong passwords.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Throttle {
    pairs: Buckets<(IpAddr, String)>,
    addresses: Buckets<IpAddr>,
    names: Buckets<String>,
    devices: Buckets<(GuestId, u128)>,
    /// How many were taken and have not come to their end.
    under_way: BTreeMap<Attempt, u32>,
}

impl Throttle {
    /// With these allowances.
    pub fn new(config: &ThrottleConfig) -> Self {
        Self {
            pairs: Buckets::new(config.pair, DEBTS_MAX),
            addresses: Buckets::new(config.address, DEBTS_MAX),
            names: Buckets::new(config.name, DEBTS_MAX),
            devices: Buckets::new(config.device, DEBTS_MAX),
            under_way: BTreeMap::new(),
        }
    }

    /// Counts one attempt, whose end is then told by [`Throttle::forgive`], [`Throttle::settle`] or
    /// [`Throttle::give_back`]. `Err`: how long to wait, by which allowance; nothing was counted.
    pub fn take(&mut self, now: Instant, attempt: &Attempt) -> Result<(), (Duration, Allowance)> {
        let attempt = attempt.clone().counted();
        let waits = match &attempt {
            Attempt::Device { of, device } => vec![self.devices.wait_for(now, &(*of, *device))],
            Attempt::Code(from) => vec![self.addresses.wait_for(now, from)],
            Attempt::Stranger { from, name } => vec![
                self.pairs.wait_for(now, &(*from, name.clone())),
                self.addresses.wait_for(now, from),
                self.names.wait_for(now, name),
            ],
        };
        if let Some(longest) = waits.into_iter().flatten().max_by_key(|&(wait, _)| wait) {
            return Err(longest);
        }
        match &attempt {
            Attempt::Device { of, device } => self.devices.take(now, (*of, *device)),
            Attempt::Code(from) => self.addresses.take(now, *from),
            Attempt::Stranger { from, name } => {
                self.pairs.take(now, (*from, name.clone()));
                self.addresses.take(now, *from);
                self.names.take(now, name.clone());
            }
        }
        *self.under_way.entry(attempt).or_default() += 1;
        Ok(())
    }

    /// The password was right: the attempt is given back. If it was the last one under way, all is forgiven to the pair
    /// or the device; while others are, their number stays bounded. Address and name never forgive, so that nobody
    /// clears a debt by logging in to an account of their own in between.
    pub fn forgive(&mut self, now: Instant, attempt: &Attempt) {
        let attempt = attempt.clone().counted();
        let last = self.ends(&attempt);
        self.refund(now, &attempt);
        match attempt {
            Attempt::Device { of, device } if last => self.devices.forgive(&(of, device)),
            Attempt::Stranger { from, name } if last => self.pairs.forgive(&(from, name)),
            _ => {}
        }
    }

    /// The password was wrong, or nobody waited to hear: the attempt stays counted.
    pub fn settle(&mut self, attempt: &Attempt) {
        self.ends(&attempt.clone().counted());
    }

    /// No password was tried: the attempt is as if it had not been.
    pub fn give_back(&mut self, now: Instant, attempt: &Attempt) {
        let attempt = attempt.clone().counted();
        self.ends(&attempt);
        self.refund(now, &attempt);
    }

    /// One that was taken is at its end; whether it was the last of its kind.
    fn ends(&mut self, attempt: &Attempt) -> bool {
        let Entry::Occupied(mut count) = self.under_way.entry(attempt.clone()) else { return true };
        *count.get_mut() -= 1;
        let last = *count.get() == 0;
        if last {
            count.remove();
        }
        last
    }

    fn refund(&mut self, now: Instant, attempt: &Attempt) {
        match attempt {
            Attempt::Device { of, device } => self.devices.give_back(now, (*of, *device)),
            Attempt::Code(from) => self.addresses.give_back(now, *from),
            Attempt::Stranger { from, name } => {
                self.pairs.give_back(now, (*from, name.clone()));
                self.addresses.give_back(now, *from);
                self.names.give_back(now, name.clone());
            }
        }
    }

    /// How many debts are remembered, of all kinds.
    pub fn debts(&self) -> usize {
        self.pairs.len() + self.addresses.len() + self.names.len() + self.devices.len()
    }
}

/// What counts as one address: of IPv6 the /64, which one customer has whole.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests;

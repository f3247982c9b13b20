//! Who tried too many wrong passwords: for one name from one address, from one address, for one name.
//!
//! Pure: the clock is an argument. A refused attempt extends nothing. Never knows whether a name exists, so
//! unknown names are throttled alike. A device that has logged in before is counted by itself alone, so that
//! strangers who flood a name keep nobody out of it.

mod buckets;

pub(crate) use buckets::Buckets;
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// From somewhere.
    Stranger {
        /// Of IPv6 the /64 counts, which one customer has whole.
        from: IpAddr,
        /// For which name: the same text for all its spellings.
        name: String,
    },
    /// On a device that has logged in before, for the name it logged in with.
    Device(u128),
    /// With a code of the host from somewhere: it cannot be guessed, so strangers who flood the name hinder nobody.
    Code(IpAddr),
}

/// Counts wrong passwords.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Throttle {
    pairs: Buckets<(IpAddr, String)>,
    addresses: Buckets<IpAddr>,
    names: Buckets<String>,
    devices: Buckets<u128>,
}

impl Throttle {
    /// With these allowances.
    pub fn new(config: &ThrottleConfig) -> Self {
        Self {
            pairs: Buckets::new(config.pair, DEBTS_MAX),
            addresses: Buckets::new(config.address, DEBTS_MAX),
            names: Buckets::new(config.name, DEBTS_MAX),
            devices: Buckets::new(config.device, DEBTS_MAX),
        }
    }

    /// Counts one attempt, to be given back by [`Throttle::forgive`] if the password was right. `Err`: how long
    /// to wait, by which allowance; nothing was counted.
    pub fn take(&mut self, now: Instant, attempt: &Attempt) -> Result<(), (Duration, Allowance)> {
        let waits = match attempt {
            Attempt::Device(device) => vec![self.devices.wait_for(now, device)],
            Attempt::Code(from) => vec![self.addresses.wait_for(now, &network(*from))],
            Attempt::Stranger { from, name } => {
                let from = network(*from);
                vec![
                    self.pairs.wait_for(now, &(from, name.clone())),
                    self.addresses.wait_for(now, &from),
                    self.names.wait_for(now, name),
                ]
            }
        };
        if let Some(longest) = waits.into_iter().flatten().max_by_key(|&(wait, _)| wait) {
            return Err(longest);
        }
        match attempt {
            Attempt::Device(device) => self.devices.take(now, *device),
            Attempt::Code(from) => self.addresses.take(now, network(*from)),
            Attempt::Stranger { from, name } => {
                let from = network(*from);
                self.pairs.take(now, (from, name.clone()));
                self.addresses.take(now, from);
                self.names.take(now, name.clone());
            }
        }
        Ok(())
    }

    /// The password was right. All is forgiven to the pair or the device; address and name get back this one
    /// attempt, so that nobody clears a debt by logging in to an account of their own in between.
    pub fn forgive(&mut self, now: Instant, attempt: &Attempt) {
        match attempt {
            Attempt::Device(device) => self.devices.forgive(device),
            Attempt::Code(from) => self.addresses.give_back(now, network(*from)),
            Attempt::Stranger { from, name } => {
                let from = network(*from);
                self.pairs.forgive(&(from, name.clone()));
                self.addresses.give_back(now, from);
                self.names.give_back(now, name.clone());
            }
        }
    }

    /// How many debts are remembered, of all kinds.
    pub fn debts(&self) -> usize {
        self.pairs.len() + self.addresses.len() + self.names.len() + self.devices.len()
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests;

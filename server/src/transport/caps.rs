//! How many connections are open, in total and from one address.
//!
//! Pure. A connection is *opening* until its first request begins and *open* from then on; both count, and opening
//! ones have bounds of their own, so that who connects and says nothing soon leaves no room to do more of it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

/// Bounds of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// In total.
    pub total: usize,
    /// From one address; of IPv6 the /64, which one customer has whole.
    pub per_address: usize,
    /// Opening, in total: each costs a handshake.
    pub opening: usize,
    /// Opening, from one address.
    pub opening_per_address: usize,
}

impl Default for Limits {
    /// 60,000: the sessions that a node holds, and some that relay. 512: a school behind one address, two
    /// connections a guest. 1,024 handshakes are a second of one core. 128: all guests of that school come back at
    /// once after a restart, a few at a time.
    fn default() -> Self {
        Self { total: 60_000, per_address: 512, opening: 1024, opening_per_address: 128 }
    }
}

/// How a connection is asked whether it lives (HTTP/2 PING, RFC 9113 section 6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keepalive {
    /// It is asked this often …
    pub interval: Duration,
    /// … and closed where this passes without an answer.
    pub timeout: Duration,
}

impl Default for Keepalive {
    /// 10 s and 8 s: together under the 20 s in which a pulled cable is to be noticed, and two small packets a connection
    /// in 10 s. Connections that carry no session are closed by it, too.
    fn default() -> Self {
        Self { interval: Duration::from_secs(10), timeout: Duration::from_secs(8) }
    }
}

/// Which bound was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// In total.
    Total,
    /// From this address.
    Address,
    /// Opening, in total.
    Opening,
    /// Opening, from this address.
    OpeningAddress,
}

impl Full {
    /// As a metric's label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::Address => "address",
            Self::Opening => "opening",
            Self::OpeningAddress => "opening_address",
        }
    }
}

/// Who is counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Network(IpAddr);

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
            v4 @ IpAddr::V4(_) => v4,
        })
    }
}

#[derive(Debug, Default, Clone, Copy)]
struct Counted {
    all: usize,
    opening: usize,
}

/// Counts connections.
#[derive(Debug)]
pub struct Caps {
    limits: Limits,
    total: Counted,
    by_network: BTreeMap<Network, Counted>,
}

impl Caps {
    /// With none open.
    pub fn new(limits: Limits) -> Self {
        Self { limits, total: Counted::default(), by_network: BTreeMap::new() }
    }

    /// One more is opening. `network`: none for a proxy, which speaks for many.
    pub fn open(&mut self, network: Option<Network>) -> Result<(), Full> {
        let Limits { total, per_address, opening, opening_per_address } = self.limits;
        let here = network.and_then(|network| self.by_network.get(&network)).copied().unwrap_or_default();
        if here.all >= per_address {
            return Err(Full::Address);
        }
        if here.opening >= opening_per_address {
            return Err(Full::OpeningAddress);
        }
        if self.total.all >= total {
            return Err(Full::Total);
        }
        if self.total.opening >= opening {
            return Err(Full::Opening);
        }
        self.total.all += 1;
        self.total.opening += 1;
        if let Some(network) = network {
            let here = self.by_network.entry(network).or_default();
            here.all += 1;
            here.opening += 1;
        }
        Ok(())
    }

    /// One that was opening is open.
    pub fn opened(&mut self, network: Option<Network>) {
        self.total.opening -= 1;
        if let Some(here) = network.and_then(|network| self.by_network.get_mut(&network)) {
            here.opening -= 1;
        }
    }

    /// One is closed; `opening`: it was not open yet.
    pub fn closed(&mut self, network: Option<Network>, opening: bool) {
        self.total.all -= 1;
        self.total.opening -= usize::from(opening);
        let Some(network) = network else { return };
        if let Some(here) = self.by_network.get_mut(&network) {
            here.all -= 1;
            here.opening -= usize::from(opening);
            if here.all == 0 {
                self.by_network.remove(&network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { total: 6, per_address: 4, opening: 3, opening_per_address: 2 };

    fn network(text: &str) -> Network {
        text.parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn each_bound_is_held_and_what_closes_makes_room() {
        let mut caps = Caps::new(LIMITS);
        let [a, b, c] = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(|text| Some(network(text)));
        assert_eq!([caps.open(a), caps.open(a)], [Ok(()), Ok(())]);
        assert_eq!(caps.open(a), Err(Full::OpeningAddress));
        assert_eq!(caps.open(b), Ok(()));
        assert_eq!(caps.open(c), Err(Full::Opening));
        for network in [a, a, b] {
            caps.opened(network);
        }
        assert_eq!([caps.open(a), caps.open(a)], [Ok(()), Ok(())]);
        assert_eq!(caps.open(a), Err(Full::Address));
        caps.opened(a);
        caps.closed(a, true);
        assert_eq!([caps.open(b), caps.open(c)], [Ok(()), Ok(())]);
        assert_eq!(caps.open(None), Err(Full::Total));
        caps.closed(b, true);
        assert_eq!(caps.open(None), Ok(()));
    }

    #[test]
    fn nothing_is_kept_of_who_has_left() {
        let mut caps = Caps::new(Limits::default());
        for n in 0..1000_u32 {
            let network = Some(IpAddr::from(n.to_be_bytes()).into());
            caps.open(network).unwrap();
            if n % 2 == 0 {
                caps.opened(network);
            }
            caps.closed(network, n % 2 != 0);
        }
        assert!(caps.by_network.is_empty());
        assert_eq!((caps.total.all, caps.total.opening), (0, 0));
    }

    #[test]
    fn one_customer_is_one_network() {
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:2"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }
}

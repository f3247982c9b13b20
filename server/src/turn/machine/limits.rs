//! **Pure**: how much one guest and all together may take from the relay, and how that is counted.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// Bounds of the relay.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Relayed addresses at once, of all guests together: of an allocation one, or one of each family. Each holds a socket
    /// and about 6 KiB; two make a call.
    pub allocations: usize,
    /// Relayed addresses at once of one guest: two devices in a call, over three transports and two families, twice
    /// over while ICE restarts.
    pub allocations_per_guest: usize,
    /// Permissions of one allocation: every address its peer may have.
    pub permissions: usize,
    /// Channels of one allocation.
    pub channels: usize,
    /// What one guest's allocations may relay, both ways together: two calls in 720p. What another guest of this relay sends
    /// counts for that one alone.
    pub guest_bandwidth: Rate,
    /// What the relay relays in all, so that a flood cannot take the whole line.
    pub bandwidth: Rate,
    /// Requests from one network (an IPv4 address, an IPv6 /64): a household, or an office, whose guests all
    /// start a call at once. Those that prove it and those that do not, each; of a proxy, each connection.
    pub network_requests: Rate,
    /// Datagrams that ask and prove nothing, not even their sender's address, of all together. Streams and nonces of ours
    /// prove it, and count apart.
    pub unproven_requests: Rate,
    /// Requests of one allocation.
    pub allocation_requests: Rate,
    /// Connections of TCP and TLS at once. Where there is no room, one without an allocation gives way.
    pub streams: usize,
    /// Connections from one network at once; of a proxy, of which each guest is behind, any number.
    pub streams_per_network: usize,
    /// A connection that has no allocation after this long is closed, whatever it says: a guest's has one after four round
    /// trips. Looked at again as often, for one that gave its allocation back.
    pub stream_unallocated: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            allocations: 1000,
            allocations_per_guest: 24,
            permissions: 64,
            channels: 64,
            guest_bandwidth: Rate { per_second: 2_000_000, burst: 4_000_000 },
            bandwidth: Rate { per_second: 125_000_000, burst: 125_000_000 },
            network_requests: Rate { per_second: 100, burst: 400 },
            unproven_requests: Rate { per_second: 5_000, burst: 5_000 },
            allocation_requests: Rate { per_second: 50, burst: 200 },
            streams: 2000,
            streams_per_network: 200,
            stream_unallocated: Duration::from_secs(30),
        }
    }
}

/// So much per second, and so much at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Bytes or requests per second.
    pub per_second: u64,
    /// Bytes or requests at once.
    pub burst: u64,
}

/// What was taken under a [`Rate`]: until when it is paid for (a generic cell rate).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pace(Duration);

impl Pace {
    /// Takes `cost`, or nothing.
    pub fn take(&mut self, now: Duration, rate: Rate, cost: u64) -> bool {
        let nanos = |amount: u64| amount.saturating_mul(1_000_000_000) / rate.per_second.max(1);
        let paid = self.0.max(now) + Duration::from_nanos(nanos(cost));
        let fits = paid <= now + Duration::from_nanos(nanos(rate.burst));
        if fits {
            self.0 = paid;
        }
        fits
    }

    /// Whether nothing of it is owed any more.
    pub fn is_paid(&self, now: Duration) -> bool {
        self.0 <= now
    }
}

/// Senders remembered at once, 400 KiB. Beyond it all are forgotten: made-up ones are bounded together besides.
const NETWORKS_MAX: usize = 8192;

/// Who asks how often.
#[derive(Debug, Default)]
pub struct Networks {
    paces: BTreeMap<Sender, Pace>,
}

/// Whose requests count together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sender {
    /// All of a [`network`].
    Network(IpAddr),
    /// One connection, of a proxy that speaks for many.
    Connection(SocketAddr),
}

impl Networks {
    /// Whether one more request from there is heard.
    pub fn take(&mut self, now: Duration, rate: Rate, from: Sender) -> bool {
        if self.paces.len() >= NETWORKS_MAX {
            self.paces.clear();
        }
        self.paces.entry(from).or_default().take(now, rate, 1)
    }

    /// Forgets those who have nothing to pay.
    pub fn tidy(&mut self, now: Duration) {
        self.paces.retain(|_, pace| !pace.is_paid(now));
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.paces.len()
    }

    /// Whether nobody is remembered.
    pub fn is_empty(&self) -> bool {
        self.paces.is_empty()
    }
}

/// What one customer of a network operator has: an IPv4 address, an IPv6 /64.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_so_much_per_second() {
        let rate = Rate { per_second: 100, burst: 50 };
        let mut pace = Pace::default();
        assert_eq!((0..80).filter(|_| pace.take(Duration::ZERO, rate, 1)).count(), 50);
        assert_eq!((0..80).filter(|_| pace.take(Duration::from_millis(100), rate, 1)).count(), 10);
        assert!(!pace.take(Duration::from_secs(10), rate, 51), "more than the burst never fits");
        assert!(pace.take(Duration::from_secs(10), rate, 50));
    }

    #[test]
    fn neighbours_in_a_64_are_one_network_and_memory_is_bounded() {
        let rate = Rate { per_second: 1, burst: 2 };
        let mut networks = Networks::default();
        let heard = |networks: &mut Networks, address: &str| {
            networks.take(Duration::ZERO, rate, Sender::Network(network(address.parse().unwrap())))
        };
        assert!(heard(&mut networks, "2001:db8::1"));
        assert!(heard(&mut networks, "2001:db8::2"));
        assert!(!heard(&mut networks, "2001:db8::3"));
        assert!(heard(&mut networks, "2001:db8:0:1::3"));
        for address in 0..100_000_u32 {
            networks.take(Duration::ZERO, rate, Sender::Network(IpAddr::V4(address.into())));
        }
        assert!(networks.len() <= NETWORKS_MAX);
        networks.tidy(Duration::from_secs(5));
        assert!(networks.is_empty());
    }
}

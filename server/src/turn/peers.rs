//! To which addresses the relay may send, and from which it takes: the open internet, and nothing that only
//! this host or its network can reach. Live relayed addresses are decided before these rules are asked.
//!
//! RFC 8656 section 21.2 (attacks on the server's network), RFC 6890 (special-purpose addresses).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::sync::{PoisonError, RwLock};

/// Cloud metadata services outside the ranges below (Azure's).
const METADATA: [Ipv4Addr; 1] = [Ipv4Addr::new(168, 63, 129, 16)];
/// Addresses remembered as of this host or not. A relay speaks with one or two peers per allocation.
const REMEMBERED_MAX: usize = 4096;

/// The rules, and what is known about this host's own addresses.
pub struct PeerRules {
    on_loopback: bool,
    of_this_host: RwLock<BTreeMap<IpAddr, bool>>,
}

impl PeerRules {
    /// `on_loopback`: the server itself is reached on loopback only, so that loopback peers are its guests.
    pub fn new(on_loopback: bool) -> Self {
        Self { on_loopback, of_this_host: RwLock::default() }
    }

    /// Whether packets may go to and come from `peer`.
    pub fn allow(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        if peer.is_loopback() {
            return self.on_loopback;
        }
        is_public(peer) && !self.is_of_this_host(peer)
    }

    fn is_of_this_host(&self, address: IpAddr) -> bool {
        let known = self.of_this_host.read().unwrap_or_else(PoisonError::into_inner).get(&address).copied();
        known.unwrap_or_else(|| {
            // Only an address of this host can be bound.
            let found = UdpSocket::bind((address, 0)).is_ok();
            let mut known = self.of_this_host.write().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= REMEMBERED_MAX {
                known.clear();
            }
            known.insert(address, found);
            found
        })
    }
}

/// Whether an address is reached over the internet rather than on a host or a private network.
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = a == 0
        || a >= 240
        || (a == 100 && (b & 0xc0) == 64) // shared by carriers, RFC 6598
        || (a == 192 && b == 0 && c == 0) // protocol assignments
        || (a == 198 && (b & 0xfe) == 18); // benchmarks, RFC 2544
    !(special
        || address.is_loopback()
        || address.is_private()
        || address.is_link_local() // with 169.254.169.254, metadata
        || address.is_multicast()
        || METADATA.contains(&address))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    // Global unicast, RFC 4291: leaves out loopback, link-local, unique local, multicast, NAT64.
    let global = (a & 0xe000) == 0x2000;
    let tunnel = a == 0x2002 || (a == 0x2001 && b == 0); // 6to4 and Teredo carry an IPv4 address inside
    global && !tunnel
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_internet_is_public_and_the_rest_is_not() {
        for public in ["1.1.1.1", "203.0.113.7", "100.63.0.1", "172.32.0.1", "2606:4700::1111"] {
            assert!(is_public(address(public)), "{public}");
        }
        for refused in [
            "0.0.0.0",
            "0.1.2.3",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.8",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "168.63.129.16",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:0:1::1",
        ] {
            assert!(!is_public(address(refused)), "{refused}");
        }
    }

    #[test]
    fn loopback_is_a_peer_only_of_a_server_on_loopback() {
        for loopback in ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"] {
            assert!(PeerRules::new(true).allow(address(loopback)), "{loopback}");
            assert!(!PeerRules::new(false).allow(address(loopback)), "{loopback}");
        }
    }

    #[test]
    fn private_networks_are_refused_even_on_loopback() {
        let rules = PeerRules::new(true);
        assert!(!rules.allow(address("192.168.1.1")));
        assert!(rules.allow(address("203.0.113.7")));
    }
}

//! **Pure**: to which addresses the relay may send, and from which it takes: the open internet, and nothing that only
//! this host or its network can reach. Live relayed addresses are decided before these rules are asked.
//!
//! Owns the rules and the last that was told of this host's addresses; asks the system nothing.
//!
//! RFC 8656 section 21.2 (attacks on the server's network), RFC 6890 (special-purpose addresses).

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Cloud metadata services outside the ranges below (Azure's).
const METADATA: [Ipv4Addr; 1] = [Ipv4Addr::new(168, 63, 129, 16)];

/// A range of addresses, such as `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    base: IpAddr,
    prefix: u8,
}

/// Text that is not a range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a range of addresses such as 10.0.0.0/8 or fd00::/8")]
pub struct NotNetwork(String);

impl std::str::FromStr for Network {
    type Err = NotNetwork;

    fn from_str(text: &str) -> Result<Self, NotNetwork> {
        let wrong = || NotNetwork(text.to_owned());
        let (base, prefix) = match text.split_once('/') {
            Some((base, prefix)) => (base, Some(prefix)),
            None => (text, None),
        };
        let base: IpAddr = base.parse().map_err(|_| wrong())?;
        let longest = if base.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(longest), |prefix| prefix.parse().map_err(|_| wrong()))?;
        if prefix > longest { Err(wrong()) } else { Ok(Self { base, prefix }) }
    }
}

impl Network {
    /// Of all addresses that begin with so many bits of `base`; all of its bits where there are not so many.
    pub fn new(base: IpAddr, prefix: u8) -> Self {
        Self { base, prefix: prefix.min(if base.is_ipv4() { 32 } else { 128 }) }
    }

    fn is_single(&self) -> bool {
        self.prefix == if self.base.is_ipv4() { 32 } else { 128 }
    }

    /// Whether an address lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let cut = |bits: u128, width: u32| bits.checked_shr(width - u32::from(self.prefix)).unwrap_or(0);
        match (self.base, address.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                cut(base.to_bits().into(), 32) == cut(address.to_bits().into(), 32)
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                cut(base.to_bits(), 128) == cut(address.to_bits(), 128)
            }
            _ => false,
        }
    }
}

/// The addresses that lead to this host, as the system lists them at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostAddresses {
    single: BTreeSet<IpAddr>,
    networks: Vec<Network>,
}

impl HostAddresses {
    /// These, and none besides.
    pub fn new(all: impl IntoIterator<Item = Network>) -> Self {
        let mut known = Self::default();
        for network in all {
            if network.is_single() {
                known.single.insert(network.base.to_canonical());
            } else if !known.networks.contains(&network) {
                known.networks.push(network);
            }
        }
        known
    }

    /// Whether an address is one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.single.contains(&address) || self.networks.iter().any(|network| network.contains(address))
    }
}

/// The rules, and what is known about this host's own addresses.
pub struct PeerRules {
    on_loopback: bool,
    allowed: Vec<Network>,
    refused: Vec<IpAddr>,
    own: HostAddresses,
}

impl PeerRules {
    /// `on_loopback`: the server itself is reached on loopback only, so that loopback peers are its guests.
    pub fn new(on_loopback: bool, own: HostAddresses) -> Self {
        Self { on_loopback, allowed: Vec::new(), refused: Vec::new(), own }
    }

    /// The host wants these to be reached, although they are private.
    #[must_use]
    pub fn allowing(self, allowed: Vec<Network>) -> Self {
        Self { allowed, ..self }
    }

    /// These lead to this host, although it does not know them as its own: its address outside of a NAT.
    #[must_use]
    pub fn refusing(self, refused: Vec<IpAddr>) -> Self {
        Self { refused, ..self }
    }

    /// This host has these addresses now. What an allocation was permitted before does not count any more where it
    /// became one of them.
    pub fn host_has(&mut self, own: HostAddresses) {
        self.own = own;
    }

    /// Whether packets may go to and come from `peer`.
    pub fn allow(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        if self.refused.contains(&peer) {
            return false;
        }
        if peer.is_loopback() {
            return self.on_loopback;
        }
        let reachable = is_public(peer) || self.allowed.iter().any(|network| network.contains(peer));
        reachable && !peer.is_unspecified() && !peer.is_multicast() && !self.own.contains(peer)
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

    fn elsewhere(on_loopback: bool) -> PeerRules {
        PeerRules::new(on_loopback, HostAddresses::default())
    }

    #[test]
    fn loopback_is_a_peer_only_of_a_server_on_loopback() {
        for loopback in ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"] {
            assert!(elsewhere(true).allow(address(loopback)), "{loopback}");
            assert!(!elsewhere(false).allow(address(loopback)), "{loopback}");
        }
    }

    #[test]
    fn private_networks_are_refused_even_on_loopback_unless_the_host_allows_them() {
        let rules = elsewhere(true);
        assert!(!rules.allow(address("192.168.1.1")));
        assert!(rules.allow(address("203.0.113.7")));
        let networks = ["192.168.0.0/16", "fd00::/8", "0.0.0.0/0"].map(|text| text.parse().unwrap());
        let rules = elsewhere(false).allowing(networks[..2].to_vec());
        for allowed in ["192.168.1.1", "::ffff:192.168.1.1", "fd00::1"] {
            assert!(rules.allow(address(allowed)), "{allowed}");
        }
        assert!(!rules.allow(address("10.0.0.1")));
        let rules = elsewhere(false).allowing(networks.to_vec());
        for refused in ["127.0.0.1", "0.0.0.0", "224.0.0.1"] {
            assert!(!rules.allow(address(refused)), "{refused}: whatever is allowed");
        }
    }

    #[test]
    fn this_host_is_refused_by_every_address_that_leads_to_it() {
        let own = ["203.0.113.1", "203.0.113.64/30", "2001:db8::1"].map(|text| text.parse().unwrap());
        let rules = PeerRules::new(false, HostAddresses::new(own))
            .refusing(vec![address("203.0.113.9")])
            .allowing(vec!["203.0.113.0/24".parse().unwrap()]);
        for refused in ["203.0.113.1", "::ffff:203.0.113.1", "203.0.113.66", "2001:db8::1", "203.0.113.9"] {
            assert!(!rules.allow(address(refused)), "{refused}");
        }
        for allowed in ["203.0.113.7", "203.0.113.68", "2001:db8::2"] {
            assert!(rules.allow(address(allowed)), "{allowed}");
        }
    }

    #[test]
    fn an_address_that_comes_to_this_host_is_refused_from_then_on_and_one_that_leaves_it_is_not() {
        let mut rules = elsewhere(false);
        assert!(rules.allow(address("203.0.113.7")));
        rules.host_has(HostAddresses::new(["203.0.113.7".parse().unwrap()]));
        assert!(!rules.allow(address("203.0.113.7")));
        rules.host_has(HostAddresses::new(["203.0.113.8".parse().unwrap()]));
        assert!(rules.allow(address("203.0.113.7")) && !rules.allow(address("203.0.113.8")));
    }

    #[test]
    fn a_network_is_an_address_and_a_prefix() {
        for wrong in ["", "10.0.0.0/33", "10.0.0/8", "fd00::/129", "10.0.0.0/", "10.0.0.0/-1", "a/8"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong:?}");
        }
        let network: Network = "10.1.2.3".parse().unwrap();
        assert!(network.contains(address("10.1.2.3")) && !network.contains(address("10.1.2.2")));
        let all: Network = "::/0".parse().unwrap();
        assert!(all.contains(address("fd00::1")) && !all.contains(address("10.0.0.1")));
    }
}

//! This host's own addresses, asked of the system.
//!
//! Owns how they are listed. Which of them matter is decided in `turn/peers.rs`; who asks holds no lock meanwhile.

use super::peers::{HostAddresses, Network};
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::SockaddrStorage;
use std::net::IpAddr;

/// All addresses of all interfaces. Of the loopback interface whole IPv4 networks: each address in one that is given
/// to it leads here. Some hundred microseconds.
pub(super) fn addresses() -> std::io::Result<HostAddresses> {
    let found = getifaddrs()?.filter_map(|interface| {
        let address = ip(interface.address.as_ref()?)?;
        let loops = interface.flags.contains(InterfaceFlags::IFF_LOOPBACK) && address.is_ipv4();
        let netmask = interface.netmask.as_ref().and_then(ip).filter(|_| loops);
        let prefix = match netmask {
            Some(IpAddr::V4(mask)) => mask.to_bits().leading_ones() as u8,
            _ => u8::MAX,
        };
        Some(Network::new(address, prefix))
    });
    Ok(HostAddresses::new(found))
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = || address.as_sockaddr_in().map(|v4| v4.ip().into());
    v4().or_else(|| address.as_sockaddr_in6().map(|v6| v6.ip().into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    #[test]
    fn what_the_system_sends_from_is_its_own_and_what_it_does_not_have_is_not() {
        let own = addresses().unwrap();
        for text in ["127.0.0.1", "127.8.8.8", "::ffff:127.0.0.1"] {
            assert!(own.contains(text.parse().unwrap()), "{text}: {own:?}");
        }
        for text in ["203.0.113.7", "2001:db8::7", "0.0.0.0"] {
            assert!(!own.contains(text.parse().unwrap()), "{text}: {own:?}");
        }
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        if socket.connect("203.0.113.1:9").is_ok() {
            assert!(own.contains(socket.local_addr().unwrap().ip()), "{own:?}");
        }
    }
}

//! Ports for programs that must be told one, and take no 0.

use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};

/// Below those that the system gives to whoever asks for any: nobody comes by one of these by chance.
const FIRST: u16 = 22_000;
const COUNT: u16 = 10_000;
/// The guard of a port is so far below it, out of the way of who listens at all addresses.
const GUARD_BELOW: u16 = 10_000;
/// Taken ones that are passed over.
const TRIES: usize = 1000;

/// A port that is free for datagrams and streams, and that no other test takes before this is dropped.
pub(crate) struct FreePort {
    pub(crate) number: u16,
    /// Tells the tests of other processes that it is taken, though whom it is for may not listen yet.
    _guard: TcpListener,
}

impl FreePort {
    /// At this address.
    pub(crate) fn at(ip: impl Into<IpAddr>) -> Self {
        let ip = ip.into();
        for _ in 0..TRIES {
            let number = FIRST + rand::random::<u16>() % COUNT;
            let guard = Ipv4Addr::new(127, 0, 0, 2);
            let Ok(guard) = TcpListener::bind((guard, number - GUARD_BELOW)) else { continue };
            if UdpSocket::bind((ip, number)).is_ok() && TcpListener::bind((ip, number)).is_ok() {
                return Self { number, _guard: guard };
            }
        }
        panic!("no port is free at {ip}");
    }
}

//! Notices that this machine came to another network, or slept.
//!
//! Asks the system which own address it would send from; nothing is sent. The judgement is pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// Between two looks: a call must not miss its network for long.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Time that passed unseen: more than a busy machine takes from one look to the next.
const SLEPT: Duration = Duration::from_secs(5);

/// Tells the time of day, which goes on while the machine sleeps; the system's by default.
#[derive(Clone)]
pub struct WallClock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl WallClock {
    /// That tells what `now` says.
    pub fn new(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    pub(super) fn now(&self) -> SystemTime {
        (self.0)()
    }
}

impl Default for WallClock {
    fn default() -> Self {
        Self::new(SystemTime::now)
    }
}

/// The own address toward the internet, of each family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Routes([Option<IpAddr>; 2]);

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Other addresses.
    Network,
    /// The machine slept.
    Woke,
}

/// What the system says now.
pub(super) fn routes() -> Routes {
    // Addresses for documentation (RFC 5737, RFC 3849): they are reached by the default route or not at all.
    let far = [Ipv4Addr::new(192, 0, 2, 1).into(), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into()];
    Routes(far.map(|far: IpAddr| {
        let any: IpAddr =
            if far.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = UdpSocket::bind(SocketAddr::new(any, 0)).ok()?;
        socket.connect(SocketAddr::new(far, 9)).ok()?;
        Some(socket.local_addr().ok()?.ip())
    }))
}

/// Compares what is with what was.
#[derive(Debug)]
pub(super) struct NetworkWatch {
    routes: Routes,
    looked: (Instant, SystemTime),
    /// The machine slept, and there was no network since.
    slept: bool,
}

impl NetworkWatch {
    pub(super) fn new(now: Instant, clock: SystemTime, routes: Routes) -> Self {
        Self { routes, looked: (now, clock), slept: false }
    }

    /// What changed since the last look. A network that went away is told when there is another, and a sleep when there is one
    /// again: of a machine that woke it may come back many looks later.
    pub(super) fn look(&mut self, now: Instant, clock: SystemTime, routes: Routes) -> Option<Change> {
        let (last, last_clock) = std::mem::replace(&mut self.looked, (now, clock));
        let passed = now.saturating_duration_since(last);
        let by_clock = clock.duration_since(last_clock).unwrap_or_default();
        // Some systems let the one run through a sleep, some only the other.
        self.slept |= passed > SLEPT || by_clock.saturating_sub(passed) > SLEPT;
        if routes == Routes::default() {
            return None;
        }
        let woke = std::mem::take(&mut self.slept);
        if routes != self.routes {
            self.routes = routes;
            return Some(Change::Network);
        }
        woke.then_some(Change::Woke)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(last_byte: u8) -> Routes {
        Routes([Some(Ipv4Addr::new(10, 0, 0, last_byte).into()), None])
    }

    #[test]
    fn another_address_is_told_once_and_none_at_all_not() {
        let (now, clock) = (Instant::now(), SystemTime::now());
        let mut watch = NetworkWatch::new(now, clock, at(1));
        let mut look = |routes| watch.look(now, clock, routes);
        assert_eq!(look(at(1)), None);
        assert_eq!(look(Routes::default()), None);
        assert_eq!(look(at(1)), None, "the same again");
        assert_eq!(look(at(2)), Some(Change::Network));
        assert_eq!(look(at(2)), None);
    }

    #[test]
    fn a_sleep_is_told_once_and_when_the_network_is_back() {
        let (now, clock, hour) = (Instant::now(), SystemTime::now(), Duration::from_hours(1));
        for (back, change) in [(at(1), Change::Woke), (at(2), Change::Network)] {
            let mut watch = NetworkWatch::new(now, clock, at(1));
            let mut look = |looks, routes| watch.look(now + LOOK_EVERY * looks, clock + hour, routes);
            assert_eq!(look(1, Routes::default()), None, "it slept, and is not connected yet");
            assert_eq!(look(2, Routes::default()), None);
            assert_eq!(look(3, back), Some(change));
            assert_eq!(look(4, back), None, "all is told");
        }
    }

    #[test]
    fn a_sleep_is_told_whichever_clock_ran_through_it() {
        let (now, clock) = (Instant::now(), SystemTime::now());
        let hour = Duration::from_hours(1);
        for (later, clock_later, change) in [
            (LOOK_EVERY, LOOK_EVERY, None),
            (LOOK_EVERY, hour, Some(Change::Woke)),
            (hour, hour, Some(Change::Woke)),
            (hour, LOOK_EVERY, Some(Change::Woke)),
        ] {
            let mut watch = NetworkWatch::new(now, clock, at(1));
            assert_eq!(watch.look(now + later, clock + clock_later, at(1)), change);
        }
    }
}

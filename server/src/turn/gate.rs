//! How many streams there are, in all and of each network, and which one gives way where there is no room.
//!
//! A stream that has an allocation is its guest's, whom a credential and quotas vouch for: it stays. One that has none yet
//! gives way, the oldest of the network that has the most of them, since a guest's own allocates within a moment.

use super::machine::limits::{Limits, network};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio_util::sync::CancellationToken;

/// The streams.
#[derive(Default)]
pub(super) struct Gate {
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    begun: u64,
    /// By their age.
    streams: BTreeMap<u64, Stream>,
}

/// Whence streams come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    Network(IpAddr),
    /// Proxies, which speak for many.
    Proxy,
}

struct Stream {
    origin: Origin,
    allocated: bool,
    cut: CancellationToken,
}

/// A stream's place; given back when it is dropped.
pub(super) struct Place<'a> {
    gate: &'a Gate,
    number: u64,
    /// Cancelled when the place is another's.
    pub(super) cut: CancellationToken,
}

impl Gate {
    /// A place for a stream from this address, or from a proxy; `None`: all that there are have allocations.
    pub(super) fn enter(&self, limits: &Limits, from: Option<IpAddr>) -> Option<Place<'_>> {
        let mut open = self.open();
        let origin = from.map_or(Origin::Proxy, |from| Origin::Network(network(from)));
        if origin != Origin::Proxy && open.of(origin) >= limits.streams_per_network {
            open.give_way(origin)?;
        } else if open.streams.len() >= limits.streams {
            let crowd = open.largest_crowd()?;
            open.give_way(crowd)?;
        }
        let (number, cut) = (open.begun, CancellationToken::new());
        open.begun += 1;
        open.streams.insert(number, Stream { origin, allocated: false, cut: cut.clone() });
        Some(Place { gate: self, number, cut })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn of(&self, origin: Origin) -> usize {
        self.streams.values().filter(|stream| stream.origin == origin).count()
    }

    /// Where the most streams come from that have no allocation.
    fn largest_crowd(&self) -> Option<Origin> {
        let mut crowds = BTreeMap::<Origin, usize>::new();
        for stream in self.streams.values().filter(|stream| !stream.allocated) {
            *crowds.entry(stream.origin).or_default() += 1;
        }
        crowds.into_iter().max_by_key(|(_, count)| *count).map(|(origin, _)| origin)
    }

    /// Cuts the oldest stream from there that has no allocation.
    fn give_way(&mut self, origin: Origin) -> Option<()> {
        let mut idle = self.streams.iter().filter(|(_, s)| s.origin == origin && !s.allocated);
        let oldest = *idle.next()?.0;
        self.streams.remove(&oldest)?.cut.cancel();
        Some(())
    }
}

impl Place<'_> {
    /// Notes whether the stream has an allocation.
    pub(super) fn has_allocation(&self, allocated: bool) {
        if let Some(stream) = self.gate.open().streams.get_mut(&self.number) {
            stream.allocated = allocated;
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.gate.open().streams.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: fn() -> Limits = || Limits { streams: 4, streams_per_network: 2, ..Limits::default() };

    #[expect(clippy::unnecessary_wraps, reason = "as the gate takes it")]
    fn address(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, last]))
    }

    fn gone(places: &[Place<'_>]) -> Vec<bool> {
        places.iter().map(|place| place.cut.is_cancelled()).collect()
    }

    #[test]
    fn who_never_allocates_gives_way_to_who_comes_and_who_did_stays() {
        let (gate, limits) = (Gate::default(), LIMITS());
        let crowd: Vec<_> = [1, 1, 2, 2].iter().map(|n| gate.enter(&limits, address(*n)).unwrap()).collect();
        crowd[0].has_allocation(true);
        let guest = gate.enter(&limits, address(3)).expect("there is room for who comes");
        assert_eq!(gone(&crowd), [false, false, true, false], "the oldest idle one of the larger crowd");
        let another = gate.enter(&limits, address(1)).expect("in the place of its network's idle one");
        assert_eq!(gone(&crowd), [false, true, true, false]);
        for place in [&guest, &another, &crowd[3]] {
            place.has_allocation(true);
        }
        assert!(gate.enter(&limits, address(4)).is_none(), "nobody idles");
        drop(guest);
        assert!(gate.enter(&limits, address(4)).is_some());
        drop((crowd, another));
        assert!(gate.open().streams.is_empty());
    }

    #[test]
    fn a_network_has_its_share_and_a_proxy_the_whole() {
        let (gate, limits) = (Gate::default(), LIMITS());
        let office: Vec<_> = (0..2).map(|_| gate.enter(&limits, address(1)).unwrap()).collect();
        for place in &office {
            place.has_allocation(true);
        }
        assert!(gate.enter(&limits, address(1)).is_none());
        drop(office);
        let proxied: Vec<_> = (0..4).map(|_| gate.enter(&limits, None).unwrap()).collect();
        for place in &proxied {
            place.has_allocation(true);
        }
        assert!(gate.enter(&limits, None).is_none());
    }
}

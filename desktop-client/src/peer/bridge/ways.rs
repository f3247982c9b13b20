//! Which transports lead to a relay, and whose turn it is to be tried. Pure but for its lock.
//!
//! Media suffers in a stream, and each relayed address counts in the guest's quota: a worse transport is tried when the
//! better ones that are offered do not lead anywhere, and not before.

use castle_connectivity::address::Transport;
use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The next worse transport that there is gets its turn when the better ones answered nothing by then.
pub(super) const STAGGER: Duration = Duration::from_millis(250);
/// Where a better one answered, it has this much longer to give a relayed address: that takes two round trips.
pub(super) const PATIENCE: Duration = Duration::from_millis(750);

/// What is known of the ways to relays. Copies are the same.
#[derive(Clone, Default)]
pub(super) struct Ways {
    offered: Arc<BTreeSet<Transport>>,
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    /// By which transport each live relayed address is reached.
    relayed: HashMap<SocketAddr, Transport>,
    /// Over which a server said anything.
    answered: BTreeSet<Transport>,
}

/// Whether it is a transport's turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Better ones have the relay to themselves.
    Waits,
    /// They lead nowhere.
    Came,
    /// One of them leads to a relay.
    IsOver,
}

impl Ways {
    /// Over these transports relays are offered.
    pub(super) fn of(offered: BTreeSet<Transport>) -> Self {
        Self { offered: Arc::new(offered), ..Self::default() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whose turn it is, so long after the stack asked over this transport.
    pub(super) fn turn(&self, transport: Transport, waited: Duration) -> Turn {
        let known = self.known();
        let delay = STAGGER * self.offered.range(..transport).count() as u32;
        let answered = known.answered.range(..transport).next().is_some();
        if known.relayed.values().any(|way| *way < transport) {
            Turn::IsOver
        } else if waited < delay || (answered && waited < delay + PATIENCE) {
            Turn::Waits
        } else {
            Turn::Came
        }
    }

    /// A server said something over this transport.
    pub(super) fn answered(&self, transport: Transport) {
        self.known().answered.insert(transport);
    }

    /// A relayed address came over this transport.
    pub(super) fn relays(&self, relayed: SocketAddr, transport: Transport) {
        self.known().relayed.insert(relayed, transport);
    }

    /// A relayed address is gone.
    pub(super) fn forget(&self, relayed: SocketAddr) {
        self.known().relayed.remove(&relayed);
    }

    /// How the relay behind a relayed address is reached.
    pub(super) fn way_of(&self, relayed: SocketAddr) -> Option<Transport> {
        self.known().relayed.get(&relayed).copied()
    }

    /// A relay was offered over UDP, and relays were reached, but none that way. Before one is reached nothing is known.
    pub(super) fn udp_failed(&self) -> bool {
        let known = self.known();
        let reached_otherwise =
            !known.relayed.is_empty() && known.relayed.values().all(|way| *way != Transport::Udp);
        reached_otherwise && self.offered.contains(&Transport::Udp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Transport::{Tcp, Tls, Udp};

    const ALL: [Transport; 3] = [Udp, Tcp, Tls];

    fn turns(ways: &Ways, waited: Duration) -> [Turn; 3] {
        ALL.map(|transport| ways.turn(transport, waited))
    }

    #[test]
    fn a_transport_waits_for_the_better_ones_that_are_offered_and_for_no_others() {
        assert_eq!(Ways::of(BTreeSet::from([Tls])).turn(Tls, Duration::ZERO), Turn::Came);
        let ways = Ways::of(BTreeSet::from(ALL));
        assert_eq!(turns(&ways, Duration::ZERO), [Turn::Came, Turn::Waits, Turn::Waits]);
        assert_eq!(turns(&ways, STAGGER), [Turn::Came, Turn::Came, Turn::Waits]);
        assert_eq!(turns(&ways, 2 * STAGGER), [Turn::Came; 3]);
    }

    #[test]
    fn where_a_better_one_answers_its_second_round_trip_is_waited_for_and_not_for_ever() {
        let ways = Ways::of(BTreeSet::from(ALL));
        ways.answered(Udp);
        assert_eq!(turns(&ways, 2 * STAGGER), [Turn::Came, Turn::Waits, Turn::Waits]);
        assert_eq!(turns(&ways, STAGGER + PATIENCE), [Turn::Came, Turn::Came, Turn::Waits]);
        assert_eq!(turns(&ways, 2 * STAGGER + PATIENCE), [Turn::Came; 3]);
        ways.relays("203.0.113.1:9".parse().unwrap(), Udp);
        assert_eq!(turns(&ways, 2 * STAGGER), [Turn::Came, Turn::IsOver, Turn::IsOver]);
    }
}

//! New ways for a connection that stands: when to look for one, and how both ends agree on it (RFC 8445 section 2.4,
//! RFC 9429 section 4.1.8.2 for offers that cross).

use super::bridge::Bridge;
use super::task::Task;
use super::{PeerFault, connection};
use rtc::peer_connection::configuration::RTCOfferOptions;
use std::time::{Duration, Instant};
use webrtc::peer_connection::RTCSessionDescription;

/// A path that is silent for this long after it was found silent is not waited for any more.
const SILENT_FOR: Duration = Duration::from_secs(2);
/// The polite end leaves the offerer this much time to begin, so that offers seldom cross.
const POLITENESS: Duration = Duration::from_secs(1);
/// A new way that did not come up by then is looked for anew.
const AGAIN_AFTER: Duration = Duration::from_secs(4);
/// Without a way for this long the connection is over: time for a lift, or for four tries.
const HOPELESS_AFTER: Duration = Duration::from_secs(18);

/// When to look for a new way. Pure.
#[derive(Debug)]
pub(super) struct Restarts {
    offers: bool,
    due: Option<Instant>,
    way: Way,
    hopeless: Option<Instant>,
}

/// How far the first way has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// The first descriptions are not exchanged yet.
    Prepared {
        /// The network changed since.
        stale: bool,
    },
    /// They are.
    Sought,
    /// A path was up, if it is not now.
    Found,
}

impl Restarts {
    /// Of the end that made the first offer, or of the other, polite one.
    pub(super) fn new(offers: bool) -> Self {
        Self { offers, due: None, way: Way::Prepared { stale: false }, hopeless: None }
    }

    /// When to begin, if at all.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// When a connection that was up is given up, if it is without a way.
    pub(super) fn hopeless(&self) -> Option<Instant> {
        self.hopeless
    }

    /// The path is up.
    pub(super) fn connected(&mut self) {
        *self = Self { way: Way::Found, ..Self::new(self.offers) };
    }

    /// Nothing comes by the path.
    pub(super) fn disconnected(&mut self, now: Instant) {
        let politeness = if self.offers { Duration::ZERO } else { POLITENESS };
        let at = now + SILENT_FOR + politeness;
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
        self.hopeless.get_or_insert(now + HOPELESS_AFTER);
    }

    /// The network changed. Before the first descriptions were exchanged no other can be; after that the addresses in them are
    /// of no use any more, whether a path was found by then or not.
    pub(super) fn want_now(&mut self, now: Instant) {
        match &mut self.way {
            Way::Prepared { stale } => *stale = true,
            Way::Sought | Way::Found => self.due = Some(now),
        }
    }

    /// The first descriptions are exchanged: what was prepared on a network that is gone is done again.
    pub(super) fn settled(&mut self, now: Instant) {
        let Way::Prepared { stale } = self.way else { return };
        self.way = Way::Sought;
        if stale {
            self.due = Some(now);
        }
    }

    /// It begins; again later, unless the path comes up.
    fn begin(&mut self, now: Instant) {
        if self.way == Way::Found {
            self.hopeless.get_or_insert(now + HOPELESS_AFTER);
        }
        let politeness = if self.offers { Duration::ZERO } else { POLITENESS };
        self.due = Some(now + AGAIN_AFTER + politeness);
    }
}

impl Task {
    /// Offers a new generation over fresh sockets and servers.
    pub(super) async fn restart(&mut self) -> Result<(), PeerFault> {
        self.restarts.begin(Instant::now());
        tracing::info!(call = %self.config.call, "looking for a new way");
        if self.offering {
            // The last one was lost or overtaken; the stack takes it back.
            self.take_back().await?;
        }
        let offered = async {
            self.renew_bridge().await?;
            let options = RTCOfferOptions { ice_restart: true };
            let offer = self.connection.pc.create_offer(Some(options)).await?;
            self.send_offer(offer).await
        };
        offered.await.map_err(|error| self.refuse(PeerFault::Internal, &error))
    }

    /// Prepares for an offer of the other end; false where it gives way to ours.
    pub(super) async fn make_way(
        &mut self,
        offer: &Result<RTCSessionDescription, webrtc::error::Error>,
    ) -> Result<bool, PeerFault> {
        let Ok(offer) = offer else { return Ok(true) };
        if !self.remote.is_described() {
            return Ok(true);
        }
        if self.offering {
            if self.config.offers {
                return Ok(false);
            }
            self.take_back().await?;
        }
        if !self.remote.restarts(&offer.sdp) {
            return Ok(true);
        }
        self.restarts.begin(Instant::now());
        self.renew_bridge().await.map_err(|error| self.refuse(PeerFault::Internal, &error))?;
        Ok(true)
    }

    async fn take_back(&mut self) -> Result<(), PeerFault> {
        self.offering = false;
        self.sharing.taken_back();
        let rollback = async {
            let rollback = RTCSessionDescription::rollback(None)?;
            self.connection.pc.set_local_description(rollback).await
        };
        rollback.await.map_err(|error| self.refuse(PeerFault::Internal, &error))
    }

    /// Ways to the newest servers, for the generation to come. The old ones stay until the next.
    async fn renew_bridge(&mut self) -> Result<(), webrtc::error::Error> {
        let servers = self.fresh_servers.clone();
        let bridge = Bridge::open(&servers, self.config.pin.as_ref()).await;
        let configuration = connection::configuration(&self.config, bridge.servers());
        self.retired = Some(std::mem::replace(&mut self.bridge, bridge));
        self.connection.pc.set_configuration(configuration).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_silent_path_is_given_two_seconds_and_the_polite_end_waits_longer() {
        let now = Instant::now();
        let [mut offerer, mut polite] = [true, false].map(Restarts::new);
        for restarts in [&mut offerer, &mut polite] {
            restarts.connected();
            assert_eq!(restarts.due(), None);
            restarts.disconnected(now);
        }
        assert_eq!(offerer.due(), Some(now + 2 * SECOND));
        assert_eq!(polite.due(), Some(now + 3 * SECOND));
        offerer.connected();
        assert_eq!(offerer.due(), None, "it came back by itself");
    }

    #[test]
    fn another_network_is_acted_upon_at_once_and_again_until_the_path_is_up() {
        let now = Instant::now();
        let mut restarts = Restarts::new(true);
        restarts.want_now(now);
        assert_eq!(restarts.due(), None, "the first offer is on its way");
        restarts.settled(now);
        assert_eq!(restarts.due(), Some(now), "and was answered");
        assert_eq!(restarts.hopeless(), None, "who calls waits no longer than for any call");
        restarts.connected();
        restarts.settled(now);
        assert_eq!(restarts.due(), None);
        restarts.want_now(now);
        assert_eq!(restarts.due(), Some(now));
        restarts.begin(now);
        assert_eq!(restarts.due(), Some(now + AGAIN_AFTER));
        restarts.disconnected(now + SECOND);
        assert_eq!(restarts.due(), Some(now + 3 * SECOND));
    }

    #[test]
    fn another_network_is_acted_upon_while_the_first_way_is_still_looked_for() {
        let now = Instant::now();
        for offers in [true, false] {
            let mut restarts = Restarts::new(offers);
            restarts.settled(now);
            assert_eq!(restarts.due(), None, "all is as it was");
            restarts.want_now(now + SECOND);
            assert_eq!(restarts.due(), Some(now + SECOND));
            restarts.begin(now + SECOND);
            restarts.settled(now + 2 * SECOND);
            let again = restarts.due().expect("again, unless a path comes up");
            assert!(again >= now + SECOND + AGAIN_AFTER, "but not for having settled anew");
            assert_eq!(restarts.hopeless(), None, "who calls waits no longer than for any call");
        }
    }

    #[test]
    fn a_connection_without_a_way_is_given_up_however_often_it_is_looked_for() {
        let now = Instant::now();
        for broke in [Restarts::disconnected as fn(&mut Restarts, Instant), Restarts::begin] {
            let mut restarts = Restarts::new(false);
            restarts.connected();
            assert_eq!(restarts.hopeless(), None);
            broke(&mut restarts, now);
            restarts.begin(now + SECOND);
            assert_eq!(restarts.hopeless(), Some(now + HOPELESS_AFTER));
            restarts.connected();
            assert_eq!(restarts.hopeless(), None, "it is back");
        }
    }
}

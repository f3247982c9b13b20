//! **Pure**: one allocation: its relayed addresses, who may send to it, and the numbers of its peers.

use super::access::Owner;
use super::limits::{Limits, Pace};
use crate::turn::wire::{Family, Key, Transaction};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// A permission lasts this long (RFC 8656 section 9).
const PERMISSION_LIFE: Duration = Duration::from_secs(300);
/// A channel lasts this long (RFC 8656 section 12).
const CHANNEL_LIFE: Duration = Duration::from_secs(600);

/// A relayed address of an allocation.
#[derive(Debug, Clone)]
pub(super) struct Relayed<R> {
    /// The socket behind it.
    pub(super) socket: R,
    /// As peers see it.
    pub(super) shown: SocketAddr,
}

/// A number that stands for a peer.
#[derive(Debug, Clone, Copy)]
struct Channel {
    /// As the client named it.
    peer: SocketAddr,
    /// As packets from there are looked up.
    key: SocketAddr,
    until: Duration,
}

/// Why a permission or channel is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotMade {
    /// The number or the peer is bound otherwise.
    Taken,
    /// There are too many.
    TooMany,
}

/// An allocation. It begins without any permission.
pub(super) struct Allocation<L, R> {
    /// The way back to the client.
    pub(super) link: L,
    /// IPv4, IPv6, or both.
    pub(super) relayed: BTreeMap<Family, Relayed<R>>,
    /// The credential it began with.
    pub(super) username: String,
    /// Of that credential.
    pub(super) key: Key,
    /// Whose it is.
    pub(super) owner: Owner,
    /// When it ends.
    pub(super) until: Duration,
    /// The request that made it …
    pub(super) made_by: Transaction,
    /// … and the answer, to be given again.
    pub(super) answer: Vec<u8>,
    /// Of its requests.
    pub(super) pace: Pace,
    /// Who may send to it.
    pub(super) peers: Peers,
}

/// The peers of an allocation.
#[derive(Debug, Default)]
pub(super) struct Peers {
    permissions: BTreeMap<IpAddr, Duration>,
    channels: BTreeMap<u16, Channel>,
    numbers: BTreeMap<SocketAddr, u16>,
}

impl Peers {
    /// Whether the peer may send, and be sent to.
    pub(super) fn permits(&self, now: Duration, peer: IpAddr) -> bool {
        self.permissions.get(&peer).is_some_and(|until| *until > now)
    }

    /// Permits all of `peers`, or none.
    pub(super) fn permit(&mut self, now: Duration, limits: &Limits, peers: &[IpAddr]) -> Result<(), NotMade> {
        self.permissions.retain(|_, until| *until > now);
        let mut new: Vec<_> = peers.iter().filter(|peer| !self.permissions.contains_key(peer)).collect();
        new.sort_unstable();
        new.dedup();
        if self.permissions.len() + new.len() > limits.permissions {
            return Err(NotMade::TooMany);
        }
        self.permissions.extend(peers.iter().map(|peer| (*peer, now + PERMISSION_LIFE)));
        Ok(())
    }

    /// Binds `number` to `peer`, which packets are looked up by as `key`, and permits it.
    pub(super) fn bind(
        &mut self,
        now: Duration,
        limits: &Limits,
        number: u16,
        (peer, key): (SocketAddr, SocketAddr),
    ) -> Result<(), NotMade> {
        self.forget_channels(now);
        let bound_to_other = self.channels.get(&number).is_some_and(|channel| channel.key != key);
        let other_bound = self.numbers.get(&key).is_some_and(|bound| *bound != number);
        if bound_to_other || other_bound {
            return Err(NotMade::Taken);
        }
        if !self.channels.contains_key(&number) && self.channels.len() >= limits.channels {
            return Err(NotMade::TooMany);
        }
        self.permit(now, limits, &[key.ip()])?;
        self.channels.insert(number, Channel { peer, key, until: now + CHANNEL_LIFE });
        self.numbers.insert(key, number);
        Ok(())
    }

    /// The peer behind a number.
    pub(super) fn peer_of(&self, now: Duration, number: u16) -> Option<SocketAddr> {
        self.channels.get(&number).filter(|channel| channel.until > now).map(|channel| channel.peer)
    }

    /// The number of a peer.
    pub(super) fn number_of(&self, now: Duration, key: SocketAddr) -> Option<u16> {
        let number = *self.numbers.get(&key)?;
        self.channels.get(&number).filter(|channel| channel.until > now).map(|_| number)
    }

    /// Forgets what has run out.
    pub(super) fn tidy(&mut self, now: Duration) {
        self.permissions.retain(|_, until| *until > now);
        self.forget_channels(now);
    }

    fn forget_channels(&mut self, now: Duration) {
        let Self { channels, numbers, .. } = self;
        channels.retain(|_, channel| {
            let lives = channel.until > now;
            if !lives {
                numbers.remove(&channel.key);
            }
            lives
        });
    }
}

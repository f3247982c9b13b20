//! **Pure**: what becomes of each packet of media: from a client to its peer, and from a peer to its client.
//!
//! Owns who pays. What comes from outside or goes there counts for the guest whose allocation it is; what stays inside the
//! relay counts for who sends it, since the other one could not keep it away.

use super::access::Owner;
use super::allocation::Allocation;
use super::{Client, Effect, Effects, Kind, Machine, Now, Sockets};
use crate::turn::counters::Dropped;
use crate::turn::wire::{Family, Packet, write_channel_data, write_data_indication};
use std::net::SocketAddr;
use std::time::Duration;

impl<L: Clone, S: Sockets> Machine<L, S> {
    pub(super) fn client_sent(
        &mut self,
        now: Now,
        client: Client,
        link: &L,
        packet: &[u8],
        effects: &mut Effects<L, S::Socket>,
    ) {
        let dropped = match Packet::read(packet) {
            Some(Packet::ChannelData { channel, data }) => {
                let Some(allocation) = self.live(now.at, client) else {
                    return self.counters.drop_packet(Dropped::Stray);
                };
                match allocation.peers.peer_of(now.at, channel) {
                    Some(peer) => self.relay(now.at, client, peer, data, effects),
                    None => Err(Dropped::NoPermission),
                }
            }
            Some(Packet::Send { peer, data }) => {
                let key = self.key_of(peer);
                match self.live(now.at, client) {
                    Some(allocation) if allocation.peers.permits(now.at, key.ip()) => {
                        self.relay(now.at, client, peer, data, effects)
                    }
                    Some(_) => Err(Dropped::NoPermission),
                    None => Err(Dropped::Stray),
                }
            }
            Some(Packet::Request(request)) => self.request(now, client, link, &request, effects),
            None => Err(Dropped::Stray),
        };
        if let Err(why) = dropped {
            self.counters.drop_packet(why);
        }
    }

    /// Sends `data` from the client's relayed address to `peer`.
    fn relay(
        &mut self,
        now: Duration,
        client: Client,
        peer: SocketAddr,
        data: &[u8],
        effects: &mut Effects<L, S::Socket>,
    ) -> Result<(), Dropped> {
        let allocation = self.allocations.get(&client).ok_or(Dropped::Stray)?;
        let family = Family::of(peer.ip());
        let Some(relayed) = allocation.relayed.get(&family) else { return Err(Dropped::ForbiddenPeer) };
        let (shown, owner) = (relayed.shown, allocation.owner);
        let neighbour = self.neighbour(peer);
        if neighbour.is_none() && !self.peers.allow(peer.ip()) {
            return Err(Dropped::ForbiddenPeer);
        }
        let socket = relayed.socket.clone();
        self.charge(now, owner, data.len())?;
        if let Some(neighbour) = neighbour {
            self.takes(now, neighbour, shown)?;
            return self.deliver(now, neighbour, shown, data, effects);
        }
        let bytes = effects.write(|out| out.extend_from_slice(data));
        effects.list.push(Effect::ToPeer { socket, to: peer, bytes });
        self.counters.relayed(data.len());
        Ok(())
    }

    pub(super) fn peer_sent(
        &mut self,
        now: Duration,
        at: (Family, u16),
        from: SocketAddr,
        packet: &[u8],
        effects: &mut Effects<L, S::Socket>,
    ) {
        let from = SocketAddr::new(from.ip().to_canonical(), from.port());
        let done = match self.ports.get(&at) {
            Some(&client) => self.take_in(now, client, from, packet, effects),
            None => Err(Dropped::Stray),
        };
        if let Err(why) = done {
            self.counters.drop_packet(why);
        }
    }

    /// Strangers are turned away first, by what is quickest to tell.
    fn take_in(
        &mut self,
        now: Duration,
        client: Client,
        from: SocketAddr,
        packet: &[u8],
        effects: &mut Effects<L, S::Socket>,
    ) -> Result<(), Dropped> {
        let owner = self.takes(now, client, from)?;
        // Relayed addresses never send to each other by way of the network: whoever says so, lies.
        if self.neighbour(from).is_some() || !self.peers.allow(from.ip()) {
            return Err(Dropped::ForbiddenPeer);
        }
        self.charge(now, owner, packet.len())?;
        self.deliver(now, client, from, packet, effects)
    }

    /// Whether the client permitted this peer; whose it is.
    fn takes(&self, now: Duration, client: Client, from: SocketAddr) -> Result<Owner, Dropped> {
        let allocation = self.live(now, client).ok_or(Dropped::Stray)?;
        let permitted = allocation.peers.permits(now, self.key_of(from).ip());
        if permitted { Ok(allocation.owner) } else { Err(Dropped::NoPermission) }
    }

    /// Hands the packet of a peer that may send it, and that is paid for, to the client.
    fn deliver(
        &mut self,
        now: Duration,
        client: Client,
        from: SocketAddr,
        data: &[u8],
        effects: &mut Effects<L, S::Socket>,
    ) -> Result<(), Dropped> {
        let key = self.key_of(from);
        let allocation = self.live(now, client).ok_or(Dropped::Stray)?;
        let (number, link) = (allocation.peers.number_of(now, key), allocation.link.clone());
        let bytes = if let Some(number) = number {
            effects.write(|out| write_channel_data(out, number, data, client.stream))
        } else {
            self.indications += 1;
            let mut transaction = [0; 12];
            transaction[4..].copy_from_slice(&self.indications.to_be_bytes());
            effects.write(|out| write_data_indication(out, transaction, from, data))
        };
        effects.list.push(Effect::ToClient { link, kind: Kind::Media, bytes });
        self.counters.relayed(data.len());
        Ok(())
    }

    fn charge(&mut self, now: Duration, owner: Owner, bytes: usize) -> Result<(), Dropped> {
        let limit = self.limits.guest_bandwidth;
        let fits = self.account(owner).pace.take(now, limit, bytes as u64)
            && self.pace.take(now, self.limits.bandwidth, bytes as u64);
        if fits { Ok(()) } else { Err(Dropped::Bandwidth) }
    }

    fn live(&self, now: Duration, client: Client) -> Option<&Allocation<L, S::Socket>> {
        self.allocations.get(&client).filter(|allocation| allocation.until > now)
    }

    /// Whose relayed address of this relay it is, bound or shown.
    fn neighbour(&self, address: SocketAddr) -> Option<Client> {
        let family = Family::of(address.ip());
        let ips = self.ips.get(&family).filter(|ips| [ips.bound, ips.shown].contains(&address.ip()))?;
        debug_assert_eq!(Family::of(ips.shown), family);
        self.ports.get(&(family, address.port())).copied()
    }

    /// How a peer is looked up: the relay's own address as it is shown.
    pub(super) fn key_of(&self, peer: SocketAddr) -> SocketAddr {
        match self.ips.get(&Family::of(peer.ip())) {
            Some(ips) if ips.bound == peer.ip() => SocketAddr::new(ips.shown, peer.port()),
            _ => peer,
        }
    }
}

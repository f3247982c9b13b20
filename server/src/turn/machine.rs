//! **Pure**: the relay's rules (RFC 8489, RFC 8656): what each datagram, packet and passing of time does.
//!
//! Owns allocations, quotas and what is relayed where. Knows no clock, no socket and no chance, and asks the system
//! nothing: sockets that were bound beforehand come from [`Sockets`], this host's addresses as an [`Input`], packets go
//! out as [`Effects`], to be performed by the driver. Control messages are in `machine/requests.rs`, media in
//! `machine/relaying.rs`.

pub mod access;
mod allocation;
mod farewells;
pub mod limits;
mod relaying;
mod requests;

use self::access::{Access, Owner};
use self::allocation::{Allocation, Relayed};
use self::farewells::Farewells;
use self::limits::{Limits, Networks, Pace};
use super::counters::Counters;
use super::peers::{HostAddresses, PeerRules};
use super::wire::Family;
use crate::ice::{CredentialsOf, TurnSecret};
use crate::transport::TrustedProxies;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// The time: since the start for what lasts, and by the calendar for credentials and nonces.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// Since the start.
    pub at: Duration,
    /// Unix seconds.
    pub unix: u64,
}

/// A client as the relay tells clients apart: with the relay's own end, a 5-tuple.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Client {
    /// Where it sends from.
    pub from: SocketAddr,
    /// Which of the relay's listeners it came to.
    pub listener: u8,
    /// Over a stream, where ChannelData is padded.
    pub stream: bool,
}

/// What happens to the relay.
pub enum Input<'a, L> {
    /// A client sent a datagram, or a frame of its stream.
    Client {
        /// Who.
        client: Client,
        /// The way back.
        link: &'a L,
        /// What.
        packet: &'a [u8],
    },
    /// A packet came to the relayed address with this port.
    Peer {
        /// Which family it came over.
        family: Family,
        /// The port of the socket it came to.
        port: u16,
        /// From whom.
        from: SocketAddr,
        /// What.
        packet: &'a [u8],
    },
    /// A client's stream is closed.
    Gone(Client),
    /// Somebody was banned or logged out.
    End(CredentialsOf),
    /// These are the addresses of this host now.
    Host(HostAddresses),
    /// Time passes: about once a second.
    Tick,
}

/// Whether a packet may be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An answer: over a stream it must arrive.
    Answer,
    /// Media: late is as good as lost.
    Media,
}

/// What the driver has to do.
pub enum Effect<L, R> {
    /// Send to a client.
    ToClient {
        /// The way.
        link: L,
        /// Whether it may be lost.
        kind: Kind,
        /// Where it stands in [`Effects::bytes`].
        bytes: Range<usize>,
    },
    /// Send to a peer.
    ToPeer {
        /// From this socket.
        socket: R,
        /// To whom.
        to: SocketAddr,
        /// Where it stands in [`Effects::bytes`].
        bytes: Range<usize>,
    },
    /// Begin to read from this socket.
    Open(R),
    /// The socket is not needed any more.
    Close(R),
}

/// What came of an input. Kept and cleared by its owner, so that a packet costs no allocation.
pub struct Effects<L, R> {
    /// In order.
    pub list: Vec<Effect<L, R>>,
    /// What is sent.
    pub bytes: Vec<u8>,
}

impl<L, R> Default for Effects<L, R> {
    fn default() -> Self {
        Self { list: Vec::new(), bytes: Vec::new() }
    }
}

impl<L, R> Effects<L, R> {
    /// Forgets all, keeps the room.
    pub fn clear(&mut self) {
        self.list.clear();
        self.bytes.clear();
    }

    fn write(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Range<usize> {
        let start = self.bytes.len();
        write(&mut self.bytes);
        start..self.bytes.len()
    }

    fn answer(&mut self, link: L, message: &[u8]) {
        let bytes = self.write(|out| out.extend_from_slice(message));
        self.list.push(Effect::ToClient { link, kind: Kind::Answer, bytes });
    }
}

/// Where sockets for relayed addresses come from. They are bound beforehand: all media waits for the machine.
pub trait Sockets {
    /// A socket.
    type Socket: Clone;

    /// A socket that is bound to this address, at an even port where asked for; `None`: there is none left. Never
    /// waits for the system.
    fn open(&mut self, ip: IpAddr, even: bool) -> Option<(Self::Socket, u16)>;
}

/// An address for relayed sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayIp {
    /// Sockets are bound to it.
    pub bound: IpAddr,
    /// Peers see it.
    pub shown: IpAddr,
}

/// What a relay is made from.
pub struct Settings {
    /// At most one of each family.
    pub ips: Vec<RelayIp>,
    /// Who else may be a peer.
    pub peers: PeerRules,
    /// Proxies that streams come by: each speaks for many.
    pub proxies: TrustedProxies,
    /// Bounds.
    pub limits: Limits,
    /// Shared with whoever vends credentials.
    pub secret: TurnSecret,
    /// From the system's random numbers.
    pub nonce_key: [u8; 32],
}

/// What one owner has. Kept until what was relayed is paid for: to give all back and begin anew buys nothing.
#[derive(Default)]
struct Account {
    /// Relayed addresses.
    addresses: usize,
    pace: Pace,
}

impl Account {
    fn is_settled(&self, now: Duration) -> bool {
        self.addresses == 0 && self.pace.is_paid(now)
    }
}

/// The relay.
pub struct Machine<L, S: Sockets> {
    sockets: S,
    ips: BTreeMap<Family, RelayIp>,
    peers: PeerRules,
    proxies: TrustedProxies,
    limits: Limits,
    access: Access,
    counters: Arc<Counters>,
    allocations: BTreeMap<Client, Allocation<L, S::Socket>>,
    ports: BTreeMap<(Family, u16), Client>,
    owners: BTreeMap<Owner, Account>,
    farewells: Farewells,
    pace: Pace,
    /// Of those who proved where they are.
    proven: Networks,
    /// Of those who may have made their address up …
    unproven: Networks,
    /// … and of all of them.
    unproven_pace: Pace,
    indications: u64,
}

impl<L: Clone, S: Sockets> Machine<L, S> {
    /// A relay with no allocation.
    pub fn new(settings: Settings, sockets: S, counters: Arc<Counters>) -> Self {
        let Settings { ips, peers, proxies, limits, secret, nonce_key } = settings;
        Self {
            sockets,
            ips: ips.into_iter().map(|ip| (Family::of(ip.bound), ip)).collect(),
            peers,
            proxies,
            limits,
            access: Access::new(secret, nonce_key),
            counters,
            allocations: BTreeMap::new(),
            ports: BTreeMap::new(),
            owners: BTreeMap::new(),
            farewells: Farewells::default(),
            pace: Pace::default(),
            proven: Networks::default(),
            unproven: Networks::default(),
            unproven_pace: Pace::default(),
            indications: 0,
        }
    }

    /// Performs `input`; what is to be done is added to `effects`.
    pub fn handle(&mut self, now: Now, input: Input<'_, L>, effects: &mut Effects<L, S::Socket>) {
        match input {
            Input::Client { client, link, packet } => self.client_sent(now, client, link, packet, effects),
            Input::Peer { family, port, from, packet } => {
                self.peer_sent(now.at, (family, port), from, packet, effects);
            }
            Input::Gone(client) => self.end(client, effects),
            Input::End(whose) => {
                self.access.shut_out(now.unix, whose);
                self.end_where(|allocation| allocation.owner.is_of(whose), effects);
            }
            Input::Host(addresses) => self.peers.host_has(addresses),
            Input::Tick => {
                self.end_where(|allocation| allocation.until <= now.at, effects);
                for allocation in self.allocations.values_mut() {
                    allocation.peers.tidy(now.at);
                }
                self.owners.retain(|_, account| !account.is_settled(now.at));
                self.farewells.tidy(now.at);
                self.proven.tidy(now.at);
                self.unproven.tidy(now.at);
                self.access.tidy(now.unix);
            }
        }
    }

    /// How many allocations there are.
    pub fn allocations(&self) -> usize {
        self.allocations.len()
    }

    /// Whether this client has one.
    pub fn has_allocation(&self, client: Client) -> bool {
        self.allocations.contains_key(&client)
    }

    fn end_where(
        &mut self,
        which: impl Fn(&Allocation<L, S::Socket>) -> bool,
        effects: &mut Effects<L, S::Socket>,
    ) {
        let ending: Vec<_> = self
            .allocations
            .iter()
            .filter(|(_, allocation)| which(allocation))
            .map(|(client, _)| *client)
            .collect();
        for client in ending {
            self.end(client, effects);
        }
    }

    fn end(&mut self, client: Client, effects: &mut Effects<L, S::Socket>) {
        let Some(allocation) = self.allocations.remove(&client) else { return };
        for (family, relayed) in allocation.relayed {
            self.give_back(allocation.owner, family, relayed, effects);
        }
        self.counters.released();
    }

    fn give_back(
        &mut self,
        owner: Owner,
        family: Family,
        relayed: Relayed<S::Socket>,
        effects: &mut Effects<L, S::Socket>,
    ) {
        self.ports.remove(&(family, relayed.shown.port()));
        effects.list.push(Effect::Close(relayed.socket));
        self.account(owner).addresses -= 1;
    }

    /// Of who has an allocation.
    fn account(&mut self, owner: Owner) -> &mut Account {
        self.owners.get_mut(&quota_of(owner)).expect("who has an allocation has an account")
    }
}

/// Under whose quota an owner falls: all logins of a guest share one.
fn quota_of(owner: Owner) -> Owner {
    match owner {
        Owner::Known(known) => Owner::Known(crate::ice::CredentialOwner { login: 0, ..known }),
        Owner::Name(_) => owner,
    }
}

#[cfg(test)]
mod tests;

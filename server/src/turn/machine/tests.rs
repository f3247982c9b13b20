//! The relay's rules, as stories and under seeded schedules, without a socket or a clock.

mod chance;
mod floods;
mod quotas;
mod stories;
mod strangers;

use super::*;
use crate::ice::{CredentialOwner, CredentialsOf as Whose};
use crate::turn::peers::Network;
use crate::turn::wire::{Key, Method, Packet, Response, Transaction, Writer};
use crate::turn::wire::{write_channel_data, write_data_indication};

pub(super) const SECRET: &str = "north";
/// When the tests begin, Unix seconds.
pub(super) const BEGIN: u64 = 1_700_000_000;
pub(super) const UDP: u8 = 17;

/// Ports without sockets.
pub(super) struct FakeSockets {
    next: u16,
    left: usize,
}

impl Sockets for FakeSockets {
    type Socket = u16;

    fn open(&mut self, _: IpAddr, even: bool) -> Option<(u16, u16)> {
        self.left = self.left.checked_sub(1)?;
        self.next = self.next.checked_add(1).unwrap_or(10_000);
        if even && !self.next.is_multiple_of(2) {
            self.next += 1;
        }
        Some((self.next, self.next))
    }
}

/// What came of one input.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sent {
    Client(Kind, Vec<u8>),
    Peer(u16, SocketAddr, Vec<u8>),
    Open(u16),
    Close(u16),
}

/// A relay under a clock of its own.
pub(super) struct Bench {
    pub(super) machine: Machine<Client, FakeSockets>,
    pub(super) counters: Arc<Counters>,
    pub(super) seconds: u64,
}

pub(super) fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub(super) fn client(number: u16) -> Client {
    Client { from: SocketAddr::from(([198, 51, 100, 7], 20_000 + number)), listener: 0, stream: false }
}

pub(super) fn guest(number: u64) -> CredentialOwner {
    CredentialOwner { guest: number, login: 100 + number }
}

/// The relay of most stories: bound to a private address behind a NAT, IPv4 and IPv6.
pub(super) fn both_families() -> Vec<RelayIp> {
    let ip = |text: &str| text.parse().unwrap();
    vec![
        RelayIp { bound: ip("10.0.0.5"), shown: ip("203.0.113.9") },
        RelayIp { bound: ip("2001:db8::5"), shown: ip("2001:db8::5") },
    ]
}

impl Bench {
    pub(super) fn new(change: impl FnOnce(&mut Settings)) -> Self {
        let ips = both_families();
        let refused = ips.iter().map(|ip| ip.shown).collect();
        let own = HostAddresses::new(ips.iter().map(|ip| Network::new(ip.bound, u8::MAX)));
        let peers = PeerRules::new(false, own).refusing(refused);
        let limits = Limits::default();
        let mut settings = Settings {
            ips,
            peers,
            proxies: TrustedProxies::default(),
            limits,
            secret: TurnSecret::new(SECRET),
            nonce_key: [9; 32],
        };
        change(&mut settings);
        let counters = Arc::new(Counters::default());
        let sockets = FakeSockets { next: 40_000, left: usize::MAX };
        Self { machine: Machine::new(settings, sockets, Arc::clone(&counters)), counters, seconds: 0 }
    }

    pub(super) fn now(&self) -> Now {
        Now { at: Duration::from_secs(self.seconds), unix: BEGIN + self.seconds }
    }

    pub(super) fn input(&mut self, input: Input<'_, Client>) -> Vec<Sent> {
        let mut effects = Effects::default();
        self.machine.handle(self.now(), input, &mut effects);
        let Effects { list, bytes } = effects;
        let sent = list.into_iter().map(|effect| match effect {
            Effect::ToClient { kind, bytes: range, .. } => Sent::Client(kind, bytes[range].to_vec()),
            Effect::ToPeer { socket, to, bytes: range } => Sent::Peer(socket, to, bytes[range].to_vec()),
            Effect::Open(socket) => Sent::Open(socket),
            Effect::Close(socket) => Sent::Close(socket),
        });
        sent.collect()
    }

    pub(super) fn client_sent(&mut self, client: Client, packet: &[u8]) -> Vec<Sent> {
        self.input(Input::Client { client, link: &client, packet })
    }

    pub(super) fn peer_sent(&mut self, port: u16, from: SocketAddr, packet: &[u8]) -> Vec<Sent> {
        self.input(Input::Peer { family: Family::of(from.ip()), port, from, packet })
    }

    /// Time passes, second by second as the driver lets it.
    pub(super) fn wait(&mut self, seconds: u64) -> Vec<Sent> {
        let ticks = (0..seconds).flat_map(|_| {
            self.seconds += 1;
            self.input(Input::Tick)
        });
        ticks.collect()
    }

    /// The one answer to a packet.
    pub(super) fn answer(&mut self, client: Client, packet: &[u8]) -> Response {
        let sent = self.client_sent(client, packet);
        let answers: Vec<_> = sent
            .iter()
            .filter_map(|sent| match sent {
                Sent::Client(Kind::Answer, bytes) => Response::read(bytes, None),
                _ => None,
            })
            .collect();
        assert_eq!(answers.len(), 1, "{sent:?}");
        answers.into_iter().next().unwrap()
    }
}

/// A client that does as the RFC says.
pub(super) struct Caller {
    pub(super) client: Client,
    pub(super) username: String,
    pub(super) key: Key,
    pub(super) nonce: Vec<u8>,
    pub(super) transactions: u64,
}

impl Caller {
    /// With a credential made now.
    pub(super) fn new(bench: &Bench, number: u16, owner: CredentialOwner) -> Self {
        let secret = TurnSecret::new(SECRET);
        let expiry = bench.now().unix + crate::ice::CREDENTIAL_TTL.as_secs();
        let username = secret.username(expiry, owner, u64::from(number).to_be_bytes());
        let password = secret.password_for(&username);
        Self::with(number, &username, &password)
    }

    pub(super) fn with(number: u16, username: &str, password: &str) -> Self {
        Self {
            client: client(number),
            username: username.to_owned(),
            key: Key::new(username, "castle", password),
            nonce: Vec::new(),
            transactions: u64::from(number) << 32,
        }
    }

    pub(super) fn transaction(&mut self) -> Transaction {
        self.transactions += 1;
        let mut transaction = [0x77; 12];
        transaction[4..].copy_from_slice(&self.transactions.to_be_bytes());
        transaction
    }

    /// A request, signed with the nonce of the last challenge.
    pub(super) fn signed(&mut self, method: Method, fill: impl Fn(Writer) -> Writer) -> Vec<u8> {
        let writer = fill(Writer::request(method, self.transaction()));
        writer.username(&self.username).challenge("castle", &self.nonce).finish(Some(&self.key))
    }

    /// Asks until there is an answer that is no challenge, as clients do.
    pub(super) fn ask(
        &mut self,
        bench: &mut Bench,
        method: Method,
        fill: impl Fn(Writer) -> Writer,
    ) -> Response {
        let first = bench.answer(self.client, &self.signed(method, &fill));
        let Some(nonce) = first.nonce.clone().filter(|_| first.code == 438) else { return first };
        self.nonce = nonce;
        bench.answer(self.client, &self.signed(method, &fill))
    }

    /// Makes an allocation; the relayed address.
    pub(super) fn allocate(&mut self, bench: &mut Bench) -> SocketAddr {
        let answer = self.ask(bench, Method::Allocate, |writer| writer.transport(UDP));
        assert_eq!(answer.code, 0);
        answer.relayed[0]
    }

    pub(super) fn permit(&mut self, bench: &mut Bench, peer: SocketAddr) -> u16 {
        self.ask(bench, Method::CreatePermission, |writer| writer.peer(peer)).code
    }

    pub(super) fn bind(&mut self, bench: &mut Bench, number: u16, peer: SocketAddr) -> u16 {
        self.ask(bench, Method::ChannelBind, |writer| writer.channel(number).peer(peer)).code
    }
}

/// A Send indication.
pub(super) fn send_indication(peer: SocketAddr, data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_data_indication(&mut bytes, [3; 12], peer, data);
    bytes[1] = 0x16;
    bytes
}

pub(super) fn channel_data(number: u16, data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_channel_data(&mut bytes, number, data, false);
    bytes
}

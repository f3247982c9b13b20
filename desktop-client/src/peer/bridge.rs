//! Carries what the stack's TURN client says to servers that it cannot reach itself: over TCP and TLS, by IPv6, and
//! under names with several addresses.
//!
//! The stack speaks TURN over UDP alone (webrtc 0.21.1). To it, each server is a port on the loopback interface; here
//! its datagrams go on as they are, over UDP, or framed over TCP or TLS (RFC 8656). The server answers about the
//! addresses that it sees, so that none of them is changed on the way. UDP goes first (see `bridge/ways.rs`), and where a way
//! is of no use the stack is told so (see `bridge/refusals.rs`). Names of STUN servers are spelled out (see
//! `bridge/names.rs`).

use self::refusals::{NOT_REACHED, QUOTA_REACHED, decided, refusal};
use self::requests::{Requests, is_request};
use self::ways::Ways;
use super::IceServer;
use castle_connectivity::address::{ServerUri, Service, Transport};
use castle_connectivity::stun::{self, Class, Message};
use castle_connectivity::trust::{Pin, Trust};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

mod names;
mod refusals;
mod requests;
mod upstream;
mod ways;

/// A client of the stack that has no relayed address after this time gives way to another: the stack began anew.
const GIVE_WAY: Duration = Duration::from_millis(1500);
/// After a connection to a server ended, or did not come about, none is begun to it for this long.
const HOLD_OFF: Duration = Duration::from_secs(1);
/// Datagrams that may wait for a server, a quarter of a second of pictures; more is dropped, as a network would.
const WAITING_MAX: usize = 64;
/// Servers carried at once: more would be a flood of sockets.
const SERVERS_MAX: usize = 12;
const DATAGRAM_MAX: usize = 65_536;

/// Servers as the stack may use them, for one generation of a connection. Dropping it cuts them off.
pub(super) struct Bridge {
    servers: Vec<IceServer>,
    ways: Ways,
    _tasks: JoinSet<()>,
}

impl Bridge {
    /// Takes servers as they were handed out. What is no URI or finds no socket is left out.
    pub(super) async fn open(servers: &[IceServer], pin: Option<&Pin>) -> Self {
        let (ways, mut tasks, mut carried) = (Ways::of(transports(servers)), JoinSet::new(), Vec::new());
        let resolved = names::resolved(servers).await;
        for server in servers {
            let mut urls = Vec::new();
            for url in &server.urls {
                match url.parse::<ServerUri>() {
                    Ok(uri) if uri.service == Service::Stun => match resolved.get(url) {
                        Some(addresses) => urls.extend_from_slice(addresses),
                        None => urls.push(url.clone()),
                    },
                    Ok(uri) if tasks.len() < SERVERS_MAX => {
                        let Ok(socket) = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await else { continue };
                        let Ok(address) = socket.local_addr() else { continue };
                        urls.push(format!("turn:{address}?transport=udp"));
                        let (server, ways) = (server.clone(), ways.clone());
                        let trust = Trust::at(&uri.host, pin);
                        let port = Port { socket: socket.into(), uri, server, trust, ways };
                        tasks.spawn(port.run());
                    }
                    Ok(uri) => tracing::debug!(%uri, "more servers than are carried"),
                    Err(error) => tracing::warn!(url, %error, "not a STUN or TURN server"),
                }
            }
            carried.push(IceServer { urls, ..server.clone() });
        }
        Self { servers: carried, ways, _tasks: tasks }
    }

    /// The same servers as the stack may use them.
    pub(super) fn servers(&self) -> &[IceServer] {
        &self.servers
    }

    /// How the relay behind a relayed address of ours is reached.
    pub(super) fn way_of(&self, relayed: SocketAddr) -> Option<Transport> {
        self.ways.way_of(relayed)
    }

    /// A relay was offered over UDP, and relays were reached, but none that way. Before one is reached nothing is known.
    pub(super) fn udp_failed(&self) -> bool {
        self.ways.udp_failed()
    }
}

/// By which transports these servers relay.
fn transports(servers: &[IceServer]) -> BTreeSet<Transport> {
    let uris = servers.iter().flat_map(|server| &server.urls).filter_map(|url| url.parse::<ServerUri>().ok());
    uris.filter(|uri| uri.service == Service::Turn).map(|uri| uri.transport).collect()
}

/// One server as the stack sees it.
struct Port {
    socket: Arc<UdpSocket>,
    uri: ServerUri,
    server: IceServer,
    trust: Trust,
    ways: Ways,
}

/// The socket of the stack that is served. One at a time: the stack asks from each interface of this machine.
struct Guest {
    from: SocketAddr,
    queue: mpsc::Sender<Vec<u8>>,
    task: AbortHandle,
    since: Instant,
    carried: Carried,
    /// It gave its relayed address back.
    left: bool,
}

/// What is known of one connection. Copies are the same.
#[derive(Clone, Default)]
struct Carried(Arc<Mutex<Connection>>);

#[derive(Default)]
struct Connection {
    /// The server said anything.
    heard: bool,
    /// The relayed address that came over it, while it lives.
    relayed: Option<SocketAddr>,
    /// When it ended, or was given up.
    ended: Option<Instant>,
}

impl Carried {
    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self) -> Option<SocketAddr> {
        self.connection().relayed
    }

    fn set(&self, relayed: SocketAddr) {
        self.connection().relayed = Some(relayed);
    }

    fn take(&self) -> Option<SocketAddr> {
        self.connection().relayed.take()
    }

    /// The server said something; the relayed address, if it came already.
    fn hear(&self) -> Option<SocketAddr> {
        let mut connection = self.connection();
        connection.heard = true;
        connection.relayed
    }

    fn is_heard(&self) -> bool {
        self.connection().heard
    }

    /// It is over; the relayed address that is lost with it.
    fn end(&self) -> Option<SocketAddr> {
        let mut connection = self.connection();
        connection.ended = Some(Instant::now());
        connection.relayed.take()
    }

    fn ended(&self) -> Option<Instant> {
        self.connection().ended
    }
}

impl Port {
    async fn run(self) {
        let mut buffer = vec![0; DATAGRAM_MAX];
        let (mut guest, mut upstreams) = (None::<Guest>, JoinSet::new());
        loop {
            // An error is the echo of an earlier datagram that its socket did not outlive.
            let Ok((length, from)) = self.socket.recv_from(&mut buffer).await else { continue };
            let datagram = &buffer[..length];
            while upstreams.try_join_next().is_some() {}
            if let Some(code) = decided(datagram) {
                self.refuse(datagram, from, code).await;
                continue;
            }
            let known = guest.as_ref().is_some_and(|guest| guest.from == from && !guest.queue.is_closed());
            if !known {
                // Media of a connection that ended: what relayed it is gone.
                if !is_request(datagram) {
                    continue;
                }
                if let Some(code) = guest.as_ref().and_then(Guest::excludes) {
                    self.refuse(datagram, from, code).await;
                    continue;
                }
                if let Some(last) = guest.take() {
                    self.forget(&last);
                }
                guest = Some(self.welcome(from, &mut upstreams));
            }
            let Some(guest) = &mut guest else { continue };
            if is_farewell(datagram) {
                guest.left = true;
                self.forget_relayed(&guest.carried);
            }
            // Full: the server does not keep up, and the datagram is lost, as it would be on the network.
            if let Err(TrySendError::Closed(datagram)) = guest.queue.try_send(datagram.to_vec()) {
                self.refuse(&datagram, from, NOT_REACHED).await;
            }
        }
    }

    fn welcome(&self, from: SocketAddr, upstreams: &mut JoinSet<()>) -> Guest {
        let (queue, waiting) = mpsc::channel(WAITING_MAX);
        let carried = Carried::default();
        let upstream = upstream::Upstream {
            socket: self.socket.clone(),
            from,
            uri: self.uri.clone(),
            trust: self.trust,
            ways: self.ways.clone(),
            carried: carried.clone(),
            requests: Requests::new(self.server.username.clone(), self.server.credential.clone()),
        };
        let task = upstreams.spawn(upstream.run(waiting));
        Guest { from, queue, task, since: Instant::now(), carried, left: false }
    }

    async fn refuse(&self, datagram: &[u8], from: SocketAddr, code: u16) {
        if let Some(refusal) = refusal(datagram, code) {
            self.socket.send_to(&refusal, from).await.ok();
        }
    }

    fn forget(&self, guest: &Guest) {
        self.forget_relayed(&guest.carried);
        guest.task.abort();
    }

    fn forget_relayed(&self, carried: &Carried) {
        if let Some(relayed) = carried.take() {
            self.ways.forget(relayed);
        }
    }
}

impl Guest {
    /// With what another socket of the stack, or another connection for this one, is turned away for its sake.
    fn excludes(&self) -> Option<u16> {
        if self.left {
            return None;
        }
        if self.queue.is_closed() {
            let ended = self.carried.ended().unwrap_or(self.since);
            return (ended.elapsed() < HOLD_OFF).then_some(NOT_REACHED);
        }
        (self.carried.get().is_some() || self.since.elapsed() < GIVE_WAY).then_some(QUOTA_REACHED)
    }
}

/// Whether the stack gives its relayed address back.
fn is_farewell(datagram: &[u8]) -> bool {
    // Media is not parsed for it: ChannelData, or an indication.
    datagram.first() == Some(&0)
        && Message::decode(datagram)
            .is_some_and(|m| (m.method, m.class, m.lifetime()) == (stun::REFRESH, Class::Request, Some(0)))
}

#[cfg(test)]
mod tests;

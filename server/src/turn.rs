//! The embedded STUN/TURN relay on UDP, the one file that names the `turn` crate.
//!
//! Owns the listener, the relay sockets and the check of credentials (RFC 8489, RFC 8656; credentials as coturn's
//! `use-auth-secret`). Which peers a relay socket may talk to is decided in `turn/peers.rs`, for every packet in
//! both directions, because the crate itself knows no such rule.

pub mod peers;

use self::peers::PeerRules;
use crate::ice::{TurnSecret, username_expiry};
use async_trait::async_trait;
use std::any::Any;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};
use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;
use turn::auth::{AuthHandler, generate_auth_key};
use turn::relay::RelayAddressGenerator;
use turn::server::Server;
use turn::server::config::{ConnConfig, ServerConfig};
use webrtc_util::Conn;

/// Allocations at once, of all guests together. Each holds a socket and 1.5 KiB; two make a call.
pub const ALLOCATIONS_MAX: usize = 1000;
/// How often it is noted which credentials have live allocations; less than the shortest time between two
/// refreshes of an allocation (RFC 8656 section 3.2: lifetime 10 min, refreshed about a minute before).
const NOTE_EVERY: Duration = Duration::from_secs(30);
/// `REALM` of the challenge.
const REALM: &str = "castle";

/// Where the relay listens and relays.
pub struct RelayConfig {
    /// The bound listener.
    pub socket: UdpSocket,
    /// Relay sockets are bound to this address.
    pub relay_ip: IpAddr,
    /// The address under which the relay is reached from outside, where a NAT stands before it.
    pub external_ip: Option<IpAddr>,
    /// Allocations at once.
    pub allocations_max: usize,
    /// Shared with whoever vends credentials.
    pub secret: TurnSecret,
}

/// The relay could not be started.
#[derive(Debug, thiserror::Error)]
#[error("the relay cannot start: {0}")]
pub struct RelayError(String);

/// The running relay. Stops when closed.
pub struct Relay {
    server: Arc<Server>,
    sockets: Arc<RelaySockets>,
    stopped: CancellationToken,
}

impl Relay {
    /// Starts relaying.
    pub async fn start(config: RelayConfig) -> Result<Self, RelayError> {
        let failed = |error: &dyn std::fmt::Display| RelayError(error.to_string());
        let listen = config.socket.local_addr().map_err(|error| failed(&error))?;
        // Said now, and not by each call that finds no way.
        UdpSocket::bind((config.relay_ip, 0)).await.map_err(|error| {
            RelayError(format!("its sockets cannot be bound to {}: {error}", config.relay_ip))
        })?;
        let sockets = Arc::new(RelaySockets {
            ip: config.relay_ip,
            shown_ip: config.external_ip.unwrap_or(config.relay_ip),
            rules: PeerRules::new(listen.ip().is_loopback()),
            ports: RwLock::default(),
            ports_max: config.allocations_max,
        });
        let known = Arc::new(RwLock::default());
        let credentials = Credentials { secret: config.secret, known: Arc::clone(&known) };
        let server = Server::new(ServerConfig {
            conn_configs: vec![ConnConfig {
                conn: Arc::new(config.socket),
                relay_addr_generator: Box::new(Allocator(Arc::clone(&sockets))),
            }],
            realm: REALM.to_owned(),
            auth_handler: Arc::new(credentials),
            channel_bind_timeout: Duration::ZERO, // the crate's word for the RFC's ten minutes
            alloc_close_notify: None,
        })
        .await
        .map_err(|error| failed(&error))?;
        let relay = Self { server: Arc::new(server), sockets, stopped: CancellationToken::new() };
        tokio::spawn(note_live_credentials(Arc::clone(&relay.server), known, relay.stopped.clone()));
        Ok(relay)
    }

    /// How many allocations are live.
    pub fn allocations(&self) -> usize {
        self.sockets.read_ports().len()
    }

    /// Ends all allocations and stops listening.
    pub async fn close(&self) {
        self.stopped.cancel();
        if let Err(error) = self.server.close().await {
            tracing::debug!("closing the relay: {error}");
        }
    }
}

/// Who holds a live allocation: the address it was asked from, and the user name it began with.
type Known = Arc<RwLock<BTreeSet<(SocketAddr, String)>>>;

/// Checks credentials.
struct Credentials {
    secret: TurnSecret,
    /// A live allocation keeps the credential it began with, beyond its expiry (RFC 8656 section 7.2 asks for
    /// the same one at each refresh, so that a fresh one would not do).
    known: Known,
}

impl AuthHandler for Credentials {
    fn auth_handle(&self, username: &str, realm: &str, from: SocketAddr) -> Result<Vec<u8>, turn::Error> {
        let refuse = |why: &str| Err(turn::Error::Other(why.to_owned()));
        let Some(expiry) = username_expiry(username) else { return refuse("not one of our user names") };
        if expiry <= SystemTime::now() {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            if !known.contains(&(from, username.to_owned())) {
                return refuse("expired");
            }
        }
        Ok(generate_auth_key(username, realm, &self.secret.password_for(username)))
    }
}

async fn note_live_credentials(server: Arc<Server>, known: Known, stopped: CancellationToken) {
    while stopped.run_until_cancelled(tokio::time::sleep(NOTE_EVERY)).await.is_some() {
        let Ok(allocations) = server.get_allocations_info(None).await else { return };
        let live = allocations
            .into_values()
            .map(|allocation| (allocation.five_tuple.src_addr, allocation.username))
            .collect();
        *known.write().unwrap_or_else(PoisonError::into_inner) = live;
    }
}

/// All relay sockets of this relay.
struct RelaySockets {
    ip: IpAddr,
    shown_ip: IpAddr,
    rules: PeerRules,
    ports: RwLock<BTreeSet<u16>>,
    ports_max: usize,
}

impl RelaySockets {
    fn read_ports(&self) -> std::sync::RwLockReadGuard<'_, BTreeSet<u16>> {
        self.ports.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_ports(&self) -> std::sync::RwLockWriteGuard<'_, BTreeSet<u16>> {
        self.ports.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_live(&self, address: SocketAddr) -> bool {
        (address.ip() == self.ip || address.ip() == self.shown_ip)
            && self.read_ports().contains(&address.port())
    }

    /// Where a packet for `peer` really goes; `None`: nowhere.
    fn outbound(&self, peer: SocketAddr) -> Option<SocketAddr> {
        if self.is_live(peer) {
            Some(SocketAddr::new(self.ip, peer.port()))
        } else {
            self.rules.allow(peer.ip()).then_some(peer)
        }
    }

    /// From whom a packet is shown to come; `None`: it is dropped.
    fn inbound(&self, from: SocketAddr) -> Option<SocketAddr> {
        if self.is_live(from) {
            Some(SocketAddr::new(self.shown_ip, from.port()))
        } else {
            self.rules.allow(from.ip()).then_some(from)
        }
    }
}

/// Gives allocations their sockets.
struct Allocator(Arc<RelaySockets>);

#[async_trait]
impl RelayAddressGenerator for Allocator {
    fn validate(&self) -> Result<(), turn::Error> {
        Ok(())
    }

    async fn allocate_conn(
        &self,
        use_ipv4: bool,
        requested_port: u16,
    ) -> Result<(Arc<dyn Conn + Send + Sync>, SocketAddr), turn::Error> {
        let sockets = &self.0;
        if use_ipv4 != sockets.ip.is_ipv4() {
            return Err(turn::Error::Other("no relay address of this family".to_owned()));
        }
        if sockets.read_ports().len() >= sockets.ports_max {
            tracing::warn!(limit = sockets.ports_max, "the relay is full");
            return Err(turn::Error::Other("the relay is full".to_owned()));
        }
        let socket = UdpSocket::bind((sockets.ip, requested_port)).await?;
        let port = socket.local_addr()?.port();
        sockets.write_ports().insert(port);
        let conn = RelayConn { socket, port, sockets: Arc::clone(sockets) };
        Ok((Arc::new(conn), SocketAddr::new(sockets.shown_ip, port)))
    }
}

/// One allocation's socket, with the peer rules applied to each packet.
struct RelayConn {
    socket: UdpSocket,
    port: u16,
    sockets: Arc<RelaySockets>,
}

impl Drop for RelayConn {
    fn drop(&mut self) {
        self.sockets.write_ports().remove(&self.port);
    }
}

fn unconnected() -> webrtc_util::Error {
    webrtc_util::Error::Other("a relay socket has no single peer".to_owned())
}

#[async_trait]
impl Conn for RelayConn {
    async fn connect(&self, _: SocketAddr) -> Result<(), webrtc_util::Error> {
        Err(unconnected())
    }

    async fn recv(&self, _: &mut [u8]) -> Result<usize, webrtc_util::Error> {
        Err(unconnected())
    }

    async fn recv_from(&self, buffer: &mut [u8]) -> Result<(usize, SocketAddr), webrtc_util::Error> {
        loop {
            let (length, from) = self.socket.recv_from(buffer).await?;
            if let Some(shown) = self.sockets.inbound(from) {
                return Ok((length, shown));
            }
        }
    }

    async fn send(&self, _: &[u8]) -> Result<usize, webrtc_util::Error> {
        Err(unconnected())
    }

    async fn send_to(&self, packet: &[u8], peer: SocketAddr) -> Result<usize, webrtc_util::Error> {
        let Some(target) = self.sockets.outbound(peer) else {
            tracing::debug!(%peer, "refused to relay to this peer");
            return Ok(packet.len()); // dropped, as RFC 8656 section 11.2 lets a server do
        };
        Ok(self.socket.send_to(packet, target).await?)
    }

    fn local_addr(&self) -> Result<SocketAddr, webrtc_util::Error> {
        Ok(self.socket.local_addr()?)
    }

    fn remote_addr(&self) -> Option<SocketAddr> {
        None
    }

    async fn close(&self) -> Result<(), webrtc_util::Error> {
        Ok(())
    }

    fn as_any(&self) -> &(dyn Any + Send + Sync) {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    #[test]
    fn a_live_allocation_keeps_the_credential_it_began_with() {
        let from = SocketAddr::from(([192, 0, 2, 1], 5000));
        let elsewhere = SocketAddr::from(([192, 0, 2, 1], 5001));
        let known: Known = Arc::new(RwLock::new(BTreeSet::from([(from, "1000:live".to_owned())])));
        let credentials = Credentials { secret: TurnSecret::new("north"), known };
        let accepts = |username: &str, from| credentials.auth_handle(username, REALM, from).is_ok();
        assert!(accepts("1000:live", from));
        assert!(!accepts("1000:live", elsewhere));
        assert!(!accepts("1000:other", from));
        let soon = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 60;
        assert!(accepts(&format!("{soon}:new"), elsewhere));
        assert!(!accepts("alice", from));
    }
}

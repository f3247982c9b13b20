//! Calls whose handshake is lost on the way, datagram by datagram.

use crate::relay_only::{Pair, ice_servers};
use crate::support::{TestServer, config};
use castle_desktop::peer::{IceServer, RelayProtocol};
use castle_server::config::MatchRoute;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::UdpSocket;

/// Whether a datagram of TURN carries one of a DTLS handshake: those of Send and of a channel alike have the record's head
/// somewhere in them, which is followed by the version, 1.0 or 1.2.
fn carries_handshake(datagram: &[u8]) -> bool {
    datagram.windows(3).any(|head| matches!(head, [20..=22, 254, 253 | 255]))
}

/// A way to a relay that loses each datagram of a handshake when it comes by for the first time.
struct Lossy {
    address: SocketAddr,
    lost: Arc<AtomicUsize>,
}

impl Lossy {
    async fn open(relay: SocketAddr) -> Self {
        let front = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port"));
        let lossy = Self { address: front.local_addr().expect("bound"), lost: Arc::default() };
        let lost = Arc::clone(&lossy.lost);
        tokio::spawn(async move {
            let mut seen = HashSet::new();
            let mut backs: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
            let mut buffer = vec![0; 1 << 16];
            loop {
                let (length, guest) = front.recv_from(&mut buffer).await.expect("the front is open");
                let datagram = &buffer[..length];
                let back = match backs.entry(guest) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(new) => new.insert(way_to(relay, (Arc::clone(&front), guest)).await),
                };
                if carries_handshake(datagram) && seen.insert(datagram.to_vec()) {
                    lost.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                back.send(datagram).await.ok();
            }
        });
        lossy
    }
}

/// A socket of one guest's to the relay; what comes back goes by the front.
async fn way_to(relay: SocketAddr, (front, guest): (Arc<UdpSocket>, SocketAddr)) -> Arc<UdpSocket> {
    let back = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port"));
    back.connect(relay).await.expect("loopback");
    let from = Arc::clone(&back);
    tokio::spawn(async move {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(length) = from.recv(&mut buffer).await {
            front.send_to(&buffer[..length], guest).await.ok();
        }
    });
    back
}

#[test]
fn a_handshake_of_which_all_is_lost_once_succeeds() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(folder.path(), MatchRoute::Relay));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let servers = ice_servers(&server, "ada").await;
        let mut urls = servers.iter().flat_map(|server| &server.urls);
        let relay = urls.find_map(|url| url.strip_prefix("turn:")?.split('?').next()).expect("a relay");
        let lossy = Lossy::open(relay.parse().expect("an address")).await;
        let by_lossy = IceServer {
            urls: vec![format!("turn:{}?transport=udp", lossy.address)],
            ..servers.iter().find(|server| !server.credential.is_empty()).expect("credentials").clone()
        };
        let mut pair = Pair::open([vec![by_lossy.clone()], vec![by_lossy]], None);
        assert_eq!(pair.connect().await, [Some(RelayProtocol::Udp); 2]);
        assert!(lossy.lost.load(Ordering::Relaxed) >= 4, "four flights at least");
    });
}

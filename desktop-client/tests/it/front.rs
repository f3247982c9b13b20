//! A way to a relay on which datagrams may be lost or changed.

use castle_desktop::peer::IceServer;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::UdpSocket;

/// Which way a datagram goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// From a guest to the relay.
    Out,
    /// From the relay to a guest.
    In,
}

type Passes = Arc<dyn Fn(Way, &mut Vec<u8>) -> bool + Send + Sync>;

/// Takes what guests say to the relay on to it, and back what it answers.
pub(crate) struct Front {
    address: SocketAddr,
}

impl Front {
    /// Before the relay of these servers. Asked about each datagram, `passes` says whether it does, and may change it.
    pub(crate) async fn open(
        servers: &[IceServer],
        passes: impl Fn(Way, &mut Vec<u8>) -> bool + Send + Sync + 'static,
    ) -> Self {
        let mut urls = servers.iter().flat_map(|server| &server.urls);
        let relay = urls.find_map(|url| url.strip_prefix("turn:")?.split('?').next()).expect("a relay");
        let relay = relay.parse().expect("an address");
        let socket = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port"));
        let address = socket.local_addr().expect("bound");
        tokio::spawn(carry(relay, socket, Arc::new(passes)));
        Self { address }
    }

    /// The relay of these servers, over UDP, by this way alone.
    pub(crate) fn before(&self, servers: &[IceServer]) -> Vec<IceServer> {
        let relay = servers.iter().find(|server| !server.credential.is_empty()).expect("credentials");
        vec![IceServer { urls: vec![format!("turn:{}?transport=udp", self.address)], ..relay.clone() }]
    }
}

async fn carry(relay: SocketAddr, front: Arc<UdpSocket>, passes: Passes) {
    let mut backs: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let (length, guest) = front.recv_from(&mut buffer).await.expect("the front is open");
        let back = match backs.entry(guest) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                new.insert(way_to(relay, (Arc::clone(&front), guest), Arc::clone(&passes)).await)
            }
        };
        let mut datagram = buffer[..length].to_vec();
        if passes(Way::Out, &mut datagram) {
            back.send(&datagram).await.ok();
        }
    }
}

/// A socket of one guest's to the relay; what comes back goes by the front.
async fn way_to(
    relay: SocketAddr,
    (front, guest): (Arc<UdpSocket>, SocketAddr),
    passes: Passes,
) -> Arc<UdpSocket> {
    let back = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port"));
    back.connect(relay).await.expect("loopback");
    let from = Arc::clone(&back);
    tokio::spawn(async move {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(length) = from.recv(&mut buffer).await {
            let mut datagram = buffer[..length].to_vec();
            if passes(Way::In, &mut datagram) {
                front.send_to(&datagram, guest).await.ok();
            }
        }
    });
    back
}

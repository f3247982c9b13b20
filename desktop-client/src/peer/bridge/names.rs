//! STUN servers under names with several addresses: each address becomes a server of its own.
//!
//! The stack asks one address alone of each family that a name has, the first (webrtc 0.21.1): were that one dead, this guest
//! would not learn under which address others see it. Names of TURN servers are resolved where they are dialled.

use super::IceServer;
use castle_connectivity::address::{ServerUri, Service, Transport};
use castle_connectivity::dial;
use std::collections::BTreeMap;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// A name that is not resolved by then goes to the stack as it is, which resolves it by itself: no call waits longer for it.
const PATIENCE: Duration = Duration::from_millis(500);
/// Addresses asked in all: each is asked from each interface.
const ADDRESSES_MAX: usize = 16;

/// What each STUN URI that names a host stands for. Those that are not in it stay as they are.
pub(super) async fn resolved(servers: &[IceServer]) -> BTreeMap<String, Vec<String>> {
    let resolve =
        |uri: ServerUri| async move { dial::resolve(&uri.host, uri.port).await.unwrap_or_default() };
    resolved_by(servers, resolve).await
}

async fn resolved_by<F: Future<Output = Vec<SocketAddr>>>(
    servers: &[IceServer],
    resolve: impl Fn(ServerUri) -> F,
) -> BTreeMap<String, Vec<String>> {
    let uris = servers.iter().flat_map(|server| &server.urls);
    let named: BTreeMap<_, _> = uris.filter_map(|url| Some((url.clone(), name_in(url)?))).collect();
    let asked = named.into_iter().map(|(url, uri)| {
        let found = tokio::time::timeout(PATIENCE, resolve(uri));
        async move { (url, found.await.unwrap_or_default()) }
    });
    let mut left = ADDRESSES_MAX;
    let found = futures_util::future::join_all(asked).await.into_iter();
    let spelled = found.filter_map(|(url, mut addresses)| {
        addresses.truncate(left);
        left -= addresses.len();
        let urls: Vec<_> = addresses.into_iter().map(|address| format!("stun:{address}")).collect();
        (!urls.is_empty()).then_some((url, urls))
    });
    spelled.collect()
}

/// The server of a STUN URI that the stack would have to resolve.
fn name_in(url: &str) -> Option<ServerUri> {
    let uri = url.parse::<ServerUri>().ok()?;
    let asks_a_name = (uri.service, uri.transport) == (Service::Stun, Transport::Udp)
        && uri.host.parse::<IpAddr>().is_err();
    asks_a_name.then_some(uri)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::codec::VideoCodec;
    use crate::peer::{Peer, PeerConfig, PeerEvent};
    use castle::ids::CallId;
    use castle_connectivity::stun::{self, Class, Message};
    use std::sync::Arc;
    use tokio::net::UdpSocket;
    use tokio::sync::mpsc;

    fn stun(urls: &[&str]) -> Vec<IceServer> {
        vec![IceServer { urls: urls.iter().map(|url| (*url).to_owned()).collect(), ..IceServer::default() }]
    }

    #[tokio::test]
    async fn each_address_of_a_name_is_a_server_and_all_else_stays_as_it_is() {
        let servers = stun(&[
            "stun:castle.example:3478",
            "stun:192.0.2.9:3478",
            "stun:[2001:db8::9]:3478",
            "stun:unknown.example",
            "turn:castle.example:3478",
        ]);
        let addresses = ["192.0.2.1:3478", "[2001:db8::1]:3478", "192.0.2.2:3478"];
        let resolve = |uri: ServerUri| {
            let known = addresses.iter().filter(move |_| uri.host == "castle.example");
            std::future::ready(known.map(|address| address.parse().unwrap()).collect())
        };
        let spelled = resolved_by(&servers, resolve).await;
        let expected = addresses.map(|address| format!("stun:{address}")).to_vec();
        assert_eq!(spelled, BTreeMap::from([("stun:castle.example:3478".to_owned(), expected)]));
    }

    #[tokio::test]
    async fn no_call_waits_for_a_resolver_that_does_not_answer_nor_asks_without_bound() {
        let names: Vec<_> = (0..5).map(|number| format!("stun:h{number}.example")).collect();
        let servers = stun(&names.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(resolved_by(&servers, |_| std::future::pending()).await.is_empty(), "they stay as they are");
        let many: Vec<_> = (0..8).map(|last| SocketAddr::from(([192, 0, 2, last], 3478))).collect();
        let spelled = resolved_by(&servers, |_| std::future::ready(many.clone())).await;
        assert_eq!(spelled.values().map(Vec::len).sum::<usize>(), ADDRESSES_MAX);
    }

    /// Says to everybody that they come from 203.0.113.77.
    async fn stun_server() -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut buffer = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                let mut answer = Message::decode(&buffer[..length]).unwrap();
                answer.class = Class::Success;
                let seen = SocketAddr::from(([203, 0, 113, 77], from.port()));
                let answer = answer.unsealed().with_address(stun::XOR_MAPPED_ADDRESS, seen);
                socket.send_to(&answer.encode(None), from).await.unwrap();
            }
        });
        address
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_guest_learns_its_outside_address_although_the_first_address_of_the_name_is_dead() {
        let alive = stun_server().await;
        let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let addresses = vec![silent.local_addr().unwrap(), alive];
        let name = stun(&["stun:castle.example"]);
        let spelled = resolved_by(&name, |_| std::future::ready(addresses.clone())).await;
        let ice_servers =
            vec![IceServer { urls: spelled["stun:castle.example"].clone(), ..IceServer::default() }];
        let (sender, mut events) = mpsc::channel(64);
        let config = PeerConfig {
            call: CallId::from_bits(1),
            offers: true,
            ice_servers,
            relay_only: false,
            loopback: true,
            pin: None,
            codecs: VideoCodec::ALL,
        };
        let peer = Peer::open(config, sender, Arc::new(|_, _| {}));
        assert!(peer.send(crate::peer::PeerCommand::Reach));
        let learned = async {
            loop {
                let (_, event) = events.recv().await.expect("the connection lives");
                if let PeerEvent::LocalCandidate(candidate) = event
                    && format!("{candidate:?}").contains("203.0.113.77")
                {
                    return;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), learned).await.expect("an outside address");
    }
}

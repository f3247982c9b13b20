//! The relay, as coturn's own client sees it; in `turn/raw.rs` as one that does what no client should. Where it listens:
//! `turn/listeners.rs`.

mod listeners;
mod raw;

use castle::ids::{GuestId, LoginId};
use castle_server::ice::{CredentialOwner, TurnSecret};
use castle_server::transport::TrustedProxies;
use castle_server::turn::machine::RelayIp;
use castle_server::turn::machine::limits::{Limits, Rate};
use castle_server::turn::wire::{Method, Writer};
use castle_server::turn::{Relay, RelayConfig, SealedPort, system_clock};
use rustls::ServerConfig;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::{TcpListener, UdpSocket};
use tokio_rustls::TlsAcceptor;

pub(crate) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
pub(crate) const SECRET: &str = "north";
/// Seconds: long enough for the client's own pauses, on a busy machine too.
const CLIENT_TIMEOUT: &str = "60";
/// To a peer outside of the relay it sends so. By channels it binds two of them to two ports of one allocation, under
/// numbers that it draws by lot: where both are the same the relay rightly refuses the second.
const BY_SEND: &str = "-s";
/// For what comes at once, on a busy machine too.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// Protocol number of UDP.
pub(crate) const UDP: u8 = 17;

pub(crate) struct TestRelay {
    pub(crate) relay: Relay,
    pub(crate) address: SocketAddr,
}

impl TestRelay {
    pub(crate) async fn start_on(ip: IpAddr, change: impl FnOnce(&mut RelayConfig)) -> Self {
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind((ip, 0)).await.unwrap();
            // The same port may be taken for TCP.
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
                break (udp, tcp);
            }
        };
        let address = udp.local_addr().unwrap();
        let mut config = RelayConfig {
            udp: vec![udp],
            tcp: vec![tcp],
            ips: vec![RelayIp { bound: ip, shown: ip }],
            ports: None,
            allowed_peers: Vec::new(),
            proxies: TrustedProxies::default(),
            loopback_peers: ip.is_loopback(),
            limits: Limits::default(),
            secret: TurnSecret::new(SECRET),
            clock: system_clock(),
        };
        change(&mut config);
        Self { relay: Relay::start(config).await.unwrap(), address }
    }

    /// What `turnutils_uclient` says with good credentials.
    async fn client(&self, flags: &[&str]) -> String {
        let username = username_in(Duration::from_mins(5));
        self.client_as(&username, &TurnSecret::new(SECRET).password_for(&username), flags).await
    }

    async fn client_as(&self, username: &str, password: &str, flags: &[&str]) -> String {
        client_at(self.address, username, password, flags).await
    }

    /// Accepts TLS for the relay, as the server does on the port of gRPC and on one of TURN's own.
    pub(crate) async fn listen_with_tls(&self) -> SocketAddr {
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()).into();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind((self.address.ip(), 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let relay = self.relay.clone();
        tokio::spawn(async move {
            while let Ok((stream, from)) = listener.accept().await {
                let (relay, acceptor) = (relay.clone(), acceptor.clone());
                tokio::spawn(async move {
                    // The client tries old versions of TLS first, which are not spoken.
                    if let Ok(stream) = acceptor.accept(stream).await {
                        relay.serve_stream(stream, from, SealedPort::Own).await;
                    }
                });
            }
        });
        address
    }
}

/// What `turnutils_uclient` says to a relay at `address`.
async fn client_at(address: SocketAddr, username: &str, password: &str, flags: &[&str]) -> String {
    let mut client = Command::new("timeout");
    client
        .args([CLIENT_TIMEOUT, "turnutils_uclient"])
        .args(["-c", "-l", "120", "-z", "5", "-u", username, "-w", password])
        .args(["-p", &address.port().to_string()])
        .args(flags)
        .arg(address.ip().to_string())
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || client.output()).await.unwrap().unwrap();
    assert_ne!(output.status.code(), Some(127), "turnutils_uclient is needed (package coturn)");
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn username_in(time: Duration) -> String {
    let expiry = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + time;
    format!("{}:test", expiry.as_secs())
}

/// Sends back what it gets, and counts it.
async fn echo_on(ip: IpAddr) -> (SocketAddr, Arc<AtomicUsize>) {
    let socket = UdpSocket::bind((ip, 0)).await.unwrap();
    let address = socket.local_addr().unwrap();
    let heard = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&heard);
    tokio::spawn(async move {
        let mut packet = [0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut packet).await {
            counter.fetch_add(1, Ordering::Relaxed);
            if socket.send_to(&packet[..length], from).await.is_err() {
                return;
            }
        }
    });
    (address, heard)
}

/// An address of this machine that is not loopback.
fn own_address() -> Option<IpAddr> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("203.0.113.1:9").ok()?; // sends nothing, only chooses a route
    socket.local_addr().ok().map(|address| address.ip())
}

fn assert_all_arrived(text: &str, messages: usize) {
    assert!(text.contains(&format!("tot_send_msgs={messages}, tot_recv_msgs={messages}")), "{text}");
    assert!(text.contains("Total lost packets 0 "), "{text}");
}

#[tokio::test]
async fn two_guests_of_the_relay_reach_each_other() {
    let test = TestRelay::start_on(LOOPBACK, |_| {}).await;
    for way in [&["-y"][..], &["-y", "-s"], &["-y", "-t"], &["-y", "-t", "-s"]] {
        assert_all_arrived(&test.client(&[way, &["-n", "20"]].concat()).await, 40);
    }
    assert!(test.relay.counters().packets() >= 160);
}

#[tokio::test]
async fn two_guests_reach_each_other_over_tls_by_send_and_by_channel() {
    let test = TestRelay::start_on(LOOPBACK, |_| {}).await;
    let address = test.listen_with_tls().await;
    let username = username_in(Duration::from_mins(5));
    let password = TurnSecret::new(SECRET).password_for(&username);
    for way in [&["-y", "-S", "-t"][..], &["-y", "-S", "-t", "-s"]] {
        let text = client_at(address, &username, &password, &[way, &["-n", "20"]].concat()).await;
        assert_all_arrived(&text, 40);
    }
}

#[tokio::test]
async fn two_guests_reach_each_other_over_ipv6() {
    let ip = IpAddr::V6(Ipv6Addr::LOCALHOST);
    if UdpSocket::bind((ip, 0)).await.is_err() {
        eprintln!("not run: this machine has no IPv6");
        return;
    }
    let test = TestRelay::start_on(ip, |_| {}).await;
    for way in [&["-y", "-x"][..], &["-y", "-x", "-s"], &["-y", "-x", "-t"]] {
        assert_all_arrived(&test.client(&[way, &["-n", "20"]].concat()).await, 40);
    }
}

#[tokio::test]
async fn a_relay_on_loopback_reaches_peers_on_loopback() {
    let test = TestRelay::start_on(LOOPBACK, |_| {}).await;
    let (peer, heard) = echo_on(LOOPBACK).await;
    let port = peer.port().to_string();
    let text = test.client(&[BY_SEND, "-n", "20", "-e", "127.0.0.1", "-r", &port]).await;
    assert!(text.contains("Total lost packets 0 "), "{text}");
    assert!(heard.load(Ordering::Relaxed) >= 20, "{text}");
}

#[tokio::test]
async fn a_relay_that_other_machines_reach_has_no_peers_on_loopback() {
    let test = TestRelay::start_on(LOOPBACK, |config| config.loopback_peers = false).await;
    // The relay's own may be named, for its live ports.
    for (ip, said) in [("127.0.0.1", "tot_recv_msgs=0"), ("127.0.0.2", "403")] {
        let (peer, heard) = echo_on(ip.parse().unwrap()).await;
        let port = peer.port().to_string();
        let text = test.client(&[BY_SEND, "-n", "3", "-e", ip, "-r", &port]).await;
        assert!(text.contains(said), "{ip}: {text}");
        assert_eq!(heard.load(Ordering::Relaxed), 0, "{ip}: {text}");
    }
    assert_all_arrived(&test.client(&["-y", "-n", "20"]).await, 40);
}

#[tokio::test]
async fn two_guests_behind_the_external_address_reach_each_other() {
    let external = IpAddr::from([203, 0, 113, 9]); // nothing routes there: the relay itself must turn it round
    let test = TestRelay::start_on(LOOPBACK, |config| config.ips[0].shown = external).await;
    let text = test.client(&["-y", "-v", "-n", "20"]).await;
    assert!(text.contains("203.0.113.9"), "{text}");
    assert_all_arrived(&text, 40);
}

#[tokio::test]
async fn other_addresses_of_this_host_are_refused_and_relayed_ones_are_not() {
    let Some(own) = own_address() else {
        eprintln!("not run: this machine has no address besides loopback");
        return;
    };
    let test = TestRelay::start_on(own, |_| {}).await;
    for ip in [own, LOOPBACK] {
        let (peer, heard) = echo_on(ip).await;
        let port = peer.port().to_string();
        let text = test.client(&[BY_SEND, "-n", "3", "-e", &ip.to_string(), "-r", &port]).await;
        let said = if ip == own { "tot_recv_msgs=0" } else { "403" }; // the relay's own may be named, for its live ports
        assert!(text.contains(said), "{ip}: {text}");
        assert_eq!(heard.load(Ordering::Relaxed), 0, "{ip}: {text}");
    }
    assert_all_arrived(&test.client(&["-y", "-n", "20"]).await, 40);
}

#[tokio::test]
async fn wrong_and_expired_credentials_allocate_nothing() {
    let test = TestRelay::start_on(LOOPBACK, |_| {}).await;
    let good = username_in(Duration::from_mins(5));
    let expired = "1000:test";
    let secret = TurnSecret::new(SECRET);
    for (username, password) in [
        (good.as_str(), "wrong".to_owned()),
        (expired, secret.password_for(expired)),
        ("alice", secret.password_for("alice")),
    ] {
        let text = test.client_as(username, &password, &["-y", "-n", "1"]).await;
        assert!(!text.contains("tot_recv_msgs"), "{username}: {text}");
        assert_eq!(test.relay.allocations(), 0, "{username}: {text}");
    }
}

#[tokio::test]
async fn a_full_relay_refuses_further_allocations() {
    let test = TestRelay::start_on(LOOPBACK, |config| config.limits.allocations = 1).await;
    let text = test.client(&["-y", "-n", "1"]).await;
    assert!(text.contains("508"), "{text}");
    assert!(test.relay.allocations() <= 1, "{text}");
}

#[tokio::test]
async fn a_guest_over_the_quota_is_told_so() {
    let test = TestRelay::start_on(LOOPBACK, |config| config.limits.allocations_per_guest = 1).await;
    let text = test.client(&["-y", "-n", "1"]).await;
    assert!(text.contains("486"), "{text}");
}

pub(crate) fn owner(number: u64) -> CredentialOwner {
    CredentialOwner::new(GuestId::from_bits(number.into()), LoginId::from_bits(u128::from(number) + 1000))
}

/// Floods the relay with 5,000 Allocate a second from so many addresses.
async fn flood(to: SocketAddr, addresses: u16) {
    let packet = Writer::request(Method::Allocate, [1; 12]).transport(UDP).finish(None);
    let sockets: Vec<_> = (0..addresses)
        .map(|number| {
            let [high, low] = (number + 2).to_be_bytes();
            std::net::UdpSocket::bind((IpAddr::from([127, 0, high, low]), 0)).unwrap()
        })
        .collect();
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    for turn in 0.. {
        ticks.tick().await;
        for at in 0..50 {
            sockets[(50 * turn + at) % sockets.len()].send_to(&packet, to).ok();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_allocate_leaves_a_call_alone() {
    for addresses in [1, 1000] {
        let test = TestRelay::start_on(LOOPBACK, |config| {
            config.limits.unproven_requests = Rate { per_second: 1000, burst: 1000 };
        })
        .await;
        let flood = tokio::spawn(flood(test.address, addresses));
        let text = test.client(&["-y", "-n", "50"]).await;
        flood.abort();
        let dropped = test.relay.counters().dropped().find(|(why, _)| *why == "rate").unwrap().1;
        assert!(dropped > 1000, "{dropped} requests were dropped");
        assert_all_arrived(&text, 100);
    }
}

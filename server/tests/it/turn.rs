//! The relay, as coturn's own client sees it, and as one that does what no client should.

use castle::ids::{GuestId, LoginId};
use castle_server::ice::{CREDENTIAL_TTL, CredentialOwner, CredentialsOf, TurnSecret};
use castle_server::transport::TrustedProxies;
use castle_server::turn::machine::limits::{Limits, Rate};
use castle_server::turn::machine::{Now, RelayIp};
use castle_server::turn::wire::{Key, Method, Response, Writer, write_channel_data};
use castle_server::turn::{Clock, Relay, RelayConfig, SealedPort, system_clock};
use rustls::ServerConfig;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio_rustls::TlsAcceptor;

pub(crate) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
pub(crate) const SECRET: &str = "north";
/// Seconds: long enough for the client's own pauses, on a busy machine too.
const CLIENT_TIMEOUT: &str = "60";
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
    let text = test.client(&["-n", "20", "-e", "127.0.0.1", "-r", &port]).await;
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
        let text = test.client(&["-n", "3", "-e", ip, "-r", &port]).await;
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
        let text = test.client(&["-n", "3", "-e", &ip.to_string(), "-r", &port]).await;
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

#[tokio::test]
async fn relayed_ports_lie_in_the_range_and_run_out() {
    let first = 40_000 + (std::process::id() % 10_000) as u16;
    let test = TestRelay::start_on(LOOPBACK, |config| config.ports = Some(first..=first + 7)).await;
    let mut ports = Vec::new();
    for number in 0.. {
        let mut guest = Raw::new(&test, owner(number)).await;
        let answer = guest.ask(Method::Allocate, |writer| writer.transport(UDP)).await;
        if answer.code != 0 {
            assert_eq!(answer.code, 508);
            break;
        }
        ports.push(answer.relayed[0].port());
    }
    assert!(!ports.is_empty() && ports.len() <= 8);
    assert!(ports.iter().all(|port| (first..=first + 7).contains(port)), "{ports:?}");
}

pub(crate) fn owner(number: u64) -> CredentialOwner {
    CredentialOwner::new(GuestId::from_bits(number.into()), LoginId::from_bits(u128::from(number) + 1000))
}

/// A client that asks for what it likes.
struct Raw {
    socket: UdpSocket,
    username: String,
    key: Key,
    nonce: Vec<u8>,
}

impl Raw {
    async fn new(test: &TestRelay, owner: CredentialOwner) -> Self {
        let socket = UdpSocket::bind((test.address.ip(), 0)).await.unwrap();
        socket.connect(test.address).await.unwrap();
        let mut raw = Self { socket, username: String::new(), key: Key::new("", "", ""), nonce: Vec::new() };
        raw.become_someone(owner);
        raw
    }

    /// Takes another credential, and keeps the address.
    fn become_someone(&mut self, owner: CredentialOwner) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let secret = TurnSecret::new(SECRET);
        self.username = secret.username(now + CREDENTIAL_TTL.as_secs(), owner, rand::random());
        self.key = Key::new(&self.username, "castle", &secret.password_for(&self.username));
    }

    async fn exchange(&self, message: &[u8]) -> Vec<u8> {
        self.socket.send(message).await.unwrap();
        let mut answer = vec![0; 2048];
        let length = self.socket.recv(&mut answer).await.unwrap();
        answer.truncate(length);
        answer
    }

    async fn ask(&mut self, method: Method, fill: impl Fn(Writer) -> Writer) -> Response {
        loop {
            let writer = fill(Writer::request(method, rand::random())).username(&self.username);
            let message = writer.challenge("castle", &self.nonce).finish(Some(&self.key));
            let answer = Response::read(&self.exchange(&message).await, None).unwrap();
            match answer.nonce {
                Some(nonce) if answer.code == 438 => self.nonce = nonce,
                _ => return answer,
            }
        }
    }
}

#[tokio::test]
async fn the_codes_of_the_rfc_come_over_the_wire() {
    let test = TestRelay::start_on(LOOPBACK, |_| {}).await;
    let mut ada = Raw::new(&test, owner(1)).await;
    assert_eq!(ada.ask(Method::Refresh, |writer| writer).await.code, 437);
    assert_eq!(ada.ask(Method::Allocate, |writer| writer.transport(UDP)).await.code, 0);
    assert_eq!(ada.ask(Method::Allocate, |writer| writer.transport(UDP)).await.code, 437);
    for private in ["10.0.0.1:1", "192.168.1.1:1", "169.254.169.254:80", "224.0.0.1:1"] {
        let peer: SocketAddr = private.parse().unwrap();
        assert_eq!(
            ada.ask(Method::CreatePermission, |writer| writer.peer(peer)).await.code,
            403,
            "{private}"
        );
    }
    ada.become_someone(owner(2));
    assert_eq!(ada.ask(Method::Refresh, |writer| writer.lifetime(0)).await.code, 441);
    assert_eq!(test.relay.allocations(), 1);
}

#[tokio::test]
async fn a_request_said_twice_is_answered_alike() {
    let test = TestRelay::start_on(LOOPBACK, |_| {}).await;
    let mut ada = Raw::new(&test, owner(1)).await;
    ada.ask(Method::Refresh, |writer| writer).await;
    for (method, lifetime, left) in [(Method::Allocate, 600, 1), (Method::Refresh, 0, 0)] {
        let writer = Writer::request(method, rand::random()).transport(UDP).lifetime(lifetime);
        let writer = writer.username(&ada.username).challenge("castle", &ada.nonce);
        let message = writer.finish(Some(&ada.key));
        let [first, again] = [ada.exchange(&message).await, ada.exchange(&message).await];
        assert_eq!(Response::read(&first, Some(&ada.key)).unwrap().code, 0);
        assert_eq!(first, again);
        assert_eq!(test.relay.allocations(), left);
    }
}

#[tokio::test]
async fn a_call_outlives_its_credential_by_days_and_a_new_one_needs_a_new() {
    let passed = Arc::new(AtomicU64::new(0));
    let (clock, offset) = (system_clock(), Arc::clone(&passed));
    let clock = Clock::new(move || {
        let (Now { at, unix }, passed) = (clock.now(), offset.load(Ordering::Relaxed));
        Now { at: at + Duration::from_secs(passed), unix: unix + passed }
    });
    let test = TestRelay::start_on(LOOPBACK, |config| config.clock = clock).await;
    let mut ada = Raw::new(&test, owner(1)).await;
    assert_eq!(ada.ask(Method::Allocate, |writer| writer.transport(UDP).lifetime(3600)).await.code, 0);
    for _ in 0..48 {
        passed.fetch_add(3599, Ordering::Relaxed);
        test.relay.tick();
        assert_eq!(ada.ask(Method::Refresh, |writer| writer.lifetime(3600)).await.code, 0);
    }
    let mut late = Raw::new(&test, owner(1)).await;
    late.username.clone_from(&ada.username);
    late.key = ada.key.clone();
    assert_eq!(late.ask(Method::Allocate, |writer| writer.transport(UDP)).await.code, 401);
    assert_eq!(test.relay.allocations(), 1);
}

#[tokio::test]
async fn a_ban_cuts_what_is_relayed() {
    let test = TestRelay::start_on(LOOPBACK, |_| {}).await;
    let (mut ada, mut ben) = (Raw::new(&test, owner(1)).await, Raw::new(&test, owner(2)).await);
    for guest in [&mut ada, &mut ben] {
        assert_eq!(guest.ask(Method::Allocate, |writer| writer.transport(UDP)).await.code, 0);
    }
    test.relay.end(CredentialsOf::guest(GuestId::from_bits(1)));
    assert_eq!(test.relay.allocations(), 1);
    assert_eq!(ada.ask(Method::Allocate, |writer| writer.transport(UDP)).await.code, 401);
    assert_eq!(ben.ask(Method::Refresh, |writer| writer).await.code, 0);
    test.relay.end(CredentialsOf::login(LoginId::from_bits(1002)));
    assert_eq!(test.relay.allocations(), 0);
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

#[tokio::test]
async fn a_client_that_reads_slowly_loses_media_and_grows_nothing() {
    let plenty = Rate { per_second: 1 << 30, burst: 1 << 30 };
    let test = TestRelay::start_on(LOOPBACK, |config| {
        (config.limits.guest_bandwidth, config.limits.bandwidth) = (plenty, plenty);
    })
    .await;
    let mut stream = TcpStream::connect(test.address).await.unwrap();
    let (peer, port) = (UdpSocket::bind((LOOPBACK, 0)).await.unwrap(), 0x4000);
    let mut ask = async |message: Vec<u8>| {
        stream.write_all(&message).await.unwrap();
        let mut answer = vec![0; 2048];
        let length = stream.read(&mut answer).await.unwrap();
        Response::read(&answer[..length], None).unwrap()
    };
    let nobody = Raw::new(&test, owner(1)).await;
    let challenge = ask(Writer::request(Method::Allocate, [1; 12]).transport(UDP).finish(None)).await;
    let nonce = challenge.nonce.unwrap();
    let signed = |writer: Writer| {
        writer.username(&nobody.username).challenge("castle", &nonce).finish(Some(&nobody.key))
    };
    let allocated = ask(signed(Writer::request(Method::Allocate, [2; 12]).transport(UDP))).await;
    let bind = Writer::request(Method::ChannelBind, [3; 12]).channel(port).peer(peer.local_addr().unwrap());
    assert_eq!(ask(signed(bind)).await.code, 0);
    let mut dropped = 0;
    while dropped == 0 {
        for _ in 0..100 {
            peer.send_to(&[0; 1200], allocated.relayed[0]).await.unwrap();
        }
        tokio::task::yield_now().await;
        dropped = test.relay.counters().dropped().find(|(why, _)| *why == "slow_reader").unwrap().1;
    }
    let mut frame = Vec::new();
    write_channel_data(&mut frame, port, b"still there", true);
    stream.write_all(&frame).await.unwrap();
    let mut heard = [0; 64];
    let length = peer.recv(&mut heard).await.unwrap();
    assert_eq!(&heard[..length], b"still there");
}

#[tokio::test]
async fn a_stream_that_carries_something_else_is_closed() {
    // For what it carries, and not because time ran out: that is an hour.
    let test = TestRelay::start_on(LOOPBACK, |config| {
        config.limits.stream_unallocated = Duration::from_hours(1);
    })
    .await;
    for wrong in [&b"GET / HTTP/1.1\r\nHost: castle\r\n\r\n"[..], &[0x40, 0, 0xff, 0xff], &[0xff; 8]] {
        let mut stream = TcpStream::connect(test.address).await.unwrap();
        stream.write_all(wrong).await.unwrap();
        let mut heard = [0; 64];
        let closed = tokio::time::timeout(PATIENCE, stream.read(&mut heard)).await;
        assert_eq!(closed.expect("closed at once").unwrap_or(0), 0, "{wrong:?}");
    }
}

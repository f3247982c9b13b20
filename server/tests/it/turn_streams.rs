//! TURN over streams: who is told from whom, and how long one may stay without an allocation; and the probe.

use crate::relayed_guests::given_over;
use crate::support::TestServer;
use crate::transport::{figure, get};
use crate::turn::{LOOPBACK, PATIENCE, SECRET, TestRelay, UDP, owner};
use castle_connectivity::address::Transport;
use castle_connectivity::relayed::{Client, RelayError};
use castle_connectivity::trust::Trust;
use castle_server::ice::{CREDENTIAL_TTL, TurnSecret};
use castle_server::transport::TlsSource;
use castle_server::turn::machine::limits::Rate;
use castle_server::turn::wire::{Key, Method, Response, Writer};
use castle_server::turn::{SealedPort, probe};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

/// A client over a stream that the relay is handed, with a credential of this owner.
struct Streamed {
    stream: tokio::io::DuplexStream,
    from: SocketAddr,
}

impl Streamed {
    /// From this port of one machine, to that port of the server.
    fn open(test: &TestRelay, from_port: u16, port: SealedPort) -> Self {
        let (stream, theirs) = tokio::io::duplex(1 << 16);
        let (relay, from) = (test.relay.clone(), SocketAddr::from(([198, 51, 100, 7], from_port)));
        tokio::spawn(async move { relay.serve_stream(theirs, from, port).await });
        Self { stream, from }
    }

    async fn ask(&mut self, message: &[u8]) -> Response {
        self.stream.write_all(message).await.unwrap();
        let mut answer = vec![0; 2048];
        let length = self.stream.read(&mut answer).await.unwrap();
        Response::read(&answer[..length], None).unwrap()
    }

    async fn allocate(&mut self, number: u64) -> u16 {
        let bare = Writer::request(Method::Allocate, rand::random()).transport(UDP).finish(None);
        let nonce = self.ask(&bare).await.nonce.unwrap();
        let secret = TurnSecret::new(SECRET);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let username = secret.username(now + CREDENTIAL_TTL.as_secs(), owner(number), rand::random());
        let key = Key::new(&username, "castle", &secret.password_for(&username));
        let signed = Writer::request(Method::Allocate, rand::random()).transport(UDP).username(&username);
        self.ask(&signed.challenge("castle", &nonce).finish(Some(&key))).await.code
    }
}

#[tokio::test]
async fn the_same_port_of_a_client_at_two_ports_of_the_server_is_two_clients() {
    let test = TestRelay::start_on(LOOPBACK, |_| {}).await;
    let ports = [SealedPort::BesideGrpc, SealedPort::Own];
    let mut streams = ports.map(|port| Streamed::open(&test, 4000, port));
    for (number, stream) in streams.iter_mut().enumerate() {
        assert_eq!(stream.allocate(number as u64).await, 0, "from {}", stream.from);
    }
    assert_eq!(test.relay.allocations(), 2);
}

#[tokio::test]
async fn a_stream_that_never_allocates_is_closed_in_time_however_slowly_it_speaks() {
    let patience = Duration::from_millis(400);
    let test = TestRelay::start_on(LOOPBACK, |config| config.limits.stream_unallocated = patience).await;
    let mut guest = Streamed::open(&test, 4000, SealedPort::Own);
    assert_eq!(guest.allocate(1).await, 0);
    let mut idler = Streamed::open(&test, 4001, SealedPort::Own);
    let header = Writer::request(Method::Allocate, [1; 12]).transport(UDP).finish(None);
    let began = std::time::Instant::now();
    let mut said = header.iter().cycle();
    // A byte at a time, each well before the end; what it is answered is no reason to end it.
    loop {
        assert!(began.elapsed() < 20 * patience, "never closed");
        match tokio::time::timeout(patience / 8, idler.stream.read(&mut [0; 256])).await {
            Ok(Ok(0) | Err(_)) => break,
            Err(_) if idler.stream.write_all(&[*said.next().unwrap()]).await.is_err() => break,
            Ok(Ok(_)) | Err(_) => {}
        }
    }
    assert!(began.elapsed() >= patience);
    assert_eq!(guest.allocate(1).await, 437, "who has an allocation stays");
}

#[tokio::test]
async fn a_probe_asks_a_relay_with_ipv6_alone_for_ipv6() {
    let ip = IpAddr::V6(Ipv6Addr::LOCALHOST);
    if UdpSocket::bind((ip, 0)).await.is_err() {
        eprintln!("not run: this machine has no IPv6");
        return;
    }
    let test = TestRelay::start_on(ip, |_| {}).await;
    for transport in ["udp", "tcp"] {
        let url = format!("turn:{}?transport={transport}", test.address).parse().unwrap();
        probe::allocate(&url, &TurnSecret::new(SECRET)).await.unwrap();
    }
    assert_eq!(test.relay.counters().allocations_made(), 2);
}

#[tokio::test]
async fn a_probe_over_tls_makes_an_allocation_and_is_not_content_with_a_connection() {
    let test = TestRelay::start_on(LOOPBACK, |_| {}).await;
    let url = format!("turns:{}", test.listen_with_tls().await).parse().unwrap();
    probe::allocate(&url, &TurnSecret::new(SECRET)).await.unwrap();
    assert_eq!((test.relay.counters().allocations_made(), test.relay.allocations()), (1, 0));
    let refused = probe::allocate(&url, &TurnSecret::new("of another")).await;
    assert!(matches!(refused, Err(RelayError::Refused(401))), "{refused:?}");
    let plain = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
    let url = format!("turns:{}", plain.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move { while plain.accept().await.is_ok() {} });
    probe::allocate(&url, &TurnSecret::new(SECRET)).await.expect_err("nobody speaks TLS there");
}

#[tokio::test]
async fn who_asks_and_never_reads_an_answer_is_cut_off() {
    let test = TestRelay::start_on(LOOPBACK, |config| {
        let plenty = Rate { per_second: 1 << 30, burst: 1 << 30 };
        config.limits.network_requests = plenty;
        config.limits.stream_unallocated = Duration::from_hours(1);
    })
    .await;
    let mut stream = TcpStream::connect(test.address).await.unwrap();
    let question = Writer::request(Method::Binding, [1; 12]).finish(None);
    let asking = async { while stream.write_all(&question).await.is_ok() {} };
    tokio::time::timeout(PATIENCE, asking).await.expect("the stream is closed");
}

/// What is sent at once to who does not read: far more than may wait, and less than the system would hold by itself.
const PACKETS: usize = 3000;

#[tokio::test(flavor = "multi_thread")]
async fn media_for_who_reads_nothing_is_dropped_rather_than_kept_over_each_stream() {
    let server = TestServer::start_with(|config| {
        config.tls = Some(TlsSource::SelfSigned);
        config.relay.tls_listen = Some((LOOPBACK, 0).into());
        let plenty = Rate { per_second: 1 << 30, burst: 1 << 30 };
        (config.relay.limits.guest_bandwidth, config.relay.limits.bandwidth) = (plenty, plenty);
    })
    .await;
    let http = server.listening.http.unwrap();
    let relays = given_over(&server, &[Transport::Tcp, Transport::Tls]).await;
    assert_eq!(relays.len(), 3, "plain, beside gRPC, and on a port of its own: {relays:?}");
    for (uri, credential) in relays {
        let open = async || Client::open(&uri, Trust::Anyone).await?.allocate(&credential).await;
        let (mut talker, mut idler) = (open().await.unwrap(), open().await.unwrap());
        idler.permit(talker.relayed).await.unwrap();
        talker.permit(idler.relayed).await.unwrap();
        let carried = async || {
            let metrics = get(http, "/metrics").await;
            let slow = "castle_relay_dropped_total{why=\"slow_reader\"}";
            (figure(&metrics, "castle_relay_packets_total"), figure(&metrics, slow))
        };
        let (packets, slow) = carried().await;
        for _ in 0..PACKETS {
            talker.send(idler.relayed, &[7; 1000]).await.unwrap();
        }
        let passed = async { while carried().await.0 < packets + PACKETS as f64 {} };
        tokio::time::timeout(PATIENCE, passed).await.expect("all were relayed");
        let dropped = carried().await.1 - slow;
        assert!(dropped > PACKETS as f64 / 3.0, "{dropped} of {PACKETS} were dropped over {uri}");
    }
}

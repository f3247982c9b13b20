//! TURN over streams: who is told from whom, and how long one may stay without an allocation; and the probe.

use crate::turn::{LOOPBACK, SECRET, TestRelay, UDP, owner};
use castle_server::ice::{CREDENTIAL_TTL, TurnSecret};
use castle_server::turn::wire::{Key, Method, Response, Writer};
use castle_server::turn::{SealedPort, probe};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UdpSocket;

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

//! The relay at a client that asks for what it likes, which no well-behaved one would.

use super::{LOOPBACK, PATIENCE, SECRET, TestRelay, UDP, owner};
use castle::ids::{GuestId, LoginId};
use castle_server::ice::{CREDENTIAL_TTL, CredentialOwner, CredentialsOf, TurnSecret};
use castle_server::turn::machine::Now;
use castle_server::turn::machine::limits::Rate;
use castle_server::turn::wire::{Key, Method, Response, Writer, write_channel_data};
use castle_server::turn::{Clock, system_clock};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

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

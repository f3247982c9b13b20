//! The bridge between what the stack would say and servers that answer as TURN servers do, over each transport.

use super::*;
use crate::media::codec::VideoCodec;
use crate::peer::{Peer, PeerConfig, PeerEvent};
use castle::ids::CallId;
use castle_connectivity::framing::{self, Deframer};
use castle_server::ice::{CREDENTIAL_TTL, CredentialOwner, TurnSecret};
use castle_server::transport::TrustedProxies;
use castle_server::turn::machine::limits::Limits;
use castle_server::turn::machine::{Now, RelayIp};
use castle_server::turn::{Clock, Relay, RelayConfig, system_clock};
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// RFC 8656 section 18.1.
const CHANNEL_NUMBER: u16 = 0x000c;
const PATIENCE: Duration = Duration::from_secs(20);

fn server(url: String) -> IceServer {
    IceServer { urls: vec![url], username: "u".into(), credential: "c".into() }
}

fn port_of(server: &IceServer) -> SocketAddr {
    server.urls[0].trim_start_matches("turn:").trim_end_matches("?transport=udp").parse().unwrap()
}

/// Grants every Allocate the relayed address 203.0.113.1:port; echoes the rest.
fn answer(message: &[u8], port: u16) -> Vec<u8> {
    match Message::decode(message) {
        Some(mut request) if request.method == stun::ALLOCATE => {
            request.class = Class::Success;
            let relayed = SocketAddr::from(([203, 0, 113, 1], port));
            request.with_address(stun::XOR_RELAYED_ADDRESS, relayed).encode(None)
        }
        _ => message.to_vec(),
    }
}

async fn tcp_server(port: u16) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let (mut deframer, mut buffer) = (Deframer::default(), [0; 2000]);
                loop {
                    let length = stream.read(&mut buffer).await.unwrap_or(0);
                    if length == 0 {
                        return;
                    }
                    deframer.feed(&buffer[..length]);
                    while let Some(message) = deframer.message().unwrap() {
                        let framed = framing::to_stream(&answer(message, port)).unwrap();
                        stream.write_all(&framed).await.unwrap();
                    }
                }
            });
        }
    });
    address
}

async fn udp_server(port: u16) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 2000];
        loop {
            let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
            socket.send_to(&answer(&buffer[..length], port), from).await.unwrap();
        }
    });
    address
}

async fn stack() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").await.unwrap()
}

async fn ask(stack: &UdpSocket, port: SocketAddr, message: &[u8]) -> Vec<u8> {
    stack.send_to(message, port).await.unwrap();
    let mut buffer = [0; 2000];
    let received = tokio::time::timeout(PATIENCE, stack.recv_from(&mut buffer)).await;
    let (length, from) = received.expect("an answer").unwrap();
    assert_eq!(from, port);
    buffer[..length].to_vec()
}

/// Asks for a relayed address as the stack does: without a credential, and with one when it is challenged.
async fn allocate(stack: &UdpSocket, port: SocketAddr) -> Message {
    let request = Message::new(stun::ALLOCATE, Class::Request).encode(None);
    let answer = Message::decode(&ask(stack, port, &request).await).unwrap();
    let [realm, nonce] = [stun::REALM, stun::NONCE].map(|kind| answer.attribute(kind));
    let (Some(realm), Some(nonce)) = (realm, nonce) else {
        assert_eq!(answer.class, Class::Success, "the stack waits for good after {answer:?}");
        return answer;
    };
    let sealed =
        Message::new(stun::ALLOCATE, Class::Request).with(stun::REALM, realm).with(stun::NONCE, nonce);
    Message::decode(&ask(stack, port, &sealed.encode(Some(b"key"))).await).unwrap()
}

fn relayed(port: u16) -> SocketAddr {
    SocketAddr::from(([203, 0, 113, 1], port))
}

#[tokio::test]
async fn a_stream_carries_what_the_stack_says_in_datagrams() {
    let address = tcp_server(9).await;
    let bridge = Bridge::open(&[server(format!("turn:{address}?transport=tcp"))], None).await;
    let (stack, port) = (stack().await, port_of(&bridge.servers()[0]));
    assert_eq!(allocate(&stack, port).await.class, Class::Success);
    assert_eq!(bridge.way_of(relayed(9)), Some(Transport::Tcp));
    assert!(!bridge.udp_failed(), "none was offered over UDP");
    for length in 0..9_u8 {
        let mut channel_data = vec![0x40, 1, 0, length];
        channel_data.extend(vec![7; length.into()]);
        assert_eq!(ask(&stack, port, &channel_data).await, channel_data, "{length}");
    }
}

#[tokio::test]
async fn where_udp_answers_no_stream_is_opened_and_where_not_one_is() {
    let (tcp, udp) = (tcp_server(6).await, udp_server(17).await);
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for (udp, expected) in [(udp, Class::Error), (silent.local_addr().unwrap(), Class::Success)] {
        let servers = [server(format!("turn:{udp}")), server(format!("turn:{tcp}?transport=tcp"))];
        let bridge = Bridge::open(&servers, None).await;
        let (one, other) = (stack().await, stack().await);
        let [over_udp, over_tcp] = bridge.servers() else { panic!("two servers") };
        assert!(!bridge.udp_failed(), "nothing was tried yet, as at the beginning of each new way");
        one.send_to(&Message::new(stun::ALLOCATE, Class::Request).encode(None), port_of(over_udp))
            .await
            .unwrap();
        assert_eq!(allocate(&other, port_of(over_tcp)).await.class, expected);
        assert_eq!(bridge.udp_failed(), expected == Class::Success);
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_given_up_at_once() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let bridge = Bridge::open(&[server(format!("turn:{closed}?transport=tcp"))], None).await;
    let answer = allocate(&stack().await, port_of(&bridge.servers()[0])).await;
    assert_eq!((answer.class, answer.error_code()), (Class::Error, Some(500)));
}

#[tokio::test]
async fn a_second_interface_is_turned_away_until_the_first_said_farewell() {
    let address = udp_server(17).await;
    let bridge = Bridge::open(&[server(format!("turn:{address}"))], None).await;
    let (first, second, port) = (stack().await, stack().await, port_of(&bridge.servers()[0]));
    assert_eq!(allocate(&first, port).await.class, Class::Success);
    assert_eq!(allocate(&second, port).await.error_code(), Some(486));
    let farewell = Message::new(stun::REFRESH, Class::Request).with(stun::LIFETIME, [0; 4]).encode(None);
    assert_eq!(ask(&first, port, &farewell).await, farewell);
    assert_eq!(bridge.way_of(relayed(17)), None);
}

#[tokio::test]
async fn stun_servers_stay_as_they_are_and_what_is_no_server_is_left_out() {
    let urls = ["stun:192.0.2.1:3478", "rubbish", "turns:castle.example?transport=udp"].map(String::from);
    let given = IceServer { urls: urls.to_vec(), ..IceServer::default() };
    let bridge = Bridge::open(&[given], None).await;
    assert_eq!(bridge.servers()[0].urls, urls[..1]);
}

#[tokio::test]
async fn a_stun_server_under_a_name_is_asked_at_each_of_its_addresses() {
    let given = IceServer { urls: vec!["stun:localhost:3478".to_owned()], ..IceServer::default() };
    let bridge = Bridge::open(&[given], None).await;
    let addresses = castle_connectivity::dial::resolve("localhost", 3478).await.unwrap();
    let expected: Vec<_> = addresses.iter().map(|address| format!("stun:{address}")).collect();
    assert_eq!(bridge.servers()[0].urls, expected);
}

#[tokio::test]
async fn a_relay_whose_port_is_closed_for_a_while_keeps_the_socket_that_it_relays_for() {
    let relay = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = relay.local_addr().unwrap();
    let bridge = Bridge::open(&[server(format!("turn:{address}"))], None).await;
    let (stack, port) = (stack().await, port_of(&bridge.servers()[0]));
    let allocate = Message::new(stun::ALLOCATE, Class::Request).encode(None);
    stack.send_to(&allocate, port).await.unwrap();
    let mut buffer = [0; 2000];
    let (length, known_by) = relay.recv_from(&mut buffer).await.unwrap();
    relay.send_to(&answer(&buffer[..length], 17), known_by).await.unwrap();
    stack.recv_from(&mut buffer).await.unwrap();

    // Each is answered by the system: there is nobody at that port.
    drop(relay);
    let media = [0x40, 1, 0, 4, 7, 7, 7, 7];
    let say = async || {
        stack.send_to(&media, port).await.unwrap();
        tokio::task::yield_now().await;
    };
    for _ in 0..100 {
        say().await;
    }
    let relay = UdpSocket::bind(address).await.unwrap();
    let heard = async {
        for _ in 0..20 {
            say().await;
            assert_eq!(relay.recv_from(&mut buffer).await.unwrap().1, known_by);
        }
    };
    tokio::time::timeout(PATIENCE, heard).await.expect("media goes on");
    assert_eq!(bridge.way_of(relayed(17)), Some(Transport::Udp));
}

#[tokio::test]
async fn a_server_that_ends_each_connection_is_not_asked_for_another_at_once_and_never_by_media() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("turn:{}?transport=tcp", listener.local_addr().unwrap());
    let (mut asked, accepted) = (0, Arc::<AtomicU64>::default());
    let counting = Arc::clone(&accepted);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counting.fetch_add(1, Ordering::Relaxed);
            drop(stream);
        }
    });
    let bridge = Bridge::open(&[server(url)], None).await;
    let (stack, port) = (stack().await, port_of(&bridge.servers()[0]));
    let begun = std::time::Instant::now();
    while begun.elapsed() < HOLD_OFF / 2 {
        stack.send_to(&[0x40, 1, 0, 4, 7, 7, 7, 7], port).await.unwrap();
        assert_eq!(allocate(&stack, port).await.error_code(), Some(NOT_REACHED));
        asked += 1;
    }
    assert!(asked > 1);
    let most = 1 + (begun.elapsed().as_secs_f64() / HOLD_OFF.as_secs_f64()) as u64;
    assert!(accepted.load(Ordering::Relaxed) <= most, "{accepted:?} connections");
}

#[tokio::test]
async fn a_connection_that_ended_just_now_is_not_begun_again_however_long_it_lasted() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("turn:{}?transport=tcp", listener.local_addr().unwrap());
    let accepted = Arc::<AtomicU64>::default();
    let counting = Arc::clone(&accepted);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counting.fetch_add(1, Ordering::Relaxed);
            // It hears all that is said for so long, and hangs up.
            let hearing = async { while stream.read(&mut [0; 2000]).await.is_ok_and(|length| length > 0) {} };
            tokio::time::timeout(HOLD_OFF, hearing).await.ok();
        }
    });
    let bridge = Bridge::open(&[server(url)], None).await;
    let (stack, port) = (stack().await, port_of(&bridge.servers()[0]));
    let challenge = ask(&stack, port, &Message::new(stun::ALLOCATE, Class::Request).encode(None)).await;
    let ended = std::time::Instant::now();
    assert_eq!(Message::decode(&challenge).unwrap().error_code(), Some(401), "a way to say why");
    let sealed = Message::new(stun::REFRESH, Class::Request).encode(Some(b"key"));
    let refused = Message::decode(&ask(&stack, port, &sealed).await).unwrap();
    assert_eq!(refused.error_code(), Some(NOT_REACHED));
    let most = 1 + (ended.elapsed().as_secs_f64() / HOLD_OFF.as_secs_f64()) as u64;
    assert!(accepted.load(Ordering::Relaxed) <= most, "{accepted:?} connections");
}

/// Lets the stack ask this server alone, until it says that it has no more candidates.
async fn gathers(url: String) {
    let (sender, mut events) = mpsc::channel(64);
    let config = PeerConfig {
        call: CallId::from_bits(1),
        offers: true,
        ice_servers: vec![server(url)],
        relay_only: true,
        loopback: true,
        pin: None,
        codecs: VideoCodec::ALL,
    };
    let _peer = Peer::open(config, sender, Arc::new(|_, _| {}));
    while !matches!(events.recv().await, Some((_, PeerEvent::EndOfCandidates { .. }))) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_server_that_is_not_there_or_says_nothing_the_stack_does_not_wait_for_ever() {
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let urls = [
        format!("turn:{}?transport=udp", silent.local_addr().unwrap()),
        format!("turn:{}?transport=tcp", mute.local_addr().unwrap()),
        format!("turn:{closed}?transport=udp"),
        format!("turn:{closed}?transport=tcp"),
    ];
    let all = futures_util::future::join_all(urls.map(gathers));
    tokio::time::timeout(PATIENCE, all).await.expect("an end of candidates from each");
}

/// Our own relay on loopback, by a clock that is this many seconds ahead, and a credential for it.
async fn relay(ahead_s: &Arc<AtomicU64>) -> (Relay, IceServer) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let (clock, ahead_s) = (system_clock(), Arc::clone(ahead_s));
    let secret = TurnSecret::new("north");
    let now = clock.now().unix;
    let username = secret.username(now + CREDENTIAL_TTL.as_secs(), CredentialOwner::NOBODY, [1; 8]);
    let credential = secret.password_for(&username);
    let relay = Relay::start(RelayConfig {
        udp: vec![socket],
        tcp: Vec::new(),
        ips: vec![RelayIp { bound: address.ip(), shown: address.ip() }],
        ports: None,
        allowed_peers: Vec::new(),
        proxies: TrustedProxies::default(),
        loopback_peers: true,
        limits: Limits::default(),
        secret,
        clock: Clock::new(move || {
            let Now { at, unix } = clock.now();
            Now { at, unix: unix + ahead_s.load(Ordering::Relaxed) }
        }),
    });
    let urls = vec![format!("turn:{address}")];
    (relay.await.unwrap(), IceServer { urls, username, credential })
}

#[tokio::test]
async fn a_call_of_many_hours_keeps_its_address_permissions_and_channels_however_often_nonces_change() {
    let passed_s = Arc::<AtomicU64>::default();
    let (relay, server) = relay(&passed_s).await;
    let bridge = Bridge::open(std::slice::from_ref(&server), None).await;
    let (stack, port) = (stack().await, port_of(&bridge.servers()[0]));
    let asked = async |message: Message, key: Option<&[u8]>| {
        Message::decode(&ask(&stack, port, &message.encode(key)).await).unwrap()
    };
    let allocate =
        || Message::new(stun::ALLOCATE, Class::Request).with(stun::REQUESTED_TRANSPORT, [17, 0, 0, 0]);
    let challenge = asked(allocate(), None).await;
    let [realm, nonce] = [stun::REALM, stun::NONCE].map(|kind| challenge.attribute(kind).unwrap().to_vec());
    let key = stun::long_term_key(&server.username, "castle", &server.credential);
    let sealed = async |message: Message| {
        let message = message.with(stun::USERNAME, server.username.clone()).with(stun::REALM, realm.clone());
        asked(message.with(stun::NONCE, nonce.clone()), Some(&key)).await
    };
    assert_eq!(sealed(allocate()).await.class, Class::Success);
    let peer = SocketAddr::from(([127, 0, 0, 1], 9));
    for hour in 0..5 {
        for method in [stun::REFRESH, stun::CREATE_PERMISSION, stun::CHANNEL_BIND] {
            let request = Message::new(method, Class::Request);
            let answer = sealed(match method {
                stun::REFRESH => request,
                stun::CREATE_PERMISSION => request.with_address(stun::XOR_PEER_ADDRESS, peer),
                _ => request.with(CHANNEL_NUMBER, [0x40, 0, 0, 0]).with_address(stun::XOR_PEER_ADDRESS, peer),
            })
            .await;
            assert_eq!(answer.error_code(), None, "in hour {hour}: {answer:?}");
        }
        passed_s.fetch_add(3600, Ordering::Relaxed);
    }
    assert_eq!(relay.allocations(), 1);
    let refused = relay.counters().refused().find(|(code, _)| *code == "438").map(|(_, times)| times);
    assert_eq!(refused, Some(4), "one new nonce an hour, whatever is asked");
}

//! Relay-only connections over real relays: all that either end would send to the other is read for addresses.

use crate::support::{Guest, PASSWORD, PATIENCE, TestServer, config};
use castle::ids::CallId;
use castle::v1::RegisterRequest;
use castle::v1::castle_service_client::CastleServiceClient;
use castle_connectivity::trust::Pin;
use castle_desktop::media::codec::VideoCodec;
use castle_desktop::peer::{IceServer, PathRoute, Peer, PeerCommand, PeerConfig, PeerEvent, RelayProtocol};
use castle_desktop::view::{Command, Connection, EndReason};
use castle_server::config::relay::RelaySettings;
use castle_server::config::{Config, MatchRoute};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// What a new guest of this name is given.
pub(crate) async fn ice_servers(server: &TestServer, name: &str) -> Vec<IceServer> {
    let mut client = CastleServiceClient::connect(server.url()).await.expect("a server");
    let request = RegisterRequest {
        invitation_code: server.invitation.clone(),
        name: name.into(),
        password: PASSWORD.into(),
        ..RegisterRequest::default()
    };
    let response = client.register(request).await.expect("a guest").into_inner();
    let servers = response.ice_servers.expect("credentials").servers.into_iter();
    servers.map(|s| IceServer { urls: s.urls, username: s.username, credential: s.credential }).collect()
}

/// Fails on a candidate that is not the relay's, or that names what is behind it.
fn scan(candidate: &str) {
    assert!(candidate.contains(" typ relay raddr 0.0.0.0 rport 0"), "{candidate}");
}

fn scan_description(sdp: &str) {
    let (candidates, rest): (Vec<_>, Vec<_>) = sdp.lines().partition(|line| line.starts_with("a=candidate:"));
    candidates.into_iter().for_each(scan);
    assert!(rest.iter().all(|line| !line.contains("127.0.0.1")), "{sdp}");
}

/// Two relay-only ends, and all that they said.
pub(crate) struct Pair {
    ends: [Peer; 2],
    events: mpsc::Receiver<(CallId, PeerEvent)>,
    pub(crate) said: Vec<Said>,
}

/// What an end said, and when it was heard.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) end: usize,
    pub(crate) event: PeerEvent,
    pub(crate) at: Instant,
}

impl Pair {
    pub(crate) fn open(servers: [Vec<IceServer>; 2], pin: Option<&Pin>) -> Self {
        let (sender, events) = mpsc::channel(256);
        let mut end = 0;
        let ends = servers.map(|ice_servers| {
            let call = CallId::from_bits(end);
            let pin = pin.cloned();
            let config = PeerConfig {
                call,
                offers: end == 0,
                ice_servers,
                relay_only: true,
                loopback: true,
                pin,
                codecs: VideoCodec::ALL,
            };
            end += 1;
            let peer = Peer::open(config, sender.clone(), Arc::new(|_, _| {}));
            assert!(peer.send(PeerCommand::Reach));
            peer
        });
        Self { ends, events, said: Vec::new() }
    }

    /// How often one end said such a thing so far.
    pub(crate) fn count(&self, end: usize, wanted: impl Fn(&PeerEvent) -> bool) -> usize {
        self.said.iter().filter(|said| said.end == end && wanted(&said.event)).count()
    }

    pub(crate) fn tell(&self, end: usize, command: PeerCommand) {
        assert!(self.ends[end].send(command));
    }

    /// Carries what the ends say to each other, and reads it, until both have said this.
    pub(crate) async fn until_both(&mut self, times: usize, wanted: impl Fn(&PeerEvent) -> bool) {
        self.until([times; 2], wanted).await;
    }

    /// The same, until each has said this so many times.
    pub(crate) async fn until(&mut self, times: [usize; 2], wanted: impl Fn(&PeerEvent) -> bool) {
        while (0..2).any(|end| self.count(end, &wanted) < times[end]) {
            let (call, event) = tokio::time::timeout(PATIENCE, self.events.recv())
                .await
                .unwrap_or_else(|_| panic!("it never came: {:#?}", self.said))
                .expect("both live");
            let from = call.to_bits() as usize;
            let command = match event.clone() {
                PeerEvent::LocalOffer(sdp) => {
                    scan_description(&sdp);
                    Some(PeerCommand::RemoteOffer(sdp))
                }
                PeerEvent::LocalAnswer(sdp) => {
                    scan_description(&sdp);
                    Some(PeerCommand::RemoteAnswer(sdp))
                }
                PeerEvent::LocalCandidate(candidate) => {
                    scan(&candidate.candidate);
                    Some(PeerCommand::RemoteCandidate(candidate))
                }
                PeerEvent::CandidatesRemoved(gone) => {
                    for candidate in &gone {
                        scan(&candidate.candidate);
                    }
                    Some(PeerCommand::RemoteCandidatesRemoved(gone))
                }
                PeerEvent::Failed(fault) => panic!("{fault}: {:#?}", self.said),
                _ => None,
            };
            if let Some(command) = command {
                self.tell(1 - from, command);
            }
            self.said.push(Said { end: from, event, at: Instant::now() });
        }
    }

    /// Connects, and tells how each end reaches its relay.
    pub(crate) async fn connect(&mut self) -> [Option<RelayProtocol>; 2] {
        self.until_both(1, |event| matches!(event, PeerEvent::Connected { route: Some(PathRoute::Relay) }))
            .await;
        self.until_both(1, |event| matches!(event, PeerEvent::Path(_))).await;
        [0, 1].map(|end| {
            self.said.iter().find_map(|said| match &said.event {
                PeerEvent::Path(path) if said.end == end => path.relay_protocol,
                _ => None,
            })
        })
    }
}

#[test]
fn nothing_that_leaves_a_relay_only_end_names_its_address_not_even_on_a_new_way() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(folder.path(), MatchRoute::Relay));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let servers = ice_servers(&server, "ada").await;
        let mut pair = Pair::open([servers.clone(), servers], None);
        assert_eq!(pair.connect().await, [Some(RelayProtocol::Udp); 2]);
        pair.tell(0, PeerCommand::Restart);
        pair.until_both(1, |event| *event == PeerEvent::Reconnected).await;
        pair.until_both(2, |event| matches!(event, PeerEvent::LocalCandidate(_))).await;
        pair.until_both(1, |event| matches!(event, PeerEvent::CandidatesRemoved(_))).await;
    });
}

#[test]
fn a_relay_without_ipv4_carries_a_call_all_the_same() {
    let any = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
    if UdpSocket::bind(any).is_err() {
        println!("not run: this machine has no IPv6");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let config = Config { relay: RelaySettings::on(any), ..config(folder.path(), MatchRoute::Relay) };
    let server = TestServer::start(config);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let servers = ice_servers(&server, "ada").await;
        let mut pair = Pair::open([servers.clone(), servers], None);
        assert_eq!(pair.connect().await, [Some(RelayProtocol::Udp); 2]);
    });
}

/// A way to a server on which all that is said to it is kept.
pub(crate) struct Tap {
    pub(crate) address: SocketAddr,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Tap {
    /// All that was said to the server so far.
    pub(crate) fn heard(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    /// The same, as it came.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.heard.lock().expect("no holder panics").clone()
    }

    pub(crate) async fn open(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let tap = Self { address: listener.local_addr().expect("bound"), heard: Arc::default() };
        let heard = Arc::clone(&tap.heard);
        tokio::spawn(async move {
            while let Ok((guest, _)) = listener.accept().await {
                let heard = Arc::clone(&heard);
                tokio::spawn(async move {
                    let (mut from_guest, mut to_guest) = guest.into_split();
                    let server = TcpStream::connect(server).await.expect("the server listens");
                    let (mut from_server, mut to_server) = server.into_split();
                    tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_guest).await.ok() });
                    let mut buffer = vec![0; 1 << 16];
                    while let Ok(length @ 1..) = from_guest.read(&mut buffer).await {
                        heard.lock().expect("no holder panics").extend(&buffer[..length]);
                        if to_server.write_all(&buffer[..length]).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        tap
    }
}

/// The addresses by which this machine is reached from others.
pub(crate) fn own_addresses() -> Vec<IpAddr> {
    let ways = [("0.0.0.0:0", "192.0.2.1:9"), ("[::]:0", "[2001:db8::1]:9")];
    let address = |(from, to): (&str, &str)| {
        let socket = UdpSocket::bind(from).ok()?;
        socket.connect(to).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    ways.into_iter().filter_map(address).collect()
}

#[test]
fn all_that_relay_only_guests_say_to_the_server_in_a_call_names_no_machine_of_theirs() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(folder.path(), MatchRoute::Relay));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let tap = runtime.block_on(Tap::open(server.listening.grpc));
    let [bea, cid] = ["bea", "cid"].map(|name| Guest::with(name, true));
    for guest in [&bea, &cid] {
        guest.register_by(format!("http://{}", tap.address), &server);
        guest.until("online", |snapshot| matches!(snapshot.connection, Connection::Online { .. }));
    }
    bea.calls("cid");
    cid.until_ringing();
    cid.does(Command::Accept);
    bea.until_seeing();
    cid.until_seeing();
    bea.does(Command::HangUp);
    cid.until_ended(EndReason::PeerHungUp);

    let heard = tap.heard();
    assert_eq!(heard.matches("a=fingerprint:").count(), 2, "an offer and an answer went by");
    let candidates: Vec<_> =
        heard.split("candidate:").skip(1).filter_map(|rest| rest.split(char::is_control).next()).collect();
    assert!(candidates.len() >= 2, "each end had one at least: {candidates:?}");
    for candidate in candidates {
        scan(candidate);
    }
    for kind in ["host", "srflx", "prflx"] {
        assert!(!heard.contains(&format!(" typ {kind}")), "{kind}");
    }
    for address in own_addresses() {
        assert!(!heard.contains(&address.to_string()), "{address}");
    }
}

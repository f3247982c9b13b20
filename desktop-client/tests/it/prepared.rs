//! What is done while a call rings: all that can be, and nothing by which the other end could tell.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says enough by failing")]

use crate::support::{Guest, PASSWORD, PATIENCE, TestServer, config};
use castle::ids::CallId;
use castle::v1::castle_service_client::CastleServiceClient;
use castle::v1::signal_request::Frame as Ask;
use castle::v1::signal_response::Frame as Say;
use castle::v1::{self, CallState, place_call};
use castle_desktop::media::codec::VideoCodec;
use castle_desktop::peer::{PathRoute, Peer, PeerCommand, PeerConfig, PeerEvent};
use castle_desktop::view::{Command, EndReason};
use castle_server::config::MatchRoute;
use castle_server::config::relay::OutsideTurn;
use castle_server::ice::{CREDENTIAL_TTL, TurnSecret};
use castle_server::transport::TrustedProxies;
use castle_server::turn::machine::limits::Limits;
use castle_server::turn::machine::{Now, RelayIp};
use castle_server::turn::{Clock, Relay, RelayConfig, system_clock};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// How many allocations the server's relay has made.
fn allocations_made(http: SocketAddr) -> f64 {
    let mut stream = std::net::TcpStream::connect(http).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: castle\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("castle_relay_allocations_made_total "));
    line.expect("the metric").trim().parse().unwrap()
}

/// A guest at the wire, who notes all that they are told.
struct Wired {
    outbox: mpsc::Sender<v1::SignalRequest>,
    inbox: tonic::Streaming<v1::SignalResponse>,
    told: Vec<Say>,
}

impl Wired {
    async fn log_in(server: &TestServer) -> Self {
        let mut client = CastleServiceClient::connect(server.url()).await.unwrap();
        let registering = v1::RegisterRequest {
            invitation_code: server.invitation.clone(),
            name: "eve".to_owned(),
            password: PASSWORD.to_owned(),
            ..Default::default()
        };
        let tokens = client.register(registering).await.unwrap().into_inner().tokens.unwrap();
        let (outbox, frames) = mpsc::channel(64);
        let mut request = tonic::Request::new(ReceiverStream::new(frames));
        let bearer = format!("Bearer {}", tokens.access_token).parse().unwrap();
        request.metadata_mut().insert("authorization", bearer);
        let hello = v1::Hello { protocol_version: castle::PROTOCOL_VERSION, ..Default::default() };
        outbox
            .send(v1::SignalRequest { frame: Some(Ask::Hello(hello)), ..Default::default() })
            .await
            .unwrap();
        let inbox = client.signal(request).await.unwrap().into_inner();
        Self { outbox, inbox, told: Vec::new() }
    }

    async fn say(&self, frame: Ask) {
        self.outbox.send(v1::SignalRequest { frame: Some(frame), ..Default::default() }).await.unwrap();
    }

    async fn hear(&mut self) -> Say {
        let frame = tokio::time::timeout(PATIENCE, self.inbox.message()).await.expect("in time");
        let frame = frame.expect("a stream").expect("a frame").frame.expect("a word");
        self.told.push(frame.clone());
        frame
    }

    async fn until_call(&mut self, state: CallState) -> v1::Call {
        loop {
            if let Say::CallUpdate(update) = self.hear().await
                && let Some(call) = update.call.filter(|call| call.state() == state)
            {
                return call;
            }
        }
    }
}

/// A caller at the wire, with a real connection behind it.
struct Caller {
    wired: Wired,
    peer: (Peer, mpsc::Receiver<(CallId, PeerEvent)>),
    /// Where a callee would knock who knew of it.
    door: UdpSocket,
    call: String,
}

impl Caller {
    async fn log_in(server: &TestServer) -> Self {
        let door = UdpSocket::bind("127.0.0.1:0").unwrap();
        door.set_nonblocking(true).unwrap();
        let wired = Wired::log_in(server).await;
        Self { wired, peer: Self::connection(), door, call: String::new() }
    }

    fn connection() -> (Peer, mpsc::Receiver<(CallId, PeerEvent)>) {
        let (events, inbox) = mpsc::channel(256);
        let config = PeerConfig {
            call: CallId::from_bits(0),
            offers: true,
            ice_servers: Vec::new(),
            relay_only: false,
            loopback: true,
            pin: None,
            codecs: VideoCodec::ALL,
        };
        (Peer::open(config, events, Arc::new(|_, _| {})), inbox)
    }

    /// Rings, and at once says all that a caller has to say: with an address in the offer, and one beside it.
    async fn rings(&mut self, name: &str) {
        let target = Some(place_call::Target::Name(name.to_owned()));
        self.wired.say(Ask::PlaceCall(v1::PlaceCall { target })).await;
        self.call = self.wired.until_call(CallState::Ringing).await.call_id;
        let sdp = loop {
            if let PeerEvent::LocalOffer(sdp) = self.peer.1.recv().await.expect("a connection").1 {
                break sdp;
            }
        };
        let door = self.door.local_addr().unwrap().port();
        let candidate = format!("candidate:1 1 udp 2130706431 127.0.0.1 {door} typ host");
        let sdp = format!("{sdp}a={candidate}\r\n");
        let call_id = self.call.clone();
        self.wired.say(Ask::Offer(v1::Offer { call_id: call_id.clone(), sdp })).await;
        let sdp_mid = "0".to_owned();
        self.wired
            .say(Ask::Candidate(v1::Candidate { call_id, candidate, sdp_mid, ..Default::default() }))
            .await;
    }

    fn was_knocked_at(&self) -> bool {
        self.door.recv_from(&mut [0; 2000]).is_ok()
    }

    fn heard_negotiation(&self) -> bool {
        let negotiation = |said: &Say| {
            matches!(
                said,
                Say::Offer(_)
                    | Say::Answer(_)
                    | Say::Candidate(_)
                    | Say::EndOfCandidates(_)
                    | Say::CandidatesRemoved(_)
            )
        };
        self.wired.told.iter().any(negotiation)
    }
}

#[test]
fn nothing_of_a_callee_who_has_not_accepted_reaches_the_caller_and_all_is_there_once_they_did() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(folder.path(), MatchRoute::Relay));
    let http = server.listening.http.expect("metrics");
    let bea = Guest::online(&server, "bea");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut eve = Caller::log_in(&server).await;
        eve.rings("bea").await;
        let deadline = Instant::now() + PATIENCE;
        // She has made her answer and gathered: then she has a relayed address.
        while allocations_made(http) < 1.0 {
            assert!(Instant::now() < deadline, "nothing was prepared");
            tokio::task::yield_now().await;
        }
        bea.until_ringing();
        let call_id = eve.call.clone();
        eve.wired.say(Ask::CancelCall(v1::CancelCall { call_id })).await;
        eve.wired.until_call(CallState::Ended).await;
        bea.until_ended(EndReason::Cancelled);
        bea.does(Command::CloseCall);
        assert!(!eve.heard_negotiation(), "{:#?}", eve.wired.told);
        assert!(!eve.was_knocked_at(), "a packet of bea's came");

        eve.peer = Caller::connection();
        eve.rings("bea").await;
        bea.until_ringing();
        while allocations_made(http) < 2.0 {
            assert!(Instant::now() < deadline, "nothing was prepared");
            tokio::task::yield_now().await;
        }
        assert!(!eve.was_knocked_at(), "a packet of bea's came");
        bea.does(Command::Accept);
        eve.wired.until_call(CallState::Connecting).await;
        let answer = loop {
            if let Say::Answer(answer) = eve.wired.hear().await {
                break answer;
            }
        };
        assert!(eve.peer.0.send(PeerCommand::RemoteAnswer(answer.sdp)));
        while !matches!(eve.wired.hear().await, Say::Candidate(_)) {}
        while !eve.was_knocked_at() {
            assert!(Instant::now() < deadline, "bea never reached for eve");
            tokio::task::yield_now().await;
        }
    });
}

/// Another's relay, whose clock may be set ahead: then all credentials are over for it, and what is relayed goes on.
async fn relay_ahead_by(ahead_s: Arc<AtomicU64>) -> (Relay, OutsideTurn) {
    let listener = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let url = format!("turn:{address}?transport=udp").parse().unwrap();
    let (secret, clock) = (TurnSecret::new("north"), system_clock());
    let relay = Relay::start(RelayConfig {
        udp: vec![listener],
        tcp: Vec::new(),
        ips: vec![RelayIp { bound: address.ip(), shown: address.ip() }],
        ports: None,
        allowed_peers: Vec::new(),
        proxies: TrustedProxies::default(),
        loopback_peers: true,
        limits: Limits::default(),
        secret: secret.clone(),
        clock: Clock::new(move || {
            let Now { at, unix } = clock.now();
            Now { at, unix: unix + ahead_s.load(Ordering::Relaxed) }
        }),
    });
    (relay.await.unwrap(), OutsideTurn { url, secret })
}

#[test]
fn pictures_come_by_what_was_set_up_before_the_accept() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for relay_only in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let ahead_s = Arc::<AtomicU64>::default();
        let (relay, outside) = runtime.block_on(relay_ahead_by(Arc::clone(&ahead_s)));
        let mut config = config(folder.path(), MatchRoute::Relay);
        config.relay.outside = vec![outside];
        let server = TestServer::start(config);
        let (ada, bea) = (Guest::online_by(&server, "ada", relay_only), Guest::online(&server, "bea"));
        ada.calls("bea");
        bea.until_ringing();
        let deadline = Instant::now() + PATIENCE;
        // The server tried the relay once, and each of them has a relayed address.
        while relay.counters().allocations_made() < 3 || relay.allocations() != 2 {
            assert!(Instant::now() < deadline, "{} are prepared", relay.allocations());
            std::thread::yield_now();
        }
        assert_eq!(ada.engine.record().path_up_at, None, "and yet nobody reached for the other");
        // From now on nobody gets another.
        ahead_s.store(2 * CREDENTIAL_TTL.as_secs(), Ordering::Relaxed);
        bea.does(Command::Accept);
        ada.until_seeing();
        bea.until_seeing();
        for guest in [&ada, &bea] {
            let record = guest.engine.record();
            let times = [record.agreed_at, record.path_up_at, record.connected_at];
            assert!(times.is_sorted() && times.iter().all(Option::is_some), "{times:?}");
        }
        let route = ada.engine.record().path.route;
        assert!(!relay_only || route.is_none_or(|route| route == PathRoute::Relay), "{route:?}");
    }
}

//! Somebody else's relay instead of ours: a real coturn with `use-auth-secret`, and what is made of one that comes and goes.

use crate::free_port::FreePort;
use crate::support::{TestGuest, TestServer};
use crate::transport::{figure, get};
use crate::turn::{SECRET, TestRelay};
use castle::v1;
use castle_connectivity::relayed::{Client, RelayError};
use castle_connectivity::trust::Trust;
use castle_server::config::PublicUrl;
use castle_server::config::relay::{OutsideTurn, RelaySettings};
use castle_server::ice::{CredentialOwner, TurnSecret};
use castle_server::transport::TrustedProxies;
use castle_server::turn::probe;
use castle_server::turn::service::{RelayService, TurnOverTls};
use castle_server::turn::wire::{Key, Method, Response, Writer};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;
use tokio::net::UdpSocket;

/// It starts in a second on a machine that is not busy.
const READY_WITHIN: Duration = Duration::from_mins(1);
/// How long the credential of a call is good, seconds. coturn's clock cannot be set, so that the test lives through it; on a
/// busy machine too the call begins before that.
const GOOD_FOR_S: u64 = 5;

/// How often others' servers are tried, and more than a try takes on a busy machine.
const TRIED_WITHIN: Duration = Duration::from_secs(15 + 15);
/// From one look at what guests are given to the next.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// coturn, until dropped.
struct Coturn {
    child: Child,
    address: SocketAddr,
    _port: FreePort,
    _home: TempDir,
}

impl Drop for Coturn {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Coturn {
    async fn start() -> Self {
        let home = TempDir::new().unwrap();
        let port = FreePort::at(Ipv4Addr::LOCALHOST);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.number));
        let child = Command::new("turnserver")
            .args(["-n", "-L", "127.0.0.1", "-E", "127.0.0.1", "-p", &address.port().to_string()])
            .args(["--use-auth-secret", "--static-auth-secret", SECRET, "--realm", "castle"])
            .args(["--no-tls", "--no-dtls", "--no-cli", "--log-file", "stdout"])
            // A call also meets a new nonce now and then, every ten minutes by default.
            .arg("--stale-nonce=1")
            .arg("--userdb")
            .arg(home.path().join("turndb"))
            .arg("--pidfile")
            .arg(home.path().join("pid"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("turnserver is needed (package coturn)");
        let mut coturn = Self { child, address, _port: port, _home: home };
        let url = coturn.url("udp").parse().unwrap();
        let ready = async {
            while probe::allocate(&url, &secret()).await.is_err() {
                assert_eq!(coturn.child.try_wait().unwrap(), None, "coturn ended before it answered");
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(READY_WITHIN, ready).await.expect("coturn answers");
        coturn
    }

    fn url(&self, transport: &str) -> String {
        format!("turn:{}?transport={transport}", self.address)
    }

    fn stun(&self) -> String {
        format!("stun:{}", self.address)
    }
}

/// With these servers instead of the embedded relay.
async fn relayed_by(urls: &[String]) -> RelayService {
    let mut settings = RelaySettings::on((Ipv4Addr::LOCALHOST, 0).into());
    settings.outside = outside(urls);
    let url = PublicUrl::parse("http://127.0.0.1:1").unwrap();
    let proxies = TrustedProxies::default();
    RelayService::start(&settings, &url, false, TurnOverTls::default(), proxies).await.unwrap()
}

fn outside(urls: &[String]) -> Vec<OutsideTurn> {
    urls.iter().map(|url| OutsideTurn { url: url.parse().unwrap(), secret: secret() }).collect()
}

/// All URLs that a guest is given.
fn given(service: &RelayService) -> Vec<String> {
    let servers = service.vendor.servers_for(SystemTime::now(), CredentialOwner::NOBODY).servers;
    servers.into_iter().flat_map(|server| server.urls).collect()
}

fn secret() -> TurnSecret {
    TurnSecret::new(SECRET)
}

#[tokio::test]
async fn coturn_takes_our_credentials_and_no_others() {
    let coturn = Coturn::start().await;
    for transport in ["udp", "tcp"] {
        let url = coturn.url(transport).parse().unwrap();
        probe::allocate(&url, &secret()).await.unwrap();
        let refused = probe::allocate(&url, &TurnSecret::new("south")).await;
        assert!(matches!(refused, Err(RelayError::Refused(401))), "{refused:?}");
    }
}

#[tokio::test]
async fn a_dead_server_among_good_ones_is_left_out() {
    let coturn = Coturn::start().await;
    let dead = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let dead = format!("turn:{}?transport=udp", dead.local_addr().unwrap());
    let service = relayed_by(&[dead.clone(), coturn.url("udp"), coturn.url("tcp")]).await;
    assert!(service.relay.is_none() && service.listening.is_empty(), "the embedded one is off");
    assert!(given(&service).contains(&dead), "nothing is known yet");
    service.watcher.check().await;
    assert_eq!(given(&service), [coturn.stun(), coturn.url("udp"), coturn.url("tcp")]);
    assert_eq!(service.vendor.health(), (3, 2));
}

#[tokio::test]
async fn who_relays_over_udp_tells_guests_too_how_others_see_them() {
    let coturn = Coturn::start().await;
    let named = [
        "turn:turn.example",
        "turn:[2001:db8::7]:3479",
        "turn:turn.example?transport=tcp",
        "turns:turn.example",
    ];
    let urls = named.map(str::to_owned).into_iter().chain([coturn.url("udp")]).collect::<Vec<_>>();
    let stun: Vec<_> =
        given(&relayed_by(&urls).await).into_iter().filter(|url| url.starts_with("stun:")).collect();
    assert_eq!(stun, ["stun:turn.example:3478", "stun:[2001:db8::7]:3479", &coturn.stun()]);
    let mut asked = Client::open(&stun[2].parse().unwrap(), Trust::System).await.unwrap();
    assert!(asked.binding().await.unwrap().ip().is_loopback(), "and coturn does");
}

/// Waits until a guest of the server is given these and no others; the server counts as many.
async fn until_given(server: &TestServer, guest: &TestGuest, stun: &[String]) {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    let looking = async {
        loop {
            looks.tick().await;
            let asked = guest.asks(v1::GetIceServersRequest {});
            let given = guest.client.clone().get_ice_servers(asked).await.unwrap().into_inner();
            let urls = given.ice_servers.unwrap().servers.into_iter().flat_map(|server| server.urls);
            if urls.filter(|url| url.starts_with("stun:")).eq(stun.iter().cloned()) {
                return;
            }
        }
    };
    tokio::time::timeout(TRIED_WITHIN, looking).await.unwrap_or_else(|_| panic!("never {stun:?}"));
    let metrics = get(server.listening.http.unwrap(), "/metrics").await;
    for (name, expected) in [("castle_turn_services ", 2), ("castle_turn_services_usable ", stun.len())] {
        assert!((figure(&metrics, name) - expected as f64).abs() < 0.5, "{name}: {metrics}");
    }
}

#[tokio::test]
async fn a_server_that_dies_is_left_out_and_given_again_once_it_works() {
    let ports = [(); 2].map(|()| FreePort::at(Ipv4Addr::LOCALHOST));
    let place = |at: usize| SocketAddr::from((Ipv4Addr::LOCALHOST, ports[at].number));
    let [urls, stun] = ["turn", "stun"].map(|scheme| [0, 1].map(|at| format!("{scheme}:{}", place(at))));
    let first = TestRelay::start_at(place(0)).await;
    let server = TestServer::start_with(|config| config.relay.outside = outside(&urls)).await;
    let guest = server.guest("ann").await;
    until_given(&server, &guest, &stun[..1]).await;
    let _second = TestRelay::start_at(place(1)).await;
    first.relay.close().await;
    drop(first);
    until_given(&server, &guest, &stun[1..]).await;
}

#[tokio::test]
async fn a_call_through_coturn_outlives_its_credential() {
    let coturn = Coturn::start().await;
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    socket.connect(coturn.address).await.unwrap();
    let unix = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let expiry = unix() + GOOD_FOR_S;
    let username = secret().username(expiry, CredentialOwner::NOBODY, rand::random());
    let key = Key::new(&username, "castle", &secret().password_for(&username));
    let mut nonce = Vec::new();
    let mut ask = async |method| {
        loop {
            let writer = Writer::request(method, rand::random()).username(&username);
            let writer = if method == Method::Allocate { writer.transport(17) } else { writer.lifetime(600) };
            socket.send(&writer.challenge("castle", &nonce).finish(Some(&key))).await.unwrap();
            let mut answer = [0; 2048];
            let length = socket.recv(&mut answer).await.unwrap();
            let answer = Response::read(&answer[..length], None).unwrap();
            match answer.nonce {
                Some(fresh) if [401, 438].contains(&answer.code) && fresh != nonce => nonce = fresh,
                _ => return answer.code,
            }
        }
    };
    assert_eq!(ask(Method::Allocate).await, 0);
    while unix() <= expiry {
        assert_eq!(ask(Method::Refresh).await, 0);
        tokio::task::yield_now().await;
    }
    assert_eq!(ask(Method::Refresh).await, 0, "and it has expired");
}

//! Somebody else's relay instead of ours: a real coturn with `use-auth-secret`.

use castle_connectivity::relayed::RelayError;
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

const SECRET: &str = "north";
/// It starts in a second on a machine that is not busy.
const READY_WITHIN: Duration = Duration::from_mins(1);
/// How long the credential of a call is good, seconds. coturn's clock cannot be set, so that the test lives through it; on a
/// busy machine too the call begins before that.
const GOOD_FOR_S: u64 = 5;

/// coturn, until dropped.
struct Coturn {
    child: Child,
    address: SocketAddr,
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
        let free = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
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
        let coturn = Self { child, address, _home: home };
        let ready = async {
            while probe::allocate(&coturn.url("udp").parse().unwrap(), &secret()).await.is_err() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(READY_WITHIN, ready).await.expect("coturn answers");
        coturn
    }

    fn url(&self, transport: &str) -> String {
        format!("turn:{}?transport={transport}", self.address)
    }
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
    let mut settings = RelaySettings::on((Ipv4Addr::LOCALHOST, 0).into());
    settings.outside = [dead, coturn.url("udp"), coturn.url("tcp")]
        .iter()
        .map(|url| OutsideTurn { url: url.parse().unwrap(), secret: secret() })
        .collect();
    let url = PublicUrl::parse("http://127.0.0.1:1").unwrap();
    let proxies = TrustedProxies::default();
    let service = RelayService::start(&settings, &url, false, TurnOverTls::default(), proxies).await.unwrap();
    assert!(service.relay.is_none() && service.listening.is_empty(), "the embedded one is off");
    let given = || {
        let servers = service.vendor.servers_for(SystemTime::now(), CredentialOwner::NOBODY).servers;
        servers.into_iter().flat_map(|server| server.urls).collect::<Vec<_>>()
    };
    assert_eq!(given().len(), 3, "nothing is known yet");
    service.watcher.check().await;
    assert_eq!(given(), [coturn.url("udp"), coturn.url("tcp")]);
    assert_eq!(service.vendor.health(), (3, 2));
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

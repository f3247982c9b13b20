//! Our ends through a relay that others wrote: coturn with `use-auth-secret`, over UDP, TCP and TLS.

use crate::free_port::FreePort;
use crate::front::{Front, Way};
use crate::machine;
use crate::relay_only::Pair;
use bytes::Bytes;
use castle_connectivity::stun::{self, Class, Message};
use castle_connectivity::trust::{Pin, Trust, fingerprint};
use castle_desktop::peer::{IceServer, PeerCommand, PeerEvent, RelayProtocol};
use castle_server::ice::{CREDENTIAL_TTL, CredentialOwner, IceVendor, TurnSecret, TurnService};
use castle_server::turn::probe;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};
use tokio::runtime::Runtime;

const SECRET: &str = "a secret of this test alone";
/// How long the credential of a call is good. coturn's clock cannot be set, so that the test lives through it; on a busy
/// machine too the call begins before that.
const GOOD_FOR: Duration = Duration::from_secs(15);
/// How long our client is told that its allocation is kept, seconds: it asks for more after half of it.
const SAID_KEPT_FOR_S: u32 = 4;
/// How often more is asked for after the credential expired.
const GRANTED_AFTER: usize = 3;
/// It starts in a second, on a busy machine in some.
const PATIENCE: Duration = Duration::from_secs(30);

struct Coturn {
    process: Child,
    port: FreePort,
    tls_port: FreePort,
    digest: [u8; 32],
}

impl Drop for Coturn {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

impl Coturn {
    /// Started, and asked until it answers: it takes connections before it has its sockets for datagrams, and those before
    /// it knows a user.
    fn start(runtime: &Runtime, folder: &Path) -> Self {
        let mut coturn = Self::spawn(folder);
        let url = coturn.udp().parse().expect("a URL");
        let answers = async {
            while probe::allocate(&url, &TurnSecret::new(SECRET)).await.is_err() {
                let ended = coturn.process.try_wait().expect("our own process");
                assert_eq!(ended, None, "coturn ended before it answered");
                tokio::task::yield_now().await;
            }
        };
        let ready = runtime.block_on(async { tokio::time::timeout(PATIENCE, answers).await });
        ready.expect("coturn never answered");
        coturn
    }

    fn spawn(folder: &Path) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()]).expect("a certificate");
        let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        std::fs::write(&certificate, made.cert.pem()).expect("a folder");
        std::fs::write(&key, made.signing_key.serialize_pem()).expect("a folder");
        let [port, tls_port] = [(); 2].map(|()| FreePort::at(Ipv4Addr::LOCALHOST));
        let process = Command::new("turnserver")
            .args([
                "-n",
                "--no-cli",
                "--use-auth-secret",
                "--realm=castle",
                "--no-stdout-log",
                "--log-file=/dev/null",
            ])
            .args(["--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", "--allow-loopback-peers"])
            .arg(format!("--static-auth-secret={SECRET}"))
            .arg(format!("--listening-port={}", port.number))
            .arg(format!("--tls-listening-port={}", tls_port.number))
            .arg(format!("--cert={}", certificate.display()))
            .arg(format!("--pkey={}", key.display()))
            .arg(format!("--pidfile={}", folder.join("pid").display()))
            .arg(format!("--userdb={}", folder.join("db").display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("coturn is installed (scripts/setup.sh test)");
        Self { process, port, tls_port, digest: fingerprint(made.cert.der()) }
    }

    fn udp(&self) -> String {
        format!("turn:127.0.0.1:{}?transport=udp", self.port.number)
    }

    fn tcp(&self) -> String {
        format!("turn:127.0.0.1:{}?transport=tcp", self.port.number)
    }

    fn tls(&self) -> String {
        format!("turns:127.0.0.1:{}?transport=tcp", self.tls_port.number)
    }

    fn servers(urls: Vec<String>) -> Vec<IceServer> {
        Self::servers_until(SystemTime::now() + CREDENTIAL_TTL, urls)
    }

    fn pin(&self) -> Pin {
        Pin { host: "127.0.0.1".to_owned(), digest: self.digest }
    }

    /// With credentials that are good until then.
    fn servers_until(end: SystemTime, urls: Vec<String>) -> Vec<IceServer> {
        let service = TurnService::new(Vec::new(), urls, TurnSecret::new(SECRET));
        let vendor = IceVendor::new(vec![Arc::new(service)]);
        let vended = vendor.servers_for(end - CREDENTIAL_TTL, CredentialOwner::NOBODY).servers.into_iter();
        vended.map(|s| IceServer { urls: s.urls, username: s.username, credential: s.credential }).collect()
    }
}

#[test]
fn coturn_is_reached_by_each_transport_and_by_the_best_that_answers() {
    let _machine = machine::shared();
    let folder = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let coturn = Coturn::start(&runtime, folder.path());
    runtime.block_on(async {
        let [udp, tcp, tls] = [coturn.udp(), coturn.tcp(), coturn.tls()];
        // Nothing answers at the discard port.
        let dead = "turn:127.0.0.1:9?transport=tcp".to_owned();
        let all = vec![dead, tls.clone(), tcp.clone(), udp];
        for (one, other, expected) in [
            (vec![tcp.clone()], vec![tcp.clone()], [RelayProtocol::Tcp; 2]),
            (vec![tls.clone()], vec![tcp], [RelayProtocol::Tls, RelayProtocol::Tcp]),
            (all, vec![tls], [RelayProtocol::Udp, RelayProtocol::Tls]),
        ] {
            let servers = [one, other].map(Coturn::servers);
            let began = Instant::now();
            let mut pair = Pair::open(servers, Some(&coturn.pin()));
            assert_eq!(pair.connect().await, expected.map(Some));
            println!("{expected:?} connected after {:?}", began.elapsed());
            pair.tell(1, PeerCommand::Restart);
            pair.until_both(1, |event| *event == PeerEvent::Reconnected).await;
        }
    });
}

#[test]
fn a_relay_that_shows_another_certificate_is_not_used() {
    let _machine = machine::shared();
    let folder = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let coturn = Coturn::start(&runtime, folder.path());
    runtime.block_on(async {
        let url: castle_connectivity::address::ServerUri = coturn.tls().parse().unwrap();
        for trust in [Trust::System, Trust::Pinned([7; 32])] {
            assert!(castle_connectivity::dial::open(&url, trust).await.is_err(), "{trust:?}");
        }
        castle_connectivity::dial::open(&url, Trust::Pinned(coturn.digest))
            .await
            .map(drop)
            .expect("the pinned one");
    });
}

/// These servers by a way on which they seem to keep an allocation for some seconds only, and how often more was granted after
/// this time. coturn itself keeps none for less than ten minutes once it was asked for more.
async fn hasty(servers: &[IceServer], after: SystemTime) -> (Vec<IceServer>, Arc<AtomicUsize>) {
    let granted = Arc::<AtomicUsize>::default();
    let key = stun::long_term_key(&servers[0].username, "castle", &servers[0].credential);
    let counting = Arc::clone(&granted);
    let front = Front::open(servers, move |way, datagram| {
        let answer = Message::decode(datagram).filter(|answer| {
            let grants = answer.class == Class::Success && answer.lifetime().is_some_and(|kept| kept > 0);
            way == Way::In && grants
        });
        let Some(answer) = answer else { return true };
        if answer.method == stun::REFRESH && SystemTime::now() > after {
            counting.fetch_add(1, Ordering::Relaxed);
        }
        let answer = answer.without(stun::LIFETIME).with(stun::LIFETIME, SAID_KEPT_FOR_S.to_be_bytes());
        *datagram = answer.unsealed().encode(Some(&key));
        true
    });
    (front.await.before(servers), granted)
}

#[test]
fn a_call_of_ours_through_coturn_outlives_its_credential() {
    let _machine = machine::shared();
    let folder = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let coturn = Coturn::start(&runtime, folder.path());
    runtime.block_on(async {
        let end = SystemTime::now() + GOOD_FOR;
        let servers = [(); 2].map(|()| Coturn::servers_until(end, vec![coturn.udp()]));
        let [(one, first), (other, second)] = [hasty(&servers[0], end).await, hasty(&servers[1], end).await];
        let mut pair = Pair::open([one, other], None);
        assert_eq!(pair.connect().await, [Some(RelayProtocol::Udp); 2]);
        pair.until_both(1, |event| matches!(event, PeerEvent::ChannelOpen { .. })).await;
        // Figures of the path come once a second.
        let mut seconds = 1;
        while [&first, &second].iter().any(|granted| granted.load(Ordering::Relaxed) < GRANTED_AFTER) {
            assert!(SystemTime::now() < end + PATIENCE, "granted {first:?} and {second:?} times");
            seconds += 1;
            pair.until_both(seconds, |event| matches!(event, PeerEvent::Path(_))).await;
        }
        for from in [0, 1] {
            pair.tell(from, PeerCommand::Send(Bytes::from_static(b"still there")));
        }
        pair.until_both(1, |event| matches!(event, PeerEvent::Message(text) if text == "still there")).await;
        let broken = |event: &PeerEvent| matches!(event, PeerEvent::Disconnected | PeerEvent::LocalOffer(_));
        assert_eq!(
            [0, 1].map(|end| pair.count(end, broken)),
            [1, 0],
            "the first offer, and never another way"
        );
    });
}

//! Our ends through a relay that others wrote: coturn with `use-auth-secret`, over UDP, TCP and TLS.

use crate::machine;
use crate::relay_only::Pair;
use bytes::Bytes;
use castle_connectivity::trust::{Pin, Trust, fingerprint};
use castle_desktop::peer::{IceServer, PeerCommand, PeerEvent, RelayProtocol};
use castle_server::ice::{CREDENTIAL_TTL, CredentialOwner, IceVendor, TurnSecret, TurnService};
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

const SECRET: &str = "a secret of this test alone";
/// How long the credential of a call is good. coturn's clock cannot be set, so that the test lives through it; on a busy
/// machine too the call begins before that.
const GOOD_FOR: Duration = Duration::from_secs(12);
/// How long coturn keeps an allocation that is not refreshed, seconds: our client does so after half of it.
const KEPT_FOR_S: usize = 20;
/// It starts in a second, however busy the machine.
const PATIENCE: Duration = Duration::from_secs(30);

struct Coturn {
    process: Child,
    port: u16,
    tls_port: u16,
    digest: [u8; 32],
}

impl Drop for Coturn {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// A port that is free for UDP and TCP just now: coturn takes no 0.
fn free_port() -> u16 {
    loop {
        let tcp = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = tcp.local_addr().expect("bound").port();
        if UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

impl Coturn {
    fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[])
    }

    fn start_with(folder: &Path, flags: &[String]) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()]).expect("a certificate");
        let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        std::fs::write(&certificate, made.cert.pem()).expect("a folder");
        std::fs::write(&key, made.signing_key.serialize_pem()).expect("a folder");
        let (port, tls_port) = (free_port(), free_port());
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
            .arg(format!("--listening-port={port}"))
            .arg(format!("--tls-listening-port={tls_port}"))
            .arg(format!("--cert={}", certificate.display()))
            .arg(format!("--pkey={}", key.display()))
            .arg(format!("--pidfile={}", folder.join("pid").display()))
            .arg(format!("--userdb={}", folder.join("db").display()))
            .args(flags)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("coturn is installed (scripts/setup.sh test)");
        let coturn = Self { process, port, tls_port, digest: fingerprint(made.cert.der()) };
        let deadline = Instant::now() + PATIENCE;
        for port in [port, tls_port] {
            while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
                assert!(Instant::now() < deadline, "coturn never listened");
                std::thread::yield_now();
            }
        }
        coturn
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
    let coturn = Coturn::start(folder.path());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let udp = format!("turn:127.0.0.1:{}?transport=udp", coturn.port);
        let tcp = format!("turn:127.0.0.1:{}?transport=tcp", coturn.port);
        let tls = format!("turns:127.0.0.1:{}?transport=tcp", coturn.tls_port);
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
    let coturn = Coturn::start(folder.path());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let url: castle_connectivity::address::ServerUri =
            format!("turns:127.0.0.1:{}", coturn.tls_port).parse().unwrap();
        for trust in [Trust::System, Trust::Pinned([7; 32])] {
            assert!(castle_connectivity::dial::open(&url, trust).await.is_err(), "{trust:?}");
        }
        castle_connectivity::dial::open(&url, Trust::Pinned(coturn.digest))
            .await
            .map(drop)
            .expect("the pinned one");
    });
}

#[test]
fn a_call_of_ours_through_coturn_outlives_its_credential() {
    let _machine = machine::shared();
    let folder = tempfile::tempdir().unwrap();
    let coturn = Coturn::start_with(folder.path(), &[format!("--max-allocate-lifetime={KEPT_FOR_S}")]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let end = SystemTime::now() + GOOD_FOR;
        let urls = || vec![format!("turn:127.0.0.1:{}?transport=udp", coturn.port)];
        let servers = [urls(), urls()].map(|urls| Coturn::servers_until(end, urls));
        let mut pair = Pair::open(servers, None);
        assert_eq!(pair.connect().await, [Some(RelayProtocol::Udp); 2]);
        pair.until_both(1, |event| matches!(event, PeerEvent::ChannelOpen { .. })).await;
        // Figures of the path come once a second.
        pair.until_both(KEPT_FOR_S + 5, |event| matches!(event, PeerEvent::Path(_))).await;
        assert!(end < SystemTime::now());
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

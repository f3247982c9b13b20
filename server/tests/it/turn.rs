//! The relay, as coturn's own client sees it.

use castle_server::ice::TurnSecret;
use castle_server::turn::{ALLOCATIONS_MAX, Relay, RelayConfig};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::UdpSocket;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const SECRET: &str = "north";
/// Seconds: long enough for the client's own pauses, on a busy machine too.
const CLIENT_TIMEOUT: &str = "60";

struct TestRelay {
    relay: Relay,
    address: SocketAddr,
}

impl TestRelay {
    async fn start_on(ip: IpAddr, change: impl FnOnce(&mut RelayConfig)) -> Self {
        let socket = UdpSocket::bind((ip, 0)).await.unwrap();
        let address = socket.local_addr().unwrap();
        let mut config = RelayConfig {
            socket,
            relay_ip: ip,
            external_ip: None,
            allocations_max: ALLOCATIONS_MAX,
            secret: TurnSecret::new(SECRET),
        };
        change(&mut config);
        Self { relay: Relay::start(config).await.unwrap(), address }
    }

    /// What `turnutils_uclient` says with good credentials.
    async fn client(&self, flags: &[&str]) -> String {
        let username = username_in(Duration::from_mins(5));
        self.client_as(&username, &TurnSecret::new(SECRET).password_for(&username), flags).await
    }

    async fn client_as(&self, username: &str, password: &str, flags: &[&str]) -> String {
        let mut client = Command::new("timeout");
        client
            .args([CLIENT_TIMEOUT, "turnutils_uclient"])
            .args(["-c", "-l", "120", "-z", "5", "-u", username, "-w", password])
            .args(["-p", &self.address.port().to_string()])
            .args(flags)
            .arg(self.address.ip().to_string())
            .stdin(Stdio::null());
        let output = tokio::task::spawn_blocking(move || client.output()).await.unwrap().unwrap();
        assert_ne!(output.status.code(), Some(127), "turnutils_uclient is needed (package coturn)");
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    }
}

fn username_in(time: Duration) -> String {
    let expiry = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + time;
    format!("{}:test", expiry.as_secs())
}

/// Sends back what it gets, and counts it.
async fn echo_on(ip: IpAddr) -> (SocketAddr, Arc<AtomicUsize>) {
    let socket = UdpSocket::bind((ip, 0)).await.unwrap();
    let address = socket.local_addr().unwrap();
    let heard = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&heard);
    tokio::spawn(async move {
        let mut packet = [0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut packet).await {
            counter.fetch_add(1, Ordering::Relaxed);
            if socket.send_to(&packet[..length], from).await.is_err() {
                return;
            }
        }
    });
    (address, heard)
}

/// An address of this machine that is not loopback.
fn own_address() -> Option<IpAddr> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("203.0.113.1:9").ok()?; // sends nothing, only chooses a route
    socket.local_addr().ok().map(|address| address.ip())
}

fn assert_all_arrived(text: &str, messages: usize) {
    assert!(text.contains(&format!("tot_send_msgs={messages}, tot_recv_msgs={messages}")), "{text}");
    assert!(text.contains("Total lost packets 0 "), "{text}");
}

#[tokio::test]
async fn two_guests_of_the_relay_reach_each_other() {
    let test = TestRelay::start_on(LOOPBACK, |_| {}).await;
    for method in [&["-y", "-n", "20"][..], &["-y", "-s", "-n", "20"]] {
        assert_all_arrived(&test.client(method).await, 40);
    }
}

#[tokio::test]
async fn a_relay_on_loopback_reaches_peers_on_loopback() {
    let test = TestRelay::start_on(LOOPBACK, |_| {}).await;
    let (peer, heard) = echo_on(LOOPBACK).await;
    let port = peer.port().to_string();
    let text = test.client(&["-n", "20", "-e", "127.0.0.1", "-r", &port]).await;
    assert!(text.contains("Total lost packets 0 "), "{text}");
    assert!(heard.load(Ordering::Relaxed) >= 20, "{text}");
}

#[tokio::test]
async fn two_guests_behind_the_external_address_reach_each_other() {
    let external = IpAddr::from([203, 0, 113, 9]); // nothing routes there: the relay itself must turn it round
    let test = TestRelay::start_on(LOOPBACK, |config| config.external_ip = Some(external)).await;
    let text = test.client(&["-y", "-v", "-n", "20"]).await;
    assert!(text.contains("203.0.113.9"), "{text}");
    assert_all_arrived(&text, 40);
}

#[tokio::test]
async fn other_addresses_of_this_host_are_refused_and_relayed_ones_are_not() {
    let Some(own) = own_address() else {
        eprintln!("not run: this machine has no address besides loopback");
        return;
    };
    let test = TestRelay::start_on(own, |_| {}).await;
    for ip in [own, LOOPBACK] {
        let (peer, heard) = echo_on(ip).await;
        let port = peer.port().to_string();
        let text = test.client(&["-n", "3", "-e", &ip.to_string(), "-r", &port]).await;
        assert!(text.contains("tot_recv_msgs=0"), "{ip}: {text}");
        assert_eq!(heard.load(Ordering::Relaxed), 0, "{ip}: {text}");
    }
    assert_all_arrived(&test.client(&["-y", "-n", "20"]).await, 40);
}

#[tokio::test]
async fn wrong_and_expired_credentials_allocate_nothing() {
    let test = TestRelay::start_on(LOOPBACK, |_| {}).await;
    let good = username_in(Duration::from_mins(5));
    let expired = "1000:test";
    let secret = TurnSecret::new(SECRET);
    for (username, password) in [
        (good.as_str(), "wrong".to_owned()),
        (expired, secret.password_for(expired)),
        ("alice", secret.password_for("alice")),
    ] {
        let text = test.client_as(username, &password, &["-y", "-n", "1"]).await;
        assert!(!text.contains("tot_recv_msgs"), "{username}: {text}");
        assert_eq!(test.relay.allocations(), 0, "{username}: {text}");
    }
}

#[tokio::test]
async fn a_full_relay_refuses_further_allocations() {
    let test = TestRelay::start_on(LOOPBACK, |config| config.allocations_max = 1).await;
    let text = test.client(&["-y", "-n", "1"]).await;
    assert!(text.contains("508"), "{text}");
    assert!(test.relay.allocations() <= 1, "{text}");
}

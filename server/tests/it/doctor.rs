//! `castle-server doctor` at a server that is well, at ones that are not in each way a host may meet, and at none.

use crate::cli::{Served, run, stdout};
use crate::relayed_guests::given_over;
use crate::support::TestServer;
use crate::transport::{figure, get};
use castle_connectivity::address::Transport;
use castle_connectivity::doctor::{self, Finding, IceServer, Outcome, Plan};
use castle_server::config::relay::{OutsideTurn, RelaySettings};
use castle_server::config::{Cli, Command, ServeArgs};
use castle_server::doctor::KernelClock;
use castle_server::ice::TurnSecret;
use castle_server::transport::TlsSource;
use clap::Parser as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::time::Duration;

fn settings(data_dir: &Path, flags: &[&str]) -> ServeArgs {
    let line = ["castle-server", "doctor", "--data-dir", data_dir.to_str().unwrap()];
    match Cli::try_parse_from(line.iter().chain(flags)).unwrap().command {
        Command::Doctor(settings) => *settings,
        other => panic!("{other:?}"),
    }
}

async fn examine(data_dir: &Path) -> (bool, Vec<Finding>) {
    examine_with(data_dir, &[]).await
}

async fn examine_with(data_dir: &Path, flags: &[&str]) -> (bool, Vec<Finding>) {
    // Whatever that of the machine is on which this runs.
    examine_at(&KernelClock::Kept { within: Duration::from_millis(5) }, data_dir, flags).await
}

/// On a machine with such a clock.
async fn examine_at(clock: &KernelClock, data_dir: &Path, flags: &[&str]) -> (bool, Vec<Finding>) {
    let (mut found, settings) = (Vec::new(), settings(data_dir, flags));
    let healthy = castle_server::doctor::run_by(clock, settings, |finding| found.push(finding.clone())).await;
    (healthy, found)
}

/// What the doctor says to change about a server that is not well; all else passes.
async fn advice_about(server: &TestServer, check: &str) -> String {
    let (healthy, found) = examine(server.data_dir()).await;
    assert!(!healthy, "{found:#?}");
    let failed: Vec<_> = found.iter().filter(|finding| finding.outcome == Outcome::Fail).collect();
    assert!(failed.iter().all(|finding| finding.check.starts_with(check)), "{failed:#?}");
    let advice = failed.first().expect("something failed").advice.clone().expect("and what to change");
    format!("{}: {advice}", failed[0].detail)
}

/// An address of this machine by which others reach it, if there is one.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    socket.connect("192.0.2.1:9").ok()?;
    Some(socket.local_addr().unwrap().ip())
}

fn outside(url: String, secret: &str) -> Vec<OutsideTurn> {
    vec![OutsideTurn { url: url.parse().unwrap(), secret: TurnSecret::new(secret) }]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_well_passes_each_check_with_the_credentials_of_guests() {
    let server = TestServer::start().await;
    let (healthy, found) = examine(server.data_dir()).await;
    assert!(healthy, "{found:#?}");
    for check in [
        "Settings",
        "Clock",
        "Data folder",
        "Server",
        "gRPC at",
        "STUN over UDP",
        "TURN over UDP",
        "Relayed transfer",
    ] {
        let passed = |f: &&Finding| f.check.starts_with(check) && f.outcome == Outcome::Pass;
        assert!(found.iter().any(|f| passed(&f)), "{check}: {found:#?}");
    }
    let metrics = get(server.listening.http.unwrap(), "/metrics").await;
    for name in ["allocations_made_total", "packets_total", "bytes_total", "refused_total{code=\"401\"}"] {
        assert!(figure(&metrics, &format!("castle_relay_{name}")) > 0.5, "{name}: {metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_nobody_sets_is_told_with_what_to_do_and_fails_where_that_can_be_done() {
    let server = TestServer::start().await;
    for (contained, outcome) in [(false, Outcome::Fail), (true, Outcome::Skipped)] {
        let (healthy, found) = examine_at(&KernelClock::Unkept { contained }, server.data_dir(), &[]).await;
        let clock = found.iter().find(|finding| finding.check == "Clock").expect("looked at");
        assert_eq!((healthy, clock.outcome), (outcome != Outcome::Fail, outcome), "{found:#?}");
        assert!(doctor::line(clock).contains("timedatectl set-ntp true"), "{clock:?}");
        let others = found.iter().filter(|finding| finding.check != "Clock");
        assert!(others.into_iter().all(|finding| finding.outcome != Outcome::Fail), "{found:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_a_certificate_of_its_own_is_believed_by_its_pin() {
    let server = TestServer::start_with(|config| {
        config.tls = Some(TlsSource::SelfSigned);
        config.relay.tls_listen = Some((Ipv4Addr::LOCALHOST, 0).into());
    })
    .await;
    let (healthy, found) = examine(server.data_dir()).await;
    assert!(healthy, "{found:#?}");
    let passed = |check: &str| {
        found.iter().filter(|f| f.check.starts_with(check) && f.outcome == Outcome::Pass).count()
    };
    let own = server.listening.turn_tls.expect("a port for TURN alone");
    for address in [server.listening.grpc, own] {
        assert_eq!(passed(&format!("TURN over TLS at {address}")), 1, "{found:#?}");
    }
    assert_eq!(passed("gRPC at"), 1, "{found:#?}");
    assert_eq!(passed("Relayed transfer over TLS"), 2, "by each of them: {found:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_with_ipv6_alone_is_asked_for_ipv6() {
    let listen = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
    if UdpSocket::bind(listen).is_err() {
        println!("not run: this machine has no IPv6");
        return;
    }
    let server = TestServer::start_with(|config| config.relay = RelaySettings::on(listen)).await;
    let (healthy, found) = examine(server.data_dir()).await;
    assert!(healthy, "{found:#?}");
    let relayed = found.iter().find(|finding| finding.check.starts_with("TURN over UDP")).expect("looked at");
    assert!(relayed.detail.contains("relays from [::1]:"), "{relayed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_doctor_found_is_its_exit_code_and_its_json() {
    let home = tempfile::tempdir().unwrap();
    let examined = |flags: &[&str]| {
        let output = run(home.path(), &[&["doctor", "--data-dir", "data"], flags].concat());
        (output.status.code(), stdout(&output))
    };
    // All is well but perhaps the clock of the machine on which this runs.
    let well = KernelClock::read() != KernelClock::Unkept { contained: false };
    let served = Served::start(home.path());
    let (code, said) = tokio::task::block_in_place(|| examined(&["--json"]));
    assert_eq!(code, Some(i32::from(!well)), "{said}");
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["healthy"], well);
    let findings = said["findings"].as_array().unwrap();
    let checks: Vec<_> = findings.iter().filter_map(|finding| finding["check"].as_str()).collect();
    for over in ["UDP", "TCP"] {
        assert!(checks.iter().any(|check| check.starts_with(&format!("TURN over {over} at"))), "{checks:?}");
        assert!(checks.contains(&format!("Relayed transfer over {over}").as_str()), "{checks:?}");
    }
    let others = || findings.iter().filter(|finding| finding["check"] != "Clock");
    assert!(others().all(|f| f["detail"].is_string() && f["advice"].is_null()), "{findings:#?}");
    assert_eq!(others().count() + 1, findings.len(), "and the clock is looked at");
    served.terminate();

    let (code, said) = tokio::task::block_in_place(|| examined(&["--json"]));
    assert_eq!(code, Some(1), "{said}");
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["healthy"], false);
    let last = said["findings"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["check"], &last["outcome"]), (&"Server".into(), &"fail".into()));
    assert!(last["advice"].as_str().unwrap().contains("castle-server serve"), "{last}");
    let (code, said) = tokio::task::block_in_place(|| examined(&[]));
    assert_eq!(code, Some(1));
    assert!(said.contains("FAIL  Server: it is not running"), "{said}");
}

#[tokio::test]
async fn a_server_that_does_not_run_is_told_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let (healthy, found) = examine(folder.path()).await;
    assert!(!healthy);
    let last = found.last().unwrap();
    assert_eq!((last.check.as_str(), last.outcome), ("Server", Outcome::Fail));
    assert!(last.advice.as_deref().unwrap().contains("castle-server serve"), "{last:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_of_ports_too_small_for_a_call_is_told_to_be_widened() {
    let port = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let server = TestServer::start_with(|config| config.relay.ports = Some(port..=port)).await;
    let advice = advice_about(&server, "Relayed transfer").await;
    assert!(advice.contains("wider range of ports") && advice.contains("--turn-port-range"), "{advice}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_of_others_with_another_secret_is_told_by_the_names_of_the_settings() {
    let relay = TestServer::start().await;
    let url = format!("turn:{}", relay.listening.turn[0]);
    let server = TestServer::start_with(|config| config.relay.outside = outside(url, "of another")).await;
    let advice = advice_about(&server, "TURN over UDP").await;
    assert!(advice.contains("--turn-secret") && advice.contains("static-auth-secret"), "{advice}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_behind_a_closed_port_is_told_with_the_port_to_open() {
    let closed: SocketAddr = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let url = format!("turn:{closed}?transport=tcp");
    let server = TestServer::start_with(|config| config.relay.outside = outside(url, "north")).await;
    let advice = advice_about(&server, "TURN over TCP").await;
    assert!(advice.contains(&format!("TCP port {}", closed.port())), "{advice}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_has_expired_is_told_to_be_renewed() {
    let folder = tempfile::tempdir().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    let pair = rcgen::KeyPair::generate().unwrap();
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&cert, params.self_signed(&pair).unwrap().pem()).unwrap();
    std::fs::write(&key, pair.serialize_pem()).unwrap();
    let flags = [["--tls-cert", cert.to_str().unwrap()], ["--tls-key", key.to_str().unwrap()]].concat();
    let source = TlsSource::Files { cert: cert.clone(), key: key.clone() };
    let server = TestServer::start_with(|config| config.tls = Some(source)).await;
    let (healthy, found) = examine_with(server.data_dir(), &flags).await;
    assert!(!healthy);
    let told = found.iter().find(|finding| finding.check.starts_with("Certificate")).expect("looked at");
    assert!(told.detail.contains("has expired"), "{found:#?}");
    assert!(told.advice.as_deref().unwrap().contains("Renew"), "{found:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_whose_own_udp_is_blocked_is_not_told_to_open_the_relays_ports() {
    let server = TestServer::start().await;
    let (_, credential) = given_over(&server, &[Transport::Tcp]).await.remove(0);
    // Nobody answers datagrams, as behind a firewall; the stream is let through.
    let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let relay = server.listening.turn[0];
    let urls = vec![format!("turn:{relay}?transport=tcp"), format!("turn:{silent}?transport=udp")];
    let plan = Plan { servers: vec![IceServer { urls, credential }], ..Plan::default() };
    let (sender, mut findings) = tokio::sync::mpsc::channel(64);
    doctor::examine(plan, sender).await;
    let mut found = Vec::new();
    while let Some(finding) = findings.recv().await {
        found.push(finding);
    }
    let told = |check: &str| found.iter().find(|f| f.check.starts_with(check)).expect("looked at");
    assert_eq!(told("TURN over UDP").outcome, Outcome::Fail, "{found:#?}");
    assert_eq!(told("TURN over TCP").outcome, Outcome::Pass, "{found:#?}");
    let ports = told("Relay port");
    assert_eq!(ports.outcome, Outcome::Skipped, "{found:#?}");
    assert!(ports.detail.contains("UDP from here"), "{ports:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_relays_own_machine_cannot_tell_is_no_failure() {
    let Some(ip) = own_address() else {
        println!("not run: this machine has no network");
        return;
    };
    let server = TestServer::start_with(|config| config.relay = RelaySettings::on((ip, 0).into())).await;
    let (healthy, found) = examine(server.data_dir()).await;
    assert!(healthy, "{found:#?}");
    let port = found.iter().find(|finding| finding.check.starts_with("Relay port")).expect("looked at");
    assert_eq!(port.outcome, Outcome::Skipped, "{port:?}");
    assert!(port.detail.contains("Check my connection"), "{port:?}");
}

//! `castle-server doctor` at a server that is well, and at none.

use crate::support::TestServer;
use crate::transport::{figure, get};
use castle_connectivity::doctor::{Finding, Outcome};
use castle_server::config::{Cli, Command, ServeArgs};
use castle_server::transport::TlsSource;
use clap::Parser as _;
use std::path::Path;

fn settings(data_dir: &Path) -> ServeArgs {
    let line = ["castle-server", "doctor", "--data-dir", data_dir.to_str().unwrap()];
    match Cli::try_parse_from(line).unwrap().command {
        Command::Doctor(settings) => *settings,
        other => panic!("{other:?}"),
    }
}

async fn examine(data_dir: &Path) -> (bool, Vec<Finding>) {
    let mut found = Vec::new();
    let healthy = castle_server::doctor::run(settings(data_dir), |finding| found.push(finding.clone())).await;
    (healthy, found)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_well_passes_each_check_with_the_credentials_of_guests() {
    let server = TestServer::start().await;
    let (healthy, found) = examine(server.data_dir()).await;
    assert!(healthy, "{found:#?}");
    for check in [
        "Settings",
        "Data folder",
        "Server",
        "gRPC at",
        "Clock",
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
async fn a_server_with_a_certificate_of_its_own_is_believed_by_its_pin() {
    let server = TestServer::start_with(|config| config.tls = Some(TlsSource::SelfSigned)).await;
    let (healthy, found) = examine(server.data_dir()).await;
    assert!(healthy, "{found:#?}");
    for check in ["gRPC at", "TURN over TLS"] {
        let passed = |f: &&Finding| f.check.starts_with(check) && f.outcome == Outcome::Pass;
        assert!(found.iter().any(|f| passed(&f)), "{check}: {found:#?}");
    }
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

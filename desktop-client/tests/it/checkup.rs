//! "Check my connection" at a real server, from the command to the lines that a guest reads.

use crate::support::{Guest, TestServer, config};
use castle_desktop::view::{CheckLine, CheckOutcome, Command};
use castle_server::config::relay::RelaySettings;
use castle_server::config::{Config, MatchRoute};
use std::net::Ipv4Addr;

/// The lines of a check at this server, once it is done.
fn checked(server: &TestServer) -> Vec<CheckLine> {
    let guest = Guest::online(server, "ada");
    guest.does(Command::CheckConnection);
    let done = guest.until("checked", |snapshot| snapshot.checkup.as_ref().is_some_and(|check| check.done));
    guest.does(Command::CloseCheckup);
    guest.until("closed", |snapshot| snapshot.checkup.is_none());
    done.checkup.as_ref().expect("waited for above").lines.clone()
}

#[test]
fn a_guest_of_a_server_that_is_well_reads_that_each_part_of_it_is_fine() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(folder.path(), MatchRoute::Relay));
    let lines = checked(&server);
    let relay = server.listening.turn[0];
    for looked_at in [
        format!("gRPC at {}", server.listening.grpc),
        "Clock".to_owned(),
        format!("STUN over UDP at {relay}"),
        format!("TURN over UDP at {relay}"),
        "Relayed transfer over UDP".to_owned(),
        format!("TURN over TCP at {relay}"),
        "Relayed transfer over TCP".to_owned(),
    ] {
        let fine = |line: &&CheckLine| {
            line.technical.starts_with(&format!("{looked_at}: ")) && line.outcome == CheckOutcome::Pass
        };
        assert!(lines.iter().any(|line| fine(&line)), "{looked_at}: {lines:#?}");
    }
    assert!(lines.iter().all(|line| line.outcome != CheckOutcome::Fail), "{lines:#?}");
    assert!(lines.iter().all(|line| line.advice.is_none() && !line.check.is_empty()), "{lines:#?}");
}

#[test]
fn a_guest_of_a_relay_that_gives_nothing_reads_so_of_each_way_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut relay = RelaySettings::on((Ipv4Addr::LOCALHOST, 0).into());
    relay.limits.allocations_per_guest = 0;
    let server = TestServer::start(Config { relay, ..config(folder.path(), MatchRoute::Relay) });
    let lines = checked(&server);
    let failed: Vec<_> = lines.iter().filter(|line| line.outcome == CheckOutcome::Fail).collect();
    assert_eq!(failed.len(), 2, "{lines:#?}");
    for (line, over) in failed.into_iter().zip(["UDP", "TCP"]) {
        assert!(line.technical.starts_with(&format!("TURN over {over} at ")), "{line:?}");
        assert!(line.advice.is_some() && line.technical.contains("486"), "{line:?}");
    }
}

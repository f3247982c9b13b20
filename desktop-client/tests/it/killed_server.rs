//! A server that is killed under its guests: they wait for it, and find it again.

use crate::machine;
use crate::programs::ServerProcess;
use crate::support::{Guest, register};
use castle_desktop::view::{Availability, Command, Connection, EndReason, Snapshot, Stage};

fn online(server: &ServerProcess, invitation: &str, name: &str) -> Guest {
    let guest = Guest::new(name);
    guest.does(register(server.url.clone(), invitation, name));
    guest.until("online", |snapshot| matches!(snapshot.connection, Connection::Online { .. }));
    guest
}

#[test]
fn a_killed_server_takes_neither_the_pictures_nor_the_login() {
    let _machine = machine::shared();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = ServerProcess::start(&data, "direct");
    let address = server.url.trim_start_matches("http://").to_owned();
    let invitation = server.invite(2);
    let (ada, bea) = (online(&server, &invitation, "ada"), online(&server, &invitation, "bea"));
    ada.calls("bea");
    bea.until_ringing();
    bea.does(Command::Accept);
    ada.until_seeing();
    bea.until_seeing();

    drop(server); // SIGKILL: its connections are cut, and no word is said
    for guest in [&ada, &bea] {
        let cut = guest.until("reconnecting in the call", |snapshot| {
            matches!(snapshot.connection, Connection::Reconnecting { .. })
        });
        let call = cut.call.as_ref().expect("the call does not need the server");
        assert!(matches!(call.stage, Stage::Connected { .. }), "{:?}", call.stage);
        guest.until_seeing_more();
    }

    let _again = ServerProcess::start_at(&address, &data, "direct");
    for guest in [&ada, &bea] {
        let back =
            guest.until("online again", |snapshot| matches!(snapshot.connection, Connection::Online { .. }));
        let call = back.call.as_ref().expect("the call goes on");
        assert!(matches!(call.stage, Stage::Connected { .. }), "{:?}", call.stage);
        guest.until_seeing_more();
    }
    ada.does(Command::HangUp);
    for guest in [&ada, &bea] {
        guest.until_stage("ended", |stage| matches!(stage, Stage::Ended { .. }));
    }
}

#[test]
fn whoever_looks_for_somebody_goes_on_looking_when_the_server_is_started_anew() {
    let _machine = machine::shared();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut server = ServerProcess::start(&data, "direct");
    let address = server.url.trim_start_matches("http://").to_owned();
    let invitation = server.invite(2);
    let (ada, bea) = (online(&server, &invitation, "ada"), online(&server, &invitation, "bea"));
    ada.does(Command::Search);
    let in_line =
        |snapshot: &Snapshot| snapshot.search.as_ref().is_some_and(|search| search.position == Some(1));
    ada.until("in line", in_line);
    // SIGKILL, and the end that the system asks for.
    for end in [drop::<ServerProcess>, ServerProcess::terminate] {
        end(server);
        ada.until("reconnecting", |snapshot| {
            assert!(snapshot.search.is_some(), "thrown out: {snapshot:#?}");
            matches!(snapshot.connection, Connection::Reconnecting { .. })
        });
        server = ServerProcess::start_at(&address, &data, "direct");
        ada.until("in line again", |snapshot| {
            assert!(snapshot.search.is_some(), "thrown out: {snapshot:#?}");
            matches!(snapshot.connection, Connection::Online { .. }) && in_line(snapshot)
        });
    }
    bea.until("online", |snapshot| matches!(snapshot.connection, Connection::Online { .. }));
    bea.does(Command::Search);
    ada.until_connected();
    bea.until_connected();
}

#[test]
fn a_call_that_rings_while_the_server_is_killed_is_lost_with_it_and_nobody_else_is_blamed() {
    let _machine = machine::shared();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = ServerProcess::start(&data, "direct");
    let address = server.url.trim_start_matches("http://").to_owned();
    let invitation = server.invite(2);
    let (ada, bea) = (online(&server, &invitation, "ada"), online(&server, &invitation, "bea"));
    ada.calls("bea");
    bea.until_ringing();
    ada.until_calling();
    drop(server); // SIGKILL
    let _again = ServerProcess::start_at(&address, &data, "direct");
    for guest in [&ada, &bea] {
        guest.until_ended(EndReason::Forgotten);
    }
}

#[test]
fn whoever_was_invisible_stays_so_when_the_server_is_started_anew() {
    let _machine = machine::shared();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = ServerProcess::start(&data, "direct");
    let address = server.url.trim_start_matches("http://").to_owned();
    let invitation = server.invite(3);
    let (ada, bea) = (online(&server, &invitation, "ada"), online(&server, &invitation, "bea"));
    bea.does(Command::SetAvailability(Availability::Invisible));
    ada.until("bea gone", |snapshot| snapshot.hall.is_empty());

    drop(server); // SIGKILL
    for guest in [&ada, &bea] {
        guest
            .until("reconnecting", |snapshot| matches!(snapshot.connection, Connection::Reconnecting { .. }));
    }
    let again = ServerProcess::start_at(&address, &data, "direct");
    for guest in [&ada, &bea] {
        guest.until("online again", |snapshot| matches!(snapshot.connection, Connection::Online { .. }));
    }
    bea.until("as she wished", |snapshot| {
        snapshot.me.as_ref().is_some_and(|me| me.availability == Availability::Invisible)
    });
    let _cleo = online(&again, &invitation, "cleo");
    let hall = ada.until("cleo", |snapshot| snapshot.hall.iter().any(|row| row.name == "cleo"));
    assert_eq!(hall.hall.len(), 1, "{:?}", hall.hall);
}

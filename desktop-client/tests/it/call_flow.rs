//! Two engines and a real server on loopback: each way a call can go.

use crate::support::{Guest, PASSWORD, TestServer, config};
use castle_desktop::peer::PathRoute;
use castle_desktop::view::{Command, Connection, EndReason};
use castle_server::config::MatchRoute;

fn server(folder: &tempfile::TempDir) -> TestServer {
    TestServer::start(config(folder.path(), MatchRoute::Relay))
}

#[test]
fn a_call_by_name_is_accepted_seen_and_hung_up() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder);
    let (ada, bea) = (Guest::online(&server, "ada"), Guest::online(&server, "bea"));
    ada.until("seeing bea in the hall", |snapshot| snapshot.hall.iter().any(|row| row.name == "bea"));
    ada.calls("bea");
    bea.until_ringing();
    bea.does(Command::Accept);
    ada.until_connected();
    bea.until_connected();
    ada.until_seeing();
    bea.until_seeing();
    bea.does(Command::SetMuted(true));
    ada.until("told that bea is muted", |snapshot| {
        snapshot.call.as_ref().is_some_and(|call| call.peer_muted)
    });
    bea.does(Command::SetCamera(false));
    ada.until("told that bea's camera is off", |snapshot| {
        snapshot.call.as_ref().is_some_and(|call| !call.peer_camera_on)
    });
    assert_eq!(ada.engine.record().path.route, Some(PathRoute::Host));
    ada.does(Command::HangUp);
    ada.until_ended(EndReason::HungUp);
    bea.until_ended(EndReason::PeerHungUp);
}

#[test]
fn a_call_is_declined_cancelled_and_goes_to_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder);
    let (ada, bea) = (Guest::online(&server, "ada"), Guest::online(&server, "bea"));
    ada.calls("bea");
    bea.until_ringing();
    bea.does(Command::Decline);
    ada.until_ended(EndReason::Declined);
    ada.does(Command::CloseCall);
    bea.does(Command::CloseCall);

    ada.calls("bea");
    bea.until_ringing();
    ada.until_calling();
    ada.does(Command::Cancel);
    bea.until_ended(EndReason::Cancelled);
    ada.until_ended(EndReason::Cancelled);
    ada.does(Command::CloseCall);

    ada.calls("zoe");
    ada.until_told("cannot be reached");
}

#[test]
fn strangers_are_matched_through_the_relay_or_directly_as_the_host_wants() {
    for (match_route, route) in [(MatchRoute::Relay, PathRoute::Relay), (MatchRoute::Direct, PathRoute::Host)]
    {
        let folder = tempfile::tempdir().unwrap();
        let server = TestServer::start(config(folder.path(), match_route));
        let (ada, bea) = (Guest::online(&server, "ada"), Guest::online(&server, "bea"));
        ada.does(Command::Search);
        ada.until("waiting in line", |snapshot| {
            snapshot.search.as_ref().is_some_and(|search| search.position == Some(1))
        });
        bea.does(Command::Search);
        ada.until_connected();
        bea.until_connected();
        ada.until_seeing();
        bea.until_seeing();
        assert_eq!(ada.engine.record().path.route, Some(route));
        assert_eq!(bea.engine.record().path.route, Some(route));
        ada.does(Command::Next);
        bea.until_ended(EndReason::PeerHungUp);
        ada.until("searching again", |snapshot| snapshot.search.is_some());
    }
}

#[test]
fn wrong_words_at_the_door_are_told_in_sentences() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder);
    let ada = Guest::online(&server, "ada");
    drop(ada);
    let ada = Guest::new("ada");
    ada.log_in(&server.url(), "a wrong password");
    ada.until_told("do not match");
    ada.log_in("http://127.0.0.1:1", PASSWORD);
    ada.until_told("no Castle server answers");
    ada.log_in("not an address", PASSWORD);
    ada.until_told("not a server address");
    ada.log_in("http://no-such-host.invalid:50051", PASSWORD);
    ada.until_told("no such server");
    ada.log_in(&server.url().replace("http://", "https://"), PASSWORD);
    ada.until_told("does not encrypt");
    let bea = Guest::new("bea");
    bea.does(Command::Register {
        remember: false,
        server: server.url(),
        invitation: "not-an-invitation".into(),
        name: "bea".into(),
        password: castle_desktop::view::Secret(PASSWORD.into()),
    });
    bea.until_told("invitation");
}

#[test]
fn a_server_that_restarts_is_found_again_and_knows_its_guests() {
    let folder = tempfile::tempdir().unwrap();
    let first = server(&folder);
    let port = first.listening.grpc;
    let (ada, bea) = (Guest::online(&first, "ada"), Guest::online(&first, "bea"));
    first.stop();
    ada.until("reconnecting", |snapshot| matches!(snapshot.connection, Connection::Reconnecting { .. }));
    let mut again = config(folder.path(), MatchRoute::Relay);
    again.listen = port;
    let second = TestServer::start(again);
    for guest in [&ada, &bea] {
        guest.until("online again", |snapshot| matches!(snapshot.connection, Connection::Online { .. }));
    }
    drop(ada);
    let ada = Guest::new("ada");
    ada.log_in(&second.url(), PASSWORD);
    ada.until("logged in again", |snapshot| matches!(snapshot.connection, Connection::Online { .. }));
    bea.calls("ada");
    ada.until_ringing();
    ada.does(Command::Accept);
    bea.until_connected();
}

#[test]
fn a_peer_that_vanishes_is_missed_and_the_call_ends() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder);
    let ada = Guest::online(&server, "ada");
    let bea = Guest::online(&server, "bea");
    ada.calls("bea");
    bea.until_ringing();
    drop(bea);
    ada.until_stage("ended", |stage| matches!(stage, castle_desktop::view::Stage::Ended { .. }));
}

#[test]
fn a_call_that_nobody_answers_times_out_at_both_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path(), MatchRoute::Relay);
    config.hub.lobby.calls.ring_timeout = std::time::Duration::from_millis(500);
    let server = TestServer::start(config);
    let (ada, bea) = (Guest::online(&server, "ada"), Guest::online(&server, "bea"));
    ada.calls("bea");
    ada.until_ended(EndReason::TimedOut);
    bea.until_ended(EndReason::TimedOut);
}

//! What a guest does besides calling, against a real server: finding others, blocking, reporting, looking back.

use crate::support::{Guest, PASSWORD, TestServer, config};
use castle_desktop::view::{Availability, Command, EndReason, ReportReason, Severity, Snapshot, Stage};
use castle_server::config::MatchRoute;

fn server(folder: &tempfile::TempDir) -> TestServer {
    TestServer::start(config(folder.path(), MatchRoute::Direct))
}

fn names(snapshot: &Snapshot) -> Vec<&str> {
    snapshot.hall.iter().map(|row| row.name.as_str()).collect()
}

#[test]
fn the_hall_is_searched_and_shows_all_again() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder);
    let [ada, bea, ben] = ["ada", "bea", "ben"].map(|name| Guest::online(&server, name));
    ada.until("both", |snapshot| names(snapshot) == ["bea", "ben"]);
    ada.does(Command::SearchHall(" BEA ".into()));
    ada.until("bea alone", |snapshot| names(snapshot) == ["bea"] && !snapshot.hall_more);
    bea.does(Command::SetAvailability(Availability::DoNotDisturb));
    ada.until("changes in what is searched", |snapshot| {
        snapshot.hall.first().is_some_and(|row| row.availability == Availability::DoNotDisturb)
    });
    drop(ben);
    ada.does(Command::SearchHall(String::new()));
    ada.until("all who are left", |snapshot| names(snapshot) == ["bea"]);
}

#[test]
fn a_blocked_guest_is_gone_from_the_hall_and_the_call_and_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder);
    let (ada, bea) = (Guest::online(&server, "ada"), Guest::online(&server, "bea"));
    let hall = ada.until("bea", |snapshot| names(snapshot) == ["bea"]);
    let guest = hall.hall[0].guest;
    ada.calls("bea");
    bea.until_ringing();
    bea.does(Command::AcceptWithoutCamera);
    ada.until_connected();
    let call = ada.until("told that the camera is off", |snapshot| {
        snapshot.call.as_ref().is_some_and(|call| !call.peer_camera_on && call.peer_guest == Some(guest))
    });
    let call = call.call.as_ref().map(|call| call.id);
    let words = "Said nothing at all.".to_owned();
    ada.does(Command::Report { guest, call, reason: ReportReason::Other, words });
    ada.until("thanked", |snapshot| {
        snapshot
            .notices
            .iter()
            .any(|notice| notice.severity == Severity::Info && notice.text.contains("report"))
    });
    ada.does(Command::LoadBlocked);
    ada.until("nobody blocked", |snapshot| {
        snapshot.blocked.as_ref().is_some_and(|blocked| blocked.is_empty())
    });
    ada.does(Command::Block(guest));
    bea.until_stage("ended", |stage| matches!(stage, Stage::Ended { .. }));
    ada.until("bea blocked", |snapshot| {
        snapshot.hall.is_empty()
            && snapshot.blocked.as_ref().is_some_and(|blocked| blocked.iter().any(|b| b.guest == guest))
    });
    ada.does(Command::Unblock(guest));
    ada.until("bea again", |snapshot| {
        names(snapshot) == ["bea"] && snapshot.blocked.as_ref().is_some_and(|blocked| blocked.is_empty())
    });
}

#[test]
fn missed_calls_are_counted_while_away_and_seen_once_they_are_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder);
    let (ada, bea) = (Guest::online(&server, "ada"), Guest::online(&server, "bea"));
    ada.calls("bea");
    bea.until_ringing();
    ada.until_calling();
    ada.does(Command::Cancel);
    bea.until_ended(EndReason::Cancelled);
    bea.until("one missed", |snapshot| snapshot.history.missed == 1);
    drop(bea);
    ada.does(Command::CloseCall);
    ada.until("alone", |snapshot| snapshot.hall.is_empty());
    ada.calls("bea");
    ada.until_told("cannot be reached");

    let bea = Guest::new("bea");
    bea.log_in(&server.url(), PASSWORD);
    bea.until("two missed", |snapshot| snapshot.history.missed == 2);
    bea.does(Command::LoadHistory);
    let seen = bea.until("the history", |snapshot| snapshot.history.calls.is_some());
    let calls = seen.history.calls.as_ref().unwrap();
    assert_eq!(
        calls.iter().map(|call| (call.peer_name.as_str(), call.missed, call.outgoing)).collect::<Vec<_>>(),
        [("ada", true, false), ("ada", true, false)]
    );
    assert_eq!((seen.history.missed, seen.history.more), (0, false));
    bea.does(Command::EraseHistory);
    bea.until("nothing", |snapshot| snapshot.history.calls.as_ref().is_some_and(|calls| calls.is_empty()));
    drop(bea);
    let bea = Guest::new("bea");
    bea.log_in(&server.url(), PASSWORD);
    let online = bea.until("online", |snapshot| snapshot.me.is_some());
    assert_eq!(online.history.missed, 0, "seen is seen");

    ada.does(Command::LoadHistory);
    let mine = ada.until("the history", |snapshot| snapshot.history.calls.is_some());
    assert!(mine.history.calls.as_ref().unwrap().iter().all(|call| call.outgoing && !call.missed));
}

#[test]
fn the_same_guest_is_called_again() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder);
    let (ada, bea) = (Guest::online(&server, "ada"), Guest::online(&server, "bea"));
    ada.calls("bea");
    bea.until_ringing();
    bea.does(Command::Decline);
    ada.until_ended(EndReason::Declined);
    bea.does(Command::CloseCall);
    ada.does(Command::CallAgain);
    bea.until_ringing();
    bea.does(Command::Accept);
    ada.until_connected();
}

#[test]
fn a_login_is_given_up() {
    // Takes connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let ada = Guest::new("ada");
    ada.log_in(&format!("http://{}", silent.local_addr().unwrap()), PASSWORD);
    let logging_in = |snapshot: &Snapshot| {
        matches!(snapshot.connection, castle_desktop::view::Connection::LoggingIn { .. })
    };
    ada.until("logging in", logging_in);
    ada.does(Command::CancelLogIn);
    ada.until("logged out", |snapshot| !logging_in(snapshot));
    assert!(ada.engine.snapshot().notices.is_empty());
}

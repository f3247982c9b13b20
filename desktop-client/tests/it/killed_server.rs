//! A server that is killed under its guests: they wait for it, and find it again.

use crate::machine;
use crate::programs::ServerProcess;
use crate::support::{Guest, PASSWORD};
use castle_desktop::view::{Command, Connection, Secret, Stage};

fn online(server: &ServerProcess, invitation: &str, name: &str) -> Guest {
    let guest = Guest::new(name);
    guest.does(Command::Register {
        remember: false,
        server: server.url.clone(),
        invitation: invitation.into(),
        name: name.into(),
        password: Secret(PASSWORD.into()),
    });
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

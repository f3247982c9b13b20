//! What answers in place of the server for a while: a network that wants a login of its own, another certificate, a server
//! without TLS. It costs no session and no login.

use crate::support::{Guest, PASSWORD, TestServer, config, without_devices};
use castle_desktop::engine::EngineConfig;
use castle_desktop::profile::Profile;
use castle_desktop::view::{Command, Connection, Secret, Snapshot};
use castle_server::config::{Config, MatchRoute};
use castle_server::transport::tls::TlsSource;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// One address, at which one after the other answers.
struct Place {
    folder: TempDir,
    address: SocketAddr,
}

impl Place {
    /// What lasts of Ada.
    fn profile(&self) -> PathBuf {
        self.folder.path().join("profile")
    }

    /// A server at this place with its own data or with those of another, and a certificate if it has one.
    fn server(&self, data: &str, tls: Option<TlsSource>) -> TestServer {
        let data = self.folder.path().join(data);
        std::fs::create_dir_all(&data).expect("a folder");
        TestServer::start(Config { listen: self.address, tls, ..config(&data, MatchRoute::Direct) })
    }

    /// The server that belongs here.
    fn right(&self) -> TestServer {
        self.server("own", Some(TlsSource::SelfSigned))
    }
}

fn open(profile: &Path) -> Guest {
    Guest::of("ada", EngineConfig { profile: Profile::open(profile, false), ..without_devices() })
}

fn online(snapshot: &Snapshot) -> bool {
    matches!(snapshot.connection, Connection::Online { .. })
}

/// Ada, who registered at a server with a certificate of its own and is remembered; the server, and its address.
fn remembered() -> (Place, TestServer, Guest, String) {
    let folder = TempDir::new().expect("a folder");
    let any = "127.0.0.1:0".parse().expect("an address");
    let mut place = Place { folder, address: any };
    let server = place.right();
    place.address = server.listening.grpc;
    let pin = server.listening.fingerprint.clone().expect("a server with TLS has one");
    let url = format!("https://{}/?pin={pin}", place.address);
    let ada = open(&place.profile());
    let (invitation, name, password) = (server.invitation.clone(), "ada".into(), Secret(PASSWORD.into()));
    ada.does(Command::Register { server: url.clone(), invitation, name, password, remember: true });
    ada.until("online", online);
    let known = ada.engine.snapshot().servers.first().expect("just logged in").server.clone();
    (place, server, ada, known)
}

#[test]
fn another_certificate_in_place_of_the_pinned_one_is_told_and_ends_no_session() {
    let (place, server, ada, _) = remembered();
    server.stop();
    let other = place.server("other", Some(TlsSource::SelfSigned));
    ada.until_told("another certificate than the one you trust");
    let away = ada.engine.snapshot();
    assert!(matches!(away.connection, Connection::Reconnecting { .. }), "{:?}", away.connection);
    other.stop();
    let plain = place.server("plain", None);
    ada.until_told("does not encrypt the connection");
    plain.stop();

    let _server = place.right();
    let back = ada.until("online again", online);
    // What is merely wrong is of the past; that somebody may have stood in between is for the person to read.
    reads_of_somebody_in_between(&ada, &back);
}

/// Nothing else is told, and this no longer once it was put away.
fn reads_of_somebody_in_between(ada: &Guest, back: &Snapshot) {
    let [notice] = &back.notices[..] else { panic!("{:?}", back.notices) };
    assert!(notice.text.contains("another certificate than the one you trust"), "{notice:?}");
    ada.does(Command::Dismiss(notice.id));
    ada.until("nothing to read", |snapshot| snapshot.notices.is_empty());
}

#[test]
fn a_remembered_login_waits_for_the_server_while_another_answers() {
    let (place, server, ada, known) = remembered();
    drop(ada);
    server.stop();
    let other = place.server("other", Some(TlsSource::SelfSigned));
    let ada = open(&place.profile());
    ada.does(Command::LogInRemembered { server: known, name: "ada".into() });
    ada.until_told("another certificate than the one you trust");
    let waits = ada.engine.snapshot();
    assert!(matches!(waits.connection, Connection::LoggingIn { .. }), "{:?}", waits.connection);
    other.stop();
    let _server = place.right();
    let back = ada.until("online by the key", online);
    reads_of_somebody_in_between(&ada, &back);
}

#[test]
fn who_logs_in_with_a_password_is_told_at_once_that_another_answers() {
    let (place, server, ada, _) = remembered();
    let pin = server.listening.fingerprint.clone().unwrap();
    drop(ada);
    server.stop();
    let _other = place.server("other", Some(TlsSource::SelfSigned));
    let ada = Guest::new("ada");
    ada.log_in(&format!("https://{}/?pin={pin}", place.address), PASSWORD);
    ada.until_told("another certificate than the one you trust");
    ada.until("logged out", |snapshot| snapshot.connection == Connection::LoggedOut);
}

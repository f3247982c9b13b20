//! A guest who logged in, and whose session is not there yet, or finds no room.

use crate::support::{Guest, PASSWORD, TestServer, config, without_devices};
use castle_desktop::engine::{EngineConfig, Viewer};
use castle_desktop::profile::Profile;
use castle_desktop::view::{Command, Connection, Secret};
use castle_server::config::{Config, MatchRoute};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What the first frame of a session has in it, and nothing else that is said to a server.
const HELLO: &[u8] = env!("CARGO_PKG_NAME").as_bytes();

/// A way to a server that is cut wherever a session would begin.
struct Cut {
    address: SocketAddr,
    cuts: Arc<AtomicUsize>,
    /// It carries all from now on.
    whole: Arc<AtomicBool>,
}

impl Cut {
    async fn open(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let way = Self { address, cuts: Arc::default(), whole: Arc::default() };
        let (cuts, whole) = (Arc::clone(&way.cuts), Arc::clone(&way.whole));
        tokio::spawn(async move {
            while let Ok((guest, _)) = listener.accept().await {
                let (cuts, whole) = (Arc::clone(&cuts), Arc::clone(&whole));
                tokio::spawn(async move {
                    let server = TcpStream::connect(server).await.expect("the server listens");
                    if !carry(guest, server, &whole).await {
                        cuts.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        way
    }
}

/// Carries both ways until one end is done, or, which is `false`, a session would begin.
async fn carry(guest: TcpStream, server: TcpStream, whole: &AtomicBool) -> bool {
    let (mut from_guest, mut to_guest) = guest.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let answers = tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_guest).await });
    let mut buffer = vec![0; 1 << 16];
    let mut uncut = true;
    while let Ok(length @ 1..) = from_guest.read(&mut buffer).await {
        let said = &buffer[..length];
        uncut = whole.load(Ordering::Relaxed) || !said.windows(HELLO.len()).any(|part| part == HELLO);
        if !uncut || to_server.write_all(said).await.is_err() {
            break;
        }
    }
    answers.abort();
    uncut
}

#[test]
fn whoever_does_not_reach_their_session_is_at_the_door_and_may_turn_back_without_losing_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(folder.path(), MatchRoute::Direct));
    drop(Guest::online(&server, "ada"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let way = runtime.block_on(Cut::open(server.listening.grpc));
    let profile = Profile::open(&folder.path().join("ada"), false);
    let ada = Guest::of("ada", EngineConfig { profile, ..without_devices() });
    let (url, name) = (format!("http://{}", way.address), "ada".to_owned());
    let password = Secret(PASSWORD.into());
    ada.does(Command::LogIn { server: url.clone(), name: name.clone(), password, remember: true });
    ada.until("cut off several times", |snapshot| {
        assert!(
            matches!(snapshot.connection, Connection::LoggedOut | Connection::LoggingIn { .. }),
            "not in the hall: {:?}",
            snapshot.connection
        );
        way.cuts.load(Ordering::Relaxed) > 2
    });
    ada.does(Command::CancelLogIn);
    let out = ada.until("turned back", |snapshot| snapshot.connection == Connection::LoggedOut);
    assert!(out.servers.iter().any(|known| known.remembered), "{:?}", out.servers);
    let known = out.servers[0].server.clone();

    way.whole.store(true, Ordering::Relaxed);
    ada.does(Command::LogInRemembered { server: known, name });
    ada.until("inside by the key", |snapshot| matches!(snapshot.connection, Connection::Online { .. }));
}

#[test]
fn whoever_finds_no_room_when_the_server_is_started_anew_waits_for_no_match_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let first = TestServer::start(for_one_device(folder.path()));
    let address = first.listening.grpc;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let way = runtime.block_on(Cut::open(address));
    way.whole.store(true, Ordering::Relaxed);
    let ada = Guest::of("ada", EngineConfig { viewer: Viewer::Window, ..without_devices() });
    ada.register_by(format!("http://{}", way.address), &first);
    ada.until("online", |snapshot| snapshot.me.is_some());
    ada.does(Command::SearchHall("nobody".into()));
    ada.does(Command::Search);
    ada.until("in line", |snapshot| {
        snapshot.search.as_ref().is_some_and(|search| search.position == Some(1))
    });

    way.whole.store(false, Ordering::Relaxed);
    first.stop();
    let second = TestServer::start(Config { listen: address, ..for_one_device(folder.path()) });
    let other = Guest::new("ada");
    other.log_in(&second.url(), PASSWORD);
    other.until("in the place of the first", |snapshot| snapshot.me.is_some());
    way.whole.store(true, Ordering::Relaxed);
    let no_room = ada.until("without room", |snapshot| snapshot.account.crowded);
    assert!(no_room.search.is_none());
    drop(other);
    ada.until("let in", |snapshot| snapshot.me.is_some());
    let bea = Guest::online(&second, "bea");
    bea.does(Command::Search);
    bea.until("alone in line", |snapshot| {
        assert!(snapshot.call.is_none(), "with somebody who looks for nobody: {snapshot:#?}");
        snapshot.search.as_ref().is_some_and(|search| search.waiting == Some(1))
    });
    ada.until("sees all who are there", |snapshot| snapshot.hall.iter().any(|row| row.name == "bea"));
}

/// Of a server that has room for one session of each guest.
fn for_one_device(folder: &Path) -> Config {
    let mut config = config(folder, MatchRoute::Direct);
    config.hub.sessions.per_guest_max = 1;
    config
}

//! Guests who stay for days: credentials live an hour, by a clock that the test sets.

use crate::relay_only::{Pair, ice_servers};
use crate::support::{Guest, TestServer, config};
use castle_connectivity::relayed::{Client, Credential, RelayError};
use castle_connectivity::trust::Trust;
use castle_desktop::peer::{PathRoute, PeerCommand, PeerEvent, RelayProtocol};
use castle_desktop::view::Command;
use castle_server::config::MatchRoute;
use castle_server::turn::machine::Now;
use castle_server::turn::{Clock, system_clock};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const TWO_DAYS_S: u64 = 2 * 24 * 3600;

/// A server whose credentials run out by a clock that is this many seconds ahead.
fn server(folder: &Path, ahead_s: &Arc<AtomicU64>) -> TestServer {
    let mut config = config(folder, MatchRoute::Relay);
    let (clock, ahead_s) = (system_clock(), Arc::clone(ahead_s));
    config.relay.clock = Clock::new(move || {
        let Now { at, unix } = clock.now();
        Now { at, unix: unix + ahead_s.load(Ordering::Relaxed) }
    });
    TestServer::start(config)
}

#[test]
fn a_client_that_was_open_for_two_days_can_still_call_and_a_call_outlasts_its_credential() {
    let folder = tempfile::tempdir().unwrap();
    let passed = Arc::<AtomicU64>::default();
    let server = server(folder.path(), &passed);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let first = runtime.block_on(ice_servers(&server, "ada"));
    let (bea, cid) = (Guest::online_by(&server, "bea", true), Guest::online(&server, "cid"));

    passed.fetch_add(TWO_DAYS_S, Ordering::Relaxed);
    let given = first.iter().find(|server| !server.username.is_empty()).expect("a relay");
    let uri = given.urls.iter().find_map(|url| url.parse().ok()).expect("over UDP");
    let credential = Credential { username: given.username.clone(), password: given.credential.clone() };
    let refused = runtime.block_on(async {
        Client::open(&uri, Trust::System).await.unwrap().allocate(&credential).await.map(drop)
    });
    assert!(matches!(refused, Err(RelayError::Refused(401))), "of two days ago: {refused:?}");

    bea.calls("cid");
    cid.until_ringing();
    cid.does(Command::Accept);
    bea.until_seeing();
    let path = bea.engine.record().path;
    assert_eq!((path.route, path.relay_protocol), (Some(PathRoute::Relay), Some(RelayProtocol::Udp)));

    passed.fetch_add(TWO_DAYS_S, Ordering::Relaxed);
    bea.until_seeing_more();
    cid.until_seeing_more();
}

#[test]
fn a_call_of_days_finds_a_new_way_with_the_credentials_that_were_pushed_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let passed = Arc::<AtomicU64>::default();
    let server = server(folder.path(), &passed);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let first = ice_servers(&server, "ada").await;
        let mut pair = Pair::open([first.clone(), first], None);
        assert_eq!(pair.connect().await, [Some(RelayProtocol::Udp); 2]);
        passed.fetch_add(TWO_DAYS_S, Ordering::Relaxed);
        let fresh = ice_servers(&server, "ben").await;
        for end in [0, 1] {
            pair.tell(end, PeerCommand::IceServers(fresh.clone()));
        }
        pair.tell(0, PeerCommand::Restart);
        pair.until_both(1, |event| *event == PeerEvent::Reconnected).await;
    });
}

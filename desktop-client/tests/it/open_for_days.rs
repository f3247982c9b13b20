//! Guests who stay for days: credentials live an hour, by a clock that the test sets.

use crate::relay_only::ice_servers;
use crate::support::{Guest, TestServer, config};
use castle_connectivity::relayed::{Client, Credential, RelayError};
use castle_connectivity::trust::Trust;
use castle_desktop::peer::{PathRoute, RelayProtocol};
use castle_desktop::view::Command;
use castle_server::config::MatchRoute;
use castle_server::turn::machine::Now;
use castle_server::turn::{Clock, system_clock};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const TWO_DAYS_S: u64 = 2 * 24 * 3600;

#[test]
fn a_client_that_was_open_for_two_days_can_still_call_and_a_call_outlasts_its_credential() {
    let folder = tempfile::tempdir().unwrap();
    let passed = Arc::new(AtomicU64::new(0));
    let mut config = config(folder.path(), MatchRoute::Relay);
    let (clock, offset) = (system_clock(), Arc::clone(&passed));
    config.relay.clock = Clock::new(move || {
        let Now { at, unix } = clock.now();
        Now { at, unix: unix + offset.load(Ordering::Relaxed) }
    });
    let server = TestServer::start(config);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let first = runtime.block_on(ice_servers(&server));
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

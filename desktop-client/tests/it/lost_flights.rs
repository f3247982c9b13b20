//! Calls whose handshake is lost on the way, datagram by datagram.

use crate::front::{Front, Way};
use crate::relay_only::{Pair, ice_servers};
use crate::support::{TestServer, config};
use castle_desktop::peer::RelayProtocol;
use castle_server::config::MatchRoute;
use std::collections::HashSet;
use std::sync::{Arc, Mutex};

/// Whether a datagram of TURN carries one of a DTLS handshake: those of Send and of a channel alike have the record's head
/// somewhere in them, which is followed by the version, 1.0 or 1.2.
fn carries_handshake(datagram: &[u8]) -> bool {
    datagram.windows(3).any(|head| matches!(head, [20..=22, 254, 253 | 255]))
}

#[test]
fn a_handshake_of_which_all_is_lost_once_succeeds() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(folder.path(), MatchRoute::Relay));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let servers = ice_servers(&server, "ada").await;
        // Each is lost when it comes by for the first time.
        let lost = Arc::<Mutex<HashSet<Vec<u8>>>>::default();
        let losing = Arc::clone(&lost);
        let lossy = Front::open(&servers, move |way, datagram| {
            let counts = way == Way::Out && carries_handshake(datagram);
            !(counts && losing.lock().expect("no holder panics").insert(datagram.clone()))
        });
        let lossy = lossy.await;
        let mut pair = Pair::open([lossy.before(&servers), lossy.before(&servers)], None);
        assert_eq!(pair.connect().await, [Some(RelayProtocol::Udp); 2]);
        assert!(lost.lock().expect("no holder panics").len() >= 4, "four flights at least");
    });
}

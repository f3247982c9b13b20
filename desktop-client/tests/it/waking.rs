//! A machine that slept: a call does not wait for a way that may be gone.

use crate::relay_only::{Tap, own_addresses};
use crate::support::{Guest, PATIENCE, TestServer, config, without_devices};
use castle_desktop::engine::{EngineConfig, WallClock};
use castle_desktop::view::{Command, Connection};
use castle_server::config::MatchRoute;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

const NIGHT_S: u64 = 8 * 3600;

/// How many generations of candidates both ends described to each other.
fn generations(tap: &Tap) -> usize {
    let heard = tap.heard();
    let ufrags =
        heard.split("a=ice-ufrag:").skip(1).filter_map(|rest| rest.split(char::is_whitespace).next());
    ufrags.collect::<BTreeSet<_>>().len()
}

#[test]
fn a_machine_that_woke_looks_for_a_new_way_for_its_call() {
    if own_addresses().is_empty() {
        println!("not run: this machine has no network");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(folder.path(), MatchRoute::Direct));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let tap = runtime.block_on(Tap::open(server.listening.grpc));
    let slept_s = Arc::<AtomicU64>::default();
    let shift = Arc::clone(&slept_s);
    let wall_clock =
        WallClock::new(move || SystemTime::now() + Duration::from_secs(shift.load(Ordering::Relaxed)));
    let bea = Guest::of("bea", EngineConfig { wall_clock, ..without_devices() });
    let cid = Guest::new("cid");
    for guest in [&bea, &cid] {
        guest.register_by(format!("http://{}", tap.address), &server);
        guest.until("online", |snapshot| matches!(snapshot.connection, Connection::Online { .. }));
    }
    bea.calls("cid");
    cid.until_ringing();
    cid.does(Command::Accept);
    bea.until_seeing();
    cid.until_seeing();
    assert_eq!(generations(&tap), 2, "an offer and an answer");

    slept_s.store(NIGHT_S, Ordering::Relaxed);
    let deadline = Instant::now() + PATIENCE;
    while generations(&tap) < 4 {
        assert!(Instant::now() < deadline, "no new way was looked for");
        bea.until_seeing_more();
    }
    bea.until_seeing_more();
    cid.until_seeing_more();
}

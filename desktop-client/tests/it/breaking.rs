//! What breaks inside the engine takes neither the session nor the call with it.

use crate::support::{Guest, TestServer, config, without_devices};
use castle_desktop::view::{Command, EndReason};
use castle_server::config::MatchRoute;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn a_call_goes_on_though_telling_of_it_breaks() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(folder.path(), MatchRoute::Direct));
    let breaks = Arc::<AtomicBool>::default();
    let armed = breaks.clone();
    let seen = move || assert!(!armed.swap(false, Ordering::SeqCst), "as this test wants it");
    let ada = Guest::watched("ada", without_devices(), seen);
    ada.register(&server);
    ada.until("online", |snapshot| snapshot.me.is_some());
    let bea = Guest::online(&server, "bea");
    ada.calls("bea");
    bea.until_ringing();
    bea.does(Command::Accept);
    ada.until_connected();
    bea.until_seeing();

    breaks.store(true, Ordering::SeqCst);
    ada.does(Command::SetMuted(true));
    ada.until("muted", |snapshot| snapshot.call.as_ref().is_some_and(|call| call.muted));
    bea.until("ada muted", |snapshot| snapshot.call.as_ref().is_some_and(|call| call.peer_muted));
    ada.until("the break", |_| !breaks.load(Ordering::SeqCst));
    bea.until_seeing_more();
    ada.does(Command::HangUp);
    ada.until_ended(EndReason::HungUp);
    bea.until_ended(EndReason::PeerHungUp);
    ada.does(Command::CloseCall);
    ada.until("online as before", |snapshot| snapshot.call.is_none() && snapshot.me.is_some());
}

//! By which way a call goes, and why by none better: as the window is told, from real calls.

use crate::support::{Guest, TestServer, config};
use castle_desktop::ui::text;
use castle_desktop::view::{Command, RouteReason, Snapshot};
use castle_desktop::words;
use castle_server::config::MatchRoute;

/// Waits until this reason is known; what is shown of it.
fn until_told(guest: &Guest, reason: RouteReason) -> String {
    let stats = |snapshot: &Snapshot| snapshot.call.as_ref().and_then(|call| call.stats);
    let told = guest.until("the reason for the way", |snapshot| {
        stats(snapshot).is_some_and(|stats| stats.route_reason == Some(reason))
    });
    let stats = stats(&told).expect("waited for above");
    words::speaking("en", || text::way(&stats)).expect("there is a way")
}

fn answered(caller: &Guest, name: &str, callee: &Guest) {
    caller.calls(name);
    callee.until_ringing();
    callee.does(Command::Accept);
}

#[test]
fn a_direct_call_and_one_that_its_guest_wants_relayed_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(folder.path(), MatchRoute::Direct));
    let (ada, bea) = (Guest::online(&server, "ada"), Guest::online(&server, "bea"));
    answered(&ada, "bea", &bea);
    let told = until_told(&ada, RouteReason::Direct);
    assert!(told.starts_with("Direct"), "{told}");
    ada.does(Command::HangUp);

    let cid = Guest::online_by(&server, "cid", true);
    let dan = Guest::online(&server, "dan");
    answered(&cid, "dan", &dan);
    assert_eq!(until_told(&cid, RouteReason::AskedFor), "Relayed: you asked for it");
}

#[test]
fn two_who_were_matched_are_told_that_their_addresses_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(folder.path(), MatchRoute::Relay));
    let (ada, bea) = (Guest::online(&server, "ada"), Guest::online(&server, "bea"));
    for guest in [&ada, &bea] {
        guest.does(Command::Search);
    }
    for guest in [&ada, &bea] {
        let told = until_told(guest, RouteReason::Private);
        assert_eq!(told, "Relayed: matched guests do not learn each other's address");
    }
}

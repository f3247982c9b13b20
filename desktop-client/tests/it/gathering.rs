//! What an end says when it has no more addresses to offer (RFC 8838 section 8.2), in calls as guests have them: over a server with
//! STUN, and its relay over UDP and TCP.

use crate::relay_only::Tap;
use crate::support::{Guest, TestServer, config};
use castle_desktop::view::{Command, Connection};
use castle_server::config::MatchRoute;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Of two round trips to the server in this machine, however busy it is.
const SOON: Duration = Duration::from_secs(10);
/// How `end_of_candidates` begins on the wire: field 43 of `SignalRequest`, a message.
const END_OF_CANDIDATES: [u8; 2] = [0xda, 0x02];

/// A field of text at the beginning of these bytes, and what comes after it. None of ours is longer than one byte can say.
fn text(number: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let [tag, length, rest @ ..] = bytes else { return None };
    rest.split_at_checked((*length).into()).filter(|_| *tag == number << 3 | 2)
}

/// The generations of candidates that were said to be complete.
fn complete(tap: &Tap) -> BTreeSet<String> {
    let heard = tap.bytes();
    let frames = (0..heard.len()).filter_map(|at| heard[at..].strip_prefix(&END_OF_CANDIDATES));
    let ufrags = frames.filter_map(|frame| {
        let (length, rest) = frame.split_first()?;
        let (_call, rest) = text(1, rest.get(..(*length).into())?)?;
        let (ufrag, rest) = text(2, rest)?;
        rest.is_empty().then(|| String::from_utf8(ufrag.to_vec()).ok())?
    });
    ufrags.collect()
}

/// The generations that were described.
fn described(tap: &Tap) -> BTreeSet<String> {
    let heard = tap.heard();
    let ufrags =
        heard.split("a=ice-ufrag:").skip(1).filter_map(|rest| rest.split(char::is_whitespace).next());
    ufrags.map(str::to_owned).collect()
}

#[test]
fn both_ends_of_a_call_soon_say_that_they_have_no_more_addresses() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(folder.path(), MatchRoute::Direct));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for relay_only in [false, true] {
        let tap = runtime.block_on(Tap::open(server.listening.grpc));
        let names = if relay_only { ["bea", "cid"] } else { ["ada", "dan"] };
        let [caller, callee] = names.map(|name| Guest::with(name, relay_only));
        for guest in [&caller, &callee] {
            guest.register_by(format!("http://{}", tap.address), &server);
            guest.until("online", |snapshot| matches!(snapshot.connection, Connection::Online { .. }));
        }
        caller.calls(names[1]);
        callee.until_ringing();
        let begun = Instant::now();
        callee.does(Command::Accept);
        caller.until_seeing();
        callee.until_seeing();
        while complete(&tap).len() < 2 {
            assert!(begun.elapsed() < SOON, "of {:?} only {:?}", described(&tap), complete(&tap));
            caller.until_seeing_more();
        }
        assert_eq!(complete(&tap), described(&tap), "the offer's and the answer's");
    }
}

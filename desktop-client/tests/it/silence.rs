//! A path by which nothing comes any more: how long it is trusted, and when another is looked for.

use crate::front::{Front, Way};
use crate::relay_only::{Pair, Said, ice_servers};
use crate::support::{TestServer, config};
use castle_desktop::peer::PeerEvent;
use castle_server::config::MatchRoute;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// So long a silent path is trusted, and so long a distrusted one is given to come back.
const SILENT_FOR: Duration = Duration::from_secs(2);
/// Figures of the path come once a second, on a busy machine more seldom; so many at most in [`SILENT_FOR`], since a silent
/// path is looked at now and then only.
const FIGURES_MOST: usize = 4;

/// STUN's mark.
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

/// The way of one end, and when a check of the other one last came in by it.
struct Watched {
    front: Front,
    heard: Arc<Mutex<Option<Instant>>>,
}

/// Whether a datagram of TURN brings a check of the peer, or the answer to one: as ChannelData, or as a Data indication. By
/// these alone the stack tells whether a path is silent.
fn is_check(datagram: &[u8]) -> bool {
    let payload = match datagram {
        [0x40..=0x7f, _, _, _, payload @ ..] => payload,
        [0, 0x17, ..] => datagram.get(20..).unwrap_or_default(),
        _ => return false,
    };
    payload.windows(COOKIE.len()).any(|window| window == COOKIE)
}

/// Where in all that was said an end says this for the first time after that many times.
fn place(pair: &Pair, end: usize, after: usize, wanted: impl Fn(&PeerEvent) -> bool) -> usize {
    let said = pair.said.iter().enumerate().filter(|(_, said)| said.end == end && wanted(&said.event));
    said.map(|(place, _)| place).nth(after).expect("waited for")
}

/// How many figures of its path an end has had meanwhile.
fn seconds(said: &[Said], end: usize) -> usize {
    said.iter().filter(|said| said.end == end && matches!(said.event, PeerEvent::Path(_))).count()
}

#[test]
fn a_path_that_falls_silent_is_distrusted_after_two_seconds_and_left_after_two_more() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(folder.path(), MatchRoute::Relay));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let servers = ice_servers(&server, "ada").await;
        let silent = Arc::<AtomicBool>::default();
        let mut ways = Vec::new();
        for _ in 0..2 {
            let heard = Arc::<Mutex<Option<Instant>>>::default();
            let (silent, noting) = (Arc::clone(&silent), Arc::clone(&heard));
            let front = Front::open(&servers, move |way, datagram| {
                let lost = silent.load(Ordering::Relaxed);
                if way == Way::In && is_check(datagram) && !lost {
                    *noting.lock().expect("no holder panics") = Some(Instant::now());
                }
                !lost
            });
            ways.push(Watched { front: front.await, heard });
        }
        let mut pair = Pair::open([0, 1].map(|end: usize| ways[end].front.before(&servers)), None);
        pair.connect().await;
        pair.until_both(1, |event| matches!(event, PeerEvent::ChannelOpen { .. })).await;

        silent.store(true, Ordering::Relaxed);
        let begins = pair.said.len();
        let lost = |event: &PeerEvent| *event == PeerEvent::Disconnected;
        let offers = |event: &PeerEvent| matches!(event, PeerEvent::LocalOffer(_));
        pair.until_both(1, lost).await;
        pair.until([2, 0], offers).await;
        let heard =
            [0, 1].map(|end: usize| ways[end].heard.lock().expect("no holder panics").expect("checks"));
        silent.store(false, Ordering::Relaxed);
        pair.until_both(1, |event| *event == PeerEvent::Reconnected).await;

        let distrusted = [0, 1].map(|end| place(&pair, end, 0, lost));
        for end in [0, 1] {
            let waited = pair.said[distrusted[end]].at.duration_since(heard[end]);
            assert!(waited >= SILENT_FOR, "end {end} after {waited:?}");
            let seconds = seconds(&pair.said[begins..distrusted[end]], end);
            assert!(seconds <= FIGURES_MOST, "end {end} after {seconds} s, {waited:?}");
        }
        let left = place(&pair, 0, 1, offers);
        let waited = pair.said[left].at.duration_since(heard[0]);
        assert!(waited >= 2 * SILENT_FOR, "left after {waited:?}");
        let seconds = seconds(&pair.said[distrusted[0]..left], 0);
        assert!(seconds <= FIGURES_MOST, "left after {seconds} s more, {waited:?} in all");
    });
}

//! The pure matchmaker beside the plainest thing that gives the same pairs: a scan of the queue.

use crate::percentile;
use crate::row::{Better, Row};
use castle::ids::{GuestId, SessionId};
use castle_server::matchmaker::{Criteria, Join, MatchConfig, Matchmaker};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Decisions measured at each size.
const DECISIONS: usize = 2_000;
/// A scan is slow: fewer of its decisions tell as much.
const SCANS: usize = 200;

/// A guest who speaks one language nobody else in the queue speaks.
fn hermit(number: u128) -> Join {
    Join {
        session: SessionId::from_bits(number),
        guest: GuestId::from_bits(number),
        request_id: "r".to_owned(),
        criteria: Criteria { languages: [Arc::from(format!("x-{number}"))].into(), ..Criteria::default() },
    }
}

pub(crate) fn rows() -> Vec<Row> {
    [10_000, 100_000].into_iter().flat_map(at).collect()
}

fn at(waiting: u128) -> Vec<Row> {
    let mut matchmaker = Matchmaker::new(MatchConfig { queue_max: 200_000, ..MatchConfig::default() });
    let now = Duration::from_secs(1);
    for number in 0..waiting {
        matchmaker.join(now, hermit(number)).expect("the queue has room");
    }
    assert!(matchmaker.next_pairing(now).is_none(), "hermits meet nobody");

    let mut decisions = Vec::with_capacity(DECISIONS);
    let begun = Instant::now();
    for arrival in 0..DECISIONS as u128 {
        let partner = arrival * (waiting / DECISIONS as u128);
        let mut join = hermit(partner);
        join.guest = GuestId::from_bits(waiting + arrival);
        join.session = SessionId::from_bits(waiting + arrival);
        let at = Instant::now();
        matchmaker.join(now, join).expect("the queue has room");
        let pair = matchmaker.next_pairing(now).expect("the hermit of that language waits");
        decisions.push(at.elapsed().as_secs_f64() * 1e6);
        assert!(pair.iter().any(|half| half.guest == GuestId::from_bits(partner)), "the right one");
    }
    let pairs_per_second = DECISIONS as f64 / begun.elapsed().as_secs_f64();

    let queue: Vec<Join> = (0..waiting).map(hermit).collect();
    let mut scans: Vec<f64> = (0..SCANS)
        .map(|arrival| {
            let language = &queue[arrival * queue.len() / SCANS].criteria.languages;
            let at = Instant::now();
            let found = queue.iter().position(|join| !join.criteria.languages.is_disjoint(language));
            assert!(std::hint::black_box(found).is_some(), "the hermit of that language waits");
            at.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    let name = |figure: &str| format!("match: {figure}, {waiting} waiting");
    vec![
        Row::new(name("pairs decided"), "pairs/s", Better::Higher, pairs_per_second),
        Row::new(name("decision p50"), "µs", Better::Lower, percentile(&mut decisions, 0.5))
            .beside("a scan of the queue", percentile(&mut scans, 0.5)),
        Row::new(name("decision p99"), "µs", Better::Lower, percentile(&mut decisions, 0.99))
            .beside("a scan of the queue", percentile(&mut scans, 0.99)),
    ]
}

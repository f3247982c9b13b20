//! Seeded schedules in tests: which seeds run, and what a failing one says.
//!
//! `CASTLE_SEEDS=from..to` runs those instead of the usual ones, `CASTLE_SEEDS=17` one alone.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Runs `schedule` with each seed, those in `again` first: they failed once. A seed that fails says how to replay it.
pub(crate) fn each(test: &str, again: &[u64], usual: Range<u64>, mut schedule: impl FnMut(u64)) {
    let asked = std::env::var("CASTLE_SEEDS").ok().map(|text| {
        parse(&text).unwrap_or_else(|| panic!("CASTLE_SEEDS={text} is neither a seed nor from..to"))
    });
    let again = if asked.is_some() { &[] } else { again };
    for seed in again.iter().copied().chain(asked.unwrap_or(usual)) {
        if let Err(failure) = catch_unwind(AssertUnwindSafe(|| schedule(seed))) {
            println!("replay: CASTLE_SEEDS={seed} cargo test --workspace --lib -- {test} --nocapture");
            resume_unwind(failure);
        }
    }
}

fn parse(text: &str) -> Option<Range<u64>> {
    match text.split_once("..") {
        Some((from, to)) => Some(from.parse().ok()?..to.parse().ok()?),
        None => text.parse().ok().map(|seed: u64| seed..seed + 1),
    }
}

#[test]
fn seeds_are_one_or_a_range() {
    assert_eq!((parse("7"), parse("3..9"), parse("some")), (Some(7..8), Some(3..9), None));
}

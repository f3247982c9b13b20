//! The clocks of two ends are told apart, whatever the path between them does.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;

/// A peer whose clock has an offset and a skew, asked over a path with its own delays.
struct Peer {
    offset_us: i64,
    skew_ppm: i64,
}

impl Peer {
    fn clock_at(&self, local_us: u64) -> i64 {
        local_us as i64 + self.offset_us + local_us as i64 * self.skew_ppm / 1_000_000
    }

    fn ping(&self, sent_us: u64, there_us: u64, back_us: u64) -> PingSample {
        let peer_us = self.clock_at(sent_us + there_us) as u64;
        PingSample { sent_us, peer_us, received_us: sent_us + there_us + back_us }
    }
}

#[test]
fn without_a_sample_nothing_is_claimed() {
    let alignment = ClockAlignment::new();
    assert_eq!(alignment.peer_to_local_us(5), None);
    assert_eq!(alignment.error_ms(), None);
}

#[test]
fn a_symmetric_ping_gives_the_offset_exactly() {
    let peer = Peer { offset_us: 7_000_000, skew_ppm: 0 };
    let mut alignment = ClockAlignment::new();
    assert!(alignment.add(peer.ping(1_000_000, 10_000, 10_000)));
    assert_eq!(alignment.local_to_peer_us(2_000_000), Some(9_000_000));
    assert_eq!(alignment.peer_to_local_us(9_000_000), Some(2_000_000));
    assert_eq!(alignment.error_ms(), Some(10.0));
}

#[test]
fn the_quickest_round_trip_decides() {
    let peer = Peer { offset_us: 3_000_000, skew_ppm: 0 };
    let mut alignment = ClockAlignment::new();
    alignment.add(peer.ping(0, 90_000, 2_000));
    alignment.add(peer.ping(1_000_000, 1_000, 1_000));
    alignment.add(peer.ping(2_000_000, 2_000, 150_000));
    assert_eq!(alignment.local_to_peer_us(0), Some(3_000_000));
    assert!(alignment.error_ms().is_some_and(|error| error < 1.2));
}

#[test]
fn rubbish_is_refused() {
    let mut alignment = ClockAlignment::new();
    assert!(!alignment.add(PingSample { sent_us: 10, peer_us: 5, received_us: 9 }));
    assert!(!alignment.add(PingSample { sent_us: 0, peer_us: 5, received_us: 20_000_000 }));
    assert!(!alignment.add(PingSample { sent_us: 0, peer_us: u64::MAX, received_us: 10 }));
    for peer_us in [CLOCK_MAX_US + 1, i64::MAX as u64, i64::MAX as u64 + 1] {
        assert!(!alignment.add(PingSample { sent_us: 0, peer_us, received_us: 10 }), "{peer_us}");
    }
    assert_eq!(alignment.error_ms(), None);
}

#[test]
fn whatever_a_peer_says_of_its_clock_no_sum_overflows() {
    let extremes = [0, 1, 1_000_000, CLOCK_MAX_US - 1, CLOCK_MAX_US, i64::MAX as u64, u64::MAX];
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let mut any = move || extremes[rng.next_u32() as usize % extremes.len()];
    for _ in 0..2000 {
        let mut alignment = ClockAlignment::new();
        for period in 0..10 {
            let sent_us = period * 5_000_000 - u64::from(period % 2 == 1);
            alignment.add(PingSample { sent_us, peer_us: any(), received_us: sent_us });
        }
        for asked in extremes {
            let bound = 4 * CLOCK_MAX_US;
            for told in [alignment.peer_to_local_us(asked), alignment.local_to_peer_us(asked)] {
                assert!(told.is_none_or(|us| us.unsigned_abs() <= bound), "{told:?} of {asked}");
            }
        }
    }
}

#[test]
fn skew_is_found_over_a_minute() {
    let peer = Peer { offset_us: 50_000_000, skew_ppm: 80 };
    let mut alignment = ClockAlignment::new();
    for second in 0..60u64 {
        alignment.add(peer.ping(second * 1_000_000, 500, 500));
    }
    assert!((alignment.skew_ppm() - 80.0).abs() < 5.0, "{}", alignment.skew_ppm());
    let asked = 75_000_000;
    let error = alignment.local_to_peer_us(asked).expect("aligned") - peer.clock_at(asked);
    assert!(error.abs() < 200, "{error} µs");
}

#[test]
fn the_error_bound_holds_on_ten_thousand_random_paths() {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    for _ in 0..10_000 {
        let peer = Peer {
            offset_us: i64::from(rng.next_u32() % 1_000_000_000),
            skew_ppm: i64::from(rng.next_u32() % 100) - 50,
        };
        let mut alignment = ClockAlignment::new();
        for second in 0..u64::from(rng.next_u32() % 30 + 1) {
            let (there, back) = (u64::from(rng.next_u32() % 80_000), u64::from(rng.next_u32() % 80_000));
            alignment.add(peer.ping(second * 1_000_000, there, back));
            let now_us = second * 1_000_000 + there;
            let error_us = alignment.local_to_peer_us(now_us).expect("aligned") - peer.clock_at(now_us);
            let bound_us = alignment.error_ms().expect("aligned") * 1000.0 + 20.0;
            assert!(error_us.abs() as f64 <= bound_us, "{error_us} µs over {bound_us}");
        }
    }
}

//! The controller on emulated paths, each with many seeds.

use super::path::{Path, play};
use super::*;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

const CLEAN: Path = Path {
    bps: 3e6,
    delay_ms: 20.0,
    queue_ms: 300.0,
    jitter_ms: 0.0,
    loss: 0.0,
    policed: false,
    tcp: false,
    burst: None,
    small_below_bps: 0.0,
};
const SEEDS: u64 = 20;

#[test]
fn a_call_starts_fast() {
    for seed in 0..SEEDS {
        let seen = play(seed, 10.0, |_| CLEAN);
        let reached = seen.reached(2e6, 0.0);
        assert!(reached <= 3.0, "seed {seed}: 2 Mb/s after {reached} s");
        assert!(seen.queue_p95() < 120.0, "seed {seed}: {} ms in the queue", seen.queue_p95());
        assert!(seen.mean_bps(5.0, 10.0) > 1.9e6, "seed {seed}: {} bit/s", seen.mean_bps(5.0, 10.0));
    }
}

#[test]
fn a_dip_is_followed_at_once_and_left_within_seconds() {
    for seed in 0..SEEDS {
        let dip = |at: f64| if (15.0..25.0).contains(&at) { 0.3e6 } else { 2e6 };
        let seen = play(seed, 40.0, |at| Path { bps: dip(at), ..CLEAN });
        let gap = seen.longest_gap(14.0, 26.0);
        assert!(gap <= 1.0, "seed {seed}: no frame for {gap} s");
        assert!(seen.mean_bps(18.0, 25.0) > 0.2e6, "seed {seed}: {} bit/s", seen.mean_bps(18.0, 25.0));
        let back = seen.reached(1.6e6, 25.0);
        assert!(back <= 5.0, "seed {seed}: back at 1.6 Mb/s after {back} s");
    }
}

#[test]
fn small_pictures_that_do_not_fill_the_rate_are_no_reason_to_stay_with_them() {
    let dip = |at: f64| if (15.0..25.0).contains(&at) { 0.3e6 } else { 2e6 };
    let plain = Path { small_below_bps: 0.8e6, ..CLEAN };
    // Bursts look slower than they are where each packet is late by another time.
    let jittery = Path { small_below_bps: 1.6e6, jitter_ms: 15.0, queue_ms: 1000.0, ..CLEAN };
    for path in [plain, jittery] {
        for seed in 0..SEEDS * 2 {
            let seen = play(seed, 40.0, |at| Path { bps: dip(at), ..path });
            let back = seen.reached(1.6e6, 25.0);
            assert!(back <= 4.0, "seed {seed}: back at 1.6 Mb/s after {back} s");
        }
    }
}

#[test]
fn loss_that_has_nothing_to_do_with_the_rate_does_not_starve_the_call() {
    for seed in 0..SEEDS {
        let seen = play(seed, 40.0, |_| Path { bps: 2e6, loss: 0.2, ..CLEAN });
        let arrives = seen.mean_bps(10.0, 40.0);
        assert!(arrives > 0.6 * 2e6, "seed {seed}: {arrives} bit/s of 2 Mb/s at a loss of 20 %");
        let seen = play(seed, 30.0, |_| Path { loss: 0.05, delay_ms: 50.0, ..CLEAN });
        let arrives = seen.mean_bps(10.0, 30.0);
        assert!(arrives > 1.6e6, "seed {seed}: {arrives} bit/s at a loss of 5 %");
    }
}

#[test]
fn loss_that_comes_in_the_middle_of_a_call_and_no_cut_lowers_is_left_alone() {
    for seed in 0..SEEDS {
        let spike = |at: f64| if (10.0..20.0).contains(&at) { 0.3 } else { 0.0 };
        let seen = play(seed, 30.0, |at| Path { bps: 2e6, loss: spike(at), ..CLEAN });
        let arrives = seen.mean_bps(14.0, 20.0);
        assert!(arrives > 0.6e6, "seed {seed}: {arrives} bit/s at a loss of 30 %");
        let back = seen.reached(1.6e6, 20.0);
        assert!(back <= 5.0, "seed {seed}: back at 1.6 Mb/s after {back} s");
    }
}

#[test]
fn a_bloated_buffer_stays_nearly_empty() {
    for seed in 0..SEEDS {
        let seen = play(seed, 40.0, |_| Path { bps: 1e6, queue_ms: 1000.0, ..CLEAN });
        assert!(seen.queue_p95() <= 150.0, "seed {seed}: {} ms in the queue", seen.queue_p95());
        assert!(seen.mean_bps(10.0, 40.0) > 0.7e6, "seed {seed}: {} bit/s", seen.mean_bps(10.0, 40.0));
    }
}

#[test]
fn a_short_buffer_is_found_by_what_it_loses() {
    for seed in 0..SEEDS {
        let seen = play(seed, 40.0, |_| Path { bps: 1e6, queue_ms: 15.0, ..CLEAN });
        assert!(seen.mean_bps(10.0, 40.0) > 0.5e6, "seed {seed}: {} bit/s", seen.mean_bps(10.0, 40.0));
        assert!(seen.lost_share() < 0.3, "seed {seed}: {} of it lost", seen.lost_share());
    }
}

#[test]
fn a_path_that_throws_away_what_exceeds_its_rate_is_not_sent_much_more() {
    let mut lost = 0.0;
    for seed in 0..SEEDS {
        let seen = play(seed, 60.0, |_| Path { bps: 1e6, policed: true, ..CLEAN });
        assert!(seen.mean_bps(10.0, 60.0) > 0.8e6, "seed {seed}: {} bit/s", seen.mean_bps(10.0, 60.0));
        assert!(seen.lost_share() < 0.3, "seed {seed}: {} of it lost", seen.lost_share());
        lost += seen.lost_share();
    }
    assert!(lost / (SEEDS as f64) < 0.15, "{lost} of {SEEDS} lost");
}

#[test]
fn a_way_that_became_longer_is_no_queue() {
    for later_ms in [40.0, 80.0, 180.0] {
        for seed in 0..SEEDS {
            let delay = |at: f64| if at < 15.0 { 20.0 } else { 20.0 + later_ms };
            let seen = play(seed, 40.0, |at| Path { delay_ms: delay(at), ..CLEAN });
            let after = seen.mean_bps(27.0, 40.0);
            assert!(after > 1.8e6, "seed {seed}: {after} bit/s on a way {later_ms} ms longer");
        }
    }
}

#[test]
fn beside_a_tcp_flow_neither_starves() {
    for queue_ms in [100.0, 300.0, 1000.0] {
        for seed in 0..3 {
            let seen = play(seed, 120.0, |at| Path { bps: 1e6, queue_ms, tcp: at > 10.0, ..CLEAN });
            let (ours, tcp) = (seen.mean_bps(30.0, 120.0), seen.tcp_bits / 110.0);
            assert!(ours > 0.15e6, "seed {seed}, queue of {queue_ms} ms: {ours} bit/s are left to us");
            assert!(tcp > 0.4e6, "seed {seed}, queue of {queue_ms} ms: {tcp} bit/s are left to TCP");
        }
    }
}

#[test]
fn a_rate_that_fell_to_the_least_rises_again_whatever_the_path_loses_by_itself() {
    for (loss, delay_ms) in [(0.15, 20.0), (0.25, 20.0), (0.15, 400.0)] {
        for seed in 0..SEEDS {
            let bps = |at: f64| if (5.0..12.0).contains(&at) { 40e3 } else { 3e6 };
            let seen = play(seed, 60.0, |at| Path { bps: bps(at), loss, delay_ms, ..CLEAN });
            let mean = seen.mean_bps(45.0, 60.0);
            assert!(mean > 0.5e6, "{loss} lost, {delay_ms} ms, seed {seed}: {mean} bit/s");
        }
    }
}

#[test]
fn loss_while_there_is_nothing_but_sound_to_send_takes_nothing_from_the_pictures_after_it() {
    for seed in 0..SEEDS {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut control = Congestion::new(Duration::ZERO, 2_500_000);
        for report in 0..1000 {
            let packets: Vec<_> = (0..3)
                .map(|packet| {
                    let sent = Duration::from_millis(report * 60 + packet * 20);
                    control.sent(sent, 120);
                    let lost = rng.random_bool(0.1);
                    let fate =
                        if lost { Fate::Lost } else { Fate::Arrived(sent + Duration::from_millis(20)) };
                    PacketReport { sent, fate, bytes: 120 }
                })
                .collect();
            control.report(Duration::from_millis(report * 60 + 80), &packets);
        }
        assert_eq!(control.target_bps(), START_BPS, "seed {seed}");
    }
}

#[test]
fn jitter_and_bursts_of_loss_leave_a_call_standing() {
    for seed in 0..SEEDS {
        let jittery = Path { bps: 0.3e6, delay_ms: 150.0, jitter_ms: 200.0, queue_ms: 500.0, ..CLEAN };
        let arrives = play(seed, 60.0, |_| jittery).mean_bps(10.0, 60.0);
        assert!(arrives > 0.1e6, "seed {seed}: {arrives} bit/s through jitter");
        let bursts = play(seed, 60.0, |_| Path { burst: Some((0.01, 0.1, 0.5)), bps: 2e6, ..CLEAN });
        let arrives = bursts.mean_bps(10.0, 60.0);
        assert!(arrives > 0.8e6, "seed {seed}: {arrives} bit/s through bursts");
    }
}

#[test]
fn silence_halves_the_rate_and_holds_pictures_back() {
    let mut control = Congestion::new(Duration::ZERO, 2_500_000);
    let at = Duration::from_millis;
    let mut clog = Clog::default();
    control.sent(at(0), 1200);
    assert!(!control.is_clogged(at(100), 0, &mut clog));
    for now in (0..1300).step_by(100) {
        control.tick(at(now));
    }
    assert_eq!(control.target_bps(), START_BPS / 2, "what left long ago is written off, and halves once");
    control.sent(at(1300), 200_000);
    assert!(control.is_clogged(at(1310), 0, &mut clog));
}

#[test]
fn what_waits_for_its_turn_counts_as_what_is_on_its_way() {
    let mut control = Congestion::new(Duration::ZERO, 2_500_000);
    let at = Duration::from_millis;
    let (mut camera, mut screen) = (Clog::default(), Clog::default());
    assert!(!control.is_clogged(at(10), 24_000, &mut camera), "a key frame may wait");
    assert!(control.is_clogged(at(10), 300_000, &mut screen));
    assert!(!control.is_clogged(at(10), 24_000, &mut camera), "what waits behind it is no matter to it");
    assert!(control.is_clogged(at(10), 20_000, &mut screen), "little enough again is less");
    assert!(!control.is_clogged(at(10), 15_000, &mut screen));
    assert!(!control.is_filled());
    control.sent(at(10), 39_000);
    assert!(
        control.is_filled() && !control.is_clogged(at(10), 0, &mut camera),
        "room is left for who cannot wait"
    );
}

#[test]
fn no_report_takes_it_out_of_its_bounds() {
    for seed in 0..200 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut control = Congestion::new(Duration::ZERO, 2_500_000);
        let (mut now, mut clog) = (Duration::ZERO, Clog::default());
        for _ in 0..500 {
            now += Duration::from_micros(rng.random_range(0..200_000));
            let time = |rng: &mut ChaCha8Rng| match rng.random_range(0..8) {
                0 => Duration::ZERO,
                1 => Duration::MAX,
                2 => Duration::from_secs(1 << 40),
                _ => now.saturating_sub(Duration::from_millis(rng.random_range(0..500))),
            };
            let reports: Vec<PacketReport> = (0..rng.random_range(0..20))
                .map(|_| PacketReport {
                    sent: time(&mut rng),
                    fate: match rng.random_range(0..10) {
                        0 => Fate::Lost,
                        1 => Fate::Unreported,
                        _ => Fate::Arrived(time(&mut rng)),
                    },
                    bytes: rng.random_range(0..100_000),
                })
                .collect();
            control.sent(now, rng.random_range(0..2000));
            control.report(now, &reports);
            control.tick(now);
            control.is_clogged(now, rng.random_range(0..100_000), &mut clog);
            let target = control.target_bps();
            assert!((MIN_BPS..=2_500_000).contains(&target), "seed {seed}: {target} bit/s");
            assert!(control.pace_bps(now) >= target, "seed {seed}");
        }
    }
}

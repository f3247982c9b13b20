//! What a call is to be like over bad networks, at both ends.

use super::line::Path;
use super::{Call, Seen, play};

const CLEAN: Path = Path { bps: 0.0, queue_ms: 300.0, delay_ms: 1.0, jitter_ms: 0.0, loss: 0.0, burst: None };
/// A home's uplink.
const NARROW: Path = Path { bps: 2e6, delay_ms: 20.0, ..CLEAN };
const SEEDS: u64 = 3;

/// Plays with several seeds, and looks at each call with its figures at hand.
fn over(name: &str, seconds: f64, path: impl Fn(f64) -> Path, look: impl Fn(&Call, &str)) {
    for seed in 0..SEEDS {
        let call = play(seed, seconds, &path);
        let said = format!("{name}, seed {seed}:{}{}", row(&call, 0, seconds), row(&call, 1, seconds));
        eprintln!("{said}");
        look(&call, &said);
    }
}

fn row(call: &Call, at: usize, seconds: f64) -> String {
    let (seen, line, other) = (&call.seen[at], &call.lines[1 - at], &call.ends[1 - at]);
    format!(
        "\n    frozen {:.2} %, longest {:.2} s, {:.1} fps, delay {:.0}/{:.0} ms, concealed {:.1} %, carried {:.0} kbit/s, \
         queue {:.0} ms, {} key frames of {} asked for, {} given up",
        seen.frozen_share(0.0, seconds) * 100.0,
        seen.longest_gap(1.0, seconds),
        seen.fps(1.0, seconds),
        seen.delay_ms(0.5),
        seen.delay_ms(0.95),
        seen.concealed_share(0.0, seconds) * 100.0,
        line.bps(5.0, seconds) / 1e3,
        line.queue_p95_ms(3.0),
        other.key_frames(),
        seen.key_frames_asked,
        call.ends[at].given_up(),
    )
}

fn each(call: &Call) -> impl Iterator<Item = &Seen> {
    call.seen.iter()
}

#[test]
fn on_a_good_path_every_picture_is_shown_at_once() {
    over(
        "clean",
        15.0,
        |_| CLEAN,
        |call, said| {
            assert!(each(call).all(|seen| seen.freezes.is_empty() && seen.fps(1.0, 15.0) > 29.0), "{said}");
            assert!(each(call).all(|seen| seen.delay_ms(0.95) < 10.0), "{said}");
        },
    );
}

#[test]
fn a_call_is_at_two_megabits_within_three_seconds() {
    over(
        "start",
        10.0,
        |_| Path { bps: 3e6, queue_ms: 200.0, ..NARROW },
        |call, said| {
            assert!(call.lines.iter().all(|line| line.reached(2e6, 0.0) <= 3.0), "{said}");
        },
    );
}

#[test]
fn one_packet_in_twenty_lost_on_a_long_path_is_not_seen() {
    over(
        "loss of 5 %",
        30.0,
        |_| Path { delay_ms: 50.0, loss: 0.05, ..CLEAN },
        |call, said| {
            assert!(each(call).all(|seen| seen.frozen_share(0.0, 30.0) <= 0.01), "{said}");
            assert!(each(call).all(|seen| seen.concealed_share(0.0, 30.0) <= 0.03), "{said}");
            assert!(each(call).all(|seen| seen.fps(2.0, 30.0) > 25.0), "{said}");
        },
    );
}

#[test]
fn one_packet_in_five_lost_leaves_the_path_in_use() {
    over(
        "loss of 20 %",
        30.0,
        |_| Path { loss: 0.2, ..NARROW },
        |call, said| {
            assert!(call.lines.iter().all(|line| line.bps(5.0, 30.0) >= 0.6 * 2e6), "{said}");
        },
    );
}

#[test]
fn a_path_that_becomes_a_seventh_for_a_while_stops_no_picture_for_long() {
    let dip = |at| Path { bps: if (10.0..20.0).contains(&at) { 3e5 } else { 2e6 }, ..NARROW };
    over("dip", 30.0, dip, |call, said| {
        eprintln!("  gaps at the drop {:.2} {:.2}, back after {:.1} {:.1}", call.seen[0].longest_gap(9.5, 20.0), call.seen[1].longest_gap(9.5, 20.0),
            call.lines[0].reached(0.8 * call.lines[0].bps(7.0, 10.0), 20.0), call.lines[1].reached(0.8 * call.lines[1].bps(7.0, 10.0), 20.0));
        assert!(each(call).all(|seen| seen.longest_gap(9.5, 20.0) <= 1.0), "{said}");
        assert!(call.lines.iter().all(|line| line.reached(0.8 * line.bps(7.0, 10.0), 20.0) <= 5.0), "{said}");
    });
}

#[test]
fn ten_seconds_of_heavy_loss_are_over_when_they_are_over() {
    let spike = |at| Path { loss: if (10.0..20.0).contains(&at) { 0.3 } else { 0.0 }, ..NARROW };
    over("spike", 30.0, spike, |call, said| {
        eprintln!("  gaps {:.2} {:.2}, after {:.2} {:.2} back after {:.1} {:.1}", call.seen[0].longest_gap(9.5, 20.0), call.seen[1].longest_gap(9.5, 20.0),
            call.seen[0].longest_gap(20.0, 30.0), call.seen[1].longest_gap(20.0, 30.0),
            call.lines[0].reached(0.8 * call.lines[0].bps(7.0, 10.0), 20.0), call.lines[1].reached(0.8 * call.lines[1].bps(7.0, 10.0), 20.0));
        assert!(each(call).all(|seen| seen.longest_gap(9.5, 30.0) <= 5.0), "{said}");
        assert!(call.lines.iter().all(|line| line.reached(0.8 * line.bps(7.0, 10.0), 20.0) <= 5.0), "{said}");
    });
}

#[test]
fn bursts_of_loss_leave_a_call_standing() {
    over(
        "bursts",
        30.0,
        |_| Path { burst: Some((0.1, 0.5, 1.0)), ..NARROW },
        |call, said| {
            assert!(each(call).all(|seen| seen.longest_gap(1.0, 30.0) <= 5.0), "{said}");
            assert!(each(call).all(|seen| seen.concealed_share(0.0, 30.0) <= 0.1), "{said}");
        },
    );
}

#[test]
fn heavy_jitter_on_a_thin_path_leaves_sound_and_moving_pictures() {
    let jitter = Path { bps: 3e5, queue_ms: 500.0, delay_ms: 150.0, jitter_ms: 200.0, ..CLEAN };
    over(
        "jitter",
        30.0,
        |_| jitter,
        |call, said| {
            assert!(each(call).all(|seen| seen.longest_gap(2.0, 30.0) <= 5.0), "{said}");
            assert!(each(call).all(|seen| seen.concealed_share(0.0, 30.0) <= 0.1), "{said}");
        },
    );
}

#[test]
fn a_bloated_buffer_stays_nearly_empty() {
    over(
        "bufferbloat",
        30.0,
        |_| Path { bps: 1e6, queue_ms: 1000.0, ..NARROW },
        |call, said| {
            assert!(call.lines.iter().all(|line| line.queue_p95_ms(3.0) <= 150.0), "{said}");
        },
    );
}

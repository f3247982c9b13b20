//! The jitter buffer under seeded arrivals: order, delay, and what it says of gaps.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;

const FRAME: u32 = FRAME_SAMPLES as u32;

fn speech() -> Bytes {
    // A SILK frame of 20 ms by its table of contents; the buffer looks no further.
    Bytes::from_static(&[0x48, 1, 2, 3, 4, 5])
}

/// What a frame loses or gains when it is stretched, samples: a period of a low voice.
const PERIOD: i64 = 300;

/// Plays a schedule of (arrival µs, timestamp) against pulls by a device whose clock drifts.
struct Run {
    buffer: JitterBuffer,
    played: Vec<u32>,
    pulls: Vec<Pull>,
    /// Delay at the end of each second, ms.
    delays: Vec<f64>,
}

impl Run {
    fn new() -> Self {
        Self { buffer: JitterBuffer::new(), played: Vec::new(), pulls: Vec::new(), delays: Vec::new() }
    }

    fn play(mut self, mut arrivals: Vec<(u64, u32, Bytes)>, until_us: u64, drift_ppm: f64) -> Self {
        arrivals.sort_by_key(|(at, ..)| *at);
        let mut arrivals = arrivals.into_iter().peekable();
        let mut now = 0.0;
        while (now as u64) < until_us {
            while let Some((at, timestamp, payload)) = arrivals.next_if(|(at, ..)| *at as f64 <= now) {
                self.buffer.push(timestamp, payload, at);
            }
            let speed = self.buffer.speed();
            let pull = self.buffer.pull(now as u64);
            let mut samples = FRAME_SAMPLES as i64;
            if let Pull::Packet { timestamp, pace, .. } = &pull {
                self.played.push(*timestamp);
                let shortened = match pace {
                    Pace::Steady => 0,
                    Pace::Faster | Pace::MuchFaster => PERIOD,
                    Pace::Slower => -PERIOD,
                };
                samples -= shortened;
                self.buffer.note_shortened(shortened);
            }
            self.pulls.push(pull);
            now += samples as f64 / 48e-3 / speed * (1.0 + drift_ppm / 1e6);
            if self.delays.len() < (now / 1e6) as usize {
                self.delays.push(self.buffer.stats(now as u64).delay_ms);
            }
        }
        self
    }

    fn count(&self, pull: &Pull) -> usize {
        self.pulls.iter().filter(|other| *other == pull).count()
    }
}

fn steady(frames: u32) -> Vec<(u64, u32, Bytes)> {
    (0..frames).map(|n| (u64::from(n) * FRAME_US, n.wrapping_mul(FRAME), speech())).collect()
}

#[test]
fn a_steady_stream_is_played_whole_with_little_delay() {
    let run = Run::new().play(steady(1000), 20_000_000, 0.0);
    let stats = run.buffer.stats(20_000_000);
    assert!(run.played.len() >= 990, "{}", run.played.len());
    assert!(run.played.windows(2).all(|pair| pair[1] == pair[0] + FRAME));
    assert_eq!((stats.packets_lost, stats.packets_late, stats.concealed_ms), (0, 0, 0), "{stats:?}");
    assert!(stats.delay_ms < 45.0, "{stats:?}");
    assert_eq!(stats.lengthened_ms, 0, "{stats:?}");
}

#[test]
fn nothing_is_played_before_anything_came() {
    let mut buffer = JitterBuffer::new();
    assert_eq!(buffer.pull(1_000_000), Pull::Nothing);
    buffer.push(5, speech(), 1_000_000);
    assert_eq!(buffer.pull(1_000_001), Pull::Nothing, "the first packet waits for the target");
    assert_eq!(buffer.pull(1_040_000), Pull::Packet { timestamp: 5, payload: speech(), pace: Pace::Steady });
}

#[test]
fn a_lost_packet_is_recovered_from_its_successor_and_two_are_concealed() {
    let mut arrivals = steady(200);
    arrivals.retain(|(_, timestamp, _)| ![FRAME * 50, FRAME * 100, FRAME * 101].contains(timestamp));
    let run = Run::new().play(arrivals, 3_500_000, 0.0);
    assert_eq!(run.count(&Pull::Recover { payload: speech() }), 2, "the one, and the second of the two");
    assert_eq!(run.count(&Pull::Conceal), 1);
    assert_eq!(run.buffer.stats(0).packets_lost, 3);
}

#[test]
fn doubles_and_latecomers_are_dropped_and_counted() {
    let mut arrivals = steady(100);
    arrivals.push((30 * FRAME_US + 1, 30 * FRAME, speech()));
    arrivals.push((1_500_000, 10 * FRAME, speech()));
    let run = Run::new().play(arrivals, 1_900_000, 0.0);
    let stats = run.buffer.stats(0);
    assert_eq!((stats.packets_duplicate, stats.packets_late, stats.packets_lost), (1, 1, 0));
}

#[test]
fn silence_is_comfort_and_no_loss() {
    let mut arrivals = steady(200);
    arrivals.retain(|(_, timestamp, _)| !(FRAME * 51..FRAME * 120).contains(timestamp));
    arrivals[50].2 = Bytes::from_static(&[0x48]);
    let run = Run::new().play(arrivals, 3_500_000, 0.0);
    let stats = run.buffer.stats(0);
    assert_eq!((stats.packets_lost, stats.concealed_ms), (0, 0), "{stats:?}");
    let comfort = run.count(&Pull::Comfort);
    assert!((67..=71).contains(&comfort), "{comfort}");
}

#[test]
fn timestamps_wrap_without_a_click() {
    let start = u32::MAX - 20 * FRAME;
    let mut arrivals = steady(100);
    for (_, timestamp, _) in &mut arrivals {
        *timestamp = timestamp.wrapping_add(start);
    }
    let run = Run::new().play(arrivals, 2_500_000, 0.0);
    assert_eq!(run.played.len(), 100);
    assert!(run.played.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(FRAME)));
}

#[test]
fn a_burst_after_a_stall_does_not_leave_its_delay_behind() {
    let mut arrivals = steady(1500);
    for (at, ..) in &mut arrivals {
        if (2_000_000..3_000_000).contains(at) {
            *at = 3_000_000;
        }
    }
    let run = Run::new().play(arrivals, 29_000_000, 0.0);
    let stats = run.buffer.stats(29_000_000);
    assert!(stats.delay_ms < stats.target_ms + 15.0 && stats.target_ms < 40.0, "{stats:?}");
}

#[test]
fn a_burst_of_loss_is_made_up_once_and_costs_no_delay() {
    let mut arrivals = steady(1000);
    let lost = |timestamp: u32| (FRAME * 500..FRAME * 508).contains(&timestamp);
    arrivals.retain(|(_, timestamp, _)| !lost(*timestamp));
    let run = Run::new().play(arrivals, 19_900_000, 0.0);
    let stats = run.buffer.stats(19_900_000);
    assert_eq!(stats.packets_lost, 8, "{stats:?}");
    assert!(stats.concealed_ms <= 180, "160 ms were missing: {stats:?}");
    assert!(stats.delay_ms < 45.0 && stats.shortened_ms < 60, "{stats:?}");
}

#[test]
fn thirty_minutes_of_clock_drift_leave_the_delay_where_it_was() {
    for drift_ppm in [-200.0, 200.0] {
        for jitter_us in [1, 40_000] {
            let mut rng = ChaCha8Rng::seed_from_u64(jitter_us);
            let mut arrivals = steady(90_000);
            for (at, ..) in &mut arrivals {
                *at += u64::from(rng.next_u32()) % jitter_us;
            }
            let run = Run::new().play(arrivals, 1_799_000_000, drift_ppm);
            let stats = run.buffer.stats(1_799_000_000);
            let (start, end) = (run.delays[20], run.delays[1790]);
            eprintln!("{drift_ppm} ppm, {jitter_us} µs: {start:.1} to {end:.1} ms, {stats:?}");
            assert!((end - start).abs() < 20.0, "{drift_ppm}: from {start} to {end} ms, {stats:?}");
            let most = run.delays[20..].iter().fold(0.0_f64, |most, delay| most.max(*delay));
            assert!(most < start + 40.0, "{drift_ppm}: at most {most} ms");
            assert!(stats.concealed_ms < 1_800_000 / 100, "less than 1 %: {stats:?}");
        }
    }
}

#[test]
fn drift_that_is_known_needs_no_stretching() {
    let run = Run::new().play(steady(30_000), 599_000_000, 200.0);
    let stats = run.buffer.stats(599_000_000);
    assert!((150.0..250.0).contains(&stats.drift_ppm), "{stats:?}");
    assert!(stats.shortened_ms < 100 && stats.concealed_ms <= 60, "{stats:?}");
}

#[test]
fn talk_after_silence_begins_with_the_delay_that_the_path_needs() {
    let mut arrivals = steady(600);
    // A second of wild jitter, then silence in which it ends.
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for (at, timestamp, payload) in &mut arrivals {
        if *timestamp < FRAME * 100 {
            *at += u64::from(rng.next_u32()) % 150_000;
        }
        if *timestamp == FRAME * 99 {
            *payload = Bytes::from_static(&[0x48]);
        }
    }
    arrivals.retain(|(_, timestamp, _)| !(FRAME * 100..FRAME * 300).contains(timestamp));
    let run = Run::new().play(arrivals, 11_900_000, 0.0);
    let target = run.buffer.stats(11_900_000).target_ms;
    assert!(run.delays[7] <= 200.0 && run.delays[10] < target + 30.0, "{:?}", run.delays);
}

#[test]
fn a_new_stream_of_other_timestamps_is_followed() {
    let mut arrivals = steady(50);
    arrivals.extend((50..100).map(|n| (n * FRAME_US, 3_000_000_000 + n as u32 * FRAME, speech())));
    let run = Run::new().play(arrivals, 2_500_000, 0.0);
    assert!(run.played.last().is_some_and(|last| *last == 3_000_000_000 + 99 * FRAME));
    assert!(run.played.contains(&(3_000_000_000 + 50 * FRAME)), "from its first packet on");
}

#[test]
fn one_packet_of_another_stream_is_no_new_stream() {
    let mut arrivals = steady(100);
    for n in [30, 60] {
        // Twice, as paths do it.
        arrivals.extend([1, 2].map(|us| (n * FRAME_US + us, 3_000_000_000 + n as u32, speech())));
    }
    let run = Run::new().play(arrivals, 1_900_000, 0.0);
    let stats = run.buffer.stats(0);
    assert_eq!((stats.packets_lost, stats.packets_late, stats.concealed_ms), (0, 0, 0), "{stats:?}");
    assert!(run.played.len() > 90 && run.played.windows(2).all(|pair| pair[1] == pair[0] + FRAME));
}

#[test]
fn what_was_counted_stays_counted_when_a_new_stream_begins() {
    let mut buffer = JitterBuffer::new();
    buffer.push(0, speech(), 0);
    buffer.note_shortened(4800);
    buffer.note_shortened(-9600);
    for n in 0..3 {
        buffer.push(3_000_000_000 + n * FRAME, speech(), (100 + u64::from(n)) * FRAME_US);
    }
    let stats = buffer.stats(0);
    assert_eq!((stats.packets_received, stats.shortened_ms, stats.lengthened_ms), (4, 100, 200));
}

/// Any path: the buffer stays bounded, plays in order and each once, and keeps its delay within bounds.
fn wander(seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (jitter_us, loss) = (u64::from(rng.next_u32() % 150_000) + 1, rng.next_u32() % 20);
    let start = rng.next_u32();
    let mut arrivals = Vec::new();
    for n in 0..600_u32 {
        let copies = [1, 1, 1, 1, 1, 1, 1, 1, 1, 2][rng.next_u32() as usize % 10];
        for _ in 0..copies {
            if rng.next_u32() % 100 >= loss {
                let at = u64::from(n) * FRAME_US + u64::from(rng.next_u32()) % jitter_us;
                arrivals.push((at, start.wrapping_add(n * FRAME), speech()));
            }
        }
    }
    let run = Run::new().play(arrivals, 12_500_000, 0.0);
    let in_order = run.played.windows(2).all(|pair| (pair[1].wrapping_sub(pair[0]) as i32) > 0);
    assert!(in_order, "seed {seed}: each once and in order");
    assert!(run.buffer.packets.len() <= MAX_PACKETS, "seed {seed}: bounded");
    let stats = run.buffer.stats(12_000_000);
    assert!(stats.delay_ms < 460.0, "seed {seed}: {stats:?}");
    let played = run.played.len() as u32 * 100 / 600;
    assert!(
        played + loss + 25 >= 100,
        "seed {seed}: {played} % of the frames played at {loss} % loss: {stats:?}"
    );
}

#[test]
fn a_thousand_seeded_paths_keep_order_and_bounds() {
    (0..1000).for_each(wander);
}

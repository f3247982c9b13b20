//! The echo test: far end, near end, both at once, several delays, a delay that changes, clocks that drift.
//!
//! A room in numbers: what the speaker plays comes back to the microphone late and coloured. What must hold is the
//! residual echo (how much of it is left) and the likeness of the near voice to what was said.

use std::sync::{Arc, Mutex};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;
use crate::media::audio::Cleaning;
use crate::media::echo::{ECHO_RING, EchoReference};
use crate::media::mic::SoundFrame;
use crate::media::opus::FRAME_SAMPLES;
use crate::media::ring::ring;
use crate::media::talk::talk;

const ONLY_ECHO: AudioProcessing =
    AudioProcessing { echo_cancellation: true, noise_suppression: false, gain_control: false };
const NOTHING: AudioProcessing =
    AudioProcessing { echo_cancellation: false, noise_suppression: false, gain_control: false };
/// Samples of a second.
const SECOND: usize = SAMPLE_RATE as usize;

/// How sound comes back from the room: 40 ms of reflections that die away, seeded.
fn room() -> Vec<(usize, f32)> {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut noise = || rng.next_u32() as f32 / u32::MAX as f32 - 0.5;
    let reflections =
        (1..40_usize).map(|n| (n * 48 + n * 7 % 31, 0.5 * (-(n as f32) / 10.0).exp() * noise()));
    std::iter::once((0, 0.4)).chain(reflections).collect()
}

/// What comes back of `played`, `delay(second)` samples later, by a microphone whose clock is off by `drift_ppm`.
fn echo_of(played: &[f32], delay: impl Fn(usize) -> usize, drift_ppm: f64) -> Vec<f32> {
    let room = room();
    let direct =
        |at: i64| usize::try_from(at).ok().and_then(|at| played.get(at)).copied().unwrap_or_default();
    (0..played.len())
        .map(|at| {
            let place = at as f64 * (1.0 + drift_ppm / 1e6) - delay(at / SECOND) as f64;
            let (whole, part) = (place.floor() as i64, place.fract() as f32);
            let reflected = |(late, gain): &(usize, f32)| {
                let at = whole - *late as i64;
                gain * (direct(at) * (1.0 - part) + direct(at + 1) * part)
            };
            room.iter().map(reflected).sum()
        })
        .collect()
}

fn processed(settings: AudioProcessing, microphone: &[f32], played: &[f32]) -> Vec<f32> {
    let mut processor = Processor::new(settings);
    let (frames, references) = (microphone.as_chunks::<ECHO_FRAME>().0, played.as_chunks::<ECHO_FRAME>().0);
    let mut output = Vec::with_capacity(microphone.len());
    for (frame, reference) in frames.iter().zip(references) {
        let mut frame = *frame;
        processor.process(&mut frame, reference);
        output.extend_from_slice(&frame);
    }
    output
}

fn power_db(samples: &[f32]) -> f32 {
    10.0 * (samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32)
        .max(1e-12)
        .log10()
}

/// The best likeness of `heard` to `said`, which the filters delay by up to 20 ms.
fn likeness(said: &[f32], heard: &[f32]) -> f32 {
    let alike = |delay: usize| {
        let (mut product, mut power_a, mut power_b) = (0.0_f64, 0.0_f64, 0.0_f64);
        for (a, b) in said.iter().zip(&heard[delay..]) {
            product += f64::from(a * b);
            power_a += f64::from(a * a);
            power_b += f64::from(b * b);
        }
        product / (power_a * power_b).sqrt().max(1e-12)
    };
    (0..960).step_by(4).map(alike).fold(0.0, f64::max) as f32
}

fn mixed(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

/// What is left of echo alone from second `from` on, dB below what came in.
fn attenuation_db(played: &[f32], echo: &[f32], from: usize) -> f32 {
    let output = processed(ONLY_ECHO, echo, played);
    power_db(&echo[from * SECOND..]) - power_db(&output[from * SECOND..])
}

#[test]
fn the_far_end_does_not_hear_itself_at_any_delay() {
    let played = talk(1, 12);
    for delay_ms in [5, 40, 120, 250] {
        let echo = echo_of(&played, |_| delay_ms * 48, 0.0);
        let db = attenuation_db(&played, &echo, 4);
        eprintln!("far end alone, {delay_ms} ms: {db:.1} dB less");
        assert!(db > 50.0, "{delay_ms} ms: only {db} dB");
    }
}

#[test]
fn a_delay_that_changes_in_mid_call_is_found_again_within_seconds() {
    let played = talk(1, 20);
    let echo = echo_of(&played, |second| if second < 8 { 40 * 48 } else { 110 * 48 }, 0.0);
    let output = processed(ONLY_ECHO, &echo, &played);
    let less = |from: usize, to: usize| {
        power_db(&echo[from * SECOND..to * SECOND]) - power_db(&output[from * SECOND..to * SECOND])
    };
    eprintln!("before {:.1} dB, after {:.1} dB", less(4, 8), less(13, 20));
    assert!(less(4, 8) > 50.0 && less(13, 20) > 50.0, "{} and {} dB", less(4, 8), less(13, 20));
}

#[test]
fn clocks_that_drift_do_not_bring_the_echo_back() {
    let played = talk(1, 30);
    for drift_ppm in [-200.0, 200.0] {
        let echo = echo_of(&played, |_| 60 * 48, drift_ppm);
        let db = attenuation_db(&played, &echo, 5);
        eprintln!("drift of {drift_ppm} ppm: {db:.1} dB less");
        assert!(db > 30.0, "{drift_ppm} ppm: only {db} dB");
    }
}

/// How long after its last sample a frame of the microphone is processed, samples: 20 ms.
const READ_LATE: usize = 2 * ECHO_FRAME;

/// As in a call: the speaker's callback hands over blocks at the pace of its own clock, and what the microphone hears is
/// processed with what came through the ring meanwhile.
fn in_a_call(microphone: &[f32], played: &[f32], drift_ppm: f64, block: usize) -> Vec<f32> {
    let (mut callback, past) = ring(ECHO_RING);
    let (mut reference, mut processor) = (EchoReference::new(past), Processor::new(ONLY_ECHO));
    let (mut blocks, mut before) = (played.chunks(block), 0);
    let (mut meanwhile, mut output) = ([0.0; ECHO_FRAME], Vec::with_capacity(microphone.len()));
    for (n, frame) in microphone.as_chunks::<ECHO_FRAME>().0.iter().enumerate() {
        let now = ((n + 1) * ECHO_FRAME + READ_LATE) as f64 * (1.0 + drift_ppm / 1e6);
        while before as f64 <= now
            && let Some(block) = blocks.next()
        {
            for sample in block {
                assert!(callback.push(*sample), "the ring is large enough");
            }
            before += block.len();
        }
        let mut frame = *frame;
        reference.take(&mut meanwhile);
        processor.process(&mut frame, &meanwhile);
        output.extend_from_slice(&frame);
    }
    output
}

/// By how much the echo is less in two stretches, before and after its delay changes, dB.
fn less_db(echo: &[f32], output: &[f32]) -> [f32; 2] {
    [(4, 8), (13, 20)].map(|(from, to)| {
        let of = |sound: &[f32]| power_db(&sound[from * SECOND..to * SECOND]);
        of(echo) - of(output)
    })
}

/// What the reference's way may cost against the library with the very sound that was played, dB.
const MARGIN_DB: f32 = 6.0;
/// What is left of the echo then is below the noise of any room, dB: more is not asked for.
const ENOUGH_DB: f32 = 35.0;

#[test]
fn in_a_call_the_echo_is_taken_out_as_well_as_the_library_does_it_by_itself() {
    let played = talk(1, 20);
    let delay = |second| if second < 8 { 40 * 48 } else { 110 * 48 };
    let mut figures = Vec::new();
    for drift_ppm in [-200.0, 0.0, 200.0] {
        let echo = echo_of(&played, delay, drift_ppm);
        let bare = less_db(&echo, &processed(ONLY_ECHO, &echo, &played));
        for block in [480, 960, 1024] {
            let found = less_db(&echo, &in_a_call(&echo, &played, drift_ppm, block));
            eprintln!(
                "{drift_ppm} ppm, blocks of {block}: {found:.1?} dB less, the library alone {bare:.1?} dB"
            );
            figures.push((drift_ppm, block, found, bare));
        }
    }
    for (drift_ppm, block, found, bare) in figures {
        for (found, bare) in found.iter().zip(bare) {
            let least = (bare - MARGIN_DB).min(ENOUGH_DB);
            assert!(*found > least, "{drift_ppm} ppm, blocks of {block}: {found:.1} dB of {bare:.1}");
        }
    }
}

/// The far end alone, whose voice comes back; for `away` frames of 20 ms from second 8 on nobody reads a microphone, and then
/// another one. What is left of the echo.
fn with_another_microphone(echo: &[f32], played: &[f32], away: usize) -> Vec<f32> {
    let (mut callback, past) = ring(ECHO_RING);
    let mut cleaning = Cleaning::default();
    cleaning.played_by(Arc::new(Mutex::new(EchoReference::new(past))));
    cleaning.begin();
    let changed = 8 * SECOND / FRAME_SAMPLES;
    let (mut blocks, mut before, mut output) = (played.chunks(960), 0, Vec::with_capacity(echo.len()));
    for (n, frame) in echo.as_chunks::<FRAME_SAMPLES>().0.iter().enumerate() {
        while before <= (n + 1) * FRAME_SAMPLES + READ_LATE
            && let Some(block) = blocks.next()
        {
            // A full ring takes nothing, as while nobody reads.
            for sample in block {
                callback.push(*sample);
            }
            before += block.len();
        }
        let mut frame: SoundFrame = *frame;
        match n {
            n if n == changed + away => cleaning.begin(),
            n if (changed..changed + away).contains(&n) => frame.fill(0.0),
            _ => {}
        }
        if !(changed..changed + away).contains(&n) {
            cleaning.clean(&mut frame, ONLY_ECHO);
        }
        output.extend_from_slice(&frame);
    }
    output
}

#[test]
fn the_microphone_is_changed_in_mid_call() {
    let played = talk(1, 14);
    let echo = echo_of(&played, |_| 40 * 48, 0.0);
    for away in [5, 30, 100] {
        let output = with_another_microphone(&echo, &played, away);
        let back = 8 * SECOND + away * FRAME_SAMPLES;
        let less = [0, 1, 2, 3].map(|half| {
            let from = back + half * SECOND / 2;
            let of = |sound: &[f32]| power_db(&sound[from..from + SECOND / 2]);
            of(&echo) - of(&output)
        });
        let ms = away * 20;
        eprintln!("none for {ms} ms, then another: {less:.1?} dB less in each half second after");
        // With what was played meanwhile before it: 3 dB for a second or more.
        assert!(
            less[0] > 5.0 && less[1..].iter().all(|db| *db > 20.0),
            "none for {ms} ms: {less:.1?} dB less"
        );
    }
}

/// What the near end sounds like after the filters of the library, which turn phases, when nothing is cancelled.
fn undisturbed(said: &[f32]) -> Vec<f32> {
    processed(ONLY_ECHO, said, &vec![0.0; said.len()])
}

#[test]
fn the_near_end_alone_is_left_as_it_is() {
    let (said, played) = (talk(2, 8), talk(1, 8));
    // The far end talks too, into headphones: there is a reference and no echo of it.
    let output = processed(ONLY_ECHO, &said, &played);
    let (said, heard) = (&undisturbed(&said)[2 * SECOND..6 * SECOND], &output[2 * SECOND..]);
    let (likeness, loss) = (likeness(said, heard), power_db(said) - power_db(&heard[..said.len()]));
    eprintln!("near end alone: likeness {likeness:.3}, {loss:.1} dB quieter");
    assert!(likeness > 0.8 && loss.abs() < 2.5, "likeness {likeness}, {loss} dB quieter");
}

#[test]
fn both_at_once_the_near_end_is_kept_and_the_echo_taken_out() {
    let (played, mut said) = (talk(1, 16), talk(2, 16));
    // First the far end alone, so that the room is known.
    said[..6 * SECOND].fill(0.0);
    let echo = echo_of(&played, |_| 40 * 48, 0.0);
    let output = processed(ONLY_ECHO, &mixed(&echo, &said), &played);
    let voice = undisturbed(&said);
    let less = power_db(&echo[4 * SECOND..6 * SECOND]) - power_db(&output[4 * SECOND..6 * SECOND]);
    let kept = likeness(&voice[8 * SECOND..14 * SECOND], &output[8 * SECOND..]);
    let loss = power_db(&voice[8 * SECOND..]) - power_db(&output[8 * SECOND..]);
    eprintln!("echo {less:.1} dB less, then both at once: likeness {kept:.3}, {loss:.1} dB quieter");
    assert!(less > 50.0, "echo alone only {less} dB less");
    assert!(kept > 0.85 && loss < 3.0, "likeness {kept}, {loss} dB quieter");
}

#[test]
fn steady_noise_is_taken_out_and_quiet_speech_made_louder() {
    let said = talk(2, 12);
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let noise: Vec<f32> =
        said.iter().map(|_| (rng.next_u32() as f32 / u32::MAX as f32 - 0.5) * 0.02).collect();
    let silent = vec![0.0; said.len()];
    let suppressed = processed(AudioProcessing { noise_suppression: true, ..NOTHING }, &noise, &silent);
    let less = power_db(&noise[4 * SECOND..]) - power_db(&suppressed[4 * SECOND..]);
    let quiet: Vec<f32> = said.iter().map(|sample| sample * 0.05).collect();
    let raised = processed(AudioProcessing { gain_control: true, ..NOTHING }, &quiet, &silent);
    let more = power_db(&raised[6 * SECOND..]) - power_db(&quiet[6 * SECOND..]);
    eprintln!("noise {less:.1} dB less, quiet speech {more:.1} dB more");
    assert!(less > 8.0, "noise only {less} dB less");
    assert!(more > 6.0, "quiet speech only {more} dB more");
}

#[test]
fn rumble_goes_and_speech_stays_with_everything_switched_off() {
    let rumble: Vec<f32> = (0..2 * SECOND).map(|at| (at as f32 * 15.0 / 7639.4).sin() * 0.3).collect();
    let silent = vec![0.0; rumble.len()];
    let output = processed(NOTHING, &rumble, &silent);
    let less = power_db(&rumble[SECOND..]) - power_db(&output[SECOND..]);
    assert!(less > 10.0, "15 Hz only {less} dB less");
}

#[test]
fn a_switch_in_mid_call_takes_hold() {
    let played = talk(1, 8);
    let echo = echo_of(&played, |_| 40 * 48, 0.0);
    let mut processor = Processor::new(NOTHING);
    let mut left = [0.0_f32; 2];
    for (n, (frame, reference)) in
        echo.as_chunks::<ECHO_FRAME>().0.iter().zip(played.as_chunks::<ECHO_FRAME>().0).enumerate()
    {
        if n == 200 {
            processor.set(ONLY_ECHO);
        }
        let mut frame = *frame;
        processor.process(&mut frame, reference);
        let power: f32 = frame.iter().map(|sample| sample * sample).sum();
        left[usize::from(n >= 200)] += if (200..600).contains(&n) { 0.0 } else { power };
    }
    assert!(left[1] < left[0] / 20.0, "{left:?}");
}

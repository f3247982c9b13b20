//! When a device counts as dead.

use super::*;

/// How long a device is waited for that called back `callbacks` times, in blocks of so many samples, and then no more.
fn waited(end: SoundEnd, callbacks: u64, block: usize) -> Duration {
    let (began, pulse) = (Instant::now(), Arc::<Pulse>::default());
    let mut watchdog = Watchdog { end, pulse: pulse.clone(), seen: 0, since: began };
    for _ in 0..callbacks {
        pulse.beat(None, block);
    }
    let step = Duration::from_millis(10);
    (0..1000).map(|n| step * n).find(|at| watchdog.check_at(began + *at).is_err()).expect("given up at last")
}

#[test]
fn a_device_that_just_stops_leaves_time_to_open_it_again_within_a_second() {
    for end in [SoundEnd::Microphone, SoundEnd::Speaker] {
        let waited = waited(end, 100, FRAME_SAMPLES);
        assert!((400..=600).contains(&waited.as_millis()), "{end:?}: {waited:?}");
    }
}

#[test]
fn one_that_has_yet_to_start_is_given_its_time_and_a_microphone_that_was_heard_has_started() {
    assert_eq!(waited(SoundEnd::Microphone, 0, FRAME_SAMPLES), STARTING);
    assert_eq!(waited(SoundEnd::Microphone, 1, FRAME_SAMPLES), STARVED);
    assert_eq!(waited(SoundEnd::Speaker, FILLING, FRAME_SAMPLES), STARTING, "that was the sound server");
    assert_eq!(waited(SoundEnd::Speaker, FILLING + 1, FRAME_SAMPLES), STARVED);
}

#[test]
fn one_that_hands_over_much_at_once_is_waited_for_accordingly() {
    assert_eq!(waited(SoundEnd::Microphone, 9, SAMPLE_RATE as usize), Duration::from_secs(3));
}

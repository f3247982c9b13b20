//! When a device counts as dead, and what a person reads of one that does not open.

use super::watchdog::{FILLING, STARTING, STARVED};
use super::*;

/// How long a device is waited for that called back `callbacks` times, in blocks of so many samples, and then no more.
fn waited(end: SoundEnd, callbacks: u64, block: usize) -> Duration {
    given_up(Waking::PATIENT, end, callbacks, block)
}

fn given_up(waking: Waking, end: SoundEnd, callbacks: u64, block: usize) -> Duration {
    let mut watchdog = Watchdog::new(end, Arc::new(Pulse::new(end)), waking);
    let began = watchdog.since;
    for _ in 0..callbacks {
        watchdog.pulse.beat(None, block);
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
fn one_that_never_calls_back_is_given_up_within_a_second_and_then_given_twice_as_much_each_time() {
    let (mut waking, mut waits) = (Waking::FIRST, Vec::new());
    for _ in 0..5 {
        let of = |end, callbacks| given_up(waking, end, callbacks, FRAME_SAMPLES).as_millis();
        let silent = [SoundEnd::Microphone, SoundEnd::Speaker].map(|end| of(end, 0));
        waits.push((silent, of(SoundEnd::Speaker, FILLING)));
        waking = waking.longer();
    }
    let twice = |ms, filled| ([ms, ms], filled);
    assert_eq!(
        waits,
        [twice(1000, 500), twice(2000, 1000), twice(4000, 2000), twice(5000, 4000), twice(5000, 5000)]
    );
}

#[test]
fn a_system_that_hangs_while_it_opens_a_device_is_given_up_within_two_seconds_at_first() {
    assert_eq!(Waking::FIRST.answer(), Duration::from_secs(2));
    assert!(Waking::PATIENT.answer() > Waking::PATIENT.opening());
}

#[test]
fn what_a_sound_server_fills_up_with_at_first_is_not_kept_ready_for_the_rest_of_the_call() {
    let pulse = Pulse::new(SoundEnd::Speaker);
    pulse.beat(None, 96_000);
    pulse.beat(None, 1920);
    for _ in 0..10 {
        pulse.beat(None, 480);
    }
    assert_eq!(pulse.block.load(Ordering::Relaxed), 480);
}

#[test]
fn a_block_that_was_long_once_is_forgotten_within_seconds_and_one_that_comes_in_turn_is_not() {
    let pulse = Pulse::new(SoundEnd::Microphone);
    pulse.beat(None, 48_000);
    (0..400).for_each(|_| pulse.beat(None, 480));
    assert_eq!(pulse.block.load(Ordering::Relaxed), 480);
    for _ in 0..100 {
        for block in [1440, 480, 480] {
            pulse.beat(None, block);
        }
    }
    assert!(pulse.block.load(Ordering::Relaxed) > 1390);
}

#[test]
fn one_that_hands_over_much_at_once_is_waited_for_accordingly() {
    assert_eq!(waited(SoundEnd::Microphone, 9, SAMPLE_RATE as usize), Duration::from_secs(3));
}

#[test]
fn what_the_sound_library_says_is_told_in_sentences_of_our_own_and_stands_in_the_log_alone() {
    use cpal::ErrorKind;
    let kinds = [
        ErrorKind::DeviceNotAvailable,
        ErrorKind::DeviceBusy,
        ErrorKind::PermissionDenied,
        ErrorKind::UnsupportedConfig,
        ErrorKind::ResourceExhausted,
        ErrorKind::StreamInvalidated,
        ErrorKind::BackendError,
    ];
    for language in crate::words::LANGUAGES {
        crate::words::speaking(language.tag, || {
            let mut told = std::collections::BTreeSet::new();
            for end in [SoundEnd::Microphone, SoundEnd::Speaker] {
                for kind in kinds {
                    let fault = keeper::refused(end)(cpal::Error::with_message(kind, "snd_pcm_hw_params"));
                    let sentence = fault.to_string();
                    assert!(sentence.ends_with('.') && !sentence.contains("snd_"), "{kind:?}: {sentence}");
                    assert!(told.insert(sentence), "{kind:?} has a sentence of its own: {fault}");
                    let kept = !matches!(fault, SoundDeviceError::Refused { .. })
                        || format!("{fault:?}").contains("snd_pcm_hw_params");
                    assert!(kept, "{fault:?}");
                }
            }
        });
    }
}

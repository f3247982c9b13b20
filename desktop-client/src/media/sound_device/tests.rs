//! When a device counts as dead, and what a person reads of one that does not open.

use super::watchdog::{FILLING, STARTING, STARVED};
use super::*;

/// How long a device is waited for that called back `callbacks` times, in blocks of so many samples, and then no more.
fn waited(end: SoundEnd, callbacks: u64, block: usize) -> Duration {
    given_up(&mut Watchdog::new(end, Arc::default()), callbacks, block)
}

fn given_up(watchdog: &mut Watchdog, callbacks: u64, block: usize) -> Duration {
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
fn a_speaker_that_only_takes_its_first_filling_is_given_half_a_second_and_then_twice_as_much_each_time() {
    let (mut waking, mut waits) = (Waking::FIRST, Vec::new());
    for _ in 0..6 {
        let mut watchdog = Watchdog::new(SoundEnd::Speaker, Arc::default());
        watchdog.waking = waking;
        waits.push(given_up(&mut watchdog, FILLING, FRAME_SAMPLES).as_millis());
        waking = watchdog.next_waking();
    }
    assert_eq!(waits, [500, 1000, 2000, 4000, 5000, 5000]);
    let mut played = Watchdog::new(SoundEnd::Speaker, Arc::default());
    given_up(&mut played, 100, FRAME_SAMPLES);
    assert_eq!(played.next_waking(), Waking::FIRST, "it had woken");
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

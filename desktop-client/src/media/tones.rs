//! The sounds of a call that is not up: it rings here, it rings there, it is over. Made here, not recorded.
//!
//! Owns one thread for as long as a tone sounds, and the speaker it plays to: the one that calls use. A speaker that is
//! missing or fails is a tone that is not heard, and is tried again; nothing else depends on it. Whoever wants to know asks
//! for the fault.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::clock::MediaClock;
use super::opus::{FRAME_SAMPLES, SAMPLE_RATE};
use super::sound_device::Waking;
use super::speaker::{Speaker, SpeakerError, SpeakerSpec};

/// How long one wait for the speaker may keep the thread from its end.
const PATIENCE: Duration = Duration::from_millis(20);
/// Between two attempts to open a speaker.
const RETRY: Duration = Duration::from_secs(2);
/// Loudness of one note, of full scale.
const AMPLITUDE: f32 = 0.2;
/// Notes swell and fade over this long: no clicks.
const EDGE_S: f32 = 0.015;

/// Which sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Somebody calls: three rising notes, again and again.
    Ring,
    /// It rings at the other end: one long low note, again and again.
    Ringback,
    /// The call is over: two falling notes, once.
    Ended,
}

/// A note: when it begins and how long it lasts, s, and its pitch, Hz.
type Note = (f32, f32, f32);

impl Tone {
    fn notes(self) -> &'static [Note] {
        match self {
            Self::Ring => &[(0.0, 0.18, 659.26), (0.2, 0.18, 783.99), (0.4, 0.5, 1046.5)],
            Self::Ringback => &[(0.0, 1.0, 425.0)],
            Self::Ended => &[(0.0, 0.15, 587.33), (0.17, 0.3, 440.0)],
        }
    }

    /// After how long it begins anew, s; `None` for once.
    fn every_s(self) -> Option<f32> {
        match self {
            Self::Ring => Some(2.0),
            Self::Ringback => Some(4.0),
            Self::Ended => None,
        }
    }

    /// How long it sounds, s; `None` for until it is stopped.
    fn lasts_s(self) -> Option<f32> {
        let end = self.notes().iter().map(|(start, length, _)| start + length).fold(0.0, f32::max);
        if self.every_s().is_some() { None } else { Some(end) }
    }

    /// The sample `at` the given number since its beginning, 48 kHz.
    fn sample(self, at: u64) -> f32 {
        let period = self.every_s().map_or(u64::MAX, |seconds| (seconds * SAMPLE_RATE as f32) as u64);
        let seconds = (at % period) as f32 / SAMPLE_RATE as f32;
        let sounding = |(start, length, hz): &Note| {
            let (since, left) = (seconds - start, start + length - seconds);
            let edge = (since.min(left) / EDGE_S).clamp(0.0, 1.0);
            (since * hz * std::f32::consts::TAU).sin() * edge * AMPLITUDE
        };
        self.notes().iter().map(sounding).sum()
    }
}

/// A tone that sounds. Dropping it ends it at once.
pub struct TonePlayer {
    orders: Arc<Orders>,
    thread: Option<JoinHandle<()>>,
}

/// What the player is to do, and what comes of it.
struct Orders {
    /// Where to play; `None` for nowhere any more.
    speaker: Mutex<Option<SpeakerSpec>>,
    changed: Condvar,
    /// Some of it left for the speaker.
    heard: AtomicBool,
    /// Why it is not heard, in words.
    fault: Mutex<Option<String>>,
}

impl Orders {
    fn speaker(&self) -> MutexGuard<'_, Option<SpeakerSpec>> {
        self.speaker.lock().expect("no holder panics")
    }

    fn fault(&self) -> MutexGuard<'_, Option<String>> {
        self.fault.lock().expect("no holder panics")
    }

    fn give(&self, speaker: Option<SpeakerSpec>) {
        *self.speaker() = speaker;
        self.changed.notify_all();
    }

    fn are_still(&self, speaker: &SpeakerSpec) -> bool {
        self.speaker().as_ref() == Some(speaker)
    }

    /// Waits while the orders are still `speaker`.
    fn wait(&self, timeout: Duration, speaker: &SpeakerSpec) {
        let same = |now: &mut Option<SpeakerSpec>| now.as_ref() == Some(speaker);
        let waiting = self.changed.wait_timeout_while(self.speaker(), timeout, same);
        drop(waiting.expect("no holder panics"));
    }
}

/// Where a tone is heard: a recording is for calls alone.
fn heard_at(speaker: &SpeakerSpec) -> SpeakerSpec {
    match speaker {
        SpeakerSpec::File(_) => SpeakerSpec::Off,
        heard => heard.clone(),
    }
}

impl TonePlayer {
    /// Starts `tone` at `speaker`. A recording is for calls alone: there it is silent.
    pub fn start(speaker: &SpeakerSpec, tone: Tone) -> Self {
        Self::start_with(speaker, tone, |spec| Speaker::open(spec, Waking::PATIENT))
    }

    fn start_with(speaker: &SpeakerSpec, tone: Tone, open: impl Open) -> Self {
        let orders = Arc::new(Orders {
            speaker: Mutex::new(Some(heard_at(speaker))),
            changed: Condvar::new(),
            heard: AtomicBool::new(false),
            fault: Mutex::new(None),
        });
        let seen = orders.clone();
        let thread = std::thread::Builder::new().name("tone".into()).spawn(move || run(tone, &seen, open));
        Self { orders, thread: Some(thread.expect("the system can start a thread")) }
    }

    /// Whether some of it was heard.
    pub fn is_heard(&self) -> bool {
        self.orders.heard.load(Ordering::Relaxed)
    }

    /// Why it is not heard, in words, while it is not.
    pub fn fault(&self) -> Option<String> {
        self.orders.fault().clone()
    }

    /// Goes on at another speaker. The one in use already changes nothing.
    pub fn use_speaker(&self, speaker: &SpeakerSpec) {
        self.orders.give(Some(heard_at(speaker)));
    }
}

impl Drop for TonePlayer {
    fn drop(&mut self) {
        self.orders.give(None);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the thread of a tone does not panic");
        }
    }
}

/// Opens a speaker.
trait Open: Fn(&SpeakerSpec) -> Result<Speaker, SpeakerError> + Send + 'static {}
impl<T: Fn(&SpeakerSpec) -> Result<Speaker, SpeakerError> + Send + 'static> Open for T {}

fn run(tone: Tone, orders: &Orders, open: impl Open) {
    let (began, clock) = (Instant::now(), MediaClock::starting_at(Instant::now()));
    loop {
        let Some(spec) = orders.speaker().clone() else { return };
        match open(&spec).and_then(|speaker| sound(speaker, tone, &clock, (orders, &spec))) {
            Ok(()) if orders.are_still(&spec) => return,
            Ok(()) => continue,
            Err(error) => {
                tracing::debug!(%error, "a tone is not heard");
                *orders.fault() = Some(error.to_string());
            }
        }
        // Too late to say that a call has just ended.
        if tone.lasts_s().is_some_and(|seconds| began.elapsed().as_secs_f32() > seconds) {
            return;
        }
        orders.wait(RETRY, &spec);
    }
}

/// Plays until it is over, or there are other orders than this speaker.
fn sound(
    mut speaker: Speaker,
    tone: Tone,
    clock: &MediaClock,
    (orders, spec): (&Orders, &SpeakerSpec),
) -> Result<(), SpeakerError> {
    let mut played = 0;
    // The last sample must leave the device before it closes.
    let tail = u64::from(SAMPLE_RATE) / 5;
    let end = tone.lasts_s().map_or(u64::MAX, |seconds| (seconds * SAMPLE_RATE as f32) as u64 + tail);
    while orders.are_still(spec) && played < end {
        if speaker.wait(clock, PATIENCE)? {
            let frame: [f32; FRAME_SAMPLES] = std::array::from_fn(|at| tone.sample(played + at as u64));
            speaker.write(&frame)?;
            orders.heard.store(true, Ordering::Relaxed);
            *orders.fault() = None;
            played += FRAME_SAMPLES as u64;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loudest(tone: Tone, from_s: f32, to_s: f32) -> f32 {
        let at = |seconds: f32| (seconds * SAMPLE_RATE as f32) as u64;
        (at(from_s)..at(to_s)).map(|at| tone.sample(at).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn each_tone_has_its_rhythm() {
        assert!(loudest(Tone::Ring, 0.0, 0.9) > 0.15 && loudest(Tone::Ring, 1.0, 1.9) < 1e-6);
        assert!(loudest(Tone::Ring, 2.0, 2.9) > 0.15, "again");
        assert!(loudest(Tone::Ringback, 0.0, 1.0) > 0.15 && loudest(Tone::Ringback, 1.1, 3.9) < 1e-6);
        assert!(loudest(Tone::Ended, 0.0, 0.4) > 0.15 && loudest(Tone::Ended, 0.5, 20.0) < 1e-6);
    }

    #[test]
    fn no_tone_clicks() {
        for tone in [Tone::Ring, Tone::Ringback, Tone::Ended] {
            let step =
                (0..400_000).map(|at| (tone.sample(at + 1) - tone.sample(at)).abs()).fold(0.0, f32::max);
            assert!(step < 0.06, "{tone:?}: {step}");
        }
    }

    #[test]
    fn the_end_of_a_call_sounds_once_and_a_ring_until_it_is_stopped() {
        let began = Instant::now();
        let mut player = TonePlayer::start(&SpeakerSpec::Off, Tone::Ended);
        player.thread.take().expect("it sounds").join().expect("it ends by itself");
        assert!(began.elapsed() >= Duration::from_millis(400));
        assert_eq!((player.is_heard(), player.fault()), (true, None));
        let player = TonePlayer::start(&SpeakerSpec::Off, Tone::Ring);
        assert!(!player.thread.as_ref().expect("it rings").is_finished());
        drop(player);
    }

    #[test]
    fn a_speaker_that_is_switched_while_it_rings_is_followed() {
        let (opened, heard_at) = std::sync::mpsc::channel();
        let open = move |spec: &SpeakerSpec| {
            drop(opened.send(spec.clone()));
            Ok(Speaker::nowhere())
        };
        let [first, second] = [1, 2].map(SpeakerSpec::Device);
        let player = TonePlayer::start_with(&first, Tone::Ring, open);
        assert_eq!(heard_at.recv().as_ref(), Ok(&first));
        player.use_speaker(&first);
        player.use_speaker(&second);
        assert_eq!(heard_at.recv().as_ref(), Ok(&second), "at once, and the same one is not opened again");
        player.use_speaker(&SpeakerSpec::File("call.wav".into()));
        assert_eq!(heard_at.recv(), Ok(SpeakerSpec::Off), "a recording is for calls alone");
        drop(player);
        assert!(heard_at.recv().is_err(), "and no more");
    }

    #[test]
    fn a_tone_without_a_speaker_can_be_stopped_at_once() {
        drop(TonePlayer::start(&SpeakerSpec::Device(977), Tone::Ringback));
    }

    #[test]
    fn a_tone_that_is_not_heard_says_why() {
        let mut player = TonePlayer::start(&SpeakerSpec::Device(977), Tone::Ended);
        player.thread.take().expect("it tries").join().expect("it ends by itself");
        let fault = player.fault().expect("there is no such speaker");
        assert!(fault.starts_with("No speaker was found."), "{fault}");
    }
}

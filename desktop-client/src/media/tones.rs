//! The sounds of a call that is not up: it rings here, it rings there, it is over. Made here, not recorded.
//!
//! Owns one thread for as long as a tone sounds, and the speaker it plays to: the one that calls use. A speaker that is
//! missing or fails is a tone that is not heard, and is tried again; nothing else depends on it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::clock::MediaClock;
use super::opus::{FRAME_SAMPLES, SAMPLE_RATE};
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
    stopping: Arc<Stopping>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Stopping {
    stop: AtomicBool,
    lock: Mutex<()>,
    changed: Condvar,
}

impl Stopping {
    fn is_due(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn wait(&self, timeout: Duration) {
        let guard = self.lock.lock().expect("no holder panics");
        let waiting = self.changed.wait_timeout_while(guard, timeout, |()| !self.is_due());
        drop(waiting.expect("no holder panics"));
    }
}

impl TonePlayer {
    /// Starts `tone` at `speaker`. A recording is for calls alone: there it is silent.
    pub fn start(speaker: &SpeakerSpec, tone: Tone) -> Self {
        let spec = match speaker {
            SpeakerSpec::File(_) => SpeakerSpec::Off,
            heard => heard.clone(),
        };
        let stopping = Arc::<Stopping>::default();
        let seen = stopping.clone();
        let thread = std::thread::Builder::new().name("tone".into()).spawn(move || run(&spec, tone, &seen));
        Self { stopping, thread: Some(thread.expect("the system can start a thread")) }
    }
}

impl Drop for TonePlayer {
    fn drop(&mut self) {
        self.stopping.stop.store(true, Ordering::Relaxed);
        drop(self.stopping.lock.lock().expect("no holder panics"));
        self.stopping.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the thread of a tone does not panic");
        }
    }
}

fn run(spec: &SpeakerSpec, tone: Tone, stopping: &Stopping) {
    let (began, clock) = (Instant::now(), MediaClock::starting_at(Instant::now()));
    while !stopping.is_due() {
        match Speaker::open(spec).and_then(|speaker| sound(speaker, tone, &clock, stopping)) {
            Ok(()) => return,
            Err(error) => tracing::debug!(%error, "a tone is not heard"),
        }
        // Too late to say that a call has just ended.
        if tone.lasts_s().is_some_and(|seconds| began.elapsed().as_secs_f32() > seconds) {
            return;
        }
        stopping.wait(RETRY);
    }
}

/// Plays until it is over or stopped.
fn sound(
    mut speaker: Speaker,
    tone: Tone,
    clock: &MediaClock,
    stopping: &Stopping,
) -> Result<(), SpeakerError> {
    let mut played = 0;
    // The last sample must leave the device before it closes.
    let tail = u64::from(SAMPLE_RATE) / 5;
    let end = tone.lasts_s().map_or(u64::MAX, |seconds| (seconds * SAMPLE_RATE as f32) as u64 + tail);
    while !stopping.is_due() && played < end {
        if speaker.wait(clock, PATIENCE)? {
            let frame: [f32; FRAME_SAMPLES] = std::array::from_fn(|at| tone.sample(played + at as u64));
            speaker.write(&frame)?;
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
        let player = TonePlayer::start(&SpeakerSpec::Off, Tone::Ring);
        assert!(!player.thread.as_ref().expect("it rings").is_finished());
        drop(player);
    }

    #[test]
    fn a_tone_without_a_speaker_can_be_stopped_at_once() {
        drop(TonePlayer::start(&SpeakerSpec::Device(977), Tone::Ringback));
    }
}

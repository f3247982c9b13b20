//! Whether a device still lives: its callbacks beat, and who owns its stream looks at when they last did.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::{SoundDeviceError, SoundEnd, micros};

/// A device that did not call back for this long is dead: with the opening that follows, sound is back within a second.
pub(super) const STARVED: Duration = Duration::from_millis(500);
/// The same in its own blocks, where these are long: some systems hand over a second at once.
const STARVED_BLOCKS: u32 = 3;
/// The same for one that has yet to start: wireless ones take seconds, and a sound server may first play out what
/// it has.
pub(super) const STARTING: Duration = Duration::from_secs(5);
/// Callbacks that say nothing about a speaker: a sound server's own first filling. A microphone that was heard has started.
pub(super) const FILLING: u64 = 2;

/// How long a speaker is waited for that took its first filling and nothing since: it wakes up, or is dead. In a call the
/// first one is given little, so that sound is back within a second, and each after it twice as much, so that one that
/// takes seconds to wake is there in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::media) struct Waking(Duration);

impl Waking {
    /// For the first speaker of a call, and for one after a speaker that played.
    pub(in crate::media) const FIRST: Self = Self(STARVED);
    /// Where nothing waits for the sound.
    pub(super) const PATIENT: Self = Self(STARTING);

    fn longer(self) -> Self {
        Self((self.0 * 2).min(STARTING))
    }
}

/// What a stream's callbacks leave for the thread that owns it.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    pub(super) callbacks: AtomicU64,
    failed: AtomicBool,
    /// From the callback to the ear or from the mouth to the callback, µs.
    pub(super) latency_us: AtomicU64,
    /// Most samples (at our rate) that one callback asked for, or brought.
    pub(super) block: AtomicUsize,
    /// Samples lost for want of room in the ring, or played as silence for want of samples.
    pub(super) missed: AtomicU64,
}

impl Pulse {
    pub(super) fn beat(&self, latency: Option<Duration>, block: usize) {
        self.block.fetch_max(block, Ordering::Relaxed);
        self.callbacks.fetch_add(1, Ordering::Relaxed);
        if let Some(latency) = latency {
            self.latency_us.store(latency.as_micros() as u64, Ordering::Relaxed);
        }
    }

    /// Notes an error. A stream that was only rerouted, or missed some samples, goes on.
    pub(super) fn fail(&self, error: &cpal::Error) {
        use cpal::ErrorKind::{DeviceChanged, RealtimeDenied, Xrun};
        if !matches!(error.kind(), DeviceChanged | RealtimeDenied | Xrun) {
            // Some systems repeat it thousands of times a second.
            if !self.failed.swap(true, Ordering::Relaxed) {
                tracing::debug!(%error, "a sound device failed");
            }
        }
    }
}

/// Notices that callbacks stopped.
pub(super) struct Watchdog {
    pub(super) end: SoundEnd,
    pub(super) pulse: Arc<Pulse>,
    pub(super) waking: Waking,
    seen: u64,
    pub(super) since: Instant,
}

impl Watchdog {
    pub(super) fn new(end: SoundEnd, pulse: Arc<Pulse>) -> Self {
        Self { end, pulse, waking: Waking::PATIENT, seen: 0, since: Instant::now() }
    }

    pub(super) fn check(&mut self) -> Result<(), SoundDeviceError> {
        if self.pulse.failed.load(Ordering::Relaxed) {
            return Err(SoundDeviceError::Gone(self.end));
        }
        self.check_at(Instant::now())
    }

    pub(super) fn check_at(&mut self, now: Instant) -> Result<(), SoundDeviceError> {
        let callbacks = self.pulse.callbacks.load(Ordering::Relaxed);
        if callbacks != self.seen {
            (self.seen, self.since) = (callbacks, now);
        }
        let block = Duration::from_micros(micros(self.pulse.block.load(Ordering::Relaxed)));
        let patience = match callbacks {
            0 => STARTING,
            _ if self.has_started() => STARVED.max(block * STARVED_BLOCKS),
            _ => self.waking.0.max(block * STARVED_BLOCKS),
        };
        let silent = now.saturating_duration_since(self.since);
        if silent < patience { Ok(()) } else { Err(SoundDeviceError::Starved(self.end)) }
    }

    fn has_started(&self) -> bool {
        let filling = if self.end == SoundEnd::Speaker { FILLING } else { 0 };
        self.pulse.callbacks.load(Ordering::Relaxed) > filling
    }

    /// What the next one is given, if this one failed.
    pub(super) fn next_waking(&self) -> Waking {
        if self.has_started() { Waking::FIRST } else { self.waking.longer() }
    }
}

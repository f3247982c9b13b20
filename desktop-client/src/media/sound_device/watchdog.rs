//! Whether a device still lives: its callbacks beat, and who owns its stream looks at when they last did.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::{OPEN_TIMEOUT, SoundDeviceError, SoundEnd, micros};

/// A device that did not call back for this long is dead: with the opening that follows, sound is back within a second.
pub(super) const STARVED: Duration = Duration::from_millis(500);
/// The same in its own blocks, where these are long: some systems hand over a second at once.
const STARVED_BLOCKS: u32 = 3;
/// The same for one that has yet to start, at most: wireless ones take seconds, and a sound server may first play out what
/// it has.
pub(super) const STARTING: Duration = Duration::from_secs(5);
/// The same for the first of a call.
const STARTING_FIRST: Duration = Duration::from_secs(1);
/// Callbacks that say nothing about a speaker: a sound server's own first filling. A microphone that was heard has started.
pub(super) const FILLING: u64 = 2;
/// What the longest block loses with each callback, one part in: blocks are of different lengths on some systems, and one
/// that was long once is forgotten within seconds.
const BLOCK_FADES: usize = 64;
/// What the system is given to answer beyond what a device is.
const ANSWER: Duration = Duration::from_millis(500);

/// How long a device is waited for that has yet to start: it wakes up, or is dead. In a call the first one is given little,
/// so that sound is back soon, and each after it twice as much, so that one that takes seconds to wake is there in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::media) struct Waking {
    /// For its first callback.
    pub(super) first: Duration,
    /// For a speaker's next one, after its first filling.
    filled: Duration,
}

impl Waking {
    /// For the first device of a call, and for one after a device that worked.
    pub(in crate::media) const FIRST: Self = Self { first: STARTING_FIRST, filled: STARVED };
    /// Where nothing waits for the sound.
    pub(in crate::media) const PATIENT: Self = Self { first: STARTING, filled: STARTING };

    pub(super) fn longer(self) -> Self {
        let longer = |patience: Duration| (patience * 2).min(STARTING);
        Self { first: longer(self.first), filled: longer(self.filled) }
    }

    /// What the device is given to open.
    pub(super) fn opening(self) -> Duration {
        (self.first + ANSWER).min(OPEN_TIMEOUT)
    }

    /// What the system is given to say whether it did.
    pub(super) fn answer(self) -> Duration {
        self.opening() + ANSWER
    }
}

/// What a stream's callbacks leave for the thread that owns it.
#[derive(Debug)]
pub(super) struct Pulse {
    /// Callbacks that are a sound server's own first filling.
    filling: u64,
    pub(super) callbacks: AtomicU64,
    failed: AtomicBool,
    /// From the callback to the ear or from the mouth to the callback, µs.
    pub(super) latency_us: AtomicU64,
    /// Most samples (at our rate) that one callback asked for, or brought, of late. What the first filling took says nothing of
    /// what comes after it.
    pub(super) block: AtomicUsize,
    /// What the first filling took: so much has to be played before more is asked for.
    filled: AtomicUsize,
    /// Samples lost for want of room in the ring, or played as silence for want of samples.
    pub(super) missed: AtomicU64,
}

impl Pulse {
    pub(super) fn new(end: SoundEnd) -> Self {
        let filling = if end == SoundEnd::Speaker { FILLING } else { 0 };
        Self {
            filling,
            callbacks: AtomicU64::new(0),
            failed: AtomicBool::new(false),
            latency_us: AtomicU64::new(0),
            block: AtomicUsize::new(0),
            filled: AtomicUsize::new(0),
            missed: AtomicU64::new(0),
        }
    }

    /// A callback came. There is one at a time: nobody else writes.
    pub(super) fn beat(&self, latency: Option<Duration>, block: usize) {
        if self.callbacks.load(Ordering::Relaxed) < self.filling {
            self.filled.fetch_max(block, Ordering::Relaxed);
        } else {
            let longest = self.block.load(Ordering::Relaxed);
            let faded = longest - longest.div_ceil(BLOCK_FADES);
            self.block.store(block.max(faded), Ordering::Relaxed);
        }
        self.callbacks.fetch_add(1, Ordering::Relaxed);
        if let Some(latency) = latency {
            self.latency_us.store(latency.as_micros() as u64, Ordering::Relaxed);
        }
    }

    /// Whether it does more than a sound server's first filling.
    pub(super) fn has_started(&self) -> bool {
        self.callbacks.load(Ordering::Relaxed) > self.filling
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
    waking: Waking,
    seen: u64,
    pub(super) since: Instant,
}

impl Watchdog {
    pub(super) fn new(end: SoundEnd, pulse: Arc<Pulse>, waking: Waking) -> Self {
        Self { end, pulse, waking, seen: 0, since: Instant::now() }
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
        let lasts = |samples: &AtomicUsize| Duration::from_micros(micros(samples.load(Ordering::Relaxed)));
        let patience = match callbacks {
            0 => self.waking.first,
            _ if self.pulse.has_started() => STARVED.max(lasts(&self.pulse.block) * STARVED_BLOCKS),
            _ => self.waking.filled.max((lasts(&self.pulse.filled) * STARVED_BLOCKS).min(STARTING)),
        };
        let silent = now.saturating_duration_since(self.since);
        if silent < patience { Ok(()) } else { Err(SoundDeviceError::Starved(self.end)) }
    }
}

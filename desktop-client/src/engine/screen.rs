//! Who takes the peer's pictures as shown, and measures them: the window by its word, or a bot's presenter.

use crate::media::audio::AudioEngine;
use crate::media::camera::{CameraError, CameraSpec, open_source};
use crate::media::clock::{ClockAlignment, MediaClock, PingSample};
use crate::media::frame::{FrameSlot, VideoFrame};
use crate::media::measure::{CallFigures, CallMeter};
use crate::media::presenter::{Presenter, heard_by};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Instant;

struct Metered {
    meter: CallMeter,
    alignment: ClockAlignment,
    clock: MediaClock,
    sound: Weak<AudioEngine>,
    first_shown_at: Option<Instant>,
}

/// The meter that the window feeds; empty while there is no call.
#[derive(Clone, Default)]
pub(super) struct WindowMeter(Arc<Mutex<Option<Metered>>>);

impl std::fmt::Debug for WindowMeter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WindowMeter")
    }
}

impl WindowMeter {
    /// A picture went to the screen.
    pub(super) fn shown(&self, frame: &VideoFrame) {
        let now = Instant::now();
        if let Some(metered) = &mut *self.locked() {
            metered.first_shown_at.get_or_insert(now);
            let at_us = metered.clock.us_at(now);
            let shown = metered.meter.show(frame, at_us, &metered.alignment);
            debug_assert!(shown.is_ok(), "only a reference can fail, and a window has none");
            if let Some(sound) = metered.sound.upgrade().and_then(|sound| sound.last_played()) {
                metered.meter.hear(sound, &metered.alignment);
            }
        }
    }

    fn locked(&self) -> MutexGuard<'_, Option<Metered>> {
        self.0.lock().expect("no holder of the meter panics")
    }
}

/// The measuring end of one call.
pub(super) enum Screen {
    Window(WindowMeter),
    Bot(Presenter),
}

impl Screen {
    /// A window's: pictures go through the engine's slot.
    pub(super) fn window(meter: WindowMeter, clock: MediaClock, sound: Weak<AudioEngine>) -> Self {
        let (call, alignment) = (CallMeter::new(None), ClockAlignment::new());
        *meter.locked() = Some(Metered { meter: call, alignment, clock, sound, first_shown_at: None });
        Self::Window(meter)
    }

    /// A bot's: pictures go through a slot of its own.
    pub(super) fn bot(
        slot: Arc<FrameSlot>,
        clock: MediaClock,
        reference: Option<&CameraSpec>,
        sound: Option<&Arc<AudioEngine>>,
    ) -> Result<Self, CameraError> {
        let reference = reference.map(open_source).transpose()?.flatten();
        let heard = sound.map_or_else(|| Box::new(|| None) as _, heard_by);
        Ok(Self::Bot(Presenter::start(slot, clock, reference, heard)))
    }

    /// The answer to one ping over the data channel.
    pub(super) fn add_ping(&self, ping: PingSample) {
        match self {
            Self::Window(meter) => {
                if let Some(metered) = &mut *meter.locked() {
                    metered.alignment.add(ping);
                }
            }
            Self::Bot(presenter) => presenter.add_ping(ping),
        }
    }

    /// The figures so far, and when the first picture was shown.
    pub(super) fn figures(&self) -> (CallFigures, Option<Instant>) {
        match self {
            Self::Window(meter) => meter.locked().as_ref().map_or_else(Default::default, |metered| {
                (metered.meter.figures(&metered.alignment), metered.first_shown_at)
            }),
            Self::Bot(presenter) => (presenter.figures(), presenter.first_shown_at()),
        }
    }

    /// Why the reference could not be made, if it could not.
    pub(super) fn fault(&self) -> Option<String> {
        match self {
            Self::Window(_) => None,
            Self::Bot(presenter) => presenter.reference_fault(),
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if let Self::Window(meter) = self {
            *meter.locked() = None;
        }
    }
}

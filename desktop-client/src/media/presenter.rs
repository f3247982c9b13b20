//! What stands in for a screen in the bot: takes each newest picture as a window would, and measures.
//!
//! Owns one thread, and the meter and the clock alignment that it feeds. A picture counts as shown when the thread has
//! taken it; sound is sampled along with the pictures.

use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::audio::{AudioEngine, PlayedSound};
use super::camera::FrameSource;
use super::clock::{ClockAlignment, MediaClock, PingSample};
use super::frame::FrameSlot;
use super::measure::{CallFigures, CallMeter};

/// How long one wait for a picture may keep the thread from its end, and from sound.
const PATIENCE: Duration = Duration::from_millis(50);

/// Says what was heard last; see [`AudioEngine::last_played`].
pub type HeardLast = Box<dyn FnMut() -> Option<PlayedSound> + Send>;

struct State {
    meter: CallMeter,
    alignment: ClockAlignment,
    first_shown_at: Option<Instant>,
    /// The reference could not be made; the likeness rests on what was compared before.
    reference_fault: Option<String>,
}

/// The screen of a bot. Dropping it ends its thread.
pub struct Presenter {
    state: Arc<Mutex<State>>,
    slot: Arc<FrameSlot>,
    thread: Option<JoinHandle<()>>,
}

impl Presenter {
    /// Starts to show what `slot` gets. `reference` makes again what the peer sends.
    pub fn start(
        slot: Arc<FrameSlot>,
        clock: MediaClock,
        reference: Option<Box<dyn FrameSource>>,
        mut heard_last: HeardLast,
    ) -> Self {
        let state = State {
            meter: CallMeter::new(reference),
            alignment: ClockAlignment::new(),
            first_shown_at: None,
            reference_fault: None,
        };
        let state = Arc::new(Mutex::new(state));
        let (shared, pictures) = (state.clone(), slot.clone());
        let show = move || {
            while !pictures.is_closed() {
                let frame = pictures.wait(PATIENCE);
                let now = Instant::now();
                let mut state = locked(&shared);
                let State { meter, alignment, first_shown_at, reference_fault } = &mut *state;
                if let Some(frame) = frame {
                    first_shown_at.get_or_insert(now);
                    if let Err(error) = meter.show(&frame, clock.us_at(now), alignment) {
                        *reference_fault = Some(error.to_string());
                    }
                }
                if let Some(sound) = heard_last() {
                    meter.hear(sound, alignment);
                }
            }
        };
        let thread = std::thread::Builder::new().name("presenter".into()).spawn(show);
        Self { state, slot, thread: Some(thread.expect("the system can start a thread")) }
    }

    /// Takes one ping over the data channel, which aligns the clocks.
    pub fn add_ping(&self, ping: PingSample) {
        locked(&self.state).alignment.add(ping);
    }

    /// The figures so far.
    pub fn figures(&self) -> CallFigures {
        let state = locked(&self.state);
        state.meter.figures(&state.alignment)
    }

    /// When the first picture was shown.
    pub fn first_shown_at(&self) -> Option<Instant> {
        locked(&self.state).first_shown_at
    }

    /// Why the reference could not be made, if it could not.
    pub fn reference_fault(&self) -> Option<String> {
        locked(&self.state).reference_fault.clone()
    }
}

/// What `engine` played last, for [`Presenter::start`]; `None` once the engine is gone.
pub fn heard_by(engine: &Arc<AudioEngine>) -> HeardLast {
    let engine = Arc::downgrade(engine);
    Box::new(move || engine.upgrade()?.last_played())
}

impl Drop for Presenter {
    fn drop(&mut self) {
        self.slot.close();
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the presenter does not panic");
        }
    }
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().expect("no holder of the meter panics")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::camera::{CameraSpec, open_source};
    use crate::media::packet::{IncomingPacket, OutgoingPacket};
    use crate::media::video_receiver::VideoReceiver;
    use crate::media::video_sender::{Stamps, VideoSender, VideoSenderOptions};

    #[test]
    fn a_call_without_a_network_is_measured_whole() {
        let (clock, slot) = (MediaClock::starting_at(Instant::now()), FrameSlot::new());
        let reference = open_source(&CameraSpec::default()).expect("the pattern");
        let presenter = Presenter::start(slot.clone(), clock, reference, Box::new(|| None));
        let now_us = clock.now_us();
        presenter.add_ping(PingSample { sent_us: now_us, peer_us: now_us, received_us: now_us });
        let (ask, asked) = std::sync::mpsc::channel();
        let ask = Box::new(move || {
            let _ = ask.send(());
        });
        let receiver = VideoReceiver::start(slot, ask).expect("a receiver");
        let mut sequence = 0_u16;
        let wire = Box::new(move |OutgoingPacket { timestamp, marker, payload }| {
            receiver.push(IncomingPacket { sequence, timestamp, marker, payload, arrived: Instant::now() });
            sequence = sequence.wrapping_add(1);
        });
        let options = VideoSenderOptions { stamps: Stamps::Made, ..VideoSenderOptions::default() };
        let preview = FrameSlot::new();
        let sender =
            VideoSender::start(CameraSpec::default(), options, clock, preview, wire, Box::new(|_| {}));
        sender.set_sending(true);
        let until = Instant::now() + Duration::from_secs(30);
        while presenter.figures().frames_shown < 60 {
            assert!(Instant::now() < until, "{:?}", presenter.figures());
            for () in asked.try_iter() {
                sender.request_key_frame();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let figures = presenter.figures();
        eprintln!("{figures:?}");
        assert_eq!(figures.stamps_read, figures.frames_shown);
        assert!(figures.psnr_db_p50.is_some_and(|db| db > 30.0), "{figures:?}");
        assert!(figures.glass_to_glass_p50.is_some_and(|ms| ms < 200.0), "{figures:?}");
        assert!(presenter.first_shown_at().is_some() && presenter.reference_fault().is_none());
    }
}

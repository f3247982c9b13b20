//! The playout thread: packets through the peer's voice to the speaker.

use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use super::voice::Voice;
use super::{PlayedSound, Shared, locked};
use crate::media::clock::MediaClock;
use crate::media::lip_sync::{Reference, SharedLipSync};
use crate::media::opus::{FRAME_SAMPLES, SoundDecoder};
use crate::media::packet::IncomingPacket;
use crate::media::priority;
use crate::media::sound_device::{Attempts, SoundDeviceError, SoundEnd};
use crate::media::speaker::{Speaker, SpeakerError, SpeakerSpec};

/// How long one wait for the speaker may keep the thread from its packets.
const PATIENCE: Duration = Duration::from_millis(20);
/// Between two attempts to open a speaker: one that is back plays within a second.
const RETRY: Duration = Duration::from_millis(500);

pub(super) struct Playout {
    shared: Shared,
    spec: SpeakerSpec,
    attempts: Attempts<Speaker>,
    clock: MediaClock,
    queue: Receiver<IncomingPacket>,
    voice: Voice,
    lip_sync: SharedLipSync,
    /// Samples on their way to the speaker; kept for its capacity.
    ready: Vec<f32>,
}

impl Playout {
    pub(super) fn new(
        shared: Shared,
        spec: SpeakerSpec,
        clock: MediaClock,
        (decoder, lip_sync): (SoundDecoder, SharedLipSync),
        queue: Receiver<IncomingPacket>,
    ) -> Self {
        let (voice, ready) = (Voice::new(decoder), Vec::with_capacity(2 * FRAME_SAMPLES));
        Self { shared, spec, attempts: Attempts::new(), clock, queue, voice, lip_sync, ready }
    }

    pub(super) fn run(mut self, mut speaker: Option<Speaker>) {
        priority::before_others();
        let (mut off, mut retry_at) = (Speaker::nowhere(), Instant::now());
        while !locked(&self.shared).stopping {
            let next = locked(&self.shared).next_speaker.take();
            if let Some(spec) = next.filter(|spec| *spec != self.spec) {
                // The one that stands in stays where it is what is wanted from now on.
                let stays = self.attempts.stands_in() && spec == SpeakerSpec::Default;
                speaker = speaker.filter(|_| stays);
                if speaker.is_some() {
                    locked(&self.shared).stats.speaker_fault = None;
                }
                (self.spec, retry_at, self.attempts) = (spec, Instant::now(), Attempts::new());
            }
            if let Some(woken) = self.attempts.woken(Instant::now()) {
                self.begin(&woken, false);
                speaker = Some(woken);
            }
            if speaker.is_none() && Instant::now() >= retry_at {
                retry_at = Instant::now() + RETRY;
                speaker = self.open();
            }
            // Without a speaker the sound goes nowhere at its usual pace, so that the buffer stays current.
            let sink = speaker.as_mut().unwrap_or(&mut off);
            let wanted = sink.wait(&self.clock, PATIENCE);
            if !self.take_packets() {
                return;
            }
            let written = match wanted {
                Ok(true) => self.play(sink),
                Ok(false) => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = written {
                self.fault(&error);
                if let Some(failed) = speaker.take() {
                    self.attempts.failed(failed, self.spec.chosen(), Instant::now());
                }
                off = Speaker::nowhere();
            }
        }
    }

    /// The speaker that was chosen, or the system's own while that one plays nothing.
    fn open(&mut self) -> Option<Speaker> {
        let stands_in = self.attempts.stands_in();
        let spec = if stands_in { &SpeakerSpec::Default } else { &self.spec };
        match Speaker::open(spec, self.attempts.waking()) {
            Ok(opened) => {
                self.begin(&opened, stands_in);
                Some(opened)
            }
            Err(error) => {
                self.fault(&error);
                if !error.is_missing() {
                    self.attempts.refused(self.spec.chosen());
                } else if self.attempts.missing(self.spec.chosen()) {
                    return self.open();
                }
                None
            }
        }
    }

    /// Sound goes to `speaker` from now on.
    fn begin(&self, speaker: &Speaker, stands_in: bool) {
        {
            let mut state = locked(&self.shared);
            state.stats.speaker_fault.take_if(|_| !stands_in);
            if let Some(echo) = speaker.echo() {
                state.echo = Some(echo);
            }
        }
        if stands_in {
            self.fault(&SoundDeviceError::StoodIn(SoundEnd::Speaker));
        }
    }

    /// A person has it in a sentence, the log in the words of the system too.
    fn fault(&self, error: &dyn std::error::Error) {
        let fault = Some(error.to_string());
        let before = std::mem::replace(&mut locked(&self.shared).stats.speaker_fault, fault.clone());
        if before != fault {
            tracing::warn!(%error, system = ?error, "no sound to the speaker");
        }
    }

    /// Takes what has arrived; answers false when the engine is gone.
    fn take_packets(&mut self) -> bool {
        loop {
            match self.queue.try_recv() {
                Ok(packet) => {
                    let arrived_us = self.clock.us_at(packet.arrived);
                    self.voice.push(packet.timestamp, packet.payload, arrived_us);
                }
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn play(&mut self, speaker: &mut Speaker) -> Result<(), SpeakerError> {
        let now_us = speaker.plays_at_us(&self.clock);
        let heard_us = speaker.heard_at_us(&self.clock);
        self.ready.clear();
        let frame = self.voice.play(now_us, &mut self.ready);
        {
            let mut state = locked(&self.shared);
            if frame.begun {
                state.speaker_level.add(&self.ready);
            }
            state.stats.jitter = self.voice.stats(now_us);
            state.stats.corrupt_packets += u64::from(frame.refused);
            let captured = frame.timestamp.and_then(|timestamp| state.captured_us(timestamp));
            if let Some((reference, capture_us)) = captured {
                if reference == Reference::Media {
                    state.played = Some(PlayedSound { capture_us, heard_us });
                }
                self.lip_sync.heard(reference, capture_us, heard_us);
                self.voice.set_floor_us(self.lip_sync.sound_floor_us());
            }
        }
        speaker.write(&self.ready)
    }
}

//! The capture thread: sound from the source, encoded, stamped, sent.

use std::time::{Duration, Instant};

use super::cleaning::Cleaning;
use super::{CaptureAnchor, Shared, locked};
use crate::media::clock::MediaClock;
use crate::media::mic::{Mic, MicSpec, SoundFrame};
use crate::media::opus::{EncodedSound, FRAME_SAMPLES, SoundEncoder};
use crate::media::packet::{OutgoingPacket, PacketSink};
use crate::media::priority;
use crate::media::sound_device::{Attempts, SoundDeviceError, SoundEnd};

/// How long one wait for sound may keep the thread from its orders.
const PATIENCE: Duration = Duration::from_millis(100);
/// Between two attempts to open a microphone: one that is back is heard within a second.
const RETRY: Duration = Duration::from_millis(500);

pub(super) struct Capture {
    shared: Shared,
    spec: MicSpec,
    attempts: Attempts<Mic>,
    clock: MediaClock,
    encoder: SoundEncoder,
    sink: PacketSink,
    /// RTP timestamp of the next frame.
    timestamp: u32,
    /// Capture time of the frame before, µs.
    last_us: Option<u64>,
    cleaning: Cleaning,
}

impl Capture {
    pub(super) fn new(
        shared: Shared,
        spec: MicSpec,
        clock: MediaClock,
        encoder: SoundEncoder,
        sink: PacketSink,
    ) -> Self {
        Self {
            shared,
            spec,
            attempts: Attempts::new(),
            clock,
            encoder,
            sink,
            timestamp: 0,
            last_us: None,
            cleaning: Cleaning::default(),
        }
    }

    pub(super) fn run(mut self, mut mic: Option<Mic>) {
        priority::before_others();
        let mut frame: SoundFrame = [0.0; FRAME_SAMPLES];
        let mut retry_at = Instant::now();
        while !locked(&self.shared).stopping {
            let next = locked(&self.shared).next_mic.take();
            if let Some(spec) = next.filter(|spec| *spec != self.spec) {
                // The one that stands in stays where it is what is wanted from now on.
                let stays = self.attempts.stands_in() && spec == MicSpec::Default;
                mic = mic.filter(|_| stays);
                (self.spec, retry_at, self.attempts) = (spec, Instant::now(), Attempts::new());
            }
            if let Some(woken) = self.attempts.woken(Instant::now()) {
                self.cleaning.begin();
                mic = Some(woken);
            }
            let Some(open) = &mut mic else {
                if Instant::now() < retry_at {
                    std::thread::sleep(PATIENCE);
                    continue;
                }
                retry_at = Instant::now() + RETRY;
                mic = self.open();
                continue;
            };
            match open.read(&mut frame, &self.clock, PATIENCE) {
                Ok(Some(capture_us)) => {
                    let room = open.hears_a_room();
                    self.take(&mut frame, capture_us, room);
                }
                Ok(None) => {}
                Err(error) => {
                    self.fault(&error);
                    if let Some(failed) = mic.take() {
                        self.attempts.failed(failed, self.spec.chosen(), Instant::now());
                    }
                }
            }
        }
    }

    /// The microphone that was chosen, or the system's own while that one gives no sound.
    fn open(&mut self) -> Option<Mic> {
        let stands_in = self.attempts.stands_in();
        let spec = if stands_in { &MicSpec::Default } else { &self.spec };
        match Mic::open(spec, self.attempts.waking()) {
            Ok(opened) => {
                self.cleaning.begin();
                if stands_in {
                    self.fault(&SoundDeviceError::StoodIn(SoundEnd::Microphone));
                }
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

    /// A person has it in a sentence, the log in the words of the system too.
    fn fault(&self, error: &dyn std::error::Error) {
        let fault = Some(error.to_string());
        let before = std::mem::replace(&mut locked(&self.shared).stats.mic_fault, fault.clone());
        if before != fault {
            tracing::warn!(%error, system = ?error, "no sound from the microphone");
        }
    }

    fn take(&mut self, frame: &mut SoundFrame, capture_us: u64, room: bool) {
        self.follow(capture_us);
        let (processing, loss_percent) = {
            let mut state = locked(&self.shared);
            if let Some(echo) = state.echo.take() {
                self.cleaning.played_by(echo);
            }
            (state.processing, state.loss_percent.take())
        };
        if room {
            self.cleaning.clean(frame, processing);
        }
        if let Some(error) = loss_percent.and_then(|percent| self.encoder.set_loss(percent).err()) {
            tracing::error!(%error, "error correction was not set");
        }
        let timestamp = self.timestamp;
        self.timestamp = timestamp.wrapping_add(FRAME_SAMPLES as u32);
        let (muted, sending) = {
            let mut state = locked(&self.shared);
            state.mic_level.add(frame);
            if !self.attempts.stands_in() {
                state.stats.mic_fault = None;
            }
            state.anchor = Some(CaptureAnchor { timestamp, capture_us });
            (state.muted, state.sending)
        };
        if !sending {
            return;
        }
        if muted {
            frame.fill(0.0);
        }
        match self.encoder.encode(frame) {
            Ok(EncodedSound::Speech { payload, first }) => {
                (self.sink)(OutgoingPacket { timestamp, marker: first, payload });
                let mut state = locked(&self.shared);
                state.stats.packets_sent += 1;
                state.stats.first_sent_at.get_or_insert_with(Instant::now);
            }
            Ok(EncodedSound::Silence) => {}
            Err(error) => tracing::error!(%error, "a frame of sound was not encoded"),
        }
    }

    /// Lets the timestamp run on over a gap in the source (a microphone that was away), but not over its jitter.
    fn follow(&mut self, capture_us: u64) {
        const GAP_US: u64 = 200_000;
        if let Some(last_us) = self.last_us.replace(capture_us) {
            let gap_us = capture_us.saturating_sub(last_us);
            if gap_us > GAP_US {
                let frames = gap_us / crate::media::opus::FRAME_US - 1;
                self.timestamp = self.timestamp.wrapping_add((frames * FRAME_SAMPLES as u64) as u32);
            }
        }
    }
}

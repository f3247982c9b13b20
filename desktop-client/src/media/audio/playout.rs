//! The playout thread: packets through the jitter buffer and the decoder to the speaker.

use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use super::{PlayedSound, Shared, locked};
use crate::media::clock::MediaClock;
use crate::media::jitter::{JitterBuffer, Pull};
use crate::media::opus::{FRAME_SAMPLES, SoundDecoder};
use crate::media::packet::IncomingPacket;
use crate::media::resample::Resampler;
use crate::media::speaker::{Speaker, SpeakerSpec};

/// How long one wait for the speaker may keep the thread from its packets.
const PATIENCE: Duration = Duration::from_millis(20);
/// Between two attempts to open a speaker.
const RETRY: Duration = Duration::from_secs(2);

pub(super) struct Playout {
    shared: Shared,
    spec: SpeakerSpec,
    clock: MediaClock,
    decoder: SoundDecoder,
    queue: Receiver<IncomingPacket>,
    jitter: JitterBuffer,
    stretch: Resampler,
    /// Samples on their way to the speaker; kept for its capacity.
    ready: Vec<f32>,
}

impl Playout {
    pub(super) fn new(
        shared: Shared,
        spec: SpeakerSpec,
        clock: MediaClock,
        decoder: SoundDecoder,
        queue: Receiver<IncomingPacket>,
    ) -> Self {
        let (jitter, stretch) = (JitterBuffer::new(), Resampler::same_rate());
        let ready = Vec::with_capacity(2 * FRAME_SAMPLES);
        Self { shared, spec, clock, decoder, queue, jitter, stretch, ready }
    }

    pub(super) fn run(mut self, mut speaker: Option<Speaker>) {
        let mut off = Speaker::open(&SpeakerSpec::Off).expect("nowhere is always open");
        let mut retry_at = Instant::now();
        while !locked(&self.shared).stopping {
            let next = locked(&self.shared).next_speaker.take();
            if let Some(spec) = next.filter(|spec| *spec != self.spec) {
                self.spec = spec;
                (speaker, retry_at) = (None, Instant::now());
            }
            if speaker.is_none() && Instant::now() >= retry_at {
                retry_at = Instant::now() + RETRY;
                match Speaker::open(&self.spec) {
                    Ok(opened) => {
                        locked(&self.shared).stats.speaker_fault = None;
                        speaker = Some(opened);
                    }
                    Err(error) => self.fault(&error),
                }
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
                speaker = None;
                off = Speaker::open(&SpeakerSpec::Off).expect("nowhere is always open");
            }
        }
    }

    fn fault(&self, error: &dyn std::fmt::Display) {
        let fault = Some(error.to_string());
        let before = std::mem::replace(&mut locked(&self.shared).stats.speaker_fault, fault.clone());
        if before != fault {
            tracing::warn!(%error, "no sound to the speaker");
        }
    }

    /// Takes what has arrived; answers false when the engine is gone.
    fn take_packets(&mut self) -> bool {
        loop {
            match self.queue.try_recv() {
                Ok(packet) => {
                    let arrived_us = self.clock.us_at(packet.arrived);
                    self.jitter.push(packet.timestamp, packet.payload, arrived_us);
                }
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn play(&mut self, speaker: &mut Speaker) -> Result<(), crate::media::speaker::SpeakerError> {
        let now_us = self.clock.now_us();
        self.stretch.set_speed(self.jitter.speed(now_us));
        let heard_us = speaker.heard_at_us(&self.clock);
        let pull = self.jitter.pull(now_us);
        let decoded = match &pull {
            Pull::Packet { payload, .. } => self.decoder.decode(payload),
            Pull::Recover { payload } => self.decoder.recover(payload),
            Pull::Conceal | Pull::Comfort => self.decoder.conceal(),
            Pull::Nothing => Ok(&[0.0; FRAME_SAMPLES][..]),
        };
        let refused = decoded.is_err();
        let samples = decoded.unwrap_or(&[0.0; FRAME_SAMPLES]);
        self.ready.clear();
        let ready = &mut self.ready;
        self.stretch.process(samples, |sample| ready.push(sample));
        {
            let mut state = locked(&self.shared);
            if pull != Pull::Nothing {
                state.speaker_level.add(samples);
            }
            state.stats.jitter = self.jitter.stats(now_us);
            state.stats.corrupt_packets += u64::from(refused);
            if let (Pull::Packet { timestamp, .. }, Some(anchor)) = (&pull, state.remote_anchor)
                && let Some(capture_us) = anchor.capture_us(*timestamp)
            {
                state.played = Some(PlayedSound { capture_us, heard_us });
            }
        }
        speaker.write(&self.ready)?;
        Ok(())
    }
}

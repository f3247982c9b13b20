//! Microphones and speakers by cpal: the only part that names it.
//!
//! Whatever rate, format and channels a device has, the rest of the app sees 48 kHz mono. Callbacks are lock-free:
//! they convert, resample and touch a bounded ring. A device that is missing, fails, or stops calling back (some
//! systems do that without an error) is a typed error; the owner goes on without it and tries again.

use std::sync::atomic::Ordering;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cpal::traits::{DeviceTrait, StreamTrait};
use cpal::{
    BufferSize, Device, FromSample, Sample, SampleFormat, SizedSample, Stream, SupportedStreamConfig,
};

use super::clock::MediaClock;
use super::echo::{ECHO_RING, EchoReference, SharedEcho};
use super::mic::SoundFrame;
use super::opus::{FRAME_SAMPLES, FRAME_US, SAMPLE_RATE};
use super::resample::Resampler;
use super::ring::{RingReader, RingWriter, ring};

mod attempts;
mod config;
mod fault;
mod keeper;
#[cfg(test)]
mod tests;
mod watchdog;

pub(super) use attempts::{Attempts, Begins, Chosen};
use config::{Config, at_our_rate, offered};
pub use fault::{Refusal, SoundDeviceError, SoundEnd};
pub use keeper::{SoundDevices, list_microphones, list_speakers};
pub(super) use watchdog::Waking;
use watchdog::{Pulse, Watchdog};

/// Ring of a microphone: what a busy machine may leave unread before sound is lost, 500 ms.
const INPUT_RING: usize = SAMPLE_RATE as usize / 2;
/// Sound kept ready for a speaker's next callback; devices that ask for more at once get that and half a frame.
const OUTPUT_TARGET: usize = FRAME_SAMPLES * 3 / 2;
/// Ring of a speaker: blocks of up to 150 ms, a frame, and its stretching.
const OUTPUT_RING: usize = FRAME_SAMPLES * 9;
/// How often a waiting thread looks at its ring: well below a frame.
const POLL: Duration = Duration::from_millis(3);
/// What a device is given to open at most.
const OPEN_TIMEOUT: Duration = Duration::from_secs(3);
/// What a device is given to close; one that hangs is left to close when it can.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);

/// Which device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// The one that the system prefers.
    Default,
    /// Number N of the list.
    Number(usize),
    /// The first of this name, wherever it stands in the list.
    Named(String),
}

/// An open stream; closed when dropped.
struct OpenStream {
    stream: Option<Stream>,
    watchdog: Watchdog,
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let pulse = &self.watchdog.pulse;
        let callbacks = pulse.callbacks.load(Ordering::Relaxed);
        let missed = pulse.missed.load(Ordering::Relaxed);
        let latency_us = pulse.latency_us.load(Ordering::Relaxed);
        tracing::debug!(end = ?self.watchdog.end, callbacks, missed, latency_us, "sound device closed");
        let stream = self.stream.take();
        let (done, closed) = sync_channel(1);
        std::thread::spawn(move || {
            drop(stream);
            done.try_send(()).ok();
        });
        closed.recv_timeout(CLOSE_TIMEOUT).ok();
    }
}

/// Opens a device by `build`, at our rate and in small blocks; in the system's own if the device cannot have them so.
fn open<End: Send + 'static>(
    end: SoundEnd,
    (which, waking): (Which, Waking),
    build: impl Fn(&Device, &Config, &Arc<Pulse>) -> Result<(Stream, End), SoundDeviceError> + Send + 'static,
) -> Result<(OpenStream, End), SoundDeviceError> {
    keeper::ask(end, waking.answer(), move |host| {
        let device = keeper::find(host, end, which)?;
        let preferred = match end {
            SoundEnd::Microphone => device.default_input_config(),
            SoundEnd::Speaker => device.default_output_config(),
        };
        let preferred = preferred.map_err(keeper::refused(end))?;
        let pulse = Arc::new(Pulse::new(end));
        let built = |preferred: &SupportedStreamConfig| {
            let config = Config::of(preferred, end, waking.opening())?;
            match build(&device, &config, &pulse) {
                Err(SoundDeviceError::Refused { .. }) if config.stream.buffer_size != BufferSize::Default => {
                    build(&device, &config.in_blocks(BufferSize::Default), &pulse)
                }
                built => built,
            }
        };
        let (stream, ring) = match at_our_rate(&preferred, || offered(&device, end)).map(|ours| built(&ours))
        {
            None | Some(Err(SoundDeviceError::Refused { .. })) => built(&preferred)?,
            Some(at_ours) => at_ours?,
        };
        stream.play().map_err(keeper::refused(end))?;
        Ok((OpenStream { stream: Some(stream), watchdog: Watchdog::new(end, pulse, waking) }, ring))
    })
}

/// An open microphone.
pub(super) struct InputDevice {
    stream: OpenStream,
    ring: RingReader,
}

impl InputDevice {
    pub(super) fn open(which: Which, waking: Waking) -> Result<Self, SoundDeviceError> {
        let (stream, ring) = open(SoundEnd::Microphone, (which, waking), |device, config, pulse| {
            let listen = match config.format {
                SampleFormat::F32 => listen::<f32>,
                SampleFormat::F64 => listen::<f64>,
                SampleFormat::I16 => listen::<i16>,
                SampleFormat::U16 => listen::<u16>,
                SampleFormat::I24 => listen::<cpal::I24>,
                SampleFormat::I32 => listen::<i32>,
                SampleFormat::I8 => listen::<i8>,
                SampleFormat::U8 => listen::<u8>,
                other => return Err(unreadable(SoundEnd::Microphone, other)),
            };
            listen(device, config, pulse)
        })?;
        Ok(Self { stream, ring })
    }

    pub(super) fn has_begun(&self) -> bool {
        self.stream.watchdog.pulse.has_started()
    }

    /// As [`super::mic::Mic::read`].
    pub(super) fn read(
        &mut self,
        frame: &mut SoundFrame,
        clock: &MediaClock,
        patience: Duration,
    ) -> Result<Option<u64>, SoundDeviceError> {
        let until = Instant::now() + patience;
        while self.ring.filled() < FRAME_SAMPLES {
            self.stream.watchdog.check()?;
            if Instant::now() >= until {
                return Ok(None);
            }
            std::thread::sleep(POLL);
        }
        let waiting_us = micros(self.ring.filled());
        for sample in frame.iter_mut() {
            *sample = self.ring.pop().unwrap_or_default();
        }
        let latency_us = self.stream.watchdog.pulse.latency_us.load(Ordering::Relaxed);
        Ok(Some(clock.now_us().saturating_sub(waiting_us.max(FRAME_US) + latency_us)))
    }
}

fn micros(samples: usize) -> u64 {
    samples as u64 * 1_000_000 / u64::from(SAMPLE_RATE)
}

fn unreadable(end: SoundEnd, format: SampleFormat) -> SoundDeviceError {
    SoundDeviceError::Refused { end, why: Refusal::Form, said: format.to_string() }
}

fn listen<T>(
    device: &Device,
    config: &Config,
    pulse: &Arc<Pulse>,
) -> Result<(Stream, RingReader), SoundDeviceError>
where
    T: SizedSample,
    f32: FromSample<T>,
{
    let (channels, rate) = (config.channels, config.stream.sample_rate);
    let mut resampler = Resampler::new(rate, SAMPLE_RATE);
    let (mut ring, reader) = ring(INPUT_RING);
    let (beat, fail) = (pulse.clone(), pulse.clone());
    let heard = move |data: &[T], info: &cpal::InputCallbackInfo| {
        let at = info.timestamp();
        let block = data.len() / channels * SAMPLE_RATE as usize / rate as usize;
        beat.beat(at.callback.checked_duration_since(at.capture), block);
        let mut missed = 0;
        for samples in data.chunks_exact(channels) {
            let sum: f32 = samples.iter().map(|sample| f32::from_sample(*sample)).sum();
            // A full ring loses what nobody read in time.
            resampler.process(&[sum / channels as f32], |sample| missed += u64::from(!ring.push(sample)));
        }
        beat.missed.fetch_add(missed, Ordering::Relaxed);
    };
    let failed = move |error: cpal::Error| fail.fail(&error);
    let built = device.build_input_stream(config.stream, heard, failed, Some(config.opening));
    Ok((built.map_err(keeper::refused(SoundEnd::Microphone))?, reader))
}

/// An open speaker.
pub(super) struct OutputDevice {
    stream: OpenStream,
    ring: RingWriter,
    echo: SharedEcho,
}

impl OutputDevice {
    pub(super) fn open(which: Which, waking: Waking) -> Result<Self, SoundDeviceError> {
        let (stream, (ring, echo)) = open(SoundEnd::Speaker, (which, waking), |device, config, pulse| {
            let speak = match config.format {
                SampleFormat::F32 => speak::<f32>,
                SampleFormat::F64 => speak::<f64>,
                SampleFormat::I16 => speak::<i16>,
                SampleFormat::U16 => speak::<u16>,
                SampleFormat::I24 => speak::<cpal::I24>,
                SampleFormat::I32 => speak::<i32>,
                SampleFormat::I8 => speak::<i8>,
                SampleFormat::U8 => speak::<u8>,
                other => return Err(unreadable(SoundEnd::Speaker, other)),
            };
            speak(device, config, pulse)
        })?;
        Ok(Self { stream, ring, echo: Arc::new(Mutex::new(echo)) })
    }

    /// Waits until the ring runs low; answers whether it did within `patience`.
    pub(super) fn wait(&mut self, patience: Duration) -> Result<bool, SoundDeviceError> {
        let until = Instant::now() + patience;
        let block = self.stream.watchdog.pulse.block.load(Ordering::Relaxed);
        let target = OUTPUT_TARGET.max(block + FRAME_SAMPLES / 2).min(OUTPUT_RING - 2 * FRAME_SAMPLES);
        while self.ring.filled() > target {
            self.stream.watchdog.check()?;
            if Instant::now() >= until {
                return Ok(false);
            }
            std::thread::sleep(POLL);
        }
        Ok(true)
    }

    pub(super) fn write(&mut self, samples: &[f32]) {
        for sample in samples {
            // A full ring is a device whose callbacks stall: the watchdog decides.
            self.ring.push(*sample);
        }
    }

    /// What is played from now on.
    pub(super) fn echo(&self) -> SharedEcho {
        self.echo.lock().expect("no holder of the reference panics").forget();
        self.echo.clone()
    }

    pub(super) fn has_begun(&self) -> bool {
        self.stream.watchdog.pulse.has_started()
    }

    /// From writing a sample to hearing it, µs.
    pub(super) fn latency_us(&self) -> u64 {
        micros(self.ring.filled()) + self.stream.watchdog.pulse.latency_us.load(Ordering::Relaxed)
    }
}

fn speak<T>(
    device: &Device,
    config: &Config,
    pulse: &Arc<Pulse>,
) -> Result<(Stream, (RingWriter, EchoReference)), SoundDeviceError>
where
    T: SizedSample + FromSample<f32>,
{
    let (channels, rate) = (config.channels, config.stream.sample_rate);
    let mut resampler = Resampler::new(SAMPLE_RATE, rate);
    let (writer, mut ring) = ring(OUTPUT_RING);
    let (mut past, echo) = super::ring::ring(ECHO_RING);
    // Samples at our rate that were missing, in parts of the device's.
    let mut silence = 0;
    // One sample at our rate makes at most this many at the device's; kept until a callback wants them.
    let most = (rate / SAMPLE_RATE + 2) as usize;
    let mut ready: std::collections::VecDeque<f32> = std::collections::VecDeque::with_capacity(most);
    let (beat, fail) = (pulse.clone(), pulse.clone());
    let play = move |data: &mut [T], info: &cpal::OutputCallbackInfo| {
        let at = info.timestamp();
        let block = data.len() / channels * SAMPLE_RATE as usize / rate as usize;
        beat.beat(at.playback.checked_duration_since(at.callback), block);
        let mut missed = 0;
        for samples in data.chunks_mut(channels) {
            while ready.is_empty() {
                let Some(sample) = ring.pop() else { break };
                // A full ring is a microphone that nobody reads: there is no echo to cancel.
                past.push(sample);
                resampler.process(&[sample], |sample| ready.push_back(sample));
            }
            if ready.is_empty() {
                missed += 1;
                silence += SAMPLE_RATE;
                while silence >= rate {
                    silence -= rate;
                    past.push(0.0);
                }
            }
            samples.fill(T::from_sample(ready.pop_front().unwrap_or_default()));
        }
        beat.missed.fetch_add(missed, Ordering::Relaxed);
    };
    let failed = move |error: cpal::Error| fail.fail(&error);
    let built = device.build_output_stream(config.stream, play, failed, Some(config.opening));
    Ok((built.map_err(keeper::refused(SoundEnd::Speaker))?, (writer, EchoReference::new(echo))))
}

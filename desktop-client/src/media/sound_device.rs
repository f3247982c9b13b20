//! Microphones and speakers by cpal: the only file that names it.
//!
//! Whatever rate, format and channels a device has, the rest of the app sees 48 kHz mono. Callbacks are lock-free:
//! they convert, resample and touch a bounded ring. A device that is missing, fails, or stops calling back (some
//! systems do that without an error) is a typed error; the owner goes on without it and tries again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{
    Device, FromSample, Sample, SampleFormat, SizedSample, Stream, StreamConfig, SupportedStreamConfig,
};

use super::clock::MediaClock;
use super::mic::SoundFrame;
use super::opus::{FRAME_SAMPLES, FRAME_US, SAMPLE_RATE};
use super::resample::Resampler;
use super::ring::{RingReader, RingWriter, ring};

/// A device that did not call back for this long is dead.
const STARVED: Duration = Duration::from_secs(1);
/// Ring of a microphone: what a busy machine may leave unread before sound is lost, 100 ms.
const INPUT_RING: usize = SAMPLE_RATE as usize / 10;
/// Sound kept ready for a speaker's next callback; devices that ask for more at once get that and half a frame.
const OUTPUT_TARGET: usize = FRAME_SAMPLES * 3 / 2;
/// Ring of a speaker: blocks of up to 150 ms, a frame, and its stretching.
const OUTPUT_RING: usize = FRAME_SAMPLES * 9;
/// How often a waiting thread looks at its ring: well below a frame.
const POLL: Duration = Duration::from_millis(3);
/// What a device is given to answer when its stream is opened.
const OPEN_TIMEOUT: Duration = Duration::from_secs(3);

/// Which device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The one that the system prefers.
    Default,
    /// Number N of the list.
    Number(usize),
}

/// Why a device gives or takes no sound.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SoundDeviceError {
    /// There is no such device.
    #[error("there is no {0}")]
    NotFound(&'static str),
    /// The device does not open.
    #[error("the {device} cannot be used: {reason}")]
    Refused {
        /// Microphone or speaker.
        device: &'static str,
        /// What the system said.
        reason: String,
    },
    /// The device went away or failed while in use.
    #[error("the {0} was disconnected")]
    Gone(&'static str),
    /// The device is there but its callbacks stopped.
    #[error("the {0} has stopped working")]
    Starved(&'static str),
}

const MIC: &str = "microphone";
const SPEAKER: &str = "speaker";

/// Names of the microphones, in the order of their numbers.
pub fn list_microphones() -> Vec<String> {
    let devices = cpal::default_host().input_devices();
    devices.map(|devices| devices.map(|device| device.to_string()).collect()).unwrap_or_default()
}

/// Names of the speakers, in the order of their numbers.
pub fn list_speakers() -> Vec<String> {
    let devices = cpal::default_host().output_devices();
    devices.map(|devices| devices.map(|device| device.to_string()).collect()).unwrap_or_default()
}

fn refused(device: &'static str) -> impl Fn(cpal::Error) -> SoundDeviceError {
    move |error| SoundDeviceError::Refused { device, reason: error.to_string() }
}

/// What a stream's callbacks leave for the thread that owns it.
#[derive(Debug, Default)]
struct Pulse {
    callbacks: AtomicU64,
    failed: AtomicBool,
    /// From the callback to the ear or from the mouth to the callback, µs.
    latency_us: AtomicU64,
    /// Most samples (at our rate) that one callback asked for.
    block: AtomicUsize,
}

impl Pulse {
    fn beat(&self, latency: Option<Duration>, block: usize) {
        self.block.fetch_max(block, Ordering::Relaxed);
        self.callbacks.fetch_add(1, Ordering::Relaxed);
        if let Some(latency) = latency {
            self.latency_us.store(latency.as_micros() as u64, Ordering::Relaxed);
        }
    }

    /// Notes an error. A stream that was only rerouted, or missed some samples, goes on.
    fn fail(&self, error: &cpal::Error) {
        use cpal::ErrorKind::{DeviceChanged, RealtimeDenied, Xrun};
        if !matches!(error.kind(), DeviceChanged | RealtimeDenied | Xrun) {
            self.failed.store(true, Ordering::Relaxed);
        }
    }
}

/// Notices that callbacks stopped.
struct Watchdog {
    device: &'static str,
    pulse: Arc<Pulse>,
    seen: u64,
    since: Instant,
}

impl Watchdog {
    fn new(device: &'static str, pulse: Arc<Pulse>) -> Self {
        Self { device, pulse, seen: 0, since: Instant::now() }
    }

    fn check(&mut self) -> Result<(), SoundDeviceError> {
        if self.pulse.failed.load(Ordering::Relaxed) {
            return Err(SoundDeviceError::Gone(self.device));
        }
        let callbacks = self.pulse.callbacks.load(Ordering::Relaxed);
        if callbacks != self.seen {
            (self.seen, self.since) = (callbacks, Instant::now());
        }
        if self.since.elapsed() < STARVED { Ok(()) } else { Err(SoundDeviceError::Starved(self.device)) }
    }
}

/// An open microphone.
pub(super) struct InputDevice {
    /// Held for its callbacks.
    _stream: Stream,
    ring: RingReader,
    watchdog: Watchdog,
}

impl InputDevice {
    pub(super) fn open(which: Which) -> Result<Self, SoundDeviceError> {
        let host = cpal::default_host();
        let device = match which {
            Which::Default => host.default_input_device(),
            Which::Number(number) => host.input_devices().ok().and_then(|mut devices| devices.nth(number)),
        };
        let device = device.ok_or(SoundDeviceError::NotFound(MIC))?;
        let config = device.default_input_config().map_err(refused(MIC))?;
        let (writer, reader) = ring(INPUT_RING);
        let pulse = Arc::<Pulse>::default();
        let stream = match config.sample_format() {
            SampleFormat::F32 => listen::<f32>(&device, &config, writer, &pulse),
            SampleFormat::F64 => listen::<f64>(&device, &config, writer, &pulse),
            SampleFormat::I16 => listen::<i16>(&device, &config, writer, &pulse),
            SampleFormat::U16 => listen::<u16>(&device, &config, writer, &pulse),
            SampleFormat::I32 => listen::<i32>(&device, &config, writer, &pulse),
            SampleFormat::I8 => listen::<i8>(&device, &config, writer, &pulse),
            SampleFormat::U8 => listen::<u8>(&device, &config, writer, &pulse),
            other => return Err(unreadable(MIC, other)),
        }?;
        stream.play().map_err(refused(MIC))?;
        Ok(Self { _stream: stream, ring: reader, watchdog: Watchdog::new(MIC, pulse) })
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
            self.watchdog.check()?;
            if Instant::now() >= until {
                return Ok(None);
            }
            std::thread::sleep(POLL);
        }
        let waiting_us = micros(self.ring.filled());
        for sample in frame.iter_mut() {
            *sample = self.ring.pop().unwrap_or_default();
        }
        let latency_us = self.watchdog.pulse.latency_us.load(Ordering::Relaxed);
        Ok(Some(clock.now_us().saturating_sub(waiting_us.max(FRAME_US) + latency_us)))
    }
}

fn micros(samples: usize) -> u64 {
    samples as u64 * 1_000_000 / u64::from(SAMPLE_RATE)
}

fn unreadable(device: &'static str, format: SampleFormat) -> SoundDeviceError {
    SoundDeviceError::Refused { device, reason: format!("samples of {format} are not supported") }
}

fn listen<T>(
    device: &Device,
    config: &SupportedStreamConfig,
    mut ring: RingWriter,
    pulse: &Arc<Pulse>,
) -> Result<Stream, SoundDeviceError>
where
    T: SizedSample,
    f32: FromSample<T>,
{
    let (config, channels) = stream_config(config, MIC)?;
    let mut resampler = Resampler::new(config.sample_rate, SAMPLE_RATE);
    let (beat, fail) = (pulse.clone(), pulse.clone());
    let heard = move |data: &[T], info: &cpal::InputCallbackInfo| {
        let at = info.timestamp();
        beat.beat(at.callback.checked_duration_since(at.capture), 0);
        for samples in data.chunks_exact(channels) {
            let sum: f32 = samples.iter().map(|sample| f32::from_sample(*sample)).sum();
            resampler.process(&[sum / channels as f32], |sample| {
                // A full ring loses what nobody read in time.
                ring.push(sample);
            });
        }
    };
    let failed = move |error: cpal::Error| fail.fail(&error);
    device.build_input_stream(config, heard, failed, Some(OPEN_TIMEOUT)).map_err(refused(MIC))
}

fn stream_config(
    config: &SupportedStreamConfig,
    device: &'static str,
) -> Result<(StreamConfig, usize), SoundDeviceError> {
    let config = config.config();
    if config.channels == 0 || config.sample_rate == 0 {
        return Err(SoundDeviceError::Refused { device, reason: "it has no channels".into() });
    }
    let channels = usize::from(config.channels);
    Ok((config, channels))
}

/// An open speaker.
pub(super) struct OutputDevice {
    /// Held for its callbacks.
    _stream: Stream,
    ring: RingWriter,
    watchdog: Watchdog,
}

impl OutputDevice {
    pub(super) fn open(which: Which) -> Result<Self, SoundDeviceError> {
        let host = cpal::default_host();
        let device = match which {
            Which::Default => host.default_output_device(),
            Which::Number(number) => host.output_devices().ok().and_then(|mut devices| devices.nth(number)),
        };
        let device = device.ok_or(SoundDeviceError::NotFound(SPEAKER))?;
        let config = device.default_output_config().map_err(refused(SPEAKER))?;
        let (writer, reader) = ring(OUTPUT_RING);
        let pulse = Arc::<Pulse>::default();
        let stream = match config.sample_format() {
            SampleFormat::F32 => speak::<f32>(&device, &config, reader, &pulse),
            SampleFormat::F64 => speak::<f64>(&device, &config, reader, &pulse),
            SampleFormat::I16 => speak::<i16>(&device, &config, reader, &pulse),
            SampleFormat::U16 => speak::<u16>(&device, &config, reader, &pulse),
            SampleFormat::I32 => speak::<i32>(&device, &config, reader, &pulse),
            SampleFormat::I8 => speak::<i8>(&device, &config, reader, &pulse),
            SampleFormat::U8 => speak::<u8>(&device, &config, reader, &pulse),
            other => return Err(unreadable(SPEAKER, other)),
        }?;
        stream.play().map_err(refused(SPEAKER))?;
        Ok(Self { _stream: stream, ring: writer, watchdog: Watchdog::new(SPEAKER, pulse) })
    }

    /// Waits until the ring runs low; answers whether it did within `patience`.
    pub(super) fn wait(&mut self, patience: Duration) -> Result<bool, SoundDeviceError> {
        let until = Instant::now() + patience;
        let block = self.watchdog.pulse.block.load(Ordering::Relaxed);
        let target = OUTPUT_TARGET.max(block + FRAME_SAMPLES / 2).min(OUTPUT_RING - 2 * FRAME_SAMPLES);
        while self.ring.filled() > target {
            self.watchdog.check()?;
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

    /// From writing a sample to hearing it, µs.
    pub(super) fn latency_us(&self) -> u64 {
        micros(self.ring.filled()) + self.watchdog.pulse.latency_us.load(Ordering::Relaxed)
    }
}

fn speak<T>(
    device: &Device,
    config: &SupportedStreamConfig,
    mut ring: RingReader,
    pulse: &Arc<Pulse>,
) -> Result<Stream, SoundDeviceError>
where
    T: SizedSample + FromSample<f32>,
{
    let (config, channels) = stream_config(config, SPEAKER)?;
    let mut resampler = Resampler::new(SAMPLE_RATE, config.sample_rate);
    // One sample at our rate makes at most this many at the device's; kept until a callback wants them.
    let most = (config.sample_rate / SAMPLE_RATE + 2) as usize;
    let mut ready: std::collections::VecDeque<f32> = std::collections::VecDeque::with_capacity(most);
    let (beat, fail) = (pulse.clone(), pulse.clone());
    let play = move |data: &mut [T], info: &cpal::OutputCallbackInfo| {
        let at = info.timestamp();
        let block = data.len() / channels * SAMPLE_RATE as usize / config.sample_rate as usize;
        beat.beat(at.playback.checked_duration_since(at.callback), block);
        for samples in data.chunks_mut(channels) {
            while ready.is_empty() {
                let Some(sample) = ring.pop() else { break };
                resampler.process(&[sample], |sample| ready.push_back(sample));
            }
            samples.fill(T::from_sample(ready.pop_front().unwrap_or_default()));
        }
    };
    let failed = move |error: cpal::Error| fail.fail(&error);
    device.build_output_stream(config, play, failed, Some(OPEN_TIMEOUT)).map_err(refused(SPEAKER))
}

//! Where sound goes: a speaker of this machine, a WAV file that records what would be played, or nowhere.
//!
//! All of them take sound in real time: a speaker at the pace of its own clock, the others at ours.

use std::fmt;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use super::clock::MediaClock;
use super::echo::SharedEcho;
use super::mic::{Place, SoundFileError, SoundSpecError};
use super::opus::SAMPLE_RATE;
use super::sound_device::{Begins, Chosen, OutputDevice, SoundDeviceError, Waking, Which};

/// Which sink of sound to use: `default`, `device:N`, `off` or `file:X.wav`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SpeakerSpec {
    /// The speaker that the system prefers.
    #[default]
    Default,
    /// Speaker N of this machine.
    Device(usize),
    /// The speaker of this name, wherever it stands in the list.
    Named(String),
    /// Nowhere, at the usual pace.
    Off,
    /// A WAV file, 48 kHz mono.
    File(PathBuf),
}

impl FromStr for SpeakerSpec {
    type Err = SoundSpecError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match (text, Place::parse(text)) {
            ("default", _) => Ok(Self::Default),
            ("off", _) => Ok(Self::Off),
            (_, Some(Ok(Place::File(path)))) => Ok(Self::File(path)),
            (_, Some(Ok(Place::Device(number)))) => Ok(Self::Device(number)),
            (_, Some(Err(error))) => Err(error),
            (_, None) => Err(SoundSpecError::UnknownSpeaker(text.to_owned())),
        }
    }
}

impl fmt::Display for SpeakerSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Device(number) => write!(f, "device:{number}"),
            Self::Named(name) => write!(f, "device:{name}"),
            Self::Off => f.write_str("off"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

/// Why a sink did not open, or failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SpeakerError {
    #[error(transparent)]
    File(#[from] SoundFileError),
    #[error(transparent)]
    Device(#[from] SoundDeviceError),
}

/// An open sink of sound.
pub(super) enum Speaker {
    Paced(PacedSink),
    Device(OutputDevice),
}

impl Speaker {
    /// Opens a sink, a device as patiently as `waking` says.
    pub(super) fn open(spec: &SpeakerSpec, waking: Waking) -> Result<Self, SpeakerError> {
        let device = |which| OutputDevice::open(which, waking).map(Self::Device);
        Ok(match spec {
            SpeakerSpec::Default => device(Which::Default)?,
            SpeakerSpec::Device(number) => device(Which::Number(*number))?,
            SpeakerSpec::Named(name) => device(Which::Named(name.clone()))?,
            SpeakerSpec::Off => Self::nowhere(),
            SpeakerSpec::File(path) => Self::Paced(PacedSink::new(Some(Recording::create(path)?))),
        })
    }

    /// Opens what takes sound to nowhere, at its usual pace.
    pub(super) fn nowhere() -> Self {
        Self::Paced(PacedSink::new(None))
    }

    /// Waits up to `patience` until another frame is wanted; answers whether one is.
    pub(super) fn wait(&mut self, clock: &MediaClock, patience: Duration) -> Result<bool, SpeakerError> {
        match self {
            Self::Paced(sink) => Ok(sink.wait(clock, patience)),
            Self::Device(device) => Ok(device.wait(patience)?),
        }
    }

    /// Takes samples to play after those it has.
    pub(super) fn write(&mut self, samples: &[f32]) -> Result<(), SpeakerError> {
        match self {
            Self::Paced(sink) => sink.write(samples),
            Self::Device(device) => {
                device.write(samples);
                Ok(())
            }
        }
    }

    /// What is played from now on, for echo cancellation; who asks last gets it. What plays nowhere has no echo.
    pub(super) fn echo(&self) -> Option<SharedEcho> {
        match self {
            Self::Paced(_) => None,
            Self::Device(device) => Some(device.echo()),
        }
    }

    /// When the next frame is played, µs: for a device now, for the others by their own pace even if we are late.
    pub(super) fn plays_at_us(&self, clock: &MediaClock) -> u64 {
        match self {
            Self::Paced(sink) => sink.due_us(clock).min(clock.now_us()),
            Self::Device(_) => clock.now_us(),
        }
    }

    /// When the next sample written will be heard, µs.
    pub(super) fn heard_at_us(&self, clock: &MediaClock) -> u64 {
        match self {
            Self::Paced(sink) => sink.due_us(clock),
            Self::Device(device) => clock.now_us() + device.latency_us(),
        }
    }
}

impl SpeakerSpec {
    /// How it was chosen, and so whether the system's own speaker can stand in for it.
    pub(super) fn chosen(&self) -> Chosen {
        match self {
            Self::Device(_) => Chosen::ByNumber,
            Self::Named(_) => Chosen::ByName,
            _ => Chosen::No,
        }
    }
}

impl SpeakerError {
    /// Whether there is no such device, as of microphones.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Device(SoundDeviceError::NotFound(_)))
    }
}

impl Begins for Speaker {
    fn has_begun(&self) -> bool {
        match self {
            Self::Paced(_) => true,
            Self::Device(device) => device.has_begun(),
        }
    }
}

/// A sink that takes samples at the pace of our clock.
pub(super) struct PacedSink {
    start_us: Option<u64>,
    written: u64,
    recording: Option<Recording>,
}

struct Recording {
    path: PathBuf,
    writer: hound::WavWriter<BufWriter<File>>,
}

impl Recording {
    fn create(path: &Path) -> Result<Self, SoundFileError> {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: SAMPLE_RATE,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let writer = hound::WavWriter::create(path, spec);
        let fail = |error: hound::Error| SoundFileError { path: path.to_owned(), reason: error.to_string() };
        Ok(Self { path: path.to_owned(), writer: writer.map_err(fail)? })
    }
}

impl PacedSink {
    fn new(recording: Option<Recording>) -> Self {
        Self { start_us: None, written: 0, recording }
    }

    fn due_us(&self, clock: &MediaClock) -> u64 {
        let start_us = self.start_us.unwrap_or_else(|| clock.now_us());
        start_us + self.written * 1_000_000 / u64::from(SAMPLE_RATE)
    }

    fn wait(&mut self, clock: &MediaClock, patience: Duration) -> bool {
        self.start_us.get_or_insert_with(|| clock.now_us());
        let early = Duration::from_micros(self.due_us(clock).saturating_sub(clock.now_us()));
        std::thread::sleep(early.min(patience));
        early <= patience
    }

    fn write(&mut self, samples: &[f32]) -> Result<(), SpeakerError> {
        self.written += samples.len() as u64;
        let Some(recording) = &mut self.recording else { return Ok(()) };
        for sample in samples {
            let sample = (sample.clamp(-1.0, 1.0) * f32::from(i16::MAX)) as i16;
            let written = recording.writer.write_sample(sample);
            written.map_err(|error| SoundFileError {
                path: recording.path.clone(),
                reason: error.to_string(),
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_speaker_is_understood_and_written_back() {
        for text in ["default", "off", "file:heard.wav", "device:0"] {
            assert_eq!(text.parse::<SpeakerSpec>().expect("good").to_string(), text);
        }
        let error = "tone".parse::<SpeakerSpec>().expect_err("bad");
        assert_eq!(error, SoundSpecError::UnknownSpeaker("tone".into()));
    }
}

//! Where sound comes from: a tone, a WAV file, silence, or a microphone of this machine.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use super::clock::MediaClock;
use super::opus::{FRAME_SAMPLES, FRAME_US, SAMPLE_RATE};
use super::resample::Resampler;
use super::sound_device::{Begins, Chosen, InputDevice, SoundDeviceError, Waking, Which};
use crate::words::say_with;

/// Which source of sound to use: `tone`, `file:X.wav`, `silence`, `device:N` or `default`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum MicSpec {
    /// The microphone that the system prefers.
    #[default]
    Default,
    /// Microphone N of this machine.
    Device(usize),
    /// The microphone of this name, wherever it stands in the list.
    Named(String),
    /// A steady tone that swells and fades.
    Tone,
    /// A WAV file, played in a loop.
    File(PathBuf),
    /// Nothing, at the usual pace.
    Silence,
}

/// Why a `--mic` or speaker value was not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SoundSpecError {
    /// Not one of the forms of a microphone.
    #[error("`{0}` is not a microphone: use tone, file:SPEECH.wav, silence, default or device:N")]
    UnknownMic(String),
    /// Not one of the forms of a speaker.
    #[error("`{0}` is not a speaker: use default, device:N, off or file:RECORDING.wav")]
    UnknownSpeaker(String),
    /// `device:` was followed by something else than a number.
    #[error("`{0}` is not the number of a sound device: use for example device:0")]
    BadDevice(String),
    /// `file:` was followed by nothing.
    #[error("file: needs the path of a .wav file")]
    NoPath,
}

/// The path or number after the colon of `file:` and `device:`.
pub(super) enum Place {
    File(PathBuf),
    Device(usize),
}

impl Place {
    pub(super) fn parse(text: &str) -> Option<Result<Self, SoundSpecError>> {
        let (kind, rest) = text.split_once(':')?;
        match kind {
            "file" if rest.is_empty() => Some(Err(SoundSpecError::NoPath)),
            "file" => Some(Ok(Self::File(rest.into()))),
            "device" => {
                let number = rest.parse().map(Self::Device);
                Some(number.map_err(|_| SoundSpecError::BadDevice(rest.to_owned())))
            }
            _ => None,
        }
    }
}

impl FromStr for MicSpec {
    type Err = SoundSpecError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match (text, Place::parse(text)) {
            ("default", _) => Ok(Self::Default),
            ("tone", _) => Ok(Self::Tone),
            ("silence", _) => Ok(Self::Silence),
            (_, Some(Ok(Place::File(path)))) => Ok(Self::File(path)),
            (_, Some(Ok(Place::Device(number)))) => Ok(Self::Device(number)),
            (_, Some(Err(error))) => Err(error),
            (_, None) => Err(SoundSpecError::UnknownMic(text.to_owned())),
        }
    }
}

impl fmt::Display for MicSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Device(number) => write!(f, "device:{number}"),
            Self::Named(name) => write!(f, "device:{name}"),
            Self::Tone => f.write_str("tone"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Silence => f.write_str("silence"),
        }
    }
}

/// A WAV file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", say_with("fault-sound-file", &[("file", path.display().to_string().into()), ("reason", reason.into())]))]
pub struct SoundFileError {
    /// Which file.
    pub path: PathBuf,
    /// What is wrong.
    pub reason: String,
}

/// Longest recording that is loaded, samples at 48 kHz: ten minutes, 115 MB.
const MAX_SAMPLES: usize = SAMPLE_RATE as usize * 600;

/// Reads a WAV file as mono 48 kHz.
pub fn read_wav(path: &Path) -> Result<Vec<f32>, SoundFileError> {
    let fail = |reason: String| SoundFileError { path: path.to_owned(), reason };
    let mut reader = hound::WavReader::open(path).map_err(|error| fail(error.to_string()))?;
    let spec = reader.spec();
    if spec.channels == 0 || !(4_000..=192_000).contains(&spec.sample_rate) {
        return Err(fail(format!("{} channels at {} Hz", spec.channels, spec.sample_rate)));
    }
    let mut resampler = Resampler::new(spec.sample_rate, SAMPLE_RATE);
    let (mut mono, mut sum, mut channel) = (Vec::new(), 0.0, 0);
    let mut take = |sample: f32| {
        sum += sample;
        channel += 1;
        if channel == spec.channels && mono.len() < MAX_SAMPLES {
            resampler.process(&[sum / f32::from(spec.channels)], |sample| mono.push(sample));
        }
        if channel == spec.channels {
            (sum, channel) = (0.0, 0);
        }
    };
    let read: Result<(), hound::Error> = match spec.sample_format {
        hound::SampleFormat::Float => reader.samples::<f32>().try_for_each(|sample| sample.map(&mut take)),
        hound::SampleFormat::Int => {
            let scale = 1.0 / (1_u64 << (spec.bits_per_sample - 1)) as f32;
            reader.samples::<i32>().try_for_each(|sample| sample.map(|sample| take(sample as f32 * scale)))
        }
    };
    read.map_err(|error| fail(error.to_string()))?;
    if mono.is_empty() { Err(fail("it holds no sound".into())) } else { Ok(mono) }
}

/// 20 ms of mono sound.
pub type SoundFrame = [f32; FRAME_SAMPLES];

/// An open source of sound.
pub(super) enum Mic {
    Made(MadeSound),
    Device(InputDevice),
}

impl Mic {
    /// Opens a source, a device as patiently as `waking` says; a file is read whole.
    pub(super) fn open(spec: &MicSpec, waking: Waking) -> Result<Self, MicError> {
        let device = |which| InputDevice::open(which, waking).map(Self::Device);
        Ok(match spec {
            MicSpec::Default => device(Which::Default)?,
            MicSpec::Device(number) => device(Which::Number(*number))?,
            MicSpec::Named(name) => device(Which::Named(name.clone()))?,
            MicSpec::Tone => Self::Made(MadeSound::new(Wave::Tone)),
            MicSpec::Silence => Self::Made(MadeSound::new(Wave::Silence)),
            MicSpec::File(path) => Self::Made(MadeSound::new(Wave::Recording(read_wav(path)?))),
        })
    }

    /// Fills `frame` and answers when its first sample was captured (µs); `None` if none came within `patience`.
    pub(super) fn read(
        &mut self,
        frame: &mut SoundFrame,
        clock: &MediaClock,
        patience: Duration,
    ) -> Result<Option<u64>, SoundDeviceError> {
        match self {
            Self::Made(made) => Ok(made.read(frame, clock, patience)),
            Self::Device(device) => device.read(frame, clock, patience),
        }
    }
}

impl MicSpec {
    /// How it was chosen, and so whether the system's own microphone can stand in for it.
    pub(super) fn chosen(&self) -> Chosen {
        match self {
            Self::Device(_) => Chosen::ByNumber,
            Self::Named(_) => Chosen::ByName,
            _ => Chosen::No,
        }
    }
}

impl Begins for Mic {
    fn has_begun(&self) -> bool {
        match self {
            Self::Made(_) => true,
            Self::Device(device) => device.has_begun(),
        }
    }
}

impl Mic {
    /// Whether it hears a room, with its noise and with what the speaker plays.
    pub(super) fn hears_a_room(&self) -> bool {
        matches!(self, Self::Device(_))
    }
}

impl MicError {
    /// Whether there is no such device.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Device(SoundDeviceError::NotFound(_)))
    }
}

/// Why a source did not open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum MicError {
    #[error(transparent)]
    File(#[from] SoundFileError),
    #[error(transparent)]
    Device(#[from] SoundDeviceError),
}

enum Wave {
    Tone,
    Silence,
    Recording(Vec<f32>),
}

/// Sound that is made here, a frame every 20 ms, as a microphone would give it: when its last sample was heard.
pub(super) struct MadeSound {
    wave: Wave,
    start_us: Option<u64>,
    next: u64,
}

/// The tone: a note that most speakers can play, half a second loud and half a second soft.
const TONE_HZ: f64 = 440.0;
const TONE_AMPLITUDE: f64 = 0.3;

impl MadeSound {
    fn new(wave: Wave) -> Self {
        Self { wave, start_us: None, next: 0 }
    }

    fn read(&mut self, frame: &mut SoundFrame, clock: &MediaClock, patience: Duration) -> Option<u64> {
        let start_us = *self.start_us.get_or_insert_with(|| clock.now_us());
        let captured_us = start_us + self.next * FRAME_US;
        let early = Duration::from_micros((captured_us + FRAME_US).saturating_sub(clock.now_us()));
        std::thread::sleep(early.min(patience));
        if early > patience {
            return None;
        }
        let first = self.next as usize * FRAME_SAMPLES;
        for (at, sample) in (first..).zip(frame) {
            *sample = self.wave.sample(at);
        }
        self.next += 1;
        Some(captured_us)
    }
}

impl Wave {
    fn sample(&self, at: usize) -> f32 {
        match self {
            Self::Silence => 0.0,
            Self::Recording(samples) => samples[at % samples.len()],
            Self::Tone => {
                let seconds = at as f64 / f64::from(SAMPLE_RATE);
                let swell = 0.6 + 0.4 * (seconds * std::f64::consts::TAU).sin();
                ((seconds * TONE_HZ * std::f64::consts::TAU).sin() * TONE_AMPLITUDE * swell) as f32
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_microphone_is_understood_and_written_back() {
        for text in ["default", "tone", "silence", "file:a b.wav", "device:3"] {
            assert_eq!(text.parse::<MicSpec>().expect("good").to_string(), text);
        }
        let error = |text: &str| text.parse::<MicSpec>().expect_err("bad");
        assert_eq!(error("loud"), SoundSpecError::UnknownMic("loud".into()));
        assert_eq!(error("device:x"), SoundSpecError::BadDevice("x".into()));
        assert_eq!(error("file:"), SoundSpecError::NoPath);
    }

    #[test]
    fn stereo_wav_of_another_rate_becomes_mono_at_ours() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("stereo.wav");
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: 16_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(&path, spec).expect("created");
        for _ in 0..16_000 {
            writer.write_sample(16_384_i16).expect("written");
            writer.write_sample(0_i16).expect("written");
        }
        writer.finalize().expect("written");
        let sound = read_wav(&path).expect("a good file");
        assert!(sound.len().abs_diff(48_000) < 10, "{}", sound.len());
        assert!((sound[24_000] - 0.25).abs() < 0.001, "{}", sound[24_000]);
    }

    #[test]
    fn a_file_that_is_no_wav_is_refused_in_words() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), b"speech").expect("written");
        assert!(
            read_wav(file.path()).expect_err("no wav").to_string().contains(&*file.path().to_string_lossy())
        );
        assert!(read_wav(Path::new("/nowhere.wav")).is_err());
    }
}

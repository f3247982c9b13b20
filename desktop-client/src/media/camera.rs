//! Where pictures come from: a moving test pattern, a Y4M file, or a camera of this machine.
//!
//! Owns the naming of sources ([`CameraSpec`]), the [`Camera`] trait and its errors. The backends never leak out:
//! `v4l2.rs` alone names V4L2, `native.rs` alone names AVFoundation and Media Foundation.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::clock::MediaClock;
use super::frame::VideoFrame;
use crate::words::say_with;

mod colour;
#[cfg(any(target_os = "macos", target_os = "windows"))]
mod native;
#[cfg(any(target_os = "macos", target_os = "windows"))]
use native as platform;
pub mod paced;
pub mod pattern;
#[cfg(target_os = "linux")]
mod v4l2;
#[cfg(target_os = "linux")]
use v4l2 as platform;
mod vetting;
pub mod y4m;

#[cfg(test)]
mod tests;

/// A source of pictures in real time.
pub trait Camera: Send {
    /// Size and rate of the pictures.
    fn format(&self) -> PictureFormat;

    /// The next picture with its capture time, or `None` if none came within `patience`.
    fn next(&mut self, clock: &MediaClock, patience: Duration) -> Result<Option<VideoFrame>, CameraError>;
}

/// A source whose frame N can be made again, so that the far end can compare what it got with what was meant.
pub trait FrameSource: Send {
    /// Size and rate of the pictures.
    fn format(&self) -> PictureFormat;

    /// Frame `number`, always the same picture for the same number.
    fn frame(&mut self, number: u32) -> Result<VideoFrame, CameraError>;
}

/// Frames per second as a fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameRate {
    /// Frames ...
    pub frames: u32,
    /// ... in this many seconds; not zero.
    pub seconds: u32,
}

impl FrameRate {
    /// A whole number of frames per second.
    pub const fn whole(frames: u32) -> Self {
        Self { frames, seconds: 1 }
    }

    /// When frame `number` is due after frame zero, µs.
    pub fn due_us(self, number: u64) -> u64 {
        number * 1_000_000 * u64::from(self.seconds) / u64::from(self.frames)
    }

    /// Frames per second.
    pub fn fps(self) -> f64 {
        f64::from(self.frames) / f64::from(self.seconds)
    }
}

/// Size and rate of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureFormat {
    /// Pixels across.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
    /// Frames per second.
    pub rate: FrameRate,
}

/// Which source of pictures to use: `pattern[:WxH@FPS]`, `file:X.y4m` or `device:N`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CameraSpec {
    /// The moving test pattern.
    Pattern(PictureFormat),
    /// A Y4M file, played in a loop at its own rate.
    File(PathBuf),
    /// Camera N of this machine; on Linux `/dev/videoN`.
    Device(usize),
}

/// The pattern unless said otherwise.
pub const DEFAULT_PATTERN: PictureFormat =
    PictureFormat { width: 640, height: 360, rate: FrameRate::whole(30) };
/// Sizes a pattern can have: wide enough for the stamp, and not wider than the decoder of the far end accepts.
const PATTERN_SIDE: std::ops::RangeInclusive<usize> = 64..=1920;
/// Rates a pattern can have, frames per second.
const PATTERN_FPS: std::ops::RangeInclusive<u32> = 1..=60;

impl Default for CameraSpec {
    fn default() -> Self {
        Self::Pattern(DEFAULT_PATTERN)
    }
}

/// Why a `--camera` value was not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CameraSpecError {
    /// Not one of the three forms.
    #[error("`{0}` is not a camera: use pattern, pattern:WxH@FPS, file:CLIP.y4m or device:N")]
    UnknownForm(String),
    /// `pattern:` was followed by something else than WxH@FPS.
    #[error("`{0}` is not a pattern size: use WIDTHxHEIGHT@FPS, for example 640x360@30")]
    BadPattern(String),
    /// A pattern of this size cannot be made.
    #[error("a pattern has even sides of 64 to 1920 pixels and 1 to 60 frames per second, not {0}")]
    PatternOutOfRange(String),
    /// `device:` was followed by something else than a number.
    #[error("`{0}` is not the number of a camera: use for example device:0")]
    BadDevice(String),
    /// `file:` was followed by nothing.
    #[error("file: needs the path of a .y4m file")]
    NoPath,
}

impl FromStr for CameraSpec {
    type Err = CameraSpecError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, rest) = match text.split_once(':') {
            Some((kind, rest)) => (kind, Some(rest)),
            None => (text, None),
        };
        match (kind, rest) {
            ("pattern", None) => Ok(Self::default()),
            ("pattern", Some(format)) => parse_pattern(format).map(Self::Pattern),
            ("file", Some("")) => Err(CameraSpecError::NoPath),
            ("file", Some(path)) => Ok(Self::File(path.into())),
            ("device", Some(number)) => {
                number.parse().map(Self::Device).map_err(|_| CameraSpecError::BadDevice(number.to_owned()))
            }
            _ => Err(CameraSpecError::UnknownForm(text.to_owned())),
        }
    }
}

fn parse_pattern(text: &str) -> Result<PictureFormat, CameraSpecError> {
    let parse = || {
        let (size, fps) = text.split_once('@')?;
        let (width, height) = size.split_once('x')?;
        Some((width.parse::<usize>().ok()?, height.parse::<usize>().ok()?, fps.parse::<u32>().ok()?))
    };
    let (width, height, fps) = parse().ok_or_else(|| CameraSpecError::BadPattern(text.to_owned()))?;
    let sides_fit = [width, height].iter().all(|side| PATTERN_SIDE.contains(side) && side % 2 == 0);
    if !sides_fit || !PATTERN_FPS.contains(&fps) {
        return Err(CameraSpecError::PatternOutOfRange(text.to_owned()));
    }
    Ok(PictureFormat { width, height, rate: FrameRate::whole(fps) })
}

impl fmt::Display for CameraSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pattern(format) => {
                write!(f, "pattern:{}x{}@{}", format.width, format.height, format.rate.frames)
            }
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Device(number) => write!(f, "device:{number}"),
        }
    }
}

/// Why a camera gives no pictures, in whole sentences for people. All but `File` may heal when the camera comes back.
#[derive(Debug, thiserror::Error)]
pub enum CameraError {
    /// There is no such camera.
    #[error("{}", say_with("fault-camera-not-found", &[("camera", .0.into())]))]
    NotFound(String),
    /// Another program uses the camera.
    #[error("{}", say_with("fault-camera-busy", &[("camera", .0.into())]))]
    Busy(String),
    /// This user may not use the camera.
    #[error("{}", say_with("fault-camera-forbidden", &[("camera", .0.into())]))]
    Forbidden(String),
    /// The camera offers nothing we can read.
    #[error("{}", say_with("fault-camera-unsupported", &[("camera", device.into()), ("reason", reason.into())]))]
    Unsupported {
        /// Which camera.
        device: String,
        /// What is missing.
        reason: String,
    },
    /// The camera went away while in use.
    #[error("{}", say_with("fault-camera-gone", &[("camera", .0.into())]))]
    Gone(String),
    /// Others use up what the bus can carry.
    #[error("{}", say_with("fault-camera-bus", &[("camera", .0.into())]))]
    BusFull(String),
    /// What comes from the camera is disturbed on its way.
    #[error("{}", say_with("fault-camera-disturbed", &[("camera", .0.into())]))]
    Disturbed(String),
    /// The system has no memory left for the camera.
    #[error("{}", say_with("fault-camera-memory", &[("camera", .0.into())]))]
    NoMemory(String),
    /// The camera is there but sends nothing.
    #[error("{}", say_with("fault-camera-silent", &[("camera", device.into()), ("seconds", after.as_secs().into())]))]
    Silent {
        /// Which camera.
        device: String,
        /// For how long.
        after: Duration,
    },
    /// The video file cannot be played.
    #[error("{}", say_with("fault-camera-file", &[("file", path.display().to_string().into()), ("reason", reason.into())]))]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// What is shown is a screen, which cannot be had, or no longer.
    #[error(transparent)]
    Screen(#[from] super::screen::ScreenError),
    /// The operating system reports something else.
    #[error("{}", say_with("fault-camera-system", &[("camera", device.into()), ("reason", reason.into())]))]
    System {
        /// Which camera.
        device: String,
        /// What the system said.
        reason: String,
    },
}

impl CameraError {
    /// What is wrong, for the log: without what the camera is called, which may be by a person's name.
    pub fn unnamed(&self) -> String {
        match self {
            Self::NotFound(_) => "not found".into(),
            Self::Busy(_) => "in use elsewhere".into(),
            Self::Forbidden(_) => "forbidden".into(),
            Self::Gone(_) => "disconnected".into(),
            Self::BusFull(_) => "no room on its bus".into(),
            Self::Disturbed(_) => "disturbed on its way".into(),
            Self::NoMemory(_) => "no memory".into(),
            Self::Silent { after, .. } => format!("silent for {} s", after.as_secs()),
            Self::Unsupported { reason, .. } => format!("unsupported: {reason}"),
            Self::File { reason, .. } | Self::System { reason, .. } => reason.clone(),
            Self::Screen(error) => error.to_string(),
        }
    }
}

/// One camera of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Its number in `device:N`.
    pub number: usize,
    /// What it calls itself.
    pub name: String,
}

/// The cameras of this machine, by number; none when there are none or they cannot be listed.
pub fn list_devices() -> Vec<DeviceInfo> {
    platform::list_devices()
}

/// Opens a source.
pub fn open(spec: &CameraSpec) -> Result<Box<dyn Camera>, CameraError> {
    match spec {
        CameraSpec::Device(number) => platform::open(*number),
        CameraSpec::Pattern(_) | CameraSpec::File(_) => {
            let source = open_source(spec)?.expect("patterns and files are numbered sources");
            Ok(Box::new(paced::PacedCamera::new(source)))
        }
    }
}

/// Opens a source whose frames can be made again by their numbers; `None` for a device, which has no such frames.
pub fn open_source(spec: &CameraSpec) -> Result<Option<Box<dyn FrameSource>>, CameraError> {
    Ok(match spec {
        CameraSpec::Pattern(format) => Some(Box::new(pattern::Pattern::new(*format))),
        CameraSpec::File(path) => Some(Box::new(y4m::Y4mFile::open(path)?)),
        CameraSpec::Device(_) => None,
    })
}

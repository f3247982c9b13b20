//! Cameras of Linux by V4L2: the only part that names it.
//!
//! Picks what the camera offers that comes nearest to 720p at 30 frames per second, and converts to I420. A camera
//! that vanishes or falls silent is a typed error within [`SILENCE`] (a little more before its first picture), never a hang:
//! the driver's queue is only touched once poll says that a picture waits.

use std::io;
use std::time::{Duration, Instant};

use v4l::buffer::{self, Type};
use v4l::capability::Flags;
use v4l::frameinterval::FrameIntervalEnum;
use v4l::framesize::FrameSizeEnum;
use v4l::io::mmap::Stream;
use v4l::io::traits::CaptureStream as _;
use v4l::video::Capture;
use v4l::video::capture::Parameters;
use v4l::{Device, Format, FourCC};

use super::colour::Colours;
use super::vetting::{SILENCE, Vetting, fits, silence};
use super::{Camera, CameraError, DeviceInfo, FrameRate, PictureFormat};
use crate::media::clock::MediaClock;
use crate::media::convert::{ConvertError, PixelLayout, convert, jpeg_size};
use crate::media::frame::{FrameInfo, FramePool, VideoFrame};
use crate::words::{say, say_with};

mod choice;
mod said;

use choice::{Offer, choose};
use said::{age, colours, monotonic_now};

/// Buffers in the driver's queue: one being filled, one waiting, one being read, one to spare.
const BUFFERS: u32 = 4;
const POLLIN: i16 = 1;

pub(super) fn list_devices() -> Vec<DeviceInfo> {
    let Ok(entries) = std::fs::read_dir("/dev") else { return Vec::new() };
    let numbers =
        entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_prefix("video")?.parse().ok());
    let mut devices: Vec<DeviceInfo> = numbers.filter_map(describe).collect();
    devices.sort_by_key(|device| device.number);
    devices
}

/// The camera behind `/dev/video<number>`, if it is one: many nodes only carry metadata.
fn describe(number: usize) -> Option<DeviceInfo> {
    let device = Device::new(number).ok()?;
    let capabilities = device.query_caps().ok()?;
    let pictures = !device.enum_formats().ok()?.is_empty();
    let usable = pictures && capabilities.capabilities.contains(Flags::VIDEO_CAPTURE | Flags::STREAMING);
    usable.then_some(DeviceInfo { number, name: capabilities.card })
}

pub(super) fn open(number: usize) -> Result<Box<dyn Camera>, CameraError> {
    let name = format!("/dev/video{number}");
    let fail = |error: io::Error| typed(&name, &error);
    let device = Device::new(number).map_err(fail)?;
    let unsupported = |reason: &str| CameraError::Unsupported { device: name.clone(), reason: reason.into() };
    let capabilities = device.query_caps().map_err(fail)?;
    if !capabilities.capabilities.contains(Flags::VIDEO_CAPTURE | Flags::STREAMING) {
        return Err(unsupported(say("reason-no-camera")));
    }
    let offers = offers(&device).map_err(fail)?;
    let offer = choose(&offers).ok_or_else(|| unsupported(say("reason-no-layout")))?;
    let wanted = Format::new(offer.width as u32, offer.height as u32, FourCC::new(&fourcc(offer.layout)));
    let given = device.set_format(&wanted).map_err(fail)?;
    let layout = layout(given.fourcc).ok_or_else(|| unsupported(say("reason-other-layout")))?;
    // Not every driver can set a rate; those that cannot keep the one they have.
    let _ = device.set_params(&Parameters::with_fps(offer.fps));
    let stream = Stream::with_buffers(&device, Type::VideoCapture, BUFFERS).map_err(fail)?;
    let rate = FrameRate::whole(offer.fps.max(1));
    let format = PictureFormat { width: given.width as usize, height: given.height as usize, rate };
    Ok(Box::new(V4l2Camera {
        name,
        stream,
        format,
        layout,
        colours: colours(layout, given.colorspace, given.quantization),
        stride: given.stride as usize,
        streaming: false,
        begun: false,
        last_picture: Instant::now(),
        vetting: Vetting::default(),
        number: 0,
        pool: FramePool::new(),
        scratch: Vec::new(),
    }))
}

struct V4l2Camera {
    name: String,
    stream: Stream<'static>,
    format: PictureFormat,
    layout: PixelLayout,
    colours: Colours,
    stride: usize,
    streaming: bool,
    /// The first picture has come.
    begun: bool,
    last_picture: Instant,
    vetting: Vetting,
    number: u32,
    pool: FramePool,
    scratch: Vec<u8>,
}

impl Camera for V4l2Camera {
    fn format(&self) -> PictureFormat {
        self.format
    }

    fn next(&mut self, clock: &MediaClock, patience: Duration) -> Result<Option<VideoFrame>, CameraError> {
        if self.streaming && !self.is_ready(patience)? {
            return Ok(None);
        }
        if self.streaming && !self.begun {
            // One that was waited for in vain can only be passed over: the library hands out the one behind it.
            self.stream.dequeue().map_err(|error| typed(&self.name, &error))?;
            (self.begun, self.last_picture) = (true, Instant::now());
            return Ok(None);
        }
        // The first call starts the stream and waits for a picture at once; later on one is there, as poll said.
        self.stream.set_timeout(if self.streaming { SILENCE } else { patience });
        let (data, meta) = match self.stream.next() {
            Err(error) if !self.streaming && error.kind() == io::ErrorKind::TimedOut => {
                (self.streaming, self.last_picture) = (true, Instant::now());
                return Ok(None);
            }
            taken => taken.map_err(|error| typed(&self.name, &error))?,
        };
        (self.streaming, self.begun, self.last_picture) = (true, true, Instant::now());
        let damaged = meta.flags.contains(buffer::Flags::ERROR);
        let data = data.get(..meta.bytesused as usize).unwrap_or(data);
        let age = age(meta.flags, meta.timestamp, monotonic_now());
        let capture_us = clock.now_us().saturating_sub(age.as_micros() as u64);
        let info =
            FrameInfo { number: Some(self.number), capture_us: Some(capture_us), ..FrameInfo::default() };
        let (layout, stride, scratch) = (self.layout, self.stride, &mut self.scratch);
        let colours = self.colours;
        let promised = (self.format.width, self.format.height);
        let size = if layout == PixelLayout::Mjpeg { jpeg_size(data).unwrap_or(promised) } else { promised };
        let whole = if damaged { Err(ConvertError::damaged()) } else { fits(size.0, size.1) };
        let converted = whole.and_then(|()| {
            self.pool.try_draw(size.0, size.1, info, |planes| {
                convert(layout, data, stride, planes, scratch)?;
                colours.carry(planes);
                Ok(())
            })
        });
        let shown = self.vetting.judge(&self.name, converted, self.last_picture)?;
        self.number = self.number.wrapping_add(shown.is_some().into());
        Ok(shown)
    }
}

impl V4l2Camera {
    /// Whether a picture comes within `patience`; an error once it is silent for too long.
    fn is_ready(&self, patience: Duration) -> Result<bool, CameraError> {
        let timeout = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX);
        let ready = self.stream.handle().poll(POLLIN, timeout);
        if ready.map_err(|error| typed(&self.name, &error))? > 0 {
            return Ok(true);
        }
        let after = self.last_picture.elapsed();
        let silent = CameraError::Silent { device: self.name.clone(), after };
        if after < silence(self.begun) { Ok(false) } else { Err(silent) }
    }
}

fn typed(device: &str, error: &io::Error) -> CameraError {
    let name = device.to_owned();
    let unsupported = |reason: &str| CameraError::Unsupported { device: name.clone(), reason: reason.into() };
    match error.raw_os_error() {
        Some(libc::ENOENT | libc::ENXIO) => CameraError::NotFound(name),
        Some(libc::ENODEV | libc::EIO | libc::ESHUTDOWN) => CameraError::Gone(name),
        Some(libc::EBUSY) => CameraError::Busy(name),
        Some(libc::EACCES | libc::EPERM) => CameraError::Forbidden(name),
        // What the USB stack says where a second camera does not fit onto the bus, in words that are of disks.
        Some(libc::ENOSPC) => CameraError::BusFull(name),
        // A bad cable, a bad hub, or a plug that is half out.
        Some(libc::EPROTO | libc::EILSEQ | libc::EPIPE | libc::EOVERFLOW | libc::EREMOTEIO) => {
            CameraError::Disturbed(name)
        }
        Some(libc::ENOMEM) => CameraError::NoMemory(name),
        Some(libc::ENOTTY) => unsupported(say("reason-no-camera")),
        Some(libc::EINVAL) => unsupported(say("reason-refuses-layout")),
        _ if error.kind() == io::ErrorKind::TimedOut => CameraError::Silent { device: name, after: SILENCE },
        code => {
            // The system has its words in one language alone.
            tracing::debug!(camera = device, %error, "the system reports of a camera");
            let code = code.map_or_else(|| "?".to_owned(), |code| code.to_string());
            let reason = say_with("reason-system-error", &[("code", code.into())]);
            CameraError::System { device: name, reason }
        }
    }
}

fn fourcc(layout: PixelLayout) -> [u8; 4] {
    match layout {
        PixelLayout::Yuyv => *b"YUYV",
        PixelLayout::Uyvy => *b"UYVY",
        PixelLayout::Rgb => *b"RGB3",
        PixelLayout::Bgr => *b"BGR3",
        PixelLayout::Nv12 => *b"NV12",
        PixelLayout::I420 => *b"YU12",
        PixelLayout::Mjpeg => *b"MJPG",
    }
}

fn layout(code: FourCC) -> Option<PixelLayout> {
    PixelLayout::ALL.into_iter().find(|layout| fourcc(*layout) == code.repr)
}

/// Everything the camera offers in layouts that we read.
fn offers(device: &Device) -> io::Result<Vec<Offer>> {
    let mut offers = Vec::new();
    for format in device.enum_formats()? {
        let Some(layout) = layout(format.fourcc) else { continue };
        for size in device.enum_framesizes(format.fourcc)? {
            let sizes = match size.size {
                FrameSizeEnum::Discrete(size) => vec![(size.width, size.height)],
                FrameSizeEnum::Stepwise(range) => choice::sizes_within(
                    (range.min_width, range.max_width, range.step_width),
                    (range.min_height, range.max_height, range.step_height),
                ),
            };
            for (width, height) in sizes {
                let fps = best_rate(device, format.fourcc, width, height);
                offers.push(Offer { layout, width: width as usize, height: height as usize, fps });
            }
        }
    }
    Ok(offers)
}

/// The highest rate up to 30 at this size, in whole frames per second; 30 where the driver does not tell.
fn best_rate(device: &Device, code: FourCC, width: u32, height: u32) -> u32 {
    const WANTED: u32 = 30;
    let intervals = device.enum_frameintervals(code, width, height).unwrap_or_default();
    let fps = |seconds: u32, frames: u32| frames.checked_div(seconds).unwrap_or(0);
    let rates = intervals.iter().map(|interval| match &interval.interval {
        FrameIntervalEnum::Discrete(interval) => fps(interval.numerator, interval.denominator),
        FrameIntervalEnum::Stepwise(range) => fps(range.min.numerator, range.min.denominator).min(WANTED),
    });
    rates.filter(|rate| (1..=WANTED).contains(rate)).max().unwrap_or(WANTED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::speaking;

    /// As the kernel reports it.
    fn told(code: i32) -> String {
        typed("/dev/video2", &io::Error::from_raw_os_error(code)).to_string()
    }

    #[test]
    fn what_the_kernel_reports_of_a_camera_is_told_in_sentences_and_never_in_its_own_words() {
        for (code, words) in [
            (libc::ENOENT, "There is no camera"),
            (libc::ENODEV, "was disconnected"),
            (libc::ESHUTDOWN, "was disconnected"),
            (libc::EBUSY, "is in use by another program"),
            (libc::EACCES, "may not use"),
            (libc::ENOSPC, "other devices on the same hub"),
            (libc::EPROTO, "another cable"),
            (libc::EPIPE, "another cable"),
            (libc::ENOMEM, "memory"),
            (libc::EINVAL, "no pictures that Castle understands"),
            (libc::ENOTTY, "it is no camera"),
            (libc::ETIMEDOUT, "has sent no picture"),
            (libc::EDEADLK, "error 35 of the system"),
        ] {
            let sentence = told(code);
            assert!(sentence.contains(words) && sentence.contains("/dev/video2"), "{code}: {sentence}");
            let system = io::Error::from_raw_os_error(code).to_string();
            for language in ["en", "de", "he"] {
                let sentence = speaking(language, || told(code));
                assert!(!sentence.contains("os error") && !sentence.contains(&system), "{sentence}");
            }
        }
    }
}

//! Cameras of macOS (AVFoundation) and Windows (Media Foundation) by nokhwa: the only file that names it.
//!
//! Reading a picture blocks inside the system and cannot be given up, so each open camera has a thread of its own
//! that hands over the newest picture; a silent camera is noticed here by the clock, never waited for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use nokhwa::utils::{
    ApiBackend, CameraFormat, CameraIndex, FrameFormat, RequestedFormat, RequestedFormatType, Resolution,
};
use nokhwa::{Buffer, NokhwaError};

use super::vetting::{Vetting, fits, silence};
use super::{Camera, CameraError, DeviceInfo, FrameRate, PictureFormat};
use crate::media::clock::MediaClock;
use crate::media::convert::{PixelLayout, convert};
use crate::media::frame::{FrameInfo, FramePool, VideoFrame};

/// Opening asks the person for permission the first time; without an answer by then, it is tried again later.
const OPENING: Duration = Duration::from_secs(20);
/// The layouts we read, and so ask for.
const LAYOUTS: [FrameFormat; 5] =
    [FrameFormat::NV12, FrameFormat::YUYV, FrameFormat::MJPEG, FrameFormat::RAWRGB, FrameFormat::RAWBGR];

pub(super) fn list_devices() -> Vec<DeviceInfo> {
    let cameras = nokhwa::query(ApiBackend::Auto).unwrap_or_default();
    let info = |(number, camera): (usize, nokhwa::utils::CameraInfo)| {
        let number = camera.index().as_index().map_or(number, |index| index as usize);
        DeviceInfo { number, name: camera.human_name() }
    };
    cameras.into_iter().enumerate().map(info).collect()
}

pub(super) fn open(number: usize) -> Result<Box<dyn Camera>, CameraError> {
    let name = number.to_string();
    let (pictures, queue) = sync_channel(1);
    let (opened, opening) = sync_channel(1);
    let stop = Arc::new(AtomicBool::new(false));
    let thread = std::thread::Builder::new().name("camera-native".into());
    let flag = stop.clone();
    thread
        .spawn(move || run(number, &opened, &pictures, &flag))
        .map_err(|error| CameraError::System { device: name.clone(), reason: error.to_string() })?;
    let silent = || CameraError::Silent { device: name.clone(), after: OPENING };
    let answer = opening.recv_timeout(OPENING).map_err(|_| silent());
    if answer.is_err() {
        stop.store(true, Ordering::Relaxed);
    }
    let format = answer?.map_err(|error| typed(&name, &error))?;
    Ok(Box::new(NativeCamera {
        name,
        format,
        queue,
        stop,
        begun: false,
        last_picture: Instant::now(),
        vetting: Vetting::default(),
        number: 0,
        pool: FramePool::new(),
        scratch: Vec::new(),
    }))
}

struct NativeCamera {
    name: String,
    format: PictureFormat,
    queue: Receiver<Result<Buffer, NokhwaError>>,
    stop: Arc<AtomicBool>,
    begun: bool,
    last_picture: Instant,
    vetting: Vetting,
    number: u32,
    pool: FramePool,
    scratch: Vec<u8>,
}

impl Drop for NativeCamera {
    fn drop(&mut self) {
        // Not joined: the thread may be stuck in the system. It closes the camera after its next picture.
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Camera for NativeCamera {
    fn format(&self) -> PictureFormat {
        self.format
    }

    fn next(&mut self, clock: &MediaClock, patience: Duration) -> Result<Option<VideoFrame>, CameraError> {
        let picture = match self.queue.recv_timeout(patience) {
            Ok(picture) => picture.map_err(|error| typed(&self.name, &error))?,
            Err(RecvTimeoutError::Disconnected) => return Err(CameraError::Gone(self.name.clone())),
            Err(RecvTimeoutError::Timeout) => {
                let after = self.last_picture.elapsed();
                let silent = CameraError::Silent { device: self.name.clone(), after };
                return if after < silence(self.begun) { Ok(None) } else { Err(silent) };
            }
        };
        (self.begun, self.last_picture) = (true, Instant::now());
        let info =
            FrameInfo { number: Some(self.number), capture_us: Some(clock.now_us()), ..FrameInfo::default() };
        let Some(layout) = layout(picture.source_frame_format()) else { return Ok(None) };
        let (width, height) = size(picture.resolution());
        let stride = match layout {
            PixelLayout::Yuyv => width * 2,
            PixelLayout::Uyvy => width * 2,
            PixelLayout::Rgb | PixelLayout::Bgr => width * 3,
            PixelLayout::Nv12 | PixelLayout::I420 | PixelLayout::Mjpeg => width,
        };
        let scratch = &mut self.scratch;
        let converted = fits(width, height).and_then(|()| {
            self.pool.try_draw(width, height, info, |planes| {
                convert(layout, picture.buffer(), stride, planes, scratch)
            })
        });
        let shown = self.vetting.judge(&self.name, converted, self.last_picture)?;
        self.number = self.number.wrapping_add(shown.is_some().into());
        Ok(shown)
    }
}

/// The camera's thread: opens it, tells its format, and hands over pictures until told to stop.
fn run(
    number: usize,
    opened: &SyncSender<Result<PictureFormat, NokhwaError>>,
    pictures: &SyncSender<Result<Buffer, NokhwaError>>,
    stop: &AtomicBool,
) {
    let mut camera = match start(number) {
        Ok(camera) => camera,
        Err(error) => {
            // Nobody may be waiting any more.
            let _ = opened.send(Err(error));
            return;
        }
    };
    let (width, height) = size(camera.resolution());
    let rate = FrameRate::whole(camera.frame_rate().clamp(1, 60));
    let _ = opened.send(Ok(PictureFormat { width, height, rate }));
    while !stop.load(Ordering::Relaxed) {
        let picture = camera.frame();
        let failed = picture.is_err();
        match pictures.try_send(picture) {
            Err(TrySendError::Disconnected(_)) => break,
            // The reader is late: it gets a newer one.
            Ok(()) | Err(TrySendError::Full(_)) if !failed => {}
            _ => break,
        }
    }
    let _ = camera.stop_stream();
}

fn start(number: usize) -> Result<nokhwa::Camera, NokhwaError> {
    let index = CameraIndex::Index(number as u32);
    let wanted = CameraFormat::new(Resolution::new(1280, 720), FrameFormat::NV12, 30);
    let closest = RequestedFormatType::Closest(wanted);
    let mut camera = nokhwa::Camera::new(index, RequestedFormat::with_formats(closest, &LAYOUTS))?;
    camera.open_stream()?;
    Ok(camera)
}

fn size(resolution: Resolution) -> (usize, usize) {
    (resolution.width() as usize, resolution.height() as usize)
}

fn layout(format: FrameFormat) -> Option<PixelLayout> {
    match format {
        FrameFormat::NV12 => Some(PixelLayout::Nv12),
        FrameFormat::YUYV => Some(PixelLayout::Yuyv),
        FrameFormat::MJPEG => Some(PixelLayout::Mjpeg),
        FrameFormat::RAWRGB => Some(PixelLayout::Rgb),
        FrameFormat::RAWBGR => Some(PixelLayout::Bgr),
        FrameFormat::GRAY => None,
    }
}

fn typed(device: &str, error: &NokhwaError) -> CameraError {
    let device = device.to_owned();
    match error {
        NokhwaError::OpenDeviceError(..) => CameraError::NotFound(device),
        NokhwaError::ReadFrameError(_) => CameraError::Gone(device),
        other => CameraError::System { device, reason: other.to_string() },
    }
}

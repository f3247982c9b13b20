//! From a camera or a screen to RTP payloads: capture, scaling, stamping, encoding.
//!
//! Owns two threads. `video-capture` opens the camera, keeps it open while it is switched on, and opens it again when
//! it came back after a loss; it never waits for the encoder. `video-encode` takes the newest picture and never
//! queues an older one. Whatever happens to the camera, pictures keep leaving: a plain placeholder at a low rate
//! stands in, so that the far end shows something true and its decoder stays in step.

use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::camera::{self, Camera, CameraError, CameraSpec};
use super::clock::MediaClock;
use super::codec::{Content, VideoCodec};
use super::frame::FrameSlot;
use super::limits::Limits;
use super::packet::PacketSink;
use super::rate::RateMeter;
use super::screen::{self, ScreenSpec};

mod capture;
mod encode;
#[cfg(test)]
mod tests;

/// What to send pictures of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PictureSource {
    /// A camera: people, who move.
    Camera(CameraSpec),
    /// A screen: text, which is read.
    Screen(ScreenSpec),
}

impl PictureSource {
    fn open(&self) -> Result<Box<dyn Camera>, CameraError> {
        match self {
            Self::Camera(spec) => camera::open(spec),
            Self::Screen(spec) => screen::open(*spec),
        }
    }

    /// Whether its pictures are made up, and so are for machines as much as for people.
    fn is_made(&self) -> bool {
        match self {
            Self::Camera(spec) => !matches!(spec, CameraSpec::Device(_)),
            Self::Screen(spec) => *spec == ScreenSpec::Pattern,
        }
    }

    fn content(&self) -> Content {
        match self {
            Self::Camera(_) => Content::Motion,
            Self::Screen(_) => Content::Detail,
        }
    }
}

impl From<CameraSpec> for PictureSource {
    fn from(spec: CameraSpec) -> Self {
        Self::Camera(spec)
    }
}

impl From<ScreenSpec> for PictureSource {
    fn from(spec: ScreenSpec) -> Self {
        Self::Screen(spec)
    }
}

/// How to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VideoSenderOptions {
    /// Bitrate to begin with, bit/s.
    pub bitrate_bps: u32,
    /// Into which pictures to write number and capture time.
    pub stamps: Stamps,
}

/// Which pictures carry their number and capture time in a strip across their foot. Told picture by picture: what is sent
/// may change from the pattern to a camera and back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stamps {
    /// None at all.
    #[default]
    None,
    /// Those that are made up: of patterns and files. Nobody wants data across a face.
    Made,
    /// All that are numbered, of cameras too: for those who measure.
    All,
}

impl Default for VideoSenderOptions {
    fn default() -> Self {
        Self { bitrate_bps: START_BITRATE_BPS, stamps: Stamps::None }
    }
}

/// Bitrate before anything is known of the path: good for 540p, and what other clients begin with.
pub const START_BITRATE_BPS: u32 = 1_000_000;

/// Hears of a lost camera (`Some`) and of its return (`None`), on the capture thread; it must not block.
pub type CameraWatch = Box<dyn FnMut(Option<&CameraError>) + Send>;

/// What the sender has done so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VideoSenderStats {
    /// Pictures the camera gave.
    pub frames_captured: u64,
    /// Pictures that left, placeholders included.
    pub frames_sent: u64,
    /// Pictures that left in the last second.
    pub fps: u32,
    /// Size of the last picture that left, pixels.
    pub width: usize,
    /// Size of the last picture that left, pixels.
    pub height: usize,
    /// Payload bits of the last second.
    pub bitrate_bps: u64,
    /// What the encoder is asked for, bit/s.
    pub target_bps: u32,
    /// Key frames that left.
    pub key_frames: u64,
    /// Pictures the rate control left out, or for which the path was too full.
    pub frames_dropped: u64,
    /// When the first picture left.
    pub first_frame_at: Option<Instant>,
    /// What is wrong with the camera, in words, while something is.
    pub fault: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CameraOrder {
    On,
    Off,
    /// The capture thread shall end.
    End,
}

/// What the owner wants, and what the threads report.
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// Camera to encoder.
    captured: Arc<FrameSlot>,
}

struct State {
    camera: CameraOrder,
    source: PictureSource,
    sending: bool,
    /// From when on a picture is to be a key frame.
    key_frame_at: Option<Instant>,
    codec: VideoCodec,
    limits: Limits,
    target_bps: u32,
    clogged: bool,
    /// When the last key frame was made, and how long it takes to leave at the rate of then.
    last_key_frame: Option<(Instant, Duration)>,
    stats: VideoSenderStats,
    frames: RateMeter,
    bits: RateMeter,
}

impl State {
    fn want_key_frame(&mut self, at: Instant) {
        self.key_frame_at = Some(self.key_frame_at.map_or(at, |before| before.min(at)));
    }

    /// Whether the next picture is to be a key frame.
    fn key_frame_due(&self) -> bool {
        self.key_frame_at.is_some_and(|at| at <= Instant::now())
    }
}

impl Shared {
    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the sender's state panics")
    }

    fn order(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.locked());
        self.changed.notify_all();
    }

    /// Sleeps until an order comes, or `timeout` has passed.
    fn wait_for_order(&self, timeout: Duration, unchanged: impl Fn(&State) -> bool) {
        let waiting = self.changed.wait_timeout_while(self.locked(), timeout, |state| unchanged(state));
        drop(waiting.expect("no holder of the sender's state panics"));
    }
}

/// The sending half of video. Dropping it ends its threads and closes the camera.
pub struct VideoSender {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl VideoSender {
    /// Starts both threads. Own pictures go to `preview` at once; packets go to `sink` once
    /// [`set_sending`](Self::set_sending) says so. A camera that cannot be opened is no error here: it is reported to
    /// `watch` and in the statistics, and tried again.
    pub fn start(
        source: impl Into<PictureSource>,
        options: VideoSenderOptions,
        clock: MediaClock,
        preview: Arc<FrameSlot>,
        sink: PacketSink,
        watch: CameraWatch,
    ) -> Self {
        let source = source.into();
        let content = source.content();
        let state = State {
            camera: CameraOrder::On,
            source: source.clone(),
            sending: false,
            key_frame_at: None,
            codec: VideoCodec::default(),
            limits: Limits::NONE,
            target_bps: options.bitrate_bps,
            clogged: false,
            last_key_frame: None,
            stats: VideoSenderStats::default(),
            frames: RateMeter::new(),
            bits: RateMeter::new(),
        };
        let captured = FrameSlot::new();
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new(), captured });
        let stamps = options.stamps;
        let capture = capture::Capture::new(shared.clone(), source, stamps, clock, (preview, watch));
        let encode = encode::Encode::new(shared.clone(), content, stamps != Stamps::None, sink);
        let threads =
            vec![spawn("video-capture", move || capture.run()), spawn("video-encode", move || encode.run())];
        Self { shared, threads }
    }

    /// Changes the bitrate, bit/s; size and rate of the picture follow. While `clogged` no picture leaves: the path
    /// is full of earlier ones.
    pub fn set_rate(&self, bps: u32, clogged: bool) {
        self.shared.order(|state| (state.target_bps, state.clogged) = (bps, clogged));
    }

    /// Goes on in the codec that the far end agreed to.
    pub fn set_codec(&self, codec: VideoCodec) {
        self.shared.order(|state| state.codec = codec);
    }

    /// Keeps to what the far end's decoder takes.
    pub fn set_limits(&self, limits: Limits) {
        self.shared.order(|state| state.limits = limits);
    }

    /// Goes on with another source of the same kind; the far end sees the same stream.
    pub fn set_source(&self, source: impl Into<PictureSource>) {
        let source = source.into();
        self.shared.order(|state| state.source = source);
    }

    /// Makes the next picture a key frame.
    pub fn request_key_frame(&self) {
        self.request_key_frame_at(Instant::now());
    }

    /// Makes the next picture from `at` on a key frame, unless one comes before.
    pub fn request_key_frame_at(&self, at: Instant) {
        self.shared.order(|state| state.want_key_frame(at));
    }

    /// Switches the camera on or off. Off releases the device, so that its light goes out.
    pub fn set_enabled(&self, enabled: bool) {
        self.shared.order(|state| state.camera = if enabled { CameraOrder::On } else { CameraOrder::Off });
    }

    /// Lets pictures leave, or keeps them here (while it rings). Each opening begins with a key frame.
    pub fn set_sending(&self, sending: bool) {
        self.shared.order(|state| {
            if sending && !state.sending {
                state.want_key_frame(Instant::now());
            }
            state.sending = sending;
        });
    }

    /// When the last key frame was made, and how long it takes to leave.
    pub fn last_key_frame(&self) -> Option<(Instant, Duration)> {
        self.shared.locked().last_key_frame
    }

    /// What has been done so far.
    pub fn stats(&self) -> VideoSenderStats {
        let now = Instant::now();
        let mut state = self.shared.locked();
        state.stats.fps = state.frames.per_second(now) as u32;
        state.stats.bitrate_bps = state.bits.per_second(now);
        state.stats.target_bps = state.target_bps;
        state.stats.clone()
    }
}

impl Drop for VideoSender {
    fn drop(&mut self) {
        self.shared.order(|state| state.camera = CameraOrder::End);
        self.shared.captured.close();
        for thread in self.threads.drain(..) {
            thread.join().expect("the threads of video do not panic");
        }
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    let builder = std::thread::Builder::new().name(name.into());
    builder.spawn(run).expect("the system can start a thread")
}

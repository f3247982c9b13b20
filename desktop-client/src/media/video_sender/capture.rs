//! The capture thread: a camera while there is one, a placeholder while there is none.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{CameraOrder, CameraWatch, PictureSource, Shared, Stamps, State};
use crate::media::camera::{Camera, CameraError};
use crate::media::clock::MediaClock;
use crate::media::frame::{FrameInfo, FramePool, FrameSlot, Picture, VideoFrame};

/// How long one wait for a picture may keep the thread from its orders.
const PATIENCE: Duration = Duration::from_millis(100);
/// Between two attempts to open a camera: a returning one is noticed soon, a missing one costs nothing.
const RETRY: Duration = Duration::from_secs(1);
/// Between two placeholders.
const PLACEHOLDER_INTERVAL: Duration = Duration::from_millis(500);
/// Size of a placeholder before any camera told its own.
const PLACEHOLDER_SIZE: (usize, usize) = (640, 360);

pub(super) struct Capture {
    shared: Arc<Shared>,
    source: PictureSource,
    stamps: Stamps,
    clock: MediaClock,
    preview: Arc<FrameSlot>,
    watch: CameraWatch,
    pool: FramePool,
    size: (usize, usize),
    /// Of a screen, the last picture: it stands until the next, however long that takes.
    last: Option<VideoFrame>,
    /// Of a camera that has yet to give its first picture: when the next one in its place is due.
    bridge_at: Option<Instant>,
}

impl Capture {
    pub(super) fn new(
        shared: Arc<Shared>,
        source: PictureSource,
        stamps: Stamps,
        clock: MediaClock,
        (preview, watch): (Arc<FrameSlot>, CameraWatch),
    ) -> Self {
        let (pool, size) = (FramePool::new(), PLACEHOLDER_SIZE);
        Self { shared, source, stamps, clock, preview, watch, pool, size, last: None, bridge_at: None }
    }

    pub(super) fn run(mut self) {
        let mut camera: Option<Box<dyn Camera>> = None;
        loop {
            let (order, source) = {
                let state = self.shared.locked();
                (state.camera, state.source.clone())
            };
            if source != self.source {
                self.source = source;
                camera = None;
            }
            match order {
                CameraOrder::On => {}
                CameraOrder::End => return,
                CameraOrder::Off => {
                    camera = None;
                    self.stand_in(Picture::Off, order, Duration::MAX);
                    continue;
                }
            }
            let taken = if let Some(camera) = camera.take() {
                Ok(camera)
            } else {
                self.bridge_at = Some(Instant::now() + PLACEHOLDER_INTERVAL);
                self.source.open()
            };
            match taken.and_then(|camera| self.capture(camera)) {
                Ok(working) => camera = Some(working),
                Err(error) => {
                    // Whoever is told finds it so.
                    self.preview.set_picture(Picture::Lost);
                    self.report(&error);
                    self.stand_in(Picture::Lost, order, RETRY);
                }
            }
        }
    }

    /// Tells of a fault once, however often opening is tried again.
    fn report(&mut self, error: &CameraError) {
        let fault = Some(error.to_string());
        let before = std::mem::replace(&mut self.shared.locked().stats.fault, fault.clone());
        if before != fault {
            tracing::warn!(error = error.unnamed(), "camera lost");
            (self.watch)(Some(error));
        }
    }

    fn capture(&mut self, mut camera: Box<dyn Camera>) -> Result<Box<dyn Camera>, CameraError> {
        let Some(mut frame) = camera.next(&self.clock, PATIENCE)? else {
            self.repeat();
            self.bridge();
            return Ok(camera);
        };
        self.bridge_at = None;
        self.size = (frame.width(), frame.height());
        if self.stamps != Stamps::All && !self.source.is_made() {
            // What has no number is not stamped.
            frame.info.number = None;
        }
        let healed = {
            let mut state = self.shared.locked();
            state.stats.frames_captured += 1;
            state.stats.fault.take().is_some()
        };
        self.preview.put(frame.clone());
        if healed {
            (self.watch)(None);
        }
        if matches!(self.source, PictureSource::Screen(_)) {
            self.last = Some(frame.clone());
        }
        self.shared.captured.put(frame);
        Ok(camera)
    }

    /// A screen that stands still is seen at once by whoever needs a key frame.
    fn repeat(&mut self) {
        if let Some(last) = &mut self.last
            && self.shared.locked().key_frame_due()
        {
            last.info.capture_us = Some(self.clock.now_us());
            self.shared.captured.put(last.clone());
        }
    }

    /// A camera that takes its time to begin is stood in for meanwhile.
    fn bridge(&mut self) {
        let begins = matches!(self.source, PictureSource::Camera(_));
        if begins && self.bridge_at.is_some_and(|at| at <= Instant::now()) {
            self.bridge_at = Some(Instant::now() + PLACEHOLDER_INTERVAL);
            let placeholder = self.placeholder();
            self.shared.captured.put(placeholder);
        }
    }

    /// Sends placeholders until the order changes, or `patience` has passed.
    fn stand_in(&mut self, picture: Picture, order: CameraOrder, patience: Duration) {
        self.preview.set_picture(picture);
        let mut left = patience;
        let source = self.source.clone();
        let same =
            |state: &State| state.camera == order && (state.source == source || order != CameraOrder::On);
        while !left.is_zero() && same(&self.shared.locked()) {
            let placeholder = self.placeholder();
            self.shared.captured.put(placeholder);
            let pause = PLACEHOLDER_INTERVAL.min(left);
            self.shared.wait_for_order(pause, same);
            left = left.saturating_sub(pause);
        }
    }

    /// A dark picture with a lighter bar across its middle: plainly not a frozen face.
    fn placeholder(&mut self) -> VideoFrame {
        let info = FrameInfo { capture_us: Some(self.clock.now_us()), ..FrameInfo::default() };
        self.pool.draw(self.size.0, self.size.1, info, |planes| {
            planes.y.fill(40);
            planes.u.fill(128);
            planes.v.fill(128);
            let (width, height) = (planes.width, planes.height);
            let middle = height / 2 - height / 24..height / 2 + height / 24;
            for row in planes.y.chunks_mut(planes.y_stride).take(middle.end).skip(middle.start) {
                row[width / 3..width * 2 / 3].fill(96);
            }
        })
    }
}

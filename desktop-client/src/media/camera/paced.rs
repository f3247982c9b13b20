//! Plays a numbered source in real time, as a camera does.

use std::time::Duration;

use super::{Camera, CameraError, FrameSource, PictureFormat};
use crate::media::clock::MediaClock;
use crate::media::frame::VideoFrame;

/// Shows frame N of its source N frame times after the first one; frames it came too late for are skipped.
pub struct PacedCamera {
    source: Box<dyn FrameSource>,
    start_us: Option<u64>,
    next: u64,
}

impl PacedCamera {
    /// A camera that plays `source` from frame zero.
    pub fn new(source: Box<dyn FrameSource>) -> Self {
        Self { source, start_us: None, next: 0 }
    }
}

impl Camera for PacedCamera {
    fn format(&self) -> PictureFormat {
        self.source.format()
    }

    fn next(&mut self, clock: &MediaClock, patience: Duration) -> Result<Option<VideoFrame>, CameraError> {
        let rate = self.source.format().rate;
        let start_us = *self.start_us.get_or_insert_with(|| clock.now_us());
        let due_us = start_us + rate.due_us(self.next);
        let early = Duration::from_micros(due_us.saturating_sub(clock.now_us()));
        std::thread::sleep(early.min(patience));
        if early > patience {
            return Ok(None);
        }
        let now_us = clock.now_us();
        while start_us + rate.due_us(self.next + 1) <= now_us {
            self.next += 1;
        }
        let mut frame = self.source.frame(self.next as u32)?;
        frame.info.capture_us = Some(now_us);
        self.next += 1;
        Ok(Some(frame))
    }
}

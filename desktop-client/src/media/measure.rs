//! What a call was like: the figures of the bot's report. Pure: frames, times and the peer's clock are arguments.
//!
//! The meter of one call takes each picture when it is shown and each sound when it is heard. Freezes follow the
//! definition of the W3C's WebRTC statistics (`freezeCount`). Times of the two ends are compared only while their
//! clocks are aligned within [`MAX_CLOCK_ERROR_MS`]; a figure that rests on worse is not given at all. How far picture and
//! sound are apart does not: whatever the clocks are off is taken from itself.

use std::collections::VecDeque;

use super::audio::PlayedSound;
use super::camera::{CameraError, FrameSource};
use super::clock::ClockAlignment;
use super::frame::{FrameInfo, FramePool, VideoFrame};
use super::lip_sync::near;
use super::scale::Scaler;
use super::stamp::Stamp;

mod psnr;
mod quantile;
#[cfg(test)]
mod tests;

pub use psnr::psnr_y;
use quantile::Quantiles;

/// Above this error of the clocks no time between the two ends is given, ms.
pub const MAX_CLOCK_ERROR_MS: f64 = 20.0;
/// Least time between two comparisons with the reference, µs: five a second cost a few percent of a core.
const PSNR_EVERY_US: u64 = 200_000;
/// A freeze is a gap of at least this many mean gaps ...
const FREEZE_FACTOR: u64 = 3;
/// ... and at least the mean gap and this, µs.
const FREEZE_EXTRA_US: u64 = 150_000;
/// From capture to showing a picture takes no less, clocks being as exact as they are, and no more; µs.
const PLAUSIBLE_US: std::ops::Range<i64> = -20_000..10_000_000;
/// Gaps that the mean is taken over, as the W3C's definition does.
const MEAN_GAPS: usize = 30;

/// What one call was like so far. `None` is what could not be measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CallFigures {
    /// Pictures shown.
    pub frames_shown: u64,
    /// Pictures shown per second, over the time from the first to the last.
    pub fps: Option<f64>,
    /// Gaps between pictures that people notice.
    pub freezes: u64,
    /// How long those gaps were together, ms.
    pub freeze_ms: u64,
    /// The longest of them, ms.
    pub longest_freeze_ms: u64,
    /// From capture there to showing here, the median, ms.
    pub glass_to_glass_p50: Option<f64>,
    /// The same for all but the slowest twentieth, ms.
    pub glass_to_glass_p95: Option<f64>,
    /// The same of the last picture, ms.
    pub glass_to_glass_last: Option<f64>,
    /// Bound on the error of every time between the two ends, ms.
    pub clock_error_ms: Option<f64>,
    /// Likeness of luma to what the peer meant to send, the median, dB.
    pub psnr_db_p50: Option<f64>,
    /// From mouth to ear, the median, ms.
    pub mouth_to_ear_p50: Option<f64>,
    /// How much later a picture is shown than its sound is heard, the median, ms.
    pub av_offset_ms_p50: Option<f64>,
    /// Number of the last stamped picture.
    pub last_number: Option<u32>,
    /// Pictures whose stamp could be read.
    pub stamps_read: u64,
}

/// The meter of one call.
pub struct CallMeter {
    reference: Option<Reference>,
    shown: u64,
    first_us: Option<u64>,
    last_us: Option<u64>,
    gaps: VecDeque<u64>,
    gap_sum_us: u64,
    freezes: u64,
    freeze_us: u64,
    longest_freeze_us: u64,
    glass_to_glass: Quantiles,
    psnr: Quantiles,
    psnr_due_us: u64,
    mouth_to_ear: Quantiles,
    av_offset: Quantiles,
    last_video_us: Option<i64>,
    /// From capture to showing of the last picture, however far the clocks are off.
    last_video_by_peer_us: Option<i64>,
    last_sound: Option<PlayedSound>,
    last_number: Option<u32>,
    stamps_read: u64,
}

/// What the peer means to send, made again here.
struct Reference {
    source: Box<dyn FrameSource>,
    scaler: Scaler,
    pool: FramePool,
}

impl CallMeter {
    /// A meter; `reference` makes again what the peer sends, for the comparison of equal frame numbers.
    pub fn new(reference: Option<Box<dyn FrameSource>>) -> Self {
        let reference =
            reference.map(|source| Reference { source, scaler: Scaler::new(), pool: FramePool::new() });
        Self {
            reference,
            shown: 0,
            first_us: None,
            last_us: None,
            gaps: VecDeque::with_capacity(MEAN_GAPS),
            gap_sum_us: 0,
            freezes: 0,
            freeze_us: 0,
            longest_freeze_us: 0,
            glass_to_glass: Quantiles::new(-1000.0, 9000.0),
            psnr: Quantiles::new(0.0, 100.0),
            psnr_due_us: 0,
            mouth_to_ear: Quantiles::new(-1000.0, 9000.0),
            av_offset: Quantiles::new(-5000.0, 5000.0),
            last_video_us: None,
            last_video_by_peer_us: None,
            last_sound: None,
            last_number: None,
            stamps_read: 0,
        }
    }

    /// Takes a picture that was shown at `shown_us` of our media clock.
    pub fn show(
        &mut self,
        frame: &VideoFrame,
        shown_us: u64,
        alignment: &ClockAlignment,
    ) -> Result<(), CameraError> {
        self.shown += 1;
        self.first_us.get_or_insert(shown_us);
        if let Some(last_us) = self.last_us.replace(shown_us) {
            self.note_gap(shown_us.saturating_sub(last_us));
        }
        let stamp = Stamp::read(frame.y(), frame.width(), frame.height());
        let capture_us =
            stamp.map(|stamp| stamp.capture_us).or_else(|| captured_at(frame, shown_us, alignment));
        if let Some(captured_us) = capture_us.and_then(|capture_us| alignment.peer_to_local_us(capture_us)) {
            let delay_us = shown_us as i64 - captured_us;
            self.last_video_by_peer_us = Some(delay_us);
            if is_trusted(alignment) {
                self.glass_to_glass.add(delay_us as f64 / 1000.0);
                self.last_video_us = Some(delay_us);
            }
        }
        let Some(stamp) = stamp else { return Ok(()) };
        self.stamps_read += 1;
        self.last_number = Some(stamp.number);
        self.compare(frame, stamp.number, shown_us)
    }

    /// Takes the sound that was heard last; the same one twice counts once.
    pub fn hear(&mut self, sound: PlayedSound, alignment: &ClockAlignment) {
        if self.last_sound.replace(sound) == Some(sound) {
            return;
        }
        let Some(captured_us) = alignment.peer_to_local_us(sound.capture_us) else { return };
        let delay_us = sound.heard_us as i64 - captured_us;
        if is_trusted(alignment) {
            self.mouth_to_ear.add(delay_us as f64 / 1000.0);
        }
        if let Some(video_us) = self.last_video_by_peer_us {
            self.av_offset.add((video_us - delay_us) as f64 / 1000.0);
        }
    }

    /// The figures so far.
    pub fn figures(&self, alignment: &ClockAlignment) -> CallFigures {
        let span_us = self.last_us.zip(self.first_us).map(|(last, first)| last - first);
        let fps = span_us
            .filter(|span_us| *span_us > 0)
            .map(|span_us| (self.shown - 1) as f64 * 1e6 / span_us as f64);
        CallFigures {
            frames_shown: self.shown,
            fps,
            freezes: self.freezes,
            freeze_ms: self.freeze_us / 1000,
            longest_freeze_ms: self.longest_freeze_us / 1000,
            glass_to_glass_p50: self.glass_to_glass.at(0.5),
            glass_to_glass_p95: self.glass_to_glass.at(0.95),
            glass_to_glass_last: self.last_video_us.map(|us| us as f64 / 1e3),
            clock_error_ms: alignment.error_ms(),
            psnr_db_p50: self.psnr.at(0.5),
            mouth_to_ear_p50: self.mouth_to_ear.at(0.5),
            av_offset_ms_p50: self.av_offset.at(0.5),
            last_number: self.last_number,
            stamps_read: self.stamps_read,
        }
    }

    fn note_gap(&mut self, gap_us: u64) {
        if !self.gaps.is_empty() {
            let mean_us = self.gap_sum_us / self.gaps.len() as u64;
            if gap_us >= (FREEZE_FACTOR * mean_us).max(mean_us + FREEZE_EXTRA_US) {
                self.freezes += 1;
                self.freeze_us += gap_us;
                self.longest_freeze_us = self.longest_freeze_us.max(gap_us);
            }
        }
        if self.gaps.len() == MEAN_GAPS {
            self.gap_sum_us -= self.gaps.pop_front().unwrap_or_default();
        }
        self.gaps.push_back(gap_us);
        self.gap_sum_us += gap_us;
    }

    /// Compares with the reference, if there is one and the last time is long enough ago.
    fn compare(&mut self, frame: &VideoFrame, number: u32, now_us: u64) -> Result<(), CameraError> {
        let Some(reference) = self.reference.as_mut().filter(|_| now_us >= self.psnr_due_us) else {
            return Ok(());
        };
        self.psnr_due_us = now_us + PSNR_EVERY_US;
        let meant = reference.source.frame(number)?;
        let (width, height) = (frame.width(), frame.height());
        let larger = width > meant.width() || height > meant.height();
        if larger {
            return Ok(());
        }
        let scaler = &mut reference.scaler;
        let meant =
            reference.pool.draw(width, height, FrameInfo::default(), |planes| scaler.scale(&meant, planes));
        if let Some(db) = psnr_y(&meant, frame) {
            self.psnr.add(db);
        }
        Ok(())
    }
}

/// When a picture without a stamp was captured, by the peer's clock: its RTP timestamp counts on that clock, as long as
/// the peer is one of ours. One that says a time that cannot be is of another, and says nothing.
fn captured_at(frame: &VideoFrame, shown_us: u64, alignment: &ClockAlignment) -> Option<u64> {
    let shown_us = alignment.local_to_peer_us(shown_us)?;
    let capture_us = near(frame.info.rtp_timestamp?, shown_us);
    PLAUSIBLE_US.contains(&(shown_us - capture_us)).then_some(u64::try_from(capture_us).ok()?)
}

/// Whether the clocks are known well enough.
fn is_trusted(alignment: &ClockAlignment) -> bool {
    alignment.error_ms().is_some_and(|error| error <= MAX_CLOCK_ERROR_MS)
}

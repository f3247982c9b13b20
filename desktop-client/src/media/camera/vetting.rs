//! Which pictures of a camera are taken, and when one gives nothing that could be. Pure.

use std::time::{Duration, Instant};

use super::CameraError;
use crate::media::convert::ConvertError;
use crate::media::frame::VideoFrame;
use crate::words::say;

/// A working camera sends a picture at least this often, even in the dark.
pub(super) const SILENCE: Duration = Duration::from_secs(2);
/// What one is given for its first picture: some wake up, focus and measure the light before.
const FIRST_PICTURE: Duration = Duration::from_secs(6);
/// Longest side of a picture that is taken from a camera: 8K; more is rubbish in a header.
const SIDE_MAX: usize = 8192;

/// Whether pictures of this size can be converted at all.
pub(super) fn fits(width: usize, height: usize) -> Result<(), ConvertError> {
    if width.max(height) <= SIDE_MAX && width.min(height) > 0 {
        return Ok(());
    }
    Err(ConvertError(format!("a picture of {width}x{height}")))
}

/// How long a camera may send nothing, that has sent a picture before or has yet to begin.
pub(super) fn silence(begun: bool) -> Duration {
    if begun { SILENCE } else { FIRST_PICTURE }
}

/// The pictures of one camera. USB cameras hand over a torn one now and then, above all the first; one that does nothing
/// else is no use.
#[derive(Debug, Default)]
pub(super) struct Vetting {
    /// When a picture last was what the camera had promised, or when the first came.
    last_good: Option<Instant>,
}

impl Vetting {
    /// What is shown of a picture that came at `now`: nothing if it was torn, and an error if all were for too long.
    pub(super) fn judge(
        &mut self,
        camera: &str,
        converted: Result<VideoFrame, ConvertError>,
        now: Instant,
    ) -> Result<Option<VideoFrame>, CameraError> {
        let error = match converted {
            Ok(frame) => {
                self.good(now);
                return Ok(Some(frame));
            }
            Err(error) => error,
        };
        tracing::debug!(camera, %error, "picture left out");
        if !self.is_hopeless(now) {
            return Ok(None);
        }
        let reason = say("reason-broken-pictures").to_owned();
        Err(CameraError::Unsupported { device: camera.to_owned(), reason })
    }

    /// A picture was good.
    fn good(&mut self, now: Instant) {
        self.last_good = Some(now);
    }

    /// A picture was broken: whether it is nothing but that by now.
    fn is_hopeless(&mut self, now: Instant) -> bool {
        let good = *self.last_good.get_or_insert(now);
        now.saturating_duration_since(good) >= SILENCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_of_no_size_or_of_one_that_cannot_be_are_not_taken() {
        for (width, height) in [(0, 0), (0, 480), (640, 0), (8193, 2), (2, usize::MAX)] {
            assert!(fits(width, height).is_err(), "{width}x{height}");
        }
        assert!(fits(1, 1).is_ok() && fits(1280, 720).is_ok() && fits(8192, 8192).is_ok());
    }

    #[test]
    fn a_camera_is_given_more_time_for_its_first_picture_than_for_others() {
        assert!(silence(false) >= Duration::from_secs(5) && silence(true) <= Duration::from_secs(2));
    }

    #[test]
    fn a_torn_picture_now_and_then_is_left_out_and_nothing_else_for_two_seconds_is_an_error() {
        let (mut vetting, start) = (Vetting::default(), Instant::now());
        assert!(!vetting.is_hopeless(start), "the first is often torn");
        assert!(!vetting.is_hopeless(start + SILENCE / 2));
        vetting.good(start + SILENCE / 2);
        assert!(!vetting.is_hopeless(start + SILENCE));
        assert!(vetting.is_hopeless(start + SILENCE * 3 / 2));
    }
}

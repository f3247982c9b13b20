//! What a driver says of its pictures: how their samples are to be read, and when they were captured. Pure but for one clock.

use std::time::Duration;

use v4l::buffer;
use v4l::format::{Colorspace, Quantization};
use v4l::timestamp::Timestamp;

use crate::media::camera::colour::Colours;
use crate::media::convert::PixelLayout;
use crate::media::frame::{ColorMatrix, ColorRange};

/// A picture that waited for longer was stamped by another clock, or by none: all buffers of a slow camera in the dark.
const AGE_MAX: Duration = Duration::from_secs(1);

/// How the driver says that samples are to be read, by the kernel's own rules for what it leaves open (`V4L2_MAP_...` of
/// linux/videodev2.h). What is converted from RGB or JPEG is as it is carried.
pub(super) fn colours(layout: PixelLayout, space: Colorspace, quantization: Quantization) -> Colours {
    if matches!(layout, PixelLayout::Rgb | PixelLayout::Bgr | PixelLayout::Mjpeg) {
        return Colours::default();
    }
    let matrix = match space {
        Colorspace::Rec709 | Colorspace::DCIP3 => ColorMatrix::Bt709,
        _ => ColorMatrix::Bt601,
    };
    let range = match (quantization, space) {
        (Quantization::FullRange, _) | (Quantization::Default, Colorspace::JPEG) => ColorRange::Full,
        _ => ColorRange::Limited,
    };
    Colours { matrix, range }
}

/// How long ago a picture was captured, as its driver says; nothing where it says nothing that can be.
pub(super) fn age(flags: buffer::Flags, stamp: Timestamp, now: Duration) -> Duration {
    let monotonic = flags & buffer::Flags::TIMESTAMP_MASK == buffer::Flags::TIMESTAMP_MONOTONIC;
    let seconds = u64::try_from(stamp.sec).ok().zip(u64::try_from(stamp.usec).ok());
    let stamp =
        seconds.map(|(sec, usec)| Duration::from_secs(sec).saturating_add(Duration::from_micros(usec)));
    let age = stamp.filter(|_| monotonic).and_then(|stamp| now.checked_sub(stamp));
    age.filter(|age| *age < AGE_MAX).unwrap_or_default()
}

/// What the clock shows that drivers stamp pictures by.
#[expect(unsafe_code, reason = "the standard library tells differences of this clock alone")]
pub(super) fn monotonic_now() -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a timespec of ours.
    if unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) } != 0 {
        return Duration::ZERO;
    }
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_read_as_the_driver_says_and_as_the_kernel_has_it_where_it_says_nothing() {
        let read = |space, quantization| {
            let Colours { matrix, range } = colours(PixelLayout::Yuyv, space, quantization);
            (matrix == ColorMatrix::Bt709, range == ColorRange::Full)
        };
        assert_eq!(read(Colorspace::SRGB, Quantization::Default), (false, false), "most webcams");
        assert_eq!(read(Colorspace::JPEG, Quantization::Default), (false, true));
        assert_eq!(read(Colorspace::JPEG, Quantization::LimitedRange), (false, false));
        assert_eq!(read(Colorspace::Rec709, Quantization::Default), (true, false), "HDMI grabbers");
        assert_eq!(read(Colorspace::Rec709, Quantization::FullRange), (true, true));
        let jpeg = colours(PixelLayout::Mjpeg, Colorspace::Rec709, Quantization::FullRange);
        assert_eq!(jpeg, Colours::default());
    }

    #[test]
    fn a_picture_is_as_old_as_its_driver_says_if_that_can_be() {
        let (now, monotonic) = (Duration::from_millis(90_500), buffer::Flags::TIMESTAMP_MONOTONIC);
        let age = |flags, sec, usec| age(flags, Timestamp::new(sec, usec), now).as_millis();
        assert_eq!(age(monotonic, 90, 460_000), 40);
        assert_eq!(age(monotonic | buffer::Flags::TSTAMP_SRC_SOE | buffer::Flags::DONE, 90, 400_000), 100);
        assert_eq!(age(buffer::Flags::TIMESTAMP_UNKNOWN, 90, 460_000), 0, "of no clock that we know");
        assert_eq!(age(buffer::Flags::TIMESTAMP_COPY, 90, 460_000), 0);
        assert_eq!(age(monotonic, 90, 600_000), 0, "yet to come");
        assert_eq!(age(monotonic, 0, 0), 0, "none at all");
        assert_eq!(age(monotonic, -1, i64::MIN), 0);
    }
}

//! Which of a camera's offers to take. Pure.

use super::PixelLayout;

/// One way a camera can give pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) layout: PixelLayout,
    pub(super) width: usize,
    pub(super) height: usize,
    /// Frames per second, at most 30.
    pub(super) fps: u32,
}

/// The largest picture the ladder ever sends.
const WANTED: (usize, usize) = (1280, 720);
/// Below this rate motion looks like a slide show: a smaller picture is better, or a compressed one.
const FLUENT_FPS: u32 = 24;

/// The best offer: fluent, then large up to 720p, then cheap to convert. Only when all are larger than 720p the
/// smallest of them.
pub(super) fn choose(offers: &[Offer]) -> Option<Offer> {
    let fits = |offer: &&Offer| offer.width <= WANTED.0 && offer.height <= WANTED.1;
    let raw = |offer: &Offer| offer.layout != PixelLayout::Mjpeg;
    let pixels = |offer: &Offer| offer.width * offer.height;
    let best = offers
        .iter()
        .filter(|offer| pixels(offer) > 0)
        .filter(fits)
        .max_by_key(|offer| (offer.fps >= FLUENT_FPS, pixels(offer), raw(offer), offer.fps));
    let smallest = || offers.iter().filter(|offer| pixels(offer) > 0).min_by_key(|offer| pixels(offer));
    best.or_else(smallest).copied()
}

/// A few usual sizes out of a continuous range of (least, most, step) for each side.
pub(super) fn sizes_within(width: (u32, u32, u32), height: (u32, u32, u32)) -> Vec<(u32, u32)> {
    const USUAL: [(u32, u32); 4] = [(1280, 720), (960, 540), (640, 360), (640, 480)];
    let within = |side: u32, (least, most, step): (u32, u32, u32)| {
        (least..=most).contains(&side) && (side - least).is_multiple_of(step.max(1))
    };
    let mut sizes: Vec<_> =
        USUAL.into_iter().filter(|size| within(size.0, width) && within(size.1, height)).collect();
    if sizes.is_empty() {
        sizes.push((width.0, height.0));
    }
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(layout: PixelLayout, width: usize, height: usize, fps: u32) -> Offer {
        Offer { layout, width, height, fps }
    }

    #[test]
    fn a_usb_camera_that_is_slow_when_raw_is_taken_compressed() {
        let offers = [
            offer(PixelLayout::Yuyv, 1280, 720, 10),
            offer(PixelLayout::Yuyv, 640, 480, 30),
            offer(PixelLayout::Mjpeg, 1280, 720, 30),
            offer(PixelLayout::Mjpeg, 1920, 1080, 30),
        ];
        assert_eq!(choose(&offers), Some(offers[2]));
    }

    #[test]
    fn raw_wins_over_compressed_at_the_same_size() {
        let offers = [offer(PixelLayout::Mjpeg, 1280, 720, 30), offer(PixelLayout::Nv12, 1280, 720, 30)];
        assert_eq!(choose(&offers), Some(offers[1]));
    }

    #[test]
    fn a_camera_with_only_large_or_slow_pictures_still_works() {
        let large = [offer(PixelLayout::Mjpeg, 3840, 2160, 30), offer(PixelLayout::Mjpeg, 1920, 1080, 30)];
        assert_eq!(choose(&large), Some(large[1]));
        let slow = [offer(PixelLayout::Yuyv, 640, 480, 5)];
        assert_eq!(choose(&slow), Some(slow[0]));
        assert_eq!(choose(&[]), None);
    }

    #[test]
    fn a_range_of_sizes_gives_the_usual_ones_in_it() {
        let sizes = sizes_within((16, 1920, 2), (16, 1080, 2));
        assert!(sizes.contains(&(1280, 720)));
        assert_eq!(sizes_within((100, 200, 1), (50, 90, 1)), [(100, 50)]);
    }
}

//! How large everything in the window is: as it is set, as far as the window has room for what screens need.
//!
//! Sizes of windows are told in points of the system, of which this is a multiple.

use crate::ui::theme::size;
use eframe::egui::{Vec2, vec2};

/// What every screen needs, in its own points.
const NEEDED: Vec2 = vec2(size::WINDOW_MIN_W, size::WINDOW_LOWEST_H);

/// The size of everything in a window of this `room`, where `wanted` is set.
pub(super) fn fitting(wanted: f32, room: Vec2) -> f32 {
    let most = (room / NEEDED).min_elem().max(1.0);
    wanted.clamp(size::ZOOM_MIN, size::ZOOM_MAX).min(most)
}

/// The smallest window for everything as large as `wanted`: no larger than its `monitor`, where that is known.
pub(super) fn smallest_window(wanted: f32, monitor: Option<Vec2>) -> Vec2 {
    let least = vec2(size::WINDOW_MIN_W, size::WINDOW_MIN_H).max(NEEDED * wanted);
    monitor.map_or(least, |monitor| least.min(monitor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_as_large_as_it_is_set_and_as_the_window_has_room_for() {
        let first = vec2(size::WINDOW_W, size::WINDOW_H);
        for wanted in size::ZOOMS {
            assert!((fitting(wanted, first) - wanted).abs() < 0.01, "{wanted}");
        }
        assert!((fitting(2.0, vec2(480.0, 640.0)) - 1.0).abs() < 0.01, "nothing would fit");
        assert!((fitting(2.0, vec2(720.0, 2000.0)) - 1.5).abs() < 0.01);
        assert!((fitting(0.75, vec2(100.0, 100.0)) - 0.75).abs() < 0.01, "smaller is always possible");
    }

    #[test]
    fn the_window_grows_with_everything_in_it_but_not_beyond_its_monitor() {
        assert_eq!(smallest_window(1.0, None), vec2(480.0, 640.0));
        assert_eq!(smallest_window(0.75, None), vec2(480.0, 640.0));
        assert_eq!(smallest_window(2.0, Some(vec2(1920.0, 1080.0))), vec2(960.0, 720.0));
        assert_eq!(smallest_window(2.0, Some(vec2(800.0, 600.0))), vec2(800.0, 600.0));
    }
}

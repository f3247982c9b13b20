//! Where the window is: to be kept, and to be brought back to where it can be seen.
//!
//! Kept in the points of the system, whatever the size of everything in the window: at the next start the window is
//! made before that size is known.

use crate::view::WindowPlace;
use eframe::egui::{Pos2, Rect, Vec2, ViewportInfo, pos2, vec2};

/// So much of the window's upper edge has to be in view, pixels: enough to take hold of it.
const IN_VIEW: Vec2 = vec2(120.0, 24.0);

/// The place of `window`, which was at `before`, told in points of which `zoom` make one of the system's; `None` while it
/// is minimised or fills the screen, and where the system does not tell. One that is maximised keeps the place that it
/// goes back to.
pub(super) fn of(window: &ViewportInfo, zoom: f32, before: WindowPlace) -> Option<WindowPlace> {
    if window.minimized == Some(true) || window.fullscreen == Some(true) {
        return None;
    }
    if window.maximized == Some(true) {
        return Some(WindowPlace { maximized: true, ..before });
    }
    // Whole points: what a conversion loses is no change.
    let points = |length: f32| (length * zoom).round();
    let inner = window.inner_rect?;
    Some(WindowPlace {
        at: window.outer_rect.map(|outer| (points(outer.left()), points(outer.top()))),
        size: (points(inner.width()), points(inner.height())),
        maximized: false,
    })
}

/// A rectangle of the system, in its pixels.
pub(super) fn rect((left, top): (i32, i32), (width, height): (u32, u32)) -> Rect {
    Rect::from_min_size(pos2(left as f32, top as f32), vec2(width as f32, height as f32))
}

/// Where `window` has to begin to be seen on one of `monitors`, the nearest; `None` where it is seen already. All in
/// pixels.
pub(super) fn into_view(window: Rect, monitors: &[Rect]) -> Option<Pos2> {
    let handle = Rect::from_min_size(window.min, vec2(window.width(), IN_VIEW.y));
    let seen = |monitor: &Rect| {
        let both = handle.intersect(*monitor);
        both.width() >= IN_VIEW.x && both.height() >= IN_VIEW.y
    };
    if monitors.iter().any(seen) {
        return None;
    }
    let distance = |monitor: &&Rect| monitor.distance_sq_to_pos(window.center()) as i64;
    let monitor = monitors.iter().filter(|monitor| monitor.is_positive()).min_by_key(distance)?;
    let room = (monitor.size() - window.size()).max(Vec2::ZERO);
    Some(window.min.clamp(monitor.min, monitor.min + room))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first() -> WindowPlace {
        WindowPlace { at: None, size: (960.0, 640.0), maximized: false }
    }

    fn area(left: f32, top: f32, width: f32, height: f32) -> Rect {
        Rect::from_min_size(pos2(left, top), vec2(width, height))
    }

    #[test]
    fn a_window_comes_back_at_its_size_whatever_the_size_of_everything_in_it() {
        // A window of 960x720 at (100, 50) of the system, as it is told at each size of everything.
        for zoom in [0.75, 1.0, 1.25, 1.5, 2.0] {
            let told = ViewportInfo {
                inner_rect: Some(area(100.0 / zoom, 80.0 / zoom, 960.0 / zoom, 720.0 / zoom)),
                outer_rect: Some(area(100.0 / zoom, 50.0 / zoom, 960.0 / zoom, 750.0 / zoom)),
                ..ViewportInfo::default()
            };
            let kept = WindowPlace { at: Some((100.0, 50.0)), size: (960.0, 720.0), maximized: false };
            assert_eq!(of(&told, zoom, first()), Some(kept), "{zoom}");
        }
    }

    #[test]
    fn a_window_that_is_hidden_or_fills_the_screen_keeps_the_place_it_had() {
        let shown = ViewportInfo { inner_rect: Some(area(0.0, 0.0, 9.0, 9.0)), ..ViewportInfo::default() };
        assert!(of(&shown, 1.0, first()).is_some());
        assert_eq!(of(&ViewportInfo { minimized: Some(true), ..shown.clone() }, 1.0, first()), None);
        assert_eq!(of(&ViewportInfo { fullscreen: Some(true), ..shown }, 1.0, first()), None);
    }

    #[test]
    fn a_window_that_is_maximised_goes_back_to_the_place_it_had() {
        let told = |maximized, (width, height)| ViewportInfo {
            inner_rect: Some(area(100.0, 80.0, width, height)),
            outer_rect: Some(area(100.0, 50.0, width, height + 30.0)),
            maximized: Some(maximized),
            ..ViewportInfo::default()
        };
        let normal = of(&told(false, (800.0, 600.0)), 1.0, first()).expect("shown");
        let large = of(&told(true, (1920.0, 1050.0)), 1.0, normal).expect("shown");
        assert_eq!(large, WindowPlace { maximized: true, ..normal });
        let back = of(&told(false, (800.0, 600.0)), 1.0, large);
        assert_eq!(back, Some(normal), "as large as it was");
    }

    #[test]
    fn a_window_that_no_monitor_shows_is_brought_onto_the_nearest() {
        let (first, second) = (area(0.0, 0.0, 1920.0, 1080.0), area(1920.0, 0.0, 1280.0, 1024.0));
        let window = area(2200.0, 100.0, 960.0, 720.0);
        assert_eq!(into_view(window, &[first, second]), None);
        assert_eq!(into_view(window, &[first]), Some(pos2(960.0, 100.0)), "the second was unplugged");
        let above = area(300.0, -40.0, 960.0, 720.0);
        assert_eq!(into_view(above, &[first]), Some(pos2(300.0, 0.0)), "its edge can be taken hold of");
        assert_eq!(into_view(area(-700.0, 10.0, 960.0, 720.0), &[first]), None, "enough of it is in view");
        let large = area(5000.0, 5000.0, 4000.0, 3000.0);
        assert_eq!(into_view(large, &[first]), Some(pos2(0.0, 0.0)));
        assert_eq!(into_view(window, &[]), None, "a system that tells of no monitor");
    }
}

//! The stories of the window itself: where it opens, what it looks like to the system, and what wakes it.

use super::*;
use eframe::App as _;
use egui_kittest::kittest::Queryable as _;

#[test]
fn a_window_opens_where_and_as_large_as_it_was_left() {
    let opens = |place| {
        let window = viewport(place);
        (window.position, window.inner_size, window.maximized)
    };
    let size = (1100.0, 800.0);
    for (at, maximized) in [(Some((320.0, 40.0)), false), (Some((0.0, 0.0)), true), (None, false)] {
        let left = WindowPlace { at, size, maximized };
        assert_eq!(opens(Some(left)), (at.map(Into::into), Some(size.into()), Some(maximized)));
    }
    let first = (theme::size::WINDOW_W, theme::size::WINDOW_H);
    assert_eq!(opens(None), (None, Some(first.into()), Some(false)), "the system knows a place for it");
}

#[test]
fn letters_that_the_app_has_no_font_for_come_from_the_system() {
    assert!(native(None).system_font_fallback);
    let manifest = include_str!("../../Cargo.toml");
    let eframe = manifest.lines().find(|line| line.starts_with("eframe = ")).expect("the window's crate");
    assert!(eframe.contains("\"system_fonts\""), "without it nobody looks for them");
}

#[test]
fn the_window_has_a_sign_of_its_own() {
    let icon = icon();
    assert_eq!((icon.width, icon.height), (256, 256));
    let middle = &icon.rgba[(140 * 256 + 60) * 4..][..4];
    assert_eq!(middle, [255, 255, 255, 255], "a wall");
    assert_eq!(icon.rgba[3], 0, "round corners");
}

fn opened(wake: &Wake) -> egui_kittest::Harness<'static, App> {
    let engine = crate::engine::Engine::start(crate::engine::EngineConfig::default(), wake.waker());
    let wake = wake.clone();
    egui_kittest::Harness::builder()
        .build_eframe(move |cc| App::new(cc, engine, &wake, AppOptions::default()))
}

#[test]
fn what_breaks_before_the_screens_are_drawn_is_told_in_the_window_and_ends_nothing() {
    let mut window = opened(&Wake::default());
    window.state_mut().guarded(|_| panic!("as this test wants it"));
    window.run_steps(2);
    window.get_by_label(say("broken-title"));
    window.get_by_label(say("broken-again")).click_accesskit();
    window.run_steps(3);
    assert!(window.query_by_label(say("broken-title")).is_none(), "and it goes on");
    window.state_mut().on_exit(None);
}

#[test]
fn the_engine_and_the_own_camera_wake_the_large_window_whichever_is_being_drawn() {
    let wake = Wake::default();
    let mut window = opened(&wake);
    let (told, woken) = std::sync::mpsc::channel();
    let callback = move |info: egui::RequestRepaintInfo| told.send(info.viewport_id).expect("heard");
    window.ctx.set_request_repaint_callback(callback);
    let small = egui::ViewportId::from_hash_of("another window");
    let mut input = egui::RawInput { viewport_id: small, ..egui::RawInput::default() };
    input.viewports.insert(small, egui::ViewportInfo::default());
    let _ = window.ctx.run_ui(input, |_| (wake.waker())());
    let woken: Vec<_> = woken.try_iter().collect();
    assert!(woken.contains(&egui::ViewportId::ROOT), "{woken:?}");
    window.state_mut().on_exit(None);
}

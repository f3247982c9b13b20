//! Picture in picture: a window of its own, drawn by itself.

use super::faces::frame;
use super::*;
use castle_desktop::media::frame::FrameSlot;
use castle_desktop::ui::repaint_pictures;
use castle_desktop::ui::video::Screen;
use egui::{Event, Key, Modifiers, ViewportClass, ViewportCommand, ViewportEvent, ViewportId, WindowLevel};
use std::sync::mpsc::channel;

const NONE: Modifiers = Modifiers::NONE;

/// A call in a window of a system that has others, and where pictures of the peer come in.
fn talking_in_windows() -> (Shown, Arc<FrameSlot>) {
    let slot = FrameSlot::new();
    let mut window = Window::new(talking(|_| {}), Prefill::default());
    window.remote = Screen::cpu().tile(slot.clone(), None);
    let shown = built(Harness::builder(), window, ROOMY);
    shown.ctx.set_embed_viewports(false);
    (shown, slot)
}

/// The small window, where there is one.
pub(super) fn small(shown: &Shown) -> Option<(ViewportId, egui::ViewportOutput)> {
    let windows = &shown.output().viewport_output;
    windows.iter().find(|(id, _)| **id != ViewportId::ROOT).map(|(id, window)| (*id, window.clone()))
}

fn opened() -> (Shown, Arc<FrameSlot>) {
    let (mut shown, slot) = talking_in_windows();
    press(&mut shown, NONE, Key::P);
    assert!(small(&shown).is_some(), "it is there");
    (shown, slot)
}

/// Draws the small window alone; what it tells the system.
fn draw_small(shown: &Shown, events: Vec<Event>, closes: bool) -> Vec<ViewportCommand> {
    let (id, window) = small(shown).expect("it is there");
    let draw = window.viewport_ui_cb.expect("it is drawn by itself");
    let mut input = egui::RawInput { viewport_id: id, events, ..egui::RawInput::default() };
    let info = input.viewports.entry(id).or_default();
    info.events.extend(closes.then_some(ViewportEvent::Close));
    input.viewports.entry(ViewportId::ROOT).or_default();
    let mut told = shown.ctx.run_ui(input, |ui| draw(ui));
    told.textures_delta.clear();
    told.viewport_output.get(&id).map(|window| window.commands.clone()).unwrap_or_default()
}

fn hides(commands: &[ViewportCommand]) -> bool {
    commands.contains(&ViewportCommand::Visible(false))
}

#[test]
fn the_small_window_stays_on_top_and_shows_each_picture_while_the_large_one_is_not_drawn() {
    let (shown, slot) = opened();
    let (_, window) = small(&shown).expect("it is there");
    assert!(window.class == ViewportClass::Deferred);
    assert_eq!(window.builder.window_level, Some(WindowLevel::AlwaysOnTop));
    for (width, height) in [(64, 48), (320, 180)] {
        slot.put(frame(width, height));
        assert!(!hides(&draw_small(&shown, Vec::new(), false)));
        assert_eq!(shown.state().remote.size(), Some(vec2(width as f32, height as f32)));
    }
}

#[test]
fn a_picture_wakes_the_small_window_as_long_as_it_is_open() {
    let (mut shown, _) = talking_in_windows();
    let (told, woken) = channel();
    shown.ctx.set_request_repaint_callback(move |info| told.send(info.viewport_id).expect("the test hears"));
    let wakes = |shown: &Shown| {
        woken.try_iter().for_each(drop);
        repaint_pictures(&shown.ctx, Duration::from_micros(1));
        woken.try_iter().collect::<Vec<_>>()
    };
    assert_eq!(wakes(&shown), [ViewportId::ROOT]);
    press(&mut shown, NONE, Key::P);
    let (id, _) = small(&shown).expect("it is there");
    for _ in 0..3 {
        // A new window is drawn a few times by itself, until nothing in it moves.
        draw_small(&shown, Vec::new(), false);
    }
    assert!(wakes(&shown).contains(&id));
    press(&mut shown, NONE, Key::P);
    assert!(small(&shown).is_none(), "put away by the same key");
    assert!(!wakes(&shown).contains(&id));
}

#[test]
fn the_small_window_is_put_away_by_its_button_and_its_keys_and_opens_again() {
    let key = |key| Event::Key { key, physical_key: None, pressed: true, repeat: false, modifiers: NONE };
    for (events, closes) in [(vec![], true), (vec![key(Key::Escape)], false), (vec![key(Key::P)], false)] {
        let (mut shown, _) = opened();
        assert!(hides(&draw_small(&shown, events, closes)), "at once, whenever the large one is drawn again");
        shown.run();
        assert!(small(&shown).is_none());
        press(&mut shown, NONE, Key::P);
        assert!(small(&shown).is_some(), "the key opens it: it is known to be away");
        assert!(!hides(&draw_small(&shown, Vec::new(), false)));
    }
}

#[test]
fn the_small_window_goes_with_the_call_even_while_the_large_one_is_hidden() {
    let (mut shown, _) = opened();
    let ctx = shown.ctx.clone();
    shown.state_mut().screens.tend(&ctx, &ended(EndReason::PeerHungUp));
    assert!(hides(&draw_small(&shown, Vec::new(), false)));
    shown.state_mut().snapshot = ended(EndReason::PeerHungUp);
    shown.run();
    assert!(small(&shown).is_none());
}

#[test]
fn where_a_system_has_no_other_windows_the_small_one_lies_in_the_large_one() {
    let mut shown = show(talking(|_| {}));
    press(&mut shown, NONE, Key::P);
    assert!(says(&shown, "Ana – Castle"));
    press(&mut shown, NONE, Key::P);
    assert!(!says(&shown, "Ana – Castle"));
}

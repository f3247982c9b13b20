//! The end of a call: its stars, what its tips hide, and how its room is used.

use super::*;
use castle_desktop::words;
use egui::{Key, Shape, pos2};

/// Polygons that one star is drawn with.
const RAYS: usize = 5;

/// Stars that are lit.
fn lit(shown: &Shown) -> usize {
    fn count(shape: &Shape) -> usize {
        let lit = [theme::LIGHT.busy, theme::DARK.busy];
        match shape {
            Shape::Path(path) => usize::from(lit.contains(&path.fill)),
            Shape::Vec(shapes) => shapes.iter().map(count).sum(),
            _ => 0,
        }
    }
    shown.output().shapes.iter().map(|clipped| count(&clipped.shape)).sum::<usize>() / RAYS
}

fn star(count: usize) -> String {
    say_with("ended-stars", &[("count", count.into())])
}

#[test]
fn all_stars_up_to_the_one_that_is_pointed_at_are_lit_and_then_those_that_were_given() {
    let mut shown = show(ended(EndReason::PeerHungUp));
    assert_eq!(lit(&shown), 0);
    for (given, pointed) in [(0, 3), (4, 2)] {
        if given > 0 {
            click(&mut shown, &star(given));
        }
        shown.get_by_label(&star(pointed)).hover();
        shown.run();
        assert_eq!(lit(&shown), pointed, "under the pointer, {given} given");
        shown.event(egui::Event::PointerMoved(pos2(1.0, 1.0)));
        shown.ctx.memory_mut(egui::Memory::stop_text_input);
        shown.run();
        assert_eq!(lit(&shown), given);
        shown.get_by_label(&star(pointed)).focus();
        shown.run();
        assert_eq!(lit(&shown), pointed, "with the keyboard, {given} given");
        shown.get_by_label(say("ended-back")).focus();
        shown.run();
        assert_eq!(lit(&shown), given);
    }
}

#[test]
fn a_tip_tells_the_key_and_neither_repeats_its_button_nor_hides_another() {
    for language in ["en", "he"] {
        words::speaking(language, || {
            let mut shown = show(ended(EndReason::PeerHungUp));
            shown.get_by_label(say("ended-back")).hover();
            shown.run();
            let tip = shown.get_by_label(say("key-esc")).rect();
            for other in [say("ended-back"), say("ended-call-again"), say("guest-report"), say("guest-block")]
            {
                assert!(!shown.get_by_label(other).rect().intersects(tip), "{language}: {other} at {tip}");
            }
        });
    }
}

#[test]
fn a_window_with_room_for_it_has_the_large_face_and_all_that_is_below_it() {
    let lowest = theme::size::ENDED_LOW + 2.0 * theme::space::M;
    assert!(lowest <= 660.0, "most of it would be empty");
    for language in words::LANGUAGES {
        words::speaking(language.tag, || {
            for reason in REASONS {
                let mut snapshot = ended(reason);
                snapshot.call.as_mut().expect("ended").matched = true;
                let mut shown =
                    show_with(snapshot, Prefill::default(), vec2(theme::size::WINDOW_MIN_W, lowest));
                let place = shown.get_by_label(say("guest-block")).rect();
                assert!(place.bottom() <= lowest - theme::space::M, "{}, {reason:?}: {place}", language.tag);
                assert_eq!(press(&mut shown, egui::Modifiers::NONE, Key::Escape), [Command::CloseCall]);
            }
        });
    }
}

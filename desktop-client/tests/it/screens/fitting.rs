//! Every screen at every size that it promises to be usable at: from the smallest window to a 4K screen, at one and at two
//! pixels a point, and with everything at twice its size. Nothing is cut, and nothing is out of reach.

use super::*;
use castle_desktop::words;
use egui::accesskit::Role;
use egui::{Rect, Shape, pos2};

/// A size as people have it: its name, points, pixels per point.
const SIZES: [(&str, Vec2, f32); 4] = [
    ("the smallest window, two pixels a point", SMALLEST, 2.0),
    ("4K", vec2(3840.0, 2160.0), 1.0),
    ("4K, two pixels a point", vec2(1920.0, 1080.0), 2.0),
    ("a window of the first size, everything at twice its size", LOWEST, 2.0),
];

/// What is used, by pointer or by keyboard.
const CONTROLS: [Role; 8] = [
    Role::Button,
    Role::TextInput,
    Role::MultilineTextInput,
    Role::PasswordInput,
    Role::RadioButton,
    Role::Switch,
    Role::ComboBox,
    Role::MenuItem,
];

/// A control, or words.
fn counts(role: Role) -> bool {
    CONTROLS.contains(&role) || role == Role::Label
}

/// Controls and words of which `wanted` holds.
fn found<'a>(
    shown: &'a Shown,
    wanted: impl Fn(&egui_kittest::Node<'a>) -> bool + 'a,
) -> Vec<egui_kittest::Node<'a>> {
    let told = shown.root().children_recursive().filter(|node| counts(node.accesskit_node().role()));
    told.filter(wanted).collect()
}

/// What lies outside `window` and cannot be brought into it.
fn out_of_reach(shown: &mut Shown, window: Rect) -> Vec<String> {
    let outside = |place: Rect| !window.expand(ROUNDED).contains_rect(place);
    let away = found(shown, |node| outside(node.rect()));
    let away: Vec<_> = away.iter().map(|node| node.accesskit_node().id()).collect();
    let mut lost = Vec::new();
    for id in away {
        // Lists draw what is in view: a row may have come and gone meanwhile.
        let Some(node) = found(shown, |node| node.accesskit_node().id() == id).pop() else { continue };
        node.scroll_to_me();
        shown.run();
        let Some(node) = found(shown, |node| node.accesskit_node().id() == id).pop() else { continue };
        if outside(node.rect()) {
            let told = node.accesskit_node();
            lost.push(format!(
                "{:?} {:?} at {}",
                told.role(),
                told.label().or_else(|| told.value()),
                node.rect()
            ));
        }
    }
    lost
}

/// Edges that are told off by less, in points, are where they should be.
const ROUNDED: f32 = 0.5;

/// Long names in the states that are shown.
const NAMES: [&str; 1] = ["Emilia van der Meer-Oosterhuis"];

/// Words that were cut for want of room. Names that others gave themselves and their windows may be.
fn cut_short(shown: &Shown) -> Vec<String> {
    fn collect(shape: &Shape, found: &mut Vec<String>) {
        match shape {
            Shape::Text(text) if text.galley.elided && !NAMES.contains(&text.galley.text()) => {
                found.push(text.galley.text().to_owned());
            }
            Shape::Vec(shapes) => shapes.iter().for_each(|shape| collect(shape, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    shown.output().shapes.iter().for_each(|clipped| collect(&clipped.shape, &mut found));
    found
}

#[test]
fn nothing_is_cut_or_out_of_reach_at_any_size() {
    let mut faults = Vec::new();
    for (size_name, size, scale) in SIZES {
        for language in ["en", "de", "he"] {
            words::speaking(language, || {
                for state in states::every() {
                    let screen = state.name;
                    let builder = Harness::builder().with_pixels_per_point(scale);
                    let window = Window::new(state.snapshot.clone(), state.prefill.clone());
                    let mut shown = built(builder, window, size);
                    state.prepare(&mut shown);
                    let window = Rect::from_min_size(pos2(0.0, 0.0), size);
                    let cut = cut_short(&shown).into_iter().map(|words| format!("{words:?} is cut"));
                    for fault in cut.chain(out_of_reach(&mut shown, window)).collect::<Vec<_>>() {
                        faults.push(format!("{size_name}, {language}: {screen}: {fault}"));
                    }
                }
            });
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

//! In a right-to-left language everything begins at the right: what is typed, lists that open, the row of controls.

use super::*;
use castle_desktop::ui::Page;
use castle_desktop::view::{Devices, Preferences};
use castle_desktop::words;
use egui::accesskit::Role;
use egui::{Rect, Shape};

/// Where `words` are drawn.
fn drawn(shown: &Shown, words: &str) -> Rect {
    fn find(shape: &Shape, words: &str) -> Option<Rect> {
        match shape {
            Shape::Text(text) if text.galley.text() == words => Some(text.visual_bounding_rect()),
            Shape::Vec(shapes) => shapes.iter().find_map(|shape| find(shape, words)),
            _ => None,
        }
    }
    let all = shown.output().shapes.iter();
    all.filter_map(|clipped| find(&clipped.shape, words)).next_back().expect("it is drawn")
}

/// At which end of `place` `words` are drawn.
fn is_at_right(shown: &Shown, words: &str, place: Rect) -> bool {
    let drawn = drawn(shown, words);
    assert!(place.contains_rect(drawn), "{words:?} at {drawn} in {place}");
    place.right() - drawn.right() < drawn.left() - place.left()
}

/// Both ways: what holds with Hebrew, and does not with English.
fn with_hebrew_alone(story: impl Fn() -> bool) {
    assert!(words::speaking("he", &story));
    assert!(!words::speaking("en", &story));
}

#[test]
fn what_is_typed_begins_at_the_right() {
    with_hebrew_alone(|| {
        let mut shown = show(Snapshot::default());
        shown.get_by_label(say("login-name")).focus();
        type_text(&mut shown, "noor");
        let field = shown.get_by_role_and_label(Role::TextInput, say("login-name")).rect();
        is_at_right(&shown, "noor", field)
    });
    with_hebrew_alone(|| {
        let mut shown = show(ended(EndReason::PeerHungUp));
        click(&mut shown, say("guest-report"));
        shown.get_by_label(say("report-words")).focus();
        type_text(&mut shown, "spam");
        let field = shown.get_by_role_and_label(Role::MultilineTextInput, say("report-words")).rect();
        is_at_right(&shown, "spam", field)
    });
}

#[test]
fn a_list_opens_below_what_opened_it_and_begins_at_the_same_end() {
    with_hebrew_alone(|| {
        let devices =
            Devices { cameras: Arc::new(vec!["built in".into(), "desk".into()]), ..Devices::default() };
        let preferences = Arc::new(Preferences { camera: Some("desk".into()), ..Preferences::default() });
        let mut shown = show(Snapshot { devices, preferences, ..online() });
        let window = shown.state_mut();
        window.screens.open(Page::Settings, &window.snapshot, &mut window.commands);
        commands(&mut shown);
        let opener = |shown: &Shown| {
            let node = shown.get_by_role_and_label(Role::ComboBox, say("settings-camera"));
            (node.rect(), node.accesskit_node().data().is_expanded())
        };
        assert_eq!(opener(&shown).1, Some(false));
        shown.get_by_role_and_label(Role::ComboBox, say("settings-camera")).scroll_to_me();
        shown.run();
        let (place, _) = opener(&shown);
        let shut = is_at_right(&shown, "desk", place);
        shown.get_by_role_and_label(Role::ComboBox, say("settings-camera")).click();
        shown.run();
        let (place, open) = opener(&shown);
        assert_eq!(open, Some(true));
        let option = shown.get_by_role_and_label(Role::RadioButton, "built in").rect();
        assert!(place.x_range().contains(option.left()) && place.x_range().contains(option.right()));
        let listed = is_at_right(&shown, "built in", option);
        assert_eq!(shut, listed);
        let asked = click(&mut shown, "built in");
        assert!(
            matches!(&asked[..], [Command::SetPreferences(set)] if set.camera.as_deref() == Some("built in")),
            "{asked:?}"
        );
        listed
    });
}

#[test]
fn the_controls_of_a_call_are_read_from_the_right() {
    for snapshot in [talking(|_| {}), in_call(Stage::Connecting)] {
        with_hebrew_alone(|| {
            let shown = show(snapshot.clone());
            let middle = |name| shown.get_by_role_and_label(Role::Button, say(name)).rect().center().x;
            middle("call-mute") > middle("call-hang-up")
        });
    }
}

#[test]
fn a_tip_is_ordered_as_other_text_is() {
    words::speaking("he", || {
        let mut shown = show(online());
        shown.get_by_role_and_label(Role::Button, say("hall-find")).hover();
        shown.run();
        let words = castle_desktop::ui::text::with_key(say("hall-find-tip"), "Ctrl+M");
        assert!(shown.query_by_role_and_label(Role::Label, &words).is_some(), "read as it is written");
    });
}

//! What holds on every screen: names, room, and words for people.

use super::*;
use egui::accesskit::Role;
use egui::{Key, Modifiers, Rect, pos2};

/// Every screen and state, with all the notices at once where there can be some.
fn every() -> Vec<(&'static str, Snapshot, Prefill)> {
    let registering = Prefill { invitation: Some(String::new()), ..Prefill::default() };
    let since = Instant::now();
    let logging_in = Connection::LoggingIn { server: SERVER.into() };
    let mut notified = online();
    notified.notices =
        vec![notice(1, Severity::Error, "Bruno could not be called, because he just left the hall.")];
    let mut snapshots = vec![
        ("login", Snapshot::default(), Prefill::default()),
        ("registration", Snapshot::default(), registering),
        ("logging in", Snapshot { connection: logging_in, ..Snapshot::default() }, Prefill::default()),
    ];
    let others = [
        ("hall", online()),
        ("hall with a notice", notified),
        ("empty hall", Snapshot { hall: Arc::default(), ..online() }),
        ("search", searching()),
        ("calling", in_call(Stage::Calling { since })),
        ("ringing", in_call(Stage::Ringing { since })),
        ("connecting", in_call(Stage::Connecting)),
        ("call", talking(|call| (call.matched, call.stats) = (true, Some(figures())))),
        ("call without pictures", talking(|call| (call.camera_on, call.peer_camera_on) = (false, false))),
        ("ended", ended(EndReason::Failed)),
    ];
    snapshots.extend(others.into_iter().map(|(name, snapshot)| (name, snapshot, Prefill::default())));
    snapshots
}

#[test]
fn every_control_fits_into_the_smallest_window() {
    for (screen, snapshot, prefill) in every() {
        let shown = show_with(snapshot, prefill, SMALLEST);
        let window = Rect::from_min_size(pos2(0.0, 0.0), SMALLEST);
        for role in [Role::Button, Role::TextInput, Role::PasswordInput, Role::RadioButton] {
            for control in shown.query_all_by_role(role) {
                let (place, name) = (control.rect(), control.accesskit_node().label());
                assert!(window.contains_rect(place), "{screen}: {name:?} at {place} is cut");
            }
        }
    }
}

#[test]
fn no_two_controls_lie_over_each_other() {
    for (screen, snapshot, prefill) in every() {
        let shown = show_with(snapshot, prefill, SMALLEST);
        let controls: Vec<_> = shown
            .root()
            .children_recursive()
            .filter(|node| {
                matches!(node.accesskit_node().role(), Role::Button | Role::TextInput | Role::RadioButton)
            })
            .map(|node| (node.accesskit_node().label(), node.rect()))
            .collect();
        for (place, (name, rect)) in controls.iter().enumerate() {
            for (other, other_rect) in &controls[place + 1..] {
                let both = rect.intersect(*other_rect);
                let apart = both.width() <= 0.5 || both.height() <= 0.5;
                assert!(apart, "{screen}: {name:?} and {other:?} overlap");
            }
        }
    }
}

#[test]
fn tab_goes_round_through_named_controls_on_every_screen() {
    for (screen, snapshot, prefill) in every() {
        if screen == "logging in" {
            continue; // all is disabled until the server answers
        }
        let mut shown = show_with(snapshot, prefill, ROOMY);
        let mut names = std::collections::BTreeSet::new();
        for _ in 0..40 {
            press(&mut shown, Modifiers::NONE, Key::Tab);
            let name = focused(&shown).unwrap_or_default();
            assert!(!name.is_empty(), "{screen}: something without a name has the keyboard");
            names.insert(name);
        }
        let enabled = shown
            .root()
            .children_recursive()
            .map(|node| node.accesskit_node())
            .filter(|node| matches!(node.role(), Role::Button | Role::TextInput | Role::RadioButton))
            .filter(|node| !node.is_disabled());
        for node in enabled {
            let name = node.label().unwrap_or_default();
            assert!(names.contains(&name), "{screen}: {name:?} is not reached by Tab");
        }
    }
}

#[test]
fn nobody_reads_a_debug_string() {
    for (screen, snapshot, prefill) in every() {
        let shown = show_with(snapshot, prefill, ROOMY);
        let labels = shown.root().children_recursive().filter_map(|node| node.accesskit_node().label());
        for label in labels {
            for sign in ["::", "Some(", "None", "Err(", " { ", "gst_", "cal_"] {
                assert!(!label.contains(sign), "{screen}: {label}");
            }
        }
    }
}

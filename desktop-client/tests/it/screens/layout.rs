//! What holds on every screen: names, room, and words for people.

use super::*;
use castle_desktop::ui::Page;
use egui::accesskit::Role;
use egui::{Key, Modifiers, Rect, pos2};

#[test]
fn every_control_fits_into_the_smallest_window() {
    for state in states::every() {
        let screen = state.name;
        // Dialogs do not need to be scrolled: what sends them off is in view. That of the shortcuts sends nothing off.
        let scrolls = screen == "call-help"
            || !state.is_dialog()
                && (state.page != Page::Hall
                    || state.prefill != Prefill::default()
                    || ["login-known", "login-others", "login-complaints", "hall-full"].contains(&screen));
        // Of what lies below a question a part may have to be scrolled to.
        let over_a_page = state.is_dialog() && state.page != Page::Hall;
        let asked = ["account-erase-do", "history-erase", "cancel", "login-password"].map(say);
        let shown = state.show(SMALLEST);
        let height = if scrolls { 10.0 * SMALLEST.y } else { SMALLEST.y };
        let window = Rect::from_min_size(pos2(0.0, -height), vec2(SMALLEST.x, 2.0 * height));
        for role in [Role::Button, Role::TextInput, Role::PasswordInput, Role::RadioButton] {
            for control in shown.query_all_by_role(role) {
                let (place, name) = (control.rect(), control.accesskit_node().label());
                if over_a_page && !asked.contains(&name.as_deref().unwrap_or_default()) {
                    continue;
                }
                assert!(window.contains_rect(place), "{screen}: {name:?} at {place} is cut");
            }
        }
    }
}

#[test]
fn no_two_controls_lie_over_each_other() {
    for state in states::every() {
        let screen = state.name;
        if state.is_dialog() {
            continue; // the question lies over the controls
        }
        if !state.snapshot.notices.is_empty() {
            continue; // what they cut off can be scrolled to, and is told to lie where it would without them
        }
        let shown = state.show(SMALLEST);
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
fn nothing_is_cut_or_covered_while_one_waits_however_low_the_window() {
    for size in [SMALLEST, LOWEST] {
        for state in states::every() {
            let screen = state.name;
            if !["calling", "ringing", "connecting", "search"].contains(&screen) {
                continue;
            }
            let shown = state.show(size);
            let rects = |role| shown.query_all_by_role(role).map(|node| node.rect()).collect::<Vec<_>>();
            let (said, buttons) = (rects(Role::Label), rects(Role::Button));
            assert!(!said.is_empty() && !buttons.is_empty(), "{screen}");
            let window = Rect::from_min_size(pos2(0.0, 0.0), size);
            for words in said.iter().chain(&buttons) {
                assert!(window.contains_rect(*words), "{screen} at {size}: {words} is cut");
            }
            for words in &said {
                for other in buttons.iter().chain(said.iter().filter(|other| *other != words)) {
                    let both = words.intersect(*other);
                    let apart = both.width() <= 0.5 || both.height() <= 0.5;
                    assert!(apart, "{screen} at {size}: {words} and {other} overlap");
                }
            }
        }
    }
}

#[test]
fn tab_goes_round_through_named_controls_on_every_screen() {
    for state in states::every() {
        let screen = state.name;
        if state.is_dialog() {
            continue; // what lies below the question cannot be reached
        }
        let mut shown = state.show(ROOMY);
        let mut names = std::collections::BTreeSet::new();
        let roles = [
            Role::Button,
            Role::TextInput,
            Role::PasswordInput,
            Role::RadioButton,
            Role::Switch,
            Role::ComboBox,
        ];
        for _ in 0..120 {
            press(&mut shown, Modifiers::NONE, Key::Tab);
            let name = focused(&shown).unwrap_or_default();
            assert!(!name.is_empty(), "{screen}: something without a name has the keyboard");
            names.insert(name);
        }
        let enabled = shown
            .root()
            .children_recursive()
            .map(|node| node.accesskit_node())
            .filter(|node| roles.contains(&node.role()) && !node.is_disabled());
        for node in enabled {
            let name = node.label().unwrap_or_default();
            assert!(names.contains(&name), "{screen}: {name:?} is not reached by Tab");
        }
    }
}

#[test]
fn what_has_the_keyboard_is_in_view_however_low_the_window() {
    let window = Rect::from_min_size(pos2(0.0, 0.0), LOWEST).expand(1.0);
    let mut out_of_view = std::collections::BTreeSet::new();
    for state in states::every() {
        let screen = state.name;
        if state.is_dialog() {
            continue; // the whole of it is in view
        }
        let mut shown = state.show(LOWEST);
        for _ in 0..40 {
            press(&mut shown, Modifiers::NONE, Key::Tab);
            let node = shown.root().children_recursive().find(egui_kittest::Node::is_focused);
            let away = node.filter(|node| !window.contains_rect(node.rect()));
            out_of_view.extend(away.map(|node| format!("{screen}: {:?}", node.accesskit_node().label())));
        }
    }
    assert!(out_of_view.is_empty(), "{out_of_view:#?}");
}

#[test]
fn nobody_reads_a_debug_string() {
    for state in states::every() {
        let screen = state.name;
        let shown = state.show(ROOMY);
        let labels = shown.root().children_recursive().filter_map(|node| node.accesskit_node().label());
        for label in labels {
            for sign in ["::", "Some(", "None", "Err(", " { ", "gst_", "cal_"] {
                assert!(!label.contains(sign), "{screen}: {label}");
            }
        }
    }
}

#[test]
fn no_fault_of_this_machine_is_told_as_machines_tell_it() {
    use castle_desktop::media::camera::{CameraError, CameraSpec};
    use castle_desktop::media::screen::{self, ScreenError, ScreenSpec};
    use castle_desktop::words;
    let name = || "camera 1".to_owned();
    let faults = || {
        let camera = [
            CameraError::NotFound(name()),
            CameraError::Busy(name()),
            CameraError::Forbidden(name()),
            CameraError::Gone(name()),
            CameraError::Silent { device: name(), after: Duration::from_secs(2) },
            CameraError::Unsupported { device: name(), reason: say("reason-broken-pictures").into() },
            CameraError::from(ScreenError::Gone),
            CameraError::from(ScreenError::Unsupported),
            CameraError::from(ScreenError::Wayland),
            CameraError::from(ScreenError::NoDisplay),
        ];
        // And those that this machine has: no such camera, no such file, no such window.
        let opened = [
            castle_desktop::media::camera::open(&CameraSpec::Device(4711)).err(),
            castle_desktop::media::camera::open(&CameraSpec::File("no/such/clip.y4m".into())).err(),
            screen::open(ScreenSpec::Window(4711)).err(),
        ];
        camera.into_iter().chain(opened.into_iter().flatten()).map(|fault| fault.to_string())
    };
    let german = words::speaking("de", || faults().collect::<Vec<_>>());
    let hebrew = words::speaking("he", || faults().collect::<Vec<_>>());
    assert!(german.len() >= 12, "{german:?}");
    for fault in faults().chain(german).chain(hebrew) {
        for sign in ["::", "Some(", "Err(", " { ", "Error", "\""] {
            assert!(!fault.contains(sign), "{fault}");
        }
        assert!(fault.ends_with('.') && fault.len() > 15, "{fault}");
    }
}

#[test]
fn where_nothing_changes_nothing_is_drawn_again() {
    for state in states::every() {
        let screen = state.name;
        let mut shown = state.show(ROOMY);
        shown.run();
        let window = shown.output().viewport_output.get(&egui::ViewportId::ROOT).expect("the window");
        assert_eq!(window.repaint_delay, Duration::MAX, "{screen}");
    }
}

//! Where things begin and end: what stands below each other begins at one line, and what cannot be pressed can be read.

use super::*;
use castle_desktop::ui::Page;
use castle_desktop::words;
use egui::accesskit::Role;
use egui::{Rect, Shape};

/// Every shape that is drawn.
fn shapes(shown: &Shown) -> Vec<Shape> {
    fn flatten(shape: &Shape, found: &mut Vec<Shape>) {
        match shape {
            Shape::Vec(shapes) => shapes.iter().for_each(|shape| flatten(shape, found)),
            shape => found.push(shape.clone()),
        }
    }
    let mut found = Vec::new();
    shown.output().shapes.iter().for_each(|clipped| flatten(&clipped.shape, &mut found));
    found
}

/// Where rectangles of this size are drawn.
fn drawn(shown: &Shown, size: Vec2) -> Vec<Rect> {
    let rects = shapes(shown).into_iter().filter_map(|shape| match shape {
        Shape::Rect(rect) => Some(rect.rect),
        _ => None,
    });
    rects.filter(|rect| (rect.size() - size).length() < 0.1).collect()
}

/// The words as they are drawn, in whichever order their script has them on a line.
fn text(shown: &Shown, words: &str) -> egui::epaint::TextShape {
    let letters = |words: &str| {
        let mut letters: Vec<char> = words.chars().collect();
        letters.sort_unstable();
        letters
    };
    let found = shapes(shown).into_iter().find_map(|shape| match shape {
        Shape::Text(text) if letters(text.galley.text()) == letters(words) => Some(text),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("{words:?} is drawn"))
}

/// A login that has failed, at a server that is known.
fn failed() -> Shown {
    let prefill = Prefill { server: Some(SERVER.into()), ..Prefill::default() };
    let mut shown = show_with(Snapshot::default(), prefill, ROOMY);
    for connection in [Connection::LoggingIn { server: SERVER.into() }, Connection::LoggedOut] {
        shown.state_mut().snapshot.connection = connection;
        shown.run();
    }
    shown
}

#[test]
fn what_stands_below_the_fields_of_the_login_begins_where_they_do() {
    for language in ["en", "he"] {
        words::speaking(language, || {
            let shown = failed();
            let field = shown.get_by_role_and_label(Role::TextInput, say("login-name")).rect();
            let begin = |rect: Rect| if language == "he" { rect.right() } else { rect.left() };
            let tracks = drawn(&shown, vec2(theme::size::SWITCH, theme::size::SWITCH_H));
            assert_eq!(tracks.len(), 2);
            let words = [say("login-mode-reset"), say("checkup")];
            let words = words.map(|words| text(&shown, words).visual_bounding_rect());
            for place in tracks.into_iter().chain(words) {
                assert!(
                    (begin(place) - begin(field)).abs() < 2.0,
                    "{language}: {place}, the field at {field}"
                );
            }
        });
    }
}

#[test]
fn cards_of_one_page_have_as_much_room_at_their_ends() {
    let mut shown = show(online());
    let window = shown.state_mut();
    window.screens.open(Page::Interests, &window.snapshot, &mut window.commands);
    shown.run();
    let cards: Vec<_> = shapes(&shown)
        .into_iter()
        .filter_map(|shape| match shape {
            Shape::Rect(rect) if rect.corner_radius.nw == theme::size::RADIUS_L => Some(rect.rect),
            _ => None,
        })
        .collect();
    let ends = [
        shown.get_by_role_and_label(Role::TextInput, say("interests-tags")).rect(),
        shown.get_by_role_and_label(Role::ComboBox, say("interests-add-language")).rect(),
    ];
    assert_eq!(cards.len(), ends.len());
    for (card, last) in cards.iter().zip(ends) {
        let below = card.bottom() - last.bottom();
        assert!((below - theme::space::M).abs() < 1.0, "{below} below {last}");
    }
}

#[test]
fn what_cannot_be_pressed_yet_is_read_and_looks_so_whatever_it_does() {
    let mut report = show(ended(EndReason::PeerHungUp));
    click(&mut report, say("guest-report"));
    let mut account = show(online());
    let window = account.state_mut();
    window.screens.open(Page::Account, &window.snapshot, &mut window.commands);
    account.run();
    click(&mut account, say("account-erase-ask"));
    let hall = show(Snapshot { hall: Arc::new(vec![guest(2, "Bruno", Availability::InCall)]), ..online() });
    for (shown, words) in
        [(&report, say("report-send")), (&account, say("account-erase-do")), (&hall, say("hall-next-free"))]
    {
        let dark = shown.ctx.global_style().visuals.dark_mode;
        let palette = if dark { theme::DARK } else { theme::LIGHT };
        let drawn = text(shown, words);
        assert_eq!(drawn.galley.job.sections[0].format.color, palette.soft, "{words}");
        assert!((drawn.opacity_factor - 1.0).abs() < f32::EPSILON, "{words} is faded");
        let ground = shapes(shown).into_iter().any(|shape| match shape {
            Shape::Rect(rect) => {
                rect.fill == palette.hover && rect.rect.contains_rect(drawn.visual_bounding_rect())
            }
            _ => false,
        });
        assert!(ground, "{words} stands on what it was measured on");
    }
    click(&mut report, say("report-spam"));
    let sent = text(&report, say("report-send")).galley.job.sections[0].format.color;
    assert!(
        [theme::LIGHT.on_accent, theme::DARK.on_accent].contains(&sent),
        "what can be pressed stands out"
    );
}

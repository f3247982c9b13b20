//! Waiting for a match: where I stand, how long it takes, and the way out.

use super::lines;
use super::ringing::switches_ui;
use super::theme::{Palette, share, size, space};
use super::widgets::{Weight, stacked, tip};
use super::{View, shortcut, text};
use crate::view::{Command, Search};
use crate::words::{say, say_with};
use eframe::egui::{Key, Modifiers, Sense, Stroke, Ui, Vec2};
use std::f32::consts::{FRAC_PI_6, PI};

/// Draws the screen.
pub fn search_ui(ui: &mut Ui, view: &View<'_>, search: &Search, commands: &mut Vec<Command>) {
    let palette = Palette::of(ui);
    let waited = view.now.saturating_duration_since(search.since);
    // In a low window the circles give way to the words and the way out.
    let height = ui.available_height();
    let low = height < size::SEARCH_LOW;
    ui.add_space(space::M + (height - size::SEARCH_LOW).max(0.0) * share::SEARCH);
    ui.vertical_centered(|ui| {
        ui.set_max_width(size::COLUMN);
        if height >= size::SEARCH_LOWEST {
            ring_ui(ui, waited.as_secs(), palette, if low { size::ROW } else { size::AVATAR_LARGE });
            ui.add_space(if low { space::S } else { space::L });
        }
        lines::heading(ui, say("search-title"));
        lines::body(ui, &text::position(search));
        lines::soft(ui, &text::wait(waited, search.estimate));
        let preferences = &view.snapshot.preferences;
        let wanted: Vec<&str> =
            preferences.tags.iter().chain(&preferences.languages).map(String::as_str).collect();
        if !wanted.is_empty() {
            lines::small(ui, &say_with("hall-looks-for", &[("list", wanted.join(", ").into())]));
        }
        ui.add_space(if low { space::S } else { space::L });
        let by_key = preferences.push_to_talk;
        switches_ui(ui, (search.muted, search.camera_on), by_key, palette, commands);
        ui.add_space(if low { space::S } else { space::L });
        let stop = stacked(ui, say("search-stop"), Weight::Secondary);
        let stop = tip(stop, &text::with_key(say("search-stop"), "Esc"));
        if stop.clicked() || shortcut(ui, Modifiers::NONE, Key::Escape) {
            commands.push(Command::StopSearch);
        }
    });
}

/// Two circles that look for each other; one step a second, so that waiting costs no power.
fn ring_ui(ui: &mut Ui, second: u64, palette: &Palette, side: f32) {
    let (rect, _) = ui.allocate_exact_size(Vec2::splat(side), Sense::hover());
    let radius = side / 2.0 - space::M;
    let painter = ui.painter();
    painter.circle_stroke(rect.center(), radius, Stroke::new(size::LINE_SIGN, palette.line));
    for (turn, color) in [(0.0, palette.accent), (PI, palette.busy)] {
        let angle = turn + (second % 12) as f32 * FRAC_PI_6;
        painter.circle_filled(rect.center() + radius * Vec2::angled(angle), size::SEEKER, color);
    }
}

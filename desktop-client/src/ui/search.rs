//! Waiting for a match: where I stand, how long it takes, and the way out.

use super::theme::{Palette, font, letters, size, space};
use super::widgets::{Weight, stacked};
use super::{View, shortcut, text};
use crate::view::{Command, Search};
use eframe::egui::{Key, Modifiers, RichText, Sense, Stroke, Ui, Vec2};

/// Draws the screen.
pub fn search_ui(ui: &mut Ui, view: &View<'_>, search: &Search, commands: &mut Vec<Command>) {
    let palette = Palette::of(ui);
    let waited = view.now.saturating_duration_since(search.since);
    ui.add_space(ui.available_height() * 0.22);
    ui.vertical_centered(|ui| {
        ui.set_max_width(size::COLUMN);
        ring_ui(ui, waited.as_secs(), palette);
        ui.add_space(space::L);
        ui.label(RichText::new(text::search::TITLE).font(font(letters::HEADING)));
        ui.label(text::position(search));
        ui.label(RichText::new(text::wait(waited, search.estimate)).color(palette.soft));
        ui.add_space(space::L);
        let stop = stacked(ui, text::search::STOP, Weight::Secondary)
            .on_hover_text(text::with_key(text::search::STOP, "Esc"));
        if stop.clicked() || shortcut(ui, Modifiers::NONE, Key::Escape) {
            commands.push(Command::StopSearch);
        }
    });
}

/// Two circles that look for each other; one step a second, so that waiting costs no power.
fn ring_ui(ui: &mut Ui, second: u64, palette: &Palette) {
    let (rect, _) = ui.allocate_exact_size(Vec2::splat(size::AVATAR_LARGE), Sense::hover());
    let radius = size::AVATAR_LARGE / 2.0 - space::M;
    let painter = ui.painter();
    painter.circle_stroke(rect.center(), radius, Stroke::new(2.0, palette.line));
    for (turn, color) in [(0.0, palette.accent), (std::f32::consts::PI, palette.busy)] {
        let angle = turn + (second % 12) as f32 * std::f32::consts::PI / 6.0;
        painter.circle_filled(rect.center() + radius * Vec2::angled(angle), space::M * 0.6, color);
    }
}

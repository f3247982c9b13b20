//! Waiting for a match: where I stand, how long it takes, and the way out.

use super::places::page_height;
use super::ringing::switches_ui;
use super::theme::{Palette, share, size, space};
use super::widgets::{TipSide, Weight, key_tip, stacked};
use super::{View, keys, lines, shortcut, text};
use crate::view::{Command, Search};
use crate::words::say;
use eframe::egui::{Key, Modifiers, ScrollArea, Sense, Stroke, Ui, Vec2, accesskit::Live};
use std::f32::consts::{FRAC_PI_6, PI};

/// Draws the screen.
pub fn search_ui(ui: &mut Ui, view: &View<'_>, search: &Search, commands: &mut Vec<Command>) {
    let palette = Palette::of(ui);
    let waited = view.now.saturating_duration_since(search.since);
    // In a low window the circles give way to the words and the way out.
    let height = page_height(ui);
    let low = height < size::SEARCH_LOW;
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        ui.add_space(space::M + (height - size::SEARCH_LOW).max(0.0) * share::SEARCH);
        ui.vertical_centered(|ui| {
            ui.set_max_width(size::COLUMN);
            if height >= size::SEARCH_LOWEST {
                ring_ui(ui, waited.as_secs(), palette, if low { size::ROW } else { size::AVATAR_LARGE });
                ui.add_space(if low { space::S } else { space::L });
            }
            contents_ui(ui, view, search, if low { space::S } else { space::L }, commands);
        });
    });
}

/// Where one stands and what can be done meanwhile, with so much room between.
fn contents_ui(ui: &mut Ui, view: &View<'_>, search: &Search, room: f32, commands: &mut Vec<Command>) {
    lines::heading(ui, say("search-title"));
    let place = lines::body(ui, &text::position(search));
    ui.ctx().accesskit_node_builder(place.id, |node| node.set_live(Live::Polite));
    let waited = view.now.saturating_duration_since(search.since);
    lines::soft(ui, &text::wait(waited, search.estimate));
    let preferences = &view.snapshot.preferences;
    if let Some(wishes) = text::wishes(preferences) {
        lines::small(ui, &wishes);
    }
    ui.add_space(room);
    let by_key = preferences.push_to_talk;
    switches_ui(ui, (search.muted, search.camera_on), by_key, Palette::of(ui), commands);
    ui.add_space(room);
    let stop = stacked(ui, say("search-stop"), Weight::Secondary);
    let stop = key_tip(stop, &keys::alone(Key::Escape), TipSide::Beside);
    if stop.clicked() || shortcut(ui, Modifiers::NONE, Key::Escape) {
        commands.push(Command::StopSearch);
    }
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

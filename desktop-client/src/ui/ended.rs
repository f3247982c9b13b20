//! After a call: why it ended, in plain words, and where to go.

use super::theme::{Palette, font, letters, size, space};
use super::widgets::{Weight, avatar, stacked};
use super::{shortcut, text};
use crate::view::{CallView, Command, Stage};
use eframe::egui::{Key, Modifiers, RichText, Sense, Ui, Vec2};

/// Draws the screen; nothing when the call is not over.
pub fn ended_ui(ui: &mut Ui, call: &CallView, commands: &mut Vec<Command>) {
    let Stage::Ended { reason, lasted } = call.stage else { return };
    let palette = Palette::of(ui);
    ui.add_space(ui.available_height() * 0.2);
    ui.vertical_centered(|ui| {
        ui.set_max_width(size::COLUMN);
        let (face, _) = ui.allocate_exact_size(Vec2::splat(size::AVATAR_LARGE), Sense::hover());
        avatar(ui.painter(), face.center(), size::AVATAR_LARGE, &call.peer, palette);
        ui.add_space(space::M);
        ui.label(RichText::new(text::ended(reason, &call.peer)).font(font(letters::TITLE)));
        if let Some(lasted) = lasted {
            ui.label(RichText::new(text::lasted(lasted)).color(palette.soft));
        }
        if let Some(advice) = text::ended_advice(reason) {
            ui.label(RichText::new(advice).color(palette.soft));
        }
        ui.add_space(space::L);
        if call.matched && stacked(ui, text::call::FIND_ANOTHER, Weight::Primary).clicked() {
            commands.extend([Command::CloseCall, Command::Search]);
        }
        let weight = if call.matched { Weight::Secondary } else { Weight::Primary };
        let back =
            stacked(ui, text::call::BACK, weight).on_hover_text(text::with_key(text::call::BACK, "Esc"));
        if back.clicked() || shortcut(ui, Modifiers::NONE, Key::Escape) {
            commands.push(Command::CloseCall);
        }
    });
}

//! "Check my connection": what was looked at, how it came out, and what to change.

use super::theme::{Palette, font, letters, size, space};
use super::widgets::{Weight, button, column, strip};
use super::{shortcut, text};
use crate::view::{CheckOutcome, Checkup, Command};
use eframe::egui::{Align, Key, Label, Layout, Modifiers, RichText, ScrollArea, Ui};

/// Draws the screen.
pub fn checkup_ui(ui: &mut Ui, checkup: &Checkup, commands: &mut Vec<Command>) {
    column(ui, size::LIST, |ui| {
        ui.horizontal(|ui| {
            ui.set_height(size::CONTROL);
            ui.label(RichText::new(text::checkup::TITLE).font(font(letters::HEADING)));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let close = button(ui, text::checkup::CLOSE, Weight::Secondary)
                    .on_hover_text(text::with_key(text::checkup::CLOSE, "Esc"));
                if close.clicked() || shortcut(ui, Modifiers::NONE, Key::Escape) {
                    commands.push(Command::CloseCheckup);
                }
            });
        });
        let soft = Palette::of(ui).soft;
        ui.label(RichText::new(text::checkup::summary(checkup)).color(soft));
        ui.add_space(space::S);
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            for line in &checkup.lines {
                let palette = Palette::of(ui);
                let (ground, ink) = match line.outcome {
                    CheckOutcome::Fail => (palette.error_ground, palette.error_ink),
                    CheckOutcome::Pass | CheckOutcome::Skipped => (palette.info_ground, palette.info_ink),
                };
                strip(ui, ground, |ui| {
                    let said = text::checkup::line(line);
                    ui.add(Label::new(RichText::new(said).color(ink)).wrap());
                    if let Some(advice) = &line.advice {
                        ui.add(Label::new(RichText::new(advice).color(ink).size(letters::SMALL)).wrap());
                    }
                });
                ui.add_space(space::XS);
            }
        });
    });
}

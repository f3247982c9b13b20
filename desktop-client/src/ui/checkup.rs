//! "Check my connection": what was looked at, how it came out, and what to change.

use super::lines;
use super::places::{column, down, ends, strip};
use super::theme::{Palette, letters, size, space};
use super::widgets::{TipSide, Weight, button, key_tip};
use super::{keys, shortcut, text};
use crate::view::{CheckOutcome, Checkup, Command};
use crate::words::say;
use eframe::egui::{Key, Modifiers, ScrollArea, Ui, accesskit::Live};

/// Draws the screen.
pub fn checkup_ui(ui: &mut Ui, checkup: &Checkup, commands: &mut Vec<Command>) {
    column(ui, size::LIST, |ui| {
        ends(
            ui,
            size::CONTROL,
            |ui| {
                lines::heading(ui, say("checkup"));
            },
            |ui| {
                let close = button(ui, say("checkup-close"), Weight::Secondary);
                let close = key_tip(close, &keys::alone(Key::Escape), TipSide::Beside);
                if close.clicked() || shortcut(ui, Modifiers::NONE, Key::Escape) {
                    commands.push(Command::CloseCheckup);
                }
            },
        );
        let told = lines::soft(ui, &text::checkup_summary(checkup));
        ui.ctx().accesskit_node_builder(told.id, |node| node.set_live(Live::Polite));
        ui.add_space(space::S);
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            for line in &checkup.lines {
                let palette = Palette::of(ui);
                let (ground, ink) = match line.outcome {
                    CheckOutcome::Fail => (palette.error_ground, palette.error_ink),
                    CheckOutcome::Pass => (palette.info_ground, palette.info_ink),
                    CheckOutcome::Skipped => (palette.raised, palette.soft),
                };
                strip(ui, ground, |ui| {
                    ui.with_layout(down(), |ui| {
                        lines::text(ui, &text::checkup_line(line), letters::BODY, ink);
                        if let Some(advice) = &line.advice {
                            lines::text(ui, advice, letters::SMALL, ink);
                        }
                    });
                });
                ui.add_space(space::XS);
            }
        });
    });
}

//! What stands in place of a screen that broke: the session and a call go on below it.

use super::lines;
use super::theme::{share, size, space};
use super::widgets::{Weight, stacked};
use crate::view::Command;
use crate::words::say;
use eframe::egui::{self, Ui};

/// Draws it; returns whether the screens are to be tried again. With a call there is a way out of that, too.
pub fn broken_ui(ui: &mut Ui, in_call: bool, commands: &mut Vec<Command>) -> bool {
    let shown = egui::CentralPanel::no_frame().frame(super::page(ui)).show(ui, |ui| {
        ui.add_space(ui.available_height() * share::MESSAGE);
        let column = ui.vertical_centered(|ui| {
            ui.set_max_width(size::COLUMN);
            lines::title(ui, say("broken-title"));
            lines::soft(ui, say("broken-explained"));
            ui.add_space(space::M);
            let again = stacked(ui, say("broken-again"), Weight::Primary).clicked();
            if in_call && stacked(ui, say("call-hang-up"), Weight::Danger).clicked() {
                commands.push(Command::HangUp);
            }
            again
        });
        column.inner
    });
    shown.inner
}

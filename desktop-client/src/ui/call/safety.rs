//! The four words that two people read to each other to know that nobody is between them.

use super::super::lines;
use super::super::places::{card_head, down, over_picture, row};
use super::super::text;
use super::super::theme::{STAGE, letters, size, space};
use super::super::widgets::{Button, Weight};
use crate::view::{CallView, Command, DeviceStanding, Safety};
use crate::words::say;
use eframe::egui::{Rect, ScrollArea, Ui, pos2, vec2};

/// Draws the card, its top at `top`. Returns whether it is to be put away.
pub(super) fn safety_ui(
    ui: &mut Ui,
    call: &CallView,
    stage: Rect,
    top: f32,
    commands: &mut Vec<Command>,
) -> bool {
    let wanted = vec2(size::DIALOG.min(stage.width() - 2.0 * space::M), stage.bottom() - top);
    let place = Rect::from_min_size(pos2(stage.left() + space::M, top), wanted);
    over_picture(ui, "safety", place, stage, |ui| {
        let away = card_head(ui, say("safety"));
        ScrollArea::vertical().auto_shrink([false, true]).show(ui, |ui| {
            ui.with_layout(down(), |ui| words_ui(ui, &call.safety, commands));
        });
        away
    })
}

fn words_ui(ui: &mut Ui, safety: &Safety, commands: &mut Vec<Command>) {
    match safety {
        Safety::Pending => {
            lines::text(ui, say("safety-pending"), letters::BODY, STAGE.soft);
        }
        Safety::Unsupported => {
            lines::text(ui, say("safety-unsupported"), letters::BODY, STAGE.soft);
        }
        Safety::Words { words, device } => {
            lines::text(ui, say("safety-explained"), letters::SMALL, STAGE.soft);
            ui.add_space(space::XS);
            lines::text(ui, &words.join("  "), letters::TITLE, STAGE.accent_ink);
            ui.add_space(space::XS);
            lines::text(ui, text::standing(*device), letters::SMALL, STAGE.soft);
            ui.add_space(space::S);
            row(ui, |ui| {
                let mut push = |ui: &mut Ui, words: &str, weight, same| {
                    let min = vec2(0.0, size::CONTROL_SMALL);
                    if (Button { words, name: words, weight, min }).show(ui).clicked() {
                        commands.push(Command::Compared { same });
                    }
                };
                if *device != DeviceStanding::Verified {
                    push(ui, say("safety-same"), Weight::Primary, true);
                }
                push(ui, say("safety-differ"), Weight::Danger, false);
            });
        }
    }
}

//! After a call: why it ended, in plain words, how it was, and where to go.

use super::icons::Icon;
use super::lines;
use super::theme::{Palette, letters, share, size, space};
use super::widgets::{Weight, avatar, button, focus_ring, stacked, tip};
use super::{Go, Subject, shortcut, text};
use crate::view::{CallView, Command, EndReason, Stage};
use crate::words::{right_to_left, say, say_with};
use castle::ids::CallId;
use eframe::egui::{
    Align, CornerRadius, Key, Layout, Modifiers, ScrollArea, Sense, Ui, Vec2, WidgetInfo, accesskit::Role,
    vec2,
};

/// How the call was said to be.
#[derive(Debug, Default)]
pub struct Draft {
    rated: Option<(CallId, u8)>,
}

/// Draws the screen, nothing when the call is not over; returns where else one wants to go.
pub fn ended_ui(ui: &mut Ui, draft: &mut Draft, call: &CallView, commands: &mut Vec<Command>) -> Option<Go> {
    let Stage::Ended { reason, lasted } = call.stage else { return None };
    let palette = Palette::of(ui);
    let mut go = None;
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        let low = ui.available_height() < size::ENDED_LOW;
        ui.add_space(if low { space::L } else { ui.available_height() * share::ENDED });
        ui.vertical_centered(|ui| {
            ui.set_max_width(size::COLUMN);
            let side = if low { size::ROW } else { size::AVATAR_LARGE };
            let (face, _) = ui.allocate_exact_size(Vec2::splat(side), Sense::hover());
            avatar(ui, face.center(), side, &call.peer, palette);
            ui.add_space(space::M);
            lines::title(ui, &text::ended(reason, &call.peer, call.received));
            if let Some(lasted) = lasted {
                lines::soft(ui, &text::lasted(lasted));
            }
            if let Some(advice) = text::ended_advice(reason, call.received) {
                lines::soft(ui, advice);
            }
            ui.add_space(space::M);
            if lasted.is_some() {
                rate_ui(ui, draft, call, commands);
                ui.add_space(space::M);
            }
            if call.matched && stacked(ui, say("ended-find-another"), Weight::Primary).clicked() {
                commands.extend([Command::CloseCall, Command::Search]);
            }
            if reason == EndReason::Failed && stacked(ui, say("checkup"), Weight::Secondary).clicked() {
                commands.extend([Command::CloseCall, Command::CheckConnection]);
            }
            let again = if call.matched { Weight::Secondary } else { Weight::Primary };
            if call.peer_guest.is_some() && stacked(ui, say("ended-call-again"), again).clicked() {
                commands.push(Command::CallAgain);
            }
            let first = !call.matched && call.peer_guest.is_none();
            let weight = if first { Weight::Primary } else { Weight::Secondary };
            let back = stacked(ui, say("ended-back"), weight);
            let back = tip(back, &text::with_key(say("ended-back"), "Esc"));
            if back.clicked() || shortcut(ui, Modifiers::NONE, Key::Escape) {
                commands.push(Command::CloseCall);
            }
            if let Some(guest) = call.peer_guest {
                ui.add_space(space::M);
                let subject = || Subject { guest, name: call.peer.clone(), call: Some(call.id) };
                if button(ui, say("guest-report"), Weight::Quiet).clicked() {
                    go = Some(Go::Report(subject()));
                }
                if button(ui, say("guest-block"), Weight::Quiet).clicked() {
                    go = Some(Go::Block(subject()));
                }
            }
        });
    });
    go
}

/// Stars that a call can be given.
const STARS: u8 = 5;

/// One star to all of them.
fn rate_ui(ui: &mut Ui, draft: &mut Draft, call: &CallView, commands: &mut Vec<Command>) {
    let palette = Palette::of(ui);
    let given = draft.rated.filter(|(id, _)| *id == call.id).map_or(0, |(_, stars)| stars);
    lines::small(ui, if given == 0 { say("ended-rate") } else { say("ended-rated") });
    let side = size::CONTROL;
    let along = if right_to_left() {
        Layout::right_to_left(Align::Center)
    } else {
        Layout::left_to_right(Align::Center)
    };
    let (all, gap) = (f32::from(STARS), ui.spacing().item_spacing.x);
    let wanted = vec2(all * (side + gap) - gap, side);
    ui.allocate_ui_with_layout(wanted, along, |ui| {
        for stars in 1..=STARS {
            let (rect, response) = ui.allocate_exact_size(Vec2::splat(side), Sense::click());
            let name = say_with("ended-stars", &[("count", stars.into())]);
            response.widget_info(|| {
                WidgetInfo::selected(Role::RadioButton, ui.is_enabled(), given == stars, &name)
            });
            let lit = stars <= given || response.hovered();
            let ink = if lit { palette.busy } else { palette.soft };
            Icon::Star.paint(ui.painter(), rect.center(), letters::HEADING, ink, palette.ground);
            if !lit {
                // Hollow, so that colour alone does not tell.
                let within = letters::HEADING * share::HOLLOW;
                Icon::Star.paint(ui.painter(), rect.center(), within, palette.ground, palette.ground);
            }
            focus_ring(ui, &response, rect, CornerRadius::same(size::RADIUS), palette.focus);
            if response.clicked() {
                draft.rated = Some((call.id, stars));
                commands.push(Command::Rate(stars));
            }
        }
    });
}

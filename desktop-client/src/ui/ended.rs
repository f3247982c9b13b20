//! After a call: why it ended, in plain words, how it was, and where to go.

use super::icons::Icon;
use super::places::{along, page_height};
use super::theme::{Palette, letters, share, size, space};
use super::widgets::{Button, TipSide, Weight, avatar, focus_ring, key_tip, stacked};
use super::{Go, Subject, keys, lines, shortcut, text};
use crate::view::{CallView, Command, EndReason, Stage};
use crate::words::{say, say_with};
use castle::ids::CallId;
use eframe::egui::{
    CornerRadius, Key, Modifiers, ScrollArea, Sense, Ui, Vec2, WidgetInfo,
    accesskit::{Live, Role},
    vec2,
};
use std::time::Duration;

/// Shorter calls are not said to have lasted.
const TOLD_FROM: Duration = Duration::from_secs(1);
/// Of shorter ones nobody can say how they were.
const RATED_FROM: Duration = Duration::from_secs(5);

/// How the call was said to be.
#[derive(Debug, Default)]
pub struct Draft {
    rated: Option<(CallId, u8)>,
}

/// Draws the screen, nothing when the call is not over; returns where else one wants to go.
pub fn ended_ui(
    ui: &mut Ui,
    draft: &mut Draft,
    call: &CallView,
    can_call: bool,
    commands: &mut Vec<Command>,
) -> Option<Go> {
    let Stage::Ended { reason, lasted } = call.stage else { return None };
    let palette = Palette::of(ui);
    let mut go = None;
    let height = page_height(ui);
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        let low = height < size::ENDED_LOW;
        ui.add_space(if low { space::L } else { height * share::ENDED });
        ui.vertical_centered(|ui| {
            ui.set_max_width(size::NOTICE);
            let side = if low { size::ROW } else { size::AVATAR_LARGE };
            let (face, _) = ui.allocate_exact_size(Vec2::splat(side), Sense::hover());
            avatar(ui, face.center(), side, &call.peer, palette);
            ui.add_space(space::M);
            let how = (call.received, lasted.is_some());
            let told = lines::title(ui, &text::ended(reason, &call.peer, how));
            ui.ctx().accesskit_node_builder(told.id, |node| node.set_live(Live::Polite));
            if let Some(lasted) = lasted.filter(|lasted| *lasted >= TOLD_FROM) {
                lines::soft(ui, &text::lasted(lasted));
            }
            if let Some(advice) = text::ended_advice(reason, how) {
                lines::soft(ui, advice);
            }
            ui.add_space(space::M);
            let failed = reason == EndReason::Failed;
            // How a call was that did not work, or was over at once, is not asked.
            if lasted.is_some_and(|lasted| lasted >= RATED_FROM) && !failed {
                rate_ui(ui, draft, call, commands);
                ui.add_space(space::M);
            }
            ways_ui(ui, call, (failed, can_call), commands);
            if let Some(guest) = call.peer_guest {
                ui.add_space(space::S);
                about_ui(ui, || Subject { guest, name: call.peer.clone(), call: Some(call.id) }, &mut go);
            }
        });
    });
    go
}

/// Where to go from here, what helps most first: after a call that never came about that is the check.
fn ways_ui(ui: &mut Ui, call: &CallView, (failed, can_call): (bool, bool), commands: &mut Vec<Command>) {
    let mut first = true;
    let mut way = |ui: &mut Ui, words| {
        let weight = if std::mem::take(&mut first) { Weight::Primary } else { Weight::Secondary };
        stacked(ui, words, weight)
    };
    let lasted = matches!(call.stage, Stage::Ended { lasted: Some(_), .. });
    let check = [Command::CloseCall, Command::CheckConnection];
    if failed && !lasted && way(ui, say("checkup")).clicked() {
        commands.extend(check.clone());
    }
    if call.matched && way(ui, say("ended-find-another")).clicked() {
        commands.extend([Command::CloseCall, Command::Search]);
    }
    if call.peer_guest.is_some() {
        let again = ui.add_enabled_ui(can_call, |ui| way(ui, say("ended-call-again")).clicked());
        if again.inner {
            commands.push(Command::CallAgain);
        }
    }
    if failed && lasted && way(ui, say("checkup")).clicked() {
        commands.extend(check);
    }
    let back = way(ui, say("ended-back"));
    let back = key_tip(back, &keys::alone(Key::Escape), TipSide::Beside);
    if back.clicked() || shortcut(ui, Modifiers::NONE, Key::Escape) {
        commands.push(Command::CloseCall);
    }
}

/// What can be done about the other guest, in one row.
fn about_ui(ui: &mut Ui, subject: impl Fn() -> Subject, go: &mut Option<Go>) {
    let min = vec2(0.0, size::CONTROL_SMALL);
    let look = |words| Button { words, name: words, weight: Weight::Quiet, min };
    let [report, block] = [say("guest-report"), say("guest-block")].map(look);
    let wide = report.width(ui) + ui.spacing().item_spacing.x + block.width(ui);
    ui.allocate_ui_with_layout(vec2(wide, min.y), along(), |ui| {
        if report.show(ui).clicked() {
            *go = Some(Go::Report(subject()));
        }
        if block.show(ui).clicked() {
            *go = Some(Go::Block(subject()));
        }
    });
}

/// Stars that a call can be given.
const STARS: u8 = 5;

/// One star to all of them.
fn rate_ui(ui: &mut Ui, draft: &mut Draft, call: &CallView, commands: &mut Vec<Command>) {
    let palette = Palette::of(ui);
    let given = draft.rated.filter(|(id, _)| *id == call.id).map_or(0, |(_, stars)| stars);
    lines::small(ui, if given == 0 { say("ended-rate") } else { say("ended-rated") });
    let side = size::CONTROL;
    let (all, gap) = (f32::from(STARS), ui.spacing().item_spacing.x);
    let wanted = vec2(all * (side + gap) - gap, side);
    ui.allocate_ui_with_layout(wanted, along(), |ui| {
        let places = [(); STARS as usize].map(|()| ui.allocate_exact_size(Vec2::splat(side), Sense::click()));
        let pointed = places.iter().zip(1..).find(|((_, star), _)| star.hovered());
        let pointed = pointed.or_else(|| places.iter().zip(1..).find(|((_, star), _)| star.has_focus()));
        // What would be given by a click is shown before it.
        let shown = pointed.map_or(given, |(_, stars)| stars);
        for ((rect, response), stars) in places.iter().zip(1..=STARS) {
            let name = say_with("ended-stars", &[("count", stars.into())]);
            response.widget_info(|| {
                WidgetInfo::selected(Role::RadioButton, ui.is_enabled(), given == stars, &name)
            });
            let lit = stars <= shown;
            let ink = if lit { palette.busy } else { palette.soft };
            Icon::Star.paint(ui.painter(), rect.center(), letters::HEADING, ink, palette.ground);
            if !lit {
                // Hollow, so that colour alone does not tell.
                let within = letters::HEADING * share::HOLLOW;
                Icon::Star.paint(ui.painter(), rect.center(), within, palette.ground, palette.ground);
            }
            focus_ring(ui, response, *rect, CornerRadius::same(size::RADIUS), palette.focus);
            if response.clicked() {
                draft.rated = Some((call.id, stars));
                commands.push(Command::Rate(stars));
            }
        }
    });
}

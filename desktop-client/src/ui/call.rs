//! The call itself: the peer's picture, the own one in a corner, and the controls below.

use super::icons::Icon;
use super::theme::{Palette, STAGE, font, letters, size, space};
use super::widgets::{Round, avatar, round_button};
use super::{View, shortcut, text};
use crate::media::frame::Picture;
use crate::view::{CallView, Command};
use eframe::egui::{
    self, Align, Align2, CornerRadius, Id, Key, Label, Modifiers, Rect, RichText, Sense, Ui, WidgetInfo,
    accesskit::Role, pos2, text::LayoutJob, vec2,
};
use std::time::Instant;

/// Draws the screen.
pub fn call_ui(ui: &mut Ui, view: &View<'_>, call: &CallView, since: Instant, commands: &mut Vec<Command>) {
    let room = ui.max_rect();
    ui.painter().rect_filled(room, 0.0, STAGE.ground);
    let figures = call.stats.as_ref().map(text::stats).unwrap_or_default();
    let bar_height = size::ROUND_CELL_H + FIGURES_HEIGHT + 2.0 * space::M;
    let (stage, bar) = room.split_top_bottom_at_y(room.bottom() - bar_height);
    remote_ui(ui, view, call, stage);
    own_ui(ui, view, call, stage);
    title_ui(ui, view, call, since, stage);
    controls_ui(ui, call, bar, commands);
    let place = Rect::from_min_max(pos2(bar.left(), bar.bottom() - FIGURES_HEIGHT - space::S), bar.max);
    figures_ui(ui, &figures, place.shrink2(vec2(space::M, 0.0)));
}

/// Room for two lines of figures, kept while there are none, so that nothing jumps.
const FIGURES_HEIGHT: f32 = 2.0 * letters::SMALL * 1.3;

fn figures_ui(ui: &mut Ui, figures: &str, place: Rect) {
    let mut job = LayoutJob::simple(figures.to_owned(), font(letters::SMALL), STAGE.soft, place.width());
    job.halign = Align::Center;
    let galley = ui.painter().layout_job(job);
    ui.painter().galley(place.center_top(), galley, STAGE.soft);
    ui.interact(place, Id::unique("figures"), Sense::hover())
        .widget_info(|| WidgetInfo::labeled(Role::Label, true, figures));
}

fn remote_ui(ui: &mut Ui, view: &View<'_>, call: &CallView, stage: Rect) {
    let shown = if call.peer_camera_on { view.remote.paint(ui, stage, false, 0) } else { None };
    let words = match (shown, view.remote.picture()) {
        (Some(_), _) => None,
        (None, Picture::Off) => Some(text::call::PEER_CAMERA_OFF),
        (None, _) if !call.peer_camera_on => Some(text::call::PEER_CAMERA_OFF),
        (None, _) => Some(text::call::WAITING_PICTURE),
    };
    ui.interact(stage, Id::unique("remote picture"), Sense::hover()).widget_info(|| {
        let name = text::call::picture_of(&call.peer);
        WidgetInfo::labeled(Role::Image, true, words.map_or(name.clone(), |words| format!("{name}: {words}")))
    });
    if let Some(words) = words {
        avatar(ui.painter(), stage.center(), size::AVATAR_LARGE, &call.peer, &STAGE);
        let below = stage.center() + vec2(0.0, size::AVATAR_LARGE / 2.0 + space::M);
        ui.painter().text(below, Align2::CENTER_TOP, words, font(letters::BODY), STAGE.soft);
    }
    if call.peer_reconnecting {
        let words = text::call::peer_reconnecting(&call.peer);
        let strip = Rect::from_center_size(
            pos2(stage.center().x, stage.bottom() - space::M - size::CONTROL / 2.0),
            vec2(stage.width().min(size::LIST) - 2.0 * space::M, size::CONTROL),
        );
        ui.painter().rect_filled(strip, CornerRadius::same(size::RADIUS), STAGE.error_ground);
        ui.put(strip, Label::new(RichText::new(words).color(STAGE.error_ink)).truncate());
    }
}

fn own_ui(ui: &mut Ui, view: &View<'_>, call: &CallView, stage: Rect) {
    let proportions = view.local.size().unwrap_or(vec2(16.0, 9.0));
    let longest = (stage.width() * size::SELF_SHARE).min(stage.height() * size::SELF_SHARE * 16.0 / 9.0);
    let longest = longest.min(size::SELF_MAX);
    let own = proportions * (longest / proportions.max_elem());
    let place = Rect::from_min_size(stage.right_top() + vec2(-own.x - space::M, space::M), own);
    let shown = if call.camera_on { view.local.paint(ui, place, true, size::RADIUS_L) } else { None };
    let words = match view.local.picture() {
        _ if shown.is_some() => None,
        _ if !call.camera_on => Some(text::call::OWN_CAMERA_OFF),
        Picture::Lost => Some(text::call::OWN_CAMERA_LOST),
        Picture::Off => Some(text::call::OWN_CAMERA_OFF),
        Picture::Waiting | Picture::Live => Some(text::call::OWN_CAMERA_STARTS),
    };
    if let Some(words) = words {
        ui.painter().rect_filled(place, CornerRadius::same(size::RADIUS_L), STAGE.raised);
        let up = if call.muted { size::CONTROL_SMALL / 2.0 } else { 0.0 };
        let middle = place.center() - vec2(0.0, up);
        ui.painter().text(middle, Align2::CENTER_CENTER, words, font(letters::SMALL), STAGE.soft);
    }
    let edge = egui::Stroke::new(2.0, STAGE.ground);
    ui.painter().rect_stroke(place, CornerRadius::same(size::RADIUS_L), edge, egui::StrokeKind::Middle);
    if call.muted {
        let sign = place.left_bottom() + vec2(space::S, -space::S);
        pill(ui, sign, Align2::LEFT_BOTTOM, text::call::OWN_MUTED, letters::SMALL, &STAGE);
    }
    ui.interact(place, Id::unique("own picture"), Sense::hover()).widget_info(|| {
        let states = words.into_iter().chain(call.muted.then_some(text::call::OWN_MUTED));
        let name = states.fold(text::call::OWN_PICTURE.to_owned(), |name, state| format!("{name}, {state}"));
        WidgetInfo::labeled(Role::Image, true, name)
    });
}

fn title_ui(ui: &mut Ui, view: &View<'_>, call: &CallView, since: Instant, stage: Rect) {
    let timer = text::clock(view.now.saturating_duration_since(since));
    let muted = call.peer_muted.then_some(text::call::PEER_MUTED);
    let words = [Some(call.peer.as_str()), Some(&timer), muted];
    let words: Vec<&str> = words.into_iter().flatten().collect();
    pill(
        ui,
        stage.left_top() + vec2(space::M, space::M),
        Align2::LEFT_TOP,
        &words.join("  ·  "),
        letters::BODY,
        &STAGE,
    );
}

/// Words on a ground of their own, readable over any picture.
fn pill(ui: &mut Ui, at: egui::Pos2, anchor: Align2, words: &str, points: f32, palette: &Palette) {
    let galley = ui.painter().layout_no_wrap(words.to_owned(), font(points), palette.ink);
    let rect = anchor.anchor_size(at, galley.size() + vec2(2.0 * space::S, space::S));
    ui.painter().rect_filled(rect, CornerRadius::same(size::RADIUS), palette.raised);
    ui.painter().galley(rect.center() - galley.size() / 2.0, galley, palette.ink);
    ui.interact(rect, Id::unique(("pill", words.len(), at.x as i32)), Sense::hover())
        .widget_info(|| WidgetInfo::labeled(Role::Label, true, words));
}

fn controls_ui(ui: &mut Ui, call: &CallView, bar: Rect, commands: &mut Vec<Command>) {
    let plain = Round::plain(&STAGE);
    let lit = Round::lit(&STAGE);
    let (mic, mic_name, mic_look) = if call.muted {
        (Icon::MicOff, text::call::UNMUTE, lit)
    } else {
        (Icon::Mic, text::call::MUTE, plain)
    };
    let (camera, camera_name, camera_look) = if call.camera_on {
        (Icon::Camera, text::call::CAMERA_OFF, plain)
    } else {
        (Icon::CameraOff, text::call::CAMERA_ON, lit)
    };
    let none = Modifiers::NONE;
    let mut controls = vec![
        (mic, mic_name, "M", none, Key::M, mic_look, Command::SetMuted(!call.muted)),
        (camera, camera_name, "V", none, Key::V, camera_look, Command::SetCamera(!call.camera_on)),
    ];
    if call.matched {
        controls.push((Icon::Next, text::call::NEXT, "N", none, Key::N, plain, Command::Next));
    }
    let hang_up = Round::danger(&STAGE);
    let control = Modifiers::COMMAND;
    controls.push((Icon::HangUp, text::call::HANG_UP, "Ctrl+H", control, Key::H, hang_up, Command::HangUp));

    let wide = controls.len() as f32 * size::ROUND_CELL;
    let mut left = bar.center().x - wide / 2.0;
    for (icon, name, key_name, modifiers, key, look, command) in controls {
        let place =
            Rect::from_min_size(pos2(left, bar.top() + space::M), vec2(size::ROUND_CELL, size::ROUND_CELL_H));
        left += size::ROUND_CELL;
        // An id of its own: what comes and goes on the screen does not take the keyboard away.
        let builder = egui::UiBuilder::new().max_rect(place).scope_id(Id::unique(("control", key)));
        let response =
            ui.scope_builder(builder, |ui| round_button(ui, icon, name, key_name, look, &STAGE)).inner;
        if response.clicked() || shortcut(ui, modifiers, key) {
            commands.push(command);
        }
    }
}

//! Picture in picture: the peer in a small window of its own that stays on top where the platform allows it.

use super::super::theme::{STAGE, letters, size};
use super::super::widgets::avatar;
use super::super::{View, text};
use crate::view::CallView;
use eframe::egui::{
    self, Id, Sense, ViewportBuilder, ViewportClass, ViewportId, WidgetInfo, accesskit::Role, vec2,
};

/// Draws the small window; returns whether it stays.
pub(super) fn pip_ui(ctx: &egui::Context, view: &View<'_>, call: &CallView) -> bool {
    let builder = ViewportBuilder::default()
        .with_title(text::window_in_call(&call.peer))
        .with_inner_size([size::PIP_W, size::PIP_H])
        .with_always_on_top();
    ctx.show_viewport_immediate(ViewportId::from_hash_of("picture in picture"), builder, |ui, class| {
        let room = if class == ViewportClass::EmbeddedWindow {
            ui.allocate_exact_size(vec2(size::PIP_W, size::PIP_H), Sense::hover()).0
        } else {
            ui.max_rect()
        };
        ui.painter().rect_filled(room, 0.0, STAGE.ground);
        let shown = if call.peer_camera_on { view.remote.paint(ui, room, false, 0) } else { None };
        if shown.is_none() {
            avatar(ui, room.center(), letters::INITIALS * 2.0, &call.peer, &STAGE);
        }
        ui.interact(room, Id::unique("picture in picture"), Sense::hover())
            .widget_info(|| WidgetInfo::labeled(Role::Image, true, &call.peer));
        !ui.input(|input| input.viewport().close_requested())
    })
}

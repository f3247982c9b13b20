//! Picture in picture: the peer in a small window of its own that stays on top where the platform allows it.
//!
//! It is drawn by itself, with each picture that comes: the large window is minimised meanwhile as a rule, and then hardly
//! drawn at all. Owns what the two windows tell each other; shares the tile, and so the textures, of the large one.

use super::super::theme::{STAGE, letters, size};
use super::super::video::Tile;
use super::super::widgets::avatar;
use super::super::{View, text};
use crate::view::CallView;
use eframe::egui::{
    self, Id, Key, Sense, Ui, ViewportBuilder, ViewportClass, ViewportCommand, ViewportId, WidgetInfo,
    accesskit::Role, vec2,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// The small window of a call, from its opening on. Clones are the same window.
#[derive(Debug, Clone, Default)]
pub(super) struct Small {
    /// By its own button or key, or because the call is over.
    closed: Arc<AtomicBool>,
    /// Whether the peer's camera is on.
    camera_on: Arc<AtomicBool>,
}

/// Keys that close it while it has the keyboard.
const CLOSING: [Key; 2] = [Key::P, Key::Escape];

/// What the window system and egui know it by.
pub(in crate::ui) fn viewport() -> ViewportId {
    ViewportId::from_hash_of("picture in picture")
}

/// Where egui keeps the last one, for whoever has nothing but the context.
fn last_id() -> Id {
    Id::unique("the last picture in picture")
}

/// Has the small window drawn again within `delay`, if it is open.
pub(in crate::ui) fn repaint(ctx: &egui::Context, delay: Duration) {
    let last: Option<Weak<AtomicBool>> = ctx.data(|data| data.get_temp(last_id()));
    let closed = last.and_then(|last| last.upgrade());
    if closed.is_some_and(|closed| !closed.load(Ordering::Relaxed)) {
        ctx.request_repaint_after_for(delay, viewport());
    }
}

impl Small {
    /// Shows the window until the next drawing of the large one; returns whether it stays.
    pub(super) fn show(&self, ctx: &egui::Context, view: &View<'_>, call: &CallView) -> bool {
        if self.is_closed() {
            return false;
        }
        ctx.data_mut(|data| data.insert_temp(last_id(), Arc::downgrade(&self.closed)));
        let builder = ViewportBuilder::default()
            .with_title(text::window_in_call(&call.peer))
            .with_inner_size([size::PIP_W, size::PIP_H])
            .with_always_on_top();
        let (small, tile, peer) = (self.clone(), view.remote.clone(), call.peer.clone());
        self.follow(ctx, call);
        ctx.show_viewport_deferred(viewport(), builder, move |ui, class| {
            let drawn = catch_unwind(AssertUnwindSafe(|| {
                small.mind_closing(ui, class);
                if !small.is_closed() {
                    tile.poll(ui.ctx());
                    picture_ui(ui, class, small.camera_on.load(Ordering::Relaxed).then_some(&tile), &peer);
                }
            }));
            // A window that breaks closes; nothing else ends with it.
            if drawn.is_err() {
                small.close(ui.ctx());
            }
        });
        true
    }

    /// Follows the call, also while the large window is not drawn.
    pub(super) fn follow(&self, ctx: &egui::Context, call: &CallView) {
        if self.camera_on.swap(call.peer_camera_on, Ordering::Relaxed) != call.peer_camera_on {
            repaint(ctx, Duration::ZERO);
        }
    }

    /// Puts it away, and has both windows see to that.
    pub(super) fn close(&self, ctx: &egui::Context) {
        repaint(ctx, Duration::ZERO);
        self.closed.store(true, Ordering::Relaxed);
        ctx.request_repaint_of(ViewportId::ROOT);
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    fn mind_closing(&self, ui: &Ui, class: ViewportClass) {
        let own = class != ViewportClass::EmbeddedWindow;
        let asked = ui.input(|input| {
            input.viewport().close_requested() || CLOSING.iter().any(|key| input.key_pressed(*key))
        });
        if own && asked {
            self.close(ui.ctx());
        }
        if own && self.is_closed() {
            // It is gone with the next drawing of the large window, which may be hidden until who knows when. Not every
            // system hides a window; those that do not minimise it.
            ui.ctx().send_viewport_cmd(ViewportCommand::Minimized(true));
            ui.ctx().send_viewport_cmd(ViewportCommand::Visible(false));
        }
    }
}

/// The peer's picture over all of the window, or their initials.
fn picture_ui(ui: &mut Ui, class: ViewportClass, tile: Option<&Tile>, peer: &str) {
    let room = if class == ViewportClass::EmbeddedWindow {
        ui.allocate_exact_size(vec2(size::PIP_W, size::PIP_H), Sense::hover()).0
    } else {
        ui.max_rect()
    };
    ui.painter().rect_filled(room, 0.0, STAGE.ground);
    if tile.and_then(|tile| tile.paint(ui, room, false, 0)).is_none() {
        avatar(ui, room.center(), letters::INITIALS * 2.0, peer, &STAGE);
    }
    ui.interact(room, Id::unique("picture in picture"), Sense::hover())
        .widget_info(|| WidgetInfo::labeled(Role::Image, true, peer));
}

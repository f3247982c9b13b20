//! Over the picture: who is on, since when and how good it is, and what is wrong between the two ends for a moment.

use super::super::icons::Icon;
use super::super::places::pill_shape;
use super::super::theme::{STAGE, letters, share, size, space};
use super::super::widgets::tip;
use super::super::{View, lines, text};
use crate::view::{CallView, Quality};
use crate::words::{right_to_left, say};
use eframe::egui::{
    Align2, CornerRadius, Id, Rect, Sense, Ui, WidgetInfo,
    accesskit::{Live, Role},
    pos2, vec2,
};
use std::time::Instant;

/// What is wrong between the two ends for a moment; above the way to stop sharing.
pub(super) fn strip_ui(ui: &Ui, call: &CallView, stage: Rect, words: &str) {
    let room = stage.width().min(size::LIST) - 2.0 * space::M;
    let below = if call.sharing { size::CONTROL + space::S } else { 0.0 };
    let galley = lines::cut(ui, words, letters::BODY, STAGE.error_ink, room - 2.0 * space::M);
    let strip = galley.size() + vec2(2.0 * space::M, 2.0 * space::S);
    let foot = pos2(stage.center().x, stage.bottom() - space::M - below);
    let strip = Align2::CENTER_BOTTOM.anchor_size(foot, strip);
    ui.painter().rect_filled(strip, CornerRadius::same(size::RADIUS), STAGE.error_ground);
    ui.painter().galley(strip.center() - galley.size() / 2.0, galley, STAGE.error_ink);
    let strip = ui.interact(strip, Id::unique("peer reconnecting"), Sense::hover());
    strip.widget_info(|| WidgetInfo::labeled(Role::Label, true, words));
    ui.ctx().accesskit_node_builder(strip.id, |node| node.set_live(Live::Polite));
}

/// Who is on, since when, and how good it is; at the end of the line `taken` is another's. Returns where what lies below
/// begins.
pub(super) fn title_ui(
    ui: &mut Ui,
    view: &View<'_>,
    call: &CallView,
    since: Instant,
    (stage, taken): (Rect, f32),
) -> f32 {
    let timer = text::clock(view.now.saturating_duration_since(since));
    let known = [call.peer.as_str(), &timer];
    let poor = text::quality(call.quality).filter(|_| call.quality == Quality::Poor);
    let states = [call.peer_muted.then(|| say("call-peer-muted")), poor].into_iter().flatten();
    let (corner, anchor, away) = if right_to_left() {
        (stage.right_top() + vec2(-space::M, space::M), Align2::RIGHT_TOP, -1.0)
    } else {
        (stage.left_top() + vec2(space::M, space::M), Align2::LEFT_TOP, 1.0)
    };
    // Beside it stands how good the call is.
    let room = stage.width() - 2.0 * space::M - size::CONTROL - taken;
    // A name gives way before what changes.
    let others = text::joined(["", &timer].into_iter().chain(states.clone()));
    let beside = lines::line(ui, &others, letters::BODY, STAGE.ink).size().x + 2.0 * space::S + size::LINE;
    let words = lines::shortened(ui, &call.peer, letters::BODY, room - beside) + &others;
    let title = pill_shape(ui, (corner, anchor), room, &words, letters::BODY);
    ui.interact(title, Id::unique("title"), Sense::hover())
        .widget_info(|| WidgetInfo::labeled(Role::Label, true, text::joined(known)));
    let states = text::joined(states);
    if !states.is_empty() {
        // Apart from the timer, which would be read out with it every second.
        let told = ui.interact(title, Id::unique("state of the peer"), Sense::hover());
        told.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("{}: {states}", call.peer)));
        ui.ctx().accesskit_node_builder(told.id, |node| node.set_live(Live::Polite));
    }
    if let Some(words) = text::quality(call.quality) {
        let (bars, ink) = match call.quality {
            Quality::Good => (3, STAGE.free),
            Quality::Fair => (2, STAGE.busy),
            Quality::Poor | Quality::Unknown => (1, STAGE.away),
        };
        let side = title.height();
        let edge = if away > 0.0 { title.right() } else { title.left() };
        let middle = pos2(edge + away * (space::S + side / 2.0), title.center().y);
        let place = Rect::from_center_size(middle, vec2(side, side));
        ui.painter().rect_filled(place, CornerRadius::same(size::RADIUS), STAGE.raised);
        Icon::Bars(bars).paint(ui.painter(), middle, side * share::BARS, ink, STAGE.raised);
        let sign = ui.interact(place, Id::unique("quality"), Sense::hover());
        sign.widget_info(|| WidgetInfo::labeled(Role::Label, true, words));
        tip(sign, words);
    }
    title.bottom() + space::S
}

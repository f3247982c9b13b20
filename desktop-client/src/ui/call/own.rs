//! The own picture over the peer's: as in a mirror, and put where one likes by pointer or arrow keys.

use super::super::icons::Icon;
use super::super::theme::{STAGE, letters, share, size, space};
use super::super::widgets::{inward, mirrored};
use super::super::{View, lines};
use crate::media::frame::Picture;
use crate::view::CallView;
use crate::words::{right_to_left, say};
use eframe::egui::{
    Align, Align2, CornerRadius, CursorIcon, EventFilter, Id, Key, Rect, Response, Sense, Stroke, StrokeKind,
    Ui, Vec2, WidgetInfo, accesskit::Role, vec2,
};

/// Where the own picture is: share of the free way from the left and from the top, 0 to 1. The corner at the end of
/// the first line until it was moved.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place(Option<Vec2>);

/// So many presses of an arrow key move it from one edge to the other.
const STEPS: u8 = 10;

/// Draws it where there is room: below the line of the title if both have none beside each other. Returns where it is, and
/// how much of that line is its.
pub(super) fn own_ui(
    ui: &mut Ui,
    kept: &mut Place,
    view: &View<'_>,
    call: &CallView,
    stage: Rect,
) -> (Option<Rect>, f32) {
    let proportions = view.local.size().unwrap_or(vec2(size::WIDE, 1.0));
    let longest = (stage.width() * share::SELF).min(stage.height() * share::SELF * size::WIDE);
    let own = proportions * (longest.min(size::SELF_MAX) / proportions.max_elem());
    let beside = stage.width() >= size::TITLE_BESIDE;
    let stage = if beside { stage } else { stage.with_min_y(stage.top() + size::CONTROL) };
    if stage.height() < own.y + 2.0 * size::SELF_EDGE {
        return (None, 0.0);
    }
    let way = (stage.size() - own - Vec2::splat(2.0 * size::SELF_EDGE)).max(Vec2::splat(1.0));
    let first = vec2(if right_to_left() { 0.0 } else { 1.0 }, 0.0);
    let way_gone = kept.0.unwrap_or(first);
    let place = Rect::from_min_size(stage.min + Vec2::splat(size::SELF_EDGE) + way * way_gone, own);
    let response = ui.interact(place, Id::unique("own picture"), Sense::click_and_drag());
    let moved = if response.dragged() { response.drag_delta() / way } else { keys(ui, &response) };
    if moved != Vec2::ZERO {
        kept.0 = Some((way_gone + moved).clamp(Vec2::ZERO, Vec2::splat(1.0)));
    }
    face_ui(ui, place, view, call, &response);
    response.on_hover_cursor(CursorIcon::Grab);
    (Some(place), if beside { own.x + size::SELF_EDGE } else { 0.0 })
}

/// The same at a fixed place.
pub(super) fn tile_ui(ui: &Ui, place: Rect, view: &View<'_>, call: &CallView) {
    ui.painter().rect_filled(place, CornerRadius::same(size::RADIUS_L), STAGE.raised);
    let response = ui.interact(place, Id::unique("own picture"), Sense::hover());
    face_ui(ui, place, view, call, &response);
}

/// The line around a picture that lies over another, or the ring around what has the keyboard.
pub(super) fn edge_ui(ui: &Ui, place: Rect, focus: bool) {
    let edge = if focus {
        Stroke::new(size::FOCUS, STAGE.focus)
    } else {
        Stroke::new(size::LINE_SIGN, STAGE.ground)
    };
    ui.painter().rect_stroke(place, CornerRadius::same(size::RADIUS_L), edge, StrokeKind::Middle);
}

/// The picture or why there is none, and whether one is heard.
fn face_ui(ui: &Ui, place: Rect, view: &View<'_>, call: &CallView, response: &Response) {
    let shown = if call.camera_on { view.local.paint(ui, place, true, size::RADIUS_L) } else { None };
    let words = match view.local.picture() {
        _ if shown.is_some() => None,
        _ if !call.camera_on => Some(say("own-camera-off")),
        Picture::Lost => Some(say("own-camera-lost")),
        Picture::Off => Some(say("own-camera-off")),
        Picture::Waiting | Picture::Live => Some(say("own-camera-starts")),
    };
    let radius = CornerRadius::same(size::RADIUS_L);
    if let Some(words) = words {
        ui.painter().rect_filled(place, radius, STAGE.raised);
        let below = if call.muted { size::CONTROL_SMALL } else { 0.0 };
        said_ui(ui, place.with_max_y(place.bottom() - below), words);
    }
    edge_ui(ui, place, response.has_focus());
    if call.muted {
        muted_ui(ui, place);
    }
    response.widget_info(|| {
        let states = words.into_iter().chain(call.muted.then(|| say("own-muted")));
        let name = states.fold(say("own-picture").to_owned(), |name, state| format!("{name}, {state}"));
        WidgetInfo::labeled(Role::Image, true, name)
    });
}

/// Why there is no picture, in words as far as there is room for them.
fn said_ui(ui: &Ui, place: Rect, words: &str) {
    let room = place.size() - Vec2::splat(space::S);
    let galley = lines::paragraph(ui, words, letters::SMALL, STAGE.soft, room.x, Align::Center);
    if galley.size().x > room.x || galley.size().y > room.y {
        Icon::CameraOff.paint(ui.painter(), place.center(), size::ARROW, STAGE.soft, STAGE.raised);
        return;
    }
    let corner = place.center() - galley.size() / 2.0 - vec2(galley.rect.left(), 0.0);
    ui.painter().galley(corner, galley, STAGE.soft);
}

/// That nobody hears what is said, so that it is not overlooked: lit, as the switch itself.
fn muted_ui(ui: &Ui, place: Rect) {
    let side = letters::SMALL + space::XS;
    let room = place.width() - 2.0 * space::M - side;
    let galley = lines::line(ui, say("own-muted"), letters::SMALL, STAGE.ground);
    // Where there is no room for the words, the sign says it.
    let fits = galley.size().x <= room;
    let words = if fits { galley.size().x + space::S } else { 0.0 };
    let whole = vec2(words + side + space::S, galley.size().y + space::S);
    let corner = place.left_bottom() + vec2(space::S, -space::S);
    let rect = mirrored(Align2::LEFT_BOTTOM.anchor_size(corner, whole), place);
    ui.painter().rect_filled(rect, CornerRadius::same(size::RADIUS), STAGE.ink);
    let sign = inward(rect, if fits { space::SIGN } else { space::XS } + side / 2.0);
    Icon::MicOff.paint(ui.painter(), sign, side, STAGE.ground, STAGE.ink);
    if !fits {
        return;
    }
    let middle = inward(rect, space::S + side + galley.size().x / 2.0);
    ui.painter().galley(middle - galley.size() / 2.0, galley, STAGE.ground);
}

/// How far arrow keys move it while it has the keyboard.
fn keys(ui: &Ui, response: &Response) -> Vec2 {
    if !response.has_focus() {
        return Vec2::ZERO;
    }
    let filter = EventFilter { horizontal_arrows: true, vertical_arrows: true, ..EventFilter::default() };
    ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
    let step = 1.0 / f32::from(STEPS);
    let ways = [
        (Key::ArrowLeft, vec2(-step, 0.0)),
        (Key::ArrowRight, vec2(step, 0.0)),
        (Key::ArrowUp, vec2(0.0, -step)),
        (Key::ArrowDown, vec2(0.0, step)),
    ];
    let pressed = ways.into_iter().filter(|(key, _)| ui.input(|input| input.key_pressed(*key)));
    pressed.fold(Vec2::ZERO, |sum, (_, way)| sum + way)
}

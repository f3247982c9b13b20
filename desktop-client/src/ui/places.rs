//! Where things go: columns, rows, cards, the head of a page, dialogs. All of it begins where text begins, at the right
//! in a right-to-left language.

use super::icons::Icon;
use super::lines;
use super::theme::{Palette, STAGE, letters, size, space};
use super::widgets::{Button, TipSide, Weight, button, key_tip, mirrored, sign_button};
use super::{keys, shortcut};
use crate::words::{right_to_left, say};
use eframe::egui::{
    self, Align, Color32, CornerRadius, Id, Key, Layout, Modifiers, Rect, Response, ScrollArea, Sense, Ui,
    UiBuilder, pos2, vec2,
};

/// Where lines begin.
pub fn begin() -> Align {
    if right_to_left() { Align::Max } else { Align::Min }
}

/// One below the other.
pub fn down() -> Layout {
    Layout::top_down(begin())
}

/// One beside the other.
pub fn along() -> Layout {
    if right_to_left() { Layout::right_to_left(Align::Center) } else { Layout::left_to_right(Align::Center) }
}

/// One beside the other from where lines end.
pub fn against() -> Layout {
    if right_to_left() { Layout::left_to_right(Align::Center) } else { Layout::right_to_left(Align::Center) }
}

/// Things beside each other, in as many rows as it takes.
pub fn row<R>(ui: &mut Ui, contents: impl FnOnce(&mut Ui) -> R) -> R {
    let wanted = vec2(ui.available_width(), size::CONTROL_SMALL);
    ui.allocate_ui_with_layout(wanted, along().with_main_wrap(true), contents).inner
}

/// One line: `begin` where lines begin, `end` at the other side.
pub fn ends(ui: &mut Ui, height: f32, begin: impl FnOnce(&mut Ui), end: impl FnOnce(&mut Ui)) {
    ui.allocate_ui_with_layout(vec2(ui.available_width(), height), along(), |ui| {
        ui.set_height(height);
        begin(ui);
        ui.with_layout(against(), end);
    });
}

/// A strip with a sentence in it.
pub fn strip<R>(ui: &mut Ui, ground: Color32, contents: impl FnOnce(&mut Ui) -> R) -> R {
    egui::Frame::new()
        .fill(ground)
        .corner_radius(CornerRadius::same(size::RADIUS))
        .inner_margin(egui::Margin::symmetric(space::M as i8, space::S as i8))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            contents(ui)
        })
        .inner
}

/// A card with what belongs together, under a heading.
pub fn card<R>(ui: &mut Ui, heading: &str, contents: impl FnOnce(&mut Ui) -> R) -> R {
    let ground = Palette::of(ui).raised;
    let result = egui::Frame::new()
        .fill(ground)
        .corner_radius(CornerRadius::same(size::RADIUS_L))
        .inner_margin(egui::Margin::same(space::M as i8))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.with_layout(down(), |ui| {
                lines::title(ui, heading);
                ui.add_space(space::XS);
                contents(ui)
            })
            .inner
        })
        .inner;
    ui.add_space(space::S);
    result
}

/// Room for a column of at most `width`, in the middle of what there is.
pub fn column<R>(ui: &mut Ui, width: f32, contents: impl FnOnce(&mut Ui) -> R) -> R {
    let room = ui.available_rect_before_wrap();
    let width = width.min(room.width() - 2.0 * space::M);
    let rect = Rect::from_min_max(
        pos2(room.center().x - width / 2.0, room.top()),
        pos2(room.center().x + width / 2.0, room.bottom()),
    );
    let mut inner = ui.new_child(UiBuilder::new().max_rect(rect).layout(down()));
    let result = contents(&mut inner);
    ui.advance_cursor_after_rect(inner.min_rect());
    result
}

/// A quiet button that hangs over the edge, so that its words begin where the rest does.
pub fn hanging(ui: &mut Ui, words: &str, height: f32) -> Response {
    let look = Button { words, name: words, weight: Weight::Quiet, min: vec2(0.0, height) };
    let wanted = vec2(look.width(ui) - space::M, height);
    let (place, _) = ui.allocate_exact_size(wanted, Sense::hover());
    let whole = if right_to_left() {
        Rect::from_min_max(place.min, place.max + vec2(space::M, 0.0))
    } else {
        Rect::from_min_max(place.min - vec2(space::M, 0.0), place.max)
    };
    // A child on its own: what hangs over the edge does not widen the column.
    look.show(&mut ui.new_child(UiBuilder::new().max_rect(whole)))
}

/// How high a page is where no notices lie at its foot: what is placed by this stays when they come and go.
pub fn page_height(ui: &Ui) -> f32 {
    ui.ctx().content_rect().height() - 2.0 * space::M
}

/// A page beside the hall: its name, the way back, and what it holds, which may be long. Returns whether one wants back.
pub fn page(ui: &mut Ui, name: &str, contents: impl FnOnce(&mut Ui)) -> bool {
    let mut back = false;
    // Before it hears of Esc itself: the key shuts a list that is open, and no more.
    let listing = egui::Popup::is_any_open(ui.ctx());
    column(ui, size::LIST, |ui| {
        ends(
            ui,
            size::CONTROL,
            |ui| {
                lines::heading(ui, name);
            },
            |ui| {
                let response = button(ui, say("page-back"), Weight::Secondary);
                back = key_tip(response, &keys::alone(Key::Escape), TipSide::Beside).clicked();
            },
        );
        ui.add_space(space::S);
        // The bar to scroll with floats over the edge, as in the hall, so that all pages end at the same line.
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.with_layout(down(), contents);
        });
    });
    back || (!listing && shortcut(ui, Modifiers::NONE, Key::Escape))
}

/// What is asked or shown above all else, until it is put away. Returns whether Esc or a click outside did.
pub fn dialog(ctx: &egui::Context, name: &str, contents: impl FnOnce(&mut Ui)) -> bool {
    dialog_over(ctx, name, 0.0, contents, |_| {})
}

/// The same of what may be long, with a `foot` as high as a control that is always in view.
pub fn long_dialog(
    ctx: &egui::Context,
    name: &str,
    contents: impl FnOnce(&mut Ui),
    foot: impl FnOnce(&mut Ui),
) -> bool {
    dialog_over(ctx, name, size::CONTROL + space::S, contents, foot)
}

fn dialog_over(
    ctx: &egui::Context,
    name: &str,
    below: f32,
    contents: impl FnOnce(&mut Ui),
    foot: impl FnOnce(&mut Ui),
) -> bool {
    let frame = egui::Frame::popup(&ctx.global_style()).inner_margin(space::M as i8);
    // Each has an id of its own: it would begin with the size of the last one.
    let id = Id::unique(("dialog", name));
    let room = ctx.content_rect().size() - egui::Vec2::splat(2.0 * space::L);
    let shown = egui::Modal::new(id).frame(frame).show(ctx, |ui| {
        ui.set_width(size::DIALOG.min(room.x));
        // It may grow: of itself it has the height that it had last.
        ui.set_max_height(room.y - 2.0 * space::M);
        ui.with_layout(down(), |ui| {
            ui.spacing_mut().item_spacing.y = space::S;
            // The bar is seen wherever there is more.
            ui.spacing_mut().scroll.dormant_handle_opacity = 1.0;
            lines::title(ui, name);
            ui.add_space(space::XS);
            let height = ui.available_height() - below;
            ScrollArea::vertical().max_height(height).show(ui, |ui| {
                ui.set_width(ui.available_width() - space::S);
                ui.with_layout(down(), contents);
            });
            foot(ui);
        });
    });
    shown.should_close()
}

/// A card over a picture, at most as large as `place` of the stage and as high as what it holds; its colours are those
/// of the stage.
pub fn over_picture<R>(
    ui: &mut Ui,
    id: &str,
    place: Rect,
    stage: Rect,
    contents: impl FnOnce(&mut Ui) -> R,
) -> R {
    let place = mirrored(place, stage).intersect(stage);
    let ground = ui.painter().add(egui::Shape::Noop);
    let builder = UiBuilder::new().max_rect(place.shrink(space::M)).scope_id(Id::unique(id)).layout(down());
    let shown = ui.scope_builder(builder, |ui| {
        wear_stage(ui);
        ui.set_clip_rect(place.intersect(ui.clip_rect()));
        contents(ui)
    });
    let card = Rect::from_min_max(place.min, pos2(place.right(), shown.response.rect.bottom() + space::M));
    let radius = CornerRadius::same(size::RADIUS_L);
    ui.painter().set(ground, egui::epaint::RectShape::filled(card.intersect(place), radius, STAGE.raised));
    shown.inner
}

/// What is drawn from here on lies over a picture: controls look as by night, whatever the theme.
pub fn wear_stage(ui: &mut Ui) {
    ui.set_style(ui.ctx().style_of(egui::Theme::Dark));
    // Lists would fade into the ground of a page, which is not what lies here.
    ui.spacing_mut().scroll.fade.strength = 0.0;
}

/// The head of a card over a picture, with a way to put it away. Returns whether one wants that.
pub fn card_head(ui: &mut Ui, name: &str) -> bool {
    let mut away = false;
    ends(
        ui,
        size::CONTROL_SMALL,
        |ui| {
            lines::text(ui, name, letters::TITLE, STAGE.ink);
        },
        |ui| away = sign_button(ui, Icon::Close, say("card-close")).clicked(),
    );
    away
}

/// Words on a ground of their own, readable over any picture, cut where there is no more room. Returns where they are.
pub fn pill(
    ui: &Ui,
    id: &str,
    place: (egui::Pos2, egui::Align2),
    room: f32,
    words: &str,
    points: f32,
) -> Rect {
    let rect = pill_shape(ui, place, room, words, points);
    ui.interact(rect, Id::unique(("pill", id)), Sense::hover())
        .widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Label, true, words));
    rect
}

/// The same, where a screen reader hears of it in another way.
pub fn pill_shape(
    ui: &Ui,
    (at, anchor): (egui::Pos2, egui::Align2),
    room: f32,
    words: &str,
    points: f32,
) -> Rect {
    let galley = lines::cut(ui, words, points, STAGE.ink, room - 2.0 * space::S);
    let rect = anchor.anchor_size(at, galley.size() + vec2(2.0 * space::S, space::S));
    ui.painter().rect_filled(rect, CornerRadius::same(size::RADIUS), STAGE.raised);
    ui.painter().galley(rect.center() - galley.size() / 2.0, galley, STAGE.ink);
    rect
}

/// One choice of a menu. Returns whether it was made.
pub fn menu_item(ui: &mut Ui, words: &str, key: &str, color: Option<Color32>) -> bool {
    let palette = Palette::of(ui);
    let wanted = vec2(ui.available_width().max(size::MENU), size::CONTROL_SMALL);
    let (rect, response) = ui.allocate_exact_size(wanted, Sense::click());
    response
        .widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::MenuItem, ui.is_enabled(), words));
    let radius = CornerRadius::same(size::RADIUS);
    if response.hovered() {
        ui.painter().rect_filled(rect, radius, palette.hover);
    }
    let ink = color.unwrap_or(palette.ink);
    let galley = lines::line(ui, words, letters::BODY, ink);
    let middle = super::widgets::inward(rect, space::S + galley.size().x / 2.0);
    ui.painter().galley(middle - galley.size() / 2.0, galley, ink);
    let hint = lines::line(ui, key, letters::SMALL, palette.soft);
    let middle = super::widgets::inward(rect, rect.width() - space::S - hint.size().x / 2.0);
    ui.painter().galley(middle - hint.size() / 2.0, hint, palette.soft);
    super::widgets::focus_ring(ui, &response, rect, radius, palette.focus);
    if response.clicked() {
        // By itself it would close for the pointer alone.
        ui.close();
    }
    response.clicked()
}

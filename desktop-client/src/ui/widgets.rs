//! Controls and signs that several screens share: buttons, fields, initials, the dot of availability.
//!
//! Each has a name for screen readers, can be reached by Tab, and shows when it has the keyboard.

use super::icons::Icon;
use super::lines;
use super::places::begin;
use super::text;
use super::theme::{Palette, letters, share, size, space};
use crate::view::Availability;
use crate::words;
use eframe::egui::{
    self, Align2, Color32, CornerRadius, Rect, RectAlign, Response, Sense, Stroke, StrokeKind, Ui, Vec2,
    WidgetInfo, accesskit::Role, pos2, vec2,
};

/// How much a button asks to be pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// The thing to do.
    Primary,
    /// Something else to do.
    Secondary,
    /// Hardly there until looked for.
    Quiet,
    /// Ends something.
    Danger,
}

/// A button with words on it, as high as [`size::CONTROL`].
pub fn button(ui: &mut Ui, words: &str, weight: Weight) -> Response {
    Button { words, name: words, weight, min: vec2(0.0, size::CONTROL) }.show(ui)
}

/// One of several buttons below each other, all of one width.
pub fn stacked(ui: &mut Ui, words: &str, weight: Weight) -> Response {
    Button { words, name: words, weight, min: vec2(size::STACKED, size::CONTROL) }.show(ui)
}

/// A button with words on it.
#[derive(Debug, Clone, Copy)]
pub struct Button<'a> {
    /// What stands on it.
    pub words: &'a str,
    /// What a screen reader says.
    pub name: &'a str,
    /// How it looks.
    pub weight: Weight,
    /// No smaller than this.
    pub min: Vec2,
}

impl Button<'_> {
    /// How wide it will be.
    pub fn width(&self, ui: &Ui) -> f32 {
        let words = lines::line(ui, self.words, letters::BUTTON, Color32::PLACEHOLDER);
        (words.size().x + 2.0 * space::M).max(self.min.x)
    }

    /// Draws it at the cursor.
    pub fn show(self, ui: &mut Ui) -> Response {
        let palette = Palette::of(ui);
        let enabled = ui.is_enabled();
        let (fill, hover, ink, line) = match self.weight {
            Weight::Quiet if !enabled => (Color32::TRANSPARENT, Color32::TRANSPARENT, palette.soft, None),
            _ if !enabled => (palette.hover, palette.hover, palette.soft, None),
            Weight::Primary => (palette.accent, palette.accent_hover, palette.on_accent, None),
            Weight::Secondary => (palette.raised, palette.hover, palette.ink, Some(palette.line)),
            Weight::Quiet => (Color32::TRANSPARENT, palette.hover, palette.accent_ink, None),
            Weight::Danger => (palette.danger, palette.danger_hover, palette.on_danger, None),
        };
        let galley = lines::line(ui, self.words, letters::BUTTON, ink);
        let wanted = (galley.size() + vec2(2.0 * space::M, space::S)).max(self.min);
        let (rect, response) = ui.allocate_exact_size(wanted, Sense::click());
        response.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, self.name));
        let over = enabled && (response.hovered() || response.is_pointer_button_down_on());
        let radius = CornerRadius::same(size::RADIUS);
        let mut painter = ui.painter().clone();
        if !enabled {
            // It has colours of its own: faded besides, its words could not be read.
            painter.set_opacity(1.0);
        }
        painter.rect_filled(rect, radius, if over { hover } else { fill });
        if let Some(line) = line {
            painter.rect_stroke(rect, radius, Stroke::new(size::LINE, line), StrokeKind::Inside);
        }
        painter.galley(Align2::CENTER_CENTER.anchor_size(rect.center(), galley.size()).min, galley, ink);
        focus_ring(ui, &response, rect, radius, palette.focus);
        response
    }
}

/// Draws the ring around what has the keyboard, and brings it into view when it just got it.
pub fn focus_ring(ui: &Ui, response: &Response, rect: Rect, radius: CornerRadius, color: Color32) {
    if response.has_focus() {
        ui.painter().rect_stroke(rect, radius, Stroke::new(size::FOCUS, color), StrokeKind::Outside);
    }
    if response.gained_focus() {
        response.scroll_to_me(None);
    }
}

/// The colours of a round button.
#[derive(Debug, Clone, Copy)]
pub struct Round {
    /// The disc.
    pub fill: Color32,
    /// The disc under the pointer.
    pub hover: Color32,
    /// The sign on it.
    pub ink: Color32,
}

impl Round {
    /// Does something that is neither the aim nor the end of the call.
    pub fn plain(palette: &Palette) -> Self {
        Self { fill: palette.raised, hover: palette.hover, ink: palette.ink }
    }

    /// Something is switched off: stands out from the plain ones.
    pub fn lit(palette: &Palette) -> Self {
        Self { fill: palette.ink, hover: palette.soft, ink: palette.ground }
    }

    /// The aim.
    pub fn accent(palette: &Palette) -> Self {
        Self { fill: palette.accent, hover: palette.accent_hover, ink: palette.on_accent }
    }

    /// The end of something.
    pub fn danger(palette: &Palette) -> Self {
        Self { fill: palette.danger, hover: palette.danger_hover, ink: palette.on_danger }
    }
}

/// A round button with a caption below it. `key` is the shortcut that its tooltip tells.
pub fn round_button(
    ui: &mut Ui,
    icon: Icon,
    name: &str,
    key: &str,
    look: Round,
    palette: &Palette,
) -> Response {
    let wanted = vec2(ui.available_width().max(size::ROUND_CELL), size::ROUND_CELL_H);
    let (cell, response) = ui.allocate_exact_size(wanted, Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, ui.is_enabled(), name));
    let center = pos2(cell.center().x, cell.top() + size::ROUND / 2.0 + size::FOCUS);
    let fill = if response.hovered() { look.hover } else { look.fill };
    ui.painter().circle_filled(center, size::ROUND / 2.0, fill);
    icon.paint(ui.painter(), center, size::ROUND * share::SIGN, look.ink, fill);
    if response.has_focus() {
        let ring = Stroke::new(size::FOCUS, palette.focus);
        ui.painter().circle_stroke(center, size::ROUND / 2.0 + size::FOCUS, ring);
    }
    let caption = lines::cut(ui, name, letters::SMALL, palette.ink, cell.width());
    let at = cell.center_bottom() - vec2(caption.size().x / 2.0, caption.size().y);
    ui.painter().galley(at, caption, palette.ink);
    if key.is_empty() { response } else { key_tip(response, key, TipSide::Above) }
}

/// Draws what stands for a face where there is no picture.
pub fn avatar(ui: &Ui, center: egui::Pos2, diameter: f32, name: &str, palette: &Palette) {
    ui.painter().circle_filled(center, diameter / 2.0, palette.avatar);
    let points = letters::INITIALS * diameter / size::AVATAR_LARGE;
    let letters = lines::line(ui, &text::initials(name), points, palette.on_avatar);
    ui.painter().galley(center - letters.size() / 2.0, letters, palette.on_avatar);
}

/// The same of somebody whose name is not known.
pub fn nobody(ui: &Ui, center: egui::Pos2, diameter: f32, palette: &Palette) {
    ui.painter().circle_filled(center, diameter / 2.0, palette.avatar);
    Icon::Person.paint(ui.painter(), center, diameter * share::SIGN, palette.on_avatar, palette.avatar);
}

/// The colour of the dot beside a state.
pub fn dot_color(palette: &Palette, availability: Availability) -> Color32 {
    match availability {
        Availability::Available => palette.free,
        Availability::InCall => palette.busy,
        Availability::DoNotDisturb => palette.away,
        Availability::Invisible => palette.soft,
    }
}

/// How many wait, at the end of the words of a quiet button, where it takes no room.
pub fn badge(ui: &Ui, button: Rect, count: u32) {
    let palette = Palette::of(ui);
    let middle = inward(button, button.width() - size::BADGE) - vec2(0.0, size::BADGE);
    ui.painter().circle_filled(middle, size::BADGE, palette.danger);
    let words = if count < 10 { count.to_string() } else { "9+".to_owned() };
    let words = lines::line(ui, &words, letters::BADGE, palette.on_danger);
    ui.painter().galley(middle - words.size() / 2.0, words, palette.on_danger);
}

fn dot_room(dot: bool) -> f32 {
    if dot { 2.0 * size::DOT + space::S } else { 0.0 }
}

/// How wide a choice will be, with a dot before its words or without.
pub fn choice_width(ui: &Ui, words: &str, dot: bool) -> f32 {
    let words = lines::line(ui, words, letters::BODY, Color32::PLACEHOLDER);
    words.size().x + dot_room(dot) + 2.0 * space::S + space::XS
}

/// One of several choices, of which one holds. Returns whether it was chosen now.
pub fn choice(ui: &mut Ui, words: &str, dot: Option<Color32>, chosen: bool) -> bool {
    let palette = Palette::of(ui);
    let ink = if chosen { palette.ink } else { palette.soft };
    let galley = lines::line(ui, words, letters::BODY, ink);
    let dot_width = dot_room(dot.is_some());
    let wanted = vec2(choice_width(ui, words, dot.is_some()), size::CONTROL_SMALL);
    let (rect, response) = ui.allocate_exact_size(wanted, Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::RadioButton, ui.is_enabled(), chosen, words));
    let radius = CornerRadius::same(size::RADIUS);
    if chosen {
        ui.painter().rect_filled(rect, radius, palette.raised);
        ui.painter().rect_stroke(
            rect,
            radius,
            Stroke::new(size::LINE_CHOSEN, palette.accent),
            StrokeKind::Inside,
        );
    } else if response.hovered() {
        ui.painter().rect_filled(rect, radius, palette.hover);
    }
    let edge = space::S + space::XS / 2.0;
    if let Some(dot) = dot {
        ui.painter().circle_filled(inward(rect, edge + size::DOT), size::DOT, dot);
    }
    let middle = inward(rect, edge + dot_width + galley.size().x / 2.0);
    ui.painter().galley(middle - galley.size() / 2.0, galley, ink);
    focus_ring(ui, &response, rect, radius, palette.focus);
    response.clicked() && !chosen
}

/// One of several choices below each other, with a mark. Returns whether it was chosen now.
pub fn radio(ui: &mut Ui, words: &str, chosen: bool) -> bool {
    let palette = Palette::of(ui);
    let galley = lines::line(ui, words, letters::BODY, palette.ink);
    let beside = size::SWITCH_H + space::S;
    let wanted = vec2((galley.size().x + beside + space::S).min(ui.available_width()), size::CONTROL_SMALL);
    let (rect, response) = ui.allocate_exact_size(wanted, Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::RadioButton, ui.is_enabled(), chosen, words));
    let radius = CornerRadius::same(size::RADIUS);
    if response.hovered() {
        ui.painter().rect_filled(rect, radius, palette.hover);
    }
    let middle = inward(rect, size::RADIO + size::LINE_SIGN);
    let ring = if chosen { palette.accent } else { palette.soft };
    ui.painter().circle_stroke(middle, size::RADIO, Stroke::new(size::LINE_SIGN, ring));
    if chosen {
        ui.painter().circle_filled(middle, size::RADIO_DOT, palette.accent);
    }
    let at = inward(rect, beside + galley.size().x / 2.0) - galley.size() / 2.0;
    ui.painter().galley(at, galley, palette.ink);
    focus_ring(ui, &response, rect, radius, palette.focus);
    response.clicked() && !chosen
}

/// The point on the middle line of `rect` that is `distance` from where its text begins.
pub fn inward(rect: Rect, distance: f32) -> egui::Pos2 {
    let x = if words::right_to_left() { rect.right() - distance } else { rect.left() + distance };
    pos2(x, rect.center().y)
}

/// `rect` where it lies in `room` when text begins at the right.
pub fn mirrored(rect: Rect, room: Rect) -> Rect {
    if !words::right_to_left() {
        return rect;
    }
    let left = room.left() + room.right() - rect.right();
    Rect::from_min_size(pos2(left, rect.top()), rect.size())
}

/// A button with a sign and no words, as high as a small control.
pub fn sign_button(ui: &mut Ui, icon: Icon, name: &str) -> Response {
    let palette = Palette::of(ui);
    let (rect, response) = ui.allocate_exact_size(Vec2::splat(size::CONTROL_SMALL), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, ui.is_enabled(), name));
    let radius = CornerRadius::same(size::RADIUS);
    let ground = if response.hovered() { palette.hover } else { Color32::TRANSPARENT };
    ui.painter().rect_filled(rect, radius, ground);
    icon.paint(ui.painter(), rect.center(), size::CONTROL_SMALL * share::SIGN_SMALL, palette.soft, ground);
    focus_ring(ui, &response, rect, radius, palette.focus);
    tip(response, name)
}

/// Says more about what the pointer rests on. Broken where lines break, and beginning where they begin.
pub fn tip(response: Response, words: &str) -> Response {
    response.on_hover_ui(|ui| tip_ui(ui, words))
}

/// Says which key does the same as a button, whose own words are there to be read: above it, or at its side where something
/// stands above.
pub fn key_tip(response: Response, key: &str, side: TipSide) -> Response {
    let mut tip = egui::Tooltip::for_enabled(&response);
    let side = match side {
        TipSide::Above => [RectAlign::TOP, RectAlign::BOTTOM],
        TipSide::Beside if words::right_to_left() => [RectAlign::LEFT, RectAlign::RIGHT],
        TipSide::Beside => [RectAlign::RIGHT, RectAlign::LEFT],
    };
    tip.popup = tip.popup.align(side[0]).align_alternatives(&side[1..]);
    tip.show(|ui| tip_ui(ui, key));
    response
}

/// Where such a tip hides nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TipSide {
    /// Over the button, which has others at its sides.
    Above,
    /// At its side, which has others above and below.
    Beside,
}

fn tip_ui(ui: &mut Ui, words: &str) {
    let ink = Palette::of(ui).ink;
    let galley = lines::paragraph(ui, words, letters::BODY, ink, ui.available_width(), begin());
    let (rect, said) = ui.allocate_exact_size(galley.size(), Sense::hover());
    ui.painter().galley(rect.min - vec2(galley.rect.left(), 0.0), galley, ink);
    said.widget_info(|| WidgetInfo::labeled(Role::Label, true, words));
}

/// A bar as far `filled` as told, 0 to 1.
pub fn meter(ui: &mut Ui, name: &str, filled: f32) -> Response {
    let palette = Palette::of(ui);
    let wanted = vec2(ui.available_width(), size::METER);
    let (rect, response) = ui.allocate_exact_size(wanted, Sense::hover());
    let filled = filled.clamp(0.0, 1.0);
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::Meter, true, name);
        info.value = Some(f64::from(filled));
        info
    });
    let radius = CornerRadius::same((size::METER / 2.0) as u8);
    ui.painter().rect_filled(rect, radius, palette.line);
    let filled = Rect::from_min_size(rect.min, vec2(rect.width() * filled, rect.height()));
    ui.painter().rect_filled(mirrored(filled, rect), radius, palette.free);
    response
}

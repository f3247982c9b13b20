//! Controls and signs that several screens share: buttons, fields, initials, the dot of availability.
//!
//! Each has a name for screen readers, can be reached by Tab, and shows when it has the keyboard.

use super::icons::Icon;
use super::text;
use super::theme::{Palette, font, letters, size, space};
use crate::view::Availability;
use eframe::egui::{
    self, Align2, Color32, CornerRadius, Rect, Response, RichText, Sense, Stroke, StrokeKind, TextEdit, Ui,
    Vec2, WidgetInfo, accesskit::Role, pos2, vec2,
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
    /// Draws it at the cursor.
    pub fn show(self, ui: &mut Ui) -> Response {
        let palette = Palette::of(ui);
        let enabled = ui.is_enabled();
        let (fill, hover, ink, line) = match self.weight {
            Weight::Primary => (palette.accent, palette.accent_hover, palette.on_accent, None),
            Weight::Secondary => (palette.raised, palette.hover, palette.ink, Some(palette.line)),
            Weight::Quiet => (Color32::TRANSPARENT, palette.hover, palette.ink, None),
        };
        let galley = ui.painter().layout_no_wrap(self.words.to_owned(), font(letters::BUTTON), ink);
        let wanted = (galley.size() + vec2(2.0 * space::M, space::S)).max(self.min);
        let (rect, response) = ui.allocate_exact_size(wanted, Sense::click());
        response.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, self.name));
        let over = enabled && (response.hovered() || response.is_pointer_button_down_on());
        let radius = CornerRadius::same(size::RADIUS);
        ui.painter().rect_filled(rect, radius, if over { hover } else { fill });
        if let Some(line) = line {
            ui.painter().rect_stroke(rect, radius, Stroke::new(1.0, line), StrokeKind::Inside);
        }
        ui.painter().galley(Align2::CENTER_CENTER.anchor_size(rect.center(), galley.size()).min, galley, ink);
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
    let (cell, response) = ui.allocate_exact_size(vec2(size::ROUND_CELL, size::ROUND_CELL_H), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, ui.is_enabled(), name));
    let center = pos2(cell.center().x, cell.top() + size::ROUND / 2.0 + size::FOCUS);
    let fill = if response.hovered() { look.hover } else { look.fill };
    ui.painter().circle_filled(center, size::ROUND / 2.0, fill);
    icon.paint(ui.painter(), center, size::ROUND * 0.46, look.ink, fill);
    if response.has_focus() {
        let ring = Stroke::new(size::FOCUS, palette.focus);
        ui.painter().circle_stroke(center, size::ROUND / 2.0 + size::FOCUS, ring);
    }
    ui.painter().text(cell.center_bottom(), Align2::CENTER_BOTTOM, name, font(letters::SMALL), palette.ink);
    response.on_hover_text(text::with_key(name, key))
}

/// Draws what stands for a face where there is no picture.
pub fn avatar(painter: &egui::Painter, center: egui::Pos2, diameter: f32, name: &str, palette: &Palette) {
    painter.circle_filled(center, diameter / 2.0, palette.avatar);
    let points = letters::INITIALS * diameter / size::AVATAR_LARGE;
    painter.text(center, Align2::CENTER_CENTER, text::initials(name), font(points), palette.on_avatar);
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

/// One of several choices, of which one holds. Returns whether it was chosen now.
pub fn choice(ui: &mut Ui, words: &str, dot: Option<Color32>, chosen: bool) -> bool {
    let palette = Palette::of(ui);
    let ink = if chosen { palette.ink } else { palette.soft };
    let galley = ui.painter().layout_no_wrap(words.to_owned(), font(letters::BODY), ink);
    let dot_width = if dot.is_some() { 2.0 * size::DOT + space::S } else { 0.0 };
    let wanted = vec2(galley.size().x + dot_width + 2.0 * space::S + space::XS, size::CONTROL_SMALL);
    let (rect, response) = ui.allocate_exact_size(wanted, Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::RadioButton, ui.is_enabled(), chosen, words));
    let radius = CornerRadius::same(size::RADIUS);
    if chosen {
        ui.painter().rect_filled(rect, radius, palette.raised);
        ui.painter().rect_stroke(rect, radius, Stroke::new(1.5, palette.accent), StrokeKind::Inside);
    } else if response.hovered() {
        ui.painter().rect_filled(rect, radius, palette.hover);
    }
    let left = rect.left() + space::S + space::XS / 2.0;
    if let Some(dot) = dot {
        ui.painter().circle_filled(pos2(left + size::DOT, rect.center().y), size::DOT, dot);
    }
    ui.painter().galley(pos2(left + dot_width, rect.center().y - galley.size().y / 2.0), galley, ink);
    focus_ring(ui, &response, rect, radius, palette.focus);
    response.clicked() && !chosen
}

/// A text field below its name, as wide as there is room.
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    /// Above the field, and what a screen reader says.
    pub name: &'a str,
    /// In the field while it is empty.
    pub hint: &'a str,
    /// Shown as dots.
    pub hidden: bool,
    /// What is wrong with what was typed.
    pub complaint: Option<&'a str>,
    /// Longer input is not taken, in characters.
    pub longest: usize,
}

impl Field<'_> {
    /// Draws name, field and complaint.
    pub fn show(self, ui: &mut Ui, id: egui::Id, value: &mut String) -> Response {
        let palette = Palette::of(ui);
        let label = ui.label(RichText::new(self.name).color(palette.soft).size(letters::SMALL));
        ui.add_space(-space::XS);
        let response = line_edit(ui, id, value, self.hint, self.hidden, self.longest).labelled_by(label.id);
        if let Some(complaint) = self.complaint {
            ui.add_space(-space::XS);
            ui.label(RichText::new(complaint).color(palette.error_ink).size(letters::SMALL));
        }
        ui.add_space(space::XS);
        response
    }
}

/// A text field of one line, as wide as there is room.
pub fn line_edit(
    ui: &mut Ui,
    id: egui::Id,
    value: &mut String,
    hint: &str,
    hidden: bool,
    longest: usize,
) -> Response {
    let palette = Palette::of(ui);
    TextEdit::singleline(value)
        .id(id)
        .hint_text(RichText::new(hint).color(palette.soft))
        .password(hidden)
        .char_limit(longest)
        .desired_width(f32::INFINITY)
        .min_size(vec2(0.0, size::CONTROL))
        .align(Align2::LEFT_CENTER)
        .margin(vec2(space::M * 0.75, space::XS))
        .show(ui)
        .response
        .response
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

/// Room for a column of at most `width`, in the middle of what there is.
pub fn column<R>(ui: &mut Ui, width: f32, contents: impl FnOnce(&mut Ui) -> R) -> R {
    let room = ui.available_rect_before_wrap();
    let width = width.min(room.width() - 2.0 * space::M);
    let rect = Rect::from_min_max(
        pos2(room.center().x - width / 2.0, room.top()),
        pos2(room.center().x + width / 2.0, room.bottom()),
    );
    let mut inner =
        ui.new_child(egui::UiBuilder::new().max_rect(rect).layout(egui::Layout::top_down(egui::Align::Min)));
    let result = contents(&mut inner);
    ui.advance_cursor_after_rect(inner.min_rect());
    result
}

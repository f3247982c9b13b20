//! What is filled in: text fields, switches, choices out of a list. Each has a name for screen readers, can be reached
//! by Tab, and shows when it has the keyboard.

use super::icons::Icon;
use super::lines;
use super::places::{along, begin, row};
use super::theme::{Palette, letters, size, space};
use super::widgets::{choice, choice_width, focus_ring, inward, tip};
use eframe::egui::{
    self, Align, Align2, CornerRadius, Layout, Popup, Response, ScrollArea, Sense, Stroke, StrokeKind,
    TextEdit, Ui, WidgetInfo, accesskit::Role, vec2,
};

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
    /// Draws name, field and complaint, with room to what follows.
    pub fn show(self, ui: &mut Ui, id: egui::Id, value: &mut String) -> Response {
        let response = self.show_last(ui, id, value);
        ui.add_space(space::XS);
        response
    }

    /// The same where nothing follows.
    pub fn show_last(self, ui: &mut Ui, id: egui::Id, value: &mut String) -> Response {
        let palette = Palette::of(ui);
        let label = lines::small(ui, self.name);
        ui.add_space(-space::XS);
        let response = line_edit(ui, id, value, self.hint, self.hidden, self.longest).labelled_by(label.id);
        if let Some(complaint) = self.complaint {
            ui.add_space(-space::XS);
            lines::text(ui, complaint, letters::SMALL, palette.error_ink);
        }
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
    let align = if crate::words::right_to_left() { Align2::RIGHT_CENTER } else { Align2::LEFT_CENTER };
    let field = TextEdit::singleline(value)
        .id(id)
        .hint_text(lines::line(ui, hint, letters::BODY, palette.soft))
        .password(hidden)
        .char_limit(longest)
        .desired_width(f32::INFINITY)
        .min_size(vec2(0.0, size::CONTROL))
        .align(align)
        .margin(vec2(space::FIELD, space::XS))
        .show(ui)
        .response
        .response;
    bring_into_view(ui, &field);
    field
}

/// Brings a field that just got the keyboard into view, with its name above it.
fn bring_into_view(ui: &Ui, field: &Response) {
    if field.gained_focus() {
        ui.scroll_to_rect(field.rect.expand2(vec2(0.0, size::CAPTION + space::S)), None);
    }
}

/// A text field of one line that is named for screen readers alone, by `name`, which also stands in it while empty.
pub fn named_edit(ui: &mut Ui, id: egui::Id, value: &mut String, name: &str, longest: usize) -> Response {
    let field = line_edit(ui, id, value, name, false, longest);
    field.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::TextInput, true, name);
        info.current_text_value = Some(value.clone());
        info
    });
    field
}

/// A text field of a few lines below its name, as wide as there is room.
pub fn paragraph_edit(ui: &mut Ui, id: egui::Id, name: &str, value: &mut String, longest: usize) {
    let label = lines::small(ui, name);
    ui.add_space(-space::XS);
    let field = TextEdit::multiline(value)
        .id(id)
        .align(Align2([begin(), Align::Min]))
        .char_limit(longest)
        .desired_rows(PARAGRAPH_ROWS)
        .desired_width(f32::INFINITY)
        .margin(vec2(space::FIELD, space::S))
        .show(ui)
        .response
        .response
        .labelled_by(label.id);
    bring_into_view(ui, &field);
    ui.add_space(space::XS);
}

/// Lines of such a field before it grows.
const PARAGRAPH_ROWS: usize = 3;

/// A switch with its name beside it. Returns whether it was moved.
pub fn switch(ui: &mut Ui, name: &str, on: &mut bool) -> bool {
    let palette = Palette::of(ui);
    let room = ui.available_width();
    let beside = size::SWITCH + space::M;
    let words = lines::paragraph(
        ui,
        name,
        letters::BODY,
        palette.ink,
        room - beside - space::S,
        ui.layout().horizontal_placement(),
    );
    let height = words.size().y.max(size::CONTROL_SMALL) + space::XS;
    let (rect, response) = ui.allocate_exact_size(vec2(room, height), Sense::click());
    if response.clicked() {
        *on = !*on;
    }
    let on = *on;
    response.widget_info(|| WidgetInfo::selected(Role::Switch, ui.is_enabled(), on, name));
    let share = ui.ctx().animate_bool(response.id, on);
    let track =
        egui::Rect::from_center_size(inward(rect, size::SWITCH / 2.0), vec2(size::SWITCH, size::SWITCH_H));
    let radius = CornerRadius::same((size::SWITCH_H / 2.0) as u8);
    ui.painter().rect_filled(track, radius, if on { palette.accent } else { palette.soft });
    let way = size::SWITCH - size::SWITCH_H;
    let knob = inward(track, size::SWITCH_H / 2.0 + way * share);
    let ink = if on { palette.on_accent } else { palette.ground };
    ui.painter().circle_filled(knob, size::SWITCH_H / 2.0 - size::SWITCH_EDGE, ink);
    let middle = inward(rect, beside + words.size().x / 2.0);
    let corner = middle - words.size() / 2.0 - words.rect.min.to_vec2();
    ui.painter().galley(corner, words, palette.ink);
    focus_ring(ui, &response, rect, CornerRadius::same(size::RADIUS), palette.focus);
    response.clicked()
}

/// The name of what is chosen before it where a line has room for both, and above it elsewhere. `wanted`: how wide the
/// choice is.
fn named<R>(ui: &mut Ui, name: &str, wanted: f32, contents: impl FnOnce(&mut Ui) -> R) -> R {
    let palette = Palette::of(ui);
    let room = ui.available_width();
    if room < size::NAMED || wanted > room - size::NAME {
        lines::small(ui, name);
        ui.add_space(-space::XS);
        let result = row(ui, contents);
        ui.add_space(space::XS);
        return result;
    }
    let words = lines::paragraph(ui, name, letters::BODY, palette.ink, size::NAME - space::S, begin());
    let height = words.size().y.max(size::CONTROL);
    ui.allocate_ui_with_layout(vec2(room, height), along(), |ui| {
        ui.set_height(height);
        let gap = ui.spacing().item_spacing.x;
        let (place, said) = ui.allocate_exact_size(vec2(size::NAME - gap, height), Sense::hover());
        let middle = inward(place, words.size().x / 2.0);
        let corner = middle - words.size() / 2.0 - vec2(words.rect.left(), 0.0);
        ui.painter().galley(corner, words, palette.ink);
        said.widget_info(|| WidgetInfo::labeled(Role::Label, true, name));
        contents(ui)
    })
    .inner
}

/// One out of a list that may be long. `choices` are what is kept, and what is read. Returns whether it changed.
pub fn pick<T: PartialEq + Clone>(ui: &mut Ui, name: &str, chosen: &mut T, choices: &[(T, String)]) -> bool {
    let shown = choices.iter().find(|(value, _)| value == chosen).map_or("", |(_, words)| words.as_str());
    let wanted = named(ui, name, size::LIST_LEAST, |ui| list(ui, name, shown, Some(&*chosen), choices));
    let changed = wanted.as_ref().is_some_and(|value| value != chosen);
    *chosen = wanted.unwrap_or_else(|| chosen.clone());
    changed
}

/// What opens a list that may be long, with what is `shown` on it. Returns what was picked.
pub fn list<T: PartialEq + Clone>(
    ui: &mut Ui,
    name: &str,
    shown: &str,
    chosen: Option<&T>,
    choices: &[(T, String)],
) -> Option<T> {
    let mut wanted = None;
    let opened = ui.push_id(("pick", name), |ui| opener(ui, name, shown)).inner;
    let list = Popup::menu(&opened).width(opened.rect.width()).accessible_name(name);
    list.layout(Layout::top_down_justified(Align::Min)).show(|ui| {
        ScrollArea::vertical().max_height(size::CHOICES).show(ui, |ui| {
            for (value, words) in choices {
                if option(ui, words, Some(value) == chosen) {
                    wanted = Some(value.clone());
                }
            }
        });
    });
    wanted
}

/// Something that was picked, to be taken back. Returns whether it was.
pub fn chip(ui: &mut Ui, words: &str, name: &str) -> bool {
    let palette = Palette::of(ui);
    let words = lines::line(ui, words, letters::BODY, palette.ink);
    let sign = size::ARROW + space::S;
    let wanted = vec2(words.size().x + sign + 2.0 * space::FIELD, size::CONTROL_SMALL);
    let (rect, response) = ui.allocate_exact_size(wanted, Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, ui.is_enabled(), name));
    let radius = CornerRadius::same(size::RADIUS);
    let ground = if response.hovered() { palette.hover } else { palette.raised };
    ui.painter().rect_filled(rect, radius, ground);
    ui.painter().rect_stroke(rect, radius, Stroke::new(size::LINE, palette.line), StrokeKind::Inside);
    let middle = inward(rect, space::FIELD + words.size().x / 2.0);
    ui.painter().galley(middle - words.size() / 2.0, words, palette.ink);
    let cross = inward(rect, rect.width() - space::FIELD - size::ARROW / 2.0);
    Icon::Close.paint(ui.painter(), cross, size::ARROW, palette.soft, ground);
    focus_ring(ui, &response, rect, radius, palette.focus);
    tip(response, name).clicked()
}

/// What opens a list: what is chosen, and at the other end a sign that there is more.
fn opener(ui: &mut Ui, name: &str, shown: &str) -> Response {
    let palette = Palette::of(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), size::CONTROL), Sense::click());
    let open = Popup::is_id_open(ui.ctx(), Popup::default_response_id(&response));
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::ComboBox, ui.is_enabled(), name);
        info.current_text_value = Some(shown.to_owned());
        info
    });
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_expanded(open));
    let radius = CornerRadius::same(size::RADIUS);
    let ground = if open || response.hovered() { palette.hover } else { palette.raised };
    ui.painter().rect_filled(rect, radius, ground);
    ui.painter().rect_stroke(rect, radius, Stroke::new(size::LINE, palette.line), StrokeKind::Inside);
    let sign = inward(rect, rect.width() - space::FIELD - size::ARROW / 2.0);
    Icon::Open.paint(ui.painter(), sign, size::ARROW, palette.soft, ground);
    let room = rect.width() - 2.0 * space::FIELD - size::ARROW - space::S;
    let galley = lines::cut(ui, shown, letters::BODY, palette.ink, room);
    let middle = inward(rect, space::FIELD + galley.size().x / 2.0);
    ui.painter().galley(middle - galley.size() / 2.0, galley, palette.ink);
    focus_ring(ui, &response, rect, radius, palette.focus);
    response
}

/// One line of a list that is open; as many lines as its words take. Returns whether it was chosen.
fn option(ui: &mut Ui, words: &str, chosen: bool) -> bool {
    let palette = Palette::of(ui);
    let width = ui.available_width();
    let galley = lines::paragraph(ui, words, letters::BODY, palette.ink, width - 2.0 * space::S, begin());
    let height = (galley.size().y + space::S).max(size::CONTROL_SMALL);
    let (rect, response) = ui.allocate_exact_size(vec2(width, height), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::RadioButton, true, chosen, words));
    let radius = CornerRadius::same(size::RADIUS);
    if chosen {
        ui.painter().rect_filled(rect, radius, ui.visuals().selection.bg_fill);
    } else if response.hovered() {
        ui.painter().rect_filled(rect, radius, palette.hover);
    }
    let middle = inward(rect, space::S + galley.size().x / 2.0);
    let corner = middle - galley.size() / 2.0 - vec2(galley.rect.left(), 0.0);
    ui.painter().galley(corner, galley, palette.ink);
    focus_ring(ui, &response, rect, radius, palette.focus);
    if response.clicked() {
        // By itself it would close for the pointer alone.
        ui.close();
    }
    response.clicked()
}

/// One of a few, all in view. Returns whether it changed.
pub fn choose<T: PartialEq + Copy>(ui: &mut Ui, name: &str, chosen: &mut T, choices: &[(T, &str)]) -> bool {
    let gap = ui.spacing().item_spacing.x;
    let wide = choices.iter().map(|(_, words)| choice_width(ui, words, false) + gap).sum();
    named(ui, name, wide, |ui| {
        let mut changed = false;
        for (value, words) in choices {
            if choice(ui, words, None, chosen == value) {
                *chosen = *value;
                changed = true;
            }
        }
        changed
    })
}

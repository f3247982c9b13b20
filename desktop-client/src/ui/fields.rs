//! What is filled in: text fields, switches, choices out of a list. Each has a name for screen readers, can be reached
//! by Tab, and shows when it has the keyboard.

use super::lines;
use super::places::row;
use super::theme::{Palette, letters, size, space};
use super::widgets::{focus_ring, inward};
use eframe::egui::{
    self, Align2, Color32, CornerRadius, Response, Sense, TextEdit, Ui, WidgetInfo, accesskit::Role, vec2,
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
    /// Draws name, field and complaint.
    pub fn show(self, ui: &mut Ui, id: egui::Id, value: &mut String) -> Response {
        let palette = Palette::of(ui);
        let label = lines::small(ui, self.name);
        ui.add_space(-space::XS);
        let response = line_edit(ui, id, value, self.hint, self.hidden, self.longest).labelled_by(label.id);
        if let Some(complaint) = self.complaint {
            ui.add_space(-space::XS);
            lines::text(ui, complaint, letters::SMALL, palette.error_ink);
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
    let align = if crate::words::right_to_left() { Align2::RIGHT_CENTER } else { Align2::LEFT_CENTER };
    TextEdit::singleline(value)
        .id(id)
        .hint_text(lines::line(ui, hint, letters::BODY, palette.soft))
        .password(hidden)
        .char_limit(longest)
        .desired_width(f32::INFINITY)
        .min_size(vec2(0.0, size::CONTROL))
        .align(align)
        .margin(vec2(space::M * 0.75, space::XS))
        .show(ui)
        .response
        .response
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
    TextEdit::multiline(value)
        .id(id)
        .char_limit(longest)
        .desired_rows(PARAGRAPH_ROWS)
        .desired_width(f32::INFINITY)
        .margin(vec2(space::M * 0.75, space::S))
        .show(ui)
        .response
        .response
        .labelled_by(label.id);
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
    let track = egui::Rect::from_center_size(
        inward(rect, size::SWITCH / 2.0 + space::XS),
        vec2(size::SWITCH, size::SWITCH_H),
    );
    let radius = CornerRadius::same((size::SWITCH_H / 2.0) as u8);
    ui.painter().rect_filled(track, radius, if on { palette.accent } else { palette.soft });
    let way = size::SWITCH - size::SWITCH_H;
    let knob = inward(track, size::SWITCH_H / 2.0 + way * share);
    let ink = if on { palette.on_accent } else { palette.ground };
    ui.painter().circle_filled(knob, size::SWITCH_H / 2.0 - 3.0, ink);
    let middle = inward(rect, beside + words.size().x / 2.0);
    let corner = middle - words.size() / 2.0 - words.rect.min.to_vec2();
    ui.painter().galley(corner, words, palette.ink);
    focus_ring(ui, &response, rect, CornerRadius::same(size::RADIUS), palette.focus);
    response.clicked()
}

/// One out of a list that may be long. `choices` are what is kept, and what is read. Returns whether it changed.
pub fn pick<T: PartialEq + Clone>(ui: &mut Ui, name: &str, chosen: &mut T, choices: &[(T, String)]) -> bool {
    let before = chosen.clone();
    let shown = choices.iter().find(|(value, _)| value == chosen).map_or("", |(_, words)| words.as_str());
    lines::small(ui, name);
    ui.add_space(-space::XS);
    let width = ui.available_width();
    let combo = egui::ComboBox::from_id_salt(("pick", name)).width(width).height(size::CONTROL * 8.0);
    let words =
        |ui: &Ui, words: &str, width| lines::cut(ui, words, letters::BODY, Color32::PLACEHOLDER, width);
    let selected = words(ui, shown, width - 2.0 * space::L);
    let inner = combo.selected_text(selected).show_ui(ui, |ui| {
        for (value, text) in choices {
            // Read by its words, in the order in which they are written.
            let response = ui.selectable_value(chosen, value.clone(), words(ui, text, f32::INFINITY));
            let is_chosen = chosen == value;
            response.widget_info(|| WidgetInfo::selected(Role::RadioButton, true, is_chosen, text));
        }
    });
    let response = inner.response;
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::ComboBox, true, name);
        info.current_text_value = Some(shown.to_owned());
        info
    });
    let corner = CornerRadius::same(size::RADIUS);
    focus_ring(ui, &response, response.rect, corner, Palette::of(ui).focus);
    ui.add_space(space::XS);
    *chosen != before
}

/// One of a few, all in view. Returns whether it changed.
pub fn choose<T: PartialEq + Copy>(ui: &mut Ui, name: &str, chosen: &mut T, choices: &[(T, &str)]) -> bool {
    let mut changed = false;
    lines::small(ui, name);
    ui.add_space(-space::XS);
    row(ui, |ui| {
        for (value, words) in choices {
            if super::widgets::choice(ui, words, None, chosen == value) {
                *chosen = *value;
                changed = true;
            }
        }
    });
    ui.add_space(space::XS);
    changed
}

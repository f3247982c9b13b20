//! The Great Hall: who is here, who can be called, and how others see me.
//!
//! Draws only the rows in view, so that ten thousand guests cost no more than ten.

use super::theme::{Palette, font, letters, size, space};
use super::widgets::{Button, Weight, avatar, button, choice, column, dot_color, line_edit};
use super::{View, text};
use crate::view::{Availability, Command, HallRow};
use eframe::egui::{
    self, Align, Color32, CornerRadius, Id, Layout, Rect, RichText, ScrollArea, Sense, Ui, UiBuilder,
    WidgetInfo, accesskit::Role, pos2, vec2,
};
use std::sync::Arc;

/// Longest search, in characters.
const LONGEST_SEARCH: usize = 64;

/// What was typed, and which rows it leaves.
#[derive(Debug, Default)]
pub struct Draft {
    query: String,
    listed: Option<Listed>,
}

/// Rows in the order they are shown, kept until hall or query change.
#[derive(Debug)]
struct Listed {
    hall: Arc<Vec<HallRow>>,
    query: String,
    /// Places in `hall`.
    rows: Vec<usize>,
    free: usize,
}

impl Draft {
    fn listed(&mut self, hall: &Arc<Vec<HallRow>>) -> &Listed {
        let query = &self.query;
        let kept = self.listed.take().filter(|kept| Arc::ptr_eq(&kept.hall, hall) && kept.query == *query);
        self.listed.insert(kept.unwrap_or_else(|| list(hall, query)))
    }
}

/// By name, those whose name or login name holds the query in any case.
fn list(hall: &Arc<Vec<HallRow>>, query: &str) -> Listed {
    let wanted = query.trim().to_lowercase();
    let mut named: Vec<(String, usize)> = hall
        .iter()
        .enumerate()
        .map(|(place, row)| (row.display_name.to_lowercase(), place))
        .filter(|(name, place)| name.contains(&wanted) || hall[*place].name.to_lowercase().contains(&wanted))
        .collect();
    named.sort();
    Listed {
        hall: hall.clone(),
        query: query.to_owned(),
        rows: named.into_iter().map(|(_, place)| place).collect(),
        free: hall.iter().filter(|row| row.availability == Availability::Available).count(),
    }
}

/// Draws the screen.
pub fn hall_ui(ui: &mut Ui, draft: &mut Draft, view: &View<'_>, commands: &mut Vec<Command>) {
    column(ui, size::LIST, |ui| {
        header_ui(ui, view, commands);
        ui.add_space(space::S);
        let hall = &view.snapshot.hall;
        if hall.is_empty() {
            actions_ui(ui, false, commands);
            empty_ui(ui);
            return;
        }
        let free = draft.listed(hall).free;
        actions_ui(ui, free > 0, commands);
        ui.add_space(space::S);
        let field = line_edit(
            ui,
            Id::unique("hall search"),
            &mut draft.query,
            text::hall::SEARCH,
            false,
            LONGEST_SEARCH,
        );
        field.widget_info(|| {
            let mut info = WidgetInfo::labeled(Role::TextInput, true, text::hall::SEARCH);
            info.current_text_value = Some(draft.query.clone());
            info
        });
        let listed = draft.listed(hall);
        ui.label(
            RichText::new(text::hall::count(hall.len(), free))
                .color(Palette::of(ui).soft)
                .size(letters::SMALL),
        );
        if listed.rows.is_empty() {
            ui.add_space(space::L);
            ui.vertical_centered(|ui| {
                ui.label(RichText::new(text::hall::NO_HIT).color(Palette::of(ui).soft))
            });
        } else {
            rows_ui(ui, listed, commands);
        }
    });
}

fn header_ui(ui: &mut Ui, view: &View<'_>, commands: &mut Vec<Command>) {
    let me = view.snapshot.me.as_ref();
    ui.horizontal(|ui| {
        ui.set_height(size::CONTROL);
        ui.label(RichText::new(text::HALL).font(font(letters::HEADING)));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if button(ui, text::hall::LOG_OUT, Weight::Quiet).clicked() {
                commands.push(Command::LogOut);
            }
            if let Some(me) = me {
                ui.add(
                    egui::Label::new(RichText::new(&me.display_name).color(Palette::of(ui).soft)).truncate(),
                );
            }
        });
    });
    let Some(me) = me else { return };
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new(text::hall::SHOWN_AS).color(Palette::of(ui).soft).size(letters::SMALL));
        for wanted in [Availability::Available, Availability::DoNotDisturb, Availability::Invisible] {
            let dot = dot_color(Palette::of(ui), wanted);
            if choice(ui, text::availability(wanted), Some(dot), me.availability == wanted) {
                commands.push(Command::SetAvailability(wanted));
            }
        }
        if button(ui, text::checkup::TITLE, Weight::Quiet).clicked() {
            commands.push(Command::CheckConnection);
        }
    });
}

fn actions_ui(ui: &mut Ui, somebody_free: bool, commands: &mut Vec<Command>) {
    ui.horizontal(|ui| {
        if button(ui, text::hall::FIND, Weight::Primary).on_hover_text(text::hall::FIND_TIP).clicked() {
            commands.push(Command::Search);
        }
        let next_free =
            ui.add_enabled_ui(somebody_free, |ui| button(ui, text::hall::NEXT_FREE, Weight::Secondary));
        if next_free.inner.on_hover_text(text::hall::NEXT_FREE_TIP).clicked() {
            commands.push(Command::CallNextFree);
        }
    });
}

fn empty_ui(ui: &mut Ui) {
    ui.add_space((ui.available_height() * 0.25).max(space::XL));
    ui.vertical_centered(|ui| {
        ui.label(RichText::new(text::hall::EMPTY).font(font(letters::TITLE)));
        ui.set_max_width(size::COLUMN);
        ui.label(RichText::new(text::hall::EMPTY_MORE).color(Palette::of(ui).soft));
    });
}

fn rows_ui(ui: &mut Ui, listed: &Listed, commands: &mut Vec<Command>) {
    ScrollArea::vertical().auto_shrink(false).show_viewport(ui, |ui, viewport| {
        let count = listed.rows.len();
        ui.set_height(size::ROW * count as f32);
        let first = (viewport.top() / size::ROW) as usize;
        let last = (viewport.bottom() / size::ROW).ceil() as usize;
        let area = ui.max_rect();
        for place in first..last.min(count) {
            let top = area.top() + place as f32 * size::ROW;
            let rect = Rect::from_min_size(pos2(area.left(), top), vec2(area.width(), size::ROW));
            row_ui(ui, rect, &listed.hall[listed.rows[place]], commands);
        }
    });
}

fn row_ui(ui: &mut Ui, rect: Rect, row: &HallRow, commands: &mut Vec<Command>) {
    let palette = Palette::of(ui);
    let card = rect.shrink2(vec2(0.0, space::XS / 2.0));
    let state = text::availability(row.availability);
    let salt = row.guest.to_bits();
    ui.interact(card, Id::unique(("row", salt)), Sense::hover())
        .widget_info(|| WidgetInfo::labeled(Role::ListItem, true, format!("{}, {state}", row.display_name)));
    let painter = ui.painter();
    painter.rect_filled(card, CornerRadius::same(size::RADIUS), palette.raised);
    let face = pos2(card.left() + space::S + size::AVATAR / 2.0, card.center().y);
    avatar(painter, face, size::AVATAR, &row.display_name, palette);
    let left = face.x + size::AVATAR / 2.0 + space::M * 0.75;
    let button_left = card.right() - CALL_WIDTH - space::S;
    let name = one_line(ui, &row.display_name, letters::BODY, palette.ink, button_left - left - space::S);
    painter.galley(pos2(left, card.center().y - name.size().y), name, palette.ink);
    let dot = pos2(left + size::DOT, card.center().y + letters::SMALL * 0.75);
    painter.circle_filled(dot, size::DOT, dot_color(palette, row.availability));
    let state_at = pos2(dot.x + size::DOT + space::S * 0.75, dot.y);
    painter.text(state_at, egui::Align2::LEFT_CENTER, state, font(letters::SMALL), palette.soft);

    let place = Rect::from_center_size(
        pos2(button_left + CALL_WIDTH / 2.0, card.center().y),
        vec2(CALL_WIDTH, size::CONTROL_SMALL),
    );
    let mut inner = ui.new_child(UiBuilder::new().max_rect(place).scope_id(Id::unique(("call", salt))));
    if row.availability != Availability::Available {
        inner.disable();
    }
    let (words, name, min) = (text::hall::CALL, &text::hall::call(&row.display_name), place.size());
    let response = Button { words, name, weight: Weight::Secondary, min }.show(&mut inner);
    if response.gained_focus() {
        // With a piece of its neighbours, since only what is in view can be reached by Tab.
        ui.scroll_to_rect(rect.expand2(vec2(0.0, size::ROW * 0.8)), None);
    }
    if response.clicked() {
        commands.push(Command::Call(row.guest));
    }
}

/// Width of the button in a row.
const CALL_WIDTH: f32 = 72.0;

fn one_line(ui: &Ui, words: &str, points: f32, color: Color32, width: f32) -> Arc<egui::Galley> {
    let mut job = egui::text::LayoutJob::simple_singleline(words.to_owned(), font(points), color);
    job.wrap = egui::text::TextWrapping::truncate_at_width(width);
    ui.painter().layout_job(job)
}

//! The Great Hall: who is here, who can be called, and how others see me.
//!
//! Draws only the rows in view, so that ten thousand guests cost no more than ten.

use super::fields::named_edit;
use super::icons::Icon;
use super::places::{column, down, menu_item, page_height, row};
use super::theme::{Palette, letters, share, size, space};
use super::widgets::{Button, Weight, avatar, button, dot_color, inward, mirrored, sign_button, tip};
use super::{Go, Page, Subject, View, keys, lines, shortcut, text};
use crate::view::{Availability, Command, HallRow};
use crate::words::{say, say_with};
use castle::search::{finds, fold};
use eframe::egui::{
    self, CornerRadius, Id, Key, Modifiers, Popup, Rect, ScrollArea, Sense, Ui, UiBuilder, WidgetInfo,
    accesskit::Role, pos2, vec2,
};
use std::sync::Arc;

mod head;

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

/// By name, those whom the query finds: by the rule of the server, whose answer is on its way or there already.
fn list(hall: &Arc<Vec<HallRow>>, query: &str) -> Listed {
    let wanted = fold(query);
    let rows = hall.iter().enumerate();
    let found = rows.filter(|(_, row)| wanted.is_empty() || finds(&wanted, &row.name, &row.display_name));
    let mut named: Vec<(String, usize)> =
        found.map(|(place, row)| (row.display_name.to_lowercase(), place)).collect();
    named.sort();
    Listed {
        hall: hall.clone(),
        query: query.to_owned(),
        rows: named.into_iter().map(|(_, place)| place).collect(),
        free: hall.iter().filter(|row| row.availability == Availability::Available).count(),
    }
}

/// Draws the screen; returns where else one wants to go.
pub fn hall_ui(ui: &mut Ui, draft: &mut Draft, view: &View<'_>, commands: &mut Vec<Command>) -> Option<Go> {
    let mut go = None;
    column(ui, size::LIST, |ui| {
        if page_height(ui) < size::HALL_LOW {
            // The head alone would leave no room for the guests, and so moves with them.
            ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
                ui.with_layout(down(), |ui| contents_ui(ui, draft, view, true, (&mut go, commands)));
            });
        } else {
            contents_ui(ui, draft, view, false, (&mut go, commands));
        }
    });
    go
}

/// All of it; `low`: in a page that scrolls as a whole.
fn contents_ui(
    ui: &mut Ui,
    draft: &mut Draft,
    view: &View<'_>,
    low: bool,
    (go, commands): (&mut Option<Go>, &mut Vec<Command>),
) {
    // What scrolls has nothing to show beyond its edges.
    let hang = if low { 0.0 } else { space::M };
    head::head_ui(ui, view, hang, go, commands);
    ui.add_space(space::S);
    let hall = &view.snapshot.hall;
    let empty = hall.is_empty() && draft.query.is_empty();
    let free = draft.listed(hall).free;
    // Of those who are not known, or not searched for, somebody may be free: the server says.
    let can_call = view.snapshot.can_call();
    let perhaps = free > 0 || view.snapshot.hall_more || !draft.query.trim().is_empty();
    let beside = row(ui, |ui| {
        actions_ui(ui, (view.snapshot.can_search(), perhaps && can_call), go, commands);
        let room = vec2(ui.available_size_before_wrap().x, size::CONTROL);
        let beside = !empty && room.x >= size::SEARCH_FIELD;
        if beside {
            let search = |ui: &mut Ui| search_ui(ui, draft, (hall, can_call), commands);
            ui.allocate_ui_with_layout(room, down(), search);
        }
        beside
    });
    if let Some(wishes) = text::wishes(&view.snapshot.preferences) {
        lines::small(ui, &wishes);
    }
    if empty {
        empty_ui(ui);
        return;
    }
    if !beside {
        search_ui(ui, draft, (hall, can_call), commands);
    }
    ui.add_space(space::XS);
    let listed = draft.listed(hall);
    let count = if view.snapshot.hall_more {
        text::hall_count_all(view.snapshot.hall_count.max(hall.len()))
    } else {
        text::hall_count(hall.len(), free)
    };
    lines::small(ui, &count);
    let more = view.snapshot.hall_more;
    if listed.rows.is_empty() {
        ui.add_space(space::L);
        ui.vertical_centered(|ui| lines::soft(ui, say("hall-no-hit")));
    } else if low {
        let room = vec2(ui.available_width(), rows_height(listed, more));
        ui.allocate_ui(room, |ui| {
            let begin = ui.max_rect().min.to_vec2();
            let viewport = ui.clip_rect().translate(-begin);
            rows_ui(ui, viewport, listed, (more, can_call), (go, commands));
        });
    } else {
        ScrollArea::vertical().auto_shrink(false).show_viewport(ui, |ui, viewport| {
            rows_ui(ui, viewport, listed, (more, can_call), (go, commands));
        });
    }
}

/// The field that finds guests. Enter calls when one alone is left and free.
fn search_ui(
    ui: &mut Ui,
    draft: &mut Draft,
    (hall, can_call): (&Arc<Vec<HallRow>>, bool),
    commands: &mut Vec<Command>,
) {
    let id = Id::unique("hall search");
    let field = named_edit(ui, id, &mut draft.query, say("hall-search"), LONGEST_SEARCH);
    if shortcut(ui, Modifiers::COMMAND, Key::F) {
        field.request_focus();
    }
    if field.changed() {
        commands.push(Command::SearchHall(draft.query.trim().to_owned()));
    }
    if field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter)) {
        let listed = draft.listed(hall);
        if let [place] = listed.rows[..]
            && listed.hall[place].availability == Availability::Available
            && can_call
        {
            commands.push(Command::Call(listed.hall[place].guest));
        }
    }
}

/// The ways to talk to whoever is there, each where it is open.
fn actions_ui(
    ui: &mut Ui,
    (can_search, somebody_free): (bool, bool),
    go: &mut Option<Go>,
    commands: &mut Vec<Command>,
) {
    let find = ui.add_enabled_ui(can_search, |ui| button(ui, say("hall-find"), Weight::Primary));
    let words = text::with_key(say("hall-find-tip"), &keys::name(Modifiers::COMMAND, Key::M));
    let asked = tip(find.inner, &words).clicked();
    if asked || (can_search && shortcut(ui, Modifiers::COMMAND, Key::M)) {
        commands.push(Command::Search);
    }
    let next_free =
        ui.add_enabled_ui(somebody_free, |ui| button(ui, say("hall-next-free"), Weight::Secondary));
    let words = text::with_key(say("hall-next-free-tip"), &keys::name(Modifiers::COMMAND, Key::N));
    let asked = tip(next_free.inner, &words).clicked();
    if asked || (somebody_free && shortcut(ui, Modifiers::COMMAND, Key::N)) {
        commands.push(Command::CallNextFree);
    }
    if button(ui, say("hall-interests"), Weight::Quiet).clicked() {
        *go = Some(Go::Page(Page::Interests));
    }
}

fn empty_ui(ui: &mut Ui) {
    let left = page_height(ui) - (ui.cursor().top() - ui.max_rect().top());
    ui.add_space((left * share::MESSAGE).max(space::XL));
    ui.vertical_centered(|ui| {
        lines::title(ui, say("hall-empty"));
        ui.set_max_width(size::COLUMN);
        lines::soft(ui, say("hall-empty-more"));
    });
}

fn rows_height(listed: &Listed, more: bool) -> f32 {
    size::ROW * (listed.rows.len() + usize::from(more)) as f32
}

/// The rows of which something is in the `viewport`, and the way to more of them.
fn rows_ui(
    ui: &mut Ui,
    viewport: Rect,
    listed: &Listed,
    (more, can_call): (bool, bool),
    (go, commands): (&mut Option<Go>, &mut Vec<Command>),
) {
    ui.set_height(rows_height(listed, more));
    let count = listed.rows.len();
    let end = size::ROW * count as f32;
    let first = (viewport.top() / size::ROW) as usize;
    let last = (viewport.bottom() / size::ROW).ceil() as usize;
    let area = ui.max_rect();
    let place =
        |top: f32| Rect::from_min_size(pos2(area.left(), area.top() + top), vec2(area.width(), size::ROW));
    for index in first..last.min(count) {
        let rect = place(index as f32 * size::ROW);
        row_ui(ui, rect, &listed.hall[listed.rows[index]], can_call, (&mut *go, &mut *commands));
    }
    if more && viewport.bottom() > end {
        let builder = UiBuilder::new()
            .max_rect(place(end).shrink2(vec2(0.0, space::S)))
            .scope_id(Id::unique("more of hall"));
        ui.scope_builder(builder, |ui| {
            if button(ui, say("hall-more"), Weight::Secondary).clicked() {
                commands.push(Command::MoreOfHall);
            }
        });
    }
}

fn row_ui(
    ui: &mut Ui,
    rect: Rect,
    row: &HallRow,
    can_call: bool,
    (go, commands): (&mut Option<Go>, &mut Vec<Command>),
) {
    let palette = Palette::of(ui);
    let card = rect.shrink2(vec2(0.0, space::XS / 2.0));
    let state = text::availability(row.availability);
    let salt = row.guest.to_bits();
    ui.interact(card, Id::unique(("row", salt)), Sense::hover())
        .widget_info(|| WidgetInfo::labeled(Role::ListItem, true, format!("{}, {state}", row.display_name)));
    ui.painter().rect_filled(card, CornerRadius::same(size::RADIUS), palette.raised);
    avatar(ui, inward(card, space::S + size::AVATAR / 2.0), size::AVATAR, &row.display_name, palette);
    let begin = space::S + size::AVATAR + space::M;
    let end = size::CALL + size::CONTROL_SMALL + 2.0 * space::S;
    let name =
        lines::cut(ui, &row.display_name, letters::BODY, palette.ink, card.width() - begin - end - space::S);
    let at = inward(card, begin + name.size().x / 2.0) - vec2(name.size().x / 2.0, name.size().y);
    ui.painter().galley(at, name, palette.ink);
    let below = vec2(0.0, size::ROW_BELOW);
    ui.painter().circle_filled(
        inward(card, begin + size::DOT) + below,
        size::DOT,
        dot_color(palette, row.availability),
    );
    let words = lines::line(ui, state, letters::SMALL, palette.soft);
    let middle = inward(card, begin + 2.0 * size::DOT + space::SIGN + words.size().x / 2.0) + below;
    ui.painter().galley(middle - words.size() / 2.0, words, palette.soft);

    let controls = Rect::from_min_max(
        pos2(card.right() - end, card.center().y - size::CONTROL_SMALL / 2.0),
        pos2(card.right() - space::S, card.center().y + size::CONTROL_SMALL / 2.0),
    );
    let call = Rect::from_min_size(controls.min, vec2(size::CALL, size::CONTROL_SMALL));
    let menu = Rect::from_min_max(pos2(call.right() + space::S, call.top()), controls.max);
    let builder = |place: Rect, what: &str| {
        UiBuilder::new().max_rect(mirrored(place, card)).scope_id(Id::unique((what.to_owned(), salt)))
    };
    let mut inner = ui.new_child(builder(call, "call"));
    if row.availability != Availability::Available || !can_call {
        inner.disable();
    }
    let name = say_with("hall-call-name", &[("name", row.display_name.as_str().into())]);
    let look = Button { words: say("hall-call"), name: &name, weight: Weight::Secondary, min: call.size() };
    let called = look.show(&mut inner);
    let mut inner = ui.new_child(builder(menu, "menu"));
    let name = say_with("hall-menu-of", &[("name", row.display_name.as_str().into())]);
    let opened = sign_button(&mut inner, Icon::More, &name);
    if called.gained_focus() || opened.gained_focus() {
        // With a piece of its neighbours, since only what is in view can be reached by Tab.
        ui.scroll_to_rect(rect.expand2(vec2(0.0, size::ROW * share::NEIGHBOUR)), None);
    }
    if called.clicked() {
        commands.push(Command::Call(row.guest));
    }
    let subject = || Subject { guest: row.guest, name: row.display_name.clone(), call: None };
    guest_menu(&opened, subject, go);
}

/// What can be done about a guest besides calling, below the button that opens it.
pub fn guest_menu(opened: &egui::Response, subject: impl Fn() -> Subject, go: &mut Option<Go>) {
    Popup::menu(opened).width(size::MENU).show(|ui| {
        if menu_item(ui, say("guest-report"), "", None) {
            *go = Some(Go::Report(subject()));
        }
        if menu_item(ui, say("guest-block"), "", Some(Palette::of(ui).danger_ink)) {
            *go = Some(Go::Block(subject()));
        }
    });
}

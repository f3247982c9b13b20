//! The head of the hall: the ways to the other pages, how I am called and seen, and the way out.

use super::super::places::{along, row};
use super::super::theme::{Palette, letters, size, space};
use super::super::widgets::{Button, Weight, badge, choice, choice_width, dot_color, mirrored, tip};
use super::super::{BY_KEY, Go, Page, View, keys, lines, text};
use crate::view::{Availability, Command};
use crate::words::{say, say_with};
use eframe::egui::{Key, Modifiers, Rect, Sense, Ui, UiBuilder, WidgetInfo, accesskit::Role, pos2, vec2};

/// Who I am and where else one can go. What is quiet hangs over the edges by `hang`, so that its words begin and end
/// where the rest does.
pub(super) fn head_ui(
    ui: &mut Ui,
    view: &View<'_>,
    hang: f32,
    go: &mut Option<Go>,
    commands: &mut Vec<Command>,
) {
    let pages = pages(view.snapshot.history.missed);
    let gap = ui.spacing().item_spacing.x;
    let wide = pages.iter().map(|page| page.look().width(ui) + gap).sum::<f32>() - gap;
    let heading = lines::line(ui, say("hall"), letters::HEADING, Palette::of(ui).ink).size().x;
    let in_line = heading + space::L + wide - hang <= ui.available_width();
    let (line, _) = ui.allocate_exact_size(vec2(ui.available_width(), size::CONTROL), Sense::hover());
    let part = |ui: &mut Ui, from: f32, contents: &mut dyn FnMut(&mut Ui)| {
        let place = Rect::from_min_max(pos2(from, line.top()), line.max + vec2(hang, 0.0));
        // A child on its own: what hangs over the edge does not widen the column.
        contents(&mut ui.new_child(UiBuilder::new().max_rect(mirrored(place, line)).layout(along())));
    };
    part(ui, line.left(), &mut |ui| {
        lines::heading(ui, say("hall"));
    });
    let modest = |words| Button { words, name: words, weight: Weight::Quiet, min: vec2(0.0, size::CONTROL) };
    let out = modest(say("hall-log-out"));
    if in_line {
        part(ui, line.right() + hang - wide, &mut |ui| pages_ui(ui, &pages, go));
        me_ui(ui, view, Some((out, hang)), commands);
        return;
    }
    part(ui, line.right() + hang - out.width(ui), &mut |ui| {
        if out.show(ui).clicked() {
            commands.push(Command::LogOut);
        }
    });
    if wide - 2.0 * hang > line.width() {
        row(ui, |ui| pages_ui(ui, &pages, go));
    } else {
        let (line, _) = ui.allocate_exact_size(line.size(), Sense::hover());
        let place = Rect::from_min_size(line.min - vec2(hang, 0.0), vec2(wide, line.height()));
        let builder = UiBuilder::new().max_rect(mirrored(place, line)).layout(along());
        pages_ui(&mut ui.new_child(builder), &pages, go);
    }
    me_ui(ui, view, None, commands);
}

/// A way to a page.
struct PageWay {
    words: &'static str,
    /// What a screen reader says.
    name: String,
    page: Page,
    keys: (Modifiers, Key),
    missed: u32,
}

impl PageWay {
    fn look(&self) -> Button<'_> {
        let min = vec2(0.0, size::CONTROL);
        Button { words: self.words, name: &self.name, weight: Weight::Quiet, min }
    }
}

fn pages(missed: u32) -> [PageWay; 4] {
    BY_KEY.map(|(page, modifiers, key)| {
        let words = page.name();
        let missed = if page == Page::History { missed } else { 0 };
        let name = match missed {
            0 => words.to_owned(),
            missed => say_with("history-missed", &[("count", missed.into())]),
        };
        PageWay { words, name, page, keys: (modifiers, key), missed }
    })
}

fn pages_ui(ui: &mut Ui, pages: &[PageWay], go: &mut Option<Go>) {
    for way in pages {
        let response = way.look().show(ui);
        if way.missed > 0 {
            badge(ui, response.rect, way.missed);
        }
        let (modifiers, key) = way.keys;
        let response = tip(response, &text::with_key(way.words, &keys::name(modifiers, key)));
        if response.clicked() {
            *go = Some(Go::Page(way.page));
        }
    }
}

/// How I am called and seen, and, where there is room for it, the way out at the other end.
fn me_ui(ui: &mut Ui, view: &View<'_>, out: Option<(Button<'_>, f32)>, commands: &mut Vec<Command>) {
    let Some(me) = &view.snapshot.me else { return };
    let palette = Palette::of(ui);
    let wanted = [Availability::Available, Availability::DoNotDisturb, Availability::Invisible];
    let gap = ui.spacing().item_spacing.x;
    let shown_as = lines::line(ui, say("hall-shown-as"), letters::SMALL, palette.soft).size().x + gap;
    let choices = wanted.map(|wanted| choice_width(ui, text::availability(wanted), true) + gap);
    let leave = out.map_or(0.0, |(out, hang)| out.width(ui) - hang + gap);
    let room = ui.available_width() - shown_as - choices.iter().sum::<f32>() - leave - gap;
    // Where it is not enough for a name the choices go on in the next line.
    let room = if room < size::AVATAR { ui.available_width() / 2.0 } else { room };
    let line = row(ui, |ui| {
        let galley = lines::cut(ui, &me.display_name, letters::BODY, palette.ink, room);
        let (rect, response) = ui.allocate_exact_size(galley.size(), Sense::hover());
        ui.painter().galley(rect.min, galley, palette.ink);
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &me.display_name));
        lines::small(ui, say("hall-shown-as"));
        for wanted in wanted {
            let dot = dot_color(palette, wanted);
            if choice(ui, text::availability(wanted), Some(dot), me.availability == wanted) {
                commands.push(Command::SetAvailability(wanted));
            }
        }
        ui.max_rect()
    });
    let Some((out, hang)) = out else { return };
    let size = vec2(out.width(ui), size::CONTROL_SMALL);
    let place = Rect::from_min_size(pos2(line.right() + hang - size.x, line.top()), size);
    let mut inner = ui.new_child(UiBuilder::new().max_rect(mirrored(place, line)));
    if (Button { min: size, ..out }).show(&mut inner).clicked() {
        commands.push(Command::LogOut);
    }
}

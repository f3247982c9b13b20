//! The head of the hall: the ways to the other pages, how I am called and seen, and the ways out.

use super::super::places::{along, row};
use super::super::theme::{Palette, letters, size, space};
use super::super::widgets::{Button, Weight, badge, choice, choice_width, dot_color, mirrored, tip};
use super::super::{BY_KEY, Go, Page, View, lines, text};
use crate::view::{Availability, Command};
use crate::words::{say, say_with};
use eframe::egui::{Rect, Sense, Ui, UiBuilder, WidgetInfo, accesskit::Role, pos2, vec2};

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
    let out = WaysOut::new(view.snapshot.remembered, hang);
    let me = size::AVATAR + beside_name(ui) + out.width(ui) - hang + gap;
    let in_line = me.max(heading + space::L + wide - hang) <= ui.available_width();
    let (line, _) = ui.allocate_exact_size(vec2(ui.available_width(), size::CONTROL), Sense::hover());
    let part = |ui: &mut Ui, from: f32, contents: &mut dyn FnMut(&mut Ui)| {
        let place = Rect::from_min_max(pos2(from, line.top()), line.max + vec2(hang, 0.0));
        // A child on its own: what hangs over the edge does not widen the column.
        contents(&mut ui.new_child(UiBuilder::new().max_rect(mirrored(place, line)).layout(along())));
    };
    part(ui, line.left(), &mut |ui| {
        lines::heading(ui, say("hall"));
    });
    if in_line {
        part(ui, line.right() + hang - wide, &mut |ui| pages_ui(ui, &pages, go));
        me_ui(ui, view, Some(out), commands);
        return;
    }
    part(ui, line.right() + hang - out.width(ui), &mut |ui| out.show(ui, size::CONTROL, commands));
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
    missed: u32,
}

impl PageWay {
    fn look(&self) -> Button<'_> {
        let min = vec2(0.0, size::CONTROL);
        Button { words: self.words, name: &self.name, weight: Weight::Quiet, min }
    }
}

fn pages(missed: u32) -> [PageWay; 4] {
    BY_KEY.map(|(page, ..)| {
        let words = page.name();
        let missed = if page == Page::History { missed } else { 0 };
        let name = match missed {
            0 => words.to_owned(),
            missed => say_with("history-missed", &[("count", missed.into())]),
        };
        PageWay { words, name, page, missed }
    })
}

fn pages_ui(ui: &mut Ui, pages: &[PageWay], go: &mut Option<Go>) {
    for way in pages {
        let response = way.look().show(ui);
        if way.missed > 0 {
            badge(ui, response.rect, way.missed);
        }
        if response.clicked() {
            *go = Some(Go::Page(way.page));
        }
    }
}

/// The ways out: to another server, where the login stays, and for good.
struct WaysOut {
    ways: Vec<(&'static str, Command)>,
    hang: f32,
}

impl WaysOut {
    fn new(remembered: bool, hang: f32) -> Self {
        let another = remembered.then(|| (say("hall-another-server"), Command::LeaveHall));
        let ways = another.into_iter().chain([(say("hall-log-out"), Command::LogOut)]).collect();
        Self { ways, hang }
    }

    fn look(words: &str, height: f32) -> Button<'_> {
        Button { words, name: words, weight: Weight::Quiet, min: vec2(0.0, height) }
    }

    fn width(&self, ui: &Ui) -> f32 {
        let gap = ui.spacing().item_spacing.x;
        self.ways.iter().map(|(words, _)| Self::look(words, 0.0).width(ui) + gap).sum::<f32>() - gap
    }

    fn show(&self, ui: &mut Ui, height: f32, commands: &mut Vec<Command>) {
        for (words, command) in &self.ways {
            let mut way = Self::look(words, height).show(ui);
            if *command == Command::LeaveHall {
                way = tip(way, say("hall-another-server-tip"));
            }
            commands.extend(way.clicked().then(|| command.clone()));
        }
    }
}

/// How I can be seen.
const SHOWN_AS: [Availability; 3] =
    [Availability::Available, Availability::DoNotDisturb, Availability::Invisible];

/// How wide that is, with what stands before it.
fn beside_name(ui: &Ui) -> f32 {
    let gap = ui.spacing().item_spacing.x;
    let before = lines::line(ui, say("hall-shown-as"), letters::SMALL, Palette::of(ui).soft).size().x;
    let choices = SHOWN_AS.map(|wanted| choice_width(ui, text::availability(wanted), true) + gap);
    before + gap + choices.iter().sum::<f32>() + gap
}

/// How I am called and seen, and, where there is room for them, the ways out at the other end.
fn me_ui(ui: &mut Ui, view: &View<'_>, out: Option<WaysOut>, commands: &mut Vec<Command>) {
    let Some(me) = &view.snapshot.me else { return };
    let palette = Palette::of(ui);
    let leave = out.as_ref().map_or(0.0, |out| out.width(ui) - out.hang + ui.spacing().item_spacing.x);
    let room = ui.available_width() - beside_name(ui) - leave;
    // Where it is not enough for a name the choices go on in the next line.
    let room = if room < size::AVATAR { ui.available_width() / 2.0 } else { room };
    let line = row(ui, |ui| {
        let galley = lines::cut(ui, &me.display_name, letters::BODY, palette.ink, room);
        let (rect, response) = ui.allocate_exact_size(galley.size(), Sense::hover());
        ui.painter().galley(rect.min, galley, palette.ink);
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &me.display_name));
        lines::small(ui, say("hall-shown-as"));
        for wanted in SHOWN_AS {
            let dot = dot_color(palette, wanted);
            if choice(ui, text::availability(wanted), Some(dot), me.availability == wanted) {
                commands.push(Command::SetAvailability(wanted));
            }
        }
        ui.max_rect()
    });
    let Some(out) = out else { return };
    let size = vec2(out.width(ui), size::CONTROL_SMALL);
    let place = Rect::from_min_size(pos2(line.right() + out.hang - size.x, line.top()), size);
    let builder = UiBuilder::new().max_rect(mirrored(place, line)).layout(along());
    out.show(&mut ui.new_child(builder), size.y, commands);
}

//! What a person should read wherever they are: notices, device faults, and that the connection is being mended.
//!
//! On a page it lies at its foot, so that nothing above moves when it comes or goes; over a call it lies above the face.
//! How high it is is known before anything is drawn, and never so high that what is to be pressed lies below it.

mod pages;

use super::View;
use super::icons::Icon;
use super::lines;
use super::places::{against, begin};
use super::theme::{Palette, letters, share, size, space};
use super::widgets::{Button, Weight, mirrored, sign_button};
use crate::view::{Command, Connection, DeviceKind, Severity};
use crate::words::{say, say_with};
use eframe::egui::{
    Color32, CornerRadius, Galley, Id, Rect, ScrollArea, Sense, Ui, UiBuilder, Vec2, WidgetInfo,
    accesskit::{Live, Role},
    pos2, vec2,
};
use pages::{Leafed, ROUNDED, pages};
use std::sync::Arc;

/// One line to read.
#[derive(Clone)]
struct Line {
    severity: Severity,
    words: String,
    away: Option<Away>,
    /// The notice offers something.
    offers: Option<u64>,
}

/// How a line is put away.
#[derive(Clone, Copy)]
enum Away {
    Dismiss(u64),
    Take(u64),
    Overloaded,
}

impl Line {
    /// What stands for as long as it is so.
    fn standing(words: String) -> Self {
        Self { severity: Severity::Error, words, away: None, offers: None }
    }

    /// Its own among those beside it, for as long as it stands.
    fn key(&self) -> Id {
        match self.away {
            Some(Away::Dismiss(id) | Away::Take(id)) => Id::unique(("notice", id)),
            Some(Away::Overloaded) => Id::unique("notice of too much"),
            None => Id::unique(("standing notice", &self.words)),
        }
    }

    /// What a person may want to send on: where a file is, the number of a certificate.
    fn can_be_copied(&self) -> bool {
        matches!(self.away, Some(Away::Dismiss(_)))
    }

    fn colors(&self, palette: &Palette) -> (Color32, Color32) {
        match self.severity {
            Severity::Error => (palette.error_ground, palette.error_ink),
            Severity::Info => (palette.info_ground, palette.info_ink),
        }
    }
}

/// All of them, what is grave before what is good to know, and the newest first. `faults`: what is wrong with devices is not
/// told by the page itself.
fn lines(view: &View<'_>, (faults, overloaded): (bool, bool)) -> Vec<Line> {
    let snapshot = view.snapshot;
    let mut lines = Vec::new();
    if matches!(snapshot.connection, Connection::Reconnecting { .. }) {
        lines.push(Line::standing(say("notices-reconnecting").into()));
    }
    if overloaded {
        let words = say("notices-overloaded").into();
        lines.push(Line { away: Some(Away::Overloaded), ..Line::standing(words) });
    }
    let devices = &snapshot.devices;
    let kinds = [
        (DeviceKind::Camera, &devices.camera_fault),
        (DeviceKind::Mic, &devices.mic_fault),
        (DeviceKind::Speaker, &devices.speaker_fault),
    ];
    for (kind, fault) in kinds {
        let told = snapshot.notices.iter().any(|notice| notice.gone == Some(kind));
        lines.extend(fault.clone().filter(|_| faults && !told).map(Line::standing));
    }
    for grave in [true, false] {
        let newest = snapshot.notices.iter().rev();
        let these = newest.filter(|notice| (notice.severity == Severity::Error) == grave);
        lines.extend(these.map(|notice| Line {
            severity: notice.severity,
            words: notice.text.clone(),
            away: Some(Away::Dismiss(notice.id)),
            offers: notice.offer.as_ref().map(|_| notice.id),
        }));
    }
    lines
}

/// A line, and what it takes.
struct Strip {
    line: Line,
    words: Arc<Galley>,
    height: f32,
}

impl Strip {
    fn new(ui: &Ui, line: Line, width: f32) -> Self {
        let ink = line.colors(Palette::of(ui)).1;
        let signs = [line.can_be_copied(), line.away.is_some()].into_iter().filter(|there| *there).count();
        let mut beside = signs as f32 * (size::CONTROL_SMALL + space::XS);
        if line.offers.is_some() {
            beside += offer(&line).width(ui) + space::S;
        }
        let room = width - 2.0 * space::M - beside;
        let words = lines::paragraph(ui, &line.words, letters::BODY, ink, room, begin());
        let least = if beside > 0.0 { size::CONTROL_SMALL } else { 0.0 };
        let height = words.size().y.max(least) + 2.0 * space::S;
        Self { line, words, height }
    }

    /// Draws it; returns whether and how it is to be put away.
    fn show(self, ui: &mut Ui, room: Rect) -> Option<Away> {
        let palette = Palette::of(ui);
        let (ground, ink) = self.line.colors(palette);
        ui.painter().rect_filled(room, CornerRadius::same(size::RADIUS), ground);
        let place =
            Rect::from_center_size(room.center(), vec2(room.width() - 2.0 * space::M, self.words.size().y));
        let said = mirrored(Rect::from_min_size(place.min, self.words.size()), place);
        ui.painter().galley(said.min - vec2(self.words.rect.left(), 0.0), self.words, ink);
        read_out(ui, said, &self.line);
        let end = Rect::from_min_max(
            pos2(room.left() + space::M, room.top() + space::S),
            pos2(room.right() - space::S, room.bottom() - space::S),
        );
        let builder = UiBuilder::new().max_rect(mirrored(end, room)).layout(against());
        ui.scope_builder(builder, |ui| {
            ui.spacing_mut().item_spacing.x = space::XS;
            let put =
                self.line.away.filter(|_| sign_button(ui, Icon::Close, say("notices-dismiss")).clicked());
            if self.line.can_be_copied() && sign_button(ui, Icon::Copy, say("copy")).clicked() {
                ui.ctx().copy_text(self.line.words.clone());
            }
            let taken = self.line.offers.filter(|_| offer(&self.line).show(ui).clicked());
            taken.map(Away::Take).or(put)
        })
        .inner
    }
}

fn offer(_: &Line) -> Button<'static> {
    let words = say("notices-use");
    Button { words, name: words, weight: Weight::Primary, min: vec2(0.0, size::CONTROL_SMALL) }
}

/// Has a line read out when it comes, also where it is not in sight.
fn read_out(ui: &Ui, place: Rect, line: &Line) {
    let told = ui.interact(place, ui.scope_id().with("words"), Sense::hover());
    told.widget_info(|| WidgetInfo::labeled(Role::Label, true, &line.words));
    ui.ctx().accesskit_node_builder(told.id, |node| node.set_live(Live::Polite));
}

/// Strips below each other, and what they take.
struct Stack {
    strips: Vec<Strip>,
    /// What is not in sight.
    hidden: Vec<Line>,
    leafed: Leafed,
    height: f32,
    /// The same whatever page is shown.
    highest: f32,
}

impl Stack {
    /// Of no more than this height: what does not fit whole is leafed to, or scrolled to where there is no room to leaf.
    fn new(ui: &Ui, lines: Vec<Line>, width: f32, most: f32) -> Self {
        let mut leafed = Leafed::among(ui, lines.iter().map(Line::key).collect());
        let mut strips: Vec<_> = lines.into_iter().map(|line| Strip::new(ui, line, width)).collect();
        let heights: Vec<_> = strips.iter().map(|strip| strip.height).collect();
        let of = |heights: &[f32]| heights.iter().map(|height| height + space::XS).sum::<f32>() - space::XS;
        let all = of(&heights).max(0.0);
        let below = space::XS + size::CONTROL_SMALL;
        if all <= most + ROUNDED || strips.len() < 2 || most < size::NOTICE_LEAST + below {
            leafed.page_of(1);
            let height = all.min(most);
            return Self { strips, hidden: Vec::new(), leafed, height, highest: height };
        }
        let pages = pages(&heights, most - below);
        let shown = pages[leafed.page_of(pages.len())].clone();
        let height = (of(&heights[shown.clone()]) + below).min(most);
        let after = strips.split_off(shown.end);
        let shown = strips.split_off(shown.start);
        let hidden = strips.into_iter().chain(after).map(|strip| strip.line).collect();
        Self { strips: shown, hidden, leafed, height, highest: most }
    }

    /// Draws them into `room`, and below them the way to what is not in sight.
    fn show(self, ui: &mut Ui, room: Rect, overloaded: &mut bool, commands: &mut Vec<Command>) {
        // An id of its own: what comes and goes on the screen does not take the keyboard away.
        let builder = UiBuilder::new().max_rect(room).scope_id(Id::unique("notices"));
        ui.scope_builder(builder, |ui| {
            ui.set_clip_rect(room.expand(size::FOCUS).intersect(ui.clip_rect()));
            let mut strips = room;
            let mut leafed = self.leafed;
            if !self.hidden.is_empty() {
                let line = room.with_min_y(room.bottom() - size::CONTROL_SMALL);
                strips.max.y = line.top() - space::XS;
                if more_ui(ui, line, &self.hidden) {
                    leafed.on();
                    ui.ctx().request_repaint();
                }
            }
            leafed.keep(ui);
            strips_ui(ui, strips, self.strips, overloaded, commands);
        });
    }
}

/// The way to the lines that are not in sight. Returns whether it is taken.
fn more_ui(ui: &mut Ui, place: Rect, hidden: &[Line]) -> bool {
    for line in hidden {
        let builder = UiBuilder::new().max_rect(place).scope_id(line.key());
        ui.scope_builder(builder, |ui| {
            read_out(ui, Rect::from_center_size(place.center(), Vec2::ZERO), line);
        });
    }
    let words = say_with("notices-more", &[("count", hidden.len().into())]);
    let builder = UiBuilder::new().max_rect(place).scope_id(Id::unique("more notices"));
    let button = Button { words: &words, name: &words, weight: Weight::Secondary, min: place.size() };
    ui.scope_builder(builder, |ui| button.show(ui).clicked()).inner
}

/// Draws strips from the top of `room` on. One that is higher than all of it is scrolled.
fn strips_ui(
    ui: &mut Ui,
    room: Rect,
    strips: Vec<Strip>,
    overloaded: &mut bool,
    commands: &mut Vec<Command>,
) {
    let builder = UiBuilder::new().max_rect(room).scope_id(Id::unique("strips of notices"));
    ui.scope_builder(builder, |ui| {
        ui.set_clip_rect(room.expand(size::FOCUS).intersect(ui.clip_rect()));
        // Lists would fade into the ground of a page, which is not what lies here.
        ui.spacing_mut().scroll.fade.strength = 0.0;
        ScrollArea::vertical().auto_shrink(false).max_height(room.height()).show(ui, |ui| {
            let gaps = space::XS * strips.len().saturating_sub(1) as f32;
            let height = strips.iter().map(|strip| strip.height).sum::<f32>() + gaps;
            let (whole, _) = ui.allocate_exact_size(vec2(room.width(), height), Sense::hover());
            let mut top = whole.top();
            for strip in strips {
                let room = Rect::from_min_size(pos2(whole.left(), top), vec2(whole.width(), strip.height));
                top = room.bottom() + space::XS;
                let builder = UiBuilder::new().max_rect(room).scope_id(strip.line.key());
                match ui.scope_builder(builder, |ui| strip.show(ui, room)).inner {
                    Some(Away::Dismiss(id)) => commands.push(Command::Dismiss(id)),
                    Some(Away::Take(id)) => commands.push(Command::TakeOffer(id)),
                    Some(Away::Overloaded) => *overloaded = false,
                    None => {}
                }
            }
        });
    });
}

/// Draws them at the foot of a page; returns what is left of `page` above them. `faults`: the page does not tell itself
/// what is wrong with devices.
pub fn notices_ui(
    ui: &mut Ui,
    view: &View<'_>,
    page: Rect,
    faults: bool,
    overloaded: &mut bool,
    commands: &mut Vec<Command>,
) -> Rect {
    let lines = lines(view, (faults, *overloaded));
    if lines.is_empty() {
        return page;
    }
    let width = size::LIST.min(page.width() - 2.0 * space::M);
    let stack = Stack::new(ui, lines, width, page.height() * share::NOTICES);
    let corner = pos2(page.center().x - width / 2.0, page.bottom() - stack.height);
    let room = Rect::from_min_size(corner, vec2(width, stack.height));
    stack.show(ui, room, overloaded, commands);
    page.with_max_y(corner.y - space::S)
}

/// What lies over a call. None of it, mostly.
pub struct Floating {
    lines: Vec<Line>,
}

impl Floating {
    /// All there is to tell.
    pub fn new(view: &View<'_>, overloaded: bool) -> Self {
        Self { lines: lines(view, (true, overloaded)) }
    }

    /// What it takes of `room`: a part of its height at most, and none if there is nothing to tell.
    pub fn size(&self, ui: &Ui, room: Rect) -> Vec2 {
        let width = Self::width(room);
        let stack = Stack::new(ui, self.lines.clone(), width, room.height() * share::NOTICES);
        vec2(width, stack.highest)
    }

    fn width(room: Rect) -> f32 {
        size::NOTICE.min(room.width() - 2.0 * space::M)
    }

    /// Draws it from the top of `room` on, and within it.
    pub fn show(self, ui: &mut Ui, room: Rect, overloaded: &mut bool, commands: &mut Vec<Command>) {
        if self.lines.is_empty() {
            return;
        }
        let width = Self::width(room);
        let most = (ui.max_rect().height() * share::NOTICES).min(room.height());
        let stack = Stack::new(ui, self.lines, width, most);
        let corner = pos2(room.center().x - width / 2.0, room.top());
        let place = Rect::from_min_size(corner, vec2(width, stack.height));
        stack.show(ui, place, overloaded, commands);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{tests::without_pictures, video::Tile};
    use super::*;
    use crate::view::{Devices, Notice, Snapshot};
    use DeviceKind::{Camera, Mic, Speaker};

    /// What there is to read, from the top, where something is wrong with a device of each kind.
    fn told(notices: Vec<Notice>, faults: bool) -> Vec<String> {
        let [camera_fault, mic_fault, speaker_fault] =
            ["camera", "mic", "speaker"].map(|fault| Some(fault.to_owned()));
        let devices = Devices { camera_fault, mic_fault, speaker_fault, ..Devices::default() };
        let snapshot = Snapshot { notices, devices, ..Snapshot::default() };
        let lines = lines(&without_pictures(&snapshot, &Tile::empty()), (faults, false));
        lines.into_iter().map(|line| line.words).collect()
    }

    fn of_loss(gone: Option<DeviceKind>) -> Vec<Notice> {
        vec![Notice { id: 1, severity: Severity::Error, text: "gone".into(), offer: None, gone }]
    }

    #[test]
    fn the_loss_of_the_last_device_of_a_kind_stands_for_its_fault_until_it_is_put_away() {
        assert_eq!(told(of_loss(Some(Camera)), true), ["mic", "speaker", "gone"]);
        assert_eq!(told(of_loss(Some(Mic)), true), ["camera", "speaker", "gone"]);
        assert_eq!(told(of_loss(Some(Speaker)), true), ["camera", "mic", "gone"]);
        assert_eq!(told(of_loss(None), true), ["camera", "mic", "speaker", "gone"], "another one serves");
        assert_eq!(told(Vec::new(), true), ["camera", "mic", "speaker"]);
        assert_eq!(told(of_loss(Some(Mic)), false), ["gone"], "the page tells the faults itself");
    }

    #[test]
    fn what_is_grave_stands_before_what_is_good_to_know_and_the_newest_first() {
        let notices = [Severity::Info, Severity::Error, Severity::Info, Severity::Error];
        let of = |(id, severity): (u64, Severity)| {
            let text = format!("{severity:?} {id}");
            Notice { id, severity, text, offer: None, gone: None }
        };
        let told = told((1..).zip(notices).map(of).collect(), true);
        assert_eq!(told, ["camera", "mic", "speaker", "Error 4", "Error 2", "Info 3", "Info 1"]);
    }
}

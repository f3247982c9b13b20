//! What a person should read wherever they are: notices, device faults, and that the connection is being mended.
//!
//! On a page it lies at its foot, so that nothing above moves when it comes or goes; over a call it lies above the face.
//! How high it is is known before anything is drawn, and never so high that what is to be pressed lies below it.

use super::View;
use super::icons::Icon;
use super::lines;
use super::places::{against, begin};
use super::theme::{Palette, letters, share, size, space};
use super::widgets::{Button, Weight, mirrored, sign_button};
use crate::view::{Command, Connection, DeviceKind, Severity};
use crate::words::say;
use eframe::egui::{
    Color32, CornerRadius, Galley, Id, Rect, ScrollArea, Sense, Ui, UiBuilder, WidgetInfo,
    accesskit::{Live, Role},
    pos2, vec2,
};
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

/// All of them. `faults`: what is wrong with devices is not told by the page itself.
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
    lines.extend(snapshot.notices.iter().map(|notice| Line {
        severity: notice.severity,
        words: notice.text.clone(),
        away: Some(Away::Dismiss(notice.id)),
        offers: notice.offer.as_ref().map(|_| notice.id),
    }));
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
        let told = ui.interact(said, ui.scope_id().with("words"), Sense::hover());
        told.widget_info(|| WidgetInfo::labeled(Role::Label, true, &self.line.words));
        ui.ctx().accesskit_node_builder(told.id, |node| node.set_live(Live::Polite));
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

/// Strips below each other, and what they take.
struct Stack {
    strips: Vec<Strip>,
    height: f32,
}

impl Stack {
    fn new(ui: &Ui, lines: Vec<Line>, width: f32) -> Self {
        let strips: Vec<_> = lines.into_iter().map(|line| Strip::new(ui, line, width)).collect();
        let gaps = space::XS * strips.len().saturating_sub(1) as f32;
        let height = strips.iter().map(|strip| strip.height).sum::<f32>() + gaps;
        Self { strips, height }
    }

    /// Draws as much as `room` holds; the rest is scrolled to.
    fn show(self, ui: &mut Ui, room: Rect, overloaded: &mut bool, commands: &mut Vec<Command>) {
        // An id of its own: what comes and goes on the screen does not take the keyboard away.
        let builder = UiBuilder::new().max_rect(room).scope_id(Id::unique("notices"));
        ui.scope_builder(builder, |ui| {
            ui.set_clip_rect(room.expand(size::FOCUS).intersect(ui.clip_rect()));
            // Lists would fade into the ground of a page, which is not what lies here.
            ui.spacing_mut().scroll.fade.strength = 0.0;
            ScrollArea::vertical().auto_shrink(false).max_height(room.height()).show(ui, |ui| {
                let (whole, _) = ui.allocate_exact_size(vec2(room.width(), self.height), Sense::hover());
                let mut top = whole.top();
                for strip in self.strips {
                    let room =
                        Rect::from_min_size(pos2(whole.left(), top), vec2(whole.width(), strip.height));
                    top = room.bottom() + space::XS;
                    let key = match strip.line.away {
                        Some(Away::Dismiss(id) | Away::Take(id)) => Id::unique(("notice", id)),
                        Some(Away::Overloaded) => Id::unique("notice of too much"),
                        None => Id::unique(("standing notice", &strip.line.words)),
                    };
                    let builder = UiBuilder::new().max_rect(room).scope_id(key);
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
    let stack = Stack::new(ui, lines, width);
    let height = stack.height.min(page.height() * share::NOTICES);
    let corner = pos2(page.center().x - width / 2.0, page.bottom() - height);
    stack.show(ui, Rect::from_min_size(corner, vec2(width, height)), overloaded, commands);
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

    /// What it takes of `room`: a part of it at most, and nothing if there is nothing to tell.
    pub fn height(&self, ui: &Ui, room: Rect) -> f32 {
        let height = Stack::new(ui, self.lines.clone(), Self::width(room)).height;
        height.min(room.height() * share::NOTICES)
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
        let stack = Stack::new(ui, self.lines, width);
        let height = stack.height.min(ui.max_rect().height() * share::NOTICES).min(room.height());
        let corner = pos2(room.center().x - width / 2.0, room.top());
        stack.show(ui, Rect::from_min_size(corner, vec2(width, height)), overloaded, commands);
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
        assert_eq!(told(of_loss(Some(Camera)), true), ["gone", "mic", "speaker"]);
        assert_eq!(told(of_loss(Some(Mic)), true), ["gone", "camera", "speaker"]);
        assert_eq!(told(of_loss(Some(Speaker)), true), ["gone", "camera", "mic"]);
        assert_eq!(told(of_loss(None), true), ["gone", "camera", "mic", "speaker"], "another one serves");
        assert_eq!(told(Vec::new(), true), ["camera", "mic", "speaker"]);
        assert_eq!(told(of_loss(Some(Mic)), false), ["gone"], "the page tells the faults itself");
    }
}

//! What a person should read wherever they are: notices, device faults, and that the connection is being mended.

use super::View;
use super::lines;
use super::places::{column, down, strip};
use super::theme::{Palette, letters, share, size, space};
use super::widgets::{Button, Weight};
use crate::view::{Command, Connection, Severity};
use crate::words::{right_to_left, say};
use eframe::egui::{self, Align, Layout, ScrollArea, Ui, accesskit::Live, vec2};

/// One line to read.
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

fn lines(view: &View<'_>, overloaded: bool) -> Vec<Line> {
    let mut lines = Vec::new();
    let standing = |severity, words: String| Line { severity, words, away: None, offers: None };
    if matches!(view.snapshot.connection, Connection::Reconnecting { .. }) {
        lines.push(standing(Severity::Error, say("notices-reconnecting").into()));
    }
    if overloaded {
        let words = say("notices-overloaded").into();
        lines.push(Line { severity: Severity::Error, words, away: Some(Away::Overloaded), offers: None });
    }
    lines.extend(view.snapshot.notices.iter().map(|notice| Line {
        severity: notice.severity,
        words: notice.text.clone(),
        away: Some(Away::Dismiss(notice.id)),
        offers: notice.offer.as_ref().map(|_| notice.id),
    }));
    let devices = &view.snapshot.devices;
    let faults = [&devices.camera_fault, &devices.mic_fault, &devices.speaker_fault];
    lines.extend(faults.into_iter().flatten().cloned().map(|fault| standing(Severity::Error, fault)));
    lines
}

/// Draws them at the top of a page, in its flow.
pub fn notices_ui(ui: &mut Ui, view: &View<'_>, overloaded: &mut bool, commands: &mut Vec<Command>) {
    let lines = lines(view, *overloaded);
    if lines.is_empty() {
        return;
    }
    let most = ui.available_height() * share::NOTICES;
    column(ui, size::LIST, |ui| {
        ScrollArea::vertical().max_height(most).show(ui, |ui| {
            ui.with_layout(down(), |ui| list_ui(ui, lines, overloaded, commands));
        });
    });
    ui.add_space(space::S);
}

/// Draws them over a call, below its title.
pub fn floating_ui(ui: &mut Ui, view: &View<'_>, overloaded: &mut bool, commands: &mut Vec<Command>) {
    let lines = lines(view, *overloaded);
    if lines.is_empty() {
        return;
    }
    let room = ui.max_rect();
    let width = (room.width() - 2.0 * space::M).min(size::NOTICE);
    let top = room.top() + size::CONTROL + 2.0 * space::M;
    egui::Area::new(egui::Id::unique("notices over a call"))
        .fixed_pos(egui::pos2(room.center().x - width / 2.0, top))
        .order(egui::Order::Foreground)
        .show(ui.ctx(), |ui| {
            ui.set_width(width);
            list_ui(ui, lines, overloaded, commands);
        });
}

fn list_ui(ui: &mut Ui, lines: Vec<Line>, overloaded: &mut bool, commands: &mut Vec<Command>) {
    for line in lines {
        match line_ui(ui, &line) {
            Some(Away::Dismiss(id)) => commands.push(Command::Dismiss(id)),
            Some(Away::Take(id)) => commands.push(Command::TakeOffer(id)),
            Some(Away::Overloaded) => *overloaded = false,
            None => {}
        }
    }
}

fn line_ui(ui: &mut Ui, line: &Line) -> Option<Away> {
    let palette = Palette::of(ui);
    let (ground, ink) = match line.severity {
        Severity::Error => (palette.error_ground, palette.error_ink),
        Severity::Info => (palette.info_ground, palette.info_ink),
    };
    strip(ui, ground, |ui| {
        let against = if right_to_left() {
            Layout::left_to_right(Align::Min)
        } else {
            Layout::right_to_left(Align::Min)
        };
        ui.with_layout(against, |ui| {
            let pressed = line.away.filter(|_| {
                let words = say("notices-dismiss");
                let min = vec2(0.0, size::CONTROL_SMALL);
                Button { words, name: words, weight: Weight::Secondary, min }.show(ui).clicked()
            });
            let taken = line.offers.filter(|_| {
                let words = say("notices-use");
                let min = vec2(0.0, size::CONTROL_SMALL);
                Button { words, name: words, weight: Weight::Primary, min }.show(ui).clicked()
            });
            ui.with_layout(down(), |ui| {
                ui.add_space(space::XS);
                let told = lines::text(ui, &line.words, letters::BODY, ink);
                ui.ctx().accesskit_node_builder(told.id, |node| node.set_live(Live::Polite));
            });
            taken.map(Away::Take).or(pressed)
        })
        .inner
    })
}

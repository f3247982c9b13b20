//! What is done about a guest who is no pleasure: reporting them to the host, and blocking them.

use super::Subject;
use super::fields::{paragraph_edit, switch};
use super::lines;
use super::places::{dialog, row};
use super::text;
use super::theme::{letters, size, space};
use super::widgets::{Weight, button, radio};
use crate::view::{Command, ReportReason};
use crate::words::{say, say_with};
use eframe::egui::{self, Id, Ui};

/// Longest explanation, in characters.
const LONGEST: usize = 500;

const REASONS: [ReportReason; 7] = [
    ReportReason::Harassment,
    ReportReason::Sexual,
    ReportReason::Violence,
    ReportReason::Spam,
    ReportReason::Impersonation,
    ReportReason::Underage,
    ReportReason::Other,
];

/// A report that is being written.
#[derive(Debug)]
pub struct Draft {
    subject: Subject,
    reason: Option<ReportReason>,
    words: String,
    block: bool,
}

impl Draft {
    /// Of this guest.
    pub fn new(subject: Subject) -> Self {
        Self { subject, reason: None, words: String::new(), block: false }
    }
}

/// Draws the report; returns whether it is to be put away.
pub fn report_ui(ctx: &egui::Context, draft: &mut Draft, commands: &mut Vec<Command>) -> bool {
    let mut done = false;
    let name = draft.subject.name.clone();
    let away = dialog(ctx, &say_with("report-title", &[("name", name.into())]), |ui| {
        lines::soft(ui, say("report-explained"));
        for reason in REASONS {
            if radio(ui, text::report_reason(reason), draft.reason == Some(reason)) {
                draft.reason = Some(reason);
            }
        }
        ui.add_space(space::XS);
        paragraph_edit(ui, Id::unique("report words"), say("report-words"), &mut draft.words, LONGEST);
        switch(ui, say("report-block-too"), &mut draft.block);
        ui.add_space(space::S);
        row(ui, |ui| {
            let send = |ui: &mut Ui| button(ui, say("report-send"), Weight::Primary).clicked();
            let sent = ui.add_enabled_ui(draft.reason.is_some(), send).inner;
            if let Some(reason) = draft.reason.filter(|_| sent) {
                let Draft { subject, words, block, .. } = draft;
                commands.push(Command::Report {
                    guest: subject.guest,
                    call: subject.call,
                    reason,
                    words: words.trim().to_owned(),
                });
                commands.extend(block.then_some(Command::Block(subject.guest)));
                done = true;
            }
            done |= button(ui, say("cancel"), Weight::Secondary).clicked();
        });
    });
    done || away
}

/// Asks whether to block a guest; returns whether it is to be put away.
pub fn block_ui(ctx: &egui::Context, subject: &Subject, commands: &mut Vec<Command>) -> bool {
    let mut done = false;
    let name = subject.name.as_str();
    let away = dialog(ctx, &say_with("block-title", &[("name", name.into())]), |ui| {
        explained(ui, say("block-explained"));
        row(ui, |ui| {
            if button(ui, say("block-do"), Weight::Danger).clicked() {
                commands.push(Command::Block(subject.guest));
                done = true;
            }
            done |= button(ui, say("cancel"), Weight::Secondary).clicked();
        });
    });
    done || away
}

/// Asks before the window closes in a call; returns whether to stay.
pub fn quit_ui(ctx: &egui::Context, peer: &str, leaves: &mut bool) -> bool {
    let mut stays = false;
    let away = dialog(ctx, &say_with("quit-title", &[("peer", peer.into())]), |ui| {
        explained(ui, say("quit-explained"));
        row(ui, |ui| {
            *leaves |= button(ui, say("quit-do"), Weight::Danger).clicked();
            stays |= button(ui, say("quit-stay"), Weight::Secondary).clicked();
        });
    });
    stays || away
}

fn explained(ui: &mut Ui, words: &str) {
    ui.set_max_width(size::DIALOG);
    lines::text(ui, words, letters::BODY, super::theme::Palette::of(ui).soft);
    ui.add_space(space::S);
}

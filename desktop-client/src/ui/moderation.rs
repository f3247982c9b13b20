//! What is done about a guest who is no pleasure: reporting them to the host, and blocking them.

use super::Subject;
use super::fields::{paragraph_edit, switch};
use super::lines;
use super::places::{dialog, row};
use super::text;
use super::theme::{Palette, letters, size, space};
use super::widgets::{Weight, button, radio};
use crate::view::{Act, Command, Me, ReportReason, Reports, Snapshot};
use crate::words::{say, say_with};
use castle::ids::GuestId;
use eframe::egui::{self, Id, Ui, accesskit::Live};

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
    /// Who writes it.
    by: Option<GuestId>,
    reason: Option<ReportReason>,
    words: String,
    block: bool,
    /// On its way, and what had become of others when it was sent.
    sent: Option<Reports>,
    /// The last try got nowhere.
    lost: bool,
}

impl Draft {
    /// Of this guest, by this one.
    pub fn new(subject: Subject, by: Option<GuestId>) -> Self {
        Self { subject, by, reason: None, words: String::new(), block: false, sent: None, lost: false }
    }

    /// Whether it is for whoever is logged in.
    pub fn is_by(&self, me: Option<&Me>) -> bool {
        self.by == me.map(|me| me.guest)
    }

    /// Something would have to be written again.
    fn is_begun(&self) -> bool {
        self.reason.is_some() || !self.words.trim().is_empty()
    }

    /// The login is over. Returns whether there is something to go on with after the next one.
    pub fn login_ended(&mut self) -> bool {
        self.lost |= self.sent.take().is_some();
        self.is_begun()
    }

    fn send(&mut self, reports: Reports, commands: &mut Vec<Command>) {
        let Some(reason) = self.reason else { return };
        let (guest, call, words) = (self.subject.guest, self.subject.call, self.words.trim().to_owned());
        commands.push(Command::Report { guest, call, reason, words });
        commands.extend(self.block.then_some(Command::Block(guest)));
        (self.sent, self.lost) = (Some(reports), false);
    }

    /// What has become of it since it was sent. Returns whether the server has it; if it got nowhere it can be sent again.
    fn is_there(&mut self, snapshot: &Snapshot) -> bool {
        let (Some(before), now) = (self.sent, snapshot.account.reports) else { return false };
        if now.lost != before.lost {
            (self.sent, self.lost) = (None, true);
        }
        self.sent.is_some() && now.taken != before.taken
    }
}

/// Draws the report; returns whether it is to be put away: once the server has it, and no sooner.
pub fn report_ui(
    ctx: &egui::Context,
    draft: &mut Draft,
    snapshot: &Snapshot,
    commands: &mut Vec<Command>,
) -> bool {
    if draft.is_there(snapshot) {
        return true;
    }
    let mut done = false;
    let name = draft.subject.name.clone();
    let away = dialog(ctx, &say_with("report-title", &[("name", name.into())]), |ui| {
        ui.add_enabled_ui(draft.sent.is_none(), |ui| written_ui(ui, draft));
        ui.add_space(space::S);
        if draft.lost {
            let ink = Palette::of(ui).error_ink;
            let told = lines::text(ui, say("report-lost"), letters::BODY, ink);
            ui.ctx().accesskit_node_builder(told.id, |node| node.set_live(Live::Polite));
        }
        row(ui, |ui| {
            // What becomes of one says nothing about another: they go one after the other.
            let under_way = draft.sent.is_some() || snapshot.account.busy.contains(&Act::Report);
            let ready = draft.reason.is_some() && !under_way;
            let send = |ui: &mut Ui| button(ui, say("report-send"), Weight::Primary).clicked();
            if ui.add_enabled_ui(ready, send).inner {
                draft.send(snapshot.account.reports, commands);
            }
            done |= button(ui, say("cancel"), Weight::Secondary).clicked();
            if under_way {
                let told = lines::soft(ui, say("account-busy"));
                ui.ctx().accesskit_node_builder(told.id, |node| node.set_live(Live::Polite));
            }
        });
    });
    // What was begun is put away by its button alone, and not by a stray click or key.
    done || away && !draft.is_begun()
}

/// Why, and in which words.
fn written_ui(ui: &mut Ui, draft: &mut Draft) {
    lines::soft(ui, say("report-explained"));
    for reason in REASONS {
        if radio(ui, text::report_reason(reason), draft.reason == Some(reason)) {
            draft.reason = Some(reason);
        }
    }
    ui.add_space(space::XS);
    paragraph_edit(ui, Id::unique("report words"), say("report-words"), &mut draft.words, LONGEST);
    switch(ui, say("report-block-too"), &mut draft.block);
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
    lines::text(ui, words, letters::BODY, Palette::of(ui).soft);
    ui.add_space(space::S);
}

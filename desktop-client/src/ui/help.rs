//! Help: the check of the connection, the shortcuts, diagnostics to send to the host, and what this program is.

use super::fields::{Field, switch};
use super::lines;
use super::places::{card, ends, page};
use super::theme::{Palette, letters, size, space};
use super::widgets::{Weight, button};
use super::{Go, Page, View};
use crate::view::Command;
use crate::words::{say, say_with};
use eframe::egui::{Id, Ui};
use std::path::PathBuf;

/// What was typed.
#[derive(Debug)]
pub struct Draft {
    file: String,
    with_names: bool,
}

impl Default for Draft {
    fn default() -> Self {
        let home = std::env::home_dir().unwrap_or_default();
        let file = home.join("castle-diagnostics.txt").display().to_string();
        Self { file, with_names: false }
    }
}

/// Longest path, in characters.
const LONGEST: usize = 1024;

/// Draws the screen; returns where else one wants to go.
pub fn help_ui(ui: &mut Ui, draft: &mut Draft, view: &View<'_>, commands: &mut Vec<Command>) -> Option<Go> {
    let back = page(ui, say("help"), |ui| {
        card(ui, say("checkup"), |ui| {
            lines::soft(ui, say("help-checkup-explained"));
            if button(ui, say("checkup"), Weight::Primary).clicked() {
                commands.push(Command::CheckConnection);
            }
        });
        card(ui, say("help-shortcuts"), shortcuts_ui);
        card(ui, say("help-diagnostics"), |ui| {
            lines::soft(ui, say("help-diagnostics-explained"));
            let name = say("help-diagnostics-file");
            let field = Field { name, hint: "", hidden: false, complaint: None, longest: LONGEST };
            field.show(ui, Id::unique("diagnostics file"), &mut draft.file);
            switch(ui, say("help-diagnostics-names"), &mut draft.with_names);
            let named = !draft.file.trim().is_empty();
            let save =
                ui.add_enabled_ui(named, |ui| button(ui, say("help-diagnostics-save"), Weight::Secondary));
            if save.inner.clicked() {
                let file = PathBuf::from(draft.file.trim());
                commands.push(Command::SaveDiagnostics { file, with_names: draft.with_names });
            }
        });
        card(ui, say("about"), |ui| {
            lines::body(ui, &say_with("about-version", &[("version", env!("CARGO_PKG_VERSION").into())]));
            lines::soft(ui, say("about-explained"));
            lines::soft(ui, say("about-licence"));
            if let crate::view::Connection::Online { server } = &view.snapshot.connection {
                lines::small(ui, &say_with("about-server", &[("server", server.into())]));
            }
        });
    });
    back.then_some(Go::Page(Page::Hall))
}

/// Every key that does something, and what.
pub fn shortcuts_ui(ui: &mut Ui) {
    let keys = [
        ("Ctrl+F", say("keys-search")),
        ("Ctrl+M", say("hall-find")),
        ("Ctrl+N", say("keys-next-free")),
        ("Ctrl+Y", say("history")),
        ("Ctrl+D", say("tryout")),
        ("Ctrl+,", say("settings")),
        ("F1", say("help")),
        ("Ctrl+Enter", say("call-accept")),
        ("Ctrl+Shift+Enter", say("call-accept-without-camera")),
        ("Esc", say("keys-escape")),
        ("M", say("keys-mute")),
        ("V", say("keys-camera")),
        ("Space", say("keys-talk")),
        ("C", say("chat")),
        ("D", say("keys-share")),
        ("S", say("safety")),
        ("I", say("stats")),
        ("O", say("call-more")),
        ("Ctrl+N", say("keys-next")),
        ("F11", say("call-full-screen")),
        ("P", say("call-pip")),
        ("Ctrl+H", say("call-hang-up")),
        ("Tab", say("keys-tab")),
    ];
    for (key, does) in keys {
        ends(
            ui,
            size::KEY_ROW,
            |ui| {
                lines::body(ui, does);
            },
            |ui| {
                lines::text(ui, key, letters::BODY, Palette::of(ui).accent_ink);
            },
        );
        ui.add_space(-space::XS);
    }
    ui.add_space(size::DOT);
}

//! Servers that this person was at: one click where a key is kept, and name and server filled in where none is. Each can
//! be taken off the list.

use super::super::icons::Icon;
use super::super::lines;
use super::super::places::{card, ends};
use super::super::theme::{size, space};
use super::super::widgets::{Button, Weight, sign_button};
use super::{Aim, Draft};
use crate::view::{Command, KnownServer};
use crate::words::{say, say_with};
use eframe::egui::{Response, Ui, vec2};

/// Those where one click is enough.
pub(super) fn remembered_ui(
    ui: &mut Ui,
    draft: &mut Draft,
    servers: &[KnownServer],
    commands: &mut Vec<Command>,
) {
    let mut remembered = servers.iter().filter(|known| known.remembered).peekable();
    if remembered.peek().is_none() {
        return;
    }
    card(ui, say("login-known"), |ui| {
        for (place, known) in remembered.enumerate() {
            let KnownServer { server, name, .. } = known;
            let weight = if place == 0 { Weight::Primary } else { Weight::Secondary };
            if place > 0 {
                ui.add_space(space::S);
            }
            let words = say_with("login-continue", &[("name", name.into())]);
            let full = say_with("login-continue-at", &[("name", name.into()), ("server", server.into())]);
            let response = entry_ui(ui, known, weight, (&words, &full), commands);
            if place == 0 && !draft.started && draft.is_folded(servers) {
                draft.started = true;
                response.request_focus();
            }
            if response.clicked() {
                commands.push(Command::LogInRemembered { server: server.clone(), name: name.clone() });
            }
        }
    });
}

/// Those where the password is asked for.
pub(super) fn others_ui(
    ui: &mut Ui,
    draft: &mut Draft,
    servers: &[KnownServer],
    commands: &mut Vec<Command>,
) {
    let mut others = servers.iter().filter(|known| !known.remembered).peekable();
    if others.peek().is_none() {
        return;
    }
    ui.add_space(space::M);
    card(ui, say("login-others"), |ui| {
        for known in others {
            let KnownServer { server, name, .. } = known;
            let words = say_with("login-as", &[("name", name.into())]);
            let full = say_with("login-as-at", &[("name", name.into()), ("server", server.into())]);
            if entry_ui(ui, known, Weight::Secondary, (&words, &full), commands).clicked() {
                draft.forget_password(ui.ctx());
                draft.server.clone_from(server);
                draft.name.clone_from(name);
                (draft.aim, draft.tried, draft.failed) = (Aim::LogIn, false, false);
                // The form comes, and has the keyboard where something is missing.
                (draft.unfold, draft.folded, draft.started) = (true, false, false);
            }
        }
    });
}

/// One of them: what leads there, `words` on it and `full` for screen readers, and what takes it off the list.
fn entry_ui(
    ui: &mut Ui,
    known: &KnownServer,
    weight: Weight,
    (words, full): (&str, &str),
    commands: &mut Vec<Command>,
) -> Response {
    let KnownServer { server, name, .. } = known;
    lines::small(ui, server);
    ui.add_space(-space::XS);
    let (mut way, mut forgets) = (None, false);
    ends(
        ui,
        size::CONTROL,
        |ui| {
            let room = ui.available_width() - size::CONTROL - space::S;
            let look = Button { words, name: full, weight, min: vec2(room, size::CONTROL) };
            way = Some(look.show(ui));
        },
        |ui| {
            let words = say_with("login-forget", &[("name", name.into()), ("server", server.into())]);
            forgets = sign_button(ui, Icon::Close, &words).clicked();
        },
    );
    if forgets {
        commands.push(Command::ForgetServer { server: server.clone(), name: name.clone() });
    }
    way.expect("shown just now")
}

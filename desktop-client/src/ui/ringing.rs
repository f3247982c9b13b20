//! A call before there is a picture: I call, somebody calls me, or media is being set up.

use super::icons::Icon;
use super::theme::{STAGE, letters, size, space};
use super::widgets::{Round, avatar, round_button};
use super::{View, shortcut, text};
use crate::view::{CallView, Command, Stage};
use eframe::egui::{Id, Key, Modifiers, Rect, RichText, Ui, pos2, vec2};

/// Draws the screen.
pub fn ringing_ui(ui: &mut Ui, view: &View<'_>, call: &CallView, commands: &mut Vec<Command>) {
    let room = ui.max_rect();
    ui.painter().rect_filled(room, 0.0, STAGE.ground);
    let middle = pos2(room.center().x, room.top() + room.height() * 0.36);
    avatar(ui.painter(), middle, size::AVATAR_LARGE, &call.peer, &STAGE);
    let since = |since| text::clock(view.now.saturating_duration_since(since));
    let (status, timer) = match call.stage {
        Stage::Calling { since: start } => (text::call::RINGING, since(start)),
        Stage::Ringing { since: start } => (text::call::CALLS_YOU, since(start)),
        _ => (text::call::CONNECTING, String::new()),
    };
    let mut top = middle.y + size::AVATAR_LARGE / 2.0 + space::M;
    for (words, points, color) in [
        (call.peer.as_str(), letters::HEADING, STAGE.ink),
        (status, letters::BODY, STAGE.ink),
        (timer.as_str(), letters::BODY, STAGE.soft),
    ] {
        let height = points * 1.5;
        let line = Rect::from_min_size(pos2(room.left(), top), vec2(room.width(), height))
            .shrink2(vec2(space::M, 0.0));
        ui.put(line, eframe::egui::Label::new(RichText::new(words).size(points).color(color)).truncate());
        top += height;
    }
    buttons_ui(ui, call, commands);
}

struct Choice {
    icon: Icon,
    name: &'static str,
    key_name: &'static str,
    modifiers: Modifiers,
    key: Key,
    look: Round,
    command: Command,
}

fn buttons_ui(ui: &mut Ui, call: &CallView, commands: &mut Vec<Command>) {
    let out = |icon, name, command| Choice {
        icon,
        name,
        key_name: "Esc",
        modifiers: Modifiers::NONE,
        key: Key::Escape,
        look: Round::danger(&STAGE),
        command,
    };
    let choices = match call.stage {
        Stage::Calling { .. } => vec![out(Icon::HangUp, text::call::CANCEL, Command::Cancel)],
        Stage::Ringing { .. } => vec![
            out(Icon::HangUp, text::call::DECLINE, Command::Decline),
            Choice {
                icon: Icon::Answer,
                name: text::call::ACCEPT,
                key_name: "Ctrl+Enter",
                modifiers: Modifiers::COMMAND,
                key: Key::Enter,
                look: Round::accent(&STAGE),
                command: Command::Accept,
            },
        ],
        _ => vec![out(Icon::HangUp, text::call::HANG_UP, Command::HangUp)],
    };
    let room = ui.max_rect();
    let gap = space::XL;
    let count = choices.len() as f32;
    let wide = count * size::ROUND_CELL + (count - 1.0) * gap;
    let mut left = room.center().x - wide / 2.0;
    let top = room.bottom() - size::ROUND_CELL_H - space::XL;
    for choice in choices {
        let place = Rect::from_min_size(pos2(left, top), vec2(size::ROUND_CELL, size::ROUND_CELL_H));
        left += size::ROUND_CELL + gap;
        let response = ui
            .scope_builder(
                eframe::egui::UiBuilder::new().max_rect(place).scope_id(Id::unique(("control", choice.key))),
                |ui| round_button(ui, choice.icon, choice.name, choice.key_name, choice.look, &STAGE),
            )
            .inner;
        if response.clicked() || shortcut(ui, choice.modifiers, choice.key) {
            commands.push(choice.command);
        }
    }
}

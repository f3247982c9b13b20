//! A call before there is a picture: I call, somebody calls me, or media is being set up.

use super::icons::Icon;
use super::lines;
use super::theme::{Palette, STAGE, letters, share, size, space};
use super::widgets::{Round, avatar, mirrored, round_button};
use super::{View, keys, shortcut, text};
use crate::view::{CallView, Command, Placing, Stage};
use crate::words::say;
use eframe::egui::{
    Align, Id, Key, Modifiers, Pos2, Rect, Sense, Ui, UiBuilder, WidgetInfo,
    accesskit::{Live, Role},
    pos2, vec2,
};
use std::time::Duration;

/// Draws the screen; returns where notices cover neither words nor buttons.
pub fn ringing_ui(ui: &mut Ui, view: &View<'_>, call: &CallView, commands: &mut Vec<Command>) -> Rect {
    let room = ui.max_rect();
    ui.painter().rect_filled(room, 0.0, STAGE.ground);
    let since = |since| text::clock(view.now.saturating_duration_since(since));
    let (status, timer) = match call.stage {
        Stage::Calling { since: start } => (say("call-ringing"), since(start)),
        Stage::Ringing { since: start } => (say("call-calls-you"), since(start)),
        _ => (say("call-connecting"), String::new()),
    };
    let rings = matches!(call.stage, Stage::Ringing { .. });
    let free = words_ui(ui, Some(&call.peer), (status, &timer), rings);
    let by_key = view.snapshot.preferences.push_to_talk;
    buttons_ui(ui, call, (by_key, is_early(view, call)), commands);
    free
}

/// Whoever is at something else when a call comes in has pressed a key that was not meant for it, for so long.
const EARLY: Duration = Duration::from_millis(700);

fn is_early(view: &View<'_>, call: &CallView) -> bool {
    matches!(call.stage, Stage::Ringing { since } if view.now.saturating_duration_since(since) < EARLY)
}

/// Draws the screen of a call that the server does not know yet, as it goes on once it does; returns the same.
pub fn placing_ui(ui: &mut Ui, placing: &Placing, commands: &mut Vec<Command>) -> Rect {
    let room = ui.max_rect();
    ui.painter().rect_filled(room, 0.0, STAGE.ground);
    let free = words_ui(ui, placing.peer.as_deref(), (say("call-placing"), ""), false);
    let cancel = out(say("call-cancel"), Command::Cancel);
    let first = pos2(room.center().x - size::RING_CELL / 2.0, buttons_top(room));
    choices_ui(ui, vec![cancel], first, 0.0, &STAGE, commands);
    free
}

/// Who it is about, what happens and for how long; `rings`: somebody calls. Returns what is free above.
fn words_ui(ui: &mut Ui, peer: Option<&str>, (status, timer): (&'static str, &str), rings: bool) -> Rect {
    let room = ui.max_rect();
    let width = room.width() - 2.0 * space::M;
    let name = peer.unwrap_or(say("call-placing-next-free"));
    let words = [
        (name, letters::HEADING, STAGE.ink),
        (status, letters::BODY, STAGE.ink),
        (timer, letters::BODY, STAGE.soft),
    ];
    let galleys = words.map(|(words, points, color)| {
        if points > letters::TITLE {
            lines::cut(ui, words, points, color, width)
        } else {
            lines::paragraph(ui, words, points, color, width, Align::LEFT)
        }
    });
    // In a low window the face gives way first.
    let height = galleys.iter().map(|galley| galley.size().y + space::XS).sum::<f32>() + space::M;
    let above = Rect::from_min_max(room.min, pos2(room.right(), buttons_top(room) - space::S));
    let face = size::AVATAR_LARGE.min(above.height() - height - space::M);
    let mut top = (room.top() + room.height() * share::FACE - size::AVATAR_LARGE / 2.0)
        .min(above.bottom() - height - face.max(0.0))
        .max(above.top());
    if face >= size::AVATAR {
        if let Some(peer) = peer {
            avatar(ui, pos2(room.center().x, top + face / 2.0), face, peer, &STAGE);
        }
        top += face;
    }
    top += space::M;
    let free = room.shrink2(vec2(0.0, space::M)).with_max_y(top - space::S);
    for (place, ((words, points, color), galley)) in words.into_iter().zip(galleys).enumerate() {
        let line = Rect::from_min_size(pos2(room.center().x - galley.size().x / 2.0, top), galley.size());
        top = line.bottom() + space::XS;
        ui.painter().galley(line.min, galley, color);
        let told = ui.interact(line, Id::unique(("ringing", points as u32, color)), Sense::hover());
        if place != STATUS {
            told.widget_info(|| WidgetInfo::labeled(Role::Label, true, words));
            continue;
        }
        // Read out by itself, and so with the name.
        let (words, live) = if rings {
            (text::window_ringing(name), Live::Assertive)
        } else {
            (words.to_owned(), Live::Polite)
        };
        told.widget_info(|| WidgetInfo::labeled(Role::Label, true, &words));
        ui.ctx().accesskit_node_builder(told.id, |node| node.set_live(live));
    }
    free
}

/// Which of the lines tells what happens.
const STATUS: usize = 1;

fn buttons_top(room: Rect) -> f32 {
    room.bottom() - size::ROUND_CELL_H - space::XL.min(room.height() * share::BELOW)
}

struct Choice {
    icon: Icon,
    name: &'static str,
    modifiers: Modifiers,
    key: Key,
    look: Round,
    command: Command,
    /// Its key does nothing yet.
    deaf: bool,
}

/// Microphone and camera as whoever is called or found will find them. With the key that opens the microphone there is
/// nothing to switch about it.
fn switches((muted, camera_on): (bool, bool), by_key: bool, palette: &Palette) -> Vec<Choice> {
    let switch = |icon, name, key, off, command| Choice {
        icon,
        name,
        modifiers: Modifiers::NONE,
        key,
        look: if off { Round::lit(palette) } else { Round::plain(palette) },
        command,
        deaf: false,
    };
    let (mic, mic_name) =
        if muted { (Icon::MicOff, say("call-unmute")) } else { (Icon::Mic, say("call-mute")) };
    let (camera, camera_name) = if camera_on {
        (Icon::Camera, say("call-camera-off"))
    } else {
        (Icon::CameraOff, say("call-camera-on"))
    };
    let mic = switch(mic, mic_name, Key::M, muted, Command::SetMuted(!muted));
    let camera = switch(camera, camera_name, Key::V, !camera_on, Command::SetCamera(!camera_on));
    if by_key { vec![camera] } else { vec![mic, camera] }
}

/// The same switches in the flow of a screen.
pub(super) fn switches_ui(
    ui: &mut Ui,
    set: (bool, bool),
    by_key: bool,
    palette: &Palette,
    commands: &mut Vec<Command>,
) {
    let choices = switches(set, by_key, palette);
    let room = vec2(choices.len() as f32 * size::RING_CELL, size::ROUND_CELL_H);
    let (place, _) = ui.allocate_exact_size(room, Sense::hover());
    choices_ui(ui, choices, place.min, 0.0, palette, commands);
}

/// The way out, by a key that everybody tries.
fn out(name: &'static str, command: Command) -> Choice {
    let look = Round::danger(&STAGE);
    let (modifiers, key) = (Modifiers::NONE, Key::Escape);
    Choice { icon: Icon::HangUp, name, modifiers, key, look, command, deaf: false }
}

/// `early`: it has only just begun to ring.
fn buttons_ui(ui: &mut Ui, call: &CallView, (by_key, early): (bool, bool), commands: &mut Vec<Command>) {
    let mut before = switches((call.muted, call.camera_on), by_key, &STAGE);
    let choices = match call.stage {
        Stage::Ringing { .. } => vec![
            Choice { deaf: early, ..out(say("call-decline"), Command::Decline) },
            Choice {
                icon: Icon::CameraOff,
                name: say("call-accept-without-camera"),
                modifiers: Modifiers::COMMAND | Modifiers::SHIFT,
                key: Key::Enter,
                look: Round::plain(&STAGE),
                command: Command::AcceptWithoutCamera,
                deaf: false,
            },
            Choice {
                icon: Icon::Answer,
                name: say("call-accept"),
                modifiers: Modifiers::COMMAND,
                key: Key::Enter,
                look: Round::accent(&STAGE),
                command: Command::Accept,
                deaf: false,
            },
        ],
        Stage::Calling { .. } => {
            before.push(out(say("call-cancel"), Command::Cancel));
            before
        }
        _ => {
            before.push(out(say("call-hang-up"), Command::HangUp));
            before
        }
    };
    let room = ui.max_rect();
    let gap = space::L;
    let count = choices.len() as f32;
    let wide = count * size::RING_CELL + (count - 1.0) * gap;
    let first = pos2(room.center().x - wide / 2.0, buttons_top(room));
    choices_ui(ui, choices, first, gap, &STAGE, commands);
}

/// Round buttons beside each other, `gap` between them.
fn choices_ui(
    ui: &mut Ui,
    choices: Vec<Choice>,
    first: Pos2,
    gap: f32,
    palette: &Palette,
    commands: &mut Vec<Command>,
) {
    let wide = choices.len() as f32 * (size::RING_CELL + gap) - gap;
    let room = Rect::from_min_size(first, vec2(wide, size::ROUND_CELL_H));
    let mut left = first.x;
    for Choice { icon, name, modifiers, key, look, command, deaf } in choices {
        let place = Rect::from_min_size(pos2(left, first.y), vec2(size::RING_CELL, size::ROUND_CELL_H));
        let place = mirrored(place, room);
        left += size::RING_CELL + gap;
        // An id of its own: what comes and goes on the screen does not take the keyboard away.
        let pressed = keys::name(modifiers, key);
        let builder = UiBuilder::new().max_rect(place).scope_id(Id::unique(("control", &pressed)));
        let response =
            ui.scope_builder(builder, |ui| round_button(ui, icon, name, &pressed, look, palette)).inner;
        if response.clicked() || !deaf && shortcut(ui, modifiers, key) {
            commands.push(command);
        }
    }
}

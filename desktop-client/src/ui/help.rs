//! Help: the shortcuts, the check of the connection, diagnostics to send to the host, and what this program is.

use super::fields::{Field, switch};
use super::places::{along, begin, card, down, long_dialog, page};
use super::theme::{Palette, letters, size, space};
use super::widgets::{Weight, button, inward, mirrored};
use super::{BY_KEY, Go, Page, View, is_inside, keys, lines};
use crate::view::Command;
use crate::words::{say, say_with};
use eframe::egui::{
    Align, Context, CornerRadius, Id, Key, Modifiers, Rect, Sense, Stroke, StrokeKind, Ui, WidgetInfo,
    accesskit::Role, vec2,
};
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
        card(ui, say("help-shortcuts"), shortcuts_ui);
        // At the login the server is checked that one cannot get in to.
        if is_inside(view.snapshot) {
            card(ui, say("checkup"), |ui| {
                lines::soft(ui, say("help-checkup-explained"));
                if button(ui, say("checkup"), Weight::Primary).clicked() {
                    commands.push(Command::CheckConnection);
                }
            });
        }
        card(ui, say("help-diagnostics"), |ui| {
            lines::soft(ui, say("help-diagnostics-explained"));
            file_ui(ui, draft);
            save_ui(ui, draft, commands);
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

/// The same over a call, as far as it is of use there. Returns whether it is to be put away.
pub fn help_over_call_ui(ctx: &Context, draft: &mut Draft, commands: &mut Vec<Command>) -> bool {
    let mut done = false;
    let contents = |ui: &mut Ui| {
        let [_, _, mut call] = every();
        let none = Modifiers::NONE;
        call.1.extend([(none, Key::F1, say("help")), (none, Key::Escape, say("keys-escape"))]);
        group_ui(ui, &call);
        lines::title(ui, say("help-diagnostics"));
        lines::soft(ui, say("help-diagnostics-explained"));
        file_ui(ui, draft);
        save_ui(ui, draft, commands);
    };
    let away = long_dialog(ctx, say("help"), contents, |ui| {
        done = button(ui, say("devices-done"), Weight::Primary).clicked();
    });
    away || done
}

/// Into which file the diagnostics go, and with what in them.
fn file_ui(ui: &mut Ui, draft: &mut Draft) {
    let name = say("help-diagnostics-file");
    let field = Field { name, hint: "", hidden: false, complaint: None, longest: LONGEST };
    field.show(ui, Id::unique("diagnostics file"), &mut draft.file);
    switch(ui, say("help-diagnostics-names"), &mut draft.with_names);
}

fn save_ui(ui: &mut Ui, draft: &Draft, commands: &mut Vec<Command>) {
    let named = !draft.file.trim().is_empty();
    let save = ui.add_enabled_ui(named, |ui| button(ui, say("help-diagnostics-save"), Weight::Secondary));
    if save.inner.clicked() {
        let file = PathBuf::from(draft.file.trim());
        commands.push(Command::SaveDiagnostics { file, with_names: draft.with_names });
    }
}

/// What a person can press, and what it does.
type Keys = (Modifiers, Key, &'static str);

/// Every key that does something, by where it does.
fn every() -> [(&'static str, Vec<Keys>); 3] {
    const NONE: Modifiers = Modifiers::NONE;
    const COMMAND: Modifiers = Modifiers::COMMAND;
    let mut anywhere = BY_KEY.map(|(page, modifiers, key)| (modifiers, key, page.name())).to_vec();
    anywhere.extend([(NONE, Key::Escape, say("keys-escape")), (NONE, Key::Tab, say("keys-tab"))]);
    let hall = vec![
        (COMMAND, Key::F, say("keys-search")),
        (COMMAND, Key::M, say("hall-find")),
        (COMMAND, Key::N, say("hall-next-free")),
        (COMMAND, Key::Enter, say("call-accept")),
        (COMMAND | Modifiers::SHIFT, Key::Enter, say("call-accept-without-camera")),
    ];
    let call = vec![
        (NONE, Key::M, say("keys-mute")),
        (NONE, Key::V, say("keys-camera")),
        (NONE, Key::Space, say("keys-talk")),
        (NONE, Key::C, say("chat")),
        (NONE, Key::D, say("keys-share")),
        (NONE, Key::S, say("safety")),
        (NONE, Key::I, say("stats")),
        (NONE, Key::O, say("call-more")),
        (NONE, Key::P, say("call-pip")),
        (NONE, Key::F11, say("call-full-screen")),
        (COMMAND, Key::N, say("keys-next")),
        (COMMAND, Key::H, say("call-hang-up")),
    ];
    [(say("keys-in-hall"), hall), (say("keys-anywhere"), anywhere), (say("keys-in-call"), call)]
}

/// Every key that does something, and what: in two columns where there is room for them.
fn shortcuts_ui(ui: &mut Ui) {
    let [hall, anywhere, call] = every();
    let room = ui.available_width();
    if room < size::TWO_COLUMNS {
        for group in [&hall, &anywhere, &call] {
            group_ui(ui, group);
        }
        return;
    }
    let width = (room - space::L) / 2.0;
    ui.allocate_ui_with_layout(vec2(room, 0.0), along().with_cross_align(Align::Min), |ui| {
        ui.spacing_mut().item_spacing.x = space::L;
        for column in [vec![&hall, &anywhere], vec![&call]] {
            ui.allocate_ui_with_layout(vec2(width, 0.0), down(), |ui| {
                ui.set_width(width);
                for group in column {
                    group_ui(ui, group);
                }
            });
        }
    });
}

fn group_ui(ui: &mut Ui, (name, keys): &(&'static str, Vec<Keys>)) {
    lines::small(ui, name);
    for (modifiers, key, does) in keys {
        key_ui(ui, &keys::name(*modifiers, *key), does);
    }
    ui.add_space(space::S);
}

/// A key as it looks on a keyboard, and right beside it what it does.
fn key_ui(ui: &mut Ui, key: &str, does: &str) {
    let palette = Palette::of(ui);
    let room = ui.available_width();
    let key_words = lines::line(ui, key, letters::SMALL, palette.accent_ink);
    let cap = vec2((key_words.size().x + 2.0 * space::S).max(size::KEY), size::KEY_H);
    let before = (cap.x + space::S).max(size::KEYS);
    let words = lines::paragraph(ui, does, letters::BODY, palette.ink, room - before, begin());
    let height = words.size().y.max(cap.y);
    let (rect, said) = ui.allocate_exact_size(vec2(room, height), Sense::hover());
    said.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("{key}: {does}")));
    let cap = mirrored(Rect::from_min_size(rect.min, cap), rect);
    let radius = CornerRadius::same(size::RADIUS_S);
    ui.painter().rect_filled(cap, radius, palette.ground);
    ui.painter().rect_stroke(cap, radius, Stroke::new(size::LINE, palette.line), StrokeKind::Inside);
    ui.painter().galley(cap.center() - key_words.size() / 2.0, key_words, palette.accent_ink);
    let middle = inward(rect, before + words.size().x / 2.0);
    let corner = middle - words.size() / 2.0 - vec2(words.rect.left(), 0.0);
    ui.painter().galley(corner, words, palette.ink);
}

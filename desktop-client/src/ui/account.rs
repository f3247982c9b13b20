//! My account at the server: the name that people see, the devices that are logged in, the password, what the server keeps
//! about me, and the end of it.

use super::fields::{Field, switch};
use super::history::awaited;
use super::lines;
use super::places::{begin, card, dialog, ends, page, row};
use super::theme::{Palette, letters, size, space};
use super::widgets::{Button, Weight, button, mirrored};
use super::{View, text};
use crate::downloads;
use crate::view::{Act, Command, DeviceLogin, Me, Secret};
use crate::words::{say, say_with};
use castle::limits::DISPLAY_NAME_CHARS_MAX;
use eframe::egui::{
    Context, Id, Rect, Sense, Ui, WidgetInfo, accesskit::Live, accesskit::Role, text_edit::TextEditState,
    vec2,
};
use std::path::PathBuf;

/// Longest password and path that the fields take, in characters.
const LONGEST: usize = 1024;

/// What was typed.
#[derive(Debug, Default)]
pub struct Draft {
    /// The name, while it is not the one that people see.
    name: Option<String>,
    old: Secret,
    new: Secret,
    again: Secret,
    show_passwords: bool,
    file: Option<String>,
    erasing: Option<Erasing>,
}

/// The question whether to erase the account.
#[derive(Debug, Default)]
struct Erasing {
    password: Secret,
    started: bool,
}

impl Draft {
    /// Forgets all of it.
    pub fn forget(&mut self, ctx: &Context) {
        self.forget_passwords(ctx);
        *self = Self::default();
    }

    /// Forgets passwords, and what the fields remember of them for undo.
    fn forget_passwords(&mut self, ctx: &Context) {
        (self.old, self.new, self.again) = Default::default();
        self.erasing = None;
        for id in [old_id(), new_id(), again_id(), erase_id()] {
            TextEditState::default().store(ctx, id);
        }
    }
}

fn old_id() -> Id {
    Id::unique("old password")
}

fn new_id() -> Id {
    Id::unique("new password")
}

fn again_id() -> Id {
    Id::unique("new password again")
}

fn erase_id() -> Id {
    Id::unique("password that erases")
}

/// A field as most of them are.
fn field(name: &str) -> Field<'_> {
    Field { name, hint: "", hidden: false, complaint: None, longest: LONGEST }
}

/// Draws the page; returns whether one wants back.
pub fn account_ui(ui: &mut Ui, draft: &mut Draft, view: &View<'_>, commands: &mut Vec<Command>) -> bool {
    let back = page(ui, say("account"), |ui| {
        if let Some(me) = &view.snapshot.me {
            card(ui, say("account-name"), |ui| name_ui(ui, draft, view, me, commands));
        }
        card(ui, say("account-devices"), |ui| {
            lines::soft(ui, say("account-devices-explained"));
            ui.add_space(space::S);
            logins_ui(ui, view, commands);
        });
        card(ui, say("login-password"), |ui| password_ui(ui, draft, view, commands));
        card(ui, say("account-data"), |ui| export_ui(ui, draft, view, commands));
        card(ui, say("account-erase"), |ui| {
            lines::soft(ui, say("account-erase-told"));
            if act_button(ui, view, Act::Erase, say("account-erase-ask"), true) {
                draft.erasing = Some(Erasing::default());
            }
        });
    });
    erase_ui(ui.ctx(), draft, commands);
    back
}

/// A button that does something that takes a moment. Returns whether it is to be done.
fn act_button(ui: &mut Ui, view: &View<'_>, act: Act, words: &str, ready: bool) -> bool {
    let busy = view.snapshot.account.busy.contains(&act);
    row(ui, |ui| {
        let pressed = ui.add_enabled_ui(ready && !busy, |ui| button(ui, words, Weight::Secondary).clicked());
        if busy {
            let told = lines::soft(ui, say("account-busy"));
            ui.ctx().accesskit_node_builder(told.id, |node| node.set_live(Live::Polite));
        }
        pressed.inner
    })
}

fn name_ui(ui: &mut Ui, draft: &mut Draft, view: &View<'_>, me: &Me, commands: &mut Vec<Command>) {
    let mut name = draft.name.clone().unwrap_or_else(|| me.display_name.clone());
    let id = Id::unique("display name");
    Field { longest: DISPLAY_NAME_CHARS_MAX, ..field(say("account-name-shown")) }.show(ui, id, &mut name);
    lines::small(ui, &say_with("account-name-login", &[("name", me.name.as_str().into())]));
    ui.add_space(space::XS);
    let wanted = name.trim();
    let wanted = if wanted.is_empty() { me.name.as_str() } else { wanted };
    if act_button(ui, view, Act::Rename, say("account-name-save"), wanted != me.display_name) {
        commands.push(Command::SetDisplayName(wanted.to_owned()));
    }
    draft.name = (name != me.display_name).then_some(name);
}

fn password_ui(ui: &mut Ui, draft: &mut Draft, view: &View<'_>, commands: &mut Vec<Command>) {
    let hidden = !draft.show_passwords;
    let differs = hidden && !draft.again.0.is_empty() && draft.again != draft.new;
    Field { hidden, ..field(say("settings-old-password")) }.show(ui, old_id(), &mut draft.old.0);
    Field { hidden, ..field(say("settings-new-password")) }.show(ui, new_id(), &mut draft.new.0);
    if hidden {
        let complaint = differs.then_some(say("password-differs"));
        let again = Field { hidden, complaint, ..field(say("password-again")) };
        again.show(ui, again_id(), &mut draft.again.0);
    }
    switch(ui, say("login-show-password"), &mut draft.show_passwords);
    let typed = !draft.old.0.is_empty() && !draft.new.0.is_empty();
    let ready = typed && (!hidden || draft.again == draft.new);
    if act_button(ui, view, Act::ChangePassword, say("settings-change-password"), ready) {
        commands.push(Command::ChangePassword { old: draft.old.clone(), new: draft.new.clone() });
        draft.forget_passwords(ui.ctx());
    }
}

fn export_ui(ui: &mut Ui, draft: &mut Draft, view: &View<'_>, commands: &mut Vec<Command>) {
    lines::soft(ui, say("account-data-explained"));
    let usual = || downloads::folder().join("castle-account.json").display().to_string();
    let file = draft.file.get_or_insert_with(usual);
    field(say("account-data-file")).show(ui, Id::unique("account file"), file);
    let named = !file.trim().is_empty();
    let file = PathBuf::from(file.trim());
    if act_button(ui, view, Act::Export, say("account-data-save"), named) {
        commands.push(Command::ExportAccount { file });
    }
}

/// Asks before the account is erased.
fn erase_ui(ctx: &Context, draft: &mut Draft, commands: &mut Vec<Command>) {
    let Some(Erasing { password, started }) = &mut draft.erasing else { return };
    let mut done = false;
    let away = dialog(ctx, say("account-erase-title"), |ui| {
        lines::soft(ui, say("account-erase-explained"));
        ui.add_space(space::S);
        let typed = Field { hidden: true, ..field(say("login-password")) };
        let typed = typed.show(ui, erase_id(), &mut password.0);
        // Before its size is known a dialog takes no keyboard.
        if !*started && !ui.is_sizing_pass() {
            *started = true;
            typed.request_focus();
        }
        row(ui, |ui| {
            let erase = |ui: &mut Ui| button(ui, say("account-erase-do"), Weight::Danger).clicked();
            if ui.add_enabled_ui(!password.0.is_empty(), erase).inner {
                commands.push(Command::EraseAccount { password: password.clone() });
                done = true;
            }
            done |= button(ui, say("cancel"), Weight::Secondary).clicked();
        });
    });
    if done || away {
        draft.forget_passwords(ctx);
    }
}

/// The server takes no more sessions of this guest: which of the others is to end, or the way out.
pub fn crowded_ui(ui: &mut Ui, view: &View<'_>, commands: &mut Vec<Command>) {
    card(ui, say("crowded"), |ui| {
        let told = lines::body(ui, say("error-session-limit"));
        ui.ctx().accesskit_node_builder(told.id, |node| node.set_live(Live::Polite));
        ui.add_space(space::S);
        logins_ui(ui, view, commands);
    });
    if button(ui, say("login-cancel"), Weight::Secondary).clicked() {
        commands.push(Command::CancelLogIn);
    }
}

/// The devices that are logged in, each with a way to end that; this one is left by its own button.
fn logins_ui(ui: &mut Ui, view: &View<'_>, commands: &mut Vec<Command>) {
    let account = &view.snapshot.account;
    let Some(logins) = &account.logins else {
        if awaited(ui, say("account-devices-loading"), view.snapshot.unanswered.logins) {
            commands.push(Command::LoadLogins);
        }
        return;
    };
    for login in logins.iter() {
        let busy = account.busy.contains(&Act::LogOut(login.id));
        if login_ui(ui, view, login, busy) {
            commands.push(Command::EndLogin(login.id));
        }
    }
}

/// One of them; returns whether it is to be logged out.
fn login_ui(ui: &mut Ui, view: &View<'_>, login: &DeviceLogin, busy: bool) -> bool {
    let palette = Palette::of(ui);
    let name = if login.device.is_empty() { say("account-device-unnamed") } else { login.device.as_str() };
    let used = say_with("account-device-used", &[("when", text::ago(login.last_used, view.wall).into())]);
    let (about, ink) = match (login.current, busy) {
        (true, _) => (say("account-device-this").to_owned(), palette.accent_ink),
        (false, true) => (say("account-busy").to_owned(), palette.soft),
        (false, false) => (used, palette.soft),
    };
    let words = say("account-log-out");
    let button_width = lines::line(ui, words, letters::BUTTON, palette.ink).size().x + 2.0 * space::M;
    let room = ui.available_width() - if login.current { space::S } else { button_width + space::M };
    let first = lines::cut(ui, name, letters::BODY, palette.ink, room);
    let second = lines::paragraph(ui, &about, letters::SMALL, ink, room, begin());
    let height = first.size().y + second.size().y + space::S;
    let mut ends_it = false;
    ends(
        ui,
        height,
        |ui| {
            let (place, response) = ui.allocate_exact_size(vec2(room, height), Sense::hover());
            response.widget_info(|| WidgetInfo::labeled(Role::ListItem, true, format!("{name}, {about}")));
            let place = place.shrink2(vec2(0.0, space::XS));
            let at = mirrored(Rect::from_min_size(place.min, first.size()), place);
            ui.painter().galley(at.min, first.clone(), palette.ink);
            let below = place.min + vec2(0.0, first.size().y);
            let at = mirrored(Rect::from_min_size(below, second.size()), place);
            ui.painter().galley(at.min - vec2(second.rect.left(), 0.0), second.clone(), ink);
        },
        |ui| {
            if login.current {
                return;
            }
            let full = say_with("account-log-out-name", &[("name", name.into())]);
            let look = Button {
                words,
                name: &full,
                weight: Weight::Secondary,
                min: vec2(button_width, size::CONTROL_SMALL),
            };
            ends_it = ui.add_enabled_ui(!busy, |ui| look.show(ui).clicked()).inner;
        },
    );
    ends_it
}

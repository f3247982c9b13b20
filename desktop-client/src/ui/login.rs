//! Login and registration: where to, who, and the password. The password is forgotten once it was of use.

use super::icons::castle_mark;
use super::theme::{Palette, font, letters, size, space};
use super::widgets::{Button, Field, Weight, choice, column};
use super::{View, text};
use crate::view::{Command, Connection, Prefill, Secret};
use eframe::egui::{self, Id, Key, RichText, ScrollArea, Sense, Ui, Vec2, text_edit::TextEditState, vec2};

/// Longer input is refused by the field, in characters: far beyond what the server takes.
const LONGEST: usize = 512;

/// What was typed.
#[derive(Debug, Default)]
pub struct Draft {
    server: String,
    invitation: String,
    name: String,
    password: Secret,
    aim: Aim,
    show_password: bool,
    /// Complaints are shown after the first try only.
    tried: bool,
    started: bool,
}

/// What the form is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Aim {
    /// Coming back.
    #[default]
    LogIn,
    /// Coming for the first time.
    Register,
}

/// What is wrong with a field, if anything is.
#[derive(Debug, Default, PartialEq, Eq)]
struct Complaints {
    server: Option<&'static str>,
    invitation: Option<&'static str>,
    name: Option<&'static str>,
    password: Option<&'static str>,
}

impl Draft {
    /// With what is known already.
    pub fn new(prefill: Prefill) -> Self {
        let server = prefill.server.unwrap_or_default();
        let registering = prefill.invitation.is_some() || is_link(&server);
        Self {
            server,
            invitation: prefill.invitation.unwrap_or_default(),
            name: prefill.name.unwrap_or_default(),
            aim: if registering { Aim::Register } else { Aim::LogIn },
            ..Self::default()
        }
    }

    /// Forgets the password, and what the text field remembers of it for undo.
    pub fn forget_password(&mut self, ctx: &egui::Context) {
        if self.password.0.is_empty() {
            return;
        }
        self.password = Secret::default();
        self.tried = false;
        self.show_password = false;
        TextEditState::default().store(ctx, password_id());
    }

    fn registering(&self) -> bool {
        self.aim == Aim::Register
    }

    fn complaints(&self) -> Complaints {
        let blank = |value: &str| value.trim().is_empty();
        let link = is_link(&self.server);
        let registering = self.registering();
        Complaints {
            server: match (blank(&self.server), registering) {
                (true, true) => Some(text::login::NEED_LINK),
                (true, false) => Some(text::login::NEED_SERVER),
                (false, false) if link => Some(text::login::LINK_NEEDS_INVITATION),
                (false, _) => None,
            },
            invitation: (registering && !link && blank(&self.invitation))
                .then_some(text::login::NEED_INVITATION),
            name: blank(&self.name).then_some(text::login::NEED_NAME),
            password: match (self.password.0.is_empty(), registering) {
                (true, true) => Some(text::login::NEED_NEW_PASSWORD),
                (true, false) => Some(text::login::NEED_PASSWORD),
                (false, _) => None,
            },
        }
    }

    fn submit(&mut self, commands: &mut Vec<Command>) {
        self.tried = true;
        if self.complaints() != Complaints::default() {
            return;
        }
        let trimmed = |value: &str| value.trim().to_owned();
        let (server, name, password) = (trimmed(&self.server), trimmed(&self.name), self.password.clone());
        commands.push(if self.registering() {
            let invitation = if is_link(&self.server) { String::new() } else { trimmed(&self.invitation) };
            Command::Register { server, invitation, name, password, remember: false }
        } else {
            Command::LogIn { server, name, password, remember: false }
        });
    }
}

/// Whether it is an invitation link, and not the bare address of a server.
fn is_link(server: &str) -> bool {
    let server = server.trim();
    server.starts_with("castle:") || server.starts_with("castle+") || server.contains("invite=")
}

fn password_id() -> Id {
    Id::unique("login password")
}

/// Draws the screen.
pub fn login_ui(ui: &mut Ui, draft: &mut Draft, view: &View<'_>, commands: &mut Vec<Command>) {
    let busy = matches!(view.snapshot.connection, Connection::LoggingIn { .. });
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        let spare = ui.available_height() - FORM_HEIGHT;
        ui.add_space((spare * 0.4).max(space::S));
        column(ui, size::COLUMN, |ui| {
            let palette = Palette::of(ui);
            ui.horizontal(|ui| {
                let (mark, _) = ui.allocate_exact_size(Vec2::splat(size::MARK), Sense::hover());
                castle_mark(ui.painter(), mark.min, size::MARK, palette.accent, palette.ground);
                ui.label(RichText::new(text::APP).font(font(letters::HEADING)));
            });
            ui.label(RichText::new(text::login::INTRO).color(palette.soft));
            ui.add_space(space::M);
            ui.add_enabled_ui(!busy, |ui| form_ui(ui, draft, busy, commands));
        });
    });
}

/// About as high as the form with all its fields, to put it a little above the middle.
const FORM_HEIGHT: f32 = 520.0;

fn form_ui(ui: &mut Ui, draft: &mut Draft, busy: bool, commands: &mut Vec<Command>) {
    ui.horizontal(|ui| {
        for (words, aim) in
            [(text::login::MODE_LOG_IN, Aim::LogIn), (text::login::MODE_REGISTER, Aim::Register)]
        {
            if choice(ui, words, None, draft.aim == aim) {
                draft.aim = aim;
                draft.tried = false;
            }
        }
    });
    ui.add_space(space::S);
    let complaints = if draft.tried { draft.complaints() } else { Complaints::default() };
    let entered = fields_ui(ui, draft, &complaints);
    ui.checkbox(&mut draft.show_password, text::login::SHOW_PASSWORD);
    ui.add_space(space::M);
    let words = match (busy, draft.registering()) {
        (true, _) => text::login::BUSY,
        (false, true) => text::login::REGISTER,
        (false, false) => text::login::LOG_IN,
    };
    let min = vec2(ui.available_width(), size::CONTROL);
    let pressed = Button { words, name: words, weight: Weight::Primary, min }.show(ui).clicked();
    if (entered || pressed) && !busy {
        draft.submit(commands);
    }
}

/// The fields; returns whether Enter was pressed in one of them.
fn fields_ui(ui: &mut Ui, draft: &mut Draft, complaints: &Complaints) -> bool {
    let link = is_link(&draft.server);
    let server = Field {
        name: if draft.registering() { text::login::SERVER_OR_LINK } else { text::login::SERVER },
        hint: text::login::SERVER_HINT,
        hidden: false,
        complaint: complaints.server,
        longest: LONGEST,
    };
    let mut responses = vec![server.show(ui, Id::unique("login server"), &mut draft.server)];
    if draft.registering() && link {
        let palette = Palette::of(ui);
        ui.label(RichText::new(text::login::CODE_IN_LINK).color(palette.accent_ink).size(letters::SMALL));
        ui.add_space(space::XS);
    } else if draft.registering() {
        let field =
            Field { name: text::login::INVITATION, hint: "", complaint: complaints.invitation, ..server };
        responses.push(field.show(ui, Id::unique("login invitation"), &mut draft.invitation));
    }
    let name = Field { name: text::login::NAME, hint: "", complaint: complaints.name, ..server };
    responses.push(name.show(ui, Id::unique("login name"), &mut draft.name));
    let hidden = !draft.show_password;
    let password =
        Field { name: text::login::PASSWORD, hint: "", hidden, complaint: complaints.password, ..server };
    responses.push(password.show(ui, password_id(), &mut draft.password.0));
    if !draft.started {
        draft.started = true;
        let first_empty = [draft.server.is_empty(), draft.name.is_empty()];
        let index = match first_empty {
            [true, _] => 0,
            [_, true] => responses.len() - 2,
            _ => responses.len() - 1,
        };
        responses[index].request_focus();
    }
    ui.input(|input| input.key_pressed(Key::Enter)) && responses.iter().any(egui::Response::lost_focus)
}

//! Login, registration, and a new password with a code of the host: where to, who, and the password. What is secret is
//! forgotten once it was of use.

use super::account::crowded_ui;
use super::fields::{Field, switch};
use super::icons::castle_mark;
use super::places::{against, column, ends, hanging, page_height, row};
use super::theme::{Palette, letters, share, size, space};
use super::widgets::{Button, Weight, button, choice, mirrored};
use super::{BY_KEY, Go, View, lines};
use crate::view::{Command, Connection, KnownServer, Prefill, Secret};
use crate::words::say;
use eframe::egui::{
    self, Id, Key, Rect, Response, ScrollArea, Sense, Ui, UiBuilder, Vec2, accesskit::Live,
    text_edit::TextEditState, vec2,
};

mod known;

/// Longer input is refused by the field, in characters: far beyond what the server takes.
const LONGEST: usize = 512;

/// What was typed.
#[expect(clippy::struct_excessive_bools, reason = "each is a box of its own")]
#[derive(Debug, Default)]
pub struct Draft {
    server: String,
    invitation: String,
    name: String,
    password: Secret,
    /// The new password once more, where it is not shown.
    again: Secret,
    /// The one-time code of the host.
    code: Secret,
    aim: Aim,
    show_password: bool,
    remember: bool,
    /// Complaints are shown after the first try only.
    tried: bool,
    started: bool,
    /// It was drawn before.
    met: bool,
    /// A login is under way.
    busy: bool,
    /// The last one did not get anywhere.
    failed: bool,
    /// The form is wanted though one click would be enough.
    unfold: bool,
    /// Such servers stood alone when this was last drawn.
    folded: bool,
    /// The secret that was being typed when this was last drawn.
    typing: Option<Id>,
}

/// What the form is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Aim {
    /// Coming back.
    #[default]
    LogIn,
    /// Coming for the first time.
    Register,
    /// Coming back without the password, with a code of the host.
    Reset,
}

/// What is wrong with a field, if anything is.
#[derive(Debug, Default, PartialEq, Eq)]
struct Complaints {
    server: Option<&'static str>,
    invitation: Option<&'static str>,
    name: Option<&'static str>,
    code: Option<&'static str>,
    password: Option<&'static str>,
    again: Option<&'static str>,
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
            remember: true,
            ..Self::default()
        }
    }

    /// The guest came in: next time it is no invitation that is needed, but name and password.
    pub fn entered(&mut self, server: &str, name: &str) {
        if self.aim != Aim::LogIn || self.server != server {
            server.clone_into(&mut self.server);
            name.clone_into(&mut self.name);
            self.invitation.clear();
            self.aim = Aim::LogIn;
            self.started = false;
        }
        (self.busy, self.failed) = (false, false);
    }

    /// Forgets password and code, and what the text fields remember of them for undo.
    pub fn forget_password(&mut self, ctx: &egui::Context) {
        if [&self.password, &self.again, &self.code].iter().all(|secret| secret.0.is_empty()) {
            return;
        }
        (self.password, self.again, self.code) = Default::default();
        self.tried = false;
        self.show_password = false;
        for id in [password_id(), again_id(), code_id()] {
            TextEditState::default().store(ctx, id);
        }
    }

    /// Whether the servers where one click is enough stand alone.
    fn is_folded(&self, servers: &[KnownServer]) -> bool {
        servers.iter().any(|known| known.remembered)
            && !self.unfold
            && self.aim == Aim::LogIn
            && self.password.0.is_empty()
    }

    /// The form comes, without what one click is enough for.
    fn unfold_for_another(&mut self, servers: &[KnownServer]) {
        (self.unfold, self.started) = (true, false);
        let is_there =
            |known: &KnownServer| self.server.starts_with(&known.server) && known.name == self.name;
        if servers.iter().any(|known| known.remembered && is_there(known)) {
            self.server.clear();
            self.name.clear();
        }
    }

    fn registering(&self) -> bool {
        self.aim == Aim::Register
    }

    fn complaints(&self) -> Complaints {
        let blank = |value: &str| value.trim().is_empty();
        let link = is_link(&self.server);
        let registering = self.registering();
        let resetting = self.aim == Aim::Reset;
        let differs = resetting && !self.show_password && self.again != self.password;
        Complaints {
            server: match (blank(&self.server), registering) {
                (true, true) => Some(say("login-need-link")),
                (true, false) => Some(say("login-need-server")),
                (false, false) if link && !resetting => Some(say("login-link-needs-invitation")),
                (false, _) => None,
            },
            invitation: (registering && !link && blank(&self.invitation))
                .then_some(say("login-need-invitation")),
            name: blank(&self.name).then_some(say("login-need-name")),
            code: (resetting && blank(&self.code.0)).then_some(say("login-need-code")),
            password: match (self.password.0.is_empty(), self.aim) {
                (true, Aim::Register | Aim::Reset) => Some(say("login-need-new-password")),
                (true, Aim::LogIn) => Some(say("login-need-password")),
                (false, _) => None,
            },
            again: differs.then_some(say("password-differs")),
        }
    }

    fn submit(&mut self, commands: &mut Vec<Command>) {
        self.tried = true;
        if self.complaints() != Complaints::default() {
            return;
        }
        let trimmed = |value: &str| value.trim().to_owned();
        let remember = self.remember;
        let (server, name, password) = (trimmed(&self.server), trimmed(&self.name), self.password.clone());
        commands.push(match self.aim {
            Aim::LogIn => Command::LogIn { server, name, password, remember },
            Aim::Register => {
                let link = is_link(&self.server);
                let invitation = if link { String::new() } else { trimmed(&self.invitation) };
                Command::Register { server, invitation, name, password, remember }
            }
            Aim::Reset => {
                let code = Secret(trimmed(&self.code.0));
                Command::ResetPassword { server, name, code, password, remember }
            }
        });
    }
}

/// Whether it is an invitation link, and not the bare address of a server.
fn is_link(server: &str) -> bool {
    server.contains("invite=")
}

fn password_id() -> Id {
    Id::unique("login password")
}

fn again_id() -> Id {
    Id::unique("login password again")
}

fn code_id() -> Id {
    Id::unique("login code")
}

/// Draws the screen.
pub fn login_ui(ui: &mut Ui, draft: &mut Draft, view: &View<'_>, commands: &mut Vec<Command>) -> Option<Go> {
    let servers = &view.snapshot.servers;
    let busy = matches!(view.snapshot.connection, Connection::LoggingIn { .. });
    if std::mem::replace(&mut draft.busy, busy) && !busy {
        draft.failed = true;
        // It failed, or was given up: most often it is the password that is typed anew, or the code.
        (draft.unfold, draft.folded) = (true, false);
        let anew = if draft.aim == Aim::Reset { code_id() } else { password_id() };
        ui.memory_mut(|memory| memory.request_focus(anew));
    }
    if !busy && !std::mem::replace(&mut draft.met, true) && draft.server.is_empty() && servers.is_empty() {
        // Whoever knows no server was invited to one.
        draft.aim = Aim::Register;
    }
    let mut go = None;
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        let spare = page_height(ui) - size::FORM;
        ui.add_space((spare * share::FORM).max(space::S));
        column(ui, size::COLUMN, |ui| {
            go = head_ui(ui);
            lines::soft(ui, say("login-intro"));
            ui.add_space(space::M);
            if view.snapshot.account.crowded {
                crowded_ui(ui, view, commands);
                return;
            }
            if !busy {
                known::remembered_ui(ui, draft, servers, commands);
            }
            let folded = draft.is_folded(servers);
            if std::mem::replace(&mut draft.folded, folded) && !folded {
                // A key that is thrown away after a logout is gone a moment later than the hall.
                draft.started = false;
            }
            if folded && !busy {
                if button(ui, say("login-other-server"), Weight::Secondary).clicked() {
                    draft.unfold_for_another(servers);
                }
                known::others_ui(ui, draft, servers, commands);
                return;
            }
            ui.add_enabled_ui(!busy, |ui| form_ui(ui, draft, commands));
            if busy {
                busy_ui(ui, commands);
            }
            let server = draft.server.trim();
            if draft.failed && !busy && !server.is_empty() {
                ui.add_space(space::S);
                if hanging(ui, say("checkup"), size::CONTROL).clicked() {
                    commands.push(Command::CheckServer(server.to_owned()));
                }
            }
            if !busy {
                known::others_ui(ui, draft, servers, commands);
            }
        });
    });
    go
}

/// The sign of the house, and at the other end the ways to what there is without a login. These are quiet, and hang over
/// the edge, so that their words end where the rest does.
fn head_ui(ui: &mut Ui) -> Option<Go> {
    let mut go = None;
    let line = row(ui, |ui| {
        let palette = Palette::of(ui);
        let (mark, _) = ui.allocate_exact_size(Vec2::splat(size::MARK), Sense::hover());
        castle_mark(ui.painter(), mark.min, size::MARK, palette.accent, palette.ground);
        lines::heading(ui, say("app"));
        ui.max_rect()
    });
    let hang = Rect::from_min_max(line.min, line.max + vec2(space::M, 0.0));
    let builder = UiBuilder::new().max_rect(mirrored(hang, line)).layout(against());
    // A child on its own: what hangs over the edge does not widen the column.
    let mut ways = ui.new_child(builder);
    for (page, ..) in BY_KEY.into_iter().rev().filter(|(page, ..)| page.is_for_all()) {
        let words = page.name();
        let min = vec2(0.0, size::CONTROL_SMALL);
        let way = Button { words, name: words, weight: Weight::Quiet, min }.show(&mut ways);
        if way.clicked() {
            go = Some(Go::Page(page));
        }
    }
    go
}

/// A login is under way: what happens, and the way out.
fn busy_ui(ui: &mut Ui, commands: &mut Vec<Command>) {
    // It stands where the button stood.
    ui.add_space(-ui.spacing().item_spacing.y);
    ends(
        ui,
        size::CONTROL,
        |ui| {
            let told = lines::body(ui, say("login-busy"));
            ui.ctx().accesskit_node_builder(told.id, |node| node.set_live(Live::Polite));
        },
        |ui| {
            if button(ui, say("login-cancel"), Weight::Secondary).clicked() {
                commands.push(Command::CancelLogIn);
            }
        },
    );
}

fn form_ui(ui: &mut Ui, draft: &mut Draft, commands: &mut Vec<Command>) {
    row(ui, |ui| {
        // Without the password one is at neither, and goes back by the first.
        let aims = [(say("login-mode-log-in"), Aim::LogIn), (say("login-mode-register"), Aim::Register)];
        for (words, aim) in aims {
            if choice(ui, words, None, draft.aim == aim) {
                (draft.aim, draft.tried) = (aim, false);
            }
        }
    });
    ui.add_space(space::S);
    if draft.aim == Aim::Reset {
        lines::soft(ui, say("login-reset-explained"));
        ui.add_space(space::S);
    }
    let complaints = if draft.tried { draft.complaints() } else { Complaints::default() };
    let (entered, secret) = fields_ui(ui, draft, &complaints);
    if draft.aim == Aim::LogIn && hanging(ui, say("login-mode-reset"), size::CONTROL_SMALL).clicked() {
        // Name and server are known as a rule: what comes next is the code.
        (draft.aim, draft.tried, draft.started) = (Aim::Reset, false, false);
    }
    switch(ui, say("login-show-password"), &mut draft.show_password);
    switch(ui, say("login-remember"), &mut draft.remember);
    ui.add_space(space::M);
    if draft.busy {
        draft.typing = None;
        return;
    }
    let words = match draft.aim {
        Aim::LogIn => say("login-log-in"),
        Aim::Register => say("login-register"),
        Aim::Reset => say("login-reset"),
    };
    let min = vec2(ui.available_width(), size::CONTROL);
    let button = Button { words, name: words, weight: Weight::Primary, min }.show(ui);
    // Whoever comes to a secret has done the rest: what sends it off comes into view with it, where both have room.
    let before = std::mem::replace(&mut draft.typing, secret.as_ref().map(|field| field.id));
    if let Some(field) = secret.filter(|field| before != Some(field.id)) {
        let both = field.rect.union(button.rect);
        let fits = both.height() <= ui.clip_rect().height();
        ui.scroll_to_rect(if fits { both } else { field.rect }, None);
    }
    if entered || button.clicked() {
        draft.submit(commands);
    }
}

/// The fields; returns whether Enter was pressed in one of them, and the secret that is being typed.
fn fields_ui(ui: &mut Ui, draft: &mut Draft, complaints: &Complaints) -> (bool, Option<Response>) {
    let server = Field {
        name: if draft.registering() { say("login-server-or-link") } else { say("login-server") },
        hint: say("login-server-hint"),
        hidden: false,
        complaint: complaints.server,
        longest: LONGEST,
    };
    let was_link = is_link(&draft.server);
    let typed = server.show(ui, Id::unique("login server"), &mut draft.server);
    let link = is_link(&draft.server);
    if typed.changed() && link && !was_link && draft.aim == Aim::LogIn {
        // Whoever has such a link was invited, and knows it if they choose otherwise.
        (draft.aim, draft.tried) = (Aim::Register, false);
    }
    let mut responses = vec![typed];
    if draft.registering() && link {
        let ink = Palette::of(ui).accent_ink;
        lines::text(ui, say("login-code-in-link"), letters::SMALL, ink);
        ui.add_space(space::XS);
    } else if draft.registering() {
        let field =
            Field { name: say("login-invitation"), hint: "", complaint: complaints.invitation, ..server };
        responses.push(field.show(ui, Id::unique("login invitation"), &mut draft.invitation));
    }
    let name = Field { name: say("login-name"), hint: "", complaint: complaints.name, ..server };
    responses.push(name.show(ui, Id::unique("login name"), &mut draft.name));
    let after_name = responses.len();
    let hidden = !draft.show_password;
    let resetting = draft.aim == Aim::Reset;
    if resetting {
        let field = Field { name: say("login-code"), hint: "", complaint: complaints.code, ..server };
        responses.push(field.show(ui, code_id(), &mut draft.code.0));
    }
    let words = if resetting { say("settings-new-password") } else { say("login-password") };
    let password = Field { name: words, hint: "", hidden, complaint: complaints.password, ..server };
    responses.push(password.show(ui, password_id(), &mut draft.password.0));
    if resetting && hidden {
        let field = Field { name: say("password-again"), complaint: complaints.again, ..password };
        responses.push(field.show(ui, again_id(), &mut draft.again.0));
    }
    if !draft.started {
        draft.started = true;
        let first_empty = match [draft.server.is_empty(), draft.name.is_empty()] {
            [true, _] => 0,
            [_, true] => after_name - 1,
            _ => after_name,
        };
        responses[first_empty].request_focus();
    }
    let entered =
        ui.input(|input| input.key_pressed(Key::Enter)) && responses.iter().any(Response::lost_focus);
    (entered, responses.into_iter().skip(after_name).find(Response::has_focus))
}

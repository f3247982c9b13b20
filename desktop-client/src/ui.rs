//! The window's contents: picks the screen for a snapshot and draws it.
//!
//! A screen is one file with one function that takes the [`View`] and pushes [`Command`]s. Owns what was typed
//! and not yet sent; every other state comes in by the snapshot. Never names the engine, tokio or the network.

use crate::view::{CallView, Command, Connection, Prefill, Snapshot, Stage};
use crate::words::say;
use castle::ids::{CallId, GuestId};
use dialogs::Dialog;
use eframe::egui::{self, Event, Key, Modifiers, Ui};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant, SystemTime};

pub mod account;
pub mod broken;
pub mod call;
pub mod checkup;
mod dialogs;
pub mod ended;
pub mod fields;
pub mod hall;
pub mod help;
pub mod history;
pub mod icons;
pub mod interests;
pub mod joining;
pub mod keys;
pub mod lines;
pub mod login;
pub mod moderation;
pub mod notices;
pub mod places;
pub mod ringing;
pub mod search;
pub mod settings;
pub mod text;
pub mod theme;
pub mod tryout;
pub mod video;
pub mod widgets;

/// All that a screen may look at.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// What the engine says.
    pub snapshot: &'a Snapshot,
    /// Now, for what counts seconds.
    pub now: Instant,
    /// Now by the clock of the world, for what was on other days.
    pub wall: SystemTime,
    /// The peer's picture.
    pub remote: &'a video::Tile,
    /// The own picture.
    pub local: &'a video::Tile,
    /// The screen that the peer shares.
    pub screen: &'a video::Tile,
}

/// A page that one can go to while nothing rings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Page {
    /// Who is here.
    #[default]
    Hall,
    /// Calls of the past.
    History,
    /// Blocked guests.
    Blocked,
    /// Camera, microphone and speaker.
    Tryout,
    /// What is set for good.
    Settings,
    /// What is mine at the server.
    Account,
    /// What the matchmaker is told.
    Interests,
    /// Shortcuts, diagnostics, the check of the connection.
    Help,
}

impl Page {
    /// What it is called where one goes there.
    fn name(self) -> &'static str {
        match self {
            Self::Hall => say("hall"),
            Self::History => say("history"),
            Self::Blocked => say("blocked"),
            Self::Tryout => say("tryout"),
            Self::Settings => say("settings"),
            Self::Account => say("account"),
            Self::Interests => say("interests"),
            Self::Help => say("help"),
        }
    }

    /// Whether it is there before anybody is logged in; in place of the hall the login is.
    fn is_for_all(self) -> bool {
        matches!(self, Self::Hall | Self::Settings | Self::Help)
    }
}

/// The pages that a key leads to, from every other one.
const BY_KEY: [(Page, Modifiers, Key); 4] = [
    (Page::History, Modifiers::COMMAND, Key::Y),
    (Page::Tryout, Modifiers::COMMAND, Key::D),
    (Page::Settings, Modifiers::COMMAND, Key::Comma),
    (Page::Help, Modifiers::NONE, Key::F1),
];

/// Whom a report or a block is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Id.
    pub guest: GuestId,
    /// What people see.
    pub name: String,
    /// In which call.
    pub call: Option<CallId>,
}

/// Where one wants to go from a screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Go {
    /// To another page.
    Page(Page),
    /// To the report about a guest.
    Report(Subject),
    /// To the question whether to block a guest.
    Block(Subject),
    /// To the choice of devices, over a call.
    Devices,
    /// To what helps, over a call.
    Help,
}

/// The screens, with what was typed into them.
#[expect(clippy::struct_excessive_bools, reason = "they know nothing of each other")]
#[derive(Debug, Default)]
pub struct Screens {
    page: Page,
    /// What lies over all else, the last one over the others.
    dialogs: Vec<Dialog>,
    /// What lay there when a call began, kept until it is over.
    put_by: Vec<Dialog>,
    login: login::Draft,
    hall: hall::Draft,
    history: history::Draft,
    interests: interests::Draft,
    account: account::Draft,
    changes: settings::Changes,
    help: help::Draft,
    call: call::Draft,
    ended: ended::Draft,
    /// A link that came and was not looked at yet.
    link: Option<String>,
    /// A link to follow once one is logged out.
    joining: Option<String>,
    /// Somebody was logged in when this was last drawn.
    inside: bool,
    /// A call was there then.
    had_call: bool,
    /// The one that was not over then.
    live: Option<CallId>,
    overloaded: bool,
    leaving: bool,
    broken: bool,
}

impl Screens {
    /// With what the login screen begins with.
    pub fn new(prefill: Prefill) -> Self {
        Self { login: login::Draft::new(prefill), ..Self::default() }
    }

    /// Says on the screen that a command was lost, until it is dismissed.
    pub fn tell_overloaded(&mut self) {
        self.overloaded = true;
    }

    /// An invitation link that came while the window was open: for the login screen, or, where one is logged in, for a
    /// question first.
    pub fn bring_link(&mut self, link: String) {
        self.link = Some(link);
    }

    /// The keyboard goes to another window, and this one may not be drawn before it is back: what was held is let go.
    pub fn let_go(&mut self, commands: &mut Vec<Command>) {
        self.call.let_go(commands);
    }

    /// Goes to a page, as a person does by its button.
    pub fn open(&mut self, page: Page, snapshot: &Snapshot, commands: &mut Vec<Command>) {
        if self.page == Page::Tryout && page != Page::Tryout {
            commands.push(Command::SetTryout(false));
        }
        if self.page == Page::Settings && page != Page::Settings {
            commands.push(Command::ChooseDevices(false));
        }
        match page {
            Page::Settings => commands.push(Command::ChooseDevices(true)),
            Page::History => commands.push(Command::LoadHistory),
            Page::Blocked => commands.push(Command::LoadBlocked),
            Page::Account => commands.push(Command::LoadLogins),
            Page::Tryout if snapshot.call.is_none() => commands.push(Command::SetTryout(true)),
            _ => {}
        }
        self.page = page;
    }

    /// Something broke outside of the screens: they say so, and lose nothing of what was typed.
    pub fn tell_broken(&mut self) {
        self.broken = true;
    }

    /// What is seen to even while the window is not drawn.
    pub fn tend(&mut self, ctx: &egui::Context, snapshot: &Snapshot) {
        match &snapshot.call {
            Some(call) if matches!(call.stage, Stage::Connected { .. }) => self.call.follow(ctx, call),
            _ => self.call.put_small_away(ctx),
        }
    }

    /// Draws the screen that fits the snapshot into all of `ui`. A screen that breaks says so; nothing else ends with it.
    pub fn show(&mut self, ui: &mut Ui, view: &View<'_>, commands: &mut Vec<Command>) {
        if self.broken {
            // Nobody sees here whether the key is held.
            self.let_go(commands);
            self.broken = !broken::broken_ui(ui, live(view.snapshot), commands);
            return;
        }
        self.guarded(ui, commands, |screens, ui, commands| screens.draw(ui, view, commands));
    }

    /// What was typed may be half changed when `draw` breaks, and is forgotten, with all that was asked for only as long as a
    /// screen shows it.
    fn guarded(
        &mut self,
        ui: &mut Ui,
        commands: &mut Vec<Command>,
        draw: impl FnOnce(&mut Self, &mut Ui, &mut Vec<Command>),
    ) {
        if catch_unwind(AssertUnwindSafe(|| draw(self, ui, commands))).is_err() {
            self.let_go(commands);
            let all = Command::SearchHall(String::new());
            let shown = [Command::SetTryout(false), Command::ChooseDevices(false), all];
            commands.extend(shown);
            *self = Self { broken: true, ..Self::default() };
            ui.ctx().request_repaint();
        }
    }

    fn draw(&mut self, ui: &mut Ui, view: &View<'_>, commands: &mut Vec<Command>) {
        let snapshot = view.snapshot;
        let call = snapshot.call.as_ref();
        let logged_in = is_inside(snapshot);
        self.mind_login(ui.ctx(), snapshot, commands);
        self.make_room(snapshot);
        self.follow_link(snapshot, commands);
        // What was a call a moment ago is one more of the past.
        let ended = std::mem::replace(&mut self.had_call, call.is_some()) && call.is_none();
        if ended && logged_in && self.page == Page::History {
            commands.push(Command::LoadHistory);
        }
        if !call.is_some_and(|call| matches!(call.stage, Stage::Connected { .. })) {
            self.call.leave_full_screen(ui.ctx());
        }
        self.tend(ui.ctx(), snapshot);
        self.dialog_ui(ui.ctx(), snapshot, commands);
        let placing = snapshot.placing.as_ref().filter(|placing| !placing.given_up);
        let go = match (call.filter(|call| !matches!(call.stage, Stage::Ended { .. })), placing) {
            (Some(call), _) => self.live_ui(ui, view, call, commands),
            (None, Some(placing)) => {
                let free = ringing::placing_ui(ui, placing, commands);
                notices::Floating::new(view, self.overloaded).show(ui, free, &mut self.overloaded, commands);
                None
            }
            (None, None) => self.still_ui(ui, view, logged_in, commands),
        };
        if let Some(go) = go {
            self.go(ui.ctx(), go, snapshot, commands);
        }
    }

    fn go(&mut self, ctx: &egui::Context, go: Go, snapshot: &Snapshot, commands: &mut Vec<Command>) {
        let dialog = match go {
            Go::Page(page) => {
                if self.page == Page::Account {
                    self.account.forget(ctx);
                }
                return self.open(page, snapshot, commands);
            }
            Go::Report(subject) => {
                let by = snapshot.me.as_ref().map(|me| me.guest);
                Dialog::Report(moderation::Draft::new(subject, by))
            }
            Go::Block(subject) => Dialog::Block(subject),
            Go::Devices => Dialog::Devices,
            Go::Help => Dialog::Help,
        };
        self.dialogs.push(dialog);
    }

    /// What is for those who are logged in alone is left, and forgotten, with the login.
    fn mind_login(&mut self, ctx: &egui::Context, snapshot: &Snapshot, commands: &mut Vec<Command>) {
        let inside = is_inside(snapshot);
        if inside {
            if let (Connection::Online { server }, Some(me)) = (&snapshot.connection, &snapshot.me) {
                self.login.entered(server, &me.name);
            }
            self.login.forget_password(ctx);
        }
        let left = std::mem::replace(&mut self.inside, inside) && !inside;
        if self.page != Page::Hall && (left || !inside && !self.page.is_for_all()) {
            self.open(Page::Hall, snapshot, commands);
        }
        if left {
            self.hall = hall::Draft::default();
            self.history = history::Draft::default();
            self.interests = interests::Draft::default();
            self.account.forget(ctx);
            self.forget_questions();
        }
    }

    fn live_ui(
        &mut self,
        ui: &mut Ui,
        view: &View<'_>,
        call: &CallView,
        commands: &mut Vec<Command>,
    ) -> Option<Go> {
        if self.page == Page::Tryout {
            self.open(Page::Hall, view.snapshot, commands);
        }
        if let Stage::Connected { since } = call.stage {
            return call::call_ui(ui, &mut self.call, view, (call, since), &mut self.overloaded, commands);
        }
        let free = ringing::ringing_ui(ui, view, call, commands);
        notices::Floating::new(view, self.overloaded).show(ui, free, &mut self.overloaded, commands);
        None
    }

    fn still_ui(
        &mut self,
        ui: &mut Ui,
        view: &View<'_>,
        logged_in: bool,
        commands: &mut Vec<Command>,
    ) -> Option<Go> {
        let snapshot = view.snapshot;
        let shown = egui::CentralPanel::no_frame().frame(page(ui)).show(ui, |ui| {
            // There each device has a card that says what is wrong with it.
            let faults = self.page != Page::Tryout;
            let room = ui.max_rect();
            let room = notices::notices_ui(ui, view, room, faults, &mut self.overloaded, commands);
            // An id of its own: a notice that comes or goes does not take the keyboard away.
            let screen = egui::UiBuilder::new().max_rect(room).scope_id(egui::Id::unique("screen"));
            ui.scope_builder(screen, |ui| {
                if let Some(call) = &snapshot.call {
                    return ended::ended_ui(ui, &mut self.ended, call, snapshot.can_call(), commands);
                }
                if let Some(checkup) = &snapshot.checkup {
                    checkup::checkup_ui(ui, checkup, commands);
                    return None;
                }
                if let Some(search) = snapshot.search.as_ref().filter(|_| logged_in) {
                    search::search_ui(ui, view, search, commands);
                    return None;
                }
                let by_key = self.by_key(ui, logged_in);
                let go = if logged_in || self.page != Page::Hall {
                    self.page_ui(ui, view, commands)
                } else {
                    login::login_ui(ui, &mut self.login, view, commands)
                };
                by_key.or(go)
            })
            .inner
        });
        shown.inner
    }

    /// Where a key leads to that was just pressed.
    fn by_key(&self, ui: &Ui, logged_in: bool) -> Option<Go> {
        // Whoever types does with it again what was undone.
        let typing = |key| key == Key::Y && ui.ctx().text_edit_focused();
        let ways = BY_KEY.into_iter().filter(|(page, ..)| logged_in || page.is_for_all());
        let mut pressed = ways.filter(|(_, modifiers, key)| !typing(*key) && shortcut(ui, *modifiers, *key));
        pressed.next().filter(|(page, ..)| *page != self.page).map(|(page, ..)| Go::Page(page))
    }

    fn page_ui(&mut self, ui: &mut Ui, view: &View<'_>, commands: &mut Vec<Command>) -> Option<Go> {
        let hall = |back: bool| back.then_some(Go::Page(Page::Hall));
        match self.page {
            Page::Hall => hall::hall_ui(ui, &mut self.hall, view, commands),
            Page::History => history::history_ui(ui, &mut self.history, view, commands),
            Page::Blocked => hall(history::blocked_ui(ui, view, commands)),
            Page::Tryout => tryout::tryout_ui(ui, &mut self.changes, view, commands),
            Page::Settings => settings::settings_ui(ui, &mut self.changes, view, commands),
            Page::Account => hall(account::account_ui(ui, &mut self.account, view, commands)),
            Page::Interests => {
                hall(interests::interests_ui(ui, &mut self.interests, &mut self.changes, view, commands))
            }
            Page::Help => help::help_ui(ui, &mut self.help, view, commands),
        }
    }
}

/// Somebody rings, is rung, or talks.
fn live(snapshot: &Snapshot) -> bool {
    snapshot.call.as_ref().is_some_and(|call| !matches!(call.stage, Stage::Ended { .. }))
}

/// Somebody is logged in, be the server there or not.
fn is_inside(snapshot: &Snapshot) -> bool {
    matches!(snapshot.connection, Connection::Online { .. } | Connection::Reconnecting { .. })
}

/// Has every window that shows the peer drawn again within `delay`, whichever is being drawn just now.
pub fn repaint_pictures(ctx: &egui::Context, delay: Duration) {
    ctx.request_repaint_after_for(delay, egui::ViewportId::ROOT);
    call::pip::repaint(ctx, delay);
}

fn page(ui: &Ui) -> egui::Frame {
    egui::Frame::new()
        .fill(theme::Palette::of(ui).ground)
        .inner_margin(egui::Margin::symmetric(0, theme::space::M as i8))
}

/// When the window has to be drawn again without anything having changed: at the next full second of the timer
/// that is shown, if one is.
pub fn next_tick(snapshot: &Snapshot, now: Instant) -> Option<Duration> {
    let since = match (&snapshot.call, &snapshot.search) {
        (Some(call), _) => match call.stage {
            Stage::Calling { since } | Stage::Ringing { since } | Stage::Connected { since } => since,
            Stage::Connecting | Stage::Ended { .. } => return None,
        },
        (None, Some(search)) => search.since,
        (None, None) => return None,
    };
    let into_second = Duration::from_nanos(now.saturating_duration_since(since).subsec_nanos().into());
    Some(Duration::from_secs(1).saturating_sub(into_second))
}

/// Whether a shortcut was just pressed; nobody else sees it then. Letters are left to whoever is typing, and all keys to
/// a dialog.
fn shortcut(ui: &Ui, modifiers: Modifiers, key: Key) -> bool {
    let writes = modifiers.is_none() && !matches!(key, Key::Escape | Key::F1 | Key::F11);
    if writes && ui.ctx().text_edit_focused() || ui.ctx().memory(|memory| memory.top_modal_layer().is_some())
    {
        return false;
    }
    ui.input_mut(|input| {
        let mut pressed = false;
        input.events.retain(|event| match event {
            // A key that is held repeats itself, and is meant once.
            Event::Key { key: which, modifiers: with, pressed: true, repeat, .. }
                if *which == key && with.matches_logically(modifiers) =>
            {
                pressed |= !repeat;
                false
            }
            _ => true,
        });
        pressed
    })
}

#[cfg(test)]
mod tests;

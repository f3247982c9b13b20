//! The call itself: the peer's picture, the own one over it, the controls below, and what can be laid over the picture.

use super::icons::Icon;
use super::lines;
use super::places::{menu_item, pill, pill_shape};
use super::theme::{self, Palette, STAGE, letters, size, space};
use super::widgets::{Round, avatar, mirrored, round_button};
use super::{Go, Subject, View, keys, notices, shortcut, text};
use crate::media::frame::Picture;
use crate::view::{CallView, Command};
use crate::words::{say, say_with};
use castle::ids::CallId;
use eframe::egui::{
    self, Align, Align2, Id, Key, Modifiers, Popup, Rect, Response, Sense, Ui, ViewportCommand, WidgetInfo,
    accesskit::{Live, Role},
    pos2, vec2,
};
use std::time::Instant;

mod chat;
mod own;
pub(super) mod pip;
mod rooms;
mod safety;
mod share;
mod stats;
mod title;

/// What is open, typed and moved, for as long as a call lasts.
#[expect(clippy::struct_excessive_bools, reason = "each is a panel of its own")]
#[derive(Debug, Default)]
pub struct Draft {
    call: Option<CallId>,
    own: own::Place,
    chat: bool,
    writing: chat::Draft,
    chat_seen: usize,
    stats: bool,
    safety: bool,
    share: bool,
    pip: Option<pip::Small>,
    talking: bool,
    /// This call made the window fill the screen.
    full: bool,
}

impl Draft {
    /// Begins anew with each call; the own picture stays where it was put, and so does a small window.
    fn of(&mut self, call: &CallView) {
        if self.call != Some(call.id) {
            let (own, full, pip) = (self.own, self.full, self.pip.take());
            *self = Self { call: Some(call.id), own, full, pip, ..Self::default() };
        }
    }

    /// The key that opens the microphone is held no longer, or nobody can tell.
    pub(super) fn let_go(&mut self, commands: &mut Vec<Command>) {
        if std::mem::take(&mut self.talking) {
            commands.push(Command::SetMuted(true));
        }
    }

    /// No call is on: the window that filled the screen for one is as it was.
    pub(super) fn leave_full_screen(&mut self, ctx: &egui::Context) {
        if std::mem::take(&mut self.full) {
            ctx.send_viewport_cmd(ViewportCommand::Fullscreen(false));
        }
    }

    /// No call is on: there is nothing to see in a small window.
    pub(super) fn put_small_away(&mut self, ctx: &egui::Context) {
        if let Some(small) = self.pip.take() {
            small.close(ctx);
        }
    }

    /// The small window follows the call, also while the large one is not drawn.
    pub(super) fn follow(&self, ctx: &egui::Context, call: &CallView) {
        if let Some(small) = &self.pip {
            small.follow(ctx, call);
        }
    }

    fn toggle_small(&mut self, ctx: &egui::Context) {
        if self.pip.is_some() {
            self.put_small_away(ctx);
        } else {
            self.pip = Some(pip::Small::default());
        }
    }

    /// What is being written stays while the panel is closed.
    fn toggle_chat(&mut self) {
        self.chat = !self.chat;
        self.writing.begin();
    }

    fn toggle_full_screen(&mut self, ui: &Ui) {
        self.full = !is_full_screen(ui);
        ui.ctx().send_viewport_cmd(ViewportCommand::Fullscreen(self.full));
    }

    /// How wide the card over the picture is, if one is open.
    fn card(&self) -> Option<f32> {
        let dialog = (self.safety || self.share).then_some(size::DIALOG);
        self.stats.then_some(size::PANEL).or(dialog)
    }

    /// Lines of the other end that were not in view yet.
    fn unread(&self, call: &CallView) -> usize {
        if self.chat {
            return 0;
        }
        call.chat.iter().skip(self.chat_seen).filter(|line| !line.mine).count()
    }
}

/// Draws the screen with its notices; returns where else one wants to go.
pub fn call_ui(
    ui: &mut Ui,
    draft: &mut Draft,
    view: &View<'_>,
    (call, since): (&CallView, Instant),
    overloaded: &mut bool,
    commands: &mut Vec<Command>,
) -> Option<Go> {
    draft.of(call);
    talk_key(ui, draft, view, commands);
    let room = ui.max_rect();
    ui.painter().rect_filled(room, 0.0, STAGE.ground);
    let (mut stage, bar) = room.split_top_bottom_at_y(room.bottom() - BAR_HEIGHT);
    if draft.chat {
        let panel;
        (stage, panel) = chat::beside(stage);
        if chat::chat_ui(ui, &mut draft.writing, call, panel, commands) {
            draft.toggle_chat();
        }
        draft.chat_seen = call.chat.len();
    }
    // What lies over the picture keeps to its edges, not to those of the bars beside it; cards may need these, too.
    let whole = stage;
    let over = |shown: Option<Rect>, stage| shown.filter(|shown| fills(*shown, stage)).unwrap_or(stage);
    let (stage, (own, taken)) = if call.peer_sharing {
        let places = share::Places::in_stage(stage);
        let shown = share::peer_ui(ui, draft, view, call, places);
        (over(shown, places.screen), (places.own, 0.0))
    } else {
        let stage = over(remote_ui(ui, draft, view, call, (stage, 0)), stage);
        (stage, own::own_ui(ui, &mut draft.own, view, call, stage))
    };
    let cards = stage.with_max_y(whole.bottom());
    if call.path_lost {
        title::strip_ui(ui, call, stage, say("call-path-lost"));
    } else if call.peer_reconnecting {
        title::strip_ui(
            ui,
            call,
            stage,
            &say_with("call-peer-reconnecting", &[("peer", call.peer.as_str().into())]),
        );
    }
    let below = title::title_ui(ui, view, call, since, (stage, taken));
    if call.sharing {
        share::stop_ui(ui, stage, commands);
    }
    let told = notices::Floating::new(view, *overloaded);
    let (cards, free) = rooms::apart(ui, draft, call, (whole, cards, below), &told);
    let free = own.map_or(free, |own| rooms::around(own, free, told.size(ui, free)));
    if draft.stats {
        draft.stats = !stats::stats_ui(ui, call, cards, below);
    } else if draft.safety {
        draft.safety = !safety::safety_ui(ui, call, cards, below, commands);
    } else if draft.share && share::choose_ui(ui, view, cards, below, commands) {
        draft.share = false;
    }
    let go = controls_ui(ui, draft, call, bar, commands);
    let figures = call.stats.as_ref().map(text::stats).unwrap_or_default();
    let place = Rect::from_min_max(pos2(bar.left(), bar.bottom() - FIGURES_HEIGHT - space::S), bar.max);
    figures_ui(ui, &figures, place.shrink2(vec2(space::M, 0.0)));
    draft.pip.take_if(|small| !small.show(ui.ctx(), view, call));
    told.show(ui, free, overloaded, commands);
    go
}

/// Height of the controls with the figures below them.
const BAR_HEIGHT: f32 = size::ROUND_CELL_H + FIGURES_HEIGHT + 2.0 * space::M;

/// Whether what lies over a picture finds room on it.
fn fills(picture: Rect, stage: Rect) -> bool {
    let taken = picture.size() / stage.size();
    taken.min_elem() >= theme::share::FILLED
}

/// Room for two lines of figures, kept while there are none, so that nothing jumps.
const FIGURES_HEIGHT: f32 = 2.0 * letters::SMALL_LINE;

fn figures_ui(ui: &mut Ui, figures: &str, place: Rect) {
    let galley = lines::paragraph(ui, figures, letters::SMALL, STAGE.soft, place.width(), Align::Center);
    let left = place.center().x - galley.size().x / 2.0 - galley.rect.left();
    ui.painter().galley(pos2(left, place.top()), galley, STAGE.soft);
    ui.interact(place, Id::unique("figures"), Sense::hover())
        .widget_info(|| WidgetInfo::labeled(Role::Label, true, figures));
}

/// The microphone is open while the key is held, where the person wants it so.
fn talk_key(ui: &Ui, draft: &mut Draft, view: &View<'_>, commands: &mut Vec<Command>) {
    if !view.snapshot.preferences.push_to_talk || ui.ctx().text_edit_focused() {
        return draft.let_go(commands);
    }
    let held = ui.input_mut(|input| {
        input.consume_key(Modifiers::NONE, Key::Space);
        input.key_down(Key::Space) && input.focused
    });
    // Whatever the snapshot says: it may be from before the key went down, and the microphone is to be shut.
    if held != draft.talking {
        draft.talking = held;
        commands.push(Command::SetMuted(!held));
    }
}

/// Draws the peer's picture, its corners as round as told; returns where it is, if there is one.
fn remote_ui(
    ui: &mut Ui,
    draft: &mut Draft,
    view: &View<'_>,
    call: &CallView,
    (stage, radius): (Rect, u8),
) -> Option<Rect> {
    let shown = if call.peer_camera_on { view.remote.paint(ui, stage, false, radius) } else { None };
    let words = match (shown, view.remote.picture()) {
        (Some(_), _) => None,
        (None, _) if call.sound_alone => Some(say("call-sound-alone")),
        (None, Picture::Off) => Some(say("call-peer-camera-off")),
        (None, _) if !call.peer_camera_on => Some(say("call-peer-camera-off")),
        (None, _) => Some(say("call-waiting-picture")),
    };
    let frozen = call.frozen.filter(|_| words.is_none()).map(|frozen| {
        let seconds = view.now.saturating_duration_since(frozen.since).as_secs().max(1);
        say_with("call-frozen", &[("peer", call.peer.as_str().into()), ("seconds", seconds.into())])
    });
    let picture = ui.interact(stage, Id::unique("remote picture"), Sense::CLICK);
    if picture.double_clicked() {
        draft.toggle_full_screen(ui);
    }
    picture.widget_info(|| {
        let name = say_with("call-picture-of", &[("peer", call.peer.as_str().into())]);
        let name = words.map_or(name.clone(), |words| format!("{name}: {words}"));
        WidgetInfo::labeled(Role::Image, true, frozen.clone().unwrap_or(name))
    });
    ui.ctx().accesskit_node_builder(picture.id, |node| node.set_live(Live::Polite));
    let small = stage.height() < size::FACE_WITH_WORDS;
    if let Some(words) = words {
        let face = size::AVATAR_LARGE.min(stage.height() * theme::share::FACE_IN_TILE);
        avatar(ui, stage.center(), face, &call.peer, &STAGE);
        if !small {
            let below = stage.center() + vec2(0.0, face / 2.0 + space::M);
            let galley = lines::line(ui, words, letters::BODY, STAGE.soft);
            ui.painter().galley(below - vec2(galley.size().x / 2.0, 0.0), galley, STAGE.soft);
        }
    }
    if let Some(frozen) = &frozen {
        let at = (stage.center(), Align2::CENTER_CENTER);
        let room = stage.width() - 2.0 * space::M;
        if small {
            pill_shape(ui, at, room, say("call-frozen-short"), letters::SMALL);
        } else {
            pill(ui, "frozen", at, room, frozen, letters::BODY);
        }
    }
    shown
}

/// One control of the bar.
struct Control {
    icon: Icon,
    name: &'static str,
    modifiers: Modifiers,
    key: Key,
    look: Round,
    does: Does,
}

enum Does {
    Push(Command),
    Chat,
    Share,
    More,
}

/// The controls of the bar, as many as fit into `room`: what does not is in the menu.
fn controls(call: &CallView, draft: &Draft, room: f32) -> Vec<Control> {
    let plain = Round::plain(&STAGE);
    let lit = Round::lit(&STAGE);
    let letter =
        |icon, name, key, look, does| Control { icon, name, modifiers: Modifiers::NONE, key, look, does };
    let (mic, mic_name, mic_look) = if call.muted {
        (Icon::MicOff, say("call-unmute"), lit)
    } else {
        (Icon::Mic, say("call-mute"), plain)
    };
    let (camera, camera_name, camera_look) = if call.camera_on {
        (Icon::Camera, say("call-camera-off"), plain)
    } else {
        (Icon::CameraOff, say("call-camera-on"), lit)
    };
    let chat_look = if draft.unread(call) > 0 { Round::accent(&STAGE) } else { plain };
    let mut all = vec![
        letter(mic, mic_name, Key::M, mic_look, Does::Push(Command::SetMuted(!call.muted))),
        letter(camera, camera_name, Key::V, camera_look, Does::Push(Command::SetCamera(!call.camera_on))),
        letter(Icon::Chat, say("chat"), Key::C, chat_look, Does::Chat),
    ];
    let others = if call.matched { 3 } else { 2 };
    if (all.len() + others + 1) as f32 * size::ROUND_CELL <= room {
        let look = if call.sharing { Round::accent(&STAGE) } else { plain };
        all.push(letter(Icon::Share, say("share-short"), Key::D, look, Does::Share));
    }
    if call.matched {
        // It ends the call: no bare letter does that.
        all.push(Control {
            icon: Icon::Next,
            name: say("call-next"),
            modifiers: Modifiers::COMMAND,
            key: Key::N,
            look: plain,
            does: Does::Push(Command::Next),
        });
    }
    all.push(letter(Icon::More, say("call-more"), Key::O, plain, Does::More));
    all.push(Control {
        icon: Icon::HangUp,
        name: say("call-hang-up"),
        modifiers: Modifiers::COMMAND,
        key: Key::H,
        look: Round::danger(&STAGE),
        does: Does::Push(Command::HangUp),
    });
    all
}

fn controls_ui(
    ui: &mut Ui,
    draft: &mut Draft,
    call: &CallView,
    bar: Rect,
    commands: &mut Vec<Command>,
) -> Option<Go> {
    let mut go = None;
    let all = controls(call, draft, bar.width());
    let in_bar = all.iter().any(|control| matches!(control.does, Does::Share));
    let wide = all.len() as f32 * size::ROUND_CELL;
    let mut left = bar.center().x - wide / 2.0;
    for control in all {
        let cell = vec2(size::ROUND_CELL, size::ROUND_CELL_H);
        let place = mirrored(Rect::from_min_size(pos2(left, bar.top() + space::M), cell), bar);
        left += size::ROUND_CELL;
        // An id of its own: what comes and goes on the screen does not take the keyboard away.
        let builder = egui::UiBuilder::new().max_rect(place).scope_id(Id::unique(("control", control.key)));
        let Control { icon, name, modifiers, key, look, does } = control;
        let unread = if matches!(does, Does::Chat) { draft.unread(call) } else { 0 };
        let caption = if unread > 0 { text::chat_count(unread) } else { name.to_owned() };
        let pressed = keys::name(modifiers, key);
        let response =
            ui.scope_builder(builder, |ui| round_button(ui, icon, &caption, &pressed, look, &STAGE)).inner;
        if unread > 0 {
            let words = text::chat_unread(unread);
            response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &words));
            ui.ctx().accesskit_node_builder(response.id, |node| node.set_live(Live::Polite));
        }
        // The key of sharing stops it, too, and works where there is no button.
        let asked = response.clicked() || !matches!(does, Does::Share) && shortcut(ui, modifiers, key);
        match does {
            Does::Push(command) if asked => commands.push(command),
            Does::Chat if asked => draft.toggle_chat(),
            Does::Share if asked => choose_screen(draft, commands),
            Does::More => {
                let by_key = asked && !response.clicked();
                more_ui(ui, (&response, by_key, in_bar), draft, call, (&mut go, &mut *commands));
            }
            Does::Push(_) | Does::Chat | Does::Share => {}
        }
    }
    go
}

/// Opens the choice of screens, or puts it away.
fn choose_screen(draft: &mut Draft, commands: &mut Vec<Command>) {
    (draft.share, draft.stats, draft.safety) = (!draft.share, false, false);
    if draft.share {
        commands.push(Command::LookForScreens);
    }
}

/// What there is no round button for. Its keys work with the menu closed, too.
fn more_ui(
    ui: &Ui,
    (button, by_key, shares_in_bar): (&Response, bool, bool),
    draft: &mut Draft,
    call: &CallView,
    (go, commands): (&mut Option<Go>, &mut Vec<Command>),
) {
    let (mut devices, mut help) = (false, false);
    let (mut share, mut safety, mut stats, mut full, mut pip) = (
        !call.sharing && shortcut(ui, Modifiers::NONE, Key::D),
        shortcut(ui, Modifiers::NONE, Key::S),
        shortcut(ui, Modifiers::NONE, Key::I),
        shortcut(ui, Modifiers::NONE, Key::F11),
        shortcut(ui, Modifiers::NONE, Key::P),
    );
    if by_key {
        Popup::toggle_id(ui.ctx(), Popup::default_response_id(button));
    }
    Popup::menu(button).width(size::MENU).show(|ui| {
        // All of it is in view in the lowest window, too.
        ui.spacing_mut().item_spacing.y = space::XS;
        if !shares_in_bar {
            // While one shares, the way to stop is a button of its own; another choice is made here, too.
            share |= menu_item(ui, say("share"), if call.sharing { "" } else { "D" }, None);
        }
        safety |= menu_item(ui, say("safety"), "S", None);
        stats |= menu_item(ui, say("stats"), "I", None);
        full |= menu_item(ui, say("call-full-screen"), "F11", None);
        pip |= menu_item(ui, say("call-pip"), "P", None);
        devices |= menu_item(ui, say("call-devices"), "", None);
        help |= menu_item(ui, say("help"), "F1", None);
        if let Some(guest) = call.peer_guest {
            let subject = || Subject { guest, name: call.peer.clone(), call: Some(call.id) };
            if menu_item(ui, say("guest-report"), "", None) {
                *go = Some(Go::Report(subject()));
            }
            if menu_item(ui, say("guest-block"), "", Some(Palette::of(ui).danger_ink)) {
                *go = Some(Go::Block(subject()));
            }
        }
    });
    if share {
        choose_screen(draft, commands);
    }
    if safety {
        (draft.safety, draft.stats, draft.share) = (!draft.safety, false, false);
    }
    if stats {
        (draft.stats, draft.safety, draft.share) = (!draft.stats, false, false);
    }
    if full || (is_full_screen(ui) && shortcut(ui, Modifiers::NONE, Key::Escape)) {
        draft.toggle_full_screen(ui);
    }
    if devices {
        *go = Some(Go::Devices);
    }
    if help || shortcut(ui, Modifiers::NONE, Key::F1) {
        *go = Some(Go::Help);
    }
    if pip {
        draft.toggle_small(ui.ctx());
    }
}

fn is_full_screen(ui: &Ui) -> bool {
    ui.input(|input| input.viewport().fullscreen.unwrap_or(false))
}

//! The window: takes the engine's newest snapshot, draws it, and hands over what was asked for.
//!
//! Owns the window and its life, from the first frame to a clean goodbye. Never waits for the engine while it
//! lives, and draws only when something changed.

mod place;
mod zoom;

use crate::engine::{EngineHandle, Waker};
use crate::ui::video::{Renderer, Screen, Shown, Tile};
use crate::ui::{Screens, View, next_tick, repaint_pictures, text, theme};
use crate::view::{Command, Preferences, Prefill, Snapshot, Stage, ThemeChoice, WindowPlace};
use crate::words::{self, say};
use eframe::{CreationContext, egui, glow};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

/// What the window starts with.
#[derive(Debug, Clone, Default)]
pub struct AppOptions {
    /// What the login screen begins with.
    pub prefill: Prefill,
    /// How pictures are drawn.
    pub renderer: Renderer,
    /// Where the window was the last time.
    pub place: Option<WindowPlace>,
}

/// Why there is no window. Its text is a sentence for people; the cause goes to the log.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// No display server.
    #[error("{}", say("window-no-display"))]
    NoDisplay(#[source] eframe::Error),
    /// No usable OpenGL.
    #[error("{}", say("window-no-opengl"))]
    NoOpenGl(#[source] eframe::Error),
    /// Anything else.
    #[error("{}", say("window-not-opened"))]
    NotOpened(#[source] eframe::Error),
}

impl From<eframe::Error> for AppError {
    fn from(error: eframe::Error) -> Self {
        match error {
            eframe::Error::Winit(_) | eframe::Error::WinitEventLoop(_) => Self::NoDisplay(error),
            eframe::Error::Glutin(_) | eframe::Error::NoGlutinConfigs(..) | eframe::Error::OpenGL(_) => {
                Self::NoOpenGl(error)
            }
            eframe::Error::AppCreation(_) => Self::NotOpened(error),
        }
    }
}

/// Wakes the window once it is there. Made before the engine, which needs it, and before the window.
#[derive(Debug, Clone, Default)]
pub struct Wake {
    context: Arc<OnceLock<egui::Context>>,
}

/// Not zero, for which egui would draw twice.
const SOON: Duration = Duration::from_micros(1);

/// Sizes of everything that differ by less are the same.
const ZOOM_STEP: f32 = 0.005;

/// A picture of the own camera waits this long for one of the peer's, to be drawn with it.
const OWN_PICTURE_WAIT: Duration = Duration::from_millis(30);

impl Wake {
    /// For the engine.
    pub fn waker(&self) -> Waker {
        let wake = self.clone();
        Arc::new(move || wake.after(SOON))
    }

    /// The large window: which one is just being drawn says nothing about who is to be woken.
    fn after(&self, delay: Duration) {
        if let Some(context) = self.context.get() {
            context.request_repaint_after_for(delay, egui::ViewportId::ROOT);
        }
    }

    /// Every window that shows the peer.
    fn for_picture(&self) {
        if let Some(context) = self.context.get() {
            repaint_pictures(context, SOON);
        }
    }
}

/// What task bars show of the window; the same as of the program where it is installed.
fn icon() -> egui::IconData {
    let png = include_bytes!("../assets/castle-desktop.png");
    eframe::icon_data::from_png_bytes(png).expect("the picture beside the sources is one")
}

/// A window that was nowhere before: the system knows a place for it.
const FIRST_PLACE: WindowPlace =
    WindowPlace { at: None, size: (theme::size::WINDOW_W, theme::size::WINDOW_H), maximized: false };

/// The window as it opens: where and as large as it was left.
fn viewport(place: Option<WindowPlace>) -> egui::ViewportBuilder {
    let place = place.unwrap_or(FIRST_PLACE);
    let mut viewport = egui::ViewportBuilder::default()
        .with_title(say("app"))
        .with_app_id("castle-desktop")
        .with_inner_size([place.size.0, place.size.1])
        .with_maximized(place.maximized)
        .with_min_inner_size([theme::size::WINDOW_MIN_W, theme::size::WINDOW_MIN_H])
        .with_clamp_size_to_monitor_size(true)
        .with_icon(icon());
    if let Some((left, top)) = place.at {
        viewport = viewport.with_position([left, top]);
    }
    viewport
}

/// Opens the window and returns when it was closed and the engine has stopped. `wake` is the one whose
/// [`waker`](Wake::waker) the engine was started with.
pub fn run(engine: EngineHandle, wake: Wake, options: AppOptions) -> Result<(), AppError> {
    eframe::run_native(
        "castle-desktop",
        native(options.place),
        Box::new(move |cc| Ok(Box::new(App::new(cc, engine, &wake, options)))),
    )
    .map_err(AppError::from)
}

/// Names in any script show: letters that no font of egui has come from the system's.
fn native(place: Option<WindowPlace>) -> eframe::NativeOptions {
    eframe::NativeOptions { viewport: viewport(place), system_font_fallback: true, ..Default::default() }
}

/// The window's contents, for eframe.
#[derive(Debug)]
pub struct App {
    /// `None` once the window is closing.
    engine: Option<Arc<EngineHandle>>,
    snapshot: Arc<Snapshot>,
    screens: Screens,
    remote: Tile,
    local: Tile,
    screen: Tile,
    commands: Vec<Command>,
    ringing: bool,
    title: String,
    /// The settings that the window shows already.
    worn: Option<Arc<Preferences>>,
    /// How often a second start called this window up.
    called_up: u64,
    /// What the engine was told of the window.
    in_front: Option<bool>,
    place: Option<WindowPlace>,
    /// At which size of everything the place was last told.
    zoom: f32,
}

impl App {
    /// Joins the engine to a window.
    pub fn new(cc: &CreationContext<'_>, engine: EngineHandle, wake: &Wake, options: AppOptions) -> Self {
        let ctx = &cc.egui_ctx;
        theme::install(ctx);
        // A second window on the same `wake` would be a broken caller; the first one keeps it.
        wake.context.get_or_init(|| ctx.clone());
        let engine = Arc::new(engine);
        let (remote_frames, local_frames) = (engine.remote_frames(), engine.local_frames());
        let screen_frames = engine.screen_frames();
        let waker = wake.clone();
        screen_frames.on_new(move || waker.after(SOON));
        let waker = wake.clone();
        remote_frames.on_new(move || waker.for_picture());
        let waker = wake.clone();
        local_frames.on_new(move || waker.after(OWN_PICTURE_WAIT));
        let told = Arc::downgrade(&engine);
        let shown: Shown = Arc::new(move |frame| {
            if let Some(engine) = told.upgrade() {
                engine.shown(frame);
            }
        });
        bring_into_view(cc);
        let painter = Screen::new(cc.gl.as_ref(), options.renderer);
        Self {
            snapshot: engine.snapshot(),
            engine: Some(engine),
            screens: Screens::new(options.prefill),
            remote: painter.tile(remote_frames, Some(shown)),
            local: painter.tile(local_frames, None),
            screen: painter.tile(screen_frames, None),
            commands: Vec::new(),
            ringing: false,
            title: say("app").to_owned(),
            worn: None,
            called_up: 0,
            in_front: None,
            place: options.place,
            zoom: ctx.zoom_factor(),
        }
    }

    /// What is done whether or not the window is drawn.
    fn tend(&mut self, ctx: &egui::Context) {
        let Some(engine) = &self.engine else { return };
        let before = std::mem::replace(&mut self.snapshot, engine.snapshot());
        if self.snapshot.closing {
            // First of all: whatever breaks below, an end that was asked for comes.
            ctx.send_viewport_cmd(egui::ViewportCommand::Close);
        }
        let call = |snapshot: &Snapshot| snapshot.call.as_ref().map(|call| call.id);
        if call(&before) != call(&self.snapshot) {
            self.forget_pictures();
        }
        self.remote.poll(ctx);
        self.local.poll(ctx);
        self.screen.poll(ctx);
        self.wear(ctx);
        self.announce(ctx);
        self.screens.tend(ctx, &self.snapshot);
        self.mind_window(ctx);
        // Here, too: a window that is minimised is not drawn.
        self.hand_over();
    }

    /// What breaks in `tend` ends neither the window nor the call: the pictures are dropped, and the window says so.
    fn guarded(&mut self, tend: impl FnOnce(&mut Self)) {
        if catch_unwind(AssertUnwindSafe(|| tend(self))).is_err() {
            self.forget_pictures();
            self.screens.tell_broken();
        }
    }

    fn forget_pictures(&self) {
        for tile in [&self.remote, &self.local, &self.screen] {
            tile.forget();
        }
    }

    /// Tells the engine whether the window is in front and where it is, and comes to the front when called up.
    fn mind_window(&mut self, ctx: &egui::Context) {
        let called_up = &self.snapshot.called_up;
        if called_up.times != self.called_up {
            self.called_up = called_up.times;
            if let Some(link) = &called_up.link {
                self.screens.bring_link(link.clone());
            }
            ctx.send_viewport_cmd(egui::ViewportCommand::Minimized(false));
            ctx.send_viewport_cmd(egui::ViewportCommand::Focus);
        }
        let zoom = ctx.zoom_factor();
        let (front, mut place) = ctx.input(|input| {
            let window = input.viewport();
            let front = window.focused.unwrap_or(input.focused) && !window.minimized.unwrap_or(false);
            (front, place::of(window, zoom, self.place.unwrap_or(FIRST_PLACE)))
        });
        if self.zoom.to_bits() != zoom.to_bits() {
            // The window was measured in points of the former size.
            self.zoom = zoom;
            place = None;
            ctx.request_repaint();
        }
        if self.in_front.replace(front) != Some(front) {
            if !front {
                self.screens.let_go(&mut self.commands);
            }
            self.commands.push(Command::SetInFront(front));
        }
        if let Some(place) = place.filter(|place| self.place != Some(*place)) {
            self.place = Some(place);
            self.commands.push(Command::SetWindowPlace(place));
        }
        let closes = ctx.input(|input| input.viewport().close_requested());
        if closes && !self.snapshot.closing && !self.screens.may_close(&self.snapshot) {
            ctx.send_viewport_cmd(egui::ViewportCommand::CancelClose);
            ctx.send_viewport_cmd(egui::ViewportCommand::Minimized(false));
            ctx.send_viewport_cmd(egui::ViewportCommand::Focus);
        }
    }

    /// Hands what was asked for to the engine.
    fn hand_over(&mut self) {
        for command in self.commands.drain(..) {
            if self.engine.as_ref().is_some_and(|engine| !engine.send(command)) {
                self.screens.tell_overloaded();
            }
        }
    }

    /// Takes on language, colours and size as they are set.
    fn wear(&mut self, ctx: &egui::Context) {
        let set = &self.snapshot.preferences;
        let zoom = ctx.zoom_factor();
        let fitting = zoom::fitting(set.zoom, ctx.content_rect().size() * zoom);
        // What a conversion loses is no change: it would draw the window again for ever.
        if (fitting - zoom).abs() > ZOOM_STEP {
            ctx.set_zoom_factor(fitting);
        }
        if self.worn.as_ref().is_some_and(|worn| Arc::ptr_eq(worn, set)) {
            return;
        }
        words::choose(set.language.as_deref());
        ctx.set_theme(match set.theme {
            ThemeChoice::System => egui::ThemePreference::System,
            ThemeChoice::Light => egui::ThemePreference::Light,
            ThemeChoice::Dark => egui::ThemePreference::Dark,
        });
        let monitor = ctx.input(|input| input.viewport().monitor_size);
        let least = zoom::smallest_window(set.zoom, monitor.map(|size| size * zoom));
        ctx.send_viewport_cmd(egui::ViewportCommand::MinInnerSize(least / zoom));
        self.worn = Some(set.clone());
    }

    /// Says in the window's title who calls or is on, and asks for the person's eye when a call comes in.
    fn announce(&mut self, ctx: &egui::Context) {
        let call = self.snapshot.call.as_ref();
        let title = match call.map(|call| (&call.stage, &call.peer)) {
            Some((Stage::Ringing { .. }, peer)) => text::window_ringing(peer),
            Some((Stage::Connected { .. }, peer)) => text::window_in_call(peer),
            _ => say("app").to_owned(),
        };
        if title != self.title {
            ctx.send_viewport_cmd(egui::ViewportCommand::Title(title.clone()));
            self.title = title;
        }
        let ringing = call.is_some_and(|call| matches!(call.stage, Stage::Ringing { .. }));
        if ringing != self.ringing {
            self.ringing = ringing;
            let attention =
                if ringing { egui::UserAttentionType::Critical } else { egui::UserAttentionType::Reset };
            ctx.send_viewport_cmd(egui::ViewportCommand::RequestUserAttention(attention));
        }
    }
}

/// A window that was kept on a monitor that is no more comes back where it can be seen.
fn bring_into_view(cc: &CreationContext<'_>) {
    let Some(window) = cc.winit_window() else { return };
    let Ok(at) = window.outer_position() else { return };
    let size = window.outer_size();
    let own = place::rect((at.x, at.y), (size.width, size.height));
    let monitors = window.available_monitors().map(|monitor| {
        let (at, size) = (monitor.position(), monitor.size());
        place::rect((at.x, at.y), (size.width, size.height))
    });
    if let Some(at) = place::into_view(own, &monitors.collect::<Vec<_>>()) {
        let at = at / window.scale_factor() as f32;
        cc.egui_ctx.send_viewport_cmd(egui::ViewportCommand::OuterPosition(at));
    }
}

impl eframe::App for App {
    fn logic(&mut self, ctx: &egui::Context, _frame: &mut eframe::Frame) {
        self.guarded(|app| app.tend(ctx));
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        let now = Instant::now();
        let (wall, remote, local, screen) = (SystemTime::now(), &self.remote, &self.local, &self.screen);
        let view = View { snapshot: &self.snapshot, now, wall, remote, local, screen };
        self.screens.show(ui, &view, &mut self.commands);
        self.hand_over();
        if let Some(delay) = next_tick(&self.snapshot, now) {
            ui.ctx().request_repaint_after(delay);
        }
    }

    fn on_exit(&mut self, _gl: Option<&glow::Context>) {
        let Some(engine) = self.engine.take() else { return };
        let in_call =
            self.snapshot.call.as_ref().is_some_and(|call| !matches!(call.stage, Stage::Ended { .. }));
        if in_call && !engine.send(Command::HangUp) {
            tracing::warn!(
                "the engine was too busy to hang up; the server ends the call when the session ends"
            );
        }
        // Painting, the only other holder, is over.
        if let Some(engine) = Arc::into_inner(engine) {
            engine.stop();
        }
    }
}

#[cfg(test)]
mod tests;

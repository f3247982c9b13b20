//! Every screen and state, found by accessible names, used by pointer and by keyboard alone.

use castle::ids::{CallId, GuestId};
use castle_desktop::ui::video::Tile;
use castle_desktop::ui::{Screens, View, theme};
use castle_desktop::view::{
    Availability, CallStats, CallView, Command, Connection, EndReason, HallRow, Me, Notice, Prefill, Quality,
    Route, Search, Severity, Snapshot, Stage,
};
use castle_desktop::words::{say, say_with};
use eframe::egui::epaint::text::{FontInsert, FontPriority, InsertFontFamily};
use eframe::egui::{self, Vec2, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

mod account;
mod arriving;
mod awaiting;
mod call;
mod edges;
mod ended;
mod faces;
mod fitting;
mod hall;
mod layout;
mod leaving;
mod login;
mod mirrored;
mod monkey;
mod notices;
mod pages;
mod pictures;
mod raster;
mod reports;
mod small;
mod states;
mod unanswered;
mod window;

const SERVER: &str = "http://127.0.0.1:50051";
const ROOMY: Vec2 = vec2(900.0, 700.0);
const SMALLEST: Vec2 = vec2(theme::size::WINDOW_MIN_W, theme::size::WINDOW_MIN_H);
/// A first window with everything at twice its size: the least room that there is.
const LOWEST: Vec2 = vec2(theme::size::WINDOW_MIN_W, theme::size::WINDOW_LOWEST_H);

/// A window without an engine: the snapshot is made by hand, commands are kept.
struct Window {
    snapshot: Snapshot,
    screens: Screens,
    remote: Tile,
    local: Tile,
    screen: Tile,
    now: Instant,
    commands: Vec<Command>,
}

/// A day in the life of the tests.
fn clock() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}

fn peer_reconnecting() -> String {
    say_with("call-peer-reconnecting", &[("peer", "Ana".into())])
}

type Shown = Harness<'static, Window>;

impl Window {
    fn new(snapshot: Snapshot, prefill: Prefill) -> Self {
        Self {
            snapshot,
            screens: Screens::new(prefill),
            remote: Tile::empty(),
            local: Tile::empty(),
            screen: Tile::empty(),
            now: Instant::now(),
            commands: Vec::new(),
        }
    }
}

/// The letters of the right-to-left language, on whatever machine: a sign that no font has breaks the test.
fn hebrew() -> FontInsert {
    let font = egui::FontData::from_static(include_bytes!("screens/fonts/hebrew.ttf"));
    let last = InsertFontFamily { family: egui::FontFamily::Proportional, priority: FontPriority::Lowest };
    FontInsert::new("hebrew", font, vec![last])
}

fn dress(ctx: &egui::Context) {
    theme::install(ctx);
    ctx.add_font(hebrew());
}

fn built(builder: egui_kittest::HarnessBuilder<Window>, window: Window, size: Vec2) -> Shown {
    let draw = |ui: &mut egui::Ui, window: &mut Window| {
        let Window { snapshot, screens, remote, local, screen, now, commands } = window;
        remote.poll(ui.ctx());
        local.poll(ui.ctx());
        screen.poll(ui.ctx());
        let view = View { snapshot, now: *now, wall: clock(), remote, local, screen };
        // All of the window: the harness leaves a frame free.
        let room = egui::UiBuilder::new().max_rect(ui.ctx().content_rect());
        ui.scope_builder(room, |ui| screens.show(ui, &view, commands));
    };
    let mut shown = builder.with_size(size).with_context_setup(dress).build_ui_state(draw, window);
    shown.run();
    shown
}

fn show_with(snapshot: Snapshot, prefill: Prefill, size: Vec2) -> Shown {
    built(Harness::builder(), Window::new(snapshot, prefill), size)
}

fn show(snapshot: Snapshot) -> Shown {
    show_with(snapshot, Prefill::default(), ROOMY)
}

/// What was asked for since the last look.
fn commands(shown: &mut Shown) -> Vec<Command> {
    shown.run();
    std::mem::take(&mut shown.state_mut().commands)
}

fn click(shown: &mut Shown, name: &str) -> Vec<Command> {
    // Not by the pointer, since it may have to be scrolled to.
    shown.get_by_label(name).click_accesskit();
    commands(shown)
}

fn press(shown: &mut Shown, modifiers: egui::Modifiers, key: egui::Key) -> Vec<Command> {
    shown.key_press_modifiers(modifiers, key);
    commands(shown)
}

fn type_text(shown: &mut Shown, text: &str) {
    shown.event(egui::Event::Text(text.to_owned()));
    shown.run();
}

/// Name of what has the keyboard.
fn focused(shown: &Shown) -> Option<String> {
    shown
        .root()
        .children_recursive()
        .find(egui_kittest::Node::is_focused)
        .and_then(|node| node.accesskit_node().label())
}

fn says(shown: &Shown, words: &str) -> bool {
    shown.query_all_by_label_contains(words).next().is_some()
}

fn guest(number: u128, name: &str, availability: Availability) -> HallRow {
    let login = format!("login-{number}");
    HallRow { guest: GuestId::from_bits(number), name: login, display_name: name.into(), availability }
}

fn online() -> Snapshot {
    Snapshot {
        connection: Connection::Online { server: SERVER.into() },
        me: Some(Me {
            guest: GuestId::from_bits(99),
            name: "noor".into(),
            display_name: "Noor".into(),
            availability: Availability::Available,
        }),
        hall: Arc::new(vec![
            guest(1, "Ana", Availability::Available),
            guest(2, "Bruno", Availability::InCall),
            guest(3, "Chiyo", Availability::DoNotDisturb),
        ]),
        ..Snapshot::default()
    }
}

fn in_call(stage: Stage) -> Snapshot {
    let call = CallView {
        peer_guest: Some(GuestId::from_bits(1)),
        ..CallView::new(CallId::from_bits(1), "Ana".into(), stage)
    };
    Snapshot { call: Some(call), ..online() }
}

fn talking(change: impl FnOnce(&mut CallView)) -> Snapshot {
    let mut snapshot = in_call(Stage::Connected { since: Instant::now() });
    change(snapshot.call.as_mut().expect("just made"));
    snapshot
}

fn searching() -> Snapshot {
    let search = Search {
        since: Instant::now(),
        position: Some(2),
        waiting: Some(5),
        estimate: None,
        muted: false,
        camera_on: true,
    };
    Snapshot { search: Some(search), ..online() }
}

fn notice(id: u64, severity: Severity, text: &str) -> Notice {
    Notice { id, severity, text: text.into(), offer: None, gone: None }
}

fn figures() -> CallStats {
    CallStats {
        route: Some(Route::Relay),
        rtt_ms: Some(41.7),
        loss: Some(0.012),
        fps: Some(29.9),
        glass_to_glass_ms: Some(84.2),
        size: Some((1280, 720)),
        ..CallStats::default()
    }
}

const REASONS: [EndReason; 12] = [
    EndReason::Declined,
    EndReason::Busy,
    EndReason::Cancelled,
    EndReason::TimedOut,
    EndReason::HungUp,
    EndReason::PeerHungUp,
    EndReason::Disconnected,
    EndReason::Failed,
    EndReason::AnsweredElsewhere,
    EndReason::Superseded,
    EndReason::ShuttingDown,
    EndReason::Forgotten,
];

fn ended(reason: EndReason) -> Snapshot {
    in_call(Stage::Ended { reason, lasted: Some(Duration::from_secs(65)) })
}

//! How long the window takes to build a frame: laid out and turned into triangles, as the thread that draws does it,
//! without the graphics card. A hall of ten thousand guests, which is scrolled, searched and changed, and a monkey that
//! presses and clicks at random on every page and on every screen of a call.

use crate::percentile;
use crate::row::{Better, Row};
use castle::ids::{CallId, GuestId};
use castle_desktop::ui::video::Tile;
use castle_desktop::ui::{Page, Screens, View, theme};
use castle_desktop::view::{
    Availability, CallView, Command, Connection, EndReason, HallRow, Me, Prefill, Snapshot, Stage,
};
use eframe::egui::{self, Event, Key, Modifiers, MouseWheelUnit, PointerButton, Pos2, Rect, pos2, vec2};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// Guests in the hall.
const GUESTS: u128 = 10_000;
/// Frames of each kind.
const FRAMES: usize = 1_000;
/// A frame at 60 Hz, milliseconds.
const FRAME_MS: f64 = 1000.0 / 60.0;
/// Size of the window, points.
const ROOM: egui::Vec2 = vec2(960.0, 720.0);

const PAGES: [Page; 8] = [
    Page::Hall,
    Page::History,
    Page::Blocked,
    Page::Tryout,
    Page::Settings,
    Page::Account,
    Page::Interests,
    Page::Help,
];
/// Those of a call open what can be laid over it.
const KEYS: [Key; 12] = [
    Key::Tab,
    Key::Enter,
    Key::Space,
    Key::ArrowDown,
    Key::PageDown,
    Key::Backspace,
    Key::F,
    Key::Escape,
    Key::C,
    Key::D,
    Key::I,
    Key::S,
];

/// A window without an engine and without a screen.
struct Window {
    ctx: egui::Context,
    screens: Screens,
    snapshot: Snapshot,
    tiles: [Tile; 3],
    commands: Vec<Command>,
    begun: Instant,
}

fn guest(number: u128) -> HallRow {
    let availability = match number % 4 {
        0 => Availability::InCall,
        1 => Availability::DoNotDisturb,
        _ => Availability::Available,
    };
    let name = format!("guest{number}");
    HallRow {
        guest: GuestId::from_bits(number),
        display_name: format!("Guest of honour {number}"),
        name,
        availability,
    }
}

fn hall() -> Vec<HallRow> {
    (1..=GUESTS).map(guest).collect()
}

/// What a call goes through, and what can be different about it: every screen of its own.
fn calls() -> Vec<CallView> {
    let since = Instant::now();
    let ended = |reason| Stage::Ended { reason, lasted: Some(Duration::from_secs(65)) };
    let stages = [
        Stage::Calling { since },
        Stage::Ringing { since },
        Stage::Connecting,
        Stage::Connected { since },
        ended(EndReason::PeerHungUp),
        ended(EndReason::Failed),
    ];
    let call = |stage| CallView {
        peer_guest: Some(GuestId::from_bits(1)),
        matched: true,
        ..CallView::new(CallId::from_bits(1), "Guest of honour 1".into(), stage)
    };
    let connected = || call(Stage::Connected { since });
    let mut calls: Vec<_> = stages.into_iter().map(call).collect();
    calls.push(CallView { peer_sharing: true, ..connected() });
    calls.push(CallView { sharing: true, muted: true, camera_on: false, ..connected() });
    calls.push(CallView { path_lost: true, peer_camera_on: false, ..connected() });
    calls
}

impl Window {
    fn new() -> Self {
        let ctx = egui::Context::default();
        theme::install(&ctx);
        let me = Me {
            guest: GuestId::from_bits(0),
            name: "ada".into(),
            display_name: "Ada".into(),
            availability: Availability::Available,
        };
        let snapshot = Snapshot {
            connection: Connection::Online { server: "https://castle.example".into() },
            me: Some(me),
            hall: Arc::new(hall()),
            ..Snapshot::default()
        };
        Self {
            ctx,
            screens: Screens::new(Prefill::default()),
            snapshot,
            tiles: [Tile::empty(), Tile::empty(), Tile::empty()],
            commands: Vec::new(),
            begun: Instant::now(),
        }
    }

    /// Builds a frame; milliseconds.
    fn frame(&mut self, events: Vec<Event>) -> f64 {
        let at = Instant::now();
        let input = egui::RawInput {
            screen_rect: Some(Rect::from_min_size(Pos2::ZERO, ROOM)),
            time: Some(self.begun.elapsed().as_secs_f64()),
            events,
            ..Default::default()
        };
        let Self { screens, snapshot, tiles: [remote, local, screen], commands, .. } = self;
        let output = self.ctx.run_ui(input, |ui| {
            let view = View { snapshot, now: at, wall: SystemTime::now(), remote, local, screen };
            screens.show(ui, &view, commands);
        });
        std::hint::black_box(self.ctx.tessellate(output.shapes, output.pixels_per_point));
        self.commands.clear();
        at.elapsed().as_secs_f64() * 1e3
    }

    fn scroll(by: f32) -> Vec<Event> {
        let wheel = Event::MouseWheel {
            unit: MouseWheelUnit::Point,
            delta: vec2(0.0, by),
            phase: egui::TouchPhase::Move,
            source: egui::MouseWheelSource::Unknown,
            modifiers: Modifiers::NONE,
        };
        vec![Event::PointerMoved((ROOM / 2.0).to_pos2()), wheel]
    }

    fn at_random(random: &mut ChaCha8Rng) -> Vec<Event> {
        let at = pos2(random.random_range(0.0..ROOM.x), random.random_range(0.0..ROOM.y));
        let modifiers = [Modifiers::NONE, Modifiers::COMMAND][random.random_range(0..2)];
        let key = KEYS[random.random_range(0..KEYS.len())];
        let key = |pressed| Event::Key { key, physical_key: None, pressed, repeat: false, modifiers };
        let button = |pressed| Event::PointerButton {
            pos: at,
            button: PointerButton::Primary,
            pressed,
            modifiers: Modifiers::NONE,
        };
        match random.random_range(0..4) {
            0 => vec![key(true), key(false)],
            1 => vec![Event::PointerMoved(at), button(true), button(false)],
            2 => vec![Event::Text("guest 7".into())],
            _ => Self::scroll(random.random_range(-900.0..900.0)),
        }
    }
}

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let mut told = |what: &str, mut times: Vec<f64>| {
        rows.push(Row::new(
            format!("ui: frame, {what} p50"),
            "ms",
            Better::Lower,
            percentile(&mut times, 0.5),
        ));
        let slow = percentile(&mut times, 0.99);
        rows.push(Row::new(format!("ui: frame, {what} p99"), "ms", Better::Lower, slow).goal(FRAME_MS));
    };

    let mut window = Window::new();
    window.frame(Vec::new());
    told("hall of 10,000 scrolled", (0..FRAMES).map(|_| window.frame(Window::scroll(-400.0))).collect());

    // Each frame sees another hall, as when guests come and go all the time.
    let mut rows_now = hall();
    let changed = (0..FRAMES).map(|place| {
        rows_now[place].availability = Availability::InCall;
        window.snapshot.hall = Arc::new(rows_now.clone());
        window.frame(Vec::new())
    });
    told("hall of 10,000 that changed", changed.collect());

    let mut random = ChaCha8Rng::seed_from_u64(6);
    let mut window = Window::new();
    let calls = calls();
    let monkey = (0..FRAMES * 10).map(|place| {
        if place % 40 == 0 {
            let place = random.random_range(0..PAGES.len() + calls.len());
            window.snapshot.call = place.checked_sub(PAGES.len()).map(|place| calls[place].clone());
            if let Some(page) = PAGES.get(place) {
                window.screens.open(*page, &window.snapshot, &mut window.commands);
            }
            // A second of rest between pages: what glides has arrived.
            window.begun = window.begun.checked_sub(Duration::from_secs(1)).unwrap_or(window.begun);
        }
        window.frame(Window::at_random(&mut random))
    });
    told("monkey on every page", monkey.collect());
    rows
}

//! Shows each screen with made-up contents, without a server and without an engine: for looking at them.
//!
//! `cargo run -p castle-desktop --example gallery -- SCREEN [light|dark] [auto|gl|cpu] [WIDTHxHEIGHT] [SECONDS]`.
//! With SECONDS it closes by itself and prints the share of a core that it used, and what it drew. Without SCREEN it lists
//! them.

use castle::ids::{CallId, GuestId};
use castle_desktop::media::frame::{FrameInfo, FramePool, FrameSlot, Picture};
use castle_desktop::ui::video::{Renderer, Screen, Shown, Tile};
use castle_desktop::ui::{Screens, View, next_tick, repaint_pictures, theme};
use castle_desktop::view::{
    Availability, CallStats, CallView, Connection, Devices, EndReason, HallRow, Me, Notice, Prefill, Route,
    Search, Severity, Snapshot, Stage,
};
use eframe::egui;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const SERVER: &str = "http://127.0.0.1:50051";
const NAMES: [&str; 12] = [
    "Ana Lópezová",
    "Bruno",
    "Chiyo Tanaka",
    "Dmitri Petrov",
    "Emilia van der Meer-Oosterhuis of the Long Names",
    "Farid",
    "Grete Holm",
    "Hugo",
    "Ingrid Ås",
    "João",
    "Katja",
    "Lê Minh",
];

fn hall(count: usize) -> Arc<Vec<HallRow>> {
    let row = |place: usize| HallRow {
        guest: GuestId::from_bits(place as u128 + 1),
        name: format!("guest{place}"),
        display_name: if place < NAMES.len() {
            NAMES[place].to_owned()
        } else {
            format!("{} {place}", NAMES[place % NAMES.len()])
        },
        availability: [Availability::Available, Availability::InCall, Availability::Available]
            .into_iter()
            .chain([Availability::DoNotDisturb])
            .nth(place % 4)
            .unwrap_or_default(),
    };
    Arc::new((0..count).map(row).collect())
}

fn online() -> Snapshot {
    Snapshot {
        connection: Connection::Online { server: SERVER.into() },
        me: Some(Me {
            guest: GuestId::from_bits(99),
            name: "you".into(),
            display_name: "Noor".into(),
            availability: Availability::Available,
        }),
        hall: hall(12),
        ..Snapshot::default()
    }
}

fn in_call(stage: Stage) -> Snapshot {
    let call =
        CallView { matched: true, ..CallView::new(CallId::from_bits(1), "Ana Lópezová".into(), stage) };
    Snapshot { call: Some(call), ..online() }
}

fn talking(change: impl FnOnce(&mut CallView), now: Instant) -> Snapshot {
    let mut snapshot = in_call(Stage::Connected { since: now });
    let call = snapshot.call.as_mut().expect("just made");
    call.stats = Some(CallStats {
        route: Some(Route::Relay),
        rtt_ms: Some(41.7),
        loss: Some(0.012),
        fps: Some(29.9),
        glass_to_glass_ms: Some(84.2),
        size: Some((640, 360)),
        ..CallStats::default()
    });
    change(call);
    snapshot
}

fn snapshot(screen: &str, now: Instant) -> Option<Snapshot> {
    let error =
        |text: &str| Notice { id: 1, severity: Severity::Error, text: text.into(), offer: None, gone: None };
    let ended = |reason, lasted: Option<u64>| {
        in_call(Stage::Ended { reason, lasted: lasted.map(Duration::from_secs) })
    };
    let search = |position, waiting, estimate: Option<u64>| {
        let estimate = estimate.map(Duration::from_secs);
        Snapshot {
            search: Some(Search { since: now, position, waiting, estimate, muted: false, camera_on: true }),
            ..online()
        }
    };
    Some(match screen {
        "login" | "register" | "register-link" => Snapshot::default(),
        "login-busy" => {
            Snapshot { connection: Connection::LoggingIn { server: SERVER.into() }, ..Snapshot::default() }
        }
        "login-error" => Snapshot {
            notices: vec![error("Name or password is wrong. Check both and try again.")],
            ..Snapshot::default()
        },
        "hall" => online(),
        "hall-empty" => Snapshot { hall: Arc::default(), ..online() },
        "hall-10000" => Snapshot { hall: hall(10_000), ..online() },
        "hall-notices" => Snapshot {
            connection: Connection::Reconnecting { server: SERVER.into(), since: now },
            notices: vec![
                error("Bruno could not be called: he just left."),
                Notice {
                    id: 2,
                    severity: Severity::Info,
                    text: "You are logged in on another device, too.".into(),
                    offer: None,
                    gone: None,
                },
            ],
            devices: Devices {
                camera_fault: Some(
                    "Another program uses it. Close that program, and it starts by itself.".into(),
                ),
                ..Devices::default()
            },
            ..online()
        },
        "search" => search(Some(3), Some(7), Some(20)),
        "search-alone" => search(Some(1), Some(1), None),
        "calling" => in_call(Stage::Calling { since: now }),
        "ringing" => in_call(Stage::Ringing { since: now }),
        "connecting" => in_call(Stage::Connecting),
        "call" => talking(|_| {}, now),
        "call-muted" => talking(
            |call| {
                call.muted = true;
                call.peer_muted = true;
                call.camera_on = false;
                call.peer_reconnecting = true;
            },
            now,
        ),
        "call-peer-off" => talking(|call| call.peer_camera_on = false, now),
        "call-notices" => {
            Snapshot { notices: vec![error("The camera was unplugged.")], ..talking(|_| {}, now) }
        }
        "ended" => ended(EndReason::PeerHungUp, Some(754)),
        "ended-failed" => ended(EndReason::Failed, None),
        _ => return None,
    })
}

const SCREENS: &str = "login register register-link login-busy login-error hall hall-empty hall-10000 hall-notices \
                       search search-alone calling ringing connecting call call-muted call-peer-off call-notices \
                       ended ended-failed";

fn prefill(screen: &str) -> Prefill {
    let server = match screen {
        "register-link" => Some("castle+plaintext://127.0.0.1:50051/?invite=K7QM-2FXD-9TRA".to_owned()),
        "login" => None,
        _ => Some(SERVER.to_owned()),
    };
    Prefill { server, name: None, invitation: (screen == "register").then(String::new) }
}

/// Puts a moving picture into the slot, 30 times a second, until the window closes.
fn film(slot: Arc<FrameSlot>, width: usize, height: usize) {
    std::thread::spawn(move || {
        let mut pool = FramePool::new();
        let begin = Instant::now();
        for number in 0_u32.. {
            let frame = pool.draw(width, height, FrameInfo::default(), |planes| {
                for (row, line) in planes.y.chunks_mut(planes.y_stride).enumerate() {
                    for (column, sample) in line.iter_mut().enumerate() {
                        let squares = ((column + 4 * number as usize) / 40 + row / 40) & 1;
                        *sample = (40 + column * 120 / width + squares * 50) as u8;
                    }
                }
                for (row, line) in planes.u.chunks_mut(planes.uv_stride).enumerate() {
                    line.fill((90 + row * 100 / height) as u8);
                }
                planes.v.fill(140);
            });
            slot.put(frame);
            let next = begin + Duration::from_secs(1) * (number + 1) / 30;
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
        }
    });
}

struct Gallery {
    snapshot: Snapshot,
    screens: Screens,
    remote: Tile,
    local: Tile,
    screen: Tile,
    begin: Instant,
    lasts: Option<Duration>,
    drawn: u32,
    /// Pictures of the peer that came to the screen, in whatever window.
    shown: Arc<AtomicU32>,
    cpu_at_begin: Duration,
}

impl eframe::App for Gallery {
    fn logic(&mut self, ctx: &egui::Context, _frame: &mut eframe::Frame) {
        self.remote.poll(ctx);
        self.local.poll(ctx);
        if let Some(lasts) = self.lasts {
            let lived = self.begin.elapsed();
            if lived >= lasts {
                let cpu = cpu_time().saturating_sub(self.cpu_at_begin);
                let share = 100.0 * cpu.as_secs_f64() / lived.as_secs_f64();
                let shown = self.shown.load(Ordering::Relaxed);
                println!(
                    "{share:.1} % of a core, {} drawn, {shown} pictures shown in {lived:.1?}",
                    self.drawn
                );
                self.lasts = None;
                ctx.send_viewport_cmd(egui::ViewportCommand::Close);
            } else {
                ctx.request_repaint_after(lasts.saturating_sub(lived));
            }
        }
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        self.drawn += 1;
        let now = Instant::now();
        let wall = std::time::SystemTime::now();
        let (remote, local, screen) = (&self.remote, &self.local, &self.screen);
        let view = View { snapshot: &self.snapshot, now, wall, remote, local, screen };
        let mut commands = Vec::new();
        self.screens.show(ui, &view, &mut commands);
        for command in commands {
            println!("{command:?}");
        }
        if let Some(delay) = next_tick(&self.snapshot, now) {
            ui.ctx().request_repaint_after(delay);
        }
    }
}

/// Spent by all threads that live; zero where the system does not tell.
fn cpu_time() -> Duration {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    threads
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("schedstat")).ok())
        .filter_map(|line| line.split(' ').next()?.parse().ok())
        .map(Duration::from_nanos)
        .sum()
}

fn main() -> eframe::Result {
    let arguments: Vec<String> = std::env::args().collect();
    let argument = |place: usize| arguments.get(place).map_or("", String::as_str);
    let screen = argument(1).to_owned();
    let Some(snapshot) = snapshot(&screen, Instant::now()) else {
        println!("screens: {SCREENS}");
        return Ok(());
    };
    let theme =
        if argument(2) == "dark" { egui::ThemePreference::Dark } else { egui::ThemePreference::Light };
    let renderer = match argument(3) {
        "cpu" => Renderer::Cpu,
        "gl" => Renderer::Shader,
        _ => Renderer::Auto,
    };
    let size = argument(4).split_once('x').and_then(|(w, h)| Some([w.parse().ok()?, h.parse().ok()?]));
    let lasts = argument(5).parse().ok().map(Duration::from_secs);
    let viewport = egui::ViewportBuilder::default().with_inner_size(size.unwrap_or([960.0_f32, 720.0]));
    eframe::run_native(
        "gallery",
        eframe::NativeOptions { viewport, ..Default::default() },
        Box::new(move |cc| {
            theme::install(&cc.egui_ctx);
            cc.egui_ctx.set_theme(theme);
            let (remote, local) = (FrameSlot::new(), FrameSlot::new());
            for (slot, delay) in [(&remote, 0), (&local, 30)] {
                let ctx = cc.egui_ctx.clone();
                let delay = Duration::from_millis(delay).max(Duration::from_micros(1));
                slot.on_new(move || repaint_pictures(&ctx, delay));
            }
            if screen.starts_with("call-peer") {
                remote.set_picture(Picture::Off);
            } else if screen.starts_with("call") && screen != "calling" {
                film(remote.clone(), 640, 360);
            }
            if screen.starts_with("call") && screen != "calling" {
                film(local.clone(), 320, 180);
            }
            let painter = Screen::new(cc.gl.as_ref(), renderer);
            let shown = Arc::<AtomicU32>::default();
            let count = shown.clone();
            let count: Shown = Arc::new(move |_| {
                count.fetch_add(1, Ordering::Relaxed);
            });
            Ok(Box::new(Gallery {
                snapshot,
                screens: Screens::new(prefill(&screen)),
                remote: painter.tile(remote, Some(count)),
                local: painter.tile(local, None),
                screen: Tile::empty(),
                begin: Instant::now(),
                lasts,
                drawn: 0,
                shown,
                cpu_at_begin: cpu_time(),
            }))
        }),
    )
}

//! The window with a real engine behind it.

use crate::support::{TestServer, config, until_published};
use castle_desktop::app::{App, AppOptions, Wake};
use castle_desktop::engine::{Engine, EngineConfig};
use castle_desktop::media::frame::{FrameInfo, FramePool};
use castle_desktop::profile::Profile;
use castle_desktop::view::{Connection, Prefill, Snapshot, WindowPlace};
use castle_desktop::words::say;
use castle_server::config::MatchRoute;
use eframe::App as _;
use eframe::egui::{self, ViewportCommand, ViewportId};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

#[test]
fn closing_the_window_stops_the_engine_within_a_second() {
    let wake = Wake::default();
    let waker = wake.waker();
    let held_by_engine = Arc::downgrade(&waker);
    let engine = Engine::start(EngineConfig::default(), waker);
    let prefill = Prefill { name: Some("noor".into()), ..Prefill::default() };
    let options = AppOptions { prefill, ..AppOptions::default() };
    let mut window = Harness::builder().build_eframe(|cc| App::new(cc, engine, &wake, options));
    window.run();
    assert_eq!(window.get_by_label(say("login-name")).value().as_deref(), Some("noor"));
    assert!(held_by_engine.upgrade().is_some(), "the engine runs");
    let closing = Instant::now();
    window.state_mut().on_exit(None);
    assert!(held_by_engine.upgrade().is_none(), "the engine has ended");
    assert!(closing.elapsed() < Duration::from_secs(1));
    window.step();
}

#[test]
fn a_window_that_is_called_up_comes_to_the_front_once() {
    let wake = Wake::default();
    let engine = Engine::start(EngineConfig::default(), wake.waker());
    let (line, mut snapshots) = (engine.line(), engine.snapshots());
    let options = AppOptions::default();
    let mut window = Harness::builder().build_eframe(|cc| App::new(cc, engine, &wake, options));
    window.run();
    let asked = |window: &Harness<'_, App>| {
        let root = window.output().viewport_output.get(&ViewportId::ROOT).expect("the window");
        [ViewportCommand::Minimized(false), ViewportCommand::Focus]
            .map(|wanted| root.commands.contains(&wanted))
    };
    assert_eq!(asked(&window), [false, false]);

    // As by a click on a notice of the system.
    line.call_up(None);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(snapshots.wait_for(|snapshot| snapshot.called_up.times == 1)).expect("the engine runs");
    window.step();
    assert_eq!(asked(&window), [true, true], "out of the task bar, and to the front");
    window.step();
    assert_eq!(asked(&window), [false, false], "somebody may have put another window before it");
    window.state_mut().on_exit(None);
}

/// Waits for what the engine says, then lets the window draw it.
fn until(
    window: &mut Harness<'_, App>,
    snapshots: &watch::Receiver<Arc<Snapshot>>,
    holds: impl Fn(&Snapshot) -> bool,
) {
    until_published(snapshots, "drawn", holds);
    window.run_steps(3);
}

#[test]
fn a_picture_that_cannot_be_drawn_ends_neither_the_window_nor_what_it_shows() {
    let wake = Wake::default();
    let engine = Engine::start(EngineConfig::default(), wake.waker());
    let slots = [engine.remote_frames(), engine.local_frames(), engine.screen_frames()];
    let mut window = Harness::builder().build_eframe(|cc| App::new(cc, engine, &wake, AppOptions::default()));
    window.run();
    for slot in slots {
        // Without a pixel.
        slot.put(FramePool::new().draw(0, 0, FrameInfo::default(), |_| {}));
        window.run();
        window.get_by_label(say("login-name"));
    }
    window.state_mut().on_exit(None);
}

const LINK: &str = "castle://hall.example:50051/?invite=K7QM";

#[test]
fn a_link_of_a_second_start_is_at_the_login_or_asked_about_where_one_is_logged_in() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(folder.path(), MatchRoute::Direct));
    for logged_in in [false, true] {
        let wake = Wake::default();
        let engine = Engine::start(EngineConfig::default(), wake.waker());
        let (line, snapshots) = (engine.line(), engine.snapshots());
        if logged_in {
            assert!(engine.send(server.registering("ada")));
        }
        let mut window =
            Harness::builder().build_eframe(|cc| App::new(cc, engine, &wake, AppOptions::default()));
        until(&mut window, &snapshots, |snapshot| snapshot.me.is_some() == logged_in);
        line.call_up(Some(LINK.into()));
        until(&mut window, &snapshots, |snapshot| snapshot.called_up.times == 1);
        if logged_in {
            window.get_by_label("Join hall.example:50051?");
            window.get_by_label(say("join-do")).click_accesskit();
            window.run_steps(3);
            until(&mut window, &snapshots, |snapshot| snapshot.connection == Connection::LoggedOut);
        }
        let field = window.get_by_label(say("login-server-or-link"));
        assert_eq!(field.value().as_deref(), Some(LINK), "logged in: {logged_in}");
        window.state_mut().on_exit(None);
    }
}

#[test]
fn where_a_window_is_left_is_kept_for_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let wake = Wake::default();
    let profile = Profile::open(folder.path(), false);
    let engine = Engine::start(EngineConfig { profile, ..EngineConfig::default() }, wake.waker());
    let mut window = Harness::builder().build_eframe(|cc| App::new(cc, engine, &wake, AppOptions::default()));
    let rect = |at: (f32, f32), size: (f32, f32)| egui::Rect::from_min_size(at.into(), size.into());
    let (frame, contents) = (rect((320.0, 40.0), (1100.0, 830.0)), rect((320.0, 70.0), (1100.0, 800.0)));
    let told = window.input_mut().viewports.entry(ViewportId::ROOT).or_default();
    (told.outer_rect, told.inner_rect, told.maximized) = (Some(frame), Some(contents), Some(false));
    window.run_steps(3);
    window.state_mut().on_exit(None);
    let kept = Profile::open(folder.path(), false).settings.get().window;
    let left = WindowPlace { at: Some((320.0, 40.0)), size: (1100.0, 800.0), maximized: false };
    assert_eq!(kept, Some(left));
}

//! The window with a real engine behind it.

use castle_desktop::app::{App, AppOptions, Wake};
use castle_desktop::engine::{Engine, EngineConfig};
use castle_desktop::view::Prefill;
use castle_desktop::words::say;
use eframe::App as _;
use eframe::egui::{ViewportCommand, ViewportId};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use std::sync::Arc;
use std::time::{Duration, Instant};

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

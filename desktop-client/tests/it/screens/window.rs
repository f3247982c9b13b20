//! The window with a real engine behind it.

use castle_desktop::app::{App, AppOptions, Wake};
use castle_desktop::engine::{Engine, EngineConfig};
use castle_desktop::view::Prefill;
use castle_desktop::words::say;
use eframe::App as _;
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

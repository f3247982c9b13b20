//! A window that nobody draws: minimised, or behind others. It rings and talks as ever.

use crate::support::{Guest, PATIENCE, TestServer, config, until_published, without_devices};
use castle_desktop::app::{App, AppOptions, Wake};
use castle_desktop::engine::{Engine, EngineConfig, SystemNotice, Viewer};
use castle_desktop::media::frame::FrameSlot;
use castle_desktop::view::{Command, EndReason, Preferences, Snapshot, Stage};
use castle_desktop::words::say;
use castle_server::config::MatchRoute;
use eframe::App as _;
use eframe::egui::{Key, Modifiers, ViewportId};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

type Told = Arc<Mutex<Vec<SystemNotice>>>;

/// Ada's app, logged in, as `preferences` say.
struct Ada {
    window: Harness<'static, App>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    pictures: Arc<FrameSlot>,
    told: Told,
}

impl Ada {
    fn at(server: &TestServer, preferences: Preferences) -> Self {
        let (wake, told) = (Wake::default(), Told::default());
        let heard = told.clone();
        let notifier = move |notice| heard.lock().expect("no holder panics").push(notice);
        let config =
            EngineConfig { viewer: Viewer::Window, notifier: Some(Arc::new(notifier)), ..without_devices() };
        let engine = Engine::start(config, wake.waker());
        assert!(engine.send(Command::SetPreferences(Box::new(preferences))));
        assert!(engine.send(server.registering("ada")));
        let (snapshots, pictures) = (engine.snapshots(), engine.remote_frames());
        let window =
            Harness::builder().build_eframe(move |cc| App::new(cc, engine, &wake, AppOptions::default()));
        let ada = Self { window, snapshots, pictures, told };
        ada.until("online", |snapshot| snapshot.me.is_some());
        ada
    }

    /// Waits without drawing anything.
    fn until(&self, what: &str, holds: impl Fn(&Snapshot) -> bool) {
        until_published(&self.snapshots, what, holds);
    }

    fn until_stage(&self, what: &str, holds: impl Fn(&Stage) -> bool) {
        self.until(what, |snapshot| snapshot.call.as_ref().is_some_and(|call| holds(&call.stage)));
    }

    /// Takes the call that rings, by the window.
    fn accepts(&mut self) {
        self.until_stage("ringing", |stage| matches!(stage, Stage::Ringing { .. }));
        self.window.step();
        self.window.get_by_label(say("call-accept")).click_accesskit();
        self.window.step();
        self.until_stage("connected", |stage| matches!(stage, Stage::Connected { .. }));
        self.window.step();
    }

    /// The window goes out of sight: the system draws it no more, and the app only has its turns without a picture.
    fn hides(&mut self) {
        let input = self.window.input_mut();
        input.focused = false;
        let window = input.viewports.entry(ViewportId::ROOT).or_default();
        (window.focused, window.minimized) = (Some(false), Some(true));
        let ctx = self.window.ctx.clone();
        // The system's last word arrives with a turn, and nothing is drawn of it.
        let raw = self.window.input_mut().take();
        let mut frame = eframe::Frame::_new_kittest();
        let app = self.window.state_mut();
        let mut turn = ctx.run_ui(raw, |ui| app.logic(ui, &mut frame));
        turn.textures_delta.clear();
    }

    fn sees_more(&self) {
        for number in 0..10 {
            let picture = self.pictures.wait(PATIENCE);
            assert!(picture.is_some(), "no picture after {number}");
        }
    }
}

#[test]
fn a_window_that_is_not_drawn_rings_talks_and_hears_of_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(folder.path(), MatchRoute::Direct));
    let mut ada = Ada::at(&server, Preferences::default());
    let bea = Guest::online(&server, "bea");
    bea.calls("ada");
    ada.accepts();
    bea.until_seeing();
    ada.hides();
    for _ in 0..3 {
        bea.until_seeing_more();
        ada.sees_more();
    }
    bea.does(Command::HangUp);
    ada.until_stage("ended", |stage| matches!(stage, Stage::Ended { reason: EndReason::PeerHungUp, .. }));
    bea.does(Command::CloseCall);
    bea.calls("ada");
    ada.until_stage("ringing", |stage| matches!(stage, Stage::Ringing { .. }));
    let told = ada.told.lock().expect("no holder panics").clone();
    assert_eq!(told.last(), Some(&SystemNotice::Ringing { peer: "bea".into() }));
    ada.window.state_mut().on_exit(None);
}

#[test]
fn a_window_that_goes_out_of_sight_with_the_key_held_shuts_the_microphone() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(folder.path(), MatchRoute::Direct));
    let by_key = Preferences { push_to_talk: true, ..Preferences::default() };
    let mut ada = Ada::at(&server, by_key);
    let bea = Guest::online(&server, "bea");
    bea.calls("ada");
    ada.accepts();
    let muted = |muted: bool| {
        bea.until(if muted { "silence" } else { "a voice" }, |snapshot| {
            snapshot.call.as_ref().is_some_and(|call| call.peer_muted == muted)
        });
    };
    muted(true);
    ada.window.key_down_modifiers(Modifiers::NONE, Key::Space);
    ada.window.step();
    muted(false);
    ada.hides();
    muted(true);
    ada.window.state_mut().on_exit(None);
}

//! One picture of each screen in each theme, against the one that was looked at and kept, and those that README shows.
//!
//! Tolerance: a pixel may differ by 0.6 on dify's scale (a shade that nobody sees), and none may differ by more. With
//! `UPDATE_SNAPSHOTS=1` the kept pictures are made anew (`make pictures`); with `PICTURES=FOLDER` all are written there
//! too, with the right-to-left ones and those at the smallest size.

use super::raster::Raster;
use super::*;
use castle_desktop::media::frame::FrameSlot;
use castle_desktop::ui::video::Screen;
use castle_desktop::words;
use egui::{Key, Modifiers, Theme};
use egui_kittest::{SnapshotOptions, SnapshotResults, try_image_snapshot_options};
use std::path::PathBuf;

const SIZE: Vec2 = vec2(800.0, 660.0);

/// `fonts`: with those of the system, which differ from machine to machine.
fn picture(state: &states::State, theme: Theme, size: Vec2, fonts: bool) -> image::RgbaImage {
    let mut window = faces::with_faces(state);
    // Timers stand where they began.
    let since = match (&window.snapshot.call, &window.snapshot.search) {
        (Some(call), _) => match call.stage {
            Stage::Calling { since } | Stage::Ringing { since } | Stage::Connected { since } => Some(since),
            Stage::Connecting | Stage::Ended { .. } => None,
        },
        (None, search) => search.as_ref().map(|search| search.since),
    };
    window.now = since.unwrap_or(window.now);
    let builder = Harness::builder().with_theme(theme).renderer(Raster::default());
    let mut shown = built(builder, window, size);
    if fonts {
        let system = egui_system_font_provider::SystemFontProvider::new();
        shown.ctx.add_font_provider(Arc::new(system));
    }
    state.prepare(&mut shown);
    shown.run();
    shown.render().expect("drawn on the CPU")
}

/// The small window of a call, as it is drawn by itself.
fn small_picture(theme: Theme, camera_on: bool) -> image::RgbaImage {
    let slot = FrameSlot::new();
    let mut window = Window::new(talking(|call| call.peer_camera_on = camera_on), Prefill::default());
    window.remote = Screen::cpu().tile(slot.clone(), None);
    let mut large = built(Harness::builder(), window, SIZE);
    large.ctx.set_embed_viewports(false);
    press(&mut large, Modifiers::NONE, Key::P);
    let (_, small) = small::small(&large).expect("it is there");
    let draw = small.viewport_ui_cb.expect("it is drawn by itself");
    // Only now, so that it is the small window which draws it first.
    slot.put(faces::frame(640, 360));
    let all = move |ui: &mut egui::Ui| {
        let room = egui::UiBuilder::new().max_rect(ui.ctx().content_rect());
        ui.scope_builder(room, |ui| draw(ui));
    };
    let builder = Harness::builder().with_theme(theme).renderer(Raster::default()).with_context_setup(dress);
    let mut shown = builder.with_size(vec2(theme::size::PIP_W, theme::size::PIP_H)).build_ui(all);
    shown.run();
    shown.render().expect("drawn on the CPU")
}

fn looks_as_kept(suffix: &str, theme: Theme) {
    let options = SnapshotOptions::new().threshold(0.6).output_path("tests/it/screens/pictures");
    let folder = std::env::var_os("PICTURES").map(PathBuf::from);
    let mut results = SnapshotResults::new();
    let mut look = |name: &str, drawn: &image::RgbaImage| {
        let name = format!("{name}-{suffix}");
        if let Some(folder) = &folder {
            drawn.save(folder.join(format!("{name}.png"))).expect("pictures can be written");
        }
        results.add(try_image_snapshot_options(drawn, name, &options));
    };
    for state in states::every_part() {
        look(state.name, &picture(&state, theme, SIZE, false));
    }
    for (name, camera_on) in [("call-pip", true), ("call-pip-off", false)] {
        look(name, &small_picture(theme, camera_on));
    }
    if let Some(folder) = folder {
        write_all(&folder, suffix, theme);
    }
    results.unwrap();
}

/// The same at other sizes and in other languages, for people to look at. The last two are a window of the first size at
/// twice the size of letters, and a large screen.
fn write_all(folder: &std::path::Path, suffix: &str, theme: Theme) {
    let sizes = [
        ("he", "he", SIZE),
        ("small", "de", SMALLEST),
        ("zoomed", "en", LOWEST),
        ("large", "en", vec2(1920.0, 1080.0)),
    ];
    for (how, language, size) in sizes {
        for state in words::speaking(language, states::every_part) {
            let path = folder.join(format!("{}-{how}-{suffix}.png", state.name));
            let drawn = words::speaking(language, || picture(&state, theme, size, true));
            drawn.save(path).expect("pictures can be written");
        }
    }
}

#[test]
fn every_screen_looks_as_it_did_when_it_was_looked_at_by_day() {
    looks_as_kept("light", Theme::Light);
}

#[test]
fn every_screen_looks_as_it_did_when_it_was_looked_at_by_night() {
    looks_as_kept("dark", Theme::Dark);
}

/// Of the pictures in README those of one screen: the file, what is on it, in which theme and language.
const README: [(&str, &str, Theme, &str); 6] = [
    ("hall", "hall-full", Theme::Light, "en"),
    ("call", "call", Theme::Light, "en"),
    ("tryout", "tryout", Theme::Dark, "en"),
    ("history", "history", Theme::Light, "en"),
    ("hall-he", "hall-full", Theme::Light, "he"),
    ("chat", "call-chat", Theme::Dark, "en"),
];

#[test]
fn what_readme_shows_looks_as_the_app_does() {
    let options = SnapshotOptions::new().threshold(0.6).output_path("../docs/pictures");
    let mut results = SnapshotResults::new();
    for (file, name, theme, language) in README {
        let drawn = words::speaking(language, || picture(&states::named(name), theme, SIZE, false));
        results.add(try_image_snapshot_options(&drawn, file, &options));
    }
    results.unwrap();
}

#[test]
fn readme_shows_what_is_kept_for_it_and_nothing_else() {
    let readme = include_str!("../../../../README.md");
    let files = readme.split("docs/pictures/").skip(1).filter_map(|rest| rest.split(')').next());
    let mut shown: Vec<_> = files.collect();
    // The demo's two windows as they are (scripts/demo_xvfb.sh).
    let mut kept = vec!["demo-call.jpg".to_owned()];
    kept.extend(README.map(|(file, ..)| format!("{file}.png")));
    shown.sort_unstable();
    kept.sort_unstable();
    assert_eq!(shown, kept);
}

//! One picture of each screen in each theme, against the one that was looked at and kept.
//!
//! Tolerance: a pixel may differ by 0.6 on dify's scale (a shade that nobody sees), and none may differ by more. With
//! `UPDATE_SNAPSHOTS=1` the kept pictures are made anew; with `PICTURES=FOLDER` all are written there too, with the
//! right-to-left ones and those at the smallest size.

use super::raster::Raster;
use super::*;
use castle_desktop::media::frame::{FrameInfo, FramePool, FrameSlot, Picture, VideoFrame};
use castle_desktop::ui::video::Screen;
use castle_desktop::words;
use egui_kittest::SnapshotOptions;

const SIZE: Vec2 = vec2(800.0, 660.0);

/// A picture as it comes from a camera.
pub(super) fn frame(width: usize, height: usize) -> VideoFrame {
    FramePool::new().draw(width, height, FrameInfo::default(), |planes| {
        for (row, line) in planes.y.chunks_mut(planes.y_stride).enumerate() {
            for (column, sample) in line.iter_mut().enumerate() {
                let squares = (column / 40 + row / 40) & 1;
                *sample = (50 + column * 110 / width + squares * 30) as u8;
            }
        }
        for (row, line) in planes.u.chunks_mut(planes.uv_stride).enumerate() {
            line.fill((100 + row * 80 / height) as u8);
        }
        planes.v.fill(138);
    })
}

/// A tile with a still picture in it.
pub(super) fn still(width: usize, height: usize) -> Tile {
    let slot = FrameSlot::new();
    slot.set_picture(Picture::Live);
    slot.put(frame(width, height));
    Screen::cpu().tile(slot, None)
}

/// `fonts`: with those of the system, which differ from machine to machine.
fn picture(state: states::State, theme: egui::Theme, size: Vec2, fonts: bool) -> image::RgbaImage {
    let in_call = state.snapshot.call.is_some() || state.page == castle_desktop::ui::Page::Tryout;
    let mut window = Window::new(state.snapshot.clone(), state.prefill.clone());
    // Timers stand where they began.
    let since = match (&window.snapshot.call, &window.snapshot.search) {
        (Some(call), _) => match call.stage {
            Stage::Calling { since } | Stage::Ringing { since } | Stage::Connected { since } => Some(since),
            Stage::Connecting | Stage::Ended { .. } => None,
        },
        (None, search) => search.as_ref().map(|search| search.since),
    };
    window.now = since.unwrap_or(window.now);
    if in_call {
        (window.remote, window.local) = (still(640, 360), still(320, 180));
        window.screen = still(1280, 800);
    }
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

#[test]
fn every_screen_looks_as_it_did_when_it_was_looked_at() {
    let options = SnapshotOptions::new().threshold(0.6).output_path("tests/it/screens/pictures");
    let folder = std::env::var_os("PICTURES").map(std::path::PathBuf::from);
    let mut results = egui_kittest::SnapshotResults::new();
    let themes = [("light", egui::Theme::Light), ("dark", egui::Theme::Dark)];
    for (suffix, theme) in themes {
        for state in states::every() {
            let name = format!("{}-{suffix}", state.name);
            let drawn = picture(state, theme, SIZE, false);
            if let Some(folder) = &folder {
                drawn.save(folder.join(format!("{name}.png"))).expect("pictures can be written");
            }
            results.add(egui_kittest::try_image_snapshot_options(&drawn, name, &options));
        }
    }
    if let Some(folder) = folder {
        // The last two are a window of the first size at twice the size of letters, and a large screen.
        let sizes = [
            ("he", "he", SIZE),
            ("small", "de", SMALLEST),
            ("zoomed", "en", LOWEST),
            ("large", "en", vec2(1920.0, 1080.0)),
        ];
        for (theme_suffix, theme) in themes {
            for (suffix, language, size) in sizes {
                for state in words::speaking(language, states::every) {
                    let path = folder.join(format!("{}-{suffix}-{theme_suffix}.png", state.name));
                    let drawn = words::speaking(language, || picture(state, theme, size, true));
                    drawn.save(path).expect("pictures can be written");
                }
            }
        }
    }
    results.unwrap();
}

//! Camera, microphone and speaker before a call: how one looks, whether one is heard, which devices are used.

use super::fields::pick;
use super::lines;
use super::places::{card, dialog, page, row};
use super::settings::Changes;
use super::theme::{Palette, STAGE, letters, share, size, space};
use super::widgets::{Weight, button, meter};
use super::{Go, Page, View};
use crate::media::frame::Picture;
use crate::view::{Command, Devices, Preferences, Snapshot, TEST_PICTURE};
use crate::words::say;
use eframe::egui::{self, CornerRadius, Rect, Sense, Ui, WidgetInfo, accesskit::Role, vec2};

/// Draws the screen; returns where else one wants to go.
pub fn tryout_ui(
    ui: &mut Ui,
    changes: &mut Changes,
    view: &View<'_>,
    commands: &mut Vec<Command>,
) -> Option<Go> {
    let devices = &view.snapshot.devices;
    let mut set = changes.begin(view.snapshot);
    let tryout = view.snapshot.tryout.unwrap_or_default();
    let back = page(ui, say("tryout"), |ui| {
        preview_ui(ui, view);
        if let Some(fault) = &devices.camera_fault {
            fault_ui(ui, fault);
        }
        ui.add_space(space::S);
        card(ui, say("tryout-mic"), |ui| {
            lines::soft(ui, say("tryout-mic-explained"));
            meter(ui, say("tryout-level"), tryout.mic_level);
            if let Some(fault) = &devices.mic_fault {
                fault_ui(ui, fault);
            }
        });
        card(ui, say("tryout-speaker"), |ui| {
            row(ui, |ui| {
                let words = if tryout.speaker_playing {
                    say("tryout-speaker-plays")
                } else {
                    say("tryout-speaker-test")
                };
                let test =
                    ui.add_enabled_ui(!tryout.speaker_playing, |ui| button(ui, words, Weight::Secondary));
                if test.inner.clicked() {
                    commands.push(Command::TestSpeaker);
                }
            });
            if let Some(fault) = &devices.speaker_fault {
                fault_ui(ui, fault);
            }
        });
        card(ui, say("settings-devices"), |ui| devices_ui(ui, devices, &mut set));
    });
    changes.end(view.snapshot, set, commands);
    back.then_some(Go::Page(Page::Hall))
}

/// The own picture as in a mirror, or what stands in its way.
fn preview_ui(ui: &mut Ui, view: &View<'_>) {
    let width = ui.available_width();
    let height = (width / size::WIDE).min(ui.ctx().content_rect().height() * share::PREVIEW);
    let (place, response) = ui.allocate_exact_size(vec2(width, height), Sense::hover());
    let frame = Rect::from_center_size(place.center(), vec2(height * size::WIDE, height));
    ui.painter().rect_filled(frame, CornerRadius::same(size::RADIUS_L), STAGE.ground);
    let shown = view.local.paint(ui, frame, true, size::RADIUS_L);
    let words = match (shown, view.local.picture()) {
        (Some(_), _) => None,
        (None, Picture::Lost) => Some(say("own-camera-lost")),
        (None, Picture::Off) => Some(say("own-camera-off")),
        (None, Picture::Waiting | Picture::Live) => Some(say("own-camera-starts")),
    };
    if let Some(words) = words {
        let galley = lines::line(ui, words, letters::BODY, STAGE.soft);
        ui.painter().galley(frame.center() - galley.size() / 2.0, galley, STAGE.soft);
    }
    response.widget_info(|| {
        let name = say("own-picture").to_owned();
        WidgetInfo::labeled(Role::Image, true, words.map_or(name.clone(), |words| format!("{name}, {words}")))
    });
}

fn fault_ui(ui: &mut Ui, fault: &str) {
    let ink = Palette::of(ui).error_ink;
    lines::text(ui, fault, letters::SMALL, ink);
}

/// The choice of devices over a call; every change is heard and seen at once. Returns whether it is to be put away.
pub fn devices_over_call_ui(
    ctx: &egui::Context,
    changes: &mut Changes,
    snapshot: &Snapshot,
    commands: &mut Vec<Command>,
) -> bool {
    let mut set = changes.begin(snapshot);
    let mut done = false;
    let away = dialog(ctx, say("settings-devices"), |ui| {
        devices_ui(ui, &snapshot.devices, &mut set);
        done = button(ui, say("devices-done"), Weight::Primary).clicked();
    });
    changes.end(snapshot, set, commands);
    away || done
}

/// The choice of devices.
pub fn devices_ui(ui: &mut Ui, devices: &Devices, set: &mut Preferences) {
    let listed = |names: &[String], chosen: &Option<String>, first: &'static str| {
        let mut all: Vec<(Option<String>, String)> = vec![(None, first.to_owned())];
        all.extend(names.iter().map(|name| (Some(name.clone()), name.clone())));
        if let Some(gone) = chosen.as_ref().filter(|chosen| !names.contains(chosen)) {
            all.push((Some(gone.clone()), gone.clone()));
        }
        all
    };
    let chosen = set.camera.clone().filter(|camera| camera != TEST_PICTURE);
    let mut cameras = listed(&devices.cameras, &chosen, say("settings-first-camera"));
    cameras.push((Some(TEST_PICTURE.to_owned()), say("settings-test-picture").to_owned()));
    pick(ui, say("settings-camera"), &mut set.camera, &cameras);
    let mics = listed(&devices.mics, &set.mic, say("settings-system-device"));
    pick(ui, say("settings-mic"), &mut set.mic, &mics);
    let speakers = listed(&devices.speakers, &set.speaker, say("settings-system-device"));
    pick(ui, say("settings-speaker"), &mut set.speaker, &speakers);
}

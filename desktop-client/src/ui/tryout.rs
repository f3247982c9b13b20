//! Camera, microphone and speaker before a call: how one looks, whether one is heard, which devices are used.

use super::fields::pick;
use super::lines;
use super::places::{card, dialog, page};
use super::settings::{Changes, sound_ui};
use super::theme::{Palette, STAGE, letters, share, size, space};
use super::widgets::{Weight, button, meter};
use super::{Go, Page, View};
use crate::media::frame::Picture;
use crate::view::{Command, Devices, Preferences, Snapshot, TEST_PICTURE};
use crate::words::say;
use eframe::egui::{
    self, CornerRadius, Rect, Sense, Ui, WidgetInfo,
    accesskit::{Live, Role},
    vec2,
};

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
        ui.add_space(space::S);
        card(ui, say("settings-devices"), |ui| {
            camera_ui(ui, devices, &mut set);
            fault_ui(ui, devices.camera_fault.as_deref());
            mic_ui(ui, devices, &mut set);
            lines::small(ui, say("tryout-mic-explained"));
            meter(ui, say("tryout-level"), tryout.mic_level);
            fault_ui(ui, devices.mic_fault.as_deref());
            ui.add_space(space::XS);
            speaker_ui(ui, devices, &mut set);
            let plays = tryout.speaker_playing;
            let words = if plays { say("tryout-speaker-plays") } else { say("tryout-speaker-test") };
            let test = ui.add_enabled_ui(!plays, |ui| button(ui, words, Weight::Secondary));
            if test.inner.clicked() {
                commands.push(Command::TestSpeaker);
            }
            fault_ui(ui, devices.speaker_fault.as_deref());
        });
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

fn fault_ui(ui: &mut Ui, fault: Option<&str>) {
    let Some(fault) = fault else { return };
    let ink = Palette::of(ui).error_ink;
    let told = lines::text(ui, fault, letters::SMALL, ink);
    ui.ctx().accesskit_node_builder(told.id, |node| node.set_live(Live::Polite));
}

/// The choice of devices over a call, and what is done to their sound; every change is heard and seen at once. Returns
/// whether it is to be put away.
pub fn devices_over_call_ui(
    ctx: &egui::Context,
    changes: &mut Changes,
    snapshot: &Snapshot,
    commands: &mut Vec<Command>,
) -> bool {
    let mut set = changes.begin(snapshot);
    let mut done = false;
    let away = dialog(ctx, say("tryout"), |ui| {
        devices_ui(ui, &snapshot.devices, &mut set);
        ui.add_space(space::XS);
        sound_ui(ui, &mut set);
        ui.add_space(space::XS);
        done = button(ui, say("devices-done"), Weight::Primary).clicked();
    });
    changes.end(snapshot, set, commands);
    away || done
}

/// The choice of devices.
pub fn devices_ui(ui: &mut Ui, devices: &Devices, set: &mut Preferences) {
    camera_ui(ui, devices, set);
    mic_ui(ui, devices, set);
    speaker_ui(ui, devices, set);
}

fn camera_ui(ui: &mut Ui, devices: &Devices, set: &mut Preferences) {
    let chosen = set.camera.as_deref().filter(|camera| *camera != TEST_PICTURE);
    let mut cameras = listed(&devices.cameras, chosen, say("settings-first-camera"));
    cameras.push((Some(TEST_PICTURE.to_owned()), say("settings-test-picture").to_owned()));
    pick(ui, say("settings-camera"), &mut set.camera, &cameras);
}

fn mic_ui(ui: &mut Ui, devices: &Devices, set: &mut Preferences) {
    let mics = listed(&devices.mics, set.mic.as_deref(), say("settings-system-device"));
    pick(ui, say("settings-mic"), &mut set.mic, &mics);
}

fn speaker_ui(ui: &mut Ui, devices: &Devices, set: &mut Preferences) {
    let speakers = listed(&devices.speakers, set.speaker.as_deref(), say("settings-system-device"));
    pick(ui, say("settings-speaker"), &mut set.speaker, &speakers);
}

/// What there is to choose from: none in particular, those that are there, and what was chosen though it is gone.
fn listed(names: &[String], chosen: Option<&str>, first: &str) -> Vec<(Option<String>, String)> {
    let mut all = vec![(None, first.to_owned())];
    let gone = chosen.filter(|chosen| !names.iter().any(|name| name == chosen));
    let named = names.iter().map(String::as_str).chain(gone);
    all.extend(named.map(|name| (Some(name.to_owned()), name.to_owned())));
    all
}

//! What surrounds calls: preferences, devices and their try-out, the diagnostics.

use super::Engine;
use super::live::LiveCall;
use super::telling::Matter;
use crate::engine::Viewer;
use crate::engine::devices::{Camera, Rehearsal};
use crate::engine::diagnostics;
use crate::engine::files;
use crate::engine::inventory::{Change, Lists, Meanwhile, changes};
use crate::engine::snapshot::level;
use crate::media::camera::CameraSpec;
use crate::media::frame::Picture;
use crate::media::processing::AudioProcessing;
use crate::media::tones::TonePlayer;
use crate::view::{DeviceKind, Offer, Preferences, QualityCap, Severity, TEST_PICTURE, Tryout};
use crate::words::{say, say_with};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// Zoom that is legible and fits a screen.
const ZOOM: std::ops::RangeInclusive<f32> = 0.75..=2.0;
/// Tags and languages that the matchmaker takes, and their length in characters.
const TAGS_MAX: usize = 8;
const TAG_CHARS_MAX: usize = 32;

const KINDS: [DeviceKind; 3] = [DeviceKind::Camera, DeviceKind::Mic, DeviceKind::Speaker];

/// Camera, microphone and speaker tried out without a call.
pub(super) struct TryoutRig {
    camera: Camera,
    rehearsal: Rehearsal,
    shown: Tryout,
}

/// The diagnostics were to go into `file`; where they went.
pub(super) struct Saved {
    file: PathBuf,
    kept: io::Result<PathBuf>,
}

impl TryoutRig {
    pub(super) fn shown(&self) -> Tryout {
        self.shown
    }

    /// The camera goes on; what heard and played goes where waiting is allowed.
    pub(super) fn part(self) -> (Camera, Rehearsal) {
        (self.camera, self.rehearsal)
    }

    pub(super) fn mic_fault(&self) -> Option<String> {
        self.rehearsal.mic_fault()
    }

    pub(super) fn speaker_fault(&self) -> Option<String> {
        self.rehearsal.speaker_fault()
    }

    /// The levels of now; what of the test sound is over goes where waiting is allowed.
    pub(super) fn look(&mut self, now: Instant) -> Option<TonePlayer> {
        let over = self.rehearsal.look(now);
        self.shown = Tryout {
            mic_level: level(self.rehearsal.mic_db()),
            speaker_playing: self.rehearsal.is_playing(),
        };
        over
    }
}

/// What pictures may take, bit/s.
pub(super) fn bits(cap: QualityCap) -> u32 {
    match cap {
        QualityCap::Best => 2_500_000,
        QualityCap::Medium => 1_000_000,
        QualityCap::Saving => 300_000,
    }
}

/// Which device it is about.
fn device(change: &Change) -> (DeviceKind, &str) {
    let (Change::Gone { kind, name, .. }
    | Change::Back { kind, name }
    | Change::Used { kind, name }
    | Change::New { kind, name }) = change;
    (*kind, name)
}

/// What of a change that was `told` once is true now; `None`: nothing that is worth a word.
fn now_told(told: &Change, lists: &Lists, wanted: &Preferences) -> Option<Change> {
    let (kind, name) = device(told);
    let (names, chosen) = (lists.names(kind), wanted.device(kind));
    let there = names.contains(&name);
    let holds = match told {
        Change::Gone { .. } => {
            let replaced = |chosen| chosen == TEST_PICTURE || names.contains(&chosen);
            !there && chosen.is_none_or(|chosen| chosen == name || !replaced(chosen))
        }
        Change::Back { .. } => there && chosen == Some(name),
        Change::Used { .. } => there && chosen.is_none(),
        Change::New { .. } => there && chosen != Some(name),
    };
    let now = match told {
        Change::Gone { meanwhile, .. } => {
            let meanwhile = match meanwhile {
                _ if names.is_empty() => Meanwhile::Nothing,
                _ if chosen.is_none() && kind != DeviceKind::Camera => Meanwhile::Preferred,
                Meanwhile::Nothing => Meanwhile::Another,
                other => *other,
            };
            Change::Gone { kind, name: name.to_owned(), meanwhile }
        }
        other => other.clone(),
    };
    holds.then_some(now)
}

impl Engine {
    pub(super) fn set_preferences(&mut self, mut preferences: Preferences) {
        let zoom = preferences.zoom;
        preferences.zoom = if zoom.is_finite() { zoom.clamp(*ZOOM.start(), *ZOOM.end()) } else { 1.0 };
        for list in [&mut preferences.tags, &mut preferences.languages] {
            list.retain_mut(|tag| {
                *tag = tag.trim().chars().take(TAG_CHARS_MAX).collect();
                !tag.is_empty()
            });
            list.truncate(TAGS_MAX);
        }
        if *self.preferences == preferences {
            return;
        }
        let kept = preferences.clone();
        let by_key = preferences.push_to_talk && !self.preferences.push_to_talk;
        self.preferences = Arc::new(preferences);
        if by_key && self.live.is_some() {
            self.switches.muted = true;
            self.apply_switches();
        }
        self.config.profile.settings.change(|settings| settings.preferences = kept);
        self.choose_devices();
        self.review_devices();
        if let Some(live) = &mut self.live {
            live.set_cap(bits(self.preferences.quality));
        }
    }

    /// What is there has changed.
    pub(super) fn take_lists(&mut self, lists: Lists) {
        self.devices.cameras = Arc::new(lists.cameras.iter().map(|camera| camera.name.clone()).collect());
        self.devices.mics = Arc::new(lists.mics.clone());
        self.devices.speakers = Arc::new(lists.speakers.clone());
        let heard = self.live.is_some() || self.tryout.is_some();
        // Before the first look nothing is known that could have changed.
        let changes = self
            .lists
            .as_ref()
            .map(|before| changes((before, &lists), &self.preferences, &self.kinds_by_choice(), heard))
            .unwrap_or_default();
        let others =
            self.lists.replace(lists.clone()).is_some_and(|before| before.speakers != lists.speakers);
        if let Some(rig) = self.tryout.as_mut().filter(|_| others) {
            rig.rehearsal.forget_speaker_fault();
        }
        for name in KINDS.into_iter().flat_map(|kind| lists.names(kind)) {
            self.met.meet(name);
        }
        self.review_devices();
        for change in changes {
            self.tell_of_device(change);
        }
        self.choose_devices();
        self.follow_devices();
    }

    /// The kinds of devices that no flag fixed at the start.
    fn kinds_by_choice(&self) -> Vec<DeviceKind> {
        let fixed = [
            (DeviceKind::Camera, self.config.camera.is_some()),
            (DeviceKind::Mic, self.config.mic.is_some()),
            (DeviceKind::Speaker, self.config.speaker.is_some()),
        ];
        fixed.into_iter().filter(|(_, fixed)| !fixed).map(|(kind, _)| kind).collect()
    }

    /// Tells it in place of what was told of the same device, and of what is used of its kind.
    fn tell_of_device(&mut self, change: Change) {
        let is_new = |change: &Change| matches!(change, Change::New { .. });
        let replaced = |told: &Change| {
            let ((kind, name), (of, other)) = (device(&change), device(told));
            kind == of && (name == other || !is_new(&change) && !is_new(told))
        };
        for (_, id) in self.told_devices.extract_if(.., |(told, _)| replaced(told)) {
            self.notices.retain(|notice| notice.id != id);
        }
        let severity = if matches!(change, Change::Gone { .. }) { Severity::Error } else { Severity::Info };
        self.notify(severity, change.sentence());
        if let Some(notice) = self.notices.iter_mut().find(|notice| notice.id == self.notice_count) {
            match &change {
                Change::Gone { kind, meanwhile: Meanwhile::Nothing, .. } => notice.gone = Some(*kind),
                Change::New { kind, name } => notice.offer = Some(Offer { kind: *kind, name: name.clone() }),
                Change::Gone { .. } | Change::Back { .. } | Change::Used { .. } => {}
            }
        }
        self.told_devices.push((change, self.notice_count));
    }

    /// Takes back what was told of devices and holds no longer: after others came or went, or were chosen.
    fn review_devices(&mut self) {
        let Some(lists) = &self.lists else { return };
        let mut otherwise = Vec::new();
        self.told_devices.retain(|(told, id)| {
            let shown = self.notices.iter().any(|notice| notice.id == *id);
            let now = now_told(told, lists, &self.preferences).filter(|_| shown);
            let holds = now.as_ref() == Some(told);
            if !holds {
                self.notices.retain(|notice| notice.id != *id);
                otherwise.extend(now);
            }
            holds
        });
        for change in otherwise {
            self.tell_of_device(change);
        }
    }

    /// Takes what a notice offers.
    pub(super) fn take_offer(&mut self, id: u64) {
        let offered =
            self.notices.iter().find(|notice| notice.id == id).and_then(|notice| notice.offer.clone());
        self.notices.retain(|notice| notice.id != id);
        if let Some(Offer { kind, name }) = offered {
            let mut preferences = (*self.preferences).clone();
            preferences.choose_device(kind, name);
            self.set_preferences(preferences);
        }
    }

    /// Takes the devices that the person chose, as far as they are there and nothing else was said at the start.
    pub(super) fn choose_devices(&mut self) {
        let (wanted, none) = (&self.preferences, Lists::default());
        let lists = self.lists.as_ref().unwrap_or(&none);
        let camera = self.source.camera.clone();
        if self.config.camera.is_none() {
            self.source.camera = lists.camera(wanted.camera.as_deref());
        }
        if self.config.mic.is_none() {
            self.source.mic = lists.mic(wanted.mic.as_deref());
        }
        if self.config.speaker.is_none() {
            self.source.speaker = lists.speaker(wanted.speaker.as_deref());
        }
        self.source.processing = AudioProcessing {
            echo_cancellation: wanted.echo_cancellation,
            noise_suppression: wanted.noise_suppression,
            gain_control: wanted.gain_control,
        };
        if let Some(live) = &self.live {
            live.use_devices(&self.source);
        }
        if let Some((_, player)) = &self.tone {
            player.use_speaker(&self.source.speaker);
        }
        if let Some(rig) = &mut self.tryout {
            rig.camera.use_device(&self.source);
            rig.rehearsal.use_devices(&self.source);
        }
        // What was wrong with one camera says nothing of another.
        let fault = self.devices.camera_fault.take().filter(|_| self.source.camera == camera);
        self.tell_of_camera(fault);
    }

    /// Whether a call is on that has no codec for pictures.
    pub(super) fn has_sound_alone(&self) -> bool {
        self.live.as_ref().is_some_and(LiveCall::has_sound_alone)
    }

    /// Tells the `fault` of the camera, unless something else is why the other end sees no picture of it: there is no codec
    /// for pictures, or no camera at all.
    pub(super) fn tell_of_camera(&mut self, fault: Option<String>) {
        let by_choice = self.config.camera.is_none()
            && self.preferences.camera.as_deref() != Some(TEST_PICTURE)
            && matches!(self.config.viewer, Viewer::Window);
        let in_use = self.live.is_some() || self.tryout.is_some();
        let none = matches!(self.source.camera, CameraSpec::Pattern(_)) && self.lists.is_some();
        self.devices.camera_fault = if self.has_sound_alone() {
            Some(say("fault-no-pictures").into())
        } else if by_choice && in_use && none {
            Some(say("fault-no-camera").into())
        } else {
            fault
        };
    }

    /// Whether devices are looked at: once at the start, so that the first call opens the right ones, and while a call,
    /// the try-out or a choice needs them.
    pub(super) fn follow_devices(&mut self) {
        let by_choice = !self.kinds_by_choice().is_empty();
        let needed = self.live.is_some() || self.tryout.is_some() || self.choosing_devices;
        self.inventory.want(by_choice && (needed || self.lists.is_none()));
    }

    /// The devices are shown to be chosen from, or no longer.
    pub(super) fn set_choosing_devices(&mut self, choosing: bool) {
        self.choosing_devices = choosing;
        self.follow_devices();
    }

    pub(super) fn set_tryout(&mut self, on: bool) {
        if !on {
            self.end_tryout();
        } else if self.tryout.is_none() && self.live.is_none() {
            let camera = self.source.open_camera(bits(self.preferences.quality));
            let rehearsal = self.source.rehearse();
            self.tryout = Some(TryoutRig { camera, rehearsal, shown: Tryout::default() });
            // What was found earlier is not told again by itself.
            self.tell_of_camera(None);
        }
        self.follow_devices();
    }

    /// Lets the devices go, where waiting is allowed.
    pub(super) fn end_tryout(&mut self) {
        if let Some(rig) = self.tryout.take() {
            (self.devices.camera_fault, self.devices.mic_fault, self.devices.speaker_fault) =
                (None, None, None);
            self.source.local_frames.set_picture(Picture::Waiting);
            self.farewells.spawn_blocking(move || drop(rig));
        }
    }

    pub(super) fn test_speaker(&mut self) {
        if let Some(rig) = &mut self.tryout {
            rig.rehearsal.play(&self.source);
        }
    }

    /// Writes all that is known of now into a file, where waiting is allowed.
    pub(super) fn save_diagnostics(&mut self, file: PathBuf, with_names: bool) {
        self.is_over(&Matter::Diagnostics);
        let known = diagnostics::Known {
            logs: self.config.logs.clone(),
            preferences: self.preferences.clone(),
            servers: self.servers.clone(),
            me: self.me.clone(),
            hall: self.hall.0.clone(),
            history: self.history.clone(),
            blocked: self.blocked.clone().unwrap_or_default(),
            record: self.record.clone(),
            stats: self.talk.judge.history(),
            ratings: self.ratings.clone(),
            devices: self.devices.clone(),
            checkup: self.examination.as_ref().map(|examination| examination.checkup.clone()),
            met: self.met.names(),
            with_names,
        };
        let saved = self.saved.0.clone();
        self.farewells.spawn_blocking(move || {
            let kept = files::keep(&file, diagnostics::write(&known).as_bytes());
            // Closed: the app ends.
            saved.blocking_send(Saved { file, kept }).ok();
        });
    }

    pub(super) fn diagnostics_saved(&mut self, Saved { file, kept }: Saved) {
        match kept {
            Ok(kept) => {
                let kept = kept.display().to_string();
                self.notify(Severity::Info, say_with("told-diagnostics-saved", &[("file", kept.into())]));
            }
            Err(error) => {
                tracing::warn!(%error, "diagnostics");
                let file = file.display().to_string();
                let told = say_with("told-diagnostics-not-saved", &[("file", file.into())]);
                self.stand(Matter::Diagnostics, Severity::Error, told);
            }
        }
    }
}

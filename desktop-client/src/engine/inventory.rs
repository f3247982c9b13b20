//! Which cameras, microphones and speakers are there, looked at within a second while somebody needs to know, and which of
//! them a person's choice names.

mod changes;

use super::devices::Notice;
use crate::media::camera::{self, CameraSpec, DeviceInfo};
use crate::media::device_names;
use crate::media::mic::MicSpec;
use crate::media::sound_device::{self, SoundDevices};
use crate::media::speaker::SpeakerSpec;
use crate::view::{DeviceKind, TEST_PICTURE};
pub(super) use changes::{Change, Meanwhile, changes};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

/// Between two looks: with what they take themselves, whatever comes or goes is known within a second.
const LOOK_EVERY: Duration = Duration::from_millis(800);

/// What is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Lists {
    pub(super) cameras: Vec<DeviceInfo>,
    pub(super) mics: Vec<String>,
    pub(super) speakers: Vec<String>,
    /// The microphone and the speaker that the system prefers, where it says which they are.
    pub(super) preferred: [Option<String>; 2],
}

impl Lists {
    /// What is there now. A system that does not say leaves what there was `before`: nothing has gone for that.
    fn look(before: &Self) -> Self {
        let [mic, speaker] = before.preferred.clone();
        let mics = sound_device::list_microphones()
            .unwrap_or_else(|_| SoundDevices { names: before.mics.clone(), preferred: mic });
        let speakers = sound_device::list_speakers()
            .unwrap_or_else(|_| SoundDevices { names: before.speakers.clone(), preferred: speaker });
        Self {
            cameras: told_apart(camera::list_devices()),
            mics: mics.names,
            speakers: speakers.names,
            preferred: [mics.preferred, speakers.preferred],
        }
    }

    /// The names of one kind.
    pub(super) fn names(&self, kind: DeviceKind) -> Vec<&str> {
        match kind {
            DeviceKind::Camera => self.cameras.iter().map(|camera| camera.name.as_str()).collect(),
            DeviceKind::Mic => self.mics.iter().map(String::as_str).collect(),
            DeviceKind::Speaker => self.speakers.iter().map(String::as_str).collect(),
        }
    }

    /// The one that serves where none is named, as far as that is known: the first camera, what the system prefers for sound.
    fn unnamed(&self, kind: DeviceKind) -> Option<&str> {
        let [mic, speaker] = &self.preferred;
        match kind {
            DeviceKind::Camera => self.cameras.first().map(|camera| camera.name.as_str()),
            DeviceKind::Mic => mic.as_deref(),
            DeviceKind::Speaker => speaker.as_deref(),
        }
    }

    /// The camera of this name, else the first, else the pattern, which can be wished for, too.
    pub(super) fn camera(&self, wanted: Option<&str>) -> CameraSpec {
        if wanted == Some(TEST_PICTURE) {
            return CameraSpec::default();
        }
        let named = self.cameras.iter().find(|camera| Some(camera.name.as_str()) == wanted);
        let chosen = named.or(self.cameras.first());
        chosen.map_or_else(CameraSpec::default, |camera| CameraSpec::Device(camera.number))
    }

    /// The microphone of this name, else the system's.
    pub(super) fn mic(&self, wanted: Option<&str>) -> MicSpec {
        let named = self.mics.iter().find(|name| Some(name.as_str()) == wanted);
        named.map_or(MicSpec::Default, |name| MicSpec::Named(name.clone()))
    }

    /// The speaker of this name, else the system's.
    pub(super) fn speaker(&self, wanted: Option<&str>) -> SpeakerSpec {
        let named = self.speakers.iter().find(|name| Some(name.as_str()) == wanted);
        named.map_or(SpeakerSpec::Default, |name| SpeakerSpec::Named(name.clone()))
    }
}

/// Cameras, each by a name of its own.
fn told_apart(mut cameras: Vec<DeviceInfo>) -> Vec<DeviceInfo> {
    let names = device_names::told_apart(cameras.iter().map(|camera| camera.name.clone()));
    for (camera, name) in cameras.iter_mut().zip(names) {
        camera.name = name;
    }
    cameras
}

#[derive(Default)]
struct Wish {
    looking: bool,
    ending: bool,
}

#[derive(Default)]
struct Shared {
    wish: Mutex<Wish>,
    changed: Condvar,
}

impl Shared {
    fn locked(&self) -> MutexGuard<'_, Wish> {
        self.wish.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until the next look is due, or nobody wants one.
    fn pause(&self) {
        let going_on = |wish: &mut Wish| wish.looking && !wish.ending;
        drop(self.changed.wait_timeout_while(self.locked(), LOOK_EVERY, going_on));
    }
}

/// Looks while it is wanted. Asking the system takes a while: it has a thread of its own, which ends by itself.
pub(super) struct Inventory(Arc<Shared>);

impl Inventory {
    /// Starts, not looking yet. What is found goes to `notices`, when it changes.
    pub(super) fn start(notices: mpsc::Sender<Notice>) -> Self {
        let shared = Arc::<Shared>::default();
        let seen = shared.clone();
        let thread = std::thread::Builder::new().name("devices".into());
        let mut known = Lists::default();
        let look = move || {
            known = Lists::look(&known);
            known.clone()
        };
        thread
            .spawn(move || watch(&seen, &notices, look, Shared::pause))
            .expect("the system can start a thread");
        Self(shared)
    }

    /// Somebody needs to know, or nobody does.
    pub(super) fn want(&self, looking: bool) {
        self.0.locked().looking = looking;
        self.0.changed.notify_one();
    }
}

impl Drop for Inventory {
    fn drop(&mut self) {
        self.0.locked().ending = true;
        self.0.changed.notify_one();
    }
}

fn watch(
    shared: &Shared,
    notices: &mpsc::Sender<Notice>,
    mut look: impl FnMut() -> Lists,
    mut pause: impl FnMut(&Shared),
) {
    let mut last = None;
    loop {
        let idle = |wish: &mut Wish| !wish.looking && !wish.ending;
        let wish = shared.changed.wait_while(shared.locked(), idle).unwrap_or_else(PoisonError::into_inner);
        if wish.ending {
            return;
        }
        drop(wish);
        let lists = look();
        if last.as_ref() != Some(&lists) {
            last = Some(lists.clone());
            if notices.blocking_send(Notice::Lists(lists)).is_err() {
                return;
            }
        }
        pause(shared);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// What it takes to ask a system that is not quick.
    const ASKING: Duration = Duration::from_millis(80);

    /// When it was told that a camera was there that came at `comes`, and when that it was gone at `goes`, by the watch's
    /// own clock.
    fn told(comes: Duration, goes: Duration) -> [Duration; 2] {
        let (notices, mut told) = mpsc::channel(4);
        let shared = Shared::default();
        shared.locked().looking = true;
        let now = Cell::new(Duration::ZERO);
        let look = || {
            let there = (comes..goes).contains(&now.get());
            now.set(now.get() + ASKING);
            let camera = DeviceInfo { number: 0, name: "desk".into() };
            Lists { cameras: there.then_some(camera).into_iter().collect(), ..Lists::default() }
        };
        let mut times = Vec::new();
        let pause = |shared: &Shared| {
            while let Ok(Notice::Lists(lists)) = told.try_recv() {
                times.push((lists.cameras.len(), now.get()));
            }
            now.set(now.get() + LOOK_EVERY);
            shared.locked().ending = now.get() > goes + 4 * LOOK_EVERY;
        };
        watch(&shared, &notices, look, pause);
        let [(0, _), (1, came), (0, gone)] = times[..] else { panic!("each change is told once: {times:?}") };
        [came, gone]
    }

    #[test]
    fn a_device_that_comes_or_goes_is_told_once_and_within_a_second() {
        for ms in (1..2000).step_by(37) {
            let (comes, goes) = (Duration::from_millis(ms), Duration::from_millis(2500 + 2 * ms));
            let [came, gone] = told(comes, goes);
            assert!(came <= comes + Duration::from_secs(1), "came at {comes:?}, told at {came:?}");
            assert!(gone <= goes + Duration::from_secs(1), "went at {goes:?}, told at {gone:?}");
        }
    }

    #[test]
    fn a_choice_is_found_by_its_name_wherever_it_is_plugged_in_and_else_the_default_serves() {
        let camera = |number, name: &str| DeviceInfo { number, name: name.into() };
        let lists = Lists {
            cameras: vec![camera(2, "built in"), camera(4, "desk")],
            mics: vec!["a".into(), "b".into()],
            speakers: vec!["loud".into()],
            ..Lists::default()
        };
        assert_eq!(lists.camera(Some("desk")), CameraSpec::Device(4));
        assert_eq!(lists.camera(Some("gone")), CameraSpec::Device(2));
        assert_eq!(lists.camera(None), CameraSpec::Device(2));
        assert_eq!(Lists::default().camera(Some("desk")), CameraSpec::default());
        assert_eq!(lists.camera(Some(TEST_PICTURE)), CameraSpec::default());
        assert_eq!(
            (lists.mic(Some("b")), lists.mic(Some("c"))),
            (MicSpec::Named("b".into()), MicSpec::Default)
        );
        assert_eq!(lists.speaker(Some("loud")), SpeakerSpec::Named("loud".into()));
        assert_eq!(lists.speaker(None), SpeakerSpec::Default);
    }

    #[test]
    fn of_two_devices_of_one_name_the_second_can_be_chosen_too() {
        let camera = |number| DeviceInfo { number, name: "Webcam".into() };
        let twice = |name: &str| vec![name.to_owned(), name.to_owned()];
        let sounds = |name| device_names::told_apart(twice(name));
        let cameras = told_apart(vec![camera(0), camera(2)]);
        let lists = Lists { cameras, mics: sounds("USB"), speakers: sounds("loud"), ..Lists::default() };
        assert_eq!(lists.names(DeviceKind::Camera), ["Webcam", "Webcam (2)"]);
        assert_eq!(lists.camera(Some("Webcam")), CameraSpec::Device(0));
        assert_eq!(lists.camera(Some("Webcam (2)")), CameraSpec::Device(2));
        assert_eq!(lists.mic(Some("USB (2)")), MicSpec::Named("USB (2)".into()));
        assert_eq!(lists.speaker(Some("loud (2)")), SpeakerSpec::Named("loud (2)".into()));
    }
}

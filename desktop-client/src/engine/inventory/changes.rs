//! What it means to a person that devices came or went. Pure.

use super::Lists;
use crate::media::device_names::is_numbered;
use crate::view::{DeviceKind, Preferences, TEST_PICTURE};
use crate::words::say_with;

/// What a person is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) enum Change {
    /// What was used is gone.
    Gone { kind: DeviceKind, name: String, meanwhile: Meanwhile },
    /// What was chosen is there again, and used.
    Back { kind: DeviceKind, name: String },
    /// There was none, and this one is used without anybody having chosen it.
    Used { kind: DeviceKind, name: String },
    /// Something that is not used, and might be.
    New { kind: DeviceKind, name: String },
}

/// What serves in place of what is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Meanwhile {
    /// There is no other.
    Nothing,
    /// Another one, until it comes back.
    Another,
    /// Whatever the system prefers now.
    Preferred,
}

/// What has changed of the kinds that `of` names. `heard`: microphone and speaker are in use.
pub(in crate::engine) fn changes(
    (before, now): (&Lists, &Lists),
    chosen: &Preferences,
    of: &[DeviceKind],
    heard: bool,
) -> Vec<Change> {
    let mut all = Vec::new();
    for &kind in of {
        let chosen = chosen.device(kind);
        if chosen != Some(TEST_PICTURE) {
            losses_of(kind, (before, now), chosen, heard, &mut all);
            news_of(kind, (before, now), chosen, &mut all);
        }
    }
    all
}

/// What comes with a device of the same name, or goes with it, is a part of it, as a rule: to be told of it once is enough.
fn whole<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let part = |place: usize| names[..place].iter().any(|first| is_numbered(names[place], first));
    (0..names.len()).filter(|place| !part(*place)).map(|place| names[place]).collect()
}

fn losses_of(
    kind: DeviceKind,
    (before, now): (&Lists, &Lists),
    chosen: Option<&str>,
    heard: bool,
    all: &mut Vec<Change>,
) {
    let (had, has) = (before.names(kind), now.names(kind));
    let lost: Vec<&str> = had.iter().copied().filter(|name| !has.contains(name)).collect();
    let chosen = chosen.filter(|name| had.contains(name));
    let preferred = chosen.is_none() && kind != DeviceKind::Camera;
    let missed: Vec<&str> = match chosen.or(before.unnamed(kind)) {
        _ if preferred && !heard => Vec::new(),
        Some(used) => lost.into_iter().filter(|name| *name == used).collect(),
        // It may have been any of them.
        None => whole(&lost),
    };
    let meanwhile = match (has.is_empty(), preferred) {
        (true, _) => Meanwhile::Nothing,
        (false, true) => Meanwhile::Preferred,
        (false, false) => Meanwhile::Another,
    };
    all.extend(missed.into_iter().map(|name| Change::Gone { kind, name: name.to_owned(), meanwhile }));
}

fn news_of(kind: DeviceKind, (before, now): (&Lists, &Lists), chosen: Option<&str>, all: &mut Vec<Change>) {
    let (had, has) = (before.names(kind), now.names(kind));
    let came: Vec<&str> = has.into_iter().filter(|name| !had.contains(name)).collect();
    let serves = now.unnamed(kind).filter(|_| kind == DeviceKind::Camera && had.is_empty());
    all.extend(whole(&came).into_iter().map(|name| {
        let (is_chosen, serves, name) = (chosen == Some(name), serves == Some(name), name.to_owned());
        match chosen {
            Some(_) if is_chosen => Change::Back { kind, name },
            None if serves => Change::Used { kind, name },
            _ => Change::New { kind, name },
        }
    }));
}

impl Change {
    /// The sentence that tells it.
    pub(in crate::engine) fn sentence(&self) -> String {
        use DeviceKind::{Camera, Mic, Speaker};
        match self {
            Self::Gone { kind, name, meanwhile } => gone(*kind, name, *meanwhile),
            Self::Back { kind: Camera, name } => say_with("told-camera-back", &[("name", name.into())]),
            Self::Back { kind: Mic, name } => say_with("told-mic-back", &[("name", name.into())]),
            Self::Back { kind: Speaker, name } => say_with("told-speaker-back", &[("name", name.into())]),
            Self::Used { name, .. } => say_with("told-camera-used", &[("name", name.into())]),
            Self::New { kind: Camera, name } => say_with("told-camera-new", &[("name", name.into())]),
            Self::New { kind: Mic, name } => say_with("told-mic-new", &[("name", name.into())]),
            Self::New { kind: Speaker, name } => say_with("told-speaker-new", &[("name", name.into())]),
        }
    }
}

fn gone(kind: DeviceKind, name: &str, meanwhile: Meanwhile) -> String {
    use DeviceKind::{Camera, Mic, Speaker};
    match (kind, meanwhile) {
        (Camera, Meanwhile::Nothing) => say_with("told-camera-gone-last", &[("name", name.into())]),
        (Camera, Meanwhile::Another | Meanwhile::Preferred) => {
            say_with("told-camera-gone", &[("name", name.into())])
        }
        (Mic, Meanwhile::Nothing) => say_with("told-mic-gone-last", &[("name", name.into())]),
        (Mic, Meanwhile::Another) => say_with("told-mic-gone", &[("name", name.into())]),
        (Mic, Meanwhile::Preferred) => say_with("told-mic-gone-preferred", &[("name", name.into())]),
        (Speaker, Meanwhile::Nothing) => say_with("told-speaker-gone-last", &[("name", name.into())]),
        (Speaker, Meanwhile::Another) => say_with("told-speaker-gone", &[("name", name.into())]),
        (Speaker, Meanwhile::Preferred) => say_with("told-speaker-gone-preferred", &[("name", name.into())]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::camera::DeviceInfo;

    const KINDS: [DeviceKind; 3] = [DeviceKind::Camera, DeviceKind::Mic, DeviceKind::Speaker];

    /// The same names for each kind.
    fn lists(names: &[&str]) -> Lists {
        let owned: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let camera = |(number, name): (usize, &String)| DeviceInfo { number, name: name.clone() };
        Lists {
            cameras: owned.iter().enumerate().map(camera).collect(),
            mics: owned.clone(),
            speakers: owned,
            preferred: [None, None],
        }
    }

    fn told(before: &[&str], now: &[&str], chosen: Option<&str>) -> Vec<String> {
        let chosen = chosen.map(str::to_owned);
        let chosen = Preferences {
            camera: chosen.clone(),
            mic: chosen.clone(),
            speaker: chosen,
            ..Preferences::default()
        };
        changes((&lists(before), &lists(now)), &chosen, &KINDS, false).iter().map(Change::sentence).collect()
    }

    #[test]
    fn a_chosen_device_that_goes_is_told_with_what_serves_meanwhile() {
        assert_eq!(
            told(&["built in", "desk"], &["built in"], Some("desk")),
            [
                "The camera “desk” is gone. Another one is used until it comes back.",
                "The microphone “desk” is gone. Another one is used until it comes back.",
                "The speaker “desk” is gone. Another one is used until it comes back.",
            ]
        );
        assert_eq!(
            told(&["desk"], &[], Some("desk")),
            [
                "The camera “desk” is gone, and there is no other. Plug it in again.",
                "The microphone “desk” is gone, and there is no other. Plug it in again; you are not heard until then.",
                "The speaker “desk” is gone, and there is no other. Plug it in again; you hear nothing until then.",
            ]
        );
    }

    #[test]
    fn a_chosen_device_that_comes_back_is_told_also_where_it_is_the_only_one() {
        for before in [&[][..], &["built in"]] {
            let told = told(before, &["built in", "desk"], Some("desk"));
            for back in [
                "The camera “desk” is back and in use.",
                "The microphone “desk” is back and in use.",
                "The speaker “desk” is back and in use.",
            ] {
                assert!(told.iter().any(|words| words == back), "{told:?}");
            }
        }
    }

    #[test]
    fn a_new_device_is_offered_once_and_what_serves_already_is_not() {
        let new = |before: &[&str], now: &[&str], chosen: Option<&str>| {
            let chosen = chosen.map(str::to_owned);
            let chosen = Preferences { camera: chosen.clone(), mic: chosen, ..Preferences::default() };
            changes((&lists(before), &lists(now)), &chosen, &KINDS, true)
        };
        let headset = |kind| Change::New { kind, name: "headset".into() };
        let plugged = ["built in", "headset", "headset (2)"];
        assert_eq!(new(&["built in"], &plugged, None), KINDS.map(headset));
        assert_eq!(new(&plugged, &plugged, None), []);
        let second = |kind| Change::New { kind, name: "headset (2)".into() };
        assert_eq!(new(&plugged[..2], &plugged, None), KINDS.map(second), "another one of the same make");
        let first = new(&[], &["desk", "other"], None);
        let (used, other) = ("desk".to_owned(), "other".to_owned());
        assert_eq!(first[0], Change::Used { kind: DeviceKind::Camera, name: used.clone() });
        assert_eq!(first[1], Change::New { kind: DeviceKind::Camera, name: other });
        assert_eq!(first[2], Change::New { kind: DeviceKind::Mic, name: used });
        let pattern = new(&["built in"], &["headset"], Some(TEST_PICTURE));
        assert!(!pattern.contains(&headset(DeviceKind::Camera)), "the test picture is wanted");
    }

    #[test]
    fn the_camera_that_serves_unchosen_is_missed_too() {
        let gone = told(&["built in", "desk"], &["desk"], None);
        assert_eq!(gone, ["The camera “built in” is gone. Another one is used until it comes back."]);
        assert_eq!(told(&["built in", "desk"], &["built in"], None), Vec::<String>::new(), "nobody used it");
    }

    #[test]
    fn sound_that_goes_in_use_is_missed_though_nobody_chose_it() {
        let sound = [DeviceKind::Mic, DeviceKind::Speaker];
        let told = |before: &[&str], preferred: Option<&str>, now: &[&str], chosen: Option<&str>, heard| {
            let preferred = [preferred, preferred].map(|name| name.map(str::to_owned));
            let before = Lists { preferred, ..lists(before) };
            let chosen = chosen.map(str::to_owned);
            let chosen = Preferences { mic: chosen.clone(), speaker: chosen, ..Preferences::default() };
            let changes = changes((&before, &lists(now)), &chosen, &sound, heard);
            changes.iter().map(Change::sentence).collect::<Vec<_>>()
        };
        let two = ["built in", "headset"];
        let gone = [
            "The microphone “headset” is gone. The one that the system prefers is used now.",
            "The speaker “headset” is gone. The one that the system prefers is used now.",
        ];
        let nothing = Vec::<String>::new();
        assert_eq!(told(&two, Some("headset"), &["built in"], None, true), gone);
        assert_eq!(told(&two, Some("headset"), &["built in"], None, false), nothing, "nobody spoke or heard");
        assert_eq!(told(&two, Some("built in"), &["built in"], None, true), nothing, "nobody used it");
        assert_eq!(told(&two, None, &["built in"], None, true), gone, "it may have been this one");
        let parts = ["built in", "headset", "headset (2)", "headset (3)"];
        assert_eq!(told(&parts, None, &["built in"], None, true), gone, "once");
        let absent = told(&two, Some("headset"), &["built in"], Some("desk"), true);
        assert_eq!(absent, gone, "it stood in for another");
        let last = told(&["headset"], Some("headset"), &[], None, true);
        assert!(last.iter().all(|words| words.contains("there is no other")), "{last:?}");
    }
}

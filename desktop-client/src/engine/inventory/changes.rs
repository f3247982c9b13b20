//! What it means to a person that devices came or went. Pure.

use super::Lists;
use crate::media::device_names::is_numbered;
use crate::view::{DeviceKind, Preferences, TEST_PICTURE};
use crate::words::say_with;

/// What a person is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) enum Change {
    /// What was used is gone.
    Gone {
        kind: DeviceKind,
        name: String,
        /// There is another one that is used meanwhile.
        another: bool,
    },
    /// What was chosen is there again, and used.
    Back { kind: DeviceKind, name: String },
    /// There was none, and this one is used without anybody having chosen it.
    Used { kind: DeviceKind, name: String },
    /// Something that is not used, and might be.
    New { kind: DeviceKind, name: String },
}

/// What has changed of the kinds that `of` names.
pub(in crate::engine) fn changes(
    before: &Lists,
    now: &Lists,
    chosen: &Preferences,
    of: &[DeviceKind],
) -> Vec<Change> {
    let mut all = Vec::new();
    for &kind in of {
        let chosen = chosen.device(kind);
        if chosen != Some(TEST_PICTURE) {
            changes_of(kind, &before.names(kind), &now.names(kind), chosen, &mut all);
        }
    }
    all
}

fn changes_of(kind: DeviceKind, before: &[&str], now: &[&str], chosen: Option<&str>, all: &mut Vec<Change>) {
    // Of cameras the first serves where none was chosen; which sound device does, the system knows alone.
    let first =
        |names: &[&str]| names.first().copied().filter(|_| kind == DeviceKind::Camera).map(str::to_owned);
    let used = chosen.map(str::to_owned).or_else(|| first(before));
    if let Some(name) = used.filter(|name| before.contains(&name.as_str()) && !now.contains(&name.as_str())) {
        all.push(Change::Gone { kind, name, another: !now.is_empty() });
    }
    let serves = first(now).filter(|_| before.is_empty());
    for (place, name) in now.iter().enumerate() {
        // What comes with a device of the same name is a part of it, as a rule: to be told of it once is enough.
        let part = now[..place].iter().any(|first| !before.contains(first) && is_numbered(name, first));
        if before.contains(name) || part {
            continue;
        }
        let name = (*name).to_owned();
        all.push(match chosen {
            Some(chosen) if chosen == name => Change::Back { kind, name },
            None if serves.as_deref() == Some(name.as_str()) => Change::Used { kind, name },
            _ => Change::New { kind, name },
        });
    }
}

impl Change {
    /// The sentence that tells it.
    pub(in crate::engine) fn sentence(&self) -> String {
        use DeviceKind::{Camera, Mic, Speaker};
        match self {
            Self::Gone { kind: Camera, name, another: true } => {
                say_with("told-camera-gone", &[("name", name.into())])
            }
            Self::Gone { kind: Mic, name, another: true } => {
                say_with("told-mic-gone", &[("name", name.into())])
            }
            Self::Gone { kind: Speaker, name, another: true } => {
                say_with("told-speaker-gone", &[("name", name.into())])
            }
            Self::Gone { kind: Camera, name, another: false } => {
                say_with("told-camera-gone-last", &[("name", name.into())])
            }
            Self::Gone { kind: Mic, name, another: false } => {
                say_with("told-mic-gone-last", &[("name", name.into())])
            }
            Self::Gone { kind: Speaker, name, another: false } => {
                say_with("told-speaker-gone-last", &[("name", name.into())])
            }
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
        changes(&lists(before), &lists(now), &chosen, &KINDS).iter().map(Change::sentence).collect()
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
            changes(&lists(before), &lists(now), &chosen, &KINDS)
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
}

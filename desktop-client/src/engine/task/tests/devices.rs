//! Devices that come and go, told in the turn in which it is found.

use super::*;
use crate::words::say_with;

#[test]
fn that_there_is_no_camera_is_told_no_longer_once_one_is_plugged_in() {
    let mut story = Turned::new(EngineConfig { camera: None, ..made_media() });
    let told = |snapshot: Arc<Snapshot>| snapshot.devices.camera_fault.clone();
    story.is_asked(Command::SetTryout(true));
    assert_eq!(told(story.finds(&[])).as_deref(), Some(say("fault-no-camera")));
    let camera = DeviceInfo { number: 63, name: "Webcam".into() };
    let one = Lists { cameras: vec![camera], ..Lists::default() };
    assert_eq!(told(story.heeds(Wake::Device(DeviceNotice::Lists(one)))), None);
    assert_eq!(told(story.finds(&[])).as_deref(), Some(say("fault-no-camera")), "it is gone again");
    drop(story);
}

#[tokio::test]
async fn that_there_is_no_camera_is_told_with_the_try_out_though_it_was_found_before() {
    let mut story = Turned::new(EngineConfig { camera: None, ..made_media() });
    story.finds(&[]);
    let tried = story.is_asked(Command::SetTryout(true));
    assert_eq!(tried.devices.camera_fault.as_deref(), Some(say("fault-no-camera")));
    assert_eq!(story.is_asked(Command::SetTryout(false)).devices.camera_fault, None);
    drop(story);
}

#[test]
fn a_device_that_goes_or_comes_is_made_up_for_and_told_in_the_turn_in_which_it_is_found() {
    let mut story = Turned::new(EngineConfig { mic: None, ..made_media() });
    let headset = || "headset".to_owned();
    let told = |snapshot: &Snapshot| snapshot.notices.last().map(|notice| notice.text.clone());
    story.finds(&["built in"]);
    let new = story.finds(&["built in", "headset"]);
    let notice = new.notices.last().expect("told of it");
    assert_eq!(notice.offer, Some(Offer { kind: DeviceKind::Mic, name: headset() }));
    assert_eq!(story.engine.source.mic, MicSpec::Default, "offered, and not taken without being asked");
    story.is_asked(Command::TakeOffer(notice.id));
    assert_eq!(story.engine.source.mic, MicSpec::Named(headset()));

    let gone = story.finds(&["built in"]);
    assert_eq!(story.engine.source.mic, MicSpec::Default, "another serves meanwhile");
    assert!(told(&gone).is_some_and(|told| told.contains("Another one is used")), "{:?}", gone.notices);
    let back = story.finds(&["headset", "built in"]);
    assert_eq!(story.engine.source.mic, MicSpec::Named(headset()), "wherever it was plugged in");
    assert!(told(&back).is_some_and(|told| told.contains("back and in use")), "{:?}", back.notices);
    assert!(!back.notices.iter().any(|notice| notice.severity == Severity::Error), "{:?}", back.notices);
}

#[test]
fn the_last_device_of_a_kind_that_goes_is_told_as_such_until_it_is_back_or_that_is_put_away() {
    let mut story = Turned::new(EngineConfig { mic: None, ..made_media() });
    let gone = |snapshot: &Snapshot| {
        snapshot.notices.iter().map(|notice| (notice.id, notice.gone)).collect::<Vec<_>>()
    };
    let headset = Preferences { mic: Some("headset".into()), ..Preferences::default() };
    story.is_asked(Command::SetPreferences(Box::new(headset)));
    story.finds(&["headset"]);
    let last = gone(&story.finds(&[]));
    assert!(matches!(last[..], [(_, Some(DeviceKind::Mic))]), "{last:?}");
    let back = gone(&story.finds(&["headset", "built in"]));
    assert!(back.iter().all(|(_, kind)| kind.is_none()), "{back:?}");
    let another_serves = gone(&story.finds(&["built in"]));
    assert!(another_serves.iter().all(|(_, kind)| kind.is_none()), "{another_serves:?}");
    story.finds(&["headset"]);
    let again = gone(&story.finds(&[]));
    let (told, _) = *again.iter().find(|(_, kind)| kind.is_some()).expect("told once more");
    let put_away = gone(&story.is_asked(Command::Dismiss(told)));
    assert!(put_away.iter().all(|(_, kind)| kind.is_none()), "{put_away:?}");
}

#[tokio::test]
async fn a_microphone_that_goes_in_a_call_is_told_though_nobody_chose_it_and_until_it_is_back() {
    let mut story = Turned::new(EngineConfig { mic: None, ..made_media() });
    let words = say_with("told-mic-gone-preferred", &[("name", "headset".into())]);
    let is_told = |snapshot: &Snapshot| told(snapshot).contains(&words.as_str());
    story.finds(&["built in", "headset"]);
    assert!(!is_told(&story.finds(&["built in"])), "nobody speaks");
    story.finds(&["built in", "headset"]);
    story.engine.drive(Input::Server(info(Phase::Ringing)));
    let gone = story.finds(&["built in"]);
    assert!(is_told(&gone) && gone.notices.iter().all(|notice| notice.gone.is_none()), "{:?}", gone.notices);
    assert!(!is_told(&story.finds(&["built in", "headset"])));
    story.finds(&["headset"]);
    let last = story.finds(&[]);
    assert!(last.notices.iter().any(|notice| notice.gone == Some(DeviceKind::Mic)), "{:?}", last.notices);
    let another = story.finds(&["desk"]);
    assert!(
        another.notices.iter().all(|notice| notice.gone.is_none()),
        "one is there: {:?}",
        another.notices
    );
    drop(story);
}

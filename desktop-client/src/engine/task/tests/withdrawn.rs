//! What is taken back once it holds no longer, and left out of what leaves this machine.

use super::*;
use crate::view::{Preferences, TEST_PICTURE};
use crate::words::say_with;

#[test]
fn notices_of_devices_never_contradict_each_other() {
    let mut story = Turned::new(EngineConfig { mic: None, ..made_media() });
    let said = |snapshot: &Snapshot| told(snapshot).iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let of = |key, name: &str| say_with(key, &[("name", name.into())]);
    let choose = |name: &str| {
        let preferences = Preferences { mic: Some(name.into()), ..Preferences::default() };
        Command::SetPreferences(Box::new(preferences))
    };
    story.is_asked(choose("headset"));
    story.finds(&["headset"]);
    story.finds(&[]);
    assert_eq!(said(&story.finds(&["headset"])), [of("told-mic-back", "headset")]);
    let last = story.finds(&[]);
    assert_eq!(said(&last), [of("told-mic-gone-last", "headset")], "it is back no longer");

    let other = story.finds(&["desk"]);
    assert_eq!(
        said(&other),
        [of("told-mic-gone", "headset"), of("told-mic-new", "desk")],
        "there is another"
    );
    let offered = other.notices.last().expect("told").id;
    let none = story.finds(&[]);
    assert_eq!(said(&none), [of("told-mic-gone-last", "headset")], "nothing is offered that is not there");
    assert_eq!(none.notices[0].gone, Some(DeviceKind::Mic));
    story.is_asked(Command::TakeOffer(offered));
    assert_eq!(story.engine.preferences.mic.as_deref(), Some("headset"), "also by a click that was too late");

    let offered = story.finds(&["desk"]).notices.last().expect("told").id;
    assert_eq!(said(&story.is_asked(Command::TakeOffer(offered))).len(), 0, "nobody misses the headset");
    let both = story.finds(&["desk", "headset"]);
    assert_eq!(said(&both), [of("told-mic-new", "headset")]);
    assert_eq!(said(&story.is_asked(choose("headset"))).len(), 0, "what is used is not offered");
    let gone = story.finds(&["desk"]);
    story.is_asked(Command::Dismiss(gone.notices[0].id));
    assert_eq!(said(&story.finds(&[])).len(), 0, "what was put away is not told again in other words");
}

#[test]
fn a_device_that_is_gone_is_not_waited_for_by_who_chose_otherwise() {
    let mut story = Turned::new(EngineConfig { mic: None, camera: None, ..made_media() });
    let choose = |preferences| Command::SetPreferences(Box::new(preferences));
    let headset = Preferences { mic: Some("headset".into()), ..Preferences::default() };
    story.is_asked(choose(headset));
    story.finds(&["headset", "desk"]);
    let of = |key, name: &str| say_with(key, &[("name", name.into())]);
    let gone = story.finds(&["desk"]);
    assert_eq!(told(&gone), [of("told-mic-gone", "headset")], "until it is back");
    let by_system = story.is_asked(choose(Preferences::default()));
    assert_eq!(told(&by_system), [of("told-mic-gone-preferred", "headset")]);

    let chosen = Preferences { camera: Some("eye".into()), ..Preferences::default() };
    story.is_asked(choose(chosen));
    let eye = DeviceInfo { number: 0, name: "eye".into() };
    let lists =
        |cameras| DeviceNotice::Lists(Lists { cameras, mics: vec!["desk".into()], ..Lists::default() });
    story.heeds(Wake::Device(lists(vec![eye])));
    let gone = story.heeds(Wake::Device(lists(Vec::new())));
    assert!(told(&gone).contains(&&*of("told-camera-gone-last", "eye")), "{:?}", told(&gone));
    let made = Preferences { camera: Some(TEST_PICTURE.into()), ..Preferences::default() };
    let made = story.is_asked(choose(made));
    assert!(!told(&made).contains(&&*of("told-camera-gone-last", "eye")), "it is not missed");
}

#[test]
fn what_was_put_away_does_not_hold_what_is_told_later_in_the_same_words() {
    let mut story = Turned::new(made_media());
    let tell = |story: &mut Turned, of| {
        story.engine.stand(of, Severity::Error, "the same".into());
        story.heeds(Wake::Tick)
    };
    let first = tell(&mut story, Matter::Call);
    assert_eq!(told(&story.is_asked(Command::Dismiss(first.notices[0].id))).len(), 0);
    assert_eq!(told(&tell(&mut story, Matter::Chat)), ["the same"]);
    story.engine.is_over(&Matter::Chat);
    assert_eq!(told(&story.heeds(Wake::Tick)).len(), 0);
}

#[test]
fn what_is_good_to_know_is_told_beside_all_that_is_wrong() {
    let mut story = Turned::new(made_media());
    for word in ["a", "b", "c", "d"] {
        story.engine.notify(Severity::Error, word.into());
    }
    story.engine.notify(Severity::Info, "saved".into());
    assert_eq!(told(&story.heeds(Wake::Tick)), ["b", "c", "d", "saved"]);
}

#[test]
fn an_older_page_that_was_asked_for_from_the_list_before_does_not_follow_the_newest() {
    use crate::signaling::Answer;
    let mut story = Turned::new(made_media());
    let answer = |page: &str, first, next: &str| {
        let answer = Ok(Answer::Calls { first, calls: Vec::new(), until: None, next: next.into() });
        Wake::Session(Some(Event::Answer { topic: Topic::Calls { page: page.into() }, answer }))
    };
    story.heeds(answer("", true, "second"));
    story.heeds(answer("second", false, "third"));
    // The history is opened once more, and `More` pressed on what is still shown of it.
    story.engine.history_awaited = Some("third".into());
    story.engine.history_next.clear();
    story.heeds(answer("", true, "second"));
    assert!(story.heeds(answer("third", false, "fourth")).history.more);
    assert_eq!(story.engine.history_next, "second");
}

#[test]
fn that_two_do_not_see_each_other_any_more_is_told_until_that_is_taken_back() {
    use crate::signaling::Answer;
    let mut story = Turned::new(made_media());
    let answers = |story: &mut Turned, guest, blocked| {
        let guest = GuestId::from_bits(guest);
        let answer = Ok(Answer::Blocks(guest, blocked));
        story.heeds(Wake::Session(Some(Event::Answer { topic: Topic::Block(guest), answer })))
    };
    assert_eq!(told(&answers(&mut story, 2, true)), [say("told-blocked")]);
    assert_eq!(told(&answers(&mut story, 2, false)).len(), 0);
    assert_eq!(told(&answers(&mut story, 2, true)), [say("told-blocked")], "blocked once more");
    assert_eq!(told(&answers(&mut story, 3, true)), [say("told-blocked")], "another one");
    assert_eq!(told(&answers(&mut story, 2, false)), [say("told-blocked")], "the other still is");
    assert_eq!(told(&answers(&mut story, 3, false)).len(), 0);
}

#[tokio::test]
async fn diagnostics_leave_out_relays_of_this_run_and_devices_that_were_unplugged() {
    let folder = tempfile::tempdir().unwrap();
    let lines = "12:00 WARN Camera ana's iPhone was disconnected.\n12:01 INFO a relay was not reached error=relay9 is silent\n";
    std::fs::write(folder.path().join("castle-desktop.log"), lines).unwrap();
    let logs = Some(folder.path().to_owned());
    let mut story = Turned::new(EngineConfig { mic: None, logs, ..made_media() });
    story.finds(&["ana's iPhone"]);
    story.finds(&[]);
    let relay = IceServer { urls: vec!["turn:relay9:3478".into()], ..IceServer::default() };
    story.heeds(Wake::Session(Some(Event::Ice(vec![relay]))));
    story.heeds(Wake::Session(Some(Event::Ice(Vec::new()))));
    let file = folder.path().join("castle.json");
    story.is_asked(Command::SaveDiagnostics { file: file.clone(), with_names: false });
    story.engine.saved.1.recv().await.expect("it is told");
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let cleaned = [
        "12:00 WARN Camera [name] was disconnected.",
        "12:01 INFO a relay was not reached error=[name] is silent",
    ];
    assert_eq!(report["log"], serde_json::json!(cleaned));
}

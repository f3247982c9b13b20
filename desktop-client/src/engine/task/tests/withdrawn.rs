//! What is taken back once it holds no longer, and left out of what leaves this machine.

use super::*;
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

//! What is said in place of what is not there yet, or cannot be.

use super::*;
use castle_desktop::media::frame::{FrameSlot, Picture};
use castle_desktop::ui::video::Screen;
use castle_desktop::view::{ChatLine, DeviceStanding, Safety};
use states::named;

fn call(shown: &mut Shown) -> &mut CallView {
    shown.state_mut().snapshot.call.as_mut().expect("in a call")
}

#[test]
fn why_there_are_no_safety_words_is_said_until_there_are() {
    let words = ["harbour", "velvet", "orchard", "signal"].map(str::to_owned);
    let mut shown = named("call-safety-pending").show(ROOMY);
    assert!(says(&shown, say("safety-pending")) && !says(&shown, say("safety-differ")));
    call(&mut shown).safety = Safety::Unsupported;
    shown.run();
    assert!(says(&shown, say("safety-unsupported")) && !says(&shown, say("safety-pending")));
    assert!(!says(&shown, say("safety-differ")), "there is nothing to compare");
    call(&mut shown).safety = Safety::Words { words, device: DeviceStanding::New };
    shown.run();
    assert!(says(&shown, "harbour  velvet  orchard  signal") && says(&shown, say("safety-same")));
    assert!(!says(&shown, say("safety-unsupported")));
}

#[test]
fn words_that_were_compared_need_not_be_again_and_may_differ_all_the_same() {
    let mut shown = named("call-safety-verified").show(ROOMY);
    assert!(says(&shown, say("safety-device-verified")) && !says(&shown, say("safety-same")));
    assert_eq!(click(&mut shown, say("safety-differ")), [Command::Compared { same: false }]);
}

#[test]
fn screens_are_looked_for_until_there_is_one() {
    let mut shown = named("call-share-looking").show(ROOMY);
    assert!(says(&shown, say("share-looking")));
    shown.state_mut().snapshot.devices = states::screens();
    shown.run();
    assert!(says(&shown, "Mail") && !says(&shown, say("share-looking")));
}

#[test]
fn why_there_is_no_own_picture_is_said_before_a_call_and_in_it() {
    let reasons = [
        (Picture::Waiting, say("own-camera-starts")),
        (Picture::Lost, say("own-camera-lost")),
        (Picture::Off, say("own-camera-off")),
    ];
    for name in ["tryout", "call"] {
        let mut shown = named(name).show(ROOMY);
        let slot = FrameSlot::new();
        shown.state_mut().local = Screen::cpu().tile(slot.clone(), None);
        for (picture, words) in reasons {
            slot.set_picture(picture);
            shown.run();
            let told = format!("{}, {words}", say("own-picture"));
            assert!(shown.query_by_label(&told).is_some(), "{name}: {told}");
        }
        slot.put(faces::frame(320, 180));
        shown.run();
        assert!(shown.query_by_label(say("own-picture")).is_some(), "{name}: it is there");
    }
}

#[test]
fn the_place_in_line_is_asked_for_until_it_is_known() {
    let mut shown = named("search-asking").show(ROOMY);
    assert!(says(&shown, say("search-asking")));
    shown.state_mut().snapshot.search.as_mut().expect("searching").position = Some(4);
    shown.run();
    assert!(says(&shown, "You are number 4 in line.") && !says(&shown, say("search-asking")));
}

#[test]
fn what_becomes_of_chat_is_said_until_the_first_line() {
    let mut shown = named("call-chat-empty").show(ROOMY);
    assert!(says(&shown, say("chat-empty")));
    assert!(!says(&shown, say("chat-copy")), "there is nothing to copy");
    let line = ChatLine { mine: false, at: Instant::now(), text: "hello".into(), delivered: true };
    call(&mut shown).chat = Arc::new(vec![line]);
    shown.run();
    assert!(says(&shown, "hello") && says(&shown, say("chat-copy")) && !says(&shown, say("chat-empty")));
}

#[test]
fn that_nobody_is_blocked_is_said() {
    assert!(says(&named("blocked-nobody").show(ROOMY), say("blocked-nobody")));
    assert!(!says(&named("blocked").show(ROOMY), say("blocked-nobody")));
}

#[test]
fn a_test_sound_is_played_once_at_a_time() {
    let mut shown = named("tryout-starts").show(ROOMY);
    assert_eq!(click(&mut shown, say("tryout-speaker-plays")), []);
    shown.state_mut().snapshot.tryout.as_mut().expect("tried out").speaker_playing = false;
    shown.run();
    assert_eq!(click(&mut shown, say("tryout-speaker-test")), [Command::TestSpeaker]);
}

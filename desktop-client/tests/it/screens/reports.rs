//! A report while it is written, sent, put by for something else, and lost on its way.

use super::*;
use castle_desktop::view::{AccountView, Act, ReportReason, Reports};
use egui::{Event, Key, Modifiers, PointerButton, pos2};

const NONE: Modifiers = Modifiers::NONE;

/// The report about a guest of the hall, with nothing in it.
fn opened() -> Shown {
    let mut shown = show(online());
    click(&mut shown, &say_with("hall-menu-of", &[("name", "Bruno".into())]));
    click(&mut shown, say("guest-report"));
    shown
}

/// The same with words in it.
fn write(shown: &mut Shown, words: &str) {
    shown.get_by_label(say("report-words")).focus();
    type_text(shown, words);
}

fn written(shown: &Shown) -> Option<String> {
    shown.query_by_label(say("report-words")).map(|field| field.value().unwrap_or_default())
}

/// A click beside the dialog.
fn click_beside(shown: &mut Shown) {
    let pos = pos2(4.0, 4.0);
    let button =
        |pressed| Event::PointerButton { pos, button: PointerButton::Primary, pressed, modifiers: NONE };
    for event in [Event::PointerMoved(pos), button(true), button(false)] {
        shown.event(event);
        shown.run();
    }
}

#[test]
fn a_guest_is_reported_with_reason_and_words() {
    let mut shown = show(online());
    click(&mut shown, &say_with("hall-menu-of", &[("name", "Bruno".into())]));
    click(&mut shown, say("guest-report"));
    assert_eq!(click(&mut shown, say("report-send")), [], "no reason is chosen yet");
    click(&mut shown, say("report-spam"));
    shown.get_by_label(say("report-words")).focus();
    type_text(&mut shown, " sells watches ");
    click(&mut shown, say("report-block-too"));
    let guest = GuestId::from_bits(2);
    let report =
        Command::Report { guest, call: None, reason: ReportReason::Spam, words: "sells watches".into() };
    assert_eq!(click(&mut shown, say("report-send")), [report, Command::Block(guest)]);
    shown.state_mut().snapshot.account.reports.taken += 1;
    shown.run();
    assert!(!says(&shown, say("report-send")), "put away once the host has it");
}

#[test]
fn a_report_that_got_nowhere_is_still_there_and_is_sent_again() {
    let mut shown = show(ended(EndReason::PeerHungUp));
    click(&mut shown, say("guest-report"));
    click(&mut shown, say("report-other"));
    shown.get_by_label(say("report-words")).focus();
    type_text(&mut shown, "a long story");
    let report = click(&mut shown, say("report-send"));
    assert!(matches!(&report[..], [Command::Report { words, .. }] if words == "a long story"));
    assert!(says(&shown, say("account-busy")), "it is on its way");
    assert_eq!(click(&mut shown, say("report-send")), [], "once");
    shown.state_mut().snapshot.account.reports.lost += 1;
    shown.run();
    assert!(says(&shown, say("report-lost")) && !says(&shown, say("account-busy")));
    assert_eq!(click(&mut shown, say("report-send")), report, "nothing of it has to be written again");
    assert!(!says(&shown, say("report-lost")));
    shown.state_mut().snapshot.account.reports.taken += 1;
    shown.run();
    assert!(!says(&shown, say("report-send")));
}

#[test]
fn a_report_waits_for_the_one_before_it() {
    let mut shown = show(online());
    let write = |shown: &mut Shown, guest: &str| {
        click(shown, &say_with("hall-menu-of", &[("name", guest.into())]));
        click(shown, say("guest-report"));
        click(shown, say("report-spam"));
    };
    write(&mut shown, "Bruno");
    assert_eq!(click(&mut shown, say("report-send")).len(), 1);
    shown.state_mut().snapshot.account.busy.push(Act::Report);
    click(&mut shown, say("cancel"));
    write(&mut shown, "Ana");
    assert!(says(&shown, say("account-busy")));
    assert_eq!(click(&mut shown, say("report-send")), []);
    shown.state_mut().snapshot.account =
        AccountView { reports: Reports { taken: 1, lost: 0 }, ..Default::default() };
    shown.run();
    let report = click(&mut shown, say("report-send"));
    assert!(
        matches!(report[..], [Command::Report { guest, .. }] if guest == GuestId::from_bits(1)),
        "not closed by it"
    );
}

#[test]
fn what_was_begun_is_put_away_by_its_button_alone() {
    let away: [fn(&mut Shown); 2] = [click_beside, |shown| drop(press(shown, NONE, Key::Escape))];
    for away in away {
        let mut shown = opened();
        away(&mut shown);
        assert_eq!(written(&shown), None, "nothing is lost of an empty one");
        for in_words in [true, false] {
            let mut shown = opened();
            if in_words {
                write(&mut shown, "a long story");
            } else {
                click(&mut shown, say("report-spam"));
            }
            let before = written(&shown);
            away(&mut shown);
            assert!(before.is_some() && written(&shown) == before, "{before:?}");
            click(&mut shown, say("cancel"));
            assert_eq!(written(&shown), None);
        }
    }
}

#[test]
fn a_report_grows_with_its_words_for_as_long_as_there_is_room() {
    let mut shown = opened();
    click(&mut shown, say("report-spam"));
    let high = |shown: &Shown| shown.get_by_label(say("report-words")).rect().height();
    let before = high(&shown);
    write(&mut shown, &"a long story, ".repeat(30));
    let lines = high(&shown) - before;
    assert!(lines > 0.0, "the field does not grow");
    let [field, send] = [say("report-words"), say("report-send")].map(|name| shown.get_by_label(name).rect());
    assert!(field.bottom() < send.top() && send.bottom() < ROOMY.y, "{field} {send}");
    let send = send.center();
    for pressed in [true, false] {
        let (button, modifiers) = (PointerButton::Primary, NONE);
        shown.event(Event::PointerMoved(send));
        shown.event(Event::PointerButton { pos: send, button, pressed, modifiers });
    }
    let sent = commands(&mut shown);
    assert!(matches!(sent[..], [Command::Report { .. }]), "what is seen is what is pressed: {sent:?}");
}

#[test]
fn a_report_waits_below_the_questions_whether_to_quit_and_to_join() {
    let mut shown = show(talking(|_| {}));
    click(&mut shown, say("call-more"));
    click(&mut shown, say("guest-report"));
    write(&mut shown, "a long story");
    let closes = |shown: &mut Shown| {
        let window = shown.state_mut();
        assert!(!window.screens.may_close(&window.snapshot));
        shown.run();
        assert_eq!(written(shown), None, "one is asked at a time");
    };
    closes(&mut shown);
    shown.state_mut().screens.bring_link("castle://hall.example:50051/?invite=K7QM".into());
    shown.run();
    assert!(says(&shown, "Join hall.example") && !says(&shown, say("quit-explained")));
    closes(&mut shown);
    click(&mut shown, say("quit-stay"));
    assert!(says(&shown, "Join hall.example") && written(&shown).is_none());
    click(&mut shown, say("cancel"));
    assert!(!says(&shown, say("quit-explained")), "that was answered");
    assert_eq!(written(&shown).as_deref(), Some("a long story"));
}

#[test]
fn a_report_waits_for_its_own_login_and_lies_over_nobody_elses() {
    let mut shown = opened();
    click(&mut shown, say("report-spam"));
    let report = click(&mut shown, say("report-send"));
    let mut somebody = online();
    somebody.me.as_mut().expect("online").guest = GuestId::from_bits(98);
    for elsewhere in [Snapshot::default(), somebody] {
        shown.state_mut().snapshot = elsewhere;
        shown.run();
        assert_eq!(written(&shown), None);
    }
    shown.state_mut().snapshot = Snapshot::default();
    shown.run();
    shown.state_mut().snapshot = online();
    shown.run();
    assert!(says(&shown, say("report-lost")), "nobody knows whether it got through");
    assert_eq!(click(&mut shown, say("report-send")), report);
}

#[test]
fn questions_about_guests_end_with_the_login() {
    let mut shown = show(online());
    click(&mut shown, &say_with("hall-menu-of", &[("name", "Ana".into())]));
    click(&mut shown, say("guest-block"));
    for snapshot in [Snapshot::default(), online()] {
        shown.state_mut().snapshot = snapshot;
        shown.run();
        assert!(!says(&shown, say("block-explained")));
    }
}

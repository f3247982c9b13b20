//! The Great Hall, waiting for a match, and notices.

use super::*;
use castle_desktop::ui::text;
use castle_desktop::view::{CheckLine, CheckOutcome, Checkup, Devices};
use egui::accesskit::Role;
use egui::{Key, Modifiers};

#[test]
fn a_free_guest_can_be_called_and_a_busy_one_cannot() {
    let mut shown = show(online());
    assert!(says(&shown, "Bruno, In a call"));
    assert_eq!(click(&mut shown, "Call Ana"), [Command::Call(GuestId::from_bits(1))]);
    assert_eq!(click(&mut shown, "Call Bruno"), []);
    assert_eq!(click(&mut shown, "Call Chiyo"), []);
}

#[test]
fn the_hall_offers_match_next_free_and_the_way_out() {
    let mut shown = show(online());
    assert_eq!(click(&mut shown, say("hall-find")), [Command::Search]);
    assert_eq!(click(&mut shown, say("hall-next-free")), [Command::CallNextFree]);
    assert_eq!(click(&mut shown, say("hall-log-out")), [Command::LogOut]);
}

#[test]
fn next_free_is_not_offered_while_nobody_is_free() {
    let hall = Arc::new(vec![guest(2, "Bruno", Availability::InCall)]);
    let mut shown = show(Snapshot { hall, ..online() });
    assert_eq!(click(&mut shown, say("hall-next-free")), []);
    assert_eq!(click(&mut shown, say("hall-find")), [Command::Search]);
}

#[test]
fn the_own_availability_is_shown_and_chosen() {
    let mut shown = show(online());
    for (words, wanted) in
        [("Do not disturb", Availability::DoNotDisturb), ("Invisible", Availability::Invisible)]
    {
        let node = shown.get_by_role_and_label(Role::RadioButton, words);
        node.click();
        assert_eq!(commands(&mut shown), [Command::SetAvailability(wanted)]);
    }
    shown.get_by_role_and_label(Role::RadioButton, "Available").click();
    assert_eq!(commands(&mut shown), [], "it is so already");
}

#[test]
fn guests_are_found_by_both_names_in_any_case() {
    let mut shown = show(online());
    shown.get_by_label(say("hall-search")).focus();
    type_text(&mut shown, "CHI");
    assert!(says(&shown, "Call Chiyo") && !says(&shown, "Call Ana"));
    type_text(&mut shown, "x");
    assert!(says(&shown, say("hall-no-hit")));
    for _ in 0..4 {
        press(&mut shown, Modifiers::NONE, Key::Backspace);
    }
    type_text(&mut shown, "login-2");
    assert!(says(&shown, "Call Bruno") && !says(&shown, "Call Ana"));
}

#[test]
fn guests_are_found_as_the_server_finds_them() {
    let rows =
        [guest(1, "Countess ＬＯＶＥ", Availability::Available), guest(2, "Glover", Availability::Available)];
    let snapshot = Snapshot { hall: Arc::new(rows.to_vec()), ..online() };
    // Letters of that width are in no font of the tests.
    let builder = Harness::builder().allow_missing_glyphs();
    let mut shown = built(builder, Window::new(snapshot, Prefill::default()), ROOMY);
    shown.get_by_label(say("hall-search")).focus();
    type_text(&mut shown, "love");
    assert!(says(&shown, "Call Countess"), "whatever the width of letters");
    assert!(!says(&shown, "Call Glover"), "by the beginnings of words, and not before the answer alone");
}

#[test]
fn somebody_who_comes_in_appears_in_the_list() {
    let mut shown = show(online());
    let hall = &mut shown.state_mut().snapshot.hall;
    Arc::make_mut(hall).push(guest(4, "Dmitri", Availability::Available));
    *hall = Arc::new(hall.to_vec());
    shown.run();
    assert!(says(&shown, "Call Dmitri") && says(&shown, "4 guests, 2 free"));
}

#[test]
fn an_empty_hall_says_what_to_do() {
    let mut shown = show(Snapshot { hall: Arc::default(), ..online() });
    assert!(says(&shown, say("hall-empty")));
    assert_eq!(click(&mut shown, say("hall-find")), [Command::Search]);
}

fn crowd() -> Snapshot {
    let rows =
        (0..10_000).map(|number| guest(number, &format!("Guest {number:05}"), Availability::Available));
    Snapshot { hall: Arc::new(rows.collect()), ..online() }
}

#[test]
fn of_ten_thousand_guests_only_those_in_view_are_drawn() {
    let shown = show(crowd());
    let drawn = shown.get_all_by_role(Role::ListItem).count();
    assert!((5..20).contains(&drawn), "{drawn}");
}

#[test]
fn tab_walks_through_the_whole_list_and_keeps_what_has_the_keyboard_in_view() {
    let mut shown = show(crowd());
    shown.get_by_label("Call Guest 00000").focus();
    shown.run();
    for number in 1..60 {
        for _ in 0..2 {
            press(&mut shown, Modifiers::NONE, Key::Tab); // to the menu of the guest, and on
        }
        let name = format!("Call Guest {number:05}");
        assert_eq!(focused(&shown), Some(name.clone()));
        let place = shown.get_by_label(&name).rect();
        assert!(place.bottom() <= ROOMY.y && place.top() > 150.0, "{name} at {place}");
    }
    press(&mut shown, Modifiers::SHIFT, Key::Tab);
    assert_eq!(focused(&shown).as_deref(), Some("More about Guest 00058"));
    press(&mut shown, Modifiers::SHIFT, Key::Tab);
    assert_eq!(press(&mut shown, Modifiers::NONE, Key::Space), [Command::Call(GuestId::from_bits(58))]);
}

#[test]
fn waiting_shows_the_place_in_line_and_can_be_stopped() {
    let mut shown = show(searching());
    assert!(says(&shown, "number 2 of 5"));
    assert_eq!(click(&mut shown, say("search-stop")), [Command::StopSearch]);
    assert_eq!(press(&mut shown, Modifiers::NONE, Key::Escape), [Command::StopSearch]);
    let search = shown.state_mut().snapshot.search.as_mut().expect("searching");
    (search.position, search.waiting, search.estimate) = (Some(1), Some(3), Some(Duration::from_secs(20)));
    shown.run();
    assert!(says(&shown, "You are next") && says(&shown, "usually about 20 seconds"));
    shown.state_mut().snapshot.search.as_mut().expect("searching").waiting = Some(1);
    shown.run();
    assert!(says(&shown, say("search-alone")));
}

#[test]
fn a_lost_connection_is_told_wherever_one_is() {
    for mut snapshot in [online(), searching(), talking(|_| {})] {
        snapshot.connection = Connection::Reconnecting { server: SERVER.into(), since: Instant::now() };
        assert!(says(&show(snapshot), say("notices-reconnecting")));
    }
}

#[test]
fn each_notice_is_dismissed_by_itself_in_the_hall_and_in_a_call() {
    for mut snapshot in [online(), talking(|_| {})] {
        snapshot.notices = vec![notice(3, Severity::Info, "One."), notice(4, Severity::Error, "Two.")];
        let mut shown = show(snapshot);
        assert!(says(&shown, "One.") && says(&shown, "Two."));
        for (place, id) in [(0, 4), (1, 3)] {
            let button =
                shown.get_all_by_label(say("notices-dismiss")).nth(place).expect("one for each notice");
            button.click();
            assert_eq!(commands(&mut shown), [Command::Dismiss(id)]);
        }
    }
}

#[test]
fn what_comes_and_goes_does_not_take_the_keyboard_away() {
    for (snapshot, name) in [(online(), "Call Ana"), (talking(|_| {}), say("call-hang-up"))] {
        let mut shown = show(snapshot);
        shown.get_by_label(name).focus();
        shown.run();
        let snapshot = &mut shown.state_mut().snapshot;
        snapshot.notices = vec![notice(3, Severity::Info, "One.")];
        if let Some(call) = &mut snapshot.call {
            (call.peer_reconnecting, call.peer_camera_on, call.matched) = (true, false, true);
        }
        shown.run();
        assert_eq!(focused(&shown).as_deref(), Some(name));
    }
}

#[test]
fn what_is_wrong_with_a_device_is_told_in_words() {
    let devices = Devices {
        camera_fault: Some("It was unplugged.".into()),
        mic_fault: Some("Another program is using the microphone.".into()),
        speaker_fault: None,
        ..Devices::default()
    };
    for snapshot in [online(), talking(|_| {})] {
        let shown = show(Snapshot { devices: devices.clone(), ..snapshot });
        assert!(says(&shown, "It was unplugged."));
        assert!(says(&shown, "Another program is using the microphone."));
        assert!(!says(&shown, "Microphone:"), "the sentence names the device itself");
    }
}

#[test]
fn a_command_that_was_lost_is_told_until_dismissed() {
    let mut shown = show(online());
    shown.state_mut().screens.tell_overloaded();
    shown.run();
    assert!(says(&shown, say("notices-overloaded")));
    assert_eq!(click(&mut shown, say("notices-dismiss")), []);
    assert!(!says(&shown, say("notices-overloaded")));
}

#[test]
fn the_connection_is_checked_line_by_line_and_put_away() {
    let mut shown = show(online());
    click(&mut shown, say("help"));
    let button = shown.get_by_role_and_label(Role::Button, say("checkup"));
    button.click_accesskit();
    assert_eq!(commands(&mut shown), [Command::CheckConnection]);
    let line = |outcome, advice: Option<&str>| CheckLine {
        check: "relay by UDP".into(),
        outcome,
        advice: advice.map(Into::into),
        technical: "no answer within 3 s".into(),
    };
    let failed = line(CheckOutcome::Fail, Some("Open UDP port 3478."));
    let mut checkup = Checkup { lines: vec![failed], done: false };
    shown.state_mut().snapshot.checkup = Some(checkup.clone());
    shown.run();
    assert!(says(&shown, &text::checkup_summary(&checkup)));
    assert!(says(&shown, "Does not work  ·  relay by UDP") && says(&shown, "Open UDP port 3478."));
    assert!(!says(&shown, "no answer within 3 s"), "for the diagnostics alone");

    checkup.lines.push(line(CheckOutcome::Pass, None));
    checkup.done = true;
    shown.state_mut().snapshot.checkup = Some(checkup);
    shown.run();
    assert!(says(&shown, "One thing does not work."));
    assert!(says(&shown, "Fine  ·  relay by UDP"));
    assert_eq!(click(&mut shown, say("checkup-close")), [Command::CloseCheckup]);
    assert_eq!(press(&mut shown, Modifiers::NONE, Key::Escape), [Command::CloseCheckup]);
}

#[test]
fn of_a_hall_that_is_not_known_whole_the_count_is_the_servers_and_anybody_may_be_free() {
    let hall = Arc::new(vec![guest(2, "Bruno", Availability::InCall)]);
    let mut shown = show(Snapshot { hall, hall_more: true, hall_count: 10_000, ..online() });
    assert!(
        says(&shown, "10,000 guests") && !says(&shown, ", 0 free"),
        "who is free of the rest is not known"
    );
    assert_eq!(click(&mut shown, say("hall-next-free")), [Command::CallNextFree]);
}

#[test]
fn a_search_that_finds_nobody_free_does_not_hide_who_is() {
    let mut shown = show(online());
    shown.get_by_label(say("hall-search")).focus();
    type_text(&mut shown, "bru");
    // The server answers with those alone who fit.
    shown.state_mut().snapshot.hall = Arc::new(vec![guest(2, "Bruno", Availability::InCall)]);
    commands(&mut shown);
    assert_eq!(click(&mut shown, say("hall-next-free")), [Command::CallNextFree]);
}

//! A call, from the first ring to its end.

use super::*;
use castle_desktop::ui::text;
use castle_desktop::view::{Devices, ScreenSpec};
use egui::{Key, Modifiers};

const NONE: Modifiers = Modifiers::NONE;
const CONTROL: Modifiers = Modifiers::COMMAND;

fn since() -> Instant {
    Instant::now()
}

#[test]
fn an_incoming_call_is_accepted_or_declined_by_pointer_and_by_key() {
    let mut shown = show(in_call(Stage::Ringing { since: since() }));
    assert!(says(&shown, "Ana") && says(&shown, say("call-calls-you")));
    assert_eq!(click(&mut shown, say("call-accept")), [Command::Accept]);
    assert_eq!(click(&mut shown, say("call-decline")), [Command::Decline]);
    assert_eq!(press(&mut shown, CONTROL, Key::Enter), [Command::Accept]);
    assert_eq!(press(&mut shown, NONE, Key::Escape), [Command::Decline]);
}

#[test]
fn a_key_meant_for_another_window_does_not_accept() {
    let mut shown = show(in_call(Stage::Ringing { since: since() }));
    for key in [Key::Enter, Key::Space, Key::A, Key::M, Key::V] {
        assert_eq!(press(&mut shown, NONE, key), [], "{key:?}");
    }
}

#[test]
fn an_outgoing_call_can_be_cancelled() {
    let mut shown = show(in_call(Stage::Calling { since: since() }));
    assert!(says(&shown, say("call-ringing")));
    assert_eq!(click(&mut shown, say("call-cancel")), [Command::Cancel]);
    assert_eq!(press(&mut shown, NONE, Key::Escape), [Command::Cancel]);
}

#[test]
fn a_call_that_is_being_connected_can_be_ended() {
    let mut shown = show(in_call(Stage::Connecting));
    assert!(says(&shown, say("call-connecting")));
    assert_eq!(click(&mut shown, say("call-hang-up")), [Command::HangUp]);
    assert_eq!(press(&mut shown, NONE, Key::Escape), [Command::HangUp]);
}

#[test]
fn the_controls_of_a_call_do_what_they_say() {
    let mut shown = show(talking(|call| call.matched = true));
    assert_eq!(click(&mut shown, say("call-mute")), [Command::SetMuted(true)]);
    assert_eq!(click(&mut shown, say("call-camera-off")), [Command::SetCamera(false)]);
    assert_eq!(click(&mut shown, say("call-next")), [Command::Next]);
    assert_eq!(click(&mut shown, say("call-hang-up")), [Command::HangUp]);
    let call = shown.state_mut().snapshot.call.as_mut().expect("in a call");
    (call.muted, call.camera_on) = (true, false);
    shown.run();
    assert_eq!(click(&mut shown, say("call-unmute")), [Command::SetMuted(false)]);
    assert_eq!(click(&mut shown, say("call-camera-on")), [Command::SetCamera(true)]);
}

#[test]
fn the_keys_of_a_call_do_the_same() {
    let mut shown = show(talking(|call| call.matched = true));
    assert_eq!(press(&mut shown, NONE, Key::M), [Command::SetMuted(true)]);
    assert_eq!(press(&mut shown, NONE, Key::V), [Command::SetCamera(false)]);
    assert_eq!(press(&mut shown, NONE, Key::N), [Command::Next]);
    assert_eq!(press(&mut shown, CONTROL, Key::H), [Command::HangUp]);
    assert_eq!(press(&mut shown, NONE, Key::Escape), [], "a live call does not end by a stray key");
}

#[test]
fn tab_reaches_every_control_and_space_presses_it() {
    let mut shown = show(talking(|call| call.matched = true));
    press(&mut shown, NONE, Key::Tab);
    assert!(focused(&shown).is_some_and(|name| name.starts_with(say("own-picture"))), "it can be moved");
    let expected = [
        (say("call-mute"), vec![Command::SetMuted(true)]),
        (say("call-camera-off"), vec![Command::SetCamera(false)]),
        (say("chat"), vec![]),
    ];
    for (name, command) in expected {
        press(&mut shown, NONE, Key::Tab);
        assert_eq!(focused(&shown).as_deref(), Some(name));
        assert_eq!(press(&mut shown, NONE, Key::Space), command);
    }
    let mut shown = show(talking(|call| call.matched = true));
    shown.get_by_label(say("chat")).focus();
    shown.run();
    let opens = [say("share-short"), say("call-more")];
    for (name, command) in [
        (say("share-short"), Command::LookForScreens),
        (say("call-next"), Command::Next),
        (say("call-more"), Command::HangUp),
        (say("call-hang-up"), Command::HangUp),
    ] {
        press(&mut shown, NONE, Key::Tab);
        assert_eq!(focused(&shown).as_deref(), Some(name));
        if !opens.contains(&name) {
            assert_eq!(press(&mut shown, NONE, Key::Space), [command]);
        }
    }
}

#[test]
fn next_is_offered_only_where_a_match_made_the_call() {
    let mut shown = show(talking(|_| {}));
    assert!(shown.query_by_label(say("call-next")).is_none());
    assert_eq!(press(&mut shown, NONE, Key::N), []);
}

#[test]
fn the_state_of_the_other_end_is_told() {
    let shown = show(talking(|call| {
        (call.peer_muted, call.peer_camera_on, call.peer_reconnecting) = (true, false, true);
    }));
    assert!(says(&shown, "Picture of Ana: Camera is off"));
    assert!(says(&shown, say("call-peer-muted")));
    assert!(says(&shown, &peer_reconnecting()));
    let shown = show(talking(|_| {}));
    assert!(says(&shown, say("call-waiting-picture")));
    assert!(!says(&shown, &peer_reconnecting()));
}

#[test]
fn the_own_state_is_told_at_the_own_picture() {
    let shown = show(talking(|call| (call.muted, call.camera_on) = (true, false)));
    assert!(says(&shown, "Your picture, Your camera is off, You are muted"));
}

#[test]
fn the_timer_and_the_figures_are_shown() {
    let mut shown = show(talking(|call| call.stats = Some(figures())));
    shown.state_mut().now += Duration::from_secs(83);
    shown.run();
    assert!(says(&shown, "Ana  ·  1:23"));
    for words in ["Relayed by the server", "42 ms round trip", "84 ms glass to glass", "30 fps", "1.2 % lost"]
    {
        assert!(says(&shown, words), "{words}");
    }
}

#[test]
fn every_end_has_a_sentence_and_a_way_back() {
    for reason in REASONS {
        let mut shown = show(ended(reason));
        assert!(says(&shown, &text::ended(reason, "Ana")), "{reason:?}");
        assert!(says(&shown, "The call lasted 1:05."));
        assert_eq!(click(&mut shown, say("ended-back")), [Command::CloseCall]);
        assert_eq!(press(&mut shown, NONE, Key::Escape), [Command::CloseCall]);
        assert!(shown.query_by_label(say("ended-find-another")).is_none());
    }
}

#[test]
fn after_a_match_the_next_one_is_a_click_away() {
    let mut snapshot = ended(EndReason::PeerHungUp);
    snapshot.call.as_mut().expect("ended").matched = true;
    let mut shown = show(snapshot);
    assert_eq!(click(&mut shown, say("ended-find-another")), [Command::CloseCall, Command::Search]);
}

#[test]
fn what_to_share_is_chosen_from_what_there_is() {
    let mut shown = show(Snapshot { devices: states::screens(), ..talking(|_| {}) });
    assert_eq!(press(&mut shown, NONE, Key::D), [Command::LookForScreens]);
    assert!(says(&shown, say("share-what")) && says(&shown, "Screen eDP-1"));
    assert_eq!(click(&mut shown, "Mail"), [Command::ShareScreen(ScreenSpec::Window(8))]);
    assert!(!says(&shown, say("share-what")), "it is put away once one chose");
    assert_eq!(click(&mut shown, say("share-short")), [Command::LookForScreens]);
    assert_eq!(press(&mut shown, NONE, Key::Escape), []);
    assert!(!says(&shown, say("share-what")));
}

#[test]
fn sharing_is_in_the_menu_where_the_bar_has_no_room_for_it() {
    for (size, in_bar) in [(ROOMY, true), (SMALLEST, false)] {
        let mut shown = show_with(talking(|call| call.matched = true), Prefill::default(), size);
        assert_eq!(shown.query_by_label(say("share-short")).is_some(), in_bar, "{size}");
        click(&mut shown, say("call-more"));
        assert_eq!(shown.query_by_label(say("share")).is_some(), !in_bar, "{size}");
    }
}

#[test]
fn who_shares_sees_it_and_stops_by_button_or_key() {
    let mut shown = show(talking(|call| call.sharing = true));
    assert_eq!(click(&mut shown, say("share-stop")), [Command::StopSharing]);
    assert_eq!(press(&mut shown, NONE, Key::D), [Command::StopSharing]);
}

#[test]
fn where_nothing_can_be_shared_it_is_said_why() {
    let devices = Devices { screen_fault: Some("It works under X11 only.".into()), ..Devices::default() };
    let mut shown = show(Snapshot { devices, ..talking(|_| {}) });
    press(&mut shown, NONE, Key::D);
    assert!(says(&shown, "It works under X11 only."));
}

#[test]
fn the_screen_of_the_other_end_is_told_beside_their_picture() {
    let shown = show(talking(|call| call.peer_sharing = true));
    assert!(says(&shown, "Screen of Ana") && says(&shown, "Picture of Ana"));
}

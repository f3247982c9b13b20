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
    shown.state_mut().now += Duration::from_secs(1);
    assert!(says(&shown, "Ana") && says(&shown, say("call-calls-you")));
    assert_eq!(click(&mut shown, say("call-accept")), [Command::Accept]);
    assert_eq!(click(&mut shown, say("call-decline")), [Command::Decline]);
    assert_eq!(press(&mut shown, CONTROL, Key::Enter), [Command::Accept]);
    assert_eq!(press(&mut shown, NONE, Key::Escape), [Command::Decline]);
}

#[test]
fn a_key_that_was_meant_for_what_was_there_before_declines_no_call_that_just_came_in() {
    let since = since();
    let mut shown = show(in_call(Stage::Ringing { since }));
    for (ms, asked) in [(0, vec![]), (699, vec![]), (700, vec![Command::Decline])] {
        shown.state_mut().now = since + Duration::from_millis(ms);
        assert_eq!(press(&mut shown, NONE, Key::Escape), asked, "after {ms} ms");
    }
    shown.state_mut().now = since;
    assert_eq!(click(&mut shown, say("call-decline")), [Command::Decline], "who clicks on it means it");
    assert_eq!(press(&mut shown, CONTROL, Key::Enter), [Command::Accept], "and so does who holds two keys");
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
    assert_eq!(press(&mut shown, CONTROL, Key::N), [Command::Next]);
    assert_eq!(press(&mut shown, NONE, Key::N), [], "a bare letter ends no call");
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
    assert_eq!(press(&mut shown, CONTROL, Key::N), []);
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
    let shown = show(talking(|call| call.sound_alone = true));
    assert!(says(&shown, "Picture of Ana: This call has sound only"));
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
    for words in
        ["Relayed by the server", "42 ms round trip", "84 ms camera to screen", "30 fps", "1.2 % lost"]
    {
        assert!(says(&shown, words), "{words}");
    }
}

#[test]
fn the_title_and_how_good_the_call_is_keep_off_the_own_picture_in_every_language_and_size() {
    let sizes = [LOWEST, SMALLEST, vec2(640.0, 480.0), vec2(720.0, 540.0), ROOMY, vec2(1920.0, 1080.0)];
    for language in castle_desktop::words::LANGUAGES {
        castle_desktop::words::speaking(language.tag, || {
            for (size, peer, chat) in sizes.into_iter().flat_map(|size| {
                [("Ana", false), ("Emilia van der Meer-Oosterhuis", false), ("Ana", true)]
                    .map(|(peer, chat)| (size, peer, chat))
            }) {
                let mut shown = show_with(
                    talking(|call| {
                        (call.peer, call.peer_muted, call.quality) = (peer.into(), true, Quality::Poor);
                    }),
                    Prefill::default(),
                    size,
                );
                shown.state_mut().remote = faces::still(640, 360);
                shown.state_mut().local = faces::still(320, 180);
                shown.state_mut().now += Duration::from_hours(1);
                if chat {
                    press(&mut shown, NONE, Key::C);
                }
                shown.run();
                let own = shown.query_by_label_contains(say("own-picture")).map(|own| own.rect());
                let title = shown.get_by_label(&text::joined([peer, "1:00:00"])).rect();
                let sign = shown.get_by_label(say("quality-poor")).rect();
                let of = format!("{}, {size}, {peer}, chat: {chat}", language.tag);
                assert!(own.is_some() || (chat && size == LOWEST), "{of}: there is room for it");
                let window = egui::Rect::from_min_size(egui::Pos2::ZERO, size);
                for said in [title, sign] {
                    let touched = own.filter(|own| said.expand(1.0).intersects(*own));
                    assert_eq!(touched, None, "{of}: it touches {said}");
                    assert!(window.contains_rect(said), "{of}: {said}");
                }
            }
        });
    }
}

#[test]
fn what_is_opened_over_a_call_is_used_above_its_controls_however_low_the_window() {
    let opened =
        [(Key::C, ["chat-words", "chat-send"].map(say)), (Key::S, ["safety-same", "safety-differ"].map(say))];
    let words = ["harbour", "velvet", "orchard", "signal"].map(str::to_owned);
    let device = castle_desktop::view::DeviceStanding::First;
    for (size, (key, names)) in [LOWEST, SMALLEST].into_iter().flat_map(|size| opened.map(|it| (size, it))) {
        let safety = castle_desktop::view::Safety::Words { words: words.clone(), device };
        let mut shown = show_with(talking(|call| call.safety = safety), Prefill::default(), size);
        press(&mut shown, NONE, key);
        for name in names {
            shown.get_by_label(name).scroll_to_me();
            shown.run();
            let (place, bar) = (shown.get_by_label(name).rect(), shown.get_by_label(say("call-mute")).rect());
            assert!(place.bottom() <= bar.top(), "{size}: {name} at {place}, the controls at {bar}");
        }
    }
}

#[test]
fn every_end_has_a_sentence_and_a_way_back() {
    for reason in REASONS {
        let mut shown = show(ended(reason));
        assert!(says(&shown, &text::ended(reason, "Ana", (false, true))), "{reason:?}");
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

#[test]
fn microphone_and_camera_are_switched_before_anybody_hears_or_sees() {
    let looking = |snapshot: &mut Snapshot, (muted, camera_on)| {
        if let Some(call) = &mut snapshot.call {
            (call.muted, call.camera_on) = (muted, camera_on);
        }
        if let Some(search) = &mut snapshot.search {
            (search.muted, search.camera_on) = (muted, camera_on);
        }
    };
    for snapshot in [searching(), in_call(Stage::Calling { since: since() }), in_call(Stage::Connecting)] {
        let mut shown = show(snapshot);
        assert_eq!(click(&mut shown, say("call-mute")), [Command::SetMuted(true)]);
        assert_eq!(click(&mut shown, say("call-camera-off")), [Command::SetCamera(false)]);
        looking(&mut shown.state_mut().snapshot, (true, false));
        shown.run();
        assert_eq!(press(&mut shown, NONE, Key::M), [Command::SetMuted(false)]);
        assert_eq!(press(&mut shown, NONE, Key::V), [Command::SetCamera(true)]);
        let by_key = castle_desktop::view::Preferences { push_to_talk: true, ..Default::default() };
        shown.state_mut().snapshot.preferences = Arc::new(by_key);
        shown.run();
        assert!(shown.query_by_label(say("call-unmute")).is_none(), "the key opens it, and nothing else");
    }
}

#[test]
fn a_key_that_is_held_switches_once() {
    let mut shown = show(talking(|_| {}));
    for _ in 0..5 {
        shown.key_down(Key::M);
    }
    assert_eq!(commands(&mut shown), [Command::SetMuted(true)]);
    shown.key_down(Key::M);
    assert_eq!(commands(&mut shown), []);
    shown.key_up(Key::M);
    shown.run();
    assert_eq!(press(&mut shown, NONE, Key::M), [Command::SetMuted(true)]);
}

#[test]
fn whoever_was_called_reads_what_they_did_and_not_what_the_other_end_would() {
    for (reason, words) in [
        (EndReason::Declined, "You declined the call"),
        (EndReason::Cancelled, "Ana called and gave up"),
        (EndReason::TimedOut, "You missed a call from Ana"),
    ] {
        let mut snapshot = ended(reason);
        let call = snapshot.call.as_mut().expect("ended");
        call.received = true;
        call.stage = Stage::Ended { reason, lasted: None };
        let shown = show(snapshot);
        assert!(says(&shown, words), "{reason:?}");
        assert!(!says(&shown, say("ended-try-later")), "{reason:?}: they are not to try again");
    }
}

/// What the window is told at the end of the last drawing.
fn told_window(shown: &Shown) -> Vec<egui::ViewportCommand> {
    shown.output().viewport_output.get(&egui::ViewportId::ROOT).expect("the window").commands.clone()
}

#[test]
fn a_window_that_filled_the_screen_for_a_call_does_not_do_so_after_it() {
    let mut shown = show(talking(|_| {}));
    shown.key_down(Key::F11);
    shown.step();
    assert!(told_window(&shown).contains(&egui::ViewportCommand::Fullscreen(true)));
    shown.run();
    shown.state_mut().snapshot = ended(EndReason::PeerHungUp);
    shown.step();
    assert!(told_window(&shown).contains(&egui::ViewportCommand::Fullscreen(false)));
    shown.run();
    shown.state_mut().snapshot = online();
    shown.step();
    assert!(!told_window(&shown).contains(&egui::ViewportCommand::Fullscreen(false)), "once is enough");
}

#[test]
fn lines_that_nobody_read_yet_are_counted_and_told() {
    let line = |mine, text: &str| castle_desktop::view::ChatLine {
        mine,
        at: Instant::now(),
        text: text.into(),
        delivered: true,
    };
    let mut shown = show(talking(|_| {}));
    assert!(shown.query_by_label(say("chat")).is_some());
    let chat = Arc::new(vec![line(false, "hello"), line(true, "hello"), line(false, "are you there?")]);
    shown.state_mut().snapshot.call.as_mut().expect("talking").chat = chat;
    shown.run();
    let button = shown.get_by_label("Chat, 2 messages to read");
    assert_eq!(button.accesskit_node().live(), egui::accesskit::Live::Polite, "it is read out");
    press(&mut shown, NONE, Key::C);
    press(&mut shown, NONE, Key::Escape);
    click(&mut shown, say("chat-close"));
    assert!(shown.query_by_label_contains("to read").is_none(), "they were in view");
}

#[test]
fn devices_are_chosen_over_a_call() {
    let devices = Devices {
        cameras: Arc::new(vec!["built in".into(), "desk".into()]),
        mics: Arc::new(vec!["headset".into()]),
        ..Devices::default()
    };
    let mut shown = show(Snapshot { devices, ..talking(|_| {}) });
    click(&mut shown, say("call-more"));
    click(&mut shown, say("call-devices"));
    shown.get_by_role_and_label(egui::accesskit::Role::ComboBox, say("settings-camera")).click();
    shown.run();
    let asked = click(&mut shown, "desk");
    assert!(
        matches!(&asked[..], [Command::SetPreferences(set)] if set.camera.as_deref() == Some("desk")),
        "{asked:?}"
    );
    assert_eq!(click(&mut shown, say("devices-done")), []);
    assert!(!says(&shown, say("devices-done")), "put away");
}

#[test]
fn what_is_done_to_the_sound_is_set_over_a_call() {
    let mut shown = show(talking(|_| {}));
    click(&mut shown, say("call-more"));
    click(&mut shown, say("call-devices"));
    let asked = click(&mut shown, say("settings-echo"));
    assert!(matches!(&asked[..], [Command::SetPreferences(set)] if !set.echo_cancellation), "{asked:?}");
    let asked = click(&mut shown, say("settings-push-to-talk"));
    assert!(matches!(&asked[..], [Command::SetPreferences(set)] if set.push_to_talk), "{asked:?}");
}

#[test]
fn diagnostics_are_saved_over_a_call_and_its_keys_are_listed() {
    for by_key in [false, true] {
        let mut shown = show(talking(|_| {}));
        if by_key {
            press(&mut shown, NONE, Key::F1);
        } else {
            click(&mut shown, say("call-more"));
            click(&mut shown, say("help"));
        }
        assert!(says(&shown, say("keys-mute")), "by key: {by_key}");
        let asked = click(&mut shown, say("help-diagnostics-save"));
        assert!(matches!(&asked[..], [Command::SaveDiagnostics { with_names: false, .. }]), "{asked:?}");
        click(&mut shown, say("devices-done"));
        assert!(!says(&shown, say("keys-mute")), "put away");
    }
    let mut shown = show(talking(|_| {}));
    press(&mut shown, NONE, Key::F1);
    shown.state_mut().snapshot = ended(EndReason::PeerHungUp);
    shown.run();
    assert!(!says(&shown, say("keys-mute")), "nor does it lie over the end of the call");
}

#[test]
fn a_device_that_was_plugged_in_is_used_by_one_click() {
    for mut snapshot in [online(), talking(|_| {})] {
        let offer = castle_desktop::view::Offer {
            kind: castle_desktop::view::DeviceKind::Mic,
            name: "headset".into(),
        };
        let new = Notice { offer: Some(offer), ..notice(8, Severity::Info, "There is a headset.") };
        snapshot.notices = vec![new, notice(9, Severity::Info, "Nothing is offered here.")];
        let mut shown = show(snapshot);
        assert_eq!(click(&mut shown, say("notices-use")), [Command::TakeOffer(8)]);
    }
}

#[test]
fn a_line_that_is_too_long_is_told_and_kept_whole() {
    let most = castle_desktop::view::CHAT_BYTES_MAX;
    let mut shown = show(talking(|_| {}));
    press(&mut shown, NONE, Key::C);
    // Fewer characters than fit, and more bytes.
    let long = "é".repeat(most / 2 + 1);
    type_text(&mut shown, &long);
    assert!(says(&shown, say("told-chat-too-long")));
    assert_eq!(press(&mut shown, NONE, Key::Enter), []);
    let field = |shown: &Shown| shown.get_by_label(say("chat-words")).value().unwrap_or_default();
    assert_eq!(field(&shown), long);
    press(&mut shown, NONE, Key::Backspace);
    assert!(!says(&shown, say("told-chat-too-long")));
    assert_eq!(press(&mut shown, NONE, Key::Enter), [Command::Chat("é".repeat(most / 2))]);
}

#[test]
fn a_line_that_is_being_written_is_still_there_when_the_panel_is_opened_again() {
    let field = |shown: &Shown| {
        shown.query_by_label(say("chat-words")).map(|field| field.value().unwrap_or_default())
    };
    let mut shown = show(talking(|_| {}));
    press(&mut shown, NONE, Key::C);
    for words in ["Shall", " we"] {
        type_text(&mut shown, words);
        click(&mut shown, say("chat-close"));
        assert_eq!(field(&shown), None);
        click(&mut shown, say("chat"));
        assert_eq!(focused(&shown).as_deref(), Some(say("chat-words")));
    }
    assert_eq!(press(&mut shown, NONE, Key::Enter), [Command::Chat("Shall we".into())]);
    shown.state_mut().snapshot = online();
    shown.run();
    let mut next = talking(|_| {});
    next.call.as_mut().expect("talking").id = CallId::from_bits(2);
    shown.state_mut().snapshot = next;
    shown.run();
    press(&mut shown, NONE, Key::C);
    assert_eq!(field(&shown).as_deref(), Some(""), "it was for that call");
}

#[test]
fn a_call_that_did_not_get_through_leads_to_the_check_of_the_connection() {
    let mut shown = show(ended(EndReason::Failed));
    assert_eq!(click(&mut shown, say("checkup")), [Command::CloseCall, Command::CheckConnection]);
    assert!(show(ended(EndReason::HungUp)).query_by_label(say("checkup")).is_none());
}

//! The pages beside the hall, dialogs, and what can be laid over a call.

use super::*;
use castle_desktop::ui::Page;
use castle_desktop::view::{Placing, Preferences, QualityCap, ThemeChoice};
use castle_desktop::words;
use egui::accesskit::Role;
use egui::{Key, Modifiers};

const NONE: Modifiers = Modifiers::NONE;

fn state(name: &str) -> Shown {
    states::named(name).show(ROOMY)
}

fn set(asked: &[Command]) -> &Preferences {
    match asked {
        [Command::SetPreferences(set)] => set,
        other => panic!("not one change of the settings: {other:?}"),
    }
}

#[test]
fn each_page_is_opened_by_its_button_and_key_and_left_by_esc() {
    let control = Modifiers::COMMAND;
    let loads = [Command::LoadHistory];
    for (words, modifiers, key, asks) in [
        (say("history"), control, Key::Y, &loads[..]),
        (say("tryout"), control, Key::D, &[Command::SetTryout(true)]),
        (say("settings"), control, Key::Comma, &[Command::ChooseDevices(true)]),
        (say("help"), NONE, Key::F1, &[]),
    ] {
        let mut shown = show(online());
        assert_eq!(click(&mut shown, words), asks);
        assert!(says(&shown, say("page-back")), "{words}");
        let left = press(&mut shown, NONE, Key::Escape);
        let lets_go = match asks {
            [Command::SetTryout(true)] => vec![Command::SetTryout(false)],
            [Command::ChooseDevices(true)] => vec![Command::ChooseDevices(false)],
            _ => vec![],
        };
        assert_eq!(left, lets_go, "{words}");
        assert!(says(&shown, say("hall-search")), "{words}: back in the hall");
        assert_eq!(press(&mut shown, modifiers, key), asks, "{words}");
    }
}

const EVERY_PAGE: [Page; 8] = [
    Page::Hall,
    Page::History,
    Page::Blocked,
    Page::Tryout,
    Page::Settings,
    Page::Account,
    Page::Interests,
    Page::Help,
];

#[test]
fn the_keys_that_are_said_to_work_on_every_page_do() {
    let control = Modifiers::COMMAND;
    for from in EVERY_PAGE {
        for (to, modifiers, key) in [
            (Page::History, control, Key::Y),
            (Page::Tryout, control, Key::D),
            (Page::Settings, control, Key::Comma),
            (Page::Help, NONE, Key::F1),
        ] {
            let mut shown = show(online());
            let window = shown.state_mut();
            window.screens.open(from, &window.snapshot, &mut window.commands);
            commands(&mut shown);
            let asked = press(&mut shown, modifiers, key);
            let comes = match to {
                Page::History => asked.contains(&Command::LoadHistory),
                Page::Tryout => asked.contains(&Command::SetTryout(true)),
                Page::Settings => asked.contains(&Command::ChooseDevices(true)),
                _ => from != to && says(&shown, say("help-diagnostics-explained")),
            };
            assert_eq!(comes, from != to, "from {from:?} to {to:?}: {asked:?}");
        }
    }
}

#[test]
fn whoever_types_does_again_what_was_undone_and_stays_where_they_are() {
    let mut shown = show(online());
    press(&mut shown, NONE, Key::F1);
    shown.get_by_label(say("help-diagnostics-file")).focus();
    shown.run();
    assert_eq!(press(&mut shown, Modifiers::COMMAND, Key::Y), []);
    assert!(says(&shown, say("help-diagnostics-explained")));
}

#[test]
fn blocking_is_asked_first() {
    let mut shown = show(online());
    for (answer, asked) in
        [(say("cancel"), vec![]), (say("block-do"), vec![Command::Block(GuestId::from_bits(1))])]
    {
        click(&mut shown, &say_with("hall-menu-of", &[("name", "Ana".into())]));
        click(&mut shown, say("guest-block"));
        assert!(says(&shown, &say_with("block-title", &[("name", "Ana".into())])));
        assert_eq!(click(&mut shown, answer), asked);
    }
}

#[test]
fn a_blocked_guest_is_let_in_again() {
    let mut shown = state("blocked");
    let words = say_with("blocked-unblock-name", &[("name", "Zed".into())]);
    assert_eq!(click(&mut shown, &words), [Command::Unblock(GuestId::from_bits(5))]);
}

#[test]
fn past_calls_are_told_and_called_back_and_erased_only_when_sure() {
    let mut shown = state("history");
    assert!(says(&shown, say("history-way-missed")) && says(&shown, "4 minutes ago"));
    assert!(says(&shown, say("history-erased-guest")) && says(&shown, "18 September 2023"));
    assert_eq!(click(&mut shown, "Call Ana"), [Command::Call(GuestId::from_bits(1))]);
    assert_eq!(click(&mut shown, say("history-more")), [Command::MoreOfHistory]);
    for (answer, asked) in [(say("cancel"), vec![]), (say("history-erase"), vec![Command::EraseHistory])] {
        assert_eq!(click(&mut shown, say("history-erase-ask")), []);
        assert!(says(&shown, say("history-erase-title")));
        assert_eq!(click(&mut shown, answer), asked);
        assert!(!says(&shown, say("history-erase-title")), "put away");
    }
}

#[test]
fn missed_calls_are_counted_in_the_hall() {
    assert!(says(&state("hall-missed"), &say_with("history-missed", &[("count", 1.into())])));
}

#[test]
fn every_setting_is_sent_as_soon_as_it_is_changed() {
    type Changed = fn(&Preferences) -> bool;
    let changes: [(&str, Changed); 11] = [
        (say("settings-theme-dark"), |set| set.theme == ThemeChoice::Dark),
        ("Deutsch", |set| set.language.as_deref() == Some("de")),
        ("200 %", |set| set.zoom > 1.99),
        (say("settings-echo"), |set| !set.echo_cancellation),
        (say("settings-noise"), |set| !set.noise_suppression),
        (say("settings-gain"), |set| !set.gain_control),
        (say("settings-push-to-talk"), |set| set.push_to_talk),
        (say("settings-quality-saving"), |set| set.quality == QualityCap::Saving),
        (say("settings-relay-only"), |set| set.relay_only),
        (say("settings-notify"), |set| !set.notifications),
        (say("settings-ring"), |set| !set.ring),
    ];
    for (name, changed) in changes {
        let mut shown = state("settings");
        assert!(changed(set(&click(&mut shown, name))), "{name}");
    }
}

#[test]
fn languages_are_picked_by_their_own_names_and_taken_back() {
    let mut shown = show(online());
    click(&mut shown, say("hall-interests"));
    // A list of all of them has letters that no font of the tests has.
    shown.ctx.set_missing_glyph_policy(egui::MissingGlyphPolicy::Tofu);
    for (name, tags) in [("Deutsch", &["de"][..]), ("Türkçe", &["de", "tr"][..])] {
        shown.get_by_role_and_label(Role::ComboBox, say("interests-add-language")).click();
        shown.run();
        assert_eq!(set(&click(&mut shown, name)).languages, tags);
    }
    shown.get_by_role_and_label(Role::ComboBox, say("interests-add-language")).click();
    shown.run();
    assert!(shown.query_by_role_and_label(Role::RadioButton, "Deutsch").is_none(), "it is there already");
    press(&mut shown, NONE, Key::Escape);
    let away = say_with("interests-remove", &[("name", "Deutsch".into())]);
    assert_eq!(set(&click(&mut shown, &away)).languages, ["tr"]);
}

#[test]
fn the_hall_tells_what_is_looked_for_by_names_and_not_by_tags() {
    let wishes = Preferences {
        tags: vec!["chess".into()],
        languages: vec!["de".into(), "he".into()],
        ..Preferences::default()
    };
    let shown = show(Snapshot { preferences: Arc::new(wishes), ..online() });
    assert!(says(&shown, "Looking for: chess, Deutsch, עברית"));
}

#[test]
fn interests_are_typed_with_commas_and_lead_to_the_search() {
    let mut shown = show(online());
    click(&mut shown, say("hall-interests"));
    shown.get_by_label(say("interests-tags")).focus();
    type_text(&mut shown, "chess, rust");
    let sent = commands(&mut shown);
    assert_eq!(set(&sent).tags, ["chess", "rust"], "sent as it is typed");
    let placing = Placing { peer: None, given_up: true };
    shown.state_mut().snapshot.placing = Some(placing);
    shown.run();
    assert_eq!(click(&mut shown, say("hall-find")), [], "a call that was given up is still on its way");
    shown.state_mut().snapshot.placing = None;
    shown.run();
    let asked = click(&mut shown, say("hall-find"));
    assert_eq!(asked.last(), Some(&Command::Search));
}

#[test]
fn devices_are_tried_out_and_let_go_when_one_leaves() {
    let mut shown = state("tryout-silent");
    assert!(says(&shown, say("fault-speaker-not-found")));
    let level = shown.get_by_role_and_label(Role::Meter, say("tryout-level"));
    assert!(level.accesskit_node().numeric_value().is_some_and(|value| (value - 0.6).abs() < 0.01));
    assert_eq!(click(&mut shown, say("tryout-speaker-test")), [Command::TestSpeaker]);
    assert_eq!(click(&mut shown, say("page-back")), [Command::SetTryout(false)]);
}

#[test]
fn a_call_takes_the_devices_back_from_the_trial() {
    let mut shown = state("tryout");
    shown.state_mut().snapshot = in_call(Stage::Ringing { since: Instant::now() });
    assert!(commands(&mut shown).contains(&Command::SetTryout(false)));
}

#[test]
fn diagnostics_are_saved_without_names_unless_ticked() {
    let mut shown = show(online());
    click(&mut shown, say("help"));
    let saved = |asked: &[Command]| match asked {
        [Command::SaveDiagnostics { with_names, .. }] => *with_names,
        other => panic!("{other:?}"),
    };
    assert!(!saved(&click(&mut shown, say("help-diagnostics-save"))));
    click(&mut shown, say("help-diagnostics-names"));
    assert!(saved(&click(&mut shown, say("help-diagnostics-save"))));
}

#[test]
fn what_is_written_is_sent_and_letters_typed_are_no_shortcuts() {
    let mut shown = state("call-chat");
    assert!(says(&shown, "Can you read this?") && says(&shown, say("chat-not-delivered")));
    shown.get_by_label(say("chat-words")).focus();
    shown.run();
    assert_eq!(press(&mut shown, NONE, Key::M), [], "M is a letter here");
    type_text(&mut shown, " hello ");
    assert_eq!(press(&mut shown, NONE, Key::Enter), [Command::Chat("hello".into())]);
    assert_eq!(click(&mut shown, say("chat-send")), [], "nothing is left to send");
    click(&mut shown, say("chat-close"));
    assert!(!says(&shown, "Can you read this?"));
}

#[test]
fn safety_words_are_compared() {
    let mut shown = state("call-safety");
    assert!(says(&shown, "harbour  velvet  orchard  signal") && says(&shown, say("safety-device-seen")));
    assert_eq!(click(&mut shown, say("safety-same")), [Command::Compared { same: true }]);
    assert_eq!(click(&mut shown, say("safety-differ")), [Command::Compared { same: false }]);
}

#[test]
fn the_statistics_tell_the_newest_figures() {
    let mut shown = state("call-stats");
    for words in ["Received: ", "Round trip: 42 ms", "Camera to screen: 84 ms", "Lost: 0.2 %"] {
        assert!(says(&shown, words), "{words}");
    }
    let there = say("stats-lost-there");
    assert!(!says(&shown, there), "the other end reported nothing");
    let call = shown.state_mut().snapshot.call.as_mut().expect("in a call");
    let reported = CallStats { lost_there: Some(0.03), ..call.stats.expect("figures") };
    (call.stats, call.stats_history) = (Some(reported), Arc::new(vec![reported]));
    shown.run();
    assert!(says(&shown, &format!("{there}: 3.0 %")), "what the other end lost");
}

#[test]
fn a_frozen_picture_is_told_with_its_seconds() {
    let mut shown = state("call-frozen");
    assert!(!says(&shown, "frozen"), "before there was a picture none can be frozen");
    shown.state_mut().remote = faces::still(640, 360);
    shown.run();
    assert!(says(&shown, "Ana, picture frozen for 2 seconds"));
    shown.state_mut().now += Duration::from_secs(5);
    shown.run();
    assert!(says(&shown, "Ana, picture frozen for 7 seconds"));
}

#[test]
fn space_opens_the_microphone_only_while_it_is_held() {
    let mut snapshot = talking(|call| call.muted = true);
    snapshot.preferences = Arc::new(Preferences { push_to_talk: true, ..Preferences::default() });
    let mut shown = show(snapshot);
    shown.key_down(Key::Space);
    assert_eq!(commands(&mut shown), [Command::SetMuted(false)]);
    shown.state_mut().snapshot.call.as_mut().expect("talking").muted = false;
    shown.key_up(Key::Space);
    assert_eq!(commands(&mut shown), [Command::SetMuted(true)]);
}

#[test]
fn the_own_picture_is_moved_by_arrow_keys() {
    let mut shown = show(talking(|_| {}));
    let place = |shown: &Shown| shown.get_by_label_contains(say("own-picture")).rect();
    let before = place(&shown);
    shown.get_by_label_contains(say("own-picture")).focus();
    shown.run();
    press(&mut shown, NONE, Key::ArrowLeft);
    press(&mut shown, NONE, Key::ArrowDown);
    shown.run();
    let after = place(&shown);
    assert!(after.left() < before.left() - 10.0 && after.top() > before.top() + 10.0);
}

#[test]
fn to_close_the_window_in_a_call_is_asked_first() {
    let mut shown = state("quit");
    assert!(says(&shown, &say_with("quit-title", &[("peer", "Ana".into())])));
    click(&mut shown, say("quit-stay"));
    assert!(!says(&shown, say("quit-explained")));
    let window = shown.state_mut();
    assert!(!window.screens.may_close(&window.snapshot));
    assert!(window.screens.may_close(&online()), "outside a call nobody asks");
    shown.run();
    click(&mut shown, say("quit-do"));
    let window = shown.state_mut();
    assert!(window.screens.may_close(&window.snapshot));
}

#[test]
fn after_a_call_one_rates_reports_blocks_and_calls_again() {
    let mut shown = show(ended(EndReason::PeerHungUp));
    assert_eq!(click(&mut shown, &say_with("ended-stars", &[("count", 4.into())])), [Command::Rate(4)]);
    assert!(says(&shown, say("ended-rated")));
    assert_eq!(click(&mut shown, say("ended-call-again")), [Command::CallAgain]);
    click(&mut shown, say("guest-report"));
    click(&mut shown, say("report-other"));
    let asked = click(&mut shown, say("report-send"));
    assert!(matches!(&asked[..], [Command::Report { call: Some(_), .. }]));
}

#[test]
fn a_known_server_is_one_click_away_and_forgotten_by_another() {
    let mut shown = state("login-known");
    let server = "https://castle.example:50051";
    let at = |key: &str| match key {
        "in" => say_with("login-continue-at", &[("name", "noor".into()), ("server", server.into())]),
        _ => say_with("login-forget", &[("name", "noor".into()), ("server", server.into())]),
    };
    let (server, name) = (server.to_owned(), "noor".to_owned());
    let enter = Command::LogInRemembered { server: server.clone(), name: name.clone() };
    assert_eq!(focused(&shown), Some(at("in")));
    assert_eq!(press(&mut shown, NONE, Key::Enter), std::slice::from_ref(&enter), "one key is enough, too");
    assert!(!says(&shown, say("login-password")), "nothing else is in the way");
    click(&mut shown, say("login-other-server"));
    assert_eq!(focused(&shown).as_deref(), Some(say("login-server")), "another server is entered");
    assert_eq!(click(&mut shown, &at("in")), [enter]);
    assert_eq!(click(&mut shown, &at("out")), [Command::ForgetServer { server, name }]);
}

#[test]
fn a_login_under_way_is_given_up() {
    assert_eq!(click(&mut state("logging-in"), say("login-cancel")), [Command::CancelLogIn]);
}

#[test]
fn in_hebrew_the_hall_begins_at_the_right() {
    words::speaking("he", || {
        let builder = Harness::builder();
        let shown = built(builder, Window::new(online(), Prefill::default()), ROOMY);
        let heading = shown.get_by_label(say("hall")).rect();
        let out = shown.get_by_label(say("hall-log-out")).rect();
        assert!(heading.left() > out.right(), "{heading} {out}");
    });
}

#[test]
fn a_long_question_after_a_short_one_is_shown_whole() {
    let mut shown = show(ended(EndReason::PeerHungUp));
    click(&mut shown, say("guest-block"));
    click(&mut shown, say("cancel"));
    click(&mut shown, say("guest-report"));
    click(&mut shown, say("report-other"));
    // By the pointer: it has to be in view.
    shown.get_by_label(say("report-send")).click();
    let asked = commands(&mut shown);
    assert!(matches!(asked[..], [Command::Report { .. }]), "{asked:?}");
}

#[test]
fn a_call_that_was_missed_or_declined_is_told_from_here() {
    let call = |number, missed, reason| castle_desktop::view::PastCall {
        id: CallId::from_bits(number),
        peer: None,
        peer_name: "Ana".into(),
        outgoing: false,
        matched: false,
        missed,
        began: clock(),
        lasted: None,
        reason,
    };
    let calls = vec![call(1, true, EndReason::TimedOut), call(2, false, EndReason::Declined)];
    let mut shown = state("history");
    shown.state_mut().snapshot.history.calls = Some(Arc::new(calls));
    shown.run();
    assert!(says(&shown, say("history-way-missed")) && !says(&shown, say("ended-timed-out")));
    assert!(says(&shown, say("ended-you-declined")) && !says(&shown, "cannot take the call"));
}

#[test]
fn the_calls_are_asked_for_again_once_there_was_one_more() {
    let mut shown = state("history");
    let calls = shown.state().snapshot.clone();
    shown.state_mut().snapshot = Snapshot { history: calls.history.clone(), ..ended(EndReason::HungUp) };
    assert_eq!(commands(&mut shown), []);
    shown.state_mut().snapshot = calls;
    assert_eq!(commands(&mut shown), [Command::LoadHistory]);
    assert_eq!(commands(&mut shown), [], "once");
}

#[test]
fn every_key_of_a_call_is_listed() {
    let mut shown = show(online());
    click(&mut shown, say("help"));
    for words in [say("keys-next"), say("hall-next-free"), say("keys-mute"), "Ctrl+N", "Space: "] {
        assert!(says(&shown, words), "{words}");
    }
    let german = castle_desktop::words::speaking("de", || state("help"));
    assert!(says(&german, "Strg+Umschalt+Eingabe: ") && says(&german, "Leertaste: "));
}

#[test]
fn the_shortcuts_are_in_view_where_one_asks_for_them_and_what_puts_them_away_stays_there() {
    let mut shown = show(online());
    click(&mut shown, say("settings"));
    click(&mut shown, say("help-shortcuts"));
    let window = egui::Rect::from_min_size(egui::Pos2::ZERO, ROOMY);
    for words in [say("help-shortcuts"), say("keys-in-hall"), say("keys-in-call")] {
        assert!(window.contains_rect(shown.get_by_label(words).rect()), "{words}");
    }
    for size in [SMALLEST, LOWEST, ROOMY] {
        let mut shown = show_with(talking(|_| {}), Prefill::default(), size);
        press(&mut shown, NONE, Key::F1);
        let window = egui::Rect::from_min_size(egui::Pos2::ZERO, size);
        let place = |shown: &Shown, words| shown.get_by_label(words).rect();
        let mute = format!("M: {}", say("keys-mute"));
        for words in [mute.as_str(), say("devices-done")] {
            assert!(window.contains_rect(place(&shown, words)), "{size}: {words}");
        }
        let [keys, file] = [say("keys-in-call"), say("help-diagnostics")].map(|words| place(&shown, words));
        assert!(keys.bottom() < file.top(), "{size}: each has a heading, and the shortcuts come first");
        shown.get_by_label(say("help-diagnostics-save")).scroll_to_me();
        shown.run();
        let done = place(&shown, say("devices-done"));
        assert!(
            window.contains_rect(done) && place(&shown, say("help-diagnostics-save")).bottom() <= done.top()
        );
    }
}

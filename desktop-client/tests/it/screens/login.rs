//! Login and registration.

use super::*;
use castle_desktop::view::{KnownServer, Secret};
use egui::{Key, Modifiers};

const NONE: Modifiers = Modifiers::NONE;

fn enter_name_and_password(shown: &mut Shown) {
    shown.get_by_label(say("login-name")).focus();
    type_text(shown, "noor");
    press(shown, NONE, Key::Tab);
    type_text(shown, "open sesame");
}

/// The form for who comes back, at a machine that knows no server.
fn coming_back() -> Shown {
    let mut shown = show(Snapshot::default());
    click(&mut shown, say("login-mode-log-in"));
    shown
}

#[test]
fn whoever_knows_no_server_was_invited_and_whoever_knows_one_comes_back() {
    let chosen = |shown: &Shown, words| {
        let choice = shown.get_by_role_and_label(egui::accesskit::Role::RadioButton, words);
        choice.accesskit_node().toggled() == Some(egui::accesskit::Toggled::True)
            || choice.accesskit_node().is_selected() == Some(true)
    };
    let shown = show(Snapshot::default());
    assert!(chosen(&shown, say("login-mode-register")), "the first start");
    let prefill = Prefill { server: Some(SERVER.into()), ..Prefill::default() };
    let shown = show_with(Snapshot::default(), prefill, ROOMY);
    assert!(
        chosen(&shown, say("login-mode-log-in")),
        "named on the command line, or the one of the last time"
    );
    let shown = show(Snapshot { servers: known(&[("noor", false)]), ..Snapshot::default() });
    assert!(chosen(&shown, say("login-mode-log-in")), "known from earlier");
}

/// Servers of earlier logins by these names, and whether a key is kept.
fn known(names: &[(&str, bool)]) -> Arc<Vec<KnownServer>> {
    let known = |(name, remembered): &(&str, bool)| KnownServer {
        server: SERVER.into(),
        name: (*name).into(),
        remembered: *remembered,
    };
    Arc::new(names.iter().map(known).collect())
}

#[test]
fn a_server_without_a_kept_login_is_one_click_and_a_password_away_and_can_be_forgotten() {
    for names in [&[("noor", false)][..], &[("ada", true), ("noor", false)]] {
        let mut shown = show(Snapshot { servers: known(names), ..Snapshot::default() });
        let named = [("name", "noor".into()), ("server", SERVER.into())];
        let forget = Command::ForgetServer { server: SERVER.into(), name: "noor".into() };
        assert_eq!(click(&mut shown, &say_with("login-forget", &named)), [forget]);
        assert_eq!(click(&mut shown, &say_with("login-as-at", &named)), [], "{names:?}");
        assert_eq!(focused(&shown).as_deref(), Some(say("login-password")), "{names:?}");
        type_text(&mut shown, "open sesame");
        let (server, name, password) = (SERVER.into(), "noor".into(), Secret("open sesame".into()));
        let asked = press(&mut shown, NONE, Key::Enter);
        assert_eq!(asked, [Command::LogIn { server, name, password, remember: true }], "{names:?}");
    }
}

#[test]
fn a_password_typed_for_one_server_does_not_go_to_another() {
    let mut shown = show(Snapshot { servers: known(&[("noor", false)]), ..Snapshot::default() });
    type_text(&mut shown, "https://other.example");
    enter_name_and_password(&mut shown);
    click(&mut shown, &say_with("login-as-at", &[("name", "noor".into()), ("server", SERVER.into())]));
    assert_eq!(press(&mut shown, NONE, Key::Enter), []);
    assert!(says(&shown, say("login-need-password")));
}

#[test]
fn looks_are_set_and_diagnostics_saved_before_anybody_is_logged_in() {
    let mut shown = show(Snapshot::default());
    assert_eq!(click(&mut shown, say("settings")), [Command::ChooseDevices(true)]);
    let asked = click(&mut shown, say("settings-theme-dark"));
    assert!(matches!(&asked[..], [Command::SetPreferences(_)]), "{asked:?}");
    for of_the_server in [say("account"), say("blocked"), say("interests")] {
        assert!(!says(&shown, of_the_server), "{of_the_server}");
    }
    assert_eq!(press(&mut shown, NONE, Key::Escape), [Command::ChooseDevices(false)]);
    click(&mut shown, say("help"));
    assert!(shown.query_by_label(say("checkup")).is_none(), "there is nothing to be checked yet");
    let asked = click(&mut shown, say("help-diagnostics-save"));
    assert!(matches!(&asked[..], [Command::SaveDiagnostics { .. }]), "{asked:?}");
    click(&mut shown, say("page-back"));
    assert!(says(&shown, say("login-intro")), "back at the login");
}

#[test]
fn settings_and_help_are_a_key_away_at_the_login_and_nothing_else_is() {
    let mut shown = show(Snapshot::default());
    assert_eq!(focused(&shown).as_deref(), Some(say("login-server-or-link")), "while one types, too");
    press(&mut shown, NONE, Key::F1);
    assert!(says(&shown, say("help-diagnostics-explained")));
    assert_eq!(press(&mut shown, Modifiers::COMMAND, Key::Comma), [Command::ChooseDevices(true)]);
    press(&mut shown, NONE, Key::Escape);
    for key in [Key::Y, Key::D] {
        assert_eq!(press(&mut shown, Modifiers::COMMAND, key), [], "{key:?}");
    }
    assert!(says(&shown, say("login-intro")));
}

#[test]
fn a_link_that_comes_over_the_settings_of_the_login_is_in_the_form() {
    let mut shown = show(Snapshot::default());
    click(&mut shown, say("settings"));
    shown.state_mut().screens.bring_link(LINK.into());
    shown.run();
    assert_eq!(server_field(&shown), LINK);
}

#[test]
fn a_login_that_ends_while_a_page_is_open_leads_to_the_form() {
    for page in [say("settings"), say("help"), say("history")] {
        let mut shown = show(online());
        click(&mut shown, page);
        shown.state_mut().snapshot = Snapshot::default();
        shown.run();
        assert!(says(&shown, say("login-intro")), "{page}");
    }
}

#[test]
fn a_guest_logs_in_by_keyboard_alone() {
    let mut shown = coming_back();
    assert_eq!(
        focused(&shown).as_deref(),
        Some(say("login-server")),
        "the first empty field has the keyboard"
    );
    type_text(&mut shown, &format!(" {SERVER} "));
    press(&mut shown, NONE, Key::Tab);
    type_text(&mut shown, "noor");
    press(&mut shown, NONE, Key::Tab);
    type_text(&mut shown, "open sesame");
    let asked = press(&mut shown, NONE, Key::Enter);
    let password = Secret("open sesame".into());
    assert_eq!(
        asked,
        [Command::LogIn { server: SERVER.into(), name: "noor".into(), password, remember: true }]
    );
}

#[test]
fn a_guest_registers_with_a_code() {
    let prefill = Prefill { server: Some(SERVER.into()), ..Prefill::default() };
    let mut shown = show_with(Snapshot::default(), prefill, ROOMY);
    click(&mut shown, say("login-mode-register"));
    shown.get_by_label(say("login-invitation")).focus();
    type_text(&mut shown, "K7QM-2FXD");
    enter_name_and_password(&mut shown);
    let password = Secret("open sesame".into());
    let (server, invitation, name) = (SERVER.into(), "K7QM-2FXD".into(), "noor".into());
    assert_eq!(
        click(&mut shown, say("login-register")),
        [Command::Register { server, invitation, name, password, remember: true }]
    );
}

#[test]
fn after_a_logout_it_is_name_and_password_that_are_asked_for() {
    let link = "castle+plaintext://127.0.0.1:50051/?invite=K7QM-2FXD";
    let prefill = Prefill { server: Some(link.into()), ..Prefill::default() };
    let mut shown = show_with(Snapshot::default(), prefill, ROOMY);
    enter_name_and_password(&mut shown);
    shown.state_mut().snapshot = online();
    shown.run();
    shown.state_mut().snapshot = Snapshot::default();
    shown.run();
    assert_eq!(focused(&shown).as_deref(), Some(say("login-password")));
    type_text(&mut shown, "open sesame");
    let (server, name, password) = (SERVER.into(), "noor".into(), Secret("open sesame".into()));
    assert_eq!(
        press(&mut shown, NONE, Key::Enter),
        [Command::LogIn { server, name, password, remember: true }]
    );
}

#[test]
fn a_login_that_is_forgotten_a_moment_after_the_logout_leaves_the_keyboard_at_the_password() {
    let mut shown = show(Snapshot { servers: known(&[("noor", true)]), ..online() });
    for remembered in [true, false] {
        let servers = known(&[("noor", remembered)]);
        shown.state_mut().snapshot = Snapshot { servers, ..Snapshot::default() };
        shown.run();
    }
    assert_eq!(focused(&shown).as_deref(), Some(say("login-password")));
}

#[test]
fn after_a_login_that_failed_the_password_is_typed_anew() {
    let mut shown = show(Snapshot::default());
    let logging_in = Connection::LoggingIn { server: SERVER.into() };
    shown.state_mut().snapshot.connection = logging_in;
    shown.run();
    shown.state_mut().snapshot.connection = Connection::LoggedOut;
    shown.run();
    assert_eq!(focused(&shown).as_deref(), Some(say("login-password")));
}

#[test]
fn a_login_that_failed_leads_to_the_check_of_the_connection() {
    let prefill = Prefill { server: Some(SERVER.into()), ..Prefill::default() };
    let mut shown = show_with(Snapshot::default(), prefill, ROOMY);
    assert!(shown.query_by_label(say("checkup")).is_none(), "nothing has failed yet");
    for connection in [Connection::LoggingIn { server: SERVER.into() }, Connection::LoggedOut] {
        shown.state_mut().snapshot.connection = connection;
        shown.run();
    }
    assert_eq!(click(&mut shown, say("checkup")), [Command::CheckServer(SERVER.into())]);
    shown.state_mut().snapshot.checkup = Some(castle_desktop::view::Checkup::default());
    shown.run();
    assert!(says(&shown, say("checkup-looking")));
    assert_eq!(click(&mut shown, say("checkup-close")), [Command::CloseCheckup]);
}

#[test]
fn a_pasted_invitation_link_needs_no_code() {
    let link = "castle+plaintext://127.0.0.1:50051/?invite=K7QM-2FXD";
    let prefill = Prefill { server: Some(link.into()), ..Prefill::default() };
    let mut shown = show_with(Snapshot::default(), prefill, ROOMY);
    assert!(shown.query_by_label(say("login-invitation")).is_none());
    assert!(says(&shown, say("login-code-in-link")));
    enter_name_and_password(&mut shown);
    let asked = press(&mut shown, NONE, Key::Enter);
    let password = Secret("open sesame".into());
    let (server, invitation, name) = (link.into(), String::new(), "noor".into());
    assert_eq!(asked, [Command::Register { server, invitation, name, password, remember: true }]);
}

fn forgot() -> Shown {
    forgot_in(ROOMY)
}

/// The form for who forgot the password, with server and name filled in.
fn forgot_in(size: Vec2) -> Shown {
    let prefill = Prefill { server: Some(SERVER.into()), name: Some("noor".into()), invitation: None };
    let mut shown = show_with(Snapshot::default(), prefill, size);
    click(&mut shown, say("login-mode-reset"));
    shown
}

#[test]
fn what_sends_a_new_password_off_is_in_view_with_what_is_typed_however_low_the_window() {
    for language in castle_desktop::words::LANGUAGES {
        castle_desktop::words::speaking(language.tag, || {
            // To the last field in the lowest one: what is before it has no room there.
            for (size, fields) in [(SMALLEST, 0), (vec2(640.0, 480.0), 0), (LOWEST, 2)] {
                let mut shown = forgot_in(size);
                for _ in 0..fields {
                    press(&mut shown, NONE, Key::Tab);
                }
                let window = egui::Rect::from_min_size(egui::Pos2::ZERO, size);
                let typed = [say("login-code"), say("settings-new-password"), say("password-again")][fields];
                assert_eq!(focused(&shown).as_deref(), Some(typed));
                for name in [typed, say("login-reset")] {
                    let place = shown.get_by_label(name).rect();
                    assert!(window.contains_rect(place), "{}, {size}: {name} at {place}", language.tag);
                }
            }
        });
    }
}

#[test]
fn who_forgot_the_password_sets_another_with_a_code_by_keyboard_alone() {
    let mut shown = forgot();
    assert!(says(&shown, say("login-reset-explained")), "it says where the code comes from");
    assert_eq!(focused(&shown).as_deref(), Some(say("login-code")));
    type_text(&mut shown, " k7qm-2fxd ");
    for field in [say("settings-new-password"), say("password-again")] {
        press(&mut shown, NONE, Key::Tab);
        assert_eq!(focused(&shown).as_deref(), Some(field));
        type_text(&mut shown, "open sesame");
    }
    let (code, password) = (Secret("k7qm-2fxd".into()), Secret("open sesame".into()));
    let (server, name) = (SERVER.into(), "noor".into());
    let reset = Command::ResetPassword { server, name, code, password, remember: true };
    assert_eq!(press(&mut shown, NONE, Key::Enter), [reset]);
}

#[test]
fn the_two_ways_in_stand_beside_each_other_and_the_third_below_the_password_there_and_back_by_keyboard() {
    for language in castle_desktop::words::LANGUAGES {
        castle_desktop::words::speaking(language.tag, || {
            let prefill =
                Prefill { server: Some(SERVER.into()), name: Some("noor".into()), invitation: None };
            let mut shown = show_with(Snapshot::default(), prefill, SMALLEST);
            let [here, there] = ["login-mode-log-in", "login-mode-register"].map(say);
            let place = |shown: &Shown, name| shown.get_by_label(name).rect();
            assert!((place(&shown, here).top() - place(&shown, there).top()).abs() < 1.0, "{}", language.tag);
            let password = place(&shown, say("login-password"));
            assert!(place(&shown, say("login-mode-reset")).top() >= password.bottom(), "{}", language.tag);
            assert_eq!(focused(&shown).as_deref(), Some(say("login-password")));
            press(&mut shown, NONE, Key::Tab);
            assert_eq!(focused(&shown).as_deref(), Some(say("login-mode-reset")));
            press(&mut shown, NONE, Key::Enter);
            assert_eq!(focused(&shown).as_deref(), Some(say("login-code")));
            assert!(shown.query_by_label(say("login-mode-reset")).is_none(), "one is there");
            shown.get_by_label(here).focus();
            shown.run();
            press(&mut shown, NONE, Key::Enter);
            assert!(shown.query_by_label(say("login-code")).is_none(), "and back again");
        });
    }
}

#[test]
fn a_new_password_that_is_shown_is_typed_once_and_one_that_differs_is_not_sent() {
    let mut shown = forgot();
    let reset = say("login-reset");
    assert_eq!(click(&mut shown, reset), []);
    for complaint in [say("login-need-code"), say("login-need-new-password")] {
        assert!(says(&shown, complaint), "{complaint}");
    }
    shown.get_by_label(say("login-code")).focus();
    type_text(&mut shown, "K7QM");
    shown.get_by_label(say("settings-new-password")).focus();
    type_text(&mut shown, "open sesame");
    assert_eq!(click(&mut shown, reset), []);
    assert!(says(&shown, say("password-differs")));
    click(&mut shown, say("login-show-password"));
    assert!(matches!(&click(&mut shown, reset)[..], [Command::ResetPassword { .. }]));
}

#[test]
fn a_code_that_was_refused_is_typed_anew_and_forgotten_once_it_was_of_use() {
    let mut shown = forgot();
    type_text(&mut shown, "K7QM");
    for connection in [Connection::LoggingIn { server: SERVER.into() }, Connection::LoggedOut] {
        shown.state_mut().snapshot.connection = connection;
        shown.run();
    }
    assert_eq!(focused(&shown).as_deref(), Some(say("login-code")));
    shown.state_mut().snapshot = online();
    shown.run();
    shown.state_mut().snapshot = Snapshot::default();
    shown.run();
    assert!(shown.query_by_label(say("login-code")).is_none(), "next time it is the password");
    click(&mut shown, say("login-mode-reset"));
    assert_eq!(shown.get_by_label(say("login-code")).value().unwrap_or_default(), "");
}

#[test]
fn a_link_pasted_for_login_is_taken_as_the_invitation_that_it_is() {
    let mut shown = coming_back();
    type_text(&mut shown, LINK);
    assert!(says(&shown, say("login-code-in-link")));
    enter_name_and_password(&mut shown);
    let asked = press(&mut shown, NONE, Key::Enter);
    assert!(matches!(&asked[..], [Command::Register { server, .. }] if server == LINK), "{asked:?}");
    click(&mut shown, say("login-mode-log-in"));
    assert_eq!(click(&mut shown, say("login-log-in")), [], "whoever goes back all the same");
    assert!(says(&shown, say("login-link-needs-invitation")));
}

#[test]
fn an_empty_form_is_not_sent_and_says_what_is_missing() {
    let mut shown = coming_back();
    assert!(!says(&shown, say("login-need-name")), "no complaint before the first try");
    assert_eq!(click(&mut shown, say("login-log-in")), []);
    for complaint in [say("login-need-server"), say("login-need-name"), say("login-need-password")] {
        assert!(says(&shown, complaint), "{complaint}");
    }
    click(&mut shown, say("login-mode-register"));
    assert!(!says(&shown, say("login-need-name")), "a form not yet tried does not complain");
    click(&mut shown, say("login-register"));
    for complaint in [say("login-need-link"), say("login-need-invitation"), say("login-need-new-password")] {
        assert!(says(&shown, complaint), "{complaint}");
    }
}

#[test]
fn nothing_more_is_sent_while_a_login_is_under_way() {
    let mut shown = show(Snapshot::default());
    type_text(&mut shown, SERVER);
    enter_name_and_password(&mut shown);
    shown.state_mut().snapshot.connection = Connection::LoggingIn { server: SERVER.into() };
    assert_eq!(press(&mut shown, NONE, Key::Enter), []);
    assert_eq!(click(&mut shown, say("login-busy")), []);
}

#[test]
fn the_password_is_hidden_and_forgotten_after_login_even_by_undo() {
    let mut shown = show(Snapshot::default());
    type_text(&mut shown, SERVER);
    enter_name_and_password(&mut shown);
    assert!(!says(&shown, "open sesame"));
    let value = |shown: &Shown| shown.get_by_label(say("login-password")).value().unwrap_or_default();
    assert!(!value(&shown).contains("sesame"));
    shown.state_mut().snapshot = online();
    shown.run();
    shown.state_mut().snapshot = Snapshot::default();
    shown.run();
    shown.get_by_label(say("login-password")).focus();
    press(&mut shown, Modifiers::COMMAND, Key::Z);
    assert_eq!(value(&shown), "");
    assert_eq!(click(&mut shown, say("login-log-in")), []);
    assert!(says(&shown, say("login-need-password")));
}

#[test]
fn why_a_login_failed_is_read_on_the_form() {
    let text = "Name or password is wrong.";
    let mut shown = show(Snapshot { notices: vec![notice(7, Severity::Error, text)], ..Snapshot::default() });
    assert!(says(&shown, text));
    assert_eq!(click(&mut shown, say("notices-dismiss")), [Command::Dismiss(7)]);
}

const LINK: &str = "castle://club.example:50051/?invite=K7QM-2FXD";

fn server_field(shown: &Shown) -> String {
    shown.get_by_label(say("login-server-or-link")).value().unwrap_or_default()
}

#[test]
fn a_link_that_comes_while_nobody_is_logged_in_fills_the_form() {
    let mut shown = show(Snapshot::default());
    shown.state_mut().screens.bring_link(LINK.into());
    shown.run();
    assert_eq!(server_field(&shown), LINK);
}

#[test]
fn a_link_that_comes_while_one_is_logged_in_is_asked_about_and_followed_after_the_logout() {
    let mut in_a_call = talking(|_| {});
    in_a_call.connection = Connection::Reconnecting { server: SERVER.into(), since: Instant::now() };
    for snapshot in [online(), in_a_call] {
        let mut shown = show(snapshot);
        shown.state_mut().screens.bring_link(LINK.into());
        shown.run();
        assert!(says(&shown, "Join club.example:50051?") && says(&shown, say("join-explained")));
        let asked = click(&mut shown, say("join-do"));
        assert_eq!(asked, [Command::CancelLogIn, Command::LeaveHall]);
        assert!(!says(&shown, say("join-explained")), "asked once");
        shown.state_mut().snapshot = Snapshot::default();
        shown.run();
        assert_eq!(server_field(&shown), LINK);
    }
}

#[test]
fn a_login_that_ends_by_itself_answers_the_question_whether_to_leave() {
    for rings in [false, true] {
        let mut shown = show(online());
        shown.state_mut().screens.bring_link(LINK.into());
        shown.run();
        if rings {
            shown.state_mut().snapshot = talking(|_| {});
            shown.run();
            assert!(!says(&shown, say("join-explained")), "put by for the call");
        }
        shown.state_mut().snapshot = Snapshot::default();
        shown.run();
        assert!(!says(&shown, say("join-explained")));
        assert_eq!(server_field(&shown), LINK);
    }
}

#[test]
fn whoever_stays_is_not_led_away_later() {
    let mut shown = show(online());
    shown.state_mut().screens.bring_link(LINK.into());
    shown.run();
    assert_eq!(click(&mut shown, say("cancel")), []);
    shown.state_mut().snapshot = Snapshot::default();
    shown.run();
    assert!(shown.query_by_label(say("login-server-or-link")).is_none());
    assert_eq!(shown.get_by_label(say("login-server")).value().as_deref(), Some(SERVER));
}

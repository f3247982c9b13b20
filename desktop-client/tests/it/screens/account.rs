//! The account page: name, devices, password, the document about me, and the end of the account.

use super::*;
use castle::ids::LoginId;
use castle_desktop::ui::Page;
use castle_desktop::view::{Act, Secret};
use egui::Key;
use egui::accesskit::Role;

const NONE: egui::Modifiers = egui::Modifiers::NONE;

fn state(name: &str) -> Shown {
    states::named(name).show(ROOMY)
}

fn type_into(shown: &mut Shown, field: &str, text: &str) {
    shown.get_by_label(field).focus();
    shown.run();
    type_text(shown, text);
}

fn log_out(device: &str) -> String {
    say_with("account-log-out-name", &[("name", device.into())])
}

#[test]
fn the_account_is_reached_from_the_settings_and_asks_for_the_devices() {
    let mut shown = show(online());
    click(&mut shown, say("settings"));
    let asked = click(&mut shown, say("account"));
    assert_eq!(asked, [Command::ChooseDevices(false), Command::LoadLogins]);
    assert!(says(&shown, say("account-devices-loading")));
    assert_eq!(press(&mut shown, NONE, Key::Escape), []);
    assert!(says(&shown, say("hall-search")), "back in the hall");
}

#[test]
fn another_name_is_sent_and_the_same_one_is_not() {
    let mut shown = state("account");
    let save = say("account-name-save");
    assert_eq!(click(&mut shown, save), [], "it is the name already");
    type_into(&mut shown, say("account-name-shown"), " al-Sabah ");
    let renamed = Command::SetDisplayName("Noor al-Sabah".into());
    assert_eq!(click(&mut shown, save), [renamed]);
    shown.state_mut().snapshot.account.busy.push(Act::Rename);
    assert_eq!(click(&mut shown, save), [], "it is on its way");
    assert!(says(&shown, say("account-busy")));
    let window = shown.state_mut();
    window.snapshot.account.busy.clear();
    window.snapshot.me.as_mut().expect("online").display_name = "Noor al-Sabah".into();
    assert_eq!(click(&mut shown, save), [], "that is the name now");
}

#[test]
fn an_empty_name_is_that_of_the_login() {
    let mut shown = state("account");
    shown.get_by_label(say("account-name-shown")).focus();
    shown.run();
    press(&mut shown, egui::Modifiers::COMMAND, Key::A);
    press(&mut shown, NONE, Key::Backspace);
    assert_eq!(click(&mut shown, say("account-name-save")), [Command::SetDisplayName("noor".into())]);
}

#[test]
fn every_device_but_this_one_is_logged_out_by_its_button() {
    let mut shown = state("account");
    for told in [format!("desk, {}", say("account-device-this")), "laptop, Last used: 2 hours ago".into()] {
        assert!(shown.query_by_role_and_label(Role::ListItem, &told).is_some(), "{told}");
    }
    assert!(shown.query_by_label(&log_out("desk")).is_none(), "this one is left by its own way");
    let asked = click(&mut shown, &log_out("laptop"));
    assert_eq!(asked, [Command::EndLogin(LoginId::from_bits(2))]);
    shown.state_mut().snapshot.account.busy.push(Act::LogOut(LoginId::from_bits(2)));
    assert_eq!(click(&mut shown, &log_out("laptop")), [], "it is on its way");
    let asked = click(&mut shown, &log_out(say("account-device-unnamed")));
    assert_eq!(asked, [Command::EndLogin(LoginId::from_bits(3))], "the others are not held up by it");
}

#[test]
fn a_new_password_is_typed_twice_or_shown() {
    let mut shown = state("account");
    let (change, again) = (say("settings-change-password"), say("password-again"));
    type_into(&mut shown, say("settings-old-password"), "open sesame");
    type_into(&mut shown, say("settings-new-password"), "shut sesame");
    assert_eq!(click(&mut shown, change), [], "typed once, and not to be seen");
    type_into(&mut shown, again, "shut sesamy");
    assert!(says(&shown, say("password-differs")));
    assert_eq!(click(&mut shown, change), []);
    click(&mut shown, say("login-show-password"));
    assert!(shown.query_by_label(again).is_none(), "what is shown is not typed twice");
    let asked = click(&mut shown, change);
    let (old, new) = (Secret("open sesame".into()), Secret("shut sesame".into()));
    assert_eq!(asked, [Command::ChangePassword { old, new }]);
    assert_eq!(click(&mut shown, change), [], "sent once, and forgotten");
}

#[test]
fn what_was_typed_of_passwords_is_forgotten_when_one_leaves() {
    let mut shown = state("account");
    let old = say("settings-old-password");
    type_into(&mut shown, old, "open sesame");
    press(&mut shown, NONE, Key::Escape);
    assert!(says(&shown, say("hall-search")));
    let window = shown.state_mut();
    window.screens.open(Page::Account, &window.snapshot, &mut window.commands);
    shown.run();
    shown.get_by_label(old).focus();
    press(&mut shown, egui::Modifiers::COMMAND, Key::Z);
    assert_eq!(shown.get_by_label(old).value().unwrap_or_default(), "");
}

#[test]
fn the_document_goes_into_the_file_that_is_named() {
    let mut shown = state("account");
    let file = say("account-data-file");
    let usual = shown.get_by_label(file).value().unwrap_or_default();
    assert!(usual.ends_with("castle-account.json"), "{usual}");
    shown.get_by_label(file).focus();
    shown.run();
    press(&mut shown, egui::Modifiers::COMMAND, Key::A);
    press(&mut shown, NONE, Key::Backspace);
    let save = say("account-data-save");
    assert_eq!(click(&mut shown, save), [], "a file without a name");
    type_into(&mut shown, file, " /tmp/me.json ");
    assert_eq!(click(&mut shown, save), [Command::ExportAccount { file: "/tmp/me.json".into() }]);
}

#[test]
fn the_account_is_erased_with_the_password_and_only_when_sure() {
    let mut shown = state("account");
    let (ask, erase) = (say("account-erase-ask"), say("account-erase-do"));
    assert_eq!(click(&mut shown, ask), []);
    assert!(says(&shown, say("account-erase-explained")), "it says what is erased");
    assert_eq!(focused(&shown).as_deref(), Some(say("login-password")));
    assert_eq!(click(&mut shown, erase), [], "no password was typed");
    type_text(&mut shown, "open sesame");
    assert_eq!(click(&mut shown, say("cancel")), []);
    assert!(!says(&shown, say("account-erase-title")), "put away");
    click(&mut shown, ask);
    assert_eq!(click(&mut shown, erase), [], "what was typed before is forgotten");
    shown.get_by_role_and_label(Role::PasswordInput, say("login-password")).focus();
    shown.run();
    type_text(&mut shown, "open sesame");
    let asked = click(&mut shown, erase);
    assert_eq!(asked, [Command::EraseAccount { password: Secret("open sesame".into()) }]);
    assert!(!says(&shown, say("account-erase-title")), "put away");
}

#[test]
fn nothing_is_asked_twice_while_it_is_under_way() {
    let mut shown = state("account-busy");
    for words in [
        say("account-name-save"),
        say("settings-change-password"),
        say("account-data-save"),
        say("account-erase-ask"),
    ] {
        assert_eq!(click(&mut shown, words), [], "{words}");
    }
    assert!(!says(&shown, say("account-erase-title")));
}

#[test]
fn where_there_are_too_many_devices_one_is_logged_out_at_the_door() {
    let mut shown = state("login-crowded");
    assert!(says(&shown, say("error-session-limit")));
    assert!(shown.query_by_label(say("login-password")).is_none(), "there is nothing to be typed");
    assert_eq!(click(&mut shown, &log_out("laptop")), [Command::EndLogin(LoginId::from_bits(2))]);
    assert_eq!(click(&mut shown, say("login-cancel")), [Command::CancelLogIn]);
}

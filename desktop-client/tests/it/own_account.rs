//! What a guest does about their own account, against a real server: a forgotten password, the name, the devices, the
//! document, the end.

use crate::support::{Guest, PASSWORD, TestServer, config, without_devices};
use castle::ids::LoginId;
use castle_desktop::engine::{EngineConfig, Viewer};
use castle_desktop::error::ErrorKind;
use castle_desktop::profile::Profile;
use castle_desktop::signaling::{self, Credentials, DeviceTokens, ResetCode};
use castle_desktop::view::{Command, Connection, DeviceLogin, Secret, Severity, Snapshot};
use castle_server::config::MatchRoute;
use std::path::Path;

const ANOTHER: &str = "another horse battery";

fn secret(text: &str) -> Secret {
    Secret(text.into())
}

fn server(folder: &tempfile::TempDir) -> TestServer {
    TestServer::start(config(folder.path(), MatchRoute::Direct))
}

fn reset(guest: &Guest, server: &TestServer, code: &str, password: &str) {
    guest.does(Command::ResetPassword {
        server: server.url(),
        name: "ada".into(),
        code: secret(code),
        password: secret(password),
        remember: false,
    });
}

fn online(snapshot: &Snapshot) -> bool {
    matches!(snapshot.connection, Connection::Online { .. })
}

fn logged_out(snapshot: &Snapshot) -> bool {
    snapshot.connection == Connection::LoggedOut
}

/// A guest who sits at a window.
fn at_a_window(name: &str) -> Guest {
    Guest::of(name, EngineConfig { viewer: Viewer::Window, ..without_devices() })
}

fn logins(snapshot: &Snapshot) -> &[DeviceLogin] {
    snapshot.account.logins.as_ref().map_or(&[], |logins| logins.as_slice())
}

/// Asks for the list until it holds.
fn until_logins(guest: &Guest, what: &str, holds: impl Fn(&[DeviceLogin]) -> bool) -> Vec<DeviceLogin> {
    let snapshot = guest.until(what, |snapshot| {
        guest.does(Command::LoadLogins);
        holds(logins(snapshot))
    });
    logins(&snapshot).to_vec()
}

#[test]
fn a_forgotten_password_is_set_anew_with_a_code_of_the_host() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder);
    let elsewhere = Guest::online(&server, "ada");
    let code = server.reset_code("ada");
    let ada = Guest::new("ada");
    reset(&ada, &server, "0000-0000-0000-0000", ANOTHER);
    ada.until_told("Name and code do not match");
    reset(&ada, &server, &code, "password");
    ada.until_told("This password cannot be used.");
    assert!(online(&elsewhere.engine.snapshot()), "nothing has happened yet");

    reset(&ada, &server, &code.to_lowercase().replace('-', " "), ANOTHER);
    ada.until("online", online);
    assert!(ada.engine.snapshot().notices.is_empty(), "what went wrong before is of the past");
    elsewhere.until_told("You were logged out.");
    drop(ada);

    let ada = Guest::new("ada");
    reset(&ada, &server, &code, "a third horse battery");
    ada.until_told("the code was used");
    ada.log_in(&server.url(), PASSWORD);
    ada.until_told("Name and password do not match");
    ada.log_in(&server.url(), ANOTHER);
    ada.until("online", online);
}

#[test]
fn who_tries_many_codes_is_told_to_wait() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path(), MatchRoute::Direct);
    config.accounts.throttle.address.burst = 1;
    let server = TestServer::start(config);
    let ada = Guest::online(&server, "ada");
    ada.does(Command::LogOut);
    ada.until("logged out", logged_out);
    reset(&ada, &server, "0000-0000-0000-0000", ANOTHER);
    ada.until_told("Name and code do not match");
    reset(&ada, &server, "0000-0000-0000-0001", ANOTHER);
    ada.until_told("That was too often in a short time. Try again in");
}

#[test]
fn a_code_whose_answer_was_lost_lets_in_once_more_with_the_same_password_alone() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder);
    let _ada = Guest::online(&server, "ada");
    let code = ResetCode::new(secret(&server.reset_code("ada")));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let devices = DeviceTokens::default();
    let with = |password| {
        let credentials =
            Credentials::Reset { name: "ada".into(), code: code.clone(), password: secret(password) };
        let address = server.url().parse().expect("an address");
        runtime.block_on(signaling::log_in(address, credentials, &devices))
    };
    assert!(with(ANOTHER).is_ok());
    assert!(with(ANOTHER).is_ok(), "the same request is answered as the first time");
    let other = with("a third horse battery").expect_err("the code is spent");
    assert_eq!(other.kind, ErrorKind::CodeSpent);
    assert!(other.sentence().contains("Log in with that one"));
}

#[test]
fn a_password_is_changed_with_the_old_one_alone_and_the_other_devices_go() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder);
    let (ada, elsewhere) = (Guest::online(&server, "ada"), Guest::new("ada"));
    elsewhere.log_in(&server.url(), PASSWORD);
    elsewhere.until("online", online);
    let change = |old: &str, new: &str| {
        ada.does(Command::ChangePassword { old: secret(old), new: secret(new) });
    };
    change("not this one", ANOTHER);
    ada.until_told("That is not your password");
    change(PASSWORD, "12345678");
    ada.until_told("This password cannot be used.");
    assert!(online(&elsewhere.engine.snapshot()));
    change(PASSWORD, ANOTHER);
    ada.until_told("password is changed");
    elsewhere.until_told("You were logged out.");
    elsewhere.log_in(&server.url(), PASSWORD);
    elsewhere.until_told("do not match");
    elsewhere.log_in(&server.url(), ANOTHER);
    elsewhere.until("online", online);
}

#[test]
fn another_name_is_seen_by_all_and_one_that_cannot_be_seen_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder);
    let (ada, bea) = (Guest::online(&server, "ada"), Guest::online(&server, "bea"));
    ada.does(Command::SetDisplayName(" Ada Lovelace ".into()));
    ada.until_told("You are shown as Ada Lovelace now.");
    let called = |name: &'static str| {
        move |snapshot: &Snapshot| snapshot.me.as_ref().is_some_and(|me| me.display_name == name)
    };
    ada.until("the name", called("Ada Lovelace"));
    let seen = |name: &'static str| {
        move |snapshot: &Snapshot| snapshot.hall.iter().any(|row| row.display_name == name)
    };
    bea.until("the name", seen("Ada Lovelace"));
    ada.does(Command::SetDisplayName("Ada\u{202E}ecalevoL".into()));
    ada.until_told("This name cannot be shown.");
    ada.does(Command::SetDisplayName(String::new()));
    ada.until("the login name", called("ada"));
    bea.until("the login name", seen("ada"));
}

#[test]
fn devices_are_listed_and_another_one_is_logged_out() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder);
    let (ada, elsewhere) = (Guest::online(&server, "ada"), Guest::new("ada"));
    elsewhere.log_in(&server.url(), PASSWORD);
    elsewhere.until("online", online);
    let both = until_logins(&ada, "both", |logins| logins.len() == 2);
    assert_eq!(both.iter().map(|login| login.current).collect::<Vec<_>>(), [false, true], "the newest first");
    ada.does(Command::EndLogin(LoginId::from_bits(4711)));
    ada.until_told("That device is logged out already.");
    // A second click does no harm.
    ada.does(Command::EndLogin(both[0].id));
    ada.does(Command::EndLogin(both[0].id));
    elsewhere.until_told("You were logged out.");
    let left =
        ada.until("this one", |snapshot| logins(snapshot).len() == 1 && snapshot.account.busy.is_empty());
    assert!(logins(&left)[0].current);
    assert_eq!(left.notices.len(), 1, "{:?}", left.notices);
}

#[test]
fn all_that_is_kept_is_written_beside_what_is_there_already() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder);
    let ada = Guest::online(&server, "ada");
    let file = folder.path().join("castle-account.json");
    std::fs::write(&file, "a letter").unwrap();
    let kept = folder.path().join("castle-account-2.json");
    // A second click does no harm.
    ada.does(Command::ExportAccount { file: file.clone() });
    ada.does(Command::ExportAccount { file: file.clone() });
    ada.until_told(&format!("was saved as {}.", kept.display()));
    let document: serde_json::Value = serde_json::from_slice(&std::fs::read(&kept).unwrap()).unwrap();
    assert_eq!(document["account"]["name"], "ada");
    assert_eq!(document["devices"].as_array().map(Vec::len), Some(1));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "a letter");
    ada.until("done", |snapshot| snapshot.account.busy.is_empty());
    let names = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let ours = names.filter(|name| {
        let name = name.to_string_lossy();
        name.starts_with("castle-account") || name.ends_with(".part")
    });
    assert_eq!(ours.count(), 2, "one click, one file");
    ada.does(Command::ExportAccount { file: folder.path().join("no/such/folder.json") });
    ada.until("told", |snapshot| {
        let told = |text: &str| text.contains("could not be saved");
        snapshot.notices.iter().any(|notice| notice.severity == Severity::Error && told(&notice.text))
    });
}

fn of_profile(profile: &Path) -> Guest {
    Guest::of("ada", EngineConfig { profile: Profile::open(profile, false), ..without_devices() })
}

#[test]
fn an_account_is_erased_with_its_password_and_nothing_leads_back_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder);
    let bea = Guest::online(&server, "bea");
    drop(Guest::online(&server, "ada"));
    let ada = of_profile(&folder.path().join("ada"));
    let (url, name) = (server.url(), "ada".to_owned());
    ada.does(Command::LogIn { server: url, name, password: secret(PASSWORD), remember: true });
    ada.until("remembered", |snapshot| snapshot.servers.first().is_some_and(|known| known.remembered));
    bea.until("ada", |snapshot| snapshot.hall.len() == 1);
    ada.does(Command::EraseAccount { password: secret("not this one") });
    ada.until_told("That is not your password");
    assert!(online(&ada.engine.snapshot()));
    server.make_admin("ada");
    ada.does(Command::EraseAccount { password: secret(PASSWORD) });
    ada.until_told("The hall needs an admin");
    server.make_admin("bea");
    ada.does(Command::EraseAccount { password: secret(PASSWORD) });
    ada.until_told("Your account is erased");
    ada.until("logged out and forgotten", |snapshot| logged_out(snapshot) && snapshot.servers.is_empty());
    bea.until("nobody", |snapshot| snapshot.hall.is_empty());
    let told = ada.engine.snapshot();
    assert!(!told.notices.iter().any(|notice| notice.text.contains("logged out. Log in")), "{told:#?}");
    drop(ada);
    let ada = of_profile(&folder.path().join("ada"));
    assert!(ada.engine.snapshot().servers.is_empty(), "nor at the next start");
    ada.log_in(&server.url(), PASSWORD);
    ada.until_told("do not match");
}

#[test]
fn where_there_are_too_many_devices_one_of_them_is_logged_out_from_the_door() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path(), MatchRoute::Direct);
    config.hub.sessions.per_guest_max = 1;
    let server = TestServer::start(config);
    let (first, second) = (Guest::online(&server, "ada"), at_a_window("ada"));
    let crowded = |snapshot: &Snapshot| snapshot.account.crowded && logins(snapshot).len() == 2;
    second.log_in(&server.url(), PASSWORD);
    let at_the_door = second.until("too many devices", crowded);
    assert!(matches!(at_the_door.connection, Connection::LoggingIn { .. }) && at_the_door.me.is_none());
    second.does(Command::CancelLogIn);
    second.until("given up", logged_out);
    until_logins(&first, "nothing left of it", |logins| logins.len() == 1);

    second.log_in(&server.url(), PASSWORD);
    let at_the_door = second.until("too many devices", crowded);
    let other = logins(&at_the_door).iter().find(|login| !login.current).expect("the first").id;
    second.does(Command::EndLogin(other));
    second.until("let in", |snapshot| online(snapshot) && !snapshot.account.crowded);
    first.until_told("You were logged out.");
}

#[test]
fn a_bot_does_not_wait_for_other_devices_to_go() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path(), MatchRoute::Direct);
    config.hub.sessions.per_guest_max = 1;
    let server = TestServer::start(config);
    let (_first, bot) = (Guest::online(&server, "ada"), Guest::new("ada"));
    bot.log_in(&server.url(), PASSWORD);
    bot.until_told("on too many devices at once");
    bot.until("logged out", logged_out);
}

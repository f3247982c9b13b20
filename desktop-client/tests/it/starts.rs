//! How the programs begin and end, as an init system and a second start see it.

use crate::programs::{BotProcess, desktop};
use crate::support::{Guest, PATIENCE, TestServer, config};
use castle_desktop::instance::{self, Started};
use castle_desktop::profile::Profile;
use castle_server::config::MatchRoute;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::sync_channel;

#[test]
fn a_second_start_hands_its_link_over_and_ends_well_without_a_display() {
    let folder = tempfile::tempdir().unwrap();
    let Ok(Started::First(first)) = instance::start(folder.path(), None) else { panic!("not the first") };
    let (told, links) = sync_channel(1);
    first.listen(move |link| told.send(link).unwrap());
    let link = "castle+plaintext://127.0.0.1:1/?invite=x";
    let second = Command::new(desktop())
        .args(["--profile", folder.path().to_str().unwrap(), link])
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(second.success(), "{second}");
    assert_eq!(links.recv_timeout(PATIENCE), Ok(Some(link.to_owned())));
}

/// What the app says that cannot start in this profile: without a screen, and without a system that shows notices.
fn says_at_its_end(profile: &Path) -> String {
    let ended = Command::new(desktop())
        .arg("--profile")
        .arg(profile)
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .env_remove("WAYLAND_SOCKET")
        .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nobody/listens/here")
        .output()
        .expect("castle-desktop can be started");
    assert!(!ended.status.success(), "{}", ended.status);
    String::from_utf8(ended.stderr).expect("text")
}

#[test]
fn why_the_app_does_not_start_is_said_in_the_language_that_was_set() {
    let folder = tempfile::tempdir().unwrap();
    let profile = Profile::open(folder.path(), false);
    profile.settings.change(|settings| settings.preferences.language = Some("de".into()));
    drop(profile);
    let said = says_at_its_end(folder.path());
    assert!(said.contains("Castle hat keinen Bildschirm für sein Fenster gefunden."), "{said}");
    let Ok(Started::First(first)) = instance::start(folder.path(), None) else { panic!("not the first") };
    let said = says_at_its_end(folder.path());
    assert!(said.contains("Castle läuft schon, antwortet aber nicht."), "{said}");
    drop(first);
}

#[test]
fn a_bot_that_is_asked_to_end_says_goodbye_and_reports() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(folder.path(), MatchRoute::Direct));
    let more = ["--invite", &server.invitation, "--answer"];
    let bea = Guest::online(&server, "bea");
    let ada = BotProcess::start_at(&server.url(), folder.path(), "ada", 600, &more, |_| ());
    bea.until("ada in the hall", |snapshot| !snapshot.hall.is_empty());
    ada.ask_to_end();
    bea.until("nobody", |snapshot| snapshot.hall.is_empty());
    let (_, report) = ada.finish();
    assert_eq!(report["guest"], "ada", "{report:#}");
    assert!(report["errors"][0].as_str().is_some_and(|error| error.contains("told to end")), "{report:#}");
}

//! What lasts and what surrounds a call: preferences, the try-out, notices of the system, diagnostics.

use crate::support::{Guest, PASSWORD, TestServer, config};
use castle_desktop::engine::{EngineConfig, SystemNotice, Viewer};
use castle_desktop::media::camera::CameraSpec;
use castle_desktop::media::mic::MicSpec;
use castle_desktop::media::speaker::SpeakerSpec;
use castle_desktop::peer::PathRoute;
use castle_desktop::profile::Profile;
use castle_desktop::view::{
    Command, Connection, EndReason, Preferences, QualityCap, Secret, Severity, Snapshot, WindowPlace,
};
use castle_server::config::MatchRoute;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn made_media(profile: Profile) -> EngineConfig {
    EngineConfig {
        camera: Some(CameraSpec::default()),
        mic: Some(MicSpec::Tone),
        speaker: Some(SpeakerSpec::Off),
        viewer: Viewer::Bot { reference: None, screen_reference: None },
        profile,
        ..EngineConfig::default()
    }
}

fn guest(name: &str, profile: &Path) -> Guest {
    Guest::of(name, made_media(Profile::open(profile, false)))
}

#[test]
fn preferences_hold_at_once_and_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(folder.path(), MatchRoute::Direct));
    let profile = folder.path().join("ada");
    let ada = guest("ada", &profile);
    let wanted = Preferences {
        relay_only: true,
        quality: QualityCap::Saving,
        zoom: 9.0,
        tags: vec![" chess ".into(), "  ".into()],
        ..Preferences::default()
    };
    ada.does(Command::SetPreferences(Box::new(wanted)));
    let place = WindowPlace { at: Some((12.0, 34.0)), size: (640.0, 480.0), maximized: true };
    ada.does(Command::SetWindowPlace(place));
    let holds = |preferences: &Preferences| {
        preferences.relay_only && (preferences.zoom - 2.0).abs() < 0.01 && preferences.tags == ["chess"]
    };
    ada.until("the preferences", |snapshot| holds(&snapshot.preferences));
    drop(ada);

    let ada = guest("ada", &profile);
    ada.until("the same preferences", |snapshot| holds(&snapshot.preferences));
    assert_eq!(Profile::open(&profile, false).settings.get().window, Some(place));
    ada.register(&server);
    ada.until("online", |snapshot| snapshot.me.is_some());
    let bea = Guest::online(&server, "bea");
    ada.calls("bea");
    bea.until_ringing();
    bea.does(Command::Accept);
    ada.until_connected();
    ada.until_seeing();
    let record = ada.engine.record();
    assert_eq!(record.path.route, Some(PathRoute::Relay), "as the preferences say");
    assert!(record.sender.target_bps <= 300_000, "{:?}", record.sender);
    ada.does(Command::SetPreferences(Box::default()));
    ada.until("more than was saved", |_| ada.engine.record().sender.target_bps > 300_000);
}

#[test]
fn damaged_settings_are_set_aside_and_told() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("settings.json"), "{\"version\": 2, \"prefer").unwrap();
    let ada = guest("ada", folder.path());
    ada.until_told("settings.json.damaged-");
}

#[test]
fn a_remembered_login_outlives_damaged_settings() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(folder.path(), MatchRoute::Direct));
    drop(Guest::online(&server, "ada"));
    let profile = folder.path().join("ada");
    let ada = guest("ada", &profile);
    let (url, name, password) = (server.url(), "ada".to_owned(), Secret(PASSWORD.into()));
    ada.does(Command::LogIn { server: url.clone(), name: name.clone(), password, remember: true });
    ada.until("online", |snapshot| snapshot.me.is_some());
    drop(ada);
    std::fs::write(profile.join("settings.json"), "{\"version\": 3, \"prefer").unwrap();

    let ada = guest("ada", &profile);
    ada.until_told("settings.json.damaged-");
    ada.until("known", |snapshot| snapshot.servers.first().is_some_and(|known| known.remembered));
    ada.does(Command::LogInRemembered { server: url, name });
    ada.until("online", |snapshot| snapshot.me.is_some());
}

#[test]
fn a_hall_that_is_left_for_another_server_is_one_click_away_from_there() {
    let folder = tempfile::tempdir().unwrap();
    let start = |name: &str| TestServer::start(config(&folder.path().join(name), MatchRoute::Direct));
    let (here, there) = (start("here"), start("there"));
    drop(Guest::online(&here, "ada"));
    let bea = Guest::online(&here, "bea");
    let ada = guest("ada", &folder.path().join("ada"));
    let (name, password) = ("ada".to_owned(), Secret(PASSWORD.into()));
    ada.does(Command::LogIn { server: here.url(), name: name.clone(), password, remember: true });
    ada.until("online, and remembered", |snapshot| snapshot.me.is_some() && snapshot.remembered);
    ada.calls("bea");
    bea.until_ringing();
    bea.does(Command::Accept);
    ada.until_connected();
    let left = |snapshot: &Snapshot| {
        let nothing = snapshot.call.is_none() && snapshot.search.is_none() && !snapshot.remembered;
        snapshot.connection == Connection::LoggedOut && nothing
    };
    ada.does(Command::LeaveHall);
    let outside = ada.until("outside", left);
    bea.until_ended(EndReason::PeerHungUp);
    bea.until("alone", |snapshot| snapshot.hall.is_empty());
    assert!(outside.servers[0].remembered && outside.servers[0].server == here.url(), "{outside:#?}");

    ada.register(&there);
    ada.until("online there", |snapshot| snapshot.me.is_some() && !snapshot.remembered);
    ada.does(Command::Search);
    ada.until("a place in line", |snapshot| {
        snapshot.search.as_ref().is_some_and(|search| search.position.is_some())
    });
    ada.does(Command::LeaveHall);
    let outside = ada.until("outside again", left);
    assert!(!outside.servers[0].remembered && outside.servers[1].remembered, "{outside:#?}");

    ada.does(Command::LogInRemembered { server: here.url(), name });
    ada.until("back", |snapshot| snapshot.me.is_some() && snapshot.remembered);
    ada.does(Command::LoadLogins);
    // With the one of the registration.
    ada.until("one login more", |snapshot| {
        snapshot.account.logins.as_ref().is_some_and(|logins| logins.len() == 2)
    });
}

#[test]
fn a_login_that_is_not_remembered_ends_with_the_way_to_another_server() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(folder.path(), MatchRoute::Direct));
    let (ada, bea) = (Guest::online(&server, "ada"), Guest::online(&server, "bea"));
    bea.until("ada", |snapshot| snapshot.hall.len() == 1);
    ada.does(Command::LeaveHall);
    ada.until("outside", |snapshot| snapshot.connection == Connection::LoggedOut);
    bea.until("alone", |snapshot| snapshot.hall.is_empty());
    ada.log_in(&server.url(), PASSWORD);
    ada.until("online", |snapshot| snapshot.me.is_some());
    ada.does(Command::LoadLogins);
    let again = ada.until("logins", |snapshot| snapshot.account.logins.is_some());
    assert_eq!(again.account.logins.as_ref().unwrap().len(), 1, "nobody would come back to the other one");
}

#[test]
fn a_damaged_list_of_servers_is_set_aside_and_told() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("servers.json"), "[]").unwrap();
    let ada = guest("ada", folder.path());
    ada.until_told("The list of your servers was damaged.");
    ada.until_told("servers.json.damaged-");
}

#[test]
fn damaged_keys_to_logins_are_set_aside_and_told_and_newer_ones_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("logins.json");
    std::fs::write(&file, "{\"version\": 1, \"keys\":").unwrap();
    let ada = guest("ada", folder.path());
    ada.until_told("The file with the keys to your logins was damaged.");
    ada.until_told("logins.json.damaged-");
    drop(ada);
    let newer = "{\"version\": 99}";
    std::fs::write(&file, newer).unwrap();
    let ada = guest("ada", folder.path());
    ada.until_told("written by a newer version of the app");
    drop(ada);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), newer);
}

#[test]
fn what_cannot_be_saved_is_told_until_it_is_saved() {
    let room = tempfile::tempdir().unwrap();
    let folder = room.path().join("castle");
    let profile = Profile::open(&folder, false);
    // A file where the folder should be: nobody can write there, whoever they are.
    std::fs::write(&folder, "in the way").unwrap();
    let ada = Guest::of("ada", made_media(profile));
    let wanted = Preferences { relay_only: true, ..Preferences::default() };
    ada.does(Command::SetPreferences(Box::new(wanted)));
    let told = format!("cannot be saved in {}", folder.display());
    ada.until_told(&told);
    std::fs::remove_file(&folder).unwrap();
    ada.until("saved", |snapshot| snapshot.notices.is_empty());
    drop(ada);
    assert!(Profile::open(&folder, false).settings.get().preferences.relay_only);
}

#[test]
fn camera_microphone_and_speaker_are_tried_out_and_go_on_with_a_call() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(folder.path(), MatchRoute::Direct));
    let (ada, bea) = (Guest::online(&server, "ada"), Guest::online(&server, "bea"));
    ada.does(Command::SetTryout(true));
    ada.until("a level", |snapshot| snapshot.tryout.is_some_and(|tryout| tryout.mic_level > 0.0));
    assert!(ada.engine.local_frames().wait(Duration::from_secs(10)).is_some(), "the own picture");
    ada.does(Command::TestSpeaker);
    ada.until("a sound", |snapshot| snapshot.tryout.is_some_and(|tryout| tryout.speaker_playing));
    ada.until("no sound", |snapshot| snapshot.tryout.is_some_and(|tryout| !tryout.speaker_playing));
    ada.calls("bea");
    bea.until_ringing();
    ada.until("no try-out", |snapshot| snapshot.tryout.is_none());
    bea.does(Command::Accept);
    bea.until_seeing();
    ada.does(Command::HangUp);
    ada.until_ended(EndReason::HungUp);
    ada.does(Command::SetTryout(true));
    ada.until("trying again", |snapshot| snapshot.tryout.is_some());
    ada.does(Command::SetTryout(false));
    ada.until("no more", |snapshot| snapshot.tryout.is_none());
}

#[test]
fn the_system_tells_of_calls_only_while_the_window_is_not_in_front() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(folder.path(), MatchRoute::Direct));
    let told = Arc::new(Mutex::new(Vec::new()));
    let notes = told.clone();
    let notifier = Arc::new(move |notice| notes.lock().unwrap().push(notice));
    let bea = Guest::of("bea", EngineConfig { notifier: Some(notifier), ..made_media(Profile::default()) });
    bea.register(&server);
    bea.until("online", |snapshot| snapshot.me.is_some());
    let ada = Guest::online(&server, "ada");
    for in_front in [true, false] {
        bea.does(Command::SetInFront(in_front));
        // Commands are heeded in their order, and what this one does is seen.
        bea.does(Command::CloseCall);
        bea.until("no call", |snapshot| snapshot.call.is_none());
        ada.calls("bea");
        bea.until_ringing();
        ada.until_calling();
        ada.does(Command::Cancel);
        bea.until_ended(EndReason::Cancelled);
        ada.until_ended(EndReason::Cancelled);
        ada.does(Command::CloseCall);
    }
    let peer = || "ada".to_owned();
    assert_eq!(
        *told.lock().unwrap(),
        [
            SystemNotice::Ringing { peer: peer() },
            SystemNotice::RingingOver,
            SystemNotice::Missed { peer: peer() }
        ]
    );

    // In a call it tells of the first line of chat, and again only once somebody has looked.
    told.lock().unwrap().clear();
    ada.calls("bea");
    bea.until_ringing();
    bea.does(Command::Accept);
    ada.until_connected();
    bea.until_connected();
    let mut lines = 0;
    let mut write = |text: &str| {
        ada.does(Command::Chat(text.into()));
        lines += 1;
        bea.until("the line", |snapshot| snapshot.call.as_ref().is_some_and(|call| call.chat.len() == lines));
    };
    write("hello");
    write("are you there?");
    bea.does(Command::SetInFront(true));
    write("good");
    bea.does(Command::SetInFront(false));
    write("another");
    assert_eq!(
        *told.lock().unwrap(),
        [
            SystemNotice::Ringing { peer: peer() },
            SystemNotice::RingingOver,
            SystemNotice::Wrote { peer: peer() },
            SystemNotice::Wrote { peer: peer() },
        ]
    );
}

#[test]
fn diagnostics_hold_what_helps_and_neither_secrets_nor_names() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(folder.path(), MatchRoute::Direct));
    let logs = folder.path().join("logs");
    std::fs::create_dir(&logs).unwrap();
    let planted = [
        "INFO login of ada_lovelace and cleopatra from 203.0.113.9:5000 token=eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9.eyJz",
        "INFO the connection to a relay ended server=turn:203.0.113.9:3478?transport=udp error=None",
        "INFO a relay was not reached server=turns:turn.hall.test:443?transport=tcp error=the name turn.hall.test is not known",
        "WARN TURN over UDP at turn.hall.test:3478: no answer",
    ];
    std::fs::write(logs.join("castle-desktop.log"), planted.join("\n")).unwrap();
    let profile = Profile::open(&folder.path().join("ada"), false);
    let ada = Guest::of("ada_lovelace", EngineConfig { logs: Some(logs), ..made_media(profile) });
    ada.register(&server);
    ada.until("online", |snapshot| snapshot.me.is_some());
    drop(Guest::online(&server, "ada_login_only"));
    let cleo = Guest::online(&server, "cleopatra");
    let seen = ada.until("cleo", |snapshot| snapshot.hall.iter().any(|row| row.name == "cleopatra"));
    let blocked = seen.hall.iter().find(|row| row.name == "cleopatra").unwrap().guest;
    ada.does(Command::Block(blocked));
    ada.does(Command::LoadBlocked);
    ada.until("blocked", |snapshot| snapshot.blocked.as_ref().is_some_and(|all| all.len() == 1));
    drop(cleo);
    let bea = Guest::online(&server, "beatrix");
    ada.calls("beatrix");
    bea.until_ringing();
    bea.does(Command::Accept);
    ada.until_connected();
    ada.until("figures", |snapshot| {
        snapshot.call.as_ref().is_some_and(|call| !call.stats_history.is_empty())
    });
    ada.does(Command::Rate(4));
    let mut texts = Vec::new();
    for with_names in [false, true] {
        let file = folder.path().join(format!("diagnostics-{with_names}.json"));
        ada.does(Command::SaveDiagnostics { file: file.clone(), with_names });
        let name = file.display().to_string();
        ada.until("saved", |snapshot| {
            snapshot.notices.iter().any(|n| n.severity == Severity::Info && n.text.contains(&name))
        });
        texts.push(std::fs::read_to_string(file).unwrap());
    }
    let port = server.listening.grpc.to_string();
    for secret in [PASSWORD, "eyJhbGci", server.invitation.as_str()] {
        assert!(texts.iter().all(|text| !text.contains(secret)), "{secret}");
    }
    for name in ["ada_lovelace", "beatrix", "cleopatra", "203.0.113.9", "hall.test", port.as_str()] {
        assert!(!texts[0].to_lowercase().contains(name), "{name} in {}", texts[0]);
    }
    assert!(texts[1].contains("beatrix") && texts[1].contains("203.0.113.9"));
    let report: serde_json::Value = serde_json::from_str(&texts[0]).unwrap();
    assert_eq!(report["ratings"][0]["stars"], 4);
    assert!(report["last_call_seconds"][0]["rtt_ms"].is_f64(), "{report:#}");
    assert!(
        report["log"][0].as_str().unwrap().contains("login of [name] and [name] from [address]"),
        "{report:#}"
    );
    let ended = "ended server=turn:[address]?transport=udp error=None";
    assert!(report["log"][1].as_str().unwrap().ends_with(ended), "the way to the relay stays: {report:#}");
    ada.does(Command::SaveDiagnostics { file: folder.path().join("no/such/folder.json"), with_names: false });
    ada.until_told("could not be saved");
}

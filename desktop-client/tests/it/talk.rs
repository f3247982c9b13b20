//! What two ends say to each other besides pictures and sound, over a real call.

use crate::support::{Guest, PASSWORD, TestServer, config};
use castle_desktop::engine::{EngineConfig, Viewer};
use castle_desktop::media::camera::CameraSpec;
use castle_desktop::media::mic::MicSpec;
use castle_desktop::media::speaker::SpeakerSpec;
use castle_desktop::profile::Profile;
use castle_desktop::view::{
    CHAT_BYTES_MAX, Command, DeviceStanding, EndReason, Preferences, Quality, Safety, Secret, Snapshot, Stage,
};
use castle_server::config::MatchRoute;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn server(folder: &tempfile::TempDir) -> TestServer {
    TestServer::start(config(folder.path(), MatchRoute::Direct))
}

/// A guest whose profile lasts.
fn with_profile(name: &str, folder: &Path) -> Guest {
    let config = EngineConfig {
        camera: Some(CameraSpec::default()),
        mic: Some(MicSpec::Tone),
        speaker: Some(SpeakerSpec::Off),
        viewer: Viewer::Bot { reference: None, screen_reference: None },
        profile: Profile::open(folder, false),
        ..EngineConfig::default()
    };
    Guest::of(name, config)
}

fn connect(caller: &Guest, callee: &Guest, name: &str) {
    caller.calls(name);
    callee.until_ringing();
    callee.does(Command::Accept);
    caller.until_connected();
    callee.until_connected();
}

fn safety(guest: &Guest) -> ([String; 4], DeviceStanding) {
    let snapshot = guest.until("words", |snapshot| {
        snapshot.call.as_ref().is_some_and(|call| matches!(call.safety, Safety::Words { .. }))
    });
    match &snapshot.call.as_ref().expect("in a call").safety {
        Safety::Words { words, device } => (words.clone(), *device),
        other => panic!("{other:?}"),
    }
}

fn chat(snapshot: &Snapshot) -> Vec<(bool, &str, bool)> {
    let call = snapshot.call.as_ref().expect("in a call");
    call.chat.iter().map(|line| (line.mine, line.text.as_str(), line.delivered)).collect()
}

#[test]
fn lines_are_written_delivered_and_kept_after_the_call() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder);
    let (ada, bea) = (Guest::online(&server, "ada"), Guest::online(&server, "bea"));
    connect(&ada, &bea, "bea");
    ada.until("a channel", |snapshot| {
        snapshot.call.as_ref().is_some_and(|call| call.safety != Safety::Pending)
    });
    let long = "é".repeat(CHAT_BYTES_MAX / 2);
    ada.does(Command::Chat("hello, Bea \u{1f44b}".into()));
    ada.does(Command::Chat(long.clone()));
    bea.until("both lines", |snapshot| {
        chat(snapshot) == [(false, "hello, Bea \u{1f44b}", true), (false, long.as_str(), true)]
    });
    bea.does(Command::Chat("hello, Ada".into()));
    ada.until("delivered and answered", |snapshot| {
        chat(snapshot).iter().all(|(_, _, delivered)| *delivered) && chat(snapshot).len() == 3
    });
    ada.does(Command::Chat(format!("{long}x")));
    ada.until_told("too long");
    bea.does(Command::HangUp);
    ada.until_ended(EndReason::PeerHungUp);
    assert_eq!(chat(&ada.engine.snapshot()).len(), 3);
}

#[test]
fn both_ends_have_the_same_words_and_know_each_others_device_the_next_time() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder);
    let (at_ada, at_bea) = (folder.path().join("ada"), folder.path().join("bea"));
    let mut seen = Vec::new();
    for standing in [DeviceStanding::First, DeviceStanding::SeenBefore, DeviceStanding::Verified] {
        let (ada, bea) = (with_profile("ada", &at_ada), with_profile("bea", &at_bea));
        for guest in [&ada, &bea] {
            guest.register(&server);
            guest.until("online", |snapshot| snapshot.me.is_some());
        }
        connect(&ada, &bea, "bea");
        let (words, device) = safety(&ada);
        assert_eq!((safety(&bea).0, device), (words.clone(), standing));
        bea.until("reported", |_| bea.engine.record().safety_words == Some(words.clone()));
        assert!(!seen.contains(&words), "each call has its own");
        seen.push(words);
        if standing == DeviceStanding::SeenBefore {
            ada.does(Command::Compared { same: true });
            ada.until("verified", |snapshot| {
                let safety = snapshot.call.as_ref().map(|call| &call.safety);
                matches!(safety, Some(Safety::Words { device: DeviceStanding::Verified, .. }))
            });
        }
    }
    let text = std::fs::read_to_string(at_ada.join("identity.json")).unwrap();
    assert!(text.contains("\"verified\": true"), "{text}");
}

#[test]
fn words_that_differ_end_the_call_and_take_the_trust_back() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder);
    let (ada, bea) = (Guest::online(&server, "ada"), Guest::online(&server, "bea"));
    let again = || {
        connect(&ada, &bea, "bea");
        safety(&ada).1
    };
    let back = || {
        bea.until_stage("ended", |stage| matches!(stage, Stage::Ended { .. }));
        for guest in [&ada, &bea] {
            guest.does(Command::CloseCall);
            guest.until("back in the hall", |snapshot| snapshot.call.is_none());
        }
    };
    assert_eq!(again(), DeviceStanding::First);
    ada.does(Command::Compared { same: true });
    ada.does(Command::HangUp);
    back();
    assert_eq!(again(), DeviceStanding::Verified);
    ada.does(Command::Compared { same: false });
    ada.until_ended(EndReason::HungUp);
    ada.until_told("somebody may stand between");
    back();
    assert_ne!(again(), DeviceStanding::Verified, "the trust is gone");
}

#[test]
fn with_push_to_talk_nobody_is_heard_before_the_key_is_held() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder);
    let media = EngineConfig {
        camera: Some(CameraSpec::default()),
        mic: Some(MicSpec::Tone),
        speaker: Some(SpeakerSpec::Off),
        ..EngineConfig::default()
    };
    let (ada, bea) = (Guest::online(&server, "ada"), Guest::of("bea", media));
    bea.register(&server);
    let by_key = Preferences { push_to_talk: true, ring: false, ..Preferences::default() };
    bea.does(Command::SetPreferences(Box::new(by_key)));
    bea.until("online", |snapshot| snapshot.me.is_some() && snapshot.preferences.push_to_talk);
    connect(&ada, &bea, "bea");
    let muted = |snapshot: &Snapshot| snapshot.call.as_ref().is_some_and(|call| call.peer_muted);
    ada.until("bea muted", muted);
    assert!(bea.engine.snapshot().call.as_ref().is_some_and(|call| call.muted));
    bea.does(Command::SetMuted(false));
    ada.until("bea heard", |snapshot| !muted(snapshot));
}

#[test]
fn a_media_thread_that_breaks_ends_neither_the_call_nor_the_session() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder);
    let media = EngineConfig {
        camera: Some(CameraSpec::default()),
        mic: Some(MicSpec::Tone),
        speaker: Some(SpeakerSpec::Off),
        ..EngineConfig::default()
    };
    // As the program does when it starts.
    castle_desktop::crash::install();
    let (ada, bea) = (Guest::online(&server, "ada"), Guest::of("bea", media));
    bea.register(&server);
    bea.until("online", |snapshot| snapshot.me.is_some());
    let broken = Arc::<AtomicBool>::default();
    let breaks = broken.clone();
    bea.engine.remote_frames().on_new(move || {
        let of_engine = std::thread::current().name().is_some_and(|name| name.starts_with("engine"));
        assert!(of_engine || breaks.swap(true, Ordering::Relaxed), "as this test wants it, once");
    });
    connect(&ada, &bea, "bea");
    bea.until("broken", |_| broken.load(Ordering::Relaxed));
    bea.until_told("Something inside the app broke");
    ada.does(Command::Chat("are you there?".into()));
    bea.until("the line", |snapshot| chat(snapshot) == [(false, "are you there?", true)]);
    ada.until_seeing();
    bea.does(Command::HangUp);
    ada.until_ended(EndReason::PeerHungUp);
    bea.does(Command::CloseCall);
    ada.does(Command::CallAgain);
    bea.until_ringing();
    bea.does(Command::Accept);
    bea.until_connected();
    let frames = bea.engine.remote_frames();
    bea.until("pictures again", |_| frames.take().is_some());
}

#[test]
fn a_call_has_a_quality_and_its_last_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder);
    let (ada, bea) = (Guest::online(&server, "ada"), Guest::online(&server, "bea"));
    connect(&ada, &bea, "bea");
    ada.until("figures of several seconds", |snapshot| {
        snapshot
            .call
            .as_ref()
            .is_some_and(|call| call.stats_history.len() >= 3 && call.quality != Quality::Unknown)
    });
    bea.does(Command::SetCamera(false));
    ada.until("no frozen picture without a camera", |snapshot| {
        snapshot.call.as_ref().is_some_and(|call| !call.peer_camera_on && call.frozen.is_none())
    });
}

#[test]
fn who_has_no_camera_is_seen_as_having_it_off_and_can_talk_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder);
    let gone = CameraSpec::File(folder.path().join("gone.y4m"));
    let media = EngineConfig {
        camera: Some(gone),
        mic: Some(MicSpec::Tone),
        speaker: Some(SpeakerSpec::Off),
        viewer: Viewer::Bot { reference: None, screen_reference: None },
        ..EngineConfig::default()
    };
    let (ada, bea) = (Guest::online(&server, "ada"), Guest::of("bea", media));
    bea.register(&server);
    bea.until("online", |snapshot| snapshot.me.is_some());
    connect(&ada, &bea, "bea");
    ada.until("told that there is no camera", |snapshot| {
        snapshot.call.as_ref().is_some_and(|call| !call.peer_camera_on && call.frozen.is_none())
    });
    let told = bea.until("told why", |snapshot| snapshot.devices.camera_fault.is_some());
    let fault = told.devices.camera_fault.as_ref().unwrap();
    assert!(fault.contains("gone.y4m") && fault.ends_with("The call goes on without it."), "{fault}");
    assert!(told.call.as_ref().unwrap().camera_on, "what was switched stays as it is");
}

#[test]
fn a_login_is_remembered_forgotten_and_lost() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder);
    let profile = folder.path().join("ada");
    let remember = |guest: &Guest, remember| {
        let (server, name, password) = (server.url(), "ada".to_owned(), Secret(PASSWORD.into()));
        guest.does(Command::LogIn { server, name, password, remember });
        guest.until("online", |snapshot| snapshot.me.is_some());
    };
    let again = |guest: &Guest| {
        guest.does(Command::LogInRemembered { server: server.url(), name: "ada".into() });
    };
    Guest::online(&server, "ada");
    let ada = with_profile("ada", &profile);
    remember(&ada, true);
    drop(ada);
    // Each start uses the key and gets the next.
    for _ in 0..3 {
        let ada = with_profile("ada", &profile);
        ada.until("known", |snapshot| {
            snapshot.servers.len() == 1 && snapshot.servers[0].remembered && snapshot.servers[0].name == "ada"
        });
        again(&ada);
        ada.until("online", |snapshot| snapshot.me.is_some());
    }
    let keys = || std::fs::read_to_string(profile.join("logins.json")).unwrap_or_default();
    let old = ["logins.json", "servers.json"].map(|file| (file, std::fs::read(profile.join(file)).unwrap()));
    let ada = with_profile("ada", &profile);
    again(&ada);
    ada.until("online", |snapshot| snapshot.me.is_some());
    ada.does(Command::LogOut);
    ada.until("the key gone", |snapshot| snapshot.me.is_none() && !snapshot.servers[0].remembered);
    again(&ada);
    ada.until_told("Your login has ended");
    drop(ada);
    assert!(!keys().contains("refresh_token"), "{}", keys());

    // A key that somebody else used, or that the server ended, is told and thrown away.
    for (file, content) in old {
        std::fs::write(profile.join(file), content).unwrap();
    }
    let ada = with_profile("ada", &profile);
    again(&ada);
    ada.until("told", |snapshot| snapshot.notices.iter().any(|notice| notice.text.contains("og in again")));
    ada.until("the key gone", |snapshot| !snapshot.servers[0].remembered);
    ada.does(Command::ForgetServer { server: server.url(), name: "ada".into() });
    ada.until("forgotten", |snapshot| snapshot.servers.is_empty());
    drop(ada);
    assert!(!keys().contains("refresh_token"), "{}", keys());
}

//! Two bots hold a call over a real server, and their reports are complete.

use crate::support::{PASSWORD, TestServer, config};
use castle_desktop::bot::{self, BotOptions, Errand, Outcome};
use castle_desktop::media::camera::CameraSpec;
use castle_desktop::media::mic::MicSpec;
use castle_desktop::media::speaker::SpeakerSpec;
use castle_desktop::view::Secret;
use castle_server::config::MatchRoute;
use std::time::{Duration, Instant};

fn options(server: &TestServer, name: &str, errand: Errand) -> BotOptions {
    BotOptions {
        server: server.url(),
        name: name.into(),
        password: Secret(PASSWORD.into()),
        invitation: Some(server.invitation.clone()),
        errand,
        camera: CameraSpec::default(),
        screen: None,
        mic: MicSpec::Tone,
        speaker: SpeakerSpec::Off,
        duration: Duration::from_secs(4),
        relay_only: false,
        reference: Some(CameraSpec::default()),
        screen_reference: None,
    }
}

fn both(one: BotOptions, other: BotOptions) -> (Outcome, Outcome) {
    let other = std::thread::spawn(move || bot::run(other, Instant::now()));
    let one = bot::run(one, Instant::now());
    (one, other.join().expect("a bot does not panic"))
}

#[test]
fn matched_bots_report_a_whole_call() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(folder.path(), MatchRoute::Relay));
    let errand = || Errand::Match { tags: vec!["chess".into()] };
    let (ada, bea) = both(options(&server, "ada", errand()), options(&server, "bea", errand()));
    assert!(ada.report.safety_words.is_some());
    assert_eq!(ada.report.safety_words, bea.report.safety_words, "nobody is between them");
    for (outcome, peer) in [(&ada, "bea"), (&bea, "ada")] {
        let report = &outcome.report;
        println!("{}", serde_json::to_string(report).unwrap());
        assert!(outcome.success, "{report:#?}");
        assert_eq!(report.peer.as_deref(), Some(peer));
        assert_eq!(
            (report.route, report.relay_protocol, report.ended),
            (Some("relay"), Some("udp"), Some("hung_up"))
        );
        let ms = &report.ms;
        for time in [ms.login, ms.matched, ms.ice_connected, ms.first_frame_sent, ms.first_frame_shown] {
            assert!(time.is_some_and(|time| time >= 0.0), "{report:#?}");
        }
        assert!(report.video.frames_sent > 10 && report.video.frames_shown > 10, "{report:#?}");
        assert!(
            report.video.glass_to_glass_p50.is_some() && report.video.psnr_db_p50.is_some(),
            "{report:#?}"
        );
        assert!(report.audio.level_db.is_some() && report.network.rtt_ms.is_some(), "{report:#?}");
        assert!(report.errors.is_empty(), "{report:#?}");
    }
    assert_ne!(ada.report.role, bea.report.role);
}

#[test]
fn a_bot_that_nobody_rings_succeeds_and_one_that_finds_nobody_fails() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(folder.path(), MatchRoute::Relay));
    let mut patient = options(&server, "ada", Errand::Answer);
    patient.duration = Duration::from_millis(300);
    let outcome = bot::run(patient, Instant::now());
    assert!(outcome.success && outcome.report.call_id.is_none(), "{outcome:#?}");
    let outcome = bot::run(options(&server, "bea", Errand::Call("zoe".into())), Instant::now());
    assert!(!outcome.success, "{outcome:#?}");
    assert!(outcome.report.errors[0].contains("cannot be reached"), "{outcome:#?}");
}

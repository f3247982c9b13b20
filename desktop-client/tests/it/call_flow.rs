//! Two engines and a real server on loopback: each way a call can go.

use crate::support::{Guest, PASSWORD, TestServer, config, register, without_devices};
use castle_desktop::engine::EngineConfig;
use castle_desktop::media::codec::VideoCodec;
use castle_desktop::media::screen::ScreenSpec;
use castle_desktop::peer::PathRoute;
use castle_desktop::profile::Profile;
use castle_desktop::view::{CheckOutcome, Command, Connection, EndReason, Secret, Stage};
use castle_server::config::{Config, MatchRoute};

fn server(folder: &tempfile::TempDir) -> TestServer {
    TestServer::start(config(folder.path(), MatchRoute::Relay))
}

#[test]
fn a_call_by_name_is_accepted_seen_and_hung_up() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder);
    let (ada, bea) = (Guest::online(&server, "ada"), Guest::online(&server, "bea"));
    ada.until("seeing bea in the hall", |snapshot| snapshot.hall.iter().any(|row| row.name == "bea"));
    ada.calls("bea");
    bea.until_ringing();
    bea.does(Command::Accept);
    ada.until_connected();
    bea.until_connected();
    ada.until_seeing();
    bea.until_seeing();
    bea.does(Command::SetMuted(true));
    ada.until("told that bea is muted", |snapshot| {
        snapshot.call.as_ref().is_some_and(|call| call.peer_muted)
    });
    bea.does(Command::SetCamera(false));
    ada.until("told that bea's camera is off", |snapshot| {
        snapshot.call.as_ref().is_some_and(|call| !call.peer_camera_on)
    });
    assert_eq!(ada.engine.record().path.route, Some(PathRoute::Host));
    ada.does(Command::HangUp);
    ada.until_ended(EndReason::HungUp);
    bea.until_ended(EndReason::PeerHungUp);
}

#[test]
fn a_guest_without_vp8_is_seen_in_h264_whoever_calls_and_shares_a_screen_in_it() {
    const H264: &[VideoCodec] = &[VideoCodec::H264];
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder);
    let ada = Guest::online(&server, "ada");
    let bea = Guest::of("bea", EngineConfig { codecs: Some(H264), ..without_devices() });
    bea.register(&server);
    bea.until("online", |snapshot| matches!(snapshot.connection, Connection::Online { .. }));
    for (caller, called, name) in [(&ada, &bea, "bea"), (&bea, &ada, "ada")] {
        caller.until("seeing them in the hall", |snapshot| snapshot.hall.iter().any(|row| row.name == name));
        caller.calls(name);
        called.until_ringing();
        called.does(Command::Accept);
        for guest in [caller, called] {
            guest.until_connected();
            guest.until_seeing();
            assert_eq!(guest.engine.record().codec, Some(VideoCodec::H264));
            assert_eq!(guest.engine.record().receiver.corrupt_frames, 0);
        }
        caller.until("told what pictures are coded in", |snapshot| {
            let stats = snapshot.call.as_ref().and_then(|call| call.stats);
            stats.is_some_and(|stats| stats.codec == Some("H264"))
        });
        caller.does(Command::ShareScreen(ScreenSpec::Pattern));
        called.until("seeing their screen", |_| called.engine.record().screen_figures.frames_shown > 3);
        caller.until_seeing_more();
        caller.does(Command::HangUp);
        caller.until_ended(EndReason::HungUp);
        called.until_ended(EndReason::PeerHungUp);
        caller.does(Command::CloseCall);
        called.does(Command::CloseCall);
    }
}

#[test]
fn a_call_is_declined_cancelled_and_goes_to_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder);
    let (ada, bea) = (Guest::online(&server, "ada"), Guest::online(&server, "bea"));
    ada.calls("bea");
    bea.until_ringing();
    bea.does(Command::Decline);
    ada.until_ended(EndReason::Declined);
    ada.does(Command::CloseCall);
    bea.does(Command::CloseCall);

    ada.calls("bea");
    bea.until_ringing();
    ada.until_calling();
    ada.does(Command::Cancel);
    bea.until_ended(EndReason::Cancelled);
    ada.until_ended(EndReason::Cancelled);
    ada.does(Command::CloseCall);

    ada.calls("zoe");
    ada.until_told("cannot be reached");
}

#[test]
fn strangers_are_matched_through_the_relay_or_directly_as_the_host_wants() {
    for (match_route, route) in [(MatchRoute::Relay, PathRoute::Relay), (MatchRoute::Direct, PathRoute::Host)]
    {
        let folder = tempfile::tempdir().unwrap();
        let server = TestServer::start(config(folder.path(), match_route));
        let (ada, bea) = (Guest::online(&server, "ada"), Guest::online(&server, "bea"));
        ada.does(Command::Search);
        ada.until("waiting in line", |snapshot| {
            snapshot.search.as_ref().is_some_and(|search| search.position == Some(1))
        });
        bea.does(Command::Search);
        ada.until_connected();
        bea.until_connected();
        ada.until_seeing();
        bea.until_seeing();
        assert_eq!(ada.engine.record().path.route, Some(route));
        assert_eq!(bea.engine.record().path.route, Some(route));
        ada.does(Command::Next);
        bea.until_ended(EndReason::PeerHungUp);
        ada.until("searching again", |snapshot| snapshot.search.is_some());
    }
}

#[test]
fn wrong_words_at_the_door_are_told_in_sentences() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder);
    let ada = Guest::online(&server, "ada");
    drop(ada);
    let ada = Guest::new("ada");
    ada.log_in(&server.url(), "a wrong password");
    ada.until_told("do not match");
    ada.log_in("http://127.0.0.1:1", PASSWORD);
    ada.until_told("no Castle server answers");
    ada.log_in("not an address", PASSWORD);
    ada.until_told("not a server address");
    ada.log_in("http://no-such-host.invalid:50051", PASSWORD);
    ada.until_told("no such server");
    ada.log_in(&server.url().replace("http://", "https://"), PASSWORD);
    ada.until_told("does not encrypt");
    let bea = Guest::new("bea");
    bea.does(register(server.url(), "not-an-invitation", "bea"));
    bea.until_told("invitation");
}

#[test]
fn a_server_that_restarts_is_found_again_and_knows_its_guests() {
    let folder = tempfile::tempdir().unwrap();
    let first = server(&folder);
    let port = first.listening.grpc;
    let (ada, bea) = (Guest::online(&first, "ada"), Guest::online(&first, "bea"));
    first.stop();
    ada.until("reconnecting", |snapshot| matches!(snapshot.connection, Connection::Reconnecting { .. }));
    let mut again = config(folder.path(), MatchRoute::Relay);
    again.listen = port;
    let second = TestServer::start(again);
    for guest in [&ada, &bea] {
        guest.until("online again", |snapshot| matches!(snapshot.connection, Connection::Online { .. }));
    }
    drop(ada);
    let ada = Guest::new("ada");
    ada.log_in(&second.url(), PASSWORD);
    ada.until("logged in again", |snapshot| matches!(snapshot.connection, Connection::Online { .. }));
    bea.calls("ada");
    ada.until_ringing();
    ada.does(Command::Accept);
    bea.until_connected();
}

#[test]
fn a_peer_that_vanishes_is_missed_and_the_call_ends() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder);
    let ada = Guest::online(&server, "ada");
    let bea = Guest::online(&server, "bea");
    ada.calls("bea");
    bea.until_ringing();
    drop(bea);
    ada.until_stage("ended", |stage| matches!(stage, castle_desktop::view::Stage::Ended { .. }));
}

#[test]
fn a_call_that_nobody_answers_times_out_at_both_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path(), MatchRoute::Relay);
    config.hub.lobby.calls.ring_timeout = std::time::Duration::from_millis(500);
    let server = TestServer::start(config);
    let (ada, bea) = (Guest::online(&server, "ada"), Guest::online(&server, "bea"));
    ada.calls("bea");
    ada.until_ended(EndReason::TimedOut);
    bea.until_ended(EndReason::TimedOut);
}

#[test]
fn what_was_switched_off_stays_off_for_the_next_stranger_and_is_on_again_for_a_friend() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(folder.path(), MatchRoute::Direct));
    let ada = Guest::online(&server, "ada");
    let strangers = ["bea", "cleo"].map(|name| Guest::online(&server, name));
    ada.does(Command::Search);
    ada.until("looking", |snapshot| snapshot.search.as_ref().is_some_and(|search| search.camera_on));
    ada.does(Command::SetMuted(true));
    ada.does(Command::SetCamera(false));
    ada.until("switched off before anybody is there", |snapshot| {
        snapshot.search.as_ref().is_some_and(|search| search.muted && !search.camera_on)
    });
    for stranger in &strangers {
        stranger.does(Command::Search);
        ada.until_connected();
        let own = ada.engine.snapshot();
        assert!(own.call.as_ref().is_some_and(|call| call.muted && !call.camera_on), "{own:#?}");
        stranger.until("neither heard nor seen", |snapshot| {
            snapshot.call.as_ref().is_some_and(|call| call.peer_muted && !call.peer_camera_on)
        });
        ada.does(Command::Next);
        ada.until("looking again", |snapshot| {
            snapshot.search.as_ref().is_some_and(|search| search.muted && !search.camera_on)
        });
        stranger.until_ended(EndReason::PeerHungUp);
        stranger.does(Command::CloseCall);
    }
    ada.does(Command::StopSearch);
    ada.until("in the hall", |snapshot| snapshot.search.is_none());
    ada.calls("bea");
    strangers[0].until_ringing();
    let rung = ada.until_stage("calling", |stage| matches!(stage, Stage::Calling { .. }));
    assert!(rung.call.as_ref().is_some_and(|call| !call.muted && call.camera_on));
    ada.does(Command::SetCamera(false));
    ada.until("off before they answer", |snapshot| {
        snapshot.call.as_ref().is_some_and(|call| !call.camera_on)
    });
    strangers[0].does(Command::Accept);
    strangers[0].until("not seen", |snapshot| {
        snapshot.call.as_ref().is_some_and(|call| !call.peer_camera_on && !call.peer_muted)
    });
}

#[test]
fn whoever_declines_is_back_in_the_hall_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder);
    let (ada, bea) = (Guest::online(&server, "ada"), Guest::online(&server, "bea"));
    ada.calls("bea");
    bea.until_ringing();
    bea.does(Command::Decline);
    bea.until("in the hall", |snapshot| snapshot.call.is_none());
    ada.until_ended(EndReason::Declined);
    assert!(bea.engine.snapshot().call.is_none());
}

#[test]
fn a_remembered_login_waits_for_a_server_that_cannot_be_reached_yet() {
    let folder = tempfile::tempdir().unwrap();
    let profile = folder.path().join("ada");
    let guest = || {
        let profile = Profile::open(&profile, false);
        Guest::of("ada", EngineConfig { profile, ..without_devices() })
    };
    let first = server(&folder);
    let (address, url) = (first.listening.grpc, first.url());
    drop(Guest::online(&first, "ada"));
    let ada = guest();
    let (name, password) = ("ada".to_owned(), Secret(PASSWORD.into()));
    ada.does(Command::LogIn { server: url.clone(), name, password, remember: true });
    ada.until("online", |snapshot| snapshot.me.is_some());
    drop(ada);
    first.stop();

    let ada = guest();
    ada.does(Command::LogInRemembered { server: url.clone(), name: "ada".into() });
    ada.until_told("no Castle server answers");
    let waiting = ada.engine.snapshot();
    assert!(matches!(waiting.connection, Connection::LoggingIn { .. }), "{:?}", waiting.connection);
    let _second = TestServer::start(Config { listen: address, ..config(folder.path(), MatchRoute::Relay) });
    let online = ada.until("online by itself", |snapshot| snapshot.me.is_some());
    let past = online.notices.iter().all(|notice| !notice.text.contains("no Castle server answers"));
    assert!(past, "what was wrong is of the past: {:?}", online.notices);
    ada.does(Command::LogOut);
    ada.until("out", |snapshot| snapshot.connection == Connection::LoggedOut);

    // Nobody waits who does not want to.
    let ada = guest();
    ada.log_in("http://127.0.0.1:1", PASSWORD);
    ada.until_told("no Castle server answers");
    ada.until("at the door", |snapshot| snapshot.connection == Connection::LoggedOut);
}

#[test]
fn a_server_is_checked_before_anybody_is_logged_in() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder);
    let ada = Guest::new("ada");
    for (url, outcome) in
        [(server.url(), CheckOutcome::Pass), ("http://127.0.0.1:1".into(), CheckOutcome::Fail)]
    {
        ada.does(Command::CheckServer(url));
        let checked = ada.until("checked", |snapshot| {
            snapshot.checkup.as_ref().is_some_and(|checkup| checkup.done && !checkup.lines.is_empty())
        });
        let lines = &checked.checkup.as_ref().unwrap().lines;
        assert_eq!(lines[0].outcome, outcome, "{lines:?}");
        let any_failed = lines.iter().any(|line| line.outcome == CheckOutcome::Fail);
        assert_eq!(any_failed, outcome == CheckOutcome::Fail, "of relays nothing is known: {lines:?}");
        ada.does(Command::CloseCheckup);
        ada.until("put away", |snapshot| snapshot.checkup.is_none());
    }
    ada.does(Command::CheckServer("not an address".into()));
    ada.until_told("not a server address");
}

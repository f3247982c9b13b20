//! Which settings are accepted.

use super::*;

fn serve(flags: &[&str]) -> Result<Config, ConfigError> {
    let arguments = ["castle-server", "serve"].iter().chain(flags);
    let Command::Serve(args) = Cli::try_parse_from(arguments).unwrap().command else { panic!("not serve") };
    (*args).try_into()
}

#[test]
fn the_defaults_are_those_that_are_documented() {
    let config = serve(&[]).unwrap();
    assert_eq!(config.data_dir, Path::new("./castle-data"));
    assert_eq!(config.listen.to_string(), "127.0.0.1:50051");
    assert_eq!(config.relay.listen, ["127.0.0.1:3478".parse().unwrap()]);
    assert_eq!(config.match_route, MatchRoute::Relay);
    assert_eq!(config.relay.ips[0].bound.to_string(), "127.0.0.1");
    assert!(config.relay.outside.is_empty());
}

#[test]
fn plaintext_off_loopback_has_to_be_said() {
    let refused = serve(&["--listen", "192.0.2.1:50051"]).unwrap_err();
    assert!(refused.0.contains("--plaintext"), "{refused}");
    assert!(serve(&["--listen", "192.0.2.1:50051", "--plaintext"]).is_ok());
    assert!(serve(&["--listen", "[::1]:0"]).is_ok());
}

#[test]
fn an_address_nobody_can_reach_needs_one_that_can_be() {
    let everywhere = ["--listen", "0.0.0.0:50051", "--plaintext"];
    assert!(serve(&everywhere).unwrap_err().0.contains("--public-url"));
    assert!(serve(&[&everywhere[..], &["--public-url", "https://castle.example"]].concat()).is_ok());
    assert!(serve(&["--turn-listen", "0.0.0.0:3478"]).unwrap_err().0.contains("--turn-relay-address"));
    assert!(serve(&["--turn-listen", "0.0.0.0:3478", "--turn-relay-address", "192.0.2.1"]).is_ok());
    assert!(serve(&["--turn-external-ip", "2001:db8::1"]).unwrap_err().0.contains("both"));
    let two = ["--turn-relay-address", "192.0.2.1", "--turn-relay-address", "192.0.2.2"];
    assert!(serve(&two).unwrap_err().0.contains("one IPv4"));
    let outside =
        ["--turn-listen", "0.0.0.0:3478", "--turn-url", "turn:turn.example", "--turn-secret", "north"];
    assert_eq!(
        serve(&outside).unwrap().relay.outside.len(),
        1,
        "and no relay of our own, which needs no address"
    );
}

#[test]
fn limits_that_contradict_each_other_are_refused() {
    for (flags, named) in [
        (vec!["--sdp-bytes", "65536"], "--frame-bytes"),
        (vec!["--candidate-bytes", "65536"], "--frame-bytes"),
        (vec!["--frame-bytes", "262144"], "--unacked-bytes"),
        (vec!["--unacked-bytes", "65536"], "--unacked-bytes"),
    ] {
        let refused = serve(&flags).expect_err("refused").to_string();
        assert!(refused.starts_with(named) && refused.contains("say "), "{flags:?}: {refused}");
    }
    let large = serve(&["--sdp-bytes", "131072", "--frame-bytes", "140000", "--unacked-bytes", "524288"]);
    let large = large.expect("they agree");
    assert_eq!(large.hub.lobby.calls.early_bytes_max, 2 * 131_072, "so much fits in a ring");
}

#[test]
fn links_carry_the_public_url() {
    let link = |url: &str| PublicUrl::parse(url).map(|url| url.invitation_link("CODE"));
    assert_eq!(link("http://127.0.0.1:50051").unwrap(), "castle+plaintext://127.0.0.1:50051/?invite=CODE");
    assert_eq!(link("https://castle.example/").unwrap(), "castle://castle.example:443/?invite=CODE");
    assert_eq!(link("http://[::1]:7").unwrap(), "castle+plaintext://[::1]:7/?invite=CODE");
    for bad in ["castle.example", "ftp://x", "https://", "https://x/path", "https://x?y", ""] {
        assert!(link(bad).is_err(), "{bad}");
    }
}

#[test]
fn times_have_a_unit() {
    assert_eq!(parse_duration("7d"), Ok(Duration::from_hours(7 * 24)));
    assert_eq!(parse_duration("90s"), Ok(Duration::from_secs(90)));
    for bad in ["", "7", "d", "-1d", "7w", "1é", "99999999999999999999d", "9999999999999999d"] {
        assert!(parse_duration(bad).is_err(), "{bad}");
    }
}

#[test]
fn the_command_line_is_consistent() {
    use clap::CommandFactory as _;
    Cli::command().debug_assert();
}

#[test]
fn limits_are_settings() {
    let config = serve(&[]).unwrap();
    let (sessions, defaults) = (&config.hub.sessions, HubConfig::default());
    assert_eq!((sessions.total_max, sessions.per_guest_max), (50_000, 5));
    assert_eq!((sessions.frames_per_second, sessions.frames_burst), (50, 200));
    assert_eq!((sessions.unacked_frames_max, sessions.unacked_bytes_max), (256, 256 * 1024));
    assert_eq!(config.session.sizes, SessionConfig::default().sizes);
    assert_eq!(config.session.hello_timeout, SessionConfig::default().hello_timeout);
    assert_eq!((config.unary_deadline, config.streams_per_connection), (UNARY_DEADLINE, 100));
    assert_eq!(config.hub.lobby.hall.page, defaults.lobby.hall.page);
    let changed = serve(&[
        "--sessions-max=9",
        "--sessions-per-guest=2",
        "--streams-per-connection=7",
        "--frames-per-second=1000",
        "--frames-burst=2000",
        "--unacked-frames=64",
        "--unacked-bytes=65536",
        "--frame-bytes=8192",
        "--sdp-bytes=4096",
        "--candidate-bytes=512",
        "--hall-page=20",
        "--hello-timeout-ms=1500",
        "--unary-deadline-ms=2500",
        "--resume-window-s=60",
        "--keepalive-interval-ms=3000",
        "--keepalive-timeout-ms=2000",
    ])
    .unwrap();
    let sessions = &changed.hub.sessions;
    assert_eq!((sessions.total_max, sessions.per_guest_max), (9, 2));
    assert_eq!((sessions.frames_per_second, sessions.frames_burst), (1000, 2000));
    assert_eq!((sessions.unacked_frames_max, sessions.unacked_bytes_max), (64, 65_536));
    assert_eq!((sessions.resume_window, changed.hub.lobby.hall.page), (Duration::from_secs(60), 20));
    let sizes = changed.session.sizes;
    assert_eq!((sizes.frame, sizes.sdp, sizes.candidate), (8192, 4096, 512));
    assert_eq!(changed.session.hello_timeout, Duration::from_millis(1500));
    assert_eq!(changed.unary_deadline, Duration::from_millis(2500));
    assert_eq!(changed.streams_per_connection, 7);
    let seconds = Duration::from_secs;
    assert_eq!(config.keepalive, Keepalive { interval: seconds(10), timeout: seconds(8) });
    assert_eq!(changed.keepalive, Keepalive { interval: seconds(3), timeout: seconds(2) });
    for nothing in [
        "--sessions-max=0",
        "--unacked-frames=1",
        "--frame-bytes=1",
        "--hall-page=0",
        "--keepalive-interval-ms=0",
        "--keepalive-timeout-ms=99",
    ] {
        assert!(Cli::try_parse_from(["castle-server", "serve", nothing]).is_err(), "{nothing}");
    }
}

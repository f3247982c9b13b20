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

//! Settings of the relay: the embedded one, or others' by their addresses.

use super::ConfigError;
use crate::ice::TurnSecret;
use crate::turn::machine::RelayIp;
use crate::turn::machine::limits::{Limits, Rate};
use crate::turn::peers::Network;
use crate::turn::{Clock, system_clock};
use clap::Args;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Settings of `serve` about the relay.
#[derive(Debug, Clone, Args)]
pub struct RelayArgs {
    /// STUN and TURN listen here (UDP, and TCP at the same port); may be given once for IPv4 and once for IPv6.
    /// Port 0: any free port.
    #[arg(
        long,
        env = "CASTLE_TURN_LISTEN",
        value_name = "ADDRESS:PORT",
        value_delimiter = ',',
        default_value = "127.0.0.1:3478"
    )]
    pub turn_listen: Vec<SocketAddr>,
    /// TURN over TLS listens here too (TCP), for clients that do not name TURN in ALPN as ours do on the port of
    /// --listen; with the certificate of gRPC. Port 0: any free port.
    #[arg(long, env = "CASTLE_TURN_TLS_LISTEN", value_name = "ADDRESS:PORT")]
    pub turn_tls_listen: Option<SocketAddr>,
    /// The relay's sockets are bound to this address of this host; one each for IPv4 and IPv6.
    /// [default: those of --turn-listen]
    #[arg(long, env = "CASTLE_TURN_RELAY_ADDRESS", value_name = "ADDRESS", value_delimiter = ',')]
    pub turn_relay_address: Vec<IpAddr>,
    /// The relay is reached from outside under this address, where a NAT that keeps ports stands before it; one
    /// each for IPv4 and IPv6. [default: those of --turn-relay-address]
    #[arg(long, env = "CASTLE_TURN_EXTERNAL_IP", value_name = "ADDRESS", value_delimiter = ',')]
    pub turn_external_ip: Vec<IpAddr>,
    /// Ports of the relay's sockets, such as 49152-65535: open these in the firewall. [default: any free port]
    #[arg(long, env = "CASTLE_TURN_PORT_RANGE", value_name = "FIRST-LAST", value_parser = port_range)]
    pub turn_port_range: Option<RangeInclusive<u16>>,
    /// Addresses that guests may be relayed to although they are private, such as 10.0.0.0/8; repeatable.
    #[arg(long, env = "CASTLE_TURN_ALLOW_PEER", value_name = "CIDR", value_delimiter = ',')]
    pub turn_allow_peer: Vec<Network>,
    /// Relayed addresses of one guest at once (an allocation of both families has two); one more is refused with 486.
    #[arg(long, env = "CASTLE_TURN_GUEST_ALLOCATIONS", value_name = "N", default_value_t = 24)]
    pub turn_guest_allocations: usize,
    /// Relayed addresses of all guests at once; one more is refused with 508. Each takes a file descriptor.
    #[arg(long, env = "CASTLE_TURN_ALLOCATIONS", value_name = "N", default_value_t = 1000)]
    pub turn_allocations: usize,
    /// What one guest may have relayed, both ways together, kilobits per second; packets beyond it are lost.
    #[arg(long, env = "CASTLE_TURN_GUEST_KBPS", value_name = "KBIT/S", default_value_t = 16_000)]
    pub turn_guest_kbps: u64,
    /// What is relayed in all, kilobits per second; packets beyond it are lost.
    #[arg(long, env = "CASTLE_TURN_KBPS", value_name = "KBIT/S", default_value_t = 1_000_000)]
    pub turn_kbps: u64,
    /// Guests use this TURN server (coturn with use-auth-secret) instead of the embedded one, which is then off:
    /// turn:host:port?transport=udp, …?transport=tcp, turns:host:port; repeatable.
    #[arg(
        long,
        env = "CASTLE_TURN_URL",
        value_name = "URL",
        value_delimiter = ',',
        requires = "turn_secret"
    )]
    pub turn_url: Vec<String>,
    /// The static-auth-secret of --turn-url; one for all of them, or one for each in the same order.
    #[arg(
        long,
        env = "CASTLE_TURN_SECRET",
        value_name = "SECRET",
        value_delimiter = ',',
        requires = "turn_url",
        hide_env_values = true
    )]
    pub turn_secret: Vec<String>,
}

/// What a relay is made from.
#[derive(Debug, Clone)]
pub struct RelaySettings {
    /// UDP, and TCP at the same port.
    pub listen: Vec<SocketAddr>,
    /// TLS, on a port of its own.
    pub tls_listen: Option<SocketAddr>,
    /// Where relayed addresses are.
    pub ips: Vec<RelayIp>,
    /// Their ports.
    pub ports: Option<RangeInclusive<u16>>,
    /// Private networks that may be peers.
    pub allowed_peers: Vec<Network>,
    /// Bounds.
    pub limits: Limits,
    /// Others' servers, which take the place of the embedded one.
    pub outside: Vec<OutsideTurn>,
    /// By which credentials are made and run out.
    pub clock: Clock,
}

/// Somebody else's TURN server.
#[derive(Debug, Clone)]
pub struct OutsideTurn {
    /// Where.
    pub url: TurnUrl,
    /// Its shared secret.
    pub secret: TurnSecret,
}

impl RelaySettings {
    /// One listener for relayed addresses of its own.
    pub fn on(listen: SocketAddr) -> Self {
        Self {
            listen: vec![listen],
            tls_listen: None,
            ips: vec![RelayIp { bound: listen.ip(), shown: listen.ip() }],
            ports: None,
            allowed_peers: Vec::new(),
            limits: Limits::default(),
            outside: Vec::new(),
            clock: system_clock(),
        }
    }
}

impl TryFrom<RelayArgs> for RelaySettings {
    type Error = ConfigError;

    fn try_from(args: RelayArgs) -> Result<Self, ConfigError> {
        let outside = outside(&args.turn_url, &args.turn_secret)?;
        let ips = if outside.is_empty() { relay_ips(&args)? } else { Vec::new() };
        let kbps = |kbps: u64| {
            let per_second = kbps.saturating_mul(125);
            Rate { per_second, burst: per_second.saturating_mul(2) }
        };
        let limits = Limits {
            allocations: args.turn_allocations,
            allocations_per_guest: args.turn_guest_allocations,
            guest_bandwidth: kbps(args.turn_guest_kbps),
            bandwidth: kbps(args.turn_kbps),
            ..Limits::default()
        };
        Ok(Self {
            listen: args.turn_listen,
            tls_listen: args.turn_tls_listen,
            ips,
            ports: args.turn_port_range,
            allowed_peers: args.turn_allow_peer,
            limits,
            outside,
            clock: system_clock(),
        })
    }
}

fn relay_ips(args: &RelayArgs) -> Result<Vec<RelayIp>, ConfigError> {
    let bound: Vec<IpAddr> = if args.turn_relay_address.is_empty() {
        args.turn_listen.iter().map(SocketAddr::ip).collect()
    } else {
        args.turn_relay_address.clone()
    };
    if let Some(listen) = bound.iter().find(|ip| ip.is_unspecified()) {
        return Err(ConfigError(format!(
            "--turn-listen {listen} says no address that peers can reach: name one of this host with \
             --turn-relay-address"
        )));
    }
    for ips in [&bound, &args.turn_external_ip] {
        if ips.iter().filter(|ip| ip.is_ipv4()).count() > 1
            || ips.iter().filter(|ip| ip.is_ipv6()).count() > 1
        {
            return Err(ConfigError("the relay has one IPv4 and one IPv6 address at most".to_owned()));
        }
    }
    if let Some(external) =
        args.turn_external_ip.iter().find(|ip| !bound.iter().any(|b| b.is_ipv4() == ip.is_ipv4()))
    {
        return Err(ConfigError(format!(
            "--turn-external-ip {external} and a relay address must both be IPv4 or both IPv6"
        )));
    }
    let shown = |ip: IpAddr| args.turn_external_ip.iter().find(|external| external.is_ipv4() == ip.is_ipv4());
    Ok(bound.iter().map(|ip| RelayIp { bound: *ip, shown: shown(*ip).copied().unwrap_or(*ip) }).collect())
}

fn outside(urls: &[String], secrets: &[String]) -> Result<Vec<OutsideTurn>, ConfigError> {
    if secrets.len() > 1 && secrets.len() != urls.len() {
        return Err(ConfigError(format!(
            "{} of --turn-url and {} of --turn-secret: give one secret for all, or one for each",
            urls.len(),
            secrets.len()
        )));
    }
    if secrets.iter().any(String::is_empty) {
        return Err(ConfigError("--turn-secret is empty".to_owned()));
    }
    let secrets = secrets.iter().cycle();
    urls.iter()
        .zip(secrets)
        .map(|(url, secret)| Ok(OutsideTurn { url: url.parse()?, secret: TurnSecret::new(secret.as_str()) }))
        .collect()
}

fn port_range(text: &str) -> Result<RangeInclusive<u16>, String> {
    let wrong = || "two ports, the first not above the last, such as 49152-65535".to_owned();
    let (first, last) = text.split_once('-').ok_or_else(wrong)?;
    let (first, last): (u16, u16) = (first.parse().map_err(|_| wrong())?, last.parse().map_err(|_| wrong())?);
    if first == 0 || first > last { Err(wrong()) } else { Ok(first..=last) }
}

/// How a TURN server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnTransport {
    /// Datagrams.
    Udp,
    /// A stream.
    Tcp,
    /// A stream within TLS.
    Tls,
}

/// A TURN URI (RFC 7065) with its port and transport spelled out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnUrl {
    /// Name or address, IPv6 without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Transport.
    pub transport: TurnTransport,
}

impl FromStr for TurnUrl {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let wrong = || {
            ConfigError(format!(
                "--turn-url {text} is not of the form turn:host:port?transport=udp, turn:host:port?transport=tcp \
                 or turns:host:port"
            ))
        };
        let (scheme, rest) = text.split_once(':').ok_or_else(wrong)?;
        let (place, query) = rest.split_once('?').map_or((rest, None), |(place, query)| (place, Some(query)));
        let transport = match (scheme, query) {
            ("turn", None | Some("transport=udp")) => TurnTransport::Udp,
            ("turn", Some("transport=tcp")) => TurnTransport::Tcp,
            ("turns", None | Some("transport=tcp")) => TurnTransport::Tls,
            _ => return Err(wrong()),
        };
        let usual = if transport == TurnTransport::Tls { 5349 } else { 3478 };
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| wrong())?),
            _ => (place, usual),
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let well_formed = match bare {
            Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
            None => {
                !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
            }
        };
        if !well_formed || port == 0 {
            return Err(wrong());
        }
        Ok(Self { host: bare.unwrap_or(host).to_owned(), port, transport })
    }
}

impl std::fmt::Display for TurnUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (scheme, transport) = match self.transport {
            TurnTransport::Udp => ("turn", "udp"),
            TurnTransport::Tcp => ("turn", "tcp"),
            TurnTransport::Tls => ("turns", "tcp"),
        };
        let Self { host, port, .. } = self;
        if host.contains(':') {
            write!(f, "{scheme}:[{host}]:{port}?transport={transport}")
        } else {
            write!(f, "{scheme}:{host}:{port}?transport={transport}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_url_names_host_port_and_transport() {
        for (text, whole) in [
            ("turn:a.example", "turn:a.example:3478?transport=udp"),
            ("turn:a.example:80?transport=tcp", "turn:a.example:80?transport=tcp"),
            ("turns:a.example", "turns:a.example:5349?transport=tcp"),
            ("turns:[2001:db8::1]:443", "turns:[2001:db8::1]:443?transport=tcp"),
            ("turn:[2001:db8::1]", "turn:[2001:db8::1]:3478?transport=udp"),
        ] {
            assert_eq!(text.parse::<TurnUrl>().unwrap().to_string(), whole);
        }
        for wrong in [
            "",
            "turn:",
            "stun:a",
            "turn:a:b",
            "turn:a:0",
            "turn:a?transport=sctp",
            "turn:2001:db8::1:1",
            "turns:a?transport=udp",
        ] {
            assert!(wrong.parse::<TurnUrl>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn each_outside_server_has_its_secret() {
        let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let urls = texts(&["turn:a", "turn:b"]);
        let passwords = |secrets: &[&str]| {
            let all = outside(&urls, &texts(secrets)).unwrap();
            all.iter().map(|one| one.secret.password_for("1:x")).collect::<Vec<_>>()
        };
        let [one, two] = [["s", "s"], ["s", "t"]].map(|secrets| passwords(&secrets));
        assert_eq!(passwords(&["s"]), one);
        assert_ne!(one, two);
        assert!(outside(&urls, &texts(&["s", "t", "u"])).is_err());
        assert!(outside(&urls, &texts(&[""])).is_err());
    }

    #[test]
    fn a_port_range_has_two_ends() {
        assert_eq!(port_range("49152-65535"), Ok(49152..=65535));
        assert_eq!(port_range("5-5"), Ok(5..=5));
        for wrong in ["", "5", "0-5", "6-5", "1-65536", "a-b", "1-2-3"] {
            assert!(port_range(wrong).is_err(), "{wrong:?}");
        }
    }
}

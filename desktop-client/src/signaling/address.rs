//! Where a server is: `https://host:port`, `host:port`, or the invitation link of a host. Pure.

use super::pin::Pin;
use crate::error::ErrorKind;
use castle_connectivity::trust;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The port where a server listens unless told otherwise.
pub const DEFAULT_PORT: u16 = 50051;
/// The port of `https://` where none is said: a proxy's, or a server's that shares it with the relay.
const HTTPS_PORT: u16 = 443;

/// The pin of each server that has one, by its address without anything else.
pub type Pins = BTreeMap<String, String>;

/// Where a server is, how its connection is sealed, and the invitation that the link carried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerAddress {
    tls: bool,
    host: String,
    port: u16,
    pin: Option<Pin>,
    invitation: Option<String>,
}

impl ServerAddress {
    /// The invitation code of the link, if it had one.
    pub fn invitation(&self) -> Option<&str> {
        self.invitation.as_deref()
    }

    /// A name or an address, without brackets.
    pub fn host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether TLS seals the connection.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// The one certificate that the server may show; none: one that an authority vouches for.
    pub fn pin(&self) -> Option<Pin> {
        self.pin
    }

    /// The same for whoever else is met at this host, such as the server's own relay.
    pub fn host_pin(&self) -> Option<trust::Pin> {
        self.pin.map(|pin| trust::Pin { host: self.host().to_owned(), digest: pin.digest() })
    }

    /// Whether the server is on this machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }

    /// With the pin that is remembered for this server, where the address itself carries none.
    #[must_use]
    pub fn or_known_pin(self, known: &Pins) -> Self {
        let remembered = || known.get(&self.to_string()).and_then(|pin| pin.parse().ok());
        Self { pin: self.pin.or_else(remembered).filter(|_| self.tls), ..self }
    }

    /// The address, with its pin if it has one, without the invitation.
    pub fn with_pin(&self) -> String {
        self.pin.map_or_else(|| self.to_string(), |pin| format!("{self}/?pin={pin}"))
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// As the transport wants it, and as people may keep it: without invitation and pin.
impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

impl FromStr for ServerAddress {
    type Err = ErrorKind;

    fn from_str(text: &str) -> Result<Self, ErrorKind> {
        let text = text.trim();
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (Some(scheme.to_ascii_lowercase()), rest),
            None => (None, text),
        };
        let (authority, query) = match rest.split_once('?') {
            Some((authority, query)) => (authority, Some(query)),
            None => (rest, None),
        };
        let (host, port) = host_and_port(authority.strip_suffix('/').unwrap_or(authority))?;
        let of_query = |name: &str| {
            let mut pairs = query.into_iter().flat_map(|query| query.split('&'));
            pairs.find_map(|pair| pair.strip_prefix(name)).filter(|value| !value.is_empty())
        };
        let pin = of_query("pin=").map(Pin::from_str).transpose()?;
        let (tls, default_port) = match scheme.as_deref() {
            Some("http" | "castle+plaintext") => (false, DEFAULT_PORT),
            Some("https" | "castle") => (true, HTTPS_PORT),
            Some(_) => return Err(ErrorKind::BadAddress),
            // A password crosses no network in plaintext unless somebody says so.
            None => (pin.is_some() || !is_loopback(&host), DEFAULT_PORT),
        };
        let invitation = of_query("invite=").map(str::to_owned);
        Ok(Self { tls, host, port: port.unwrap_or(default_port), pin: pin.filter(|_| tls), invitation })
    }
}

fn host_and_port(authority: &str) -> Result<(String, Option<u16>), ErrorKind> {
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((inside, after)) => {
            let ip: IpAddr = inside.parse().map_err(|_| ErrorKind::BadAddress)?;
            (format!("[{ip}]"), after.strip_prefix(':').or((after.is_empty()).then_some("")))
        }
        None => match authority.rsplit_once(':') {
            Some((host, port)) => (host.to_owned(), Some(port)),
            None => (authority.to_owned(), Some("")),
        },
    };
    let port = match port {
        Some("") => None,
        Some(digits) => Some(digits.parse().ok().filter(|port| *port != 0).ok_or(ErrorKind::BadAddress)?),
        None => return Err(ErrorKind::BadAddress),
    };
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let bracketed = host.starts_with('[') && host.ends_with(']'); // read above
    let valid = bracketed || (!host.is_empty() && host.chars().all(name));
    if valid { Ok((host, port)) } else { Err(ErrorKind::BadAddress) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<(String, Option<String>), ErrorKind> {
        text.parse().map(|address: ServerAddress| (address.to_string(), address.invitation))
    }

    #[test]
    fn each_form_of_an_address_names_the_same_server() {
        let same = Ok(("https://castle.example:50051".to_owned(), None));
        for text in ["castle.example", "castle.example:50051", " HTTPS://castle.example:50051/ "] {
            assert_eq!(parse(text), same, "{text}");
        }
        assert_eq!(parse("https://castle.example"), Ok(("https://castle.example:443".into(), None)));
        assert_eq!(parse("http://castle.example"), Ok(("http://castle.example:50051".into(), None)));
        assert_eq!(parse("http://[::1]"), Ok(("http://[::1]:50051".into(), None)));
    }

    #[test]
    fn nothing_crosses_a_network_in_plaintext_unless_it_is_said() {
        for (text, tls) in [
            ("castle.example", true),
            ("192.0.2.1:7", true),
            ("[2001:db8::1]:7", true),
            ("localhost", false),
            ("127.0.0.1:7", false),
            ("[::1]:7", false),
            ("http://192.0.2.1", false),
            ("https://127.0.0.1", true),
        ] {
            assert_eq!(text.parse::<ServerAddress>().map(|address| address.is_tls()), Ok(tls), "{text}");
        }
    }

    #[test]
    fn a_link_brings_its_invitation_and_its_pin() {
        let pin = Pin::of(b"a certificate");
        let link = format!("castle://castle.example:4000/?invite=AB-cd_9&pin={pin}");
        let address: ServerAddress = link.parse().unwrap();
        assert_eq!(address.to_string(), "https://castle.example:4000");
        assert_eq!((address.invitation(), address.pin()), (Some("AB-cd_9"), Some(pin)));
        assert_eq!(address.with_pin().parse(), Ok(ServerAddress { invitation: None, ..address }));
        assert_eq!(parse("castle+plaintext://h:1/?invite="), Ok(("http://h:1".into(), None)));
        let on_loopback: ServerAddress = format!("127.0.0.1:7?pin={pin}").parse().unwrap();
        assert!(on_loopback.is_tls(), "a pin asks for TLS");
        assert_eq!("castle://h:1/?pin=sha256:00".parse::<ServerAddress>(), Err(ErrorKind::BadPin));
    }

    #[test]
    fn a_remembered_pin_serves_its_server_alone() {
        let (pin, other) = (Pin::of(b"one"), Pin::of(b"other"));
        let known = Pins::from([("https://h:1".to_owned(), pin.to_string())]);
        let pin_of = |text: &str| text.parse::<ServerAddress>().unwrap().or_known_pin(&known).pin();
        assert_eq!(pin_of("castle://h:1/?invite=x"), Some(pin));
        assert_eq!(pin_of("https://h:2"), None);
        assert_eq!(pin_of("http://h:1"), None);
        assert_eq!(pin_of(&format!("https://h:1/?pin={other}")), Some(other), "the newer word of the host");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "http://",
            "a b",
            "host:0",
            "host:x",
            "host:99999",
            "ftp://h",
            "[::1",
            "[x]:1",
            "h/path",
            "[::1]x",
        ] {
            assert_eq!(parse(text), Err(ErrorKind::BadAddress), "{text}");
        }
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for (text, loopback) in
            [("localhost", true), ("127.0.0.1", true), ("[::1]:9", true), ("10.0.0.1", false)]
        {
            assert_eq!(text.parse::<ServerAddress>().map(|a| a.is_loopback()), Ok(loopback), "{text}");
        }
    }
}

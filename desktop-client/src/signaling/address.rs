//! Where a server is: `http://host:port`, `host:port`, or the invitation link of a host. Pure.

use crate::error::ErrorKind;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The port where a server listens unless told otherwise.
pub const DEFAULT_PORT: u16 = 50051;

/// Where a server is, and the invitation that the link carried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerAddress {
    host: String,
    port: u16,
    invitation: Option<String>,
}

impl ServerAddress {
    /// The invitation code of the link, if it had one.
    pub fn invitation(&self) -> Option<&str> {
        self.invitation.as_deref()
    }

    /// Whether the server is on this machine.
    pub fn is_loopback(&self) -> bool {
        let bare = self.host.trim_start_matches('[').trim_end_matches(']');
        bare.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

/// As the transport wants it, and as people may keep it: without the invitation.
impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}:{}", self.host, self.port)
    }
}

impl FromStr for ServerAddress {
    type Err = ErrorKind;

    fn from_str(text: &str) -> Result<Self, ErrorKind> {
        let text = text.trim();
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
            None => ("http".to_owned(), text),
        };
        match scheme.as_str() {
            "http" | "castle+plaintext" => {}
            "https" | "castle" => return Err(ErrorKind::NeedsTls),
            _ => return Err(ErrorKind::BadAddress),
        }
        let (authority, query) = match rest.split_once('?') {
            Some((authority, query)) => (authority, Some(query)),
            None => (rest, None),
        };
        let (host, port) = host_and_port(authority.strip_suffix('/').unwrap_or(authority))?;
        let invitation = query
            .and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("invite=")))
            .filter(|code| !code.is_empty())
            .map(str::to_owned);
        Ok(Self { host, port, invitation })
    }
}

fn host_and_port(authority: &str) -> Result<(String, u16), ErrorKind> {
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
        Some("") => DEFAULT_PORT,
        Some(digits) => digits.parse().ok().filter(|port| *port != 0).ok_or(ErrorKind::BadAddress)?,
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
        let same = Ok(("http://castle.example:50051".to_owned(), None));
        let forms = [
            "castle.example",
            "castle.example:50051",
            "http://castle.example:50051/",
            " HTTP://castle.example ",
        ];
        for text in forms {
            assert_eq!(parse(text), same, "{text}");
        }
        assert_eq!(parse("[::1]:7"), Ok(("http://[::1]:7".into(), None)));
        assert_eq!(parse("http://[::1]"), Ok(("http://[::1]:50051".into(), None)));
    }

    #[test]
    fn a_link_brings_its_invitation() {
        let link = "castle+plaintext://127.0.0.1:4000/?invite=AB-cd_9&pin=sha256:00";
        assert_eq!(parse(link), Ok(("http://127.0.0.1:4000".into(), Some("AB-cd_9".into()))));
        assert_eq!(parse("castle+plaintext://h:1/?invite="), Ok(("http://h:1".into(), None)));
    }

    #[test]
    fn what_is_no_address_is_refused_and_encryption_is_named() {
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
        for text in ["https://h", "castle://h:1/?invite=x&pin=sha256:0"] {
            assert_eq!(parse(text), Err(ErrorKind::NeedsTls), "{text}");
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

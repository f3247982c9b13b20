//! STUN and TURN URIs (RFC 7064, RFC 7065). Pure.

use std::fmt;
use std::str::FromStr;

/// What a URI asks of its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// Under which address others see me.
    Stun,
    /// Relaying.
    Turn,
}

/// How the server is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A stream.
    Tcp,
    /// A stream inside TLS.
    Tls,
}

impl Transport {
    /// As W3C `relayProtocol` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }
}

/// One server, as a URI names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServerUri {
    /// What is asked of it.
    pub service: Service,
    /// A name or an address, without brackets.
    pub host: String,
    /// Never 0.
    pub port: u16,
    /// How it is reached.
    pub transport: Transport,
}

/// Why a text is no URI of a STUN or TURN server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// Neither `stun`, `stuns`, `turn` nor `turns`.
    #[error("it does not begin with stun:, turn: or turns:")]
    Scheme,
    /// No host, or a port that is none.
    #[error("its host or port is none")]
    HostOrPort,
    /// A transport that is neither `udp` nor `tcp`, or TLS over datagrams.
    #[error("its transport is not spoken here")]
    Transport,
}

const PORT: u16 = 3478;
const TLS_PORT: u16 = 5349;

impl FromStr for ServerUri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        let (scheme, rest) = text.trim().split_once(':').ok_or(UriError::Scheme)?;
        let (authority, query) =
            rest.split_once('?').map_or((rest, None), |(host, query)| (host, Some(query)));
        let over = query.and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("transport=")));
        let (service, secure) = match scheme.to_ascii_lowercase().as_str() {
            "stun" => (Service::Stun, false),
            "stuns" => (Service::Stun, true),
            "turn" => (Service::Turn, false),
            "turns" => (Service::Turn, true),
            _ => return Err(UriError::Scheme),
        };
        let transport = match (secure, over) {
            (false, None | Some("udp")) => Transport::Udp,
            (false, Some("tcp")) => Transport::Tcp,
            (true, None | Some("tcp")) => Transport::Tls,
            _ => return Err(UriError::Transport),
        };
        let (host, port) = match authority.strip_prefix('[') {
            Some(inside) => {
                let (host, after) = inside.split_once(']').ok_or(UriError::HostOrPort)?;
                host.parse::<std::net::Ipv6Addr>().map_err(|_| UriError::HostOrPort)?;
                let port = match after.strip_prefix(':') {
                    Some(port) => Some(port),
                    None if after.is_empty() => None,
                    None => return Err(UriError::HostOrPort),
                };
                (host, port)
            }
            None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
        };
        let standard = if secure { TLS_PORT } else { PORT };
        let port = port.map_or(Ok(standard), str::parse).map_err(|_| UriError::HostOrPort)?;
        let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
        if port == 0 || host.is_empty() || !host.chars().all(valid) {
            return Err(UriError::HostOrPort);
        }
        Ok(Self { service, host: host.to_owned(), port, transport })
    }
}

impl fmt::Display for ServerUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match (self.service, self.transport) {
            (Service::Stun, Transport::Tls) => "stuns",
            (Service::Stun, _) => "stun",
            (Service::Turn, Transport::Tls) => "turns",
            (Service::Turn, _) => "turn",
        };
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{scheme}:{open}{}{close}:{}", self.host, self.port)?;
        match (self.service, self.transport) {
            (Service::Turn, Transport::Udp) => f.write_str("?transport=udp"),
            (_, Transport::Tcp) | (Service::Turn, Transport::Tls) => f.write_str("?transport=tcp"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_uri_names_its_server_and_reads_back() {
        for (text, shown) in [
            ("stun:castle.example", "stun:castle.example:3478"),
            ("turn:castle.example", "turn:castle.example:3478?transport=udp"),
            ("turn:10.0.0.1:99?transport=tcp", "turn:10.0.0.1:99?transport=tcp"),
            ("turns:castle.example:443", "turns:castle.example:443?transport=tcp"),
            ("TURNS:castle.example", "turns:castle.example:5349?transport=tcp"),
            ("turn:[2001:db8::1]:3479", "turn:[2001:db8::1]:3479?transport=udp"),
        ] {
            let uri: ServerUri = text.parse().unwrap();
            assert_eq!(uri.to_string(), shown);
            assert_eq!(shown.parse(), Ok(uri));
        }
    }

    #[test]
    fn what_is_no_uri_is_refused() {
        for (text, why) in [
            ("", UriError::Scheme),
            ("http://castle.example", UriError::Scheme),
            ("turn:", UriError::HostOrPort),
            ("turn:h:0", UriError::HostOrPort),
            ("turn:h:70000", UriError::HostOrPort),
            ("turn:[::1", UriError::HostOrPort),
            ("turn:[::1]x", UriError::HostOrPort),
            ("turn:a b", UriError::HostOrPort),
            ("turns:h?transport=udp", UriError::Transport),
            ("turn:h?transport=sctp", UriError::Transport),
        ] {
            assert_eq!(text.parse::<ServerUri>(), Err(why), "{text}");
        }
    }
}

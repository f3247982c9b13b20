//! Settings of the transport: TLS, proxies, browsers, how many connections, metrics and probes.

use super::{ConfigError, PublicUrl};
use crate::transport::{Keepalive, Limits, ProxyHeader, TlsSource, TrustedProxies};
use clap::builder::BoolishValueParser;
use clap::{Args, value_parser};
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use tonic::codegen::http::Uri;

/// What turns the HTTP listener off.
const OFF: &str = "none";

/// Settings of the transport.
#[derive(Debug, Clone, Args)]
pub struct TransportArgs {
    /// The certificate for TLS, PEM: the server's own first, then those that lead to its authority. Read again when
    /// it changes.
    #[arg(long, env = "CASTLE_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// The private key of --tls-cert, PEM.
    #[arg(long, env = "CASTLE_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// TLS with a certificate that the server makes itself and keeps in its data folder. Invitation links carry
    /// its fingerprint, so that guests need no authority to trust it.
    #[arg(long, env = "CASTLE_TLS_SELF_SIGNED", value_parser = BoolishValueParser::new())]
    pub tls_self_signed: bool,
    /// Serves gRPC without TLS on an address that is not loopback: only behind a proxy that ends TLS.
    #[arg(long, env = "CASTLE_PLAINTEXT", value_parser = BoolishValueParser::new())]
    pub plaintext: bool,
    /// Probes (/livez, /readyz) and metrics (/metrics) over plain HTTP. Port 0: any free port; `none`: off.
    #[arg(long, env = "CASTLE_HTTP_LISTEN", value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9464")]
    pub http_listen: String,
    /// Web pages of this origin may call from browsers (gRPC-web), such as `https://app.example`. Can be given
    /// several times; none: no browser is let in.
    #[arg(long = "web-origin", env = "CASTLE_WEB_ORIGIN", value_name = "URL", value_delimiter = ',')]
    pub web_origins: Vec<String>,
    /// A proxy in this network is believed whom it forwards, for the limits per address. Can be given several times.
    #[arg(long = "trusted-proxy", env = "CASTLE_TRUSTED_PROXY", value_name = "CIDR", value_delimiter = ',')]
    pub trusted_proxies: Vec<String>,
    /// The header in which the trusted proxies say whom they forward. The other one is passed on as clients make it up,
    /// and not read.
    #[arg(long, env = "CASTLE_PROXY_HEADER", value_name = "HEADER", value_enum, default_value_t)]
    pub proxy_header: ProxyHeader,
    /// TCP connections in total, of guests and proxies.
    #[arg(long, env = "CASTLE_CONNECTIONS_MAX", value_name = "N", default_value_t = Limits::default().total)]
    pub connections_max: usize,
    /// TCP connections from one address (of IPv6: one /64). Trusted proxies are not bound by it.
    #[arg(
        long,
        env = "CASTLE_CONNECTIONS_PER_ADDRESS",
        value_name = "N",
        default_value_t = Limits::default().per_address
    )]
    pub connections_per_address: usize,
    /// A connection is asked this often whether it lives (HTTP/2 PING), milliseconds. With the time to answer: how soon a
    /// pulled cable is noticed.
    #[arg(long, env = "CASTLE_KEEPALIVE_INTERVAL_MS", value_name = "MS",
          default_value_t = Keepalive::default().interval.as_millis() as u64,
          value_parser = value_parser!(u64).range(100..=600_000))]
    pub keepalive_interval_ms: u64,
    /// A connection that has not answered after this is closed, milliseconds.
    #[arg(long, env = "CASTLE_KEEPALIVE_TIMEOUT_MS", value_name = "MS",
          default_value_t = Keepalive::default().timeout.as_millis() as u64,
          value_parser = value_parser!(u64).range(100..=600_000))]
    pub keepalive_timeout_ms: u64,
}

/// The same, checked.
pub(super) struct Transport {
    pub(super) tls: Option<TlsSource>,
    pub(super) connections: Limits,
    pub(super) keepalive: Keepalive,
    pub(super) http_listen: Option<SocketAddr>,
    pub(super) web_origins: Vec<String>,
    pub(super) trusted_proxies: TrustedProxies,
}

impl TransportArgs {
    pub(super) fn check(
        self,
        listen: SocketAddr,
        public_url: Option<&PublicUrl>,
    ) -> Result<Transport, ConfigError> {
        let tls = match (self.tls_cert, self.tls_key, self.tls_self_signed) {
            (Some(cert), Some(key), false) => Some(TlsSource::Files { cert, key }),
            (None, None, true) => Some(TlsSource::SelfSigned),
            (None, None, false) => None,
            (Some(_), Some(_), true) => {
                return refuse("--tls-self-signed and --tls-cert exclude each other".into());
            }
            _ => return refuse("--tls-cert and --tls-key belong together".into()),
        };
        if tls.is_some() && self.plaintext {
            return refuse("--plaintext and TLS exclude each other: leave one out".into());
        }
        if tls.is_some() && public_url.is_some_and(|url| !url.is_tls()) {
            return refuse("--public-url says http:// and the server speaks TLS: say https://".into());
        }
        if tls.is_none() && !self.plaintext && !listen.ip().is_loopback() {
            return refuse(format!(
                "--listen {listen} is not loopback, and passwords would cross the network in plaintext: give a \
                 certificate with --tls-cert and --tls-key, or say --tls-self-signed; or put a proxy that ends TLS \
                 before it and say --plaintext; or listen on 127.0.0.1"
            ));
        }
        if self.connections_max == 0 || self.connections_per_address == 0 {
            return refuse("--connections-max and --connections-per-address must be at least 1".into());
        }
        let trusted: Result<_, _> = self.trusted_proxies.iter().map(|text| network(text)).collect();
        let origins: Result<_, _> = self.web_origins.iter().map(|text| origin(text)).collect();
        Ok(Transport {
            tls,
            connections: Limits {
                total: self.connections_max,
                per_address: self.connections_per_address,
                ..Limits::default()
            },
            keepalive: Keepalive {
                interval: Duration::from_millis(self.keepalive_interval_ms),
                timeout: Duration::from_millis(self.keepalive_timeout_ms),
            },
            http_listen: http_listen(&self.http_listen)?,
            web_origins: origins?,
            trusted_proxies: TrustedProxies { networks: trusted?, header: self.proxy_header },
        })
    }
}

fn refuse<T>(why: String) -> Result<T, ConfigError> {
    Err(ConfigError(why))
}

fn http_listen(text: &str) -> Result<Option<SocketAddr>, ConfigError> {
    if text.is_empty() || text.eq_ignore_ascii_case(OFF) {
        return Ok(None);
    }
    let address = text.parse().map_err(|_| {
        ConfigError(format!("--http-listen {text} is neither an address with a port nor `{OFF}`"))
    })?;
    Ok(Some(address))
}

/// A network, or one address.
fn network(text: &str) -> Result<IpNet, ConfigError> {
    let text = text.trim();
    text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map_err(|_| {
        ConfigError(format!("--trusted-proxy {text} is no network such as 10.0.0.0/8, and no address"))
    })
}

/// Scheme, host and port as a browser sends them in `Origin`.
fn origin(text: &str) -> Result<String, ConfigError> {
    let wrong =
        || ConfigError(format!("--web-origin {text} is not of the form https://host or http://host:port"));
    let uri: Uri = text.trim().parse().map_err(|_| wrong())?;
    let scheme = uri.scheme_str().filter(|scheme| ["http", "https"].contains(scheme)).ok_or_else(wrong)?;
    let authority =
        uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or_else(wrong)?;
    if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
        return Err(wrong());
    }
    Ok(format!("{scheme}://{authority}").to_ascii_lowercase())
}

//! Settings: flags, environment variables `CASTLE_…` and lines of `.env`, in that order of precedence.
//!
//! Owns the command line, its help and which settings contradict each other. Never opens or binds anything.

mod accounts;
mod commands;
mod limits;
pub mod relay;
mod store_url;
mod transport;

pub use accounts::AccountsArgs;
pub use commands::{
    AuditCommand, AuditListArgs, GuestArgs, GuestBanArgs, GuestCommand, InviteCommand, InviteCreateArgs,
    InviteRevokeArgs, ListArgs, ReportCommand, ReportListArgs, ReportResolveArgs,
};
pub use limits::LimitsArgs;
pub use store_url::StoreUrl;
pub use transport::TransportArgs;

use self::relay::{RelayArgs, RelaySettings};
use crate::accounts::AccountsConfig;
use crate::hub::HubConfig;
use crate::moderation::INVITATION_TTL;
use crate::passwords::HashingConfig;
use crate::session::SessionConfig;
use crate::throttle::Allowance;
use crate::throttle::{READS, WRITES};
use crate::token::ACCESS_TTL;
use crate::transport::accept::OPENING_TIMEOUT;
use crate::transport::{Keepalive, Limits, TlsSource, TrustedProxies};
use castle::limits::UNARY_DEADLINE;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The self-hosted one-to-one video chat: signaling, lobby, matchmaking and relay in one program.
///
/// Every setting is a flag, an environment variable and a line of a file `.env` in the working directory; the
/// flag wins over the variable, the variable over the file. Exit codes: 0 fine, 1 failed, 2 wrong usage, 64 wrong
/// configuration.
#[derive(Debug, Parser)]
#[command(name = "castle-server", version, max_term_width = 110)]
pub struct Cli {
    /// What to log, to standard error: a level, or levels by module as in RUST_LOG.
    #[arg(long, global = true, env = "CASTLE_LOG", value_name = "FILTER")]
    pub log: Option<String>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs the server until SIGTERM or SIGINT; a second signal ends it at once.
    Serve(Box<ServeArgs>),
    /// Invitations: how guests get in.
    #[command(subcommand)]
    Invite(InviteCommand),
    /// Guests: who has an account, and who may come in.
    #[command(subcommand)]
    Guest(GuestCommand),
    /// Reports that guests filed about guests.
    #[command(subcommand)]
    Report(ReportCommand),
    /// The log of what admins and the host did.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Checks settings, store, gRPC, certificates, clock and relay as guests meet them, and says what to change.
    ///
    /// Takes the settings of `serve`; asks the running server for the very credentials that guests get. Exits 1 when
    /// anything failed.
    Doctor(Box<ServeArgs>),
    /// Keys that sign access tokens.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Copies the whole store into a file, also while a server runs. The file holds password hashes and signing keys.
    Backup(BackupArgs),
    /// Puts the store of a backup in the place of the one that is there, which is kept beside it. Everybody has to log
    /// in again. Refused while a server runs.
    Restore(RestoreArgs),
    /// Copies the whole store, with what else a server needs of its data folder, to another place and leaves the old one
    /// as it is. Nobody has to log in again. Refused while a server runs.
    Migrate(MigrateArgs),
}

/// Where the store is.
#[derive(Debug, Clone, Args)]
pub struct DataArgs {
    /// Folder for everything that lasts; made with access for its owner only. One server at a time.
    #[arg(long, env = "CASTLE_DATA_DIR", value_name = "DIR", default_value = "./castle-data")]
    pub data_dir: PathBuf,
}

/// Settings of `serve`.
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// Where the data is.
    #[command(flatten)]
    pub data: DataArgs,
    /// gRPC listens here (TCP). Port 0: any free port.
    #[arg(long, env = "CASTLE_LISTEN", value_name = "ADDRESS:PORT", default_value = "127.0.0.1:50051")]
    pub listen: SocketAddr,
    /// How guests reach this server: what invitation links carry, and the host of the relay that guests are
    /// given. `http://` where a guest speaks plaintext to it, `https://` with TLS, here or in a proxy.
    /// [default: the address of --listen]
    #[arg(long, env = "CASTLE_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,
    /// Route of the media between strangers who were matched: `relay` hides their addresses from each other.
    #[arg(long, env = "CASTLE_MATCH_ROUTE", value_name = "ROUTE", value_enum, default_value_t = MatchRoute::Relay)]
    pub match_route: MatchRoute,
    /// The relay.
    #[command(flatten)]
    pub relay: RelayArgs,
    /// Who may register, what passwords cost.
    #[command(flatten)]
    pub accounts: AccountsArgs,
    /// TLS, proxies, browsers, connections, metrics.
    #[command(flatten)]
    pub transport: TransportArgs,
    /// How much a session, a guest and this server may hold.
    #[command(flatten)]
    pub limits: LimitsArgs,
    /// Prints one JSON object once it serves, instead of lines for people.
    #[arg(long)]
    pub json: bool,
}

/// Commands about signing keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Lists the keys that verify, newest first.
    List(KeyArgs),
    /// Makes a new key that signs from now on; the old one verifies until its tokens have expired (15 min).
    Rotate(KeyArgs),
}

/// Settings of `key list` and `key rotate`.
#[derive(Debug, Args)]
pub struct KeyArgs {
    /// Where the data is.
    #[command(flatten)]
    pub data: DataArgs,
    /// Prints JSON: id, created_at, signs, verifies_until; of `list` an array.
    #[arg(long)]
    pub json: bool,
}

/// Settings of `backup`.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// Where the data is.
    #[command(flatten)]
    pub data: DataArgs,
    /// The file to write, readable by its owner alone. One that is there is replaced when the new one is whole.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Prints one JSON object: file, bytes, rows, schema, made_at, sha256.
    #[arg(long)]
    pub json: bool,
}

/// Settings of `restore`.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// Where the data is to be.
    #[command(flatten)]
    pub data: DataArgs,
    /// A file that `backup` wrote.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Prints one JSON object: rows, made_at, kept, sha256.
    #[arg(long)]
    pub json: bool,
}

/// Settings of `migrate`.
#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// Where the data is.
    #[command(flatten)]
    pub data: DataArgs,
    /// Where it is to go. `sled:///absolute/dir`: a data folder, for `serve --data-dir /absolute/dir`, that is not there
    /// yet or empty. The path is taken as it is, without percent-encoding.
    #[arg(long, value_name = "URL")]
    pub to: StoreUrl,
    /// Prints one JSON object: to, data_dir, rows, schema, sha256.
    #[arg(long)]
    pub json: bool,
}

/// Route of the media between matched strangers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MatchRoute {
    /// Through the relay alone.
    Relay,
    /// Directly where possible.
    Direct,
}

/// Settings that cannot be served. Exit code 64.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct ConfigError(pub String);

/// What a server is made from.
#[derive(Debug, Clone)]
pub struct Config {
    /// Everything that lasts.
    pub data_dir: PathBuf,
    /// gRPC, TCP.
    pub listen: SocketAddr,
    /// How guests reach it; none: the address of `listen`.
    pub public_url: Option<PublicUrl>,
    /// Route between matched strangers.
    pub match_route: MatchRoute,
    /// STUN and TURN.
    pub relay: RelaySettings,
    /// Where the certificate comes from; none: plaintext.
    pub tls: Option<TlsSource>,
    /// Bounds of TCP connections.
    pub connections: Limits,
    /// How connections are asked whether they live.
    pub keepalive: Keepalive,
    /// From the accept of a connection to its first request.
    pub opening_timeout: Duration,
    /// Probes and metrics over HTTP; none: not at all.
    pub http_listen: Option<SocketAddr>,
    /// Web pages of these origins may call from browsers.
    pub web_origins: Vec<String>,
    /// Networks whose word is taken for whom they forward.
    pub trusted_proxies: TrustedProxies,
    /// Times and bounds of hall, calls, queue and sessions. `match_route` above decides over the one in here.
    pub hub: HubConfig,
    /// Times and bounds of Signal streams.
    pub session: SessionConfig,
    /// Who may register, what passwords cost, how many wrong ones are allowed.
    pub accounts: AccountsConfig,
    /// Unary calls end after this.
    pub unary_deadline: Duration,
    /// How long an access token is good.
    pub access_ttl: Duration,
    /// Streams of one connection.
    pub streams_per_connection: u32,
    /// How many writes one guest may ask for.
    pub writes: Allowance,
    /// How many lists one guest may read.
    pub reads: Allowance,
}

/// Streams of one connection: a guest has two, a proxy in front has those of all its guests on many connections.
const STREAMS_PER_CONNECTION: u32 = 100;

impl Config {
    /// Everything on loopback at free ports, data in `dir`, passwords hashed cheaply.
    pub fn for_test(dir: &Path) -> Self {
        let any = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0);
        Self {
            data_dir: dir.to_owned(),
            listen: any,
            public_url: None,
            match_route: MatchRoute::Relay,
            relay: RelaySettings::on(any),
            tls: None,
            connections: Limits::default(),
            keepalive: Keepalive::default(),
            opening_timeout: OPENING_TIMEOUT,
            http_listen: Some(any),
            web_origins: Vec::new(),
            trusted_proxies: TrustedProxies::default(),
            hub: HubConfig::default(),
            session: SessionConfig::default(),
            accounts: AccountsConfig { hashing: HashingConfig::cheap(), ..AccountsConfig::default() },
            unary_deadline: UNARY_DEADLINE,
            access_ttl: ACCESS_TTL,
            streams_per_connection: STREAMS_PER_CONNECTION,
            reads: READS,
            writes: WRITES,
        }
    }
}

impl TryFrom<ServeArgs> for Config {
    type Error = ConfigError;

    fn try_from(args: ServeArgs) -> Result<Self, ConfigError> {
        let public_url = args.public_url.as_deref().map(PublicUrl::parse).transpose()?;
        let transport = args.transport.check(args.listen, public_url.as_ref())?;
        if args.listen.ip().is_unspecified() && public_url.is_none() {
            return Err(ConfigError(format!(
                "--listen {} says no address that guests can reach: name it with --public-url",
                args.listen
            )));
        }
        let relay = RelaySettings::try_from(args.relay)?;
        if relay.tls_listen.is_some() && transport.tls.is_none() {
            return Err(ConfigError(
                "--turn-tls-listen needs a certificate: give --tls-cert and --tls-key, or --tls-self-signed"
                    .to_owned(),
            ));
        }
        let mut config = Self {
            data_dir: args.data.data_dir,
            listen: args.listen,
            public_url,
            match_route: args.match_route,
            relay,
            tls: transport.tls,
            connections: transport.connections,
            keepalive: transport.keepalive,
            opening_timeout: OPENING_TIMEOUT,
            http_listen: transport.http_listen,
            web_origins: transport.web_origins,
            trusted_proxies: transport.trusted_proxies,
            hub: HubConfig::default(),
            session: SessionConfig::default(),
            accounts: args.accounts.into(),
            unary_deadline: UNARY_DEADLINE,
            access_ttl: ACCESS_TTL,
            streams_per_connection: STREAMS_PER_CONNECTION,
            reads: READS,
            writes: WRITES,
        };
        args.limits.apply(&mut config)?;
        Ok(config)
    }
}

/// How guests reach a server: `http` or `https`, host and optional port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    tls: bool,
    host: String,
    port: u16,
    pin: Option<String>,
}

impl PublicUrl {
    /// Of a listener.
    pub fn of(listen: SocketAddr, tls: bool) -> Self {
        Self { tls, host: host_of(listen.ip()), port: listen.port(), pin: None }
    }

    /// With the fingerprint of the one certificate that guests shall accept there.
    #[must_use]
    pub fn pinned(self, fingerprint: String) -> Self {
        Self { pin: self.tls.then_some(fingerprint), ..self }
    }

    /// That fingerprint, where there is one.
    pub fn pin(&self) -> Option<&str> {
        self.pin.as_deref()
    }

    /// Whether guests reach it by TLS.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// Reads `http://host:port` or `https://host:port`; the port may be left out.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let wrong = || {
            ConfigError(format!("--public-url {text} is not of the form https://host or http://host:port"))
        };
        let uri: tonic::codegen::http::Uri = text.parse().map_err(|_| wrong())?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong()),
        };
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(wrong());
        }
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(wrong)?;
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        Ok(Self { tls, host: host.to_owned(), port, pin: None })
    }

    /// Port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Host name or address, IPv6 in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The link that opens the app with server and code filled in.
    pub fn invitation_link(&self, code: &str) -> String {
        let scheme = if self.tls { "castle" } else { "castle+plaintext" };
        let pin = self.pin.as_ref().map_or_else(String::new, |pin| format!("&pin={pin}"));
        format!("{scheme}://{}:{}/?invite={code}{pin}", self.host, self.port)
    }
}

impl std::fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

/// An address as it stands in a URL.
pub fn host_of(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    }
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("a number and s, m, h or d, such as {}d", INVITATION_TTL.as_secs() / 86_400);
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let count: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    count.checked_mul(seconds).map(Duration::from_secs).ok_or_else(wrong)
}

#[cfg(test)]
mod tests;

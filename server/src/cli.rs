//! What each command does and prints. Owns words and exit codes for people and scripts; no rule.

mod host;
mod moderation;
mod rows;
mod table;

use crate::admin::ReachError;
use crate::config::{Cli, Command, Config, ConfigError, ServeArgs};
use crate::error::Error;
use crate::host::HostError;
use crate::server::{Listening, RunError, Server, StartError};
use crate::store::sled::{MigrateError, RestoreError};
use clap::Parser as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use rows::instant;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use tracing_subscriber::EnvFilter;

const FAILED: u8 = 1;
const WRONG_USAGE: u8 = 2;
const WRONG_CONFIGURATION: u8 = 64;
/// What is logged where nothing else was asked. The STUN codec warns of every malformed packet: whoever can send
/// one could fill the disk.
const DEFAULT_LOG: &str = "info,stun_types=off,sled=warn";

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error("{0}")]
    Config(#[from] ConfigError),
    #[error("{0}")]
    Start(#[from] StartError),
    #[error("{0}")]
    Run(#[from] RunError),
    #[error("{0}")]
    Reach(#[from] ReachError),
    #[error("{}", in_words(.0))]
    Refused(#[from] Status),
    #[error("{0}")]
    Host(#[from] HostError),
    #[error("{0}")]
    Restore(#[from] RestoreError),
    #[error("{0}")]
    Migrate(#[from] MigrateError),
    #[error("{path}: {source}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("{0}")]
    Here(#[from] Error),
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("something is to be changed; see above")]
    Unhealthy,
}

impl CommandError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) => WRONG_CONFIGURATION,
            // A field that is refused was typed here, whoever refused it.
            Self::Refused(status) if status.code() == Code::InvalidArgument => WRONG_USAGE,
            _ => FAILED,
        }
    }
}

fn in_words(status: &Status) -> String {
    let details = status.get_error_details();
    let violations = details.bad_request().map(|bad| &bad.field_violations[..]).unwrap_or_default();
    let mut words = status.message().to_owned();
    for violation in violations {
        words.push_str("; ");
        words.push_str(&violation.field);
        words.push(' ');
        words.push_str(&violation.description);
    }
    words
}

/// Runs the command that `arguments` give, after reading `.env`. To be called before any thread is started.
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    if let Err(error) = dotenvy::from_path(".env")
        && !error.not_found()
    {
        eprintln!("castle-server: .env: {error}");
        return ExitCode::from(WRONG_CONFIGURATION);
    }
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return refuse_arguments(&error, &arguments),
    };
    let filter = cli.log.clone().or_else(|| std::env::var("RUST_LOG").ok());
    let filter = match EnvFilter::try_new(filter.as_deref().unwrap_or(DEFAULT_LOG)) {
        Ok(filter) => filter,
        Err(error) => {
            eprintln!("castle-server: the log filter: {error}");
            return ExitCode::from(WRONG_CONFIGURATION);
        }
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("castle-server: {error}");
            return ExitCode::from(FAILED);
        }
    };
    let done = runtime.block_on(async {
        match cli.command {
            Command::Serve(args) => serve(*args).await,
            Command::Invite(command) => moderation::invite(command).await,
            Command::Guest(command) => moderation::guest(command).await,
            Command::Report(command) => moderation::report(command).await,
            Command::Audit(command) => moderation::audit(command).await,
            Command::Doctor(args) => doctor(*args).await,
            Command::Key(command) => host::key(command).await,
            Command::Backup(args) => host::backup(args).await,
            Command::Restore(args) => host::restore(args).await,
            Command::Migrate(args) => host::migrate(args).await,
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("castle-server: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

/// Prints what is wrong with the arguments. A wrong value that stands in the environment and not on the command
/// line is a wrong configuration; all else is wrong usage (or a wish for help).
fn refuse_arguments(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    if error.print().is_err() {
        return ExitCode::from(FAILED);
    }
    let flag = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(text)) => text.split_whitespace().next().unwrap_or_default(),
        _ => "",
    };
    let on_the_line = arguments
        .iter()
        .any(|argument| argument.to_str().is_some_and(|argument| argument.split('=').next() == Some(flag)));
    let wrong_value = matches!(error.kind(), ErrorKind::ValueValidation | ErrorKind::InvalidValue);
    if wrong_value && flag.starts_with("--") && !on_the_line {
        return ExitCode::from(WRONG_CONFIGURATION);
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(FAILED))
}

async fn serve(args: ServeArgs) -> Result<(), CommandError> {
    let as_json = args.json;
    let config = Config::try_from(args)?;
    let data_dir = config.data_dir.clone();
    let shutdown = CancellationToken::new();
    let force = CancellationToken::new();
    tokio::spawn(watch_signals(
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
        shutdown.clone(),
        force.clone(),
    ));
    let server = Server::bind(config).await?;
    let data_dir = std::fs::canonicalize(&data_dir).unwrap_or(data_dir).display().to_string();
    let listening = server.listening().clone();
    if as_json {
        print(&listening_json(&listening, &data_dir).to_string())?;
    } else {
        print(&listening_lines(&listening, &data_dir))?;
    }
    if !server.has_guests().await? {
        greet_first_host(&server, &data_dir, as_json).await?;
    }
    server.run(shutdown, force).await?;
    Ok(())
}

async fn watch_signals(
    mut terminate: tokio::signal::unix::Signal,
    mut interrupt: tokio::signal::unix::Signal,
    shutdown: CancellationToken,
    force: CancellationToken,
) {
    for token in [shutdown, force] {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        token.cancel();
    }
}

fn listening_json(listening: &Listening, data_dir: &str) -> Value {
    json!({
        "url": listening.url.to_string(),
        "grpc": listening.grpc.to_string(),
        "turn": listening.turn_ways(),
        "http": listening.http.map(|http| http.to_string()),
        "data_dir": data_dir,
        "version": env!("CARGO_PKG_VERSION"),
    })
}

fn listening_lines(listening: &Listening, data_dir: &str) -> String {
    let Listening { grpc, http, fingerprint, url, .. } = listening;
    let mut lines = vec![
        format!("castle-server {} with its data in {data_dir}", env!("CARGO_PKG_VERSION")),
        format!("listening grpc {grpc} (guests use {url})"),
    ];
    let turn = listening.turn_ways();
    let split = turn.iter().filter_map(|listener| listener.split_once(':'));
    lines.extend(split.map(|(transport, address)| format!("listening turn {transport} {address}")));
    lines.extend(http.map(|http| format!("listening http {http} (/metrics, /livez, /readyz)")));
    lines.extend(fingerprint.as_ref().map(|fingerprint| format!("certificate {fingerprint}")));
    let how = if fingerprint.is_some() { "-insecure" } else { "-plaintext" };
    lines.push(format!("try it: grpcurl {how} {grpc} list castle.v1.CastleService"));
    lines.join("\n")
}

/// While nobody has an account: says how somebody gets one, and on a terminal makes the first invitation. In
/// the JSON form standard output carries one object alone, so that this goes to standard error.
async fn greet_first_host(server: &Server, data_dir: &str, as_json: bool) -> Result<(), CommandError> {
    let text = if !as_json && std::io::stdout().is_terminal() {
        let (link, expires_at) = server.first_invitation().await?;
        let until = instant(Some(expires_at.into()));
        format!(
            "nobody has an account yet; the first guest, who becomes admin, opens (once, until {until}):\n{link}"
        )
    } else {
        format!(
            "nobody has an account yet; make the first invitation with:\n\
             castle-server invite create --data-dir {data_dir}"
        )
    };
    if as_json {
        eprintln!("{text}");
        Ok(())
    } else {
        print(&text)
    }
}

async fn doctor(args: ServeArgs) -> Result<(), CommandError> {
    let as_json = args.json;
    let mut findings = Vec::new();
    let mut printed = Ok(());
    let healthy = crate::doctor::run(args, |finding| {
        if as_json {
            findings.push(finding.clone());
        } else if printed.is_ok() {
            printed = print(&castle_connectivity::doctor::line(finding));
        }
    })
    .await;
    printed?;
    if as_json {
        print(&json!({ "healthy": healthy, "findings": findings }).to_string())?;
    }
    if healthy { Ok(()) } else { Err(CommandError::Unhealthy) }
}

/// One line or more on standard output, at once also into a pipe.
fn print(text: &str) -> Result<(), CommandError> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()?;
    Ok(())
}

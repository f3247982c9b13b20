//! What each command does and prints. Owns words and exit codes for people and scripts; no rule.

mod host;

use crate::admin::{Admin, AdminError};
use crate::config::{
    Cli, Command, Config, ConfigError, GuestCommand, GuestListArgs, InviteCommand, InviteCreateArgs,
    PublicUrl, ServeArgs,
};
use crate::error::Error;
use crate::host::HostError;
use crate::server::{Listening, RunError, Server, StartError};
use crate::store::sled::RestoreError;
use castle::v1;
use clap::Parser as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

const FAILED: u8 = 1;
const WRONG_CONFIGURATION: u8 = 64;
/// What is logged where nothing else was asked. The relay's crate calls every stray packet an error: whoever can
/// send a packet could fill the disk.
const DEFAULT_LOG: &str = "info,turn=off,webrtc_util=warn,sled=warn";

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
    Admin(#[from] AdminError),
    #[error("{0}")]
    Host(#[from] HostError),
    #[error("{0}")]
    Restore(#[from] RestoreError),
    #[error("{path}: {source}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("{0}")]
    Here(#[from] Error),
    #[error("{0}")]
    Io(#[from] std::io::Error),
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
            Command::Serve(args) => serve(args).await,
            Command::Invite(InviteCommand::Create(args)) => invite_create(args).await,
            Command::Guest(GuestCommand::List(args)) => guest_list(args).await,
            Command::Key(command) => host::key(command).await,
            Command::Backup(args) => host::backup(args).await,
            Command::Restore(args) => host::restore(args).await,
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("castle-server: {error}");
            ExitCode::from(if matches!(error, CommandError::Config(_)) {
                WRONG_CONFIGURATION
            } else {
                FAILED
            })
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
        "turn": [format!("udp:{}", listening.turn)],
        "http": listening.http.map(|http| http.to_string()),
        "data_dir": data_dir,
        "version": env!("CARGO_PKG_VERSION"),
    })
}

fn listening_lines(listening: &Listening, data_dir: &str) -> String {
    let Listening { grpc, turn, http, fingerprint, url } = listening;
    let mut lines = vec![
        format!("castle-server {} with its data in {data_dir}", env!("CARGO_PKG_VERSION")),
        format!("listening grpc {grpc} (guests use {url})"),
        format!("listening turn udp {turn}"),
    ];
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
        let link = server.first_invitation().await?;
        format!(
            "nobody has an account yet; the first guest, who becomes admin, opens (once, within 24 h):\n{link}"
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

async fn invite_create(args: InviteCreateArgs) -> Result<(), CommandError> {
    let url = PublicUrl::parse(&args.public_url)?;
    let mut admin = Admin::open(&args.data.data_dir, url).await?;
    if args.uses == 0 {
        return Err(Error::field("uses", "must be 1 to 10,000").into());
    }
    if args.expires.is_zero() {
        return Err(Error::field("expires", "must be at least 1s").into());
    }
    let asked = v1::CreateInvitationRequest {
        uses: args.uses,
        expires_in_s: args.expires.as_secs(),
        note: args.note,
        request_id: String::new(),
    };
    let made = admin.create_invitation(asked).await?;
    let expires_at = made.expires_at.map(|at| at.to_string()).unwrap_or_default();
    if args.json {
        return print(
            &json!({
                "id": made.invitation_id,
                "code": made.code,
                "link": made.link,
                "uses": made.uses,
                "expires_at": expires_at,
            })
            .to_string(),
        );
    }
    let guests = if made.uses == 1 { "1 guest".to_owned() } else { format!("{} guests", made.uses) };
    print(&format!("{}\ncode {} for {guests}, until {expires_at}", made.link, made.code))
}

async fn guest_list(args: GuestListArgs) -> Result<(), CommandError> {
    let anywhere = PublicUrl::parse("http://127.0.0.1")?;
    let mut admin = Admin::open(&args.data.data_dir, anywhere).await?;
    let accounts = admin.list_accounts().await?;
    if args.json {
        let rows: Vec<Value> = accounts.iter().map(account_json).collect();
        return print(&Value::from(rows).to_string());
    }
    if std::io::stdout().is_terminal() {
        print(&account_table(&accounts))
    } else {
        let names: Vec<&str> =
            accounts.iter().filter_map(|a| Some(a.guest.as_ref()?.name.as_str())).collect();
        if names.is_empty() { Ok(()) } else { print(&names.join("\n")) }
    }
}

fn role(account: &v1::Account) -> &'static str {
    if account.role() == v1::Role::Admin { "admin" } else { "guest" }
}

fn account_json(account: &v1::Account) -> Value {
    let guest = account.guest.clone().unwrap_or_default();
    json!({
        "id": guest.guest_id,
        "name": guest.name,
        "display_name": guest.display_name,
        "role": role(account),
        "online": account.online,
        "created_at": account.created_at.map(|at| at.to_string()),
        "last_login_at": account.last_login_at.map(|at| at.to_string()),
    })
}

fn account_table(accounts: &[v1::Account]) -> String {
    let mut rows = vec![["NAME", "DISPLAY NAME", "ROLE", "ONLINE", "LAST LOGIN"].map(str::to_owned)];
    rows.extend(accounts.iter().map(|account| {
        let guest = account.guest.clone().unwrap_or_default();
        [
            guest.name,
            guest.display_name,
            role(account).to_owned(),
            if account.online { "yes" } else { "no" }.to_owned(),
            account.last_login_at.map_or_else(|| "never".to_owned(), |at| at.to_string()),
        ]
    }));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths = [0, 1, 2, 3, 4].map(width);
    let lines = rows.iter().map(|row| {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// One line or more on standard output, at once also into a pipe.
fn print(text: &str) -> Result<(), CommandError> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()?;
    Ok(())
}

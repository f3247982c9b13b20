//! Starts castle-desktop: the app, or the bot.

use castle_desktop::app::{self, AppOptions, Wake};
use castle_desktop::bot;
use castle_desktop::cli::{
    self, AppArgs, BotArgs, Cli, Command, DevicesArgs, WRONG_CONFIGURATION, pinned, read_password,
};
use castle_desktop::engine::{Engine, EngineConfig, EngineHandle, Viewer};
use castle_desktop::instance::{self, Instance, Started};
use castle_desktop::listing::Listing;
use castle_desktop::logs::RotatingLog;
use castle_desktop::profile::Profile;
use castle_desktop::view::{self, Prefill};
use castle_desktop::words::{self, say};
use castle_desktop::{crash, notifications, settings, signals};
use clap::Parser as _;
use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Instant;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// What is logged unless `--log` says otherwise: the media stack warns of its own inner workings.
const QUIET_FILTER: &str = "warn,rtc=error,rtc_dtls=error,rtc_ice=error,rtc_interceptor=error,webrtc=off";

/// What the log in the profile's folder holds.
const KEPT_FILTER: &str =
    "warn,castle_desktop=info,rtc=error,rtc_dtls=error,rtc_ice=error,rtc_interceptor=error,webrtc=off";

fn main() -> ExitCode {
    let started = Instant::now();
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let of_person = !cli::is_for_programs(&arguments);
    if let Err(error) = dotenvy::from_path(".env")
        && !error.not_found()
    {
        return wrong_configuration(&format!(".env: {error}"), of_person);
    }
    let Cli { command, log, app } = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // A terminal that is gone needs no words, and the code says the same.
            error.print().ok();
            let code = cli::exit_code(&error, &arguments);
            if of_person && code != 0 {
                tell_misconfigured();
            }
            return ExitCode::from(code);
        }
    };
    let filter = match EnvFilter::try_new(log.as_deref().unwrap_or(QUIET_FILTER)) {
        Ok(filter) => filter,
        Err(error) => return wrong_configuration(&format!("the log filter: {error}"), of_person),
    };
    let folder = match &command {
        Some(Command::Bot(_) | Command::Devices(_)) => None,
        None => app.profile.clone().or_else(settings::user_folder),
    };
    if command.is_none() {
        // Before anything is said to a person, by whomever.
        words::choose(folder.as_deref().and_then(settings::language).as_deref());
    }
    begin_logs(filter, folder.as_deref());
    crash::install();
    let done = match command {
        Some(Command::Bot(args)) => run_bot(&args, started),
        Some(Command::Devices(args)) => list_devices(&args).map(|()| true),
        None => run_app(app, folder).map(|()| true),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("castle-desktop: {error}");
            if of_person && error.is::<WrongPasswordFile>() {
                tell_misconfigured();
            } else if of_person {
                tell_without_terminal(&error.to_string());
            }
            ExitCode::FAILURE
        }
    }
}

/// Tells a person who clicked on something why nothing opens: what stands on standard error they do not see.
fn tell_without_terminal(why: &str) {
    if !std::io::stderr().is_terminal() && !notifications::tell_failure(why) {
        tracing::debug!("the system does not show why the app did not start");
    }
}

/// The same, where what is wrong is for who wrote it: it may quote an invitation.
fn tell_misconfigured() {
    // Whose settings it would be is not known; the user's are likely.
    words::choose(settings::user_folder().as_deref().and_then(settings::language).as_deref());
    tell_without_terminal(say("start-misconfigured"));
}

/// The file with the password says none.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct WrongPasswordFile(String);

/// Where the logs of a profile are.
fn logs_folder(profile: &Path) -> PathBuf {
    profile.join("logs")
}

/// To standard error what `filter` lets through, and to the profile's folder what helps to find out what went wrong.
fn begin_logs(filter: EnvFilter, profile: Option<&Path>) {
    let terminal = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_filter(filter);
    let (file, refused) = match profile.map(|folder| RotatingLog::open(&logs_folder(folder))) {
        Some(Ok(log)) => (Some(log), None),
        Some(Err(error)) => (None, Some(error)),
        None => (None, None),
    };
    let file = file.map(|log| {
        tracing_subscriber::fmt::layer()
            .with_writer(Mutex::new(log))
            .with_ansi(false)
            .with_filter(EnvFilter::new(KEPT_FILTER))
    });
    tracing_subscriber::registry().with(terminal).with(file).init();
    if let Some(error) = refused {
        tracing::warn!(%error, "no log is kept");
    }
}

fn wrong_configuration(what: &str, of_person: bool) -> ExitCode {
    eprintln!("castle-desktop: {what}");
    if of_person {
        tell_misconfigured();
    }
    ExitCode::from(WRONG_CONFIGURATION)
}

fn list_devices(args: &DevicesArgs) -> Result<(), Box<dyn std::error::Error>> {
    let listing = Listing::look();
    if args.json {
        writeln!(std::io::stdout(), "{}", serde_json::to_string(&listing)?)?;
    } else {
        write!(std::io::stdout(), "{}", listing.table())?;
    }
    Ok(())
}

fn run_bot(args: &BotArgs, started: Instant) -> Result<bool, Box<dyn std::error::Error>> {
    let outcome = bot::run(args.options()?, started);
    let json = serde_json::to_string(&outcome.report)?;
    let Some(path) = &args.report else {
        writeln!(std::io::stdout(), "{json}")?;
        return Ok(outcome.success);
    };
    if let Err(error) = std::fs::write(path, format!("{json}\n")) {
        // The call is over and cannot be measured again.
        writeln!(std::io::stdout(), "{json}")?;
        return Err(format!("cannot write the report to {}: {error}", path.display()).into());
    }
    Ok(outcome.success)
}

fn run_app(args: AppArgs, folder: Option<PathBuf>) -> Result<(), Box<dyn std::error::Error>> {
    let Start::Alone(instance) = be_the_only_one(folder.as_deref(), args.link.as_deref())? else {
        return Ok(());
    };
    // A profile that was named has nothing to do with the user's keyring.
    let profile =
        folder.as_deref().map(|folder| Profile::open(folder, args.profile.is_none())).unwrap_or_default();
    let last = profile.servers.get().logins.first().cloned();
    let place = profile.settings.get().window;
    let password = args.password_file.as_deref().map(read_password).transpose();
    let password = password.map_err(|error| WrongPasswordFile(error.to_string()))?;
    // A link says both, whatever the environment says.
    let invitation = args.invite.filter(|_| args.link.is_none());
    let named = args.link.is_some() || args.server.is_some() || args.name.is_some();
    let prefill = Prefill {
        server: args
            .link
            .or(args.server)
            .or(last.as_ref().map(|last| last.server.clone()))
            .map(|server| pinned(server, args.pin)),
        name: args.name.or(last.as_ref().map(|last| last.name.clone())),
        invitation,
    };
    let clicked = notifications::Clicked::default();
    let config = EngineConfig {
        camera: args.camera,
        mic: args.mic,
        speaker: args.speaker,
        search_at_login: args.r#match,
        profile,
        viewer: Viewer::Window,
        notifier: Some(notifications::notifier(clicked.clone())),
        logs: folder.as_deref().map(logs_folder),
        ..EngineConfig::default()
    };
    let wake = Wake::default();
    let engine = Engine::start(config, wake.waker());
    let line = engine.line();
    clicked.get_or_init(|| line.clone());
    let closing = line.clone();
    signals::on_end(move || closing.close());
    if let Some(instance) = &instance {
        instance.listen(move |link| line.call_up(link));
    }
    if let (Some(server), Some(name), Some(password)) = (&prefill.server, &prefill.name, password) {
        log_in(&engine, server.clone(), name.clone(), password, prefill.invitation.clone());
    } else if let Some(last) = last.filter(|last| last.remembered && !named) {
        let command = view::Command::LogInRemembered { server: last.server, name: last.name };
        assert!(engine.send(command), "a new engine takes its first command");
    }
    Ok(app::run(engine, wake, AppOptions { prefill, place, ..AppOptions::default() })?)
}

/// What this start is to be.
enum Start {
    /// The app; with the right to be the only one, unless nobody can tell.
    Alone(Option<Instance>),
    /// Nothing more: another app runs in this profile, and was told.
    Told,
}

/// Finds out whether another app runs in this profile, and tells it.
fn be_the_only_one(folder: Option<&Path>, link: Option<&str>) -> Result<Start, Box<dyn std::error::Error>> {
    let Some(folder) = folder else { return Ok(Start::Alone(None)) };
    match instance::start(folder, link) {
        Ok(Started::First(instance)) => Ok(Start::Alone(Some(instance))),
        Ok(Started::Handed) => Ok(Start::Told),
        Ok(Started::Deaf) => Err(say("start-deaf").into()),
        // A folder that cannot be written keeps nothing, and so has nothing that two could spoil.
        Err(error) => {
            tracing::warn!(%error, "whether another app runs in this profile is not known");
            Ok(Start::Alone(None))
        }
    }
}

fn log_in(
    engine: &EngineHandle,
    server: String,
    name: String,
    password: view::Secret,
    invitation: Option<String>,
) {
    let link = server.contains("invite=");
    let command = match invitation {
        Some(invitation) => view::Command::Register { server, invitation, name, password, remember: false },
        None if link => {
            view::Command::Register { server, invitation: String::new(), name, password, remember: false }
        }
        None => view::Command::LogIn { server, name, password, remember: false },
    };
    assert!(engine.send(command), "a new engine takes its first command");
}

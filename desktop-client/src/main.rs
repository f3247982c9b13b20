//! Starts castle-desktop: the app, or the bot.

use castle_desktop::app::{self, AppOptions, Wake};
use castle_desktop::bot;
use castle_desktop::cli::{self, AppArgs, BotArgs, Cli, Command, WRONG_CONFIGURATION, pinned, read_password};
use castle_desktop::engine::{Engine, EngineConfig, EngineHandle, Viewer};
use castle_desktop::media::camera::{self, CameraSpec};
use castle_desktop::settings::{self, Settings};
use castle_desktop::signaling::{DeviceTokens, ServerAddress};
use castle_desktop::view::{self, Connection, Prefill, Snapshot};
use clap::Parser as _;
use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Instant;
use tokio::sync::watch;

/// What is logged unless `--log` says otherwise: the media stack warns of its own inner workings.
const QUIET_FILTER: &str = "warn,rtc=error,rtc_dtls=error,rtc_ice=error,rtc_interceptor=error,webrtc=off";

fn main() -> ExitCode {
    let started = Instant::now();
    if let Err(error) = dotenvy::from_path(".env")
        && !error.not_found()
    {
        return wrong_configuration(&format!(".env: {error}"));
    }
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let Cli { command, log, app } = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // A terminal that is gone needs no words, and the code says the same.
            error.print().ok();
            return ExitCode::from(cli::exit_code(&error, &arguments));
        }
    };
    let filter = match tracing_subscriber::EnvFilter::try_new(log.as_deref().unwrap_or(QUIET_FILTER)) {
        Ok(filter) => filter,
        Err(error) => return wrong_configuration(&format!("the log filter: {error}")),
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let done = match command {
        Some(Command::Bot(args)) => run_bot(&args, started),
        None => run_app(app).map(|()| true),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("castle-desktop: {error}");
            ExitCode::FAILURE
        }
    }
}

fn wrong_configuration(what: &str) -> ExitCode {
    eprintln!("castle-desktop: {what}");
    ExitCode::from(WRONG_CONFIGURATION)
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

fn run_app(args: AppArgs) -> Result<(), Box<dyn std::error::Error>> {
    let folder = args.profile.clone().or_else(settings::user_folder);
    let remembered = folder.as_deref().map(settings::load).unwrap_or_default();
    let password = args.password_file.as_deref().map(read_password).transpose()?;
    // A link says both, whatever the environment says.
    let invitation = args.invite.filter(|_| args.link.is_none());
    let prefill = Prefill {
        server: args
            .link
            .or(args.server)
            .or(remembered.server.clone())
            .map(|server| pinned(server, args.pin)),
        name: args.name.or(remembered.name.clone()),
        invitation,
    };
    let device_tokens = DeviceTokens::new(remembered.devices.clone());
    let config = EngineConfig {
        camera: args.camera.unwrap_or_else(first_camera),
        mic: args.mic,
        speaker: args.speaker,
        tags: Vec::new(),
        relay_only: false,
        search_at_login: args.r#match,
        pins: remembered.pins.clone(),
        device_tokens: device_tokens.clone(),
        viewer: Viewer::Window,
    };
    let wake = Wake::default();
    let waker = wake.waker();
    let (changed, changes) = sync_channel(1);
    let engine = Engine::start(
        config,
        Arc::new(move || {
            waker();
            // Full: the keeper of the settings looks soon anyway.
            changed.try_send(()).ok();
        }),
    );
    let snapshots = engine.snapshots();
    let keeper = std::thread::Builder::new()
        .name("settings".into())
        .spawn(move || remember(folder, remembered, &device_tokens, &snapshots, &changes))?;
    if let (Some(server), Some(name), Some(password)) = (&prefill.server, &prefill.name, password) {
        log_in(&engine, server.clone(), name.clone(), password, prefill.invitation.clone());
    }
    let closed = app::run(engine, wake, AppOptions { prefill, ..AppOptions::default() });
    keeper.join().expect("the keeper of the settings does not panic");
    Ok(closed?)
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

/// The first camera of this machine, or the pattern where there is none.
fn first_camera() -> CameraSpec {
    camera::list_devices()
        .first()
        .map_or_else(CameraSpec::default, |device| CameraSpec::Device(device.number))
}

/// Writes server and name down after each login, until the engine has stopped.
fn remember(
    folder: Option<PathBuf>,
    mut known: Settings,
    device_tokens: &DeviceTokens,
    snapshots: &watch::Receiver<Arc<Snapshot>>,
    changes: &Receiver<()>,
) {
    let Some(folder) = folder else { return };
    while changes.recv().is_ok() {
        let snapshot = snapshots.borrow().clone();
        let (Connection::Online { server }, Some(me)) = (&snapshot.connection, &snapshot.me) else {
            continue;
        };
        let Ok(address) = server.parse::<ServerAddress>() else { continue };
        let mut pins = known.pins.clone();
        pins.extend(address.pin().map(|pin| (address.to_string(), pin.to_string())));
        let settings = Settings {
            server: Some(address.to_string()),
            name: Some(me.name.clone()),
            pins,
            devices: device_tokens.all(),
        };
        if settings != known {
            if let Err(error) = settings::save(&folder, &settings) {
                tracing::warn!(folder = %folder.display(), %error, "the settings were not saved");
            }
            known = settings;
        }
    }
}

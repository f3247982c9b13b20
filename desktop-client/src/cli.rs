//! What is typed to start the app or the bot. Every setting is a flag, a `CASTLE_…` variable, or a line of `.env`, in
//! that order.

use crate::bot::{BotOptions, Errand};
use crate::media::camera::{self, CameraError, CameraSpec};
use crate::media::mic::{self, MicSpec, SoundFileError};
use crate::media::screen::ScreenSpec;
use crate::media::speaker::SpeakerSpec;
use crate::signaling::Pin;
use crate::view::Secret;
use castle::limits::PASSWORD_BYTES_MAX;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgGroup, Args, Parser, Subcommand};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One-to-one video calls in the Great Hall of a Castle server.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to be; the app, if nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// What to log, to standard error: a level, or levels by module.
    #[arg(long, global = true, env = "CASTLE_LOG", value_name = "FILTER")]
    pub log: Option<String>,
    /// The app's.
    #[command(flatten)]
    pub app: AppArgs,
}

/// What else to be.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// A guest without a window: logs in, holds one call, prints a report as JSON.
    Bot(Box<BotArgs>),
    /// Lists cameras, microphones, speakers and screens, by the values that the other flags take.
    Devices(DevicesArgs),
}

/// The list.
#[derive(Debug, Args)]
pub struct DevicesArgs {
    /// Prints one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// The app.
#[derive(Debug, Args)]
pub struct AppArgs {
    /// Invitation link from your host, castle://host:port/?invite=CODE&pin=…; wins over --server and --invite.
    pub link: Option<String>,
    /// Folder for all that is kept of this guest, instead of the user's and the system's keyring; one app runs in each.
    #[arg(long, value_name = "DIR", env = "CASTLE_PROFILE")]
    pub profile: Option<PathBuf>,
    /// Server, https://host:port or host:port; http:// for one without TLS.
    #[arg(long, value_name = "URL", env = "CASTLE_SERVER")]
    pub server: Option<String>,
    /// Fingerprint of the one certificate that the server may show, sha256:…; without it an authority has to vouch.
    #[arg(long, value_name = "PIN", env = "CASTLE_PIN", value_parser = pin)]
    pub pin: Option<Pin>,
    /// Login name.
    #[arg(long, env = "CASTLE_NAME")]
    pub name: Option<String>,
    /// File with the password; with server and name the app logs in by itself.
    #[arg(long, value_name = "FILE", env = "CASTLE_PASSWORD_FILE")]
    pub password_file: Option<PathBuf>,
    /// Invitation code: registers the guest.
    #[arg(long, value_name = "CODE", env = "CASTLE_INVITE")]
    pub invite: Option<String>,
    /// Wait for a match as soon as the guest is logged in.
    #[arg(long)]
    pub r#match: bool,
    /// Camera: device:N, pattern, pattern:WxH@FPS or file:CLIP.y4m; without it the one in the settings, else the first one,
    /// or the pattern if none is there.
    #[arg(long, value_name = "SPEC", env = "CASTLE_CAMERA")]
    pub camera: Option<CameraSpec>,
    /// Microphone: default, device:N, tone, file:SPEECH.wav or silence; without it the one in the settings.
    #[arg(long, value_name = "SPEC", env = "CASTLE_MIC")]
    pub mic: Option<MicSpec>,
    /// Speaker: default, device:N, off or file:RECORDING.wav; without it the one in the settings.
    #[arg(long, value_name = "SPEC", env = "CASTLE_SPEAKER")]
    pub speaker: Option<SpeakerSpec>,
}

/// The bot.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("errand").required(true).args(["match", "call", "answer"]))]
pub struct BotArgs {
    /// Server, https://host:port, host:port or an invitation link; http:// for one without TLS.
    #[arg(long, value_name = "URL", env = "CASTLE_SERVER")]
    pub server: String,
    /// Fingerprint of the one certificate that the server may show, sha256:…; without it an authority has to vouch.
    #[arg(long, value_name = "PIN", env = "CASTLE_PIN", value_parser = pin)]
    pub pin: Option<Pin>,
    /// Login name.
    #[arg(long, env = "CASTLE_NAME")]
    pub name: String,
    /// File with the password; a newline at its end is not part of it.
    #[arg(long, value_name = "FILE", env = "CASTLE_PASSWORD_FILE")]
    pub password_file: PathBuf,
    /// Registers with this code if the guest is not there yet, else logs in.
    #[arg(long, value_name = "CODE", env = "CASTLE_INVITE")]
    pub invite: Option<String>,
    /// Wait for a match.
    #[arg(long)]
    pub r#match: bool,
    /// Interest named to the matchmaker; may be given several times.
    #[arg(long, conflicts_with_all = ["call", "answer"])]
    pub tag: Vec<String>,
    /// Call the guest of this name.
    #[arg(long, value_name = "NAME")]
    pub call: Option<String>,
    /// Take the first call that comes.
    #[arg(long)]
    pub answer: bool,
    /// Camera: pattern, pattern:WxH@FPS, file:CLIP.y4m or device:N.
    #[arg(long, value_name = "SPEC", env = "CASTLE_CAMERA", default_value = "pattern")]
    pub camera: CameraSpec,
    /// Shares a screen as soon as the call is connected: pattern (a page of text), display, display:N or window:ID.
    #[arg(long, value_name = "SPEC")]
    pub screen: Option<ScreenSpec>,
    /// Microphone: tone, file:SPEECH.wav, silence, default or device:N.
    #[arg(long, value_name = "SPEC", env = "CASTLE_MIC", default_value = "tone")]
    pub mic: MicSpec,
    /// Speaker: off, default, device:N or file:RECORDING.wav.
    #[arg(long, value_name = "SPEC", env = "CASTLE_SPEAKER", default_value = "off")]
    pub speaker: SpeakerSpec,
    /// How long to stay, such as 10s or 2m: from connected, with --answer from login.
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "10s")]
    pub duration: Duration,
    /// Take only relayed ways, whatever the server allows.
    #[arg(long)]
    pub relay_only: bool,
    /// What the peer sends (as its --camera), to compare with what is shown.
    #[arg(long, value_name = "SPEC")]
    pub reference: Option<CameraSpec>,
    /// What the peer shares (as its --screen), to compare with what is shown.
    #[arg(long, value_name = "SPEC")]
    pub screen_reference: Option<ScreenSpec>,
    /// Writes the report there instead of to the last line of standard output.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

fn pin(text: &str) -> Result<Pin, String> {
    text.parse().map_err(|_| "a fingerprint is sha256: and 64 hex digits".to_owned())
}

/// A server with the pin that was given apart from it; one in a link stays.
pub fn pinned(server: String, pin: Option<Pin>) -> String {
    match pin {
        Some(pin) if !server.contains("pin=") => {
            let joint = if server.contains('?') { '&' } else { '?' };
            format!("{server}{joint}pin={pin}")
        }
        _ => server,
    }
}

/// Longest stay of a bot: a day.
const DURATION_MAX: Duration = Duration::from_hours(24);

fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: f64 =
        digits.parse().map_err(|_| format!("`{text}` is not a time: use for example 10s or 2m"))?;
    let unit = match &text[digits.len()..] {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        other => return Err(format!("`{other}` is not a unit of time: use ms, s, m or h")),
    };
    Duration::try_from_secs_f64(number * unit)
        .ok()
        .filter(|duration| *duration <= DURATION_MAX)
        .ok_or_else(|| "a time is between 0 and 24h".to_owned())
}

/// Why a password file is of no use.
#[derive(Debug, thiserror::Error)]
pub enum PasswordFileError {
    /// Not readable, or not text.
    #[error("cannot read the password file {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Longer than any password.
    #[error("the password file {} holds more than {PASSWORD_BYTES_MAX} bytes", path.display())]
    TooLong {
        /// Which.
        path: PathBuf,
    },
}

/// Reads a password; a line end after it is not part of it.
pub fn read_password(path: &Path) -> Result<Secret, PasswordFileError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| PasswordFileError::Read { path: path.to_owned(), source })?;
    let password = text.strip_suffix('\n').unwrap_or(&text);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.len() > PASSWORD_BYTES_MAX {
        return Err(PasswordFileError::TooLong { path: path.to_owned() });
    }
    Ok(Secret(password.to_owned()))
}

/// Exit code for settings that cannot be used.
pub const WRONG_CONFIGURATION: u8 = 64;

/// What arguments that were refused end with. A wrong value that stands in the environment and not on the command
/// line is a wrong configuration; all else is wrong usage, or a wish for help.
pub fn exit_code(error: &clap::Error, arguments: &[OsString]) -> u8 {
    let flag = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(text)) => text.split_whitespace().next().unwrap_or_default(),
        _ => "",
    };
    let typed = |argument: &OsString| argument.to_str().and_then(|text| text.split('=').next()) == Some(flag);
    let wrong_value = matches!(error.kind(), ErrorKind::ValueValidation | ErrorKind::InvalidValue);
    if wrong_value && flag.starts_with("--") && !arguments.iter().any(typed) {
        return WRONG_CONFIGURATION;
    }
    u8::try_from(error.exit_code()).unwrap_or(WRONG_CONFIGURATION)
}

/// Whether these arguments start what programs start, the bot or the list of devices, and not the app for a person.
pub fn is_for_programs(arguments: &[OsString]) -> bool {
    arguments.iter().any(|argument| argument == "bot" || argument == "devices")
}

/// Why a file that a bot is to use is of no use.
#[derive(Debug, thiserror::Error)]
pub enum BotFileError {
    /// The password.
    #[error(transparent)]
    Password(#[from] PasswordFileError),
    /// What it shows, or is to be shown.
    #[error(transparent)]
    Camera(#[from] CameraError),
    /// What it says.
    #[error(transparent)]
    Sound(#[from] SoundFileError),
}

impl BotArgs {
    /// What the bot is told. Reads the password, and looks into the other files, so that a wrong one is said before
    /// anybody waits for a call.
    pub fn options(&self) -> Result<BotOptions, BotFileError> {
        for spec in std::iter::once(&self.camera).chain(&self.reference) {
            camera::open_source(spec)?;
        }
        if let MicSpec::File(path) = &self.mic {
            mic::read_wav(path)?;
        }
        let errand = match &self.call {
            Some(name) => Errand::Call(name.clone()),
            None if self.answer => Errand::Answer,
            None => Errand::Match { tags: self.tag.clone() },
        };
        Ok(BotOptions {
            server: pinned(self.server.clone(), self.pin),
            name: self.name.clone(),
            password: read_password(&self.password_file)?,
            invitation: self.invite.clone(),
            errand,
            camera: self.camera.clone(),
            screen: self.screen,
            mic: self.mic.clone(),
            speaker: self.speaker.clone(),
            duration: self.duration,
            relay_only: self.relay_only,
            reference: self.reference.clone(),
            screen_reference: self.screen_reference,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_bot_has_exactly_one_errand() {
        let base = ["castle-desktop", "bot", "--server", "h", "--name", "n", "--password-file", "p"];
        let parse = |more: &[&str]| Cli::try_parse_from(base.iter().chain(more));
        assert!(parse(&["--match", "--tag", "a", "--tag", "b"]).is_ok());
        assert!(parse(&["--call", "bea", "--duration", "1500ms"]).is_ok());
        assert!(parse(&[]).is_err() && parse(&["--match", "--answer"]).is_err());
        assert!(parse(&["--answer", "--tag", "a"]).is_err());
        assert!(parse(&["--answer", "--camera", "pattern:640x360@30", "--speaker", "file:x.wav"]).is_ok());
        assert!(parse(&["--answer", "--camera", "webcam"]).is_err());
    }

    #[test]
    fn the_app_takes_a_link_or_flags() {
        let link = Cli::try_parse_from(["castle-desktop", "castle+plaintext://h:1/?invite=x"]).unwrap();
        assert_eq!(link.app.link.as_deref(), Some("castle+plaintext://h:1/?invite=x"));
        assert!(Cli::try_parse_from(["castle-desktop", "--match", "--name", "n"]).is_ok());
    }

    #[test]
    fn a_wrong_value_is_wrong_usage_where_it_is_typed_and_else_wrong_configuration() {
        let typed = ["castle-desktop", "--camera", "webcam"];
        let error = Cli::try_parse_from(typed).unwrap_err();
        assert_eq!(exit_code(&error, &typed.map(OsString::from)), 2);
        assert_eq!(exit_code(&error, &["castle-desktop".into()]), 64);
        let help = Cli::try_parse_from(["castle-desktop", "--help"]).unwrap_err();
        assert_eq!(exit_code(&help, &[]), 0);
    }

    #[test]
    fn times_have_units() {
        assert_eq!(duration("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(duration("1.5m"), Ok(Duration::from_secs(90)));
        for bad in ["", "10", "s", "-1s", "1d", "25h", "nans", "1e300h"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_password_ends_before_its_line_end() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (text, password) in [("a b\n", "a b"), ("x\r\n", "x"), ("x", "x"), ("x\n\n", "x\n")] {
            std::fs::write(file.path(), text).unwrap();
            assert_eq!(read_password(file.path()).unwrap().0, password);
        }
    }
}

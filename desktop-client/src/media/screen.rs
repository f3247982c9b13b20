//! What is on a screen, to be shared: a whole display, one window, or a page of made-up text for tests.
//!
//! Owns the naming of what is shared ([`ScreenSpec`]), what there is to choose from, and the errors. `x11.rs` alone names
//! X11. Elsewhere sharing is refused in words.

use std::fmt;
use std::str::FromStr;

use super::camera::{Camera, CameraError, FrameSource, paced::PacedCamera};
use crate::words::{say, say_with};

pub mod page;
#[cfg(target_os = "linux")]
mod x11;
#[cfg(target_os = "linux")]
use x11 as platform;

/// What to share: `pattern`, `display[:N]` or `window:ID`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScreenSpec {
    /// A page of made-up text that is turned now and then.
    Pattern,
    /// Display N of this machine, from 0.
    Display(usize),
    /// The window with this number of the window system's.
    Window(u32),
}

/// Why a `--screen` value was not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a screen: use pattern, display, display:N or window:ID")]
pub struct ScreenSpecError(String);

impl FromStr for ScreenSpec {
    type Err = ScreenSpecError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ScreenSpecError(text.to_owned());
        match text.split_once(':') {
            None if text == "pattern" => Ok(Self::Pattern),
            None if text == "display" => Ok(Self::Display(0)),
            Some(("display", number)) => number.parse().map(Self::Display).map_err(|_| wrong()),
            Some(("window", id)) => {
                let hex = id.strip_prefix("0x").map(|digits| u32::from_str_radix(digits, 16));
                hex.unwrap_or_else(|| id.parse()).map(Self::Window).map_err(|_| wrong())
            }
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for ScreenSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pattern => f.write_str("pattern"),
            Self::Display(number) => write!(f, "display:{number}"),
            Self::Window(id) => write!(f, "window:{id:#x}"),
        }
    }
}

/// Why a screen cannot be shared, or no longer, in whole sentences for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScreenError {
    /// The system has no way for it that we speak.
    #[error("{}", say("fault-screen-unsupported"))]
    Unsupported,
    /// A Wayland session lets no program look at the screen this way.
    #[error("{}", say("fault-screen-wayland"))]
    Wayland,
    /// There is no display that could be shared.
    #[error("{}", say("fault-screen-none"))]
    NoDisplay,
    /// What was shared is not there, or not any more.
    #[error("{}", say("fault-screen-gone"))]
    Gone,
    /// The window system gives pictures in a form that we do not read, or none.
    #[error("{}", say_with("fault-screen-system", &[("reason", .0.into())]))]
    System(String),
}

/// One thing that can be shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScreenChoice {
    /// How it is named when it is asked for.
    pub spec: ScreenSpec,
    /// What the system calls it: the name of a display, the title of a window.
    pub name: String,
    /// Width and height, pixels.
    pub size: (usize, usize),
}

/// Where there is no way to a screen yet.
#[cfg(not(target_os = "linux"))]
mod platform {
    use super::{Camera, ScreenChoice, ScreenError, ScreenSpec};

    pub(super) fn list() -> Result<Vec<ScreenChoice>, ScreenError> {
        Err(ScreenError::Unsupported)
    }

    pub(super) fn open(_: ScreenSpec) -> Result<Box<dyn Camera>, ScreenError> {
        Err(ScreenError::Unsupported)
    }
}

/// What can be shared right now: displays first, then windows.
pub fn list() -> Result<Vec<ScreenChoice>, ScreenError> {
    platform::list()
}

/// Opens what is to be shared.
pub fn open(spec: ScreenSpec) -> Result<Box<dyn Camera>, CameraError> {
    match open_source(spec) {
        Some(source) => Ok(Box::new(PacedCamera::new(source))),
        None => Ok(platform::open(spec)?),
    }
}

/// A screen whose frames can be made again by their numbers; `None` for a real one.
pub fn open_source(spec: ScreenSpec) -> Option<Box<dyn FrameSource>> {
    (spec == ScreenSpec::Pattern).then(|| Box::new(page::Page::new(page::FORMAT)) as Box<dyn FrameSource>)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_screen_is_understood_and_written_back() {
        for text in ["pattern", "display:0", "display:3", "window:0x1c00007"] {
            assert_eq!(text.parse::<ScreenSpec>().expect(text).to_string(), text);
        }
        assert_eq!("display".parse(), Ok(ScreenSpec::Display(0)));
        assert_eq!("window:26".parse(), Ok(ScreenSpec::Window(26)));
        for wrong in ["", "screen", "display:", "display:-1", "window", "window:0x", "pattern:1"] {
            assert_eq!(wrong.parse::<ScreenSpec>(), Err(ScreenSpecError(wrong.into())));
        }
    }
}

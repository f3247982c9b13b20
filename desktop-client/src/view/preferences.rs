//! What a person set for good: how the app looks, hears and asks. Saved between starts.

use serde::{Deserialize, Serialize};

/// In place of a camera's name: the test picture.
pub const TEST_PICTURE: &str = "castle:pattern";

/// Every setting of the settings screen. What a later version wrote and this one does not know is left out.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own on the screen")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Preferences {
    /// Light, dark, or as the system has it.
    pub theme: ThemeChoice,
    /// Size of everything, 1.0 as designed; 0.75 to 2.0.
    pub zoom: f32,
    /// Language tag such as `de`; `None`: the system's.
    pub language: Option<String>,
    /// Camera by its name, or [`TEST_PICTURE`]; `None`: the system's first.
    pub camera: Option<String>,
    /// Microphone by its name; `None`: the system's.
    pub mic: Option<String>,
    /// Speaker by its name; `None`: the system's.
    pub speaker: Option<String>,
    /// Take the speaker's sound out of the microphone's.
    pub echo_cancellation: bool,
    /// Take steady noise out of the microphone's sound.
    pub noise_suppression: bool,
    /// Bring the microphone to an even loudness.
    pub gain_control: bool,
    /// The most that pictures may take.
    pub quality: QualityCap,
    /// All calls through a relay, so that nobody learns this machine's address.
    pub relay_only: bool,
    /// The microphone is open only while the key is held.
    pub push_to_talk: bool,
    /// Tell of calls through the system when the window is not in front.
    pub notifications: bool,
    /// Ring aloud.
    pub ring: bool,
    /// Interests named to the matchmaker, at most 8.
    pub tags: Vec<String>,
    /// Languages named to the matchmaker, tags such as `en`.
    pub languages: Vec<String>,
}

/// What devices are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceKind {
    /// Takes pictures.
    Camera,
    /// Hears.
    Mic,
    /// Is heard.
    Speaker,
}

impl Preferences {
    /// Which device of this kind was chosen; `None`: as it comes.
    pub fn device(&self, kind: DeviceKind) -> Option<&str> {
        match kind {
            DeviceKind::Camera => self.camera.as_deref(),
            DeviceKind::Mic => self.mic.as_deref(),
            DeviceKind::Speaker => self.speaker.as_deref(),
        }
    }

    /// Chooses a device of this kind by its name.
    pub fn choose_device(&mut self, kind: DeviceKind, name: String) {
        match kind {
            DeviceKind::Camera => self.camera = Some(name),
            DeviceKind::Mic => self.mic = Some(name),
            DeviceKind::Speaker => self.speaker = Some(name),
        }
    }
}

impl Default for Preferences {
    fn default() -> Self {
        Self {
            theme: ThemeChoice::System,
            zoom: 1.0,
            language: None,
            camera: None,
            mic: None,
            speaker: None,
            echo_cancellation: true,
            noise_suppression: true,
            gain_control: true,
            quality: QualityCap::Best,
            relay_only: false,
            push_to_talk: false,
            notifications: true,
            ring: true,
            tags: Vec::new(),
            languages: Vec::new(),
        }
    }
}

/// Light or dark.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThemeChoice {
    /// As the system has it.
    #[default]
    System,
    /// By day.
    Light,
    /// By night.
    Dark,
}

/// The most that pictures may take, both in size and in bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QualityCap {
    /// 720p30, 2.5 Mb/s.
    #[default]
    Best,
    /// 540p30, 1 Mb/s.
    Medium,
    /// Data saving: 360p15, 300 kb/s.
    Saving,
}

/// Where the window is, in points of the screen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct WindowPlace {
    /// Left edge and top edge; `None` where the system does not tell.
    pub at: Option<(f32, f32)>,
    /// Width and height.
    pub size: (f32, f32),
    /// It fills the screen between the system's own bars.
    pub maximized: bool,
}

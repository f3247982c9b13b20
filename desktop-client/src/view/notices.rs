//! What a person should read, whatever is shown.

use super::DeviceKind;

/// Notices kept at once: more would cover the screen.
pub const NOTICES_MAX: usize = 4;

/// Something a person should read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Names it in [`Command::Dismiss`](super::Command::Dismiss).
    pub id: u64,
    /// How bad it is.
    pub severity: Severity,
    /// What happened and what to do, in one or two sentences.
    pub text: String,
    /// What a person can take at once, by [`Command::TakeOffer`](super::Command::TakeOffer).
    pub offer: Option<Offer>,
    /// The last device of this kind is gone: what is wrong with it is told by this.
    pub gone: Option<DeviceKind>,
}

/// A device that is there now and not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Of which kind.
    pub kind: DeviceKind,
    /// Its name.
    pub name: String,
}

/// How bad a notice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Good to know.
    Info,
    /// Something did not work.
    Error,
}

//! Why a device gives or takes no sound, in sentences that people read: what is wrong, a way forward, and what it
//! means for the call until then.

use std::fmt;

/// One of the two ends of sound at this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SoundEnd {
    /// Where it comes in.
    Microphone,
    /// Where it goes out.
    Speaker,
}

impl fmt::Display for SoundEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Microphone => "microphone",
            Self::Speaker => "speaker",
        })
    }
}

impl SoundEnd {
    /// What there is to plug in.
    fn plug(self) -> &'static str {
        match self {
            Self::Microphone => "one",
            Self::Speaker => "one, or headphones",
        }
    }

    /// What is missed while it does not work.
    fn loss(self) -> &'static str {
        match self {
            Self::Microphone => "you are not heard until then",
            Self::Speaker => "you hear nothing until then",
        }
    }
}

/// Why a device gives or takes no sound. The words are whole sentences.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SoundDeviceError {
    /// There is no such device.
    #[error("No {0} was found. Plug in {plug}; {loss}.", plug = .0.plug(), loss = .0.loss())]
    NotFound(SoundEnd),
    /// Another program has it for itself.
    #[error("Another program is using the {0}. Close that program; {loss}.", loss = .0.loss())]
    Busy(SoundEnd),
    /// The system does not let this program use it.
    #[error("Castle may not use the {0}. Allow it in the system's settings; {loss}.", loss = .0.loss())]
    Forbidden(SoundEnd),
    /// The device does not open.
    #[error("The {end} cannot be used ({reason}). Choose another one in the system's settings; {loss}.", loss = end.loss())]
    Refused {
        /// Which end.
        end: SoundEnd,
        /// What the system said.
        reason: String,
    },
    /// The device went away or failed while in use.
    #[error("The {0} was disconnected. Plug it in again; {loss}.", loss = .0.loss())]
    Gone(SoundEnd),
    /// The device is there but its callbacks stopped.
    #[error("The {0} has stopped working. Unplug it and plug it in again; {loss}.", loss = .0.loss())]
    Starved(SoundEnd),
    /// The system was asked for the device and says nothing.
    #[error("The {0} does not answer. Unplug it and plug it in again; {loss}.", loss = .0.loss())]
    Silent(SoundEnd),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_device_is_told_in_one_sentence_with_a_way_forward() {
        let (mic, speaker) = (SoundEnd::Microphone, SoundEnd::Speaker);
        assert_eq!(
            SoundDeviceError::NotFound(mic).to_string(),
            "No microphone was found. Plug in one; you are not heard until then."
        );
        assert_eq!(
            SoundDeviceError::NotFound(speaker).to_string(),
            "No speaker was found. Plug in one, or headphones; you hear nothing until then."
        );
    }
}

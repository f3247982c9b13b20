//! Why a device gives or takes no sound, in sentences that people read: what is wrong, a way forward, and what it
//! means for the call until then.

use crate::words::say;

/// One of the two ends of sound at this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SoundEnd {
    /// Where it comes in.
    Microphone,
    /// Where it goes out.
    Speaker,
}

/// Why a device gives or takes no sound. The words are whole sentences.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SoundDeviceError {
    /// There is no such device.
    #[error("{}", .0.of(say("fault-mic-not-found"), say("fault-speaker-not-found")))]
    NotFound(SoundEnd),
    /// Another program has it for itself.
    #[error("{}", .0.of(say("fault-mic-busy"), say("fault-speaker-busy")))]
    Busy(SoundEnd),
    /// The system does not let this program use it.
    #[error("{}", .0.of(say("fault-mic-forbidden"), say("fault-speaker-forbidden")))]
    Forbidden(SoundEnd),
    /// The device does not open.
    #[error("{}", why.sentence(*end))]
    Refused {
        /// Which end.
        end: SoundEnd,
        /// What that means to a person.
        why: Refusal,
        /// What the system said, in its own words: for the log alone.
        said: String,
    },
    /// The device went away or failed while in use.
    #[error("{}", .0.of(say("fault-mic-gone"), say("fault-speaker-gone")))]
    Gone(SoundEnd),
    /// The device is there but its callbacks stopped.
    #[error("{}", .0.of(say("fault-mic-starved"), say("fault-speaker-starved")))]
    Starved(SoundEnd),
    /// The device that was chosen gives no sound, and the system's own stands in for it.
    #[error("{}", .0.of(say("fault-mic-stood-in"), say("fault-speaker-stood-in")))]
    StoodIn(SoundEnd),
    /// The system was asked for the device and says nothing.
    #[error("{}", .0.of(say("fault-mic-silent"), say("fault-speaker-silent")))]
    Silent(SoundEnd),
}

/// Why the system does not open a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It has no form of sound that we know.
    Form,
    /// The system has no memory or threads left for it.
    Exhausted,
    /// It was set up anew meanwhile.
    Changed,
    /// What only the system's sound knows.
    System,
}

impl Refusal {
    fn sentence(self, end: SoundEnd) -> &'static str {
        match self {
            Self::Form => end.of(say("fault-mic-form"), say("fault-speaker-form")),
            Self::Exhausted => end.of(say("fault-mic-exhausted"), say("fault-speaker-exhausted")),
            Self::Changed => end.of(say("fault-mic-changed"), say("fault-speaker-changed")),
            Self::System => end.of(say("fault-mic-refused"), say("fault-speaker-refused")),
        }
    }
}

impl SoundEnd {
    fn of<T>(self, mic: T, speaker: T) -> T {
        match self {
            Self::Microphone => mic,
            Self::Speaker => speaker,
        }
    }
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

//! The sound of a microphone made ready to be heard: the processing, in step with what the speaker plays meanwhile.
//!
//! While no microphone is read nothing takes what the speaker plays, and it would stand between the next one and its echo: each
//! microphone begins with what is played from then on.

use crate::media::echo::{ECHO_FRAME, SharedEcho};
use crate::media::mic::SoundFrame;
use crate::media::processing::{AudioProcessing, Processor};

/// What is done to one microphone after the other.
#[derive(Default)]
pub(crate) struct Cleaning {
    processor: Option<Processor>,
    echo: Option<SharedEcho>,
    /// Nothing of this microphone was heard yet.
    begins: bool,
}

impl Cleaning {
    /// Sound is played by this speaker from now on.
    pub(crate) fn played_by(&mut self, echo: SharedEcho) {
        self.echo = Some(echo);
    }

    /// Another microphone is listened to from now on, or one that was away.
    pub(crate) fn begin(&mut self) {
        self.begins = true;
    }

    /// Takes out what does not belong to the voice.
    pub(crate) fn clean(&mut self, frame: &mut SoundFrame, processing: AudioProcessing) {
        let processor = self.processor.get_or_insert_with(|| Processor::new(processing));
        processor.set(processing);
        let mut echo = self.echo.as_ref().map(|echo| echo.lock().expect("no holder of the reference panics"));
        if std::mem::take(&mut self.begins)
            && let Some(echo) = &mut echo
        {
            echo.forget();
        }
        let mut played = [0.0; ECHO_FRAME];
        for part in frame.as_chunks_mut::<ECHO_FRAME>().0 {
            if let Some(echo) = &mut echo {
                echo.take(&mut played);
            }
            processor.process(part, &played);
        }
    }
}

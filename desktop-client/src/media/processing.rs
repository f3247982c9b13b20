//! What is done to the microphone before anybody hears it, by sonora (the audio processing of the WebRTC project, in
//! Rust): the only file that names it.
//!
//! A high-pass against rumble always; then, each by a switch, echo cancellation against what the speaker played, noise
//! suppression, and gain control with a limiter. 48 kHz mono in frames of 10 ms.

use sonora::config::{
    AdaptiveDigital, EchoCanceller, GainController2, HighPassFilter, MaxProcessingRate, NoiseSuppression,
    Pipeline,
};
use sonora::{AudioProcessing as Library, Config, StreamConfig};

use super::echo::ECHO_FRAME;
use super::opus::SAMPLE_RATE;

#[cfg(test)]
mod tests;

/// Gain that speech begins with, dB: a laptop's microphone is a bit low, a headset is not made loud first.
const FIRST_GAIN_DB: f32 = 6.0;
/// Most that quiet speech is raised by, dB: beyond it the room is heard.
const MOST_GAIN_DB: f32 = 24.0;

/// What is done to the microphone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioProcessing {
    /// Takes out what the speaker plays.
    pub echo_cancellation: bool,
    /// Takes out steady noise: fans, traffic.
    pub noise_suppression: bool,
    /// Brings speech to one loudness.
    pub gain_control: bool,
}

impl Default for AudioProcessing {
    /// All of it.
    fn default() -> Self {
        Self { echo_cancellation: true, noise_suppression: true, gain_control: true }
    }
}

/// The processing of one microphone.
pub(super) struct Processor {
    library: Library,
    settings: AudioProcessing,
    output: [f32; ECHO_FRAME],
}

impl Processor {
    pub(super) fn new(settings: AudioProcessing) -> Self {
        let stream = StreamConfig::new(SAMPLE_RATE, 1);
        let builder =
            Library::builder().config(config(settings)).capture_config(stream).render_config(stream);
        Self { library: builder.build(), settings, output: [0.0; ECHO_FRAME] }
    }

    /// Switches parts on or off; what was learnt of the room stays where nothing changes.
    pub(super) fn set(&mut self, settings: AudioProcessing) {
        if std::mem::replace(&mut self.settings, settings) != settings {
            self.library.apply_config(config(settings));
        }
    }

    /// Processes `frame` in place; `played` is what the speaker played meanwhile.
    pub(super) fn process(&mut self, frame: &mut [f32; ECHO_FRAME], played: &[f32; ECHO_FRAME]) {
        if self.settings.echo_cancellation
            && let Err(error) = self.library.process_render_f32(&[played], &mut [&mut self.output])
        {
            tracing::error!(?error, "the speaker's sound was not taken as a reference");
        }
        match self.library.process_capture_f32(&[&frame[..]], &mut [&mut self.output]) {
            Ok(()) => *frame = self.output,
            Err(error) => tracing::error!(?error, "sound was not processed"),
        }
    }
}

fn config(settings: AudioProcessing) -> Config {
    let adaptive = AdaptiveDigital {
        initial_gain_db: FIRST_GAIN_DB,
        max_gain_db: MOST_GAIN_DB,
        ..AdaptiveDigital::default()
    };
    Config {
        pipeline: Pipeline {
            maximum_internal_processing_rate: MaxProcessingRate::Rate48kHz,
            ..Pipeline::default()
        },
        high_pass_filter: Some(HighPassFilter::default()),
        echo_canceller: settings.echo_cancellation.then(EchoCanceller::default),
        noise_suppression: settings.noise_suppression.then(NoiseSuppression::default),
        gain_controller2: settings
            .gain_control
            .then(|| GainController2 { adaptive_digital: Some(adaptive), ..GainController2::default() }),
        ..Config::default()
    }
}

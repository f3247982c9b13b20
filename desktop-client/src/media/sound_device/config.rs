//! How a device is used: at our rate where it has it, and in small blocks.

use std::time::Duration;

use cpal::traits::DeviceTrait;
use cpal::{
    BufferSize, Device, SampleFormat, StreamConfig, SupportedBufferSize, SupportedStreamConfig,
    SupportedStreamConfigRange,
};

use super::{Refusal, SoundDeviceError, SoundEnd};
use crate::media::opus::SAMPLE_RATE;

/// Sound in one callback, asked for: what PulseAudio chooses itself is two seconds, other systems up to 100 ms.
const BLOCKS_PER_SECOND: u32 = 50;

/// All that a device can be used with; nothing where it does not say.
pub(super) fn offered(device: &Device, end: SoundEnd) -> Vec<SupportedStreamConfigRange> {
    match end {
        SoundEnd::Microphone => device.supported_input_configs().map(Iterator::collect),
        SoundEnd::Speaker => device.supported_output_configs().map(Iterator::collect),
    }
    .unwrap_or_default()
}

/// The same as is preferred, at our rate, if that is another one and the device has it: whoever made it converts better.
pub(super) fn at_our_rate(
    preferred: &SupportedStreamConfig,
    offered: impl FnOnce() -> Vec<SupportedStreamConfigRange>,
) -> Option<SupportedStreamConfig> {
    if preferred.sample_rate() == SAMPLE_RATE {
        return None;
    }
    let same = |range: &SupportedStreamConfigRange| {
        (range.channels(), range.sample_format()) == (preferred.channels(), preferred.sample_format())
    };
    offered().into_iter().filter(same).find_map(|range| range.try_with_sample_rate(SAMPLE_RATE))
}

/// How a device is used.
#[derive(Clone, Copy)]
pub(super) struct Config {
    pub(super) format: SampleFormat,
    pub(super) stream: StreamConfig,
    pub(super) channels: usize,
    /// What it is given to open.
    pub(super) opening: Duration,
}

impl Config {
    /// As is preferred, in small blocks.
    pub(super) fn of(
        preferred: &SupportedStreamConfig,
        end: SoundEnd,
        opening: Duration,
    ) -> Result<Self, SoundDeviceError> {
        let stream = preferred.config();
        let channels = usize::from(stream.channels);
        if channels == 0 || stream.sample_rate == 0 {
            let said = format!("{channels} channels at {} Hz", stream.sample_rate);
            return Err(SoundDeviceError::Refused { end, why: Refusal::Form, said });
        }
        let blocks = match preferred.buffer_size() {
            SupportedBufferSize::Range { min, max } => {
                let wanted = (stream.sample_rate / BLOCKS_PER_SECOND).max(*min).min(*max);
                BufferSize::Fixed(wanted)
            }
            SupportedBufferSize::Unknown => BufferSize::Default,
        };
        let config = Self { format: preferred.sample_format(), stream, channels, opening };
        Ok(config.in_blocks(blocks))
    }

    /// The same in blocks of this size.
    pub(super) fn in_blocks(self, buffer_size: BufferSize) -> Self {
        Self { stream: StreamConfig { buffer_size, ..self.stream }, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_prefers_another_rate_is_asked_for_ours_if_it_has_it() {
        let blocks = SupportedBufferSize::Unknown;
        let range =
            |channels, from, to, format| SupportedStreamConfigRange::new(channels, from, to, blocks, format);
        let preferred = |rate| SupportedStreamConfig::new(1, rate, blocks, SampleFormat::I16);
        let of = |rate, ranges: &[SupportedStreamConfigRange]| {
            at_our_rate(&preferred(rate), || ranges.to_vec())
                .map(|config| (config.channels(), config.sample_rate()))
        };
        let headset = [range(1, 8_000, 16_000, SampleFormat::I16)];
        assert_eq!(of(16_000, &headset), None, "hands-free has nothing better");
        let card = [
            range(2, 44_100, 96_000, SampleFormat::I16),
            range(1, 44_100, 96_000, SampleFormat::F32),
            range(1, 44_100, 44_100, SampleFormat::I16),
            range(1, 44_100, 96_000, SampleFormat::I16),
        ];
        assert_eq!(of(44_100, &card), Some((1, 48_000)), "of the same form");
        assert_eq!(of(48_000, &card), None, "it prefers ours");
        assert_eq!(of(44_100, &[]), None, "it does not say");
    }
}

//! Sample rates to one another, and playing slightly faster or slower, by cubic interpolation (Catmull-Rom). Pure.
//!
//! Streams: what a call leaves over, the next one begins with, so that block borders cannot be heard.

/// Converts a stream of samples by a ratio that may change between blocks.
#[derive(Clone, Debug)]
pub struct Resampler {
    /// Input samples per output sample.
    step: f64,
    /// Where the next output sample lies after `history[1]`, in input samples.
    position: f64,
    /// The last input samples before the next block.
    history: [f32; 3],
}

impl Resampler {
    /// From `from_hz` to `to_hz`.
    pub fn new(from_hz: u32, to_hz: u32) -> Self {
        Self { step: f64::from(from_hz) / f64::from(to_hz), position: 0.0, history: [0.0; 3] }
    }

    /// From one rate to the same, for [`set_speed`](Self::set_speed).
    pub fn same_rate() -> Self {
        Self::new(1, 1)
    }

    /// Plays `speed` times as fast from the next block on; for streams of one rate.
    pub fn set_speed(&mut self, speed: f64) {
        self.step = speed;
    }

    /// Converts `input` and hands each output sample to `output`.
    pub fn process(&mut self, input: &[f32], mut output: impl FnMut(f32)) {
        for sample in input {
            let [a, b, c] = self.history;
            while self.position < 1.0 {
                output(interpolate([a, b, c, *sample], self.position as f32));
                self.position += self.step;
            }
            self.position -= 1.0;
            self.history = [b, c, *sample];
        }
    }
}

/// The curve between the second and the third of four samples.
fn interpolate([a, b, c, d]: [f32; 4], at: f32) -> f32 {
    let slope = (c - a) / 2.0;
    let bend = a - 2.5 * b + 2.0 * c - d / 2.0;
    let twist = (d - a) / 2.0 + 1.5 * (b - c);
    ((twist * at + bend) * at + slope) * at + b
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hz: f32, rate: u32, count: usize) -> Vec<f32> {
        (0..count).map(|at| (at as f32 * hz * std::f32::consts::TAU / rate as f32).sin()).collect()
    }

    /// In blocks as devices give them, of uneven length.
    fn converted(resampler: &mut Resampler, input: &[f32]) -> Vec<f32> {
        let mut output = Vec::new();
        for block in input.chunks(441) {
            resampler.process(block, |sample| output.push(sample));
        }
        output
    }

    #[test]
    fn a_tone_keeps_its_pitch_and_shape_over_rates() {
        for from in [8_000, 16_000, 44_100, 48_000, 96_000] {
            let output = converted(&mut Resampler::new(from, 48_000), &sine(440.0, from, from as usize));
            assert!(output.len().abs_diff(48_000) <= 8, "{from}: {} samples", output.len());
            let expected = sine(440.0, 48_000, output.len());
            let delay = (2.0 * 48_000.0 / from as f32).round() as usize;
            let noise: f32 = output[delay..].iter().zip(&expected).map(|(a, b)| (a - b).powi(2)).sum();
            let noise_db = 10.0 * (noise / expected.len() as f32).log10();
            assert!(noise_db < -35.0, "{from} Hz: noise at {noise_db:.0} dB");
        }
    }

    #[test]
    fn a_speed_of_two_percent_makes_two_percent_fewer_samples() {
        let mut resampler = Resampler::same_rate();
        resampler.set_speed(1.02);
        let output = converted(&mut resampler, &sine(200.0, 48_000, 48_000));
        assert!(output.len().abs_diff(47_059) <= 2, "{}", output.len());
    }
}

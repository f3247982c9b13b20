//! Sample rates to one another, and playing slightly faster or slower. Pure.
//!
//! Streams: what a call leaves over, the next one begins with, so that block borders cannot be heard. Between rates a windowed
//! sinc keeps out what the lower rate cannot carry: a headset at 16 kHz would fold all above 8 kHz back into the voice. At one
//! rate, where the speed is off by a hundredth at most, a cubic (Catmull-Rom) does.

use std::f64::consts::PI;

/// Plays a stream slightly faster or slower, by a speed that may change between blocks.
#[derive(Clone, Debug)]
pub struct Varispeed {
    /// Input samples per output sample.
    step: f64,
    /// Where the next output sample lies after `history[1]`, in input samples.
    position: f64,
    /// The last input samples before the next block.
    history: [f32; 3],
}

impl Default for Varispeed {
    fn default() -> Self {
        Self { step: 1.0, position: 0.0, history: [0.0; 3] }
    }
}

impl Varispeed {
    /// As fast as it comes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Plays `speed` times as fast from the next block on.
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

/// Half of the filter's length, in samples of the lower rate: 1 ms at 16 kHz.
const HALF: f64 = 16.0;
/// Where the filter is at half, as a share of what the lower rate carries: 60 dB down a tenth above that.
const CUTOFF: f64 = 0.97;
/// Shape of the window (Kaiser): what is kept out is 60 dB down.
const BETA: f64 = 5.7;
/// Places between two samples that the filter is known for; between them it is interpolated, to 80 dB.
const PHASES: usize = 128;

/// Converts a stream from one rate to another.
#[derive(Clone, Debug)]
pub struct Resampler {
    /// Input samples per output sample.
    step: f64,
    /// Where the next output sample lies after the middle of `past`, in input samples.
    position: f64,
    /// Of the filter at each place, and one more; none between equal rates.
    phases: Vec<Vec<f32>>,
    /// The last input samples, twice in a row: those from `oldest` on are in their order.
    past: Vec<f32>,
    oldest: usize,
}

impl Resampler {
    /// From `from_hz` to `to_hz`.
    pub fn new(from_hz: u32, to_hz: u32) -> Self {
        let step = f64::from(from_hz) / f64::from(to_hz);
        let phases = if from_hz == to_hz { Vec::new() } else { filter(step) };
        let taps = phases.first().map_or(0, Vec::len);
        Self { step, position: 0.0, phases, past: vec![0.0; 2 * taps], oldest: 0 }
    }

    /// Converts `input` and hands each output sample to `output`.
    pub fn process(&mut self, input: &[f32], mut output: impl FnMut(f32)) {
        let taps = self.past.len() / 2;
        if taps == 0 {
            input.iter().copied().for_each(output);
            return;
        }
        for sample in input {
            (self.past[self.oldest], self.past[self.oldest + taps]) = (*sample, *sample);
            self.oldest = (self.oldest + 1) % taps;
            let past = &self.past[self.oldest..self.oldest + taps];
            while self.position < 1.0 {
                let place = self.position * PHASES as f64;
                let (phase, between) = (place as usize, place.fract() as f32);
                let sum = |phase: usize| -> f32 {
                    self.phases[phase].iter().zip(past).map(|(weight, sample)| weight * sample).sum()
                };
                let here = sum(phase);
                output(here + (sum(phase + 1) - here) * between);
                self.position += self.step;
            }
            self.position -= 1.0;
        }
    }
}

/// The weights of the samples around each place, for so many input samples per output sample.
fn filter(step: f64) -> Vec<Vec<f32>> {
    let slower = step.max(1.0);
    let half = (HALF * slower).ceil();
    let cutoff = CUTOFF / slower;
    let phase = |phase: usize| {
        let place = phase as f64 / PHASES as f64;
        let weight = |tap: usize| {
            let distance = tap as f64 + 1.0 - half - place;
            let window = bessel(BETA * (1.0 - (distance / half).powi(2)).max(0.0).sqrt()) / bessel(BETA);
            let turned = PI * cutoff * distance;
            cutoff * window * if turned.abs() < 1e-9 { 1.0 } else { turned.sin() / turned }
        };
        let weights: Vec<f64> = (0..2 * half as usize).map(weight).collect();
        // As loud at every place.
        let sum: f64 = weights.iter().sum();
        weights.into_iter().map(|weight| (weight / sum) as f32).collect()
    };
    (0..=PHASES).map(phase).collect()
}

/// The modified Bessel function of the first kind and order zero.
fn bessel(of: f64) -> f64 {
    let mut term = 1.0;
    let terms = (1..40).map(|n| {
        term *= (of / 2.0 / f64::from(n)).powi(2);
        term
    });
    1.0 + terms.sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hz: f32, rate: u32, count: usize) -> Vec<f32> {
        let turn = f64::from(hz) * std::f64::consts::TAU / f64::from(rate);
        (0..count).map(|at| (at as f64 * turn).sin() as f32).collect()
    }

    /// A second of a tone between rates, in blocks as devices give them, of uneven length.
    fn converted(hz: f32, from: u32, to: u32) -> Vec<f32> {
        let (mut resampler, mut output) = (Resampler::new(from, to), Vec::new());
        for block in sine(hz, from, from as usize).chunks(441) {
            resampler.process(block, |sample| output.push(sample));
        }
        output
    }

    fn db(power: f64) -> f64 {
        10.0 * power.max(1e-12).log10()
    }

    /// How loud this tone is in what was heard, and all else, both against a full one, dB.
    fn tone_and_rest(heard: &[f32], hz: f32, rate: u32) -> (f64, f64) {
        // Whole turns, without the beginning.
        let heard = &heard[heard.len() / 10..][..rate as usize / 2];
        let turn = f64::from(hz) * std::f64::consts::TAU / f64::from(rate);
        let (mut across, mut along, mut power) = (0.0, 0.0, 0.0);
        for (at, sample) in heard.iter().enumerate() {
            let (sin, cos) = (at as f64 * turn).sin_cos();
            across += f64::from(*sample) * sin;
            along += f64::from(*sample) * cos;
            power += f64::from(*sample).powi(2);
        }
        let half = heard.len() as f64 / 2.0;
        let tone = (across.powi(2) + along.powi(2)) / half;
        (db(tone / half), db((power - tone) / half))
    }

    #[test]
    fn a_voice_passes_between_all_rates_of_devices_as_it_is() {
        for device in [8_000, 16_000, 22_050, 44_100, 96_000, 192_000] {
            for (from, to) in [(device, 48_000), (48_000, device)] {
                for hz in [200.0, 1000.0, 3000.0] {
                    let heard = converted(hz, from, to);
                    assert!(heard.len().abs_diff(to as usize) <= 1, "{from} to {to}: {}", heard.len());
                    let (tone, rest) = tone_and_rest(&heard, hz, to);
                    assert!(
                        tone.abs() < 0.2 && rest < -55.0,
                        "{hz} Hz, {from} to {to}: {tone:.2}, {rest:.0} dB"
                    );
                }
            }
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_carry_is_not_folded_into_the_voice() {
        for (hz, from, to) in
            [(10_000.0, 48_000, 16_000), (6_000.0, 48_000, 8_000), (30_000.0, 96_000, 48_000)]
        {
            let heard = converted(hz, from, to);
            let left = heard[1000..].iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>();
            let left = db(2.0 * left / heard.len() as f64);
            assert!(left < -55.0, "{hz} Hz, {from} to {to}: {left:.0} dB");
        }
    }

    #[test]
    fn a_headset_of_16_khz_sounds_dull_and_not_harsh() {
        // Without a filter a tone of 6 kHz would have another at 10 beside it.
        let (tone, rest) = tone_and_rest(&converted(6000.0, 16_000, 48_000), 6000.0, 48_000);
        assert!(tone.abs() < 0.2 && rest < -55.0, "{tone:.2}, {rest:.0} dB");
    }

    #[test]
    fn equal_rates_are_left_as_they_are() {
        assert_eq!(converted(440.0, 48_000, 48_000), sine(440.0, 48_000, 48_000));
    }

    #[test]
    fn a_speed_of_two_percent_makes_two_percent_fewer_samples() {
        let (mut varispeed, mut output) = (Varispeed::new(), Vec::new());
        varispeed.set_speed(1.02);
        for block in sine(200.0, 48_000, 48_000).chunks(441) {
            varispeed.process(block, |sample| output.push(sample));
        }
        assert!(output.len().abs_diff(47_059) <= 2, "{}", output.len());
    }
}

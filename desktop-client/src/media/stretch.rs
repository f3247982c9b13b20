//! Sound made shorter or longer by whole periods of the voice, so that its pitch stays (after WSOLA, Verhelst 1993). Pure.
//!
//! Works within one frame of 20 ms and adds no delay. Two stretches of sound that follow each other and look alike are
//! laid over each other, or the first is played twice: where they are not alike nothing is done.

/// Samples that are worked on, of frames that have them: 20 ms at 48 kHz.
const WINDOW: usize = 960;
/// Periods looked for, samples: voices from 400 Hz down to 100 Hz.
const PERIODS: (usize, usize) = (120, 480);
/// The first look is at every so many samples.
const COARSE: usize = 8;
/// Likeness from which a seam is not heard.
const ALIKE: f32 = 0.9;
/// Likeness from which a seam is better than more delay.
const BEARABLE: f32 = 0.5;
/// Power below which nobody hears a seam: -60 dB of full scale.
const QUIET: f32 = 1e-6;

/// What to do with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stretch {
    /// Leave a period out, if that is not heard.
    Shorten,
    /// Leave a period out, unless it would be ugly.
    ShortenMore,
    /// Play a period twice, if that is not heard.
    Lengthen,
}

/// Appends `frame`, stretched if it can be, to `output`; answers by how many samples it became shorter (below zero:
/// longer).
pub fn stretch(frame: &[f32], how: Stretch, output: &mut Vec<f32>) -> i64 {
    let likeness = if how == Stretch::ShortenMore { BEARABLE } else { ALIKE };
    let Some(period) = frame.get(..WINDOW).and_then(|window| period(window, likeness)) else {
        output.extend_from_slice(frame);
        return 0;
    };
    let (first, second) = (&frame[..period], &frame[period..2 * period]);
    if how == Stretch::Lengthen {
        output.extend_from_slice(first);
        cross_fade(second, first, output);
        output.extend_from_slice(&frame[period..]);
        return -(period as i64);
    }
    cross_fade(first, second, output);
    output.extend_from_slice(&frame[2 * period..]);
    period as i64
}

/// Appends the way from `from` to `to`, which are of one length.
fn cross_fade(from: &[f32], to: &[f32], output: &mut Vec<f32>) {
    let count = from.len() as f32;
    let faded = from.iter().zip(to).enumerate().map(|(at, (from, to))| {
        let share = (at as f32 + 0.5) / count;
        from * (1.0 - share) + to * share
    });
    output.extend(faded);
}

/// The period after which the sound looks most like itself, if it does so well enough.
fn period(window: &[f32], likeness: f32) -> Option<usize> {
    if window.iter().map(|sample| sample * sample).sum::<f32>() < QUIET * WINDOW as f32 {
        return Some(PERIODS.1);
    }
    let mut coarse = [0.0; WINDOW / COARSE];
    for (sum, chunk) in coarse.iter_mut().zip(window.chunks(COARSE)) {
        *sum = chunk.iter().sum();
    }
    let half = PERIODS.1 / COARSE;
    let about = (PERIODS.0 / COARSE..=half).max_by(|a, b| {
        alike(&coarse[..half], &coarse[*a..]).total_cmp(&alike(&coarse[..half], &coarse[*b..]))
    })? * COARSE;
    let near = (about - COARSE).max(PERIODS.0)..=(about + COARSE).min(PERIODS.1);
    let scored = near.map(|period| (period, alike(&window[..period], &window[period..])));
    let (best, score) = scored.max_by(|a, b| a.1.total_cmp(&b.1))?;
    (score >= likeness).then_some(best)
}

/// Normalised correlation of `a` with what `b` begins with: one for the same, zero for strangers.
fn alike(a: &[f32], b: &[f32]) -> f32 {
    let (mut product, mut power_a, mut power_b) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        product += a * b;
        power_a += a * a;
        power_b += b * b;
    }
    product / (power_a * power_b).sqrt().max(f32::EPSILON)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    /// A voice: a fundamental and its overtones.
    fn voice(hz: f32) -> Vec<f32> {
        let wave = |at: usize, overtone: f32| {
            (at as f32 * hz * overtone * std::f32::consts::TAU / 48_000.0).sin() * 0.3 / overtone
        };
        (0..WINDOW).map(|at| (1..8).map(|overtone| wave(at, overtone as f32)).sum()).collect()
    }

    fn noise() -> Vec<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        (0..WINDOW).map(|_| rng.next_u32() as f32 / u32::MAX as f32 - 0.5).collect()
    }

    fn steepest(samples: &[f32]) -> f32 {
        samples.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn a_voice_loses_or_gains_a_whole_period_without_a_click() {
        for hz in [105.0, 130.0, 200.0, 390.0] {
            let voice = voice(hz);
            for how in [Stretch::Shorten, Stretch::ShortenMore, Stretch::Lengthen] {
                let mut output = Vec::new();
                let shorter = stretch(&voice, how, &mut output);
                assert_eq!(output.len() as i64, WINDOW as i64 - shorter);
                assert_eq!(shorter > 0, how != Stretch::Lengthen, "{hz} Hz {how:?}: {shorter}");
                let periods = shorter.abs() as f32 * hz / 48_000.0;
                assert!((periods - periods.round()).abs() < 0.03, "{hz} Hz: {periods} periods");
                assert!(steepest(&output) < steepest(&voice) * 1.1, "{hz} Hz {how:?}: a click");
                assert!((output[0] - voice[0]).abs() < 0.01 && output.last() == voice.last());
            }
        }
    }

    #[test]
    fn noise_is_left_alone_and_silence_gives_most() {
        let mut output = Vec::new();
        assert_eq!(stretch(&noise(), Stretch::Shorten, &mut output), 0);
        assert_eq!(output, noise());
        assert_eq!(stretch(&[0.0; WINDOW], Stretch::Shorten, &mut Vec::new()), PERIODS.1 as i64);
        assert_eq!(stretch(&[0.0; WINDOW], Stretch::Lengthen, &mut Vec::new()), -(PERIODS.1 as i64));
    }

    #[test]
    fn a_longer_frame_keeps_its_end_and_a_shorter_one_is_left_alone() {
        let long: Vec<f32> = voice(200.0).into_iter().chain(noise()).collect();
        let mut output = Vec::new();
        assert!(stretch(&long, Stretch::Shorten, &mut output) > 0);
        assert_eq!(output[output.len() - WINDOW..], noise());
        let mut output = Vec::new();
        assert_eq!(stretch(&voice(200.0)[..480], Stretch::Shorten, &mut output), 0);
        assert_eq!(output.len(), 480);
    }
}

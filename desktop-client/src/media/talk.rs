//! Made-up speech for tests: syllables of a gliding voice, hisses between them, pauses. The same for the same speaker.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Some seconds of 48 kHz, as loud as people speak into a microphone; each `speaker` has their own voice and words.
pub(super) fn talk(speaker: u64, seconds: usize) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(speaker);
    let mut random = move || rng.next_u32() as f32 / u32::MAX as f32;
    let mut samples = Vec::with_capacity(seconds * 48_000);
    let (voice_hz, mut phase, mut colour) = (100.0 + 60.0 * random(), 0.0_f32, 0.0_f32);
    while samples.len() < seconds * 48_000 {
        let (length, pause) = (4800.0 + 7200.0 * random(), if random() < 0.2 { 9600.0 } else { 960.0 });
        let (from_hz, to_hz) = (voice_hz * (0.85 + 0.3 * random()), voice_hz * (0.85 + 0.3 * random()));
        let (formant, hiss) = (2.0 + 6.0 * random(), if random() < 0.35 { 0.2 } else { 0.01 });
        for at in 0..length as usize {
            let share = at as f32 / length;
            phase += (from_hz + (to_hz - from_hz) * share) * std::f32::consts::TAU / 48_000.0;
            let overtones = (1..24_u8).map(|n| {
                let n = f32::from(n);
                (phase * n).sin() / (1.0 + (n - formant).powi(2) * 0.3)
            });
            colour = 0.6 * colour + hiss * (random() - 0.5);
            let swell = (share * std::f32::consts::PI).sin();
            samples.push((overtones.sum::<f32>() * 0.12 + colour) * swell);
        }
        samples.extend(std::iter::repeat_n(0.0, pause as usize));
    }
    samples.truncate(seconds * 48_000);
    samples
}

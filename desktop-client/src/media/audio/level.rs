//! Loudness: of the last moments for a meter, of everything for a report. Pure.

/// What silence counts as, dB of full scale.
pub const SILENCE_DB: f64 = -100.0;
/// Share of the older value that each frame of 20 ms leaves: the meter follows within about 100 ms.
const KEPT: f64 = 0.8;

/// Mean power of a stream of samples.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Level {
    recent: f64,
    sum: f64,
    samples: u64,
}

impl Level {
    pub(super) fn add(&mut self, samples: &[f32]) {
        let sum: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
        if !samples.is_empty() && sum.is_finite() {
            self.recent = self.recent * KEPT + sum / samples.len() as f64 * (1.0 - KEPT);
            self.sum += sum;
            self.samples += samples.len() as u64;
        }
    }

    pub(super) fn now_db(self) -> f64 {
        decibels(self.recent)
    }

    pub(super) fn overall_db(self) -> Option<f64> {
        (self.samples > 0).then(|| decibels(self.sum / self.samples as f64))
    }
}

fn decibels(power: f64) -> f64 {
    (10.0 * power.log10()).max(SILENCE_DB)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_scale_square_is_zero_and_silence_the_floor() {
        let mut level = Level::default();
        assert_eq!(level.overall_db(), None);
        (0..100).for_each(|_| level.add(&[1.0, -1.0]));
        assert!(level.now_db().abs() < 0.01 && level.overall_db().is_some_and(|db| db.abs() < 0.01));
        let mut silence = Level::default();
        silence.add(&[0.0; 960]);
        assert_eq!(silence.overall_db(), Some(SILENCE_DB));
    }
}

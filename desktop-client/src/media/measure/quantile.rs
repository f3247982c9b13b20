//! Quantiles of any number of values in fixed memory: a histogram of fine, even steps.

/// Steps of the histogram: 1 ms over ten seconds, a hundredth of a decibel over 100 dB.
const STEPS: usize = 10_000;

/// Values between two bounds; those beyond count as the bound.
#[derive(Clone, Debug)]
pub(super) struct Quantiles {
    least: f64,
    most: f64,
    counts: Vec<u32>,
    total: u64,
}

impl Quantiles {
    pub(super) fn new(least: f64, most: f64) -> Self {
        Self { least, most, counts: vec![0; STEPS + 1], total: 0 }
    }

    pub(super) fn add(&mut self, value: f64) {
        let share = ((value - self.least) / (self.most - self.least)).clamp(0.0, 1.0);
        if share.is_finite() {
            self.counts[(share * STEPS as f64).round() as usize] += 1;
            self.total += 1;
        }
    }

    /// The value that the share `quantile` of all lies below or at; `None` without values.
    pub(super) fn at(&self, quantile: f64) -> Option<f64> {
        let wanted = ((self.total as f64 * quantile).ceil() as u64).clamp(1, self.total.max(1));
        let mut below = 0;
        let step = self.counts.iter().position(|count| {
            below += u64::from(*count);
            below >= wanted
        })?;
        Some(self.least + (self.most - self.least) * step as f64 / STEPS as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_where_the_values_do() {
        let mut values = Quantiles::new(-1000.0, 9000.0);
        assert_eq!(values.at(0.5), None);
        (1..=100).for_each(|value| values.add(f64::from(value)));
        let near = |quantile, expected: f64| {
            values.at(quantile).is_some_and(|value| (value - expected).abs() <= 1.0)
        };
        assert!(near(0.5, 50.0) && near(0.95, 95.0) && near(1.0, 100.0) && near(0.0, 1.0));
    }

    #[test]
    fn wild_values_count_as_the_bounds() {
        let mut values = Quantiles::new(0.0, 10.0);
        values.add(-5.0);
        values.add(1e9);
        values.add(f64::NAN);
        assert_eq!((values.at(0.1), values.at(0.9)), (Some(0.0), Some(10.0)));
    }
}

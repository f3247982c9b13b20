//! The kinds of figures: counts, levels and times, so that no other file knows the library behind them.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// One label and its value.
type Label = [(&'static str, &'static str); 1];

/// What only grows.
#[derive(Debug, Clone, Default)]
pub struct Count(pub(super) Counter);

impl Count {
    /// One more.
    pub fn add(&self) {
        self.0.inc();
    }

    /// It is at `total` now, as whoever counts it says.
    pub fn reach(&self, total: u64) {
        self.0.inner().fetch_max(total, Ordering::Relaxed);
    }

    /// So many more.
    pub fn add_many(&self, count: u64) {
        self.0.inc_by(count);
    }
}

/// What only grows, apart by one label.
#[derive(Debug, Clone)]
pub struct CountBy {
    label: &'static str,
    pub(super) family: Family<Label, Counter>,
}

impl CountBy {
    pub(super) fn new(label: &'static str) -> Self {
        Self { label, family: Family::default() }
    }

    /// One more of `value`.
    pub fn add(&self, value: &'static str) {
        self.family.get_or_create(&[(self.label, value)]).inc();
    }

    /// The count of `value` alone, for who adds to it often.
    pub fn of(&self, value: &'static str) -> Count {
        Count(self.family.get_or_create(&[(self.label, value)]).clone())
    }
}

/// What goes up and down.
#[derive(Debug, Clone, Default)]
pub struct Level(pub(super) Gauge);

impl Level {
    /// It is now so much.
    pub fn set(&self, value: i64) {
        self.0.set(value);
    }

    /// One more, for as long as the answer lives.
    pub fn hold(&self) -> Held {
        self.0.inc();
        Held(self.0.clone())
    }
}

/// What goes up and down, apart by one label.
#[derive(Debug, Clone)]
pub struct LevelBy {
    label: &'static str,
    pub(super) family: Family<Label, Gauge>,
}

impl LevelBy {
    pub(super) fn new(label: &'static str) -> Self {
        Self { label, family: Family::default() }
    }

    /// `value` is now so much.
    pub fn set(&self, value: &'static str, level: i64) {
        self.family.get_or_create(&[(self.label, value)]).set(level);
    }

    /// One more of `value`, for as long as the answer lives.
    pub fn hold(&self, value: &'static str) -> Held {
        let gauge = self.family.get_or_create(&[(self.label, value)]).clone();
        gauge.inc();
        Held(gauge)
    }
}

/// One that is counted in a level until it is dropped.
#[derive(Debug)]
pub struct Held(Gauge);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// How long things take.
#[derive(Debug, Clone)]
pub struct Times(pub(super) Histogram);

impl Times {
    pub(super) fn new(bounds: &[f64]) -> Self {
        Self(Histogram::new(bounds.iter().copied()))
    }

    /// One took so long.
    pub fn observe(&self, took: Duration) {
        self.0.observe(took.as_secs_f64());
    }
}

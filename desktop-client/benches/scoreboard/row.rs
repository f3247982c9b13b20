//! One row of the scoreboard, and how rows are shown.

use serde::Serialize;
use std::path::PathBuf;

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Better {
    /// Less is better.
    Lower,
    /// More is better.
    Higher,
}

/// One figure.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    pub(crate) better: Better,
    pub(crate) ours: f64,
    pub(crate) reference: Option<f64>,
    pub(crate) reference_name: Option<&'static str>,
    pub(crate) ratio: Option<f64>,
    /// Largest over smallest of the runs behind `ours`; none for a single run.
    pub(crate) spread: Option<f64>,
    pub(crate) goal: Option<f64>,
    pub(crate) met: Option<bool>,
}

impl Row {
    /// A figure alone.
    pub(crate) fn new(name: impl Into<String>, unit: &'static str, better: Better, ours: f64) -> Self {
        Self {
            name: name.into(),
            unit,
            better,
            ours,
            reference: None,
            reference_name: None,
            ratio: None,
            spread: None,
            goal: None,
            met: None,
        }
    }

    /// Beside something measured in the same run.
    pub(crate) fn beside(mut self, reference_name: &'static str, reference: f64) -> Self {
        self.reference = Some(reference);
        self.reference_name = Some(reference_name);
        self.ratio = Some(self.ours / reference);
        self
    }

    /// With the figure to reach.
    pub(crate) fn goal(mut self, goal: f64) -> Self {
        self.goal = Some(goal);
        self.met = Some(match self.better {
            Better::Lower => self.ours <= goal,
            Better::Higher => self.ours >= goal,
        });
        self
    }

    /// The median of several runs, with their spread.
    pub(crate) fn median(
        name: impl Into<String>,
        unit: &'static str,
        better: Better,
        runs: &mut [f64],
    ) -> Self {
        let median = crate::percentile(runs, 0.5);
        let (least, most) = (runs[0], runs[runs.len() - 1]);
        let mut row = Self::new(name, unit, better, median);
        row.spread = (least > 0.0).then_some(most / least);
        row
    }
}

/// A table for people.
pub(crate) fn print_table(rows: &[Row]) {
    println!(
        "{:<46} {:>12} {:<10} {:>12} {:>8} {:>10} {:<5} beside",
        "row", "ours", "unit", "reference", "ratio", "goal", "met"
    );
    let figure = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"));
    for row in rows {
        println!(
            "{:<46} {:>12.3} {:<10} {:>12} {:>8} {:>10} {:<5} {}",
            row.name,
            row.ours,
            row.unit,
            figure(row.reference),
            figure(row.ratio),
            figure(row.goal),
            row.met.map_or("–", |met| if met { "yes" } else { "no" }),
            row.reference_name.unwrap_or("–"),
        );
    }
}

/// Cargo's target folder: the one this program was built into.
pub(crate) fn target_dir() -> PathBuf {
    let exe = std::env::current_exe().expect("a running program has a path");
    exe.ancestors()
        .find(|dir| dir.join("CACHEDIR.TAG").exists())
        .map_or_else(|| PathBuf::from("target"), std::path::Path::to_path_buf)
}

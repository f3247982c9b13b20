//! Calls of two bots beside calls of two browsers over the same networks, by `scripts/bench_browser.sh`: this end runs it
//! and makes rows of what it measured.

use crate::row::{Better, Row};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

type Fault = Box<dyn std::error::Error>;

/// What is compared: (figure, unit, which way is better).
const FIGURES: [(&str, &str, Better); 7] = [
    ("glass_to_glass_p50", "ms", Better::Lower),
    ("glass_to_glass_p95", "ms", Better::Lower),
    ("fps", "fps", Better::Higher),
    ("frozen_pct", "%", Better::Lower),
    ("longest_freeze_ms", "ms", Better::Lower),
    ("bitrate_bps", "bit/s", Better::Higher),
    ("cpu_s_per_min", "s", Better::Lower),
];

pub(crate) fn rows() -> Result<Vec<Row>, Fault> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("the workspace has a root")?;
    let figures = root.join("target/browser.json");
    // Where namespaces are not permitted the script says so and measures nothing: old figures must not stand in.
    std::fs::remove_file(&figures).or_else(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    })?;
    let status = Command::new(root.join("scripts/bench_browser.sh")).status()?;
    if !status.success() {
        return Err(format!("scripts/bench_browser.sh ended with {status}").into());
    }
    let Ok(text) = std::fs::read_to_string(&figures) else { return Ok(Vec::new()) };
    let cases: Vec<Value> = serde_json::from_str(&text)?;
    Ok(cases.iter().flat_map(rows_of).collect())
}

/// One row for each figure that both kinds of ends have.
fn rows_of(case: &Value) -> Vec<Row> {
    let name = case["case"].as_str().unwrap_or_default();
    let row = |(figure, unit, better): (&str, &'static str, Better)| {
        let pair = &case["figures"][figure];
        let row = Row::new(format!("browser {name}: {figure}"), unit, better, pair[0].as_f64()?);
        Some(row.beside("Chromium pair", pair[1].as_f64()?))
    };
    FIGURES.into_iter().filter_map(row).collect()
}

//! Calls over bad networks, by `scripts/bench_network.sh`: this end runs it and makes rows of what it measured.

use crate::row::{Better, Row};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

type Fault = Box<dyn std::error::Error>;

pub(crate) fn rows() -> Result<Vec<Row>, Fault> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("the workspace has a root")?;
    let figures = root.join("target/network.json");
    // Where namespaces are not permitted the script says so and measures nothing: old figures must not stand in.
    std::fs::remove_file(&figures).or_else(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    })?;
    let status = Command::new(root.join("scripts/bench_network.sh")).status()?;
    if !status.success() {
        return Err(format!("scripts/bench_network.sh ended with {status}").into());
    }
    let Ok(text) = std::fs::read_to_string(&figures) else { return Ok(Vec::new()) };
    let cases: Vec<Value> = serde_json::from_str(&text)?;
    Ok(cases.iter().flat_map(rows_of).collect())
}

/// One row for each goal of a case; what was not reached at all has no row.
fn rows_of(case: &Value) -> Vec<Row> {
    let name = case["case"].as_str().unwrap_or_default();
    let row = |goal: &Value| {
        let better = if goal["better"] == "lower" { Better::Lower } else { Better::Higher };
        let figure = goal["figure"].as_str()?;
        let row = Row::new(format!("network {name}: {figure}"), unit(figure), better, goal["ours"].as_f64()?);
        Some(row.goal(goal["goal"].as_f64()?))
    };
    case["goals"].as_array().map(|goals| goals.iter().filter_map(row).collect()).unwrap_or_default()
}

fn unit(figure: &str) -> &'static str {
    match figure {
        "fps" => "fps",
        _ if figure.ends_with("_pct") => "%",
        _ if figure.ends_with("_db") => "dB",
        _ if figure.starts_with("s_") => "s",
        _ => "ms",
    }
}

//! The scoreboard: what Castle costs and how fast it is, beside something to compare it with, in one run.
//!
//! Prints a table and writes `target/bench.json`. `ROWS=match,login,store,relay,memory,turn,call,ui` picks groups; these by default.
//! `network` and `browser`, which take ten minutes and root, run where they are named.
//! Asserts nothing: figures are read, not gated.

mod browser;
mod call;
mod login;
mod matching;
mod memory;
mod network;
mod relay;
mod row;
mod store;
mod turn;
mod ui;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if let Some(kind) = std::env::args().skip_while(|arg| arg != "--serve").nth(1) {
        return relay::serve(&kind);
    }
    let wanted =
        std::env::var("ROWS").unwrap_or_else(|_| "match,login,store,relay,memory,turn,call,ui".to_owned());
    let mut rows = Vec::new();
    for group in wanted.split(',').map(str::trim) {
        eprintln!("measuring {group} …");
        match group {
            "match" => rows.extend(matching::rows()),
            "login" => rows.extend(login::rows()?),
            "store" => rows.extend(store::rows()?),
            "relay" => rows.extend(relay::rows()?),
            "memory" => rows.extend(memory::rows()?),
            "turn" => rows.extend(turn::rows()?),
            "call" => rows.extend(call::rows()?),
            "ui" => rows.extend(ui::rows()),
            "network" => rows.extend(network::rows()?),
            "browser" => rows.extend(browser::rows()?),
            other => return Err(format!("ROWS: there is no group {other:?}").into()),
        }
    }
    row::print_table(&rows);
    let path = row::target_dir().join("bench.json");
    std::fs::write(&path, serde_json::to_string_pretty(&rows)?)?;
    println!("\nwritten to {}", path.display());
    Ok(())
}

/// The value below which `share` of the sorted `values` lie.
pub(crate) fn percentile(values: &mut [f64], share: f64) -> f64 {
    assert!(!values.is_empty(), "something was measured");
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share).round() as usize]
}

//! Whole calls between two bots on this machine: the desktop program as it is shipped, through a real server. `call/setup.rs`: how
//! long the connection alone takes, by each way there is. `call/answered.rs`: how soon pictures come once somebody accepts.

mod answered;
mod setup;

use crate::relay::Process;
use crate::row::{Better, Row};
use serde_json::Value;
use std::process::{Child, Command, Stdio};

/// How long each call is held, seconds.
const SECONDS: u32 = 12;
/// Calls of each size; the median is shown.
const CALLS: usize = 3;

type Fault = Box<dyn std::error::Error>;

pub(crate) fn rows() -> Result<Vec<Row>, Fault> {
    let dir = tempfile::tempdir()?;
    let password = dir.path().join("password");
    std::fs::write(&password, "a long enough password")?;
    let server = Process::start("castle")?;
    let mut rows = setup::rows()?;
    for (label, camera) in [("640x360@30", "pattern:640x360@30"), ("1280x720@30", "pattern:1280x720@30")] {
        let mut reports = Vec::new();
        for number in 0..CALLS {
            // New guests for each call: the same two are not matched again for a minute.
            let bots = ["one", "two"].map(|name| {
                let name = format!("{name}-{number}-{}", camera.len());
                start(&server, &name, camera, &password)
            });
            for bot in bots {
                let output = bot?.wait_with_output()?;
                let text = String::from_utf8(output.stdout)?;
                let line = text.lines().last().ok_or("a bot prints its report")?;
                reports.push(serde_json::from_str::<Value>(line)?);
            }
        }
        rows.extend(rows_of(label, &reports));
        rows.push(answered::row(&server, label, camera)?);
    }
    Ok(rows)
}

fn start(server: &Process, name: &str, camera: &str, password: &std::path::Path) -> std::io::Result<Child> {
    Command::new(env!("CARGO_BIN_EXE_castle-desktop"))
        .args(["bot", "--server", &server.url, "--name", name, "--invite", &server.invitation, "--match"])
        .args(["--camera", camera, "--reference", camera, "--mic", "tone"])
        .args(["--duration", &format!("{SECONDS}s"), "--password-file"])
        .arg(password)
        .stdout(Stdio::piped())
        .spawn()
}

fn rows_of(label: &str, reports: &[Value]) -> Vec<Row> {
    let figures = |path: &str| -> Vec<f64> {
        reports.iter().filter_map(|report| report.pointer(path).and_then(Value::as_f64)).collect()
    };
    let row = |figure: &str, unit, better, mut values: Vec<f64>| {
        (!values.is_empty())
            .then(|| Row::median(format!("call {label}: {figure}"), unit, better, &mut values))
    };
    let cpu = figures("/cpu_s").into_iter().map(|seconds| seconds * 60.0 / f64::from(SECONDS)).collect();
    let goal = |row: Option<Row>, goal: f64| row.map(|row| row.goal(goal));
    [
        row("matched to first frame shown", "ms", Better::Lower, figures("/ms/first_frame_shown")),
        goal(row("glass to glass p50", "ms", Better::Lower, figures("/video/glass_to_glass_p50")), 50.0),
        goal(row("glass to glass p95", "ms", Better::Lower, figures("/video/glass_to_glass_p95")), 80.0),
        goal(row("frames shown", "fps", Better::Higher, figures("/video/fps")), 29.0),
        row("freezes", "count", Better::Lower, figures("/video/freezes")),
        row("PSNR-Y p50", "dB", Better::Higher, figures("/video/psnr_db_p50")),
        row("mouth to ear p50", "ms", Better::Lower, figures("/audio/mouth_to_ear_p50")),
        row("CPU per call minute, one client", "s", Better::Lower, cpu),
        row("largest memory, one client", "KiB", Better::Lower, figures("/max_rss_kib")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

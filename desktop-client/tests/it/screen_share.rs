//! Screens shared between bots as they are shipped: a page of text one way, a real display of X11 the other.

use crate::programs::{BotProcess, ServerProcess};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

/// An X server without a screen; killed when dropped.
struct Xvfb {
    child: Child,
    display: String,
}

impl Xvfb {
    fn start(size: &str) -> Self {
        let mut child = Command::new("Xvfb")
            .args(["-displayfd", "1", "-nolisten", "tcp", "-screen", "0", &format!("{size}x24")])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb is installed (scripts/setup.sh test)");
        let mut number = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut number).expect("it tells its display");
        Self { child, display: format!(":{}", number.trim()) }
    }
}

impl Drop for Xvfb {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn figure(report: &Value, path: &str) -> f64 {
    report
        .pointer(path)
        .and_then(Value::as_f64)
        .unwrap_or_else(|| panic!("{path} is no figure in {report:#}"))
}

#[test]
fn two_ends_share_their_screens_at_once_and_each_sees_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(&folder.path().join("data"), "direct");
    let invite = server.invite(2);
    let display = Xvfb::start("1000x600");
    let ada = BotProcess::start(&server, "ada", 6, &["--match", "--invite", &invite, "--screen", "pattern"]);
    let more = ["--match", "--invite", &invite, "--screen", "display", "--screen-reference", "pattern"];
    let bea = BotProcess::start_as(&server, "bea", 6, &more, |command| {
        command.env("DISPLAY", &display.display).env_remove("WAYLAND_DISPLAY");
    });
    let [(ada_well, ada), (bea_well, bea)] = [ada, bea].map(BotProcess::finish);
    println!("{}\n{}", ada["screen"], bea["screen"]);
    assert!(ada_well && bea_well, "{ada:#} {bea:#}");
    assert_eq!((&ada["errors"], &bea["errors"]), (&Value::Array(vec![]), &Value::Array(vec![])));
    assert_eq!((&ada["screen"]["width"], &ada["screen"]["height"]), (&1000.into(), &600.into()), "{ada:#}");
    assert_eq!((&bea["screen"]["width"], &bea["screen"]["height"]), (&1280.into(), &720.into()), "{bea:#}");
    assert!(figure(&ada, "/screen/frames_shown") >= 1.0 && figure(&bea, "/screen/frames_sent") >= 1.0);
    assert!(figure(&bea, "/screen/frames_shown") >= 10.0, "{bea:#}");
    assert!(figure(&bea, "/screen/psnr_db_p50") >= 30.0, "the text can be read: {bea:#}");
    for report in [&ada, &bea] {
        assert!(figure(report, "/video/frames_shown") >= 30.0, "the cameras go on: {report:#}");
    }
}

#[test]
fn where_the_screen_cannot_be_had_the_call_goes_on_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(&folder.path().join("data"), "direct");
    let invite = server.invite(2);
    let ada = BotProcess::start(&server, "ada", 2, &["--match", "--invite", &invite]);
    let more = ["--match", "--invite", &invite, "--screen", "display"];
    let bea = BotProcess::start_as(&server, "bea", 2, &more, |command| {
        command.env("WAYLAND_DISPLAY", "wayland-0");
    });
    let [(ada_well, ada), (bea_well, bea)] = [ada, bea].map(BotProcess::finish);
    assert!(ada_well && bea_well, "{ada:#} {bea:#}");
    let said = bea["errors"][0].as_str().unwrap_or_default();
    assert!(said.contains("Wayland session"), "{bea:#}");
    assert_eq!(ada["screen"]["frames_shown"], 0, "{ada:#}");
}

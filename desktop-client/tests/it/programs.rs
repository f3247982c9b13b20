//! The programs as they are shipped: a server process with a data folder on disk, and bots as processes.

use serde_json::Value;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The password of all guests here.
pub(crate) const PASSWORD: &str = "mirror mirror on the wall";

pub(crate) fn desktop() -> &'static str {
    env!("CARGO_BIN_EXE_castle-desktop")
}

fn server() -> PathBuf {
    let path = Path::new(desktop()).with_file_name("castle-server");
    assert!(
        path.exists(),
        "{} is missing: build the whole workspace (cargo build --workspace)",
        path.display()
    );
    path
}

/// A server process; killed when dropped.
pub(crate) struct ServerProcess {
    child: Child,
    data_dir: PathBuf,
    pub(crate) url: String,
}

impl ServerProcess {
    /// Starts one on `data_dir` at free ports, and waits until it serves.
    pub(crate) fn start(data_dir: &Path, match_route: &str) -> Self {
        Self::start_at("127.0.0.1:0", data_dir, match_route)
    }

    /// The same at an address that guests know already.
    pub(crate) fn start_at(listen: &str, data_dir: &Path, match_route: &str) -> Self {
        Self::start_with(listen, data_dir, &["--match-route", match_route])
    }

    /// The same with other settings.
    pub(crate) fn start_with<T: AsRef<OsStr>>(listen: &str, data_dir: &Path, more: &[T]) -> Self {
        let mut child = Command::new(server())
            .args([
                "serve",
                "--json",
                "--listen",
                listen,
                "--turn-listen",
                "127.0.0.1:0",
                "--http-listen",
                "127.0.0.1:0",
            ])
            .args(more)
            .arg("--data-dir")
            .arg(data_dir)
            .stdout(Stdio::piped())
            .spawn()
            .expect("castle-server can be started");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("stdout is piped");
        BufReader::new(stdout).read_line(&mut line).expect("it prints where it listens");
        let listening: Value = serde_json::from_str(&line).expect("one JSON object");
        let grpc: SocketAddr =
            listening["grpc"].as_str().and_then(|a| a.parse().ok()).expect("a real address");
        assert_ne!(grpc.port(), 0);
        Self {
            child,
            data_dir: data_dir.to_owned(),
            url: listening["url"].as_str().expect("a url").to_owned(),
        }
    }

    /// Makes an invitation through the command line; its code.
    pub(crate) fn invite(&self, uses: u32) -> String {
        self.invitation(uses)["code"].as_str().expect("a code").to_owned()
    }

    /// The same, with all that is printed of it.
    pub(crate) fn invitation(&self, uses: u32) -> Value {
        let made = Command::new(server())
            .args(["invite", "create", "--json", "--uses", &uses.to_string(), "--data-dir"])
            .arg(&self.data_dir)
            .output()
            .expect("castle-server can be started");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        serde_json::from_slice(&made.stdout).expect("one JSON object")
    }

    /// Asks it to stop as an init system does, and waits until it has.
    pub(crate) fn terminate(mut self) {
        let killed = Command::new("kill").arg(self.child.id().to_string()).status().expect("kill is there");
        assert!(killed.success());
        let ended = self.child.wait().expect("it is our child");
        assert!(ended.success(), "a server that was asked to stop ends well: {ended}");
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A bot process; killed when dropped before its end.
pub(crate) struct BotProcess {
    name: String,
    child: Child,
}

impl BotProcess {
    /// Starts a bot that waits for a match for `seconds`.
    pub(crate) fn start(server: &ServerProcess, name: &str, seconds: u32, more: &[&str]) -> Self {
        Self::start_as(server, name, seconds, more, |_| ())
    }

    /// The same, with what `dress` does to the process: its environment, its standard error.
    pub(crate) fn start_as(
        server: &ServerProcess,
        name: &str,
        seconds: u32,
        more: &[&str],
        dress: impl FnOnce(&mut Command),
    ) -> Self {
        let folder = server.data_dir.parent().expect("the data folder is inside the test's");
        Self::start_at(&server.url, folder, name, seconds, more, dress)
    }

    /// The same at any server; the password file goes into `folder`.
    pub(crate) fn start_at(
        url: &str,
        folder: &Path,
        name: &str,
        seconds: u32,
        more: &[&str],
        dress: impl FnOnce(&mut Command),
    ) -> Self {
        let password = folder.join(format!("{name}.password"));
        std::fs::write(&password, PASSWORD).expect("the folder is writable");
        let mut command = Command::new(desktop());
        command
            .args(["bot", "--server", url, "--name", name, "--password-file"])
            .arg(password)
            .args(["--duration", &format!("{seconds}s")])
            .args(more)
            .stdout(Stdio::piped());
        dress(&mut command);
        Self { name: name.to_owned(), child: command.spawn().expect("castle-desktop can be started") }
    }

    /// Kills it, as a crash would.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it is our child");
        self.child.wait().expect("it is our child");
    }

    /// Asks it to end, as an init system does.
    pub(crate) fn ask_to_end(&self) {
        let killed = Command::new("kill").arg(self.child.id().to_string()).status().expect("kill is there");
        assert!(killed.success());
    }

    /// Waits for its end; whether it says it went well, and its report.
    pub(crate) fn finish(mut self) -> (bool, Value) {
        let stdout = self.child.stdout.take().expect("stdout is piped");
        let last = BufReader::new(stdout).lines().map_while(Result::ok).last();
        let status = self.child.wait().expect("it is our child");
        let last = last.unwrap_or_else(|| panic!("{} ended with {status} and no report", self.name));
        let report =
            serde_json::from_str(&last).unwrap_or_else(|_| panic!("{}: not a report: {last}", self.name));
        (status.success(), report)
    }
}

impl Drop for BotProcess {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

//! The program as a host and their scripts use it.

use crate::signaling::Signal;
use crate::support::{PASSWORD, TestGuest, logging_in, reason, registering};
use castle::v1;
use castle::v1::castle_service_client::CastleServiceClient;
use castle::v1::signal_response::Frame as Response;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::task::JoinSet;

/// The program with no setting from outside, in a folder of its own.
pub(crate) fn castle_server(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_castle-server"));
    command.args(arguments).env_clear().current_dir(home).stdin(Stdio::null());
    command
}

pub(crate) fn run(home: &Path, arguments: &[&str]) -> Output {
    castle_server(home, arguments).output().unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub(crate) fn json_of(output: &Output) -> Value {
    assert!(output.status.success(), "{}", stderr(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

pub(crate) const FREE_PORTS: [&str; 7] =
    ["serve", "--listen", "127.0.0.1:0", "--turn-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"];

/// A server in a process of its own.
pub(crate) struct Served {
    pub(crate) child: Child,
    pub(crate) said: Value,
}

impl Served {
    pub(crate) fn start(home: &Path) -> Self {
        Self::start_with(home, &[], Stdio::null())
    }

    pub(crate) fn start_with(home: &Path, settings: &[&str], log: Stdio) -> Self {
        let arguments = [&FREE_PORTS[..], &["--json", "--data-dir", "data"], settings].concat();
        let mut child = castle_server(home, &arguments).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, said: serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}")) }
    }

    pub(crate) async fn client(&self) -> CastleServiceClient<tonic::transport::Channel> {
        CastleServiceClient::connect(self.said["url"].as_str().unwrap().to_owned()).await.unwrap()
    }

    pub(crate) fn terminate(mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap()
    }
}

/// SIGKILL: a test that fails leaves no server behind.
impl Drop for Served {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn end(child: &mut Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test]
async fn serve_says_where_it_is_reached_and_ends_cleanly() {
    let home = TempDir::new().unwrap();
    let served = Served::start(home.path());
    let keys: Vec<&String> = served.said.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["data_dir", "grpc", "http", "turn", "url", "version"]);
    assert_eq!(served.said["url"], format!("http://{}", served.said["grpc"].as_str().unwrap()));
    assert!(served.said["turn"][0].as_str().unwrap().starts_with("udp:127.0.0.1:"));
    assert!(served.said["http"].as_str().unwrap().starts_with("127.0.0.1:"));
    let refused = served.client().await.login(logging_in("nobody", PASSWORD)).await.unwrap_err();
    assert_eq!(reason(&refused), "BAD_CREDENTIALS");
    let mode = |name: &str| home.path().join(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("data"), mode("data/admin.sock")), (0o700, 0o600));
    assert_eq!(served.terminate().code(), Some(0));
    assert!(!home.path().join("data/admin.sock").exists());
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let home = TempDir::new().unwrap();
    let mut served = Served::start_with(home.path(), &[], Stdio::piped());
    let create = ["invite", "create", "--json", "--data-dir", "data"];
    let code = json_of(&run(home.path(), &create))["code"].as_str().unwrap().to_owned();
    let mut client = served.client().await;
    let request = v1::RegisterRequest { invitation_code: code, ..registering("alice") };
    let registered = client.register(request).await.unwrap().into_inner();
    let mut alice =
        TestGuest { client, guest: registered.guest.unwrap(), tokens: registered.tokens.unwrap() };
    let mut signal = Signal::open(&mut alice).await;
    let pid = served.child.id().to_string();
    let terminate = || assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    terminate();
    signal.until(|frame| matches!(frame.frame, Some(Response::GoAway(_))).then_some(())).await;
    assert!(served.child.try_wait().unwrap().is_none(), "it waits for the session to go");
    let forced = std::time::Instant::now();
    terminate();
    let mut log = String::new();
    served.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(log.contains("the drain was cut short"), "{log}");
    assert_eq!(served.child.wait().unwrap().code(), Some(0));
    let took = forced.elapsed();
    assert!(took < Duration::from_secs(2), "at once, and not at the deadline: {took:?}");
}

#[tokio::test]
async fn serve_tells_people_how_to_begin() {
    let home = TempDir::new().unwrap();
    let mut child =
        castle_server(home.path(), &FREE_PORTS).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said: Vec<String> = Vec::new();
    while said.len() < 8 {
        said.push(lines.next().expect("a line").unwrap());
    }
    assert!(said[1].starts_with("listening grpc 127.0.0.1:"), "{said:?}");
    assert!(said[2].starts_with("listening turn udp 127.0.0.1:"), "{said:?}");
    assert!(said[3].starts_with("listening turn tcp 127.0.0.1:"), "{said:?}");
    assert!(said[4].starts_with("listening http 127.0.0.1:"), "{said:?}");
    assert!(said[5].contains("grpcurl -plaintext 127.0.0.1:"), "{said:?}");
    assert!(said[7].starts_with("castle-server invite create --data-dir "), "{said:?}");
    end(&mut child);
}

#[tokio::test]
async fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let home = TempDir::new().unwrap();
    let url = |environment: Option<&str>, flag: Option<&str>| {
        let mut command = castle_server(home.path(), &FREE_PORTS);
        command.args(["--json"]).args(flag.map(|url| format!("--public-url={url}")));
        command.envs(environment.map(|url| ("CASTLE_PUBLIC_URL", url)));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        end(&mut child);
        serde_json::from_str::<Value>(&line).unwrap()["url"].as_str().unwrap().to_owned()
    };
    std::fs::write(home.path().join(".env"), "CASTLE_PUBLIC_URL=http://file:1\n").unwrap();
    assert_eq!(url(None, None), "http://file:1");
    assert_eq!(url(Some("http://environment:2"), None), "http://environment:2");
    assert_eq!(url(Some("http://environment:2"), Some("http://flag:3")), "http://flag:3");
}

#[tokio::test]
async fn wrong_usage_and_wrong_configuration_have_their_exit_codes() {
    let home = TempDir::new().unwrap();
    let code = |arguments: &[&str]| run(home.path(), arguments).status.code().unwrap();
    assert_eq!(code(&["--help"]), 0);
    assert_eq!(code(&["serve", "--help"]), 0);
    assert_eq!(code(&["dance"]), 2);
    assert_eq!(code(&["serve", "--listen", "nonsense"]), 2);
    assert_eq!(code(&["serve", "--listen", "192.0.2.1:1"]), 64);
    assert_eq!(code(&["serve", "--public-url", "nonsense"]), 64);
    assert_eq!(code(&["guest", "list", "--data-dir", "nowhere"]), 1);
    let mut command = castle_server(home.path(), &["serve"]);
    assert_eq!(command.env("CASTLE_LISTEN", "nonsense").status().unwrap().code(), Some(64));
    let mut said = castle_server(home.path(), &["serve", "--listen", "192.0.2.77:1"]);
    let said = said.env("CASTLE_PLAINTEXT", "1").output().unwrap();
    assert_eq!(said.status.code(), Some(1), "plaintext was said, the address is not ours: {}", stderr(&said));
    let elsewhere = [&FREE_PORTS[..], &["--turn-relay-address", "192.0.2.77"]].concat();
    let refused = run(home.path(), &elsewhere);
    assert_eq!(refused.status.code(), Some(1), "the relay could serve nobody: {}", stderr(&refused));
    assert!(stderr(&refused).contains("192.0.2.77"), "{}", stderr(&refused));
    std::fs::write(home.path().join(".env"), "not a setting\n").unwrap();
    assert_eq!(code(&["serve"]), 64);
}

#[tokio::test]
async fn a_second_server_on_the_same_data_is_refused_in_words() {
    let home = TempDir::new().unwrap();
    let served = Served::start(home.path());
    let second = run(home.path(), &[&FREE_PORTS[..], &["--data-dir", "data"]].concat());
    assert_eq!(second.status.code(), Some(1));
    assert!(stderr(&second).contains("is in use by another castle-server"), "{}", stderr(&second));
    assert_eq!(served.terminate().code(), Some(0));
}

#[tokio::test]
async fn invitations_and_lists_work_with_a_server_and_without() {
    let home = TempDir::new().unwrap();
    let create = ["invite", "create", "--data-dir", "data", "--json", "--uses", "2", "--expires", "1h"];
    let list = ["guest", "list", "--data-dir", "data", "--json"];
    let served = Served::start(home.path());
    let made = json_of(&run(home.path(), &create));
    let keys: Vec<&String> = made.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["code", "expires_at", "id", "link", "uses"]);
    assert_eq!(made["uses"], 2);
    let code = made["code"].as_str().unwrap().to_owned();
    assert_eq!(
        made["link"],
        format!("castle+plaintext://{}/?invite={code}", served.said["grpc"].as_str().unwrap())
    );
    let request = v1::RegisterRequest { invitation_code: code, ..registering("alice") };
    served.client().await.register(request).await.unwrap();
    let listed = json_of(&run(home.path(), &list));
    assert_eq!((listed[0]["name"].as_str(), listed[0]["role"].as_str()), (Some("alice"), Some("guest")));
    assert_eq!(served.terminate().code(), Some(0));
    assert_eq!(json_of(&run(home.path(), &list)), listed, "the same from the store itself");
    let made = json_of(&run(home.path(), &create));
    let served = Served::start(home.path());
    let code = made["code"].as_str().unwrap().to_owned();
    let request = v1::RegisterRequest { invitation_code: code, ..registering("bob") };
    assert!(served.client().await.register(request).await.is_ok(), "an invitation made without a server");
    let refused = run(home.path(), &["invite", "create", "--data-dir", "data", "--uses", "10001"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("uses"), "{}", stderr(&refused));
    let table = stdout(&run(home.path(), &list[..4]));
    let names: Vec<&str> = table.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(names, ["NAME", "alice", "bob"], "{table}");
}

#[test]
fn a_link_made_while_no_server_runs_is_pinned_and_leads_where_the_last_one_was() {
    let home = TempDir::new().unwrap();
    let sealed = ["--public-url", "https://castle.example:8443", "--tls-self-signed"];
    let create = ["invite", "create", "--data-dir", "data", "--json"];
    let link = |more: &[&str]| {
        let made = json_of(&run(home.path(), &[&create[..], more].concat()));
        let (code, link) = (made["code"].as_str().unwrap(), made["link"].as_str().unwrap());
        link.replace(code, "CODE")
    };
    let served = Served::start_with(home.path(), &sealed, Stdio::null());
    let told = link(&[]);
    assert!(told.starts_with("castle://castle.example:8443/?invite=CODE&pin=sha256:"), "{told}");
    assert_eq!(served.terminate().code(), Some(0));
    assert_eq!(link(&[]), told, "without a server");
    let elsewhere = link(&["--public-url", "https://other.example"]);
    assert_eq!(elsewhere, told.replace("castle.example:8443", "other.example:443"), "the certificate stays");
    let served = Served::start(home.path());
    let grpc = served.said["grpc"].as_str().unwrap().to_owned();
    assert_eq!(served.terminate().code(), Some(0));
    assert_eq!(link(&[]), format!("castle+plaintext://{grpc}/?invite=CODE"), "it was the last one");
}

#[tokio::test]
async fn the_log_goes_to_standard_error_as_asked() {
    let home = TempDir::new().unwrap();
    let arguments = [&FREE_PORTS[..], &["--log", "debug"]].concat();
    let mut child =
        castle_server(home.path(), &arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 32];
    child.stderr.take().unwrap().read_exact(&mut first).unwrap();
    end(&mut child);
}

#[test]
fn strangers_cannot_fill_the_log_with_stray_packets() {
    let home = TempDir::new().unwrap();
    let mut served = Served::start_with(home.path(), &[], Stdio::piped());
    let turn = served.said["turn"][0].as_str().unwrap().trim_start_matches("udp:").to_owned();
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    stranger.connect(turn).unwrap();
    for length in 1..200 {
        stranger.send(&vec![0x41; length]).unwrap();
    }
    // Its answer to a good request comes after all of them.
    stranger.send(b"\x00\x01\x00\x00\x21\x12\xa4\x42binding-one!").unwrap();
    stranger.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stranger.recv(&mut [0; 512]).unwrap();
    let mut log = served.child.stderr.take().unwrap();
    assert_eq!(served.terminate().code(), Some(0));
    let mut said = String::new();
    log.read_to_string(&mut said).unwrap();
    assert!(said.contains("drained") && said.lines().count() < 10, "{said}");
}

/// How often the server is killed.
const KILLS: usize = 4;
/// Registrations under way at once.
const AT_ONCE: usize = 6;
/// Acknowledged registrations after which it is killed.
const ACKNOWLEDGED: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_guests_register_it_loses_nothing_acknowledged() {
    let home = TempDir::new().unwrap();
    let mut acknowledged: Vec<String> = Vec::new();
    let mut codes: Vec<String> = Vec::new();
    let mut used_by: BTreeMap<String, usize> = BTreeMap::new();
    for round in 0..KILLS {
        let served = Served::start(home.path());
        let create = ["invite", "create", "--data-dir", "data", "--json", "--uses", "2"];
        let made = json_of(&run(home.path(), &create));
        let code = made["code"].as_str().unwrap().to_owned();
        let mut registering_now = JoinSet::new();
        for n in 0..AT_ONCE {
            let name = format!("guest-{round}-{n}");
            // Three guests want each use of one of this round's two invitations, the rest have their own.
            let own = json_of(&run(home.path(), &create))["code"].as_str().unwrap().to_owned();
            let invitation_code = if n < 3 { code.clone() } else { own };
            let mut client = served.client().await;
            registering_now.spawn(async move {
                let request =
                    v1::RegisterRequest { invitation_code: invitation_code.clone(), ..registering(&name) };
                (name, invitation_code, client.register(request).await)
            });
        }
        codes.push(code);
        let mut in_this_round = 0;
        let mut served = Some(served);
        while let Some(done) = registering_now.join_next().await {
            let (name, invitation_code, answer) = done.unwrap();
            if answer.is_ok() {
                acknowledged.push(name);
                *used_by.entry(invitation_code).or_default() += 1;
                in_this_round += 1;
            }
            if in_this_round == ACKNOWLEDGED
                && let Some(served) = served.take()
            {
                drop(served); // with the others on their way
            }
        }
    }
    let served = Served::start(home.path());
    for name in &acknowledged {
        let login = served.client().await.login(logging_in(name, PASSWORD)).await;
        assert!(login.is_ok(), "{name} was acknowledged: {login:?}");
    }
    assert!(acknowledged.len() >= KILLS * ACKNOWLEDGED);
    assert!(used_by.values().all(|&uses| uses <= 2), "{used_by:?}");
    // What the store holds, acknowledged or not, never exceeds an invitation's uses either.
    let listed = json_of(&run(home.path(), &["guest", "list", "--data-dir", "data", "--json"]));
    for round in 0..KILLS {
        let of_the_shared_code = (0..3)
            .filter(|n| {
                let name = format!("guest-{round}-{n}");
                listed.as_array().unwrap().iter().any(|row| row["name"] == name.as_str())
            })
            .count();
        assert!(of_the_shared_code <= 2, "round {round}: {listed}");
    }
    // And who was not there before the kill can still use what is left of a code, but no more than that.
    for code in codes {
        let request = v1::RegisterRequest { invitation_code: code, ..registering("one-more-guest") };
        if let Err(status) = served.client().await.register(request).await {
            assert!(matches!(reason(&status).as_str(), "INVITATION_SPENT" | "NAME_TAKEN"), "{status}");
        }
    }
}

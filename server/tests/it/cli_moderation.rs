//! `invite`, `guest`, `report` and `audit` as a host types them: tables, JSON and exit codes, with no server running.

use crate::support::TestServer;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The program with no setting from outside, on the data in `data`.
fn run(data: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_castle-server"));
    command.args(arguments).arg("--data-dir").arg(data).env_clear().current_dir(data).stdin(Stdio::null());
    command.output().unwrap()
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn json(data: &Path, arguments: &[&str]) -> Value {
    let text = stdout(&run(data, &[arguments, &["--json"]].concat()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn keys(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

/// `text` with every id and time as `<id>` and `<time>`, and runs of blanks as one.
fn plain(text: &str) -> String {
    let known = |word: &str| {
        let (prefix, digits) = word.split_once('_').unwrap_or_default();
        if digits.len() == 32 && ["gst", "inv", "rep", "lgn"].contains(&prefix) {
            return "<id>".to_owned();
        }
        let (time, colon) = word.strip_suffix(':').map_or((word, ""), |time| (time, ":"));
        let is_time = time.len() == 20 && time.ends_with('Z') && time.as_bytes()[10] == b'T';
        if is_time { format!("<time>{colon}") } else { word.to_owned() }
    };
    let line = |line: &str| line.split_whitespace().map(known).collect::<Vec<_>>().join(" ");
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_host_keeps_order_from_the_command_line() {
    let server = TestServer::start().await;
    for name in ["ann", "ben"] {
        server.guest(name).await;
    }
    let stopped = server.stop().await;
    let data = stopped.data_dir();
    let said = |arguments: &[&str]| plain(&stdout(&run(data, arguments)));
    assert_eq!(
        said(&["guest", "list"]),
        "NAME DISPLAY NAME ROLE ONLINE BANNED LAST LOGIN\n\
         ann ann guest no no <time>\n\
         ben ben guest no no <time>"
    );
    assert_eq!(said(&["guest", "ban", "BEN", "--reason", "spam"]), "banned ben");
    assert_eq!(said(&["guest", "grant-admin", "ann"]), "is admin now: ann");
    assert_eq!(
        said(&["guest", "show", "ben"]),
        "name ben\ndisplay name ben\nid <id>\nrole guest\nonline no\nbanned <time>: spam\nmade <time>\n\
         last login <time>\nopen reports 0\ndevices 0"
    );
    assert_eq!(said(&["guest", "unban", "ben"]), "may log in again: ben");
    assert_eq!(said(&["guest", "disconnect", "ben"]), "ended all logins of ben, and 0 sessions");
    assert_eq!(said(&["report", "list"]), "ID FILED ABOUT BY REASON CLOSED TEXT");
    assert_eq!(said(&["guest", "delete", "ben"]), "erased ben");
    assert_eq!(
        said(&["audit", "list", "--limit", "5"]),
        "AT BY ACTION TARGET DETAIL\n\
         <time> host DeleteGuest <id>\n\
         <time> host DisconnectGuest <id>\n\
         <time> host UnbanGuest <id>\n\
         <time> host SetRole <id> admin\n\
         <time> host BanGuest <id> spam"
    );
}

#[tokio::test]
async fn scripts_get_objects_with_the_same_fields_each_time() {
    let server = TestServer::start().await;
    server.guest("ann").await;
    let stopped = server.stop().await;
    let data = stopped.data_dir();
    let made = json(data, &["invite", "create", "--uses", "2", "--note", "two"]);
    assert_eq!(keys(&made), ["code", "expires_at", "id", "link", "uses"]);
    let listed = json(data, &["invite", "list"]);
    let invitation =
        ["created_at", "created_by", "expires_at", "id", "note", "role", "state", "used", "uses"];
    assert_eq!(keys(&listed[0]), invitation);
    assert_eq!((&listed[0]["id"], &listed[0]["state"]), (&made["id"], &Value::from("open")));
    assert_eq!(listed[1]["state"], "spent", "ann came by it");
    let id = made["id"].as_str().unwrap();
    assert_eq!(json(data, &["invite", "revoke", id]), serde_json::json!({"id": id, "state": "revoked"}));
    assert_eq!(json(data, &["invite", "list"])[0]["state"], "revoked");
    let account = [
        "ban_reason",
        "banned_at",
        "created_at",
        "display_name",
        "id",
        "last_login_at",
        "name",
        "online",
        "role",
    ];
    assert_eq!(keys(&json(data, &["guest", "list"])[0]), account);
    let mut shown = [&account[..], &["devices", "open_reports"]].concat();
    shown.sort_unstable();
    for command in ["show", "ban", "unban", "grant-admin"] {
        assert_eq!(keys(&json(data, &["guest", command, "ann"])), shown, "{command}");
    }
    let reset = json(data, &["guest", "reset-password", "ann"]);
    assert_eq!(keys(&reset), ["code", "expires_at", "id", "name"]);
    let log = json(data, &["audit", "list"]);
    assert_eq!(keys(&log[0]), ["action", "actor", "at", "detail", "target"]);
    assert_eq!((&log[0]["action"], &log[0]["actor"]), (&Value::from("CreateResetCode"), &Value::Null));
    assert_eq!(json(data, &["report", "list", "--all"]), serde_json::json!([]));
}

#[tokio::test]
async fn exit_codes_tell_wrong_usage_from_failure() {
    let server = TestServer::start().await;
    server.guest("ann").await;
    let stopped = server.stop().await;
    let data = stopped.data_dir();
    let code = |arguments: &[&str]| run(data, arguments).status.code().unwrap();
    let long = "x".repeat(257);
    for arguments in [
        &["invite", "create", "--uses", "0"][..],
        &["invite", "create", "--uses", "10001"],
        &["invite", "create", "--expires", "0s"],
        &["invite", "create", "--expires", "366d"],
        &["invite", "create", "--note", &long],
        &["invite", "revoke"],
        &["invite", "revoke", "not-an-id"],
        &["guest", "show", "no"],
        &["guest", "ban", "ann", "--reason", &long],
        &["guest", "promote", "ann"],
        &["report", "resolve", "not-an-id"],
        &["audit", "list", "--limit", "many"],
    ] {
        assert_eq!(code(arguments), 2, "{arguments:?}");
    }
    let nobody = format!("gst_{}", "0".repeat(32));
    for arguments in
        [&["guest", "show", "nobody"][..], &["guest", "ban", &nobody], &["guest", "delete", "nobody"]]
    {
        assert_eq!(code(arguments), 1, "{arguments:?}");
    }
    assert_eq!(code(&["guest", "grant-admin", "ann"]), 0);
    assert_eq!(code(&["guest", "revoke-admin", "ann"]), 1, "the last admin");
    for command in [&["invite", "list"][..], &["guest", "ban"], &["report", "resolve"], &["audit", "list"]] {
        let help = stdout(&run(data, &[command, &["--help"]].concat()));
        assert!(help.contains("--json") && help.contains("--data-dir"), "{help}");
    }
}

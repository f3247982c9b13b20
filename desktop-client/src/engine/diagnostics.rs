//! One file that says how this app is doing: versions, settings without secrets, the last log lines, the figures of the
//! last call. No password and no key to anything; no address and no name unless the person says so.

use super::record::CallRecord;
use super::scrub::Scrubber;
use crate::logs;
use crate::view::{
    BlockedGuest, CallStats, Checkup, Devices, HallRow, History, KnownServer, Me, Preferences, StatsHistory,
};
use castle::ids::CallId;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Log that goes in, bytes.
const LOG_BYTES: u64 = 256 * 1024;
/// Calls of the history that go in.
const CALLS_MAX: usize = 50;

/// What there is to tell, as it was when it was asked for.
pub(super) struct Known {
    /// Where the logs are.
    pub(super) logs: Option<PathBuf>,
    pub(super) preferences: Arc<Preferences>,
    pub(super) servers: Arc<Vec<KnownServer>>,
    pub(super) me: Option<Me>,
    pub(super) hall: Arc<Vec<HallRow>>,
    pub(super) history: History,
    pub(super) blocked: Arc<Vec<BlockedGuest>>,
    pub(super) record: CallRecord,
    pub(super) stats: StatsHistory,
    pub(super) ratings: Vec<(CallId, u8)>,
    pub(super) devices: Devices,
    pub(super) checkup: Option<Checkup>,
    /// Machines and devices that this run met.
    pub(super) met: Vec<String>,
    pub(super) with_names: bool,
}

/// The file's text, JSON. Reads the log, and takes as long as that takes.
pub(super) fn write(known: &Known) -> String {
    let scrubber =
        if known.with_names { Scrubber::of_secrets() } else { Scrubber::of_all(names(known).into_iter()) };
    let log = known.logs.as_deref().map(|folder| logs::tail(folder, LOG_BYTES)).unwrap_or_default();
    let report = json!({
        "program": env!("CARGO_PKG_NAME"),
        "version": env!("CARGO_PKG_VERSION"),
        "protocol": castle::PROTOCOL_VERSION,
        "system": std::env::consts::OS,
        "architecture": std::env::consts::ARCH,
        "written_at": seconds(SystemTime::now()),
        "with_names": known.with_names,
        "logged_in": known.me.as_ref().map(|me| &me.name),
        "servers": known.servers.iter().map(|server| json!({
            "server": server.server, "name": server.name, "remembered": server.remembered,
        })).collect::<Vec<_>>(),
        "preferences": *known.preferences,
        "devices": devices(&known.devices),
        "last_call": call(&known.record),
        "last_call_seconds": known.stats.iter().map(second).collect::<Vec<_>>(),
        "ratings": known.ratings.iter().map(|(call, stars)| json!({"call": call.to_string(), "stars": stars}))
            .collect::<Vec<_>>(),
        "calls": calls(&known.history),
        "checkup": known.checkup.as_ref().map(checkup),
        "log": log,
    });
    serde_json::to_string_pretty(&clean(report, &scrubber)).expect("values can be written")
}

/// Names of people, servers, devices and this machine, as far as they are known.
fn names(known: &Known) -> Vec<String> {
    let me = known.me.iter().flat_map(|me| [me.name.clone(), me.display_name.clone()]);
    let hall = known.hall.iter().flat_map(|row| [row.name.clone(), row.display_name.clone()]);
    let servers = known.servers.iter().flat_map(|server| {
        let host = server.server.split("://").last().unwrap_or_default();
        [
            server.name.clone(),
            host.to_owned(),
            host.rsplit_once(':').map_or(host, |(host, _)| host).to_owned(),
        ]
    });
    let calls = known.history.calls.iter().flat_map(|calls| calls.iter().map(|call| call.peer_name.clone()));
    let blocked = known.blocked.iter().map(|guest| guest.display_name.clone());
    let devices = [&known.devices.cameras, &known.devices.mics, &known.devices.speakers];
    let chosen = [&known.preferences.camera, &known.preferences.mic, &known.preferences.speaker];
    let system = ["USER", "LOGNAME", "USERNAME", "HOME", "HOSTNAME", "COMPUTERNAME"];
    let host = std::fs::read_to_string("/etc/hostname").ok();
    me.chain(hall)
        .chain(servers)
        .chain(calls)
        .chain(blocked)
        .chain(devices.into_iter().flat_map(|names| names.iter().cloned()))
        .chain(chosen.into_iter().flatten().cloned())
        .chain(known.met.iter().cloned())
        .chain(known.logs.as_deref().and_then(Path::parent).map(|profile| profile.display().to_string()))
        .chain(known.preferences.tags.iter().cloned())
        .chain([known.record.peer.clone()])
        .chain(system.iter().filter_map(|name| std::env::var(name).ok()))
        .chain(host)
        .collect()
}

/// All text in `value`, scrubbed.
fn clean(value: Value, scrubber: &Scrubber) -> Value {
    match value {
        Value::String(text) => Value::String(scrubber.clean(&text)),
        Value::Array(values) => values.into_iter().map(|value| clean(value, scrubber)).collect(),
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(name, value)| (name, clean(value, scrubber))).collect())
        }
        other => other,
    }
}

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn devices(devices: &Devices) -> Value {
    json!({
        "cameras": *devices.cameras,
        "microphones": *devices.mics,
        "speakers": *devices.speakers,
        "faults": [devices.camera_fault, devices.mic_fault, devices.speaker_fault],
    })
}

fn call(record: &CallRecord) -> Value {
    let ms = |at: Option<std::time::Instant>| {
        Some(at?.saturating_duration_since(record.agreed_at?).as_secs_f64() * 1e3)
    };
    json!({
        "call": record.call.map(|call| call.to_string()),
        "peer": record.peer,
        "role": record.role.map(|role| format!("{role:?}")),
        "relay_only": record.relay_only.map(|only| format!("{only:?}")),
        "ended": record.reason.map(|reason| format!("{reason:?}")),
        "ms": {
            "path_up": ms(record.path_up_at),
            "connected": ms(record.connected_at),
            "first_picture": ms(record.first_shown_at),
            "ended": ms(record.ended_at),
        },
        "path": format!("{:?}", record.path),
        "sent": format!("{:?}", record.sender),
        "received": format!("{:?}", record.receiver),
        "sound": format!("{:?}", record.audio),
        "fault": record.fault,
    })
}

fn second(stats: &CallStats) -> Value {
    json!({
        "route": stats.route.map(|route| format!("{route:?}")),
        "rtt_ms": stats.rtt_ms,
        "loss": stats.loss,
        "fps": stats.fps,
        "glass_to_glass_ms": stats.glass_to_glass_ms,
        "size": stats.size,
        "codec": stats.codec,
        "received_bps": stats.received_bps,
        "sent_bps": stats.sent_bps,
    })
}

fn calls(history: &History) -> Vec<Value> {
    let newest = history.calls.iter().flat_map(|calls| calls.iter()).take(CALLS_MAX);
    let one = newest.map(|call| {
        json!({
            "peer": call.peer_name,
            "outgoing": call.outgoing,
            "matched": call.matched,
            "missed": call.missed,
            "began": seconds(call.began),
            "lasted_s": call.lasted.map(|lasted| lasted.as_secs_f64()),
            "ended": format!("{:?}", call.reason),
        })
    });
    one.collect()
}

fn checkup(checkup: &Checkup) -> Vec<Value> {
    let lines = checkup.lines.iter().map(|line| {
        json!({
            "check": line.check,
            "outcome": format!("{:?}", line.outcome),
            "detail": line.technical,
            "advice": line.advice,
        })
    });
    lines.collect()
}

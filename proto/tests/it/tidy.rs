//! The layering of the workspace, and habits that no compiler checks, over every file of it.
//!
//! Owns the rules; [`scan`] owns how a file is read. A rule that is in the way is changed here, with its reason,
//! in the same commit as the code that needed it.

mod scan;

use scan::{Source, has_word};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Each outside engine is named in one place, so that it can be replaced there: (engine, its one file where that ends with `.rs`,
/// else its part: a file and the folder of that name).
const ENGINES: [(&str, &str); 31] = [
    ("sled", "server/src/store/sled"),
    ("stun_types", "server/src/turn/wire"),
    ("argon2", "server/src/passwords"),
    ("jsonwebtoken", "server/src/token"),
    ("rustls", "{server/src/transport,desktop-client/src/signaling,connectivity/src}"),
    ("tokio_rustls", "{server/src/transport,desktop-client/src/signaling,connectivity/src}"),
    ("rcgen", "server/src/transport"),
    ("prometheus_client", "server/src/metrics"),
    ("webrtc", "desktop-client/src/peer"),
    ("rtc", "desktop-client/src/peer"),
    ("vpx_sys", "desktop-client/src/media/vp8.rs"),
    ("openh264", "desktop-client/src/media/h264/engine.rs"),
    ("opus", "desktop-client/src/media/opus.rs"),
    ("cpal", "desktop-client/src/media/sound_device"),
    ("alsa", "desktop-client/src/media/sound_device/keeper.rs"),
    // Read by one end of the sound, written by the other.
    ("hound", "desktop-client/src/media/{mic.rs,speaker.rs,audio/tests.rs}"),
    ("sonora", "desktop-client/src/media/processing.rs"),
    ("thread_priority", "desktop-client/src/media/priority.rs"),
    ("v4l", "desktop-client/src/media/camera/v4l2"),
    ("x11rb", "desktop-client/src/media/screen/x11"),
    ("nokhwa", "desktop-client/src/media/camera/native.rs"),
    // Out: what is captured. In: what is shown where there is no shader.
    ("yuv", "desktop-client/src/{media/convert.rs,ui/video/cpu.rs}"),
    ("zune_jpeg", "desktop-client/src/media/convert.rs"),
    ("eframe", "desktop-client/src/{app,ui}"),
    (
        "ring",
        "{desktop-client/src/engine/safety,desktop-client/src/signaling,server/src/transport,connectivity/src}",
    ),
    ("bip39", "desktop-client/src/engine/safety"),
    ("keyring", "desktop-client/src/vault"),
    ("notify_rust", "desktop-client/src/notifications"),
    ("fluent_bundle", "desktop-client/src/words"),
    ("sys_locale", "desktop-client/src/words"),
    ("unicode_bidi", "desktop-client/src/ui/lines"),
];

/// What a part never names: (files and folders without their ending, paths, why).
const NEVER: [(&[&str], &[&str], &str); 7] = [
    (
        &[
            "proto/ids",
            "proto/limits",
            "proto/link",
            "proto/search",
            "server/src/lobby",
            "server/src/calls",
            "server/src/matchmaker",
            "desktop-client/src/call",
            "desktop-client/src/backoff",
            "desktop-client/src/congestion",
            "desktop-client/src/engine/chat",
            "desktop-client/src/engine/quality",
            "desktop-client/src/media/assembler",
            "desktop-client/src/media/camera/colour",
            "desktop-client/src/media/camera/vetting",
            "desktop-client/src/media/echo",
            "desktop-client/src/media/h264/sps",
            "desktop-client/src/media/h264_rtp",
            "desktop-client/src/media/jitter",
            "desktop-client/src/media/key_frame_floor",
            "desktop-client/src/media/ladder",
            "desktop-client/src/media/limits",
            "desktop-client/src/media/lip_sync",
            "desktop-client/src/media/measure",
            "desktop-client/src/media/rate",
            "desktop-client/src/media/resample",
            "desktop-client/src/media/sound_device/attempts",
            "desktop-client/src/media/stretch",
            "desktop-client/src/media/video_playout",
            "desktop-client/src/media/vp8_rtp",
            "desktop-client/src/peer/codecs",
        ],
        &[
            "tokio",
            "tonic",
            "prost",
            "castle::v1",
            "crate::v1",
            "std::fs",
            "std::net",
            "std::env",
            "std::thread",
            "std::collections::HashMap",
            "std::collections::HashSet",
            "rand::rng",
            "Instant::now",
            "SystemTime::now",
        ],
        "pure: time, randomness and IO are arguments, order is stable, wire types stay at the edge",
    ),
    (
        &[
            "server/src/hub",
            "server/src/accounts",
            "server/src/auth",
            "server/src/history",
            "server/src/moderation",
            "server/src/store",
        ],
        &["castle::v1"],
        "wire types stay at the edge",
    ),
    (
        &["server/src/turn/machine", "server/src/turn/peers", "server/src/turn/wire"],
        &[
            "tokio",
            "socket2",
            "nix",
            "castle::v1",
            "std::fs",
            "std::thread",
            "std::collections::HashMap",
            "std::collections::HashSet",
            "rand::random",
            "rand::rng",
            "Instant::now",
            "SystemTime::now",
        ],
        "pure: time, randomness and sockets are arguments, order is stable",
    ),
    (
        &["desktop-client/src/ui", "desktop-client/src/app", "desktop-client/src/view"],
        &["tokio", "tonic", "prost", "webrtc", "rtc", "castle::v1"],
        "the UI knows snapshots and commands alone",
    ),
    (&["desktop-client/src/call", "desktop-client/src/view"], &["egui", "eframe"], "never draws"),
    (
        &["desktop-client/src/media"],
        &["egui", "eframe", "tokio", "tonic", "webrtc", "rtc", "castle::v1"],
        "media never waits for the UI or the network",
    ),
    (
        &["desktop-client/src/engine", "desktop-client/src/signaling", "desktop-client/src/peer"],
        &["egui", "eframe"],
        "runs without a window",
    ),
];

/// Screens and controls take every size, share and colour from the theme: (where, but not in these).
const THEMED: (&str, [&str; 5]) = (
    "desktop-client/src/ui",
    [
        "desktop-client/src/ui/theme",
        // Shapes on grids of their own.
        "desktop-client/src/ui/icons",
        "desktop-client/src/ui/video",
        // Figures that are read, and hosts that are shown.
        "desktop-client/src/ui/text",
        "desktop-client/src/ui/joining",
    ],
);
/// Nothing, all, both halves.
const NO_SIZES: [&str; 3] = ["0.0", "1.0", "2.0"];

/// Longest source file, lines: a part that outgrows it is two parts.
const LINES_MAX: usize = 500;
/// Files that may be longer: (file, lines, why).
const LONGER: [(&str, usize, &str); 2] = [
    ("server/src/calls/table.rs", 600, "one transition table, read from top to bottom"),
    ("server/src/lobby.rs", 600, "the front of three machines, one arm for each thing that can happen"),
];

/// Tests that may sleep: (file, why it is not for luck).
const SLEEPERS: [(&str, &str); 8] = [
    (
        "desktop-client/src/peer/tests.rs",
        "polls, with a deadline, for packets that the other end has yet to read",
    ),
    ("desktop-client/src/media/audio/tests.rs", "polls, with a deadline, what a thread fills in real time"),
    ("desktop-client/src/media/presenter.rs", "polls, with a deadline, what a thread shows in real time"),
    (
        "desktop-client/tests/fake_camera/stories.rs",
        "polls, with a deadline, what the camera's thread delivers",
    ),
    (
        "desktop-client/tests/it/hostile_media.rs",
        "sends pictures at the rate of a camera, good ones and rubbish",
    ),
    ("desktop-client/tests/it/sound.rs", "polls, with a deadline, a sound server of others for being ready"),
    ("server/src/session/tests.rs", "is itself the server that does nothing for a while"),
    ("server/tests/it/accounts.rs", "outlives an invitation of 1 ms, by the wall clock that it expires by"),
];

/// File names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 6] = ["mod.rs", "utils.rs", "util.rs", "helpers.rs", "common.rs", "misc.rs"];

#[test]
fn every_file_says_first_what_it_owns() {
    check(|source, faults| {
        if !source.text.starts_with("//!") && !source.text.trim().is_empty() {
            faults.push("does not begin with `//!`".into());
        }
        if EMPTY_NAMES.iter().any(|name| source.path.ends_with(&format!("/{name}"))) {
            faults.push("has a name that says nothing about what is inside".into());
        }
        let limit =
            LONGER.iter().find(|(path, ..)| *path == source.path).map_or(LINES_MAX, |(_, lines, _)| *lines);
        let lines = source.text.lines().count();
        if lines > limit {
            faults.push(format!("has {lines} lines, more than {limit}"));
        }
    });
}

#[test]
fn each_outside_engine_is_named_in_one_place() {
    check(|source, faults| faults.extend(engine_faults(source)));
}

#[test]
fn layers_name_only_what_they_may() {
    check(|source, faults| faults.extend(layer_faults(source)));
}

#[test]
fn sizes_and_colours_stand_in_the_theme() {
    check(|source, faults| faults.extend(theme_faults(source)));
}

#[test]
fn queues_are_bounded() {
    check(|source, faults| {
        for name in ["unbounded_channel", "unbounded", "UnboundedSender", "UnboundedReceiver"] {
            if has_word(source.production(), name) {
                faults.push(format!("names `{name}`: every queue has a bound"));
            }
        }
        if source.production().contains("mpsc::channel()") {
            faults.push("makes a std channel without a bound; use sync_channel".into());
        }
    });
}

#[test]
fn tests_run_always_and_never_sleep_for_luck() {
    check(|source, faults| faults.extend(test_faults(source)));
}

#[test]
fn nothing_is_left_for_later() {
    for (path, text) in files(&["rs", "proto", "toml", "sh", "py", "yml", "yaml"]) {
        for word in [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("HA", "CK")] {
            assert!(!has_word(&text, word), "{path} says {word}: do it, or write down why not");
        }
    }
}

#[test]
fn nothing_names_the_machine_it_was_written_on() {
    let local =
        [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/fa", "rm/"), concat!("crates", ".io")];
    for (path, text) in files(&["rs", "proto", "toml", "sh", "py", "md", "yml", "yaml", "txt"]) {
        for name in local {
            assert!(!text.contains(name), "{path} names {name}");
        }
    }
}

#[test]
fn architecture_mentions_every_module() {
    let map = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md is there");
    let mapped = ["server/src/", "desktop-client/src/", "desktop-client/src/media/", "proto/"];
    for source in sources() {
        let Some(module) = mapped.iter().find_map(|folder| source.path.strip_prefix(folder)) else {
            continue;
        };
        let stem = module.trim_end_matches(".rs");
        assert!(
            module.contains('/') || has_word(&map, stem),
            "ARCHITECTURE.md does not mention {}",
            source.path
        );
    }
}

/// Where `source` names an engine that lives elsewhere.
fn engine_faults(source: &Source) -> Vec<String> {
    let named = |&&(engine, home): &&(&str, &str)| source.names(engine) && !is_in(&source.path, home);
    let ours = source.path.contains("/src/");
    ENGINES
        .iter()
        .filter(|_| ours)
        .filter(named)
        .map(|(e, home)| format!("names {e}, which lives in {home}"))
        .collect()
}

/// Where `source` names what its layer may not.
fn layer_faults(source: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    for (parts, names, why) in NEVER {
        if source.is_test_file() || !parts.iter().any(|part| is_in(&source.path, part)) {
            continue;
        }
        for name in names {
            if source.names(name) {
                faults.push(format!("names {name} ({why})"));
            }
        }
    }
    faults
}

/// Where `source` draws with a size or a colour of its own.
fn theme_faults(source: &Source) -> Vec<String> {
    let (themed, but) = THEMED;
    if source.is_test_file()
        || !is_in(&source.path, themed)
        || but.iter().any(|part| is_in(&source.path, part))
    {
        return Vec::new();
    }
    let code = source.production();
    let fractions = fractions(code).into_iter().filter(|figure| !NO_SIZES.contains(figure));
    let mut faults: Vec<String> =
        fractions.map(|figure| format!("has {figure}: give it a name in the theme")).collect();
    for made in ["Color32::from", "hex_color!", "Color32::WHITE", "Color32::BLACK"] {
        if code.contains(made) {
            faults.push(format!("makes a colour ({made}): the theme has them"));
        }
    }
    if code.split("Stroke::new(").skip(1).any(|width| width.starts_with(|c: char| c.is_ascii_digit())) {
        faults.push("draws a line of its own width: the theme has them".into());
    }
    faults
}

/// Every literal with a point in it.
fn fractions(code: &str) -> Vec<&str> {
    let part = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    code.split(|c| !part(c))
        .filter(|word| word.starts_with(|c: char| c.is_ascii_digit()))
        .filter(|word| word.contains('.') && !word.contains(".."))
        .filter(|word| word.chars().all(|c| c.is_ascii_digit() || c == '.' || c == '_'))
        .collect()
}

/// What the tests in `source` may not do.
fn test_faults(source: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    if source.code.contains(concat!("#[ig", "nore")) {
        faults.push("ignores a test".into());
    }
    let sleeps = ["thread::sleep", "time::sleep", "sleep("].iter().any(|name| source.tests().contains(name));
    if sleeps && !SLEEPERS.iter().any(|(path, _)| *path == source.path) {
        faults.push("sleeps in a test: wait for the thing itself".into());
    }
    faults
}

/// Whether `path` is the file `home.rs`, or lies in the folder `home`; a home that ends with `.rs` is that file alone, with its
/// tests. `{a,b}` names two.
fn is_in(path: &str, home: &str) -> bool {
    if let Some((base, names)) = home.split_once('{') {
        return names.trim_end_matches('}').split(',').any(|name| is_in(path, &format!("{base}{name}")));
    }
    if let Some(stem) = home.strip_suffix(".rs") {
        return path == home || path.strip_prefix(stem) == Some("/tests.rs");
    }
    path.strip_prefix(home).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

/// Runs `rule` over every Rust file; fails with all faults at once.
fn check(rule: impl Fn(&Source, &mut Vec<String>)) {
    let mut report = String::new();
    for source in sources() {
        let mut faults = Vec::new();
        rule(&source, &mut faults);
        for fault in faults {
            writeln!(report, "{} {fault}", source.path).expect("a String takes all");
        }
    }
    assert!(report.is_empty(), "\n{report}");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn sources() -> Vec<Source> {
    let sources: Vec<_> = files(&["rs"]).into_iter().map(|(path, text)| Source::new(path, text)).collect();
    assert!(
        sources.iter().any(|source| source.path == "server/src/lib.rs"),
        "the workspace is read from its root"
    );
    sources
}

/// Path from the root, and text, of every file of ours with one of these endings.
fn files(endings: &[&str]) -> Vec<(String, String)> {
    let (root, mut found, mut folders) = (root(), Vec::new(), vec![root()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("folders of the workspace can be read") {
            let path = entry.expect("entries can be read").path();
            let name = path.file_name().expect("entries have names").to_string_lossy().into_owned();
            if path.is_dir() && !name.starts_with('.') && !["target", "castle-data"].contains(&name.as_str())
            {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| endings.iter().any(|wanted| ending == *wanted)) {
                let text = std::fs::read_to_string(&path).expect("sources are UTF-8");
                let path = path
                    .strip_prefix(&root)
                    .expect("found below the root")
                    .to_string_lossy()
                    .replace('\\', "/");
                found.push((path, text));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn the_rules_find_what_they_look_for() {
    let source = |path: &str, text: &str| Source::new(path.into(), text.into());
    let found = |path: &str, text: &str| {
        let source = source(path, text);
        let of_layers = engine_faults(&source).len() + layer_faults(&source).len();
        of_layers + theme_faults(&source).len() + test_faults(&source).len()
    };
    for (path, text, faults) in [
        ("server/src/hub.rs", "use sled::Db;", 1),
        ("server/src/hub.rs", "// sled::Db is elsewhere\nuse crate::store::sled::Db;", 0),
        ("server/src/store/sled/tests.rs", "use sled::Db;", 0),
        ("server/src/stored.rs", "fn f() { sled::open(1); }", 1),
        ("server/src/lobby.rs", "use castle::{ids, v1::Call};", 1),
        ("server/src/lobby/hall.rs", "fn f() { let now = std::time::Instant::now(); }", 1),
        ("server/src/lobby/tests.rs", "fn f() { let now = Instant::now(); }", 0),
        ("server/src/calls.rs", "fn f() {}\n#[cfg(test)]\nmod tests { fn g() { Instant::now(); } }", 0),
        ("desktop-client/src/ui/hall.rs", "use tokio::sync::mpsc;", 1),
        ("desktop-client/src/app.rs", "use eframe::egui;", 0),
        ("desktop-client/src/ui/hall.rs", "fn f() { vec2(0.0, 12.5); Color32::from_gray(9); }", 2),
        ("desktop-client/src/ui/hall.rs", "fn f() { Stroke::new(2.0, ink); pair.0.1; 1..2; }", 1),
        ("desktop-client/src/ui/theme.rs", "const XS: f32 = 4.0;", 0),
        ("desktop-client/src/uis.rs", "const XS: f32 = 4.0;", 0),
        ("desktop-client/src/call.rs", "use egui::Ui;", 1),
        ("desktop-client/src/media/mic.rs", "use super::opus::{self, Encoder};\nfn f() { opus::go() }", 0),
        ("desktop-client/src/media/mic.rs", "use opus::Encoder;", 1),
        ("desktop-client/src/media/opus.rs", "use opus::Encoder;", 0),
        ("desktop-client/src/media/opus/more.rs", "use opus::Encoder;", 1),
        ("desktop-client/src/media/vp8/tests.rs", "use vpx_sys::vpx_image_t;", 0),
        ("desktop-client/src/media/camera.rs", "use yuv::YuvRange;", 1),
        ("desktop-client/src/media/limits.rs", "fn f() { let now = Instant::now(); }", 1),
        ("server/tests/it/login.rs", concat!("#[ig", "nore]\nfn f() { std::thread::sleep(x) }"), 2),
        ("server/src/server.rs", "async fn f() { tokio::time::sleep(x).await }", 0),
        ("server/src/server.rs", "#[cfg(test)]\nmod tests { async fn f() { sleep(x).await } }", 1),
    ] {
        assert_eq!(found(path, text), faults, "{path}: {text}");
    }
}

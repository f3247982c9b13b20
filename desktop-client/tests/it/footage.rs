//! A whole call with real input: a photograph panned over and spoken English at one end, the pattern and a tone at
//! the other, through the programs as they are shipped.

use crate::machine;
use crate::programs::{BotProcess, ServerProcess};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How long each call is held, seconds.
const SECONDS: u32 = 10;

/// Runs one of the scripts that make footage, once per target folder.
pub(crate) fn made(script: &str, file: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let folder = root.join("target/footage");
    let path = folder.join(file);
    if !path.exists() {
        std::fs::create_dir_all(&folder).expect("target is writable");
        let status =
            Command::new(root.join("scripts").join(script)).arg(&path).status().expect("bash is there");
        assert!(status.success(), "scripts/{script} failed: run `make setup`");
    }
    path
}

/// Every leaf of the report that is null, by its path.
fn nulls(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Null => found.push(path.to_owned()),
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| nulls(value, &format!("{path}/{name}"), found));
        }
        _ => {}
    }
}

fn figure(report: &Value, path: &str) -> f64 {
    report
        .pointer(path)
        .and_then(Value::as_f64)
        .unwrap_or_else(|| panic!("{path} is no figure in {report:#}"))
}

fn assert_a_good_call(report: &Value, route: &str) {
    let mut missing = Vec::new();
    nulls(report, "", &mut missing);
    let mut unknown = Vec::<String>::new();
    if route != "relay" {
        unknown.insert(0, "/relay_protocol".to_owned());
    }
    // Nothing was shared.
    missing.retain(|path| !path.starts_with("/screen/"));
    missing.sort();
    unknown.sort();
    assert_eq!(missing, unknown, "every field is real: {report:#}");
    assert_eq!(report["route"], route, "{report:#}");
    assert_eq!(report["ended"], "hung_up", "{report:#}");
    assert_eq!(report["errors"], Value::Array(Vec::new()), "{report:#}");
    assert_eq!((&report["video"]["width"], &report["video"]["height"]), (&640.into(), &360.into()));
    let shown = figure(report, "/video/frames_shown");
    assert!(shown >= f64::from(SECONDS * 20), "most of {SECONDS} s at 30 frames/s: {report:#}");
    let psnr = figure(report, "/video/psnr_db_p50");
    assert!(psnr > 30.0, "equal frame numbers look alike: {report:#}");
    let bitrate = figure(report, "/video/bitrate_bps");
    let most = if route == "relay" { 1.2e6 } else { 2.7e6 };
    assert!((200e3..most).contains(&bitrate), "about 1 Mb/s relayed, up to 2.5 Mb/s directly: {report:#}");
    let seconds = report["seconds"].as_array().expect("an array");
    assert!((SECONDS as usize - 3..120).contains(&seconds.len()), "each second is told: {report:#}");
    assert!(seconds[1]["received_bps"].is_number() && seconds[1]["rtt_ms"].is_number(), "{report:#}");
    let apart = figure(report, "/av_offset_ms_p50");
    assert!(apart.abs() <= 40.0, "pictures go with their sound: {report:#}");
    assert_eq!(report["sync"]["by"], "media_clock", "{report:#}");
    assert!(figure(report, "/audio/level_db") > -50.0, "something is heard: {report:#}");
}

/// Energy of each 10 ms of mono 48 kHz sound.
fn envelope(samples: &[f32]) -> Vec<f32> {
    samples.chunks_exact(480).map(|chunk| chunk.iter().map(|s| s * s).sum::<f32>().sqrt()).collect()
}

pub(crate) fn wav(path: &Path) -> Vec<f32> {
    let mut reader =
        hound::WavReader::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let spec = reader.spec();
    assert_eq!((spec.channels, spec.sample_rate), (1, 48_000), "{}", path.display());
    match spec.sample_format {
        hound::SampleFormat::Int => {
            reader.samples::<i16>().map(|s| f32::from(s.expect("a sample")) / 32_768.0).collect()
        }
        hound::SampleFormat::Float => reader.samples::<f32>().map(|s| s.expect("a sample")).collect(),
    }
}

fn correlation(a: &[f32], b: &[f32]) -> f32 {
    let n = a.len().min(b.len()) as f32;
    let (mean_a, mean_b) = (a.iter().sum::<f32>() / n, b.iter().sum::<f32>() / n);
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(b) {
        ab += (x - mean_a) * (y - mean_b);
        aa += (x - mean_a).powi(2);
        bb += (y - mean_b).powi(2);
    }
    ab / (aa * bb).sqrt().max(f32::EPSILON)
}

/// How much of what was heard is compared in one piece, in 10 ms.
const PIECE: usize = 100;
/// How far a piece may have slipped, in 10 ms: the delay of the playout follows the network.
const SLIP: usize = 20;

/// The best likeness of what was heard to any stretch of what was said: both as loudness over time, second by second,
/// since a delay that changes in between is no loss. Speech repeats when it is over, so it is laid end to end.
pub(crate) fn likeness(said: &[f32], heard: &[f32]) -> f32 {
    let said = envelope(said);
    let around: Vec<f32> = said[said.len() - SLIP..].iter().chain(&said).chain(&said).copied().collect();
    let heard = envelope(heard);
    let first = heard.iter().position(|energy| *energy > 0.01).expect("something was heard");
    let window = &heard[first..heard.len().min(first + 600)];
    assert!(window.len() >= 400, "at least 4 s were heard: {} of 10 ms", window.len());
    let pieces: Vec<&[f32]> = window.chunks_exact(PIECE).collect();
    let best_of_piece = |at: usize, piece: &[f32]| {
        (at..=at + 2 * SLIP).map(|at| correlation(&around[at..at + PIECE], piece)).fold(f32::MIN, f32::max)
    };
    let all_pieces = |at: usize| {
        let each = pieces.iter().enumerate().map(|(n, piece)| best_of_piece(at + n * PIECE, piece));
        each.sum::<f32>() / pieces.len() as f32
    };
    let last = said.len().min(around.len() - window.len() - 2 * SLIP);
    (0..last).map(all_pieces).fold(f32::MIN, f32::max)
}

#[test]
fn likeness_knows_the_same_speech_after_a_slip_from_other_speech() {
    let speech = wav(&made("make_speech.sh", "speech.wav"));
    let second = 48_000;
    let slipped = [&speech[second..4 * second], &speech[4 * second + second / 8..8 * second]].concat();
    let backwards: Vec<f32> = speech.iter().rev().copied().collect();
    let (same, other) = (likeness(&speech, &slipped), likeness(&speech, &backwards));
    assert!(same > 0.85, "a slip of 125 ms is no loss: {same}");
    assert!(other < 0.6, "speech is not like any speech: {other}");
}

#[test]
fn footage_and_speech_cross_a_real_call_relayed_then_directly_after_a_restart() {
    let _machine = machine::alone();
    let clip = made("make_clip.sh", "portrait.y4m");
    let speech = made("make_speech.sh", "speech.wav");
    let dir = tempfile::tempdir().expect("a folder");
    let data = dir.path().join("data");
    let heard = dir.path().join("heard.wav");
    let (clip, talk) = (format!("file:{}", clip.display()), format!("file:{}", speech.display()));
    let record = format!("file:{}", heard.display());

    let server = ServerProcess::start(&data, "relay");
    let code = server.invite(2);
    let ana = ["--match", "--invite", &code, "--camera", &clip, "--mic", &talk, "--reference", "pattern"];
    let ben = ["--match", "--invite", &code, "--camera", "pattern", "--mic", "tone", "--reference", &clip];
    let ben = [&ben[..], &["--speaker", &record]].concat();
    call(&server, &ana, &ben, "relay");
    let likeness = likeness(&wav(&speech), &wav(&heard));
    assert!(likeness > 0.7, "what is heard is what was said, not only sound: {likeness}");
    server.terminate();

    let server = ServerProcess::start(&data, "direct");
    let ana = ["--match", "--camera", &clip, "--mic", &talk, "--reference", "pattern"];
    let ben = ["--match", "--camera", "pattern", "--mic", "tone", "--reference", &clip];
    call(&server, &ana, &ben, "host");
}

/// Two bots are matched and hold a call.
fn call(server: &ServerProcess, ana: &[&str], ben: &[&str], route: &str) {
    let bots =
        [("ana", ana), ("ben", ben)].map(|(name, more)| BotProcess::start(server, name, SECONDS, more));
    let [(ana_well, ana), (ben_well, ben)] = bots.map(BotProcess::finish);
    assert!(ana_well && ben_well, "{ana:#}\n{ben:#}");
    assert_eq!((&ana["peer"], &ben["peer"]), (&Value::from("ben"), &Value::from("ana")));
    assert_eq!(ana["call_id"], ben["call_id"]);
    assert_ne!(ana["role"], ben["role"]);
    assert_a_good_call(&ana, route);
    assert_a_good_call(&ben, route);
}

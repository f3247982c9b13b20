//! Sound through real streams of a real sound server: a private PulseAudio with virtual cards, whose speaker can be
//! recorded and whose microphone hears a cable.

use crate::footage::{likeness, made, wav};
use crate::machine;
use crate::programs::{BotProcess, ServerProcess};
use serde_json::Value;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What anything here may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A program of ours; killed when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A sound server of this test alone, with one speaker, and one microphone that hears what is played into `cable`.
struct SoundServer {
    folder: PathBuf,
    _daemon: Running,
}

impl SoundServer {
    fn start(folder: &Path) -> Self {
        std::fs::create_dir_all(folder.join("pulse")).expect("the folder is writable");
        // Real sound cards of this machine stay out of it, also once the daemon is gone.
        std::fs::write(folder.join("asound.conf"), "").expect("the folder is writable");
        let socket = folder.join("pulse/native");
        std::fs::remove_file(&socket).ok();
        let log = File::create(folder.join("pulseaudio.log")).expect("the folder is writable");
        let daemon = in_room(folder, "pulseaudio")
            .args(["--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--disable-shm=yes"])
            .args(["--realtime=no", "--high-priority=no", "-n"])
            .args([
                "-L",
                &format!("module-native-protocol-unix auth-anonymous=1 socket={}", socket.display()),
            ])
            .args(["-L", "module-null-sink sink_name=speaker rate=48000"])
            .args(["-L", "module-null-sink sink_name=cable rate=48000"])
            .args(["-L", "module-remap-source source_name=mic master=cable.monitor"])
            .stderr(log)
            .spawn()
            .expect("pulseaudio is installed");
        let sound = Self { folder: folder.to_owned(), _daemon: Running(daemon) };
        eventually("the sound server answers", || sound.ask(&["info"]).is_some());
        sound.ask(&["set-default-sink", "speaker"]).expect("there is a speaker");
        sound.ask(&["set-default-source", "mic"]).expect("there is a microphone");
        sound
    }

    /// What `pactl` answers, if it does.
    fn ask(&self, question: &[&str]) -> Option<String> {
        let answer = in_room(&self.folder, "pactl").args(question).stderr(Stdio::null()).output();
        let answer = answer.expect("pactl is installed");
        answer.status.success().then(|| String::from_utf8_lossy(&answer.stdout).into_owned())
    }

    /// Whether a program both listens to the microphone and plays to the speaker.
    fn is_used(&self) -> bool {
        // The bridge from the cable to the microphone is a listener too.
        let listeners = self.ask(&["list", "short", "source-outputs"]).map_or(0, |list| list.lines().count());
        let players = self.ask(&["list", "short", "sink-inputs"]).map_or(0, |list| list.lines().count());
        listeners >= 2 && players >= 1
    }

    /// Says `speech` into the cable.
    fn say(&self, speech: &Path) -> Running {
        let mut player = in_room(&self.folder, "paplay");
        Running(
            player
                .args(["--device=cable", "--latency-msec=50"])
                .arg(speech)
                .spawn()
                .expect("paplay is there"),
        )
    }

    /// Records the speaker from now on, raw.
    fn record(&self, into: &Path) -> Running {
        let mut recorder = in_room(&self.folder, "parec");
        recorder.args([
            "--device=speaker.monitor",
            "--raw",
            "--format=s16le",
            "--rate=48000",
            "--channels=1",
        ]);
        recorder.arg("--latency-msec=20").stdout(File::create(into).expect("the folder is writable"));
        Running(recorder.spawn().expect("parec is there"))
    }
}

/// A program that knows no other sound server, and no sound card.
fn in_room(folder: &Path, program: &str) -> Command {
    let mut command = Command::new(program);
    dress(folder, &mut command);
    command
}

fn dress(folder: &Path, command: &mut Command) {
    command
        .env("HOME", folder)
        .env("XDG_RUNTIME_DIR", folder)
        .env("PULSE_RUNTIME_PATH", folder.join("pulse"))
        .env("PULSE_STATE_PATH", folder.join("state"))
        .env("PULSE_SERVER", format!("unix:{}", folder.join("pulse/native").display()))
        .env("ALSA_CONFIG_PATH", folder.join("asound.conf"))
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("PULSE_COOKIE")
        .env_remove("PULSE_SINK")
        .env_remove("PULSE_SOURCE");
}

fn eventually(what: &str, holds: impl Fn() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < until, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Whether the sound server's programs are there. Where everything must hold, they must be.
fn installed() -> bool {
    let missing: Vec<&str> = ["pulseaudio", "pactl", "paplay", "parec"]
        .into_iter()
        .filter(|program| Command::new(program).arg("--version").output().is_err())
        .collect();
    if !missing.is_empty() {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{missing:?} missing: run `make setup`");
        println!("skipped: {missing:?} missing; where there is no PipeWire, `make setup` installs them");
    }
    missing.is_empty()
}

/// Samples of a recording, as far as it has come.
fn raw(path: &Path) -> Vec<f32> {
    let bytes = std::fs::read(path).expect("it is being recorded");
    bytes.chunks_exact(2).map(|two| f32::from(i16::from_le_bytes([two[0], two[1]])) / 32_768.0).collect()
}

fn speech() -> PathBuf {
    made("make_speech.sh", "speech.wav")
}

/// Ana has the microphone and the speaker of `sound`; `said` is Ben's microphone.
fn bots(
    dir: &Path,
    sound: &SoundServer,
    said: &str,
    seconds: u32,
) -> (ServerProcess, BotProcess, BotProcess) {
    let server = ServerProcess::start(&dir.join("data"), "direct");
    let code = server.invite(2);
    let heard = format!("file:{}", dir.join("heard.wav").display());
    let both = ["--match", "--invite", &code, "--camera", "pattern"];
    let ana = [&both[..], &["--mic", "default", "--speaker", "default"]].concat();
    let ben = [&both[..], &["--mic", said, "--speaker", &heard]].concat();
    let log = File::create(dir.join("ana.log")).expect("the folder is writable");
    let ana = BotProcess::start_as(&server, "ana", seconds, &ana, |command| {
        dress(&sound.folder, command);
        command.env("CASTLE_LOG", "castle_desktop=warn").stderr(log);
    });
    let ben = BotProcess::start(&server, "ben", seconds, &ben);
    (server, ana, ben)
}

/// A call of Ana and Ben went well, and `hearer` heard something soon after it was said.
fn assert_heard(reports: [(bool, Value); 2], hearer: usize) {
    for (well, report) in &reports {
        assert!(*well && report["errors"] == Value::Array(Vec::new()), "{report:#}");
    }
    let report = &reports[hearer].1;
    let figure =
        |name: &str| report["audio"][name].as_f64().unwrap_or_else(|| panic!("no {name}: {report:#}"));
    assert!(figure("mouth_to_ear_p50") < 400.0, "blocks are small at both ends: {report:#}");
    assert!(figure("level_db") > -40.0, "{report:#}");
}

// One end talks at a time: what both say at once is for the tests of echo cancellation.
#[test]
fn what_is_said_into_the_microphone_is_heard_at_the_other_end() {
    if !installed() {
        return;
    }
    let _machine = machine::alone();
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    let sound = SoundServer::start(&dir.join("sound"));
    let _voice = sound.say(&speech());
    let (_server, ana, ben) = bots(dir, &sound, "silence", 7);
    assert_heard([ana.finish(), ben.finish()], 1);
    let likeness = likeness(&wav(&speech()), &wav(&dir.join("heard.wav")));
    assert!(likeness > 0.7, "gain control evens out loud and quiet, and no more: {likeness}");
}

#[test]
fn what_the_other_end_says_comes_out_of_the_speaker() {
    if !installed() {
        return;
    }
    let _machine = machine::alone();
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    let sound = SoundServer::start(&dir.join("sound"));
    let played = dir.join("played.raw");
    let _recorder = sound.record(&played);
    let said = format!("file:{}", speech().display());
    let (_server, ana, ben) = bots(dir, &sound, &said, 7);
    assert_heard([ana.finish(), ben.finish()], 0);
    let likeness = likeness(&wav(&speech()), &raw(&played));
    assert!(likeness > 0.8, "the speaker plays what is said: {likeness}");
}

#[test]
fn a_call_outlives_its_sound_devices_and_takes_them_up_again() {
    if !installed() {
        return;
    }
    let _machine = machine::alone();
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    let folder = dir.join("sound");
    let sound = SoundServer::start(&folder);
    let (_server, ana, ben) = bots(dir, &sound, "tone", 13);
    eventually("microphone and speaker are in use", || sound.is_used());
    drop(sound);
    let missing = [
        "No microphone was found. Plug in one; you are not heard until then.",
        "No speaker was found. Plug in one, or headphones; you hear nothing until then.",
    ];
    let log = || std::fs::read_to_string(dir.join("ana.log")).expect("it is written");
    eventually("their loss is told", || missing.iter().all(|sentence| log().contains(sentence)));

    let sound = SoundServer::start(&folder);
    let back = Instant::now();
    eventually("they are in use again", || sound.is_used());
    let healed = back.elapsed();
    println!("microphone and speaker are in use {healed:?} after the sound server is back");
    assert!(healed < Duration::from_millis(1500), "within a second, and some for asking: {healed:?}");
    let (_voice, _recorder) = (sound.say(&speech()), sound.record(&dir.join("again.raw")));
    let is_loud = |samples: &[f32]| samples.iter().filter(|sample| sample.abs() > 0.05).count() > 4800;
    eventually("the speaker plays again", || is_loud(&raw(&dir.join("again.raw"))));
    let ((ana_well, ana), (ben_well, ben)) = (ana.finish(), ben.finish());
    assert!(ana_well && ben_well, "{ana:#}\n{ben:#}");
    let errors = ana["errors"].as_array().expect("a list");
    assert!(missing.iter().all(|sentence| errors.contains(&(*sentence).into())), "{ana:#}");
    assert_eq!(ben["errors"], Value::Array(Vec::new()), "only one end lost its devices: {ben:#}");
    assert!(is_loud(&wav(&dir.join("heard.wav"))), "the microphone is heard again");
}

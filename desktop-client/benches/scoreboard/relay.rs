//! Frames from one end of a call to the other: Castle, with its numbers, checks and acknowledgements, beside two that
//! only copy frames from socket to socket: a bare tonic relay, and one on Node and Socket.IO. Each server is a process
//! of its own, so that its processor time can be told apart.

mod bare;
mod pair;
mod socketio;

use crate::percentile;
use crate::row::{Better, Row};
use castle_server::accounts::AccountsConfig;
use castle_server::config::Config;
use castle_server::moderation::{Asking, Inviting};
use castle_server::server::Server;
use castle_server::transport::Limits;
use pair::Pair;
pub(crate) use pair::{log_in, open};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How long each measurement takes.
const MEASURE: Duration = Duration::from_secs(4);
/// Measurements of each kind; a row shows their median.
const ROUNDS: usize = 3;
/// Calls at once.
const PAIRS: [usize; 2] = [100, 1_000];
/// Frames per second of all pairs together at the fixed load.
const FIXED_LOAD: u32 = 2_000;

/// A server in a process of its own.
pub(crate) struct Process {
    child: Child,
    pub(crate) url: String,
    pub(crate) invitation: String,
}

impl Process {
    /// Starts this program again as a server; `kind` is one of those that [`serve`] knows.
    pub(crate) fn start(kind: &str) -> Result<Self, Box<dyn std::error::Error>> {
        Self::run(Command::new(std::env::current_exe()?).args(["--serve", kind]))
    }

    fn run(command: &mut Command) -> Result<Self, Box<dyn std::error::Error>> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("stdout is piped")).read_line(&mut line)?;
        let (url, invitation) = line.trim().split_once(' ').ok_or("the server said nothing")?;
        Ok(Self { child, url: url.to_owned(), invitation: invitation.to_owned() })
    }

    /// Most memory it has had so far, MiB, from `/proc/<pid>/status`.
    pub(crate) fn peak_rss_mib(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|peak| peak.trim().trim_end_matches("kB").trim().parse::<f64>().ok());
        kib.unwrap_or(0.0) / 1024.0
    }

    /// Processor time used so far, seconds, from `/proc/<pid>/stat` in clock ticks of 10 ms.
    fn cpu_s(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
        (ticks(11) + ticks(12)) / 100.0
    }

    /// Memory that is there, KiB, from `VmRSS` in `/proc/<pid>/status`.
    pub(crate) fn resident_kib(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        line.split_whitespace().next().and_then(|kib| kib.parse().ok()).unwrap_or(0.0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Serves until the parent goes away: standard input ends then.
pub(crate) fn serve(kind: &str) -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let orphaned = tokio::task::spawn_blocking(|| std::io::stdin().lines().for_each(drop));
        let served = async {
            match kind {
                "castle" => serve_castle().await,
                "bare" => bare::serve().await,
                "turn" => crate::turn::serve().await,
                other => Err(format!("--serve: there is no server {other:?}").into()),
            }
        };
        tokio::select! {
            served = served => served,
            orphaned = orphaned => Ok(orphaned?),
        }
    })
}

async fn serve_castle() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let mut config = Config::for_test(dir.path());
    config.hub.sessions.frames_per_second = 1_000_000;
    config.hub.sessions.frames_burst = 1_000_000;
    config.accounts = AccountsConfig::default();
    for allowance in config.accounts.throttle.all() {
        allowance.burst = 1_000_000;
    }
    config.hub.sessions.per_guest_max = 20_000;
    let many = 20_000;
    config.connections = Limits { total: many, per_address: many, opening: many, opening_per_address: many };
    let server = Server::bind(config).await?;
    let inviting = Inviting {
        uses: 10_000,
        good_for: Duration::from_hours(1),
        note: "bench".to_owned(),
        role: castle_server::store::Role::Guest,
    };
    let (_, code) = server.moderation().invite(&Asking::of_host("CreateInvitation"), inviting).await?;
    println!("http://{} {code}", server.listening().grpc);
    server.run(CancellationToken::new(), CancellationToken::new()).await?;
    Ok(())
}

/// Who copies the frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Copier {
    Castle,
    Bare,
    SocketIo,
}

impl Copier {
    fn start(self) -> Result<Process, Box<dyn std::error::Error>> {
        match self {
            Self::Castle => Process::start("castle"),
            Self::Bare => Process::start("bare"),
            Self::SocketIo => Process::run(&mut socketio::command()),
        }
    }
}

/// One figure per round.
#[derive(Default)]
struct Measured {
    frames_per_second: Vec<f64>,
    cpu_us_per_frame: Vec<f64>,
    latency_p50_us: Vec<f64>,
    latency_p99_us: Vec<f64>,
}

fn measure(copier: Copier, of: usize) -> Result<Measured, Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Runtime::new()?;
    let server = copier.start()?;
    runtime.block_on(async {
        let mut pairs = Vec::with_capacity(of);
        for number in 0..of {
            pairs.push(Pair::connect(&server, copier, number).await?);
        }
        let mut measured = Measured::default();
        for _ in 0..ROUNDS {
            let (begun, cpu) = (Instant::now(), server.cpu_s());
            let frames: u64 = run(&pairs, None).await.iter().map(|latencies| latencies.len() as u64).sum();
            measured.frames_per_second.push(frames as f64 / begun.elapsed().as_secs_f64());
            measured.cpu_us_per_frame.push((server.cpu_s() - cpu) * 1e6 / frames as f64);
            let every = Duration::from_secs(1) * of as u32 / FIXED_LOAD;
            let mut latencies: Vec<f64> = run(&pairs, Some(every)).await.into_iter().flatten().collect();
            measured.latency_p50_us.push(percentile(&mut latencies, 0.5));
            measured.latency_p99_us.push(percentile(&mut latencies, 0.99));
        }
        Ok(measured)
    })
}

/// All pairs at once; the latency of each frame in µs.
async fn run(pairs: &[Pair], every: Option<Duration>) -> Vec<Vec<f64>> {
    futures_util::future::join_all(pairs.iter().map(|pair| pair.send_for(MEASURE, every))).await
}

pub(crate) fn rows() -> Result<Vec<Row>, Box<dyn std::error::Error>> {
    let mut rows = Vec::new();
    for of in PAIRS {
        let mut castle = measure(Copier::Castle, of)?;
        rows.extend(beside("bare tonic relay", of, &mut castle, &mut measure(Copier::Bare, of)?));
        match measure(Copier::SocketIo, of) {
            Ok(mut other) => rows.extend(beside("Node and Socket.IO", of, &mut castle, &mut other)),
            Err(error) => eprintln!("no rows beside Node and Socket.IO: {error}"),
        }
    }
    Ok(rows)
}

fn beside(name: &'static str, of: usize, castle: &mut Measured, other: &mut Measured) -> [Row; 4] {
    let row = |figure: &str, unit, better, ours: &mut Vec<f64>, theirs: &mut Vec<f64>| {
        let name_of_row = format!("relay: {figure}, {of} pairs");
        Row::median(name_of_row, unit, better, ours).beside(name, percentile(theirs, 0.5))
    };
    [
        row(
            "frames at saturation",
            "frames/s",
            Better::Higher,
            &mut castle.frames_per_second,
            &mut other.frames_per_second,
        ),
        row(
            "server CPU per frame",
            "µs",
            Better::Lower,
            &mut castle.cpu_us_per_frame,
            &mut other.cpu_us_per_frame,
        ),
        row(
            "one way p50 at 2,000/s",
            "µs",
            Better::Lower,
            &mut castle.latency_p50_us,
            &mut other.latency_p50_us,
        ),
        row(
            "one way p99 at 2,000/s",
            "µs",
            Better::Lower,
            &mut castle.latency_p99_us,
            &mut other.latency_p99_us,
        ),
    ]
}

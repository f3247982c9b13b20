//! Frames from one end of a call to the other: Castle, with its numbers, checks and acknowledgements, beside a
//! bare tonic relay that copies frames from stream to stream. Each server is a process of its own, so that its
//! processor time can be told apart.

mod bare;
mod pair;

use crate::percentile;
use crate::row::{Better, Row};
use castle_server::accounts::Inviting;
use castle_server::config::Config;
use castle_server::server::Server;
use pair::Pair;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How long each measurement takes.
const MEASURE: Duration = Duration::from_secs(4);
/// Calls at once.
const PAIRS: usize = 100;
/// Frames per second of all pairs together at the fixed load.
const FIXED_LOAD: u32 = 2_000;

/// A server in a process of its own.
pub(crate) struct Process {
    child: Child,
    pub(crate) url: String,
    pub(crate) invitation: String,
}

impl Process {
    /// Starts this program again as a server; `kind` is `castle` or `bare`.
    pub(crate) fn start(kind: &str) -> Result<Self, Box<dyn std::error::Error>> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["--serve", kind])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("stdout is piped")).read_line(&mut line)?;
        let (url, invitation) = line.trim().split_once(' ').ok_or("the server said nothing")?;
        Ok(Self { child, url: url.to_owned(), invitation: invitation.to_owned() })
    }

    /// Processor time used so far, seconds, from `/proc/<pid>/stat` in clock ticks of 10 ms.
    fn cpu_s(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
        (ticks(11) + ticks(12)) / 100.0
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
    config.session.frames_per_second = 1_000_000;
    config.session.frames_burst = 1_000_000;
    let server = Server::bind(config).await?;
    let inviting = Inviting {
        uses: 10_000,
        good_for: Duration::from_hours(1),
        note: "bench".to_owned(),
        role: castle_server::store::Role::Guest,
        caller: castle_server::store::Caller::Host,
        request_id: String::new(),
    };
    let (_, code) = server.accounts().invite(inviting).await?;
    println!("http://{} {code}", server.listening().grpc);
    server.run(CancellationToken::new(), CancellationToken::new()).await?;
    Ok(())
}

struct Measured {
    frames_per_second: f64,
    cpu_us_per_frame: f64,
    latency_p50_us: f64,
    latency_p99_us: f64,
}

fn measure(kind: &str) -> Result<Measured, Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Runtime::new()?;
    let server = Process::start(kind)?;
    runtime.block_on(async {
        let mut pairs = Vec::with_capacity(PAIRS);
        for number in 0..PAIRS {
            pairs.push(Pair::connect(&server, kind == "castle", number).await?);
        }
        let (begun, cpu) = (Instant::now(), server.cpu_s());
        let frames: u64 = run(&pairs, None).await.iter().map(|latencies| latencies.len() as u64).sum();
        let seconds = begun.elapsed().as_secs_f64();
        let cpu_us_per_frame = (server.cpu_s() - cpu) * 1e6 / frames as f64;
        let every = Duration::from_secs(1) * PAIRS as u32 / FIXED_LOAD;
        let mut latencies: Vec<f64> = run(&pairs, Some(every)).await.into_iter().flatten().collect();
        Ok(Measured {
            frames_per_second: frames as f64 / seconds,
            cpu_us_per_frame,
            latency_p50_us: percentile(&mut latencies, 0.5),
            latency_p99_us: percentile(&mut latencies, 0.99),
        })
    })
}

/// All pairs at once; the latency of each frame in µs.
async fn run(pairs: &[Pair], every: Option<Duration>) -> Vec<Vec<f64>> {
    futures_util::future::join_all(pairs.iter().map(|pair| pair.send_for(MEASURE, every))).await
}

pub(crate) fn rows() -> Result<Vec<Row>, Box<dyn std::error::Error>> {
    let (castle, bare) = (measure("castle")?, measure("bare")?);
    let beside = "bare tonic relay";
    let name = |figure: &str| format!("relay: {figure}, {PAIRS} pairs");
    Ok(vec![
        Row::new(name("frames at saturation"), "frames/s", Better::Higher, castle.frames_per_second)
            .beside(beside, bare.frames_per_second),
        Row::new(name("server CPU per frame"), "µs", Better::Lower, castle.cpu_us_per_frame)
            .beside(beside, bare.cpu_us_per_frame),
        Row::new(name("one way p50 at 2,000/s"), "µs", Better::Lower, castle.latency_p50_us)
            .beside(beside, bare.latency_p50_us),
        Row::new(name("one way p99 at 2,000/s"), "µs", Better::Lower, castle.latency_p99_us)
            .beside(beside, bare.latency_p99_us),
    ])
}

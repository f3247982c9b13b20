//! Logins over gRPC beside the bare hash they must compute: how long they take, whether an unknown name can be told
//! by the time of its refusal, and how much memory a flood of them costs.

use crate::percentile;
use crate::relay::Process;
use crate::row::{Better, Row};
use argon2::{Algorithm, Argon2, Params, Version};
use castle::v1;
use castle::v1::castle_service_client::CastleServiceClient;
use std::time::Instant;
use tonic::transport::Channel;

/// Logins measured of each kind, one after the other.
const LOGINS: usize = 60;
/// Logins at once where their rate is measured: as many as people on a busy evening, each one after the other …
const CROWD: usize = 4;
/// … and so many of each.
const OF_EACH: usize = 25;
/// Logins at once in a flood: more than wait for their hash.
const FLOOD: usize = 400;
/// Connections they come over: each may carry 100.
const CONNECTIONS: usize = 4;
/// Memory of one hash, MiB.
const HASH_MIB: f64 = 19.0;

const NAME: &str = "bench-login";
const PASSWORD: &str = "a long enough password";

type Client = CastleServiceClient<Channel>;

/// How long one login took, ms, whatever came of it.
async fn login(client: &mut Client, name: &str, password: &str) -> f64 {
    let request =
        v1::LoginRequest { name: name.to_owned(), password: password.to_owned(), ..Default::default() };
    let at = Instant::now();
    std::hint::black_box(client.login(request).await.is_ok());
    at.elapsed().as_secs_f64() * 1e3
}

/// Times of logins: right, wrong for a known name, wrong for an unknown one. Taken in turns, so that whatever else
/// the machine does meets all alike.
async fn in_turns(client: &mut Client) -> [Vec<f64>; 3] {
    let mut times = [const { Vec::new() }; 3];
    for n in 0..LOGINS {
        times[0].push(login(client, NAME, PASSWORD).await);
        times[1].push(login(client, NAME, "a wrong password").await);
        times[2].push(login(client, &format!("nobody-{n}"), "a wrong password").await);
    }
    times
}

/// Right logins a second, where several come at once.
async fn rate(server: &Process) -> Result<f64, Box<dyn std::error::Error>> {
    let client = CastleServiceClient::connect(server.url.clone()).await?;
    let begun = Instant::now();
    let crowd = (0..CROWD).map(|_| {
        let mut client = client.clone();
        async move {
            for _ in 0..OF_EACH {
                login(&mut client, NAME, PASSWORD).await;
            }
        }
    });
    futures_util::future::join_all(crowd).await;
    Ok((CROWD * OF_EACH) as f64 / begun.elapsed().as_secs_f64())
}

async fn flood(server: &Process) -> Result<(), Box<dyn std::error::Error>> {
    let mut clients = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        clients.push(CastleServiceClient::connect(server.url.clone()).await?);
    }
    let logins = (0..FLOOD).map(|n| {
        let mut client = clients[n % CONNECTIONS].clone();
        async move { login(&mut client, &format!("flood-{n}"), "a wrong password").await }
    });
    futures_util::future::join_all(logins).await;
    Ok(())
}

pub(crate) fn rows() -> Result<Vec<Row>, Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Runtime::new()?;
    let server = Process::start("castle")?;
    let (times, per_second, calm, flooded) = runtime.block_on(async {
        let mut client = CastleServiceClient::connect(server.url.clone()).await?;
        client
            .register(v1::RegisterRequest {
                invitation_code: server.invitation.clone(),
                name: NAME.to_owned(),
                password: PASSWORD.to_owned(),
                ..Default::default()
            })
            .await?;
        let times = in_turns(&mut client).await;
        let per_second = rate(&server).await?;
        let calm = server.peak_rss_mib();
        flood(&server).await?;
        Ok::<_, Box<dyn std::error::Error>>((times, per_second, calm, server.peak_rss_mib()))
    })?;
    let [mut right, mut known, mut unknown] = times;
    let mut hashes: Vec<f64> = bare_hashes();
    let permits = std::thread::available_parallelism().map_or(1, usize::from).saturating_sub(1).max(1);
    let hash_rate = permits as f64 * 1e3 / percentile(&mut hashes, 0.5);
    let mut rows = vec![
        Row::new("login: logins, several at once", "logins/s", Better::Higher, per_second)
            .beside("the bare hash, as many at once", hash_rate),
    ];
    for (share, called) in [(0.1, "p10"), (0.5, "p50"), (0.9, "p90"), (0.99, "p99")] {
        let mut row = |name: &str, of: &mut Vec<f64>, beside, reference: &mut Vec<f64>| {
            rows.push(
                Row::new(format!("login: {name}, {called}"), "ms", Better::Lower, percentile(of, share))
                    .beside(beside, percentile(reference, share)),
            );
        };
        row("right password", &mut right, "the bare hash", &mut hashes);
        row("wrong password, known name", &mut known, "the bare hash", &mut hashes);
        row("wrong password, unknown name", &mut unknown, "a known name", &mut known);
    }
    rows.push(
        Row::new(format!("login: memory of {FLOOD} at once"), "MiB", Better::Lower, flooded - calm)
            .beside("all hashes at once", HASH_MIB * FLOOD as f64)
            .goal(HASH_MIB * permits as f64),
    );
    Ok(rows)
}

fn bare_hashes() -> Vec<f64> {
    let params = Params::new(19 * 1024, 2, 1, None).expect("these are within Argon2's limits");
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = |_| {
        let at = Instant::now();
        let mut out = [0; 32];
        argon2.hash_password_into(PASSWORD.as_bytes(), b"sixteen bytes ..", &mut out).expect("fits");
        std::hint::black_box(out);
        at.elapsed().as_secs_f64() * 1e3
    };
    (0..LOGINS).map(hash).collect()
}

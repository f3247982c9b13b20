//! A server that is killed at random instants, and one whose disk is full: nothing that was acknowledged is lost, and
//! no invitation is spent twice.
//!
//! `CASTLE_KILLS` sets how often it is killed (default [`KILLS`]), `CASTLE_SEED` the instants.

mod deeds;

use crate::cli::{FREE_PORTS, Served, stderr};
use crate::signaling::Signal;
use crate::support::{TestGuest, registering};
use crate::transport::get;
use castle::v1;
use castle::v1::admin_service_client::AdminServiceClient;
use castle::v1::castle_service_client::CastleServiceClient;
use castle::v1::signal_response::Frame as Response;
use deeds::Deeds;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

const KILLS: u64 = 8;
/// Hosts who make invitations at once.
const INVITERS: usize = 8;
/// Guests who want the one use of one invitation.
const RIVALS: usize = 3;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

/// The host, on the admin socket.
type Admin = AdminServiceClient<Channel>;

async fn admin(home: &Path) -> Admin {
    AdminServiceClient::new(castle_server::admin::running(&home.join("data")).await.unwrap())
}

fn invitation(request_id: &str) -> v1::CreateInvitationRequest {
    v1::CreateInvitationRequest {
        note: "n".repeat(200),
        request_id: request_id.to_owned(),
        ..Default::default()
    }
}

/// What was acknowledged.
#[derive(Default)]
struct Acknowledged {
    /// Codes, by request id.
    codes: Mutex<BTreeMap<String, String>>,
    /// Names that were registered.
    names: Mutex<Vec<String>>,
    /// The last refresh token, and the request that would spend it.
    refresh: Mutex<Option<(String, u64)>>,
}

/// Makes invitations until the server is gone.
async fn invite_on(mut admin: AdminServiceClient<Channel>, who: String, acknowledged: Arc<Acknowledged>) {
    for n in 0.. {
        let request_id = format!("{who}-{n}");
        let Ok(made) = admin.create_invitation(invitation(&request_id)).await else { return };
        acknowledged.codes.lock().unwrap().insert(request_id, made.into_inner().code);
    }
}

/// Refreshes one login until the server is gone.
async fn refresh_on(mut client: crate::support::Client, acknowledged: Arc<Acknowledged>) {
    loop {
        let spent = acknowledged.refresh.lock().unwrap().clone();
        let Some((refresh_token, n)) = spent else { return };
        let request = v1::RefreshRequest { refresh_token, request_id: format!("r{n}") };
        let Ok(answer) = client.refresh(request).await else { return };
        let next = answer.into_inner().tokens.unwrap().refresh_token;
        *acknowledged.refresh.lock().unwrap() = Some((next, n + 1));
    }
}

async fn register_as(
    mut client: crate::support::Client,
    name: String,
    invitation_code: String,
    acknowledged: Arc<Acknowledged>,
) {
    let request = v1::RegisterRequest { invitation_code, ..registering(&name) };
    if client.register(request).await.is_ok() {
        acknowledged.names.lock().unwrap().push(name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_random_instants_it_loses_nothing_acknowledged() {
    let home = TempDir::new().unwrap();
    let (kills, seed) = (setting("CASTLE_KILLS", KILLS), setting("CASTLE_SEED", 1));
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let acknowledged = Arc::new(Acknowledged::default());
    let mut wanted = Vec::new();
    let mut all_deeds: Vec<Arc<Deeds>> = Vec::new();
    let (mut written, mut decided) = (0, 0);
    for round in 0..=kills {
        let served = Served::start(home.path());
        let mut host = admin(home.path()).await;
        written += check(&mut host, &served, &acknowledged, &wanted, round, seed).await;
        let at = |of: u64| format!("seed {seed}, round {round}, deeds of round {of}");
        if let Some(deeds) = all_deeds.last() {
            decided += deeds.check(&served, &at(round - 1)).await;
        }
        if round == kills {
            for (of, deeds) in (0..).zip(&all_deeds) {
                deeds.check(&served, &at(of)).await;
            }
            break;
        }
        let code = host.create_invitation(invitation("")).await.unwrap().into_inner().code;
        if round == 0 {
            let own = host.create_invitation(invitation("")).await.unwrap().into_inner().code;
            let request = v1::RegisterRequest { invitation_code: own, ..registering("refresher") };
            let tokens = served.client().await.register(request).await.unwrap().into_inner().tokens.unwrap();
            *acknowledged.refresh.lock().unwrap() = Some((tokens.refresh_token, 0));
        }
        let deeds = Deeds::begin(&served, home.path(), round).await;
        let mut load = JoinSet::new();
        deeds.go_on(&mut load).await;
        all_deeds.push(deeds);
        for n in 0..INVITERS {
            let who = format!("{round}-{n}");
            load.spawn(invite_on(admin(home.path()).await, who, Arc::clone(&acknowledged)));
        }
        load.spawn(refresh_on(served.client().await, Arc::clone(&acknowledged)));
        let rivals: Vec<String> = (0..RIVALS).map(|n| format!("rival-{round}-{n}")).collect();
        for name in &rivals {
            let client = served.client().await;
            load.spawn(register_as(client, name.clone(), code.clone(), Arc::clone(&acknowledged)));
        }
        wanted.push(rivals);
        // The load never ends by itself: this is the instant of the kill.
        let instant = Duration::from_micros(random.random_range(0..400_000));
        let all = async {
            while let Some(ended) = load.join_next().await {
                ended.unwrap();
            }
        };
        tokio::time::timeout(instant, all).await.ok();
        drop(served);
        while let Some(ended) = load.join_next().await {
            ended.unwrap();
        }
    }
    println!("seed {seed}: {kills} kills, {written} acknowledged writes and {decided} decisions, none lost");
    assert!(written > kills && decided > kills, "the load was no load");
}

/// Asks the server after a kill for all that was acknowledged before; how many that were.
async fn check(
    host: &mut AdminServiceClient<Channel>,
    served: &Served,
    acknowledged: &Acknowledged,
    wanted: &[Vec<String>],
    round: u64,
    seed: u64,
) -> u64 {
    let codes = std::mem::take(&mut *acknowledged.codes.lock().unwrap());
    let mut asking = JoinSet::new();
    for (request_id, code) in &codes {
        let (mut host, request_id, code) = (host.clone(), request_id.clone(), code.clone());
        asking.spawn(async move {
            let again = host.create_invitation(invitation(&request_id)).await.unwrap().into_inner();
            assert_eq!(again.code, code, "seed {seed}, round {round}: invitation {request_id} was lost");
        });
    }
    while let Some(asked) = asking.join_next().await {
        asked.unwrap();
    }
    let page = host.list_accounts(v1::ListAccountsRequest { page_size: 1000, ..Default::default() });
    let accounts = page.await.unwrap().into_inner().accounts;
    let there = |name: &str| accounts.iter().any(|account| account.guest.as_ref().unwrap().name == name);
    for name in &*acknowledged.names.lock().unwrap() {
        assert!(there(name), "seed {seed}, round {round}: {name} was lost");
    }
    for rivals in wanted {
        let in_by_it = rivals.iter().filter(|name| there(name)).count();
        assert!(in_by_it <= 1, "seed {seed}, round {round}: one use let in {in_by_it} of {rivals:?}");
    }
    let spent = acknowledged.refresh.lock().unwrap().clone();
    let mut refreshed = 0;
    if let Some((refresh_token, n)) = spent {
        let request = v1::RefreshRequest { refresh_token, request_id: format!("r{n}") };
        let answer = served.client().await.refresh(request).await;
        let answer =
            answer.unwrap_or_else(|error| panic!("seed {seed}, round {round}: the login was lost: {error}"));
        let next = answer.into_inner().tokens.unwrap().refresh_token;
        *acknowledged.refresh.lock().unwrap() = Some((next, n + 1));
        refreshed = 1;
    }
    codes.len() as u64 + refreshed
}

/// A guest of the server that said this.
async fn guest_of(home: &Path, said: &serde_json::Value) -> TestGuest {
    let code = admin(home).await.create_invitation(invitation("")).await.unwrap().into_inner().code;
    let mut client = CastleServiceClient::connect(said["url"].as_str().unwrap().to_owned()).await.unwrap();
    let request = v1::RegisterRequest { invitation_code: code, ..registering("watcher") };
    let registered = client.register(request).await.unwrap().into_inner();
    TestGuest { client, guest: registered.guest.unwrap(), tokens: registered.tokens.unwrap() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_ends_the_server_and_what_it_acknowledged_is_there() {
    let home = TempDir::new().unwrap();
    // The store may grow to 1 MiB: then writing fails as on a full disk.
    let limited = "trap '' XFSZ; ulimit -f 2048; exec \"$0\" \"$@\"";
    let mut child = Command::new("sh")
        .args(["-c", limited, env!("CARGO_BIN_EXE_castle-server")])
        .args(FREE_PORTS)
        .args(["--data-dir", "data", "--json"])
        .env_clear()
        .current_dir(home.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut said = String::new();
    std::io::BufRead::read_line(&mut out, &mut said).unwrap();
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    let mut guest = guest_of(home.path(), &said).await;
    let mut signal = Signal::open(&mut guest).await;
    let grpc = Channel::from_shared(said["url"].as_str().unwrap().to_owned()).unwrap();
    let mut health = HealthClient::new(grpc.connect().await.unwrap());
    let services = ["", "castle.v1.CastleService", "castle.v1.AdminService"];
    let mut watched = Vec::new();
    for service in services {
        let request = HealthCheckRequest { service: service.to_owned() };
        let mut watch = health.watch(request).await.unwrap().into_inner();
        assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving, "{service}");
        watched.push(watch);
    }
    let acknowledged = Arc::new(Acknowledged::default());
    let mut load = JoinSet::new();
    for n in 0..4 * INVITERS {
        load.spawn(invite_on(admin(home.path()).await, format!("{n}"), Arc::clone(&acknowledged)));
    }
    signal.until(|frame| matches!(frame.frame, Some(Response::GoAway(_))).then_some(())).await;
    let http = said["http"].as_str().unwrap().parse().unwrap();
    let ready = get(http, "/readyz").await;
    assert!(ready.starts_with("HTTP/1.1 503") && ready.ends_with("cannot be written\n"), "{ready}");
    for (service, watch) in services.iter().zip(&mut watched) {
        let turned = watch.message().await.unwrap().unwrap().status();
        assert_eq!(turned, ServingStatus::NotServing, "{service}: balancers are told, not only probes");
    }
    drop((health, watched));
    drop(signal);
    let ended = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
    let ended =
        tokio::time::timeout(Duration::from_secs(60), ended).await.expect("it ends by itself").unwrap();
    assert_eq!(ended.status.code(), Some(1), "{}", stderr(&ended));
    assert!(stderr(&ended).contains("the store cannot be written any more"), "{}", stderr(&ended));
    while load.join_next().await.is_some() {}
    let served = Served::start(home.path());
    let written = check(&mut admin(home.path()).await, &served, &acknowledged, &[], 0, 0).await;
    assert!(written > 0);
}

//! `castle-server doctor`: settings, clock, store and data folder here, then all that guests meet, as the running server
//! hands it out.
//!
//! Owns what only a host can look at, and the plan for the rest, which `castle-connectivity` puts to the test.

mod clock;

pub use clock::KernelClock;

use crate::admin::{self, store_dir};
use crate::config::{Config, PublicUrl, ServeArgs};
use crate::store::sled::SledStore;
use crate::transport::tls::self_signed_in;
use castle::v1::{self, host_service_client::HostServiceClient};
use castle_connectivity::doctor::{self, Finding, GrpcTarget, IceServer, Outcome, Plan};
use castle_connectivity::relayed::Credential;
use castle_connectivity::trust::{Pin, fingerprint};
use std::path::Path;
use std::time::SystemTime;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::Code;

/// Findings that may wait to be printed.
const FINDINGS_MAX: usize = 16;

/// Runs all checks for the server of `data_dir`; `say` is given each finding as it is made. True: nothing failed.
pub async fn run(settings: ServeArgs, say: impl FnMut(&Finding)) -> bool {
    run_by(&KernelClock::read(), settings, say).await
}

/// The same on a machine with such a clock.
pub async fn run_by(clock: &KernelClock, settings: ServeArgs, mut say: impl FnMut(&Finding)) -> bool {
    let mut found = Vec::new();
    let mut note = |finding: Finding| {
        say(&finding);
        found.push(finding.outcome);
    };
    let data_dir = &settings.data.data_dir.clone();
    // The server's own certificate is believed as guests believe it, by the pin that invitations carry.
    let own = settings.transport.tls_cert.is_none().then(|| self_signed_in(data_dir)).flatten();
    let digest = own.map(|certificate| fingerprint(&certificate));
    note(match Config::try_from(settings) {
        Ok(_) => Finding::pass("Settings", "they can be read and fit together"),
        Err(error) => Finding::fail(
            "Settings",
            error.to_string(),
            "Correct it; `castle-server serve --help` lists all.",
        ),
    });
    note(clock.finding());
    let Some(channel) = admin::running(data_dir).await else {
        note(at_rest(data_dir).await);
        note(Finding::fail(
            "Server",
            "it is not running",
            "Start it with `castle-server serve`, then run this again: the rest is asked of the running server.",
        ));
        return false;
    };
    note(data_folder(data_dir));
    match HostServiceClient::new(channel).get_status(v1::GetStatusRequest {}).await {
        Ok(status) => {
            let plan = plan(&mut note, status.into_inner(), digest);
            let (sender, mut findings) = mpsc::channel(FINDINGS_MAX);
            let examination = tokio::spawn(doctor::examine(plan, sender));
            while let Some(finding) = findings.recv().await {
                note(finding);
            }
            examination.await.expect("an examination does not panic");
        }
        Err(status) => {
            let advice = match status.code() {
                Code::Unimplemented => "The running server is of another version: restart it.",
                _ => "Look into the server's log.",
            };
            note(Finding::fail("Server", status.message().to_owned(), advice));
        }
    }
    found.iter().all(|outcome| *outcome != Outcome::Fail)
}

/// What a guest would be given, to be put to the test; notes what can be told at once.
fn plan(note: &mut impl FnMut(Finding), status: v1::GetStatusResponse, digest: Option<[u8; 32]>) -> Plan {
    let uptime =
        status.started_at.and_then(|at| SystemTime::try_from(at).ok()).and_then(|at| at.elapsed().ok());
    note(Finding::pass(
        "Server",
        format!(
            "version {} runs since {} min; {} sessions, {} calls",
            status.version,
            uptime.unwrap_or_default().as_secs() / 60,
            status.sessions,
            status.calls
        ),
    ));
    let grpc = PublicUrl::parse(&status.public_url).ok().and_then(|url| target(&url));
    if grpc.is_none() {
        let detail = format!("`{}` is not an address that guests can use", status.public_url);
        note(Finding::fail("Public address", detail, "Name it with --public-url."));
    }
    let given = status.ice_servers.unwrap_or_default();
    let servers = given.servers.into_iter().map(|server| IceServer {
        urls: server.urls,
        credential: Credential { username: server.username, password: server.credential },
    });
    let pin = grpc.as_ref().zip(digest).map(|(target, digest)| Pin { host: target.host.clone(), digest });
    // Its clock is this one, and no other is there to be compared with.
    Plan { grpc, servers: servers.collect(), pin, clock_ahead_ms: None }
}

fn target(url: &PublicUrl) -> Option<GrpcTarget> {
    let text = url.to_string();
    let (scheme, rest) = text.split_once("://")?;
    let authority = rest.split(['/', '?']).next()?;
    let (host, port) = authority.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    Some(GrpcTarget { host, port: port.parse().ok()?, tls: scheme == "https" })
}

/// The store of a server that does not run can be opened.
async fn at_rest(data_dir: &Path) -> Finding {
    const CHECK: &str = "Store";
    let dir = store_dir(data_dir);
    if !dir.exists() {
        return Finding::skipped(CHECK, format!("there is none yet in {}", data_dir.display()));
    }
    let opened = tokio::task::spawn_blocking(move || {
        SledStore::open(&dir, SystemTime::now(), CancellationToken::new()).map(drop)
    });
    match opened.await.expect("opening a store does not panic") {
        Ok(()) => Finding::pass(CHECK, "it can be opened"),
        Err(error) => Finding::fail(
            CHECK,
            error.to_string(),
            "Give the server's user the data folder, and let no other process use it; else restore a backup.",
        ),
    }
}

/// What lies in the data folder is for its owner alone.
fn data_folder(data_dir: &Path) -> Finding {
    use std::os::unix::fs::PermissionsExt as _;
    const CHECK: &str = "Data folder";
    match std::fs::metadata(data_dir) {
        Ok(found) if found.permissions().mode().trailing_zeros() >= 6 => {
            Finding::pass(CHECK, format!("{} is there, for its owner alone", data_dir.display()))
        }
        Ok(_) => Finding::fail(
            CHECK,
            format!("{} is open to other users of this machine", data_dir.display()),
            format!("It holds keys and password hashes: chmod 700 {}", data_dir.display()),
        ),
        Err(error) => Finding::fail(CHECK, error.to_string(), "Name the right one with --data-dir."),
    }
}

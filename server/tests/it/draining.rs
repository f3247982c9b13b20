//! A server in a process of its own that is told to end: who is told what, in which order, and how long it takes.

use crate::cli::{Served, json_of, run};
use crate::signaling::Signal;
use crate::support::{TestGuest, reason, registering};
use crate::transport::get;
use castle::v1;
use castle::v1::castle_service_client::CastleServiceClient;
use castle::v1::signal_response::Frame as Response;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt as _;

/// What a timer and a busy machine may add.
const SLACK: Duration = Duration::from_secs(3);

async fn guest(served: &Served, code: &str, name: &str) -> TestGuest {
    let mut client = served.client().await;
    let request = v1::RegisterRequest { invitation_code: code.to_owned(), ..registering(name) };
    let registered = client.register(request).await.unwrap().into_inner();
    TestGuest { client, guest: registered.guest.unwrap(), tokens: registered.tokens.unwrap() }
}

async fn told_to_go(signal: &mut Signal) -> v1::GoAway {
    signal
        .until(|frame| match &frame.frame {
            Some(Response::GoAway(go_away)) => Some(*go_away),
            _ => None,
        })
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_turns_new_guests_away_tells_the_others_to_go_and_ends_at_the_deadline() {
    let home = TempDir::new().unwrap();
    let mut served = Served::start_with(home.path(), &[], Stdio::null());
    let create = ["invite", "create", "--json", "--data-dir", "data", "--uses", "2"];
    let code = json_of(&run(home.path(), &create))["code"].as_str().unwrap().to_owned();
    let (mut alice, mut bob) = (guest(&served, &code, "alice").await, guest(&served, &code, "bob").await);
    let mut signals = [Signal::open(&mut alice).await, Signal::open(&mut bob).await];
    let channel = tonic::transport::Channel::from_shared(served.said["url"].as_str().unwrap().to_owned());
    let channel = channel.unwrap().connect().await.unwrap();
    let mut health = HealthClient::new(channel.clone());
    let of = |service: &str| HealthCheckRequest { service: service.to_owned() };
    let services = ["", "castle.v1.CastleService", "castle.v1.AdminService"];
    for service in services {
        let status = health.check(of(service)).await.unwrap().into_inner().status();
        assert_eq!(status, ServingStatus::Serving, "{service}");
    }
    let http = served.said["http"].as_str().unwrap().parse().unwrap();

    let began = Instant::now();
    let pid = served.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let mut deadline = Duration::ZERO;
    for signal in &mut signals {
        let go_away = told_to_go(signal).await;
        deadline = Duration::from_millis(go_away.deadline_ms.into());
        // Whoever was told to go finds that balancers were told before.
        for service in services {
            let status = health.check(of(service)).await.unwrap().into_inner().status();
            assert_eq!(status, ServingStatus::NotServing, "{service}");
        }
        assert!(get(http, "/readyz").await.starts_with("HTTP/1.1 503"));
        assert!(get(http, "/livez").await.starts_with("HTTP/1.1 200"), "it lives");
        assert!(go_away.reconnect_after_ms > 0 && go_away.jitter_ms > 0, "{go_away:?}");
        assert!(go_away.deadline_ms > go_away.reconnect_after_ms + go_away.jitter_ms, "{go_away:?}");
    }
    // On the connection it has: what comes anew is turned away, and told when to come again.
    alice.client = CastleServiceClient::new(channel);
    let refused = Signal::hello(&mut alice, None).await.err().expect("refused");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Unavailable, "DRAINING"));
    assert!(refused.get_error_details().retry_info().is_some());
    assert!(served.child.try_wait().unwrap().is_none(), "it waits for the sessions");

    for signal in &mut signals {
        assert_eq!(signal.end().await, "DRAINING");
        let after = began.elapsed();
        assert!(after >= deadline && after < deadline + SLACK, "closed after {after:?} of {deadline:?}");
    }
    drop((signals, alice, bob, health));
    let ended = tokio::task::spawn_blocking(move || served.child.wait().map(|status| (served, status)));
    let (_served, status) = tokio::time::timeout(SLACK, ended).await.expect("it ends").unwrap().unwrap();
    assert_eq!(status.code(), Some(0));
}

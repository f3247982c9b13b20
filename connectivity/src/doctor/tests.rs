//! The doctor at servers that are not there, refuse, or are no such servers. Those that work are met in the tests of
//! the server (`doctor.rs`) and of the app (`checkup.rs`).

use super::*;

async fn findings(plan: Plan) -> Vec<Finding> {
    let (sender, mut receiver) = mpsc::channel(4);
    let examined = tokio::spawn(examine(plan, sender));
    let mut found = Vec::new();
    while let Some(finding) = receiver.recv().await {
        found.push(finding);
    }
    examined.await.unwrap();
    found
}

fn relay(url: String) -> IceServer {
    IceServer { urls: vec![url], credential: Credential { username: "1:x".into(), password: "y".into() } }
}

#[tokio::test]
async fn a_relay_that_is_not_there_is_told_with_the_port_to_open() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let servers = vec![relay(format!("turn:{closed}?transport=tcp"))];
    let found = findings(Plan { servers, ..Plan::default() }).await;
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(!healthy(&found));
    let advice = found[0].advice.as_deref().unwrap();
    assert!(advice.contains(&format!("TCP port {}", closed.port())), "{advice}");
    assert!(line(&found[0]).starts_with("FAIL  TURN over TCP at 127.0.0.1:"), "{}", line(&found[0]));
}

#[tokio::test]
async fn a_hall_without_a_relay_and_an_address_that_is_none_fail() {
    let found = findings(Plan { servers: vec![relay("turn:a b".into())], ..Plan::default() }).await;
    let checks: Vec<_> = found.iter().map(|finding| (finding.check.as_str(), finding.outcome)).collect();
    assert_eq!(checks, [("turn:a b", Outcome::Fail), ("Relay", Outcome::Fail)]);
}

#[tokio::test]
async fn a_port_that_speaks_something_else_is_no_grpc() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"SSH-2.0-x\r\n").await.unwrap();
    });
    let grpc = Some(GrpcTarget { host: "127.0.0.1".into(), port, tls: false });
    let found = findings(Plan { grpc, ..Plan::default() }).await;
    assert_eq!(found[0].outcome, Outcome::Fail, "{found:#?}");
    assert!(found[0].advice.as_deref().unwrap().contains("Something else answers"), "{found:#?}");
}

#[test]
fn a_clock_that_is_off_is_told_from_one_that_is_not() {
    let at = |ahead| clock(&Plan { clock_ahead_ms: Some(ahead), ..Plan::default() }).unwrap();
    assert_eq!(at(-900).outcome, Outcome::Pass);
    assert_eq!(at(61_000).detail, "this clock is 61 s behind the server's");
    assert_eq!(at(-3_600_000).detail, "this clock is 3600 s ahead of the server's");
    assert!(clock(&Plan::default()).is_none(), "nothing is known of the server's");
}

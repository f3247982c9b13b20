//! Servers of which a part has ended or hangs: they end, in time, and say why.

use super::*;
use crate::hub::GoAway;
use crate::transport::Protocols;
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::timeout;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

async fn bound(dir: &TempDir) -> Server {
    Server::bind(Config::for_test(dir.path())).await.expect("the server starts")
}

fn history_of(server: &Server) -> History {
    History::new(Arc::clone(&server.store), Arc::clone(&server.signers.call))
}

async fn outcome(server: Server) -> Result<(), RunError> {
    let run = server.run(CancellationToken::new(), CancellationToken::new());
    timeout(PATIENCE, run).await.expect("it ends")
}

#[tokio::test]
async fn a_server_without_its_hub_ends_and_says_so() {
    let dir = TempDir::new().expect("a folder");
    let mut server = bound(&dir).await;
    let around = Around {
        ice: Arc::clone(&server.ice),
        signer: Arc::clone(&server.signers.call),
        metrics: Arc::new(Metrics::new()),
    };
    let (ends, tasks) = (CancellationToken::new(), TaskTracker::new());
    let history = history_of(&server);
    server.hub = Hub::spawn(HubConfig::default(), around, history, [1; 32], &tasks, ends.clone());
    ends.cancel();
    let ended = outcome(server).await;
    assert!(matches!(ended, Err(RunError::Ended("the hub"))), "{ended:?}");
}

#[tokio::test]
async fn a_server_that_serves_no_calls_any_more_ends_and_says_so() {
    let dir = TempDir::new().expect("a folder");
    let mut server = bound(&dir).await;
    server.ports.protocols = Protocols::default();
    let ended = outcome(server).await;
    assert!(matches!(ended, Err(RunError::Ended("what serves calls"))), "{ended:?}");
}

#[tokio::test]
async fn a_hub_that_does_not_answer_holds_up_no_end() {
    let dir = TempDir::new().expect("a folder");
    let server = bound(&dir).await;
    let (hub, _mailbox) = HubHandle::stuck(history_of(&server));
    let at_once = GoAway { deadline: Duration::ZERO, ..GO_AWAY };
    timeout(PATIENCE, draining::let_go(&hub, at_once, &CancellationToken::new())).await.expect("it goes on");
}

//! The end of a server: its sessions are told to go, then its tasks end.
//!
//! Owns how long each may take, so that nothing that hangs, a disk least of all, keeps the process alive. Never says
//! why it ends.

use crate::hub::{GoAway, HubHandle};
use std::time::Duration;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What sessions are told when the server goes down: long enough that a restart is done, short against the
/// resume window, and spread so that not all come back at once.
pub(super) const GO_AWAY: GoAway = GoAway {
    reconnect_after: Duration::from_secs(1),
    jitter: Duration::from_secs(2),
    deadline: Duration::from_secs(5),
};
/// The hub keeps that deadline, unless it waits for the disk itself: then it is not waited for.
const HUB_SLACK: Duration = Duration::from_secs(1);
/// After the sessions have gone: for the answers still on their way.
const TASKS_DEADLINE: Duration = Duration::from_secs(5);

/// Has every session leave. Returns when they have, at their deadline, or with `force`.
pub(super) async fn let_go(hub: &HubHandle, go_away: GoAway, force: &CancellationToken) {
    let told = timeout(go_away.deadline + HUB_SLACK, hub.drain(go_away));
    if let Some(Err(_)) = force.run_until_cancelled(told).await {
        tracing::warn!("the hub does not answer, perhaps since the disk does not: sessions are cut");
    }
}

/// Waits for the tasks, which were told to stop, until their deadline, or `force`.
pub(super) async fn end(tasks: &TaskTracker, force: &CancellationToken) {
    match force.run_until_cancelled(timeout(TASKS_DEADLINE, tasks.wait())).await {
        Some(Ok(())) => tracing::info!("drained"),
        Some(Err(_)) => tracing::warn!("streams were cut at the drain deadline"),
        None => tracing::warn!("the drain was cut short"),
    }
}

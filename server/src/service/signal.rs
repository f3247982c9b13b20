//! `CastleService.Signal`: puts a stream on its way. What it says is read in `session`.

use crate::auth::Caller;
use crate::hub::HubHandle;
use crate::session::{self, Replies, SessionConfig};
use castle::v1;
use tokio_util::task::TaskTracker;
use tonic::{Response, Streaming};

/// Starts the reading half on `tasks` and answers with the writing half.
pub fn signal(
    config: SessionConfig,
    hub: HubHandle,
    tasks: &TaskTracker,
    caller: Caller,
    frames: Streaming<v1::SignalRequest>,
) -> Response<Replies> {
    let (reader, replies) = session::stream(config, hub, caller, frames);
    tasks.spawn(reader);
    Response::new(replies)
}

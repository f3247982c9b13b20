//! The wait for a match: one server stream, taken up again under the same `request_id` when it breaks, so that the
//! place in the queue is kept. Where the server has lost the session, the wait lasts until the session, having begun anew,
//! puts another in its place.

use super::MatchNews;
use super::account::Client;
use crate::backoff;
use crate::error::{ClientError, ErrorKind};
use castle::v1::{ErrorReason, MatchLeftReason, MatchRequest, match_response};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tonic::metadata::{Ascii, MetadataValue};

/// A server that does not know the session is asked for so long: the session learns the same within a heartbeat's timeout,
/// and needs some tries more to begin anew.
const UNKNOWN_MAX: Duration = Duration::from_secs(60);

/// Waits until matched, left or refused; tells each piece of news. Ends with the last.
pub(super) async fn wait(
    mut client: Client,
    mut bearer: watch::Receiver<MetadataValue<Ascii>>,
    request: MatchRequest,
    news: mpsc::Sender<MatchNews>,
) {
    let mut tries = Tries::default();
    loop {
        let token = bearer.borrow_and_update().clone();
        match listen(&mut client, token, &request, &news, &mut tries).await {
            Ok(()) => return,
            Err(error) if error.kind == ErrorKind::Refused(ErrorReason::TokenExpired) => {
                // The session renews it; when that ends, so does this wait.
                if bearer.changed().await.is_err() {
                    return;
                }
            }
            Err(error) if tries.may_go_on(Instant::now(), &error) => {
                let pause = backoff::delay(tries.count, &mut rand::rng());
                tokio::time::sleep(error.retry_after.unwrap_or_default().max(pause)).await;
                tries.count += 1;
            }
            Err(error) => {
                // Closed: the session is over, and the wait with it.
                news.send(MatchNews::Refused(error)).await.ok();
                return;
            }
        }
    }
}

/// Tries since the server last said something of the queue.
#[derive(Default)]
struct Tries {
    count: u32,
    /// Since when the server does not know the session.
    unknown: Option<Instant>,
}

impl Tries {
    /// Whether it is worth another try.
    fn may_go_on(&mut self, now: Instant, error: &ClientError) -> bool {
        if error.kind == ErrorKind::Refused(ErrorReason::NoSession) {
            return now.duration_since(*self.unknown.get_or_insert(now)) < UNKNOWN_MAX;
        }
        error.is_transient()
    }
}

async fn listen(
    client: &mut Client,
    token: MetadataValue<Ascii>,
    request: &MatchRequest,
    news: &mpsc::Sender<MatchNews>,
    tries: &mut Tries,
) -> Result<(), ClientError> {
    let mut call = tonic::Request::new(request.clone());
    call.metadata_mut().insert("authorization", token);
    let mut stream = client.r#match(call).await?.into_inner();
    while let Some(response) = stream.message().await? {
        let (item, last) = match response.update {
            Some(match_response::Update::Queued(queued)) => {
                *tries = Tries::default();
                let estimate = queued.estimate.map(|estimate| Duration::from_millis(estimate.p50_ms));
                (MatchNews::Queued { position: queued.position, waiting: queued.waiting, estimate }, false)
            }
            Some(match_response::Update::Matched(_)) => (MatchNews::Found, true),
            Some(match_response::Update::Left(left)) => match left.reason() {
                // The server's doing, not the guest's.
                MatchLeftReason::ShuttingDown => return Err(ErrorReason::Draining.into()),
                MatchLeftReason::SessionEnded => return Err(ErrorReason::NoSession.into()),
                _ => (MatchNews::Left, true),
            },
            None => continue,
        };
        if news.send(item).await.is_err() || last {
            return Ok(());
        }
    }
    // Ended without a last word: as good as broken.
    Err(ErrorKind::Unreachable.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_that_the_server_does_not_know_is_waited_for_and_not_for_ever() {
        let unknown = ClientError::from(ErrorReason::NoSession);
        let (begin, mut tries) = (Instant::now(), Tries::default());
        let almost = UNKNOWN_MAX.saturating_sub(Duration::from_millis(1));
        for waited in [Duration::ZERO, UNKNOWN_MAX / 2, almost] {
            assert!(tries.may_go_on(begin + waited, &unknown), "{waited:?}");
            assert!(tries.may_go_on(begin + waited, &ErrorReason::Draining.into()), "it restarts");
        }
        assert!(!tries.may_go_on(begin + UNKNOWN_MAX, &unknown));
        assert!(!Tries::default().may_go_on(begin, &ErrorReason::QueueFull.into()));
    }
}

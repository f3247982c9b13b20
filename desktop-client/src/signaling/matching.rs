//! The wait for a match: one server stream, taken up again under the same `request_id` when it breaks, so that the
//! place in the queue is kept.

use super::MatchNews;
use super::account::Client;
use crate::backoff;
use crate::error::{ClientError, ErrorKind};
use castle::v1::{ErrorReason, MatchRequest, match_response};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tonic::metadata::{Ascii, MetadataValue};

/// Waits until matched, left or refused; tells each piece of news. Ends with the last.
pub(super) async fn wait(
    mut client: Client,
    mut bearer: watch::Receiver<MetadataValue<Ascii>>,
    request: MatchRequest,
    news: mpsc::Sender<MatchNews>,
) {
    let mut attempt = 0;
    loop {
        let token = bearer.borrow_and_update().clone();
        match listen(&mut client, token, &request, &news, &mut attempt).await {
            Ok(()) => return,
            Err(error) if error.kind == ErrorKind::Refused(ErrorReason::TokenExpired) => {
                // The session renews it; when that ends, so does this wait.
                if bearer.changed().await.is_err() {
                    return;
                }
            }
            Err(error) if error.is_transient() => {
                let pause = backoff::delay(attempt, &mut rand::rng());
                tokio::time::sleep(error.retry_after.unwrap_or_default().max(pause)).await;
                attempt += 1;
            }
            Err(error) => {
                // Closed: the session is over, and the wait with it.
                news.send(MatchNews::Refused(error)).await.ok();
                return;
            }
        }
    }
}

async fn listen(
    client: &mut Client,
    token: MetadataValue<Ascii>,
    request: &MatchRequest,
    news: &mpsc::Sender<MatchNews>,
    attempt: &mut u32,
) -> Result<(), ClientError> {
    let mut call = tonic::Request::new(request.clone());
    call.metadata_mut().insert("authorization", token);
    let mut stream = client.r#match(call).await?.into_inner();
    while let Some(response) = stream.message().await? {
        *attempt = 0;
        let (item, last) = match response.update {
            Some(match_response::Update::Queued(queued)) => {
                let estimate = queued.estimate.map(|estimate| Duration::from_millis(estimate.p50_ms));
                (MatchNews::Queued { position: queued.position, waiting: queued.waiting, estimate }, false)
            }
            Some(match_response::Update::Matched(_)) => (MatchNews::Found, true),
            Some(match_response::Update::Left(_)) => (MatchNews::Left, true),
            None => continue,
        };
        if news.send(item).await.is_err() || last {
            return Ok(());
        }
    }
    // Ended without a last word: as good as broken.
    Err(ErrorKind::Unreachable.into())
}

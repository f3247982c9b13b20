//! `CastleService.Match`: from wire types to a place in the queue and back.

use crate::auth::Caller;
use crate::error::Error;
use crate::hub::{HubHandle, MatchLine};
use crate::lobby::{LeftReason, MatchNews};
use crate::matchmaker::{Criteria, Estimate, Join, Place};
use crate::uncancelled::Uncancelled;
use castle::ids::{GuestId, SessionId};
use castle::limits::{MATCH_CRITERIA_MAX, MATCH_CRITERION_CHARS_MAX, REQUEST_ID_BYTES_MAX};
use castle::v1;
use futures_util::Stream;
use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tonic::Status;

/// What a Match stream says.
pub struct MatchReplies {
    lines: mpsc::Receiver<MatchLine>,
    /// The server may stop with the stream still waiting.
    ended: bool,
    /// Tells the hub when nobody reads any more.
    _gone: DropGuard,
}

/// Takes a place in the queue for the caller's session.
///
/// Errors: `InvalidField`, `NoSession`, `AlreadyInCall`, `AlreadyQueued`, `QueueFull`, `Draining`.
pub async fn begin(
    hub: &HubHandle,
    tasks: &TaskTracker,
    caller: &Caller,
    request: v1::MatchRequest,
) -> Result<MatchReplies, Error> {
    begin_with(hub, tasks, join(caller.guest, request)?).await
}

/// Joins though nobody may hear of it any more: then the answer is dropped, and the place given up as any other.
async fn begin_with(hub: &HubHandle, tasks: &TaskTracker, join: Join) -> Result<MatchReplies, Error> {
    let (hub, held_on) = (hub.clone(), tasks.clone());
    let joined = async move {
        let (stream, lines) = hub.join_match(join).await?;
        let gone = CancellationToken::new();
        let guard = gone.clone().drop_guard();
        held_on.spawn(async move {
            gone.cancelled().await;
            hub.match_lost(stream).await;
        });
        Ok(MatchReplies { lines, ended: false, _gone: guard })
    };
    Uncancelled::on(tasks.clone()).run(joined).await
}

fn join(guest: GuestId, request: v1::MatchRequest) -> Result<Join, Error> {
    let session: SessionId =
        request.session_id.parse().map_err(|error| Error::field("session_id", format!("{error}")))?;
    let request_id = request.request_id;
    if request_id.is_empty() || request_id.len() > REQUEST_ID_BYTES_MAX {
        return Err(Error::field("request_id", format!("has not 1 to {REQUEST_ID_BYTES_MAX} bytes")));
    }
    let criteria = Criteria {
        tags: words("tags", &request.tags, |tag| tag)?,
        // `de-AT` and `de-CH` understand each other: BCP 47's primary language alone counts.
        languages: words("languages", &request.languages, |tag| tag.split('-').next().unwrap_or(tag))?,
        tags_required: request.tags_required,
        languages_required: request.languages_required,
    };
    for (required, words, field) in [
        (criteria.tags_required, &criteria.tags, "tags_required"),
        (criteria.languages_required, &criteria.languages, "languages_required"),
    ] {
        if required && words.is_empty() {
            return Err(Error::field(field, "needs words that can be required"));
        }
    }
    Ok(Join { session, guest, request_id, criteria })
}

fn words(field: &str, words: &[String], part: impl Fn(&str) -> &str) -> Result<BTreeSet<Arc<str>>, Error> {
    if words.len() > MATCH_CRITERIA_MAX {
        return Err(Error::field(field, format!("has more than {MATCH_CRITERIA_MAX} entries")));
    }
    let mut folded = BTreeSet::new();
    for (at, word) in words.iter().enumerate() {
        let word = word.trim();
        if word.is_empty() || word.chars().count() > MATCH_CRITERION_CHARS_MAX {
            let description = format!("has not 1 to {MATCH_CRITERION_CHARS_MAX} characters");
            return Err(Error::field(format!("{field}[{at}]"), description));
        }
        folded.insert(Arc::from(part(&word.to_lowercase())));
    }
    Ok(folded)
}

impl Stream for MatchReplies {
    type Item = Result<v1::MatchResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let line = ready!(self.lines.poll_recv(context));
        // Without a last line the hub has stopped.
        let line = line.unwrap_or(MatchLine::News(MatchNews::Left(LeftReason::ShuttingDown)));
        self.ended = !matches!(line, MatchLine::News(MatchNews::Queued(_)));
        Poll::Ready(Some(Ok(response(line))))
    }
}

fn response(line: MatchLine) -> v1::MatchResponse {
    use v1::match_response::Update;
    let left = |reason: v1::MatchLeftReason| Update::Left(v1::MatchLeft { reason: reason.into() });
    let update = match line {
        MatchLine::Superseded => left(v1::MatchLeftReason::Superseded),
        MatchLine::News(MatchNews::Queued(place)) => Update::Queued(queued(place)),
        MatchLine::News(MatchNews::Found(call)) => {
            Update::Matched(v1::MatchFound { call_id: call.to_string() })
        }
        MatchLine::News(MatchNews::Left(reason)) => left(match reason {
            LeftReason::Left => v1::MatchLeftReason::Left,
            LeftReason::InCall => v1::MatchLeftReason::InCall,
            LeftReason::SessionEnded => v1::MatchLeftReason::SessionEnded,
            LeftReason::ShuttingDown => v1::MatchLeftReason::ShuttingDown,
        }),
    };
    v1::MatchResponse { update: Some(update) }
}

fn queued(place: Place) -> v1::MatchQueued {
    let count = |count: usize| count.try_into().unwrap_or(u32::MAX);
    let millis = |wait: std::time::Duration| wait.as_millis().try_into().unwrap_or(u64::MAX);
    let estimate = |Estimate { p50, p90 }| v1::MatchEstimate { p50_ms: millis(p50), p90_ms: millis(p90) };
    v1::MatchQueued {
        position: count(place.position),
        waiting: count(place.waiting),
        estimate: place.estimate.map(estimate),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::Guest;
    use crate::history::History;
    use crate::hub::{Around, Hub, HubConfig, Opening, Outbox};
    use crate::ice::IceVendor;
    use crate::metrics::Metrics;
    use crate::store::sled::SledStore;
    use crate::token::CallSigner;
    use castle::ids::LoginId;
    use futures_util::FutureExt as _;
    use std::time::{Duration, SystemTime};

    #[tokio::test]
    async fn a_match_that_is_dropped_while_it_joins_gives_its_place_up() {
        let dir = tempfile::TempDir::new().expect("a folder");
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let store = SledStore::open(dir.path(), SystemTime::now(), stop.clone()).expect("opens");
        let signer = Arc::new(CallSigner::new([7; 32]));
        let history = History::new(Arc::new(store), Arc::clone(&signer));
        let ice = Arc::new(IceVendor::new(vec![]));
        let around = Around { ice, signer, metrics: Arc::new(Metrics::new()) };
        let hub = Hub::spawn(HubConfig::default(), around, history, [1; 32], &tasks, stop.clone());
        let (guest, login) = (GuestId::from_bits(1), LoginId::from_bits(2));
        let (outbox, _stream) = Outbox::new(256);
        let opening = Opening {
            guest: Arc::new(Guest { id: guest, name: "bea".to_owned(), display_name: "Bea".to_owned() }),
            login,
            resume: None,
            call_token: String::new(),
            wish: crate::guest::Wish::default(),
            access_expires_at: SystemTime::now() + Duration::from_hours(1),
        };
        let session = hub.open(opening, outbox).await.expect("a session begins").session;

        let request = v1::MatchRequest {
            session_id: session.to_string(),
            request_id: "r".to_owned(),
            ..v1::MatchRequest::default()
        };
        let join = join(guest, request).expect("a good request");
        let dropped = begin_with(&hub, &tasks, join).now_or_never();
        assert!(dropped.is_none(), "the hub has not answered yet");
        while hub.busy().await.expect("the hub runs").waiting == 0 {
            tokio::task::yield_now().await;
        }
        let given_up = async {
            while hub.busy().await.expect("the hub runs").waiting > 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), given_up).await.expect("as any other lost stream's");
        stop.cancel();
    }
}

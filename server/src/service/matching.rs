//! `CastleService.Match`: from wire types to a place in the queue and back.

use crate::auth::Caller;
use crate::error::Error;
use crate::hub::{HubHandle, MatchLine};
use crate::lobby::{LeftReason, MatchNews};
use crate::matchmaker::{Criteria, Estimate, Join, Place};
use crate::uncancelled::Uncancelled;
use castle::ids::SessionId;
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
    let join = join(caller, request)?;
    let (session, hub, watching) = (join.session, hub.clone(), tasks.clone());
    // Who is gone before the place is theirs gives it up like everybody: the replies are dropped with their guard.
    let joined = async move {
        let (stream, lines) = hub.join_match(join).await?;
        let gone = CancellationToken::new();
        let replies = MatchReplies { lines, ended: false, _gone: gone.clone().drop_guard() };
        watching.spawn(async move {
            gone.cancelled().await;
            hub.match_lost(session, stream).await;
        });
        Ok(replies)
    };
    Uncancelled::on(tasks.clone()).run(joined).await
}

fn join(caller: &Caller, request: v1::MatchRequest) -> Result<Join, Error> {
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
    Ok(Join { session, guest: caller.guest, request_id, criteria })
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

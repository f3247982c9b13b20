//! What the queue is asked and what it answers. PURE, see `matchmaker`.

use super::estimate::Estimate;
use castle::ids::{CallId, GuestId, SessionId};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Times and bounds of the queue.
#[derive(Debug, Clone)]
pub struct MatchConfig {
    /// Ages at which wishes relax: a partner without words of their own will do; tags are given up; languages
    /// are given up.
    pub relax_after: [Duration; 3],
    /// Two guests are not paired again for this long after their call.
    pub cool_down: Duration,
    /// A ticket outlives its stream by this while its session is attached: a retry on the same connection
    /// comes at once.
    pub hold: Duration,
    /// The waiting time of a guest whose partner did not come is kept this long for their next ticket.
    pub credit: Duration,
    /// Tickets at once: one for each session a node may have.
    pub queue_max: usize,
    /// How news of places are spread.
    pub news: NewsConfig,
}

/// How news of places are spread.
#[derive(Debug, Clone)]
pub struct NewsConfig {
    /// News are looked for this often.
    pub interval: Duration,
    /// A place that stays the same is told this often, since the estimate moves.
    pub repeat: Duration,
    /// So many at the front learn of each change at once.
    pub front: usize,
    /// Further behind, so many tickets are looked at in one go, in turns: a long queue costs no more each time. They
    /// are told when their place has moved by a tenth.
    pub at_once: usize,
}

impl Default for NewsConfig {
    fn default() -> Self {
        Self { interval: Duration::from_secs(1), repeat: Duration::from_secs(5), front: 100, at_once: 2_000 }
    }
}

impl Default for MatchConfig {
    fn default() -> Self {
        Self {
            relax_after: [5, 15, 30].map(Duration::from_secs),
            cool_down: Duration::from_mins(1),
            hold: Duration::from_secs(5),
            credit: Duration::from_mins(1),
            queue_max: 50_000,
            news: NewsConfig::default(),
        }
    }
}

/// What a guest wishes of a partner. Words are compared as they are: the edge folds their case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Criteria {
    /// Interests; one in common is wished for.
    pub tags: BTreeSet<Arc<str>>,
    /// Languages; one in common is wished for.
    pub languages: BTreeSet<Arc<str>>,
    /// The wish for a tag is never given up. Only with tags.
    pub tags_required: bool,
    /// The wish for a language is never given up. Only with languages.
    pub languages_required: bool,
}

/// Somebody wants to wait.
#[derive(Debug, Clone)]
pub struct Join {
    /// For which session.
    pub session: SessionId,
    /// Whose it is.
    pub guest: GuestId,
    /// Of the client's making; a repeat keeps the place.
    pub request_id: String,
    /// What they wish.
    pub criteria: Criteria,
}

/// What came of a [`Join`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joined {
    /// A new place at the end, or further ahead with the time of a match that did not come about.
    Queued,
    /// The place this request has already.
    Kept,
    /// This request has been paired already.
    Found(CallId),
}

/// One of the two tickets of a pairing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paired {
    /// Whose.
    pub guest: GuestId,
    /// On which session.
    pub session: SessionId,
    /// Which request.
    pub request_id: String,
}

/// A place in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// 1 for the next in line.
    pub position: usize,
    /// How many wait.
    pub waiting: usize,
    /// How long it may still take.
    pub estimate: Option<Estimate>,
}

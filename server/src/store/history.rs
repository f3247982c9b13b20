//! Call records: who called whom, when, how long, and how it ended.

/// What lasts of calls.
pub trait HistoryStore: Send + Sync {}

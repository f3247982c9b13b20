//! The RPCs of `CastleService`: each converts, and hands over to the part that owns it. No rules.

pub mod matching;
pub mod signal;

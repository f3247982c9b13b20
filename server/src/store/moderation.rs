//! What keeps a hall civil: blocks, reports, bans, and the log of what admins did.

/// What lasts of moderation.
pub trait ModerationStore: Send + Sync {}

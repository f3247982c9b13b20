//! What two ends of a call exchange besides pictures and sound, and how the call goes, over time.

use super::CallStats;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One line of the chat of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatLine {
    /// I wrote it.
    pub mine: bool,
    /// When it was written or came.
    pub at: Instant,
    /// What, at most [`CHAT_BYTES_MAX`].
    pub text: String,
    /// The other end has it. Always true of the other end's.
    pub delivered: bool,
}

/// Longest line of chat, bytes of UTF-8.
pub const CHAT_BYTES_MAX: usize = 2000;
/// Lines kept of one call.
pub const CHAT_LINES_MAX: usize = 500;

/// Whether this is who it seems to be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Safety {
    /// The two ends are still at it.
    #[default]
    Pending,
    /// The other end does not know how.
    Unsupported,
    /// Four words that are the same at both ends when nobody is between them.
    Words {
        /// From a list of 2,048.
        words: [String; 4],
        /// What is known of the other end's device.
        device: DeviceStanding,
    },
}

/// What is known of the other end's device key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceStanding {
    /// The first device of this guest that was ever seen.
    First,
    /// A further device of a guest with others; not an alarm.
    New,
    /// Seen in an earlier call.
    SeenBefore,
    /// The words were compared, now or in an earlier call.
    Verified,
}

/// How good the call is, at a glance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Quality {
    /// Not known yet.
    #[default]
    Unknown,
    /// As good as it gets.
    Good,
    /// Something is lost or late.
    Fair,
    /// Hard to talk.
    Poor,
}

/// Figures of the last two minutes, one a second, oldest first. Shared, not copied.
pub type StatsHistory = Arc<Vec<CallStats>>;
/// Figures kept in a [`StatsHistory`].
pub const STATS_HISTORY_MAX: usize = 120;

/// A picture that stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frozen {
    /// Since when.
    pub since: Instant,
}

/// A picture is frozen when none came for this long while the other end's camera is on.
pub const FROZEN_AFTER: Duration = Duration::from_millis(1000);

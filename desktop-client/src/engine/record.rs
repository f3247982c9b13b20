//! What is known of one call: its times and figures, for the statistics on screen and the bot's report.

use crate::call::{Reason, Role};
use crate::media::audio::AudioStats;
use crate::media::codec::VideoCodec;
use crate::media::lip_sync::SyncFigures;
use crate::media::measure::CallFigures;
use crate::media::video_receiver::VideoReceiverStats;
use crate::media::video_sender::VideoSenderStats;
use crate::peer::PathStats;
use crate::view::StatsHistory;
use castle::ids::CallId;
use std::time::Instant;

/// Why only the relay may carry media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelayOnly {
    /// This guest wants all calls so.
    OwnWish,
    /// The call is so.
    Policy,
}

/// One call, live or just over. `None` is what is not known, or has not happened.
#[derive(Debug, Clone, Default)]
pub struct CallRecord {
    /// Which.
    pub call: Option<CallId>,
    /// Login name of the other end.
    pub peer: String,
    /// Who made the offer.
    pub role: Option<Role>,
    /// Only the relay may carry media, and by whose will.
    pub relay_only: Option<RelayOnly>,
    /// When the search or the call was asked for here.
    pub asked_at: Option<Instant>,
    /// When it was matched or accepted: the two sessions begin to negotiate.
    pub agreed_at: Option<Instant>,
    /// When the connection was up.
    pub path_up_at: Option<Instant>,
    /// When both ends were up and the gates opened.
    pub connected_at: Option<Instant>,
    /// When the first picture was shown.
    pub first_shown_at: Option<Instant>,
    /// When it was over.
    pub ended_at: Option<Instant>,
    /// Why it ended.
    pub reason: Option<Reason>,
    /// What pictures are coded in, both ways.
    pub codec: Option<VideoCodec>,
    /// The path.
    pub path: PathStats,
    /// Pictures sent.
    pub sender: VideoSenderStats,
    /// Bytes of pictures that were handed to the network.
    pub video_bytes_sent: u64,
    /// Pictures received.
    pub receiver: VideoReceiverStats,
    /// Pictures of this screen sent.
    pub screen_sender: VideoSenderStats,
    /// Pictures of the peer's screen received.
    pub screen_receiver: VideoReceiverStats,
    /// What the viewer saw of the peer's screen; of a bot alone.
    pub screen_figures: CallFigures,
    /// Sound.
    pub audio: AudioStats,
    /// How pictures and sound are kept in step, while they are.
    pub sync: Option<SyncFigures>,
    /// What the viewer saw and heard.
    pub figures: CallFigures,
    /// The safety words, once both ends have them.
    pub safety_words: Option<[String; 4]>,
    /// The figures of the last seconds, oldest first.
    pub seconds: StatsHistory,
    /// What could not be measured, in words.
    pub fault: Option<String>,
}

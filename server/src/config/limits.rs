//! Settings of limits: how much a session, a guest and this server may hold, and how long things may take. What they
//! are unless set, and why, is told where each lives.

use super::{Config, ConfigError};
use crate::throttle::{Allowance, READS, WRITES};
use castle::limits::{
    CANDIDATE_BYTES_MAX, FRAME_BYTES_MAX, FRAMES_BURST, FRAMES_PER_SECOND, HALL_PAGE, HELLO_TIMEOUT,
    RESUME_WINDOW, SDP_BYTES_MAX, UNACKED_BYTES_MAX, UNACKED_FRAMES_MAX, UNARY_DEADLINE,
};
use clap::{Args, value_parser};
use std::time::Duration;

/// Room of a frame for what stands around a description: ids and numbers.
const ENVELOPE_BYTES: u32 = 1_024;
const SECOND_MS: u64 = 1_000;
const MINUTE_S: u64 = 60;

/// Settings of limits.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitsArgs {
    /// Sessions of this server, attached or within their resume window.
    #[arg(long, env = "CASTLE_SESSIONS_MAX", value_name = "N", default_value_t = 50_000,
          value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub sessions_max: u32,
    /// Sessions of one guest: their devices.
    #[arg(long, env = "CASTLE_SESSIONS_PER_GUEST", value_name = "N", default_value_t = 5,
          value_parser = value_parser!(u32).range(1..=1_000))]
    pub sessions_per_guest: u32,
    /// Streams of one connection; a client waits with further ones (RFC 9113, section 5.1.2).
    #[arg(long, env = "CASTLE_STREAMS_PER_CONNECTION", value_name = "N", default_value_t = super::STREAMS_PER_CONNECTION,
          value_parser = value_parser!(u32).range(2..=10_000))]
    pub streams_per_connection: u32,
    /// Frames that one session may send per second.
    #[arg(long, env = "CASTLE_FRAMES_PER_SECOND", value_name = "N", default_value_t = FRAMES_PER_SECOND,
          value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub frames_per_second: u32,
    /// Frames that one session may send at once.
    #[arg(long, env = "CASTLE_FRAMES_BURST", value_name = "N", default_value_t = FRAMES_BURST,
          value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub frames_burst: u32,
    /// Writes (blocks, names, devices, reports, history erased), exports and matches asked for by one guest, and refreshed tokens of one device, per
    /// minute.
    #[arg(long, env = "CASTLE_WRITES_PER_MINUTE", value_name = "N", default_value_t = 120,
          value_parser = value_parser!(u32).range(1..=60_000))]
    pub writes_per_minute: u32,
    /// The same at once.
    #[arg(long, env = "CASTLE_WRITES_BURST", value_name = "N", default_value_t = WRITES.burst,
          value_parser = value_parser!(u32).range(1..=60_000))]
    pub writes_burst: u32,
    /// Lists (guests, calls, devices, blocked) and ICE servers that one guest may ask for per minute.
    #[arg(long, env = "CASTLE_READS_PER_MINUTE", value_name = "N", default_value_t = 300,
          value_parser = value_parser!(u32).range(1..=60_000))]
    pub reads_per_minute: u32,
    /// The same at once.
    #[arg(long, env = "CASTLE_READS_BURST", value_name = "N", default_value_t = READS.burst,
          value_parser = value_parser!(u32).range(1..=60_000))]
    pub reads_burst: u32,
    /// Frames kept for a session until its client acknowledges them.
    #[arg(long, env = "CASTLE_UNACKED_FRAMES", value_name = "N", default_value_t = UNACKED_FRAMES_MAX as u32,
          value_parser = value_parser!(u32).range(16..=65_536))]
    pub unacked_frames: u32,
    /// The same in bytes.
    #[arg(long, env = "CASTLE_UNACKED_BYTES", value_name = "BYTES", default_value_t = UNACKED_BYTES_MAX as u32,
          value_parser = value_parser!(u32).range(65_536..=67_108_864))]
    pub unacked_bytes: u32,
    /// Largest frame.
    #[arg(long, env = "CASTLE_FRAME_BYTES", value_name = "BYTES", default_value_t = FRAME_BYTES_MAX as u32,
          value_parser = value_parser!(u32).range(4_096..=1_048_576))]
    pub frame_bytes: u32,
    /// Largest session description (SDP).
    #[arg(long, env = "CASTLE_SDP_BYTES", value_name = "BYTES", default_value_t = SDP_BYTES_MAX as u32,
          value_parser = value_parser!(u32).range(1_024..=1_048_576))]
    pub sdp_bytes: u32,
    /// Largest ICE candidate.
    #[arg(long, env = "CASTLE_CANDIDATE_BYTES", value_name = "BYTES", default_value_t = CANDIDATE_BYTES_MAX as u32,
          value_parser = value_parser!(u32).range(256..=65_536))]
    pub candidate_bytes: u32,
    /// Rows of the hall in one page.
    #[arg(long, env = "CASTLE_HALL_PAGE", value_name = "N", default_value_t = HALL_PAGE as u32,
          value_parser = value_parser!(u32).range(1..=1_000))]
    pub hall_page: u32,
    /// From the beginning of a stream to its Hello, milliseconds.
    #[arg(long, env = "CASTLE_HELLO_TIMEOUT_MS", value_name = "MS",
          default_value_t = HELLO_TIMEOUT.as_secs() * SECOND_MS, value_parser = value_parser!(u64).range(100..=60_000))]
    pub hello_timeout_ms: u64,
    /// Unary calls end after this, milliseconds.
    #[arg(long, env = "CASTLE_UNARY_DEADLINE_MS", value_name = "MS",
          default_value_t = UNARY_DEADLINE.as_secs() * SECOND_MS, value_parser = value_parser!(u64).range(100..=600_000))]
    pub unary_deadline_ms: u64,
    /// A session outlives its broken stream by this, seconds.
    #[arg(long, env = "CASTLE_RESUME_WINDOW_S", value_name = "S", default_value_t = RESUME_WINDOW.as_secs(),
          value_parser = value_parser!(u64).range(1..=10 * MINUTE_S))]
    pub resume_window_s: u64,
}

impl LimitsArgs {
    /// # Errors
    /// Where one limit could not be used up under another.
    pub(super) fn apply(&self, config: &mut Config) -> Result<(), ConfigError> {
        self.agree()?;
        let sessions = &mut config.hub.sessions;
        sessions.total_max = self.sessions_max as usize;
        sessions.per_guest_max = self.sessions_per_guest as usize;
        sessions.frames_per_second = self.frames_per_second;
        sessions.frames_burst = self.frames_burst;
        sessions.unacked_frames_max = self.unacked_frames as usize;
        sessions.unacked_bytes_max = self.unacked_bytes as usize;
        sessions.resume_window = Duration::from_secs(self.resume_window_s);
        config.hub.lobby.calls.claim_window = sessions.resume_window;
        config.hub.lobby.calls.early_bytes_max = 2 * self.sdp_bytes as usize;
        config.hub.lobby.matching.queue_max = sessions.total_max;
        config.hub.lobby.hall.page = self.hall_page as usize;
        config.session.hello_timeout = Duration::from_millis(self.hello_timeout_ms);
        config.session.sizes.frame = self.frame_bytes as usize;
        config.session.sizes.sdp = self.sdp_bytes as usize;
        config.session.sizes.candidate = self.candidate_bytes as usize;
        config.unary_deadline = Duration::from_millis(self.unary_deadline_ms);
        let refill = Duration::from_secs(MINUTE_S) / self.writes_per_minute;
        config.writes = Allowance { burst: self.writes_burst, refill };
        config.accounts.refreshes = config.writes;
        let refill = Duration::from_secs(MINUTE_S) / self.reads_per_minute;
        config.reads = Allowance { burst: self.reads_burst, refill };
        config.streams_per_connection = self.streams_per_connection;
        Ok(())
    }

    /// A description fits in a frame, and what a session may be sent at once in what it may leave unacknowledged.
    fn agree(&self) -> Result<(), ConfigError> {
        let frame = self.sdp_bytes.max(self.candidate_bytes) + ENVELOPE_BYTES;
        if self.frame_bytes < frame {
            return Err(ConfigError(format!(
                "--frame-bytes {} is too small for --sdp-bytes {} and --candidate-bytes {}: say {frame} or more",
                self.frame_bytes, self.sdp_bytes, self.candidate_bytes
            )));
        }
        let unacked = 2 * self.frame_bytes.max(2 * self.sdp_bytes);
        if self.unacked_bytes < unacked {
            return Err(ConfigError(format!(
                "--unacked-bytes {} is too small for --frame-bytes {} and --sdp-bytes {}: say {unacked} or more, or a \
                 call would cut the stream of whom it calls",
                self.unacked_bytes, self.frame_bytes, self.sdp_bytes
            )));
        }
        Ok(())
    }
}

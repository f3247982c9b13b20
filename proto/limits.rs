//! Limits that both ends keep to. Each says how it was chosen. The server's own settings may lower or raise
//! those that are marked so; a client must expect the typed error, not the figure.

use std::time::Duration;

/// Largest frame on Signal, bytes. Twice an SDP, and far below what would stall a link.
pub const FRAME_BYTES_MAX: usize = 64 * 1024;
/// Largest session description, bytes. Browsers stay below 10 KiB for one audio and one video section.
pub const SDP_BYTES_MAX: usize = 32 * 1024;
/// Largest candidate line, bytes. Real ones are below 300.
pub const CANDIDATE_BYTES_MAX: usize = 2 * 1024;
/// Longest `request_id`, bytes. A UUID has 36.
pub const REQUEST_ID_BYTES_MAX: usize = 64;
/// Longest resume token and call token, bytes. Ours have 69 and 142.
pub const PROOF_BYTES_MAX: usize = 256;
/// Longest client name, client version and device name, characters.
pub const LABEL_CHARS_MAX: usize = 64;
/// Login names, characters.
pub const NAME_CHARS_MIN: usize = 3;
/// Login names, characters. Fits one row of the hall.
pub const NAME_CHARS_MAX: usize = 32;
/// Display names, characters.
pub const DISPLAY_NAME_CHARS_MAX: usize = 64;
/// Passwords, bytes: below this they are guessed.
pub const PASSWORD_BYTES_MIN: usize = 8;
/// Passwords, bytes: above this hashing them becomes an attack.
pub const PASSWORD_BYTES_MAX: usize = 1024;
/// Tags and languages of one Match each.
pub const MATCH_CRITERIA_MAX: usize = 8;
/// Characters of one tag or language.
pub const MATCH_CRITERION_CHARS_MAX: usize = 32;
/// Candidates taken back in one frame: all of a host with many interfaces.
pub const CANDIDATES_REMOVED_MAX: usize = 32;
/// Characters of a search in the hall: a whole display name.
pub const HALL_QUERY_CHARS_MAX: usize = 64;
/// Unacknowledged frames kept per direction of a session: several calls' worth of candidates.
pub const UNACKED_FRAMES_MAX: usize = 256;
/// Unacknowledged bytes kept per direction of a session.
pub const UNACKED_BYTES_MAX: usize = 256 * 1024;
/// Frames per second one session may send on average.
pub const FRAMES_PER_SECOND: u32 = 50;
/// Frames one session may send at once: the candidates of a host with many interfaces.
pub const FRAMES_BURST: u32 = 200;
/// Rows of the hall in one snapshot.
pub const HALL_PAGE: usize = 200;
/// The first frame must come within this time.
pub const HELLO_TIMEOUT: Duration = Duration::from_secs(5);
/// A session outlives its stream by this time.
pub const RESUME_WINDOW: Duration = Duration::from_secs(30);
/// Either end pings this often, so that with one reply missing a pulled cable is noticed within 20 s.
pub const HEARTBEAT: Duration = Duration::from_secs(8);
/// Silence after which the other end is taken for gone: two heartbeats and a round trip.
pub const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(18);
/// Unary calls end after this time at both ends.
pub const UNARY_DEADLINE: Duration = Duration::from_secs(10);

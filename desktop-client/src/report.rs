//! The bot's report: one JSON object, every field always there, `null` where nothing was measured. Times are
//! milliseconds.

use crate::call::{Reason, Role};
use crate::engine::CallRecord;
use crate::media::codec::VideoCodec;
use crate::media::lip_sync::{Reference, SyncFigures};
use crate::peer::{PathRoute, RelayProtocol};
use crate::view::CallStats;
use serde::Serialize;
use std::time::Instant;

/// What a bot's call was like.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The bot's login name.
    pub guest: String,
    /// The other end's login name.
    pub peer: Option<String>,
    /// The call.
    pub call_id: Option<String>,
    /// `offerer` or `answerer`.
    pub role: Option<&'static str>,
    /// Kind of the local candidate that carried the media: `host`, `srflx`, `prflx` or `relay`.
    pub route: Option<&'static str>,
    /// How the relay was reached, where it was: `udp`, `tcp` or `tls`.
    pub relay_protocol: Option<&'static str>,
    /// Why the call ended, in the contract's words.
    pub ended: Option<&'static str>,
    /// How long things took.
    pub ms: Times,
    /// Picture.
    pub video: Video,
    /// Shared screens.
    pub screen: Screen,
    /// Sound.
    pub audio: Audio,
    /// The path.
    pub network: Network,
    /// The last seconds of the call, oldest first: as many as the app shows.
    pub seconds: Vec<Second>,
    /// How much later a picture was shown than its sound was heard, the median.
    pub av_offset_ms_p50: Option<f64>,
    /// How pictures and sound were kept in step.
    pub sync: Sync,
    /// What both ends may compare to know each other; `null` where the call was not verified.
    pub safety_words: Option<[String; 4]>,
    /// Processor time of this process, seconds.
    pub cpu_s: Option<f64>,
    /// Most memory that this process held.
    pub max_rss_kib: Option<u64>,
    /// What went wrong, in sentences.
    pub errors: Vec<String>,
}

/// How long things took, milliseconds.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Times {
    /// From the start of the process to the live session.
    pub login: Option<f64>,
    /// From the request to the match; `null` for a call by name.
    pub matched: Option<f64>,
    /// From the match or the accept to the connection.
    pub ice_connected: Option<f64>,
    /// From the match or the accept to the first picture that left.
    pub first_frame_sent: Option<f64>,
    /// From the match or the accept to the first picture of the peer shown.
    pub first_frame_shown: Option<f64>,
}

/// Picture.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Video {
    /// `VP8` or `H264`.
    pub codec: Option<&'static str>,
    /// Of the pictures shown last, pixels.
    pub width: Option<u32>,
    /// As above.
    pub height: Option<u32>,
    /// Pictures that left.
    pub frames_sent: u64,
    /// Pictures of the peer shown.
    pub frames_shown: u64,
    /// Shown per second, over the call.
    pub fps: Option<f64>,
    /// Gaps that people notice (W3C `freezeCount`).
    pub freezes: u64,
    /// Their time together.
    pub freeze_ms: u64,
    /// The longest of them.
    pub longest_freeze_ms: u64,
    /// From capture there to showing here, the median; `null` when the clocks are not known within 20 ms.
    pub glass_to_glass_p50: Option<f64>,
    /// The same for all but the slowest twentieth.
    pub glass_to_glass_p95: Option<f64>,
    /// Bound on the error of times between the two ends.
    pub clock_error_ms: Option<f64>,
    /// Likeness of luma to the reference, the median, dB.
    pub psnr_db_p50: Option<f64>,
    /// Of the pictures that left, over the time they did, payload alone.
    pub bitrate_bps: Option<f64>,
    /// What the encoder was last asked for.
    pub target_bps: Option<u32>,
}

/// Shared screens.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Screen {
    /// Of the pictures of the peer's screen shown last, pixels.
    pub width: Option<u32>,
    /// As above.
    pub height: Option<u32>,
    /// Pictures of this screen that left.
    pub frames_sent: u64,
    /// Pictures of the peer's screen shown.
    pub frames_shown: u64,
    /// Shown per second, from the first to the last.
    pub fps: Option<f64>,
    /// From capture there to showing here, the median.
    pub glass_to_glass_p50: Option<f64>,
    /// Likeness of luma to the reference, the median, dB.
    pub psnr_db_p50: Option<f64>,
}

/// Sound.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Audio {
    /// Frames of 20 ms that did not come in time.
    pub packets_lost: u64,
    /// Sound that was made up.
    pub concealed_ms: u64,
    /// From mouth to ear, the median.
    pub mouth_to_ear_p50: Option<f64>,
    /// Loudness of all that was played, dB of full scale.
    pub level_db: Option<f64>,
}

/// How pictures and sound were kept in step.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Sync {
    /// By what the other end's times of capture were known: `media_clock` of an end of Castle, `sender_reports` of others.
    pub by: Option<&'static str>,
    /// How long pictures waited for their sound at the end of the call.
    pub picture_held_ms: Option<f64>,
}

/// The path.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Network {
    /// Last measured round trip.
    pub rtt_ms: Option<f64>,
    /// Share of packets that never came, 0 to 1.
    pub loss: Option<f64>,
    /// Share of the packets sent that the other end last reported lost, of pictures or sound the worse, 0 to 1.
    pub lost_there: Option<f64>,
    /// Media, payload alone.
    pub sent_bytes: u64,
    /// As above.
    pub received_bytes: u64,
}

/// One second of the call.
#[derive(Debug, Clone, Serialize)]
pub struct Second {
    /// Round trip.
    pub rtt_ms: Option<f64>,
    /// Share of packets lost on the way here, 0 to 1.
    pub loss: Option<f64>,
    /// Share of packets lost on the way there, 0 to 1, as the other end reported.
    pub lost_there: Option<f64>,
    /// Pictures decoded.
    pub fps: Option<f64>,
    /// From capture there to showing here, of the last picture.
    pub glass_to_glass_ms: Option<f64>,
    /// Media that came, payload alone, bit/s.
    pub received_bps: Option<f64>,
    /// As above, that left.
    pub sent_bps: Option<f64>,
}

impl From<&CallStats> for Second {
    fn from(stats: &CallStats) -> Self {
        let CallStats { rtt_ms, loss, lost_there, fps, glass_to_glass_ms, received_bps, sent_bps, .. } =
            *stats;
        Self { rtt_ms, loss, lost_there, fps, glass_to_glass_ms, received_bps, sent_bps }
    }
}

impl Report {
    /// From what is known at the end. `login` is when the session was live, `started` when the process was.
    pub fn new(
        guest: &str,
        record: &CallRecord,
        (started, login): (Instant, Option<Instant>),
        matched: bool,
        errors: Vec<String>,
    ) -> Self {
        let ms = |from: Option<Instant>, to: Option<Instant>| {
            Some(to?.checked_duration_since(from?)?.as_secs_f64() * 1e3)
        };
        let agreed = record.agreed_at;
        let (path, figures) = (&record.path, &record.figures);
        let usage = usage();
        Self {
            guest: guest.to_owned(),
            peer: Some(record.peer.clone()).filter(|peer| !peer.is_empty()),
            call_id: record.call.map(|call| call.to_string()),
            role: record.role.map(role),
            route: path.route.map(route),
            relay_protocol: path.relay_protocol.map(relay_protocol),
            ended: record.reason.map(reason),
            ms: Times {
                login: ms(Some(started), login),
                matched: ms(record.asked_at, agreed).filter(|_| matched),
                ice_connected: ms(agreed, record.path_up_at),
                first_frame_sent: ms(agreed, record.sender.first_frame_at),
                first_frame_shown: ms(agreed, record.first_shown_at),
            },
            video: video(record),
            screen: screen(record),
            audio: Audio {
                packets_lost: record.audio.jitter.packets_lost,
                concealed_ms: record.audio.jitter.concealed_ms,
                mouth_to_ear_p50: figures.mouth_to_ear_p50,
                level_db: record.audio.level_db,
            },
            network: Network {
                rtt_ms: path.round_trip.map(|rtt| rtt.as_secs_f64() * 1e3),
                loss: (path.expected_packets > 0)
                    .then(|| 1.0 - path.received_packets as f64 / path.expected_packets as f64),
                lost_there: record.seconds.last().and_then(|last| last.lost_there),
                sent_bytes: path.sent_bytes,
                received_bytes: path.received_bytes,
            },
            seconds: record.seconds.iter().map(Second::from).collect(),
            av_offset_ms_p50: figures.av_offset_ms_p50,
            sync: record.sync.map_or_else(Sync::default, sync),
            safety_words: record.safety_words.clone(),
            cpu_s: usage.map(|(cpu_s, _)| cpu_s),
            max_rss_kib: usage.map(|(_, max_rss_kib)| max_rss_kib),
            errors,
        }
    }
}

fn video(record: &CallRecord) -> Video {
    let (figures, sender, receiver) = (&record.figures, &record.sender, &record.receiver);
    let sent_for = sender
        .first_frame_at
        .zip(record.ended_at)
        .map(|(first, ended)| ended.saturating_duration_since(first).as_secs_f64())
        .filter(|seconds| *seconds > 0.0);
    let moved = sender.frames_sent > 0 || receiver.frames_decoded > 0;
    Video {
        codec: record.codec.filter(|_| moved).map(VideoCodec::name),
        width: (receiver.width > 0).then_some(receiver.width as u32),
        height: (receiver.height > 0).then_some(receiver.height as u32),
        frames_sent: sender.frames_sent,
        frames_shown: figures.frames_shown,
        fps: figures.fps,
        freezes: figures.freezes,
        freeze_ms: figures.freeze_ms,
        longest_freeze_ms: figures.longest_freeze_ms,
        glass_to_glass_p50: figures.glass_to_glass_p50,
        glass_to_glass_p95: figures.glass_to_glass_p95,
        clock_error_ms: figures.clock_error_ms,
        psnr_db_p50: figures.psnr_db_p50,
        bitrate_bps: sent_for.map(|seconds| record.video_bytes_sent as f64 * 8.0 / seconds),
        target_bps: (sender.target_bps > 0).then_some(sender.target_bps),
    }
}

fn screen(record: &CallRecord) -> Screen {
    let (figures, receiver) = (&record.screen_figures, &record.screen_receiver);
    Screen {
        width: (receiver.width > 0).then_some(receiver.width as u32),
        height: (receiver.height > 0).then_some(receiver.height as u32),
        frames_sent: record.screen_sender.frames_sent,
        frames_shown: figures.frames_shown,
        fps: figures.fps,
        glass_to_glass_p50: figures.glass_to_glass_p50,
        psnr_db_p50: figures.psnr_db_p50,
    }
}

fn sync(figures: SyncFigures) -> Sync {
    let by = match figures.reference {
        Reference::Media => "media_clock",
        Reference::Wall => "sender_reports",
    };
    Sync { by: Some(by), picture_held_ms: Some(figures.held_ms) }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Offerer => "offerer",
        Role::Answerer => "answerer",
    }
}

fn route(route: PathRoute) -> &'static str {
    match route {
        PathRoute::Host => "host",
        PathRoute::Srflx => "srflx",
        PathRoute::Prflx => "prflx",
        PathRoute::Relay => "relay",
    }
}

fn relay_protocol(protocol: RelayProtocol) -> &'static str {
    match protocol {
        RelayProtocol::Udp => "udp",
        RelayProtocol::Tcp => "tcp",
        RelayProtocol::Tls => "tls",
    }
}

fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Declined => "declined",
        Reason::Busy => "busy",
        Reason::Cancelled => "cancelled",
        Reason::TimedOut => "timed_out",
        Reason::HungUp | Reason::PeerHungUp => "hung_up",
        Reason::Disconnected => "disconnected",
        Reason::Failed | Reason::Forgotten => "failed",
        Reason::AnsweredElsewhere => "answered_elsewhere",
        Reason::Superseded => "superseded",
        Reason::ShuttingDown => "shutting_down",
    }
}

/// Processor seconds and most resident KiB of this process.
#[cfg(unix)]
#[expect(unsafe_code, reason = "getrusage has no safe form in the standard library")]
fn usage() -> Option<(f64, u64)> {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer is to a rusage of ours, which the call fills; zeroed, it is valid even if it does not.
    let usage = unsafe {
        if libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) != 0 {
            return None;
        }
        usage.assume_init()
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    let most = u64::try_from(usage.ru_maxrss).ok()?;
    // macOS counts bytes, the others KiB.
    let kib = if cfg!(target_os = "macos") { most / 1024 } else { most };
    Some((seconds(usage.ru_utime) + seconds(usage.ru_stime), kib))
}

#[cfg(not(unix))]
fn usage() -> Option<(f64, u64)> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_there_before_anything_happened() {
        let report = Report::new("ada", &CallRecord::default(), (Instant::now(), None), true, Vec::new());
        let json = serde_json::to_value(&report).unwrap();
        let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        let promised = [
            "guest",
            "peer",
            "call_id",
            "role",
            "route",
            "relay_protocol",
            "ended",
            "ms",
            "video",
            "screen",
            "audio",
            "network",
            "seconds",
            "av_offset_ms_p50",
            "sync",
            "safety_words",
            "cpu_s",
            "max_rss_kib",
            "errors",
        ];
        assert!(promised.iter().all(|key| keys(&json).iter().any(|there| there == key)));
        assert_eq!(keys(&json["video"]).len(), 15);
        assert_eq!(json["seconds"], serde_json::json!([]));
        assert!(json["ms"]["login"].is_null() && json["video"]["fps"].is_null() && json["ended"].is_null());
        assert!(json["cpu_s"].as_f64().unwrap() > 0.0 && json["max_rss_kib"].as_u64().unwrap() > 1000);
    }

    #[test]
    fn seconds_are_told_one_by_one() {
        let second = |loss| CallStats { loss: Some(loss), lost_there: Some(0.5), ..CallStats::default() };
        let record = CallRecord { seconds: vec![second(0.0), second(0.25)].into(), ..CallRecord::default() };
        let report = Report::new("ada", &record, (Instant::now(), None), true, Vec::new());
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!((&json["seconds"][0]["loss"], &json["seconds"][1]["loss"]), (&0.0.into(), &0.25.into()));
        assert_eq!(json["network"]["lost_there"], 0.5);
        assert!(json["seconds"][0].as_object().unwrap().contains_key("rtt_ms"), "what is not known is null");
    }
}

//! The snapshot from what the engine knows. Pure.

use super::record::{CallRecord, RelayOnly};
use super::task::Shown;
use crate::call::{CallInfo, Origin, Presence, Reason, State};
use crate::media::audio::SILENCE_DB;
use crate::media::codec::VideoCodec;
use crate::peer::{self, PathRoute, PathStats};
use crate::view::{CallStats, CallView, EndReason, Placing, RelayProtocol, Route, RouteReason, Stage};
use std::time::Duration;

/// What a person switched, at both ends.
#[expect(clippy::struct_excessive_bools, reason = "switches that know nothing of each other")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Switches {
    pub(super) muted: bool,
    pub(super) camera_on: bool,
    pub(super) peer_muted: bool,
    pub(super) peer_camera_on: bool,
    pub(super) sharing: bool,
    pub(super) peer_sharing: bool,
    /// What the other end shares is too large to be shown.
    pub(super) peer_screen_refused: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            muted: false,
            camera_on: true,
            peer_muted: false,
            peer_camera_on: true,
            sharing: false,
            peer_sharing: false,
            peer_screen_refused: false,
        }
    }
}

impl Switches {
    /// The own ones, as they are; of another end nothing is known yet.
    pub(super) fn carried(self) -> Self {
        Self { muted: self.muted, camera_on: self.camera_on, ..Self::default() }
    }
}

/// The call that is on or over, once the server knows it.
pub(super) fn info(state: &State) -> Option<&CallInfo> {
    match state {
        State::Idle | State::Placing { .. } => None,
        State::Calling { call, .. }
        | State::Ringing { call, .. }
        | State::Negotiating { call, .. }
        | State::Connected { call, .. }
        | State::Over { call, .. } => Some(call),
    }
}

/// The call that was asked for, to `peer`; `None` once the server knows it, and when there is none.
pub(super) fn placing(state: &State, peer: Option<&str>) -> Option<Placing> {
    let State::Placing { cancelled } = state else { return None };
    Some(Placing { peer: peer.map(str::to_owned), given_up: *cancelled })
}

/// The call as the screen shows it; `None` before the server knows it, and when there is none.
pub(super) fn call(
    state: &State,
    switches: Switches,
    stats: Option<CallStats>,
    talk: Shown<'_>,
    sound_alone: bool,
) -> Option<CallView> {
    let (call, stage) = match state {
        State::Idle | State::Placing { .. } => return None,
        State::Calling { call, since } => (call, Stage::Calling { since: *since }),
        State::Ringing { call, since, accepted: false } => (call, Stage::Ringing { since: *since }),
        State::Ringing { call, .. } | State::Negotiating { call, .. } => (call, Stage::Connecting),
        State::Connected { call, since, .. } => (call, Stage::Connected { since: *since }),
        State::Over { call, reason, lasted } => {
            (call, Stage::Ended { reason: end_reason(*reason), lasted: *lasted })
        }
    };
    Some(CallView {
        peer_guest: call.peer_guest,
        stats_history: talk.judge.history(),
        chat: talk.chat.lines(),
        safety: talk.safety.clone(),
        quality: talk.judge.quality(),
        frozen: talk.frozen,
        id: call.id,
        peer: call.peer.clone(),
        stage,
        matched: call.origin == Origin::Matched,
        received: call.origin == Origin::Received,
        peer_reconnecting: call.presence != Presence::Present,
        path_lost: talk.judge.path_lost(),
        muted: switches.muted,
        camera_on: switches.camera_on,
        peer_muted: switches.peer_muted,
        peer_camera_on: switches.peer_camera_on,
        sound_alone,
        sharing: switches.sharing,
        peer_sharing: switches.peer_sharing && !switches.peer_screen_refused,
        stats,
    })
}

fn end_reason(reason: Reason) -> EndReason {
    match reason {
        Reason::Declined => EndReason::Declined,
        Reason::Busy => EndReason::Busy,
        Reason::Cancelled => EndReason::Cancelled,
        Reason::TimedOut => EndReason::TimedOut,
        Reason::HungUp => EndReason::HungUp,
        Reason::PeerHungUp => EndReason::PeerHungUp,
        Reason::Disconnected => EndReason::Disconnected,
        Reason::Failed => EndReason::Failed,
        Reason::AnsweredElsewhere => EndReason::AnsweredElsewhere,
        Reason::Superseded => EndReason::Superseded,
        Reason::ShuttingDown => EndReason::ShuttingDown,
        Reason::Forgotten => EndReason::Forgotten,
    }
}

/// The way media goes, in the view's words.
pub(super) fn route(route: PathRoute) -> Route {
    match route {
        PathRoute::Host => Route::Host,
        PathRoute::Srflx => Route::Srflx,
        PathRoute::Prflx => Route::Prflx,
        PathRoute::Relay => Route::Relay,
    }
}

/// The figures of the last second: `record` now, the path `before` it by `span`.
pub(super) fn stats(
    record: &CallRecord,
    (before, span): (&PathStats, Duration),
    (mic_db, peer_db): (f64, f64),
) -> CallStats {
    let seconds = span.max(Duration::from_millis(1)).as_secs_f64();
    let per_second = |now: u64, before: u64| now.saturating_sub(before) as f64 * 8.0 / seconds;
    let path = &record.path;
    let expected = path.expected_packets.saturating_sub(before.expected_packets);
    let received = path.received_packets.saturating_sub(before.received_packets);
    let receiver = &record.receiver;
    CallStats {
        route: path.route.map(route),
        route_reason: path.route.map(|way| route_reason(way, path, record.relay_only)),
        relay_protocol: path.relay_protocol.map(|protocol| match protocol {
            peer::RelayProtocol::Udp => RelayProtocol::Udp,
            peer::RelayProtocol::Tcp => RelayProtocol::Tcp,
            peer::RelayProtocol::Tls => RelayProtocol::Tls,
        }),
        rtt_ms: path.round_trip.map(|rtt| rtt.as_secs_f64() * 1e3),
        // Retransmissions may make up for more than this second lost.
        loss: (expected > 0).then(|| (1.0 - received as f64 / expected as f64).clamp(0.0, 1.0)),
        lost_there: path.video_lost_there.into_iter().chain(path.audio_lost_there).reduce(f64::max),
        fps: (receiver.frames_decoded > 0).then_some(f64::from(receiver.fps)),
        glass_to_glass_ms: record.figures.glass_to_glass_last,
        size: (receiver.width > 0).then_some((receiver.width as u32, receiver.height as u32)),
        codec: record.codec.map(VideoCodec::name),
        received_bps: Some(per_second(path.received_bytes, before.received_bytes)),
        sent_bps: Some(per_second(path.sent_bytes, before.sent_bytes)),
        mic_level: level(mic_db),
        peer_level: level(peer_db),
    }
}

fn route_reason(route: PathRoute, path: &PathStats, relay_only: Option<RelayOnly>) -> RouteReason {
    match (route, relay_only) {
        (PathRoute::Host | PathRoute::Srflx | PathRoute::Prflx, _) => RouteReason::Direct,
        (PathRoute::Relay, Some(RelayOnly::OwnWish)) => RouteReason::AskedFor,
        (PathRoute::Relay, Some(RelayOnly::Policy)) => RouteReason::Private,
        (PathRoute::Relay, None) if path.udp_failed => RouteReason::UdpBlocked,
        (PathRoute::Relay, None) => RouteReason::NoDirectWay,
    }
}

/// Decibels of full scale to the length of a meter: 0 at -60 dB and below, 1 at full scale.
pub(super) fn level(db: f64) -> f32 {
    const FLOOR_DB: f64 = -60.0;
    /// As fine as a meter on a screen is: a level that hardly changes draws nothing anew.
    const STEPS: f64 = 50.0;
    if db <= SILENCE_DB {
        0.0
    } else {
        ((1.0 - db / FLOOR_DB).clamp(0.0, 1.0) * STEPS).round() as f32 / STEPS as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_of_a_route_is_the_strongest_there_is() {
        let blocked = PathStats { udp_failed: true, ..PathStats::default() };
        let reason = |route, path: &PathStats, only| route_reason(route, path, only);
        assert_eq!(reason(PathRoute::Srflx, &blocked, None), RouteReason::Direct);
        assert_eq!(reason(PathRoute::Relay, &blocked, None), RouteReason::UdpBlocked);
        assert_eq!(reason(PathRoute::Relay, &PathStats::default(), None), RouteReason::NoDirectWay);
        let asked = reason(PathRoute::Relay, &blocked, Some(RelayOnly::OwnWish));
        assert_eq!(asked, RouteReason::AskedFor);
        assert_eq!(reason(PathRoute::Relay, &blocked, Some(RelayOnly::Policy)), RouteReason::Private);
    }

    #[test]
    fn figures_are_those_of_the_time_between() {
        let before =
            PathStats { sent_bytes: 1000, expected_packets: 50, received_packets: 50, ..Default::default() };
        let path = PathStats {
            sent_bytes: 126_000,
            expected_packets: 150,
            received_packets: 145,
            video_lost_there: Some(0.25),
            audio_lost_there: Some(0.5),
            ..before
        };
        let record = CallRecord { path, ..CallRecord::default() };
        let stats = stats(&record, (&before, Duration::from_secs(1)), (SILENCE_DB, -30.0));
        assert_eq!((stats.sent_bps, stats.lost_there), (Some(1_000_000.0), Some(0.5)));
        assert!(stats.loss.is_some_and(|loss| (loss - 0.05).abs() < 1e-9));
        assert_eq!((stats.mic_level, stats.peer_level, stats.fps), (0.0, 0.5, None));
    }
}

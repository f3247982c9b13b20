//! `castle.v1` to the client's own words and back. What does not make sense becomes `None`, and is dropped.

use super::Asked;
use crate::call::{
    self, CallInfo, Candidate, Frame, Negotiation, Origin, Phase, Presence, Reason, Role, Route, Target,
};
use crate::peer::IceServer;
use crate::view::{Availability, BlockedGuest, DeviceLogin, EndReason, HallRow, Me, PastCall, ReportReason};
use castle::v1::{self, place_call, signal_request};
use std::time::{Duration, SystemTime};

/// A fresh `request_id`: a random UUID (RFC 9562 version 4).
pub(super) fn new_request_id() -> String {
    let bits = (rand::random::<u128>() & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// No call rings longer, whatever the server says: nobody waits so long.
const RINGS_MAX: Duration = Duration::from_secs(300);

const PLACE_PREFIX: &str = "place-";
const ACCEPT_PREFIX: &str = "accept-";

/// The `request_id` of a frame: its kind can be told when it comes back.
pub(super) fn frame_request_id(frame: &Frame, number: u64) -> String {
    match frame {
        Frame::Place(_) => format!("{PLACE_PREFIX}{number}"),
        Frame::Accept(_) => format!("{ACCEPT_PREFIX}{number}"),
        _ => format!("frame-{number}"),
    }
}

/// Which kind of frame a refusal answers.
pub(super) fn asked(in_reply_to: &str) -> Asked {
    if in_reply_to.starts_with(PLACE_PREFIX) {
        Asked::Place
    } else if in_reply_to.starts_with(ACCEPT_PREFIX) {
        Asked::Accept
    } else {
        Asked::Other
    }
}

/// A frame of the call machine as it goes out.
pub(super) fn frame(frame: Frame) -> signal_request::Frame {
    use signal_request::Frame as Wire;
    match frame {
        Frame::Place(target) => Wire::PlaceCall(v1::PlaceCall {
            target: Some(match target {
                Target::Guest(guest) => place_call::Target::GuestId(guest.to_string()),
                Target::Name(name) => place_call::Target::Name(name),
                Target::NextFree => place_call::Target::NextAvailable(v1::NextAvailable {}),
            }),
        }),
        Frame::Accept(call) => Wire::AcceptCall(v1::AcceptCall { call_id: call.to_string() }),
        Frame::Decline(call) => Wire::DeclineCall(v1::DeclineCall { call_id: call.to_string() }),
        Frame::Cancel(call) => Wire::CancelCall(v1::CancelCall { call_id: call.to_string() }),
        Frame::HangUp { call, failed } => Wire::HangUp(v1::HangUp { call_id: call.to_string(), failed }),
        Frame::MediaConnected(call, way) => {
            Wire::MediaConnected(v1::MediaConnected { call_id: call.to_string(), route: route(way).into() })
        }
        Frame::Negotiation(call, what) => negotiation(call.to_string(), what),
    }
}

fn negotiation(call_id: String, what: Negotiation) -> signal_request::Frame {
    use signal_request::Frame as Wire;
    match what {
        Negotiation::Offer(sdp) => Wire::Offer(v1::Offer { call_id, sdp }),
        Negotiation::Answer(sdp) => Wire::Answer(v1::Answer { call_id, sdp }),
        Negotiation::Candidate(candidate) => Wire::Candidate(candidate_out(call_id, candidate)),
        Negotiation::CandidatesRemoved(gone) => {
            let candidates = gone.into_iter().map(|gone| candidate_out(String::new(), gone)).collect();
            Wire::CandidatesRemoved(v1::CandidatesRemoved { call_id, candidates })
        }
        Negotiation::EndOfCandidates { ufrag } => {
            Wire::EndOfCandidates(v1::EndOfCandidates { call_id, username_fragment: ufrag })
        }
    }
}

fn candidate_out(call_id: String, candidate: Candidate) -> v1::Candidate {
    let Candidate { candidate, mid, index, ufrag } = candidate;
    v1::Candidate { call_id, candidate, sdp_mid: mid, sdp_m_line_index: index, username_fragment: ufrag }
}

fn route(route: Route) -> v1::Route {
    match route {
        Route::Unknown => v1::Route::Unspecified,
        Route::Host => v1::Route::Host,
        Route::Srflx => v1::Route::Srflx,
        Route::Prflx => v1::Route::Prflx,
        Route::Relay => v1::Route::Relay,
    }
}

/// A candidate that came in.
pub(super) fn candidate(candidate: v1::Candidate) -> Candidate {
    Candidate {
        candidate: candidate.candidate,
        mid: candidate.sdp_mid,
        index: candidate.sdp_m_line_index,
        ufrag: candidate.username_fragment,
    }
}

/// A call as the server tells it.
pub(super) fn call(call: &v1::Call) -> Option<CallInfo> {
    let peer = call.peer.clone()?;
    let role = || match call.role() {
        v1::CallRole::Offerer => Some(Role::Offerer),
        v1::CallRole::Answerer => Some(Role::Answerer),
        v1::CallRole::Unspecified => None,
    };
    Some(CallInfo {
        id: call.call_id.parse().ok()?,
        peer_guest: peer.guest_id.parse().ok(),
        peer: peer.display_name,
        peer_name: peer.name,
        phase: match call.state() {
            v1::CallState::Ringing => Phase::Ringing,
            v1::CallState::Connecting => Phase::Connecting(role()?),
            v1::CallState::Connected => Phase::Connected(role()?),
            v1::CallState::Ended => Phase::Ended(end_reason(call.end_reason())),
            v1::CallState::Unspecified => return None,
        },
        origin: match call.origin() {
            v1::CallOrigin::Placed => Origin::Placed,
            v1::CallOrigin::Received => Origin::Received,
            v1::CallOrigin::Matched => Origin::Matched,
            v1::CallOrigin::Unspecified => return None,
        },
        // What is not said must not cost somebody their address.
        relay_only: call.route_policy() != v1::RoutePolicy::Any,
        presence: match call.peer_presence() {
            v1::PeerPresence::Reconnecting => Presence::Reconnecting,
            v1::PeerPresence::Gone => Presence::Gone,
            v1::PeerPresence::Present | v1::PeerPresence::Unspecified => Presence::Present,
        },
        rings: rings(call),
    })
}

/// How long a call rings in all: both times are by the server's clock, so that this machine's does not matter.
fn rings(call: &v1::Call) -> Option<Duration> {
    let [began, ends] = [call.created_at, call.expires_at].map(|at| SystemTime::try_from(at?).ok());
    let rings = ends?.duration_since(began?).ok().filter(|_| call.state() == v1::CallState::Ringing);
    rings.map(|rings| rings.min(RINGS_MAX))
}

/// Who ended a call that was hung up is the other end: our own hanging up ends it here at once.
fn end_reason(reason: v1::CallEndReason) -> call::Reason {
    use v1::CallEndReason as Wire;
    match reason {
        Wire::Declined => Reason::Declined,
        Wire::Busy => Reason::Busy,
        Wire::Cancelled => Reason::Cancelled,
        Wire::TimedOut => Reason::TimedOut,
        Wire::HungUp => Reason::PeerHungUp,
        Wire::Disconnected => Reason::Disconnected,
        Wire::Failed | Wire::Unspecified => Reason::Failed,
        Wire::AnsweredElsewhere => Reason::AnsweredElsewhere,
        Wire::Superseded => Reason::Superseded,
        Wire::ShuttingDown => Reason::ShuttingDown,
    }
}

/// A call of the past; `None` for one that makes no sense.
pub(super) fn past_call(call: v1::CallRecord) -> Option<PastCall> {
    let (origin, reason) = (call.origin(), past_reason(call.end_reason()));
    let time = |at: Option<prost_types::Timestamp>| SystemTime::try_from(at?).ok();
    let (connected, ended) = (time(call.connected_at), time(call.ended_at));
    let peer = call.peer.unwrap_or_default();
    Some(PastCall {
        id: call.call_id.parse().ok()?,
        peer: peer.guest_id.parse().ok(),
        peer_name: peer.display_name,
        outgoing: origin == v1::CallOrigin::Placed,
        matched: origin == v1::CallOrigin::Matched,
        missed: call.missed,
        began: time(call.created_at)?,
        lasted: connected.and_then(|connected| ended?.duration_since(connected).ok()),
        reason,
    })
}

/// Why a call of the past ended. Who hung up is not kept.
fn past_reason(reason: v1::CallEndReason) -> EndReason {
    use v1::CallEndReason as Wire;
    match reason {
        Wire::Declined => EndReason::Declined,
        Wire::Busy => EndReason::Busy,
        Wire::Cancelled => EndReason::Cancelled,
        Wire::TimedOut => EndReason::TimedOut,
        Wire::HungUp => EndReason::HungUp,
        Wire::Disconnected => EndReason::Disconnected,
        Wire::Failed | Wire::Unspecified => EndReason::Failed,
        Wire::AnsweredElsewhere => EndReason::AnsweredElsewhere,
        Wire::Superseded => EndReason::Superseded,
        Wire::ShuttingDown => EndReason::ShuttingDown,
    }
}

/// A guest I blocked.
pub(super) fn blocked_guest(guest: v1::Guest) -> Option<BlockedGuest> {
    Some(BlockedGuest { guest: guest.guest_id.parse().ok()?, display_name: guest.display_name })
}

/// A login on one device.
pub(super) fn device_login(device: v1::Device) -> Option<DeviceLogin> {
    Some(DeviceLogin {
        id: device.device_id.parse().ok()?,
        device: device.device_name,
        current: device.current,
        last_used: SystemTime::try_from(device.last_used_at.or(device.created_at)?).ok()?,
    })
}

/// Why a guest is reported.
pub(super) fn report_reason(reason: ReportReason) -> v1::ReportReason {
    match reason {
        ReportReason::Harassment => v1::ReportReason::Harassment,
        ReportReason::Sexual => v1::ReportReason::SexualContent,
        ReportReason::Violence => v1::ReportReason::Violence,
        ReportReason::Spam => v1::ReportReason::Spam,
        ReportReason::Impersonation => v1::ReportReason::Impersonation,
        ReportReason::Underage => v1::ReportReason::Underage,
        ReportReason::Other => v1::ReportReason::Other,
    }
}

/// ICE servers as the server tells them.
pub(super) fn ice(servers: v1::IceServers) -> Vec<IceServer> {
    let server = |server: v1::IceServer| IceServer {
        urls: server.urls,
        username: server.username,
        credential: server.credential,
    };
    servers.servers.into_iter().map(server).collect()
}

/// Me, as login tells it.
pub(super) fn me_from_guest(guest: v1::Guest) -> Option<Me> {
    Some(Me {
        guest: guest.guest_id.parse().ok()?,
        name: guest.name,
        display_name: guest.display_name,
        availability: Availability::Available,
    })
}

/// Me, as the session tells it.
pub(super) fn me(update: v1::SelfUpdate) -> Option<Me> {
    let availability = availability_in(update.availability());
    Some(Me { availability, ..me_from_guest(update.guest?)? })
}

/// One row of the hall.
pub(super) fn hall_row(row: v1::HallGuest) -> Option<HallRow> {
    let availability = availability_in(row.availability());
    let guest = row.guest?;
    Some(HallRow {
        guest: guest.guest_id.parse().ok()?,
        name: guest.name,
        display_name: guest.display_name,
        availability,
    })
}

fn availability_in(availability: v1::Availability) -> Availability {
    match availability {
        v1::Availability::Available | v1::Availability::Unspecified => Availability::Available,
        v1::Availability::InCall => Availability::InCall,
        v1::Availability::DoNotDisturb => Availability::DoNotDisturb,
        v1::Availability::Invisible => Availability::Invisible,
    }
}

/// How others should see me.
pub(super) fn availability(availability: Availability) -> v1::Availability {
    match availability {
        Availability::Available => v1::Availability::Available,
        Availability::InCall => v1::Availability::InCall,
        Availability::DoNotDisturb => v1::Availability::DoNotDisturb,
        Availability::Invisible => v1::Availability::Invisible,
    }
}

/// How far the server's clock is ahead of this one, milliseconds; the time on the way is not counted.
pub(super) fn clock_ahead_ms(server: prost_types::Timestamp) -> Option<i64> {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).ok()?;
    let server_ms = server.seconds.checked_mul(1000)?.checked_add(i64::from(server.nanos) / 1_000_000)?;
    server_ms.checked_sub(i64::try_from(since_epoch.as_millis()).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_are_random_uuids() {
        let (one, other) = (new_request_id(), new_request_id());
        assert_ne!(one, other);
        let groups: Vec<usize> = one.split('-').map(str::len).collect();
        assert_eq!(groups, [8, 4, 4, 4, 12]);
        assert_eq!(one.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&one.as_bytes()[19]), "{one}");
    }

    #[test]
    fn how_long_a_call_rings_is_read_from_the_servers_times_alone() {
        let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
        let rings_from = |created_at, expires_at, state: v1::CallState| {
            rings(&v1::Call { created_at, expires_at, state: state.into(), ..v1::Call::default() })
        };
        // Long ago, by this machine's clock.
        assert_eq!(rings_from(at(5), at(50), v1::CallState::Ringing), Some(Duration::from_secs(45)));
        assert_eq!(rings_from(at(5), None, v1::CallState::Ringing), None);
        assert_eq!(rings_from(at(5), at(4), v1::CallState::Ringing), None);
        assert_eq!(rings_from(at(5), at(i64::MAX), v1::CallState::Ringing), Some(RINGS_MAX));
        assert_eq!(rings_from(at(5), at(20), v1::CallState::Connecting), None, "a match");
    }

    #[test]
    fn a_call_without_a_route_policy_is_taken_as_relay_only() {
        let guest = v1::Guest { guest_id: String::new(), name: "bea".into(), display_name: "Bea".into() };
        let wire = v1::Call {
            call_id: castle::ids::CallId::from_bits(1).to_string(),
            peer: Some(guest),
            state: v1::CallState::Ringing.into(),
            origin: v1::CallOrigin::Placed.into(),
            ..v1::Call::default()
        };
        assert!(call(&wire).is_some_and(|info| info.relay_only));
        assert_eq!(call(&v1::Call { state: v1::CallState::Connecting.into(), ..wire }), None, "no role");
    }
}

//! Signal's wire types to and from the words of the lobby. Parses and checks sizes; decides nothing else.

use crate::calls::{
    CallState, Candidate, EndReason, Negotiation, Origin, Presence, Route, RoutePolicy, Side,
};
use crate::error::Error;
use crate::guest::{Availability, Guest, Wish};
use crate::hub::{Asked, Body, CallNews, Frame, GoAway, Item, Outgoing, ResumeRequest, Welcome};
use crate::ice::IceServers;
use crate::lobby::{Command, HallChange, HallDelta, HallRow, HallSnapshot, SelfView, Shown, Target, Watch};
use crate::names;
use crate::session::Sizes;
use bytes::Bytes;
use castle::ids::{CallId, GuestId};
use castle::{limits, v1};
use prost::Message as _;
use std::time::{Duration, SystemTime};
use v1::signal_request::Frame as Request;
use v1::signal_response::Frame as Response;

/// Checks what the client says of itself and of what it had.
pub(super) fn check_hello(hello: &v1::Hello) -> Result<(), Error> {
    for (field, text) in [("client_name", &hello.client_name), ("client_version", &hello.client_version)] {
        if text.chars().count() > limits::LABEL_CHARS_MAX {
            let description = format!("is longer than {} characters", limits::LABEL_CHARS_MAX);
            return Err(Error::field(format!("hello.{field}"), description));
        }
    }
    let resume_token = hello.resume.as_ref().map_or("", |resume| &resume.resume_token);
    for (field, token) in [("current_call", &*hello.current_call), ("resume.resume_token", resume_token)] {
        if token.len() > limits::PROOF_BYTES_MAX {
            let description = format!("is longer than {} bytes", limits::PROOF_BYTES_MAX);
            return Err(Error::field(format!("hello.{field}"), description));
        }
    }
    Ok(())
}

pub(super) fn resume_request(resume: v1::Resume) -> ResumeRequest {
    ResumeRequest { token: resume.resume_token, received_seq: resume.received_seq, epoch: resume.epoch }
}

/// Refuses a request id that is too long; what it would have asked for is not done.
pub(super) fn checked_request_id(
    request_id: String,
    command: Option<Result<Asked, Error>>,
) -> (String, Option<Result<Asked, Error>>) {
    if request_id.len() <= limits::REQUEST_ID_BYTES_MAX {
        return (request_id, command);
    }
    let description = format!("is longer than {} bytes", limits::REQUEST_ID_BYTES_MAX);
    (String::new(), command.map(|_| Err(Error::field("request_id", description))))
}

/// What a frame asks for.
pub(super) fn command(frame: Request, sizes: Sizes) -> Result<Command, Error> {
    Ok(match frame {
        Request::SetAvailability(set) => {
            Command::SetAvailability(wish("set_availability.availability", set.availability)?)
        }
        Request::PlaceCall(place) => Command::PlaceCall(target(place)?),
        Request::AcceptCall(accept) => Command::AcceptCall(call_id("accept_call", &accept.call_id)?),
        Request::DeclineCall(decline) => Command::DeclineCall(call_id("decline_call", &decline.call_id)?),
        Request::CancelCall(cancel) => Command::CancelCall(call_id("cancel_call", &cancel.call_id)?),
        Request::HangUp(hang_up) => {
            Command::HangUp { call: call_id("hang_up", &hang_up.call_id)?, failed: hang_up.failed }
        }
        Request::MediaConnected(media) => {
            let route = v1::Route::try_from(media.route)
                .map_err(|_| Error::field("media_connected.route", "is not a value this server knows"))?;
            Command::MediaConnected(call_id("media_connected", &media.call_id)?, self::route(route))
        }
        Request::Offer(offer) => {
            let call = call_id("offer", &offer.call_id)?;
            Command::Negotiate(call, Negotiation::Offer(sized("sdp", offer.sdp, sizes.sdp)?))
        }
        Request::Answer(answer) => {
            let call = call_id("answer", &answer.call_id)?;
            Command::Negotiate(call, Negotiation::Answer(sized("sdp", answer.sdp, sizes.sdp)?))
        }
        Request::Candidate(candidate) => {
            let call = call_id("candidate", &candidate.call_id)?;
            Command::Negotiate(call, Negotiation::Candidate(self::candidate(candidate, sizes.candidate)?))
        }
        Request::CandidatesRemoved(removed) => {
            let call = call_id("candidates_removed", &removed.call_id)?;
            Command::Negotiate(call, candidates_removed(removed, sizes.candidate)?)
        }
        Request::EndOfCandidates(end) => {
            let call = call_id("end_of_candidates", &end.call_id)?;
            let username_fragment = sized("username_fragment", end.username_fragment, sizes.candidate)?;
            Command::Negotiate(call, Negotiation::EndOfCandidates { username_fragment })
        }
        Request::LeaveMatch(_) => Command::LeaveMatch,
        Request::WatchHall(watch) => Command::WatchHall(self::watch("watch_hall.", watch)?),
        Request::MissedCallsSeen(seen) => Command::MissedCallsSeen(seen_until(seen)?),
        Request::Hello(_)
        | Request::Ping(_)
        | Request::Pong(_)
        | Request::Bye(_)
        | Request::RenewToken(_) => {
            return Err(Error::MalformedFrame { detail: "not a command" });
        }
    })
}

fn candidate(candidate: v1::Candidate, limit: usize) -> Result<Candidate, Error> {
    let v1::Candidate { call_id: _, candidate, sdp_mid, sdp_m_line_index, username_fragment } = candidate;
    let candidate = Candidate { candidate, sdp_mid, sdp_m_line_index, username_fragment };
    if candidate.bytes() > limit {
        return Err(Error::FrameTooLarge { what: "candidate", limit });
    }
    Ok(candidate)
}

fn candidates_removed(removed: v1::CandidatesRemoved, limit: usize) -> Result<Negotiation, Error> {
    let candidates = removed.candidates;
    if candidates.is_empty() || candidates.len() > limits::CANDIDATES_REMOVED_MAX {
        let description = format!("has not 1 to {} entries", limits::CANDIDATES_REMOVED_MAX);
        return Err(Error::field("candidates_removed.candidates", description));
    }
    if let Some(at) = candidates.iter().position(|candidate| !candidate.call_id.is_empty()) {
        return Err(Error::field(format!("candidates_removed.candidates[{at}].call_id"), "is not empty"));
    }
    let candidates: Result<_, _> = candidates.into_iter().map(|it| candidate(it, limit)).collect();
    Ok(Negotiation::CandidatesRemoved(candidates?))
}

/// Which part of the hall is meant; `frame` is how the path of its fields begins.
pub(crate) fn watch(frame: &str, watch: v1::WatchHall) -> Result<Watch, Error> {
    let v1::WatchHall { watch: number, query, page_token } = watch;
    if query.chars().count() > limits::HALL_QUERY_CHARS_MAX {
        let description = format!("is longer than {} characters", limits::HALL_QUERY_CHARS_MAX);
        return Err(Error::field(format!("{frame}query"), description));
    }
    if page_token.chars().count() > limits::NAME_CHARS_MAX {
        return Err(Error::field(format!("{frame}page_token"), "is not one of this server's"));
    }
    Ok(Watch { number, query, after: Some(page_token).filter(|token| !token.is_empty()) })
}

fn seen_until(seen: v1::MissedCallsSeen) -> Result<Duration, Error> {
    let until = seen.until.ok_or_else(|| Error::field("missed_calls_seen.until", "is missing"))?;
    let since_epoch =
        SystemTime::try_from(until).ok().and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
    since_epoch.ok_or_else(|| Error::field("missed_calls_seen.until", "is not a time after 1970"))
}

fn route(route: v1::Route) -> Route {
    match route {
        v1::Route::Unspecified => Route::Unknown,
        v1::Route::Host => Route::Host,
        v1::Route::Srflx => Route::ServerReflexive,
        v1::Route::Prflx => Route::PeerReflexive,
        v1::Route::Relay => Route::Relay,
    }
}

fn sized(what: &'static str, text: String, limit: usize) -> Result<String, Error> {
    if text.len() > limit {
        return Err(Error::FrameTooLarge { what, limit });
    }
    Ok(text)
}

fn call_id(frame: &str, text: &str) -> Result<CallId, Error> {
    text.parse().map_err(|error| Error::field(format!("{frame}.call_id"), format!("{error}")))
}

/// What `Hello.availability` asks for; available where it says nothing.
pub(super) fn first_wish(availability: i32) -> Result<Wish, Error> {
    match v1::Availability::try_from(availability) {
        Ok(v1::Availability::Unspecified) => Ok(Wish::default()),
        _ => wish("hello.availability", availability),
    }
}

fn wish(field: &str, availability: i32) -> Result<Wish, Error> {
    match v1::Availability::try_from(availability) {
        Ok(v1::Availability::Available) => Ok(Wish::Available),
        Ok(v1::Availability::DoNotDisturb) => Ok(Wish::DoNotDisturb),
        Ok(v1::Availability::Invisible) => Ok(Wish::Invisible),
        Ok(v1::Availability::Unspecified | v1::Availability::InCall) | Err(_) => {
            Err(Error::field(field, "is none of available, do not disturb and invisible"))
        }
    }
}

fn target(place: v1::PlaceCall) -> Result<Target, Error> {
    use v1::place_call::Target as T;
    match place.target {
        None => Err(Error::field("place_call.target", "is missing")),
        Some(T::GuestId(id)) => {
            let id: GuestId =
                id.parse().map_err(|error| Error::field("place_call.guest_id", format!("{error}")))?;
            Ok(Target::Guest(id))
        }
        Some(T::Name(name)) => {
            let name = names::normalize(&name).map_err(|fault| Error::field("place_call.name", fault))?;
            Ok(Target::Name(name))
        }
        Some(T::NextAvailable(_)) => Ok(Target::NextAvailable),
    }
}

/// A frame as it is sent to many, in bytes that are made once.
pub(super) fn shared(item: &Item) -> Option<Bytes> {
    let Item::HallDelta(delta) = item else { return None };
    Some(delta.encoded(|delta| {
        let frame = Some(Response::HallDelta(hall_delta(delta)));
        v1::SignalResponse { frame, ..Default::default() }.encode_to_vec().into()
    }))
}

/// A frame as it is sent.
pub(super) fn response(outgoing: Outgoing, heartbeat: Duration) -> v1::SignalResponse {
    let (seq, in_reply_to, frame) = match outgoing.item {
        Item::Welcome(it) => (0, String::new(), Some(Response::Welcome(welcome(*it, heartbeat)))),
        Item::Frame(frame) => {
            let Frame { seq, in_reply_to, body } = &*frame;
            (*seq, in_reply_to.clone(), Some(self::body(body)))
        }
        Item::Unnumbered { in_reply_to, body } => (0, in_reply_to, Some(self::body(&body))),
        Item::HallSnapshot(hall) => (0, String::new(), Some(Response::HallSnapshot(snapshot(&hall)))),
        Item::HallDelta(delta) => (0, String::new(), Some(Response::HallDelta(hall_delta(&delta.value)))),
        Item::Ack => (0, String::new(), None),
        Item::Ping(nonce) => (0, String::new(), Some(Response::Ping(v1::Ping { nonce }))),
        Item::Pong(nonce) => (0, String::new(), Some(Response::Pong(v1::Pong { nonce }))),
        Item::GoAway(it) => (0, String::new(), Some(Response::GoAway(go_away(it)))),
    };
    v1::SignalResponse { seq, ack: outgoing.ack, in_reply_to, frame }
}

fn body(body: &Body) -> Response {
    match body {
        Body::Me(me) => Response::SelfUpdate(self_update(me)),
        Body::Call(news) => Response::CallUpdate(v1::CallUpdate { call: Some(call(news)) }),
        Body::Negotiation(call, said) => negotiation(call.to_string(), said.clone()),
        Body::Refused(error) => Response::Error(error.to_frame()),
        Body::Ice(servers) => Response::IceServers(ice_servers(servers.clone())),
        Body::TokenRenewed(until) => {
            Response::TokenRenewed(v1::TokenRenewed { access_expires_at: Some((*until).into()) })
        }
    }
}

fn negotiation(call_id: String, said: Negotiation) -> Response {
    match said {
        Negotiation::Offer(sdp) => Response::Offer(v1::Offer { call_id, sdp }),
        Negotiation::Answer(sdp) => Response::Answer(v1::Answer { call_id, sdp }),
        Negotiation::Candidate(candidate) => Response::Candidate(wire_candidate(call_id, candidate)),
        Negotiation::CandidatesRemoved(candidates) => {
            let candidates =
                candidates.into_iter().map(|candidate| wire_candidate(String::new(), candidate)).collect();
            Response::CandidatesRemoved(v1::CandidatesRemoved { call_id, candidates })
        }
        Negotiation::EndOfCandidates { username_fragment } => {
            Response::EndOfCandidates(v1::EndOfCandidates { call_id, username_fragment })
        }
    }
}

fn wire_candidate(call_id: String, candidate: Candidate) -> v1::Candidate {
    let Candidate { candidate, sdp_mid, sdp_m_line_index, username_fragment } = candidate;
    v1::Candidate { call_id, candidate, sdp_mid, sdp_m_line_index, username_fragment }
}

fn welcome(welcome: Welcome, heartbeat: Duration) -> v1::Welcome {
    v1::Welcome {
        session_id: welcome.session.to_string(),
        resume_token: welcome.resume_token,
        epoch: welcome.epoch,
        resumed: welcome.resumed,
        received_seq: welcome.received_seq,
        heartbeat_interval_ms: millis(heartbeat),
        resume_window_ms: millis(welcome.resume_window),
        ice_servers: Some(ice_servers(welcome.ice)),
        me: Some(self_update(&welcome.me)),
        hall: Some(snapshot(&welcome.hall)),
        call: welcome.call.as_ref().map(call),
        server_version: env!("CARGO_PKG_VERSION").to_owned(),
        server_time: Some(SystemTime::now().into()),
        access_expires_at: Some(welcome.access_expires_at.into()),
        missed_calls: welcome.missed_calls.into_iter().map(Into::into).collect(),
    }
}

fn go_away(go_away: GoAway) -> v1::GoAway {
    v1::GoAway {
        reconnect_after_ms: millis(go_away.reconnect_after),
        jitter_ms: millis(go_away.jitter),
        deadline_ms: millis(go_away.deadline),
    }
}

fn millis(duration: Duration) -> u32 {
    duration.as_millis().try_into().unwrap_or(u32::MAX)
}

fn guest(guest: &Guest) -> v1::Guest {
    v1::Guest {
        guest_id: guest.id.to_string(),
        name: guest.name.clone(),
        display_name: guest.display_name.clone(),
    }
}

fn self_update(me: &SelfView) -> v1::SelfUpdate {
    let availability = match me.availability {
        Availability::Wished(Wish::Available) => v1::Availability::Available,
        Availability::Wished(Wish::DoNotDisturb) => v1::Availability::DoNotDisturb,
        Availability::Wished(Wish::Invisible) => v1::Availability::Invisible,
        Availability::InCall => v1::Availability::InCall,
    };
    v1::SelfUpdate { guest: Some(guest(&me.guest)), availability: availability.into() }
}

pub(crate) fn hall_guest(row: &HallRow) -> v1::HallGuest {
    let availability = match row.shown {
        Shown::Available => v1::Availability::Available,
        Shown::InCall => v1::Availability::InCall,
        Shown::DoNotDisturb => v1::Availability::DoNotDisturb,
    };
    v1::HallGuest { guest: Some(guest(&row.guest)), availability: availability.into() }
}

pub(crate) fn count(guests: usize) -> u32 {
    guests.try_into().unwrap_or(u32::MAX)
}

fn snapshot(hall: &HallSnapshot) -> v1::HallSnapshot {
    v1::HallSnapshot {
        hall_version: hall.version,
        guests: hall.rows.iter().map(hall_guest).collect(),
        guest_count: count(hall.guest_count),
        watch: hall.watch,
        next_page_token: hall.next.clone().unwrap_or_default(),
    }
}

fn hall_delta(delta: &HallDelta) -> v1::HallDelta {
    let HallChange { from, version, changed, left } = &*delta.change;
    v1::HallDelta {
        from_version: *from,
        hall_version: *version,
        changed: changed.iter().map(hall_guest).collect(),
        left_guest_ids: left.iter().map(ToString::to_string).collect(),
        guest_count: count(delta.guest_count),
        watch: delta.watch,
    }
}

fn call(news: &CallNews) -> v1::Call {
    let view = &news.view;
    let (peer, origin) = match (view.side, view.origin) {
        (Side::First, Origin::Placed) => (&view.second, v1::CallOrigin::Placed),
        (Side::Second, Origin::Placed) => (&view.first, v1::CallOrigin::Received),
        (Side::First, Origin::Matched) => (&view.second, v1::CallOrigin::Matched),
        (Side::Second, Origin::Matched) => (&view.first, v1::CallOrigin::Matched),
    };
    let role = match (view.state, view.side) {
        (CallState::Ended(_), _) => v1::CallRole::Unspecified,
        (_, Side::First) => v1::CallRole::Offerer,
        (_, Side::Second) => v1::CallRole::Answerer,
    };
    let (state, end_reason) = match view.state {
        CallState::Ringing => (v1::CallState::Ringing, v1::CallEndReason::Unspecified),
        CallState::Connecting => (v1::CallState::Connecting, v1::CallEndReason::Unspecified),
        CallState::Connected => (v1::CallState::Connected, v1::CallEndReason::Unspecified),
        CallState::Ended(reason) => (v1::CallState::Ended, end_reason(reason)),
    };
    let route_policy = match view.route_policy {
        RoutePolicy::Any => v1::RoutePolicy::Any,
        RoutePolicy::RelayOnly => v1::RoutePolicy::RelayOnly,
    };
    let peer_presence = match view.peer_presence {
        Presence::Present => v1::PeerPresence::Present,
        Presence::Reconnecting => v1::PeerPresence::Reconnecting,
        Presence::Gone => v1::PeerPresence::Gone,
    };
    v1::Call {
        call_id: view.id.to_string(),
        peer: Some(guest(peer)),
        state: state.into(),
        origin: origin.into(),
        role: role.into(),
        route_policy: route_policy.into(),
        end_reason: end_reason.into(),
        peer_presence: peer_presence.into(),
        ice_servers: news.ice.clone().map(ice_servers),
        call_token: news.token.clone().unwrap_or_default(),
        created_at: Some(news.created_at.into()),
        expires_at: news.expires_at.map(Into::into),
    }
}

pub(crate) fn end_reason(reason: EndReason) -> v1::CallEndReason {
    match reason {
        EndReason::Declined => v1::CallEndReason::Declined,
        EndReason::Busy => v1::CallEndReason::Busy,
        EndReason::Cancelled => v1::CallEndReason::Cancelled,
        EndReason::TimedOut => v1::CallEndReason::TimedOut,
        EndReason::HungUp => v1::CallEndReason::HungUp,
        EndReason::Disconnected => v1::CallEndReason::Disconnected,
        EndReason::Failed => v1::CallEndReason::Failed,
        EndReason::AnsweredElsewhere => v1::CallEndReason::AnsweredElsewhere,
        EndReason::Superseded => v1::CallEndReason::Superseded,
        EndReason::ShuttingDown => v1::CallEndReason::ShuttingDown,
    }
}

fn ice_servers(servers: IceServers) -> v1::IceServers {
    servers.into()
}

/// The whole way of a frame from its bytes to the words of the lobby.
pub(crate) fn understand(bytes: &[u8]) -> Result<(), Error> {
    let frame = v1::SignalRequest::decode(bytes)
        .map_err(|_| Error::MalformedFrame { detail: "not a SignalRequest" })?;
    match frame.frame {
        Some(Request::Hello(hello)) => {
            hello.resume.map(resume_request);
        }
        Some(asked) => {
            checked_request_id(frame.request_id, Some(command(asked, Sizes::default()).map(Asked::Lobby)))
                .1
                .transpose()?;
        }
        None => {}
    }
    Ok(())
}

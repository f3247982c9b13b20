//! Performs what the lobby wants: numbers frames, puts them in outboxes, and adds what only the hub knows
//! (credentials, signatures, wall-clock times).

use super::Hub;
use super::handle::MatchLine;
use super::match_streams::MatchStream;
use super::outgoing::{Body, CallNews, Frame, Item, Shared};
use super::sessions::Session;
use crate::calls::{CallState, CallView, Origin, RoutePolicy, Side};
use crate::error::Error;
use crate::ice::{CredentialOwner, IceServers};
use crate::lobby::{Effect, Event, HallDelta, Input, Keep, MatchNews};
use crate::token::{CallProof, CallRole};
use castle::ids::SessionId;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc;

/// A session is shown a part of the hall at most so often: a person who types sees it follow, and who asks without
/// end costs no more.
const SNAPSHOT_GAP: Duration = Duration::from_millis(200);

/// Whose request the effects come from: its id goes back with the first frame to its sender.
pub(super) struct Reply {
    pub(super) session: SessionId,
    pub(super) request_id: String,
    /// Whether the request had a number; then its refusal has one too.
    pub(super) sequenced: bool,
}

impl Hub {
    pub(super) fn perform(&mut self, now: Duration, effects: Vec<Effect>, mut reply: Option<Reply>) {
        let mut queue = VecDeque::from(effects);
        loop {
            // A client that does not read loses its stream, and others may have to be told.
            for (id, why) in std::mem::take(&mut self.broken) {
                if let Some(outbox) = self.sessions.suspend(now, id) {
                    tracing::debug!(session = %id, %why, "stream broken off");
                    outbox.end_with(why);
                    let mut further = Vec::new();
                    self.lobby.handle(now, Input::SessionSuspended(id), &mut further);
                    queue.extend(further);
                }
            }
            match queue.pop_front() {
                Some(Effect::Send(to, event)) => {
                    let reply = reply.take_if(|reply| reply.session == to);
                    self.send_event(now, to, event, reply);
                }
                Some(Effect::Match(to, news)) => self.send_match(now, to, news),
                Some(Effect::Hall(to, delta)) => self.send_hall(now, &to, delta),
                Some(Effect::ShowHall(to)) => self.show_hall(now, to),
                Some(Effect::Keep(keep)) => {
                    if let Keep::Ended(ended) = &keep {
                        self.metrics.all.hub.calls_ended.add(ended.reason.as_str());
                    }
                    self.keeper.keep(SystemTime::now(), keep);
                }
                None if self.broken.is_empty() => break,
                None => {}
            }
        }
    }

    fn send_event(&mut self, now: Duration, to: SessionId, event: Event, reply: Option<Reply>) {
        let body = match event {
            Event::SelfUpdate(me) => Body::Me(me),
            Event::Call(view) => Body::Call(Box::new(self.call_news(now, to, view))),
            Event::Negotiation(call, negotiation) => Body::Negotiation(call, negotiation),
            Event::Refused(error) => match reply {
                Some(reply) => return self.answer(reply, Body::Refused(error)),
                None => Body::Refused(error),
            },
        };
        self.send(to, reply.map_or(String::new(), |reply| reply.request_id), body);
    }

    /// Answers a request of the link itself: with a number where the request had one.
    pub(super) fn answer(&mut self, reply: Reply, body: Body) {
        if reply.sequenced {
            self.send(reply.session, reply.request_id, body);
        } else {
            self.push(reply.session, Item::Unnumbered { in_reply_to: reply.request_id, body });
        }
    }

    /// Sends a sequenced frame, or keeps it for the resume.
    fn send(&mut self, to: SessionId, in_reply_to: String, body: Body) {
        let Some(session) = self.sessions.get_mut(to).filter(|session| !session.gap) else { return };
        let bytes = body.bytes() + in_reply_to.len();
        if let Ok(frame) = session.link.send(|seq| (Arc::new(Frame { seq, in_reply_to, body }), bytes)) {
            let frame = frame.clone();
            self.push(to, Item::Frame(frame));
        } else {
            session.gap = true;
            self.broken.push((to, self.overflow()));
        }
    }

    fn push(&mut self, to: SessionId, item: Item) {
        let Some(session) = self.sessions.get_mut(to) else { return };
        let Some(outbox) = &session.outbox else { return };
        session.ack_due = None;
        self.metrics.frames_out.add();
        if !outbox.push(session.link.ack(), item) {
            self.broken.push((to, self.overflow()));
        }
    }

    fn overflow(&self) -> Error {
        let sessions = &self.config.sessions;
        Error::Overflow { limit: sessions.unacked_frames_max, limit_bytes: sessions.unacked_bytes_max }
    }

    fn send_match(&mut self, now: Duration, to: SessionId, news: MatchNews) {
        let last = !matches!(news, MatchNews::Queued(_));
        let Some(MatchStream { lines, since, .. }) = self.match_streams.get(to) else { return };
        if let MatchNews::Found(_) = news {
            self.metrics.all.hub.match_waits.observe(now.saturating_sub(*since));
        }
        // A place is state: while the reader is behind only the last line needs its room.
        if last || lines.capacity() > 1 {
            match lines.try_send(MatchLine::News(news)) {
                // Whoever held it is about to say that it is lost.
                Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => {}
                Err(mpsc::error::TrySendError::Full(_)) => {
                    tracing::debug!(session = %to, "a Match stream is stuck");
                }
            }
        }
        if last {
            self.match_streams.end(to);
        }
    }

    fn send_hall(&mut self, now: Duration, to: &[SessionId], delta: HallDelta) {
        let (from, version) = (delta.change.from, delta.change.version);
        let rows = delta.change.changed.len() + delta.change.left.len();
        let delta = Shared::new(delta);
        let mut told = 0;
        let mut stale = Vec::new();
        for &id in to {
            let due = |session: &&mut Session| session.show_due.is_some();
            let Some(session) = self.sessions.get_mut(id).filter(|session| !due(session)) else { continue };
            let Some(outbox) = &session.outbox else { continue };
            if session.hall_version == from && outbox.has_slack() {
                session.hall_version = version;
                outbox.push(0, Item::HallDelta(Arc::clone(&delta)));
                told += 1;
            } else if session.hall_version != version {
                // It was left out, now or before: it is shown its part whole as soon as it reads.
                stale.push(id);
            }
        }
        self.metrics.frames_out.add_many(told);
        self.metrics.all.hub.hall_rows.add_many(told * rows as u64);
        for id in stale {
            self.show_hall(now, id);
        }
    }

    /// Shows a session its part of the hall: at once, or, where it or others of its guest were shown just now or its
    /// client does not read, later and as it is then. However often it is asked for in between, it is one snapshot.
    fn show_hall(&mut self, now: Duration, to: SessionId) {
        let Some(session) = self.sessions.get_mut(to).filter(|session| session.show_due.is_none()) else {
            return;
        };
        let Some(outbox) = &session.outbox else { return };
        let free_at = session.shown_at.map_or(now, |at| at + SNAPSHOT_GAP);
        let early = free_at.saturating_sub(now);
        let wait = if !early.is_zero() {
            Some(early)
        } else if outbox.has_slack() {
            self.sessions.show(now, to).err()
        } else {
            Some(SNAPSHOT_GAP)
        };
        let Some(session) = self.sessions.get_mut(to) else { return };
        if let Some(wait) = wait {
            session.show_due = Some(now + wait);
            self.shows_due.insert((now + wait, to));
            return;
        }
        let Some(snapshot) = self.lobby.hall_snapshot(to) else { return };
        session.shown_at = Some(now);
        session.hall_version = snapshot.version;
        self.metrics.all.hub.hall_rows.add_many(snapshot.rows.len() as u64);
        self.push(to, Item::HallSnapshot(snapshot));
    }

    pub(super) fn show_halls(&mut self, now: Duration) {
        while let Some(&(at, id)) = self.shows_due.first().filter(|&&(at, _)| at <= now) {
            self.shows_due.remove(&(at, id));
            if let Some(session) = self.sessions.get_mut(id).filter(|session| session.show_due == Some(at)) {
                session.show_due = None;
                self.show_hall(now, id);
            }
        }
        self.perform(now, Vec::new(), None);
    }

    /// The session has fresh ICE servers: the next are due at half their life.
    pub(super) fn refresh_ice_later(&mut self, now: Duration, id: SessionId) {
        self.sessions.ice_again(id, now + self.config.ice_refresh);
    }

    pub(super) fn push_ice(&mut self, now: Duration) {
        while let Some(id) = self.sessions.pop_ice(now) {
            if self.sessions.get_mut(id).is_some_and(|session| session.outbox.is_some()) {
                self.refresh_ice_later(now, id);
                let Some(servers) = self.ice_for(id) else { continue };
                self.send(id, String::new(), Body::Ice(servers));
            }
        }
        self.perform(now, Vec::new(), None);
    }

    /// Fresh ICE servers for whoever has the session.
    pub(super) fn ice_for(&mut self, id: SessionId) -> Option<IceServers> {
        let session = self.sessions.get_mut(id)?;
        Some(self.ice.servers(CredentialOwner::new(session.guest.id, session.login)))
    }

    pub(super) fn call_news(&mut self, now: Duration, to: SessionId, view: CallView) -> CallNews {
        let wall = SystemTime::now();
        let begins = matches!(view.state, CallState::Ringing | CallState::Connecting);
        let joined = matches!(view.state, CallState::Connecting | CallState::Connected);
        let role = match view.side {
            Side::First => CallRole::Offerer,
            Side::Second => CallRole::Answerer,
        };
        let created_at = wall - now.saturating_sub(view.created_at) - view.older;
        CallNews {
            created_at,
            expires_at: view.expires_at.map(|at| wall + at.saturating_sub(now)),
            ice: if begins { self.ice_for(to) } else { None },
            token: joined.then(|| {
                self.signer.sign(&CallProof {
                    call: view.id,
                    offerer: view.first.id,
                    answerer: view.second.id,
                    role,
                    matched: view.origin == Origin::Matched,
                    relay_only: view.route_policy == RoutePolicy::RelayOnly,
                    created_at,
                    connected_at: view.connected.map(|(at, older)| wall - now.saturating_sub(at) - older),
                    issued_at: wall,
                })
            }),
            view,
        }
    }
}

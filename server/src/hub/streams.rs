//! Streams come and go: hello, resume, frames, goodbye, and the way down of the server.

use super::handle::{Asked, Attached, ClientFrame, MatchLine, Opening, Whose};
use super::outgoing::{Body, GoAway, Inbox, Item, Outbox, Welcome};
use super::perform::Reply;
use super::sessions::Opened;
use super::{Drain, Hub};
use crate::calls::{Departure, Party};
use crate::error::Error;
use crate::history::Backstory;
use crate::ice::CredentialsOf;
use crate::lobby::{Beginning, Command, Effect, Event, Input};
use crate::matchmaker::Join;
use crate::store::KeptCall;
use castle::ids::{GuestId, LoginId, SessionId};
use castle::link::{Arrival, LinkError};
use rand::RngExt as _;
use std::time::{Duration, SystemTime};
use tokio::sync::{mpsc, oneshot};

/// Frames after which an acknowledgement waits no longer for a frame to travel with.
const ACK_EVERY: u64 = 16;

impl Hub {
    /// A stream of `guest` is about to begin: what it needs from the disk may be read.
    pub(super) fn hello(&mut self, now: Duration, guest: GuestId) -> Result<(), Error> {
        if self.drain.is_some() {
            return Err(self.draining());
        }
        self.sessions.hello(now, guest)
    }

    /// Begins or resumes a session on a stream whose guest said hello.
    pub(super) fn open(
        &mut self,
        now: Duration,
        opening: Opening,
        backstory: Backstory,
        outbox: Outbox,
    ) -> Result<Attached, Error> {
        if self.drain.is_some() {
            outbox.end_with(self.draining());
            return Err(self.draining());
        }
        let (id, opened) = match self.find_or_begin(now, &opening) {
            Ok(opened) => opened,
            Err(error) => {
                outbox.end_with(error.clone());
                return Err(error);
            }
        };
        let mut effects = Vec::new();
        let Backstory { blocked, blocked_by, current_call, missed_calls, missed_up_to: _ } = backstory;
        let (current_call, refused) = match current_call.transpose() {
            Ok(claim) => (claim, None),
            Err(error) => (None, Some(error)),
        };
        let input = match &opened {
            Opened::New => {
                let party = Party { guest: opening.guest.clone(), session: id, attached: true };
                let wish = opening.wish;
                Input::SessionBegan(Beginning { party, wish, blocked, blocked_by, current_call })
            }
            Opened::Resumed(_) => Input::SessionResumed(id),
            Opened::Replaced(old) => {
                self.match_streams.rename(*old, id);
                Input::SessionReplaced { old: *old, new: id }
            }
        };
        self.lobby.handle(now, input, &mut effects);
        if let Some(error) = refused.filter(|_| matches!(opened, Opened::New)) {
            effects.push(Effect::Send(id, Event::Refused(error)));
        }
        self.welcome(now, (id, opening.access_expires_at), (opened, missed_calls), outbox);
        self.refresh_ice_later(now, id);
        let session = self.sessions.get_mut(id).expect("opened just above");
        let attached = Attached { session: id, epoch: session.epoch, received: session.link.received() };
        self.perform(now, effects, None);
        tracing::debug!(session = %id, guest = %opening.guest.id, epoch = attached.epoch, "stream attached");
        Ok(attached)
    }

    fn find_or_begin(&mut self, now: Duration, opening: &Opening) -> Result<(SessionId, Opened), Error> {
        let fresh = (SessionId::from_bits(self.ids.random()), self.ids.random());
        if let Some(resume) = &opening.resume
            && let Some(found) = self.sessions.resume(now, opening.login, resume, fresh)?
        {
            return Ok(found);
        }
        let evicted = self.sessions.begin(now, (opening.guest.clone(), opening.login), fresh)?;
        for id in evicted {
            self.input(now, Input::SessionEnded(id, Departure::Lost));
        }
        Ok((fresh.0, Opened::New))
    }

    fn welcome(
        &mut self,
        now: Duration,
        (id, access_expires_at): (SessionId, SystemTime),
        (opened, missed_calls): (Opened, Vec<KeptCall>),
        outbox: Outbox,
    ) {
        let scene = self.lobby.scene(id).expect("the session is in the lobby");
        let call = scene.call.map(|view| self.call_news(now, id, view));
        let ice = self.ice_for(id).expect("opened just now");
        let resume_token = self.sessions.token(id);
        let session = self.sessions.get_mut(id).expect("opened just now");
        session.hall_version = scene.hall.version;
        session.show_due = None;
        let ack = session.link.ack();
        let welcome = Welcome {
            session: id,
            resume_token,
            epoch: session.epoch,
            resumed: matches!(opened, Opened::Resumed(_)),
            received_seq: ack,
            resume_window: self.config.sessions.resume_window,
            ice,
            me: scene.me,
            hall: scene.hall,
            call,
            missed_calls,
            access_expires_at,
        };
        let mut fits = outbox.push(ack, Item::Welcome(Box::new(welcome)));
        if let Opened::Resumed(replay) = opened {
            for frame in replay {
                fits &= outbox.push(ack, Item::Frame(frame));
            }
        }
        assert!(fits, "a new outbox has room for the welcome and all that may be unacknowledged");
        session.outbox = Some(outbox);
    }

    pub(super) fn frame(&mut self, now: Duration, id: SessionId, epoch: u64, frame: ClientFrame) {
        let Some(session) = self.sessions.get_mut(id).filter(|session| session.epoch == epoch) else {
            return;
        };
        if session.outbox.is_none() {
            return;
        }
        let arrival = session.link.acknowledge(frame.ack).and_then(|()| match (frame.seq, &frame.command) {
            (0, _) | (_, None) => Ok(Arrival::Deliver),
            (seq, Some(_)) => session.link.receive(seq),
        });
        match arrival {
            Ok(Arrival::Deliver) => {}
            Ok(Arrival::Duplicate) => return self.owe_ack(now, id),
            Err(error) => return self.break_stream(now, id, sequence_error(error)),
        }
        let Some(command) = frame.command else { return };
        let relayed = match &command {
            Ok(Asked::Lobby(Command::Negotiate(_, negotiation))) => negotiation.bytes(),
            _ => 0,
        };
        let allowed = self.sessions.spend(now, id, relayed);
        let sequenced = frame.seq > 0;
        let mut reply = Some(Reply { session: id, request_id: frame.request_id, sequenced });
        let mut effects = Vec::new();
        match allowed.and(command) {
            Ok(Asked::Lobby(command)) => self.lobby.handle(now, Input::Command(id, command), &mut effects),
            Ok(Asked::TokenRenewed(until)) => {
                let reply = reply.take().expect("made just above");
                self.answer(reply, Body::TokenRenewed(until));
            }
            Err(error) => effects.push(Effect::Send(id, Event::Refused(error))),
        }
        self.perform(now, effects, reply);
        if sequenced {
            self.owe_ack(now, id);
        }
    }

    pub(super) fn inbox(&mut self, id: SessionId, login: LoginId, epoch: u64) -> Result<Inbox, Error> {
        let session = self.sessions.get_mut(id).filter(|session| session.login == login);
        let session = session.ok_or(Error::NoSession)?;
        if epoch != session.epoch {
            return Err(Error::Superseded);
        }
        session.outbox.as_ref().and_then(Outbox::inbox).ok_or(Error::NoSession)
    }

    pub(super) fn received(&mut self, id: SessionId, epoch: u64) -> Result<u64, Error> {
        let session = self.sessions.get_mut(id).ok_or(Error::NoSession)?;
        if epoch != session.epoch {
            return Err(Error::Superseded);
        }
        session.outbox.as_ref().ok_or(Error::NoSession)?;
        session.ack_due = None;
        Ok(session.link.ack())
    }

    pub(super) fn detached(&mut self, now: Duration, id: SessionId, epoch: u64) {
        if self.sessions.get_mut(id).is_some_and(|session| session.epoch == epoch) {
            self.suspend(now, id, None);
        }
    }

    pub(super) fn broken_off(&mut self, now: Duration, id: SessionId, epoch: u64, why: Error) {
        if self.sessions.get_mut(id).is_some_and(|session| session.epoch == epoch) {
            self.break_stream(now, id, why);
        }
    }

    pub(super) fn bye(&mut self, now: Duration, id: SessionId, epoch: u64) {
        if self.sessions.get_mut(id).is_none_or(|session| session.epoch != epoch) {
            return;
        }
        if let Some(outbox) = self.sessions.remove(id).and_then(|session| session.outbox) {
            outbox.finish();
        }
        self.input(now, Input::SessionEnded(id, Departure::Left));
    }

    /// Ends the session's stream with `why`; the session may be resumed.
    pub(super) fn break_stream(&mut self, now: Duration, id: SessionId, why: Error) {
        tracing::debug!(session = %id, %why, "stream broken off");
        self.suspend(now, id, Some(why));
    }

    fn suspend(&mut self, now: Duration, id: SessionId, why: Option<Error>) {
        let Some(outbox) = self.sessions.suspend(now, id) else { return };
        match why {
            Some(why) => outbox.end_with(why),
            None => outbox.finish(),
        }
        self.input(now, Input::SessionSuspended(id));
    }

    pub(super) fn close(&mut self, id: SessionId, why: Error) {
        if let Some(outbox) = self.sessions.remove(id).and_then(|session| session.outbox) {
            outbox.end_with(why);
        }
    }

    pub(super) fn end_sessions(&mut self, now: Duration, whose: Whose, why: &Error) {
        let meant = self.sessions.matching(|session| match whose {
            Whose::Guest(guest) => session.guest.id == guest,
            Whose::Login(login) => session.login == login,
        });
        self.ice.end(match whose {
            Whose::Guest(guest) => CredentialsOf::guest(guest),
            Whose::Login(login) => CredentialsOf::login(login),
        });
        for id in meant {
            self.close(id, why.clone());
            self.input(now, Input::SessionEnded(id, Departure::Closed));
        }
        if let Whose::Guest(guest) = whose {
            self.input(now, Input::GuestClosed(guest));
        }
    }

    pub(super) fn join_match(
        &mut self,
        now: Duration,
        join: Join,
        lines: mpsc::Sender<MatchLine>,
    ) -> Result<u64, Error> {
        // What is due concerns the stream that is there already, not the one that comes.
        self.input(now, Input::Tick);
        let session = join.session;
        let mut effects = Vec::new();
        let joined = self.lobby.join_match(now, join, &mut effects);
        let stream = joined.map(|()| self.match_streams.begin(now, session, lines));
        self.perform(now, effects, None);
        stream
    }

    pub(super) fn match_lost(&mut self, now: Duration, stream: u64) {
        let Some(session) = self.match_streams.lost(stream) else { return };
        tracing::debug!(%session, "a Match stream is lost");
        self.input(now, Input::MatchStreamLost(session));
    }

    fn owe_ack(&mut self, now: Duration, id: SessionId) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        if session.link.untold() >= ACK_EVERY {
            self.tell_ack(id);
        } else if session.ack_due.is_none() {
            let due = now + self.config.ack_delay;
            session.ack_due = Some(due);
            self.acks.insert((due, id));
        }
    }

    pub(super) fn tell_acks(&mut self, now: Duration) {
        while let Some(&(at, id)) = self.acks.first().filter(|&&(at, _)| at <= now) {
            self.acks.remove(&(at, id));
            if self.sessions.get_mut(id).is_some_and(|session| session.ack_due == Some(at)) {
                self.tell_ack(id);
            }
        }
    }

    fn tell_ack(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        session.ack_due = None;
        if let Some(outbox) = &session.outbox
            && outbox.has_slack()
        {
            outbox.push(session.link.ack(), Item::Ack);
        }
    }

    pub(super) fn begin_drain(&mut self, now: Duration, go_away: GoAway, reply: oneshot::Sender<()>) {
        self.input(now, Input::ShutDown);
        self.drain = Some(Drain { deadline: now + go_away.deadline, drained: Some(reply) });
        for (_, session) in self.sessions.iter_mut() {
            if let Some(outbox) = &session.outbox {
                outbox.push(session.link.ack(), Item::GoAway(go_away));
            }
        }
        self.check_drained(now);
    }

    pub(super) fn check_drained(&mut self, now: Duration) {
        let over = self.drain.as_ref().is_some_and(|drain| drain.drained.is_some() && drain.deadline <= now);
        if over {
            for id in self.sessions.matching(|_| true) {
                self.close(id, self.draining());
            }
        }
        let gone = self.sessions.attached_count() == 0;
        if let Some(drained) = self.drain.as_mut().filter(|_| gone).and_then(|drain| drain.drained.take()) {
            // Whoever asked may have stopped waiting.
            drained.send(()).ok();
        }
    }
}

fn sequence_error(error: LinkError) -> Error {
    match error {
        LinkError::Gap { expected, got } => Error::Sequence { expected, got },
        LinkError::AckedUnsent { acked, sent } => Error::Sequence { expected: sent, got: acked },
        LinkError::ReplayLost { received, acked } => Error::Sequence { expected: acked, got: received },
    }
}

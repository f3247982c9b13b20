//! The sessions of this node: their links, their streams, and how long they outlive them.
//!
//! Owns sequence numbers, epochs, resume tokens and limits of sessions. Knows nothing of what is said.
//! Time and randomness are arguments.

use super::outgoing::{Frame, Outbox};
use super::rate::TokenBucket;
use crate::error::Error;
use crate::guest::SharedGuest;
use castle::ids::{GuestId, LoginId, SessionId};
use castle::limits;
use castle::link::Link;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Bounds of sessions.
#[derive(Debug, Clone)]
pub struct SessionsConfig {
    /// A session outlives its stream by this.
    pub resume_window: Duration,
    /// Sessions of one guest: a few devices.
    pub per_guest_max: usize,
    /// Sessions of this node, by its memory.
    pub total_max: usize,
    /// Unacknowledged frames kept per session.
    pub unacked_frames_max: usize,
    /// Unacknowledged bytes kept per session.
    pub unacked_bytes_max: usize,
    /// Frames per second one session may send on average.
    pub frames_per_second: u32,
    /// Frames one session may send at once.
    pub frames_burst: u32,
}

impl Default for SessionsConfig {
    fn default() -> Self {
        Self {
            resume_window: limits::RESUME_WINDOW,
            per_guest_max: 5,
            total_max: 50_000,
            unacked_frames_max: limits::UNACKED_FRAMES_MAX,
            unacked_bytes_max: limits::UNACKED_BYTES_MAX,
            frames_per_second: limits::FRAMES_PER_SECOND,
            frames_burst: limits::FRAMES_BURST,
        }
    }
}

/// A session.
pub(super) struct Session {
    pub(super) guest: SharedGuest,
    pub(super) login: LoginId,
    secret: u128,
    pub(super) epoch: u64,
    pub(super) link: Link<Arc<Frame>>,
    /// A frame did not fit: what the client has cannot be completed by replay.
    pub(super) gap: bool,
    pub(super) outbox: Option<Outbox>,
    suspended_until: Option<Duration>,
    pub(super) bucket: TokenBucket,
    /// The version of the hall the client has, or will have when it has read its outbox.
    pub(super) hall_version: u64,
    pub(super) ack_due: Option<Duration>,
    pub(super) ice_due: Option<Duration>,
}

/// What a client asks to take up again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResumeRequest {
    /// From the last `Welcome`.
    pub token: String,
    /// The highest server frame it has processed.
    pub received_seq: u64,
    /// Of the new stream.
    pub epoch: u64,
}

/// How a stream came to a session.
pub(super) enum Opened {
    /// The session is new.
    New,
    /// The session goes on; these frames are to be sent again.
    Resumed(Vec<Arc<Frame>>),
    /// The session goes on under a new id, since not all of its frames could be kept.
    Replaced(SessionId),
}

/// All sessions.
pub(super) struct Sessions {
    pub(super) config: SessionsConfig,
    table: BTreeMap<SessionId, Session>,
    by_guest: BTreeMap<GuestId, BTreeSet<SessionId>>,
    expiry: BTreeSet<(Duration, SessionId)>,
    /// What frames the guests of sessions that ended have left: who begins anew does not begin with more. Full ones are
    /// forgotten.
    spent: BTreeMap<GuestId, TokenBucket>,
}

impl Sessions {
    pub(super) fn new(config: SessionsConfig) -> Self {
        let (table, by_guest) = (BTreeMap::new(), BTreeMap::new());
        Self { config, table, by_guest, expiry: BTreeSet::new(), spent: BTreeMap::new() }
    }

    pub(super) fn get_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.table.get_mut(&id)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (SessionId, &mut Session)> {
        self.table.iter_mut().map(|(&id, session)| (id, session))
    }

    /// Those whose login or guest is meant.
    pub(super) fn matching(&self, meant: impl Fn(&Session) -> bool) -> Vec<SessionId> {
        self.table.iter().filter(|(_, session)| meant(session)).map(|(&id, _)| id).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn attached_count(&self) -> usize {
        self.table.len() - self.expiry.len()
    }

    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.expiry.first().map(|&(at, _)| at)
    }

    /// The session that was suspended for longer than its window, if there is one.
    pub(super) fn pop_expired(&mut self, now: Duration) -> Option<SessionId> {
        let &(_, id) = self.expiry.first().filter(|&&(at, _)| at <= now)?;
        self.remove(id);
        Some(id)
    }

    /// Resumes the session that `resume` names, if it is this login's. `fresh` is random: the id, where a new one
    /// is needed, and the secret.
    pub(super) fn resume(
        &mut self,
        now: Duration,
        login: LoginId,
        resume: &ResumeRequest,
        fresh: (SessionId, u128),
    ) -> Result<Option<(SessionId, Opened)>, Error> {
        let Some(id) = self.named_by(&resume.token, login) else { return Ok(None) };
        let (frames_max, bytes_max) = (self.config.unacked_frames_max, self.config.unacked_bytes_max);
        let session = self.table.get_mut(&id).expect("named_by finds live sessions");
        if resume.epoch <= session.epoch {
            return Err(Error::Superseded);
        }
        if let Some(older) = session.outbox.take() {
            older.end_with(Error::Superseded);
        }
        session.epoch = resume.epoch;
        if let Some(until) = session.suspended_until.take() {
            self.expiry.remove(&(until, id));
        }
        let replay = match session.link.resume(resume.received_seq) {
            Ok(replay) if !session.gap => Some(replay.cloned().collect()),
            Ok(_) | Err(_) => None,
        };
        if let Some(replay) = replay {
            return Ok(Some((id, Opened::Resumed(replay))));
        }
        let (new, secret) = fresh;
        let mut session = self.remove(id).expect("it was there just above");
        session.link = Link::with_bounds(frames_max, bytes_max);
        session.gap = false;
        session.epoch = 1;
        session.secret = secret;
        session.ack_due = None;
        tracing::debug!(%id, %new, ?now, "a session could not be replayed");
        self.insert(new, session);
        Ok(Some((new, Opened::Replaced(id))))
    }

    /// Begins a session. Returns sessions that made room for it: suspended ones of the same guest.
    pub(super) fn begin(
        &mut self,
        now: Duration,
        (guest, login): (SharedGuest, LoginId),
        (id, secret): (SessionId, u128),
    ) -> Result<Vec<SessionId>, Error> {
        let mut evicted = Vec::new();
        let theirs = self.by_guest.get(&guest.id).cloned().unwrap_or_default();
        if theirs.len() >= self.config.per_guest_max {
            let suspended = theirs.iter().filter_map(|id| Some((self.table[id].suspended_until?, *id)));
            let oldest = suspended.min().ok_or(Error::SessionLimit { limit: self.config.per_guest_max })?;
            self.remove(oldest.1);
            evicted.push(oldest.1);
        }
        if self.table.len() >= self.config.total_max {
            return Err(Error::Limit { what: "sessions", limit: self.config.total_max as u64 });
        }
        let bucket = self.bucket_of(now, guest.id);
        let session = Session {
            guest,
            login,
            secret,
            epoch: 1,
            link: Link::with_bounds(self.config.unacked_frames_max, self.config.unacked_bytes_max),
            gap: false,
            outbox: None,
            suspended_until: None,
            bucket,
            hall_version: 0,
            ack_due: None,
            ice_due: None,
        };
        self.insert(id, session);
        Ok(evicted)
    }

    /// Notes that the stream is gone; the window begins.
    pub(super) fn suspend(&mut self, now: Duration, id: SessionId) -> Option<Outbox> {
        let session = self.table.get_mut(&id)?;
        let outbox = session.outbox.take()?;
        let until = now + self.config.resume_window;
        session.suspended_until = Some(until);
        session.ack_due = None;
        self.expiry.insert((until, id));
        Some(outbox)
    }

    fn bucket_of(&mut self, now: Duration, guest: GuestId) -> TokenBucket {
        if self.spent.len() >= self.config.total_max {
            self.spent.retain(|_, bucket| !bucket.is_full(now));
        }
        let spent = self.spent.get(&guest).cloned();
        spent
            .unwrap_or_else(|| TokenBucket::new(now, self.config.frames_per_second, self.config.frames_burst))
    }

    pub(super) fn remove(&mut self, id: SessionId) -> Option<Session> {
        let session = self.table.remove(&id)?;
        if let Some(until) = session.suspended_until {
            self.expiry.remove(&(until, id));
        }
        let theirs = self.by_guest.get_mut(&session.guest.id).expect("every session is in by_guest");
        theirs.remove(&id);
        self.spent.insert(session.guest.id, session.bucket.clone());
        if theirs.is_empty() {
            self.by_guest.remove(&session.guest.id);
        }
        Some(session)
    }

    /// The token that resumes `id`: it stays the same, so that a `Welcome` lost on the way locks nobody out.
    pub(super) fn token(&self, id: SessionId) -> String {
        format!("{id}.{:032x}", self.table[&id].secret)
    }

    fn insert(&mut self, id: SessionId, session: Session) {
        self.by_guest.entry(session.guest.id).or_default().insert(id);
        self.table.insert(id, session);
    }

    fn named_by(&self, token: &str, login: LoginId) -> Option<SessionId> {
        let (id, secret) = token.split_once('.')?;
        let id: SessionId = id.parse().ok()?;
        let secret = u128::from_str_radix(secret, 16).ok()?;
        let session = self.table.get(&id)?;
        // One comparison of 128 bits: no prefix of it can be guessed by its timing.
        (session.secret == secret && session.login == login).then_some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::Guest;

    #[test]
    fn who_leaves_and_comes_again_has_no_more_frames_than_before() {
        let (name, login) = ("bea".to_owned(), LoginId::from_bits(2));
        let bea = Arc::new(Guest { id: GuestId::from_bits(1), display_name: name.clone(), name });
        let mut sessions = Sessions::new(SessionsConfig::default());
        let frames_of = |sessions: &mut Sessions, now: Duration, number: u128| {
            let id = SessionId::from_bits(number);
            sessions.begin(now, (bea.clone(), login), (id, number)).expect("there is room");
            let bucket = &mut sessions.get_mut(id).expect("it has begun").bucket;
            let frames = std::iter::from_fn(|| bucket.take(now).ok()).count();
            sessions.remove(id);
            frames
        };
        assert_eq!(frames_of(&mut sessions, Duration::ZERO, 1), 200);
        assert_eq!(frames_of(&mut sessions, Duration::ZERO, 2), 0);
        assert_eq!(frames_of(&mut sessions, Duration::from_secs(1), 3), 50);
        assert_eq!(frames_of(&mut sessions, Duration::from_secs(9), 4), 200);
    }
}

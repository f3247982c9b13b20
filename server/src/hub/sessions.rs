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

/// What a `Hello` costs of the frames its guest may send: the whole state is told anew.
const HELLO_FRAMES: u32 = 20;

/// How often all sessions of a guest together are shown parts of the hall: as often as one may be. Where all of 10,000
/// guests match, looking for a part takes some milliseconds of the one task that all share.
const SHOWS_PER_SECOND: u32 = 5;

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

impl SessionsConfig {
    /// Bytes that one session may have relayed per second: its frames, if each were the largest candidate.
    fn relayed_per_second(&self) -> u32 {
        self.frames_per_second.saturating_mul(limits::CANDIDATE_BYTES_MAX as u32)
    }

    /// The same at once: half of what may be unacknowledged at the other end, whose stream it would cut.
    fn relayed_burst(&self) -> u32 {
        u32::try_from(self.unacked_bytes_max / 2).unwrap_or(u32::MAX)
    }
}

/// A session.
pub(super) struct Session {
    pub(super) guest: SharedGuest,
    pub(super) login: LoginId,
    secret: u128,
    pub(super) epoch: u64,
    /// What its client calls it by where the `Welcome` with its new name has not come. Kept after that, so that a hello by it
    /// that comes late is known to be one.
    former: Option<Former>,
    pub(super) link: Link<Arc<Frame>>,
    /// A frame did not fit: what the client has cannot be completed by replay.
    pub(super) gap: bool,
    pub(super) outbox: Option<Outbox>,
    suspended_until: Option<Duration>,
    bucket: TokenBucket,
    /// Bytes of offers, answers and candidates, which the other end of the call has to keep until it acknowledges.
    relayed: TokenBucket,
    /// The version of the hall the client has, or will have when it has read its outbox.
    pub(super) hall_version: u64,
    pub(super) ack_due: Option<Duration>,
    pub(super) ice_due: Option<Duration>,
    /// When it was last shown a part of the hall that it asked for.
    pub(super) shown_at: Option<Duration>,
    /// When it is to be shown its part again.
    pub(super) show_due: Option<Duration>,
}

/// A name that a session had before some of its frames could not be kept.
#[derive(Clone, Copy)]
struct Former {
    id: SessionId,
    secret: u128,
    /// The highest with which it was resumed by this name.
    epoch: u64,
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

/// The sessions of one guest, and the frames they may send together, whichever come and go.
struct Theirs {
    sessions: BTreeSet<SessionId>,
    bucket: TokenBucket,
    /// How often they may be shown a part of the hall, which the hub looks for.
    shows: TokenBucket,
}

/// The refusal of a frame.
fn frames(bucket: &TokenBucket, retry_after: Duration) -> Error {
    let (limit, refill) = bucket.allowance();
    Error::RateLimited { what: "frames", limit, refill: Some(refill), retry_after }
}

/// All sessions.
pub(super) struct Sessions {
    pub(super) config: SessionsConfig,
    table: BTreeMap<SessionId, Session>,
    /// By their former names.
    renamed: BTreeMap<SessionId, SessionId>,
    by_guest: BTreeMap<GuestId, Theirs>,
    /// Guests without a session whose bucket is not full again before then.
    resting: BTreeSet<(Duration, GuestId)>,
    expiry: BTreeSet<(Duration, SessionId)>,
    /// When each gets fresh ICE servers.
    ice_due: BTreeSet<(Duration, SessionId)>,
}

impl Sessions {
    pub(super) fn new(config: SessionsConfig) -> Self {
        Self {
            config,
            table: BTreeMap::new(),
            renamed: BTreeMap::new(),
            by_guest: BTreeMap::new(),
            resting: BTreeSet::new(),
            expiry: BTreeSet::new(),
            ice_due: BTreeSet::new(),
        }
    }

    /// When the next of them gets fresh ICE servers.
    pub(super) fn next_ice(&self) -> Option<Duration> {
        self.ice_due.first().map(|&(at, _)| at)
    }

    /// The session gets fresh ICE servers then, and no sooner.
    pub(super) fn ice_again(&mut self, id: SessionId, due: Duration) {
        let Some(session) = self.table.get_mut(&id) else { return };
        if let Some(before) = session.ice_due.replace(due) {
            self.ice_due.remove(&(before, id));
        }
        self.ice_due.insert((due, id));
    }

    /// One that is to get fresh ICE servers now.
    pub(super) fn pop_ice(&mut self, now: Duration) -> Option<SessionId> {
        let &(at, id) = self.ice_due.first().filter(|&&(at, _)| at <= now)?;
        self.ice_due.remove(&(at, id));
        self.table.get_mut(&id)?.ice_due = None;
        Some(id)
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

    /// A stream of `guest` begins: whoever comes again and again waits, whether for a new session or the old.
    ///
    /// # Errors
    /// [`Error::RateLimited`].
    pub(super) fn hello(&mut self, now: Duration, guest: GuestId) -> Result<(), Error> {
        while let Some(&(at, rested)) = self.resting.first().filter(|&&(at, _)| at <= now) {
            self.resting.remove(&(at, rested));
            let full = |theirs: &Theirs| theirs.sessions.is_empty() && theirs.bucket.full_at() <= now;
            if self.by_guest.get(&rested).is_some_and(full) {
                self.by_guest.remove(&rested);
            }
        }
        let theirs = self.theirs(now, guest);
        let taken = theirs.bucket.take_many(now, HELLO_FRAMES).map_err(|wait| frames(&theirs.bucket, wait));
        if theirs.sessions.is_empty() {
            let rested = theirs.bucket.full_at();
            self.resting.insert((rested, guest));
        }
        taken
    }

    fn theirs(&mut self, now: Duration, guest: GuestId) -> &mut Theirs {
        let sessions = u32::try_from(self.config.per_guest_max).unwrap_or(u32::MAX);
        let (rate, burst) = (self.config.frames_per_second, self.config.frames_burst);
        self.by_guest.entry(guest).or_insert_with(|| Theirs {
            sessions: BTreeSet::new(),
            bucket: TokenBucket::new(now, rate.saturating_mul(sessions), burst.saturating_mul(sessions)),
            shows: TokenBucket::new(now, SHOWS_PER_SECOND, SHOWS_PER_SECOND),
        })
    }

    /// A session is to be shown a part of the hall that somebody has to look for; or how long it has to wait.
    pub(super) fn show(&mut self, now: Duration, id: SessionId) -> Result<(), Duration> {
        let Some(session) = self.table.get(&id) else { return Ok(()) };
        let theirs = self.by_guest.get_mut(&session.guest.id).expect("every session is in by_guest");
        theirs.shows.take(now)
    }

    /// A session sends a frame, with so many bytes for the other end of its call.
    ///
    /// # Errors
    /// [`Error::RateLimited`]: the session, or all of its guest's together, sent too many.
    pub(super) fn spend(&mut self, now: Duration, id: SessionId, relayed: usize) -> Result<(), Error> {
        let session = self.table.get_mut(&id).ok_or(Error::NoSession)?;
        let theirs = self.by_guest.get_mut(&session.guest.id).expect("every session is in by_guest");
        for bucket in [&mut session.bucket, &mut theirs.bucket] {
            bucket.take(now).map_err(|wait| frames(bucket, wait))?;
        }
        let bytes = u32::try_from(relayed).unwrap_or(u32::MAX);
        session.relayed.take_many(now, bytes).map_err(|retry_after| Error::RateLimited {
            what: "negotiation_bytes",
            limit: session.relayed.allowance().0,
            refill: None,
            retry_after,
        })
    }

    /// Resumes the session that `resume` names, if it is this login's. One that was replaced answers to its former name
    /// too: its client has not heard the new one, and everything of the session would stay with that. `fresh` is random:
    /// the id, where a new one is needed, and the secret.
    pub(super) fn resume(
        &mut self,
        now: Duration,
        login: LoginId,
        resume: &ResumeRequest,
        fresh: (SessionId, u128),
    ) -> Result<Option<(SessionId, Opened)>, Error> {
        let Some((named, id)) = self.named_by(&resume.token, login) else { return Ok(None) };
        let (frames_max, bytes_max) = (self.config.unacked_frames_max, self.config.unacked_bytes_max);
        let session = self.table.get_mut(&id).expect("named_by finds live sessions");
        let former = session.former.as_mut().filter(|former| former.id == named);
        let by_former = former.is_some();
        let epoch = former.map_or(&mut session.epoch, |former| &mut former.epoch);
        if resume.epoch <= *epoch {
            return Err(Error::Superseded);
        }
        *epoch = resume.epoch;
        if let Some(older) = session.outbox.take() {
            older.end_with(Error::Superseded);
        }
        if let Some(until) = session.suspended_until.take() {
            self.expiry.remove(&(until, id));
        }
        let replay = match session.link.resume(resume.received_seq) {
            Ok(replay) if !session.gap && !by_former => Some(replay.cloned().collect()),
            Ok(_) | Err(_) => None,
        };
        if let Some(replay) = replay {
            return Ok(Some((id, Opened::Resumed(replay))));
        }
        let (new, secret) = fresh;
        let mut session = self.remove(id).expect("it was there just above");
        if !by_former {
            session.former = Some(Former { id, secret: session.secret, epoch: resume.epoch });
        }
        session.link = Link::with_bounds(frames_max, bytes_max);
        session.gap = false;
        session.epoch = 1;
        session.secret = secret;
        session.ack_due = None;
        tracing::debug!(%id, %new, ?now, "a session could not be replayed");
        self.insert(now, new, session);
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
        let theirs = self.by_guest.get(&guest.id).map(|theirs| theirs.sessions.clone()).unwrap_or_default();
        if theirs.len() >= self.config.per_guest_max {
            let suspended = theirs.iter().filter_map(|id| Some((self.table[id].suspended_until?, *id)));
            let oldest = suspended.min().ok_or(Error::SessionLimit { limit: self.config.per_guest_max })?;
            self.remove(oldest.1);
            evicted.push(oldest.1);
        }
        if self.table.len() >= self.config.total_max {
            return Err(Error::Limit { what: "sessions", limit: self.config.total_max as u64 });
        }
        let session = Session {
            guest,
            login,
            secret,
            epoch: 1,
            former: None,
            link: Link::with_bounds(self.config.unacked_frames_max, self.config.unacked_bytes_max),
            gap: false,
            outbox: None,
            suspended_until: None,
            bucket: TokenBucket::new(now, self.config.frames_per_second, self.config.frames_burst),
            relayed: TokenBucket::new(now, self.config.relayed_per_second(), self.config.relayed_burst()),
            hall_version: 0,
            ack_due: None,
            ice_due: None,
            shown_at: None,
            show_due: None,
        };
        self.insert(now, id, session);
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

    pub(super) fn remove(&mut self, id: SessionId) -> Option<Session> {
        let mut session = self.table.remove(&id)?;
        if let Some(former) = session.former {
            self.renamed.remove(&former.id);
        }
        if let Some(until) = session.suspended_until {
            self.expiry.remove(&(until, id));
        }
        if let Some(due) = session.ice_due.take() {
            self.ice_due.remove(&(due, id));
        }
        let theirs = self.by_guest.get_mut(&session.guest.id).expect("every session is in by_guest");
        theirs.sessions.remove(&id);
        if theirs.sessions.is_empty() {
            self.resting.insert((theirs.bucket.full_at(), session.guest.id));
        }
        Some(session)
    }

    /// The token that resumes `id`: it stays the same, so that a `Welcome` lost on the way locks nobody out.
    pub(super) fn token(&self, id: SessionId) -> String {
        format!("{id}.{:032x}", self.table[&id].secret)
    }

    fn insert(&mut self, now: Duration, id: SessionId, session: Session) {
        self.theirs(now, session.guest.id).sessions.insert(id);
        if let Some(former) = session.former {
            self.renamed.insert(former.id, id);
        }
        self.table.insert(id, session);
    }

    /// The name that `token` tells, and the session that has it or had it, if it is this login's.
    fn named_by(&self, token: &str, login: LoginId) -> Option<(SessionId, SessionId)> {
        let (named, secret) = token.split_once('.')?;
        let named: SessionId = named.parse().ok()?;
        let secret = u128::from_str_radix(secret, 16).ok()?;
        let id = self.renamed.get(&named).copied().unwrap_or(named);
        let session = self.table.get(&id)?;
        let former = session.former.filter(|former| former.id == named);
        let expected = former.map_or(session.secret, |former| former.secret);
        // One comparison of 128 bits: no prefix of it can be guessed by its timing.
        (expected == secret && session.login == login).then_some((named, id))
    }
}

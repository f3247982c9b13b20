//! Call history: keeps what the hub wants kept, and reads what a session starts from.
//!
//! Owns the way from the words of the lobby to records with times of the wall clock, and the lines in between: the
//! hub waits for the disk only where that is so far behind that they are full. Calls to who could not be rung have a
//! line of their own: nobody waits for it, so that no answer tells by its time whom there is to be missed. Which
//! records there are is decided in `calls` and `lobby`.

mod late;

use crate::calls::{Claim, EndReason, EndedCall, Origin, Route, RoutePolicy, Side};
use crate::error::Error;
use crate::guest::Guest;
use crate::lobby::{Callee, Keep};
use crate::store::{BlocksOf, CallRecord, KeptCall, Part, Store};
use crate::token::{CallRole, CallSigner};
use castle::ids::{CallId, GuestId};
use futures_util::future::join_all;
use late::Late;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// While so many wait for the disk the hub takes nothing new: the ends of all calls of a full server in some seconds.
const KEEPS_MAX: usize = 4096;
/// What fits in line: beyond [`KEEPS_MAX`] all that one turn of the hub can end, twice the calls of a full server.
const LINE_MAX: usize = KEEPS_MAX + 60_000;
/// What is written at once: it shares a sync of the disk, so that who causes much of it holds nobody up.
const AT_ONCE: usize = 256;
/// Missed calls told at a hello.
const MISSED_TOLD: usize = 20;

/// What stands in line for the disk.
pub(crate) enum Line {
    /// To be kept, as of then.
    Keep(SystemTime, Keep),
    /// Somebody wants to know when all before it is written.
    Written(oneshot::Sender<()>),
}

/// Where the hub puts what is to be kept.
#[derive(Debug, Clone)]
pub struct Keeper {
    line: mpsc::Sender<Line>,
    missed: mpsc::Sender<Line>,
    /// In both lines.
    waiting: Arc<watch::Sender<usize>>,
    late: Late,
}

impl Keeper {
    fn new() -> (Self, [mpsc::Receiver<Line>; 2]) {
        let (line, reader) = mpsc::channel(LINE_MAX);
        let (missed, missed_reader) = mpsc::channel(LINE_MAX);
        let waiting = Arc::new(watch::Sender::new(0));
        (Self { line, missed, waiting, late: Late::new() }, [reader, missed_reader])
    }

    /// The other end of both lines in the hands of a test.
    #[cfg(test)]
    pub(crate) fn watched() -> (Self, mpsc::Receiver<Line>) {
        let (keeper, [reader, _]) = Self::new();
        (Self { missed: keeper.line.clone(), ..keeper }, reader)
    }

    /// Puts it in line, and does not wait.
    pub fn keep(&self, at: SystemTime, keep: Keep) {
        let line = match &keep {
            Keep::Missed { callee, .. } => {
                self.late.note(at, callee);
                &self.missed
            }
            Keep::Ended(_) | Keep::MissedCallsSeen { .. } => &self.line,
        };
        let missed = matches!(keep, Keep::Missed { .. });
        if !self.put(line, Line::Keep(at, keep)) && missed {
            // Nobody is to wait for what will not come.
            self.late.wrote(1);
        }
    }

    /// Returns when the calls that `guest` missed before are written. Who waits for another learns whether there is one.
    pub async fn missed_written(&self, guest: &Guest) {
        self.late.written(self.late.last(guest)).await;
    }

    /// The number of the last call to `guest` while they could not be rung; it rises with each.
    pub fn last_missed(&self, guest: &Guest) -> u64 {
        self.late.last(guest)
    }

    /// Returns once the line is not full.
    pub async fn room(&self) {
        self.waiting.subscribe().wait_for(|&waiting| waiting < KEEPS_MAX).await.expect("it has the sender");
    }

    /// Returns when the calls that ended before are written: who was told of the end of one finds it then.
    pub async fn written(&self) {
        let (done, written) = oneshot::channel();
        self.room().await;
        self.put(&self.line, Line::Written(done));
        // Dropped: the server goes down, and there is nothing to wait for.
        written.await.ok();
    }

    /// Counts what is written of a line: of the missed calls, or of the rest.
    fn counting(self, missed: bool) -> impl Fn(usize) + Send {
        let Self { waiting, late, .. } = self;
        move |lines| {
            waiting.send_modify(|waiting| *waiting -= lines);
            if missed {
                late.wrote(lines);
            }
        }
    }

    fn put(&self, line: &mpsc::Sender<Line>, said: Line) -> bool {
        self.waiting.send_modify(|waiting| *waiting += 1);
        let fits = line.try_send(said).is_ok();
        if !fits {
            self.waiting.send_modify(|waiting| *waiting -= 1);
            tracing::error!(
                "the history lacks what a session was told: the server goes down, or the line overflowed"
            );
        }
        fits
    }
}

/// What a session starts from, besides what is live.
#[derive(Debug, Clone, Default)]
pub struct Backstory {
    /// Whom the guest blocked.
    pub blocked: Vec<GuestId>,
    /// Who blocked the guest.
    pub blocked_by: Vec<GuestId>,
    /// The call the client says it is in; or why that cannot be.
    pub current_call: Option<Result<Claim, Error>>,
    /// Missed calls that were not seen yet, newest first …
    pub missed_calls: Vec<KeptCall>,
    /// … up to this one, as [`Keeper::last_missed`] counts.
    pub missed_up_to: u64,
}

/// Call history.
#[derive(Clone)]
pub struct History {
    store: Arc<dyn Store>,
    signer: Arc<CallSigner>,
}

impl std::fmt::Debug for History {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("History").finish_non_exhaustive()
    }
}

impl History {
    /// The history in `store`.
    pub fn new(store: Arc<dyn Store>, signer: Arc<CallSigner>) -> Self {
        Self { store, signer }
    }

    /// Begins to write down on `tasks` what is put in line, until `stop` and everything before it is written.
    pub fn keep_on(&self, tasks: &TaskTracker, stop: CancellationToken) -> Keeper {
        let (keeper, [line, missed]) = Keeper::new();
        tasks.spawn(self.clone().work_off(line, keeper.clone().counting(false), stop.clone()));
        tasks.spawn(self.clone().work_off(missed, keeper.clone().counting(true), stop));
        keeper
    }

    async fn work_off(
        self,
        mut line: mpsc::Receiver<Line>,
        wrote: impl Fn(usize) + Send,
        stop: CancellationToken,
    ) {
        let mut next = Vec::new();
        loop {
            if stop.run_until_cancelled(line.recv_many(&mut next, AT_ONCE)).await.is_none() {
                line.close();
                line.recv_many(&mut next, AT_ONCE).await;
            }
            if next.is_empty() {
                break;
            }
            let lines = next.len();
            self.take(next.drain(..)).await;
            wrote(lines);
        }
    }

    /// What a session of `guest` starts from, which shows this call token, if any. All that `keeper` was given of their
    /// missed calls is in it.
    ///
    /// Errors: `Internal`.
    pub async fn backstory(
        &self,
        keeper: &Keeper,
        guest: &Guest,
        call_token: &str,
        now: SystemTime,
    ) -> Result<Backstory, Error> {
        let missed_up_to = keeper.last_missed(guest);
        keeper.late.written(missed_up_to).await;
        let guest = guest.id;
        let current_call = match call_token {
            "" => None,
            token => match self.claim(guest, token, now).await {
                Err(error @ Error::Internal { .. }) => return Err(error),
                claim => Some(claim),
            },
        };
        let missed_calls = self.store.unseen_missed(guest, MISSED_TOLD, now).await?;
        let BlocksOf { blocked, blocked_by } = self.store.blocks_of(guest).await?;
        Ok(Backstory { blocked, blocked_by, current_call, missed_calls, missed_up_to })
    }

    async fn claim(&self, guest: GuestId, token: &str, now: SystemTime) -> Result<Claim, Error> {
        let proof = self.signer.verify(now, token).ok_or(Error::CallTokenInvalid)?;
        let (side, me, peer) = match proof.role {
            CallRole::Offerer => (Side::First, proof.offerer, proof.answerer),
            CallRole::Answerer => (Side::Second, proof.answerer, proof.offerer),
        };
        if me != guest {
            return Err(Error::CallTokenInvalid);
        }
        let peer = self.store.call_goes_on(guest, peer, proof.call).await?.ok_or(Error::CallTokenInvalid)?;
        let since = |at: SystemTime| now.duration_since(at).unwrap_or_default();
        Ok(Claim {
            call: proof.call,
            side,
            peer: Arc::new(Guest { id: peer.id, name: peer.name, display_name: peer.display_name }),
            origin: if proof.matched { Origin::Matched } else { Origin::Placed },
            route_policy: if proof.relay_only { RoutePolicy::RelayOnly } else { RoutePolicy::Any },
            age: since(proof.created_at),
            connected_for: proof.connected_at.map(since),
        })
    }

    async fn take(&self, next: impl Iterator<Item = Line>) {
        let (mut writing, mut waiting) = (Vec::new(), Vec::new());
        for line in next {
            match line {
                Line::Keep(at, keep) => writing.push(self.write_down(at, keep)),
                Line::Written(done) => waiting.push(done),
            }
        }
        join_all(writing).await;
        for done in waiting {
            // Whoever asked may have stopped waiting.
            done.send(()).ok();
        }
    }

    async fn write_down(&self, at: SystemTime, keep: Keep) {
        let written = match keep {
            Keep::Ended(ended) => self.ended(at, &ended).await,
            Keep::Missed { caller, callee, call } => self.missed(at, caller, callee, call).await,
            Keep::MissedCallsSeen { guest, until } => {
                let until = SystemTime::UNIX_EPOCH.checked_add(until).map_or(at, |until| until.min(at));
                self.store.missed_seen(guest, until).await
            }
        };
        if let Err(error) = written {
            tracing::warn!("the history lacks a call: {error}");
        }
    }

    async fn ended(&self, at: SystemTime, ended: &EndedCall) -> Result<(), Error> {
        let ago = |span: Duration| at.checked_sub(span).unwrap_or(at);
        let keep = |end: usize, part: Part| {
            let record = CallRecord {
                call: ended.call,
                peer: ended.guests[1 - end],
                part: if ended.origin == Origin::Matched { Part::Matched } else { part },
                created_at: ago(ended.lasted),
                connected_at: ended.connected_for.map(ago),
                ended_at: at,
                reason: ended.reason,
                route: ended.routes[end],
                missed: ended.missed && part == Part::Received,
            };
            (ended.guests[end], record)
        };
        self.store.keep_ended([keep(0, Part::Placed), keep(1, Part::Received)]).await
    }

    async fn missed(
        &self,
        at: SystemTime,
        caller: GuestId,
        callee: Callee,
        call: CallId,
    ) -> Result<(), Error> {
        let callee = match callee {
            Callee::Guest(guest) => Some(guest),
            Callee::Name(name) => self.store.account_by_name(&name).await?.map(|account| account.id),
        };
        let callee = match callee.filter(|&callee| callee != caller) {
            Some(callee) => {
                let BlocksOf { blocked, blocked_by } = self.store.blocks_of(callee).await?;
                Some(callee).filter(|_| !blocked.contains(&caller) && !blocked_by.contains(&caller))
            }
            None => None,
        };
        let record = CallRecord {
            call,
            peer: caller,
            part: Part::Received,
            created_at: at,
            connected_at: None,
            ended_at: at,
            reason: EndReason::TimedOut,
            route: Route::Unknown,
            missed: true,
        };
        self.store.keep_missed(callee, record).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[test]
    fn whoever_keeps_more_than_the_disk_takes_has_to_wait_and_nothing_is_left_out() {
        let (keeper, mut line) = Keeper::watched();
        let seen = |number| Keep::MissedCallsSeen {
            guest: GuestId::from_bits(1),
            until: Duration::from_secs(number),
        };
        let many = KEEPS_MAX as u64 + 100;
        for number in 0..many {
            keeper.keep(SystemTime::UNIX_EPOCH, seen(number));
        }
        assert!(keeper.room().now_or_never().is_none(), "the hub waits");
        assert!(keeper.written().now_or_never().is_none(), "and so does who asks");
        for number in 0..many {
            let Ok(Line::Keep(_, kept)) = line.try_recv() else { panic!("{number} is left out") };
            assert_eq!(kept, seen(number));
        }
        assert!(line.try_recv().is_err());
        keeper.waiting.send_modify(|waiting| *waiting -= 101);
        assert!(keeper.room().now_or_never().is_some(), "there is room again");
    }

    #[test]
    fn who_waits_for_ended_calls_does_not_wait_for_calls_to_who_is_away() {
        let (keeper, [mut line, mut missed]) = Keeper::new();
        let (caller, call) = (GuestId::from_bits(1), CallId::from_bits(1));
        let callee = Callee::Name("somebody".to_owned());
        keeper.keep(SystemTime::UNIX_EPOCH, Keep::Missed { caller, callee, call });
        let mut written = Box::pin(keeper.written());
        assert!((&mut written).now_or_never().is_none());
        let Ok(Line::Written(done)) = line.try_recv() else { panic!("something stands before it") };
        done.send(()).expect("it waits");
        assert!(written.now_or_never().is_some());
        assert!(matches!(missed.try_recv(), Ok(Line::Keep(..))), "and that is kept in its own time");
    }
}

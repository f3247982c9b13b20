//! What guests decide about each other: whom they block, and what they report.

use super::{Moderation, growing_id};
use crate::error::Error;
use crate::hub::HubHandle;
use crate::store::{Account, Once, Report, ReportRate, ReportReason, Store};
use castle::ids::{CallId, GuestId, ReportId};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::{Mutex, MutexGuard};

/// Guests that one guest may block: more than anybody has a quarrel with, and a set that is read in one go.
pub const BLOCKS_MAX: usize = 1000;
/// Reports of one guest: enough for a bad evening, and no way to bury the host.
pub const REPORT_RATE: ReportRate = ReportRate { reports: 10, within: Duration::from_hours(1) };

/// Whose block changes on disk and then in the hub, so that both see the changes of one guest in one order. Each guest
/// shares a turn with few others, and waits for nobody else's disk.
#[derive(Default)]
pub(super) struct Turns([Mutex<()>; 32]);

impl Turns {
    async fn of(&self, guest: GuestId) -> MutexGuard<'_, ()> {
        self.0[(guest.to_bits() % self.0.len() as u128) as usize].lock().await
    }
}

/// What a guest tells the host.
#[derive(Debug, Clone)]
pub struct Reporting {
    /// Who tells.
    pub reporter: GuestId,
    /// About whom.
    pub reported: GuestId,
    /// The call it happened in.
    pub call: Option<CallId>,
    /// What about.
    pub reason: ReportReason,
    /// In the reporter's words.
    pub text: String,
}

impl Moderation {
    /// From now on neither of the two sees, calls or meets the other.
    ///
    /// Errors: `GuestUnknown`, `Limit`, `RequestIdReused`.
    pub async fn block(&self, by: GuestId, whom: GuestId, once: Once) -> Result<(), Error> {
        self.change_block(by, whom, |store| async move { store.block(by, whom, BLOCKS_MAX, once).await })
            .await
    }

    /// Takes a block back.
    ///
    /// Errors: `RequestIdReused`.
    pub async fn unblock(&self, by: GuestId, whom: GuestId, once: Once) -> Result<(), Error> {
        self.change_block(by, whom, |store| async move { store.unblock(by, whom, once).await }).await
    }

    /// Writes, then tells the hub: both, though the caller be gone.
    async fn change_block<F>(
        &self,
        by: GuestId,
        whom: GuestId,
        write: impl FnOnce(Arc<dyn Store>) -> F,
    ) -> Result<(), Error>
    where
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let write = write(Arc::clone(&self.store));
        let (store, hub, turns) = (Arc::clone(&self.store), self.hub.clone(), Arc::clone(&self.turns));
        let both = async move {
            let _turn = turns.of(by).await;
            write.await?;
            match hub {
                Some(hub) => tell_hub(&*store, &hub, by, whom).await,
                None => Ok(()),
            }
        };
        self.uncancelled.run(both).await
    }

    /// Whether the two are in this call, or the first keeps it in the history.
    async fn were_in_call(&self, call: CallId, guests: [GuestId; 2]) -> Result<bool, Error> {
        if let Some(hub) = &self.hub
            && hub.are_in_call(call, guests).await
        {
            return Ok(true);
        }
        if let Some(hub) = &self.hub {
            // It may have ended a moment ago.
            hub.history_written().await;
        }
        self.store.was_call_with(guests[0], guests[1], call).await
    }

    /// Whom `guest` blocked: those after the name `after`, at most `limit`, sorted by name.
    pub async fn blocked(
        &self,
        guest: GuestId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Account>, Error> {
        let mut blocked = self.store.blocked_accounts(guest).await?;
        blocked.retain(|account| after.is_none_or(|after| account.name.as_str() > after));
        blocked.truncate(limit);
        Ok(blocked)
    }

    /// Tells the host about a guest.
    ///
    /// Errors: `GuestUnknown`, `NotInCall`, `RateLimited`, `RequestIdReused`.
    pub async fn report(&self, told: Reporting, once: Once) -> Result<ReportId, Error> {
        let Reporting { reporter, reported, call, reason, text } = told;
        if self.store.account(reported).await?.is_none() {
            return Err(Error::GuestUnknown);
        }
        if let Some(call) = call
            && !self.were_in_call(call, [reporter, reported]).await?
        {
            return Err(Error::NotInCall);
        }
        let now = SystemTime::now();
        let id = ReportId::from_bits(growing_id(now));
        let report = Report { id, reporter, reported, call, reason, text, created_at: now, resolved: None };
        let store = Arc::clone(&self.store);
        let filed = async move {
            let id = store.file_report(report, REPORT_RATE, once).await?;
            tracing::info!(report = %id, by = %reporter, about = %reported, "reported");
            Ok(id)
        };
        self.uncancelled.run(filed).await
    }
}

/// As it is on disk: the repeat of a request changes nothing there, whatever it asks for.
async fn tell_hub(store: &dyn Store, hub: &HubHandle, by: GuestId, whom: GuestId) -> Result<(), Error> {
    if store.blocks_of(by).await?.blocked.contains(&whom) {
        hub.blocked(by, whom).await;
    } else {
        hub.unblocked(by, whom).await;
    }
    Ok(())
}

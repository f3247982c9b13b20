//! What hosts decide about guests: bans, roles, codes for new passwords, reports, and the log of all that.
//!
//! Owns the rules, for whoever asks: an admin over the network, the host on the socket, or the command line where
//! no server runs. What a guest may ask for is in `moderation/guests.rs`, invitations in `moderation/invitations.rs`.
//! Never knows the wire, nor whether who asks may ask.

mod guests;
mod invitations;

pub use guests::{BLOCKS_MAX, REPORT_RATE, Reporting};
pub use invitations::{INVITATION_TTL, INVITATION_TTL_MAX, INVITATION_USES_MAX, Inviting};

use crate::accounts::{RESET_CODE_TTL, code_hash, code_of};
use crate::error::Error;
use crate::hub::{HubHandle, Whose};
use crate::store::{
    Account, Act, Actor, AuditEntry, AuditKey, Ban, Login, LoginsEnded, NewCode, Once, ReportView,
    Resolution, Role, Store,
};
use crate::token;
use crate::uncancelled::Uncancelled;
use castle::ids::{GuestId, ReportId};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Characters of a note: of an invitation, and of the reason of a ban.
pub const NOTE_CHARS_MAX: usize = 256;
/// Characters of the note that closes a report.
pub const RESOLUTION_CHARS_MAX: usize = 1000;
/// Logins that are shown with an account.
const DEVICES_SHOWN: usize = 200;

/// One request of an admin: who asks, for what, and how a repeat of it is known.
#[derive(Debug, Clone)]
pub struct Asking {
    /// Who.
    pub by: Actor,
    /// Name of the RPC.
    pub action: &'static str,
    /// The caller's id for the request; may be empty.
    pub request_id: String,
    /// The request, encoded.
    pub payload: Vec<u8>,
}

impl Asking {
    /// Of the host, without an id.
    pub fn of_host(action: &'static str) -> Self {
        Self { by: Actor::Host, action, request_id: String::new(), payload: Vec::new() }
    }

    fn act(&self, now: SystemTime, target: impl ToString, detail: impl Into<String>) -> Act {
        Act {
            once: Once::new(now, self.by.caller(), self.action, &self.request_id, &self.payload),
            by: self.by.clone(),
            action: self.action,
            target: target.to_string(),
            detail: detail.into(),
        }
    }
}

/// Which account is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountRef {
    /// By id.
    Id(GuestId),
    /// By login name, normalized.
    Name(String),
}

/// One account, for hosts.
#[derive(Debug, Clone)]
pub struct AccountDetails {
    /// The account.
    pub account: Account,
    /// Whether a session is live.
    pub online: bool,
    /// Its logins, newest first.
    pub logins: Vec<Login>,
    /// How many reports about it are open.
    pub open_reports: u32,
}

/// A one-time code for a new password.
#[derive(Debug)]
pub struct ResetCode {
    /// What the guest types. A secret.
    pub code: String,
    /// Until when.
    pub expires_at: SystemTime,
}

/// The rules, over a store and, where a server runs, its hub.
#[derive(Clone)]
pub struct Moderation {
    store: Arc<dyn Store>,
    hub: Option<HubHandle>,
    uncancelled: Uncancelled,
    turns: Arc<guests::Turns>,
}

impl Moderation {
    /// In a server.
    pub fn new(store: Arc<dyn Store>, hub: HubHandle, uncancelled: Uncancelled) -> Self {
        Self { store, hub: Some(hub), uncancelled, turns: Arc::default() }
    }

    /// Where no server runs: nobody is online.
    pub fn without_server(store: Arc<dyn Store>) -> Self {
        Self { store, hub: None, uncancelled: Uncancelled::default(), turns: Arc::default() }
    }

    /// Accounts by name, those after `after`, at most `limit`, each with whether a session is live.
    pub async fn accounts(&self, after: Option<String>, limit: usize) -> Result<Vec<(Account, bool)>, Error> {
        let mut listed = Vec::new();
        for account in self.store.list_accounts(after, limit).await? {
            let online = self.sessions_of(account.id).await > 0;
            listed.push((account, online));
        }
        Ok(listed)
    }

    /// One account.
    ///
    /// Errors: `GuestUnknown`.
    pub async fn account(&self, named: &AccountRef) -> Result<AccountDetails, Error> {
        let account = match named {
            AccountRef::Id(id) => self.store.account(*id).await?,
            AccountRef::Name(name) => self.store.account_by_name(name).await?,
        };
        let account = account.ok_or(Error::GuestUnknown)?;
        let mut logins = self.store.list_logins(account.id, SystemTime::now()).await?;
        logins.truncate(DEVICES_SHOWN);
        Ok(AccountDetails {
            online: self.sessions_of(account.id).await > 0,
            logins,
            open_reports: self.store.open_reports_about(account.id).await?,
            account,
        })
    }

    /// Ends all logins of a guest and lets them log in no more.
    ///
    /// Errors: `GuestUnknown`, `LastAdmin`, `RequestIdReused`.
    pub async fn ban(&self, asking: &Asking, named: &AccountRef, reason: String) -> Result<(), Error> {
        let (guest, now) = (self.guest(named).await?, SystemTime::now());
        let act = asking.act(now, guest, reason.clone());
        let ban = Ban { at: now, reason };
        let write = |store: Arc<dyn Store>| async move {
            let ended = store.ban(act, guest, ban).await?;
            Ok(((), whose(guest, ended)))
        };
        self.end_after(Error::Banned, write).await?;
        tracing::info!(%guest, by = asking.by.name(), "banned");
        Ok(())
    }

    /// Lets a banned guest log in again.
    ///
    /// Errors: `GuestUnknown`, `RequestIdReused`.
    pub async fn unban(&self, asking: &Asking, named: &AccountRef) -> Result<(), Error> {
        let guest = self.guest(named).await?;
        self.store.unban(asking.act(SystemTime::now(), guest, ""), guest).await
    }

    /// Ends all logins of a guest, who may log in again. Returns how many live sessions that ended.
    ///
    /// Errors: `GuestUnknown`, `RequestIdReused`.
    pub async fn disconnect(&self, asking: &Asking, named: &AccountRef) -> Result<u32, Error> {
        let guest = self.guest(named).await?;
        let live = u32::try_from(self.sessions_of(guest).await).unwrap_or(u32::MAX);
        let act = asking.act(SystemTime::now(), guest, "");
        let write = |store: Arc<dyn Store>| async move {
            let (live, ended) = store.disconnect(act, guest, live).await?;
            Ok((live, whose(guest, ended)))
        };
        self.end_after(Error::LoginEnded, write).await
    }

    /// Erases an account as its owner could.
    ///
    /// Errors: `GuestUnknown`, `LastAdmin`, `RequestIdReused`.
    pub async fn delete(&self, asking: &Asking, named: &AccountRef) -> Result<(), Error> {
        let guest = self.guest(named).await?;
        let act = asking.act(SystemTime::now(), guest, "");
        let write = |store: Arc<dyn Store>| async move {
            store.delete_guest(act, guest).await?;
            Ok(((), vec![Whose::Guest(guest)]))
        };
        self.end_after(Error::LoginEnded, write).await?;
        tracing::info!(%guest, by = asking.by.name(), "erased");
        Ok(())
    }

    /// Makes a one-time code for a new password; an earlier one is good no more. A repeat gets the same code, which
    /// follows from the request.
    ///
    /// Errors: `GuestUnknown`, `RequestIdReused`.
    pub async fn create_reset_code(&self, asking: &Asking, named: &AccountRef) -> Result<ResetCode, Error> {
        let (guest, now) = (self.guest(named).await?, SystemTime::now());
        let secrets = self.store.secrets().await?;
        let code = |seed| code_of(token::reset_code_bits(&secrets, seed, &asking.request_id));
        let seed = rand::random();
        let made = code(seed);
        let new = NewCode { seed, code_hash: code_hash(&made), expires_at: now + RESET_CODE_TTL };
        let (store, act) = (Arc::clone(&self.store), asking.act(now, guest, ""));
        let by = asking.by.name().to_owned();
        let kept = self.uncancelled.run(async move {
            let kept = store.let_reset_password(act, guest, new).await?;
            tracing::info!(%guest, by, "may set a new password with a code");
            Ok(kept)
        });
        let (kept, expires_at) = kept.await?;
        Ok(ResetCode { code: if kept == seed { made } else { code(kept) }, expires_at })
    }

    /// Says what an account may do.
    ///
    /// Errors: `GuestUnknown`, `LastAdmin`, `RequestIdReused`.
    pub async fn set_role(&self, asking: &Asking, named: &AccountRef, role: Role) -> Result<(), Error> {
        let guest = self.guest(named).await?;
        self.store.set_role(asking.act(SystemTime::now(), guest, role.as_str()), guest, role).await
    }

    /// What guests reported, newest first.
    pub async fn reports(
        &self,
        resolved_too: bool,
        before: Option<ReportId>,
        limit: usize,
    ) -> Result<Vec<ReportView>, Error> {
        self.store.list_reports(resolved_too, before, limit).await
    }

    /// Closes a report with a note.
    ///
    /// Errors: `ReportUnknown`, `RequestIdReused`.
    pub async fn resolve_report(&self, asking: &Asking, report: ReportId, note: String) -> Result<(), Error> {
        let now = SystemTime::now();
        let act = asking.act(now, report, note.clone());
        self.store.resolve_report(act, report, Resolution { at: now, note }).await
    }

    /// What admins and the host did, newest first.
    pub async fn audit_entries(
        &self,
        before: Option<AuditKey>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, Error> {
        self.store.list_audit_entries(before, limit).await
    }

    async fn guest(&self, named: &AccountRef) -> Result<GuestId, Error> {
        match named {
            // The store says whether there is such an account, in the step that changes it.
            AccountRef::Id(id) => Ok(*id),
            AccountRef::Name(name) => {
                let account = self.store.account_by_name(name).await?;
                account.map(|account| account.id).ok_or(Error::GuestUnknown)
            }
        }
    }

    async fn sessions_of(&self, guest: GuestId) -> usize {
        match &self.hub {
            Some(hub) => hub.sessions_of(guest).await,
            None => 0,
        }
    }

    /// Writes, then ends the sessions of those whom the write ended: both, though the caller be gone.
    async fn end_after<T, F>(&self, why: Error, write: impl FnOnce(Arc<dyn Store>) -> F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<(T, Vec<Whose>), Error>> + Send + 'static,
    {
        let (write, hub) = (write(Arc::clone(&self.store)), self.hub.clone());
        let both = async move {
            let (done, ended) = write.await?;
            for whose in ended {
                if let Some(hub) = &hub {
                    hub.end_sessions_of(whose, why.clone()).await;
                }
            }
            Ok(done)
        };
        self.uncancelled.run(both).await
    }
}

/// Whose sessions an act about `guest` ends: all, or of a repeat those of the logins that it ended then. Who has come back
/// since then stays.
fn whose(guest: GuestId, ended: LoginsEnded) -> Vec<Whose> {
    if ended.now { vec![Whose::Guest(guest)] } else { ended.logins.into_iter().map(Whose::Login).collect() }
}

/// Bits of an id that grows with time, so that lists by id are lists by age.
fn growing_id(now: SystemTime) -> u128 {
    let micros = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    (micros << 64) | u128::from(rand::random::<u64>())
}

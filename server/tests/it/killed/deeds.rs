//! What hosts and guests decide while the server is killed: bans, passwords, blocks, reports, deletions, calls. Counts
//! what was acknowledged, and asks the next server for it.

use super::{Admin, admin, invitation};
use crate::cli::Served;
use crate::signaling::Signal;
use crate::support::{PASSWORD, TestGuest, logging_in, registering};
use castle::v1;
use castle::v1::account_ref::Account;
use castle::v1::signal_request::Frame as Request;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::task::JoinSet;

/// Guests whom one guest blocks and unblocks.
const STRANGERS: u64 = 3;
/// Reports that one guest may file in an hour.
const REPORTS: u64 = 10;

/// The guests of one round, and how far each came: the number of the last step that was acknowledged. The step after
/// it may have been done or not; no other.
pub(super) struct Deeds {
    home: PathBuf,
    /// The host bans her, for another reason each time, and lets her in again.
    banned: (TestGuest, AtomicU64),
    /// Sets one new password after the other.
    changer: (TestGuest, AtomicU64),
    /// Blocks and unblocks the strangers, and reports the first of them.
    blocker: (TestGuest, AtomicU64),
    strangers: Vec<TestGuest>,
    reports: Mutex<Vec<String>>,
    /// Erases her account.
    leaver: (TestGuest, AtomicU64),
    /// The host erases his account.
    erased: (TestGuest, AtomicU64),
    /// The first calls the second again and again, and looks it up in her history.
    callers: [TestGuest; 2],
    calls: Mutex<Vec<String>>,
}

/// The reason she is banned for after so many steps; none: she is not.
fn ban_after(steps: u64) -> Option<String> {
    (!steps.is_multiple_of(3)).then(|| format!("step {steps}"))
}

fn password_after(steps: u64) -> String {
    if steps == 0 { PASSWORD.to_owned() } else { format!("{PASSWORD} {steps}") }
}

/// Whether this step blocks a stranger, or unblocks them; and which.
fn block_of(step: u64) -> (bool, usize) {
    ((step / STRANGERS).is_multiple_of(2), (step % STRANGERS) as usize)
}

fn blocked_after(steps: u64) -> BTreeSet<usize> {
    let mut blocked = BTreeSet::new();
    for (blocks, whom) in (0..steps).map(block_of) {
        if blocks {
            blocked.insert(whom);
        } else {
            blocked.remove(&whom);
        }
    }
    blocked
}

fn of(guest: &TestGuest) -> v1::AccountRef {
    v1::AccountRef { account: Some(Account::GuestId(guest.guest.guest_id.clone())) }
}

impl Deeds {
    /// The guests of this round register.
    pub(super) async fn begin(served: &Served, home: &Path, round: u64) -> Arc<Self> {
        let uses = v1::CreateInvitationRequest { uses: 100, ..invitation("") };
        let code = admin(home).await.create_invitation(uses).await.unwrap().into_inner().code;
        let register = async |name: &str| {
            let mut client = served.client().await;
            let name = format!("{name}-{round}");
            let request = v1::RegisterRequest { invitation_code: code.clone(), ..registering(&name) };
            let registered = client.register(request).await.unwrap().into_inner();
            TestGuest { client, guest: registered.guest.unwrap(), tokens: registered.tokens.unwrap() }
        };
        let mut strangers = Vec::new();
        for number in 0..STRANGERS {
            strangers.push(register(&format!("stranger-{number}")).await);
        }
        Arc::new(Self {
            home: home.to_owned(),
            banned: (register("banned").await, AtomicU64::new(0)),
            changer: (register("changer").await, AtomicU64::new(0)),
            blocker: (register("blocker").await, AtomicU64::new(0)),
            strangers,
            reports: Mutex::default(),
            leaver: (register("leaver").await, AtomicU64::new(0)),
            erased: (register("erased").await, AtomicU64::new(0)),
            callers: [register("caller").await, register("callee").await],
            calls: Mutex::default(),
        })
    }

    /// All of them go on until the server is gone.
    pub(super) async fn go_on(self: &Arc<Self>, load: &mut JoinSet<()>) {
        let (host, other_host) = (admin(&self.home).await, admin(&self.home).await);
        let all = || Arc::clone(self);
        let (bans, changes, blocks, reports, leaves, erases, calls) =
            (all(), all(), all(), all(), all(), all(), all());
        load.spawn(async move { bans.bans(host).await.unwrap_or_default() });
        load.spawn(async move { changes.changes_passwords().await.unwrap_or_default() });
        load.spawn(async move { blocks.blocks().await.unwrap_or_default() });
        load.spawn(async move { reports.reports().await.unwrap_or_default() });
        load.spawn(async move { leaves.leaves().await.unwrap_or_default() });
        load.spawn(async move { erases.erases(other_host).await.unwrap_or_default() });
        load.spawn(async move { calls.calls().await.unwrap_or_default() });
    }

    async fn bans(&self, mut host: Admin) -> Option<()> {
        let (guest, done) = &self.banned;
        for step in 1.. {
            if let Some(reason) = ban_after(step) {
                let ban = v1::BanGuestRequest { account: Some(of(guest)), reason, ..Default::default() };
                host.ban_guest(ban).await.ok()?;
            } else {
                let unban = v1::UnbanGuestRequest { account: Some(of(guest)), ..Default::default() };
                host.unban_guest(unban).await.ok()?;
            }
            done.store(step, Ordering::Relaxed);
        }
        None
    }

    async fn changes_passwords(&self) -> Option<()> {
        let (guest, done) = &self.changer;
        for step in 1.. {
            let change = v1::ChangePasswordRequest {
                password: password_after(step - 1),
                new_password: password_after(step),
                ..Default::default()
            };
            guest.client.clone().change_password(guest.asks(change)).await.ok()?;
            done.store(step, Ordering::Relaxed);
        }
        None
    }

    async fn blocks(&self) -> Option<()> {
        let (guest, done) = &self.blocker;
        let mut client = guest.client.clone();
        for step in 0.. {
            let (blocks, whom) = block_of(step);
            let guest_id = self.strangers[whom].guest.guest_id.clone();
            if blocks {
                let block = v1::BlockRequest { guest_id, ..Default::default() };
                client.block(guest.asks(block)).await.ok()?;
            } else {
                let unblock = v1::UnblockRequest { guest_id, ..Default::default() };
                client.unblock(guest.asks(unblock)).await.ok()?;
            }
            done.store(step + 1, Ordering::Relaxed);
        }
        None
    }

    async fn reports(&self) -> Option<()> {
        let guest = &self.blocker.0;
        for number in 0..REPORTS {
            let report = v1::ReportRequest {
                guest_id: self.strangers[0].guest.guest_id.clone(),
                reason: v1::ReportReason::Spam.into(),
                text: format!("report {number}"),
                ..Default::default()
            };
            let filed = guest.client.clone().report(guest.asks(report)).await.ok()?.into_inner();
            self.reports.lock().unwrap().push(filed.report_id);
        }
        Some(())
    }

    async fn leaves(&self) -> Option<()> {
        let (guest, done) = &self.leaver;
        let delete = v1::DeleteAccountRequest { password: PASSWORD.to_owned() };
        guest.client.clone().delete_account(guest.asks(delete)).await.ok()?;
        done.store(1, Ordering::Relaxed);
        Some(())
    }

    async fn erases(&self, mut host: Admin) -> Option<()> {
        let (guest, done) = &self.erased;
        let delete = v1::DeleteGuestRequest { account: Some(of(guest)), ..Default::default() };
        host.delete_guest(delete).await.ok()?;
        done.store(1, Ordering::Relaxed);
        Some(())
    }

    async fn calls(&self) -> Option<()> {
        let [caller, callee] = self.callers.each_ref().map(|guest| guest.clone_with(guest.client.clone()));
        let (mut caller, mut callee) = (caller, callee);
        let mut hers = Signal::tries_to_open(&mut caller).await?;
        let mut his = Signal::tries_to_open(&mut callee).await?;
        loop {
            let target = Some(v1::place_call::Target::GuestId(callee.guest.guest_id.clone()));
            hers.tries(Request::PlaceCall(v1::PlaceCall { target })).await?;
            let call_id = his.hears_of_call(v1::CallState::Ringing).await?.call_id;
            his.tries(Request::AcceptCall(v1::AcceptCall { call_id: call_id.clone() })).await?;
            hers.hears_of_call(v1::CallState::Connecting).await?;
            hers.tries(Request::HangUp(v1::HangUp { call_id: call_id.clone(), failed: false })).await?;
            his.hears_of_call(v1::CallState::Ended).await?;
            let asked = caller.asks(v1::ListCallsRequest::default());
            let listed = caller.client.list_calls(asked).await.ok()?.into_inner().calls;
            assert!(listed.iter().any(|it| it.call_id == call_id), "who was told finds it");
            self.calls.lock().unwrap().push(call_id);
        }
    }

    /// Asks the server after a kill for all that was acknowledged; how much that was.
    pub(super) async fn check(&self, served: &Served, at: &str) -> u64 {
        let mut host = admin(&self.home).await;
        self.check_ban(&mut host, at).await;
        self.check_password(served, at).await;
        self.check_blocks(served, at).await;
        let asked = v1::ListReportsRequest { page_size: 1_000, ..Default::default() };
        let there = host.list_reports(asked).await.unwrap().into_inner().reports;
        let reports = self.reports.lock().unwrap().clone();
        for report in &reports {
            assert!(there.iter().any(|it| it.report_id == *report), "{at}: {report} was lost");
        }
        for (guest, done) in [&self.leaver, &self.erased] {
            let asked = v1::GetAccountRequest { account: Some(of(guest)) };
            let gone = host.get_account(asked).await.is_err();
            let erased = done.load(Ordering::Relaxed) == 1;
            assert!(gone || !erased, "{at}: {} came back", guest.guest.name);
        }
        let calls = self.check_calls(served, at).await;
        let steps = [&self.banned, &self.changer, &self.blocker, &self.leaver, &self.erased];
        let steps: u64 = steps.map(|(_, done)| done.load(Ordering::Relaxed)).iter().sum();
        steps + reports.len() as u64 + calls
    }

    async fn check_ban(&self, host: &mut Admin, at: &str) {
        let (guest, done) = &self.banned;
        let done = done.load(Ordering::Relaxed);
        let asked = v1::GetAccountRequest { account: Some(of(guest)) };
        let account = host.get_account(asked).await.unwrap().into_inner().account.unwrap();
        let is = account.banned_at.map(|_| account.ban_reason);
        assert!(
            [ban_after(done), ban_after(done + 1)].contains(&is),
            "{at}: after step {done} of the bans it is {is:?}"
        );
    }

    async fn check_password(&self, served: &Served, at: &str) {
        let (guest, done) = &self.changer;
        let done = done.load(Ordering::Relaxed);
        let mut client = served.client().await;
        let mut good = false;
        for steps in [done, done + 1] {
            good |= client.login(logging_in(&guest.guest.name, &password_after(steps))).await.is_ok();
        }
        assert!(good, "{at}: the password of step {done} was lost");
    }

    async fn check_blocks(&self, served: &Served, at: &str) {
        let (guest, done) = &self.blocker;
        let done = done.load(Ordering::Relaxed);
        let asked = guest.asks(v1::ListBlockedRequest::default());
        let there = served.client().await.list_blocked(asked).await.unwrap().into_inner().guests;
        let place = |it: &v1::Guest| {
            self.strangers.iter().position(|stranger| stranger.guest.guest_id == it.guest_id).unwrap()
        };
        let are: BTreeSet<usize> = there.iter().map(place).collect();
        assert!(
            [blocked_after(done), blocked_after(done + 1)].contains(&are),
            "{at}: after step {done} of the blocks they are {are:?}"
        );
    }

    /// Both have each call that she has found.
    async fn check_calls(&self, served: &Served, at: &str) -> u64 {
        let calls = self.calls.lock().unwrap().clone();
        for guest in &self.callers {
            let asked = guest.asks(v1::ListCallsRequest { page_size: 200, ..Default::default() });
            let listed = served.client().await.list_calls(asked).await.unwrap().into_inner().calls;
            // The newest 200 that are there: no more than one is newer than the last that was found.
            for call in calls.iter().rev().take(199) {
                let name = &guest.guest.name;
                assert!(listed.iter().any(|it| it.call_id == *call), "{at}: {name} has lost {call}");
            }
        }
        calls.len() as u64
    }
}

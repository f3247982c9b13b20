//! `CastleService.ExportAccount`: all that is kept about the caller, as one JSON document in pieces.
//!
//! Owns the document's form: the fields are called as in the protocol, times are RFC 3339. It is read from the
//! store page by page while the client takes it, so that a long history costs no memory. Secrets (hashes of password
//! and tokens) are no part of it.

use super::calls::{key_of, token_of};
use crate::accounts::Accounts;
use crate::auth::Caller;
use crate::error::Error;
use crate::store::history::CALLS_PER_GUEST_MAX;
use crate::store::{CallKey, Store};
use castle::v1;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;
use tonic::Status;

/// Bytes of one piece at most.
pub const PIECE_BYTES_MAX: usize = 32 * 1024;
/// Rows read at once.
const PAGE: u32 = 100;

/// What the stream says.
pub type Pieces = BoxStream<'static, Result<v1::ExportAccountResponse, Status>>;

/// A list in the document.
#[derive(Debug, Clone, Copy)]
enum List {
    Devices,
    Blocked,
    Reports,
    Calls,
}

/// The lists, as they are called in the document.
const LISTS: [(&str, List); 4] = [
    ("devices", List::Devices),
    ("blocked", List::Blocked),
    ("reports", List::Reports),
    ("calls", List::Calls),
];

/// Where the writing of the document is.
struct Writer {
    accounts: Arc<Accounts>,
    store: Arc<dyn Store>,
    caller: Caller,
    /// How many of [`LISTS`] were begun.
    begun: usize,
    /// Of the next page of the list that is being written; none: it is done.
    page_token: Option<String>,
    written: Vec<u8>,
    over: bool,
}

/// The document about `caller`.
pub fn document(accounts: Arc<Accounts>, store: Arc<dyn Store>, caller: Caller) -> Pieces {
    let written = Vec::new();
    let writer = Writer { accounts, store, caller, begun: 0, page_token: None, written, over: false };
    let pieces = stream::unfold(Some(writer), |writer| async {
        let mut writer = writer?;
        match writer.piece().await {
            Ok(json) if json.is_empty() => None,
            Ok(json) => Some((Ok(v1::ExportAccountResponse { json }), Some(writer))),
            Err(error) => Some((Err(error.into()), None)),
        }
    });
    pieces.boxed()
}

impl Writer {
    /// The next piece; empty at the end.
    async fn piece(&mut self) -> Result<Vec<u8>, Error> {
        while !self.over && self.written.len() < PIECE_BYTES_MAX {
            self.write().await?;
        }
        let rest = self.written.split_off(self.written.len().min(PIECE_BYTES_MAX));
        Ok(std::mem::replace(&mut self.written, rest))
    }

    async fn write(&mut self) -> Result<(), Error> {
        if self.written.is_empty() && self.begun == 0 {
            let account = self.account().await?;
            self.text(&format!("{{\"account\":{account}"));
        }
        let Some(page_token) = self.page_token.take() else {
            let Some((name, _)) = LISTS.get(self.begun) else {
                self.text("}\n");
                self.over = true;
                return Ok(());
            };
            self.text(&format!(",\"{name}\":["));
            self.begun += 1;
            self.page_token = Some(String::new());
            return Ok(());
        };
        let (_, list) = LISTS[self.begun - 1];
        let (rows, next) = self.page(list, &page_token).await?;
        for (at, row) in rows.iter().enumerate() {
            let comma = if at == 0 && page_token.is_empty() { "" } else { "," };
            self.text(&format!("{comma}{row}"));
        }
        self.page_token = Some(next).filter(|next| !next.is_empty());
        if self.page_token.is_none() {
            self.text("]");
        }
        Ok(())
    }

    async fn account(&self) -> Result<Value, Error> {
        let account = self.accounts.own(&self.caller).await?;
        Ok(json!({
            "role": account.role.as_str(),
            "created_at": time(Some(account.created_at)),
            "last_login_at": time(account.last_login_at),
            "guest_id": account.id.to_string(),
            "name": account.name,
            "display_name": account.display_name,
        }))
    }

    async fn page(&self, list: List, page_token: &str) -> Result<(Vec<Value>, String), Error> {
        match list {
            List::Devices => {
                let page = self.accounts.devices(&self.caller, PAGE, page_token).await?;
                let rows = page.logins.into_iter().map(|login| {
                    json!({
                        "device_id": login.id.to_string(),
                        "device_name": login.device_name,
                        "created_at": time(Some(login.created_at)),
                        "last_used_at": time(Some(login.last_used_at)),
                        "expires_at": time(Some(login.refresh_expires_at)),
                    })
                });
                Ok((rows.collect(), page.next))
            }
            List::Blocked => {
                let blocked = self.store.blocked_accounts(self.caller.guest).await?;
                Ok((blocked.into_iter().map(|account| guest(&account.into())).collect(), String::new()))
            }
            List::Reports => self.reports(page_token).await,
            List::Calls => self.calls(page_token).await,
        }
    }

    async fn reports(&self, page_token: &str) -> Result<(Vec<Value>, String), Error> {
        let before = page_token.parse().ok();
        let reports = self.store.reports_by(self.caller.guest, before, PAGE as usize).await?;
        let full = reports.len() == PAGE as usize;
        let next = reports.last().filter(|_| full).map(|last| last.id.to_string());
        let rows = reports.into_iter().map(|report| {
            json!({
                "report_id": report.id.to_string(),
                "guest_id": report.reported.to_string(),
                "call_id": report.call.map(|call| call.to_string()),
                "reason": v1::ReportReason::from(report.reason).as_str_name(),
                "text": report.text,
                "created_at": time(Some(report.created_at)),
                "resolved_at": time(report.resolved.map(|resolved| resolved.at)),
            })
        });
        Ok((rows.collect(), next.unwrap_or_default()))
    }

    async fn calls(&self, page_token: &str) -> Result<(Vec<Value>, String), Error> {
        let (after, size) = (key_of(page_token)?, PAGE as usize);
        let calls = self.store.list_calls(self.caller.guest, false, after, size, SystemTime::now()).await?;
        let next = calls.last().filter(|_| calls.len() == size).map(|last| token_of(last.key));
        let all = CALLS_PER_GUEST_MAX as usize;
        let unseen = self.store.unseen_missed(self.caller.guest, all, SystemTime::now()).await?;
        let unseen: BTreeSet<CallKey> = unseen.into_iter().map(|kept| kept.key).collect();
        let rows = calls.into_iter().map(|kept| {
            let (created, connected) = (kept.record.created_at, kept.record.connected_at);
            let ended = kept.record.ended_at;
            let seen = kept.record.missed.then(|| !unseen.contains(&kept.key));
            let call = v1::CallRecord::from(kept);
            json!({
                "call_id": call.call_id,
                "peer": call.peer.as_ref().map(guest),
                "origin": call.origin().as_str_name(),
                "created_at": time(Some(created)),
                "connected_at": time(connected),
                "ended_at": time(Some(ended)),
                "end_reason": call.end_reason().as_str_name(),
                "route": call.route().as_str_name(),
                "missed": call.missed,
                "seen": seen,
            })
        });
        Ok((rows.collect(), next.unwrap_or_default()))
    }

    fn text(&mut self, text: &str) {
        self.written.extend_from_slice(text.as_bytes());
    }
}

fn guest(guest: &v1::Guest) -> Value {
    json!({"guest_id": guest.guest_id, "name": guest.name, "display_name": guest.display_name})
}

/// RFC 3339, or null.
fn time(at: Option<SystemTime>) -> Value {
    at.map_or(Value::Null, |at| prost_types::Timestamp::from(at).to_string().into())
}

//! `CastleService.ListCalls` and `EraseCalls`: from wire types to the caller's history and back.

use super::hall::page_size_of;
use crate::auth::Caller;
use crate::calls::Route;
use crate::error::Error;
use crate::session::wire;
use crate::store::{self, CallKey, KeptCall, Once, Part, Store};
use castle::ids::CallId;
use castle::{limits, v1};
use prost::Message as _;
use std::time::SystemTime;

const PAGE_DEFAULT: u32 = 50;
const PAGE_MAX: usize = 200;
/// Calls erased by one request.
const ERASED_MAX: usize = 200;

/// The caller's calls, newest first.
///
/// Errors: `InvalidField`.
pub async fn list_calls(
    store: &dyn Store,
    caller: &Caller,
    asked: v1::ListCallsRequest,
) -> Result<v1::ListCallsResponse, Error> {
    let size = page_size_of(asked.page_size, PAGE_DEFAULT, PAGE_MAX)?;
    let after = key_of(&asked.page_token)?;
    let mut calls =
        store.list_calls(caller.guest, asked.missed_only, after, size + 1, SystemTime::now()).await?;
    let more = calls.len() > size;
    calls.truncate(size);
    let next_page_token = calls.last().filter(|_| more).map(|last| token_of(last.key)).unwrap_or_default();
    Ok(v1::ListCallsResponse { calls: calls.into_iter().map(Into::into).collect(), next_page_token })
}

/// Erases calls from the caller's history.
///
/// Errors: `InvalidField`, `RequestIdReused`.
pub async fn erase_calls(
    store: &dyn Store,
    caller: &Caller,
    asked: v1::EraseCallsRequest,
) -> Result<v1::EraseCallsResponse, Error> {
    if asked.call_ids.len() > ERASED_MAX {
        return Err(Error::field("call_ids", format!("has more than {ERASED_MAX} entries")));
    }
    if asked.request_id.len() > limits::REQUEST_ID_BYTES_MAX {
        let description = format!("is longer than {} bytes", limits::REQUEST_ID_BYTES_MAX);
        return Err(Error::field("request_id", description));
    }
    let call = |(at, id): (usize, &String)| {
        id.parse::<CallId>().map_err(|error| Error::field(format!("call_ids[{at}]"), format!("{error}")))
    };
    let calls: Result<Vec<_>, _> = asked.call_ids.iter().enumerate().map(call).collect();
    let payload = v1::EraseCallsRequest { request_id: String::new(), ..asked.clone() }.encode_to_vec();
    let by = store::Caller::Guest(caller.guest);
    let once = Once::new(SystemTime::now(), by, "EraseCalls", &asked.request_id, &payload);
    Ok(v1::EraseCallsResponse { erased: store.erase_calls(caller.guest, calls?, once).await? })
}

pub(super) fn token_of(key: CallKey) -> String {
    format!("{:016x}{:032x}", key.before, key.call)
}

pub(super) fn key_of(token: &str) -> Result<CallKey, Error> {
    let read = |token: &str| {
        let (before, call) = token.split_at_checked(16).filter(|(_, call)| call.len() == 32)?;
        let before = u64::from_str_radix(before, 16).ok()?;
        Some(CallKey { before, call: u128::from_str_radix(call, 16).ok()? })
    };
    match token {
        "" => Ok(CallKey::default()),
        token => read(token).ok_or_else(|| Error::field("page_token", "is not one of this server's")),
    }
}

impl From<KeptCall> for v1::CallRecord {
    fn from(KeptCall { record, peer, .. }: KeptCall) -> Self {
        let origin = match record.part {
            Part::Placed => v1::CallOrigin::Placed,
            Part::Received => v1::CallOrigin::Received,
            Part::Matched => v1::CallOrigin::Matched,
        };
        let route = match record.route {
            Route::Unknown => v1::Route::Unspecified,
            Route::Host => v1::Route::Host,
            Route::ServerReflexive => v1::Route::Srflx,
            Route::PeerReflexive => v1::Route::Prflx,
            Route::Relay => v1::Route::Relay,
        };
        Self {
            call_id: record.call.to_string(),
            peer: peer.map(Into::into),
            origin: origin.into(),
            created_at: Some(record.created_at.into()),
            connected_at: record.connected_at.map(Into::into),
            ended_at: Some(record.ended_at.into()),
            end_reason: wire::end_reason(record.reason).into(),
            route: route.into(),
            missed: record.missed,
        }
    }
}

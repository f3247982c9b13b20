//! `Block`, `Unblock`, `ListBlocked` and `Report` of `CastleService`: from wire types to `moderation` and back.

use crate::accounts::Faults;
use crate::auth::Caller;
use crate::error::Error;
use crate::moderation::{Moderation, Reporting};
use crate::names;
use crate::store::{self, Once, ReportReason};
use castle::ids::GuestId;
use castle::limits::REQUEST_ID_BYTES_MAX;
use castle::v1;
use prost::Message as _;
use std::time::SystemTime;

const PAGE_DEFAULT: usize = 50;
const PAGE_MAX: usize = 200;
/// Characters of a report.
const TEXT_CHARS_MAX: usize = 2000;

fn once(caller: &Caller, method: &str, request_id: &str, payload: &[u8]) -> Once {
    Once::new(SystemTime::now(), store::Caller::Guest(caller.guest), method, request_id, payload)
}

fn request_id_fits(text: &str) -> Result<(), &'static str> {
    if text.len() > REQUEST_ID_BYTES_MAX { Err("must have at most 64 bytes") } else { Ok(()) }
}

/// Another guest than the caller.
fn other(caller: &Caller, text: &str) -> Result<GuestId, &'static str> {
    let guest = text.parse().map_err(|_| "must be `gst_` and 32 hex digits")?;
    if guest == caller.guest { Err("must be another guest's") } else { Ok(guest) }
}

/// The guest that a request names, and its `request_id`, both checked.
fn named(caller: &Caller, guest_id: &str, request_id: &str) -> Result<GuestId, Error> {
    let mut faults = Faults::default();
    let guest = faults.check("guest_id", other(caller, guest_id));
    faults.check("request_id", request_id_fits(request_id));
    faults.none()?;
    guest.ok_or(Error::GuestUnknown)
}

/// `CastleService.Block`.
pub async fn block(
    moderation: &Moderation,
    caller: &Caller,
    asked: v1::BlockRequest,
) -> Result<v1::BlockResponse, Error> {
    let whom = named(caller, &asked.guest_id, &asked.request_id)?;
    let once = once(caller, "Block", &asked.request_id, &asked.encode_to_vec());
    moderation.block(caller.guest, whom, once).await?;
    Ok(v1::BlockResponse {})
}

/// `CastleService.Unblock`.
pub async fn unblock(
    moderation: &Moderation,
    caller: &Caller,
    asked: v1::UnblockRequest,
) -> Result<v1::UnblockResponse, Error> {
    let whom = named(caller, &asked.guest_id, &asked.request_id)?;
    let once = once(caller, "Unblock", &asked.request_id, &asked.encode_to_vec());
    moderation.unblock(caller.guest, whom, once).await?;
    Ok(v1::UnblockResponse {})
}

/// `CastleService.ListBlocked`.
pub async fn list_blocked(
    moderation: &Moderation,
    caller: &Caller,
    asked: v1::ListBlockedRequest,
) -> Result<v1::ListBlockedResponse, Error> {
    let mut faults = Faults::default();
    let size = match asked.page_size as usize {
        0 => PAGE_DEFAULT,
        size => size,
    };
    if size > PAGE_MAX {
        faults.add("page_size", "must be at most 200");
    }
    let after = match &asked.page_token[..] {
        "" => Ok(None),
        token => names::normalize(token).map(Some).map_err(|_| "is not one of this server's"),
    };
    let after = faults.check("page_token", after).flatten();
    faults.none()?;
    let mut blocked = moderation.blocked(caller.guest, after.as_deref(), size + 1).await?;
    let more = blocked.len() > size;
    blocked.truncate(size);
    let next = blocked.last().filter(|_| more).map(|last| last.name.clone());
    Ok(v1::ListBlockedResponse {
        guests: blocked.into_iter().map(v1::Guest::from).collect(),
        next_page_token: next.unwrap_or_default(),
    })
}

/// `CastleService.Report`.
pub async fn report(
    moderation: &Moderation,
    caller: &Caller,
    asked: v1::ReportRequest,
) -> Result<v1::ReportResponse, Error> {
    let once = once(caller, "Report", &asked.request_id, &asked.encode_to_vec());
    let id = moderation.report(reporting(caller, asked)?, once).await?;
    Ok(v1::ReportResponse { report_id: id.to_string() })
}

fn reporting(caller: &Caller, asked: v1::ReportRequest) -> Result<Reporting, Error> {
    let mut faults = Faults::default();
    let reported = faults.check("guest_id", other(caller, &asked.guest_id));
    let call = match &asked.call_id[..] {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| "must be `cal_` and 32 hex digits"),
    };
    let call = faults.check("call_id", call).flatten();
    let reason = faults.check("reason", reason(asked.reason()));
    if asked.text.chars().count() > TEXT_CHARS_MAX {
        faults.add("text", "must have at most 2,000 characters");
    } else if reason == Some(ReportReason::Other) && asked.text.trim().is_empty() {
        faults.add("text", "must say what, where the reason does not");
    }
    faults.check("request_id", request_id_fits(&asked.request_id));
    faults.none()?;
    Ok(Reporting {
        reporter: caller.guest,
        reported: reported.ok_or(Error::GuestUnknown)?,
        call,
        reason: reason.unwrap_or(ReportReason::Other),
        text: asked.text,
    })
}

fn reason(reason: v1::ReportReason) -> Result<ReportReason, &'static str> {
    match reason {
        v1::ReportReason::Unspecified => Err("must be one of ReportReason"),
        v1::ReportReason::Harassment => Ok(ReportReason::Harassment),
        v1::ReportReason::SexualContent => Ok(ReportReason::SexualContent),
        v1::ReportReason::Violence => Ok(ReportReason::Violence),
        v1::ReportReason::Spam => Ok(ReportReason::Spam),
        v1::ReportReason::Impersonation => Ok(ReportReason::Impersonation),
        v1::ReportReason::Underage => Ok(ReportReason::Underage),
        v1::ReportReason::Other => Ok(ReportReason::Other),
    }
}
